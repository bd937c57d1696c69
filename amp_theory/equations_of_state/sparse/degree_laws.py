"""Density evolution on Poisson graphs whose variables are revealed in the order of their degrees.

A variable of degree d is hidden with probability 1 - theta_d; a_d is the law of degrees, Poisson with mean c, and of
excess degrees along edges.  Seen from a variable and along an edge, where degree d = j + 1 has excess degree j,

    V(U) = sum_d a_d (1 - theta_d) U^d,    E(U) = sum_j a_j (1 - theta_(j+1)) U^j = V'(U)/c.

With the highest degrees first all variables of degree below some D are hidden, those above are revealed, and those of
degree D in part, so that theta is the revealed fraction of all; F = P(degree < D),

    V = B + (1 - theta - F) U^D,    B = sum_(m < D) a_m U^m,    dV/dc = (U - 1) B at constant theta;

with the lowest first V = e^(c (U - 1)) - B - (theta - F) U^D and dV/dc = (U - 1) (e^(c (U - 1)) - B).  Both fall with c
whatever D is, so that with D held fixed they are the analytic continuation of one piece of a function with kinks.

Parity checks at T = 0 know erasures only, which are one number: their transform at one frequency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.equations_of_state.sparse.density_evolution import (
    ITERATIONS,
    PATIENCE,
    ROUNDING,
    TOLERANCE,
    DensityEvolution,
    Laws,
    evolution_of,
)
from amp_theory.equations_of_state.sparse.mixing import DEPTH, Mixer
from amp_theory.ingredients.factors.factors import Decomposition, EnumeratedFactor
from amp_theory.ingredients.factors.field_grid import FieldGrid
from amp_theory.models.sparse import SparseModel
from amp_theory.tools.arrays import Array, Index

#: the order in which the highest degrees come first
HIGHEST = "highest-degree"
#: laws whose sums over degrees stay in the processor's cache
BLOCK = 32
#: mean degrees from which on, and beyond which, the order is left out, in units of that at which factors tell all
DENSE = (6.0, 12.0)
#: the largest mean degree, and that beyond which degrees are not told apart exactly
MOST, EXACT = 1e9, 3e3
#: iterations without progress before giving up
HOPELESS = 80


@dataclass(frozen=True)
class ErasureGrid(FieldGrid):
    """The grid of messages that are certain or absent: one field, one frequency, one number."""

    @cached_property
    def frequency(self) -> Array:
        """Zero."""
        return np.zeros(1)

    @cached_property
    def gap(self) -> Array:
        """The erased part is 1 - overlap."""
        return np.ones(1)

    @cached_property
    def entropy(self) -> Array:
        """An erased spin has the entropy log 2."""
        return np.full(1, math.log(2))


@dataclass(frozen=True)
class OrderedEvolution(DensityEvolution):
    """The equations of an order; `side` is the hidden fraction 1 - theta at every frequency.

    With a `cutoff` this is held fixed as the degree D that is revealed in part, else it is the true one.
    """

    base: DensityEvolution
    highest: bool
    cutoff: int | None = None

    @cached_property
    def dense(self) -> tuple[float, float]:
        """Mean degrees between which the order is left out: there nothing is left to tell."""
        per_factor = self.factor.weight_entropy - math.log(self.factor.mean_weight)
        enough = self.factor.k * math.log(2) / per_factor
        return DENSE[0] * enough, DENSE[1] * enough

    def _random_part(self, degree: Array) -> Array:
        """Return the part of the law that is taken in random order."""
        low, high = self.dense
        u = np.clip(np.nan_to_num(np.log(np.maximum(degree, 1e-9) / low), nan=1.0) / np.log(high / low), 0, 1)
        return np.asarray(u * u * (3 - 2 * u))

    @property
    def erasures(self) -> bool:
        """Whether messages are certain or absent."""
        return self.base.erasures

    @cached_property
    def decomposition(self) -> Decomposition | EnumeratedFactor:
        """What gives U - 1 and R of laws of fields."""
        return self.base.decomposition

    def factor_message(self, transform: Array) -> tuple[Array, Array]:
        """Return U - 1 and R; of erasures from the probability that all other spins are known."""
        if not self.erasures:
            return super().factor_message(transform)
        known = (1 - transform) ** (self.factor.k - 1)
        return -known, -math.log(self.factor.mean_weight) * known[:, 0]

    def change(self, new: Array, old: Array) -> Array:
        """Return the largest change of U at frequencies that matter."""
        return np.abs(new - old)[:, 0] if self.erasures else super().change(new, old)

    def _cutoff(self, side: Array, degree: Array) -> Index:
        """Return the degree that is revealed in part, shape (n, 1): the one held fixed, or the true one."""
        known = np.minimum(degree, self.dense[1])
        if self.cutoff is not None:
            return np.full(degree.shape, self.cutoff)
        return cutoff_degree(self.highest, np.where(degree > 0, known, self.dense[1]), 1 - side[:, :1])

    def _below(self, d: Index, degree: Array, loss: Array) -> Array:
        """Return B for cutoffs and mean degrees of shape (n, 1), block by block."""
        total = np.empty_like(loss)
        for begin in range(0, len(loss), BLOCK):
            rows = slice(begin, begin + BLOCK)
            part, law = total[rows], 1 + loss[rows]
            laws = _degrees_below(np.where(degree[rows] < self.dense[1], d[rows], 0), degree[rows])
            part[:] = laws[:, -1:]
            for m in range(laws.shape[1] - 2, -1, -1):
                part *= law
                part += laws[:, m : m + 1]
        return total

    def solve_degree(self, side: Array, gap: Array, loss: Array, degree: Array) -> Array:
        """Solve as for other side information; where the degree is held fixed from moments, which are few."""
        if self.cutoff is not None and self.highest and not self.erasures:
            given = (self.factor, self.degrees, self.grid, self.base, self.highest, self.cutoff)
            found = _OfMoments(*given).solve_degree(side, gap, self._moments(loss), degree)
            if np.all(found <= self.dense[0]):
                return found
        return super().solve_degree(side, gap, loss, degree)

    def _moments(self, loss: Array) -> Array:
        """Return what U^m leaves unknown of a spin, m = 0, ..., D."""
        result = np.empty((len(loss), (self.cutoff or 0) + 1))
        for begin in range(0, len(loss), BLOCK):
            law = 1 + loss[begin : begin + BLOCK]
            power = np.ones_like(law)
            for m in range(result.shape[1]):
                result[begin : begin + BLOCK, m] = power @ self.grid.gap
                power *= law
        return result

    def variable(self, side: Array, degree: Array, loss: Array) -> tuple[Array, Array]:
        """Return E and V from the hidden fraction `side`, the mean degree, shape (n, 1), and U - 1."""
        d = self._cutoff(side, degree)
        return self._laws(side, degree, loss, d, self._below(d, degree, loss))

    def _laws(self, side: Array, degree: Array, loss: Array, d: Index, below: Array) -> tuple[Array, Array]:
        """Return E and V from the cutoff and B too."""
        from scipy.special import gammaln, pdtr

        hidden, known = side[:, :1], np.where(d > 0, pdtr(np.maximum(d - 1, 0), degree), 0.0)
        random, every = self._random_part(degree), np.exp(degree * loss)
        if np.all(random == 1):
            return hidden * every, hidden * every
        # U^(D-1) times the probability of the excess degree D - 1, and times the part of D
        power = (1 + loss) ** np.maximum(d - 1, 0)
        last = (d > 0) * np.exp(np.maximum(d - 1, 0) * np.log(degree) - degree - gammaln(np.maximum(d, 1)))
        if self.highest:
            part = hidden - known
            edge, full = below + (part * d / degree - last) * power, below + part * (1 + loss) ** d
        else:
            part = 1 - hidden - known
            edge, full = every - below - (part * d / degree - last) * power, every - below - part * (1 + loss) ** d
        return edge + random * (hidden * every - edge), full + random * (hidden * every - full)

    def _left_over(self, side: Array, degree: Array, loss: Array) -> tuple[Array, Array]:
        """Return d(1 - overlap)/d degree and 1 - overlap."""
        d = self._cutoff(side, degree)
        below = self._below(d, degree, loss)
        full = self._laws(side, degree, loss, d, below)[1]
        return self._slope(degree, loss, below) @ self.grid.gap, full @ self.grid.gap

    def _per_degree(self, side: Array, degree: Array, loss: Array, full: Array) -> Array:
        """Return dV/dc at constant theta."""
        return self._slope(degree, loss, self._below(self._cutoff(side, degree), degree, loss))

    def _slope(self, degree: Array, loss: Array, below: Array) -> Array:
        return np.asarray(loss * (below if self.highest else np.exp(degree * loss) - below))

    def settled(self, side: Array, gap: Array, transform: Array, degree: Array) -> Laws:
        """Return what `at_overlap` does, rows that do not converge included, from a second try without acceleration."""
        with np.errstate(all="ignore"):
            laws = self._at_overlap(side, gap, transform, degree)
            bad = np.flatnonzero(~(laws.residual < ROUNDING))
            if len(bad):
                again = self._at_overlap(side[bad], gap[bad], transform[bad], degree[bad], 0.5)
                better = ~(again.residual >= laws.residual[bad])
                laws.replace(bad[better], again, better)
        return laws

    def _at_overlap(self, side: Array, gap: Array, transform: Array, degree: Array, mixing: float = 1.0) -> Laws:
        """Iterate as for other side information, accelerated: at large overlap plain iterations turn round slowly."""
        n, c, transform = len(gap), degree.copy(), transform.copy()
        loss, rest = self.factor_message(transform)
        residual, best, since = np.full(n, np.inf), np.full(n, np.inf), np.zeros(n, dtype=int)
        mixer = Mixer(max(1, len(self.grid.frequency) // 3), DEPTH if mixing == 1 else 0)
        active = np.arange(n)
        for _ in range(ITERATIONS):
            new = self.solve_degree(side[active], gap[active], loss[active], c[active])
            transform[active], _ = self.variable(side[active], new[:, None], loss[active])
            update, rest[active] = self.factor_message(transform[active])
            change = np.maximum(np.abs(new / c[active] - 1), self.change(update, loss[active]))
            c[active], residual[active] = new, change
            better = change < 0.5 * best[active]
            best[active] = np.where(better, change, best[active])
            since[active] = np.where(better, 0, since[active] + 1)
            resting = (since[active] > PATIENCE) & (change < ROUNDING)
            going = ~((change < TOLERANCE) | resting | (since[active] > HOPELESS) | np.isnan(change))
            loss[active] = np.where(going[:, None], mixer.next(loss[active], update, change), update)
            active = active[going]
            mixer.keep(going)
            if not len(active):
                break
        return Laws(c, transform, loss, rest, residual)

    def partly_revealed(self, side: Array, degree: Array, loss: Array) -> Array:
        """Return U^D, the law of a variable of the degree that is revealed in part: -dV/d theta."""
        return np.asarray((1 + loss) ** self._cutoff(side, degree[:, None]))


class _OfMoments(OrderedEvolution):
    """The same with moments of U, up to the degree that is held fixed, in the place of U - 1."""

    def solve_degree(self, side: Array, gap: Array, loss: Array, degree: Array) -> Array:
        return DensityEvolution.solve_degree(self, side, gap, loss, degree)

    def _left_over(self, side: Array, degree: Array, loss: Array) -> tuple[Array, Array]:
        from scipy.special import pdtr

        d = loss.shape[1] - 1
        laws = _degrees_below(np.full(degree.shape, d), degree)
        known = pdtr(d - 1, degree[:, 0])
        value = np.sum(laws * loss[:, :-1], axis=1) + (side[:, 0] - known) * loss[:, -1]
        return np.sum(laws * np.diff(loss, axis=1), axis=1), value


def _degrees_below(d: Index, degree: Array) -> Array:
    """Return the law of degrees m = 0, 1, ..., zero from d on; d and mean degrees of shape (n, 1)."""
    from scipy.special import gammaln

    m = np.arange(max(int(d.max()), 1))
    return np.asarray(np.exp(m * np.log(degree) - degree - gammaln(m + 1)) * (m < d))


def ordered_evolution(
    model: SparseModel, highest: bool, cutoff: int | None = None, coarsening: float = 1.0
) -> OrderedEvolution:
    """Return density evolution on a model's grid, or on a coarser one, with a degree that is revealed in part."""
    base = evolution_of(model, coarsening)
    grid = ErasureGrid(base.grid.spacing, base.grid.half_width) if base.erasures else base.grid
    return OrderedEvolution(model.factor, base.degrees, grid, base, highest, cutoff)


def cutoff_degree(highest: bool, degree: Array, revealed: Array) -> Index:
    """Return the degree that is revealed in part at mean degrees c and revealed fractions, arrays of one shape.

    With the highest degrees first it is the least D with P(degree <= D) >= 1 - theta, from one on: variables without
    factors are of no use.  With the lowest first it is the least D with P(degree <= D) >= theta.
    """
    import scipy.special as special

    part = np.minimum(np.maximum(1 - revealed if highest else revealed, 1e-12), 1 - 1e-12)
    degree = np.minimum(np.where(np.isnan(degree), 1.0, degree), MOST)
    # from the normal law with its first correction the search is short
    normal = special.ndtri(part)
    d = np.maximum(np.floor(degree + normal * np.sqrt(degree) + (normal**2 - 1) / 6), 0)
    shape, d = d.shape, d.ravel()
    active = np.flatnonzero(degree < EXACT)
    c, goal = degree.ravel()[active], part.ravel()[active]
    while active.size:
        at = d[active]
        up = special.pdtr(at, c) < goal
        down = ~up & (at > 0) & (special.pdtr(np.maximum(at - 1, 0), c) >= goal)
        d[active] = at + up - down
        going = up | down
        active, c, goal = active[going], c[going], goal[going]
    d = d.reshape(shape)
    return np.asarray(np.maximum(d, 1 if highest else 0), dtype=np.intp)
