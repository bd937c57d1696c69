"""p-spins in a field: the base, and strength(q) along flows and along autoregressive paths.

With the coupling xi and the field h at temperature T a variable's outer field is h0 = h/T + sqrt(xi'(q0)) z, and its
mean square magnetisation is the outer overlap,

    Ising      q0 = E tanh(h0)^2,                               R(q0) = 1 - xi''(q0) E sech(h0)^4,
    spherical  q0 = (1 - q0)^2 (xi'(q0) + (h/T)^2),             R(q0) = 1 - xi''(q0) (1 - q0)^2.

The other variables add the snr X = xi'(q) - xi'(q0), and with Q, I the overlap and the information of `inner_channels`

    flow            q = Q(D), snr = D - X,                   R = 1 - xi''(q) Q'(D),
    autoregressive  1 - q = (1 - theta)(1 - Q(X)),           R = 1 - xi''(q) (1 - q) Q'(X)/(1 - Q(X)).

and together, a part theta known exactly and a flow of snr D - X,

    1 - q = (1 - theta)(1 - Q(D)),                           R = 1 - xi''(q) (1 - theta) Q'(D),

at constant theta; at constant snr R is as above, with Q'/(1 - Q) at X + snr.

With Xi = xi(q) - xi(q0) - xi'(q0)(q - q0) the free entropy is

    flow            phi = snr q/2 - F(q),                    F = I(D) - D(1 - q)/2 - Xi/2, so that F' = snr/2,
    autoregressive  phi = X(1 - q)/2 + Xi/2 - (1 - theta) I(X),
    together        phi = X(1 - q)/2 + Xi/2 - (1 - theta) I(X + snr) + snr/2,

and F(1), the entropy of the hidden sample less Xi(1)/2, is the replica-symmetric entropy of Ising spins.  At h = 0 and
q0 = 0 all of this is the planted model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.random_measures.field_bases import BallBase, FieldBase, SpinBase
from amp_theory.equations_of_state.random_measures.field_couplings import FieldCoupling
from amp_theory.equations_of_state.random_measures.inner_channels import InnerChannel
from amp_theory.equations_of_state.random_measures.isotherms import (
    Bases,
    Isotherms,
    Points,
    RandomMeasure,
    parts,
    told_along,
)
from amp_theory.ingredients.paths.base import Path
from amp_theory.tools.arrays import Array, Bools, Index
from amp_theory.tools.errors import NumericalError

if TYPE_CHECKING:
    from amp_theory.models.spin_glasses import FieldModel

#: the least field in units of the temperature whose square doubles hold
WEAKEST = 1e-120
#: coordinates beyond which 1 - q is too small for folds, in units of one over the largest xi''
BEYOND = 64.0
#: 1/(1 - q) from which on 1 - q counts as zero, since doubles hold its square no longer
LAST = 1e150
#: which of the coordinates remain of those where nothing but 1 - q changes any more
SPARSE = 24


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
        some = replace(
            self, base=self.base.take(index), intensity=self.intensity[index], channel=self.channel.take(index)
        )
        self._carried(some, index)
        return some

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
        if self.measure.told.erases:
            whole = np.full((len(self.intensity), 1), 1e300)
            x = self._coupling(self.base.gap[:, None], 0 * whole)[0] + self.measure.told.snr
            return BEYOND / max(float(np.min(self.channel(x).gap)), 1e-140)
        steepest = float(np.max(self.intensity)) * float(self.measure.mixture.derivative(2, np.zeros(())))
        return max(BEYOND, BEYOND * steepest / float(np.min(self.base.gap)) if self.measure.model.spherical else
                   BEYOND + 4 * np.log1p(steepest) + steepest)  # fmt: skip

    @property
    def grid(self) -> Array:
        """Coordinates, less dense where 1 - q is so small that the snr from the other variables is what it is at 1."""
        usual = super().grid
        if not self.measure.told.erases:
            return usual
        mixture = self.measure.mixture
        steepest = float(np.max(self.intensity)) * float(mixture.derivative(2, np.zeros(())))
        far = BEYOND * (1 + steepest) * float(mixture.powers.max())
        beyond = np.flatnonzero(usual > far)
        return np.concatenate([usual[usual <= far], usual[beyond[:-1:SPARSE]], usual[beyond[-1:]]])

    def points(self, coordinate: Array) -> Points:
        """Return the points at coordinates: z = D of flows, z = 1/(1 - q) - 1/(1 - q0) of autoregressive paths."""
        return self._revealed(coordinate) if self.measure.told.erases else self._flow(coordinate)

    def _coupling(self, excess: Array, gap: Array) -> tuple[Array, Array, Array, Array]:
        """Return X, Xi, xi''(q) and xi'''(q)."""
        mixture, lam = self.measure.mixture, self.intensity[:, None]
        start = np.log(np.maximum(self.base.overlap, 1e-300))[:, None]
        x, level = mixture.increments(start, excess / np.exp(start))
        at = np.where(gap < 0.5, np.log1p(-np.minimum(gap, 0.5)), start + np.log1p(excess / np.exp(start)))
        second, third = (mixture.derivative(order, at) for order in (2, 3))
        return lam * x, lam * level, lam * second, lam * third

    def _flow(self, z: Array) -> Points:
        v, part = self.channel(z), self.measure.told.part
        hidden = 1 - part
        gap, excess, slope = hidden * v.gap, v.excess + part * v.gap, hidden * v.slope
        x, level, second, third = self._coupling(excess, gap)
        return Points(
            gap=gap, excess=excess, overlap_z=slope, signal=x, strength=z - x, stability=1 - second * slope,
            stability_z=-(third * slope**2 + second * hidden * v.slope2), unit=np.ones_like(z),
            level=0.5 * level + 0.5 * z * gap - hidden * v.information,
            level_s=(self.base.overlap[:, None] + excess) / 2,
        )  # fmt: skip

    def _revealed(self, z: Array) -> Points:
        g0, snr = self.base.gap[:, None], self.measure.told.snr
        gap = g0 / (1 + g0 * z)
        excess = g0 * z * gap
        gap = np.where(z < LAST, gap, 0.0)
        x, level, second, third = self._coupling(excess, gap)
        v = self.channel(x + snr)
        with np.errstate(all="ignore"):  # next to q = 1 both parts of 1 - theta vanish
            ratio = np.where(v.gap > 0, v.slope / v.gap, 1.0)
            kept = gap * second * ratio
            bend = np.where(v.gap > 0, v.slope2 / v.slope, -1.0) + ratio
            # next to q0 from what both add to it
            theta = np.where(z < 1, (excess - v.excess) / v.gap, 1 - np.where(gap > 0, gap / v.gap, 0.0))
            kept_z = kept * gap * (gap * (third / second + bend * second) - 1)
            unit = np.where(gap > 0, v.gap / gap / gap, 0.0)
        return Points(
            gap=gap, excess=excess, overlap_z=gap**2, signal=x, strength=theta, stability=1 - kept,
            stability_z=-kept_z, unit=unit, level_s=v.information,
            level=0.5 * x * gap + 0.5 * level - v.information + 0.5 * snr,
        )  # fmt: skip


class FieldMeasure(RandomMeasure):
    """The random measure of a spin glass in a field along a path."""

    def __init__(self, model: FieldModel, path: Path) -> None:
        self.model, self.path, self.field = model, path, model.field
        self.told = told_along(model, path)
        plain = model.without_field
        path.check_prior(plain.variable_prior)
        coupling = plain.polynomial
        assert coupling is not None
        self.mixture = FieldCoupling(coupling.float_terms[0])
        self.law: FieldBase = (BallBase if model.spherical else SpinBase)(self.mixture, self.field)

    @property
    def always_stable(self) -> float:
        """A bound on the largest T^2 = xi_1''(q) (1 - q): Q' < 1 - Q, which is 1 - q along flows."""
        less = self.mixture.powers[self.mixture.powers >= 2] - 2
        largest = less**less / (less + 1) ** (less + 1)
        factors = self.mixture.factors[self.mixture.powers >= 2]
        return float(np.sqrt(np.sum(factors * (less + 2) * (less + 1) * largest)))

    def bases(self, control: Array, check: bool = False) -> Bases:
        """Return the replica-symmetric measures at temperatures, shape (n,)."""
        return self._solved(control, check)[0]

    def _solved(self, control: Array, check: bool) -> tuple[Bases, InnerChannel]:
        """Return the bases at temperatures and the channels of one variable."""
        if np.any(self.field / control < WEAKEST):
            raise NumericalError(
                f"field/{self.model.control} below {WEAKEST:g} cannot be told from none", "use field=0, or raise it"
            )
        place = self.law.at(-2 * np.log(control), check)
        if len(lost := control[np.isnan(place)]):
            raise NumericalError(
                f"at field = {self.field:.6g} and {self.model.control} = {float(lost[0]):.6g} 1 - q0 is below 1e-13, "
                "which doubles cannot resolve", f"lower the field or raise the {self.model.control}",
            )  # fmt: skip
        return self.law.bases(place, control, check)

    def isotherms(self, control: Array, check: bool = False) -> FieldIsotherms:
        """Return the isotherms at temperatures, shape (n,)."""
        base, channel = self._solved(control, check)
        return FieldIsotherms(self, base, control**-2.0, channel, check)

    def solvable(self, control: Array) -> Bools:
        """Tell at which temperatures doubles hold 1 - q0."""
        return np.asarray(self.law.holds(-2 * np.log(control)) & (self.field / control >= WEAKEST))

    def chunks(self) -> Iterator[Array]:
        """Yield what is looked at, and look for where bases end only where it comes to that."""
        done = 0
        for part in parts(self._steps):
            if not self._solvable(float(part[-1])):
                yield from parts(self.looked_at[done:])
                return
            yield part
            done += len(part) - 1
