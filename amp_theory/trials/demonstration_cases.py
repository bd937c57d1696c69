"""Demonstrations and their outcomes: statements about samplers at infinite size, each a number that vanishes or not.

A demonstration is fixed before it is run: cases, each a number measured on instances that vanishes at large sizes where
theory says that a sampler works, and does not where it fails; sizes, instances, and the margin below which it counts as
nothing.  Means over instances are extrapolated (extrapolation.py), and a case is

- seen, if all that the extrapolation allows is below the margin, for a sampler that works, or above zero, for one that
  fails, the number of theory inside where there is one;
- refuted, if all of it is above the margin though the sampler should work, below though it should fail, or beside the
  number of theory;
- undecided else, as where neither law of the extrapolation fits the means (p value below `MISFIT`), or a size has so
  few instances (below `FEWEST`) that their standard error is not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from amp_theory.trials.extrapolation import Extrapolation
from amp_theory.trials.on_instances import OnInstance

#: by how many widths of what is allowed the number of theory must be outside to be refuted, not only missed
BESIDE = 1.5
#: p value below which an extrapolation says nothing, and instances of a size that tell their standard error
MISFIT, FEWEST = 1e-3, 4


@dataclass(frozen=True)
class Case:
    """One sampler at one control.

    Parameters
    ----------
    label
        What it is called, one line; it chooses the random numbers.
    trial
        What is measured on an instance.
    instances
        How many instances by their number of variables, at least two of these.
    works
        Whether theory says that the number vanishes at infinite size; None if nothing is said, as of fewer sweeps.
    margin
        What counts as nothing, in units of the number, > 0.
    expected
        The number of theory at infinite size; None if it is not known.
    """

    label: str
    trial: OnInstance
    instances: Mapping[int, int]
    works: bool | None
    margin: float
    expected: float | None = None


@dataclass(frozen=True)
class Demonstration:
    """A statement, what would refute it, and the cases that decide; fixed before any run."""

    name: str
    statement: str
    refuted_by: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class CaseOutcome:
    """What was seen of a case.

    Parameters
    ----------
    case
        The case.
    means
        Mean and standard error by size.
    instances
        How many there are by size.
    at_infinity
        The extrapolation; None with one size.
    outcome
        "seen", "refuted" or "undecided"; "shown" where nothing is claimed.

    See Also
    --------
    demonstrate : With an example.
    """

    case: Case
    means: dict[int, tuple[float, float]]
    instances: dict[int, int]
    at_infinity: Extrapolation | None
    outcome: str

    @property
    def extrapolated(self) -> dict[int, tuple[float, float]]:
        """The means whose errors are known, which alone are extrapolated."""
        return with_errors(self.means)

    @property
    def leaves(self) -> bool:
        """Whether what is extrapolated is beyond what a mean can be, such as a fraction below 0 or above 1.

        The laws are straight lines in a power of the size, which then bend before they end.  The outcome asks on which
        side of the margin all of them end, not for the number.
        """
        bounds = self.case.trial.bounds
        return (
            bounds is not None and self.at_infinity is not None and not bounds[0] <= self.at_infinity.value <= bounds[1]
        )

    def __str__(self) -> str:
        case, found = self.case, self.at_infinity
        value = "no extrapolation from one size" if found is None else f"{found} at infinite size"
        if self.leaves:
            value += ", which no mean can be: the laws do not hold up to there"
        if case.works is None:
            return f"{case.label}: {value}"
        theory = "" if case.expected is None else f", by {case.expected:.4g}"
        return f"{case.label}: {value}; theory: it {'works' if case.works else 'fails'}{theory}: {self.outcome}"


def with_errors(means: Mapping[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    """Return the means by size whose errors are known: one instance has none.

    Examples
    --------
    >>> with_errors({100: (0.3, 0.1), 200: (0.2, float("inf"))})
    {100: (0.3, 0.1)}
    """
    return {n: mean for n, mean in means.items() if 0 < mean[1] < math.inf}


def outcome_of(case: Case, found: Extrapolation | None, fewest: int = FEWEST) -> str:
    """Return what an extrapolation says of a case, its sizes having `fewest` instances or more.

    Examples
    --------
    >>> from amp_theory.trials.on_instances import Redundant
    >>> case = Case("random order", Redundant(3, 0.7, "random", 100), {100: 2, 200: 2}, works=True, margin=0.1)
    >>> [outcome_of(case, Extrapolation(x, 0.01, x - 0.02, x + 0.02, None)) for x in (0.0, 0.1, 0.2)]
    ['seen', 'undecided', 'refuted']
    """
    if case.works is None:
        return "shown"
    if found is None or fewest < FEWEST or (found.p_value is not None and found.p_value < MISFIT):
        return "undecided"
    if case.works:
        return "seen" if found.high < case.margin else "refuted" if found.low > case.margin else "undecided"
    if found.high < case.margin:
        return "refuted"
    if case.expected is not None:
        beside = abs(case.expected - found.value) / max(found.high - found.value, 1e-300)
        if beside > 1:
            return "refuted" if beside > BESIDE else "undecided"
    return "seen" if found.low > 0 else "undecided"
