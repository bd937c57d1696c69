"""Margins of random perceptrons: psi(s) = (s - kappa)_+^a, hard for a = 0.

In units of sqrt(V), x = (w - kappa)/sqrt(V), H = V^(a/2) G(x) with

    G(x) = E (x + u)_+^a,    G'' = a G - x G',    h = G'/G:    h' = a - x h - h^2,    h'' = -h - x h' - 2 h h',

so that log G and h say all.  For a = 0, G is the normal distribution function.  Else both are tabulated with their
Taylor series, which the equation of h gives, and beyond the table summed from moments,
G = x^a sum_k binom(a, 2k) (2k - 1)!! x^(-2k), or for x -> -infinity from those of s^a e^{-|x| s}.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from amp_theory.ingredients.outputs.potentials import Potential, Smoothed, check_centre
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, not_negative

#: ends and steps per unit of the table, Taylor terms, and terms of the series beyond
BELOW, ABOVE, PER_UNIT, TERMS, SERIES = -40.0, 16.0, 64, 7, 12
#: steps per unit of the variable that the table is summed over
PER_T = 48
#: exponents a > 0 are between these
LEAST, MOST = 0.05, 20.0
ROOT_TWO_PI = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Margin(Potential):
    """psi(s) = (s - kappa)_+^exponent: patterns must have fields above a margin.

    Parameters
    ----------
    kappa
        The margin, -30 to 8.
    exponent
        a: 0 (default) for the uniform measure over all weights that keep the margin, or 0.05 to 20, a tilt towards
        those that keep more.

    Raises
    ------
    InputError
        If a number is not in its range.

    Examples
    --------
    >>> Margin(-1), Margin(exponent=1.5)
    (Margin(kappa=-1.0), Margin(kappa=0.0, exponent=1.5))
    """

    kappa: float = 0.0
    exponent: float = 0.0
    name: ClassVar[str] = "margin"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kappa", check_centre(self.kappa))
        a = not_negative("exponent", self.exponent) + 0.0
        if a and not LEAST <= a <= MOST:
            raise InputError(f"exponent must be 0, for a hard margin, or {LEAST:g} to {MOST:g}, got {a:g}")
        object.__setattr__(self, "exponent", a)

    def __repr__(self) -> str:
        return f"Margin(kappa={self.kappa!r}" + (f", exponent={self.exponent!r})" if self.exponent else ")")

    @property
    def centre(self) -> float:  # type: ignore[override]
        """The margin."""
        return self.kappa

    @property
    def rises(self) -> bool:
        """True."""
        return True

    @property
    def margin(self) -> float:
        """The exponent."""
        return self.exponent

    @property
    def parameters(self) -> dict[str, Any]:
        """The margin, and the exponent unless it is zero."""
        return {"kappa": self.kappa} | ({"exponent": self.exponent} if self.exponent else {})

    def log_value(self, distance: Array) -> Array:
        """Return log psi at distances from the margin, -inf below it."""
        kept = distance > 0 if self.exponent else distance >= 0
        return np.where(kept, self.exponent * np.log(np.where(kept, distance, 1.0)), -np.inf)

    def smoothed(self, distance: Array, variance: Array) -> Smoothed:
        """Return log H and its derivatives."""
        root = np.sqrt(variance)
        x, a = np.clip(distance / root, -1e12, None), self.exponent
        if not a:
            from scipy.special import log_ndtr

            log_g = log_ndtr(x)
            with np.errstate(under="ignore"):
                h = np.exp(-0.5 * x * x - log_g) / ROOT_TWO_PI
            h1 = -h * (x + h)
            h2 = -h - x * h1 - 2 * h * h1
        else:
            log_g, h, h1, h2 = _power(x, a)
            log_g = log_g + a * np.log(root)
        return Smoothed(log_g, h / root, h1 / variance, h2 / (variance * root))

    def log_smoothed(self, distance: Array, variance: Array) -> Array:
        """Return log H alone."""
        root = np.sqrt(variance)
        if not self.exponent:
            from scipy.special import log_ndtr

            return np.asarray(log_ndtr(distance / root))
        return np.asarray(_log_power(distance / root, self.exponent) + self.exponent * np.log(root))


def _log_power(x: Array, a: float) -> Array:
    """Return log G."""
    log_g = _taylor(x, a)[0]
    for there, series in ((x < BELOW, _far_below), (x > ABOVE, _far_above)):
        if np.any(there):
            log_g[there] = series(x[there], a)[0]
    return log_g


def _power(x: Array, a: float) -> tuple[Array, Array, Array, Array]:
    """Return log G, h, h' and h''."""
    log_g, h = _taylor(x, a)
    with np.errstate(all="ignore"):
        h1 = a - x * h - h * h
        h2 = -h - x * h1 - 2 * h * h1
    for there, series in ((x < BELOW, _far_below), (x > ABOVE, _far_above)):
        if np.any(there):
            log_g[there], h[there], h1[there], h2[there] = series(x[there], a)
    return log_g, h, h1, h2


def _taylor(x: Array, a: float) -> tuple[Array, Array]:
    """Return log G and h by the Taylor series at the nearest tabulated place."""
    inside, (slopes, logs) = np.clip(x, BELOW, ABOVE), _table(a)
    k = np.rint((inside - BELOW) * PER_UNIT).astype(np.intp)
    step = inside - (BELOW + k / PER_UNIT)
    h, rise = np.zeros(x.shape), np.zeros(x.shape)
    for n in range(TERMS, -1, -1):
        c = slopes[n][k]
        h *= step
        h += c
        rise *= step
        c /= n + 1
        rise += c
    rise *= step
    rise += logs[k]
    return rise, h


@lru_cache(maxsize=32)
def _table(a: float) -> tuple[Array, Array]:
    """Return the Taylor coefficients of h at the places of the table, shape (terms, places), and log G there."""
    x = BELOW + np.arange(int((ABOVE - BELOW) * PER_UNIT) + 1) / PER_UNIT
    # integers over a number: the step of an arange of fractions is rounded, and log G with it
    t = np.arange(-int(PER_T * np.log(50 / min(a, 1.0))), 5 * PER_T) / PER_T
    log_s = t - np.exp(-t)
    s, weight = np.exp(log_s), (1 + np.exp(-t)) / PER_T
    # what is squared to the right of the margin would cancel there: x^2/2 is large against log G
    above = np.maximum(x, 0.0)[:, None]
    exponent = a * log_s - (s - above) ** 2 / 2 + np.multiply.outer(np.minimum(x, 0.0), s)
    most = exponent.max(axis=1, keepdims=True)
    term = weight * np.exp(exponent - most)
    # the integral of s^(a-1) ds is the sum of s^a dt, that of s^a ds of s^(a+1) dt
    less, more = term.sum(axis=1), (term * s).sum(axis=1)
    c = [a * less / more]
    for n in range(TERMS):
        product = sum(c[k] * c[n - k] for k in range(n + 1))
        c.append(((a if n == 0 else 0.0) - x * c[n] - (c[n - 1] if n else 0.0) - product) / (n + 1))
    log_g = most[:, 0] + np.log(more) - np.minimum(x, 0.0) ** 2 / 2 - np.log(ROOT_TWO_PI)
    return np.array(c), log_g


@lru_cache(maxsize=32)
def _binomials(a: float) -> Array:
    """Return binom(b, 2k) (2k - 1)!! of b = a, a - 1, a - 2 and a - 3, the factors of x^(-2k) in G/x^b."""
    b, factors = a - np.arange(4.0), [np.ones(4)]
    for k in range(SERIES):
        factors.append(factors[-1] * (b - 2 * k) * (b - 2 * k - 1) / (2 * k + 2))
    return np.array(factors)


def _far_above(x: Array, a: float) -> tuple[Array, Array, Array, Array]:
    """Return log G, h, h' and h'' from moments at large x: every derivative lowers the power."""
    y = 1 / (x * x)
    sums = np.zeros((4, *x.shape))
    for row in _binomials(a)[::-1]:
        sums *= y
        sums += row[:, None]
    first = a / x * sums[1] / sums[0]
    second = a * (a - 1) * y * sums[2] / sums[0]
    third = a * (a - 1) * (a - 2) * y / x * sums[3] / sums[0]
    return (a * np.log(x) + np.log(sums[0]), first, second - first**2,
            third - 3 * first * second + 2 * first**3)  # fmt: skip


def _far_below(x: Array, a: float) -> tuple[Array, Array, Array, Array]:
    """Return the same at large -x = y: G ~ Gamma(a + 1) phi(y) y^(-a-1) S(1/y^2); h - y has no cancellation."""
    from math import lgamma

    y, order = -x, a + 1
    t = 1 / (y * y)
    factors = [1.0]
    for k in range(8):
        factors.append(-factors[-1] * (order + 2 * k) * (order + 2 * k + 1) / (2 * k + 2))
    c = np.array(factors)
    s = np.polynomial.polynomial.polyval(t, c)
    # over y: (order S + 2 t S')/S
    rest = (order * s + 2 * np.polynomial.polynomial.polyval(t, c * np.arange(len(c)))) / s / y
    h = y + rest
    h1 = a - h * rest
    log_g = lgamma(order) - y * y / 2 - np.log(ROOT_TWO_PI) - order * np.log(y) + np.log(s)
    return log_g, h, h1, -h - x * h1 - 2 * h * h1
