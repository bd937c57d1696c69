"""Computing a phase diagram: its special points, its lines, and the range of control if none is given."""

from __future__ import annotations

import datetime
import platform
from functools import singledispatch
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.phases.diagram.diagram import Diagram
from amp_theory.phases.diagram.lines import Line, LineTracer
from amp_theory.phases.diagram.random_lines import random_lines
from amp_theory.phases.diagram.regular_lines import regular_lines
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.geometry.random_measures import RandomGeometry
from amp_theory.phases.geometry.regular_graphs import RegularGeometry
from amp_theory.phases.geometry.solved import any_geometry_of
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.errors import InputError, as_float, as_list, integer_between, told
from amp_theory.tools.progress import stage
from amp_theory.tools.results import Thresholds

#: points of a line
MOST_POINTS = 100_000


def phase_diagram(
    model: Model,
    path: Path,
    control_range: tuple[float, float] | None = None,
    points: int = 200,
    target: Target | None = None,
) -> Diagram:
    """Compute the phase diagram of a model along a denoising path.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control_range
        (lo, hi), 0 < lo < hi; by default from condensation, or from the algorithmic threshold if that has
        more signal, to 10 % past the tricritical point.
    points
        Points per line, >= 2.
    target
        Whose verdicts the diagram gives: "planted" or "random" (if the model has a random counterpart);
        by default "random" where there is one.

    Returns
    -------
    Diagram
        Lines and points, and what answers about any control and strength.

    Raises
    ------
    InputError
        For a bad range or target, or when the default range does not exist.
    NumericalError
        If a solver fails.

    References
    ----------
    arXiv:2308.14085, whose figures these are.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin
    >>> diagram = phase_diagram(SphericalPSpin(p=3), Flow(), points=5)
    >>> {name: len(line) for name, line in diagram.lines.items()}
    {'informed_spinodal': 5, 'first_order': 5, 'uninformed_spinodal': 5}
    """
    solver = any_geometry_of(model, path)
    special = thresholds(model, path)
    lo, hi = check_range(model, control_range) if control_range is not None else default_range(model, special)
    points = integer_between("points", points, 2, MOST_POINTS)
    chosen = model.check_target(target)
    with stage("lines between %g and %g, %d points each", lo, hi, points):
        lines = traced(solver, special, (lo, hi), points)
    return Diagram(
        model=model, path=path, control_range=(lo, hi), points=points, target=chosen, lines=lines, thresholds=special,
        provenance=provenance(),
    )  # fmt: skip


@singledispatch
def traced(geo: Geometry, special: Thresholds, control_range: tuple[float, float], points: int) -> dict[str, Line]:
    """Return the lines of a geometry by name."""
    return LineTracer(geo, special, control_range, points).lines()


@traced.register(RegularGeometry)
def _of_regular_graphs(
    geo: RegularGeometry, special: Thresholds, control_range: tuple[float, float], points: int
) -> dict[str, Line]:
    return regular_lines(geo, control_range, points)


@traced.register(RandomGeometry)
def _of_random_measures(
    geo: RandomGeometry, special: Thresholds, control_range: tuple[float, float], points: int
) -> dict[str, Line]:
    return random_lines(geo, special, control_range, points)


def default_range(model: Model, special: Thresholds) -> tuple[float, float]:
    """Return the range from condensation (or algorithmic, if with more signal) to 10 % past tricritical.

    Raises
    ------
    InputError
        If one end does not exist; the message says which, and why.
    """
    for name in ("condensation", "tricritical"):
        if getattr(special, name) is None:
            raise InputError(
                f"no default range of {model.control}: there is no {name} point ({special.reasons[name]}); give a range"
            )
    assert special.condensation is not None
    assert special.tricritical is not None
    ends = [p.control for p in (special.condensation, special.algorithmic) if p is not None]
    far = special.tricritical.control * (1.1 if model.easier == "down" else 0.9)
    near = min(ends) if model.easier == "down" else max(ends)
    return min(near, far), max(near, far)


def check_range(model: Model, given: Any) -> tuple[float, float]:
    """Return (lo, hi) after checking that 0 < lo < hi."""
    ends = as_list(f"the range of {model.control}", given, "two numbers (lo, hi)")
    if len(ends) != 2:
        raise InputError(f"the range of {model.control} must be two numbers (lo, hi), got {told(given)}")
    lo, hi = (as_float(f"the range of {model.control}", x) for x in ends)
    if not 0 < lo < hi:
        raise InputError(f"the range of {model.control} must satisfy 0 < lo < hi, got ({lo:g}, {hi:g})")
    return lo, hi


def provenance() -> dict[str, Any]:
    """Return versions and date, to be stored with results."""
    from amp_theory import __version__

    return {
        "amp_theory": __version__, "numpy": np.__version__, "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
