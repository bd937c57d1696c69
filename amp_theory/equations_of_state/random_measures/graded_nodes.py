"""Nodes of fields that follow a smooth potential as 1 - q falls, and log H there: tables that all overlaps share.

Where the slope f' of log psi bends at an edge b, within a width l, log H(w; V) bends within sqrt(V + l^2) around

    w = b - V f'(b),

from which the largest term of H is at b.  The logistic potential has two such places, of slopes zero and its steepness,
and none elsewhere; breaks have l = 0.  Nodes w - centre = x are even in

    y = sum_b asinh((x - b + V f'(b))/U) + asinh(w/A),     U = UNIT sqrt(V + l^2),

(A as long as the law of w is wide, and no such term where one of the places stays next to w = 0), so that sums over y
are trapezoidal and exponentially exact.  At every y the place x, log H and its derivatives are smooth functions of
log(V + FLOOR l^2), with the least l: polynomials in it, through Chebyshev points of panels that are filled once for
all overlaps.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from amp_theory.ingredients.outputs.potentials import SMOOTHER, Smoothed, SmoothPotential
from amp_theory.tools.arrays import Array, Index

#: the unit of arcsinh, steps of it, and steps of what is smooth, in units of sqrt(V + l^2)
UNIT, STEP, SMOOTH = 2.5, 0.115, 0.36
#: steps of w in units of the least width of its law, and that
CURVED, LEAST_WIDTH = 0.5, 0.6
#: width of panels in the logarithm of V, points on each, and what is added to V in units of l^2
PANEL, POINTS, FLOOR = 1.4, 15, 0.1
#: places whose sums are alike at a time
TOGETHER = 4096
#: distances that no law of w reaches, nor twice as far within a panel
FARTHEST = 400.0
#: how much further than asked panels are filled, steps of the first guess of a place, and Newton steps from there
FURTHER, ROUGH, NEWTON, CLOSE = 0.1, 0.25, 6, 1e-9


class GradedNodes(NamedTuple):
    """Nodes w - centre, dw per step of the sum (zero outside), and the smoothed potential; arrays (n, nodes)."""

    distance: Array
    weight: Array
    parts: Smoothed


class GradedFields:
    """The nodes of a potential with edges, at one fineness."""

    def __init__(self, potential: SmoothPotential, fine: float) -> None:
        self.potential = potential
        self._edge, self._slope, widths = np.array(potential.edges).T
        self._square, self._width = widths**2, potential.edge_width
        least = LEAST_WIDTH * min(potential.background, 1.0)
        away = float(np.min(np.abs(self._edge + potential.centre) + np.abs(self._slope)))
        # places that are all far from the law of w for some V would leave it few nodes
        self._law = UNIT * least if CURVED * least < STEP * (away + least) else None
        self._step: float = STEP * fine
        self._first = float(np.log(FLOOR * self._width**2)) if self._width else 0.0
        self._panels: dict[int, tuple[int, Array]] = {}
        t = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
        self._points = 0.5 * (1 + t)
        self._factors = (-1.0) ** np.arange(POINTS) * np.sqrt(1 - t * t)

    def __call__(self, low: Array, high: Array, variance: Array, direct: bool) -> GradedNodes:
        """Return nodes between ends, shape (n,), at variances V; log H by its own sums, or from tables."""
        ends = np.stack([self._label(end[:, None], variance)[0][:, 0] for end in (low, high)])
        first, last = int(np.floor(np.min(ends[0]) / self._step)), int(np.ceil(np.max(ends[1]) / self._step))
        number = np.arange(first, last + 1)
        y = self._step * number
        columns = self._columns(number, variance) if direct else self._tabled(first, last, variance)
        inside = (y > ends[0][:, None] - self._step) & (y < ends[1][:, None] + self._step)
        # nodes of other variances lie far beyond the ends, and count nothing
        columns[:, ~inside] = 0.0
        return GradedNodes(columns[0], columns[1] * self._step, Smoothed(*columns[2:]))

    def _label(self, x: Array, variance: Array) -> tuple[Array, Array]:
        """Return y and dy/dx at x, shape (n, m), with variances (n,)."""
        v = variance[:, None]
        y, slope = np.zeros(x.shape), np.zeros(x.shape)
        for edge, pull, square in zip(self._edge, self._slope, self._square, strict=True):
            unit = UNIT * np.sqrt(v + square)
            away = (x - (edge - v * pull)) / unit
            y += np.arcsinh(away)
            slope += 1 / (unit * np.sqrt(1 + away * away))
        if self._law is not None:
            away = (x + self.potential.centre) / self._law
            y += np.arcsinh(away)
            slope += 1 / (self._law * np.sqrt(1 + away * away))
        return y, slope

    def _places(self, y: Array, variance: Array) -> Array:
        """Return x at y, shape (m,), and variances (n,)."""
        unit = UNIT * np.sqrt(variance[:, None] + self._square)
        centres = self._edge - variance[:, None] * self._slope
        # as far as the sum reaches if only one edge counts
        count = int(np.max(np.abs(y)) / ROUGH) + 2
        around = np.sinh(ROUGH * np.arange(-count, count + 1))
        if self._law is not None:
            unit, centres = (
                np.concatenate([a, np.full((len(a), 1), b)], axis=1)
                for a, b in ((unit, self._law), (centres, -self.potential.centre))
            )
        rough = np.sort((centres[:, :, None] + unit[:, :, None] * around).reshape(len(unit), -1), axis=1)
        labels = self._label(rough, variance)[0]
        x = np.stack([np.interp(y, *pair) for pair in zip(labels, rough, strict=True)])
        for _ in range(NEWTON):
            here, slope = self._label(x, variance)
            step = (here - y) / slope
            x -= step
            # the next step is as good as its square
            if np.all(np.abs(step) * slope < CLOSE):
                break
        return x

    def _tabled(self, first: int, last: int, variance: Array) -> Array:
        """Return places, dx/dy, log H and its derivatives, shape (6, n, nodes), by interpolation in log V."""
        t = (np.log(variance + FLOOR * self._width**2) - self._first) / PANEL
        number = np.floor(t).astype(int)
        found = np.empty((6, len(t), last - first + 1))
        for panel in np.unique(number).tolist():
            rows = np.flatnonzero(number == panel)
            apart = (t[rows] - panel)[:, None] - self._points
            # on a point the interpolation is what is there
            apart[apart == 0] = 1e-300
            share = self._factors / apart
            share /= np.sum(share, axis=1, keepdims=True)
            found[:, rows] = share @ self._filled(panel, first, last)
        return found

    def _filled(self, panel: int, first: int, last: int) -> Array:
        """Return the columns at the points of a panel, shape (6, POINTS, nodes)."""
        begin, table = self._panels.get(panel, (first, np.empty((6, POINTS, 0))))
        end = begin + table.shape[2] - 1
        if first < begin or last > end:
            more = int(FURTHER * (last - first)) + 1
            below = np.arange(first - more, begin) if first < begin else np.arange(0)
            above = np.arange(end + 1, last + more + 1) if last > end else np.arange(0)
            variance = np.exp(self._first + PANEL * (panel + self._points)) - FLOOR * self._width**2
            sides = [self._columns(part, variance) for part in (below, above)]
            table = np.concatenate([sides[0], table, sides[1]], axis=2)
            begin -= len(below)
            self._panels[panel] = (begin, table)
        return table[:, :, first - begin : last - begin + 1]

    def _columns(self, number: Index, variance: Array) -> Array:
        """Return the columns at some nodes."""
        if not len(number):
            return np.empty((6, len(variance), 0))
        x = np.clip(self._places(np.asarray(self._step * number, dtype=float), variance), -FARTHEST, FARTHEST)
        found = np.empty((6, *x.shape))
        found[:2] = x, 1 / self._label(x, variance)[1]
        # sums share their terms where the potential is smooth over sqrt(V), or far from it with edges of a width
        alike = SMOOTHER**2 * variance < self.potential.scale**2
        if self._width:
            alike |= variance >= self.potential.scale**2
        size, alone = 1 + TOGETHER // len(number), np.flatnonzero(~alike)[:, None]
        rows = np.flatnonzero(alike)
        for some in [*(rows[k : k + size] for k in range(0, len(rows), size)), *alone]:
            found[2:, some] = np.stack(self.potential.smoothed(x[some], variance[some, None]))
        return found


@lru_cache(maxsize=8)
def graded_fields(potential: SmoothPotential, fine: float) -> GradedFields:
    """Return the (cached) nodes of a potential."""
    return GradedFields(potential, fine)
