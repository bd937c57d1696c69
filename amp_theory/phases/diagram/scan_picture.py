"""The picture of a scan: a threshold against a parameter of the model, and where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.styles import NOWHERE_EDGE, Style, as_axes, canvas, look, paint
from amp_theory.phases.diagram.views import control_label
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.results import Located, MissingPoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


def plot_scan(
    scanned: Mapping[float, Located | MissingPoint],
    cusps: Sequence[tuple[float, float]],
    name: str,
    heading: str,
    *,
    ax: Axes | None,
    parameter: str,
    legend: bool | str,
    title: str | bool | None,
    style: str | Mapping[str, Any] | None,
) -> Axes:
    """Draw a threshold against the values of a parameter, and its ends (value, control); options are of `Scan.plot`."""
    given = as_axes(ax)
    looks = look(legend, title, False, style, given)
    if not isinstance(parameter, str):
        raise InputError(f"parameter must be a text for the axis, got {told(parameter)}")
    axes = canvas(given, style)
    sized, name = paint(axes, looks), name.replace("_", " ")
    handles = [
        *_curve(axes, scanned, cusps, sized, name),
        *_ends(axes, cusps, sized),
        *_missing(axes, scanned, [value for value, _ in cusps], sized, f"no {name} point"),
    ]
    origins = [point.origin for point in scanned.values() if isinstance(point, Located)]
    control = control_label(origins[0].model) if origins and origins[0] is not None else "control"
    axes.set_xlabel(parameter)
    axes.set_ylabel(f"{name}: {control}")
    set_title(axes, looks, heading)
    arrange(axes, looks, sized, handles, direction=None)
    return axes


def _curve(
    axes: Axes,
    scanned: Mapping[float, Located | MissingPoint],
    cusps: Sequence[tuple[float, float]],
    style: Style,
    label: str,
) -> list[Artist]:
    """Draw the threshold where it exists, with its error bounds, up to where it ends."""
    runs: list[list[tuple[float, Located]]] = [[]]
    for value, point in scanned.items():
        if isinstance(point, Located):
            runs[-1].append((value, point))
        elif runs[-1]:
            runs.append([])
    colour, size, drawn = style.series[0], 0.6 * (style.mark_size or 7), []
    for run in filter(None, runs):
        x, y = [v for v, _ in run], [p.control for _, p in run]
        axes.errorbar(x, y, [p.error for _, p in run], fmt="none", ecolor=colour)
        drawn += axes.plot(x, y, "o", color=colour, ms=size, ls="-", lw=style.line_width, label=label)
        for end, control in cusps:
            inner = max((v for v in scanned if v < end), default=x[0])
            outer = min((v for v in scanned if v > end), default=x[-1])
            for k, beside in ((-1, inner), (0, outer)):
                if x[k] == beside:
                    axes.plot([x[k], end], [y[k], control], color=colour, lw=style.line_width)
    return list(drawn[:1])


def _ends(axes: Axes, cusps: Sequence[tuple[float, float]], style: Style) -> list[Artist]:
    """Mark where the threshold ends."""
    stars = [
        axes.plot(*end, "*", ms=1.6 * (style.mark_size or 7), mfc=style.background, mec=style.text,
                  ls="none", label="where it ends", zorder=5)[0]
        for end in cusps
    ]  # fmt: skip
    return list(stars[:1])


def _missing(
    axes: Axes, scanned: Mapping[float, Located | MissingPoint], ends: list[float], style: Style, label: str
) -> list[Artist]:
    """Shade the values at which there is no threshold, up to where it ends or to the nearest value that has one."""
    bands: list[Artist] = []
    values = list(scanned)
    for k, value in enumerate(values):
        if isinstance(scanned[value], MissingPoint):
            low = max([*(c for c in ends if c <= value), values[max(k - 1, 0)]])
            high = min([*(c for c in ends if c >= value), values[min(k + 1, len(values) - 1)]])
            bands.append(axes.axvspan(low, high, facecolor=style.no_answer, edgecolor=NOWHERE_EDGE, lw=0, label=label))
    return bands[:1]
