"""Priors P0(s) of one variable, and what the theory needs of them.

Everything goes through the scalar Gaussian channel y = sqrt(x) s + z, z ~ N(0, 1), at signal-to-noise
ratio x (`snr`), with <.> the posterior mean given y:

    psi(x) = E log sum_s P0(s) exp(x s s* + sqrt(x) z s - x s^2/2)      `free_entropy`, nats
    M(x)   = E[<s> s*] = 2 psi'(x)                                      `overlap`
    rho - M(x) = E (s - <s>)^2,  rho = E s^2                            `mmse`, `log_mmse`
    M'(x)  = E[Var(s|y)^2]                                              `overlap_slope`
    M''(x) = E[kappa_3(s|y)^2 - 2 Var(s|y)^3]                           `overlap_curvature`

A new prior made of atoms or Gaussians is a subclass with a `mixture`; any other density is
`Density(function, support)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from amp_theory.channel_table import ChannelTable, TableValues
from amp_theory.errors import InputError, as_array, as_float, as_list, in_unit_interval, told
from amp_theory.mixtures import Mixture
from amp_theory.quadrature import Array
from amp_theory.scalar_channel import ChannelValues, channel

#: the least fraction of non-zero variables, or variance in units of the largest s^2; the largest s^2, and 1 over it
SPARSEST, LARGEST = 1e-8, 1e30
#: the largest snr in units of 1/(largest s^2) for a discrete prior, and in any unit for others
LARGEST_SPREAD, UNBOUNDED = 1e18, 1e150


def check_scale(variance: float, size: float) -> None:
    """Raise an `InputError` for a prior that doubles cannot handle: almost constant, huge or tiny."""
    if not 1 / LARGEST <= size <= LARGEST:
        raise InputError(f"s^2 must be of size {1 / LARGEST:g} to {LARGEST:g}, got {size:g}: choose other units")
    if not variance >= SPARSEST * size:
        raise InputError(f"the prior is almost constant: its variance {variance:g} must be at least {SPARSEST:g} s^2")


def check_fraction(rho: object) -> float:
    """Return the fraction of non-zero variables after checking that it is in (0, 1], and not below 1e-8."""
    number = in_unit_interval("rho", rho)
    if number < SPARSEST:
        raise InputError(f"rho must be at least {SPARSEST:g} for double precision, got {told(rho)}")
    return number


class Table(Protocol):
    """Fast channel functions for the solvers."""

    def __call__(self, snr: Array) -> TableValues:
        """Evaluate at x = `snr`."""


class Prior(ABC):
    """A law P0 of one variable, with finite, positive variance."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def mean(self) -> float:
        """E s."""

    @property
    @abstractmethod
    def second_moment(self) -> float:
        """E s^2, the paper's rho: the largest possible overlap."""

    @property
    @abstractmethod
    def variance(self) -> float:
        """Var s."""

    @property
    @abstractmethod
    def entropy(self) -> float:
        """Entropy of P0 in nats if it is discrete, else infinity: the information in one revealed variable."""

    @property
    def information_dimension(self) -> float:
        """The d of rho - M(x) ~ d/x at large x: 0 for a discrete prior, the weight of its continuous part else."""
        return 0.0 if np.isfinite(self.entropy) else 1.0

    @property
    @abstractmethod
    def table(self) -> Table:
        """Interpolated channel functions, for the solvers."""

    @abstractmethod
    def _channel(self, snr: Array) -> ChannelValues:
        """Evaluate the channel functions at x of shape (n,)."""

    @abstractmethod
    def resolved(self, snr: float) -> Mixture:
        """Return a mixture of atoms and Gaussians that stands for this prior at observations up to snr."""

    @property
    def largest_snr(self) -> float:
        """The largest snr at which doubles tell the places of the channel's output apart."""
        return UNBOUNDED

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make this prior, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @property
    def unbiased_sign(self) -> bool:
        """Whether s is +1 or -1 with equal probability."""
        return False

    def channel(self, snr: npt.ArrayLike) -> ChannelValues:
        """Return psi, M, mmse, log mmse, M', M'' and their relative error bound at x = `snr`.

        Parameters
        ----------
        snr
            Signal-to-noise ratios x >= 0, any shape.

        Raises
        ------
        InputError
            If an x is negative, infinite or NaN.
        """
        x = as_array("snr", snr, "finite and >= 0")
        if not np.all((x >= 0) & (x <= self.largest_snr)):
            raise InputError(f"snr must be finite and >= 0, at most {self.largest_snr:g}, got {told(snr)}")
        return self._channel(np.ravel(x)).reshape(x.shape)

    def free_entropy(self, snr: npt.ArrayLike) -> Array:
        """Return psi(x) = E log Z in nats, zero at x = 0."""
        return self.channel(snr).free_entropy

    def overlap(self, snr: npt.ArrayLike) -> Array:
        """Return M(x) = E[<s> s*], from (E s)^2 at x = 0 to rho.

        Examples
        --------
        >>> float(Gaussian().overlap(1.0))
        0.5
        """
        return self.channel(snr).overlap

    def mmse(self, snr: npt.ArrayLike) -> Array:
        """Return rho - M(x) = E Var(s|y), without cancellation."""
        return self.channel(snr).mmse

    def log_mmse(self, snr: npt.ArrayLike) -> Array:
        """Return the logarithm of the mmse, finite where the mmse itself underflows."""
        return self.channel(snr).log_mmse

    def overlap_slope(self, snr: npt.ArrayLike) -> Array:
        """Return M'(x) = E[Var(s|y)^2]."""
        return self.channel(snr).overlap_slope

    def overlap_curvature(self, snr: npt.ArrayLike) -> Array:
        """Return M''(x) = E[kappa_3(s|y)^2 - 2 Var(s|y)^3]."""
        return self.channel(snr).overlap_curvature


def check_prior(prior: object) -> Prior:
    """Return `prior` if it is one, else raise an `InputError` that shows how to make one."""
    if not isinstance(prior, Prior):
        raise InputError(
            f"prior must be a Prior such as Rademacher() or Discrete(values, probabilities), got {told(prior)}"
        )
    return prior


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
        x = np.asarray(snr, dtype=float)
        values = channel(_STANDARD, x.ravel())
        columns = (values.free_entropy, values.overlap, values.mmse, values.overlap_slope, values.overlap_curvature,
                   values.overlap_gain, values.information, values.relative_error)  # fmt: skip
        return TableValues(*(c.reshape(x.shape) for c in columns))


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
    """s = 0 with probability 1 - rho, +1 or -1 with probability rho/2 each; E s^2 = rho in (0, 1]."""

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
    """s ~ N(0, 1); in the large-N limit also the spherical constraint.  M(x) = x/(1 + x)."""

    name: ClassVar[str] = "gaussian"

    def _components(self) -> Mixture:
        return _STANDARD


@dataclass(frozen=True)
class GaussBernoulli(MixturePrior):
    """s = 0 with probability 1 - rho, else N(0, 1); E s^2 = rho in (0, 1]."""

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
    """Finitely many atoms.

    Parameters
    ----------
    values
        The atoms: distinct finite numbers, at least two of positive probability.
    probabilities
        Their probabilities, >= 0, summing to one within 1e-9 (and then normalised exactly).

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
