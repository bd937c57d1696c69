"""Trapezoidal sums for analytic, decaying integrands: many rows at once, each with an error estimate.

For an integrand analytic in a strip around the real axis the trapezoidal rule errs by
E(step) = A exp(-2 pi a / step), a the half width of the strip (Trefethen and Weideman, SIAM Review 56,
2014, theorem 5.1).  Sums over every second and every fourth node measure E(2 step) and E(4 step), hence
A = E(4 step)^2/E(2 step) and E(step) = E(2 step)^2/A.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

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

    def finer(self, which: Index) -> Rows:
        """Return the rows `which` with half the step."""
        return Rows(self.lower[which], self.upper[which], self.step[which] / 2, self.half[which])


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
    integrand: Callable[[Index, Array], Array], rows: Rows, measures: Sequence[int], weight: int = 1
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

    Returns
    -------
    sums, errors : arrays of shape (f, rows)
        Integrals and their absolute error estimates (discretisation only, without rounding).
    """
    sums, errors = sweep(integrand, rows, weight, len(measures))
    for _ in range(HALVINGS):
        bad = np.flatnonzero((errors > TARGET * sums[list(measures)]).any(axis=0))
        if not len(bad):
            break
        finer = rows.finer(bad)
        rows.step[bad] = finer.step
        sums[:, bad], errors[:, bad] = sweep(partial(_select, integrand, bad), finer, weight, len(measures))
    return sums, errors


def _select(integrand: Callable[[Index, Array], Array], which: Index, rows: Index, nodes: Array) -> Array:
    return integrand(which[rows], nodes)


def sweep(integrand: Callable[[Index, Array], Array], rows: Rows, weight: int, functions: int) -> tuple[Array, Array]:
    """Return the trapezoidal sums of so many `functions` and error estimates at the rows' present steps."""
    count = rows.count()
    sums, errors = np.zeros((functions, len(count))), np.zeros((functions, len(count)))
    for batch in _batches(count, weight):
        steps = np.arange(count[batch].max())
        nodes = rows.lower[batch, None] + rows.step[batch, None] * steps
        with np.errstate(under="ignore"):
            values = integrand(batch, nodes)
        values[:, rows.half[batch], 0] *= 0.5
        sums[:, batch] = values.sum(axis=-1)
        errors[:, batch] = _estimate(values)
    return sums * rows.step, errors * rows.step


def _estimate(values: Array) -> Array:
    """Return the error of sums over the last axis, from the sums over every second and every fourth term."""
    even, odd, fourth = (values[:, :, k::n].sum(axis=-1) for k, n in ((0, 2), (1, 2), (0, 4)))
    size = np.abs(values).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore", under="ignore"):
        half, quarter = np.abs(even - odd) / size, np.abs(4 * fourth - 2 * even) / size
        amplitude = np.minimum(quarter**2 / half, 1.0)
        # never worse than the rule of twice the step, whose error also shows the rounding
        return np.where(half > 0, size * np.minimum(POLE_FACTOR * half**2 / amplitude, half), 0.0)
