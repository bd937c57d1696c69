"""Functions of two variables as sums of products of Chebyshev polynomials, with derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev as polynomial

from amp_theory.tools.arrays import Array


def nodes(lower: float, upper: float, number: int) -> Array:
    """Return `number` Chebyshev points of the first kind in (lower, upper), ascending."""
    angle = np.pi * (np.arange(number) + 0.5) / number
    return np.asarray(0.5 * (lower + upper) - 0.5 * (upper - lower) * np.cos(angle))


def analysis(number: int) -> Array:
    """Return the matrix from values at the nodes to coefficients."""
    angle = np.pi - (2 * np.arange(number) + 1) * np.pi / (2 * number)
    matrix = 2 / number * np.cos(np.outer(np.arange(number), angle))
    matrix[0] /= 2
    return np.asarray(matrix)


@dataclass(frozen=True, eq=False)
class ChebyshevTable:
    """f(x, y) for x in x_range, y in y_range; coefficients of shape (functions, x degrees, y degrees)."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    coefficients: Array

    @classmethod
    def interpolate(cls, x_range: tuple[float, float], y_range: tuple[float, float], values: Array) -> ChebyshevTable:
        """Interpolate values at the nodes, shape (functions, x nodes, y nodes)."""
        a, b = analysis(values.shape[1]), analysis(values.shape[2])
        return cls(x_range, y_range, np.einsum("ij,fjk,lk->fil", a, values, b))

    def __call__(self, x: Array, y: Array) -> dict[str, Array]:
        """Return f, f_x, f_xx, f_y, f_xy at points of shape (n,), each of shape (functions, n)."""
        tx = _basis(x, self.x_range, self.coefficients.shape[1], 2)
        ty = _basis(y, self.y_range, self.coefficients.shape[2], 1)
        along = [np.tensordot(t, self.coefficients, (1, 1)) for t in tx]  # (n, functions, y degrees)

        def value(i: int, j: int) -> Array:
            return np.asarray(np.einsum("nfy,ny->fn", along[i], ty[j]))

        return {"f": value(0, 0), "x": value(1, 0), "xx": value(2, 0), "y": value(0, 1), "xy": value(1, 1)}


@dataclass(frozen=True, eq=False)
class ChebyshevCurve:
    """Functions of x in x_range; coefficients of shape (functions, degrees)."""

    x_range: tuple[float, float]
    coefficients: Array

    @classmethod
    def interpolate(cls, x_range: tuple[float, float], values: Array) -> ChebyshevCurve:
        """Interpolate values at the nodes, shape (functions, nodes)."""
        return cls(x_range, values @ analysis(values.shape[1]).T)

    def __call__(self, x: Array) -> tuple[Array, Array, Array]:
        """Return f, f' and f'' at points of shape (n,), each of shape (functions, n)."""
        zero, one, two = (self.coefficients @ t.T for t in _basis(x, self.x_range, self.coefficients.shape[1], 2))
        return zero, one, two


def _basis(x: Array, limits: tuple[float, float], number: int, orders: int) -> list[Array]:
    """Return Chebyshev polynomials and their first `orders` derivatives at x, each of shape (len(x), number)."""
    scale = 2 / (limits[1] - limits[0])
    position = (x - limits[0]) * scale - 1
    result: list[Array] = [np.asarray(polynomial.chebvander(position, number - 1), dtype=float)]
    for _ in range(orders):
        result.append(np.asarray(scale * result[-1] @ _derivative(number)))
    return result


@lru_cache(maxsize=64)
def _derivative(number: int) -> Array:
    """Return the (cached) D with T_n' = sum_m T_m D[m, n]."""
    matrix = np.zeros((number, number))
    for n in range(1, number):
        matrix[n - 1 :: -2, n] = 2 * n
        if n % 2:
            matrix[0, n] = n
    matrix.flags.writeable = False
    return matrix
