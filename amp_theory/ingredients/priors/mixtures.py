"""Gaussian mixtures, their posterior given a noisy observation, and the integrands of the scalar channel.

The prior is P0(s) = sum_k p_k N(s; s_k, v_k) (v_k = 0: an atom), the observation y = sqrt(x) s + z with
z ~ N(0, 1), x the signal-to-noise ratio.  Given component k, y ~ N(sqrt(x) s_k, 1 + x v_k); the posterior
of s has component weights pi_k(y), component means m_k = s_k + sqrt(x) v_k (y - sqrt(x) s_k)/(1 + x v_k)
and component variances t_k = v_k/(1 + x v_k).  With c_k = m_k - <s>,

    Var = sum_k pi_k (c_k^2 + t_k),   kappa_3 = sum_k pi_k (c_k^3 + 3 t_k c_k).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.tools.arrays import EPS, Array, Index

#: log Z beyond which log Z and Z lose nothing by their definitions
LARGE = 3.0


@dataclass(frozen=True, eq=False)
class Components:
    """Components of a mixture as arrays that broadcast to (components, rows, nodes).

    probabilities p_k, level log p_k, means s_k and variances v_k (None: all are atoms).
    """

    probabilities: Array
    level: Array
    means: Array
    variances: Array | None


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture sum_k p_k N(s_k, v_k), arrays of shape (components,), p normalised."""

    probabilities: Array
    means: Array
    variances: Array

    @cached_property
    def mean(self) -> float:
        """E s, exactly zero where it is zero up to the rounding of atoms that have no mirror image."""
        terms = self.probabilities * self.means
        image = (self.means == -self.means[:, None]) & (self.probabilities == self.probabilities[:, None])
        rest = terms[~image.any(axis=0)]
        mean = math.fsum(rest)
        return 0.0 if abs(mean) <= 8 * EPS * float(np.abs(rest).sum()) else mean

    @cached_property
    def second_moment(self) -> float:
        """E s^2, the paper's rho."""
        return float(self.probabilities @ (self.means**2 + self.variances))

    @cached_property
    def centred(self) -> Mixture:
        """The law of s - E s; its means keep their digits where E s is large next to the distances between them."""
        if self.symmetric:
            return self
        distance = self.means - self.means[np.argmax(self.probabilities)]
        return Mixture(self.probabilities, distance - math.fsum(self.probabilities * distance), self.variances)

    @cached_property
    def variance(self) -> float:
        """Var s."""
        return float(self.probabilities @ (self.centred.means**2 + self.variances))

    @cached_property
    def size(self) -> float:
        """Largest second moment of a component."""
        return float(np.max(self.means**2 + self.variances))

    @cached_property
    def atoms(self) -> bool:
        """Whether the prior is discrete."""
        return not np.any(self.variances > 0)

    @cached_property
    def contrast(self) -> float:
        """Largest over smallest distance between the means, 1 if there are none."""
        gaps = np.diff(np.sort(self.means))
        gaps = gaps[gaps > 0]
        return float(gaps.sum() / gaps.min()) if len(gaps) else 1.0

    @cached_property
    def symmetric(self) -> bool:
        """Whether s and -s have the same law."""
        here = np.lexsort((self.probabilities, self.variances, self.means))
        there = np.lexsort((self.probabilities, self.variances, -self.means))
        return (
            np.array_equal(self.means[here], -self.means[there])
            and np.array_equal(self.variances[here], self.variances[there])
            and np.array_equal(self.probabilities[here], self.probabilities[there])
        )

    @cached_property
    def entropy(self) -> float:
        """H(p), the entropy of the component label in nats, to full relative accuracy."""
        p = np.sort(self.probabilities)
        log = np.append(np.log(p[:-1]), np.log1p(-p[:-1].sum()))
        return float(-(p @ log))

    @cached_property
    def components(self) -> Components:
        """The components in a shape that broadcasts against (rows, nodes)."""
        p, s, v = (a[:, None, None] for a in (self.probabilities, self.means, self.variances))
        return Components(p, np.log(p), s, None if self.atoms else v)

    @cached_property
    def pairs(self) -> tuple[Index, Index]:
        """All pairs of components."""
        first, second = np.triu_indices(len(self.means), 1)
        return first, second

    @cached_property
    def log_distances(self) -> Array:
        """Logarithm of the distance of every pair of atoms; with widths distances change, and are taken as equal."""
        first, second = self.pairs
        return np.log(np.abs(self.means[second] - self.means[first])) if self.atoms else np.zeros(len(first))


@dataclass(frozen=True, eq=False)
class Nodes(Mixture):
    """Nodes of a quadrature that stand for a density: no values, and good for observations up to some precision.

    finest is the largest precision for which nodes of this density can be had.
    """

    finest: float


@dataclass(frozen=True, eq=False)
class Moments:
    """Posterior moments at nodes of shape (rows, nodes)."""

    mean: Array
    between: Array  # sum_k pi_k c_k^2
    within: Array  # T = sum_k pi_k t_k
    third: Array  # kappa_3
    within_second: Array  # sum_k pi_k t_k^2 - T^2
    within_third: Array  # sum_k pi_k t_k^3 - T^3


def moments(pi: Array, m: Array, tau: Array | None, reference: Array) -> Moments:
    """Central moments of weights pi, means m, variances tau (None for atoms), all (components, rows, nodes).

    Means are taken relative to `reference`, the mean of the heaviest component, so that light components
    keep their digits.
    """
    d = m - reference
    shift = (pi * d).sum(axis=0)
    c = d - shift
    pc2 = pi * c * c
    between = pc2.sum(axis=0)
    third = (pc2 * c).sum(axis=0)
    if tau is None:
        zero = np.zeros_like(between)
        return Moments(reference + shift, between, zero, third, zero, zero)
    within = (pi * tau).sum(axis=0)
    third += 3 * (pi * c * tau).sum(axis=0)
    e2 = pi * (tau - within) ** 2
    return Moments(reference + shift, between, within, third, e2.sum(axis=0), (e2 * (tau + 2 * within)).sum(axis=0))


def posterior(components: Components, x: Array, reference: Array, t: Array) -> tuple[Array, Array, Moments]:
    """Log f(y) (without 1/sqrt(2 pi)), H(pi) and the moments at y = sqrt(x) reference + t.

    x and reference have shape (rows,), t (rows, nodes).  Deviations y - sqrt(x) s_k are formed as
    sqrt(x) (reference - s_k) + t, so that far from the origin no digits are lost.
    """
    s, v, level = components.means, components.variances, components.level
    root = np.sqrt(x)[:, None]
    deviation = root * (reference[:, None] - s) + t
    m, tau = s, None
    if v is None:
        log_weight = level - 0.5 * deviation * deviation
    else:
        total = 1 + x[:, None] * v
        log_weight = level - 0.5 * np.log(total) - deviation * deviation / (2 * total)
        m, tau = s + (root * v / total) * deviation, v / total
    top = np.arange(len(s))[:, None, None] == log_weight.argmax(axis=0)
    highest = log_weight.max(axis=0)
    log_weight -= highest
    weight = np.exp(log_weight)
    others = np.where(top, 0.0, weight).sum(axis=0)
    pi = weight / (1 + others)
    log_sum = np.log1p(others)
    label_entropy = log_sum - (pi * np.maximum(log_weight, -1e4)).sum(axis=0)
    best = np.where(top, m, 0.0).sum(axis=0)
    return highest + log_sum, label_entropy, moments(pi, m, tau, best)


def expectations(density: Array, post: Moments) -> list[Array]:
    """Integrands of mmse, M', M'' and of the size of M''."""
    var = post.between + post.within
    cube, square = 2 * var * var * var, post.third * post.third
    return [density * var, density * var * var, density * (square - cube), density * (square + cube)]


def expm1_minus(u: Array) -> Array:
    """Return e^u - 1 - u without cancellation."""
    near = np.abs(u) < 0.1
    small = np.where(near, u, 0.0)
    series = np.ones_like(u)
    for n in range(10, 2, -1):
        series *= small / n
        series += 1
    return np.where(near, 0.5 * small * small * series, np.expm1(u) - u)


def entropy_gap(delta: Array) -> Array:
    """Return (1 + delta) log(1 + delta) - delta without cancellation (1 at delta = -1)."""
    near = np.abs(delta) < 0.05
    small = np.where(near, delta, 0.0)
    series = np.zeros_like(delta)
    for n in range(13, 1, -1):
        series *= -small
        series += 1.0 / (n * (n - 1))
    far = np.maximum(np.where(near, 1.0, delta), -1 + EPS)
    return np.where(near, small * small * series, (1 + far) * np.log1p(far) - far)


def small_integrand(components: Components, x: Array, y: Array) -> Array:
    """Integrands of psi, M, mmse, M', M'' and the size of M'', without cancellation at small x.

    With u_k = log f_k(y)/g(y), g = N(0, 1), and d = Z - 1 = sum_k p_k (e^{u_k} - 1),
    psi = E_g[(1 + d) log(1 + d) - d] and M = E_g[(sum_k p_k e^{u_k} m_k)^2/(1 + d)]; sum_k p_k u_k is summed
    in closed form for a centred law, E s = 0, so that its mean cancels exactly.  x has shape (rows,), y (rows, nodes).
    """
    p, s = components.probabilities, components.means
    snr = x[:, None]
    root = np.sqrt(snr)
    tau: Array | None = None
    if components.variances is None:
        drift: Array | float = 0.0
        constant = 0.5 * snr * s * s
        u = root * s * y - constant
        linear = -(p * constant).sum(axis=0)
        m = s
    else:
        v = components.variances
        total = 1 + snr * v
        tau = v / total
        drift = -snr * (p * s * tau).sum(axis=0)
        quadratic = 0.5 * snr * tau
        constant = 0.5 * np.log1p(snr * v) + 0.5 * snr * s * s / total
        u = (quadratic * y + root * s / total) * y - constant
        linear = ((p * quadratic).sum(axis=0) * y + root * drift) * y - (p * constant).sum(axis=0)
        s = s / total
        m = s + root * tau * y
    rest = expm1_minus(u)
    delta = linear + (p * rest).sum(axis=0)
    weight = p * np.exp(u)
    # where Z = 1 + d is small only plain sums keep its digits
    small = delta < -0.5
    z = np.where(small, weight.sum(axis=0), 1 + delta)
    signal = np.where(small, (weight * s).sum(axis=0), drift + (p * (rest + u) * s).sum(axis=0))
    if tau is not None:
        signal = signal + root * y * (weight * tau).sum(axis=0)
    post = moments(weight / z, m, tau, signal / z)
    gauss = np.exp(-0.5 * y * y)
    psi, overlap = gauss * entropy_gap(delta), gauss * signal * signal / z
    return np.stack([psi, overlap, *expectations(gauss * z, post)])


def sparse_integrand(components: Components, x: Array, reference: Array, t: Array) -> Array:
    """Integrands of psi and M of a centred law at y = sqrt(x) reference + t, shapes as for `posterior`.

    The small differences keep their digits where Z is small, the definitions where it is large.
    """
    y = np.sqrt(x)[:, None] * reference[:, None] + t
    log_density, _, post = posterior(components, x, reference, t)
    large = log_density + 0.5 * y * y > LARGE
    small = small_integrand(components, x, np.where(large, 0.0, y))[:2]
    if not large.any():
        return small
    return np.where(large, defining_integrands(log_density, np.exp(log_density), post, y)[:2], small)


def defining_integrands(log_density: Array, density: Array, post: Moments, y: Array) -> Array:
    """Return the integrands of psi, M, mmse, M', M'' and the size of M'' from the posterior at y."""
    null = -0.5 * y * y
    # Z log Z - Z + 1 with Z = f/g has the integral psi and is nowhere negative
    log_z = log_density - null
    gap = np.exp(null) * entropy_gap(np.expm1(np.minimum(log_z, 1.0)))
    psi = np.where(log_z < 1, gap, density * (log_z - 1) + np.exp(null))
    return np.stack([psi, density * post.mean**2, *expectations(density, post)])
