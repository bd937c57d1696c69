"""What Markov chains return, and how far their records can be trusted.

For records of variance v and autocorrelation c(t)/v the variance of their mean over n records is v tau/n with

    tau = 1 + 2 sum_{t >= 1} c(t)/v    (integrated autocorrelation time, in records),

so n/tau is the effective sample size.  Split R-hat compares the variance within halves of the chains to that of
all: near 1 if they all sample one law (Vehtari et al., Bayesian Analysis 16, 2021, equations 1-4).
Estimates are those of the library arviz-stats, Geyer's initial monotone sequence over all chains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, NumericalError, as_array, integer_between
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable, of_grid

#: records per chain that the estimates need
FEWEST_RECORDS = 4


def _library() -> Any:
    try:
        from arviz_stats.base.array import array_stats
    except ImportError:
        raise InputError(
            'diagnostics of chains need the library arviz-stats: pip install "amp-theory[diagnostics]"'
        ) from None
    return array_stats


def _checked(records: Array) -> Array:
    values = np.atleast_2d(as_array("records", records, "finite"))
    if values.ndim != 2 or values.shape[1] < FEWEST_RECORDS or not np.all(np.isfinite(values)):
        raise InputError(
            f"records must be finite with shape (chains, at least {FEWEST_RECORDS}), got shape {values.shape}"
        )
    if np.ptp(values) == 0:
        raise NumericalError(
            f"all {values.size} records are {values[0, 0]:g}: their autocorrelation is not defined",
            "record more sweeps, or a quantity that changes",
            partial=values,
        )
    return values


def effective_sample_size(records: Array) -> float:
    """Return how many independent records would give the mean of all with the same accuracy.

    Parameters
    ----------
    records
        One number per record, shape (chains, records) or (records,); at least 4 records per chain.

    Raises
    ------
    InputError
        For other shapes, or if arviz-stats is not installed.
    NumericalError
        If all records are equal.
    """
    return float(_library().ess(_checked(records), method="mean"))


def integrated_autocorrelation_time(records: Array) -> float:
    """Return tau = 1 + 2 sum_t c(t)/c(0), in records, by which the effective sample size is smaller than all.

    Arguments and errors are those of `effective_sample_size`.
    """
    return float(np.size(records) / effective_sample_size(records))


def split_r_hat(records: Array) -> float:
    """Return split R-hat, near 1 if all halves of the chains sample one law, infinite if none of them moves.

    Arguments and errors are those of `effective_sample_size`.
    """
    values = _checked(records)
    half = values.shape[1] // 2
    halves = np.concatenate([values[:, :half], values[:, -half:]])
    if not np.ptp(halves, axis=1).any():
        return math.inf
    return float(_library().rhat(halves, method="identity"))


@dataclass(frozen=True, eq=False)
class MarkovChains(Reported):
    """Chains of configurations of one instance, recorded every few sweeps.

    Parameters
    ----------
    times
        Sweeps done at the records, shape (records,).
    energy
        Energy per variable in the units of `Instance.energy`, shape (chains, records).
    overlap
        Overlap with the planted configuration, shape (chains, records); None for a random instance.
    configurations
        The last configurations, shape (chains, size), from which a run can be continued.
    samples
        The configurations at all records, shape (chains, records, size), if they were asked for.
    acceptance
        Fraction of the updates that changed a variable, shape (chains,).
    sweeps
        Number of sweeps: updates of every variable.

    See Also
    --------
    heat_bath, metropolis

    Examples
    --------
    >>> from amp_theory import SherringtonKirkpatrick, draw_instance, heat_bath
    >>> instance = draw_instance(SherringtonKirkpatrick(), control=1.5, size=50, seed=0)
    >>> chains = heat_bath(instance, sweeps=200, seed=1, chains=4)
    >>> chains.chains, chains.energy.shape
    (4, (4, 200))
    """

    times: Array = field(repr=False)
    energy: Array = field(repr=False)
    overlap: Array | None = field(repr=False)
    configurations: Array = field(repr=False)
    samples: Array | None = field(repr=False)
    acceptance: Array = field(repr=False)
    sweeps: int

    @property
    def chains(self) -> int:
        """Number of chains."""
        return int(self.energy.shape[0])

    def report(self) -> str:
        """Return a readable text: how many chains, sweeps and records, and where the means ended."""
        what = f"{self.chains} chains of {self.configurations.shape[1]} variables, {self.sweeps} sweeps"
        lines = [f"{what}, {len(self.times)} records, {self.acceptance.mean():.0%} of the updates changed a variable"]
        if len(self.times):
            lines.append(f"  mean energy at the last record {self.energy[:, -1].mean():.8g} per variable")
            if self.overlap is not None:
                lines.append(f"  mean overlap with the planted configuration {self.overlap[:, -1].mean():.8g}")
        return "\n".join(lines)

    def table(self) -> ResultTable:
        """Return energy (per variable) and overlap of every chain at every record as rows."""
        axes = {"chain": np.arange(self.chains), "sweeps": self.times}
        return of_grid(str(self).splitlines()[0], axes, {"energy": self.energy, "overlap": self.overlap})

    def _kept(self, discard: int) -> Array:
        records = self.energy.shape[1]
        if records < FEWEST_RECORDS:
            raise InputError(f"diagnostics need at least {FEWEST_RECORDS} records, these chains have {records}")
        return self.energy[:, integer_between("discard", discard, 0, records - FEWEST_RECORDS) :]

    def effective_sample_size(self, discard: int = 0) -> float:
        """Return the effective sample size of the energy over all chains, without the first `discard` records.

        Parameters
        ----------
        discard
            Records that are left out at the beginning, >= 0.

        Returns
        -------
        float
            Independent samples that would tell the mean energy as well.

        Raises
        ------
        InputError
            If too few records are left, or arviz-stats is not installed.

        See Also
        --------
        MarkovChains.split_r_hat : With an example of all diagnostics.
        """
        return effective_sample_size(self._kept(discard))

    def autocorrelation_time(self, discard: int = 0) -> float:
        """Return the integrated autocorrelation time of the energy in records, without the first `discard`.

        Parameters
        ----------
        discard
            Records that are left out at the beginning, >= 0.

        Returns
        -------
        float
            Records per independent sample.

        Raises
        ------
        InputError
            If too few records are left, or arviz-stats is not installed.

        See Also
        --------
        MarkovChains.split_r_hat : With an example of all diagnostics.
        """
        return integrated_autocorrelation_time(self._kept(discard))

    def split_r_hat(self, discard: int = 0) -> float:
        """Return split R-hat of the energy, without the first `discard` records.

        Parameters
        ----------
        discard
            Records that are left out at the beginning, >= 0.

        Returns
        -------
        float
            Near 1 if the halves of all chains agree.

        Raises
        ------
        InputError
            If too few records are left, or arviz-stats is not installed.

        Examples
        --------
        >>> from amp_theory import SherringtonKirkpatrick, draw_instance, heat_bath
        >>> instance = draw_instance(SherringtonKirkpatrick(), control=1.5, size=50, seed=0)
        >>> chains = heat_bath(instance, sweeps=200, seed=1, chains=4)
        >>> chains.split_r_hat(20) < 1.1, chains.effective_sample_size(20) > 100, chains.autocorrelation_time(20) < 10
        (True, True, True)
        """
        return split_r_hat(self._kept(discard))
