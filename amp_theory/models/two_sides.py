"""Models with variables of two kinds that see each other through a noisy matrix: sparse PCA, clustering, bipartite.

Y = sqrt(lambda/N) u v^T + W with u in R^N, v in R^M, M = alpha N, independent entries of u, of v and of the noise W,
which has unit variance.  The control is the noise Delta = 1/lambda; the equations are in
`equations_of_state.two_sides`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.sides import SIDES
from amp_theory.ingredients.priors.base import SPARSEST, Prior, check_prior
from amp_theory.ingredients.priors.groups import MOST_GROUPS, PottsPrior, two_groups
from amp_theory.ingredients.priors.named import Gaussian
from amp_theory.models.base import LARGEST_SNR, Model
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, as_float, integer_between, told
from amp_theory.tools.expressions import exact

#: the largest number of v per u, and one over the smallest
LARGEST_ASPECT = 1e6


class TwoSidedModel(Model):
    """A model with variables of two kinds, each with a prior of its own: see `RectangularMatrix`."""

    control: ClassVar[str] = "noise"
    control_symbol: ClassVar[str] = r"\Delta"

    @property
    @abstractmethod
    def priors(self) -> tuple[Prior, Prior]:
        """The priors of u and of v."""

    @property
    @abstractmethod
    def ratio(self) -> float:
        """The alpha of the equations: the number of v per u."""

    @property
    def exact_ratio(self) -> Fraction:
        """The ratio as a rational number."""
        return exact(self.ratio)

    @property
    def unit(self) -> Fraction:
        """The lambda of the equations times the noise."""
        return Fraction(1)

    @property
    def components(self) -> int:
        """How many numbers a variable is: one, or those of a centre and of a label."""
        return 1

    @property
    def weight(self) -> float:
        """By what free entropies are multiplied: the number of u per dimension."""
        return float(self.components)

    @property
    def sides(self) -> tuple[str, ...]:
        """One kind of variables, the other, or both."""
        return SIDES

    @property
    def largest_overlap(self) -> float:
        """That of u."""
        return self.priors[0].second_moment

    @property
    def variable_prior(self) -> Prior:
        """None: there are two.

        Raises
        ------
        InputError
            Always: it names the functions that take two kinds of variables.
        """
        raise self.elsewhere()

    def elsewhere(self) -> InputError:
        """Return the error that tells which questions about two kinds of variables are answered.

        Returns
        -------
        InputError
            The error, not raised.

        See Also
        --------
        best_side : One of the functions that take two kinds of variables.
        """
        return InputError(
            f"{self!r} has variables of two kinds: thresholds, fixed_points, phase_diagram, compare_samplers, "
            "best_side and what rests on them take it; this is derived for one kind of variables only"
        )

    def check_control(self, control: npt.ArrayLike) -> Array:
        """Return `control` as an array after checking that every value is positive and not too extreme."""
        values = super().check_control(control)
        u, v = self.priors
        # what each kind can see of the other at most
        most = max(u.second_moment * v.variance, self.ratio * v.second_moment * u.variance)
        with np.errstate(all="ignore"):
            intensity = self.intensity(values)
        good = (intensity * most <= LARGEST_SNR) & (intensity * most >= 1 / LARGEST_SNR**2)
        if not np.all(good):
            raise InputError(
                f"{self.control} = {values[~good].ravel()[0]:g} is too extreme: the snr that one kind of variables "
                f"provides for the other must be at most {LARGEST_SNR:g} and not vanish"
            )
        return values


def _check_aspect(aspect: object) -> float:
    """Return the aspect after checking that it is positive and not too extreme."""
    allowed = f"in [{1 / LARGEST_ASPECT:g}, {LARGEST_ASPECT:g}]"
    number = as_float("aspect", aspect, allowed)
    if not 1 / LARGEST_ASPECT <= number <= LARGEST_ASPECT:
        raise InputError(f"aspect, the size of v over that of u, must be {allowed}, got {told(aspect)}")
    return number


@dataclass(frozen=True)
class RectangularMatrix(TwoSidedModel):
    """Rectangular low-rank matrix of two priors, Y = sqrt(lambda/N) u v^T + W: sparse PCA, bipartite models.

    A prior with a mean gives the other side a direction to begin with: q = 0 is then no fixed point, and there is no
    weak recovery.

    Parameters
    ----------
    u
        The prior of one entry of u, which has N.
    v
        The prior of one entry of v, which has aspect times N.
    aspect
        The size of v over that of u, 1e-6 to 1e6.

    Raises
    ------
    InputError
        If the aspect is out of range, or a prior is none, or that of a vector.

    References
    ----------
    T. Lesieur, F. Krzakala and L. Zdeborova, arXiv:1701.00858.

    Examples
    --------
    >>> from amp_theory import Flow, Gaussian, SparseRademacher, thresholds
    >>> model = RectangularMatrix(Gaussian(), SparseRademacher(0.05), aspect=1)
    >>> found = thresholds(model, Flow(side="v"))
    >>> print(f"{1 / found.weak_recovery.noise:.6f} {1 / found.tricritical.noise:.8f} {found.tricritical.snr:.8f}")
    20.000000 18.72941729 0.16599684
    """

    u: Prior
    v: Prior
    aspect: float
    name: ClassVar[str] = "rectangular-matrix"
    #: the arguments that have another name on the command line and in files
    written: ClassVar[dict[str, str]] = {"u": "prior_u", "v": "prior_v"}

    def __post_init__(self) -> None:
        object.__setattr__(self, "aspect", _check_aspect(self.aspect))
        for prior in (self.u, self.v):
            if not check_prior(prior).scalar:
                raise InputError(f"{prior!r} is a vector: GaussianMixture has it on one side, the other side is none")

    @property
    def priors(self) -> tuple[Prior, Prior]:
        """The priors given."""
        return self.u, self.v

    @property
    def ratio(self) -> float:
        """The aspect."""
        return self.aspect

    @property
    def parameters(self) -> dict[str, Any]:
        """Names of both priors, their parameters with the suffixes _u and _v, and the aspect."""
        found: dict[str, Any] = {}
        for side, prior in zip("uv", self.priors, strict=True):
            found |= {f"prior_{side}": prior.name} | {f"{n}_{side}": x for n, x in prior.parameters.items()}
        return found | {"aspect": self.aspect}

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return noise Delta, Delta/(rho_u rho_v), lambda, sqrt(lambda), and the snr of a whole column and a whole row.

        The snr of a column is what all u tell about one v, lambda rho_u rho_v; that of a row is alpha times as much.
        """
        rho = self.u.second_moment * self.v.second_moment
        return {
            "noise": (1.0, 1.0), "noise_over_rho2": (1 / rho, 1.0), "lambda": (1.0, -1.0), "sqrt_lambda": (1.0, -0.5),
            "snr_per_column": (rho, -1.0), "snr_per_row": (self.aspect * rho, -1.0),
        }  # fmt: skip


@dataclass(frozen=True)
class GaussianMixture(TwoSidedModel):
    """Clustering of points around Gaussian centres in many dimensions: u are the centres, v the points' labels.

    Every point is its cluster's centre plus noise of variance one in each of N dimensions; two centres have the squared
    distance 2 lambda, lambda = 1/noise.  The labels of k balanced clusters are the simplex vertices of `PottsPrior`;
    hard phases exist if k > 4 + 2 sqrt(aspect).  Two clusters of unequal weights are a centred two-valued v.

    Parameters
    ----------
    k
        The number of clusters, 2 to 10000.
    aspect
        Points per dimension, 1e-6 to 1e6.
    weights
        The fractions of points in two unequal clusters, at least 1e-8, which sum to 1; None for equal ones.

    Raises
    ------
    InputError
        If k or the aspect is out of range, or weights are not those of two clusters.

    References
    ----------
    T. Lesieur et al., arXiv:1610.02918, for balanced clusters.

    Examples
    --------
    >>> from amp_theory import Flow, thresholds
    >>> model = GaussianMixture(k=10, aspect=1)
    >>> found = thresholds(model, Flow(side="v"))
    >>> scaled = [model.convert(p.noise, "noise", "lambda_over_k") for p in (found.dynamical, found.tricritical)]
    >>> print(f"{scaled[0]:.8f} {scaled[1]:.8f}")
    0.95725691 0.94460122
    """

    k: int = 2
    aspect: float = 1.0
    weights: tuple[float, float] | None = field(default=None, kw_only=True)
    name: ClassVar[str] = "gaussian-mixture"

    def __init__(self, k: int = 2, aspect: float = 1.0, weights: Sequence[float] | None = None) -> None:
        object.__setattr__(self, "k", integer_between("k", k, 2, MOST_GROUPS))
        object.__setattr__(self, "aspect", _check_aspect(aspect))
        object.__setattr__(self, "weights", None if weights is None else _check_weights(weights, self.k))

    @property
    def priors(self) -> tuple[Prior, Prior]:
        """Gaussian centres and the labels' prior."""
        return Gaussian(), PottsPrior(self.k) if self.weights is None else two_groups(min(self.weights))

    @property
    def ratio(self) -> float:
        """Points per dimension and component of a centre, aspect/(k - 1)."""
        return self.aspect / self.components

    @property
    def components(self) -> int:
        """Those of a centre and of a label, k - 1: free entropies are per dimension."""
        return self.k - 1

    @property
    def parameters(self) -> dict[str, Any]:
        """The number of clusters and the aspect, and the weights if they are unequal."""
        found: dict[str, Any] = {"k": self.k, "aspect": self.aspect}
        return found if self.weights is None else found | {"weights": list(self.weights)}

    @property
    def exact_ratio(self) -> Fraction:
        """The ratio as a rational number."""
        return exact(self.aspect) / self.components

    @property
    def unit(self) -> Fraction:
        """The snr of a label per lambda, 1 - 1/k or 2 w (1 - w): labels are vectors of mean square one."""
        if self.weights is None:
            return 1 - Fraction(1, self.k)
        least = exact(min(self.weights))
        return 2 * least * (1 - least)

    @property
    def _unit(self) -> float:
        return float(self.unit)

    def intensity(self, control: Array) -> Array:
        """Return lambda in units in which labels have mean square one: (1 - 1/k)/noise, 2 w (1 - w)/noise."""
        return np.asarray(self._unit / control)

    def from_intensity(self, intensity: Array) -> Array:
        """Return the noise at such a lambda."""
        return np.asarray(self._unit / intensity)

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return noise, lambda and sqrt(lambda), lambda/k, the centres' squared distance, and the snr of a point."""
        return {
            "noise": (1.0, 1.0), "lambda": (1.0, -1.0), "sqrt_lambda": (1.0, -0.5), "lambda_over_k": (1 / self.k, -1.0),
            "squared_distance": (2.0, -1.0), "snr_per_point": (self._unit, -1.0),
        }  # fmt: skip


def _check_weights(weights: Sequence[float], k: int) -> tuple[float, float]:
    """Return two weights that sum to one after checking that they do."""
    w = as_array("weights", weights, "two fractions > 0")
    if w.shape != (2,) or not np.all(w > 0) or not math.isclose(float(w.sum()), 1, rel_tol=1e-12):
        raise InputError(f"weights must be two fractions > 0 that sum to 1, got {told(weights)}: more clusters are "
                         "balanced ones, k")  # fmt: skip
    if k != 2:
        raise InputError(f"weights are those of two clusters, got k = {k}: leave k out, or the weights")
    if w.min() < SPARSEST:
        raise InputError(f"weights must be at least {SPARSEST:g} for double precision, got {told(weights)}: leave such "
                         "a cluster out")  # fmt: skip
    return float(w[0]), float(w[1])
