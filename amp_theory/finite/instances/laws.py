"""The posterior of one variable that is a number or a vector of d components, given a field and a matrix of precisions.

    P0(s) exp(B.s - s.A s/2),   s in R^d,

A being the same matrix for all variables of a kind, or one for each.  P0 is a mixture on a line, or normal vectors of
unit covariance, or the k vertices e_a of a simplex in d = k - 1 dimensions, e_a.e_b = 1 if a = b and -1/d else,
which label k groups.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property, singledispatch

import numpy as np

from amp_theory.finite.instances.scalar_posterior import posterior_moments, sample_posterior
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.groups import PottsPrior
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.ingredients.priors.named import Gaussian
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError


class Law(ABC):
    """The law of one variable of d `components`; arrays of variables have shape (..., n, d)."""

    components: int

    @property
    @abstractmethod
    def component(self) -> Mixture:
        """A law of one component with its mean and variance, which are those of every component."""

    @property
    def values(self) -> Array | None:
        """The values of a discrete variable, shape (values, d), or None."""
        return None

    @abstractmethod
    def moments(self, field: Array, precision: Array, hidden: Array) -> tuple[Array, Array, Array]:
        """Return the posterior's means and variances, and the sum of its covariances over hidden variables.

        Parameters
        ----------
        field
            B, shape (batch, n, d).
        precision
            A, shape (batch, 1 or n, d, d).
        hidden
            1 where a variable counts for the sum, else 0, shape (batch, n).

        Returns
        -------
        mean, variance, covariance
            Shapes (batch, n, d), (batch, n, d) and (batch, d, d).
        """

    @abstractmethod
    def draw(self, field: Array, precision: Array, rng: np.random.Generator) -> Array:
        """Draw every variable from its posterior, shape (batch, n, d)."""

    def log_weights(self, field: Array, precision: Array) -> Array:
        """Return the log weights of a discrete variable's values, shape (batch, n, values)."""
        assert self.values is not None
        quadratic = np.einsum("ac,...cd,ad->...a", self.values, precision, self.values)
        return np.asarray(field @ self.values.T - 0.5 * quadratic + np.log(self.probabilities))

    @property
    def probabilities(self) -> Array:
        """The probabilities of a discrete variable's values."""
        return self.component.probabilities

    def weighted(self, side: SideInformation) -> Law:
        """Return the law of a variable that is not known, as side information weights its zeros."""
        return self

    def draw_prior(self, number: int, rng: np.random.Generator) -> Array:
        """Draw so many independent variables, shape (number, d)."""
        shape = (1, number, self.components)
        return np.asarray(self.draw(np.zeros(shape), np.zeros((1, 1, *2 * shape[2:])), rng)[0])

    def draw_around(self, mean: Array, precision: Array, rng: np.random.Generator) -> Array:
        """Draw every variable from its posterior, of which the mean is known instead of the field."""
        raise InputError("numbers are drawn from fields, vectors from means")


class ScalarLaw(Law):
    """A mixture on a line.

    Parameters
    ----------
    mixture
        The law.
    discrete
        Whether its atoms are the values of the prior, not nodes that stand for a density.
    """

    components = 1

    def __init__(self, mixture: Mixture, discrete: bool) -> None:
        self._mixture, self._discrete = mixture, discrete

    @property
    def component(self) -> Mixture:
        """The mixture."""
        return self._mixture

    @property
    def values(self) -> Array | None:
        """Its atoms, if they are values."""
        return self._mixture.means[:, None] if self._discrete else None

    def weighted(self, side: SideInformation) -> Law:
        """Return the law of a variable that is not known, its zeros with their weight."""
        return ScalarLaw(side.weighted(self._mixture), self._discrete)

    def moments(self, field: Array, precision: Array, hidden: Array) -> tuple[Array, Array, Array]:
        """Return means, variances and the sum of the hidden variances."""
        mean, variance = posterior_moments(self._mixture, field[..., 0], precision[..., 0, 0])
        total = (variance * hidden).sum(axis=1)
        return mean[..., None], variance[..., None], total[:, None, None]

    def draw(self, field: Array, precision: Array, rng: np.random.Generator) -> Array:
        """Draw every variable from its posterior."""
        return sample_posterior(self._mixture, field[..., 0], precision[..., 0, 0], rng)[..., None]


class NormalLaw(Law):
    """Normal vectors of mean zero and unit covariance."""

    def __init__(self, components: int) -> None:
        self.components = components

    @cached_property
    def component(self) -> Mixture:
        """A standard normal variable."""
        return Gaussian().mixture

    def _covariance(self, precision: Array) -> Array:
        return np.asarray(np.linalg.inv(np.eye(self.components) + precision), dtype=float)

    def moments(self, field: Array, precision: Array, hidden: Array) -> tuple[Array, Array, Array]:
        """Return means (1 + A)^-1 B, the diagonal of (1 + A)^-1, and its sum over hidden variables."""
        c = self._covariance(precision)
        mean = np.matmul(c, field[..., None])[..., 0] if c.shape[1] > 1 else field @ c[:, 0]
        variance = np.broadcast_to(np.diagonal(c, axis1=-2, axis2=-1), mean.shape)
        if c.shape[1] == 1:
            return mean, variance, hidden.sum(axis=1)[:, None, None] * c[:, 0]
        return mean, variance, np.einsum("bn,bncd->bcd", hidden, c)

    def draw(self, field: Array, precision: Array, rng: np.random.Generator) -> Array:
        """Draw every variable from its posterior."""
        c = self._covariance(precision)
        root = np.linalg.cholesky(c)
        normal = rng.standard_normal(field.shape)
        if c.shape[1] == 1:
            return np.asarray(field @ c[:, 0] + normal @ np.swapaxes(root[:, 0], -1, -2))
        return np.asarray(np.matmul(c, field[..., None])[..., 0] + np.matmul(root, normal[..., None])[..., 0])

    def draw_around(self, mean: Array, precision: Array, rng: np.random.Generator) -> Array:
        """Draw normal vectors of the covariance (1 + A)^-1 around their means."""
        root = np.linalg.cholesky(self._covariance(precision))
        return np.asarray(mean + np.matmul(root, rng.standard_normal(mean.shape)[..., None])[..., 0])


class VertexLaw(Law):
    """The vertices of a simplex, with equal probabilities: labels of k groups."""

    def __init__(self, groups: int) -> None:
        self.components = groups - 1
        self._values = simplex(groups)

    @property
    def values(self) -> Array:
        """The vertices, shape (k, k - 1)."""
        return self._values

    @cached_property
    def component(self) -> Mixture:
        """The first component of a vertex, whose mean and variance are those of all."""
        k = len(self._values)
        return Mixture(np.full(k, 1 / k), self._values[:, 0], np.zeros(k))

    def moments(self, field: Array, precision: Array, hidden: Array) -> tuple[Array, Array, Array]:
        """Return means, variances, and sum_j (sum_a p_ja e_a e_a^T - m_j m_j^T) over hidden variables."""
        log = self.log_weights(field, precision)
        p = np.exp(log - log.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        mean = p @ self._values
        shown = mean * hidden[..., None]
        groups = np.einsum("bn,bna->ba", hidden, p)
        total = np.einsum("ba,ac,ad->bcd", groups, self._values, self._values) - np.swapaxes(shown, 1, 2) @ mean
        return mean, p @ self._values**2 - mean**2, np.asarray(total)

    def draw(self, field: Array, precision: Array, rng: np.random.Generator) -> Array:
        """Draw every variable from its posterior."""
        log = self.log_weights(field, precision)
        return np.asarray(self._values[(log + rng.gumbel(size=log.shape)).argmax(axis=-1)])

    def draw_around(self, mean: Array, precision: Array, rng: np.random.Generator) -> Array:
        """Draw vertices with the probabilities p_a = (1 + d m.e_a)/k, which a mean m tells."""
        p = np.maximum(1 + self.components * (mean @ self._values.T), 0.0) / len(self._values)
        cumulative = np.cumsum(p, axis=-1)
        label = (rng.random((*mean.shape[:-1], 1)) * cumulative[..., -1:] > cumulative[..., :-1]).sum(axis=-1)
        return np.asarray(self._values[label])


def simplex(groups: int) -> Array:
    """Return the k vertices of a simplex in k - 1 dimensions, of length one around zero.

    Examples
    --------
    >>> e = simplex(4)
    >>> bool(np.allclose(e @ e.T, np.eye(4) * 4 / 3 - 1 / 3)), e.shape
    (True, (4, 3))
    """
    basis = np.zeros((groups - 1, groups))
    for c in range(1, groups):
        basis[c - 1, :c], basis[c - 1, c] = 1, -c
        basis[c - 1] /= math.sqrt(c * (c + 1))
    return np.asarray(basis.T * math.sqrt(groups / (groups - 1)))


@singledispatch
def vector_law(prior: Prior, components: int) -> Law:
    """Return the law of vectors with independent or labelling components of a prior.

    Raises
    ------
    InputError
        For a prior that has none.

    Examples
    --------
    >>> vector_law(PottsPrior(3), 2).values.shape
    (3, 2)
    """
    raise InputError(f"{prior!r} has no form as a vector of {components} components")


@vector_law.register(Gaussian)
def _normal(prior: Gaussian, components: int) -> Law:
    return NormalLaw(components)


@vector_law.register(PottsPrior)
def _vertices(prior: PottsPrior, components: int) -> Law:
    return VertexLaw(prior.k)


def variable_law(prior: Prior, components: int, snr: float = 0.0) -> Law:
    """Return the law of a variable with so many components, as fine as observations up to an snr ask for.

    Examples
    --------
    >>> variable_law(PottsPrior(2), 1).values.ravel().tolist()
    [-1.0, 1.0]
    """
    if components > 1:
        return vector_law(prior, components)
    return ScalarLaw(prior.resolved(snr), bool(np.isfinite(prior.entropy)))
