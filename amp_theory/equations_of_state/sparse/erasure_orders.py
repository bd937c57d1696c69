"""Erasures in the order of degrees: parity checks at T = 0, where every law of messages is one number.

With w = U(0), the probability that a check does not tell a spin, the sums of degree_laws.py are tails of Poisson laws:
B = e^(c (w - 1)) P(Poisson(c w) < D), and with p the part of all variables that has degree D and is the exception,

    H = B + p w^D,    H'/c = e^(c (w - 1)) P(Poisson(c w) < D - 1) + p (D/c) w^(D-1);

V = H with p = 1 - theta - P(degree < D) if the highest degrees come first, V = e^(c (w - 1)) - H with
p = theta - P(degree < D) if the lowest do.  A fixed point of overlap q = 1 - V has 1 - w = (1 - V'/c)^(k - 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from amp_theory.equations_of_state.sparse.degree_laws import cutoff_degree
from amp_theory.tools.arrays import Array, Index

#: halvings of the bracket of w before Newton's method, at first fewer; its steps at most, their accuracy
HALVINGS, FEW, STEPS, ACCURATE = 22, 8, 30, 1e-12
#: the step of differences, in units of x + SCALE and theta + SCALE
STEP, SCALE = 2e-3, 0.02
#: what the equations may be violated by
GOOD = 1e-10
#: relative change of the mean degree at which it is found well enough to halve on
NEARLY = 1e-6
#: part of what is revealed that is forgotten again: with the lowest degrees first all others may become known, q = 1
FORGOTTEN = 1e-10
#: the largest mean degree, and one at which digits get lost
MOST, LARGE = 1e9, 20.0


@dataclass(frozen=True)
class ErasureOrder:
    """The equations for k spins per check; degrees D are held fixed unless they are left out."""

    k: int
    highest: bool

    def cutoff(self, c: Array, theta: Array) -> Index:
        """Return the degree that is revealed in part."""
        return cutoff_degree(self.highest, c, theta)

    def laws(self, w: Array, c: Array, theta: Array, d: Index) -> tuple[Array, ...]:
        """Return V, E and the derivatives dV/dc, dE/dw, dE/dc."""
        from scipy.special import gammaln, pdtr, pdtrc

        below = np.maximum(d - 1, 0)
        tail = pdtr if self.highest else pdtrc
        every = np.exp(c * (w - 1))

        def part(number: Index) -> Array:
            """Return the sum over degrees below a number, or from it on."""
            rest = 0.0 if self.highest else 1.0
            return every * np.where(number > 0, tail(np.maximum(number - 1, 0), c * w), rest)

        sign = 1.0 if self.highest else -1.0
        known = np.where(d > 0, pdtr(below, c), 0.0)
        p = (1 - theta if self.highest else theta) - known
        last = np.where(d > 0, np.exp(below * np.log(c) - c - gammaln(below + 1)), 0.0)
        power = w**below
        lower = np.where(d > 1, w ** np.maximum(d - 2, 0), 0.0)
        exception = sign * p * d / c * power
        value, edge = part(d) + sign * p * power * np.where(d > 0, w, 1.0), part(below) + exception
        edge_w = c * part(np.maximum(d - 2, 0)) + sign * p * d * below / c * lower
        edge_c = (w - 1) * part(below) - sign * np.where(d > 1, last * below / c * power, 0.0)
        edge_c += sign * (last - p / c) * d / c * power
        if self.highest:
            return value, edge, (w - 1) * part(d), edge_w, edge_c
        kept = 1 - FORGOTTEN
        return (
            kept * value + FORGOTTEN * every, kept * edge + FORGOTTEN * every,
            (w - 1) * (kept * part(d) + FORGOTTEN * every), kept * edge_w + FORGOTTEN * c * every,
            kept * edge_c + FORGOTTEN * (w - 1) * every,
        )  # fmt: skip

    def solve(self, x: Array, theta: Array, d: Index | None, start: tuple[Array, Array] | None) -> tuple[Array, Array]:
        """Return w and c at (x, theta): by Newton's method from a start, else by nested brackets first."""
        gap = (1 - theta) * np.exp(-x)
        if start is None:
            start = self._bracketed(gap, theta)
        w, c = (a.copy() for a in start)
        active = np.arange(len(x))
        with np.errstate(all="ignore"):
            for _ in range(STEPS):
                at = self.cutoff(c[active], theta[active]) if d is None else d[active]
                v, e, v_c, e_w, e_c = self.laws(w[active], c[active], theta[active], at)
                known = (1 - e) ** (self.k - 2)
                # log V = log gap and w = 1 - (1 - E)^(k-1), in w and log c
                r = np.log(v / gap[active]), w[active] + np.expm1((self.k - 1) * np.log1p(-e))
                a, b = c[active] * e / v, c[active] * v_c / v
                f, g = 1 - (self.k - 1) * known * e_w, -(self.k - 1) * known * e_c * c[active]
                det = a * g - b * f
                dw, dc = (b * r[1] - g * r[0]) / det, (f * r[0] - a * r[1]) / det
                w[active] += np.clip(dw, -0.5 * w[active], 0.5 * (1 - w[active]))
                c[active] *= np.exp(np.clip(dc, -0.5, 0.5))
                small = (np.abs(dw) < ACCURATE * w[active]) & (np.abs(dc) < ACCURATE)
                active = active[~small]
                if not len(active):
                    break
        return w, c

    def _bracketed(self, gap: Array, theta: Array, halvings: int = HALVINGS) -> tuple[Array, Array]:
        """Return w and c roughly, by halving a bracket of w, with c from V = gap."""
        low, high, c = np.zeros_like(gap), np.ones_like(gap), np.ones_like(gap)
        with np.errstate(all="ignore"):
            for _ in range(halvings):
                w = 0.5 * (low + high)
                c = self._degree(w, c, gap, theta, NEARLY if halvings == HALVINGS else 2.0**-halvings)
                e = self.laws(w, c, theta, self.cutoff(c, theta))[1]
                more = 1 - (1 - e) ** (self.k - 1) > w
                low, high = np.where(more, w, low), np.where(more, high, w)
        return 0.5 * (low + high), c

    def _degree(self, w: Array, c: Array, gap: Array, theta: Array, accuracy: float) -> Array:
        """Return c with V = gap at given w: V falls with c."""
        c, low, high, active = c.copy(), np.zeros_like(c), np.full_like(c, np.inf), np.arange(len(c))
        for _ in range(60):
            at, t = c[active], theta[active]
            v, _, v_c, *_ = self.laws(w[active], at, t, self.cutoff(at, t))
            excess = np.log(v / gap[active])
            above = ~(excess < 0)
            low[active] = below = np.where(above, at, low[active])
            high[active] = top = np.where(above, high[active], at)
            new = at - excess * v / v_c
            bad = ~((new > below) & (new < top) & (new < 4 * at + 1))
            new = np.where(bad, np.where(np.isfinite(top), 0.5 * (below + top), np.minimum(3 * at + 0.1, MOST)), new)
            c[active] = new
            active = active[np.abs(new - at) > accuracy * at]
            if not len(active):
                break
        return c

    def functions(self, x: Array, theta: Array, w: Array, c: Array, d: Index) -> Array:
        """Return L, phi, A/2 and d phi/d theta of fixed points, shape (4, n), in the sense of degree_orders.py."""
        v, e, v_c, *_ = self.laws(w, c, theta, d)
        per_factor = 1 - w + (self.k - 1) * e * (1 - w)
        phi = v - 1 + c / self.k * per_factor + theta
        return np.stack([np.log(c / self.k), *(math.log(2) * np.stack([phi, self.k * v_c + per_factor, 1 - w**d]))])

    def found(self, x: Array, theta: Array, start: tuple[Array, Array]) -> tuple[Array, Array, Index]:
        """Return w, c and the degree that is revealed in part, from a start if it is good."""
        known = -((-np.expm1(-x)) ** (self.k - 1))
        # without strength in closed form, 1 - q = e^(c (w - 1))
        w, c = (np.where(theta == 0, *pair) for pair in ((1 + known, start[0]), (-x / known, start[1])))
        rest = np.flatnonzero(theta != 0)
        w[rest], c[rest] = self.solve(x[rest], theta[rest], None, (w[rest], c[rest]))
        for halvings in (FEW, HALVINGS):
            wrong = rest[self._wrong(x[rest], theta[rest], w[rest], c[rest])]
            if not len(wrong):
                break
            begin = self._bracketed((1 - theta[wrong]) * np.exp(-x[wrong]), theta[wrong], halvings)
            w[wrong], c[wrong] = self.solve(x[wrong], theta[wrong], None, begin)
        with np.errstate(all="ignore"):
            return w, c, self.cutoff(c, theta)

    def _wrong(self, x: Array, theta: Array, w: Array, c: Array) -> Index:
        """Return the numbers of the points at which the equations are violated."""
        with np.errstate(all="ignore"):
            v, e, *_ = self.laws(w, c, theta, self.cutoff(c, theta))
            off = np.maximum(np.abs(np.log(v) + x - np.log1p(-theta)), np.abs(w - 1 + (1 - e) ** (self.k - 1)))
            return np.flatnonzero(~(off < GOOD))

    def slope(self, x: Array, theta: Array, start: tuple[Array, Array]) -> Array:
        """Return dL/dx with the sign of 1 - (k - 1) (1 - E)^(k-2) dE/dw, which tells stability.

        Where little is known the density may turn round at constant theta on a stable branch, which is no fold.
        """
        return self._slope(theta, *self.found(x, theta, start))

    def _slope(self, theta: Array, w: Array, c: Array, d: Index) -> Array:
        v, e, v_c, e_w, e_c = self.laws(w, c, theta, d)
        known = (self.k - 1) * (1 - e) ** (self.k - 2)
        f = 1 - known * e_w
        with np.errstate(divide="ignore", invalid="ignore"):  # infinite where no density answers to x
            return np.asarray(np.copysign(f / (c * e / v * known * e_c * c + c * v_c / v * f), f))

    def expanded(self, x: Array, theta: Array, start: tuple[Array, Array]) -> dict[str, Array]:
        """Return the functions and their derivatives in x and theta, with the degree held fixed, by differences."""
        w, c, d = self.found(x, theta, start)
        h = np.minimum(STEP * (x + SCALE), 0.2 * x)
        t = np.minimum(STEP * (theta + SCALE), 0.1 * (1 - theta))
        steps = [(i, 0) for i in (-2, -1, 0, 1, 2)] + [(0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]
        xx, ss = (np.concatenate([a + n[axis] * b for n in steps]) for axis, (a, b) in enumerate(((x, h), (theta, t))))
        dd, begin = np.tile(d, len(steps)), (np.tile(w, len(steps)), np.tile(c, len(steps)))
        pair = self.solve(xx, ss, dd, begin)
        found = self.functions(xx, ss, *pair, dd).reshape(4, len(steps), -1)
        slopes = dict(zip(steps, self._slope(ss, *pair, dd).reshape(len(steps), -1), strict=True))
        f = dict(zip(steps, found.transpose(1, 0, 2), strict=True))
        near, far = (f[1, 0], f[-1, 0]), (f[2, 0], f[-2, 0])
        first = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * h)
        first[0] = self._slope(theta, w, c, d)
        second = (16 * (near[0] + near[1]) - (far[0] + far[1]) - 30 * f[0, 0]) / (12 * h**2)
        mixed = (f[1, 1] - f[1, -1] - f[-1, 1] + f[-1, -1]) / (4 * h * t)
        # at large degrees first derivatives keep digits that differences have lost
        large = c > LARGE
        along = (8 * (slopes[1, 0] - slopes[-1, 0]) - (slopes[2, 0] - slopes[-2, 0])) / (12 * h)
        second[0] = np.where(large, along, second[0])
        mixed[0] = np.where(large, (slopes[0, 1] - slopes[0, -1]) / (2 * t), mixed[0])
        return {"f": f[0, 0], "x": first, "xx": second, "y": (f[0, 1] - f[0, -1]) / (2 * t), "xy": mixed}
