"""Judging denoisers: any function that answers side information, on planted trajectories, against theory.

At every strength of a path side information about the planted configurations of instances is drawn, the denoiser is
asked, and what it answers becomes the loss of denoiser_judgement.py, summed over the strengths of strengths.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from amp_theory.finite.inference.base import MessagePassingOptions
from amp_theory.finite.instances.base import Instance, as_instance, check_master_seed
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.finite.instances.enumeration import MOST_CONFIGURATIONS, MOST_VARIABLES, Enumeration
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
from amp_theory.phases.accuracy.met import Met
from amp_theory.phases.accuracy.stays import apart
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import (
    AmpTheoryError,
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
from amp_theory.trials.denoiser_judgement import (
    PARTS,
    DenoiserJudgement,
    Measured,
    TheoryCurves,
    loss_and_parts,
    losses,
)
from amp_theory.trials.measured_answer import measured_answer
from amp_theory.trials.strengths import MOST_NODES, PathPart, curves_on, first_panels, too_coarse

#: how message passing is run, which is slow next to transitions
OPTIONS = MessagePassingOptions(tolerance=1e-5, max_iterations=500, free_entropy=False)
#: nats that the answers at the end of a path of snr may miss complete information by, times that snr
MISSED = 1e-6
IMPOSSIBLE = "infinite: what was planted had probability zero in the denoiser's answer"
#: what the numbers of random streams of a further look are greater by
FAR_APART = 10**9
#: denoisers that have a name
NAMED = ("amp", "exact")
#: what a user's denoiser is given
Question = Callable[[Instance, SideInformation, float], Any]
#: m, r, q, surprises and the part that was clipped, at the strengths of a panel
Row = tuple[Array, ...]


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
        Where the path ends; by default with complete information, of which the denoiser must then become certain.
    reference
        "equations": equilibrium of infinitely many variables; "enumeration": the exact posterior, by default where it
        can be had; "informed": message passing from what was planted, from where theory's branches part.
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
        If the denoiser fails, changes its instance, or returns a wrong shape, text, complex numbers, NaN or an
        infinity: the message names the instance and the strength, `partial` holds the judgement of what was done
        before, or None.

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
        path, denoiser, _reference(reference, drawn), integer_between("batch", batch, 1, 10**6), seed,
        end_strength is None, _parted(met),
    )  # fmt: skip
    return _run(task, drawn, met, first_panels(met, end_strength))


def _met(instance: Instance, path: Path) -> Met:
    """Return what theory says of an instance's model along a path for which this is derived."""
    check_pair(instance.model, path)
    if not (path.strength_is_snr or path.erases):
        raise InputError(f"denoisers are judged along flows and the autoregressive path, not along {path.name}")
    if path.erases and not instance.discrete:
        raise InputError("denoisers of continuous variables are judged along flows, which do not reveal them exactly")
    return Met.at(instance.model, path, instance.control)


def _parted(met: Met) -> float:
    """Return the strength from which on equilibrium is not the uninformed branch, zero where it always is."""
    start = min((start for start, _ in apart(met.uninformed, met.equilibrium)), default=0.0)
    return float(met.eos.path.public(np.asarray(start)))


def _run(task: _Trial, instances: Sequence[Instance], met: Met, panels: list[PathPart]) -> DenoiserJudgement:
    """Ask the denoiser on all instances, and again at the strengths between where they are too far apart."""
    found = _all_asked(task, instances, met, panels, {})
    left, look = (MOST_NODES - 1) * sum(len(panel.nodes[0]) for panel in panels), 0
    while True:
        order, curves, measured = _gathered(task, met, found)
        lost = losses(measured, curves, task.path.erases)
        bad = too_coarse(order, _differences(lost, curves), float(lost.mean(axis=0) @ curves.weight), left)
        if not bad:
            return _judged(task, instances[0], met, found)
        new, look = [half for panel in bad for half in panel.halves], look + 1
        left -= sum(len(panel.nodes[0]) for panel in new)
        more = _all_asked(task, instances, met, new, found, look)
        found = {panel: rows for panel, rows in found.items() if panel not in bad} | more


def _all_asked(
    task: _Trial, instances: Sequence[Instance], met: Met, panels: list[PathPart], kept: Mapping[PathPart, list[Row]],
    look: int = 0,
) -> dict[PathPart, list[Row]]:  # fmt: skip
    """Return what the denoiser answers on all instances; a failure keeps what is kept, or the instances before."""
    rows: list[list[Row]] = []
    with stage("judging %s on %d instances", task.name, len(instances), total=len(instances)) as here:
        for k, instance in enumerate(instances):
            try:
                rows.append(task.asked(instance, k, look, panels))
            except _FailedError as failure:
                before = kept or {panel: [row[j] for row in rows] for j, panel in enumerate(panels) if rows}
                advice = "mend it; .partial has what was done before" if before else "mend it"
                partial = _judged(task, instances[0], met, before) if before else None
                raise NumericalError(str(failure), advice, partial) from failure
            here.done = k + 1
    return {panel: [row[j] for row in rows] for j, panel in enumerate(panels)}


class _FailedError(InputError):
    """A denoiser has failed, with where."""


@dataclass(frozen=True)
class _Trial:
    """What is asked of a denoiser on every instance, whose equilibrium is an informed one from strength `parted` on."""

    path: Path
    denoiser: str | Question | None
    reference: str
    batch: int
    seed: int
    complete: bool
    parted: float

    @property
    def name(self) -> str:
        """How the denoiser is called."""
        if isinstance(self.denoiser, str | None):
            return "amp" if self.denoiser is None else self.denoiser
        name = getattr(self.denoiser, "__name__", type(self.denoiser).__name__)
        return re.sub(r"[^\w.<>-]+", " ", str(name))[:60]

    def best(self, instance: Instance) -> Denoiser | None:
        """Return what stands for the exact posterior of an instance."""
        if self.reference == "informed":
            return MessagePassingDenoiser(instance, OPTIONS)
        return ExactDenoiser(Enumeration(instance)) if self.reference == "enumeration" else None

    def ask(self, instance: Instance, strength: float, best: Denoiser | None) -> Denoiser:
        """Return the denoiser of an instance at a strength."""
        question = self.denoiser
        if isinstance(question, str | None) and self.name in NAMED:
            if self.name == "amp":
                return MessagePassingDenoiser(instance, OPTIONS)
            return best if isinstance(best, ExactDenoiser) else ExactDenoiser(Enumeration(instance))
        if isinstance(question, str | None) or not callable(question):
            raise InputError(
                f"denoiser must be 'amp', 'exact' or a function of (instance, side, strength), got {told(question)}"
            )

        def answer(side: SideInformation) -> object:
            return _as_numpy(question(instance, side, strength))

        return CheckedDenoiser(answer)

    def asked(self, instance: Instance, number: int, look: int, panels: Sequence[PathPart]) -> list[Row]:
        """Return what is measured on one instance at the strengths of every panel."""
        assert instance.planted is not None
        rng = random_stream(self.seed, number + look * FAR_APART)
        truth = np.tile(instance.planted, (self.batch, 1))
        best = self.best(instance)
        before = _fingerprint(instance, truth)
        rows = []
        for panel in panels:
            told_here = [
                self.told(instance, number, truth, float(strength), best, rng)
                for strength in self.path.public(panel.nodes[0])
            ]
            rows.append(tuple(np.array(column) for column in zip(*told_here, strict=True)))
        if not np.array_equal(before, _fingerprint(instance, truth), equal_nan=True):
            raise _FailedError(
                f"denoiser {self.name}, instance {number}: it changed the instance itself, let it work on copies"
            )
        return rows

    def told(
        self, instance: Instance, number: int, truth: Array, strength: float, best: Denoiser | None,
        rng: np.random.Generator,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Return what is measured at one strength."""
        side = self.path.observe(truth, strength, rng)
        side = _something_hidden(side, rng) if self.path.erases else side
        denoiser = self.ask(instance, strength, best)
        start = truth if strength >= self.parted else None  # of message passing: enumeration takes no notice
        try:
            answer, exact = denoiser(side), None if best is None else best(side, start)
            revealed = strength if self.path.erases else None
            return measured_answer(instance, side, truth, answer, exact, revealed)
        except AmpTheoryError as error:
            where = f"denoiser {self.name}, instance {number} at {self.path.strength} = {strength:.4g}"
            raise _FailedError(f"{where}: {error}") from error


def _something_hidden(side: SideInformation, rng: np.random.Generator) -> SideInformation:
    """Hide one variable of every row, known or not: what is lost is that of one, the others known as they are.

    As any of those that are hidden then may be the one, the mean over them is its expectation.
    """
    known = side.known.copy()
    known[np.arange(side.batch), rng.integers(side.size, size=side.batch)] = False
    return replace(side, known=known, values=np.where(known, side.values, 0.0))


def _fingerprint(instance: Instance, truth: Array) -> Array:
    """Return numbers that differ if what an instance holds does: its planted configuration, and the weights of two."""
    assert instance.planted is not None
    weights = instance.interaction(np.stack([truth[0], np.roll(truth[0], 1)]))
    return np.concatenate([np.ravel(instance.planted), weights])


def _as_numpy(answer: Any) -> object:
    """Return an answer, without the graph of derivatives that tensors may carry and off their device."""
    if isinstance(answer, Denoised):
        return answer
    for name in ("detach", "cpu"):
        move = getattr(answer, name, None)
        answer = move() if callable(move) else answer
    return np.asarray(answer)


def _instances(
    given: Model | Sequence[Instance], control: float | None, size: Any, instances: int | None, seed: int,
    named: dict[str, float],
) -> list[Instance]:  # fmt: skip
    """Return planted instances of one model, control and size."""
    if isinstance(given, Model):
        value = float(given.check_control(as_float(given.control, at_control(given, control, named))))
        many = integer_between("instances", 8 if instances is None else instances, 1, 10**6)
        seeds = np.random.SeedSequence(seed, spawn_key=(2**32 - 1,)).spawn(many)
        return [draw_instance(given, value, size, one, "planted") for one in seeds]
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
    atoms = len(one.variables.means) if one.discrete else 10**9
    small = one.size <= MOST_VARIABLES and float(atoms) ** one.size <= MOST_CONFIGURATIONS
    if given is None:
        return "enumeration" if small else "equations"
    name = one_of("reference", given, ["equations", "enumeration", "informed"])
    if name == "enumeration":
        Enumeration(one)  # tells what is wrong with it
    return name


def _gathered(
    task: _Trial, met: Met, found: Mapping[PathPart, Sequence[Row]]
) -> tuple[list[PathPart], TheoryCurves, Measured]:
    """Return panels by ascending strength, what theory says there, and what was measured."""
    order = sorted(found, key=lambda panel: (panel.start, panel.left))
    curves = curves_on(met, order)
    if task.path.erases and task.reference != "equations":
        curves = replace(curves, entropy=np.zeros_like(curves.entropy))
    columns = (np.concatenate([np.array([row[k] for row in found[p]]) for p in order], axis=1) for k in range(5))
    return order, curves, Measured(*columns)


def _differences(lost: Array, curves: TheoryCurves) -> Array:
    """Return by how much two rules differ in every panel, shape (instances, panels)."""
    with np.errstate(invalid="ignore"):  # of infinite losses
        return np.asarray(np.add.reduceat(lost * curves.difference, curves.panels, axis=1))


def _judged(task: _Trial, instance: Instance, met: Met, found: Mapping[PathPart, Sequence[Row]]) -> DenoiserJudgement:
    """Return the judgement; errors are those of the jackknife over instances."""
    order, curves, measured = _gathered(task, met, found)
    masks, columns = task.path.erases, list(vars(measured).values())
    many = len(measured.own)
    whole = loss_and_parts(measured, curves, masks)
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
    reasons: dict[str, str] = {}
    if np.isinf(sums[0]):
        reasons |= dict.fromkeys(["nats_per_variable", "loss"], IMPOSSIBLE)
    lost = losses(measured, curves, masks)
    if task.complete and not masks:
        missed = _never_certain(order[-1], curves, lost, whole, instance.variables.second_moment)
        sums = np.where(missed, np.inf, sums)
        if missed.any():
            reasons["nats_per_variable"] = (
                f"infinite: at {task.path.strength} = {curves.strength[-1]:.4g}, almost complete information, the "
                f"answers still lose {whole[0, -1]:.2g} nats per unit (give end_strength for a part of the path)"
            )
    errors = dict(zip(names, np.where(np.isfinite(sums), spread, np.nan).tolist(), strict=True))
    errors["quadrature"] = float(np.abs(_differences(lost, curves).mean(axis=0)).sum())
    reasons |= {name: reasons["nats_per_variable"] for name, x in zip(PARTS, sums[1:], strict=True) if np.isinf(x)}
    return DenoiserJudgement(
        model=instance.model, path=task.path, control=instance.control, size=instance.size, instances=many,
        denoiser=task.name, reference=task.reference, strength=curves.strength, equilibrium=curves.equilibrium,
        uninformed=curves.uninformed, planted_overlap=columns[0].mean(axis=0), self_overlap=columns[1].mean(axis=0),
        planted_overlap_error=m_error, self_overlap_error=r_error, loss=whole[0], expected=float(met.gap()[0]),
        errors=errors, certainty="theorem" if task.reference == "enumeration" else "conjecture",
        caveats=_caveats(task, instance, curves, measured), reasons=reasons,
        **dict(zip(names, sums.tolist(), strict=True)),
    )  # fmt: skip


def _never_certain(last: PathPart, curves: TheoryCurves, lost: Array, whole: Array, rho: float) -> Array:
    """Tell what is infinite, the whole or a part, as it falls too slowly where the strengths end, shape (4,).

    Discrete variables are known there.  Of others the uncertainty falls like 1/snr, and what is lost must fall faster:
    be less in units of 1/snr than before, up to the noise of instances, and not beyond the uncertainty itself.
    """
    strength, allowed = last.nodes[0], MISSED
    left = strength[-1] * whole[:, -1]
    if np.isinf(last.stop):
        many, middle = len(lost), len(strength) // 2
        uncertainty = 3 * strength[-1] * (rho - curves.equilibrium[-1])
        noise = 5 * strength[-1] * lost[:, -1].std(ddof=1) / np.sqrt(many) if many > 1 else np.inf
        before = 0.5 * strength[middle] * whole[0, middle - len(strength)]
        allowed += min(uncertainty, max(noise, before))
    return np.asarray((left > allowed) & (left[0] > allowed))


def _caveats(task: _Trial, instance: Instance, curves: TheoryCurves, measured: Measured) -> tuple[str, ...]:
    """Return what is to be kept in mind."""
    found = []
    if task.reference == "equations":
        found.append(
            f"the equations are those of infinitely many variables: at size {instance.size} overlaps differ by about "
            f"1/size, and transitions are rounded"
        )
    if task.reference == "informed":
        found.append(
            "what message passing misses that starts from what was planted, as on small instances, is not seen"
        )
    if len(measured.own) == 1:
        found.append("one instance has no error bar, and noise is not taken off miscalibrated: give more")
    if not task.path.erases:
        found.append("the relative entropy is that of paths of side information, a bound on that of the samples")
    if (share := float(measured.clipped.max())) > 0:
        found.append(f"means outside the values, up to a part {share:.2g} at one strength, were taken as the nearest")
    seen = float(np.diff(curves.strength, prepend=0.0).max())
    found.append(f"strengths are up to {seen:.2g} apart: a failure between two of them is not seen")
    return tuple(found)
