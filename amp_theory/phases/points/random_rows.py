"""Where something changes along the control of random measures: seen on many isotherms at once, then solved for.

Rows of isotherms tell between which controls folds appear or disappear (cusps), where a second stable branch first has
a fixed point at zero strength, and where one first has a larger free entropy than the base.  The bracket is narrowed
by more rows, and a Newton iteration in control and coordinate starts from what was seen.  A place outside its bracket
is not taken: the bracket is narrowed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import RATIO, Isotherms, Points, RandomMeasure
from amp_theory.phases.geometry.random_measures import folds_of, roots_along
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import NumericalError

#: relative steps of intensity and coordinate in derivatives
STEP, BESIDE = 1e-5, 1e-4
#: how many parts a bracket is cut into, how often, and the fewest rows between the first cusp and the end
PARTS, NARROWINGS, ROWS = 8, 12, 12
#: Newton steps, the largest in both logarithms, the last one, and one that may be of rounding
STEPS, LONGEST, ENOUGH, CLOSE = 40, (0.2, 1.0), 1e-12, 1e-10

#: accuracy of the folds of rows in the logarithm of the coordinate, from which a Newton iteration starts
ROUGH = 1e-5

#: log intensity and coordinate
Spot = tuple[float, float]


@dataclass(frozen=True)
class IsothermRows:
    """Isotherms at ascending log intensities with their folds, shape (n, most), padded with NaN."""

    log_intensity: Array
    isotherms: Isotherms
    folds: Array

    @classmethod
    def at(cls, measure: RandomMeasure, log_intensity: Array) -> IsothermRows:
        """Look at log intensities."""
        isotherms = measure.isotherms(measure.model.from_intensity(np.exp(log_intensity)))
        return cls(log_intensity, isotherms, folds_of(isotherms, ROUGH))

    @property
    def counts(self) -> Index:
        """How many folds there are on every isotherm."""
        return np.asarray((~np.isnan(self.folds)).sum(axis=1))

    def second_branches(self) -> tuple[Index, Array, Array, Points]:
        """Return the stable branches beyond the base that have a fixed point at zero strength.

        They are their rows, the folds at which they begin, the coordinates of the fixed points, and what is there,
        shape (branches, 1).
        """
        last, none = self.isotherms.farthest, np.full((len(self.folds), 1), np.nan)
        folds = np.hstack([self.folds, none]) if self.folds.shape[1] % 2 else self.folds
        # a branch begins at every second fold, and ends at the next or nowhere
        begin, stop = folds[:, 1::2], np.hstack([folds[:, 2::2], none])
        rows, k = np.nonzero(~np.isnan(begin))
        low, high = begin[rows, k], np.where(np.isnan(stop[rows, k]), last, stop[rows, k])
        here = self.isotherms.take(rows).points(np.stack([low, high], axis=1)).strength
        there = np.flatnonzero((here[:, 0] <= 0) & (here[:, 1] > 0))
        rows, low, high = rows[there], low[there], high[there]
        z = roots_along(self.isotherms, "strength", "strength_z", rows, low, high, True, accuracy=ROUGH)
        return rows, low, z, self.isotherms.take(rows).points(z[:, None])


def cusps(measure: RandomMeasure, rows: IsothermRows) -> list[Spot]:
    """Return where two folds appear or disappear together as the control gets easier, R = dR/dz = 0."""
    found: list[Spot] = []
    for k in np.flatnonzero(np.diff(rows.counts)):
        found += _between(measure, rows, int(k), NARROWINGS)
    return sorted(found)


def _between(measure: RandomMeasure, rows: IsothermRows, k: int, left: int) -> list[Spot]:
    """Return the cusps between row k and the next, whose numbers of folds differ."""
    a, b = rows.log_intensity[k : k + 2]
    parts = IsothermRows.at(measure, np.linspace(a, b, PARTS + 1))
    found: list[Spot] = []
    for j in np.flatnonzero(np.diff(parts.counts)):
        low, high = (float(x) for x in parts.log_intensity[j : j + 2])
        few, many = sorted((j, j + 1), key=lambda row: parts.counts[row])
        spot = None
        if parts.counts[many] == parts.counts[few] + 2:
            pair = _vanishing(parts.folds[few], parts.folds[many])
            spot = meeting(measure, float(parts.log_intensity[many]), pair, "stability", "stability_z")
        if spot is not None and low - CLOSE <= spot[0] <= high + CLOSE:
            found.append(spot)
        elif left:
            found += _between(measure, parts, int(j), left - 1)
        else:
            raise NumericalError(f"a cusp of {measure.model!r} along {measure.path.name} could not be solved for")
    return found


def _vanishing(few: Array, many: Array) -> float:
    """Return the coordinate between the two neighbouring folds without which the others are most alike."""
    fewer, more = (np.log(x[~np.isnan(x)]) for x in (few, many))
    apart = [np.abs(np.delete(more, [k, k + 1]) - fewer).sum() + more[k + 1] - more[k] for k in range(len(more) - 1)]
    k = int(np.argmin(apart))
    return float(np.exp(0.5 * (more[k] + more[k + 1])))


def first_at_zero_strength(measure: RandomMeasure, begin: float, end: float) -> tuple[Spot | None, Spot | None]:
    """Return where a second branch first exists at zero strength, and where one first has the base's free entropy."""
    count = max(ROWS, int(np.ceil((end - begin) / np.log(RATIO))))
    # the first row is the cusp itself, where two folds are one
    rows = IsothermRows.at(measure, np.linspace(begin, end, count + 1)[1:])

    def exists(rows: IsothermRows) -> tuple[Index, Array]:
        which, fold, _, _ = rows.second_branches()
        return which, fold

    def leads(rows: IsothermRows) -> tuple[Index, Array]:
        which, _, z, here = rows.second_branches()
        first = here.level[:, 0] > 0
        return which[first], z[first]

    dynamical = _first(measure, rows, begin, exists, ("strength", "stability"))
    return dynamical, None if dynamical is None else _first(measure, rows, begin, leads, ("strength", "level"))


def _first(
    measure: RandomMeasure, rows: IsothermRows, begin: float, seen: Callable[[IsothermRows], tuple[Index, Array]],
    columns: tuple[str, str],
) -> Spot | None:  # fmt: skip
    """Return the first place at which two columns vanish on a branch that is seen from there on; None if none is."""
    which, z = seen(rows)
    if not len(which):
        return None
    for _ in range(NARROWINGS):
        k = int(which.min())
        low, high = float(rows.log_intensity[k - 1]) if k else begin, float(rows.log_intensity[k])
        spots = [meeting(measure, high, float(x), *columns) for x in z[which == k]]
        inside = [spot for spot in spots if spot is not None and low - CLOSE <= spot[0] <= high + CLOSE]
        if len(inside) == len(spots):
            return min(inside)
        rows = IsothermRows.at(measure, np.linspace(low, high, PARTS + 1)[1:])
        which, z = seen(rows)
        if not len(which):  # the last row is the one at which it was seen
            break
    raise NumericalError(
        f"{measure.model!r} along {measure.path.name}: a second branch was seen at zero strength at "
        f"{measure.model.control} = {float(measure.model.from_intensity(np.exp(np.array(high)))):.10g}, and where it "
        "begins could not be solved for"
    )


def meeting(measure: RandomMeasure, x: float, z: float, first: str, second: str) -> Spot | None:
    """Return where two columns of points vanish, from a log intensity and a coordinate nearby; None if it is lost."""
    last = np.inf
    t = np.log(z)
    for _ in range(STEPS):
        pair = measure.isotherms(measure.model.from_intensity(np.exp(np.array([x, x + STEP]))))
        here = pair.points(np.exp(t) * np.tile([1.0, 1 + BESIDE, 1 - BESIDE], (2, 1)))
        values = np.stack([getattr(here, name) for name in (first, second)])
        slopes = np.stack([(values[:, 1, 0] - values[:, 0, 0]) / STEP,
                           (values[:, 0, 1] - values[:, 0, 2]) / (2 * BESIDE)], axis=1)  # fmt: skip
        determinant = slopes[0, 0] * slopes[1, 1] - slopes[0, 1] * slopes[1, 0]
        if determinant == 0 or not np.all(np.isfinite(slopes)):
            return None
        f, g = values[:, 0, 0]
        dx = (g * slopes[0, 1] - f * slopes[1, 1]) / determinant
        dt = (f * slopes[1, 0] - g * slopes[0, 0]) / determinant
        size = max(abs(dx) / LONGEST[0], abs(dt) / LONGEST[1])
        x, t = x + float(dx) / max(size, 1.0), t + float(dt) / max(size, 1.0)
        # slopes by differences are exact to about STEP; what does not get smaller any more is rounding
        if abs(dx) <= ENOUGH or (abs(dx) < CLOSE and abs(dx) >= 0.5 * last):
            return x, float(np.exp(t))
        last = abs(float(dx))
    return None
