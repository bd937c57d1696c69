"""Monte Carlo chains with single-variable updates: the traditional samplers of discrete models.

See sweeps.py for the updates.  The time unit is a sweep: one update of every variable, in a fixed order.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from amp_theory.finite.chains.dense_sweeps import DenseSweeper
from amp_theory.finite.chains.diagnostics import MarkovChains
from amp_theory.finite.chains.graph_sweeps import GraphSweeper
from amp_theory.finite.chains.starts import check_discrete, check_side, discrete_start, generators
from amp_theory.finite.chains.sweeps import ChainRows, Rule, Sweeper, heat_bath_noise, metropolis_noise
from amp_theory.finite.chains.two_sides_sweeps import first_rows_of_two_sides
from amp_theory.finite.instances.base import Instance, as_instance, check_memory
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, as_flag, integer_between
from amp_theory.tools.progress import tracked

MOST_SWEEPS, MOST_CHAINS = 10**9, 10**6


@singledispatch
def make_sweeper(instance: Instance, labels: Index, tilt: Array, factor: Array) -> Sweeper:
    """Return what sweeps through configurations of an instance; arguments as for `Sweeper`."""
    raise InputError(
        "Markov chains update dense instances, instances on graphs and those with two kinds of variables, not "
        f"{instance!r}"
    )


make_sweeper.register(DenseInstance, DenseSweeper)
make_sweeper.register(GraphInstance, GraphSweeper)


@singledispatch
def first_rows(
    instance: Instance, start: Any, chains: int, side: SideInformation | None, rng: np.random.Generator,
    replicas: int = 1,
) -> ChainRows:  # fmt: skip
    """Return configurations to start from, with which an instance is swept through.

    Parameters
    ----------
    instance, start, chains, side
        As for `heat_bath`.
    rng
        Source of random numbers.
    replicas
        ChainRows of every chain, next to each other, each with a random start of its own.
    """
    if replicas > 1 and isinstance(start, str) and start == "random":
        starts = [discrete_start(instance, start, chains, side, rng) for _ in range(replicas)]
        labels, tilt = np.stack([s[0] for s in starts], axis=1).reshape(chains * replicas, -1), starts[0][1]
    else:
        labels, tilt = discrete_start(instance, start, chains, side, rng)
        labels = np.repeat(labels, replicas, axis=0)
    if len(tilt) > 1:
        tilt = np.repeat(tilt, replicas, axis=0)
    return make_sweeper(instance, labels, tilt, np.ones(chains * replicas))


first_rows.register(TwoSidesInstance, first_rows_of_two_sides)


def check_instance(instance: object, what: str) -> Instance:
    """Return an instance with a discrete prior, or with two kinds of variables, or raise an `InputError`."""
    given = as_instance(instance)
    if len(given.kinds) == 1:
        check_discrete(given, what)
    return given


class Recorder:
    """Keeps what a run records every few sweeps.

    Parameters
    ----------
    instance
        The instance.
    chains, sweeps, every
        Numbers of chains and sweeps, and of sweeps between records.
    keep_samples
        Whether configurations are kept.
    """

    def __init__(self, instance: Instance, chains: int, sweeps: int, every: int, keep_samples: bool) -> None:
        self._instance = instance
        self._sweeps = sweeps
        self._every = integer_between("every", every, 1, sweeps)
        records = sweeps // self._every
        self._energy = np.empty((chains, records))
        self._overlap = None if instance.planted is None else np.empty((chains, records))
        self._samples = None
        if as_flag("keep_samples", keep_samples):
            shape = (chains, records, instance.size)
            check_memory(8.0 * float(np.prod(shape, dtype=float)), f"keeping {records} samples of {chains} chains")
            self._samples = np.empty(shape)

    def record(self, sweep: int, energy: Array, configurations: Array) -> None:
        """Keep the state after a number of sweeps, if it is one to be recorded."""
        if sweep % self._every:
            return
        n = sweep // self._every - 1
        self._energy[:, n] = energy
        if self._overlap is not None:
            assert self._instance.planted is not None
            self._overlap[:, n] = self._instance.overlap(configurations, self._instance.planted)
        if self._samples is not None:
            self._samples[:, n] = configurations

    def due(self, sweep: int) -> bool:
        """Whether the state after this number of sweeps is recorded."""
        return sweep % self._every == 0

    def result(self, configurations: Array, changes: Array) -> MarkovChains:
        """Return the chains, given their last configurations and the number of changes in each."""
        times = self._every * np.arange(1.0, self._energy.shape[1] + 1)
        acceptance = changes / (float(self._sweeps) * self._instance.size)
        return MarkovChains(times, self._energy, self._overlap, configurations, self._samples, acceptance, self._sweeps)


def _run(
    rule: tuple[Rule, str], instance: Instance, sweeps: int, seed: Any, start: Any, chains: int, *,
    side: SideInformation | None, every: int, keep_samples: bool,
) -> MarkovChains:  # fmt: skip
    noise, name = rule
    check_instance(instance, name)
    number = integer_between("chains", chains, 1, MOST_CHAINS)
    total = integer_between("sweeps", sweeps, 1, MOST_SWEEPS)
    check_side(instance, side, number)
    (rng,) = generators(seed, 1)
    recorder = Recorder(instance, number, total, every, keep_samples)
    sweeper = first_rows(instance, start, number, side, rng)
    changes = np.zeros(number)
    for sweep in tracked(range(1, total + 1), "sweeps of %s", name):
        changes += sweeper.update(noise, rng)
        if recorder.due(sweep):
            recorder.record(sweep, sweeper.energy(), sweeper.configurations)
    return recorder.result(sweeper.configurations, changes)


def heat_bath(
    instance: Instance,
    sweeps: int,
    seed: int | np.random.SeedSequence,
    start: str | Array = "random",
    chains: int = 1,
    side: SideInformation | None = None,
    every: int = 1,
    keep_samples: bool = False,
) -> MarkovChains:
    """Sample an instance by heat bath (Gibbs sampling): every variable is drawn given all the others, in turn.

    Parameters
    ----------
    instance
        An instance with a discrete prior, dense or on a graph, or one with variables of two kinds and any priors.
    sweeps
        Updates of every variable, >= 1.
    seed
        An integer >= 0, or a `numpy.random.SeedSequence`.
    start
        "random" (independent draws from the prior), "planted", or configurations of shape (chains, size).
        Models with hard constraints need a start that satisfies them.
    chains
        Number of independent chains, >= 1, which are worked on together.
    side
        Side information on top of the instance, one for all chains or one for each.
    every
        Sweeps between records, 1 to `sweeps`.
    keep_samples
        Whether to return the configurations at all records.

    Returns
    -------
    MarkovChains
        Energies, overlaps with the planted configuration, last configurations.

    Raises
    ------
    InputError
        For a continuous prior, a start that does not fit or has weight zero, or numbers out of range.

    Examples
    --------
    >>> from amp_theory import IsingPSpin
    >>> from amp_theory.finite.instances.draw import draw_instance
    >>> chains = heat_bath(draw_instance(IsingPSpin(3), 1.0, 30, seed=1), sweeps=20, seed=2, start="planted", chains=3)
    >>> chains.energy.shape, bool(chains.energy.mean() < -0.2)
    ((3, 20), True)
    """
    rule = heat_bath_noise, "heat bath"
    return _run(rule, instance, sweeps, seed, start, chains, side=side, every=every, keep_samples=keep_samples)


def metropolis(
    instance: Instance,
    sweeps: int,
    seed: int | np.random.SeedSequence,
    start: str | Array = "random",
    chains: int = 1,
    side: SideInformation | None = None,
    every: int = 1,
    keep_samples: bool = False,
) -> MarkovChains:
    """Sample an instance by the Metropolis rule: a value for every variable in turn, proposed uniformly.

    The present value is among those proposed.  Every prior must be discrete, of two kinds of variables too.

    Parameters
    ----------
    instance, sweeps, seed, start, chains, side, every, keep_samples
        As for `heat_bath`.

    Returns
    -------
    MarkovChains
        Energies, overlaps and the last configurations.

    Raises
    ------
    InputError
        As `heat_bath` does.

    Examples
    --------
    >>> from amp_theory import SherringtonKirkpatrick, draw_instance
    >>> instance = draw_instance(SherringtonKirkpatrick(), control=1.5, size=50, seed=0)
    >>> chains = metropolis(instance, sweeps=10, seed=1, chains=4)
    >>> chains.energy.shape, chains.acceptance.shape
    ((4, 10), (4,))
    """
    rule = metropolis_noise, "Metropolis"
    return _run(rule, instance, sweeps, seed, start, chains, side=side, every=every, keep_samples=keep_samples)
