"""Smoothed potentials at evenly spaced fields: blocks of neighbours share their sum over s, a matrix product.

With f = log psi, of a block with middle w_b whose integrand is largest at s_b, and c_b = (s_b - w_b)/V,

    H(w_b + x; V) = e^{c_b x - V c_b^2/2} int dy e^{f(s_b + y) - c_b y} N(y; x, V),

where nothing is large or small: all blocks have one Gaussian matrix N over x and y, and only f changes between them.
Averages of f' and f'' are taken from c_b and f''(s_b), which leaves no cancellation.
"""

from __future__ import annotations

import numpy as np

from amp_theory.ingredients.outputs.largest_term import largest_term
from amp_theory.ingredients.outputs.potentials import DEVIATIONS, STEP, Smoothed, SmoothPotential
from amp_theory.tools.arrays import Array

#: length of a block in units of sqrt(V), about where a longer matrix costs as much as more blocks
SPAN = 8.0
#: steps in units of the scale of the potential: a block shares what is left of its sum, which does not average out
FINE = 0.25
#: what is averaged is 1, d, d^2, d^3, e, d e, y and e y, with d = f' - c_b and e = f'' - f''(s_b): of what all but the
#: first are multiples
FROM = (0, 1, 2, 0, 1, 0, 4)


def smoothed_on_lattice(
    potential: SmoothPotential, start: Array, step: Array, count: int, variance: Array
) -> Smoothed:  # fmt: skip
    """Return log H and its derivatives at `count` distances from every start on, arrays (n,) -> (n, count)."""
    root = np.sqrt(variance)
    size = min(count, 1 + int(SPAN * float(np.min(root / step))))
    blocks = -(-count // size)
    x = step[:, None] * (np.arange(size) - 0.5 * (size - 1))
    spacing = np.minimum(STEP * root, FINE * potential.scale) * potential.fine
    half = int(np.max(np.ceil((DEVIATIONS * root + x[:, -1]) / spacing)))
    y = spacing[:, None] * np.arange(-half, half + 1)
    middle = (start - x[:, 0])[:, None] + (size * step)[:, None] * np.arange(blocks)
    moved = largest_term(potential.logarithm, middle, variance[:, None])
    pull = moved / variance[:, None]
    f, f1, f2 = potential.logarithm(middle[:, None, :] + (moved[:, None, :] + y[:, :, None]))
    curved = f2[:, half, :]
    exponent = f - pull[:, None, :] * y[:, :, None]
    most = np.max(exponent, axis=1)
    table = np.empty((len(root), 1 + len(FROM), *exponent.shape[1:]))
    p, d, e = table[:, 0], f1 - pull[:, None, :], f2 - curved[:, None, :]
    np.exp(exponent - most[:, None, :], out=p)
    for k, (column, factor) in enumerate(zip(FROM, (d, d, d, e, e, y[..., None], y[..., None]), strict=True)):
        np.multiply(table[:, column], factor, out=table[:, k + 1])
    gaussian = np.exp(-((x[:, :, None] - y[:, None, :]) ** 2) / (2 * variance)[:, None, None])
    # shape (n, columns, size, blocks) -> (columns, n, blocks, size)
    sums = (gaussian[:, None] @ table).transpose(1, 0, 3, 2)
    norm, (d1, d2, d3, e1, de, y1, ey) = sums[0], sums[1:] / sums[0]
    pull, curved, v = pull[..., None], curved[..., None], variance[:, None, None]
    log_h = np.log(norm * (spacing / np.sqrt(2 * np.pi) / root)[:, None, None]) + most[..., None]
    log_h += pull * x[:, None, :] - 0.5 * v * pull**2
    third = d3 - 3 * d1 * d2 + 2 * d1**3 + 2 * (de - d1 * e1) + (ey - e1 * y1) / v
    found = (log_h, pull + d1, curved + e1 + d2 - d1**2, third)
    return Smoothed(*(a.reshape(len(root), -1)[:, :count] for a in found))
