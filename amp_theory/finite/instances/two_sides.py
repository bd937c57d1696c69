"""Instances with variables of two kinds, u and v, that see each other through a noisy matrix.

    Y = sqrt(lambda/N) u v^T + W,   u in R^(N x d),   v in R^(M x d),   M = round(alpha N),

W independent of variance one, so that the log weight of (u, v) relative to the priors is

    sqrt(lambda/N) tr u^T Y v - (lambda/2N) tr (u^T u)(v^T v).

Variables are numbers, d = 1, or vectors: centres and labels of k = d + 1 clusters (laws.py).  A configuration is one
array of (N + M) d numbers, all components of the first u first, the v after the u: whatever takes configurations takes
these, and `kinds` tells which prior belongs to which.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.finite.instances.base import Instance, check_memory, check_size
from amp_theory.finite.instances.laws import Law, simplex, variable_law
from amp_theory.finite.instances.scalar_posterior import draw_independent
from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.models.two_sides import TwoSidedModel
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, as_real

#: rows of a matrix that are made at once
ROWS = 64


class TwoSidesInstance(Instance):
    """An instance of a model with variables of two kinds.

    Parameters
    ----------
    model, control, planted
        As for `Instance`; the planted configuration has all u, then all v.
    matrix
        Y, shape (number of u, number of v).
    """

    model: TwoSidedModel

    def __init__(self, model: TwoSidedModel, control: float, planted: Array | None, matrix: Array) -> None:
        self.matrix = as_real("matrix", matrix)
        #: the numbers of u and of v
        self.sizes = self.matrix.shape
        #: components of one variable
        self.components = model.components
        super().__init__(model, control, sum(self.sizes) * self.components, planted)
        #: lambda, in the units of the priors
        self.intensity = float(model.intensity(np.asarray(control)))
        #: lambda/N
        self.scale = self.intensity / self.sizes[0]
        #: the laws of u and of v
        self.laws: tuple[Law, Law] = tuple(variable_law(prior, self.components) for prior in model.priors)  # type: ignore[assignment]
        first = self.sizes[0] * self.components
        places = slice(0, first), slice(first, self.size)
        self._kinds = tuple((where, law.component) for where, law in zip(places, self.laws, strict=True))

    def __repr__(self) -> str:
        n, m = self.sizes
        if self.components > 1:
            return f"{super().__repr__()[:-1]} = ({n} + {m}) {self.components}>"
        return f"{super().__repr__()[:-1]} = {n} + {m}>"

    @property
    def kinds(self) -> tuple[tuple[slice, Mixture], ...]:
        """Where u and v are in a configuration, and their priors, of vectors that of a component."""
        return self._kinds

    @property
    def variables(self) -> Mixture:
        """None: there are two priors.

        Raises
        ------
        InputError
            Always: it names what takes two.
        """
        raise InputError(
            "one prior for all variables is asked for, instances of two kinds have two: run_amp, heat_bath, "
            f"draw_samples and simulate take them; got {self!r}"
        )

    @property
    def flip_symmetric(self) -> bool:
        """Whether (u, v) and (-u, -v) have equal weight."""
        return self.components == 1 and all(prior.symmetric for _, prior in self.kinds)

    def _data(self) -> dict[str, Any]:
        return {"matrix": self.matrix}

    def split(self, configurations: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return u and v of configurations of shape (..., size): a number or the components of a vector each."""
        first = self.sizes[0] * self.components
        return configurations[..., :first], configurations[..., first:]

    def vectors(self, values: Array, kind: int) -> Array:
        """Return the u (kind 0) or the v (kind 1) of arrays of shape (..., size), shape (..., number, components)."""
        return self.split(values)[kind].reshape(*values.shape[:-1], self.sizes[kind], self.components)

    def _kind_means(self, products: Array) -> tuple[Array, ...]:
        """Return overlaps per u, which is one for every component, and per v: see `Instance._kind_means`."""
        u, v = self.split(products)
        return np.asarray(u.mean(axis=-1)), np.asarray(v.sum(axis=-1) / self.sizes[1])

    @property
    def priors(self) -> tuple[Prior, ...]:
        """Those of u and of v."""
        return self.model.priors

    @property
    def blocks(self) -> Index:
        """Where the components of every variable are, shape (variables, components)."""
        return np.arange(self.size).reshape(-1, self.components)

    def _allowed_values(self, kind: int) -> Array | None:
        """Return the values of one kind's variables, shape (values, components); None where they are continuous."""
        return self.laws[kind].values

    def _completed(self, values: Array, told: Mask, rng: np.random.Generator) -> Array:
        """Return configurations (batch, size) in which a kind that was told nothing is drawn given the other one."""
        result = values.copy()
        for kind, (where, _) in enumerate(self.kinds):
            if not told[where].all():
                field, precision = self.provided(kind, self.vectors(values, 1 - kind))
                result[:, where] = self.laws[kind].draw(field, precision, rng).reshape(len(values), -1)
        return result

    def _from_prior(self, rng: np.random.Generator) -> Array:
        """Draw a configuration from the priors, shape (size,)."""
        return np.concatenate([law.draw_prior(n, rng).ravel() for law, n in zip(self.laws, self.sizes, strict=True)])

    def provided(self, kind: int, other: Array) -> tuple[Array, Array]:
        """Return what one kind sees of the other: the field sqrt(lambda/N) Y v or Y^T u, and lambda/N v^T v or u^T u.

        Parameters
        ----------
        kind
            Which kind sees, 0 (u) or 1 (v).
        other
            Vectors of the other kind, shape (batch, number, components).

        Returns
        -------
        field, precision
            Shapes (batch, number of this kind, components) and (batch, 1, components, components).
        """
        matrix = self.matrix if kind else self.matrix.T
        batch, number, d = other.shape
        rows = np.swapaxes(other, 1, 2).reshape(batch * d, number)
        field = np.swapaxes((rows @ matrix).reshape(batch, d, -1), 1, 2)
        return math.sqrt(self.scale) * field, self.scale * np.matmul(np.swapaxes(other, 1, 2), other)[:, None]

    def told(self, kind: int, side: SideInformation) -> tuple[Array, Array]:
        """Return field and precision of one kind from side information, in the shapes of `provided`.

        Raises
        ------
        InputError
            If a component of a vector is known and another one is not.
        """
        field, d = self.vectors(side.field, kind), self.components
        diagonal = self.vectors(np.broadcast_to(side.precision, (1, side.size)), kind)
        if d > 1:
            self.known(kind, side)
            if np.all(diagonal == diagonal[:, :1]):
                diagonal = diagonal[:, :1]
        return field, diagonal[..., None] * np.eye(d)

    def known(self, kind: int, side: SideInformation) -> Mask:
        """Return which u or v are known, shape (batch, number).

        Raises
        ------
        InputError
            If a component of a vector is known and another one is not.
        """
        every = self.split(side.known)[kind].reshape(side.batch, self.sizes[kind], self.components)
        if not np.all(every == every[..., :1]):
            raise InputError("a vector is known with all its components, or not: known must be alike for all of them")
        return np.asarray(every[..., 0])

    def interaction(self, configurations: Array) -> Array:
        """Return the log weight relative to the priors, shape (n,)."""
        s = self._checked(configurations)
        u, v = self.vectors(s, 0), self.vectors(s, 1)
        field, precision = self.provided(1, u)
        squares = np.matmul(np.swapaxes(v, 1, 2), v)
        return np.asarray((field * v).sum(axis=(1, 2)) - 0.5 * (precision[:, 0] * squares).sum(axis=(1, 2)))

    def energy(self, configurations: Array) -> Array:
        """Return minus the log weight per u, of vectors per row of Y, shape (n,)."""
        return np.asarray(-self.interaction(configurations) / self.sizes[0])

    def groups(self, means: Array) -> Array:
        """Return how probable each cluster is for every point, from posterior means: p_a = (1 + d v.e_a)/k.

        Parameters
        ----------
        means
            Means or configurations of clusters, shape (..., size).

        Returns
        -------
        array
            Probabilities, shape (..., points, clusters); up to a permutation of the clusters.

        Raises
        ------
        InputError
            If the means are of another shape, or v is no label of equally likely clusters.

        Examples
        --------
        >>> from amp_theory import GaussianMixture, draw_instance
        >>> instance = draw_instance(GaussianMixture(k=3, aspect=2), noise=0.1, size=10, seed=0)
        >>> instance.groups(instance.planted).sum(axis=0).round(9).tolist()
        [7.0, 7.0, 6.0]
        """
        law, s = self.laws[1], self._checked(means, "means", any_shape=True)
        e = law.values
        if e is None or not np.allclose(e @ e.T, 1 + (1 / law.components + 1) * (np.eye(len(e)) - 1)):
            raise InputError(f"groups are those of equally likely clusters, {self.model!r} has none")
        return np.asarray((1 + law.components * (self.vectors(s, 1) @ e.T)) / len(e))

    def overlap(self, a: Array, b: Array) -> Array:
        """Return the overlap of u, as `overlaps` does."""
        return self.overlaps(a, b)[0]

    def overlaps(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Return the overlaps of u and of v, up to what leaves all weights as they are.

        These are absolute values where (u, v) and (-u, -v) are alike; clusters of a are named such that their labels
        agree best with those of b.

        Parameters
        ----------
        a, b
            Configurations or means, shapes (..., size) that broadcast.

        Returns
        -------
        u, v
            sum_i a_i.b_i over the number of u and their components and over the number of v, shapes (...).

        Raises
        ------
        InputError
            If they are of other shapes, or not finite.

        Examples
        --------
        >>> from amp_theory import Gaussian, Rademacher, RectangularMatrix, draw_instance
        >>> instance = draw_instance(RectangularMatrix(Gaussian(), Rademacher(), 2), control=0.5, size=100, seed=0)
        >>> q_u, q_v = instance.overlaps(instance.planted, instance.planted)
        >>> round(float(q_u), 6), float(q_v)
        (0.947884, 1.0)
        """
        first, second = (self._checked(s, name, any_shape=True) for s, name in ((a, "a"), (b, "b")))
        try:
            first, second = np.broadcast_arrays(first, second)
        except ValueError:
            raise InputError(f"a and b must broadcast, got shapes {first.shape} and {second.shape}") from None
        if self.components > 1:
            return self._best_named(first, second)
        u, v = self._kind_means(first * second)
        return (np.abs(u), np.abs(v)) if self.flip_symmetric else (u, v)

    def _best_named(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Return overlaps after the vertices e_a have been permuted, by (d/k) sum_a e_pi(a) e_a^T, which v decides."""
        from scipy.optimize import linear_sum_assignment

        e, d = simplex(self.components + 1), self.components
        scores = []
        for kind in (0, 1):
            x, y = self.vectors(a, kind), self.vectors(b, kind)
            product = np.matmul(np.swapaxes(x, -1, -2), y)
            scores.append((e @ product @ e.T * d / (d + 1)).reshape(-1, d + 1, d + 1))
        found = np.empty((2, len(scores[0])))
        for n, (u, v) in enumerate(zip(*scores, strict=True)):
            best = linear_sum_assignment(v, maximize=True)
            found[:, n] = u[best].sum(), v[best].sum()
        found = found.reshape(2, *a.shape[:-1])
        return found[0] / (self.sizes[0] * d), found[1] / self.sizes[1]

    def observe(self, path: Path, strength: float, rng: np.random.Generator) -> SideInformation:
        """Draw what a path tells about its side of the planted configuration: see `Instance.observe`."""
        told = self._told_by(as_path(path))
        whole = replace(path, side=None)  # type: ignore[type-var]  # a dataclass
        given = super().observe(whole, strength, rng)
        known = given.known
        if self.components > 1:  # vectors are revealed whole
            of_each = as_path(whole).observe(np.zeros((1, sum(self.sizes))), strength, rng)
            known = np.repeat(of_each.known, self.components, axis=1)
        known, planted = known & told, self.planted
        assert planted is not None
        return SideInformation(
            np.where(told, given.field, 0.0), np.where(told, given.precision, 0.0), known,
            np.where(known, planted, 0.0),
        )  # fmt: skip

    def _told_by(self, path: Path) -> Mask:
        """Return which numbers of a configuration a path tells something: those of its side."""
        if not path.sided:
            raise InputError(f"of variables of two kinds Flow and Autoregressive tell something, got {path!r}")
        told = np.zeros(self.size, dtype=bool)
        for name, (where, _) in zip("uv", self.kinds, strict=True):
            told[where] = path.side in (None, "both", name)
        return told


def draw_two_sides(
    model: TwoSidedModel, control: float, size: object, rng: np.random.Generator, _planted: bool
) -> TwoSidesInstance:
    """Draw a planted instance of a model with variables of two kinds, which has no other; see `draw_instance`."""
    n, d = check_size(size, 2), model.components
    m = round(model.ratio * d * n)
    if m < 2:
        raise InputError(
            f"{model!r} and size = {n} give less than two v, {model.ratio * d:g} per u: make the size larger"
        )
    # vectors of v, and their products with vertices, are of this size too
    check_memory(24.0 * m * max(n, d), f"{model!r} with {n} u and {m} v")
    u, v = (
        variable_law(prior, d).draw_prior(k, rng) if d > 1 else draw_independent(prior, k, rng)[:, None]
        for prior, k in zip(model.priors, (n, m), strict=True)
    )
    matrix = rng.standard_normal((n, m))
    factor = math.sqrt(float(model.intensity(np.asarray(control))) / n)
    for first in range(0, n, ROWS):  # u v^T as a whole would take as much memory as the matrix
        matrix[first : first + ROWS] += factor * (u[first : first + ROWS] @ v.T)
    return TwoSidesInstance(model, control, np.append(u, v), matrix)
