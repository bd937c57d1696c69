"""The least slope that any adaptive side information allows for unbiased spins: the floor.

At snr x a hidden spin has the field h ~ N(x s, x), whose even, tilted density is nu(h) = N(h; 0, x) e^(-x/2): averages
of even functions are int nu cosh.  Side information that may depend on all fields takes Var = sech^2 h to something of
smaller average, given h.  Of all that leave the average 1 - q, E Var^2 is least where the largest are lowered to a
common one, sech^2 c:

    int_{|h|>c} nu sech + sech^2(c) P = 1 - q,   S = int_{|h|>c} nu sech^3 + sech^4(c) P,   P = int_{|h|<c} nu cosh.

xi''(q) S < 1 is necessary for every adaptive scheme; whether one attains it is not known.
"""

from __future__ import annotations

import numpy as np

from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.roots import solve_bracketed

#: nodes of a Gauss rule, enough for the poles of sech at i pi/2 beside a window of 25; e^-CUT is negligible
NODES, CUT = 128, 38.0
#: standard deviations beyond which a normal density is negligible
FAR = 9.0

_nodes, _weights = np.polynomial.legendre.leggauss(NODES)


def floor_slopes(gap: Array, snr: Array) -> Array:
    """Return the least slope of adaptive side information at uncertainties 1 - q <= 1 - M(x), snrs x of shape (n,)."""
    reach = np.arccosh(gap**-0.5)

    def uncertainty(field: Array, which: Index) -> tuple[Array, Array]:
        """Return (e - (1 - q))/(1 - q) at the floor `field`, and its slope."""
        below = _below(field, snr[which])
        lowered = np.cosh(field) ** -2.0
        value = _above(field, snr[which], 1) + lowered * below
        return value / gap[which] - 1, -2 * lowered * np.tanh(field) * below / gap[which]

    # a floor above arccosh(1/sqrt(1 - q)) alone would leave less
    field = solve_bracketed(uncertainty, np.zeros(gap.shape), reach + 1e-9, False, noise=16 * EPS)
    return np.asarray(_above(field, snr, 3) + np.cosh(field) ** -4.0 * _below(field, snr))


def _below(field: Array, snr: Array) -> Array:
    """Return P(|h| < c): by the same rule, as importing an error function would take longer than all the rest."""
    far = FAR * np.sqrt(snr)
    low, high = np.clip(snr - far, 0, field), np.minimum(snr + far, field)
    half = 0.5 * (high - low)
    h, x = low[:, None] + half[:, None] * (1 + _nodes), snr[:, None]
    density = np.exp(-((h - x) ** 2) / (2 * x)) + np.exp(-((h + x) ** 2) / (2 * x))
    return np.asarray(half * (density @ _weights) / np.sqrt(2 * np.pi * snr))


def _above(field: Array, snr: Array, power: int) -> Array:
    """Return the integral of nu sech^power over |h| > c."""
    # nu sech falls like e^(-h^2/(2 x) - h)
    end = np.maximum(2 * CUT / (1 + np.sqrt(1 + 2 * CUT / snr)), field)
    half = 0.5 * (end - field)
    h = field[:, None] + half[:, None] * (1 + _nodes)
    density = np.exp(-(h**2) / (2 * snr[:, None]) - snr[:, None] / 2) / np.sqrt(2 * np.pi * snr[:, None])
    return np.asarray(2 * half * ((density * np.cosh(h) ** -float(power)) @ _weights))
