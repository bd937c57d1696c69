"""Free entropies of vector AMP: exact evidence of any matrix, enumeration, the theory, GAMP, and stationarity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_free_entropy_of_means import measured, normal_evidence, of_noise, spin_evidence

import amp_theory as at
from amp_theory.finite.inference.free_entropy import prior_levels
from amp_theory.finite.inference.vamp import _Run
from amp_theory.finite.inference.vector_free_entropy import Messages, vector_level
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.rotational import RotationalInstance

SPARSE = at.GaussBernoulli(0.3)
LINEAR = at.LinearChannel(0.1)
CHOSEN = at.MessagePassingOptions(adapt_damping=True, max_iterations=200)
RATIOS = np.geomspace(1, 100, 20)
GEOMETRIC = at.SpectralSensing(SPARSE, list(RATIOS / RATIOS.mean()), [1.0] * 20)


@pytest.mark.parametrize("condition", [None, 10, 1000])
@pytest.mark.parametrize("mean", [0, 0.1, 10])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_normal_evidence_is_exact(condition, mean, scale):
    """log N(y; 0, Phi Phi^T + noise), of any matrix, to the rounding of the linear algebra."""
    instance = measured(at.Gaussian(), LINEAR, mean, 60, 1, scale, condition)
    found = at.run_vamp(instance)
    assert found.reasons == ("",)
    assert found.free_entropy[0] == pytest.approx(normal_evidence(instance) / 60, rel=1e-12, abs=1e-10)


@pytest.mark.parametrize("condition", [None, 100])
def test_normal_evidence_counts_side_information(condition):
    """E exp(b s - a s^2/2) N(y; Phi s, noise): a normal prior of mean b/(1 + a) and variance 1/(1 + a)."""
    instance = measured(at.Gaussian(), LINEAR, 1, 40, 2, 1.0, condition)
    side = instance.observe(at.Flow(), 0.7, np.random.default_rng(0))
    phi, b, total = instance.sensing, side.field[0], 1 + 0.7
    covariance = phi @ phi.T / total + LINEAR.noise * np.eye(len(phi))
    rest = instance.measurements - phi @ b / total
    level = rest @ np.linalg.solve(covariance, rest) + np.linalg.slogdet(2 * math.pi * covariance)[1]
    exact = b @ b / (2 * total) - 20 * math.log(total) - level / 2 - of_noise(instance)
    assert at.run_vamp(instance, side).free_entropy[0] == pytest.approx(exact / 40, abs=1e-10)


@pytest.mark.parametrize("channel", [at.LinearChannel(0.5), at.ProbitChannel(0.3)], ids=repr)
@pytest.mark.parametrize("condition", [None, 10, 1000])
@pytest.mark.every(3)
def test_enumeration_of_spins(channel, condition):
    """N times the error is of order one at N = 6 and 12, in the mean over instances and in each."""
    for size in (6, 12):
        off = []
        for seed in range(4):
            instance = measured(at.Rademacher(), channel, 0, size, seed, 1.0, condition)
            value = at.run_vamp(instance, options=CHOSEN).free_entropy[0]
            off += [] if value is None else [size * value - spin_evidence(instance)]
        assert len(off) >= 3
        assert abs(np.mean(off)) < 0.6
        assert np.abs(off).max() < 1.2


def test_rows_of_unknown_directions_tell_normal_variables_nothing():
    """Of a normal prior and orthogonal rows the theory is exact for every instance: y is N(0, 1 + noise)."""
    model = at.RowOrthogonalSensing(at.Gaussian(), 0.1)
    (point,) = at.fixed_points(model, at.Flow(), 0.5, 0.0)
    for size, seed in ((40, 0), (200, 1)):
        found = at.run_vamp(at.draw_instance(model, 0.5, size, seed))
        assert found.free_entropy[0] == pytest.approx(point.free_entropy, abs=1e-8)


@pytest.mark.parametrize(("model", "control"), [(at.RowOrthogonalSensing(SPARSE, 0.1), 0.5), (GEOMETRIC, 0.2)],
                         ids=["rows", "condition 10"])  # fmt: skip
@pytest.mark.slow
def test_it_is_that_of_the_theory(model, control):
    """The mean over instances, within its error and one over N."""
    (point,) = at.fixed_points(model, at.Flow(), control, 0.3)
    values = []
    for seed in range(12):
        instance = at.draw_instance(model, control, 600, seed)
        side = instance.observe(at.Flow(), 0.3, np.random.default_rng(seed))
        values.append(at.run_vamp(instance, side).free_entropy[0])
    assert abs(np.mean(values) - point.free_entropy) < 4 * np.std(values, ddof=1) / math.sqrt(12) + 2 / 600


@pytest.mark.parametrize("channel", [LINEAR, at.SignChannel(), at.ReLUChannel(), at.SymmetricPerceptron(1.0)], ids=repr)
@pytest.mark.parametrize("prior", [at.Gaussian(), at.Discrete([-1, 0, 2], [0.3, 0.5, 0.2])], ids=["normal", "values"])
@pytest.mark.slow
def test_of_independent_entries_it_is_that_of_gamp(prior, channel):
    """Both are those of the posterior but for 1/N."""
    instance = at.draw_instance(at.GLM(prior, channel), 0.7, 250, 3)
    side = instance.observe(at.Flow(), 0.2, np.random.default_rng(0))
    vector, usual = at.run_vamp(instance, side), at.run_gamp(instance, side)
    assert (vector.status, usual.status) == (("converged",), ("converged",))
    assert abs(vector.free_entropy[0] - usual.free_entropy[0]) < 2 / 250


@pytest.mark.parametrize(("prior", "channel"), [
    (SPARSE, LINEAR), (at.Gaussian(), at.SignChannel()), (at.Rademacher(), at.ProbitChannel(0.3)),
    (SPARSE, at.SymmetricPerceptron(1.0)),
], ids=repr)  # fmt: skip
def test_it_is_stationary_in_all_messages(prior, channel):
    """And not elsewhere."""
    instance, rng = measured(prior, channel, 0.7, 40, 0, 1.0, 10), np.random.default_rng(1)
    side = instance.observe(at.Flow(), 1.0, rng)
    how = at.MessagePassingOptions(0.3, 1e-13, 5000)
    run = _Run(instance, side, how, np.full((1, 40), prior.mean), np.full((1, 1), prior.variance))
    found = run.done()
    assert found.status == ("converged",)
    told, shift = run._messages(), instance.sampling_ratio * instance.output.norm_slope

    def functional(r, w, field, precision, k, eta, p, spread):
        b, a = side.field + field, side.precision + precision + shift
        local = prior_levels(instance.variables, side, slice(0, 40), found.mean, b, a)
        level = vector_level(
            instance, Messages(r=r, w=w, field=field, precision=precision, k=k, eta=eta, p=p, spread=spread), 0.0
        )
        return float(level[0] + local.sum()) / 40

    points = [told.r, told.w, told.field, told.precision, told.k, told.eta, told.p, told.spread]
    assert found.free_entropy[0] == pytest.approx(functional(*points), abs=1e-12)
    directions = [rng.standard_normal(np.shape(x)) if np.size(x) > 1 else x for x in points]
    used = range(4 if isinstance(channel, at.LinearChannel) else 8)

    def slope_along(k, points, step=1e-4):
        ends = [functional(*(x + (n == k) * e * directions[n] for n, x in enumerate(points))) for e in (step, -step)]
        return (ends[0] - ends[1]) / (2 * step)

    for k in used:
        assert abs(slope_along(k, points)) < 1e-6, k
        elsewhere = [x * (1.0 if n == k else 1.3) for n, x in enumerate(points)]
        assert abs(slope_along(k, elsewhere)) > 1e-5, k


@pytest.mark.parametrize("channel", [at.AbsChannel(), at.ReLUChannel()], ids=repr)
def test_outputs_far_from_zero_are_linear(channel):
    """All z are positive: y = z, though outputs know it only while they run; of |z| both signs are as likely before."""
    prior = at.Discrete([2, 3], [0.5, 0.5])
    instance = measured(prior, channel, 10, 40, 0)
    few = instance.sensing[:10], instance.measurements[:10]
    assert few[1].min() > 1
    other, plain = (GLMInstance(at.GLM(prior, c), 0.25, 40, None, *few) for c in (channel, at.LinearChannel()))
    found, exact = at.run_vamp(other), at.run_vamp(plain)
    assert (found.status, exact.status) == (("converged",), ("converged",))
    level = found.free_entropy[0] + (other.log_noise - plain.log_noise) / 40
    assert level == pytest.approx(exact.free_entropy[0], abs=1e-6)
    assert np.abs(found.mean - exact.mean).max() < 1e-5


def test_explained_labels_leave_the_prior():
    """Spins that labels tell: every label is certain, and one of 2^N configurations is left."""
    instance = at.draw_instance(at.GLM(at.Rademacher(), at.SignChannel()), 3.0, 100, 0)
    found = at.run_vamp(instance)
    assert np.array_equal(np.sign(found.mean[0]), instance.planted)
    assert found.free_entropy[0] == pytest.approx(2 * math.log(2), abs=1e-3)


def test_there_is_none_and_why():
    for model, alpha, word in (
        (at.GLM(at.Rademacher(), at.LinearChannel()), 0.9, "infinite"), (at.GLM(SPARSE, at.LinearChannel()), 0.9, "infinite"),
        (at.GLM(at.Rademacher(), at.ReLUChannel()), 2.0, "infinite"), (at.RowOrthogonalSensing(SPARSE, 0.0), 0.6, "infinite"),
    ):  # fmt: skip
        found = at.run_vamp(at.draw_instance(model, alpha, 100, 1))
        assert found.status == ("converged",), model
        assert found.free_entropy == (None,)
        assert word in found.reasons[0]
    instance = measured(SPARSE, LINEAR, 0, 40)
    for options, word in (
        (at.MessagePassingOptions(max_iterations=2), "max_iterations"), (at.MessagePassingOptions(free_entropy=False), "asked"),
    ):  # fmt: skip
        found = at.run_vamp(instance, options=options)
        assert found.free_entropy == (None,)
        assert word in found.reasons[0]


def test_pure_noise_of_independent_entries_is_that_of_the_channel():
    instance = measured(at.Gaussian(), LINEAR, 0, 30)
    assert instance.log_noise == pytest.approx(of_noise(instance))
    drawn = at.draw_instance(GEOMETRIC, 0.2, 40, 0)
    assert isinstance(drawn, RotationalInstance)
    # at vanishing signal all gauges are one
    far = at.draw_instance(GEOMETRIC, 1e4, 40, 0)
    plain = -0.5 * float(np.sum(np.log(2 * math.pi * 1e4) + far.measurements**2 / 1e4))
    assert far.log_noise == pytest.approx(plain, abs=0.01)
