"""The least slope S* = dG/dx that any memoryless side information allows at an overlap q and an snr x.

Side information is the law mu of the posterior pi that it leaves of one variable alone, E pi = P0.  After a Gaussian
channel of snr x on top, e(pi; x) = E Var and s(pi; x) = E Var^2, and both are linear in mu:

    S*(q, x) = min over mu of E s(pi; x)   subject to   E e(pi; x) = rho - q,   E pi = P0.

Unbiased spins.  pi is a magnetisation of modulus r, h = atanh r, u ~ N(0, x):
e = sqrt(1 - r^2) e^(-x/2) E sech(u + h), s the same with sech^3.  As r goes from 0 to 1 the curve s(e) is convex, which
is proven so.  Given r, the modulus k of the field after the channel has the density

    e^(-x/2) sqrt(2/(pi x)) e^(-(h^2 + k^2)/(2 x)) cosh(h k/x) cosh(k)/cosh(h),      h, k >= 0.

The kernel cosh(h k/x) is a series of (h k)^(2 n) with positive coefficients, hence totally positive, and averages
over k have no more changes of sign in h than what is averaged has in k, and as many only in the same order (the
variation diminishing property; S. Karlin, Total Positivity, 1968).  Now e = E c and s = E c^2 with c = sech^2 k, and
c^2 - a - b c is positive, negative and positive again, or changes its sign less often, as k grows.  So does
s - a - b e in h: no line lies below the curve s(e) in the middle and above it on both sides, which is convexity.  Hence
the least slope is that of one r, and the largest is that of the chord between r = 0 and r = 1.

Gaussian variables.  s >= e^2 by Jensen's inequality, and E s >= (rho - q)^2; posteriors of one variance attain it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.ingredients.paths.uniform_channel import UniformValues, uniform_channel
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.named import Gaussian, Rademacher
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import InputError
from amp_theory.tools.registration import ByClass
from amp_theory.tools.roots import solve_bracketed


@dataclass(frozen=True)
class LeastSlope:
    """The optimum of the programme at one overlap and snr.

    overlap q and snr x; slope S*; greatest: the largest slope at the same overlap, None if it is not known; law: pairs
    of a weight and what its posterior is before the channel, the probabilities of the prior's values, (r,) of a spin,
    (variance,) of a Gaussian; multipliers: b of the uncertainty, then those of the prior's values (one for all of them
    if all have the same); reduced_cost: the least of s - b e - the prior's multipliers over all posteriors, which is
    zero at the optimum; error: a bound on the error of the slope.
    """

    overlap: float
    snr: float
    slope: float
    greatest: float | None
    law: tuple[tuple[float, tuple[float, ...]], ...]
    multipliers: tuple[float, ...]
    reduced_cost: float
    error: float


@ByClass
def least_slope(prior: Prior, overlap: float, snr: float) -> LeastSlope:
    """Return the least slope at an overlap q in (M(x), rho) and an snr x > 0.

    Raises
    ------
    InputError
        If no optimum is known for the prior.
    """
    raise InputError(
        f"best_path has no optimum over side information about {prior!r}: it is there for two to six values and for "
        "standard Gaussian variables; for any prior xi''(q) (rho - q)^2 < 1 is necessary (Jensen)"
    )


@ByClass
def least_slopes(prior: Prior, gap: Array, snr: Array) -> Array:
    """Return the least slopes at uncertainties rho - q and snrs of one shape (n,), as `least_slope` does for one."""
    return np.array([found.slope for found in _one_by_one(prior, gap, snr)])


@ByClass
def greatest_slopes(prior: Prior, gap: Array, snr: Array) -> Array:
    """Return the largest slopes at uncertainties rho - q and snrs of one shape (n,), NaN where they are not known."""
    found = [point.greatest for point in _one_by_one(prior, gap, snr)]
    return np.array([np.nan if value is None else value for value in found])


def _one_by_one(prior: Prior, gap: Array, snr: Array) -> list[LeastSlope]:
    pairs = zip((prior.second_moment - gap).tolist(), snr.tolist(), strict=True)
    return [least_slope(prior, overlap, x) for overlap, x in pairs]


def _flips(gap: Array, snr: Array) -> tuple[Array, UniformValues]:
    """Return the 1 - r^2 that leaves spins the uncertainty 1 - q = gap, and the channel there."""

    def uncertainty(level: Array, which: Index) -> tuple[Array, Array]:
        """Return log(e/(1 - q)) and its slope at the logarithm of 1 - r^2."""
        rest = np.exp(level)
        found = uniform_channel(snr[which], 1 - rest, with_entropy=False)
        return np.log(found.gap / gap[which]), found.overlap_v * rest / found.gap

    start = np.log(gap)  # e <= 1 - r^2, which is known to a rounding of one
    level = solve_bracketed(
        uncertainty, start - 1e-3, np.zeros(start.shape), True, np.minimum(start, -EPS), noise=4 * EPS / gap
    )
    return np.exp(level), uniform_channel(snr, 1 - np.exp(level), with_entropy=False)


@least_slope.register(Rademacher)
def _of_spins(prior: Rademacher, overlap: float, snr: float) -> LeastSlope:
    gap = 1 - overlap
    here = np.array([gap]), np.array([snr])
    rest, found = _flips(*here)
    slope, b = float(found.overlap_x[0]), float(-found.overlap_xv[0] / found.overlap_v[0])
    law = ((1.0, (float(np.sqrt(1 - rest[0])),)),)
    error = 8 * EPS * (slope + abs(b) * gap)
    greatest = float(_greatest_of_spins(prior, *here)[0])
    return LeastSlope(
        overlap, snr, slope=slope, greatest=greatest, law=law, multipliers=(b, slope - b * gap), reduced_cost=0.0,
        error=error,
    )  # fmt: skip


@least_slopes.register(Rademacher)
def _least_of_spins(prior: Rademacher, gap: Array, snr: Array) -> Array:
    return _flips(gap, snr)[1].overlap_x


@greatest_slopes.register(Rademacher)
def _greatest_of_spins(prior: Rademacher, gap: Array, snr: Array) -> Array:
    hidden = prior.table(snr)
    return hidden.slope * gap / hidden.mmse


@least_slope.register(Gaussian)
def _of_gaussians(prior: Gaussian, overlap: float, snr: float) -> LeastSlope:
    gap = 1 - overlap
    variance = gap / (1 - snr * gap)
    return LeastSlope(
        overlap, snr, slope=gap * gap, greatest=None, law=((1.0, (variance,)),), multipliers=(2 * gap, -gap * gap),
        reduced_cost=0.0, error=2 * EPS * gap * gap,
    )  # fmt: skip


@least_slopes.register(Gaussian)
def _least_of_gaussians(prior: Gaussian, gap: Array, snr: Array) -> Array:
    return gap**2
