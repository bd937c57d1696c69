"""Room for legends and names: they are put where they cover no line, mark or other text, whenever a figure is drawn.

What is decided, where a legend stands and which names are in it, is decided for the figure as it is drawn, at its
resolution; it stays until the panels, their limits or what is in them change.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import IdentityTransform, ScaledTranslation

from amp_theory.phases.diagram.boxes import (
    GAP,
    Box,
    Field,
    broken,
    corner,
    obstacles,
    pixels_per_point,
    sharing,
    size_of,
    unhinted_width,
)
from amp_theory.phases.diagram.places import Name
from amp_theory.phases.diagram.styles import NOTES, Look, Style, panel_width
from amp_theory.tools.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

#: points between the legend and the frame
FRAME = 4.0
#: points between a name and the lines and marks around it
BESIDE = 2.0
#: places tried for a legend, per direction
PLACES = 7
#: clearances tried for the name of a region, in points
CLEARANCES = (14.0, 8.0, 4.0)
#: rounds in which a figure and what is placed in it are fitted to each other
ROUNDS = 12
#: panels from this width on, in inches, have a legend that finds no room inside beside them, others below
WIDE = 4.0
#: a legend that is further from where it was put, in parts of the axes, was moved by someone else
MOVED = 0.01
#: a legend outside leaves the axes this part of their width and height at least
LEAST = 0.5
#: sizes of a legend that must cover something, and its columns
SMALL, COLUMNS = (1.0, 0.8, 0.65), (1, 2)
#: lengths of dashes and dots that a sample shows, in widths of the line: one and a half periods
SAMPLE = 16.0
SAMPLER = {1: r"sampler $\longrightarrow$", -1: r"$\longleftarrow$ sampler"}


class Arrangement(Artist):
    """The legend, the names and the sampler's direction of one panel, and what is decided about them."""

    def __init__(
        self, axes: Axes, looks: Look, style: Style, names: Sequence[Name], direction: tuple[str, int] | None
    ) -> None:
        super().__init__()
        assert style.font is not None
        self.set_in_layout(False)
        self.panel, self.looks, self.style = axes, looks, style
        self.size, self.scale = NOTES * style.font, looks.style.scale(axes)
        self.names = {name.label: name for name in names}
        shared: dict[str, Any] = {
            "fontsize": self.size,
            "ha": "center",
            "va": "center",
            "transform": IdentityTransform(),
        }
        self.texts: dict[str, Text] = {
            label: axes.text(0, 0, label, color=style.text, rotation_mode="anchor", zorder=7, visible=False, **shared)
            for label in self.names
        }
        self.axis, self.sense = direction or ("", 1)
        self.arrow = axes.text(0, 0, SAMPLER[self.sense], color=axes.xaxis.label.get_color(),
                               rotation=90 if self.axis == "y" else 0, visible=bool(self.axis), **shared)  # fmt: skip
        self.arrow.set_in_layout(False)
        for text in self.texts.values():
            text.set_in_layout(False)
            text.set_path_effects([withStroke(linewidth=1.5, foreground=style.background)])  # to be read on hatches
        # what is drawn beyond the frame where it belongs on it
        self.marks = [line for line in axes.lines if not line.get_clip_on()]
        self.handles: list[Artist] = []
        self.heading: str | None = None
        self.legend: Legend | None = None
        self.put = (0.0, 0.0)
        self.written: tuple[Any, ...] = ()
        self.homeless: list[str] = []
        self.folded: dict[Text, tuple[str, str]] = {}
        self.left = self.outside = False
        self.places = ["auto"]
        self.whole = self.full_size()

    def full_size(self) -> Array:
        """Return the size of the panel, in inches."""
        figure = self.panel.get_figure(root=True)
        assert figure is not None
        return size_of(self.panel.bbox) / figure.dpi

    @property
    def state(self) -> tuple[Any, ...]:
        """What decisions hang on, but the size of the panel."""
        axes = self.panel
        return (*axes.get_xlim(), *axes.get_ylim(), axes.get_xscale(), axes.get_yscale(), len(axes.get_children()))

    def begin(self, engine: Any) -> bool:
        """Try everything inside again; tell whether that leaves other room than there was."""
        scale, hung = self.looks.style.scale(self.panel), self.legend is not None and self.legend.get_in_layout()
        changed = scale != self.scale or bool(self.folded) or self.outside or hung
        if scale != self.scale:  # another size of the figure
            factor, axes = scale / self.scale, self.panel
            self.scale, self.size = scale, factor * self.size
            for text in (axes.xaxis.label, axes.yaxis.label, axes.title, self.arrow, *self.texts.values()):
                text.set_fontsize(factor * float(text.get_fontsize()))
            axes.tick_params(labelsize=factor * float(axes.xaxis.get_tick_params()["labelsize"]))
        for label, (before, after) in self.folded.items():
            if label.get_text() == after:
                label.set_text(before)
        self.folded = {}
        if self.left:
            return changed
        self.outside, self.homeless = False, []
        self.arrow.set_in_layout(False)
        out = ["outside", "below"] if panel_width(self.panel) >= WIDE else ["below", "outside"]
        wanted = {"auto": ["inside", *out], "inside": []}.get(self.looks.legend, [self.looks.legend])
        self.places = [place for place in wanted if engine is not None or place == "inside"] + ["anywhere"]
        self.write_legend()
        return changed

    def is_moved(self, renderer: RendererBase) -> bool:
        """Tell whether someone has moved or replaced the legend."""
        if self.legend is None or self.panel.get_legend() is not self.legend:
            return self.legend is not None
        if self.places[0] in ("outside", "below") or not self.legend.get_visible():
            return False
        x, y = self.panel.transAxes.inverted().transform(corner(self.legend.get_window_extent(renderer)))
        moved = bool(max(abs(x - self.put[0]), abs(y - self.put[1])) > MOVED)
        if moved:
            self.put = (float(x), float(y))
        return moved

    def decide(self, renderer: RendererBase) -> bool:
        """Place everything in the room there is; tell whether room outside is needed that there was not."""
        pixel = pixels_per_point(renderer)
        long = broken(self.panel, renderer)
        for text, words in long.items():
            self.folded[text] = (self.folded.get(text, (text.get_text(),))[0], words)
            text.set_text(words)
        changed = self._point(renderer, pixel) or bool(long)
        for mark in self.marks:
            at = mark.get_transform().transform(np.asarray(mark.get_xydata(), dtype=float))
            half = size_of(self.panel.bbox) / 2
            mark.set_clip_on(not bool((np.abs(at - corner(self.panel.bbox) - half) <= half + 0.5).all()))
        taken = Field(self.panel.bbox, pixel, obstacles(self.panel, {*self.texts.values()}, renderer))
        before = [*self.homeless]
        for label, text in self.texts.items():
            # what went to the legend stays there: rooms for names and legend would come and go
            box = None if label in before else self._home(self.names[label], text, taken, renderer)
            text.set_visible(box is not None)
            if box is not None:
                text.set(x=box.x, y=box.y, rotation=float(np.degrees(box.angle)))
                taken.add(box)
            elif label not in before:
                self.homeless.append(label)
        if self.homeless != before:
            self.write_legend()
        if self.legend is None or self.left or not self.legend.get_visible():
            return changed
        if self.places[0] == "inside":
            hidden, low = self._emptiest(taken, renderer)
            if not hidden:
                self._put(low)
                return changed
            self.advance()
        if self.places[0] == "anywhere":
            self._enter(taken, renderer)
            return changed
        hung = self.legend.get_in_layout()
        self._hang(renderer, pixel)
        return changed or not hung or self.homeless != before

    def _home(self, name: Name, text: Text, taken: Field, renderer: RendererBase) -> Box | None:
        """Return the first place of a name that is free."""
        pixel = pixels_per_point(renderer)
        for form in name.forms:
            text.set(rotation=0, visible=True, text=form)
            extent = text.get_window_extent(renderer)
            # texts with an outline are drawn without hints: not as wide as they are measured
            width = max(extent.width, *(pixel * unhinted_width(line, text) for line in form.split("\n")))
            places = name.places(width, extent.height, pixel)
            boxes = (box for box in places if box.within(self.panel.bbox, GAP * pixel))
            if name.inside is None:
                found = next((box for box in boxes if taken.clearance(box) >= BESIDE), None)
            else:
                clear = [(box, taken.clearance(box)) for box in boxes]
                tried = (box for least in CLEARANCES for box, clearance in clear if clearance >= least)
                found = next((box for box in tried if name.inside(box.grid(3 * pixel, GAP * pixel)).all()), None)
            if found is not None:
                return found
        return None

    def _point(self, renderer: RendererBase, pixel: float) -> bool:
        """Write the sampler's direction into the row of the axis's label, at its end; beside the axes if it is full."""
        if not self.axis:
            return False
        axis = self.panel.xaxis if self.axis == "x" else self.panel.yaxis
        axis.get_tightbbox(renderer)  # moves the label to its place
        label, frame = axis.label.get_window_extent(renderer), self.panel.bbox
        size, gap, before = self.arrow.get_window_extent(renderer), 6 * pixel, self.outside
        if self.axis == "x":
            room, row = label.x1 + gap < frame.x1 - size.width, label.y0 + label.height / 2
            place, beside = (frame.x1 - size.width / 2, row), (0.5, 1.0)
        else:
            room, row = label.y1 + gap < frame.y1 - size.height, label.x0 + label.width / 2
            end = frame.y1 - size.height / 2 if self.sense > 0 else frame.y0 + size.height / 2
            place, beside = (row, end), (1.0, 0.5)
        self.outside |= not room
        self.arrow.set_in_layout(self.outside)
        if not self.outside:
            self.arrow.set(position=place, transform=IdentityTransform())
            return False
        # fixed to the axes, so that a layout makes room for it
        out = 3 + min(size.width, size.height) / pixel / 2
        self.arrow.set(position=beside, transform=self._shifted(out * (beside[0] == 1), out * (beside[1] == 1)))
        return not before

    def _shifted(self, right: float, up: float) -> Any:
        """Return coordinates of the axes, shifted by points."""
        figure = self.panel.get_figure(root=True)
        assert figure is not None
        return self.panel.transAxes + ScaledTranslation(right / 72, up / 72, figure.dpi_scale_trans)

    def _enter(self, taken: Field, renderer: RendererBase) -> None:
        """Put the legend where it covers least, in smaller text if that helps."""
        tried = []
        for small in SMALL:
            for columns in COLUMNS:
                self.write_legend(small, columns)
                hidden, low = self._emptiest(taken, renderer)
                tried.append((hidden, -small, columns, low))
        _, small, columns, low = min(tried, key=lambda one: one[:3])
        self.write_legend(-small, columns)
        self._put(low)

    def _put(self, low: Array) -> None:
        assert self.legend is not None
        x, y = self.panel.transAxes.inverted().transform(low)
        self.put = (float(x), float(y))
        self.legend.set_loc(self.put)

    def _emptiest(self, taken: Field, renderer: RendererBase) -> tuple[float, Array]:
        """Return where in the panel the legend covers least, best in a corner, and how much that is."""
        assert self.legend is not None
        size, pad = size_of(self.legend.get_window_extent(renderer)), FRAME * taken.pixel
        free = size_of(taken.frame) - size - 2 * pad
        shares, tried = np.linspace(0, 1, PLACES), []
        for right in shares:
            for up in shares:
                low = corner(taken.frame) + pad + free.clip(0) * [right, up] + free.clip(max=0) / 2
                hidden, clearance = taken.covered(low, size)
                tried.append((hidden, max(min(right, 1 - right), min(up, 1 - up)), -clearance, *low.tolist()))
        hidden, _, _, *place = min(tried)
        # what reaches beyond the frame is on the labels of the axes
        beyond = float(np.prod(size / taken.pixel)) if (free < -2 * pad).any() else 0.0
        return hidden + beyond, np.array(place)

    def _hang(self, renderer: RendererBase, pixel: float) -> None:
        """Hang the legend below the label of the horizontal axis, or beside the axes and the sampler's direction."""
        assert self.legend is not None
        self.legend.set_in_layout(True)
        if self.places[0] == "below":
            under = self.panel.xaxis.get_tightbbox(renderer)
            drop = 0 if under is None else self.panel.bbox.y0 - under.y0
            anchor, right, up = (1.0, 0.0), 0.0, -(drop / pixel + FRAME)
        else:
            labels = [panel.yaxis.get_tightbbox(renderer) for panel in sharing(self.panel)]
            reach = max([0.0, *(box.x1 - self.panel.bbox.x1 for box in labels if box is not None)]) / pixel
            arrow = 2 * self.size if self.axis == "y" and self.outside else 0.0
            anchor, right, up = (1.0, 1.0), reach + arrow + FRAME, 0.0
        self.legend.set_bbox_to_anchor(anchor, transform=self._shifted(right, up))

    def advance(self) -> None:
        """Send the legend to the next of its places."""
        self.places = self.places[1:]
        self.write_legend()

    def is_too_large(self, renderer: RendererBase, squeezed: bool) -> bool:
        """Tell whether the legend hangs outside at too high a cost: axes are too small, or it is cut."""
        if self.legend is None or self.left or not self.legend.get_in_layout():
            return False
        figure = self.panel.get_figure(root=True)
        assert figure is not None
        box, page = self.legend.get_window_extent(renderer), figure.bbox
        cut = box.x0 < page.x0 - 1 or box.x1 > page.x1 + 1 or box.y0 < page.y0 - 1 or box.y1 > page.y1 + 1
        return squeezed or cut

    def write_legend(self, small: float = 1.0, columns: int = 1) -> None:
        """Make the legend of what has no name, and of what has found no room for it."""
        if self.legend is not None and self.panel.get_legend() is not self.legend:
            return  # someone else's
        handles = [*self.handles, *(self.names[label].handle for label in self.homeless)]
        if not self.looks.legend or not (handles or self.heading):
            if self.legend is not None:
                self.legend.remove()
                self.legend = None
            return
        style, size = self.style, small * self.size
        written = (self.places[0] if self.places[0] in ("outside", "below") else "", *self.homeless, size, columns)
        if self.legend is not None and written == self.written:
            return  # users may have edited it
        self.written = written
        shared: dict[str, Any] = {
            "handles": handles, "fontsize": size, "title": self.heading, "title_fontsize": size,
            "facecolor": style.background, "labelcolor": style.text, "framealpha": 0.92, "borderaxespad": 0.0,
            "borderpad": 0.5, "handlelength": max(2.0, SAMPLE * (style.line_width or 0.0) * small / size),
            "columnspacing": 1.2, "loc": self.put,
        }  # fmt: skip
        if not handles:  # below a title there would be an empty line
            alone = Line2D([], [], ls="none", label=self.heading)
            shared |= {"handles": [alone], "title": None, "handlelength": 0, "handletextpad": 0}
        if self.places[0] == "below":
            shared |= {"loc": "upper right", "bbox_to_anchor": (1.0, -0.2)}
            columns = self._columns(shared)
        elif self.places[0] == "outside":
            shared |= {"loc": "upper left", "bbox_to_anchor": (1.03, 1.0)}
        self.legend = self.panel.legend(ncols=columns, **shared)
        self.legend.get_title().set_color(style.text)
        self.legend.set_in_layout(False)

    def _columns(self, shared: dict[str, Any]) -> int:
        """Return how many columns of the legend are as wide as the axes with their labels."""
        figure = self.panel.get_figure(root=True)
        assert figure is not None
        renderer = figure._get_renderer()  # type: ignore[attr-defined]
        box = self.panel.yaxis.get_tightbbox(renderer)
        # the sampler's direction may still need room beside the axes
        spare = 2 * self.size * pixels_per_point(renderer)
        room = self.panel.bbox.x1 - (self.panel.bbox.x0 if box is None else box.x0) - spare
        for columns in (4, 3, 2):
            legend = self.panel.legend(ncols=columns, **shared)
            if legend.get_window_extent(renderer).width <= room:
                return columns
        return 1


class Settling(Artist):
    """What a figure draws first: it finds room for the legends and names of all its panels."""

    def __init__(self) -> None:
        super().__init__()
        self.set_zorder(-1e9)
        self.set_in_layout(False)
        self.settled: list[tuple[tuple[Any, ...], Array]] = []

    def draw(self, renderer: RendererBase) -> None:
        """Place everything for the figure as it is now; draw nothing."""
        figure = self.get_figure(root=True)
        assert figure is not None
        if not self.get_visible():
            return
        made = [artist for axes in figure.axes for artist in axes.artists if isinstance(artist, Arrangement)]
        engine = figure.get_layout_engine()
        # a figure that is being saved was laid out before; without a layout nobody makes room outside
        if isinstance(engine, PlaceHolderLayoutEngine):
            engine = None
        for one in made:
            one.left = one.left or one.is_moved(renderer)
        if not self._holds(made):
            changed = [one.begin(engine) for one in made]
            if any(changed):
                _lay_out(figure, engine)
            for one in made:
                one.whole = one.full_size()
        for _ in range(ROUNDS):
            changed = [one.decide(renderer) for one in made]
            if any(changed):
                _lay_out(figure, engine)
            squeezed = any((one.full_size() < LEAST * one.whole).any() for one in made)
            refused = [one for one in made if one.is_too_large(renderer, squeezed)] if engine is not None else []
            for one in refused:
                one.advance()
            if refused:
                _lay_out(figure, engine)
            elif not any(changed):
                break
        self.settled = [(one.state, one.full_size()) for one in made]

    def _holds(self, made: list[Arrangement]) -> bool:
        """Tell whether the panels are as they were when everything was decided."""
        return len(made) == len(self.settled) and all(
            one.state == state and np.allclose(one.full_size(), size, rtol=0.02)
            for one, (state, size) in zip(made, self.settled, strict=True)
        )


def _lay_out(figure: Figure, engine: Any) -> None:
    if engine is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a layout that finds no room tells so; other places are tried
            engine.execute(figure)


def arrange(
    axes: Axes,
    looks: Look,
    style: Style,
    handles: Sequence[Artist] = (),
    names: Sequence[Name] = (),
    heading: str | None = None,
    direction: tuple[str, int] | None = ("y", 1),
) -> None:
    """Add the legend, the names and the sampler's direction to a panel; room for them is found when it is drawn.

    Parameters
    ----------
    axes, looks, style
        The panel, its options, and its style with sizes.
    handles, names
        What stands in the legend anyway, and what does so where its name finds no room.
    heading
        The legend's title.
    direction
        The axis of the strength, "x" or "y", and whether it grows (1) or falls (-1) along that; None without one.
    """
    for old in [artist for artist in axes.artists if isinstance(artist, Arrangement)]:
        for text in (*old.texts.values(), old.arrow, old):
            text.remove()
    made = Arrangement(axes, looks, style, names if looks.annotate else (), direction)
    made.handles = [*(() if looks.annotate else (name.handle for name in names)), *handles]
    made.heading = heading
    axes.add_artist(made)
    made.write_legend()
    figure = axes.get_figure(root=True)
    assert figure is not None
    if not any(isinstance(artist, Settling) for artist in figure.artists):
        figure.add_artist(Settling())
