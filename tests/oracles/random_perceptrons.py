"""Random perceptrons by another quadrature: the fields of patterns as Brownian bridges, without the library's code.

Given w0 ~ N(0, q0) a sample's field s has the density N(s; w0, 1 - q0) psi(s)/H(w0), and what is known of it at inner
overlap q is a bridge, w = w0 + r (s - w0) + sqrt((q - q0)(1 - r)) n with r = (q - q0)/(1 - q0): Gauss-Legendre over w0
and s, Gauss-Hermite over n.  Parabolic cylinder functions give H for psi = (s - kappa)_+^a.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import gamma, log_ndtr, pbdv


def panels(ends, nodes):
    """Return Gauss-Legendre nodes and weights on panels between ends, shape (..., ends)."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    ends = np.asarray(ends)
    a, b = ends[..., :-1, None], ends[..., 1:, None]
    shape = (*ends.shape[:-1], -1)
    return (0.5 * (a + b) + 0.5 * (b - a) * x).reshape(shape), (0.5 * (b - a) * w).reshape(shape)


def derivatives(w, v, kappa, a):
    """Return log H, g and g'."""
    x = (w - kappa) / np.sqrt(v)
    if a == 0:
        log_h = log_ndtr(x)
        h = np.exp(-x * x / 2 - log_h) / np.sqrt(2 * np.pi)
    else:
        value, _ = pbdv(-a - 1, -x)
        lower, _ = pbdv(-a, -x)
        log_h = np.log(gamma(a + 1) / np.sqrt(2 * np.pi)) - x * x / 4 + np.log(value) + a / 2 * np.log(v)
        h = lower / value
    return log_h, h / np.sqrt(v), (a - x * h - h * h) / v


def averages(q0, q, kappa, a=0.0):
    """Return <1>, <log H>, <g^2> and <g'^2> at inner overlap q."""
    v0 = 1 - q0
    w0, weight0 = panels(np.linspace(-8.5, 8.5, 10) * np.sqrt(q0), 12)
    weight0 = weight0 * np.exp(-(w0**2) / (2 * q0)) / np.sqrt(2 * np.pi * q0)
    log_h0 = derivatives(w0, v0, kappa, a)[0]
    if q == q0:
        log_h, g, g1 = derivatives(w0, v0, kappa, a)
        return tuple(float(np.sum(weight0 * f)) for f in (np.ones_like(g), log_h, g * g, g1 * g1))
    # the density of s falls from the margin on, faster the further below it w0 is
    slope = np.maximum(kappa - w0, 0.0) / v0
    high = np.maximum(w0, kappa) + 9 * np.sqrt(v0) / (1 + 0.2 * slope * np.sqrt(v0))
    # from the square of a variable, which takes powers of the distance
    t, weight_t = panels(np.sqrt(high - kappa)[:, None] * np.linspace(0, 1, 5), 16)
    s = kappa + t**2
    with np.errstate(divide="ignore"):
        density = np.exp(-((s - w0[:, None]) ** 2) / (2 * v0) - log_h0[:, None]) * t ** (2 * a) * 2 * t
    weight = weight0[:, None] * weight_t * density / np.sqrt(2 * np.pi * v0)
    r = (q - q0) / v0
    n, weight_n = np.polynomial.hermite_e.hermegauss(36)
    w = (w0[:, None] + r * (s - w0[:, None]))[..., None] + np.sqrt((q - q0) * (1 - r)) * n
    weight = weight[..., None] * weight_n / np.sqrt(2 * np.pi)
    log_h, g, g1 = derivatives(w, 1 - q, kappa, a)
    return tuple(float(np.sum(weight * f)) for f in (np.ones_like(g), log_h, g * g, g1 * g1))


def logistic_averages(q0, q, steepness, fineness=1):
    """Return the same averages of psi = 1/(1 + e^{-steepness s}), by plain sums over w0, w and the noise of s."""

    def smoothed(w, v):
        # next to s = 0 as fine as the potential is steep
        away = np.concatenate([np.arange(21) / steepness, 20 / steepness + np.geomspace(0.02, 20.0, 24)])
        s, weight = panels(np.concatenate([-away[:0:-1], away]), 10 * fineness)
        psi = 1 / (1 + np.exp(-steepness * s))
        parts = np.exp(-((s - w[:, None]) ** 2) / (2 * v)) * (weight * psi) / np.sqrt(2 * np.pi * v)
        rest = steepness * (1 - psi)
        h, h1, h2 = parts.sum(axis=1), parts @ rest, parts @ (rest * (rest - steepness * psi))
        return np.log(h), h1 / h, h2 / h - (h1 / h) ** 2

    w0, weight0 = panels(np.linspace(-8.5, 8.5, 25) * np.sqrt(q0), 12 * fineness)
    weight0 = weight0 * np.exp(-(w0**2) / (2 * q0)) / np.sqrt(2 * np.pi * q0)
    w, weight = panels(np.linspace(-10, 10, 41 + 2 * steepness), 10 * fineness)
    log_h, g, g1 = smoothed(w, 1 - q)
    joint = np.exp(-((w - w0[:, None]) ** 2) / (2 * (q - q0)) + log_h - smoothed(w0, 1 - q0)[0][:, None])
    law = weight * (weight0 @ joint) / np.sqrt(2 * np.pi * (q - q0))
    return tuple(float(np.sum(law * f)) for f in (np.ones_like(g), log_h, g * g, g1 * g1))


def tanh_squared(variance):
    """Return E tanh(h)^2 and E sech(h)^4 of h ~ N(0, variance)."""
    h, weight = panels(np.linspace(-9, 9, 41) * np.sqrt(variance), 12)
    weight = weight * np.exp(-(h**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return float(np.sum(weight * np.tanh(h) ** 2)), float(np.sum(weight / np.cosh(h) ** 4))


def spin_overlap(variance, snr):
    """Return Q(D) of a spin with outer field N(0, variance)."""
    h0, weight0 = panels(np.linspace(-9, 9, 41) * np.sqrt(variance), 12)
    weight0 = weight0 * np.exp(-(h0**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    n, weight = panels(np.linspace(-9, 9, 41), 12)
    weight = weight * np.exp(-(n**2) / 2) / np.sqrt(2 * np.pi)
    h = h0[:, None] + np.sqrt(snr) * n
    return 1 - float(np.exp(-snr / 2) * np.sum(weight0[:, None] * weight / np.cosh(h0)[:, None] / np.cosh(h)))


def spherical_base(alpha, kappa):
    """Return q0 of spherical weights."""
    return brentq(lambda q: q / (1 - q) ** 2 - alpha * averages(q, q, kappa)[2], 1e-9, 0.99, xtol=1e-14)


def binary_base(alpha, kappa, a=0.0):
    """Return qh0 and q0 of binary weights."""

    def off(qh):
        q = tanh_squared(qh)[0]
        return qh - alpha * averages(q, q, kappa, a)[2]

    qh = brentq(off, 1e-6, 60.0, xtol=1e-14)
    return qh, tanh_squared(qh)[0]


def gardner(kappa):
    """Return the capacity of spherical weights."""
    x, w = panels(np.linspace(-kappa, 12, 13), 20)
    return 1 / float(np.sum(w * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * (x + kappa) ** 2))


def entropy(alpha, kappa):
    """Return that of binary weights which keep a hard margin."""
    qh, q = binary_base(alpha, kappa)
    h, weight = panels(np.linspace(-9, 9, 41) * np.sqrt(qh), 12)
    weight = weight * np.exp(-(h**2) / (2 * qh)) / np.sqrt(2 * np.pi * qh)
    single = float(np.sum(weight * np.logaddexp(h, -h)))
    return single - qh * (1 - q) / 2 + alpha * averages(q, q, kappa)[1]


def hinge(w, v, kappa):
    """Return log H and g' of psi = exp(-(kappa - s)_+^2/2) in closed form."""
    x, y = (w - kappa) / np.sqrt(v), (w - kappa) / np.sqrt(1 + v)
    below = log_ndtr(-y / np.sqrt(v)) - y * y / 2 - np.log(1 + v) / 2
    log_h = np.logaddexp(log_ndtr(x), below)
    # psi' = (kappa - s) psi below kappa, so that H' = E psi', and H'' = E psi'' = E ((kappa - s)^2 - 1) psi there
    mean, width = (w + v * kappa) / (1 + v) - kappa, np.sqrt(v / (1 + v))
    t = mean / width
    r = np.exp(-t * t / 2 - log_ndtr(-t)) / np.sqrt(2 * np.pi)
    first, second = width * r - mean, mean**2 + width**2 - mean * width * r
    share = np.exp(below - log_h)
    return log_h, share * (second - 1) - (share * first) ** 2, share * first


def hinge_stability(alpha, kappa):
    """Return R(q0) of binary weights with it."""

    def moments(qh):
        q = tanh_squared(qh)[0]
        w, weight = panels(np.linspace(-9, 9, 25) * np.sqrt(q), 16)
        weight = weight * np.exp(-(w**2) / (2 * q)) / np.sqrt(2 * np.pi * q)
        _, g1, g = hinge(w, 1 - q, kappa)
        return float(np.sum(weight * g * g)), float(np.sum(weight * g1 * g1))

    qh = brentq(lambda x: x - alpha * moments(x)[0], 1e-3, 200.0, xtol=1e-13)
    return 1 - alpha * tanh_squared(qh)[1] * moments(qh)[1]


def violated(q0, q, kappa):
    """Return how many hard margins weights drawn one by one, given what is known at q, do not keep."""
    w0, weight0 = panels(np.linspace(-8.5, 8.5, 10) * np.sqrt(q0), 12)
    weight0 = weight0 * np.exp(-(w0**2) / (2 * q0)) / np.sqrt(2 * np.pi * q0)
    w, weight = panels(np.linspace(-9, 9, 25) * np.sqrt(q), 12)
    log_h, g, _ = derivatives(w, 1 - q, kappa, 0)
    joint = -((w - w0[:, None]) ** 2) / (2 * (q - q0)) + log_h - derivatives(w0, 1 - q0, kappa, 0)[0][:, None]
    joint = np.exp(joint) / np.sqrt(2 * np.pi * (q - q0)) * weight0[:, None] * weight
    # their fields have mean w + V g and variance V
    return float(np.sum(joint * np.exp(log_ndtr((kappa - w - (1 - q) * g) / np.sqrt(1 - q)))) / np.sum(joint))


if __name__ == "__main__":
    qh, q = binary_base(0.4, 0.0)
    print("binary, kappa = 0, alpha = 0.4: q0", q, "entropy", entropy(0.4, 0.0))
    print("entropy zero", brentq(lambda x: entropy(x, 0.0), 0.8, 0.86, xtol=1e-12))
    print("capacity", gardner(0.0), gardner(0.5))
    for kappa in (-1.0, -2.0, -2.5):

        def stability(alpha, kappa=kappa):
            q = spherical_base(alpha, kappa)
            return 1 - alpha * (1 - q) ** 2 * averages(q, q, kappa)[3]

        guess = {-1.0: 7.9, -2.0: 62.0, -2.5: 328.0}[kappa]
        print("stability", kappa, brentq(stability, 0.9 * guess, 1.1 * guess, xtol=1e-9))
