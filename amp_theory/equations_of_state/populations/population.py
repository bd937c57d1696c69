"""Planted q-coloring of Poisson random graphs, solved by population dynamics at prescribed overlap.

In the gauge where the planted colour of every node is 0, a message eta is a probability of the q colours:

    eta_s = side(s) prod_{a=1..d} (1 - eta^a_s)/normalisation,    d ~ Poisson(c), c = 2 density,

where neighbour a has planted colour tau, uniform on 1, ..., q-1, and its message is one of the population with its
colours permuted so that 0 becomes tau.  overlap = (q E eta_0 - 1)/(q - 1).  The posterior entropy, nats per node, is

    S = E log sum_s [side(s)/side(0)] prod_a (1 - eta^a_s) - (c/2) E log(1 - sum_s eta_s eta'_s),

in the paramagnet log q + (c/2) log(1 - 1/q), and at a fixed point dS/dc = (1/2) E log(1 - sum_s eta_s eta'_s).

At every sweep the new population's overlap, averaged over Poisson degrees, is a smooth function of c: c is
solved for the prescribed overlap, so that stable and unstable branches are reached alike and nothing is
located by watching a branch collapse.  Source: L. Zdeborova, F. Krzakala, Phys. Rev. E 76, 031131 (2007).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.equations_of_state.choose import check_surface
from amp_theory.equations_of_state.populations.found import PopulationFixedPoint, PopulationPoint
from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.ingredients.paths.sides import check_no_side
from amp_theory.models.coloring import Coloring
from amp_theory.models.own_names import at_point
from amp_theory.tools.arrays import Array
from amp_theory.tools.checkpoints import Result, State
from amp_theory.tools.errors import InputError, as_float, as_list, one_of, told
from amp_theory.tools.registration import ByClass
from amp_theory.tools.runs import random_stream, run_tasks

#: bisections for the degree, standard deviations beyond which degrees are cut off
STEPS, TAIL = 60, 7.0
#: nodes that give the side information's own overlap
NODES = 20_000


@ByClass
def side_information(path: Path, q: int, strength: float, shape: int, rng: np.random.Generator) -> Array:
    """Return log[side(s)/side(0)] for `shape` nodes of colour 0, shape (shape, q); -inf where a colour is excluded.

    Raises
    ------
    InputError
        For a path whose class has registered no such function.

    Examples
    --------
    >>> from amp_theory import Flow
    >>> class Nothing(Flow):
    ...     pass
    >>> @side_information.register(Nothing)
    ... def _nothing(path, q, strength, shape, rng):
    ...     return np.zeros((shape, q))
    >>> side_information(Nothing(), 4, 0.5, 10, random_stream(0, 0)).shape
    (10, 4)
    """
    raise InputError(
        f"{told(path)} has no meaning for colours: use Flow, Autoregressive or UniformDiscreteDiffusion, or register "
        f"what it tells with {side_information.where}"
    )


@side_information.register(Flow)
def _noisy(path: Flow, q: int, strength: float, shape: int, rng: np.random.Generator) -> Array:
    """Every colour is seen in noise: snr [s = 0] + sqrt(snr) z_s."""
    log = math.sqrt(strength) * rng.standard_normal((shape, q))
    log[:, 0] += strength
    return np.asarray(log - log[:, :1])


@side_information.register(Autoregressive)
def _known(path: Autoregressive, q: int, strength: float, shape: int, rng: np.random.Generator) -> Array:
    """Make the colour known with probability theta."""
    log = np.zeros((shape, q))
    log[rng.random(shape) < strength, 1:] = -np.inf
    return log


@side_information.register(UniformDiscreteDiffusion)
def _seen(path: UniformDiscreteDiffusion, q: int, strength: float, shape: int, rng: np.random.Generator) -> Array:
    """Show a colour, the right one with probability r + (1 - r)/q, r the retention, else any other."""
    right = strength + (1 - strength) / q
    seen = np.where(rng.random(shape) < right, 0, rng.integers(1, q, shape))
    log = np.zeros((shape, q))
    log[np.arange(shape), seen] = math.log(right * (q - 1) / (1 - right)) if right < 1 else np.inf
    return log - log[:, :1]


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


def permutations(q: int) -> npt.NDArray[np.intp]:
    """Return rows p with eta'[s] = eta[p[s]], by which planted colour 0 becomes 1, ..., q-1, the others rotated."""
    rows = []
    for tau in range(1, q):
        others = [s for s in range(q) if s != tau]
        for shift in range(q - 1):
            row = np.zeros(q, dtype=np.intp)
            row[others] = 1 + (np.arange(q - 1) + shift) % (q - 1)
            rows.append(row)
    return np.array(rows)


def poisson(mean: float, most: int) -> Array:
    """Return Poisson probabilities of 0, ..., most, normalised."""
    d = np.arange(most + 1)
    log = d * math.log(mean) - np.array([math.lgamma(x + 1) for x in d])
    weight = np.exp(log - log.max())
    return np.asarray(weight / weight.sum())


@dataclass(frozen=True)
class _Sweep:
    """Beliefs of fresh nodes with 0, 1, ..., most neighbours from a population.

    eta has shape (most + 1, nodes, q), log_z shape (most + 1, nodes).
    """

    eta: Array
    log_z: Array

    @classmethod
    def draw(cls, population: Array, log_side: Array, most: int, rng: np.random.Generator) -> _Sweep:
        n, q = log_side.shape
        table = permutations(q)
        weight = np.exp(log_side)
        eta, log_z = np.empty((most + 1, n, q)), np.empty((most + 1, n))
        log_scale = np.zeros(n)
        for d in range(most + 1):
            if d:
                member = np.asarray(rng.integers(0, len(population), n))
                order = table[rng.integers(0, len(table), n)]
                weight = weight * (1 - population[member[:, np.newaxis], order])
            total = weight.sum(axis=1)
            weight /= total[:, None]
            log_scale = log_scale + np.log(total)
            eta[d], log_z[d] = weight, log_scale
        return cls(eta, log_z)


def edge_log(population: Array, rng: np.random.Generator) -> float:
    """Return E log(1 - sum_s eta_s eta'_s) over pairs of messages with different planted colours."""
    n, q = population.shape
    table = permutations(q)
    other = population[rng.permutation(n)[:, None], table[rng.integers(0, len(table), n)]]
    return float(np.mean(np.log1p(-np.minimum((population * other).sum(axis=1), 1 - 1e-12))))


def _resampled(sweep: _Sweep, mean: float, rng: np.random.Generator) -> Array:
    """Return a population whose degrees are Poisson, stratified so that their fractions do not fluctuate."""
    n = sweep.log_z.shape[1]
    uniform = (rng.permutation(n) + rng.random(n)) / n
    degree = np.minimum(np.searchsorted(np.cumsum(poisson(mean, len(sweep.eta) - 1)), uniform), len(sweep.eta) - 1)
    return np.asarray(sweep.eta[degree, np.arange(n)])


@dataclass(frozen=True)
class FixedOverlap:
    """One run at a prescribed overlap: a task whose state is the population and the record of its sweeps."""

    model: Coloring
    path: Path
    overlap: float
    strength: float

    def start(self, rng: np.random.Generator) -> State:
        """Return messages that are right with the probability that gives the overlap, else undecided."""
        q = self.model.q
        known = rng.random(self.model.population) < self.overlap
        eta = np.full((self.model.population, q), 1 / q)
        eta[known] = np.eye(q)[0]
        return {"population": eta, "degree": np.array([2 * self.model.weak_recovery]), "record": np.empty((0, 3))}

    def advance(self, state: State, rng: np.random.Generator) -> None:
        """Draw fresh nodes, solve overlap(c) = overlap for c, and make them the new population."""
        q, population = self.model.q, state["population"]
        last = float(state["degree"][0])
        most = int(1.3 * last + TAIL * math.sqrt(1.3 * last) + 6)
        log_side = side_information(self.path, q, self.strength, len(population), rng)
        sweep = _Sweep.draw(population, log_side, most, rng)
        # the overlap of nodes with d neighbours, to be averaged over Poisson degrees
        by_degree = (q * sweep.eta[:, :, 0].mean(axis=1) - 1) / (q - 1)
        low, high = 0.2 * last, 1.3 * last
        for _ in range(STEPS):
            mean = 0.5 * (low + high)
            above = poisson(mean, most) @ by_degree > self.overlap
            low, high = (low, mean) if above else (mean, high)
        mean = 0.5 * (low + high)
        edge = edge_log(population, rng)
        entropy = float(poisson(mean, most) @ sweep.log_z.mean(axis=1)) - 0.5 * mean * edge
        state["population"] = _resampled(sweep, mean, rng)
        state["degree"] = np.array([mean])
        state["record"] = np.concatenate([state["record"], [[mean, entropy, edge]]])

    def finished(self, state: State) -> bool:
        """Tell whether all sweeps are done."""
        return len(state["record"]) >= self.model.sweeps

    def result(self, state: State) -> Result:
        """Return degree, entropy relative to the paramagnet, and edge term, sweep by sweep, after the burn-in."""
        degree, entropy, edge = state["record"][self.model.sweeps // 4 :].T
        q = self.model.q
        relative = entropy - math.log(q) - 0.5 * degree * math.log(1 - 1 / q)
        return {"degree": degree.tolist(), "entropy": relative.tolist(), "edge": edge.tolist()}


def blocked_error(runs: Sequence[Sequence[float]], blocks: int = 5) -> float:
    """Return two standard errors of the mean: over runs, or over blocks of sweeps, whichever is larger."""
    values = np.array(runs)
    means = values.mean(axis=1)
    between = means.std(ddof=1) / math.sqrt(len(means))
    parts = np.concatenate([[b.mean() for b in np.array_split(run, blocks)] for run in values])
    within = parts.std(ddof=1) / math.sqrt(len(parts))
    return float(2 * max(between, within))


def check_coloring(model: object, path: object) -> None:
    """Raise an `InputError` unless given a colouring and a path."""
    if not isinstance(model, Coloring):
        raise InputError(f"population dynamics is for Coloring(q), got {told(model)}")
    path = as_path(path)
    check_surface(path)
    check_no_side(path, f"the variables of {model!r}")
    if path.order not in model.orders:
        raise InputError(f"order = {path.order!r} is not known for {model!r}: leave it out, or take 'random'")


def population_isotherm(
    model: Coloring,
    path: Path,
    overlaps: Sequence[float],
    strength: float = 0.0,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[PopulationPoint]:
    """Return the density that makes each overlap a fixed point, by population dynamics at prescribed overlap.

    Parameters
    ----------
    model, path, strength
        The colouring, the path and its strength.
    overlaps
        Overlaps in (0, 1).
    executor, checkpoint, progress
        As for `run_tasks`: an executor for the runs, a file to resume from, a function of (finished, all).

    Returns
    -------
    list of PopulationPoint
        One for every overlap, in their order.

    Raises
    ------
    InputError
        For an overlap out of range or not a colouring.
    FileError
        If the checkpoint belongs to another problem.

    References
    ----------
    L. Zdeborova and F. Krzakala, Phys. Rev. E 76, 031131 (2007).

    Examples
    --------
    >>> from amp_theory import Coloring, Flow
    >>> model = Coloring(4, population=1000, sweeps=8, runs=2)
    >>> point = population_isotherm(model, Flow(), [0.8])[0]
    >>> round(point.density, 1), point.density_error < 0.1
    (4.4, True)
    """
    check_coloring(model, path)
    wanted = [as_float("overlap", q, "in (0, 1)") for q in as_list("overlaps", overlaps)]
    if not wanted or not all(0 < q < 1 for q in wanted):
        raise InputError(f"overlaps must be numbers in (0, 1), got {told(overlaps)}")
    level = float(path.check_strength(as_float(path.strength, strength)))
    run = PopulationRun(model, path, {"strength": level, "overlaps": wanted}, executor, checkpoint, progress)
    return run.points([(q, level) for q in wanted])


@dataclass(frozen=True)
class PopulationRun:
    """Population dynamics of one problem, in one or several stages that share a checkpoint.

    details is what defines the problem besides model and path; executor, checkpoint and progress are as for
    `run_tasks`.
    """

    model: Coloring
    path: Path
    details: dict[str, Any]
    executor: Executor | None = None
    checkpoint: str | os.PathLike[str] | None = None
    progress: Callable[[int, int], None] | None = None

    def points(
        self, places: Sequence[tuple[float, float]], first: int = 0, model: Coloring | None = None
    ) -> list[PopulationPoint]:
        """Return the points at (overlap, strength); `first` tasks came before, `model` may have other populations."""
        used = model or self.model
        for _, strength in places[:1]:  # refuses a path that has no meaning for colours
            side_information(self.path, used.q, strength, 1, random_stream(0, 0))
        tasks = [FixedOverlap(used, self.path, q, level) for q, level in places for _ in range(used.runs)]
        problem = {"model": used.name, **self.model.parameters, "path": self.path.name, **self.details}
        results = run_tasks(tasks, used.seed, problem, self.executor, self.checkpoint, self.progress, first)
        return [_point(used, q, results[k * used.runs : (k + 1) * used.runs]) for k, (q, _) in enumerate(places)]


def _point(model: Coloring, overlap: float, runs: Sequence[Result]) -> PopulationPoint:
    """Return means and errors over the runs of one point."""
    degree, entropy, edge = ([r[name] for r in runs] for name in ("degree", "entropy", "edge"))
    return PopulationPoint(
        overlap, float(np.mean(degree)) / 2, float(np.mean(entropy)), blocked_error(degree) / 2,
        blocked_error(entropy), float(np.mean(edge)) - math.log(1 - 1 / model.q), blocked_error(edge),
    )  # fmt: skip


def population_fixed_point(
    model: Coloring, path: Path, control: float | None = None, strength: float | None = None, start: str = "informed",
    **named: float,
) -> PopulationFixedPoint:  # fmt: skip
    """Return the overlap that population dynamics reaches at given density from an uninformed or informed start.

    Parameters
    ----------
    model, path
        The colouring and the path.
    control, strength
        Density > 0, in edges per node, and strength >= 0.
    start
        "informed" (all messages right) or "uninformed" (undecided).
    **named
        Control and strength under the names that the model and the path give them, such as density=4.5.

    Returns
    -------
    PopulationFixedPoint
        The overlap with two standard errors, and every sweep.

    Raises
    ------
    InputError
        If the model is no colouring, or a value is out of range.

    References
    ----------
    L. Zdeborova and F. Krzakala, Phys. Rev. E 76, 031131 (2007).

    Examples
    --------
    >>> from amp_theory import Coloring, Flow
    >>> model = Coloring(4, population=1000, sweeps=8, runs=2)
    >>> found = population_fixed_point(model, Flow(), control=5.0, strength=0.0)
    >>> found.trajectory.shape, round(found.overlap, 1)
    ((2, 8), 0.9)
    """
    check_coloring(model, path)
    control, strength = at_point(model, path, control, strength, named)
    start = one_of("start", start, ["informed", "uninformed"])
    mean = 2 * float(model.check_control(as_float(model.control, control)))
    level = float(path.check_strength(as_float(path.strength, strength)))
    q, trajectories = model.q, []
    for number in range(model.runs):
        rng = random_stream(model.seed, number)
        first = np.eye(q)[0] if start == "informed" else np.full(q, 1 / q)
        population = np.tile(first, (model.population, 1))
        most = int(mean + TAIL * math.sqrt(mean) + 6)
        overlaps = []
        for _ in range(model.sweeps):
            log_side = side_information(path, q, level, len(population), rng)
            sweep = _Sweep.draw(population, log_side, most, rng)
            overlaps.append((q * float(poisson(mean, most) @ sweep.eta[:, :, 0].mean(axis=1)) - 1) / (q - 1))
            population = _resampled(sweep, mean, rng)
        trajectories.append(overlaps)
    late = [t[model.sweeps // 4 :] for t in trajectories]
    return PopulationFixedPoint(float(np.mean(late)), blocked_error(late), np.array(trajectories))
