"""Samplers and unit propagation that reveal variables of graphs in the order of their degrees."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.sparse.erasure_orders import ErasureOrder
from amp_theory.tools.errors import InputError


def test_unit_propagation_concludes_what_single_checks_tell():
    random = at.unit_propagation(3, 0.5, 3000, seed=1)
    assert random.overlap[-1] == 1
    assert np.all(random.overlap >= random.revealed - 1e-12)
    assert random.redundant == pytest.approx((round(0.5 * 3000) - 3000 * (1 - random.guessed)) / 1500)
    assert random.redundant >= 0
    assert len(at.unit_propagation(3, 0.5, 40, seed=1).overlap) == 41  # no more portions than variables


@pytest.mark.slow
def test_unit_propagation_follows_theory_and_fails_beyond_the_threshold():
    for order, threshold, gain in (("highest-degree", 0.788682, 4), ("lowest-degree", 0.453047, 2)):
        below, beyond = (at.unit_propagation(3, threshold * f, 200_000, order, 1000, seed=1) for f in (0.95, 1.05))
        assert beyond.largest_jump > gain * below.largest_jump
        assert beyond.redundant > 2 * below.redundant
        # revealed fraction against overlap where both are known
        q = np.array([0.4, 0.5, 0.6])
        found = np.interp(q, below.overlap, below.revealed)
        x = np.log1p(-found) - np.log1p(-q)
        _, c = ErasureOrder(3, order == "highest-degree").solve(x, found, None, None)
        assert c / 3 == pytest.approx(0.95 * threshold, rel=0.01)


def test_samplers_follow_the_order_of_degrees():
    instance = at.draw_instance(at.XORSAT(3), 0.6, 60, seed=0)
    degree = np.bincount(instance.spins.ravel(), minlength=60)
    seen = []

    def denoiser(side):
        seen.append(np.array(side.known[0]))
        return np.zeros((1, 60))

    path = at.Autoregressive(order="highest-degree")
    at.draw_samples(instance, "masked", 1, 0, denoiser=denoiser, steps=6, path=path)
    for known in seen[1:]:
        assert degree[known].min() >= degree[~known].max()
    assert len(seen) == 6


def test_orders_of_degrees_are_refused_on_dense_instances():
    dense = at.draw_instance(at.IsingPSpin(3), 1.0, 6, seed=0)
    with pytest.raises(InputError, match="not 'lowest-degree'"):
        at.draw_samples(dense, "masked", 1, 0, path=at.Autoregressive(order="lowest-degree"))
