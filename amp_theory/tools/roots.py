"""Safeguarded Newton iteration on many brackets at once.

scipy.optimize.elementwise.find_root also solves arrays of brackets, without derivatives; here the
derivative is at hand and one evaluation is a quadrature, so Newton steps inside the bracket need about a
third of the evaluations (tests/benchmarks/test_roots.py measures both).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amp_theory.tools.arrays import Array, Bools, Index
from amp_theory.tools.errors import NumericalError

EPS = float(np.finfo(float).eps)
ITERATIONS = 200

Function = Callable[[Array, Index], tuple[Array, Array]]


def solve_bracketed(
    function: Function,
    lower: Array,
    upper: Array,
    rising: Bools | bool,
    guess: Array | None = None,
    absolute: Array | float = 0.0,
    noise: Array | float = 0.0,
) -> Array:
    """Find the zero of a function in every bracket [lower, upper], where it has exactly one sign change.

    Parameters
    ----------
    function
        Called with positions and the numbers of their brackets; returns values and slopes.  Infinite and
        NaN values are allowed away from the zero: +inf counts as positive, NaN as negative.
    lower, upper
        Ends of the brackets, shape (n,).  The function is not evaluated there unless led to.
    rising
        Whether the function goes from negative to positive.
    guess
        Where to start; the middle by default.
    absolute
        Absolute accuracy of the positions that is enough, besides a few units of rounding.
    noise
        Values up to this size cannot be told from zero, because of the rounding they carry.

    Raises
    ------
    NumericalError
        If a bracket holds no change of sign, or has not converged after many bisections (`partial` holds
        the positions).
    """
    lo, hi = np.array(lower, dtype=float), np.array(upper, dtype=float)
    lower, upper = lo.copy(), hi.copy()
    sign = np.where(np.broadcast_to(rising, lo.shape), 1.0, -1.0)
    middle = 0.5 * (lo + hi)
    x = middle if guess is None else np.where((guess > lo) & (guess < hi), guess, middle)
    previous = hi - lo
    enough, floor = np.broadcast_to(absolute, lo.shape), np.broadcast_to(noise, lo.shape)
    active = np.arange(len(lo))
    for _ in range(ITERATIONS):
        with np.errstate(all="ignore"):
            value, slope = function(x[active], active)
            value = sign[active] * value
            above = value > 0
            hi[active] = np.where(above, x[active], hi[active])
            lo[active] = np.where(above, lo[active], x[active])
            step = -value / (sign[active] * slope)
            proposal = x[active] + step
        left, right = lo[active], hi[active]
        # a Newton step must stay inside and be at most half the step before, else bisect
        inside = (proposal >= left) & (proposal <= right) & np.isfinite(slope)
        last = previous[active]
        good = inside & (np.abs(step) <= 0.5 * last)
        # small steps that no longer shrink are rounding: close the bracket by stepping over the zero
        over = x[active] + np.copysign(8 * np.maximum(np.abs(step), last), step)
        stuck = inside & ~good & (last < 1e-3 * (right - left)) & (over > left) & (over < right)
        middle = 0.5 * (left + right)
        solved = np.abs(value) <= floor[active]
        new = np.where(solved, x[active], np.where(good, proposal, np.where(stuck, over, middle)))
        moved = np.abs(new - x[active])
        previous[active] = np.where(good | stuck, moved, right - left)
        x[active] = new
        tolerance = enough[active] + 4 * EPS * np.abs(new)
        finished = (moved <= tolerance) | (right - left <= tolerance)
        converged = solved | (np.isfinite(slope) & (np.abs(step) <= tolerance))
        one_sided = (lo[active] == lower[active]) | (hi[active] == upper[active])
        suspects = active[finished & ~converged & one_sided]
        if len(suspects):
            _check_signs(function, suspects, lower, upper, sign, floor, x)
        active = active[~finished]
        if not len(active):
            return x
    k = active[0]
    raise NumericalError(
        f"{len(active)} of {len(x)} roots did not converge after {ITERATIONS} steps, the first between "
        f"{lo[k]:.10g} and {hi[k]:.10g}",
        partial=x,
    )


def _check_signs(
    function: Function, which: Index, lower: Array, upper: Array, sign: Array, noise: Array, x: Array
) -> None:
    """Raise a `NumericalError` if the function does not change sign in the brackets `which`."""
    with np.errstate(all="ignore"):
        below, above = (sign[which] * function(end[which], which)[0] for end in (lower, upper))
    lost = (below > noise[which]) | (above < -noise[which])
    if np.any(lost):
        k = which[np.flatnonzero(lost)[0]]
        raise NumericalError(
            f"{lost.sum()} of {len(x)} brackets hold no change of sign, the first from {lower[k]:.10g} to "
            f"{upper[k]:.10g}",
            partial=x,
        )
