"""Functions of a product y = prod_j y_j in (0, 1] as sums of powers of y, so that independent y_j separate.

E f(y_1 ... y_m) = sum_r C_r (E y_1^{s_r})^m as soon as f(y) = sum_r C_r y^{s_r}.  The functions of the
cavity equations, such as (1 - y)^{1/2 + i w/2}, are singular at y = 1, where log(1 - y) ranges over many
decades: their power series gives the small exponents, and real exponents in geometric progression the rest,
with coefficients from a linear least-squares fit over all these decades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amp_theory.tools.arrays import Array

Complexes = npt.NDArray[np.complex128]

#: points of the fit, and how far it goes in -log y
POINTS, FARTHEST = 1000, 12.0
#: weight of the point y = 1 in the fit
AT_ONE = 100.0


@dataclass(frozen=True, eq=False)
class PowerSums:
    """Exponents s_r, shape (r,), and coefficients C, shape (r, n), of f(y) - f(0) = sum_r C_r y^{s_r}."""

    exponents: Array
    coefficients: Complexes

    def __call__(self, y: Array) -> Complexes:
        """Return f(y) - f(0), shape (len(y), n)."""
        result: Complexes = y[:, None] ** self.exponents @ self.coefficients
        return result


def power_sums(
    function: Callable[[Array], Complexes], series: Complexes, stride: int, nearest: float, ratio: float
) -> PowerSums:
    """Write functions of y as sums of powers.

    Parameters
    ----------
    function
        Called with V = -log y >= 0, shape (m,); returns f(y) - f(0), shape (m, n).
    series
        Coefficients of y^stride, y^(2 stride), ... in the power series of f, shape (terms, n).
    stride
        1, or 2 for even functions.
    nearest
        The smallest V that matters, > 0.
    ratio
        Spacing of the logarithms of the fitted exponents.
    """
    exact = stride * np.arange(1.0, len(series) + 1)
    fitted = np.exp(np.arange(np.log(exact[-1] + stride), np.log(3 / nearest), ratio))
    # y = 1 itself stands for messages that are certain
    v = np.concatenate([[0.0], np.exp(np.linspace(np.log(nearest), np.log(FARTHEST), POINTS))])
    weight = np.where(v == 0, AT_ONE, 1.0)[:, None]
    rest = function(v) - np.exp(-np.outer(v, exact)) @ series
    solution = np.linalg.lstsq(weight * np.exp(-np.outer(v, fitted)), weight * rest, rcond=1e-15)[0]
    return PowerSums(np.concatenate([exact, fitted]), np.concatenate([series, solution]))
