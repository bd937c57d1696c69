"""Rigorous enclosures of the scalar channel of a discrete prior, by interval arithmetic.

Given the component s* = m, y = x m + sqrt(x) t with t ~ N(0, 1), and the posterior of d = s - m has the weights
p_j exp(-x d_j^2/2 + sqrt(x) t d_j)/N(t).  With its cumulants kappa_n,

    psi = sum_m p_m (x m^2/2 + E log N),    M = sum_m p_m m E <s>,     M' = E kappa_2^2,
    M'' = E[kappa_3^2 - 2 kappa_2^3],       M''' = E[kappa_4^2 - 12 kappa_2 kappa_3^2 + 6 kappa_2^4].

The expectations E g(t) are sums h sum_k phi(k h) g(k h) over |k| <= n.  Their error has two rigorous bounds.  If
|g| <= A + B |Re t| in the strip |Im t| <= b, then (Trefethen and Weideman, SIAM Rev. 56, 385 (2014), theorem 5.1)

    |integral - sum over all k| <= 2 e^(b^2/2) (A + B sqrt(2/pi)) / (e^(2 pi b/h) - 1),

and the terms beyond n h = L >= 1, which decrease, sum up to less than 2 (A + B) e^(-L^2/2).

In the strip all terms of N have phases within sqrt(x) b H of each other's mean, H half the range of the atoms.  If
that is c < pi/2, their real parts add up, |N| >= cos(c) sum_j |term_j|, so that N has no zero and the posterior's
moments about the middle of the range are at most H^n/cos c in modulus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from amp_theory.exact.digits.channels import ExactChannel, MixtureChannel
from amp_theory.exact.digits.contexts import iv
from amp_theory.tools.errors import InputError, NumericalError

Interval = Any
#: c of the strip
PHASE = Fraction(6, 5)
#: order of the derivative of psi up to which cumulants are needed
NAMES = ("free_entropy", "overlap", "slope", "curvature", "bend")


@dataclass(frozen=True)
class Enclosures:
    """psi, M, M', M'', M''' for all snr in an interval."""

    free_entropy: Interval
    overlap: Interval
    slope: Interval
    curvature: Interval
    bend: Interval


@dataclass(frozen=True)
class Rule:
    """The trapezoidal rule with step 1/`per_unit` up to |t| = `reach`."""

    per_unit: int
    reach: int


def interval(value: Fraction | int) -> Interval:
    """Return an interval that holds a rational number."""
    if isinstance(value, int):
        return iv.mpf(value)
    return iv.mpf(value.numerator) / value.denominator


def hull(lower: Interval, upper: Interval) -> Interval:
    """Return the smallest interval that holds two."""
    return iv.mpf([lower.a, upper.b])


@lru_cache(maxsize=64)
def _raw_margin(precision: int, middle: int) -> Any:
    """Return [-e, e] + `middle` with an e of 4096 units in the last place, as a raw number: see `contexts`."""
    margin = iv.mpf([-1, 1]) * iv.ldexp(1, 12 - precision)
    return (margin + middle)._mpi_


def _margin(middle: int) -> Interval:
    """Return `middle` with a margin around it, more than the guard digits of exp and log lack."""
    return iv.make_mpf(_raw_margin(iv.prec, middle))


def _exp(x: Interval) -> Interval:
    """Return an enclosure of e^x: mpmath rounds an approximation of it, hence the margin."""
    return iv.exp(x) * _margin(1)


def _log(x: Interval) -> Interval:
    """Return an enclosure of log x, with a margin as `_exp`."""
    value = iv.log(x)
    return value + _margin(0) * (1 + abs(value))


def enclose(channel: ExactChannel, snr: Interval, rule: Rule) -> Enclosures:
    """Return enclosures of the channel functions for every x in the interval `snr`.

    Raises
    ------
    InputError
        For a prior that is neither discrete nor one Gaussian.
    """
    if not isinstance(channel, MixtureChannel) or (any(channel.variances) and len(channel.means) > 1):
        raise InputError("certificates are there for discrete and Gaussian priors only")
    if len(channel.means) == 1:
        return _gaussian(channel, snr)
    symmetric = channel.symmetric
    total = [iv.mpf(0)] * 5
    for p, m in zip(channel.probabilities, channel.means, strict=True):
        if symmetric and m < 0:
            continue
        weight = interval(2 * p if symmetric and m > 0 else p)
        part = _component(channel, m, snr, rule)
        total = [t + weight * value for t, value in zip(total, part, strict=True)]
    return Enclosures(*total)


def _gaussian(channel: MixtureChannel, x: Interval) -> Enclosures:
    """Return the closed form for N(m, v): psi = [x (m^2 + v) - log t]/2, M = m^2 + x v^2/t, t = 1 + x v."""
    m, v = (interval(column[0]) for column in (channel.means, channel.variances))
    t = 1 + x * v
    r = v / t
    psi = (x * (m * m + v) - _log(t)) / 2
    return Enclosures(psi, m * m + v - r, r**2, -2 * r**3, 6 * r**4)


@lru_cache(maxsize=4)
def _raw_densities(per_unit: int, reach: int, precision: int) -> tuple[Any, ...]:
    """Return e^(-t^2/2) at t = 0, 1/`per_unit`, ..., `reach` as raw numbers of that precision in bits."""
    step = iv.mpf(1) / per_unit
    return tuple(_exp(-((k * step) ** 2) / 2)._mpi_ for k in range(reach * per_unit + 1))


def _component(channel: MixtureChannel, m: Fraction, x: Interval, rule: Rule) -> list[Interval]:
    """Return x m^2/2 + E log N, m E <s> and the three expectations of cumulants, given the component m.

    Where the law of s - m is symmetric, terms at t and -t are alike but for the sign of <d>, which m = 0 takes out.
    """
    integrands = _Integrands(channel, m, x)
    step, even = iv.mpf(1) / rule.per_unit, channel.symmetric and m == 0
    sums, fields = [iv.mpf(0)] * 5, iv.sqrt(x) * step
    for k, density in enumerate(_raw_densities(rule.per_unit, rule.reach, iv.prec)):
        weight = iv.make_mpf(density)
        if even and k > 0:
            weight = weight + weight
        for sign in (1,) if even or k == 0 else (1, -1):
            values = integrands.at(fields * (sign * k))
            sums = [total + weight * value for total, value in zip(sums, values, strict=True)]
    factor = step / iv.sqrt(2 * iv.pi)
    errors = _errors(channel, m, x, rule)
    log_n, shift, *others = (factor * total + error for total, error in zip(sums, errors, strict=True))
    centre = interval(m)
    return [x * centre * centre / 2 + log_n, centre * (centre + shift), *others]


class _Integrands:
    """The integrands given the component m: of the posterior of d = s - m, whose weight at d = 0 is p_m."""

    def __init__(self, channel: MixtureChannel, m: Fraction, x: Interval) -> None:
        self.own, self.others = iv.mpf(0), []
        for p, s in zip(channel.probabilities, channel.means, strict=True):
            if s == m:
                self.own = self.own + interval(p)
            else:
                d = interval(s - m)
                self.others.append((_log(interval(p)) - x * d * d / 2, [d**n for n in (1, 2, 3, 4)]))
        # whole numbers, which mpmath would convert each time
        self.counts = {n: iv.mpf(n) for n in (2, 3, 4, 6, 12)}

    def at(self, field: Interval) -> list[Interval]:
        """Return log N, <d>, kappa_2^2, kappa_3^2 - 2 kappa_2^3 and the integrand of M''' at sqrt(x) t = `field`."""
        count = self.counts
        rows = [(_exp(level + field * powers[0]), powers) for level, powers in self.others]
        norm = _sum([self.own, *(w for w, _ in rows)])
        r1, r2, r3, r4 = (_sum([w * powers[n] for w, powers in rows]) / norm for n in range(4))
        square = r1 ** count[2]
        k2 = r2 - square
        k3 = r3 - count[3] * r1 * r2 + count[2] * r1 ** count[3]
        k4 = (
            r4
            - count[4] * r1 * r3
            - count[3] * r2 ** count[2]
            + count[12] * square * r2
            - count[6] * square ** count[2]
        )
        k2_2, k2_3, k3_2 = k2 ** count[2], k2 ** count[3], k3 ** count[2]
        bend = k4 ** count[2] - count[12] * k2 * k3_2 + count[6] * k2_2 ** count[2]
        return [_log(norm), r1, k2_2, k3_2 - count[2] * k2_3, bend]


def _sum(terms: Sequence[Interval]) -> Interval:
    total, *others = terms
    for term in others:
        total = total + term
    return total


def _errors(channel: MixtureChannel, m: Fraction, x: Interval, rule: Rule) -> list[Interval]:
    """Return intervals [-e, e] with bounds e on the quadrature errors of the five expectations."""
    low, high = min(channel.means), max(channel.means)
    half = interval((high - low) / 2)
    largest = iv.sqrt(iv.mpf([x.b, x.b]))
    # b is rounded in any way: c = sqrt(x) b H is computed from it
    strip = iv.mpf((interval(PHASE) / (largest * half)).a)
    phase = largest * strip * half
    if not phase < iv.pi / 2:
        raise NumericalError("the strip of analyticity is too wide", "a point at a smaller snr, or digits=, may do")
    inverse = 1 / iv.cos(phase)
    moments = [half**n * inverse for n in (1, 2, 3, 4)]
    # about the middle of the range; cumulants do not depend on the origin
    m1, m2, m3, m4 = moments
    k2 = m2 + m1**2
    k3 = m3 + 3 * m1 * m2 + 2 * m1**3
    k4 = m4 + 4 * m1 * m3 + 3 * m2**2 + 12 * m1**2 * m2 + 6 * m1**4
    offset = abs(interval((high + low) / 2 - m))
    own = interval(channel.probabilities[channel.means.index(m)])
    # log|N| lies between log(p_m cos c) and sqrt(x) |t| max|d|; its phase below sqrt(x) b |middle - m| + pi/2
    logarithm = -_log(own / inverse) + largest * strip * offset + iv.pi / 2
    constant = [logarithm, offset + m1, k2**2, k3**2 + 2 * k2**3, k4**2 + 12 * k2 * k3**2 + 6 * k2**4]
    slope = [largest * (offset + half), *[iv.mpf(0)] * 4]
    decay = _exp(strip**2 / 2) * 2 / (_exp(2 * iv.pi * strip * rule.per_unit) - 1)
    tail = 2 * _exp(-(iv.mpf(rule.reach) ** 2) / 2)
    result = []
    for a, b in zip(constant, slope, strict=True):
        error = decay * (a + b * iv.sqrt(2 / iv.pi)) + tail * (a + b)
        result.append(iv.mpf([-error.b, error.b]))
    return result
