"""From overlap to overlap at one intensity: what has been told, and whether the state is stable.

The overlap is the coordinate, and x = xi'(q) the snr.  From q to the next the fields spread by the step of the snr,
and then so much is told that the overlap is the next.  Where xi''(q) S > 1 less than nothing would have to be told:
no fixed point is there, and the march goes on without telling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.ingredients.couplings.base import GeneralCoupling
from amp_theory.ingredients.priors.base import Prior
from amp_theory.phases.revealing.field_density import FieldDensity
from amp_theory.phases.revealing.orders import RULES, sech
from amp_theory.tools.arrays import Array

#: where the first fixed point is looked for
GRID = 400
#: powers of the number of a step with which overlaps grow
LEAST_POWER, MOST_POWER = 0.2, 2.0


@dataclass(frozen=True)
class March:
    """What was found at the overlaps of a march: all arrays have one entry for an overlap.

    feedback is xi''(q) S, hidden the fraction of hidden spins, entropy theirs, each by itself; edge that of `orders`.
    """

    overlap: Array
    snr: Array
    feedback: Array
    hidden: Array
    entropy: Array
    edge: Array


def first_overlap(coupling: GeneralCoupling, prior: Prior, intensity: float) -> float:
    """Return the overlap that the other variables provide if nothing is told, M(xi'(q)) = q: the least such q."""
    from scipy.optimize import brentq

    def ahead(overlap: float) -> float:
        q = np.array([overlap])
        return float(prior.table(coupling.signal(np.array(intensity), q, 1 - q)).overlap[0]) - overlap

    grid = np.concatenate([[1e-9], np.linspace(0, 1, GRID)[1:-1]])
    if ahead(1e-9) <= 0:
        return 0.0
    values = prior.table(coupling.signal(np.array(intensity), grid, 1 - grid)).overlap - grid
    behind = np.flatnonzero(values <= 0)
    if not len(behind):
        return float(grid[-1])
    k = int(behind[0])
    return float(brentq(ahead, grid[k - 1], grid[k], xtol=1e-15))


def overlaps_of(coupling: GeneralCoupling, intensity: float, start: float, end: float, steps: int) -> Array:
    """Return overlaps from the start to the end, about evenly in the fourth root of the snr where it starts at zero.

    Fields of zero snr spread as its root, and the first to be told are few.
    """
    power = 1.0
    if start == 0:
        q, lam = np.array([end]), np.array(intensity)
        gap = 1 - q
        rise = float((q * coupling.curvature(lam, q, gap) / coupling.signal(lam, q, gap))[0])
        power = float(np.clip(4 / rise, LEAST_POWER, MOST_POWER))
    return np.asarray(start + (end - start) * np.linspace(0, 1, steps + 1) ** power)


def march(coupling: GeneralCoupling, prior: Prior, intensity: float, order: str, overlaps: Array) -> March:
    """Go through ascending overlaps, of which the first is that where nothing is told."""
    gaps = 1 - overlaps
    snr = coupling.signal(np.array(intensity), overlaps, gaps)
    curvature = coupling.curvature(np.array(intensity), overlaps, gaps)
    start = FieldDensity.before(float(snr[0]))
    rows = [(start.average(3), start.hidden, start.entropy(), 0.0)]
    # nothing is told before the first step, whose kernel spreads one point
    density, edge = FieldDensity.before(0.0), 0.0
    for k in range(1, len(overlaps)):
        step = float(snr[k]) - density.snr
        density, edge = RULES[order](density, step, float(gaps[k]), sech, edge)
        rows.append((density.average(3), density.hidden, density.entropy(), edge))
    slope, hidden, entropy, edges = np.array(rows).T
    return March(overlaps, snr, curvature * slope, hidden, entropy, edges)
