"""Tricritical points: cusps of the fold curve, where two stable branches become one.

The condition is F = dF/dz = 0 at positive strength, with d^2F/dz^2 > 0.  Error bounds: strength = bound(F)/F_s, and
the coordinate bound(F_z)/F_zz, each with what the other adds, times SAFETY.
"""

from __future__ import annotations

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.phases.geometry.folds import CUSP_ACCURACY, Cusp, polished
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.zero_strength import BLURRED, _first, control_error
from amp_theory.tools.arrays import EPS
from amp_theory.tools.results import Located


def cusp_point(eos: EquationOfState, cusp: Cusp) -> Located:
    """Return a cusp with error bounds, whatever the sign of its strength."""
    local = eos.localised(float(cusp.surface.coordinate[0]), float(cusp.surface.strength[0]))
    if local is not eos:
        eos, cusp = local, polished(local, cusp)
    f = cusp.surface
    z, s = f.coordinate, f.strength
    step = 1e-4
    room = float(eos.path.internal(np.asarray(eos.path.limit))) - s
    ds = np.minimum(step * np.maximum(np.abs(s), 1e-3 * z), 0.01 * room)
    around = np.concatenate([z * (1 + step), z * (1 - step), z, z]), np.concatenate([s, s, s + ds, s - ds])
    slopes = eos.surface(*around, with_energy=False).fold_z
    along_z, along_s = (slopes[:1] - slopes[1:2]) / (2 * step * z), (slopes[2:3] - slopes[3:]) / (2 * ds)
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
    closed = eos.closed_cusp(f)
    if closed is not None:
        how += ", which is at full recovery, in closed form"
        control, strength, overlap = float(eos.model.from_intensity(np.array(closed[0]))), *closed[1:]
        strength, errors = float(eos.path.public(np.array(strength))), dict.fromkeys(errors, 64 * EPS)
    return Located(control, overlap, errors, eos.model.control, strength, eos.path.strength, how=how)


def sorted_cusps(geo: Geometry) -> list[tuple[Located, Cusp]]:
    """Return the points at strength >= 0 and control > 0 in which two stable branches become one.

    The first is the one at the least signal, up to which coexistence extends.
    """
    merging = [c for c in geo.curve.cusps if c.merging and c.surface.strength[0] >= 0 and c.surface.intensity[0] > 0]
    found = [(cusp_point(geo.eos, cusp), cusp) for cusp in merging]
    return sorted(found, key=lambda pair: pair[0].control, reverse=geo.eos.model.easier == "down")


def no_cusp(geo: Geometry) -> str:
    """Tell why no two stable branches become one: there are none, or they stay two as far as was searched."""
    recovery = geo.eos.recovery
    if recovery is not None and any(not p.appears for p in geo.curve.pieces):
        if recovery.start == 0:
            return f"q = rho is stable at every {geo.eos.model.control} > 0: the first-order line does not end"
        control = float(geo.eos.model.from_intensity(np.array(recovery.start)))
        return (
            f"q = rho becomes stable with infinite free entropy, without side information at {geo.eos.model.control} = "
            f"{control:.12g}: the first-order line is where it does, and ends nowhere"
        )
    far = min(((p.intensity[0], p.strength[0]) for p in geo.curve.pieces if p.intensity[-1] > 0), default=None)
    if far is None:
        hidden, path = geo.unseen_strength, geo.eos.path
        if hidden is not None:
            bound = f"{path.strength} < {float(path.public(np.asarray(hidden))):.2g}"
            return f"no first-order transition is seen along this path; {BLURRED}, which hides one at {bound}"
        return "no first-order transition along this path: the equation of state has no fold at positive strength"
    model, path = geo.eos.model, geo.eos.path
    if far[0] <= 0:
        return f"the first-order line does not end: it reaches every {model.control}, however hard inference gets"
    control, strength = float(model.from_intensity(far[0])), float(path.public(far[1]))
    where = f"{model.control} = {control:.6g} and {path.strength} = {strength:.9g}"
    return f"the first-order line does not end within the range searched, up to {where}"
