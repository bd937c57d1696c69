"""Two independent quadrature rules in mpmath for analytic integrands that decay towards both ends.

Integrands return several values at once, so that one pass over the nodes serves all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from mpmath import MPContext
from mpmath.calculus.quadrature import GaussLegendre

from amp_theory.exact.digits.contexts import from_raw, mp, raw
from amp_theory.tools.errors import NumericalError

Real = Any
Values = list[Real]
Integrand = Callable[[Real], Sequence[Real]]
#: a rule takes the integrand, a reach beyond which it is negligible on both sides, and whether it is even
Rule = Callable[[Integrand, Real, bool], Values]
MOST_NODES = 1_000_000
#: level of the Gauss-Legendre rule: 3 * 2^(LEVEL - 1) nodes on a panel
LEVEL = 6


def gaussian_mean(rule: Rule, integrand: Integrand, even: bool = False) -> Values:
    """Return E f(z), z ~ N(0, 1), of a function that grows at most like a power."""
    reach = mp.sqrt(2 * mp.log(10) * (mp.dps + 8))

    def weighted(z: Real) -> Values:
        weight = from_raw(_raw_bell(raw(z), mp.prec))
        return [weight * value for value in integrand(z)]

    return [value / mp.sqrt(2 * mp.pi) for value in rule(weighted, reach, even)]


@lru_cache(maxsize=20_000)
def _raw_bell(z: Any, precision: int) -> Any:
    """Return e^(-z^2/2) as a raw number of that precision in bits: rules take the same nodes again and again."""
    z = from_raw(z)
    return raw(mp.exp(-z * z / 2))


def trapezoid_rule(integrand: Integrand, reach: Real, even: bool = False) -> Values:
    """Return the integral by the trapezoidal rule, halving the step until two sums agree.

    Its error is e^(-2 pi a/h) for an f analytic in |Im z| < a, so that it squares when h is halved: agreement to
    two thirds of the digits means that all are right.

    Raises
    ------
    NumericalError
        If a million nodes are not enough.
    """
    agree, small = mp.mpf(10) ** (-0.66 * mp.dps), mp.mpf(10) ** (-0.33 * mp.dps)
    step, nodes = reach / 32, 64
    total = _sum(integrand, mp.mpf(0), step, reach, even)
    while True:
        finer = [a + b for a, b in zip(total, _sum(integrand, step / 2, step, reach, even), strict=True)]
        # the finer sum has twice as many terms
        pairs = zip(total, finer, strict=True)
        if all(abs(2 * a - b) * step <= agree * (abs(b) * step + small) for a, b in pairs):
            return [step / 2 * value for value in finer]
        total, step, nodes = finer, step / 2, 2 * nodes
        if nodes > MOST_NODES:
            raise NumericalError(
                f"an integral to {mp.dps} digits needs more than {MOST_NODES} nodes", "ask for fewer digits"
            )


def _sum(integrand: Integrand, start: Real, step: Real, reach: Real, even: bool) -> Values:
    """Return the sum of the integrand at start + k step, for all k."""
    rows = []
    for k in range(int(reach / step) + 2):
        z = start + k * step
        twin = even and z != 0
        here = integrand(z)
        rows.append([2 * v for v in here] if twin else here)
        if not twin and z != 0:
            rows.append(integrand(-z))
    return [mp.fsum(column) for column in zip(*rows, strict=True)]


def legendre() -> list[tuple[Real, Real]]:
    """Return 96 nodes and weights on [-1, 1] for the working precision."""
    return [(from_raw(node), from_raw(weight)) for node, weight in _legendre(mp.prec, LEVEL)]


@lru_cache(maxsize=8)
def _legendre(precision: int, level: int) -> list[tuple[Any, Any]]:
    """Return 3 * 2^(level - 1) raw nodes and weights on [-1, 1] for a working precision in bits."""
    return [(raw(node), raw(weight)) for node, weight in GaussLegendre(MPContext()).calc_nodes(level, precision)]


class GaussLegendrePanels:
    """The Gauss-Legendre rule with 96 nodes on each of `panels` panels of equal length."""

    def __init__(self, panels: int) -> None:
        self.panels = panels

    def __call__(self, integrand: Integrand, reach: Real, even: bool = False) -> Values:
        """Return the integral over [-reach, reach]."""
        start = mp.mpf(0) if even else -reach
        half = (reach - start) / self.panels / 2
        rows, nodes = [], legendre()
        for k in range(self.panels):
            middle = start + (2 * k + 1) * half
            for node, weight in nodes:
                rows.append([weight * v for v in integrand(middle + half * node)])
        factor = half * (2 if even else 1)
        return [factor * mp.fsum(column) for column in zip(*rows, strict=True)]
