"""Where two stable branches at zero strength have equal free entropies, q = 0 and q = rho among them."""

from __future__ import annotations

import numpy as np

from amp_theory.equations_of_state.base import TINY, EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.geometry.branches import ZeroBranch, follow
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.roots import solve_bracketed


def always_ahead(eos: EquationOfState, branch: ZeroBranch) -> bool:
    """Tell whether a branch is q = rho with infinite free entropy."""
    return bool(np.isinf(branch.lower)) and eos.recovery is not None and eos.recovery.infinite


def on_branch(eos: EquationOfState, branch: ZeroBranch, intensity: Array, guess: Array | None = None) -> Surface:
    """Return the point of a branch (not q = 0) at an intensity in [start, stop]."""
    if np.isinf(branch.lower):
        return eos.recovered(intensity, np.zeros(1))
    if intensity[0] == branch.start > 0 and branch.lower > 0:
        return eos.surface(np.array([branch.lower]), 0.0)
    if intensity[0] == branch.stop:
        return eos.surface(np.array([branch.upper]), 0.0)
    if intensity[0] == eos.start and branch.lower == 0:  # q = 0 about to lose stability
        return eos.surface(np.array([1e-9 / eos.prior.variance]), 0.0)
    least, most = eos.coordinate_bounds(intensity, np.zeros(1))
    lower, upper = np.maximum(least, max(branch.lower, TINY)), np.minimum(most, branch.upper)
    return eos.surface(follow(eos, intensity, np.zeros(1), lower, upper, guess=guess), 0.0)


def null_crossing(eos: EquationOfState, c: ZeroBranch, stop: float) -> tuple[Surface, None] | None:
    """Return the point of branch c where its free entropy is that of q = 0, namely zero."""
    if np.isinf(c.lower):
        return _recovery_null_crossing(eos, c, stop)
    upper = c.upper
    if np.isinf(upper):
        upper = min(2 * c.lower, eos.farthest)
        while eos.surface(np.array([upper]), 0.0).free_entropy[0] < 0 and upper < eos.farthest:
            upper = min(2 * upper, eos.farthest)
    ends = eos.surface(np.array([c.lower, upper]), 0.0)
    if not ends.free_entropy[0] < 0 < ends.free_entropy[1]:
        return None
    # a few roundings of the terms that phi is the sum of
    noise = 8 * EPS * float(np.max(np.minimum(ends.overlap, ends.gap) * ends.signal))

    def lead_over_null(t: Array, _: Index) -> tuple[Array, Array]:
        f = eos.surface(np.exp(t), 0.0)
        return f.free_entropy, 0.5 * f.scaled_ratio * f.fold * f.coordinate

    # from the fold on it rises like a square
    lower, width = np.log([c.lower]), np.log(upper / c.lower)
    guess = lower + width * np.sqrt(ends.free_entropy[0] / (ends.free_entropy[0] - ends.free_entropy[1]))
    root = solve_bracketed(lead_over_null, lower, lower + width, True, guess, absolute=4 * EPS, noise=noise)
    point = eos.surface(np.exp(root), 0.0)
    return (point, None) if point.intensity[0] <= stop else None


def _recovery_null_crossing(eos: EquationOfState, c: ZeroBranch, stop: float) -> tuple[Surface, None] | None:
    """Return q = rho where its free entropy, affine in the intensity, is that of q = 0, namely zero."""
    if always_ahead(eos, c):
        return None
    low, high = (float(eos.recovered(np.array([x]), np.zeros(1)).free_entropy[0]) for x in (0.0, 1.0))
    intensity = np.array([-low / (high - low)])
    return (eos.recovered(intensity, np.zeros(1)), None) if c.start < intensity[0] <= stop else None


def branch_crossing(eos: EquationOfState, b: ZeroBranch, c: ZeroBranch) -> tuple[Surface, Surface] | None:
    """Return branches c and b at the intensity where their free entropies are equal."""
    if always_ahead(eos, c):
        return None
    start, stop = max(b.start, c.start), min(b.stop, c.stop)
    if np.isinf(stop):  # no control is allowed there
        stop = eos.most
    if start >= stop:
        return None
    if start == 0 and np.isinf(c.lower):  # all information is missing at both
        start = 1e-6 * stop
    last: dict[ZeroBranch, Array] = {}

    def at(branch: ZeroBranch, intensity: Array) -> Surface:
        f = on_branch(eos, branch, intensity, last.get(branch))
        last[branch] = f.coordinate
        return f

    def lead_of_upper(intensity: Array, _: Index) -> tuple[Array, Array]:
        upper, lower = at(c, intensity), at(b, intensity)
        return upper.free_entropy - lower.free_entropy, (upper.scaled - lower.scaled) / 2

    ends = [lead_of_upper(np.array([x]), np.zeros(1, dtype=np.intp))[0][0] for x in (start, stop)]
    if not ends[0] < 0 < ends[1]:
        return None
    if np.isfinite(c.lower):
        quick = _zero_newton(eos, at(b, _middle(start, stop)), at(c, _middle(start, stop)), start, stop)
        if quick is not None:
            return quick
    root = solve_bracketed(lead_of_upper, np.array([start]), np.array([stop]), True)
    return at(c, root), at(b, root)


def _middle(start: float, stop: float) -> Array:
    return np.array([0.5 * (start + stop)])


def _zero_newton(
    eos: EquationOfState, b: Surface, c: Surface, start: float, stop: float
) -> tuple[Surface, Surface] | None:
    """Solve intensity(z_b) = intensity(z_c), phi_b = phi_c at zero strength; None if it does not converge.

    As d phi = (A/2) d intensity along a branch, with residuals r of the intensities the Newton step is
    d intensity = -[phi - A r/2]_b^c / [A/2]_b^c, dz = (d intensity - r)/(d intensity/dz).
    """
    z, intensity = np.concatenate([b.coordinate, c.coordinate]), 0.5 * (start + stop)
    for _ in range(12):
        f = eos.surface(z, 0.0)
        r = f.intensity - intensity
        if not np.all(np.isfinite(f.intensity_z)):  # next to q = 0 the coupling underflows
            return None
        level = f.free_entropy - 0.5 * f.scaled * r
        step = -(level[1] - level[0]) / (0.5 * (f.scaled[1] - f.scaled[0]))
        new = float(np.clip(intensity + step, 0.2 * intensity + 0.8 * start, 0.2 * intensity + 0.8 * stop))
        dz = (new - intensity - r) / f.intensity_z
        done = abs(new - intensity) <= 1e-14 * intensity and np.all(np.abs(dz) < 1e-7 * z)
        intensity, z = new, np.clip(z + dz, 0.3 * z, 3 * z)
        if done and np.all(f.fold > 0):
            f = eos.surface(z, 0.0)
            return f.take(np.array([1])), f.take(np.array([0]))
    return None
