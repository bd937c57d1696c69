"""The intensity at which an order of revealing is marginal: where the largest xi''(q) S over its path is one.

Errors of a march are a series in 1/steps with the powers 1, 3/2, 2, the second from the fields next to the edge, which
spread like the root of a step.  Four numbers of steps remove them.  Where the series holds, a removal changes more than
is left; where it does not, as at a maximum too sharp for few steps, the last one changes what it spoils.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

from amp_theory.ingredients.couplings.base import GeneralCoupling
from amp_theory.ingredients.priors.base import Prior
from amp_theory.phases.revealing.march import first_overlap, last_overlap, march, overlaps_of
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError

#: steps of the marches, each twice the one before, and the powers of 1/steps of their errors
STEPS, POWERS = (32, 64, 128, 256), (1.0, 1.5, 2.0)
#: the error in units of what the last removal changed, and of what the one before did; of secants, amplified
SAFETY, BEFORE, FLOOR = 1.5, 0.125, 1e-10
#: steps of the first looks, and how many intensities they are taken at
COARSE, LOOKS = 40, 24
#: the ratio of intensities between which no further look is taken
CLOSE = 1.1
#: intensities that are looked at, and how finely
INTENSITIES, LOOKED_AT = (1e-12, 1e12), 400
#: the least part of 1 - q = 0.03 at which they are
NEAREST = 1e-4
#: how far beyond the overlap of a maximum marches go, as part of the rest
BEYOND = 0.35
#: overlaps around a maximum through which a polynomial goes
AROUND = 3
MOST_SECANTS = 12


@dataclass(frozen=True)
class Marginal:
    """The intensity, the overlap and the fraction revealed where an order is marginal, and bounds on their errors."""

    intensity: float
    overlap: float
    revealed: float
    errors: tuple[float, float, float]


@dataclass(frozen=True)
class Peak:
    """The largest xi''(q) S of a march, its overlap, and the fraction revealed there."""

    feedback: float
    overlap: float
    revealed: float


def extrapolated(values: Array) -> tuple[Array, Array]:
    """Return the limit of three or more rows for steps that double, and a bound on its error from two removals."""
    limits = [values[-1]]
    for power in POWERS[: len(values) - 1]:
        values = values[1:] + (values[1:] - values[:-1]) / (2**power - 1)
        limits.append(values[-1])
    last, before = np.abs(limits[-1] - limits[-2]), np.abs(limits[-2] - limits[-3])
    return limits[-1], np.maximum(SAFETY * last, BEFORE * before) + FLOOR


def beyond(overlap: float) -> float:
    """Return how far marches go that look for a maximum at an overlap."""
    return overlap + BEYOND * (1 - overlap)


class Search:
    """Looks for the marginal intensity of an order."""

    def __init__(self, coupling: GeneralCoupling, prior: Prior, order: str) -> None:
        self.coupling, self.prior, self.order = coupling, prior, order

    def peak(self, intensity: float, steps: int, end: float | None = None) -> Peak | None:
        """Return the largest maximum of xi''(q) S away from the start; None if there is none."""
        start = first_overlap(self.coupling, self.prior, intensity)
        end = last_overlap(self.coupling, intensity, start) if end is None else end
        if start >= end:
            return None
        overlaps = overlaps_of(self.coupling, intensity, start, end, steps)
        found = march(self.coupling, self.prior, intensity, self.order, overlaps)
        f = found.feedback
        peaks = 1 + np.flatnonzero((f[1:-1] > f[:-2]) & (f[1:-1] >= f[2:]))
        if not len(peaks):
            return None
        k = int(np.clip(peaks[np.argmax(f[peaks])], AROUND, steps - AROUND))
        place = np.arange(-AROUND, AROUND + 1)
        fits = [
            Polynomial.fit(place, row[k - AROUND : k + AROUND + 1], 2 * AROUND)
            for row in (f, overlaps, 1 - found.hidden)
        ]
        turns = fits[0].deriv().roots()
        turns = turns[(np.abs(turns.imag) < 1e-9) & (np.abs(turns.real) < AROUND)].real
        best = float(turns[np.argmax(fits[0](turns))]) if len(turns) else 0.0
        feedback, overlap, revealed = (float(fit(best)) for fit in fits)
        return Peak(feedback, overlap, revealed)

    def top(self, intensity: float, numbers: tuple[int, ...] = STEPS) -> float | None:
        """Return the overlap of the largest maximum, extrapolated from numbers of steps; None if there is none."""
        found = self.peak(intensity, numbers[0])
        if found is None:
            return None
        end = beyond(found.overlap)
        peaks = [self.peak(intensity, steps, end) for steps in numbers]
        places = [peak.overlap for peak in peaks if peak is not None]
        return float(extrapolated(np.array(places))[0]) if len(places) == len(numbers) else found.overlap

    def bounds(self) -> tuple[float, float] | None:
        """Return intensities below which xi''(q) (1 - q) < 1 at all q, and above which xi''(q) (1 - q)^2 > 1 at one."""
        gap = np.concatenate([1 - np.linspace(0, 0.97, LOOKED_AT)[1:], 0.03 * np.geomspace(1, NEAREST, LOOKED_AT)[1:]])
        levels = np.log(np.geomspace(*INTENSITIES, LOOKED_AT))
        curvature = self.coupling.curvature(np.exp(levels)[:, None], 1 - gap, gap)
        above = [np.max(curvature * gap**power, axis=1) > 1 for power in (1, 2)]
        if above[0][0] or not above[1][-1]:
            return None
        low, high = (float(np.exp(levels[int(np.argmax(a))])) for a in above)
        return low, high

    def may_fail(self, intensity: float) -> bool:
        """Return whether xi''(q) (1 - q), a bound on xi''(q) S, exceeds one beyond the first overlap."""
        start = first_overlap(self.coupling, self.prior, intensity)
        gap = (1 - start) * np.geomspace(1, NEAREST, LOOKED_AT)
        return bool(np.any(self.coupling.curvature(np.array(intensity), 1 - gap, gap) * gap > 1))

    def first_look(self) -> tuple[float, Peak] | None:
        """Return about the least intensity of a grid at which a maximum exceeds one; None if none does."""
        ends, below = self.bounds(), 0.0
        for intensity in np.geomspace(0.9 * ends[0], 1.5 * ends[1], LOOKS).tolist() if ends else ():
            found = self.peak(intensity, COARSE) if self.may_fail(intensity) else None
            if found is not None and found.feedback > 1:
                return self.nearer(below or intensity, intensity, found)
            below = intensity
        return None

    def nearer(self, below: float, above: float, found: Peak) -> tuple[float, Peak]:
        """Return the upper one of two intensities and its maximum after halvings, until they are not far apart."""
        while above > CLOSE * below:
            middle = float(np.sqrt(above * below))
            peak = self.peak(middle, COARSE)
            if peak is not None and peak.feedback > 1:
                above, found = middle, peak
            else:
                below = middle
        return above, found

    def marginal(self) -> Marginal | None:
        """Return where the order is marginal first, seen from small intensities; None if it is at no intensity.

        Raises
        ------
        NumericalError
            If it is not found.
        """
        look = self.first_look()
        if look is None:
            return None
        intensity, peak = look
        end = beyond(peak.overlap)
        level, rate, rows = float(np.log(intensity)), 1.0, []
        for steps in STEPS:
            level, rate, found = self.solved(level, rate, steps, end)
            rows.append([level, found.overlap, found.revealed])
        values, errors = extrapolated(np.array(rows))
        at = float(np.exp(values[0]))
        overlap, revealed = float(values[1]), float(values[2])
        return Marginal(at, overlap, revealed, (at * float(errors[0]), float(errors[1]), float(errors[2])))

    def solved(self, level: float, rate: float, steps: int, end: float) -> tuple[float, float, Peak]:
        """Return the logarithm of the intensity at which the maximum is one, its slope there, and the maximum.

        Raises
        ------
        NumericalError
            If a maximum is lost, or secants do not converge.
        """
        before: tuple[float, float] | None = None
        for _ in range(MOST_SECANTS):
            found = self.peak(float(np.exp(level)), steps, end)
            if found is None:
                break
            height = float(np.log(found.feedback))
            if before is not None and level != before[0]:
                rate = (height - before[1]) / (level - before[0])
            if abs(height) < 1e-11:
                return level, rate, found
            before = level, height
            level -= height / rate
        raise NumericalError(
            f"no marginal point of the order {self.order!r} was found in {steps} steps",
            "the order 'random' has an equation of state and an answer; a coupling of lower powers may help",
        )
