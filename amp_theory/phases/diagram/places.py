"""Where names may stand: along lines, around marks, all over the axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from amp_theory.phases.diagram.boxes import GAP, Box, centred, corner, size_of
from amp_theory.tools.arrays import Array

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

#: places tried for the name of a region, per direction, and for a name along its line
LATTICE, STATIONS = 11, 11
#: where names are tried around a mark: to its right or left, above or below
DIRECTIONS = ((1, 0.7), (-1, 0.7), (0, 1), (1, 0), (-1, 0), (1, 0.35), (-1, 0.35), (1, -0.7), (-1, -0.7), (0, -1))


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


@dataclass(frozen=True, eq=False)
class Along:
    """The places along the longest piece of a curve in data coordinates, from its middle on; NaN part its pieces.

    Marks on the curve reach `marks` points beside it.
    """

    axes: Axes
    x: npt.ArrayLike
    y: npt.ArrayLike
    marks: float = 0.0

    def __call__(self, width: float, height: float, pixel: float) -> Iterator[Box]:  # noqa: D102
        points = self._longest()
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        if len(points) < 2 or arc[-1] < width:
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
            beside = height / 2 + (GAP + self.marks) * pixel
            for away in (off.max() + beside, off.min() - beside):
                yield centred(centre + away * normal, width, height, angle)

    def _longest(self) -> Array:
        """Return the longest piece that is seen, in pixels."""
        data = np.column_stack([np.asarray(self.x, float), np.asarray(self.y, float)])
        points, half = self.axes.transData.transform(data), size_of(self.axes.bbox) / 2
        inside = np.asarray(np.abs(points - corner(self.axes.bbox) - half) <= half).all(axis=1)
        cuts = np.flatnonzero(np.diff(inside)) + 1
        seen = [piece for piece, good in zip(np.split(points, cuts), np.split(inside, cuts), strict=True) if good.all()]
        longest: Array = max(seen, key=lambda piece: float(np.hypot(*np.ptp(piece, axis=0))), default=points[:0])
        return longest


@dataclass(frozen=True)
class Around:
    """The places around a mark of a radius in points, at data coordinates."""

    axes: Axes
    x: float
    y: float
    radius: float

    def __call__(self, width: float, height: float, pixel: float) -> Iterator[Box]:  # noqa: D102
        at = self.axes.transData.transform((self.x, self.y))
        for out in self.radius + GAP * np.array([1, 2, 4]):
            for right, up in DIRECTIONS:
                away = np.array([right * (width / 2 + out * pixel), up * (height / 2 + out * pixel)])
                yield centred(at + away, width, height)


@dataclass(frozen=True)
class Throughout:
    """Places all over the axes, from their middle."""

    axes: Axes

    def __call__(self, width: float, height: float, pixel: float) -> Iterator[Box]:  # noqa: D102
        x, y = (np.linspace(a, b, LATTICE) for a, b in (self.axes.bbox.intervalx, self.axes.bbox.intervaly))
        centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        middle = corner(self.axes.bbox) + size_of(self.axes.bbox) / 2
        for centre in centres[np.argsort(np.hypot(*(centres - middle).T), kind="stable")]:
            yield centred(centre, width, height)
