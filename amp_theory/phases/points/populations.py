"""The special points of planted q-coloring, from population dynamics at prescribed overlaps.

A surface is fitted to the points (see `populations.fitted`), and its folds, cusps and equal free entropies are located
as those of any other: the dynamical and the condensation point on a curve through points at zero strength, which starts
from the Kesten-Stigum degree (q - 1)^2; the tricritical point on a surface through points at several strengths, placed
in two stages, the second around the cusp that a rough first one gives.  Errors are two standard deviations over
repetitions with noise as measured, and the change with the polynomials' degree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from amp_theory.equations_of_state.populations.fitted import FitData, FittedEquationOfState, powers_of
from amp_theory.equations_of_state.populations.found import PopulationPoint
from amp_theory.equations_of_state.populations.population import (
    PopulationRun,
    check_coloring,
    side_overlap,
)
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.coloring import Coloring
from amp_theory.phases.geometry.folds import fold_curve
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.points.zero_strength import condensation, dynamical
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.results import Located, Status, Thresholds

#: overlaps of the points at zero strength
OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
#: degree of their polynomials, and the other one that tells the error of the fit
DEGREE, OTHER = 6, 5
#: overlaps of points at positive strengths, and q_side of the strengths of the first stage
INNER = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
LEVELS = (0.01, 0.03, 0.06, 0.1, 0.15)
#: strengths of the second stage in units of the first one's cusp
AROUND = (0.7, 1.0, 1.3)
#: the first stage has smaller populations and fewer sweeps by these factors
SMALLER, SHORTER = 4, 2
#: total degree of the surface, in q and (counted twice) in the strength; the one that tells its error
SURFACE_DEGREE, OTHER_SURFACE_DEGREE = 4, 5
#: repetitions with noise, and the parts of them that must have a point, at zero strength and at others
REPETITIONS, MOST, ENOUGH = 100, 0.975, 0.95
#: strengths that are tried for those of the first stage
TRIED = 201
UNRESOLVED = "not resolved by these populations: take larger ones, or more runs"
CONTINUOUS = (
    "no second branch is seen by these populations at zero strength: continuous, at weak recovery, as far as they tell"
)

#: (density, internal strength, overlap) of a point, NaN where there is none
Coordinates = tuple[float, float, float]
NOWHERE: Coordinates = (np.nan, np.nan, np.nan)


def population_thresholds(
    model: Coloring,
    path: Path,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Thresholds:
    """Locate the special points of a colouring by population dynamics; minutes with the default options.

    Parameters
    ----------
    model, path
        The colouring and the path.
    executor, checkpoint, progress
        An executor of the standard library's kind for the runs; a file to which the run is saved and from which it is
        resumed; a function of (finished, all runs).

    Returns
    -------
    Thresholds
        Each point with two standard errors, or None with a reason.

    Raises
    ------
    InputError
        If the model is no colouring.
    FileError
        If the checkpoint belongs to another problem.

    See Also
    --------
    thresholds : The same without checkpoints; and for all other models.
    population_isotherm : The points from which they are found, with an example.
    """
    check_coloring(model, path)
    run = PopulationRun(model, path, {"question": "special points"}, executor, checkpoint, progress)
    points = run.points([(q, 0.0) for q in OVERLAPS])
    start = model.weak_recovery
    bounds = {"density": 8e-16 * start, "overlap": 0.0}
    found: dict[str, Located | str] = {
        "weak_recovery": Located(start, 0.0, bounds, "density", how="Kesten-Stigum: c = (q - 1)^2")
    }
    found |= _zero_strength(model, path, points)
    if isinstance(found["dynamical"], str):
        found |= dict.fromkeys(("condensation", "algorithmic", "tricritical"), found["dynamical"])
    else:
        how = "the curve falls from weak recovery: overlap 0 itself jumps where it loses stability"
        found["algorithmic"] = Located(start, 0.0, bounds, "density", how=how)
        found["tricritical"] = tricritical_point(run, points, len(points) * model.runs)
    return Thresholds.of(model, path, found)


# --- zero strength -----------------------------------------------------------------------------------------


def _zero_strength(model: Coloring, path: Path, points: list[PopulationPoint]) -> dict[str, Located | str]:
    """Return the dynamical and the condensation point of an isotherm at zero strength, or why there is none."""
    data = FitData.of(path, [(p.overlap, 0.0) for p in points], points)
    top = float(_strengths(path, model.q)[-1])

    def special(points: FitData, degree: int) -> tuple[list[Coordinates], bool]:
        powers = [(i, 0) for i in range(degree + 1)]
        try:
            geo = Geometry(FittedEquationOfState(model, path, points, powers, anchored=True, top=top))
            found = [dynamical(geo), condensation(geo)]
        except NumericalError:  # a curve too wild to tell
            return [NOWHERE, NOWHERE], False
        return [(p.control, 0.0, p.overlap) if isinstance(p, Located) else NOWHERE for p in found], True

    (first, settled), (second, _) = (special(data, degree) for degree in (DEGREE, OTHER))
    central, other = np.array(first), np.array(second)
    rng = np.random.default_rng(0)
    noise = np.array([special(data.noisy(rng), DEGREE)[0] for _ in range(REPETITIONS)])
    how = f"population dynamics at fixed overlap, {model.runs} runs of {model.sweeps} sweeps of {model.population}"
    # without a second branch on the curve itself noise may still make one up; with one it must not lose it
    missing = (CONTINUOUS if settled and np.isnan(central[0, 0]) else UNRESOLVED, UNRESOLVED)
    result: dict[str, Located | str] = {}
    for k, (name, what) in enumerate((("dynamical", "minimum of c(overlap)"), ("condensation", "equal free entropy"))):
        errors = _errors(central[k], other[k], noise[:, k], MOST)
        if errors is None:
            result[name] = missing[k]
        else:
            bounds = {"density": float(errors[0]), "overlap": float(errors[2])}
            density, _, overlap = central[k].tolist()
            result[name] = Located(density, overlap, bounds, "density", status=Status.STATISTICAL, how=f"{how}: {what}")
    return result


def _errors(central: Array, other: Array, noise: Array, enough: float) -> Array | None:
    """Return two standard deviations joined with the change of the fit; None if a point is not there often enough."""
    there = ~np.isnan(noise[:, 0])
    if np.isnan(central[0]) or there.mean() < enough:
        return None
    fit = np.abs(central - other) if not np.isnan(other[0]) else np.zeros(3)
    return np.asarray(np.hypot(2 * noise[there].std(axis=0), fit))


# --- tricritical points ------------------------------------------------------------------------------------


def tricritical_point(run: PopulationRun, isotherm: Sequence[PopulationPoint], done: int) -> Located | str:
    """Return the tricritical point of a run's path, or why there is none.

    Parameters
    ----------
    run
        The problem, with its executor and checkpoint.
    isotherm
        Points at strength zero, computed before by the run's first `done` tasks.
    """
    model, path = run.model, run.path
    inner = [p for p in isotherm if INNER[0] <= p.overlap <= INNER[-1]]
    zero = FitData.of(path, [(p.overlap, 0.0) for p in inner], inner)
    rough = replace(model, population=max(1000, model.population // SMALLER), sweeps=max(8, model.sweeps // SHORTER))
    levels = path.public(_strengths(path, model.q))
    places = [(q, float(s)) for s in levels for q in INNER]
    data = zero.joined(FitData.of(path, places, run.points(places, done, rough)))
    top = float(path.internal(levels[-1:])[0])
    guess = fitted_cusp(model, path, data, SURFACE_DEGREE, top)
    if np.isnan(guess[0]):
        reason = f"no cusp was found by populations of {rough.population} at strengths up to {levels[-1]:.3g}"
        return f"{reason}: take larger ones, or more runs"
    around = [(q, float(s)) for s in path.public(guess[1] * np.array(AROUND)) for q in INNER]
    data = data.joined(FitData.of(path, around, run.points(around, done + len(places) * model.runs)))
    return _located(data, model, path, top)


def fitted_cusp(model: Coloring, path: Path, data: FitData, degree: int, top: float) -> Coordinates:
    """Return the cusp at the least strength of a surface through points, NaN if it has none."""
    eos = FittedEquationOfState(model, path, data, powers_of(degree), anchored=False, top=top)
    try:
        cusps = [c.surface for c in fold_curve(eos).cusps if c.merging and 0 < c.surface.strength[0] < top]
    except NumericalError:  # a wild surface has none
        return NOWHERE
    if not cusps:
        return NOWHERE
    first = min(cusps, key=lambda f: float(f.strength[0]))
    return float(first.intensity[0]), float(first.strength[0]), float(first.overlap[0])


def _strengths(path: Path, q: int) -> Array:
    """Return the internal strengths at which the side information's own overlap takes the values LEVELS."""
    internal = np.linspace(0, min(float(path.internal(np.asarray(path.limit))), 2.0), TRIED)
    return np.interp(LEVELS, side_overlap(path, q, internal), internal)


def _located(data: FitData, model: Coloring, path: Path, top: float) -> Located | str:
    """Return the cusp of all points, with errors from noise and from the degree of the fit."""
    central, other = (np.array(fitted_cusp(model, path, data, d, top)) for d in (SURFACE_DEGREE, OTHER_SURFACE_DEGREE))
    rng = np.random.default_rng(0)
    noise = np.array([fitted_cusp(model, path, data.noisy(rng), SURFACE_DEGREE, top) for _ in range(REPETITIONS)])
    error = None if np.isnan(other[0]) else _errors(central, other, noise, ENOUGH)
    if error is None:
        return UNRESOLVED
    strength, slope = (float(f(central[1:2])[0]) for f in (path.public, path.public_slope))
    errors = {"density": float(error[0]), path.strength: slope * float(error[1]), "overlap": float(error[2])}
    how = f"cusp of a polynomial through {len(data.density)} points of population dynamics at fixed overlap"
    density, _, overlap = central.tolist()
    return Located(
        density, overlap, errors, "density", strength, path.strength, status=Status.STATISTICAL, how=how
    )  # fmt: skip
