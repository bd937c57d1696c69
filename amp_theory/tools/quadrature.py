"""Trapezoidal sums for analytic, decaying integrands: many rows at once, each with an error estimate.

For an integrand analytic in a strip around the real axis the trapezoidal rule errs by
E(step) = A exp(-2 pi a / step), a the half width of the strip (Trefethen and Weideman, SIAM Review 56,
2014, theorem 5.1).  Sums over every second and every fourth node measure E(2 step) and E(4 step), hence
A = E(4 step)^2/E(2 step) and E(step) = E(2 step)^2/A.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from amp_theory.tools.arrays import Array, Bools, Index

Integrand = Callable[[Index, Array], Array]
#: relative error asked of a sum, and how often a row's step is halved to reach it
TARGET = 1e-14
HALVINGS = 5
#: poles of order k multiply the squared error by up to 2^k; the highest order met here is five
POLE_FACTOR = 32.0
#: nodes evaluated together, to bound memory
CHUNK = 12_000


@dataclass(frozen=True)
class Rows:
    """Integration windows: nodes lower + j step up to upper; `half` rows count their first node half."""

    lower: Array
    upper: Array
    step: Array
    half: Bools

    def count(self) -> Index:
        """Return the number of nodes of every row (odd, so that even and odd nodes alternate to the end)."""
        nodes = np.ceil((self.upper - self.lower) / self.step).astype(np.intp)
        return nodes + 1 + nodes % 2


@dataclass(frozen=True)
class _Sums:
    """Sums over a row's even, odd and fourth nodes, and of absolute values over all: arrays (functions, rows)."""

    even: Array
    odd: Array
    fourth: Array
    size: Array

    def error(self) -> Array:
        """Return the error of even + odd."""
        with np.errstate(invalid="ignore", divide="ignore", under="ignore"):
            half = np.abs(self.even - self.odd) / self.size
            quarter = np.abs(4 * self.fourth - 2 * self.even) / self.size
            amplitude = np.minimum(quarter**2 / half, 1.0)
            # never worse than the rule of twice the step, whose error also shows the rounding
            return np.where(half > 0, self.size * np.minimum(POLE_FACTOR * half**2 / amplitude, half), 0.0)


def _batches(count: Index, weight: int) -> Iterator[Index]:
    """Group rows of similar node count, so that little of a rectangular batch is wasted."""
    order = np.argsort(count)
    start = 0
    while start < len(order):
        limit = max(int(1.4 * count[order[start]]), 24)
        stop = int(np.searchsorted(count[order], limit, side="right"))
        largest = max(CHUNK // (weight * int(count[order[stop - 1]])), 1)
        stop = min(stop, start + largest)
        yield order[start:stop]
        start = stop


def trapezoid(
    integrand: Integrand, rows: Rows, measures: Sequence[int], weight: int = 1, owners: Index | None = None
) -> tuple[Array, Array]:
    """Integrate `integrand` over every row by the trapezoidal rule, halving steps until it is accurate.

    Parameters
    ----------
    integrand
        Called with row numbers, shape (r,), and nodes, shape (r, n); returns shape (f, r, n): f
        functions that decay at the ends of the window (except at the first node of a `half` row,
        where they are even).
    rows
        The windows and first steps; a row that needs it gets its step halved in place.
    measures
        For each function the one by whose integral its accuracy is judged: itself where it has one
        sign, else a bound of its size.
    weight
        Memory a node costs, in doubles, to size the batches.
    owners
        Rows of one owner are parts of one integral, by which the accuracy of each is judged.

    Returns
    -------
    sums, errors : arrays of shape (f, rows)
        Integrals and their absolute error estimates (discretisation only, without rounding).
    """
    count = rows.count()
    now = _first_sums(integrand, rows, count, len(measures), weight)
    for halvings in range(HALVINGS + 1):
        sums, errors = (now.even + now.odd) * rows.step, now.error() * rows.step
        whole = sums if owners is None else np.stack([np.bincount(owners, row)[owners] for row in sums])
        bad = np.flatnonzero((errors > TARGET * whole[list(measures)]).any(axis=0))
        if not len(bad) or halvings == HALVINGS:
            break
        # the nodes so far become the even ones, the odd ones lie in the middle between them
        odd, size = _middle_sums(integrand, rows, count, bad, len(measures), weight)
        now.fourth[:, bad] = now.even[:, bad]
        now.even[:, bad] += now.odd[:, bad]
        now.odd[:, bad], now.size[:, bad] = odd, now.size[:, bad] + size
        rows.step[bad] /= 2
        count[bad] = 2 * count[bad] - 1
    return sums, errors


def _first_sums(integrand: Integrand, rows: Rows, count: Index, functions: int, weight: int) -> _Sums:
    """Return the sums over every row's first nodes."""
    now = _Sums(*(np.zeros((functions, len(count))) for _ in range(4)))
    for batch in _batches(count, weight):
        steps = np.arange(count[batch].max())
        nodes = rows.lower[batch, None] + rows.step[batch, None] * steps
        with np.errstate(under="ignore"):
            values = integrand(batch, nodes)
        # beyond its end a window may reach into the next
        values *= steps < count[batch, None]
        values[:, rows.half[batch], 0] *= 0.5
        for target, start, stride in ((now.even, 0, 2), (now.odd, 1, 2), (now.fourth, 0, 4)):
            target[:, batch] = values[:, :, start::stride].sum(axis=-1)
        now.size[:, batch] = np.abs(values).sum(axis=-1)
    return now


def _middle_sums(
    integrand: Integrand, rows: Rows, count: Index, which: Index, functions: int, weight: int
) -> tuple[Array, Array]:
    """Return the sums over the middles between the nodes of the rows `which`, and those of absolute values."""
    sums, size = np.zeros((2, functions, len(which)))
    for batch in _batches(count[which], weight):
        row = which[batch]
        steps = 0.5 + np.arange(count[row].max() - 1)
        with np.errstate(under="ignore"):
            values = integrand(row, rows.lower[row, None] + rows.step[row, None] * steps)
        values *= steps < count[row, None] - 1
        sums[:, batch], size[:, batch] = values.sum(axis=-1), np.abs(values).sum(axis=-1)
    return sums, size
