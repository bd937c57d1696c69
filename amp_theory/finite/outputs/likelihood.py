"""The denoising function of an output channel given by its likelihood, by quadrature, and samples of its outputs.

With weights P(y | omega + sqrt(V) w) exp(-w^2/2) on w, g = E[w]/sqrt(V) and dg/d omega = (Var[w] - 1)/V.  Panels of w
are halved until their moments are resolved, to an error of about 1e-12/V of dg/d omega; weights are taken relative to
the largest, so that outputs can be explained by z as far as REACH sqrt(V) from omega.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial import legendre

from amp_theory.finite.outputs.named import OutputFunction
from amp_theory.ingredients.outputs.likelihood import Channel, Likelihood
from amp_theory.ingredients.paths.side_information import Mask
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.panels import ANALYSIS, NODES, ORDER, panel_nodes
from amp_theory.tools.roots import bisected

LogWeight = Callable[[Index, Array], Array]

#: the first panels of w end at the multiples of 3, and further out in proportion to w; the farthest mean of w
_POSITIVE = np.concatenate([3.0 * np.arange(1, 4), 9 * 1.4 ** np.arange(1, 9)])
FIRST = np.concatenate([-_POSITIVE[::-1], [0.0], _POSITIVE])
REACH = 100.0
#: change of a moment, relative to all weight, below which a panel is not halved
RESOLVED = 1e-13
#: halvings, and panels per integral, at most; halvings after which some weight must have been found
HALVINGS, MOST_PANELS, SEARCHED = 48, 3000, 6
#: places z worked on together when outputs are drawn, and steps of the bisection
BLOCK, BISECTIONS = 400, 50
IMPOSSIBLE = "damp message passing, or check that the measurements belong to the channel"


def _ratio(log: Array, top: Array) -> Array:
    """Return exp(log - top), zero where log is -inf."""
    return np.exp(np.where(np.isfinite(log), log - np.where(np.isfinite(top), top, 0.0), -np.inf))


@dataclass(frozen=True)
class _Panels:
    """Panels of w: the integral each belongs to, its ends (n, 2), log of its scale and moments 0, 1, 2 (n, 3)."""

    row: Index
    ends: Array
    top: Array
    moments: Array

    @classmethod
    def of(cls, log_weight: LogWeight, row: Index, ends: Array) -> _Panels:
        """Integrate over every panel."""
        w, weight = panel_nodes(ends)
        log = log_weight(row, w)
        top = log.max(axis=1)
        value = weight * _ratio(log, top[:, None])
        return cls(row, ends, top, np.stack([value.sum(1), (value * w).sum(1), (value * w * w).sum(1)], axis=1))

    def halves(self, log_weight: LogWeight) -> _Panels:
        """Return both halves of every panel, one after the other."""
        middle = self.ends.mean(axis=1)
        ends = np.stack([self.ends[:, 0], middle, middle, self.ends[:, 1]], axis=1).reshape(-1, 2)
        return self.of(log_weight, np.repeat(self.row, 2), ends)

    def selected(self, mask: Mask) -> _Panels:
        """Return some of the panels."""
        return _Panels(self.row[mask], self.ends[mask], self.top[mask], self.moments[mask])

    def scaled(self, top: Array) -> Array:
        """Return the moments relative to the scale of the integral."""
        return _ratio(self.top, top[self.row])[:, None] * self.moments

    def highest(self, top: Array) -> Array:
        """Return the scales of all integrals, given those so far."""
        result = top.copy()
        np.maximum.at(result, self.row, self.top)
        return result


def moments_of_w(log_weight: LogWeight, edges: Array) -> tuple[Array, Array, Array]:
    """Return log of the integral of weights exp(log_weight), mean and variance of w, by adaptive quadrature.

    Parameters
    ----------
    log_weight
        Takes indices of integrals (n,) and places w (n, nodes), returns (n, nodes).
    edges
        Where the first panels end, shape (integrals, edges), increasing.

    Raises
    ------
    NumericalError
        If the weight vanishes everywhere or cannot be resolved.
    """
    rows = len(edges)
    ends = np.stack([edges[:, :-1], edges[:, 1:]], axis=2).reshape(-1, 2)
    whole = _Panels.of(log_weight, np.repeat(np.arange(rows), edges.shape[1] - 1), ends)
    top, done = whole.highest(np.full(rows, -np.inf)), np.zeros((rows, 3))
    for depth in range(HALVINGS):
        halves = whole.halves(log_weight)
        before, top = top, halves.highest(top)
        done *= _ratio(before, top)[:, None]
        parts = halves.scaled(top).reshape(-1, 2, 3).sum(axis=1)
        total = (done + _sum(whole.row, parts, rows))[whole.row, 0]
        size = np.maximum(1.0, np.abs(whole.ends).max(axis=1))[:, None] ** np.arange(3)
        change = (np.abs(parts - whole.scaled(top)) / size).max(axis=1)
        rough = (change > RESOLVED * total) | (total == 0)
        done += _sum(whole.row[~rough], parts[~rough], rows)
        whole = halves.selected(np.repeat(rough, 2))
        if not len(whole.row):
            mean = done[:, 1] / done[:, 0]
            return top + np.log(done[:, 0]), mean, done[:, 2] / done[:, 0] - mean**2
        nothing = depth >= SEARCHED and bool(np.any(total == 0))
        if nothing or len(whole.row) > MOST_PANELS * len(np.unique(whole.row)):
            break
    raise NumericalError(
        f"output number {whole.row[0]} is impossible given what is known of z, or its likelihood is too rough",
        IMPOSSIBLE,
    )


def _sum(row: Index, values: Array, rows: int) -> Array:
    return np.stack([np.bincount(row, column, rows) for column in values.T], axis=1)


@dataclass(frozen=True)
class LikelihoodOutput(OutputFunction):
    """A channel of one's own; the energy of a measurement is minus its log likelihood."""

    channel: Channel = field(repr=False)

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """Return the outcomes and the ends of the support."""
        ends = "" if self.channel.density is None else "from {:g} to {:g}".format(*self._ends())
        return " or ".join(filter(None, [", ".join(f"{y:g}" for y in self.channel.outcomes), ends]))

    def possible(self, y: Array) -> Mask:
        """Return which measurements are outcomes, or where the density is."""
        low, high = self._ends()
        return np.isin(y, self.channel.outcomes) | ((y >= low) & (y <= high))

    def _ends(self) -> tuple[float, float]:
        """Return where the density begins and ends; nowhere without one."""
        return (self.channel.support[0], self.channel.support[-1]) if self.channel.support else (math.inf, -math.inf)

    def _function(self, y: float) -> Likelihood:
        """Return the probability of an outcome, or else the density."""
        function = self.channel.likelihood if y in self.channel.outcomes else self.channel.density
        assert function is not None
        return function

    def _log(self, y: float, z: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(self.channel.values_at(self._function(y), y, z.ravel())).reshape(z.shape)

    def denoise(self, y: Array, omega: Array, variance: Array) -> tuple[Array, Array]:
        """Return g and dg/d omega.

        Raises
        ------
        NumericalError
            If an output is impossible given omega and V, or its likelihood too rough.
        """
        _, mean, spread = self._moments(y, omega, variance)
        return mean / np.sqrt(variance), (spread - 1) / variance

    def log_partition(self, y: Array, omega: Array, variance: Array) -> Array:
        """Return log Z(y, omega, V), or raise a `NumericalError` as `denoise` does."""
        level, _, _ = self._moments(y, omega, variance)
        return np.asarray(level - 0.5 * math.log(2 * math.pi))

    def _moments(self, y: Array, omega: Array, variance: Array) -> Array:
        """Return log of the integral over w, mean and variance of w, along the first axis."""
        y, omega, variance = np.broadcast_arrays(y, omega, variance)
        result = np.empty((3, *y.shape))
        for value in np.unique(y).tolist():
            here = y == value
            result[:, here] = self._posterior(value, omega[here], np.sqrt(variance[here]))
        return result

    def _posterior(self, y: float, omega: Array, root: Array) -> tuple[Array, Array, Array]:
        """Return log of the integral over w, mean and variance of w, for one y."""
        breaks = (np.array(self.channel.breakpoints) - omega[:, None]) / root[:, None]
        edges = np.concatenate([np.tile(FIRST, (len(omega), 1)), np.clip(breaks, FIRST[0], FIRST[-1])], axis=1)

        def log_weight(row: Index, w: Array) -> Array:
            return self._log(y, omega[row, None] + root[row, None] * w) - 0.5 * w * w

        level, mean, variance = moments_of_w(log_weight, np.sort(edges, axis=1))
        if np.any(np.abs(mean) > REACH):
            raise NumericalError(f"the output {y:g} is too improbable given what is known of z", IMPOSSIBLE)
        return level, mean, variance

    def log_likelihood(self, y: Array, z: Array) -> Array:
        """Return log P_out(y|z)."""
        y, z = np.broadcast_arrays(y, z)
        result = np.empty(y.shape)
        for value in np.unique(y).tolist():
            here = y == value
            result[here] = self._log(value, z[here])
        return result

    def energy(self, y: Array, z: Array) -> Array:
        """Return -log P_out(y|z)."""
        return -self.log_likelihood(y, z)

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Draw one output for every z of shape (n,): outcomes by their probabilities, else from the density."""
        blocks = [self._sample(z[k : k + BLOCK], rng) for k in range(0, len(z), BLOCK)]
        return np.concatenate(blocks)

    def _sample(self, z: Array, rng: np.random.Generator) -> Array:
        u, y = rng.random(len(z)), np.full(len(z), math.nan)
        total = np.zeros(len(z))
        for outcome in self.channel.outcomes:
            assert self.channel.likelihood is not None
            total = total + self.channel.values_at(self.channel.likelihood, outcome, z)
            y[np.isnan(y) & (u < total)] = outcome
        left = np.isnan(y)
        if self.channel.density is None:
            y[left] = self.channel.outcomes[-1]  # u in the rounding of the sum
        elif left.any():
            y[left] = self._from_density(z[left], u[left] - total[left])
        return y

    def _from_density(self, z: Array, u: Array) -> Array:
        """Return the y at which the integral of the density reaches u: its panel, then bisection of a polynomial."""
        assert self.channel.density is not None
        nodes = self.channel.output_panels(z, np.ones(len(z)))[0].reshape(-1, ORDER)
        density = np.array([self.channel.values_at(self.channel.density, y, z) for y in nodes.ravel().tolist()])
        half = (nodes[:, -1] - nodes[:, 0]) / (NODES[-1] - NODES[0])
        coefficients = np.einsum("ij,pjn->pin", ANALYSIS, density.reshape(*nodes.shape, len(z))) * half[:, None, None]
        cumulative = np.cumsum(2 * coefficients[:, 0], axis=0)
        panel = np.minimum((cumulative <= u).sum(axis=0), len(nodes) - 1)
        every = np.arange(len(z))
        mine = legendre.legint(coefficients[panel, :, every].T, lbnd=-1)
        target = u - np.where(panel > 0, cumulative[panel - 1, every], 0.0)
        low, high = bisected(
            lambda x: legendre.legval(x, mine, tensor=False) < target, -np.ones(len(z)), np.ones(len(z)), BISECTIONS
        )
        return np.asarray(nodes.mean(axis=1)[panel] + half[panel] * 0.5 * (low + high))
