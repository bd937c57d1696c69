"""Priors that are mixtures of Gaussians and atoms: those with a name, and the base of one's own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from amp_theory.ingredients.priors.base import (
    LARGEST,
    LARGEST_SPREAD,
    UNBOUNDED,
    Prior,
    Table,
    check_fraction,
    check_scale,
)
from amp_theory.ingredients.priors.channel_table import ChannelTable, TableValues
from amp_theory.ingredients.priors.mixture_channel import ChannelValues, channel, logarithm_and_gain
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, as_float, as_list, told


class MixturePrior(Prior):
    """A prior that is a finite mixture of atoms and Gaussians, given by its `mixture`."""

    @abstractmethod
    def _components(self) -> Mixture:
        """Return the probabilities, means and variances of the components."""

    @cached_property
    def mixture(self) -> Mixture:
        """Probabilities, means and variances of the components."""
        return self._components()

    @property
    def largest_snr(self) -> float:
        """The largest snr at which doubles tell the places of the channel's output apart."""
        return LARGEST_SPREAD / self.mixture.size if self.mixture.atoms else UNBOUNDED

    def resolved(self, snr: float) -> Mixture:
        """Return the mixture itself."""
        return self.mixture

    @property
    def mean(self) -> float:
        """E s."""
        return self.mixture.mean

    @property
    def second_moment(self) -> float:
        """E s^2, the paper's rho: the largest possible overlap."""
        return self.mixture.second_moment

    @property
    def variance(self) -> float:
        """Var s."""
        return self.mixture.variance

    @property
    def entropy(self) -> float:
        """Entropy of P0 in nats if it is discrete, else infinity: the information in one revealed variable."""
        return self.mixture.entropy if self.mixture.atoms else float("inf")

    @property
    def information_dimension(self) -> float:
        """The d of rho - M(x) ~ d/x at large x: the weight of all components that are no atoms."""
        m = self.mixture
        return float(m.probabilities[m.variances > 0].sum())

    @property
    def unbiased_sign(self) -> bool:
        """Whether s is +1 or -1 with equal probability."""
        m = self.mixture
        return m.atoms and m.symmetric and len(m.means) == 2 and bool(np.all(np.abs(m.means) == 1))

    @property
    def table(self) -> Table:
        """Interpolated channel functions, for the solvers."""
        return _mixture_table(self)

    def _channel(self, snr: Array) -> ChannelValues:
        return channel(self.mixture, snr)


def standard_normal(prior: Prior) -> bool:
    """Tell whether a prior's law is N(0, 1), whatever it is called."""
    if not isinstance(prior, MixturePrior):
        return False
    m = prior.mixture
    return len(m.means) == 1 and bool(m.means[0] == 0 and m.variances[0] == 1)


def two_signs(prior: Prior) -> bool:
    """Tell whether a prior has two equally likely values of one modulus."""
    if not isinstance(prior, MixturePrior):
        return False
    m = prior.mixture
    return m.atoms and m.symmetric and len(m.means) == 2


class _GaussianTable:
    """The closed form of the standard Gaussian: psi = (x - log(1 + x))/2, M = x/(1 + x)."""

    def __call__(self, snr: Array) -> TableValues:
        x = np.atleast_1d(np.asarray(snr, dtype=float))
        logarithm, psi = logarithm_and_gain(x)
        mmse, overlap = 1 / (1 + x), x / (1 + x)
        slope = mmse * mmse
        columns = (psi, overlap, mmse, slope, -2 * slope * mmse, overlap, 0.5 * logarithm, np.full(x.shape, 8 * EPS))
        return TableValues(*columns) if np.ndim(snr) else TableValues(*(c.reshape(()) for c in columns))


_STANDARD = Mixture(np.ones(1), np.zeros(1), np.ones(1))


@lru_cache(maxsize=64)
def _mixture_table(prior: MixturePrior) -> Table:
    """Return one table for all equal priors."""
    mixture = prior.mixture
    if len(mixture.means) == 1:
        return _GaussianTable()
    return ChannelTable(lambda x: channel(mixture, x), mixture.mean, mixture.centred.size, mixture.variance)


@dataclass(frozen=True)
class Rademacher(MixturePrior):
    """s = +1 or -1 with equal probability: Ising spins.  M(x) = E tanh(x + sqrt(x) z).

    Examples
    --------
    >>> prior = Rademacher()
    >>> x = 0.3  # the identity M = 2 psi'
    >>> h = 1e-5
    >>> slope = (prior.free_entropy(x + h) - prior.free_entropy(x - h)) / h
    >>> bool(abs(slope - prior.overlap(x)) < 1e-9)
    True
    """

    name: ClassVar[str] = "rademacher"

    def _components(self) -> Mixture:
        return Mixture(np.array([0.5, 0.5]), np.array([-1.0, 1.0]), np.zeros(2))


@dataclass(frozen=True)
class SparseRademacher(MixturePrior):
    """s = 0 with probability 1 - rho, +1 or -1 with probability rho/2 each: sparse spins, E s^2 = rho.

    Parameters
    ----------
    rho
        The fraction of variables that are not zero, in (0, 1], at least 1e-8.

    Raises
    ------
    InputError
        If rho is no such number.

    Examples
    --------
    >>> prior = SparseRademacher(0.08)
    >>> prior.second_moment, round(float(prior.overlap(30.0)), 8)
    (0.08, 0.07840582)
    """

    rho: float
    name: ClassVar[str] = "sparse-rademacher"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rho", check_fraction(self.rho))

    def _components(self) -> Mixture:
        rho = self.rho
        if rho == 1:
            return Rademacher().mixture
        return Mixture(np.array([rho / 2, 1 - rho, rho / 2]), np.array([-1.0, 0.0, 1.0]), np.zeros(3))


@dataclass(frozen=True)
class Gaussian(MixturePrior):
    """s ~ N(0, 1); in the large-N limit also the spherical constraint.  M(x) = x/(1 + x).

    Examples
    --------
    >>> float(Gaussian().overlap(3.0)), round(float(Gaussian().free_entropy(3.0)), 8)
    (0.75, 0.80685282)
    """

    name: ClassVar[str] = "gaussian"

    def _components(self) -> Mixture:
        return _STANDARD


@dataclass(frozen=True)
class GaussBernoulli(MixturePrior):
    """s = 0 with probability 1 - rho, else N(0, 1): sparse real numbers, E s^2 = rho.

    Parameters
    ----------
    rho
        The fraction of variables that are not zero, in (0, 1], at least 1e-8.

    Raises
    ------
    InputError
        If rho is no such number.

    Examples
    --------
    >>> prior = GaussBernoulli(0.1)
    >>> prior.second_moment, prior.information_dimension
    (0.1, 0.1)
    """

    rho: float
    name: ClassVar[str] = "gauss-bernoulli"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rho", check_fraction(self.rho))

    def _components(self) -> Mixture:
        if self.rho == 1:
            return _STANDARD
        return Mixture(np.array([1 - self.rho, self.rho]), np.zeros(2), np.array([0.0, 1.0]))


def _numbers(name: str, given: Sequence[float]) -> tuple[float, ...]:
    items = as_list(name, given)
    if not items:
        raise InputError(f"{name} must be a list of numbers, got {told(given)}")
    return tuple(as_float(f"every one of {name}", item) for item in items)


@dataclass(frozen=True)
class Discrete(MixturePrior):
    """Finitely many atoms: s takes `values` with `probabilities`.

    Parameters
    ----------
    values
        The atoms: distinct finite numbers, at least two of positive probability.
    probabilities
        Their probabilities, >= 0, summing to one within 1e-9 (and then normalised exactly).

    Raises
    ------
    InputError
        If the lists differ in length, values are equal or too large, or probabilities are no law of positive variance.

    Examples
    --------
    >>> Discrete([0, 1], [0.9, 0.1]).second_moment
    0.1
    """

    values: tuple[float, ...]
    probabilities: tuple[float, ...]
    name: ClassVar[str] = "discrete"

    def __init__(self, values: Sequence[float], probabilities: Sequence[float]) -> None:
        atoms, weights = _numbers("values", values), _numbers("probabilities", probabilities)
        if len(atoms) != len(weights):
            raise InputError(f"values and probabilities must have equal length, got {len(atoms)} and {len(weights)}")
        if len(set(atoms)) != len(atoms):
            raise InputError(f"values must be distinct, got {atoms}")
        if any(w < 0 for w in weights):
            raise InputError(f"probabilities must be >= 0, got {weights}")
        if abs(sum(weights) - 1) > 1e-9:
            raise InputError(f"probabilities must sum to one, got {weights} with sum {sum(weights):.12g}")
        if sum(w > 0 for w in weights) < 2:
            raise InputError(f"the prior must have positive variance: all weight is on one atom of {atoms}")
        if max(map(abs, atoms)) > LARGEST:  # whose square could be too much even for the next check
            raise InputError(f"values must be at most {LARGEST:g}, got {told(atoms)}: choose other units")
        object.__setattr__(self, "values", atoms)
        object.__setattr__(self, "probabilities", weights)
        check_scale(self.mixture.variance, self.mixture.size)

    def _components(self) -> Mixture:
        p, s = np.array(self.probabilities), np.array(self.values)
        keep = p > 0
        return Mixture(p[keep] / p[keep].sum(), s[keep], np.zeros(int(keep.sum())))
