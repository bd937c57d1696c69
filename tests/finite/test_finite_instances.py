"""Instances, their weights, exact enumeration, posteriors of single variables."""

from __future__ import annotations

import itertools
import math
import tracemalloc

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.finite.instances import base as instances
from amp_theory.finite.instances import dense, graphs
from amp_theory.finite.instances.dense import elementary, symmetric_noise
from amp_theory.finite.instances.scalar_posterior import posterior_moments, sample_posterior
from amp_theory.tools.arrays import EPS

DENSE = [
    (at.IsingPSpin(3), 0.7),
    (at.IsingPSpin(2), 0.9),
    (at.MixedPSpin("q**2/4 + q**3/3"), 1.1),
    (at.SpikedMatrix(at.SparseRademacher(0.4)), 0.3),
    (at.SpikedTensor(3, at.Discrete([-0.5, 2], [0.8, 0.2])), 0.6),
]


def log_weight_by_sums(instance, s):
    """The log weight relative to the prior, from the sums over distinct indices of the definition."""
    total = 0.0
    for term in instance.terms:
        for index in itertools.combinations(range(instance.size), term.bodies):
            product = math.prod(s[i] for i in index)
            total += term.tensor[index] * product - 0.5 * term.weight * product**2
    return total


@pytest.mark.parametrize(("model", "control"), DENSE, ids=str)
def test_weights_are_the_definition(model, control):
    instance = at.draw_instance(model, control, 6, seed=4)
    rng = np.random.default_rng(0)
    s = rng.choice(instance.variables.means, (5, 6))
    expected = np.array([log_weight_by_sums(instance, row) for row in s])
    ours = instance.interaction(s)
    # constants are left out where all configurations share them
    assert np.allclose(ours - ours[0], expected - expected[0], rtol=0, atol=1e-11)
    if not instance.constant_norm:
        assert np.allclose(ours, expected, rtol=0, atol=1e-11)
    assert np.allclose(instance.energy(s) * 6, -ours * (control if model.control == "temperature" else 1), atol=1e-12)


def test_planted_weights_are_likelihood_ratios():
    """E over the noise of the likelihood ratio is one: random instances of the signal-free law average to it."""
    model, ratios = at.SpikedMatrix(at.Rademacher()), []
    for seed in range(400):
        instance = at.draw_instance(at.IsingPSpin(2), 2.0, 6, seed, target="random")
        quadratic = 0.5 * instance.terms[0].weight * math.comb(6, 2)
        ratios.append(math.exp(at.Enumeration(instance).log_normalisation() - quadratic))
    assert abs(np.mean(ratios) - 1) < 4 * np.std(ratios) / 20
    assert model.energy_unit(0.3) == 1


@pytest.mark.slow
def test_planted_is_an_exact_sample():
    """Nishimori at size 8: E <s>.s* = E <s>.<s>, over instances."""
    for model, control in (*DENSE[:1], DENSE[3], (at.Bicoloring(3), 1.5), (at.XORSAT(3, temperature=0.5), 0.8)):
        difference = []
        for seed in range(300):
            instance = at.draw_instance(model, control, 8, seed)
            side = at.Flow().observe(instance.planted[None], 0.3, np.random.default_rng(seed))
            mean = at.Enumeration(instance).mean(side)[0]
            difference.append(mean @ instance.planted - mean @ mean)
        assert abs(np.mean(difference)) < 4 * np.std(difference) / math.sqrt(300)


def test_couplings_of_instances_are_the_models():
    for model, control in [*DENSE, (at.SphericalPSpin(3), 0.8), (at.SpikedMatrixTensor(3, 1.2), 0.7)]:
        instance = at.draw_instance(model, control, 7, 0)
        q = np.linspace(0, 1, 5)
        intensity = model.intensity(np.asarray(control))
        gap = model.variable_prior.second_moment - q
        scaled, fixed = model.coupling.scaled(q, gap), model.coupling.fixed(q, gap)
        for ours, order in zip(instance.coupling(q), (1, 2), strict=True):
            assert np.allclose(ours, intensity * scaled[order] + fixed[order], rtol=1e-13)


@pytest.mark.slow
def test_spherical_energies_have_the_covariance_of_the_coupling():
    """E H H' = N xi_1(q) exactly, over random instances."""
    model, n = at.SphericalPSpin(3), 5
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, n))
    a, b = a * math.sqrt(n / (a @ a)), b * math.sqrt(n / (b @ b))
    energies = []
    for seed in range(4000):
        energies.append(n * at.draw_instance(model, 1.0, n, seed, "random").energy(np.stack([a, b])))
    moments = np.cov(np.array(energies).T, bias=True)
    q = a @ b / n
    expected = n * 0.5 * np.array([[1, q**3], [q**3, 1]])
    assert np.all(np.abs(moments - expected) < 5 * expected[0, 0] / math.sqrt(4000) * 1.5)
    assert abs(at.draw_instance(model, 1.0, n, 0).planted @ at.draw_instance(model, 1.0, n, 0).planted - n) < 1e-12


def test_symmetric_noise():
    noise = symmetric_noise(30, 3, np.random.default_rng(0))
    for axes in itertools.permutations(range(3)):
        assert np.allclose(noise, noise.transpose(axes), atol=1e-14)
    i, j, k = np.meshgrid(*[np.arange(30)] * 3, indexing="ij")
    distinct, pair, same = (i < j) & (j < k), (i == j) & (j < k), (i == j) & (j == k)
    for mask, variance in ((distinct, 1), (pair, 2), (same, 6)):
        values = noise[mask]
        assert abs(values.var() / variance - 1) < 5 * math.sqrt(2 / len(values))


@pytest.mark.parametrize(("size", "bodies"), [(1, 2), (13, 2), (9, 3), (5, 4), (3, 5)])
def test_tensors_are_symmetrised_in_place_as_all_at_once(monkeypatch, size, bodies):
    expected = np.random.default_rng(2).standard_normal((size,) * bodies)
    for order in range(2, bodies + 1):
        first = bodies - order
        expected = expected + sum(np.swapaxes(expected, first, axis) for axis in range(first + 1, bodies))
    expected /= math.sqrt(math.factorial(bodies))
    for small in (0, dense.SMALL):  # in blocks, and in one
        monkeypatch.setattr(dense, "SMALL", small)
        found = symmetric_noise(size, bodies, np.random.default_rng(2))
        assert np.array_equal(found, expected)
        assert found.flags.c_contiguous


def peak_of_drawing(model, control, size):
    at.draw_instance(model, control, 12, 1)
    tracemalloc.start()
    instance = at.draw_instance(model, control, size, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return instance, peak


@pytest.mark.parametrize(("model", "size"), [(at.IsingPSpin(3), 130), (at.SpikedMatrix(at.Rademacher()), 1500),
                                             (at.SphericalPSpin(4), 36)])  # fmt: skip
def test_drawing_takes_little_more_than_the_tensor(model, size):
    instance, peak = peak_of_drawing(model, 0.7, size)
    (tensor,) = (t.tensor for t in instance.terms)
    assert tensor.nbytes < peak < 1.3 * tensor.nbytes
    assert peak < dense.drawing_bytes([tensor.ndim], size)
    assert tensor.flags.c_contiguous


@pytest.mark.parametrize(
    "model", [at.RectangularMatrix(at.Gaussian(), at.Rademacher(), 1.0), at.GaussianMixture(3, 1.0)]
)
def test_drawing_takes_little_more_than_the_matrix(model):
    instance, peak = peak_of_drawing(model, 2.0, 1500)
    assert instance.matrix.nbytes < peak < 1.3 * instance.matrix.nbytes


@pytest.mark.parametrize(("model", "density"), [
    (at.XORSAT(4, temperature=0.5), 1.6), (at.Bicoloring(4), 2.0), (at.XORSAT(6, temperature=0.2, degrees="regular"), 0.5),
])  # fmt: skip
def test_drawing_a_graph_takes_at_most_three_times_the_graph(model, density):
    instance, peak = peak_of_drawing(model, density, 30_000)
    kept = instance.spins.nbytes + instance.signs.nbytes + instance.planted.nbytes
    assert kept < peak < 3 * kept
    assert peak < graphs.BYTES * instance.spins.size


@given(st.lists(st.floats(0, 3), min_size=3, max_size=6))
def test_elementary_polynomials(values):
    x = np.array(values)
    for order in (1, 2, 3):
        expected = sum(math.prod(c) for c in itertools.combinations(values, order))
        assert float(elementary(x, order)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("model", [at.Bicoloring(3), at.Bicoloring(4, temperature=0.7), at.XORSAT(3), at.XORSAT(4)])
def test_graphs(model):
    density = 0.7
    instance = at.draw_instance(model, density, 2000, 7)
    k = model.factor.k
    assert instance.spins.shape == (1400, k)
    assert all(len(set(row)) == k for row in instance.spins.tolist())
    up = instance.up(instance.planted)[0]
    # the planted spins satisfy factors with the weights' frequencies
    weights = np.array(model.factor.weights)
    law = np.array([math.comb(k, m) * w for m, w in enumerate(weights)])
    expected = 1400 * law / law.sum()
    observed = np.bincount(up, minlength=k + 1)
    assert np.all(observed[expected == 0] == 0)
    assert np.all(np.abs(observed - expected) <= 5 * np.sqrt(expected) + 1e-9)
    violated = weights[up] < weights.max()
    assert instance.energy(instance.planted)[0] == violated.sum() / 2000
    random = at.draw_instance(model, density, 2000, 7, "random")
    assert random.planted is None
    assert instance.flip_symmetric == (k % 2 == 0 or isinstance(model, at.Bicoloring))


def test_seeds():
    a, b, c = (at.draw_instance(at.IsingPSpin(3), 0.7, 10, seed) for seed in (1, 1, 2))
    assert np.array_equal(a.terms[0].tensor, b.terms[0].tensor)
    assert not np.array_equal(a.planted, c.planted)


@pytest.mark.parametrize("prior", [at.Rademacher(), at.GaussBernoulli(0.3), at.Discrete([-1, 0, 2], [0.2, 0.5, 0.3]),
                                   at.Density(lambda s: 0.5 * np.exp(-abs(s)), (-np.inf, 0, np.inf))], ids=lambda p: p.name)  # fmt: skip
@pytest.mark.slow
def test_posteriors_of_single_variables(prior):
    """E of the squared posterior mean is M(x) of the scalar channel; samples have the posterior's moments."""
    mixture = prior.resolved(snr := 1.7)
    n = 200_000 if len(mixture.means) < 10 else 10_000
    rng = np.random.default_rng(3)
    truth = sample_posterior(mixture, np.zeros(n), 0.0, rng)
    field = snr * truth + math.sqrt(snr) * rng.standard_normal(n)
    mean, variance = posterior_moments(mixture, field, snr)
    for estimate in (mean * truth, mean**2):
        assert abs(estimate.mean() - prior.overlap(snr)) < 5 * estimate.std() / math.sqrt(n)
    assert abs(variance.mean() - prior.mmse(snr)) < 5 * variance.std() / math.sqrt(n)
    draws = sample_posterior(mixture, np.full(n, 0.8), snr, rng)
    m, v = posterior_moments(mixture, np.array([0.8]), snr)
    assert abs(draws.mean() - m[0]) < 5 * math.sqrt(v[0] / n)
    assert draws.var() == pytest.approx(v[0], rel=0.05)


def test_posterior_derivative():
    """d mean/d field is the variance."""
    mixture, h = at.GaussBernoulli(0.3).mixture, 1e-5
    b = np.linspace(-4, 4, 9)
    up, down = (posterior_moments(mixture, b + e, 1.3)[0] for e in (h, -h))
    assert np.allclose((up - down) / (2 * h), posterior_moments(mixture, b, 1.3)[1], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("prior", [
    at.Rademacher(), at.SparseRademacher(0.2), at.Gaussian(), at.GaussBernoulli(0.3), at.Discrete([-1, 2], [0.3, 0.7]),
    at.Discrete([0, 1], [0.9, 0.1]), at.Discrete([-1, 0, 2], [0.2, 0.5, 0.3]), at.Discrete([-1, 0, 1], [0.4, 0.2, 0.4]),
], ids=str)  # fmt: skip
def test_posteriors_of_single_variables_have_their_digits(prior):
    """Moments from their definition with 40 digits; variances keep theirs where the posterior is all but certain."""
    mixture = prior.mixture
    fields = np.array([0, 1e-9, 1e-3, -0.3, 1, -4, 20, -90, 300])
    precisions = np.array([[0.0], [0.5], [30.0], [1500.0]])
    mean, variance = posterior_moments(mixture, fields, precisions)
    with mpmath.workdps(40):
        for (i, j), found in np.ndenumerate(mean):
            b, a = mpmath.mpf(fields[j]), mpmath.mpf(precisions[i, 0])
            parts, laws = [], zip(mixture.probabilities, mixture.means, mixture.variances, strict=True)
            for p, m, v in (map(mpmath.mpf, law) for law in laws):
                level = (2 * m * b + v * b * b - a * m * m) / (2 * (1 + a * v))
                total = 1 + a * v
                parts.append((p / mpmath.sqrt(total) * mpmath.exp(level), (m + v * b) / total, v / total, level))
            norm = mpmath.fsum(w for w, _, _, _ in parts)
            exact = mpmath.fsum(w * c for w, c, _, _ in parts) / norm
            spread = mpmath.fsum(w * (t + (c - exact) ** 2) for w, c, t, _ in parts) / norm
            rounding = 8 * EPS * (1 + float(max(abs(level) for *_, level in parts)))
            assert abs(found - exact) <= rounding * max(abs(c) for _, c, _, _ in parts)
            assert abs(variance[i, j] - spread) <= rounding * spread + 1e-190  # where weights underflow


def test_enumeration_with_known_variables():
    instance = at.draw_instance(at.Bicoloring(3), 1.0, 6, 0)
    enumeration = at.Enumeration(instance)
    known = np.array([[True, False, True, False, False, True]])
    side = at.SideInformation.from_known(known, instance.planted[None])
    mean = enumeration.mean(side)
    assert np.array_equal(mean[known], instance.planted[known[0]])
    p = enumeration.probabilities(side)[0]
    wrong = np.any(enumeration.configurations[:, known[0]] != instance.planted[known[0]], axis=1)
    assert p[wrong].sum() == 0
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert np.allclose(enumeration.marginals(side).sum(axis=2), 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: at.draw_instance(at.IsingPSpin(3), 0.7, 2, 0), "size must be an integer from 3"),
        (lambda: at.draw_instance(at.IsingPSpin(3), 0.7, 10**5, 0), "GiB of memory"),
        (lambda: at.draw_instance(at.Bicoloring(5), 9, 4, 0), "size must be an integer from 5"),
        (lambda: at.draw_instance(at.Bicoloring(5), 0.01, 6, 0), "no factor"),
        (lambda: at.draw_instance(at.Bicoloring(5, degrees="regular"), 1.1, 60, 0), r"nearest densities are 5/5 = 1 and 6/5"),
        (lambda: at.draw_instance(at.Bicoloring(5, degrees="regular"), 1.2, 61, 0), "nearest sizes are 60 and 65"),
        (lambda: at.draw_instance(at.Coloring(3), 1, 60, 0), "binary factors"),
        (lambda: at.draw_instance(at.IsingPSpin(3), 0.7, 10, -1), "seed must be an integer >= 0, got -1"),
        (lambda: at.draw_instance(at.IsingPSpin(3), 0.7, 10, 1.5), "seed must be an integer >= 0"),
        (lambda: at.draw_instance(at.IsingPSpin(3), -0.7, 10, 1), "temperature must be finite and > 0"),
        (lambda: at.draw_instance("ising", 0.7, 10, 1), "model must be a model"),
        (lambda: at.draw_instance(at.SpikedMatrix(at.Rademacher()), 0.7, 10, 1, "random"), "no random counterpart"),
        (lambda: at.Enumeration(at.draw_instance(at.IsingPSpin(3), 1, 15, 0)), "at most 14 variables"),
        (lambda: at.Enumeration(at.draw_instance(at.SphericalPSpin(3), 1, 5, 0)), "needs a discrete prior"),
        (lambda: at.SideInformation.from_field(np.array([np.nan])), "must be finite"),
        (lambda: at.SideInformation.from_field(np.zeros(3), -1.0), "precision must be finite and >= 0"),
        (lambda: at.SideInformation.from_known(np.ones(3, dtype=bool), np.zeros(2)), "shape"),
    ],
)  # fmt: skip
def test_bad_input(make, message):
    with pytest.raises(at.InputError, match=message):
        make()


def test_memory_is_named(monkeypatch):
    monkeypatch.setattr(instances.os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 100)
    with pytest.raises(at.InputError, match=r"needs 0\.0\d* GiB of memory, of which this machine has 0\.00"):
        at.draw_instance(at.IsingPSpin(3), 0.7, 100, 0)
