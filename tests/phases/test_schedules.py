"""Steps of samplers: exact losses, their constants, and schedules that nothing beats."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from random_models import PATHS, is_allowed, random_model
from scipy.optimize import minimize

import amp_theory as at
from amp_theory.phases.accuracy.met import Met
from amp_theory.phases.accuracy.schedule import best_strengths

ISING, FLOW, MASKS, FLIPS = at.IsingPSpin(3), at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()


def usual(path, steps):
    """Return equal and cosine schedules of a path, as internal strengths."""
    k = np.arange(steps) / steps
    if path.strength_is_snr:
        return (k / (1 - k)) ** 2, np.tan(np.pi * k / 2) ** 2
    return path.internal(k), path.internal(1 - np.cos(np.pi * k / 2))


def brute_force(stepping, steps, start):
    """Return the least loss found by a general optimiser that knows nothing of the problem, from several starts."""
    stop = stepping.end(stepping.stays[-1])

    def loss(free):
        s = np.concatenate([[0.0], np.cumsum(np.exp(free))])
        return stepping.total(stepping.answers(s)) if s[-1] < stop else 1e3 + s[-1]

    starts = [np.log(np.diff(s)) for s in (start, usual(stepping.path, steps)[0])]
    return min(minimize(loss, first, method="L-BFGS-B", options={"maxiter": 20}).fun for first in starts)


def test_constants():
    flow, masks, flips = (at.sampling_error(ISING, path, 1.0, steps=8).step_constant for path in (FLOW, MASKS, FLIPS))
    # int sqrt(M'(1 - xi'' M')) dy up to y = 80 only is 1.0782986142
    assert flow == pytest.approx(1.07829861646, abs=1e-10)
    assert masks == pytest.approx(0.1921347111, abs=5e-11)
    assert flips == pytest.approx(0.2156633940, abs=1e-9)


@pytest.mark.parametrize("path", [FLOW, MASKS, FLIPS], ids=lambda path: path.name)
def test_many_steps_lose_a_constant_over_their_number(path):
    found = [at.sampling_error(ISING, path, 1.0, steps=k) for k in (50, 200, 800)]
    misfit = [f.steps * f.nats_per_variable / f.step_constant - 1 for f in found]
    assert np.all(np.abs(misfit) < [0.015, 0.01, 0.004])


def test_equal_rounds_of_masks():
    """K KL -> (h(0) - h(1-))/2."""
    found = at.sampling_error(ISING, MASKS, 1.0, steps=np.arange(800) / 800).nats_per_variable
    assert 800 * found == pytest.approx(0.2159543, abs=1e-4)


@pytest.mark.parametrize("path", [FLOW, MASKS, FLIPS], ids=lambda path: path.name)
def test_one_step_loses_the_total_correlation(path):
    assert at.sampling_error(ISING, path, 1.0, steps=1).nats_per_variable == pytest.approx(0.25, abs=1e-14)
    assert at.sampling_error(ISING, path, 0.7, steps=[0.0]).nats_per_variable == pytest.approx(1 / 1.96, abs=1e-14)


def test_loss_of_a_flow_is_its_riemann_area_by_plain_sums():
    strengths = np.array([0.0, 0.3, 0.8, 2.0])
    found = at.sampling_error(ISING, FLOW, 1.0, steps=strengths).nats_per_variable
    area = 0.0
    for start, stop in pairwise(strengths):
        node, weight = np.polynomial.legendre.leggauss(30)
        q = at.uninformed_overlap(ISING, FLOW, 1.0, start + (stop - start) * (node + 1) / 2)
        area += (stop - start) / 4 * float(weight @ (q - at.uninformed_overlap(ISING, FLOW, 1.0, start)))
    q = float(at.uninformed_overlap(ISING, FLOW, 1.0, 2.0))
    drawn = (1 / 2 - q**3 / 2 - (1 - q) * 1.5 * q**2) / 2  # xi = q^3/2
    assert found == pytest.approx(area + drawn, abs=1e-12)


def test_slopes_are_those_of_the_loss():
    for path in (FLOW, MASKS, FLIPS):
        stepping = Met.at(ISING, path, 1.0).stepping()
        s, step = np.array([0.0, 0.1, 0.3, 0.5, 0.6]), 1e-5
        slope = stepping.slope(stepping.answers(s))
        for k in range(1, 5):
            ends = [stepping.total(stepping.answers(s + way * step * np.eye(5)[k])) for way in (1, -1)]
            assert slope[k] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "temperature"), [(FLOW, 1.0), (FLIPS, 1.0), (MASKS, 0.7)])
def test_no_schedule_of_eight_steps_is_better(path, temperature):
    stepping = Met.at(ISING, path, temperature).stepping()
    best = best_strengths(stepping, 8)
    assert stepping.total(stepping.answers(best)) < brute_force(stepping, 8, best) * 1.001


@pytest.mark.slow
def test_best_schedules_beat_usual_ones_of_random_models():
    models = 0
    for seed in range(24):
        model = random_model(np.random.default_rng(seed))
        path = PATHS[seed % (3 if model.variable_prior.unbiased_sign else 2)]
        special = at.thresholds(model, path)
        point = special.tricritical or next(filter(None, special.points().values()), None)
        control = (0.9, 1.2)[seed // 3 % 2] * (1.0 if point is None else point.control)
        if not is_allowed(model, control):
            continue
        models += 1
        stepping = Met.at(model, path, control).stepping()
        loss = stepping.total(stepping.answers(best_strengths(stepping, 8)))
        for other in usual(path, 8):
            assert loss <= stepping.total(stepping.answers(other)) * (1 + 1e-9) + 1e-13
    assert models > 21


def test_schedule_as_times():
    found = at.optimal_schedule(ISING, at.Flow(at.VariancePreserving()), 1.0, steps=4)
    assert found.time[0] == np.inf
    assert found.to_dict()["time"][0] is None
    assert found.equal_steps is None
    assert "no end" in found.reasons["equal_steps"]
    linear = at.optimal_schedule(ISING, FLOW, 1.0, steps=4)
    assert linear.strength == pytest.approx(found.strength)
    assert linear.nats_per_variable < linear.equal_steps
    assert (np.array(linear.time) / (1 - np.array(linear.time))) ** 2 == pytest.approx(linear.strength)


def printed(numbers):
    """Return numbers as they are read from what is printed."""
    return [float(f"{x:.12g}") for x in numbers]


MIXED = at.MixedPSpin("1.36*q**5+0.49*q**6", at.Rademacher())


@pytest.mark.parametrize(("model", "path", "temperature", "steps"), [
    (ISING, FLOW, 0.66, 4), (ISING, MASKS, 0.70, 3), (MIXED, FLIPS, 1.3483778103805293, 2), (ISING, FLOW, 1.0, 5),
])  # fmt: skip
@pytest.mark.every(2)
def test_printed_digits_lose_what_is_claimed(model, path, temperature, steps):
    found = at.optimal_schedule(model, path, temperature, steps=steps)
    bound = found.errors["nats_per_variable"]
    assert bound < 1e-10
    for strengths in (list(found.strength), printed(found.strength), printed(path.schedule.strength(found.time))):
        own = at.sampling_error(model, path, temperature, steps=[0.0, *strengths[1:]])
        assert own.nats_per_variable == pytest.approx(found.nats_per_variable, abs=bound)


def test_on_the_end_of_a_branch_nothing_is_claimed():
    end = at.path_transitions(ISING, FLOW, 0.66).uninformed_spinodal[0].strength
    below, on, above = (
        at.sampling_error(ISING, FLOW, 0.66, steps=[0.0, end * factor]) for factor in (1 - 1e-9, 1 + 1e-13, 1 + 1e-6)
    )
    gap = below.nats_per_variable - above.nats_per_variable
    assert gap > 0.1
    assert on.errors["nats_per_variable"] > gap / 2
    assert max(x.errors["nats_per_variable"] for x in (below, above)) < 1e-6 * gap


def test_bounds_of_the_best_schedule():
    found = at.optimal_schedule(ISING, MASKS, 1.0, steps=4)
    assert set(found.errors) == {"nats_per_variable", "equal_steps", "step_constant"}
    assert found.to_dict()["error"] == found.errors
    equal = at.sampling_error(ISING, MASKS, 1.0, steps=[0.0, 0.25, 0.5, 0.75])
    assert found.equal_steps == pytest.approx(equal.nats_per_variable, abs=found.errors["equal_steps"])
    assert found.step_constant == pytest.approx(0.1921347111, abs=found.errors["step_constant"] + 5e-11)


def never_worse(model, path, control, numbers):
    """Hold the loss of steps against that of fewer and of equal ones, but for what is not attained at zero strength."""
    before = np.inf
    for steps in numbers:
        loss = at.sampling_error(model, path, control, steps=steps).nats_per_variable
        equal = path.schedule.strength(np.arange(steps) / steps) if steps < 20 else None
        usual = np.inf if equal is None else at.sampling_error(model, path, control, steps=equal).nats_per_variable
        assert loss <= min(before, usual) * (1 + 1e-6) + 1e-11, (steps, loss, before, usual)
        before = loss


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.every(2)
def test_more_steps_lose_less(temperature):
    never_worse(ISING, FLOW, temperature, (1, 2, 3, 4, 9, 16, 17, 24, 33, 100, 400))
    assert at.sampling_error(ISING, FLOW, 1.0, steps=2).nats_per_variable < 0.186


@pytest.mark.slow
def test_more_steps_of_random_models_lose_less():
    models = 0
    # the last two: a late branch is better left out, and strengths count for nothing
    for seed in (*range(4), 46, 55):
        model = random_model(np.random.default_rng(seed))
        path = PATHS[seed % (3 if model.variable_prior.unbiased_sign else 2)]
        special = at.thresholds(model, path)
        point = special.tricritical or next(filter(None, special.points().values()), None)
        control = (0.8, 0.95, 1.2)[seed // 3 % 3] * (1.0 if point is None else point.control)
        if is_allowed(model, control):
            models += 1
            never_worse(model, path, control, (1, 2, 3, 4, 8, 9, 101))
    assert models > 3


def test_a_branch_that_ends_is_left_at_once():
    found = at.optimal_schedule(ISING, FLOW, 0.70, steps=8)
    end = at.path_transitions(ISING, FLOW, 0.70).uninformed_spinodal[0].strength
    assert any(1e-6 < s / end - 1 < 3e-6 for s in found.strength)
    assert found.nats_per_variable > at.sampling_error(ISING, FLOW, 0.70).nats_per_variable


def test_continuous_variables_along_flows_have_no_constant():
    model = at.SpikedMatrix(at.GaussBernoulli(0.3))
    found = at.sampling_error(model, FLOW, 0.2, steps=10)
    assert found.step_constant is None
    assert "log" in found.reasons["step_constant"]
    with pytest.raises(at.InputError, match="log"):
        found.revealed_at_once(1.0)
    assert at.sampling_error(model, MASKS, 0.2, steps=10).step_constant > 0


def test_revealed_at_once():
    found = at.sampling_error(ISING, MASKS, 1.0, steps=8)
    assert found.revealed_at_once(10.0) == pytest.approx(10 / 0.1921347111)
    with pytest.raises(at.InputError, match="nats"):
        found.revealed_at_once(0.0)


def test_own_schedule_on_a_sparse_graph():
    """One step draws all spins at once, of which alpha bits are fixed; more steps lose less, as much as none at last."""
    model = at.XORSAT(3)
    alone = at.sampling_error(model, MASKS, 0.7).nats_per_variable
    one, few, many = (at.sampling_error(model, MASKS, 0.7, steps=np.arange(k) / k * 0.9) for k in (1, 10, 80))
    assert one.nats_per_variable == pytest.approx(0.7 * np.log(2), abs=one.errors["nats_per_variable"])
    assert one.errors["nats_per_variable"] < 1e-5
    assert alone < many.nats_per_variable < few.nats_per_variable < one.nats_per_variable
    assert many.nats_per_variable < alone + 0.01
