"""What the equations need of a coupling: xi(q) and three derivatives, in mpmath."""

from __future__ import annotations

from abc import ABC, abstractmethod

from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.rules import Real, Rule, Values
from amp_theory.tools.errors import InputError


class ExactCoupling(ABC):
    """xi(q) at an intensity, to the working precision of mpmath."""

    @abstractmethod
    def at(self, intensity: Real, overlap: Real, rule: Rule) -> Values:
        """Return xi, xi', xi'', xi''' at q = `overlap`, 0 <= q < rho."""

    def recovered(self) -> Real:
        """Return A(rho) of xi = intensity A where it is finite."""
        raise InputError(f"{type(self).__name__} has no finite A(rho)")


class ScaledCoupling(ExactCoupling):
    """xi = intensity A(q) + B(q)."""

    @abstractmethod
    def scaled(self, overlap: Real, rule: Rule) -> Values:
        """Return A, A', A'', A''' at q = `overlap`."""

    def fixed(self, overlap: Real) -> Values:
        """Return B, B', B'', B''' at q = `overlap`, zero unless overridden."""
        return [mp.mpf(0)] * 4

    def at(self, intensity: Real, overlap: Real, rule: Rule) -> Values:
        """Return xi, xi', xi'', xi''' at q = `overlap`."""
        pairs = zip(self.scaled(overlap, rule), self.fixed(overlap), strict=True)
        return [intensity * a + b for a, b in pairs]
