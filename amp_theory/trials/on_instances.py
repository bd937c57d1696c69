"""What demonstrations measure on one planted instance: numbers that vanish at large sizes if a sampler works."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from amp_theory.finite.chains.monte_carlo import heat_bath
from amp_theory.finite.inference.base import MessagePassingOptions
from amp_theory.finite.inference.unit_propagation import unit_propagation
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.finite.samplers.denoisers import MessagePassingDenoiser
from amp_theory.finite.samplers.samplers import draw_samples
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError
from amp_theory.tools.runs import run_task
from amp_theory.trials.judge_denoiser import judge_denoiser
from amp_theory.trials.recovery import RECOVERED, RecoveryRun

#: how message passing is run where two starts are compared
OPTIONS = MessagePassingOptions(tolerance=1e-4, max_iterations=500)
#: the name of the chain among samplers
CHAIN = "heat-bath"
#: records of a chain's energy, and the part of them, at the end, that is averaged
RECORDS, LATE = 400, 1 / 4


class OnInstance(ABC):
    """A number measured on one instance, and in which steps it comes; `quantity` says in words what it is.

    `bounds` are what its mean cannot leave, None if they are not known.
    """

    quantity: str
    bounds: tuple[float, float] | None = None

    @abstractmethod
    def measured(self, size: int, seed: int) -> float:
        """Return the number of one instance."""

    def resolution(self, size: int) -> float:
        """Return the steps in which the number comes."""
        return 1 / size


@dataclass(frozen=True)
class ExcessEnergy(OnInstance):
    """The energy per variable of one configuration that a sampler drew, minus that of an exact one, the planted one.

    effort counts the steps of a denoising sampler, or the sweeps of heat bath from a random configuration.
    """

    model: Model
    control: float
    sampler: str
    effort: int
    quantity = "excess energy per variable"

    def measured(self, size: int, seed: int) -> float:
        """Return the difference of the two energies."""
        instance = draw_instance(self.model, self.control, size, seed)
        drawn = _drawn(instance, self.sampler, self.effort, seed + 1)
        both = instance.energy(np.stack([drawn, _planted(instance)]))
        return float(both[0] - both[1])


@dataclass(frozen=True)
class LateExcess(OnInstance):
    """The energy per variable over the last quarter of the sweeps of heat bath, minus the mean of exact samples.

    Its mean over instances is that of `ExcessEnergy`, as planted configurations are exact samples, averaged over those
    sweeps, which if the excess decays is no less than at the last one; the scatter is smaller: many configurations are
    averaged, and that of the planted one is left out.
    """

    model: Model
    control: float
    sweeps: int
    quantity = "excess energy per variable"

    def measured(self, size: int, seed: int) -> float:
        """Return the difference of the two energies."""
        instance = draw_instance(self.model, self.control, size, seed)
        every = max(1, self.sweeps // RECORDS)
        (energy,) = heat_bath(instance, self.sweeps, seed + 1, "random", 1, every=every).energy
        late = energy[-max(1, round(LATE * len(energy))) :]
        return float(late.mean()) - mean_planted_energy(instance)

    def resolution(self, size: int) -> float:
        """Return 0: it is a real number."""
        return 0.0


@dataclass(frozen=True)
class Missed(OnInstance):
    """Whether a sampler misses what was planted: its overlap stays below half of `informed`, an exact sample's."""

    model: Model
    control: float
    sampler: str
    effort: int
    informed: float
    quantity = "fraction of instances missed"
    bounds = 0.0, 1.0

    def measured(self, size: int, seed: int) -> float:
        """Return 1 if it misses it, else 0; heat bath stops where it finds it."""
        wanted = RECOVERED * self.informed
        if self.sampler == CHAIN:
            task = RecoveryRun(self.model, self.control, size, self.effort, wanted)
            (overlap,) = run_task(task, seed, 0)["overlap"]
        else:
            instance = draw_instance(self.model, self.control, size, seed)
            drawn = _drawn(instance, self.sampler, self.effort, seed + 1)
            overlap = float(instance.overlap(drawn[None], _planted(instance))[0])
        return float(overlap < wanted)

    def resolution(self, size: int) -> float:
        """Return 1: an instance is missed or not."""
        return 1.0


@dataclass(frozen=True)
class LargestGap(OnInstance):
    """The largest difference, over strengths, of the overlaps that message passing reaches from two starts.

    The one starts from nothing, as a denoiser does, the other from what was planted, which stands for the posterior.
    """

    model: Model
    path: Path
    control: float
    strengths: tuple[float, ...]
    quantity = "largest gap between the two branches"

    def measured(self, size: int, seed: int) -> float:
        """Return the largest difference at the strengths."""
        instance = draw_instance(self.model, self.control, size, seed)
        truth = _planted(instance)[None]
        denoiser = MessagePassingDenoiser(instance, OPTIONS)
        gaps = []
        for strength in self.strengths:
            # the same noise at every strength, so that the branches of one trajectory are followed
            side = self.path.observe(truth, strength, np.random.default_rng(seed + 1))
            without, informed = (denoiser(side, start).mean for start in (None, truth))
            gaps.append(float(((informed - without) @ truth[0])[0]) / size)
        return max(gaps)


@dataclass(frozen=True)
class NatsLost(OnInstance):
    """What message passing loses along a path per variable, in nats, against message passing from what was planted."""

    model: Model
    path: Path
    control: float
    batch: int = 1
    quantity = "nats lost per variable"

    def measured(self, size: int, seed: int) -> float:
        """Return what is lost on side information about one instance."""
        found = judge_denoiser(
            self.model, self.path, self.control, size=size, instances=1, seed=seed, batch=self.batch,
            reference="informed",
        )  # fmt: skip
        return found.nats_per_variable

    def resolution(self, size: int) -> float:
        """Return 0: it is a real number."""
        return 0.0


@dataclass(frozen=True)
class Redundant(OnInstance):
    """The bits per variable that unit propagation guesses in vain, an order of revealing given: redundant checks."""

    spins: int
    density: float
    order: str
    steps: int
    quantity = "redundant checks per variable"

    def measured(self, size: int, seed: int) -> float:
        """Return the redundant checks per variable."""
        found = unit_propagation(self.spins, self.density, size, self.order, self.steps, seed)
        return found.redundant * round(self.density * size) / size


@singledispatch
def mean_planted_energy(instance: Instance) -> float:
    """Return the mean over instances, of one size and control, of the energy per variable of what is planted.

    It is exact at every size.  With m of k literals up, factors have weight w_m and energy e_m, 0 or 1, and signs are
    drawn evenly: the mean energy is

        M/N sum_m binom(k, m) w_m e_m / sum_m binom(k, m) w_m.

    Couplings of p spins of +-1 have the mean lambda_p v_i1 .. v_ip: the log weight is lambda_p binom(N, p).

    Raises
    ------
    InputError
        For instances of another kind.

    Examples
    --------
    >>> from amp_theory import XORSAT
    >>> round(mean_planted_energy(draw_instance(XORSAT(3, temperature=1.0), 1.0, 100, 0)), 6)  # 1/(1 + e)
    0.268941
    """
    raise InputError(f"the mean energy of what is planted is known on graphs and in dense models, not for {instance!r}")


@mean_planted_energy.register
def _on_graph(instance: GraphInstance) -> float:
    weights = np.array(instance.factor.weights)
    number = weights * [math.comb(instance.factor.k, m) for m in range(len(weights))]
    return float(number[weights < weights.max()].sum() / number.sum() * len(instance.spins) / instance.size)


@mean_planted_energy.register
def _dense(instance: DenseInstance) -> float:
    if not (instance.discrete and instance.constant_norm and (np.abs(instance.variables.means) == 1).all()):
        raise InputError(f"the mean energy of what is planted is known for spins of +-1, not for {instance!r}")
    log_weight = sum(t.weight * math.comb(instance.size, t.bodies) for t in instance.terms)
    return -instance.model.energy_unit(instance.control) * log_weight / instance.size


def _planted(instance: Instance) -> Array:
    assert instance.planted is not None
    return np.asarray(instance.planted, dtype=float)


def _drawn(instance: Instance, sampler: str, effort: int, seed: int) -> Array:
    """Return one configuration that a sampler draws."""
    if sampler == CHAIN:
        return np.asarray(heat_bath(instance, effort, seed, "random", 1, every=effort).configurations[0], dtype=float)
    return np.asarray(draw_samples(instance, sampler, 1, seed, steps=effort).configurations[0], dtype=float)


def seed_of(master: int, label: str, size: int, instance: int) -> int:
    """Return the seed of one instance: it depends on nothing else that is run.

    Examples
    --------
    >>> seed_of(1, "flow", 100, 0) == seed_of(1, "flow", 100, 1)
    False
    """
    words = [master, *label.encode(), size, instance]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0]) % 2**62
