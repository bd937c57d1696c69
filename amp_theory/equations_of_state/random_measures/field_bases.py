"""The base of a spin glass in a field: outer overlap against temperature, as one explicit curve.

At every outer overlap q0, of logit t = log q0/(1 - q0), exactly one intensity lambda = 1/T^2 solves the base's equation

    Ising      q0 = E tanh(h0)^2,    h0 = sqrt(lambda) (h + sqrt(xi_1'(q0)) z),
    spherical  q0/(1 - q0)^2 = lambda (xi_1'(q0) + h^2),

whose right-hand sides rise with lambda.  So log lambda(t) is a curve, and the base that is followed from where the
temperature makes variables independent is its first point at a given lambda: no other lies before it.  The curve is
tabulated with its slopes and with its maxima, where the base ends and jumps.  For q0 -> 0 it is
t - log(h^2 + xi_1'(e^t)), which is concave and has one maximum at most.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.equations_of_state.random_measures.field_couplings import FieldCoupling
from amp_theory.equations_of_state.random_measures.inner_channels import (
    CHECK_STEP,
    BallChannel,
    InnerChannel,
    SpinChannel,
    field_entropy,
    outer_fields,
    sech_squared,
)
from amp_theory.equations_of_state.random_measures.isotherms import Bases
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.roots import crossings, solve_bracketed

#: logits of q0 from which on doubles cannot hold 1 - q0, and before which no base is weaker than any field
LAST, LEAST = 30.0, -700.0
#: logits between which the table is dense, how many of them at least, and the largest step before and beyond
DENSE, COUNT, WIDE = (-7.0, 7.0), 44, 2.0
#: logits between which averages are taken in one way and need about as many nodes
ALIKE = (0.0, 5.0)
#: how often a bracket is widened
WIDENINGS = 60
#: accuracy of the table, how far from their cells roots are looked for, Newton steps, and what counts as zero
TABLED, SLACK, NEWTON, SAME = 1e-10, 1e-7, 8, 4 * EPS


@dataclass(frozen=True, slots=True)
class Excess:
    """Of logits t over those that log intensities x ask for: zero at a base, rising with t; and its slopes."""

    value: Array
    slope_t: Array
    slope_x: Array


class FieldBase(ABC):
    """The curve of a base: log intensity x against the logit t of the outer overlap."""

    def __init__(self, coupling: FieldCoupling, field: float) -> None:
        self.coupling, self.field = coupling, field

    @abstractmethod
    def excess(self, t: Array, x: Array, check: bool = False) -> Excess:
        """Return what vanishes at a base, and has the sign of x(t) - x."""

    @abstractmethod
    def bases(self, t: Array, control: Array, check: bool) -> Bases:
        """Return the bases at temperatures from their logits."""

    @abstractmethod
    def channels(self, base: Bases, check: bool) -> InnerChannel:
        """Return the channel of one variable on every base."""

    def least(self, t: Array) -> Array:
        """Return a log intensity below that of the curve: E tanh(h0)^2 < E h0^2."""
        log_q = -np.logaddexp(0.0, -t)
        return np.asarray(log_q - np.log(self.field**2 + self.coupling.derivative(1, log_q)))

    @cached_property
    def table(self) -> tuple[Array, Array, Array]:
        """Logits, log intensities and their slopes, maxima of the curve between them included."""
        t = self._logits()
        x, slope = self._solved(t)
        cells = np.flatnonzero((slope[:-1] > 0) & (slope[1:] < 0))
        top = crossings(lambda t, i: self._solved(t)[1], t[cells], t[cells + 1], absolute=1e-8)
        # rounding makes slopes of either sign where the curve is flat, and no maximum
        cells, top = cells[~np.isnan(top)], top[~np.isnan(top)]
        high = self._solved(top)[0] if len(cells) else top
        return np.insert(t, cells + 1, top), np.insert(x, cells + 1, high), np.insert(slope, cells + 1, 0.0)

    def _logits(self) -> Array:
        """Return logits of overlaps, from where the field outweighs the coupling on."""
        steepest = float(self.coupling.powers.max())
        strongest = float(self.coupling.derivative(2, np.zeros(())))
        first = max(min(2 * np.log(self.field) - np.log(strongest), DENSE[0]) - 3 * WIDE, LEAST)
        count = max(COUNT, int(np.ceil((DENSE[1] - DENSE[0]) * steepest)))
        low, high = int((DENSE[0] - first) / WIDE) + 2, int((LAST - DENSE[1]) / WIDE) + 2
        return np.concatenate([np.linspace(first, DENSE[0], low)[:-1], np.linspace(*DENSE, count)[:-1],
                               np.linspace(DENSE[1], LAST, high)])  # fmt: skip

    def _solved(self, t: Array) -> tuple[Array, Array]:
        """Return the log intensities of the curve and their slopes."""
        low = self.least(t)
        low, step = low - 1e-9 * (1 + np.abs(low)), 1.0
        high = low + step
        for _ in range(WIDENINGS):
            short = np.flatnonzero(self.excess(t, high).value > 0)
            if not len(short):
                break
            low[short] = high[short]
            high[short] += (step := 2 * step)

        def function(x: Array, i: Index) -> tuple[Array, Array]:
            here = self.excess(t[i], x)
            return here.value, here.slope_x

        below = self.excess(t, low)
        guess = low - below.value / below.slope_x
        x = solve_bracketed(function, low, high, False, guess=guess, absolute=TABLED, noise=SAME)
        here = self.excess(t, x)
        return x, -here.slope_t / here.slope_x

    @property
    def last(self) -> float:
        """The largest log intensity whose base doubles hold."""
        return float(np.max(self.table[1]))

    def at(self, x: Array, check: bool) -> Array:
        """Return the logits of the bases at log intensities, shape (n,), NaN beyond the last."""
        t, levels, slopes = self.table
        # the first logit at which the curve has been as high
        k = np.searchsorted(np.maximum.accumulate(levels), x)
        found = np.full(x.shape, np.nan)
        there = np.flatnonzero(k < len(t))
        k, x = k[there], x[there]
        below = np.maximum(k - 1, 0)
        lower, upper = np.where(k > 0, t[below], LEAST), t[k]
        guess = _inverse((t[below], levels[below], slopes[below]), (upper, levels[k], slopes[k]), x)
        guess = np.where(k > 0, guess, upper + x - levels[k])
        # the table is as exact as it needs be, and a second quadrature may put a root beyond the end of its cell
        slack = SLACK * (1 + np.abs(upper))
        found[there] = self._from(guess, x, lower - slack, upper + slack, check)
        return found

    def _from(self, guess: Array, x: Array, lower: Array, upper: Array, check: bool) -> Array:
        """Return the logits in brackets at log intensities by Newton steps from guesses, else inside the brackets."""
        t = np.where((guess >= lower) & (guess <= upper), guess, 0.5 * (lower + upper))
        last, open_ = np.full_like(t, np.nan), np.arange(len(t))
        for _ in range(NEWTON):
            here = self.excess(t[open_], x[open_], check)
            with np.errstate(all="ignore"):
                step = np.abs(here.value / here.slope_t)
                t[open_] = np.clip(t[open_] - here.value / here.slope_t, LEAST, LAST)
                # steps shrink quadratically: what the next one would be
                left = step**3 / last[open_] ** 2
            last[open_] = step
            t[open_[~np.isfinite(step)]] = np.inf  # no slope: brackets are halved
            open_ = open_[np.isfinite(step) & ~((left <= EPS) | (step <= EPS * (1 + np.abs(t[open_]))))]
            if not len(open_):
                break
        bad = ~((t >= lower) & (t <= upper))
        bad[open_] = True
        if np.any(bad):
            rest = np.flatnonzero(bad)

            def function(place: Array, i: Index) -> tuple[Array, Array]:
                here = self.excess(place, x[rest[i]], check)
                return here.value, here.slope_t

            t[rest] = solve_bracketed(function, lower[rest], upper[rest], True, absolute=1e-15, noise=SAME)
        return t

    def holds(self, x: Array) -> Bools:
        """Tell at which log intensities doubles hold a base."""
        return np.asarray(x <= self.last)


def _inverse(low: tuple[Array, ...], high: tuple[Array, ...], x: Array) -> Array:
    """Return the logit at x by cubic interpolation of it between two points (logit, x, slope)."""
    (t, a, slope), (t2, b, slope2) = low, high
    with np.errstate(all="ignore"):
        width = b - a
        u = (x - a) / width
        d, d2 = width / slope, width / slope2
        return np.asarray(t + u * (d + u * (3 * (t2 - t) - 2 * d - d2 + u * (d + d2 - 2 * (t2 - t)))))


class BallBase(FieldBase):
    """Spherical spins: everything is explicit."""

    def excess(self, t: Array, x: Array, check: bool = False) -> Excess:
        """Return x(t) - x."""
        log_q, log_gap = -np.logaddexp(0.0, -t), -np.logaddexp(0.0, t)
        snr = self.field**2 + self.coupling.derivative(1, log_q)
        q, gap = np.exp(log_q), np.exp(log_gap)
        slope = gap + 2 * q - self.coupling.derivative(2, log_q) * q * gap / snr
        # as one logarithm, which is small at a base
        ratio = np.exp(log_q - 2 * log_gap - x) / snr
        return Excess(np.log(ratio), slope, np.full_like(x, -1.0))

    def bases(self, t: Array, control: Array, check: bool) -> Bases:
        """Return q0 and R(q0) in closed form; continuous variables have no entropy that says anything."""
        t = t * (1 + 4 * EPS) if check else t
        q, gap = 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))
        second = self.coupling.derivative(2, log_overlap(q, gap)) / control**2
        return Bases(control, q, gap, 1 - second * gap**2, np.full_like(gap, np.nan))

    def channels(self, base: Bases, check: bool) -> InnerChannel:
        """Return Gaussian channels."""
        return BallChannel(base.gap)


class SpinBase(FieldBase):
    """Ising spins: averages over the Gaussian outer field."""

    def excess(self, t: Array, x: Array, check: bool = False) -> Excess:
        """Return log(q0/E tanh^2), or log(E sech^2/(1 - q0)) where q0 > 1/2."""
        group = np.searchsorted(ALIKE, t, side="right")
        kinds = np.unique(group)
        if len(kinds) == 1:
            return Excess(*self._excess(t, x, check, not kinds[0]))
        found = np.empty((3, len(t)))
        for kind in kinds:
            part = np.flatnonzero(group == kind)
            found[:, part] = self._excess(t[part], x[part], check, not kind)
        return Excess(*found)

    def _excess(self, t: Array, x: Array, check: bool, small: bool) -> tuple[Array, Array, Array]:
        """Return the same where all q0 are small, or none is."""
        grown = np.exp(-t)
        log_q, q, gap = -np.log1p(grown), 1 / (1 + grown), grown / (1 + grown)
        lam, b = np.exp(x), self.field * np.exp(x / 2)
        v = lam * self.coupling.derivative(1, log_q)
        h, density = outer_fields(b, v, CHECK_STEP if check else 1.0)
        size = np.abs(h)
        if small:  # tanh to all digits
            less = np.expm1(-2 * size)
            tanh = -less / (2 + less)
            s2 = 1 - tanh * tanh
        else:  # sech to all digits
            e = np.exp(-2 * size)
            s2, tanh = 4 * e / (1 + e) ** 2, (1 - e) / (1 + e)
        shared = density * s2
        g, slope = shared.sum(axis=-1), np.einsum("ij,ij,ij->i", shared, size, tanh)
        # fields beyond the grid, where tanh^2 = 1, are missed where there are many
        m2 = np.where(g < 0.5, 1 - g, np.einsum("ij,ij,ij->i", density, tanh, tanh)) if small else 1 - g
        # half the second derivative of tanh^2, by parts for wide laws, where it cancels
        wide = np.maximum(v, 1.0)
        parts = np.einsum("ij,ij->i", shared, 1 - (h - b[:, None]) ** 2 / wide[:, None]) / (2 * wide)
        bend = np.where(v > 1, parts, 3 * np.einsum("ij,ij->i", shared, s2) - 2 * g)
        change = lam * self.coupling.derivative(2, log_q) * bend * q * gap
        with np.errstate(all="ignore"):  # far beyond a base nothing is left of one of both
            part = m2 if small else g
            return np.log(q / m2 if small else g / gap), (gap if small else q) - change / part, -slope / part

    def bases(self, t: Array, control: Array, check: bool) -> Bases:
        """Return averages over the outer field at the logits."""
        log_q, lam = -np.logaddexp(0.0, -t), control**-2.0
        variance = lam * self.coupling.derivative(1, log_q)
        h, density = outer_fields(self.field / control, variance, CHECK_STEP if check else 1.0)
        s2 = sech_squared(h)
        tanh2 = np.where(np.abs(h) < 0.5, np.tanh(h) ** 2, 1 - s2)
        m2, gap, fourth = (np.sum(density * x, axis=-1) for x in (tanh2, s2, s2 * s2))
        q = np.where(gap < 0.5, 1 - gap, m2)
        log_q = log_overlap(q, gap)
        stability = 1 - lam * self.coupling.derivative(2, log_q) * fourth
        _, rest = self.coupling.increments(log_q, gap / q)
        return Bases(control, q, gap, stability, field_entropy(h, density) - 0.5 * lam * rest)

    def channels(self, base: Bases, check: bool) -> InnerChannel:
        """Return the channels of spins in the outer fields of the bases."""
        variance = base.control**-2.0 * self.coupling.derivative(1, log_overlap(base.overlap, base.gap))
        return SpinChannel.of(self.field / base.control, variance, check)


def log_overlap(overlap: Array, gap: Array) -> Array:
    """Return log q from q and 1 - q."""
    return np.where(gap < 0.5, np.log1p(-np.minimum(gap, 0.5)), np.log(np.maximum(overlap, 1e-300)))
