"""A table of the equation of state, with errors that come from a second resolution and from checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.tools.chebyshev import ChebyshevTable


@dataclass(frozen=True, eq=False)
class CheckedTable:
    """A table over (t, v), the change of its values on a coarser grid of fields, and its errors between the nodes.

    resolution has shape (functions, nodes t, nodes v), misfit shape (functions, checks) at the points u, w.
    """

    table: ChebyshevTable
    resolution: Array
    nodes_t: Array
    nodes_v: Array
    misfit: Array
    u: Array
    w: Array

    def errors(self, t: Array, v: Array) -> Array:
        """Return bounds on g, phi and d phi/d alpha at table coordinates (t, v), shape (3, n)."""
        nodes_t, nodes_v = self.nodes_t, self.nodes_v
        i = np.clip(np.searchsorted(nodes_t, t), 1, len(nodes_t) - 1)
        j = np.clip(np.searchsorted(nodes_v, v), 1, max(len(nodes_v) - 1, 1))
        near = [self.resolution[:, np.clip(i + a, 0, len(nodes_t) - 1), np.clip(j + b, 0, len(nodes_v) - 1)]
                for a in (-2, -1, 0, 1) for b in (-1, 0)]  # fmt: skip
        resolution = np.max(near, axis=0)
        # the misfit of the checks next to the point, in units of the table's size
        size = nodes_t[-1] - nodes_t[0], max(nodes_v[-1] - nodes_v[0], 1.0)
        distance = ((t[:, None] - self.u) / size[0]) ** 2 + ((v[:, None] - self.w) / size[1]) ** 2
        nearest = np.argsort(distance, axis=1)[:, :4]
        return np.asarray(resolution + 2 * np.max(self.misfit[:, nearest], axis=2))
