"""The spine's second kind of equation of state: isotherms over the replica-symmetric measure of a random target.

Where two samples of a random measure have an overlap q0 > 0, the planted measure says nothing about it.  Along a path
the overlap q of a hidden sample with the denoiser's posterior is still one number: a one-step ansatz at Parisi
parameter one inside the replica-symmetric state with outer overlap q0 (non-rigorous).  The contract:

- *Base.*  At every control there is one replica-symmetric measure, `Bases`: q0 and 1 - q0, the stability R(q0), zero on
  the line of de Almeida and Thouless and positive where it is stable, and the entropy.  Where several solve the
  equations it is the one that is followed from where the control makes variables independent.
- *Isotherm.*  On it, for every q in [q0, 1), at most one strength makes q a fixed point: strength(q), explicit, with
  strength(q0) = 0.  Its coordinate z in (0, infinity) rises with q from q0; any will do.  1 - q is carried, and q - q0.
- *Stability.*  R has the sign of d strength/dq: stable fixed points have R > 0, folds R = 0, and R(z -> 0) = R(q0).
  The path works where R > 0 on all of [q0, 1).
- *Free entropy.*  phi = level + strength * level_s at constant z, both functions of z alone, stationary on the isotherm
  and zero at q0: of a flow phi = snr q/2 - F(q) with F'(q) = snr(q)/2, and F(1) is the entropy of the target.
- *Errors.*  `check` has the same isotherms by a second quadrature, base included; rounding comes on top.
- *Arrays.*  All is for many controls at once: bases have shape (n,), points (n, m).

What became of the spine's own contract: every isotherm is one `EquationOfState` that is meant at its control only
(`surfaces`), as the degrees of regular graphs are; q = q0, at z = 0 and zero strength, stands where q = 0 of symmetric
models does not; there is no weak recovery.  A new kind of random measure subclasses `RandomMeasure` and `Isotherms`,
and its model says `outer_overlap`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.tools.arrays import EPS, Array, Bools, Index

#: differences between two quadratures count this many times in an error bound
DIFFERENCES = 4.0
#: rounding of a sum over nodes, in units of its value
ROUNDING = 64 * EPS
#: coordinates per factor of two, and the first one
PER_OCTAVE, FIRST = 6, 1e-6
#: factor between intensities at which signs are looked at, and how many
RATIO, STEPS = 1.15, 144
#: how many intensities are looked at first at a time
CHUNK = 6
#: how often the intensity is lowered by a factor of e in search of a base that doubles hold
WARMER = 60


@dataclass(frozen=True, slots=True)
class Bases:
    """The replica-symmetric measures at n controls: q0, 1 - q0, R(q0), and the entropy per variable (nats)."""

    control: Array
    overlap: Array
    gap: Array
    stability: Array
    entropy: Array

    def take(self, index: Index) -> Bases:
        """Return some of them."""
        return Bases(*(getattr(self, f.name)[index] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Points:
    """Points of isotherms at coordinates z, arrays of one shape (n, m).

    gap is 1 - q, excess q - q0, overlap_z dq/dz, signal the snr from the other variables beyond the outer field,
    stability R and its derivative in z, unit R dz/d strength, level and level_s the free entropy.
    """

    gap: Array
    excess: Array
    overlap_z: Array
    signal: Array
    strength: Array
    stability: Array
    stability_z: Array
    unit: Array
    level: Array
    level_s: Array

    @property
    def strength_z(self) -> Array:
        """D strength/dz, not finite where doubles do not hold it: next to q = 1."""
        with np.errstate(all="ignore"):
            return np.asarray(self.stability / self.unit)

    def select(self, rows: Index) -> Points:
        """Return the points of some of the isotherms."""
        return Points(*(getattr(self, f.name)[rows] for f in fields(self)))

    def difference(self, other: Points) -> Points:
        """Return absolute differences of all columns."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        # of infinite values, next to q = 1, nothing is left to subtract
        return Points(*(np.abs(np.subtract(a, b, out=np.zeros_like(a), where=a != b)) for a, b in pairs))

    def bounds(self, other: Points) -> Points:
        """Bound the errors of all columns, from the same points by a second quadrature."""
        sizes = {f.name: np.abs(getattr(self, f.name)) for f in fields(self)}
        sizes["strength"] = sizes["strength"] + self.signal
        sizes["stability"] = sizes["stability"] + 1
        sizes["level"] = sizes["level"] + self.level_s
        found = self.difference(other)
        return Points(*(DIFFERENCES * getattr(found, name) + ROUNDING * size for name, size in sizes.items()))


class Isotherms(ABC):
    """The isotherms of a random measure along a path at n controls."""

    base: Bases

    @property
    @abstractmethod
    def hidden_entropy(self) -> Array:
        """The mean entropy of a hidden variable given its outer field, infinite if it is continuous, shape (n,)."""

    @abstractmethod
    def points(self, coordinate: Array) -> Points:
        """Return the points at coordinates z > 0, shape (n, m)."""

    @abstractmethod
    def take(self, index: Index) -> Isotherms:
        """Return some of the isotherms."""

    @property
    @abstractmethod
    def check(self) -> Isotherms:
        """The same isotherms, base included, by a second quadrature."""

    @property
    @abstractmethod
    def farthest(self) -> float:
        """A coordinate beyond which R > 0 stays."""

    @property
    def coarse(self) -> int:
        """Isotherms with R far above zero at every so many coordinates of the grid are looked at no closer."""
        return 1

    @property
    def grid(self) -> Array:
        """Coordinates, ascending, between which R changes its sign once at most."""
        octaves = np.log2(self.farthest / 0.1)
        return np.concatenate([np.geomspace(FIRST, 0.1, 12)[:-1],
                               np.geomspace(0.1, self.farthest, int(PER_OCTAVE * octaves) + 2)])  # fmt: skip

    def errors(self, coordinate: Array, points: Points) -> Points:
        """Bound the errors of all columns of points."""
        return points.bounds(self.check.points(coordinate))


class RandomMeasure(ABC):
    """A random measure with an outer overlap, along a path: what all controls have in common."""

    model: Model
    path: Path

    @abstractmethod
    def bases(self, control: Array, check: bool = False) -> Bases:
        """Return the replica-symmetric measures at controls, shape (n,), or those by the second quadrature."""

    @abstractmethod
    def isotherms(self, control: Array) -> Isotherms:
        """Return the isotherms at controls, shape (n,)."""

    @property
    @abstractmethod
    def always_stable(self) -> float:
        """A control at which R > 0 everywhere, from where the base is followed towards harder controls."""

    @property
    def frozen(self) -> bool:
        """Whether q = 1 is a stable fixed point at every control and strength: then R < 0 next to it."""
        return False

    @property
    def followed_to(self) -> float:
        """The log intensity up to which folds stay where 1 - q can be followed."""
        return float("inf")

    @property
    def least_gap(self) -> float:
        """The 1 - q down to which isotherms are followed, zero where all that follows is known."""
        return 0.0

    def solvable(self, control: Array) -> Bools:
        """Tell at which controls there is a base that doubles hold, shape (n,)."""
        return np.ones(len(control), dtype=bool)

    @cached_property
    def looked_at(self) -> Array:
        """Log intensities at which signs are looked at, from where everything is stable to where bases end."""
        logs, solvable = self._steps, self._solvable
        if solvable(float(logs[-1])):
            return np.asarray(logs)
        low, high = 0, len(logs) - 1  # the first is solved, or its base says why not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if solvable(float(logs[middle])) else (low, middle)
        return np.asarray(logs[: low + 1])

    def _solvable(self, x: float) -> bool:
        return bool(self.solvable(self.model.from_intensity(np.exp(np.array([x]))))[0])

    @cached_property
    def _steps(self) -> Array:
        """Log intensities from where everything is stable, and there is a base, on."""
        start = float(np.log(self.model.intensity(np.array(self.always_stable))))
        for _ in range(WARMER):
            if self._solvable(start):
                break
            start -= 1.0
        return np.asarray(start + np.log(RATIO) * np.arange(STEPS))

    def chunks(self) -> Iterator[Array]:
        """Yield what is looked at in growing parts, of which neighbours share an end."""
        yield from parts(self.looked_at)


def parts(x: Array) -> Iterator[Array]:
    """Yield parts of an array, in order and growing, of which neighbours share an end."""
    first, size = 0, CHUNK
    while first == 0 or first < len(x) - 1:
        yield x[first : first + size + 1]
        first, size = first + size, 2 * size
