"""Families of one-step glassy states: what singles one out at every control, followed from where such states appear.

At x = 1 the states are those of the informed branch, which appears at the dynamical point.  From there the families
are curves in the plane of A = xi'(q) and x, on which x falls while A and the intensity rise; starts from nowhere would
meet spurious roots, so every step looks for the largest x not above the last one.

- threshold: marginal within the state, xi''(q) <v^2>_x = 1;
- most_numerous: the complexity is largest, d complexity/dx = 0 at given intensity;
- static: the complexity vanishes, from the condensation point on;
- least_responsive: chi is least, d chi/dx = 0 at given intensity.

At given intensity dq/dx = q_x + q_A dA/dx and A = xi'(q), hence dA/dx = q_x/(1/xi'' - q_A), subscripts being
derivatives at constant A and x; and since the free entropy is stationary,
d complexity/dx = -x (g + spread) + x^2 (1 - x) q_x dA/dx/2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from amp_theory.dynamics.glassy_averages import Averages, GlassyMeasure
from amp_theory.ingredients.couplings.base import PolynomialCoupling
from amp_theory.ingredients.priors.named import MixturePrior
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.roots import crossings

KINDS = ("threshold", "most_numerous", "static", "least_responsive")
#: A over that at the onset from one step to the next, and their number; how far x may fall or rise within one
RATIO, STEPS, FALL, RISE = 1.12, 60, 0.15, 0.02
#: the intensity over that of the first state up to which a family is followed at least, and at most
ENOUGH, FAR = 20.0, 1e6
#: of Newton's iteration: its steps at most, and that of its differences
ITERATIONS, STEP = 30, 1e-6
#: values of x that are looked at within a step
LOOKS = 16
#: the second rule of quadrature, which tells the error of the first
FINER = 1.37
#: the curve at x = 1 is searched at so many A, between these in units of 1/(largest s^2); its slope is known to so much
SEARCHED, LEAST, MOST, SLOPE_ERROR = 600, 1e-5, 1e5, 1e-7


@dataclass(frozen=True)
class States:
    """States at A and x, with what the coupling makes of them; arrays of one shape.

    `gain` is that of a small overlap with the signal from one step of the dynamics within such states to the next, and
    `fast_gain` that within one block; `outer` the square of the growth of overlaps between blocks.
    """

    averages: Averages
    parisi: Array
    snr: Array
    intensity: Array
    curvature: Array
    complexity: Array
    gain: Array
    fast_gain: Array
    outer: Array
    energy: Array

    @property
    def numbers(self) -> dict[str, Array]:
        """What is told of states, by the names in `GlassyState`."""
        a = self.averages
        return {
            "overlap": a.overlap, "parisi": self.parisi, "complexity": self.complexity, "response": a.chi,
            "gain": self.gain, "fast_gain": self.fast_gain,
        }  # fmt: skip

    @classmethod
    def joined(cls, parts: Sequence[States]) -> States:
        """Return several states as one."""

        def column(name: str) -> Array:
            return np.concatenate([getattr(part, name) for part in parts])

        averages = Averages(
            *(np.concatenate([getattr(part.averages, f.name) for part in parts]) for f in fields(Averages))
        )
        return cls(averages, *(column(f.name) for f in fields(cls)[1:]))

    def condition(self, kind: str) -> Array:
        """Return what vanishes in the family `kind`."""
        a, x = self.averages, self.parisi
        if kind == "threshold":
            return self.curvature * a.squared - 1
        if kind == "static":
            return self.complexity
        left = 1 / self.curvature - a.by_snr
        if kind == "most_numerous":
            return left * (self.energy + a.spread) - 0.5 * x * (1 - x) * a.by_parisi**2
        return a.chi_by_parisi * left + a.chi_by_snr * a.by_parisi


@dataclass(frozen=True)
class GlassyFamily:
    """States of one kind, by rising intensity."""

    kind: str
    states: States


class GlassyFamilies:
    """The families of states of one prior, or of the sphere, with one coupling.

    Parameters
    ----------
    measure
        What averages are made of.
    prior, coupling
        The prior, whose table finds the onset, and the coupling.
    """

    def __init__(self, measure: GlassyMeasure, prior: MixturePrior, coupling: PolynomialCoupling) -> None:
        self.measure, self.prior, self.coupling = measure, prior, coupling
        self.rho = prior.second_moment

    def states(self, snr: Array, parisi: Array, finer: float = 1.0) -> States:
        """Return the states at A and x, arrays of shape (n,)."""
        a = self.measure.averages(snr, parisi, finer)
        q = a.overlap
        point = self.coupling.at(q, self.rho - q, snr)
        start = self.coupling.curvature(point.intensity, np.zeros_like(q), np.full_like(q, self.rho))
        energy = point.value - q * snr
        return States(
            averages=a, parisi=parisi, snr=snr, intensity=point.intensity, curvature=point.curvature,
            complexity=a.rest - 0.5 * parisi**2 * energy, gain=self.rho * start * a.chi,
            fast_gain=self.rho * start * (a.moment - q), outer=start * a.chi**2, energy=energy,
        )  # fmt: skip

    @cached_property
    def onset(self) -> float | None:
        """A where states appear at x = 1, the last fold of the curve of fixed points; None if there is none."""
        return self.onset_by(1.0)

    def onset_by(self, finer: float) -> float | None:
        """Return the onset by quadrature with steps divided by `finer`."""
        a = np.geomspace(LEAST, MOST, SEARCHED) / self.prior.mixture.size
        known = self.prior.table(a)
        point = self.coupling.at(known.overlap, known.mmse, a)
        excess = point.curvature * known.slope - 1
        unstable = np.flatnonzero(excess > SLOPE_ERROR)
        if not len(unstable) or unstable[-1] + 1 == SEARCHED:
            return None
        low = int(unstable[-1])
        high = low + int(np.flatnonzero(excess[low:] < -SLOPE_ERROR)[0])
        return self._root(lambda x: self.states(x, np.ones_like(x), finer).condition("threshold"), a[low], a[high])

    @staticmethod
    def _root(function: Callable[[Array], Array], low: float, high: float) -> float | None:
        """Return where a function changes sign; None if it does not."""

        def of(x: Array, _index: Index) -> Array:
            return function(x)

        root = float(crossings(of, np.array([low]), np.array([high]))[0])
        return None if np.isnan(root) else root

    def start(self, kind: str) -> float | None:
        """Return A at x = 1 where a family begins: at the onset, or where the complexity vanishes."""
        first = self.onset
        if first is None or kind != "static":
            return first

        def complexity(a: Array) -> Array:
            return self.states(a, np.ones_like(a)).complexity

        if complexity(np.array([first]))[0] <= 0:
            return None
        ends = np.asarray(first * RATIO ** np.arange(STEPS), dtype=float)
        beyond = next((k for k in range(1, STEPS) if complexity(ends[k : k + 1])[0] < 0), None)
        return None if beyond is None else self._root(complexity, ends[beyond - 1], ends[beyond])

    def parisi(self, kind: str, snr: float, low: float, high: float) -> float | None:
        """Return the largest x between two at which A belongs to the family; None if there is none."""

        def condition(x: Array) -> Array:
            return self.states(np.full_like(x, snr), x).condition(kind)

        x = np.linspace(high, max(low, 1e-6), LOOKS)
        values = condition(x)
        change = np.flatnonzero(values[:-1] * values[1:] < 0)
        return self._root(condition, x[change[0] + 1], x[change[0]]) if len(change) else None

    @cached_property
    def families(self) -> dict[str, GlassyFamily]:
        """All families that begin."""
        followed = {kind: self._followed(kind) for kind in KINDS}
        return {kind: family for kind, family in followed.items() if family is not None}

    def _followed(self, kind: str) -> GlassyFamily | None:
        """Follow a family as long as x falls and the intensity rises, until there is signal enough."""
        first = self.start(kind)
        if first is None:
            return None
        found = [self.states(np.array([first]), np.ones(1))]
        fall = 0.0
        for a in (first * RATIO ** np.arange(1, STEPS + 1)).tolist():
            last = found[-1]
            high = float(last.parisi[0])
            x = self._newton(kind, a, high - fall)
            if x is None or not high - FALL < x < high:
                x = self.parisi(kind, a, high - FALL, high)
            if x is None or x >= high:
                break
            fall = high - x
            here = self.states(np.array([a]), np.array([x]))
            if 0 < here.intensity[0] <= last.intensity[0]:
                break
            found.append(here)
            beginning = max(found[0].intensity[0], 0.0)
            if here.intensity[0] > ENOUGH * beginning and (here.gain[0] > 1 or here.intensity[0] > FAR * beginning > 0):
                break
        return GlassyFamily(kind, States.joined(found))

    def at(self, kind: str, intensity: float, finer: float = 1.0) -> States | None:
        """Return the state of a family at an intensity; None where it has none."""
        return self.where(kind, lambda states: states.intensity - intensity, finer)

    def where(self, kind: str, value: Callable[[States], Array], finer: float = 1.0) -> States | None:
        """Return the first state along a family, from the onset on, where a value rises through zero."""
        family = self.families.get(kind)
        if family is None:
            return None
        known = family.states
        along = value(known)
        rises = np.flatnonzero((along[:-1] < 0) & (along[1:] >= 0))
        if not len(rises):
            return None
        k = int(rises[0])
        part = -along[k] / (along[k + 1] - along[k])
        a = known.snr[k] * (known.snr[k + 1] / known.snr[k]) ** part
        found = self._meeting(kind, value, float(a), float(known.parisi[k] + part * np.diff(known.parisi)[k]), finer)
        if found is None:
            raise NumericalError(f"a {kind} state was lost between snr {known.snr[k]:.6g} and {known.snr[k + 1]:.6g}")
        return found if found.intensity[0] > 0 else None

    def _meeting(self, kind: str, value: Callable[[States], Array], a: float, x: float, finer: float) -> States | None:
        """Return the state of a family at which a value vanishes, by Newton's iteration in log A and x from a guess."""
        last, start = np.inf, a
        for _ in range(ITERATIONS):
            near = self.states(a * np.array([1.0, 1 + STEP, 1.0]), np.array([x, x, x - STEP]), finer)
            f = np.stack([near.condition(kind), value(near)])
            slopes = (f[:, 1:] - f[:, :1]) / np.array([STEP, -STEP])
            if not np.all(np.isfinite(f)) or np.linalg.det(slopes) == 0:
                return None
            step = np.linalg.solve(slopes, -f[:, 0])
            a, x = a * float(np.exp(step[0])), x + float(step[1])
            if not (start / RATIO < a < start * RATIO and 0 < x < 1 + RISE):
                return None
            size = float(np.abs(step).max())
            if _converged(size, last):
                return self.states(np.array([a]), np.array([x]), finer)
            last = size
        return None

    def _newton(self, kind: str, a: float, x: float) -> float | None:
        """Return x at which A belongs to a family, from a guess; None if Newton's iteration does not converge."""
        last = np.inf
        for _ in range(ITERATIONS):
            now, beside = self.states(np.full(2, a), np.array([x, x - STEP])).condition(kind)
            step = STEP * now / (beside - now) if beside != now else np.inf
            x += step
            if not 0 < x < 1 + RISE:
                return None
            if _converged(abs(step), last):
                return x
            last = abs(step)
        return None


def _converged(step: float, last: float) -> bool:
    """Tell whether a step is the last one: small, or so small that only rounding can keep it from shrinking."""
    return step < 1e-13 or (step < 1e-9 and step > 0.5 * last)
