"""Phase diagrams: the three lines, the special points, regions and verdicts; saved, loaded, drawn."""

from __future__ import annotations

import csv
import datetime
import io
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from amp_theory.errors import FileError, InputError, as_float, integer_at_least, unknown_name
from amp_theory.files import check_output, read_json, to_json, write_text
from amp_theory.fixed_point_solver import regions
from amp_theory.isotherm import MERGED, Branch, Transitions
from amp_theory.lines import LINES, Line, LineTracer
from amp_theory.models import Model, Target
from amp_theory.paths import Path
from amp_theory.quadrature import Array
from amp_theory.registry import build_model, build_path
from amp_theory.results import POINTS, Located, Thresholds
from amp_theory.transitions import thresholds, transitions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT, VERSION = "amp_theory diagram", 1


@dataclass(frozen=True)
class Diagram:
    """The phase diagram of a model along a denoising path.

    lines holds informed_spinodal, first_order and uninformed_spinodal over the control range; thresholds
    the special points; target tells whose verdicts are given: those of the planted or the random measure.
    """

    model: Model
    path: Path
    control_range: tuple[float, float]
    points: int
    target: Target
    lines: Mapping[str, Line] = field(compare=False, repr=False)
    thresholds: Thresholds = field(compare=False, repr=False)
    provenance: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def _transitions(self) -> Transitions:
        return transitions(self.model, self.path)

    # --- questions ---

    def region(self, control: npt.ArrayLike, strength: npt.ArrayLike) -> Any:
        """Return easy, easy_metastable or hard at (control, strength), broadcast; on a line the worse side.

        Examples
        --------
        >>> from amp_theory import Flow, IsingPSpin, phase_diagram
        >>> phase_diagram(IsingPSpin(p=3), Flow()).region(control=0.70, strength=0.12)
        'hard'
        """
        c, s = np.broadcast_arrays(self.model.check_control(control), self.path.check_strength(strength))
        flat = regions(self._transitions, self.model.intensity(c.ravel()), self.path.internal(s.ravel()))
        return flat.reshape(c.shape) if c.ndim else str(flat[0])

    def sampler_succeeds(self, control: npt.ArrayLike) -> Any:
        """Tell whether the sampler succeeds: whether the path meets no hard region at any strength > 0.

        True, False, or None where the theory has no answer (see `reason`); an object array for arrays.
        """
        return self._answer(control, self._succeeds)

    def first_failure_strength(self, control: npt.ArrayLike) -> Any:
        """Return the strength from which on the sampler fails; None where it does not, or theory has no answer.

        It is the first-order line, or zero where the hard region starts at the beginning of the path.
        """
        return self._answer(control, self._failure)

    def reason(self, control: float) -> str:
        """Return a sentence that explains `sampler_succeeds` at one control."""
        intensity = self.model.intensity(self.model.check_control(control)).reshape(1)
        name, path = self.model.control, self.path
        if not self._valid(intensity)[0]:
            return (f"no verdict for the random measure: at {name} = {float(control):g} it is not contiguous to the "
                    "planted one (beyond condensation or weak recovery)")  # fmt: skip
        start = self._failure(intensity)[0]
        if start is None:
            return f"the path meets no first-order transition at {name} = {float(control):g}"
        if start == 0:
            return f"the exact denoiser is on another branch from the start of the path at {name} = {float(control):g}"
        return f"the path crosses a first-order transition at {path.strength} = {start:.12g}"

    def _answer(self, control: npt.ArrayLike, function: Any) -> Any:
        c = self.model.check_control(control)
        intensity = self.model.intensity(c.ravel())
        valid = self._valid(intensity)
        answers = function(intensity)
        result = np.array([a if ok else None for a, ok in zip(answers, valid, strict=True)], dtype=object)
        return result.reshape(c.shape) if c.ndim else result[0]

    def _valid(self, intensity: Array) -> npt.NDArray[np.bool_]:
        """Tell where the equations describe the target: the random measure only where q = 0 is in equilibrium."""
        if self.target == "planted":
            return np.ones(len(intensity), dtype=bool)
        points = (self.thresholds.condensation, self.thresholds.weak_recovery)
        ends = [float(self.model.intensity(np.array(p.control))) for p in points if p is not None]
        return intensity < min(ends, default=np.inf)

    def _succeeds(self, intensity: Array) -> list[bool]:
        """Tell where the uninformed branch does not end by a fold at positive strength."""
        bad = np.zeros(len(intensity), dtype=bool)
        for piece in self._transitions.curve.pieces:
            if not piece.appears:
                slack = 1e-13 * abs(piece.intensity[0])
                bad |= (intensity >= piece.intensity[0] - slack) & (intensity <= piece.limit)
        return [not b for b in bad.tolist()]

    def _failure(self, intensity: Array) -> list[float | None]:
        failing = np.flatnonzero(~np.array(self._succeeds(intensity)))
        result: list[float | None] = [None] * len(intensity)
        iso = self._transitions.isotherms(intensity[failing])
        for k, i in enumerate(failing):
            jumps = [(j.b, iso.strength[j.index]) for j in iso.crossings[k]]
            result[i] = self._first_failure(iso.branches[k], jumps, float(intensity[i]))
        return result

    def _first_failure(self, branches: list[Branch], jumps: list[tuple[int, float]], intensity: float) -> float:
        """Return where the equilibrium branch first differs from the uninformed one."""
        for b, strength in jumps:
            if b == 0:
                return float(self.path.public(np.array(strength)))
        if len(branches) == 1 or branches[1].start >= branches[0].stop * (1 - MERGED):
            # the branches merge: this is a tricritical point
            cusps = [c.surface for c in self._transitions.curve.cusps if c.merging]
            point = min(cusps, key=lambda f: abs(float(f.intensity[0]) - intensity))
            return float(self.path.public(point.strength)[0])
        return 0.0

    # --- output ---

    def line(self, name: str) -> Line:
        """Return one of the three lines."""
        if name not in self.lines:
            raise unknown_name("line", name, self.lines)
        return self.lines[name]

    def report(self) -> str:
        """Return a readable text: special points, lines and where they end."""
        rows = [self.thresholds.report(), f"  target: {self.target}"]
        for name, line in self.lines.items():
            ends = "; ".join(f"from {a} to {b}" for a, b in line.ends) or "none"
            rows.append(f"  {name:<20} {len(line)} points, {ends}")
        return "\n".join(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, from which `load` makes the diagram again."""
        special = self.thresholds.to_dict()
        more = {"further_tricritical": special["further_tricritical"]} if "further_tricritical" in special else {}
        return {
            "format": FORMAT, "version": VERSION,
            "model": self.model.name, "parameters": self.model.parameters,
            "path": self.path.name, "schedule": self.path.schedule.name,
            "control": self.model.control, "strength": self.path.strength, "target": self.target,
            "range": list(self.control_range), "points_per_line": self.points,
            "points": {name: special[name] for name in POINTS} | more,
            "reasons": special["reasons"],
            "lines": {n: line.to_dict(self.model.control, self.path.strength) for n, line in self.lines.items()},
            "provenance": dict(self.provenance),
        }  # fmt: skip

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the diagram as JSON; `load` reads it back."""
        write_text(check_output(path, [".json"], overwrite), to_json(self.to_dict()))

    def to_csv(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the lines as one table: line, segment, control, strength, overlaps, error of the strength."""
        target = check_output(path, [".csv"], overwrite)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = ["overlap", "lower_overlap", f"error_of_{self.path.strength}"]
        writer.writerow(["line", "segment", self.model.control, self.path.strength, *columns])
        for name, line in self.lines.items():
            lower = line.lower_overlap if line.lower_overlap is not None else [None] * len(line)
            for row in zip(line.segment, line.control, line.strength, line.overlap, lower, line.error, strict=True):
                cells = ["" if x is None else repr(float(x)) for x in row[1:]]
                writer.writerow([name, int(row[0]), *cells])
        write_text(target, text.getvalue())

    def plot(self, axes: Axes | None = None, axis: str = "strength") -> Axes:
        """Draw the diagram with matplotlib; see `plotting.plot_diagram`."""
        from amp_theory.plotting import plot_diagram

        return plot_diagram(self, axes, axis)


def default_range(model: Model, special: Thresholds) -> tuple[float, float]:
    """Return the range from condensation (or algorithmic, if with more signal) to 10 % past tricritical.

    Raises
    ------
    InputError
        If one end does not exist; the message says which, and why.
    """
    for name in ("condensation", "tricritical"):
        if getattr(special, name) is None:
            raise InputError(
                f"no default range of {model.control}: there is no {name} point ({special.reasons[name]}); give a range"
            )
    assert special.condensation is not None
    assert special.tricritical is not None
    ends = [p.control for p in (special.condensation, special.algorithmic) if p is not None]
    far = special.tricritical.control * (1.1 if model.easier == "down" else 0.9)
    near = min(ends) if model.easier == "down" else max(ends)
    return min(near, far), max(near, far)


def phase_diagram(
    model: Model,
    path: Path,
    control_range: tuple[float, float] | None = None,
    points: int = 200,
    target: Target | None = None,
) -> Diagram:
    """Compute the phase diagram of a model along a denoising path.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control_range
        (lo, hi), 0 < lo < hi; by default from condensation, or from the algorithmic threshold if that has
        more signal, to 10 % past the tricritical point.
    points
        Points per line, >= 2.
    target
        Whose verdicts the diagram gives: "planted" or "random" (if the model has a random counterpart);
        by default "random" where there is one.

    Raises
    ------
    InputError
        For a bad range or target, or when the default range does not exist.
    NumericalError
        If a solver fails.
    """
    special = thresholds(model, path)
    lo, hi = _check_range(model, control_range) if control_range is not None else default_range(model, special)
    integer_at_least("points", points, 2)
    chosen = model.target if target is None else target
    if chosen not in ("planted", "random"):
        raise unknown_name("target", str(chosen), ["planted", "random"])
    if chosen == "random" and not model.random_counterpart:
        raise InputError(f"{model!r} has no random counterpart: its verdicts are those of the planted measure")
    lines = LineTracer(transitions(model, path), special, (lo, hi), int(points)).lines()
    return Diagram(model, path, (lo, hi), int(points), chosen, lines, special, provenance())


def _check_range(model: Model, given: Any) -> tuple[float, float]:
    try:
        lo, hi = (as_float(f"the range of {model.control}", x) for x in given)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the range must be two numbers (lo, hi), got {given!r}") from None
    if not 0 < lo < hi:
        raise InputError(f"the range of {model.control} must satisfy 0 < lo < hi, got ({lo:g}, {hi:g})")
    return lo, hi


def provenance() -> dict[str, Any]:
    """Return versions and date, to be stored with results."""
    from amp_theory import __version__

    return {
        "amp_theory": __version__, "numpy": np.__version__, "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


# --- loading -----------------------------------------------------------------------------------------------


def load(path: str | os.PathLike[str], model: Model | None = None) -> Diagram:
    """Read a diagram that was saved as JSON.

    Parameters
    ----------
    path
        The file.
    model
        Needed for a model with a prior of the user's own, which a file cannot hold.

    Raises
    ------
    FileError
        If the file is damaged, not a diagram, or of a newer version.
    """
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise FileError(f"{str(path)!r} is not a diagram saved by amp_theory")
    if not isinstance(data.get("version"), int) or data["version"] > VERSION:
        raise FileError(f"{str(path)!r} has version {data.get('version')!r}; this amp_theory reads up to {VERSION}")
    try:
        return _from_dict(data, model)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise FileError(f"{str(path)!r} is damaged: {error}") from error


def _from_dict(data: dict[str, Any], model: Model | None) -> Diagram:
    known = model if model is not None else build_model(data["model"], data["parameters"])
    if known.name != data["model"]:
        raise ValueError(f"it is of the model {data['model']}, not of {known.name}")
    path = build_path(data["path"], None if data["schedule"] == "interpolant" else data["schedule"])
    points = {n: _located(p, known, path, n == "tricritical") for n, p in data["points"].items() if n in POINTS}
    more = tuple(_located(p, known, path, True) for p in data["points"].get("further_tricritical", []))
    special = Thresholds(
        known.name, path.name, known.control, path.strength, known.parameters, reasons=dict(data["reasons"]),
        further_tricritical=tuple(p for p in more if p is not None), **points,
    )  # fmt: skip
    lines = {name: _line(data["lines"][name], known.control, path.strength) for name in LINES}
    lo, hi = (float(x) for x in data["range"])
    return Diagram(known, path, (lo, hi), int(data["points_per_line"]), data["target"], lines, special,
                   dict(data["provenance"]))  # fmt: skip


def _located(data: dict[str, Any] | None, model: Model, path: Path, has_strength: bool) -> Located | None:
    if data is None:
        return None
    strength = float(data[path.strength]) if has_strength else None
    return Located(
        float(data[model.control]), float(data["overlap"]), {k: float(v) for k, v in data["error"].items()},
        model.control, strength, path.strength if has_strength else None, str(data["status"]), str(data["how"]),
    )  # fmt: skip


def _line(data: dict[str, Any], control: str, strength: str) -> Line:
    columns = [np.array(data[n], dtype=float) for n in (control, strength, "overlap", "error")]
    lower = np.array(data["lower_overlap"], dtype=float) if "lower_overlap" in data else None
    segment = np.array(data["segment"], dtype=int)
    if any(c.shape != segment.shape or not np.all(np.isfinite(c)) for c in columns):
        raise ValueError("a line's columns differ in length or are not finite")
    return Line(columns[0], columns[1], columns[2], lower, columns[3], segment, tuple((a, b) for a, b in data["ends"]))
