"""Where xi''(q) S = 1 for slopes of the linear programme: as `marginal`, one overlap after the other.

A programme is solved in full at the first overlap only, and followed from there by Newton's method, which takes far
less time; the place of every result is looked at on the programme's grid.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from amp_theory.ingredients.couplings.base import GeneralCoupling
from amp_theory.ingredients.priors.named import MixturePrior
from amp_theory.phases.optimal.marginal import MarginalPoint, SlopeMargin
from amp_theory.phases.optimal.order import Law
from amp_theory.phases.optimal.programme import Atoms, Optimum, law_of, optimum
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError

#: steps of the secant method, and the accuracy of the logarithm of the snr
STEPS, ACCURACY = 50, 1e-12
#: the logarithm of xi'' S at which it is one, within rounding: for rare atoms it hardly depends on the snr
ROUNDING = 5e-13
#: its longest step: where the worst path reveals zeros only, xi'' S = p - 1 at q -> 0, whatever the snr is
LONGEST = 1.0


class ProgrammeMargin(SlopeMargin):
    """The line of the least slope (sign 1) or the greatest (-1) of a prior of few atoms."""

    def __init__(
        self, coupling: GeneralCoupling, prior: MixturePrior, sign: float, error: float, highest: float
    ) -> None:
        self.mixture, self.atoms, self.sign = prior, Atoms.of(prior), sign
        least = float(prior.mmse(self.atoms.largest_snr))
        super().__init__(coupling, prior, self._slopes, error, min(highest, np.log(prior.variance / least - 1)))
        self.near: Optimum | None = None
        self.level, self.gap = -0.1, np.inf
        self.found: dict[float, float] = {}

    def _slopes(self, gap: Array, snr: Array) -> Array:
        return np.array([self._slope(u, x) for u, x in zip(gap.tolist(), snr.tolist(), strict=True)])

    def _slope(self, gap: float, snr: float) -> float:
        unit = self.atoms.unit
        self.near = self.atoms.programme(snr, self.sign).followed(gap / unit**2, self.near)
        self.gap = self.near.error * unit**4
        return self.near.slope * unit**4

    def first(self) -> MarginalPoint | str:
        """Return the point of least intensity, with the gap that its certificate leaves, or why there is none."""
        found = super().first()
        if isinstance(found, str):
            return found
        overlap, gap, snr = found.overlap, self.rho - found.overlap, found.snr
        proven, size = optimum(self.mixture, gap, snr, self.sign), self.atoms.unit**4
        slope = proven.slope * size
        self.gap = proven.error * size if proven.proven else 0.0
        curvature = float(self.coupling.at(*np.array([overlap, gap, snr])).curvature)
        missed = abs(curvature * slope - 1) + self.gap / slope
        factor = 1 + missed * found.intensity / found.intensity_error
        return replace(
            found, intensity_error=factor * found.intensity_error, overlap_error=factor * found.overlap_error
        )

    def laws(self, overlaps: Array, snrs: Array) -> list[Law]:
        """Return the optimal laws at overlaps, each followed from the one before."""
        laws = []
        for gap, snr in zip((self.rho - overlaps).tolist(), snrs.tolist(), strict=True):
            self._slope(gap, snr)
            assert self.near is not None
            laws.append(law_of(self.atoms, self.near))
        return laws

    def last(self, place: Array) -> Array:
        """Return xi''(q) S - 1 at the largest snr, at which only the prior itself leaves the uncertainty."""
        overlap, gap = self.overlaps(place)
        snr = self.largest_snr(gap)
        return np.asarray(self.coupling.at(overlap, gap, snr).curvature * self.prior.table(snr).slope - 1)

    def snrs(self, place: Array) -> Array:
        """Return the snr of the line at every place, NaN where there is none."""
        overlap, gap = self.overlaps(place)
        most = np.where(self.last(place) > 0, self.largest_snr(gap), np.nan)
        for key, *here in zip(place.tolist(), overlap.tolist(), gap.tolist(), most.tolist(), strict=True):
            if key not in self.found:
                self.found[key] = self._root(*here) if np.isfinite(here[-1]) else np.nan
        return np.array([self.found[key] for key in place.tolist()])

    def _root(self, overlap: float, gap: float, most: float) -> float:
        """Return the snr of the line at one overlap: the secant method, kept between changes of sign."""

        def excess(level: float) -> float:
            curvature = self.coupling.at(*np.array([overlap, gap, most * np.exp(level)])).curvature
            return float(np.log(curvature * self._slope(gap, most * np.exp(level))))

        low, high = -np.inf, 0.0
        before, level = min(self.level, -1e-9), min(self.level, -1e-9) - 1e-3
        value = excess(before)
        for _ in range(STEPS):
            now = excess(level)
            low, high = (level, high) if now < 0 else (low, level)
            step = -now * (level - before) / (now - value) if now != value else 0.0
            if abs(step) < ACCURACY or abs(now) < ROUNDING:
                self.level = level
                return most * float(np.exp(level))
            aim = level + float(np.clip(step, -LONGEST, LONGEST))
            if not low < aim < high:
                aim = 0.5 * (low + high) if np.isfinite(low) else 2 * level
            before, value, level = level, now, aim
        raise NumericalError(f"no snr was found at which the slope is marginal at q = {overlap:.6g}")
