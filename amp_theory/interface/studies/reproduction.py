"""The studies, run: the phase diagrams of arXiv:2308.14085 and all others, with published numbers beside ours."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, overload

import numpy as np

from amp_theory.interface.studies.checking import CheckedValues
from amp_theory.interface.studies.literature import scaled
from amp_theory.interface.studies.published import FIGURES, PublishedFigure
from amp_theory.interface.studies.registered import SAMPLING, STUDIES, file_names, run_study, study_name
from amp_theory.models.catalogue import build_model, build_path
from amp_theory.phases.diagram.compute import phase_diagram
from amp_theory.phases.diagram.diagram import Diagram
from amp_theory.tools.errors import FileError, answer_of, item_of
from amp_theory.tools.files import as_file, check_output, to_json, write, write_text
from amp_theory.tools.progress import tracked
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Located
from amp_theory.tools.tables import ResultTable, of_rows

ENDINGS = (".pdf", ".png", ".json", ".csv")
TABLE = "key_points"


@dataclass(frozen=True)
class KeyPoint(Reported):
    """One number of the paper's code beside ours.

    Parameters
    ----------
    figure, point, coordinate
        Where the number is.
    published, ours, error
        The number of the paper's code, ours, and our absolute error bound.
    note
        What is known of the figure's numbers.

    See Also
    --------
    reproduce : Which tabulates all of them.
    """

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

    def report(self) -> str:
        """Return a readable text: both numbers and our error bound."""
        numbers = f"published {self.published:.7g}, ours {self.ours:.{_decimals(self.error)}f} +- {self.error:.1g}"
        return f"{self.figure}, {self.point}, {self.coordinate}: {numbers}"

    def table(self) -> ResultTable:
        """Return the number as one row."""
        return KeyPoints((self,)).table()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        names = ("figure", "point", "coordinate", "published", "ours", "error", "difference", "note")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class KeyPoints(Reported):
    """All numbers of the paper's code beside ours; behaves like a tuple of them.

    Parameters
    ----------
    rows
        A `KeyPoint` each.

    See Also
    --------
    reproduce : Which returns them.
    """

    rows: tuple[KeyPoint, ...]

    def __iter__(self) -> Iterator[KeyPoint]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> KeyPoint:
        return item_of(self.rows, index)

    def report(self) -> str:
        """Return the table paper's code / ours / difference as text."""
        return comparison_table(self.rows).rstrip()

    def table(self) -> ResultTable:
        """Return the numbers as rows."""
        cells = [row.to_dict() for row in self]
        return of_rows("arXiv:2308.14085", list(cells[0]), [list(row.values()) for row in cells])


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
    for value in figure.values:
        point: Located | None = getattr(diagram.thresholds, value.quantity)
        assert point is not None
        ours, error = scaled(diagram.model, point, value.coordinate)
        rows.append(KeyPoint(figure.name, value.quantity, value.coordinate, value.value, ours, error, figure.note))
    return rows


@overload
def reproduce(
    folder: str | os.PathLike[str] = "figures",
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
    study: None = None,
) -> KeyPoints: ...
@overload
def reproduce(
    folder: str | os.PathLike[str] = "figures",
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
    *,
    study: str,
) -> KeyPoints | CheckedValues: ...
def reproduce(
    folder: str | os.PathLike[str] = "figures",
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
    study: str | None = None,
) -> KeyPoints | CheckedValues:
    """Redraw a study of the literature with its numbers beside ours: the eight phase diagrams of the paper, or another.

    Parameters
    ----------
    folder
        Where to write; made if it does not exist.  For every figure: PDF, PNG, the diagram as JSON, its lines
        as CSV; and key_points.csv, .json, .txt with the columns paper's code, ours, difference.  A further study has
        one figure, its lines as CSV and JSON, and a table ..._published.csv, .json, .txt.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the name of each figure when it is begun, and with that of each model of a table.
    study
        "sampling", the diagrams of the paper, by default, about a minute; or "spherical-mixed", "compressed-sensing",
        "phase-retrieval", "relu", "symmetric-door", "block-models", "sparse-pca", "codes", some seconds each.

    Returns
    -------
    KeyPoints or CheckedValues
        The rows of the table: the published number, ours, and where it was published.  The lines of a further study are
        in its files.

    Raises
    ------
    UnknownNameError
        If there is no such study.
    FileError
        If a file exists and `overwrite` is not given: nothing is written then.

    See Also
    --------
    phase_diagram : One diagram, with an example.
    check : The published numbers alone.

    References
    ----------
    arXiv:2308.14085, and the numbers that its published code prints; those of further studies are in their JSON.
    """
    name = study_name(study)
    if name != SAMPLING:
        return run_study(STUDIES[name], _files(folder, file_names(STUDIES[name]), overwrite), progress)
    names = [f.name + ending for f in FIGURES for ending in ENDINGS] + [TABLE + e for e in (".csv", ".json", ".txt")]
    return _sampling(_files(folder, names, overwrite), progress)


def _files(folder: str | os.PathLike[str], names: Sequence[str], overwrite: bool) -> dict[str, FilePath]:
    """Return the files of these names in a folder, which is made, after checking that all can be written."""
    target = as_file(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {str(target)!r}: {error.strerror}") from error
    return {name: check_output(target / name, [FilePath(name).suffix], overwrite) for name in names}


def _sampling(files: Mapping[str, FilePath], progress: Callable[[str], None] | None) -> KeyPoints:
    """Draw the diagrams of the paper into their files, and tabulate every key point."""
    rows: list[KeyPoint] = []
    for figure in tracked(FIGURES, "figures"):
        if progress is not None:
            answer_of("progress", progress, figure.title)
        diagram = compute(figure)
        rows += key_points(figure, diagram)
        draw(figure, diagram, files[figure.name + ".pdf"], files[figure.name + ".png"])
        diagram.save(files[figure.name + ".json"], overwrite=True)
        diagram.to_csv(files[figure.name + ".csv"], overwrite=True)
    write_text(files[TABLE + ".txt"], comparison_table(rows))
    found = KeyPoints(tuple(rows))
    found.to_csv(files[TABLE + ".csv"], overwrite=True)
    write_text(files[TABLE + ".json"], to_json([row.to_dict() for row in rows]))
    return found


def published_places(figure: PublishedFigure, diagram: Diagram) -> list[tuple[float, float]]:
    """Return where the paper's numbers stand in its figure: on the horizontal axis in its scaling, and the strength.

    A tricritical point of which one coordinate is published has the other one of ours.
    """
    model, strength = diagram.model, diagram.path.strength

    def across(value: float, name: str) -> float:
        return float(model.convert(np.array(value), name, figure.scaling))

    places = [
        (across(control, name), value.value)
        for value in figure.on_lines for name, control in (value.at or {}).items() if value.coordinate == strength
    ]  # fmt: skip
    ends = {v.coordinate: v.value for v in figure.values if v.quantity == "tricritical"}
    places += [
        (across(v.value, v.coordinate), 0.0)
        for v in figure.values if v.quantity != "tricritical" and v.coordinate in model.scalings()
    ]  # fmt: skip
    ours = diagram.thresholds.tricritical
    if ends and ours is not None:
        x = next((across(x, name) for name, x in ends.items() if name in model.scalings()), None)
        own = across(ours.control, model.control)
        places.append((own if x is None else x, ends.get(strength, ours[strength])))
    return places


def draw(figure: PublishedFigure, diagram: Diagram, *files: FilePath) -> None:
    """Draw a diagram with the axes and ranges of the paper's figure, its lines and points named."""
    from matplotlib.figure import Figure

    from amp_theory.phases.diagram.drawing import plot_diagram

    canvas = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = canvas.add_subplot()
    title = figure.title.replace("rho = 0.08", r"$\rho = 0.08$")
    plot_diagram(
        diagram, axes, scaling=figure.scaling, limit=figure.strengths[1], title=title, annotate=True, style="light"
    )
    left, right = axes.get_xlim()
    x, y = zip(*(place for place in published_places(figure, diagram) if left <= place[0] <= right), strict=True)
    # whole where they stand on the axis, and above everything
    axes.plot(x, y, "x", color="black", ms=6, mew=1.2, gid="published", clip_on=False, zorder=6)
    axes.annotate("crosses: published", (1, 1), (-4, -4), "axes fraction", "offset points", ha="right", va="top",
                  fontsize=7)  # fmt: skip
    for file in files:
        write(file, lambda stream, kind=file.suffix[1:]: canvas.savefig(stream, format=kind, dpi=180))  # type: ignore[misc]


def comparison_table(rows: Sequence[KeyPoint]) -> str:
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
