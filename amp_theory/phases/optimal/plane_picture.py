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
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

#: how far beyond the end of the surface the path turns, how far the axes reach, and where the arrow's head is
TURN, REACH, HEAD = 1.2, 2.4, 0.93
#: where the surface is shown again, measured from its first-order line, in parts of the axes
INSET = (0.62, 0.57, 0.34, 0.28)


def plot_plane(
    paths: tuple[Path, Path], lines: Sequence[Array], heading: str, *, ax: Axes | None, title: str | bool | None,
    style: str | Mapping[str, Any] | None,
) -> Axes:  # fmt: skip
    """Draw the surface: of each line, rows of levels, informed spinodal, first-order line and uninformed spinodal.

    Its end is the last point of the first; `paths` are in the order in which they are raised.
    """
    known = [line[:, np.isfinite(line[1]) & np.isfinite(line[3])] for line in lines]
    if min(line.shape[1] for line in known) < 2 or not all(np.all(np.isfinite(line)) for line in known):
        raise InputError(
            "there is no first-order surface to draw: a state coexists with others, and none is in balance"
        )
    given = as_axes(ax)
    looks = look(True, title, False, style, given)
    axes = canvas(given, style)
    sized = paint(axes, looks)
    end = known[0][:2, -1]
    axes.set_xlim(0, REACH * end[0])
    axes.set_ylim(0, 1.15 * max(float(line[3].max()) for line in known))
    axes.set_facecolor(sized.easy)
    handles = [*_regions(axes, known, sized), *_lines(axes, known, sized)]
    if len(known) == 1:
        _magnified(axes, known[0], sized)
    handles.append(_safe_path(axes, float(end[0]), sized))
    point = axes.plot(*end[:, None], "o", ms=sized.mark_size, mfc=sized.background, mec=sized.text, ls="none",
                      label="critical point", zorder=6)  # fmt: skip
    axes.set_xlabel(strength_label(paths[0], "strength"))
    axes.set_ylabel(strength_label(paths[1], "strength"))
    set_title(axes, looks, heading)
    arrange(axes, looks, sized, [*handles, *point], direction=None)
    return axes


def _regions(axes: Axes, lines: Sequence[Array], style: Style) -> list[Artist]:
    """Shade where more than one state is stable, below and above each first-order line; return one of each kind."""
    drawn: list[Artist] = []
    for k, colour, name in ((1, style.easy_metastable, "easy_metastable"), (2, style.hard, "hard")):
        same = [axes.fill_between(line[0], line[k], line[k + 1], facecolor=colour, lw=0, label=LABELS[name])
                for line in lines]  # fmt: skip
        drawn += same[:1]
    return drawn


def _lines(axes: Axes, lines: Sequence[Array], style: Style) -> list[Artist]:
    """Draw the spinodals and first-order lines; return one of each kind."""
    drawn: list[Artist] = []
    for k, name in enumerate(STYLES, start=1):
        dashes, _, label = STYLES[name]
        same = [axes.plot(line[0], line[k], dashes, color=getattr(style, name), lw=style.line_width, label=label)
                for line in lines]  # fmt: skip
        drawn += same[0]
    return drawn


def _magnified(axes: Axes, line: Array, style: Style) -> None:
    """Draw the surface once more, as distances from the first-order line, next to which its width is seldom seen."""
    inset = axes.inset_axes(INSET, facecolor=style.easy)
    away = np.array([line[0], *(line[1:] - line[2])])
    _regions(inset, [away], style)
    _lines(inset, [away], style)
    inset.set_xlim(0, 1.15 * away[0, -1])
    size = NOTES * float(style.font or 10)
    inset.set_xlabel("from the first-order line", fontsize=size, color=style.text, labelpad=1)
    inset.locator_params(nbins=3)
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
