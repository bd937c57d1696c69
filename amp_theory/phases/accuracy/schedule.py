"""The best schedule of a number of steps: from equal parts of int sqrt(g) ds to where no strength can be moved.

The loss is a sum over neighbouring strengths, so that its second derivatives form a tridiagonal matrix: Newton's method
takes a few steps from the limit of many.  Where the sampler's branch ends the denoiser is asked anew right away; where
strengths have no end the last draw comes earlier than in that limit, where it loses as much as a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_banded

from amp_theory.phases.accuracy.along import mapped
from amp_theory.phases.accuracy.stays import points_on
from amp_theory.phases.accuracy.steps import Answers, Stepping
from amp_theory.tools.arrays import Array

#: places of a stay at which int sqrt(g) ds is tabulated, up to which part of an endless one, and where that may be cut
PLACES, FARTHEST, CUTS = 200, 0.98, 24
#: steps up to which schedules are improved, Newton steps, differences of strengths, and the gain that ends it, relative
IMPROVED, NEWTON, DIFFERENCE, ENOUGH = 1000, 40, 1e-5, 1e-6
#: schedules divided otherwise among the stays that are improved too: how many, and how much more they may lose before
TRIED, NEAR = 2, 1.03


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
            s, speed = mapped(stepping.eos, stay, t)
            told = np.array([s, *stepping.told(points_on(stepping.eos, stay.branch, stepping.intensity, s))])
            start = stepping.answers(first + stay.start)
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

    def candidates(self, steps: int, cuts: Array) -> Iterator[Array]:
        """Yield schedules at equal parts as rows: of several numbers of steps on each stay, the last cut at parts."""
        stays, whole = len(self.lengths), self.whole()
        if steps < stays:
            yield np.column_stack([row[:, 0] for row in self.rows[:steps]])
            return
        options = [range(max(1, int(x) - 1), int(x) + 3) for x in (steps * whole / whole.sum())[:-1]]
        for counts in product(*options):
            last = steps - sum(counts)
            if last < 1:
                continue
            parts = [self.placed(n, np.arange(count) / count) for n, count in enumerate(counts)]
            for cut in cuts:
                # a range that ends is cut where a last step leads to its end
                yield np.column_stack([*parts, self.placed(stays - 1, np.arange(last) / max(last - 1, 1) * cut)])

    def ordered(self, steps: int) -> list[Array]:
        """Return schedules that may be near the best, the best one of every division among the stays first."""
        cuts = np.linspace(1 / CUTS, 1.0, CUTS) if self.endless else np.array([1 - 1 / steps])
        found = sorted(self.candidates(steps, cuts), key=lambda rows: self.stepping.total(Answers(*rows)))
        most = NEAR * self.stepping.total(Answers(*found[0]))
        best: dict[bytes, Array] = {}
        for rows in found:
            best.setdefault(self.stepping.stay_of(rows[0]).tobytes(), rows)
        return [rows[0] for rows in best.values() if self.stepping.total(Answers(*rows)) <= most]


def equal_parts(stepping: Stepping, steps: int) -> Array:
    """Return the internal strengths at equal parts of int sqrt(g) ds: the best ones in the limit of many steps."""
    tables = StepTables(stepping)
    whole = tables.whole()
    division = min(
        tables.candidates(steps, np.array([1.0])), key=lambda rows: stepping.total(Answers(*rows)), default=None
    )
    assert division is not None
    counts = np.bincount(stepping.stay_of(division[0]), minlength=len(whole))
    return np.concatenate([tables.placed(n, np.arange(count) / max(count, 1))[0] for n, count in enumerate(counts)])


def best_strengths(stepping: Stepping, steps: int) -> Array:
    """Return the internal strengths at which a sampler of so many steps had best ask its denoiser."""
    found = StepTables(stepping).ordered(steps)
    if steps == 1 or steps > IMPROVED:
        return found[0]
    best = [improved(stepping, strength) for strength in found[:TRIED]]
    return min(best, key=lambda pair: pair[1])[0]


def improved(stepping: Stepping, strength: Array) -> tuple[Array, float]:
    """Return a schedule from which no strength can be moved within its stay to lose less, and what it loses."""
    least = np.array([stepping.stays[n].start for n in stepping.stay_of(strength)])
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
    step = solve_banded((1, 1), bands, np.where(free, -slope, 0.0))
    if slope @ step > 0:  # not near a minimum yet: down the slope
        step = np.where(free, -slope / np.abs(bands[1]), 0.0)
    return step, -float(slope @ step)
