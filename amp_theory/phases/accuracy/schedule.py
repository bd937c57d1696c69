"""The best schedule of a number of steps: from equal parts of int sqrt(g) ds to where no strength can be moved.

The loss is a sum over neighbouring strengths, so that its second derivatives form a tridiagonal matrix: Newton's method
takes a few steps from the limit of many.  Where the sampler's branch ends the denoiser is best asked anew right away.
That is an infimum which no schedule attains: on the end itself rounding decides between two branches, so that strengths
step over it by a small relative distance.  A few steps may leave out the last branches.  Where
strengths have no end the last draw comes earlier than in that limit, where it loses as much as a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_banded
from scipy.optimize import minimize_scalar

from amp_theory.phases.accuracy.along import mapped
from amp_theory.phases.accuracy.stays import Stay, points_on
from amp_theory.phases.accuracy.steps import Answers, Stepping
from amp_theory.tools.arrays import Array

#: places of a stay at which int sqrt(g) ds is tabulated, up to which part of an endless one, and where that may be cut
PLACES, FARTHEST, CUTS = 200, 0.98, 24
#: steps up to which schedules are improved, Newton steps, differences of strengths, and the gain that ends it, relative
IMPROVED, NEWTON, DIFFERENCE, ENOUGH = 1000, 40, 1e-5, 1e-6
#: steps up to which those of a given number are at their best, beyond which they follow the limit of many
FINEST = 16
#: steps that are few: schedules divided otherwise among the stays are improved too, so many of them, if they lose less
#: than so many times the best before; and how many times that is for more steps
FEW, TRIED, FAR, NEAR = 4, 3, 1.5, 1.03


class StepTables:
    """What the denoiser tells, and int sqrt(g) ds, along every stay: to place strengths, and to compare schedules."""

    def __init__(self, stepping: Stepping) -> None:
        """Tabulate the stays of a sampler."""
        stepping.check_many()
        self.stepping = stepping
        self.rows: list[Array] = []
        self.lengths: list[Array] = []
        first = np.array([0.0])
        for number, stay in enumerate(stepping.stays):
            top = FARTHEST if np.isinf(stepping.end(stay)) else 1.0
            t = top * (np.arange(PLACES) + 0.5) / PLACES
            s, speed = mapped(stepping.eos, Stay(stay.branch, stepping.entries[number], stay.stop), t)
            told = np.array([s, *stepping.told(points_on(stepping.eos, stay.branch, stepping.intensity, s))])
            start = stepping.answers(first + stepping.entries[number])
            self.rows.append(
                np.column_stack([[getattr(start, name)[0] for name in Answers.__dataclass_fields__], told])
            )
            stepping.known[number] = s, told[3]
            density = np.sqrt(np.maximum(told[6], 0.0)) * speed * top / PLACES
            self.lengths.append(np.concatenate([[0.0], np.cumsum(density) - density / 2]))

    @property
    def endless(self) -> bool:
        """Whether the strength has no end."""
        return bool(np.isinf(self.stepping.end(self.stepping.stays[-1])))

    def placed(self, number: int, parts: Array) -> Array:
        """Return what the denoiser tells at parts in [0, 1] of the length of one stay, as rows."""
        length = self.lengths[number]
        return np.array([np.interp(parts * length[-1], length, row) for row in self.rows[number]])

    def whole(self) -> Array:
        """Return the lengths of all stays."""
        return np.array([length[-1] for length in self.lengths])

    def candidates(self, steps: int) -> Iterator[Array]:
        """Yield schedules at equal parts as rows: of several numbers of steps on each stay, the last cut at parts.

        A few steps may be best off without the last stays: all that is beyond is drawn at once.
        """
        stays, grid = len(self.lengths), np.linspace(1 / CUTS, 1.0, CUTS)
        for used in range(1, min(stays, steps) + 1):
            # a range that ends is cut where a last step leads to its end
            cuts = grid if self.endless or used < stays else np.array([1 - 1 / steps])
            yield from (self.divided(counts, cut) for counts in self.divisions(steps, used) for cut in cuts)

    def divisions(self, steps: int, used: int) -> Iterator[tuple[int, ...]]:
        """Yield numbers of steps on the first stays, so many of them, about in proportion to their lengths."""
        whole = self.whole()[:used]
        options = [range(max(1, int(x) - 1), int(x) + 3) for x in (steps * whole / whole.sum())[:-1]]
        for counts in product(*options):
            if sum(counts) < steps:
                yield (*counts, steps - sum(counts))

    def equal_parts(self, steps: int) -> Array:
        """Return strengths at equal parts of all lengths, the best in the limit of many steps, when K KL/N -> C."""
        every = self.divisions(steps, len(self.lengths))
        return np.asarray(min((self.divided(c, 1 - 1 / c[-1]) for c in every), key=self.loss)[0])

    def divided(self, counts: Sequence[int], cut: float) -> Array:
        """Return the schedule at equal parts with so many steps on each stay, the last one used cut at a part."""
        parts = [self.placed(n, np.arange(count) / count) for n, count in enumerate(counts[:-1])]
        last = self.placed(len(counts) - 1, np.arange(counts[-1]) / max(counts[-1] - 1, 1) * cut)
        return np.column_stack([*parts, last])

    def loss(self, rows: Array) -> float:
        """Return what a schedule loses by what is tabulated."""
        return self.stepping.total(Answers(*rows))

    def ordered(self, steps: int) -> list[Array]:
        """Return schedules that may be near the best, the best one of every division among the stays first."""
        found = sorted(((self.loss(rows), rows) for rows in self.candidates(steps)), key=lambda pair: pair[0])
        most = (FAR if steps <= FEW else NEAR) * found[0][0]
        best: dict[bytes, Array] = {}
        for loss, rows in found:
            if loss <= most:
                best.setdefault(self.stepping.stay_of(rows[0]).tobytes(), rows[0])
        return list(best.values())

    def cut_best(self, strength: Array) -> Array:
        """Return the schedule at equal parts with as many steps on each stay, cut where it loses least."""
        counts = np.bincount(self.stepping.stay_of(strength)).tolist()
        cut = minimize_scalar(lambda part: self.loss(self.divided(counts, part)), bounds=(0.0, 1.0), method="bounded").x
        return np.asarray(self.divided(counts, float(cut))[0])


def best_strengths(stepping: Stepping, steps: int) -> Array:
    """Return the internal strengths at which a sampler of so many steps had best ask its denoiser.

    They are moved until nothing can be gained up to so many steps; more are at equal parts, or between those.
    """
    tables = StepTables(stepping)
    found = tables.ordered(min(steps, IMPROVED))
    if steps == 1:
        return found[0]
    best = [improved(stepping, strength) for strength in found[: TRIED if steps <= FEW else 1]]
    strength = min(best, key=lambda pair: pair[1])[0]
    if steps <= IMPROVED:
        return strength
    both = denser(strength, steps), tables.cut_best(tables.ordered(steps)[0])
    return min(both, key=lambda schedule: stepping.total(stepping.answers(schedule)))


def many_strengths(stepping: Stepping, steps: int) -> Array:
    """Return strengths at equal parts, or those of `FINEST` steps at their best where these few lose less."""
    few = best_strengths(stepping, min(steps, FINEST))
    if steps <= FINEST:
        return few
    both = few, StepTables(stepping).equal_parts(steps)
    return min(both, key=lambda schedule: stepping.total(stepping.answers(schedule)))


def denser(strength: Array, steps: int) -> Array:
    """Return a schedule with strengths between, which can lose no more."""
    while (lacking := steps - len(strength)) > 0:
        widest = np.argsort(-np.diff(strength), kind="stable")[:lacking]
        strength = np.sort(np.append(strength, (strength[widest] + strength[widest + 1]) / 2))
    return strength


def improved(stepping: Stepping, strength: Array) -> tuple[Array, float]:
    """Return a schedule from which no strength can be moved within its stay to lose less, and what it loses."""
    least = np.array(stepping.entries)[stepping.stay_of(strength)]
    best, loss, step = strength, np.inf, np.zeros(len(strength))
    for _ in range(NEWTON):
        s = np.maximum(best + step, least)
        good = np.array_equal(stepping.stay_of(s), stepping.stay_of(strength)) and bool(np.all(np.diff(s) > 0))
        if good and s[-1] < stepping.end(stepping.stays[-1]):
            moved, shift = _moved(s)
            a = stepping.answers(moved)
            value = stepping.total(Answers(*(getattr(a, name)[0] for name in Answers.__dataclass_fields__)))
            if value < loss:
                best, loss = s, value
                step, promised = _newton(stepping.slope(a), shift, s > least)
                if promised <= ENOUGH * loss:
                    break
                continue
        step = step / 2
    return best, loss


def _moved(s: Array) -> tuple[Array, Array]:
    """Return a schedule, and the same three times with every third strength moved; and by how much."""
    shift = DIFFERENCE * np.diff(s, append=2 * s[-1] - s[-2])
    moved = np.repeat(s[None], 4, axis=0)
    for colour in range(3):
        moved[colour + 1, colour::3] += shift[colour::3]
    return moved, shift


def _newton(slopes: Array, shift: Array, inside: npt.NDArray[np.bool_]) -> tuple[Array, float]:
    """Return Newton's step from the slopes at what `_moved` returns, and what it promises to gain.

    A strength at which a branch begins moves only where that loses less; the first one, zero, never.
    """
    slope, changes = slopes[0], slopes[1:] - slopes[0]
    n = len(slope)
    free = inside | (slope < 0)
    free[0] = False
    bands = np.zeros((3, n))
    column = np.arange(n)
    # moving a strength changes its own slope and those of its neighbours
    for band, neighbour in enumerate((-1, 0, 1)):
        row = column + neighbour
        known = (row >= 0) & (row < n)
        known[known] &= free[row[known]] & free[column[known]]
        bands[band, known] = changes[column[known] % 3, row[known]] / shift[known]
    bands[1, ~free] = 1.0
    try:
        step = solve_banded((1, 1), bands, np.where(free, -slope, 0.0))
    except np.linalg.LinAlgError:  # a strength counts for nothing, within rounding
        return np.zeros(n), 0.0
    if slope @ step > 0:  # not near a minimum yet: down the slope
        step = np.divide(-slope, np.abs(bands[1]), where=free & (bands[1] != 0), out=np.zeros(n))
    return step, -float(slope @ step)
