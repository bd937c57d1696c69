"""Pictures: phase diagrams, free entropy against overlap, overlap along the path.

Colours are from the palette of Okabe and Ito, told apart by colour-blind readers; hatches and line styles
carry the same information in print.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.phases.diagram.lines import RECOVERED
from amp_theory.phases.geometry.solved import check, geometry_of
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, one_of, positive, told
from amp_theory.tools.results import Located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from amp_theory.phases.diagram.lines import Line
    from amp_theory.tools.results import Thresholds

GREEN, ORANGE, RED, BLUE, SKY, PURPLE = "#009E73", "#E69F00", "#D55E00", "#0072B2", "#56B4E9", "#CC79A7"
#: fill (light tints of green, orange and red) and hatch of every region
REGIONS = {"easy": ("#d9f0e9", ""), "easy_metastable": ("#f7d999", "///"), "hard": ("#eaa57a", "xxx")}
LABELS = {"easy": "easy", "easy_metastable": "easy, metastable branch", "hard": "hard"}
#: fill and edge of where the equations do not describe the target
NOWHERE, NOWHERE_EDGE, NO_ANSWER = "#c9ccd1", "#8b9098", "no answer for this target"
#: a part of the range of control that is too small to be seen
NEGLIGIBLE = 1e-9
STYLES = {
    "informed_spinodal": ("--", BLUE, "informed spinodal"),
    "first_order": ("-", "black", "first-order line"),
    "uninformed_spinodal": ("-.", PURPLE, "uninformed spinodal"),
}
CONTROL_LABELS = {
    "noise_over_rho2": r"noise $\Delta/\rho^2$",
    "beta": r"inverse temperature $\beta$",
    "lambda": r"signal strength $1/\Delta$",
    "sqrt_lambda": r"signal strength $1/\sqrt{\Delta}$",
    "noise": r"noise $\Delta$",
}
AXES = ("strength", "time", "information")
#: the least and the largest strength that axes may end at
LEAST_LIMIT, LARGEST = 1e-30, 1e30
#: least strength shown where zero strength is infinitely far, as a part of the largest
LOWEST = 0.005
#: controls at which the regions are shaded, and strengths where they are sampled
COLUMNS, ROWS = 400, 160
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


def _axes(axes: Axes | None) -> Axes:
    from matplotlib import axes as kinds
    from matplotlib import pyplot as plt

    if axes is not None:
        if not isinstance(axes, kinds.Axes):
            raise InputError(f"axes must be matplotlib axes or None, got {told(axes)}")
        return axes
    _, made = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    return made


def control_label(model: Model, scaling: str | None = None) -> str:
    """Return the axis label of a model's control, in one of its scalings."""
    if scaling is None or scaling == model.control:
        return f"{model.control} ${model.control_symbol}$"
    return CONTROL_LABELS.get(scaling, scaling.replace("_", " "))


def strength_label(path: Path, axis: str) -> str:
    """Return the axis label of a path's strength, time or information."""
    if axis == "time":
        return f"time ${path.schedule.symbol}$ ({path.schedule.name})"
    if axis == "information":
        return "information in the revealed data (nats per variable)"
    return f"{path.strength} ${path.strength_symbol}$"


class View:
    """Turns controls and strengths into what the axes show; refuses axes that do not exist."""

    def __init__(self, model: Model, path: Path, axis: str, scaling: str | None) -> None:
        one_of("axis", axis, AXES)
        check(model, path)
        self.model, self.path, self.axis, self.scaling = model, path, axis, scaling
        if scaling is not None:
            one_of("scaling", scaling, model.scalings())
        if axis == "information" and not np.isfinite(path.information(model.variable_prior, np.array(0.5))):
            raise InputError("a revealed continuous variable tells infinitely much: there is no information axis")

    def control(self, control: Array | float) -> Any:
        """Return what the horizontal axis shows for a control."""
        if self.scaling is None:
            return control
        return self.model.convert(control, self.model.control, self.scaling)

    def strength(self, strength: Array | float) -> Any:
        """Return what the vertical axis shows for a strength."""
        if self.axis == "time":
            return self.path.schedule.time(strength)
        if self.axis == "information":
            return self.path.information(self.model.variable_prior, strength)
        return strength


def plot_diagram(
    diagram: Drawable,
    axes: Axes | None = None,
    axis: str = "strength",
    scaling: str | None = None,
    limit: float | None = None,
) -> Axes:
    """Draw a phase diagram: regions, spinodals (dashed), first-order line, special points, and its target.

    Where the equations do not describe the target it is grayed out.

    Parameters
    ----------
    diagram
        What `phase_diagram` returns.
    axes
        Where to draw; a new figure by default.
    axis
        What the vertical axis shows: "strength", "time" (of the path's schedule) or "information" (nats
        per variable in the side information on its own).
    scaling
        One of the model's scalings for the horizontal axis; its control by default.
    limit
        Largest strength shown; by default 1.25 times the largest on a line.
    """
    if not isinstance(diagram, Drawable):
        raise InputError(f"a diagram must be what phase_diagram returns, got {told(diagram)}")
    view = View(diagram.model, diagram.path, axis, scaling)
    axes = _axes(axes)
    top = top_strength(diagram.path, highest(diagram)) if limit is None else _limit(diagram.path, limit)
    bottom = 0.0 if np.isfinite(view.strength(0.0)) else LOWEST * top
    _shade(axes, diagram, view, (bottom, top))
    for name, line in diagram.lines.items():
        style, colour, label = STYLES[name]
        for number in np.unique(line.segment):
            part = line.segment == number
            x, y = view.control(line.control[part]), view.strength(np.maximum(line.strength[part], bottom))
            axes.plot(x, y, style, color=colour, lw=1.6, label=label if number == 0 else None)
    gray = _gray_out(axes, diagram, view)
    _mark_points(axes, diagram, view, bottom)
    axes.set_xlim(*np.sort(view.control(np.array(diagram.control_range))))
    axes.set_ylim(*np.sort(np.asarray(view.strength(np.array([bottom, top])), dtype=float)))
    axes.set_xlabel(control_label(diagram.model, scaling))
    axes.set_ylabel(strength_label(diagram.path, axis))
    _legend(axes, diagram, gray)
    return axes


def _limit(path: Path, limit: float) -> float:
    """Return the largest strength shown that a caller asks for."""
    top = positive("limit", limit)
    if not LEAST_LIMIT <= top <= min(path.limit, LARGEST):
        raise InputError(f"limit must lie between {LEAST_LIMIT:g} and {min(path.limit, LARGEST):g}, got {told(limit)}")
    return top


def target_title(diagram: Drawable) -> str:
    """Return whose regions a diagram shows."""
    return f"target: {diagram.target} measure"


def undescribed(diagram: Drawable) -> tuple[float, float] | None:
    """Return the part of the control's range where the equations do not describe the target; None without any."""
    (lo, hi), (start, stop) = diagram.control_range, diagram.described
    part = (lo, min(start, hi)) if start > lo else (max(stop, lo), hi)
    # a range that begins at condensation begins within its error bound
    return part if part[1] - part[0] > NEGLIGIBLE * (hi - lo) else None


def _gray_out(axes: Axes, diagram: Drawable, view: View, label: str | None = None) -> bool:
    """Cover what does not hold for the target, and tell whether there is any."""
    part = undescribed(diagram)
    if part is None:
        return False
    low, high = np.sort(np.asarray(view.control(np.array(part)), dtype=float)).tolist()
    # above lines, below marks
    axes.axvspan(low, high, facecolor=NOWHERE, alpha=0.88, lw=0, zorder=3, label=label)
    return True


def inline_picture(diagram: Drawable) -> str:
    """Return the picture of a diagram as an HTML element that holds it."""
    from matplotlib.figure import Figure

    canvas, stream = Figure(figsize=(5.6, 4.2), layout="constrained"), io.BytesIO()
    plot_diagram(diagram, canvas.add_subplot())
    canvas.savefig(stream, format="png", dpi=110)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return f'<img alt="phase diagram" src="data:image/png;base64,{data}">'


def highest(diagram: Drawable) -> float:
    """Return the largest strength on a line that is to be seen."""
    spinodal = diagram.lines["uninformed_spinodal"]
    if np.isinf(diagram.path.limit) and any(RECOVERED in ends for ends in spinodal.ends):
        # it runs to infinity: a third of the way to its other end says enough
        part = np.sort(spinodal.control)[[0, -1]] @ np.array([2, 1]) / 3
        return float(_interpolate(diagram, "uninformed_spinodal", np.array([part]))[0])
    return max((float(line.strength.max(initial=0)) for line in diagram.lines.values()), default=0.0)


def top_strength(path: Path, highest: float) -> float:
    """Return the largest strength that a picture shows, given the highest on a line."""
    if highest == 0:
        return 1.0 if np.isinf(path.limit) else 0.99 * path.limit
    return min(1.25 * highest, path.limit * (1 - 1e-9))


def _shade(axes: Axes, diagram: Drawable, view: View, shown: tuple[float, float]) -> None:
    """Fill the regions between the lines, at the strengths shown."""
    bottom, top = shown
    c = np.linspace(*diagram.control_range, COLUMNS)
    x = np.asarray(view.control(c))
    geo = geometry_of(diagram.model, diagram.path)
    if geo.discrete:
        _shade_bars(axes, diagram, view, shown, geo.controls(diagram.control_range, diagram.points))
        return
    axes.set_facecolor(REGIONS["easy"][0])
    if all(len(line.ends) <= 1 for line in diagram.lines.values()):
        informed, first, uninformed = (np.maximum(edge, bottom) for edge in edges(diagram, c, top))
        for region, low, high in (("easy_metastable", informed, first), ("hard", first, uninformed)):
            fill, hatch = REGIONS[region]
            axes.fill_between(x, view.strength(low), view.strength(high), where=list(high > low),
                              facecolor=fill, hatch=hatch, edgecolor="white", lw=0)  # fmt: skip
        return
    # more than one loop: sample the regions
    from matplotlib.colors import ListedColormap

    s = bottom + (top - bottom) * np.linspace(0, 1, ROWS + 1)[1:] ** 1.5
    table = diagram.region(c[None, :], s[:, None])
    code = np.select([table == name for name in REGIONS], list(range(len(REGIONS))))
    fills = ListedColormap([fill for fill, _ in REGIONS.values()])
    axes.pcolormesh(
        x, np.asarray(view.strength(s)), code, cmap=fills, vmin=0, vmax=2, shading="nearest", rasterized=True
    )


def _shade_bars(axes: Axes, diagram: Drawable, view: View, shown: tuple[float, float], controls: Array) -> None:
    """Fill the regions in a bar at every control that exists; between them is nothing."""
    from matplotlib.colors import ListedColormap

    fills = ListedColormap([fill for fill, _ in REGIONS.values()])
    ends = np.linspace(*shown, ROWS + 1)
    gaps = np.diff(controls)
    width = BAR * float(gaps.min()) if len(gaps) else BAR * (diagram.control_range[1] - diagram.control_range[0])
    for control in controls:
        table = diagram.region(float(control), 0.5 * (ends[1:] + ends[:-1]))
        code = np.select([table == name for name in REGIONS], list(range(len(REGIONS))))
        sides = np.asarray(view.control(control + width * np.array([-0.5, 0.5])))
        axes.pcolormesh(sides, np.asarray(view.strength(ends)), code[:, None], cmap=fills, vmin=0, vmax=2,
                        shading="flat", rasterized=True)  # fmt: skip


def _legend(axes: Axes, diagram: Drawable, gray: bool) -> None:
    """Add a legend of the lines, points and regions; its title names the target."""
    from matplotlib.patches import Patch

    handles, _ = axes.get_legend_handles_labels()
    patches = [
        Patch(facecolor=fill, hatch=hatch, edgecolor="white", lw=0, label=LABELS[name])
        for name, (fill, hatch) in REGIONS.items()
    ]
    if gray:
        patches.append(Patch(facecolor=NOWHERE, edgecolor=NOWHERE_EDGE, lw=0.5, label=NO_ANSWER))
    axes.legend(
        handles=[*handles, *patches], fontsize=7, title=target_title(diagram), title_fontsize=7, loc="best",
        framealpha=0.92,
    )  # fmt: skip


def edges(diagram: Drawable, c: Array, top: float) -> tuple[Array, Array, Array]:
    """Return the strengths of the three lines at controls c: at most `top`, equal where there is no loop."""
    columns = []
    inside = _interpolate(diagram, "uninformed_spinodal", c)
    for name in ("informed_spinodal", "first_order"):
        values = _interpolate(diagram, name, c)
        # beyond its end at zero strength a line stays there
        columns.append(np.where(np.isnan(inside), top, np.nan_to_num(values, nan=0.0)))
    columns.append(np.where(np.isnan(inside), top, inside))
    informed, first, uninformed = (np.minimum(column, top) for column in columns)
    return informed, np.maximum(first, informed), np.maximum(uninformed, first)


def _interpolate(diagram: Drawable, name: str, c: Array) -> Array:
    """Return a line's strength at controls c, NaN beyond its ends."""
    line = diagram.lines[name]
    if not len(line):
        return np.full_like(c, np.nan)
    order = np.argsort(line.control)
    return np.interp(c, line.control[order], line.strength[order], left=np.nan, right=np.nan)


def _mark_points(axes: Axes, diagram: Drawable, view: View, bottom: float) -> None:
    """Mark the tricritical point, and the points of zero strength at the least strength shown."""
    special = diagram.thresholds
    for k, point in enumerate(p for p in (special.tricritical, *special.further_tricritical) if p is not None):
        if point.strength is not None and _shown(diagram, point):
            at = (view.control(point.control), view.strength(point.strength))
            axes.plot(*at, "*", ms=13, mfc="white", mec="black", zorder=5, label=None if k else "tricritical point")
    marks = {
        "dynamical": ("v", "dynamical"),
        "condensation": ("o", "condensation"),
        "algorithmic": ("s", "algorithmic"),
        "weak_recovery": ("D", "weak recovery"),
    }
    least = float(view.strength(bottom))
    for name, (marker, label) in marks.items():
        mark: Located | None = getattr(special, name)
        if mark is not None and _shown(diagram, mark):
            x = float(view.control(mark.control))
            axes.plot(x, least, marker, ms=7, mfc="white", mec="black", clip_on=False, zorder=6, label=label)


def _shown(diagram: Drawable, point: Located) -> bool:
    lo, hi = diagram.control_range
    return lo * (1 - 1e-9) <= point.control <= hi * (1 + 1e-9)
