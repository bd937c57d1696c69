"""The phase diagrams of arXiv:2308.14085, redrawn with their numbers beside them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from amp_theory.interface.studies.published import FIGURES, PublishedFigure
from amp_theory.models.catalogue import build_model, build_path
from amp_theory.phases.diagram.compute import phase_diagram
from amp_theory.phases.diagram.diagram import Diagram
from amp_theory.tools.errors import FileError, answer_of
from amp_theory.tools.files import as_file, check_output, to_json, write, write_text
from amp_theory.tools.results import Located
from amp_theory.tools.sheets import csv_text

ENDINGS = (".pdf", ".png", ".json", ".csv")
TABLE = "key_points"


@dataclass(frozen=True)
class KeyPoint:
    """One number of the paper's code beside ours, with our error bound."""

    figure: str
    point: str
    coordinate: str
    published: float
    ours: float
    error: float
    note: str = ""

    @property
    def difference(self) -> float:
        """Published minus ours."""
        return self.published - self.ours


def compute(figure: PublishedFigure, points: int = 200) -> Diagram:
    """Compute one of the paper's diagrams over the range of its figure."""
    model = build_model(figure.model, figure.parameters)
    path = build_path(figure.path)
    lo, hi = figure.controls
    if lo is None:
        from amp_theory.phases.points.thresholds import thresholds

        start = thresholds(model, path).condensation
        assert start is not None
        lo = float(model.convert(start.control, model.control, figure.scaling))
    ends = model.convert(np.array([lo, hi]), figure.scaling, model.control)
    return phase_diagram(model, path, (float(ends[0]), float(ends[1])), points)


def key_points(figure: PublishedFigure, diagram: Diagram) -> list[KeyPoint]:
    """Return the figure's published numbers beside ours."""
    rows = []
    for name, coordinate, value in figure.points:
        point: Located | None = getattr(diagram.thresholds, name)
        assert point is not None
        if coordinate == diagram.path.strength:
            ours, error = point[coordinate], point.errors[coordinate]
        else:
            convert = diagram.model.convert
            ours = float(convert(point.control, diagram.model.control, coordinate))
            _, power = diagram.model.scalings()[coordinate]
            error = abs(power) * ours / point.control * point.error
        rows.append(KeyPoint(figure.name, name, coordinate, value, ours, error, figure.note))
    return rows


def reproduce(
    folder: str | os.PathLike[str] = "figures",
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[KeyPoint]:
    """Draw the eight phase diagrams of the paper, and tabulate every key point; it takes about a minute.

    Parameters
    ----------
    folder
        Where to write; made if it does not exist.  For every figure: PDF, PNG, the diagram as JSON, its lines
        as CSV; and key_points.csv, .json, .txt with the columns paper's code, ours, difference.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the name of each figure when it is begun.

    Returns
    -------
    list of KeyPoint
        The rows of the table: the paper's number, ours, and where the paper has it.

    Raises
    ------
    FileError
        If a file exists and `overwrite` is not given: nothing is written then.

    See Also
    --------
    phase_diagram : One diagram, with an example.

    References
    ----------
    arXiv:2308.14085, and the numbers that its published code prints.
    """
    target = as_file(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {str(target)!r}: {error.strerror}") from error
    names = [f.name + ending for f in FIGURES for ending in ENDINGS] + [TABLE + e for e in (".csv", ".json", ".txt")]
    files = {name: check_output(target / name, [FilePath(name).suffix], overwrite) for name in names}
    rows: list[KeyPoint] = []
    for figure in FIGURES:
        if progress is not None:
            answer_of("progress", progress, figure.title)
        diagram = compute(figure)
        rows += key_points(figure, diagram)
        draw(figure, diagram, files[figure.name + ".pdf"], files[figure.name + ".png"])
        diagram.save(files[figure.name + ".json"], overwrite=True)
        diagram.to_csv(files[figure.name + ".csv"], overwrite=True)
    write_text(files[TABLE + ".txt"], comparison_table(rows))
    write_text(files[TABLE + ".csv"], _csv(rows))
    write_text(files[TABLE + ".json"], to_json([as_dict(row) for row in rows]))
    return rows


def draw(figure: PublishedFigure, diagram: Diagram, *files: FilePath) -> None:
    """Draw a diagram with the axes and ranges of the paper's figure."""
    from matplotlib.figure import Figure

    from amp_theory.phases.diagram.drawing import plot_diagram

    canvas = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = canvas.add_subplot()
    plot_diagram(diagram, axes, scaling=figure.scaling, limit=figure.strengths[1])
    axes.set_title(figure.title, fontsize=10)
    for file in files:
        write(file, lambda stream, kind=file.suffix[1:]: canvas.savefig(stream, format=kind, dpi=180))  # type: ignore[misc]


def as_dict(row: KeyPoint) -> dict[str, Any]:
    """Return a row of the table as plain data."""
    return {
        "figure": row.figure, "point": row.point, "coordinate": row.coordinate, "published": row.published,
        "ours": row.ours, "error": row.error, "difference": row.difference, "note": row.note,
    }  # fmt: skip


def comparison_table(rows: list[KeyPoint]) -> str:
    """Return the table paper's code / ours / difference as text."""
    head = f"{'figure':<36}{'point':<14}{'coordinate':<17}{'code':>11}{'ours':>19}{'bound':>9}{'difference':>12}"
    lines = [head, "-" * len(head)]
    for r in rows:
        lines.append(
            f"{r.figure:<36}{r.point:<14}{r.coordinate:<17}{r.published:>11.7g}{r.ours:>19.{_decimals(r.error)}f}"
            f"{r.error:>9.0e}{r.difference:>12.1e}"
        )
    notes = {r.figure: r.note for r in rows if r.note}
    lines += ["", *(f"{figure}: {note}" for figure, note in notes.items())]
    return "\n".join(lines).rstrip() + "\n"


def _decimals(error: float) -> int:
    """Return how many decimals of a number with this error bound to print."""
    return min(13, max(0, math.ceil(-math.log10(error))))


def _csv(rows: list[KeyPoint]) -> str:
    return csv_text(list(as_dict(rows[0])), [list(as_dict(row).values()) for row in rows])
