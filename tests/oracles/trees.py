"""Instances on trees, where belief propagation is exact."""

from __future__ import annotations

import numpy as np

import amp_theory as at
from amp_theory.finite.instances.graphs import GraphInstance


def tree(model: at.SparseModel, seed: int) -> GraphInstance:
    """A tree of five factors, planted in the way of the random graphs."""
    k, rng = model.factor.k, np.random.default_rng(seed)
    size = 1 + 4 * (k - 1)
    spins = []
    used = 1
    for _ in range(4):
        spins.append([int(rng.integers(used)), *range(used, used + k - 1)])
        used += k - 1
    weights = np.array(model.factor.weights) / max(model.factor.weights)
    planted = rng.choice([-1.0, 1.0], size)
    signs = []
    for row in spins:
        while True:
            sign = rng.choice([-1.0, 1.0], k)
            if rng.random() < weights[int((sign * planted[row] > 0).sum())]:
                break
        signs.append(sign)
    return GraphInstance(model, 1.0, size, planted, np.array(spins), np.array(signs))
