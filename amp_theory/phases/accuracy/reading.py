"""What branches are like at many strengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amp_theory.phases.accuracy.met import Met
from amp_theory.phases.accuracy.stays import Stay, points_on
from amp_theory.tools.arrays import Array


def along_stays(met: Met, stays: Sequence[Stay], strength: Array, *names: str) -> list[Array]:
    """Return columns of the surface by name, such as "overlap", along stays at internal strengths > 0, shape (n,)."""
    columns = [np.zeros_like(strength) for _ in names]
    for stay in stays:
        here = np.flatnonzero((strength >= stay.start) & (strength < stay.stop))
        if len(here):
            f = points_on(met.eos, stay.branch, met.intensity, strength[here])
            for column, name in zip(columns, names, strict=True):
                column[here] = getattr(f, name)
    return columns
