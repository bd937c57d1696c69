"""Simulations: samplers on many instances, judged by exact samples of the same instances.

The planted configuration is an exact sample of its instance, and so is every configuration to which Markov chains lead
from it, however slow they are elsewhere: these are the reference for energies.  Below the dynamical transition they
share the planted state.  Random instances have no such sample; parallel tempering, or Langevin dynamics twice
as long as that of the sampler, stands in.  One instance is one task of a run that any executor can distribute, and
that resumes from its checkpoint with the same numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amp_theory.cavity.sweep import Result, State, run_tasks
from amp_theory.errors import InputError, as_float, integer_between, unknown_name
from amp_theory.finite.dense import DenseInstance
from amp_theory.finite.graphs import GraphInstance
from amp_theory.finite.instances import LARGEST_SIZE, Instance, check_seed, draw_instance
from amp_theory.finite.judging import FEWEST, InstanceJudgement, SamplerJudgement, rank_sum_score, two_sample_p_value
from amp_theory.finite.langevin import langevin
from amp_theory.finite.monte_carlo import heat_bath
from amp_theory.finite.samplers import SAMPLERS, draw_samples
from amp_theory.finite.tempering import parallel_tempering
from amp_theory.models import Model, Target
from amp_theory.quadrature import Array

#: length of a Langevin step in units of 1/T
LANGEVIN_STEP = 0.02
#: the seeds of a task's parts are drawn below this
SEEDS = 2**63
#: name of the reference among the results
REFERENCE = "exact"
#: what is kept of every configuration: energy, overlap with an exact sample and with the next, reliability
COLUMNS = ("energy", "overlap", "mutual", "reliable")


def _heat_bath(instance: Instance, sweeps: int, seed: int, start: str, chains: int) -> Array:
    return heat_bath(instance, sweeps, seed, start, chains, every=sweeps).configurations


def _parallel_tempering(instance: Instance, sweeps: int, seed: int, start: str, chains: int) -> Array:
    return parallel_tempering(instance, sweeps, seed, start, chains, every=sweeps).chains.configurations


def _langevin(instance: Instance, sweeps: int, seed: int, start: str, chains: int) -> Array:
    unit = instance.model.energy_unit(instance.control)
    steps = round(sweeps / LANGEVIN_STEP)
    return langevin(instance, sweeps / unit, LANGEVIN_STEP / unit, seed, start, chains, steps).configurations


#: Markov chains by name: instance, sweeps (times 1/T for Langevin), seed, start, chains -> last configurations
CHAINS: dict[str, Callable[[Instance, int, int, str, int], Array]] = {
    "heat-bath": _heat_bath,
    "parallel-tempering": _parallel_tempering,
    "langevin": _langevin,
}


def baseline(model: Model) -> str:
    """Return the name of the Markov chain that is natural for a model."""
    return "langevin" if model.spherical else "heat-bath"


@dataclass(frozen=True)
class Plan:
    """What is done on every instance: a task of `run_tasks`; parameters as for `simulate`."""

    model: Model
    control: float
    size: int
    samplers: tuple[str, ...]
    batch: int = 16
    steps: int = 100
    sweeps: int = 1000
    target: Target = "planted"

    def __post_init__(self) -> None:
        for name in self.samplers:
            if name not in SAMPLERS and name not in CHAINS:
                raise unknown_name("sampler", name, [*SAMPLERS, *CHAINS])
        if not self.samplers or len(set(self.samplers)) != len(self.samplers):
            raise InputError(f"samplers must be different names, at least one, got {self.samplers!r}")

    @property
    def problem(self) -> dict[str, Any]:
        """Plain data that tells one plan from another."""
        own = {n: getattr(self, n) for n in ("control", "size", "batch", "steps", "sweeps", "target")}
        return {"model": self.model.name, **self.model.parameters, **own, "samplers": list(self.samplers)}

    def check(self, seed: int) -> None:
        """Raise an `InputError` for what would fail in every task: no such instance, or no chain on it."""
        instance = draw_instance(self.model, self.control, self.size, seed, self.target)
        if not isinstance(instance, DenseInstance | GraphInstance):
            raise InputError(
                f"simulations need exact samples by Markov chains, {self.model!r} has none: use draw_samples"
            )
        chains = [name for name in self.samplers if name in CHAINS]
        if chains and isinstance(instance, GraphInstance) and min(instance.factor.weights) == 0:
            raise InputError(
                f"{chains[0]} cannot start from random configurations under hard constraints: give the model a "
                "temperature > 0, or choose other samplers"
            )
        for name in chains:
            if (name == "langevin") != self.model.spherical:
                raise InputError(f"{name} does not sample {self.model!r}: the chain for it is {baseline(self.model)}")

    def start(self, rng: np.random.Generator) -> State:
        """Draw the seeds of the instance, of the reference and of every sampler."""
        return {
            "seeds": rng.integers(0, SEEDS, 2 + len(self.samplers)),
            "rows": np.empty((0, len(COLUMNS), self.batch)),
        }

    def advance(self, state: State, rng: np.random.Generator) -> None:
        """Do all that is done on the instance."""
        seeds = [int(s) for s in state["seeds"]]
        instance = draw_instance(self.model, self.control, self.size, seeds[0], self.target)
        exact = self._reference(instance, seeds[1])
        anchor = exact[0] if instance.planted is None else instance.planted
        rows = [self._row(instance, exact, anchor)]
        for name, seed in zip(self.samplers, seeds[2:], strict=True):
            if name in CHAINS:
                last = CHAINS[name](instance, self.sweeps, seed, "random", self.batch)
                rows.append(self._row(instance, last, anchor))
            else:
                run = draw_samples(instance, name, self.batch, seed, steps=self.steps)
                rows.append(self._row(instance, run.configurations, anchor, run.reliable))
        state["rows"] = np.array(rows)

    def _reference(self, instance: Instance, seed: int) -> Array:
        """Return exact samples, or what stands in for them."""
        name = baseline(self.model)
        if instance.planted is not None:
            return CHAINS[name](instance, self.sweeps, seed, "planted", self.batch)
        if name == "langevin":
            return _langevin(instance, 2 * self.sweeps, seed, "random", self.batch)
        return _parallel_tempering(instance, self.sweeps, seed, "random", self.batch)

    def _row(self, instance: Instance, configurations: Array, anchor: Array, reliable: Any = True) -> Array:
        """Return the columns of every configuration, shape (columns, batch)."""
        overlap = instance.overlap(configurations, anchor)
        mutual = instance.overlap(configurations, np.roll(configurations, 1, axis=0))
        return np.stack([instance.energy(configurations), overlap, mutual, np.broadcast_to(reliable, overlap.shape)])

    def finished(self, state: State) -> bool:
        """Tell whether the instance is done."""
        return len(state["rows"]) > 0

    def result(self, state: State) -> Result:
        """Return the columns of the reference and of every sampler."""
        return {
            f"{name} {column}": state["rows"][k, c].tolist()
            for k, name in enumerate([REFERENCE, *self.samplers])
            for c, column in enumerate(COLUMNS)
        }


@dataclass(frozen=True, eq=False)
class Simulation:
    """What `simulate` found.

    Parameters
    ----------
    plan
        What was done.
    seed
        The master seed.
    samplers
        The judgement of every sampler, by name.
    results
        Energies, overlaps and reliabilities of all configurations, an item for every instance, in lists by the name of
        the sampler ("exact" for the reference) and of the column.
    """

    plan: Plan
    seed: int
    samplers: dict[str, SamplerJudgement]
    results: list[Result] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        plan = self.plan
        return {
            "model": plan.model.name, "parameters": plan.model.parameters, "control": plan.model.control,
            plan.model.control: plan.control, "size": plan.size, "instances": len(self.results), "seed": self.seed,
            "batch": plan.batch, "steps": plan.steps, "sweeps": plan.sweeps, "target": plan.target,
            "samplers": {n: s.to_dict() for n, s in self.samplers.items()},
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text."""
        plan = self.plan
        where = f"{plan.model!r}, {plan.model.control} = {plan.control:g}, size {plan.size}"
        title = f"{where}, {len(self.results)} {plan.target} instances, {plan.batch} configurations each"
        return "\n".join([title, *(f"  {judgement}" for judgement in self.samplers.values())])

    def __str__(self) -> str:
        return self.report()


def judge(name: str, results: Sequence[Result]) -> SamplerJudgement:
    """Return the judgement of a sampler from the results of all instances."""
    rows = []
    for r in results:
        energy, overlap, mutual, reliable = (np.array(r[f"{name} {c}"]) for c in COLUMNS)
        exact = np.array(r[f"{REFERENCE} energy"])
        p = min(1.0, 2 * two_sample_p_value(energy, exact), 2 * two_sample_p_value(overlap, mutual))
        rows.append(
            InstanceJudgement(
                float(energy.mean()), float(exact.mean()), float(overlap.mean()), float(mutual.mean()), p,
                float(exact.std()), rank_sum_score(energy, exact), float(reliable.mean()),
            )
        )  # fmt: skip
    return SamplerJudgement(name, tuple(rows))


def simulate(
    model: Model,
    control: float,
    size: int,
    instances: int,
    seed: int,
    samplers: Sequence[str] | None = None,
    batch: int = 16,
    steps: int = 100,
    sweeps: int = 1000,
    target: Target | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Simulation:
    """Run samplers on many instances and judge them by exact samples.

    Parameters
    ----------
    model, control, size
        The instances.
    instances
        How many, >= 1; a run can be extended to more from its checkpoint.
    seed
        An integer >= 0, from which every instance has its own stream.
    samplers
        Names: "flow", "diffusion", "autoregressive", "masked" and "uniform-diffusion" denoise by AMP or belief
        propagation; the Markov chains "heat-bath", "parallel-tempering" and "langevin" start from random
        configurations.  By default the flow and the model's chain.
    batch
        Configurations that each of them draws on every instance, and as many exact samples; at least 6, as fewer
        cannot be told apart at the level of the test.
    steps
        Steps of the denoising samplers, all but the autoregressive one.
    sweeps
        Sweeps of the Markov chains, times 1/T for Langevin.
    target
        "planted" (default) or "random".
    executor
        Any executor of the standard library's kind, for instance Dask's `client.get_executor()`.
    checkpoint
        A file to which finished instances are saved and from which a killed run is resumed, at the cost of the
        instances it was working on; the same numbers bit for bit on the same machine with one linear-algebra thread.
    progress
        A function of the numbers of finished and of all instances.

    Raises
    ------
    InputError
        For a bad argument, or a Markov chain that does not sample the model.
    FileError
        If the checkpoint belongs to another problem; it says what differs.
    NumericalError
        If instances failed: `partial` holds the others.

    Examples
    --------
    >>> from amp_theory import IsingPSpin
    >>> found = simulate(IsingPSpin(3), 1.5, size=30, instances=2, seed=1, batch=6, steps=10, sweeps=20)
    >>> sorted(found.samplers)
    ['flow', 'heat-bath']
    """
    if not isinstance(model, Model):
        raise InputError(f"model must be a model such as IsingPSpin(p=3), got {model!r}")
    chosen = ("flow", baseline(model)) if samplers is None else tuple(samplers)
    value = float(model.check_control(as_float(model.control, control)))
    numbers = (integer_between("size", size, 1, LARGEST_SIZE), chosen, integer_between("batch", batch, FEWEST, 10**6))
    plan = Plan(
        model, value, *numbers, integer_between("steps", steps, 1, 10**7), integer_between("sweeps", sweeps, 1, 10**7),
        model.check_target("planted" if target is None else target),
    )  # fmt: skip
    number = integer_between("instances", instances, 1, 10**6)
    if isinstance(seed, np.random.SeedSequence):
        raise InputError(f"seed must be an integer >= 0, got {seed!r}")
    check_seed(seed)
    plan.check(seed)
    results = run_tasks([plan] * number, int(seed), plan.problem, executor, checkpoint, progress)
    return Simulation(plan, int(seed), {name: judge(name, results) for name in chosen}, results)
