"""Special points of orders of revealing that depend on what is known already.

The tricritical point is the control beyond which the path stays stable at all overlaps: where the largest xi''(q) S
along it is one (phases.revealing).  Points at zero strength have no order.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.phases.points.zero_strength import control_error
from amp_theory.phases.revealing.marginal import STEPS, Search
from amp_theory.tools.progress import stage
from amp_theory.tools.results import Located, Origin, Thresholds

#: what is told at the point, by order
_TOLD = {
    "most-confident": "largest |field| revealed first", "most-uncertain": "smallest |field| revealed first",
    "greedy-floor": "smallest |field| lifted to a common one, nothing revealed: the least slope of all "
    "schemes that tell of single spins and take nothing back",
}  # fmt: skip


@lru_cache(maxsize=64)
def marginal_point(model: Model, path: Path) -> Located | str:
    """Return where an order by confidence is marginal first, or why it never is."""
    assert model.coupling is not None
    with stage("marginal control of %r along %r", model, path):
        found = Search(model.coupling, model.variable_prior, path.order).marginal()
    if found is None:
        return "xi''(q) S has no maximum of one on this path: it meets no first-order transition"
    control = float(model.from_intensity(np.array(found.intensity)))
    intensity_error, overlap_error, revealed_error = found.errors
    errors = {
        model.control: control_error(model, found.intensity, intensity_error), path.strength: revealed_error,
        "overlap": overlap_error,
    }  # fmt: skip
    how = (
        f"largest xi''(q) S along the path is one, {_TOLD[path.order]}; extrapolated from {', '.join(map(str, STEPS))} "
        "steps; exact within replica symmetry"
    )
    revealed = max(found.revealed, 0.0)
    return Located(control, found.overlap, errors, model.control, revealed, path.strength, how=how)


def by_confidence(model: Model, path: Path, random: Thresholds) -> Thresholds:
    """Return the special points along an order by confidence, from those of the random order."""
    found = marginal_point(model, path)
    reasons = {name: text for name, text in random.reasons.items() if name != "tricritical"}
    if isinstance(found, str):
        return replace(random, tricritical=None, further_tricritical=(), reasons=reasons | {"tricritical": found})
    point = replace(found, origin=Origin(model, path, "tricritical"))
    return replace(random, tricritical=point, further_tricritical=(), reasons=reasons)
