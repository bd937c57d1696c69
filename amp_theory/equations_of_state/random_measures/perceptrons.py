"""Random perceptrons: the base, and strength(q) along flows and along autoregressive paths.

Every pattern is an average of `pattern_averages`, every weight a channel of `inner_channels`.  With alpha patterns per
weight and qh(q) = alpha <g^2>_q the base is explicit in the outer overlap,

    spherical  q0/(1 - q0)^2 = alpha E g(w0; 1 - q0)^2,
    binary     q0 = E tanh(sqrt(qh0) z)^2,    qh0 = alpha E g(w0; 1 - q0)^2,         R(q0) = 1 - alpha Q'(0) E g'^2,

and what stands for a coupling's xi', xi'' and xi''' in the equations of `fields` is qh, alpha <g'^2> and its derivative
alpha <g''^2 - 2 g'^3>; twice alpha <log H> is xi.  So snr(q) = D(q) - [qh(q) - qh0] along a flow, and F(1) is the
entropy of the target for binary weights.

On the sphere the target is exp(-mu |w|^2/2) prod psi, log-concave where mu >= 0, with 1/(1 - q0) = mu - alpha E g'(w0).
There R > 0 on all of [q0, 1): (1 - q) |g'| <= 1 for log-concave psi, and <g'> + <g^2> is the same at every q, so that

    flow            R >= 1 - alpha (1 - q) <-g'> = (1 - q)(mu + snr(q)),
    autoregressive  R >= mu (1 - Q(X)).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from amp_theory.equations_of_state.random_measures.fields import FieldIsotherms
from amp_theory.equations_of_state.random_measures.inner_channels import (
    CHECK_STEP,
    BallChannel,
    InnerChannel,
    SpinChannel,
    outer_fields,
    sech_squared,
)
from amp_theory.equations_of_state.random_measures.isotherms import Bases, RandomMeasure, told_along
from amp_theory.equations_of_state.random_measures.pattern_averages import PatternAverages, PatternMoments
from amp_theory.ingredients.outputs.potentials import SmoothPotential
from amp_theory.ingredients.paths.base import Path
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.roots import crossings, solve_bracketed

if TYPE_CHECKING:
    from amp_theory.models.perceptrons import RandomPerceptron

#: places at which the base is tabulated: its first, above the least variance of fields, the dense ones, and their step
FIRST_PLACE, DENSE, PLACE_STEP = -660.0, -8.0, 0.25
#: the least 1 - q0 that is looked at: closer to capacity fields w0 are too wide for the sums over patterns
LEAST_GAP = 4e-3
#: snr of flows at which 1 - q of binary weights is 1e-15, and the same for 1/(1 - q)
FULL, KNOWN = 64.0, 1e15
#: 1 - q that stands for zero, and the least
KNOWN_GAP, SMALLEST = 1e-20, 1e-60
#: coordinates among which the last fold is looked for, R that is positive for good, and how far beyond the search goes
LADDER, SAFE, MARGIN = 16.0 ** np.arange(1, 14), 0.25, 16.0
#: the largest curvature of log psi is no more than this times what was seen
BENT = 1.1
#: coordinates per factor of two where 1 - q is small, and from which coordinate on
SPARSE, FAR = 1, 64.0
#: the first intensity that is looked at, in units of where R might vanish, how many there are per factor of e, and for
#: how many factors; then there is one; of frozen measures the first is so far from the last
EASY, DENSITY, CLOSELY, WIDEST = 0.5, 6, 4.0, 5.0
#: a Newton step towards a base after which it is known
NEAR = 1e-9
#: mu (1 - q0) above which a spherical measure is log-concave, and the shortest search
SURE, SHORTEST = 1e-9, 0.5
#: g^2 over g'^2 that is rounding
ROUNDED = 1e-24
#: q0 of even potentials up to which E g^2 is integrated, and at how many places
SMALL_OVERLAP, NODES = 1e-3, 4
#: R(q0) below minus this is surely negative, and q0 that has grown from zero
UNSTABLE, GROWN = 1e-11, 1e-6
#: changes of log alpha that are rounding, and what stands for no fall of R
FLAT, TINY = 1e-12, 1e-100
#: how many intensities are looked at, at least
FEW, FEWEST = 4, 12
#: how far from the end of the table, which is more than steps of derivatives, and from where folds are lost
SHORT, BEFORE = 2e-5, 1e-4


def _rounding(x: Array) -> Array:
    """Return what is rounding of log sampling ratios."""
    return 4 * EPS * (1 + np.abs(x))


@dataclass(frozen=True)
class PerceptronIsotherms(FieldIsotherms):
    """The isotherms at n sampling ratios alpha, which are `intensity`."""

    measure: PerceptronMeasure  # type: ignore[assignment]
    start: PatternMoments = None  # type: ignore[assignment]

    def take(self, index: Index) -> PerceptronIsotherms:
        """Return some of the isotherms."""
        some = PerceptronIsotherms(
            self.measure, self.base.take(index), self.intensity[index], self.channel.take(index), self.checks,
            PatternMoments(*(x[index] for x in self.start)),
        )  # fmt: skip
        self._carried(some, index)
        return some

    def _coupling(self, excess: Array, gap: Array) -> tuple[Array, Array, Array, Array]:
        """Return qh - qh0, what stands for its integral, and two derivatives of qh."""
        q0, v0, alpha = self.base.overlap[:, None], self.base.gap[:, None], self.intensity[:, None]
        every = self.measure.averages(self.checks).inside(q0, v0, excess, np.maximum(gap, SMALLEST))
        square, log_h = self.start.square[:, None], self.start.log_h[:, None]
        level = 2 * (every.log_h - log_h) - square * excess
        return alpha * (every.square - square), alpha * level, alpha * every.slope, alpha * every.bend

    @cached_property
    def farthest(self) -> float:
        """Where R > 0 has come to stay on all isotherms, or 1 - q is 1e-15."""
        if not self.measure.model.spherical:
            return KNOWN if self.measure.told.erases else FULL
        ladder, potential = LADDER, self.measure.model.potential
        if isinstance(potential, SmoothPotential):
            # -g' < c where log psi bends by no more than c: 1 - R < alpha (1 - q)(1 - q0) c^2, and 1 - q < 1/z
            most = float(np.max(self.intensity * self.base.gap)) * (BENT * potential.bend) ** 2
            ladder = LADDER[: 1 + int(np.searchsorted(LADDER[:-1], most / (1 - SAFE)))]
        r = self.points(np.broadcast_to(ladder, (len(self.intensity), len(ladder)))).stability
        bad = np.flatnonzero(np.any(~(r > SAFE), axis=0))
        last = float(ladder[min(bad[-1] + 1, len(ladder) - 1)]) if len(bad) else float(ladder[0])
        return MARGIN * last

    @property
    def coarse(self) -> int:
        """Points are sums over two fields, and take long."""
        return 3

    @property
    def grid(self) -> Array:
        """Coordinates, less dense where 1 - q is small and the margin is all that counts."""
        dense = np.concatenate([np.geomspace(1e-6, 0.1, 8)[:-1], np.geomspace(0.1, FAR, 45)])
        if self.farthest <= FAR:
            return dense
        count = int(np.ceil(SPARSE * np.log2(self.farthest / FAR)))
        return np.concatenate([dense, np.geomspace(FAR, self.farthest, count + 1)[1:]])


class _Single(NamedTuple):
    """Of one weight: q0, 1 - q0, qh0, Q'(0), and with the place dq0 and d log qh0."""

    overlap: Array
    gap: Array
    field: Array
    fluctuation: Array
    overlap_rise: Array
    rise: Array


class PerceptronMeasure(RandomMeasure):
    """The random measure of a perceptron along a path."""

    model: RandomPerceptron

    def __init__(self, model: RandomPerceptron, path: Path) -> None:
        self.model, self.path = model, path
        self.told = told_along(model, path)
        self._at_zero: dict[bool, PatternMoments] = {}
        path.check_prior(model.prior)

    def averages(self, check: bool) -> PatternAverages:
        """Return the averages over patterns."""
        potential = self.model.potential
        return PatternAverages(potential.finer if check else potential, check)

    @property
    def frozen(self) -> bool:
        """Whether q = 1 is stable at every sampling ratio: <g'^2> grows faster than Q' falls."""
        power = self.model.potential.margin
        return not self.model.spherical and power is not None and power < 1

    @cached_property
    def even(self) -> bool:
        """Whether g(0; 1) is what rounding leaves of zero."""
        here = self._independent(False)
        return bool(here.square[0] < ROUNDED * here.slope[0])

    def _independent(self, check: bool) -> PatternMoments:
        """Return averages over patterns at q0 = 0; of even potentials it is stable up to alpha g'(0; 1)^2 = 1."""
        if check not in self._at_zero:
            self._at_zero[check] = self.averages(check).base(np.zeros(1), np.ones(1))
        return self._at_zero[check]

    @property
    def least_gap(self) -> float:
        """The last 1 - q of binary weights."""
        return 0.0 if self.model.spherical or self.frozen else 1 / KNOWN

    @cached_property
    def followed_to(self) -> float:
        """Where R < 0 reaches the last 1 - q; of binary weights with psi about linear at the margin it goes on."""
        power = self.model.potential.margin
        if self.model.spherical or power is None or power < 1:
            return float("inf")

        def last(x: Array, i: Index) -> Array:
            isotherms = self.isotherms(np.exp(x))
            return isotherms.points(np.full((len(x), 1), isotherms.farthest)).stability[:, 0]

        x = self.looked_at[[0, -1]]
        found = crossings(last, x[:1], x[1:], absolute=1e-6)
        return float("inf") if np.isnan(found[0]) else float(found[0]) - BEFORE

    # --- the base ---

    def _single(self, place: Array, check: bool) -> _Single:
        """Return the weights at places: log q0/(1 - q0) of spherical weights, log qh0 of binary ones."""
        if self.model.spherical:
            q, gap = 1 / (1 + np.exp(-place)), 1 / (1 + np.exp(place))
            return _Single(q, gap, q / gap**2, gap**2, q * gap, 1 + q)
        qh = np.exp(place)
        h, density = outer_fields(np.zeros_like(qh), qh, CHECK_STEP if check else 1.0)
        s2 = sech_squared(h)
        with np.errstate(under="ignore"):
            near, left, fluctuation = (np.sum(density * x, axis=-1) for x in (np.tanh(h) ** 2, s2, s2 * s2))
        # large fields, where sech is nothing, are not in the sums
        q, gap = np.where(qh < 1, near, 1 - left), np.where(qh < 1, 1 - near, left)
        return _Single(q, gap, qh, fluctuation, qh * (3 * fluctuation - 2 * gap), np.ones_like(qh))

    def _log_ratio(self, place: Array, check: bool) -> tuple[Array, Array]:
        """Return log alpha at places of the base, and its slope: dE g^2/dq0 = E g'^2 - 2 E g^2 g'."""
        return self._ratio_of(*self._at(place, check))

    def _at(self, place: Array, check: bool) -> tuple[_Single, PatternMoments]:
        """Return the weights at places of the base, and the averages over patterns there.

        Where g(0) is rounding, E g^2 of small q0 is the integral of its slope, in which no rounding is squared.
        """
        here = self._single(place, check)
        every = self.averages(check).base(here.overlap, here.gap)
        if np.any(small := self.even & (here.overlap < SMALL_OVERLAP)):
            nodes, weights = np.polynomial.legendre.leggauss(NODES)
            q = 0.5 * (1 + nodes) * here.overlap[small, None]
            along = self.averages(check).base(q.ravel(), 1 - q.ravel())
            rise = (along.slope - 2 * along.mixed).reshape(q.shape)
            every.square[small] = 0.5 * here.overlap[small] * (rise @ weights)
        return here, every

    def _ratio_of(self, here: _Single, every: PatternMoments) -> tuple[Array, Array]:
        """Return log alpha and its slope from both."""
        slope = here.rise - here.overlap_rise * (every.slope - 2 * every.mixed) / every.square
        return np.asarray(np.log(here.field) - np.log(every.square)), np.asarray(slope)

    @cached_property
    def _last(self) -> float:
        """The place at which 1 - q0 is the least that is looked at."""
        if self.model.spherical:
            return float(np.log1p(-LEAST_GAP) - np.log(LEAST_GAP))
        place = crossings(
            lambda t, i: LEAST_GAP - self._single(t, False).gap, np.array([0.0]), np.array([16.0]), absolute=1e-6
        )
        return float(place[0])

    @cached_property
    def _table(self) -> tuple[Array, Array, Array, _Single, PatternMoments]:
        """Places, log alpha there and its slopes, up to where alpha stops rising; weights and averages over patterns.

        Even potentials have q0 = 0 up to a finite alpha, that of the first place.
        """
        count = int((self._last - DENSE) / PLACE_STEP) + 1
        place = np.concatenate([np.linspace(FIRST_PLACE, DENSE, 60)[:-1], np.linspace(DENSE, self._last, count)])
        here, every = self._at(place, False)
        log_ratio, slope = self._ratio_of(here, every)
        # of even potentials it is constant at first, but for rounding: what is larger than later is none
        falls = np.flatnonzero((np.diff(log_ratio) < -FLAT) & (place[1:] > DENSE))
        end = int(falls[0]) + 1 if len(falls) else len(place)
        log_ratio = np.minimum.accumulate(log_ratio[:end][::-1])[::-1]
        weights, patterns = _Single(*(x[:end] for x in here)), PatternMoments(*(x[:end] for x in every))
        return place[:end], log_ratio, slope[:end], weights, patterns

    def solvable(self, control: Array) -> Bools:
        """Tell at which sampling ratios there is a base with 1 - q0 that is not too small."""
        table = self._table[1]
        return np.asarray(((np.log(control) >= table[0]) | self.even) & (np.log(control) <= table[-1]))

    def _places(self, control: Array, check: bool) -> Array:
        """Return the places of bases at sampling ratios."""
        x, table = np.log(control), self._table[1]
        if np.any(lost := ~self.solvable(control)):
            raise NumericalError(
                f"{self.model!r} at {self.model.control} = {float(control[lost][0]):.6g}: no base with "
                f"1 - q0 > {LEAST_GAP:g} is found, the solutions are all but unique, or there are none",
                f"ask below {self.model.control} = {float(np.exp(table[-1])):.6g}",
            )  # fmt: skip
        if not self.even:
            return self._searched(x, *self._around(x), check)
        # q0 is zero up to the line, from where it is about proportional to the distance
        line, place = -float(np.log(self._independent(check).slope[0])), self._table[0]
        found = np.full(len(x), place[0])
        some = np.flatnonzero(x > line + _rounding(x))
        if not len(some):
            return found
        x = x[some]
        low, high, guess = self._around(x)
        first = int(np.argmin(place < DENSE)) + 1
        near = x < table[first]
        with np.errstate(invalid="ignore", divide="ignore"):
            close = place[first] + np.log((x - line) / (table[first] - line))
        low, high, guess = (np.where(near, a, b) for a, b in ((place[0], low), (place[first], high), (close, guess)))
        found[some] = self._searched(x, low, high, guess, check)
        return found

    def _around(self, x: Array) -> tuple[Array, Array, Array]:
        """Return places around bases at log sampling ratios, and a guess: a cubic through both and their slopes."""
        place, table, slope, *_ = self._table
        k = np.clip(np.searchsorted(table, x, side="left"), 1, len(place) - 1)
        widen = 1e-9 * (1 + np.abs(place))
        width, t = table[k] - table[k - 1], (x - table[k - 1]) / (table[k] - table[k - 1])
        with np.errstate(all="ignore"):
            guess = place[k - 1] + (place[k] - place[k - 1]) * t * t * (3 - 2 * t)
            guess = guess + width * t * (1 - t) * ((1 - t) / slope[k - 1] - t / slope[k])
        return (place - widen)[k - 1], (place + widen)[k], guess

    def _searched(self, x: Array, low: Array, high: Array, guess: Array, check: bool) -> Array:
        """Return the places of bases at log sampling ratios in brackets."""
        rounding = _rounding(x)

        def off(t: Array, i: Index) -> tuple[Array, Array]:
            value, rise = self._log_ratio(t, check)
            # what is rounding has the sign of its end
            part = (t - low[i]) / (high - low)[i]
            return value - x[i] + rounding[i] * (2 * part - 1), rise

        # a Newton step of NEAR leaves nothing but rounding
        return solve_bracketed(off, low, high, True, guess=guess, absolute=NEAR)

    def bases(self, control: Array, check: bool = False) -> Bases:
        """Return the replica-symmetric measures at sampling ratios, shape (n,)."""
        return self._solved(control, check)[0]

    def _solved(self, control: Array, check: bool) -> tuple[Bases, PatternMoments, InnerChannel]:
        """Return the bases, the averages over patterns there, and the channels of weights."""
        q, gap, qh, fluctuation, *_ = self._single(self._places(control, check), check)
        start = self.averages(check).base(q, gap)
        if self.model.spherical:
            channel: InnerChannel = BallChannel(gap)
            single = 0.5 * np.log(gap) + 0.5 * qh * gap
        else:
            channel = SpinChannel.of(np.zeros_like(qh), qh, check)
            # E log 2 cosh, with E h tanh h = qh0 (1 - q0), less qh0 (1 - q0)/2
            single = channel.entropy + 0.5 * qh * gap
        entropy = single + control * (start.log_h - self._log_weight(q, gap, check))
        return Bases(control, q, gap, 1 - control * fluctuation * start.slope, entropy), start, channel

    def _log_weight(self, overlap: Array, gap: Array, check: bool) -> Array:
        """Return the mean of log psi over patterns in the target."""
        if self.model.potential.margin == 0:
            return np.zeros_like(gap)
        # at q = 1, where the potential is no longer smoothed
        last = np.full((len(gap), 1), KNOWN_GAP)
        q, v = overlap[:, None], gap[:, None]
        return self.averages(check).inside(q, v, v - last, last).log_h[:, 0]

    def isotherms(self, control: Array, check: bool = False) -> PerceptronIsotherms:
        """Return the isotherms at sampling ratios, shape (n,)."""
        base, start, channel = self._solved(control, check)
        return PerceptronIsotherms(self, base, control, channel, check, start)

    # --- where to look ---

    @cached_property
    def always_stable(self) -> float:
        """Where R > 0 all along the isotherm, with room: from its largest fall at few patterns."""
        few_patterns = self._log_ratio(np.full(1, DENSE), False)[0]
        control = np.exp(np.minimum(few_patterns, self._table[1][-1] - SHORT))
        few = self.isotherms(control)
        fall = 1 - few.points(few.grid[None]).stability[0]
        return float(EASY * control[0] / max(float(np.max(fall)), TINY))

    @cached_property
    def looked_at(self) -> Array:
        """Log sampling ratios at which signs are looked at, from where all is stable to just beyond the stability line.

        Where that is not reached, to where 1 - q0 is too small.  Of spherical weights R > 0 where their measure is
        log-concave: see the module.
        """
        _, table, _, weights, every = self._table
        q, gap, _, fluctuation, *_ = weights
        stability = 1 - np.exp(table) * fluctuation * every.slope
        # where even potentials get a q0 from zero on R falls as q0^2, at first by less than rounding, or stays zero;
        # a row of tiny q0 has the ratio of the line, and any sign
        beyond = np.flatnonzero((stability < -UNSTABLE) & ((q > GROWN) | (not self.even)))
        if not len(beyond):
            beyond = np.flatnonzero((stability < UNSTABLE) & (q > GROWN))
        end = min(float(table[beyond[0] if len(beyond) else -1]), float(table[-1]) - SHORT)
        if self.model.spherical:
            convex = 1 + np.exp(table) * gap * every.bent > SURE
            first = len(table) if np.all(convex) else int(np.argmin(convex))
            start = min(float(table[max(first - 1, 0)]), end - SHORTEST)
        else:
            start = end - WIDEST if self.frozen else min(np.log(self.always_stable), end - 1.0)
        dense = min(end, start + CLOSELY)
        # a few are enough where all that is looked at is log-concave
        least = FEW if self.model.spherical and start >= end - SHORTEST else FEWEST
        return np.concatenate([np.linspace(start, dense, max(least, int(np.ceil(DENSITY * (dense - start))))),
                               np.linspace(dense, end, int(np.ceil(end - dense)) + 1)[1:]])  # fmt: skip
