"""The intensity at which an order of revealing is marginal: where the largest xi''(q) S over its path is one.

Errors of a march are a series in 1/steps with the powers 1, 3/2, 2, the second from the fields next to the edge, which
spread like the root of a step.  Four numbers of steps remove them, and what the last removal changed bounds the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

from amp_theory.ingredients.couplings.base import GeneralCoupling
from amp_theory.ingredients.priors.base import Prior
from amp_theory.phases.revealing.march import first_overlap, march, overlaps_of
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError

#: steps of the marches, each twice the one before, and the powers of 1/steps of their errors
STEPS, POWERS = (32, 64, 128, 256), (1.0, 1.5, 2.0)
#: steps and end of the first looks, and how many intensities they are taken at
COARSE, LAST, LOOKS = 40, 0.97, 24
#: intensities that are looked at, and how finely
INTENSITIES, LOOKED_AT = (1e-12, 1e12), 400
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
    """Return the limit of rows for steps that double, and a bound on its error: what the last removal changed."""
    for power in POWERS[: len(values) - 1]:
        last = values[-1]
        values = values[1:] + (values[1:] - values[:-1]) / (2**power - 1)
    return values[-1], np.abs(values[-1] - last) + 1e-12


class Search:
    """Looks for the marginal intensity of an order."""

    def __init__(self, coupling: GeneralCoupling, prior: Prior, order: str) -> None:
        self.coupling, self.prior, self.order = coupling, prior, order

    def peak(self, intensity: float, steps: int, end: float) -> Peak | None:
        """Return the largest maximum of xi''(q) S away from the start; None if there is none."""
        start = first_overlap(self.coupling, self.prior, intensity)
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

    def bounds(self) -> tuple[float, float] | None:
        """Return intensities below which xi''(q) (1 - q) < 1 at all q, and above which xi''(q) (1 - q)^2 > 1 at one."""
        q = np.linspace(0, LAST, LOOKED_AT)[1:]
        levels = np.log(np.geomspace(*INTENSITIES, LOOKED_AT))
        curvature = self.coupling.curvature(np.exp(levels)[:, None], q, 1 - q)
        above = [np.max(curvature * (1 - q) ** power, axis=1) > 1 for power in (1, 2)]
        if above[0][0] or not above[1][-1]:
            return None
        low, high = (float(np.exp(levels[int(np.argmax(a))])) for a in above)
        return low, high

    def first_look(self) -> tuple[float, Peak] | None:
        """Return the least intensity of a grid at which a maximum exceeds one; None if none does."""
        ends = self.bounds()
        for intensity in np.geomspace(0.9 * ends[0], 1.5 * ends[1], LOOKS) if ends else ():
            found = self.peak(float(intensity), COARSE, LAST)
            if found is not None and found.feedback > 1:
                return float(intensity), found
        return None

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
        end = peak.overlap + BEYOND * (1 - peak.overlap)
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
        raise NumericalError(f"no marginal point of the order {self.order!r} was found in {steps} steps")
