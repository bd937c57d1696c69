"""How far every path with a name works, for comparison with the best that there could be."""

from __future__ import annotations

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.priors.base import Prior
from amp_theory.models.base import Model
from amp_theory.models.catalogue import PATHS
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.errors import InputError
from amp_theory.tools.results import Located


def is_for(path: Path, prior: Prior) -> bool:
    """Tell whether a path is defined for a prior."""
    try:
        path.check_prior(prior)
    except InputError:
        return False
    return True


def named_paths(prior: Prior) -> list[Path]:
    """Return the paths of `PATHS` that are defined for a prior."""
    return [path for path in (kind() for kind in PATHS.values()) if is_for(path, prior)]


def first_transition(model: Model, path: Path) -> Located | None:
    """Return the tricritical point at the easiest control, beyond which a path meets a transition."""
    special = thresholds(model, path)
    found = [point for point in (special.tricritical, *special.further_tricritical) if point is not None]
    return min(found, key=lambda point: float(model.intensity(np.array(point.control))), default=None)


def first_transitions(model: Model) -> dict[str, Located | None]:
    """Return the first transition along every path that is defined for the model's prior, by its name."""
    return {path.name: first_transition(model, path) for path in named_paths(model.variable_prior)}
