"""Couplings xi(q): the covariance of the energy, whose slope x = xi'(q) is the snr other variables provide.

Nearly every coupling is xi(q) = intensity * A(q) + B(q), with A, B increasing and convex on [0, rho] and the
intensity set by the model's control (1/T^2, 1/Delta, alpha).  Solving x = xi'(q) for the intensity gives
the control explicitly at given overlap and snr, which is what makes the equation of state explicit.  A
`GeneralCoupling` need not be affine in the intensity, as long as it can do that.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, told

Four = tuple[Array, Array, Array, Array]
_ZERO: Array = np.zeros(())
#: the largest power of a coupling, beyond which doubles lose too many digits, and the largest term
MOST_BODIES, LARGEST = 1000, 1e30


@dataclass(frozen=True, slots=True)
class CouplingPoint:
    """The intensity at which the other variables provide the snr x at overlap q, and what geometry needs there.

    With K = xi''(q) at constant intensity: curvature K, curvature_q and curvature_x its derivatives in q at constant x
    and in x at constant q; slope = d xi'/d intensity (A' if xi is affine in the intensity), ratio = d xi/d intensity
    over slope, scaled_signal = intensity * slope without cancellation, value = xi(q).
    """

    intensity: Array
    slope: Array
    ratio: Array
    scaled_signal: Array
    curvature: Array
    curvature_q: Array
    curvature_x: Array
    value: Array


class GeneralCoupling(ABC):
    """The covariance xi(q) of the energy at overlaps q in [0, rho], rising with the intensity.

    Results broadcast against the arguments.  Functions take the overlap q and the `gap` rho - q, because near
    q = rho only the gap keeps its digits.

    See Also
    --------
    Coupling : One that is affine in the intensity, as nearly all are.
    PolynomialCoupling : With an example.
    """

    #: whether xi is affine in the intensity
    affine: ClassVar[bool] = False

    @property
    def polynomial(self) -> PolynomialCoupling | None:
        """The coupling itself if it is a polynomial, else None."""
        return None

    @abstractmethod
    def at(self, overlap: Array, gap: Array, signal: Array) -> CouplingPoint:
        """Return what belongs to the intensity at which xi'(q) = `signal` at q = `overlap`.

        Where there is none the intensity is <= 0, infinite or NaN.

        Parameters
        ----------
        overlap, gap
            q in [0, rho] and rho - q, in the units of s^2.
        signal
            The snr x = xi'(q) > 0 wanted of the other variables.

        Returns
        -------
        CouplingPoint
            The intensity, and xi(q), xi''(q) and their derivatives there.

        See Also
        --------
        GeneralCoupling.signal : The inverse.
        """

    @abstractmethod
    def value(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi(q).

        Parameters
        ----------
        intensity
            The intensity > 0: 1/T^2, 1/Delta or alpha.
        overlap, gap
            q in [0, rho] and rho - q, in the units of s^2.

        Returns
        -------
        array
            xi(q), in nats per variable.

        See Also
        --------
        PolynomialCoupling : With an example.
        """

    @abstractmethod
    def signal(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return x = xi'(q).

        Parameters
        ----------
        intensity
            The intensity > 0: 1/T^2, 1/Delta or alpha.
        overlap, gap
            q in [0, rho] and rho - q, in the units of s^2.

        Returns
        -------
        array
            The snr x that the other variables provide, in units of 1/s^2.

        See Also
        --------
        GeneralCoupling.at : The intensity at which x is given.
        """

    @abstractmethod
    def curvature(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi''(q).

        Parameters
        ----------
        intensity
            The intensity > 0: 1/T^2, 1/Delta or alpha.
        overlap, gap
            q in [0, rho] and rho - q, in the units of s^2.

        Returns
        -------
        array
            xi''(q).

        See Also
        --------
        GeneralCoupling.signal : The first derivative.
        """

    @abstractmethod
    def steepest(self, rho: float) -> tuple[float, float]:
        """Return bounds on d log(d xi'/d intensity)/d log q, and on what of xi'' the intensity leaves alone.

        Parameters
        ----------
        rho
            The prior's second moment > 0.

        Returns
        -------
        exponent, rest
            The bound on the logarithmic slope, at least 1, and on the part of xi''.

        See Also
        --------
        GeneralCoupling.sharpness : How abruptly the slope changes.
        """

    def instability(self, rho: float, slope: Array) -> Array:
        """Return the intensity at which xi''(0) = 1/slope, infinite where xi''(0) = 0.

        It is asked where xi'(0) = 0 only: couplings with xi'(0) > 0 have no fixed point q = 0.

        Parameters
        ----------
        rho
            The prior's second moment > 0.
        slope
            M'(0) of the prior along a path, > 0, any shape.

        Returns
        -------
        array
            The intensity at which q = 0 loses stability (weak recovery), of the shape of `slope`.

        See Also
        --------
        thresholds : Which names the control there.
        """
        return np.full(np.shape(slope), np.inf)

    @property
    def singularity(self) -> tuple[float, float] | None:
        """(power, c) if A' ~ c (rho - q)^-power as q -> rho, power 1 or 1/2; None where A' stays finite."""
        return None

    @property
    def reach(self) -> float:
        """The largest intensity for which the coupling stands."""
        return float("inf")

    @property
    def resolves_gap(self) -> bool:
        """Whether A and its derivatives are computed from rho - q where that is smaller than q: its digits count."""
        return self.singularity is not None

    @property
    def relative_error(self) -> float:
        """Bound on the relative errors of A and its derivatives, beyond rounding."""
        return 0.0

    @property
    def sharpness(self) -> float:
        """How abruptly xi' crosses over from one power law in q, or in rho - q, to another.

        Folds are looked for at this resolution: the difference of the two powers, 2 unless overridden.
        """
        return 2.0


class Coupling(GeneralCoupling):
    """xi(q) = intensity * A(q) + B(q) for overlaps q in [0, rho]; a subclass gives A, and B if there is one.

    See Also
    --------
    PolynomialCoupling : With an example.

    References
    ----------
    arXiv:2308.14085 for the p-spin and spiked models; other couplings name their own source.
    """

    affine = True

    @abstractmethod
    def scaled(self, overlap: Array, gap: Array) -> Four:
        """Return A, A', A'', A''' at q = `overlap`.

        Parameters
        ----------
        overlap, gap
            q in [0, rho] and rho - q, in the units of s^2.

        Returns
        -------
        four arrays
            A and its first three derivatives, at unit intensity.

        See Also
        --------
        PolynomialCoupling : With an example.
        """

    def fixed(self, overlap: Array, gap: Array) -> Four:
        """Return B, B', B'', B''' at q = `overlap`; zero unless overridden.

        Parameters
        ----------
        overlap, gap
            q in [0, rho] and rho - q, in the units of s^2.

        Returns
        -------
        four arrays
            B and its first three derivatives, which no intensity scales.

        See Also
        --------
        Coupling.scaled : The part that the intensity scales.
        """
        return _ZERO, _ZERO, _ZERO, _ZERO

    def scaled_ratios(self, overlap: Array, gap: Array) -> tuple[Array, Array, Array]:
        """Return A/A', A''/A', A'''/A' at q = `overlap`; override where A' may underflow.

        Parameters
        ----------
        overlap, gap
            q in (0, rho] and rho - q, in the units of s^2.

        Returns
        -------
        three arrays
            The ratios, at any intensity.

        See Also
        --------
        Coupling.scaled : The functions themselves.
        """
        a0, a1, a2, a3 = self.scaled(overlap, gap)
        return a0 / a1, a2 / a1, a3 / a1

    def at(self, overlap: Array, gap: Array, signal: Array) -> CouplingPoint:
        """Return what belongs to the intensity (xi'(q) - B')/A' at which xi'(q) = `signal` at q = `overlap`."""
        slope = self.scaled(overlap, gap)[1]
        ratio, curved, bent = self.scaled_ratios(overlap, gap)
        b0, b1, b2, b3 = self.fixed(overlap, gap)
        rest = signal - b1
        return CouplingPoint(
            intensity=rest / slope, slope=slope, ratio=ratio, scaled_signal=rest, curvature=rest * curved + b2,
            curvature_q=rest * (bent - curved**2) + b3 - b2 * curved, curvature_x=curved, value=rest * ratio + b0,
        )  # fmt: skip

    def value(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi(q)."""
        return intensity * self.scaled(overlap, gap)[0] + self.fixed(overlap, gap)[0]

    def signal(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return x = xi'(q)."""
        return intensity * self.scaled(overlap, gap)[1] + self.fixed(overlap, gap)[1]

    def curvature(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi''(q)."""
        return intensity * self.scaled(overlap, gap)[2] + self.fixed(overlap, gap)[2]

    def steepest(self, rho: float) -> tuple[float, float]:
        """Return d log A'/d log q and B'' at q = rho, where polynomials with positive terms have their largest."""
        end, zero = np.full(1, rho), np.zeros(1)
        _, a1, a2, _ = (float(np.max(x)) for x in self.scaled(end, zero))
        _, _, b2, _ = (float(np.max(x)) for x in self.fixed(end, zero))
        return max(rho * a2 / a1, 1.0), b2

    def instability(self, rho: float, slope: Array) -> Array:
        """Return (1/slope - B''(0))/A''(0), infinite where A''(0) = 0."""
        zero, end = np.zeros(1), np.full(1, rho)
        a2, b2 = (float(np.max(part(zero, end)[2])) for part in (self.scaled, self.fixed))
        return np.full(np.shape(slope), np.inf) if a2 == 0 else np.asarray((1 / slope - b2) / a2)


def _polynomial(terms: tuple[tuple[int, float], ...], q: Array) -> Four:
    """Return sum_k c_k q^k and its first three derivatives; every term is nowhere negative.

    Without terms they are zeros that broadcast.
    """
    result = [_ZERO, _ZERO, _ZERO, _ZERO]
    for power, coefficient in terms:
        derivative = min(power, 3)
        monomial = q ** (power - derivative)
        for order in range(derivative, -1, -1):
            factor = coefficient * math.prod(range(power - order + 1, power + 1))
            result[order] = result[order] + factor * monomial
            monomial = monomial * q
    return result[0], result[1], result[2], result[3]


@dataclass(frozen=True)
class PolynomialCoupling(Coupling):
    """A and B polynomials with coefficients >= 0, given as ((power, coefficient), ...).

    Fractions count exactly where more digits than those of floats are asked for.

    Parameters
    ----------
    scaled_terms
        Powers 1 to 1000 and coefficients > 0 of A, at least one term.
    fixed_terms
        Those of B, none by default.

    References
    ----------
    arXiv:2308.14085: xi(q) = q^p/(2 T^2) of the p-spin, q^p/(p Delta) of the spiked tensor.

    Examples
    --------
    >>> coupling = PolynomialCoupling(((3, 0.5),))  # 3-spin: x = 3 q^2/(2 T^2)
    >>> q = np.array([0.2, 0.4])
    >>> [part.round(9).tolist() for part in coupling.scaled(q, 1 - q)[:2]]
    [[0.004, 0.032], [0.06, 0.24]]
    >>> coupling.signal(np.array(4.0), q, 1 - q).round(9).tolist()
    [0.24, 0.96]
    >>> coupling.at(q, 1 - q, np.array(1.0)).intensity.round(9).tolist()
    [16.666666667, 4.166666667]
    """

    scaled_terms: tuple[tuple[int, float | Fraction], ...]
    fixed_terms: tuple[tuple[int, float | Fraction], ...] = ()

    @property
    def polynomial(self) -> PolynomialCoupling:
        """The coupling itself."""
        return self

    @cached_property
    def float_terms(self) -> tuple[tuple[tuple[int, float], ...], ...]:
        """The terms of A and of B with coefficients in doubles."""
        return tuple(tuple((k, float(c)) for k, c in terms) for terms in (self.scaled_terms, self.fixed_terms))

    def scaled(self, overlap: Array, gap: Array) -> Four:
        """Return A, A', A'', A''' at q = `overlap`."""
        return _polynomial(self.float_terms[0], overlap)

    def fixed(self, overlap: Array, gap: Array) -> Four:
        """Return B, B', B'', B''' at q = `overlap`."""
        return _polynomial(self.float_terms[1], overlap)

    def scaled_ratios(self, overlap: Array, gap: Array) -> tuple[Array, Array, Array]:
        """Return A/A', A''/A', A'''/A' at q = `overlap`, the lowest power divided out."""
        lowest = min(power for power, _ in self.scaled_terms)
        parts: list[Array] = [_ZERO, _ZERO, _ZERO, _ZERO]
        for power, coefficient in self.float_terms[0]:
            monomial = coefficient * overlap ** (power - lowest)
            for order in range(4):
                parts[order] = parts[order] + math.perm(power, order) * monomial
        a0, a1, a2, a3 = parts
        return overlap * a0 / a1, a2 / a1 / overlap, a3 / a1 / overlap**2

    @property
    def sharpness(self) -> float:
        """Difference of the largest and the smallest power."""
        powers = [power for power, _ in self.scaled_terms + self.fixed_terms]
        return float(max(powers) - min(powers))


def mixture_terms(
    coefficients: Mapping[int, float | Fraction], text: str, second_moment: float
) -> tuple[tuple[int, float], ...]:
    """Return the terms of a mixture sum_k c_k q^k after checking that it is a covariance.

    Raises
    ------
    InputError
        For a negative coefficient, a constant term, a power beyond 1000, no term of power >= 2, or a term
        that is huge or tiny at q = rho, the prior's `second_moment`.
    """
    terms = tuple(sorted((k, float(c)) for k, c in coefficients.items() if c != 0))
    if any(not np.isfinite(c) for _, c in terms):
        raise InputError(f"the coefficients of xi must be finite, got {told(text)}")
    if any(c < 0 for _, c in terms):
        raise InputError(f"xi must have coefficients >= 0 to be a covariance, got {told(text)}")
    if any(k == 0 for k, _ in terms):
        raise InputError(f"xi must not have a constant term (it shifts all energies alike), got {told(text)}")
    if any(k > MOST_BODIES for k, _ in terms):
        raise InputError(f"xi must not have powers beyond {MOST_BODIES}, got {told(text)}")
    with np.errstate(over="ignore", under="ignore"):
        sizes = [float(np.float64(second_moment) ** k * c) for k, c in terms]
    if not all(1 / LARGEST <= size <= LARGEST for size in sizes):
        raise InputError(
            f"the terms of xi at q = rho must lie between {1 / LARGEST:g} and {LARGEST:g}, got {told(text)}"
        )
    if not any(k >= 2 for k, _ in terms):
        raise InputError(f"xi must contain a power q**2 or higher, got {told(text)}")
    return terms
