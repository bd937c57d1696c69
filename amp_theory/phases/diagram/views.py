"""What the axes of pictures show: controls and strengths in their scalings, as time or as information."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTROL_LABELS = {
    "noise_over_rho2": r"noise $\Delta/\rho^2$",
    "beta": r"inverse temperature $\beta$",
    "lambda": r"signal strength $1/\Delta$",
    "sqrt_lambda": r"signal strength $1/\sqrt{\Delta}$",
    "noise": r"noise $\Delta$",
}
AXES = ("strength", "time", "information")
#: where zero strength is infinitely far: the strength at which the axis breaks, as a part of the largest, and the part
#: of the axis beyond the break
LOWEST, BEYOND = 0.02, 0.08


def control_label(model: Model, scaling: str | None = None) -> str:
    """Return the axis label of a model's control, in one of its scalings."""
    if scaling is None or scaling == model.control:
        return f"{model.control.replace('_', ' ')} ${model.control_symbol}$"
    return CONTROL_LABELS.get(scaling, scaling.replace("_", " "))


def strength_label(path: Path, axis: str) -> str:
    """Return the axis label of a path's strength, time or information."""
    if axis == "time":
        return f"time ${path.schedule.symbol}$ ({path.schedule.name})"
    if axis == "information":
        return "information (nats per variable)"
    return f"{path.strength} ${path.strength_symbol}$"


class View:
    """Turns controls and strengths into what the axes show; refuses axes that do not exist."""

    def __init__(self, model: Model, path: Path, axis: str, scaling: str | None) -> None:
        one_of("axis", axis, AXES)
        check_pair(model, path)
        self.model, self.path, self.axis, self.scaling = model, path, axis, scaling
        self.bottom = self.edge = self.infinity = 0.0
        if scaling is not None:
            one_of("scaling", scaling, model.scalings())
        if axis == "information" and not np.isfinite(path.information(model.variable_prior, np.array(0.5))):
            raise InputError("a revealed continuous variable tells infinitely much: there is no information axis")

    def control(self, control: Array | float) -> Any:
        """Return what the horizontal axis shows for a control."""
        if self.scaling is None:
            return control
        return self.model.convert(control, self.model.control, self.scaling)

    def strength(self, strength: Array | float) -> Any:
        """Return what the axis of the strength shows; it is infinite where no break was made for that."""
        shown = self._unbroken(strength)
        if not self.bottom:
            return shown
        edge, past = self.edge, self.infinity - self.edge
        with np.errstate(invalid="ignore"):
            beyond = edge + past * (1 - np.asarray(strength, dtype=float) / self.bottom)
        return np.where(np.asarray(strength) < self.bottom, beyond, shown)

    def _unbroken(self, strength: Array | float) -> Any:
        if self.axis == "time":
            return self.path.schedule.time(strength)
        if self.axis == "information":
            return self.path.information(self.model.variable_prior, strength)
        return strength

    def break_for_infinity(self, top: float) -> None:
        """Where zero strength is infinitely far, give it a place at the axis's end, beyond a break.

        Past the break the axis is even in strength.
        """
        self.bottom = 0.0 if np.isfinite(self._unbroken(0.0)) else LOWEST * top
        if self.bottom:
            self.edge, far = float(self._unbroken(self.bottom)), float(self._unbroken(top))
            self.infinity = self.edge + BEYOND * (self.edge - far)

    @property
    def sense(self) -> int:
        """1 where what is shown grows along the sampler's path, else -1: time may run downwards."""
        early, late = self._unbroken(np.array([0.25, 0.5]) * min(self.path.limit, 1.0))
        return 1 if late > early else -1

    def mark_infinity(self, axes: Axes, which: str, colour: str) -> None:
        """Write the tick of infinity, and a break mark before it, on the axis "x" or "y"."""
        if not self.bottom:
            return
        axis = axes.xaxis if which == "x" else axes.yaxis
        low, high = np.sort(axis.get_view_interval()).tolist()
        inner = [t for t in axis.get_major_locator().tick_values(low, self.edge) if low <= t <= self.edge]
        inner = [t for t in inner if self.infinity - t > 2 * BEYOND * (high - low) / 3]
        axis.set_ticks([*inner, self.infinity], [*axis.get_major_formatter().format_ticks(inner), r"$\infty$"])
        place = ([self.edge], [0.0]) if which == "x" else ([0.0], [self.edge])
        transform = axes.get_xaxis_transform() if which == "x" else axes.get_yaxis_transform()
        slash = [(-0.5, -1.0), (0.5, 1.0)] if which == "x" else [(-1.0, -0.5), (1.0, 0.5)]
        for shift in (-0.25, 0.25):
            moved = [[v + (shift * (self.infinity - self.edge) if v else 0) for v in values] for values in place]
            axes.plot(
                *moved, marker=slash, ms=7, mec=colour, mew=1, ls="", clip_on=False, transform=transform, zorder=8
            )
