"""How many iterations a denoiser needs for a stated total error, and how fast they converge at the slowest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.models.own_names import at_control
from amp_theory.phases.accuracy.along import mapped
from amp_theory.phases.accuracy.depth import loss_of_depth, rough_losses
from amp_theory.phases.accuracy.met import Met, beyond_target, check_order_of_errors
from amp_theory.phases.accuracy.sampling_error import infinite_because
from amp_theory.phases.accuracy.stays import points_on
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.tools.errors import InputError, as_float, integer_between
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ResultTable

#: iterations and sizes at most, and accuracy of losses that are compared
MOST, LARGEST_SIZE, ACCURACY = 20_000, 10**15, 1e-6
#: places where the slowest is looked for, and how often, ever closer
PLACES, CLOSER = 130, 3
#: losses per variable below which rounding counts, and errors of losses from which others are extrapolated, relative
FLOOR, SURE = 1e-11, 1e-2


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
        The least number of iterations, an upper estimate where what they lose is below rounding; None if no number is
        enough, or none up to the largest that is tried.
    total
        The total relative entropy at that number, nats.
    slowest
        The largest slope dq_{L+1}/dq_L of the iteration along the path: what L iterations miss falls like slowest^L.
    strength
        The strength at which it is.
    reasons
        Why something is None, or not certain.
    errors
        Absolute bounds on the numbers by name; none of numbers that are extrapolated.

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
    errors: dict[str, float] = field(default_factory=dict, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the other answers' JSON."""
        data = {name: plain(value) for name, value in vars(self).items()}
        return data | {"error": data.pop("errors")}

    def report(self) -> str:
        """Return a readable text."""
        where = f"{titled(self.model, self.parameters, self.path)}, {self.control_name} = {self.control:g}"
        bound = f" +- {self.errors['total']:.1g}" if "total" in self.errors else ""
        needed = "none" if self.iterations is None else f"{self.iterations}, {self.total:.6g}{bound} nats in all"
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
    check_order_of_errors(path)
    _check_dense(model)
    chosen = model.check_target(target)
    met = Met.at(model, path, value)
    slowest, strength = _slowest(met)
    result = NeededDepth(
        path=path.name, model=model.name, parameters=model.parameters, control=value, control_name=model.control,
        size=count, nats=allowed, iterations=None, total=None, slowest=slowest, strength=strength,
    )  # fmt: skip
    reason = beyond_target(model, path, met.eos, met.intensity, chosen) or infinite_because(met, finite=True)
    if reason:
        return replace(result, reasons={"iterations": reason})
    return replace(result, **_Search(met, count, allowed, slowest).found())


def _check_dense(model: Model) -> None:
    if model.coupling is None:
        raise InputError(
            f"the depth needed is searched for in dense models, not {model!r}: sampling_error tells what a number of "
            "iterations loses"
        )


class _Search:
    """The search for the least number of iterations that lose no more than allowed."""

    def __init__(self, met: Met, size: int, nats: float, slowest: float) -> None:
        self.met, self.size, self.nats, self.slowest = met, size, nats, slowest
        self.gap, self.bound = met.gap()
        self.allowed = nats / size - self.gap
        self.known: dict[int, tuple[float, float]] = {}

    def loss(self, iterations: int) -> tuple[float, float]:
        """Return what iterations lose beyond infinitely many, nats per variable, with an error estimate."""
        if iterations not in self.known:
            met = self.met
            self.known[iterations] = loss_of_depth(met.eos, met.intensity, met.uninformed, iterations, ACCURACY)
        return self.known[iterations]

    def enough(self, iterations: int) -> bool:
        """Whether so many iterations lose no more than allowed."""
        return self.loss(iterations)[0] <= self.allowed

    def found(self) -> dict[str, Any]:
        """Return the fields that tell how many iterations are needed."""
        if self.allowed < -self.bound:
            why = (
                f"no depth is enough: where the path crosses a first-order transition the efficient denoiser loses "
                f"{self.size * self.gap:.6g} nats, however many iterations it does"
            )
            return {"reasons": {"iterations": why}}
        if self.allowed <= self.bound:
            return {"reasons": {"iterations": "not told: infinitely many lose that much, within the error bound"}}
        met, floor = self.met, max(self.allowed, FLOOR)
        rough = rough_losses(met.eos, met.intensity, met.uninformed, floor, MOST)
        if self.allowed < FLOOR and rough[-1] <= FLOOR:
            return self.extrapolated(rough)
        least = self.least(len(rough))
        if least is None:
            why = f"{MOST} iterations lose {self.size * (self.gap + self.loss(MOST)[0]):.6g} nats; more are not tried"
            return {"reasons": {"iterations": why}}
        return self.told(least)

    def told(self, least: int) -> dict[str, Any]:
        """Return the fields for a number of iterations that is found."""
        value, error = self.loss(least)
        before, doubt = self.loss(least - 1) if least > 1 else (np.inf, 0.0)
        unsure = value + error > self.allowed or before - doubt <= self.allowed
        reasons = {"iterations": "within the error bound it may be one more or less"} if unsure else {}
        total, bound = self.size * (self.gap + value), self.size * (self.bound + error)
        return {"iterations": least, "total": total, "errors": {"total": bound}, "reasons": reasons}

    def least(self, guess: int) -> int | None:
        """Return the least number of iterations that is enough, looked for from a guess on; None beyond the most."""
        low, high, step = 0, guess, 1
        if self.enough(high):
            while high > 1 and self.enough(low := max(high - step, 1)):
                high, step = low, 2 * step
            low = 0 if high == 1 else low
        else:
            while not self.enough(high):
                if high == MOST:
                    return None
                low, high, step = high, min(high + step, MOST), 2 * step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.enough(middle) else (middle, high)
        return high

    def extrapolated(self, rough: list[float]) -> dict[str, Any]:
        """Return an upper estimate from the deepest iterations whose loss is well above rounding."""
        start = max(sum(loss > FLOOR for loss in rough), 1)
        while start > 1 and self.loss(start)[1] > SURE * self.loss(start)[0]:
            start = start // 2
        value = self.loss(start)[0]
        # next to a tricritical point what is lost falls like a power first: below the floor that is over
        more = max(math.ceil(math.log(value / self.allowed) / -math.log(self.slowest)), 0)
        why = f"an upper estimate, by slowest^L from {start} iterations on: what more of them lose is below rounding"
        total = self.size * (self.gap + value * self.slowest**more)
        return {"iterations": start + more, "total": total, "reasons": dict.fromkeys(("iterations", "total"), why)}


def _slowest(met: Met) -> tuple[float, float]:
    """Return the largest slope 1 - F along the path, and its public strength."""
    best = (-np.inf, 0.0)
    for stay in met.uninformed:
        low, high = 0.0, 1.0
        for _ in range(CLOSER):
            t = low + (high - low) * (np.arange(PLACES) + 0.5) / PLACES
            s, _ = mapped(met.eos, stay, t)
            f = points_on(met.eos, stay.branch, met.intensity, s)
            k = int(np.argmin(f.fold))
            best = max(best, (float(1 - f.fold[k]), float(met.eos.path.public(s[k]))))
            low, high = t[max(k - 1, 0)], t[min(k + 1, PLACES - 1)]
    return best
