"""Room in a figure, in pixels: boxes that may be turned, and the distance to what they must not cover."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.tools.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.transforms import Bbox

#: pixels between the points that stand for a line
STEP = 1.0


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


class Field:
    """The distance from every place of a frame to the next thing that must not be covered, in cells of one point."""

    def __init__(self, frame: Bbox, pixel: float) -> None:
        self.frame, self.pixel = frame, pixel
        self.free = np.ones(np.ceil(size_of(frame) / pixel).astype(int) + 1, dtype=bool)
        self._distance: Array | None = None

    def add(self, points: Array) -> None:
        """Add what must not be covered, given by points in pixels."""
        cells = np.round((points - corner(self.frame)) / self.pixel).astype(int)
        cells = cells[((cells >= 0) & (cells < self.free.shape)).all(axis=1)]
        self.free[cells[:, 0], cells[:, 1]] = False
        self._distance = None

    def clearance(self, box: Box) -> float:
        """Return the distance from a box to the next thing, in points; 0 where it covers one."""
        from scipy.ndimage import distance_transform_edt

        if self._distance is None:
            full = np.full(self.free.shape, np.inf)
            self._distance = full if self.free.all() else distance_transform_edt(self.free)
        cells = np.round((box.grid(1.5 * self.pixel) - corner(self.frame)) / self.pixel).astype(int)
        cells = cells.clip(0, np.array(self.free.shape) - 1)
        return float(self._distance[cells[:, 0], cells[:, 1]].min())


def obstacles(axes: Axes, apart: set[Any], renderer: RendererBase) -> Array:
    """Return points in pixels all along the lines, marks and texts of a panel, but those set apart."""
    from matplotlib.collections import LineCollection

    parts = [np.empty((0, 2))]
    for line in axes.lines:
        data = np.asarray(line.get_xydata(), dtype=float)
        if not line.get_visible() or not len(data):
            continue
        points = np.asarray(line.get_transform().transform(data))
        if line.get_linestyle() not in ("None", "none", "", " "):
            parts.append(_dense(points))
        if line.get_marker() not in ("None", "none", "", " ", None):
            radius = pixels_per_point(renderer) * (line.get_markersize() / 2 + line.get_markeredgewidth())
            turn = np.linspace(0, 2 * np.pi, 13)
            ring = radius * np.concatenate([[[0.0, 0.0]], np.column_stack([np.cos(turn), np.sin(turn)])])
            parts.append((points[:, None, :] + ring).reshape(-1, 2))
    for collection in axes.collections:
        if isinstance(collection, LineCollection) and collection.get_visible():
            transform = collection.get_transform()
            parts += [_dense(transform.transform(np.asarray(s, dtype=float))) for s in collection.get_segments()]
    for text in axes.texts:
        if text not in apart and text.get_visible() and text.get_text():
            extent = text.get_window_extent(renderer)
            box = centred(corner(extent) + size_of(extent) / 2, extent.width, extent.height)
            parts.append(box.grid(0.7 * pixels_per_point(renderer)))
    points = np.concatenate(parts)
    points = points[np.isfinite(points).all(axis=1)]
    middle, half = corner(axes.bbox) + size_of(axes.bbox) / 2, size_of(axes.bbox) / 2 + 20
    near: Array = points[(np.abs(points - middle) <= half).all(axis=1)]
    return near


def _dense(points: Array) -> Array:
    """Return points all along a broken line."""
    start, stop = points[:-1], points[1:]
    good = np.isfinite(start).all(axis=1) & np.isfinite(stop).all(axis=1)
    # far beyond the axes nothing is covered
    start, stop = np.clip(start[good], -1e4, 1e4), np.clip(stop[good], -1e4, 1e4)
    number = np.ceil(np.hypot(*(stop - start).T) / STEP).astype(int) + 1
    which = np.repeat(np.arange(len(number)), number)
    share = (np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)) / np.repeat(number, number)
    dense: Array = np.concatenate([start[which] + share[:, None] * (stop - start)[which], points[-1:]])
    return dense
