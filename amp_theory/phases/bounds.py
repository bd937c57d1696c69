"""What a comparison of samplers says of any path of independent information, and of any denoiser.

One path that works is enough for success.  Failure begins at the best point, or at the bound for all denoisers, and
ends where the flow's uninformed branch ends at zero strength: an overlap q that no information makes stable lies
between two overlaps at which zero strength has a fold.  Over that interval the intensities at which xi''(q) S = 1, and
those I_0(q) at which zero strength alone has the overlap q, are continuous and enclose all that fails; the largest
I_0(q) belongs to the fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amp_theory.models.base import Model
from amp_theory.phases.comparison import Certainty
from amp_theory.phases.optimal.best_path import BestPath
from amp_theory.phases.optimal.known import EXACT, NUMERICAL, SEARCHED
from amp_theory.tools.results import Located

Interval = tuple[float, float]


@dataclass(frozen=True)
class Failing:
    """An interval of the intensity in which something fails, how sure that is, and why."""

    lo: float
    hi: float
    certainty: Certainty
    reason: str


@dataclass(frozen=True)
class Bounds:
    """Where all paths of independent information fail, and where all denoisers do.

    `reached` is the intensity up to which a path without a name seems to work, 0 where none is known.
    """

    product: tuple[Failing, ...]
    denoiser: tuple[Failing, ...]
    reached: float


def passed_by_none(coexisting: Sequence[Interval]) -> tuple[Failing, ...]:
    """Return the intervals in which several branches exist at zero strength as failures of every denoiser.

    State evolution rises in all overlaps and in what is told, so that information only raises it: where it rises
    above q at zero strength, between two branches, q is no fixed point.  That holds of variables of two kinds, too.
    """
    second = "a second branch exists at zero strength, which no denoiser of single variables passes"
    return tuple(Failing(lo, hi, "bound", second) for lo, hi in coexisting)


def failures(
    model: Model, found: BestPath, ends: Mapping[str, Sequence[Interval]], coexisting: Sequence[Interval]
) -> Bounds:
    """Return the intervals of failure, given those of paths by name and those of two branches at zero strength."""

    def beyond(point: Located | None, who: str, certainty: Certainty = "bound") -> tuple[Failing, ...]:
        if point is None:
            return ()
        start = float(model.intensity(np.array(point.control)))
        stops = [hi for lo, hi in ends["flow"] if lo <= start <= hi]
        reason = f"{who} is stable at all overlaps (bound of best_path)"
        return (Failing(start, min(stops), certainty, reason),) if stops else ()

    def along(name: str, reason: str, certainty: Certainty) -> tuple[Failing, ...]:
        return tuple(Failing(lo, hi, certainty, reason) for lo, hi in ends[name])

    two = passed_by_none(coexisting)
    best = found.attained_by
    if best is not None and found.certainty.get("any_denoiser") == EXACT:
        denoiser = along(best, f"no denoiser is more stable than {best}, which crosses a transition", "bound")
    else:
        denoiser = beyond(found.any_denoiser, "no denoiser of single variables")
    if best is not None:
        product = along(best, f"{best}, the best path of its kind, crosses a first-order transition", "conjecture")
    else:
        searched = found.certainty.get("best") == SEARCHED
        who = "no path of independent information" + (" that was found" if searched else "")
        product = beyond(found.best, who, "heuristic" if searched else "bound")
    reached = 0.0
    if found.best is not None and best is None and found.certainty["best"] == NUMERICAL:
        reached = float(model.intensity(np.array(found.best.control)))
    return Bounds((*product, *denoiser, *two), (*denoiser, *two), reached)
