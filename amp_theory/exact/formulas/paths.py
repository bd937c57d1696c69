"""What a path makes of Gaussian variables, M(x) = x/(1 + x): strength(q) = h - m xi'(q) and what follows from it.

Source of the formulas: `gaussian`, `linear` and `forms`, each with its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import sympy
from sympy import Expr, Integer

from amp_theory.exact.formulas.setting import q
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow
from amp_theory.tools.registration import ByClass

#: x at which M(x) = q
FREE = q / (1 - q)


class GaussianPath(ABC):
    """The functions h and m of q, h' = `slope`, and closed forms where a path has some: None where it has not."""

    h: Expr
    m: Expr
    slope: Expr

    @abstractmethod
    def free_entropy(self, x: Expr, xi: Expr, rest: Expr) -> Expr:
        """Return phi at a fixed point, from x = xi'(q), xi and rest = q x - xi."""

    def fold(self, p: Expr) -> Expr | None:
        """Return the strength of the marginal fixed point for xi = lambda q^p/p."""
        return None

    def tricritical(self, p: Expr, c: Expr) -> tuple[Expr, Expr] | None:
        """Return lambda and the strength of the tricritical point for xi = lambda c q^p/p, which is at q = (p-2)/p."""
        return None

    def cubic(self, delta: Expr) -> tuple[Expr, Expr, Expr, Expr] | None:
        """Return q, lambda and strength of the tricritical point for xi = lambda q^2/2 + q^3/(3 delta).

        The last is the delta from which on it exists, up to 1.
        """
        return None

    def linear(self, noise: Expr, alpha: Expr, strength: Expr) -> tuple[Expr, Expr, Expr] | None:
        """Return a, b, c of a q^2 - b q + c = 0, the equation of state of linear measurements; q is its lower root."""
        return None


class _Flow(GaussianPath):
    h, m, slope = FREE, Integer(1), (1 - q) ** -2

    def free_entropy(self, x: Expr, xi: Expr, rest: Expr) -> Expr:
        return (FREE + sympy.log(1 - q) - rest) / 2

    def fold(self, p: Expr) -> Expr:
        return q * (p - 2 - (p - 1) * q) / ((p - 1) * (1 - q) ** 2)

    def tricritical(self, p: Expr, c: Expr) -> tuple[Expr, Expr]:
        return p**2 / (4 * c * (p - 1) * ((p - 2) / p) ** (p - 2)), (p - 2) ** 2 / (4 * (p - 1))

    def cubic(self, delta: Expr) -> tuple[Expr, Expr, Expr, Expr]:
        root = sympy.root(delta, 3)
        return 1 - root, (3 * root - 2) / delta, (1 / root - 1) ** 3, sympy.Rational(8, 27)

    def linear(self, noise: Expr, alpha: Expr, strength: Expr) -> tuple[Expr, Expr, Expr]:
        s = strength
        return 1 + s, (1 + s) * (1 + noise) + s + alpha, s * (1 + noise) + alpha


class _Autoregressive(GaussianPath):
    h, m, slope = q, 1 - q, Integer(1)

    def free_entropy(self, x: Expr, xi: Expr, rest: Expr) -> Expr:
        return ((1 - q) * (x - (1 + x) * sympy.log(1 + x)) + xi) / 2

    def fold(self, p: Expr) -> Expr:
        return q * (p - 2 - (p - 1) * q) / (p - 1 - p * q)

    def tricritical(self, p: Expr, c: Expr) -> tuple[Expr, Expr]:
        low = (p - 2) / p
        return 1 / (c * low ** (p - 2)), low**2

    def cubic(self, delta: Expr) -> tuple[Expr, Expr, Expr, Expr]:
        low = sympy.Rational(1, 2) - sympy.sqrt(12 * delta - 3) / 6
        return low, (1 - 3 * low) / delta, low**3 / delta, sympy.Rational(1, 3)

    def linear(self, noise: Expr, alpha: Expr, strength: Expr) -> tuple[Expr, Expr, Expr]:
        return Integer(1), 1 + noise + strength + alpha, strength * (1 + noise) + alpha


@ByClass
def gaussian_path(path: Path) -> GaussianPath | None:
    """Return what a path makes of Gaussian variables, None where no formulas are registered.

    Examples
    --------
    A flow that is told by half its snr:

    >>> import amp_theory as at
    >>> from amp_theory.exact.formulas.forms import closed_forms
    >>> class HalfFlow(at.Flow):
    ...     strength = "half"
    >>> class Half(GaussianPath):
    ...     h, m, slope = FREE / 2, Integer(1) / 2, 1 / (2 * (1 - q) ** 2)
    ...     def free_entropy(self, x, xi, rest):
    ...         return (FREE + sympy.log(1 - q) - rest) / 2
    ...     def tricritical(self, p, c):
    ...         level, snr = gaussian_path(at.Flow()).tricritical(p, c)
    ...         return level, snr / 2
    >>> @gaussian_path.register(HalfFlow)
    ... def _half(path):
    ...     return Half()
    >>> closed_forms(at.SphericalPSpin(3), HalfFlow()).points["tricritical"]
    {'temperature': 2/3, 'half': 1/16, 'overlap': 1/3}
    """
    return None


@gaussian_path.register(Flow)
def _flow(path: Flow) -> GaussianPath:
    return _Flow()


@gaussian_path.register(Autoregressive)
def _autoregressive(path: Autoregressive) -> GaussianPath:
    return _Autoregressive()
