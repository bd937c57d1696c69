"""How wrong a sampler is whose denoiser believes in another temperature, noise or prior.

For a flow or diffusion Girsanov's theorem gives the relative entropy of whole paths of any denoiser,

    KL/N = 1/2 int (q_eq - 2 m + r) dsnr,    m = E[s* <s>],    r = E[<s>^2],

q_eq - 2 m + r being its squared error less the least there is; where variables are revealed one by one the chain rule
gives int (h - h_eq) dtheta, h = -E log P'(s*) of a hidden variable.  A posterior of a wrong measure is exact about that
measure, so that this is the relative entropy between the two: in a paramagnet of variables of fixed norm
sum_p c_p (1 - k_p)^2/2 at q = E s^2, which is (1/T - 1/T')^2/4 for the p-spin.  m and r come from wrong_measure.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from amp_theory.equations_of_state.surface import Surface
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.priors.base import Prior, check_prior
from amp_theory.models.base import Model, Target
from amp_theory.models.own_names import at_control
from amp_theory.phases.accuracy.along import integral, mapped, over_panels
from amp_theory.phases.accuracy.branch_jumps import jumps
from amp_theory.phases.accuracy.met import Met, beyond_target
from amp_theory.phases.accuracy.reading import along_stays
from amp_theory.phases.accuracy.sampling_error import LAW, MOST_ITERATIONS, PATHS, size_seen
from amp_theory.phases.accuracy.stays import Stay, points_on
from amp_theory.phases.accuracy.wrong_measure import Beliefs, Overlaps, overlaps
from amp_theory.phases.comparison import Certainty
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float, integer_between, told
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ResultTable

#: accuracy asked of integrals, and points of the curves
ACCURACY, POINTS = 1e-9, 65
#: changes between neighbours, of the largest answer, up to which there is surely no jump; rounding of answers
NEAR, RESOLVED = 0.02, 1e-15
#: -log of the squared error of discrete variables below which nothing is left to learn
NOTHING = 45.0
#: snr times variance from which on what is missing of Gaussian variables falls like 1/snr^2, up to one over it
ENOUGH = 1e5
CONTINUOUS = "infinite: one of the measures has a density, and the other has none"
OUTSIDE = "infinite: the true prior has values that the assumed one excludes"
PART = " (give end_strength for a part of it)"


@dataclass(frozen=True, eq=False)
class MismatchedError(Reported):
    """The relative entropy of a sampler whose denoiser believes in another measure, and what it answers on the way.

    Parameters
    ----------
    model, path, parameters
        The model and the path by name, and the model's parameters.
    control, control_name, target
        The true control, its name, and whether the measure is planted or random.
    assumed, prior
        The control and the name of the prior in which the denoiser believes.
    iterations
        Of message passing at every call; None for as many as it takes.
    strength, equilibrium, planted_overlap, self_overlap
        Strengths, q of the true posterior, m = E[s* <s>] and r = E[<s>^2] of the denoiser; arrays of shape (n,).
    stability
        The factor by which differences between nearby iterates change in square, shape (n,): below one where message
        passing converges.
    nats_per_variable, visible_size
        KL/N, nats, and the number of variables from which the sampler can be told from an exact one; None where
        infinite, not told by the equations, or the size because KL/N is not above its error bound.
    relative_entropy_of
        Whether it is that of path measures, or of the law itself.
    errors
        Absolute bounds on the numbers by name.
    certainty
        "conjecture" (the replica-symmetric equations), "heuristic" where message passing does not converge.
    reasons
        Why something is None, or less than certain.

    See Also
    --------
    mismatched_error : Which returns it, with an example.
    """

    model: str
    path: str
    parameters: dict[str, Any]
    control: float
    control_name: str
    target: str
    assumed: float
    prior: str
    iterations: int | None
    strength: Array
    equilibrium: Array
    planted_overlap: Array
    self_overlap: Array
    stability: Array
    nats_per_variable: float | None
    visible_size: float | None
    relative_entropy_of: str
    errors: dict[str, float]
    certainty: Certainty
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The model with its parameters, the path, the control and what the denoiser assumes."""
        where = titled(self.model, self.parameters, self.path)
        believes = f"{self.control_name} = {self.assumed:g} and a {self.prior} prior assumed"
        return f"{where}, {self.control_name} = {self.control:g}, {believes}"

    def report(self) -> str:
        """Return a readable text."""
        lines = [self.title]
        for name in ("nats_per_variable", "visible_size"):
            value, bound = getattr(self, name), self.errors.get(name)
            error = "" if bound is None else f" +- {bound:.1g}"
            lines.append(f"  {name:<18} {'none' if value is None else f'{value:.12g}{error}'}")
        lines.append(f"  stability          {float(self.stability.max()):.6g} at most (below one: converges)")
        lines.append(f"  relative entropy   of {self.relative_entropy_of} ({self.certainty})")
        return "\n".join([*lines, *(f"  {name}: {text}" for name, text in self.reasons.items())])

    def table(self) -> ResultTable:
        """Return the answers along the path as rows."""
        columns = ("strength", "equilibrium", "planted_overlap", "self_overlap", "stability")
        return ResultTable(self.title, {name: getattr(self, name).tolist() for name in columns})


def mismatched_error(
    model: Model, path: Path, control: float | None = None, assumed: float | None = None, prior: Prior | None = None,
    iterations: int | None = None, end_strength: float | None = None, target: Target | None = None, **named: float,
) -> MismatchedError:  # fmt: skip
    """Tell how wrong a sampler is whose denoiser believes in another temperature, noise or prior.

    Parameters
    ----------
    model, path
        A dense model with a polynomial coupling, and a flow or the autoregressive path.
    control
        The model's true control, > 0.
    assumed
        The control in which the denoiser believes, > 0; by default the true one.  A wrong temperature leaves the
        Hamiltonian as it is, a wrong noise what was measured.
    prior
        The prior in which the denoiser believes; by default the true one.  `Gaussian` makes an estimate that is linear
        in the side information, and for matrices the best such estimate.
    iterations
        Of message passing at every call of the denoiser, from m = r = 0, nothing being known of other variables; by
        default as many as it takes.
    end_strength
        Where the path ends; by default with complete information.
    target
        "planted" or "random"; by default "random" where the model has a random counterpart.
    **named
        The true control under the model's own name for it, such as temperature=0.7.

    Returns
    -------
    MismatchedError
        Nats per variable with an error bound, and both overlaps of the denoiser along the path.

    Raises
    ------
    InputError
        For a bad argument, or a model, path or prior for which this is not derived.
    NumericalError
        If a solver fails, or the measure that is assumed does not exist.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> found = mismatched_error(IsingPSpin(p=3), Flow(), temperature=1.0, assumed=1.25)
    >>> round(found.nats_per_variable, 9), (1 - 1 / 1.25) ** 2 / 4
    (0.01, 0.009999999999999995)
    """
    check_pair(model, path)
    if not (path.strength_is_snr or path.erases):
        raise InputError(
            f"denoisers with wrong beliefs are solved for flows and the autoregressive path, not {path.name}"
        )
    true = float(model.check_control(as_float(model.control, at_control(model, control, named))))
    believed = true if assumed is None else float(model.check_control(as_float("assumed", assumed, "> 0")))
    depth = None if iterations is None else integer_between("iterations", iterations, 1, MOST_ITERATIONS)
    chosen = model.check_target(target)
    return _found(
        model, path, control=true, assumed=believed, prior=prior, depth=depth, end=_end(path, end_strength),
        target=chosen,
    )  # fmt: skip


def _found(
    model: Model, path: Path, control: float, assumed: float, prior: Prior | None, depth: int | None,
    end: float | None, target: Target,
) -> MismatchedError:  # fmt: skip
    """Return the result for checked arguments, `end` the internal strength."""
    own = model.variable_prior if prior is None else _checked_prior(model, check_prior(prior))
    _checked_prior(model, model.variable_prior)
    beliefs = Beliefs.of(model, control, assumed, own.resolved(0.0), path.erases)
    met = Met.at(model, path, control)
    outside = beyond_target(model, path, met.eos, met.intensity, target)
    endless = _endless(beliefs) if end is None or beliefs.masks else ""
    along = _Along(met, beliefs, depth, end)
    strength, answers = along.curve
    nothing = MismatchedError(
        model=model.name, path=path.name, parameters=model.parameters, control=control, control_name=model.control,
        target=target, assumed=assumed, prior=own.name, iterations=depth, strength=path.public(strength),
        equilibrium=along.equilibrium(strength), planted_overlap=answers.planted, self_overlap=answers.own,
        stability=answers.stability, nats_per_variable=None, visible_size=None,
        relative_entropy_of=LAW if path.erases else PATHS, errors={},
        certainty="conjecture" if endless and not outside else "unknown",
    )  # fmt: skip
    if outside or endless:
        return replace(nothing, reasons=dict.fromkeys(["nats_per_variable", "visible_size"], outside or endless))
    nats, bound = along.nats()
    return replace(nothing, **_numbers(nats, bound, answers, depth))


def _numbers(nats: float, bound: float, answers: Overlaps, depth: int | None) -> dict[str, Any]:
    """Return the fields that tell the relative entropy and how certain it is."""
    size, error_of_size, reasons = size_seen(nats, bound)
    certainty: Certainty = "conjecture"
    if depth is None and float(answers.stability.max()) >= 1:
        certainty = "heuristic"
        reasons["certainty"] = "the fixed point of state evolution is unstable: message passing does not converge to it"
    return {
        "nats_per_variable": nats,
        "visible_size": size,
        "errors": {"nats_per_variable": bound, **error_of_size},
        "certainty": certainty,
        "reasons": reasons,
    }


def _checked_prior(model: Model, prior: Prior) -> Prior:
    """Return a prior, discrete or Gaussian, that belongs to the model's variables."""
    if model.spherical and prior is not model.variable_prior and prior != model.variable_prior:
        raise InputError("variables on the sphere have no prior to be wrong about: leave `prior` out")
    if not np.isfinite(prior.entropy) and len(prior.resolved(0.0).means) > 1:
        raise InputError(f"wrong beliefs are solved for discrete and Gaussian priors, not {told(prior)}")
    return prior


def _endless(beliefs: Beliefs) -> str:
    """Return why the relative entropy is infinite, empty where it is finite: of masks, any part of the path."""
    part = "" if beliefs.masks else PART
    if beliefs.truth.atoms != beliefs.assumed.atoms:
        return CONTINUOUS + part
    if beliefs.masks and not beliefs.truth.atoms:
        return "not derived for continuous variables that are revealed exactly"
    return OUTSIDE + part if beliefs.truth.atoms and not set(beliefs.truth.means) <= set(beliefs.assumed.means) else ""


def _end(path: Path, given: float | None) -> float | None:
    """Return the internal strength at which the path ends, None at complete information."""
    if given is None:
        return None
    end = float(path.check_strength(as_float("end_strength", given, f"in (0, {path.limit:g})")))
    if end <= 0:
        raise InputError(f"end_strength must be > 0, got {end:g}")
    return float(path.internal(np.asarray(end)))


class _Along:
    """The true posterior and a denoiser with wrong beliefs along one isotherm."""

    def __init__(self, met: Met, beliefs: Beliefs, iterations: int | None, end: float | None) -> None:
        self.met, self.beliefs, self.iterations = met, beliefs, iterations
        discrete = beliefs.masks or (beliefs.truth.atoms and beliefs.assumed.atoms)
        most = self._complete() if end is None or discrete else end
        self.end = most if end is None else min(end, most)
        self.tail = end is None and not beliefs.masks and not beliefs.truth.atoms

    def _complete(self) -> float:
        """Return the strength at which nothing is left to learn: infinite for continuous variables."""
        if self.beliefs.masks:
            return float(self.met.eos.path.limit)
        if not self.beliefs.truth.atoms or not self.beliefs.assumed.atoms:
            return ENOUGH / self.beliefs.truth.variance
        rho = np.array([max(self.beliefs.truth.second_moment, self.beliefs.assumed.second_moment)])
        nearest = float(np.diff(np.sort(self.beliefs.assumed.means)).min())
        return max(16 * NOTHING / nearest**2, float(self.beliefs.fields(np.stack([rho, rho, rho]), np.zeros(1))[1, 0]))

    def answers(self, strength: Array) -> Overlaps:
        """Return what the denoiser answers, from what it does at lower strengths."""
        if self.iterations is not None:
            return overlaps(self.beliefs, strength, self.iterations)
        known, found = self.looks
        state = np.stack([found.planted, found.own, found.second])
        after = np.clip(np.searchsorted(known, strength), 1, len(known) - 1)
        low, high = state[:, after - 1], state[:, after]
        part = np.clip((strength - known[after - 1]) / (known[after] - known[after - 1]), 0.0, 1.0)
        # between strengths where it may jump it begins below the jump
        near = np.abs(high - low).max(axis=0) <= NEAR * np.abs(state).max()
        return overlaps(self.beliefs, strength, None, np.where(near, low + part * (high - low), low))

    @cached_property
    def looks(self) -> tuple[Array, Overlaps]:
        """Strengths along the path, every second one of which is shown, and what the denoiser answers there."""
        t = np.arange(1, 2 * POINTS) / (2 * POINTS)
        s = mapped(self.met.eos, Stay(self.met.equilibrium[0].branch, 0.0, float("inf")), t)[0]
        strength = s / (1 + s / self.end)
        return strength, overlaps(self.beliefs, strength, self.iterations)

    @property
    def curve(self) -> tuple[Array, Overlaps]:
        """Strengths along the path and what the denoiser answers there."""
        strength, found = self.looks
        return strength[::2], found.take(slice(None, None, 2))

    def equilibrium(self, strength: Array) -> Array:
        """Return q of the true posterior."""
        return along_stays(self.met, self.met.equilibrium, strength, "overlap")[0]

    def unknowable(self, f: Surface) -> Array:
        """Return what nobody knows, at points in equilibrium."""
        return np.asarray(self.met.eos.prior.entropy - f.free_entropy_s if self.beliefs.masks else f.gap / 2)

    def unknown(self, start: float, stop: float) -> tuple[float, float]:
        """Return the integral of what the denoiser does not know over strengths, and an error estimate."""
        to_end = stop == self.end and not self.beliefs.masks
        stay = Stay(self.met.equilibrium[0].branch, start, float("inf") if to_end else stop)

        def rows(t: Array) -> list[Array]:
            s, speed = mapped(self.met.eos, stay, t)
            found = self.answers(np.minimum(s, stop))
            values = (found.surprise if self.beliefs.masks else found.miss / 2) * speed
            return [values, RESOLVED * np.abs(values), np.zeros_like(values)]

        return over_panels(rows, self.place_of(stop - start) if to_end else 1.0, ACCURACY)

    def place_of(self, length: float) -> float:
        """Return the place t in (0, 1) of an endless stay at which the strength has grown so much."""
        root = (length * self.met.eos.prior.variance) ** 0.5
        # t^4/(1 - t)^2 = root^2
        return float(2 * root / (root + (root * root + 4 * root) ** 0.5))

    def nats(self) -> tuple[float, float]:
        """Return KL/N and a bound on its error."""
        rho = self.beliefs.truth.second_moment
        strength, found = self.looks
        value = error = start = 0.0
        for low, high in [*jumps(lambda s: self.answers(s).own, strength, rho, found.own), (self.end, self.end)]:
            if start < low:
                more, bound = self.unknown(start, low)
                value, error = value + more, error + bound
            error += (high - low) * max(rho, self.beliefs.assumed.second_moment)
            start = high
        # apart from what nobody knows, as their difference may be nothing but rounding, which no integral resolves
        for stay in self.met.equilibrium:
            if stay.start < self.end:
                part = Stay(stay.branch, stay.start, min(stay.stop, self.end))
                less, bound = integral(self.met.eos, self.met.intensity, part, self.unknowable, ACCURACY)
                value, error = value - less, error + bound
        if self.tail:
            f = points_on(self.met.eos, self.met.equilibrium[-1].branch, self.met.intensity, np.array([self.end]))
            missing = self.answers(f.strength).miss / 2 - self.unknowable(f)
            value += self.end * float(missing[0])
            error += 10 / ENOUGH**2
        return max(value, 0.0), error + float(np.trapezoid(found.error, strength))
