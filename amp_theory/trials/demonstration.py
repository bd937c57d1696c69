"""Demonstrations: what theory says of samplers at infinite size, held against runs at several sizes.

What they are, and how outcomes follow, is in demonstration_cases.py.

The stream of random numbers of an instance depends on the case, the size and its number alone, so that runs of some
sizes or instances repeat those of a larger run, and more can be added to a table of them.
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.finite.instances.base import check_master_seed
from amp_theory.tools.arrays import Array
from amp_theory.tools.checkpoints import Result, State
from amp_theory.tools.errors import FileError, InputError, as_list, integer_between, told
from amp_theory.tools.files import as_file
from amp_theory.tools.reports import Reported
from amp_theory.tools.runs import run_tasks
from amp_theory.tools.tables import ResultTable, of_rows
from amp_theory.trials.demonstration_cases import Case, CaseOutcome, Demonstration, outcome_of, with_errors
from amp_theory.trials.extrapolation import mean_with_resolution, to_infinite_size
from amp_theory.trials.on_instances import OnInstance, seed_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: columns of a table of instances
COLUMNS = ("case", "size", "instance", "value", "seconds")
MOST_INSTANCES = 10**6


@dataclass(frozen=True, eq=False)
class DemonstrationRun(Reported):
    """What a demonstration found.

    Parameters
    ----------
    demonstration, seed
        What was asked, and the master seed.
    values, seconds
        What was measured, and the processor time it took, by case and size, an entry for every instance.

    See Also
    --------
    demonstrate : With an example.
    """

    demonstration: Demonstration
    seed: int
    values: dict[tuple[str, int], Array] = field(repr=False)
    seconds: dict[tuple[str, int], Array] = field(repr=False)

    @property
    def outcomes(self) -> tuple[CaseOutcome, ...]:
        """What was seen of every case, in order."""
        return tuple(self._outcome(case) for case in self.demonstration.cases)

    def _outcome(self, case: Case) -> CaseOutcome:
        here = {size: v for (label, size), v in self.values.items() if label == case.label}
        means = {n: mean_with_resolution(v.tolist(), case.trial.resolution(n)) for n, v in here.items()}
        known = with_errors(means)
        found, fewest = to_infinite_size(known) if len(known) > 1 else None, min(map(len, here.values()), default=0)
        return CaseOutcome(case, means, {n: len(v) for n, v in here.items()}, found, outcome_of(case, found, fewest))

    @property
    def hours(self) -> float:
        """Processor hours of all instances together."""
        return float(sum(s.sum() for s in self.seconds.values()) / 3600)

    def table(self) -> ResultTable:
        """Return a row for every instance: what was measured, and the seconds it took."""
        rows = [
            (label, size, k, value, second)
            for (label, size), values in self.values.items()
            for k, (value, second) in enumerate(zip(values.tolist(), self.seconds[label, size].tolist(), strict=True))
        ]
        return of_rows(self.demonstration.statement, COLUMNS, rows)

    def summary(self) -> ResultTable:
        """Return a row for every case: what is extrapolated, what theory says, and the outcome.

        Returns
        -------
        ResultTable
            With a title, columns and their units.

        See Also
        --------
        demonstrate : With an example.
        """
        rows = []
        for o in self.outcomes:
            found, size = o.at_infinity, max(o.means)
            numbers = (found.value, found.error, found.p_value) if found else (None, None, None)
            rows.append((o.case.label, size, o.instances[size], *numbers, o.case.expected, o.case.margin, o.outcome))
        names = (
            "case", "largest_size", "instances", "value", "error_of_value", "p_value", "expected", "margin", "outcome",
        )  # fmt: skip
        return of_rows(self.demonstration.statement, names, rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the statement, and what was seen of every case."""
        asked, summary = self.demonstration, self.summary()
        return {
            "demonstration": asked.name, "statement": asked.statement, "refuted_by": asked.refuted_by,
            "seed": self.seed, "processor_hours": self.hours,
            "cases": [dict(zip(summary.columns, row, strict=True)) for row in summary.rows()],
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text: the statement, what would refute it, and every case with its means."""
        asked = self.demonstration
        lines = [asked.statement, f"  refuted if {asked.refuted_by}"]
        for found in self.outcomes:
            lines.append(f"  {found}")
            lines += [
                f"    N = {n}: {found.case.trial.quantity} {mean:.5g} +- {error:.2g}, {found.instances[n]} instances"
                for n, (mean, error) in sorted(found.means.items())
            ]
        return "\n".join([*lines, f"  {self.hours:.3g} processor hours"])

    def plot(
        self, ax: Axes | None = None, *, cases: Sequence[str] | None = None, legend: bool | str = True,
        title: str | bool | None = None, style: str | Mapping[str, Any] | None = None,
    ) -> Axes:  # fmt: skip
        """Draw every instance, means by size, what the extrapolation allows up to infinite size, and theory there.

        Pale there: the number of theory, the margin around zero of what works, an arrow up for what fails.

        Parameters
        ----------
        ax
            Where to draw; a new figure by default.
        cases
            Labels of the cases to draw; all by default.
        legend
            True writes names beside lines, with what was refuted or left undecided; a place or False as for
            `plot_diagram`.
        title, style
            As for `plot_diagram`.

        Returns
        -------
        matplotlib.axes.Axes
            Where the picture is.

        Raises
        ------
        InputError
            For a label that is no case's, or an option that does not exist.

        See Also
        --------
        demonstrate : With an example.
        """
        from amp_theory.trials.demonstration_picture import plot_demonstration

        known = [case.label for case in self.demonstration.cases]
        wanted = known if cases is None else as_list("cases", cases, "labels")
        if missing := [label for label in wanted if label not in known]:
            raise InputError(f"{missing[0]!r} is no case of {self.demonstration.name}: they are {', '.join(known)}")
        shown = [o for o in self.outcomes if o.case.label in wanted]
        if not shown:
            raise InputError(f"cases must have at least one label of {', '.join(known)}")
        return plot_demonstration(shown, self.values, ax, legend=legend, title=title, style=style)


@dataclass(frozen=True)
class _Measurement:
    """One instance of a case: a task of `run_tasks`."""

    trial: OnInstance
    size: int
    seed: int

    def start(self, rng: np.random.Generator) -> State:
        """Return nothing found."""
        return {"found": np.empty(0)}

    def advance(self, state: State, rng: np.random.Generator) -> None:
        """Measure it."""
        begin = time.process_time()
        value = self.trial.measured(self.size, self.seed)
        state["found"] = np.array([value, time.process_time() - begin])

    def finished(self, state: State) -> bool:
        """Tell whether it is measured."""
        return len(state["found"]) > 0

    def result(self, state: State) -> Result:
        """Return the number, and the seconds it took."""
        return {"value": [float(state["found"][0])], "seconds": [float(state["found"][1])]}


def run_demonstration(
    asked: Demonstration, sizes: Sequence[int] | None = None, instances: int | None = None, seed: int = 1,
    recorded: str | os.PathLike[str] | None = None, executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None, progress: Callable[[int, int], None] | None = None,
) -> DemonstrationRun:  # fmt: skip
    """Run a demonstration, or the part of it that is not recorded; parameters as for `demonstrate`."""
    wanted = _wanted(asked, sizes, instances)
    known = {} if recorded is None else _read(recorded)
    todo = [(case, n, k) for case, n, k in wanted if (case.label, n, k) not in known]
    check_master_seed(seed)
    tasks = [_Measurement(case.trial, n, seed_of(seed, case.label, n, k)) for case, n, k in todo]
    problem: Mapping[str, Any] = {
        "demonstration": asked.name, "runs": [f"{case.label}, {case.trial!r}, {n}, {k}" for case, n, k in todo],
    }  # fmt: skip
    found = run_tasks(tasks, seed, problem, executor, checkpoint, progress) if tasks else []
    known |= {(case.label, n, k): (r["value"][0], r["seconds"][0]) for (case, n, k), r in zip(todo, found, strict=True)}
    places = dict.fromkeys((case.label, n) for case, n, _ in wanted)
    both = {p: np.array([known[(c.label, n, k)] for c, n, k in wanted if (c.label, n) == p]) for p in places}
    return DemonstrationRun(asked, seed, {p: b[:, 0] for p, b in both.items()}, {p: b[:, 1] for p, b in both.items()})


def _wanted(asked: Demonstration, sizes: Sequence[int] | None, instances: int | None) -> list[tuple[Case, int, int]]:
    """Return cases, sizes and numbers of all instances, the costliest first, so that workers end together."""
    given = None if sizes is None else [integer_between("sizes", n, 2, 10**7) for n in as_list("sizes", sizes)]
    if given is not None and len(set(given)) < len(given):  # the same instances would be counted twice
        raise InputError(f"sizes must be different numbers, got {told(given)}")
    number = None if instances is None else integer_between("instances", instances, 1, MOST_INSTANCES)
    if given is not None and not given:
        raise InputError("sizes must have at least one entry")
    found = [
        (case, n, k)
        for case in asked.cases for n in (sorted(case.instances) if given is None else given)
        for k in range(case.instances.get(n, 1) if number is None else number)
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one[1])


def _read(file: str | os.PathLike[str]) -> dict[tuple[str, int, int], tuple[float, float]]:
    """Return values and seconds by case, size and instance from a table that `DemonstrationRun.to_csv` wrote."""
    path = as_file(file)
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            table = csv.DictReader(stream)
            if missing := set(COLUMNS) - set(table.fieldnames or ()):
                raise ValueError(f"no column {min(missing)}")
            rows = list(table)
        found = {
            (row["case"], int(row["size"]), int(row["instance"])): (float(row["value"]), float(row["seconds"]))
            for row in rows
        }
    except OSError as error:
        raise FileError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise FileError(
            f"{str(path)!r} is no table of a demonstration with the columns {', '.join(COLUMNS)}: write it anew"
        ) from error
    for (label, size, k), numbers in found.items():
        if not all(map(math.isfinite, numbers)):
            raise FileError(f"{str(path)!r} holds numbers that are not finite, of {label!r}, size {size}, instance {k}")
    return found
