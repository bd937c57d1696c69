"""The largest term of the sums that smooth a potential."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amp_theory.tools.arrays import Array

#: steps to the largest term, and how exact in standard deviations
NEWTON, CENTRED = 100, 0.02


def largest_term(logarithm: Callable[[Array], tuple[Array, Array, Array]], w: Array, v: Array) -> Array:
    """Return about where f(w + r) - r^2/(2 V) is largest, arrays (...): r - V f'(w + r) rises, with a slope above one.

    It is a number carried by itself: next to w it has its own digits.
    """
    w, v = np.broadcast_arrays(w, v)
    r, last = np.zeros(w.shape), np.full(w.shape, np.inf)
    close, low, high = CENTRED * np.sqrt(v), np.full(w.shape, -np.inf), np.full(w.shape, np.inf)
    for _ in range(NEWTON):
        _, f1, f2 = logarithm(w + r)
        value = r - v * f1
        if np.all(np.abs(value) <= close):
            break
        # the root lies between r and V f'(w + r), which falls
        low = np.maximum(low, np.where(value < 0, r, r - value))
        high = np.minimum(high, np.where(value > 0, r, r - value))
        step = -value / (1 - v * f2)
        step = np.where(np.abs(step) <= 0.5 * last, step, 0.5 * (low + high) - r)
        r, last = r + step, np.abs(step)
    return r
