r"""The response of a door, the label |z| <= kappa: of both labels, or of the constraint that it holds.

With q + d = 1, a = (kappa - omega)/sqrt(d), b = (kappa + omega)/sqrt(d), n and H the normal density and
distribution function, and E = n(b)/n(a) = exp(-2 kappa omega/d),

    f = Z(inside) = H(a) + H(b) - 1,   sqrt(d) f' = -n(a) (1 - E),   d f'' = -n(a) (a + b E),
    d^(3/2) f''' = n(a) [(b^2 - 1) E - (a^2 - 1)],                   Z(outside) = 1 - f.

All is divided by n(a), as N(omega; 0, q) n(a) = sqrt(d) n(kappa) N(omega; kappa q, q d) puts the integrals where
a label changes: exact for every d, and for labels however rare.
"""

from __future__ import annotations

import math

import numpy as np

from amp_theory.ingredients.outputs.sign_and_abs import ROUNDING, inverse_mills, relative
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.quadrature import Rows, trapezoid

#: reach of the integrals in units of the width of N(omega; kappa q, q d), and their first step
REACH, STEP = 9.7, 0.6
#: up to this width of the door, in units of sqrt(d), f is integrated over the door
NARROW = 2.0
#: an overlap or a gap next to nothing
TINY = 1e-60
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def door_response(kappa: float, overlap: Array, gap: Array) -> tuple[Array, Array]:
    """Return R, R', R'' and their relative error of the label inside, and of the label outside.

    Parameters
    ----------
    kappa
        The margin, in units of the square root of the second moment.
    overlap, gap
        q and d >= 0, shape (n,), with q + d = 1.

    Returns
    -------
    inside, outside : arrays of shape (4, n)
        E phi_1^2, E phi_2^2, E[phi_3^2 - 2 phi_2^3] of the events |z| <= kappa and |z| > kappa.
    """
    q, d = np.maximum(overlap, TINY), np.maximum(gap, TINY)
    width, centre = np.sqrt(q * d), kappa * np.sqrt(q / d)
    # f'^2/f inside the door is of order n(a)^2, which N(omega; 0, q) puts further out
    end = np.maximum(2 * kappa * q / (2 * q + d) - kappa * q, 0.0) / width + REACH
    start = np.maximum(-centre, -REACH)

    def integrand(rows: Index, u: Array) -> Array:
        r, g = q[rows, None], d[rows, None]
        # next to the edge of the door a keeps its digits only in the local coordinate u
        a = kappa * np.sqrt(g) - np.sqrt(r) * u
        omega = np.maximum(kappa * r + np.sqrt(r * g) * u, 0.0)
        return np.exp(-0.5 * u * u) * np.concatenate(_terms(kappa, omega, a, g))

    rows = Rows(start, end, np.full(len(q), STEP), start == -centre)
    sums, errors = trapezoid(integrand, rows, (0, 1, 2, 3, 4, 5, 6, 7, 9, 9), weight=4)
    scale = 2 * math.exp(-kappa * kappa / 2) / (2 * math.pi)
    with np.errstate(divide="ignore", over="ignore"):
        power = scale / np.sqrt(gap) ** np.array([1, 3, 5])[:, None]
    return _gather(sums[:5], errors[:5], power, kappa), _gather(sums[5:], errors[5:], power, kappa)


def _gather(sums: Array, errors: Array, power: Array, kappa: float) -> Array:
    """Return R, R', R'' and their relative error of one label from the integrals of `_label`."""
    first, second, square, cube, _ = sums
    size = square + 2 * np.abs(cube)
    error = relative(np.stack([errors[0], errors[1], errors[2] + 2 * errors[3]]), np.stack([first, second, size]))
    with np.errstate(over="ignore"):
        values = np.stack([first, second, square - 2 * cube]) * power
    # moments of rare labels cancel like kappa^2
    return np.stack([*values, error + ROUNDING + 4 * EPS * kappa**2])


def _terms(kappa: float, omega: Array, a: Array, d: Array) -> tuple[Array, Array]:
    """Return the terms of both labels over n(a), derivatives in units of 1/sqrt(d)."""
    root = np.sqrt(d)
    b = (kappa + omega) / root
    exponent = 2 * kappa * omega / d
    less = np.expm1(-exponent)
    ratio = np.exp(-exponent)
    near = exponent < 1  # where the two ends of the door cancel
    second = -np.where(near, 2 * kappa / root + b * less, a + b * ratio)
    third = np.where(near, 2 * exponent + (b * b - 1) * less, (b * b - 1) * ratio - (a * a - 1))
    inside, outside = _likelihoods(kappa, a, b, ratio, root)
    return _label(inside, less, second, third), _label(outside, -less, -second, -third)


def _likelihoods(kappa: float, a: Array, b: Array, ratio: Array, root: Array) -> tuple[Array, Array]:
    """Return f/n(a) and (1 - f)/n(a)."""
    outside = 1 / inverse_mills(-a) + ratio / inverse_mills(-b)
    with np.errstate(over="ignore"):
        whole = math.sqrt(2 * math.pi) * np.exp(np.minimum(a * a / 2, 690.0))
    # outside the door f is the difference of its two ends' tails, inside it is what they leave
    inside = np.where(a > 0, whole - outside, 1 / inverse_mills(np.minimum(a, 0)) - ratio / inverse_mills(-b))
    narrow = np.broadcast_to(2 * kappa <= NARROW * root, a.shape)
    if narrow.any():
        size = np.broadcast_to(2 * kappa / root, a.shape)[narrow][:, None]
        y = 0.5 * size * (1 + _NODES)
        inside[narrow] = (0.5 * size * _WEIGHTS * np.exp(y * (a[narrow][:, None] - 0.5 * y))).sum(axis=1)
    return inside, outside


def _label(z: Array, z1: Array, z2: Array, z3: Array) -> Array:
    """Return Z times phi_1^2, phi_2^2, phi_3^2, phi_2^3 and a bound of |phi_2|^3, from Z and its derivatives."""
    phi1 = z1 / z
    phi2 = z2 / z - phi1 * phi1  # a variance less one
    phi3 = z3 / z - phi1 * (3 * phi2 + phi1 * phi1)
    square = phi2 * phi2
    return z * np.stack([phi1 * phi1, square, phi3 * phi3, square * phi2, square * (2 + phi2)])
