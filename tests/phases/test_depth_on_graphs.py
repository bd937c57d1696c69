"""Finite depth on sparse graphs: plain density evolution, total correlations, and the limit of many iterations."""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at

FLOW, MASKS = at.Flow(), at.Autoregressive()
XORSAT = at.XORSAT(3)


def unit_propagation(k: int, density: float, iterations: int) -> float:
    """Return int h_L dtheta - S from the erasures of density evolution, by the midpoint rule."""
    theta = (np.arange(20_000) + 0.5) / 20_000
    erased = np.ones_like(theta)
    for _ in range(iterations - 1):
        erased = (1 - theta) * np.exp(-k * density * (1 - erased) ** (k - 1))
    hidden = np.exp(-k * density * (1 - erased) ** (k - 1))
    return float(np.log(2) * (hidden.mean() - (1 - density)))


@pytest.mark.parametrize(("density", "iterations"), [(0.5, 1), (0.5, 3), (0.7, 2), (0.7, 12)])
@pytest.mark.every(2)
def test_parity_checks_without_noise_are_plain_density_evolution(density, iterations):
    found = at.sampling_error(XORSAT, MASKS, density, iterations=iterations)
    expected = unit_propagation(3, density, iterations)
    assert found.errors["nats_per_variable"] < 1e-8
    assert found.nats_per_variable == pytest.approx(expected, abs=found.errors["nats_per_variable"] + 1e-8)
    assert abs(expected - unit_propagation(3, density, iterations + 1)) > 1e-5  # one more would be seen


@pytest.mark.slow
def test_one_iteration_loses_the_total_correlation():
    """A variable that sees its own side information alone loses log 2 - S, S = (1 - alpha) log 2 of parity checks."""
    for path in (FLOW, MASKS):
        found = at.sampling_error(XORSAT, path, 0.6, iterations=1)
        assert found.nats_per_variable == pytest.approx(0.6 * np.log(2), abs=found.errors["nats_per_variable"] + 1e-10)


@pytest.mark.slow
def test_many_iterations_lose_what_the_efficient_denoiser_does():
    bound = at.sampling_error(XORSAT, MASKS, 0.75)
    many = [at.sampling_error(XORSAT, MASKS, 0.75, iterations=n) for n in (150, 300)]
    more = [found.nats_per_variable - bound.nats_per_variable for found in many]
    assert 0 < more[1] < 1e-4
    assert 3.5 < more[0] / more[1] < 4.2  # next to the end of a branch it falls like 1/L^2
    assert many[0].paid == bound.paid


@pytest.mark.slow
def test_at_the_tricritical_point_depth_falls_like_a_power():
    """Where F = 0 the loss goes like 1/L^2, elsewhere exponentially."""
    point = at.thresholds(XORSAT, MASKS).tricritical.control
    at_point, beside = (
        [at.sampling_error(XORSAT, MASKS, c, iterations=count).nats_per_variable for count in (40, 80)]
        for c in (point, 0.5)
    )
    assert at_point[0] / at_point[1] == pytest.approx(4.0, rel=0.15)
    assert beside[0] > 100 * beside[1]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "density"), [
    (at.XORSAT(3, temperature=0.5), 0.5), (at.Bicoloring(4), 3.0), (at.Bicoloring(4, degrees="regular"), 2.0),
])  # fmt: skip
def test_other_laws_lose_nothing_in_the_limit(model, density):
    """The entropy S of the free energy and the area under density evolution agree, along both paths."""
    for path in (FLOW,) if model.degrees == "regular" else (FLOW, MASKS):
        losses = [at.sampling_error(model, path, density, iterations=count) for count in (1, 2, 8, 80)]
        nats = [found.nats_per_variable for found in losses]
        assert nats[0] > nats[1] > nats[2] > nats[3]
        assert nats[3] < losses[3].errors["nats_per_variable"] + 1e-10


def test_what_is_not_derived_is_refused():
    with pytest.raises(at.InputError, match="finite depth"):
        at.sampling_error(XORSAT, at.UniformDiscreteDiffusion(), 0.5, iterations=2)
    with pytest.raises(at.InputError, match="iterations"):
        at.depth_for(XORSAT, MASKS, 0.5)
