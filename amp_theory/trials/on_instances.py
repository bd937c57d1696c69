"""What demonstrations measure on one planted instance: numbers that vanish at large sizes if a sampler works."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from amp_theory.finite.chains.monte_carlo import heat_bath
from amp_theory.finite.inference.base import MessagePassingOptions
from amp_theory.finite.inference.unit_propagation import unit_propagation
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.finite.samplers.denoisers import MessagePassingDenoiser
from amp_theory.finite.samplers.samplers import draw_samples
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.tools.arrays import Array
from amp_theory.tools.runs import run_task
from amp_theory.trials.judge_denoiser import judge_denoiser
from amp_theory.trials.recovery import RECOVERED, RecoveryRun

#: how message passing is run where two starts are compared
OPTIONS = MessagePassingOptions(tolerance=1e-4, max_iterations=500)
#: the name of the chain among samplers
CHAIN = "heat-bath"


class OnInstance(ABC):
    """A number measured on one instance, and in which steps it comes; `quantity` says in words what it is."""

    quantity: str

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
class Missed(OnInstance):
    """Whether a sampler misses what was planted: its overlap stays below half of `informed`, an exact sample's."""

    model: Model
    control: float
    sampler: str
    effort: int
    informed: float
    quantity = "fraction of instances missed"

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
