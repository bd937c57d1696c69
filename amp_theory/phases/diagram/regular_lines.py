"""The lines of regular graphs: points at densities with an integer degree, connected from one density to the next."""

from __future__ import annotations

import numpy as np

from amp_theory.phases.diagram.along_path import PathTransitions, path_transitions
from amp_theory.phases.diagram.lines import LINES, Line
from amp_theory.phases.geometry.regular_graphs import RegularGeometry
from amp_theory.tools.arrays import Array

#: why a line ends where no control is the last
NEXT = "none at the next {}"


def regular_lines(geo: RegularGeometry, control_range: tuple[float, float], points: int) -> dict[str, Line]:
    """Return the lines of a diagram: points at the densities of graphs, at most `points` of them evenly chosen.

    Points of neighbouring densities with the same place in the order of strengths are connected.
    """
    found = [path_transitions(geo.model, geo.path, float(x)) for x in geo.controls(control_range, points)]
    return {name: joined_line(name, found, (geo.model.control, geo.path.strength)) for name in LINES}


def joined_line(name: str, found: list[PathTransitions], names: tuple[str, str]) -> Line:
    """Return one line, with the names of control and strength, from what the path meets at ascending controls."""
    rows = [
        (i, p.strength, p.overlap, low, p.errors[names[1]])
        for i, f in enumerate(found)
        for p, low in zip(f[name], f.lower_overlaps if name == "first_order" else [np.nan] * len(f[name]), strict=True)
    ]
    columns = np.array(rows, dtype=float).reshape(-1, 5).T
    keys = ("row", "strength", "overlap", "lower", "error")
    return joined_points(name, np.array([f.control for f in found]), dict(zip(keys, columns, strict=True)), names)


def joined_points(name: str, controls: Array, columns: dict[str, Array], names: tuple[str, str]) -> Line:
    """Return one line from points at ascending controls, by their numbers, `row`, and growing strength."""
    row = columns["row"].astype(int)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    kept: list[int] = []
    ends: list[tuple[str, str]] = []
    segment: list[int] = []
    for number in range(int(place.max(initial=-1)) + 1):
        here = np.flatnonzero(place == number)
        for run in np.split(here, np.flatnonzero(np.diff(row[here]) > 1) + 1):
            first, last = (
                "edge of the range" if row[run[i]] == edge else NEXT.format(names[0])
                for i, edge in ((0, 0), (-1, len(controls) - 1))
            )
            kept += run.tolist()
            segment += [len(ends)] * len(run)
            ends.append((first, last))
    strength, overlap, lower, error = (columns[key][kept] for key in ("strength", "overlap", "lower", "error"))
    return Line(
        control=controls[row[kept]], strength=strength, overlap=overlap,
        lower_overlap=lower if name == "first_order" else None, error=error,
        segment=np.array(segment, dtype=int), ends=tuple(ends), control_name=names[0], strength_name=names[1],
    )  # fmt: skip
