"""Smoothed potentials that bend at edges only: sums over fields s that are dense there, which all places share.

With f = log psi and edges b of widths l, the nodes s for variances V >= L^2 are even in

    t = sum_b asinh((s - b)/(UNIT l)) + s STEP/(FAR L),

so that sums of e^{f(s) - (s - w)^2/(2 V)} are trapezoidal and converge exponentially, with a number of terms that grows
with log(V/l^2) alone; L is one of geometric lengths, of which each has one table of s and f, and no longer than that on
which f changes elsewhere.  The largest term of w is next to the node where s - V f'(s), which rises, passes w.  Log H
and its derivatives are moments of (s - w)/sqrt(V), which need no derivative of f, where V is not below l^2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from amp_theory.ingredients.outputs.potentials import DEVIATIONS, Smoothed, SmoothPotential, smoothed_from_terms
from amp_theory.tools.arrays import Array

#: the unit of arcsinh in widths of an edge, steps of t, steps far from edges in units of L, and ratio of lengths L
UNIT, STEP, FAR, RATIO = 2.0, 0.2, 0.6, 1.4
#: standard deviations that nodes next to the largest term may be off by, and how much further than asked tables go
ROOM, FURTHER = 0.7, 2.0
#: steps of arcsinh of the first guess of a node, Newton steps from there, and terms at a time that fit into the cache
ROUGH, NEWTON, BLOCK = 0.25, 6, 16384


class _Table(NamedTuple):
    """Nodes between two places: s, f' and f + log ds, shape (nodes,)."""

    low: float
    high: float
    s: Array
    f1: Array
    log_term: Array


class _Nodes:
    """The nodes of one length L: a table that grows, taken and put back as a whole, as threads share it."""

    def __init__(self, potential: SmoothPotential, length: float) -> None:
        self.potential, self.length = potential, min(length, potential.background) * FAR / STEP
        places = sorted({(edge.place, edge.width) for edge in potential.edges})
        self._edges, widths = (np.array(column)[:, None] for column in zip(*places, strict=True))
        self._unit, self._step = UNIT * widths, STEP * potential.fine
        self._table = _Table(np.inf, -np.inf, *(np.empty(0) for _ in range(3)))

    def between(self, low: float, high: float) -> _Table:
        """Return a table that holds all nodes between two places."""
        table = self._table
        if low < table.low or high > table.high:
            low, high = min(low - FURTHER, table.low), max(high + FURTHER, table.high)
            ends = self._label(np.array([low, high]))[0] / self._step
            s = self._places(self._step * np.arange(np.floor(ends[0]), np.ceil(ends[1]) + 1), low, high)
            f, f1, _ = self.potential.logarithm(s)
            table = _Table(low, high, s, f1, f + np.log(self._step / np.sqrt(2 * np.pi) / self._label(s)[1]))
            self._table = table
        return table

    def _label(self, s: Array) -> tuple[Array, Array]:
        """Return t and dt/ds."""
        away = (s - self._edges) / self._unit
        slope = np.sum(1 / np.sqrt(1 + away * away) / self._unit, axis=0)
        return np.sum(np.arcsinh(away), axis=0) + s / self.length, slope + 1 / self.length

    def _places(self, t: Array, low: float, high: float) -> Array:
        """Return s at t, all between two places."""
        reach = max(np.max(np.abs(self._edges - end)) for end in (low, high))
        count = int(np.arcsinh(reach / np.min(self._unit)) / ROUGH) + 3
        rough = np.unique(self._edges + self._unit * np.sinh(ROUGH * np.arange(-count, count + 1)))
        s = np.interp(t, self._label(rough)[0], rough)
        for _ in range(NEWTON):
            here, slope = self._label(s)
            s = s - (here - t) / slope
        return np.asarray(s)


class GradedPotential(SmoothPotential):
    """A smooth potential that is summed over fields that are dense next to its edges."""

    def smoothed(self, distance: Array, variance: Array) -> Smoothed:
        """Return sums that are dense next to edges, around the largest term where psi is smooth over sqrt(V)."""
        w, v = np.broadcast_arrays(distance, variance)
        if not self.edge_width or self.breaks or np.any(v < self.scale**2):
            return super().smoothed(w, v)
        # places of one V share their nodes
        if np.ndim(distance) == 2 and np.shape(variance) == (len(distance), 1):
            return smoothed_next_to_edges(self, w, v[:, 0])
        rows = w.reshape((1, -1) if np.size(variance) == 1 else (-1, 1))
        parts = smoothed_next_to_edges(self, rows, v.reshape(-1)[: len(rows)])
        return Smoothed(*(part.reshape(w.shape) for part in parts))


@lru_cache(maxsize=128)
def _nodes(potential: SmoothPotential, level: int) -> _Nodes:
    """Return the (cached) nodes of one length."""
    return _Nodes(potential, RATIO**level)


def smoothed_next_to_edges(potential: SmoothPotential, distance: Array, variance: Array) -> Smoothed:
    """Return log H and its derivatives at distances from the centre, arrays (n, m) of variances (n,)."""
    levels = np.floor(np.log(variance) / (2 * np.log(RATIO))).astype(int)
    if np.all(levels == levels[0]):
        return Smoothed(*_summed(_nodes(potential, int(levels[0])), distance, variance))
    found = np.empty((4, *distance.shape))
    for level in np.unique(levels).tolist():
        some = levels == level
        found[:, some] = _summed(_nodes(potential, level), distance[some], variance[some])
    return Smoothed(*found)


def _summed(nodes: _Nodes, w: Array, variance: Array) -> Array:
    """Return log H and its derivatives, shape (4, n, m)."""
    root = np.sqrt(variance)[:, None]
    pulled, span = w + variance[:, None] * nodes.potential.logarithm(w)[1], (DEVIATIONS + ROOM) * root
    low, high = float(np.min(np.minimum(w, pulled) - span)), float(np.max(np.maximum(w, pulled) + span))
    table = nodes.between(low, high)
    # of all nodes those in question
    first, last = np.searchsorted(table.s, [low, high]) + np.array([-1, 1])
    s, f1, log_term = table.s[first:last], table.f1[first:last], table.log_term[first:last]
    apart = (high - low) + np.max(variance) * np.ptp(f1) + 1
    rows = apart * np.arange(len(w))[:, None]
    most = np.searchsorted((s - variance[:, None] * f1 + rows).ravel(), (w + rows).ravel()).reshape(w.shape)
    centre = s[np.clip(most - len(s) * np.arange(len(w))[:, None], 0, len(s) - 1)]
    begin, end = (np.searchsorted(s, centre + sign * span) for sign in (-1, 1))
    terms = int(np.max(end - begin)) + 1
    begin = np.clip(begin, 0, max(len(s) - terms, 0))
    flat = [np.broadcast_to(x, w.shape).ravel() for x in (w, root, begin)]
    found = np.empty((4, w.size))
    for some in np.array_split(np.arange(w.size), -(-w.size * terms // BLOCK)):
        at, scale, start = (x[some, None] for x in flat)
        index = start + np.arange(min(terms, len(s)))
        u, root = (np.take(s, index) - at) / scale, scale[:, 0]
        found[:, some] = smoothed_from_terms(u, np.take(log_term, index), root, 1 / root)
    return found.reshape(4, *w.shape)
