"""Pictures of phase diagrams: their regions, lines and special points, on axes of several scales."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.phases.diagram.lines import RECOVERED
from amp_theory.phases.diagram.places import Along, Around, Name, Throughout
from amp_theory.phases.diagram.styles import (
    LABELS,
    NO_ANSWER,
    NOWHERE_EDGE,
    REGIONS,
    SIZE,
    STYLES,
    Look,
    Style,
    as_axes,
    canvas,
    look,
    paint,
)
from amp_theory.phases.diagram.views import View, control_label, strength_label
from amp_theory.phases.geometry.solved import any_geometry_of
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, positive, told
from amp_theory.tools.results import Located, titled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from amp_theory.phases.diagram.lines import Line
    from amp_theory.tools.results import Thresholds

#: a part of the range of control that is too small to be told from rounding, and one that is too small to be seen
NEGLIGIBLE, SEEN = 1e-9, 0.004
#: the least and the largest strength that axes may end at
LEAST_LIMIT, LARGEST = 1e-30, 1e30
#: controls at which the regions are shaded, and strengths where they are sampled
COLUMNS, ROWS = 400, 160
#: marks of the special points of zero strength
MARKS = {"dynamical": "v", "condensation": "o", "algorithmic": "s", "weak_recovery": "D"}
#: width of bars where controls are discrete, in units of their distance
BAR = 0.6


@runtime_checkable
class Drawable(Protocol):
    """What of a diagram a picture shows: see `diagram.Diagram`."""

    @property
    def model(self) -> Model: ...  # noqa: D102
    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def control_range(self) -> tuple[float, float]: ...  # noqa: D102
    @property
    def points(self) -> int: ...  # noqa: D102
    @property
    def target(self) -> str: ...  # noqa: D102
    @property
    def lines(self) -> Mapping[str, Line]: ...  # noqa: D102
    @property
    def thresholds(self) -> Thresholds: ...  # noqa: D102
    @property
    def described(self) -> tuple[float, float]: ...  # noqa: D102

    def region(self, control: npt.ArrayLike, strength: npt.ArrayLike) -> Any:
        """Return the region at (control, strength)."""


def plot_diagram(
    diagram: Drawable,
    ax: Axes | None = None,
    axis: str = "strength",
    scaling: str | None = None,
    limit: float | None = None,
    *,
    legend: bool | str = True,
    title: str | bool | None = None,
    annotate: bool = False,
    style: str | Mapping[str, Any] | None = None,
    axes: Axes | None = None,
) -> Axes:
    r"""Draw a phase diagram: regions, spinodals (dashed), first-order line, special points, and its target.

    Where the equations do not describe the target it is grey.  An arrow shows the direction of the sampler.

    Parameters
    ----------
    diagram
        What `phase_diagram` returns.
    ax, axes
        Where to draw; a new figure by default.
    axis
        "strength", "time" (of the path's schedule) or "information" (of the side information, in nats per variable).
    scaling
        One of the model's scalings for the horizontal axis; its control by default.
    limit
        Largest strength shown, > 0; by default 1.25 times the largest on a line.
    legend
        True (where it covers nothing), False, "inside", "outside" (at the right; layouts make room) or "below".
    title
        A text; True for the model, its parameters, the path and the target; None for none.
    annotate
        Whether names stand beside lines and points and in regions where there is room, else in the legend.
    style
        "light", "dark", "print", or overrides such as {"base": "dark", "font": 9}; by default that of the figure.

    Returns
    -------
    matplotlib.axes.Axes
        Where the picture is.

    Raises
    ------
    InputError
        For what is no diagram, or an option that does not exist.

    Examples
    --------
    >>> import amp_theory as at
    >>> diagram = at.phase_diagram(at.SphericalPSpin(3), at.Flow(), points=20)
    >>> at.plot_diagram(diagram, annotate=True, style="print").get_ylabel()
    'snr $\\gamma^2$'
    """
    given = as_axes(ax, axes)
    looks = look(legend, title, annotate, style, given)
    view = _view(diagram, axis, scaling)
    top = top_strength(diagram.path, highest(diagram)) if limit is None else _limit(diagram.path, limit)
    return _Picture(diagram, view, top, canvas(given, style), looks).draw()


class _Picture:
    """One diagram on its way to the axes."""

    def __init__(self, diagram: Drawable, view: View, top: float, axes: Axes, looks: Look) -> None:
        view.break_for_infinity(top)
        self.diagram, self.view, self.top, self.axes, self.looks = diagram, view, top, axes, looks
        self.style = paint(axes, looks)
        self.names: list[Name] = []
        self.present: list[str] = []
        self.hatched = False

    def draw(self) -> Axes:
        """Draw everything, find room for names and legend, and return the axes."""
        from amp_theory.phases.diagram.labels import arrange

        axes, diagram, view = self.axes, self.diagram, self.view
        axes.set_xlim(*np.sort(view.control(np.array(diagram.control_range))))
        axes.set_ylim(*np.sort(np.asarray(view.strength(np.array([0.0, self.top])), dtype=float)))
        inside = self._shade()
        self._draw_lines()
        gray = gray_out(axes, diagram, view, self.style)
        self._mark_points()
        axes.set_xlabel(control_label(diagram.model, view.scaling))
        axes.set_ylabel(strength_label(diagram.path, view.axis))
        view.mark_infinity(axes, "y", self.style.text)
        set_title(axes, self.looks, model_title(diagram))
        patches = self._patches(gray)
        for region, patch in zip(self.present, patches, strict=False):
            self.names.append(self._region_name(region, patch, inside))
        heading = None if self.looks.title is True else target_title(diagram)
        arrange(axes, self.looks, self.style, patches[len(self.present) :], self.names, heading, ("y", view.sense))
        return axes

    def _region_name(self, region: str, patch: Artist, inside: Any) -> Name:
        return Name(LABELS[region], patch, Throughout(self.axes), replace(inside, region=region))

    def _draw_lines(self) -> None:
        (x0, x1), (y0, y1) = np.sort(self.axes.get_xlim()), np.sort(self.axes.get_ylim())
        for name, line in self.diagram.lines.items():
            dashes, _, label = STYLES[name]
            seen: list[tuple[int, Artist, Array, Array]] = []
            for number in np.unique(line.segment):
                part = line.segment == number
                x, y = self.view.control(line.control[part]), self.view.strength(line.strength[part])
                (drawn,) = self.axes.plot(
                    x, y, dashes, color=getattr(self.style, name), lw=self.style.line_width, label=f"_{label}"
                )
                count = int(np.sum((x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)))
                seen.append((count, drawn, x, y))
            best = max(seen, key=lambda one: one[0], default=None)
            if best is not None and best[0] and not self._is_hidden(name, line):
                best[1].set_label(label)
                self.names.append(Name(label, best[1], Along(self.axes, *best[2:])))

    def _is_hidden(self, name: str, line: Line) -> bool:
        """Tell whether the dashes of a line lie all along the solid line that is drawn over them."""
        solid = self.diagram.lines["first_order"]
        if name != "informed_spinodal" or not len(solid):
            return False
        unit = np.array([np.ptp(self.diagram.control_range), self.top])
        dashes, over = (np.column_stack([x.control, x.strength.clip(max=self.top)]) / unit for x in (line, solid))
        index = np.linspace(0, len(over) - 1, 20 * len(over))
        dense = np.column_stack([np.interp(index, np.arange(len(over)), column) for column in over.T])
        return bool((np.hypot(*(dashes[:, None] - dense).T).min(axis=0) < SEEN).all())

    def _patches(self, gray: bool) -> list[Artist]:
        """Return the legend's patches of the regions that are in the picture, and of what has no answer."""
        from matplotlib.patches import Patch

        made: list[Artist] = [
            Patch(facecolor=getattr(self.style, name), hatch=REGIONS[name][1] if self.hatched else "",
                  edgecolor=self.style.hatch, lw=0, label=LABELS[name])
            for name in self.present
        ]  # fmt: skip
        if gray:
            made.append(Patch(facecolor=self.style.no_answer, edgecolor=NOWHERE_EDGE, lw=0.5, label=NO_ANSWER))
        return made

    def _shade(self) -> Any:
        """Fill the regions, note those present, and return a function that tells which pixels are in one of them."""
        diagram, view, style = self.diagram, self.view, self.style
        geo = any_geometry_of(diagram.model, diagram.path)
        if geo.discrete:
            self._shade_bars(geo.controls(diagram.control_range, diagram.points))
            return Shaded(self.axes, np.empty(0), np.empty(0), np.empty((0, 0)), (np.inf, np.inf))
        c = np.linspace(*diagram.control_range, COLUMNS)
        x = np.asarray(view.control(c))
        s = self.top * np.linspace(0, 1, ROWS + 1)[1:] ** 1.5
        self.axes.set_facecolor(style.easy)
        self.hatched = all(len(line.ends) <= 1 for line in diagram.lines.values())
        if self.hatched:
            informed, first, uninformed = edges(diagram, c, self.top)
            code = (s[:, None] > informed).astype(int) + (s[:, None] > first) - 2 * (s[:, None] > uninformed)
            for region, low, high in (("easy_metastable", informed, first), ("hard", first, uninformed)):
                self.axes.fill_between(
                    x, view.strength(low), view.strength(high), where=list(high > low),
                    facecolor=getattr(style, region), hatch=REGIONS[region][1], edgecolor=style.hatch, lw=0,
                )  # fmt: skip
        else:  # more than one loop: sample the regions
            code = self._codes(diagram.region(c[None, :], s[:, None]))
            self._mesh(x, np.asarray(view.strength(s)), code, "nearest")
        self.present = [name for k, name in enumerate(REGIONS) if np.any(code == k)]
        columns, y = np.argsort(x), np.asarray(view.strength(s))
        rows, gray = np.argsort(y), undescribed(diagram)
        ends = np.sort(view.control(np.array(gray))) if gray else np.array([np.inf, np.inf])
        return Shaded(self.axes, x[columns], y[rows], code[rows][:, columns], (float(ends[0]), float(ends[1])))

    def _codes(self, table: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        return np.select([table == name for name in REGIONS], list(range(len(REGIONS))), -1)

    def _mesh(self, x: Array, y: Array, code: npt.NDArray[Any], shading: Any) -> None:
        from matplotlib.colors import ListedColormap

        fills = ListedColormap([getattr(self.style, name) for name in REGIONS])
        shown = np.ma.masked_less(code, 0)
        self.axes.pcolormesh(x, y, shown, cmap=fills, vmin=0, vmax=2, shading=shading, rasterized=True)

    def _shade_bars(self, controls: Array) -> None:
        """Fill the regions in a bar at every control that exists; between them is nothing."""
        lo, hi = self.diagram.control_range
        ends = np.linspace(0, self.top, ROWS + 1)
        gaps = np.diff(controls)
        width = BAR * float(gaps.min()) if len(gaps) else BAR * (hi - lo)
        found = set()
        for control in controls:
            code = self._codes(self.diagram.region(float(control), 0.5 * (ends[1:] + ends[:-1])))
            sides = np.asarray(self.view.control(control + width * np.array([-0.5, 0.5])))
            self._mesh(sides, np.asarray(self.view.strength(ends)), code[:, None], "flat")
            found |= set(code.tolist())
        self.present = [name for k, name in enumerate(REGIONS) if k in found]

    def _mark_points(self) -> None:
        """Mark the tricritical points, and the points of zero strength at that."""
        special, shown = self.diagram.thresholds, self.diagram.control_range
        tips = [p for p in (special.tricritical, *special.further_tricritical) if p is not None and _shown(shown, p)]
        size = self.style.mark_size
        assert size is not None
        for point in tips:
            if point.strength is not None and point.strength <= self.top:
                self._mark("tricritical point", point.control, point.strength, "*", 1.8 * size)
        found = [(name, getattr(special, name)) for name in MARKS]
        seen = [(name, point) for name, point in found if point is not None and _shown(shown, point)]
        for k, (name, point) in enumerate(seen):
            # marks in one place are one mark with several names
            near = [abs(other.control - point.control) < SEEN * (shown[1] - shown[0]) for _, other in seen]
            if not any(near[k + 1 :]):
                label = " and ".join(other for (other, _), one in zip(seen, near, strict=True) if one)
                self._mark(label.replace("_", " "), point.control, 0.0, MARKS[name], size)

    def _mark(self, label: str, control: float, strength: float, marker: str, size: float) -> None:
        x, y = float(self.view.control(control)), float(self.view.strength(strength))
        first = label not in [name.label for name in self.names]
        (mark,) = self.axes.plot(
            x, y, marker, ms=size, mfc=self.style.background, mec=self.style.text, clip_on=False, zorder=6,
            label=label if first else f"_{label}",
        )  # fmt: skip
        if first:
            self.names.append(Name(label, mark, Around(self.axes, x, y, size / 2)))


@dataclass(frozen=True, eq=False)
class Shaded:
    """The regions in a table over the axes; tells which pixels are in one of them and not `gray`."""

    axes: Axes
    x: Array
    y: Array
    table: npt.NDArray[Any]
    gray: tuple[float, float]
    region: str = "easy"

    def __call__(self, points: Array) -> npt.NDArray[np.bool_]:  # noqa: D102
        at = self.axes.transData.inverted().transform(points)
        inside = (at[:, 0] < self.gray[0]) | (at[:, 0] > self.gray[1])
        index = []
        for values, shown in ((self.x, at[:, 0]), (self.y, at[:, 1])):
            if len(values) < 2:
                return np.zeros(len(points), dtype=bool)
            index.append(np.searchsorted(values, shown).clip(0, len(values) - 1))
            # a cell beyond the table is in it: its first row is not at zero
            step = np.abs(np.diff(values)).max()
            inside &= (shown >= values[0] - step) & (shown <= values[-1] + step)
        return np.asarray(inside & (self.table[index[1], index[0]] == list(REGIONS).index(self.region)))


def _view(diagram: object, axis: str, scaling: str | None) -> View:
    """Return what the axes show of a diagram, after checking that it is one."""
    if not isinstance(diagram, Drawable):
        raise InputError(f"a diagram must be what phase_diagram returns, got {told(diagram)}")
    return View(diagram.model, diagram.path, axis, scaling)


def _limit(path: Path, limit: float) -> float:
    """Return the largest strength shown that a caller asks for."""
    top = positive("limit", limit)
    if not LEAST_LIMIT <= top <= min(path.limit, LARGEST):
        raise InputError(f"limit must lie between {LEAST_LIMIT:g} and {min(path.limit, LARGEST):g}, got {told(limit)}")
    return top


def target_title(diagram: Drawable) -> str:
    """Return whose regions a diagram shows."""
    return f"target: {diagram.target} measure"


def model_title(diagram: Drawable) -> str:
    """Return a title: the model with its parameters, the path, and the target."""
    return f"{titled(diagram.model.name, diagram.model.parameters, diagram.path.name)}, {target_title(diagram)}"


def set_title(axes: Axes, looks: Look, whole: str) -> None:
    """Write a picture's title, if it has one; `whole` is that of the model."""
    if looks.title is True:
        # names are those of users' models: no formula is looked for in them
        axes.set_title(whole, fontsize=axes.title.get_fontsize(), parse_math=False)
    elif isinstance(looks.title, str):
        axes.set_title(looks.title, fontsize=axes.title.get_fontsize(), parse_math=True)


def undescribed(diagram: Drawable) -> tuple[float, float] | None:
    """Return the part of the control's range where the equations do not describe the target; None without any."""
    (lo, hi), (start, stop) = diagram.control_range, diagram.described
    part = (lo, min(start, hi)) if start > lo else (max(stop, lo), hi)
    # a range that begins at condensation begins within its error bound
    return part if part[1] - part[0] > NEGLIGIBLE * (hi - lo) else None


def gray_out(axes: Axes, diagram: Drawable, view: View, style: Style, label: str | None = None) -> bool:
    """Cover what does not hold for the target, and tell whether there is any to be seen."""
    part = undescribed(diagram)
    if part is None:
        return False
    low, high = np.sort(np.asarray(view.control(np.array(part)), dtype=float)).tolist()
    # above lines, below marks
    axes.axvspan(low, high, facecolor=style.no_answer, alpha=0.88, lw=0, zorder=3, label=label)
    return part[1] - part[0] > SEEN * (diagram.control_range[1] - diagram.control_range[0])


def inline_picture(diagram: Drawable) -> str:
    """Return the picture of a diagram as an HTML element that holds it."""
    from matplotlib.figure import Figure

    figure, stream = Figure(figsize=SIZE, layout="constrained"), io.BytesIO()
    plot_diagram(diagram, figure.add_subplot(), style="light")
    figure.savefig(stream, format="png", dpi=110)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return f'<img alt="phase diagram" src="data:image/png;base64,{data}">'


def highest(diagram: Drawable) -> float:
    """Return the largest strength on a line that is to be seen."""
    spinodal = diagram.lines["uninformed_spinodal"]
    if np.isinf(diagram.path.limit) and any(RECOVERED in ends for ends in spinodal.ends):
        # it runs to infinity: a third of the way to its other end says enough
        part = np.sort(spinodal.control)[[0, -1]] @ np.array([2, 1]) / 3
        return float(interpolate(diagram, "uninformed_spinodal", np.array([part]))[0])
    return max((float(line.strength.max(initial=0)) for line in diagram.lines.values()), default=0.0)


def top_strength(path: Path, highest: float) -> float:
    """Return the largest strength that a picture shows, given the highest on a line."""
    if highest == 0:
        return 1.0 if np.isinf(path.limit) else 0.99 * path.limit
    return min(1.25 * highest, path.limit * (1 - 1e-9))


def edges(diagram: Drawable, c: Array, top: float) -> tuple[Array, Array, Array]:
    """Return the strengths of the three lines at controls c: at most `top`, equal where there is no loop."""
    columns = []
    inside = interpolate(diagram, "uninformed_spinodal", c)
    for name in ("informed_spinodal", "first_order"):
        values = interpolate(diagram, name, c)
        # beyond its end at zero strength a line stays there
        columns.append(np.where(np.isnan(inside), top, np.nan_to_num(values, nan=0.0)))
    columns.append(np.where(np.isnan(inside), top, inside))
    informed, first, uninformed = (np.minimum(column, top) for column in columns)
    return informed, np.maximum(first, informed), np.maximum(uninformed, first)


def interpolate(diagram: Drawable, name: str, c: Array) -> Array:
    """Return a line's strength at controls c, NaN beyond its ends."""
    line = diagram.lines[name]
    if not len(line):
        return np.full_like(c, np.nan)
    order = np.argsort(line.control)
    return np.interp(c, line.control[order], line.strength[order], left=np.nan, right=np.nan)


def _shown(shown: tuple[float, float], point: Located) -> bool:
    lo, hi = shown
    return lo * (1 - 1e-9) <= point.control <= hi * (1 + 1e-9)
