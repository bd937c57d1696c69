"""What population dynamics finds: points of isotherms and fixed points, each number with two standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable, of_grid


@dataclass(frozen=True)
class PopulationPoint(Reported):
    """A point of an isotherm: at this overlap the density is a fixed point's.

    Each error is two standard errors from blocks in time and independent runs.

    Parameters
    ----------
    overlap
        The overlap in (0, 1).
    density, density_error
        Edges per node.
    free_entropy, free_entropy_error
        S in nats per node, relative to the paramagnet without side information.
    per_density, per_density_error
        Its derivative in the density.

    See Also
    --------
    population_isotherm : Which returns it, with an example.
    """

    overlap: float
    density: float
    free_entropy: float
    density_error: float
    free_entropy_error: float
    per_density: float
    per_density_error: float

    def report(self) -> str:
        """Return a readable text: overlap, density and free entropy, each with two standard errors."""
        density = f"density = {self.density:.8g} +- {self.density_error:.1g}"
        entropy = f"free_entropy = {self.free_entropy:.8g} +- {self.free_entropy_error:.1g}"
        return f"overlap = {self.overlap:.8g}, {density}, {entropy}"

    def table(self) -> ResultTable:
        """Return the point as one row; errors are two standard errors."""
        columns = {"overlap": [self.overlap]}
        for name in ("density", "free_entropy", "per_density"):
            columns |= {name: [getattr(self, name)], f"error_of_{name}": [getattr(self, f"{name}_error")]}
        return ResultTable("point of an isotherm", columns)


@dataclass(frozen=True, eq=False)
class PopulationFixedPoint(Reported):
    """A fixed point of population dynamics at given density.

    Parameters
    ----------
    overlap, overlap_error
        The mean over late sweeps and all runs, and two standard errors.
    trajectory
        The overlap after every sweep, shape (runs, sweeps).

    See Also
    --------
    population_fixed_point : Which returns it, with an example.
    """

    overlap: float
    overlap_error: float
    trajectory: Array

    def report(self) -> str:
        """Return a readable text: the overlap with two standard errors, and of how many sweeps."""
        runs, sweeps = self.trajectory.shape
        return f"overlap = {self.overlap:.8g} +- {self.overlap_error:.1g} ({runs} runs of {sweeps} sweeps)"

    def table(self) -> ResultTable:
        """Return the overlap after every sweep of every run as rows."""
        runs, sweeps = self.trajectory.shape
        axes = {"run": np.arange(runs), "sweep": np.arange(1, sweeps + 1)}
        return of_grid(str(self), axes, {"overlap": self.trajectory})
