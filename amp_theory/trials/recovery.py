"""How far a Markov chain from a random start recovers what was planted: heat bath against control and size.

A run has recovered if its overlap with the planted configuration reaches half that of the informed fixed point; in
between there is nothing at large sizes.  Runs end there, or after a number of sweeps that counts as a failure: of more
sweeps nothing is known.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.finite.chains.monte_carlo import MOST_SWEEPS, check_instance, heat_bath
from amp_theory.finite.instances.base import check_master_seed
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.ingredients.paths.named import Flow
from amp_theory.models.base import Model, as_model
from amp_theory.phases.points.fixed_points import informed_overlap
from amp_theory.tools.arrays import Array
from amp_theory.tools.checkpoints import Result, State
from amp_theory.tools.errors import InputError, as_array, as_list, integer_between, told
from amp_theory.tools.reports import Reported
from amp_theory.tools.runs import run_tasks
from amp_theory.tools.tables import ResultTable, of_rows
from amp_theory.trials.differences import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: the part of the informed overlap that counts as recovered
RECOVERED = 0.5
#: looks at the overlap in one run
LOOKS = 100


@dataclass(frozen=True)
class RecoveryRun:
    """Heat bath on one planted instance: a task of `run_tasks`; parameters as for `recovery_by_heat_bath`.

    `wanted` is the overlap that counts as recovered.
    """

    model: Model
    control: float
    size: int
    sweeps: int
    wanted: float

    def start(self, rng: np.random.Generator) -> State:
        """Draw the seeds of the instance and of the chain."""
        return {"seeds": rng.integers(0, 2**63, 1 + LOOKS), "found": np.empty(0)}

    def advance(self, state: State, rng: np.random.Generator) -> None:
        """Run heat bath until it has recovered, or to its end."""
        seed, *seeds = (int(n) for n in state["seeds"])
        instance = draw_instance(self.model, self.control, self.size, seed)
        stretch = math.ceil(self.sweeps / LOOKS)
        start: str | Array = "random"
        done, overlap = 0, 0.0
        while done < self.sweeps and overlap < self.wanted:
            here = min(stretch, self.sweeps - done)
            run = heat_bath(instance, here, seeds[done // stretch], start, every=here)
            assert run.overlap is not None
            start, overlap, done = run.configurations, float(run.overlap[0, -1]), done + here
        state["found"] = np.array([overlap, done])

    def finished(self, state: State) -> bool:
        """Tell whether the instance is done."""
        return len(state["found"]) > 0

    def result(self, state: State) -> Result:
        """Return the last overlap and the sweeps done."""
        return {"overlap": [float(state["found"][0])], "sweeps": [float(state["found"][1])]}


@dataclass(frozen=True, eq=False)
class HeatBathRecovery(Reported):
    """What `recovery_by_heat_bath` found.

    Parameters
    ----------
    model, sweeps
        As given.
    controls, sizes
        As given, shapes (controls,), (sizes,).
    informed
        Overlap of the informed fixed point at every control, shape (controls,).
    overlap
        Last overlaps with the planted configuration, shape (controls, sizes, instances).
    times
        Sweeps until the overlap was above half the informed one, NaN where it never was, of the same shape; resolved to
        a hundredth of all sweeps.

    See Also
    --------
    recovery_by_heat_bath : With an example.
    """

    model: Model
    sweeps: int
    controls: Array = field(repr=False)
    sizes: tuple[int, ...]
    informed: Array = field(repr=False)
    overlap: Array = field(repr=False)
    times: Array = field(repr=False)

    @property
    def fraction(self) -> Array:
        """The part of the instances that was recovered, shape (controls, sizes)."""
        return np.asarray(np.isfinite(self.times).mean(axis=2))

    @property
    def interval(self) -> Array:
        """The two ends of its 95 % interval (Wilson), shape (2, controls, sizes)."""
        return np.array(wilson(self.fraction, self.overlap.shape[2]))

    def table(self) -> ResultTable:
        """Return a row for every control and size; a median time is there if more than half recovered."""
        low, high = self.interval
        names = [self.model.control, "size", "instances", "fraction_recovered", "low", "high", "median_sweeps"]
        rows = [
            (float(control), size, self.overlap.shape[2], self.fraction[c, n], low[c, n], high[c, n],
             float(np.median(np.where(np.isnan(self.times[c, n]), np.inf, self.times[c, n]))))
            for c, control in enumerate(self.controls) for n, size in enumerate(self.sizes)
        ]  # fmt: skip
        return of_rows(self._title(), names, [(*row[:-1], row[-1] if np.isfinite(row[-1]) else None) for row in rows])

    def report(self) -> str:
        """Return a readable text."""
        lines = [self._title()]
        low, high = self.interval
        for c, control in enumerate(self.controls):
            parts = [
                f"N = {n}: {self.fraction[c, k]:.2f} [{low[c, k]:.2f}, {high[c, k]:.2f}]"
                for k, n in enumerate(self.sizes)
            ]
            lines.append(f"{self.model.control} {control:.6g}: " + ", ".join(parts))
        return "\n".join(lines)

    def plot(
        self, ax: Axes | None = None, *, band: tuple[float, float] | None = None, legend: bool | str = True,
        title: str | bool | None = None, style: str | Mapping[str, Any] | None = None,
    ) -> Axes:  # fmt: skip
        """Draw the recovered fraction against the control, a curve with 95 % intervals for every size.

        Parameters
        ----------
        ax
            Where to draw; a new figure by default.
        band
            Two controls between which to shade, such as those of `threshold_states`.
        legend, title, style
            As for `plot_diagram`.

        Returns
        -------
        matplotlib.axes.Axes
            Where the picture is.

        Raises
        ------
        InputError
            For a band of other than two finite controls, or an option that does not exist.

        Examples
        --------
        >>> from amp_theory import SparseRademacher, SpikedMatrix
        >>> run = recovery_by_heat_bath(SpikedMatrix(SparseRademacher(0.2)), [0.002], [30], 2, sweeps=10, seed=1)
        >>> len(run.plot(band=(0.02, 0.03)).containers)
        1
        """
        from amp_theory.trials.recovery_picture import plot_recovery

        shaded = None if band is None else as_array("band", band, "two controls").ravel()
        if shaded is not None and not (shaded.shape == (2,) and np.all(np.isfinite(shaded))):
            raise InputError(f"band must hold two finite controls, got {told(band)}")
        return plot_recovery(self, ax, shaded, legend=legend, title=title, style=style)

    def _title(self) -> str:
        return f"{self.model!r}: recovered by heat bath from random starts within {self.sweeps} sweeps"

    def _summary(self) -> str:
        return f"{self._title()}, {self.overlap.shape[2]} instances of sizes {', '.join(map(str, self.sizes))}"


def recovery_by_heat_bath(
    model: Model, controls: Sequence[float], sizes: Sequence[int], instances: int, sweeps: int, seed: int,
    executor: Executor | None = None, checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> HeatBathRecovery:  # fmt: skip
    """Run heat bath from random configurations on planted instances and tell where it finds the planted one.

    Parameters
    ----------
    model
        A model with a discrete prior whose planted configuration can be found: with an informed fixed point.
    controls, sizes
        At least one control > 0 and one number of variables >= 2.
    instances, sweeps
        Instances at every control and size; updates of every variable after which a run has failed; both >= 1.
    seed
        An integer >= 0.
    executor, checkpoint, progress
        As for `simulate`.

    Returns
    -------
    HeatBathRecovery
        Fractions with intervals, overlaps and times to recovery; half the informed overlap counts as recovered.

    Raises
    ------
    InputError, FileError, NumericalError
        For bad arguments, a continuous prior, or a control without an informed fixed point; as `simulate` else.

    Examples
    --------
    >>> from amp_theory import SparseRademacher, SpikedMatrix
    >>> model = SpikedMatrix(SparseRademacher(0.2))
    >>> found = recovery_by_heat_bath(model, [0.002], [100], instances=3, sweeps=50, seed=1)
    >>> found.fraction.tolist()
    [[1.0]]
    """
    asked = as_model(model).check_control(as_list("controls", controls))
    ns = tuple(integer_between("sizes", n, 2, 10**7) for n in as_list("sizes", sizes))
    if asked.ndim != 1 or not len(asked) or not ns:
        raise InputError("controls and sizes must have at least one entry each")
    number, total = integer_between("instances", instances, 1, 10**6), integer_between("sweeps", sweeps, 1, MOST_SWEEPS)
    master = check_master_seed(seed)
    model.check_target("planted")
    check_instance(draw_instance(model, float(asked[0]), min(ns), 0), "heat bath")
    informed = np.array([_informed(model, float(control)) for control in asked])
    tasks = [
        RecoveryRun(model, float(control), n, total, RECOVERED * float(q))
        for control, q in zip(asked, informed, strict=True) for n in ns for _ in range(number)
    ]  # fmt: skip
    problem: Mapping[str, Any] = {
        "model": model.name, **model.parameters, "controls": asked.tolist(), "sizes": list(ns), "instances": number,
        "sweeps": total,
    }  # fmt: skip
    results = run_tasks(tasks, master, problem, executor, checkpoint, progress)
    shape = len(asked), len(ns), number
    overlap, times = (np.array([r[name][0] for r in results]).reshape(shape) for name in ("overlap", "sweeps"))
    found = overlap >= RECOVERED * informed[:, None, None]
    return HeatBathRecovery(model, total, asked, ns, informed, overlap, np.where(found, times, np.nan))


def _informed(model: Model, control: float) -> float:
    """Return the largest overlap of a stable fixed point without side information."""
    overlap = float(informed_overlap(model, Flow(), control, 0.0))
    if not overlap > 0:
        raise InputError(
            f"at {model.control} = {control:g} nothing can be recovered: {model!r} has no stable fixed point with an "
            "overlap > 0 there; `thresholds` tells where one begins"
        )
    return overlap
