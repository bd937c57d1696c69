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
from collections.abc import Sequence

import numpy as np

from amp_theory.equations_of_state import EquationOfState
from amp_theory.mixtures import EPS
from amp_theory.quadrature import Array

#: largest relative error of an overlap that counts as converged where rounding hides more digits
ROUNDED = 1e-9
#: relative steps below which it is worth asking how far the limit is
SMALL_STEP = 1e-11
#: rounding of overlaps in density evolution, and steps of this size after which it is left alone
ROUNDING, STILL = 32 * EPS, 10
#: how many ratios of steps tell a rate
RATIOS = 3


def error_of_last(
    eos: EquationOfState,
    intensity: float,
    strength: float,
    overlap: Sequence[float],
    gap: Sequence[float],
    tolerance: float,
) -> float:
    """Return a bound on the distance of the last overlap from the limit, infinite if it is not known well enough.

    Parameters
    ----------
    eos
        The equation of state.
    intensity, strength
        Where: intensity and internal strength.
    overlap, gap
        q and rho - q of all iterates, the last of which have changed.
    tolerance
        Largest error, relative to q, of dense models also to rho - q, unless the limit may be rho.
    """
    q, rest = overlap[-1], gap[-1]
    step = abs(gap[-2] - rest if rest < q else q - overlap[-2])
    if step == 0 and min(q, rest) == 0:
        return 0.0  # no overlap, or all of it, exactly
    # where the limit may be rho, rho - q shrinks without end; laws on a grid know it to rounding of one only
    sparse = eos.model.sparse
    open_end = not sparse and eos.coupling.singularity is not None and q >= overlap[-2]
    part = q if sparse or open_end else min(q, rest)
    if step > max(tolerance, SMALL_STEP) * part:
        return math.inf
    if open_end and rest <= tolerance * part:
        return rest
    if sparse:
        error, rounding = _by_rate(overlap), ROUNDING
    else:
        error, rounding = _bracketed(eos, intensity, strength, q, rest, step, max(tolerance, ROUNDED) * part)
    rounded = step <= 2 * rounding and error <= ROUNDED * part
    return error if error <= tolerance * part or rounded else math.inf


def stalled(overlap: Sequence[float], gap: Sequence[float], sparse: bool) -> bool:
    """Whether state evolution repeats itself, or, where the overlap is not all of its state, moves by rounding only."""
    if sparse:
        return len(overlap) > STILL and float(np.abs(np.diff(overlap[-STILL:])).max()) <= ROUNDING / 4
    return overlap[-1] == overlap[-2] and gap[-1] == gap[-2]


def _bracketed(
    eos: EquationOfState, intensity: float, strength: float, q: float, rest: float, step: float, allowed: float
) -> tuple[float, float]:
    """Return the distance d within which the limit is bracketed, and the rounding error of one step.

    d is twice what the slope T' at q predicts; it is infinite if T' >= 1, if d is more than `allowed`, or if rounding
    decides.
    """
    _, slope, rounding = _step(eos, intensity, strength, np.array([q]), np.array([rest]))
    error, rate = float(rounding[0]), float(slope[0])
    d = (2 * step * rate + 4 * error) / (1 - rate) if rate < 1 else math.inf
    if not d <= allowed:
        return math.inf, error
    inside = np.array([q - d > 0, rest - d > 0])
    q_ends, gap_ends = (np.array(ends)[inside] for ends in ((q - d, q + d), (rest + d, rest - d)))
    change, _, rounding = _step(eos, intensity, strength, q_ends, gap_ends)
    inwards = np.array([1.0, -1.0])[inside] * change
    return d if bool(np.all(inwards > rounding)) else math.inf, error


def _step(eos: EquationOfState, intensity: float, strength: float, q: Array, gap: Array) -> tuple[Array, Array, Array]:
    """Return T(q) - q, T'(q), and a bound on the rounding error of T(q) - q."""
    lam, s, coupling = np.full(q.shape, intensity), np.full(q.shape, strength), eos.coupling
    signal = coupling.signal(lam, q, gap)
    z = eos.path.coordinate(signal, s)
    r = eos.path.response(eos.prior, z, s)
    change = np.where(gap < q, gap - r.gap, r.overlap - q)
    slope = r.overlap_z * coupling.curvature(lam, q, gap)
    argument = (4 * EPS + coupling.relative_error) * signal + 4 * EPS * np.abs(z)
    given = 2 * EPS * (np.minimum(q, gap) if coupling.resolves_gap else q)
    rounding = (r.relative_error + 4 * EPS) * np.minimum(r.overlap, r.gap) + r.overlap_z * argument
    return change, slope, rounding + slope * given


def _by_rate(overlap: Sequence[float]) -> float:
    """Return twice step/(1 - rate) from the last steps, infinite for a rate that is not below one."""
    step = np.abs(np.diff(overlap))
    if not np.any(step):
        return 0.0  # from the start on, exactly
    size = np.maximum(step, ROUNDING)
    ratios = (size[1:] / size[:-1])[size[:-1] > ROUNDING]
    rate = float(ratios[-RATIOS:].max()) if len(ratios) else 1.0
    return 2 * float(size[-1]) / (1 - rate) if rate < 1 else math.inf
