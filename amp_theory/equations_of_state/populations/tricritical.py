"""The tricritical point of planted q-coloring along a path, from population dynamics at prescribed overlap.

With q_side(s) the overlap that side information of strength s gives to a node on its own, and q the overlap,

    c(q, s) = g(q, s) (q - q_side(s))/q,

where g is smooth down to q = s = 0, where it is the Kesten-Stigum degree.  A polynomial in q and in the path's
internal strength is fitted to g; the tricritical point is the cusp dc/dq = d^2c/dq^2 = 0, the least strength
at which the smallest slope of c(q) is not negative.  Points are placed in two stages, the second around the
cusp that a rough first one gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from amp_theory.equations_of_state.populations.population import PopulationPoint, PopulationRun, side_information
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, UniformDiscreteDiffusion
from amp_theory.models.coloring import Coloring
from amp_theory.tools.arrays import Array
from amp_theory.tools.registration import ByClass
from amp_theory.tools.results import Located
from amp_theory.tools.runs import random_stream

#: overlaps of the points, and q_side of the strengths of the first stage
OVERLAPS = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
LEVELS = (0.01, 0.03, 0.06, 0.1, 0.15)
#: strengths of the second stage in units of the first one's cusp
AROUND = (0.7, 1.0, 1.3)
#: the first stage has smaller populations and fewer sweeps by these factors
SMALLER, SHORTER = 4, 2
#: total degree of the fit, in q and (counted twice) in the strength; the one that tells its error
DEGREE, OTHER = 4, 5
#: repetitions with noise; overlaps on which slopes are looked at; bisections
REPETITIONS, POINTS, STEPS = 200, 241, 40
#: nodes that give the side information's own overlap
NODES = 20_000
#: part of the repetitions that must have a cusp
ENOUGH = 0.95


@ByClass
def side_overlap(path: Path, q: int, internal: Array) -> Array:
    """Return the overlap of single nodes with side information of internal strengths, shape (n,).

    It is a mean over fixed noise, smooth in the strength, unless an exact one is registered.
    """
    result = []
    for strength in path.public(np.maximum(internal, 0.0)):
        weight = np.exp(side_information(path, q, float(strength), NODES, random_stream(0, 0)))
        result.append((q * np.mean(weight[:, 0] / weight.sum(axis=1)) - 1) / (q - 1))
    return np.array(result)


@side_overlap.register(Autoregressive)
@side_overlap.register(UniformDiscreteDiffusion)
def _exact_overlap(path: Path, q: int, internal: Array) -> Array:
    """Return theta of erasures, retention^2 of flips."""
    return np.asarray(internal, dtype=float)


@dataclass(frozen=True, eq=False)
class _Data:
    """Points (overlap, internal strength) with mean degree c, its standard error, and (q - q_side)/q."""

    overlap: Array
    strength: Array
    degree: Array
    error: Array
    part: Array


@dataclass(frozen=True, eq=False)
class _Fit:
    """g(q, s) = sum over powers (i, j) of coefficients q^i s^j, and q_side on a grid of strengths."""

    powers: tuple[tuple[int, int], ...]
    coefficients: Array
    grid: Array
    side: Array

    def degree(self, q: Array, s: float) -> Array:
        """Return c(q, s)."""
        g = sum(c * q**i * s**j for c, (i, j) in zip(self.coefficients, self.powers, strict=True))
        return np.asarray(g * (1 - np.interp(s, self.grid, self.side) / q))

    def cusp(self, q: Array) -> tuple[float, float, float]:
        """Return mean degree, internal strength and overlap of the cusp, NaN if there is none on the grids."""
        low, high = 0.0, float(self.grid[-1])
        if self._slopes(q, low).min() >= 0 or self._slopes(q, high).min() < 0:
            return np.nan, np.nan, np.nan
        for _ in range(STEPS):
            middle = 0.5 * (low + high)
            if self._slopes(q, middle).min() < 0:
                low = middle
            else:
                high = middle
        at = int(np.argmin(self._slopes(q, high)))
        # the smallest slope lies between grid points
        around = self._slopes(q, high)[max(at - 1, 0) : at + 2]
        shift = 0.0
        if len(around) == 3:
            shift = 0.5 * (around[0] - around[2]) / (around[0] - 2 * around[1] + around[2])
        overlap = float(q[at] + shift * (q[1] - q[0]))
        return float(self.degree(np.array([overlap]), high)[0]), high, overlap

    def _slopes(self, q: Array, s: float) -> Array:
        return np.asarray(np.gradient(self.degree(q, s), q))


def _powers(degree: int) -> tuple[tuple[int, int], ...]:
    return tuple((i, j) for j in range(degree // 2 + 1) for i in range(degree - 2 * j + 1))


def _fit(data: _Data, degree: int, grid: Array, side: Array) -> _Fit:
    """Fit g by least squares, weighted with the errors."""
    powers = _powers(degree)
    columns = np.column_stack([data.overlap**i * data.strength**j for i, j in powers])
    weight = data.part / data.error
    solution = np.linalg.lstsq(columns * weight[:, None], data.degree / data.error, rcond=None)[0]
    return _Fit(powers, np.asarray(solution, dtype=float), grid, side)


def _data(model: Coloring, path: Path, places: Sequence[tuple[float, float]], points: list[PopulationPoint]) -> _Data:
    overlap, strength = (np.array(column) for column in zip(*places, strict=True))
    internal = path.internal(strength)
    part = 1 - side_overlap(path, model.q, internal) / overlap
    degree = np.array([2 * p.density for p in points])
    # half of the two standard errors given, and not less than a point deserves that happened to look quiet
    error = np.array([p.density_error for p in points])
    return _Data(overlap, internal, degree, np.maximum(error, np.median(error) / 2), part)


def _cusp(data: _Data, model: Coloring, path: Path, degree: int, top: float) -> tuple[float, float, float]:
    grid = np.linspace(0, top, 101)
    q = np.linspace(OVERLAPS[0], OVERLAPS[-1], POINTS)
    return _fit(data, degree, grid, side_overlap(path, model.q, grid)).cusp(q)


def _merged(first: _Data, second: _Data) -> _Data:
    return _Data(*(np.concatenate([getattr(d, n) for d in (first, second)]) for n in first.__dataclass_fields__))


def tricritical_point(run: PopulationRun, isotherm: list[PopulationPoint], done: int) -> tuple[Located | None, str]:
    """Return the tricritical point of a run's path, or None and the reason.

    Parameters
    ----------
    run
        The problem, with its executor and checkpoint.
    isotherm
        Points at strength zero, computed before by the run's first `done` tasks.
    """
    model, path = run.model, run.path
    inner = [p for p in isotherm if OVERLAPS[0] <= p.overlap <= OVERLAPS[-1]]
    zero = _data(model, path, [(p.overlap, 0.0) for p in inner], inner)
    rough = replace(model, population=max(1000, model.population // SMALLER), sweeps=max(8, model.sweeps // SHORTER))
    levels = _strengths(path, model.q)
    places = [(q, float(s)) for s in levels for q in OVERLAPS]
    data = _merged(zero, _data(model, path, places, run.points(places, done, rough)))
    top = float(path.internal(levels[-1:])[0])
    guess = _cusp(data, model, path, DEGREE, top)
    if np.isnan(guess[0]):
        reason = f"no cusp was found by populations of {rough.population} at strengths up to {levels[-1]:.3g}"
        return None, reason + ": take larger ones, or more runs"
    near = path.public(guess[1] * np.array(AROUND))
    around = [(q, float(s)) for s in near for q in OVERLAPS]
    points = run.points(around, done + len(places) * model.runs)
    data = _merged(data, _data(model, path, around, points))
    return _located(data, model, path, top)


def _strengths(path: Path, q: int) -> Array:
    """Return the strengths at which the side information's own overlap takes the values LEVELS."""
    internal = np.linspace(0, min(path.limit, 2.0), 201)
    return path.public(np.interp(LEVELS, side_overlap(path, q, internal), internal))


def _located(data: _Data, model: Coloring, path: Path, top: float) -> tuple[Located | None, str]:
    """Return the cusp of all points, with errors from noise and from the degree of the fit."""
    central, other = (np.array(_cusp(data, model, path, d, top)) for d in (DEGREE, OTHER))
    rng = np.random.default_rng(0)
    grid = np.linspace(0, top, 101)
    side = side_overlap(path, model.q, grid)
    q = np.linspace(OVERLAPS[0], OVERLAPS[-1], POINTS)
    noise = []
    for _ in range(REPETITIONS):
        noisy = replace(data, degree=data.degree + data.error * rng.standard_normal(len(data.error)))
        noise.append(_fit(noisy, DEGREE, grid, side).cusp(q))
    spread = np.array(noise)
    there = ~np.isnan(spread[:, 0])
    if np.isnan(central[0]) or np.isnan(other[0]) or there.mean() < ENOUGH:
        return None, "not resolved by these populations: take larger ones, or more runs"
    error = np.hypot(2 * spread[there].std(axis=0), np.abs(central - other))
    strength = float(path.public(central[1:2])[0])
    slope = float(path.public_slope(central[1:2])[0])
    errors = {"density": float(error[0]) / 2, path.strength: slope * float(error[1]), "overlap": float(error[2])}
    how = f"cusp of a polynomial through {len(data.degree)} points of population dynamics at fixed overlap"
    located = Located(
        float(central[0]) / 2,
        float(central[2]),
        errors,
        "density",
        strength,
        path.strength,
        status="statistical",
        how=how,
    )
    return located, ""
