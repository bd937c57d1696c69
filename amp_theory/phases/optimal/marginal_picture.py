"""The picture of marginal lines: where, at every overlap, each kind of side information leaves no stable state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.places import Along, Name
from amp_theory.phases.diagram.styles import NOWHERE_EDGE, Style, as_axes, canvas, look, paint
from amp_theory.phases.diagram.views import control_label
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: what lines are called, and in which styles they are drawn, one after the other
WORDS = {"best": "best path", "worst": "worst path", "any_denoiser": "any denoiser (bound)"}
DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
#: lines whose logarithms differ by less are one
SAME = 1e-6
#: the range of the control in units of that between the outermost thresholds, beyond them
BEYOND = (0.15, 0.4)
#: how far to the right of where lines end the overlap goes, in units of that
RIGHT = 1.25


def plot_lines(
    found: Any,
    ax: Axes | None,
    *,
    legend: bool | str,
    title: str | bool | None,
    annotate: bool,
    style: str | Mapping[str, Any] | None,
) -> Axes:
    """Draw marginal lines; options are of `MarginalLines.plot`."""
    given = as_axes(ax)
    looks = look(legend, title, annotate, style, given)
    axes = canvas(given, style)
    sized = paint(axes, looks)
    drawn = distinct(found.lines)
    limits, names = _limits(found, drawn), []
    drawn = [line for line in drawn if np.any((line.control > limits[0]) & (line.control < limits[1]))]
    for k, line in enumerate(drawn):
        colour = sized.text if line.name == "any_denoiser" else sized.series[k % len(sized.series)]
        width = (sized.line_width or 1.6) * (1.4 if line.name in WORDS else 1.0)
        label = WORDS.get(line.name, line.name.replace("-", " "))
        x, y = line.overlap, np.where(_within(line.control, limits), line.control, np.nan)
        [handle] = axes.plot(x, y, color=colour, ls=DASHES[k % len(DASHES)], lw=width, label=label)
        names.append(Name(label, handle, Along(axes, x, y)))
        if line.point is not None:
            axes.plot(line.point.overlap, line.point.control, "o", color=colour, ms=0.7 * (sized.mark_size or 7))
    names += _dynamical(axes, found, limits, sized)
    axes.set_ylim(*limits)
    axes.set_xlim(*_overlaps(found, drawn))
    axes.set_xlabel("overlap $q$")
    axes.set_ylabel(control_label(found.model))
    set_title(axes, looks, found.title)
    arrange(axes, looks, sized, names=names, direction=None)
    return axes


def distinct(lines: Mapping[str, Any]) -> list[Any]:
    """Return the lines without those of bounds that a path attains, which are the path's."""
    kept: list[Any] = []
    for line in lines.values():
        with np.errstate(all="ignore"):
            same = [
                np.array_equal(np.isnan(line.control), np.isnan(other.control))
                and np.nanmax(np.abs(np.log(line.control / other.control)), initial=0.0) < SAME
                for other in kept
            ]
        if line.name not in WORDS or not any(same):
            kept.append(line)
    return kept


def _within(control: Array, limits: tuple[float, float]) -> Any:
    low, high = limits
    return (control > low - (high - low)) & (control < high + (high - low))


def _limits(found: Any, drawn: list[Any]) -> tuple[float, float]:
    """Return the range of the control: all thresholds, and some room, more on the hard side."""
    points = [line.point for line in drawn if line.point is not None]
    points += [found.bounds.dynamical] if found.bounds.dynamical is not None else []
    controls = np.array([point.control for point in points])
    if not controls.size:
        controls = np.concatenate([line.control[np.isfinite(line.control)] for line in drawn])
    if not controls.size:
        raise InputError(f"there is nothing to draw: {found.bounds.reasons['best']}")
    low, high = float(controls.min()), float(controls.max())
    span = high - low or 0.1 * high
    harder, easier = BEYOND[1] * span, BEYOND[0] * span
    if found.model.easier == "up":
        return low - easier, high + harder
    return low - harder, high + easier


def _overlaps(found: Any, drawn: list[Any]) -> tuple[float, float]:
    """Return the range of the overlap, from what nothing tells to beyond the end of the lines."""
    most = float(found.model.variable_prior.second_moment)
    lines = [line.overlap[np.isfinite(line.control)] for line in drawn]
    ends = float(max(line.max() for line in lines if line.size))
    return float(drawn[0].overlap[0]), min(most, RIGHT * ends)


def _dynamical(axes: Axes, found: Any, limits: tuple[float, float], style: Style) -> list[Name]:
    """Draw the dynamical point, beyond which no denoiser of single variables passes, shaded."""
    point = found.bounds.dynamical
    if point is None:
        return []
    hard = limits[1] if found.model.easier == "up" else limits[0]
    axes.axhspan(point.control, hard, facecolor=style.no_answer, edgecolor=NOWHERE_EDGE, lw=0, zorder=0)
    ends = [0.0, float(found.model.variable_prior.second_moment)]
    [handle] = axes.plot(ends, [point.control] * 2, color=style.text, lw=0.8, ls=":", label="dynamical point")
    return [Name("dynamical point", handle, Along(axes, ends, [point.control] * 2))]
