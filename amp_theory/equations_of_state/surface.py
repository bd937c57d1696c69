"""The surface of fixed points over coordinate and strength, as arrays, and bounds on their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.tools.arrays import Array, Bools, Index


@dataclass(frozen=True, slots=True)
class Surface:
    """Fixed points at coordinates z and internal strengths s: arrays that broadcast to one shape.

    fold is F, drift is A' d intensity/ds; overlap and its derivatives, gap rho - q, signal x; free entropy
    phi and its derivative at constant intensity.  Of the coupling's scaled part A it holds A', A/A', A''/A'
    and intensity A' = x - B', which stay finite where A' underflows.
    """

    coordinate: Array
    strength: Array
    intensity: Array
    fold: Array
    fold_z: Array
    fold_s: Array
    drift: Array
    overlap: Array
    overlap_z: Array
    overlap_s: Array
    gap: Array
    signal: Array
    free_entropy: Array
    free_entropy_s: Array
    scaled_slope: Array
    scaled_ratio: Array
    scaled_curvature: Array
    scaled_signal: Array

    @property
    def intensity_z(self) -> Array:
        """D intensity/dz = F/A'."""
        with np.errstate(all="ignore"):
            return np.asarray(self.fold / self.scaled_slope)

    @property
    def intensity_s(self) -> Array:
        """D intensity/ds, negative."""
        with np.errstate(all="ignore"):
            return np.asarray(self.drift / self.scaled_slope)

    @property
    def scaled(self) -> Array:
        """A(q)."""
        with np.errstate(invalid="ignore"):  # infinite times zero where a root next to q = rho underflows
            return self.scaled_ratio * self.scaled_slope

    def residual(self, intensity: Array) -> Array:
        """Return A' times the excess of the surface's intensity over a given one, x - xi'(q)."""
        return self.scaled_signal - intensity * self.scaled_slope

    def take(self, index: Index | Bools) -> Surface:
        """Return the entries `index`."""
        return Surface(*(getattr(self, name)[index] for name in Surface.__slots__))

    def reshape(self, shape: tuple[int, ...]) -> Surface:
        """Return the same points in another shape."""
        return Surface(*(np.reshape(getattr(self, name), shape) for name in Surface.__slots__))


@dataclass(frozen=True, slots=True)
class Errors:
    """Absolute bounds on a surface's intensity, F, dF/dz, overlap and free entropy; signal is A' times the first."""

    intensity: Array
    signal: Array
    fold: Array
    fold_z: Array
    overlap: Array
    free_entropy: Array
