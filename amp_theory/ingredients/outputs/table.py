"""Piecewise Chebyshev interpolants of an output channel's response, in variables in which it is analytic.

With q + gap = 1 the response of a channel is analytic in q on [0, 1/2] after its leading power q^m is divided
out, and in e = sqrt(gap) on [0, sqrt(1/2)] after powers of e are divided out, because everything next to a
jump of the likelihood happens on the scale e:

    R = q^m F_1,   R' = q^max(m-1, 0) F_2,   R'' = q^max(m-2, 0) F_3        up to q = 1/2,
    R = F_1/e^p1,  R' = F_2/e^p2,            R'' = F_3/e^p3                 beyond,

and the free entropy A(q) = int_0^q R, a sum of positive parts, is the exact integral of the interpolant of R.
So a table of a few hundred integrals serves every q and gap, however small, with all relative digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev, legendre

from amp_theory.tools.arrays import EPS, Array, Bools
from amp_theory.tools.chebyshev import analysis, nodes
from amp_theory.tools.errors import InputError, NumericalError, as_real, told
from amp_theory.tools.panels import refined

#: the largest overlap and gap, and their least sum: their cubes are numbers
LARGEST, LEAST = 1e60, 1e-60
#: Chebyshev nodes of a panel, and the tail of its coefficients that is negligible, also where a function is steep
NODES, TAIL, STEEP = 20, 2e-14, 2e-13
#: how often a panel is halved
SPLITS = 14
#: the first panels in q, and in the square root of the gap
OVERLAPS = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
ROOTS = (0.0, 1 / 4, 1 / 2, math.sqrt(0.5))
#: arguments that are evaluated together without sorting, and in one piece
FEW, PIECE = 400, 1 << 14

_GAUSS, _GAUSS_WEIGHT = legendre.leggauss(16)
_cosines = nodes(-1, 1, NODES)
#: values at the nodes -> Chebyshev coefficients
_transform = analysis(NODES)


@dataclass(frozen=True, slots=True)
class OutputValues:
    """What the theory needs from an output channel at overlap q, as arrays of one shape.

    Attributes
    ----------
    free_entropy
        A(q) = 2 [Psi_out(q) - Psi_out(0)] in nats per measurement, zero at q = 0, increasing and convex.
    response
        R(q) = A'(q): a measurement provides each variable's channel with R/N of signal-to-noise ratio.
    slope, curvature
        R'(q) > 0 and R''(q), which may have either sign.
    relative_error
        Bound on the relative error of all four, of the curvature relative to |R''| + R'/rho.
    """

    free_entropy: Array
    response: Array
    slope: Array
    curvature: Array
    relative_error: Array


class OutputTable(Protocol):
    """Fast response functions of one channel at one second moment, for the solvers."""

    def __call__(self, overlap: npt.ArrayLike, gap: npt.ArrayLike) -> OutputValues:
        """Return A, R, R', R'' at overlaps that broadcast against the gaps."""

    def ratios(self, overlap: npt.ArrayLike, gap: npt.ArrayLike) -> tuple[Array, Array, Array]:
        """Return A/R, R'/R, R''/R, finite where they are even if R is not."""

    @property
    def worst(self) -> float:
        """The largest relative error."""

    @property
    def singularity(self) -> tuple[float, float] | None:
        """(power, c) if R ~ c gap^-power as gap -> 0, power 1 or 1/2; None where R stays finite."""


@dataclass(frozen=True)
class Powers:
    """The powers m, (p1, p2, p3) of the module's docstring, and the limit of R gap at gap = 0 where p1 = 2."""

    low: int
    high: tuple[int, int, int]
    pole: float = 0.0

    def lows(self) -> tuple[int, int, int]:
        """Return the powers of q in R, R', R''."""
        return self.low, max(self.low - 1, 0), max(self.low - 2, 0)


#: R, R', R'' and their relative error at overlap and gap, shape (n,), that sum to one: shape (4, n)
Response = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class _Panels:
    """Interpolants of four functions on ascending panels: coefficients of shape (panels, 4, NODES)."""

    lower: Array
    upper: Array
    coefficients: Array
    error: Array

    def __call__(self, x: Array) -> Array:
        """Return the four functions and the error at x of shape (n,): shape (5, n)."""
        result = np.empty((5, len(x)))
        for start in range(0, len(x), PIECE):
            piece = slice(start, start + PIECE)
            self._evaluate(x[piece], result[:, piece])
        return result

    def _evaluate(self, x: Array, result: Array) -> None:
        panel = np.maximum(np.searchsorted(self.lower, x, side="right") - 1, 0)
        lower, upper = self.lower[panel], self.upper[panel]
        t = np.clip((2 * x - lower - upper) / (upper - lower), -1, 1)
        basis = np.empty((NODES, len(x)))
        basis[0], basis[1] = 1.0, t
        t = 2 * t
        for k in range(2, NODES):
            np.multiply(t, basis[k - 1], out=basis[k])
            basis[k] -= basis[k - 2]
        result[4] = self.error[panel]
        if len(x) <= FEW:
            result[:4] = np.einsum("nfk,kn->fn", self.coefficients[panel], basis)
            return
        order = np.argsort(panel, kind="stable")
        ends = np.flatnonzero(np.diff(panel[order])) + 1
        for index in np.split(order, ends):
            result[:4, index] = self.coefficients[panel[index[0]]] @ basis[:, index]


@dataclass(frozen=True)
class ScaledTable:
    """The interpolants of one channel for q + gap = 1: in q, and in the square root of the gap."""

    low: _Panels
    high: _Panels
    powers: Powers

    @property
    def worst(self) -> float:
        """The largest relative error."""
        return float(max(self.low.error.max(), self.high.error.max()))


@dataclass(frozen=True)
class ScaledOutputTable:
    """A scaled table at a second moment, with Gaussian noise that adds to the gap."""

    scaled: ScaledTable
    second_moment: float
    noise: float = 0.0

    @property
    def worst(self) -> float:
        """The largest relative error."""
        return self.scaled.worst

    @property
    def singularity(self) -> tuple[float, float] | None:
        """(power, c) if R ~ c gap^-power as gap -> 0, power 1 or 1/2; None where R stays finite."""
        power = 0.5 * self.scaled.powers.high[0]
        if self.noise > 0 or power == 0:
            return None
        coefficient = self.scaled.powers.pole or float(self.scaled.high(np.zeros(1))[1, 0])
        return power, coefficient * self.second_moment ** (power - 1)

    def _columns(self, overlap: npt.ArrayLike, gap: npt.ArrayLike) -> tuple[tuple[int, ...], tuple[Array, ...]]:
        """Return the common shape, and q, e, whether q is at most 1/2, and the four functions with their error."""
        overlap, gap = np.broadcast_arrays(np.asarray(overlap, dtype=float), np.asarray(gap, dtype=float))
        total = self.second_moment + self.noise
        q, e = overlap.ravel() / total, np.sqrt((gap.ravel() + self.noise) / total)
        low = q <= 0.5
        if low.all():
            columns = self.scaled.low(q)
        elif not low.any():
            columns = self.scaled.high(e)
        else:
            columns = np.empty((5, len(q)))
            columns[:, low], columns[:, ~low] = self.scaled.low(q[low]), self.scaled.high(e[~low])
        return overlap.shape, (q, e, low, *columns)

    def __call__(self, overlap: npt.ArrayLike, gap: npt.ArrayLike) -> OutputValues:
        """Return A, R, R', R'' at overlaps that broadcast against the gaps."""
        shape, (q, e, low, a, *functions, error) = self._columns(overlap, gap)
        powers, total = self.scaled.powers, self.second_moment + self.noise
        with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
            free_entropy = np.where(
                low, a * q ** (powers.low + 1), a - 2 * powers.pole * np.log(e) if powers.pole else a
            )
            values = [
                np.where(low, f * q**m, f / e**p) / total**k
                for k, f, m, p in zip((1, 2, 3), functions, powers.lows(), powers.high, strict=True)
            ]
        return OutputValues(*(v.reshape(shape) for v in (free_entropy, *values, error)))

    def ratios(self, overlap: npt.ArrayLike, gap: npt.ArrayLike) -> tuple[Array, Array, Array]:
        """Return A/R, R'/R, R''/R, finite where they are even if R is not."""
        shape, (q, e, low, a, f1, f2, f3, _) = self._columns(overlap, gap)
        powers, total = self.scaled.powers, self.second_moment + self.noise
        m1, m2, m3 = powers.lows()
        p1, p2, p3 = powers.high
        with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
            logarithm = 2 * powers.pole * np.log(e) if powers.pole else 0.0
            result = (
                np.where(low, a * q, (a - logarithm) * e**p1) / f1 * total,
                np.where(low, q ** float(m2 - m1), 1 / e ** (p2 - p1)) * f2 / f1 / total,
                np.where(low, q ** float(m3 - m1), 1 / e ** (p3 - p1)) * f3 / f1 / total**2,
            )
        return result[0].reshape(shape), result[1].reshape(shape), result[2].reshape(shape)


def build_table(response: Response, powers: Powers, splits: int = SPLITS) -> ScaledTable:
    """Interpolate a channel's response, and integrate it to the free entropy.

    Parameters
    ----------
    response
        R, R', R'' and their relative error at overlaps and gaps that sum to one.
    powers
        The leading powers that are divided out.
    splits
        How often a panel may be halved.

    Raises
    ------
    NumericalError
        If the response is too rough.
    """
    m, p = powers.lows(), powers.high

    def scaled(values: Array, *factors: Array) -> Array:
        r1, r2, r3, error = values
        f1, f2, f3 = factors
        return np.stack([f1 * r1, f2 * r2, f3 * r3, f3 * (np.abs(r3) + r2), error])

    def in_overlap(q: Array) -> Array:
        return scaled(response(q, 1 - q), *(1 / q**power for power in m))

    def in_root(e: Array) -> Array:
        return scaled(response(1 - e * e, e * e), *(e**power for power in p))

    low = _free_entropy_from_zero(_interpolate(in_overlap, np.array(OVERLAPS), splits), powers.low)
    at_half = float(low(np.array([0.5]))[0, 0]) * 0.5 ** (powers.low + 1)
    high = _free_entropy_beyond(_interpolate(in_root, np.array(ROOTS), splits), powers, at_half)
    return ScaledTable(low, high, powers)


def _interpolate(functions: Callable[[Array], Array], edges: Array, splits: int) -> _Panels:
    """Return panels on which three functions are resolved, relative to their sizes; the first is left zero.

    The functions come with the size that the third is judged by, as it may change sign, and their relative error.
    """

    def look(panels: Array) -> tuple[Bools, Array, Array]:
        lower, upper = panels.T
        x = 0.5 * (lower + upper)[:, None] + 0.5 * (upper - lower)[:, None] * _cosines
        *values, size, known = functions(x.ravel()).reshape(5, -1, NODES)
        coefficients = np.einsum("kn,fpn->pfk", _transform, np.stack([np.zeros_like(known), *values]))
        sizes = np.stack([*values[:2], size])
        least = np.maximum(sizes.min(axis=2), 1e-300)
        tail = (np.abs(coefficients[:, 1:, -3:]).max(axis=2).T / least).max(axis=0)
        floor = 8 * EPS * (sizes.max(axis=2) / least).max(axis=0)
        # coefficients below the error of the values say nothing
        rough = tail > np.maximum(np.maximum(TAIL, 2 * known.max(axis=1)), np.minimum(floor, STEEP))
        return rough, coefficients, known.max(axis=1) + 2 * tail + floor

    def failure(panels: Array) -> NumericalError:
        return NumericalError(
            f"the channel's response could not be interpolated to {TAIL:g} near {panels.mean():.6g} of [0, 1]",
            "a smoother likelihood, or one with its kinks stated, may help",
        )

    panels, coefficients, error = refined(np.stack([edges[:-1], edges[1:]], axis=1), look, splits + 1, failure)
    return _Panels(panels[:, 0], panels[:, 1], coefficients, error)


def _free_entropy_from_zero(panels: _Panels, power: int) -> _Panels:
    """Add A/q^(m+1) to panels in q: A = int_0^q t^m F_1(t) dt, by Gauss-Legendre rules that are exact."""
    before = 0.0
    for k, (lower, upper) in enumerate(zip(panels.lower, panels.upper, strict=True)):
        series = panels.coefficients[k, 1]
        ends = np.append(0.5 * (lower + upper) + 0.5 * (upper - lower) * _cosines, upper)
        t = lower + np.multiply.outer(ends - lower, 0.5 + 0.5 * _GAUSS)
        inside = chebyshev.chebval((2 * t - lower - upper) / (upper - lower), series)
        scale = ends[:, None]
        parts = (inside * (t / scale) ** power) @ (0.5 * _GAUSS_WEIGHT) * (1 - lower / ends)
        whole = parts + before / ends ** (power + 1)
        panels.coefficients[k, 0] = _transform @ whole[:-1]
        before = float(whole[-1] * upper ** (power + 1))
    return panels


def _free_entropy_beyond(panels: _Panels, powers: Powers, at_half: float) -> _Panels:
    """Add A + 2 c log e to panels in e: A = A(1/2) + int_e 2 F_1 t^(1-p1) dt, without the pole's part c/gap of R."""
    after = at_half + 2 * powers.pole * math.log(ROOTS[-1])
    for k in range(len(panels.lower) - 1, -1, -1):
        lower, upper = panels.lower[k], panels.upper[k]
        e = 0.5 * (lower + upper) + 0.5 * (upper - lower) * _cosines
        response = chebyshev.chebval(_cosines, panels.coefficients[k, 1])
        integrand = _transform @ (2 * (response - powers.pole) * e ** float(1 - powers.high[0]))
        integral = -0.5 * (upper - lower) * chebyshev.chebint(integrand, lbnd=1)
        integral[0] += after
        # the antiderivative has one degree more, below the accuracy of the rest
        panels.coefficients[k, 0] = integral[:NODES]
        after = float(chebyshev.chebval(-1.0, integral))
    return panels


def check_arguments(overlap: npt.ArrayLike, gap: npt.ArrayLike) -> tuple[Array, Array]:
    """Return overlap and gap as arrays of one shape.

    Raises
    ------
    InputError
        If one is negative or not finite, both are zero, or their shapes do not fit.
    """
    q, d = as_real("overlap", overlap), as_real("gap", gap)
    for name, value in (("overlap", q), ("gap", d)):
        if not np.all((value >= 0) & (value <= LARGEST)):
            raise InputError(f"{name} must be finite and >= 0, got {told(value)}")
    try:
        q, d = np.broadcast_arrays(q, d)
    except ValueError:
        raise InputError(f"overlap and gap must broadcast, got shapes {q.shape} and {d.shape}") from None
    total = q + d
    least = total.min(initial=LEAST)
    if least < LEAST:
        raise InputError(
            f"overlap + gap is the second moment, which must be positive, at least {LEAST:g}, got {least:g}"
        )
    return q, d
