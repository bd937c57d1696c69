"""Random models: every question gets an answer, without warnings, and the answers agree with each other."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import PATHS, random_model

import amp_theory as at


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(0, 80, 3))
def test_every_question_is_answered(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    path = PATHS[rng.integers(3 if model.variable_prior.unbiased_sign else 2)]
    found = at.thresholds(model, path)
    points = {name: point for name, point in found.points().items() if point is not None}
    assert set(points) | set(found.reasons) == set(found.points())
    assert all(np.isfinite(p.control) and 0 <= p.error < 1e-5 * p.control for p in points.values())
    controls = [point.control for point in points.values()]
    limits = (
        None
        if found.tricritical and found.condensation
        else (min(controls, default=1) / 2, max(controls, default=1) * 1.5)
    )
    diagram = at.phase_diagram(model, path, limits, points=30, target="planted")
    for control in rng.uniform(*diagram.control_range, 6):
        failure = diagram.first_failure_strength(control)
        assert diagram.sampler_succeeds(control) == (failure is None)
        if failure is not None and failure > 0:
            assert diagram.region(control, failure * (1 - 1e-4)) != "hard"
            assert (
                diagram.region(control, min(failure * (1 + 1e-8), 1 - 1e-15) if failure < 1 else failure * (1 + 1e-8))
                == "hard"
            )
        for strength in (0.0, 1e-9, 0.1):
            stable = at.fixed_points(model, path, control, strength).stable
            assert stable
            # state evolution from both ends stays where the solver says it goes
            for q in (stable[0].overlap, stable[-1].overlap):
                run = at.state_evolution(
                    model, path, control, strength, start=min(q, model.variable_prior.second_moment), max_steps=5
                )
                assert run.overlap[-1] == pytest.approx(q, rel=1e-6, abs=1e-9 * model.variable_prior.second_moment)
    at.compare_samplers(model)
