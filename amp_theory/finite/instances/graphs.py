"""Instances on sparse random hypergraphs: M = round(density size) factors, each among k distinct spins.

A factor gives the weight w_m to a configuration in which m of its k literals sign_j s_j are +1, the signs being
random: all-equal factors make not-all-equal satisfiability, which is bicoloring seen from the planted spins, has the
same cavity equations, and lacks its antiferromagnetic uniform mode, under which parallel belief propagation oscillates.
Planted instances draw every factor, spins and signs, with probability proportional to its weight at the planted spins.
On regular graphs every spin is in the same number of factors: which spins meet is independent of the planted ones, the
signs then are drawn with probability proportional to the weight, which is the same as factors are alike for all spins
once signs are random.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.finite.instances.base import Instance, check_memory, check_size, draw_planted
from amp_theory.ingredients.factors.factors import Factor
from amp_theory.ingredients.paths.named import DEGREE_ORDERS
from amp_theory.models.sparse import SparseModel
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_real

Index = npt.NDArray[np.intp]
#: rounds of exchanges that make the spins of every factor distinct
MOST_EXCHANGES = 2000
#: bytes per spin of a factor that an instance and its messages need
BYTES = 80


class GraphInstance(Instance):
    """An instance of a model on a sparse random hypergraph.

    Parameters
    ----------
    model, control, size, planted
        As for `Instance`.
    spins
        The spins of every factor, shape (factors, k).
    signs
        Their literals' signs, shape (factors, k).
    """

    model: SparseModel

    def __init__(
        self, model: SparseModel, control: float, size: int, planted: Array | None, spins: Index, signs: Array
    ) -> None:
        super().__init__(model, control, size, planted)
        self.spins = spins
        self.signs = as_real("signs", signs)

    @property
    def factor(self) -> Factor:
        """The kind of factor."""
        return self.model.factor

    @cached_property
    def _weights(self) -> Array:
        return np.array(self.factor.weights)

    @property
    def hard(self) -> bool:
        """Whether a factor has a weight zero."""
        return min(self.factor.weights) == 0

    @property
    def flip_symmetric(self) -> bool:
        """Whether a factor's weights are the same when all its spins are flipped."""
        return bool(np.allclose(self._weights, self._weights[::-1], rtol=0, atol=1e-15))

    def _data(self) -> dict[str, Any]:
        return {"graph": self.spins, "signs": self.signs, "size": np.array(self.size)}

    def up(self, configurations: Array) -> Index:
        """Return how many literals of every factor are +1, shape (n, factors)."""
        s = self._checked(configurations)
        return np.asarray((s[:, self.spins] * self.signs > 0).sum(axis=2))

    def interaction(self, configurations: Array) -> Array:
        """Return sum over factors of log w, shape (n,); -inf where a factor forbids the configuration."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self._weights)[self.up(configurations)].sum(axis=1))

    def energy(self, configurations: Array) -> Array:
        """Return the number of factors without their largest weight per variable, shape (n,)."""
        violated = self._weights < self._weights.max()
        return np.asarray(violated[self.up(configurations)].sum(axis=1) / self.size)


def _distinct(rows: int, k: int, size: int, rng: np.random.Generator) -> Index:
    """Draw k distinct spins for every row."""
    result = rng.integers(0, size, (rows, k))
    while True:
        ordered = np.sort(result, axis=1)
        bad = np.flatnonzero(np.any(ordered[:, 1:] == ordered[:, :-1], axis=1))
        if not len(bad):
            return np.asarray(result, dtype=np.intp)
        result[bad] = rng.integers(0, size, (len(bad), k))


def _regular_factors(model: SparseModel, control: float, size: int) -> int:
    """Return the number of factors of a regular graph, size d/k, or say which sizes have one."""
    k, degree = model.factor.k, model.degree(control)
    if size * degree % k:
        unit = k // math.gcd(k, degree)
        below, above = size // unit * unit, -(-size // unit) * unit
        allowed = " and ".join(str(n) for n in (below, above) if n >= k)
        raise InputError(
            f"size = {size} at degree k density = {degree} has no regular graph with {k} spins per factor: "
            f"size {degree} must be a multiple of {k}; the nearest sizes are {allowed}"
        )
    return size * degree // k


def _matched(factors: int, k: int, size: int, rng: np.random.Generator) -> Index:
    """Draw the spins of every factor so that all spins occur equally often, k distinct ones in every factor.

    The configuration model, a random matching of places, then random exchanges of places that undo repetitions.
    """
    places = rng.permutation(np.repeat(np.arange(size), factors * k // size)).reshape(factors, k)
    for _ in range(MOST_EXCHANGES):
        order = np.argsort(places, axis=1)
        ordered = np.take_along_axis(places, order, axis=1)
        row, column = np.nonzero(ordered[:, 1:] == ordered[:, :-1])
        if not len(row):
            return np.asarray(places, dtype=np.intp)
        # one repeated place of every bad factor, with any other place
        row, first = np.unique(row, return_index=True)
        at = row * k + order[row, column[first] + 1]
        flat = places.reshape(-1)
        for i, j in zip(at, rng.integers(0, flat.size, len(at)), strict=True):
            flat[[i, j]] = flat[[j, i]]
    raise InputError(
        f"size = {size} is too small for a regular graph with {factors} factors of {k} distinct spins: make it larger"
    )


def draw_graph(
    model: SparseModel, control: float, size: object, rng: np.random.Generator, planted: bool
) -> GraphInstance:
    """Draw an instance on a random hypergraph; see `draw_instance`."""
    k = model.factor.k
    n = check_size(size, k)
    factors = _regular_factors(model, control, n) if model.regular else round(control * n)
    if factors < 1:
        raise InputError(f"density = {control:g} and size = {n} give no factor: make the size larger")
    check_memory(float(BYTES) * factors * k, f"{model!r} with {factors} factors")
    truth = draw_planted(model, n, rng)
    weights = np.array(model.factor.weights) / max(model.factor.weights)
    fixed = _matched(factors, k, n, rng) if model.regular else None
    spins, signs = np.empty((factors, k), dtype=np.intp), np.ones((factors, k))
    # all that is drawn takes more memory than what is kept, unless it is kept in bytes
    both, above, waiting = np.array([-1, 1], dtype=np.int8), truth > 0, np.arange(factors)
    while len(waiting):  # rejection: accepted with probability w/w_max
        trial = _distinct(len(waiting), k, n, rng) if fixed is None else fixed[waiting]
        sign = rng.choice(both, (len(waiting), k))
        up = (above[trial] == (sign > 0)).sum(axis=1)
        accepted = rng.random(len(waiting)) < weights[up] if planted else np.ones(len(waiting), dtype=bool)
        spins[waiting[accepted]] = trial[accepted]
        signs[waiting[accepted]] = sign[accepted]
        waiting = waiting[~accepted]
    return GraphInstance(model, control, n, truth if planted else None, spins, signs)


def in_order(instance: Instance, order: str, variables: Index) -> Index:
    """Return variables in an order: by their degrees on graphs, ties as they are; else as they are."""
    if not isinstance(instance, GraphInstance) or order not in DEGREE_ORDERS:
        return variables
    degree = np.bincount(instance.spins.ravel(), minlength=instance.size)[variables]
    return variables[np.argsort(-degree if order == "highest-degree" else degree, kind="stable")]
