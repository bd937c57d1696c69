"""Where xi''(q) S = 1 first: the least intensity at which no path with the slope S(q, x) is stable at all overlaps.

At given q the snr x = xi'(q) at which xi''(q) S(q, x) = 1 is a root in one variable, between zero and where the other
variables alone provide the overlap, M(x) = q; there is none where q is stable whatever the control.  That gives the
intensity as a function of q, whose least local minimum is the threshold: below that intensity all overlaps above the
start are stable.  The minimum is that of a Chebyshev interpolant; its error is what the last coefficients contribute,
and what the errors of the slope do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from amp_theory.ingredients.couplings.base import GeneralCoupling
from amp_theory.ingredients.priors.base import Prior
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.chebyshev import analysis, nodes
from amp_theory.tools.roots import crossings, solve_bracketed

#: S at uncertainties rho - q and snrs x of one shape
Slopes = Callable[[Array, Array], Array]
#: where overlaps are looked at first, log of (q - M(0))/(rho - q), and how far apart
LOWEST, HIGHEST, SPACING = -8.0, 17.0, 0.5
#: half widths of interpolants next to a minimum, each tried if the one before is not good enough, and their nodes
WIDTHS, NODES, ENOUGH = (0.5, 0.15, 0.05, 0.015), 10, 1e-13
#: places next to the start from which the limit of the line there is extrapolated
NEXT = np.array([-8.0, -7.5, -7.0, -6.5, -6.0])
#: differences of the logarithm of the intensity below this are none
FLAT = 1e-10


@dataclass(frozen=True)
class MarginalPoint:
    """The intensity, overlap and snr where a slope is marginal first, and bounds on the errors of the first two."""

    intensity: float
    overlap: float
    snr: float
    intensity_error: float
    overlap_error: float


class SlopeMargin:
    """The line xi''(q) S(q, x) = 1 of a coupling, a prior and a slope with a relative error, up to place `highest`."""

    def __init__(
        self, coupling: GeneralCoupling, prior: Prior, slopes: Slopes, error: float, highest: float = HIGHEST
    ) -> None:
        self.coupling, self.prior, self.slopes, self.error, self.highest = coupling, prior, slopes, error, highest
        self.rho = prior.second_moment

    def overlaps(self, place: Array) -> tuple[Array, Array]:
        """Return q and rho - q at places log (q - M(0))/(rho - q)."""
        gap = self.prior.variance / (1 + np.exp(place))
        return self.rho - gap, gap

    def stability(self, snr: Array, overlap: Array, gap: Array) -> Array:
        """Return xi''(q) S - 1 where xi'(q) = x."""
        with np.errstate(all="ignore"):
            curvature = self.coupling.at(overlap, gap, snr).curvature
        return np.asarray(curvature * self.slopes(gap, snr) - 1)

    def largest_snr(self, gap: Array) -> Array:
        """Return the snr at which the other variables alone leave the uncertainty rho - q."""
        table, unit = self.prior.table, 1 / self.prior.variance

        def rest(level: Array, which: Index) -> tuple[Array, Array]:
            x = np.exp(level)
            values = table(x)
            with np.errstate(all="ignore"):
                return np.log(values.mmse / gap[which]), -values.slope * x / values.mmse

        low = np.full(gap.shape, np.log(1e-12 * unit))
        high = np.full(gap.shape, np.log(min(1e12 * unit, self.prior.largest_snr)))
        return np.exp(solve_bracketed(rest, low, high, False, -np.log(gap), absolute=1e-12))

    def snrs(self, place: Array) -> Array:
        """Return the snr of the line at every place, NaN where there is none."""
        overlap, gap = self.overlaps(place)
        most = self.largest_snr(gap) * (1 - 1e-9)
        return crossings(lambda snr, which: self.stability(snr, overlap[which], gap[which]), 1e-6 * most, most)

    def intensities(self, place: Array) -> Array:
        """Return the intensity of the line at every place, NaN where there is none."""
        snr = self.snrs(place)
        with np.errstate(all="ignore"):
            intensity = self.coupling.at(*self.overlaps(place), snr).intensity
        # couplings that are tables may answer for no snr, too
        return np.where(np.isnan(snr), np.nan, intensity)

    def last(self, place: Array) -> Array:
        """Return xi''(q) S - 1 at the largest snr."""
        overlap, gap = self.overlaps(place)
        return self.stability(self.largest_snr(gap) * (1 - 1e-9), overlap, gap)

    def edges(self, place: Array, ends: Bools) -> Array:
        """Return where the line begins or ends between places: xi''(q) S = 1 at the largest snr."""
        return crossings(lambda where, which: self.last(where), place[:-1][ends], place[1:][ends], absolute=1e-6)

    def first(self) -> MarginalPoint | str:
        """Return the point of least intensity, or why there is none."""
        grid = np.arange(LOWEST, self.highest + SPACING / 2, SPACING)
        exists = self.last(grid) > 0
        edges = self.edges(grid, exists[1:] != exists[:-1])
        # the line may turn just before it ends
        place = np.sort(np.concatenate([grid, *(edges + d for d in (-0.25, -0.1, -2e-6, 2e-6, 0.1, 0.25))]))
        intensity = self.intensities(place)
        if np.any(intensity <= 0):
            return "xi''(q) S >= 1 at an overlap for every control: what no control scales is enough"
        level = np.log(intensity)
        lowest = level[1:-1] + FLAT + self.error < np.minimum(level[:-2], level[2:])
        found = [self.refined(float(place[1 + k]), edges) for k in np.flatnonzero(lowest)]
        if found:
            return min(found, key=lambda point: point.intensity)
        return self.missing(level)

    def missing(self, level: Array) -> str:
        """Return why the line, of which logarithms of the intensity are given, has no least one."""
        if np.isnan(level).all():
            return "xi''(q) S < 1 at all overlaps above the start that were looked at, for every control"
        least = int(np.nanargmin(level))
        if least == len(level) - 1:
            return "xi''(q) S = 1 at ever harder controls as q goes to E s^2, as far as was searched: none is the first"
        where = "as q falls to its start, which is no state of a path" if least == 0 else "where nothing is revealed"
        return f"xi''(q) S = 1 is met first {where}: it has no least control in between"

    def limit(self) -> MarginalPoint | None:
        """Return what the line tends to as q falls to its start; None if it does not fall to it from there on."""
        intensity = self.intensities(NEXT)
        if not np.all(np.diff(intensity) > 0):
            return None
        overlap = self.overlaps(NEXT)[0]
        start = float(self.rho - self.prior.variance)
        # a power series in q; what its last term contributes is the error
        fits = [Polynomial.fit(overlap[:n], intensity[:n], n - 1)(start) for n in (len(NEXT) - 1, len(NEXT))]
        # which snr is marginal hardly matters there, so that rounding moves it far
        error = abs(float(fits[1] - fits[0])) + float(fits[1]) * self.error * float(np.exp(-NEXT[0]))
        return MarginalPoint(float(fits[1]), start, 0.0, error, 0.0)

    def refined(self, place: float, edges: Array) -> MarginalPoint:
        """Return the minimum of the intensity next to a place."""
        for width in WIDTHS:
            half = min(width, 0.9 * float(np.min(np.abs(edges - place), initial=np.inf)))
            level = np.log(self.intensities(nodes(place - half, place + half, NODES)))
            curve = Chebyshev(analysis(NODES) @ level, domain=[place - half, place + half])
            turns = curve.deriv().roots()
            real = turns[np.abs(turns.imag) < 1e-6].real
            place = float(real[np.argmin(np.abs(real - place))])
            rest = float(np.abs(curve.coef[-2:]).sum())
            if rest < ENOUGH:
                break
        overlap, gap = (float(x) for x in self.overlaps(np.array(place)))
        # 1 - r^2 is known to a rounding of one
        rest += 4 * (self.error + EPS * self.prior.variance / gap)
        moved = rest * NODES**2 / half / float(curve.deriv(2)(place))
        intensity = float(np.exp(curve(place)))
        snr = float(self.snrs(np.array([place]))[0])
        overlap_error = moved * gap * (self.prior.variance - gap) / self.prior.variance
        return MarginalPoint(intensity, overlap, snr, intensity * rest, overlap_error)
