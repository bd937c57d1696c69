"""What pictures look like: colours, sizes, hatches, and the options that all of them share.

Colours are from the palette of Okabe and Ito, told apart by colour-blind readers; hatches and line styles carry the
same information in print.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.tools.errors import InputError, integer_between, one_of, positive, told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREEN, ORANGE, RED, BLUE, SKY, PURPLE = "#009E73", "#E69F00", "#D55E00", "#0072B2", "#56B4E9", "#CC79A7"
YELLOW = "#F0E442"
#: fill (light tints of green, orange and red) and hatch of every region
REGIONS = {"easy": ("#d9f0e9", ""), "easy_metastable": ("#f7d999", "///"), "hard": ("#eaa57a", "xxx")}
LABELS = {"easy": "easy", "easy_metastable": "easy, metastable branch", "hard": "hard"}
#: fill and edge of where the equations do not describe the target
NOWHERE, NOWHERE_EDGE, NO_ANSWER = "#c9ccd1", "#8b9098", "no answer for this target"
STYLES = {
    "informed_spinodal": ("--", BLUE, "informed spinodal"),
    "first_order": ("-", "black", "first-order line"),
    "uninformed_spinodal": ("-.", PURPLE, "uninformed spinodal"),
}
#: size in inches of a figure of its own
SIZE = (5.6, 4.2)
#: inches: the width of one and of two columns of a journal, and the height of a row of one and of two panels
WIDTHS, HEIGHTS = {1: 3.4, 2: 7.0}, {(1, 1): 2.6, (1, 2): 2.9, (2, 1): 4.2, (2, 2): 2.8}
#: panels narrower than this, in inches, have everything in a smaller size, by this factor
NARROW, SMALLER = 3.5, 0.75
#: sizes of what is beside the labels of the axes, in units of theirs
TICKS, NOTES = 0.9, 0.8
#: background below this brightness is dark
DARK = 0.5
LEGENDS = ("inside", "outside", "below")
#: points of the largest text, line or mark
LARGEST = 200.0


@dataclass(frozen=True)
class Style:
    """The colours and sizes of a picture; sizes are in points, None fits them to the panel's width."""

    text: str = "black"
    background: str = "white"
    easy: str = REGIONS["easy"][0]
    easy_metastable: str = REGIONS["easy_metastable"][0]
    hard: str = REGIONS["hard"][0]
    no_answer: str = NOWHERE
    hatch: str = "white"
    informed_spinodal: str = STYLES["informed_spinodal"][1]
    first_order: str = STYLES["first_order"][1]
    uninformed_spinodal: str = STYLES["uninformed_spinodal"][1]
    stable: str = BLUE
    unstable: str = RED
    series: tuple[str, ...] = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
    font: float | None = None
    line_width: float | None = None
    mark_size: float | None = None

    def fitted(self, axes: Axes) -> Style:
        """Return the style with the sizes of a panel of this width."""
        from matplotlib import rcParams

        scale = self.scale(axes)
        return replace(
            self,
            font=self.font or scale * float(rcParams["font.size"]),
            line_width=self.line_width or scale * 1.6,
            mark_size=self.mark_size or scale * 7,
        )

    def scale(self, axes: Axes) -> float:
        """Return the size of texts in a panel of this width, in units of that in a wide one."""
        return SMALLER if self.font is None and panel_width(axes) < NARROW else 1.0


def panel_width(axes: Axes) -> float:
    """Return the width of axes in inches, before a layout made room around them."""
    figure, root = axes.get_figure(root=False), axes.get_figure(root=True)
    assert figure is not None
    assert root is not None
    spec = axes.get_subplotspec()
    part = axes.get_position() if spec is None else spec.get_position(figure)  # type: ignore[arg-type]
    return float(part.width * figure.bbox.width / root.dpi)


NAMED = {
    "light": Style(),
    "dark": Style(
        text="#e8eaed", background="#14181e", easy="#12382f", easy_metastable="#66500f", hard="#7d3311",
        no_answer="#454a53", hatch="#14181e", informed_spinodal=SKY, first_order="white", stable=SKY, unstable=ORANGE,
        series=(SKY, ORANGE, GREEN, PURPLE, YELLOW, RED),
    ),
    "print": Style(font=8.0, line_width=1.2, mark_size=5.0),
}  # fmt: skip
#: how far up the map of colours of a series of curves goes, and where it begins
SHADES = {False: (0.0, 0.85), True: (0.3, 1.0)}


@dataclass(frozen=True)
class Look:
    """The options that all pictures share, checked: where the legend goes ("" for none), the title, the style."""

    legend: str
    title: str | bool | None
    annotate: bool
    style: Style
    chosen: bool

    @property
    def dark(self) -> bool:
        """Whether the background is dark."""
        return is_dark(self.style.background)


def look(legend: Any, title: Any, annotate: Any, style: Any, axes: Axes | None) -> Look:
    """Return the options of a picture after checking them; without a style it is that of the figure's background."""
    if not (_is_flag(legend) or (isinstance(legend, str) and legend in LEGENDS)):
        raise InputError(f"legend must be True, False, {', '.join(map(repr, LEGENDS))}, got {told(legend)}")
    if title is not None and not isinstance(title, str | bool):
        raise InputError(f"title must be a text, True for the model's, or None, got {told(title)}")
    if not _is_flag(annotate):
        raise InputError(f"annotate must be True or False, got {told(annotate)}")
    _check_formulas(title if isinstance(title, str) else "")
    place = legend if isinstance(legend, str) else "auto" if legend else ""
    return Look(place, title, bool(annotate), style_of(style, axes), style is not None)


def _is_flag(value: Any) -> bool:
    return isinstance(value, int | float | np.generic) and value in (True, False)


def _check_formulas(title: str) -> None:
    """Refuse a title whose formulas matplotlib cannot read."""
    from matplotlib.cbook import is_math_text
    from matplotlib.mathtext import MathTextParser

    for line in filter(is_math_text, title.split("\n")):
        try:
            MathTextParser("path").parse(line)
        except ValueError:
            raise InputError(f"title holds a formula that matplotlib cannot read, got {told(title)}") from None


def style_of(style: Any, axes: Axes | None = None) -> Style:
    """Return a style by its name, or with the overrides of a mapping, whose "base" is a name ("light" by default)."""
    if style is None:
        return NAMED["dark" if is_dark(_background(axes)) else "light"]
    if isinstance(style, str):
        return NAMED[one_of("style", style, NAMED)]
    if not isinstance(style, Mapping):
        raise InputError(f"style must be one of {', '.join(NAMED)} or a mapping of overrides, got {told(style)}")
    given = {name: value for name, value in style.items() if name != "base"}
    base = NAMED[one_of("base of style", style.get("base", "light"), NAMED)]
    for name, value in given.items():
        one_of("entry of style", name, [f.name for f in fields(Style)])
        if name in ("font", "line_width", "mark_size"):
            given[name] = _size(f"style[{name!r}]", value)
        elif name == "series":
            given[name] = _colours(value)
        else:
            _colours([value], name)
    return replace(base, **given)


def _size(name: str, value: Any) -> float:
    size = positive(name, value)
    if isinstance(value, str) or size > LARGEST:
        raise InputError(f"{name} must be a number of points, at most {LARGEST:g}, got {told(value)}")
    return size


def _colours(values: Any, name: str = "series") -> tuple[str, ...]:
    from matplotlib.colors import is_color_like

    if not isinstance(values, list | tuple) or not values or not all(map(is_color_like, values)):
        wanted = "a list of colours of matplotlib, at least one" if name == "series" else "a colour of matplotlib"
        raise InputError(f"style[{name!r}] must be {wanted}, got {told(values if name == 'series' else values[0])}")
    return tuple(values)


def is_dark(colour: Any) -> bool:
    """Tell whether a colour is dark."""
    from matplotlib.colors import to_rgba

    red, green, blue, alpha = to_rgba(colour)
    return alpha > 0 and 0.299 * red + 0.587 * green + 0.114 * blue < DARK


def _background(axes: Axes | None) -> Any:
    from matplotlib import rcParams
    from matplotlib.colors import to_rgba

    figure: Any = None if axes is None else axes.get_figure(root=False)
    if figure is None:
        return rcParams["figure.facecolor"]
    # subfigures may be transparent
    while to_rgba(figure.get_facecolor())[3] == 0 and figure is not figure.get_figure(root=True):
        figure = figure.get_figure(root=False)
    return figure.get_facecolor()


def as_axes(ax: Any, axes: Any = None) -> Axes | None:
    """Return the axes given by one of two names, after checking that they are some."""
    from matplotlib import axes as kinds

    if ax is not None and axes is not None:
        raise InputError("axes= is another name of ax=: give one of them")
    given = axes if ax is None else ax
    if given is not None and not (isinstance(given, kinds.Axes) and given.name == "rectilinear"):
        raise InputError(f"axes must be matplotlib axes, neither polar nor of three dimensions, got {told(given)}")
    return given


def canvas(axes: Axes | None, style: Any) -> Axes:
    """Return the axes, by default those of a new figure of the style's size."""
    if axes is not None:
        return axes
    from matplotlib import pyplot as plt

    size = (WIDTHS[1], HEIGHTS[1, 1]) if style == "print" else SIZE
    return plt.subplots(figsize=size, layout="constrained")[1]


def paint(axes: Axes, looks: Look) -> Style:
    """Give the axes the colours and sizes of a style, and return it with its sizes."""
    style = looks.style.fitted(axes)
    assert style.font is not None
    figure = axes.get_figure(root=False)
    assert figure is not None
    if looks.chosen and len(figure.axes) == 1:  # it is not other panels' background
        figure.set_facecolor(style.background)
    outer = style.text if is_dark(_background(axes)) == looks.dark else style_of(None, axes).text
    axes.set_facecolor(style.background)
    axes.tick_params(colors=outer, labelsize=TICKS * style.font, which="both")
    for spine in axes.spines.values():
        spine.set_edgecolor(outer)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set(color=outer, fontsize=style.font)
    for offset in (axes.xaxis.get_offset_text(), axes.yaxis.get_offset_text()):
        offset.set(fontsize=TICKS * style.font)
    return style


def print_figure(columns: int = 1, panels: int = 1, style: Any = "print") -> tuple[Figure, Any]:
    """Make a figure of the width of one or two columns of a journal, as `matplotlib.pyplot.subplots` does.

    Parameters
    ----------
    columns
        1 for 3.4 inches, 2 for 7 inches.
    panels
        1 or 2: below each other in one column, side by side in two.
    style
        "print", "light", "dark" or a mapping of overrides: the background; give pictures the same one.

    Returns
    -------
    tuple
        The figure, and its axes: one, or an array of two.

    Raises
    ------
    InputError
        For another number of columns or panels, or a bad style.

    Examples
    --------
    >>> import amp_theory as at
    >>> figure, (left, right) = at.print_figure(columns=2, panels=2)
    >>> figure.get_size_inches().tolist()
    [7.0, 2.8]
    """
    from matplotlib import pyplot as plt

    columns, panels = integer_between("columns", columns, 1, 2), integer_between("panels", panels, 1, 2)
    background = style_of(style).background
    rows = panels if columns == 1 else 1
    size = (WIDTHS[columns], rows * HEIGHTS[columns, panels])
    figure, axes = plt.subplots(rows, panels // rows, figsize=size, layout="constrained", facecolor=background)
    return figure, axes
