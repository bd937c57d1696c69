"""Random measures whose samples overlap: at every control an isotherm with folds of its own.

Folds are the zeros of R along the isotherm, at every strength the same; what coexists between them is the geometry of
everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.random_measures.isotherms import Isotherms, Points
from amp_theory.equations_of_state.random_measures.surfaces import RandomEquationOfState, RandomIsotherm
from amp_theory.phases.geometry.folds import FoldCurve, FoldPiece
from amp_theory.phases.geometry.geometry import Branch, Geometry
from amp_theory.phases.geometry.one_by_one import OneByOne
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import InputError
from amp_theory.tools.roots import solve_bracketed

#: isotherms with R above this at some coordinates are looked at no closer where points take long
ROOM = 0.25
#: R(q0) from which on its sign is known, and a coordinate before all folds
SIGN, BEFORE = 1e-12, 1e-18
#: R that is rounding
NOISE = 8 * EPS
#: accuracy of extremes of R in the logarithm of the coordinate: of R there it is the square; Newton steps on a cubic
EXTREME, CUBIC = 1e-7, 4


class IsothermGeometry(Geometry):
    """The folds and branches at one control."""

    def __init__(self, eos: RandomIsotherm) -> None:
        self.eos: EquationOfState = eos
        self.isotherm = eos.isotherm
        self.zero = []
        if not eos.isotherm.base.stability[0] > 0:
            return
        folds = folds_of(eos.isotherm)
        self.standing = folds[0][~np.isnan(folds[0])]
        self.zero_folds = eos.surface(self.standing, 0.0)
        self.curve = FoldCurve(tuple(self._piece(eos, k) for k in range(len(self.zero_folds.coordinate))), ())

    def _piece(self, eos: RandomIsotherm, number: int) -> FoldPiece:
        """Return a fold, which stays at one coordinate, as a piece of a curve over the strengths that meet it."""
        f = self.zero_folds.take(np.array([number]))
        strength = float(eos.isotherm.points(f.coordinate[None]).strength[0, 0])
        s = np.array([max(strength, 0.0), 0.0]) if strength > 0 else np.zeros(2)
        # at the fold's own strength the surface has the intensity of the control
        intensity = eos.intensity * np.exp(strength - s) if strength > 0 else np.full(2, np.nan)
        return FoldPiece(
            coordinate=np.repeat(f.coordinate, 2), strength=s, intensity=intensity, appears=bool(f.fold_z[0] > 0),
            cusps=(False, False), limit=float(intensity[-1]), least=float(intensity[0]),
        )  # fmt: skip

    def branches(self, intensity: Array) -> list[list[Branch]]:
        """Return the stable branches at strength >= 0."""
        pieces = enumerate(self.curve.pieces)
        folds = [(float(p.coordinate[0]), float(p.strength[0]), k) for k, p in pieces if p.strength[0] > 0]
        return [self._isotherm(folds, float(x)) for x in intensity]


@lru_cache(maxsize=1024)
def stable_isotherm(eos: RandomEquationOfState, intensity: float) -> IsothermGeometry:
    """Return the (cached) folds and branches at one intensity."""
    return IsothermGeometry(RandomIsotherm(eos.measure, intensity))


class RandomGeometry(OneByOne):
    """What answers for a random measure at all its controls."""

    def __init__(self, eos: RandomEquationOfState) -> None:
        self.eos: RandomEquationOfState = eos
        self.measure = eos.measure
        self.curve, self.zero = FoldCurve((), ()), []

    def path_fails(self, intensity: Array) -> Bools:
        """Tell where R has a zero beyond q0, or at it."""
        if not len(intensity):
            return np.zeros(0, dtype=bool)
        least = least_stability(self.measure.isotherms(self.measure.model.from_intensity(intensity)))[1]
        return np.asarray(least <= 0)

    def at(self, intensity: float) -> Geometry:
        """Return the folds and branches at one intensity.

        Raises
        ------
        InputError
            If the replica-symmetric measure is not stable there.
        """
        found = stable_isotherm(self.eos, intensity)
        stability = float(found.isotherm.base.stability[0])
        if not stability > 0:
            model = self.measure.model
            control = float(model.from_intensity(np.array(intensity)))
            raise InputError(
                f"{model!r} at {model.control} = {control:.6g}: its replica-symmetric measure is unstable "
                f"(de Almeida, Thouless: R(q0) = {stability:.3g}), and no other is solved; ask above `stability`"
            )
        return found


# --- many isotherms at once ---


def roots_along(
    isotherms: Isotherms, column: str, slope: str, rows: Index, lower: Array, upper: Array, rising: Bools | bool,
    guess: Array | None = None, accuracy: float = 1e-14,
) -> Array:  # fmt: skip
    """Return the coordinates in brackets, one on each of the isotherms `rows`, at which a column changes its sign."""

    def function(t: Array, i: Index) -> tuple[Array, Array]:
        z = np.exp(t)
        p = isotherms.take(rows[i]).points(z[:, None])
        return getattr(p, column)[:, 0], getattr(p, slope)[:, 0] * z

    start, noise = None if guess is None else np.log(guess), NOISE if column == "stability" else 0.0
    return np.exp(solve_bracketed(function, np.log(lower), np.log(upper), rising, start, accuracy, noise))


def folds_of(isotherms: Isotherms, accuracy: float = 1e-14) -> Array:
    """Return the coordinates of the folds of every isotherm, shape (n, most), ascending, padded with NaN.

    There are as many that rise as fall, because R > 0 where the path begins and at the end; two that are closer than
    the grid have an extreme value of R between them.
    """
    return fold_cells(isotherms, *grid_points(isotherms)).solved(isotherms, accuracy)


def grid_points(isotherms: Isotherms) -> tuple[Array, Points]:
    """Return coordinates, and the points there.

    Where points take long they are those of a coarse grid, and of the whole one where some isotherm is near a fold; of
    the others those between are as those before.
    """
    grid, count = isotherms.grid, len(isotherms.base.control)
    if isotherms.coarse == 1:
        return grid, isotherms.points(np.broadcast_to(grid, (count, len(grid))))
    some = np.unique([*range(0, len(grid), isotherms.coarse), len(grid) - 1])
    few = isotherms.points(np.broadcast_to(grid[some], (count, len(some))))
    cells = _unclear(isotherms, few, grid[some])
    near, close = np.flatnonzero(np.any(cells, axis=1)), np.asarray(np.any(cells, axis=0))
    more = np.flatnonzero(close[np.searchsorted(some, np.arange(len(grid) - 1), side="right") - 1])
    more = np.setdiff1d(more, some)
    chosen = np.union1d(some, more)
    before = np.searchsorted(some, chosen, side="right") - 1
    every = Points(*(getattr(few, f.name)[:, before] for f in fields(few)))
    every.stability_z[:, np.isin(chosen, more)] = 0.0
    if len(near) and len(more):
        closer = isotherms.take(near).points(np.broadcast_to(grid[more], (len(near), len(more))))
        for f in fields(every):
            getattr(every, f.name)[np.ix_(near, np.searchsorted(chosen, more))] = getattr(closer, f.name)
    return grid[chosen], every


def _unclear(isotherms: Isotherms, points: Points, some: Array) -> Bools:
    """Tell of every isotherm between which coordinates R may not stay far above zero, or next to which.

    It does where it is at both and where tangents between them meet.
    """
    r, slope = points.stability, points.stability_z * some
    low = ~(r > ROOM)
    found = np.asarray(low[:, 1:] | low[:, :-1] | _may_hide(r, slope, np.log(some), r > 0))
    found[:, 0] |= ~(isotherms.base.stability > ROOM)
    beside = found.copy()
    beside[:, 1:] |= found[:, :-1]
    beside[:, :-1] |= found[:, 1:]
    return beside


@dataclass(frozen=True)
class FoldCells:
    """Brackets of all folds: on which isotherm each is, of how many, and a guess; ascending in both."""

    rows: Index
    number: int
    lower: Array
    upper: Array
    rising: Bools
    guess: Array

    def solved(self, isotherms: Isotherms, accuracy: float) -> Array:
        """Return the folds of every isotherm, shape (n, most), padded with NaN."""
        found = roots_along(
            isotherms,
            "stability",
            "stability_z",
            self.rows,
            self.lower,
            self.upper,
            self.rising,
            guess=self.guess,
            accuracy=accuracy,
        )
        # what lies before the path begins is no part of it; where that is takes long
        later = found > isotherms.begin[self.rows] if len(found) else np.zeros(0, dtype=bool)
        found, rows = found[later], self.rows[later]
        place = np.arange(len(found)) - np.searchsorted(rows, rows)
        table = np.full((self.number, int(place.max(initial=-1)) + 1), np.nan)
        table[rows, place] = found
        return table


def fold_cells(isotherms: Isotherms, grid: Array, every: Points) -> FoldCells:
    """Return where the folds are from what is known on a grid."""
    t, r, slope = np.log(grid), every.stability, every.stability_z * grid
    up = r > 0
    rows, k = np.nonzero(_may_hide(r, slope, t, up))
    share = _flat(r[rows, k], r[rows, k + 1], (slope[rows, k], slope[rows, k + 1]), t[k + 1] - t[k])
    extreme = _extremes(isotherms, rows, grid[k], grid[k + 1], up[rows, k], np.exp(t[k] + share * (t[k + 1] - t[k])))
    between = isotherms.take(rows).points(extreme[:, None]).stability[:, 0] if len(rows) else extreme
    hidden = np.flatnonzero((between > 0) != up[rows, k])
    rows, k, extreme = rows[hidden], k[hidden], extreme[hidden]
    changed, j = np.nonzero(up[:, 1:] != up[:, :-1])
    # next to the stability line the first fold lies before the grid
    stable = isotherms.base.stability
    if isotherms.measure.path.informed:
        stable = isotherms.points(np.full((len(stable), 1), BEFORE)).stability[:, 0]
    early = np.flatnonzero(~up[:, 0] & (stable > SIGN))
    which = np.concatenate([early, changed, rows, rows])
    lower = np.concatenate([np.full(len(early), BEFORE), grid[j], grid[k], extreme])
    upper = np.concatenate([np.full(len(early), grid[0]), grid[j + 1], extreme, grid[k + 1]])
    rising = np.concatenate([np.zeros(len(early), dtype=bool), up[changed, j + 1], ~up[rows, k], up[rows, k]])
    width = t[j + 1] - t[j]
    share = cubic_zero(r[changed, j], r[changed, j + 1], slope[changed, j] * width, slope[changed, j + 1] * width)
    guess = np.sqrt(lower * upper)
    guess[len(early) : len(early) + len(changed)] = np.exp(t[j] + share * width)
    order = np.lexsort((lower, which))
    return FoldCells(which[order], len(up), *(a[order] for a in (lower, upper, rising, guess)))


def cubic_zero(low: Array, high: Array, slope_low: Array, slope_high: Array) -> Array:
    """Return where in [0, 1] a cubic vanishes, from its values at both ends, of two signs, and its slopes there."""
    bend, twist = 3 * (high - low) - 2 * slope_low - slope_high, slope_low + slope_high - 2 * (high - low)
    with np.errstate(all="ignore"):
        straight = share = low / (low - high)
        for _ in range(CUBIC):
            value = low + share * (slope_low + share * (bend + share * twist))
            share = share - value / (slope_low + share * (2 * bend + 3 * share * twist))
    return np.where((share > 0) & (share < 1), share, straight)


def branch_cells(grid: Array, every: Points, ends: Array, strength: Array) -> tuple[Array, Array, Array]:
    """Return the parts of stable branches, between neighbours of the grid, in which the strength vanishes, and guesses.

    `every` is what is known on the grid, one branch in a row; `strength` are those at the ends of the branches, shape
    (n, 2), of two signs.
    """
    t, (low, high) = np.log(grid), np.log(ends).T
    s, slope = every.strength, every.strength_z * grid
    inner = (t > low[:, None]) & (t < high[:, None])
    above = inner & (s > 0)
    k, one = np.argmax(above, axis=1), np.arange(len(low))
    found = above.any(axis=1)
    before = np.where(found, k - 1, len(t) - 1 - np.argmax(inner[:, ::-1], axis=1))
    between = inner[one, before]
    lower, at_lower = np.where(between, t[before], low), np.where(between, s[one, before], strength[:, 0])
    upper, at_upper = np.where(found, t[k], high), np.where(found, s[one, k], strength[:, 1])
    width = upper - lower
    # the strength is stationary at folds
    slopes = np.where(between, slope[one, before], 0.0), np.where(found, slope[one, k], 0.0)
    share = cubic_zero(at_lower, at_upper, slopes[0] * width, slopes[1] * width)
    return np.exp(lower), np.exp(upper), np.exp(lower + share * width)


def _flat(low: Array, high: Array, slopes: tuple[Array, Array], width: Array) -> Array:
    """Return where in [0, 1] the slope of a cubic vanishes, from values and slopes of two signs at both ends."""
    a, b = slopes[0] * width, slopes[1] * width
    return cubic_zero(a, b, 6 * (high - low) - 4 * a - 2 * b, 4 * b + 2 * a - 6 * (high - low))


def _may_hide(r: Array, slope: Array, t: Array, up: Bools) -> Bools:
    """Tell between which log coordinates t of one sign R may have another: where its tangents do, at an extreme."""
    r, slope = np.where(up, r, -r), np.where(up, slope, -slope)
    here = (up[:, 1:] == up[:, :-1]) & (slope[:, :-1] < 0) & (slope[:, 1:] > 0)
    rows, k = np.nonzero(here)
    place = (r[rows, k + 1] - r[rows, k] - slope[rows, k + 1] * (t[k + 1] - t[k])) / (
        slope[rows, k] - slope[rows, k + 1]
    )
    here[rows, k] = r[rows, k] + slope[rows, k] * place <= 0
    return np.asarray(here)


def _extremes(
    isotherms: Isotherms, rows: Index, lower: Array, upper: Array, least: Bools, guess: Array | None = None
) -> Array:
    """Return where R is least, or largest, in brackets on the isotherms `rows`."""

    def function(t: Array, i: Index) -> tuple[Array, Array]:
        x, h = np.exp(t), 1e-4
        p = isotherms.take(rows[i]).points(np.stack([x, x * (1 + h), x * (1 - h)], axis=1))
        return p.stability_z[:, 0], (p.stability_z[:, 1] - p.stability_z[:, 2]) / (2 * h)

    start = None if guess is None else np.log(guess)
    return np.exp(solve_bracketed(function, np.log(lower), np.log(upper), least, guess=start, absolute=EXTREME))


def least_stability(isotherms: Isotherms) -> tuple[Array, Array]:
    """Return where R is least along every path, the first coordinate of the grid if next to the base, and R."""
    grid = isotherms.grid
    every = isotherms.points(np.broadcast_to(grid, (len(isotherms.base.control), len(grid))))
    begin = isotherms.begin
    r = np.where(grid >= begin[:, None], every.stability, np.inf)
    k = np.argmin(r, axis=1)
    z = np.maximum(grid[k], np.where(np.isfinite(begin), begin, 0.0))
    inner = np.flatnonzero((k > 0) & (k < len(grid) - 1))
    slope = every.stability_z
    below = inner[(slope[inner, k[inner] - 1] < 0) & (slope[inner, k[inner] + 1] > 0)]
    if len(below):
        z[below] = _extremes(
            isotherms, below, grid[k[below] - 1], grid[k[below] + 1], np.ones(len(below), dtype=bool)
        )  # fmt: skip
    # where all is known from the start nothing is left to fail
    return z, np.where(np.isinf(begin), 1.0, isotherms.points(z[:, None]).stability[:, 0])
