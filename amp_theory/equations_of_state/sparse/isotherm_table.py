"""The isotherm of regular graphs of one degree: the strength as a function of the overlap, tabulated.

The overlap q is written as that of a Gaussian channel of snr z, q = M(z).  Density evolution at prescribed overlap
(fixed_degree.py) gives the level of the strength at which it is a fixed point, or tells that factors must be left out
even without side information: such overlaps are no fixed points at any strength.  Zero-strength fixed points separate
the two kinds of intervals; in the first the level over z is tabulated in Chebyshev polynomials of log(1 + z/z0).

Without side information all paths have the same fixed points, but parity checks at T = 0 have unstable ones of two
laws.  Messages that are erasures are unstable in all shapes of their law: any part of them that becomes a finite field
grows at one rate, whatever the field.  So they are the limit of the unstable branch along paths that erase alone; along
others this is a law of finite fields, at a larger overlap.

Low temperatures, where messages are close to erasures, inherit the instability along paths that erase; iterations at
prescribed overlap do not find such fixed points.  From the last that are found to the zero-strength fixed point, which
is known, a straight line stands for them, with the interval as their error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from amp_theory.equations_of_state.sparse.fixed_degree import BEYOND, Fixed, FixedDegree, level, strength_of
from amp_theory.ingredients.paths.base import Path
from amp_theory.tools.arrays import Array, Bools
from amp_theory.tools.chebyshev import ChebyshevCurve, nodes
from amp_theory.tools.errors import InputError, NumericalError
from amp_theory.tools.roots import bisected

#: scale of z in the tables' coordinate, the least and the largest z that are solved for
Z0, LEAST, LARGEST = 1.5, 1e-3, 32.0
#: where the search for the first zero-strength fixed point gives up: below, it is taken for this
SMALLEST = 1e-9
#: points of the search for zero-strength fixed points; nodes of a table and points at which it is checked
SEARCH, NODES, CHECKS = 72, 64, 12
#: changes of iterations that are small enough for the sign of what is solved for, and what they leave in it
LOOSE, AMPLIFIED = 1e-6, 10.0
#: the same at zero-strength fixed points, and what is large enough to have a sure sign, in units of the change
LOOSE_END, SURE = 1e-3, 100.0
#: the part of an interval next to an end that an error of the end concerns
NEAR = 0.05
#: bisections and secants of the search, and its accuracy in log z
STEPS, ACCURATE = 60, 1e-13
#: nodes of the sketch of a forbidden interval
OUTLINE = 48
#: how far a table reaches beyond the ends of its interval, where another begins of which less is known
REACH = 1e-9
#: z up to which the accuracy asked for is checked
CHECKED = 24.0
#: error between the nodes that makes more of them unnecessary
FITTED = 1e-9
#: smallest slope of the level beyond the table
LEAST_SLOPE = 1e-3
#: nodes left out next to the first that is not found, and of what stands for those
MARGIN, BRIDGE = 2, 12
#: slope of what stands for the level in forbidden intervals
FORBIDDEN_SLOPE = 0.3
#: functions: level/z, trial free entropy, its slope in the strength, snr from the factors/z
LEVEL, ENTROPY, SLOPE, SIGNAL = range(4)
#: bisections for the snr from the factors
BISECTIONS = 60


@dataclass(frozen=True, eq=False)
class TableInterval:
    """Overlaps between two zero-strength fixed points, or the ends: coordinates z, allowed or not, tables, errors.

    known is false where nothing but the ends is known.  resolution holds the changes of the functions on a coarser
    grid of fields at the nodes, shape (functions, nodes), misfit the errors of the tables between the nodes; of the
    level itself, not over z.
    """

    lower: float
    upper: float
    allowed: bool
    curve: ChebyshevCurve
    resolution: Array
    nodes: Array
    misfit: Array
    known: bool = True

    def errors(self, t: Array) -> Array:
        """Return bounds on the functions at table coordinates, shape (functions, n)."""
        i = np.searchsorted(self.nodes, t)
        last = len(self.nodes) - 1
        near = np.max([self.resolution[:, np.clip(i + j, 0, last)] for j in (-2, -1, 0, 1)], axis=0)
        return np.asarray(near + 2 * self.misfit[:, None])


@dataclass(frozen=True, eq=False)
class Values:
    """Level, trial free entropy at a strength, slope in the strength, and errors of the first two, snr from
    the factors, at z; shape (n,).

    strength is the internal strength, negative where the overlap is no fixed point; _z, _zz are its derivatives.
    """

    strength: Array
    strength_z: Array
    strength_zz: Array
    free_entropy: Array
    free_entropy_s: Array
    strength_error: Array
    free_entropy_error: Array
    signal: Array


class ZeroStrength:
    """The fixed points of one degree without side information, the limits along the path of `fine`."""

    def __init__(self, fine: FixedDegree, starts_allowed: bool) -> None:
        self.fine = fine
        self.starts_allowed = starts_allowed

    @cached_property
    def ends(self) -> list[float]:
        """The fixed points q > 0, ascending in z: where the isotherm enters or leaves forbidden overlaps."""
        z = Z0 * np.expm1(np.linspace(np.log1p(LEAST / Z0), np.log1p(LARGEST / Z0), SEARCH))
        sign = self._sign(z)
        # next to weak recovery, or at huge degrees, the first fixed point lies below
        while (sign[0] >= 0) != self.starts_allowed and z[0] > SMALLEST:
            below = 0.1 * z[:1]
            z, sign = np.concatenate([below, z]), np.concatenate([self._sign(below), sign])
        z, sign = self._refined(z, sign)
        self._least = 1 + min(float(sign.min()), 0.0)
        change = np.flatnonzero((sign[:-1] < 0) != (sign[1:] < 0))
        found = _crossings(self.fine, z[change], z[change + 1], sign[change], sign[change + 1])
        if (sign[0] >= 0) != self.starts_allowed:
            found = np.concatenate([0.5 * z[:1], found])
        return [float(x) for x in found]

    def _sign(self, z: Array) -> Array:
        """Return the sign function, to an accuracy that is enough for its sign."""
        fixed = self.fine.solve(z)
        doubtful = ~((fixed.residual < LOOSE) | (np.abs(fixed.sign) > SURE * fixed.residual))
        if np.any(doubtful):
            self.fine.solve_all(z[doubtful], accuracy=LOOSE)
        return fixed.sign

    @cached_property
    def end_errors(self) -> Array:
        """Bounds on the part of the factors kept at the fixed points found, which is one: what iterations leave."""
        if not self.ends:
            return np.zeros(0)
        fixed = self.fine.solve_all(np.array(self.ends), diluted=True, accuracy=LOOSE_END)
        return np.asarray(np.abs(fixed.kept - 1) + AMPLIFIED * fixed.residual)

    def _refined(self, z: Array, sign: Array) -> tuple[Array, Array]:
        """Add points next to extrema close to zero, so that two crossings between neighbours are not overlooked."""
        for _ in range(4):
            inner = sign[1:-1]
            turn = (inner - sign[:-2]) * (sign[2:] - inner) < 0
            swing = np.maximum(np.abs(inner - sign[:-2]), np.abs(sign[2:] - inner))
            same = (sign[:-2] < 0) == (sign[2:] < 0)
            k = np.flatnonzero(turn & same & ((inner < 0) == (sign[2:] < 0)) & (np.abs(inner) < swing)) + 1
            if not len(k):
                break
            extra = np.unique(np.concatenate([np.sqrt(z[k - 1] * z[k]), np.sqrt(z[k] * z[k + 1])]))
            z, sign = np.concatenate([z, extra]), np.concatenate([sign, self._sign(extra)])
            order = np.argsort(z)
            z, sign = z[order], sign[order]
        return z, sign

    @cached_property
    def last_allowed(self) -> bool:
        """Whether the largest overlaps are fixed points; else perfect recovery is one at every strength."""
        return self.starts_allowed == (len(self.ends) % 2 == 0)

    @cached_property
    def least_kept(self) -> float:
        """The least part of the factors that makes any overlap of the search a fixed point without side information."""
        _ = self.ends
        return self._least

    def fixed_points(self) -> tuple[Array, Bools]:
        """Return the fixed points z > 0 and whether they are stable."""
        z = np.array(self.ends)
        return z, np.array([(k % 2 == 0) != self.starts_allowed for k in range(len(z))], dtype=bool)


class IsothermTable:
    """Strength and free entropy over z, for one degree and path, from density evolution on two grids of fields."""

    def __init__(self, fine: FixedDegree, coarse: FixedDegree, zero: ZeroStrength) -> None:
        self.fine, self.coarse = fine, coarse
        self.path: Path = fine.path
        self.zero = zero
        self.ends, self.starts_allowed = zero.ends, zero.starts_allowed

    @property
    def last_allowed(self) -> bool:
        """Whether the largest overlaps are fixed points; else perfect recovery is one at every strength."""
        return self.zero.last_allowed

    # --- tables ---

    @cached_property
    def intervals(self) -> list[TableInterval]:
        """All intervals with their tables."""
        edges = [0.0, *self.ends, LARGEST]
        found = []
        for k, (a, b) in enumerate(pairwise(edges)):
            allowed = self.starts_allowed == (k % 2 == 0)
            last = self._last_found(a, b) if allowed and b < LARGEST else b
            if last > a:
                found.append(self._interval(a, last, allowed))
            if last < b:
                found.append(self._bridge(found[-1] if last > a else None, last, b))
        return found

    def _last_found(self, lower: float, upper: float) -> float:
        """Return z up to which all fixed points towards an unstable one at zero strength are found."""
        t = nodes(float(np.log1p(lower / Z0)), float(np.log1p(upper / Z0)), NODES)
        z = Z0 * np.expm1(t)
        good = (self.fine.solve(z).residual < LOOSE) & (self.coarse.solve(z).residual < LOOSE)
        if np.all(good):
            return upper
        bad = int(np.argmin(good))
        return float(z[max(bad - MARGIN, 0)]) if bad else lower

    def _bridge(self, before: TableInterval | None, lower: float, upper: float) -> TableInterval:
        """Return straight lines between the last known points, for the level and the free entropy."""
        ends = float(np.log1p(lower / Z0)), float(np.log1p(upper / Z0))
        t = nodes(*ends, BRIDGE)
        z = Z0 * np.expm1(t)
        part = (z - lower) / (upper - lower)
        after = self.zero.fine.solve_all(np.array([upper]), diluted=True, accuracy=LOOSE_END)
        right = np.array([[0.0], after.free_entropy, after.free_entropy_s, [1.0]])
        left = 0 * right
        if before is not None:
            left, slope, _ = before.curve(np.array([ends[0]]))
            if left[LEVEL, 0] * (lower + Z0) + lower * slope[LEVEL, 0] > 0:
                raise NumericalError(
                    "density evolution finds no fixed points from before the end of a stable branch on: messages close "
                    f"to erasures converge too slowly at degree {self.fine.degree} along {self.path.name}",
                    "take temperature 0, from which low ones differ by exp(-1/T), or a higher one",
                    partial=before,
                )
        values = left + (right - left) * part
        values[LEVEL] = lower * left[LEVEL] * (1 - part) / z
        width = np.repeat(np.abs(right - left), BRIDGE, axis=1)
        width[LEVEL] *= lower
        return TableInterval(
            lower=lower, upper=upper, allowed=True, curve=ChebyshevCurve.interpolate(ends, values), resolution=width,
            nodes=t, misfit=0 * width[:, 0], known=False,
        )  # fmt: skip

    def _interval(self, lower: float, upper: float, allowed: bool) -> TableInterval:
        """Return the table of one interval."""
        if not allowed:
            return self._outline(lower, upper)
        ends = float(np.log1p(lower / Z0)), float(np.log1p(upper / Z0))
        check = np.random.default_rng(1).uniform(*ends, CHECKS)
        exact, _ = self._functions(self.fine, check)
        for number in (NODES, 2 * NODES, 4 * NODES):
            t = nodes(*ends, number)
            values, fine = self._functions(self.fine, t)
            curve = ChebyshevCurve.interpolate(ends, values)
            misfit = np.abs(curve(check)[0] - exact)
            # errors of the level itself
            misfit[LEVEL] *= Z0 * np.expm1(check)
            if np.all(misfit[: SLOPE + 1] < FITTED):
                break
        near = self.fine.evolution.resampled(fine.transform, self.coarse.evolution.grid.frequency)
        coarse, other = self._functions(self.coarse, t, near)
        resolution = np.abs(values - coarse)
        resolution[LEVEL] *= Z0 * np.expm1(t)
        worst = np.max(misfit, axis=1)
        worst[LEVEL] += AMPLIFIED * max(float(np.max(fixed.residual)) for fixed in (fine, other))
        for end, at in ((lower, ends[0]), (upper, ends[1])):
            if end in self.ends:
                # the level is zero there, unless iterations at prescribed overlap find other laws
                left = end * np.abs(curve(np.array([at]))[0][LEVEL, 0])
                resolution[LEVEL, np.abs(t - at) < NEAR * (ends[1] - ends[0])] += self._end_error(end) + left
        return TableInterval(lower, upper, allowed, curve, resolution, t, worst)

    def _outline(self, lower: float, upper: float) -> TableInterval:
        """Return a sketch of the trial free entropy in a forbidden interval, where nothing is located."""
        ends = float(np.log1p(lower / Z0)), float(np.log1p(upper / Z0))
        t = nodes(*ends, OUTLINE)
        z = Z0 * np.expm1(t)
        fixed = self.fine.solve(z)
        values = np.stack([0 * z, fixed.free_entropy, fixed.free_entropy_s, 1 + 0 * z])
        good = fixed.residual < LOOSE
        if np.any(good):
            values = np.stack([np.interp(t, t[good], row[good]) for row in values])
        else:
            values[:] = 0.0
        unknown = np.full_like(values, np.inf)
        return TableInterval(
            lower, upper, False, ChebyshevCurve.interpolate(ends, values), unknown, t, 0 * values[:, 0]
        )

    def _end_error(self, end: float) -> float:
        """Bound the error of a zero-strength fixed point, in the level."""
        return float(self.zero.end_errors[self.ends.index(end)])

    def _functions(self, evolution: FixedDegree, t: Array, near: Array | None = None) -> tuple[Array, Fixed]:
        """Return the functions at table coordinates, shape (functions, n), and the fixed points."""
        z = Z0 * np.expm1(t)
        fixed = evolution.solve_all(z, accuracy=LOOSE, near=near)
        signal = self._signals(z, strength_of(self.path, fixed.levels))
        return np.stack([fixed.levels / z, fixed.free_entropy, fixed.free_entropy_s, signal / z]), fixed

    def _signals(self, z: Array, strength: Array) -> Array:
        """Return the snr x of a Gaussian channel that makes up the overlap together with the side information."""
        if self.path.explicit_folds:
            return z - strength
        prior = self.fine.prior
        gap = prior.table(z).mmse

        def more(x: Array) -> Bools:
            response = self.path.response(prior, self.path.coordinate(x, strength), strength, with_energy=False)
            return np.asarray(response.gap > gap)

        low, high = bisected(more, np.zeros_like(z), z, BISECTIONS)
        return np.asarray(0.5 * (low + high))

    def check_accuracy(self, accuracy: float, spacing: float) -> None:
        """Raise an `InputError` if the two grids of fields disagree on stable branches by more than an accuracy.

        Not so next to q = 1, where 1 - overlap loses its digits, as errors tell.
        """
        worst = 0.0
        for interval in self.intervals:
            if interval.allowed and interval.known:
                z = Z0 * np.expm1(interval.nodes)
                f, f_t, _ = interval.curve(interval.nodes)
                stable = (f[LEVEL] + z * f_t[LEVEL] / (z + Z0) > 0) & (z < CHECKED)
                worst = max(worst, float(np.max((interval.resolution[LEVEL] / (z + Z0))[stable], initial=0.0)))
        if worst > accuracy:
            raise InputError(
                f"the resolution spacing = {spacing:g} is too coarse for accuracy = {accuracy:g}: its estimated "
                f"relative error of the strength is {worst:.1g}; make the spacing smaller"
            )

    # --- values ---

    def __call__(self, z: Array, strength: Array) -> Values:
        """Return the isotherm at z, and the trial free entropy at internal strengths, both of shape (n,)."""
        out = np.full((8, len(z)), np.nan)
        # fixed points without side information are ends of intervals to rounding: what is known reaches beyond them
        starts = [i.lower * (1 - REACH if i.allowed and i.known else 1 + REACH) for i in self.intervals[1:]]
        which = np.searchsorted(starts, z, side="right")
        for k, interval in enumerate(self.intervals):
            here = np.flatnonzero(which == k)
            if len(here):
                out[:, here] = self._inside(interval, z[here], strength[here])
        return Values(*out)

    def _inside(self, interval: TableInterval, z: Array, strength: Array) -> Array:
        """Return the values, shape (8, n), at points of one interval or beyond the largest z."""
        inner = np.minimum(z, LARGEST)
        t, dt = np.log1p(inner / Z0), 1 / (inner + Z0)
        f, f_t, f_tt = interval.curve(t)
        error = interval.errors(t)
        if not interval.allowed:
            return np.stack([
                *self._forbidden(interval, z), f[ENTROPY] + strength * f[SLOPE], f[SLOPE], 0 * z, error[ENTROPY], z,
            ])  # fmt: skip
        ratio, ratio_z = f[LEVEL], f_t[LEVEL] * dt
        ratio_zz = (f_tt[LEVEL] - f_t[LEVEL]) * dt**2
        levels, slope, bend = inner * ratio, ratio + inner * ratio_z, 2 * ratio_z + inner * ratio_zz
        beyond = z > LARGEST
        slope, bend = np.where(beyond, np.maximum(slope, LEAST_SLOPE), slope), np.where(beyond, 0.0, bend)
        at_top = strength_of(self.path, levels)
        levels = levels + slope * (z - inner)
        s, part = self._from_levels(levels)
        entropy = f[ENTROPY] + f[SLOPE] * (strength - at_top)
        unit = 0.0 if np.isinf(self.path.limit) else 1.0
        # part = ds/dlevel = 1 - s where there is a limit
        wrong = part * error[LEVEL]
        return np.stack([
            s, part * slope, part * (bend - unit * slope**2), entropy, f[SLOPE], wrong,
            error[ENTROPY] + np.abs(strength - at_top) * error[SLOPE] + np.abs(f[SLOPE]) * wrong, inner * f[SIGNAL],
        ])  # fmt: skip

    def _from_levels(self, levels: Array) -> tuple[Array, Array]:
        """Return internal strengths and their derivatives in the level."""
        s = strength_of(self.path, levels)
        return s, np.ones_like(s) if np.isinf(self.path.limit) else np.exp(-levels)

    def _forbidden(self, interval: TableInterval, z: Array) -> tuple[Array, Array, Array]:
        """Return what stands for the strength and its derivatives where no strength is: only its sign has a meaning."""
        a, b, c = interval.lower, interval.upper, FORBIDDEN_SLOPE
        zero = np.zeros_like(z)
        if b == LARGEST:
            return -c * (z - a), zero - c, zero
        if a == 0:
            return -c * (b - z), zero + c, zero
        return -c * (z - a) * (b - z) / (b - a), -c * (a + b - 2 * z) / (b - a), zero + 2 * c / (b - a)

    def coordinate_at(self, strength: Array) -> Array:
        """Return z beyond which every allowed overlap has a larger strength, shape (n,)."""
        top = self.intervals[-1]
        if not top.allowed:
            return np.full(np.shape(strength), LARGEST)
        end = np.array([LARGEST])
        t = np.log1p(end / Z0)
        f, f_t, _ = top.curve(t)
        at = float(LARGEST * f[LEVEL][0])
        slope = max(float(f[LEVEL][0] + LARGEST * f_t[LEVEL][0] / (LARGEST + Z0)), LEAST_SLOPE)
        more = np.maximum(level(self.path, strength) - at, 0) / slope
        return np.asarray(LARGEST + 1.01 * more)


def _crossings(evolution: FixedDegree, lower: Array, upper: Array, at_lower: Array, at_upper: Array) -> Array:
    """Return where the sign function changes its sign between lower and upper, by regula falsi (Illinois) in log z."""
    a, b = np.log(lower), np.log(upper)
    fa, fb = np.minimum(at_lower, BEYOND), np.minimum(at_upper, BEYOND)
    side = np.zeros(len(a))
    active = np.arange(len(a))
    near = None
    for _ in range(STEPS):
        if not len(active):
            break
        i = active
        t = (a[i] * fb[i] - b[i] * fa[i]) / (fb[i] - fa[i])
        t = np.clip(t, a[i] + 1e-3 * (b[i] - a[i]), b[i] - 1e-3 * (b[i] - a[i]))
        # without the corner where side information sets in
        fixed = evolution.solve_all(np.exp(t), diluted=True, accuracy=LOOSE_END, near=near)
        f = fixed.kept - 1
        left = (f < 0) == (fa[i] < 0)
        # the end that stays twice counts half
        fb[i] = np.where(left & (side[i] > 0), 0.5 * fb[i], fb[i])
        fa[i] = np.where(~left & (side[i] < 0), 0.5 * fa[i], fa[i])
        side[i] = np.where(left, 1.0, -1.0)
        a[i], fa[i] = np.where(left, t, a[i]), np.where(left, f, fa[i])
        b[i], fb[i] = np.where(left, b[i], t), np.where(left, fb[i], f)
        going = (b[i] - a[i] > ACCURATE * 10) & (np.abs(f) > ACCURATE)
        active, near = i[going], fixed.transform[going]
    return np.exp(np.where(np.abs(fa) < np.abs(fb), a, b))
