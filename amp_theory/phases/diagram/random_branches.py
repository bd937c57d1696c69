"""Where branches of many isotherms of a random measure begin, end, and have equal free entropy.

Between neighbouring folds the strength rises or falls: branch j of an isotherm begins at its fold 2j - 1 and ends at
its fold 2j, the first begins at the base and the last ends nowhere.  At strengths s >= 0 the branch in equilibrium is
that of largest free entropy; where it changes is a first-order transition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import ROUNDING, Isotherms, Points
from amp_theory.phases.geometry.geometry import MERGED
from amp_theory.phases.geometry.random_measures import BEFORE, branch_cells
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.roots import solve_bracketed

#: accuracy with which branches are known before Newton steps, and how many of these
NEAR, STEPS = 1e-4, 30
#: rounding of free entropies, in their units
NOISE = ROUNDING / 8


class LinePoints(NamedTuple):
    """Points of a line by isotherm and growing strength: coordinates, and of the lower branch of first-order ones."""

    rows: Index
    z: Array
    lower: Array
    strength: Array


@dataclass(frozen=True)
class Branches:
    """Isotherms, what is known on a grid, their folds, shape (n, most), and the strengths there."""

    isotherms: Isotherms
    grid: Array
    every: Points
    folds: Array
    strength: Array

    @classmethod
    def of(cls, isotherms: Isotherms, every: Points, folds: Array) -> Branches:
        """Return the branches between folds that are padded with NaN."""
        if folds.shape[1] % 2:
            folds = np.hstack([folds, np.full((len(folds), 1), np.nan)])
        known = np.where(np.isnan(folds), isotherms.grid[0], folds)
        strength = isotherms.points(known).strength if folds.size else folds
        return cls(isotherms, isotherms.grid, every, folds, np.where(np.isnan(folds), np.nan, strength))

    def take(self, rows: Index) -> Branches:
        """Return some of the isotherms."""
        every = self.every.select(rows)
        return Branches(self.isotherms.take(rows), self.grid, every, self.folds[rows], self.strength[rows])

    def spinodals(self, first: int) -> LinePoints:
        """Return the folds at which branches end, `first` = 0, or begin, `first` = 1."""
        folds, strength = self.folds[:, first::2], self.strength[:, first::2]
        with np.errstate(invalid="ignore"):
            rows, k = np.nonzero(strength > 0)
        order = np.lexsort((strength[rows, k], rows))
        rows, k = rows[order], k[order]
        return LinePoints(rows, folds[rows, k], np.full(len(rows), np.nan), strength[rows, k])

    def first_order(self) -> LinePoints:
        """Return where the branch in equilibrium changes."""
        pairs = self._pairs()
        ahead, crosses = pairs.leads()
        cross = pairs.take(np.flatnonzero(crosses))
        upper, lower, strength = cross.balanced()
        if self.folds.shape[1] > 2:
            chosen = self._in_equilibrium(pairs, ahead, cross, strength)
        else:
            chosen = np.arange(len(strength))
        return LinePoints(cross.rows[chosen], upper[chosen], lower[chosen], strength[chosen])

    def _ends(self) -> tuple[Array, Array, Array, Array]:
        """Return the coordinates and the strengths at which branches begin and end, shape (n, branches)."""
        none = np.full((len(self.folds), 1), np.nan)
        first = np.full_like(none, BEFORE)
        begin, stop = np.hstack([first, self.folds[:, 1::2]]), np.hstack([self.folds[:, ::2], none])
        start = np.hstack([np.zeros_like(none), self.strength[:, 1::2]])
        end = np.hstack([self.strength[:, ::2], none])
        there = ~np.isnan(begin)
        stop = np.where(there & np.isnan(stop), self.grid[-1], stop)
        return begin, stop, start, np.where(there & np.isnan(end), np.inf, end)

    def _pairs(self) -> BranchPairs:
        """Return all pairs of branches that exist together at some strength."""
        begin, stop, start, end = self._ends()
        number = begin.shape[1]
        b, c = (np.tile(k, (len(begin), 1)) for k in np.triu_indices(number, 1))
        rows = np.repeat(np.arange(len(begin)), b.shape[1])
        b, c = b.ravel(), c.ravel()
        low, high = np.maximum(np.maximum(start[rows, b], start[rows, c]), 0.0), np.minimum(end[rows, b], end[rows, c])
        kept = np.flatnonzero(low < high * (1 - MERGED))  # not where one of them is none
        rows, b, c, low, high = rows[kept], b[kept], c[kept], low[kept], high[kept]
        places = np.stack([begin[rows, b], stop[rows, b], begin[rows, c], stop[rows, c]], axis=1)
        strengths = np.stack([start[rows, b], end[rows, b], start[rows, c], end[rows, c]], axis=1)
        isotherms, every = self.isotherms.take(rows), self.every.select(rows)
        return BranchPairs(
            isotherms, self.grid, every, rows=rows, b=b, c=c, places=places, strengths=strengths, low=low, high=high
        )

    def _in_equilibrium(self, pairs: BranchPairs, ahead: Bools, cross: BranchPairs, strength: Array) -> Index:
        """Return which of the crossings the branch in equilibrium takes, up from zero strength."""
        chosen: list[int] = []
        for row in np.unique(cross.rows).tolist():
            best = 0
            for k in sorted(np.flatnonzero(ahead & (pairs.rows == row)).tolist(), key=lambda k: int(pairs.c[k])):
                best = int(pairs.c[k]) if pairs.b[k] == best else best
            now, here = 0.0, np.flatnonzero(cross.rows == row)
            while len(later := here[(cross.b[here] == best) & (strength[here] >= now)]):
                n = int(later[np.argmin(strength[later])])
                best, now = int(cross.c[n]), float(strength[n])
                chosen.append(n)
        return np.array(chosen, dtype=int)


@dataclass(frozen=True)
class BranchPairs:
    """Pairs of stable branches b < c, one in a row, at strengths between low and high at which both exist.

    places and strengths are those of both ends of b and of c, shape (n, 4).
    """

    isotherms: Isotherms
    grid: Array
    every: Points
    rows: Index
    b: Index
    c: Index
    places: Array
    strengths: Array
    low: Array
    high: Array

    def take(self, which: Index) -> BranchPairs:
        """Return some of the pairs."""
        return BranchPairs(
            self.isotherms.take(which), self.grid, self.every.select(which), rows=self.rows[which], b=self.b[which],
            c=self.c[which], places=self.places[which], strengths=self.strengths[which], low=self.low[which],
            high=self.high[which],
        )  # fmt: skip

    def leads(self) -> tuple[Bools, Bools]:
        """Tell which c have at least the free entropy of b from the first strength on, and which come to it later.

        Next to the fold at which c begins from b it has less, next to that at which b ends into c more.
        """
        next_, values = self.c == self.b + 1, np.empty((2, len(self.b)))
        known = np.stack([next_ & (self.strengths[:, 2] == self.low) & (self.low > 0),
                          next_ & (self.strengths[:, 1] == self.high)])  # fmt: skip
        values[0], values[1] = -1.0, 1.0
        for end, strength in enumerate((self.low, self.high)):
            rest = np.flatnonzero(~known[end])
            if len(rest):
                part = self.take(rest)
                values[end, rest] = _lead(part.isotherms.points(part.coordinates(strength[rest])), strength[rest])[0]
        ahead = values >= 0
        return ahead[0], ~ahead[0] & ahead[1]

    def coordinates(self, strength: Array, accuracy: float = 1e-14) -> Array:
        """Return the coordinates of both branches at strengths, shape (n, 2)."""
        count, twice = len(strength), np.tile(np.arange(len(strength)), 2)
        places, ends = (np.concatenate([x[:, :2], x[:, 2:]]) for x in (self.places, self.strengths))
        level = strength[twice]
        # at a fold the branch is its end
        found = np.where(ends[:, 0] == level, places[:, 0], places[:, 1])
        open_ = np.flatnonzero((ends[:, 0] < level) & (ends[:, 1] > level))
        which, level = twice[open_], level[open_]
        every = self.every.select(which)
        moved = replace(every, strength=every.strength - level[:, None])
        lower, upper, guess = branch_cells(self.grid, moved, places[open_], ends[open_] - level[:, None])

        def function(t: Array, i: Index) -> tuple[Array, Array]:
            z = np.exp(t)
            p = self.isotherms.take(which[i]).points(z[:, None])
            return p.strength[:, 0] - level[i], p.strength_z[:, 0] * z

        found[open_] = np.exp(
            solve_bracketed(function, np.log(lower), np.log(upper), True, guess=np.log(guess), absolute=accuracy)
        )
        return found.reshape(2, count).T

    def balanced(self) -> tuple[Array, Array, Array]:
        """Return the upper and the lower coordinate, and the strength, at which both have equal free entropy.

        Free entropies are stationary on the branches: a step of the strength by their difference and of the coordinates
        to their new strength is one of Newton's.  Where steps leave the branches, brackets are solved one in another.
        """
        strength = 0.5 * (self.low + self.high)
        z = np.log(self.coordinates(strength, NEAR))
        active = np.arange(len(strength))
        for _ in range(STEPS):
            both, now = self.isotherms.take(active).points(np.exp(z[active])), strength[active]
            lead, gain = _lead(both, now)
            strength[active] = now = now - lead / gain
            moved = z[active] - (both.strength - now[:, None]) / (both.strength_z * np.exp(z[active]))
            z[active] = np.clip(moved, np.log(BEFORE), np.log(self.grid[-1]))
            # a part of what error bounds count as rounding
            noise = NOISE * np.sum(np.abs(both.level) + both.level_s, axis=1)
            active = active[~(np.abs(lead) <= noise)]
            if not len(active):
                break
        ends, right = np.log(self.places), (strength >= self.low) & (strength <= self.high)
        right &= (z[:, 0] >= ends[:, 0]) & (z[:, 0] <= ends[:, 1]) & (z[:, 1] >= ends[:, 2]) & (z[:, 1] <= ends[:, 3])
        right[active] = False
        both = self.isotherms.points(np.exp(z))
        off = NEAR**3 * self.high[:, None] + NOISE * (both.signal + np.abs(strength[:, None]))
        right &= np.all(np.abs(both.strength - strength[:, None]) <= off, axis=1)
        wrong = np.flatnonzero(~right)
        if len(wrong):
            z[wrong], strength[wrong] = self.take(wrong)._bracketed()
        return np.exp(z[:, 1]), np.exp(z[:, 0]), strength

    def _bracketed(self) -> tuple[Array, Array]:
        """Return the log coordinates of both branches and the strength at which they balance, inside brackets."""

        def lead(s: Array, i: Index) -> tuple[Array, Array]:
            part = self.take(i)
            return _lead(part.isotherms.points(part.coordinates(s)), s)

        strength = solve_bracketed(lead, self.low, self.high, True, absolute=4 * EPS, noise=4 * EPS)
        return np.log(self.coordinates(strength)), strength


def _lead(both: Points, strength: Array) -> tuple[Array, Array]:
    """Return by how much the free entropy of the upper branch is larger, and its slope in the strength."""
    gain = both.level_s[:, 1] - both.level_s[:, 0]
    return both.level[:, 1] - both.level[:, 0] + strength * gain, gain
