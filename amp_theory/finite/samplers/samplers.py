"""Samplers that draw configurations of an instance with a denoiser, one noise level after the other.

With <s> the denoiser's posterior mean given the side information so far:

- flow: the probability-flow ODE of X_t = a(t) z + b(t) s, dX/dt = (a'/a) X + (b' - a' b/a) <s>.  In u = X/a and
  gamma = b/a it reads du/dgamma = <s>, u(0) = z, whatever the interpolant, which only places the steps (midpoint rule);
- diffusion: the reverse SDE, in the time of stochastic localization, dy = <s> dt + dB, t = snr (Euler-Maruyama);
- autoregressive: variables are drawn one by one, in any order, from their own posterior given those before;
- masked: every variable still masked is revealed with the probability that makes the fraction grow as scheduled; by an
  order so many as the fraction wants: by degree, or those with the largest or smallest |<s>|;
- uniform-diffusion: spins y that are s flipped with probability (1 - w)/2; from w to w' a spin is drawn from
  P(y'|y) = sum_s P(s|y) P(y'|s, w') P(y|y', w/w')/P(y|s, w), independently for all spins.

All of them are exact for an exact denoiser in the limit of small steps, and at their end draw what is left from
the last posteriors of single variables.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import Instance, as_instance, check_seed
from amp_theory.finite.instances.graphs import in_order
from amp_theory.finite.samplers.denoisers import Denoised, Denoiser, as_denoiser, draw_each
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import (
    CONFIDENCE_ORDERS,
    DEGREE_ORDERS,
    Autoregressive,
    Flow,
    UniformDiscreteDiffusion,
)
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.ingredients.paths.sides import SIDES
from amp_theory.models.synonyms import canonical
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, as_float, integer_between, told
from amp_theory.tools.progress import stage
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable, of_grid

#: the snr at which a flow or diffusion ends, in units of 1/(shortest distance of two values)^2, and retention
LAST_SNR, LAST_RETENTION = 160.0, 1 - 1e-9
#: orders of revealing that samplers follow
SAMPLED_ORDERS = ("random", *DEGREE_ORDERS, "most-confident", "most-uncertain")
#: part of E s^2 that one step of a resolved path may learn at most
COARSEST = 0.25


@dataclass(frozen=True, eq=False)
class Samples(Reported):
    """Configurations that a sampler has drawn, and its way to them.

    Parameters
    ----------
    sampler
        The path's name.
    configurations
        Shape (batch, size), in the units of s.
    strength
        Strength of side information at every call of the denoiser, shape (steps,).
    self_overlap
        <s>.<s>/size at every call, shape (steps, batch): by Nishimori the overlap of state evolution, of two kinds that
        of u.
    planted_overlap
        <s>.s*/size at every call, shape (steps, batch); None without a planted configuration.
    converged
        Whether the denoiser converged, shape (steps, batch); a function that returns means only is taken at its word.
    resolution
        Largest change of the mean self-overlap within one step, or by the draw at the end, in units of E s^2: what
        several variables learn at a time, independently of each other.  Zero where they are drawn one by one.

    See Also
    --------
    draw_samples : Which returns it, with an example.
    """

    sampler: str
    configurations: Array
    strength: Array
    self_overlap: Array
    planted_overlap: Array | None
    converged: Mask
    resolution: float = math.inf

    def report(self) -> str:
        """Return a readable text: how many configurations, how the overlaps ended, and how many are reliable."""
        batch, size = self.configurations.shape
        what = f"{batch} configurations of {size} variables by {self.sampler} in {len(self.strength)} steps"
        lines = [f"{what}, {int(self.reliable.sum())} reliable (resolution {self.resolution:.3g})"]
        for name, values in (("self-overlap", self.self_overlap), ("planted overlap", self.planted_overlap)):
            if values is not None and len(values):
                lines.append(f"  mean {name} at the last call {values[-1].mean():.8g}")
        return "\n".join(lines)

    def table(self) -> ResultTable:
        """Return the overlaps of every configuration at every call of the denoiser as rows."""
        axes = {"step": np.arange(len(self.strength)), "configuration": np.arange(len(self.configurations))}
        columns: dict[str, Any] = {"strength": self.strength[:, None], "self_overlap": self.self_overlap}
        columns |= {"planted_overlap": self.planted_overlap, "converged": self.converged}
        return of_grid(str(self).splitlines()[0], axes, columns)

    @property
    def resolved(self) -> bool:
        """Whether no step learns more than a quarter of everything, without which nothing is known of a path's error.

        It is no proof of a small one, which takes a comparison with more steps.
        """
        return self.resolution <= COARSEST

    @property
    def reliable(self) -> Mask:
        """Whether the denoiser converged at every step and the steps are `resolved`, shape (batch,)."""
        return np.asarray(self.converged.all(axis=0) & self.resolved)


class _Run:
    """The denoiser of a run, and a record of what it said."""

    def __init__(
        self, instance: Instance, denoiser: Denoiser, batch: int, rng: np.random.Generator, path: Path
    ) -> None:
        self.instance, self.denoiser, self.batch, self.rng, self.order = instance, denoiser, batch, rng, path.order
        self.shape = (batch, instance.size)
        #: which numbers the path tells something, and where those of every such variable are
        self.told = instance._told_by(path)
        self.blocks = instance.blocks[self.told[instance.blocks[:, 0]]]
        self.last: Array | None = None
        self.side: SideInformation | None = None
        self.strength: list[float] = []
        self.levels: list[tuple[Array, ...]] = []
        self.planted: list[Array] = []
        self.converged: list[Mask] = []

    def seen(self, field: Array, precision: float = 0.0) -> SideInformation:
        """Return a field and a precision of the variables that are told something."""
        if self.told.all():
            return SideInformation.from_field(field, precision)
        return SideInformation.from_field(np.where(self.told, field, 0.0), np.where(self.told, precision, 0.0))

    def denoise(self, side: SideInformation, strength: float) -> Denoised:
        """Call the denoiser and keep its record."""
        found = self.denoiser(side, self.last)
        self.last, self.side = found.mean, side
        self.strength.append(strength)
        self.levels.append(self.instance._kind_means(found.mean**2))
        if self.instance.planted is not None:
            self.planted.append(self.instance._kind_means(found.mean * self.instance.planted)[0])
        self.converged.append(found.converged)
        return found

    def next(self, found: Denoised, known: Mask, here: float, there: float, order: Array) -> Mask:
        """Return which variables are revealed when the fraction grows: at random, in an order, or by certainty."""
        if self.order == "random":
            chosen = np.zeros(self.shape, dtype=bool)
            drawn = self.rng.random((self.batch, len(self.blocks))) * (1 - here) < there - here
            chosen[:, self.blocks] = drawn[..., None]
            return ~known & chosen
        if self.order in DEGREE_ORDERS:
            portion = np.isin(np.arange(self.shape[1]), order[: round(there * self.shape[1])])
            return np.asarray(~known & portion)
        certain = np.where(known, -1.0, np.abs(found.mean))
        if self.order == "most-uncertain":
            certain = np.where(known, -1.0, 2 - certain)
        rank = np.argsort(np.argsort(-certain, axis=1, kind="stable"), axis=1)
        return np.asarray(~known & (rank < round(there * self.shape[1]) - known.sum(axis=1, keepdims=True)))

    def draw(self, found: Denoised) -> Array:
        """Draw every variable from its own posterior."""
        assert self.side is not None
        return draw_each(self.instance, found, self.side, self.rng)

    def result(self, name: str, sampler: Sampler, configurations: Array, end: float) -> Samples:
        """Return the samples with the record; what was not revealed at strength `end` < 1 was drawn at once."""
        planted = np.array(self.planted) if self.planted else None
        overlap, last = np.array([level[0] for level in self.levels]), self.instance._kind_means(configurations**2)
        resolution = 0.0
        for kind, (where, _) in enumerate(self.instance.kinds):
            if not self.told[where].all():  # drawn from its law given the others, whatever is learnt by that
                continue
            levels = np.array([float(level[kind].mean()) for level in self.levels[:: sampler.calls]])
            levels = np.append(levels, float(last[kind].mean()))
            if sampler.single:
                levels = levels[-2:] if end < 1 else levels[-1:]
            moved = float(np.abs(np.diff(levels)).max(initial=0.0) / self.instance.priors[kind].second_moment)
            resolution = max(resolution, moved)
        drawn = self.instance._completed(configurations, self.told, self.rng)
        return Samples(name, drawn, np.array(self.strength), overlap, planted, np.array(self.converged), resolution)


def strengths_of(path: Path, steps: int, end: float) -> Array:
    """Return steps + 1 strengths from zero to `end`, evenly spaced in the time of the path's schedule.

    Where the schedule's time is infinite at strength zero, evenly in the square root of the strength.
    """
    times = path.schedule.time(np.array([0.0, end]))
    if np.all(np.isfinite(times)):
        result = np.asarray(path.schedule.strength(np.linspace(times[0], times[1], steps + 1)), dtype=float)
        result[0], result[-1] = 0.0, end
        return result
    return np.asarray(end * np.linspace(0, 1, steps + 1) ** 2)


def _last_snr(instance: Instance, path: Path) -> float:
    """Return the snr at which single variables are certain: for a continuous prior, 1e4 in units of its variance."""
    told, ends = instance._told_by(path), []
    for kind, (where, mixture) in enumerate(instance.kinds):
        if told[where].all():
            values = instance._allowed_values(kind)
            if values is None:
                ends.append(1e4 / mixture.variance)
            else:  # vectors are as far from each other as from the first one
                ordered = values[np.argsort(values[:, 0])] if values.shape[1] == 1 else values
                steps = np.diff(ordered, axis=0) if values.shape[1] == 1 else values[1:] - values[0]
                ends.append(LAST_SNR / float((steps**2).sum(axis=1).min()))
    return max(ends)


def _flow(run: _Run, strengths: Array, _order: Any) -> Array:
    gamma = np.sqrt(strengths)
    u = run.rng.standard_normal(run.shape)

    def mean(u: Array, g: float) -> Array:
        return run.denoise(run.seen(g * u, g * g), g * g).mean

    for here, there in itertools.pairwise(gamma):
        h = there - here
        middle = u + 0.5 * h * mean(u, float(here))
        u = u + h * mean(middle, float(here + 0.5 * h))
    g = float(gamma[-1])
    return run.draw(run.denoise(run.seen(g * u, g * g), g * g))


def _diffusion(run: _Run, strengths: Array, _order: Any) -> Array:
    y = np.zeros(run.shape)
    for here, there in itertools.pairwise(strengths):
        found = run.denoise(run.seen(y, float(here)), float(here))
        y = y + (there - here) * found.mean + np.sqrt(there - here) * run.rng.standard_normal(run.shape)
    end = float(strengths[-1])
    return run.draw(run.denoise(run.seen(y, end), end))


def _autoregressive(run: _Run, strengths: Array, order: Array) -> Array:
    if run.order in CONFIDENCE_ORDERS:
        last = math.ceil(strengths[-1] * len(order))
        return _masked(run, np.arange(last + 1) / len(order), order)
    known, values = np.zeros(run.shape, dtype=bool), np.zeros(run.shape)
    for step, i in enumerate(order[: math.ceil(strengths[-1] * len(order))]):
        found = run.denoise(SideInformation.from_known(known, values), step / len(order))
        numbers = run.blocks[i]
        values[:, numbers] = run.draw(found)[:, numbers]
        known[:, numbers] = True
    return _rest(run, known, values)


def _masked(run: _Run, strengths: Array, order: Array) -> Array:
    known, values = np.zeros(run.shape, dtype=bool), np.zeros(run.shape)
    for here, there in itertools.pairwise(strengths):
        found = run.denoise(SideInformation.from_known(known, values), float(here))
        reveal = run.next(found, known, float(here), float(there), order)
        values = np.where(reveal, run.draw(found), values)
        known = known | reveal
    return _rest(run, known, values)


def _rest(run: _Run, known: Mask, values: Array) -> Array:
    """Draw the variables that are not known yet, all at once."""
    if known[:, run.told].all():
        return values
    found = run.denoise(SideInformation.from_known(known, values), float(known[:, run.told].mean()))
    return np.where(known, values, run.draw(found))


def _uniform(run: _Run, strengths: Array, _order: Any) -> Array:
    y = run.rng.choice([-1.0, 1.0], run.shape)
    for here, there in itertools.pairwise(strengths):
        found = run.denoise(run.seen(np.arctanh(here) * y), float(here))
        s, kept = run.draw(found), here / there
        right, wrong = (1 + there) * (1 + kept * y * s), (1 - there) * (1 - kept * y * s)
        y = np.where(run.rng.random(run.shape) * (right + wrong) < right, s, -s)
    end = float(strengths[-1])
    return run.draw(run.denoise(run.seen(np.arctanh(end) * y), end))


@dataclass(frozen=True)
class Sampler:
    """What runs a sampler, and the path whose strength grows along it.

    calls counts the denoiser's calls in a step; single tells whether variables are drawn one by one, in an order;
    last is the largest strength, if not the path's limit.
    """

    run: Callable[[_Run, Array, Array], Array]
    path: type[Path]
    calls: int = 1
    single: bool = False
    last: float = math.inf


#: samplers by name
SAMPLERS = {
    "flow": Sampler(_flow, Flow, calls=2),
    "diffusion": Sampler(_diffusion, Flow),
    "autoregressive": Sampler(_autoregressive, Autoregressive, single=True),
    "masked": Sampler(_masked, Autoregressive),
    "uniform-diffusion": Sampler(_uniform, UniformDiscreteDiffusion, last=LAST_RETENTION),
}

#: the same told one of two kinds of variables, as `compare_samplers` names them
SIDED = tuple(f"{name} on {side}" for name, one in SAMPLERS.items() for side in SIDES[:-1] if one.path.sided)


def of_side(name: str) -> tuple[str, Path]:
    """Return the sampler that a name with or without a side means, and its path.

    Examples
    --------
    >>> of_side("masked on v")[1].side
    'v'
    """
    base, on, side = name.partition(" on ")
    kind: Any = SAMPLERS[base].path
    return base, kind(side=side) if on else kind()


def draw_samples(
    instance: Instance,
    sampler: str,
    batch: int,
    seed: int | np.random.SeedSequence,
    denoiser: object = None,
    steps: int = 50,
    path: Path | None = None,
    end_strength: float | None = None,
    order: Sequence[int] | None = None,
) -> Samples:
    """Draw configurations of an instance by a sampler that works with a denoiser, as in arXiv:2308.14085.

    Parameters
    ----------
    instance
        The instance.
    sampler
        "flow", "diffusion", "autoregressive", "masked" or "uniform-diffusion"; two kinds of variables have no last one.
    batch, seed
        How many configurations, and the seed of all random numbers.
    denoiser
        None: AMP or belief propagation, whichever the instance takes; "exact": enumeration of a small instance; or
        a function of `SideInformation` that returns means of shape (batch, size), or `Denoised`.
    steps
        Steps, all but for the autoregressive sampler, which takes one for every variable; compare runs.
    path
        The sampler's path with a schedule of one's own, which places the steps, or an order, or a side: variables of
        the other kind are then drawn at the end, given these.
    end_strength
        Where the path ends and what is left is drawn from the posteriors of single variables.
    order
        Permutation of the variables for the autoregressive sampler, by default that of the path, which on graphs may be
        by degree; the masked sampler follows it too.

    Returns
    -------
    Samples
        The configurations, what was learnt on the way, and whether the denoiser converged.

    Raises
    ------
    InputError
        For a bad argument, an order for a sampler without one, or a denoiser that returns a wrong shape or NaN.

    Examples
    --------
    >>> from amp_theory import IsingPSpin, draw_instance
    >>> instance = draw_instance(IsingPSpin(3), control=1.0, size=8, seed=0)
    >>> draw_samples(instance, "autoregressive", batch=5, seed=1, denoiser="exact").configurations.shape
    (5, 8)
    """
    sampler = canonical("sampler", sampler, SAMPLERS)
    chosen, way = SAMPLERS[sampler], _way(sampler, path, as_instance(instance))
    number = integer_between("steps", steps, 1, 10**7)
    rng = np.random.Generator(np.random.PCG64(check_seed(seed)))
    run = _Run(instance, as_denoiser(instance, denoiser), integer_between("batch", batch, 1, 10**7), rng, way)
    strengths = strengths_of(way, number, _end(way, instance, end_strength, chosen.last))
    drawn = _drawn(sampler, run, strengths, _order(order, sampler, run, way))
    return run.result(sampler, chosen, drawn, float(strengths[-1]))


def _drawn(sampler: str, run: _Run, strengths: Array, order: Array) -> Array:
    with stage("sampler %s", sampler, level=logging.DEBUG):
        return SAMPLERS[sampler].run(run, strengths, order)


def _way(sampler: str, given: Path | None, instance: Instance) -> Path:
    """Return the path that a sampler follows on an instance."""
    kind = SAMPLERS[sampler].path
    path = kind() if given is None else given
    if not isinstance(path, kind):
        raise InputError(f"the sampler {sampler!r} follows the path {kind.name!r}, got {told(given)}")
    for prior in instance.priors:
        path.check_prior(prior)
    instance._told_by(path)
    if path.order not in SAMPLED_ORDERS or path.order not in instance.model.orders:
        known = [name for name in SAMPLED_ORDERS if name in instance.model.orders]
        raise InputError(f"samplers of {instance.model!r} reveal in the order {' or '.join(known)}, not {path.order!r}")
    return path


def _end(path: Path, instance: Instance, given: float | None, last: float) -> float:
    """Return the strength at which a path ends, at most `last`."""
    if given is None:
        if np.isinf(path.limit):
            return _last_snr(instance, path)
        return min(1.0, last)
    most = min(path.limit, *(prior.largest_snr for prior in instance.priors))
    end = as_float("end_strength", given, f"in (0, {most:g}]")
    if not 0 < end <= most:
        raise InputError(f"end_strength must lie in (0, {most:g}], got {told(given)}")
    return min(end, last)


def _order(given: Sequence[int] | None, sampler: str, run: _Run, path: Path) -> Array:
    """Return the order of the variables: one that is given, which one sampler alone takes, or the path's."""
    size = len(run.blocks)
    if given is None:
        return np.asarray(in_order(run.instance, path.order, run.rng.permutation(size)))
    if path.order != "random":
        raise InputError("order is for paths whose own order is 'random': leave one of the two out")
    if not SAMPLERS[sampler].single:
        raise InputError(
            f"order is for the sampler 'autoregressive', which draws variables one by one; {sampler!r} has none: leave "
            "it out"
        )
    order = as_array("order", given, f"a permutation of 0, ..., {size - 1}")
    if not np.array_equal(np.sort(order.ravel()), np.arange(size)) or order.ndim != 1:
        raise InputError(f"order must be a permutation of 0, ..., {size - 1}, got {told(given)}")
    return order.astype(np.intp)
