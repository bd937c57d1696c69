"""Decimation by belief propagation: the most certain spins are set, and what follows is propagated, again and again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from amp_theory.finite.inference.base import MessagePassingOptions, checked_options
from amp_theory.finite.inference.bp import run_bp
from amp_theory.finite.inference.solutions import Solutions, as_rng, for_runs, graph_of, signs_of, violated_part
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import in_unit_interval, one_of
from amp_theory.tools.results import Status

CHOICES = ("most-certain", "drawn")
OPTIONS = MessagePassingOptions(tolerance=1e-3, max_iterations=100)


def solve_by_decimation(
    instance: Instance, runs: int = 8, seed: int | np.random.SeedSequence = 0, side: SideInformation | None = None,
    choice: str = "most-certain", portion: float = 0.01, options: MessagePassingOptions | None = None,
) -> Solutions:  # fmt: skip
    """Look for configurations that satisfy all factors of a graph: set spins portion by portion, by their marginals.

    Belief propagation is run with the spins set so far as known; then a portion of the others is set, and those that
    known spins and constraints determine.  A run ends where these contradict each other.

    Parameters
    ----------
    instance
        An instance on a graph, drawn or of one's own.
    runs, seed
        Independent runs, which differ in how ties are decided, and the seed of all random numbers.
    side
        Side information about one configuration, such as spins that are known; none by default.
    choice
        "most-certain": the spins of largest |mean|, set to its sign; "drawn": any spins, drawn from their marginals,
        which would be exact samples if marginals were and spins were set one by one, as the sampler "autoregressive"
        does.
    portion
        Of all spins that are set at a time, in (0, 1], at least one spin; one at a time where all means are zero.
    options
        Of belief propagation: tolerance 1e-3 and 100 iterations by default.

    Returns
    -------
    Solutions
        The configurations, and the fraction of factors that each violates.

    Raises
    ------
    InputError
        For another instance, side information about several configurations, or a number out of range.

    References
    ----------
    M. Mezard and A. Montanari, Information, Physics, and Computation (2009), section 22.5, for decimation.

    Examples
    --------
    >>> from amp_theory import Bicoloring, draw_instance
    >>> instance = draw_instance(Bicoloring(4), control=2.0, size=200, seed=0, target="random")
    >>> found = solve_by_decimation(instance, runs=2, portion=0.05)
    >>> found.status, float(instance.energy(found.configurations).max())
    (('solved', 'solved'), 0.0)
    """
    graph = graph_of(instance)
    given, how, rng = (
        for_runs(graph, side, runs),
        checked_options(OPTIONS if options is None else options),
        as_rng(seed),
    )
    one_of("choice", choice, list(CHOICES))
    number = max(1, round(in_unit_interval("portion", portion) * graph.size))
    state = _Runs(graph, given, replace(how, free_entropy=False, keep_iterates=False), rng)
    while len(state.active):
        state.advance(choice, number)
    return state.result()


class _Runs:
    """Runs of decimation, side by side: which spins are set to what, and which runs go on."""

    def __init__(
        self, instance: GraphInstance, given: SideInformation, how: MessagePassingOptions, rng: np.random.Generator
    ) -> None:
        self.instance, self.given, self.how, self.rng = instance, given, how, rng
        self.known, self.values = given.known.copy(), np.where(given.known, given.values, 0.0)
        self.mean = np.zeros(given.field.shape)
        self.active = np.arange(given.batch)
        self.iterations, self.calls, self.failed = (np.zeros(given.batch) for _ in range(3))
        self.contradictions: dict[int, str] = {}

    def advance(self, choice: str, number: int) -> None:
        """Run belief propagation and set more spins, in all runs that go on."""
        rows, given = self.active, self.given
        side = SideInformation(given.field[rows], given.precision, self.known[rows], self.values[rows], given.zero)
        found = run_bp(self.instance, side, self.mean[rows], self.how)
        self.mean[rows] = found.mean
        self.iterations[rows] += found.iterations
        self.calls[rows] += 1
        self.failed[rows] += ~found.converged
        self.contradictions |= {int(rows[row]): what for row, what in found.contradictions.items()}
        chosen, values = self._chosen(found.mean, self.known[rows], choice, number)
        good = ~np.isin(rows, list(self.contradictions))[:, None]
        self.known[rows] |= chosen & good
        self.values[rows] = np.where(chosen & good, values, self.values[rows])
        # spins that are all set are propagated once more only to see a contradiction, which counting shows as well
        self.active = rows[good[:, 0] & ~self.known[rows].all(axis=1)]

    def _chosen(self, mean: Array, known: Mask, choice: str, number: int) -> tuple[Mask, Array]:
        """Return which spins are set now, and to what."""
        tie = self.rng.random(mean.shape)
        if choice == "drawn":
            key, values = tie, np.where(self.rng.random(mean.shape) < (1 + mean) / 2, 1.0, -1.0)
        else:
            key, values = -np.abs(mean), signs_of(mean, self.rng)
        order = np.lexsort((tie, np.where(known, np.inf, key)), axis=1)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(mean.shape[1])[None, :], axis=1)
        # spins of which nothing is known tell nothing about each other: no two of them at once
        at_once = np.where(mean == 0, 1, number)
        return np.asarray(~known & ((rank < at_once) | (np.abs(mean) == 1))), values

    def result(self) -> Solutions:
        """Return the configurations; what contradicted runs have not set is set by its last mean."""
        configurations = np.where(self.known, self.values, signs_of(self.mean, self.rng))
        violated = violated_part(self.instance, configurations)
        status = [Status.SOLVED if part == 0 else Status.VIOLATED for part in violated]
        for run in self.contradictions:
            status[run] = Status.CONTRADICTION
        counts = self.iterations.astype(int), self.failed / self.calls
        told = dict(sorted(self.contradictions.items()))
        return Solutions("decimation", configurations, violated, *counts, tuple(status), told)
