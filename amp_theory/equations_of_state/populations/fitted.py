"""The equation of state of colours: a smooth surface through points of population dynamics.

With q_side(s) the overlap that side information of strength s gives to a node on its own, and q the overlap, the mean
degree of a fixed point is

    c(q, s) = g(q, s) (q - q_side(s))/q,    density = c/2,

where g is smooth down to q = s = 0, where it is the Kesten-Stigum degree.  Polynomials in q and in the path's internal
strength are fitted to g, and to r = d phi/d density = E log(1 - eta.eta') - log(1 - 1/q), which is zero at q = s = 0.
The coordinate is the overlap itself; with lambda the density and lambda_0 that of Kesten and Stigum

    A' = q/lambda_0,    F = q d lambda/dq/lambda_0,    d phi = r d lambda at constant strength.

Errors of this surface are those of rounding: what the points' noise does is found by fitting them with other noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial.polynomial import polyder

from amp_theory.equations_of_state.base import TINY, EquationOfState
from amp_theory.equations_of_state.populations.found import PopulationPoint
from amp_theory.equations_of_state.populations.population import side_overlap
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.priors.named import Rademacher
from amp_theory.models.coloring import Coloring
from amp_theory.tools.arrays import EPS, Array

#: overlaps and strengths between which folds are looked for
OVERLAPS, STRENGTHS = 60, 16
#: strengths at which the side information's own overlap is known
SIDE = 101
#: nodes of the integral for phi, step in units of the largest strength for its derivative, and rounding of both
NODES, STEP, ROUNDING = 64, 1e-3, 1e3 * EPS
#: the orders in q and in s of the derivatives that the density and its own need
DERIVATIVES = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1))
#: the least overlap that is looked at, in units of the grid's step
NEAREST = 1e-6


@dataclass(frozen=True, eq=False)
class FitData:
    """What is fitted: points with overlap, internal strength, density and r = d phi/d density, and standard errors."""

    overlap: Array
    strength: Array
    density: Array
    slope: Array
    density_error: Array
    slope_error: Array

    @staticmethod
    def of(path: Path, places: Sequence[tuple[float, float]], points: Sequence[PopulationPoint]) -> FitData:
        """Return the points found at places (overlap, public strength)."""
        overlap, strength = (np.array(column) for column in zip(*places, strict=True))
        names = ("density", "per_density", "density_error", "per_density_error")
        density, slope, e_density, e_slope = (np.array([getattr(p, name) for p in points]) for name in names)
        # half of the two standard errors given, and not less than a point deserves that happened to look quiet
        errors = (np.maximum(np.maximum(e, np.median(e)) / 2, 1e-12) for e in (e_density, e_slope))
        return FitData(overlap, path.internal(strength), density, slope, *errors)

    def joined(self, other: FitData) -> FitData:
        """Return both sets of points."""
        return FitData(*(np.concatenate([getattr(d, n) for d in (self, other)]) for n in self.__dataclass_fields__))

    def noisy(self, rng: np.random.Generator) -> FitData:
        """Return the points with noise of the size of their errors."""
        noise = rng.standard_normal((2, len(self.overlap)))
        return replace(
            self, density=self.density + self.density_error * noise[0], slope=self.slope + self.slope_error * noise[1]
        )


def powers_of(degree: int) -> tuple[tuple[int, int], ...]:
    """Return the powers (i, j) of q^i s^j up to a total degree in which the strength counts twice."""
    return tuple((i, j) for j in range(degree // 2 + 1) for i in range(degree - 2 * j + 1))


def _fitted(data: FitData, value: Array, error: Array, powers: Sequence[tuple[int, int]]) -> Array:
    """Return the matrix of coefficients of q^i s^j that fits a value by weighted least squares."""
    columns = np.column_stack([data.overlap**i * data.strength**j for i, j in powers])
    found = np.linalg.lstsq(columns / error[:, None], value / error, rcond=None)[0]
    matrix = np.zeros((1 + max(i for i, _ in powers), 1 + max(j for _, j in powers)))
    for (i, j), coefficient in zip(powers, found, strict=True):
        matrix[i, j] = coefficient
    return matrix


def _derivative(matrix: Array, by_q: int, by_s: int) -> Array:
    """Return the matrix of a derivative of sum_ij a_ij q^i s^j, of the same shape."""
    result = np.zeros(matrix.shape)
    found = polyder(polyder(matrix, by_q, axis=0), by_s, axis=1)
    if matrix.shape[0] > by_q and matrix.shape[1] > by_s:
        result[: found.shape[0], : found.shape[1]] = found
    return result


def _values(matrices: Array, q: Array, s: Array) -> Array:
    """Return the values of polynomials sum_ij a_ij q^i s^j, shape (polynomials, *q.shape)."""
    rows, columns = (_powers(x.ravel(), n) for x, n in zip((q, s), matrices.shape[1:], strict=True))
    found = rows @ matrices
    found *= columns
    return np.asarray(found.sum(axis=2).reshape(len(matrices), *q.shape))


def _powers(x: Array, number: int) -> Array:
    """Return 1, x, x^2, ..., shape (len(x), number)."""
    found = np.ones((number, len(x)))
    for k in range(1, number):
        np.multiply(found[k - 1], x, out=found[k])
    return found.T


@lru_cache(maxsize=1)
def _rule() -> tuple[Array, Array]:
    node, weight = np.polynomial.legendre.leggauss(NODES)
    return node, weight


@lru_cache(maxsize=16)
def _side_curve(path: Path, q: int, top: float) -> tuple[Array, Array, Array]:
    """Return strengths, the overlaps that side information gives on its own, and their slopes."""
    levels = np.linspace(0, top, SIDE)
    side = side_overlap(path, q, levels)
    return levels, side, np.gradient(side, levels)


class FittedEquationOfState(EquationOfState):
    """A surface through points of population dynamics: polynomials g and r in overlap and internal strength.

    Parameters
    ----------
    model, path
        The colouring and the path.
    data
        The points; the surface is meant between their overlaps, and up to `top`.
    powers
        Those of g and, but for the constant, of r; without strengths all points must be at zero.
    anchored
        Whether g(0, 0) is the Kesten-Stigum degree, instead of fitted.
    top
        The largest internal strength.
    """

    def __init__(
        self, model: Coloring, path: Path, data: FitData, powers: Sequence[tuple[int, int]], anchored: bool, top: float
    ) -> None:
        self.model: Coloring = model
        self.path = path
        # overlaps of colours are scaled like those of a spin
        self.prior = Rademacher()
        self.unit = model.weak_recovery
        self.top = top
        self.first, self.last = (0.0 if anchored else float(data.overlap.min())), float(data.overlap.max())
        self._levels, self._side, self._side_slope = _side_curve(path, model.q, top)
        part = 1 - np.interp(data.strength, self._levels, self._side) / data.overlap
        rest = [p for p in powers if p != (0, 0)]
        constant = self.unit if anchored else 0.0
        self._g = _fitted(data, data.density / part - constant, data.density_error / part, rest if anchored else powers)
        self._g[0, 0] += constant
        self._g_derivatives = np.stack([_derivative(self._g, i, j) for i, j in DERIVATIVES])
        self._r = _fitted(data, data.slope, data.slope_error, rest)

    def _density(self, q: Array, s: Array) -> tuple[Array, ...]:
        """Return lambda = g (1 - q_side/q), and its derivatives in q, qq, s and qs."""
        g, g_q, g_qq, g_s, g_qs = _values(self._g_derivatives, q, s)
        w, v = (np.interp(s, self._levels, column) / q for column in (self._side, self._side_slope))
        return (
            g * (1 - w),
            g_q * (1 - w) + g * w / q,
            g_qq * (1 - w) + 2 * w / q * (g_q - g / q),
            g_s * (1 - w) - g * v,
            g_qs * (1 - w) + g_s * w / q - v * (g_q - g / q),
        )

    def _free_entropy(self, q: Array, s: Array) -> Array:
        """Return phi less that of the side information alone: the integral of r d lambda from q_side on."""
        node, weight = _rule()
        least = np.interp(s, self._levels, self._side)
        t = least + (0.5 + 0.5 * node.reshape(-1, *[1] * q.ndim)) * (q - least)
        strength = np.broadcast_to(s, t.shape)
        integrand = _values(self._r[np.newaxis], t, strength)[0] * self._density(np.maximum(t, TINY), strength)[1]
        return np.asarray(0.5 * (q - least) * np.tensordot(weight, integrand, axes=1))

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at overlaps and internal strengths, broadcast against each other."""
        q, s = np.broadcast_arrays(np.asarray(coordinate, dtype=float), np.asarray(strength, dtype=float))
        density, by_q, by_qq, by_s, by_qs = self._density(q, s)
        zero, r = np.zeros(q.shape), _values(self._r[np.newaxis], q, s)[0]
        phi = phi_s = zero
        if with_energy:
            step = STEP * self.top
            low, high = np.maximum(s - step, 0.0), np.minimum(s + step, self.top)
            phi, above, below = self._free_entropy(np.stack([q, q, q]), np.stack([s, high, low]))
            phi_s = (above - below) / (high - low) - r * by_s
        return Surface(
            coordinate=q, strength=s, intensity=density, fold=q * by_q / self.unit,
            fold_z=(by_q + q * by_qq) / self.unit, fold_s=q * by_qs / self.unit, drift=q * by_s / self.unit,
            overlap=q, overlap_z=zero + 1, overlap_s=zero, gap=1 - q, signal=q, free_entropy=phi,
            free_entropy_s=phi_s, scaled_slope=q / self.unit, scaled_ratio=2 * r * self.unit / q,
            scaled_curvature=1 / q, scaled_signal=q * density / self.unit,
        )  # fmt: skip

    def errors(self, f: Surface) -> Errors:
        """Bound rounding; noise is not among these errors."""
        size = ROUNDING * np.ones(f.coordinate.shape)
        return Errors(
            intensity=size * self.unit, signal=size * f.coordinate, fold=size, fold_z=size / f.coordinate,
            overlap=size, free_entropy=size,
        )  # fmt: skip

    @property
    def grid(self) -> Array:
        """Overlaps between those of the points, and where the surface is anchored down to zero."""
        inner = np.linspace(self.first, self.last, OVERLAPS + 1)[1 if self.first == 0 else 0 :]
        return np.concatenate([inner[:1] * np.geomspace(NEAREST, 0.5, 8), inner]) if self.first == 0 else inner

    def search_grid(self) -> tuple[Array, Array]:
        """Return overlaps and strengths over which folds are looked for."""
        return self.grid, np.linspace(0, self.top, STRENGTHS)

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return the ends of the grid."""
        return np.full_like(intensity, self.grid[0]), np.full_like(intensity, self.last)

    @property
    def farthest(self) -> float:
        """The last overlap."""
        return self.last

    @property
    def reach(self) -> float:
        """The density at the last overlap without side information."""
        return float(self.surface(np.array([self.last]), 0.0, with_energy=False).intensity[0])

    @cached_property
    def start(self) -> float:
        """The density at which overlap zero loses stability: that of Kesten and Stigum, up to the fit."""
        return float(self._g[0, 0])

    @property
    def symmetric(self) -> bool:
        """Whether overlap zero is a fixed point at zero strength: always."""
        return True

    @property
    def weak_recovery_rule(self) -> str:
        """How weak recovery is located."""
        return "Kesten-Stigum: c = (q - 1)^2"

    @property
    def no_weak_recovery(self) -> str:
        """Nothing: overlap zero always loses stability."""
        return "overlap zero is always stable"
