"""PatternMoments over one random pattern, between the outer overlap and full knowledge.

With the smoothed potential H(w; V) = E_u psi(w + sqrt(V) u) and g = d log H/dw, the field w0 ~ N(0, q0) of what all
samples share and that of what is known of the hidden one, w, have at inner overlap q the joint law

    N(w0; 0, q0) N(w; w0, q - q0) H(w; 1 - q)/H(w0; 1 - q0),

which is normalised.  Given w, w0 is Gaussian with mean w q0/q and variance q0 (q - q0)/q but for 1/H: the averages are

    <f>_q = int dw N(w; 0, q) H(w; 1 - q) f(w) E[1/H(w0; 1 - q0) | w].

They are martingales of a Brownian path w(q): d<log H>/dq = <g^2>/2, d<g^2>/dq = <g'^2>, d<g'^2>/dq = <g''^2 - 2 g'^3>.

Both integrals are trapezoidal sums, which converge exponentially.  That over w is even in arcsinh of the distance from
the margin in units of sqrt(1 - q), so that its nodes are dense next to the margin and geometric away from it, down to
1 - q = 1e-15; where w has a narrow law, in w itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from amp_theory.ingredients.outputs.potentials import Potential, Smoothed
from amp_theory.tools.arrays import Array

#: standard deviations at which Gaussians are cut off, and distances from the margin in units of sqrt(1 - q)
DEVIATIONS, MARGIN = 8.8, 9.5
#: steps: of arcsinh, of its unit, of a narrow law in standard deviations, of w0 in its own and in sqrt(1 - q0)
STEP, UNIT, NARROW, OUTER, SMOOTH, CURVED = 0.13, 2.5, 0.45, 0.7, 0.36, 0.5
#: overlaps below this are none
LEAST = 1e-300
#: how much finer the second quadrature is
FINER = 0.8
#: points at a time
TOGETHER = 24


class PatternMoments(NamedTuple):
    """<1>, <log H>, <g^2>, <g'^2> and d<g'^2>/dq, arrays of one shape."""

    weight: Array
    log_h: Array
    square: Array
    slope: Array
    bend: Array


def _averages(weight: Array, parts: Smoothed, step: Array) -> PatternMoments:
    log_h, g, g1, g2 = parts
    columns = (np.ones_like(g), log_h, g * g, g1 * g1, g2 * g2 - 2 * g1**3)
    return PatternMoments(*(step * np.sum(weight * np.where(weight > 0, x, 0.0), axis=-1) for x in columns))


@dataclass(frozen=True)
class PatternAverages:
    """PatternMoments over patterns with a potential; fields are measured from its centre."""

    potential: Potential
    check: bool = False

    @property
    def _fine(self) -> float:
        return FINER if self.check else 1.0

    def base(self, overlap: Array, gap: Array) -> PatternMoments:
        """Return averages over w0 ~ N(0, q0) with H(w0; 1 - q0), arrays of the shape of q0 and 1 - q0."""
        w, x, jacobian, step = self._nodes(np.zeros_like(overlap), overlap, gap, gap)
        q = np.maximum(overlap, LEAST)[..., None]
        weight = jacobian * np.exp(-(w**2) / (2 * q)) / np.sqrt(2 * np.pi * q)
        return _averages(weight, self.potential.smoothed(x, gap[..., None]), step)

    def inside(self, start: Array, start_gap: Array, excess: Array, gap: Array) -> PatternMoments:
        """Return averages at q = q0 + excess, 1 - q = gap; arrays (n, 1), (n, 1), (n, m), (n, m)."""
        shape = np.broadcast_shapes(start.shape, excess.shape)
        q0, v0, d, v = (np.broadcast_to(x, shape).ravel() for x in (start, start_gap, excess, gap))
        order = np.argsort(v)  # points alike in the number of their nodes
        table = np.empty((len(PatternMoments._fields), len(v)))
        for part in np.array_split(order, max(1, -(-len(order) // TOGETHER))):
            if len(part):
                table[:, part] = self._inside(q0[part], v0[part], d[part], v[part])
        return PatternMoments(*(row.reshape(shape) for row in table))

    def _inside(self, q0: Array, v0: Array, d: Array, v: Array) -> PatternMoments:
        q, centre = np.maximum(q0 + d, LEAST), self.potential.centre
        w, x, jacobian, step = self._nodes(d, q, v, v0)
        parts = self.potential.smoothed(x, v[:, None])
        tau = np.sqrt(q0 * (d / q))
        # on the side where H falls its inverse widens the law of w0, by at most this factor
        wide = np.sqrt(1 / np.maximum(1 - tau**2 / v0, np.maximum(v0, 1e-3)))[:, None]
        fine = np.minimum(OUTER, SMOOTH * np.maximum(np.sqrt(v0), self._smooth) / np.maximum(tau, LEAST)) * self._fine
        shared = w * (q0 / q)[:, None]
        mean = shared - centre
        g = self.potential.smoothed(mean, v0[:, None]).g
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
        log_inverse = np.log(fine / np.sqrt(2 * np.pi))[:, None, None] - y * y / 2
        log_inverse -= self.potential.log_smoothed(mean[:, :, None] + tau[:, None, None] * y, v0[:, None, None])
        total = parts.log_h - w**2 / (2 * q)[:, None] + np.log(jacobian / np.sqrt(2 * np.pi * q)[:, None])
        with np.errstate(under="ignore"):
            weight = np.exp(log_inverse + total[:, :, None]).sum(axis=-1)
        return _averages(weight, parts, step)

    @property
    def _smooth(self) -> float:
        """The length on which even psi itself is smooth; zero where it has an edge."""
        return self.potential.scale if self.potential.margin is None else 0.0

    def _nodes(self, d: Array, q: Array, v: Array, v0: Array) -> tuple[Array, Array, Array, Array]:
        """Return nodes w and w - centre, shape (..., nodes), dw per step, and the step."""
        sigma, root, centre = np.sqrt(np.maximum(q, LEAST)), np.sqrt(v), self.potential.centre
        low, high = self._range(d, q, v, v0)
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
        w, x = np.where(narrow[..., None], y, far + centre), np.where(narrow[..., None], y - centre, far)
        jacobian = np.where(inside, np.where(narrow[..., None], 1.0, unit[..., None] * np.cosh(bent)), 1e-300)
        return w, x, jacobian, step

    def _range(self, d: Array, q: Array, v: Array, v0: Array) -> tuple[Array, Array]:
        """Return between which w - centre all averages lie."""
        sigma, root, centre = np.sqrt(np.maximum(q, LEAST)), np.sqrt(v), self.potential.centre
        outer = DEVIATIONS * np.sqrt(np.maximum(q - d, 0.0))
        # the potential pulls w by (q - q0) g(w0)
        g_low, g_high = (self.potential.smoothed(end - centre, v0).g for end in (-outer, outer))
        low = -DEVIATIONS * sigma + d * np.minimum(g_high, 0.0) - centre
        high = DEVIATIONS * sigma + d * np.maximum(g_low, 0.0) - centre
        if self.potential.margin is None:
            return low, high
        # given a sample s >= kappa, w is a bridge from w0 to s; margins far below weigh by their many patterns
        ratio = v / v0
        below = ratio * np.minimum(-outer - centre, 0.0) - MARGIN * np.sqrt(v * np.maximum(1 - ratio, 0.0))
        low, reach = np.maximum(low, below), MARGIN * root
        if centre < 0:  # where N(w; 0, q) times 1 - H, and times g^2, is largest
            for k in (1, 2):
                most, spread = -centre * v / (v + k * q), DEVIATIONS * np.sqrt(q * v / (v + k * q))
                low, reach = np.minimum(low, most - spread), np.maximum(reach, most + spread)
        if self.potential.margin == 0:  # H = 1 beyond the margin
            high = np.minimum(high, reach)
        return low, np.maximum(high, low + np.minimum(root, sigma))
