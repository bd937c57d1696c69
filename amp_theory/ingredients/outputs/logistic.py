"""The logistic potential of random perceptrons: a margin that is not hard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from amp_theory.ingredients.outputs.bends import Edge
from amp_theory.ingredients.outputs.graded_sums import GradedPotential
from amp_theory.ingredients.outputs.potentials import check_between, check_centre
from amp_theory.tools.arrays import Array

#: the steepest logistic potential
STEEPEST = 50.0


@dataclass(frozen=True)
class Logistic(GradedPotential):
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
    def edges(self) -> tuple[Edge, ...]:  # type: ignore[override]
        """The centre, where the slope falls from the steepness to zero."""
        return (Edge(0.0, self.steepness, self.scale), Edge(0.0, 0.0, self.scale))

    @property
    def bend(self) -> float:
        """The largest -f'', at the centre."""
        return self.steepness**2 / 4

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
