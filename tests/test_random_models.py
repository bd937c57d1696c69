"""Random models: every question gets an answer, without warnings, and the answers agree with each other."""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at

PATHS = (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion())


def random_prior(rng):
    kind = rng.integers(5)
    if kind < 4:
        fraction = 10 ** rng.uniform(-4, 0)
        return (at.Rademacher(), at.Gaussian(), at.SparseRademacher(fraction), at.GaussBernoulli(fraction))[kind]
    count = rng.integers(2, 7)
    values, weights = rng.normal(size=count), np.maximum(rng.dirichlet(np.full(count, 0.7)), 1e-3)
    weights /= weights.sum()
    return at.Discrete(values - (weights @ values if rng.random() < 0.5 else 0), weights)


def random_model(rng):
    prior = random_prior(rng)
    match rng.integers(4):
        case 0:
            return at.SpikedMatrix(prior)
        case 1:
            return at.SpikedTensor(int(rng.integers(3, 12)), prior)
        case 2:
            return at.SpikedMatrixTensor(int(rng.integers(3, 8)), 10 ** rng.uniform(-3, 1))
    powers = {int(k) for k in rng.integers(1, 30, size=3)} | {int(rng.integers(2, 30))}
    scale = prior.second_moment
    return at.MixedPSpin(" + ".join(f"{10 ** rng.uniform(-3, 2) / scale**k!r}*q**{k}" for k in powers), prior)


def is_allowed(model, control):
    """Tell whether a control is within the documented limits; special points may lie beyond."""
    try:
        model.check_control(control)
    except at.InputError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(80))
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
