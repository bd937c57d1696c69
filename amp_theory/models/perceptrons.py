"""Random perceptrons: weights that classify random patterns, and no planted ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from amp_theory.ingredients.outputs.margins import Margin
from amp_theory.ingredients.outputs.potentials import Potential
from amp_theory.ingredients.priors.base import Prior, check_prior
from amp_theory.ingredients.priors.named import Gaussian, standard_normal
from amp_theory.models.base import Model, Target
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, told

if TYPE_CHECKING:
    import numpy.typing as npt

    from amp_theory.ingredients.couplings.base import GeneralCoupling

#: patterns per weight between which controls may be
FEWEST, MOST = 1e-12, 1e250


@dataclass(frozen=True)
class RandomPerceptron(Model):
    """Weights w on random patterns, P(w) ~ prior(w) prod_mu psi(w . x_mu/sqrt(N)), alpha N patterns x_mu ~ N(0, 1).

    The patterns are random and carry no labels of a teacher: two samples of the measure overlap, it is no planted one
    in disguise, and `thresholds` has its `first_failure` and `stability`.  More patterns tell more about a sample,
    inference gets easier, and sampling harder.

    Parameters
    ----------
    prior
        Gaussian() (default) for weights on the sphere, or Rademacher() for binary ones.
    potential
        Margin(kappa, exponent) (default: kappa = 0, hard), Logistic(kappa, steepness), or a log-concave one of one's
        own, LogConcave(log_psi, slope, curvature).

    Raises
    ------
    InputError
        If the prior is another, or the potential none.

    References
    ----------
    arXiv:2502.16292 for the question; the equations, a replica ansatz at Parisi parameter one that is not rigorous,
    are in the module `perceptrons` of the random measures.

    Examples
    --------
    >>> from amp_theory import Flow, Margin, thresholds
    >>> special = thresholds(RandomPerceptron(potential=Margin(-2.5)), Flow())
    >>> print(f"{special.first_failure.sampling_ratio:.5f} {special.stability.sampling_ratio:.5f}")
    269.73596 328.70898
    """

    prior: Prior = field(default_factory=Gaussian)
    potential: Potential = field(default_factory=Margin)
    name: ClassVar[str] = "random-perceptron"
    control: ClassVar[str] = "sampling_ratio"
    control_symbol: ClassVar[str] = r"\alpha"
    easier: ClassVar[Literal["up", "down"]] = "up"
    #: parts that need not be named before their parameters are given
    default_parts: ClassVar[dict[str, str]] = {"prior": Gaussian.name, "potential": Margin.name}

    def __post_init__(self) -> None:
        check_prior(self.prior)
        if not (self.prior.unbiased_sign or standard_normal(self.prior)):
            raise InputError(
                f"a random perceptron has weights on the sphere, prior=Gaussian(), or binary ones, prior=Rademacher(); "
                f"got {self.prior!r}"
            )
        if not isinstance(self.potential, Potential):
            raise InputError(
                f"potential must be a potential such as Margin(kappa=0) or Logistic(), got {told(self.potential)}"
            )

    @property
    def outer_overlap(self) -> bool:
        """True."""
        return True

    @property
    def spherical(self) -> bool:
        """Whether the prior is Gaussian, which stands for the sphere."""
        return standard_normal(self.prior)

    @property
    def variable_prior(self) -> Prior:
        """The prior given, for planted measures: refused."""
        self.check_planted()
        return self.prior

    @property
    def coupling(self) -> GeneralCoupling | None:
        """None, for planted measures: refused."""
        self.check_planted()
        return None

    @property
    def largest_overlap(self) -> float:
        """One."""
        return 1.0

    @property
    def orders(self) -> tuple[str, ...]:
        """The random one."""
        return ("random",)

    @property
    def random_counterpart(self) -> bool:
        """True."""
        return True

    @property
    def parameters(self) -> dict[str, Any]:
        """The prior and the potential by name, and what they are made of."""
        return super().parameters

    def check_control(self, control: npt.ArrayLike) -> Array:
        """Return `control` as an array after checking that every value is positive and not too extreme."""
        values = as_array(self.control, control, "> 0")
        good = np.isfinite(values) & (values >= FEWEST) & (values <= MOST)
        if not np.all(good):
            raise InputError(
                f"{self.control} must be patterns per weight between {FEWEST:g} and {MOST:g}, "
                f"got {values[~good].ravel()[0]:g}"
            )
        return values

    def check_target(self, target: object = None) -> Target:
        """Return `target`, by default the model's own, after checking that the model has it: it is random."""
        chosen = super().check_target(target)
        if chosen == "planted":
            raise InputError(
                f"{self!r} has no planted counterpart: its patterns are random, without a teacher; verdicts are those "
                "of target='random', and a teacher's are those of GLM"
            )
        return chosen
