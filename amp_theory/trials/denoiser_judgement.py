"""What a denoiser is worth: its relative entropy along planted trajectories, and where that comes from.

Every strength of a path has a loss l per variable, whose integral is KL/N: (q - 2 m + r)/2 for a flow, with
m = E[s* <s>], r = E[<s>^2] and q the overlap of the exact posterior; h - h_eq where variables are revealed,
h = -E log P(s*) of a hidden one.  It is split, at every strength and without a rest:

- miscalibrated: what a common factor would gain, of the answers, (m - r)^2/(2 r) at the best one, m/r; of the log
  probabilities where variables are revealed (temperature scaling), the best from 1/8 to 8.  It is never negative;
- wrong branch: of what is left, at most the gap between equilibrium and uninformed branch, which message passing does
  not close either, and at least nothing; zero wherever the two are one branch;
- too shallow: the rest, what message passing would do better; negative where it would do worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

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

    loss is what the uninformed branch loses per strength, entropy h_eq where variables are revealed.
    """

    strength: Array
    weight: Array
    equilibrium: Array
    uninformed: Array
    loss: Array
    entropy: Array


@dataclass(frozen=True, eq=False)
class Measured:
    """What the denoiser did on instances: shape (instances, strengths), and (instances, strengths, factors).

    exact is q of the exact posterior, NaN where it is not known; surprise -log P(s*) of a hidden variable for every
    factor of the log probabilities, the first of which is 1, less that of the exact posterior where it is known.
    """

    planted: Array
    own: Array
    exact: Array
    surprise: Array


def loss_and_parts(measured: Measured, curves: TheoryCurves, masks: bool) -> Array:
    """Return l and its parts in the order of `PARTS` from means over instances, shape (4, strengths)."""
    m, r = measured.planted.mean(axis=0), measured.own.mean(axis=0)
    if masks:
        surprise = measured.surprise.mean(axis=0)
        loss, scaled = surprise[:, 0] - curves.entropy, surprise.min(axis=1)
        wrong = np.where(np.isfinite(surprise[:, 0]), surprise[:, 0] - scaled, np.inf)
    else:
        exact = measured.exact.mean(axis=0)
        loss = (np.where(np.isnan(exact), curves.equilibrium, exact) - 2 * m + r) / 2
        wrong = np.divide((m - r) ** 2, 2 * r, out=np.zeros_like(r), where=r > 0)
    with np.errstate(invalid="ignore"):  # an infinite loss is miscalibrated
        rest = np.where(np.isfinite(loss), loss - wrong, 0.0)
    branch = np.clip(rest, 0.0, curves.loss)
    return np.stack([loss, branch, rest - branch, wrong])


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
        KL/N, nats, and what the equations say of the best message passing.
    wrong_branch, too_shallow, miscalibrated
        The parts of KL/N, which sum to it.
    errors
        Standard errors of these over instances; NaN for one instance.  `quadrature` is by how much the sum over
        strengths misses `expected`.
    certainty
        "theorem" (Girsanov's, or the chain rule) with enumeration, else "conjecture": the replica-symmetric equations.
    caveats
        What is to be kept in mind.

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
            "caveats": self.caveats,
        }  # fmt: skip
        return {name: plain(value) for name, value in data.items()}

    def report(self) -> str:
        """Return a readable text: the relative entropy, its parts and what to keep in mind."""
        lines = [self.title]
        for name in ("nats_per_variable", *PARTS):
            lines.append(f"  {name:<18} {getattr(self, name):.6g} +- {self.errors[name]:.1g}")
        lines.append(f"  {'expected':<18} {self.expected:.6g} of the best message passing ({self.certainty})")
        return "\n".join([*lines, f"  reference          {self.reference}", *(f"  {text}" for text in self.caveats)])

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
