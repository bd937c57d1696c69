"""What theory says of a sampler as the size grows, and whether one size can show it.

A denoiser that fails loses K nats per variable, N K at size N: by as much the relative entropy of its samples and exact
ones is bounded, and that of n samples of every one of M instances by D = n M N K (chain rule).  Any test of them has
errors of both kinds that sum up to exp(-D)/2 at least (Bretagnolle and Huber), whatever it looks at.  K is that of
infinite size: what finite sizes add to a failure is not in it, and may be much larger.  So a difference seen below the
visible size 1/K is not told from an effect of the size or of the steps, which samplers have that theory says work; and
no success is told where theory knows of a failure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.models.base import Model, Target
from amp_theory.phases.accuracy.sampling_error import sampling_error
from amp_theory.phases.comparison import Certainty
from amp_theory.phases.rules import dynamics_verdicts
from amp_theory.tools.errors import InputError, NumericalError
from amp_theory.tools.reports import plain

TOO_SMALL: Literal["too small to tell"] = "too small to tell"
#: the path that a denoising sampler follows
PATHS: dict[str, type[Path]] = {
    "flow": Flow, "diffusion": Flow, "autoregressive": Autoregressive, "masked": Autoregressive,
    "uniform-diffusion": UniformDiscreteDiffusion,
}  # fmt: skip
#: Markov chains of which theory speaks
LOCAL = ("heat-bath", "langevin")


@dataclass(frozen=True)
class Said:
    """What theory says: whether a sampler succeeds as the size grows, how sure that is, and the size of its failure."""

    succeeds: bool | None
    certainty: Certainty
    reason: str
    nats_per_variable: float | None = None
    visible_size: float | None = None


@dataclass(frozen=True)
class Theory:
    """What theory says of one sampler at one control; it is computed when it is asked for.

    Parameters
    ----------
    model, control, target
        The measure.
    sampler
        The name of a denoising sampler or of a Markov chain, as for `simulate`.
    """

    model: Model
    control: float
    sampler: str
    target: Target

    @cached_property
    def answer(self) -> Said:
        """Whether it succeeds as the size grows; None, with the reason, where theory does not tell."""
        try:
            if self.sampler.partition(" on ")[0] in PATHS:
                return self._of_denoiser()
            if self.sampler in LOCAL:
                verdict = dynamics_verdicts(self.model, self.target).at(self.control)
                return Said(verdict.succeeds, verdict.certainty, verdict.reason)
        except (InputError, NumericalError) as error:
            return Said(None, "unknown", str(error))
        return Said(None, "unknown", f"no theory of {self.sampler}")

    def _of_denoiser(self) -> Said:
        base, on, side = self.sampler.partition(" on ")
        kind: Any = PATHS[base]
        found = sampling_error(self.model, kind(side=side) if on else kind(), self.control, target=self.target)
        nats = found.nats_per_variable
        if nats is None:
            return Said(None, found.certainty, found.reasons["nats_per_variable"])
        if 0 < nats <= found.errors["nats_per_variable"]:
            return Said(None, "unknown", "whether it fails is not told within the error bound")
        reason = "the path meets no transition" if nats == 0 else "the path crosses a first-order transition"
        return Said(nats == 0, found.certainty, reason, nats, found.visible_size)

    @property
    def sizes(self) -> tuple[float | None, float | None]:
        """Nats per variable and visible size, None where there is none."""
        return self.answer.nats_per_variable, self.answer.visible_size

    def told(self, size: int) -> str:
        """Return in words what is said, of so many variables; empty where theory does not tell."""
        found = self.answer
        if found.succeeds is None:
            return ""
        if found.succeeds or not found.nats_per_variable:
            return f"{'works' if found.succeeds else 'fails'} as the size grows ({found.certainty})"
        return (
            f"fails by {found.nats_per_variable:.3g} nats per variable as the size grows ({found.certainty}), "
            f"{size * found.nats_per_variable:.3g} at this size, seen from {math.ceil(found.visible_size or 0)} on"
        )

    def hidden(self, tested: str, size: int) -> str:
        """Return why a run whose tests end so does not bear on what theory says; empty where it may."""
        found = self.answer
        if found.succeeds:
            return "a failure as here may be one of small sizes or few sweeps" if tested == "fails" else ""
        if found.succeeds is None:
            return ""
        if found.visible_size is not None and size < found.visible_size:
            return "this size is below: whatever is seen here may be an effect of the size or of the steps"
        if tested in ("succeeds", "undecided"):
            return "size, instances, steps or sweeps do not show it"
        return ""

    def to_dict(self, size: int) -> dict[str, Any]:
        """Return plain data; an infinite visible size becomes None."""
        found = self.answer
        nats = found.nats_per_variable
        data = {
            "succeeds": found.succeeds, "certainty": found.certainty, "reason": found.reason,
            "nats_per_variable": nats, "nats": None if nats is None else size * nats,
            "visible_size": found.visible_size,
        }  # fmt: skip
        return {name: plain(value) for name, value in data.items()}
