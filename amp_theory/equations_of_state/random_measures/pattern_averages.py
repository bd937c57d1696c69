"""PatternMoments over one random pattern, between the outer overlap and full knowledge.

With the smoothed potential H(w; V) = E_u psi(w + sqrt(V) u) and g = d log H/dw, the field w0 ~ N(0, q0) of what all
samples share and that of what is known of the hidden one, w, have at inner overlap q the joint law

    N(w0; 0, q0) N(w; w0, q - q0) H(w; 1 - q)/H(w0; 1 - q0),

which is normalised.  Given w, w0 is Gaussian with mean w q0/q and variance q0 (q - q0)/q but for 1/H: the averages are

    <f>_q = int dw N(w; 0, q) H(w; 1 - q) f(w) E[1/H(w0; 1 - q0) | w].

They are martingales of a Brownian path w(q): d<log H>/dq = <g^2>/2, d<g^2>/dq = <g'^2>, d<g'^2>/dq = <g''^2 - 2 g'^3>.

Both integrals are trapezoidal sums, which converge exponentially.  That over w is even in arcsinh of the distance from
the margin in units of sqrt(1 - q), so that its nodes are dense next to the margin and geometric away from it, down to
1 - q = 1e-15; where w has a narrow law, or a smooth potential may bend anywhere, in w itself.  Those of smooth
potentials with edges are in `graded_nodes`.  The second quadrature has finer nodes, and log H there by sums of its own
where the first has tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import NamedTuple

import numpy as np

from amp_theory.equations_of_state.random_measures.graded_nodes import (
    SMOOTH,
    STEP,
    UNIT,
    GradedNodes,
    graded_fields,
)
from amp_theory.ingredients.outputs.lattice_sums import smoothed_on_lattice
from amp_theory.ingredients.outputs.potentials import Potential, Smoothed, SmoothPotential
from amp_theory.tools.arrays import Array, Bools, Index

#: standard deviations at which Gaussians are cut off, and distances from the margin in units of sqrt(1 - q)
DEVIATIONS, MARGIN = 8.8, 9.5
#: steps: of arcsinh, of its unit, of a narrow law in standard deviations, of w0 in its own and in sqrt(1 - q0)
NARROW, OUTER, CURVED = 0.45, 0.7, 0.5
#: overlaps below this are none
LEAST = 1e-300
#: how much finer the second quadrature is
FINER = 0.8
#: (q - q0)/q below which w0 is summed over next to every w, not at nodes that all w share
NEAR = 0.04
#: nodes of smooth log H per length on which it changes, and places at a time that fit into the cache
PER_LENGTH, BLOCK = 8, 8192
#: how much further than asked tables of log H over outer fields go, and how many places pay for one of their nodes
WIDER, MANY = 2.0, 2.0
#: exponents below which nothing counts; smaller ones only take time
NOTHING = -690.0
#: points at a time
TOGETHER = 12


class PatternMoments(NamedTuple):
    """<1>, <log H>, <g^2>, <g'^2>, d<g'^2>/dq, <g^2 g'> and <g'>, arrays of one shape."""

    weight: Array
    log_h: Array
    square: Array
    slope: Array
    bend: Array
    mixed: Array
    bent: Array


def _smooth_length(potential: Potential) -> float:
    return potential.scale if potential.margin is None and not potential.breaks else 0.0


def _evenly(potential: Potential, distance: Array, variance: Array, step: Array) -> Smoothed:
    """Return log H and its derivatives at even places, shape (n, m), with steps and variances of shape (n,)."""
    if not isinstance(potential, SmoothPotential) or potential.breaks:
        return potential.smoothed(distance, variance[:, None])
    if not potential.edge_width or np.any(variance < potential.scale**2):
        return smoothed_on_lattice(potential, distance[:, 0], step, distance.shape[1], variance)
    return potential.smoothed(distance, variance[:, None])


class _OuterTable(NamedTuple):
    """Even nodes from `start` to `end`, g there, and eight rows of coefficients between them, highest power first."""

    start: float
    end: float
    nodes: Array
    g: Array
    rows: tuple[Array, ...]


class _Outer:
    """Log H at one variance, by polynomials through it and three derivatives at even nodes, and g at the nodes.

    Threads share the table: it grows by a new one in its place, at the same multiples of the step.
    """

    def __init__(self, potential: Potential, variance: float) -> None:
        self.potential, self.variance = potential, variance
        self.step = max(float(np.sqrt(variance)), _smooth_length(potential)) / PER_LENGTH
        self._table = _OuterTable(np.inf, -np.inf, np.empty(0), np.empty(0), ())

    def holding(self, distance: Array) -> _OuterTable:
        """Return a table between whose nodes all places are."""
        low, high, table = float(np.min(distance)), float(np.max(distance)), self._table
        if low < table.start or high > table.end:
            table = self._filled(min(low - WIDER, table.start), max(high + WIDER, table.end))
            self._table = table
        return table

    def _filled(self, low: float, high: float) -> _OuterTable:
        step = self.step
        nodes = step * np.arange(np.floor(low / step), np.ceil(high / step) + 2)
        parts = _evenly(self.potential, nodes[None], np.full(1, self.variance), np.full(1, step))
        scaled = np.stack(parts)[:, 0] * (step ** np.arange(4) / (1.0, 1.0, 2.0, 6.0))[:, None]
        # what the polynomial of the left node leaves at the right one, by four more powers
        rest = scaled[:, 1:] - np.array([[comb(j, k) for j in range(4)] for k in range(4)]) @ scaled[:, :-1]
        more = np.linalg.solve([[comb(4 + j, k) for j in range(4)] for k in range(4)], rest)
        rows = (*more[::-1], *scaled[::-1])
        return _OuterTable(float(nodes[0]), float(nodes[-2]), nodes, parts.g[0], rows)


@lru_cache(maxsize=64)
def _outer(potential: Potential, variance: float) -> _Outer:
    """Return the (cached) table of one variance."""
    return _Outer(potential, variance)


def _averages(weight: Array, parts: Smoothed) -> PatternMoments:
    log_h, g, g1, g2 = parts
    columns = (np.ones_like(g), log_h, g * g, g1 * g1, g2 * g2 - 2 * g1**3, g * g * g1, g1)
    return PatternMoments(*(np.sum(weight * np.where(weight > 0, x, 0.0), axis=-1) for x in columns))


@dataclass(frozen=True)
class PatternAverages:
    """PatternMoments over patterns with a potential; fields are measured from its centre."""

    potential: Potential
    check: bool = False

    @property
    def _fine(self) -> float:
        return FINER if self.check else 1.0

    def base(self, overlap: Array, gap: Array) -> PatternMoments:
        """Return averages over w0 ~ N(0, q0) with H(w0; 1 - q0), arrays (n,) of q0 and 1 - q0."""
        table = np.empty((len(PatternMoments._fields), len(gap)))
        for part in self._together(gap, self._graded(overlap, gap)):
            q, v = overlap[part], gap[part]
            nodes = self._nodes(np.zeros_like(q), q, v, v, self._pull(q, v))
            w, q = nodes.distance + self.potential.centre, np.maximum(q, LEAST)[:, None]
            weight = nodes.weight * np.exp(-(w**2) / (2 * q)) / np.sqrt(2 * np.pi * q)
            table[:, part] = _averages(weight, nodes.parts)
        return PatternMoments(*table)

    def _together(self, gap: Array, *kinds: Index | Bools) -> Iterator[Index]:
        """Yield the numbers of points of one kind, alike in the number of their nodes."""
        order = np.lexsort((gap, *kinds))
        ends = np.any([np.diff(kind[order]) != 0 for kind in kinds], axis=0)
        for some in np.split(order, np.flatnonzero(ends) + 1):
            yield from np.array_split(some, -(-len(some) // TOGETHER))

    def inside(self, start: Array, start_gap: Array, excess: Array, gap: Array) -> PatternMoments:
        """Return averages at q = q0 + excess, 1 - q = gap; arrays (n, 1), (n, 1), (n, m), (n, m)."""
        shape = np.broadcast_shapes(start.shape, excess.shape)
        if not np.prod(shape):
            return PatternMoments(*np.empty((len(PatternMoments._fields), *shape)))
        q0, v0, d, v = (np.broadcast_to(x, shape).ravel() for x in (start, start_gap, excess, gap))
        near = self._near(q0, d, v0)
        pull = np.repeat(self._pull(start[:, 0], start_gap[:, 0]), shape[1], axis=1)
        # of one row where there are many: it has one law of w0
        row = np.repeat(np.arange(shape[0]), shape[1]) if shape[1] >= TOGETHER else np.zeros(len(v), dtype=int)
        table = np.empty((len(PatternMoments._fields), len(v)))
        for part in self._together(v, row, near, self._graded(q0 + d, v)):
            table[:, part] = self._inside(q0[part], v0[part], d[part], v[part], pull[:, part])
        return PatternMoments(*(column.reshape(shape) for column in table))

    def _inside(self, q0: Array, v0: Array, d: Array, v: Array, pull: Array) -> PatternMoments:
        """Return averages at points that are all near the base, or none of them."""
        q = np.maximum(q0 + d, LEAST)
        x, weight, parts = self._nodes(d, q, v, v0, pull)
        w, near = x + self.potential.centre, self._near(q0[:1], d[:1], v0[:1])[0]
        total = parts.log_h + np.log(np.maximum(weight, LEAST) / np.sqrt(2 * np.pi * (q if near else d))[:, None])
        if near:
            total -= w**2 / (2 * q)[:, None]
        log_weights = (self._beside if near else self._beyond)(w, q0, d, v0)
        log_weights += total[:, :, None]
        np.maximum(log_weights, NOTHING, out=log_weights)
        weight = np.exp(log_weights, out=log_weights).sum(axis=-1)
        return _averages(weight, parts)

    def _near(self, q0: Array, d: Array, v0: Array) -> Bools:
        """Tell where w0 is summed over next to every w, as its law is narrow even where H widens it."""
        q = q0 + d
        if self.potential.margin is not None:
            return np.asarray(d < NEAR * q)
        return np.asarray(d * self._widened(q0 * (d / np.maximum(q, LEAST)), v0) ** 2 < NEAR * q)

    def _widened(self, square: Array, v0: Array) -> Array:
        """Return by how much 1/H widens the law of w0, of a variance, at most, on the side where H falls."""
        # -g' < 1/(V + 1/c), c the largest -f''
        bent = v0 + (1 / max(2 * self.potential.bend, 1.0) if isinstance(self.potential, SmoothPotential) else 0.0)
        return np.asarray(np.sqrt(1 / np.maximum(1 - square / bent, np.maximum(v0, 1e-3))))

    def _beyond(self, w: Array, q0: Array, d: Array, v0: Array) -> Array:
        """Return logarithms of the law of w0 and w over H, but for factors, at nodes w0 that all w share."""
        root = np.sqrt(np.maximum(q0, LEAST))
        tau = root * np.sqrt(d / (q0 + d))
        fine = np.min(np.minimum(OUTER * tau, SMOOTH * np.maximum(np.sqrt(v0), self._smooth)) / root) * self._fine
        count = int(np.ceil(2 * DEVIATIONS / fine)) + 1
        y = np.linspace(-DEVIATIONS, DEVIATIONS, count)
        first, back = np.unique(q0, return_index=True, return_inverse=True)[1:]
        w0 = root[first, None] * y
        law = np.log((y[1] - y[0]) / np.sqrt(2 * np.pi)) - y * y / 2
        law = law - self._log_smoothed(w0 - self.potential.centre, v0[first])
        found = w[:, :, None] - w0[back][:, None, :]
        found *= found
        found *= (-0.5 / d)[:, None, None]
        found += law[back][:, None, :]
        return np.asarray(found)

    def _beside(self, w: Array, q0: Array, d: Array, v0: Array) -> Array:
        """Return logarithms of the law of w0 given w over H at nodes w0 next to w."""
        q, centre = np.maximum(q0 + d, LEAST), self.potential.centre
        tau = np.sqrt(q0 * (d / q))
        wide = self._widened(tau**2, v0)[:, None]
        fine = np.minimum(OUTER, SMOOTH * np.maximum(np.sqrt(v0), self._smooth) / np.maximum(tau, LEAST)) * self._fine
        shared = w * (q0 / q)[:, None]
        mean = shared - centre
        g = self._about(mean, v0)
        down, up = (tau[:, None] * np.maximum(sign * g, 0.0) * wide**2 + DEVIATIONS * wide for sign in (1, -1))
        # no further than w0 goes
        room = DEVIATIONS * np.sqrt(q0)[:, None]
        for span, sign in ((down, 1), (up, -1)):
            with np.errstate(over="ignore"):
                far = (room + sign * shared) / np.maximum(tau, LEAST)[:, None]
            np.minimum(span, np.maximum(far, DEVIATIONS), out=span)
        if self.potential.rises:
            up = np.full_like(down, DEVIATIONS)
        count = int(np.max(np.ceil((down + up) / fine[:, None])))
        y = fine[:, None, None] * np.arange(count + 1) - down[:, :, None]
        found = np.log(fine / np.sqrt(2 * np.pi))[:, None, None] - y * y / 2
        w0 = mean[:, :, None] + tau[:, None, None] * y
        found -= self._log_smoothed(w0, v0)
        return np.asarray(found)

    def _about(self, distance: Array, variance: Array) -> Array:
        """Return what is about g at places, shape (n, m), and variances (n,)."""
        if self.potential.margin is not None:
            return self.potential.smoothed(distance, variance[:, None]).g
        found = np.empty(distance.shape)
        for gap in np.unique(variance):
            some = variance == gap
            table = _outer(self.potential, float(gap)).holding(distance[some])
            found[some] = np.interp(distance[some], table.nodes, table.g)
        return found

    def _interpolated(self, distance: Array, variance: float) -> Array:
        """Return log H at many places and one variance."""
        outer, places = _outer(self.potential, variance), distance.ravel()
        table = outer.holding(distance)
        found, term, last = np.zeros(len(places)), np.empty(BLOCK), len(table.g) - 2
        for start in range(0, len(places), BLOCK):
            place = (places[start : start + BLOCK] - table.start) / outer.step
            value = found[start : start + BLOCK]
            k = np.minimum(place.astype(np.intp), last)
            place -= k
            some = term[: len(k)]
            for row in table.rows:
                value *= place
                value += np.take(row, k, out=some, mode="clip")
        return found.reshape(distance.shape)

    def _log_smoothed(self, distance: Array, variance: Array) -> Array:
        """Return log H at places, shape (n, ...), and variances (n,)."""
        gaps = np.unique(variance)
        if self.potential.margin is not None:
            # powers where there are many places for every node of a table
            nodes = len(gaps) * float(np.ptp(distance)) * PER_LENGTH / np.sqrt(gaps[0])
            if not self.potential.margin or distance.size < MANY * nodes:
                return self.potential.log_smoothed(distance, variance.reshape(-1, *[1] * (distance.ndim - 1)))
        found = np.empty(distance.shape)
        for gap in gaps.tolist():
            some = variance == gap
            found[some] = self._interpolated(distance[some], gap)
        return found

    @property
    def _smooth(self) -> float:
        """The length on which even psi itself is smooth; zero where it has an edge."""
        return _smooth_length(self.potential)

    def _pull(self, q0: Array, v0: Array) -> Array:
        """Return g(w0; 1 - q0) at both ends of the law of w0, shape (2, n)."""
        outer = DEVIATIONS * np.sqrt(q0)
        ends = np.stack([-outer, outer], axis=1) - self.potential.centre
        return self.potential.smoothed(ends, v0[:, None]).g.T

    def _graded(self, q: Array, v: Array) -> Bools:
        """Tell at which points nodes are those of `graded_nodes`: of a smooth potential, but for narrow laws of w."""
        if not (isinstance(self.potential, SmoothPotential) and self.potential.edges):
            return np.zeros(len(q), dtype=bool)
        return np.asarray(NARROW * np.sqrt(q) > SMOOTH * np.sqrt(v + self._smooth**2))

    def _nodes(self, d: Array, q: Array, v: Array, v0: Array, pull: Array) -> GradedNodes:
        """Return nodes w - centre, dw per step, and the smoothed potential there, shape (n, nodes)."""
        low, high = self._range(d, q, v, v0, pull)
        if self._graded(q[:1], v[:1])[0]:
            assert isinstance(self.potential, SmoothPotential)
            return graded_fields(self.potential, self._fine)(low, high, v, self.check)
        sigma, root, centre = np.sqrt(np.maximum(q, LEAST)), np.sqrt(v), self.potential.centre
        if self.potential.margin is None:
            narrow = np.ones(np.shape(q), dtype=bool)
            plain = np.minimum(NARROW * sigma, SMOOTH * np.maximum(root, self._smooth))
        else:
            narrow, plain = NARROW * sigma <= SMOOTH * root, NARROW * sigma
        bent_step = np.minimum(STEP, CURVED * sigma / (abs(centre) + sigma))
        step = np.where(narrow, plain, bent_step) * self._fine
        unit = UNIT * root
        ends = [np.where(narrow, end + centre, np.arcsinh(end / unit)) for end in (low, high)]
        count = int(np.max(np.ceil((ends[1] - ends[0]) / step))) + 1
        y = np.minimum(
            ends[0][..., None] + step[..., None] * np.arange(count), ends[1][..., None] + 2 * step[..., None]
        )
        # what lies two steps beyond the end counts nothing
        inside = y <= ends[1][..., None] + step[..., None]
        bent = np.where(narrow[..., None], 0.0, y)
        far = unit[..., None] * np.sinh(bent)
        x = np.where(narrow[..., None], y - centre, far)
        jacobian = np.where(inside, np.where(narrow[..., None], 1.0, unit[..., None] * np.cosh(bent)), 0.0)
        return GradedNodes(x, jacobian * step[:, None], _evenly(self.potential, x, v, step))

    def _range(self, d: Array, q: Array, v: Array, v0: Array, pull: Array) -> tuple[Array, Array]:
        """Return between which w - centre all averages lie."""
        sigma, root, centre = np.sqrt(np.maximum(q, LEAST)), np.sqrt(v), self.potential.centre
        outer = DEVIATIONS * np.sqrt(np.maximum(q - d, 0.0))
        # the potential pulls w by (q - q0) g(w0)
        low = -DEVIATIONS * sigma + d * np.minimum(pull[1], 0.0) - centre
        high = DEVIATIONS * sigma + d * np.maximum(pull[0], 0.0) - centre
        if self.potential.margin is None:
            return low, high
        # given a sample s >= kappa, w is a bridge from w0 to s; margins far below weigh by their many patterns
        ratio = v / v0
        below = ratio * np.minimum(-outer - centre, 0.0) - MARGIN * np.sqrt(v * np.maximum(1 - ratio, 0.0))
        low, reach = np.maximum(low, below), MARGIN * root
        if centre < 0:  # where N(w; 0, q) times 1 - H, and times g^2, is largest
            for k in (1, 2):
                most, spread = -centre / (1 + k * q / v), DEVIATIONS * np.sqrt(q * v / (v + k * q))
                low, reach = np.minimum(low, most - spread), np.maximum(reach, most + spread)
        if self.potential.margin == 0:  # H = 1 beyond the margin
            high = np.minimum(high, reach)
        return low, np.maximum(high, low + np.minimum(root, sigma))
