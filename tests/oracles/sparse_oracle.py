"""Belief propagation on sampled graphs and population dynamics, written without the package's formulas."""

from __future__ import annotations

import numpy as np


def sample_factors(n: int, m: int, k: int, rng: np.random.Generator, up_weight: np.ndarray) -> tuple:
    """Return the spins of m clauses, shape (m, k), and their planted signs, drawn with weight by number up."""
    spins = rng.integers(0, n, (m, k))
    signs = np.zeros((m, k), dtype=int)
    open_rows = np.arange(m)
    while len(open_rows):  # rejection
        trial = rng.integers(0, 2, (len(open_rows), k))
        accepted = rng.random(len(open_rows)) < up_weight[trial.sum(axis=1)]
        signs[open_rows[accepted]] = trial[accepted]
        open_rows = open_rows[~accepted]
    return spins, 2 * signs - 1


def factor_messages_plainly(h: np.ndarray, signs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return u = (1/2) log(N_+/N_-) along the planted sign, for all k spins of every clause, by plain summation.

    h along the planted signs; with s planted signs the field on spin j is s_j h_j, and the answer is turned back.
    """
    m, k = h.shape
    up = 1 / (1 + np.exp(-2 * h * signs))
    u = np.empty_like(h)
    for root in range(k):
        others = [j for j in range(k) if j != root]
        count = np.zeros((k, m))
        count[0] = 1
        for j in others:
            count[1:] = count[1:] * (1 - up[:, j]) + count[:-1] * up[:, j]
            count[0] *= 1 - up[:, j]
        plus, minus = weights[1:] @ count, weights[:-1] @ count
        with np.errstate(divide="ignore"):
            u[:, root] = 0.5 * np.log(plus / minus) * signs[:, root]
    return np.clip(u, -40, 40)


def belief_propagation(
    n: int, density: float, k: int, weights: np.ndarray, side: np.ndarray, steps: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the overlap per iteration from messages that know the side information only.

    side holds h0 along the planted spins, infinite where they are known.
    """
    m = int(rng.poisson(density * n))
    spins, signs = sample_factors(n, m, k, rng, weights)
    side = np.clip(side, -40, 40)
    h = side[spins]
    overlaps = [np.tanh(side).mean()]
    for _ in range(steps):
        u = factor_messages_plainly(h, signs, weights)
        total = side + np.bincount(spins.ravel(), u.ravel(), minlength=n)
        overlaps.append(np.tanh(total).mean())
        h = total[spins] - u
    return np.array(overlaps)


def population_dynamics(
    alpha: float, k: int, size: int, sweeps: int, rng: np.random.Generator, start: float = 20.0
) -> np.ndarray:
    """Return the overlap per sweep of the field's habit: population dynamics of bicoloring, zero strength."""
    h = np.full(size, start)
    overlaps = []
    for _ in range(sweeps):
        degree = rng.poisson(alpha * k, size)
        edges = int(degree.sum())
        others = rng.integers(1, 2 ** (k - 1), edges)  # not all planted +1
        signs = 1 - 2 * ((others[:, None] >> np.arange(k - 1)) & 1)
        field = h[rng.integers(0, size, (edges, k - 1))] * signs
        p, m = (np.prod(1 / (1 + np.exp(-2 * s * field)), axis=1) for s in (1, -1))
        u = 0.5 * (np.log(np.maximum(1 - p, 1e-17)) - np.log(np.maximum(1 - m, 1e-17)))
        h = np.clip(np.bincount(np.repeat(np.arange(size), degree), u, minlength=size), -40, 40)
        overlaps.append(np.tanh(h).mean())
    return np.array(overlaps)
