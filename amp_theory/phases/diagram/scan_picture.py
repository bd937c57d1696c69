"""The picture of a scan: a threshold against a parameter of the model, and where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.styles import NOWHERE_EDGE, Style, as_axes, canvas, look, paint
from amp_theory.phases.diagram.views import control_label
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.results import Located, MissingPoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


class Scanned(Protocol):
    """What of a scan a picture shows: see `scan.Scan`."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def values(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def points(self) -> tuple[Located | None, ...]: ...  # noqa: D102
    @property
    def cusps(self) -> Sequence[Any]: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102

    def __iter__(self) -> Iterator[Located | MissingPoint]:
        """Return the points, or why there is none, value by value."""


def plot_scan(
    scan: Scanned, ax: Axes | None, parameter: str, legend: bool | str, title: str | bool | None,
    style: str | Mapping[str, Any] | None,
) -> Axes:  # fmt: skip
    """Draw a scan; arguments are those of `Scan.plot`."""
    given = as_axes(ax)
    looks = look(legend, title, False, style, given)
    if not isinstance(parameter, str):
        raise InputError(f"parameter must be a text for the axis, got {told(parameter)}")
    axes = canvas(given, style)
    shape = paint(axes, looks)
    handles = [*_curve(axes, scan, shape), *_ends(axes, scan, shape), *_missing(axes, scan, shape)]
    found = next((p for p in scan.points if p is not None), None)
    known = found is not None and found.origin is not None
    control = control_label(found.origin.model) if known else "control"  # type: ignore[union-attr]
    axes.set_xlabel(parameter)
    axes.set_ylabel(f"{_name(scan)}: {control}")
    set_title(axes, looks, scan.title)
    arrange(axes, looks, shape, handles, direction=None)
    return axes


def _curve(axes: Axes, scan: Scanned, style: Style) -> list[Artist]:
    """Draw the threshold where it exists, with its error bounds, up to where it ends."""
    runs: list[list[tuple[float, Located]]] = [[]]
    for value, point in zip(scan.values, scan, strict=True):
        if isinstance(point, Located):
            runs[-1].append((value, point))
        elif runs[-1]:
            runs.append([])
    colour, size, drawn = style.series[0], 0.6 * (style.mark_size or 7), []
    for run in filter(None, runs):
        x, y = [v for v, _ in run], [p.control for _, p in run]
        axes.errorbar(x, y, [p.error for _, p in run], fmt="none", ecolor=colour)
        drawn += axes.plot(x, y, "o", color=colour, ms=size, ls="-", lw=style.line_width, label=_name(scan))
        for cusp in scan.cusps:
            inner = max((v for v in scan.values if v < cusp.value), default=x[0])
            outer = min((v for v in scan.values if v > cusp.value), default=x[-1])
            for k, end in ((-1, inner), (0, outer)):
                if x[k] == end:
                    axes.plot([x[k], cusp.value], [y[k], cusp.control], color=colour, lw=style.line_width)
    return list(drawn[:1])


def _name(scan: Scanned) -> str:
    return scan.name.replace("_", " ")


def _ends(axes: Axes, scan: Scanned, style: Style) -> list[Artist]:
    """Mark where the threshold ends."""
    stars = [
        axes.plot(c.value, c.control, "*", ms=1.6 * (style.mark_size or 7), mfc=style.background, mec=style.text,
                  ls="none", label="where it ends", zorder=5)[0]
        for c in scan.cusps
    ]  # fmt: skip
    return list(stars[:1])


def _missing(axes: Axes, scan: Scanned, style: Style) -> list[Artist]:
    """Shade the values at which there is no threshold, up to where it ends or to the nearest value that has one."""
    bands: list[Artist] = []
    cusps, values = [c.value for c in scan.cusps], scan.values
    for k, (value, point) in enumerate(zip(values, scan, strict=True)):
        if isinstance(point, MissingPoint):
            low = max([*(c for c in cusps if c <= value), values[max(k - 1, 0)]])
            high = min([*(c for c in cusps if c >= value), values[min(k + 1, len(values) - 1)]])
            label = f"no {_name(scan)} point"
            bands.append(axes.axvspan(low, high, facecolor=style.no_answer, edgecolor=NOWHERE_EDGE, lw=0, label=label))
    return bands[:1]
