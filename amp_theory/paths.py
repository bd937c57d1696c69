"""Denoising paths: the side information about a planted sample that a sampler works with.

Per variable and at given snr x from the other variables, a path is its overlap G(x, strength) and its
free entropy Psi(x, strength), dPsi/dx = G/2:

- flow and diffusion see y = gamma s* + z; strength snr = gamma^2:
  G = M(x + snr), Psi = psi(x + snr);
- autoregressive: a random fraction of the variables is given; strength revealed = theta:
  G = (1 - theta) M(x) + theta rho, Psi = (1 - theta) psi(x) + theta rho x/2;
- uniform discrete diffusion: spins are flipped with probability epsilon; strength retention = 1 - 2 epsilon:
  G and Psi in uniform_channel.py.

Psi is the log likelihood ratio against pure noise.  Paths parametrise their fixed points by a
`coordinate` in which the overlap is explicit: the total snr x + snr for the flow, x for the others.

A new path is a subclass with the methods below; its `response` must increase with strength.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.errors import InputError, as_array, as_float, as_generator, as_real, told
from amp_theory.mixtures import EPS
from amp_theory.priors import Prior, check_prior
from amp_theory.quadrature import Array
from amp_theory.schedules import (
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
from amp_theory.side_information import SideInformation
from amp_theory.uniform_channel import uniform_channel

#: snr at which nothing is left to learn about a spin: rho - G has underflowed, and what flips tell is constant
SATURATED = 1e4
#: strengths too small for their square roots and powers to be told from zero
NEGLIGIBLE = 1e-280
#: strengths beyond which doubles cannot tell the snr from the other variables
LARGEST = 1e12


@dataclass(frozen=True, slots=True)
class Response:
    """What a path returns at a coordinate z and an (internal) strength s, as arrays of one shape.

    signal is x(z, s), overlap is G, gap is rho - G; _z and _s are partial derivatives; free_entropy is Psi
    and free_entropy_s its derivative at constant x.  relative_error bounds G, rho - G, dG/dz and Psi.  deficit is
    rho x/2 - Psi where that is known without cancellation; it keeps the digits of free entropies next to q = rho.
    """

    signal: Array
    signal_s: float
    overlap: Array
    gap: Array
    overlap_z: Array
    overlap_zz: Array
    overlap_s: Array
    overlap_zs: Array
    free_entropy: Array
    free_entropy_s: Array
    relative_error: Array
    deficit: Array | None = None


class Path(ABC):
    """A denoising path.  `strength` names its strength, `limit` is the strength of complete information."""

    name: ClassVar[str]
    strength: ClassVar[str]
    strength_symbol: ClassVar[str]
    limit: ClassVar[float]
    schedules: ClassVar[tuple[type[Schedule], ...]]
    #: whether the strength is the snr of a Gaussian channel, so that dPsi/d strength = G/2
    strength_is_snr: ClassVar[bool] = False
    #: whether the overlap depends on the coordinate alone
    explicit_folds: ClassVar[bool] = False
    schedule: Schedule

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, self.schedules):
            names = ", ".join(s.__name__ for s in self.schedules)
            raise InputError(f"the schedule of {type(self).__name__} must be one of {names}, got {told(self.schedule)}")

    @abstractmethod
    def response(self, prior: Prior, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return the overlap, its derivatives and the free entropy at (coordinate, internal strength).

        Without `with_energy` the free entropies may be left zero, where they cost much.
        """

    @abstractmethod
    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return the coordinate z at which the other variables provide the snr x = `signal`."""

    @abstractmethod
    def evidence(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return the mean log likelihood ratio of the side information at the truth, nats per variable.

        The mutual information of the model with everything observed is xi(rho)/2 + evidence - phi.
        """

    @abstractmethod
    def information(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return what the side information tells about one variable on its own, I(s*; side), in nats."""

    def internal(self, strength: Array) -> Array:
        """Return the strength in the form in which G is analytic through zero."""
        return strength

    def public(self, strength: Array) -> Array:
        """Return the strength as users know it from its internal form."""
        return strength

    def public_slope(self, strength: Array) -> Array:
        """Return d public/d internal at the internal strength."""
        return np.ones_like(strength)

    def hidden(self, strength: Array) -> Array:
        """Return the part of the variables that is not known exactly at an internal strength, 1 unless overridden.

        At large snr x from the other variables rho - G is hidden (rho - M(x)).
        """
        return np.ones_like(strength)

    def tilted_transform(self, frequency: Array, strength: Array) -> Array:
        """Return E e^{(i w - 1) h} of the half log-likelihood ratio h that a spin +1 gets from the side information.

        It is what sparse models need of a path, for +-1 spins.  Internal strengths of shape (n,) give shape
        (n, frequencies).
        """
        raise InputError(f"{self!r} does not define `tilted_transform`, which models on sparse graphs need")

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Draw side information of a strength about configurations of shape (batch, size), for finite instances."""
        raise InputError(f"{self!r} does not define `observe`, which finite instances need")

    def check_prior(self, prior: Prior) -> None:
        """Raise an `InputError` if the path is not defined for `prior`: most take every prior."""
        check_prior(prior)

    def check_strength(self, strength: npt.ArrayLike) -> Array:
        """Return `strength` as an array after checking its range; too tiny ones count as zero."""
        allowed = f"in [0, {min(self.limit, LARGEST):g})"
        values = as_array(self.strength, strength, allowed)
        good = (values >= 0) & (values < min(self.limit, LARGEST))
        if not np.all(good):
            raise InputError(f"{self.strength} must be {allowed}, got {values[~good].ravel()[0]:g}")
        return np.where(self.internal(values) < NEGLIGIBLE, 0.0, values)

    def _strengths(self, strength: npt.ArrayLike) -> Array:
        """Return strengths from zero to the limit as an array."""
        allowed = f"in [0, {self.limit:g}]"
        values = as_array(self.strength, strength, allowed)
        if not np.all((values >= 0) & (values <= self.limit)):
            raise InputError(f"{self.strength} must be {allowed}, got {told(strength)}")
        return values

    def _observed(self, truth: Array, strength: float, rng: np.random.Generator) -> tuple[Array, float]:
        """Return a finite configuration and one strength, after checking these and the random numbers."""
        as_generator("rng", rng)
        level = float(self._strengths(as_float(self.strength, strength)))
        s = as_real("truth", truth)
        if not np.all(np.isfinite(s)):
            raise InputError(f"truth must be finite, got {told(truth)}")
        return s, level


def as_path(path: object) -> Path:
    """Return `path` if it is one, else raise an `InputError` that shows how to make one."""
    if not isinstance(path, Path):
        raise InputError(f"path must be a path such as Flow(), got {told(path)}")
    return path


@dataclass(frozen=True)
class Flow(Path):
    """Flow matching and diffusion: the denoiser sees gamma s* + z at snr gamma^2, whatever the schedule.

    Parameters
    ----------
    schedule
        How time maps to snr: LinearInterpolant() (default), TrigonometricInterpolant(),
        VariancePreserving(), VarianceExploding(), StochasticLocalization() or Interpolant(noise, signal).
    """

    schedule: Schedule = field(default_factory=LinearInterpolant)
    name: ClassVar[str] = "flow"
    strength: ClassVar[str] = "snr"
    strength_symbol: ClassVar[str] = r"\gamma^2"
    limit: ClassVar[float] = np.inf
    strength_is_snr: ClassVar[bool] = True
    explicit_folds: ClassVar[bool] = True
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
            coordinate - strength, -1.0, values.overlap, values.mmse, values.slope, values.curvature, zero, zero,
            values.free_entropy, values.overlap / 2, values.relative_error,
            values.information - prior.second_moment * np.asarray(strength) / 2,
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


@dataclass(frozen=True)
class Autoregressive(Path):
    """Autoregressive generation and masked diffusion: a random fraction of the variables is known exactly.

    Parameters
    ----------
    schedule
        FractionRevealed() (default) or MaskedDiffusion().
    """

    schedule: Schedule = field(default_factory=FractionRevealed)
    name: ClassVar[str] = "autoregressive"
    strength: ClassVar[str] = "revealed"
    strength_symbol: ClassVar[str] = r"\theta"
    limit: ClassVar[float] = 1.0
    schedules: ClassVar[tuple[type[Schedule], ...]] = (FractionRevealed, MaskedDiffusion)

    def response(self, prior: Prior, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return G = (1 - theta) M(x) + theta rho, Psi = (1 - theta) psi(x) + theta rho x/2, z = x."""
        values = prior.table(coordinate)
        hidden = 1 - strength
        full = prior.second_moment * coordinate / 2
        return Response(
            coordinate, 0.0, values.overlap + strength * values.mmse, hidden * values.mmse,
            hidden * values.slope, hidden * values.curvature, values.mmse, -values.slope,
            hidden * values.free_entropy + strength * full, values.information, values.relative_error,
            hidden * values.information,
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

    Parameters
    ----------
    schedule
        Retention() (default) or FlipProbability().
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
            coordinate, 0.0, values.overlap, values.gap, values.overlap_x, values.overlap_xx, values.overlap_v,
            values.overlap_xv, psi.free_entropy + values.free_entropy, values.free_entropy_v,
            zero + psi.relative_error + 32 * EPS, psi.information - values.free_entropy,
        )  # fmt: skip

    def _without_information(self, prior: Prior, coordinate: Array) -> Response:
        """Return the response at v = 0, where all follows from the prior: dG/dv = M', dPsi/dv = M/2."""
        m = prior.table(coordinate)
        return Response(
            coordinate, 0.0, m.overlap, m.mmse, m.slope, m.curvature, m.slope, m.curvature, m.free_entropy,
            m.overlap / 2, m.relative_error, m.information,
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

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Return the fields +-atanh(retention) of spins that were flipped with probability (1 - retention)/2."""
        s, kept = self._observed(truth, strength, rng)
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
