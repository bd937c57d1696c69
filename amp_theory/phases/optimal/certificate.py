"""A certificate of the least slope: no posterior whatever has a reduced cost below zero, grid points or not.

By duality multipliers b of the uncertainty and a of the weights with s - b e - a >= 0 for every posterior show that no
law has a smaller slope than b (rho - q) + a.  For spins the posteriors are h = atanh r in [0, infinity).  As
|sech'| <= sech, |sech''| <= sech, |(sech^3)'| <= 1 and |(sech^3)''| <= 3, the second derivative of the reduced cost is
at most (6 + 3 |b|) sech(h) e^(-x/2), so that between two nodes at a distance d it is not below the smaller of both
values by more than an eighth of that times d^2.  Intervals in which that is not enough are halved; beyond the last node
s >= 0 and e <= sech^2 h.
"""

from __future__ import annotations

import numpy as np

from amp_theory.ingredients.paths.uniform_channel import uniform_channel
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.named import Rademacher
from amp_theory.phases.optimal.least_slope import LeastSlope
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.registration import ByClass

#: the last node, intervals at first, how often they are halved, and how far below zero the bound may be
LAST, INTERVALS, HALVINGS, ENOUGH = 15.0, 64, 24, 1e-13


@ByClass
def least_reduced_cost(prior: Prior, found: LeastSlope) -> float:
    """Return a lower bound of the reduced cost over all posteriors, with the multipliers of `found`.

    What is not bounded here is what the solver of the programme, or Jensen's inequality, says.
    """
    return found.reduced_cost


@least_reduced_cost.register(Rademacher)
def _of_spins(prior: Rademacher, found: LeastSlope) -> float:
    b, a = found.multipliers
    bent = (6 + 3 * abs(b)) * np.exp(-found.snr / 2)

    def cost(field: Array) -> Array:
        values = uniform_channel(np.full(field.shape, found.snr), np.tanh(field) ** 2, with_entropy=False)
        return np.asarray(values.overlap_x - b * values.gap - a)

    nodes = np.linspace(0, LAST, INTERVALS + 1)
    values = cost(nodes)
    for _ in range(HALVINGS):
        lower = np.minimum(values[:-1], values[1:])
        bound = lower - bent / np.cosh(nodes[:-1]) * np.diff(nodes) ** 2 / 8
        unclear = np.flatnonzero((bound < -ENOUGH) & (lower > -ENOUGH))
        if not len(unclear):
            break
        middles = 0.5 * (nodes[unclear] + nodes[unclear + 1])
        nodes, values = np.insert(nodes, unclear + 1, middles), np.insert(values, unclear + 1, cost(middles))
    beyond = -a - max(b, 0.0) / np.cosh(LAST) ** 2
    return float(min(bound.min(), beyond)) - 8 * EPS * (1 + abs(b) + abs(a))
