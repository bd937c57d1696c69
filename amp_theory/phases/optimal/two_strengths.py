"""Two strengths of side information: where the first-order surface ends.

With one strength held, the fixed points are those of an ordinary path (`ingredients.paths.mixed`): the overlap and the
held strength are the coordinates, the other strength follows from G(xi'(q), s_1, s_2) = q.  A state is marginal where
xi''(q) dG/dx = 1, and the surface ends where that is so to second order: a cusp of the path with one strength held.

The critical line, of all such points, ends only on the axes, at cusps of either path alone, or where controls end.
Along it the control changes like the marginal one at constant overlap, so that it turns round where it does not matter
to the slope dG/dx, at given q and x, which of the two strengths provides the overlap.  For a flow and a part known
exactly that slope is (rho - q) R(y), R = M'/(rho - M) at y = x + snr: the line is monotone in the snr where R is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.mixed import Held, Mixed
from amp_theory.models.base import Model
from amp_theory.phases.geometry.folds import Cusp
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.geometry.solved import check_pair, geometry_of, geometry_over
from amp_theory.phases.points.tricritical import sorted_cusps
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, integer_between
from amp_theory.tools.progress import stage
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import Located, points_table, titled
from amp_theory.tools.tables import ResultTable

#: levels at which a strength is held when surfaces are searched for, as search grids of strengths are made
LEVELS = 24


@dataclass(frozen=True)
class CriticalPoint(Located):
    """Where the first-order surface of a path of two strengths ends: a `Located` with a second strength.

    Parameters
    ----------
    control, overlap, errors, control_name, strength, strength_name, status, how, decimals, origin, lower_overlap
        As those of `Located`.
    held, held_name
        The strength that was held, and its name.

    See Also
    --------
    safe_order : Which returns it, with an example.
    """

    held: float = 0.0
    held_name: str = ""

    @property
    def coordinates(self) -> dict[str, float]:
        """Control, both strengths and overlap under their own names."""
        found = super().coordinates
        return {self.control_name: self.control, self.held_name: self.held} | found

    def __getattr__(self, name: str) -> float:
        if not name.startswith("_") and name == self.held_name:
            return self.held
        return super().__getattr__(name)


def checked_paths(model: Model, path1: Path, path2: Path) -> Mixed:
    """Return two paths together, after checking that both go with a dense model."""
    for path in (path1, path2):
        check_pair(model, path)
    if model.coupling is None:
        raise InputError(
            f"paths of two strengths are there for dense models, with a coupling xi(q); {model!r} has none"
        )
    return Mixed(path1, path2)


def held_geometry(model: Model, moving: Path, kept: Path, level: float) -> Geometry:
    """Return the folds and branches along `moving` while `kept` is held at a level; not cached unless that is zero."""
    if level == 0:
        return geometry_of(model, moving)
    return geometry_over(equation_of_state_of(model, Held(moving, kept, level)))


def levels_of(model: Model, path: Path, number: int = LEVELS) -> Array:
    """Return levels of a path's strength from zero up, dense near zero and near a finite limit."""
    c = np.linspace(0, 1, number + 1)[:-1]
    if np.isfinite(path.limit):
        internal = path.internal(np.asarray(path.limit)) * c**3 / (c**3 + (1 - c) ** 3)
    else:
        internal = c**3 / (1 - c) ** 3 / model.variable_prior.variance
    return path.public(internal)


def critical_points(model: Model, moving: Path, kept: Path, level: float) -> list[tuple[CriticalPoint, Cusp]]:
    """Return the critical points at a level of `kept`, that at the least signal first."""
    geo = held_geometry(model, moving, kept, level)
    return [(with_level(point, kept, level), cusp) for point, cusp in sorted_cusps(geo)]


def with_level(point: Located, kept: Path, level: float) -> CriticalPoint:
    """Return a cusp along a path with the level at which the other strength was held."""
    return CriticalPoint(
        point.control, point.overlap, point.errors | {kept.strength: 0.0}, point.control_name, point.strength,
        point.strength_name, how="cusp of the equation of state with one strength held", held=level,
        held_name=kept.strength,
    )  # fmt: skip


@dataclass(frozen=True)
class CriticalLine(Reported):
    """The line on which the first-order surface of two strengths ends, as points at levels of the first strength.

    Parameters
    ----------
    model, paths, control_name, strengths
        The model, both paths, the control and both strengths by name.
    parameters
        The model's parameters by name.
    points
        The critical points by growing first strength, those of one level by growing difficulty.
    monotone
        Whether the control changes in one direction along the points.
    reasons
        Why there are none, or where the line ends.

    See Also
    --------
    critical_line : Which returns it, with an example.
    """

    model: str
    paths: tuple[str, str]
    control_name: str
    strengths: tuple[str, str]
    parameters: dict[str, Any] = field(hash=False)
    points: tuple[CriticalPoint, ...]
    monotone: bool | None
    reasons: dict[str, str] = field(hash=False)

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[CriticalPoint]:
        return iter(self.points)

    def __getitem__(self, name: str) -> Array:
        """Return one coordinate of all points, by its name."""
        return np.array([point[name] for point in self.points])

    @property
    def title(self) -> str:
        """The model with its parameters and both paths."""
        return f"{titled(self.model, self.parameters)}, critical line of {' and '.join(self.paths)}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        names = (self.control_name, *self.strengths, "overlap")
        return {
            "model": self.model, "parameters": plain(self.parameters), "paths": list(self.paths),
            **{name: self[name].tolist() for name in names},
            "error": {name: [p.errors[name] for p in self.points] for name in names},
            "monotone": self.monotone, "reasons": dict(self.reasons),
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text of all points with their error bounds."""
        rows = [self.title, *(f"  {point}" for point in self.points)]
        return "\n".join([*rows, *(f"  {name}: {text}" for name, text in self.reasons.items())])

    def table(self) -> ResultTable:
        """Return the points as rows."""
        return points_table(self.title, [{} for _ in self.points], self.points)


def critical_line(model: Model, path1: Path, path2: Path, points: int = 17) -> CriticalLine:
    """Follow the line on which the first-order surface of two strengths ends, from one axis to the other.

    Parameters
    ----------
    model
        A model whose variables both paths can reveal.
    path1, path2
        Two paths of different strengths.
    points
        Levels of the first strength, 2 to 1000: from zero to where the line reaches the axis of the first path.

    Returns
    -------
    CriticalLine
        The points with error bounds: the control, both strengths, the overlap.

    Raises
    ------
    InputError
        If a path is not defined for the model, both have one strength, or `points` is out of range.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Autoregressive, Flow, IsingPSpin
    >>> line = critical_line(IsingPSpin(p=3), Flow(), Autoregressive(), points=3)
    >>> line["temperature"].round(6).tolist()
    [0.758742, 0.749015, 0.740996]
    """
    number = integer_between("points", points, 2, 1000)
    both = checked_paths(model, path1, path2)
    with stage("critical line of %r along %r", model, both):
        ends = sorted_cusps(geometry_of(model, path1))
        reasons: dict[str, str] = {}
        if ends:
            last = max(float(path1.internal(np.asarray(point.strength))) for point, _ in ends)
            levels = path1.public(np.linspace(0, last, number))[:-1]
        else:
            levels = levels_of(model, path1, number)
            reasons["end"] = f"the path {path1.name} alone has no tricritical point: the line does not reach its axis"
        found = [p for level in levels.tolist() for p, _ in critical_points(model, path2, path1, level)]
        found += [_on_axis(point, path2) for point, _ in ends]
    if not found:
        reasons["points"] = "the equation of state has no cusp along either path"
    controls = np.diff([p.control for p in found])
    monotone = bool(np.all(controls > 0) or np.all(controls < 0)) if len(found) > 1 else None
    return CriticalLine(
        model.name, (path1.name, path2.name), model.control, both.strengths, parameters=model.parameters,
        points=tuple(found), monotone=monotone, reasons=reasons,
    )  # fmt: skip


def _on_axis(point: Located, other: Path) -> CriticalPoint:
    """Return a tricritical point of the first path as a point of the line, at which the second strength is zero."""
    assert point.strength is not None
    assert point.strength_name is not None
    return CriticalPoint(
        point.control, point.overlap, point.errors | {other.strength: 0.0}, point.control_name, 0.0, other.strength,
        how=point.how, held=point.strength, held_name=point.strength_name,
    )  # fmt: skip
