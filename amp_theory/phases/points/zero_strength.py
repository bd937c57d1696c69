"""Special points at zero strength: dynamical, condensation, algorithmic, weak recovery.

At zero strength the fixed points form a curve intensity(z), the same for every path; a stable branch rises along it.
With the control getting easier (intensity growing from zero)

- dynamical: the first intensity at which a second stable branch exists: a minimum of the curve, F = 0;
- algorithmic: where the uninformed branch ends by a jump: a maximum of the curve, F = 0, or the weak-recovery point
  itself where the curve falls from it;
- condensation: where the branch of largest free entropy changes by a jump: two equal free entropies;
- weak recovery: xi''(0) M'(0) = 1, where q = 0 loses stability.

Error bound of a threshold: the bound on the surface's function that vanishes there, over the slope with which it
determines the point, times SAFETY.  At a fold intensity is stationary, so that its own bound is all; at equal free
entropies it is (bounds of both phi)/(d(phi_c - phi_b)/d intensity), the slope being the difference of A/2.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.models.base import Model
from amp_theory.phases.geometry.branches import ZeroBranch
from amp_theory.phases.geometry.fold_search import SURE
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.zero_crossings import always_ahead, branch_crossing, null_crossing, on_branch
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.results import Located

#: coordinates looked at between q = 0 and the grid
LOOKS = 61
#: why something next to q = 0 may be missed
BLURRED = "next to q = 0 doubles do not tell the sign of F"
#: relative change of the intensity over coordinates at which |F| <= 2 SURE: d log intensity/d log z <= F there
HIDDEN = 10 * SURE


def control_error(model: Model, intensity: float, error: float) -> float:
    """Return the error of the control that an error of the intensity makes."""
    step = 1e-4
    ends = model.from_intensity(intensity * np.array([1 - step, 1 + step]))
    control = float(model.from_intensity(np.array(intensity)))
    return SAFETY * (abs(float(ends[1] - ends[0])) / (2 * step * intensity) * error + EPS * control)


def _at_zero(eos: EquationOfState, point: Surface, errors: tuple[float, float], how: str) -> Located:
    """Make a `Located` of a zero-strength point from its surface and (intensity, overlap) errors."""
    intensity, overlap = float(point.intensity[0]), float(point.overlap[0])
    control = float(eos.model.from_intensity(np.array(intensity)))
    bounds = {
        eos.model.control: control_error(eos.model, intensity, errors[0]),
        "overlap": SAFETY * (errors[1] + EPS * overlap),
    }
    return Located(control, overlap, bounds, eos.model.control, how=how)


def _first(array: Array) -> float:
    return float(array[0])


def _fold_point(eos: EquationOfState, fold: Surface, how: str) -> Located:
    """Locate a fold at zero strength: the intensity is stationary, the overlap determined by F = 0."""
    bounds = eos.errors(fold)
    z_error = _first(bounds.fold / np.abs(fold.fold_z)) + 4 * EPS * _first(fold.coordinate)
    overlap = _first(fold.overlap_z) * z_error + _first(bounds.overlap)
    return _at_zero(eos, fold, (_first(bounds.intensity), overlap), how)


def _uninformed_jump(zero: list[ZeroBranch]) -> tuple[ZeroBranch, ZeroBranch] | None:
    """Return the branch on which the uninformed fixed point first ends by a jump, and where it lands."""
    current = zero[0]
    while np.isfinite(current.stop):
        following = next(b for b in zero if b.stop > current.stop)
        if following.start < current.stop:
            return current, following
        current = following
    return None


def _second_branch(zero: list[ZeroBranch]) -> ZeroBranch | None:
    """Return the stable branch that, with growing intensity, is the first to coexist with a lower one."""
    later = [c for k, c in enumerate(zero) if any(b.start < c.start < b.stop for b in zero[:k]) and c.start > 0]
    return min(later, key=lambda c: c.start, default=None)


def _overflows(zero: list[ZeroBranch]) -> bool:
    """Tell whether a branch ends at a fold whose intensity is beyond the range of doubles."""
    return any(np.isinf(b.stop) and np.isfinite(b.upper) and not b.null for b in zero)


def _always_informed(zero: list[ZeroBranch]) -> bool:
    """Tell whether a second branch exists however little signal there is."""
    return any(b.start == 0 for b in zero[1:])


def _fold_at(geo: Geometry, coordinate: float) -> Surface:
    return geo.zero_folds.take(np.flatnonzero(geo.zero_folds.coordinate == coordinate)[:1])


def _recovery_point(eos: EquationOfState, intensity: float, how: str) -> Located:
    """Locate a point at q = rho whose intensity is known in closed form."""
    control = float(eos.model.from_intensity(np.array(intensity)))
    errors = {eos.model.control: 16 * EPS * control, "overlap": 0.0}
    return Located(control, eos.prior.second_moment, errors, eos.model.control, how=how)


def _seen(geo: Geometry, exact: str, seen: str) -> str:
    """Return what holds at zero strength, or where something next to q = 0 may be hidden, what is seen of it."""
    eos = geo.eos
    if geo.unseen_strength is None:
        return exact
    control = eos.model.control
    point = f"{control} = {float(eos.model.from_intensity(np.array(eos.start))):.12g}"
    return f"{seen}; {BLURRED}, which hides a jump within a relative {HIDDEN:g} of weak recovery, {point}"


def no_second_branch(geo: Geometry, where: str = "") -> str:
    """Return that no second branch exists at zero strength, `where` telling at which controls, or that none is seen."""
    exact = f"no second branch exists at zero strength{where}"
    return _seen(geo, exact, "no second branch is seen at zero strength")


def dynamical(geo: Geometry) -> Located | str:
    """Return the first intensity at which a second stable branch exists, or why there is none."""
    branch = _second_branch(geo.zero)
    if branch is None:
        if _always_informed(geo.zero):
            return f"the informed branch exists at every {geo.eos.model.control}"
        return no_second_branch(geo, f", at any {geo.eos.model.control}")
    if np.isinf(branch.lower):
        return _recovery_point(geo.eos, branch.start, "q = rho becomes stable: the prior's information dimension")
    fold = _fold_at(geo, branch.lower)
    return _fold_point(geo.eos, fold, "minimum of the zero-strength equation of state: F(z, 0) = 0")


def weak_recovery(geo: Geometry) -> Located | str:
    """Return where q = 0 loses stability, or why it does not."""
    eos = geo.eos
    if not eos.symmetric:
        return f"q = 0 is not a fixed point: {eos.no_weak_recovery}"
    if np.isinf(eos.start):
        return f"q = 0 is stable at every {eos.model.control}: {eos.no_weak_recovery}"
    control = float(eos.model.from_intensity(np.array(eos.start)))
    bound = control_error(eos.model, eos.start, 8 * EPS * eos.start)
    errors = {eos.model.control: bound, "overlap": 0.0}
    return Located(control, 0.0, errors, eos.model.control, how=eos.weak_recovery_rule)


def algorithmic(geo: Geometry, weak_recovery: Located | str) -> Located | str:
    """Return where the uninformed branch ends by a jump, or why it does not."""
    eos = geo.eos
    jump = _uninformed_jump(geo.zero)
    if jump is None or jump[0].stop > eos.valid_up_to:
        if geo.zero[0].null and np.isinf(geo.zero[0].stop):
            return f"q = 0 is stable at every {eos.model.control}"
        if _overflows(geo.zero):
            return f"the uninformed branch ends at a {eos.model.control} that double precision cannot hold"
        return _seen(
            geo,
            f"the uninformed branch changes continuously at every {eos.model.control}",
            "the uninformed branch is seen to change continuously",
        )
    if jump[0].null and isinstance(weak_recovery, Located):
        return _null_jump(eos, weak_recovery)
    return _fold_point(eos, _fold_at(geo, jump[0].upper), "maximum of the zero-strength equation of state: F(z, 0) = 0")


def _null_jump(eos: EquationOfState, weak_recovery: Located) -> Located:
    """Locate the jump at which q = 0 loses stability, or a fold so close to it that the grid does not reach it.

    Where the intensity falls linearly in the coordinate there is no such fold.  Else it may rise first, by no
    more than is seen below the grid or than rounding hides, and the bounds include that.
    """
    how = f"q = 0 itself jumps where it loses stability: {eos.weak_recovery_rule}"
    near = eos.surface(eos.grid[0] * np.geomspace(1e-6, 1, LOOKS), 0.0, with_energy=False)
    half = eos.surface(eos.grid[:1] / 2, 0.0, with_energy=False)
    fall, part = _first(eos.start - near.intensity[-1:]), _first(eos.start - half.intensity)
    noise = float(np.max(eos.errors(near).intensity))
    if fall > 100 * noise and abs(part / fall - 0.5) < 0.1:
        return Located(weak_recovery.control, 0.0, weak_recovery.errors, eos.model.control, how=how)
    rise = 2 * max(float(np.max(near.intensity)) - eos.start, 0.0) + noise
    errors = {
        eos.model.control: weak_recovery.error + control_error(eos.model, eos.start, rise),
        "overlap": float(near.overlap[-1]),
    }
    how = f"{how}; a fold next to it, at an overlap above zero, is not told apart within the bound"
    return Located(weak_recovery.control, 0.0, errors, eos.model.control, how=how)


def condensation(geo: Geometry) -> Located | str:
    """Return the first jump of the equilibrium branch at zero strength."""
    pairs = [(b, c) for k, c in enumerate(geo.zero) for b in geo.zero[:k]]
    best: tuple[Surface, Surface | None] | None = None
    # two branches cross where both exist, so that a crossing found rules out those that begin to coexist later
    for b, c in sorted(pairs, key=lambda pair: max(pair[0].start, pair[1].start)):
        start = max(b.start, c.start)
        if best is not None and start > best[0].intensity[0]:
            break
        if start >= min(b.stop, c.stop, geo.eos.reach):
            continue
        found = null_crossing(geo.eos, c, b.stop) if b.null else branch_crossing(geo.eos, b, c)
        if found is None and always_ahead(geo.eos, c) and c.start > b.start:
            # stable means in equilibrium: nothing else can be
            return _recovery_point(geo.eos, c.start, "q = rho becomes stable, with infinite free entropy")
        if found is None or found[0].intensity[0] <= 0:
            continue
        others = [other for other in geo.zero if other not in (b, c)]
        if (best is None or found[0].intensity[0] < best[0].intensity[0]) and _leads(geo.eos, found[0], others):
            best = found
    if best is None:
        if geo.eos.recovery is not None and geo.eos.recovery.start == 0:
            return f"q = rho is the equilibrium at every {geo.eos.model.control}"
        if _second_branch(geo.zero) is None and _always_informed(geo.zero):
            return f"the informed branch dominates at every {geo.eos.model.control}"
        reach = geo.eos.most if _overflows(geo.zero) else geo.eos.reach
        far = float(geo.eos.model.from_intensity(np.array(reach)))
        way = "up" if geo.eos.model.easier == "up" else "down"
        limit = "" if np.isinf(reach) else f" {way} to {far:.6g}, as far as was searched"
        continuous = (
            f"the equilibrium branch changes continuously at zero strength, at every {geo.eos.model.control}{limit}"
        )
        return _seen(geo, continuous, "the equilibrium branch is seen to change continuously at zero strength")
    high, low = best
    slope = high.scaled / 2 - (low.scaled / 2 if low is not None else 0.0)
    bounds = geo.eos.errors(high)
    noise = bounds.free_entropy + (geo.eos.errors(low).free_entropy if low is not None else 0.0)
    error = _first(noise / slope + bounds.intensity * (1 + high.scaled / (2 * slope)))
    overlap = _first(bounds.overlap + high.overlap_z / np.abs(high.intensity_z) * (error + bounds.intensity))
    point = _at_zero(geo.eos, high, (error, overlap), "equal free entropy of both branches at zero strength")
    return replace(point, lower_overlap=0.0 if low is None else _first(low.overlap))


def _leads(eos: EquationOfState, point: Surface, others: list[ZeroBranch]) -> bool:
    """Tell whether none of the `others` has a larger free entropy at zero strength than `point`, up to rounding."""
    phi, noise = _first(point.free_entropy), SAFETY * _first(eos.errors(point).free_entropy)
    for branch in others:
        if branch.start < point.intensity[0] < branch.stop:
            other = 0.0 if branch.null else _first(on_branch(eos, branch, point.intensity).free_entropy)
            if other > phi + noise:
                return False
    return True
