"""The schematic mode-coupling equation on intervals of doubling length.

    dC/dt = -C - int_0^t K(t - u) C'(u) du,    K = xi'(C),    C(0) = 1

As in the decimation of M. Fuchs, W. Goetze, I. Hofacker, A. Latz, J. Phys. Cond. Matt. 3, 5047 (1991), times
double from interval to interval and the integral is split at t/2, so that at times from a to 2 a it is linear in
the unknown K and C' with known factors.  Within an interval C is not a sequence of steps but a polynomial
through Chebyshev points, found by Newton's method from the equation at these points: C is analytic there with
its nearest singularity at t = 0 or behind, and the error falls as 5.8^-nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from amp_theory.dynamics.landscape import SphericalLandscape
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, NumericalError

#: orders of the power series at short times, and its first interval in units of its radius of convergence
ORDERS, SHORT = 32, 0.1
#: the most doublings of time, and Newton steps in an interval
DOUBLINGS, NEWTON = 200, 60


# --- polynomials through Chebyshev points --------------------------------------------------------------------


def _cardinal(nodes: Array, weights: Array, x: Array) -> Array:
    """Return the values at x, any shape, of the polynomials that are 1 at one node (barycentric formula)."""
    difference = x[..., None] - nodes
    hit = difference == 0
    terms = weights / np.where(hit, 1.0, difference)
    rows = terms / terms.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(hit.any(axis=-1, keepdims=True), hit.astype(float), rows))


@dataclass(frozen=True, eq=False)
class GridInterval:
    """The unit interval: Chebyshev points (ends included), barycentric weights, derivative, Gauss rule.

    far[j, i] maps Gauss point i of the intervals [1/4, 1/2], [1/8, 1/4], ... in turn to the weights of the values
    on the intervals [1/2, 1] and [1, 2] in a function at t_j - s_i, t_j the nodes of [1, 2]; zero in the interval
    that holds t_j - 1, where the function passes from one polynomial to the other.
    """

    nodes: Array
    weights: Array
    derivative: Array
    gauss: Array
    gauss_weights: Array
    to_gauss: Array
    far: Array

    def at(self, x: Array) -> Array:
        """Return the matrix that interpolates from the nodes to x."""
        return _cardinal(self.nodes, self.weights, x)

    def shifted(self, s: Array) -> Array:
        """Return the weights of values on [1/2, 1] and [1, 2] in a function at t_j - s, s of shape (n or 1, q)."""
        x = self.nodes[1:, None] - s
        previous = x < 0
        return np.concatenate(
            [
                self.at(np.where(previous, 1 + 2 * x, 0.0)) * previous[..., None],
                self.at(np.where(previous, 0.0, x)) * ~previous[..., None],
            ],
            axis=-1,
        )


@lru_cache(maxsize=4)
def make_interval(n: int, doublings: int) -> GridInterval:
    """Return the interval with n + 1 nodes, ready for a number of doublings."""
    nodes = np.sin(0.5 * np.pi * np.arange(n + 1) / n) ** 2
    weights: Array = np.where(np.arange(n + 1) % 2, -1.0, 1.0)
    weights[[0, -1]] *= 0.5
    difference = nodes[:, None] - nodes + np.eye(n + 1)
    derivative = weights / weights[:, None] / difference
    np.fill_diagonal(derivative, 0.0)
    np.fill_diagonal(derivative, -derivative.sum(axis=1))
    x, w = np.polynomial.legendre.leggauss(n)
    gauss = 0.5 * (1 + x)
    bare = GridInterval(nodes, weights, derivative, gauss, 0.5 * w, _cardinal(nodes, weights, gauss), np.zeros(0))
    depth = 0.5 ** np.arange(2, max(doublings, 2) + 1)
    far = bare.shifted((depth[:, None] * (1 + gauss)).reshape(1, -1))
    divided = (nodes[1:, None] > depth) & (nodes[1:, None] <= 2 * depth)
    return replace(bare, far=far * ~np.repeat(divided, n, axis=1)[..., None])


# --- the solver ----------------------------------------------------------------------------------------------


def _series(landscape: SphericalLandscape) -> tuple[Array, float]:
    """Return the power series of C in a short time u, and the rate u/t in the rescaled time t.

    With hats for the coefficients times k!, and K = xi'(C) from the recursion of the powers of C,
    c_{k+1} = -(c_k + sum_{i+j=k-1} K_i c_{j+1})/rate.
    """
    rate = float(1 + landscape.coupling(np.ones(()))[1] + landscape.coupling(np.ones(()))[2])
    c = np.zeros(ORDERS + 1)
    c[0] = 1.0
    kernel = np.zeros(ORDERS + 1)
    powers = {power - 1: np.zeros(ORDERS + 1) for power, _ in landscape.terms}
    factorial = np.array([math.factorial(k) for k in range(ORDERS + 1)], dtype=float)
    for k in range(ORDERS):
        for a, b in powers.items():
            i = np.arange(1, k + 1)
            b[k] = 1.0 if k == 0 else np.sum((a * i - (k - i)) * c[i] * b[k - i]) / k
        kernel[k] = sum(power * coefficient * powers[power - 1][k] for power, coefficient in landscape.terms)
        i = np.arange(k)
        memory = np.sum(factorial[i] * kernel[i] * factorial[k - i] * c[k - i])
        c[k + 1] = -(factorial[k] * c[k] + memory) / rate / factorial[k + 1]
    return c, rate


@dataclass(frozen=True, eq=False)
class Solution:
    """C on the intervals [0, h], [h, 2 h], [2 h, 4 h], ...: values of shape (intervals, n + 1), in rescaled time."""

    interval: GridInterval
    first: float
    values: Array

    def __call__(self, t: Array) -> tuple[Array, Array]:
        """Return C and t dC/dt."""
        exponent = np.frexp(t / self.first)[1]
        k = np.clip(np.where(t < self.first, 0, exponent), 0, len(self.values) - 1)
        # rounding may put the last time beyond the last interval, or on either side of an edge: all the same
        start = np.where(k == 0, 0.0, self.first * 2.0 ** (k - 1))
        width = np.where(k == 0, self.first, start)
        row = self.interval.at((t - start) / width)
        value = np.einsum("...m,...m->...", row, self.values[k])
        return value, np.einsum("...m,...m->...", row, self.values[k] @ self.interval.derivative.T) * t / width

    @property
    def times(self) -> Array:
        """All nodes in rising order, rescaled."""
        start = self.first * 2.0 ** np.arange(len(self.values) - 1)
        later = (start[:, None] * (1 + self.interval.nodes[1:])).ravel()
        return np.concatenate([self.first * self.interval.nodes, later])


def solve_memory(landscape: SphericalLandscape, end: float, n: int) -> Solution:
    """Solve the equation up to the rescaled time `end`."""
    series, rate = _series(landscape)
    radius = float(np.max(np.abs(series[1:]) ** (1 / np.arange(1, ORDERS + 1))))
    doublings = max(1, math.ceil(math.log2(end * rate * radius / SHORT)))
    if doublings > DOUBLINGS:
        raise InputError(f"end_time is too long: {doublings} doublings of time, at most {DOUBLINGS} are possible")
    interval = make_interval(n, doublings)
    first = end * 0.5**doublings
    values = np.empty((doublings + 1, n + 1))
    for k, start in ((0, 0.0), (1, first)):
        values[k] = np.polynomial.polynomial.polyval((start + first * interval.nodes) * rate, series)
    # at the Gauss points of every interval: dC (as a measure) and K du in units of the interval's width
    steps, kernels = np.empty((2, doublings + 1, n))
    for k in range(doublings + 1):
        if k >= 2:
            values[k] = _advance(landscape, interval, 2.0 ** (k - 1) * first, values[:k], steps[:k], kernels[:k])
        steps[k] = interval.gauss_weights * (interval.to_gauss @ (interval.derivative @ values[k]))
        kernels[k] = interval.gauss_weights * landscape.coupling(interval.to_gauss @ values[k])[1]
    return Solution(interval, first, values)


def _memory(
    interval: GridInterval, landscape: SphericalLandscape, known: Array, steps: Array, kernels: Array
) -> tuple[Array, Array]:
    """Return the rows that act on K, and on dC/dt, at the nodes of the last known interval and the next.

    They are the integrals over u in [0, t/2] of dC(u) K(t - u) and of K(u) C'(t - u) at the next interval's
    nodes t, in units of its start a.  Each Gauss rule stays on one side of u = t - a: C' may jump there by more
    than C is wrong, and on the plateau of a glass such errors would grow from interval to interval.
    """
    count, n = len(known), len(interval.gauss)
    edges = np.concatenate([[0.0], 0.5 ** np.arange(count - 1, -1, -1)])
    x = interval.nodes[1:]
    holder = np.searchsorted(edges, x) - 1
    whole = interval.shifted(edges[1] * interval.gauss[None, :]) * (holder > 0)[:, None, None]
    # of the last interval the part up to t/2, and the interval that holds t - a, both divided there
    divide, inner = np.maximum(x, 0.5), holder < count - 1
    lower = np.stack([np.full(n, 0.5), divide, edges[holder], x], axis=1)
    upper = np.stack(
        [divide, 0.5 * (1 + x), np.where(inner, x, edges[holder]), np.where(inner, edges[holder + 1], x)], 1
    )
    which = np.stack([np.full(n, count - 1)] * 2 + [holder] * 2, axis=1)
    length = upper - lower
    u = lower[..., None] + length[..., None] * interval.gauss
    base, width = edges[which][..., None], np.diff(edges)[which][..., None]
    row = interval.at((u - base) / width)
    values = known[which]
    weight = length[..., None] * interval.gauss_weights
    dc = weight / width * np.einsum("jsqm,jsm->jsq", row, values @ interval.derivative.T)
    kernel = weight * landscape.coupling(np.einsum("jsqm,jsm->jsq", row, values))[1]
    divided = interval.shifted(u.reshape(n, -1))
    scale = 0.5 ** np.arange(2, count)
    parts = []
    for part, far, short in (
        (dc, steps[count - 2 : 0 : -1], steps[0]),
        (kernel, kernels[count - 2 : 0 : -1] * scale[:, None], kernels[0] * edges[1]),
    ):
        rows = np.einsum("jq,jqm->jm", part.reshape(n, -1), divided) + np.einsum("q,jqm->jm", short, whole)
        parts.append(rows + far.ravel() @ interval.far[:, : far.size])
    return parts[0], parts[1]


def _advance(
    landscape: SphericalLandscape, interval: GridInterval, start: float, known: Array, steps: Array, kernels: Array
) -> Array:
    """Return C at the nodes of [start, 2 start] by Newton's method from the values on all earlier intervals."""
    n = len(interval.nodes) - 1
    on_kernel, on_slope = _memory(interval, landscape, known, steps, kernels)
    last = known[-1]
    slope = interval.derivative @ last
    fixed = on_kernel[:, : n + 1] @ landscape.coupling(last)[1] + 2 * on_slope[:, : n + 1] @ slope
    linear = (interval.derivative / start)[1:] + np.eye(n + 1)[1:] + on_slope[:, n + 1 :] @ interval.derivative
    new: Array = last[-1] + 2 * slope[-1] * np.log1p(interval.nodes)
    previous = np.inf
    for _ in range(NEWTON):
        _, kernel, curvature, _ = landscape.coupling(new)
        residual = linear @ new + fixed + on_kernel[:, n + 1 :] @ kernel
        jacobian = linear + on_kernel[:, n + 1 :] * curvature
        step = np.linalg.solve(jacobian[:, 1:], residual)
        new[1:] -= step
        size = float(np.max(np.abs(step)))
        # steps that no longer shrink are rounding
        if size < 4 * EPS or (size < 1e-9 and size > 0.5 * previous):
            return new
        previous = size
    raise NumericalError(
        f"Newton's method did not converge at the rescaled time {start:g}",
        "more nodes, or a shorter time, may help",
        partial=known,
    )
