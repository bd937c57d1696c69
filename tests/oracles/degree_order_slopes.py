"""Degree orders of k-XORSAT at T = 0 without an iteration or a revealed fraction: the slope at every state is explicit.

Along edges a fixed point with w, the part of checks that do not tell, has E = 1 - (1 - w)^(1/(k-1)), which says how many
of the excess degrees j are hidden, as sum_j a_j h_j w^j = E.  It is stable where the slope of the iteration is below one.
"""

import numpy as np
from scipy.stats import poisson

#: excess degrees
J = np.arange(60)


def slopes(k, highest, c, w):
    """Return the slopes at w, -1 where even without strength more is told."""
    mass = poisson.pmf(J, c) * w[:, None] ** J
    goal = -np.expm1(np.log1p(-w) / (k - 1))[:, None]
    full, total = np.cumsum(mass, axis=1), mass.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        hidden = np.clip((goal - (full - mass if highest else total - full)) / mass, 0, 1)
    slope = (k - 1) * (1 - w) ** ((k - 2) / (k - 1)) * np.sum(np.where(mass > 0, hidden * mass, 0) * J, axis=1) / w
    return np.where(goal[:, 0] <= total[:, 0], slope, -1.0)


def iterated(k, highest, c, theta, steps=4000):
    """Return the overlap of all variables, and w, that iterations from nothing known lead to."""
    d = np.arange(len(J) + 1)
    a, below = poisson.pmf(d, c), poisson.cdf(d - 1, c)
    inside = np.clip(((1 - theta if highest else theta) - below) / a, 0, 1)
    hidden, edge, w = a * (inside if highest else 1 - inside), poisson.pmf(J, c), 1.0
    share = edge * (inside if highest else 1 - inside)[1:]
    for _ in range(steps):
        w = 1 - (1 - np.sum(share * w**J)) ** (k - 1)
    return 1 - np.sum(hidden * w**d), w
