"""Message passing again, ever more damped, for those side informations of which it has not converged.

Messages of matrices that are not like random ones of independent entries overshoot; a part of the old ones that is
kept cures what is a matter of steps, at the price of more iterations (J. Vila et al., arXiv:1412.2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from amp_theory.finite.inference.base import Inference, MessagePassingOptions
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.results import Status

#: the dampings that are tried, each if it is more than the one asked for
DAMPINGS = (0.3, 0.6, 0.8, 0.9, 0.95)
#: the better outcome of two; among equals the smaller residual
RANK = {Status.CONVERGED: 0, Status.INCONSISTENT: 1, Status.MAX_ITERATIONS: 2}

Run = Callable[[SideInformation, Index, MessagePassingOptions], Inference]


def damped_as_needed(how: MessagePassingOptions, side: SideInformation, run: Run) -> Inference:
    """Run with the damping asked for, and with more where that has not converged, if `adapt_damping` says so.

    Parameters
    ----------
    how
        Options.
    side
        Side information.
    run
        Takes some of the side informations, which these are, and options.

    Returns
    -------
    Inference
        Of every side information the best run; iterations and residuals are of all runs, one after the other, that
        met no impossible output.

    Raises
    ------
    NumericalError
        If outputs are impossible given the means whatever the damping; that of the last run.
    """
    found: Inference | None = None
    tried = [how.damping, *(d for d in DAMPINGS if d > how.damping)] if how.adapt_damping else [how.damping]
    for damping in tried:
        rows = np.arange(side.batch) if found is None else _open(found)
        if not len(rows):
            break
        try:
            again = run(some(side, rows), rows, replace(how, damping=damping))
        except NumericalError:
            # means that overshoot make outputs impossible, which less of a step may cure
            if found is None and damping == tried[-1]:
                raise
            continue
        found = _better(found, again, rows, damping) if found else replace(again, damping=(damping,) * side.batch)
    assert found is not None
    return found


def _open(found: Inference) -> Index:
    """Return the side informations that have not come to a fixed point."""
    return np.flatnonzero([status not in (Status.CONVERGED, Status.INCONSISTENT) for status in found.status])


def some(side: SideInformation, rows: Index | Mask) -> SideInformation:
    """Return some of the side informations of a batch.

    Examples
    --------
    >>> some(SideInformation.from_field(np.eye(3)), np.array([2])).field.tolist()
    [[0.0, 0.0, 1.0]]
    """
    return replace(side, field=side.field[rows], known=side.known[rows], values=side.values[rows])


def _better(found: Inference, again: Inference, rows: Index, damping: float) -> Inference:
    """Return what was found, with rows replaced of which the second run is better, and the records of both."""

    def rank(run: Inference, row: int) -> tuple[int, float]:
        last = float(run.residuals[-1, row])
        return RANK.get(run.status[row], 3), last if np.isfinite(last) else np.inf

    take = [k for k, row in enumerate(rows) if rank(again, k) < rank(found, int(row))]
    at = rows[take]

    def merged(old: Array, new: Array) -> Array:
        shape = np.broadcast_shapes(old.shape[1:], new.shape[1:])
        result = np.broadcast_to(old, (len(old), *shape)).copy()
        result[at] = new[take]
        return result

    def record(last: Array, new: Array) -> Array:
        result = last.copy()
        result[rows] = new
        return result

    status, dampings = list(found.status), list(found.damping)
    levels, reasons = list(found.free_entropy), list(found.reasons)
    for k, row in zip(take, at, strict=True):
        status[row], dampings[row] = again.status[k], damping
        levels[row], reasons[row] = again.free_entropy[k], again.reasons[k]
    converged = found.converged.copy()
    converged[at] = again.converged[take]
    residuals = [record(found.residuals[-1], new) for new in again.residuals]
    iterates = tuple(record(found.iterates[-1], new) for new in again.iterates[1:])
    return replace(
        found, mean=merged(found.mean, again.mean), variance=merged(found.variance, again.variance),
        effective_field=merged(found.effective_field, again.effective_field),
        precision=merged(found.precision, again.precision), converged=converged, status=tuple(status),
        iterations=found.iterations + again.iterations, damping=tuple(dampings),
        residuals=np.concatenate([found.residuals, residuals]), iterates=found.iterates + iterates,
        free_entropy=tuple(levels), reasons=tuple(reasons),
    )  # fmt: skip
