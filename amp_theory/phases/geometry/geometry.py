"""Geometry along isotherms: at fixed control, what happens as the strength of side information grows.

On an isotherm the strength is a function of the coordinate, a van der Waals loop: stable branches rise,
folds separate them.  The uninformed branch at a strength is the first that reaches it, the informed one the
last; the equilibrium branch has the largest free entropy.  With growing strength a higher branch always
gains on a lower one, so each pair exchanges stability at most once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.recovery import RECOVERY
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.geometry.branches import Pair, ZeroBranch, equal_free_entropy, follow, zero_branches
from amp_theory.phases.geometry.fold_search import SURE, sure_of_sign
from amp_theory.phases.geometry.folds import FoldCurve, fold_curve, locate
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.roots import solve_bracketed

LOG = logging.getLogger(__name__)
#: relative interval of strength in which two branches cannot be told apart (next to a tricritical point)
MERGED = 1e-12


@dataclass(frozen=True)
class Branch:
    """A stable branch of one isotherm at strengths (start, stop), its coordinates in (lower, upper).

    `born` and `dies` are the numbers of the fold pieces at its ends, RECOVERY where it becomes q = rho or q = rho
    becomes stable; None where it exists down to zero strength, or for all strengths.
    """

    lower: float
    upper: float
    start: float
    stop: float
    born: int | None
    dies: int | None

    @property
    def recovered(self) -> bool:
        """Whether this is q = rho."""
        return bool(np.isinf(self.lower))


@dataclass(frozen=True)
class Crossing:
    """Equal free entropy of an isotherm's branches number b < c, at the strength and branches in entry `index`."""

    b: int
    c: int
    index: int


@dataclass(frozen=True, eq=False)
class Coexistence:
    """Branches and equilibrium transitions of many isotherms.

    branches and crossings have one list per isotherm, ascending in overlap and strength, `first` the number of the
    branch in equilibrium at the smallest strength; strength, lower and upper hold the strengths of all crossings and
    the two branches there.
    """

    intensity: Array
    branches: list[list[Branch]]
    first: list[int]
    crossings: list[list[Crossing]]
    strength: Array
    lower: Surface
    upper: Surface


class Geometry:
    """The folds, branches and isotherms of one equation of state."""

    #: whether the control takes discrete values only, and whether every value has an equation of state of its own
    discrete, one_by_one = False, False
    #: coordinates of the folds, ascending, where they are the same at every strength
    standing: Array | None = None

    def __init__(self, eos: EquationOfState) -> None:
        self.eos = eos
        self.curve: FoldCurve = fold_curve(eos)
        self.zero: list[ZeroBranch]
        self.zero, self.zero_folds = zero_branches(eos)
        points = sum(len(piece.coordinate) for piece in self.curve.pieces)
        LOG.debug(
            "grid of %d coordinates from %.3g to %.3g; fold points: %d, pieces: %d, cusps: %d; branches at s = 0: %d",
            len(eos.grid), *eos.grid[[0, -1]], points, len(self.curve.pieces), len(self.curve.cusps), len(self.zero),
        )  # fmt: skip

    @cached_property
    def unseen_strength(self) -> float | None:
        """The internal strength below which a transition next to q = 0 is not seen; None if all would be.

        Where q = 0 loses stability F = a z + b z^2, and dips below zero if a < 0 < b, as it does just beyond the onset
        of first-order transitions.  If its sign is sure at the first coordinate of the grid, |a| is too large for a dip
        below the grid.  Else |F| <= 2 SURE up to the first coordinate at which it is sure, and as ds/dz = -F/drift at
        constant intensity, all of the loop lies below 2 SURE z/|drift|.
        """
        eos = self.eos
        if not eos.symmetric or np.isinf(eos.start):
            return None
        if sure_of_sign(eos.surface(eos.grid[:1], 0.0, with_energy=False).fold)[0]:
            return None
        f = eos.surface(eos.grid, 0.0, with_energy=False)
        sure = sure_of_sign(f.fold)
        k = int(np.argmax(sure)) if np.any(sure) else len(sure) - 1
        return float(2 * SURE * f.coordinate[k] / np.abs(f.drift[k]))

    def at(self, intensity: float) -> Geometry:
        """Return what answers at one intensity: itself, unless intensities are discrete."""
        return self

    def path_fails(self, intensity: Array) -> Bools | None:
        """Tell where the path meets a fold of the lower branch, if that is known without the curve of folds."""
        return None

    def controls(self, control_range: tuple[float, float], points: int) -> Array:
        """Return the controls that exist in a range, at most `points` of them, evenly chosen."""
        return np.linspace(*control_range, points)

    def coexistence(self, intensity: Array) -> Coexistence:
        """Return the branches and transitions at every intensity, shape (n,)."""
        branches = self.branches(intensity)
        coexisting = [
            (i, j, k)
            for i, here in enumerate(branches)
            for k, c in enumerate(here)
            for j, b in enumerate(here[:k])
            if max(b.start, c.start) < min(b.stop, c.stop) * (1 - MERGED)
        ]
        owner = [(i, j, k) for i, j, k in coexisting if not branches[i][k].recovered]
        last = [(i, j, k) for i, j, k in coexisting if branches[i][k].recovered]
        ahead, crosses, guess = self._leads(intensity, branches, owner)
        cross = [owner[k] for k in np.flatnonzero(crosses)]
        pair = self._pair(intensity, branches, cross)
        strength, lower, upper = equal_free_entropy(self.eos, pair, guess[crosses])
        if last:
            cross, more_ahead, strength, lower, upper = self._with_recovery(
                intensity, branches, last, cross, (strength, lower, upper)
            )
            ahead |= more_ahead
        crossings: list[dict[tuple[int, int], int]] = [{} for _ in branches]
        for n, (i, b, c) in enumerate(cross):
            crossings[i][b, c] = n
        first = []
        for i, here in enumerate(branches):
            best = 0
            for c in range(1, len(here)):
                best = c if (i, best, c) in ahead else best
            first.append(best)
        jumps = [_equilibrium(best, found, strength) for best, found in zip(first, crossings, strict=True)]
        return Coexistence(intensity, branches, first, jumps, strength, lower, upper)

    def _with_recovery(
        self, intensity: Array, branches: list[list[Branch]], which: list[tuple[int, int, int]],
        cross: list[tuple[int, int, int]], found: tuple[Array, Surface, Surface],
    ) -> tuple[list[tuple[int, int, int]], set[tuple[int, int, int]], Array, Surface, Surface]:  # fmt: skip
        """Add the pairs (isotherm, b, c) whose c is q = rho to the crossings, and return those ahead from zero on."""
        recovery = self.eos.recovery
        assert recovery is not None
        pair = self._pair(intensity, branches, which)

        top = np.minimum(pair.b_upper, self.eos.grid[-1])
        symmetric = self.eos.symmetric & (pair.intensity <= self.eos.start)
        null = symmetric & np.array([branches[i][j].lower == 0 for i, j, _ in which])

        stops = np.array([branches[i][j].stop for i, j, _ in which])
        starts = np.array([np.nan if branches[i][j].born is None else branches[i][j].start for i, j, _ in which])

        def lower_branch(s: Array, i: Index) -> Surface:
            # at the fold where it begins, or that where it ends
            z = np.where(s == starts[i], pair.b_lower[i], pair.b_upper[i])
            inside = np.flatnonzero((s != stops[i]) & (s != starts[i]))
            n = i[inside]
            z[inside] = follow(self.eos, pair.intensity[n], s[inside], pair.b_lower[n], top[n])
            return self.eos.surface(z, s)

        def excess(s: Array, i: Index) -> tuple[Array, Array]:
            value, slope = recovery.free_entropy(pair.intensity[i], s), recovery.free_entropy_slope(s)
            some = np.flatnonzero(~(null[i] & (s == 0)))  # phi = 0 on q = 0
            b = lower_branch(s[some], i[some])
            value[some] -= b.free_entropy
            slope[some] -= b.free_entropy_s
            return value, slope

        every = np.arange(len(which))
        first = np.full(len(which), np.inf)
        if not recovery.infinite:
            first = excess(pair.start, every)[0]
        born = np.array([branches[i][k].born == RECOVERY for i, _, k in which])
        takes_over = np.array([_takes_over(branches[i], j, k) for i, j, k in which])
        ahead = {which[n] for n in every[(first >= 0) & ~born]}
        rest = every[(first < 0) | born]
        s = pair.start.copy()
        late = rest[first[rest] < 0]
        if len(late) and not recovery.infinite:
            # where another branch takes over, q = rho may never be ahead of this one
            behind = late[(excess(pair.stop[late], late)[0] < 0) & ~takes_over[late]]
            late, rest = np.setdiff1d(late, behind), np.setdiff1d(rest, behind)
            # closer to the end of the lower branch than rounding can tell
            lost = late[excess(pair.stop[late], late)[0] < 0]
            s[lost], late = pair.stop[lost], np.setdiff1d(late, lost)
        if len(late):
            s[late] = solve_bracketed(
                lambda s, i: excess(s, late[i]), pair.start[late], pair.stop[late], True, absolute=2 * EPS
            )
        b, c = lower_branch(s[rest], rest), self.eos.recovered(pair.intensity[rest], s[rest])
        strength, lower, upper = found
        both = np.concatenate([strength, s[rest]]), joined(lower, b), joined(upper, c)
        return cross + [which[n] for n in rest], ahead, *both

    def branches(self, intensity: Array) -> list[list[Branch]]:
        """Return the stable branches at strength >= 0 of every isotherm."""
        folds: list[list[tuple[float, float, int]]] = [[] for _ in intensity]
        for number, piece in enumerate(self.curve.pieces):
            inside = np.flatnonzero((intensity >= piece.intensity[0]) & (intensity <= piece.intensity[-1]))
            if len(inside):
                z, s = locate(self.eos, piece, intensity[inside])
                for i, coordinate, strength in zip(inside, z, s, strict=True):
                    folds[i].append((float(coordinate), float(strength), number))
            end = float(piece.intensity[-1])
            # between the grid and weak recovery z falls like the distance from it, s like its square
            if np.isfinite(piece.limit):
                for i in np.flatnonzero((intensity > end) & (intensity < piece.limit)):
                    part = (piece.limit - float(intensity[i])) / (piece.limit - end)
                    folds[i].append((float(piece.coordinate[-1]) * part, float(piece.strength[-1]) * part**2, number))
        return [self._isotherm(sorted(here), float(x)) for here, x in zip(folds, intensity, strict=True)]

    def _isotherm(self, folds: list[tuple[float, float, int]], intensity: float) -> list[Branch]:
        """Return the stable branches of one isotherm from its folds (coordinate, strength, piece)."""
        branches = []
        begin: tuple[float, float, int | None] | None = (0.0, 0.0, None)
        last = 0.0
        birth = np.inf if self.eos.recovery is None else self.eos.recovery.birth(intensity)
        end = [] if birth == 0 else [(np.inf, birth, None if np.isinf(birth) else RECOVERY)]
        for coordinate, strength, number in [*folds, *end]:
            if number == RECOVERY and begin is None and not self._returns(last, intensity):
                break
            if number is not None and number != RECOVERY and self.curve.pieces[number].appears:
                if begin is not None and begin[2] is not None:
                    raise NumericalError(
                        f"two branches in a row begin, at intensity {intensity:.6g} of {self.eos.model!r}: a fold "
                        "between them was missed",
                        "ask for another control",
                        partial=folds,
                    )
                begin = (coordinate, strength, number)
                continue
            # without a fold in between, the next branch reaches down to zero strength
            lower, start, born = begin or (self._zero_fold(last, intensity), 0.0, None)
            branches.append(Branch(lower, coordinate, start, strength, born, number))
            begin, last = None, coordinate
        if birth < np.inf:
            branches.append(Branch(np.inf, np.inf, birth, np.inf, RECOVERY if birth else None, None))
        return branches

    def _returns(self, beyond: float, intensity: float) -> bool:
        """Tell whether the isotherm comes back to positive strengths beyond a coordinate."""
        f = self.zero_folds
        return bool(np.any((f.coordinate > beyond) & (f.fold_z > 0) & (f.intensity <= intensity)))

    def _zero_fold(self, beyond: float, intensity: float) -> float:
        """Return the zero-strength fold above which a branch lies that reaches zero strength."""
        f = self.zero_folds
        return float(f.coordinate[(f.coordinate > beyond) & (f.fold_z > 0) & (f.intensity <= intensity)][0])

    def _pair(self, intensity: Array, branches: list[list[Branch]], which: list[tuple[int, int, int]]) -> Pair:
        """Return the brackets of pairs (isotherm, b, c)."""
        rows = []
        for i, j, k in which:
            b, c = branches[i][j], branches[i][k]
            rows.append((intensity[i], b.lower, b.upper, c.lower, c.upper, max(b.start, c.start), min(b.stop, c.stop)))
        columns = np.array(rows, dtype=float).reshape(-1, 7).T
        least, _ = self.eos.coordinate_bounds(columns[0], columns[5])
        _, most = self.eos.coordinate_bounds(columns[0], columns[6])
        return Pair(columns[0], np.maximum(columns[1], least), columns[2], columns[3], np.minimum(columns[4], most),
                    columns[5], columns[6])  # fmt: skip

    def _leads(
        self, intensity: Array, branches: list[list[Branch]], owner: list[tuple[int, int, int]]
    ) -> tuple[set[tuple[int, int, int]], Bools, Array]:
        """Tell which pairs have phi_c >= phi_b at their first strength, and which come to it on the way; guess where.

        Next to the fold where c is born from b it has less, next to the one where b dies into c it has
        more; other cases are computed.
        """
        ahead = np.zeros((2, len(owner)), dtype=bool)
        guess = np.zeros(len(owner))
        rest = []
        for n, (i, j, k) in enumerate(owner):
            b, c = branches[i][j], branches[i][k]
            start, stop = max(b.start, c.start), min(b.stop, c.stop)
            guess[n] = 0.5 * (start + stop)
            if not (k == j + 1 and c.born is not None and start == c.start):
                rest.append((0, n, i, b, c, start))
            if _takes_over(branches[i], j, k):
                ahead[1, n] = True
            else:
                rest.append((1, n, i, b, c, stop))
        if rest:
            lam = intensity[[r[2] for r in rest]]
            s = np.array([r[5] for r in rest])
            difference = self._level([r[4] for r in rest], lam, s) - self._level([r[3] for r in rest], lam, s)
            for (end, n, *_, strength), (value, slope) in zip(rest, difference.T, strict=True):
                ahead[end, n] = value >= 0
                if end == 0 and slope > 0:
                    guess[n] = min(guess[n], strength - value / slope)
        zero = {owner[n] for n in np.flatnonzero(ahead[0])}
        return zero, ~ahead[0] & ahead[1], guess

    def _level(self, branches: list[Branch], intensity: Array, strength: Array) -> Array:
        """Return phi and its slope in strength on branches at (intensity, strength), their ends included."""
        z = np.zeros(len(branches))
        for n, branch in enumerate(branches):
            if branch.born is not None and strength[n] == branch.start:
                z[n] = branch.lower
            elif strength[n] == branch.stop:
                z[n] = branch.upper
        null = np.array([b.lower == 0 for b in branches]) & (strength == 0) & (intensity <= self.eos.start)
        inside = np.flatnonzero((z == 0) & ~null)
        least, most = self.eos.coordinate_bounds(intensity[inside], strength[inside])
        lower = np.maximum(np.array([branches[n].lower for n in inside]), least)
        upper = np.minimum(np.array([branches[n].upper for n in inside]), most)
        z[inside] = follow(self.eos, intensity[inside], strength[inside], lower, upper)
        known = np.flatnonzero(z > 0)
        level = np.zeros((2, len(branches)))
        f = self.eos.surface(z[known], strength[known])
        level[:, known] = f.free_entropy, f.free_entropy_s
        return level


def _takes_over(branches: list[Branch], b: int, c: int) -> bool:
    """Tell whether c is the next branch above b where b ends: there the potential rises from b to c."""
    end = branches[b].stop
    return next((k for k in range(b + 1, len(branches)) if branches[k].start < end < branches[k].stop), None) == c


def joined(first: Surface, second: Surface) -> Surface:
    """Return the points of two surfaces, one after the other."""
    pairs = ((np.ravel(getattr(f, name)) for f in (first, second)) for name in Surface.__slots__)
    return Surface(*(np.concatenate(list(pair)) for pair in pairs))


def _equilibrium(best: int, found: dict[tuple[int, int], int], strength: Array) -> list[Crossing]:
    """Follow the branch of largest free entropy from `best` at zero strength up, jump by jump."""
    jumps: list[Crossing] = []
    now = 0.0
    while True:
        later = [(strength[n], c, n) for (b, c), n in found.items() if b == best and strength[n] >= now]
        if not later:
            return jumps
        now, target, index = min(later)
        jumps.append(Crossing(best, target, index))
        best = target
