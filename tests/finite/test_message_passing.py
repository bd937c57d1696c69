"""AMP against state evolution, BP exact on trees and against density evolution, samplers against exact laws."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from finite_oracle import goodness_of_fit
from scipy.stats import kstest
from trees import tree

import amp_theory as at
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.finite.samplers.denoisers import CheckedDenoiser, ExactDenoiser
from amp_theory.finite.samplers.samplers import SAMPLERS, strengths_of
from amp_theory.trials.amp_against_theory import extrapolate


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "control", "strength", "sizes"),
    [
        (at.SpikedMatrix(at.Rademacher()), 0.6, 0.1, (500, 1000, 2000)),
        (at.SpikedMatrix(at.SparseRademacher(0.08)), 0.9 * 0.08**2, 0.3, (800, 1200, 1800)),
        (at.IsingPSpin(3), 0.8, 0.2, (60, 100, 160)),
    ],
    ids=["spiked matrix", "sparse spiked matrix", "3-spin"],
)
def test_amp_follows_state_evolution(model, control, strength, sizes):
    """The mean over 20 instances minus state evolution extrapolates to zero in 1/N."""
    found = at.amp_against_state_evolution(model, at.Flow(), control, strength, sizes, seed=1)
    assert found.p_value > 0.001, str(found)
    # the negative control: theory at another strength
    other = at.state_evolution(model, at.Flow(), control, 2 * strength, max_steps=8, tolerance=1e-300).overlap[1:]
    _, _, p = extrapolate(sizes, (found.overlap - other)[:, :, np.array(found.tested) - 1])
    assert p < 1e-4


def test_extrapolation_is_calibrated():
    """p values are uniform for correlated differences b/N of mean, whatever b; a is found with its error."""
    rng, sizes, p, pulls = np.random.default_rng(0), (100, 200, 400), [], []
    mixing = np.array([[1.0, 0, 0], [0.9, 0.3, 0], [0.8, 0.4, 0.2]])
    for _ in range(400):
        noise = rng.normal(size=(3, 20, 3)) @ mixing.T
        shift = np.array([3.0, -2.0, 40.0])[None] / np.array(sizes)[:, None]
        a, error, value = extrapolate(sizes, 1 / np.sqrt(np.array(sizes))[:, None, None] * noise + shift[:, None, :])
        p.append(value)
        pulls.append(a / error)
    assert kstest(p, "uniform").pvalue > 1e-3
    assert np.mean(pulls) == pytest.approx(0, abs=0.2)
    assert np.std(pulls) == pytest.approx(1, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "instances"), [(1, 10), (6, 20), (6, 10)])
@pytest.mark.parametrize("power", [0.0, 0.5])
def test_small_p_values_are_as_rare_as_they_say(steps, instances, power):
    """Of both sides of a matrix six columns are tested; fluctuations fall with the size like n^-power."""
    rng, sizes, trials = np.random.default_rng(5), np.array([100.0, 200, 400]), 600
    mixing = np.tril(rng.standard_normal((steps, steps))) + 2 * np.eye(steps)
    p = []
    for _ in range(trials):
        noise = rng.standard_normal((3, instances, steps)) @ mixing.T
        p.append(extrapolate([100, 200, 400], noise / sizes[:, None, None] ** power + 1 / sizes[:, None, None])[2])
    for level in (0.05, 0.01):
        # law of errors at five standard errors, and a tenth for what the degrees of freedom approximate
        assert np.mean(np.array(p) < level) < 1.1 * level + 5 * np.sqrt(level / trials)
    shifted = (rng.standard_normal((3, 20, 3)) + 5) / np.sqrt(sizes)[:, None, None]
    assert extrapolate([100, 200, 400], shifted + 1)[2] < 1e-6  # the negative control


def test_covariances_that_instances_do_not_tell_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(at.InputError, match="10 instances do not tell the covariance of 10 differences"):
        extrapolate([100, 200, 400], rng.standard_normal((3, 10, 10)))
    copies = np.repeat(rng.standard_normal((3, 20, 1)), 2, axis=2)
    with pytest.raises(at.InputError, match="repeats earlier ones up to rounding"):
        extrapolate([100, 200, 400], copies + 1e-15 * rng.standard_normal(copies.shape))
    assert extrapolate([100, 200, 400], copies + 1e-6 * rng.standard_normal(copies.shape))[2] > 1e-6


def test_comparison_with_state_evolution_is_a_run_like_others(tmp_path):
    model, sizes = at.SherringtonKirkpatrick(), [20, 30, 40]

    def run(**other):
        return at.amp_against_state_evolution(model, at.Flow(), 1.5, 0.5, sizes, 10, 3, 4, **other)

    with ThreadPoolExecutor(2) as threads:
        again = run(executor=threads, checkpoint=tmp_path / "run.npz")
    assert np.array_equal(again.overlap, run().overlap)
    assert "iteration 4 at infinite size" in str(again)
    with pytest.raises(at.FileError, match="strength is"):
        at.amp_against_state_evolution(model, at.Flow(), 1.5, 0.6, sizes, 10, 3, 4, checkpoint=tmp_path / "run.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [20, 20, 30]}, "at least three different"),
        ({"instances": 5}, "instances must be an integer from 10"),
        ({"iterations": 1}, "iterations must be an integer from 2"),
        ({"strength": 0.0}, "stands still"),
        ({"model": at.XORSAT(3, temperature=1.0), "control": 0.5}, "AMP is for dense models"),
    ],
)
def test_bad_comparisons(change, message):
    given = {
        "model": at.SherringtonKirkpatrick(),
        "path": at.Flow(),
        "control": 1.5,
        "strength": 0.5,
        "sizes": [20, 30, 40],
    }
    with pytest.raises(at.InputError, match=message):
        at.amp_against_state_evolution(**(given | change))


def test_amp_without_interaction_is_the_posterior_mean():
    instance = at.draw_instance(at.SpikedMatrix(at.GaussBernoulli(0.3)), 1e9, 50, 0)
    side = at.Flow().observe(instance.planted[None], 0.8, np.random.default_rng(1))
    exact, _ = posterior_moments(instance.variables, side.field, 0.8)
    found = at.run_amp(instance, side)
    assert found.converged.all()
    # what is left of the interaction: fields of size sqrt(rho/noise)
    assert np.allclose(found.mean, exact, atol=5 * np.sqrt(0.3 / 1e9))


def test_amp_of_a_batch_is_amp_of_each():
    instance = at.draw_instance(at.IsingPSpin(3), 0.9, 40, 0)
    truth = np.tile(instance.planted, (3, 1))
    side = at.Flow().observe(truth, 0.3, np.random.default_rng(1))
    together = at.run_amp(instance, side)
    for row in range(3):
        alone = at.run_amp(instance, at.SideInformation.from_field(side.field[row], 0.3))
        assert np.allclose(together.mean[row], alone.mean[0], atol=1e-6)


def test_known_variables_and_damping():
    instance = at.draw_instance(at.IsingPSpin(3), 0.8, 60, 0)
    side = at.Autoregressive().observe(instance.planted[None], 0.5, np.random.default_rng(0))
    plain = at.run_amp(instance, side)
    damped = at.run_amp(instance, side, options=at.MessagePassingOptions(damping=0.3))
    assert np.array_equal(plain.mean[side.known], side.values[side.known])
    assert plain.converged.all()
    assert damped.converged.all()
    assert np.allclose(plain.mean, damped.mean, atol=1e-5)
    informed = at.run_amp(instance, side, start="informed")
    assert np.allclose(informed.mean, plain.mean, atol=1e-5)


@pytest.mark.parametrize("model", [at.Bicoloring(3), at.Bicoloring(4, temperature=0.5), at.XORSAT(3), at.XORSAT(3, temperature=0.6)],
                         ids=lambda m: f"{m.name} {m.temperature}")  # fmt: skip
def test_belief_propagation_is_exact_on_trees(model):
    for seed in range(5):
        instance = tree(model, seed)
        rng = np.random.default_rng(seed)
        for path, strength in ((at.Flow(), 0.5), (at.Autoregressive(), 0.3), (at.UniformDiscreteDiffusion(), 0.4)):
            side = path.observe(np.tile(instance.planted, (2, 1)), strength, rng)
            found = at.run_bp(instance, side, options=at.MessagePassingOptions(tolerance=1e-13, max_iterations=60))
            assert found.converged.all()
            assert np.allclose(found.mean, at.Enumeration(instance).mean(side), atol=1e-9)


@pytest.mark.slow
def test_belief_propagation_follows_density_evolution():
    """N = 1e5: overlap per iteration within 5 standard errors of instances."""
    model, path, density, strength, size = at.Bicoloring(4), at.Flow(), 4.2, 0.2, 100_000
    theory = at.state_evolution(model, path, density, strength, max_steps=6).overlap
    rows = []
    for seed in range(4):
        instance = at.draw_instance(model, density, size, seed)
        side = path.observe(instance.planted[None], strength, np.random.default_rng(seed))
        options = at.MessagePassingOptions(max_iterations=6, tolerance=1e-300, keep_iterates=True)
        rows.append(at.run_bp(instance, side, options=options).overlaps(instance.planted)[:, 0])
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / 2
    floor = 1 / np.sqrt(size * 4)
    assert np.all(np.abs(mean - theory) < 5 * np.maximum(error, floor) + 20 / size)
    other = at.state_evolution(model, path, 0.9 * density, strength, max_steps=6).overlap
    assert np.any(np.abs(mean - other) > 10 * np.maximum(error, floor))


# --- samplers ----------------------------------------------------------------------------------------------

SPINS, SPIKES, CHECKS = (
    (at.IsingPSpin(3), 0.7, 8),
    (at.SpikedMatrix(at.SparseRademacher(0.5)), 0.2, 5),
    (at.XORSAT(3, temperature=0.5), 0.8, 8),
)
#: with an exact denoiser spins of a graph go through what those of a dense model do: one kind of steps, and none
SMALL = [*((s, *m) for s in SAMPLERS for m in (SPINS, SPIKES)), ("diffusion", *CHECKS), ("autoregressive", *CHECKS)]


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "model", "control", "size"), SMALL, ids=lambda x: getattr(x, "name", str(x)))
def test_samplers_are_exact_with_an_exact_denoiser(sampler, model, control, size):
    """The step is halved until the law is stable; the enumeration of a warmer instance is told apart."""
    if sampler == "uniform-diffusion" and not model.variable_prior.unbiased_sign:
        with pytest.raises(at.InputError, match="unbiased"):
            at.draw_samples(at.draw_instance(model, control, size, 3), sampler, 2, 0)
        return
    instance = at.draw_instance(model, control, size, 3)
    enumeration = at.Enumeration(instance)
    exact, p = enumeration.probabilities()[0], 0.0
    for steps in (32, 64, 128):
        samples = at.draw_samples(instance, sampler, 2000, 5, ExactDenoiser(enumeration), steps)
        p = goodness_of_fit(exact, enumeration, samples.configurations)
        if p > 0.01 or sampler == "autoregressive":
            break
    assert p > 0.001
    assert samples.reliable.all()
    weight = np.exp(0.7 * enumeration.log_weight)
    assert goodness_of_fit(weight / weight.sum(), enumeration, samples.configurations) < 1e-6


@pytest.mark.slow
def test_the_overlap_along_the_path_is_nishimoris():
    """Mean <s>.<s> at every strength equals that of posteriors given side information about exact samples."""
    instance = at.draw_instance(at.IsingPSpin(3), 0.8, 8, 1)
    enumeration = at.Enumeration(instance)
    run = at.draw_samples(instance, "diffusion", 2000, 0, "exact", steps=40, end_strength=4.0)
    truth = enumeration.sample(2000, np.random.default_rng(0))
    for step in (10, 25, 40):
        side = at.Flow().observe(truth, float(run.strength[step]), np.random.default_rng(step))
        direct = (enumeration.mean(side) ** 2).mean(axis=1)
        error = np.hypot(direct.std(), run.self_overlap[step].std()) / np.sqrt(2000)
        assert abs(direct.mean() - run.self_overlap[step].mean()) < 5 * error


@pytest.mark.slow
def test_interpolants_place_steps_only():
    assert np.allclose(strengths_of(at.Flow(), 4, 9.0)[[0, -1]], [0, 9])
    assert np.allclose(np.sqrt(strengths_of(at.Flow(at.VariancePreserving()), 4, 9.0)), [0, 0.75, 1.5, 2.25, 3])
    instance = at.draw_instance(at.IsingPSpin(3), 1.0, 6, 1)
    enumeration = at.Enumeration(instance)
    for path in (at.Flow(at.TrigonometricInterpolant()), at.Flow(at.VarianceExploding())):
        run = at.draw_samples(instance, "flow", 1500, 1, ExactDenoiser(enumeration), 40, path)
        assert goodness_of_fit(enumeration.probabilities()[0], enumeration, run.configurations) > 0.001


@pytest.mark.slow
def test_samplers_with_message_passing():
    """At high temperature AMP is a good denoiser: energies are those of the planted configuration."""
    instance = at.draw_instance(at.IsingPSpin(3), 1.2, 60, 3)
    run = at.draw_samples(instance, "flow", 40, 1, steps=30)
    energy = instance.energy(run.configurations)
    assert run.reliable.mean() > 0.8
    assert abs(energy.mean() + 0.5 / 1.2) < 5 * energy.std() / np.sqrt(40) + 0.05
    again = [at.draw_samples(instance, "flow", 3, 1, steps=5).configurations for _ in range(2)]
    assert np.array_equal(*again)
    graph = at.draw_instance(at.Bicoloring(3), 1.0, 200, 3)
    ordered = at.draw_samples(graph, "autoregressive", 4, 1, order=np.arange(200))
    assert np.all(graph.energy(ordered.configurations) < 0.02)
    masked = at.draw_samples(graph, "masked", 4, 1, steps=100)
    assert np.all(np.abs(masked.configurations) == 1)


def test_continuous_variables():
    """Gaussian prior and no interaction worth the name: samples are the prior's."""
    instance = at.draw_instance(at.SpikedMatrix(at.Gaussian()), 1e6, 100, 0)
    run = at.draw_samples(instance, "diffusion", 50, 0, steps=200)
    assert run.configurations.std() == pytest.approx(1, abs=0.05)


def test_own_denoisers():
    instance = at.draw_instance(at.IsingPSpin(3), 5.0, 10, 0)
    run = at.draw_samples(instance, "flow", 2000, 0, denoiser=lambda side: np.tanh(side.field), steps=20)
    assert abs(run.configurations.mean()) < 5 / np.sqrt(20_000)
    for wrong, message in (
        (lambda side: np.zeros(3), "must return means of shape"),
        (lambda side: np.full(side.field.shape, np.nan), "returned NaN"),
    ):
        with pytest.raises(at.InputError, match=message):
            at.draw_samples(instance, "flow", 2, 0, denoiser=wrong)
    sparse = at.draw_instance(at.SpikedMatrix(at.SparseRademacher(0.5)), 1.0, 10, 0)
    with pytest.raises(at.InputError, match="two values"):
        at.draw_samples(sparse, "masked", 2, 0, denoiser=CheckedDenoiser(lambda side: side.values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampler": "flwo"}, "did you mean 'flow'"),
        ({"batch": 0}, "batch must be an integer from 1"),
        ({"steps": 0}, "steps must be an integer from 1"),
        ({"seed": -3}, "seed must be an integer >= 0"),
        ({"instance": 3}, "must come from draw_instance"),
        ({"path": at.Autoregressive()}, "follows the path 'flow'"),
        ({"end_strength": -1.0}, r"end_strength must lie in \(0, 1e\+18\]"),
        ({"sampler": "autoregressive", "order": [0, 1]}, "order must be a permutation"),
        ({"denoiser": "exat"}, "denoiser must be None, 'exact' or a function"),
        ({"denoiser": 3}, "denoiser must be None, 'exact' or a function"),
    ],
)
def test_bad_input(change, message):
    given = {"instance": at.draw_instance(at.IsingPSpin(3), 1.0, 6, 0), "sampler": "flow", "batch": 2, "seed": 0}
    with pytest.raises(at.InputError, match=message):
        at.draw_samples(**given | change)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda i, g: at.run_amp(g), "AMP is for instances of the kind DenseInstance"),
        (lambda i, g: at.run_bp(i), "belief propagation is for instances of the kind GraphInstance"),
        (lambda i, g: at.run_amp(i, start="infromed"), "start must be 'uninformed', 'informed'"),
        (lambda i, g: at.run_amp(i, start=np.zeros(3)), "start must be finite with shape"),
        (lambda i, g: at.run_amp(i, at.SideInformation.from_field(np.zeros(3))), "has 3 variables"),
        (lambda i, g: at.MessagePassingOptions(damping=1.0), r"damping must lie in \[0, 1\)"),
        (lambda i, g: at.MessagePassingOptions(tolerance=0.0), "tolerance must be positive"),
        (lambda i, g: at.run_amp(i).overlaps(i.planted), "keep_iterates=True"),
    ],
)
def test_bad_message_passing(run, message):
    dense, graph = at.draw_instance(at.IsingPSpin(3), 1.0, 6, 0), at.draw_instance(at.XORSAT(3), 0.5, 20, 0)
    with pytest.raises(at.InputError, match=message):
        run(dense, graph)
