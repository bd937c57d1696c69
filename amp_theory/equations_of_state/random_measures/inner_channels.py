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
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from amp_theory.tools.arrays import Array, Bools, Index

#: a Gaussian is cut off at this many standard deviations, sech at this exponent
DEVIATIONS, EXPONENT = 9.2, 42.0
#: frequencies: ends of the panels of the quadrature, and nodes on each; a small one resolves large D
PANELS = (0.0, 0.03, 0.09, 0.22, 0.5, 1.0, 1.8, 3.0, 4.6, 6.6, 9.0, 12.0, 16.0, 24.0)
NODES = 10
#: the same for the quadrature that checks the first, which goes further, and its finer step of outer fields
CHECK_NODES, CHECK_STEP = 13, 0.8
#: snr up to which sums are over what is lost, and an exponent at which weights are nothing
NEXT, NOTHING = 0.25, 50.0
#: exponentials at a time
BLOCK = 40_000
#: variances from which on grids of outer fields are centred at zero, where sech is, and lose no digits by it
WIDE_LAW = 0.01


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


def _window(mean: Array, variance: Array, step: float) -> tuple[Array, Array, Array]:
    """Return the ends, as offsets from the mean, and the spacing of grids of outer fields; see `outer_fields`."""
    b, v = mean, np.maximum(variance, 1e-290)
    wide = np.sqrt(v)
    spacing = step * 2 * np.pi * wide / (9 + (PANELS[-1] + 1.5) * wide)
    high = DEVIATIONS * wide
    if np.all(high + np.abs(b) < EXPONENT):  # sech is cut off nowhere
        return np.maximum(-8 * v - high, -EXPONENT - b), high, spacing
    with np.errstate(divide="ignore", over="ignore"):
        cut = np.where(b < v, EXPONENT / np.maximum(1 - b / v, 1e-300), np.inf)
        high = np.where(b < v, np.minimum(np.minimum(high, cut) - b, high), high)
    # above that sech is nothing: in strong fields at low temperatures most fields are there
    high = np.minimum(high, EXPONENT - b)
    low = np.minimum(np.maximum(-8 * v - DEVIATIONS * wide, -EXPONENT - b), high - np.minimum(wide, EXPONENT))
    return low, high, spacing


@lru_cache(maxsize=64)
def _waves(level: int, reach: int, nodes: int) -> tuple[Array, Array]:
    """Return cos(k h) and sin(k h) at h = 2^level j, j = -reach to reach, for all frequencies k."""
    phase = np.multiply.outer(2.0**level * np.arange(reach + 1), _frequencies(nodes)[0])
    even, odd = np.cos(phase), np.sin(phase)
    return np.concatenate([even[:0:-1], even]), np.concatenate([-odd[:0:-1], odd])


def outer_fields(mean: Array, variance: Array, step: float = 1.0) -> tuple[Array, Array]:
    """Return outer fields on a grid and the density times the step, shape (..., nodes), for averages with sech^n.

    The trapezoidal rule converges exponentially: the integrands are analytic within pi/2 of the real axis, and what
    they are multiplied by oscillates up to the largest frequency.
    """
    low, high, spacing = _window(mean, variance, step)
    count = int(np.max(np.ceil((high - low) / spacing), initial=0)) + 1
    # offsets from the mean: a narrow law keeps its digits
    off = low[..., None] + spacing[..., None] * np.arange(count)
    return mean[..., None] + off, _density(off, variance, spacing)


def _density(off: Array, variance: Array, spacing: Array) -> Array:
    v = np.maximum(variance, 1e-290)[..., None]
    return np.asarray(spacing[..., None] / np.sqrt(2 * np.pi * v) * np.exp(off**2 * (-0.5 / v)))


@dataclass(frozen=True)
class SharedFields:
    """Outer fields of some of the variables, `rows`: centre + 2^level j for integers j, and the density there."""

    rows: Index
    centre: Array
    level: int
    steps: Index
    density: Array

    @property
    def fields(self) -> Array:
        """The fields, shape (rows, nodes)."""
        return np.asarray(self.centre[:, None] + 2.0**self.level * self.steps)

    def waves(self, nodes: int) -> tuple[Array, Array]:
        """Return cos and sin of frequency times distance from the centre, shape (nodes, frequencies)."""
        # tables serve again: their ends are powers of two
        reach = 2 ** int(np.ceil(np.log2(1 + np.max(np.abs(self.steps)))))
        here = slice(self.steps[0] + reach, self.steps[-1] + reach + 1)
        even, odd = _waves(self.level, reach, nodes)
        return even[here], odd[here]


def shared_fields(mean: Array, variance: Array, step: float = 1.0) -> Iterator[SharedFields]:
    """Yield the same in groups that share their grids, for what is tabulated.

    A wide law is centred at zero, where sech is, a narrow one at its mean.  Spacings are rounded down to powers of two.
    """
    low, high, spacing = _window(mean, variance, step)
    centre = np.where(variance > WIDE_LAW, 0.0, mean)
    off = mean - centre
    level = np.floor(np.log2(spacing)).astype(int)
    keys = 2 * level + (centre == 0)
    for key in np.unique(keys):
        rows = np.flatnonzero(keys == key)
        width = float(2.0 ** level[rows[0]])
        first, last = np.min(low[rows] + off[rows]) / width, np.max(high[rows] + off[rows]) / width
        steps = np.arange(int(np.floor(first)), int(np.ceil(last)) + 1)
        density = _density(width * steps - off[rows, None], variance[rows], np.full(len(rows), width))
        yield SharedFields(rows, centre[rows], int(level[rows[0]]), steps, density)


def sech_squared(h: Array) -> Array:
    """Return 1/cosh(h)^2, without overflow."""
    e = np.exp(-2 * np.abs(h))
    return np.asarray(4 * e / (1 + e) ** 2)


def one_spin(h: Array) -> Array:
    """Return of a spin in outer fields sech^2, tanh^2, sech^4 and its entropy (nats), shape (4, ...)."""
    size = np.abs(h)
    e = np.exp(-2 * size)
    s2 = 4 * e / (1 + e) ** 2
    tanh2 = np.where(size < 0.5, np.tanh(np.minimum(size, 0.5)) ** 2, 1 - s2)
    return np.stack([s2, tanh2, s2 * s2, np.log1p(e) + 2 * size * e / (1 + e)])


def _decay(snr: Array, rate: Array, lost: Bools) -> Array:
    """Return e^{-rate snr}, or one less that where it is asked for, shape (..., frequencies)."""
    t = snr[..., None] * -rate
    less = -np.expm1(t[lost])
    np.exp(t, out=t)
    t[lost] = less
    return t


@dataclass(frozen=True)
class SpinChannel(InnerChannel):
    """Ising spins; `square` is E tanh(h0)^2 to all digits, `weight` has shape (n, frequencies)."""

    gap: Array
    square: Array
    fluctuation: Array
    entropy: Array
    weight: Array
    rate: Array

    @classmethod
    def of(cls, mean: Array, variance: Array, check: bool = False) -> SpinChannel:
        """Return the channels of spins whose outer fields have such means and variances, shape (n,)."""
        k, quadrature = _frequencies(CHECK_NODES if check else NODES)
        gap, square, fluctuation, entropy = (np.empty_like(mean) for _ in range(4))
        weight = np.empty((len(mean), len(k)))
        for shared in shared_fields(mean, variance, CHECK_STEP if check else 1.0):
            rows, density, h = shared.rows, shared.density, shared.fields
            one = one_spin(h if np.any(shared.centre) else h[0])  # at one centre fields are the same for all
            found = one @ density.T if one.ndim == 2 else np.einsum("kij,ij->ki", one, density)
            gap[rows], square[rows], fluctuation[rows], entropy[rows] = found
            inside = density * np.sqrt(one[0])
            even, odd = shared.waves(CHECK_NODES if check else NODES)
            if one.ndim == 2:
                weight[rows] = inside @ even
                continue
            turn = np.multiply.outer(shared.centre, k)
            weight[rows] = np.cos(turn) * (inside @ even) - np.sin(turn) * (inside @ odd)
        return cls(gap, square, fluctuation, entropy, quadrature * weight, (1 + k * k) / 2)

    @cached_property
    def _moments(self) -> Array:
        """What sums over frequencies are made of: powers of the rate, shape (frequencies, 5), one over it the last."""
        return np.stack([*(self.rate ** np.arange(4)[:, None]), 0.5 / self.rate], axis=1)

    @cached_property
    def _whole(self) -> Array:
        """The sums at D = 0, shape (5, n, 1)."""
        return np.asarray((self.weight @ self._moments).T[:, :, None])

    def __call__(self, snr: Array) -> Inside:
        """Return sums over the mixture of exponentials: next to D = 0 from what is lost."""
        small = snr < NEXT
        some = self._sums(snr, small)
        rest = self._whole - some
        gap, slope, slope2, slope3, _ = np.where(small, rest, some)
        excess, information = np.where(small, some[::4], rest[::4])
        return Inside(gap, excess, slope, -slope2, slope3, information)

    def _sums(self, snr: Array, small: Bools) -> Array:
        """Return the sums with all moments, over what is left at snr, or over what is lost, shape (5, n, m)."""
        # at higher frequencies nothing is left
        least = 0.0 if np.any(small) else float(np.min(snr, initial=np.inf))
        rate = self.rate[: int(np.searchsorted(self._rise(least), NOTHING))]
        weight, moments = self.weight[:, : len(rate)], self._moments[: len(rate)]
        if snr.strides[0] == 0 and len(snr) > 1:  # the same snr for all: one table serves
            return np.asarray(weight @ (_decay(snr[0], rate, small[0]).T * moments.T[:, :, None]))
        found = np.empty((*snr.shape, moments.shape[1]))
        size = max(BLOCK // max(snr.shape[1] * len(rate), 1), 1)
        for k in range(0, len(snr), size):  # what fits into the cache
            part = _decay(snr[k : k + size], rate, small[k : k + size])
            part *= weight[k : k + size, None, :]
            np.matmul(part, moments, out=found[k : k + size])
        return np.ascontiguousarray(np.moveaxis(found, -1, 0))

    def _rise(self, snr: float) -> Array:
        """Return the exponents of both factors of the mixture, beyond that of the slowest one."""
        return np.asarray((self.rate - 0.5) * snr + np.pi / 2 * np.sqrt(2 * self.rate - 1))

    def take(self, index: Index) -> SpinChannel:
        """Return the channels of some of the variables."""
        gap, square, fluctuation, entropy, weight = (
            x[index] for x in (self.gap, self.square, self.fluctuation, self.entropy, self.weight)
        )
        return SpinChannel(gap, square, fluctuation, entropy, weight, self.rate)


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
