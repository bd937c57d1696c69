"""The scalar channel of uniform discrete diffusion: a +-1 variable seen through Gaussian noise and a flip.

The flip has strength w = 1 - 2 epsilon (`retention`).  Everything is even in w and analytic in v = w^2, and
with a = x + sqrt(x) z, t = tanh a, c = 1 - t^2, y = v t^2, D = 1 - y the average over the flip gives

    G = 1 - (1 - v) E[c/D],                                     overlap
    dG/dx   = E[Var^2]            = (1 - v)^2 E[c^2 (1 + 3 y)/D^3],
    d2G/dx2 = E[4 Var^2 - 6 Var^3] = 4 dG/dx - 6 (1 - v)^3 E[c^3 (1 + 10 y + 5 y^2)/D^5],
    dG/dv   = E[c^2/D^2],
    Psi = psi(x) + E[log(D)/2 + sqrt(y) atanh sqrt(y)],   dPsi/dv = E[t^2 atanh(sqrt y)/(2 sqrt y)].

Odd powers of t were replaced with E[t g(t^2)] = E[t^2 g(t^2)], the Nishimori symmetry of a, whose law
N(x, x) is exp(-x/2) cosh(a) N(a; 0, x) on even functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.quadrature import CHUNK

#: e^-CUT cuts the integrals off, e^-STRIP is their discretisation error up to a power of the step
CUT, STRIP = 39.0, 48.0
#: rows may share nodes if that costs no more than WASTE times as many, or FEW altogether
WASTE, FEW = 1.5, 3000
#: x below which all rows share their nodes in units of sqrt(x)
SCALED = 0.02


@dataclass(frozen=True, slots=True)
class UniformValues:
    """G, 1 - G and their derivatives, and what Psi adds to psi(x), at (x, v)."""

    overlap: Array
    gap: Array
    overlap_x: Array
    overlap_xx: Array
    overlap_v: Array
    overlap_xv: Array
    free_entropy: Array
    free_entropy_v: Array


def _atanh_ratio(y: Array) -> Array:
    """Return atanh(sqrt y)/sqrt y for y < 1, analytic through y = 0 (atan for y < 0)."""
    root = np.maximum(np.sqrt(np.abs(y)), 1e-150)
    ratio = np.arctanh(np.minimum(root, 1 - 1e-16)) / root
    return np.where(y < 0, np.arctan(root) / root, ratio) if np.any(y < 0) else ratio


def uniform_channel(x: Array, v: Array, with_entropy: bool = True) -> UniformValues:
    """Evaluate the channel at x >= 0 and v < 1, arrays of one shape; x = 0 is taken as x = 1e-300.

    Without `with_entropy` the free entropies are left zero.
    """
    shape = np.shape(x)
    x = np.maximum(np.ravel(x), 1e-300)
    v = np.ravel(v)
    strip = np.minimum(np.pi / 2, np.sqrt(2 * STRIP * x))
    step = 2 * np.pi * strip / (STRIP + strip**2 / (2 * x))
    # c/D falls off like exp(-2 h) only where c is below 1 - v; at small x it is not needed
    upper = x + np.sqrt(2 * CUT * x)
    upper = np.where(x < 1, upper, np.minimum(upper, np.sqrt(x) * np.sqrt(x + 2 * (CUT + np.log(4 / (1 - v)))) - x))
    result = np.zeros((len(fields(UniformValues)), len(x)))
    # at small x step and window are proportional to sqrt(x)
    scaled = np.flatnonzero(x < SCALED)
    if len(scaled):
        root: Array = np.sqrt(x[scaled])
        unit = 0.98 * float((step[scaled] / root).min())
        grid = unit * np.arange(int(np.ceil((upper[scaled] / root).max() / unit)) + 1)
        h: Array = root[:, None] * grid
        result[:, scaled] = _sums(x[scaled], v[scaled], h, unit * root[:, None], with_entropy)
    others = np.flatnonzero(x >= SCALED)
    for group in _groups(step[others], upper[others]):
        rows = others[group]
        nodes = np.arange(0, upper[rows].max() + step[rows[0]], step[rows[0]])
        result[:, rows] = _sums(x[rows], v[rows], nodes, step[rows[0]], with_entropy)
    return UniformValues(*(value.reshape(shape) for value in result))


def _groups(step: Array, upper: Array) -> Iterator[Index]:
    """Group rows, by rising step, that may share the first one's step and the widest window."""
    order = np.argsort(step)
    start = 0
    while start < len(order):
        rest = order[start:]
        window = np.maximum.accumulate(upper[rest])
        nodes = np.arange(1, len(rest) + 1) * window / step[rest[0]]
        good = (step[rest] * window <= WASTE * step[rest[0]] * upper[rest[0]]) & (nodes <= CHUNK) | (nodes <= FEW)
        stop = start + max(int(np.argmin(np.append(good, False))), 1)
        yield order[start:stop]
        start = stop


def _dot(p: Array, f: Array) -> Array:
    """Sum p f over the nodes, f being shared by all rows or not."""
    return np.asarray(p @ f if f.ndim == 1 else np.einsum("rn,rn->r", p, f))


def _sums(x: Array, v: Array, h: Array, step: Array | float, with_entropy: bool) -> Array:
    """Return the channel's functions as trapezoidal sums over the nodes h = |a|, one row for each.

    The nodes have shape (nodes,) or (rows, nodes).  Every expectation is a sum of f(t^2, c) density/D^k.
    """
    e = np.exp(-2 * h)
    t2 = (np.expm1(-2 * h) / (1 + e)) ** 2
    c = 4 * e / (1 + e) ** 2
    measure = step * (1 + e)
    measure[..., 0] *= 0.5
    density = h - x[:, None]
    density *= density
    density *= (-0.5 / x)[:, None]
    np.exp(density, out=density)
    density *= measure
    density /= np.sqrt(2 * np.pi * x)[:, None]
    rest = 1 - v
    ratio = 1 / (rest[:, None] + v[:, None] * c)
    c2, c3 = c * c, c**3
    p = density * ratio
    e_t, e_c = _dot(p, t2), _dot(p, c)
    p *= ratio
    overlap_v = _dot(p, c2)
    p *= ratio
    a0, a1 = _dot(p, c2), _dot(p, c2 * t2)
    p *= ratio
    b1, b2 = _dot(p, c2 * t2), _dot(p, c2 * t2 * t2)
    p *= ratio
    d0, d1, d2 = _dot(p, c3), _dot(p, c3 * t2), _dot(p, c3 * t2 * t2)
    gap = rest * e_c
    slope = rest**2 * (a0 + 3 * v * a1)
    cubes = rest**3 * (d0 + 10 * v * d1 + 5 * v**2 * d2)
    mixed = rest * (3 * rest * (a1 + b1 + 3 * v * b2) - 2 * (a0 + 3 * v * a1))
    overlap = np.where(x < 1, rest * e_t + v * e_c, 1 - gap)
    entropy, growth = _entropies(v, density, c, t2) if with_entropy else (0 * v, 0 * v)
    return np.stack([overlap, gap, slope, 4 * slope - 6 * cubes, overlap_v, mixed, entropy, growth])


def _entropies(v: Array, density: Array, c: Array, t2: Array) -> tuple[Array, Array]:
    """Return E[log(D)/2 + sqrt(y) atanh sqrt(y)] and E[t^2 atanh(sqrt y)/(2 sqrt y)], limits at |h| = inf apart."""
    # t^2 atanh(sqrt y)/sqrt y = t atanh(w t)/w with w = sqrt v; atan where v is negative
    w = np.maximum(np.sqrt(np.abs(v)), 1e-150)
    end = _atanh_ratio(v)
    t = np.sqrt(t2)
    excess = w[:, None] * t
    if np.any(v < 0):
        excess = np.where((v < 0)[:, None], np.arctan(excess), np.arctanh(np.minimum(excess, 1 - 1e-16)))
    else:
        np.arctanh(np.minimum(excess, 1 - 1e-16, out=excess), out=excess)
    excess *= t
    excess -= (w * end)[:, None]
    growth = np.einsum("rn,rn->r", density, excess) / w
    logarithm = (v / (1 - v))[:, None] * c
    np.log1p(logarithm, out=logarithm)
    entropy = v * growth + 0.5 * np.einsum("rn,rn->r", density, logarithm)
    return entropy + v * end + 0.5 * np.log1p(-v), 0.5 * (growth + end)
