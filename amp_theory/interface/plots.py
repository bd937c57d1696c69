"""Pictures of several diagrams, of free entropies and of overlaps along a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.phases.diagram.curves import equation_of_state, free_entropy_curve
from amp_theory.phases.geometry.solved import check
from amp_theory.phases.points.fixed_points import fixed_points
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float, as_list

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from amp_theory.phases.diagram.diagram import Diagram
from amp_theory.phases.diagram.diagram import as_diagram
from amp_theory.phases.diagram.drawing import (
    BLUE,
    COLUMNS,
    GREEN,
    NO_ANSWER,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    STYLES,
    View,
    _axes,
    _gray_out,
    _interpolate,
    control_label,
    edges,
    strength_label,
    target_title,
    undescribed,
)


def _finite(values: Any) -> Array:
    """Return values an axis can show: no infinite time (that of no side information)."""
    array = np.asarray(values, dtype=float)
    return np.where(np.isfinite(array), array, np.nan)


def plot_paths(diagrams: Sequence[Diagram], axes: Axes | None = None) -> Axes:
    """Draw the lines of several paths of one model in common units: the information they reveal.

    The vertical axis is what the side information tells about one variable on its own, in nats; the hard
    region of each path is shaded in its own colour.  Where the equations do not describe the target is gray.
    """
    diagrams = [as_diagram(d) for d in as_list("diagrams", diagrams, "diagrams")]
    if not diagrams:
        raise InputError("plot_paths needs at least one diagram")
    if len({d.model for d in diagrams}) > 1:
        raise InputError("plot_paths needs diagrams of one and the same model")
    if len({d.target for d in diagrams}) > 1:
        raise InputError("plot_paths needs diagrams of one and the same target: give all of them target=")
    axes = _axes(axes)
    for diagram, colour in zip(diagrams, (BLUE, RED, GREEN, PURPLE, ORANGE, SKY), strict=False):
        view = View(diagram.model, diagram.path, "information", None)
        for name, line in diagram.lines.items():
            style = STYLES[name][0]
            for number in np.unique(line.segment):
                part = line.segment == number
                label = f"{diagram.path.name}, {STYLES[name][2]}" if number == 0 else None
                axes.plot(line.control[part], view.strength(line.strength[part]), style, color=colour, label=label)
        c = np.linspace(*diagram.control_range, COLUMNS)
        _, first, uninformed = edges(diagram, c, min(diagram.path.limit, 1e6) * (1 - 1e-9))
        hard = ~np.isnan(_interpolate(diagram, "uninformed_spinodal", c))
        axes.fill_between(
            c, view.strength(first), view.strength(uninformed), where=list(hard), color=colour, alpha=0.15
        )
        point = diagram.thresholds.tricritical
        if point is not None and point.strength is not None:
            axes.plot(point.control, view.strength(point.strength), "*", ms=12, mfc="white", mec=colour, zorder=5)
    for diagram in diagrams:
        if undescribed(diagram) is not None:
            _gray_out(axes, diagram, View(diagram.model, diagram.path, "information", None), NO_ANSWER)
            break
    axes.set_ylim(bottom=0)
    axes.set_xlabel(control_label(diagrams[0].model))
    axes.set_ylabel(strength_label(diagrams[0].path, "information"))
    axes.legend(fontsize=7, title=target_title(diagrams[0]), title_fontsize=7, framealpha=0.92)
    return axes


def plot_free_entropy(
    model: Model, path: Path, control: float, strengths: Sequence[float], axes: Axes | None = None
) -> Axes:
    """Draw the free entropy against the overlap at several strengths, with its fixed points.

    Filled markers are stable, open ones unstable; curves are shifted to zero at their uninformed fixed
    point.
    """
    levels = [as_float("every one of strengths", s) for s in as_list("strengths", strengths)]
    if not levels:
        raise InputError("plot_free_entropy needs at least one strength")
    check(model, path)
    control = float(model.check_control(as_float(model.control, control)))
    path.check_strength(levels)
    axes = _axes(axes)
    for strength, colour in zip(levels, _shades(len(levels)), strict=True):
        overlap, phi = free_entropy_curve(model, path, control, strength)
        points = fixed_points(model, path, control, strength)
        base = points.uninformed.free_entropy
        axes.plot(overlap, phi - base, color=colour, label=f"${path.strength_symbol} = {strength:.4g}$")
        for p in points:
            face = colour if p.stable else "white"
            axes.plot(p.overlap, p.free_entropy - base, "o", ms=6, mfc=face, mec=colour, zorder=5)
    axes.set_xlabel("overlap $q$")
    axes.set_ylabel(r"free entropy $\varphi$, from the uninformed branch")
    axes.set_title(f"{model.control} ${model.control_symbol} = {control:.6g}$", fontsize=9)
    axes.legend(fontsize=8)
    return axes


def _shades(count: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(0.0, 0.85, max(count, 1))]


def plot_overlap(model: Model, path: Path, control: float, axes: Axes | None = None, axis: str = "strength") -> Axes:
    """Draw the overlap of the fixed points along the path: stable branches solid, unstable ones dashed."""
    view = View(model, path, axis, None)
    curve = equation_of_state(model, path, control)
    axes = _axes(axes)
    # where a piece ends at zero strength and another begins there, nothing lies between them
    gaps = np.flatnonzero((curve.strength[1:] == 0) & (curve.strength[:-1] == 0)) + 1
    columns = (_finite(view.strength(curve.strength)), curve.overlap, curve.mmse, curve.stable.astype(float))
    x, q, mmse, kind = (np.insert(column, gaps, np.nan) for column in columns)
    for stable, style, label in ((True, "-", "stable"), (False, "--", "unstable")):
        mask = kind == stable
        # masking keeps pieces apart; one neighbour more closes the gap at a fold
        wide = mask | np.concatenate([mask[1:], [False]]) | np.concatenate([[False], mask[:-1]])
        shown = mask if stable else wide & (mmse > 0)  # q = rho is no continuation
        if mask.any():
            axes.plot(x, np.where(shown, q, np.nan), style, color=BLUE if stable else RED, lw=1.8, label=label)
    for overlap, strength in curve.folds:
        axes.plot(view.strength(strength), overlap, "o", ms=5, mfc="white", mec="black", zorder=5)
    axes.set_ylim(0, 1.02 * model.variable_prior.second_moment)
    axes.set_xlabel(strength_label(path, axis))
    axes.set_ylabel("overlap $q$")
    axes.set_title(f"{model.control} ${model.control_symbol} = {curve.control:.6g}$", fontsize=9)
    axes.legend(fontsize=8)
    return axes
