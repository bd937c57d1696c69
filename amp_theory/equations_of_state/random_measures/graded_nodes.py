"""Nodes of fields that follow a smooth potential as 1 - q falls, and log H there: tables that all overlaps share.

Where the slope f' of log psi bends at an edge b, within a width l, log H(w; V) bends within sqrt(V + l^2) around

    w = b - V f'(b),

from which the largest term of H is at b.  The logistic potential has two such places, of slopes zero and its steepness,
and none elsewhere; one with breaks has l = 0 at each of them, and elsewhere changes on its scale.  Nodes w - centre = x
are even in

    y = (x - m)/L + sum_b asinh((x - b + V f'(b))/U),     U = UNIT sqrt(V + l^2),   L = STEP^-1 SMOOTH sqrt(V + scale^2)

(m the mean of the places, and no L of the logistic one), so that sums over y are trapezoidal and exponentially exact.
At every y the place x, log H and its derivatives are smooth functions of log(V + FLOOR l^2): polynomials in it, through
Chebyshev points of panels that are filled once for all overlaps.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from amp_theory.ingredients.outputs.potentials import SMOOTHER, Smoothed, SmoothPotential
from amp_theory.tools.arrays import Array, Index

#: the unit of arcsinh, steps of it, and steps of what is smooth, in units of sqrt(V + l^2)
UNIT, STEP, SMOOTH = 2.5, 0.115, 0.36
#: steps of arcsinh so far from the law of w, in units of its width plus the distance, and the least width
CURVED, LEAST_WIDTH = 0.5, 0.6
#: width of panels in the logarithm of V, points on each, and what is added to V in units of l^2
PANEL, POINTS, FLOOR = 1.4, 15, 0.1
#: places whose sums are alike at a time
TOGETHER = 4096
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
        self._edge, self._slope = np.array(potential.edges).T
        self._width = potential.edge_width
        self._even = not self._width
        away = abs(potential.centre)
        self._step: float = (STEP if self._even else min(STEP, CURVED * LEAST_WIDTH / (away + LEAST_WIDTH))) * fine
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
        return GradedNodes(columns[0], np.where(inside, columns[1] * self._step, 0.0), Smoothed(*columns[2:]))

    def _label(self, x: Array, variance: Array) -> tuple[Array, Array]:
        """Return y and dy/dx at x, shape (n, m), with variances (n,)."""
        v = variance[:, None]
        unit = UNIT * np.sqrt(v + self._width**2)
        y, slope = np.zeros(x.shape), np.zeros(x.shape)
        for edge, pull in zip(self._edge, self._slope, strict=True):
            away = (x - (edge - v * pull)) / unit
            y += np.arcsinh(away)
            slope += 1 / (unit * np.sqrt(1 + away * away))
        if self._even:
            length = SMOOTH / STEP * np.sqrt(v + self.potential.scale**2)
            y += (x - (np.mean(self._edge) - v * np.mean(self._slope))) / length
            slope += 1 / length
        return y, slope

    def _places(self, y: Array, variance: Array) -> Array:
        """Return x at y, shape (m,), and variances (n,)."""
        unit, centres = UNIT * np.sqrt(variance + self._width**2), self._edge - variance[:, None] * self._slope
        # as far as the sum reaches if only one edge counts
        count = int(np.max(np.abs(y)) / ROUGH) + 2
        around = np.sinh(ROUGH * np.arange(-count, count + 1))
        rough = np.sort((centres[:, :, None] + (unit[:, None] * around)[:, None, :]).reshape(len(unit), -1), axis=1)
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
        x = self._places(np.asarray(self._step * number, dtype=float), variance)
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
