"""Sweeps through instances on sparse graphs, many variables at once.

Variables are coloured so that no two of a colour share a factor: given the others they are independent, and
a colour is updated at once.  One colour after the other is a valid sweep.  The field of spin i is

    sum over its factors of log w_{m + [sign > 0]} - log w_{m + [sign < 0]},    m literals up without its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.finite.chains.sweeps import CompiledSweeper
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.compiled import in_use
from amp_theory.tools.errors import InputError

if TYPE_CHECKING:
    from amp_theory.finite.chains.compiled_sweeps import GraphRows


def stable_order(values: Index) -> Index:
    """Return what sorts numbers from 0 to 2^32 - 1, equal ones in their order: by 16 digits at a time, as numpy counts.

    Examples
    --------
    >>> stable_order(np.array([70000, 2, 70000, 1])).tolist()
    [3, 1, 0, 2]
    """
    order = np.argsort((values & 0xFFFF).astype(np.uint16), kind="stable")
    if values.max(initial=0) > 0xFFFF:
        order = order[np.argsort((values[order] >> 16).astype(np.uint16), kind="stable")]
    return order


def colouring(spins: Index, size: int) -> Index:
    """Return a colour for every variable, shape (size,), such that two in one factor differ.

    Greedy, the variables of most factors first.

    Parameters
    ----------
    spins
        The variables of every factor, shape (factors, k).
    size
        Number of variables.

    Examples
    --------
    >>> colouring(np.array([[0, 1, 2], [2, 3, 4]]), 6).tolist()
    [1, 2, 0, 1, 2, 0]
    """
    degree = np.bincount(spins.ravel(), minlength=size)
    order = stable_order(degree.max() - degree)
    if in_use():
        from amp_theory.finite.chains.compiled_sweeps import first_colours, literals_of

        begin = np.append(0, np.cumsum(degree))
        literals = literals_of(spins, np.ones(spins.shape), begin[:-1])
        found = first_colours(order, begin, literals, len(spins))
        if found[0] >= 0:  # else more colours than a number has bits
            return found
    factors = stable_order(spins.ravel()) // spins.shape[1]
    incident = np.split(factors, np.cumsum(degree)[:-1])
    taken = [0] * len(spins)  # the colours in every factor as bits
    colour = np.zeros(size, dtype=np.intp)
    for i in order:
        own = incident[i].tolist()
        used = 0
        for a in own:
            used |= taken[a]
        free = ~used & (used + 1)  # the lowest bit that is not set
        colour[i] = free.bit_length() - 1
        for a in own:
            taken[a] |= free
    return colour


@dataclass(frozen=True, eq=False)
class ColourClass:
    """Variables of one colour, and their factors one variable after the other."""

    variables: Index
    factors: Index
    positive: Index  # 1 where the variable's literal in the factor is the variable itself, 0 where it is negated
    owner: Index  # the position among `variables` of each of `factors`
    begin: Index  # where the factors of each variable begin


def colour_classes(spins: Index, signs: Array, size: int) -> list[ColourClass]:
    """Return the variables by colour, those without factors last, in a class of their own."""
    colour = colouring(spins, size)
    flat = spins.ravel()
    degree = np.bincount(flat, minlength=size)
    edges = stable_order(flat)
    start = np.cumsum(degree) - degree
    classes = []
    for c in range(int(colour.max()) + 1):
        variables = np.flatnonzero((colour == c) & (degree > 0))
        number = degree[variables]
        begin = np.cumsum(number) - number
        owner = np.repeat(np.arange(len(variables)), number)
        edge = edges[start[variables][owner] + np.arange(len(owner)) - begin[owner]]
        positive = (signs.ravel()[edge] > 0).astype(np.intp)
        classes.append(ColourClass(variables, edge // spins.shape[1], positive, owner, begin))
    nothing = np.zeros(0, dtype=np.intp)
    classes.append(ColourClass(np.flatnonzero(degree == 0), nothing, nothing, nothing, nothing))
    return [k for k in classes if len(k.variables)]


class GraphSweeper(CompiledSweeper):
    """Configurations of an instance on a graph; arguments as for `Sweeper`.

    Raises
    ------
    InputError
        If a row has weight zero: its conditional laws do not exist.
    """

    instance: GraphInstance

    def __init__(self, instance: GraphInstance, labels: Index, tilt: Array, factor: Array) -> None:
        super().__init__(instance, labels, tilt, factor)
        weights = np.array(instance.factor.weights)
        self._violated = weights < weights.max()
        with np.errstate(divide="ignore"):
            self._log = np.log(weights)
        above, below = self._log[1:], self._log[:-1]
        neither = np.isneginf(above) & np.isneginf(below)  # does not occur at positive weight
        gain = np.where(neither, 0.0, np.where(neither, 0.0, above) - np.where(neither, 0.0, below))
        self._gain = np.stack([-gain, gain])  # [positive, m]
        # in as few bytes as hold it, since sweeps visit the factors at random
        self._up = instance.up(self.configurations).astype(np.min_scalar_type(instance.factor.k))
        self._plus = int(np.argmax(self.atoms))
        if not np.all(np.isfinite(self.interaction())):
            raise InputError(
                "the start has weight zero, so that its variables have no conditional law: start from 'planted' or "
                "another solution, or give the model a temperature > 0"
            )

    @cached_property
    def classes(self) -> list[ColourClass]:
        """The variables by colour."""
        return colour_classes(self.instance.spins, self.instance.signs, self.instance.size)

    def _others(self, k: ColourClass) -> Index:
        """Return how many literals are up in the factors of a class without the class's own, (rows, factors)."""
        literal = (self.labels[:, k.variables] == self._plus)[:, k.owner] == k.positive
        return np.asarray(self._up[:, k.factors] - literal)

    def _field(self, k: ColourClass, others: Index) -> Array:
        """Return the log weight of +1 relative to -1 from the interaction, shape (rows, variables)."""
        if not len(k.factors):
            return np.zeros((len(self.labels), len(k.variables)))
        gain: Array = np.add.reduceat(self._gain[k.positive, others], k.begin, axis=1)
        return np.asarray(self.factor[:, None] * gain)

    def log_weights(self) -> Array:
        """Return the conditional log weights of all values, shape (rows, size, values), up to a constant of each."""
        field = np.zeros(self.labels.shape)
        for k in self.classes:
            field[:, k.variables] = self._field(k, self._others(k))
        sign = np.where(np.arange(2) == self._plus, 1.0, -1.0)
        # relative to the larger of the two, as they may be infinitely far apart
        return np.asarray(self.tilt + np.minimum(field[..., None] * sign, 0.0))

    def sweep(self, noise: Array) -> Index:
        """Update every variable once, colour by colour, and return how many changed, shape (rows,)."""
        base = self.tilt + noise
        difference = base[..., self._plus] - base[..., 1 - self._plus]
        before = self.labels.copy()
        for k in self.classes:
            others = self._others(k)
            plus = self._field(k, others) + difference[:, k.variables] > 0
            self.labels[:, k.variables] = np.where(plus, self._plus, 1 - self._plus)
            # a factor occurs at most once among those of a class
            self._up[:, k.factors] = others + (plus[:, k.owner] == k.positive)
        return np.asarray((before != self.labels).sum(axis=1))

    @cached_property
    def _constants(self) -> dict[str, Any]:
        """What the compiled loops need and no sweep changes: the edges, one variable after the other."""
        from amp_theory.finite.chains.compiled_sweeps import literals_of

        # the literal of the variable itself is not counted: it is up where value and sign agree
        up = np.arange(len(self._log)) - np.eye(2, dtype=np.intp)[..., None]
        gain = self._gain[[[0], [1]], np.clip(up, 0, len(self._log) - 2)]
        spins, size = self.instance.spins, self.instance.size
        colour, degree = colouring(spins, size), np.bincount(spins.ravel(), minlength=size)
        order = stable_order(np.where(degree > 0, colour, colour.max() + 1))
        begin = np.append(0, np.cumsum(degree[order]))
        first = np.empty_like(order)
        first[order] = begin[:-1]
        return {
            # without side information it is the same for all variables, a view of one
            # loops are compiled once for arrays that may be written to, and once more for others
            "tilt": np.require(self.tilt[:, :1] if self.tilt.strides[1] == 0 else self.tilt, requirements=["C", "W"]),
            "gain": gain,
            "plus": self._plus,
            "order": order.astype(np.uint32),
            "begin": begin.astype(np.uint32),
            "literals": literals_of(spins, self.instance.signs, first),
        }

    def _rows(self) -> GraphRows:
        from amp_theory.finite.chains.compiled_sweeps import GraphRows

        return GraphRows(labels=self.labels, up=self._up, factor=self.factor, **self._constants)

    def _heat_bath(self, uniform: Array) -> Index:
        from amp_theory.finite.chains.compiled_sweeps import graph_heat_bath, gumbel_edges

        return graph_heat_bath(self._rows(), uniform, gumbel_edges())

    def _metropolis(self, proposed: Index, excess: Array) -> Index:
        from amp_theory.finite.chains.compiled_sweeps import graph_metropolis

        return graph_metropolis(self._rows(), proposed, excess)

    def interaction(self) -> Array:
        """Return the interaction of the rows, shape (rows,)."""
        return np.asarray(self._log[self._up].sum(axis=1))

    def energy(self) -> Array:
        """Return the number of violated factors per variable, shape (rows,)."""
        return np.asarray(self._violated[self._up].sum(axis=1) / self.instance.size)
