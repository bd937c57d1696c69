"""Judging samplers: energies against those of exact samples, overlaps against each other, instance by instance.

Two two-sample tests of Kolmogorov and Smirnov:

- the energy per variable of what a sampler draws, against that of exact samples of the same instance;
- its overlap with one exact sample, the planted configuration, against overlaps among what it draws, which have one
  law if it is exact (Nishimori).

Twice the smaller p value is kept (Bonferroni).  A sampler agrees on an instance if it is above LEVEL, and over
instances the fraction that agrees has a 95 % confidence interval (Wilson).  Small shifts of the energy add up over
instances: the z scores of the rank-sum test (Mann and Whitney), one of each instance, are combined (Stouffer).  A
sampler

- fails if the interval lies below one half, or if the combined test sees a shift at LEVEL which is larger than the
  standard deviation of the exact energies of an instance;
- is biased if the combined test sees a smaller shift;
- succeeds if the interval lies above one half and no shift is seen;
- is undecided otherwise: more instances are needed.

Energies per variable spread by a multiple of 1/sqrt(size): the tests sharpen as instances grow, so that they also see
what message passing misses by finite size; the energy difference tells how much that is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from amp_theory.errors import InputError
from amp_theory.quadrature import Array

#: a test rejects below this p value: one exact sampler in a hundred
LEVEL = 0.01
#: samples on both sides, below which no difference reaches the level: 2 times 2 n!^2/(2n)! <= LEVEL
FEWEST = 6
#: confidence of the interval for the fraction of instances on which a sampler agrees
CONFIDENCE = 0.95

Outcome = Literal["succeeds", "biased", "fails", "undecided"]


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
class InstanceJudgement:
    """One sampler on one instance.

    Parameters
    ----------
    energy, reference_energy
        Mean energies per variable of the sampler's configurations and of the exact samples.
    overlap, mutual_overlap
        Mean overlaps of the sampler's configurations with an exact sample, and with each other.
    p_value
        Of both two-sample tests together.
    spread
        Standard deviation of the energies of the exact samples.
    shift
        The z score of the rank-sum test of the energies, positive if they are too large.
    reliable
        Fraction of the configurations for which the denoiser converged at every step; 1 for Markov chains.
    """

    energy: float
    reference_energy: float
    overlap: float
    mutual_overlap: float
    p_value: float
    spread: float
    shift: float
    reliable: float

    @property
    def agrees(self) -> bool:
        """Whether the configurations could be exact samples."""
        return self.p_value > LEVEL


@dataclass(frozen=True)
class SamplerJudgement:
    """One sampler over all instances.

    Parameters
    ----------
    sampler
        Its name.
    instances
        The judgements of the instances.
    """

    sampler: str
    instances: tuple[InstanceJudgement, ...]

    @property
    def energy_difference(self) -> tuple[float, float]:
        """Mean over instances of energy minus reference, and its standard error (infinite for one instance)."""
        return _mean([i.energy - i.reference_energy for i in self.instances])

    @property
    def overlap_difference(self) -> tuple[float, float]:
        """Mean over instances of overlap minus mutual overlap, and its standard error."""
        return _mean([i.overlap - i.mutual_overlap for i in self.instances])

    @property
    def fraction(self) -> tuple[float, float, float]:
        """Fraction of the instances on which the sampler agrees, and the ends of its confidence interval."""
        from scipy.stats import binomtest

        number = sum(i.agrees for i in self.instances)
        interval = binomtest(number, len(self.instances)).proportion_ci(CONFIDENCE, "wilson")
        return number / len(self.instances), float(interval.low), float(interval.high)

    @property
    def shift_p_value(self) -> float:
        """Probability of a combined shift of the energy as large as this, if there is none."""
        score = sum(i.shift for i in self.instances) / math.sqrt(len(self.instances))
        return math.erfc(abs(score) / math.sqrt(2))

    @property
    def outcome(self) -> Outcome:
        """Whether the sampler succeeds, is biased, fails, or more instances are needed to tell."""
        _, low, high = self.fraction
        shifted = self.shift_p_value <= LEVEL
        large = abs(self.energy_difference[0]) > np.mean([i.spread for i in self.instances])
        if high < 0.5 or (shifted and large):
            return "fails"
        if shifted:
            return "biased"
        return "succeeds" if low > 0.5 else "undecided"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        (energy, energy_error), (overlap, overlap_error) = self.energy_difference, self.overlap_difference
        fraction, low, high = self.fraction

        def number(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "outcome": self.outcome,
            "fraction": {"value": fraction, "interval": [low, high]},
            "energy_difference": {"value": energy, "error": number(energy_error)},
            "overlap_difference": {"value": overlap, "error": number(overlap_error)},
            "reliable": float(np.mean([i.reliable for i in self.instances])),
            "shift_p_value": self.shift_p_value,
            "p_values": [i.p_value for i in self.instances],
        }

    def __str__(self) -> str:
        (energy, error), (fraction, low, high) = self.energy_difference, self.fraction
        return (
            f"{self.sampler:<20}{self.outcome:<11}agrees on {fraction:.0%} of {len(self.instances)} instances "
            f"({low:.0%} to {high:.0%}), energy - exact = {energy:+.5f} +- {error:.1g}"
        )


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard error, infinite for a single value."""
    n = len(values)
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.inf
