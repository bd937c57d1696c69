"""Stable branches of fixed points, and where two of them have equal free entropy.

A branch is followed either in the control at zero strength or in the strength at fixed control; along it
the coordinate rises with either.  All functions work on many branches at once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from amp_theory.equations_of_state.base import TINY, EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.geometry.folds import zero_strength_folds
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.roots import solve_bracketed

#: iterations of the simultaneous Newton method, and the accuracy of its start in units of the brackets
NEWTON, COARSE = 12, 2e-3
#: ratio of coordinates below which two branches are close
CLOSE = 1.6


@dataclass(frozen=True)
class ZeroBranch:
    """A stable branch at zero strength: coordinates (lower, upper) at intensities (start, stop).

    `null` is the branch q = 0; the branch q = rho of perfect recovery stands at infinite coordinates.
    """

    lower: float
    upper: float
    start: float
    stop: float
    null: bool = False


def zero_branches(eos: EquationOfState) -> tuple[list[ZeroBranch], Surface]:
    """Return the stable branches at zero strength, ascending in overlap, and the folds between them."""
    folds = zero_strength_folds(eos)
    _check_folds(eos, folds)
    branches = [ZeroBranch(0.0, 0.0, 0.0, eos.start, null=True)] if eos.symmetric else []
    z = [0.0, *folds.coordinate.tolist(), float("inf")]
    intensity = [eos.start, *folds.intensity.tolist(), float(eos.last_intensity(np.zeros(())))]
    for k in range(len(z) - 1):
        if intensity[k] < intensity[k + 1] and intensity[k + 1] > 0:
            branches.append(ZeroBranch(z[k], z[k + 1], max(intensity[k], 0.0), intensity[k + 1]))
    if eos.recovery is not None:
        branches.append(ZeroBranch(float("inf"), float("inf"), eos.recovery.start, float("inf")))
    return branches, folds


def _check_folds(eos: EquationOfState, folds: Surface) -> None:
    """Raise a `NumericalError` unless the zero-strength folds fit the two ends of the curve and each other.

    Where q = 0 is no fixed point the first branch starts out stable; where q = rho is none the last one ends stable;
    in between stable and unstable parts alternate.  At intensities <= 0 there is no model.
    """
    ends = np.sign(folds.fold_z)
    wrong = "one fold between two others is missing" if np.any(ends[1:] * ends[:-1] >= 0) else ""
    if not eos.symmetric:
        first = eos.surface(eos.grid[:1], 0.0, with_energy=False)
        if first.fold[0] <= 0 and first.intensity[0] > 0:
            wrong = "a fold next to q = 0 is missing"
    if eos.recovery is None and len(ends) and ends[-1] < 0:
        wrong = "a fold next to q = rho is missing"
    if np.any(np.isinf(folds.intensity[ends > 0])):
        wrong = "a fold's control is beyond the range of double precision"
    if wrong:
        raise NumericalError(
            f"{eos.model!r} at zero strength: {wrong}, so that nothing would be sure",
            "choose units in which E s^2 is of order one, or parameters that are less extreme",
            partial=folds,
        )


def follow(
    eos: EquationOfState,
    intensity: Array,
    strength: Array,
    lower: Array,
    upper: Array,
    rising: Bools | bool = True,
    guess: Array | None = None,
    accuracy: Array | float = 4 * EPS,
) -> Array:
    """Return the coordinate in (lower, upper) of the fixed point at (intensity, strength).

    `rising` tells whether the branch is stable (the intensity rises with the coordinate).  Where the snr of the other
    variables underflows on a stable branch, the smallest coordinate stands for it.
    """
    lower = np.maximum(lower, TINY)
    below = np.flatnonzero((lower <= TINY) & np.broadcast_to(rising, lower.shape))
    if len(below):
        lowest = eos.surface(lower[below], strength[below], with_energy=False)
        lost = below[lowest.residual(intensity[below]) >= 0]
        if len(lost):
            rest = np.setdiff1d(np.arange(len(lower)), lost)
            z = np.full(lower.shape, TINY)
            z[rest] = follow(
                eos, intensity[rest], strength[rest], lower[rest], upper[rest],
                rising=np.broadcast_to(rising, lower.shape)[rest], guess=None if guess is None else guess[rest],
                accuracy=np.broadcast_to(accuracy, lower.shape)[rest],
            )  # fmt: skip
            return z

    def residual_at(t: Array, i: Index) -> tuple[Array, Array]:
        z = np.exp(t)
        f = eos.surface(z, strength[i], with_energy=False)
        # x - xi'(q) in units of z, and its slope in log z
        residual = f.residual(intensity[i])
        slope = f.fold + residual * f.scaled_curvature * f.overlap_z
        return residual / z, slope - residual / z

    start = None if guess is None else np.log(guess)
    return np.exp(solve_bracketed(residual_at, np.log(lower), np.log(upper), rising, start, accuracy, 4 * EPS))


@dataclass(frozen=True)
class Pair:
    """Two stable branches b < c at fixed intensity, one entry for each task: coordinates and strengths.

    They coexist for strengths in (start, stop); b lies in (b_lower, b_upper), c in (c_lower, c_upper).
    """

    intensity: Array
    b_lower: Array
    b_upper: Array
    c_lower: Array
    c_upper: Array
    start: Array
    stop: Array

    def select(self, which: Index) -> Pair:
        """Return the entries `which`."""
        return Pair(*(getattr(self, item.name)[which] for item in fields(self)))


def equal_free_entropy(eos: EquationOfState, pair: Pair, guess: Array) -> tuple[Array, Surface, Surface]:
    """Return the strength (near `guess`) where both branches have equal free entropy, and both branches there.

    phi_c - phi_b rises with strength, with slope dPsi/ds at c minus dPsi/ds at b; it must change sign
    within (start, stop).  Newton's method for both coordinates and the strength at once settles nearly
    all tasks, the rest are solved by nested brackets.
    """
    s, zb, zc, done = _newton(eos, pair, guess)
    rest = np.flatnonzero(~done)
    if len(rest):
        s[rest], zb[rest], zc[rest] = _nested(eos, pair.select(rest))
    b, c = eos.surface(zb, s), eos.surface(zc, s)
    close = np.flatnonzero(close_pairs(b, c))
    if len(close):
        gain = eos.gain(b, c)[close]
        s[close] -= eos.free_entropy_difference(pair.intensity[close], b.take(close), c.take(close)) / gain
    return s, b, c


def close_pairs(b: Surface, c: Surface) -> Bools:
    """Tell which branches are so close that the difference of their free entropies is better integrated."""
    return c.coordinate < CLOSE * b.coordinate


def _newton(eos: EquationOfState, pair: Pair, s: Array) -> tuple[Array, Array, Array, Bools]:
    """Solve intensity(z_b, s) = intensity(z_c, s) = target, phi_b = phi_c; tell which tasks converged.

    With r = x - xi'(q), A' times the excess of the intensity, and D = phi_c - phi_b, the relation
    d phi = dPsi/ds ds + (A/2) d intensity gives ds = -[phi - (A/A') r/2]_b^c / [dPsi/ds]_b^c and
    dz = -(r + A' d intensity/ds ds)/F.
    """
    n = len(pair.intensity)
    target = np.concatenate([pair.intensity, pair.intensity])
    # to begin with, both branches at the strength guessed, themselves guessed from the normal form of a cusp: 0.37
    # fold distances outside the folds
    low, high = np.log(pair.b_upper), np.log(pair.c_lower)
    guess = np.exp(np.concatenate([low - 0.37 * (high - low), high + 0.37 * (high - low)]))
    least, most = eos.coordinate_bounds(target, np.concatenate([s, s]))
    lower = np.maximum(np.concatenate([pair.b_lower, pair.c_lower]), least)
    upper = np.minimum(np.concatenate([pair.b_upper, pair.c_upper]), most)
    z = follow(eos, target, np.concatenate([s, s]), lower, upper, guess=guess, accuracy=COARSE * np.log(upper / lower))
    s, done, active = s.copy(), np.zeros(n, dtype=bool), np.arange(n)
    for _ in range(NEWTON):
        both = np.concatenate([active, active + n])
        z[both], s[active], done[active] = _newton_step(eos, pair.select(active), z[both], s[active])
        active = active[~done[active]]
        if not len(active):
            break
    zb, zc = z[:n], z[n:]
    inside = (zb < pair.b_upper) & (zb > pair.b_lower) & (zc > pair.c_lower) & (s > pair.start) & (s < pair.stop)
    return s, zb, zc, done & inside


def _newton_step(eos: EquationOfState, pair: Pair, z: Array, s: Array) -> tuple[Array, Array, Bools]:
    """Return coordinates and strengths after one step of the method, and which tasks it ends."""
    n = len(s)
    f = eos.surface(z, np.concatenate([s, s]))
    with np.errstate(all="ignore"):
        r = f.residual(np.concatenate([pair.intensity, pair.intensity]))
        level = f.free_entropy - 0.5 * f.scaled_ratio * r
        gain = eos.gain(f.take(np.arange(n)), f.take(np.arange(n, 2 * n)))
        ds = -(level[n:] - level[:n]) / gain
        noise = 8 * EPS * (np.abs(f.free_entropy[n:]) + f.overlap[n:] * f.signal[n:]) / gain
        new = np.clip(s + ds, s + 0.8 * (pair.start - s), s + 0.8 * (pair.stop - s))
        change = np.concatenate([new - s, new - s])
        dz = -(r + f.drift * change) / f.fold
        small = (np.abs(dz) < 1e-7 * z) & (np.abs(r) < 1e-7 * f.signal + 8 * EPS * z)
        done = small[:n] & small[n:] & (np.abs(new - s) <= 1e-13 * pair.stop + noise)
        # the coordinate may not change too fast, nor the signal become negative
        least = np.maximum(0.3 * z, eos.coordinate(1e-6 * f.signal, np.concatenate([new, new])))
        moved = np.clip(z + dz, least, 3 * z)
        moved[:n] = np.minimum(moved[:n], 0.1 * z[:n] + 0.9 * pair.b_upper)
        moved[n:] = np.maximum(moved[n:], 0.1 * z[n:] + 0.9 * pair.c_lower)
    return np.where(np.isfinite(moved), moved, z), np.where(np.isfinite(new), new, s), done


def _nested(eos: EquationOfState, pair: Pair) -> tuple[Array, Array, Array]:
    """Solve for the strength in its bracket, and for both coordinates in theirs at every step."""
    # the branches from one evaluation to the next: log coordinate, its slope in the strength, the strength
    t = {"b": np.full(len(pair.intensity), np.nan), "c": np.full(len(pair.intensity), np.nan)}
    slope = {name: np.zeros_like(value) for name, value in t.items()}
    last = np.zeros_like(pair.start)

    def branch(name: str, s: Array, i: Index, lower: Array, upper: Array) -> Surface:
        guess = np.exp(t[name][i] + np.clip(slope[name][i] * (s - last[i]), -1, 1))
        z = follow(eos, pair.intensity[i], s, lower[i], upper[i], guess=guess)
        f = eos.surface(z, s)
        with np.errstate(all="ignore"):
            slope[name][i] = np.nan_to_num(-f.drift / (f.fold * z))
        t[name][i] = np.log(z)
        return f

    def both(s: Array, i: Index) -> tuple[Surface, Surface]:
        b = branch("b", s, i, pair.b_lower, pair.b_upper)
        c = branch("c", s, i, pair.c_lower, pair.c_upper)
        last[i] = s
        return b, c

    def lead_of_upper(s: Array, i: Index) -> tuple[Array, Array]:
        b, c = both(s, i)
        return c.free_entropy - b.free_entropy, eos.gain(b, c)

    b, c = both(0.5 * (pair.start + pair.stop), np.arange(len(pair.start)))
    noise = eos.errors(b).free_entropy + eos.errors(c).free_entropy
    s = solve_bracketed(lead_of_upper, pair.start, pair.stop, True, absolute=2 * EPS, noise=noise)
    b, c = both(s, np.arange(len(s)))
    return s, b.coordinate, c.coordinate
