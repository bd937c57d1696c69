"""Configurations that belief propagation has led to on graphs, and how many of their factors are violated."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from amp_theory.finite.inference.base import SHOWN
from amp_theory.finite.instances.base import Instance, check_seed, fitting_side
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, integer_between, told
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Status
from amp_theory.tools.tables import ResultTable, of_grid

#: runs at most
MOST_RUNS = 10**5


@dataclass(frozen=True, eq=False)
class Solutions(Reported):
    """What independent runs of decimation or reinforcement ended with.

    Parameters
    ----------
    method
        "decimation" or "reinforcement".
    configurations
        Shape (runs, size), in the units of s.
    violated
        Fraction of all factors that do not have their largest weight, counted from the configurations, shape (runs,).
    iterations
        Iterations of belief propagation, shape (runs,).
    unconverged
        Fraction of the calls of belief propagation that did not converge, shape (runs,); of reinforcement, whose
        messages have no fixed point to go to, None.
    status
        Of every run: "solved" (no factor is violated); "violated" (all variables are set, and some factor is);
        "contradiction" (known variables and constraints exclude each other: the rest is set by its last means);
        "max_iterations".
    contradictions
        By runs that ended with one: which factor or spin shows it.

    See Also
    --------
    solve_by_decimation : Which returns it, with an example.
    """

    method: str
    configurations: Array
    violated: Array
    iterations: Array
    unconverged: Array | None
    status: tuple[Status, ...]
    contradictions: dict[int, str] = field(default_factory=dict)

    @property
    def solved(self) -> Mask:
        """Which runs found a configuration that violates no factor, shape (runs,)."""
        return np.asarray(self.violated == 0)

    @property
    def certainty(self) -> str:
        """What is known of the configurations."""
        proof = (
            "solved is checked, factor by factor"
            if self.solved.any()
            else "no solution was found, which proves nothing"
        )
        return f"{proof}; the configurations are no exact samples (heuristic)"

    def report(self) -> str:
        """Return a readable text: how the runs ended, violated factors and contradictions."""
        ended = ", ".join(f"{self.status.count(s)} {s}" for s in dict.fromkeys(self.status))
        runs, size = self.configurations.shape
        lines = [
            f"{self.method} on {size} spins, {runs} runs: {ended}",
            f"  violated factors: {self.violated.min():.6g} at least, {self.violated.mean():.6g} on average",
            f"  {self.certainty}",
        ]
        for run, what in list(self.contradictions.items())[:SHOWN]:
            lines.append(f"  contradiction in run {run}: {what}")
        return "\n".join(lines)

    def table(self) -> ResultTable:
        """Return the runs as rows: violated factors, iterations and whether they are solved."""
        columns = {"violated": self.violated, "iterations": self.iterations, "solved": self.solved}
        return of_grid(self.report().splitlines()[0], {"run": np.arange(len(self.violated))}, columns)


def violated_part(instance: GraphInstance, configurations: Array) -> Array:
    """Return the fraction of factors without their largest weight, shape (n,)."""
    return np.asarray(instance.energy(configurations) * instance.size / len(instance.spins))


def graph_of(instance: Instance) -> GraphInstance:
    """Return an instance on a graph as it is, or raise an `InputError`."""
    if not isinstance(instance, GraphInstance):
        raise InputError(f"decimation and reinforcement are for instances on graphs, got {told(instance)}")
    return instance


def for_runs(instance: GraphInstance, side: object, runs: object) -> SideInformation:
    """Return side information about one configuration, none by default, once for every run."""
    number, shape = integer_between("runs", runs, 1, MOST_RUNS), (1, instance.size)
    given = SideInformation.from_field(np.zeros(shape)) if side is None else fitting_side(instance, side)
    if given.batch != 1:
        raise InputError(f"side must be about one configuration, which all runs share, got {given.batch}")
    field, values = (np.tile(x, (number, 1)) for x in (given.field, given.values))
    return SideInformation(field, given.precision, np.tile(given.known, (number, 1)), values, given.zero)


def as_rng(seed: object) -> np.random.Generator:
    """Return a generator of random numbers from a seed."""
    return np.random.Generator(np.random.PCG64(check_seed(seed)))


def signs_of(values: Array, rng: np.random.Generator) -> Array:
    """Return the signs of values, those of zeros at random."""
    return np.where(values == 0, rng.choice([-1.0, 1.0], values.shape), np.sign(values))
