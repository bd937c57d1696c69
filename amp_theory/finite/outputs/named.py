"""What message passing on finite instances needs of an output channel P_out(y|z): its denoising function.

Given that z ~ N(omega, V) before the measurement, with Z(y, omega, V) = E_w P_out(y | omega + sqrt(V) w),

    g = d log Z/d omega = (E[z|y] - omega)/V,      dg/d omega = (Var[z|y]/V - 1)/V.

Where P_out allows an interval of z, with u = omega/sqrt(V) measured from its end, r(u) = phi(u)/Phi(u) and
r' = -r (u + r) are computed from erfcx and a continued fraction, so that no output is too improbable.
Source: S. Rangan, arXiv:1010.5141, algorithm 1 (sum-product).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from amp_theory.tools.arrays import Array, Bools

#: noiseless outputs agree if they differ by less, in units of the square root of the second moment of z
AGREE = 1e-9
#: beyond this u + r(u) comes from a continued fraction of this depth
FAR, DEPTH = 5.0, 60
#: a window of half width c sqrt(V) at distance t V/kappa: up to these c and t its moments are sums over nodes
NARROW, NEAR = 3.0, 20.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_NODES, _WEIGHTS = (1 + _NODES) / 2, _WEIGHTS / 2


def normal_log_density(x: Array, variance: Array) -> Array:
    """Return the logarithm of the density of N(0, variance) at x.

    Examples
    --------
    >>> float(normal_log_density(np.array(0.0), np.array(1.0)).round(9))
    -0.918938533
    """
    return np.asarray(-(x * x) / (2 * variance) - 0.5 * np.log(2 * math.pi * variance))


def hazard(u: Array) -> tuple[Array, Array]:
    """Return r = phi(u)/Phi(u) and -dr/du = r (u + r), to full relative accuracy at every finite u.

    For u < 0 the sum u + r = 1/(x + 2/(x + 3/(x + ...))), x = -u, by Laplace's continued fraction.

    Examples
    --------
    >>> r, slope = hazard(np.array([0.0, -1e8]))
    >>> bool(abs(r[0] - np.sqrt(2 / np.pi)) < 1e-15), bool(abs(slope[1] - 1) < 1e-15)
    (True, True)
    """
    from scipy.special import erfcx

    r = math.sqrt(2 / math.pi) / erfcx(-u / math.sqrt(2))
    total = u + r
    far = u < -FAR
    if far.any():
        total[far] = 1 / _fraction(-u[far])
    return r, r * total


def _fraction(x: Array) -> Array:
    """Return x + 2/(x + 3/(x + ...))."""
    value = x
    for k in range(DEPTH, 1, -1):
        value = x + k / value
    return value


@dataclass(frozen=True)
class OutputFunction(ABC):
    """An output channel as message passing and finite instances use it.

    Parameters
    ----------
    second_moment
        E s^2 of the prior, the variance of z.
    """

    second_moment: float
    #: what measurements may be
    allowed: ClassVar[str] = "finite"

    def possible(self, y: Array) -> Bools:
        """Return which measurements the channel has at all."""
        return np.isfinite(y)

    @property
    def mean_square(self) -> float | None:
        """E y^2 where it has a unit, else None."""
        return None

    @property
    def normal_noise(self) -> float | None:
        """The variance of y - z where that is normal noise, 0 of y = z; else None."""
        return None

    def fitting_noise(self, mean_square: float) -> float | None:
        """Return the noise at which measurements have a mean square; None without one, or if there is no noise."""
        return None

    @abstractmethod
    def denoise(self, y: Array, omega: Array, variance: Array) -> tuple[Array, Array]:
        """Return g and dg/d omega, for y, omega and V > 0 that broadcast against each other."""

    def log_partition(self, y: Array, omega: Array, variance: Array) -> Array | None:
        """Return log Z(y, omega, V), of densities of continuous y; None where it is not known."""
        return None

    @abstractmethod
    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Draw one output for every z."""

    @abstractmethod
    def log_likelihood(self, y: Array, z: Array) -> Array:
        """Return log P_out(y|z); for noiseless continuous outputs 0 if they agree to 1e-9, else -inf."""

    @abstractmethod
    def energy(self, y: Array, z: Array) -> Array:
        """Return the energy of every measurement: 1 if it is violated for discrete outputs, else half its square."""

    def planted_rows(self, sensing: Array, configuration: Array, rng: np.random.Generator) -> Array:
        """Return the rows of a planted instance, from free ones: those, unless a constraint is known to hold."""
        return sensing

    def log_normalisation(self, norm: Array) -> Array:
        """Return log sum_y E P_out(y|z), z ~ N(0, norm): zero, but for a constraint that is known to hold."""
        return np.zeros_like(norm)

    @property
    def norm_slope(self) -> float:
        """Twice the derivative of `log_normalisation` at the second moment: E[-dg] + this = E[g^2]."""
        return 0.0


@dataclass(frozen=True)
class _Deterministic(OutputFunction):
    """A noiseless output y = f(z)."""

    @abstractmethod
    def output(self, z: Array) -> Array:
        """Return f(z)."""

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        return self.output(z)

    def _agree(self, y: Array, z: Array) -> Any:
        return np.abs(y - self.output(z)) <= AGREE * math.sqrt(self.second_moment)

    def log_likelihood(self, y: Array, z: Array) -> Array:
        return np.where(self._agree(y, z), 0.0, -np.inf)


@dataclass(frozen=True)
class _Continuous(_Deterministic):
    """A noiseless continuous output."""

    def energy(self, y: Array, z: Array) -> Array:
        return np.asarray(0.5 * (y - self.output(z)) ** 2)


@dataclass(frozen=True)
class _NotNegative(_Continuous):
    """A noiseless output >= 0."""

    allowed: ClassVar[str] = ">= 0"

    def possible(self, y: Array) -> Bools:
        return np.asarray(y >= 0)


@dataclass(frozen=True)
class _Label(_Deterministic):
    """A noiseless label."""

    allowed: ClassVar[str] = "+1 or -1"

    def possible(self, y: Array) -> Bools:
        return np.asarray(np.abs(y) == 1)

    def energy(self, y: Array, z: Array) -> Array:
        return np.where(self._agree(y, z), 0.0, 1.0)


@dataclass(frozen=True)
class _LinearOutput(_Continuous):
    """y = z + sqrt(noise) w: g = (y - omega)/(V + noise)."""

    noise: float

    @property
    def normal_noise(self) -> float:
        """Return the noise."""
        return self.noise

    @property
    def mean_square(self) -> float:
        """Return that of the signal and the noise."""
        return self.second_moment + self.noise

    def fitting_noise(self, mean_square: float) -> float | None:
        return mean_square - self.second_moment if mean_square > self.second_moment else None

    def output(self, z: Array) -> Array:
        return z

    def denoise(self, y: Array, omega: Array, variance: Array) -> tuple[Array, Array]:
        total = variance + self.noise
        g = (y - omega) / total
        return g, np.broadcast_to(-1 / total, g.shape)

    def log_partition(self, y: Array, omega: Array, variance: Array) -> Array:
        return normal_log_density(y - omega, variance + self.noise)

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        return np.asarray(z + math.sqrt(self.noise) * rng.standard_normal(z.shape)) if self.noise else z

    def log_likelihood(self, y: Array, z: Array) -> Array:
        if not self.noise:
            return super().log_likelihood(y, z)
        return np.asarray(-((y - z) ** 2) / (2 * self.noise) - 0.5 * math.log(2 * math.pi * self.noise))


@dataclass(frozen=True)
class _SignOutput(_Label):
    """y = sign(z + sqrt(noise) w), +1 at zero: g = y r(u)/sqrt(V + noise), u = y omega/sqrt(V + noise)."""

    noise: float

    def output(self, z: Array) -> Array:
        return np.where(z >= 0, 1.0, -1.0)

    def denoise(self, y: Array, omega: Array, variance: Array) -> tuple[Array, Array]:
        total = variance + self.noise
        r, slope = hazard(y * omega / np.sqrt(total))
        return y * r / np.sqrt(total), -slope / total

    def log_partition(self, y: Array, omega: Array, variance: Array) -> Array:
        from scipy.special import log_ndtr

        return np.asarray(log_ndtr(y * omega / np.sqrt(variance + self.noise)))

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        return self.output(z + math.sqrt(self.noise) * rng.standard_normal(z.shape) if self.noise else z)

    def log_likelihood(self, y: Array, z: Array) -> Array:
        from scipy.special import log_ndtr

        if not self.noise:
            return super().log_likelihood(y, z)
        return np.asarray(log_ndtr(y * z / math.sqrt(self.noise)))


@dataclass(frozen=True)
class _AbsOutput(_NotNegative):
    """y = |z|: g = (y tanh(omega y/V) - omega)/V."""

    @property
    def mean_square(self) -> float:
        """Return that of z."""
        return self.second_moment

    def output(self, z: Array) -> Array:
        return np.abs(z)

    def denoise(self, y: Array, omega: Array, variance: Array) -> tuple[Array, Array]:
        t = omega * y / variance
        other = np.exp(-2 * np.abs(t))  # the weight of the other sign of z, relative to this one
        spread = 4 * y * y * other / ((1 + other) ** 2 * variance)
        return (y * np.tanh(t) - omega) / variance, (spread - 1) / variance

    def log_partition(self, y: Array, omega: Array, variance: Array) -> Array:
        both = normal_log_density(y - omega, variance), normal_log_density(y + omega, variance)
        return np.asarray(np.logaddexp(*both))


@dataclass(frozen=True)
class _ReLUOutput(_NotNegative):
    """y = max(z, 0): that of the linear channel where y > 0, of z <= 0 where y = 0."""

    @property
    def mean_square(self) -> float:
        """Return half that of z."""
        return self.second_moment / 2

    def output(self, z: Array) -> Array:
        return np.maximum(z, 0.0)

    def denoise(self, y: Array, omega: Array, variance: Array) -> tuple[Array, Array]:
        root = np.sqrt(variance)
        r, slope = hazard(-omega / root)
        on = y > 0
        return np.where(on, (y - omega) / variance, -r / root), np.where(on, -1.0, -slope) / variance

    def log_partition(self, y: Array, omega: Array, variance: Array) -> Array:
        from scipy.special import log_ndtr

        return np.where(y > 0, normal_log_density(y - omega, variance), log_ndtr(-omega / np.sqrt(variance)))


@dataclass(frozen=True)
class _DoorOutput(_Label):
    """y = +1 if |z| <= kappa, else -1."""

    kappa: float

    def output(self, z: Array) -> Array:
        return np.where(np.abs(z) <= self.kappa, 1.0, -1.0)

    def denoise(self, y: Array, omega: Array, variance: Array) -> tuple[Array, Array]:
        y, omega, variance = np.broadcast_arrays(y, omega, variance)
        root, distance, inside = np.sqrt(variance), np.abs(omega), y > 0
        g, slope = np.empty(y.shape), np.empty(y.shape)
        for mask, moments in ((inside, _window), (~inside, _outside)):
            c, w, a = (x[mask] / root[mask] for x in (np.full(y.shape, self.kappa), distance, self.kappa - distance))
            g[mask], slope[mask] = moments(c, w, a)
        return np.sign(omega) * g / root, slope / variance

    def log_partition(self, y: Array, omega: Array, variance: Array) -> Array:
        from scipy.special import log_ndtr

        root, distance = np.sqrt(variance), np.abs(omega)
        near, far = (self.kappa - distance) / root, -(self.kappa + distance) / root
        with np.errstate(divide="ignore"):  # of a window that is too narrow or too far
            inside = log_ndtr(near) + np.log(-np.expm1(log_ndtr(far) - log_ndtr(near)))
        return np.asarray(np.where(y > 0, inside, np.logaddexp(log_ndtr(-near), log_ndtr(far))))


@dataclass(frozen=True)
class _ConstraintOutput(_DoorOutput):
    """|z| <= kappa is known to hold: all outputs are +1."""

    allowed: ClassVar[str] = "+1, as the constraints hold"

    def possible(self, y: Array) -> Bools:
        return np.asarray(y == 1)

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        return np.ones(z.shape)

    def planted_rows(self, sensing: Array, configuration: Array, rng: np.random.Generator) -> Array:
        return condition_rows(sensing, configuration, self.kappa, rng)

    def log_normalisation(self, norm: Array) -> Array:
        """Return log f_0, f_0 = P(|z| <= kappa)."""
        from scipy.special import erf

        return np.asarray(np.log(erf(self.kappa / np.sqrt(2 * norm))))

    @property
    def norm_slope(self) -> float:
        """2 f_0'/f_0 = -2 kappa phi(kappa/sqrt(rho))/(rho^{3/2} f_0)."""
        rho, ratio = self.second_moment, self.kappa / math.sqrt(self.second_moment)
        density = math.exp(-0.5 * ratio * ratio) / math.sqrt(2 * math.pi)
        return -2 * ratio * density / (rho * math.erf(ratio / math.sqrt(2)))


def condition_rows(sensing: Array, configuration: Array, kappa: float, rng: np.random.Generator) -> Array:
    """Return rows of independent N(0, 1/N) entries, given |row.configuration| <= kappa, from free rows.

    Along the configuration s, row.s ~ N(0, |s|^2/N) is replaced by a draw from the interval, by inversion of its
    distribution function; what is perpendicular is independent of it.
    A configuration of zeros satisfies all constraints, and its rows are free.
    """
    from scipy.special import erf, erfinv

    norm = float(configuration @ configuration)
    if norm == 0:
        return sensing
    width = math.sqrt(2 * norm / len(configuration))
    wanted = width * erfinv((2 * rng.random(len(sensing)) - 1) * erf(kappa / width))
    return np.asarray(sensing + np.multiply.outer((wanted - sensing @ configuration) / norm, configuration))


def _window(c: Array, w: Array, a: Array) -> tuple[Array, Array]:
    """Return sqrt(V) g and V dg for |z| <= c sqrt(V), at omega = w sqrt(V) >= 0.

    With a = c - w, given with its own digits, b = c + w and t = c w the edge b weighs exp(-2 t) times the edge a.
    Narrow windows, in which differences of Phi would cancel, are sums over nodes of z, which cosh and sinh keep
    exactly even and odd.
    """
    from scipy.special import ndtr

    t, b = c * w, c + w
    g, slope = hazard(a)
    g, slope = -g, -slope
    two = t <= NEAR
    wide = two & (c > NARROW)
    density = np.exp(-0.5 * a[wide] ** 2) / math.sqrt(2 * math.pi)
    total = ndtr(a[wide]) - ndtr(-b[wide])
    g[wide] = density * np.expm1(-2 * t[wide]) / total
    slope[wide] = -density * (a[wide] + b[wide] * np.exp(-2 * t[wide])) / total - g[wide] ** 2
    narrow = two & ~wide
    c, w, t = c[narrow], w[narrow], t[narrow]
    x, tx = _NODES, t[:, None] * _NODES
    weight = _WEIGHTS * np.exp(-0.5 * (c[:, None] * x) ** 2 - t[:, None])
    even, odd = weight * np.cosh(tx), weight * np.sinh(tx)
    total = even.sum(axis=1)
    mean = odd @ x / total
    g[narrow] = c * mean - w
    slope[narrow] = c * c * (even @ (x * x) / total - mean**2) - 1
    return g, slope


def _outside(c: Array, w: Array, a: Array) -> tuple[Array, Array]:
    """Return sqrt(V) g and V dg for |z| > c sqrt(V), at omega = w sqrt(V) >= 0, a = c - w: a mixture of both sides."""
    t = c * w
    right, right_slope = hazard(-a)
    left, left_slope = hazard(-w - c)
    ratio = np.exp(-2 * t) * right / left
    p = ratio / (1 + ratio)
    g = -np.expm1(-2 * t) * right / (1 + ratio)
    return g, p * (1 - p) * (left + right) ** 2 - (1 - p) * right_slope - p * left_slope
