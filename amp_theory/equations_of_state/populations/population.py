"""Planted q-coloring of Poisson random graphs, solved by population dynamics at prescribed overlap.

In the gauge where the planted colour of every node is 0, a message eta is a probability of the q colours:

    eta_s = side(s) prod_{a=1..d} (1 - eta^a_s)/normalisation,    d ~ Poisson(c), c = 2 density,

where neighbour a has planted colour tau, uniform on 1, ..., q-1, and its message is one of the population with its
colours permuted so that 0 becomes tau.  overlap = (q E eta_0 - 1)/(q - 1).  The posterior entropy, nats per node, is

    S = E log sum_s [side(s)/side(0)] prod_a (1 - eta^a_s) - (c/2) E log(1 - sum_s eta_s eta'_s),

in the paramagnet log q + (c/2) log(1 - 1/q), and at a fixed point dS/dc = (1/2) E log(1 - sum_s eta_s eta'_s).

At every sweep the new population's overlap, averaged over Poisson degrees, is a smooth function of c (`fresh_nodes`):
c is solved for the prescribed overlap, so that stable and unstable branches are reached alike and nothing is located
by watching a branch collapse.  Source: L. Zdeborova, F. Krzakala, Phys. Rev. E 76, 031131 (2007).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from amp_theory.equations_of_state.choose import check_surface
from amp_theory.equations_of_state.populations.found import PopulationFixedPoint, PopulationPoint
from amp_theory.equations_of_state.populations.fresh_nodes import FreshNodes, permutations, sum_of_colours
from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.ingredients.paths.sides import check_no_side
from amp_theory.models.coloring import Coloring
from amp_theory.models.own_names import at_point
from amp_theory.tools.arrays import Array
from amp_theory.tools.checkpoints import Result, State
from amp_theory.tools.errors import InputError, NumericalError, as_float, as_list, one_of, told
from amp_theory.tools.registration import ByClass
from amp_theory.tools.runs import random_stream, run_tasks

#: nodes are drawn again at most so often, until the mean degree is so near to the one solved for; the largest change
#: from one draw to the next, in units of it
DRAWS, NEAR, FAR = 20, 0.5, 0.3
#: how nodes are drawn, in checkpoints
METHOD = "degrees drawn"
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


def edge_log(population: Array, rng: np.random.Generator) -> float:
    """Return E log(1 - sum_s eta_s eta'_s) over pairs of messages with different planted colours."""
    n, q = population.shape
    table = permutations(q)
    other = population.ravel()[rng.permutation(n)[:, np.newaxis] * q + table[rng.integers(0, len(table), n)]]
    return float(np.mean(np.log1p(-np.minimum(sum_of_colours(population * other), 1 - 1e-12))))


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
        mean, step = float(state["degree"][0]), 0.0
        wanted = (1 + (q - 1) * self.overlap) / q
        for _ in range(DRAWS):
            mean += float(np.clip(step, -FAR * mean, FAR * mean))
            log_side = side_information(self.path, q, self.strength, len(population), rng)
            nodes = FreshNodes.draw(population, log_side, mean, rng)
            # E sum_s eta_s^2 = E eta_0 where the planted colour is distributed as the belief, and it fluctuates less
            step = nodes.step_to(sum_of_colours(nodes.eta**2), wanted)
            if abs(step) <= NEAR:
                break
        step = float(np.clip(step, -NEAR, NEAR))
        if mean + step <= 0:
            raise NumericalError(
                f"no density gives overlap = {self.overlap:.6g}: {self.path.strength} = {self.strength:.6g} alone tells"
                " as much", "ask for larger overlaps, or for a lower strength",
            )  # fmt: skip
        edge = edge_log(population, rng)
        entropy = nodes.near(nodes.log_z, step) - 0.5 * (mean + step) * edge
        state["population"] = nodes.population(step)
        state["degree"] = np.array([mean + step])
        state["record"] = np.concatenate([state["record"], [[mean + step, entropy, edge]]])

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
        problem = {
            "model": used.name,
            "method": METHOD,
            **self.model.parameters,
            "path": self.path.name,
            **self.details,
        }
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
        overlaps = []
        for _ in range(model.sweeps):
            log_side = side_information(path, q, level, len(population), rng)
            population = FreshNodes.draw(population, log_side, mean, rng).population(0.0)
            overlaps.append((q * float(population[:, 0].mean()) - 1) / (q - 1))
        trajectories.append(overlaps)
    late = [t[model.sweeps // 4 :] for t in trajectories]
    return PopulationFixedPoint(float(np.mean(late)), blocked_error(late), np.array(trajectories))
