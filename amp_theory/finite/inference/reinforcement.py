"""Reinforced belief propagation: every spin feels a growing part of its own field, until all have decided.

    b_i^{t+1} = b_i + e_i + r_t H_i^t,    r_t = 1 - (1 - rate)^t,

b the field of side information, e a random one that decides where constraints do not, and H_i = b_i^t + sum_a u_{ai}
all that acts on spin i.
"""

from __future__ import annotations

import numpy as np

from amp_theory.finite.inference.contradictions import impossible_factors, torn_spins
from amp_theory.finite.inference.graph_messages import LARGEST_FIELD, Edges, factor_messages
from amp_theory.finite.inference.solutions import Solutions, as_rng, for_runs, graph_of, signs_of, violated_part
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float, in_unit_interval, integer_between, told
from amp_theory.tools.results import Status

#: the largest random field: smaller ones solve fewer systems of parity checks
LARGEST_RANDOM = 1.0


def solve_by_reinforcement(
    instance: Instance, runs: int = 8, seed: int | np.random.SeedSequence = 0, side: SideInformation | None = None,
    rate: float = 0.01, damping: float = 0.3, max_iterations: int = 2000,
) -> Solutions:  # fmt: skip
    """Look for configurations that satisfy all factors of a graph: belief propagation with growing fields of its own.

    Every run has weak random fields that decide where constraints do not, and ends with the first configuration, the
    signs of all fields, that violates no factor.

    Parameters
    ----------
    instance
        An instance on a graph, drawn or of one's own.
    runs, seed
        Independent runs, which differ in their random fields, and the seed of all random numbers.
    side
        Side information about one configuration, such as spins that are known; none by default.
    rate
        How fast fields grow, in (0, 1]; slower ones find more.
    damping
        Part of the old messages that is kept, in [0, 1).
    max_iterations
        Iterations at most.

    Returns
    -------
    Solutions
        The configurations with the fewest violated factors that runs have met, and their fraction.

    Raises
    ------
    InputError
        For another instance, side information about several configurations, or a number out of range.

    References
    ----------
    A. Braunstein and R. Zecchina, Phys. Rev. Lett. 96, 030201 (2006), arXiv:cond-mat/0511159.

    Examples
    --------
    >>> from amp_theory import Bicoloring, draw_instance
    >>> instance = draw_instance(Bicoloring(4), control=2.0, size=200, seed=0, target="random")
    >>> found = solve_by_reinforcement(instance, runs=2)
    >>> found.status, float(instance.energy(found.configurations).max())
    (('solved', 'solved'), 0.0)
    """
    graph = graph_of(instance)
    given, rng = for_runs(graph, side, runs), as_rng(seed)
    keep, most = as_float("damping", damping, "in [0, 1)"), integer_between("max_iterations", max_iterations, 1, 10**9)
    if not 0 <= keep < 1:
        raise InputError(f"damping must lie in [0, 1), got {told(damping)}")
    state = _Runs(graph, given, rng)
    grown, left = 0.0, 1 - in_unit_interval("rate", rate)
    for _ in range(most):
        state.advance(grown, keep)
        if not state.active.any():
            break
        grown = 1 - (1 - grown) * left
    return state.result()


class _Runs:
    """Runs of reinforcement, side by side: their messages, and the best configuration of each."""

    def __init__(self, instance: GraphInstance, given: SideInformation, rng: np.random.Generator) -> None:
        self.instance, self.edges = instance, Edges(instance, given)
        self.told = self.edges.base + LARGEST_RANDOM * rng.uniform(-1, 1, self.edges.base.shape)
        self.fields = np.clip(self.told, -LARGEST_FIELD, LARGEST_FIELD)
        self.h = np.moveaxis(self.told[:, self.edges.spins], 0, 1)
        self.u = np.zeros_like(self.h)
        self.active: Mask = np.ones(given.batch, dtype=bool)
        self.iterations = np.zeros(given.batch, dtype=int)
        self.best = signs_of(self.fields, rng)
        self.violated = violated_part(instance, self.best)
        self.contradictions: dict[int, str] = {}
        self.rng = rng

    def advance(self, grown: float, damping: float) -> None:
        """Exchange messages once, with a part `grown` of the fields, and keep what violates fewer factors."""
        fresh = factor_messages(self.instance, self.edges.signs, self.h)
        if np.isnan(fresh).any():
            found, hidden = impossible_factors(self.instance, self.h, fresh)
            self._contradict(found)
            self.active &= ~hidden
        mixed = (1 - damping) * fresh + damping * np.where(np.isinf(self.u), 0.0, self.u)
        fresh = np.where(np.isinf(fresh), fresh, mixed)
        self.u = np.where(self.active[:, None], fresh, self.u)
        self.edges.base = self.told + grown * self.fields
        self.h, fields, torn = self.edges.cavity(self.u)
        if torn.any():
            self._contradict(torn_spins(self.instance, self.edges.side, self.u, torn))
        self.fields = np.clip(fields, -LARGEST_FIELD, LARGEST_FIELD)
        self.iterations[self.active] += 1
        self._keep(signs_of(self.fields, self.rng))

    def _contradict(self, found: dict[int, str]) -> None:
        for run, what in found.items():
            self.contradictions.setdefault(run, what)
            self.active[run] = False

    def _keep(self, configurations: Array) -> None:
        rows = np.flatnonzero(self.active)
        violated = violated_part(self.instance, configurations[rows])
        better = rows[violated < self.violated[rows]]
        self.best[better], self.violated[better] = configurations[better], violated[violated < self.violated[rows]]
        self.active &= self.violated > 0

    def result(self) -> Solutions:
        """Return the best configurations."""
        status = [Status.SOLVED if part == 0 else Status.MAX_ITERATIONS for part in self.violated]
        for run in self.contradictions:
            status[run] = Status.CONTRADICTION
        return Solutions(
            "reinforcement", self.best, self.violated, self.iterations, None, tuple(status),
            dict(sorted(self.contradictions.items())),
        )  # fmt: skip
