"""Messages of belief propagation on the edges of a graph, and which of them are certain."""

from __future__ import annotations

import numpy as np

from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError

#: largest half log-likelihood ratio of a message, at which 1 - tanh is still resolved
LARGEST_FIELD = 17.0
#: means below this give messages without correct digits
RESOLVED = 1e-12
#: more than the edges of a spin
MANY = 2.0**26


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
        spins = np.ascontiguousarray(instance.spins.T)
        self.signs: Array = np.ascontiguousarray(instance.signs.T)[:, None, :]
        self._unknown, self._linear = ~side.known, instance.factor.order == 1
        self._to = spins[:, None, :] + np.arange(side.batch)[None, :, None] * instance.size

    def at_spins(self, values: Array) -> Array:
        """Return values of the spins, shape (batch, size), at all edges."""
        return np.asarray(values.ravel()[self._to])

    def _sum(self, messages: Array) -> Array:
        total = np.bincount(self._to.ravel(), messages.ravel(), minlength=self.base.size)
        return np.asarray(total.reshape(self.base.shape))

    def cavity(self, u: Array) -> tuple[Array, Array, Mask]:
        """Return fields without the message of the same edge, fields of all, and the rows with a contradiction."""
        certain = np.isinf(u)
        if not certain.any():
            fields = self.base + self._sum(u)
            return self.at_spins(fields) - u, fields, np.zeros(len(fields), dtype=bool)
        finite = np.where(certain, 0.0, u)
        fields = np.where(np.isinf(self.base), 0.0, self.base) + self._sum(finite)
        h = self.at_spins(fields) - finite
        # how many certain messages say +1, and in units of MANY how many say -1
        own, says = (np.where(np.isinf(x), np.where(x > 0, 1.0, MANY), 0.0) for x in (self.base, u))
        count = own + self._sum(says)
        h, fields = (np.where(n % MANY, np.inf, np.where(n >= MANY, -np.inf, x))
                     for n, x in ((self.at_spins(count) - says, h), (count, fields)))  # fmt: skip
        return h, fields, np.asarray(((count % MANY > 0) & (count >= MANY)).any(axis=1))

    def hidden(self, mean: Array) -> Mask:
        """Return the rows whose means are so small that rounding hides what factors answer to them in proportion."""
        size = np.abs(np.where(self._unknown, mean, 0.0)).max(axis=1)
        return np.asarray(self._linear & (size > 0) & (size < RESOLVED))

    def means(self, fields: Array) -> tuple[Array, Array]:
        """Return means of the spins, and their fields without infinities."""
        return np.tanh(fields), np.where(np.isinf(fields), np.copysign(2 * LARGEST_FIELD, fields), fields)


def factor_messages(instance: GraphInstance, signs: Array, h: Array) -> Array:
    """Return the messages u from every factor to its spins, from those h to it, shape (k, batch, factors).

    Finite fields are limited, so that N_+ or N_- vanishes by infinite ones only; u is not a number where both do.
    """
    up = 1 / (1 + np.exp(-2 * signs * np.clip(h, -LARGEST_FIELD, LARGEST_FIELD)))
    certain = np.isinf(h)
    if certain.any():
        up = np.where(certain, signs * h > 0, up)
    u = np.empty_like(h)
    others = np.arange(len(h))
    for root in others:
        plus, minus = instance.factor.messages(np.moveaxis(up[others != root], 0, -1))
        with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 where no value of the root is allowed
            u[root] = 0.5 * np.log(plus / minus) * signs[root]
    return np.where(np.isinf(u), u, np.clip(u, -LARGEST_FIELD, LARGEST_FIELD))
