"""At which strengths a denoiser is asked: panels of a path with nodes of a Kronrod rule, cut where they are too coarse.

The path is cut where equilibrium and uninformed branch part, meet or end, and in between on scales that no denoiser of
discrete variables knows better than.  In every panel a rule of 15 nodes is compared with that of Gauss on 7 of them;
their difference, less what noise explains, says whether halves are needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from amp_theory.phases.accuracy.along import GAUSS, KRONROD, NODES
from amp_theory.phases.accuracy.met import Met
from amp_theory.phases.accuracy.reading import along_stays
from amp_theory.phases.accuracy.stays import apart
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float, told
from amp_theory.trials.denoiser_judgement import TheoryCurves

#: -log of the squared error of discrete variables below which nothing is left to learn
NOTHING = 30.0
#: parts of the path of discrete variables at which panels end, and snr times variance at which those of others do
PARTS_OF_PATH, BETWEEN = (1 / 24, 1 / 6, 5 / 12), (2.5, 10.0)
#: relative and absolute difference of the two rules below which a panel is not cut
RELATIVE, LEAST = 1e-3, 1e-5
#: how often a difference is noise that is taken for one, and nodes at most, in units of those of the first look
CHANCE, MOST_NODES = 0.01, 5


@dataclass(frozen=True)
class PathPart:
    """A part (left, right) in (0, 1) of the stretch between two strengths; if they are one, that strength, unweighted.

    A branch that ends where a stretch stops does so like a square root, and the stretch is stretched accordingly.
    """

    start: float
    stop: float
    ends: bool = False
    left: float = 0.0
    right: float = 1.0

    @property
    def nodes(self) -> tuple[Array, Array, Array]:
        """Internal strengths, their weights, and those less the weights of the Gauss rule."""
        if self.start == self.stop:
            return np.array([self.stop]), np.zeros(1), np.zeros(1)
        half = 0.5 * (self.right - self.left)
        t = 0.5 * (self.left + self.right) - half * NODES
        if np.isinf(self.stop):
            s, speed = self.start * (1 + t / (1 - t)), self.start / (1 - t) ** 2
        else:
            wide = self.stop - self.start
            u, slope = (t * (2 - t), 2 - 2 * t) if self.ends else (t, np.ones_like(t))
            s, speed = self.start + wide * u, wide * slope
        coarse = np.zeros_like(NODES)
        coarse[1::2] = GAUSS
        return s, half * KRONROD * speed, half * (KRONROD - coarse) * speed

    @property
    def halves(self) -> tuple[PathPart, PathPart]:
        """The same part as two panels."""
        middle = 0.5 * (self.left + self.right)
        return replace(self, right=middle), replace(self, left=middle)


def first_panels(met: Met, end_strength: float | None) -> list[PathPart]:
    """Return panels of the path, the last one its end where that can be asked for and is not all there is to know."""
    path, prior = met.eos.path, met.eos.prior
    last, variables = float(path.internal(np.asarray(path.limit))), prior.resolved(0.0)
    cuts: list[float] = []
    if path.strength_is_snr:
        cuts = [x / variables.variance for x in BETWEEN]
        if np.isfinite(prior.entropy):
            last = 8 * NOTHING / float(np.diff(np.sort(variables.means)).min()) ** 2
            least = cuts[0]
            cuts = [x * last for x in PARTS_OF_PATH]
            while cuts[0] > 1.5 * least:
                cuts.insert(0, cuts[0] / 4)
    end = last if end_strength is None else _checked_end(met, end_strength)
    exchanges = {x for pair in apart(met.uninformed, met.equilibrium) for x in pair}
    ends = {stay.stop for stay in met.uninformed}
    places = sorted({0.0, end, *(x for x in {*cuts, *exchanges, *ends} if 0 < x < end)})
    panels = [PathPart(a, b, b in ends and b < end) for a, b in itertools.pairwise(places)]
    open_end = end_strength is None and path.strength_is_snr and np.isfinite(end)
    return [*panels, PathPart(end, end)] if open_end else panels


def _checked_end(met: Met, given: float) -> float:
    """Return the internal strength at which a part of the path ends."""
    path = met.eos.path
    allowed = "> 0 and finite" if np.isinf(path.limit) else f"in (0, {path.limit:g}]"
    value = as_float("end_strength", given, allowed)
    if not 0 < value <= path.limit or np.isinf(value):
        raise InputError(f"end_strength must be {allowed}, got {told(given)}")
    end = float(path.internal(path.check_strength(value)))
    if not end > 0:
        raise InputError(f"end_strength {value:g} is too small for doubles; it must be {allowed}")
    return end


def curves_on(met: Met, panels: Sequence[PathPart]) -> TheoryCurves:
    """Return the strengths of panels, their weights, and what theory says there."""
    path, nodes = met.eos.path, [panel.nodes for panel in panels]
    s, weight, difference = (np.concatenate([node[k] for node in nodes]) for k in range(3))
    q, slope = along_stays(met, met.equilibrium, s, "overlap", "free_entropy_s")
    low, lower = along_stays(met, met.uninformed, s, "overlap", "free_entropy_s")
    loss = slope - lower if path.erases else (q - low) / 2
    apart_here = np.zeros(len(s), dtype=bool)
    for start, stop in apart(met.uninformed, met.equilibrium):
        apart_here |= (s >= start) & (s <= stop)
    entropy = met.eos.prior.entropy - slope if path.erases else np.zeros_like(s)
    starts = np.cumsum([0, *(len(node[0]) for node in nodes[:-1])])
    return TheoryCurves(
        strength=path.public(s), weight=weight, difference=difference, panels=starts, equilibrium=q, uninformed=low,
        loss=np.where(apart_here, loss, 0.0), entropy=entropy,
    )  # fmt: skip


def too_coarse(panels: Sequence[PathPart], each: Array, total: float, left: int) -> list[PathPart]:
    """Return the panels to be cut, the worst first, as many as halves have nodes left.

    `each` is the difference of the two rules for every instance, shape (instances, panels); one instance does not tell
    it from noise.
    """
    many = len(each)
    if many < 2 or not np.isfinite(each).all():
        return []
    noise = stdtrit(many - 1, 1 - CHANCE) * each.std(axis=0, ddof=1) / np.sqrt(many)
    size = np.abs(each.mean(axis=0))
    bad = np.flatnonzero(size > np.maximum(noise, max(RELATIVE * abs(total), LEAST)))
    worst = bad[np.argsort(-size[bad])][: max(left, 0) // (2 * len(NODES))]
    return [panels[k] for k in worst]
