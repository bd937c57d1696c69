"""Simulations: samplers on many instances, judged by exact samples of the same instances.

The planted configuration is an exact sample of its instance, and so is every configuration to which Markov chains lead
from it, however slow they are elsewhere: these are the reference for energies.  Below the dynamical transition they
share the planted state.  Random instances have no such sample; parallel tempering, or Langevin dynamics twice
as long as that of the sampler, stands in: nobody succeeds against the latter, which may be as slow as the sampler, nor
against the former while its energy still drifts.  One instance is one task of a run that any executor can distribute,
and that resumes from its checkpoint with the same numbers.

Outcomes (judging.py) speak of one size and of as many sweeps or steps as were made.  Where a sampler works as the size
grows is another question, which `compare_samplers` answers by theory: a chain that is biased here may be slow, a
denoiser may suffer from finite size, and both may succeed there.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from amp_theory.finite.chains.langevin import langevin
from amp_theory.finite.chains.monte_carlo import heat_bath
from amp_theory.finite.chains.tempering import parallel_tempering
from amp_theory.finite.instances.base import LARGEST_SIZE, Instance, check_master_seed
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.finite.samplers.samplers import SAMPLERS, SIDED, draw_samples, of_side
from amp_theory.ingredients.paths.sides import without_both
from amp_theory.models.base import Model, Target, as_model
from amp_theory.models.own_names import at_control
from amp_theory.models.synonyms import canonical
from amp_theory.tools.arrays import Array
from amp_theory.tools.checkpoints import Result, State
from amp_theory.tools.errors import InputError, as_float, as_list, integer_between, one_of, positive, told
from amp_theory.tools.files import as_file, check_place
from amp_theory.tools.reports import Reported
from amp_theory.tools.runs import run_tasks
from amp_theory.tools.tables import ResultTable
from amp_theory.trials.differences import POWER, Difference, rank_sum_score, two_sample_p_value
from amp_theory.trials.expected import Theory
from amp_theory.trials.judging import (
    FEWEST,
    LEVEL,
    MARGIN,
    InstanceJudgement,
    SamplerJudgement,
    Terms,
    judgements_table,
)

#: length of a Langevin step in units of 1/T
LANGEVIN_STEP = 0.02
#: the seeds of a task's parts are drawn below this
SEEDS = 2**63
#: name of the reference among the results
REFERENCE = "exact"
#: what is kept of every configuration: energy, overlap with an exact sample and with the next, reliability
COLUMNS = ("energy", "overlap", "mutual", "reliable")
#: and of chains, the energy after a quarter of the sweeps
EARLY = "early"
#: random configurations whose energy sets the scale of the margin
RANDOM_CONFIGURATIONS = 32

#: last configurations, and energies after a quarter of the sweeps if there are as many as four
Last = tuple[Array, Array | None]


def _quarter(sweeps: int) -> int:
    return sweeps // 4 if sweeps >= 4 else sweeps


def _early(energy: Array, record: int, sweeps: int) -> Array | None:
    return energy[:, record] if sweeps >= 4 else None


def _heat_bath(instance: Instance, sweeps: int, seed: int, start: str, chains: int) -> Last:
    run = heat_bath(instance, sweeps, seed, start, chains, every=_quarter(sweeps))
    return run.configurations, _early(run.energy, 0, sweeps)


def _parallel_tempering(instance: Instance, sweeps: int, seed: int, start: str, chains: int) -> Last:
    run = parallel_tempering(instance, sweeps, seed, start, chains, every=_quarter(sweeps)).chains
    return run.configurations, _early(run.energy, 0, sweeps)


def _langevin(instance: Instance, sweeps: int, seed: int, start: str, chains: int) -> Last:
    unit = instance.model.energy_unit(instance.control)
    steps = round(sweeps / LANGEVIN_STEP)
    run = langevin(instance, sweeps / unit, LANGEVIN_STEP / unit, seed, start, chains, _quarter(steps))
    return run.configurations, _early(run.energy, 1, steps)


#: Markov chains by name: instance, sweeps (times 1/T for Langevin), seed, start, chains -> where they end
CHAINS: dict[str, Callable[[Instance, int, int, str, int], Last]] = {
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
            one_of("sampler", name, [*SAMPLERS, *SIDED, *CHAINS])
        if not self.samplers or len(set(self.samplers)) != len(self.samplers):
            raise InputError(f"samplers must be different names, at least one, got {told(self.samplers)}")

    @property
    def problem(self) -> dict[str, Any]:
        """Plain data that tells one plan from another."""
        own = {n: getattr(self, n) for n in ("control", "size", "batch", "steps", "sweeps", "target")}
        return {"model": self.model.name, **self.model.parameters, **own, "samplers": list(self.samplers)}

    def check(self, seed: int) -> Instance:
        """Return an instance; raise an `InputError` for what would fail in every task: no such instance, or chain."""
        instance = draw_instance(self.model, self.control, self.size, seed, self.target)
        if not isinstance(instance, DenseInstance | GraphInstance | TwoSidesInstance):
            raise InputError(
                f"simulations need exact samples by Markov chains, {self.model!r} has none: use draw_samples"
            )
        for name in self.samplers:
            if name in SIDED or name in SAMPLERS:
                instance._told_by(of_side(name)[1])
        chains = [name for name in self.samplers if name in CHAINS]
        if chains and instance.hard:
            raise InputError(
                f"{chains[0]} cannot start from random configurations under hard constraints: give the model a "
                "temperature > 0, or choose other samplers"
            )
        for name in chains:
            if (name == "langevin") != self.model.spherical:
                raise InputError(f"{name} does not sample {self.model!r}: the chain for it is {baseline(self.model)}")
        return instance

    def start(self, rng: np.random.Generator) -> State:
        """Draw the seeds of the instance, of the reference and of every sampler."""
        return {
            "seeds": rng.integers(0, SEEDS, 2 + len(self.samplers)),
            "rows": np.empty((0, len(COLUMNS), self.batch)),
            "early": np.empty((0, self.batch)),
        }

    def advance(self, state: State, rng: np.random.Generator) -> None:
        """Do all that is done on the instance."""
        seeds = [int(s) for s in state["seeds"]]
        instance = draw_instance(self.model, self.control, self.size, seeds[0], self.target)
        exact, early = self._reference(instance, seeds[1])
        anchor = exact[0] if instance.planted is None else instance.planted
        rows, all_early = [self._row(instance, exact, anchor)], [early]
        for name, seed in zip(self.samplers, seeds[2:], strict=True):
            if name in CHAINS:
                last, early = CHAINS[name](instance, self.sweeps, seed, "random", self.batch)
                rows.append(self._row(instance, last, anchor))
            else:
                base, path = of_side(name)
                run, early = draw_samples(instance, base, self.batch, seed, steps=self.steps, path=path), None
                rows.append(self._row(instance, run.configurations, anchor, run.reliable))
            all_early.append(early)
        state["rows"] = np.array(rows)
        state["early"] = np.array([np.full(self.batch, np.nan) if e is None else e for e in all_early])

    def _reference(self, instance: Instance, seed: int) -> Last:
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
        """Return the columns of the reference and of every sampler, and early energies where there are any."""
        names = [REFERENCE, *self.samplers]
        columns = {
            f"{name} {column}": state["rows"][k, c].tolist()
            for k, name in enumerate(names)
            for c, column in enumerate(COLUMNS)
        }
        kept = {n: e.tolist() for n, e in zip(names, state["early"], strict=True) if not np.isnan(e).any()}
        return columns | {f"{name} {EARLY}": energies for name, energies in kept.items()}

    def effort(self, sampler: str) -> str:
        """Return in words how many sweeps or steps a sampler makes."""
        if sampler == "langevin":
            return f"Langevin time {self.sweeps}/T"
        if sampler in CHAINS:
            return f"{self.sweeps} sweeps"
        return "one step for every variable" if sampler.startswith("autoregressive") else f"{self.steps} steps"


@dataclass(frozen=True, eq=False)
class Simulation(Reported):
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

    See Also
    --------
    simulate : With an example.
    """

    plan: Plan
    seed: int
    samplers: dict[str, SamplerJudgement]
    results: list[Result] = field(repr=False)

    @property
    def margin(self) -> float:
        """The excess energy per variable that counts as a failure."""
        return next(iter(self.samplers.values())).terms.margin

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        plan = self.plan
        return {
            "model": plan.model.name, "parameters": plan.model.parameters, "control": plan.model.control,
            plan.model.control: plan.control, "size": plan.size, "instances": len(self.results), "seed": self.seed,
            "batch": plan.batch, "steps": plan.steps, "sweeps": plan.sweeps, "target": plan.target,
            "significance": LEVEL, "power": POWER, "margin": self.margin,
            "samplers": {n: s.to_dict() for n, s in self.samplers.items()},
        }  # fmt: skip

    @property
    def title(self) -> str:
        """What was simulated: model, control, size, instances and configurations."""
        plan = self.plan
        where = f"{plan.model!r}, {plan.model.control} = {plan.control:g}, size {plan.size}"
        return f"{where}, {len(self.results)} {plan.target} instances, {plan.batch} configurations each"

    def table(self) -> ResultTable:
        """Return the judgements as rows, one for every sampler."""
        return judgements_table(self.title, list(self.samplers.values()))

    def report(self) -> str:
        """Return a readable text."""
        test = (
            f"  tested at significance {LEVEL:g}, and at power {POWER:g} against an excess energy of {self.margin:.3g}:"
            " outcomes speak of this size and effort, compare_samplers of size -> infinity"
        )
        lines = [line for j in self.samplers.values() for line in (f"  {j}", f"    {j.reason}")]
        return "\n".join([self.title, test, *lines])


def judge(name: str, results: Sequence[Result], terms: Terms) -> SamplerJudgement:
    """Return the judgement of a sampler from the results of all instances."""
    rows = []
    for r in results:
        energy, overlap, mutual, reliable = (np.array(r[f"{name} {c}"]) for c in COLUMNS)
        exact, early = np.array(r[f"{REFERENCE} energy"]), r.get(f"{name} {EARLY}")
        p = min(1.0, 2 * two_sample_p_value(energy, exact), 2 * two_sample_p_value(overlap, mutual))
        rows.append(
            InstanceJudgement(
                energy=float(energy.mean()), reference_energy=float(exact.mean()), overlap=float(overlap.mean()),
                mutual_overlap=float(mutual.mean()), p_value=p, spread=float(exact.std()),
                shift=rank_sum_score(energy, exact), reliable=float(reliable.mean()),
                energy_error=_independent_error(energy, exact), overlap_error=_independent_error(overlap, mutual),
                early_energy=None if early is None else float(np.mean(early)),
            )
        )  # fmt: skip
    return SamplerJudgement(name, tuple(rows), terms)


def _independent_error(first: Array, second: Array) -> float:
    """Return the standard error of a difference of means of independent numbers."""
    return math.sqrt(sum(float(x.var(ddof=1)) / len(x) for x in (first, second)))


def _doubt(plan: Plan, results: Sequence[Result], margin: float) -> str:
    """Return why the reference may not be exact: on random instances it may be slow itself."""
    if plan.target == "planted":
        return ""
    if baseline(plan.model) == "langevin":
        return "Langevin dynamics, which stands in for exact samples of random instances, may itself be slow"
    if any(f"{REFERENCE} {EARLY}" not in r for r in results):
        return "it is not known whether parallel tempering, which stands in for exact samples, had arrived"
    ends = [(np.array(r[f"{REFERENCE} energy"]), np.array(r[f"{REFERENCE} {EARLY}"])) for r in results]
    drift = Difference.of([float((a - b).mean()) for a, b in ends], [_independent_error(a, b) for a, b in ends])
    if drift.bound <= margin:
        return ""
    return (
        "parallel tempering, which stands in for exact samples of random instances, may still drift: since a quarter "
        f"of the sweeps its energy changed by {drift}"
    )


def random_energy(instance: Instance, seed: int) -> float:
    """Return the mean energy per variable of configurations drawn from the prior."""
    rng = np.random.Generator(np.random.PCG64(seed))
    # one at a time: many of them together may not fit into memory
    energies = [instance.energy(instance._from_prior(rng)[None]) for _ in range(RANDOM_CONFIGURATIONS)]
    return float(np.mean(energies))


def _terms(plan: Plan, results: Sequence[Result], margin: float) -> dict[str, Terms]:
    """Return what every sampler is held to."""
    overlap_margin = MARGIN * (1.0 if plan.model.spherical else float(plan.model.largest_overlap))
    doubt = _doubt(plan, results, margin)
    return {
        n: Terms(
            margin, overlap_margin, plan.size, plan.effort(n), n in CHAINS, doubt,
            theory=Theory(plan.model, plan.control, n, plan.target),
        )
        for n in plan.samplers
    }  # fmt: skip


@overload
def simulate(
    model: Model, control: float, size: int, instances: int, seed: int, samplers: Sequence[str] | None = None,
    batch: int = 16, steps: int = 100, sweeps: int = 1000, target: Target | None = None,
    executor: Executor | None = None, checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None, margin: float | None = None,
) -> Simulation: ...  # fmt: skip
@overload
def simulate(
    model: Model, *, size: int, instances: int, seed: int, samplers: Sequence[str] | None = None, batch: int = 16,
    steps: int = 100, sweeps: int = 1000, target: Target | None = None, executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None, progress: Callable[[int, int], None] | None = None,
    margin: float | None = None, **named: float,
) -> Simulation: ...  # fmt: skip
def simulate(
    model: Model, control: float | None = None, size: Any = None, instances: Any = None, seed: Any = None,
    samplers: Sequence[str] | None = None, batch: int = 16, steps: int = 100, sweeps: int = 1000,
    target: Target | None = None, executor: Executor | None = None, checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None, margin: float | None = None, **named: float,
) -> Simulation:  # fmt: skip
    """Run samplers on many instances and judge them by exact samples, at this size and with this effort.

    Parameters
    ----------
    model, control, size, instances, seed, target, **named
        The instances, their control also under the model's own name for it; how many, >= 1, of which a checkpoint's
        run can be given more; an integer >= 0, from which each has its own stream; "planted" (default) or "random".
    samplers
        Names: "flow", "diffusion", "autoregressive", "masked" and "uniform-diffusion" denoise by AMP or belief
        propagation, "flow on u" and the like one side first; the Markov chains "heat-bath" ("mcmc"), "langevin" and
        "parallel-tempering" start from random configurations.  By default the flow and the model's chain.
    batch, steps, sweeps
        Configurations that each of them draws on every instance, and as many exact samples (at least 6, as fewer
        cannot be told apart at the level of the test); steps of the denoising samplers, all but the autoregressive
        one; sweeps of the Markov chains, times 1/T for Langevin.
    executor, checkpoint, progress
        Any executor of the standard library's kind, for instance Dask's `client.get_executor()`; a file to which
        finished instances are saved and from which a killed run is resumed, with the same numbers bit for bit on the
        same machine with one linear-algebra thread; a function of the numbers of finished and of all instances.
    margin
        The excess energy per variable, > 0, that counts as a failure: a sampler succeeds only if so much is excluded.
        By default 5 % of the energy between random and exact configurations.

    Returns
    -------
    Simulation
        For every sampler an outcome with its reason: "biased" at significance 0.01; "succeeds" if a failure by the
        margin is excluded at power 0.95, from 5 instances on; "fails" for a chain whose excess is above it and stays
        while sweeps quadruple; "too small to tell" if that cannot show what theory says beside it; else "undecided".

    Raises
    ------
    InputError, FileError, NumericalError
        For a bad argument, or a Markov chain that does not sample the model; for a checkpoint of another problem, with
        what differs; if instances failed: `partial` holds the others.

    Examples
    --------
    >>> from amp_theory import IsingPSpin
    >>> found = simulate(IsingPSpin(3), temperature=1.5, size=30, instances=2, seed=1, batch=6, steps=10, sweeps=20)
    >>> sorted(found.samplers)
    ['flow', 'heat-bath']
    """
    plan = checked_plan(model, at_control(model, control, named), size, samplers, (batch, steps, sweeps), target)
    number, master = integer_between("instances", instances, 1, 10**6), check_master_seed(seed)
    wanted = None if margin is None else positive("margin", margin)
    if checkpoint is not None:  # noticed before any work
        check_place(as_file(checkpoint))
    random = random_energy(plan.check(master), master)
    results = run_tasks([plan] * number, master, plan.problem, executor, checkpoint, progress)
    if wanted is None:
        wanted = MARGIN * abs(random - float(np.mean([r[f"{REFERENCE} energy"] for r in results])))
    judged = {name: judge(name, results, terms) for name, terms in _terms(plan, results, wanted).items()}
    return Simulation(plan, master, judged, results)


def _named(samplers: Sequence[str], model: Model) -> tuple[str, ...]:
    """Return our names of samplers, which `compare_samplers` and others may call differently."""
    given = (without_both(name, model.sides) for name in as_list("samplers", samplers, "names"))
    return tuple(canonical("sampler", name, [*SAMPLERS, *SIDED, *CHAINS]) for name in given)


def checked_plan(
    model: Model, control: Any, size: int, samplers: Sequence[str] | None, effort: tuple[int, int, int],
    target: Target | None,
) -> Plan:  # fmt: skip
    """Return what is run on every instance, `effort` being batch, steps and sweeps."""
    if as_model(model).outer_overlap:
        raise InputError(f"simulations need exact samples, of {model!r} none are known: use draw_samples")
    batch, steps, sweeps = effort
    return Plan(
        model=model,
        control=float(model.check_control(as_float(model.control, control))),
        size=integer_between("size", size, 1, LARGEST_SIZE),
        samplers=("flow", baseline(model)) if samplers is None else _named(samplers, model),
        batch=integer_between("batch", batch, FEWEST, 10**6),
        steps=integer_between("steps", steps, 1, 10**7),
        sweeps=integer_between("sweeps", sweeps, 1, 10**7),
        target=model.check_target("planted" if target is None else target),
    )
