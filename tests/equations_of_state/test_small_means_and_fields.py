"""Nearly centred priors, tiny fields and controls far out: no branch is lost where the grid of coordinates begins."""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.dense import NEAREST, DenseEquationOfState
from amp_theory.phases.geometry.solved import solved
from amp_theory.tools.errors import InputError, NumericalError

FLOW, REVEALED, FLIPS = at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()
#: two atoms of variance one and no mean
CENTRED = (3.0, -1 / 3), (0.1, 0.9)


def shifted(mean):
    (high, low), weights = CENTRED
    return at.Discrete([high + mean, low + mean], list(weights))


def overlaps(points):
    return [p.overlap for p in points], [p.stable for p in points]


def direct_overlap(prior, x):
    """M(x) = E <s>^2 as it is defined, a sum over a fine grid of y."""
    s, p = np.array(prior.values), np.array(prior.probabilities)
    y = np.linspace(-12, 12, 20001) + np.sqrt(x) * s.mean()
    density = p[:, None] * np.exp(-0.5 * (y - np.sqrt(x) * s[:, None]) ** 2) / np.sqrt(2 * np.pi)
    mean = (s[:, None] * density).sum(axis=0) / density.sum(axis=0)
    return float((density.sum(axis=0) * mean**2).sum() * (y[1] - y[0]))


@pytest.mark.parametrize("mean", [1e-1, 1e-2, 1e-3, 1e-5, 1e-8, 1e-12, 1e-14])
def test_a_small_mean_keeps_three_fixed_points(mean):
    prior, centred = shifted(mean), at.Discrete(*CENTRED)
    # further down, at a noise at which a larger mean does not yet take the lowest branch away
    noise = 0.6 if mean < 0.1 else 0.7
    found, stable = overlaps(at.fixed_points(at.SpikedTensor(3, prior), FLOW, noise, 0.0))
    limit, _ = overlaps(at.fixed_points(at.SpikedTensor(3, centred), FLOW, noise, 0.0))
    if mean == 0.1:
        assert stable[0]
        assert stable[-1]
        assert len(found) % 2 == 1
    else:
        assert stable == [True, False, True]
        assert found[1:] == pytest.approx(limit[1:], abs=30 * mean)
    for q in found:
        assert direct_overlap(prior, q**2 / noise) == pytest.approx(q, rel=1e-7)
    # x = q^2/noise is of order mean^4: nothing but the mean is known
    assert found[0] == pytest.approx(prior.mean**2, rel=10 * mean**2 + 1e-12) or mean == 0.1


def test_the_example_with_a_mean_of_three_in_a_hundred_thousand():
    model = at.SpikedTensor(3, at.Discrete([3, -0.3333], [0.1, 0.9]))
    points = at.fixed_points(model, FLOW, 0.6, 0.0)
    found, stable = overlaps(points)
    assert stable == [True, False, True]
    assert found == pytest.approx([9.0e-10, 0.59160, 0.85055], rel=1e-4)
    assert points.region == "easy_metastable"
    run = at.state_evolution(model, FLOW, 0.6, 0.0)
    assert run.overlap[-1] == pytest.approx(found[0], rel=1e-9)


@pytest.mark.parametrize("path", [FLOW, REVEALED])
@pytest.mark.parametrize("mean", [1e-2, 1e-7, 1e-14])
@pytest.mark.parametrize("p", [3, 7])
@pytest.mark.every(3)
def test_thresholds_are_continuous_in_the_mean(path, mean, p):
    near = at.thresholds(at.SpikedTensor(p, shifted(mean)), path)
    limit = at.thresholds(at.SpikedTensor(p, at.Discrete(*CENTRED)), path)
    for name in ("dynamical", "condensation", "tricritical"):
        a, b = getattr(near, name), getattr(limit, name)
        assert a.control == pytest.approx(b.control, rel=100 * mean + 1e-11)
    # with a small mean m the control is x/(m^2 + x)^(p-1) next to zero, largest at x = m^2/(p-2)
    m2, top = near_mean(mean) ** 2, (p - 1) / (p - 2)
    expected = (m2 * top) ** (p - 1) * (p - 2) / m2
    assert near.algorithmic.control == pytest.approx(expected, rel=30 * mean + 1e-9)


def near_mean(mean):
    return shifted(mean).mean


def test_matrices_with_small_means_keep_their_thresholds():
    # M'' > 0 at zero: with a mean m the uninformed branch ends at q of order m
    for path in (FLOW, REVEALED):
        found = at.thresholds(at.SpikedMatrix(at.Discrete([3, -0.3333333333], [0.1, 0.9])), path)
        assert found.dynamical.control == pytest.approx(1.19568, abs=1e-5)
        assert found.condensation.control == pytest.approx(1.17995, abs=1e-5)
        assert found.algorithmic.control == pytest.approx(1.0, abs=1e-9)
        assert found.weak_recovery is None


def test_rounding_of_a_mean_loses_nothing():
    values = (-0.9123610769531116, 0.0003151527823895828)
    weights = (0.0003453062237426975, 0.9996546937762574)
    prior = at.Discrete(values, weights)
    centred = at.Discrete((values[0], -values[0] * weights[0] / weights[1]), weights)
    for p in (2, 3):
        model = at.SpikedTensor(p, prior) if p > 2 else at.SpikedMatrix(prior)
        same = at.SpikedTensor(p, centred) if p > 2 else at.SpikedMatrix(centred)
        a, b = at.thresholds(model, FLOW), at.thresholds(same, FLOW)
        for name in ("dynamical", "condensation", "tricritical"):
            assert getattr(a, name).control == pytest.approx(getattr(b, name).control, rel=1e-9)


@pytest.mark.parametrize("field", [1e-30, 1e-10, 1e-4])
@pytest.mark.parametrize("path", [FLOW, REVEALED, FLIPS])
@pytest.mark.every(3)
def test_tiny_fields_keep_every_branch(field, path):
    model = at.MixedPSpin(f"{field!r}*q + q**3/2")
    found, stable = overlaps(at.fixed_points(model, path, 0.67, 0.0))
    limit, _ = overlaps(at.fixed_points(at.IsingPSpin(3), path, 0.67, 0.0))
    assert stable == [True, False, True]
    assert found[0] == pytest.approx(field / 0.67**2, rel=1e-3 + 100 * field)
    assert found[1:] == pytest.approx(limit[1:], abs=100 * field + 1e-12)
    near, far = at.thresholds(model, path), at.thresholds(at.IsingPSpin(3), path)
    for name in ("dynamical", "condensation", "tricritical"):
        assert getattr(near, name).control == pytest.approx(getattr(far, name).control, rel=100 * field + 1e-11)
    # next to zero T^2 = (h + 3 q^2/2)/q, least at q^2 = 2 h/3
    assert near.algorithmic.control == pytest.approx((6 * field) ** 0.25, rel=3 * field**0.5 + 1e-9)


@pytest.mark.parametrize("power", [2, 3, 5])
@pytest.mark.parametrize("small", [1e-25, 1e-12, 1e-6])
def test_tiny_terms_of_lower_power(power, small):
    if power < 3:
        model, start = at.MixedPSpin(f"{small!r}*q**2 + q**3/2"), (2 * small) ** 0.5
        found = at.thresholds(model, FLOW)
        assert found.weak_recovery.control == pytest.approx(start, rel=1e-12)
        assert found.algorithmic.control == pytest.approx(start, rel=1e-12)
    else:
        found = at.thresholds(at.MixedPSpin(f"{small!r}*q**{power} + q**7/2"), FLOW)
        assert found.algorithmic is None
    limit = at.thresholds(at.IsingPSpin(3 if power == 2 else 7), FLOW)
    for name in ("dynamical", "condensation", "tricritical"):
        assert getattr(found, name).control == pytest.approx(getattr(limit, name).control, rel=100 * small + 1e-11)


@pytest.mark.parametrize("temperature", [1e-2, 1e-4, 1e-5, 2e-6])
@pytest.mark.parametrize("path", [FLOW, REVEALED, FLIPS])
@pytest.mark.every(3)
def test_isotherms_far_out_keep_the_uninformed_branch(temperature, path):
    # next to zero q = s + 3 q^2/(2 T^2): the branch ends at q = T^2/3, s = T^2/6
    model = at.IsingPSpin(3)
    end = at.path_transitions(model, path, temperature).uninformed_spinodal[0]
    strength = path.internal(np.asarray(end.strength))
    assert strength == pytest.approx(temperature**2 / 6, rel=3 * temperature)
    assert end.overlap == pytest.approx(temperature**2 / 3, rel=3 * temperature)
    planted = at.phase_diagram(model, path, (temperature / 2, 0.7), points=5, target="planted")
    assert planted.first_failure_strength(temperature) == 0.0
    assert planted.region(temperature, path.public(np.asarray(0.5 * strength))) == "hard"
    assert planted.region(temperature, path.public(np.asarray(2 * strength))) == "easy"


def test_next_to_weak_recovery_isotherms_and_regions_agree():
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    diagram = at.phase_diagram(model, FLOW)
    for distance in (1e-6, 1e-9, 1e-11):
        control = 0.08**2 * (1 + distance)
        assert diagram.region(control, 0.0) == "hard"
        assert diagram.first_failure_strength(control) == 0.0


def test_a_grid_that_begins_too_far_up_is_noticed(monkeypatch):
    solved.cache_clear()
    too_late = property(lambda self: np.array([NEAREST / self.prior.variance]))
    monkeypatch.setattr(DenseEquationOfState, "_next_to_zero", too_late)
    with pytest.raises(NumericalError, match="a fold next to q = 0 is missing"):
        at.thresholds(at.SpikedTensor(3, shifted(1e-9)), FLOW)
    solved.cache_clear()


def test_steep_second_parts_keep_the_informed_branch():
    # the tensor alone is informative: beyond the last fold the curve crosses zero strength within one step
    for noise in (1e-1, 1e-2, 2.8e-4, 1e-6):
        model = at.SpikedMatrixTensor(6, noise)
        points = at.fixed_points(model, FLOW, 1.4, 1e-4)
        run = at.state_evolution(model, FLOW, 1.4, 1e-4, start="informed", max_steps=20000)
        assert run.converged
        assert points.informed.overlap == pytest.approx(run.overlap[-1], rel=1e-9)
        assert points.region == ("hard" if noise < 0.1 else points.region)


@pytest.mark.parametrize(
    "model",
    [
        at.SpikedTensor(300, at.SparseRademacher(0.08)),
        at.SpikedTensor(100, at.Discrete([100, -500], [0.5, 0.5])),
        at.SpikedTensor(50, at.SparseRademacher(1e-8)),
    ],
)
def test_couplings_beyond_doubles_are_refused(model):
    for question in (
        lambda: at.thresholds(model, FLOW),
        lambda: at.fixed_points(model, FLOW, 1.0, 0.0),
        lambda: at.state_evolution(model, FLOW, 1.0, 0.0),
    ):
        with pytest.raises(InputError, match=r"beyond double precision.*choose units|too extreme"):
            question()


def test_nothing_follows_from_an_overflow():
    # the uninformed branch ends at a noise below 1e-308
    prior = at.Discrete([0.0129, -0.077, 0.0494, -0.045, 0.1009], [0.5248, 0.0399, 0.0067, 0.3244, 0.1042])
    assert abs(prior.mean) > 1e-8
    found = at.thresholds(at.SpikedTensor(40, prior), FLOW)
    assert found.algorithmic is None
    assert "double precision" in found.reasons["algorithmic"]
    assert found.dynamical is not None


def test_a_strength_too_small_for_doubles_has_no_fixed_point_at_zero():
    found, stable = overlaps(at.fixed_points(at.SherringtonKirkpatrick(), FLOW, 0.7, 1e-300))
    assert stable == [True]
    assert found == pytest.approx([0.6318646719], rel=1e-9)
    found, stable = overlaps(at.fixed_points(at.IsingPSpin(3), FLOW, 0.67, 1e-300))
    assert stable == [True, False, True]
    assert found[0] <= 1e-290


@pytest.mark.parametrize(
    ("model", "control"),
    [
        (at.GLM(at.Gaussian(), at.SymmetricPerceptron(1.1)), 3.7),
        (at.GLM(at.GaussBernoulli(0.2), at.LinearChannel(0.0)), 0.15),
        (at.GLM(at.GaussBernoulli(0.3), at.DoorChannel(0.5)), 1.0),
        (at.GLM(at.GaussBernoulli(0.3), at.AbsChannel()), 0.25),
    ],
)
@pytest.mark.every(2)
def test_state_evolution_leaves_an_unstable_perfect_recovery(model, control):
    informed = at.fixed_points(model, FLOW, control, 0.01).informed.overlap
    run = at.state_evolution(model, FLOW, control, 0.01, start="informed", max_steps=20000)
    assert informed < model.variable_prior.second_moment * (1 - 1e-6)
    assert run.overlap[-1] == pytest.approx(informed, rel=1e-7)


def test_folds_through_a_saddle_belong_together():
    # three couplings of very different powers: two tricritical points, and a fold curve that turns back within a cell
    scale = 1.1940198441082842e-05
    terms = {4: 0.602, 36: 0.0318, 48: 0.0557}
    text = " + ".join(f"{weight / scale**power!r}*q**{power}" for power, weight in terms.items())
    model = at.MixedPSpin(text, at.GaussBernoulli(scale))
    found = at.thresholds(model, REVEALED)
    for point in (found.tricritical, *found.further_tricritical):
        inside, outside = (
            len(at.path_transitions(model, REVEALED, point.control * (1 + step)).uninformed_spinodal)
            for step in (-1e-4, 1e-4)
        )
        assert inside == outside + 1
