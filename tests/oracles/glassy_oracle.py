"""Averages over glassy states by adaptive quadrature, at given control, overlap and x: nothing of the library is used.

P0 = (1 - rho) delta_0 + rho (delta_1 + delta_-1)/2, Z = 1 - rho + rho exp(-A/2) cosh(B), and xi a list of (power,
coefficient).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad


@dataclass(frozen=True)
class OracleState:
    """The equations of a state: overlap - q, xi''(q) <v^2>, complexity, rho xi''(0) chi, rho xi''(0) (<s2> - q)."""

    excess: float
    replicon: float
    complexity: float
    gain: float
    fast_gain: float


def oracle_state(rho, terms, overlap, parisi):
    """Return what the equations say at an overlap and x."""
    q, x = overlap, parisi
    value, slope, curvature = (sum(c * math.perm(k, n) * q ** (k - n) for k, c in terms if k >= n) for n in range(3))
    start = sum(2 * c for k, c in terms if k == 2)
    width = math.sqrt(slope)

    def at(z):
        pair = math.log(rho) - slope / 2 + np.logaddexp(width * z, -width * z) - math.log(2)
        level = np.logaddexp(math.log(1 - rho), pair) if rho < 1 else pair
        moment = math.exp(pair - level)
        return level, moment, moment * math.tanh(width * z)

    def integral(function):
        def integrand(z):
            level, moment, f = at(z)
            return math.exp(x * level - z * z / 2) * function(level, moment, f)

        found = quad(integrand, 0, width + 12, epsabs=1e-15, epsrel=1e-12, limit=400)[0]
        return 2 * found / math.sqrt(2 * math.pi)

    norm = integral(lambda level, moment, f: 1.0)
    square, log, second, variance = (
        integral(part) / norm for part in (
            lambda level, moment, f: f * f, lambda level, moment, f: level, lambda level, moment, f: moment,
            lambda level, moment, f: (moment - f * f) ** 2,
        )
    )  # fmt: skip
    energy = value - q * slope
    return OracleState(
        square - q, curvature * variance, -x * x * energy / 2 + math.log(norm) - x * log,
        rho * start * (second - (1 - x) * q), rho * start * (second - q),
    )  # fmt: skip
