"""How many iterations a denoiser needs for a stated total error, and how fast they converge at the slowest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.models.own_names import at_control
from amp_theory.phases.accuracy.along import mapped
from amp_theory.phases.accuracy.depth import loss_of_depth
from amp_theory.phases.accuracy.met import Met, beyond_target
from amp_theory.phases.accuracy.sampling_error import infinite_because
from amp_theory.phases.accuracy.stays import points_on
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.tools.errors import InputError, as_float, integer_between
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ResultTable

#: iterations and sizes at most, accuracy of losses that are compared, and places where the slowest is looked for
MOST, LARGEST_SIZE, ACCURACY, PLACES = 20_000, 10**15, 1e-6, 400


@dataclass(frozen=True)
class NeededDepth(Reported):
    """The least number of iterations per call of a denoiser whose samples are as good as was asked.

    Parameters
    ----------
    model, path, parameters
        The model and the path by name, and the model's parameters.
    control, control_name
        The control and its name.
    size, nats
        The number of variables, and the total relative entropy allowed, in nats.
    iterations
        The least number of iterations; None if no number is enough, or none up to the largest that is tried.
    total
        The total relative entropy at that number, nats.
    slowest
        The largest slope dq_{L+1}/dq_L of the iteration along the path: what L iterations miss falls like slowest^L.
    strength
        The strength at which it is.
    reasons
        Why something is None.

    See Also
    --------
    depth_for : Which returns it, with an example.
    """

    model: str
    path: str
    parameters: dict[str, Any] = field(hash=False)
    control: float
    control_name: str
    size: int
    nats: float
    iterations: int | None
    total: float | None
    slowest: float
    strength: float
    reasons: dict[str, str] = field(default_factory=dict, hash=False)

    def report(self) -> str:
        """Return a readable text."""
        where = f"{titled(self.model, self.parameters, self.path)}, {self.control_name} = {self.control:g}"
        needed = "none" if self.iterations is None else f"{self.iterations}, {self.total:.6g} nats in all"
        lines = [
            f"{where}: depth for {self.nats:g} nats at {self.size} variables",
            f"  iterations  {needed}",
            f"  slowest     {self.slowest:.9g} per iteration, at strength {self.strength:.6g}",
        ]
        return "\n".join([*lines, *(f"  {name}: {text}" for name, text in self.reasons.items())])

    def table(self) -> ResultTable:
        """Return everything as one row."""
        names = ("size", "nats", "iterations", "total", "slowest", "strength")
        title = f"{titled(self.model, self.parameters, self.path)}: depth"
        return ResultTable(title, {self.control_name: [self.control], **{n: [getattr(self, n)] for n in names}})


def depth_for(
    model: Model, path: Path, control: float | None = None, size: int = 1000, nats: float = 1.0,
    target: Target | None = None, **named: float,
) -> NeededDepth:  # fmt: skip
    """Find how many iterations per call a denoiser needs for a total error of so many nats.

    Parameters
    ----------
    model, path
        A dense model and the denoising path.
    control
        The model's control, > 0.
    size
        The number of variables, >= 1.
    nats
        The relative entropy that is allowed in all, > 0.
    target
        "planted" or "random"; by default "random" where the model has a random counterpart.
    **named
        The control under the model's own name for it, such as temperature=0.8.

    Returns
    -------
    NeededDepth
        The number of iterations, and how slowly they converge; it grows like log(size/nats), next to a tricritical
        point with a factor that diverges, and at it like sqrt(size/nats).

    Raises
    ------
    InputError
        For a bad argument, or a model that is not dense.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> found = depth_for(IsingPSpin(p=3), Flow(), temperature=1.0, size=1000, nats=1.0)
    >>> found.iterations, round(found.total, 6)
    (7, 0.838673)
    """
    check_pair(model, path)
    value = as_float(model.control, at_control(model, control, named))
    count, allowed = integer_between("size", size, 1, LARGEST_SIZE), as_float("nats", nats, "> 0")
    if allowed <= 0:
        raise InputError(f"nats must be > 0, got {allowed:g}")
    _check_dense(model)
    chosen = model.check_target(target)
    met = Met.at(model, path, value)
    slowest, strength = _slowest(met)
    result = NeededDepth(
        path=path.name, model=model.name, parameters=model.parameters, control=value, control_name=model.control,
        size=count, nats=allowed, iterations=None, total=None, slowest=slowest, strength=strength,
    )  # fmt: skip
    reason = beyond_target(model, path, met.eos, met.intensity, chosen) or infinite_because(met, finite=True)
    found = reason or _least(met, count, allowed)
    if isinstance(found, str):
        return _with(result, reasons={"iterations": found})
    return _with(result, iterations=found[0], total=found[1])


def _check_dense(model: Model) -> None:
    if model.coupling is None:
        raise InputError(
            f"the depth needed is searched for in dense models, not {model!r}: sampling_error tells what a number of "
            "iterations loses"
        )


def _with(result: NeededDepth, **changes: Any) -> NeededDepth:
    return NeededDepth(**{**vars(result), **changes})


def _least(met: Met, size: int, nats: float) -> tuple[int, float] | str:
    """Return the least number of iterations and the total, or why there is none."""
    gap = met.gap()[0]

    def total(iterations: int) -> float:
        return size * (gap + loss_of_depth(met.eos, met.intensity, met.uninformed, iterations, ACCURACY)[0])

    if size * gap > nats:
        return (
            f"no depth is enough: where the path crosses a first-order transition the efficient denoiser loses "
            f"{size * gap:.6g} nats, however many iterations it does"
        )
    low, high = 0, 1
    while (value := total(high)) > nats:
        low, high = high, 2 * high
        if high > MOST:
            return f"{low} iterations lose {value:.6g} nats; more are not tried"
    while high - low > 1:
        middle = (low + high) // 2
        if total(middle) > nats:
            low = middle
        else:
            high = middle
    return high, total(high)


def _slowest(met: Met) -> tuple[float, float]:
    """Return the largest slope 1 - F along the path, and its public strength."""
    best = (-np.inf, 0.0)
    t = (np.arange(PLACES) + 0.5) / PLACES
    for stay in met.uninformed:
        s, _ = mapped(met.eos, stay, t)
        f = points_on(met.eos, stay.branch, met.intensity, s)
        k = int(np.argmin(f.fold))
        best = max(best, (float(1 - f.fold[k]), float(met.eos.path.public(s[k]))))
    return best
