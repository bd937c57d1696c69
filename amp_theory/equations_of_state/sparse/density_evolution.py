"""Density evolution: the cavity equations for laws of messages on random graphs with symmetric binary factors.

With the transforms of field_grid.py, U of factors.py, side(w) the transform of the side information's field
and mean degree c = k density,

    Poisson degrees:  nuhat(w) = side(w) exp(c (U(w) - 1)),  the same seen from a variable and from an edge;
    regular degrees:  side(w) U(w)^c for a variable, side(w) U(w)^{c-1} along an edge.

Between integers "regular" means balanced: degrees floor(c) and ceil(c), an ensemble of its own.

Entropies, nats per variable, with S_h = E log(1 + e^{-2h}) of a law and h + u the sum along an edge:

    S - S_0 = S_full - log 2 + density R - (density (k - 1)) (S_{h+u} - S_h)

is the posterior entropy (log Z, if the weights are not 0 and 1) relative to the paramagnet's, S_0 = log 2 +
density log Z.  At fixed laws d(S - S_0)/d density = k dS_full/dc + R - (k - 1)(S_{h+u} - S_h), which is the
total derivative, S being stationary.  Source: M. Mezard, A. Montanari, Information, Physics, and Computation
(2009), chapters 14, 15 and 19.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from amp_theory.ingredients.factors.factors import Decomposition, EnumeratedFactor, Factor
from amp_theory.ingredients.factors.field_grid import FieldGrid
from amp_theory.models.sparse import SparseModel
from amp_theory.tools.arrays import Array, Bools, Index
from amp_theory.tools.errors import NumericalError, positive

LOG = logging.getLogger(__name__)
Degrees = Literal["poisson", "regular"]
#: iterations at most, change at which they stop, and residual up to which stagnation is accepted as rounding
ITERATIONS, TOLERANCE, ROUNDING = 500, 1e-13, 1e-9
#: residual up to which a fixed point is returned after all, for its user to count among the errors
LOOSE = 1e-6
#: errors in units of the changes that iterations left
AMPLIFIED = 10.0
#: iterations without progress before a change below ROUNDING is taken for rounding; restarts from neighbours
PATIENCE, RESTARTS = 6, 8
#: part of the new U that is taken after a restart
MIXING = 0.5
#: width of the second, coarser grid in units of the first
NARROWER = 0.9
#: stands for zero in powers
TINY = 1e-100
#: laws whose products over the messages stay in the processor's cache
BLOCK = 512
#: steps of the scalar solver for the degree, and the relative size of the last one
STEPS, NEARLY = 80, 1e-5


@dataclass(frozen=True, eq=False)
class Laws:
    """Fixed points, one per row: mean degree c, the transform along an edge, U - 1, R, the last change.

    residual is the last relative change of the degree and of U at low frequencies.
    """

    degree: Array
    transform: Array
    loss: Array
    rest: Array
    residual: Array

    @property
    def left(self) -> Array:
        """Bounds on the errors that iterations left where they did not come to rest."""
        return np.where(self.residual > ROUNDING, AMPLIFIED * self.residual, 0.0)

    def replace(self, rows: Index, other: Laws, of: Bools | slice = slice(None)) -> None:
        """Put rows of another solution in the place of some."""
        for name in ("degree", "transform", "loss", "rest", "residual"):
            getattr(self, name)[rows] = getattr(other, name)[of]


@dataclass(frozen=True)
class DensityEvolution:
    """The equations for one factor, kind of degrees, and grid."""

    factor: Factor
    degrees: Degrees
    grid: FieldGrid

    @cached_property
    def decomposition(self) -> Decomposition | EnumeratedFactor:
        """What gives U - 1 and R."""
        return self.factor.decomposition(self.grid)

    @property
    def erasures(self) -> bool:
        """Whether messages that are certain or absent stay so."""
        return isinstance(self.decomposition, Decomposition) and self.decomposition.erasures

    def factor_message(self, transform: Array) -> tuple[Array, Array]:
        """Return U - 1 and R for laws along edges, shape (n, frequencies)."""
        if len(transform) <= BLOCK:
            return self.decomposition(transform, self.factor.k - 1)
        blocks = np.array_split(transform, len(transform) // BLOCK)
        parts = [self.decomposition(block, self.factor.k - 1) for block in blocks]
        return np.concatenate([loss for loss, _ in parts]), np.concatenate([rest for _, rest in parts])

    def variable(self, side: Array, degree: Array, loss: Array) -> tuple[Array, Array]:
        """Return the transforms along an edge and of a variable, from loss = U - 1 and mean degrees, shape (n, 1)."""
        if self.degrees == "poisson":
            law = side * np.exp(degree * loss)
            return law, law
        least = np.floor(degree)
        part, base = degree - least, 1 + loss
        # degree - 1 other factors; an edge belongs to a variable of degree d with probability proportional to d
        others = base ** np.maximum(least - 1, 0)
        share = np.where(degree > 0, (1 - part) * least / np.maximum(degree, TINY), 0.0)
        edge = side * others * (share + (1 - share) * np.where(least > 0, base, 1.0))
        return edge, side * base**least * (1 + part * loss)

    # --- iterations ---

    def start(self, x: Array, side: Array, gap: Array) -> tuple[Array, Array]:
        """Return laws to start from, side information with a Gaussian or an erasure channel: what changes less, once
        iterated.

        x is the snr of the Gaussian channel, gap the 1 - overlap of both; mean degrees come with the laws.

        Raises
        ------
        NumericalError
            If the side information alone tells everything, in doubles.
        """
        w = self.grid.frequency
        unknown = side @ self.grid.gap
        if not np.all(np.minimum(gap, unknown) > 0):
            raise NumericalError("the side information leaves no uncertainty that doubles tell", "lower the strength")
        gaussian = side * np.exp(-x[:, None] * (1 + w**2) / 2)
        erasure = side * (gap / unknown)[:, None]
        degree = np.maximum(x, 0.01)
        laws, change = [], []
        for law in (gaussian, erasure):
            loss, _ = self.factor_message(law)
            degree = self.solve_degree(side, gap, loss, degree)
            after, _ = self.variable(side, degree[:, None], loss)
            laws.append(after)
            change.append(self.change(self.factor_message(after)[0], loss))
        return np.where((change[0] <= change[1])[:, None], *laws), degree

    def iterate(self, side: Array, degree: float, transform: Array) -> Iterator[tuple[Array, Array]]:
        """Yield the transforms of a variable and along an edge in successive iterations at a mean degree."""
        c = np.array([[degree]])
        while True:
            loss, _ = self.factor_message(transform)
            transform, full = self.variable(side, c, loss)
            yield full, transform

    def at_overlap(self, side: Array, gap: Array, transform: Array, degree: Array) -> Laws:
        """Return the laws with 1 - overlap = gap, and the mean degrees that make them fixed points.

        Parameters
        ----------
        side, transform
            Transforms of the side information and of the laws to start from, shape (n, frequencies).
        gap
            Prescribed 1 - overlap, shape (n,).
        degree
            Mean degrees to start from, shape (n,).

        Raises
        ------
        NumericalError
            If iterations neither converge nor come to rest at the level of rounding.
        """
        # rows on their way to nowhere overflow; they are started again, or reported
        with np.errstate(all="ignore"):
            laws = self._converged(side, gap, transform, degree)
        if not np.all(laws.residual < LOOSE):
            worst = int(np.argmax(np.where(np.isnan(laws.residual), np.inf, laws.residual)))
            raise NumericalError(
                f"density evolution did not converge: residual {laws.residual[worst]:.1e} at overlap "
                f"{1 - gap[worst]:.6g}",
                "messages close to erasures converge slowly: take temperature 0 for a low one, or a higher one",
                partial=laws,
            )
        return laws

    def _converged(self, side: Array, gap: Array, transform: Array, degree: Array) -> Laws:
        """Iterate, and start rows that did not converge again from their neighbours."""
        laws = self._at_overlap(side, gap, transform, degree)
        for _ in range(RESTARTS):
            bad = np.flatnonzero(~(laws.residual < ROUNDING))
            good = np.flatnonzero(laws.residual < ROUNDING)
            if not len(bad) or not len(good):
                break
            LOG.debug("%d of %d densities do not converge, and start again", len(bad), len(laws.residual))
            # start again from the law of the nearest overlap, moved to the new one by a power
            near = good[np.argmin(np.abs(np.log(gap[bad])[:, None] - np.log(gap[good])), axis=1)]
            again = self._at_overlap(side[bad], gap[bad], laws.transform[near], laws.degree[near], MIXING)
            laws.replace(bad, again)
        bad = np.flatnonzero(~(laws.residual < ROUNDING))
        if len(bad):
            # messages that are nearly erasures change their shape slowly: begin with erasures
            erasures = side[bad] * (gap[bad] / (side[bad] @ self.grid.gap))[:, None]
            begin = np.where(np.isfinite(laws.degree[bad]), laws.degree[bad], degree[bad])
            again = self._at_overlap(side[bad], gap[bad], erasures, begin)
            better = ~(again.residual >= laws.residual[bad])
            laws.replace(bad[better], again, better)
        return laws

    def _at_overlap(self, side: Array, gap: Array, transform: Array, degree: Array, mixing: float = 1.0) -> Laws:
        """Iterate until U and the degree change by rounding only, or not less any more; keep a part of the old U."""
        n = len(gap)
        c, transform = degree.copy(), transform.copy()
        loss, rest = self.factor_message(transform)
        residual, best, since = np.full(n, np.inf), np.full(n, np.inf), np.zeros(n, dtype=int)
        active = np.arange(n)
        for _ in range(ITERATIONS):
            new = self.solve_degree(side[active], gap[active], loss[active], c[active])
            transform[active], _ = self.variable(side[active], new[:, None], loss[active])
            update, rest[active] = self.factor_message(transform[active])
            change = np.maximum(np.abs(new / c[active] - 1), self.change(update, loss[active]))
            c[active], loss[active] = new, mixing * update + (1 - mixing) * loss[active]
            residual[active] = change
            better = change < 0.5 * best[active]
            best[active] = np.where(better, change, best[active])
            since[active] = np.where(better, 0, since[active] + 1)
            resting = (since[active] > PATIENCE) & (change < ROUNDING)
            active = active[~((change < TOLERANCE) | resting)]
            if not len(active):
                break
        return Laws(c, transform, loss, rest, residual)

    def resampled(self, transform: Array, frequency: Array) -> Array:
        """Return the transforms of laws at other frequencies; erasures stay exactly what they are."""
        elsewhere = transform @ self.grid.functional(np.cos(np.outer(self.grid.field, frequency)))
        erasure = np.ptp(transform, axis=1) == 0
        return np.where(erasure[:, None], transform[:, :1], elsewhere)

    def change(self, new: Array, old: Array) -> Array:
        """Return the largest change of U at frequencies that matter."""
        low = len(self.grid.frequency) // 3
        return np.asarray(np.max(np.abs(new[:, :low] - old[:, :low]), axis=1))

    def solve_degree(self, side: Array, gap: Array, loss: Array, degree: Array) -> Array:
        """Solve log(1 - overlap) = log(gap), which falls with the degree, by Newton's method within brackets.

        Up to the square of NEARLY: iterations of the laws begin where the last ones ended, so that their last step is
        the degree's last step too.
        """
        c, low, high = degree.copy(), np.zeros_like(degree), np.full_like(degree, np.inf)
        active = np.arange(len(c))
        with np.errstate(all="ignore"):
            for _ in range(STEPS):
                at, bottom, top = c[active], low[active], high[active]
                per_degree, value = self._left_over(side[active], at[:, None], loss[active])
                excess = np.log(value / gap[active])
                step = -excess * value / per_degree
                above = ~(excess < 0)
                low[active], high[active] = bottom, top = np.where(above, at, bottom), np.where(above, top, at)
                done = np.abs(step) <= NEARLY * at
                new = at + step
                bad = ~((new >= bottom) & (new <= top) & (new < 8 * at + 1))
                c[active] = np.where(bad & ~done, np.where(np.isfinite(top), 0.5 * (bottom + top), 2 * at + 0.1), new)
                active = active[~done]
                if not len(active):
                    break
        return c

    def _left_over(self, side: Array, degree: Array, loss: Array) -> tuple[Array, Array]:
        """Return d(1 - overlap)/d degree and 1 - overlap."""
        _, full = self.variable(side, degree, loss)
        return self._per_degree(side, degree, loss, full) @ self.grid.gap, full @ self.grid.gap

    def _per_degree(self, side: Array, degree: Array, loss: Array, full: Array) -> Array:
        """Return the derivative of a variable's transform, `full`, in the mean degree, to the right of an integer."""
        if self.degrees == "poisson":
            return full * loss
        return np.asarray(side * (1 + loss) ** np.floor(degree) * loss)

    # --- what a fixed point tells ---

    def entropies(self, side: Array, laws: Laws) -> tuple[Array, Array, Array]:
        """Return S - S_0, its derivative in the density, and S_full = E H(spin), shape (n,)."""
        k, density = self.factor.k, laws.degree / self.factor.k
        _, full = self.variable(side, laws.degree[:, None], laws.loss)
        entropy = self.grid.entropy
        s_full = full @ entropy
        gain = (laws.transform * laws.loss) @ entropy
        per_factor = laws.rest - (k - 1) * gain
        relative = s_full - np.log(2) + density * per_factor
        return (
            relative,
            k * (self._per_degree(side, laws.degree[:, None], laws.loss, full) @ entropy) + per_factor,
            s_full,
        )


@lru_cache(maxsize=64)
def evolution_of(model: SparseModel, coarsening: float = 1.0) -> DensityEvolution:
    """Return the (cached) density evolution on a model's grid, or on a coarser and narrower one."""
    factor = positive("coarsening", coarsening)
    width = model.factor.half_width * (1.0 if factor == 1 else NARROWER)
    return DensityEvolution(model.factor, model.degrees, FieldGrid(model.spacing * factor, width))
