"""Functions of a product y = prod_j y_j in (0, 1] as sums of powers of y, so that independent y_j separate.

E f(y_1 ... y_m) = sum_r C_r (E y_1^{s_r})^m as soon as f(y) = sum_r C_r y^{s_r}.  The functions of the
cavity equations, such as (1 - y)^{1/2 + i w/2}, are singular at y = 1, where log(1 - y) ranges over many
decades: their power series gives the small exponents, and real exponents in geometric progression the rest,
with coefficients from a linear least-squares fit over all these decades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from amp_theory.tools.arrays import Array

Complexes = npt.NDArray[np.complex128]
#: of functions that are real, or complex
Coefficients = TypeVar("Coefficients", Array, Complexes)

#: points of the fit, and how far it goes in -log y
POINTS, FARTHEST = 1000, 12.0
#: weight of the point y = 1 in the fit
AT_ONE = 100.0
#: singular values below this part of the largest are left out
CUT = 1e-15


@dataclass(frozen=True, eq=False)
class PowerSums(Generic[Coefficients]):
    """Exponents s_r, shape (r,), and coefficients C, shape (r, n), of f(y) - f(0) = sum_r C_r y^{s_r}."""

    exponents: Array
    coefficients: Coefficients

    def __call__(self, y: Array) -> Coefficients:
        """Return f(y) - f(0), shape (len(y), n)."""
        result: Coefficients = y[:, None] ** self.exponents @ self.coefficients
        return result


def power_sums(
    function: Callable[[Array], Coefficients], series: Coefficients, stride: int, nearest: float, ratio: float
) -> PowerSums[Coefficients]:
    """Write functions of y as sums of powers.

    Parameters
    ----------
    function
        Called with V = -log y >= 0, shape (m,); returns f(y) - f(0), shape (m, n), real or complex.
    series
        Coefficients of y^stride, y^(2 stride), ... in the power series of f, shape (terms, n), of the same kind.
    stride
        1, or 2 for even functions.
    nearest
        The smallest V that matters, > 0.
    ratio
        Spacing of the logarithms of the fitted exponents.
    """
    fit = _fit(len(series), stride, nearest, ratio)
    rest = fit.weight * (function(fit.v) - fit.powers @ series)
    # complex columns are pairs of real ones: the powers are real
    columns = np.ascontiguousarray(rest).view(np.float64)
    solution = (fit.right @ (fit.left @ columns)).view(rest.dtype)
    return PowerSums(np.concatenate([fit.exact, fit.fitted]), np.concatenate([series, solution]))


class _Fit(NamedTuple):
    """Exponents of the series and of the fit; V, weights and powers there; both parts of the pseudoinverse."""

    exact: Array
    fitted: Array
    v: Array
    weight: Array
    powers: Array
    left: Array
    right: Array


@lru_cache(maxsize=8)
def _fit(terms: int, stride: int, nearest: float, ratio: float) -> _Fit:
    """Return what all functions fitted on one range share, the singular vectors of the fit."""
    exact = stride * np.arange(1.0, terms + 1)
    fitted = np.exp(np.arange(np.log(exact[-1] + stride), np.log(3 / nearest), ratio))
    # y = 1 itself stands for messages that are certain
    v = np.concatenate([[0.0], np.exp(np.linspace(np.log(nearest), np.log(FARTHEST), POINTS))])
    weight = np.where(v == 0, AT_ONE, 1.0)[:, None]
    u, s, vt = np.linalg.svd(weight * np.exp(-np.outer(v, fitted)), full_matrices=False)
    some = s > CUT * s[0]
    return _Fit(exact, fitted, v, weight, np.exp(-np.outer(v, exact)), u[:, some].T, vt[some].T / s[some])
