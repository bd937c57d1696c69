"""Where something changes along the control of random measures: seen on many isotherms at once, then solved for.

Rows of isotherms tell between which controls folds appear or disappear (cusps), where a second stable branch first has
a fixed point at zero strength, and where one first has a larger free entropy than where the path begins.  From what was
seen one Newton iteration in control and coordinate starts for all such spots together.  A spot outside its bracket is
not taken: the bracket is narrowed by more rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import RATIO, Isotherms, Points, RandomMeasure
from amp_theory.phases.geometry.random_measures import FoldCells, branch_cells, fold_cells, grid_points, roots_along
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import NumericalError

#: relative steps of intensity and coordinate in derivatives
STEP, BESIDE = 1e-5, 1e-4
#: how many parts a bracket is cut into, how often, and the fewest rows between the first cusp and the end
PARTS, NARROWINGS, ROWS = 8, 12, 12
#: Newton steps, the largest in both logarithms, and how small they are when the next is rounding: slopes are exact to
#: about STEP, and a cusp moves by the square of what the coordinate is off
STEPS, LONGEST, ENOUGH = 40, (0.2, 1.0), (3e-9, 3e-8)
#: a logarithm of the coordinate so far from where it was seen goes on to infinity, where R keeps its sign
LOST = 12.0
#: a step in the intensity that may be of rounding, and how far from its bracket a spot may lie: what rows tell of the
#: strength at a fold is exact to the square of ROUGH
ROUNDED, BEYOND = 1e-10, 1e-7

#: accuracy of the folds of rows in the logarithm of the coordinate, from which a Newton iteration starts
ROUGH = 1e-4

#: what vanishes at a cusp, and where the branch on which a path begins ends
CUSP, JUMP = ("stability", "stability_z"), ("strength", "stability")

#: log intensity and coordinate
Spot = tuple[float, float]


@dataclass(frozen=True)
class Seed:
    """Where a spot was seen: log intensity, coordinate, the columns that vanish, and the bracket of log intensities."""

    log_intensity: float
    coordinate: float
    columns: tuple[str, str]
    bracket: tuple[float, float]

    def holds(self, spot: Spot | None) -> bool:
        """Tell whether a spot lies in the bracket."""
        low, high = self.bracket
        return spot is not None and low - BEYOND <= spot[0] <= high + BEYOND


@dataclass(frozen=True)
class IsothermRows:
    """Isotherms at ascending log intensities with their folds, shape (n, most), padded with NaN."""

    log_intensity: Array
    isotherms: Isotherms

    @classmethod
    def at(cls, measure: RandomMeasure, log_intensity: Array) -> IsothermRows:
        """Look at log intensities."""
        return cls(log_intensity, measure.isotherms(measure.model.from_intensity(np.exp(log_intensity))))

    @cached_property
    def looked(self) -> tuple[Array, Points]:
        """The coordinates that are looked at, and the points there."""
        return grid_points(self.isotherms)

    @cached_property
    def folds(self) -> Array:
        """The coordinates of the folds, shape (n, most), padded with NaN."""
        return self.cells.solved(self.isotherms, ROUGH)

    @cached_property
    def cells(self) -> FoldCells:
        """Where folds are, between neighbours of the grid."""
        return fold_cells(self.isotherms, *self.looked)

    @property
    def counts(self) -> Index:
        """How many folds there are on every isotherm."""
        if self.isotherms.measure.path.informed:  # some may lie before the path begins
            return np.asarray(np.sum(~np.isnan(self.folds), axis=1))
        return np.bincount(self.cells.rows, minlength=len(self.log_intensity))

    @cached_property
    def second_branches(self) -> tuple[Index, Array, Array, Array]:
        """The stable branches beyond the base that have a fixed point at zero strength.

        They are their rows, the folds at which they begin, the coordinates of the fixed points, and the free entropies
        there.
        """
        last, none = self.isotherms.farthest, np.full((len(self.folds), 1), np.nan)
        folds = np.hstack([self.folds, none]) if self.folds.shape[1] % 2 else self.folds
        # a branch begins at every second fold, and ends at the next or nowhere
        begin, stop = folds[:, 1::2], np.hstack([folds[:, 2::2], none])
        rows, k = np.nonzero(~np.isnan(begin))
        low, high = begin[rows, k], np.where(np.isnan(stop[rows, k]), last, stop[rows, k])
        here = self.isotherms.take(rows).points(np.stack([low, high], axis=1)).strength
        there = np.flatnonzero((here[:, 0] <= 0) & (here[:, 1] > 0))
        rows, low, high, here = rows[there], low[there], high[there], here[there]
        grid, every = self.looked
        lower, upper, guess = branch_cells(grid, every.select(rows), np.stack([low, high], axis=1), here)
        z = roots_along(self.isotherms, "strength", "strength_z", rows, lower, upper, True, guess=guess, accuracy=ROUGH)
        return rows, low, z, self.isotherms.take(rows).from_begin(z[:, None]).level[:, 0]

    # --- what is seen on rows ---

    def bracket(self, k: int) -> tuple[float, float]:
        """Return the log intensities of a row and the next."""
        return float(self.log_intensity[k]), float(self.log_intensity[k + 1])

    def cusps(self) -> dict[int, Seed | None]:
        """Return where folds appear or disappear after a row, by its number; None where it is not two of them."""
        seen: dict[int, Seed | None] = {}
        for k in np.flatnonzero(np.diff(self.counts)).tolist():
            few, many = sorted((k, k + 1), key=lambda row: self.counts[row])
            seen[k] = None
            if self.counts[many] == self.counts[few] + 2:
                pair = _vanishing(self.folds[few], self.folds[many])
                x, place = float(self.log_intensity[many]), float(np.sqrt(pair[0] * pair[1]))
                columns, p = CUSP, self.isotherms.take(np.array([many])).points(pair[None])
                if self.isotherms.measure.path.informed and p.strength[0, 1] < 0:
                    # they did not merge: where the path begins has jumped beyond both
                    columns, place = JUMP, float(pair[0])
                seen[k] = Seed(x, place, columns, self.bracket(k))
        return seen

    def dynamical(self) -> list[Seed]:
        """Return the second branches of the first row on which one has a fixed point at zero strength."""
        rows, fold, _, _ = self.second_branches
        return self._on_first(rows, fold, ("strength", "stability"))

    def condensation(self) -> list[Seed]:
        """Return the second branches of the first row on which one has a larger free entropy than the base."""
        rows, _, z, level = self.second_branches
        first = level > 0
        return self._on_first(rows[first], z[first], ("strength", "level"))

    def _on_first(self, rows: Index, z: Array, columns: tuple[str, str]) -> list[Seed]:
        k = int(rows.min(initial=len(self.log_intensity)))
        x = self.log_intensity
        return [
            Seed(float(x[k]), float(place), columns, (float(x[max(k - 1, 0)]), float(x[k]))) for place in z[rows == k]
        ]


@dataclass(frozen=True)
class Spots:
    """The cusps, from the easy side on, at strengths of either sign; where a second branch first exists and leads.

    jump is where the path begins by a jump: the first branch ends at zero strength.
    """

    cusps: list[Spot]
    dynamical: Spot | None = None
    condensation: Spot | None = None
    jump: Spot | None = None


def spots_before(measure: RandomMeasure, looked: Sequence[IsothermRows], end: float, zero: bool = True) -> Spots:
    """Return all spots before the log intensity `end`, from rows that were looked at; those at zero strength if asked.

    Between the first row after which the number of folds changes and the end rows are dense, less so where none changes
    and points take long.
    """
    x = np.concatenate([rows.log_intensity for rows in looked])
    counts = np.concatenate([rows.counts for rows in looked])[x < end]
    x, first = np.unique(x[x < end], return_index=True)
    if not len(x):  # R > 0 everywhere on what is less than the first row
        return Spots([])
    changed = np.flatnonzero(np.diff(counts[first]))
    begin = x[changed[0] if len(changed) else -1]
    least = ROWS if len(changed) else ROWS // looked[0].isotherms.coarse
    number = max(least, int(np.ceil((end - begin) / np.log(RATIO))))
    parts = [np.linspace(x[k], x[k + 1], PARTS + 1) for k in changed]
    fine = np.unique([*np.linspace(begin, end, number + 1), *np.ravel(parts)])
    return spots_on(measure, IsothermRows.at(measure, fine), zero)


def spots_on(measure: RandomMeasure, rows: IsothermRows, zero: bool) -> Spots:
    """Return all spots that are seen on rows; those at zero strength if asked.

    Raises
    ------
    NumericalError
        If what is seen cannot be solved for.
    """
    cusps = rows.cusps()
    if not cusps and not np.any(rows.counts):
        return Spots([])
    kinds: list[list[Seed]] = [[seed for seed in cusps.values() if seed is not None]]
    kinds += [rows.dynamical(), rows.condensation()] if zero else [[], []]
    spots = iter(meetings(measure, [seed for kind in kinds for seed in kind]))
    solved = {seed: next(spots) for kind in kinds for seed in kind}
    found: dict[tuple[str, str], list[Spot]] = {CUSP: [], JUMP: []}
    for k, seed in cusps.items():
        spot = None if seed is None else solved[seed]
        if spot is not None and seed is not None and seed.holds(spot):
            found[seed.columns].append(spot)
        else:
            _between(measure, rows, k, found)
    first = _first(measure, kinds[1], solved, IsothermRows.dynamical)
    leads = _first(measure, kinds[2], solved, IsothermRows.condensation)
    return Spots(sorted(found[CUSP]), first, leads, min(found[JUMP], default=None))


def _between(
    measure: RandomMeasure, rows: IsothermRows, k: int, found: dict[tuple[str, str], list[Spot]], left: int = NARROWINGS
) -> None:
    """Find the cusps between row k and the next, whose numbers of folds differ, from more rows between them."""
    if not left:
        raise NumericalError(f"a cusp of {measure.model!r} along {measure.path.name} could not be solved for")
    parts = IsothermRows.at(measure, np.linspace(*rows.bracket(k), PARTS + 1))
    for j, seed in parts.cusps().items():
        spot = None if seed is None else meetings(measure, [seed])[0]
        if spot is not None and seed is not None and seed.holds(spot):
            found[seed.columns].append(spot)
        else:
            _between(measure, parts, j, found, left - 1)


def _vanishing(few: Array, many: Array) -> Array:
    """Return the two neighbouring folds without which the others are most alike."""
    fewer, more = (np.log(x[~np.isnan(x)]) for x in (few, many))
    apart = [np.abs(np.delete(more, [k, k + 1]) - fewer).sum() + more[k + 1] - more[k] for k in range(len(more) - 1)]
    k = int(np.argmin(apart))
    return np.exp(more[k : k + 2])


def _first(
    measure: RandomMeasure, seeds: list[Seed], solved: dict[Seed, Spot | None],
    seen: Callable[[IsothermRows], list[Seed]],
) -> Spot | None:  # fmt: skip
    """Return the first spot of seeds on one row; None if there are none.  Where it is not found more rows are asked."""
    if not seeds:
        return None
    spots = [solved[seed] for seed in seeds]
    for _ in range(NARROWINGS):
        if all(seed.holds(spot) for seed, spot in zip(seeds, spots, strict=True)):
            return min(spot for spot in spots if spot is not None)
        last = seeds
        seeds = seen(IsothermRows.at(measure, np.linspace(*last[0].bracket, PARTS + 1)))
        if not seeds:  # the last row is the one at which it was seen
            seeds = last
            break
        spots = meetings(measure, seeds)
    control = float(measure.model.from_intensity(np.exp(np.array(seeds[0].log_intensity))))
    raise NumericalError(
        f"{measure.model!r} along {measure.path.name}: a second branch was seen at zero strength at "
        f"{measure.model.control} = {control:.10g}, and where it begins could not be solved for"
    )


def meeting(measure: RandomMeasure, x: float, z: float, first: str, second: str) -> Spot | None:
    """Return where two columns of points vanish, from a log intensity and a coordinate nearby; None if it is lost."""
    return meetings(measure, [Seed(x, z, (first, second), (-np.inf, np.inf))])[0]


def meetings(measure: RandomMeasure, seeds: Sequence[Seed]) -> list[Spot | None]:
    """Return where the columns of all seeds vanish, by Newton steps from where they were seen; None if one is lost."""
    x = np.array([seed.log_intensity for seed in seeds])
    seen = np.log(np.array([seed.coordinate for seed in seeds]))
    t = seen.copy()
    last, found = np.full((2, len(seeds)), np.inf), np.zeros(len(seeds), dtype=bool)
    open_ = np.arange(len(seeds))
    for _ in range(STEPS):
        if not len(open_):
            break
        values, slope_x, slope_t = _columns(measure, [seeds[k].columns for k in open_.tolist()], x[open_], t[open_])
        determinant = slope_x[0] * slope_t[1] - slope_t[0] * slope_x[1]
        with np.errstate(all="ignore"):
            dx = (values[1] * slope_t[0] - values[0] * slope_t[1]) / determinant
            dt = (values[0] * slope_x[1] - values[1] * slope_x[0]) / determinant
            size = np.maximum(np.maximum(np.abs(dx) / LONGEST[0], np.abs(dt) / LONGEST[1]), 1.0)
        known = np.isfinite(dx) & np.isfinite(dt)
        x[open_[known]] += dx[known] / size[known]
        t[open_[known]] += dt[known] / size[known]
        # slopes by differences are exact to about STEP; what does not get smaller any more is rounding
        steps = np.abs([dx, dt])
        done = (steps[0] <= ENOUGH[0]) & (steps[1] <= ENOUGH[1])
        done |= (steps[0] < ROUNDED) & np.all(steps >= 0.5 * last[:, open_], axis=0)
        last[:, open_] = steps
        found[open_] = done & known
        open_ = open_[known & ~done & (np.abs(t[open_] - seen[open_]) < LOST)]
    return [(float(x[k]), float(np.exp(t[k]))) if found[k] else None for k in range(len(seeds))]


def _columns(
    measure: RandomMeasure, columns: Sequence[tuple[str, str]], x: Array, t: Array
) -> tuple[Array, Array, Array]:
    """Return two columns of points and their slopes in log intensity and log coordinate, each of shape (2, n)."""
    count = len(x)
    isotherms = measure.isotherms(measure.model.from_intensity(np.exp(np.concatenate([x, x + STEP]))))
    points = isotherms.from_begin if any("level" in names for names in columns) else isotherms.points
    around = points(np.exp(np.tile(t, 2))[:, None] * np.array([1.0, 1 + BESIDE, 1 - BESIDE]))
    values = np.stack([
        [getattr(around, name)[[k, k + count]] for k, name in enumerate(names)] for names in zip(*columns, strict=True)
    ])  # fmt: skip
    here, after = values[:, :, 0], values[:, :, 1]
    return here[..., 0], (after[..., 0] - here[..., 0]) / STEP, (here[..., 1] - here[..., 2]) / (2 * BESIDE)
