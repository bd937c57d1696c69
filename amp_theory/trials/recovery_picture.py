"""The picture of recovered fractions against the control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.styles import NARROW, as_axes, canvas, look, paint, panel_width
from amp_theory.tools.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS = "osD^v"
#: spaces between numbers of the control at most, in a narrow and in a wide panel
TICKS = (5, 7)


def plot_recovery(
    found: Any, ax: Axes | None, band: Array | None, *, legend: bool | str, title: str | bool | None,
    style: str | Mapping[str, Any] | None,
) -> Axes:  # fmt: skip
    """Draw a `HeatBathRecovery`; options are of `HeatBathRecovery.plot`."""
    given = as_axes(ax)
    looks = look(legend, title, False, style, given)
    axes = canvas(given, style)
    sized = paint(axes, looks)
    handles: list[Any] = []
    if band is not None:
        shade = axes.axvspan(*band, color=sized.text, alpha=0.15, lw=0, label="aging line, spread over glassy states")
        handles.append(shade)
    low, high = found.interval
    order = np.argsort(found.controls)
    for k, size in enumerate(found.sizes):
        value = found.fraction[order, k]
        bars = np.maximum(0.0, [value - low[order, k], high[order, k] - value])
        handles.append(axes.errorbar(
            found.controls[order], value, bars, color=sized.series[k % len(sized.series)], marker=MARKS[k % len(MARKS)],
            ms=0.6 * (sized.mark_size or 7), lw=sized.line_width or 1.6, capsize=2, label=f"size {size:,}",
        ))  # fmt: skip
    axes.set_ylim(-0.03, 1.03)
    axes.locator_params(axis="x", nbins=TICKS[panel_width(axes) >= NARROW])
    axes.set_xlabel(found.model.control)
    axes.set_ylabel(f"recovered within\n{found.sweeps:,} sweeps")
    set_title(axes, looks, repr(found.model))
    arrange(axes, looks, sized, handles, direction=None)
    return axes
