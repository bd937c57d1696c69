"""The procedure behind the published tables of thresholds of Baker et al. (arXiv:2004.01571), to see what it makes of them.

State evolution of expectation propagation between prior, matrix of independent entries and channel is iterated at most
200 times; the signal counts as recovered where its mean squared error is below 1e-3; the sampling ratio at which that
begins is bisected until the bracket is shorter than 1e-3.  It is theirs in what it computes, not in its text.
"""

from __future__ import annotations

import math

import numpy as np

#: the bracket of the bisection, and the precision from which the signal's estimate starts, by channel
SETTINGS = {
    "linear": (1e-5, 1.0, 0.0),
    "relu": (1e-5, 2.0, 0.0),
    "abs": (1e-5, 1.2, 0.1),
    "door": (0.1, 3.0, 0.1),
}
STEPS, SETTLED, RECOVERED, WIDTH = 200, 1e-6, 1e-3, 1e-3
#: what counts as no error at all
NOTHING = 1e-13


def message(beta, precision, ratio):
    """Return 1/(precision of the signal) after a matrix whose outputs have message precision beta: S in s(A, B)."""
    if beta == 0:
        return 1 / precision
    t = precision + (ratio - 1) * beta
    return 2 / (t + math.sqrt(t * t + 4 * precision * beta))


def final_error(model, ratio, start, steps=STEPS, settled=SETTLED):
    """Return the mean squared error of the signal after the iterations."""
    prior, coupling = model.variable_prior, model.coupling
    rho = prior.second_moment
    incoming, outgoing, before = start, 0.0, None
    for _ in range(steps):
        error = float(prior.mmse(np.array(incoming)))
        if error < NOTHING:
            return error
        precision = 1 / error - incoming
        spread = message(outgoing, precision, ratio)
        output = (1 - precision * spread) / (ratio * outgoing) if outgoing > 0 else 1 / precision
        cavity = 1 / output - outgoing
        gap = min(1 / cavity, rho)
        with np.errstate(all="ignore"):  # a message of no information at all
            response = float(coupling.signal(np.array(1.0), np.array(rho - gap), np.array(gap)))
        output = gap - gap * gap * response
        outgoing = 1 / NOTHING if output <= NOTHING else 1 / output - cavity
        incoming = 1 / message(outgoing, precision, ratio) - precision
        now = (error, output)
        if before is not None and max(abs(a - b) for a, b in zip(now, before, strict=True)) < settled:
            break
        before = now
    return float(prior.mmse(np.array(incoming)))


def bisected(model, channel):
    """Return the sampling ratio that the procedure prints."""
    low, high, start = SETTINGS[channel]
    for _ in range(int(math.log2((high - low) / WIDTH)) + 2):
        middle = 0.5 * (low + high)
        recovered = final_error(model, middle, start) < RECOVERED
        if high - low < WIDTH:
            break
        low, high = (low, middle) if recovered else (middle, high)
    return middle
