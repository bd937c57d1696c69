"""How wrong a denoising sampler is: its relative entropy to the measure it samples, in nats per variable.

Let a sampler reveal side information in steps, each variable's next piece drawn independently given what the denoiser
tells.  By the chain rule the relative entropy of what it reveals is the sum over steps of phi gained less Psi gained at
the snr the denoiser knows; for a calibrated denoiser, whose answers are conditional expectations given less, no other
term is there.  In the limit of many steps it becomes an area on the equation of state,

    KL/N = int [d phi/ds (equilibrium) - d phi/ds (denoiser)] ds,      d phi/ds = q/2 for a flow,  I(x) for masks,

which for the efficient denoiser, message passing on the uninformed branch, is a gap of free entropies.  For flows,
diffusion and noise that flips it is the relative entropy of whole paths, an upper bound on that of the samples; where
variables are revealed one by one the path is told by the sample and the order: it is that of the law itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.models.own_names import at_control
from amp_theory.phases.accuracy.depth import error_on_graphs, loss_of_depth
from amp_theory.phases.accuracy.met import Met, beyond_target
from amp_theory.phases.accuracy.schedule import best_strengths, many_strengths
from amp_theory.phases.comparison import Certainty
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.phases.points.fixed_points import of_each
from amp_theory.tools.errors import InputError, as_float, integer_between
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ResultTable, of_rows

#: iterations and steps at most
MOST_ITERATIONS, MOST_STEPS = 100_000, 100_000
PATHS, LAW = "path measures, a bound on that of the samples", "the law of the samples, given the order"
Steps = int | Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class SamplingError(Reported):
    """The relative entropy between a measure and what a denoising sampler draws of it.

    Parameters
    ----------
    model, path, parameters
        The model and the path by name, and the model's parameters.
    control, control_name, target
        The control, its name, and whether the measure is planted or random.
    nats_per_variable
        KL/N, nats; None where the equations do not tell.
    visible_size
        The number of variables from which the sampler can be told from an exact one, 1/nats_per_variable; infinite for
        none, None where nats_per_variable is not above its error bound.
    paid
        Strengths (start, stop) between which denoiser and equilibrium are on different branches.
    relative_entropy_of
        Whether it is that of path measures, or of the law itself.
    errors
        Absolute bounds on the numbers by name.
    certainty
        "conjecture": the replica-symmetric equations, and message passing as the best efficient denoiser.
    iterations, steps
        Of the denoiser at every call, and of the schedule; None for infinitely many.
    step_constant
        C of the best schedules of K steps, which lose C/K beyond an infinite number; None without steps.
    reasons
        Why something is None.

    See Also
    --------
    sampling_error : Which returns it, with an example.
    """

    model: str
    path: str
    parameters: dict[str, Any] = field(hash=False)
    control: float
    control_name: str
    target: str
    nats_per_variable: float | None
    visible_size: float | None
    paid: tuple[tuple[float, float], ...]
    relative_entropy_of: str
    errors: dict[str, float] = field(hash=False)
    certainty: Certainty
    iterations: int | None = None
    steps: int | None = None
    step_constant: float | None = None
    reasons: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def title(self) -> str:
        """The model with its parameters, the path, the control and whose error it is."""
        where = titled(self.model, self.parameters, self.path)
        return f"{where}, {self.control_name} = {self.control:g}, {self.target} measure"

    def revealed_at_once(self, nats: float) -> float:
        """Return how many variables a step may reveal, on average, for a total of so many nats.

        Parameters
        ----------
        nats
            What all steps together may lose, > 0, beyond what infinitely many do.

        Returns
        -------
        float
            N/K = nats/C, whatever the size N.

        Raises
        ------
        InputError
            If `nats` is not positive, or C is not known.

        Examples
        --------
        >>> from amp_theory import Autoregressive, IsingPSpin
        >>> found = sampling_error(IsingPSpin(p=3), Autoregressive(), temperature=1.0, steps=8)
        >>> round(found.revealed_at_once(10.0), 3)
        52.047
        """
        allowed = as_float("nats", nats, "> 0")
        if allowed <= 0:
            raise InputError(f"nats must be > 0, got {allowed:g}")
        if self.step_constant is None or not np.isfinite(self.step_constant):
            raise InputError(self.reasons.get("step_constant", "the step constant is asked for with steps=..."))
        return allowed / self.step_constant

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        given = {name: getattr(self, name) for name in ("iterations", "steps") if getattr(self, name) is not None}
        if self.steps is not None:
            given["step_constant"] = self.step_constant
        data = {
            "model": self.model, "parameters": self.parameters, "path": self.path, self.control_name: self.control,
            "target": self.target, "nats_per_variable": self.nats_per_variable, "visible_size": self.visible_size,
            "paid": self.paid, "relative_entropy_of": self.relative_entropy_of, **given, "error": self.errors,
            "certainty": self.certainty, "reasons": self.reasons,
        }  # fmt: skip
        return {name: plain(value) for name, value in data.items()}

    def _rows(self) -> list[tuple[str, float | None, float | None]]:
        names = ["nats_per_variable", "visible_size", *(["step_constant"] if self.steps is not None else [])]
        return [(name, getattr(self, name), self.errors.get(name)) for name in names]

    def report(self) -> str:
        """Return a readable text."""
        lines = [self.title]
        for name, value, error in self._rows():
            bound = "" if error is None else f" +- {error:.1g}"
            lines.append(f"  {name:<18} {'none' if value is None else f'{value:.12g}{bound}'}")
        lines += [f"  {name:<18} {getattr(self, name)}" for name in ("iterations", "steps") if getattr(self, name)]
        lines += [f"  paid between       {start:.9g} and {stop:.9g}" for start, stop in self.paid]
        lines.append(f"  relative entropy   of {self.relative_entropy_of} ({self.certainty})")
        return "\n".join([*lines, *(f"  {name}: {text}" for name, text in self.reasons.items())])

    def table(self) -> ResultTable:
        """Return the numbers as rows, with error bounds and the reason where there is none."""
        rows = [(*row, self.reasons.get(row[0], "")) for row in self._rows()]
        return of_rows(self.title, ["quantity", "value", "error_of_value", "reason"], rows)


@overload
def sampling_error(
    model: Model, path: Path, control: float | None = None, iterations: int | None = None, steps: Steps | None = None,
    target: Target | None = None, **named: float,
) -> SamplingError: ...  # fmt: skip
@overload
def sampling_error(
    model: Model, path: Path, control: npt.ArrayLike | None = None, iterations: int | None = None,
    steps: Steps | None = None, target: Target | None = None, **named: npt.ArrayLike,
) -> npt.NDArray[np.object_]: ...  # fmt: skip
def sampling_error(
    model: Model, path: Path, control: npt.ArrayLike | None = None, iterations: int | None = None,
    steps: Steps | None = None, target: Target | None = None, **named: npt.ArrayLike,
) -> Any:  # fmt: skip
    """Tell how wrong a denoising sampler is: the nats per variable between what it draws and what it should.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control
        The model's control, > 0: a number or an array.
    iterations
        Of message passing at every call of the denoiser, from q = 0, nothing being known of other variables, also where
        these have a mean; by default as many as it takes.
    steps
        The number of steps, up to 16 placed where they lose least and more at equal parts as in the limit of many, or
        the ascending strengths, from zero on, at which yours begin; after the last one every variable is drawn from its
        marginal.  By default infinitely many.
    target
        "planted" or "random"; by default "random" where the model has a random counterpart.
    **named
        The control under the model's own name for it, such as temperature=0.7.

    Returns
    -------
    SamplingError, or an array of them
        With error bounds, and reasons where there is no number.

    Raises
    ------
    InputError
        For a bad argument, or a model for which this is not derived.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> found = sampling_error(IsingPSpin(p=3), Flow(), temperature=0.70)
    >>> round(found.nats_per_variable, 12), round(found.visible_size, 2)
    (0.007902258775, 126.55)
    >>> round(sampling_error(IsingPSpin(p=3), Flow(), temperature=1.0, iterations=2).nats_per_variable, 9)
    0.060028582
    """
    check_pair(model, path)
    control = at_control(model, control, named)
    depth = None if iterations is None else integer_between("iterations", iterations, 1, MOST_ITERATIONS)
    if iterations is not None and steps is not None:
        raise InputError("iterations and steps are told one at a time: leave one of them out")
    chosen = model.check_target(target)

    def at(value: float) -> SamplingError:
        return _error_at(model, path, value, chosen, depth, steps)

    many = hasattr(control, "__len__") and not isinstance(control, str)
    return of_each(at, model.check_control(control if many else as_float(model.control, control)))


def _error_at(
    model: Model, path: Path, control: float, target: Target, iterations: int | None, steps: Steps | None
) -> SamplingError:
    """Return the error at one control."""
    met = Met.at(model, path, control)
    count = None if steps is None else len(checked_schedule(path, steps))
    nothing = SamplingError(
        model=model.name, path=path.name, parameters=model.parameters, control=control, control_name=model.control,
        target=target, nats_per_variable=None, visible_size=None, paid=(),
        relative_entropy_of=LAW if path.erases else PATHS, errors={}, certainty="unknown", iterations=iterations,
        steps=count,
    )  # fmt: skip
    reason = beyond_target(model, path, met.eos, met.intensity, target) or infinite_because(
        met, finite=steps is not None or iterations is not None
    )
    if reason:
        names = ["nats_per_variable", "visible_size", *([] if steps is None else ["step_constant"])]
        return replace(nothing, reasons=dict.fromkeys(names, reason))
    nats, bound = met.gap()
    constant: float | None = None
    errors: dict[str, float] = {}
    reasons: dict[str, str] = {}
    if iterations is not None:
        if model.coupling is None:
            nats, bound = error_on_graphs(met, iterations)
        else:
            more, error = loss_of_depth(met.eos, met.intensity, met.uninformed, iterations)
            nats, bound = nats + more, bound + error
    if steps is not None:
        (nats, more), constant, errors, reasons = _of_steps(met, steps)
        bound += more
    size, error_of_size, why = size_seen(nats, bound)
    return replace(
        nothing, nats_per_variable=nats, visible_size=size, paid=tuple(met.paid()),
        errors={"nats_per_variable": bound, **errors, **error_of_size}, certainty="conjecture", step_constant=constant,
        reasons=reasons | why,
    )  # fmt: skip


def size_seen(nats: float, bound: float) -> tuple[float | None, dict[str, float], dict[str, str]]:
    """Return the visible size of so many nats per variable, its error bound by name, and why there is no number."""
    if nats > bound:
        return 1 / nats, {"visible_size": bound / (nats * (nats - bound))}, {}
    if bound == 0:
        return float("inf"), {}, {"visible_size": EXACT}
    return None, {}, {"visible_size": f"not told within the error bound: at least {1 / (nats + bound):.4g}"}


EXACT = "infinite: the path meets no transition, and the efficient denoiser is exact"
ENDLESS = (
    "infinite: rho - q falls like 1/snr for such variables, and K steps lose a multiple of log(K)^2/K; "
    "optimal_schedule still tells the best ones"
)


def infinite_because(met: Met, finite: bool = False) -> str:
    """Return why there is no finite number, for finitely many steps or iterations if `finite`; empty where there is."""
    if met.endless_lead and (finite or not (met.eos.path.strength_is_snr or np.isfinite(met.eos.prior.entropy))):
        return (
            "outputs without noise fix linear combinations of the variables exactly: the relative entropy is infinite"
        )
    if met.eos.open_ended and finite:
        return "outputs without noise hold exactly: what finitely many steps or iterations lose is not derived there"
    return ""


def _of_steps(met: Met, steps: Steps) -> tuple[tuple[float, float], float | None, dict[str, float], dict[str, str]]:
    """Return what steps lose and a bound on its error, the constant C and its bound, and why there is none."""
    stepping = met.stepping()
    if isinstance(steps, int | np.integer):
        strengths = (best_strengths if stepping.endless else many_strengths)(stepping, int(steps))
    else:
        strengths = stepping.path.internal(checked_schedule(stepping.path, steps))
    nats = stepping.known_total(strengths)
    if stepping.endless or not stepping.dense:
        return nats, None, {}, {"step_constant": ENDLESS if stepping.dense else "not derived for sparse graphs"}
    lengths, error = stepping.lengths()
    return nats, sum(lengths) ** 2, {"step_constant": 2 * sum(lengths) * error}, {}


def checked_schedule(path: Path, steps: Steps) -> npt.NDArray[np.float64]:
    """Return strengths from zero on ascending, or so many zeros where the number of steps is given."""
    if not hasattr(steps, "__len__"):
        return np.zeros(integer_between("steps", steps, 1, MOST_STEPS))
    strengths = path.check_strength(steps)
    if strengths.ndim != 1 or not 1 <= len(strengths) <= MOST_STEPS or strengths[0] != 0:
        raise InputError(f"steps must be a number, or the strengths {path.strength} at which steps begin, from 0 on")
    if np.any(np.diff(strengths) <= 0):
        raise InputError(f"the strengths {path.strength} of steps must ascend")
    return strengths
