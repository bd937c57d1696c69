"""Goodness of fit on all configurations of a small instance."""

from __future__ import annotations

import numpy as np
from scipy.stats import chisquare

import amp_theory as at


def goodness_of_fit(probabilities: np.ndarray, enumeration: at.Enumeration, configurations: np.ndarray) -> float:
    """Return the p value of a chi-square test; configurations of about equal probability share cells."""
    values = np.sort(enumeration.instance.variables.means)
    place = len(values) ** np.arange(enumeration.instance.size)[::-1]
    number = np.searchsorted(values, configurations) @ place
    # the enumeration counts in the order of the prior's atoms
    own = np.searchsorted(values, enumeration.configurations) @ place
    position = np.empty(len(own), dtype=int)
    position[own] = np.arange(len(own))
    cells = min(60, len(configurations) // 20)
    order = np.argsort(-probabilities)
    cumulative = np.cumsum(probabilities[order]) - probabilities[order] / 2
    cell = np.empty(len(order), dtype=int)
    cell[order] = np.minimum(cumulative * cells, cells - 1)
    expected = np.bincount(cell, probabilities, cells) * len(configurations)
    observed = np.bincount(cell[position[number]], minlength=cells)
    if np.any(observed[expected == 0]):
        return 0.0
    used = expected > 0
    return float(chisquare(observed[used], expected[used] * observed.sum() / expected[used].sum()).pvalue)
