"""Judging samplers: an excess over exact samples, tested against zero and against the size of a failure.

On every instance two means are compared which are equal for an exact sampler: the energy per variable of what it draws
and of exact samples; its overlap with one exact sample, the planted configuration, and overlaps among what it draws
(Nishimori).  Samples of one instance share its disorder, and chains from one planted configuration share that one, so
that an instance counts as *one* observation of either difference, however large the batch.  Differences have mean zero
over instances if the sampler is exact, and are tested by Student's t with one degree of freedom less than there are
instances; where instances scatter less than samples within them do, as on the lattice of discrete energies, the error
is that of the samples.  For means over a batch, which are close to normal,

- an exact sampler is called biased or failing with probability LEVEL at most, both differences together (Bonferroni);
- a sampler whose excess is the margin is called successful with probability 1 - POWER at most: both intervals of two
  one-sided tests must lie inside the margins.  With fewer than FEWEST_INSTANCES that much cannot be said even of a
  sampler that fails completely on every second instance.

The margin is a fraction MARGIN of the energy between random and exact configurations, of the overlap that of an exact
sample with itself: the weakest failures of noisy XORSAT beyond its thresholds (figures/referee_xorsat.csv).  A sampler

- is biased if a difference is not zero, at this size and with these sweeps or steps: larger sizes or longer runs may
  remove it, which one run cannot tell from a failure;
- fails, of Markov chains only, if moreover the excess energy is above the margin and more than KEPT of what it was
  after a quarter of the sweeps: as far as tested, time does not help.  Denoisers err by finite size, which one size
  cannot show: for them there is no more than biased;
- succeeds if no difference is seen, and a failure by the margin is excluded;
- is too small to tell where theory says that it fails as the size grows and this run cannot show it, or that a chain
  works which fails here: `expected` says how large a failure is, and from which size on it can be seen;
- is undecided otherwise, and the reason says what is missing.

Whether laws agree instance by instance is told, too: the two-sample test of Kolmogorov and Smirnov on both quantities
(twice the smaller p value; a sampler agrees above LEVEL) and the z scores of the rank-sum test of the energies,
combined over instances (Stouffer).  They take samples of an instance as independent, which chains from one planted
configuration are not where they stay near it.  So they call nobody biased; but no sampler succeeds unless the 95 %
interval (Wilson) of the fraction of instances on which it agrees lies above one half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable, of_rows
from amp_theory.trials.differences import POWER, Difference, mean_and_error, wilson
from amp_theory.trials.expected import TOO_SMALL, Theory

#: a test rejects below this p value: one exact sampler in a hundred
LEVEL = 0.01
#: the margin in units of what separates random from exact configurations
MARGIN = 0.05
#: an excess that time does not remove keeps more than this between a quarter of the sweeps and all
KEPT = 0.75
#: instances below which no sampler succeeds: half of all may fail, and none of these, with probability 1 - POWER
FEWEST_INSTANCES = math.ceil(math.log(1 - POWER, 0.5))
#: samples on both sides, below which no difference reaches the level: 2 times 2 n!^2/(2n)! <= LEVEL
FEWEST = 6

Outcome = Literal["succeeds", "biased", "fails", "undecided", "too small to tell"]


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
    energy_error, overlap_error
        Standard errors of the two differences if samples of the instance were independent.
    early_energy
        The mean energy after a quarter of the sweeps; None for denoising samplers, and if it was not kept.
    """

    energy: float
    reference_energy: float
    overlap: float
    mutual_overlap: float
    p_value: float
    spread: float
    shift: float
    reliable: float
    energy_error: float = 0.0
    overlap_error: float = 0.0
    early_energy: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether the configurations could be exact samples."""
        return self.p_value > LEVEL


@dataclass(frozen=True)
class Terms:
    """What a sampler is held to.

    Parameters
    ----------
    margin, overlap_margin
        Excess energy per variable, and difference of overlaps, that count as a failure.
    size
        Number of variables.
    effort
        In words: how many sweeps or steps.
    chain
        Whether it is a Markov chain.
    doubt
        Why the reference may not be exact; empty if it is.
    theory
        What theory says of the sampler as the size grows; None where nobody has asked.
    """

    margin: float
    overlap_margin: float
    size: int
    effort: str
    chain: bool
    doubt: str = ""
    theory: Theory | None = None


@dataclass(frozen=True)
class SamplerJudgement(Reported):
    """One sampler over all instances.

    Parameters
    ----------
    sampler
        Its name.
    instances
        The judgements of the instances.
    terms
        What it is held to.

    See Also
    --------
    simulate : Which returns them, with an example.
    """

    sampler: str
    instances: tuple[InstanceJudgement, ...]
    terms: Terms

    @property
    def energy_difference(self) -> tuple[float, float]:
        """Mean over instances of energy minus reference, and its standard error (infinite for one instance)."""
        return mean_and_error([i.energy - i.reference_energy for i in self.instances])

    @property
    def overlap_difference(self) -> tuple[float, float]:
        """Mean over instances of overlap minus mutual overlap, and its standard error."""
        return mean_and_error([i.overlap - i.mutual_overlap for i in self.instances])

    @property
    def early_energy_difference(self) -> float | None:
        """Mean excess energy after a quarter of the sweeps; None for denoising samplers, and if it was not kept."""
        rows = self.instances
        early = [i.early_energy - i.reference_energy for i in rows if i.early_energy is not None]
        return float(np.mean(early)) if len(early) == len(rows) else None

    @property
    def fraction(self) -> tuple[float, float, float]:
        """Fraction of the instances on which the sampler agrees, and the ends of its confidence interval."""
        p = sum(i.agrees for i in self.instances) / len(self.instances)
        low, high = wilson(np.asarray(p), len(self.instances))
        return p, float(low), float(high)

    @property
    def shift_p_value(self) -> float:
        """Probability of combined rank-sum scores as large as these, if all samples were exact and independent."""
        score = sum(i.shift for i in self.instances) / math.sqrt(len(self.instances))
        return math.erfc(abs(score) / math.sqrt(2))

    @property
    def p_value(self) -> float:
        """Probability of differences as large as these, over instances, of an exact sampler."""
        return min(1.0, 2 * min(self._energy.p_value, self._overlap.p_value))

    @property
    def outcome(self) -> Outcome:
        """Whether the sampler succeeds, is biased or fails, at this size and effort; undecided if that is not known."""
        return self._decision[0]

    @property
    def reason(self) -> str:
        """Why, with size, number of instances, and sweeps or steps."""
        where = f"at size {self.terms.size}, on {len(self.instances)} instances, with {self.terms.effort}"
        return f"{where}: {self._decision[1]}"

    @cached_property
    def _energy(self) -> Difference:
        rows = self.instances
        return Difference.of([i.energy - i.reference_energy for i in rows], [i.energy_error for i in rows])

    @cached_property
    def _overlap(self) -> Difference:
        rows = self.instances
        return Difference.of([i.overlap - i.mutual_overlap for i in rows], [i.overlap_error for i in rows])

    @cached_property
    def _kept(self) -> Difference | None:
        """The excess energy minus KEPT times that after a quarter of the sweeps; None if that is not known."""
        rows, excess = self.instances, []
        for i in rows:
            if i.early_energy is None:
                return None
            excess.append(i.energy - i.reference_energy - KEPT * (i.early_energy - i.reference_energy))
        return Difference.of(excess, [i.energy_error for i in rows])

    @cached_property
    def _decision(self) -> tuple[Outcome, str]:
        """The outcome and its reason, after what theory says of larger sizes."""
        tested, theory = self._tested, self.terms.theory
        if theory is None or not theory.told(self.terms.size):
            return tested
        hidden = theory.hidden(tested[0], self.terms.size)
        said = f"theory: {theory.told(self.terms.size)}"
        if tested[0] == "biased" and theory.answer.succeeds:
            said += ", by which this is an effect of the size, steps or sweeps"
        return (TOO_SMALL, f"{said}, but {hidden} ({tested[1]})") if hidden else (tested[0], f"{tested[1]}; {said}")

    @cached_property
    def _tested(self) -> tuple[Outcome, str]:
        """The outcome of the tests alone, and its reason."""
        if self.p_value > LEVEL:
            missing = self._missing()
            if missing:
                return "undecided", "no difference from exact samples is seen, but " + "; ".join(missing)
            return "succeeds", (
                f"no difference from exact samples is seen, and a failure by the margin {self.terms.margin:.3g} is "
                f"excluded (excess energy {self._energy}, power {POWER:g})"
            )
        if self.terms.doubt and self._energy.above(0.0) > LEVEL / 4:
            return "undecided", f"differs from the reference, but {self.terms.doubt}"
        seen = f"{self._seen()} is not zero (p = {self.p_value:.1g}, significance {LEVEL:g}), {self._place()}"
        failing = self._energy.above(self.terms.margin) <= LEVEL / 2
        if (
            failing
            and self.terms.chain
            and not self.terms.doubt
            and self._kept is not None
            and self._kept.above(0.0) <= 1 - POWER
        ):
            return "fails", f"{seen}, and more than {KEPT:.0%} of it is left since a quarter of the sweeps"
        return "biased", f"{seen}; {self._open()}"

    def _missing(self) -> list[str]:
        """Return what keeps a sampler from success of which no difference is seen."""
        number, found = len(self.instances), []
        if number < FEWEST_INSTANCES:
            found.append(
                f"fewer than {FEWEST_INSTANCES} instances do not exclude, at power {POWER:g}, that half of all fail"
            )
        for what, d, margin in (
            ("energy", self._energy, self.terms.margin), ("overlap", self._overlap, self.terms.overlap_margin),
        ):  # fmt: skip
            if number > 1 and d.bound > margin:
                found.append(
                    f"the difference of {what}, {d}, may be as large as {d.bound:.3g}, above the margin {margin:.3g}"
                )
        if number >= FEWEST_INSTANCES and self.fraction[1] <= 0.5:
            found.append("the laws of energies and overlaps agree on too few instances")
        return [*found, self.terms.doubt] if self.terms.doubt else found

    def _seen(self) -> str:
        """Return the difference that is the more significant one."""
        energy, overlap = self._energy, self._overlap
        if energy.p_value <= overlap.p_value:
            return f"the excess energy {energy}"
        return f"the difference {overlap} of the overlaps with an exact sample and with each other"

    def _place(self) -> str:
        """Return where the excess energy lies with respect to the margin."""
        margin = self.terms.margin
        if self._energy.bound < margin:
            return f"the excess energy below the margin {margin:.3g}"
        if self._energy.above(margin) <= 1 - POWER:
            return f"the excess energy above the margin {margin:.3g}"
        return f"the excess energy below or above the margin {margin:.3g}"

    def _open(self) -> str:
        """Return what one run does not tell about a bias."""
        if self.terms.chain:
            early = self.early_energy_difference
            before = "" if early is None else f"after a quarter of the sweeps the excess energy was {early:+.4g}: "
            return f"{before}a slow chain is not told from one that fails, and more sweeps may remove it"
        return "an effect of the size or of the steps is not told from a failure: compare several sizes"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        (energy, energy_error), (overlap, overlap_error) = self.energy_difference, self.overlap_difference
        fraction, low, high = self.fraction

        def number(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "p_value": self.p_value,
            "significance": LEVEL,
            "power": POWER,
            "margin": self.terms.margin,
            "overlap_margin": self.terms.overlap_margin,
            "energy_bound": number(self._energy.bound),
            "overlap_bound": number(self._overlap.bound),
            "size": self.terms.size,
            "instances": len(self.instances),
            "effort": self.terms.effort,
            "fraction": {"value": fraction, "interval": [low, high]},
            "energy_difference": {"value": energy, "error": number(energy_error)},
            "overlap_difference": {"value": overlap, "error": number(overlap_error)},
            "early_energy_difference": self.early_energy_difference,
            "reliable": float(np.mean([i.reliable for i in self.instances])),
            "shift_p_value": self.shift_p_value,
            "p_values": [i.p_value for i in self.instances],
            "theory": None if self.terms.theory is None else self.terms.theory.to_dict(self.terms.size),
        }

    def report(self) -> str:
        """Return a readable text: the outcome, what was measured, and why."""
        return f"{self}\n  {self.reason}"

    def table(self) -> ResultTable:
        """Return the judgement as one row; errors are standard errors over instances."""
        return judgements_table("judgement", [self])

    def __str__(self) -> str:
        (energy, error), (fraction, low, high) = self.energy_difference, self.fraction
        return (
            f"{self.sampler:<20}{self.outcome:<18}agrees on {fraction:.0%} of {len(self.instances)} instances "
            f"({low:.0%} to {high:.0%}), energy - exact = {energy:+.5f} +- {error:.1g}"
        )


def judgements_table(title: str, judgements: Sequence[SamplerJudgement]) -> ResultTable:
    """Return judgements as rows; energies are per variable, in units of the model's Hamiltonian."""
    rows = []
    for j in judgements:
        measured = (*j.energy_difference, *j.overlap_difference, *j.fraction, j.p_value, j.shift_p_value)
        expected = (None, None) if j.terms.theory is None else j.terms.theory.sizes
        rows.append(
            (j.sampler, j.outcome, len(j.instances), j.terms.size, *measured, j.terms.effort, j.reason, *expected)
        )
    names = ["sampler", "outcome", "instances", "size"]
    names += [f"{prefix}{what}_difference" for what in ("energy", "overlap") for prefix in ("", "error_of_")]
    names += ["agreeing", "agreeing_from", "agreeing_to", "p_value", "shift_p_value", "effort", "reason"]
    names += ["nats_per_variable", "visible_size"]
    return of_rows(title, names, rows)
