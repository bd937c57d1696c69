"""Judging denoisers: any function that answers side information, on planted trajectories, against theory.

At every strength of a path side information about the planted configurations of instances is drawn, the denoiser is
asked, and what it answers becomes the loss of denoiser_judgement.py.  Strengths are the nodes of a Kronrod rule between
the places where equilibrium and uninformed branch part or meet.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amp_theory.finite.inference.base import MessagePassingOptions
from amp_theory.finite.instances.base import LARGEST_SIZE, Instance, as_instance, check_master_seed
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.finite.instances.enumeration import MOST_CONFIGURATIONS, MOST_VARIABLES, Enumeration
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.finite.samplers.denoisers import (
    CheckedDenoiser,
    Denoised,
    Denoiser,
    ExactDenoiser,
    MessagePassingDenoiser,
)
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control
from amp_theory.phases.accuracy.along import KRONROD, NODES, mapped
from amp_theory.phases.accuracy.met import Met
from amp_theory.phases.accuracy.reading import along_stays
from amp_theory.phases.accuracy.stays import Stay, apart
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import (
    InputError,
    NumericalError,
    as_float,
    as_list,
    integer_between,
    one_of,
    told,
)
from amp_theory.tools.progress import stage
from amp_theory.tools.runs import random_stream
from amp_theory.trials.denoiser_judgement import PARTS, DenoiserJudgement, Measured, TheoryCurves, loss_and_parts

#: how message passing is run, which is slow next to transitions
OPTIONS = MessagePassingOptions(tolerance=1e-5, max_iterations=500)
#: factors of log probabilities that are tried, the first 1
FACTORS = np.concatenate([[1.0], np.geomspace(1 / 8, 8, 16)])
#: -log of the squared error of discrete variables below which nothing is left to learn; snr times variance between
#: which strengths are chosen by rules of their own
NOTHING, BETWEEN = 30.0, (1.0, 4.0)
#: denoisers that have a name
NAMED = ("amp", "exact")
#: what a user's denoiser is given
Question = Callable[[Instance, SideInformation, float], Any]


def judge_denoiser(
    model_or_instances: Model | Sequence[Instance], path: Path, control: float | None = None,
    denoiser: str | Question | None = None, *, size: int | None = None, instances: int | None = None,
    seed: int = 0, batch: int = 4, end_strength: float | None = None, reference: str | None = None, **named: float,
) -> DenoiserJudgement:  # fmt: skip
    """Judge a denoiser on planted instances: nats per variable, and why.

    Parameters
    ----------
    model_or_instances
        A model, of which instances are drawn, or planted instances of one model, control and size.
    path, control
        A flow, or the autoregressive path for discrete variables; the control of instances that are drawn, > 0.
    denoiser
        None or "amp": message passing; "exact": enumeration of small instances; or a function of an `Instance`,
        `SideInformation` (field, precision, known, values, all of shape (batch, size) but for the precision) and the
        strength.  It returns posterior means of shape (batch, size) in anything that numpy takes (tensors of torch
        too), or `Denoised`, with marginals where variables of more than two values are revealed.
    size, instances, seed, batch
        Of instances that are drawn: the number of variables, and how many, by default 8; an integer >= 0 for everything
        that is drawn; side informations per instance and strength, which are independent.
    end_strength
        Where the path ends; by default with complete information.
    reference
        "equations": the equilibrium of infinitely many variables; "enumeration": the exact posterior of every instance,
        the default where instances are small enough.
    **named
        The control under the model's own name for it, such as temperature=0.7.

    Returns
    -------
    DenoiserJudgement
        The relative entropy with its error over instances, and its parts.

    Raises
    ------
    InputError
        For a bad argument, or a path for which this is not derived.
    NumericalError
        If the denoiser fails, or returns a wrong shape, text, complex numbers, NaN or an infinity: the message names
        the instance and the strength, `partial` holds the judgement of the instances before, or None.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> def own_field_only(instance, side, strength):
    ...     return np.tanh(side.field)
    >>> model = IsingPSpin(p=3)
    >>> found = judge_denoiser(model, Flow(), 1.0, own_field_only, size=10, instances=3)
    >>> found.reference, found.nats_per_variable > 3 * found.errors["nats_per_variable"] > 0
    ('enumeration', True)
    """
    drawn = _instances(model_or_instances, control, size, instances, check_master_seed(seed), named)
    met = _met(drawn[0], path)
    task = _Trial(
        path, _curves(met, end_strength), denoiser, _reference(reference, drawn),
        integer_between("batch", batch, 1, 10**6), seed, end_strength is None,
    )  # fmt: skip
    return _run(task, drawn, met)


def _met(instance: Instance, path: Path) -> Met:
    """Return what theory says of an instance's model along a path for which this is derived."""
    check_pair(instance.model, path)
    if not (path.strength_is_snr or path.erases):
        raise InputError(f"denoisers are judged along flows and the autoregressive path, not along {path.name}")
    if path.erases and not instance.variables.atoms:
        raise InputError("denoisers of continuous variables are judged along flows, which do not reveal them exactly")
    return Met.at(instance.model, path, instance.control)


def _run(task: _Trial, instances: Sequence[Instance], met: Met) -> DenoiserJudgement:
    """Ask the denoiser on all instances; a failure keeps those before."""
    found: list[list[Array]] = []
    with stage("judging %s on %d instances", task.name, len(instances), total=len(instances)) as here:
        for k, instance in enumerate(instances):
            try:
                found.append(task.asked(instance, k))
            except _FailedError as failure:
                before = _judged(task, instances[:k], met, found) if found else None
                raise NumericalError(str(failure), "mend it; .partial has the instances before", before) from failure
            here.done = k + 1
    return _judged(task, instances, met, found)


class _FailedError(InputError):
    """A denoiser has failed, with where."""


@dataclass(frozen=True)
class _Trial:
    """What is asked of a denoiser on every instance."""

    path: Path
    curves: TheoryCurves
    denoiser: str | Question | None
    reference: str
    batch: int
    seed: int
    complete: bool

    @property
    def name(self) -> str:
        """How the denoiser is called."""
        if isinstance(self.denoiser, str | None):
            return "amp" if self.denoiser is None else self.denoiser
        name = getattr(self.denoiser, "__name__", type(self.denoiser).__name__)
        return re.sub(r"[^\w.<>-]+", " ", str(name))[:60]

    def ask(self, instance: Instance, strength: float, exact: ExactDenoiser | None) -> Denoiser:
        """Return the denoiser of an instance at a strength."""
        question = self.denoiser
        if isinstance(question, str | None) and self.name in NAMED:
            if self.name == "amp":
                return MessagePassingDenoiser(instance, OPTIONS)
            return ExactDenoiser(Enumeration(instance)) if exact is None else exact
        if isinstance(question, str | None) or not callable(question):
            raise InputError(
                f"denoiser must be 'amp', 'exact' or a function of (instance, side, strength), got {told(question)}"
            )

        def answer(side: SideInformation) -> object:
            return _as_numpy(question(instance, side, strength))

        return CheckedDenoiser(answer)

    def asked(self, instance: Instance, number: int) -> list[Array]:
        """Return the rows of `Measured` for one instance."""
        assert instance.planted is not None
        rng = random_stream(self.seed, number)
        truth = np.tile(instance.planted, (self.batch, 1))
        exact = ExactDenoiser(Enumeration(instance)) if self.reference == "enumeration" else None
        rows = []
        for strength in self.curves.strength:
            side = self.path.observe(truth, float(strength), rng)
            denoiser = self.ask(instance, float(strength), exact)
            try:
                answer = denoiser(side)
            except InputError as error:
                where = f"on instance {number} at {self.path.strength} = {float(strength):.4g}"
                raise _FailedError(f"{where}: {error}") from error
            rows.append(_told(instance, side, truth, answer, None if exact is None else exact(side), self.path.erases))
        return [np.array([row[k] for row in rows]) for k in range(4)]


def _as_numpy(answer: Any) -> object:
    """Return an answer, without the graph of derivatives that tensors may carry and off their device."""
    if isinstance(answer, Denoised):
        return answer
    for name in ("detach", "cpu"):
        move = getattr(answer, name, None)
        answer = move() if callable(move) else answer
    return np.asarray(answer)


def _told(
    instance: Instance, side: SideInformation, truth: Array, answer: Denoised, exact: Denoised | None, masks: bool
) -> tuple[float, float, float, Array]:
    """Return m, r, q of the exact posterior if it is known, and the surprise for every factor.

    Where the exact posterior is not known, what the side information of every variable tells on its own stands beside:
    both of its overlaps are known, so that their fluctuations, which the denoiser's share, are taken off.
    """
    mean = np.where(side.known, side.values, answer.mean)
    known = truth if exact is None else np.where(side.known, side.values, exact.mean)
    q = float("nan") if exact is None else float((known * known).mean())
    surprise = np.zeros(len(FACTORS))
    if masks and not side.known.all():
        hidden = ~side.known
        log = _log_marginals(instance, answer)[hidden]
        if exact is None:
            sure = (truth[hidden][:, None] == instance.variables.means).astype(float)
        else:
            sure = _marginals(instance, exact)[hidden]
        surprise = np.array([_cross_entropy(sure, factor * log) for factor in FACTORS])
        if exact is not None:
            surprise -= _cross_entropy(sure, _log_marginals(instance, exact)[hidden])
    m, r = float((known * mean).mean()), float((mean * mean).mean())
    if exact is None and not masks:
        alone = posterior_moments(instance.variables, side.field, side.precision)[0]
        overlap = float(instance.model.variable_prior.overlap(side.precision))
        m, r = m + overlap - float((known * alone).mean()), r + overlap - float((alone * alone).mean())
    return m, r, q, surprise


def _marginals(instance: Instance, answer: Denoised) -> Array:
    return np.exp(_log_marginals(instance, answer))


def _log_marginals(instance: Instance, answer: Denoised) -> Array:
    """Return the log probabilities of every value, shape (batch, size, values)."""
    values = instance.variables.means
    with np.errstate(divide="ignore"):
        if answer.marginals is not None:
            return np.asarray(np.log(answer.marginals))
        if answer.effective_field is not None and answer.precision is not None and len(values) > 2:
            log = np.log(instance.variables.probabilities) + answer.effective_field[..., None] * values
            log = log - 0.5 * np.asarray(answer.precision)[..., None] * values**2
            return np.asarray(log - np.logaddexp.reduce(log, axis=-1, keepdims=True))
        if len(values) != 2:
            raise InputError("means tell no probabilities of more than two values: return Denoised with marginals")
        share = np.clip((answer.mean - values[0]) / (values[1] - values[0]), 0.0, 1.0)
        return np.asarray(np.log(np.stack([1 - share, share], axis=-1)))


def _cross_entropy(sure: Array, log: Array) -> float:
    """Return -E log P of hidden variables, normalised, infinite where what is there is excluded."""
    log = log - np.logaddexp.reduce(log, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return float(-np.where(sure > 0, sure * log, 0.0).sum(axis=-1).mean())


def _instances(
    given: Model | Sequence[Instance], control: float | None, size: int | None, instances: int | None, seed: int,
    named: dict[str, float],
) -> list[Instance]:  # fmt: skip
    """Return planted instances of one model, control and size."""
    if isinstance(given, Model):
        value = float(given.check_control(as_float(given.control, at_control(given, control, named))))
        many = integer_between("instances", 8 if instances is None else instances, 1, 10**6)
        number = integer_between("size", size, 1, LARGEST_SIZE)
        seeds = np.random.SeedSequence(seed, spawn_key=(2**32 - 1,)).spawn(many)
        return [draw_instance(given, value, number, one, "planted") for one in seeds]
    if control is not None or size is not None or instances is not None or named:
        raise InputError("control, size and number are those of the instances: leave them out, or give a model")
    found = [as_instance(item) for item in as_list("model_or_instances", given, "instances, or a model")]
    if not found or any(item.planted is None for item in found):
        raise InputError("model_or_instances must be a model, or at least one planted instance")
    first = found[0]
    if any((item.model, item.control, item.size) != (first.model, first.control, first.size) for item in found):
        raise InputError("instances must be of one model, control and size")
    return found


def _reference(given: str | None, instances: Sequence[Instance]) -> str:
    """Return what the denoiser is compared with."""
    one = instances[0]
    atoms = len(one.variables.means) if one.variables.atoms and not one.model.spherical else 10**9
    small = one.size <= MOST_VARIABLES and float(atoms) ** one.size <= MOST_CONFIGURATIONS
    if given is None:
        return "enumeration" if small else "equations"
    name = one_of("reference", given, ["equations", "enumeration"])
    if name == "enumeration":
        Enumeration(one)  # tells what is wrong with it
    return name


def _curves(met: Met, end_strength: float | None) -> TheoryCurves:
    """Return strengths, their weights, and what theory says there."""
    path = met.eos.path
    end, variables = float(path.internal(np.asarray(path.limit))), met.eos.prior.resolved(0.0)
    if np.isinf(end) and np.isfinite(met.eos.prior.entropy):
        end = 8 * NOTHING / float(np.diff(np.sort(variables.means)).min()) ** 2
    if end_strength is not None:
        end = float(path.internal(path.check_strength(as_float("end_strength", end_strength, "> 0"))))
        if end <= 0:
            raise InputError(f"end_strength must be > 0, got {told(end_strength)}")
    cuts = {x for pair in apart(met.uninformed, met.equilibrium) for x in pair}
    if path.strength_is_snr:
        cuts |= {x / variables.variance for x in BETWEEN}
    places = sorted({0.0, end, *(x for x in cuts if 0 < x < end)})
    strength, weight = [], []
    for start, stop in itertools.pairwise(places):
        part = Stay(met.equilibrium[0].branch, start, stop)
        s, speed = mapped(met.eos, part, 0.5 + 0.5 * NODES)
        strength.append(s)
        weight.append(0.5 * KRONROD * speed)
    s = np.concatenate(strength)
    q, slope = along_stays(met, met.equilibrium, s, "overlap", "free_entropy_s")
    low, lower = along_stays(met, met.uninformed, s, "overlap", "free_entropy_s")
    loss = slope - lower if path.erases else (q - low) / 2
    apart_here = np.zeros(len(s), dtype=bool)
    for start, stop in apart(met.uninformed, met.equilibrium):
        apart_here |= (s >= start) & (s <= stop)
    entropy = met.eos.prior.entropy - slope if path.erases else np.zeros_like(s)
    return TheoryCurves(path.public(s), np.concatenate(weight), q, low, np.where(apart_here, loss, 0.0), entropy)


def _judged(
    task: _Trial, instances: Sequence[Instance], met: Met, found: Sequence[Sequence[Array]]
) -> DenoiserJudgement:
    """Return the judgement; errors are those of the jackknife over instances."""
    curves, masks, many = task.curves, task.path.erases, len(found)
    if masks and task.reference == "enumeration":
        curves = TheoryCurves(**{**vars(curves), "entropy": np.zeros_like(curves.entropy)})
    columns = [np.array([row[k] for row in found]) for k in range(4)]
    whole = loss_and_parts(Measured(*columns), curves, masks)
    sums = whole @ curves.weight
    left = [
        loss_and_parts(Measured(*(np.delete(c, k, axis=0) for c in columns)), curves, masks) @ curves.weight
        for k in range(many if many > 1 else 0)
    ]
    with np.errstate(invalid="ignore"):
        spread = np.sqrt((many - 1) * np.var(left, axis=0)) if many > 1 else np.full(4, np.nan)
        m_error, r_error = (
            c.std(axis=0, ddof=1) / np.sqrt(many) if many > 1 else np.full(c.shape[1], np.nan) for c in columns[:2]
        )
    names = ("nats_per_variable", *PARTS)
    gap = float(met.gap()[0])
    errors = dict(zip(names, spread.tolist(), strict=True))
    errors["quadrature"] = abs(float(curves.loss @ curves.weight) - gap) if task.complete else 0.0
    first = instances[0]
    return DenoiserJudgement(
        model=first.model, path=task.path, control=first.control, size=first.size, instances=many,
        denoiser=task.name, reference=task.reference, strength=curves.strength, equilibrium=curves.equilibrium,
        uninformed=curves.uninformed, planted_overlap=columns[0].mean(axis=0), self_overlap=columns[1].mean(axis=0),
        planted_overlap_error=m_error, self_overlap_error=r_error, loss=whole[0], expected=gap, errors=errors,
        certainty="theorem" if task.reference == "enumeration" else "conjecture", caveats=_caveats(task, first, many),
        **dict(zip(names, sums.tolist(), strict=True)),
    )  # fmt: skip


def _caveats(task: _Trial, instance: Instance, many: int) -> tuple[str, ...]:
    """Return what is to be kept in mind."""
    found = []
    if task.reference == "equations":
        found.append(
            f"the equations are those of infinitely many variables: at size {instance.size} overlaps differ by about "
            f"1/size, and transitions are rounded"
        )
    if many == 1:
        found.append("one instance has no error bar: give more")
    if not task.path.erases:
        found.append("the relative entropy is that of paths of side information, a bound on that of the samples")
    return tuple(found)
