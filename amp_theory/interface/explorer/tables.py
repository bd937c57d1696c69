"""What the explorer's page computes with: tables of free entropies and fixed points over control and strength.

At fixed overlap phi(q) is analytic in the control and in the strength, and so are the fixed points' surface at a
fixed coordinate (equations_of_state/dense.py) and all else the page needs.  Each is therefore a short Chebyshev
polynomial, in log(control) and in the strength, for every overlap or coordinate of a list; between coordinates the
page interpolates by cubic polynomials in log(coordinate).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.tools.arrays import Array
from amp_theory.tools.chebyshev import ChebyshevTable, nodes
from amp_theory.tools.errors import NumericalError

#: degrees of the polynomials in log(control) and in the strength, one after the other until they are enough
DEGREES = ((10, 10), (14, 18), (20, 28), (28, 44))
#: largest error of phi(q) relative to the range of a curve; where refining stops, and what is dropped
ALLOWED, WANTED, DROPPED = 1e-4, 2e-6, 2e-7
#: overlaps of a curve, and points (control, strength) at which a table is checked
OVERLAPS, CHECKS = 160, 24
#: coordinates of fixed points per factor of two, at most in all, and the least in units of 1/variance
PER_OCTAVE, MOST_COORDINATES, LEAST = 14, 1200, 1e-5
#: the least snr from the factors of a sparse model, below which its table of the free entropy is continued
LEAST_SIGNAL = 0.01
#: the least rho - q of the coordinates, in units of rho
LEAST_GAP = 1e-30

Box = tuple[tuple[float, float], tuple[float, float]]


def packed(values: Array, wide: bool = False) -> dict[str, Any]:
    """Return an array as JSON: its shape, and its numbers as base64 of 4 (wide: 8) bytes, little end first."""
    kind = "<f8" if wide else "<f4"
    data = np.ascontiguousarray(values, dtype=kind)
    if not np.all(np.isfinite(data)):
        raise NumericalError(
            f"the explorer's table holds {data[~np.isfinite(data)].ravel()[0]} among its numbers",
            "choose a smaller range of control",
        )
    return {"shape": list(data.shape), "bytes": data.itemsize, "data": base64.b64encode(data.tobytes()).decode()}


def fitted(function: Callable[[Array, Array], Array], box: Box, degrees: tuple[int, int]) -> Array:
    """Return Chebyshev coefficients, shape (functions, control degrees, strength degrees).

    function maps log(control) and strength, shape (n,), to values of shape (functions, n).
    """
    u, s = (nodes(*ends, number) for ends, number in zip(box, degrees, strict=True))
    uu, ss = (a.ravel() for a in np.meshgrid(u, s, indexing="ij"))
    values = function(uu, ss)
    return ChebyshevTable.interpolate(*box, values.reshape(len(values), len(u), len(s))).coefficients


def shortened(coefficients: Array, scale: Array | float) -> Array:
    """Return coefficients without the highest degrees, if they are below DROPPED of a scale (of every function)."""
    size = np.any(np.abs(coefficients) > DROPPED * np.reshape(scale, (-1, 1, 1)), axis=0)
    rows, columns = np.flatnonzero(size.any(axis=1)), np.flatnonzero(size.any(axis=0))
    return coefficients[:, : rows.max(initial=0) + 1, : columns.max(initial=0) + 1]


def known_overlaps(eos: EquationOfState, strength: Array) -> Array:
    """Return the smallest and the largest overlap of the curves phi(q) at internal strengths, shape (2, n)."""
    ends = np.array([eos.overlap_range(float(s)) for s in strength]).T
    if np.any(ends[0] > 0):  # below, the curve is continued
        coordinate = eos.path.coordinate(np.full(len(strength), LEAST_SIGNAL), strength)
        ends[0] = eos.path.response(eos.prior, coordinate, strength).overlap
    return ends


class Tables:
    """Tables of one equation of state over a box of control and (public) strength."""

    def __init__(self, eos: EquationOfState, control_range: tuple[float, float], top: float) -> None:
        self.eos = eos
        self.box: Box = (float(np.log(control_range[0])), float(np.log(control_range[1]))), (0.0, top)
        self.share = np.sin(np.pi * (np.arange(OVERLAPS) + 0.5) / (2 * OVERLAPS)) ** 2

    def intensity(self, u: Array) -> Array:
        """Return the model's intensity at log(control)."""
        return np.asarray(self.eos.model.intensity(np.exp(u)))

    def curve(self, u: Array, s: Array) -> Array:
        """Return phi/intensity at the curve's overlaps, shape (overlaps, n), at log(control) and strength, shape (n,).

        Over a wide range of control the free entropy goes with the intensity.
        """
        lam, (strength, which) = self.intensity(u), np.unique(self.eos.path.internal(s), return_inverse=True)
        phi = np.empty((len(self.share), len(lam)))
        for k, (low, high) in enumerate(known_overlaps(self.eos, strength).T):
            here = which == k
            overlap = low + self.share[:, None] * (high - low)
            phi[:, here] = self.eos.potential(lam[here], float(strength[k]), overlap)
        return phi / lam

    def free_entropy(self) -> dict[str, Any]:
        """Return the table of phi(q) with its measured error.

        Raises
        ------
        NumericalError
            If it stays above ALLOWED of the range of a curve.
        """
        rng = np.random.default_rng(1)
        u, s = (rng.uniform(*ends, CHECKS) for ends in self.box)
        exact = self.curve(u, s)
        spread = np.ptp(exact, axis=0)
        for degrees in DEGREES:
            kept = shortened(fitted(self.curve, self.box, degrees), float(spread.min()))
            error = float(np.max(np.abs(ChebyshevTable(*self.box, kept)(u, s)["f"] - exact) / spread))
            if error < WANTED:
                break
        if not error < ALLOWED:
            raise NumericalError(
                f"the explorer's table of the free entropy has a relative error of {error:.1g}, more than {ALLOWED:g}",
                "choose a smaller range of control",
            )

        def known(_: Array, s: Array) -> Array:
            return known_overlaps(self.eos, self.eos.path.internal(s))

        ends = shortened(fitted(known, self.box, (1, degrees[1])), 1.0)
        return {
            "share": packed(self.share, wide=True), "ends": packed(ends, wide=True), "values": packed(kept),
            "error": error,
        }  # fmt: skip

    def coordinates(self) -> Array:
        """Return coordinates, ascending, between which all fixed points of the box lie."""
        eos = self.eos
        lam, s = (a.ravel() for a in np.meshgrid(self.intensity(np.array(self.box[0])), np.array(self.box[1])))
        internal = eos.path.internal(s)
        low, high = eos.coordinate_bounds(lam, internal)
        least = max(float(low.min()), LEAST / eos.prior.variance)
        octaves = np.log2(float(high.max()) / least)
        z = np.geomspace(least, float(high.max()), int(octaves * max(PER_OCTAVE, 2 * eos.sharpness)))
        gap = eos.surface(z, float(internal.max()), with_energy=False).gap
        z = z[gap > LEAST_GAP * eos.prior.second_moment]
        return z if len(z) <= MOST_COORDINATES else np.geomspace(z[0], z[-1], MOST_COORDINATES)

    def surface(self) -> dict[str, Any]:
        """Return the surface of fixed points: x - xi'(q) = signal - intensity q^power e^log_slope is zero on it."""
        z = self.coordinates()
        path, power = self.eos.path, self._power(z)

        def columns(_: Array, s: Array) -> Array:
            f = self.eos.surface(z[:, None], path.internal(s)[None, :])
            with np.errstate(divide="ignore"):
                slope = np.maximum(np.log(f.scaled_slope) - power * np.log(f.overlap), -700.0)
            parts = f.scaled_signal, slope, f.overlap, np.log(f.gap), f.free_entropy
            return np.concatenate([np.broadcast_to(part, f.intensity.shape) for part in parts])

        parts = np.split(fitted(columns, self.box, (1, DEGREES[-1][1])), 5)
        names = ("signal", "log_slope", "overlap", "log_gap", "free_entropy")
        scales: tuple[Array | float, ...] = (
            z,
            1.0,
            self.eos.prior.second_moment,
            1.0,
            float(np.ptp(parts[4][:, 0, 0])),
        )
        kept = {n: shortened(part, scale) for n, part, scale in zip(names, parts, scales, strict=True)}
        return {"coordinate": packed(z, wide=True), "power": power} | {
            name: packed(table[:, 0, :], wide=name == "signal") for name, table in kept.items()
        }

    def _power(self, z: Array) -> int:
        """Return the power of q with which d xi'/d intensity goes to zero, 0 where the overlap does not."""
        f = self.eos.surface(z[:2], 0.0, with_energy=False)
        if self.eos.prior.mean != 0:
            return 0
        with np.errstate(divide="ignore", invalid="ignore"):
            power = float(np.diff(np.log(f.scaled_slope))[0] / np.diff(np.log(f.overlap))[0])
        return max(round(power), 0) if np.isfinite(power) else 0

    def recovery(self) -> dict[str, Any] | None:
        """Return the fixed point q = rho: the intensity above which it is stable, and its free entropy."""
        recovery = self.eos.recovery
        if recovery is None:
            return None
        internal = self.eos.path.internal
        born = fitted(lambda _, s: recovery.intensity(internal(s))[None, :], self.box, (1, DEGREES[-1][1]))
        level = None
        if not recovery.infinite:
            level = fitted(
                lambda u, s: recovery.free_entropy(self.intensity(u), internal(s))[None, :], self.box, (24, 24)
            )
        return {
            "born": packed(shortened(born, 1.0), wide=True),
            "free_entropy": None if level is None else packed(shortened(level, 1e-3), wide=True),
        }  # fmt: skip

    def nearly_recovered(self) -> dict[str, Any] | None:
        """Return phi where rho - q has left the coordinates' range: that of a discrete variable known for sure."""
        if self.eos.free_entropy_known(np.ones(1), np.zeros(1)) is None:
            return None

        def level(u: Array, s: Array) -> Array:
            value = self.eos.free_entropy_known(self.intensity(u), s)
            assert value is not None
            return value[None, :]

        return packed(shortened(fitted(level, self.box, (32, 24)), 1e-3), wide=True)

    def everything(self) -> dict[str, Any]:
        """Return all tables as JSON."""
        eos = self.eos
        lam = fitted(lambda u, _: self.intensity(u)[None, :], self.box, (32, 1))
        return {
            "log_control": list(self.box[0]), "strength": list(self.box[1]), "rho": eos.prior.second_moment,
            "symmetric": eos.symmetric, "start": float(eos.start) if np.isfinite(eos.start) else None,
            "intensity": packed(lam, wide=True), "free_entropy": self.free_entropy(), "surface": self.surface(),
            "recovery": self.recovery(), "nearly_recovered": self.nearly_recovered(),
        }  # fmt: skip
