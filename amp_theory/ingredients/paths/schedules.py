"""Schedules: how the time of a sampler maps to the strength of side information on its path.

Geometry live in strength; a schedule only relabels when they are met.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, answer_of, as_array, told
from amp_theory.tools.roots import bisected

#: ratio of signal to noise that counts as unbounded
UNBOUNDED = 1e6


class Schedule(ABC):
    """A monotone map between time and strength.

    `times` is the range of time, `symbol` its mathematical symbol, `strengths` the range of strength; at one end of
    time the strength is zero.

    See Also
    --------
    LinearInterpolant, TrigonometricInterpolant, VariancePreserving, VarianceExploding, StochasticLocalization
    FractionRevealed, MaskedDiffusion, Retention, FlipProbability
    Interpolant : One of one's own.
    """

    name: ClassVar[str]
    times: ClassVar[tuple[float, float]] = (0.0, 1.0)
    strengths: ClassVar[tuple[float, float]] = (0.0, np.inf)
    symbol: ClassVar[str] = "t"

    @abstractmethod
    def _strength(self, time: Array) -> Array:
        """Return the strength at `time`, inside the range of time."""

    @abstractmethod
    def _time(self, strength: Array) -> Array:
        """Return the time at which the strength is `strength`."""

    def strength(self, time: npt.ArrayLike) -> Array:
        """Return the strength at `time`.

        Parameters
        ----------
        time
            Times within `times`, any shape.

        Returns
        -------
        array
            Strengths within `strengths`, of the same shape.

        Raises
        ------
        InputError
            If a time lies outside `times`.

        Examples
        --------
        >>> LinearInterpolant().strength([0.0, 0.2, 0.5, 1.0]).tolist()
        [0.0, 0.0625, 1.0, inf]
        """
        t = _inside("time", time, self.times)
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(self._strength(t))

    def time(self, strength: npt.ArrayLike) -> Array:
        """Return the time at which the strength is `strength`.

        Parameters
        ----------
        strength
            Strengths within `strengths`, any shape; the ends count.

        Returns
        -------
        array
            Times within `times`, of the same shape.

        Raises
        ------
        InputError
            If a strength lies outside `strengths`.

        Examples
        --------
        >>> VariancePreserving().time([0.0, 1.0, np.inf]).round(9).tolist()
        [inf, 0.34657359, 0.0]
        """
        s = _inside("strength", strength, self.strengths)
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(self._time(s))


def _inside(name: str, given: npt.ArrayLike, ends: tuple[float, float]) -> Array:
    """Return numbers between two ends, or raise an `InputError` that names the first one outside."""
    allowed = f"in [{ends[0]:g}, {ends[1]:g}]"
    values = as_array(name, given, allowed)
    outside = ~((values >= ends[0]) & (values <= ends[1]))
    if np.any(outside):
        raise InputError(f"{name} must lie {allowed}, got {values[outside].ravel()[0]:g}")
    return values + 0.0  # no negative zero


@dataclass(frozen=True)
class LinearInterpolant(Schedule):
    """x_t = (1 - t) z + t s: snr = (t/(1 - t))^2, t from 0 to 1.

    Examples
    --------
    >>> float(LinearInterpolant().strength(0.5))
    1.0
    """

    name: ClassVar[str] = "linear"

    def _strength(self, time: Array) -> Array:
        return (time / (1 - time)) ** 2

    def _time(self, strength: Array) -> Array:
        root = np.sqrt(strength)
        return np.asarray(np.where(np.isinf(root), 1.0, root / (1 + np.minimum(root, 1e300))))


@dataclass(frozen=True)
class TrigonometricInterpolant(Schedule):
    """x_t = cos(pi t/2) z + sin(pi t/2) s: snr = tan(pi t/2)^2, t from 0 to 1.

    Examples
    --------
    >>> round(float(TrigonometricInterpolant().strength(0.5)), 12)
    1.0
    """

    name: ClassVar[str] = "trigonometric"

    def _strength(self, time: Array) -> Array:
        return np.asarray(np.where(time == 1, np.inf, np.tan(np.pi * time / 2) ** 2))

    def _time(self, strength: Array) -> Array:
        return 2 / np.pi * np.arctan(np.sqrt(strength))


@dataclass(frozen=True)
class VariancePreserving(Schedule):
    """Ornstein-Uhlenbeck noising for forward time tau: snr = 1/(e^(2 tau) - 1), tau from infinity to 0.

    Examples
    --------
    >>> round(float(VariancePreserving().strength(0.5 * np.log(3))), 12)
    0.5
    """

    name: ClassVar[str] = "variance-preserving"
    times: ClassVar[tuple[float, float]] = (0.0, np.inf)
    symbol: ClassVar[str] = r"\tau"

    def _strength(self, time: Array) -> Array:
        return np.asarray(1 / np.expm1(2 * time))

    def _time(self, strength: Array) -> Array:
        return np.asarray(0.5 * np.log1p(1 / strength))


@dataclass(frozen=True)
class VarianceExploding(Schedule):
    """Noise of standard deviation sigma added to s: snr = 1/sigma^2, sigma from infinity to 0.

    Examples
    --------
    >>> float(VarianceExploding().strength(2.0)), float(VarianceExploding().time(0.25))
    (0.25, 2.0)
    """

    name: ClassVar[str] = "variance-exploding"
    times: ClassVar[tuple[float, float]] = (0.0, np.inf)
    symbol: ClassVar[str] = r"\sigma"

    def _strength(self, time: Array) -> Array:
        return 1 / time**2

    def _time(self, strength: Array) -> Array:
        return np.asarray(1 / np.sqrt(strength))


@dataclass(frozen=True)
class StochasticLocalization(Schedule):
    """Observation process t s + B_t: snr = t, from 0 to infinity.

    Examples
    --------
    >>> float(StochasticLocalization().strength(0.3))
    0.3
    """

    name: ClassVar[str] = "stochastic-localization"
    times: ClassVar[tuple[float, float]] = (0.0, np.inf)

    def _strength(self, time: Array) -> Array:
        return time

    def _time(self, strength: Array) -> Array:
        return strength


@dataclass(frozen=True)
class FractionRevealed(Schedule):
    """Autoregressive generation: time is the fraction of variables generated, equal to the strength.

    Examples
    --------
    >>> float(FractionRevealed().strength(0.3))
    0.3
    """

    name: ClassVar[str] = "fraction-revealed"
    strengths: ClassVar[tuple[float, float]] = (0.0, 1.0)
    symbol: ClassVar[str] = r"\theta"

    def _strength(self, time: Array) -> Array:
        return time

    def _time(self, strength: Array) -> Array:
        return strength


@dataclass(frozen=True)
class MaskedDiffusion(Schedule):
    """Masked diffusion in forward time: a fraction t of the variables is still masked, revealed = 1 - t.

    Examples
    --------
    >>> float(MaskedDiffusion().strength(0.25))
    0.75
    """

    name: ClassVar[str] = "masked"
    strengths: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def _strength(self, time: Array) -> Array:
        return 1 - time

    def _time(self, strength: Array) -> Array:
        return 1 - strength


@dataclass(frozen=True)
class FlipProbability(Schedule):
    """Uniform discrete diffusion labelled by the probability epsilon of a flip: retention = 1 - 2 epsilon.

    Examples
    --------
    >>> float(FlipProbability().strength(0.25)), float(FlipProbability().time(1.0))
    (0.5, 0.0)
    """

    name: ClassVar[str] = "flip-probability"
    strengths: ClassVar[tuple[float, float]] = (0.0, 1.0)
    times: ClassVar[tuple[float, float]] = (0.0, 0.5)
    symbol: ClassVar[str] = r"\epsilon"

    def _strength(self, time: Array) -> Array:
        return 1 - 2 * time

    def _time(self, strength: Array) -> Array:
        return (1 - strength) / 2


@dataclass(frozen=True)
class Retention(Schedule):
    """Uniform discrete diffusion labelled by 1 - 2 epsilon itself.

    Examples
    --------
    >>> float(Retention().strength(0.3))
    0.3
    """

    name: ClassVar[str] = "retention"
    strengths: ClassVar[tuple[float, float]] = (0.0, 1.0)
    symbol: ClassVar[str] = r"1 - 2\epsilon"

    def _strength(self, time: Array) -> Array:
        return time

    def _time(self, strength: Array) -> Array:
        return strength


@dataclass(frozen=True)
class StrengthAsTime(Schedule):
    """Time is the strength itself, from 0 to 1: the fraction of non-zeros that are born, how much a channel tells.

    Examples
    --------
    >>> float(StrengthAsTime().strength(0.3))
    0.3
    """

    name: ClassVar[str] = "strength-as-time"
    strengths: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def _strength(self, time: Array) -> Array:
        return time

    def _time(self, strength: Array) -> Array:
        return strength


@dataclass(frozen=True)
class Interpolant(Schedule):
    """A user's own interpolant x_t = noise(t) z + signal(t) s, t in [0, 1]: snr = (signal/noise)^2.

    Parameters
    ----------
    noise, signal
        Functions of an array of times; signal/noise must grow from 0 at t = 0 without bound (noise(1) = 0).

    Raises
    ------
    InputError
        If they are no such functions.

    Examples
    --------
    >>> schedule = Interpolant(noise=lambda t: 1 - t, signal=lambda t: t**2)
    >>> float(schedule.strength(0.5)), round(float(schedule.time(0.25)), 12)
    (0.25, 0.5)
    """

    noise: Callable[[Array], Array]
    signal: Callable[[Array], Array]
    name: ClassVar[str] = "interpolant"

    def __post_init__(self) -> None:
        grid = np.linspace(0, 1, 257)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            ratio, end = self._ratio(grid[:-1]), self._ratio(grid[-1:])
        if not np.all(np.isfinite(ratio)) or ratio[0] != 0 or np.any(np.diff(ratio) <= 0):
            raise InputError("signal(t)/noise(t) must be 0 at t = 0 and increase strictly on [0, 1)")
        if not end[0] > UNBOUNDED:
            raise InputError(f"signal(t)/noise(t) must grow without bound, up to noise(1) = 0, got {end[0]:g} at t = 1")

    def _ratio(self, time: Array) -> Array:
        if not (callable(self.noise) and callable(self.signal)):
            raise InputError(
                f"noise and signal must be functions of time, got {told(self.noise)} and {told(self.signal)}"
            )
        allowed = "one real value per time"
        signal, noise = (
            as_array(n, answer_of(n, f, time), allowed) for n, f in (("signal", self.signal), ("noise", self.noise))
        )
        if not signal.shape == noise.shape == time.shape:
            raise InputError(f"noise and signal must return {allowed}, got shapes {noise.shape} and {signal.shape}")
        return np.asarray(signal / noise)

    def _strength(self, time: Array) -> Array:
        return np.asarray(self._ratio(time) ** 2)

    def _time(self, strength: Array) -> Array:
        goal = np.sqrt(strength)
        lower, upper = bisected(lambda time: self._ratio(time) < goal, np.zeros_like(goal), np.ones_like(goal))
        return np.asarray(np.where(np.isinf(goal), 1.0, 0.5 * (lower + upper)))
