"""Which branches a sampler and the equilibrium stay on along the path, and what the free entropies of two differ by.

The efficient denoiser follows the uninformed branch until that ends and the next one above takes over; equilibrium
follows the largest free entropy.  Strengths are internal ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.geometry.branches import close_pairs, follow
from amp_theory.phases.geometry.geometry import MERGED, Branch, Coexistence
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.fixed_points import far_enough
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import NumericalError

#: relative distance from the strength at which a branch ends within which rounding decides on which side one is
AT_END = 1e-12


@dataclass(frozen=True)
class Stay:
    """A branch of one isotherm, and the strengths (start, stop) between which something stays on it."""

    branch: Branch
    start: float
    stop: float


def uninformed_stays(branches: list[Branch]) -> list[Stay]:
    """Return where the uninformed branch is: the first at zero strength, and what takes over wherever it ends."""
    return _to_the_end(branches, Stay(branches[0], 0.0, branches[0].stop))


def equilibrium_stays(iso: Coexistence, number: int = 0) -> list[Stay]:
    """Return where the branch of largest free entropy is, on isotherm `number`.

    Next to a tricritical point, where branches that coexist cannot be told apart, it changes where the lower one ends.
    """
    branches = iso.branches[number]
    jumps = [(float(iso.strength[jump.index]), branches[jump.c]) for jump in iso.crossings[number]]
    starts = [(0.0, branches[iso.first[number]]), *jumps]
    found = [Stay(branch, start, stop) for (start, branch), (stop, _) in pairwise(starts)]
    start, branch = starts[-1]
    return [*found, *_to_the_end(branches, Stay(branch, start, branch.stop))]


def _to_the_end(branches: list[Branch], stay: Stay) -> list[Stay]:
    """Return a stay that lasts as long as its branch, and those on what takes over wherever a branch ends."""
    found = [stay]
    while np.isfinite(found[-1].stop) and found[-1].branch.dies is not None:
        end, here = found[-1].stop, branches.index(found[-1].branch)
        above = [b for b in branches[here + 1 :] if b.start <= end * (1 + MERGED) and end < b.stop]
        if not above:
            raise NumericalError(f"no branch takes over where the uninformed one ends, at strength {end:.6g}")
        found.append(Stay(above[0], end, above[0].stop))
    # at the algorithmic point the lower branch ends at zero strength itself
    return [stay for stay in found if stay.start < stay.stop]


def apart(uninformed: list[Stay], equilibrium: list[Stay]) -> list[tuple[float, float]]:
    """Return the intervals of strength in which the two are on different branches."""
    found: list[tuple[float, float]] = []
    for u in uninformed:
        for e in equilibrium:
            start, stop = max(u.start, e.start), min(u.stop, e.stop)
            if u.branch is e.branch or start >= stop:
                continue
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((start, stop))
    return found


def points_on(
    eos: EquationOfState, branch: Branch, intensity: float, strength: Array, guess: Array | None = None
) -> Surface:
    """Return the fixed points of a branch at strengths > 0 within its range, shape (n,), near guessed coordinates."""
    lam = np.full(strength.shape, intensity)
    if branch.recovered:
        return eos.recovered(lam, strength)
    z = np.full(strength.shape, np.nan)
    if branch.born is not None:
        z[np.abs(strength - branch.start) <= AT_END * branch.start] = branch.lower
    if np.isfinite(branch.stop):
        z[np.abs(strength - branch.stop) <= AT_END * branch.stop] = branch.upper
    inside = np.flatnonzero(np.isnan(z))
    lam, s = lam[inside], strength[inside]
    least, most = eos.coordinate_bounds(lam, s)
    lower, upper = np.maximum(branch.lower, least), np.minimum(branch.upper, most)
    if np.isinf(branch.upper) and eos.open_ended:
        upper = far_enough(eos, lam, s, upper, np.ones(s.shape, dtype=bool))
    z[inside] = follow(eos, lam, s, lower, upper, guess=None if guess is None else guess[inside])
    return eos.surface(z, strength)


def lead(eos: EquationOfState, intensity: float, strength: float, b: Branch, c: Branch) -> tuple[float, float]:
    """Return phi_c - phi_b of two branches at one strength, and a bound on its error."""
    s, lam = np.array([strength]), np.array([intensity])
    null = strength == 0 and b.lower == 0 and eos.symmetric and intensity <= eos.start
    upper = points_on(eos, c, intensity, s)
    bound = SAFETY * float(eos.errors(upper).free_entropy[0])
    if null:
        return float(_level(upper, lam)[0]), bound
    lower = points_on(eos, b, intensity, s)
    if not c.recovered and close_pairs(lower, upper)[0]:
        bound = SAFETY * float(eos.difference_error(lower, upper)[0])
        return float(eos.free_entropy_difference(lam, lower, upper)[0]), bound
    errors = eos.errors(lower)
    bound += SAFETY * float(errors.free_entropy[0])
    if strength == b.stop:  # where a branch ends is known only so well
        moved = float((errors.signal / np.abs(lower.drift))[0]) + EPS * strength
        bound += SAFETY * moved * abs(float(eos.gain(lower, upper)[0]))
    return float(_level(upper, lam)[0] - _level(lower, lam)[0]), bound


def _level(f: Surface, intensity: Array) -> Array:
    """Return phi at the intensity that is meant: where coordinates are roots it differs from the surface's."""
    if np.isinf(f.coordinate[0]):
        return f.free_entropy
    return np.asarray(f.free_entropy - 0.5 * f.scaled_ratio * f.residual(intensity))
