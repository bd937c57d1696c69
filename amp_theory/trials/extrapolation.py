"""Means over instances of several sizes, extrapolated to infinite size by two power laws that bracket each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.trials.differences import mean_and_error

#: powers of 1/size by which differences from infinite size are taken to fall: rounded transitions, and corrections
POWERS = (0.5, 1.0)
#: standard errors on either side of what either power law says
WIDE = 2.0


@dataclass(frozen=True)
class Extrapolation:
    """A mean at infinite size.

    Parameters
    ----------
    value, error
        The middle of what the laws allow, and half their width in units of `WIDE` standard errors.
    low, high
        Its ends: the least and largest of a -+ 2 standard errors over both laws.
    p_value
        Of the better law's chi-square; None with two sizes, which every law fits.

    See Also
    --------
    to_infinite_size : Which returns it, with an example.
    """

    value: float
    error: float
    low: float
    high: float
    p_value: float | None

    def __str__(self) -> str:
        return f"{self.value:+.4g} +- {self.error:.2g}"


def mean_with_resolution(values: Sequence[float], resolution: float) -> tuple[float, float]:
    """Return mean and standard error of numbers that are multiples of a resolution, of which all may be equal.

    Of n numbers that are equal the next one is not with a probability of up to about 1/n.

    Examples
    --------
    >>> mean_with_resolution([0.0, 0.0, 0.0, 0.0], 1.0)
    (0.0, 0.25)
    """
    mean, error = mean_and_error(values)
    return mean, max(error, resolution / len(values))


def to_infinite_size(measured: Mapping[int, tuple[float, float]]) -> Extrapolation:
    """Fit a + b/size^x, x = 1/2 and x = 1, to means and standard errors by size, and return what a may be.

    Examples
    --------
    >>> found = to_infinite_size({100: (0.3, 0.01), 400: (0.25, 0.01), 1600: (0.225, 0.01)})
    >>> found.low < 0.2 < found.high
    True
    """
    from scipy.special import chdtrc

    sizes, mean, error = _columns(measured)
    chances = []
    for power in POWERS if len(sizes) > 2 else ():
        design, fit, _ = _fit(sizes, mean, error, power)
        chances.append(float(chdtrc(len(sizes) - 2, ((mean / error - design @ fit) ** 2).sum())))
    low, high = (float(end[0]) for end in allowed_means(measured, [math.inf]))
    return Extrapolation((low + high) / 2, (high - low) / (2 * WIDE), low, high, max(chances) if chances else None)


def allowed_means(measured: Mapping[int, tuple[float, float]], sizes: Sequence[float]) -> tuple[Array, Array]:
    """Return the least and largest mean at sizes, infinity too, that the fits of `to_infinite_size` allow.

    Examples
    --------
    >>> low, high = allowed_means({100: (0.3, 0.01), 400: (0.25, 0.01)}, [100, 400, float("inf")])
    >>> bool(low[0] < 0.3 < high[0]), high.shape
    (True, (3,))
    """
    own, mean, error = _columns(measured)
    ends = []
    for power in POWERS:
        _, fit, covariance = _fit(own, mean, error, power)
        here = np.stack([np.ones(len(sizes)), (np.asarray(sizes, dtype=float) / own[0]) ** -power], axis=1)
        spread = WIDE * np.sqrt(np.einsum("ni,ij,nj->n", here, covariance, here))
        ends += [here @ fit - spread, here @ fit + spread]
    return np.min(ends, axis=0), np.max(ends, axis=0)


def _columns(measured: Mapping[int, tuple[float, float]]) -> tuple[Array, Array, Array]:
    """Return sizes, means and errors by rising size."""
    sizes = sorted(measured)
    mean, error = np.array([measured[n] for n in sizes]).T
    return np.array(sizes, dtype=float), mean, error


def _fit(sizes: Array, mean: Array, error: Array, power: float) -> tuple[Array, Array, Array]:
    """Return the design in units of errors, a and b of a + b (size/least)^-power, and their covariance."""
    design = np.stack([np.ones_like(sizes), (sizes / sizes[0]) ** -power], axis=1) / error[:, None]
    covariance = np.asarray(np.linalg.inv(design.T @ design), dtype=float)
    return design, covariance @ design.T @ (mean / error), covariance
