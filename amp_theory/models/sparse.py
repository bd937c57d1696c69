"""Constraint satisfaction on random hypergraphs: binary factors, k spins each, `density` factors per spin.

| model | weight of a factor | control |
|---|---|---|
| hypergraph bicoloring = planted not-all-equal SAT | e^{-1/T} if its k spins are equal, else 1 | density |
| XORSAT; at T > 0 sparse k-spin glass, LDGM codes | e^{-1/T} if the product of its spins is wrong, else 1 | density |

Spins have degrees of mean k alpha, Poisson (every spin equally likely in every factor) or regular.  A new
model is a subclass that returns its factor.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.factors.factors import AllEqual, Factor, Parity
from amp_theory.ingredients.paths.named import DEGREE_ORDERS
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.named import Rademacher
from amp_theory.models.base import Model
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, as_float, integer_between, one_of, told

#: the largest density of which doubles tell the degrees apart
DENSEST = 1e12
#: spins per factor; grid spacings
MOST_SPINS, FINEST, COARSEST = 12, 0.05, 0.5
#: relative deviation of k density from an integer that is taken for rounding
DEGREE_ROUNDING = 4e-12
#: the spacing of the grid unless asked for another
SPACING = 0.125


@dataclass(frozen=True, kw_only=True)
class SparseModel(Model):
    """Spins on a random hypergraph with one kind of symmetric binary factor, planted; `density` factors per spin.

    A model of one's own is a subclass that returns its `factor`.

    Parameters
    ----------
    degrees
        "poisson" or "regular": every spin in the same number of factors.  Regular graphs exist where this number,
        k density, is an integer; other densities are refused.  Parity checks on them are low-density parity-check
        codes with k spins per check: the check matrix of a code word at T = 0.
    spacing
        Spacing of the grid of fields (half log-likelihood ratios), 0.05 to 0.5: the resolution.  Errors are
        estimated from a second, coarser one.
    accuracy
        Largest relative error of the density that is acceptable, 1e-9 to 0.1; too coarse a resolution is refused.

    Raises
    ------
    InputError
        For another law of degrees, or a number out of its range.

    See Also
    --------
    Bicoloring, XORSAT

    References
    ----------
    arXiv:2308.14085, for bicoloring and XORSAT on Poisson graphs; the equations are in `poisson_graphs`.
    """

    degrees: Literal["poisson", "regular"] = "poisson"
    spacing: float = SPACING
    accuracy: float = 1e-5
    control: ClassVar[str] = "density"
    control_symbol: ClassVar[str] = r"\alpha"
    easier: ClassVar[Literal["up", "down"]] = "up"

    def __post_init__(self) -> None:
        one_of("kind of degrees", self.degrees, ["poisson", "regular"])
        for name, least, most in (("spacing", FINEST, COARSEST), ("accuracy", 1e-9, 0.1)):
            value = as_float(name, getattr(self, name), f"in [{least:g}, {most:g}]")
            if not least <= value <= most:
                raise InputError(f"{name} must lie in [{least:g}, {most:g}], got {value:g}")
            object.__setattr__(self, name, value)
        self.factor.check()

    @property
    @abstractmethod
    def factor(self) -> Factor:
        """The factor."""

    @property
    def variable_prior(self) -> Prior:
        """Rademacher."""
        return Rademacher()

    @property
    def random_counterpart(self) -> bool:
        """Whether a random instance is contiguous to the planted one up to condensation: by symmetry, always."""
        return True

    @property
    def orders(self) -> tuple[str, ...]:
        """At random, or by degree."""
        return ("random", *DEGREE_ORDERS)

    @property
    def regular(self) -> bool:
        """Whether degrees are regular, so that densities are multiples of 1/k."""
        return self.degrees == "regular"

    @property
    def control_note(self) -> str:  # type: ignore[override]
        """On regular graphs, that densities are multiples of 1/k."""
        return f" (a multiple of 1/{self.factor.k}, as the degrees are integers)" if self.regular else ""

    def degree(self, density: float) -> int:
        """Return the degree k density of regular graphs.

        Parameters
        ----------
        density
            Factors per spin, > 0.

        Returns
        -------
        int
            Factors of every spin.

        Raises
        ------
        InputError
            If it is no integer >= 1; the message names the nearest densities that are allowed.

        Examples
        --------
        >>> XORSAT(6, degrees="regular").degree(0.5)
        3
        """
        k = self.factor.k
        density = as_float("density", density, "> 0")
        degree = k * density
        if not 0 < degree <= k * DENSEST:
            raise InputError(f"density must lie in (0, {DENSEST:g}], got {told(density)}")
        nearest = round(degree)
        if nearest >= 1 and abs(degree - nearest) <= DEGREE_ROUNDING * nearest:
            return nearest
        below, above = max(math.floor(degree), 0), max(math.ceil(degree), 1)
        allowed = " and ".join(f"{d}/{k} = {d / k:.15g}" for d in sorted({max(below, 1), above}))
        raise InputError(
            f"density = {density:.15g} gives every spin k density = {degree:.15g} factors, on regular graphs it must "
            f"be an integer >= 1: the nearest densities are {allowed}"
        )

    def check_control(self, control: npt.ArrayLike) -> Array:
        """Return `control` as an array after checking that graphs of every density exist."""
        values = as_array(self.control, control, "> 0")
        good = (values > 0) & (values <= DENSEST)
        if not np.all(good):
            bad = values[~good].ravel()[0]
            raise InputError(f"{self.control} must be finite and > 0, got {bad:g} (the largest is {DENSEST:g})")
        if self.regular:
            for value in np.unique(values).tolist():
                self.degree(value)
        return values

    @property
    def weak_recovery(self) -> float:
        """The density of Kesten and Stigum, response^2 (k-1) (mean excess degree) = 1; infinite without response."""
        factor = self.factor
        if factor.response == 0 or factor.order > 1:
            return math.inf
        excess = 1 / (factor.response**2 * (factor.k - 1))
        return (excess + (self.degrees == "regular")) / factor.k

    @property
    def satisfiability_bound(self) -> float | None:
        """The density beyond which the first moment excludes solutions, log 2 + density log Z = 0; None at T > 0."""
        if not self.factor.hard:
            return None
        return -math.log(2) / math.log(self.factor.mean_weight)

    @property
    def bounds(self) -> dict[str, float]:
        """The satisfiability bound, where there is one."""
        bound = self.satisfiability_bound
        return {} if bound is None else {"satisfiability": bound}

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make this model, its own before those of all sparse models."""
        common = ("degrees", "spacing", "accuracy")
        own = super().parameters
        return {n: v for n, v in own.items() if n not in common} | {n: own[n] for n in common}

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return density alpha, the mean degree k alpha of a spin."""
        return {"density": (1.0, 1.0), "mean_degree": (float(self.factor.k), 1.0)}


def penalty(temperature: float) -> float:
    """Return 1 - e^{-1/T}, what a violated factor loses of its weight; 1 at T = 0."""
    return 1.0 if temperature == 0 else -math.expm1(-1 / temperature)


def check_temperature(value: Any) -> float:
    """Return a temperature >= 0 at which a factor still has an effect that doubles can tell."""
    number = as_float("temperature", value, "in [0, 100]")
    if not 0 <= number <= 100:
        raise InputError(f"temperature must lie in [0, 100], got {told(value)}")
    return number


@dataclass(frozen=True)
class Bicoloring(SparseModel):
    """Hypergraph bicoloring, the same as planted not-all-equal SAT: no k spins of a factor may all be equal.

    Parameters
    ----------
    k
        Spins per factor, 3 to 12 (2 at T = 0 would be a bipartite graph).
    temperature
        A violated factor has weight e^{-1/T}; in [0, 100], 0 by default.
    degrees, spacing, accuracy
        By name only, as of every `SparseModel`: the graph, and how finely fields are resolved.

    Raises
    ------
    InputError
        If k or the temperature is out of its range.

    References
    ----------
    arXiv:2308.14085; M. Mezard and A. Montanari, Information, Physics, and Computation (2009), chapters 14, 15 and 19.

    Examples
    --------
    >>> round(Bicoloring(5).weak_recovery, 6)  # (2^(k-1) - 1)^2/(k (k-1))
    11.25
    """

    k: int
    temperature: float = 0.0
    name: ClassVar[str] = "bicoloring"

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", integer_between("k", self.k, 3, MOST_SPINS))
        object.__setattr__(self, "temperature", check_temperature(self.temperature))
        super().__post_init__()

    @property
    def factor(self) -> Factor:
        """All spins equal is penalised."""
        return AllEqual(self.k, penalty(self.temperature))


@dataclass(frozen=True)
class XORSAT(SparseModel):
    """Random parity checks; at T > 0 the sparse k-spin glass, or a low-density generator-matrix code.

    Parameters
    ----------
    k
        Spins per check, 3 to 12.
    temperature
        A violated check has weight e^{-1/T}; in [0, 100], 0 by default.  In terms of checks read through a binary
        symmetric channel the flip probability is 1/(1 + e^{1/T}).
    degrees, spacing, accuracy
        By name only, as of every `SparseModel`: the graph, and how finely fields are resolved.

    Raises
    ------
    InputError
        If k or the temperature is out of its range.

    References
    ----------
    arXiv:2308.14085; M. Mezard and A. Montanari, Information, Physics, and Computation (2009), chapter 18.

    Examples
    --------
    >>> XORSAT(3).satisfiability_bound
    1.0
    """

    k: int
    temperature: float = 0.0
    name: ClassVar[str] = "xorsat"

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", integer_between("k", self.k, 3, MOST_SPINS))
        object.__setattr__(self, "temperature", check_temperature(self.temperature))
        super().__post_init__()

    @property
    def factor(self) -> Factor:
        """A parity check with a random sign."""
        return Parity(self.k, penalty(self.temperature))
