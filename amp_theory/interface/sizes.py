"""From which size on failures are seen, as marks on pictures of diagrams."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from amp_theory.phases.accuracy.error_curve import error_curve
from amp_theory.phases.accuracy.sampling_error import sampling_error
from amp_theory.phases.diagram.diagram import Diagram, as_diagram
from amp_theory.phases.diagram.drawing import plot_diagram
from amp_theory.phases.diagram.styles import as_axes
from amp_theory.phases.diagram.views import View
from amp_theory.phases.geometry.solved import geometry_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: powers of ten that are marked, controls between which they are looked for, and marks too close to be read
POWERS, POINTS, CLOSE = range(1, 7), 101, 0.07


def controls_of_sizes(diagram: Diagram) -> list[tuple[float, int]]:
    """Return the controls of a diagram at which its sampler's failure is seen from a power of ten of variables on.

    Parameters
    ----------
    diagram
        What `phase_diagram` returns.

    Returns
    -------
    list of (float, int)
        Controls, to 1e-6 of the range, and the powers of ten; discrete controls: the first from which it is seen.

    Raises
    ------
    InputError
        For what is no diagram, or a model for which errors of samplers are not derived.

    Examples
    --------
    >>> import amp_theory as at
    >>> found = at.controls_of_sizes(at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=20))
    >>> [(round(control, 6), power) for control, power in found]
    [(0.694929, 2), (0.726414, 3), (0.736416, 4), (0.739557, 5), (0.740543, 6)]
    """
    known = as_diagram(diagram)
    model, path, target = known.model, known.path, known.target
    curve = error_curve(model, path, known.control_range, POINTS, target)
    geo = geometry_of(model, path)
    width = known.control_range[1] - known.control_range[0]

    def lacking(control: float, nats: float) -> float:
        found = sampling_error(model, path, control, target=target).nats_per_variable
        return (0.0 if found is None else found) - nats

    marks: list[tuple[float, int]] = []
    for (a, here), (b, there) in pairwise(zip(curve.control.tolist(), curve.nats_per_variable.tolist(), strict=True)):
        for power in POWERS:
            nats = 10.0**-power
            if not (here - nats) * (there - nats) < 0:
                continue
            between = len(geo.controls((a, b), 3)) > 2
            seen = a if here > there else b
            marks.append((float(brentq(lacking, a, b, (nats,), xtol=1e-6 * width)) if between else seen, power))
    return sorted(marks)


def plot_sizes(diagram: Diagram, ax: Axes | None = None, axis: str = "strength", **options: Any) -> Axes:
    """Draw a phase diagram, and mark along its top from which size on the sampler's failure is seen.

    Parameters
    ----------
    diagram, ax, axis, **options
        As for `plot_diagram`.

    Returns
    -------
    matplotlib.axes.Axes
        Where the picture is; where no failure is seen from 10 to a million variables on, without marks; where
        marks are close, not all have numbers.

    Raises
    ------
    InputError
        As for `plot_diagram` and `controls_of_sizes`.

    Examples
    --------
    >>> import amp_theory as at
    >>> at.plot_sizes(at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=20)).get_xlabel()
    'temperature $T$'
    """
    marks = controls_of_sizes(diagram)
    given = as_axes(ax, options.pop("axes", None))
    axes = plot_diagram(diagram, given, axis, **options)
    view = View(diagram.model, diagram.path, axis, options.get("scaling"))
    left, right = axes.get_xlim()
    shown: list[tuple[float, str]] = []
    for control, power in marks:
        place = float(view.control(np.array(control)))
        crowded = any(abs(place - other) < CLOSE * abs(right - left) for other, _ in shown)
        shown.append((place, "" if crowded else f"$10^{power}$"))
    if shown:
        top = axes.secondary_xaxis("top")
        colour, font = axes.xaxis.label.get_color(), 0.8 * axes.xaxis.label.get_fontproperties().get_size_in_points()
        top.set_xticks([place for place, _ in shown], [label for _, label in shown])
        top.tick_params(colors=colour, labelsize=font, length=3)
        top.set_xlabel("failure seen from so many variables on", size=font, color=colour)
    return axes
