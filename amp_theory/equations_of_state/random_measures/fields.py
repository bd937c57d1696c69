"""p-spins in a field: the base, and strength(q) along flows and along autoregressive paths.

With the coupling xi and the field h at temperature T a variable's outer field is h0 = h/T + sqrt(xi'(q0)) z, and its
mean square magnetisation is the outer overlap,

    Ising      q0 = E tanh(h0)^2,                               R(q0) = 1 - xi''(q0) E sech(h0)^4,
    spherical  q0 = (1 - q0)^2 (xi'(q0) + (h/T)^2),             R(q0) = 1 - xi''(q0) (1 - q0)^2.

The other variables add the snr X = xi'(q) - xi'(q0), and with Q, I the overlap and the information of `inner_channels`

    flow            q = Q(D), snr = D - X,                   R = 1 - xi''(q) Q'(D),
    autoregressive  1 - q = (1 - theta)(1 - Q(X)),           R = 1 - xi''(q) (1 - q) Q'(X)/(1 - Q(X)).

With Xi = xi(q) - xi(q0) - xi'(q0)(q - q0) the free entropy is

    flow            phi = snr q/2 - F(q),                    F = I(D) - D(1 - q)/2 - Xi/2, so that F' = snr/2,
    autoregressive  phi = X(1 - q)/2 + Xi/2 - (1 - theta) I(X),

and F(1), the entropy of the hidden sample less Xi(1)/2, is the replica-symmetric entropy of Ising spins.  At h = 0 and
q0 = 0 all of this is the planted model's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.random_measures.inner_channels import (
    BallChannel,
    InnerChannel,
    SpinChannel,
    outer_fields,
    stable_sech,
)
from amp_theory.equations_of_state.random_measures.isotherms import Bases, Isotherms, Points, RandomMeasure
from amp_theory.ingredients.paths.base import Path
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import InputError, NumericalError
from amp_theory.tools.roots import Function, solve_bracketed

if TYPE_CHECKING:
    from collections.abc import Callable

    from amp_theory.models.spin_glasses import FieldModel

#: log q0/(1 - q0) between which the base is looked for, and where more densely
ENDS, DENSE = (-700.0, 30.0), (-7.0, 7.0, 22)
#: how often a bracket is halved in search of a positive value
HALVINGS = 50
#: the least field in units of the temperature whose square doubles hold
WEAKEST = 1e-120
#: coordinates beyond which 1 - q is too small for folds, in units of one over the largest xi''
BEYOND = 64.0


class FieldCoupling:
    """xi(q) = lambda sum c_p q^p with derivatives, and its increments from q0 on without cancellation."""

    def __init__(self, terms: tuple[tuple[int, float], ...]) -> None:
        self.powers = np.array([p for p, _ in terms], dtype=float)
        self.factors = np.array([c for _, c in terms])

    def derivative(self, order: int, log_overlap: Array) -> Array:
        """Return the derivative of an order at log q, at lambda = 1."""
        falling = self.factors * np.prod([self.powers - k for k in range(order)], axis=0)
        kept = falling > 0
        powers = self.powers[kept] - order
        return np.asarray(np.exp(np.multiply.outer(log_overlap, powers)) @ falling[kept])

    def increments(self, log_start: Array, relative: Array) -> tuple[Array, Array]:
        """Return xi'(q) - xi'(q0) and xi(q) - xi(q0) - xi'(q0)(q - q0) at q = q0 (1 + relative)."""
        x, t = log_start[..., None], relative[..., None]
        growth = np.log1p(t)
        n = self.powers - 1
        # far from q0 the powers are better subtracted, which cannot overflow
        near, closer = growth * self.powers < 1, np.minimum(growth, 1 / self.powers)
        first = np.where(near, np.exp(n * x) * np.expm1(n * closer), np.exp(n * (x + growth)) - np.exp(n * x))
        rise = np.where(near, np.expm1(self.powers * closer) - self.powers * np.minimum(t, 2.0), 0.0)
        far = np.exp(self.powers * (x + growth)) - np.exp(self.powers * x) - self.powers * np.exp(n * x + x) * t
        second = self.factors * np.where(near, np.exp(self.powers * x) * rise, far)
        first = self.factors * self.powers * first
        return first.sum(axis=-1), second.sum(axis=-1)


@dataclass(frozen=True)
class FieldIsotherms(Isotherms):
    """The isotherms at n temperatures: 1/T^2 and the channels of one variable."""

    measure: FieldMeasure
    base: Bases
    intensity: Array
    channel: InnerChannel
    checks: bool = False

    def take(self, index: Index) -> FieldIsotherms:
        """Return some of the isotherms."""
        return replace(
            self, base=self.base.take(index), intensity=self.intensity[index], channel=self.channel.take(index)
        )

    @property
    def hidden_entropy(self) -> Array:
        """That of the channel."""
        return self.channel.entropy

    @cached_property
    def check(self) -> FieldIsotherms:
        """The isotherms by a second quadrature."""
        return self.measure.isotherms(self.base.control, check=True)

    @property
    def farthest(self) -> float:
        """Where 1 - q has become small against one over the largest xi'', and against 1 - Q."""
        if self.measure.path.erases:
            whole = np.full((len(self.intensity), 1), 1e300)
            x = self._coupling(self.base.gap[:, None], 0 * whole)[0]
            return BEYOND / max(float(np.min(self.channel(x).gap)), 1e-140)
        steepest = float(np.max(self.intensity)) * float(self.measure.mixture.derivative(2, np.zeros(())))
        return max(BEYOND, BEYOND * steepest / float(np.min(self.base.gap)) if self.measure.model.spherical else
                   BEYOND + 4 * np.log1p(steepest) + steepest)  # fmt: skip

    def points(self, coordinate: Array) -> Points:
        """Return the points at coordinates: z = D of flows, z = 1/(1 - q) - 1/(1 - q0) of autoregressive paths."""
        return self._revealed(coordinate) if self.measure.path.erases else self._flow(coordinate)

    def _coupling(self, excess: Array, gap: Array) -> tuple[Array, Array, Array, Array]:
        """Return X, Xi, xi''(q) and xi'''(q)."""
        mixture, lam = self.measure.mixture, self.intensity[:, None]
        start = np.log(np.maximum(self.base.overlap, 1e-300))[:, None]
        x, level = mixture.increments(start, excess / np.exp(start))
        at = np.where(gap < 0.5, np.log1p(-np.minimum(gap, 0.5)), start + np.log1p(excess / np.exp(start)))
        second, third = (mixture.derivative(order, at) for order in (2, 3))
        return lam * x, lam * level, lam * second, lam * third

    def _flow(self, z: Array) -> Points:
        v = self.channel(z)
        x, level, second, third = self._coupling(v.excess, v.gap)
        return Points(
            gap=v.gap, excess=v.excess, overlap_z=v.slope, signal=x, strength=z - x, stability=1 - second * v.slope,
            stability_z=-(third * v.slope**2 + second * v.slope2), unit=np.ones_like(z),
            level=0.5 * level + 0.5 * z * v.gap - v.information, level_s=(self.base.overlap[:, None] + v.excess) / 2,
        )  # fmt: skip

    def _revealed(self, z: Array) -> Points:
        g0 = self.base.gap[:, None]
        gap = g0 / (1 + g0 * z)
        excess = g0 * z * gap
        x, level, second, third = self._coupling(excess, gap)
        v = self.channel(x)
        with np.errstate(all="ignore"):  # next to q = 1 both parts of 1 - theta vanish
            ratio = np.where(v.gap > 0, v.slope / v.gap, 1.0)
            kept = gap * second * ratio
            bend = np.where(v.gap > 0, v.slope2 / v.slope, -1.0) + ratio
            # next to q0 from what both add to it
            theta = np.where(z < 1, (excess - v.excess) / v.gap, 1 - gap / v.gap)
            kept_z = kept * gap * (gap * (third / second + bend * second) - 1)
        return Points(
            gap=gap, excess=excess, overlap_z=gap**2, signal=x, strength=theta, stability=1 - kept,
            stability_z=-kept_z, unit=v.gap / gap / gap, level=0.5 * x * gap + 0.5 * level - v.information,
            level_s=v.information,
        )  # fmt: skip


class FieldMeasure(RandomMeasure):
    """The random measure of a spin glass in a field along a path."""

    def __init__(self, model: FieldModel, path: Path) -> None:
        if path.informed or path.order != "random" or not (path.strength_is_snr or path.erases):
            raise InputError(
                f"{model!r} has equations along flow and autoregressive, got {path.name}: in a field its strength is "
                "not explicit in the overlap, and is not derived"
            )
        self.model, self.path, self.field = model, path, model.field
        plain = model.without_field
        path.check_prior(plain.variable_prior)
        coupling = plain.polynomial
        assert coupling is not None
        self.mixture = FieldCoupling(coupling.float_terms[0])

    @property
    def always_stable(self) -> float:
        """T^2 = xi_1''(1): Q' is at most one."""
        return float(np.sqrt(self.mixture.derivative(2, np.zeros(()))))

    def bases(self, control: Array, check: bool = False) -> Bases:
        """Return the replica-symmetric measures at temperatures, shape (n,)."""
        return self.isotherms(control, check).base if self.model.spherical else self._spins(control, check)

    def isotherms(self, control: Array, check: bool = False) -> FieldIsotherms:
        """Return the isotherms at temperatures, shape (n,)."""
        lam = control**-2.0
        if np.any(self.field / control < WEAKEST):
            raise NumericalError(
                f"field/{self.model.control} below {WEAKEST:g} cannot be told from none", "use field=0, or raise it"
            )
        if self.model.spherical:
            q, gap = self._ball_overlaps(control, check)
            channel: InnerChannel = BallChannel(gap)
            entropy = np.full_like(gap, np.nan)
        else:
            found = self._spins(control, check)
            q, gap, entropy = found.overlap, found.gap, found.entropy
            channel = SpinChannel.of(self.field / control, lam * self._outer(q, gap), check)
        second = lam * self.mixture.derivative(2, _log(q, gap))
        base = Bases(control, q, gap, 1 - second * channel.fluctuation, entropy)
        return FieldIsotherms(self, base, lam, channel, check)

    def _outer(self, overlap: Array, gap: Array) -> Array:
        """Return xi_1'(q0)."""
        return self.mixture.derivative(1, _log(overlap, gap))

    def _spins(self, control: Array, check: bool) -> Bases:
        """Return the bases of Ising spins."""
        b, lam, step = self.field / control, control**-2.0, 0.8 if check else 1.0
        averages = self._averages(control, step)
        t = self._found(_smallest_root(lambda t, i: averages(t, i)[:2], self._grid, len(control)), control)
        _, _, q, gap, stability = averages(t, np.arange(len(control)))
        h, density = outer_fields(b, lam * self._outer(q, gap), step)
        e = np.exp(-2 * np.abs(h))
        alone = np.sum(density * (np.log1p(e) + 2 * np.abs(h) * e / (1 + e)), axis=-1)
        log_q = _log(q, gap)
        _, rest = self.mixture.increments(log_q, gap / q)
        return Bases(control, q, gap, stability, alone - 0.5 * lam * rest)

    def _averages(
        self, control: Array, step: float
    ) -> Callable[[Array, Index], tuple[Array, Array, Array, Array, Array]]:
        """Return what gives q - E tanh^2 and its slope, both overlaps and R, of positions log q/(1 - q)."""
        b, lam = self.field / control, control**-2.0

        def averages(t: Array, i: Index) -> tuple[Array, Array, Array, Array, Array]:
            log_q, q, gap = -np.log1p(np.exp(-t)), 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))
            v = lam[i] * self.mixture.derivative(1, log_q)
            h, density = outer_fields(b[i], v, step)
            s2 = stable_sech(h) ** 2
            second = lam[i] * self.mixture.derivative(2, log_q)
            tanh2 = np.where(np.abs(h) < 0.5, np.tanh(h) ** 2, 1 - s2)
            m2, g, fourth = (np.sum(density * x, axis=-1) for x in (tanh2, s2, s2 * s2))
            # what E tanh^2 misses of fields beyond the grid, where tanh^2 = 1
            m2 = np.where(g < 0.5, 1 - g, m2)
            slope = second * (3 * fourth - 2 * g)
            return np.where(t < 0, q - m2, g - gap), (1 - slope) * q * gap, m2, g, 1 - second * fourth

        return averages

    def _ball_overlaps(self, control: Array, check: bool) -> tuple[Array, Array]:
        """Return q0 and 1 - q0 of spherical spins, from q0/(1 - q0)^2 - xi'(q0) = (h/T)^2."""
        t = self._found(_smallest_root(self._ball_excess(control), self._grid, len(control)), control)
        t = t * (1 + (4 * EPS if check else 0))
        return 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))

    def _ball_excess(self, control: Array) -> Function:
        """Return 1 - (1 - q)^2 (xi'(q) + (h/T)^2)/q and its slope as a function of log q/(1 - q)."""
        b2, lam = (self.field / control) ** 2, control**-2.0

        def excess(t: Array, i: Index) -> tuple[Array, Array]:
            log_q, gap = -np.log1p(np.exp(-t)), 1 / (1 + np.exp(t))
            q = np.exp(log_q)
            first, second = (lam[i] * self.mixture.derivative(k, log_q) for k in (1, 2))
            value = 1 - (first + b2[i]) * gap**2 / q
            slope = (-second + (first + b2[i]) * (1 / q + 2 / gap)) * gap**2 / q
            return value, slope * q * gap

        return excess

    @cached_property
    def _grid(self) -> Array:
        return _grid(float(self.mixture.powers.max()))

    def solvable(self, control: Array) -> Bools:
        """Tell at which temperatures doubles hold 1 - q0."""
        if self.model.spherical:
            function = self._ball_excess(control)
        else:
            averages = self._averages(control, 1.0)
            function = lambda t, i: averages(t, i)[:2]  # noqa: E731
        index = np.repeat(np.arange(len(control)), len(self._grid))
        values = function(np.tile(self._grid, len(control)), index)[0]
        strong = np.any(values.reshape(len(control), -1) > 0, axis=1)
        return np.asarray(strong & (self.field / control >= WEAKEST))

    def _found(self, place: Array, control: Array) -> Array:
        """Return places of bases, all of which must have been found."""
        if len(lost := control[np.isnan(place)]):
            raise NumericalError(
                f"at field = {self.field:.6g} and {self.model.control} = {float(lost[0]):.6g} 1 - q0 is below 1e-13, "
                "which doubles cannot resolve", f"lower the field or raise the {self.model.control}",
            )  # fmt: skip
        return place


def _log(overlap: Array, gap: Array) -> Array:
    """Return log q from q and 1 - q."""
    return np.where(gap < 0.5, np.log1p(-np.minimum(gap, 0.5)), np.log(np.maximum(overlap, 1e-300)))


def _grid(steepest: float) -> Array:
    """Return log q/(1 - q) where signs are looked at, more densely the higher the largest power of the coupling."""
    count = max(DENSE[2], int(np.ceil((DENSE[1] - DENSE[0]) * steepest / 4)))
    return np.concatenate([[-60.0, -35.0, -22.0, -15.0, -10.0], np.linspace(*DENSE[:2], count), [9.0, 12.0, 18.0],
                           ENDS[1:]])  # fmt: skip


def _smallest_root(function: Function, grid: Array, count: int) -> Array:
    """Return the smallest log q/(1 - q) at which a function, negative at q = 0, becomes positive, for every control.

    NaN where it does not become positive on the grid.
    """
    index = np.repeat(np.arange(count), len(grid))
    values, slopes = (x.reshape(count, -1) for x in function(np.tile(grid, count), index))
    up = values > 0
    first = np.argmax(up, axis=1)
    lower, upper = np.where(first > 0, grid[first - 1], ENDS[0]), grid[first].copy()
    # between two negative values it may rise and fall again: near a fold the two lowest roots are close together
    before = np.arange(1, len(grid)) < np.where(up.any(axis=1), first, len(grid))[:, None]
    rows, cells = np.nonzero(before & (slopes[:, :-1] > 0) & (slopes[:, 1:] < 0))
    hump = _positive_between(lambda t, i: function(t, rows[i]), grid[cells], grid[cells + 1])
    for k in np.flatnonzero(~np.isnan(hump))[::-1]:  # the lowest last
        lower[rows[k]], upper[rows[k]] = grid[cells[k]], hump[k]
        up[rows[k], -1] = True
    found, there = np.full(count, np.nan), np.flatnonzero(up.any(axis=1))
    found[there] = solve_bracketed(
        lambda t, i: function(t, there[i]), lower[there], upper[there], True, absolute=1e-15
    )  # fmt: skip
    return found


def _positive_between(function: Function, low: Array, high: Array) -> Array:
    """Return where a function that rises and then falls is positive in every bracket, NaN where nowhere."""
    low, high, found = low.copy(), high.copy(), np.full(len(low), np.nan)
    active = np.arange(len(low))
    for _ in range(HALVINGS):
        if not len(active):
            break
        t = 0.5 * (low[active] + high[active])
        value, slope = function(t, active)
        found[active[value > 0]] = t[value > 0]
        width = high[active] - low[active]
        # a narrow hump lies below its tangents
        kept = ~(value > 0) & ((width > 0.1) | (value + 2 * np.abs(slope) * width > 0))
        rising = slope > 0
        low[active[rising]], high[active[~rising]] = t[rising], t[~rising]
        active = active[kept]
    return found
