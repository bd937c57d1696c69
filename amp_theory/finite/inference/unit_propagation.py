"""Unit propagation on parity checks at T = 0: the referee of orders of revealing at sizes of millions.

A check all of whose variables but one are known tells the last one; nothing else is concluded.  Variables are revealed
in an order, `steps` portions one after the other, and everything is concluded after each.  A check whose variables all
become known before it told one is redundant: a sampler that guessed them violates it with probability 1/2, so that a
finite fraction of redundant checks is failure, none success.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.finite.instances.base import check_seed
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float, integer_between, one_of
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable, of_grid

Index = npt.NDArray[np.intp]
#: the orders, sizes and densities that are taken
ORDERS = ("random", "highest-degree", "lowest-degree")
MOST_SPINS, MOST_VARIABLES, DENSEST, MOST_STEPS = 12, 10**7, 10.0, 10**6


@dataclass(frozen=True, eq=False)
class UnitPropagation(Reported):
    """How much unit propagation knows while variables are revealed in an order.

    Parameters
    ----------
    revealed, overlap
        Fractions of all variables that were revealed, and that are known, after every step, shape (steps + 1,).
    guessed
        Fraction of all variables that were not known yet when they were revealed.
    redundant
        Fraction of all checks whose variables all were known before they told one.
    order
        The order.

    See Also
    --------
    unit_propagation : Which returns it.
    """

    revealed: Array
    overlap: Array
    guessed: float
    redundant: float
    order: str

    @property
    def largest_jump(self) -> float:
        """The largest rise of the overlap in one step: of order one at a first-order transition."""
        return float(np.max(np.diff(self.overlap)))

    def report(self) -> str:
        """Return a readable text: guesses, redundant checks and the largest jump."""
        return (
            f"unit propagation, order {self.order!r}: {self.guessed:.6g} of the variables guessed, "
            f"{self.redundant:.3g} of the checks redundant, largest rise of the overlap in one of "
            f"{len(self.revealed) - 1} steps {self.largest_jump:.3g}"
        )

    def table(self) -> ResultTable:
        """Return the fractions revealed and known after every step as rows."""
        return of_grid(self.report(), {"revealed": self.revealed}, {"overlap": self.overlap})


def unit_propagation(
    k: int, density: float, size: int, order: str = "random", steps: int = 1000, seed: int | None = None
) -> UnitPropagation:
    """Reveal the variables of a random system of parity checks in an order, and conclude what follows check by check.

    Parameters
    ----------
    k
        Variables per check, 3 to 12.
    density
        Checks per variable, in (0, 10].
    size
        Number of variables, k to 10^7; about 100 bytes for each variable of a check.
    order
        "random", "highest-degree" or "lowest-degree"; ties are random.
    steps
        Portions in which variables are revealed, 1 to 10^6; as many as there are variables, if these are fewer.
    seed
        Seed of the random numbers.

    Returns
    -------
    UnitPropagation
        The fractions known, guessed and redundant.

    Raises
    ------
    InputError
        If a number is out of its range, or the order is unknown.

    References
    ----------
    The overlap is that of `degree_laws` on Poisson graphs; M. Mezard and A. Montanari, Information, Physics, and
    Computation (2009), chapter 18, for peeling.

    Examples
    --------
    >>> found = unit_propagation(3, 0.6, 2000, order="highest-degree", seed=0)
    >>> found.redundant < 0.01
    True
    """
    k, size = integer_between("k", k, 3, MOST_SPINS), integer_between("size", size, MOST_SPINS, MOST_VARIABLES)
    density = as_float("density", density, f"in (0, {DENSEST:g}]")
    if not 0 < density <= DENSEST:
        raise InputError(f"density must lie in (0, {DENSEST:g}], got {density:g}")
    one_of("order", order, list(ORDERS))
    steps = min(integer_between("steps", steps, 1, MOST_STEPS), size)
    rng = np.random.default_rng(None if seed is None else check_seed(seed))
    checks = _checks(round(density * size), k, size, rng)
    return _propagated(checks, rng.permutation(size), order, steps)


def _propagated(checks: Index, ranked: Index, order: str, steps: int) -> UnitPropagation:
    """Reveal variables portion by portion."""
    size = len(ranked)
    degree = np.bincount(checks.ravel(), minlength=size)
    if order != "random":
        key = degree[ranked] if order == "lowest-degree" else -degree[ranked]
        ranked = ranked[np.argsort(key, kind="stable")]
    state = _Peeling(checks, degree)
    overlap, guessed = [0.0], 0
    ends = np.linspace(0, size, steps + 1).round().astype(int)
    for begin, end in itertools.pairwise(ends):
        portion = ranked[begin:end]
        portion = portion[~state.known[portion]]
        guessed += len(portion)
        state.reveal(portion)
        overlap.append(state.number / size)
    redundant = (len(checks) - (size - guessed)) / max(len(checks), 1)
    return UnitPropagation(ends / size, np.array(overlap), guessed / size, redundant, order)


def _checks(number: int, k: int, size: int, rng: np.random.Generator) -> Index:
    """Return checks among k distinct variables each, shape (number, k)."""
    checks = rng.integers(size, size=(number, k))
    while True:
        ordered = np.sort(checks, axis=1)
        same = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(same):
            return checks.astype(np.intp)
        checks[same] = rng.integers(size, size=(len(same), k))


class _Peeling:
    """What is known, how many unknown variables every check has, and the sum of their numbers."""

    def __init__(self, checks: Index, degree: Index) -> None:
        m, k = checks.shape
        self.known = np.zeros(len(degree), dtype=bool)
        self.number = 0
        self.unknown, self.sum = np.full(m, k), checks.sum(axis=1)
        # the checks of every variable, one after the other
        self.checks: Any = np.argsort(checks.ravel(), kind="stable") // k
        self.first = np.concatenate([[0], np.cumsum(degree)])

    def reveal(self, variables: Index) -> None:
        """Make variables known that are not yet, and conclude what follows."""
        while len(variables):
            self.known[variables] = True
            self.number += len(variables)
            count = self.first[variables + 1] - self.first[variables]
            start = np.repeat(self.first[variables] - np.cumsum(count) + count, count)
            touched = self.checks[start + np.arange(len(start))]
            np.subtract.at(self.unknown, touched, 1)
            np.subtract.at(self.sum, touched, np.repeat(variables, count))
            variables = np.unique(self.sum[touched[self.unknown[touched] == 1]])
