"""The special points of regular graphs: the smallest densities with a property; no number in between is meant.

- dynamical: the smallest density at which a second stable branch exists at zero strength;
- condensation: the smallest at which the uninformed branch is not the equilibrium at zero strength, by a jump;
- algorithmic: the smallest at which the uninformed branch has gone, by a jump;
- tricritical: none, for two branches become one between two densities at best.
"""

from __future__ import annotations

import numpy as np

from amp_theory.ingredients.paths.named import Flow
from amp_theory.phases.geometry.regular_graphs import RegularGeometry, isotherm
from amp_theory.tools.results import Located, Thresholds


def regular_thresholds(geo: RegularGeometry) -> Thresholds:
    """Return the special points of regular graphs along a path."""
    found = {
        "dynamical": _dynamical(geo), "condensation": _condensation(geo), "algorithmic": _algorithmic(geo),
        "weak_recovery": _weak_recovery(geo), "tricritical": _no_tricritical(geo),
    }  # fmt: skip
    return Thresholds.of(geo.model, geo.path, found)


def _located(geo: RegularGeometry, degree: int, which: int, how: str) -> Located:
    """Return a branch at a degree as a special point: the density is exact."""
    model, k = geo.model, geo.model.factor.k
    z, _ = geo.coexisting(degree)[which]
    eos = isotherm(model, Flow(), degree).eos
    overlap, error = 1.0, 0.0
    if np.isinf(z):
        at = eos.recovered(np.array([degree / k]), np.zeros(1))
        error = float(eos.errors(at).overlap[0])
    else:
        f = eos.surface(np.array([z]), 0.0)
        bounds = eos.errors(f)
        error = float((f.overlap_z * bounds.signal / np.abs(f.fold) + bounds.overlap)[0])
        overlap = float(f.overlap[0])
    errors = {model.control: 0.0, "overlap": 4 * error}
    return Located(degree / k, overlap, errors, model.control, how=f"{how} (degree {degree} of regular graphs)")


def _searched(geo: RegularGeometry) -> str:
    """Tell what was looked at, where no second branch was found."""
    if geo.first_informed is None:
        return f"up to degree {geo.searched}, as far as was searched"
    return f"up to degree {geo.scanned[-1]}, as far as was searched"


def _dynamical(geo: RegularGeometry) -> Located | str:
    if geo.dynamical is None:
        return f"no second branch exists at zero strength on regular graphs, {_searched(geo)}"
    return _located(geo, geo.dynamical, 1, "the smallest density with a second stable branch at zero strength")


def _condensation(geo: RegularGeometry) -> Located | str:
    if geo.dynamical is None:
        return f"the equilibrium branch does not jump at zero strength on regular graphs, {_searched(geo)}"
    if geo.condensation is None:
        return f"the uninformed branch is the equilibrium on regular graphs up to degree {geo.searched}"
    how = "the smallest density at which the uninformed branch is not the equilibrium"
    return _located(geo, geo.condensation, -1, how)


def _algorithmic(geo: RegularGeometry) -> Located | str:
    if np.isinf(geo.model.weak_recovery):
        return "q = 0 is stable at every density"
    if geo.dynamical is None:
        return f"the uninformed branch changes continuously on regular graphs, {_searched(geo)}"
    if geo.algorithmic is None:
        return f"the uninformed branch exists on regular graphs up to degree {geo.searched}"
    return _located(geo, geo.algorithmic, -1, "the smallest density at which the uninformed branch has gone")


def _weak_recovery(geo: RegularGeometry) -> Located | str:
    eos, k = geo.eos, geo.model.factor.k
    if np.isinf(eos.start):
        return f"q = 0 is stable at every density: {eos.no_weak_recovery}"
    first = int(np.floor(k * eos.start)) + 1
    how = f"{eos.weak_recovery_rule}; on regular graphs q = 0 is unstable from degree {first} on"
    return Located(eos.start, 0.0, {geo.model.control: 1e-14 * eos.start, "overlap": 0.0}, "density", how=how)


def _no_tricritical(geo: RegularGeometry) -> str:
    k, path = geo.model.factor.k, geo.path.name
    only = f"the density of regular graphs is a multiple of 1/{k}"
    if geo.failing is None:
        return f"{only}, and at none does the {path} path meet a first-order transition"
    first, last = geo.failing
    until = "on" if last is None else f"to {last}/{k} = {last / k:.12g}"
    return (
        f"{only}, between which branches merge: the {path} path meets a first-order transition from density "
        f"{first}/{k} = {first / k:.12g} {until}"
    )
