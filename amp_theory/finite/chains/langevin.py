"""Langevin dynamics of spherical models.

With the Hamiltonian H = -T interaction, T the energy of one nat (the temperature of a spin glass; 1 for spiked models),

    ds_i/dt = -dH/ds_i - mu(t) s_i + sqrt(2 T) eta_i(t),    sum_i s_i^2 = N,

mu keeping the sphere; its stationary law is exp(-H/T) = exp(interaction).  The time unit is that in which
dC/dt = -T C without interaction: C(t) = s(t).s(0)/N = exp(-T (1 - 1/N) t).  (Cugliandolo and Kurchan, Phys. Rev. Lett.
71, 1993, equation 3; G. Ben Arous et al., arXiv:math/0409273.)

One step of length h: project the force and the noise on the tangent plane and move on the sphere,

    s <- [(1 - w) s + v]/(1 + w),    v = P_s [-dH/ds h + sqrt(2 T h) eta],    w = v.v/(4 N),

which has s.s = N exactly and supplies the drift of mu: averages at a fixed time err by O(h) (weak order 1).  Without
force the mean correlation errs less, by a factor 1 - w over 1 + w, w = T h/2, for exp(-T h), at large N.

Steps are not compiled: the products with the tensor take four fifths of the time and more (3-spin, N = 200: 2.9 of
3.1 ms; a matrix, N = 2000: 1.5 of 1.8 ms), and a compiled loop through a sixth of the tensor is not faster than they.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from amp_theory.finite.chains.starts import generators, start_configurations
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_flag, integer_between, positive, told
from amp_theory.tools.progress import tracked
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable, of_grid

#: longest step in units of 1/T: the noise of one step then turns s by half a radian
LONGEST_STEP = 0.125
MOST_STEPS, MOST_CHAINS = 10**9, 10**6
_NOT_SPHERICAL = (
    "Langevin dynamics is for instances of spherical models, got {}: heat_bath samples discrete priors, and two kinds "
    "of variables; draw_samples samples others"
)


@dataclass(frozen=True, eq=False)
class LangevinTrajectories(Reported):
    """Trajectories of Langevin dynamics, recorded every few steps, the start included.

    Parameters
    ----------
    times
        Times of the records, shape (records,), in units in which C(t) = exp(-T t) without interaction.
    correlation
        C(t, 0) = s(t).s(0)/size, shape (chains, records).
    overlap
        Overlap with the planted configuration, shape (chains, records); None for a random instance.
    energy
        Energy per variable in the units of the model's Hamiltonian, shape (chains, records).
    configurations
        The last configurations, shape (chains, size).
    step
        Length of a step.
    step_error
        Estimated errors of the means over chains that are due to the step, the largest over all records: "energy" and
        "correlation", twice their changes when steps are halved under the same noise; None unless asked for.

    See Also
    --------
    langevin : Which returns it, with an example.
    """

    times: Array = field(repr=False)
    correlation: Array = field(repr=False)
    overlap: Array | None = field(repr=False)
    energy: Array = field(repr=False)
    configurations: Array = field(repr=False)
    step: float
    step_error: dict[str, float] | None = None

    def report(self) -> str:
        """Return a readable text: how many trajectories and how long, and where the means ended."""
        chains, size = self.configurations.shape
        lines = [f"{chains} trajectories of {size} variables up to time {self.times[-1]:.6g}, step {self.step:.6g}"]
        for name, values in (("energy", self.energy), ("correlation", self.correlation)):
            error = "" if self.step_error is None else f", error of the step about {self.step_error[name]:.1g}"
            lines.append(f"  mean {name} at the end {values[:, -1].mean():.8g}{error}")
        return "\n".join(lines)

    def table(self) -> ResultTable:
        """Return energy (per variable), correlation with the start and overlap at every record as rows."""
        axes = {"chain": np.arange(len(self.configurations)), "time": self.times}
        columns = {"energy": self.energy, "correlation": self.correlation, "overlap": self.overlap}
        return of_grid(str(self).splitlines()[0], axes, columns)


def _field(instance: DenseInstance, s: Array) -> tuple[Array, Array]:
    """Return the derivative of the interaction, shape (chains, size), and the interaction, shape (chains,)."""
    total, interaction = np.zeros_like(s), np.zeros(len(s))
    for term in instance.terms:
        one = term.contract(s)
        total += one
        interaction += (one * s).sum(axis=1) / term.bodies
    return total, interaction


def advance(s: Array, force: Array, temperature: float, step: float, noise: Array) -> Array:
    """Return configurations (chains, size) after one step with normal numbers `noise` of the same shape."""
    size = s.shape[1]
    move = step * force + math.sqrt(2 * temperature * step) * noise
    move -= (move * s).sum(axis=1, keepdims=True) / size * s
    w = (move * move).sum(axis=1, keepdims=True) / (4 * size)
    new = ((1 - w) * s + move) / (1 + w)
    # against the accumulation of rounding errors only
    return np.asarray(new * np.sqrt(size / (new * new).sum(axis=1, keepdims=True)))


def _records(
    instance: DenseInstance, start: Array, steps: int, step: float, every: int,
    seed: int | np.random.SeedSequence, halved: bool,
) -> tuple[Array, Array, Array | None, Array]:  # fmt: skip
    """Return energy, correlation and overlap at the records, and the last configurations.

    `halved` takes two steps for every one, with increments of the noise that add up to those of the one.
    """
    temperature = instance.model.energy_unit(instance.control)
    _, noise, bridge = generators(seed, 3)
    records = steps // every + 1
    energy, correlation = np.empty((2, len(start), records))
    overlap = None if instance.planted is None else np.empty((len(start), records))
    s = start
    for n in tracked(range(steps + 1), "steps of langevin"):
        field, interaction = _field(instance, s)
        if n % every == 0:
            energy[:, n // every] = -temperature * interaction / instance.size
            correlation[:, n // every] = (s * start).mean(axis=1)
            if overlap is not None:
                assert instance.planted is not None
                overlap[:, n // every] = instance.overlap(s, instance.planted)
        if n == steps:
            break
        eta = noise.standard_normal(s.shape)
        if not halved:
            s = advance(s, temperature * field, temperature, step, eta)
            continue
        other = bridge.standard_normal(s.shape)
        s = advance(s, temperature * field, temperature, step / 2, (eta + other) / math.sqrt(2))
        field, _ = _field(instance, s)
        s = advance(s, temperature * field, temperature, step / 2, (eta - other) / math.sqrt(2))
    return energy, correlation, overlap, s


def langevin(
    instance: Instance, end_time: float, step: float, seed: int | np.random.SeedSequence, start: str | Array = "random",
    chains: int = 1, every: int = 1, check_step: bool = False,
) -> LangevinTrajectories:  # fmt: skip
    """Run overdamped Langevin dynamics of a spherical model, sum s^2 = size.

    L. F. Cugliandolo and J. Kurchan, Phys. Rev. Lett. 71 (1993), equation 3; G. Ben Arous et al., arXiv:math/0409273.

    Parameters
    ----------
    instance
        An instance of a spherical model.
    end_time
        Time to run, > 0, in units in which C(t) = exp(-T t) without interaction (T = 1 for spiked models).
    step
        Length of a step at most, 0 < step <= 1/(8 T); shortened so that a whole number of steps fits.
    seed
        An integer >= 0, or a `numpy.random.SeedSequence`.
    start
        "random" (uniform on the sphere), "planted", or configurations of shape (chains, size) on the sphere.
    chains
        Number of independent trajectories, >= 1, which are worked on together.
    every
        Steps between records.
    check_step
        Whether to run again with halved steps under the same noise and estimate the error of the step;
        three times the cost.

    Returns
    -------
    LangevinTrajectories
        Correlation with the start, overlap with the planted configuration and energy, against time.

    Raises
    ------
    InputError
        For a model that is not spherical, or numbers out of range.

    Examples
    --------
    >>> from amp_theory import SphericalPSpin
    >>> from amp_theory.finite.instances.draw import draw_instance
    >>> run = langevin(draw_instance(SphericalPSpin(3), 1.0, 20, seed=1), end_time=0.5, step=0.05, seed=2)
    >>> run.correlation.shape, float(run.correlation[0, 0])
    ((1, 11), 1.0)
    """
    if not isinstance(instance, DenseInstance) or not instance.model.spherical:
        raise InputError(_NOT_SPHERICAL.format(told(instance)))
    number = integer_between("chains", chains, 1, MOST_CHAINS)
    steps, length = _steps(end_time, step, instance.model.energy_unit(instance.control))
    spacing = integer_between("every", every, 1, steps)
    begin = start_configurations(instance, start, number, generators(seed, 1)[0])
    energy, correlation, overlap, s = _records(instance, begin, steps, length, spacing, seed, halved=False)
    error = None
    if as_flag("check_step", check_step):
        finer = _records(instance, begin, steps, length, spacing, seed, halved=True)
        pairs = {"energy": (energy, finer[0]), "correlation": (correlation, finer[1])}
        error = {name: 2 * float(np.abs((a - b).mean(axis=0)).max()) for name, (a, b) in pairs.items()}
    times = np.asarray(length * spacing * np.arange(energy.shape[1]), dtype=float)
    return LangevinTrajectories(times, correlation, overlap, energy, s, length, error)


def _steps(end_time: float, step: float, temperature: float) -> tuple[int, float]:
    """Return the number of steps, and their length."""
    time, longest = positive("end_time", end_time), positive("step", step)
    if longest * temperature > LONGEST_STEP:
        raise InputError(f"step must be at most {LONGEST_STEP / temperature:g} = 1/(8 T), got {told(step)}")
    if time / longest > MOST_STEPS:
        raise InputError(f"end_time/step must be at most {MOST_STEPS:g}, got {time / longest:g}")
    steps = math.ceil(time / longest * (1 - 1e-12))
    return steps, time / steps
