"""An iteration of AMP after its product as a plain loop, which numba compiles: that of values -m, 0 and m.

With t = exp(-m |B|) and z = (p_0/p_m) exp(m^2 A/2) t, weights are in the ratios 1 : z : t^2, and without a value zero
z = 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from amp_theory.tools.arrays import Array
from amp_theory.tools.compiled import compiled


class LoopSetting(NamedTuple):
    """What is the same in all iterations."""

    field: Array  # of side information, (batch, size)
    precision: float  # of side information
    level: float  # log p_0/p_m
    atom: float  # m
    largest: float  # log z/t that does not overflow
    terms: Array  # coefficients and powers of xi, (terms, 2)


@compiled
def _slope(terms: Array, overlap: float) -> float:
    total = 0.0
    for k in range(len(terms)):
        total += terms[k, 0] * terms[k, 1] * overlap ** (terms[k, 1] - 1)
    return total


@compiled
def _curvature(terms: Array, overlap: float) -> float:
    total = 0.0
    for k in range(len(terms)):
        if terms[k, 1] > 1:
            total += terms[k, 0] * terms[k, 1] * (terms[k, 1] - 1) * overlap ** (terms[k, 1] - 2)
    return total


@compiled
def _posterior(b: Array, zero: float, m: float, mean: Array, variance: Array) -> None:
    """Set posterior means and variances at fields b, zero = (p_0/p_m) exp(m^2 A/2)."""
    for i in range(len(b)):
        mean[i] = math.exp(-m * abs(b[i]))
    for i in range(len(b)):
        small = mean[i]
        square, other = small * small, zero * small
        two = 1 + square
        total = two + other
        variance[i] = (4 * square + other * two) * (m * m) / (total * total)
        mean[i] = math.copysign((1 - square) * m / total, b[i])


@compiled
def step(
    b: Array,
    before: Array,
    mean: Array,
    known: Array,
    given: LoopSetting,
    new: Array,
    variance: Array,
    found: Array,
) -> bool:
    """Turn products into fields, in place, set the others of the next iterate; or do nothing and return False.

    Parameters
    ----------
    b, before, mean
        Products, and means before and now, shape (batch, size).
    known
        What `found` was in the iteration before.
    given
        What is the same in all iterations.
    new, variance
        To be set, shape (batch, size).
    found
        To be set, shape (7, batch, 1): averages over variables of m^t m^t, m^t m^{t-1} and v^t; root mean squares of
        fields, of changes of means, and of means; A.
    """
    size, m = b.shape[1], given.atom
    for row in range(len(b)):
        found[6, row, 0] = given.precision + _slope(given.terms, known[0, row, 0])
        if not given.level + (m * m / 2) * found[6, row, 0] <= given.largest:
            return False
    for row in range(len(b)):
        onsager = _curvature(given.terms, known[1, row, 0]) * known[2, row, 0]
        fields, told, last, now = b[row], given.field[row], before[row], mean[row]
        for i in range(size):
            fields[i] = fields[i] - onsager * last[i] + told[i]
        zero = math.exp(given.level + (m * m / 2) * found[6, row, 0])
        _posterior(fields, zero, m, new[row], variance[row])
        taken, spread = new[row], variance[row]
        squares = changes = power = overlap = width = 0.0
        for i in range(size):
            change = taken[i] - now[i]
            squares += fields[i] * fields[i]
            changes += change * change
            power += taken[i] * taken[i]
            overlap += taken[i] * now[i]
            width += spread[i]
        found[0, row, 0] = power / size
        found[1, row, 0] = overlap / size
        found[2, row, 0] = width / size
        found[3, row, 0] = math.sqrt(squares / size)
        found[4, row, 0] = math.sqrt(changes / size)
        found[5, row, 0] = math.sqrt(power / size)
    return True
