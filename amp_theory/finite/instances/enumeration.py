"""Exact enumeration of small instances: the oracle for everything else."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import Instance, as_instance, fitting_side
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, as_generator, integer_between
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.tables import ResultTable

#: configurations at most, and the variables of the largest instance
MOST_CONFIGURATIONS, MOST_VARIABLES = 2**17, 14
#: samples drawn at once at most
MOST_SAMPLES = 10**7


class Enumeration(Reported):
    """All configurations of an instance with a discrete prior and their probabilities.

    Parameters
    ----------
    instance
        At most 14 variables, and at most 2^17 configurations.

    Raises
    ------
    InputError
        If the prior is continuous or the instance too large.

    Examples
    --------
    >>> from amp_theory import Autoregressive, IsingPSpin, draw_instance
    >>> every = Enumeration(draw_instance(IsingPSpin(3), control=1.0, size=8, seed=0))
    >>> every.configurations.shape, round(float(every.probabilities().sum()), 9)
    ((256, 8), 1.0)
    >>> rng = np.random.default_rng(0)
    >>> side = Autoregressive().observe(every.instance.planted[None], 0.5, rng)
    >>> every.mean(side).shape, every.marginals(side).shape, every.denoise(side)[1].tolist()
    ((1, 8), (1, 8, 2), [True])
    >>> every.sample(3, rng).shape, round(every.log_normalisation(), 6)
    ((3, 8), 1.896787)
    """

    def __init__(self, instance: Instance) -> None:
        kinds = as_instance(instance).kinds
        if any(instance._allowed_values(kind) is None for kind in range(len(kinds))):
            raise InputError(f"enumeration needs a discrete prior, {instance!r} has a continuous one")
        if instance.blocks.shape[1] > 1:
            raise InputError(f"enumeration is for variables that are numbers, those of {instance!r} are vectors")
        counts = [len(mixture.means) for _, mixture in kinds]
        number = np.exp(
            sum((where.stop - where.start) * np.log(n) for (where, _), n in zip(kinds, counts, strict=True))
        )
        if instance.size > MOST_VARIABLES or number > MOST_CONFIGURATIONS * (1 + 1e-9):
            raise InputError(
                f"enumeration is for at most {MOST_VARIABLES} variables and {MOST_CONFIGURATIONS} configurations, "
                f"got {instance.size} variables with {' and '.join(map(str, counts))} values"
            )
        self.instance = instance

    @cached_property
    def _values(self) -> Array:
        """The values of every variable, shape (size, values), not a number where it has fewer than others."""
        most = max(len(mixture.means) for _, mixture in self.instance.kinds)
        values = np.full((self.instance.size, most), np.nan)
        for where, mixture in self.instance.kinds:
            values[where, : len(mixture.means)] = mixture.means
        return values

    @cached_property
    def _labels(self) -> Index:
        """Which of its values every variable has, shape (number, size)."""
        counts = [len(m.means) for where, m in self.instance.kinds for _ in range(where.stop - where.start)]
        return np.array(list(itertools.product(*map(range, counts))))

    def _mean_of(self, marginals: Array) -> Array:
        """Return the means of probabilities of every value of every variable, shape (..., size)."""
        return np.asarray((marginals * np.nan_to_num(self._values)).sum(axis=-1))

    @cached_property
    def configurations(self) -> Array:
        """All configurations, shape (number, size)."""
        return np.asarray(self._values[np.arange(self.instance.size), self._labels])

    @cached_property
    def log_weight(self) -> Array:
        """Logarithms of their weights, priors included, shape (number,)."""
        log_prior = sum(np.log(m.probabilities)[self._labels[:, where]].sum(axis=1) for where, m in self.instance.kinds)
        return np.asarray(log_prior + self.instance.interaction(self.configurations))

    def report(self) -> str:
        """Return a readable text: how many configurations, their normalisation, and the most probable one."""
        where = f"{len(self.configurations)} configurations of {self.instance!r}"
        best = float(self.probabilities().max())
        return f"{where}\n  log normalisation {self.log_normalisation():.12g}, largest probability {best:.8g}"

    def table(self) -> ResultTable:
        """Return all configurations as rows: the values of the variables, log weight and probability."""
        values = {f"s{i}": column for i, column in enumerate(self.configurations.T)}
        rest = {"log_weight": self.log_weight, "probability": self.probabilities()[0]}
        return ResultTable(f"{len(self.configurations)} configurations", values | rest)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: configurations, log weights (priors included), probabilities and normalisation."""
        rest = {"log_weight": self.log_weight, "probabilities": self.probabilities()[0]}
        content = {"configurations": self.configurations, **rest, "log_normalisation": self.log_normalisation()}
        return {name: plain(value) for name, value in content.items()}

    def probabilities(self, side: SideInformation | None = None) -> Array:
        """Return the probabilities of all configurations, given side information, shape (batch, number).

        Parameters
        ----------
        side
            Side information, none by default.

        Returns
        -------
        array
            Probabilities that sum to one; batch is 1 without side information.

        Raises
        ------
        InputError
            If known variables contradict the instance's constraints.
        """
        log = self._log_posterior(side)
        if not np.all(np.isfinite(log.max(axis=1))):
            raise InputError("the side information contradicts the instance: no configuration is left")
        return _normalised(log)

    def _log_posterior(self, side: SideInformation | None) -> Array:
        if side is None:
            return self.log_weight[None]
        return self.log_weight + fitting_side(self.instance, side).log_weight(self.configurations)

    def denoise(self, side: SideInformation) -> tuple[Array, Mask]:
        """Return marginals as below, and for which side informations they are not contradicted by constraints.

        Contradicted ones, which samplers that draw several variables at a time can produce, get the marginals without
        the interaction.

        Parameters
        ----------
        side
            Side information.

        Returns
        -------
        marginals, possible
            Shapes (batch, size, values) and (batch,).
        """
        log = self._log_posterior(side)
        possible: Mask = np.isfinite(log.max(axis=1))
        if not np.all(possible):
            log[~possible] = side.log_weight(self.configurations)[~possible]
        return self._marginals(_normalised(log)), possible

    def _marginals(self, probabilities: Array) -> Array:
        is_value = self.configurations[:, :, None] == self._values
        return np.asarray(np.tensordot(probabilities, is_value.astype(float), (1, 0)))

    def mean(self, side: SideInformation | None = None) -> Array:
        """Return the posterior means, shape (batch, size).

        Parameters
        ----------
        side
            Side information, none by default.

        Returns
        -------
        array
            E[s_i | side], in the units of s.

        Raises
        ------
        InputError
            If known variables contradict the instance's constraints.
        """
        return self.probabilities(side) @ self.configurations

    def marginals(self, side: SideInformation | None = None) -> Array:
        """Return the probabilities of every value of every variable, shape (batch, size, values).

        Parameters
        ----------
        side
            Side information, none by default.

        Returns
        -------
        array
            Probabilities; values in the order of the prior's atoms, zero where a kind of variables has fewer.

        Raises
        ------
        InputError
            If known variables contradict the instance's constraints.
        """
        return self._marginals(self.probabilities(side))

    def log_normalisation(self) -> float:
        """Return log sum of weights, priors normalised.

        Returns
        -------
        float
            log Z in nats of the whole instance.
        """
        top = float(self.log_weight.max())
        return top + float(np.log(np.exp(self.log_weight - top).sum()))

    def sample(self, number: int, rng: np.random.Generator) -> Array:
        """Draw independent exact samples, shape (number, size).

        Parameters
        ----------
        number
            How many, >= 0.
        rng
            A generator of random numbers.

        Returns
        -------
        array
            The configurations.

        Raises
        ------
        InputError
            If the number is out of range, or there is no generator.
        """
        many, generator = integer_between("number", number, 0, MOST_SAMPLES), as_generator("rng", rng)
        return self.configurations[generator.choice(len(self.configurations), many, p=self.probabilities()[0])]


def _normalised(log_weight: Array) -> Array:
    """Return probabilities along the last axis."""
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
