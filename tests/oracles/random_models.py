"""Random models and priors, as different as the package allows, for tests that ask every question."""

from __future__ import annotations

import numpy as np

import amp_theory as at

PATHS = (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion())


def random_prior(rng):
    kind = rng.integers(5)
    if kind < 4:
        fraction = 10 ** rng.uniform(-4, 0)
        return (at.Rademacher(), at.Gaussian(), at.SparseRademacher(fraction), at.GaussBernoulli(fraction))[kind]
    count = rng.integers(2, 7)
    values, weights = rng.normal(size=count), np.maximum(rng.dirichlet(np.full(count, 0.7)), 1e-3)
    weights /= weights.sum()
    return at.Discrete(values - (weights @ values if rng.random() < 0.5 else 0), weights)


def random_model(rng):
    prior = random_prior(rng)
    match rng.integers(4):
        case 0:
            return at.SpikedMatrix(prior)
        case 1:
            return at.SpikedTensor(int(rng.integers(3, 12)), prior)
        case 2:
            return at.SpikedMatrixTensor(int(rng.integers(3, 8)), 10 ** rng.uniform(-3, 1))
    powers = {int(k) for k in rng.integers(1, 30, size=3)} | {int(rng.integers(2, 30))}
    scale = prior.second_moment
    return at.MixedPSpin(" + ".join(f"{10 ** rng.uniform(-3, 2) / scale**k!r}*q**{k}" for k in powers), prior)


def is_allowed(model, control):
    """Tell whether a control is within the documented limits; special points may lie beyond."""
    try:
        model.check_control(control)
    except at.InputError:
        return False
    return True
