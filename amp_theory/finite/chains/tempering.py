"""Parallel tempering: replicas with weaker interactions exchange configurations.

Replica r samples P0(s) exp(b_r interaction(s)), 0 <= b_1 < ... < b_R = 1, side information in full.  After every
sweep of heat bath neighbours are exchanged, even and odd pairs in turn, with probability

    min(1, exp[(b_r - b_{r+1}) (interaction_{r+1} - interaction_r)]).

The automatic ladder equalises the rejection r(b, b') between neighbours: it is additive for small steps,
so that equal parts of the barrier sum_r r are given to all (S. Syed et al., J. R. Stat. Soc. B 84, 2022,
arXiv:1905.02939, section 5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from amp_theory.finite.chains.diagnostics import MarkovChains
from amp_theory.finite.chains.monte_carlo import MOST_CHAINS, MOST_SWEEPS, Recorder, check_instance, first_rows
from amp_theory.finite.chains.starts import check_side, generators
from amp_theory.finite.chains.sweeps import ChainRows, heat_bath_noise
from amp_theory.finite.instances.base import Instance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, NumericalError, as_array, integer_between, told
from amp_theory.tools.progress import tracked
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable, of_grid

#: rejection that the automatic ladder aims at, rounds and sweeps of the first of them, replicas at most
REJECTION, ROUNDS, FIRST_SWEEPS, MOST_REPLICAS = 0.4, 4, 40, 200


@dataclass(frozen=True, eq=False)
class TemperedChains(Reported):
    """A run of parallel tempering.

    Parameters
    ----------
    chains
        What was recorded at factor 1, as chains.
    factors
        The ladder of factors of the interaction, shape (replicas,), ascending to 1.
    energies
        Energies per variable at all factors, shape (chains, replicas, records).
    swap_acceptance
        Mean acceptance probability between neighbours, shape (replicas - 1,).
    round_trips
        How often a configuration went from the lowest factor to 1 and back, shape (chains,).

    See Also
    --------
    parallel_tempering : Which returns it, with an example.
    """

    chains: MarkovChains
    factors: Array = field(repr=False)
    energies: Array = field(repr=False)
    swap_acceptance: Array = field(repr=False)
    round_trips: Index = field(repr=False)

    def report(self) -> str:
        """Return a readable text: the ladder, how often neighbours were exchanged, and the chains at factor 1."""
        least = f", least acceptance {self.swap_acceptance.min():.2f}" if len(self.swap_acceptance) else ""
        ladder = f"{len(self.factors)} replicas from factor {self.factors[0]:.6g} to 1{least}"
        return f"{ladder}, {int(self.round_trips.sum())} round trips\n{self.chains}"

    def table(self) -> ResultTable:
        """Return the energy (per variable) of every chain, factor and record as rows."""
        chains, _, records = self.energies.shape
        axes = {"chain": np.arange(chains), "factor": self.factors, "record": np.arange(records)}
        return of_grid(str(self).splitlines()[0], axes, {"energy": self.energies})


class Ladder:
    """Which row of a sweeper stands at which factor, and the exchanges.

    Parameters
    ----------
    sweeper
        ChainRows of configurations, chain after chain.
    factors
        The factors, shape (replicas,).
    """

    def __init__(self, sweeper: ChainRows, factors: Array) -> None:
        self._sweeper, self.factors = sweeper, factors
        chains = len(sweeper.factor) // len(factors)
        #: the row at every factor, shape (chains, replicas)
        self.rows = np.arange(len(sweeper.factor)).reshape(chains, len(factors))
        # 1 on the way up from the lowest factor, 2 on the way back from the highest, 0 before
        self._way = np.zeros(len(sweeper.factor), dtype=np.intp)
        self._trips = np.zeros(len(sweeper.factor), dtype=np.intp)
        self._parity = 0
        self.forget()

    def forget(self) -> None:
        """Start the acceptances of exchanges afresh."""
        self._accepted = np.zeros(len(self.factors) - 1)
        self._attempts = np.zeros(len(self.factors) - 1)

    def sweep(self, rng: np.random.Generator) -> Index:
        """Sweep through all rows, exchange neighbours, and return how many variables changed, shape (rows,)."""
        sweeper = self._sweeper
        sweeper.factor = np.empty(len(sweeper.factor))
        sweeper.factor[self.rows] = self.factors
        changes = sweeper.update(heat_bath_noise, rng)
        first = self._parity
        self._parity = 1 - first
        interaction = sweeper.interaction()
        excess = rng.exponential(size=(len(self.rows), len(self._attempts[first::2])))
        if sweeper.compiled:
            from amp_theory.finite.chains.compiled_sweeps import exchange_replicas

            acceptance = exchange_replicas(self.rows, first, self.factors, interaction, excess) / len(self.rows)
        else:
            acceptance = self._exchange(first, interaction, excess)
        self._accepted[first::2] += acceptance
        self._attempts[first::2] += 1
        bottom, top = self.rows[:, 0], self.rows[:, -1]
        self._trips[bottom] += self._way[bottom] == 2
        self._way[bottom] = 1
        self._way[top] = np.where(self._way[top] == 1, 2, self._way[top])
        return changes

    def _exchange(self, first: int, interaction: Array, excess: Array) -> Array:
        """Exchange neighbours, of all chains at once, and return their mean acceptance probabilities, (pairs,)."""
        lower = np.arange(first, len(self.factors) - 1, 2)
        here, there = self.rows[:, lower], self.rows[:, lower + 1]
        gain = (self.factors[lower] - self.factors[lower + 1]) * (interaction[there] - interaction[here])
        accepted = gain + excess > 0
        self.rows[:, lower] = np.where(accepted, there, here)
        self.rows[:, lower + 1] = np.where(accepted, here, there)
        return np.asarray(np.exp(np.minimum(gain, 0.0)).mean(axis=0))

    @property
    def swap_acceptance(self) -> Array:
        """Mean acceptance probability of exchanges between neighbours, shape (replicas - 1,)."""
        return np.asarray(self._accepted / np.maximum(self._attempts, 1))

    @property
    def round_trips(self) -> Index:
        """Round trips in every chain, shape (chains,)."""
        return np.asarray(self._trips.reshape(self.rows.shape).sum(axis=1))


def check_factors(factors: object) -> Array:
    """Return a ladder of factors after checking that it ascends from >= 0 to 1.

    Raises
    ------
    InputError
        If it does not.
    """
    values = as_array("factors", factors, "in [0, 1]")
    good = values.ndim == 1 and len(values) >= 2 and np.all((values >= 0) & (values <= 1))
    if not good or np.any(np.diff(values) <= 0) or values[-1] != 1:
        raise InputError(
            f"factors must ascend strictly from a number >= 0 to 1, at least two of them, got {told(factors)}"
        )
    return values


def automatic_factors(instance: Instance, side: SideInformation | None, rng: np.random.Generator) -> Array:
    """Return a ladder whose exchanges are rejected about equally often, in two out of five cases.

    It is found in short runs, each with the ladder that the one before suggests and twice as long.

    Parameters
    ----------
    instance, side
        The instance and one side information.
    rng
        Source of random numbers.

    Raises
    ------
    NumericalError
        If more than 200 replicas would be needed.
    """
    spread = float(first_rows(instance, "random", 32, side, rng).interaction().std())
    factors = np.linspace(0, 1, min(max(3, math.ceil(spread)), MOST_REPLICAS))
    for n in range(ROUNDS):
        ladder = Ladder(first_rows(instance, "random", 1, side, rng, len(factors)), factors)
        sweeps = FIRST_SWEEPS * 2**n
        for sweep in range(sweeps):
            if sweep == sweeps // 4:  # the first quarter is for equilibration
                ladder.forget()
            ladder.sweep(rng)
        barrier = np.concatenate([[0.0], np.cumsum(1 - ladder.swap_acceptance + 1e-3)])
        replicas = max(2, math.ceil(barrier[-1] / REJECTION) + 1)
        if replicas > MOST_REPLICAS:
            raise NumericalError(
                f"parallel tempering of {instance!r} needs {replicas} replicas, more than {MOST_REPLICAS}",
                "give the factors, or a smaller size",
                partial=factors,
            )
        factors = np.interp(np.linspace(0, barrier[-1], replicas), barrier, factors)
    factors[-1] = 1.0
    return factors


def _check_softens(instance: Instance) -> None:
    """Raise an `InputError` for an instance that chains cannot sample, or with constraints that no factor softens."""
    check_instance(instance, "parallel tempering")
    if instance.hard:
        raise InputError(
            "parallel tempering needs an interaction that a factor weakens, hard constraints stay hard: give "
            "the model a temperature > 0"
        )


def _own_factors(instance: Instance, side: SideInformation | None, rng: np.random.Generator) -> Array:
    """Return a ladder found with the side information of the first chain."""
    if side is not None:
        side = replace(side, field=side.field[:1], known=side.known[:1], values=side.values[:1])
    return automatic_factors(instance, side, rng)


def parallel_tempering(
    instance: Instance,
    sweeps: int,
    seed: int | np.random.SeedSequence,
    start: str | Array = "random",
    chains: int = 1,
    side: SideInformation | None = None,
    every: int = 1,
    keep_samples: bool = False,
    factors: Array | None = None,
) -> TemperedChains:
    """Sample an instance by parallel tempering: replicas with weaker interactions; ladder: arXiv:1905.02939, section 5.

    Parameters
    ----------
    instance, sweeps, seed, start, chains, side, every, keep_samples
        As for `heat_bath`; every chain has a full set of replicas, and all of them sweep.
    factors
        Factors of the interaction, ascending from a number >= 0 to 1; by default a ladder found in short runs such
        that about two in five exchanges are rejected.

    Returns
    -------
    TemperedChains
        The chains at factor 1, and how the exchanges went.

    Raises
    ------
    InputError
        As `heat_bath`; for hard constraints, which no factor softens; for factors that do not ascend to 1.
    NumericalError
        If the automatic ladder needs more than 200 replicas.

    Examples
    --------
    >>> from amp_theory import IsingPSpin
    >>> from amp_theory.finite.instances.draw import draw_instance
    >>> run = parallel_tempering(draw_instance(IsingPSpin(3), 0.6, 20, seed=1), 30, seed=2, factors=[0, 0.5, 1])
    >>> run.chains.energy.shape, run.swap_acceptance.shape
    ((1, 30), (2,))
    """
    _check_softens(instance)
    number = integer_between("chains", chains, 1, MOST_CHAINS)
    total = integer_between("sweeps", sweeps, 1, MOST_SWEEPS)
    check_side(instance, side, number)
    (rng,) = generators(seed, 1)
    recorder = Recorder(instance, number, total, every, keep_samples)
    ascending = _own_factors(instance, side, rng) if factors is None else check_factors(factors)
    sweeper = first_rows(instance, start, number, side, rng, len(ascending))
    ladder = Ladder(sweeper, ascending)
    changes, energies = np.zeros(number), []
    for sweep in tracked(range(1, total + 1), "sweeps of parallel tempering"):
        at_one = ladder.rows[:, -1]
        changes += ladder.sweep(rng)[at_one]
        if recorder.due(sweep):
            energy = sweeper.energy()[ladder.rows]
            energies.append(energy)
            recorder.record(sweep, energy[:, -1], sweeper.configurations[ladder.rows[:, -1]])
    result = recorder.result(sweeper.configurations[ladder.rows[:, -1]], changes)
    return TemperedChains(result, ascending, np.stack(energies, axis=2), ladder.swap_acceptance, ladder.round_trips)
