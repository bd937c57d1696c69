"""Finite instances of random perceptrons: patterns that nobody has taught.

M = round(alpha N) patterns, entries x_mu,i ~ N(0, 1/N), weigh weights w by prod_mu psi((x w)_mu).  There is no planted
configuration: an exact sample is known only as what a sampler that works draws.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import Instance, check_memory, check_size
from amp_theory.finite.instances.scalar_posterior import draw_independent
from amp_theory.finite.instances.scales import as_numbers, expect, fitting, mean_square, off_scale
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.models.perceptrons import RandomPerceptron
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_real


class PatternInstance(Instance):
    """An instance of a random perceptron.

    Parameters
    ----------
    model, control, size
        As for `Instance`.
    patterns
        x, shape (patterns, size), entries of variance 1/size.
    """

    model: RandomPerceptron

    def __init__(self, model: RandomPerceptron, control: float, size: int, patterns: Array) -> None:
        super().__init__(model, control, size, None)
        self.patterns = as_real("patterns", patterns)

    @cached_property
    def variables(self) -> Mixture:
        """The prior of one weight."""
        return self.model.prior.resolved(0.0)

    def _resolved(self, precision: float) -> Mixture:
        return self.model.prior.resolved(precision)

    @property
    def priors(self) -> tuple[Prior, ...]:
        """The prior of weights."""
        return (self.model.prior,)

    @property
    def sampling_ratio(self) -> float:
        """Patterns per weight of this instance, the control rounded."""
        return len(self.patterns) / self.size

    @property
    def flip_symmetric(self) -> bool:
        """False: patterns tell w from -w."""
        return False

    @property
    def hard(self) -> bool:
        """Whether psi vanishes somewhere."""
        return self.model.potential.margin is not None

    def _data(self) -> dict[str, Array]:
        return {"patterns": self.patterns}

    def _from_prior(self, rng: np.random.Generator) -> Array:
        w = draw_independent(self.model.prior, self.size, rng)
        return np.asarray(w * np.sqrt(self.size / (w @ w))) if self.model.spherical else w

    def fields(self, configurations: Array) -> Array:
        """Return the fields (x w)_mu of all patterns, shape (n, patterns).

        Parameters
        ----------
        configurations
            Weights, shape (n, size) or (size,).

        Returns
        -------
        array
            The fields.

        Raises
        ------
        InputError
            If they are of another shape, or not finite.
        """
        return np.asarray(self._checked(configurations) @ self.patterns.T)

    def interaction(self, configurations: Array) -> Array:
        """Return sum_mu log psi((x w)_mu), shape (n,): -inf where a margin is not kept."""
        potential = self.model.potential
        return np.asarray(potential.log_value(self.fields(configurations) - potential.centre).sum(axis=1))

    def violated(self, configurations: Array) -> Array:
        """Return the fraction of patterns whose field is below the margin, or the centre of a smooth potential.

        Parameters
        ----------
        configurations
            Weights, shape (n, size) or (size,).

        Returns
        -------
        array
            Fractions, shape (n,).

        Raises
        ------
        InputError
            If they are of another shape, or not finite.

        Examples
        --------
        >>> from amp_theory import Margin, RandomPerceptron, draw_instance
        >>> instance = draw_instance(RandomPerceptron(potential=Margin(-1)), control=2.0, size=100, seed=0)
        >>> instance.violated(np.ones(100)).tolist()
        [0.17]
        """
        return np.asarray((self.fields(configurations) < self.model.potential.centre).mean(axis=1))

    def energy(self, configurations: Array) -> Array:
        """Return the energy per weight, shape (n,): violated patterns of a margin, minus log psi of a smooth one."""
        if self.hard:
            return np.asarray(self.violated(configurations) * self.sampling_ratio)
        return np.asarray(-self.interaction(configurations) / self.size)


def patterns_from(
    model: RandomPerceptron, control: float | None, data: dict[str, Any], check_scale: bool
) -> PatternInstance:
    """Return an instance from patterns, shape (patterns, size); see `instance_from`."""
    expect(model, data, ("patterns",), ())
    patterns = as_numbers("patterns", data["patterns"], 2, "(patterns, size)")
    number, size = patterns.shape[0], check_size(patterns.shape[1], 2)
    instance = PatternInstance(model, fitting(model, control, number, size, "patterns"), size, patterns)
    found, error = mean_square(patterns, patterns.size)
    if check_scale and off_scale(found, error, 1 / size):
        advice = f"divide them by {math.sqrt(found * size):.4g}" if found else "give others"
        raise InputError(
            f"patterns have root mean square {math.sqrt(found):.4g}, of size {size} it must be 1/sqrt(size) = "
            f"{1 / math.sqrt(size):.4g}: {advice}; check_scale=False takes them as they are"
        )
    return instance


def draw_patterns(
    model: RandomPerceptron, control: float, size: object, rng: np.random.Generator, planted: bool
) -> PatternInstance:
    """Draw an instance of a random perceptron; see `draw_instance`."""
    n = check_size(size, 2)
    number = round(control * n)
    if number < 1:
        raise InputError(f"sampling_ratio = {control:g} and size = {n} give no pattern: make the size larger")
    check_memory(16.0 * number * n, f"{model!r} with {number} patterns of size {n}")
    patterns = rng.standard_normal((number, n))
    patterns /= math.sqrt(n)
    return PatternInstance(model, control, n, patterns)
