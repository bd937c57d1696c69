"""Messages of belief propagation on the edges of a graph, and which of them are certain."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError

#: largest half log-likelihood ratio of a message, at which 1 - tanh is still resolved
LARGEST_FIELD = 17.0
#: means below this give messages without correct digits
RESOLVED = 1e-12
#: more than the edges of a spin
MANY = 2.0**26


class Told(NamedTuple):
    """What the spins of one row know."""

    fields: Array  # (size,), without what is certain if messages are
    certain: Array | None  # how many certain messages say +1, and in units of MANY how many say -1

    @property
    def contradicted(self) -> bool:
        """Whether a spin is certain to be both."""
        return self.certain is not None and bool(((self.certain % MANY > 0) & (self.certain >= MANY)).any())

    def with_certain(self, fields: Array, count: Array | None) -> Array:
        """Return fields, infinite where something is certain."""
        if count is None:
            return fields
        return np.where(count % MANY, np.inf, np.where(count >= MANY, -np.inf, fields))

    @property
    def total(self) -> Array:
        """The fields of all spins."""
        return self.with_certain(self.fields, self.certain)


class Edges:
    """The edges of a graph, and what the spins at their ends know: certain fields are infinite.

    Infinite fields follow from known values and from hard constraints only, as all finite ones are limited:
    fields of both signs at one spin are a contradiction.
    """

    def __init__(self, instance: GraphInstance, side: SideInformation) -> None:
        if not np.all(np.abs(side.values[side.known]) == 1):
            raise InputError("known values of spins must be -1 or +1")
        self.side = side
        self.base: Array = np.where(side.known, np.where(side.values > 0, np.inf, -np.inf), side.field)
        self._instance = instance
        #: whether factors answer in proportion to small fields
        self.linear = instance.factor.order == 1
        self._unknown = ~side.known

    @cached_property
    def spins(self) -> Index:
        """The spins at all edges, shape (k, factors)."""
        return np.ascontiguousarray(self._instance.spins.T)

    @cached_property
    def signs(self) -> Array:
        """The signs of literals, shape (k, 1, factors)."""
        return np.ascontiguousarray(self._instance.signs.T)[:, None, :]

    def _sum(self, messages: Array) -> Array:
        return np.asarray(np.bincount(self.spins.ravel(), messages.ravel(), minlength=self.base.shape[1]), dtype=float)

    def told(self, row: int, u: Array) -> Told:
        """Return what the spins of a row know from messages u, shape (k, factors)."""
        base, certain = self.base[row], np.isinf(u)
        if not certain.any():
            return Told(base + self._sum(u), None)
        fields = np.where(np.isinf(base), 0.0, base) + self._sum(np.where(certain, 0.0, u))
        return Told(fields, _says(base) + self._sum(_says(u)))

    def without(self, told: Told, u: Array, first: int, last: int | None = None) -> Array:
        """Return what the spins of some factors know without the messages u of these, shape (k, factors)."""
        spins = self.spins[:, first:last]
        if told.certain is None:
            return np.asarray(told.fields[spins] - u)
        h = told.fields[spins] - np.where(np.isinf(u), 0.0, u)
        return told.with_certain(h, told.certain[spins] - _says(u))

    def cavity(self, u: Array) -> tuple[Array, Array, Mask]:
        """Return fields without the message of the same edge, (k, batch, factors), of spins, and contradicted rows."""
        told = [self.told(row, u[:, row]) for row in range(u.shape[1])]
        h = np.stack([self.without(one, u[:, row], 0) for row, one in enumerate(told)], axis=1)
        return h, np.array([one.total for one in told]), np.array([one.contradicted for one in told])

    def hidden(self, mean: Array) -> Mask:
        """Return the rows whose means are so small that rounding hides what factors answer to them in proportion."""
        size = np.abs(np.where(self._unknown, mean, 0.0)).max(axis=1)
        return np.asarray(self.linear & (size > 0) & (size < RESOLVED))

    def means(self, fields: Array) -> tuple[Array, Array]:
        """Return means of the spins, and their fields without infinities."""
        return np.tanh(fields), np.where(np.isinf(fields), np.copysign(2 * LARGEST_FIELD, fields), fields)


def _says(messages: Array) -> Array:
    """Return what certain messages count."""
    return np.where(np.isinf(messages), np.where(messages > 0, 1.0, MANY), 0.0)


def literals(signs: Array, h: Array) -> tuple[Array, Array]:
    """Return the probabilities of literals being true and false, of which the small one has all its digits."""
    against = np.exp(-2 * signs * np.clip(h, -LARGEST_FIELD, LARGEST_FIELD))
    up = 1 / (1 + against)
    down = against * up
    certain = np.isinf(h)
    if certain.any():
        up, down = (np.where(certain, sign * signs * h > 0, p) for sign, p in ((1, up), (-1, down)))
    return up, down


def factor_messages(instance: GraphInstance, signs: Array, h: Array) -> Array:
    """Return the messages u from every factor to its spins, from those h to it, shape (k, batch, factors).

    Finite fields are limited, so that N_+ or N_- vanishes by infinite ones only; u is not a number where both do.
    """
    # twice, so that all but one are next to each other
    both = [np.concatenate([p, p]) for p in literals(signs, h)]
    u, k = np.empty_like(h), len(h)
    for root in range(k):
        plus, minus = instance.factor.messages(*(np.moveaxis(p[root + 1 : root + k], 0, -1) for p in both))
        with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 where no value of the root is allowed
            u[root] = 0.5 * np.log(plus / minus) * signs[root]
    return np.where(np.isinf(u), u, np.clip(u, -LARGEST_FIELD, LARGEST_FIELD))
