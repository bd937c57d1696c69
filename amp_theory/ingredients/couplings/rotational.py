"""Linear measurements y = Phi s + sqrt(noise) w with rotationally invariant matrices Phi.

With J = Phi^T Phi, R its R-transform and gap = rho - q, the other variables provide x = R(-gap/noise)/noise; for
independent entries that is alpha/(noise + gap), as in `output_channels.LinearChannel`.  With t the eigenvalues of J and

    P(s) = E 1/(s + t),    Y(s) = E t/(s + t) = 1 - s P,    gap/noise = P(s),    x gap = Y(s),    s > -min t,

the noise is explicit at given x and gap once Y is inverted.  With v = 1/((s + t) P), of mean one, at constant noise

    x = E t v/noise,    xi''(q) = K = E (v - 1)^2/E v^2/gap^2 = (Y - Y' P/P')/gap^2  (primes for d/ds),
    xi(q) = L(s(rho)) - L(s(gap)),    L = E log(s + t) + log P - s P,

and v - 1 is of order P: nothing is lost next to q = rho, where P vanishes.

For alpha M x N matrices with orthogonal rows and alpha = M/N <= 1 the control may be alpha itself:

    alpha = x (noise + gap) - noise gap x^2,    xi(q) = L(rho) - L(gap),
    L(gap) = u gap/noise - alpha log u + (alpha - 1) log(1 - u),    u = noise x.

Sources: K. Takeda, S. Uda and Y. Kabashima, Europhys. Lett. 76, 1193 (2006); A. M. Tulino and S. Verdu, Found. Trends
Commun. Inf. Theory 1 (2004), for the transforms; the formulas for K, xi by differentiation and integration.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.ingredients.couplings.base import CouplingPoint, GeneralCoupling
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.roots import solve_bracketed

#: range of s + min t that is searched, in units of the mean eigenvalue
LEAST, MOST = 1e-30, 1e30
#: what stands for an eigenvalue zero, in units of the mean
NULL = 1e-15
#: values of P and Y that count as zero: everything has long reached its limit
NEGLIGIBLE = 1e-250


@dataclass(frozen=True, slots=True)
class Resolvent:
    """What belongs to one s of every point, with v = 1/((s + t) P) and E v = 1: arrays of one shape.

    mean is E t v, excess is E (v - 1)^2, integral L + 1, and per power of gap/noise = P, of which none is left at
    gap = 0: spread = E (v - 1)^2/P^2, skew = E (v - 1)^3/P^3, lean = E t v (v - 1)/(P E t v); bend is E t v^2.
    """

    mean: Array
    spread: Array
    skew: Array
    lean: Array
    bend: Array
    integral: Array

    def excess(self, p: Array) -> Array:
        """Return E (v - 1)^2 at P = `p`."""
        return np.asarray(self.spread * p**2)

    def turning(self, p: Array) -> Array:
        """Return [V (1 - V) + E (v - 1)^3]/P^2 with V = E (v - 1)^2, at P = `p`."""
        return np.asarray(self.spread * (1 - self.excess(p)) + p * self.skew)

    def curving(self, p: Array) -> Array:
        """Return {1 - [1 - V + E (v - 1)^3/V]/(1 + V) E t v/E t v^2}/P at P = `p`.

        At constant x it is d log xi''/dq, over 2/noise.  Each factor is one plus P times something.
        """
        v = self.excess(p)
        with np.errstate(invalid="ignore"):  # all eigenvalues are equal
            kappa = np.where(self.spread > 0, self.skew / self.spread, 0.0)
        a, b, c = kappa - p * self.spread, -p * self.spread / (1 + v), -self.lean / (1 + p * self.lean)
        return -(a + b + c + p * (a * b + a * c + b * c) + p**2 * a * b * c)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues t >= 0 of Phi^T Phi with their weights > 0, of one length and any sum.

    A null space counts as eigenvalues of 1e-15 of the mean.
    """

    eigenvalues: tuple[float, ...]
    weights: tuple[float, ...]

    @cached_property
    def _arrays(self) -> tuple[Array, Array]:
        t, w = np.array(self.eigenvalues), np.array(self.weights)
        w = w / w.sum()
        # a null space is told from one that is measured this weakly only at noises beyond those allowed
        return np.maximum(t, NULL * float(t @ w)), w

    def transforms(self, shifted: Array) -> tuple[Array, Array, Array, Array]:
        """Return Y, P and their derivatives in s at s + min t = `shifted` > 0."""
        t, w = self._arrays
        one = 1 / np.add.outer(shifted, t - t.min())
        return (t * one) @ w, one @ w, -(t * one**2) @ w, -(one**2) @ w

    def resolvent(self, shifted: Array) -> Resolvent:
        """Return what belongs to s + min t = `shifted` > 0, or infinite at gap = 0, without cancellation."""
        t, w = self._arrays
        inverse = 1 / np.asarray(shifted, dtype=float)
        part = 1 / (1 + np.multiply.outer(inverse, t - t.min()))
        total = part @ w
        v = part / total[..., None]
        mean = (t * v) @ w
        # (v - 1)/P: where v differs from its mean because t does
        e = v * (mean[..., None] - t)
        return Resolvent(
            mean, e**2 @ w, e**3 @ w, (t * v * e) @ w / mean, (t * v**2) @ w,
            np.log(total) - np.log(part) @ w + (1 - total) + total * t.min() * inverse,
        )  # fmt: skip

    @property
    def mean(self) -> float:
        """E t."""
        t, w = self._arrays
        return float(t @ w)

    @property
    def largest(self) -> float:
        """The least upper bound of Y: the rank if that is below one, else infinite."""
        t, w = self._arrays
        return float(w[t > 0].sum()) if t.min() == 0 else np.inf

    def solve(self, goal: Array, of_p: bool) -> Array:
        """Return s + min t where Y, or P, is `goal`; NaN where there is none."""
        flat = np.ravel(np.asarray(goal, dtype=float))
        good = np.flatnonzero((flat > 0) & (flat < (np.inf if of_p else self.largest)))
        target = flat[good]

        def log_ratio(tau: Array, i: Index) -> tuple[Array, Array]:
            shifted = np.exp(tau)
            y, p, y1, p1 = self.transforms(shifted)
            value, slope = (p, p1) if of_p else (y, y1)
            return np.log(value / target[i]), shifted * slope / value

        guess = np.log((1 if of_p else self.mean) / target)
        lower, upper = (np.full(len(good), np.log(end * self.mean)) for end in (LEAST, MOST))
        upper = np.maximum(upper, guess + 1)  # far out both fall like 1/s
        # the smallest eigenvalue alone makes this much
        t, w = self._arrays
        nearest = w[t == t.min()].sum() * (1.0 if of_p else t.min())
        lower = np.minimum(lower, np.log(nearest / target) - 1)
        result = np.full(flat.shape, np.nan)
        result[good] = np.exp(solve_bracketed(log_ratio, lower, upper, False, guess))
        return result.reshape(np.shape(goal))


@dataclass(frozen=True)
class SpectralCoupling(GeneralCoupling):
    """xi(q) of a spectrum; the intensity is 1/noise."""

    spectrum: Spectrum
    second_moment: float

    @property
    def reach(self) -> float:
        """Infinite, or where a null space would no longer look like one."""
        least = min(self.spectrum.eigenvalues) / self.spectrum.mean
        return 1e-3 / (NULL * self.spectrum.mean * self.second_moment) if least <= NULL else float("inf")

    @property
    def resolves_gap(self) -> bool:
        """True: q enters through the gap alone."""
        return True

    def at(self, overlap: Array, gap: Array, signal: Array) -> CouplingPoint:
        """Return what belongs to the noise at which x = `signal`; infinite intensities where none is small enough."""
        gap, x = np.broadcast_arrays(gap, np.asarray(signal, dtype=float))
        shifted = self._shifted(x * gap, of_p=False)
        f = self.spectrum.resolvent(shifted)
        intensity = np.where(x <= 0, x, np.where(np.isnan(f.mean), np.inf, x / f.mean))
        # in units of P = intensity gap everything is finite
        p = intensity * gap
        whole = 1 + f.excess(p)
        slope = f.bend / whole
        k = intensity**2 * f.spread / whole
        start = self._start(np.where(np.isfinite(intensity), intensity, np.nan))
        return CouplingPoint(
            intensity=intensity, slope=slope, ratio=(self.second_moment * start.mean - gap * f.mean) / slope,
            scaled_signal=intensity * slope, curvature=k, curvature_q=2 * k * intensity * f.curving(p),
            curvature_x=2 * intensity * f.turning(p) / (whole**2 * f.bend), value=start.integral - f.integral,
        )  # fmt: skip

    def _shifted(self, goal: Array, of_p: bool) -> Array:
        """Return s + min t where Y, or P, is `goal`, infinite where that is too small to matter."""
        negligible = (goal >= 0) & (goal < NEGLIGIBLE)
        shifted = self.spectrum.solve(np.where(negligible, np.nan, goal), of_p)
        return np.where(negligible, np.inf, shifted)

    def _start(self, intensity: Array) -> Resolvent:
        """Return what belongs to q = 0."""
        return self.spectrum.resolvent(self._shifted(intensity * self.second_moment, of_p=True))

    def _at_gap(self, intensity: Array, gap: Array) -> Resolvent:
        """Return what belongs to an intensity and a gap."""
        return self.spectrum.resolvent(self._shifted(np.asarray(intensity * gap, dtype=float), of_p=True))

    def signal(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return x = intensity E t v."""
        return np.asarray(intensity * self._at_gap(intensity, gap).mean)

    def value(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi(q)."""
        start = self._start(np.asarray(intensity, dtype=float))
        return np.asarray(start.integral - self._at_gap(intensity, gap).integral)

    def curvature(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi''(q)."""
        f = self._at_gap(intensity, gap)
        return np.asarray(intensity**2 * f.spread / (1 + f.excess(intensity * gap)))

    def steepest(self, rho: float) -> tuple[float, float]:
        """Return a bound that the noise cannot exceed: the grid ends by the prior alone."""
        return 1e6, 0.0


def _log_rest(u: Array) -> Array:
    """Return log(1 - u), finite at alpha = 1, where u may be one and its factor alpha - 1 vanishes."""
    return np.asarray(np.log1p(-np.minimum(u, 1 - 0.5 * EPS)))


@dataclass(frozen=True)
class RowOrthogonalCoupling(GeneralCoupling):
    """xi(q) of matrices with orthogonal rows at a noise; the intensity is alpha."""

    noise: float
    second_moment: float

    @property
    def resolves_gap(self) -> bool:
        """True: q enters through the gap alone."""
        return True

    @property
    def reach(self) -> float:
        """One: more rows than columns are not orthogonal."""
        return 1.0

    @property
    def singularity(self) -> tuple[float, float] | None:
        """Without noise x ~ alpha/(rho - q)."""
        return (1.0, 1.0) if self.noise == 0 else None

    def at(self, overlap: Array, gap: Array, signal: Array) -> CouplingPoint:
        """Return what belongs to the alpha at which x = `signal`."""
        n, u = self.noise, self.noise * signal
        slope = 1 / (n + gap - 2 * gap * u)
        alpha = signal * (n + gap - gap * u)
        k = signal * (1 - u) * slope
        k_q = k * slope * (1 - 2 * u)
        k_x = slope**2 * ((1 - 2 * u) / slope + 2 * gap * u * (1 - u))
        start = self._u(alpha, np.full_like(gap, self.second_moment))
        ratio = (np.log(signal / start[1]) + _log_rest(start[0]) - _log_rest(u)) / slope
        value = self._value(alpha, gap, signal)
        return CouplingPoint(
            intensity=alpha, slope=slope, ratio=ratio, scaled_signal=alpha * slope, curvature=k, curvature_q=k_q,
            curvature_x=k_x, value=value,
        )  # fmt: skip

    def _u(self, alpha: Array, gap: Array) -> tuple[Array, Array]:
        """Return u = noise x, and x, the smaller root of noise gap x^2 - (noise + gap) x + alpha = 0."""
        total = self.noise + gap
        x = 2 * alpha / (total + np.sqrt(np.maximum(total**2 - 4 * alpha * self.noise * gap, 0.0)))
        return self.noise * x, x

    def _value(self, alpha: Array, gap: Array, x: Array) -> Array:
        """Return L(rho) - L(gap); its logarithms in x, as those of the noise cancel."""
        u_start, x_start = self._u(alpha, np.full_like(gap, self.second_moment))
        u = self.noise * x
        result = x_start * self.second_moment - x * gap - alpha * np.log(x_start / x)
        return np.asarray(result + (alpha - 1) * (_log_rest(u_start) - _log_rest(u)))

    def signal(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return x."""
        return self._u(np.asarray(intensity, dtype=float), gap)[1]

    def value(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi(q)."""
        alpha = np.asarray(intensity, dtype=float)
        return self._value(alpha, gap, self._u(alpha, gap)[1])

    def curvature(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi''(q)."""
        u, x = self._u(np.asarray(intensity, dtype=float), gap)
        return np.asarray(x * (1 - u) / (self.noise + gap - 2 * gap * u))

    def steepest(self, rho: float) -> tuple[float, float]:
        """Return rho/noise: xi' changes by the noise."""
        return max(rho / self.noise, 1.0), 0.0
