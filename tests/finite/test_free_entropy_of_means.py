"""Free entropies of robust GAMP on matrices with a mean: exact evidences, enumeration, centred matrices, stationarity."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from measured_chains import matrix
from scipy.stats import norm

import amp_theory as at
from amp_theory.finite.inference.free_entropy import local_part, measured_part
from amp_theory.finite.inference.robust_gamp import Centred
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scalar_posterior import draw_independent
from amp_theory.finite.outputs.choose import output_function

LINEAR = at.LinearChannel(0.1)
SPARSE = at.GaussBernoulli(0.3)


def measured(prior, channel, mean, size, seed=0, scale=1.0, condition=None):
    rng = np.random.default_rng(seed)
    rows = 3 * size // 2
    sensing = scale * matrix(rows, size, condition, mean, rng)
    s = draw_independent(prior, size, rng)
    y = output_function(channel, prior.second_moment).sample(sensing @ s, rng)
    return GLMInstance(at.GLM(prior, channel), rows / size, size, s, sensing, y)


def of_noise(instance):
    """Log density of the measurements where nothing is behind them, in all."""
    y = instance.measurements
    if not isinstance(instance.model.channel, at.LinearChannel):
        return -len(y) * math.log(2)
    total = instance.model.prior.second_moment + instance.model.channel.noise
    return float(norm.logpdf(y, 0, math.sqrt(total)).sum())


def normal_evidence(instance):
    """N phi of a standard normal prior and normal noise, whatever the matrix."""
    phi, y = instance.sensing, instance.measurements
    covariance = phi @ phi.T + instance.model.channel.noise * np.eye(len(y))
    level = y @ np.linalg.solve(covariance, y) + np.linalg.slogdet(covariance)[1] + len(y) * math.log(2 * math.pi)
    return -0.5 * level - of_noise(instance)


def spin_evidence(instance):
    """N phi of spins, from all configurations."""
    s = np.array(list(itertools.product([-1.0, 1.0], repeat=instance.size)))
    z, y, noise = s @ instance.sensing.T, instance.measurements, instance.model.channel.noise
    linear = isinstance(instance.model.channel, at.LinearChannel)
    level = norm.logpdf(y, z, math.sqrt(noise)) if linear else norm.logcdf(y * z / math.sqrt(noise))
    return float(np.logaddexp.reduce(level.sum(axis=1))) - instance.size * math.log(2) - of_noise(instance)


def of_means(instance):
    """What the two exact measurements add to N phi, but for their last term: -log(1 + p v)/2, p = L^2 c at v = 0."""
    return 0.5 * np.log1p((Centred(instance.sensing).outer ** 2).sum(axis=0)).sum()


@pytest.mark.parametrize("mean", [0, 0.1, 1, 10])
@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.every(3)
def test_normal_evidence_is_known(mean, scale):
    """N phi is off by a number of order one at all sizes; without the part of the means by log of their squares."""
    how = at.MessagePassingOptions(0.3, max_iterations=1500)
    off = []
    for size in (50, 100, 200):
        instance = measured(at.Gaussian(), LINEAR, mean, size, size, scale)
        found = at.run_robust_gamp(instance, options=how)
        assert found.reasons == ("",)
        off.append(size * found.free_entropy[0] - normal_evidence(instance))
    assert np.abs(off).max() < 2
    if mean == 10:
        assert of_means(instance) > 4


@pytest.mark.parametrize(("channel", "bound"), [(at.LinearChannel(0.5), 2.0), (at.ProbitChannel(0.3), 1.0)], ids=repr)
@pytest.mark.parametrize("mean", [0, 0.1, 1, 10])
@pytest.mark.every(3)
def test_enumeration_of_few_spins(channel, bound, mean):
    """The mean over instances of N times the error; sums of spins are whole numbers, which a large mean tells."""
    off, size = [], 9
    for seed in range(6):
        instance = measured(at.Rademacher(), channel, mean, size, seed)
        value = at.run_robust_gamp(instance).free_entropy[0]
        off += [] if value is None else [size * value - spin_evidence(instance)]
    assert len(off) >= 4
    assert abs(np.mean(off)) < bound


@pytest.mark.parametrize("prior", [SPARSE, at.Rademacher()], ids=repr)
def test_a_mean_costs_a_logarithm(prior):
    """The same signal, noise and centred entries with and without a mean: but for noise, N phi differs by log N."""
    size = 250
    plain = measured(prior, LINEAR, 0, size)
    base = size * at.run_gamp(plain).free_entropy[0] + of_noise(plain)
    for mean in (0.1, 1, 10):
        instance = measured(prior, LINEAR, mean, size)
        difference = size * at.run_robust_gamp(instance).free_entropy[0] + of_noise(instance) - base
        # the direction of ones was known with a variance of order one, and is with one of p
        assert -of_means(instance) - 1.5 < difference < 1.5
    assert abs(of_noise(instance) - of_noise(plain)) > 50  # of the largest mean


@pytest.mark.parametrize(("prior", "channel"), [
    (at.Gaussian(), at.SignChannel()), (SPARSE, LINEAR), (at.Rademacher(), at.ProbitChannel(0.3)),
    (SPARSE, at.DoorChannel(0.7)),
], ids=repr)  # fmt: skip
@pytest.mark.every(2)
def test_it_is_stationary(prior, channel):
    """Along every argument at constant others, and not elsewhere."""
    instance, rng = measured(prior, channel, 0.7, 40), np.random.default_rng(1)
    side = instance.observe(at.Flow(), 1.0, rng)
    found = at.run_robust_gamp(instance, side, options=at.MessagePassingOptions(0.3, 1e-13, 5000))
    assert found.status == ("converged",)
    parts = Centred(instance.sensing)
    square, outer = (parts.body**2).sum() / len(parts.body), parts.outer**2

    def functional(m, v, b, a, omega, p):
        spread = v.mean(axis=1, keepdims=True)
        seen = p * spread
        v_z = square * spread + (spread / (1 + seen)) @ outer.T
        level = local_part(instance.variables, side, slice(0, instance.size), m, v, b, a)
        level = level + measured_part(instance, m, v, v_z, omega)
        return float(level[0] + 0.5 * (seen / (1 + seen) - np.log1p(seen)).sum()) / instance.size

    spread, p, omega = found.variance.mean(axis=1, keepdims=True), np.ones((1, 2)), found.mean @ instance.sensing.T
    for _ in range(1000):
        v_z = square * spread + (spread / (1 + p * spread)) @ outer.T
        g, slope = instance.output.denoise(instance.measurements, omega, v_z)
        omega = 0.7 * omega + 0.3 * (found.mean @ instance.sensing.T - v_z * g)
        p = -slope @ outer
    points = [found.mean, found.variance, found.effective_field, found.precision, omega, p]
    points[3] = np.broadcast_to(found.precision, found.mean.shape)
    assert found.free_entropy[0] == pytest.approx(functional(*points), abs=1e-11)
    directions = [rng.standard_normal(np.shape(x)) for x in points]
    directions[5] = p
    directions[1] = np.ones(found.mean.shape)  # their average is what GAMP knows

    def slope_along(k, points, step):
        ends = [functional(*(x + (n == k) * e * directions[n] for n, x in enumerate(points))) for e in (step, -step)]
        return (ends[0] - ends[1]) / (2 * step)

    for k in range(6):
        assert abs(slope_along(k, points, 1e-4 * float(spread[0, 0]))) < 1e-6, k
        assert abs(slope_along(k, [x * 1.2 for x in points], 1e-4 * float(spread[0, 0]))) > 1e-5, k


def test_there_is_none_where_the_fixed_point_is_none():
    instance = measured(at.Gaussian(), at.LinearChannel(0.01), 0.1, 100, condition=10)
    found = at.run_robust_gamp(instance)
    assert found.status == ("inconsistent",)
    assert found.free_entropy == (None,)
    assert "singular values" in found.reasons[0]
    short = at.run_robust_gamp(instance, options=at.MessagePassingOptions(max_iterations=2))
    assert short.free_entropy == (None,)
    assert "max_iterations" in short.reasons[0]
    left_out = at.run_robust_gamp(instance, options=at.MessagePassingOptions(free_entropy=False))
    assert left_out.reasons == ("it was not asked for",)


def test_rows_of_a_batch_that_are_damped_keep_their_own():
    """Some rows converge at once, others at another damping: every one has the free entropy that it has alone."""
    instance = measured(at.Rademacher(), at.ProbitChannel(0.1), 0.1, 40, condition=10)
    side = at.Flow().observe(np.tile(instance.planted, (2, 1)), 0.3, np.random.default_rng(1))
    side = at.SideInformation.from_field(side.field * np.array([[30.0], [1.0]]), 0.3)
    together = at.run_robust_gamp(instance, side)
    assert len(set(together.damping)) == 2
    for row in range(2):
        alone = at.run_robust_gamp(instance, at.SideInformation.from_field(side.field[row], 0.3))
        assert (together.status[row], together.reasons[row]) == (alone.status[0], alone.reasons[0])
        assert together.free_entropy[row] == pytest.approx(alone.free_entropy[0], abs=1e-9)


def test_spins_that_are_found_have_one():
    """Below the least V in use noise hides V; without noise the density of what is known exactly is infinite."""
    instance = measured(at.Rademacher(), LINEAR, 0, 250)
    found = at.run_gamp(instance)
    assert np.array_equal(np.sign(found.mean[0]), instance.planted)
    y, z = instance.measurements, instance.sensing @ instance.planted
    exact = float(norm.logpdf(y, z, math.sqrt(0.1)).sum()) - 250 * math.log(2) - of_noise(instance)
    # other spins weigh less than 250 variances
    assert 0 <= 250 * found.free_entropy[0] - exact < 250 * found.variance.mean() + 1e-6
    assert at.run_gamp(measured(at.Rademacher(), at.LinearChannel(), 0, 250)).free_entropy == (None,)
