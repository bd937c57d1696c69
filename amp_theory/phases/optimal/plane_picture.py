"""The picture of a safe order: the plane of two strengths, the first-order surface in it, and a path around its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.styles import LABELS, NOTES, STYLES, Style, as_axes, canvas, look, paint
from amp_theory.phases.diagram.views import strength_label
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

#: how far beyond the end of the surface the path turns, how far the axes reach, and where the arrow's head is
TURN, REACH, HEAD = 1.2, 2.4, 0.93
#: where the surface is shown again, measured from its first-order line, in parts of the axes
INSET = (0.67, 0.58, 0.31, 0.34)


def plot_plane(
    paths: tuple[Path, Path],
    held: Array,
    rows: tuple[Array, Array, Array],
    heading: str,
    *,
    ax: Axes | None,
    title: str | bool | None,
    style: str | Mapping[str, Any] | None,
) -> Axes:
    """Draw the surface, rows of informed spinodal, first-order line and uninformed spinodal at levels `held`.

    Its end is the last point of all; `paths` are in the order in which they are raised.
    """
    known = np.isfinite(rows[0]) & np.isfinite(rows[2])
    if known.sum() < 2:
        raise InputError("there is no first-order surface to draw: more than two states coexist at these strengths")
    given = as_axes(ax)
    looks = look(True, title, False, style, given)
    axes = canvas(given, style)
    sized = paint(axes, looks)
    x, (low, middle, high) = held[known], (row[known] for row in rows)
    axes.set_xlim(0, REACH * x[-1])
    axes.set_ylim(0, 1.15 * float(high.max()))
    axes.set_facecolor(sized.easy)
    handles = [*_regions(axes, x, (low, middle, high), sized), *_lines(axes, x, (low, middle, high), sized)]
    _magnified(axes, x, (low, middle, high), sized)
    handles.append(_safe_path(axes, float(x[-1]), sized))
    end = axes.plot(x[-1:], middle[-1:], "o", ms=sized.mark_size, mfc=sized.background, mec=sized.text, ls="none",
                    label="critical point", zorder=6)  # fmt: skip
    axes.set_xlabel(strength_label(paths[0], "strength"))
    axes.set_ylabel(strength_label(paths[1], "strength"))
    set_title(axes, looks, heading)
    arrange(axes, looks, sized, [*handles, *end], direction=None)
    return axes


def _regions(axes: Axes, x: Array, rows: tuple[Array, Array, Array], style: Style) -> list[Artist]:
    """Shade where more than one state is stable, below and above the first-order line."""
    low, middle, high = rows
    return [
        axes.fill_between(x, a, b, facecolor=colour, lw=0, label=LABELS[name])
        for a, b, colour, name in (
            (low, middle, style.easy_metastable, "easy_metastable"), (middle, high, style.hard, "hard"),
        )
    ]  # fmt: skip


def _lines(axes: Axes, x: Array, rows: tuple[Array, Array, Array], style: Style) -> list[Artist]:
    """Draw both spinodals and the first-order line."""
    drawn: list[Artist] = []
    for name, row in zip(STYLES, rows, strict=True):
        dashes, _, label = STYLES[name]
        drawn += axes.plot(x, row, dashes, color=getattr(style, name), lw=style.line_width, label=label)
    return drawn


def _magnified(axes: Axes, x: Array, rows: tuple[Array, Array, Array], style: Style) -> None:
    """Draw the surface once more, as distances from the first-order line, next to which its width is seldom seen."""
    inset = axes.inset_axes(INSET, facecolor=style.easy)
    away = (rows[0] - rows[1], 0 * x, rows[2] - rows[1])
    _regions(inset, x, away, style)
    _lines(inset, x, away, style)
    inset.set_xlim(0, 1.15 * x[-1])
    size = NOTES * float(style.font or 10)
    inset.set_title("from the first-order line", fontsize=size, color=style.text)
    inset.tick_params(labelsize=size, colors=style.text)
    inset.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    inset.yaxis.get_offset_text().set(fontsize=size, color=style.text)
    for side in inset.spines.values():
        side.set_color(style.text)


def _safe_path(axes: Axes, end: float, style: Style) -> Artist:
    """Draw a path that raises the first strength beyond the end of the surface, then the second."""
    turn, top = TURN * end, axes.get_ylim()[1]
    line = axes.plot([0, turn, turn], [0, 0, HEAD * top], color=style.stable, lw=2 * (style.line_width or 1.6),
                     label="safe path", zorder=5, clip_on=False, solid_joinstyle="miter")  # fmt: skip
    head = {"arrowstyle": "-|>", "color": style.stable, "lw": line[0].get_linewidth(), "mutation_scale": 18}
    axes.annotate("", (turn, top), (turn, (2 * HEAD - 1) * top), zorder=5, arrowprops=head)
    return line[0]
