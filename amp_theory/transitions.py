"""The special points of a model: dynamical, condensation, algorithmic, weak recovery, tricritical.

At zero strength the fixed points form a curve intensity(z), the same for every path; a stable branch rises
along it.  With the control getting easier (intensity growing from zero)

- dynamical: the first intensity at which a second stable branch exists: a minimum of the curve, F = 0;
- algorithmic: where the uninformed branch ends by a jump: a maximum of the curve, F = 0, or the
  weak-recovery point itself where the curve falls from it;
- condensation: where the branch of largest free entropy changes by a jump: two equal free entropies;
- weak recovery: xi''(0) M'(0) = 1, where q = 0 loses stability;
- tricritical: F = dF/dz = 0 at positive strength, with d^2F/dz^2 > 0.

Error bounds: the bounds on the surface's functions, divided by the slope with which they determine the
point, times SAFETY.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.branches import ZeroBranch
from amp_theory.equations_of_state import EquationOfState
from amp_theory.errors import InputError
from amp_theory.folds import CUSP_ACCURACY, Cusp, polished
from amp_theory.isotherm import Transitions
from amp_theory.mixtures import EPS
from amp_theory.models import Model, as_model
from amp_theory.paths import Path, as_path
from amp_theory.quadrature import Array
from amp_theory.results import Located, Origin, Thresholds
from amp_theory.surface import Surface
from amp_theory.zero_crossings import always_ahead, crossing, null_crossing, on_branch

if TYPE_CHECKING:
    from amp_theory.exact.points import Sharpener

SAFETY = 4.0


def transitions(model: Model, path: Path) -> Transitions:
    """Return the (cached) folds and branches of a model along a path."""
    check(model, path)
    return solved(model, path)


def check(model: object, path: object) -> None:
    """Raise an `InputError` unless given a model and a path, both hashable."""
    as_model(model)
    as_path(path)
    try:
        hash((model, path))
    except TypeError as error:
        raise InputError(
            f"models and paths must be hashable (frozen dataclasses), {error}: {model!r}, {path!r}"
        ) from None


@lru_cache(maxsize=256)
def solved(model: Model, path: Path) -> Transitions:
    """Return the folds and branches, computed once for equal arguments."""
    return model.equation_of_state(path).geometry()


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


# --- zero strength -----------------------------------------------------------------------------------------


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


def _fold_at(tr: Transitions, coordinate: float) -> Surface:
    return tr.zero_folds.take(np.flatnonzero(tr.zero_folds.coordinate == coordinate)[:1])


def _recovery_point(eos: EquationOfState, intensity: float, how: str) -> Located:
    """Locate a point at q = rho whose intensity is known in closed form."""
    control = float(eos.model.from_intensity(np.array(intensity)))
    errors = {eos.model.control: 16 * EPS * control, "overlap": 0.0}
    return Located(control, eos.prior.second_moment, errors, eos.model.control, how=how)


def _dynamical(tr: Transitions) -> Located | str:
    branch = _second_branch(tr.zero)
    if branch is None:
        if _always_informed(tr.zero):
            return f"the informed branch exists at every {tr.eos.model.control}"
        return f"no second branch exists at zero strength, at any {tr.eos.model.control}"
    if np.isinf(branch.lower):
        return _recovery_point(tr.eos, branch.start, "q = rho becomes stable: the prior's information dimension")
    fold = _fold_at(tr, branch.lower)
    return _fold_point(tr.eos, fold, "minimum of the zero-strength equation of state: F(z, 0) = 0")


def _weak_recovery(tr: Transitions) -> Located | str:
    eos = tr.eos
    if not eos.symmetric:
        return f"q = 0 is not a fixed point: {eos.no_weak_recovery}"
    if np.isinf(eos.start):
        return f"q = 0 is stable at every {eos.model.control}: {eos.no_weak_recovery}"
    control = float(eos.model.from_intensity(np.array(eos.start)))
    bound = control_error(eos.model, eos.start, 8 * EPS * eos.start)
    errors = {eos.model.control: bound, "overlap": 0.0}
    return Located(control, 0.0, errors, eos.model.control, how=eos.weak_recovery_rule)


def _algorithmic(tr: Transitions, weak_recovery: Located | str) -> Located | str:
    eos = tr.eos
    jump = _uninformed_jump(tr.zero)
    if jump is None or jump[0].stop > eos.valid_up_to:
        if tr.zero[0].null and np.isinf(tr.zero[0].stop):
            return f"q = 0 is stable at every {eos.model.control}"
        if _overflows(tr.zero):
            return f"the uninformed branch ends at a {eos.model.control} that double precision cannot hold"
        return f"the uninformed branch changes continuously at every {eos.model.control}"
    if jump[0].null and isinstance(weak_recovery, Located):
        return Located(weak_recovery.control, 0.0, weak_recovery.errors, eos.model.control,
                       how=f"q = 0 itself jumps where it loses stability: {eos.weak_recovery_rule}")  # fmt: skip
    return _fold_point(eos, _fold_at(tr, jump[0].upper), "maximum of the zero-strength equation of state: F(z, 0) = 0")


def _condensation(tr: Transitions) -> Located | str:
    """Return the first jump of the equilibrium branch at zero strength."""
    crossings: list[tuple[Surface, Surface | None, list[ZeroBranch]]] = []
    for k, c in enumerate(tr.zero):
        for b in tr.zero[:k]:
            if max(b.start, c.start) < min(b.stop, c.stop, tr.eos.reach):
                found = null_crossing(tr.eos, c, b.stop) if b.null else crossing(tr.eos, b, c)
                if found is None and always_ahead(tr.eos, c) and c.start > b.start:
                    # stable means in equilibrium: nothing else can be
                    return _recovery_point(tr.eos, c.start, "q = rho becomes stable, with infinite free entropy")
                if found is not None and found[0].intensity[0] > 0:
                    crossings.append((*found, [other for other in tr.zero if other not in (b, c)]))
    crossings.sort(key=lambda pair: float(pair[0].intensity[0]))
    best = next(((high, low) for high, low, others in crossings if _leads(tr.eos, high, others)), None)
    if best is None:
        if tr.eos.recovery is not None and tr.eos.recovery.start == 0:
            return f"q = rho is the equilibrium at every {tr.eos.model.control}"
        if _second_branch(tr.zero) is None and _always_informed(tr.zero):
            return f"the informed branch dominates at every {tr.eos.model.control}"
        reach = tr.eos.most if _overflows(tr.zero) else tr.eos.reach
        far = float(tr.eos.model.from_intensity(np.array(reach)))
        way = "up" if tr.eos.model.easier == "up" else "down"
        limit = "" if np.isinf(reach) else f" {way} to {far:.6g}, as far as was searched"
        return f"the equilibrium branch changes continuously at zero strength, at every {tr.eos.model.control}{limit}"
    high, low = best
    slope = high.scaled / 2 - (low.scaled / 2 if low is not None else 0.0)
    bounds = tr.eos.errors(high)
    noise = bounds.free_entropy + (tr.eos.errors(low).free_entropy if low is not None else 0.0)
    error = _first(noise / slope + bounds.intensity * (1 + high.scaled / (2 * slope)))
    overlap = _first(bounds.overlap + high.overlap_z / np.abs(high.intensity_z) * (error + bounds.intensity))
    return _at_zero(tr.eos, high, (error, overlap), "equal free entropy of both branches at zero strength")


def _leads(eos: EquationOfState, point: Surface, others: list[ZeroBranch]) -> bool:
    """Tell whether none of the `others` has a larger free entropy at zero strength than `point`, up to rounding."""
    phi, noise = _first(point.free_entropy), SAFETY * _first(eos.errors(point).free_entropy)
    for branch in others:
        if branch.start < point.intensity[0] < branch.stop:
            other = 0.0 if branch.null else _first(on_branch(eos, branch, point.intensity).free_entropy)
            if other > phi + noise:
                return False
    return True


# --- tricritical points ------------------------------------------------------------------------------------


def cusp_point(eos: EquationOfState, cusp: Cusp) -> Located:
    """Return a cusp with error bounds, whatever the sign of its strength."""
    local = eos.localised(float(cusp.surface.coordinate[0]), float(cusp.surface.strength[0]))
    if local is not eos:
        eos, cusp = local, polished(local, cusp)
    f = cusp.surface
    z, s = f.coordinate, f.strength
    step = 1e-4
    along_z = (eos.surface(z * (1 + step), s).fold_z - eos.surface(z * (1 - step), s).fold_z) / (2 * step * z)
    room = float(eos.path.internal(np.asarray(eos.path.limit))) - s
    ds = np.minimum(step * np.maximum(np.abs(s), 1e-3 * z), 0.01 * room)
    along_s = (eos.surface(z, s + ds).fold_z - eos.surface(z, s - ds).fold_z) / (2 * ds)
    bounds = eos.errors(f)
    s_error = _first(bounds.fold / np.abs(f.fold_s) + 4 * EPS * np.abs(s))
    z_error = _first((bounds.fold_z + np.abs(along_s) * s_error) / np.abs(along_z) + CUSP_ACCURACY * z)
    intensity_error = _first(bounds.intensity + np.abs(f.intensity_s) * s_error)
    intensity = _first(f.intensity)
    strength = float(eos.path.public(s)[0])
    overlap = _first(f.overlap)
    errors = {
        eos.model.control: control_error(eos.model, intensity, intensity_error),
        eos.path.strength: SAFETY * (s_error * _first(eos.path.public_slope(s)) + EPS * abs(strength)),
        "overlap": SAFETY * (_first(f.overlap_z) * z_error + _first(np.abs(f.overlap_s)) * s_error + EPS * overlap),
    }
    control = float(eos.model.from_intensity(np.array(intensity)))
    how = "cusp of the equation of state: F = dF/dz = 0"
    return Located(control, overlap, errors, eos.model.control, strength, eos.path.strength, how=how)


def tricritical_cusps(tr: Transitions) -> list[Cusp]:
    """Return the cusps at strength >= 0 and control > 0 in which two stable branches become one."""
    return [c for c in tr.curve.cusps if c.merging and c.surface.strength[0] >= 0 and c.surface.intensity[0] > 0]


def sharpener(model: Model, path: Path, digits: int | None) -> Sharpener | None:
    """Return what solves points again with more digits, after checking that they are there; None for no digits."""
    if digits is None:
        return None
    from amp_theory.exact.points import Sharpener, check_digits

    check(model, path)
    return Sharpener(model, path, check_digits(digits))


def thresholds(model: Model, path: Path, digits: int | None = None) -> Thresholds:
    """Locate all special points of a model along a path.

    Parameters
    ----------
    model
        For instance IsingPSpin(p=3) or SpikedMatrix(SparseRademacher(0.08)).
    path
        Flow(), Autoregressive() or UniformDiscreteDiffusion(); only the tricritical point depends on it.
    digits
        Significant digits, 1 to 50: every point is solved again in mpmath, checked by a second quadrature rule with
        more digits, and holds them in `decimals`.  For dense models with the priors, couplings and paths of the
        package, and densities that mpmath can evaluate.

    Returns
    -------
    Thresholds
        Each point with an absolute error bound, or None with a reason.

    Raises
    ------
    InputError
        If the path is not defined for the model's prior, or `digits` are not there for the model.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin
    >>> point = thresholds(SphericalPSpin(p=3), Flow()).tricritical  # T = 2/3, snr = 1/8, q = 1/3
    >>> bool(abs(point.temperature - 2 / 3) <= point.error)
    True
    """
    sharp = sharpener(model, path, digits)
    if sharp is not None:
        return sharp.thresholds(thresholds(model, path))
    if isinstance(model, Model) and model.statistical:
        return model.special_points(path)
    tr = transitions(model, path)
    if tr.discrete is not None:
        return tr.discrete.thresholds()
    weak = _weak_recovery(tr)
    found: dict[str, Located | str] = {
        "dynamical": _dynamical(tr), "condensation": _condensation(tr), "algorithmic": _algorithmic(tr, weak),
        "weak_recovery": weak,
    }  # fmt: skip
    cusps = [replace(cusp_point(tr.eos, c), origin=Origin(model, path, "tricritical")) for c in tricritical_cusps(tr)]
    # the first is the one at the least signal, up to which coexistence extends
    cusps.sort(key=lambda point: point.control, reverse=model.easier == "down")
    reasons = {name: point for name, point in found.items() if isinstance(point, str)}
    if not cusps:
        reasons["tricritical"] = _no_cusp(tr)
    points = {
        n: replace(p, origin=Origin(model, path, n)) if isinstance(p, Located) else None for n, p in found.items()
    }
    return Thresholds(
        model.name, path.name, model.control, path.strength, model.parameters,
        tricritical=cusps[0] if cusps else None, reasons=reasons, further_tricritical=tuple(cusps[1:]),
        bounds=model.bounds, **points,
    )  # fmt: skip


def _no_cusp(tr: Transitions) -> str:
    """Tell why no two stable branches become one: there are none, or they stay two as far as was searched."""
    recovery = tr.eos.recovery
    if recovery is not None and any(not p.appears for p in tr.curve.pieces):
        if recovery.start == 0:
            return f"q = rho is stable at every {tr.eos.model.control} > 0: the first-order line does not end"
        control = float(tr.eos.model.from_intensity(np.array(recovery.start)))
        return (
            f"q = rho becomes stable with infinite free entropy, without side information at {tr.eos.model.control} = "
            f"{control:.12g}: the first-order line is where it does, and ends nowhere"
        )
    far = min(((p.intensity[0], p.strength[0]) for p in tr.curve.pieces if p.intensity[-1] > 0), default=None)
    if far is None:
        return "no first-order transition along this path: the equation of state has no fold at positive strength"
    model, path = tr.eos.model, tr.eos.path
    if far[0] <= 0:
        return f"the first-order line does not end: it reaches every {model.control}, however hard inference gets"
    control, strength = float(model.from_intensity(far[0])), float(path.public(far[1]))
    where = f"{model.control} = {control:.6g} and {path.strength} = {strength:.9g}"
    return f"the first-order line does not end within the range searched, up to {where}"
