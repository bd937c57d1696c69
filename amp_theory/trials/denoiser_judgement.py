"""What a denoiser is worth: its relative entropy along planted trajectories, and where that comes from.

Every strength of a path has a loss l per variable, whose integral is KL/N: (q - 2 m + r)/2 for a flow, with
m = E[s* <s>], r = E[<s>^2] and q the overlap of the exact posterior; h - h_eq where variables are revealed,
h = -E log P(s*) of a hidden one.  It is split, at every strength and without a rest:

- miscalibrated: what a common factor would gain, of the answers, (m - r)^2/(2 r) at the best one, m/r; of the log
  probabilities where variables are revealed (temperature scaling), the best from 1/8 to 8.  What noise alone would gain
  is estimated from several instances and taken off, so that it is not negative on average only;
- wrong branch: of what is left, at most the gap between equilibrium and uninformed branch, which message passing does
  not close either, and at least nothing; zero wherever the two are one branch;
- too shallow: the rest, what message passing would do better; negative where it would do worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.phases.comparison import Certainty
from amp_theory.tools.arrays import Array
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: the parts of the relative entropy
PARTS = ("wrong_branch", "too_shallow", "miscalibrated")


@dataclass(frozen=True, eq=False)
class TheoryCurves:
    """What theory says along the path, and the weights of its strengths: arrays of shape (strengths,).

    loss is what the uninformed branch loses per strength, entropy h_eq where variables are revealed; difference are the
    weights less those of a coarser rule, and panels where the nodes of each begin.
    """

    strength: Array
    weight: Array
    difference: Array
    panels: npt.NDArray[np.intp]
    equilibrium: Array
    uninformed: Array
    loss: Array
    entropy: Array


@dataclass(frozen=True, eq=False)
class Measured:
    """What the denoiser did on instances: shape (instances, strengths), and (instances, strengths, factors).

    exact is q of the exact posterior, NaN where it is not known; surprise -log P(s*) of a hidden variable for every
    factor of the log probabilities, the first of which is 1, less that of the exact posterior where it is known;
    clipped the part of the means that lie outside the values, where that matters.
    """

    planted: Array
    own: Array
    exact: Array
    surprise: Array
    clipped: Array


def losses(measured: Measured, curves: TheoryCurves, masks: bool) -> Array:
    """Return l of every instance, shape (instances, strengths)."""
    if masks:
        return np.asarray(measured.surprise[:, :, 0] - curves.entropy)
    q = np.where(np.isnan(measured.exact), curves.equilibrium, measured.exact)
    return np.asarray((q - 2 * measured.planted + measured.own) / 2)


def loss_and_parts(measured: Measured, curves: TheoryCurves, masks: bool) -> Array:
    """Return l and its parts in the order of `PARTS` from means over instances, shape (4, strengths)."""
    loss = losses(measured, curves, masks).mean(axis=0)
    wrong = _scaling(measured.surprise) if masks else _shrinking(measured.planted, measured.own)
    with np.errstate(invalid="ignore"):  # an infinite loss is miscalibrated
        rest = np.where(np.isfinite(loss), loss - wrong, 0.0)
    branch = np.clip(rest, 0.0, curves.loss)
    return np.stack([loss, branch, rest - branch, wrong])


def _shrinking(planted: Array, own: Array) -> Array:
    """Return what one factor of all answers gains, without the variance of m - r; nothing where r is but noise."""
    many = len(own)
    m, r = planted.mean(axis=0), own.mean(axis=0)
    variance, noise = ((x.var(axis=0, ddof=1) / many if many > 1 else np.zeros_like(r)) for x in (planted - own, own))
    seen = (r > 0) & (r * r > 9 * noise)
    return np.asarray(np.divide((m - r) ** 2 - variance, 2 * r, out=np.zeros_like(r), where=seen))


def _scaling(surprise: Array) -> Array:
    """Return what one factor of all log probabilities gains, its bias taken off by the jackknife."""

    def gained(mean: Array) -> Array:
        first = mean[..., 0]
        sure = np.isfinite(first)
        return np.where(sure, np.where(sure, first, 0.0) - np.where(sure, mean.min(axis=-1), 0.0), np.inf)

    many, mean = len(surprise), surprise.mean(axis=0)
    whole = gained(mean)
    if many == 1 or not np.isfinite(surprise).all():
        return whole
    others = gained((many * mean - surprise) / (many - 1)).mean(axis=0)
    return np.asarray(many * whole - (many - 1) * others)


@dataclass(frozen=True, eq=False)
class DenoiserJudgement(Reported):
    """How many nats per variable a denoiser loses on planted instances, and on which account.

    Parameters
    ----------
    model, path
        The model and the path.
    control, size, instances
        The control, the number of variables, and how many instances.
    denoiser
        Its name.
    reference
        "equations" (the equilibrium of the infinite system) or "enumeration" (the exact posterior of every instance).
    strength, equilibrium, uninformed
        Strengths at which it was asked, and overlaps of the equations there, arrays of shape (strengths,).
    planted_overlap, self_overlap
        m = E[s* <s>] and r = E[<s>^2], equal for a calibrated denoiser, of shape (strengths,).
    planted_overlap_error, self_overlap_error
        Their standard errors over instances.
    loss
        What is lost per strength, whose integral is the relative entropy, of shape (strengths,).
    nats_per_variable, expected
        KL/N, nats, and what the equations say of the best message passing; KL/N may be infinite.
    wrong_branch, too_shallow, miscalibrated
        The parts of KL/N, which sum to it.
    errors
        Standard errors of these over instances; NaN for one instance, and for what is infinite.  `quadrature` is the
        sum over panels of strengths of the differences of two rules, noise included.
    certainty
        Of the formula, by which the numbers are estimates: "theorem" (Girsanov's, or the chain rule) with enumeration,
        else "conjecture": the replica-symmetric equations.
    caveats
        What is to be kept in mind.
    reasons
        Why a number is infinite or has no error.

    See Also
    --------
    judge_denoiser : Which returns it, with an example.
    """

    model: Model
    path: Path
    control: float
    size: int
    instances: int
    denoiser: str
    reference: str
    strength: Array
    equilibrium: Array
    uninformed: Array
    planted_overlap: Array
    self_overlap: Array
    planted_overlap_error: Array
    self_overlap_error: Array
    loss: Array
    nats_per_variable: float
    expected: float
    wrong_branch: float
    too_shallow: float
    miscalibrated: float
    errors: dict[str, float]
    certainty: Certainty
    caveats: tuple[str, ...]
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Whose denoiser, of which model, where."""
        where = titled(self.model.name, self.model.parameters, self.path.name)
        many = f"{self.instances} instances of {self.size} variables"
        return f"{self.denoiser} on {where}, {self.model.control} = {self.control:g}, {many}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        numbers = ("nats_per_variable", "expected", *PARTS)
        curves = ("strength", "equilibrium", "uninformed", "planted_overlap", "self_overlap", "planted_overlap_error",
                  "self_overlap_error", "loss")  # fmt: skip
        data = {
            "model": self.model.name, "parameters": self.model.parameters, "path": self.path.name,
            self.model.control: self.control, "size": self.size, "instances": self.instances,
            "denoiser": self.denoiser, "reference": self.reference, **{n: getattr(self, n) for n in numbers},
            "error": self.errors, "certainty": self.certainty, **{n: getattr(self, n) for n in curves},
            "caveats": self.caveats, "reasons": self.reasons,
        }  # fmt: skip
        return {name: plain(value) for name, value in data.items()}

    def report(self) -> str:
        """Return a readable text: the relative entropy, its parts and what to keep in mind."""
        lines = [self.title]
        for name in ("nats_per_variable", *PARTS):
            value, error = getattr(self, name), self.errors[name]
            bound = f" +- {error:.1g}" if np.isfinite(error) else ""
            lines.append(f"  {name:<18} {f'{value:.6g}{bound}' if np.isfinite(value) else 'infinite'}")
        if np.isfinite(self.nats_per_variable):
            text = "between two rules for the sum over strengths, noise included"
            lines.append(f"  {'quadrature':<18} {self.errors['quadrature']:.1g} {text}")
        lines += [
            f"  {'expected':<18} {self.expected:.6g} of message passing, for infinitely many variables (conjecture)",
            f"  {'reference':<18} {self.reference}: estimates by a formula that is a {self.certainty}",
        ]
        more = (f"  {name}: {text}" for name, text in self.reasons.items())
        return "\n".join([*lines, *(f"  {text}" for text in self.caveats), *more])

    def table(self) -> ResultTable:
        """Return both overlaps, their errors and what is lost at every strength as rows."""
        return ResultTable(self.title, {
            self.path.strength: self.strength, "equilibrium": self.equilibrium, "uninformed": self.uninformed,
            "planted_overlap": self.planted_overlap, "error_of_planted_overlap": self.planted_overlap_error,
            "self_overlap": self.self_overlap, "error_of_self_overlap": self.self_overlap_error, "loss": self.loss,
        })  # fmt: skip

    def plot(
        self, ax: Axes | None = None, *, legend: bool | str = True, title: str | bool | None = None,
        style: str | Mapping[str, Any] | None = None,
    ) -> Axes:  # fmt: skip
        r"""Draw both overlaps of the denoiser over the equation of state, with their standard errors.

        Parameters
        ----------
        ax
            Where to draw; a new figure by default.
        legend, title, style
            As for `plot_diagram`.

        Returns
        -------
        matplotlib.axes.Axes
            Where the picture is.

        Raises
        ------
        InputError
            For an option that does not exist.

        See Also
        --------
        judge_denoiser : With an example.
        """
        from amp_theory.trials.judgement_picture import plot_judgement

        return plot_judgement(self, ax, legend=legend, title=title, style=style)
