"""Instances in an external field: their weights, message passing at its fixed point, and the flow on them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import brentq

import amp_theory as at
from amp_theory.trials.amp_against_theory import extrapolate

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def base_overlap(slope, field, temperature):
    """Return q0 = E tanh^2(h/T + sqrt(xi'(q0)) z) by iteration."""
    q = 0.5
    for _ in range(2000):
        q = float(WEIGHTS @ np.tanh(field / temperature + np.sqrt(slope(q)) * NODES) ** 2)
    return q


def inner_overlap(snr, slope, field, temperature):
    """Return the fixed point of q = Q(snr + xi'(q) - xi'(q0)) that is reached from q0."""
    q0 = base_overlap(slope, field, temperature)
    outer = (field / temperature + np.sqrt(slope(q0)) * NODES)[:, None]
    q = q0
    for _ in range(2000):
        extra = snr + slope(q) - slope(q0)
        inner = outer + np.sqrt(extra) * NODES
        # the hidden spin s has weight exp(s (outer + ..)) and is seen through a field of mean D s and variance D
        rest = np.exp(-extra / 2) * (WEIGHTS @ ((1 / np.cosh(inner)) @ WEIGHTS / np.cosh(outer[:, 0])))
        q = 1 - float(rest)
    return q


def test_the_weights_are_those_of_the_hamiltonian():
    model, temperature = at.MixedPSpin("q**2/2 + q**3/2", field=0.4), 0.9
    instance = at.draw_instance(model, temperature, 7, seed=3)
    s = np.array(list(itertools.product([-1, 1], repeat=7)))
    tensors = {t.bodies: t.tensor for t in instance.terms}
    log = np.einsum("ab,na,nb->n", tensors[2], s, s) / 2 + np.einsum("abc,na,nb,nc->n", tensors[3], s, s, s) / 6
    log = log + 0.4 / temperature * s.sum(axis=1)
    assert instance.planted is None
    assert instance.energy(s) == pytest.approx(-temperature * log / 7, abs=1e-14)
    weights = np.exp(log - log.max())
    mean = weights @ s / weights.sum()
    assert at.Enumeration(instance).mean()[0] == pytest.approx(mean, abs=1e-14)
    chains = at.heat_bath(instance, 400, 1, chains=50, every=4, keep_samples=True)
    found = chains.samples[:, 10:].mean(axis=1)
    error = found.std(axis=0, ddof=1) / np.sqrt(50)
    assert np.all(np.abs(found.mean(axis=0) - mean) < 4.5 * error)
    assert np.median(np.abs(mean)) > 10 * error.max()  # a field of the wrong sign would be seen


def test_a_field_has_no_planted_instance():
    with pytest.raises(at.InputError, match="no planted counterpart"):
        at.draw_instance(at.SherringtonKirkpatrick(field=0.3), 1.0, 10, seed=1, target="planted")
    without = at.draw_instance(at.SherringtonKirkpatrick(field=0.0), 1.0, 10, seed=1)
    assert without.planted is not None
    assert len(without.terms) == 1


@pytest.mark.parametrize("spherical", [False, True])
def test_amp_without_side_information_finds_the_base_overlap(spherical):
    field, temperature, size = 0.5, 1.2, 300
    model = at.MixedPSpin("q**2/2", at.Gaussian() if spherical else at.Rademacher(), field=field)
    if spherical:
        q0 = brentq(lambda q: q / (1 - q) ** 2 - q / temperature**2 - (field / temperature) ** 2, 1e-9, 0.9)
    else:
        q0 = base_overlap(lambda q: q / temperature**2, field, temperature)
    found = [at.run_amp(at.draw_instance(model, temperature, size, seed=n)) for n in range(12)]
    assert all(f.status == ("converged",) for f in found)
    overlap = np.array([(f.mean**2).mean() for f in found])
    assert abs(overlap.mean() - q0) < 4 * overlap.std(ddof=1) / np.sqrt(12) + 1 / size


@pytest.mark.slow
def test_the_flow_in_a_field_follows_its_equation_of_state():
    """AMP told of an equilibrium sample of the 3-spin, at three sizes, extrapolated: chi-square over snr."""
    field, temperature, instances = 0.5, 1.0, 24
    snr, sizes = np.array([0.1, 0.4, 1.0, 2.5]), (32, 64, 128)
    theory = [inner_overlap(s, lambda q: 1.5 * q * q / temperature**2, field, temperature) for s in snr]
    model, overlap = at.IsingPSpin(3, field=field), np.empty((len(sizes), instances, len(snr)))
    for n, size in enumerate(sizes):
        for k in range(instances):
            instance = at.draw_instance(model, temperature, size, seed=1000 * n + k)
            hidden = at.heat_bath(instance, 100, k, every=100).configurations
            rng = np.random.default_rng([n, k])
            for j, s in enumerate(snr):
                mean = at.run_amp(instance, at.Flow().observe(hidden, s, rng)).mean
                overlap[n, k, j] = (mean * hidden).mean()
    extrapolated, error, p_value = extrapolate(sizes, overlap - np.array(theory))
    assert p_value > 1e-3, (extrapolated, error)
    # the theory at another field is told apart
    other = [inner_overlap(s, lambda q: 1.5 * q * q / temperature**2, 0.7, temperature) for s in snr]
    assert extrapolate(sizes, overlap - np.array(other))[2] < 1e-3
