"""A coarse picture of the plane of degree orders, from which solutions begin, and its coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.tools.arrays import Array, Index

#: scale of theta in v = log(1 + theta/S0) - log(1 - theta)
S0 = 0.02


def level_of(revealed: Array | float, scale: float = S0) -> Array:
    """Return v at a revealed fraction."""
    return np.asarray(np.log1p(np.divide(revealed, scale)) - np.log1p(np.negative(revealed)))


def revealed_at(level: Array, scale: float = S0) -> Array:
    """Return the revealed fraction at v."""
    return np.asarray(scale * np.expm1(level) / (1 + scale * np.exp(level)))


def _between(points: Array, x: Array) -> tuple[Index, Array]:
    """Return the number of the even interval in which x lies, or the nearest, and the part of it before x."""
    position = np.clip((x - points[0]) / (points[1] - points[0]), 0, len(points) - 1)
    first = np.minimum(position.astype(np.intp), len(points) - 2)
    return first, position - first


@dataclass(frozen=True, eq=False)
class Sketch:
    """Density evolution on a coarse grid of t and v: log of the mean degree; of erasures logit w; laws to begin."""

    t: Array
    v: Array
    values: Array
    degree: Array
    transform: Array

    def start(self, t: Array, v: Array) -> tuple[Array, Array]:
        """Return w and the mean degree of erasures to start from."""
        from scipy.special import expit

        log_degree, unknown = self.at(t, v)[0]
        return expit(unknown), np.exp(log_degree)

    def at(self, t: Array, v: Array) -> tuple[Array, Array]:
        """Return the values between the points, and their slopes in t, shape (2, n)."""
        i, a = _between(self.t, t)
        j, b = _between(self.v, v)
        low, high = (self.values[:, k, j] * (1 - b) + self.values[:, k, j + 1] * b for k in (i, i + 1))
        return low * (1 - a) + high * a, (high - low) / (self.t[1] - self.t[0])

    def nearest(self, t: Array, v: Array) -> Index:
        """Return the number of the grid's point next to each."""
        i, j = (np.abs(np.subtract.outer(a, b)).argmin(axis=1) for a, b in ((t, self.t), (v, self.v)))
        return np.asarray(i * len(self.v) + j)
