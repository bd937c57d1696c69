"""Room for legends and names: they are put where they cover no line, mark or other text, whenever a figure is drawn.

Everything is measured in pixels of the figure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import IdentityTransform, ScaledTranslation

from amp_theory.phases.diagram.boxes import (
    Box,
    Field,
    centred,
    corner,
    obstacles,
    pixels_per_point,
    size_of,
)
from amp_theory.phases.diagram.styles import NOTES, Look, Style
from amp_theory.tools.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

#: points between what is drawn and what is beside it, and between the legend and the frame
GAP, FRAME = 2.5, 4.0
#: a place that is kept may be as much closer to other things
KEPT = 0.75
#: points between a name and the lines and marks around it
BESIDE = 2.0
#: places tried for a legend and for the name of a region, per direction, and for a name along its line
PLACES, LATTICE, STATIONS = 7, 11, 11
#: clearances tried for the name of a region, in points
CLEARANCES = (14.0, 8.0, 4.0)
#: where names are tried around a mark: to its right or left, above or below
DIRECTIONS = ((1, 0.7), (-1, 0.7), (0, 1), (1, 0), (-1, 0), (1, 0.35), (-1, 0.35), (1, -0.7), (-1, -0.7), (0, -1))
#: rounds in which a figure and what is placed in it are fitted to each other
ROUNDS = 8
#: panels from this width on, in inches, have a legend that finds no room inside beside them, others below
WIDE = 4.0
#: a legend that is further from where it was put, in parts of the axes, was moved by someone else
MOVED = 0.01
SAMPLER = {1: r"sampler $\longrightarrow$", -1: r"$\longleftarrow$ sampler"}


@dataclass(frozen=True)
class Name:
    """A name written beside what it names; where it finds no room its handle stands in the legend.

    `places` returns the boxes to try for a text of (width, height) at so many pixels per point, best ones first;
    `inside` tells of points in pixels whether the name may cover them.
    """

    label: str
    handle: Artist
    places: Callable[[float, float, float], Iterable[Box]]
    inside: Callable[[Array], npt.NDArray[np.bool_]] | None = None

    @property
    def forms(self) -> list[str]:
        """The label in one line, and where it may be broken in more."""
        words = self.label.split()
        return [self.label] + (["\n".join(words)] if self.inside is not None and len(words) > 1 else [])


def along(axes: Axes, x: npt.ArrayLike, y: npt.ArrayLike) -> Callable[[float, float, float], Iterator[Box]]:
    """Return the places for a name along the longest piece of a curve in data coordinates, from its middle on.

    NaN stand between its pieces.
    """

    def places(width: float, height: float, pixel: float) -> Iterator[Box]:
        points = axes.transData.transform(np.column_stack([np.asarray(x, float), np.asarray(y, float)]))
        middle, half = corner(axes.bbox) + size_of(axes.bbox) / 2, size_of(axes.bbox) / 2
        inside = np.asarray(np.abs(points - middle) <= half).all(axis=1)
        cuts = np.flatnonzero(np.diff(inside)) + 1
        seen = [piece for piece, good in zip(np.split(points, cuts), np.split(inside, cuts), strict=True) if good.all()]
        points = max(seen, key=lambda piece: float(np.hypot(*np.ptp(piece, axis=0))), default=points[:0])
        if len(points) < 2:
            return
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        if arc[-1] < width:
            return
        middles = np.linspace(width / 2, arc[-1] - width / 2, STATIONS)
        for middle in sorted(middles.tolist(), key=lambda a: abs(a - arc[-1] / 2)):
            here = np.linspace(middle - width / 2, middle + width / 2, 15)
            piece = np.column_stack([np.interp(here, arc, column) for column in points.T])
            chord = piece[-1] - piece[0]
            if np.hypot(*chord) < 0.8 * width:
                continue  # too bent to be followed
            angle = float(np.arctan(chord[1] / chord[0])) if chord[0] else np.pi / 2
            normal = np.array([-np.sin(angle), np.cos(angle)])
            centre = 0.5 * (piece[0] + piece[-1])
            off = (piece - centre) @ normal
            for away in (off.max() + height / 2 + GAP * pixel, off.min() - height / 2 - GAP * pixel):
                yield centred(centre + away * normal, width, height, angle)

    return places


def around(axes: Axes, x: float, y: float, radius: float) -> Callable[[float, float, float], Iterator[Box]]:
    """Return the places for a name around a mark of a radius in points, at data coordinates."""

    def places(width: float, height: float, pixel: float) -> Iterator[Box]:
        at = axes.transData.transform((x, y))
        for out in radius + GAP * np.array([1, 2, 4]):
            for right, up in DIRECTIONS:
                away = np.array([right * (width / 2 + out * pixel), up * (height / 2 + out * pixel)])
                yield centred(at + away, width, height)

    return places


def throughout(axes: Axes) -> Callable[[float, float, float], Iterator[Box]]:
    """Return places all over the axes, from their middle."""

    def places(width: float, height: float, pixel: float) -> Iterator[Box]:
        x, y = (np.linspace(a, b, LATTICE) for a, b in (axes.bbox.intervalx, axes.bbox.intervaly))
        centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        middle = corner(axes.bbox) + size_of(axes.bbox) / 2
        for centre in centres[np.argsort(np.hypot(*(centres - middle).T), kind="stable")]:
            yield centred(centre, width, height)

    return places


class Arrangement(Artist):
    """Puts the legend and the names of one panel where there is room, before the panel is drawn."""

    def __init__(
        self, axes: Axes, looks: Look, style: Style, names: Sequence[Name], direction: tuple[str, int] | None
    ) -> None:
        super().__init__()
        assert style.font is not None
        self.set_zorder(-100)
        self.set_in_layout(False)
        self.panel, self.looks, self.style = axes, looks, style
        self.size = NOTES * style.font
        self.names = {name.label: name for name in names}
        self.texts: dict[str, Text] = {
            name.label: axes.text(0, 0, name.label, fontsize=self.size, color=style.text, ha="center", va="center",
                                  rotation_mode="anchor", transform=IdentityTransform(), zorder=7)
            for name in names
        }  # fmt: skip
        self.axis, self.sense = direction or ("", 1)
        self.arrow = axes.text(0, 0, SAMPLER[self.sense], fontsize=self.size, color=style.text, ha="center",
                               va="center", transform=IdentityTransform(),
                               rotation=90 if self.axis == "y" else 0)  # fmt: skip
        for text in (*self.texts.values(), self.arrow):
            text.set_in_layout(False)
        for text in self.texts.values():  # to be read on hatches
            text.set_path_effects([withStroke(linewidth=1.5, foreground=style.background)])
        self.handles: list[Artist] = []
        self.heading: str | None = None
        self.legend: Legend | None = None
        self.place, self.put = looks.legend, (0.0, 0.0)
        self.homeless: list[str] = []
        self._shown: list[str] = []
        self.places: dict[str, tuple[str, float, float, float]] = {}
        self.covered = self.settled = self.final = False

    def draw(self, renderer: RendererBase) -> None:
        """Place everything for the figure as it is now; draw nothing."""
        if self.get_visible():
            self.arrange(renderer)

    def arrange(self, renderer: RendererBase) -> None:
        """Place the sampler's direction, the names, and the legend."""
        pixel = pixels_per_point(renderer)
        self._point(renderer, pixel)
        taken = Field(self.panel.bbox, pixel)
        taken.add(obstacles(self.panel, {*self.texts.values()}, renderer))
        self.homeless = [*self._shown]
        for label, text in self.texts.items():
            # what went to the legend stays there: rooms for names and legend would come and go
            box = None if label in self._shown else self._home(self.names[label], text, taken, renderer)
            text.set_visible(box is not None)
            if box is None:
                self.homeless += [label] if label not in self._shown else []
                continue
            text.set(x=box.x, y=box.y, rotation=float(np.degrees(box.angle)))
            x, y = self.panel.transAxes.inverted().transform((box.x, box.y))
            self.places[label] = (text.get_text(), x, y, box.angle)
            taken.add(box.grid(0.7 * pixel))
        if self.legend is not None and self.panel.get_legend() is self.legend and self.legend.get_visible():
            self._place_legend(taken, renderer, pixel)

    def _home(self, name: Name, text: Text, taken: Field, renderer: RendererBase) -> Box | None:
        """Return the first place of a name that is free."""
        pixel = pixels_per_point(renderer)
        # a place that is still free is kept: figures look alike at every resolution
        kept = self.places.get(name.label, ("", 0.0, 0.0, 0.0))
        for form in name.forms:
            text.set(rotation=0, visible=True, text=form)
            extent = text.get_window_extent(renderer)
            if form == kept[0]:
                x, y = self.panel.transAxes.transform(kept[1:3])
                box = Box(x, y, extent.width, extent.height, kept[3])
                if box.within(self.panel.bbox, KEPT * GAP * pixel) and taken.clearance(box) >= KEPT * BESIDE:
                    return box
            places = name.places(extent.width, extent.height, pixel)
            boxes = (box for box in places if box.within(self.panel.bbox, GAP * pixel))
            if name.inside is None:
                found = next((box for box in boxes if taken.clearance(box) >= BESIDE), None)
            else:
                clear = [(box, taken.clearance(box)) for box in boxes]
                tried = (box for least in CLEARANCES for box, clearance in clear if clearance >= least)
                found = next((box for box in tried if name.inside(box.grid(3 * pixel, GAP * pixel)).all()), None)
            if found is not None:
                return found
        if not self.final or not kept[0]:
            return None
        # rather close to something than nowhere
        text.set_text(kept[0])
        extent = text.get_window_extent(renderer)
        return centred(self.panel.transAxes.transform(kept[1:3]), extent.width, extent.height, kept[3])

    def _point(self, renderer: RendererBase, pixel: float) -> None:
        """Write the sampler's direction into the row of the axis's label, at its end; beside the axes if it is full."""
        if not self.axis:
            self.arrow.set_visible(False)
            return
        axis = self.panel.xaxis if self.axis == "x" else self.panel.yaxis
        axis.get_tightbbox(renderer)  # moves the label to its place
        label, frame = axis.label.get_window_extent(renderer), self.panel.bbox
        size, gap = self.arrow.get_window_extent(renderer), 6 * pixel
        figure = self.panel.get_figure(root=True)
        assert figure is not None
        if self.axis == "x":
            room, row = label.x1 + gap < frame.x1 - size.width, label.y0 + label.height / 2
            place, beside = (frame.x1 - size.width / 2, row), (0.5, 1.0)
        else:
            room, row = label.y1 + gap < frame.y1 - size.height, label.x0 + label.width / 2
            end = frame.y1 - size.height / 2 if self.sense > 0 else frame.y0 + size.height / 2
            place, beside = (row, end), (1.0, 0.5)
        self.arrow.set_in_layout(not room)
        if room:
            self.arrow.set(position=place, transform=IdentityTransform())
            return
        # fixed to the axes, so that a layout makes room for it
        out = (3 + min(size.width, size.height) / pixel / 2) / 72
        shift = ScaledTranslation(out * (beside[0] == 1), out * (beside[1] == 1), figure.dpi_scale_trans)
        self.arrow.set(position=beside, transform=self.panel.transAxes + shift)

    def _place_legend(self, taken: Field, renderer: RendererBase, pixel: float) -> None:
        assert self.legend is not None
        extent, frame = self.legend.get_window_extent(renderer), self.panel.bbox
        if self.place in ("outside", "below"):
            self._hang(renderer, pixel)
            return
        at = self.panel.transAxes.inverted().transform(corner(extent))
        if np.abs(at - self.put).max() > MOVED:
            self.covered = False
            return
        pad = FRAME * pixel
        if (
            self.settled
            and taken.clearance(centred(corner(extent) + size_of(extent) / 2, *size_of(extent))) >= KEPT * GAP
        ):
            return
        free = size_of(frame) - size_of(extent) - 2 * pad
        if (free < 0).any():
            self.covered = True
            return
        shares = np.linspace(0, 1, PLACES)
        tried = []
        for right in shares:
            for up in shares:
                low = corner(frame) + pad + free * [right, up]
                box = centred(low + size_of(extent) / 2, extent.width, extent.height)
                away, clearance = max(min(right, 1 - right), min(up, 1 - up)), taken.clearance(box)
                tried.append((max(GAP - clearance, 0), away, -clearance, *low.tolist()))
        hidden, _, _, *low = min(tried)
        self.covered, self.settled = hidden > 0, True
        self.put = tuple(self.panel.transAxes.inverted().transform(low).tolist())
        self.legend.set_loc(self.put)

    def _hang(self, renderer: RendererBase, pixel: float) -> None:
        """Hang the legend below the label of the horizontal axis, or beside the axes and the sampler's direction."""
        figure = self.panel.get_figure(root=True)
        assert self.legend is not None
        assert figure is not None
        if self.place == "below":
            under = self.panel.xaxis.get_tightbbox(renderer)
            drop = 0 if under is None else self.panel.bbox.y0 - under.y0
            anchor, right, up = (1.0, 0.0), 0.0, -(drop / pixel + FRAME)
        else:
            beside = self.axis == "y" and self.arrow.get_in_layout()
            anchor, right, up = (1.0, 1.0), FRAME + (2 * self.size if beside else 0), 0.0
        shift = ScaledTranslation(right / 72, up / 72, figure.dpi_scale_trans)
        self.legend.set_bbox_to_anchor(anchor, transform=self.panel.transAxes + shift)

    # --- what is decided once, when a picture is made ---

    def begin(self) -> None:
        """Try everything inside again."""
        self.place = self.looks.legend
        self.places, self.final = {}, False
        self._write_legend([])

    def decide(self) -> tuple[Any, ...]:
        """Send names without room to the legend, a legend without room out of the axes; return all that was decided."""
        place = self.place
        if self.covered and place == "auto":
            figure = self.panel.get_figure(root=True)
            assert figure is not None
            wide = self.panel.get_position().width * figure.get_figwidth() >= WIDE
            # without a layout nobody makes room for it
            self.place = "inside" if figure.get_layout_engine() is None else "outside" if wide else "below"
        if self.place != place or self.homeless != self._shown:
            self._write_legend(self.homeless)
        plain = (self.place, self.arrow.get_in_layout(), *self.homeless)
        return plain if plain == self.plain else (*plain, *np.round(self.panel.bbox.extents, 1).tolist())

    @property
    def plain(self) -> tuple[Any, ...]:
        """What is decided where everything has room inside."""
        return self.looks.legend, False

    def _write_legend(self, homeless: list[str]) -> None:
        """Make the legend of what has no name, and of what has found no room for it."""
        self._shown = [*homeless]
        self.covered = self.settled = False
        handles = [*self.handles, *(self.names[label].handle for label in homeless)]
        if not self.looks.legend or not (handles or self.heading):
            if self.legend is not None:
                self.legend.remove()
                self.legend = None
            return
        style, columns = self.style, 1
        shared: dict[str, Any] = {
            "handles": handles, "fontsize": self.size, "title": self.heading, "title_fontsize": self.size,
            "facecolor": style.background, "labelcolor": style.text, "framealpha": 0.92, "borderaxespad": 0.0,
            "borderpad": 0.5,
        }  # fmt: skip
        if not handles:  # below a title there would be an empty line
            alone = Line2D([], [], ls="none", label=self.heading)
            shared |= {"handles": [alone], "title": None, "handlelength": 0, "handletextpad": 0}
        if self.place == "below":
            shared |= {"loc": "upper right", "bbox_to_anchor": (1.0, -0.2), "columnspacing": 1.2, "handlelength": 1.8}
            columns = self._columns(shared)
        elif self.place == "outside":
            shared |= {"loc": "upper left", "bbox_to_anchor": (1.03, 1.0)}
        else:
            shared |= {"loc": self.put}
        self.legend = self.panel.legend(ncols=columns, **shared)
        self.legend.get_title().set_color(style.text)

    def _columns(self, shared: dict[str, Any]) -> int:
        """Return how many columns of the legend are as wide as the axes with their labels."""
        figure = self.panel.get_figure(root=True)
        assert figure is not None
        renderer = figure._get_renderer()  # type: ignore[attr-defined]
        box = self.panel.get_tightbbox(renderer, call_axes_locator=False, bbox_extra_artists=[])
        # the sampler's direction may still need room beside the axes
        spare = 2 * self.size * pixels_per_point(renderer)
        room = self.panel.bbox.x1 - (self.panel.bbox.x0 if box is None else box.x0) - spare
        for columns in (4, 3, 2):
            legend = self.panel.legend(ncols=columns, **shared)
            if legend.get_window_extent(renderer).width <= room:
                return columns
        return 1


def arrange(
    axes: Axes,
    looks: Look,
    style: Style,
    handles: Sequence[Artist] = (),
    names: Sequence[Name] = (),
    heading: str | None = None,
    direction: tuple[str, int] | None = ("y", 1),
) -> None:
    """Add the legend, the names and the sampler's direction to a panel, and fit all panels of its figure.

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
    figure = axes.get_figure(root=True)
    assert figure is not None
    settle(figure)


def settle(figure: Figure) -> None:
    """Decide for all panels of a figure what stands in legends, and where these go."""
    made = [artist for axes in figure.axes for artist in axes.artists if isinstance(artist, Arrangement)]
    for one in made:
        one.begin()
    before: list[tuple[Any, ...]] = [one.plain for one in made]
    for _ in range(ROUNDS):
        figure.draw_without_rendering()
        folded = [_fold(one) for one in made]
        decided = [one.decide() for one in made]
        if decided == before and not any(folded):
            break
        before = decided
    for one in made:
        one.final = True


def _fold(one: Arrangement) -> bool:
    """Break the title and the labels of the axes where they are longer than these; tell whether any was."""
    axes, folded = one.panel, False
    for text in (axes.title, axes.xaxis.label):
        words, part = text.get_text(), 0.97 * axes.bbox.width / max(text.get_window_extent().width, 1.0)
        if part < 1 and "$" not in words:
            text.set_text("\n".join(textwrap.wrap(words, max(int(max(map(len, words.split("\n"))) * part), 8))))
            folded |= text.get_text() != words
    label = axes.yaxis.label
    if label.get_window_extent().height > axes.bbox.height and " (" in label.get_text():
        label.set_text(label.get_text().replace(" (", "\n(", 1))
        folded = True
    return folded
