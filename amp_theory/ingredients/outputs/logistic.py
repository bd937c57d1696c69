"""The logistic potential of random perceptrons: a margin that is not hard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from amp_theory.ingredients.outputs.graded_sums import smoothed_next_to_edges
from amp_theory.ingredients.outputs.potentials import Smoothed, SmoothPotential, check_between, check_centre
from amp_theory.tools.arrays import Array

#: the steepest logistic potential
STEEPEST = 50.0


@dataclass(frozen=True)
class Logistic(SmoothPotential):
    """psi(s) = 1/(1 + e^{-steepness (s - kappa)}), a margin that is not hard.

    Parameters
    ----------
    kappa
        Where psi is one half, -30 to 8.
    steepness
        Inverse width > 0, at most 50.

    Raises
    ------
    InputError
        If a number is not in its range.

    Examples
    --------
    >>> Logistic(steepness=2)
    Logistic(kappa=0.0, steepness=2.0)
    """

    kappa: float = 0.0
    steepness: float = 1.0
    name: ClassVar[str] = "logistic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kappa", check_centre(self.kappa))
        object.__setattr__(self, "steepness", check_between("steepness", self.steepness, 1e-6, STEEPEST))

    @property
    def centre(self) -> float:  # type: ignore[override]
        """Where psi is one half."""
        return self.kappa

    @property
    def rises(self) -> bool:
        """True."""
        return True

    @property
    def scale(self) -> float:  # type: ignore[override]
        """About half the distance of the poles from the real axis."""
        return 1.2 / self.steepness

    @property
    def edges(self) -> tuple[tuple[float, float], ...]:  # type: ignore[override]
        """The centre, where the slope falls from the steepness to zero."""
        return ((0.0, self.steepness), (0.0, 0.0))

    @property
    def edge_width(self) -> float:  # type: ignore[override]
        """The scale."""
        return self.scale

    @property
    def parameters(self) -> dict[str, Any]:
        """The centre and the steepness."""
        return {"kappa": self.kappa, "steepness": self.steepness}

    def log_value(self, distance: Array) -> Array:
        """Return log psi."""
        t = self.steepness * distance
        return np.minimum(t, 0.0) - np.log1p(np.exp(-np.abs(t)))

    def logarithm(self, distance: Array) -> tuple[Array, Array, Array]:
        """Return log psi and two derivatives."""
        t = self.steepness * distance
        small = np.exp(-np.abs(t))
        below = np.where(t > 0, small, 1.0) / (1 + small)
        return (np.minimum(t, 0.0) - np.log1p(small), self.steepness * below,
                -(self.steepness**2) * below * (1 - below))  # fmt: skip

    def smoothed(self, distance: Array, variance: Array) -> Smoothed:
        """Return sums that are dense next to the centre, around the largest term where psi is smooth over sqrt(V)."""
        w, v = np.broadcast_arrays(distance, variance)
        if np.any(v < self.scale**2):
            return super().smoothed(w, v)
        # places of one V share their nodes
        if np.ndim(distance) == 2 and np.shape(variance) == (len(distance), 1):
            return smoothed_next_to_edges(self, w, v[:, 0])
        rows = w.reshape((1, -1) if np.size(variance) == 1 else (-1, 1))
        parts = smoothed_next_to_edges(self, rows, v.reshape(-1)[: len(rows)])
        return Smoothed(*(part.reshape(w.shape) for part in parts))
