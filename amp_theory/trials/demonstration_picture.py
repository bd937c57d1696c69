"""The picture of a demonstration: what was measured at every size, what the extrapolation allows, and theory."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.styles import NOTES, Style, as_axes, canvas, look, paint
from amp_theory.tools.arrays import Array
from amp_theory.trials.extrapolation import allowed_means

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from amp_theory.trials.demonstration_cases import Case, CaseOutcome

MARKS = "os^DvP*X"
#: horizontal distance of cases, and of the points of single instances, in units of that of two sizes
ASIDE, SCATTER = 0.09, 0.03
#: half the width of what theory says, and the room right of infinity, in the same units
EXPECTED, BEYOND = 0.035, 0.45
#: distance of names from the frame, in units of its width
NAMES = 0.06
#: letters in a line of a name, width of a letter and distance of lines in units of the font
LETTERS, LETTER, LINE = 14, 0.55, 1.1
#: from this size on numbers of variables are too long for one column
LONG = 10**6
#: sizes between two at which bands are drawn; how pale bands, theory and single instances are
FINE, BAND, THEORY, DOTS = 24, 0.13, 0.35, 0.45
#: how pale is what a mean cannot be
BEYOND_BOUNDS = 0.12


def plot_demonstration(
    outcomes: Sequence[CaseOutcome], values: Mapping[tuple[str, int], Array], ax: Axes | None, *, legend: bool | str,
    title: str | bool | None, style: str | Mapping[str, Any] | None,
) -> Axes:  # fmt: skip
    """Draw outcomes of cases, sizes from left to right and then infinity; options are of `DemonstrationRun.plot`."""
    given = as_axes(ax)
    looks = look(legend, title, False, style, given)
    axes = canvas(given, style)
    sized = paint(axes, looks)
    sizes = sorted({n for o in outcomes for n in o.means})
    handles = []
    for k, o in enumerate(outcomes):
        shift, colour = ASIDE * (k - (len(outcomes) - 1) / 2), sized.series[k % len(sized.series)]
        _draw_instances(axes, [values.get((o.case.label, n), np.empty(0)) for n in sizes], shift, colour)
        _draw_band(axes, o, sizes, shift, colour)
        _draw_theory(axes, o.case, len(sizes) + shift, colour)
        handles.append(_draw_means(axes, o, sizes, shift, {
            "color": colour, "marker": MARKS[k % len(MARKS)], "ms": 0.6 * (sized.mark_size or 7),
            "lw": sized.line_width or 1.6, "capsize": 2,
        }))  # fmt: skip
    axes.axhline(0, color=sized.text, lw=0.6, alpha=0.5, zorder=0)
    _draw_bounds(axes, outcomes, sized)
    _label_axes(axes, outcomes, sizes, sized)
    set_title(axes, looks, "")
    beside = looks.legend == "auto"
    axes.set_xlim(-0.5, len(sizes) + BEYOND)
    if beside:
        _write_names(axes, outcomes, len(sizes), sized)
    arrange(axes, looks, sized, [] if beside else handles, direction=None)
    return axes


def _draw_instances(axes: Axes, values: Sequence[Array], shift: float, colour: str) -> None:
    rng = np.random.default_rng(0)
    for x, dots in enumerate(values):
        places = x + shift + SCATTER * rng.uniform(-1, 1, len(dots))
        axes.plot(places, dots, ".", ms=3, mew=0, color=colour, alpha=DOTS)


def _draw_band(axes: Axes, outcome: CaseOutcome, sizes: Sequence[int], shift: float, colour: str) -> None:
    """Draw what the extrapolation allows from the least size to infinity."""
    if outcome.at_infinity is None:
        return
    places = np.linspace(sizes.index(min(outcome.extrapolated)), len(sizes), FINE * len(sizes))
    # equal distances from size to size, in between and on to infinity linear in size^(-1/2)
    root = np.interp(places, range(len(sizes) + 1), [*(n**-0.5 for n in sizes), 0.0])
    with np.errstate(divide="ignore"):
        low, high = allowed_means(outcome.extrapolated, root**-2.0)
    axes.fill_between(places + shift, low, high, color=colour, alpha=BAND, lw=0, zorder=1)


def _draw_theory(axes: Axes, case: Case, place: float, colour: str) -> None:
    """Draw the number of theory; what counts as nothing where it vanishes; an arrow up where it does not."""
    if case.works is None:
        return
    bar: dict[str, Any] = {"width": 2 * EXPECTED, "color": colour, "alpha": THEORY, "lw": 0, "zorder": 1.5}
    if case.works:
        axes.bar(place, 2 * case.margin, bottom=-case.margin, **bar)
    elif case.expected is not None:
        axes.plot([place - 3 * EXPECTED, place + 3 * EXPECTED], 2 * [case.expected], "-", color=colour, lw=3,
                  alpha=2 * THEORY, solid_capstyle="butt", zorder=1.5)  # fmt: skip
    else:
        axes.plot([place, place], [0, case.margin], "-", color=colour, lw=3, alpha=THEORY, solid_capstyle="butt")
        axes.plot([place], [case.margin], "^", color=colour, ms=6, mew=0, alpha=2 * THEORY, zorder=1.5)


def _draw_bounds(axes: Axes, outcomes: Sequence[CaseOutcome], style: Style) -> None:
    """Shade what means cannot be, which the laws may leave."""
    low, high = axes.get_ylim()
    for bounds in {o.case.trial.bounds for o in outcomes}:
        for start, stop in ((low, bounds[0]), (bounds[1], high)) if bounds else ():
            if start < stop:
                axes.axhspan(start, stop, color=style.text, alpha=BEYOND_BOUNDS, lw=0, zorder=0)
    axes.set_ylim(low, high)


def _draw_means(axes: Axes, outcome: CaseOutcome, sizes: Sequence[int], shift: float, looks: dict[str, Any]) -> Any:
    """Draw means with errors, and what is extrapolated; what claims nothing is dashed."""
    here = sorted(outcome.means)
    mean, error = np.array([outcome.means[n] for n in here]).T
    dashes = "--" if outcome.case.works is None else "-"
    handle = axes.errorbar(
        np.array([sizes.index(n) for n in here]) + shift, mean, np.where(np.isfinite(error), error, 0.0), ls=dashes,
        label=_name(outcome), **looks,
    )  # fmt: skip
    if (found := outcome.at_infinity) is not None:
        bars = [[found.value - found.low], [found.high - found.value]]
        axes.errorbar([len(sizes) + shift], [found.value], bars, ls="none", mfc="none", **looks)
    return handle


def _name(outcome: CaseOutcome) -> str:
    """Return the label of a case, with what went otherwise than theory says."""
    told = {"refuted", "undecided"} & {outcome.outcome}
    return outcome.case.label + "".join(f" ({word})" for word in told)


def _height_of(axes: Axes) -> float:
    """Return about the height of axes in points, before a layout has made room around them."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return float(72 * axes.bbox.height / figure.dpi)


def _label_axes(axes: Axes, outcomes: Sequence[CaseOutcome], sizes: Sequence[int], style: Style) -> None:
    assert style.font is not None
    long = max(sizes) >= LONG
    axes.set_xticks(range(len(sizes) + 1), [*(_number(n, long) for n in sizes), r"$\infty$"])
    axes.set_xlabel("number of variables")
    words = ", or ".join(dict.fromkeys(o.case.trial.quantity for o in outcomes))
    if any(o.leaves for o in outcomes):
        words += " (grey:\N{NO-BREAK SPACE}impossible)"
    axes.set_ylabel("\n".join(textwrap.wrap(words, max(int(_height_of(axes) / (LETTER * style.font)), 8))))


def _number(size: int, long: bool) -> str:
    """Return a size; a power of ten as that if there are long numbers."""
    power = len(str(size)) - 1
    return f"$10^{power}$" if long and size == 10**power else f"{size:,}"


def _write_names(axes: Axes, outcomes: Sequence[CaseOutcome], end: int, style: Style) -> None:
    """Write names right of the frame, each as near to where its case ends as others leave room."""
    ends = [o.means[max(o.means)][0] if o.at_infinity is None else o.at_infinity.value for o in outcomes]
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    assert style.font is not None
    size, unit = NOTES * style.font, (high - low) / _height_of(axes)
    order = np.argsort(ends, kind="stable").tolist()
    # signs stay with their numbers
    labels = [re.sub(r" (?=[=%])|(?<==) ", "\N{NO-BREAK SPACE}", _name(outcomes[k])) for k in order]
    names = [textwrap.wrap(label, LETTERS, break_long_words=False) for label in labels]
    heights = [LINE * size * unit * (len(lines) + 0.25) for lines in names]
    outer = axes.xaxis.label.get_color()
    for k, lines, y in zip(order, names, places_apart([ends[k] for k in order], heights, low, high), strict=True):
        shift, colour = ASIDE * (k - (len(outcomes) - 1) / 2), style.series[k % len(style.series)]
        axes.annotate(
            "\n".join(lines), (end + shift, ends[k]), (1 + NAMES, y), textcoords=axes.get_yaxis_transform(),
            color=outer, fontsize=size, va="center", ha="left", linespacing=LINE, annotation_clip=False, arrowprops={
                "arrowstyle": "-", "color": colour, "lw": 0.7, "alpha": 0.8, "shrinkA": 1, "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )  # fmt: skip


def places_apart(middles: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Return places of boxes in a column, near to rising middles, so that none overlaps; smaller where room ends.

    Examples
    --------
    >>> places_apart([0.0, 0.1, 5.0], [1.0, 1.0, 1.0], -10.0, 10.0)
    [-0.45, 0.55, 5.0]
    """
    room = (high - low) / max(sum(heights), 1e-300)
    sizes = np.array(heights) * min(1.0, room)
    # less their offsets, places must rise: neighbours that would fall are joined at their mean
    offsets = np.concatenate([[0.0], np.cumsum((sizes[1:] + sizes[:-1]) / 2)])
    wanted = np.array(middles) - offsets
    groups: list[list[float]] = []
    for one in wanted.tolist():
        groups.append([one])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    base = np.concatenate([np.full(len(group), np.mean(group)) for group in groups])
    # within the ends: base rises, so that clipping keeps boxes apart
    least, most = low + sizes[0] / 2, high - sizes[-1] / 2 - offsets[-1]
    placed: list[float] = np.round(np.clip(base, least, max(least, most)) + offsets, 12).tolist()
    return placed
