"""Whether laws of posteriors are degradations of each other, so that one path can pass through all of them.

A law is a degradation of another if each of its posteriors is a mean of the other's, with weights that add up to the
other law: a linear programme in what goes from which posterior to which.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from amp_theory.tools.errors import NumericalError

#: weights of posteriors and the posteriors themselves
Law = tuple[tuple[float, tuple[float, ...]], ...]
#: what a degradation may miss, above the accuracy of laws and of the programme's solver
NOTHING = 1e-9


def degradation_gap(coarse: Law, fine: Law) -> float:
    """Return by how much a law is no degradation of a finer one: the least sum of relative misses of its posteriors."""
    from scipy.optimize import linprog

    (weights, places), (others, ends) = ([np.array(x) for x in zip(*law, strict=True)] for law in (coarse, fine))
    here, there, values = len(weights), len(others), places.shape[1]
    # what goes from each posterior is a share of it, and misses are parts of the rare values' own probabilities
    unit = (weights[:, None] / (weights @ places)).ravel()
    moved = unit[:, None] * np.kron(np.eye(here), ends.T)  # where it comes to, on the average
    misses = np.eye(here * values)
    arrives = np.kron(weights, np.eye(there)) * (others.sum() / (others * weights.sum()))[:, None]
    rows = np.block([
        [np.kron(np.eye(here), np.ones(there)), np.zeros((here, 2 * here * values))],
        [arrives, np.zeros((there, 2 * here * values))],
        [moved, misses, -misses],
    ])  # fmt: skip
    sides = np.concatenate([np.ones(here + there), unit * places.ravel()])
    cost = np.concatenate([np.zeros(here * there), np.ones(2 * here * values)])
    found = linprog(cost, A_eq=rows, b_eq=sides, options={"primal_feasibility_tolerance": 1e-10})
    if found.x is None:
        raise NumericalError(f"the order of two laws of posteriors was not decided: {found.message}")
    return float(found.fun)


def ordered(laws: Sequence[Law]) -> bool:
    """Tell whether each law is a degradation of the next."""
    return all(degradation_gap(coarse, fine) < NOTHING for coarse, fine in pairwise(laws))
