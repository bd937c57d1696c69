"""The fold curve of an equation of state: where two fixed points merge.

In the plane of coordinate z and strength s it is the zero set of the fold function F.  Along it control
and strength turn round together, and only at cusps (F = dF/dz = 0), because d control/ds has one sign.
Split at its cusps, the curve falls into monotone pieces, each with one fold at most for a given control
or strength: once the cusps are known, nothing further can be missed or invented.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from amp_theory.equations_of_state.base import SEARCH_PER_OCTAVE, STRENGTHS, TINY, EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.geometry.fold_search import (
    HALVINGS,
    SURE,
    explicit_curve,
    fold_extrema,
    searched_curve,
    secant,
    solve_coordinate,
    sure_of_sign,
)
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.roots import solve_bracketed

#: step in log z for the derivative that only steers the cusp's Newton iteration, and the accuracy of log z there
H, CUSP_ACCURACY = 1e-5, 1e-11
#: steps of that iteration at most
CUSP_STEPS = 12
#: steps to either side, quarters of the search grid's, in which the curve is looked for
NEIGHBOURS = 400
#: part of the next vertex's strength below which a fold follows its tangent at zero strength
NEAR_END = 1e-9
#: part of a segment within which a point found is where the curve was last projected
NEAR_LAST = 1e-6


@dataclass(frozen=True, eq=False)
class FoldPiece:
    """A monotone piece of the fold curve: vertices in order of rising intensity, falling strength.

    `appears` tells whether an upper stable branch begins here (informed spinodal) or a lower one ends
    (uninformed spinodal); `cusps` tells for both ends whether they are cusps.  A piece that `leaves` the
    coordinate grid towards z = 0 has strength zero and the intensity `limit` there; else `limit` is its
    largest intensity.  `least` is its smallest intensity, or that of q = rho if it leaves the grid towards it.
    """

    coordinate: Array
    strength: Array
    intensity: Array
    appears: bool
    cusps: tuple[bool, bool]
    limit: float
    least: float
    leaves: bool = False


@dataclass(frozen=True, eq=False)
class Cusp:
    """Where the fold curve turns round: F = dF/dz = 0, possibly at a (meaningless) negative strength.

    `merging` tells whether two stable branches become one here; else a stable branch between two
    unstable ones vanishes.
    """

    surface: Surface
    merging: bool


@dataclass(frozen=True, eq=False)
class FoldCurve:
    """All cusps, and the monotone pieces at strength >= 0."""

    pieces: tuple[FoldPiece, ...]
    cusps: tuple[Cusp, ...]


# --- on the curve ------------------------------------------------------------------------------------------


def _project(
    eos: EquationOfState, z: Array, s: Array, fixed_z: Bools, tolerance: float = 1e-7
) -> tuple[Array, Array, Surface]:
    """Move nearby points onto the fold curve at constant z (where `fixed_z`) or constant s.

    The last Newton step is taken without evaluating again: the surface returned belongs to the points
    before it, whose distance to the curve is below `tolerance`.
    """
    limit = float(eos.path.internal(np.asarray(eos.path.limit)))
    for _ in range(60):
        f = eos.surface(z, s, with_energy=False)
        with np.errstate(all="ignore"):
            ds = np.minimum(np.where(fixed_z, -f.fold / f.fold_s, 0.0), 0.7 * (limit - s))
            dt = np.where(fixed_z, 0.0, np.clip(-f.fold / (z * f.fold_z), -1, 1))
        z, s = z * np.exp(dt), s + ds
        if not np.all(np.isfinite(z) & np.isfinite(s)):
            break
        # next to the limit of the strength, or in steep places, the rounding of s and z counts
        with np.errstate(all="ignore"):
            rounding = 4 * EPS * np.where(fixed_z, np.abs(s * f.fold_s), np.abs(z * f.fold_z))
        if np.all(np.abs(f.fold) < tolerance + rounding):
            return z, s, f
    raise _lost(z, s)


def locate(eos: EquationOfState, piece: FoldPiece, target: Array, by_strength: bool = False) -> tuple[Array, Array]:
    """Return (z, s) on a fold piece at given intensities, or at given strengths.

    `target`, shape (n,), must lie in the piece's range; its ends are returned as they are.
    """
    key = -piece.strength if by_strength else piece.intensity
    goal = -target if by_strength else target
    at_end = np.where(goal == key[0], 0, np.where(goal == key[-1], -1, 1))
    z, s = piece.coordinate[np.minimum(at_end, 0)], piece.strength[np.minimum(at_end, 0)]
    inner = at_end == 1
    if by_strength and piece.strength[-1] == 0 < len(piece.strength) - 1:
        f = eos.surface(piece.coordinate[-1:], 0.0, with_energy=False)
        rounding, after = 64 * EPS / max(abs(float(f.fold_s[0])), TINY), float(piece.strength[-2])
        near = inner & (target < max(NEAR_END * after, min(rounding, after)))
        if np.any(near):  # the curve is straight, up to rounding
            z[near], s[near] = f.coordinate - target[near] * f.fold_s / f.fold_z, target[near]
            inner &= ~near
    z[inner], s[inner] = _locate_inside(eos, piece, key, goal[inner], by_strength)
    return z, s


def _locate_inside(
    eos: EquationOfState, piece: FoldPiece, key: Array, goal: Array, by_strength: bool
) -> tuple[Array, Array]:
    """Return the points between the ends where `key` (rising along the piece) equals `goal`."""
    a = np.clip(np.searchsorted(key, goal) - 1, 0, len(key) - 2)
    t, s = np.log(piece.coordinate), piece.strength
    # a segment is walked in the variable that changes more, in units of the search grid
    by_z = np.abs(np.diff(t)) * SEARCH_PER_OCTAVE >= np.abs(np.diff(s**0.25)) * STRENGTHS
    along = by_z[a]
    k = np.flatnonzero(along)
    if len(k):  # strength and intensity are monotone along a piece; the coordinate turns round where F_s changes sign
        ends = np.stack([a[k], a[k] + 1])
        turned = eos.surface(piece.coordinate[ends], s[ends], with_energy=False).fold_s
        along[k] = turned[0] * turned[1] > 0
    u = np.where(along, t[a], s[a])
    v = np.where(along, t[a + 1], s[a + 1])
    part = np.clip((goal - key[a]) / (key[a + 1] - key[a]), 0, 1)
    part = np.where(piece.cusps[0] & (a == 0), np.sqrt(part), part)
    part = np.where(piece.cusps[1] & (a == len(key) - 2), 1 - np.sqrt(1 - part), part)
    other = np.where(along, s[a] + part * (s[a + 1] - s[a]), t[a] + part * (t[a + 1] - t[a]))
    last = u + part * (v - u)
    slope = np.where(v > u, 1, -1) * np.where(along, s[a + 1] - s[a], t[a + 1] - t[a])
    slope = slope / np.maximum(np.abs(v - u), 1e-300)

    def distance_to_goal(w: Array, i: Index) -> tuple[Array, Array]:
        here = along[i]
        guess = other[i] + slope[i] * (w - last[i])
        z, strength, f = _project(eos, np.exp(np.where(here, w, guess)), np.where(here, guess, w), here)
        dt, ds = np.log(z / f.coordinate), strength - f.strength
        s_t = -f.coordinate * f.fold_z / f.fold_s
        slope[i] = np.where(here, s_t, 1 / s_t)
        other[i], last[i] = np.where(here, strength, np.log(z)), w
        if by_strength:
            return np.where(here, strength, w) + goal[i], np.where(here, s_t, 1.0)
        intensity_t = f.coordinate * f.intensity_z
        value = f.intensity + intensity_t * dt + f.intensity_s * ds - goal[i]
        # a fold may stay at one coordinate at all strengths
        return value, np.where(here, intensity_t + f.intensity_s * s_t, intensity_t / s_t + f.intensity_s)

    rising = (v > u) != by_strength
    lower, upper = np.minimum(u, v), np.maximum(u, v)
    accuracy = 4 * EPS * np.where(along, 1.0, upper)
    # next to an end at zero strength what is sought may be below the rounding of the segment
    noise = 4 * EPS * np.maximum(np.abs(key[a]), np.abs(key[a + 1]))
    solution = solve_bracketed(distance_to_goal, lower, upper, rising, u + part * (v - u), accuracy, noise)
    # a check of signs may have asked for the ends of segments last
    away = np.flatnonzero(np.abs(solution - last) > NEAR_LAST * (upper - lower))
    if len(away):
        distance_to_goal(solution[away], away)
    # the last step was tiny: the curve's tangent completes the point
    rest = other + slope * (solution - last)
    return np.exp(np.where(along, solution, rest)), np.where(along, rest, solution)


# --- cusps and pieces --------------------------------------------------------------------------------------


def _along_z(eos: EquationOfState, f: Surface) -> Surface:
    """Shorten a segment with a cusp, given its ends, until the coordinate is monotone on it: until F_s has one sign."""
    for _ in range(HALVINGS):
        if f.fold_s[0] * f.fold_s[1] > 0:
            break
        z, s = f.coordinate, f.strength
        new_s = s.mean(keepdims=True)
        new_z = _nearest_fold(eos, np.sqrt(z[:1] * z[1:]), new_s)
        slope = eos.surface(new_z, new_s, with_energy=False).fold_z[0]
        end = 0 if slope * f.fold_z[0] > 0 else 1
        z, s = np.where(np.arange(2) == end, new_z, z), np.where(np.arange(2) == end, new_s, s)
        f = eos.surface(z, s, with_energy=False)
    return f


def _lost(z: Array, s: Array) -> NumericalError:
    """Return the error of a fold that is not found, with the first place where it was looked for."""
    where = f"coordinate {np.ravel(z)[0]:g}, strength {np.ravel(s)[0]:g}"
    return NumericalError(f"the fold curve was lost between two of its points, near {where}", partial=(z, s))


def _nearest_fold(eos: EquationOfState, z: Array, s: Array) -> Array:
    """Return the coordinate next to z, arrays of shape (1,), at which F vanishes at strength s."""
    step = np.diff(np.log(eos.search_grid()[0])).min() / 4
    k = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    around = z * np.exp(step * k)
    up = eos.surface(around, s, with_energy=False).fold > 0
    turns = np.flatnonzero(np.diff(up))
    if not len(turns):
        raise _lost(z, s)
    best = turns[np.argmin(np.abs(k[turns] + 0.5))]
    return solve_coordinate(eos, around[[best]], around[[best + 1]], s, up[[best + 1]])


def _cusp(eos: EquationOfState, f: Surface) -> Cusp:
    """Solve F = dF/dz = 0 between two neighbouring points of the fold curve."""
    rising = bool(f.fold_z[np.argmin(f.coordinate)] < 0)
    found = _newton_cusp(eos, f) or _bracketed_cusp(eos, f.coordinate, f.strength, rising)
    return Cusp(eos.surface(*found), merging=rising)


def _newton_cusp(eos: EquationOfState, ends: Surface) -> tuple[Array, Array] | None:
    """Return (z, s) of the cusp between two points of the curve by Newton's method in (log z, s).

    None where it leaves the coordinates between them, meets a part of the curve on which F_s has another sign, or does
    not converge within a few steps.
    """
    t_ends, slope = np.log(ends.coordinate), ends.fold_z
    part = slope[0] / (slope[0] - slope[1])
    t, s = t_ends[0] + part * (t_ends[1] - t_ends[0]), ends.strength[0] + part * (ends.strength[1] - ends.strength[0])
    limit = float(eos.path.internal(np.asarray(eos.path.limit)))
    for _ in range(CUSP_STEPS):
        ds = H * min(max(abs(s), H), 0.5 * (limit - s))
        f = eos.surface(np.exp(t + np.array([0.0, H, 0.0])), s + np.array([0.0, 0.0, ds]), with_energy=False)
        with np.errstate(all="ignore"):
            by_t, by_s = (f.fold_z[1] - f.fold_z[0]) / H, (f.fold_z[2] - f.fold_z[0]) / ds
            f_t, f_s = f.coordinate[0] * f.fold_z[0], f.fold_s[0]
            determinant = f_t * by_s - f_s * by_t
            step_t = (f_s * f.fold_z[0] - by_s * f.fold[0]) / determinant
            step_s = (by_t * f.fold[0] - f_t * f.fold_z[0]) / determinant
        t, s = t + step_t, s + step_s
        if not (min(t_ends) < t < max(t_ends) and s < limit and f_s * ends.fold_s[0] > 0 and f_s * ends.fold_s[1] > 0):
            return None
        if abs(step_t) < CUSP_ACCURACY and abs(f.fold[0]) < 1e-12 + 4 * EPS * abs(s * f_s):
            return np.exp(np.array([t])), np.array([s])
    return None


def _bracketed_cusp(eos: EquationOfState, z: Array, s: Array, rising: bool) -> tuple[Array, Array]:
    """Return (z, s) of the cusp between two points of the curve: the zero of dF/dz along it."""
    fixed = np.array([True])
    state = {"t": np.log(z[:1]), "s": s[:1]}
    mean_slope = (s[1] - s[0]) / (np.log(z[1]) - np.log(z[0]))

    def slope_along_curve(t: Array, _index: Index) -> tuple[Array, Array]:
        guess = state["s"] + mean_slope * (t - state["t"])
        strength = _project(eos, np.exp(t), guess, fixed, 1e-12)[1]
        state["t"], state["s"] = t, strength
        f = eos.surface(np.exp(t + np.array([0.0, H])), strength, with_energy=False)
        curvature = (f.fold_z[1:] - f.fold_z[:1]) / H
        return f.fold_z[:1], curvature

    ends = np.sort(np.log(z))
    t = solve_bracketed(slope_along_curve, ends[:1], ends[1:], rising, ends.mean(keepdims=True), absolute=CUSP_ACCURACY)
    _, strength, _ = _project(eos, np.exp(t), state["s"], fixed, 1e-12)
    return np.exp(t), strength


def polished(eos: EquationOfState, cusp: Cusp) -> Cusp:
    """Solve F = dF/dz = 0 again on a nearby equation of state, by Newton's method in (log z, s)."""
    t, s = np.log(cusp.surface.coordinate), cusp.surface.strength
    for _ in range(20):
        f = eos.surface(np.exp(t + H * np.array([0.0, 1.0, -1.0])), s)
        above = eos.surface(np.exp(t), s + H)
        z = f.coordinate[0]
        curvature = (f.fold_z[1] - f.fold_z[2]) / (2 * H)
        jacobian = np.array([[z * f.fold_z[0], f.fold_s[0]], [curvature, (above.fold_z[0] - f.fold_z[0]) / H]])
        step = np.linalg.solve(jacobian, -np.array([f.fold[0], f.fold_z[0]]))
        t, s = t + step[0], s + step[1]
        if np.all(np.abs(step) < CUSP_ACCURACY):
            return Cusp(eos.surface(np.exp(t), s), cusp.merging)
    where = f"coordinate {cusp.surface.coordinate[0]:g}, strength {cusp.surface.strength[0]:g}"
    raise NumericalError(f"the cusp at {where} was lost on a finer table", partial=cusp)


class _Vertex(NamedTuple):
    """A point of the fold curve; its `position` counts the vertices along it."""

    position: float
    coordinate: float
    strength: float
    intensity: float
    fold_z: float
    cusp: bool


def _vertices(positions: Iterable[float], f: Surface, cusp: bool = False) -> list[_Vertex]:
    """Return the points of a surface as vertices."""
    columns = (column.tolist() for column in (f.coordinate, f.strength, f.intensity, f.fold_z))
    return [_Vertex(k, z, s, x, slope, cusp) for k, z, s, x, slope in zip(positions, *columns, strict=True)]


def _split(eos: EquationOfState, z: Array, s: Array) -> tuple[list[FoldPiece], list[Cusp]]:
    """Cut a connected curve at its cusps and at zero strength; return the pieces at strength >= 0."""
    f = eos.surface(z, s, with_energy=False)
    finite = np.isfinite(f.intensity)  # of high powers the control overflows before the grid ends
    z, s, f = z[finite], s[finite], f.take(finite)
    # next to z = 0 rounding may decide the sign of dF/dz
    firm = np.flatnonzero(np.abs(z * f.fold_z) > SURE)
    turns = [(a, b) for a, b in itertools.pairwise(firm.tolist()) if f.fold_z[a] * f.fold_z[b] < 0]
    cusps = [_cusp(eos, _along_z(eos, f.take(np.array(turn)))) for turn in turns]
    between = [k for a, b in turns for k in range(a + 1, b)]
    kept = np.setdiff1d(np.arange(len(z)), between)
    points = _vertices(kept.tolist(), f.take(kept))
    for (a, b), cusp in zip(turns, cusps, strict=True):
        points += _vertices([0.5 * (a + b)], cusp.surface, cusp=True)
    points.sort()
    for before, after in itertools.pairwise(list(points)):
        if before.strength * after.strength < 0:
            ends = np.sort([before.coordinate, after.coordinate])
            points += _vertices([after.position - 0.25], _at_zero_strength(eos, ends))
    points.sort()
    cuts = {k for k, point in enumerate(points) if point.cusp or point.strength == 0}
    sections = [points[a : b + 1] for a, b in itertools.pairwise(sorted({0, *cuts, len(points) - 1}))]
    positive = [x for x in sections if min(v.strength for v in x) >= 0 and max(v.strength for v in x) > 0]
    return [_piece(eos, section) for section in positive], cusps


def _at_zero_strength(eos: EquationOfState, ends: Array) -> Surface:
    """Return the point between two of the fold curve, at coordinates of shape (2,), at which its strength is zero."""
    f = eos.surface(ends, 0.0, with_energy=False)
    least = np.argmin(np.abs(f.fold), keepdims=True)
    if not sure_of_sign(f.fold[least])[0]:  # a cusp may be there itself, to rounding, and has no sign beside it
        return f.take(least)
    z = solve_coordinate(eos, ends[:1], ends[1:], np.zeros(1), f.fold[:1] < 0)
    return eos.surface(z, 0.0, with_energy=False)


def _piece(eos: EquationOfState, section: list[_Vertex]) -> FoldPiece:
    """Return the monotone piece through `section`, oriented by rising intensity."""
    if section[0].intensity > section[-1].intensity:
        section = section[::-1]
    z, s, intensity, fold_z = (np.array(column) for column in list(zip(*section, strict=True))[1:5])
    inside = fold_z[1:-1] if len(z) > 2 else eos.surface(np.sqrt(z[:1] * z[1:]), s.mean(keepdims=True)).fold_z
    appears = bool(np.median(inside) > 0)
    # vertices closer than rounding would not be ordered
    keep = [0]
    for k in range(1, len(z)):
        if intensity[k] > intensity[keep[-1]] and s[k] < s[keep[-1]]:
            keep.append(k)
    keep[-1] = len(z) - 1
    # next to weak recovery the strength falls below rounding before the grid ends
    leaves = (z[-1] < z[0] and s[-1] > 0 and not section[-1].cusp) or (
        np.isfinite(eos.start) and abs(intensity[-1] - eos.start) <= 1e-6 * eos.start
    )
    limit = float(intensity[-1])
    if leaves:  # from q = 0 at zero strength, or at an intensity that overflows
        limit = eos.start if eos.start > 0 else float("inf")
    # a lower branch next to q = rho ends wherever that is stable, also beyond the grid
    to_recovery = eos.recovery is not None and not appears and not section[0].cusp and s[0] > 0
    limit_s = eos.path.internal(np.asarray(eos.path.limit))
    least = float(eos.last_intensity(limit_s)) if to_recovery else float(intensity[0])
    ends = (section[0].cusp, section[-1].cusp)
    return FoldPiece(
        coordinate=z[keep], strength=s[keep], intensity=intensity[keep], appears=appears, cusps=ends, limit=limit,
        least=least, leaves=bool(leaves and s[-1] > 0),
    )  # fmt: skip


def fold_curve(eos: EquationOfState, below: bool = False) -> FoldCurve:
    """Find all folds and cusps of an equation of state, with `below` also cusps at (meaningless) negative strengths."""
    curves = explicit_curve(eos) if eos.explicit_folds else searched_curve(eos, below)
    pieces: list[FoldPiece] = []
    cusps: list[Cusp] = []
    for z, s in curves:
        new_pieces, new_cusps = _split(eos, z, s)
        pieces += new_pieces
        cusps += new_cusps
    return FoldCurve(tuple(pieces), tuple(cusps))


def zero_strength_folds(eos: EquationOfState) -> Surface:
    """Return the fixed points at zero strength where the control turns round, ascending in overlap.

    The extrema of F are found first, so that two folds closer than the grid are not overlooked.
    """
    on_grid = eos.surface(eos.grid, 0.0, with_energy=False)
    extrema = fold_extrema(eos, on_grid)
    z, fold = eos.grid, on_grid.fold
    if len(extrema):
        z = np.concatenate([z, extrema])
        order = np.argsort(z)
        z, fold = z[order], np.concatenate([fold, eos.surface(extrema, 0.0, with_energy=False).fold])[order]
    sure = sure_of_sign(fold)
    z, fold = z[sure], fold[sure]
    k = np.flatnonzero(np.sign(fold[:-1]) * np.sign(fold[1:]) < 0)
    guess = np.exp(secant(np.log(z), fold, k, k + 1))
    return eos.surface(solve_coordinate(eos, z[k], z[k + 1], np.zeros(len(k)), fold[k] < 0, guess), 0.0)
