"""Which sampler works where on random measures whose samples overlap.

- flow, autoregressive: success where R > 0 on all of [q0, 1), failure where the isotherm has a fold beyond q0 ("first
  order"); beyond the line of de Almeida and Thouless, and beyond condensation, there is no verdict ("stability"), nor
  is there one where nothing was looked at.
- all else: nothing is derived, and nothing is said.
"""

from __future__ import annotations

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.models.base import Model, Target
from amp_theory.phases.comparison import BOUNDS, Algorithm, Comparison, SamplerVerdicts, Verdict
from amp_theory.phases.geometry.random_measures import RandomGeometry
from amp_theory.phases.geometry.solved import any_geometry_of
from amp_theory.phases.points.targets import described_up_to
from amp_theory.phases.points.thresholds import thresholds

FIRST_ORDER = "first order: the {} path crosses a first-order transition over the replica-symmetric measure"
WORKS = "R > 0 on all of [q0, 1) along the {} path: it meets no first-order transition"
FROZEN = "frozen q = 1: the {} path crosses a first-order transition onto isolated solutions"
#: where the equations come from
ANSATZ = " (replica ansatz at Parisi parameter one, not rigorous)"
MESSAGES: Algorithm = "message passing"
NOT_DERIVED = "not derived for random measures whose samples overlap"
LOCAL = "no theory of local moves is derived in a measure whose samples overlap"


def random_comparison(model: Model, target: Target) -> Comparison:
    """Return the verdicts on all samplers of a random measure with an outer overlap."""
    rows = [_denoiser(model, target, path) for path in (Flow(), Autoregressive())]
    rows.append(_none(model, target, UniformDiscreteDiffusion.name, MESSAGES, NOT_DERIVED))
    rows += [_none(model, target, name, "local moves", LOCAL) for name in ("mcmc", "langevin")]
    return Comparison(
        model, target, tuple(rows),
        lambda: tuple(_none(model, target, name, MESSAGES, NOT_DERIVED) for name in BOUNDS),
    )  # fmt: skip


def _none(model: Model, target: Target, sampler: str, algorithm: Algorithm, reason: str) -> SamplerVerdicts:
    verdict = Verdict(0.0, float("inf"), None, "unknown", reason, algorithm, target)
    return SamplerVerdicts(sampler, model, (verdict,))


def _denoiser(model: Model, target: Target, path: Path) -> SamplerVerdicts:
    geo, special = any_geometry_of(model, path), thresholds(model, path)
    assert isinstance(geo, RandomGeometry)
    limit, beyond = described_up_to(model, geo.eos, special, target)
    # intensities at which the answer may change, and how far from them a control counts as on them
    tips = [p for p in (special.tricritical, *special.further_tricritical) if p is not None]
    cuts = [(float(model.intensity(np.array(p.control))), p.error) for p in tips]
    cuts = [cut for cut in sorted(cuts) if cut[0] < limit]
    ends = np.array([x for x, _ in cuts] + [limit])
    works = (
        WORKS
        if not geo.measure.least_gap
        else f"{WORKS}, as far as it is followed, to 1 - q = {geo.measure.least_gap:.0e}"
    )
    # before the first cut everything is stable; every later interval is judged by what is in its middle
    failing = geo.path_fails(0.5 * (ends[1:] + ends[:-1]))
    first = (False, FROZEN) if geo.measure.frozen else (True, works)
    answers = [first, *((False, FIRST_ORDER) if bad else (True, works) for bad in failing.tolist())]
    verdicts, around, start = [], [], _end(model, 0.0)
    for k, (answer, reason) in enumerate(answers):
        if k + 1 < len(answers) and answers[k + 1] == (answer, reason):
            continue
        stop = _end(model, float(ends[k]))
        lo, hi = sorted((start, stop))
        verdicts.append(Verdict(lo, hi, answer, "conjecture", reason.format(path.name) + ANSATZ, MESSAGES, target))
        around.append(cuts[k][1] if k < len(cuts) else 0.0)
        start = stop
    lo, hi = sorted((start, _end(model, np.inf)))
    verdicts.append(Verdict(lo, hi, None, "unknown", beyond, MESSAGES, target))
    down = model.easier == "down"
    return SamplerVerdicts(
        path.name, model, tuple(verdicts[::-1] if down else verdicts), tuple(around[::-1] if down else around)
    )


def _end(model: Model, intensity: float) -> float:
    """Return the control of an intensity, at the ends zero or infinity."""
    if intensity in (0.0, np.inf):
        return float("inf") if (intensity == 0) == (model.easier == "down") else 0.0
    return float(model.from_intensity(np.array(intensity)))
