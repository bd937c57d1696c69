"""The scalar channel inside a random measure: a hidden sample that is drawn given its outer field.

The outer field h0 of a variable is Gaussian, with mean b and variance v; a sample s is drawn from the measure that it
makes, P(s) ~ P0(s) exp(h0 s), and shown through a Gaussian channel of snr D, on top of h0.  Its overlap with the
posterior is Q(D), from the outer overlap Q(0) = q0 to one; what it tells is I(D) = 1/2 int_0^D (1 - Q) nats.

Ising spins.  The posterior's field h = h0 + u has the weight N(u; 0, D) e^{-D/2} cosh(h)/cosh(h0), so that
1 - Q = e^{-D/2} E_{h0} sech(h0) E_u sech(h0 + u).  The transform of sech is pi sech(pi k/2), that of a Gaussian a
Gaussian: with a(k) = E_{h0} sech(h0) cos(k h0),

    1 - Q(D) = int_0^inf dk sech(pi k/2) a(k) e^{-mu D},    mu = (1 + k^2)/2,

a mixture of exponentials, whose derivatives bring down powers of -mu: Q' is the integral of
mu sech(pi k/2) a(k) e^{-mu D}, which is the average with sech^3, Q'' that with 4 sech^3 - 6 sech^5.

Spherical spins.  They are Gaussian with variance 1 - q0 given their field: 1 - Q = 1/(1/(1 - q0) + D).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from amp_theory.tools.arrays import Array, Index

#: a Gaussian is cut off at this many standard deviations, sech at this exponent
DEVIATIONS, EXPONENT = 9.2, 42.0
#: frequencies: ends of the panels of the quadrature, and nodes on each; a small one resolves large D
PANELS = (0.0, 0.03, 0.09, 0.22, 0.5, 1.0, 1.8, 3.0, 4.6, 6.6, 9.0, 12.0, 16.0, 24.0)
NODES = 10
#: the same for the quadrature that checks the first, which goes further, and its finer step of outer fields
CHECK_NODES, CHECK_STEP = 13, 0.8


@dataclass(frozen=True, slots=True)
class Inside:
    """A hidden sample at snr D: 1 - Q, Q - q0, three derivatives of Q, and I(D); arrays of one shape."""

    gap: Array
    excess: Array
    slope: Array
    slope2: Array
    slope3: Array
    information: Array


class InnerChannel(ABC):
    """The channels of n variables, one for each control: the outer law, and Q(D)."""

    #: 1 - q0, E of (variance given the outer field)^2 = Q'(0), and the mean entropy given the outer field; shape (n,)
    gap: Array
    fluctuation: Array
    entropy: Array

    @abstractmethod
    def __call__(self, snr: Array) -> Inside:
        """Return Q and the rest at snr D >= 0, shape (n, m)."""

    @abstractmethod
    def take(self, index: Index) -> InnerChannel:
        """Return the channels of some of the variables."""


@lru_cache(maxsize=4)
def _frequencies(nodes: int) -> tuple[Array, Array]:
    """Return frequencies k and their weights, sech(pi k/2) among them."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    ends = np.array(PANELS if nodes == NODES else (*PANELS, 1.5 * PANELS[-1]))
    a, b = ends[:-1, None], ends[1:, None]
    k = (0.5 * (a + b) + 0.5 * (b - a) * x).ravel()
    return k, (0.5 * (b - a) * w).ravel() / np.cosh(np.pi * k / 2)


def outer_fields(mean: Array, variance: Array, step: float = 1.0) -> tuple[Array, Array]:
    """Return outer fields on a grid and the density times the step, shape (..., nodes), for averages with sech^n.

    The trapezoidal rule converges exponentially: the integrands are analytic within pi/2 of the real axis, and what
    they are multiplied by oscillates up to the largest frequency.
    """
    b, v = mean, np.maximum(variance, 1e-290)
    wide = np.sqrt(v)
    with np.errstate(divide="ignore", over="ignore"):
        cut = np.where(b < v, EXPONENT / np.maximum(1 - b / v, 1e-300), np.inf)
        high = np.where(b < v, np.minimum(np.minimum(DEVIATIONS * wide, cut) - b, DEVIATIONS * wide), DEVIATIONS * wide)
    # above that sech is nothing: in strong fields at low temperatures most fields are there
    high = np.minimum(high, EXPONENT - b)
    low = np.minimum(np.maximum(-8 * v - DEVIATIONS * wide, -EXPONENT - b), high - np.minimum(wide, EXPONENT))
    spacing = step * 2 * np.pi * wide / (9 + (PANELS[-1] + 1.5) * wide)
    count = int(np.max(np.ceil((high - low) / spacing), initial=0)) + 1
    # offsets from the mean: a narrow law keeps its digits
    off = low[..., None] + spacing[..., None] * np.arange(count)
    weight = spacing[..., None] * np.exp(-(off**2) / (2 * v[..., None]))
    h = b[..., None] + off
    return h, weight / np.sqrt(2 * np.pi * v[..., None])


def stable_sech(h: Array) -> Array:
    """Return 1/cosh(h), without overflow."""
    e = np.exp(-np.abs(h))
    return np.asarray(2 * e / (1 + e * e))


@dataclass(frozen=True)
class SpinChannel(InnerChannel):
    """Ising spins; `weight` has shape (n, frequencies)."""

    gap: Array
    fluctuation: Array
    entropy: Array
    weight: Array
    rate: Array

    @classmethod
    def of(cls, mean: Array, variance: Array, check: bool = False) -> SpinChannel:
        """Return the channels of spins whose outer fields have such means and variances, shape (n,)."""
        h, density = outer_fields(mean, variance, CHECK_STEP if check else 1.0)
        k, quadrature = _frequencies(CHECK_NODES if check else NODES)
        s = stable_sech(h)
        inside = density * s
        weight = np.array([row @ np.cos(np.multiply.outer(x, k)) for row, x in zip(inside, h, strict=True)])
        weight = weight.reshape(len(h), len(k))
        e = np.exp(-2 * np.abs(h))
        entropy = np.sum(density * (np.log1p(e) + 2 * np.abs(h) * e / (1 + e)), axis=-1)
        return cls(
            gap=np.sum(inside * s, axis=-1), fluctuation=np.sum(inside * s**3, axis=-1), entropy=entropy,
            weight=quadrature * weight, rate=(1 + k * k) / 2,
        )  # fmt: skip

    def __call__(self, snr: Array) -> Inside:
        """Return sums over the mixture of exponentials."""
        t = -snr[..., None] * self.rate
        decay, weight = np.exp(t), self.weight[:, None, :]
        lost = np.where(snr[..., None] < 1, -np.expm1(t), 1 - decay) if np.any(snr < 1) else 1 - decay
        powers = self.rate ** np.arange(4)[:, None]
        rest, gone = weight * decay, weight * lost
        gap, slope, slope2, slope3 = np.moveaxis(rest @ powers.T, -1, 0)
        excess, information = np.moveaxis(gone @ np.stack([powers[0], 0.5 / self.rate]).T, -1, 0)
        return Inside(gap, excess, slope, -slope2, slope3, information)

    def take(self, index: Index) -> SpinChannel:
        """Return the channels of some of the variables."""
        return SpinChannel(self.gap[index], self.fluctuation[index], self.entropy[index], self.weight[index], self.rate)


@dataclass(frozen=True)
class BallChannel(InnerChannel):
    """Spherical spins, of which 1 - q0 says all."""

    gap: Array

    @property
    def fluctuation(self) -> Array:  # type: ignore[override]
        """(1 - q0)^2."""
        return self.gap**2

    @property
    def entropy(self) -> Array:  # type: ignore[override]
        """Infinite: what a continuous variable takes to be known."""
        return np.full_like(self.gap, np.inf)

    def __call__(self, snr: Array) -> Inside:
        """Return closed forms."""
        g0 = self.gap[:, None]
        gap = g0 / (1 + g0 * snr)
        return Inside(gap, g0 * snr * gap, gap**2, -2 * gap**3, 6 * gap**4, 0.5 * np.log1p(g0 * snr))

    def take(self, index: Index) -> BallChannel:
        """Return the channels of some of the variables."""
        return BallChannel(self.gap[index])
