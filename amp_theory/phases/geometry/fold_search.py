"""Where the fold curve is: explicit in the coordinate, or found over a grid of coordinates and strengths.

The fold function F changes its sign there; every point found on the grid is solved for, not interpolated.
"""

from __future__ import annotations

import logging

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.roots import solve_bracketed

LOG = logging.getLogger(__name__)
#: how often an interval is halved
HALVINGS = 40
#: relative size of F below which it counts as rounding
SURE = 1e-12
#: step in log z for the derivative that only steers Newton's iteration at an extremum of F, and the accuracy there
STEP, ACCURACY = 1e-5, 1e-11


def explicit_curve(eos: EquationOfState) -> list[tuple[Array, Array]]:
    """Return the fold curve where the overlap depends on the coordinate alone, so that F is affine in s."""
    f = eos.surface(eos.grid, 0.0)
    # where F vanishes faster than z, or next to z = 0 changes its sign, rounding makes folds up
    sure = sure_of_sign(f.fold)
    z, f = eos.grid[sure], f.take(sure)
    with np.errstate(all="ignore"):
        s = -f.fold / f.fold_s
        finite = np.isfinite(s) & np.isfinite(eos.surface(z, s).intensity)
    # a steep curve may cross zero strength within one step of the grid
    above = np.append(s > 0, False)
    good = finite & ((s > -z) | np.roll(above, 1)[:-1] | above[1:])
    runs = np.split(np.flatnonzero(good), np.flatnonzero(np.diff(np.flatnonzero(good)) > 1) + 1)
    return [(z[run], s[run]) for run in runs if len(run) > 1]


def sure_of_sign(fold: Array) -> Bools:
    """Tell where the sign of F = 1 - K dq/dz is not just rounding."""
    with np.errstate(invalid="ignore"):
        return np.abs(fold) > SURE * (1 + np.abs(1 - fold))


def searched_curve(eos: EquationOfState, below: bool = False) -> list[tuple[Array, Array]]:
    """Return the fold curve found as the zero contour of F over a grid of coordinates and strengths.

    With `below` strengths are searched below zero too, as far as coordinates are of order one, if the surface goes on.
    """
    from contourpy import contour_generator

    z, s = eos.search_grid()
    if below and eos.goes_on:
        s = np.concatenate([-s[(s > 0) & (s <= 1 / eos.prior.variance)][::-1], s])
    if eos.path.informed:  # what is told from the start may leave two folds between coordinates of the grid
        z = np.union1d(z, fold_extrema(eos, eos.surface(eos.grid, 0.0, with_energy=False)))
    # a change of sign hidden by rounding lies between the coordinates around it
    sure = sure_of_sign(eos.surface(z, 0.0, with_energy=False).fold)
    z = z[sure | (np.arange(len(z)) < np.argmax(sure))]
    fold = _fold_table(eos, z, s)
    for _ in range(HALVINGS):
        # in a cell whose corners alternate in sign it is open which of its edges belong together
        up = fold > 0
        saddle = (up[1:, 1:] == up[:-1, :-1]) & (up[1:, :-1] == up[:-1, 1:]) & (up[1:, 1:] != up[1:, :-1])
        known = ~np.isnan(fold)
        saddle &= known[1:, 1:] & known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:]
        j = np.flatnonzero(saddle.any(axis=0) & (np.diff(s) > 4 * EPS * s[1:]))
        if not len(j):
            break
        between = 0.5 * (s[j] + s[j + 1])
        LOG.debug(
            "%d saddles between the %d coordinates and %d strengths searched: refined", saddle.sum(), len(z), len(s)
        )
        s, fold = np.insert(s, j + 1, between), np.insert(fold, j + 1, _fold_table(eos, z, between), axis=1)
    LOG.debug("folds searched on a grid of %d coordinates and %d strengths", len(z), len(s))
    lines = contour_generator(z=np.ma.masked_invalid(fold.T)).lines(0.0)
    return [_refine(eos, z, s, fold, np.asarray(line)) for line in lines if len(line) > 1]


def secant(x: Array, value: Array, lower: Index, upper: Index) -> Array:
    """Return where straight lines between entries `lower` and `upper` of a function's values are zero."""
    a, b = value[lower], value[upper]
    return np.asarray(x[lower] + a / (a - b) * (x[upper] - x[lower]))


def fold_extrema(eos: EquationOfState, on_grid: Surface) -> Array:
    """Return the coordinates, ascending, of extrema of F at zero strength, given the surface over the grid there."""
    z, slope = eos.grid, on_grid.fold_z
    t = np.log(z)
    firm = np.flatnonzero(np.abs(z * slope) > SURE)
    turns = np.sign(slope[firm[:-1]]) * np.sign(slope[firm[1:]]) < 0
    k, after = firm[:-1][turns], firm[1:][turns]
    if not len(k):
        return np.zeros(0)

    def slope_at_zero_strength(t: Array, _: Index) -> tuple[Array, Array]:
        both = np.exp(np.concatenate([t, t + STEP]))
        here, there = np.split(eos.surface(both, 0.0, with_energy=False).fold_z, 2)
        return here, (there - here) / STEP

    guess = secant(t, slope, k, after)
    return np.exp(solve_bracketed(slope_at_zero_strength, t[k], t[after], slope[k] < 0, guess, absolute=ACCURACY))


def _fold_table(eos: EquationOfState, z: Array, s: Array) -> Array:
    """Return F at all pairs of coordinates and strengths."""
    fold = eos.folds_over(z[:, None], s[None, :])
    # where F vanishes faster than z, its sign next to z = 0 is the first one that is not rounding
    first = np.maximum(np.arange(len(z))[:, None], sure_of_sign(fold).argmax(axis=0))
    return np.asarray(np.take_along_axis(fold, first, axis=0))


def _refine(eos: EquationOfState, z: Array, s: Array, fold: Array, line: Array) -> tuple[Array, Array]:
    """Move a contour line's vertices, each of which lies on an edge of the grid, onto the exact curve."""
    up, nearest = fold > 0, np.round(line)
    line = np.where(np.abs(line - nearest) < 1e-9, nearest, line)
    i, j = (np.floor(x).astype(int) for x in line.T)
    on_row, on_column = line[:, 0] == i, line[:, 1] == j
    for corner in np.flatnonzero(on_row & on_column):
        row, column = int(i[corner]), int(j[corner])
        for r, c, axis in ((row, column, 1), (row, column - 1, 1), (row, column, 0), (row - 1, column, 0)):
            end = r + 1 - axis, c + axis
            if min(r, c) >= 0 and end[0] < len(z) and end[1] < len(s) and up[r, c] != up[end]:
                i[corner], j[corner], on_row[corner], on_column[corner] = r, c, axis == 1, axis == 0
                break
    zs, ss = z[i].copy(), s[j].copy()
    k = np.flatnonzero(on_row != on_column)
    i, j, along_s, part = i[k], j[k], on_row[k], (line - np.stack([i, j], axis=1))[k].sum(axis=1)
    zs[k], ss[k] = _solve_edges(eos, (z, s), (i, j), along_s, part, fold[i, j] < 0)
    return zs, ss


def _solve_edges(
    eos: EquationOfState, grid: tuple[Array, Array], corner: tuple[Index, Index], along_s: Bools, part: Array,
    rising: Bools,
) -> tuple[Array, Array]:  # fmt: skip
    """Solve F(z, s) = 0 on edges of the grid from their lower corners on: for s, or for log z, all at once.

    part says about where on its edge each zero is, rising whether F rises along it.
    """
    (z, s), (i, j) = grid, corner
    t, z_here, s_here = np.log(z), z[i], s[j]
    lower = np.where(along_s, s_here, t[i])
    upper = np.where(along_s, s[np.minimum(j + 1, len(s) - 1)], t[np.minimum(i + 1, len(t) - 1)])

    def places(w: Array, n: Index) -> tuple[Array, Array]:
        along = along_s[n]
        return np.where(along, z_here[n], np.exp(np.where(along, 0.0, w))), np.where(along, w, s_here[n])

    def fold_along_edge(w: Array, n: Index) -> tuple[Array, Array]:
        along = along_s[n]
        f = eos.surface(*places(w, n), with_energy=False)
        return f.fold, np.where(along, f.fold_s, f.coordinate * f.fold_z)

    found = solve_bracketed(
        fold_along_edge, lower, upper, rising, lower + part * (upper - lower), np.where(along_s, 0.0, 4 * EPS),
        eos.rounding,
    )  # fmt: skip
    return places(found, np.arange(len(found)))


def solve_coordinate(
    eos: EquationOfState, lower: Array, upper: Array, s: Array, rising: Bools, guess: Array | None = None
) -> Array:
    """Solve F(z, s) = 0 for z at given s, in log z, from a guess of z."""

    def fold_at_coordinate(t: Array, i: Index) -> tuple[Array, Array]:
        z = np.exp(t)
        f = eos.surface(z, s[i], with_energy=False)
        return f.fold, z * f.fold_z

    ends = np.log(lower), np.log(upper)
    start = None if guess is None else np.log(guess)
    return np.exp(solve_bracketed(fold_at_coordinate, *ends, rising, start, absolute=4 * EPS, noise=eos.rounding))
