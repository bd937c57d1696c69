"""Phase diagrams: what the lines and points of a model along a path tell, saved and drawn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.models.own_names import at_control, at_point
from amp_theory.phases.diagram.lines import Line
from amp_theory.phases.geometry.geometry import MERGED, Coexistence, Geometry
from amp_theory.phases.geometry.solved import any_geometry_of
from amp_theory.phases.points.fixed_points import broadcast, regions
from amp_theory.phases.points.targets import described_up_to, known_exceptions
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, NumericalError, as_float, one_of, told
from amp_theory.tools.files import check_output, to_json, write_text
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Thresholds
from amp_theory.tools.tables import ResultTable, of_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT, VERSION = "amp_theory diagram", 1


@dataclass(frozen=True)
class Diagram(Reported):
    """The phase diagram of a model along a denoising path.

    lines holds informed_spinodal, first_order and uninformed_spinodal over the control range; thresholds
    the special points; target tells whose regions and verdicts are given: those of the planted or the random measure.
    Lines and points are those of the equations, thus of the planted measure; they tell about the random one over
    the controls in `described` only.  Verdicts speak of message passing; `reason` names other algorithms known.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control_range, points
        (lo, hi), and the number of points per line.
    target
        "planted" or "random".
    lines
        informed_spinodal, first_order and uninformed_spinodal: control, strength, overlap and error of every point.
    thresholds
        The special points.
    provenance
        Versions and date.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin, phase_diagram
    >>> diagram = phase_diagram(IsingPSpin(p=3), Flow(), points=5)
    >>> diagram.sampler_succeeds([0.70, 0.75]).tolist(), len(diagram.line("first_order"))
    ([False, True], 5)
    >>> round(diagram.first_failure_strength(0.70), 9)
    0.101390961
    >>> diagram.reason(0.75)
    'the path meets no first-order transition at temperature = 0.75'
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
        return any_geometry_of(self.model, self.path)

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

    def region(
        self, control: npt.ArrayLike | None = None, strength: npt.ArrayLike | None = None, **named: npt.ArrayLike
    ) -> Any:
        """Return easy, easy_metastable or hard at (control, strength), broadcast; an object array for arrays.

        None where the equations do not describe the target (see `reason`).  On a line it is the worse side.  On the
        first-order line is where the free entropies agree to within their error bounds, on a special point what is
        within its bounds.  The two sides of a spinodal are told apart to rounding, a few parts in 1e14.

        Parameters
        ----------
        control, strength
            The control > 0 and the strength >= 0, of shapes that broadcast.
        **named
            The same under the names that the model and the path give them, such as temperature=0.7.

        Returns
        -------
        str or None, or an array of them
            The region of every point.

        Raises
        ------
        InputError
            If a value is out of range, or the shapes do not fit.

        Examples
        --------
        >>> from amp_theory import Flow, IsingPSpin, phase_diagram
        >>> phase_diagram(IsingPSpin(p=3), Flow()).region(control=0.70, strength=0.12)
        'hard'
        """
        control, strength = at_point(self.model, self.path, control, strength, named)
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

    def sampler_succeeds(self, control: npt.ArrayLike | None = None, **named: npt.ArrayLike) -> Any:
        """Tell whether the sampler succeeds: whether the path meets no hard region at any strength > 0.

        True, False, or None where the theory has no answer (see `reason`); an object array for arrays.

        Parameters
        ----------
        control, **named
            Controls > 0, any shape; also under the model's own name, as temperature=0.7.

        Returns
        -------
        bool or None, or an array of them
            The verdict at every control.

        Raises
        ------
        InputError
            If a control is not positive.
        """
        return self._answer(at_control(self.model, control, named), self._succeeds)

    def first_failure_strength(self, control: npt.ArrayLike | None = None, **named: npt.ArrayLike) -> Any:
        """Return the strength from which on the sampler fails; None where it does not, or theory has no answer.

        It is the first-order line, or zero where the hard region starts at the beginning of the path.

        Parameters
        ----------
        control, **named
            Controls > 0, any shape; also under the model's own name, as temperature=0.7.

        Returns
        -------
        float or None, or an array of them
            The strength, >= 0.

        Raises
        ------
        InputError
            If a control is not positive.
        """
        return self._answer(at_control(self.model, control, named), self._failure)

    def reason(self, control: float | None = None, **named: float) -> str:
        """Return a sentence that explains `region` and `sampler_succeeds` at one control.

        Parameters
        ----------
        control, **named
            One control > 0; also under the model's own name, as temperature=0.7.

        Returns
        -------
        str
            The sentence.

        Raises
        ------
        InputError
            If it is no such number.
        """
        name, path = self.model.control, self.path
        control = as_float(name, at_control(self.model, control, named))
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
        valid = self._valid(intensity)
        known = self._geometry.path_fails(intensity[valid])
        if known is not None:
            bad[valid] = known
            tip = self.thresholds.tricritical
            if tip is not None:
                bad |= np.abs(self.model.from_intensity(intensity) - tip.control) <= tip.error
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
        failing = failing[self._valid(intensity[failing])]
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
        if not cusps and (tip := self.thresholds.tricritical) is not None and tip.strength is not None:
            return tip.strength
        if not cusps:  # next to q = rho the lower branch ends beyond the grid
            ends = [p for p in self._geometry.curve.pieces if not p.appears and p.least != p.intensity[0]]
            return 0.0 if branches[0].start == 0 else float(self.path.public(ends[0].strength[:1])[0])
        point = min(cusps, key=lambda f: abs(float(f.intensity[0]) - intensity))
        return float(self.path.public(point.strength)[0])

    # --- output ---

    def line(self, name: str) -> Line:
        """Return one of the three lines.

        Parameters
        ----------
        name
            informed_spinodal, first_order or uninformed_spinodal.

        Returns
        -------
        Line
            Arrays of one length: control, strength, overlap, the error bound of the strength, and more.

        Raises
        ------
        InputError
            If there is no such line.
        """
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
        rows = [(name, *row) for name, line in self.lines.items() for row in line.table().rows()]
        return of_rows(self.thresholds.title, ["line", *names], rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, from which `load` makes the diagram again."""
        special = self.thresholds.to_dict()
        more = {"further_tricritical": special["further_tricritical"]} if "further_tricritical" in special else {}
        order = {} if self.path.order == "random" else {"order": self.path.order}
        order |= {} if self.path.side is None else {"side": self.path.side}
        return {
            "format": FORMAT, "version": VERSION,
            "model": self.model.name, "parameters": self.model.parameters,
            "path": self.path.name, "schedule": self.path.schedule.name, **order,
            "control": self.model.control, "strength": self.path.strength, "target": self.target,
            "range": list(self.control_range), "points_per_line": self.points,
            "described": [self.described[0], self.described[1] if np.isfinite(self.described[1]) else None],
            "points": {name: special[name] for name in self.thresholds.names} | more,
            "reasons": special["reasons"],
            "lines": {n: line.to_dict() for n, line in self.lines.items()},
            "provenance": dict(self.provenance),
        }  # fmt: skip

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the diagram as JSON; `load` reads it back.

        Parameters
        ----------
        path
            The file, ending in .json.
        overwrite
            Whether a file that exists may be replaced.

        Raises
        ------
        InputError
            For another ending.
        FileError
            If the file exists, or cannot be written.

        See Also
        --------
        load : Which reads it.
        """
        write_text(check_output(path, [".json"], overwrite), to_json(self.to_dict()))

    def plot(
        self,
        ax: Axes | None = None,
        axis: str = "strength",
        *,
        scaling: str | None = None,
        limit: float | None = None,
        legend: bool | str = True,
        title: str | bool | None = None,
        annotate: bool = False,
        style: str | Mapping[str, Any] | None = None,
        axes: Axes | None = None,
    ) -> Axes:
        """Draw the diagram with matplotlib: see `plot_diagram`, which has the same options.

        Examples
        --------
        >>> from amp_theory import Flow, IsingPSpin, phase_diagram
        >>> phase_diagram(IsingPSpin(p=3), Flow(), points=20).plot(title=True, annotate=True).get_xlabel()
        'temperature $T$'
        """
        from amp_theory.phases.diagram.drawing import plot_diagram

        return plot_diagram(
            self, ax, axis, scaling, limit, legend=legend, title=title, annotate=annotate, style=style, axes=axes
        )


def _rank(region: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return how bad regions are: 0, 1, 2 for easy, easy_metastable, hard."""
    return np.where(region == "hard", 2, np.where(region == "easy_metastable", 1, 0))


def as_diagram(diagram: object) -> Diagram:
    """Return `diagram` if it is one, else raise an `InputError` that tells where to get one."""
    if not isinstance(diagram, Diagram):
        raise InputError(f"a diagram must be what phase_diagram returns, got {told(diagram)}")
    return diagram
