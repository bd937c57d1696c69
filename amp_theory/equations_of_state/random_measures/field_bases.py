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

import numpy as np

from amp_theory.equations_of_state.random_measures.field_couplings import FieldCoupling
from amp_theory.equations_of_state.random_measures.inner_channels import (
    CHECK_STEP,
    BallChannel,
    InnerChannel,
    SpinChannel,
    outer_fields,
)
from amp_theory.equations_of_state.random_measures.isotherms import Bases
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.roots import crossings, solve_bracketed

#: logits of q0 from which on doubles cannot hold 1 - q0, and before which no base is weaker than any field
LAST, LEAST = 30.0, -700.0
#: logits between which the table is dense, how many of them at least, and the largest step before and beyond
DENSE, COUNT, WIDE = (-7.0, 7.0), 90, 2.0
#: logits between which averages are taken in one way and need about as many nodes
ALIKE = (0.0, 5.0)
#: logits below minus this have a curve that is all but its lower bound, which it does not exceed by more than the other
STRONG, FARTHEST = 20.0, 128.0
#: accuracy of the table, how far from their cells roots are looked for, Newton steps, and what counts as zero
TABLED, SLACK, NEWTON, SAME = 1e-7, 1e-7, 8, 4 * EPS
#: points of the table on either side of a root that interpolation uses, and a factor on the bend of the curve
AROUND, BEND = 3, 2.0


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
        self._known: tuple[Array, ...] = (np.empty(0), np.empty(0), np.empty(0))
        self._inverse: tuple[Array, Array] = (np.empty(0), np.empty(0))
        self._left = self._logits()

    @abstractmethod
    def excess(self, t: Array, x: Array, check: bool = False) -> Excess:
        """Return what vanishes at a base, and has the sign of x(t) - x."""

    @abstractmethod
    def bases(self, t: Array, control: Array, check: bool) -> tuple[Bases, InnerChannel]:
        """Return the bases at temperatures from their logits, and the channel of one variable on every base."""

    def least(self, t: Array) -> Array:
        """Return a log intensity below that of the curve: E tanh(h0)^2 < E h0^2."""
        log_q = -np.logaddexp(0.0, -t)
        return np.asarray(log_q - np.log(self.field**2 + self.coupling.derivative(1, log_q)))

    def likely(self, t: Array) -> Array:
        """Return a log intensity that is about that of the curve."""
        return self.least(t)

    @property
    def table(self) -> tuple[Array, ...]:
        """Logits, log intensities and their slopes, maxima of the curve between them included."""
        return self._up_to(np.inf)

    def _up_to(self, x: float) -> tuple[Array, ...]:
        """Return the table as far as the curve needs to be known to be first as high as x."""
        while self._left and not (len(self._known[1]) and np.max(self._known[1]) >= x):
            self._lengthen(self._left.pop(0))
        return self._known

    def _lengthen(self, t: Array) -> None:
        """Add logits to the table."""
        x, slope = self._solved(t)
        before = tuple(column[-1:] for column in self._known)
        t, x, slope = (np.concatenate(pair) for pair in zip(before, (t, x, slope), strict=True))
        cells = np.flatnonzero((slope[:-1] > 0) & (slope[1:] < 0))
        if len(cells):
            top = crossings(lambda t, i: self._solved(t)[1], t[cells], t[cells + 1], absolute=1e-8)
            # rounding makes slopes of either sign where the curve is flat, and no maximum
            cells, top = cells[~np.isnan(top)], top[~np.isnan(top)]
        if len(cells):
            high = self._solved(top, absolute=0.0)[0]  # the end of what is known, to the last digit
            t, x, slope = (np.insert(a, cells + 1, b) for a, b in ((t, top), (x, high), (slope, np.zeros_like(top))))
        new = len(before[0])
        self._known = tuple(np.concatenate([a, b[new:]]) for a, b in zip(self._known, (t, x, slope), strict=True))
        self._inverse = _differences(*self._known)

    def _logits(self) -> list[Array]:
        """Return logits of overlaps, from where the field outweighs the coupling on, in parts that are taken alike."""
        steepest = float(self.coupling.powers.max())
        strongest = float(self.coupling.derivative(2, np.zeros(())))
        first = max(min(2 * np.log(self.field) - np.log(strongest), DENSE[0]) - 3 * WIDE, LEAST)
        count = max(COUNT, int(np.ceil((DENSE[1] - DENSE[0]) * steepest)))
        low, high = int((DENSE[0] - first) / WIDE) + 2, int((LAST - DENSE[1]) / WIDE) + 2
        t = np.concatenate([np.linspace(first, DENSE[0], low)[:-1], np.linspace(*DENSE, count)[:-1],
                            np.linspace(DENSE[1], LAST, high)])  # fmt: skip
        return np.split(t, np.searchsorted(t, ALIKE))

    def _solved(self, t: Array, absolute: float = TABLED) -> tuple[Array, Array]:
        """Return the log intensities of the curve and their slopes."""
        low = self.least(t)
        low = low - 1e-9 * (1 + np.abs(low))

        def function(x: Array, i: Index) -> tuple[Array, Array]:
            here = self.excess(t[i], x)
            return here.value, here.slope_x

        guess = self.likely(t)
        x = solve_bracketed(function, low, low + FARTHEST, False, guess=guess, absolute=absolute, noise=SAME)
        here = self.excess(t, x)
        return x, -here.slope_t / here.slope_x

    def at(self, x: Array, check: bool) -> Array:
        """Return the logits of the bases at log intensities, shape (n,), NaN beyond the last."""
        t, levels, slopes = self._up_to(float(np.max(x, initial=-np.inf)))
        # the first logit at which the curve has been as high
        k = np.searchsorted(np.maximum.accumulate(levels), x)
        found = np.full(x.shape, np.nan)
        there = np.flatnonzero(k < len(t))
        k, x = k[there], x[there]
        below = np.maximum(k - 1, 0)
        lower, upper = np.where(k > 0, t[below], LEAST), t[k]
        guess = np.where(k > 0, self._interpolated(k, x), upper + x - levels[k])
        # how much the slope of the curve changes
        bend = np.abs(slopes[k] - slopes[below]) / np.maximum(upper - lower, 1e-300)
        # the table is as exact as it needs be, and a second quadrature may put a root beyond the end of its cell
        slack = SLACK * (1 + np.abs(upper))
        beyond = slack if check else np.where(slopes[k] == 0, 0.0, slack)  # a maximum is an end of its own
        found[there] = self._from(guess, x, (lower - slack, upper + beyond), bend, check)
        return found

    def _interpolated(self, k: Index, x: Array) -> Array:
        """Return logits at log intensities in the cells before k, from points and slopes around; see `_differences`."""
        place, factors = self._inverse
        cell = np.clip(k, AROUND, len(self._known[0]) - AROUND) - AROUND
        place, factors = place[:, cell], factors[:, cell]
        found = factors[-1]
        with np.errstate(all="ignore"):
            for factor, where in zip(factors[-2::-1], place[-2::-1], strict=True):
                found = factor + (x - where) * found
        return np.asarray(found)

    def _from(self, guess: Array, x: Array, bracket: tuple[Array, Array], bend: Array, check: bool) -> Array:
        """Return the logits in brackets at log intensities by Newton steps from guesses, else inside the brackets."""
        lower, upper = bracket
        t = np.where((guess >= lower) & (guess <= upper), guess, 0.5 * (lower + upper))
        open_ = np.arange(len(t))
        for _ in range(NEWTON):
            here = self.excess(t[open_], x[open_], check)
            with np.errstate(all="ignore"):
                step = np.abs(here.value / here.slope_t)
                t[open_] = np.clip(t[open_] - here.value / here.slope_t, LEAST, LAST)
                # steps shrink quadratically: what the next one would be
                left = BEND * step**2 * (1 + np.abs(bend[open_] * here.slope_x / here.slope_t))
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

            noise = SAME * (1 + np.abs(upper[rest]))  # next to a maximum a root may be lost in rounding
            t[rest] = solve_bracketed(function, lower[rest], upper[rest], True, absolute=1e-15, noise=noise)
        return t

    def holds(self, x: Array) -> Bools:
        """Tell at which log intensities doubles hold a base."""
        return np.asarray(x <= np.max(self._up_to(float(np.max(x, initial=-np.inf)))[1]))


def _differences(t: Array, x: Array, slope: Array) -> tuple[Array, Array]:
    """Return places, each twice, and divided differences of t over x, of AROUND points on either side of every cell."""
    near = np.arange(AROUND, len(t) - AROUND + 1) + np.arange(-AROUND, AROUND)[:, None]
    place, level = (np.repeat(column[near], 2, axis=0) for column in (x, t))
    found = [level[0]]
    with np.errstate(all="ignore"):  # there are none next to maxima of x
        level = np.diff(level, axis=0) / np.diff(place, axis=0)
        level[::2] = 1 / slope[near]
        for order in range(2, len(place) + 1):
            found.append(level[0])
            level = np.diff(level, axis=0) / (place[order:] - place[:-order])
    return place, np.stack(found)


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

    def bases(self, t: Array, control: Array, check: bool) -> tuple[Bases, InnerChannel]:
        """Return q0 and R(q0) in closed form; continuous variables have no entropy that says anything."""
        t = t * (1 + 4 * EPS) if check else t
        q, gap = 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))
        second = self.coupling.derivative(2, log_overlap(q, gap)) / control**2
        return Bases(control, q, gap, 1 - second * gap**2, np.full_like(gap, np.nan)), BallChannel(gap)


class SpinBase(FieldBase):
    """Ising spins: averages over the Gaussian outer field."""

    def likely(self, t: Array) -> Array:
        """Return what lies between the laws of a constant and of a random outer field."""
        grown = np.exp(-np.maximum(t, -STRONG))
        q, gap = 1 / (1 + grown), grown / (1 + grown)
        root = np.sqrt(q)
        constant = 0.25 * np.log((1 + root) ** 2 / gap) ** 2
        wide = q * (1 - (1 - 2 / np.pi) * q) / gap**2  # exact next to q0 = 0 and q0 = 1
        snr = self.field**2 + self.coupling.derivative(1, np.log(q))
        share = self.field**2 / snr
        found = share * np.log(constant / q) + (1 - share) * np.log(wide / q) + np.log(q / snr)
        return np.asarray(np.where(t > -STRONG, found, self.least(t)))

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

    def bases(self, t: Array, control: Array, check: bool) -> tuple[Bases, InnerChannel]:
        """Return averages over the outer field at the logits."""
        lam = control**-2.0
        variance = lam * self.coupling.derivative(1, -np.logaddexp(0.0, -t))
        channel = SpinChannel.of(self.field / control, variance, check)
        gap = channel.gap
        q = np.where(gap < 0.5, 1 - gap, channel.square)
        log_q = log_overlap(q, gap)
        stability = 1 - lam * self.coupling.derivative(2, log_q) * channel.fluctuation
        _, rest = self.coupling.increments(log_q, gap / q)
        return Bases(control, q, gap, stability, channel.entropy - 0.5 * lam * rest), channel


def log_overlap(overlap: Array, gap: Array) -> Array:
    """Return log q from q and 1 - q."""
    return np.where(gap < 0.5, np.log1p(-np.minimum(gap, 0.5)), np.log(np.maximum(overlap, 1e-300)))
