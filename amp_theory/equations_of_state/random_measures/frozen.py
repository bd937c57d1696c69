"""Frozen measures: q = 1 is a stable fixed point at every control and strength, at an infinite coordinate.

Where the snr from the other variables grows faster as q -> 1 than what is needed to know a variable, strength(q) falls
to -infinity there: solutions of constraints on discrete variables are isolated points.  Everything is known at q = 1,
so that phi = (side information) - (entropy of the target).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.equations_of_state.surface import Surface
from amp_theory.tools.arrays import Array


@dataclass(frozen=True)
class FrozenState:
    """The fixed point q = 1 of one isotherm.

    entropy is that of the target, gain d phi/d strength: 1/2 of flows, the hidden entropy of autoregressive paths.
    """

    entropy: float
    gain: float
    start: float = 0.0
    infinite: bool = False

    def intensity(self, strength: Array) -> Array:
        """Return zero: it is stable everywhere."""
        return np.zeros(np.shape(strength))

    def birth(self, intensity: float) -> float:
        """Return zero."""
        return 0.0

    def free_entropy(self, intensity: Array, strength: Array) -> Array:
        """Return phi."""
        return np.asarray(self.gain * strength - self.entropy + 0 * intensity)

    def free_entropy_slope(self, strength: Array) -> Array:
        """Return d phi/d strength."""
        return np.full(np.shape(strength), self.gain)

    def surface(self, intensity: Array, strength: Array) -> Surface:
        """Return the fixed points as points of a surface."""
        lam, s = np.broadcast_arrays(np.asarray(intensity, dtype=float), np.asarray(strength, dtype=float))
        zero, one = np.zeros(lam.shape), np.ones(lam.shape)
        return Surface(
            coordinate=np.full(lam.shape, np.inf), strength=s, intensity=lam, fold=one, fold_z=zero, fold_s=zero,
            drift=-one, overlap=one, overlap_z=zero, overlap_s=zero, gap=zero, signal=np.full(lam.shape, np.inf),
            free_entropy=self.free_entropy(lam, s), free_entropy_s=self.free_entropy_slope(s), scaled_slope=one,
            scaled_ratio=zero, scaled_curvature=zero, scaled_signal=zero,
        )  # fmt: skip
