"""The lines of random measures whose samples overlap: all isotherms of a line at once.

Between the two folds of an isotherm the branches of the base and above have equal free entropy at one strength; the
lines begin at the tricritical point and end where they reach zero strength, or with the replica-symmetric measure.
"""

from __future__ import annotations

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import Isotherms
from amp_theory.phases.diagram.along_path import path_transitions
from amp_theory.phases.diagram.lines import LINES, Line
from amp_theory.phases.diagram.regular_lines import joined_line
from amp_theory.phases.geometry.random_measures import RandomGeometry, folds_of
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.results import Located, Thresholds
from amp_theory.tools.roots import solve_bracketed

#: the special point at which a line ends, by its name; the lower branch exists up to the stability line
LAST = {"informed_spinodal": "dynamical", "first_order": "condensation", "uninformed_spinodal": "stability"}


def random_lines(
    geo: RandomGeometry, special: Thresholds, control_range: tuple[float, float], points: int
) -> dict[str, Line]:
    """Return the lines of a diagram, with `points` points each."""
    lines = {}
    for name in LINES:
        ends = _ends(geo, special, name, control_range)
        controls = np.zeros(0) if ends is None else np.linspace(*ends, points)
        folds = folds_of(geo.measure.isotherms(_inner(controls, special))) if len(controls) else np.zeros((0, 2))
        if (
            not len(controls) or folds.shape[1] != 2 or np.any(np.isnan(folds))
        ):  # more branches, or a fold lost next to where lines begin
            found = [path_transitions(geo.measure.model, geo.measure.path, float(x)) for x in controls]
            lines[name] = joined_line(name, found, (geo.measure.model.control, geo.measure.path.strength))
        else:
            lines[name] = _line(geo, special, name, controls, folds)
    return lines


def _inner(controls: Array, special: Thresholds) -> Array:
    """Return the controls that are no special points, where the line is known already."""
    known = [p.control for p in special.points().values() if p is not None]
    return controls[~np.isin(controls, known)]


def _ends(
    geo: RandomGeometry, special: Thresholds, name: str, control_range: tuple[float, float]
) -> tuple[float, float] | None:
    """Return the controls at which a line begins, with more signal, and ends, inside the range."""
    tip, last = special.tricritical, getattr(special, LAST[name]) or special.stability
    if tip is None:
        return None
    low, high = sorted((tip.control, last.control if last is not None else control_range[0]))
    low, high = max(low, control_range[0]), min(high, control_range[1])
    return (low, high) if low < high else None


def _line(geo: RandomGeometry, special: Thresholds, name: str, controls: Array, folds: Array) -> Line:
    """Return one line from the two folds of every isotherm between its ends."""
    isotherms = geo.measure.isotherms(inner := _inner(controls, special))
    lower = np.full(len(inner), np.nan)
    if name == "first_order":
        z, lower_z, strength = _balance(isotherms, folds)
        lower = isotherms.base.overlap + isotherms.points(lower_z[:, None]).excess[:, 0]
    else:
        z = folds[:, 1 if name == "informed_spinodal" else 0]
    here = isotherms.points(z[:, None])
    if name != "first_order":
        strength = here.strength[:, 0]
    bounds = isotherms.errors(z[:, None], here)
    error = bounds.strength[:, 0]
    if name == "first_order":
        below = isotherms.points(lower_z[:, None])
        gain = here.level_s - below.level_s
        error = ((bounds.level + isotherms.errors(lower_z[:, None], below).level) / gain)[:, 0]
    rows = {"strength": strength, "overlap": isotherms.base.overlap + here.excess[:, 0], "lower": lower,
            "error": SAFETY * (error + EPS * np.abs(strength))}  # fmt: skip
    return _with_ends(geo, special, name, controls, inner, rows)


def _with_ends(
    geo: RandomGeometry, special: Thresholds, name: str, controls: Array, inner: Array, rows: dict[str, Array]
) -> Line:
    """Return a line with the special points at its ends."""
    columns = {key: np.interp(controls, inner, values) for key, values in rows.items()}
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


def _balance(isotherms: Isotherms, folds: Array) -> tuple[Array, Array, Array]:
    """Return the upper and the lower coordinate, and the strength, at which both branches have equal free entropy."""
    every = np.arange(len(folds))
    ends = isotherms.points(folds)
    low, high = np.maximum(ends.strength[:, 1], 0.0), ends.strength[:, 0]
    last = np.full(len(folds), isotherms.farthest)
    first = np.full(len(folds), isotherms.grid[0] / 16)
    place = {"b": folds[:, 0].copy(), "c": folds[:, 1].copy()}

    def at(s: Array, i: Index, name: str, lower: Array, upper: Array) -> Array:
        def function(t: Array, j: Index) -> tuple[Array, Array]:
            z = np.exp(t)
            p = isotherms.take(i[j]).points(z[:, None])
            return p.strength[:, 0] - s[j], p.strength_z[:, 0] * z

        place[name][i] = np.exp(solve_bracketed(function, np.log(lower), np.log(upper), True, absolute=1e-14))
        return place[name][i]

    def lead(s: Array, i: Index) -> tuple[Array, Array]:
        b = at(s, i, "b", first[i], folds[i, 0])
        c = at(s, i, "c", folds[i, 1], last[i])
        both = isotherms.take(i).points(np.stack([b, c], axis=1))
        gain = both.level_s[:, 1] - both.level_s[:, 0]
        return both.level[:, 1] - both.level[:, 0] + s * gain, gain

    strength = solve_bracketed(lead, low, high, True, absolute=4 * EPS, noise=4 * EPS)
    lead(strength, every)
    return place["c"], place["b"], strength
