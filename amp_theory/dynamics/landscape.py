"""Spherical models with polynomial coupling at one control: what the theory of their Langevin dynamics needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.ingredients.couplings.base import PolynomialCoupling
from amp_theory.ingredients.priors.named import standard_normal
from amp_theory.models.base import Model, as_model
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import InputError, positive, told
from amp_theory.tools.roots import solve_bracketed


@dataclass(frozen=True)
class SphericalLandscape:
    """A spherical model at one control: temperature T and the terms (power, coefficient) of xi = xi_1/T^2."""

    temperature: float
    terms: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, model: Model, control: float) -> SphericalLandscape:
        """Return the landscape of a model, or raise an `InputError` if it is not a spherical polynomial one."""
        as_model(model)
        coupling = model.polynomial
        if coupling is None or not standard_normal(model.variable_prior):
            raise InputError(
                "the Langevin theory is that of spherical models with a polynomial coupling, SphericalPSpin(p) or "
                f"MixedPSpin(xi, Gaussian()), got {told(model)}"
            )
        value = float(model.check_control(positive(model.control, control)))
        intensity = float(model.intensity(np.array(value)))
        scaled, fixed = coupling.float_terms
        return cls(model.energy_unit(value), (*((power, intensity * c) for power, c in scaled), *fixed))

    def coupling(self, overlap: Array) -> tuple[Array, Array, Array, Array]:
        """Return xi and its first three derivatives."""
        return PolynomialCoupling(self.terms).scaled(overlap, 1 - overlap)

    @property
    def field(self) -> bool:
        """Whether xi has a linear term."""
        return any(power == 1 for power, _ in self.terms)

    def plateau(self) -> float | None:
        """Return the largest root of xi'(q) (1 - q)/q = 1 in (0, 1), None if there is none.

        The left side vanishes at q = 1: the root lies right of the last of its maxima that reaches 1.
        """
        gap = np.concatenate([np.linspace(1, 1e-3, 4000)[:-1], np.geomspace(1e-3, EPS, 2000)])
        q = 1 - gap

        def slope(q: Array, _index: Index) -> tuple[Array, Array]:
            _, x, dx, ddx = self.coupling(q)
            with np.errstate(divide="ignore", invalid="ignore"):
                curve = ddx * (1 - q) / q - 2 * dx / q**2 + 2 * x / q**3
            return dx * (1 - q) / q - x / q**2, curve

        rising = slope(q[1:], np.arange(0))[0] > 0
        k = np.flatnonzero(rising[:-1] & ~rising[1:]) + 1
        peaks = solve_bracketed(slope, q[k], q[k + 1], rising=False)
        # without a rise at the left end its limit xi''(0) at q = 0 is the first maximum
        peaks = peaks if rising[0] else np.concatenate([[EPS], peaks])
        high = peaks[self._ratio(peaks) >= 1]
        if not len(high):
            return None

        def excess(q: Array, _index: Index) -> tuple[Array, Array]:
            return self._ratio(q) - 1, slope(q, _index)[0]

        return float(solve_bracketed(excess, high[-1:], np.array([1.0]), rising=False)[0])

    def _ratio(self, q: Array) -> Array:
        return np.asarray(self.coupling(q)[1] * (1 - q) / q)
