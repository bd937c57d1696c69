"""Random perceptrons with smooth potentials solved apart from the package, in long doubles: about 16 digits.

The equations are those of `perceptron_digits`; psi is told by its logarithm alone.  H and its derivatives are moments of
u in the weight psi(w + sqrt(V) u) e^{-u^2/2}, by Gauss-Legendre sums over s on panels that are no longer than sqrt(V),
and shorter towards the middles of bends; all other sums are trapezoidal, at even steps.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

Real = np.longdouble
#: nodes on a panel, panels in units of sqrt(V) and of the distance from the next middle, and where they end
ORDER, LENGTH, GROWTH, REACH = 16, 1.0, 1.0, 12.0
#: even steps in units of sqrt(V) and of a Gaussian's width, and of h; standard deviations at which laws end
STEP_H, STEP_GAUSS, STEP_COSH, ENDS = 0.3, 0.6, 0.18, 10.0
#: how far derivatives of Newton steps look, how many there are, and places at a time
CLOSE, NEWTON, BLOCK = 1e-6, 10, 64


@lru_cache(maxsize=1)
def legendre():
    """Return Gauss-Legendre nodes and weights, Newton steps in long doubles from those in doubles."""
    x = np.polynomial.legendre.leggauss(ORDER)[0].astype(Real)
    for _ in range(3):
        p, last = x.copy(), np.ones_like(x)
        for n in range(1, ORDER):
            p, last = ((2 * n + 1) * x * p - n * last) / (n + 1), p
        slope = ORDER * (x * p - last) / (x * x - 1)
        x = x - p / slope
    return x, 2 / ((1 - x * x) * slope**2)


class Potential:
    """Log psi, a function of arrays of long doubles, and the middles and widths of its bends."""

    def __init__(self, log_psi, bends):
        self.log_psi, self.bends, self._kept = log_psi, bends, {}

    def nodes(self, v):
        """Return nodes s and the logarithms of their weights times psi."""
        if v not in self._kept:
            longest, ends = LENGTH * float(np.sqrt(v)), {-REACH - 10, REACH + 10}
            for middle, width in self.bends:
                away = [0.0, width]
                while away[-1] < 2 * REACH + 10:
                    away.append(away[-1] + min(max(GROWTH * away[-1], width), longest))
                ends |= {middle + sign * x for x in away for sign in (-1, 1)}
            ends = np.array(sorted(ends), dtype=Real)
            x, weight = legendre()
            half = np.diff(ends)[:, None] / 2
            s = ((ends[1:] + ends[:-1])[:, None] / 2 + half * x).ravel()
            self._kept = {v: (s, np.log((half * weight).ravel()) + self.log_psi(s))}
        return self._kept[v]

    def smoothed(self, w, v):
        """Return log H and three derivatives at places w, shape (n,), and one variance."""
        s, log_weight = self.nodes(v)
        found, root = np.empty((4, len(w)), dtype=Real), np.sqrt(v)
        for k in range(0, len(w), BLOCK):
            u = (s - w[k : k + BLOCK, None]) / root
            p = log_weight - u * u / 2
            most = p.max(axis=1)
            p = np.exp(p - most[:, None])
            norm = p.sum(axis=1)
            first, second, third = (np.sum(p * u**n, axis=1) / norm for n in (1, 2, 3))
            log_h = most + np.log(norm / np.sqrt(2 * Real(np.pi) * v))
            cube = third - 3 * first * second + 2 * first**3
            found[:, k : k + BLOCK] = log_h, first / root, (second - first**2 - 1) / v, cube / root**3
        return found


def gauss(x, variance):
    return np.exp(-x * x / (2 * variance)) / np.sqrt(2 * Real(PI) * variance)


PI = Real("3.14159265358979323846264338328")


def averages(weight, log_h, g, g1, g2):
    """Return <1>, <log H>, <g^2>, <g'^2> and its derivative in q."""
    return np.array([np.sum(weight * x) for x in (np.ones_like(g), log_h, g * g, g1 * g1, g2 * g2 - 2 * g1**3)])


class Sphere:
    """Weights on the sphere; the place of a base is log q0/(1 - q0)."""

    def base(self, place):
        q0, gap = 1 / (1 + np.exp(-place)), 1 / (1 + np.exp(place))
        return q0, gap, q0 / gap**2, gap**2

    def told(self, place, snr):
        gap = 1 / (1 + np.exp(place) + snr)
        return gap, gap**2, -2 * gap**3

    def integral(self, place, snr):
        return snr - np.log1p(snr / (1 + np.exp(place)))


class Spins:
    """Weights +-1; the place of a base is log qh0, the variance of the outer field h0."""

    def _outer(self, variance):
        step = Real(1 / (1 / STEP_COSH + 1 / (STEP_GAUSS * float(np.sqrt(variance)))))
        h = step * np.arange(-int(ENDS * np.sqrt(variance) / step), int(ENDS * np.sqrt(variance) / step) + 1)
        return h, step * gauss(h, variance)

    def base(self, place):
        h, weight = self._outer(np.exp(place))
        s = 1 / np.cosh(h) ** 2
        gap = np.sum(weight * s)
        return 1 - gap, gap, np.exp(place), np.sum(weight * s * s)

    def _law(self, place, snr):
        variance = np.exp(place)
        step = 1 / (1 / STEP_COSH + 1 / (STEP_GAUSS * float(np.sqrt(variance * snr / (variance + snr)))))
        h0 = Real(step) * np.arange(-int(ENDS * np.sqrt(variance) / step), int(ENDS * np.sqrt(variance) / step) + 1)
        last = int((float(snr) + ENDS * float(np.sqrt(snr + variance))) / step)
        h = Real(step) * np.arange(-last, last + 1)
        weight = (gauss(h0, variance) / np.cosh(h0)) @ gauss(h - h0[:, None], snr)
        return h, weight * Real(step) ** 2 * np.exp(-snr / 2)

    def told(self, place, snr):
        h, weight = self._law(place, snr)
        s = 1 / np.cosh(h)
        return np.sum(weight * s), np.sum(weight * s**3), np.sum(weight * s**3 * (4 - 6 * s * s))

    def integral(self, place, snr):
        (h, weight), (h0, outer) = self._law(place, snr), self._outer(np.exp(place))
        last, first = np.sum(weight * np.cosh(h) * np.log(np.cosh(h))), np.sum(outer * np.log(np.cosh(h0)))
        return 2 * (last - first) - snr


class Perceptron:
    """Special points of weights with a smooth potential, from places nearby."""

    def __init__(self, weights, potential):
        self.weights, self.potential = weights, potential

    def _fields(self, q0, v0, beside):
        step = Real(1 / (1 / (STEP_H * float(np.sqrt(v0))) + 1 / (STEP_GAUSS * float(beside))))
        count = int(ENDS * np.sqrt(q0) / step)
        return step * np.arange(-count, count + 1), step

    @lru_cache(maxsize=8)  # noqa: B019
    def base(self, place):
        """Return alpha, q0, 1 - q0, averages and R(q0)."""
        q0, gap, field, fluctuation = self.weights.base(place)
        w, step = self._fields(q0, gap, np.sqrt(q0))
        start = averages(step * gauss(w, q0), *self.potential.smoothed(w, gap))
        alpha = field / start[2]
        return alpha, q0, gap, start, 1 - alpha * fluctuation * start[3]

    def inner(self, q0, v0, gap):
        """Return averages at 1 - q = gap."""
        d = v0 - gap
        w0, step0 = self._fields(q0, v0, np.sqrt(q0 * d / (q0 + d)))
        outer = step0 * gauss(w0, q0) * np.exp(-self.potential.smoothed(w0, v0)[0])
        w, step = self._fields(Real(1), gap, 1.0)
        parts = self.potential.smoothed(w, gap)
        log_law = np.concatenate([
            np.log(np.sum(outer * gauss(w[k : k + BLOCK, None] - w0, d), axis=1)) for k in range(0, len(w), BLOCK)
        ])  # fmt: skip
        return averages(step * np.exp(log_law + parts[0]), *parts)

    def revealed(self, place, gap):
        """Return strength, R and dR/dq of an autoregressive path at 1 - q."""
        alpha, q0, v0, start, _ = self.base(place)
        here = self.inner(q0, v0, gap)
        left, slope, bend = self.weights.told(place, alpha * (here[2] - start[2]))
        fall = alpha * gap * slope / left * here[3]
        return (
            1 - gap / left,
            1 - fall,
            -fall * (-1 / gap + here[4] / here[3] + alpha * here[3] * (bend / slope + slope / left)),
        )

    def along(self, place, snr):
        """Return strength, R, dR/dD and F of a flow."""
        alpha, q0, v0, start, _ = self.base(place)
        gap, slope, bend = self.weights.told(place, snr)
        here, q = self.inner(q0, v0, gap), 1 - gap
        level = (snr * q - self.weights.integral(place, snr)) / 2
        level += alpha * (start[2] * (v0 - gap) / 2 - (here[1] - start[1]))
        return (snr - alpha * (here[2] - start[2]), 1 - alpha * slope * here[3],
                -alpha * (bend * here[3] + slope**2 * here[4]), level)  # fmt: skip

    def meeting(self, along, columns, place, coordinate):
        """Return alpha and the strength where two columns of `along` or `revealed` vanish, and the coordinate."""
        x = np.array([place, np.log(coordinate)], dtype=Real)

        def values(x):
            every = along(x[0], np.exp(x[1]))
            return np.array([every[k] for k in columns])

        for _ in range(NEWTON):
            here = values(x)
            slopes = np.stack([(values(x + h) - values(x - h)) / (2 * CLOSE) for h in CLOSE * np.eye(2, dtype=Real)], 1)
            (a, b), (c, d) = slopes
            step = np.array([b * here[1] - d * here[0], c * here[0] - a * here[1]]) / (a * d - b * c)
            x = x + step
            if np.max(np.abs(step)) < CLOSE**1.4:
                break
        there = np.exp(x[1])
        return self.base(x[0])[0], along(x[0], there)[0], there

    def place(self, alpha, low=-8.0, high=5.0):
        """Return about the place of the base at alpha, which rises with it."""
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.base(Real(middle))[0] < alpha else (low, middle)
        return Real(low)

    def snr(self, place, gap):
        """Return about the snr D at 1 - q."""
        low, high = np.log(0.01), np.log(80.0)
        for _ in range(50):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.weights.told(place, Real(np.exp(middle)))[0] > gap else (low, middle)
        return Real(np.exp(low))

    def stability(self, place):
        """Return alpha and 1 - q0 where R(q0) vanishes."""
        x = Real(place)
        for _ in range(NEWTON):
            value = self.base(x)[4]
            step = -2 * CLOSE * value / (self.base(x + CLOSE)[4] - self.base(x - CLOSE)[4])
            x = x + step
            if abs(step) < CLOSE**1.4:
                break
        return self.base(x)[0], self.base(x)[2]
