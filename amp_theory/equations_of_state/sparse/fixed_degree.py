"""Density evolution at a fixed integer degree and prescribed overlap, for regular graphs.

With U from factors.py, side(w) from the path and d factors at every variable,

    a variable:  side(w) U(w)^d,        an edge:  side(w) U(w)^{d-1}.

At a prescribed overlap exactly one of two ensembles has it, and the other unknown is solved for in every iteration:

- the regular graph itself, with side information of some strength s >= 0;
- where even s = 0 gives more: the graph of which a part y < 1 of the factors is kept, without side information,
  U -> 1 + y (U - 1), density y d/k.

Both are ensembles of graphs, so that every law that occurs is one of probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.sparse.density_evolution import ROUNDING, TOLERANCE, DensityEvolution
from amp_theory.equations_of_state.sparse.mixing import DEPTH, Mixer
from amp_theory.tools.arrays import Array, Bools, Index
from amp_theory.tools.errors import NumericalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amp_theory.ingredients.paths.base import Path
    from amp_theory.ingredients.priors.base import Prior

#: iterations at most, without progress before a change below ROUNDING is taken for rounding, and before giving up,
#: with plain iterations and accelerated ones
ITERATIONS, PATIENCE, HOPELESS = 1000, 12, (300, 60)
#: steps of the scalar solvers, and the relative size of the last one
STEPS, NEARLY = 100, 1e-5
#: a part of the factors is sought up to 1 + this where it runs through one
BEYOND = 0.1
#: step for derivatives in the strength, in units of max(strength, 0.01)
STEP = 1e-4


def level(path: Path, strength: Array) -> Array:
    """Return internal strengths in the form that is about linear in the effective snr: s, or -log(1 - s)."""
    return strength if np.isinf(path.limit) else np.asarray(-np.log1p(-strength))


def strength_of(path: Path, levels: Array) -> Array:
    """Return the internal strength of a level."""
    return levels if np.isinf(path.limit) else np.asarray(-np.expm1(-levels))


@dataclass(frozen=True, eq=False)
class Fixed:
    """Fixed points at prescribed overlaps, one per row.

    levels are those of the strengths, 0 where factors are left out; kept is the part of the factors that is there;
    free_entropy is the trial free entropy at strength `levels` of the complete graph, free_entropy_s its derivative
    in the internal strength at constant overlap.  residual is the last change, transform that of the law along an edge.
    """

    levels: Array
    kept: Array
    free_entropy: Array
    free_entropy_s: Array
    residual: Array
    transform: Array

    @property
    def sign(self) -> Array:
        """The level, or minus the part of the factors that is left out: a continuous function of the overlap."""
        return np.where(self.kept < 1, self.kept - 1, self.levels)


@dataclass(frozen=True)
class FixedDegree:
    """Density evolution of a factor on regular graphs of one degree, along a path."""

    evolution: DensityEvolution
    path: Path
    prior: Prior
    degree: int

    @property
    def erased(self) -> bool:
        """Whether the side information is an erasure channel."""
        middle = strength_of(self.path, np.full(1, 0.5))
        return bool(np.ptp(self.path.tilted_transform(self.evolution.grid.frequency, middle)) == 0)

    def solve(self, z: Array, diluted: bool = False, near: Array | None = None) -> Fixed:
        """Return the fixed points whose overlap is that of a Gaussian channel of snr z, as far as they converged.

        near holds transforms of laws next to them, where such are known.
        With `diluted` never with side information: `kept` then runs through one up to 1 + BEYOND, analytically.
        """
        gap = self.prior.table(z).mmse
        # rows on their way to nowhere overflow; they are reported
        with np.errstate(all="ignore"):
            start = self._start(z, gap) if near is None else near
            found = self._solved(gap, start, diluted)
            # where accelerated iterations lose their way plain ones may not
            bad = np.flatnonzero(~(found[-1] < ROUNDING))
            if len(bad):
                again = self._solved(gap[bad], start[bad], diluted, depth=0)
                better = ~(again[-1] >= found[-1][bad])
                for old, new in zip(found, again, strict=True):
                    old[bad[better]] = new[better]
            unknown, transform, loss, rest, residual = found
            levels, kept = (
                (0 * unknown, 1 + unknown) if diluted else (np.maximum(unknown, 0), 1 + np.minimum(unknown, 0))
            )
            return Fixed(levels, kept, *self._free_entropies(levels, kept, transform, loss, rest), residual, transform)

    def solve_all(
        self, z: Array, diluted: bool = False, accuracy: float = ROUNDING, near: Array | None = None
    ) -> Fixed:
        """Return the fixed points at z, all of them converged to an accuracy."""
        fixed = self.solve(z, diluted, near)
        if not np.all(fixed.residual < accuracy):
            worst = int(np.argmax(np.where(np.isnan(fixed.residual), np.inf, fixed.residual)))
            raise NumericalError(
                f"density evolution did not converge: residual {fixed.residual[worst]:.1e} at overlap "
                f"{float(self.prior.table(z[worst : worst + 1]).overlap[0]):.6g} and degree {self.degree}",
                "messages close to erasures converge slowly: take temperature 0 for a low one, or a higher one",
                partial=fixed,
            )
        return fixed

    def _laws(self, unknown: Array, loss: Array, power: int, diluted: bool = False) -> Array:
        """Return the transform of the side information and of `power` factors."""
        if diluted:
            return np.asarray((1 + (1 + unknown)[:, None] * loss) ** power)
        levels = np.maximum(unknown, 0)
        side = self.path.tilted_transform(self.evolution.grid.frequency, strength_of(self.path, levels))
        return np.asarray(side * (1 + (1 + np.minimum(unknown, 0))[:, None] * loss) ** power)

    def _start(self, z: Array, gap: Array) -> Array:
        """Return laws along an edge to start from, of a Gaussian or an erasure channel: what changes less.

        Side information that is itself an erasure channel keeps messages closer to erasures.  Factors that keep
        erasures would never leave them without side information, which are no limit of laws along other paths.
        """
        w, share = self.evolution.grid.frequency, (self.degree - 1) / self.degree
        gaussian = np.exp(-np.multiply.outer(share * z, (1 + w**2) / 2))
        erasure = np.repeat((gap**share)[:, None], len(w), axis=1)
        if self.erased:
            return erasure
        if self.evolution.erasures:
            return np.asarray(gaussian)
        change = []
        for law in (gaussian, erasure):
            loss, _ = self.evolution.factor_message(law)
            new, _ = self.evolution.factor_message(self._laws(self._unknown(loss, gap, 0.1 * z), loss, self.degree - 1))
            change.append(self.evolution.change(new, loss))
        return np.where((change[0] < change[1])[:, None], gaussian, erasure)

    def _unknown(self, loss: Array, gap: Array, start: Array, diluted: bool = False) -> Array:
        """Solve for the level >= 0 of the strength, or minus the part of the factors left out, that gives the gap."""
        functional = self.evolution.grid.gap

        def value(u: Array, rows: Index) -> Array:
            return np.asarray(self._laws(u, loss[rows], self.degree, diluted) @ functional)

        # 1 - overlap falls from 1 at -1, where nothing is left, to zero
        if diluted:
            return _decreasing(value, gap, np.full_like(gap, -1.0), np.full_like(gap, BEYOND), np.minimum(start, 0.0))
        known = (1 + loss) ** self.degree @ functional > gap
        low, high = np.where(known, 0.0, -1.0), np.where(known, np.inf, 0.0)
        guess = np.where(known, np.maximum(start, 1e-8), np.where(start < 0, start, -0.1))
        return _decreasing(value, gap, low, high, guess)

    def _solved(
        self, gap: Array, transform: Array, diluted: bool = False, depth: int = DEPTH
    ) -> tuple[Array, Array, Array, Array, Array]:
        """Iterate U and the scalar unknown together until both rest; return it, edges' transforms, U - 1, R, changes.

        depth is that of the acceleration, zero for plain iterations.
        """
        n, transform = len(gap), transform.copy()
        loss, rest = self.evolution.factor_message(transform)
        unknown = np.full(n, 0.1)
        residual, best, since = np.full(n, np.inf), np.full(n, np.inf), np.zeros(n, dtype=int)
        mixer = Mixer(len(self.evolution.grid.frequency) // 3, depth)
        active = np.arange(n)
        for _ in range(ITERATIONS):
            new = self._unknown(loss[active], gap[active], unknown[active], diluted)
            transform[active] = self._laws(new, loss[active], self.degree - 1, diluted)
            update, rest[active] = self.evolution.factor_message(transform[active])
            shift = np.abs(new - unknown[active]) / (np.abs(new) + 0.1)
            change = np.maximum(shift, self.evolution.change(update, loss[active]))
            unknown[active] = new
            residual[active] = change
            better = change < 0.7 * best[active]
            best[active] = np.where(better, change, best[active])
            since[active] = np.where(better, 0, since[active] + 1)
            resting = (since[active] > PATIENCE) & (change < ROUNDING)
            going = ~((change < TOLERANCE) | resting | (since[active] > HOPELESS[depth > 0]) | np.isnan(change))
            loss[active] = np.where(going[:, None], mixer.next(loss[active], update, change), update)
            active = active[going]
            mixer.keep(going)
            if not len(active):
                break
        return unknown, transform, loss, rest, residual

    def _free_entropies(
        self, levels: Array, kept: Array, transform: Array, loss: Array, rest: Array
    ) -> tuple[Array, Array]:
        """Return the free entropy of the complete graph at the level, and its derivative in the strength.

        Where factors are left out the free entropy is continued to the complete graph by its slope in the density.
        """
        k, d, entropy = self.evolution.factor.k, self.degree, self.evolution.grid.entropy
        w, s, y = self.evolution.grid.frequency, strength_of(self.path, levels), kept[:, None]
        factors = (1 + y * loss) ** d
        per_factor = rest - (k - 1) * ((transform * loss) @ entropy)
        side = self.path.tilted_transform(w, s)
        relative = (side * factors) @ entropy - math.log(2) + kept * d / k * per_factor
        slope = k * ((side * loss * (1 + y * loss) ** (d - 1)) @ entropy) + per_factor
        evidence, evidence_s = self._evidence(s)
        trial = relative + (1 - kept) * d / k * slope + evidence
        return trial, evidence_s + (side_slope(self.path, w, s) * factors) @ entropy

    def _evidence(self, strength: Array) -> tuple[Array, Array]:
        """Return the evidence of the side information, and its derivative in the internal strength."""

        def evidence(s: Array) -> Array:
            return self.path.evidence(self.prior, self.path.public(s))

        at, h = _stencil(self.path, strength)
        return evidence(strength), _slope([evidence(s) for s in at], h, at[0] < strength)


def _stencil(path: Path, strength: Array) -> tuple[list[Array], Array]:
    """Return three strengths a step apart within the path's range, around a strength or to the right of it."""
    h = STEP * np.maximum(strength, 0.01)
    limit = float(path.internal(np.asarray(min(path.limit, 1e12))))
    if np.isfinite(path.limit):
        h = np.minimum(h, 0.1 * (limit - strength))
    first = np.where(strength >= h, strength - h, strength)
    return [first + j * h for j in range(3)], h


def _slope(values: list[Array], h: Array, central: Bools) -> Array:
    """Return the derivative at the middle of three points (`central`) or at the first."""
    shape = (slice(None),) + (None,) * (values[0].ndim - 1)
    low, middle, high = values
    difference = np.where(central[shape], high - low, 4 * middle - 3 * low - high)
    return np.asarray(difference / (2 * h[shape]))


def side_slope(path: Path, frequency: Array, strength: Array) -> Array:
    """Return d side/d strength, shape (n, frequencies), by differences."""
    at, h = _stencil(path, strength)
    return _slope([path.tilted_transform(frequency, s) for s in at], h, at[0] < strength)


def _decreasing(value: Callable[[Array, Index], Array], gap: Array, low: Array, high: Array, start: Array) -> Array:
    """Solve value(u) = gap for u in (low, high), value decreasing, by Newton's method within brackets.

    value is called with positions and the numbers of their rows.
    """
    u, low, high = start.copy(), low.copy(), high.copy()
    active = np.arange(len(u))
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            at = u[active]
            here = value(at, active)
            h = 1e-6 * np.where(at < 0, -np.maximum(-at, 1e-3), np.maximum(at, 1e-3))
            excess = np.log(here / gap[active])
            slope = np.log(value(at + h, active) / here) / h
            above = ~(excess < 0)
            low[active], high[active] = np.where(above, at, low[active]), np.where(above, high[active], at)
            new = at - excess / slope
            bottom, top = low[active], high[active]
            outside = ~((new >= bottom) & (new <= top) & (new < 4 * np.abs(at) + 1))
            new = np.where(outside, np.where(np.isfinite(top), 0.5 * (bottom + top), 2 * at + 0.1), new)
            u[active] = new
            # the next step would be smaller by at least as much, and the next iteration of the laws takes it
            active = active[np.abs(new - at) > NEARLY * (np.abs(new) + 1e-3)]
            if not len(active):
                break
    return u
