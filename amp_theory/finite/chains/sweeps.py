"""One sweep: every variable is updated once, given all the others.

Variable i has value a with conditional weight exp(l_a), l_a = log P0(a) + side information + factor B_i a
- factor A_i a^2/2.  An update adds noise to every l_a and takes the largest:

- heat bath: independent Gumbel numbers, so that a is taken with probability exp(l_a)/sum_b exp(l_b);
- Metropolis: a value a' is proposed uniformly, the present one included, and has an exponential number E added, the
  present one nothing, all others -inf: it is accepted if l_a' - l_a > -E = log(uniform).  Without the lazy proposals
  a variable without a field would alternate for ever.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from amp_theory.finite.instances.base import Instance
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.compiled import in_use

#: what a rule adds to the log weights: from labels (rows, size) and the number of values to (rows, size, values)
Rule = Callable[[Index, int, np.random.Generator], Array]


def heat_bath_noise(labels: Index, values: int, rng: np.random.Generator) -> Array:
    """Return Gumbel noise, shape (rows, size, values)."""
    return rng.gumbel(size=(*labels.shape, values))


def metropolis_numbers(labels: Index, values: int, rng: np.random.Generator) -> tuple[Index, Array]:
    """Return proposed values and by how much a log weight may fall, both of shape (rows, size)."""
    return rng.integers(0, values, labels.shape), rng.exponential(size=labels.shape)


def metropolis_noise(labels: Index, values: int, rng: np.random.Generator) -> Array:
    """Return the noise of uniform proposals accepted with probability min(1, ratio), shape (rows, size, values)."""
    proposed, excess = metropolis_numbers(labels, values, rng)
    noise = np.full((*labels.shape, values), -np.inf)
    np.put_along_axis(noise, proposed[..., None], excess[..., None], -1)
    np.put_along_axis(noise, labels[..., None], 0.0, -1)
    return noise


class ChainRows(ABC):
    """Configurations in rows that are updated together, each with a factor of the interaction, shape (rows,)."""

    factor: Array
    #: whether updates are compiled
    compiled: bool = False

    @property
    @abstractmethod
    def configurations(self) -> Array:
        """The configurations, shape (rows, size)."""

    @abstractmethod
    def update(self, rule: Rule, rng: np.random.Generator) -> Index:
        """Update every variable once by a rule and return how many changed, shape (rows,)."""

    @abstractmethod
    def interaction(self) -> Array:
        """Return the interaction of the rows, shape (rows,), as `Instance.interaction`."""

    @abstractmethod
    def energy(self) -> Array:
        """Return the energy per variable, shape (rows,), as `Instance.energy`."""


class Sweeper(ChainRows):
    """Configurations of discrete variables in rows, with what their conditional laws need.

    Parameters
    ----------
    instance
        An instance with a discrete prior.
    labels
        Which of the prior's values every variable has, shape (rows, size).
    tilt
        Log weights of the values apart from the interaction, shape (1 or rows, size, values).
    factor
        What multiplies the interaction, shape (rows,).
    """

    def __init__(self, instance: Instance, labels: Index, tilt: Array, factor: Array) -> None:
        self.instance = instance
        self.atoms = instance.variables.means
        self.labels = labels.copy()
        self.tilt = tilt
        self.factor = factor

    @property
    def configurations(self) -> Array:
        """The configurations, shape (rows, size)."""
        return np.asarray(self.atoms[self.labels])

    def update(self, rule: Rule, rng: np.random.Generator) -> Index:
        """Update every variable once by a rule and return how many changed, shape (rows,)."""
        return self.sweep(rule(self.labels, len(self.atoms), rng))

    @abstractmethod
    def sweep(self, noise: Array) -> Index:
        """Update every variable once with the noise of a rule and return how many changed, shape (rows,)."""

    @abstractmethod
    def log_weights(self) -> Array:
        """Return the conditional log weights of all values given the other variables, shape (rows, size, values)."""


class CompiledSweeper(Sweeper):
    """Configurations whose heat bath and Metropolis updates are compiled where numba is installed, see `Sweeper`.

    Random numbers are those of the rules, from the same generator.
    """

    def __init__(self, instance: Instance, labels: Index, tilt: Array, factor: Array) -> None:
        super().__init__(instance, labels, tilt, factor)
        self.compiled = in_use()
        # memory that every sweep asks for afresh costs as much as the sweep
        self._uniform = np.empty((*labels.shape, len(self.atoms)) if self.compiled else 0)

    def update(self, rule: Rule, rng: np.random.Generator) -> Index:
        """Update every variable once by a rule and return how many changed, shape (rows,)."""
        if self.compiled and rule is heat_bath_noise:
            # numpy makes its Gumbel noise of these
            return self._heat_bath(rng.random(out=self._uniform))
        if self.compiled and rule is metropolis_noise:
            return self._metropolis(*metropolis_numbers(self.labels, len(self.atoms), rng))
        return super().update(rule, rng)

    @abstractmethod
    def _heat_bath(self, uniform: Array) -> Index:
        """Update every variable by compiled heat bath, given uniform numbers of shape (rows, size, values)."""

    @abstractmethod
    def _metropolis(self, proposed: Index, excess: Array) -> Index:
        """Update every variable by the compiled Metropolis rule, given what `metropolis_numbers` returns."""
