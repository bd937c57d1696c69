"""Group models: which of k groups does each variable belong to?  The dense stochastic block model.

A Potts variable s is one of the k vertices of a simplex in k - 1 dimensions, s_a.s_a = 1, s_a.s_b = -1/(k-1), each
with probability 1/k.  As all groups are alike, the matrix of overlaps is E[<s> s*^T] = q/(k-1) times the identity,
and one number q = E[<s>.s*] from 0 to 1 is the order parameter (arXiv:1701.00858, section on community detection).

The spiked matrix Y = (k-1) s_i.s_j/sqrt(N) + sqrt(Delta) W, whose vectors have components of unit variance, has the
free entropy psi(Q/D) - Tr Q^2/(4 D) with D = Delta/(k-1)^2 and Q = q/(k-1) times the identity, that is

    phi(q) = psi(xi'(q)) - [q xi'(q) - xi(q)]/2,    xi(q) = (k-1) q^2/(2 Delta).

Only the square of the interaction enters: groups that attract (s_i.s_j) and groups that repel (-s_i.s_j) are alike.
With M(x) = x/(k-1) + (k-4)/(2 (k-1)^2) x^2 + ... state evolution is q <- q/Delta + (k-4)/2 (q/Delta)^2 + ...: weak
recovery is at Delta = 1 for every k, and the transition there is continuous for k <= 4 and of first order for k > 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from amp_theory.ingredients.couplings.base import Coupling, PolynomialCoupling
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.groups import MOST_GROUPS, PottsPrior
from amp_theory.models.base import Model
from amp_theory.tools.errors import integer_between


@dataclass(frozen=True)
class StochasticBlockModel(Model):
    """Dense stochastic block model of k equal groups: xi'(q) = (k-1) q/Delta.

    The matrix seen is Y = (k-1) s_i.s_j/sqrt(N) + sqrt(Delta) W, s_i the group of variable i as a vertex of the
    simplex of `PottsPrior`, or its negative.  It stands for a graph of large mean degree N p, with probabilities p_in
    and p_out of edges inside and between groups: Delta = k^2 p (1-p)/(N (p_in - p_out)^2) is one over the
    signal-to-noise ratio of Kesten and Stigum, so that weak recovery is at Delta = 1.

    Parameters
    ----------
    k
        The number of groups, 2 to 10000.

    Raises
    ------
    InputError
        If k is no such integer.

    References
    ----------
    arXiv:1701.00858, section on community detection.

    Examples
    --------
    >>> from amp_theory import Flow, thresholds
    >>> thresholds(StochasticBlockModel(5), Flow()).weak_recovery.noise
    1.0
    """

    k: int
    name: ClassVar[str] = "stochastic-block-model"
    control: ClassVar[str] = "noise"
    control_symbol: ClassVar[str] = r"\Delta"

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", integer_between("k", self.k, 2, MOST_GROUPS))

    @property
    def variable_prior(self) -> Prior:
        """PottsPrior(k)."""
        return PottsPrior(self.k)

    @property
    def coupling(self) -> Coupling:
        """xi(q) = (k-1) q^2/(2 Delta)."""
        return PolynomialCoupling(((2, (self.k - 1) / 2),))

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return noise Delta, the signal strengths 1/Delta and 1/sqrt(Delta), and Delta/k^2.

        The last is the noise beside indicators of equal groups, Y_ij = delta(i and j in one group)/sqrt(N) + noise,
        as in arXiv:1701.00858.
        """
        return {
            "noise": (1.0, 1.0),
            "lambda": (1.0, -1.0),
            "sqrt_lambda": (1.0, -0.5),
            "indicator_noise": (1 / self.k**2, 1.0),
        }
