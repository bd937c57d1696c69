"""The picture of a judged denoiser: its two overlaps along the path, over the equation of state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.phases.diagram.curves import equation_of_state
from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.styles import as_axes, canvas, look, paint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: the part of the largest overlap up to which strengths are shown
SHOWN = 0.9


def plot_judgement(
    found: Any, ax: Axes | None, *, legend: bool | str, title: str | bool | None,
    style: str | Mapping[str, Any] | None,
) -> Axes:  # fmt: skip
    """Draw a `DenoiserJudgement`; options are of `DenoiserJudgement.plot`."""
    given = as_axes(ax)
    looks = look(legend, title, False, style, given)
    axes = canvas(given, style)
    sized = paint(axes, looks)
    reached = found.strength[found.equilibrium > SHOWN * found.equilibrium.max()]
    end = float(reached.min()) if len(reached) else float(found.strength.max())
    curve = equation_of_state(found.model, found.path, found.control, max_strength=end)
    width, size = sized.line_width or 1.6, 0.6 * (sized.mark_size or 7)
    stable = np.where(curve.stable, curve.overlap, np.nan)
    rest = np.where(curve.stable, np.nan, curve.overlap)
    handles: list[Any] = axes.plot(curve.strength, stable, color=sized.text, lw=width, label="equation of state")
    axes.plot(curve.strength, rest, color=sized.text, lw=width, ls=":")
    marks = (
        ("overlap with the truth, m", found.planted_overlap, found.planted_overlap_error, "o"),
        ("overlap with itself, r", found.self_overlap, found.self_overlap_error, "s"),
    )
    for k, (label, value, error, mark) in enumerate(marks):
        colour = sized.series[k]
        handles.append(axes.errorbar(found.strength, value, np.nan_to_num(error), fmt=mark, ms=size, color=colour,
                                     mfc="none" if k else colour, label=label))  # fmt: skip
    axes.set_xlim(0, end)
    axes.set_xlabel(found.path.strength)
    axes.set_ylabel("overlap")
    set_title(axes, looks, found.title)
    arrange(axes, looks, sized, handles, direction=None)
    return axes
