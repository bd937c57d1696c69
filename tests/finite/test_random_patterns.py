"""Random patterns: message passing and samplers on instances against the theory of random measures, and enumeration."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.random_measures.perceptrons import PerceptronMeasure
from amp_theory.finite.inference.pattern_gamp import run_pattern_gamp
from amp_theory.finite.samplers.denoisers import MessagePassingDenoiser
from tests.oracles import random_perceptrons as oracle

BINARY = at.Rademacher()


def theory(model, alpha, snr):
    """Return q0 and the overlap of the lower branch at snr."""
    isotherm = PerceptronMeasure(model, at.Flow()).isotherms(np.array([alpha]))
    z = np.geomspace(1e-3, 40, 2000)
    points = isotherm.points(z[None])
    k = int(np.flatnonzero(points.strength[0] > snr)[0])
    q = isotherm.base.overlap[0] + np.interp(snr, points.strength[0, k - 1 : k + 1], points.excess[0, k - 1 : k + 1])
    return float(isotherm.base.overlap[0]), float(q)


@pytest.mark.parametrize(("model", "alpha"), [
    (at.RandomPerceptron(BINARY), 0.4), (at.RandomPerceptron(potential=at.Margin(-1)), 3.0),
    (at.RandomPerceptron(BINARY, at.Logistic(0, 2)), 1.0)])  # fmt: skip
def test_message_passing_finds_the_replica_symmetric_measure(model, alpha):
    found = run_pattern_gamp(at.draw_instance(model, alpha, 1500, 1))
    q0 = PerceptronMeasure(model, at.Flow()).bases(np.array([alpha])).overlap[0]
    assert found.status == ("converged",)
    assert np.mean(found.mean**2) == pytest.approx(q0, abs=4 / np.sqrt(1500))
    assert np.mean(found.mean**2 + found.variance) == pytest.approx(1, abs=1e-6)
    assert found.free_entropy == (None,)


def test_message_passing_is_near_enumeration_with_few_patterns():
    instance = at.draw_instance(at.RandomPerceptron(BINARY, at.Logistic(0, 1)), 0.4, 12, 3)
    side = at.Flow().observe(np.ones((1, 12)), 0.5, np.random.default_rng(0))
    spins = 1 - 2 * ((np.arange(4096)[:, None] >> np.arange(12)) & 1).astype(float)
    weight = np.exp(instance.interaction(spins) + spins @ side.field[0])
    exact = weight @ spins / weight.sum()
    # corrections are of the order of one over the size; without patterns it is far
    assert np.abs(run_pattern_gamp(instance, side).mean[0] - exact).max() < 1 / 12
    assert np.abs(np.tanh(side.field[0]) - exact).max() > 0.2
    drawn = at.draw_samples(instance, "flow", 3, 0, denoiser="exact", steps=8)
    assert drawn.configurations.shape == (3, 12)


def test_interaction_energy_and_violations():
    instance = at.draw_instance(at.RandomPerceptron(BINARY, at.Margin(0, 1.5)), 0.5, 40, 0)
    w = np.stack([np.ones(40), -np.ones(40)])
    s = w @ instance.patterns.T
    assert instance.violated(w).tolist() == (s < 0).mean(axis=1).tolist()
    assert instance.violated(w).sum() == pytest.approx(1)
    assert instance.energy(w) == pytest.approx((s < 0).sum(axis=1) / 40)
    assert np.all(np.isneginf(instance.interaction(w)))
    smooth = at.draw_instance(at.RandomPerceptron(potential=at.Logistic(0.2, 3)), 0.5, 40, 0)
    assert smooth.interaction(w) == pytest.approx(-np.log1p(np.exp(-3 * (w @ smooth.patterns.T - 0.2))).sum(axis=1))
    assert smooth.energy(w) == pytest.approx(-smooth.interaction(w) / 40)


def test_instances_come_back_from_files(tmp_path):
    model = at.RandomPerceptron(BINARY, at.Margin(0.2, 1.5))
    instance = at.draw_instance(model, 0.5, 41, 0)
    instance.save(tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"header", "patterns"}
    found = at.load_instance(tmp_path / "one.npz")
    assert (found.model, found.control, found.size, found.planted) == (model, 0.5, 41, None)
    assert found.patterns.tobytes() == instance.patterns.tobytes()
    a, b = (at.draw_samples(x, "autoregressive", 2, 3) for x in (instance, found))
    assert np.array_equal(a.configurations, b.configurations)
    own = at.instance_from(model, patterns=instance.patterns)
    assert own.control == 20 / 41
    assert np.array_equal(own.fields(a.configurations), instance.fields(a.configurations))
    # a file cannot hold functions, and is loaded with the model given
    smooth = at.RandomPerceptron(BINARY, at.LogConcave(lambda s: -(s**2) / 2, lambda s: -s, lambda s: 0 * s - 1))
    at.draw_instance(smooth, 0.5, 20, 0).save(tmp_path / "own.npz")
    assert at.load_instance(tmp_path / "own.npz", smooth).sampling_ratio == 0.5
    with pytest.raises(at.FileError, match="give model="):
        at.load_instance(tmp_path / "own.npz")


def test_known_weights_leave_the_rest_of_the_sphere():
    instance = at.draw_instance(at.RandomPerceptron(potential=at.Margin(-1)), 2.0, 400, 0)
    known = np.arange(400)[None] < 200
    side = at.SideInformation.from_known(known, np.where(known, 1.2, 0.0))
    found = run_pattern_gamp(instance, side)
    assert found.mean[0, :200].tolist() == [1.2] * 200
    assert np.sum(found.mean**2 + found.variance) == pytest.approx(400, rel=1e-6)


@pytest.mark.parametrize(("make", "said"), [
    (lambda: run_pattern_gamp(at.draw_instance(at.SherringtonKirkpatrick(), 0.5, 10, 0)), "instances of the kind"),
    (lambda: run_pattern_gamp(at.draw_instance(at.RandomPerceptron(), 0.5, 10, 0), start="informed"), "no planted"),
    (lambda: at.draw_instance(at.RandomPerceptron(), 0.5, 10, 0).violated(np.ones(9)), "must have shape"),
    (lambda: at.instance_from(at.RandomPerceptron(), patterns=np.ones((5, 10))), "root mean square"),
    (lambda: at.instance_from(at.RandomPerceptron(), 2.0, patterns=np.ones((5, 10))), "patterns, got 5"),
    (lambda: at.instance_from(at.RandomPerceptron(), patterns=np.ones(5)), "patterns"),
    (lambda: at.instance_from(at.RandomPerceptron(), patterns=np.full((5, 10), np.nan)), "patterns"),
    (lambda: at.instance_from(at.RandomPerceptron(), sensing=np.ones((5, 10))), "made from patterns"),
    (lambda: at.instance_from(at.GLM(BINARY, at.SignChannel()), patterns=np.ones((5, 10))), "made from sensing and measurements"),
    (lambda: at.instance_from(at.RandomPerceptron(), patterns=np.ones((5, 10)), check_scale=False, planted=np.ones(10)),
     "no planted counterpart"),
    (lambda: at.simulate(at.RandomPerceptron(), 0.5, 20, 2, 0), "need exact samples"),
    (lambda: at.simulate(at.IsingPSpin(3, field=0.2), 0.8, 20, 2, 0, target="random"), "need exact samples"),
])  # fmt: skip
def test_bad_input_is_refused(make, said):
    with pytest.raises(at.InputError, match=said):
        make()


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "alpha"), [(0, 0.4), (1.5, 0.5)])
def test_overlaps_along_the_flow_are_those_of_the_theory(exponent, alpha):
    """On instances of their own at every snr, whose spread is the error: Student's t of five."""
    model = at.RandomPerceptron(BINARY, at.Margin(0, exponent))
    for snr, steps in ((0.3, 4), (1.0, 8)):
        runs = []
        for seed in range(5):
            instance = at.draw_instance(model, alpha, 600, round(100 * snr) + seed)
            runs.append(at.draw_samples(instance, "flow", 1, seed, steps=steps, end_strength=snr).self_overlap[-1, 0])
        spread = np.std(runs, ddof=1) / np.sqrt(5)
        assert abs(np.mean(runs) - theory(model, alpha, snr)[1]) < 5.6 * spread  # one in two hundred
        assert spread < 0.03


@pytest.mark.slow
def test_violations_of_margins_before_the_path_ends_are_as_predicted():
    """Weights drawn one by one on the lower branch violate margins; solutions it does not find."""
    model, alpha, snr = at.RandomPerceptron(BINARY), 0.4, 2.0
    q0, q = theory(model, alpha, snr)
    expected = oracle.violated(q0, q, 0.0)
    found = []
    for seed in range(6):
        instance = at.draw_instance(model, alpha, 1000, 100 + seed)
        drawn = at.draw_samples(instance, "flow", 2, seed, steps=6, end_strength=snr)
        found.append(instance.violated(drawn.configurations).mean())
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found, ddof=1) / np.sqrt(6))
    assert expected > 0.01


@pytest.mark.slow
def test_below_the_first_failure_tilted_weights_keep_their_margins_and_above_it_they_do_not():
    kept, lost = [], []
    for seed in range(2):
        for exponent, alpha, to in ((1.5, 0.35, kept), (0, 0.5, lost)):
            instance = at.draw_instance(at.RandomPerceptron(BINARY, at.Margin(0, exponent)), alpha, 1000, seed)
            denoiser = MessagePassingDenoiser(instance, at.MessagePassingOptions(tolerance=1e-3, max_iterations=25))
            drawn = at.draw_samples(instance, "flow", 1, seed, denoiser=denoiser, steps=16, end_strength=60.0)
            to.append(instance.violated(drawn.configurations).mean())
    assert max(kept) == 0
    assert min(lost) > 0.002
