"""The special points of a model: dynamical, condensation, algorithmic, weak recovery, tricritical.

At zero strength (zero_strength.py) they do not depend on the path; the tricritical point (tricritical.py) does.  What
they are, and how their errors are bounded, is written there; those of regular graphs are in regular_graphs.py, of
colourings in populations.py.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import CONFIDENCE_ORDERS, Autoregressive
from amp_theory.models.base import Model
from amp_theory.models.coloring import Coloring
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.geometry.random_measures import RandomGeometry
from amp_theory.phases.geometry.regular_graphs import RegularGeometry
from amp_theory.phases.geometry.solved import any_geometry_of, check_order, check_pair
from amp_theory.phases.points.confidence import by_confidence
from amp_theory.phases.points.random_measures import random_thresholds
from amp_theory.phases.points.regular_graphs import regular_thresholds
from amp_theory.phases.points.tricritical import no_cusp, sorted_cusps
from amp_theory.phases.points.zero_strength import algorithmic, condensation, dynamical, weak_recovery
from amp_theory.tools.errors import InputError
from amp_theory.tools.progress import stage
from amp_theory.tools.results import Thresholds

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from concurrent.futures import Executor

    from amp_theory.exact.digits.points import Sharpener


def sharpener(model: Model, path: Path, digits: int | None) -> Sharpener | None:
    """Return what solves points again with more digits, after checking that they are there; None for no digits."""
    if digits is None:
        return None
    from amp_theory.exact.digits.points import Sharpener, check_digits

    check_pair(model, path)
    return Sharpener(model, path, check_digits(digits))


def thresholds(model: Model, path: Path, digits: int | None = None) -> Thresholds:
    """Locate all special points of a model along a path.

    Parameters
    ----------
    model
        For instance IsingPSpin(p=3) or SpikedMatrix(SparseRademacher(0.08)).
    path
        Flow(), Autoregressive() or UniformDiscreteDiffusion(); only the tricritical point depends on it.
    digits
        Significant digits, 1 to 50: every point is solved again in mpmath, checked by a second quadrature rule with
        more digits, and holds them in `decimals`.  For dense models, and those with two kinds of variables,
        with the priors, couplings and paths of the package, and densities that mpmath can evaluate.

    Returns
    -------
    Thresholds
        Each point with an absolute error bound, or None with a reason.

    Raises
    ------
    InputError
        If the path is not defined for the model's prior, or `digits` are not there for the model.
    NumericalError
        If a solver fails.

    References
    ----------
    arXiv:2308.14085; the equations stand on top of the modules `zero_strength` and `tricritical`.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin
    >>> point = thresholds(SphericalPSpin(p=3), Flow()).tricritical  # T = 2/3, snr = 1/8, q = 1/3
    >>> bool(abs(point.temperature - 2 / 3) <= point.error)
    True
    """
    sharp = sharpener(model, path, digits)
    if sharp is not None:
        return sharp.thresholds(special_points(model, path))
    return special_points(model, path)


@singledispatch
def special_points(
    model: Model,
    path: Path,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Thresholds:
    """Return what `thresholds` does without digits; models that need long random runs take how to run them.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    executor, checkpoint, progress
        As for `run_tasks`; models that are solved at once have no use for them.

    Raises
    ------
    InputError
        If an executor or a checkpoint is given for a model that is solved at once.
    """
    check_order(model, path)
    told = path.order in CONFIDENCE_ORDERS
    # zero strength has no order, and the random one an equation of state
    geo = any_geometry_of(model, Autoregressive() if told else path)
    if executor is not None or checkpoint is not None:
        raise InputError(f"{model!r} is solved at once: it has no long runs to checkpoint or to distribute")
    with stage("special points of %r along %r", model, path):
        return by_confidence(model, path, located_points(geo)) if told else located_points(geo)


@special_points.register(Coloring)
def _of_colours(
    model: Coloring,
    path: Path,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Thresholds:
    from amp_theory.phases.points.populations import population_thresholds

    check_order(model, path)

    return population_thresholds(model, path, executor, checkpoint, progress)


@singledispatch
def located_points(geo: Geometry) -> Thresholds:
    """Return the special points of a geometry."""
    eos = geo.eos
    weak = weak_recovery(geo)
    cusps = sorted_cusps(geo)
    found = {
        "dynamical": dynamical(geo), "condensation": condensation(geo), "algorithmic": algorithmic(geo, weak),
        "weak_recovery": weak, "tricritical": cusps[0][0] if cusps else no_cusp(geo),
    }  # fmt: skip
    return Thresholds.of(eos.model, eos.path, found, [point for point, _ in cusps[1:]])


@located_points.register(RegularGeometry)
def _of_regular_graphs(geo: RegularGeometry) -> Thresholds:
    return regular_thresholds(geo)


@located_points.register(RandomGeometry)
def _of_random_measures(geo: RandomGeometry) -> Thresholds:
    return random_thresholds(geo)
