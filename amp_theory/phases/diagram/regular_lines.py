"""The lines of regular graphs: points at densities with an integer degree, connected from one density to the next."""

from __future__ import annotations

import numpy as np

from amp_theory.phases.diagram.along_path import PathTransitions, path_transitions
from amp_theory.phases.diagram.lines import LINES, Line
from amp_theory.phases.geometry.regular_graphs import RegularGeometry

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
    most = max((len(getattr(f, name)) for f in found), default=0)
    rows: list[tuple[float, ...]] = []
    ends: list[tuple[str, str]] = []
    for place in range(most):
        here = [i for i, f in enumerate(found) if len(getattr(f, name)) > place]
        for run in np.split(np.array(here), np.flatnonzero(np.diff(here) > 1) + 1):
            for i in run:
                point = getattr(found[i], name)[place]
                lower = found[i].lower_overlaps[place] if name == "first_order" else np.nan
                rows.append((point.control, point.strength, point.overlap, lower, point.errors[names[1]], len(ends)))
            first, last = (
                "edge of the range" if run[i] == edge else NEXT.format(names[0])
                for i, edge in ((0, 0), (-1, len(found) - 1))
            )
            ends.append((first, last))
    columns = np.array(rows, dtype=float).reshape(-1, 6).T
    return Line(
        control=columns[0], strength=columns[1], overlap=columns[2],
        lower_overlap=columns[3] if name == "first_order" else None, error=columns[4],
        segment=columns[5].astype(int), ends=tuple(ends), control_name=names[0], strength_name=names[1],
    )  # fmt: skip
