"""p-spins in a field by plain double integrals over real fields, with no code of the library.

The trapezoidal rule in both standard Gaussians; the library integrates over frequencies instead.
"""

import numpy as np
from scipy.optimize import brentq

Z = np.linspace(-9.5, 9.5, 401)
G = np.exp(-Z * Z / 2) * (Z[1] - Z[0]) / np.sqrt(2 * np.pi)


class Field:
    """H = -sum J s..s - h sum s at temperature T, xi(q) = q^p/(2 T^2)."""

    def __init__(self, p, temperature, field):
        self.p, self.lam, self.b = p, temperature**-2.0, field / temperature
        grid = np.linspace(1e-9, 1 - 1e-9, 400)
        excess = [self._excess(q) for q in grid]
        first = next(k for k in range(399) if excess[k] < 0 <= excess[k + 1])
        self.q0 = brentq(self._excess, grid[first], grid[first + 1], xtol=1e-16, rtol=1e-15)
        self.h0 = self.b + np.sqrt(self.xi1(self.q0)) * Z

    def xi(self, q):
        return self.lam * q**self.p / 2

    def xi1(self, q):
        return self.lam * self.p * q ** (self.p - 1) / 2

    def xi2(self, q):
        return self.lam * self.p * (self.p - 1) * q ** (self.p - 2) / 2

    def _excess(self, q):
        return q - G @ np.tanh(self.b + np.sqrt(self.xi1(q)) * Z) ** 2

    def average(self, snr, power):
        """Return e^{-D/2} E sech(h0) E sech(h0 + u)^power."""
        h = self.h0[:, None] + np.sqrt(snr) * Z
        return np.exp(-snr / 2) * (G / np.cosh(self.h0)) @ (np.cosh(h) ** -float(power) @ G)

    def at(self, snr):
        """Return q, snr(q) and R(q) of a flow at the inner snr D."""
        q = 1 - self.average(snr, 1)
        return q, snr - self.xi1(q) + self.xi1(self.q0), 1 - self.xi2(q) * self.average(snr, 3)

    def revealed(self, q):
        """Return theta(q)."""
        return 1 - (1 - q) / self.average(self.xi1(q) - self.xi1(self.q0), 1)

    @property
    def entropy(self):
        """The replica-symmetric entropy, E log 2cosh - energy terms."""
        h, v = self.h0, self.xi1(self.q0)
        m = G @ (h * np.tanh(h))
        return G @ np.log(2 * np.cosh(h)) - m - (self.xi(1) - self.xi(self.q0) - v * (1 - self.q0)) / 2
