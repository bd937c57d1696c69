"""Instances of models with variables of two kinds, u and v, that see each other through a noisy matrix.

    Y = sqrt(lambda/N) u v^T + W,   u in R^N,   v in R^M,   M = round(alpha N),

W independent of variance one, so that the log weight of (u, v) relative to the priors is

    sqrt(lambda/N) u.Y v - (lambda/2N) |u|^2 |v|^2.

A configuration is one array of N + M variables, u first: whatever takes configurations takes these, and `kinds` tells
which prior belongs to which.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from amp_theory.finite.instances.base import Instance, check_memory, check_size
from amp_theory.finite.instances.scalar_posterior import sample_prior
from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.models.two_sides import TwoSidedModel
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_real


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
        super().__init__(model, control, sum(self.sizes), planted)
        #: lambda, in the units of the priors
        self.intensity = float(model.intensity(np.asarray(control)))
        u, v = (prior.resolved(0.0) for prior in model.priors)
        self._kinds = (slice(0, self.sizes[0]), u), (slice(self.sizes[0], self.size), v)

    def __repr__(self) -> str:
        n, m = self.sizes
        return f"{super().__repr__()[:-1]} = {n} + {m}>"

    @property
    def kinds(self) -> tuple[tuple[slice, Mixture], ...]:
        """Where u and v are in a configuration, and their priors."""
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
            "one prior for all variables is asked for, instances of two kinds have two: run_amp and "
            f"amp_against_state_evolution take them, samplers, Markov chains and enumeration do not; got {self!r}"
        )

    @property
    def flip_symmetric(self) -> bool:
        """Whether (u, v) and (-u, -v) have equal weight."""
        return all(prior.symmetric for _, prior in self.kinds)

    def split(self, configurations: Array) -> tuple[Array, Array]:
        """Return u and v of configurations of shape (..., size)."""
        return configurations[..., : self.sizes[0]], configurations[..., self.sizes[0] :]

    def interaction(self, configurations: Array) -> Array:
        """Return the log weight relative to the priors, shape (n,)."""
        u, v = self.split(self._checked(configurations))
        scale = self.intensity / self.sizes[0]
        linear = math.sqrt(scale) * ((u @ self.matrix) * v).sum(axis=1)
        return np.asarray(linear - 0.5 * scale * (u * u).sum(axis=1) * (v * v).sum(axis=1))

    def energy(self, configurations: Array) -> Array:
        """Return minus the log weight per u, shape (n,)."""
        return np.asarray(-self.interaction(configurations) / self.sizes[0])

    def overlap(self, a: Array, b: Array) -> Array:
        """Return the overlap of u, as `overlaps` does."""
        return self.overlaps(a, b)[0]

    def overlaps(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Return the overlaps of u and of v, their absolute values where (u, v) and (-u, -v) are alike.

        Parameters
        ----------
        a, b
            Configurations or means, shapes (..., size) that broadcast.

        Returns
        -------
        u, v
            sum_i a_i b_i over the number of u and over that of v, shapes (...).

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
            product = first * second
        except ValueError:
            raise InputError(f"a and b must broadcast, got shapes {first.shape} and {second.shape}") from None
        u, v = (np.asarray(part.mean(axis=-1)) for part in self.split(product))
        return (np.abs(u), np.abs(v)) if self.flip_symmetric else (u, v)

    def observe(self, path: Path, strength: float, rng: np.random.Generator) -> SideInformation:
        """Draw what a path tells about its side of the planted configuration: see `Instance.observe`."""
        if not as_path(path).sided:
            raise InputError(f"of variables of two kinds Flow and Autoregressive tell something, got {path!r}")
        given = super().observe(replace(path, side=None), strength, rng)  # type: ignore[type-var]  # a dataclass
        told = np.zeros(self.size, dtype=bool)
        for name, (where, _) in zip("uv", self.kinds, strict=True):
            told[where] = path.side in (None, "both", name)
        return SideInformation(
            np.where(told, given.field, 0.0), np.where(told, given.precision, 0.0), given.known & told, given.values
        )


def draw_two_sides(
    model: TwoSidedModel, control: float, size: object, rng: np.random.Generator, _planted: bool
) -> TwoSidesInstance:
    """Draw a planted instance of a model with variables of two kinds, which has no other; see `draw_instance`."""
    for prior in model.priors:
        if not prior.scalar:
            raise InputError(
                f"finite instances are of variables that are numbers, those of {model!r} are vectors: take two "
                "clusters, k = 2 or weights"
            )
    n = check_size(size, 2)
    m = round(model.ratio * n)
    if m < 2:
        raise InputError(f"aspect = {model.ratio:g} and size = {n} give less than two v: make the size larger")
    check_memory(24.0 * n * m, f"{model!r} with {n} u and {m} v")
    u, v = (sample_prior(p.resolved(0.0), (k,), rng) for p, k in zip(model.priors, (n, m), strict=True))
    matrix = rng.standard_normal((n, m))
    matrix += math.sqrt(float(model.intensity(np.asarray(control))) / n) * u[:, None] * v
    return TwoSidesInstance(model, control, np.append(u, v), matrix)
