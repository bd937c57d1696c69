"""How far the iterates of state evolution are from their limit.

Dense models iterate a number, and the map q -> T(q) = G(xi'(q), s) increases.  If T(q - d) > q - d and
T(q + d) < q + d, by more than rounding, a fixed point lies between, and the iteration ends there.  A small step alone
proves nothing: it is small next to an unstable fixed point, and in the bottleneck that two vanished ones leave behind.

Sparse models iterate a law, of which the overlap is one number.  There the distance is taken as step/(1 - rate), with
the largest of the last ratios of steps that rounding leaves; in a bottleneck the rate is so close to one that no such
distance is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from amp_theory.tools.arrays import EPS, Array

#: largest relative error of an overlap that counts as converged where rounding hides more digits
ROUNDED = 1e-9
#: relative steps below which it is worth asking how far the limit is
SMALL_STEP = 1e-11
#: rounding of overlaps in density evolution, and steps of this size after which it is left alone
ROUNDING, STILL = 32 * EPS, 10
#: how many ratios of steps tell a rate
RATIOS = 3
#: at (q, rho - q): T(q) - q, T'(q), and a bound on the rounding error of the first
Step = Callable[[Array, Array], tuple[Array, Array, Array]]


def error_of_number(
    step: Step, overlap: Sequence[float], gap: Sequence[float], tolerance: float, may_be_known: bool
) -> float:
    """Return a bound on the distance of the last overlap from the limit, infinite if it is not known well enough.

    Parameters
    ----------
    step
        The map that is iterated; see `Step`.
    overlap, gap
        q and rho - q of all iterates, the last of which have changed.
    tolerance
        Largest error, relative to q and to rho - q; to q alone where the limit may be rho.
    may_be_known
        Whether the limit may be rho: rho - q then shrinks without end.
    """
    q, rest = overlap[-1], gap[-1]
    moved = _last_step(overlap, gap)
    open_end = may_be_known and q >= overlap[-2]
    part = q if open_end else min(q, rest)
    if moved == 0 and min(q, rest) == 0:
        return 0.0  # no overlap, or all of it, exactly
    if moved > max(tolerance, SMALL_STEP) * part:
        return math.inf
    if open_end and rest <= tolerance * part:
        return rest
    return _settled(*_bracketed(step, q, rest, moved, max(tolerance, ROUNDED) * part), moved, tolerance, part)


def error_of_law(overlap: Sequence[float], gap: Sequence[float], tolerance: float) -> float:
    """Return what `error_of_number` does where the overlap is one number of a law, which is known to rounding of one.

    Parameters
    ----------
    overlap, gap
        q and rho - q of all iterates.
    tolerance
        Largest error, relative to q.
    """
    moved = _last_step(overlap, gap)
    if moved == 0 and min(overlap[-1], gap[-1]) == 0:
        return 0.0
    if moved > max(tolerance, SMALL_STEP) * overlap[-1]:
        return math.inf
    return _settled(_by_rate(overlap), ROUNDING, moved, tolerance, overlap[-1])


def law_stalled(overlap: Sequence[float]) -> bool:
    """Tell whether an iteration moves by rounding only, where the overlap is not all of its state."""
    return len(overlap) > STILL and float(np.abs(np.diff(overlap[-STILL:])).max()) <= ROUNDING / 4


def _last_step(overlap: Sequence[float], gap: Sequence[float]) -> float:
    return abs(gap[-2] - gap[-1] if gap[-1] < overlap[-1] else overlap[-1] - overlap[-2])


def _settled(error: float, rounding: float, moved: float, tolerance: float, part: float) -> float:
    """Return the error if it is small enough, or as small as rounding lets it be, else infinity."""
    rounded = moved <= 2 * rounding and error <= ROUNDED * part
    return error if error <= tolerance * part or rounded else math.inf


def _bracketed(step: Step, q: float, rest: float, moved: float, allowed: float) -> tuple[float, float]:
    """Return the distance d within which the limit is bracketed, and the rounding error of one step.

    d is twice what the slope T' at q predicts; it is infinite if T' >= 1, if d is more than `allowed`, or if rounding
    decides.
    """
    _, slope, rounding = step(np.array([q]), np.array([rest]))
    error, rate = float(rounding[0]), float(slope[0])
    d = (2 * moved * rate + 4 * error) / (1 - rate) if rate < 1 else math.inf
    if not d <= allowed:
        return math.inf, error
    inside = np.array([q - d > 0, rest - d > 0])
    q_ends, gap_ends = (np.array(ends)[inside] for ends in ((q - d, q + d), (rest + d, rest - d)))
    change, _, rounding = step(q_ends, gap_ends)
    inwards = np.array([1.0, -1.0])[inside] * change
    return d if bool(np.all(inwards > rounding)) else math.inf, error


def _by_rate(overlap: Sequence[float]) -> float:
    """Return twice step/(1 - rate) from the last steps, infinite for a rate that is not below one."""
    step = np.abs(np.diff(overlap))
    if not np.any(step):
        return 0.0  # from the start on, exactly
    size = np.maximum(step, ROUNDING)
    ratios = (size[1:] / size[:-1])[size[:-1] > ROUNDING]
    rate = float(ratios[-RATIOS:].max()) if len(ratios) else 1.0
    return 2 * float(size[-1]) / (1 - rate) if rate < 1 else math.inf
