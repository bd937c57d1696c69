"""The paths with a name: flow and diffusion, autoregressive, uniform discrete diffusion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.response import Response
from amp_theory.ingredients.paths.schedules import (
    FlipProbability,
    FractionRevealed,
    Interpolant,
    LinearInterpolant,
    MaskedDiffusion,
    Retention,
    Schedule,
    StochasticLocalization,
    TrigonometricInterpolant,
    VarianceExploding,
    VariancePreserving,
)
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.paths.uniform_channel import uniform_channel
from amp_theory.ingredients.priors.base import Prior, check_prior
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, one_of

#: orders of revealing: without looking, by the degree on a sparse graph, by what the denoiser knows already
DEGREE_ORDERS = ("highest-degree", "lowest-degree")
CONFIDENCE_ORDERS = ("most-confident", "most-uncertain", "greedy-floor")
ORDERS = ("random", *DEGREE_ORDERS, *CONFIDENCE_ORDERS)
#: snr at which nothing is left to learn about a spin: rho - G has underflowed, and what flips tell is constant
SATURATED = 1e4
#: retention at which derivatives in its square are taken where it is smaller
SMALLEST = 1e-3


@dataclass(frozen=True, repr=False)
class Flow(Path):
    """Flow matching and diffusion: the denoiser sees gamma s* + z at snr gamma^2, whatever the schedule.

    Parameters
    ----------
    schedule
        How time maps to snr: LinearInterpolant() (default), TrigonometricInterpolant(),
        VariancePreserving(), VarianceExploding(), StochasticLocalization() or Interpolant(noise, signal).
    side
        Of models with variables of two kinds, which of them is seen: "u", "v" or "both" (both at the same snr); None,
        which there means both, for all others.

    Raises
    ------
    InputError
        If the schedule is of another path, or there is no such side.

    References
    ----------
    arXiv:2308.14085.

    Examples
    --------
    >>> from amp_theory import IsingPSpin, thresholds
    >>> point = thresholds(IsingPSpin(3), Flow()).tricritical
    >>> print(f"{point.temperature:.6f} {point.snr:.6f} {point.overlap:.6f}")
    0.740996 0.167044 0.437826
    """

    schedule: Schedule = field(default_factory=LinearInterpolant)
    side: str | None = None
    name: ClassVar[str] = "flow"
    strength: ClassVar[str] = "snr"
    strength_symbol: ClassVar[str] = r"\gamma^2"
    limit: ClassVar[float] = np.inf
    strength_is_snr: ClassVar[bool] = True
    explicit_folds: ClassVar[bool] = True
    sided: ClassVar[bool] = True
    schedules: ClassVar[tuple[type[Schedule], ...]] = (
        LinearInterpolant,
        TrigonometricInterpolant,
        VariancePreserving,
        VarianceExploding,
        StochasticLocalization,
        Interpolant,
    )

    def response(self, prior: Prior, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return G = M(z), Psi = psi(z) with z = x + snr."""
        values = prior.table(coordinate)
        zero = np.zeros_like(values.overlap)
        return Response(
            signal=coordinate - strength, signal_s=-1.0, overlap=values.overlap, gap=values.mmse,
            overlap_z=values.slope, overlap_zz=values.curvature, overlap_s=zero, overlap_zs=zero,
            free_entropy=values.free_entropy, free_entropy_s=values.overlap / 2, relative_error=values.relative_error,
            deficit=values.information - prior.second_moment * np.asarray(strength) / 2,
        )  # fmt: skip

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return z = x + snr."""
        return signal + strength

    def tilted_transform(self, frequency: Array, strength: Array) -> Array:
        """Return e^{-snr (1 + w^2)/2}: h is normal with mean and variance snr."""
        return np.asarray(np.exp(-np.multiply.outer(strength, (1 + frequency**2) / 2)))

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Return the field gamma y, y = gamma s + z, and the precision snr."""
        s, snr = self._observed(truth, strength, rng)
        return SideInformation.from_field(snr * s + np.sqrt(snr) * rng.standard_normal(s.shape), snr)

    def evidence(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return rho snr/2."""
        return check_prior(prior).second_moment * self._strengths(strength) / 2

    def information(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return rho snr/2 - psi(snr)."""
        return self.evidence(prior, strength) - prior.free_entropy(strength)


@dataclass(frozen=True, repr=False)
class Autoregressive(Path):
    """Autoregressive generation and masked diffusion: a random fraction theta of the variables is known exactly.

    Fixed points obey q = theta rho + (1 - theta) M(x), x = xi'(q).  Their spinodals, where the fold function vanishes:

        (1 - theta) M'(x) xi''(q) = 1,    theta = (q - M(x))/(rho - M(x)),

    and two spinodals end in a tricritical point where also M''(x) xi''(q)^2 + M'(x) xi'''(q) = 0.

    Parameters
    ----------
    schedule
        FractionRevealed() (default) or MaskedDiffusion().
    order
        Which variables are revealed first: "random" (default); on sparse graphs "highest-degree" or "lowest-degree"; in
        dense models of spins "most-confident", "most-uncertain" or "greedy-floor".
    side
        Of models with variables of two kinds, which of them are revealed: "u", "v" or "both" (the same fraction of
        both); None, which there means both, for all others.

    Raises
    ------
    InputError
        If there is no such order or side, or the schedule is of another path.

    References
    ----------
    arXiv:2308.14085.

    Examples
    --------
    >>> from amp_theory import IsingPSpin, thresholds
    >>> point = thresholds(IsingPSpin(3), Autoregressive()).tricritical
    >>> print(f"{point.temperature:.6f} {point.revealed:.6f}")
    0.758742 0.135316
    """

    schedule: Schedule = field(default_factory=FractionRevealed)
    order: str = "random"
    side: str | None = None
    name: ClassVar[str] = "autoregressive"
    strength: ClassVar[str] = "revealed"
    strength_symbol: ClassVar[str] = r"\theta"
    limit: ClassVar[float] = 1.0
    erases: ClassVar[bool] = True
    sided: ClassVar[bool] = True
    schedules: ClassVar[tuple[type[Schedule], ...]] = (FractionRevealed, MaskedDiffusion)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("order", self.order, ORDERS)

    def response(self, prior: Prior, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return G = (1 - theta) M(x) + theta rho, Psi = (1 - theta) psi(x) + theta rho x/2, z = x."""
        values = prior.table(coordinate)
        hidden = 1 - strength
        full = prior.second_moment * coordinate / 2
        return Response(
            signal=coordinate, signal_s=0.0, overlap=values.overlap + strength * values.mmse, gap=hidden * values.mmse,
            overlap_z=hidden * values.slope, overlap_zz=hidden * values.curvature, overlap_s=values.mmse,
            overlap_zs=-values.slope, free_entropy=hidden * values.free_entropy + strength * full,
            free_entropy_s=values.information, relative_error=values.relative_error,
            deficit=hidden * values.information,
        )  # fmt: skip

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return z = x."""
        return signal

    def hidden(self, strength: Array) -> Array:
        """Return 1 - theta."""
        return np.asarray(1 - strength)

    def tilted_transform(self, frequency: Array, strength: Array) -> Array:
        """Return 1 - theta: h is zero, or infinite with probability theta."""
        return np.multiply.outer(1 - strength, np.ones_like(frequency))

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Reveal every variable with probability theta."""
        if self.order != "random":
            raise InputError(
                f"order = {self.order!r} depends on more than the configuration: `draw_samples` follows it"
            )
        s, revealed = self._observed(truth, strength, rng)
        return SideInformation.from_known(rng.random(s.shape) < revealed, s)

    def information(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return theta H(P0), infinite for a continuous prior."""
        return self.evidence(prior, strength)

    def evidence(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return theta H(P0), infinite for a continuous prior."""
        revealed = self._strengths(strength)
        if np.isinf(check_prior(prior).entropy):
            return np.where(revealed > 0, np.inf, 0.0)
        return revealed * prior.entropy


@dataclass(frozen=True)
class UniformDiscreteDiffusion(Path):
    """Uniform discrete diffusion of unbiased +-1 variables: each is seen flipped with probability epsilon.

    G = E_eta E_z tanh(x + sqrt(x) z + eta h) with h = atanh(1 - 2 epsilon), eta = +1 with probability 1 - epsilon, else
    -1; Psi = E log cosh(x + sqrt(x) z + eta h) - log cosh h - x/2.

    Parameters
    ----------
    schedule
        Retention() (default) or FlipProbability().

    Examples
    --------
    >>> from amp_theory import IsingPSpin, thresholds
    >>> point = thresholds(IsingPSpin(3), UniformDiscreteDiffusion()).tricritical
    >>> print(f"{point.temperature:.6f} {point.retention:.6f}")
    0.739200 0.384537
    """

    schedule: Schedule = field(default_factory=Retention)
    name: ClassVar[str] = "uniform-diffusion"
    strength: ClassVar[str] = "retention"
    strength_symbol: ClassVar[str] = r"1-2\epsilon"
    limit: ClassVar[float] = 1.0
    schedules: ClassVar[tuple[type[Schedule], ...]] = (Retention, FlipProbability)

    def response(self, prior: Prior, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return G and Psi of uniform_channel.py at z = x and internal strength v = retention^2."""
        coordinate, strength = np.broadcast_arrays(coordinate, strength)
        if not np.any(strength):
            return self._without_information(prior, coordinate)
        values = uniform_channel(np.minimum(coordinate, SATURATED), strength, with_energy)
        zero = np.zeros_like(values.overlap)
        psi = prior.table(coordinate)
        return Response(
            signal=coordinate, signal_s=0.0, overlap=values.overlap, gap=values.gap, overlap_z=values.overlap_x,
            overlap_zz=values.overlap_xx, overlap_s=values.overlap_v, overlap_zs=values.overlap_xv,
            free_entropy=psi.free_entropy + values.free_entropy, free_entropy_s=values.free_entropy_v,
            relative_error=zero + psi.relative_error + 32 * EPS, deficit=psi.information - values.free_entropy,
        )  # fmt: skip

    def _without_information(self, prior: Prior, coordinate: Array) -> Response:
        """Return the response at v = 0, where all follows from the prior: dG/dv = M', dPsi/dv = M/2."""
        m = prior.table(coordinate)
        return Response(
            signal=coordinate, signal_s=0.0, overlap=m.overlap, gap=m.mmse, overlap_z=m.slope, overlap_zz=m.curvature,
            overlap_s=m.slope, overlap_zs=m.curvature, free_entropy=m.free_entropy, free_entropy_s=m.overlap / 2,
            relative_error=m.relative_error, deficit=m.information,
        )  # fmt: skip

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return z = x."""
        return signal

    def internal(self, strength: Array) -> Array:
        """Return v = retention^2."""
        return strength**2

    def public(self, strength: Array) -> Array:
        """Return retention = sqrt(v), negative where v is."""
        return np.asarray(np.copysign(np.sqrt(np.abs(strength)), strength))

    def public_slope(self, strength: Array) -> Array:
        """Return 1/(2 retention)."""
        with np.errstate(divide="ignore"):
            return np.asarray(0.5 / np.sqrt(np.abs(strength)))

    def tilted_transform(self, frequency: Array, strength: Array) -> Array:
        """Return sqrt(1 - v) cos(w atanh sqrt v): h is +-atanh(retention), negative with probability epsilon."""
        v = np.asarray(strength)[..., None]
        return np.asarray(np.sqrt(1 - v) * np.cos(frequency * np.arctanh(np.sqrt(np.maximum(v, 0)))))

    def letters(self, values: Array, strength: Array) -> tuple[Array, Array]:
        """Return the probabilities (1 +- w)/2; their derivatives +-1/(4 w) in v, those at w = SMALLEST below that."""
        sign = np.array([[[1.0], [-1.0]], [[-1.0], [1.0]]])
        w = self.public(strength)
        return 0.5 * (1 + sign * w), sign / (4 * np.maximum(w, SMALLEST))

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Return the fields +-atanh(retention) of spins that were flipped with probability (1 - retention)/2."""
        s, kept = self._observed(truth, strength, rng)
        if kept == 1:
            raise InputError(f"{self.strength} must be in [0, 1): a spin that is known has no finite field")
        seen = np.where(rng.random(s.shape) < (1 + kept) / 2, s, -s)
        return SideInformation.from_field(np.arctanh(kept) * seen)

    def check_prior(self, prior: Prior) -> None:
        """Raise an `InputError` unless s is +1 or -1 with equal probability."""
        if not check_prior(prior).unbiased_sign:
            raise InputError(
                f"uniform discrete diffusion is defined for unbiased +-1 variables only, not for {prior!r}"
            )

    def information(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return log 2 - H2(epsilon), the capacity of the flip."""
        return self.evidence(prior, strength)

    def evidence(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return log 2 - H2(epsilon)."""
        check_prior(prior)
        w = self._strengths(strength)
        plus, minus = (1 + w) / 2, (1 - w) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            loss = np.where(minus > 0, minus * np.log(minus), 0.0)
        return np.asarray(np.log(2) + plus * np.log(plus) + loss)
