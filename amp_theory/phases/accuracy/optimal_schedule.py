"""The best schedule of a number of steps, as strengths and times to hand to a sampler of your own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.models.own_names import at_control
from amp_theory.phases.accuracy.met import Met, beyond_target
from amp_theory.phases.accuracy.sampling_error import ENDLESS, MOST_STEPS, infinite_because
from amp_theory.phases.accuracy.schedule import best_strengths
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float, integer_between
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ResultTable


@dataclass(frozen=True)
class OptimalSchedule(Reported):
    """Where a sampler of a number of steps had best ask its denoiser, what that loses, and what equal steps would.

    Parameters
    ----------
    model, path, parameters
        The model and the path by name, and the model's parameters.
    control, control_name
        The control and its name.
    strength
        The strengths at which steps begin, from zero on; after the last one every variable is drawn.
    time
        The same as times of the path's schedule.
    nats_per_variable
        What the sampler loses in all, the error of its denoiser included.
    equal_steps
        The same for steps equal in the schedule's time; None where that has no end.
    step_constant
        C: the best schedules of K steps lose C/K beyond infinitely many; None where that is infinite.
    reasons
        Why something is None.
    errors
        Absolute bounds on the numbers by name, for strengths of 12 digits.

    See Also
    --------
    optimal_schedule : Which returns it, with an example.
    """

    model: str
    path: str
    parameters: dict[str, Any] = field(hash=False)
    control: float
    control_name: str
    strength: tuple[float, ...]
    time: tuple[float, ...]
    nats_per_variable: float
    equal_steps: float | None
    step_constant: float | None
    reasons: dict[str, str] = field(default_factory=dict, hash=False)
    errors: dict[str, float] = field(default_factory=dict, hash=False)

    @property
    def title(self) -> str:
        """The model with its parameters, the path, the control and the number of steps."""
        where = titled(self.model, self.parameters, self.path)
        return f"{where}, {self.control_name} = {self.control:g}, {len(self.strength)} steps"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        names = ("strength", "time", "nats_per_variable", "equal_steps", "step_constant", "reasons")
        found = {name: getattr(self, name) for name in names}
        data = {
            "model": self.model, "parameters": self.parameters, "path": self.path, self.control_name: self.control,
            "steps": len(self.strength), **found, "error": self.errors,
        }  # fmt: skip
        return {name: plain(value) for name, value in data.items()}

    def report(self) -> str:
        """Return a readable text."""
        names = ("nats_per_variable", "equal_steps", "step_constant")
        lines = [self.title]
        for name in names:
            value = getattr(self, name)
            lines.append(f"  {name:<18} {'none' if value is None else f'{value:.12g} +- {self.errors[name]:.1g}'}")
        lines += [f"  {k:>4}  strength {s:.12g}  time {t:.12g}" for k, (s, t) in enumerate(self._steps())]
        return "\n".join([*lines, *(f"  {name}: {text}" for name, text in self.reasons.items())])

    def _steps(self) -> list[tuple[float, float]]:
        return list(zip(self.strength, self.time, strict=True))

    def table(self) -> ResultTable:
        """Return strengths and times as rows."""
        columns = {"step": list(range(len(self.strength))), "strength": list(self.strength), "time": list(self.time)}
        return ResultTable(self.title, columns)


def optimal_schedule(
    model: Model, path: Path, control: float | None = None, steps: int = 10, target: Target | None = None,
    **named: float,
) -> OptimalSchedule:  # fmt: skip
    """Find where a sampler of so many steps had best ask its denoiser.

    Parameters
    ----------
    model, path
        The model and the denoising path; its schedule tells times.
    control
        The model's control, > 0.
    steps
        The number of calls of the denoiser, >= 1.
    target
        "planted" or "random"; by default "random" where the model has a random counterpart.
    **named
        The control under the model's own name for it, such as temperature=1.0.

    Returns
    -------
    OptimalSchedule
        Strengths, times, what they lose, and what equal steps lose, with error bounds.  Where the denoiser's branch
        ends it is best asked right behind: there strengths are larger by 1e-6 at least, which printed digits keep, and
        what that costs is counted.

    Raises
    ------
    InputError
        For a bad argument, where the equations do not tell, or for a model and path for which steps are not derived.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Autoregressive, IsingPSpin
    >>> found = optimal_schedule(IsingPSpin(p=3), Autoregressive(), temperature=1.0, steps=4)
    >>> [round(s, 3) for s in found.strength], round(found.nats_per_variable, 6), round(found.equal_steps, 6)
    ([0.0, 0.304, 0.466, 0.69], 0.047132, 0.05324)
    """
    check_pair(model, path)
    value = as_float(model.control, at_control(model, control, named))
    count = integer_between("steps", steps, 1, MOST_STEPS)
    chosen = model.check_target(target)
    met = Met.at(model, path, value)
    reason = beyond_target(model, path, met.eos, met.intensity, chosen) or infinite_because(met, finite=True)
    if reason:
        raise InputError(f"there is no schedule at {model.control} = {value:g}: {reason}")
    internal = best_strengths(met.stepping(), count)
    public = path.public(internal)
    return OptimalSchedule(
        model=model.name, path=path.name, parameters=model.parameters, control=value, control_name=model.control,
        strength=tuple(public.tolist()), time=tuple(path.schedule.time(public).tolist()), **_losses(met, internal),
    )  # fmt: skip


def _losses(met: Met, internal: Array) -> dict[str, Any]:
    """Return the fields that tell what a schedule loses, and equal and infinitely many steps, with error bounds."""
    stepping, bound = met.stepping(), met.gap()[1]
    errors, reasons = {}, {}
    found: dict[str, float | None] = {"equal_steps": None, "step_constant": None}
    schedules = {"nats_per_variable": internal, "equal_steps": _equal_steps(met.eos.path, len(internal))}
    for name, strength in schedules.items():
        if strength is None:
            reasons[name] = "time has no end, so that it has no equal parts"
        else:
            found[name], error = stepping.known_total(strength)
            errors[name] = error + bound
    lengths, error = stepping.lengths()
    if np.isinf(whole := sum(lengths)):
        reasons["step_constant"] = ENDLESS
    else:
        found["step_constant"], errors["step_constant"] = whole**2, 2 * whole * error
    return {**found, "errors": errors, "reasons": reasons}


def _equal_steps(path: Path, count: int) -> Array | None:
    """Return the internal strengths of steps equal in the schedule's time; None where that has no end."""
    begin, end = (float(path.schedule.time(x)) for x in (0.0, path.limit))
    if not np.isfinite(begin) or not np.isfinite(end):
        return None
    strength = path.schedule.strength(begin + (end - begin) * np.arange(count) / count)
    return path.internal(np.maximum(strength, 0.0))
