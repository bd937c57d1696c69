"""The slope S = dG/dx of one path's side information at an overlap q and an snr x from the other variables.

The strength is that at which G(x, strength) = q, which grows with it: one root in one variable, whatever the path.
xi''(q) S = 1 is then the line on which the path's fixed points are marginal, its folds, with q as the coordinate; its
least intensity is the tricritical point.
"""

from __future__ import annotations

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.priors.base import Prior
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.roots import solve_bracketed

#: doublings of the strength in which enough is told, where it has no limit
DOUBLINGS = 200


def path_slopes(path: Path, prior: Prior, gap: Array, snr: Array) -> Array:
    """Return S at uncertainties rho - q <= rho - M(x) and snrs x of one shape (n,), along a path.

    Raises
    ------
    NumericalError
        If no strength leaves so little uncertainty.
    """
    if path.erases:  # S is proportional to what is hidden, which q tells
        told = prior.table(snr)
        return np.asarray(told.slope * gap / told.mmse)

    def uncertainty(strength: Array, which: Index) -> tuple[Array, Array]:
        """Return log((rho - G)/(rho - q)) and its slope."""
        r = path.response(prior, path.coordinate(snr[which], strength), strength, with_energy=False)
        told = r.overlap_s - r.signal_s * r.overlap_z
        with np.errstate(all="ignore"):
            return np.log(r.gap / gap[which]), -told / r.gap

    strength = solve_bracketed(uncertainty, np.zeros(gap.shape), _most(path, prior, gap, snr), False, noise=16 * EPS)
    return np.asarray(
        path.response(prior, path.coordinate(snr, strength), strength, with_energy=False).overlap_z, dtype=float
    )


def _most(path: Path, prior: Prior, gap: Array, snr: Array) -> Array:
    """Return strengths at which less uncertainty is left than asked for."""
    if np.isfinite(path.limit):
        return np.broadcast_to(path.internal(np.asarray(path.limit)), gap.shape) * (1 - EPS)
    most = np.maximum(snr, 1 / prior.variance)
    for _ in range(DOUBLINGS):
        short = path.response(prior, path.coordinate(snr, most), most, with_energy=False).gap > gap
        if not np.any(short):
            return np.asarray(most)
        most = np.where(short, 2 * most, most)
    raise NumericalError(f"no strength of {path.name} leaves an uncertainty of {float(gap[short].min()):.3g}")
