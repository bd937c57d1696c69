"""Pictures of several diagrams, of free entropies and of overlaps along a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control
from amp_theory.phases.diagram.curves import Isotherm, equation_of_state, free_entropy_curve
from amp_theory.phases.diagram.diagram import Diagram, as_diagram
from amp_theory.phases.diagram.drawing import (
    COLUMNS,
    edges,
    gray_out,
    interpolate,
    set_title,
    target_title,
    undescribed,
)
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.places import Along, Around, Name
from amp_theory.phases.diagram.styles import NO_ANSWER, NOWHERE_EDGE, SHADES, STYLES, as_axes, canvas, look, paint
from amp_theory.phases.diagram.views import View, control_label, strength_label
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.phases.points.fixed_points import fixed_points
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float, as_list
from amp_theory.tools.results import titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from amp_theory.phases.diagram.styles import Look, Style

#: curves have so many points that no corner is further than this from the curve, in pixels; at most the second number
CORNER, MOST_CORNERS = 0.25, 25_600
#: what the folds of an isotherm are, by whether a branch appears there as the strength grows
FOLDS = ("uninformed spinodal", "informed spinodal")


def plot_paths(
    diagrams: Sequence[Diagram],
    ax: Axes | None = None,
    *,
    legend: bool | str = True,
    title: str | bool | None = None,
    annotate: bool = False,
    style: str | Mapping[str, Any] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw the lines of several paths of one model in common units: the information they reveal.

    The vertical axis is what the side information tells about one variable on its own, in nats; the hard
    region of each path is shaded in its own colour.  Where the equations do not describe the target is grey.

    Parameters
    ----------
    diagrams
        Diagrams of one model and one target, one per path.
    ax, axes
        Where to draw; a new figure by default.
    legend, title, annotate, style
        As for `plot_diagram`; names are those of paths, beside their first-order lines.

    Returns
    -------
    matplotlib.axes.Axes
        Where the picture is.

    Raises
    ------
    InputError
        For no diagrams, diagrams of several models or targets, or an option that does not exist.

    Examples
    --------
    >>> import amp_theory as at
    >>> paths = [at.phase_diagram(at.IsingPSpin(3), p, points=20) for p in (at.Flow(), at.Autoregressive())]
    >>> at.plot_paths(paths).get_ylabel()
    'information (nats per variable)'
    """
    given = as_axes(ax, axes)
    looks = look(legend, title, annotate, style, given)
    diagrams = [as_diagram(d) for d in as_list("diagrams", diagrams, "diagrams")]
    if not diagrams:
        raise InputError("plot_paths needs at least one diagram")
    if len({d.model for d in diagrams}) > 1:
        raise InputError("plot_paths needs diagrams of one and the same model")
    if len({d.target for d in diagrams}) > 1:
        raise InputError("plot_paths needs diagrams of one and the same target: give all of them target=")
    views = [View(d.model, d.path, "information", None) for d in diagrams]
    axes = canvas(given, style)
    _draw_paths(axes, looks, diagrams, views)
    return axes


def _draw_paths(axes: Axes, looks: Look, diagrams: list[Diagram], views: list[View]) -> None:
    """Draw the paths, and find room for their names and the legend."""
    style = paint(axes, looks)
    kinds, names = set(), []
    for k, (diagram, view) in enumerate(zip(diagrams, views, strict=True)):
        drawn, named = _draw_path(axes, diagram, view, style, style.series[k % len(style.series)])
        kinds |= set(drawn)
        names += named
    handles = [_sample(style, style.text, STYLES[kind][0], STYLES[kind][2]) for kind in STYLES if kind in kinds]
    first = diagrams[0]
    for diagram, view in zip(diagrams, views, strict=True):
        if undescribed(diagram) is not None:
            from matplotlib.patches import Patch

            gray_out(axes, diagram, view, style, NO_ANSWER)
            handles.append(Patch(facecolor=style.no_answer, edgecolor=NOWHERE_EDGE, lw=0.5, label=NO_ANSWER))
            break
    axes.set_ylim(bottom=0)
    axes.set_xlabel(control_label(first.model))
    axes.set_ylabel(strength_label(first.path, "information"))
    set_title(axes, looks, f"{titled(first.model.name, first.model.parameters)}, {target_title(first)}")
    arrange(axes, looks, style, handles, names, None if looks.title is True else target_title(first), ("y", 1))


def _draw_path(axes: Axes, diagram: Diagram, view: View, style: Style, colour: str) -> tuple[list[str], list[Name]]:
    """Draw the lines, the hard region and the tricritical point of one path; return which lines, and its name."""
    kinds: list[str] = []
    names: list[Name] = []
    for name, line in diagram.lines.items():
        for number in np.unique(line.segment):
            part = line.segment == number
            x, y = line.control[part], np.asarray(view.strength(line.strength[part]))
            label = f"{diagram.path.name}, {STYLES[name][2]}"
            axes.plot(x, y, STYLES[name][0], color=colour, lw=style.line_width, label=label)
            if name not in kinds:
                kinds.append(name)
                if name == "first_order" or (not names and name == "uninformed_spinodal"):
                    names.append(
                        Name(diagram.path.name, _sample(style, colour, "-", diagram.path.name), Along(axes, x, y))
                    )
    c = np.linspace(*diagram.control_range, COLUMNS)
    _, first, uninformed = edges(diagram, c, min(diagram.path.limit, 1e6) * (1 - 1e-9))
    hard = ~np.isnan(interpolate(diagram, "uninformed_spinodal", c))
    axes.fill_between(c, view.strength(first), view.strength(uninformed), where=list(hard), color=colour, alpha=0.15)
    point = diagram.thresholds.tricritical
    if point is not None and point.strength is not None:
        size = 1.7 * (style.mark_size or 7)
        at = (point.control, float(view.strength(point.strength)))
        axes.plot(*at, "*", ms=size, mfc=style.background, mec=colour, zorder=5)
    return kinds, names


def _sample(style: Style, colour: str, dashes: str, label: str) -> Any:
    """Return a line that stands in a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, ls=dashes, lw=style.line_width, label=label)


def plot_free_entropy(
    model: Model,
    path: Path,
    control: float | None = None,
    strengths: Sequence[float] = (),
    ax: Axes | None = None,
    *,
    legend: bool | str = True,
    title: str | bool | None = None,
    annotate: bool = False,
    style: str | Mapping[str, Any] | None = None,
    axes: Axes | None = None,
    **named: float,
) -> Axes:
    """Draw the free entropy against the overlap at several strengths, with its fixed points.

    Filled markers are stable, open ones unstable; curves are shifted to zero at their uninformed fixed
    point.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control, **named
        The model's control, > 0, also under its own name, as temperature=0.7.
    strengths
        At least one strength of the path.
    ax, axes
        Where to draw; a new figure by default.
    legend, title, annotate, style
        As for `plot_diagram`; names are those of the curves.  The control stands above the legend, or with
        title=True in the title.

    Returns
    -------
    matplotlib.axes.Axes
        Where the picture is.

    Raises
    ------
    InputError
        For a bad control or strength, or an option that does not exist.

    Examples
    --------
    >>> import amp_theory as at
    >>> at.plot_free_entropy(at.IsingPSpin(3), at.Flow(), 0.7, [0.0, 0.1]).get_xlabel()
    'overlap $q$'
    """
    given = as_axes(ax, axes)
    looks = look(legend, title, annotate, style, given)
    levels = [as_float("every one of strengths", s) for s in as_list("strengths", strengths)]
    if not levels:
        raise InputError("plot_free_entropy needs at least one strength")
    check_pair(model, path)
    value = float(model.check_control(as_float(model.control, at_control(model, control, named))))
    path.check_strength(levels)
    axes = canvas(given, style)
    _draw_free_entropies(axes, looks, model, path, value, levels)
    return axes


def _draw_free_entropies(
    axes: Axes, looks: Look, model: Model, path: Path, control: float, levels: list[float]
) -> None:
    """Draw a curve per strength with its fixed points, and find room for names and legend."""
    style = paint(axes, looks)
    names = []
    for strength, colour in zip(levels, _shades(len(levels), looks.dark), strict=True):
        overlap, phi = free_entropy_curve(model, path, control, strength)
        points = fixed_points(model, path, control, strength)
        base = points.uninformed.free_entropy
        label = f"${path.strength_symbol} = {strength:.4g}$"
        (line,) = axes.plot(overlap, phi - base, color=colour, lw=style.line_width, label=label)
        names.append(Name(label, line, Along(axes, overlap, phi - base)))
        for p in points:
            face = colour if p.stable else style.background
            axes.plot(
                p.overlap, p.free_entropy - base, "o", ms=0.8 * (style.mark_size or 7), mfc=face, mec=colour, zorder=5
            )
    axes.set_xlabel("overlap $q$")
    axes.set_ylabel(r"free entropy $\varphi - \varphi_\mathrm{uninformed}$ (nats per variable)")
    set_title(axes, looks, f"{titled(model.name, model.parameters, path.name)}, {model.control} = {control:.6g}")
    arrange(axes, looks, style, [], names, _control_heading(looks, model, control), None)


def _control_heading(looks: Look, model: Model, control: float) -> str | None:
    """Return the control, which stands above the legend if not in the title."""
    return None if looks.title is True else f"{control_label(model)} = {control:.6g}"


def _shades(count: int, dark: bool) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(*SHADES[dark], max(count, 1))]


def plot_overlap(
    model: Model,
    path: Path,
    control: float | None = None,
    ax: Axes | None = None,
    axis: str = "strength",
    *,
    legend: bool | str = True,
    title: str | bool | None = None,
    annotate: bool = False,
    style: str | Mapping[str, Any] | None = None,
    axes: Axes | None = None,
    **named: float,
) -> Axes:
    """Draw the overlap of the fixed points along the path: stable branches solid, unstable ones dashed.

    Circles are the folds, where branches appear or end.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control, **named
        The model's control, > 0, also under its own name, as temperature=0.7.
    ax, axes
        Where to draw; a new figure by default.
    axis
        What the horizontal axis shows: "strength", "time" or "information".
    legend, title, annotate, style
        As for `plot_diagram`; names are those of the branches and of the folds.  The control stands above the
        legend, or with title=True in the title.

    Returns
    -------
    matplotlib.axes.Axes
        Where the picture is.

    Raises
    ------
    InputError
        For a bad control, or an option that does not exist.

    Examples
    --------
    >>> import amp_theory as at
    >>> at.plot_overlap(at.IsingPSpin(3), at.Flow(), 0.7, annotate=True).get_ylabel()
    'overlap $q$'
    """
    given = as_axes(ax, axes)
    looks = look(legend, title, annotate, style, given)
    view = View(model, path, axis, None)
    curve = equation_of_state(model, path, at_control(model, control, named))
    view.break_for_infinity(float(curve.strength.max(initial=0.0)) or 1.0)
    axes = canvas(given, style)
    _draw_isotherm(axes, looks, model, curve, view)
    return axes


def _draw_isotherm(axes: Axes, looks: Look, model: Model, curve: Isotherm, view: View) -> None:
    """Draw an isotherm with enough points, and find room for names and legend."""
    path, control = view.path, curve.control
    style = paint(axes, looks)
    height = 1.02 * model.largest_overlap
    axes.set_ylim(0, height)
    points = 400
    while points < MOST_CORNERS and _corner(axes, _columns(curve, view), height) > CORNER:
        points *= 2
        curve = equation_of_state(model, path, control, points=points)
    names = _draw_branches(axes, curve, view, style)
    names += _mark_folds(axes, curve, view, style)
    axes.set_xlabel(strength_label(path, view.axis))
    axes.set_ylabel("overlap $q$")
    view.mark_infinity(axes, "x", style.text)
    set_title(axes, looks, f"{titled(model.name, model.parameters, path.name)}, {model.control} = {curve.control:.6g}")
    heading = _control_heading(looks, model, curve.control)
    arrange(axes, looks, style, [], names, heading, ("x", view.sense))


def _columns(curve: Isotherm, view: View) -> list[Array]:
    """Return what is drawn of an isotherm: place, overlap, mmse and stability, with NaN between its pieces."""
    # where a piece ends at zero strength and another begins there, nothing lies between them
    gaps = np.flatnonzero((curve.strength[1:] == 0) & (curve.strength[:-1] == 0)) + 1
    columns = (np.asarray(view.strength(curve.strength)), curve.overlap, curve.mmse, curve.stable.astype(float))
    return [np.insert(np.asarray(column, dtype=float), gaps, np.nan) for column in columns]


def _corner(axes: Axes, columns: list[Array], height: float) -> float:
    """Return how far, in pixels, the corners of a broken line lie from the curve it stands for."""
    x, q = columns[:2]
    spans = np.array([[np.nanmax(x) - np.nanmin(x) or 1.0], [height]])
    points = np.stack([x, q]) / spans * np.array([[axes.bbox.width], [axes.bbox.height]])
    # the distance of a corner from the chord between its neighbours is four times that of the curve
    chord, side = points[:, 2:] - points[:, :-2], points[:, 1:-1] - points[:, :-2]
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.abs(chord[0] * side[1] - chord[1] * side[0]) / np.hypot(*chord)
    return float(np.nanmax(away, initial=0.0)) / 4


def _draw_branches(axes: Axes, curve: Isotherm, view: View, style: Style) -> list[Name]:
    x, q, mmse, kind = _columns(curve, view)
    names = []
    for stable, dashes, label in ((True, "-", "stable"), (False, "--", "unstable")):
        mask = kind == stable
        # masking keeps pieces apart; one neighbour more closes the gap at a fold
        wide = mask | np.concatenate([mask[1:], [False]]) | np.concatenate([[False], mask[:-1]])
        shown = mask if stable else wide & (mmse > 0)  # q = rho is no continuation
        if mask.any():
            colour = style.stable if stable else style.unstable
            (line,) = axes.plot(x, np.where(shown, q, np.nan), dashes, color=colour, lw=style.line_width, label=label)
            names.append(Name(label, line, Along(axes, x, np.where(shown, q, np.nan))))
    return names


def _mark_folds(axes: Axes, curve: Isotherm, view: View, style: Style) -> list[Name]:
    """Mark the folds: at an informed spinodal the strength is least, at an uninformed one largest."""
    names: list[Name] = []
    size = 0.75 * (style.mark_size or 7)
    for overlap, strength in curve.folds:
        # strengths differ from that of a fold to one side: no rounding turns a least one into a largest
        at = int(np.argmin(np.abs(curve.overlap - overlap)))
        beside = [curve.strength[k] for k in (at - 1, at + 1) if 0 <= k < len(curve)]
        born = strength < float(np.mean(beside))
        x, label = float(view.strength(strength)), FOLDS[born]
        first = label not in [name.label for name in names]
        (mark,) = axes.plot(
            x, overlap, "s" if born else "o", ms=size, mfc=style.background, mec=style.text, zorder=5, ls="",
            label=label if first else f"_{label}",
        )  # fmt: skip
        if first:
            names.append(Name(label, mark, Around(axes, x, overlap, size / 2)))
    return names
