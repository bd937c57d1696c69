"""The picture of a sweep: every number that was found as a line over one of the axes, with gaps where there is none."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.places import Along, Name
from amp_theory.phases.diagram.styles import Style, as_axes, canvas, look, paint
from amp_theory.phases.diagram.views import control_label, strength_label
from amp_theory.phases.families.quantities import QUANTITIES, check_quantities
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_list, one_of, told
from amp_theory.tools.tables import ERROR

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from amp_theory.models.base import Model

#: of lines, told apart also without colours
DASHES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
MARKS = "osD^vP"
#: lines of one picture at most, and the size of their marks in units of others
MOST_LINES, SMALL = 24, 0.5
#: what the numbers are that are no coordinate of a point
BARE = {"first_failure_strength": "strength", "uninformed_overlap": "overlap", "informed_overlap": "overlap"}


@dataclass(frozen=True)
class Series:
    """One line: its name, places and heights, NaN where there is none, with error bounds, and how it looks."""

    label: str
    x: Array
    y: Array
    error: Array
    colour: str
    dashes: Any
    mark: str


def plot_sweep(
    found: Any, ax: Axes | None, *, over: str | None, quantities: Any, coordinate: str | None, scaling: str | None,
    between: Sequence[str] | None, legend: bool | str, title: str | bool | None, annotate: bool,
    style: str | Mapping[str, Any] | None,
) -> Axes:  # fmt: skip
    """Draw a `Sweep`; options are of `Sweep.plot`."""
    given = as_axes(ax)
    looks = look(legend, title, annotate, style, given)
    axis = _axis_of_numbers(found, over)
    kind, names = _quantities(found, quantities, coordinate)
    rest = {name: values for name, values in found.axes.items() if name != axis}
    combinations = list(itertools.product(*(range(len(values)) for values in rest.values())))
    if len(names) * len(combinations) > MOST_LINES:
        raise InputError(
            f"a picture has at most {MOST_LINES} lines, these are {len(names)} quantities at {len(combinations)} "
            "places of the other axes: choose with quantities, or sweep over less"
        )
    numbers = {name: _numbers(found, name, axis, coordinate) for name in names}
    if scaling is not None:
        numbers = {name: _scaled(found, kind, scaling, axis, *both) for name, both in numbers.items()}
    shaded = () if between is None else _shaded(between, names, len(combinations))
    if not any(np.isfinite(value).any() for value, _ in numbers.values()):
        raise InputError(f"there is nothing to draw, {names[0]} for one: {_first_reason(found, names[0])}")
    axes = canvas(given, style)
    sized = paint(axes, looks)
    x = np.asarray(found.axes[axis], dtype=float)
    order = np.argsort(x, kind="stable")
    drawn: list[Name] = []
    for k, name in enumerate(names):
        value, error = numbers[name]
        for n, place in enumerate(combinations):
            m = k if len(names) > 1 else n
            series = Series(
                _label(name, names, rest, place), x[order], value[(order, *place)], error[(order, *place)],
                sized.series[m % len(sized.series)], DASHES[m % len(DASHES)], MARKS[n % len(MARKS)],
            )  # fmt: skip
            if np.isfinite(series.y).any():
                drawn.append(_draw(axes, series, sized))
    handles: list[Artist] = []
    if shaded:
        low, high = (numbers[name][0][order].ravel() for name in shaded)
        if np.isfinite(low + high).any():
            name = " to ".join(shaded).replace("_", " ")
            handles.append(axes.fill_between(x[order], low, high, color=sized.hard, lw=0, zorder=0.5, label=name))
    axes.set_xlim(*_span(x))
    axes.set_xlabel(_of_axis(found, axis))
    label = _vertical(found, kind, scaling)
    axes.set_ylabel(label if len(names) > 1 else f"{names[0].replace('_', ' ')}: {label}")
    set_title(axes, looks, found.title)
    # the only line has its name on the vertical axis
    arrange(axes, looks, sized, handles, drawn if len(names) * len(combinations) > 1 else (), direction=None)
    return axes


def _shaded(between: Sequence[str], names: Sequence[str], places: int) -> tuple[str, ...]:
    """Return the two quantities between which a picture is shaded, after checking that they are two lines of it."""
    two = as_list("between", between, "two quantities")
    for name in two:
        one_of("quantity", name, names)
    if len(set(two)) != 2 or len(two) != 2:
        raise InputError(f"between must be two different quantities of those drawn, got {told(between)}")
    if places > 1:
        raise InputError(f"between shades one region, there are {places} places of the other axes: sweep over one axis")
    return tuple(two)


def _models(found: Any) -> list[Model]:
    """Return the models that could be made."""
    made: list[Model | None] = found.models.ravel().tolist()
    return [model for model in made if model is not None]


def _axis_of_numbers(found: Any, over: str | None) -> str:
    """Return the axis that lines go along: the one that is named, or the one with most numbers."""
    usable = {n: len(v) for n, v in found.axes.items() if v.dtype.kind in "iuf" and len(np.unique(v)) > 1}
    if not usable:
        raise InputError(f"a picture needs an axis of at least two numbers, the axes are {', '.join(found.axes)}")
    return max(usable, key=usable.__getitem__) if over is None else one_of("over", over, usable)


def _kind(name: str) -> str:
    """Return what number stands for a quantity: control, strength or overlap; empty for texts and truth values."""
    return QUANTITIES[name].main or BARE.get(name, "")


def _quantities(found: Any, wanted: Any, coordinate: str | None) -> tuple[str, list[str]]:
    """Return what is drawn, and what its numbers are."""
    names = list(found.quantities) if wanted is None else list(check_quantities(wanted))
    for name in names:
        one_of("quantity", name, found.quantities)
    if coordinate is None:
        return one_kind(names), names
    for name in names:
        found.values(name, coordinate)  # refuses what it does not have
    return coordinate, names


def one_kind(names: Sequence[str]) -> str:
    """Return what the numbers of quantities are that go into one picture: control, strength or overlap.

    Raises
    ------
    InputError
        If they are of several kinds, or no numbers.

    Examples
    --------
    >>> one_kind(["dynamical", "tricritical"])
    'control'
    """
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(_kind(name), []).append(name)
    if len(kinds) > 1 or "" in kinds:
        told = "; ".join(f"{kind or 'no number'}: {', '.join(own)}" for kind, own in kinds.items())
        raise InputError(f"the numbers of a picture must be of one kind, these are {told}: choose some of them")
    return next(iter(kinds))


def _numbers(found: Any, name: str, axis: str, coordinate: str | None) -> tuple[Array, Array]:
    """Return the numbers of a quantity and their error bounds, the axis of the picture first; NaN if there is none."""
    own = QUANTITIES[name].main if coordinate is None else coordinate
    values = found.values(name, coordinate)
    if values.dtype.kind not in "fiu":
        values = np.ma.array(np.full(found.shape, np.nan), mask=True)
    error = np.full(found.shape, np.nan)
    if own is not None and not own.startswith(ERROR):
        error = np.ma.filled(found.values(name, ERROR + own).astype(float), np.nan)
    first = list(found.axes).index(axis)
    return np.moveaxis(np.ma.filled(values.astype(float), np.nan), first, 0), np.moveaxis(error, first, 0)


def _scaled(found: Any, kind: str, scaling: str, axis: str, value: Array, error: Array) -> tuple[Array, Array]:
    """Return controls and their error bounds in a scaling of their models."""
    models = np.moveaxis(found.models, list(found.axes).index(axis), 0)
    if kind != "control" and kind not in {m.control for m in _models(found)}:
        raise InputError(f"scaling is one of the control, and these numbers are of the {kind}: leave it out")
    shown, bound = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    for index in zip(*np.nonzero(np.isfinite(value)), strict=True):
        scalings = models[index].scalings()
        factor, power = scalings[one_of("scaling", scaling, scalings)]
        shown[index] = factor * value[index] ** power
        bound[index] = abs(power * shown[index]) * error[index] / value[index]
    return shown, bound


def _first_reason(found: Any, name: str) -> str:
    return next(filter(None, (found.reason(name, *index) for index in np.ndindex(found.shape))), "no reason is known")


def _label(name: str, names: Sequence[str], rest: Mapping[str, Any], place: Sequence[int]) -> str:
    """Return the name of a line: the quantity where there are several, and where on the other axes."""
    where = [_at(axis, values[k]) for (axis, values), k in zip(rest.items(), place, strict=True) if len(values) > 1]
    return ", ".join(([name.replace("_", " ")] if len(names) > 1 or not where else []) + where)


def _at(axis: str, value: Any) -> str:
    if isinstance(value, int | float | np.generic):
        return f"{axis} = {value:.4g}" if isinstance(value, float) else f"{axis} = {value}"
    return str(value)


def _draw(axes: Axes, series: Series, style: Style) -> Name:
    """Draw one line, with marks where numbers were found, and return its name."""
    size = SMALL * (style.mark_size or 7)
    there = np.isfinite(series.y)
    bars = np.where(there & np.isfinite(series.error), series.error, 0.0)
    axes.errorbar(series.x[there], series.y[there], bars[there], fmt="none", ecolor=series.colour, elinewidth=0.8)
    handle: Artist = axes.plot(
        series.x, series.y, ls=series.dashes, marker=series.mark, ms=size, mew=0, color=series.colour,
        lw=style.line_width, label=series.label,
    )[0]  # fmt: skip
    return Name(series.label, handle, Along(axes, series.x, series.y, size / 2))


def _span(x: Array) -> tuple[float, float]:
    low, high = float(x.min()), float(x.max())
    return low - 0.03 * (high - low), high + 0.03 * (high - low)


def _of_axis(found: Any, axis: str) -> str:
    """Return the label of the horizontal axis."""
    models = _models(found)
    if axis == found.path.strength:
        return strength_label(found.path, "strength")
    if models and axis == models[0].control:
        return control_label(models[0])
    return axis.replace("_", " ")


def _vertical(found: Any, kind: str, scaling: str | None) -> str:
    """Return the label of the vertical axis."""
    labels = {control_label(m, scaling) for m in _models(found)}
    if kind == "strength" or kind == found.path.strength:
        return strength_label(found.path, "strength")
    if kind == "control" or kind in {m.control for m in _models(found)}:
        return labels.pop() if len(labels) == 1 else "control"
    return "overlap $q$" if kind == "overlap" else kind.replace("_", " ")
