"""Room in a figure, in pixels: boxes that may be turned, and the distance to what they must not cover."""

from __future__ import annotations

import functools
import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.tools.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

#: points between what is drawn and what is beside it, and between those that stand for a line
GAP, STEP = 2.5, 0.6
#: how matplotlib says that there is no line, or no mark
NOTHING = ("None", "none", "", " ", None)


@dataclass(frozen=True)
class Box:
    """A rectangle around a centre (x, y), turned by an angle in radians."""

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0

    def grid(self, step: float, margin: float = 0.0) -> Array:
        """Return points all over it, at most a step apart, its corners among them."""
        offsets = _offsets(self.width + 2 * margin, self.height + 2 * margin, self.angle, step)
        placed: Array = offsets + np.array([self.x, self.y])
        return placed

    def within(self, frame: Bbox, margin: float) -> bool:
        """Tell whether it lies in a frame, a margin away from its sides."""
        c, s = abs(math.cos(self.angle)), abs(math.sin(self.angle))
        right, up = (c * self.width + s * self.height) / 2 + margin, (s * self.width + c * self.height) / 2 + margin
        return bool(
            frame.x0 <= self.x - right
            and self.x + right <= frame.x1
            and frame.y0 <= self.y - up
            and self.y + up <= frame.y1
        )


@functools.lru_cache(maxsize=64)
def _offsets(width: float, height: float, angle: float, step: float) -> Array:
    x, y = (np.linspace(-side / 2, side / 2, int(side / step) + 2) for side in (width, height))
    c, s = math.cos(angle), math.sin(angle)
    own = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    turned: Array = own @ np.array([[c, s], [-s, c]])
    return turned


def corner(box: Bbox) -> Array:
    """Return the lower left corner of a box, as an array."""
    return np.array([box.x0, box.y0])


def size_of(box: Bbox) -> Array:
    """Return the width and height of a box, as an array."""
    return np.array([box.width, box.height])


def centred(centre: Array, width: float, height: float, angle: float = 0.0) -> Box:
    """Return the box around a centre."""
    return Box(float(centre[0]), float(centre[1]), width, height, angle)


def pixels_per_point(renderer: RendererBase) -> float:
    """Return how many pixels a point has."""
    return float(renderer.points_to_pixels(1.0))  # type: ignore[arg-type]


def unhinted_width(line: str, text: Text) -> float:
    """Return the width of a line of a text in points, where glyphs are drawn as they are designed."""
    from matplotlib.cbook import is_math_text
    from matplotlib.textpath import text_to_path

    return float(text_to_path.get_text_width_height_descent(line, text.get_fontproperties(), is_math_text(line))[0])


class Field:
    """The distance from every place of a frame to the next thing that must not be covered, in cells of one point."""

    def __init__(self, frame: Bbox, pixel: float, points: Array) -> None:
        from scipy.ndimage import distance_transform_edt

        self.frame, self.pixel = frame, pixel
        free = np.ones(np.ceil(size_of(frame) / pixel).astype(int) + 1, dtype=bool)
        cells = np.round((points - corner(frame)) / pixel).astype(int)
        cells = cells[((cells >= 0) & (cells < free.shape)).all(axis=1)]
        free[cells[:, 0], cells[:, 1]] = False
        self.distance: Array = np.full(free.shape, np.inf) if free.all() else distance_transform_edt(free)

    def add(self, box: Box) -> None:
        """Add a box that must not be covered."""
        x, y = (np.arange(n) for n in self.distance.shape)
        right, up = ((box.x, box.y) - corner(self.frame)) / self.pixel
        c, s = math.cos(box.angle), math.sin(box.angle)
        along = np.abs(c * (x[:, None] - right) + s * (y - up)) - box.width / self.pixel / 2
        across = np.abs(c * (y - up) - s * (x[:, None] - right)) - box.height / self.pixel / 2
        self.distance = np.minimum(self.distance, np.hypot(along.clip(0), across.clip(0)))

    def clearance(self, box: Box) -> float:
        """Return the distance from a box to the next thing, in points; 0 where it covers one."""
        cells = np.round((box.grid(1.5 * self.pixel) - corner(self.frame)) / self.pixel).astype(int)
        cells = cells.clip(0, np.array(self.distance.shape) - 1)
        return float(self.distance[cells[:, 0], cells[:, 1]].min())

    def covered(self, low: Array, size: Array) -> tuple[int, float]:
        """Return how many cells an upright box would cover, with a gap around it, and its clearance."""
        (x0, y0), (x1, y1) = ((at - corner(self.frame)) / self.pixel for at in (low, low + size))
        part = self.distance[max(math.floor(x0), 0) : math.ceil(x1) + 1, max(math.floor(y0), 0) : math.ceil(y1) + 1]
        return int(np.sum(part < GAP)), float(part.min(initial=np.inf))


def broken(axes: Axes, renderer: RendererBase) -> dict[Text, str]:
    """Return the title and the labels of axes that are longer than these, with their words in more lines."""
    new: dict[Text, str] = {}
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        words, extent = text.get_text(), text.get_window_extent(renderer)
        part = 0.97 * axes.bbox.width / max(extent.width, 1.0)
        if text is axes.yaxis.label and extent.height > axes.bbox.height:
            new[text] = words.replace(" (", "\n(", 1)
        elif text is not axes.yaxis.label and part < 1 and "$" not in words:
            new[text] = "\n".join(textwrap.wrap(words, max(int(max(map(len, words.split("\n"))) * part), 8)))
    return {text: words for text, words in new.items() if words != text.get_text()}


def sharing(axes: Axes) -> list[Axes]:
    """Return the axes, and those that are drawn in the same room, such as twins."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return [a for a in figure.axes if a is axes or (a.get_visible() and a.bbox.overlaps(axes.bbox))]


def obstacles(axes: Axes, apart: set[Any], renderer: RendererBase) -> Array:
    """Return points in pixels all along the lines, marks and texts in the room of a panel, but those set apart."""
    pixel, parts = pixels_per_point(renderer), [np.empty((0, 2))]
    for panel in sharing(axes):
        parts += [points for line in panel.lines if line.get_visible() for points in _line(line, pixel)]
        for collection in panel.collections:
            parts += _collection(collection, pixel) if collection.get_visible() else []
        for text in panel.texts:
            if text not in apart and text.get_visible() and text.get_text():
                extent = text.get_window_extent(renderer)
                box = centred(corner(extent) + size_of(extent) / 2, extent.width, extent.height)
                parts.append(box.grid(0.7 * pixel))
    points = np.concatenate(parts)
    points = points[np.isfinite(points).all(axis=1)]
    half = size_of(axes.bbox) / 2
    near: Array = points[(np.abs(points - corner(axes.bbox) - half) <= half + 20 * pixel).all(axis=1)]
    return near


def _line(line: Line2D, pixel: float) -> list[Array]:
    """Return points along a line and around its marks."""
    data, parts = np.asarray(line.get_xydata(), dtype=float), []
    if not len(data):
        return []
    points = np.asarray(line.get_transform().transform(data))
    if line.get_linestyle() not in NOTHING:
        parts.append(_dense(points, STEP * pixel))
    if line.get_marker() not in NOTHING:
        parts.append(_rings(points, pixel * (line.get_markersize() / 2 + line.get_markeredgewidth())))
    return parts


def _collection(collection: Collection, pixel: float) -> list[Array]:
    """Return points along lines, and around the marks of scattered points; what is filled may be covered."""
    from matplotlib.collections import LineCollection, PathCollection

    if isinstance(collection, LineCollection):
        transform = collection.get_transform()
        return [
            _dense(transform.transform(np.asarray(s, dtype=float)), STEP * pixel) for s in collection.get_segments()
        ]
    if isinstance(collection, PathCollection):
        offsets = np.ma.getdata(collection.get_offsets())
        points = np.asarray(collection.get_offset_transform().transform(offsets))
        return [_rings(points, pixel * float(np.sqrt(np.max(collection.get_sizes(), initial=0.0))) / 2)]
    return []


def _rings(points: Array, radius: float) -> Array:
    turn = np.linspace(0, 2 * np.pi, 13)
    ring = radius * np.concatenate([[[0.0, 0.0]], np.column_stack([np.cos(turn), np.sin(turn)])])
    around: Array = (points[:, None, :] + ring).reshape(-1, 2)
    return around


def _dense(points: Array, step: float) -> Array:
    """Return points all along a broken line, at most a step apart."""
    start, stop = points[:-1], points[1:]
    good = np.isfinite(start).all(axis=1) & np.isfinite(stop).all(axis=1)
    # far beyond the axes nothing is covered
    start, stop = np.clip(start[good], -1e4, 1e4), np.clip(stop[good], -1e4, 1e4)
    number = np.ceil(np.hypot(*(stop - start).T) / step).astype(int) + 1
    which = np.repeat(np.arange(len(number)), number)
    share = (np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)) / np.repeat(number, number)
    dense: Array = np.concatenate([start[which] + share[:, None] * (stop - start)[which], points[-1:]])
    return dense
