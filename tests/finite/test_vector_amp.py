"""Vector AMP and robust GAMP: exact posteriors, state evolution, matrices of any spectrum and mean, and who is chosen."""

from __future__ import annotations

import itertools
import json
import math
import pickle
import tracemalloc
from dataclasses import replace

import measured_chains
import numpy as np
import pytest
from measured_chains import distance, matrix, posterior_of
from measured_chains import measured as few_rows
from scipy.special import log_ndtr
from scipy.stats import beta, kstest

import amp_theory as at
from amp_theory.finite.inference import robust_gamp
from amp_theory.finite.inference.chosen_damping import DAMPINGS, damped_as_needed
from amp_theory.finite.inference.robust_gamp import Centred, _Run
from amp_theory.finite.inference.suited import suited_algorithm
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.rotational import eigenvalues_of, turn, uniform_rows
from amp_theory.finite.instances.scalar_posterior import draw_independent
from amp_theory.finite.outputs.choose import output_function
from amp_theory.finite.outputs.named import _LinearOutput
from amp_theory.interface.cli import main
from amp_theory.phases.points.vector_evolution import vector_overlaps
from amp_theory.trials.amp_against_theory import extrapolate

SPARSE = at.GaussBernoulli(0.3)
ROWS = at.RowOrthogonalSensing(SPARSE, 0.1)
NOISE = 0.01
CHOSEN = at.MessagePassingOptions(adapt_damping=True)
KINDS = [at.Gaussian, at.GaussBernoulli, at.Rademacher]
FINAL = {"converged", "max_iterations", "diverged", "inconsistent"}


def geometric(condition, number=20):
    """Eigenvalues of mean one, sigma from 1 to `condition`, of equal weights and equal ratios."""
    t = np.geomspace(1, condition**2, number)
    return list(t / t.mean()), [1.0] * number


SPECTRA = {
    "rows": (ROWS, 0.5, 0.3),
    "condition 10": (at.SpectralSensing(SPARSE, *geometric(10)), 0.2, 0.3),
    "condition 100": (at.SpectralSensing(at.Rademacher(), *geometric(100)), 0.2, 0.3),
    "independent": (at.GLM(SPARSE, at.LinearChannel(0.1)), 0.5, 0.3),
    "labels": (at.GLM(at.Rademacher(), at.SignChannel()), 0.8, 0.3),
}


def measured(prior, channel, condition=None, mean=0.0, rows=150, size=100, seed=0):
    rng = np.random.default_rng(seed)
    sensing = matrix(rows, size, condition, mean, rng)
    s = draw_independent(prior, size, rng)
    y = output_function(channel, prior.second_moment).sample(sensing @ s, rng)
    return GLMInstance(at.GLM(prior, channel), rows / size, size, s, sensing, y)


def error_of(found, instance):
    return float(((found.mean[0] - instance.planted) ** 2).mean())


def least_squares(instance, side=None):
    """Posterior mean and covariance of a standard normal prior and normal noise, known variables taken out."""
    precision, field = np.eye(instance.size), instance.sensing.T @ instance.measurements / NOISE
    precision = precision + instance.sensing.T @ instance.sensing / NOISE
    free = np.ones(instance.size, dtype=bool)
    mean = np.zeros(instance.size)
    if side is not None:
        precision, field = precision + side.precision * np.eye(instance.size), field + side.field[0]
        free, mean = ~side.known[0], np.where(side.known[0], side.values[0], 0.0)
        field = field - precision @ mean
    mean[free] = np.linalg.solve(precision[np.ix_(free, free)], field[free])
    return mean, np.linalg.inv(precision[np.ix_(free, free)])


# --- vector AMP ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [None, 10, 100, 1000])
@pytest.mark.parametrize("mean", [0, 0.1, 10])
@pytest.mark.parametrize("rows", [60, 150])
def test_normal_posteriors_are_exact(condition, mean, rows):
    """All is normal: the mean of the linear model, and its average variance, whatever the spectrum."""
    instance = measured(at.Gaussian(), at.LinearChannel(NOISE), condition, mean, rows)
    found = at.run_vamp(instance)
    exact, covariance = least_squares(instance)
    assert found.status == ("converged",)
    # errors of solving with a matrix of this condition, both ways
    rounding = 1e-15 * np.linalg.cond(instance.sensing.T @ instance.sensing / NOISE + np.eye(100))
    assert np.abs(found.mean[0] - exact).max() < 1e-9 + 100 * rounding
    assert found.variance.mean() == pytest.approx(np.trace(covariance) / 100, rel=1e-6)


@pytest.mark.parametrize(("path", "strength"), [(at.Flow(), 0.7), (at.Autoregressive(), 0.4)], ids=lambda x: str(x))
@pytest.mark.parametrize("run", [at.run_vamp, at.run_robust_gamp])
def test_side_information_of_paths(run, path, strength):
    """Means are exact with a normal prior also where known variables have another variance than the rest."""
    instance = measured(at.Gaussian(), at.LinearChannel(NOISE), None if run is at.run_robust_gamp else 100)
    side = instance.observe(path, strength, np.random.default_rng(1))
    found = run(instance, side)
    exact, _ = least_squares(instance, side)
    assert found.status[0] in ("converged", "inconsistent")
    assert np.abs(found.mean[0] - exact).max() < 1e-6
    assert np.array_equal(found.mean[side.known], side.values[side.known])
    assert np.all(found.variance[side.known] == 0)


class Hidden(_LinearOutput):
    """The linear output function that does not say that it is one."""

    normal_noise = None


@pytest.mark.parametrize("condition", [None, 100])
def test_two_vectors_of_a_linear_channel_are_one(condition):
    """What the linear channel says of z is y with its noise whatever else is known: both forms are one algorithm."""
    how = at.MessagePassingOptions(max_iterations=6, tolerance=1e-300)
    plain, other = (measured(SPARSE, at.LinearChannel(NOISE), condition) for _ in range(2))
    other.output = Hidden(SPARSE.second_moment, NOISE)
    for damping in (0.0, 0.4):
        runs = [at.run_vamp(i, options=at.MessagePassingOptions(damping, 1e-300, 6)) for i in (plain, other)]
        assert np.allclose(runs[0].mean, runs[1].mean, rtol=0, atol=1e-9)
    assert at.run_vamp(plain, options=how).iterations == 6


@pytest.mark.parametrize(
    "channel", [at.SignChannel(), at.ProbitChannel(0.2), at.ReLUChannel(), at.SymmetricPerceptron(1.0)], ids=str
)
@pytest.mark.slow
def test_of_independent_entries_it_ends_where_gamp_does(channel):
    """Averages over a finite matrix differ by 1/N from those that GAMP takes for granted."""
    model = at.GLM(at.Gaussian(), channel)
    for size in (100, 200):
        instance = at.draw_instance(model, 1.2, size, 0)
        side = instance.observe(at.Flow(), 0.3, np.random.default_rng(0))
        runs = [run(instance, side) for run in (at.run_vamp, at.run_gamp)]
        assert [r.status for r in runs] == [("converged",)] * 2
        assert np.sqrt(((runs[0].mean - runs[1].mean) ** 2).mean()) < 2 / size


@pytest.mark.slow
def test_noiseless_outputs_and_recovery():
    for model, alpha in (
        (at.GLM(at.GaussBernoulli(0.4), at.LinearChannel()), 0.75), (at.GLM(at.Gaussian(), at.AbsChannel()), 1.8),
        (at.GLM(at.GaussBernoulli(0.4), at.ReLUChannel()), 1.6), (at.GLM(at.Rademacher(), at.DoorChannel(0.67)), 2.0),
        (at.RowOrthogonalSensing(at.GaussBernoulli(0.2), 0.0), 0.6),
    ):  # fmt: skip
        instance = at.draw_instance(model, alpha, 200, 1)
        side = instance.observe(at.Flow(), 0.1, np.random.default_rng(1))
        for start in ("uninformed", "informed"):
            found = at.run_vamp(instance, side, start)
            assert found.status == ("converged",), model
            assert np.sqrt(((found.mean - instance.planted) ** 2).mean()) < 1e-7
        # and no worse after many iterations more
        long = at.run_vamp(instance, side, options=at.MessagePassingOptions(0.0, 1e-300, 60))
        assert np.sqrt(((long.mean - instance.planted) ** 2).mean()) < 1e-7


def test_a_batch_is_each_of_it():
    instance = measured(at.Rademacher(), at.SignChannel(), 10)
    side = at.Flow().observe(np.tile(instance.planted, (3, 1)), 0.6, np.random.default_rng(1))
    how = at.MessagePassingOptions(max_iterations=7, tolerance=1e-300, keep_iterates=True)
    for run in (at.run_vamp, lambda *a, **k: at.run_robust_gamp(*a, **k)):
        together = run(instance, side, options=how)
        assert len(together.iterates) == together.iterations + 1
        for row in range(3):
            alone = run(instance, at.SideInformation.from_field(side.field[row], 0.6), options=how)
            assert np.allclose(together.iterates[7][row], alone.iterates[7][0], rtol=0, atol=1e-9)


def test_more_damping_where_it_is_needed():
    """Rows that converge are left as they are; the others are run again, and records are of all runs."""
    instance = measured(at.Rademacher(), at.LinearChannel(NOISE), 100)
    known = np.array([np.ones(100, dtype=bool), np.zeros(100, dtype=bool)])
    side = at.SideInformation.from_known(known, np.tile(instance.planted, (2, 1)))
    how = at.MessagePassingOptions(max_iterations=40)
    found = at.run_robust_gamp(instance, side, options=how)
    assert found.damping[0] == 0.0
    assert found.damping[1] in (0.0, *DAMPINGS)
    assert found.iterations == len(found.residuals) > 40
    assert np.array_equal(found.mean[0], instance.planted)
    assert np.isfinite(found.mean).all()
    plain = at.run_vamp(instance, options=at.MessagePassingOptions(0.3))
    assert plain.damping == (0.3,)


# --- state evolution ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.slow
def test_fixed_points_are_those_of_the_theory(name):
    model, control, strength = SPECTRA[name]
    for path, s in ((at.Flow(), strength), (at.Autoregressive(), 0.2))[: 1 + (name in ("rows", "labels"))]:
        limit = at.fixed_points(model, path, control, s).uninformed.overlap
        assert vector_overlaps(model, path, control, s, 100)[-1] == pytest.approx(limit, abs=1e-9)


def test_state_evolution_without_noise():
    model = at.SpectralSensing(at.Gaussian(), [1.0, 0.0], [1, 1])
    # half of the variables are measured, all alike: x = gamma (1 - gap)/gap with a half of the gap left
    assert vector_overlaps(model, at.Flow(), 1e-12, 1e-9, 3)[-1] == pytest.approx(0.5, abs=1e-6)
    full = at.RowOrthogonalSensing(at.Gaussian(), 0.0)
    with pytest.raises(at.InputError, match="for measurements"):
        vector_overlaps(at.SherringtonKirkpatrick(), at.Flow(), 1.0, 0.1, 3)
    assert vector_overlaps(full, at.Flow(), 0.5, 0.1, 50)[-1] > 0.5


@pytest.mark.parametrize(
    "name", [name if name == "condition 10" else pytest.param(name, marks=pytest.mark.slow) for name in SPECTRA]
)
def test_it_follows_state_evolution(name):
    """The mean over 10 or 20 instances minus state evolution extrapolates to zero; that of another strength does not."""
    model, control, strength = SPECTRA[name]
    sizes, instances = (60, 120, 240), 10 if name in ("condition 100", "labels") else 20  # spins scatter less
    found = at.amp_against_state_evolution(model, at.Flow(), control, strength, sizes, instances, 1, algorithm="vector")
    assert found.p_value > 0.001, str(found)
    assert np.all(found.extrapolated_error < 0.02)
    other = vector_overlaps(model, at.Flow(), control, 20 * strength, 8)
    _, _, p = extrapolate(sizes, (found.overlap - other)[:, :, np.array(found.tested) - 1])
    assert p < 1e-4


# --- robust GAMP --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0, 0.1, 1, 10])
def test_means_removed_are_the_same_model(mean):
    rng = np.random.default_rng(0)
    sensing = matrix(30, 20, None, mean, rng) + np.arange(20) / 20
    parts = Centred(sensing)
    assert np.allclose(parts.body + parts.outer @ parts.inner, sensing, rtol=0, atol=1e-13 * (1 + mean))
    assert np.abs(parts.body.mean(axis=0)).max() < 1e-14 * (1 + mean)
    assert np.abs(parts.body.mean(axis=1)).max() < 1e-14 * (1 + mean)
    assert np.allclose(parts.inner @ parts.inner.T, np.eye(2), atol=1e-14)


@pytest.mark.parametrize("channel", [at.LinearChannel(NOISE), at.SignChannel()], ids=str)
@pytest.mark.parametrize("prior", [at.Gaussian(), SPARSE, at.Rademacher()], ids=str)
@pytest.mark.parametrize("mean", [0.1, 1])
@pytest.mark.every(3)
def test_means_of_matrices(prior, channel, mean):
    """Plain GAMP gives numbers up to 1e6 here, or none; this one what vector AMP does, which needs no mean removed."""
    instance = measured(prior, channel, None, mean)
    found, vector = at.run_robust_gamp(instance), at.run_vamp(instance, options=CHOSEN)
    assert (found.status, vector.status) == (("converged",), ("converged",))
    # relative errors of a few 1/N, from the matrix's averages; next to recovery of less than one variable in 1e4
    assert error_of(found, instance) == pytest.approx(error_of(vector, instance), rel=0.06, abs=1e-4)


def test_it_was_needed():
    for condition, mean in ((100, 0), (None, 1)):
        instance = measured(at.Gaussian(), at.LinearChannel(NOISE), condition, mean)
        assert at.run_gamp(instance).status == ("diverged",)
        assert error_of(at.run_gamp(instance), instance) > 100


@pytest.mark.slow
def test_fixed_points_that_are_none_are_told():
    """Ill-conditioned matrices: GAMP ends elsewhere than the posterior; independent entries are never suspected."""
    instance = measured(SPARSE, at.SignChannel(), 100)
    how = at.MessagePassingOptions(max_iterations=80)
    found, right = at.run_robust_gamp(instance, options=how), at.run_vamp(instance, options=CHOSEN)
    assert right.status == ("converged",)
    assert found.status[0] != "converged"
    assert not found.converged.any()
    for seed, size in enumerate((50, 100, 100)):
        instance = measured(SPARSE, at.SignChannel(), None, 0.5, 2 * size, size, seed)
        assert at.run_robust_gamp(instance, options=how).status[0] != "inconsistent"


@pytest.mark.parametrize("channel", [at.LinearChannel(NOISE), at.SignChannel()], ids=str)
@pytest.mark.parametrize("prior", [at.Gaussian(), SPARSE, at.Rademacher()], ids=str)
@pytest.mark.slow
def test_matrix_of_cases(prior, channel):
    """Condition number and mean: never NaN or overflow; both "converged" means that both are right."""
    how = at.MessagePassingOptions(max_iterations=20, adapt_damping=True)
    first = (KINDS.index(type(prior)) + isinstance(channel, at.SignChannel)) % 2
    # all with every prior and with every channel, of both together every other one
    for condition, mean in ((None, 10), (10, 0.1), (100, 0), (1000, 10))[first::2]:
        instance = measured(prior, channel, condition, mean, 60, 40)
        vector, robust = at.run_vamp(instance, options=how), at.run_robust_gamp(instance, options=how)
        for found in (vector, robust):
            assert found.status[0] in FINAL
            assert np.isfinite([found.mean, found.variance, found.effective_field]).all()
            assert np.abs(found.mean).max() < 1e3
        if vector.converged.all() and robust.converged.all():
            rough = 0.25 * vector.variance.mean() + 1e-6
            assert abs(error_of(robust, instance) - error_of(vector, instance)) < rough, (condition, mean)


def by_configurations(instance):
    """Posterior mean and mean variance of spins, from all configurations."""
    s = np.array(list(itertools.product([-1.0, 1.0], repeat=instance.size)))
    z, y, noise = s @ instance.sensing.T, instance.measurements, instance.model.channel.noise
    linear = isinstance(instance.model.channel, at.LinearChannel)
    level = (-((y - z) ** 2) / (2 * noise) if linear else log_ndtr(y * z / math.sqrt(noise))).sum(axis=1)
    weight = np.exp(level - level.max())
    mean = weight @ s / weight.sum()
    return mean, 1 - float((mean**2).mean())


def by_supports(instance):
    """Posterior mean and mean variance of a Gauss-Bernoulli prior and normal noise, from all supports."""
    noise, rho, phi = instance.model.channel.noise, instance.model.prior.rho, instance.sensing
    levels, means, squares = [], [], []
    for chosen in itertools.product([False, True], repeat=instance.size):
        on, mean, square = np.flatnonzero(chosen), np.zeros(instance.size), np.zeros(instance.size)
        covariance = np.linalg.inv(np.eye(len(on)) + phi[:, on].T @ phi[:, on] / noise)
        told = phi[:, on].T @ instance.measurements / noise
        mean[on] = covariance @ told
        square[on] = mean[on] ** 2 + np.diag(covariance)
        evidence = 0.5 * (told @ mean[on] + np.linalg.slogdet(covariance)[1])
        levels.append(evidence + len(on) * math.log(rho / (1 - rho)))
        means.append(mean)
        squares.append(square)
    weight = np.exp(np.array(levels) - max(levels))
    weight /= weight.sum()
    mean = weight @ np.array(means)
    return mean, float((weight @ np.array(squares) - mean**2).mean())


@pytest.mark.parametrize("condition", [10, 1000])
@pytest.mark.parametrize(("prior", "channel", "size", "truth"), [
    (at.Rademacher(), at.LinearChannel(0.3), 9, by_configurations),
    (at.Rademacher(), at.ProbitChannel(0.1), 9, by_configurations), (SPARSE, at.LinearChannel(NOISE), 7, by_supports),
], ids=["spins", "labels", "spikes"])  # fmt: skip
@pytest.mark.slow
def test_ill_conditioned_posteriors_of_few_variables(prior, channel, size, truth, condition):
    """Vector AMP misses the exact means by a part of their variance of order 1/N; means of the prior would miss more."""
    missed = total = nothing = 0.0
    for seed in range(4):
        instance = measured(prior, channel, condition, 0.1, 3 * size // 2, size, seed)
        mean, variance = truth(instance)
        found = at.run_vamp(instance, options=at.MessagePassingOptions(max_iterations=100, adapt_damping=True))
        assert found.status[0] in FINAL
        assert np.isfinite(found.mean).all()
        if found.converged[0]:
            missed += float(((found.mean[0] - mean) ** 2).mean())
            total, nothing = total + variance, nothing + float((mean**2).mean())
    assert missed < 5 / size * total
    assert total > 0
    assert nothing > 2 * missed


@pytest.mark.slow
def test_chains_of_the_table_are_exact(monkeypatch):
    """The means that docs/finite_instances.md compares with, where they are known otherwise."""
    for name in ("level", "prior_level", "proposed", "chain"):  # compiling takes longer than these few steps
        loop = getattr(measured_chains, name)
        monkeypatch.setattr(measured_chains, name, getattr(loop, "py_func", loop))
    for prior, channel, truth in (
        (at.Rademacher(), at.ProbitChannel(0.3), by_configurations), (SPARSE, at.LinearChannel(0.3), by_supports),
    ):  # fmt: skip
        instance = measured(prior, channel, None, 0.1, 8, 5)
        mean, variance = truth(instance)
        means, spread = posterior_of(instance, 600)
        error = math.sqrt(variance / 100)  # at least a hundred independent ones of each chain
        assert np.abs(means - mean).max() < 5 * error
        assert abs(distance(means, mean)) < error**2
        assert spread == pytest.approx(variance, rel=0.15)


def test_right_values_are_not_suspected():
    """Spins that are found look too sure at the least V in use; labels that are mostly alike tell almost nothing."""
    instance = measured(at.Rademacher(), at.LinearChannel(NOISE), 10)
    found = at.run_robust_gamp(instance)
    assert found.status == ("converged",)
    assert error_of(found, instance) < 1e-12
    labels = measured(at.Rademacher(), at.ProbitChannel(0.1), 10, 10)
    found, vector = at.run_robust_gamp(labels), at.run_vamp(labels, options=CHOSEN)
    assert (found.status, vector.status) == (("converged",), ("converged",))
    assert np.abs(found.mean - vector.mean).max() < 1e-2


@pytest.mark.parametrize("channel", [at.ProbitChannel(0.1), at.SignChannel()], ids=str)
@pytest.mark.parametrize("prior", [at.Gaussian(), SPARSE, at.Rademacher()], ids=str)
@pytest.mark.every(3)
def test_labels_that_are_mostly_alike_come_to_rest(prior, channel):
    instance = measured(prior, channel, None, 10)
    assert abs(instance.measurements.mean()) > 0.8
    found = at.run_robust_gamp(instance, options=at.MessagePassingOptions(max_iterations=200))
    assert found.status == ("converged",)


@pytest.mark.slow
def test_spins_that_explain_outputs_badly_are_told():
    """Condition number 1000: where spins are wrong, residuals are larger than their noise, and the status says so."""
    how, wrong = at.MessagePassingOptions(max_iterations=300), 0
    for seed, mean in ((0, 0.1), (0, 1.0), (3, 0.1)):
        instance = few_rows(at.Rademacher(), at.LinearChannel(NOISE), 1000, mean, (60, 40), seed)
        found = at.run_robust_gamp(instance, options=how)
        right = np.array_equal(np.sign(found.mean[0]), instance.planted)
        assert right == (found.status[0] == "converged")
        wrong += found.status[0] == "inconsistent"
    assert wrong >= 2


class Held(_Run):
    """A run that never lets the least variance go."""

    def _step(self, early):
        return super()._step(True)


@pytest.mark.parametrize(("channel", "held"), [
    (at.LinearChannel(0.1), [(0, 10), (1, 10)]), (at.SignChannel(), [(0, 0), (1, 6)]),
], ids=["linear", "sign"])  # fmt: skip
@pytest.mark.slow
def test_few_spins_come_to_rest(channel, held, monkeypatch):
    """Where spins are decided, the least variance in Onsager's term makes their fixed point unstable."""
    cases = {c: measured(at.Rademacher(), channel, None, c[0], 18, 12, c[1]) for c in [*held, (0, 2)]}
    how = at.MessagePassingOptions(max_iterations=100)
    for instance in cases.values():
        assert at.run_robust_gamp(instance, options=how).status[0] in ("converged", "inconsistent")
    monkeypatch.setattr(robust_gamp, "_Run", Held)
    ends = [at.run_robust_gamp(cases[case], options=how).status[0] for case in held]
    assert ends == ["max_iterations"] * len(held)


@pytest.mark.parametrize("prior", [at.Gaussian(), SPARSE], ids=str)
def test_large_means_cost_no_iterations(prior):
    """Linear measurements: the mean tells one number, exactly."""
    runs = [
        at.run_robust_gamp(measured(prior, at.LinearChannel(NOISE), None, mean)) for mean in (0.0, 1.0, 10.0, 100.0)
    ]
    assert [run.status for run in runs] == [("converged",)] * 4
    assert max(run.iterations for run in runs) <= 1.3 * runs[0].iterations


# --- instances ----------------------------------------------------------------------------------------------


def test_instances_have_the_singular_values_of_the_model(tmp_path):
    instance = at.draw_instance(ROWS, 0.5, 40, 0)
    assert np.allclose(instance.sensing @ instance.sensing.T, np.eye(20), atol=1e-13)
    model = at.SpectralSensing(at.Rademacher(), [0.0, 2.0, 0.5], [1, 1, 2])
    instance = at.draw_instance(model, 0.3, 40, 0)
    t = np.linalg.eigvalsh(instance.sensing.T @ instance.sensing)
    assert np.allclose(t, eigenvalues_of(model, 40), atol=1e-12)
    assert np.allclose(t, [0] * 10 + [0.5] * 20 + [2] * 10, atol=1e-12)
    noise = [i.measurements - i.sensing @ i.planted for i in (at.draw_instance(model, 0.3, 40, k) for k in range(40))]
    assert kstest(np.concatenate(noise) / math.sqrt(0.3), "norm").pvalue > 1e-3
    entries = [at.draw_instance(ROWS, 0.5, 40, k).sensing[[0, 3, 9], [0, 1, 2]] for k in range(100)]
    assert kstest(np.ravel(entries) * math.sqrt(40), "norm").pvalue > 1e-3
    residual = instance.measurements - instance.sensing @ instance.planted
    assert instance.energy(instance.planted)[0] == pytest.approx(0.5 * (residual**2).sum() / 40)
    instance.save(tmp_path / "instance.npz")
    again = at.load_instance(tmp_path / "instance.npz")
    assert np.abs(at.run_vamp(again).mean - at.run_vamp(instance).mean).max() < 1e-12  # decomposed, and drawn again


def reflected(number, size, rng):
    """The orthogonal matrix whose rows `uniform_rows` begins with, of dense reflections and the same normal numbers."""
    product, signs = np.eye(size), np.ones(size)
    for j in range(number):
        start = j - j % 64
        x = np.append(np.zeros(start), rng.standard_normal(size - start))
        x[:j] = 0
        x[j] += math.copysign(np.linalg.norm(x), x[j])
        product = product @ (np.eye(size) - 2 * np.outer(x, x) / (x @ x))
        signs[j] = -math.copysign(1, x[j])
    return (product * signs).T


@pytest.mark.parametrize(("number", "size"), [(1, 2), (3, 3), (3, 7), (64, 64), (65, 130)])
def test_singular_vectors_are_made_of_reflections(number, size):
    expected = reflected(number, size, np.random.default_rng(0))
    assert np.abs(uniform_rows(number, size, np.random.default_rng(0)) - expected[:number]).max() < 1e-13
    turned = turn(np.eye(number, size), np.random.default_rng(1))
    assert np.abs(turned[:, :number] - reflected(number, number, np.random.default_rng(1))).max() < 1e-13
    assert not turned[:, number:].any()


@pytest.mark.parametrize("draw", [lambda rng: uniform_rows(3, 3, rng), lambda rng: turn(np.eye(3), rng)])
def test_singular_vectors_are_uniform(draw):
    """Of uniform orthogonal matrices every entry squared is Beta(1/2, 1), and the trace has moments 0, 1, 0 and 3."""
    rng = np.random.default_rng(3)
    drawn = np.array([draw(rng) for _ in range(1000)])
    for i, j in itertools.product(range(3), repeat=2):
        assert kstest(drawn[:, i, j] ** 2, beta(0.5, 1.0).cdf).pvalue > 1e-4
        assert abs((drawn[:, i, j] > 0).mean() - 0.5) < 4 * 0.5 / math.sqrt(1000)
    assert abs((np.linalg.det(drawn) > 0).mean() - 0.5) < 4 * 0.5 / math.sqrt(1000)
    trace = np.trace(drawn, axis1=1, axis2=2)
    for power, moment in enumerate((1, 0, 1, 0, 3)):
        assert abs((trace**power).mean() - moment) <= 4 * (trace**power).std() / math.sqrt(1000)


@pytest.mark.parametrize(
    ("model", "control"),
    [(ROWS, 0.5), (ROWS, 0.1), (at.SpectralSensing(at.Rademacher(), *geometric(10)), 0.5)],
    ids=["rows", "few rows", "spectrum"],
)
def test_drawing_takes_little_more_than_the_matrix(model, control):
    at.draw_instance(model, 0.5, 12, 1)
    tracemalloc.start()
    instance = at.draw_instance(model, control, 700, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert instance.sensing.nbytes < peak < 1.3 * instance.sensing.nbytes
    assert instance.sensing.flags.c_contiguous


def test_singular_vectors_are_not_looked_for_twice():
    """What is drawn again, or known, is the decomposition; a matrix of one's own whose rows are not alike has its own."""
    for model, control in ((ROWS, 0.5), (at.SpectralSensing(SPARSE, [0.0, 1.5, 0.5], [1, 1, 2]), 0.3)):
        instance = pickle.loads(pickle.dumps(at.draw_instance(model, control, 150, 0)))
        left, values, right = instance.singular
        assert np.abs((left * values) @ right - instance.sensing).max() < 1e-14
        for frame in (left.T, right):
            assert np.abs(frame @ frame.T - np.eye(len(frame))).max() < 1e-14
        assert np.allclose(np.sort(values), np.sort(instance.singular_values), rtol=0, atol=1e-14)
    off = at.draw_instance(ROWS, 0.5, 40, 0).sensing * np.linspace(1, 1 + 1e-7, 20)[:, None]
    own = at.instance_from(ROWS, sensing=off, measurements=np.zeros(20))
    left, values, right = own.singular
    assert np.abs((left * values) @ right - off).max() < 1e-14
    assert np.ptp(values) > 5e-8


def test_planted_of_spectra_is_an_exact_sample():
    """Nishimori at size 7: E <s>.s* = E <s>.<s>, over instances."""
    model, difference = at.SpectralSensing(at.Discrete([-0.6, 1.6], [0.7, 0.3]), [0.2, 1.5], [1, 1]), []
    for seed in range(100):
        instance = at.draw_instance(model, 0.4, 7, seed)
        mean = at.Enumeration(instance).mean(instance.observe(at.Flow(), 0.3, np.random.default_rng(seed)))[0]
        difference.append(mean @ instance.planted - mean @ mean)
    assert abs(np.mean(difference)) <= 4 * np.std(difference) / math.sqrt(100)


def test_samplers_run_on_them():
    instance = at.draw_instance(at.RowOrthogonalSensing(at.Rademacher(), 0.05), 0.8, 200, 1)
    run = at.draw_samples(instance, "flow", 4, 1, steps=20)
    assert run.reliable.all()
    spread = 0.05 * math.sqrt(80) / 200
    assert abs(instance.energy(run.configurations).mean() - instance.energy(instance.planted)[0]) < 5 * spread


def test_own_matrices_of_these_models():
    drawn = at.draw_instance(ROWS, 0.5, 40, 0)
    own = at.instance_from(ROWS, sensing=drawn.sensing, measurements=drawn.measurements, planted=drawn.planted)
    assert (own.control, own.size) == (0.5, 40)
    assert np.array_equal(at.run_vamp(own).mean, at.run_vamp(drawn).mean)
    model = at.SpectralSensing(at.Rademacher(), [0.5, 1.5], [1, 1])
    drawn = at.draw_instance(model, 0.3, 400, 0)
    own = at.instance_from(model, sensing=drawn.sensing, measurements=drawn.measurements)
    assert own.control == pytest.approx(0.3, abs=0.3)
    data = {"sensing": drawn.sensing, "measurements": drawn.measurements}
    for call, message in (
        (lambda: at.instance_from(ROWS, **data), "must be orthonormal"),
        (lambda: at.instance_from(at.SpectralSensing(SPARSE, [9.0], [1]), 0.3, **data), "have mean"),
        (lambda: at.instance_from(model, sensing=drawn.sensing, measurements=[1.0, 2.0]), "must be 400"),
        (lambda: at.instance_from(model, sensing=drawn.sensing, measurements=0 * drawn.measurements), "give the noise"),
        (lambda: at.run_vamp(at.draw_instance(at.IsingPSpin(3), 1, 6, 0)), "VAMP is for instances"),
        (lambda: at.amp_against_state_evolution(ROWS, at.Flow(), 0.5, 0.3, [9, 18, 36], algorithm="x"), "algorithm"),
        (lambda: at.draw_instance(ROWS, 0.01, 10, 0), "give no measurement"),
    ):
        with pytest.raises(at.InputError, match=message):
            call()


# --- who is chosen ------------------------------------------------------------------------------------------


def test_the_algorithm_fits_the_matrix():
    for size in (40, 100, 300):
        for seed in range(4):
            instance = measured(SPARSE, at.SignChannel(), None, 0, 2 * size, size, seed)
            assert suited_algorithm(instance).algorithm == "gamp", (size, seed)
    for condition, mean, word in ((10, 0, "singular"), (1000, 0, "singular"), (None, 1, "mean"), (None, 10, "sum of")):
        suited = suited_algorithm(measured(SPARSE, at.SignChannel(), condition, mean))
        assert suited.algorithm == "vamp"
        assert word in suited.reason
    assert suited_algorithm(at.draw_instance(at.IsingPSpin(3), 1.0, 6, 0)).algorithm == "message passing"


def test_infer_says_what_it_does(tmp_path, capsys):
    instance = measured(SPARSE, at.LinearChannel(NOISE), 100)
    np.savez(tmp_path / "ill.npz", Phi=instance.sensing, y=instance.measurements)
    words = ["infer", "glm", "--set", "prior=gauss-bernoulli", "--set", "rho=0.3", "--set", "channel=linear",
             "--set", f"noise={NOISE}", "--data", str(tmp_path / "ill.npz"), "--json"]  # fmt: skip
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["algorithm"], found["status"]) == ("vamp", ["converged"])
    assert "singular values" in found["reason"]
    assert np.allclose(found["mean"], at.run_vamp(instance, options=CHOSEN).mean)
    assert main([*words, "--algorithm", "robust-gamp", "--iterations", "20"]) == 0
    assert json.loads(capsys.readouterr().out)["reason"] == "it was asked for"
    assert main([*words, "--algorithm", "gmap"]) == 2
    assert "gamp" in capsys.readouterr().err
    np.save(tmp_path / "J.npy", [[0, 0.5, -0.6], [0.5, 0, 0.7], [-0.6, 0.7, 0]])
    assert main(["infer", "sk", "--data", str(tmp_path / "J.npy"), "--control", "2", "--algorithm", "vamp"]) == 2
    assert "is for measurements" in capsys.readouterr().err


# --- steps that make outputs impossible ---------------------------------------------------------------------


def impossible_below(least, tried):
    instance = measured(SPARSE, at.LinearChannel(NOISE), None, 0)

    def run(side, rows, how):
        tried.append(how.damping)
        if how.damping < least:
            raise at.NumericalError("output number 0 is impossible", "damp message passing")
        return at.run_gamp(instance, side, options=replace(how, adapt_damping=False))

    return instance, run


def test_more_damping_is_tried_where_outputs_are_impossible():
    """A step too far has no outcome; that it was made, the damping tells.  What no damping cures is said."""
    tried = []
    instance, run = impossible_below(0.5, tried)
    side = at.SideInformation.from_field(np.zeros((2, instance.size)))
    found = damped_as_needed(CHOSEN, side, run)
    assert found.status == ("converged", "converged")
    assert found.damping == (0.6, 0.6)
    assert tried == [0.0, 0.3, 0.6]
    for least, how in ((1.0, CHOSEN), (0.5, replace(CHOSEN, adapt_damping=False))):
        with pytest.raises(at.NumericalError, match="impossible"):
            damped_as_needed(how, side, impossible_below(least, tried)[1])


# --- a thousand variables, and labels of a matrix with a large mean ------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channel", "prior", "runs"),
    [
        (at.SignChannel(), at.Gaussian(), (at.run_vamp, at.run_robust_gamp)),
        (at.SignChannel(), SPARSE, (at.run_robust_gamp,)),
        (at.Channel([-1, 1], lambda y, z: 1 / (1 + np.exp(-y * z))), at.Gaussian(), (at.run_vamp,)),
    ],
    ids=["signs, normal", "signs, Gauss-Bernoulli", "logistic"],
)
def test_labels_of_a_thousand_variables_with_a_large_mean(channel, prior, runs):
    """Squared errors are those that the run tells, within five standard errors of a thousand variables."""
    size, rows, rng = 1000, 1500, np.random.default_rng(3)
    while abs((s := draw_independent(prior, size, rng)).sum()) > 0.08 * math.sqrt(size):
        pass
    sensing = (rng.standard_normal((rows, size)) + 10) / math.sqrt(size)
    y = output_function(channel, prior.second_moment).sample(sensing @ s, rng)
    assert abs(y.mean()) < 0.95
    instance = GLMInstance(at.GLM(prior, channel), rows / size, size, s, sensing, y)
    means = []
    for run in runs:
        found = run(instance, options=replace(CHOSEN, max_iterations=300))
        assert found.status == ("converged",)
        means.append(found.mean[0])
        scatter = ((found.mean[0] - s) ** 2).std() / math.sqrt(size)
        assert abs(error_of(found, instance) - found.variance.mean()) < 5 * scatter
    assert all(np.abs(m - means[0]).max() < 0.05 for m in means)
