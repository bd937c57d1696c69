"""Which sampler works where on random measures whose samples overlap.

- flow, autoregressive: success where R > 0 on all of [q0, 1), failure where the isotherm has a fold beyond q0 ("first
  order"); beyond the line of de Almeida and Thouless, and beyond condensation, there is no verdict ("stability").
- all else: nothing is derived, and nothing is said.
"""

from __future__ import annotations

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.models.base import Model, Target
from amp_theory.phases.comparison import BOUNDS, Algorithm, Certainty, Comparison, SamplerVerdicts, Verdict
from amp_theory.phases.points.targets import NOT_SYMMETRIC, contiguous_up_to
from amp_theory.phases.points.thresholds import thresholds

FIRST_ORDER = "first order: the {} path crosses a first-order transition over the replica-symmetric measure"
WORKS = "R > 0 on all of [q0, 1) along the {} path: it meets no first-order transition"
#: where the equations come from
ANSATZ = " (replica ansatz at Parisi parameter one, not rigorous)"
NOT_DERIVED = "not derived for random measures whose samples overlap"
LOCAL = "no theory of local moves is derived in a measure whose samples overlap"


def random_comparison(model: Model, target: Target) -> Comparison:
    """Return the verdicts on all samplers of a random measure with an outer overlap."""
    rows = [_denoiser(model, target, path) for path in (Flow(), Autoregressive())]
    rows.append(_none(model, target, UniformDiscreteDiffusion.name, "message passing", NOT_DERIVED))
    rows += [_none(model, target, name, "local moves", LOCAL) for name in ("mcmc", "langevin")]
    return Comparison(
        model, target, tuple(rows),
        lambda: tuple(_none(model, target, name, "message passing", NOT_DERIVED) for name in BOUNDS),
    )  # fmt: skip


def _none(model: Model, target: Target, sampler: str, algorithm: Algorithm, reason: str) -> SamplerVerdicts:
    verdict = Verdict(0.0, float("inf"), None, "unknown", reason, algorithm, target)
    return SamplerVerdicts(sampler, model, (verdict,))


def _denoiser(model: Model, target: Target, path: Path) -> SamplerVerdicts:
    special = thresholds(model, path)
    limit, tip = contiguous_up_to(model, special), special.tricritical
    # intensities at which the answer changes, with it below, and how far from them a control counts as on them
    cuts: list[tuple[float, float]] = []
    if tip is not None and float(model.intensity(np.array(tip.control))) < limit:
        cuts.append((tip.control, tip.error))
    if np.isfinite(limit):
        cuts.append((float(model.from_intensity(np.array(limit))), 0.0))
    answers: list[tuple[bool | None, str]] = [(True, WORKS.format(path.name) + ANSATZ)]
    if tip is not None and len(cuts) == 1 + np.isfinite(limit):
        answers.append((False, FIRST_ORDER.format(path.name) + ANSATZ))
    if np.isfinite(limit):
        answers.append((None, NOT_SYMMETRIC))
    down = model.easier == "down"
    hard, easy = (float("inf"), 0.0) if down else (0.0, float("inf"))
    ends = [hard, *(control for control, _ in cuts), easy]
    verdicts = []
    for k, (answer, reason) in enumerate(answers):
        lo, hi = sorted(ends[k : k + 2])
        sure: Certainty = "unknown" if answer is None else "conjecture"
        verdicts.append(Verdict(lo, hi, answer, sure, reason, "message passing", target))
    around = [width for _, width in cuts]
    return SamplerVerdicts(
        path.name, model, tuple(verdicts[::-1] if down else verdicts), tuple(around[::-1] if down else around)
    )
