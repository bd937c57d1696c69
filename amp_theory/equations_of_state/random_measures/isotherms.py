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
- *Two strengths.*  With one of two strengths held (`Mixed.held`), and something told from the start, strength(q) is
  explicit as before and negative next to q0.  The path begins where it first vanishes, `begin`, with a free entropy
  `begin_level`; what happens at negative strength does not concern it.
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
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.mixed import moving_and_held
from amp_theory.models.base import Model
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import InputError
from amp_theory.tools.roots import solve_bracketed

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
#: a coordinate before all others, and how many are looked at together for where the path begins
BEFORE, AHEAD, CLOSE = 1e-18, 12, 1e-14
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


class KnownAlong(NamedTuple):
    """What a path tells: whether its strength is a part known exactly, else an snr; and what is known before."""

    erases: bool
    snr: float
    part: float


def told_along(model: Model, path: Path) -> KnownAlong:
    """Return what a path tells, after checking that strength(q) is explicit along it."""
    moving, kept, level = moving_and_held(path)
    for each in (moving, kept or moving):
        if each.informed or each.order != "random" or not (each.strength_is_snr or each.erases):
            raise InputError(
                f"{model!r} has equations along flow and autoregressive, and both together with one strength held, got "
                f"{each.name}: its strength is not explicit in the overlap, and is not derived"
            )
    return KnownAlong(moving.erases, *((level, 0.0) if moving.erases else (0.0, level)))


class Isotherms(ABC):
    """The isotherms of a random measure along a path at n controls."""

    base: Bases
    measure: RandomMeasure

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

    @property
    def known(self) -> Array:
        """The mean log likelihood ratio of what is known from the start, nats per variable, shape (n,)."""
        told = self.measure.told
        if not told.part:
            return np.full(len(self.base.control), told.snr / 2)
        return told.part * self.hidden_entropy + told.snr / 2

    @cached_property
    def begin(self) -> Array:
        """The coordinates at which the path begins: zero, or with something known where strength first vanishes, (n,).

        Of frozen measures infinite where everything is known by then.
        """
        if not self.measure.path.informed:
            return np.zeros(len(self.base.control))
        grid = self.grid
        k = self._first_late(grid)
        found = np.full(len(k), np.inf)
        late, k = k < len(grid), np.where(k < len(grid), k, 0)
        ends = np.log(np.stack([np.where(k > 0, grid[k - 1], BEFORE), grid[k]], axis=1))
        p = self.points(np.exp(ends))
        value, slope = p.strength, p.strength_z * np.exp(ends)
        least = value[:, 0] >= 0  # as good as nothing is known
        found[least & (k == 0)] = BEFORE
        there = np.flatnonzero(late & ~least)

        def strength(t: Array, i: Index) -> tuple[Array, Array]:
            z = np.exp(t)
            p = self.take(there[i]).points(z[:, None])
            return p.strength[:, 0], p.strength_z[:, 0] * z

        guess, (low, high) = _inverse_cubic(ends[there], value[there], slope[there]), ends[there].T
        found[there] = np.exp(solve_bracketed(strength, low, high, True, guess=guess, absolute=CLOSE))
        return found

    def _first_late(self, grid: Array) -> Index:
        """Return the numbers of the first coordinates of a grid with positive strength, its length if there is none."""
        found = np.full(len(self.base.control), len(grid))
        left = np.arange(len(found))
        for start in range(0, len(grid), AHEAD):
            part = grid[start : start + AHEAD]
            late = self.take(left).points(np.broadcast_to(part, (len(left), len(part)))).strength > 0
            some = late.any(axis=1)
            found[left[some]] = start + np.argmax(late[some], axis=1)
            left = left[~some]
            if not len(left):
                break
        return found

    @cached_property
    def begin_level(self) -> Array:
        """The free entropy where the path begins, shape (n,)."""
        if not self.measure.path.informed:
            return np.zeros(len(self.base.control))
        z = np.minimum(self.begin, self.farthest)
        return np.where(np.isfinite(self.begin), self.points(z[:, None]).level[:, 0], self.known - self.base.entropy)

    def _carried(self, some: Isotherms, index: Index) -> None:
        """Tell some of the isotherms what is known of where their paths begin."""
        for name in ("begin", "begin_level"):
            if name in self.__dict__:
                some.__dict__[name] = self.__dict__[name][index]

    def from_begin(self, coordinate: Array) -> Points:
        """Return the points with free entropies less that of where the path begins."""
        p = self.points(coordinate)
        if not (self.measure.path.informed and p.level.size):
            return p
        return replace(p, level=p.level - self.begin_level[:, None])


class RandomMeasure(ABC):
    """A random measure with an outer overlap, along a path: what all controls have in common."""

    model: Model
    path: Path
    told: KnownAlong

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
    def even(self) -> bool:
        """Whether q0 is zero up to the stability line, beyond which R may be zero as well."""
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


def _inverse_cubic(t: Array, value: Array, slope: Array) -> Array:
    """Return about where rising functions vanish, from both ends of brackets, arrays (n, 2); else the middle."""
    with np.errstate(all="ignore"):
        width = value[:, 1] - value[:, 0]
        part, rise = -value[:, 0] / width, width[:, None] / slope
        rest = 1 - part
        found = t[:, 0] + (t[:, 1] - t[:, 0]) * part * part * (3 - 2 * part)
        found += part * rest * (rest * rise[:, 0] - part * rise[:, 1])
        good = np.all(slope > 0, axis=1) & (found > t[:, 0]) & (found < t[:, 1])
    return np.where(good, found, np.mean(t, axis=1))


def parts(x: Array) -> Iterator[Array]:
    """Yield parts of an array, in order and growing, of which neighbours share an end."""
    first, size = 0, CHUNK
    while first == 0 or first < len(x) - 1:
        yield x[first : first + size + 1]
        first, size = first + size, 2 * size
