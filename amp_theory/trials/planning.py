"""What a simulation takes before it is run: size, instances, time and memory for a stated power.

- Size.  The best test of one sample is that of the likelihood ratio.  If its logarithm is normal, of mean N K and hence
  variance 2 N K, an error rate LEVEL and a power take sqrt(2 N K) = z(1 - LEVEL/2) + z(power): a multiple of
  the visible size 1/K.  The energy is not that best test, and what a failure does to it is not known: it is the least.
- Instances.  An excess energy by the margin is seen by Student's t over M instances at the level of `judging` with the
  probability of its non-central law, of parameter margin sqrt(M)/scatter.  The scatter is that of two batches of
  samples whose energies are independent within an instance and scatter like 1/sqrt(N), measured on small instances.
- Time and memory.  Instances of two small sizes are timed: of their time a part grows like the size, another like the
  arrays, and all of it like steps and sweeps.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

import numpy as np
from scipy.optimize import nnls

from amp_theory.finite.instances.base import LARGEST_SIZE, Instance
from amp_theory.finite.instances.dense import drawing_bytes, polynomial_terms
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.finite.instances.graphs import BYTES
from amp_theory.models.base import Model, Target
from amp_theory.models.own_names import at_control
from amp_theory.models.sparse import SparseModel
from amp_theory.models.two_sides import TwoSidedModel
from amp_theory.tools.errors import InputError, as_float, integer_between
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.tables import ResultTable, of_rows
from amp_theory.trials.expected import Said, Theory
from amp_theory.trials.judging import FEWEST_INSTANCES, LEVEL, MARGIN
from amp_theory.trials.simulation import CHAINS, Plan, baseline, checked_plan, random_energy

#: bytes, variables and configurations of the small instances at most, how many of them tell the scatter of energies
PILOT_BYTES, PILOT_SIZE, PILOT_BATCH, PILOTS = 4e6, 300, 64, 32
#: variables of an instance that tells what is wrong with a model
LEAST = 12
#: steps or sweeps, whichever are fewer, for which the small instance is timed
TIMED = 4
#: the part of the memory that arrays may take
USABLE = 0.8
ASSUMED = (
    "size: log likelihood ratios of one sample are normal, and the failure is that of infinite size",
    "instances: an excess energy by the margin; energies of samples are independent within an instance, and scatter "
    "like 1/sqrt(size)",
    "seconds: of small instances that were timed here; a part grows like the size, another like the arrays, all of it "
    "like steps and sweeps",
)


@dataclass(frozen=True)
class SimulationPlan(Reported):
    """What a simulation takes.

    Parameters
    ----------
    model, parameters
        The model by name, and its parameters.
    control, control_name, target, sampler
        The control and its name, the measure, and whose failure is to be seen.
    power, batch, steps, sweeps
        The probability to see it, and what is done on every instance.
    nats_per_variable, visible_size
        The relative entropy of the sampler, and the size from which it is seen; None where not known.
    size, instances, seconds, bytes
        Variables, instances, the time of all of them one after another, and the memory of one; None where not known.
    margin
        The excess energy per variable that is to be seen.
    reasons, assumptions
        Why there is no number, or more than this machine has; what the numbers rest on.

    See Also
    --------
    plan_simulation : Which returns it, with an example.
    """

    model: str
    parameters: dict[str, Any] = field(hash=False)
    control: float
    control_name: str
    target: Target
    sampler: str
    power: float
    batch: int
    steps: int
    sweeps: int
    nats_per_variable: float | None
    visible_size: float | None
    size: int | None = None
    instances: int | None = None
    seconds: float | None = None
    bytes: int | None = None
    margin: float | None = None
    reasons: dict[str, str] = field(default_factory=dict, hash=False)
    assumptions: tuple[str, ...] = ASSUMED

    @property
    def title(self) -> str:
        """Whose failure is to be seen, where, and with which power."""
        own = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        where = f"{self.model}({own}), {self.control_name} = {self.control:g}, {self.target} measure"
        return f"plan for {self.sampler}, {where}, power {self.power:g}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        names = (
            "target", "sampler", "power", "batch", "steps", "sweeps", "nats_per_variable", "visible_size", "size",
            "instances", "seconds", "bytes", "margin", "reasons", "assumptions",
        )  # fmt: skip
        head = {
            "model": self.model, "parameters": self.parameters, "control": self.control_name,
            self.control_name: self.control,
        }  # fmt: skip
        return {name: plain(value) for name, value in (head | {n: getattr(self, n) for n in names}).items()}

    def _rows(self) -> list[tuple[str, float | None, str]]:
        names = ("nats_per_variable", "visible_size", "size", "instances", "seconds", "bytes", "margin")
        return [(name, getattr(self, name), self.reasons.get(name, "")) for name in names]

    def report(self) -> str:
        """Return a readable text."""
        lines = [self.title]
        for name, value, reason in self._rows():
            text = "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
            lines.append(f"  {name:<18} {text}" + (f": {reason}" if reason else ""))
        return "\n".join([*lines, *(f"  assumed for {text}" for text in self.assumptions)])

    def table(self) -> ResultTable:
        """Return the numbers as rows, with the reason where there is none."""
        return of_rows(self.title, ["quantity", "value", "reason"], self._rows())


def plan_simulation(
    model: Model, control: float | None = None, sampler: str = "flow", power: float = 0.95, size: int | None = None,
    batch: int = 16, steps: int = 100, sweeps: int = 1000, target: Target | None = None, seed: int = 0, **named: float,
) -> SimulationPlan:  # fmt: skip
    """Tell which size, how many instances, and how much time and memory a simulation takes, before it is run.

    Parameters
    ----------
    model, control
        The model, and its control, > 0.
    sampler
        Whose failure is to be seen: "flow", "diffusion", "autoregressive", "masked" or "uniform-diffusion"; with a
        size of yours also a Markov chain.
    power
        The probability to see it, between 0.5 and 1, at significance 0.01.
    size
        Number of variables; by default a multiple of the visible size, where that is known.
    batch, steps, sweeps, target
        As for `simulate`.
    seed
        An integer >= 0, of the small instances on which scatter and time are measured.
    **named
        The control under the model's own name for it, such as temperature=0.7.

    Returns
    -------
    SimulationPlan
        With reasons where there is no number, and the assumptions that numbers rest on.

    Raises
    ------
    InputError
        For a bad argument, or what `simulate` cannot do.

    Examples
    --------
    >>> from amp_theory import XORSAT
    >>> found = plan_simulation(XORSAT(4, temperature=0.5), density=1.4, batch=8, steps=40, sweeps=40)
    >>> found.size, found.instances >= 5
    (1442, True)
    """
    chance = as_float("power", power)
    if not 0.5 < chance < 1:
        raise InputError(f"power must lie between 0.5 and 1, got {power!r}")
    given = at_control(model, control, named)
    plan = checked_plan(model, given, 1 if size is None else size, [sampler], (batch, steps, sweeps), target)
    pilot = _Pilot(plan, integer_between("seed", seed, 0, 2**63 - 1))
    answer = Theory(model, plan.control, plan.samplers[0], plan.target).answer
    return SimulationPlan(
        model=model.name, parameters=model.parameters, control=plan.control, control_name=model.control,
        target=plan.target, sampler=plan.samplers[0], power=chance, batch=plan.batch, steps=plan.steps,
        sweeps=plan.sweeps, nats_per_variable=answer.nats_per_variable, visible_size=answer.visible_size,
        **_numbers(pilot, answer, None if size is None else plan.size, chance),
    )  # fmt: skip


def _numbers(pilot: _Pilot, answer: Said, own: int | None, power: float) -> dict[str, Any]:
    """Return what a simulation takes, of a size of the user's own or of the least that shows a failure."""
    nats, visible = answer.nats_per_variable, answer.visible_size
    wanted, reason = (own, "") if own is not None else _size(nats, power, answer.reason)
    numbers: dict[str, Any] = {"reasons": dict.fromkeys(("size", "instances", "seconds", "bytes"), reason)}
    if wanted is not None:
        numbers = pilot.numbers(pilot.arrays.allowed(wanted), power)
        if visible is not None and wanted < visible:
            numbers["reasons"]["size"] = "below the visible size: whatever is seen there may be an effect of the size"
    if nats is None:
        numbers["reasons"]["nats_per_variable"] = answer.reason
    return numbers


def _size(nats: float | None, power: float, reason: str) -> tuple[int | None, str]:
    """Return the size at which the best test of one sample sees so many nats per variable, and why there is none."""
    from scipy.special import ndtri

    if nats is None:
        return None, f"no size is known from which a failure is seen ({reason}): choose a size of yours"
    if nats == 0:
        return None, "no size shows a failure, as theory knows of none: choose a size of yours"
    size = math.ceil(float(ndtri(1 - LEVEL / 2) + ndtri(power)) ** 2 / (2 * nats))
    if size > LARGEST_SIZE:
        return None, f"a size of {size:.3g} is needed, and simulations go up to {LARGEST_SIZE}"
    return size, ""


def instances_needed(ratio: float, power: float) -> int:
    """Return how many instances show an excess that is `ratio` times its scatter over instances."""
    from scipy.special import nctdtr, ndtri, stdtrit

    def seen(number: int) -> float:
        quantile = stdtrit(number - 1, 1 - LEVEL / 4)
        return 1 - float(nctdtr(number - 1, ratio * math.sqrt(number), quantile))

    least = (float(ndtri(1 - LEVEL / 4) + ndtri(power)) / ratio) ** 2  # if the scatter were known
    number = max(FEWEST_INSTANCES, math.floor(least))
    while seen(number) < power:
        number += 1
    return number


def memory() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True)
class Arrays:
    """What an instance of a size needs: bytes while it is drawn and sampled, the least size from one on that exists.

    small is a size whose arrays are small.
    """

    bytes: Callable[[int], float]
    allowed: Callable[[int], int]
    small: int


@singledispatch
def arrays_of(model: Model, plan: Plan, seed: int) -> Arrays:
    """Return what instances of a model need: tensors, unless another kind is registered.

    Raises
    ------
    InputError
        If instances of the model cannot be drawn.
    """
    if model.polynomial is None:
        replace(plan, size=LEAST).check(seed)
    bodies = [p for p, _ in polynomial_terms(model, plan.control)]
    most = bodies[-1]
    return Arrays(
        lambda size: drawing_bytes(bodies, size),
        lambda size: size,
        max(most + 1, int((PILOT_BYTES / 24) ** (1 / most))),
    )


@arrays_of.register(SparseModel)
def _of_graphs(model: SparseModel, plan: Plan, seed: int) -> Arrays:
    """Messages on the edges; regular graphs have not all sizes."""
    k = model.factor.k
    unit = k // math.gcd(k, model.degree(plan.control)) if model.regular else 1
    least = max(k, math.ceil(1 / plan.control))
    return Arrays(
        lambda size: float(BYTES) * k * plan.control * size * (1 + plan.batch),
        lambda size: -(-max(size, least) // unit) * unit,
        LARGEST_SIZE,
    )


@arrays_of.register(TwoSidedModel)
def _of_two_sides(model: TwoSidedModel, plan: Plan, seed: int) -> Arrays:
    """Return the needs of the matrix and of the components of both kinds; there are two v at least."""
    per_u = model.ratio * model.components
    least = max(LEAST, math.ceil(2 / per_u))
    return Arrays(
        lambda size: 24.0 * size * (per_u * size + (1 + per_u) * model.components * plan.batch),
        lambda size: max(size, least),
        max(least, int(math.sqrt(PILOT_BYTES / 24 / per_u))),
    )


class _Pilot:
    """Small instances, on which the scatter of energies, the margin and the time are measured."""

    def __init__(self, plan: Plan, seed: int) -> None:
        name, chain = plan.samplers[0], baseline(plan.model)
        self.plan, self.seed = replace(plan, samplers=(name,) if name in CHAINS else (name, chain)), seed
        self.arrays = arrays_of(plan.model, plan, seed)

    def numbers(self, size: int, power: float) -> dict[str, Any]:
        """Return what a simulation of this size takes, with reasons where it is too much."""
        small = min(self.arrays.allowed(min(size, PILOT_SIZE)), self.arrays.small)
        margin, scatter = self._energies(small)
        scatter *= math.sqrt(2 * small / (size * self.plan.batch))
        number = instances_needed(margin / scatter, power) if scatter else FEWEST_INSTANCES
        each = self._seconds(small, size)
        available = memory()
        needed = math.ceil(self.arrays.bytes(size))
        reasons = {}
        if needed > USABLE * available:
            reasons["bytes"] = f"more than this machine has, {available:.4g}: choose a smaller size, or another control"
        return {
            "size": size, "instances": number, "seconds": number * each, "bytes": needed, "margin": margin,
            "reasons": reasons,
        }  # fmt: skip

    def _drawn(self, size: int, number: int) -> Instance:
        return draw_instance(self.plan.model, self.plan.control, size, self.seed + number)

    def _energies(self, size: int) -> tuple[float, float]:
        """Return the margin, and the standard deviation over planted configurations of the energy per variable."""
        drawn = [self._drawn(size, k) for k in range(PILOTS)]
        energies = [float(i.energy(i.planted[None])[0]) for i in drawn if i.planted is not None]
        separated = abs(random_energy(drawn[0], self.seed) - float(np.mean(energies)))
        return MARGIN * separated, float(np.std(energies, ddof=1))

    def _seconds(self, small: int, size: int) -> float:
        """Return the time of one instance, from two small ones: a part like the size, and one like the arrays."""
        sizes = (self.arrays.allowed(max(small // 2, 4)), small)
        times = [self._timed(n) for n in sizes]
        each = 2 if self.plan.samplers[0] == "autoregressive" else 1  # one step for every variable
        parts = np.array([[n**each, self.arrays.bytes(n) * n ** (each - 1)] for n in (*sizes, size)])
        # the smallest that is timed twice tells one part only
        fitted, _ = nnls(parts[:2] / parts[1], np.array(times)) if sizes[0] < small else (np.array([0, times[1]]), 0)
        return float(parts[2] / parts[1] @ fitted)

    def _timed(self, size: int) -> float:
        """Return the time that a small instance takes, with all steps, sweeps and configurations."""
        plan = self.plan
        part = max(1.0, min(plan.steps, plan.sweeps) / TIMED)
        batch = min(plan.batch, PILOT_BATCH)
        trial = replace(
            plan, size=size, batch=batch, steps=math.ceil(plan.steps / part), sweeps=math.ceil(plan.sweeps / part)
        )
        trial.check(self.seed)
        rng = np.random.Generator(np.random.PCG64(self.seed))
        took = []
        for _ in range(2):  # the first time libraries are loaded
            state = trial.start(rng)
            began = time.perf_counter()
            trial.advance(state, rng)
            took.append(time.perf_counter() - began)
        return min(took) * part * plan.batch / batch
