"""Piecewise Chebyshev interpolants of a prior's channel functions, built where they are first needed.

The solvers evaluate psi(x), M(x), ... thousands of times; integrating a few hundred times and
interpolating is as accurate and much faster.  The first panel is [0, x_0], the others octaves
[x_0 2^k, x_0 2^(k+1)], on which functions analytic in the right half plane have Chebyshev coefficients
decreasing like 5.8^-n.  A panel whose last coefficients are not negligible is split.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from amp_theory.ingredients.priors.mixture_channel import UNDERFLOW, ChannelValues
from amp_theory.tools.arrays import EPS, Array, Bools
from amp_theory.tools.chebyshev import analysis, nodes
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.panels import refined

#: Chebyshev nodes of a panel, x_0 in units of 1/size, tail of the coefficients that is negligible
NODES, FIRST, TAIL = 20, 1 / 16, 2e-14
SPLITS = 12
#: octaves whose ends are evaluated together
TOGETHER = 16
#: the largest error that may be rounding
NOISE = 1e-12
#: log(mmse/Var s) below which nothing is left of it
UNDERFLOWN = -2000.0

_points = nodes(-1, 1, NODES)
_weights = np.sin((np.arange(NODES) + 0.5) * np.pi / NODES) * (-1.0) ** np.arange(NODES)
#: values at the points -> Chebyshev coefficients, the mean counted twice
_transform = analysis(NODES)
_transform[0] *= 2


@dataclass(frozen=True, slots=True)
class TableValues:
    """psi, M, mmse, M', M'', M - (E s)^2 at x, and the bound on their relative error (of M'' relative to its scale)."""

    free_entropy: Array
    overlap: Array
    mmse: Array
    slope: Array
    curvature: Array
    gain: Array
    information: Array
    relative_error: Array


class ChannelTable:
    """Interpolated channel functions of one prior.

    What an observation adds to psi and M is interpolated, in units of x^2 and x: next to any mean, and at any small x,
    it keeps its digits.

    Parameters
    ----------
    evaluate
        The accurate functions, for x of shape (n,).
    mean
        E s, the square root of M at x = 0.
    size
        The scale of (s - E s)^2: x is measured in units of 1/size.
    variance
        Var s, the mmse at x = 0.
    """

    def __init__(self, evaluate: Callable[[Array], ChannelValues], mean: float, size: float, variance: float) -> None:
        self._evaluate = evaluate
        self._variance = variance
        self._offset = mean**2
        self._first = FIRST / size
        self._end = 0.0
        self._saturated = False
        self._lower = np.empty(0)
        self._upper = np.empty(0)
        self._values = np.empty((0, NODES, 6))
        self._error = np.empty(0)
        #: the panels so far, replaced by larger ones and never changed, so that threads may share them
        self._built = copy.copy(self)

    def __call__(self, snr: Array) -> TableValues:
        """Evaluate at x = `snr` >= 0, any shape."""
        x = np.asarray(snr, dtype=float)
        largest = float(x.max(initial=0.0))
        built = self._built
        if largest >= built._end and not built._saturated:
            built = copy.copy(built)
            built._build(largest)
            self._built = built
        return built._interpolated(x)

    def _interpolated(self, x: Array) -> TableValues:
        """Evaluate where there are panels."""
        asked = x.ravel()
        flat = np.minimum(asked, self._end) if self._saturated else asked
        panel = self._lower.searchsorted(flat, side="right") - 1
        lower, upper = self._lower[panel], self._upper[panel]
        gap = ((2 * flat - lower - upper) / (upper - lower))[:, None] - _points
        gap[gap == 0] = 1e-280
        weight = _weights / gap
        level, line, depth, slope, curvature, information = np.einsum(
            "xn,xnf->fx", weight, self._values[panel]
        ) / np.add.reduce(weight, axis=1)
        mmse = self._variance * np.exp(depth)
        gain = np.where(mmse < 0.5 * self._variance, self._variance - mmse, line * flat)
        # beyond the table psi is a straight line of slope rho/2
        psi = level * flat * flat + 0.5 * self._variance * (asked - flat) + 0.5 * self._offset * asked
        error = self._error[panel]
        columns = (psi, self._offset + gain, mmse, slope * mmse, curvature * mmse, gain, information * flat, error)
        return TableValues(*columns) if x.ndim == 1 else TableValues(*(c.reshape(x.shape) for c in columns))

    def _build(self, largest: float) -> None:
        """Add octaves until `largest` is covered, or until the mmse has underflowed for good."""
        edges = [(0.0, self._first)] if self._end == 0 else []
        end = max(self._end, self._first)
        while end <= largest and not self._saturated:
            octaves = min(int(np.log2(largest / end)) + 1, TOGETHER)
            ends = np.ldexp(end, np.arange(1, octaves + 1))
            gone = self._evaluate(ends).log_mmse - np.log(self._variance) < UNDERFLOWN
            self._saturated = bool(gone.any())
            ends = ends[: gone.argmax() + 1] if self._saturated else ends
            edges += zip(ends / 2, ends, strict=True)
            end = float(ends[-1])
        # how far the tails of the panels that those looked at are halves of exceeded what is negligible
        before = np.full(len(edges), np.inf)

        def look(panels: Array) -> tuple[Bools, Array, Array]:
            nonlocal before
            excess, rough, values, error = self._interpolate(panels, before)
            before = np.tile(excess[rough], 2)
            return rough, values, error

        def failure(panels: Array) -> NumericalError:
            return NumericalError(
                f"the prior's channel functions could not be interpolated to {TAIL:g} near x = {panels.mean():.6g}"
            )

        panels, values, error = refined(np.array(edges), look, SPLITS + 1, failure)
        self._lower = np.concatenate([self._lower, panels[:, 0]])
        self._upper = np.concatenate([self._upper, panels[:, 1]])
        self._values = np.concatenate([self._values, values])
        self._error = np.concatenate([self._error, error])
        self._end = end

    def _interpolate(self, panels: Array, before: Array) -> tuple[Array, Bools, Array, Array]:
        """Return how far the tails of panels exceed what is negligible, which are too rough, values and errors."""
        lower, upper = panels.T
        x = 0.5 * (lower + upper)[:, None] + 0.5 * (upper - lower)[:, None] * _points
        exact = self._evaluate(x.ravel())
        columns = [
            exact.free_entropy_gain / x.ravel() ** 2,
            exact.overlap_gain / x.ravel(),
            exact.log_mmse - np.log(self._variance),
            exact.slope_ratio,
            exact.curvature_ratio,
            exact.information / x.ravel(),
        ]
        values = np.stack(columns, axis=-1).reshape(-1, NODES, 6)
        coefficients = np.abs(np.einsum("kn,pnf->pkf", _transform, values))
        size = np.maximum(coefficients.max(axis=1), 1e-300)
        size[:, 2] = 1.0  # log mmse needs an absolute, not a relative error
        tail = coefficients[:, -3:].max(axis=1) / size
        known = exact.relative_error.reshape(-1, NODES).max(axis=1)
        # coefficients below the error of the values say nothing
        negligible = np.repeat(np.maximum(TAIL, 2 * known)[:, None], 6, axis=1)
        depth = np.maximum(np.abs(values[:, :, 2]).max(axis=1), 1.0)
        negligible[:, 2] = np.maximum(negligible[:, 2], 8 * EPS * depth)
        excess = (tail / negligible).max(axis=1)
        # what halving does not reduce is rounding, more than was expected, and is stated
        rounding = (excess > 0.5 * before) & (tail.max(axis=1) < NOISE)
        rough = (excess > 1) & ~rounding
        # where the mmse has underflowed no digit of it is left to be wrong
        lost = 8 * EPS * np.minimum(depth, UNDERFLOW)
        tail[:, 2] = np.minimum(tail[:, 2], np.maximum(negligible[:, 0], lost))
        return excess, rough, values, known + 2 * tail.max(axis=1) + lost
