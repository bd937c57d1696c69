"""Whose verdict, and which algorithm's: where the equations stand for the target, and what other algorithms can do.

The equations describe the planted measure.  They describe the random one as long as the two are contiguous: on the
easy side of condensation and of weak recovery.  Verdicts speak of message passing, which is conjectured to be the best
polynomial algorithm but for the algebraic ones named here, and of local moves.
"""

from __future__ import annotations

from functools import singledispatch
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from amp_theory.ingredients.paths.mixed import moving_and_held
from amp_theory.models.base import Model, Target
from amp_theory.models.sparse import SparseModel
from amp_theory.models.two_sides import TwoSidedModel
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.results import Located, Thresholds

if TYPE_CHECKING:
    from amp_theory.equations_of_state.base import EquationOfState

Frozen = tuple[Literal["always", "never", "perhaps"], str]
BEYOND = "the random measure is not contiguous to the planted one beyond condensation or weak recovery"
NOT_SYMMETRIC = (
    "stability: the random measure is not replica symmetric beyond the de Almeida-Thouless line or condensation"
)
GAUSS = (
    "Gaussian elimination draws solutions of parity checks without noise, and gives P(s_i | revealed spins) exactly, "
    "in polynomial time: an autoregressive sampler that uses it succeeds"
)
LATTICE = (
    "lattice basis reduction (LLL) recovers variables with rational values from linear measurements without noise, "
    "known to sufficiently many digits, even from one (arXiv:1910.10890), and from their moduli (arXiv:2106.10744); "
    "proven for independent entries"
)


def least_intensity(points: list[Located], model: Model) -> float:
    """Return the least intensity that may be at one of the points, given their error bounds; infinite without any."""
    ends = [p.control + (1 if model.easier == "down" else -1) * p.error for p in points]
    return min((float(model.intensity(np.array(end))) for end in ends), default=np.inf)


def contiguous_up_to(model: Model, special: Thresholds) -> float:
    """Return the intensity up to which a random measure, if there is one, is contiguous to the planted one."""
    return least_intensity(
        [p for p in (special.condensation, special.weak_recovery, special.stability) if p is not None], model
    )


def described_up_to(model: Model, eos: EquationOfState, special: Thresholds, target: Target) -> tuple[float, str]:
    """Return the intensity up to which there are verdicts on the target, and why there are none beyond."""
    moving, kept, _ = moving_and_held(eos.path)
    if target == "random" and kept is not None:
        # where the measure condenses does not depend on what is told of a sample
        special = thresholds(model, moving)
    limit = contiguous_up_to(model, special) if target == "random" else np.inf
    if limit <= eos.reach:
        return limit, NOT_SYMMETRIC if model.outer_overlap else BEYOND
    end = f"{model.control} = {float(model.from_intensity(np.array(eos.reach))):.6g}"
    # the end itself belongs to the model
    return float(np.nextafter(eos.reach, np.inf)), f"the model, or what its solver can tell, ends at {end}"


@singledispatch
def known_exceptions(model: Model) -> str:
    """Return which algorithms are known to do better than message passing and local moves; empty if none."""
    if model.outer_overlap:
        return ""
    discrete = bool(np.isfinite(model.variable_prior.entropy))
    return LATTICE if discrete and exact_measurements(model) else ""


@known_exceptions.register(SparseModel)
def _of_factors(model: SparseModel) -> str:
    weights = model.factor.weights
    parity = set(weights) == {0.0, 1.0} and all(a != b for a, b in pairwise(weights))
    return GAUSS if parity else ""


def exact_measurements(model: Model) -> bool:
    """Tell whether a dense model measures continuous quantities without noise: they fix linear combinations."""
    singularity = None if model.coupling is None else model.coupling.singularity
    return singularity is not None and singularity[0] == 1


@known_exceptions.register(TwoSidedModel)
def _of_two_sides(model: TwoSidedModel) -> str:
    return ""


@singledispatch
def frozen(model: Model) -> Frozen | None:
    """Tell how constraints that hold exactly stop local moves, and why; None where none hold exactly.

    "always" where every move breaks one, "never" where moves are not defined, "perhaps" where some are possible.
    """
    if model.coupling is None or model.coupling.singularity is None:
        return None
    if not exact_measurements(model):
        return "perhaps", "constraints hold exactly (no noise): local moves need not connect what they allow"
    if np.isfinite(model.variable_prior.entropy):
        return "always", "measurements without noise: a change of one variable contradicts them"
    return "never", "measurements without noise: the measure has no density in which to move"


@frozen.register(SparseModel)
def _by_factors(model: SparseModel) -> Frozen | None:
    weights = model.factor.weights
    if all(weights):
        return None
    if all(a == 0 or b == 0 for a, b in pairwise(weights)):
        return "always", "no single flip leads from one solution to another: it breaks every factor of its spin"
    return "perhaps", "constraints hold exactly (zero temperature): single flips need not connect the solutions"
