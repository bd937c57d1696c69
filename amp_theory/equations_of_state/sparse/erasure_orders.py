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
from amp_theory.tools.arrays import EPS, Array, Index

#: halvings of the bracket of w before Newton's method, at first fewer; its steps at most, their accuracy
HALVINGS, FEW, STEPS, ACCURATE = 22, 8, 30, 1e-12
#: halvings at once, and the points from which on there is one at a time
DEPTH, MANY = 4, 64
#: relative step of Newton's method below which rounding may be all there is
ROUGH = 1e-4
#: what the equations may be violated by
GOOD = 1e-10
#: relative change of the mean degree at which it is found well enough to halve on
NEARLY = 1e-6
#: part of what is revealed that is forgotten again: with the lowest degrees first all others may become known, q = 1
FORGOTTEN = 1e-10
#: the largest mean degree
MOST = 1e9


@dataclass(frozen=True)
class ErasureOrder:
    """The equations for k spins per check; degrees D are held fixed unless they are left out."""

    k: int
    highest: bool

    def cutoff(self, c: Array, theta: Array) -> Index:
        """Return the degree that is revealed in part."""
        return cutoff_degree(self.highest, c, theta)

    def _part(self, number: Index, w: Array, c: Array) -> Array:
        """Return the sum of a_m w^m over degrees below a number, or from it on."""
        import scipy.special as special

        tail, rest = (special.pdtr, 0.0) if self.highest else (special.pdtrc, 1.0)
        return np.asarray(np.exp(c * (w - 1)) * np.where(number > 0, tail(np.maximum(number - 1, 0), c * w), rest))

    def _exception(self, c: Array, theta: Array, d: Index) -> tuple[Array, Array]:
        """Return the probability of degree D - 1, and the part p of all variables that is the exception."""
        import scipy.special as special

        below = np.maximum(d - 1, 0)
        known = np.where(d > 0, special.pdtr(below, c), 0.0)
        last = np.where(d > 0, np.exp(below * np.log(c) - c - special.gammaln(below + 1)), 0.0)
        return last, (1 - theta if self.highest else theta) - known

    def laws(self, w: Array, c: Array, theta: Array, d: Index) -> tuple[Array, ...]:
        """Return V, E and the derivatives dV/dc, dE/dw, dE/dc."""
        below, every = np.maximum(d - 1, 0), np.exp(c * (w - 1))
        sign = 1.0 if self.highest else -1.0
        last, p = self._exception(c, theta, d)
        power = w**below
        lower = np.where(d > 1, w ** np.maximum(d - 2, 0), 0.0)
        exception = sign * p * d / c * power
        part, part_edge = self._part(d, w, c), self._part(below, w, c)
        value, edge = part + sign * p * power * np.where(d > 0, w, 1.0), part_edge + exception
        edge_w = c * self._part(np.maximum(d - 2, 0), w, c) + sign * p * d * below / c * lower
        edge_c = (w - 1) * part_edge - sign * np.where(d > 1, last * below / c * power, 0.0)
        edge_c += sign * (last - p / c) * d / c * power
        if self.highest:
            return value, edge, (w - 1) * part, edge_w, edge_c
        kept = 1 - FORGOTTEN
        return (
            kept * value + FORGOTTEN * every, kept * edge + FORGOTTEN * every,
            (w - 1) * (kept * part + FORGOTTEN * every), kept * edge_w + FORGOTTEN * c * every,
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
            last = np.full(len(x), np.inf)
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
                size = np.maximum(np.abs(dw) / w[active], np.abs(dc))
                # a small step that is no smaller than the one before is rounding
                small = (size < ACCURATE) | ((size < ROUGH) & (size > 0.5 * last[active]))
                last[active] = size
                active = active[~small]
                if not len(active):
                    break
        return w, c

    def _bracketed(self, gap: Array, theta: Array, halvings: int = HALVINGS) -> tuple[Array, Array]:
        """Return w and c roughly, by halving a bracket of w, with c from V = gap."""
        # few points cost as little as one, so that of them several halvings are made at once
        depth = DEPTH if len(gap) <= MANY else 1
        low, width, c, rows = np.zeros_like(gap), 1.0, np.ones_like(gap), np.arange(len(gap))
        parts = np.arange(1, 2**depth)
        every_gap, every_theta = np.repeat(gap, len(parts)), np.repeat(theta, len(parts))
        accuracy = NEARLY if halvings == HALVINGS else 2.0**-halvings
        with np.errstate(all="ignore"):
            for _ in range(-(-halvings // depth)):
                width /= 2**depth
                w = (low[:, None] + width * parts).ravel()
                degree = self._degree(w, np.repeat(c, len(parts)), every_gap, every_theta, accuracy)
                e = self.laws(w, degree, every_theta, self.cutoff(degree, every_theta))[1]
                more = (1 - (1 - e) ** (self.k - 1) > w).reshape(len(gap), -1)
                at = 0 * rows
                for level in reversed(range(depth)):
                    at += np.where(more[rows, at + 2**level - 1], 2**level, 0)
                low += width * at
                c = degree.reshape(more.shape)[rows, np.maximum(at - 1, 0)]
        return low + 0.5 * width, c

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
            # mean degrees of very different sizes are halved in their logarithms
            middle = np.where(below > 0, np.sqrt(below) * np.sqrt(top), 0.1 * top)
            middle = np.where(top < 2 * below, 0.5 * (below + top), middle)
            new = np.where(bad, np.where(np.isfinite(top), middle, np.minimum(3 * at + 0.1, MOST)), new)
            c[active] = new
            active = active[(np.abs(new - at) > accuracy * at) & ~(np.abs(excess) < 4 * EPS * (1 + at))]
            if not len(active):
                break
        return c

    def functions(self, x: Array, theta: Array, w: Array, c: Array, d: Index) -> Array:
        """Return L, phi, A/2 and d phi/d theta of fixed points, shape (4, n), in the sense of degree_orders.py."""
        v, e, v_c, *_ = self.laws(w, c, theta, d)
        per_factor = 1 - w + (self.k - 1) * e * (1 - w)
        phi = v - 1 + c / self.k * per_factor + theta
        return np.stack([np.log(c / self.k), *(math.log(2) * np.stack([phi, self.k * v_c + per_factor, 1 - w**d]))])

    def found(self, x: Array, theta: Array, start: tuple[Array, Array] | None) -> tuple[Array, Array, Index]:
        """Return w, c and the degree that is revealed in part, from a start if there is one and it is good."""
        known = -((-np.expm1(-x)) ** (self.k - 1))
        start = self._bracketed((1 - theta) * np.exp(-x), theta, FEW) if start is None else start
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
            # c (w - 1) has lost digits where c is large
            return np.flatnonzero(~(off < GOOD + 8 * EPS * c))

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
        """Return the functions and the derivatives of L in x and theta, with the degree held fixed."""
        w, c, d = self.found(x, theta, start)
        with np.errstate(divide="ignore", invalid="ignore"):  # infinite where no density answers to x
            first, second, along, mixed = self._derivatives(theta, w, c, d)
        return {"f": self.functions(x, theta, w, c, d), "x": first[None], "xx": second[None], "y": along[None],
                "xy": mixed[None]}  # fmt: skip

    def _derivatives(self, theta: Array, w: Array, c: Array, d: Index) -> tuple[Array, Array, Array, Array]:
        """Return L_x with the sign of `slope`, L_xx with it, L_theta and L_x theta, from the equations' derivatives.

        The equations are G = (log V - log(1 - theta) + x, w - 1 + (1 - E)^(k-1)) = 0, the unknowns y = (w, log c).
        """
        v, e, v_c, e_w, e_c = self.laws(w, c, theta, d)
        v_cc, e_ww, e_wc, e_cc, v_t, e_t, e_wt, e_ct = self._second(w, c, theta, d)
        n, a, b, told = self.k - 1, c * e / v, c * v_c / v, 1 - e
        rise = n * told ** (n - 1)
        bend = n * (n - 1) * told ** (n - 2) if n > 1 else 0 * told
        e_l, e_ll, e_wl, e_lt = c * e_c, c * e_c + c**2 * e_cc, c * e_wc, c * e_ct
        f, g = 1 - rise * e_w, -rise * e_l
        det = a * g - b * f
        # G_ww, G_wl, G_ll with l = log c; then G_theta, G_w theta, G_l theta
        pure = (
            (c * e_w / v - a * a, c * (e + e_l) / v - a * b, (c * v_c + c**2 * v_cc) / v - b * b),
            (bend * e_w**2 - rise * e_ww, bend * e_w * e_l - rise * e_wl, bend * e_l**2 - rise * e_ll),
        )
        with_theta = (
            (v_t / v + 1 / (1 - theta), c * e_t / v - a * v_t / v, -b * v_t / v),
            (-rise * e_t, bend * e_w * e_t - rise * e_wt, bend * e_l * e_t - rise * e_lt),
        )
        x_w, x_l = -g / det, f / det
        t_w, t_l = ((b * with_theta[1][0] - g * with_theta[0][0]) / det,
                    (f * with_theta[0][0] - a * with_theta[1][0]) / det)  # fmt: skip
        twice = [p[0] * x_w**2 + 2 * p[1] * x_w * x_l + p[2] * x_l**2 for p in pure]
        both = [
            p[0] * x_w * t_w + p[1] * (x_w * t_l + x_l * t_w) + p[2] * x_l * t_l + t[1] * x_w + t[2] * x_l
            for p, t in zip(pure, with_theta, strict=True)
        ]
        sign = np.copysign(1.0, f) * np.copysign(1.0, x_l)
        second, mixed = ((f * r[0] - a * r[1]) / det for r in (twice, both))
        return sign * x_l, sign * second, t_l, sign * mixed

    def _second(self, w: Array, c: Array, theta: Array, d: Index) -> tuple[Array, ...]:
        """Return d^2 V/dc^2, E_ww, E_wc, E_cc, and the derivatives of V, E, E_w, E_c in theta."""
        sign = 1.0 if self.highest else -1.0
        last, p = self._exception(c, theta, d)
        every = np.exp(c * (w - 1))
        full, edge, lower, lowest = (self._part(np.maximum(d - m, 0), w, c) for m in range(4))
        # d w^(d-1), d (d-1) w^(d-2), d (d-1) (d-2) w^(d-3), where none is negative
        once, twice, thrice = (
            np.where(d >= m, np.prod([d - i for i in range(m)], axis=0) * w ** np.maximum(d - m, 0), 0.0)
            for m in (1, 2, 3)
        )
        power = np.where(d > 0, w ** np.maximum(d - 1, 0), 0.0)
        below, less = np.maximum(d - 1, 0), np.where(d > 1, w ** np.maximum(d - 2, 0), 0.0)
        v_cc = (w - 1) * ((w - 1) * full - sign * last * w**d)
        e_ww = c**2 * lowest + sign * p * thrice / c
        e_wc = edge + (w - 1) * c * lower + sign * below * less * (last / c - p * d / c**2)
        e_cc = (w - 1) * ((w - 1) * edge - sign * last * below / c * power)
        e_cc -= sign * power * (last / c + 2 * (last * c - p * d) / c**3)
        theta_laws = -(w**d), -once / c, -twice / c, once / c**2
        if self.highest:
            return v_cc, e_ww, e_wc, e_cc, *theta_laws
        kept, rest = 1 - FORGOTTEN, FORGOTTEN * every
        return (
            kept * v_cc + rest * (w - 1) ** 2, kept * e_ww + rest * c**2, kept * e_wc + rest * (1 + c * (w - 1)),
            kept * e_cc + rest * (w - 1) ** 2, *(kept * a for a in theta_laws),
        )  # fmt: skip
