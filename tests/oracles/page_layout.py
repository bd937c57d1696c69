"""What is covered, cut or on top of each other in a figure: told from its pixels and the corners of its texts.

Nothing here knows how the package finds room.  Lines and marks are drawn alone, and what they paint is compared with the
boxes of texts and legends.
"""

from __future__ import annotations

import itertools
from itertools import combinations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.path import Path
from matplotlib.text import Text

#: pixels by which a box may reach beyond the figure, or boxes into each other: their sizes are rounded
SLACK = 1.0


def faults(figure) -> list[str]:
    """Return what is wrong with a figure, in words: texts cut or on each other, lines and marks behind texts."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [(text.get_text(), corners(text, renderer)) for text in shown_texts(figure)]
    legends = [(a.get_legend(), a.get_legend().get_window_extent(renderer)) for a in figure.axes if a.get_legend()]
    legends += [(legend, legend.get_window_extent(renderer)) for legend in figure.legends]
    frames = [("legend", rectangle(extent.x0, extent.y0, extent.x1, extent.y1)) for _, extent in legends]
    inside = [[(t.get_text(), corners(t, renderer)) for t in texts_of(legend)] for legend, _ in legends]
    width, height = figure.canvas.get_width_height()
    found = []
    for name, box in [*boxes, *frames]:
        if box.min() < -SLACK or box[:, 0].max() > width + SLACK or box[:, 1].max() > height + SLACK:
            found.append(f"cut: {name!r}")
    for (a, box_a), (b, box_b) in combinations([*boxes, *frames], 2):
        if overlap(box_a, box_b):
            found.append(f"on each other: {a!r} and {b!r}")
    for (_, frame), texts in zip(frames, inside, strict=True):
        for name, box in texts:
            if (box < frame.min(axis=0) - SLACK).any() or (box > frame.max(axis=0) + SLACK).any():
                found.append(f"out of its legend: {name!r}")
    painted = pixels_of_lines(figure)
    for name, box in [*boxes, *frames]:
        hidden = covered(painted, box)
        if hidden:
            found.append(f"covers {hidden} pixels of lines or marks: {name!r}")
    return found


def texts_of(artist) -> list[Text]:
    return [t for t in artist.findobj(Text) if t.get_visible() and t.get_text().strip()]


def shown_texts(figure) -> list[Text]:
    """Return every text that is seen, but those of legends, which are boxes themselves."""
    apart = {id(t) for a in figure.axes if a.get_legend() for t in texts_of(a.get_legend())}
    apart |= {id(t) for legend in figure.legends for t in texts_of(legend)}
    # ticks beyond the axis's ends exist but are not drawn
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            shown = axis._update_ticks() if axis.get_visible() else []
            drawn = {id(t) for tick in shown for t in texts_of(tick)}
            apart |= {id(t) for tick in axis.get_major_ticks() + axis.get_minor_ticks() for t in texts_of(tick)} - drawn
    return [t for t in texts_of(figure) if id(t) not in apart]


def corners(text, renderer) -> np.ndarray:
    """Return the corners of a text's box, turned as the text is."""
    angle = text.get_rotation()
    if angle % 90 == 0:
        extent = text.get_window_extent(renderer)
        return rectangle(extent.x0, extent.y0, extent.x1, extent.y1)
    text.set_rotation(0)
    extent = text.get_window_extent(renderer)
    text.set_rotation(angle)
    box = rectangle(extent.x0, extent.y0, extent.x1, extent.y1)
    about = text.get_transform().transform(text.get_position())
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return (box - about) @ np.array([[c, s], [-s, c]]) + about


def rectangle(x0, y0, x1, y1) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=float)


def overlap(a, b) -> bool:
    """Tell whether two convex polygons overlap by more than the slack: no line parts them."""
    for polygon in (a, b):
        for side in np.roll(polygon, -1, axis=0) - polygon:
            normal = np.array([-side[1], side[0]]) / np.hypot(*side)
            if (a @ normal).max() <= (b @ normal).min() + SLACK or (b @ normal).max() <= (a @ normal).min() + SLACK:
                return False
    return True


def distance(text, line) -> float:
    """Return how far, in pixels, the points all along a line are from the box of a text, which may be turned."""
    box = corners(text, text.figure.canvas.get_renderer())
    points = line.get_transform().transform(np.asarray(line.get_xydata(), dtype=float))
    points = points[np.isfinite(points).all(axis=1)]
    dense = np.concatenate([points[:1], *(np.linspace(a, b, 50) for a, b in itertools.pairwise(points))])
    sides = [box[1] - box[0], box[3] - box[0]]
    beyond = [np.abs((dense - box.mean(axis=0)) @ (s / np.hypot(*s))) - np.hypot(*s) / 2 for s in sides]
    return float(np.hypot(*np.clip(beyond, 0, None)).min())


def pixels_of_lines(figure) -> np.ndarray:
    """Return which pixels lines and marks paint when nothing else is drawn, rows from below."""
    hidden = [a for a in figure.findobj() if a.get_visible() and not is_line(figure, a)]
    kept = {id(figure), *(id(axes) for axes in figure.axes)}
    hidden = [a for a in hidden if id(a) not in kept]
    layout = figure.get_layout_engine()
    figure.set_layout_engine("none")
    for artist in hidden:
        artist.set_visible(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba()).astype(int)[::-1, :, :3]
    for artist in hidden:
        artist.set_visible(True)
    figure.set_layout_engine(layout)
    return np.abs(picture - picture[0, 0]).sum(axis=2) > 60


def is_line(figure, artist) -> bool:
    return any(artist in axes.lines for axes in figure.axes) or isinstance(artist, LineCollection)


def covered(painted, box) -> int:
    """Return how many painted pixels lie in a polygon."""
    low, high = np.floor(box.min(axis=0)).astype(int).clip(0), np.ceil(box.max(axis=0)).astype(int)
    part = painted[low[1] : high[1], low[0] : high[0]]
    rows, columns = np.nonzero(part)
    points = np.column_stack([columns + low[0] + 0.5, rows + low[1] + 0.5])
    return int(Path(box).contains_points(points, radius=-SLACK).sum()) if len(points) else 0
