"""The figure of a study, one column of a journal wide: its lines as curves, what is published as open marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from amp_theory.interface.studies.literature import PublishedSource
from amp_theory.interface.studies.study import Curve, Mark, Study
from amp_theory.phases.diagram.styles import NAMED, WIDTHS, look, paint
from amp_theory.tools.files import write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: inches: the height of a panel, and of a line of the legend below the last one
PANEL, LINE = 2.3, 0.14
#: dots per inch of pictures in pixels, and points of the legend's text
RESOLUTION, SMALL = 300, 6.5
#: shapes of published values, by their sources in turn
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "p", "h")
STYLE = NAMED["print"]


def draw_study(study: Study, curves: Sequence[Curve], marks: Sequence[Mark], *files: FilePath) -> Figure:
    """Draw a study into files, and return the figure."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    sources = list(dict.fromkeys(mark.value.source for mark in marks))
    looks = {source: _open(SHAPES[k % len(SHAPES)]) for k, source in enumerate(sources)}
    entries = len({curve.name for curve in curves}) + len(sources)
    size = (WIDTHS[1], PANEL * len(study.panels) + LINE * ((entries + 1) // 2))
    figure = Figure(figsize=size, layout="constrained")
    handles: dict[str, Any] = {}
    for number, panel in enumerate(study.panels, 1):
        axes = figure.add_subplot(len(study.panels), 1, number)
        paint(axes, look(False, None, False, "print", axes))
        handles |= _lines(axes, [curve for curve in curves if curve.panel == panel.name])
        for mark in marks:
            if mark.panel == panel.name:
                colour = next(curve.colour for curve in curves if curve.name == mark.curve)
                axes.plot(mark.x, mark.y, mec=colour, gid="published", zorder=4, **looks[mark.value.source])
        axes.set(xlabel=panel.x_label, ylabel=panel.y_label, ylim=panel.y_range)
    figure.axes[0].set_title(study.title, fontsize=STYLE.font)
    handles |= {_cited(source): Line2D([], [], mec=STYLE.text, **looks[source]) for source in sources}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, fontsize=SMALL,
                  frameon=False, columnspacing=1.0, handlelength=2.2)  # fmt: skip
    for file in files:
        write(file, lambda s, kind=file.suffix[1:]: figure.savefig(s, format=kind, dpi=RESOLUTION))  # type: ignore[misc]
    return figure


def _lines(axes: Axes, curves: Iterable[Curve]) -> dict[str, Any]:
    """Draw curves; return what a legend shows, by its names."""
    assert STYLE.line_width is not None
    return {
        curve.name: axes.plot(
            curve.x, curve.y, ls=curve.dash or "none", color=curve.colour, marker=curve.marks or "none",
            lw=curve.width * STYLE.line_width, ms=STYLE.mark_size,
        )[0]
        for curve in curves
    }  # fmt: skip


def _open(shape: str) -> dict[str, Any]:
    """Return the look of an open mark."""
    return {"ls": "none", "marker": shape, "mfc": "none", "ms": STYLE.mark_size, "mew": 0.9}


def _cited(source: PublishedSource) -> str:
    """Return the first author's last name, whether there are others, and the year."""
    first, *others = re.split(r", | and ", source.authors)
    return f"{first.split()[-1]}{' et al.' if others else ''} ({source.year})"
