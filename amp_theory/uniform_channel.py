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

from dataclasses import dataclass

import numpy as np

from amp_theory.quadrature import Array, Index, Rows, sweep

#: e^-CUT cuts the integrals off, e^-STRIP is their discretisation error up to a power of the step
CUT, STRIP = 39.0, 48.0


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
    root = np.sqrt(np.abs(y))
    safe = np.maximum(root, 1e-3)
    ratio = np.arctanh(np.minimum(safe, 1 - 1e-16)) / safe
    if np.any(y < 0):
        ratio = np.where(y > 0, ratio, np.arctan(safe) / safe)
    return np.where(root < 1e-3, 1 + y * (1 / 3 + y * (1 / 5 + y / 7)), ratio)


def uniform_channel(x: Array, v: Array, with_entropy: bool = True) -> UniformValues:
    """Evaluate the channel at x >= 0 and v < 1, arrays of one shape; x = 0 is taken as x = 1e-300.

    Without `with_entropy` the free entropies are left zero.
    """
    shape = np.shape(x)
    x = np.maximum(np.ravel(x), 1e-300)
    v = np.ravel(v)
    strip = np.minimum(np.pi / 2, np.sqrt(2 * STRIP * x))
    step = 2 * np.pi * strip / (STRIP + strip**2 / (2 * x))
    upper = np.where(x < 1, x + np.sqrt(2 * CUT * x), np.sqrt(x * (x + 2 * CUT)) - x)
    rows = Rows(np.zeros_like(x), upper, step, np.ones(len(x), dtype=bool))
    end = _atanh_ratio(v)

    def integrand(r: Index, h: Array) -> Array:
        xr, vr = x[r, None], v[r, None]
        e = np.exp(-2 * h)
        density = np.exp(h - (h * h / xr + xr) / 2) * (1 + e) / np.sqrt(2 * np.pi * xr)
        t2 = (np.expm1(-2 * h) / (1 + e)) ** 2
        c = 4 * e / (1 + e) ** 2
        y, rest = vr * t2, 1 - vr
        d = rest + vr * c
        u = c / d
        u2 = u * u
        slope = rest * rest * u2 * (1 + 3 * y) / d
        cubes = (rest * u) ** 3 * (1 + 10 * y + 5 * y * y) / (d * d)
        mixed = rest * u2 / (d * d) * (3 * rest * t2 * (d + 1 + 3 * y) - 2 * (1 + 3 * y) * d)
        functions = [rest * u, (xr < 1) * (t2 + vr - 2 * y) / d, u2, mixed, cubes, slope]
        if with_entropy:
            # both tend to constants at large |h|, which are added back in closed form
            ratio, limit = _atanh_ratio(y), end[r, None]
            functions += [y * ratio - vr * limit + 0.5 * np.log1p(vr * c / rest), 0.5 * (t2 * ratio - limit)]
        return np.asarray(density * np.stack(functions))

    sums, _ = sweep(integrand, rows, 2, 8 if with_entropy else 6, estimate=False)
    gap, direct, overlap_v, mixed, cubes, slope, *rest = sums
    entropy, growth = rest if with_entropy else (np.zeros_like(x), np.zeros_like(x))
    values = (
        np.where(x < 1, direct, 1 - gap),
        gap,
        slope,
        4 * slope - 6 * cubes,
        overlap_v,
        mixed,
        entropy + v * end + 0.5 * np.log1p(-v),
        growth + 0.5 * end,
    )
    return UniformValues(*(value.reshape(shape) for value in values))
