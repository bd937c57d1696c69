"""The special points of planted q-coloring, from population dynamics at a range of overlaps.

c(overlap) at zero strength starts from the Kesten-Stigum degree (q - 1)^2 at overlap zero.  Its minimum is
the dynamical point; the free entropy relative to the paramagnet is, from zero at overlap zero,

    phi(overlap) = int (d phi/d density) d density,    d phi/d density = E log(1 - eta.eta') - log(1 - 1/q),

and vanishes again, on the stable side, at condensation.  Polynomials are fitted to c and to d phi/d density by weighted
least squares; errors are two standard deviations over repetitions with noise as measured, and the change
with the polynomials' degree.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

from amp_theory.equations_of_state.populations.population import PopulationPoint, PopulationRun, check_coloring
from amp_theory.equations_of_state.populations.tricritical import tricritical_point
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.coloring import Coloring
from amp_theory.tools.arrays import Array
from amp_theory.tools.results import Located, Thresholds

OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
#: degree of the polynomials, the other one that tells the error of the fit, and repetitions with noise
DEGREE, OTHER, REPETITIONS = 6, 5, 200
#: points at which the fitted curve is followed
POINTS = 4001


@dataclass(frozen=True)
class _Special:
    """Densities and overlaps of the dynamical and condensation points, NaN where there is none."""

    dynamical: tuple[float, float]
    condensation: tuple[float, float]


def _fit(x: Array, y: Array, error: Array, degree: int, start: float) -> Polynomial:
    """Return the polynomial through `start` at zero that fits y(x) with weights 1/error."""
    powers = x[:, None] ** np.arange(1, degree + 1)
    solution = np.linalg.lstsq(powers / error[:, None], (y - start) / error, rcond=None)[0]
    return Polynomial([start, *solution])


def _special(
    overlap: Array, density: Array, slope: Array, errors: tuple[Array, Array], degree: int, start: float
) -> _Special:
    """Return the special points of fitted curves."""
    curve = _fit(overlap, density, errors[0], degree, start)
    gain = _fit(overlap, slope, errors[1], degree, 0.0)
    phi = (gain * curve.deriv()).integ()
    q = np.linspace(0, float(overlap[-1]), POINTS)
    lowest = int(np.argmin(curve(q)))
    if lowest == 0:
        return _Special((np.nan, np.nan), (np.nan, np.nan))
    beyond = q[lowest:]
    crossing = np.flatnonzero((phi(beyond[:-1]) < 0) & (phi(beyond[1:]) >= 0))
    at = float(beyond[crossing[0]]) if len(crossing) else np.nan
    return _Special((float(curve(q[lowest])), float(q[lowest])), (float(curve(at)), at))


def _located(central: tuple[float, float], other: tuple[float, float], noise: Array, how: str) -> Located | None:
    """Return a point with errors from the fit and from noise, None if it is not there in nearly all repetitions."""
    there = ~np.isnan(noise[:, 0])
    if np.isnan(central[0]) or there.mean() < 0.975:
        return None
    spread = 2 * np.std(noise[there], axis=0)
    fit = np.abs(np.subtract(central, other)) if not np.isnan(other[0]) else np.zeros(2)
    error = np.hypot(spread, fit)
    errors = {"density": float(error[0]), "overlap": float(error[1])}
    return Located(*central, errors, "density", status="statistical", how=how)


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

    Raises
    ------
    FileError
        If the checkpoint belongs to another problem.
    """
    check_coloring(model, path)
    run = PopulationRun(model, path, {"question": "special points"}, executor, checkpoint, progress)
    points = run.points([(q, 0.0) for q in OVERLAPS])
    start = model.weak_recovery
    exact = Located(
        start, 0.0, {"density": 8e-16 * start, "overlap": 0.0}, "density", how="Kesten-Stigum: c = (q - 1)^2"
    )
    dynamical, condensation = _discontinuous(points, start, _how(model))
    reasons: dict[str, str] = {}
    algorithmic = tricritical = None
    if dynamical is None:
        reasons["algorithmic"] = "the uninformed branch changes continuously, at weak recovery"
        reasons["dynamical"] = "no second branch at zero strength: the transition is continuous, at weak recovery"
        reasons["condensation"] = "the equilibrium branch changes continuously, at weak recovery"
        reasons["tricritical"] = "no first-order transition at zero strength from which a line could start"
    else:
        how = "the curve falls from weak recovery: overlap 0 itself jumps where it loses stability"
        algorithmic = Located(start, 0.0, exact.errors, "density", how=how)
        tricritical, reason = tricritical_point(run, points, len(points) * model.runs)
        if tricritical is None:
            reasons["tricritical"] = reason
    if dynamical is not None and condensation is None:
        reasons["condensation"] = "not resolved by these populations: take larger ones, or more runs"
    return Thresholds(
        model.name, path.name, model.control, path.strength, model.parameters, dynamical, condensation, algorithmic,
        exact, tricritical, reasons, bounds=model.bounds,
    )  # fmt: skip


def _how(model: Coloring) -> str:
    return f"population dynamics at fixed overlap, {model.runs} runs of {model.sweeps} sweeps of {model.population}"


def _discontinuous(points: list[PopulationPoint], start: float, how: str) -> tuple[Located | None, Located | None]:
    """Return the dynamical and the condensation point of an isotherm at zero strength."""
    overlap, density, slope, e_density, e_slope = (
        np.array([getattr(p, name) for p in points])
        for name in ("overlap", "density", "per_density", "density_error", "per_density_error")
    )
    errors = np.maximum(e_density, 1e-12), np.maximum(e_slope, 1e-12)
    central, other = (_special(overlap, density, slope, errors, d, start) for d in (DEGREE, OTHER))
    rng = np.random.default_rng(0)
    noisy = [
        _special(
            overlap,
            density + 0.5 * errors[0] * rng.standard_normal(len(points)),
            slope + 0.5 * errors[1] * rng.standard_normal(len(points)),
            errors, DEGREE, start,
        )
        for _ in range(REPETITIONS)
    ]  # fmt: skip
    found = [
        _located(
            getattr(central, name), getattr(other, name), np.array([getattr(s, name) for s in noisy]), f"{how}: {what}"
        )
        for name, what in (("dynamical", "minimum of c(overlap)"), ("condensation", "equal free entropy"))
    ]
    return found[0], found[1] if found[0] is not None else None
