"""The posterior of one variable with prior P0 given a field B and a precision A.

Weights P0(s) exp(B s - A s^2/2).  For a mixture P0 = sum_k p_k N(m_k, v_k) (v_k = 0: an atom) it is again
one, with variances v_k/(1 + A v_k), means (m_k + v_k B)/(1 + A v_k) and weights proportional to

    p_k (1 + A v_k)^{-1/2} exp([2 m_k B + v_k B^2 - A m_k^2]/[2 (1 + A v_k)]).

With two components one exponential, of the difference of their logarithms, tells both weights; so do two of three atoms
-m, 0 and m of which the outer ones are alike.  Exponentials are most of the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, singledispatch

import numpy as np

from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.density import Density
from amp_theory.ingredients.priors.mixtures import Mixture, Nodes
from amp_theory.tools.arrays import Array

#: numbers that are worked on together: what they need then stays in the processor's cache, and off fresh memory
BLOCK = 2**12
#: differences of log weights beyond which the smaller weight is zero in doubles, while its inverse is finite
FAR = 700.0
#: the log weight of an atom at zero up to which what is lost where exp(-m |B|) underflows is below exp(300 - 745)
LARGEST_LEVEL = 300.0

#: e^-FAINT is a weight that counts as none next to another, of hundreds of thousands that have it together, too
FAINT = 50.0
#: the support of a density in units of 1/sqrt(A) from which on most nodes have no weight
SEVERAL = 64.0
#: numbers of nodes and fields that are worked on together
NUMBERS = 2**18

Parts = Callable[[Array, Array], tuple[Array, Array]]


def _log_weights(mixture: Mixture, field: Array, precision: Array | float) -> Array:
    """Return the logarithms of the components' weights, along the last axis."""
    m, v = mixture.means, mixture.variances
    b, a = np.asarray(field)[..., None], np.asarray(precision, dtype=float)[..., None]
    total = 1 + a * v
    weight = np.log(mixture.probabilities) - 0.5 * np.log(total)
    return np.asarray(weight + (2 * m * b + v * b * b - a * m * m) / (2 * total))


def _components(mixture: Mixture, field: Array, precision: Array | float) -> tuple[Array, Array, Array]:
    """Return weights, means and variances of the posterior's components, along the last axis."""
    m, v = mixture.means, mixture.variances
    b, a = np.asarray(field)[..., None], np.asarray(precision, dtype=float)[..., None]
    total, log_weight = 1 + a * v, _log_weights(mixture, field, precision)
    weight = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
    weight /= weight.sum(axis=-1, keepdims=True)
    return weight, (m + v * b) / total, v / total


def log_partition(mixture: Mixture, field: Array, precision: Array | float) -> Array:
    """Return log Z_0 = log E exp(B s - A s^2/2) over the prior, in nats.

    Examples
    --------
    >>> from amp_theory import Rademacher
    >>> level = log_partition(Rademacher().mixture, np.array([0.5]), 3.0)
    >>> bool(abs(level[0] - (np.log(np.cosh(0.5)) - 1.5)) < 1e-15)
    True
    """
    return np.asarray(np.logaddexp.reduce(_log_weights(mixture, field, precision), axis=-1))


def posterior_moments(mixture: Mixture, field: Array, precision: Array | float) -> tuple[Array, Array]:
    """Return the posterior mean and variance at fields B and precisions A that broadcast against each other.

    Examples
    --------
    >>> from amp_theory import Rademacher
    >>> mean, variance = posterior_moments(Rademacher().mixture, np.array([0.5]), 3.0)
    >>> bool(abs(mean[0] - np.tanh(0.5)) < 1e-15), bool(abs(mean[0] ** 2 + variance[0] - 1) < 1e-15)
    (True, True)
    """
    b, a = np.asarray(field, dtype=float), np.asarray(precision, dtype=float)
    shape, form = np.broadcast(b, a).shape, _chosen(mixture)
    if not shape:
        mean, variance = form(b[None], a[None])
        return mean[0], variance[0]
    if math.prod(shape) <= BLOCK or len(shape) != 2:
        return form(b, a)
    mean, variance = np.empty((2, *shape))
    b, a = (x.reshape((1,) * (2 - x.ndim) + x.shape) for x in (b, a))
    rows, columns = max(1, BLOCK // shape[1]), BLOCK
    for i in range(0, shape[0], rows):
        for j in range(0, shape[1], columns):
            at = slice(i, i + rows), slice(j, j + columns)
            parts = (x[tuple(s if n > 1 else slice(None) for s, n in zip(at, x.shape, strict=True))] for x in (b, a))
            mean[at], variance[at] = form(*parts)
    return mean, variance


@lru_cache(maxsize=64)
def _chosen(mixture: Mixture) -> Parts:
    """Return the function of B and A that gives means and variances."""
    return _form(mixture)


@singledispatch
def _form(mixture: Mixture) -> Parts:
    """Return the function of B and A, arrays that fit together, that gives means and variances."""
    return _of_components(mixture)


@_form.register
def _of_nodes(mixture: Nodes) -> Parts:
    every = _of_components(mixture)

    def moments(b: Array, a: Array) -> tuple[Array, Array]:
        reach = math.sqrt(float(np.min(a))) * float(np.ptp(mixture.means)) if np.size(a) else 0.0
        return _near(mixture, b, a) if reach > SEVERAL else every(b, a)

    return moments


def _of_components(mixture: Mixture) -> Parts:
    """Return the function of B and A of components that are few, or all of them in reach."""
    log_p, m, v = np.log(mixture.probabilities).tolist(), mixture.means.tolist(), mixture.variances.tolist()
    if len(m) == 1:
        return lambda b, a: _one(m[0], v[0], b, a)
    if len(m) == 2:
        odds = log_p[1] - log_p[0]
        if mixture.atoms:
            return lambda b, a: _two_atoms(odds, (m[0], m[1]), b, a)
        return lambda b, a: _two(odds, (m[0], m[1]), (v[0], v[1]), b, a)
    parts = list(zip(log_p, m, v, strict=True))
    outer = symmetric_atoms(mixture)
    if outer:
        return lambda b, a: _symmetric(*outer, b, a) or _many(parts, b, a)
    return lambda b, a: _many(parts, b, a)


def symmetric_atoms(mixture: Mixture) -> tuple[float, float] | None:
    """Return log p_0/p_m and m of a prior with atoms at -m, 0 and m, or at -m and m only; None for another prior."""
    if not mixture.atoms or len(mixture.means) not in (2, 3) or not mixture.symmetric:
        return None
    log_p, m = np.log(mixture.probabilities).tolist(), mixture.means.tolist()
    outer = int(np.argmax(m))
    at_zero = log_p[m.index(0.0)] if len(m) == 3 else -math.inf
    return at_zero - log_p[outer], m[outer]


def _one(m: float, v: float, b: Array, a: Array) -> tuple[Array, Array]:
    """Return the moments of one normal component."""
    total = 1 + a * v
    return (m + v * b) / total, v / total + np.zeros(np.shape(b))


def _two_atoms(odds: float, m: tuple[float, float], b: Array, a: Array) -> tuple[Array, Array]:
    """Return the moments of two atoms, odds the log of the ratio of their probabilities."""
    step, middle = m[1] - m[0], (m[0] + m[1]) / 2
    ratio = step * b + (odds - (step * middle) * a if middle else odds + 0 * a)
    np.exp(np.minimum(ratio, FAR, out=ratio), out=ratio)
    first = 1 + ratio
    np.divide(1, first, out=first)
    second = np.multiply(ratio, first, out=ratio)
    mean = m[0] * first
    mean += m[1] * second
    first *= step * step
    first *= second
    return mean, first


def _two(odds: float, m: tuple[float, float], v: tuple[float, float], b: Array, a: Array) -> tuple[Array, Array]:
    """Return the moments of two components, odds the log of the ratio of their probabilities."""
    totals = [1 + a * w for w in v]
    levels = [(2 * c * b + w * b * b - a * c * c) / (2 * t) for c, w, t in zip(m, v, totals, strict=True)]
    ratio = np.exp(np.minimum(odds - 0.5 * np.log(totals[1] / totals[0]) + levels[1] - levels[0], FAR))
    first = 1 / (1 + ratio)
    second = ratio * first
    centres = [(c + w * b) / t for c, w, t in zip(m, v, totals, strict=True)]
    between = np.square(centres[1] - centres[0]) * first * second
    within = (v[0] / totals[0]) * first + (v[1] / totals[1]) * second
    return centres[0] * first + centres[1] * second, between + within


def _symmetric(level: float, m: float, b: Array, a: Array) -> tuple[Array, Array] | None:
    """Return the moments of atoms -m, 0 and m, level the log of p_0/p_m; None where A is so large that it overflows."""
    zero = level + (m * m / 2) * a
    if not np.maximum.reduce(zero, axis=None) <= LARGEST_LEVEL:
        return None
    small = np.abs(b)
    small *= -m
    np.exp(small, out=small)
    square, at_zero = small * small, np.exp(zero) * small
    total = 1 + square
    among = at_zero * total  # |m|^2 times the products of two weights, each pair by its squared distance
    at_zero += total
    mean = np.subtract(1, square, out=small)
    mean *= m
    mean = mean / at_zero
    np.copysign(mean, b, out=mean)
    square *= 4
    among += square
    among *= m * m
    at_zero *= at_zero
    among /= at_zero
    return mean, among


def _many(parts: list[tuple[float, float, float]], b: Array, a: Array) -> tuple[Array, Array]:
    """Return the moments of any number of components, one after the other."""
    weights = []
    for log_p, m, v in parts:
        if v == 0:
            weight = log_p + (m * b - 0.5 * (a * m * m))
        else:
            total = 1 + a * v
            weight = log_p - 0.5 * np.log(total) + (2 * m * b + v * b * b - a * m * m) / (2 * total)
        weights.append(np.asarray(weight))
    largest = np.maximum.reduce(weights)
    norm: Array | float = 0.0
    for weight in weights:
        weight -= largest
        np.exp(weight, out=weight)
        norm = norm + weight
    centres = [m if v == 0 else (m + v * b) / (1 + a * v) for _, m, v in parts]
    mean, variance = np.zeros(np.shape(norm)), np.zeros(np.shape(norm))
    for weight, centre in zip(weights, centres, strict=True):
        weight /= norm
        mean += weight * centre
    for weight, centre, (_, _, v) in zip(weights, centres, parts, strict=True):
        width = v if v == 0 else v / (1 + a * v)
        variance += weight * (width + np.square(centre - mean))
    return mean[()], variance[()]  # numbers of numbers


def _near(nodes: Nodes, b: Array, a: Array) -> tuple[Array, Array]:
    """Return the moments of many atoms in increasing order, of those that have a weight above e^-FAINT of another.

    With c = B/A, log weights log p_k - A (s_k - c)^2/2 of atoms that are further from c than sqrt(2 D/A), D the largest
    log p minus the log weight of the atom next to c, are below it, and by D + FAINT they are fainter by that.
    """
    b, a = np.broadcast_arrays(b, a)
    s, log_p = nodes.means, np.log(nodes.probabilities)
    field, a, shape = b.ravel(), a.ravel(), b.shape
    centre = field / a
    after = np.searchsorted(s, centre).clip(1, len(s) - 1)
    next_to = after - (centre - s[after - 1] < s[after] - centre)
    depth = FAINT + log_p.max() - log_p[next_to] + 0.5 * a * (s[next_to] - centre) ** 2
    reach = np.sqrt(2 * depth / a)
    first, last = np.searchsorted(s, centre - reach), np.searchsorted(s, centre + reach, side="right")
    width = int((last - first).max())
    mean, variance = np.empty((2, len(centre)))
    rows = max(1, NUMBERS // width)
    for k in range(0, len(centre), rows):
        part = slice(k, k + rows)
        place = first[part, None] + np.arange(width)
        seen = np.minimum(place, len(s) - 1)
        origin = s[next_to[part], None]
        distance = s[seen] - origin  # from a node, which keeps digits of narrow posteriors
        tilt = field[part, None] - a[part, None] * origin
        weight = log_p[seen] + (tilt - 0.5 * a[part, None] * distance) * distance
        weight[place >= last[part, None]] = -np.inf
        weight = np.exp(weight - weight.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        step = np.linalg.vecdot(weight, distance)
        mean[part] = origin[:, 0] + step
        variance[part] = np.linalg.vecdot(weight, (distance - step[:, None]) ** 2)
    return mean.reshape(shape), variance.reshape(shape)


def sample_posterior(mixture: Mixture, field: Array, precision: Array | float, rng: np.random.Generator) -> Array:
    """Draw one value for every field from its posterior."""
    weight, m, v = _components(mixture, field, precision)
    cumulative = np.cumsum(weight, axis=-1)
    label = (rng.random(weight.shape[:-1])[..., None] > cumulative[..., :-1]).sum(axis=-1)[..., None]
    m, v = np.broadcast_to(m, weight.shape), np.broadcast_to(v, weight.shape)
    value = np.take_along_axis(m, label, -1)[..., 0]
    if mixture.atoms:
        return np.asarray(value)
    width = np.sqrt(np.take_along_axis(v, label, -1)[..., 0])
    return np.asarray(value + width * rng.standard_normal(value.shape))


@singledispatch
def draw_independent(prior: Prior, number: int, rng: np.random.Generator) -> Array:
    """Draw independent values from a prior, shape (number,).

    Examples
    --------
    >>> from amp_theory import Rademacher
    >>> draw_independent(Rademacher(), 3, np.random.default_rng(0)).tolist()
    [1.0, -1.0, -1.0]
    """
    return sample_posterior(prior.resolved(0.0), np.zeros(number), 0.0, rng)


@draw_independent.register(Density)
def _draw_from_density(prior: Density, number: int, rng: np.random.Generator) -> Array:
    return prior._drawn(number, rng)
