"""The band in which glassy states begin to trap local moves, on pictures of diagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.dynamics.threshold_states import threshold_states
from amp_theory.phases.diagram.diagram import Diagram, as_diagram
from amp_theory.phases.diagram.drawing import plot_diagram
from amp_theory.phases.diagram.styles import as_axes
from amp_theory.phases.diagram.views import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: what is written beside the band
BAND = "Monte Carlo: aging line, spread over glassy states (heuristic)"


def plot_glassy(diagram: Diagram, ax: Axes | None = None, axis: str = "strength", **options: Any) -> Axes:
    """Draw a phase diagram, and shade where glassy states begin to trap local moves at zero strength: a heuristic.

    The shade is the band of `threshold_states`, the spread of the aging line over the choice of glassy state; where
    that line does not exist, or its band is not in the picture, nothing is shaded.

    Parameters
    ----------
    diagram, ax, axis, **options
        As for `plot_diagram`.

    Returns
    -------
    matplotlib.axes.Axes
        Where the picture is.

    Raises
    ------
    InputError
        As for `plot_diagram` and `threshold_states`.

    Examples
    --------
    >>> import amp_theory as at
    >>> diagram = at.phase_diagram(at.SpikedMatrixTensor(3, 0.5), at.Flow(), (0.7, 1.3), points=5)
    >>> [patch.get_label() for patch in at.plot_glassy(diagram).patches]
    ['Monte Carlo: aging line, spread over glassy states (heuristic)']
    """
    known = as_diagram(diagram)
    band = threshold_states(known.model).band
    axes = plot_diagram(known, as_axes(ax, options.pop("axes", None)), axis, **options)
    lo, hi = known.control_range
    if band is None or band[1] <= lo or band[0] >= hi:
        return axes
    view = View(known.model, known.path, axis, options.get("scaling"))
    left, right = np.sort(view.control(np.clip(band, lo, hi))).tolist()
    colour, size = axes.xaxis.label.get_color(), 0.8 * axes.xaxis.label.get_fontproperties().get_size_in_points()
    axes.axvspan(left, right, facecolor=colour, alpha=0.25, lw=0, zorder=3, label=BAND)
    axes.text(
        0.5 * (left + right), 0.97, BAND.replace(", ", ",\n"), transform=axes.get_xaxis_transform(), rotation=90,
        ha="center", va="top", color=colour, size=size, clip_on=True, zorder=4,
    )  # fmt: skip
    return axes
