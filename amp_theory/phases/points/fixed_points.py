"""All fixed points at given control and strength, and the regions they make.

At a given strength the folds cut the fixed points into pieces on which the control is monotone in the
coordinate, so each piece holds one fixed point or none: comparing the control with its values at the
folds counts them, a bracketed Newton iteration finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from amp_theory.equations_of_state.base import TINY, EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.mixed import moving_and_held
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_point
from amp_theory.phases.geometry.branches import follow
from amp_theory.phases.geometry.folds import locate
from amp_theory.phases.geometry.geometry import Geometry, joined
from amp_theory.phases.geometry.solved import SAFETY, any_geometry_of, check_pair
from amp_theory.phases.points.listed import kinds_of, null_point, point_of, with_both
from amp_theory.phases.points.thresholds import sharpener
from amp_theory.tools.arrays import Array, Bools
from amp_theory.tools.errors import InputError, NumericalError, told
from amp_theory.tools.fixed_points import FixedPoints

if TYPE_CHECKING:
    pass

Item = TypeVar("Item")
#: where next to q = rho roots are looked for, in units of 1/variance
FARTHEST_ROOT = 1e40


def broadcast(model: Model, path: Path, control: npt.ArrayLike, strength: npt.ArrayLike) -> tuple[Array, Array]:
    """Return (intensity, internal strength) of one shape, checked."""
    c, s = model.check_control(control), path.check_strength(strength)
    try:
        c, s = np.broadcast_arrays(c, s)
    except ValueError:
        raise InputError(
            f"{model.control} and {path.strength} must broadcast, got shapes {c.shape} and {s.shape}"
        ) from None
    return model.intensity(c), path.internal(s)


def single(question: str, model: Model, path: Path, control: float, strength: float) -> tuple[Array, Array]:
    """Return (intensity, internal strength), checked, for what takes one of each."""
    intensity, s = broadcast(model, path, control, strength)
    if intensity.ndim:
        raise InputError(
            f"{question} takes one control and one strength, got {told(control)} and {told(strength)}; "
            "uninformed_overlap takes arrays"
        )
    return intensity, s


def fixed_coordinates(geo: Geometry, intensity: Array, strength: Array) -> Array:
    """Return the coordinates of all fixed points with q > 0 at (intensity, strength), shape (n,).

    The result has shape (n, most), ascending, padded with NaN; stable and unstable ones alternate.  That of q = rho is
    infinite.
    """
    eos = geo.eos
    folds = _folds_at(geo, strength)
    known = ~np.isnan(folds)
    values = np.full(folds.shape, np.nan)
    row = np.nonzero(known)[0]
    values[known] = eos.surface(folds[known], strength[row], with_energy=False).intensity
    low, high = eos.coordinate_bounds(intensity, strength)
    # from q = 0 at zero strength the curve sets out from the weak-recovery point
    origin = np.where((strength == 0) & eos.symmetric, eos.start, -np.inf)
    low = np.where((strength == 0) & eos.symmetric, TINY, low)
    n, most = folds.shape
    end = eos.last_intensity(strength)
    result = np.full((n, most + 2), np.nan)
    result[intensity > end, -1] = np.inf
    count = known.sum(axis=1)
    for k in range(most + 1):
        here = np.flatnonzero(count >= k)
        last = count[here] == k
        left = folds[here, k - 1] if k else low[here]
        right = np.where(last, high[here], folds[here, min(k, most - 1)] if most else high[here])
        at_left = values[here, k - 1] if k else origin[here]
        at_right = np.where(last, end[here], values[here, min(k, most - 1)] if most else end[here])
        target = intensity[here]
        between = (at_left < target) & (target < at_right) | (at_right < target) & (target < at_left)
        i = here[between]
        rising = (at_left < at_right)[between]
        lower, upper = np.maximum(left[between], np.where(rising, low[i], 0)), np.minimum(right[between], high[i])
        end_most = np.flatnonzero(last[between])
        if len(end_most) and eos.open_ended:
            j = i[end_most]
            upper[end_most] = far_enough(eos, intensity[j], strength[j], upper[end_most], rising[end_most])
        result[i, k] = follow(eos, intensity[i], strength[i], lower, upper, rising=rising)
    # the intensity is that of folds, to the last digit, between which nothing lies: a cusp, where two of them meet
    lost = np.isnan(result).all(axis=1, keepdims=True)
    missed, fold = np.nonzero(lost & (values == intensity[:, None]))
    result[missed, 0] = folds[missed, fold]
    return np.sort(result, axis=1)


def far_enough(eos: EquationOfState, intensity: Array, strength: Array, upper: Array, rising: Bools) -> Array:
    """Return upper ends of brackets, beyond the grid where a root is next to q = rho."""
    upper = upper.copy()
    while True:
        residual = eos.surface(upper, strength, with_energy=False).residual(intensity)
        short = np.where(rising, residual < 0, residual > 0) & (upper < FARTHEST_ROOT / eos.prior.variance)
        if not np.any(short):
            return upper
        upper[short] *= 1e3


def _folds_at(geo: Geometry, strength: Array) -> Array:
    """Return the coordinates of all folds at every strength, shape (n, most), ascending, padded with NaN."""
    if geo.standing is not None:
        return np.tile(geo.standing, (len(strength), 1))
    columns = []
    for piece in geo.curve.pieces:
        column = np.full(len(strength), np.nan)
        inside = np.flatnonzero((strength > 0) & (strength >= piece.strength[-1]) & (strength <= piece.strength[0]))
        if len(inside):
            column[inside], _ = locate(geo.eos, piece, strength[inside], by_strength=True)
        if not piece.appears and piece.leaves:
            # below the grid the fold's coordinate follows a power of the strength, its control runs to the limit
            below = (strength > 0) & (strength < piece.strength[-1])
            power = 1.0 if np.isinf(piece.limit) else 0.5
            column[below] = piece.coordinate[-1] * (strength[below] / piece.strength[-1]) ** power
        columns.append(column)
    for coordinate in geo.zero_folds.coordinate:
        columns.append(np.where(strength == 0, coordinate, np.nan))
    table = np.sort(np.array(columns).reshape(len(columns), len(strength)).T, axis=1)
    return table[:, : int((~np.isnan(table)).sum(axis=1).max(initial=0))]


@dataclass(frozen=True, eq=False)
class StableFixedPoints:
    """Stable fixed points at many (intensity, strength): arrays of shape (n, most), padded with NaN.

    The first column of `overlap` is the uninformed branch, the last entry that is not NaN the informed one.
    """

    overlap: Array
    free_entropy: Array
    free_entropy_error: Array
    count: npt.NDArray[np.intp]


def stable_fixed_points(geo: Geometry, intensity: Array, strength: Array, confirmed: bool = False) -> StableFixedPoints:
    """Return the stable fixed points at (intensity, strength), shape (n,), confirmed ones if that is asked for."""
    if geo.one_by_one:
        return _one_by_one(geo, intensity, strength)
    eos = geo.eos
    z = fixed_coordinates(geo, intensity, strength)
    known = ~np.isnan(z)
    row = np.nonzero(known)[0]
    f = points_at(eos, intensity[row], z[known], strength[row])
    if confirmed:
        confirm(eos, f, intensity[row])
    table = np.full((3, *z.shape), np.nan)
    null = eos.symmetric & (strength == 0) & (intensity <= eos.start)
    stable = _stable(f, (~null & (known.sum(axis=1) == 1))[row])
    for layer, values in zip(table, (f.overlap, f.free_entropy, eos.errors(f).free_entropy), strict=True):
        layer[known] = np.where(stable, values, np.nan)
    table = np.concatenate([np.where(null, 0.0, np.nan)[None, :, None].repeat(3, axis=0), table], axis=2)
    order = np.argsort(table[0], axis=1)
    overlap, phi, error = (np.take_along_axis(layer, order, axis=1) for layer in table)
    count = (~np.isnan(overlap)).sum(axis=1)
    if not np.all(count):
        # at a large strength and a critical control it is closer to q = rho than any coordinate that is searched
        raise NumericalError("no stable fixed point is found between zero and full overlap")
    most = int(count.max(initial=1))
    return StableFixedPoints(overlap[:, :most], phi[:, :most], error[:, :most], count)


def _stable(f: Surface, alone: Bools | bool) -> Bools:
    """Tell which fixed points are stable; one that is alone is: at a cusp F vanishes, its sign is that of rounding."""
    return np.asarray((f.fold > 0) | alone)


def _one_by_one(geo: Geometry, intensity: Array, strength: Array) -> StableFixedPoints:
    """Return the stable fixed points where every intensity has an equation of state of its own."""
    parts = []
    for value in np.unique(intensity):
        here = np.flatnonzero(intensity == value)
        parts.append((here, stable_fixed_points(geo.at(float(value)), intensity[here], strength[here])))
    most = max((view.overlap.shape[1] for _, view in parts), default=1)
    tables = np.full((3, len(intensity), most), np.nan)
    count = np.zeros(len(intensity), dtype=np.intp)
    for here, view in parts:
        columns = (view.overlap, view.free_entropy, view.free_entropy_error)
        tables[:, here, : view.overlap.shape[1]] = np.stack(columns)
        count[here] = view.count
    return StableFixedPoints(tables[0], tables[1], tables[2], count)


def points_at(eos: EquationOfState, intensity: Array, coordinate: Array, strength: Array) -> Surface:
    """Return the fixed points at coordinates, of which the infinite ones are q = rho."""
    end = np.isinf(coordinate)
    if not np.any(end):
        return eos.surface(coordinate, strength)
    finite = eos.surface(coordinate[~end], strength[~end])
    f = joined(finite, eos.recovered(intensity[end], strength[end]))
    return f.take(np.argsort(np.concatenate([np.flatnonzero(~end), np.flatnonzero(end)])))


def confirm(eos: EquationOfState, f: Surface, intensity: Array) -> None:
    """Raise a `NumericalError` if a point is where the surface jumps past the intensity asked for."""
    if not np.all(eos.found_at(f, intensity)):
        raise NumericalError(
            f"a fixed point of {eos.model!r} along {eos.path.name} is not on the known part of its equation of state",
            "so little is revealed that two densities answer to one overlap: state_evolution iterates there",
        )


def regions(geo: Geometry, intensity: Array, strength: Array) -> npt.NDArray[np.str_]:
    """Return easy, easy_metastable or hard at (intensity, strength), shape (n,); on a line the worse side."""
    view = stable_fixed_points(geo, intensity, strength)
    best = np.nanmax(view.free_entropy[:, 1:], axis=1, initial=-np.inf)
    noise = SAFETY * np.nanmax(view.free_entropy_error, axis=1)
    hard = best >= view.free_entropy[:, 0] - noise
    return np.where(view.count == 1, "easy", np.where(hard, "hard", "easy_metastable"))


def has_condensed(geo: Geometry, intensity: Array) -> bool:
    """Tell whether a random measure with an outer overlap is beyond condensation at an intensity, shape (1,)."""
    model, path = geo.eos.model, geo.eos.path
    if not model.outer_overlap:
        return False
    # where something is known from the start, that tells nothing of the measure
    moving, kept, _ = moving_and_held(path)
    plain = geo if kept is None else any_geometry_of(model, moving)
    return str(regions(plain, intensity, np.zeros(1))[0]) == "hard"


def uninformed_overlap(
    model: Model, path: Path, control: npt.ArrayLike | None = None, strength: npt.ArrayLike | None = None,
    **named: npt.ArrayLike,
) -> Array:  # fmt: skip
    """Return the overlap state evolution reaches from zero overlap, broadcast over control and strength.

    It is what AMP, and a sampler with the best efficient denoiser, has at large size.  At zero strength it
    is the limit of small strength.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control, strength
        The control > 0 and the strength >= 0, of shapes that broadcast.
    **named
        Control and strength under the names that the model and the path give them, such as temperature=0.7.

    Returns
    -------
    array
        q in [0, rho], in the units of s^2, of the broadcast shape.

    Raises
    ------
    InputError
        If a value is out of range, or the shapes do not fit.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> uninformed_overlap(IsingPSpin(p=3), Flow(), control=0.7, strength=[0.05, 0.12]).round(9).tolist()
    [0.056513502, 0.193752018]
    >>> informed_overlap(IsingPSpin(p=3), Flow(), control=0.7, strength=[0.05, 0.12]).round(9).tolist()
    [0.056513502, 0.724855205]
    """
    return _branch_overlap(model, path, *at_point(model, path, control, strength, named), first=True)


def informed_overlap(
    model: Model, path: Path, control: npt.ArrayLike | None = None, strength: npt.ArrayLike | None = None,
    **named: npt.ArrayLike,
) -> Array:  # fmt: skip
    """Return the overlap state evolution reaches from full overlap, broadcast over control and strength.

    Parameters
    ----------
    model, path, control, strength, **named
        As for `uninformed_overlap`.

    Returns
    -------
    array
        q in [0, rho], in the units of s^2, of the broadcast shape.

    Raises
    ------
    InputError, NumericalError
        As `uninformed_overlap` does.

    See Also
    --------
    uninformed_overlap : With an example of both.
    """
    return _branch_overlap(model, path, *at_point(model, path, control, strength, named), first=False)


def _branch_overlap(model: Model, path: Path, control: npt.ArrayLike, strength: npt.ArrayLike, first: bool) -> Array:
    geo = any_geometry_of(model, path)
    intensity, s = broadcast(model, path, control, strength)
    view = stable_fixed_points(geo, intensity.ravel(), s.ravel(), confirmed=True)
    column = np.zeros_like(view.count) if first else view.count - 1
    return view.overlap[np.arange(len(column)), column].reshape(intensity.shape)


@overload
def fixed_points(
    model: Model, path: Path, control: float | None = None, strength: float | None = None, digits: int | None = None,
    **named: float,
) -> FixedPoints: ...  # fmt: skip
@overload
def fixed_points(
    model: Model, path: Path, control: npt.ArrayLike | None = None, strength: npt.ArrayLike | None = None,
    digits: int | None = None, **named: npt.ArrayLike,
) -> npt.NDArray[np.object_]: ...  # fmt: skip
def fixed_points(
    model: Model, path: Path, control: npt.ArrayLike | None = None, strength: npt.ArrayLike | None = None,
    digits: int | None = None, **named: npt.ArrayLike,
) -> Any:  # fmt: skip
    """Find every fixed point of state evolution at a control and a strength, or at many.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control, strength
        The model's control, > 0, and the path's strength, >= 0; numbers, or arrays of shapes that broadcast.
    digits
        Significant digits of overlap, free entropy and mmse, 1 to 50, in `decimals`; see `thresholds`.
    **named
        Control and strength under the names that the model and the path give them, such as temperature=0.7.

    Returns
    -------
    FixedPoints, or an array of them
        Sorted by overlap; stable and unstable ones alternate.  For arrays one of objects, of the broadcast shape.

    Raises
    ------
    InputError
        If a value is out of range, or `digits` are not there for the model.
    NumericalError
        If a solver fails.

    References
    ----------
    arXiv:2308.14085: phi(q) = Psi(xi'(q), strength) - [q xi'(q) - xi(q)]/2, whose stationary points these are.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> [p.kind for p in fixed_points(IsingPSpin(p=3), Flow(), temperature=0.70, snr=0.12)]
    ['uninformed', 'unstable', 'informed']
    >>> [len(points) for points in fixed_points(IsingPSpin(p=3), Flow(), control=0.70, strength=[0.05, 0.12])]
    [1, 3]
    """
    check_pair(model, path)
    control, strength = at_point(model, path, control, strength, named)
    sharp = sharpener(model, path, digits)

    def at(c: float, s: float) -> FixedPoints:
        (found,) = fixed_points_along(model, path, c, [s])
        if sharp is None:
            return found
        points = tuple(sharp.fixed_point(p, found.control, found.strength) for p in found)
        return FixedPoints(points, found.control, found.strength, found.region)

    broadcast(model, path, control, strength)
    return of_each(at, control, strength)


def of_each(function: Callable[..., Item], *values: npt.ArrayLike) -> Item | npt.NDArray[np.object_]:
    """Return what a function of numbers returns, for arrays that broadcast an array of that."""
    arrays = np.broadcast_arrays(*values)
    if not arrays[0].ndim:
        return function(*map(float, arrays))
    found = np.empty(arrays[0].shape, dtype=object)
    for index in np.ndindex(found.shape):
        found[index] = function(*(float(a[index]) for a in arrays))
    return found


def fixed_points_along(model: Model, path: Path, control: float, strengths: npt.ArrayLike) -> Iterator[FixedPoints]:
    """Yield what `fixed_points` returns, of one control at many strengths, solved together."""
    geo = any_geometry_of(model, path)
    lam, internal = broadcast(model, path, control, strengths)
    geo = geo.at(float(lam[0]))
    coordinate = fixed_coordinates(geo, lam, internal)
    known = ~np.isnan(coordinate)
    which, _ = np.nonzero(known)
    f = points_at(geo.eos, lam[which], coordinate[known], internal[which])
    confirm(geo.eos, f, lam[which])
    bounds, names = geo.eos.errors(f), regions(geo, lam, internal)
    below = bool(lam[0] <= geo.eos.start)
    unknown = has_condensed(geo, lam[:1])
    for row, strength in enumerate(np.asarray(strengths, dtype=float)):
        null = geo.eos.symmetric and internal[row] == 0
        # at strengths too small for doubles q = 0 stands for the stable fixed point beside it; an unstable one is gone
        null = null and (below or strength == 0)
        here = np.flatnonzero(which == row)
        stable = [*([below] if null else []), *_stable(f.take(here), not null and len(here) == 1).tolist()]
        # beyond condensation it is not that of the random measure, and less the free entropy it may be negative
        evidence = float("nan") if unknown else geo.eos.evidence(lam[:1], float(strength))
        points = [point_of(f, bounds, k, evidence, geo.eos.entropy) for k in here.tolist()]
        if geo.eos.two_sided:
            points = with_both(geo.eos, f.take(here), points)
        if null:
            points.insert(0, null_point(below, evidence, geo.eos))
        named = tuple(
            replace(p, stable=good, kind=kind) for p, good, kind in zip(points, stable, kinds_of(stable), strict=True)
        )
        region = "unknown" if unknown else str(names[row])
        yield FixedPoints(named, float(control), float(strength), region, model.solved_measure)
