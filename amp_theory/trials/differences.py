"""Differences of samples, tested: of two samples of numbers, and of means over instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError

#: probability that a sampler whose excess is the margin is not called successful
POWER = 0.95
#: scatter of numbers which are equal, relative to them
ROUNDING = 1e-12
#: confidence of the interval of a fraction
CONFIDENCE = 0.95


def wilson(fraction: Array, instances: int) -> tuple[Array, Array]:
    """Return the ends of Wilson's interval of a fraction of independent instances.

    Examples
    --------
    >>> low, high = wilson(np.array([0.0, 0.5]), 10)
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0, 0.2366], [0.2775, 0.7634])
    """
    from scipy.special import ndtri

    n, z, p = instances, float(ndtri((1 + CONFIDENCE) / 2)), np.asarray(fraction, dtype=float)
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return np.maximum(0.0, low), np.minimum(1.0, high)


def two_sample_p_value(first: Array, second: Array) -> float:
    """Return the p value of the Kolmogorov-Smirnov test that two samples of numbers have one law.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> two_sample_p_value(rng.normal(size=100), rng.normal(2, 1, 100)) < 1e-6
    True
    """
    from scipy.stats import ks_2samp

    a, b = (np.ravel(np.asarray(x, dtype=float)) for x in (first, second))
    if not len(a) or not len(b) or not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        raise InputError("two samples of finite numbers are needed, neither of them empty")
    return float(ks_2samp(a, b).pvalue)


def rank_sum_score(first: Array, second: Array) -> float:
    """Return the z score of the rank-sum test, positive if the first numbers are larger, 0 if all are equal.

    Examples
    --------
    >>> round(rank_sum_score(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.5])), 6)
    1.527525
    """
    from scipy.stats import rankdata

    n, m = len(first), len(second)
    ranks = rankdata(np.concatenate([first, second]))
    # variance of the sum of n ranks drawn without replacement, ties included
    variance = n * m / (n + m) * float(np.var(ranks, ddof=1))
    return float((ranks[:n].sum() - n * (n + m + 1) / 2) / math.sqrt(variance)) if variance else 0.0


@dataclass(frozen=True)
class Difference:
    """A difference whose mean over instances is tested.

    Parameters
    ----------
    value, error
        The mean, and the standard error that the tests use; infinite for one instance.
    instances
        How many.
    """

    value: float
    error: float
    instances: int

    @classmethod
    def of(cls, values: Sequence[float], sampling_errors: Sequence[float]) -> Difference:
        """Return the mean with the larger of two errors: scatter over instances, and of the samples within them."""
        mean, scatter = mean_and_error(values)
        if scatter <= ROUNDING * max(abs(v) for v in values):
            scatter = 0.0
        within = math.sqrt(float(np.mean(np.square(sampling_errors))) / len(values))
        return cls(mean, max(scatter, within), len(values))

    def _tail(self, distance: float) -> float:
        """Return the probability that the mean is this far above what is expected; without scatter, that signs are."""
        from scipy.special import stdtr

        if self.error:
            return float(stdtr(self.instances - 1, -distance / self.error))
        chance = 0.5**self.instances
        return chance if distance > 0 else 1 - chance if distance < 0 else 0.5

    def above(self, bound: float) -> float:
        """Return the p value of a mean <= bound, by Student's t; 1 for one instance."""
        return self._tail(self.value - bound) if self.instances > 1 else 1.0

    @property
    def p_value(self) -> float:
        """The two-sided p value of mean zero; 1 for one instance."""
        return 2 * self._tail(abs(self.value)) if self.instances > 1 else 1.0

    @property
    def bound(self) -> float:
        """What the mean's absolute value is below, with probability POWER; infinite for one instance."""
        from scipy.special import stdtrit

        if self.instances < 2:
            return math.inf
        return abs(self.value) + float(stdtrit(self.instances - 1, POWER)) * self.error

    def __str__(self) -> str:
        return f"{self.value:+.4g} +- {self.error:.2g}"


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard error, infinite for a single value."""
    n = len(values)
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.inf
