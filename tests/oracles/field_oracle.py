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


#: overlaps, with 1 - q down to 1e-9
Q = np.unique(np.concatenate([np.linspace(1e-6, 1, 40001)[:-1], 1 - np.geomspace(1e-9, 0.1, 20001)]))


class BallField:
    """Spherical spins with xi_1(q) = sum c_p q^p in a field at temperature T, on a grid of overlaps."""

    def __init__(self, terms, temperature, field):
        self.terms, lam = terms, temperature**-2.0
        # q/(1 - q)^2 = lam (xi_1'(q) + h^2) at the base, the first time that it is met
        start = np.flatnonzero(lam * (self.xi(Q, 1) + field**2) < Q / (1 - Q) ** 2)[0]
        self.q0 = brentq(lambda q: q / (1 - q) ** 2 - lam * (self.xi(q, 1) + field**2), *Q[start - 1 : start + 1])
        self.q = np.concatenate([[self.q0], Q[self.q0 + 1e-9 < Q]])
        q, q0 = self.q, self.q0
        self.snr = 1 / (1 - q) - 1 / (1 - q0) - lam * (self.xi(q, 1) - self.xi(q0, 1))
        self.stability = 1 - lam * self.xi(q, 2) * (1 - q) ** 2
        level = np.log((1 - q) / (1 - q0)) + (q - q0) / (1 - q0)
        # -F(q), F' = snr/2
        self.free_entropy = 0.5 * (level + lam * (self.xi(q) - self.xi(q0) - self.xi(q0, 1) * (q - q0)))

    def xi(self, q, order=0):
        return sum(c * np.prod([p - k for k in range(order)]) * q ** (p - order) for p, c in self.terms.items())

    @property
    def second_branches(self):
        """Free entropies of the stable fixed points beyond the base at zero strength."""
        rising = np.flatnonzero((self.snr[1:-1] < 0) & (self.snr[2:] >= 0)) + 1
        return self.free_entropy[rising]

    @property
    def folds(self):
        return int(np.sum(np.diff(self.stability > 0)))
