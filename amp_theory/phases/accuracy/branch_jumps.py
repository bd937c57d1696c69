"""Where the answers of a denoiser jump along a path: branches that end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amp_theory.tools.arrays import Array

#: changes that are looked into, in units of the largest answer, and of those on both sides; parts, and how often
SEEN, STEEPER, PARTS, ROUNDS = 0.004, 1.3, 12, 5
#: what is left of a change in the interval's largest part where it is no jump
SMOOTH = 0.4


def jumps(
    answer: Callable[[Array], Array], strength: Array, largest: float, values: Array
) -> list[tuple[float, float]]:
    """Return short intervals of strength over which an answer jumps, from its values at ascending ones."""
    found = []
    steps = np.abs(np.diff(values))
    beside = np.maximum(np.append(0.0, steps[:-1]), np.append(steps[1:], 0.0))
    for k in np.flatnonzero(steps > np.maximum(SEEN * largest, STEEPER * beside)):
        ends, height = strength[k : k + 2], abs(float(values[k + 1] - values[k]))
        for _ in range(ROUNDS):
            inner = np.linspace(ends[0], ends[1], PARTS + 1)
            change = np.abs(np.diff(answer(inner)))
            here = int(change.argmax())
            if change[here] < SMOOTH * height:
                break
            ends, height = inner[here : here + 2], float(change[here])
        else:
            found.append((float(ends[0]), float(ends[1])))
    return found
