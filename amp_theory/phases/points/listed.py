"""Points of a surface as the fixed points that are listed: with error bounds, informations and names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.tools.arrays import EPS
from amp_theory.tools.fixed_points import FixedPoint, Kind


def point_of(f: Surface, bounds: Errors, k: int, evidence: float, entropy: float) -> FixedPoint:
    """Return entry k of a surface as a fixed point, its kind still open."""
    # where the slope F vanishes the position goes with the square root of the error of x - xi'(q)
    error, slope, bend = SAFETY * bounds.signal[k], abs(f.fold[k]), abs(f.fold_z[k])
    with np.errstate(over="ignore"):  # a slope of nearly nothing tells nothing
        z_error = min(error / slope if slope else np.inf, (2 * error / bend) ** 0.5 if bend else np.inf)
    errors = {
        "overlap": float(f.overlap_z[k] * z_error + SAFETY * bounds.overlap[k]),
        "free_entropy": float(SAFETY * bounds.free_entropy[k] + 0.5 * f.scaled_ratio[k] * error),
    }
    phi, known = float(f.free_entropy[k]), not np.isnan(evidence)
    if np.isinf(f.coordinate[k]):  # q = rho: exact, and everything about s* is known
        return FixedPoint(
            overlap=float(f.overlap[k]), free_entropy=phi, stable=True, kind="unstable", mmse=0.0,
            mutual_information=entropy if known else float("nan"), signal=float("inf"),
            errors={
                "overlap": 0.0, "free_entropy": float(SAFETY * bounds.free_entropy[k]),
                **({"mutual_information": 4 * EPS * abs(entropy)} if known else {}),
            },
        )  # fmt: skip
    if np.isfinite(evidence):
        errors["mutual_information"] = errors["free_entropy"] + 4 * EPS * abs(evidence)
    return FixedPoint(
        overlap=float(f.overlap[k]), free_entropy=phi, stable=True, kind="unstable", mmse=float(f.gap[k]),
        mutual_information=evidence - phi, signal=float(f.signal[k]), errors=errors,
    )  # fmt: skip


def with_both(eos: EquationOfState, f: Surface, points: list[FixedPoint]) -> list[FixedPoint]:
    """Return fixed points with the overlaps of both kinds of variables."""
    values, own = eos.second_overlap(f)
    # where the first does not change at all, neither does the second
    slope = np.divide(values / f.signal, f.overlap_z, out=np.zeros_like(values), where=f.overlap_z > 0)
    found = []
    for p, value, bound, steep in zip(points, values.tolist(), own.tolist(), slope.tolist(), strict=True):
        # along an isotherm the second overlap goes with the snr that it provides for the first
        errors = {"overlap_u": p.errors["overlap"], "overlap_v": SAFETY * bound + abs(steep) * p.errors["overlap"]}
        found.append(replace(p, overlap_u=p.overlap, overlap_v=value, errors=p.errors | errors))
    return found


def null_point(stable: bool, evidence: float, eos: EquationOfState) -> FixedPoint:
    """Return q = 0 at zero strength, its kind still open."""
    names = ("overlap", "free_entropy", "mutual_information", *(("overlap_u", "overlap_v") if eos.two_sided else ()))
    none = 0.0 if eos.two_sided else None
    return FixedPoint(
        overlap=0.0, free_entropy=0.0, stable=stable, kind="unstable", mmse=eos.prior.second_moment,
        mutual_information=evidence, signal=0.0, errors=dict.fromkeys(names, 0.0), overlap_u=none, overlap_v=none,
    )  # fmt: skip


def kinds_of(stable: list[bool]) -> list[Kind]:
    """Name the fixed points from their stability, in order of overlap."""
    kinds: list[Kind] = ["intermediate" if good else "unstable" for good in stable]
    where = [k for k, good in enumerate(stable) if good]
    kinds[where[-1]] = "informed"
    kinds[where[0]] = "uninformed"
    return kinds
