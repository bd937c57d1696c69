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
#: marches end here, or nearer to one where that is not beyond all that is unstable
END = 0.97
#: halvings of an overlap between zero and one, below its rounding
HALVINGS = 56


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


def last_overlap(coupling: GeneralCoupling, intensity: float, start: float) -> float:
    """Return an overlap beyond which all is stable: xi'' grows, and times what is left, a bound on S, is a half."""
    steepest = float(coupling.curvature(np.array(intensity), np.array(1.0), np.array(0.0)))
    return max(1 - min(1 - END, 0.5 / steepest), 0.5 * (1 + start))


def overlaps_of(coupling: GeneralCoupling, intensity: float, start: float, end: float, steps: int) -> Array:
    """Return overlaps from the start to the end, evenly in the fourth root of the snr.

    Fields of zero snr spread as its root, and the first to be told are few.
    """
    lam = np.array(intensity)
    first, last = (float(coupling.signal(lam, np.array(q), np.array(1 - q))) for q in (start, end))
    snr = np.linspace(first**0.25, last**0.25, steps + 1) ** 4
    low, high = np.full(steps + 1, start), np.full(steps + 1, end)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        below = coupling.signal(lam, middle, 1 - middle) < snr
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    overlaps: Array = 0.5 * (low + high)
    overlaps[[0, -1]] = start, end
    return overlaps


def march(
    coupling: GeneralCoupling, prior: Prior, intensity: float, order: str, overlaps: Array, most: float = np.inf
) -> March:
    """Go through ascending overlaps, of which the first is that where nothing is told, until the feedback is `most`."""
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
        if curvature[k] * rows[-1][0] > most:
            break
    slope, hidden, entropy, edges = np.array(rows).T
    gone = slice(len(rows))
    return March(overlaps[gone], snr[gone], curvature[gone] * slope, hidden, entropy, edges)
