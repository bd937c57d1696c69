"""The lines of random measures whose samples overlap: all isotherms of a line at once.

Between the two folds of an isotherm the branches of the base and above have equal free entropy at one strength; the
lines begin at the tricritical point and end where they reach zero strength, or with the replica-symmetric measure.
"""

from __future__ import annotations

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import Isotherms, Points
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
#: accuracy with which branches are known before Newton steps, and how many of these
NEAR, STEPS = 1e-4, 30


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
    if geo.measure.frozen and name != "informed_spinodal":
        high = min(last.control if last is not None else control_range[1], control_range[1])
        return (control_range[0], high) if control_range[0] < high else None
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
    """Return the upper and the lower coordinate, and the strength, at which both branches have equal free entropy.

    Free entropies are stationary on the branches: a step of the strength by their difference and of the coordinates
    to their new strength is one of Newton's.  Where steps leave the branches, brackets are solved one in another.
    """
    ends = isotherms.points(folds)
    low, high = np.maximum(ends.strength[:, 1], 0.0), ends.strength[:, 0]
    strength = 0.5 * (low + high)
    z = np.log(_branches(isotherms, folds, strength, NEAR))
    size = last = np.full(len(folds), np.inf)
    for _ in range(STEPS):
        both = isotherms.points(np.exp(z))
        lead, gain = _lead(both, strength)
        step = -lead / gain
        strength = strength + step
        z = z - (both.strength - strength[:, None]) / (both.strength_z * np.exp(z))
        z = np.clip(z, np.log(isotherms.grid[0] / 16), np.log(isotherms.farthest))
        size = np.abs(step) / high
        if np.all((size <= 4 * EPS) | ((size < NEAR**2) & (size >= 0.5 * last))):
            break
        last = size
    both = isotherms.points(np.exp(z))
    right = (strength >= low) & (strength <= high) & (z[:, 0] <= np.log(folds[:, 0])) & (z[:, 1] >= np.log(folds[:, 1]))
    right &= np.all(np.abs(both.strength - strength[:, None]) <= NEAR**3 * high[:, None], axis=1)
    wrong = np.flatnonzero(~(right & (size < NEAR**3)))
    if len(wrong):
        z[wrong], strength[wrong] = _bracketed(isotherms.take(wrong), folds[wrong], low[wrong], high[wrong])
    return np.exp(z[:, 1]), np.exp(z[:, 0]), strength


def _lead(both: Points, strength: Array) -> tuple[Array, Array]:
    """Return by how much the free entropy of the upper branch is larger, and its slope in the strength."""
    gain = both.level_s[:, 1] - both.level_s[:, 0]
    return both.level[:, 1] - both.level[:, 0] + strength * gain, gain


def _branches(isotherms: Isotherms, folds: Array, strength: Array, accuracy: float) -> Array:
    """Return the coordinates of the lower and the upper branch at strengths, shape (n, 2)."""
    count = len(folds)

    def function(t: Array, j: Index) -> tuple[Array, Array]:
        z, k = np.exp(t), j % count
        p = isotherms.take(k).points(z[:, None])
        return p.strength[:, 0] - strength[k], p.strength_z[:, 0] * z

    first, last = np.full(count, isotherms.grid[0] / 16), np.full(count, isotherms.farthest)
    lower, upper = np.log(np.concatenate([[first, folds[:, 0]], [folds[:, 1], last]], axis=1))
    return np.exp(solve_bracketed(function, lower, upper, True, absolute=accuracy)).reshape(2, count).T


def _bracketed(isotherms: Isotherms, folds: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return the log coordinates of both branches and the strength at which they balance, inside brackets."""

    def lead(s: Array, i: Index) -> tuple[Array, Array]:
        part = isotherms.take(i)
        return _lead(part.points(_branches(part, folds[i], s, 1e-14)), s)

    strength = solve_bracketed(lead, low, high, True, absolute=4 * EPS, noise=4 * EPS)
    return np.log(_branches(isotherms, folds, strength, 1e-14)), strength
