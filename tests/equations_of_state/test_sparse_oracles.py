"""Density evolution against belief propagation on large sampled graphs, and one Monte-Carlo iteration."""

from __future__ import annotations

import numpy as np
import pytest
from sparse_oracle import belief_propagation, factor_messages_plainly, sample_factors

import amp_theory as at

SIZE, STEPS, INSTANCES = 25_000, 8, 4
CASES = {
    "bicoloring flow": (at.Bicoloring(5), at.Flow(), 8.8, 0.2),
    "bicoloring autoregressive": (at.Bicoloring(4), at.Autoregressive(), 4.2, 0.1),
    "warm bicoloring flow": (at.Bicoloring(4, temperature=0.4), at.Flow(), 5.0, 0.15),
    "xorsat flow": (at.XORSAT(3), at.Flow(), 0.6, 0.5),
    "ldgm uniform": (at.XORSAT(3, temperature=0.4), at.UniformDiscreteDiffusion(), 0.9, 0.6),
}


def side_fields(path: at.Path, strength: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw half log-likelihood ratios along the planted spin."""
    if isinstance(path, at.Flow):
        return strength + np.sqrt(strength) * rng.standard_normal(n)
    if isinstance(path, at.Autoregressive):
        return np.where(rng.random(n) < strength, np.inf, 0.0)
    return np.arctanh(strength) * np.where(rng.random(n) < (1 + strength) / 2, 1, -1)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_belief_propagation_on_graphs(case):
    """Overlap per iteration on graphs with 25 000 spins: within 5 standard errors plus the O(1/N) of short loops."""
    model, path, density, strength = CASES[case]
    weights = np.array(model.factor.weights)
    run = at.state_evolution(model, path, density, strength, max_steps=STEPS).overlap
    found = []
    for seed in range(INSTANCES):
        rng = np.random.default_rng(seed)
        side = side_fields(path, strength, SIZE, rng)
        found.append(belief_propagation(SIZE, density, model.k, weights, side, STEPS, rng))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(INSTANCES)
    floor = 1 / np.sqrt(SIZE * INSTANCES)  # what independent spins would give; four instances tell it badly
    assert np.all(np.abs(mean - run[: len(mean)]) < 5 * np.maximum(error, floor) + 20 / SIZE)
    # the negative control: another density is seen
    other = at.state_evolution(model, path, 0.9 * density, strength, max_steps=STEPS).overlap
    assert np.any(np.abs(mean - other) > 10 * np.maximum(error, floor))


@pytest.mark.parametrize("model", [at.Bicoloring(5), at.XORSAT(3), at.Bicoloring(4, temperature=0.5)], ids=str)
@pytest.mark.slow
def test_one_iteration_without_a_population(model):
    """From messages that know the side information only, by plain sampling: 4 standard errors."""
    snr, density, n = 0.4, 2.0, 150_000
    rng = np.random.default_rng(5)
    degree = rng.poisson(density * model.k, n)
    edges = int(degree.sum())
    weights = np.array(model.factor.weights)
    # clauses as seen from their first spin: planted signs with their weights, fresh messages from the others
    _, signs = sample_factors(n, edges, model.k, rng, weights)
    h = side_fields(at.Flow(), snr, edges * model.k, rng).reshape(edges, model.k)
    u = factor_messages_plainly(h, signs, weights)[:, 0]
    total = side_fields(at.Flow(), snr, n, rng) + np.bincount(np.repeat(np.arange(n), degree), u, minlength=n)
    value = np.tanh(total)
    exact = at.state_evolution(model, at.Flow(), density, snr, max_steps=1).overlap[1]
    assert abs(value.mean() - exact) < 4 * value.std() / np.sqrt(n)
    # Nishimori: E tanh = E tanh^2
    difference = value - value**2
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(n)


def test_regular_graphs_have_the_same_number_of_factors_everywhere():
    """One iteration at integer degree: every spin has exactly that many clauses."""
    model, snr, degree, n = at.Bicoloring(4, degrees="regular"), 0.5, 12, 60_000
    rng = np.random.default_rng(3)
    weights = np.array(model.factor.weights)
    _, signs = sample_factors(n, n * degree, model.k, rng, weights)
    h = side_fields(at.Flow(), snr, signs.size, rng).reshape(signs.shape)
    total = side_fields(at.Flow(), snr, n, rng) + factor_messages_plainly(h, signs, weights)[:, 0].reshape(
        n, degree
    ).sum(axis=1)
    value = np.tanh(total)
    exact = at.state_evolution(model, at.Flow(), degree / model.k, snr, max_steps=1).overlap[1]
    assert abs(value.mean() - exact) < 4 * value.std() / np.sqrt(n)
