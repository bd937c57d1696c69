"""Instances of generalised linear models and GAMP: denoising functions, exact laws, state evolution, recovery."""

from __future__ import annotations

import itertools
import math
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import kstest, norm

import amp_theory as at
from amp_theory.finite.inference.gamp import run_gamp
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.finite.outputs.choose import output_function
from amp_theory.finite.outputs.likelihood import moments_of_w
from amp_theory.finite.outputs.named import hazard
from amp_theory.trials.amp_against_theory import extrapolate

PERCEPTRON = at.GLM(at.Rademacher(), at.SignChannel())
SENSING = at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(0.01))
PHASES = at.GLM(at.Gaussian(), at.AbsChannel())
CHANNELS = [at.LinearChannel(0.3), at.LinearChannel(0.0), at.SignChannel(), at.ProbitChannel(0.2), at.AbsChannel(),
            at.ReLUChannel(), at.DoorChannel(0.7), at.SymmetricPerceptron(0.9)]  # fmt: skip


@cache
def logistic():
    return at.Channel([-1, 1], lambda y, z: 1 / (1 + np.exp(-y * z)))


@cache
def heavy():
    """y = z + noise of the logistic law of scale 0.2."""

    def density(y, z):
        fall = np.exp(-np.abs(y - z) / 0.2)
        return fall / (0.2 * (1 + fall) ** 2)

    return at.Channel(density=density, support=(-np.inf, np.inf))


@cache
def censored():
    """y = max(z + sqrt(0.3) w, 0): an atom and a density."""
    return at.Channel(
        [0.0],
        lambda y, z: ndtr(-z / math.sqrt(0.3)),
        density=lambda y, z: np.exp(-((y - z) ** 2) / 0.6) / math.sqrt(0.6 * math.pi),
        support=(0.0, np.inf),
    )


# --- denoising functions ------------------------------------------------------------------------------------


def cdf(u):
    return mp.erfc(-u / mp.sqrt(2)) / 2


def partition(channel, y, variance):
    """Z(y, omega, V) as a function of omega, from the definition of the channel, in mpmath."""
    v, y = mp.mpf(variance), mp.mpf(y)
    root = mp.sqrt(v)
    if isinstance(channel, at.LinearChannel):
        total = v + mp.mpf(channel.noise)
        return lambda w: mp.npdf(y, w, mp.sqrt(total))
    if isinstance(channel, at.SignChannel):
        width = mp.sqrt(v + mp.mpf(getattr(channel, "noise", 0)))
        return lambda w: cdf(y * w / width)
    if isinstance(channel, at.AbsChannel):
        return lambda w: mp.npdf(y, w, root) + mp.npdf(-y, w, root)
    if isinstance(channel, at.ReLUChannel):
        return (lambda w: mp.npdf(y, w, root)) if y > 0 else (lambda w: cdf(-w / root))
    kappa = mp.mpf(channel.kappa)

    def outside(w):
        return cdf((w - kappa) / root) + cdf((-w - kappa) / root)

    # differences of small numbers, not of numbers near one
    return (lambda w: cdf((kappa - abs(w)) / root) - cdf((-kappa - abs(w)) / root)) if y > 0 else outside


def outputs_of(channel):
    """A few outputs of every kind."""
    if isinstance(channel, at.SymmetricPerceptron):
        return [1.0]
    if channel.discrete_output:
        return [-1.0, 1.0]
    return {at.LinearChannel: [-0.4, 2.0], at.AbsChannel: [1e-9, 0.3, 2.0], at.ReLUChannel: [0.0, 0.8]}[type(channel)]


@pytest.mark.parametrize("channel", [*CHANNELS, at.DoorChannel(1e-3), at.DoorChannel(5.0)], ids=str)
@pytest.mark.every(3)
def test_denoising_functions_are_derivatives_of_log_z(channel):
    """To 1e-12 relative, and rounding of y - omega, out to outputs of probability exp(-1e7).

    Derivatives by differences of 60 digits: they lose 18 digits each, and those of 1 - Z.
    """
    output = output_function(channel, 1.0)
    edge = getattr(channel, "kappa", 0.0)
    with mp.workdps(60):
        for y, variance in itertools.product(outputs_of(channel), (1e-10, 1e-6, 1e-3, 0.09, 1.0)):
            root, z = math.sqrt(variance), partition(channel, y, variance)
            for omega in (0.0, 1e-10, -0.01, 0.3, 1.7, -4.0, edge + 3 * root, edge * (1 - 1e-9)):
                if abs(omega) > 4500 * root:
                    continue
                h = mp.mpf(10) ** -18 * root
                up, here, down = (mp.log(z(mp.mpf(omega) + k * h)) for k in (1, 0, -1))
                expected, slope = float((up - down) / (2 * h)), float((up - 2 * here + down) / h**2)
                g, dg = (float(x[0]) for x in output.denoise(*np.array([[y], [omega], [variance]])))
                rounding = 0.0 if channel.discrete_output else 1e-15 * (abs(y) + abs(omega)) / variance
                rounding += 1e-30 / root
                assert abs(g - expected) <= 1e-12 * abs(expected) + rounding, (y, omega, variance)
                assert abs(dg - slope) <= 1e-12 * (abs(slope) + 1 / variance), (y, omega, variance)


def test_hazards():
    """r = phi/Phi and r (u + r) against mpmath; relative errors of eps u^2 on the right, where they underflow."""
    with mp.workdps(80):
        for u in (-1e9, -1e3, -50.0, -5.001, -5.0, -4.9, -1.0, 0.0, 2.0, 20.0):
            exact = mp.npdf(u) / cdf(mp.mpf(u)) if u > -1e6 else -mp.mpf(u) + 1 / mp.mpf(-u)
            slope = exact * (u + exact) if u > -1e6 else mp.mpf(1)
            for ours, theirs in zip(hazard(np.array([u])), (exact, slope), strict=True):
                assert abs(ours[0] - float(theirs)) <= 1e-15 * (4 + max(u, 0) ** 2) * float(theirs)
    assert np.array_equal(hazard(np.array([60.0])), np.zeros((2, 1)))


@pytest.mark.parametrize("channel", [*CHANNELS, logistic(), censored()], ids=lambda c: c.name)
@pytest.mark.slow
def test_denoising_functions_have_the_moments_of_the_theory(channel):
    """E g = 0 and E g^2 = -E dg (+ 2 d log f_0/d rho for constraints) = R(q), within five standard errors."""
    own, rng = isinstance(channel, at.Channel), np.random.default_rng(4)
    n, q, gap = (500, 0.375, 0.625) if own else (100_000, 0.15, 0.25)
    output = output_function(channel, q + gap)
    omega = math.sqrt(q) * rng.standard_normal(n)
    z = omega + math.sqrt(gap) * rng.standard_normal(n)
    if isinstance(channel, at.SymmetricPerceptron):
        kept = np.abs(z) <= channel.kappa
        omega, z = omega[kept], z[kept]
    g, slope = output.denoise(output.sample(z, rng), omega, np.full(omega.shape, gap))
    response = float(channel.functions(q, gap).response)
    shift = output.norm_slope
    assert (shift != 0) == isinstance(channel, at.SymmetricPerceptron)
    identities = ((g, 0.0), (g * (z - omega), gap * response), (g * g, response), (shift - slope, response))
    for values, expected in identities:
        assert abs(values.mean() - expected) <= 5 * values.std() / math.sqrt(len(g)) + 1e-9 * response
    if not own:  # the negative control: another variance gives another response
        other = float(channel.functions(q, 1.3 * gap).response)
        assert abs((g * g).mean() - other) > 5 * (g * g).std() / math.sqrt(len(g))


@pytest.mark.parametrize(
    ("own", "known", "outputs"),
    [
        (at.Channel([-1, 1], lambda y, z: ndtr(y * z / math.sqrt(0.2))), at.ProbitChannel(0.2), (-1.0, 1.0)),
        (at.Channel([-1, 1], lambda y, z: (y * z >= 0) * 1.0, breakpoints=[0]), at.SignChannel(), (-1.0, 1.0)),
        (
            at.Channel([-1, 1], lambda y, z: np.where(np.abs(z) <= 0.7, y > 0, y < 0) * 1.0, breakpoints=[-0.7, 0.7]),
            at.DoorChannel(0.7),
            (-1.0, 1.0),
        ),
        (
            at.Channel(density=lambda y, z: norm.pdf((y - z) / 0.1) / 0.1, support=(-np.inf, np.inf)),
            at.LinearChannel(0.01),
            (-1.0, 0.2, 3.0),
        ),
    ],
    ids=["probit", "sign", "door", "linear"],
)
def test_likelihoods_by_quadrature(own, known, outputs):
    """Channels of one's own against the closed forms, at omega as far as 15 standard deviations off."""
    rng = np.random.default_rng(0)
    y = rng.choice(outputs, 60)
    for variance in (1.0, 0.1, 1e-3):
        omega = 0.7 + math.sqrt(variance) * rng.standard_normal((4, 60)) * np.array([[0.1], [1], [3], [5]])
        if isinstance(known, at.LinearChannel):
            omega = y + (omega - 0.7)
        ours = output_function(own, 1.0).denoise(y, omega, np.full((4, 1), variance))
        theirs = output_function(known, 1.0).denoise(y, omega, np.full((4, 1), variance))
        assert np.allclose(ours[0], theirs[0], rtol=1e-11, atol=1e-13 / math.sqrt(variance))
        assert np.allclose(ours[1], theirs[1], rtol=1e-11, atol=2e-12 / variance)


def test_adaptive_integrals():
    """A narrow peak far out, of weight e^-800; none at all is an error with advice."""
    edges = np.linspace(-60, 60, 21)[None]
    _, mean, variance = moments_of_w(lambda row, w: -((w - 40.0123) ** 2) / (2 * 0.05**2) - 800, edges)
    assert mean[0] == pytest.approx(40.0123, abs=1e-12)
    assert variance[0] == pytest.approx(0.05**2, abs=1e-11)
    with pytest.raises(at.NumericalError, match="impossible given what is known"):
        moments_of_w(lambda row, w: np.full(w.shape, -np.inf), edges)
    step = at.Channel([-1, 1], lambda y, z: (y * z >= 0) * 1.0, breakpoints=[0])
    with pytest.raises(at.NumericalError, match="impossible given what is known|too improbable"):
        output_function(step, 1.0).denoise(np.array([1.0]), np.array([-1.0]), np.array([1e-6]))


@pytest.mark.parametrize("z", [-0.4, 0.9])
def test_outputs_of_own_channels_have_their_law(z):
    rng, places = np.random.default_rng(1), np.full(3000, z)
    y = output_function(heavy(), 1.0).sample(places, rng)
    assert kstest((y - z) / 0.2, "logistic").pvalue > 1e-3
    y = output_function(censored(), 1.0).sample(places, rng)
    zero = norm.cdf(-z / math.sqrt(0.3))
    assert abs((y == 0).mean() - zero) < 5 * math.sqrt(zero * (1 - zero) / 3000)
    above = y[y > 0]
    assert kstest((norm.cdf((above - z) / math.sqrt(0.3)) - zero) / (1 - zero), "uniform").pvalue > 1e-3
    labels = output_function(logistic(), 1.0).sample(places, rng)
    assert abs((labels == 1).mean() - 1 / (1 + math.exp(-z))) < 5 * 0.5 / math.sqrt(3000)
    assert set(labels) == {-1.0, 1.0}


# --- instances ----------------------------------------------------------------------------------------------


def test_matrices_and_measurements():
    """Phi ~ N(0, 1/N); y = f(Phi s*); planted configurations violate nothing, others do."""
    for channel in CHANNELS:
        instance = at.draw_instance(at.GLM(at.Rademacher(), channel), 0.8, 250, 3)
        assert instance.sensing.shape == (200, 250)
        assert instance.sampling_ratio == 0.8
        entries = instance.sensing * math.sqrt(250)
        assert abs(entries.mean()) < 5 / math.sqrt(entries.size)
        assert abs(entries.var() - 1) < 5 * math.sqrt(2 / entries.size)
        s = np.stack([instance.planted, -instance.planted, np.random.default_rng(0).choice([-1.0, 1.0], 250)])
        noisy = not channel.noiseless
        log, energy = instance.interaction(s), instance.energy(s)
        assert (energy[0] < 1e-20) != noisy
        assert energy[2] > energy[0]
        assert noisy or (log[0] == 0 and log[2] == -math.inf)
        assert log[0] > log[2]
        assert (log[0] == log[1]) == instance.flip_symmetric == channel.even
        assert noisy or np.array_equal(
            instance.output.output(instance.sensing @ instance.planted), instance.measurements
        )


@pytest.mark.slow
def test_weights_are_the_definition():
    rng = np.random.default_rng(0)
    instance = at.draw_instance(SENSING, 0.5, 10, 1)
    s = rng.normal(size=(3, 10))
    residual = instance.measurements - s @ instance.sensing.T
    assert np.allclose(instance.interaction(s), norm.logpdf(residual, scale=0.1).sum(axis=1), rtol=1e-12)
    assert np.allclose(instance.energy(s), 0.5 * (residual**2).sum(axis=1) / 10, rtol=1e-12)
    instance = at.draw_instance(at.GLM(at.Rademacher(), at.ProbitChannel(0.2)), 1.0, 10, 1)
    z = s @ instance.sensing.T
    assert np.allclose(
        instance.interaction(s), norm.logcdf(instance.measurements * z / math.sqrt(0.2)).sum(axis=1), rtol=1e-12
    )
    assert np.allclose(instance.energy(s), (np.sign(z) != instance.measurements).mean(axis=1), rtol=1e-12)
    instance = at.draw_instance(at.GLM(at.Rademacher(), censored()), 1.0, 10, 1)
    z, y = s @ instance.sensing.T, instance.measurements
    width = math.sqrt(0.3)
    expected = np.where(y > 0, norm.logpdf(y, z, width), norm.logcdf(-z / width)).sum(axis=1)
    assert np.allclose(instance.interaction(s), expected, rtol=1e-12)
    assert np.allclose(instance.energy(s), -expected / 10, rtol=1e-12)
    assert at.draw_instance(at.GLM(at.Rademacher(), at.ReLUChannel()), 1.0, 10, 1).interaction(s).max() == -math.inf


def test_rows_of_constraints():
    """Along s* a normal number cut at kappa, perpendicular to it a free one; random instances have free rows."""
    model, kappa = at.GLM(at.Rademacher(), at.SymmetricPerceptron(0.8)), 0.8
    instance = at.draw_instance(model, 5.0, 400, 2)
    z = instance.sensing @ instance.planted
    assert np.all(np.abs(z) <= kappa)
    inside = norm.cdf(kappa) - norm.cdf(-kappa)
    assert kstest((norm.cdf(z) - norm.cdf(-kappa)) / inside, "uniform").pvalue > 1e-3
    other = np.random.default_rng(0).normal(size=400)
    other -= instance.planted * (other @ instance.planted) / 400
    assert kstest(instance.sensing @ other * math.sqrt(400 / (other @ other)), "norm").pvalue > 1e-3
    random = at.draw_instance(model, 5.0, 400, 2, "random")
    assert random.planted is None
    assert kstest(random.sensing.ravel()[:5000] * 20, "norm").pvalue > 1e-3
    fraction = (np.abs(random.sensing @ instance.planted) > kappa).mean()
    assert abs(fraction - 1 + inside) < 5 * math.sqrt(inside * (1 - inside) / 2000)
    assert random.energy(instance.planted)[0] == pytest.approx(5 * fraction, rel=1e-12)


@pytest.mark.parametrize(
    "channel", [at.LinearChannel(0.2), at.SignChannel(), at.ProbitChannel(0.3), at.ReLUChannel(), at.DoorChannel(0.8),
                at.SymmetricPerceptron(0.8), logistic()], ids=lambda c: c.name,
)  # fmt: skip
@pytest.mark.every(3)
def test_planted_is_an_exact_sample(channel):
    """Nishimori at size 8: E <s>.s* = E <s>.<s>, over instances, for variables of two magnitudes."""
    model, difference = at.GLM(at.Discrete([-0.6, 1.6], [0.7, 0.3]), channel), []
    for seed in range(300):
        instance = at.draw_instance(model, 1.5, 8, seed)
        side = at.Flow().observe(instance.planted[None], 0.3, np.random.default_rng(seed))
        enumeration = at.Enumeration(instance)
        mean = enumeration.mean(side)[0]
        difference.append(mean @ instance.planted - mean @ mean)
    assert abs(np.mean(difference)) <= 4 * np.std(difference) / math.sqrt(300)


def test_weights_of_constraints_are_likelihood_ratios():
    """Over free rows the weights average to one for variables of two magnitudes, but not without f_0(|s|^2/N)."""
    model = at.GLM(at.Discrete([-0.6, 1.6], [0.7, 0.3]), at.SymmetricPerceptron(0.8))
    rng, ratios, wrong = np.random.default_rng(0), [], []
    for _ in range(500):
        instance = GLMInstance(model, 0.5, 8, None, rng.normal(size=(4, 8)) / math.sqrt(8), np.ones(4))
        enumeration = at.Enumeration(instance)
        weight = np.exp(enumeration.log_weight)
        norms = (enumeration.configurations**2).mean(axis=1)
        ratios.append(weight.sum())
        mean_f = float(instance.output.log_normalisation(np.array(model.prior.second_moment)))
        wrong.append(weight @ np.exp(4 * (instance.output.log_normalisation(norms) - mean_f)))
    assert abs(np.mean(ratios) - 1) < 4 * np.std(ratios) / math.sqrt(500)
    assert abs(np.mean(wrong) - 1) > 4 * np.std(wrong) / math.sqrt(500)


# --- GAMP ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "control", "strength"),
    [
        (PERCEPTRON, 0.8, 0.3),
        (SENSING, 0.5, 0.2),
        (PHASES, 0.8, 0.5),
        (at.GLM(at.Gaussian(), at.SymmetricPerceptron(1.0)), 1.0, 0.3),
        (at.GLM(at.Discrete([0, 1], [0.7, 0.3]), at.ReLUChannel()), 0.6, 0.3),
    ],
    ids=["perceptron", "sensing", "phase retrieval", "constraints", "biased"],
)
@pytest.mark.every(3)
def test_gamp_follows_state_evolution(model, control, strength):
    """The mean over 20 instances minus state evolution extrapolates to zero in 1/N."""
    sizes = (200, 400, 800)
    found = at.amp_against_state_evolution(model, at.Flow(), control, strength, sizes, seed=1)
    assert found.p_value > 0.001, str(found)
    assert np.all(found.extrapolated_error < 0.015)
    # the negative control: theory at another strength
    other = at.state_evolution(model, at.Flow(), control, 4 * strength, max_steps=8, tolerance=1e-300).overlap[1:]
    _, _, p = extrapolate(sizes, (found.overlap - other)[:, :, np.array(found.tested) - 1])
    assert p < 1e-4


@pytest.mark.slow
def test_gamp_follows_state_evolution_with_known_variables_and_own_channels():
    found = at.amp_against_state_evolution(PERCEPTRON, at.Autoregressive(), 0.8, 0.2, (200, 400, 800), seed=2)
    assert found.p_value > 0.001, str(found)
    model = at.GLM(at.Rademacher(), logistic())
    found = at.amp_against_state_evolution(model, at.Flow(), 2.0, 0.2, (50, 100, 200), 10, 2, iterations=4)
    assert found.p_value > 0.001, str(found)


def test_gamp_without_measurements_is_the_posterior_mean():
    instance = at.draw_instance(at.GLM(at.GaussBernoulli(0.3), at.LinearChannel(1e12)), 0.5, 50, 0)
    side = at.Flow().observe(instance.planted[None], 0.8, np.random.default_rng(1))
    exact, variance = posterior_moments(instance.variables, side.field, 0.8)
    found = run_gamp(instance, side)
    assert found.converged.all()
    # what is left of the measurements: fields of size sqrt(alpha/noise)
    assert np.allclose(found.mean, exact, atol=1e-5)
    assert np.allclose(found.variance, variance, atol=1e-5)


@pytest.mark.parametrize("model", [PERCEPTRON, SENSING, PHASES, at.GLM(at.Rademacher(), at.DoorChannel(0.7))],
                         ids=lambda m: m.channel.name)  # fmt: skip
def test_gamp_of_a_batch_is_gamp_of_each(model):
    instance = at.draw_instance(model, 0.7, 60, 0)
    truth = np.tile(instance.planted, (3, 1))
    side = at.Flow().observe(truth, 0.6, np.random.default_rng(1))
    how = at.MessagePassingOptions(max_iterations=7, tolerance=1e-300)
    together = run_gamp(instance, side, options=how)
    for row in range(3):
        alone = run_gamp(instance, at.SideInformation.from_field(side.field[row], 0.6), options=how)
        assert np.allclose(together.mean[row], alone.mean[0], rtol=0, atol=1e-10)
        assert together.precision[row] == pytest.approx(alone.precision[0], rel=1e-10)


def test_known_variables_damping_and_starts():
    instance = at.draw_instance(at.GLM(at.Rademacher(), at.ProbitChannel(0.3)), 1.5, 200, 0)
    side = at.Autoregressive().observe(instance.planted[None], 0.4, np.random.default_rng(0))
    plain = run_gamp(instance, side)
    assert plain.converged.all()
    assert np.array_equal(plain.mean[side.known], side.values[side.known])
    assert np.all(plain.variance[side.known] == 0)
    warm = np.clip(plain.mean + 0.1 * np.random.default_rng(1).normal(size=plain.mean.shape), -1, 1)
    for start, damping in (("uninformed", 0.4), ("informed", 0.0), (warm, 0.0), (warm, 0.4)):
        other = run_gamp(instance, side, start, at.MessagePassingOptions(damping=damping))
        assert other.converged.all()
        assert np.allclose(plain.mean, other.mean, atol=1e-6)
        assert np.array_equal(other.mean[side.known], side.values[side.known])


def test_even_channels_stay_undecided_without_side_information():
    """Zero is a fixed point; the precision's noise never makes it negative."""
    for seed in range(4):
        instance = at.draw_instance(PHASES, 0.3, 100, seed)
        found = run_gamp(instance)
        assert np.all(found.mean == 0)
        assert np.all(found.precision >= 0)
        assert instance.overlap(instance.planted, -instance.planted) > 0


@pytest.mark.parametrize(
    ("channel", "alpha", "most"),
    [(at.ProbitChannel(0.5), 1.0, 0.2), (at.LinearChannel(0.3), 0.7, 0.35), (at.SignChannel(), 0.7, 0.55)],
    ids=["probit", "linear", "sign"],
)
@pytest.mark.slow
def test_gamp_is_near_the_exact_posterior_of_small_instances(channel, alpha, most):
    """At ten variables it is several times closer to exact means than those of the side information alone."""
    near, far = [], []
    for seed in range(60):
        instance = at.draw_instance(at.GLM(at.Rademacher(), channel), alpha, 10, seed)
        side = at.Flow().observe(instance.planted[None], 1.0, np.random.default_rng(seed))
        exact = at.Enumeration(instance).mean(side)
        found = run_gamp(instance, side, options=at.MessagePassingOptions(damping=0.3))
        near.append(np.mean((found.mean - exact) ** 2))
        far.append(np.mean((np.tanh(side.field) - exact) ** 2))
    assert np.sqrt(np.mean(near)) < most * np.sqrt(np.mean(far))


# --- recovery and samplers ----------------------------------------------------------------------------------


def test_perceptron_above_its_algorithmic_threshold():
    """alpha = 1.8 > 1.493: the planted configuration exactly; at 1.2, where still no other satisfies all labels, not."""
    for seed in range(3):
        instance = at.draw_instance(PERCEPTRON, 1.8, 500, seed)
        found = run_gamp(instance)
        assert found.converged.all()
        assert np.array_equal(np.sign(found.mean[0]), instance.planted)
        assert np.abs(found.mean[0] - instance.planted).max() < 1e-6
        stuck = at.draw_instance(PERCEPTRON, 1.2, 500, seed)
        assert (np.sign(run_gamp(stuck).mean[0]) != stuck.planted).mean() > 0.02


@pytest.mark.parametrize(
    ("model", "alpha", "snr"),
    [
        (at.GLM(at.GaussBernoulli(0.4), at.LinearChannel()), 0.75, 0.0),
        (PHASES, 1.4, 0.1),
        (at.GLM(at.GaussBernoulli(0.4), at.ReLUChannel()), 1.6, 0.0),
        (at.GLM(at.Rademacher(), at.DoorChannel(0.67)), 2.0, 0.1),
        (at.GLM(at.Rademacher(), at.LinearChannel()), 0.9, 0.0),
    ],
    ids=lambda x: x.channel.name if isinstance(x, at.GLM) else str(x),
)
@pytest.mark.every(2)
def test_noiseless_recovery(model, alpha, snr):
    """To the tolerance, from no information and from all of it; and no worse after hundreds of iterations more."""
    instance = at.draw_instance(model, alpha, 400, 1)
    side = at.Flow().observe(instance.planted[None], snr, np.random.default_rng(1))
    for start in ("uninformed", "informed"):
        found = run_gamp(instance, side, start, at.MessagePassingOptions(damping=0.2))
        assert found.converged.all()
        assert np.sqrt(((found.mean - instance.planted) ** 2).mean()) < 1e-7
    long = run_gamp(instance, side, options=at.MessagePassingOptions(0.2, 1e-300, 400))
    assert np.sqrt(((long.mean - instance.planted) ** 2).mean()) < 1e-7


@pytest.mark.parametrize("sampler", ["flow", "masked"])
def test_samplers_with_gamp(sampler):
    """A perceptron above its algorithmic threshold: every sample satisfies all labels."""
    instance = at.draw_instance(PERCEPTRON, 2.0, 300, 1)
    run = at.draw_samples(instance, sampler, 6, 1, steps=20)
    assert run.reliable.all()
    assert np.all(instance.energy(run.configurations) == 0)
    assert np.all(instance.interaction(run.configurations) == 0)
    warm = at.MessagePassingDenoiser(instance).infer(
        at.Flow().observe(instance.planted[None], 1.0, np.random.default_rng(0))
    )
    assert np.allclose(warm.mean, instance.planted, atol=1e-6)


@pytest.mark.slow
def test_samples_of_noisy_sensing_have_the_energy_of_exact_ones():
    instance = at.draw_instance(at.GLM(at.Rademacher(), at.LinearChannel(0.5)), 1.0, 400, 1)
    run = at.draw_samples(instance, "flow", 12, 1, steps=40)
    energy = instance.energy(run.configurations)
    # energies of exact samples spread by noise sqrt(M/2)/N
    assert abs(energy.mean() - instance.energy(instance.planted)[0]) < 5 * 0.5 * math.sqrt(200) / 400
    assert run.reliable.all()
    # the negative control: the prior
    prior = np.random.default_rng(0).choice([-1.0, 1.0], (12, 400))
    assert instance.energy(prior).min() > energy.max()


# --- bad input ----------------------------------------------------------------------------------------------


class Nothing(at.OutputChannel):
    """A channel without a likelihood."""

    name = "nothing"
    discrete_output = noiseless = even = False

    def free_entropy_at_zero(self, second_moment):
        return 0.0

    def table(self, second_moment):
        raise NotImplementedError

    def _evaluate(self, second_moment, overlap, gap):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda i: at.draw_instance(PERCEPTRON, 0.8, 1, 0), "size must be an integer from 2"),
        (lambda i: at.draw_instance(PERCEPTRON, 0.8, 10**7, 0), "GiB of memory"),
        (lambda i: at.draw_instance(PERCEPTRON, 0.01, 20, 0), "give no measurement: make the size larger"),
        (lambda i: at.draw_instance(PERCEPTRON, -0.8, 20, 0), "sampling_ratio must be finite and > 0"),
        (lambda i: at.draw_instance(PERCEPTRON, 0.8, 20, -1), "seed must be an integer >= 0"),
        (lambda i: at.draw_instance(PERCEPTRON, 0.8, 20, 0, "random"), "no random counterpart"),
        (lambda i: output_function(Nothing(), 1.0), "channel with a denoising function, got .*output_function.register"),
        (lambda i: run_gamp(at.draw_instance(at.IsingPSpin(3), 1, 6, 0)), "GAMP is for instances of the kind GLMInstance"),
        (lambda i: at.run_amp(i), "AMP is for instances of the kind DenseInstance"),
        (lambda i: run_gamp(i, at.SideInformation.from_field(np.zeros(3))), "has 3 variables"),
        (lambda i: run_gamp(i, start="infromed"), "start must be 'uninformed', 'informed'"),
        (lambda i: run_gamp(i, start=np.full((1, 20), np.nan)), "start must be finite with shape"),
        (lambda i: at.amp_against_state_evolution(PHASES, at.Flow(), 0.8, 0.0, [20, 30, 40]), "the same in all instances"),
        (lambda i: at.Enumeration(at.draw_instance(SENSING, 0.5, 8, 0)), "needs a discrete prior"),
    ],
)  # fmt: skip
def test_bad_input(make, message):
    with pytest.raises(at.InputError, match=message):
        make(at.draw_instance(PERCEPTRON, 0.8, 20, 0))


def test_informed_starts_need_a_planted_configuration():
    random = at.draw_instance(at.GLM(at.Rademacher(), at.SymmetricPerceptron(1.0)), 0.8, 20, 0, "random")
    with pytest.raises(at.InputError, match="no planted configuration"):
        run_gamp(random, start="informed")
