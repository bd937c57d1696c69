"""One exchange of messages after the other: between factors and spins, on arrays or in compiled loops.

Rows of side information are independent, and one is worked on after the other, so that what an iteration needs for a
while stays small: memory that is asked for afresh costs as much as the iteration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.finite.inference.graph_messages import Edges, Told, factor_messages
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.paths.side_information import Mask
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.compiled import in_use

if TYPE_CHECKING:
    from amp_theory.finite.inference.compiled_messages import Row

#: factors that are worked on together in arrays
BLOCK = 2**14
#: spins of a factor from which on products of small probabilities may vanish
MANY_SPINS = 20
#: rounding of tanh u in loops, in units of 2^-52 for every spin of a factor
ROUNDED = 4.0
#: differences W - 1 below which logarithms show more
CLOSE = 1e-11
#: finite messages beyond which a factor may all but exclude what a spin is told by others
STRONG = 6.0


class Exchange(ABC):
    """The messages of a batch of side informations.

    Parameters
    ----------
    instance, edges
        The instance, and what is told to its spins.
    start
        Fields of the spins to start from, shape (batch, size).
    damping
        Part of the old messages that is kept.
    """

    def __init__(self, instance: GraphInstance, edges: Edges, start: Array, damping: float) -> None:
        self.instance, self.edges, self.damping = instance, edges, damping
        self.steps = 0
        #: changes that rounding makes where there are none
        self.rounding = 0.0

    def advance(self, stopped: Mask) -> tuple[Array, Array, Mask]:
        """Let every factor answer once, in rows that have not stopped.

        Parameters
        ----------
        stopped
            The rows that have, shape (batch,).

        Returns
        -------
        change, scale
            Root mean squares of the change of tanh u without damping, and of tanh u where it is not certain, shape
            (batch,).
        contradicted
            Rows in which nothing is possible any more: their fields stay what they were before, and so do their
            messages if a factor allows no value of a spin.
        """
        squares = np.zeros((2, len(stopped)))
        contradicted = self._advance(stopped, self.damping if self.steps else 0.0, squares)
        self.steps += 1
        change, scale = np.sqrt(squares / self.instance.spins.size)
        return np.maximum(change - self.rounding, 0.0), scale, contradicted

    @abstractmethod
    def _advance(self, stopped: Mask, keep: float, squares: Array) -> Mask:
        """Let every factor answer once, set sums of squares, shape (2, batch), and return what is contradicted."""

    @abstractmethod
    def end(self) -> None:
        """Give back the memory of what only further exchanges need."""

    @abstractmethod
    def fields(self) -> Array:
        """Return the fields of the spins, infinite where they are certain, shape (batch, size)."""

    @abstractmethod
    def messages(self, first: int = 0, last: int | None = None) -> Array:
        """Return the messages u of some factors or all, infinite where they are certain, shape (k, batch, factors)."""

    @abstractmethod
    def strong(self) -> Mask:
        """Return the rows with messages so strong that fields beyond `LARGEST_FIELD` may meet what excludes them."""

    @abstractmethod
    def hidden(self) -> Mask:
        """Return the rows whose means are so small that rounding hides what factors answer, see `Edges.hidden`."""


class ArrayExchange(Exchange):
    """Messages in arrays; parameters as for `Exchange`."""

    def __init__(self, instance: GraphInstance, edges: Edges, start: Array, damping: float) -> None:
        super().__init__(instance, edges, start, damping)
        self._told = [Told(row, None) for row in start]
        self._u, self._said = np.zeros((2, len(start), *edges.spins.shape))

    def _advance(self, stopped: Mask, keep: float, squares: Array) -> Mask:
        contradicted = np.zeros(len(stopped), dtype=bool)
        for row in np.flatnonzero(~stopped).tolist():
            squares[:, row], possible = self._exchanged(row, keep)
            now = self.edges.told(row, self._u[row])
            contradicted[row] = not possible or now.contradicted
            if not contradicted[row]:
                self._told[row] = now
        return contradicted

    def _exchanged(self, row: int, keep: float) -> tuple[tuple[float, float], bool]:
        """Let every factor of a row answer once, and return sums of squares, and whether they allow anything."""
        edges, told, change, scale = self.edges, self._told[row], 0.0, 0.0
        before = self._u[row].copy() if self.instance.hard else self._u[row]
        for first in range(0, len(self.instance.spins), BLOCK):
            last = first + BLOCK
            u, said = self._u[row, :, first:last], self._said[row, :, first:last]
            # fields to start from are those of all edges: there are no messages yet
            h = edges.without(told, u, first, last)
            fresh = factor_messages(self.instance, edges.signs[:, 0, first:last], h)
            if np.isnan(fresh).any():
                self._u[row] = before
                return (0.0, 0.0), False
            says = np.tanh(fresh)
            change += float(np.square(says - said).sum())
            scale += float(np.square(np.where(np.abs(says) < 1, says, 0.0)).sum())  # without what is certain
            if keep:
                fresh = np.where(np.isinf(fresh), fresh, (1 - keep) * fresh + keep * u)  # what is certain stays certain
            u[:], said[:] = fresh, np.tanh(fresh) if keep else says
        return (change, scale), True

    def end(self) -> None:
        """Forget what messages said, see `Exchange.end`."""
        self._said = np.empty((len(self._u), 0, 0))

    def fields(self) -> Array:
        """Return the fields of the spins, see `Exchange.fields`."""
        return np.array([told.total for told in self._told])

    def messages(self, first: int = 0, last: int | None = None) -> Array:
        """Return the messages, see `Exchange.messages`."""
        return np.moveaxis(self._u[:, :, first:last], 1, 0)

    def strong(self) -> Mask:
        """Return rows of strong messages, see `Exchange.strong`."""
        size = np.abs(self._u)
        return np.asarray(((size > STRONG) & (size < np.inf)).any(axis=(1, 2)))

    def hidden(self) -> Mask:
        """Return rows of tiny means, see `Exchange.hidden`."""
        if not self.edges.linear:
            return np.zeros(len(self._told), dtype=bool)
        return self.edges.hidden(np.tanh(self.fields()))


class LoopExchange(Exchange):
    """Messages in compiled loops; parameters as for `Exchange`.

    The numbers are those of arrays but for rounding: after one exchange tanh u differs by 16 k 2^-52 at most.
    """

    def __init__(self, instance: GraphInstance, edges: Edges, start: Array, damping: float) -> None:
        from amp_theory.finite.inference.compiled_messages import BLOCK as WIDTH
        from amp_theory.finite.inference.compiled_messages import Scratch, exchange

        super().__init__(instance, edges, start, damping)
        (factors, k), size = instance.spins.shape, instance.size
        self.rounding = ROUNDED * k * EPS
        self._literals = np.ascontiguousarray(instance.spins.T, dtype=np.int32)
        self._literals *= 2
        self._literals += instance.signs.T < 0
        self._known: Mask = np.asarray(np.isinf(edges.base).any(axis=1))
        self._hard: Mask = np.full(len(start), True) if k > MANY_SPINS else np.logical_and(self._known, instance.hard)
        self._factor = kind_of(np.array(instance.factor.weights))
        self._rows, self._exchange = self._begin(start), exchange
        self._failed: Mask = np.zeros(len(start), dtype=bool)
        up, down, plus, minus = np.empty((4, k, WIDTH))
        run, any_hard = np.empty((k + 1, WIDTH)), self._hard.any()
        told = np.empty(2 * size if any_hard else 0, dtype=np.int32)
        before = np.empty((k, factors) if any_hard else (0, 0))
        self._scratch = Scratch(up, down, plus, minus, run, product=np.empty(2 * size), told=told, before=before)

    def _begin(self, fields: Array) -> Row:
        """Return the rows before the first exchange."""
        from amp_theory.finite.inference.compiled_messages import FAR, Row

        base, (batch, size), shape = self.edges.base, fields.shape, (len(fields), *self._literals.shape)
        certain, strong = np.isinf(base), np.abs(base) > FAR / 2
        begin = np.exp(np.clip(2 * np.where(certain, 0.0, base), -FAR, FAR))
        np.copyto(begin, np.where(base > 0, np.inf, 0.0), where=strong & ~certain)
        own, both = np.empty((batch, 2 * size), dtype=np.int32), np.empty((batch, 2 * size))
        own[:, ::2], own[:, 1::2] = base == np.inf, base == -np.inf
        np.exp(np.clip(2 * np.where(certain, 0.0, fields), -FAR, FAR), out=both[:, ::2])
        np.divide(1, both[:, ::2], out=both[:, 1::2])
        # only where messages can be certain it changes what makes a literal so
        told = own.copy() if self._hard.any() else own
        return Row(np.ones(shape), np.zeros(shape), base, begin, own, both, told)

    def _advance(self, stopped: Mask, keep: float, squares: Array) -> Mask:
        contradicted = self._exchange(
            self._rows,
            self._scratch,
            self._literals,
            *self._factor,
            keep,
            known=self._known,
            hard=self._hard,
            stopped=stopped,
            squares=squares,
        )
        self._failed |= contradicted
        return contradicted

    def end(self) -> None:
        """Forget what messages said, see `Exchange.end`."""
        batch = len(self._rows.w)
        self._rows = self._rows._replace(said=np.empty((batch, 0, 0)), begin=np.empty((batch, 0)))

    def fields(self) -> Array:
        """Return the fields of the spins, see `Exchange.fields`."""
        from amp_theory.finite.inference.compiled_messages import Row, twice_fields

        fields = np.log(self._rows.ratio[:, ::2])
        # of failed rows messages are newer than what spins know
        for row in np.flatnonzero(~self._failed) if self.steps else ():
            twice_fields(Row(*(x[row] for x in self._rows)), self._literals, fields[row], self._scratch.product)
        fields *= 0.5
        for n, sign in ((1, -1.0), (0, 1.0)):
            fields[self._rows.told[:, n::2] > 0] = sign * np.inf
        return np.asarray(fields)

    def messages(self, first: int = 0, last: int | None = None) -> Array:
        """Return the messages, see `Exchange.messages`."""
        with np.errstate(divide="ignore"):
            u = np.log(np.moveaxis(self._rows.w[:, :, first:last], 1, 0))
        u *= 0.5
        u *= self.instance.signs[first:last].T[:, None]
        return np.asarray(u)

    def strong(self) -> Mask:
        """Return rows of strong messages, see `Exchange.strong`."""
        w, ratio = self._rows.w, np.exp(2 * STRONG)
        return np.asarray((((w > ratio) & (w < np.inf)) | ((w > 0) & (w < 1 / ratio))).any(axis=(1, 2)))

    def hidden(self) -> Mask:
        """Return rows of tiny means, see `Exchange.hidden`."""
        if not self.edges.linear or np.all(np.abs(self._rows.ratio - 1).max(axis=1) > CLOSE):
            return np.zeros(len(self._known), dtype=bool)
        return self.edges.hidden(np.tanh(self.fields()))


def kind_of(weights: Array) -> tuple[int, Array]:
    """Return the kind of factor that weights w_0, ..., w_k are, and its parameters.

    Examples
    --------
    >>> kind_of(np.array([0.2, 1.0, 1.0, 0.2]))
    (1, array([0.2]))
    """
    from amp_theory.finite.inference.compiled_messages import ALL_EQUAL, PARITY, TABLE

    even, odd = weights[::-1][::2], weights[::-1][1::2]
    if np.ptp(even) == 0 and np.ptp(odd) == 0:
        return PARITY, np.array([even[0], odd[0]]) / weights.max()
    if len(weights) > 3 and weights[0] == weights[-1] < weights[1] and np.ptp(weights[1:-1]) == 0:
        return ALL_EQUAL, weights[:1] / weights[1:2]
    return TABLE, weights / weights.max()


def exchange_of(instance: GraphInstance, edges: Edges, start: Array, damping: float) -> Exchange:
    """Return the exchange of messages that is fastest here; parameters as for `Exchange`."""
    kind = LoopExchange if in_use() and instance.size < 2**30 else ArrayExchange
    return kind(instance, edges, start, damping)
