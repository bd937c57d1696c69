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
        return np.asarray(np.exp(np.multiply.outer(log_overlap, powers)) @ factors)

    def increments(self, log_start: Array, relative: Array) -> tuple[Array, Array]:
        """Return xi'(q) - xi'(q0) and xi(q) - xi(q0) - xi'(q0)(q - q0) at q = q0 (1 + relative)."""
        x, t = log_start[..., None], relative[..., None]
        growth = np.log1p(t)
        n = self.powers - 1
        # far from q0 the powers are better subtracted, which cannot overflow
        near, closer = growth * self.powers < 1, np.minimum(growth, 1 / self.powers)
        first = np.where(near, np.exp(n * x) * np.expm1(n * closer), np.exp(n * (x + growth)) - np.exp(n * x))
        rise = np.where(near, np.expm1(self.powers * closer) - self.powers * np.minimum(t, 2.0), 0.0)
        far = np.exp(self.powers * (x + growth)) - np.exp(self.powers * x) - self.powers * np.exp(n * x + x) * t
        second = self.factors * np.where(near, np.exp(self.powers * x) * rise, far)
        first = self.factors * self.powers * first
        return first.sum(axis=-1), second.sum(axis=-1)
