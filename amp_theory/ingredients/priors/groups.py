"""Priors of group labels: the Potts prior of k groups, and two groups of unequal size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from amp_theory.ingredients.priors.base import SPARSEST, Prior, Table
from amp_theory.ingredients.priors.channel_table import ChannelTable
from amp_theory.ingredients.priors.group_channel import potts_channel
from amp_theory.ingredients.priors.mixture_channel import ChannelValues
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.ingredients.priors.named import Discrete, Rademacher
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float, integer_between, told

#: the largest number of groups for which the channel is known to keep its digits
MOST_GROUPS = 10_000


@lru_cache(maxsize=64)
def _potts_table(k: int) -> Table:
    """Return one table for all priors of k groups."""
    return ChannelTable(lambda x: potts_channel(k, x), 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class PottsPrior(Prior):
    """One of k equally likely groups: the vertices of a simplex, vectors of length 1 in k - 1 dimensions.

    The channel is y = sqrt(x) s + z with z ~ N(0, I) in k - 1 dimensions; psi is in nats per variable,
    M = E[<s>.s*], and mmse, M' and M'' belong to it.  For k = 2 this is `Rademacher`.

    Parameters
    ----------
    k
        The number of groups, 2 to 10000.

    Raises
    ------
    InputError
        If k is not such an integer.

    References
    ----------
    arXiv:1701.00858, section on community detection.

    Examples
    --------
    >>> float(PottsPrior(5).overlap_slope(0.0))  # M'(0) = 1/(k-1)
    0.25
    """

    k: int
    name: ClassVar[str] = "potts"

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", integer_between("k", self.k, 2, MOST_GROUPS))

    @property
    def mean(self) -> float:
        """Length of E s, zero."""
        return 0.0

    @property
    def second_moment(self) -> float:
        """E s.s = 1, the largest possible overlap."""
        return 1.0

    @property
    def variance(self) -> float:
        """Frobenius norm 1/sqrt(k-1) of the covariance matrix of s: as for a scalar M'(0) is its square."""
        return 1 / math.sqrt(self.k - 1)

    @property
    def entropy(self) -> float:
        """Entropy log k of the group, in nats."""
        return math.log(self.k)

    @property
    def scalar(self) -> bool:
        """Whether there are two groups: the vertices of a simplex on a line."""
        return self.k == 2

    @property
    def unbiased_sign(self) -> bool:
        """Whether s is +1 or -1 with equal probability: two groups."""
        return self.k == 2

    @property
    def table(self) -> Table:
        """Interpolated channel functions, for the solvers."""
        return _potts_table(self.k)

    def _channel(self, snr: Array) -> ChannelValues:
        return potts_channel(self.k, snr)

    def resolved(self, snr: float) -> Mixture:
        """Return the two atoms -1 and +1 of two groups; a vector of more than one component has no such mixture."""
        if self.k == 2:
            return Rademacher().mixture
        raise InputError(
            f"{self!r} is a vector of {self.k - 1} components: it has no scalar mixture, and finite instances of it "
            "are not available"
        )


def two_groups(minority: float) -> Discrete:
    """Return the prior of two unequal groups: two atoms of zero mean and unit variance.

    With the smaller group's fraction r, s = sqrt((1-r)/r) in it and -sqrt(r/(1-r)) in the other.  In a
    `SpikedMatrix` weak recovery is at Delta = 1, and as M''(0) = (1-2r)^2/(r (1-r)) - 2 the transition there is of
    first order for r < 1/2 - 1/(2 sqrt 3) = 0.2113... and continuous above (Caltagirone, Lelarge and Miolane, Allerton
    2016; arXiv:1701.00858).

    Parameters
    ----------
    minority
        The fraction r of variables in the smaller group, in (0, 1/2], not below 1e-8.

    Returns
    -------
    Discrete
        The prior with the values of both groups and their probabilities r and 1 - r.

    Raises
    ------
    InputError
        If r is not in that range.

    Examples
    --------
    >>> two_groups(0.2)
    Discrete(values=(2.0, -0.5), probabilities=(0.2, 0.8))
    """
    r = as_float("minority", minority, "in (0, 1/2]")
    if not 0 < r <= 0.5:
        raise InputError(f"minority must lie in (0, 1/2], got {told(minority)}")
    if r < SPARSEST:
        raise InputError(f"minority must be at least {SPARSEST:g} for double precision, got {told(minority)}")
    return Discrete([math.sqrt((1 - r) / r), -math.sqrt(r / (1 - r))], [r, 1 - r])
