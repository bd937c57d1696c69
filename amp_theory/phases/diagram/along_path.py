"""What a denoising path meets on its way at one control: spinodals and first-order transitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from amp_theory.equations_of_state.recovery import RECOVERY
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control
from amp_theory.phases.diagram.lines import LINES, crossing_error
from amp_theory.phases.geometry.geometry import Branch, Coexistence, Geometry
from amp_theory.phases.geometry.solved import SAFETY, any_geometry_of, check_pair
from amp_theory.phases.points.fixed_points import has_condensed, of_each, regions
from amp_theory.phases.points.thresholds import sharpener
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import as_float, one_of
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Located, MissingPoint, MissingPointError, points_table, titled
from amp_theory.tools.tables import ResultTable

if TYPE_CHECKING:
    from amp_theory.exact.digits.points import Sharpener


class PointsOfLine(tuple[Located, ...]):
    """The points of a line at one control; asked for one where there is none it says why."""

    reason = ""

    def __new__(cls, points: Iterable[Located] = (), reason: str = "") -> PointsOfLine:
        """Return the points by growing strength, with the reason why there are none."""
        made = super().__new__(cls, sorted(points, key=lambda p: p.strength or 0.0))
        made.reason = reason
        return made

    def __getitem__(self, index: Any) -> Any:
        if not self and self.reason and not isinstance(index, slice):
            raise MissingPointError(f"there is no such point: {self.reason}")
        return super().__getitem__(index)


@dataclass(frozen=True)
class PathTransitions(Reported):
    """The points of all lines at one control, by growing strength, of the planted measure.

    Parameters
    ----------
    model, path, parameters
        The model and the path by name, and the model's parameters.
    control, control_name
        The control and its name.
    informed_spinodal, first_order, uninformed_spinodal
        Where branches appear, where the branch of largest free entropy changes, where branches disappear.
    lower_overlaps
        The other overlaps of the first-order points.
    reasons
        Of every line without points why it has none.
    measure
        Whose transitions they are: "planted", or "random" where samples overlap.

    See Also
    --------
    path_transitions : Which returns it, with an example.
    """

    model: str
    path: str
    control: float
    control_name: str
    parameters: dict[str, Any] = field(hash=False)
    informed_spinodal: tuple[Located, ...]
    first_order: tuple[Located, ...]
    uninformed_spinodal: tuple[Located, ...]
    lower_overlaps: tuple[float, ...]
    reasons: dict[str, str] = field(default_factory=dict, hash=False)
    measure: str = "planted"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        lines: dict[str, Any] = {name: [point.to_dict() for point in getattr(self, name)] for name in LINES}
        for point, low in zip(lines["first_order"], self.lower_overlaps, strict=True):
            point["lower_overlap"] = low
        return {
            "model": self.model, "parameters": self.parameters, "path": self.path, self.control_name: self.control,
            "target": self.measure, **lines, "reasons": dict(self.reasons),
        }  # fmt: skip

    @property
    def title(self) -> str:
        """The model with its parameters, the path, the control and whose transitions these are."""
        where = titled(self.model, self.parameters, self.path)
        return f"{where}, {self.control_name} = {self.control:g}, {self.measure} measure"

    def report(self) -> str:
        """Return a readable text of all points with their error bounds."""
        rows = [self.title]
        for name in LINES:
            points = getattr(self, name)
            rows += [f"  {name:<20} {point}" for point in points] or [f"  {name:<20} none: {self.reasons[name]}"]
        return "\n".join(rows)

    def __getitem__(self, name: str) -> tuple[Located, ...]:
        points: tuple[Located, ...] = getattr(self, one_of("line", name, LINES))
        return points

    def table(self) -> ResultTable:
        """Return the points as rows: line, coordinates and error bounds; the reason for a line without points."""
        rows: list[tuple[str, float | None, Located | MissingPoint]] = []
        for name in LINES:
            lower: Sequence[float | None] = self.lower_overlaps if name == "first_order" else [None] * len(self[name])
            rows += [(name, low, point) for low, point in zip(lower, self[name], strict=True)]
            if not self[name]:
                rows.append((name, None, MissingPoint(name, self.reasons[name], self.control_name, "strength")))
        labels = [{"line": name, "lower_overlap": low} for name, low, _ in rows]
        return points_table(self.title, labels, [point for *_, point in rows])


@overload
def path_transitions(
    model: Model, path: Path, control: float | None = None, digits: int | None = None, **named: float
) -> PathTransitions: ...
@overload
def path_transitions(
    model: Model, path: Path, control: npt.ArrayLike | None = None, digits: int | None = None, **named: npt.ArrayLike
) -> npt.NDArray[np.object_]: ...
def path_transitions(
    model: Model, path: Path, control: npt.ArrayLike | None = None, digits: int | None = None, **named: npt.ArrayLike
) -> Any:
    """Return the spinodals and first-order transitions that a path meets at a control, or at many.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control
        The model's control, > 0: a number or an array.
    digits
        Significant digits, 1 to 50, of all strengths and overlaps; see `thresholds`.
    **named
        The control under the model's own name for it, such as temperature=0.7.

    Returns
    -------
    PathTransitions, or an array of them
        The points of every line, each with an error bound.  For an array one of objects, of its shape.

    Raises
    ------
    InputError
        For a bad control, or digits that are not there for the model.
    NumericalError
        If a solver fails.

    References
    ----------
    arXiv:2308.14085.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin
    >>> jumps = path_transitions(SphericalPSpin(p=3), Flow(), temperature=0.62, digits=20).first_order
    >>> print(jumps[0].decimals["snr"])
    0.061958557206523616501
    """
    check_pair(model, path)
    control = at_control(model, control, named)
    sharp = sharpener(model, path, digits)

    def at(c: float) -> PathTransitions:
        return _transitions(model, path, c, sharp)

    many = hasattr(control, "__len__") and not isinstance(control, str)
    return of_each(at, model.check_control(control if many else as_float(model.control, control)))


def _transitions(model: Model, path: Path, control: float, sharp: Sharpener | None) -> PathTransitions:
    """Return what a path meets at one control, with more digits where a sharpener is given."""
    intensity = model.intensity(model.check_control(control)).reshape(1)
    geo = any_geometry_of(model, path).at(float(intensity[0]))
    iso = geo.coexistence(intensity)
    branches = iso.branches[0]
    appears = [_spinodal(geo, control, b, b.start) for b in branches if b.born is not None]
    ends = [_spinodal(geo, control, b, b.stop) for b in branches if b.dies not in (None, RECOVERY)]
    equal = [_first_order(geo, control, iso, jump.index) for jump in iso.crossings[0]]
    lower = [float(iso.lower.overlap[jump.index]) for jump in iso.crossings[0]]
    found = {"informed_spinodal": appears, "first_order": equal, "uninformed_spinodal": ends}
    reasons = _reasons(geo, iso, {name for name, points in found.items() if not points})
    if sharp is not None:
        for name in ("informed_spinodal", "uninformed_spinodal"):
            found[name] = [sharp.spinodal(p) for p in found[name]]
        found["first_order"] = [sharp.first_order(p, low) for p, low in zip(equal, lower, strict=True)]
    return PathTransitions(
        model=model.name, path=path.name, control=control, control_name=model.control, parameters=model.parameters,
        lower_overlaps=tuple(lower), reasons=reasons, measure=model.solved_measure,
        **{name: PointsOfLine(points, reasons.get(name, "")) for name, points in found.items()},
    )  # fmt: skip


def _reasons(geo: Geometry, iso: Coexistence, empty: set[str]) -> dict[str, str]:
    """Tell of every line without points on an isotherm why it has none."""
    branches = iso.branches[0]
    if len(branches) == 1:
        return {name: f"there is one branch only: {_ALONE[name]}" for name in LINES if name in empty}
    reasons = {}
    if "informed_spinodal" in empty:
        reasons["informed_spinodal"] = "every branch exists from the start of the path"
    if "first_order" in empty:
        start = str(regions(geo, iso.intensity, np.zeros(1))[0])
        reasons["first_order"] = (
            "beyond condensation, where the random measure is not described: there is no verdict"
            if has_condensed(geo, iso.intensity)
            else "hard from the start: a branch above the uninformed one is in equilibrium at zero strength already"
            if start == "hard"
            else "the branch in equilibrium is the same as long as it exists"
        )
    if "uninformed_spinodal" in empty:
        reasons["uninformed_spinodal"] = (
            "no branch ends by a fold: the lower one runs into q = rho"
            if any(b.dies == RECOVERY for b in branches)
            else "every branch exists to the end of the path"
        )
    return reasons


_ALONE = {
    "informed_spinodal": "no other appears",
    "first_order": "it is in equilibrium along the whole path",
    "uninformed_spinodal": "it ends nowhere",
}


def _spinodal(geo: Geometry, control: float, branch: Branch, strength: float) -> Located:
    """Return the end of a branch as a point of a spinodal."""
    if branch.recovered:
        rho = geo.eos.prior.second_moment
        return _located(geo, control, strength, rho, SAFETY * EPS * strength, 0.0, "q = rho becomes stable")
    z = branch.lower if strength == branch.start else branch.upper
    f = geo.eos.surface(np.array([z]), np.array([strength]))
    bounds = geo.eos.errors(f)
    error = float((bounds.signal / np.abs(f.drift))[0])
    z_error = bounds.fold / np.abs(f.fold_z) + 4 * EPS * f.coordinate
    overlap = float((f.overlap_z * z_error + bounds.overlap)[0])
    return _located(geo, control, strength, float(f.overlap[0]), error, overlap, "d strength/dq = 0")


def _first_order(geo: Geometry, control: float, iso: Coexistence, index: int) -> Located:
    """Return the point at which two branches have equal free entropies."""
    at = np.array([index])
    lower, upper = iso.lower.take(at), iso.upper.take(at)
    strength = float(iso.strength[index])
    recovery = geo.eos.recovery
    certain = bool(np.isinf(upper.coordinate[0]))
    known = certain and recovery is not None and recovery.infinite
    error = SAFETY * EPS * strength if known else float(crossing_error(geo.eos, lower, upper)[0])
    overlap = 0.0
    if not certain:
        bounds: Array = geo.eos.errors(upper).overlap + upper.overlap_z * error / np.abs(upper.fold)
        overlap = float(bounds[0])
    return _located(
        geo, control, strength, float(upper.overlap[0]), error, overlap, "equal free entropy of both branches"
    )


def _located(
    geo: Geometry, control: float, internal: float, overlap: float, error: float, overlap_error: float, how: str
) -> Located:
    model, path = geo.eos.model, geo.eos.path
    strength = float(path.public(np.array(internal)))
    bound = SAFETY * (error * float(path.public_slope(np.array(internal))) + EPS * strength)
    errors = {model.control: 0.0, path.strength: bound, "overlap": SAFETY * (overlap_error + EPS * overlap)}
    return Located(control, overlap, errors, model.control, strength, path.strength, how=how)
