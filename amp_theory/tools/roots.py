"""Safeguarded Newton iteration, bisection, and a search without derivatives, on many brackets at once.

scipy.optimize.elementwise.find_root also solves arrays of brackets, without derivatives; mostly the
derivative is at hand and one evaluation is a quadrature, so Newton steps inside the bracket need about a
third of the evaluations (tests/benchmarks/test_roots.py measures both).  Where it is not, `crossings` does
what find_root does, without the third of a second that importing that takes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import NumericalError

ITERATIONS = 200
#: how many times the noise a value of the wrong sign may be at the end of a bracket
ENDS = 8

Function = Callable[[Array, Index], tuple[Array, Array]]


def bisected(below: Callable[[Array], Bools], low: Array, high: Array, steps: int = 60) -> tuple[Array, Array]:
    """Halve brackets of any shape: `below` tells where their lower ends may move to, and is asked at their middles.

    Examples
    --------
    >>> low, high = bisected(lambda x: x * x < np.array([2.0, 9.0]), np.zeros(2), np.full(2, 4.0))
    >>> bool(np.all((low**2 < [2, 9]) & (high**2 >= [2, 9]) & (high - low < 1e-15)))
    True
    """
    for _ in range(steps):
        middle = 0.5 * (low + high)
        left = below(middle)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return low, high


def crossings(
    function: Callable[[Array, Index], Array],
    lower: Array,
    upper: Array,
    relative: float = 4 * EPS,
    absolute: float = 0.0,
) -> Array:
    """Return where a function changes sign in every bracket, NaN where its ends have one sign or no value.

    `function` is called with positions and the numbers of their brackets.  Steps are those of inverse quadratic
    interpolation where that can be trusted, else of bisection (T. R. Chandrupatla, Adv. Eng. Softw. 28, 145, 1997).

    Examples
    --------
    >>> crossings(lambda x, which: x * x - np.array([2.0, 9.0])[which], np.zeros(2), np.full(2, 2.0))
    array([1.41421356,        nan])
    """
    every = np.arange(len(lower))
    a, b, fa, fb = lower.copy(), upper.copy(), function(lower, every), function(upper, every)
    c, fc, part = a.copy(), fa.copy(), np.full(len(lower), 0.5)
    found = np.full(len(lower), np.nan)
    active = np.flatnonzero(fa * fb <= 0)
    for _ in range(ITERATIONS):
        if not len(active):
            return found
        x = a[active] + part[active] * (b[active] - a[active])
        value = function(x, active)
        same = np.sign(value) == np.sign(fa[active])
        c[active], fc[active] = np.where(same, a[active], b[active]), np.where(same, fa[active], fb[active])
        swapped = active[~same]
        b[swapped], fb[swapped] = a[swapped], fa[swapped]
        a[active], fa[active] = x, value
        f, g, h, p, q, r = (of[active] for of in (fa, fb, fc, a, b, c))
        best = np.where(np.abs(f) < np.abs(g), p, q)
        with np.errstate(all="ignore"):
            least = (relative * np.abs(best) + absolute) / np.abs(q - p)
            xi, phi = (p - q) / (r - q), (f - g) / (h - g)
            trusted = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            quadratic = f / (g - f) * h / (g - h) + (r - p) / (q - p) * f / (h - f) * g / (h - g)
            part[active] = np.clip(np.where(trusted, quadratic, 0.5), least, 1 - least)
        done = (least > 0.5) | (f == 0) | (g == 0)
        found[active[done]] = best[done]
        active = active[~done]
    raise NumericalError(f"{len(active)} of {len(lower)} changes of sign were not found", partial=found)


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
    search = _Search(function, lower, upper, rising, absolute, noise)
    search.begin(guess)
    active = np.arange(len(search.x))
    for _ in range(ITERATIONS):
        if not len(active):
            return search.x
        active = search.step(active)
    if not len(active):
        return search.x
    k = active[0]
    raise NumericalError(
        f"{len(active)} of {len(search.x)} roots did not converge after {ITERATIONS} steps, the first between "
        f"{search.lo[k]:.10g} and {search.hi[k]:.10g}",
        partial=search.x,
    )


class _Search:
    """Positions in brackets that shrink; arguments as of `solve_bracketed`."""

    def __init__(
        self, function: Function, lower: Array, upper: Array, rising: Bools | bool, absolute: Array | float,
        noise: Array | float,
    ) -> None:  # fmt: skip
        self.function = function
        self.lo, self.hi = np.array(lower, dtype=float), np.array(upper, dtype=float)
        self.lower, self.upper = self.lo.copy(), self.hi.copy()
        shape = self.lo.shape
        self.sign = np.where(np.broadcast_to(rising, shape), 1.0, -1.0)
        self.enough, self.noise = np.broadcast_to(absolute, shape), np.broadcast_to(noise, shape)
        self.x: Array = 0.5 * (self.lo + self.hi)
        self.previous: Array = self.hi - self.lo

    def begin(self, guess: Array | None) -> None:
        """Begin at the guesses that lie in their brackets."""
        if guess is not None:
            self.x = np.where((guess > self.lo) & (guess < self.hi), guess, self.x)

    def step(self, active: Index) -> Index:
        """Move the positions `active` once, and return those that have not converged."""
        lo, hi, x, previous = self.lo, self.hi, self.x, self.previous
        with np.errstate(all="ignore"):
            value, slope = self.function(x[active], active)
            value = self.sign[active] * value
            above = value > 0
            hi[active] = np.where(above, x[active], hi[active])
            lo[active] = np.where(above, lo[active], x[active])
            step = -value / (self.sign[active] * slope)
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
        solved = np.abs(value) <= self.noise[active]
        new = np.where(solved, x[active], np.where(good, proposal, np.where(stuck, over, middle)))
        moved = np.abs(new - x[active])
        previous[active] = np.where(good | stuck, moved, right - left)
        x[active] = new
        tolerance = self.enough[active] + 4 * EPS * np.abs(new)
        finished = (moved <= tolerance) | (right - left <= tolerance)
        converged = solved | (np.isfinite(slope) & (np.abs(step) <= tolerance))
        one_sided = (lo[active] == self.lower[active]) | (hi[active] == self.upper[active])
        self.check_signs(active[finished & ~converged & one_sided])
        return np.asarray(active[~finished])

    def check_signs(self, which: Index) -> None:
        """Raise a `NumericalError` if the function does not change sign in the brackets `which`."""
        if not len(which):
            return
        with np.errstate(all="ignore"):
            below, above = (self.sign[which] * self.function(x[which], which)[0] for x in (self.lower, self.upper))
        # at an end that is a fold, rounding of the fold itself comes on top
        noise = ENDS * self.noise[which]
        lost = (below > noise) | (above < -noise)
        if np.any(lost):
            k = which[np.flatnonzero(lost)[0]]
            raise NumericalError(
                f"{lost.sum()} of {len(self.x)} brackets hold no change of sign, the first from {self.lower[k]:.10g} "
                f"to {self.upper[k]:.10g}",
                partial=self.x,
            )
