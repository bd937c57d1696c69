"""Phase diagrams: the three lines, the special points, regions and verdicts; saved, loaded, drawn."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.phases.diagram.lines import Line, LineTracer
from amp_theory.phases.diagram.regular_lines import regular_lines
from amp_theory.phases.geometry.geometry import MERGED, Coexistence, Geometry
from amp_theory.phases.geometry.regular_graphs import RegularGeometry
from amp_theory.phases.geometry.solved import geometry_of
from amp_theory.phases.points.fixed_points import broadcast, regions
from amp_theory.phases.points.targets import described_up_to, known_exceptions
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, NumericalError, as_float, as_list, integer_between, one_of, told
from amp_theory.tools.files import check_output, to_json, write_text
from amp_theory.tools.progress import stage
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import POINTS, Thresholds
from amp_theory.tools.tables import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT, VERSION = "amp_theory diagram", 1
#: points of a line
MOST_POINTS = 100_000


@dataclass(frozen=True)
class Diagram(Reported):
    """The phase diagram of a model along a denoising path.

    lines holds informed_spinodal, first_order and uninformed_spinodal over the control range; thresholds
    the special points; target tells whose regions and verdicts are given: those of the planted or the random measure.
    Lines and points are those of the equations, thus of the planted measure; they tell about the random one over
    the controls in `described` only.  Verdicts speak of message passing; `reason` names other algorithms known.
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
    def _geometry(self) -> Geometry:
        return geometry_of(self.model, self.path)

    @property
    def described(self) -> tuple[float, float]:
        """The controls (lo, hi), exclusive, between which the equations describe the target."""
        limit = self._described[0]
        if np.isinf(limit):
            return 0.0, float("inf")
        end = float(self.model.from_intensity(np.array(limit)))
        return (0.0, end) if self.model.easier == "up" else (end, float("inf"))

    @property
    def _described(self) -> tuple[float, str]:
        return described_up_to(self.model, self._geometry.eos, self.thresholds, self.target)

    # --- questions ---

    def region(self, control: npt.ArrayLike, strength: npt.ArrayLike) -> Any:
        """Return easy, easy_metastable or hard at (control, strength), broadcast; an object array for arrays.

        None where the equations do not describe the target (see `reason`).  On a line it is the worse side.  On the
        first-order line is where the free entropies agree to within their error bounds, on a special point what is
        within its bounds.  The two sides of a spinodal are told apart to rounding, a few parts in 1e14.

        Examples
        --------
        >>> from amp_theory import Flow, IsingPSpin, phase_diagram
        >>> phase_diagram(IsingPSpin(p=3), Flow()).region(control=0.70, strength=0.12)
        'hard'
        """
        intensity, s = broadcast(self.model, self.path, control, strength)
        lam, internal = intensity.ravel(), s.ravel()
        valid = self._valid(lam)
        answers = np.full(len(lam), None, dtype=object)
        answers[valid] = self._regions(lam[valid], internal[valid])
        return answers.reshape(s.shape) if s.ndim else answers[0]

    def _regions(self, intensity: Array, strength: Array) -> npt.NDArray[np.object_]:
        """Return the regions of the equations, on special points the worse side."""
        model, path = self.model, self.path
        result = regions(self._geometry, intensity, strength).astype(object)
        for point in self.thresholds.points().values():
            if point is None or point.strength is not None:
                continue
            ends = model.intensity(point.control + point.error * np.array([-1.0, 1.0]))
            near = np.flatnonzero((strength == 0) & (intensity >= ends.min()) & (intensity <= ends.max()))
            for side in 2 * ends - ends[::-1] if len(near) else ():
                beside = regions(self._geometry, np.full(len(near), side), strength[near])
                result[near] = np.where(_rank(beside) > _rank(result[near]), beside, result[near])
        for tip in (self.thresholds.tricritical, *self.thresholds.further_tricritical):
            if tip is not None and tip.strength is not None:
                control, at = model.from_intensity(intensity), path.public(strength)
                on = (abs(control - tip.control) <= tip.error) & (abs(at - tip.strength) <= tip.errors[path.strength])
                result[on] = "hard"
        return result

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
        """Return a sentence that explains `region` and `sampler_succeeds` at one control."""
        name, path = self.model.control, self.path
        control = as_float(name, control)
        intensity = self.model.intensity(self.model.check_control(control)).reshape(1)
        if not self._valid(intensity)[0]:
            return f"no verdict for the {self.target} measure at {name} = {float(control):g}: {self._described[1]}"
        start = self._failure(intensity)[0]
        if start is None:
            return f"the path meets no first-order transition at {name} = {float(control):g}"
        others = known_exceptions(self.model)
        others = f"; message passing is meant: {others}" if others else ""
        if start == 0:
            return (f"the exact denoiser is on another branch from the start of the path at {name} = "
                    f"{float(control):g}{others}")  # fmt: skip
        return f"the path crosses a first-order transition at {path.strength} = {start:.12g}{others}"

    def _answer(self, control: npt.ArrayLike, function: Any) -> Any:
        c = self.model.check_control(control)
        intensity = self.model.intensity(c.ravel())
        valid = self._valid(intensity)
        answers = function(intensity)
        result = np.array([a if ok else None for a, ok in zip(answers, valid, strict=True)], dtype=object)
        return result.reshape(c.shape) if c.ndim else result[0]

    def _valid(self, intensity: Array) -> npt.NDArray[np.bool_]:
        """Tell where the equations describe the target: the random measure only where q = 0 is in equilibrium."""
        return np.asarray(intensity < self._described[0])

    def _succeeds(self, intensity: Array) -> list[bool]:
        """Tell where the uninformed branch does not end by a fold at positive strength."""
        bad = np.zeros(len(intensity), dtype=bool)
        for piece in self._geometry.curve.pieces:
            if not piece.appears:
                # at the intensity where q = rho becomes stable nothing has happened yet
                above = intensity >= piece.least - self._slack(float(piece.least))
                if piece.least != piece.intensity[0]:
                    above = intensity > piece.least
                bad |= above & (intensity <= piece.limit + self._slack(float(piece.limit)))
        return [not b for b in bad.tolist()]

    def _slack(self, intensity: float) -> float:
        """Return how far from the end of a failing range an intensity counts as on it: that point's error bound."""
        special = self.thresholds
        slack = 4 * EPS * abs(intensity)
        for tip in (special.algorithmic, special.tricritical, *special.further_tricritical):
            if tip is not None:
                low, high = np.sort(self.model.intensity(tip.control + tip.error * np.array([-1.0, 1.0])))
                if low - 1e-9 * abs(low) <= intensity <= high + 1e-9 * abs(high):
                    slack = max(slack, float(high - low) / 2)
        return slack

    def _failure(self, intensity: Array) -> list[float | None]:
        failing = np.flatnonzero(~np.array(self._succeeds(intensity), dtype=bool))
        result: list[float | None] = [None] * len(intensity)
        iso = self._geometry.coexistence(intensity[failing])
        for k, i in enumerate(failing):
            result[i] = self._first_failure(iso, k)
        return result

    def _first_failure(self, iso: Coexistence, k: int) -> float:
        """Return where the equilibrium branch of isotherm k first differs from the uninformed one."""
        branches, intensity = iso.branches[k], float(iso.intensity[k])
        if iso.first[k] > 0:
            return 0.0
        if iso.crossings[k]:
            return float(self.path.public(iso.strength[iso.crossings[k][0].index]))
        jump, control = self.thresholds.algorithmic, float(self.model.from_intensity(iso.intensity[k]))
        if jump is not None and abs(control - jump.control) <= jump.error:
            return 0.0  # the uninformed branch has an end only, at zero strength
        if len(branches) > 1 and not 0 < branches[0].stop * (1 - MERGED) <= branches[1].start:
            raise NumericalError(
                f"the free entropies of the branches at {self.model.control} = {control:.10g} could not be told apart",
                partial=branches,
            )
        # the branches merge: this is a tricritical point
        cusps = [c.surface for c in self._geometry.curve.cusps if c.merging]
        if not cusps:  # next to q = rho the lower branch ends beyond the grid
            ends = [p for p in self._geometry.curve.pieces if not p.appears and p.least != p.intensity[0]]
            return 0.0 if branches[0].start == 0 else float(self.path.public(ends[0].strength[:1])[0])
        point = min(cusps, key=lambda f: abs(float(f.intensity[0]) - intensity))
        return float(self.path.public(point.strength)[0])

    # --- output ---

    def line(self, name: str) -> Line:
        """Return one of the three lines."""
        return self.lines[one_of("line", name, self.lines)]

    def report(self) -> str:
        """Return a readable text: special points, lines and where they end."""
        return self._told(self.thresholds.report())

    def _summary(self) -> str:
        return self._told(repr(self.thresholds))

    def _told(self, points: str) -> str:
        lo, hi = self.described
        where = "" if (lo, hi) == (0, float("inf")) else f", described for {lo:.10g} < {self.model.control} < {hi:.10g}"
        rows = [points, f"  target: {self.target}{where}"]
        for name, line in self.lines.items():
            ends = "; ".join(f"from {a} to {b}" for a, b in line.ends) or "none"
            rows.append(f"  {name:<20} {len(line)} points, {ends}")
        return "\n".join(rows)

    def to_html(self) -> str:
        """Return the picture and the table of special points as HTML, as notebooks show them."""
        from amp_theory.phases.diagram.drawing import inline_picture

        return inline_picture(self) + self.thresholds.to_html()

    def table(self) -> ResultTable:
        """Return the lines as one table: line, segment, control, strength, overlaps, error of the strength."""
        names = ["segment", self.model.control, self.path.strength, "overlap", "lower_overlap"]
        names.append(f"error_of_{self.path.strength}")
        rows = [
            (name, *row)
            for name, line in self.lines.items()
            for row in line.table(self.model.control, self.path.strength).rows()
        ]
        return ResultTable.of_rows(self.thresholds.title, ["line", *names], rows)

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
            "described": [self.described[0], self.described[1] if np.isfinite(self.described[1]) else None],
            "points": {name: special[name] for name in POINTS} | more,
            "reasons": special["reasons"],
            "lines": {n: line.to_dict(self.model.control, self.path.strength) for n, line in self.lines.items()},
            "provenance": dict(self.provenance),
        }  # fmt: skip

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the diagram as JSON; `load` reads it back."""
        write_text(check_output(path, [".json"], overwrite), to_json(self.to_dict()))

    def plot(self, axes: Axes | None = None, axis: str = "strength") -> Axes:
        """Draw the diagram with matplotlib; see `plotting.plot_diagram`."""
        from amp_theory.phases.diagram.drawing import plot_diagram

        return plot_diagram(self, axes, axis)


def _rank(region: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return how bad regions are: 0, 1, 2 for easy, easy_metastable, hard."""
    return np.where(region == "hard", 2, np.where(region == "easy_metastable", 1, 0))


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
    solver = geometry_of(model, path)
    special = thresholds(model, path)
    lo, hi = check_range(model, control_range) if control_range is not None else default_range(model, special)
    points = integer_between("points", points, 2, MOST_POINTS)
    chosen = model.check_target(target)
    with stage("lines between %g and %g, %d points each", lo, hi, points):
        lines = traced(solver, special, (lo, hi), points)
    return Diagram(
        model=model, path=path, control_range=(lo, hi), points=points, target=chosen, lines=lines, thresholds=special,
        provenance=provenance(),
    )  # fmt: skip


@singledispatch
def traced(geo: Geometry, special: Thresholds, control_range: tuple[float, float], points: int) -> dict[str, Line]:
    """Return the lines of a geometry by name."""
    return LineTracer(geo, special, control_range, points).lines()


@traced.register(RegularGeometry)
def _of_regular_graphs(
    geo: RegularGeometry, special: Thresholds, control_range: tuple[float, float], points: int
) -> dict[str, Line]:
    return regular_lines(geo, control_range, points)


def check_range(model: Model, given: Any) -> tuple[float, float]:
    """Return (lo, hi) after checking that 0 < lo < hi."""
    ends = as_list(f"the range of {model.control}", given, "two numbers (lo, hi)")
    if len(ends) != 2:
        raise InputError(f"the range of {model.control} must be two numbers (lo, hi), got {told(given)}")
    lo, hi = (as_float(f"the range of {model.control}", x) for x in ends)
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


def as_diagram(diagram: object) -> Diagram:
    """Return `diagram` if it is one, else raise an `InputError` that tells where to get one."""
    if not isinstance(diagram, Diagram):
        raise InputError(f"a diagram must be what phase_diagram returns, got {told(diagram)}")
    return diagram
