"""What is known of the least slope of each prior: its optimum, how sure it is, which path has it, and bounds.

A prior of one's own that is one of these laws registers with `known_of`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from amp_theory.ingredients.couplings.base import GeneralCoupling
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.density import Density
from amp_theory.ingredients.priors.named import (
    Discrete,
    GaussBernoulli,
    Gaussian,
    MixturePrior,
    Rademacher,
    SparseRademacher,
    standard_normal,
)
from amp_theory.phases.optimal.adaptive import floor_slopes
from amp_theory.phases.optimal.marginal import HIGHEST, Slopes
from amp_theory.phases.optimal.programme import FEW_ATOMS, TOLERANCE
from amp_theory.phases.optimal.programme_margin import ProgrammeMargin
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError
from amp_theory.tools.registration import ByClass

#: how near to E s^2 programmes are solved, as `HIGHEST`
HIGHEST_PROGRAMMED = 7.0
#: certainties; what is "numerical" was searched for, and not proven to be the optimum
EXACT, NUMERICAL, BOUND, SEARCHED = "exact within replica symmetry", "numerical optimum", "bound", "numerical"


def same_law(prior: Prior) -> Prior:
    """Return the named prior of the same law, if it is one whose optimum is known in closed form."""
    return Rademacher() if prior.unbiased_sign else Gaussian() if standard_normal(prior) else prior


JENSEN = "E Var^2 >= (rho - q)^2 (Jensen)"


def jensen(gap: Array, snr: Array) -> Array:
    """Return (rho - q)^2, below which no slope is."""
    return gap**2


@dataclass(frozen=True)
class Known:
    """What is known of the optimum of a prior: how sure it is, how it is found, and the relative error of the slope.

    `bound` is the least slope of information of any kind; `line` makes the marginal line where slopes are programmes;
    without a `solved` programme only bounds are known.
    """

    certainty: str
    how: str
    error: float
    attained_by: str | None = None
    ordered: bool | None = None
    bound: Slopes = jensen
    bound_how: str = JENSEN
    reasons: dict[str, str] = field(default_factory=dict)
    highest: float = HIGHEST
    line: Callable[[GeneralCoupling, float, float], ProgrammeMargin] | None = None
    solved: bool = True


@ByClass
def known_of(prior: Prior) -> Known:
    """Return what is known, or raise an `InputError` if that is nothing."""
    raise InputError(
        f"best_path has no bound on side information about {prior!r}: it is there for variables that are numbers, of "
        "the priors Rademacher, SparseRademacher, Gaussian, GaussBernoulli, Discrete and Density"
    )


@known_of.register(Discrete)
@known_of.register(SparseRademacher)
def _of_atoms(prior: MixturePrior) -> Known:
    def line(coupling: GeneralCoupling, sign: float, error: float) -> ProgrammeMargin:
        return ProgrammeMargin(coupling, prior, sign, error, HIGHEST_PROGRAMMED)

    many = "the largest slope is not looked for where the variables have more than three values"
    return Known(
        NUMERICAL, "least slope by linear programming", TOLERANCE, highest=HIGHEST_PROGRAMMED, line=line,
        reasons={} if len(prior.mixture.means) <= FEW_ATOMS else {"worst": many},
    )  # fmt: skip


@known_of.register(GaussBernoulli)
@known_of.register(Density)
def _of_densities(prior: Prior) -> Known:
    unknown = (
        "no optimum is known for variables with a density, whose posteriors form no finite programme; paths with a "
        "name show what is possible, any_denoiser what is not"
    )
    short = "as for best, which is not known"
    reasons = {"best": unknown} | dict.fromkeys(("worst", "certificate", "attained_by", "ordered"), short)
    return Known("unknown", "", 8 * EPS, reasons=reasons, solved=False)


@known_of.register(Rademacher)
def _of_spins(prior: Rademacher) -> Known:
    return Known(
        EXACT, "the least slope is that of one flip probability, as s(e) is convex (proven in `least_slope`)", 20 * EPS,
        attained_by="uniform-diffusion", ordered=True, bound=floor_slopes,
        bound_how="E Var^2 with the largest variances lowered to a common one",
    )  # fmt: skip


@known_of.register(Gaussian)
def _of_gaussians(prior: Gaussian) -> Known:
    unknown = "the largest slope is not known for Gaussian variables; of flow and autoregressive the latter stops first"
    return Known(EXACT, f"{JENSEN}, attained by the flow", 2 * EPS, attained_by="flow", ordered=True,
                 reasons={"worst": unknown})  # fmt: skip
