"""Polynomial couplings of spin glasses in a field: derivatives at small overlaps, and increments from q0 on."""

from __future__ import annotations

import numpy as np

from amp_theory.tools.arrays import Array


class FieldCoupling:
    """xi(q) = lambda sum c_p q^p with derivatives, and its increments from q0 on without cancellation."""

    def __init__(self, terms: tuple[tuple[int, float], ...]) -> None:
        self.powers = np.array([p for p, _ in terms], dtype=float)
        self.factors = np.array([c for _, c in terms])
        self._derivatives = [self._derivative(order) for order in range(4)]

    def _derivative(self, order: int) -> tuple[Array, Array]:
        """Return powers and factors of a derivative."""
        falling = self.factors * np.prod([self.powers - k for k in range(order)], axis=0)
        return self.powers[falling > 0] - order, falling[falling > 0]

    def derivative(self, order: int, log_overlap: Array) -> Array:
        """Return the derivative of an order, up to the third, at log q, at lambda = 1."""
        powers, factors = self._derivatives[order]
        if len(powers) == 1:
            return np.asarray(factors[0] * np.exp(powers[0] * log_overlap))
        return np.asarray(np.exp(np.multiply.outer(log_overlap, powers)) @ factors)

    def increments(self, log_start: Array, relative: Array) -> tuple[Array, Array]:
        """Return xi'(q) - xi'(q0) and xi(q) - xi(q0) - xi'(q0)(q - q0) at q = q0 (1 + relative)."""
        first, second = np.zeros(relative.shape), np.zeros(relative.shape)
        growth = np.log1p(relative)
        for p, factor in zip(self.powers, self.factors, strict=True):
            start = np.exp((p - 1) * log_start), np.exp(p * log_start)
            # far from q0 the powers are better subtracted, which cannot overflow
            near = growth * p < 1
            if np.all(near):
                close = self._near(p, growth, relative)
                one, two = start[0] * close[0], start[1] * close[1]
            else:
                up = log_start + growth
                one, two = np.exp((p - 1) * up) - start[0], np.exp(p * up) - start[1] - p * start[1] * relative
                if np.any(near):
                    close = self._near(p, np.minimum(growth, 1 / p), np.minimum(relative, 2.0))
                    one, two = np.where(near, start[0] * close[0], one), np.where(near, start[1] * close[1], two)
            first += factor * p * one
            second += factor * two
        return first, second

    @staticmethod
    def _near(power: float, growth: Array, relative: Array) -> tuple[Array, Array]:
        """Return (1 + t)^(p - 1) - 1 and (1 + t)^p - 1 - p t next to t = 0, from log(1 + t)."""
        return np.expm1((power - 1) * growth), np.expm1(power * growth) - power * relative
