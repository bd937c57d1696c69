"""What the equations need of a prior: its scalar channel in mpmath."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.rules import Real, Rule


@dataclass(frozen=True)
class ExactChannelValues:
    """psi, M, the mmse rho - M, M' and M'' at one snr."""

    free_entropy: Real
    overlap: Real
    mmse: Real
    slope: Real
    curvature: Real


class ExactChannel(ABC):
    """The scalar channel of one prior, to the working precision of mpmath."""

    @property
    @abstractmethod
    def mean(self) -> Real:
        """E s."""

    @property
    @abstractmethod
    def second_moment(self) -> Real:
        """E s^2, the paper's rho."""

    @property
    def variance(self) -> Real:
        """Var s."""
        return self.second_moment - self.mean**2

    @property
    def entropy(self) -> Real:
        """Entropy of P0 in nats if it is discrete, else infinity."""
        return mp.inf

    @property
    def information_dimension(self) -> Real:
        """The weight of the prior's continuous part."""
        return mp.mpf(1)

    @property
    def unit(self) -> Real:
        """The nats that psi counts as one."""
        return mp.mpf(1)

    @abstractmethod
    def values(self, snr: Real, rule: Rule) -> ExactChannelValues:
        """Return the channel functions at x = `snr`, integrals by `rule`."""


class UnitAtoms(ExactChannel):
    """The channel of finitely many states with mean zero and second moment one."""

    @property
    def mean(self) -> Real:
        """Zero."""
        return mp.mpf(0)

    @property
    def second_moment(self) -> Real:
        """One."""
        return mp.mpf(1)

    @property
    def information_dimension(self) -> Real:
        """Zero: no part is continuous."""
        return mp.mpf(0)
