"""In which order to raise two strengths of side information, so that no first-order transition is met.

At a control, take the plane of strengths (a, b) of two paths A and B, and in it the region M in which more than one
state is stable, bounded by spinodals.  Its boundary falls: where xi''(q) dG/dx = 1, dq drops out of
q = G(xi'(q), a, b), so that db/da = -(dG/da)/(dG/db) < 0.  At given (q, a) there is one b at most, as G rises in b.

*If A alone meets no transition and no fold lies at a = a*, "raise A to a*, then B" meets none.*  On the axis b = 0
there is one state for each a, hence it is continuous in a.  At a = a* no overlap has xi''(q) dG/dx = 1, so b rises with
q along the fixed points, and there is one state for each b, too.  Both pieces share the state at (a*, 0).  Every a
beyond the last end of M is such an a*: the critical point at the largest a, next to which M has shrunk to a point.

*The other order.*  M may have several pieces.  Each falls from the axis a = 0 to an end (a_k, b_k), its lowest place.
With b held below all b_k, raising A crosses no part of M, as without B.  With b held above b_k and below the piece on
the axis, raising A enters the piece from below and leaves it above, past its first-order line; and raised further
alone, B meets that line on its own axis.  So B may be raised to the least b_k.  Where a piece begins between the axes,
that is known next to its end only.

*If neither works alone*, M meets both axes.  A path from (0, 0) that stays out of M has to leave the strip of a below
the part of M on the axis of A.  If at every such a there is a fold, M bars all of the strip, and no order works; if
there is a gap, the order is to raise A into the gap, then B.  A gap begins at the end of a piece: behind each it is
looked for.

*If both work alone*, M may still lie between the axes, with two ends: where the critical line turns round, a mixture is
worse than either path.  Then one strength only should be raised.

Folds are those of the equation of state at a held strength, at all overlaps: between the points of its fold curve there
are none (`phases.geometry`).  All ends of M are solved for (`surface_ends`), and what is beyond is looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.mixed import Mixed
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control
from amp_theory.phases.geometry.geometry import Branch, Geometry
from amp_theory.phases.optimal.surface_ends import End, critical_lines
from amp_theory.phases.optimal.two_strengths import CriticalPoint, checked_paths, held_geometry
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, NumericalError, as_float, integer_between
from amp_theory.tools.progress import stage
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import Located, points_table, titled
from amp_theory.tools.tables import ResultTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

#: the lines of a surface
LINES = ("informed_spinodal", "first_order", "uninformed_spinodal")
#: how far beyond an end is looked again, in parts of its strength
BEYOND = 1e-4
EXACT, SEARCHED = "exact within replica symmetry", "exact within replica symmetry, at the levels searched"


@dataclass(frozen=True, eq=False)
class FirstOrderSurface(Reported):
    """The first-order surface in the plane of two strengths at one control.

    Parameters
    ----------
    strengths
        The names of the strength that is raised first, and of the other.
    held
        Levels of the strength that is raised first, up to the end of each line, shape (n,).
    informed_spinodal, first_order, uninformed_spinodal
        The other strength where a second state appears, where both are in balance, and where the first disappears,
        shape (n,); NaN where there is none, or below zero.
    line
        The number of the line that each level belongs to, that of the critical point being 0, shape (n,).

    See Also
    --------
    SafeOrder.surface : Which returns it.
    """

    strengths: tuple[str, str]
    held: Array
    informed_spinodal: Array
    first_order: Array
    uninformed_spinodal: Array
    line: Index

    def report(self) -> str:
        """Return a readable text of all levels."""
        table = self.table()
        rows = [table.title, "  " + "  ".join(table.names)]
        columns = [self.line, *self._columns()] if np.any(self.line) else self._columns()
        return "\n".join([*rows, *("  " + "  ".join(f"{x:.9g}" for x in row) for row in np.transpose(columns))])

    def _columns(self) -> list[Array]:
        return [self.held, self.informed_spinodal, self.first_order, self.uninformed_spinodal]

    def table(self) -> ResultTable:
        """Return the levels as rows; cells without a number are empty."""
        names = (self.strengths[0], *(f"{line}_{self.strengths[1]}" for line in LINES))
        cells = ([float(x) if np.isfinite(x) else None for x in column] for column in self._columns())
        number = {"line": self.line.tolist()} if np.any(self.line) else {}
        return ResultTable("first-order surface", number | dict(zip(names, cells, strict=True)))


@dataclass(frozen=True)
class SafeOrder(Reported):
    """In which order to raise two strengths at a control, and where the first-order surface ends.

    Parameters
    ----------
    model, parameters, control_name, control
        The model by name with its parameters, and the control.
    paths, strengths
        The names of both paths and of their strengths.
    order
        The names of the paths, the one to raise first in front; None if none is needed, or none works.
    critical
        The end point of the first-order surface; None if there is none.
    raise_to
        The strength that the first path must be beyond before the second starts; None without an order.
    tricritical
        The tricritical point of each path alone, by its name; None if there is none.
    certainty
        What the answer is: exact within replica symmetry; at the levels searched, where none works.
    reasons
        Why something is None, and what happens in the other order.

    See Also
    --------
    safe_order : Which returns it, with an example.
    """

    model: str
    control_name: str
    control: float
    paths: tuple[str, str]
    strengths: tuple[str, str]
    parameters: dict[str, Any] = field(hash=False)
    order: tuple[str, str] | None
    critical: CriticalPoint | None
    raise_to: float | None
    tricritical: dict[str, Located | None] = field(hash=False)
    certainty: str
    reasons: dict[str, str] = field(hash=False)
    _asked: _Asked = field(repr=False, compare=False)

    @property
    def title(self) -> str:
        """The model with its parameters, both paths and the control."""
        return (
            f"{titled(self.model, self.parameters)}, {' and '.join(self.paths)}, {self.control_name} = {self.control:g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        points = {name: p and p.to_dict() for name, p in self.tricritical.items()}
        return {
            "model": self.model, "parameters": plain(self.parameters), self.control_name: self.control,
            "paths": list(self.paths), "critical": self.critical and self.critical.to_dict(),
            "order": self.order and list(self.order), "raise_to": self.raise_to, "tricritical": points,
            "certainty": self.certainty, "reasons": dict(self.reasons),
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text: the order, the critical point, both paths alone, and the reasons."""
        lines = [self.title]
        if self.order is None:
            lines.append(f"  order         none: {self.reasons['order']}")
        else:
            first = self.strengths[self.paths.index(self.order[0])]
            lines.append(f"  order         {self.order[0]} to {first} > {self.raise_to:.10g}, then {self.order[1]}")
        lines.append(f"  critical      {self.critical or 'none: ' + self.reasons['critical']}")
        lines += [f"  {name} alone  {point or 'no tricritical point'}" for name, point in self.tricritical.items()]
        rest = {n: text for n, text in self.reasons.items() if n not in ("order", "critical")}
        return "\n".join([*lines, *(f"  {name}: {text}" for name, text in rest.items()), f"  {self.certainty}"])

    def table(self) -> ResultTable:
        """Return the critical point and the tricritical points of both paths as rows."""
        found = {"critical": self.critical, **self.tricritical}
        rows = [(name, point) for name, point in found.items() if point is not None]
        return points_table(self.title, [{"point": name} for name, _ in rows], [point for _, point in rows])

    def surface(self, points: int = 25) -> FirstOrderSurface | None:
        """Return the first-order surface in the plane of strengths: each line, from the axis to its end.

        Parameters
        ----------
        points
            Levels of the strength that is raised first, 2 to 1000.

        Returns
        -------
        FirstOrderSurface, or None
            None if the surface has no end.

        Raises
        ------
        InputError
            If `points` is out of range, or a part of the surface ends between the axes.

        Examples
        --------
        >>> from amp_theory import Autoregressive, Flow, IsingPSpin
        >>> found = safe_order(IsingPSpin(p=3), Flow(), Autoregressive(), 0.75).surface(3)
        >>> found.first_order.round(6).tolist()
        [0.127829, 0.089233, 0.076167]
        """
        number = integer_between("points", points, 2, 1000)
        if self.critical is None or self.order is None:
            return None
        return self._asked.surface(self.order, number)

    def plot(
        self, ax: Axes | None = None, *, points: int = 25, title: str | bool | None = None,
        style: str | Mapping[str, Any] | None = None,
    ) -> Axes:  # fmt: skip
        """Draw the plane of both strengths with the first-order surface, its end, and a safe path.

        Parameters
        ----------
        ax
            Axes to draw into; new ones by default.
        points
            Levels of the strength that is raised first, 2 to 1000.
        title
            A title, True for the model's, False for none (default).
        style
            The name of a style, or its settings, as `PhaseDiagram.plot`.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Raises
        ------
        InputError
            If an option is none of these, or there is no surface to draw.
        """
        from amp_theory.phases.optimal.plane_picture import plot_plane

        found = self.surface(points)
        if found is None or self.order is None:
            raise InputError(f"there is no end of a first-order surface to draw: {self.reasons['critical']}")
        rows = np.array([found.held, found.informed_spinodal, found.first_order, found.uninformed_spinodal])
        lines = [rows[:, found.line == k] for k in range(found.line[-1] + 1)]
        return plot_plane(self._asked.in_order(self.order), lines, self.title, ax=ax, title=title, style=style)


def safe_order(model: Model, path1: Path, path2: Path, control: float | None = None, **named: float) -> SafeOrder:
    """Tell in which order to raise the strengths of two paths, so that no first-order transition is met.

    Parameters
    ----------
    model
        A model whose variables both paths can reveal.
    path1, path2
        Two paths of different strengths, such as Flow() and Autoregressive().
    control
        The model's control, > 0.
    **named
        The control under the model's own name for it, such as temperature=0.75.

    Returns
    -------
    SafeOrder
        The order, the end of the first-order surface, and how far the first path must be raised.

    Raises
    ------
    InputError
        If a path is not defined for the model, both have one strength, or the control is none.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Autoregressive, Flow, IsingPSpin
    >>> found = safe_order(IsingPSpin(p=3), Flow(), Autoregressive(), temperature=0.75)
    >>> found.order, round(found.raise_to, 10), round(found.critical.revealed, 9)
    (('flow', 'autoregressive'), 0.0742357597, 0.076167207)
    """
    both = checked_paths(model, path1, path2)
    value = as_float(model.control, at_control(model, control, named))
    model.check_control(value)
    with stage("safe order of %r at %s = %g", both, model.control, value):
        return _Asked(model, both, value).result()


@dataclass(frozen=True)
class _Asked:
    """A model, two paths and a control."""

    model: Model
    both: Mixed
    control: float

    @cached_property
    def intensity(self) -> Array:
        """The intensity at the control, shape (1,)."""
        return self.model.intensity(np.array([self.control]))

    @cached_property
    def ends(self) -> list[End]:
        """All ends of the first-order surface, by growing strength of the first path."""
        return critical_lines(self.model, self.both).ends(self.control, self.both.first.strength)

    def geometry(self, moving: Path, kept: Path, level: float) -> Geometry:
        """Return what answers along a path at the control, while the other strength is held."""
        return held_geometry(self.model, moving, kept, level).at(float(self.intensity[0]))

    def branches(self, moving: Path, kept: Path, level: float) -> list[Branch]:
        """Return all branches at the control along a path, while the other strength is held."""
        return self.geometry(moving, kept, level).branches(self.intensity)[0]

    def meets(self, moving: Path, kept: Path, level: float) -> bool:
        """Tell whether a path meets a second state at any strength, while the other strength is held."""
        return len(self.branches(moving, kept, level)) > 1

    def started(self) -> bool:
        """Tell whether more than one state is stable without any information."""
        first, second = self.both.paths
        return sum(branch.start == 0 for branch in self.branches(first, second, 0.0)) > 1

    def result(self) -> SafeOrder:
        """Return everything."""
        first, second = self.both.paths
        fails = {path.name: self.meets(path, other, 0.0) for path, other in ((first, second), (second, first))}
        started = all(fails.values()) and self.started()
        orders = [(first, second), (second, first)]
        found: tuple[Path, Path, CriticalPoint] | None = None
        if any(fails.values()) and not started:
            for kept, moving in sorted(orders, key=lambda pair: fails[pair[0].name]):
                found = found or self.end(kept, moving, fails[kept.name])
        if found is not None:
            reasons = {"other_order": self.other(*found)}
        else:
            reasons = self.no_order(any(fails.values()), started)
        sure = EXACT if found or not any(fails.values()) or started else SEARCHED
        special = {path.name: thresholds(self.model, path).tricritical for path in (first, second)}
        return SafeOrder(
            self.model.name, self.model.control, self.control, (first.name, second.name), self.both.strengths,
            self.model.parameters, order=(found[0].name, found[1].name) if found else None,
            critical=found[2] if found else None, raise_to=found[2].held if found else None, tricritical=special,
            certainty=sure, reasons=reasons, _asked=self,
        )  # fmt: skip

    def no_order(self, fails: bool, started: bool) -> dict[str, str]:
        """Tell why there is no order: none works, or none is needed."""
        if fails:
            text = "the first-order surface meets both axes, and bars every path between at all levels searched"
            text = "more than one state is stable before anything is told" if started else text
            return {"order": f"none works: {text}", "critical": f"the surface does not end: {text}"}
        text = f"either path alone works: neither meets a transition at this {self.model.control}"
        if not self.ends:
            return {"order": text, "critical": "no path along an axis meets the surface"}
        first = self.both.first
        level = 0.5 * (self.ends[0].point.held + self.ends[-1].point.held)
        text += f"; both at once do, at {first.strength} = {level:.6g}: raise one strength only"
        return {"order": text, "critical": f"the surface has {len(self.ends)} ends, none of them on an axis"}

    def other(self, kept: Path, moving: Path, point: CriticalPoint) -> str:
        """Tell what happens in the other order: the end at the least strength of `moving` is met first."""
        seen = [end.seen(moving.strength) for end in self.ends]
        most = min(end.point.held for end in seen)
        text = (
            f"{moving.name} first may be raised to {moving.strength} = {most:.9g} at most before {kept.name} starts: "
        )
        if any(end.last for end in seen):
            return text + f"just beyond that, a first-order line is met when {kept.name} is raised"
        return text + f"beyond that, a first-order line is met when {kept.name} is raised, or before"

    def end(self, kept: Path, moving: Path, fails: bool) -> tuple[Path, Path, CriticalPoint] | None:
        """Return the end of the surface beyond which `moving` meets nothing, at a level that `kept` reaches safely.

        If `kept` works alone, that is the last of all ends; else there may be a gap next to one of them.
        """
        points = [end.point for end in (end.seen(kept.strength) for end in self.ends) if end.last]
        points.sort(key=lambda point: point.held)
        if not fails:
            if not points or self.meets(moving, kept, points[-1].held * (1 + BEYOND)):
                where = f" beyond {kept.strength} = {points[-1].held:.9g}" if points else ""
                raise NumericalError(
                    f"the end of the first-order surface was not found{where}", "ask for another control"
                )
            return kept, moving, points[-1]
        most = min(branch.start for branch in self.branches(kept, moving, 0.0)[1:])
        for point in points:
            beyond = point.held * (1 + BEYOND)
            if float(kept.internal(np.asarray(beyond))) < most and not self.meets(moving, kept, beyond):
                return kept, moving, point
        return None

    def in_order(self, order: tuple[str, str]) -> tuple[Path, Path]:
        """Return the paths in an order of their names."""
        first, second = sorted(self.both.paths, key=lambda path: order.index(path.name))
        return first, second

    def surface(self, order: tuple[str, str], number: int) -> FirstOrderSurface:
        """Return all lines of the surface at levels up to their ends, that of the last end in front."""
        kept, moving = self.in_order(order)
        ends = sorted((end.seen(kept.strength) for end in self.ends), key=lambda end: -end.point.held)
        if not all(end.last for end in ends) or self.meets(kept, moving, 0.0):
            raise InputError("the first-order surface has a part that ends between the axes, or on the other axis")
        parts = [self.line(kept, moving, end.point, number) for end in ends]
        held, low, middle, high = np.concatenate(parts, axis=1)
        line = np.repeat(np.arange(len(ends)), number)
        return FirstOrderSurface((kept.strength, moving.strength), held, low, middle, high, line)

    def line(self, kept: Path, moving: Path, end: CriticalPoint, number: int) -> Array:
        """Return levels up to an end and the three strengths there, shape (4, number).

        From the end on, that line is followed whose folds are nearest to the last.
        """
        levels = end.held * (1 - np.linspace(1, 0, number) ** 2)
        rows = np.full((4, number), np.nan)
        rows[0], rows[1:, -1] = levels, end.strength
        assert self.model.coupling is not None
        q = np.full(1, end.overlap)
        signal = self.model.coupling.signal(self.intensity, q, self.model.variable_prior.second_moment - q)
        last = float(np.log(moving.coordinate(signal, moving.internal(np.full(1, end.strength)))[0]))
        for k in range(number - 2, -1, -1):
            iso = self.geometry(moving, kept, float(levels[k])).coexistence(self.intensity)
            here = iso.branches[0]
            places = [0.5 * float(np.log(b.upper * c.lower)) for b, c in pairwise(here)]
            if not places:
                continue  # closer to the end than rounding can tell
            j = int(np.argmin(np.abs(np.array(places) - last)))
            last = places[j]
            rows[1:, k] = here[j + 1].start, np.nan, here[j].stop
            for crossing in iso.crossings[0]:
                if (crossing.b, crossing.c) == (j, j + 1):
                    rows[2, k] = iso.strength[crossing.index]
            rows[1:, k] = moving.public(rows[1:, k])
        return rows
