"""The figure of a study, one column of a journal wide: its lines as curves, what is published as open marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from amp_theory.interface.studies.study import Curve, Mark, Study
from amp_theory.phases.diagram.styles import WIDTHS, look, paint
from amp_theory.tools.files import write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: inches: the height of a panel, and of a legend's line below the last one
PANEL, LINE = 2.3, 0.14
#: dots per inch of pictures in pixels
RESOLUTION = 300
#: shapes of published values, by their sources in turn
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "p", "h")


def draw_study(study: Study, curves: Sequence[Curve], marks: Sequence[Mark], *files: FilePath) -> Figure:
    """Draw a study into files, and return the figure."""
    from matplotlib.figure import Figure

    sources = list(dict.fromkeys(mark.value.source.key for mark in marks))
    shapes = {key: SHAPES[k % len(SHAPES)] for k, key in enumerate(sources)}
    names = {curve.name for curve in curves}
    lines = (len(names) + len(sources) + 1) // 2
    size = (WIDTHS[1], PANEL * len(study.panels) + LINE * lines)
    figure = Figure(figsize=size, layout="constrained")
    handles: dict[str, Any] = {}
    for number, panel in enumerate(study.panels):
        axes = figure.add_subplot(len(study.panels), 1, number + 1)
        handles |= _panel(axes, study, panel.name, curves, marks, shapes)
        axes.set_xlabel(panel.x_label)
        axes.set_ylabel(panel.y_label)
        axes.set_ylim(*panel.y_range)
    figure.axes[0].set_title(study.title)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, fontsize=6.5, frameon=False,
                  columnspacing=1.0, handlelength=2.2)  # fmt: skip
    for file in files:
        write(file, lambda s, kind=file.suffix[1:]: figure.savefig(s, format=kind, dpi=RESOLUTION))  # type: ignore[misc]
    return figure


def _panel(
    axes: Axes, study: Study, name: str, curves: Sequence[Curve], marks: Sequence[Mark], shapes: Mapping[str, str]
) -> dict[str, Any]:
    """Draw one panel; return what a legend shows, by its names."""
    from matplotlib.lines import Line2D

    style = paint(axes, look(False, None, False, "print", axes))
    handles: dict[str, Any] = {}
    colours = {}
    for curve in curves:
        if curve.panel == name:
            (handles[curve.name],) = axes.plot(
                curve.x, curve.y, ls=curve.dash or "none", color=curve.colour, marker=curve.marks or "none",
                lw=curve.width * (style.line_width or 1), ms=style.mark_size, label=curve.name,
            )  # fmt: skip
            colours[curve.name] = curve.colour
    for mark in marks:
        shape = shapes[mark.value.source.key]
        open_: dict[str, Any] = {"ls": "none", "marker": shape, "mfc": "none", "ms": style.mark_size, "mew": 0.9}
        if mark.panel == name:
            axes.plot(mark.x, mark.y, mec=colours[mark.curve], gid="published", zorder=4, **open_)
        handles.setdefault(_cited(mark), Line2D([], [], mec=style.text, **open_))
    return handles


def _cited(mark: Mark) -> str:
    """Return authors and year, as a legend has room for them."""
    source = mark.value.source
    first, *others = source.authors.split(",")
    return f"{first} et al. ({source.year})" if others else f"{first} ({source.year})"
