"""The lines of random measures whose samples overlap: all isotherms of a diagram at once.

Where every isotherm has one point of a line, the line begins at the tricritical point and ends where it reaches zero
strength, or with the replica-symmetric measure.  Of several branches the points are connected from one isotherm to the
next.  Of frozen measures, whose q = 1 is always stable, the branch of the base is solved at all controls at once; where
there are others, or something is known from the start, every control is solved alone.
"""

from __future__ import annotations

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import DIFFERENCES, ROUNDING, Points
from amp_theory.phases.diagram.along_path import path_transitions
from amp_theory.phases.diagram.lines import LINES, Line
from amp_theory.phases.diagram.random_branches import Branches, LinePoints
from amp_theory.phases.diagram.regular_lines import joined_line, joined_points
from amp_theory.phases.geometry.random_measures import BEFORE, RandomGeometry, fold_cells, grid_points
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.results import Located, Thresholds
from amp_theory.tools.roots import solve_bracketed

#: which folds are a line: those at which branches begin, or end
SPINODALS = {"informed_spinodal": 1, "uninformed_spinodal": 0}
#: accuracy of folds in the logarithm of the coordinate
ACCURACY = 1e-14
#: how far beside special points several branches are looked at, in units of the range
BESIDE = 1e-9
#: the special point at which a line ends, by its name; the lower branch exists up to the stability line
LAST = {"informed_spinodal": "dynamical", "first_order": "condensation", "uninformed_spinodal": "stability"}


def random_lines(
    geo: RandomGeometry, special: Thresholds, control_range: tuple[float, float], points: int
) -> dict[str, Line]:
    """Return the lines of a diagram, with `points` points each."""
    ends = {name: _ends(geo, special, name, control_range) for name in LINES}
    controls = {name: np.zeros(0) if e is None else np.linspace(*e, points) for name, e in ends.items()}
    model, path = geo.measure.model, geo.measure.path
    names = (model.control, path.strength)
    if geo.measure.frozen:
        controls = {name: _beside(values, special) for name, values in controls.items()}
        every = np.unique(np.concatenate(list(controls.values())))  # lines share what they do not end at
        found = None if path.informed or not len(every) else _frozen_columns(geo, every)
        if found is not None:
            return {
                name: joined_points(name, controls[name], _of(found[name], every, controls[name]), names)
                for name in LINES
            }
        met = {c: path_transitions(model, path, c) for c in every.tolist()}
        return {name: joined_line(name, [met[c] for c in controls[name].tolist()], names) for name in LINES}
    inner = {name: values[~_known(values, special)] for name, values in controls.items()}
    columns = _columns(geo, inner)
    lines, several = (
        {},
        [name for name in LINES if not np.array_equal(columns[name]["row"], np.arange(len(inner[name])))],
    )
    if several:
        beside = {name: _beside(values, special) for name, values in controls.items()}
        columns |= {name: known for name, known in _columns(geo, beside).items() if name in several}
    for name in LINES:
        if name in several:
            lines[name] = joined_points(name, beside[name], columns[name], names)
        else:
            lines[name] = _with_ends(geo, special, name, (controls[name], inner[name]), columns[name])
    return lines


def _known(controls: Array, special: Thresholds) -> Bools:
    """Tell which controls are special points, where the line is known already."""
    return np.isin(controls, [p.control for p in special.points().values() if p is not None])


def _beside(controls: Array, special: Thresholds) -> Array:
    """Return the controls, those that are special points a little closer to the others: there branches merge."""
    off = BESIDE * (np.mean(controls) - controls) if len(controls) else controls
    return np.where(_known(controls, special), controls + off, controls)


def _ends(
    geo: RandomGeometry, special: Thresholds, name: str, control_range: tuple[float, float]
) -> tuple[float, float] | None:
    """Return the controls at which a line begins, with more signal, and ends, inside the range."""
    tip, last = special.tricritical, getattr(special, LAST[name]) or special.stability
    if geo.measure.frozen and name != "informed_spinodal":
        high = min(last.control if last is not None else control_range[1], control_range[1])
        return (control_range[0], high) if control_range[0] < high else None
    if tip is None:
        return None
    low, high = sorted((tip.control, last.control if last is not None else control_range[0]))
    low, high = max(low, control_range[0]), min(high, control_range[1])
    return (low, high) if low < high else None


def _columns(geo: RandomGeometry, controls: dict[str, Array]) -> dict[str, dict[str, Array]]:
    """Return the points of every line: the number of their control, strength, overlap, lower overlap and error."""
    every = np.concatenate(list(controls.values()))
    if not len(every):
        return {name: dict.fromkeys(("row", "strength", "overlap", "lower", "error"), every) for name in controls}
    isotherms = geo.measure.isotherms(every)
    grid = isotherms.grid
    points = isotherms.points(np.broadcast_to(grid, (len(every), len(grid))))
    branches = Branches.of(isotherms, points, fold_cells(isotherms, grid, points).solved(isotherms, ACCURACY))
    starts = dict(zip(controls, np.cumsum([0, *(len(x) for x in controls.values())]).tolist(), strict=False))
    found: dict[str, LinePoints] = {}
    for name, first in starts.items():
        part = branches.take(np.arange(first, first + len(controls[name])))
        found[name] = part.first_order() if name == "first_order" else part.spinodals(SPINODALS[name])
    # all that is asked of the isotherms, and of those by the second quadrature, at once; the lower branches come last
    equal = found["first_order"]
    rows = np.concatenate([*(p.rows + starts[name] for name, p in found.items()), equal.rows + starts["first_order"]])
    z = np.concatenate([*(p.z for p in found.values()), equal.lower])[:, None]
    here, other = isotherms.take(rows).points(z), isotherms.check.take(rows).points(z)
    bounds, overlap = here.bounds(other), isotherms.base.overlap[rows] + here.excess[:, 0]
    *parts, below = np.split(np.arange(len(rows)), np.cumsum([len(p.rows) for p in found.values()]))
    columns = {}
    for (name, p), k in zip(found.items(), parts, strict=True):
        lower, error = np.full(len(k), np.nan), bounds.strength[k, 0]
        if name == "first_order":
            lower, gain = overlap[below], here.level_s[k, 0] - here.level_s[below, 0]
            error = (bounds.level[k, 0] + bounds.level[below, 0]) / gain
        columns[name] = {"row": p.rows, "strength": p.strength, "overlap": overlap[k], "lower": lower,
                         "error": SAFETY * (error + EPS * np.abs(p.strength))}  # fmt: skip
    return columns


def _of(columns: dict[str, Array], every: Array, controls: Array) -> dict[str, Array]:
    """Return the points at some of the controls that `row` numbers, numbered anew."""
    place = np.searchsorted(controls, every[columns["row"].astype(int)])
    kept = np.isin(every[columns["row"].astype(int)], controls)
    return {key: (place if key == "row" else values)[kept] for key, values in columns.items()}


def _frozen_columns(geo: RandomGeometry, controls: Array) -> dict[str, dict[str, Array]] | None:
    """Return the same as `_columns` where q = 1 is stable and all else is the branch of the base; None if not.

    That branch has phi = level + s level_s at its strength s, and everything known phi = gain s - entropy: a
    first-order transition is where the difference, which rises with s, changes its sign before the branch ends.
    """
    isotherms = geo.measure.isotherms(controls)
    grid, points = grid_points(isotherms)
    folds = fold_cells(isotherms, grid, points).solved(isotherms, ACCURACY)
    if folds.shape[1] != 1 or np.any(np.isnan(folds)):
        return None
    erases = geo.measure.told.erases
    gain = isotherms.hidden_entropy if erases else np.full(len(controls), 0.5)
    entropy, end = isotherms.base.entropy, folds[:, 0]

    def lead(p: Points, i: Index) -> Array:
        """Return by how much phi at q = 1 is larger."""
        behind = gain[i, None] * p.strength - entropy[i, None]
        return np.asarray(behind - p.level - p.strength * p.level_s)

    def function(t: Array, i: Index) -> tuple[Array, Array]:
        z, k = np.exp(t), rows[i]
        p = isotherms.take(k).points(z[:, None])
        # phi of the branch is stationary in z
        return lead(p, k)[:, 0], (gain[k, None] - p.level_s)[:, 0] * p.strength_z[:, 0] * z

    every = np.arange(len(controls))
    last = isotherms.points(folds)
    rows = np.flatnonzero((entropy > 0) & (lead(last, every)[:, 0] > 0))
    with np.errstate(invalid="ignore"):  # far beyond the end strengths are infinite
        ahead = (grid >= end[:, None]) | (lead(points, every) > 0)
    k = np.argmax(ahead, axis=1)[rows]
    low, high = np.where(k > 0, grid[k - 1], BEFORE), np.minimum(grid[k], end[rows])
    equal = np.exp(solve_bracketed(function, np.log(low), np.log(high), True, absolute=ACCURACY))
    here = isotherms.take(rows).points(equal[:, None])
    other = isotherms.check.take(rows)
    off = here.bounds(other.points(equal[:, None])).level[:, 0]
    off = off + DIFFERENCES * np.abs(other.base.entropy - entropy[rows]) + ROUNDING * entropy[rows]
    strength, q0 = np.maximum(here.strength[:, 0], 0), isotherms.base.overlap
    error = off / (gain[rows] - here.level_s[:, 0]) + EPS * strength
    first = (rows.astype(float), strength, np.ones(len(rows)), q0[rows] + here.excess[:, 0], SAFETY * error)
    # next to the stability line rounding decides on which side of zero it is
    spinodal, none = np.maximum(last.strength[:, 0], 0), np.zeros(0)
    error = last.bounds(isotherms.check.points(folds)).strength[:, 0] + EPS * spinodal
    final = (every.astype(float), spinodal, q0 + last.excess[:, 0], np.full(len(every), np.nan), SAFETY * error)
    columns = {"informed_spinodal": (none,) * 5, "first_order": first, "uninformed_spinodal": final}
    keys = ("row", "strength", "overlap", "lower", "error")
    return {name: dict(zip(keys, values, strict=True)) for name, values in columns.items()}


def _with_ends(
    geo: RandomGeometry, special: Thresholds, name: str, where: tuple[Array, Array], rows: dict[str, Array]
) -> Line:
    """Return a line, of all controls and of those inside, with the special points at its ends."""
    controls, inner = where
    none = np.full(len(controls), np.nan)  # of special points only
    columns = {key: np.interp(controls, inner, values) if len(inner) else none.copy() for key, values in rows.items()}
    ends = ["edge of the range", "edge of the range"]
    last = LAST[name] if getattr(special, LAST[name]) is not None else "stability"
    for point_name, said in (("tricritical", "tricritical point"), (last, "zero strength")):
        point: Located | None = getattr(special, point_name)
        if point is None or point.control not in controls:
            continue
        k = int(np.flatnonzero(controls == point.control)[0])
        ends[0 if k == 0 else 1] = "the replica-symmetric measure ends" if point_name == "stability" else said
        if point_name == "stability":
            continue
        columns["strength"][k] = 0.0 if point.strength is None else point.strength
        columns["overlap"][k] = point.overlap
        columns["error"][k] = point.errors.get(geo.measure.path.strength, 0.0)
        base = float(geo.measure.bases(np.array([point.control])).overlap[0])
        columns["lower"][k] = point.overlap if point_name == "tricritical" else base
    if last == "stability" and getattr(special, last) is not None and getattr(special, last).control in controls:
        keep = controls != getattr(special, last).control
        controls, columns = controls[keep], {key: values[keep] for key, values in columns.items()}
    return Line(
        control=controls, strength=columns["strength"], overlap=columns["overlap"],
        lower_overlap=columns["lower"] if name == "first_order" else None, error=columns["error"],
        segment=np.zeros(len(controls), dtype=int), ends=((ends[0], ends[1]),) if len(controls) else (),
        control_name=geo.measure.model.control, strength_name=geo.measure.path.strength,
    )  # fmt: skip
