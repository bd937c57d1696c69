"""What a study is: lines of ours over a parameter of a model, and what others published of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Flow
from amp_theory.interface.studies.literature import PublishedValue, printed_of, scaled
from amp_theory.models.base import Model
from amp_theory.phases.diagram.styles import GREEN, RED, STYLES
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.arrays import Array
from amp_theory.tools.progress import tracked
from amp_theory.tools.results import Located, MissingPoint
from amp_theory.tools.tables import ERROR, ResultTable, of_rows

#: between which our numbers lie, in logarithms: controls and strengths are positive
LOGARITHMS = (-30.0, 30.0)
#: dash and colour of thresholds, those of lines that begin in them
LOOKS = {
    "dynamical": STYLES["informed_spinodal"][:2],
    "condensation": STYLES["first_order"][:2],
    "algorithmic": STYLES["uninformed_spinodal"][:2],
    "weak_recovery": (":", GREEN),
    "tricritical": ("-", RED),
}


@dataclass(frozen=True)
class Panel:
    """One pair of axes of a study: name, quantities of both, as tables name them, with their labels and ranges.

    y is a function of one of our numbers, `coordinate`: that itself unless `shown` says otherwise.
    """

    name: str
    x: str
    x_label: str
    y: str
    y_label: str
    coordinate: str
    shown: Callable[[Array], Array] = np.positive
    y_range: tuple[float | None, float | None] = (None, None)

    def shows(self, model: Model, coordinate: str) -> bool:
        """Tell whether y follows from a coordinate of a point: it is the same, or both are scalings of the control."""
        return coordinate == self.coordinate or {coordinate, self.coordinate} <= {model.control, *model.scalings()}

    def of(self, model: Model, point: Located | MissingPoint, factor: float = 1.0) -> tuple[float, float]:
        """Return y of a point and its error bound, nan where there is no point."""
        if isinstance(point, MissingPoint):
            return math.nan, math.nan
        ours, error = scaled(model, point, self.coordinate)
        low, y, high = (factor * self.shown(np.array([ours - error, ours, ours + error]))).tolist()
        return y, max(abs(high - y), abs(y - low)) + 4 * math.ulp(y)

    def of_published(self, model: Model, value: PublishedValue, factor: float = 1.0) -> float:
        """Return y of a published value, from the convention in which it is printed."""
        ours = our_number(value)
        if value.coordinate != self.coordinate:
            ours = float(model.convert(np.array(ours), value.coordinate, self.coordinate))
        return factor * float(self.shown(np.array(ours)))


@dataclass(frozen=True)
class Curve:
    """A line of ours: y and its error bounds over x, nan where there is no such point.

    marks is the shape of what stands at every point where only these exist; width is in units of the usual one.
    """

    panel: str
    name: str
    x: Array
    y: Array
    error: Array
    dash: str
    colour: str
    marks: str = ""
    width: float = 1.0

    @classmethod
    def of_points(cls, panel: Panel, name: str, points: Iterable[tuple[float, float, float]], **look: Any) -> Curve:
        """Return the line through points (x, y, error)."""
        x, y, error = np.array(list(points), dtype=float).T
        return cls(panel.name, name, x, y, error, **look)


@dataclass(frozen=True)
class Spot:
    """Where a published value is drawn: panel and x, beside which curve, and by what its y is to be multiplied."""

    panel: str
    x: float
    curve: str
    factor: float = 1.0


@dataclass(frozen=True)
class Mark:
    """A published value as it is drawn."""

    value: PublishedValue
    panel: str
    x: float
    y: float
    curve: str


@dataclass(frozen=True)
class Study:
    """Lines of a family of models with what is published of them.

    `name` is that on the command line and `words` others that mean it; `about` is what it shows and `sources` where
    its equations are.  `curves` computes the lines; `place` says of a published value, its model and path where it is
    drawn, None if it is of another study.
    """

    name: str
    title: str
    about: str
    sources: tuple[str, ...]
    panels: tuple[Panel, ...]
    curves: Callable[[], list[Curve]]
    place: Callable[[PublishedValue, Model, Path], Spot | None]
    words: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The beginning of the names of its files."""
        return self.name.replace("-", "_")

    def panel(self, name: str) -> Panel:
        """Return a panel by its name."""
        return next(panel for panel in self.panels if panel.name == name)

    def marks(self, values: Iterable[PublishedValue]) -> list[Mark]:
        """Return those of the published values that are of this study, in their places."""
        found = []
        for value in values:
            model, path = value.build()
            place = self.place(value, model, path)
            if place is not None and self.panel(place.panel).shows(model, value.coordinate):
                y = self.panel(place.panel).of_published(model, value, place.factor)
                found.append(Mark(value, place.panel, place.x, y, place.curve))
        return found

    def table(self, curves: Iterable[Curve]) -> ResultTable:
        """Return the lines as rows."""
        names = ["panel", "curve", "x", "value_of_x", "y", "value_of_y", f"{ERROR}value_of_y"]
        rows = []
        for curve in curves:
            panel = self.panel(curve.panel)
            for x, y, error in zip(curve.x.tolist(), curve.y.tolist(), curve.error.tolist(), strict=True):
                if not math.isnan(y):
                    rows.append((panel.name, curve.name, panel.x, x, panel.y, y, error))
        return of_rows(self.title, names, rows)

    def to_dict(self, curves: Iterable[Curve], marks: Iterable[Mark]) -> dict[str, Any]:
        """Return the lines and the published values in their places as plain data."""
        lines = []
        for curve in curves:
            panel = self.panel(curve.panel)
            points = [None if math.isnan(y) else y for y in curve.y.tolist()]
            errors = [None if math.isnan(e) else e for e in curve.error.tolist()]
            lines.append({"panel": panel.name, "curve": curve.name, panel.x: curve.x.tolist(), panel.y: points,
                          "error": {panel.y: errors}})  # fmt: skip
        published = [
            {"panel": m.panel, "curve": m.curve, self.panel(m.panel).x: m.x, self.panel(m.panel).y: m.y,
             "printed": m.value.printed, "source": m.value.source.reference, "where": m.value.where}
            for m in marks
        ]  # fmt: skip
        return {
            "study": self.name, "title": self.title, "about": self.about, "sources": list(self.sources),
            "curves": lines, "published": published,
        }  # fmt: skip


def threshold_curves(
    panel: Panel, family: Mapping[float, Model], names: Mapping[str, str], path: Path | None = None, **look: Any
) -> list[Curve]:
    """Return the special points of a family of models, by x, as curves; names are what thresholds are called there."""
    found = {x: thresholds(model, path or Flow()) for x, model in tracked(list(family.items()), "models")}
    curves = []
    for threshold, name in names.items():
        dash, colour = LOOKS[threshold]
        points = [(x, *panel.of(family[x], special[threshold])) for x, special in found.items()]
        curves.append(Curve.of_points(panel, name, points, **{"dash": dash, "colour": colour} | look))
    return curves


def our_number(value: PublishedValue) -> float:
    """Return the number x of ours that its source would print as a published value."""
    if value.conversion == "x":
        return value.value

    def excess(logarithm: float) -> float:
        return printed_of(value, math.exp(logarithm), 0.0)[0] - value.value

    return math.exp(brentq(excess, *LOGARITHMS, xtol=1e-15))
