"""A toy on the spine of the package alone: a cubic curve with known folds, cusp and crossing, in closed form.

With coordinate z, overlap q = z/(1 + z) and the cubic w(z) = b (z - m)^3 + c z + d,

    intensity(z, s) = (w(z) - s)/z,    phi = intensity z^2/4 + s z/2 - W(z),  W' = w/2,

stationary in z.  The line through the inflexion of w tells everything:

- folds: intensity = w'(z), s = w(z) - z w'(z); the cusp is at z = m, intensity c, strength d;
- equal free entropies, by the symmetry of the cubic about its inflexion: s = w(m) - intensity m, at z = m -+ e with
  e = sqrt((intensity - c)/b); at zero strength intensity = w(m)/m.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

import amp_theory as at
from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.tools.arrays import EPS, Array

#: relative errors that are claimed
CLAIMED = 32 * EPS
#: coordinates that are looked at
LEAST, MOST = 1e-3, 1e3


@dataclass(frozen=True)
class CuspModel(at.Model):
    """A measure about which nothing is known but its equation of state; its control is the intensity itself."""

    b: float = 2.0
    m: float = 1.0
    c: float = 1.5
    d: float = 0.4
    name: ClassVar[str] = "cusp"
    control: ClassVar[str] = "pull"
    control_symbol: ClassVar[str] = "u"
    easier: ClassVar[Literal["up", "down"]] = "up"

    @property
    def variable_prior(self) -> at.Prior:
        """A law with second moment one, the largest overlap."""
        return at.Gaussian()


class CuspEquationOfState(EquationOfState):
    """The surface of the module's text."""

    def __init__(self, model: CuspModel, path: at.Path) -> None:
        self.model: CuspModel = model
        self.path = path
        self.prior = model.variable_prior

    def _curve(self, z: Array) -> tuple[Array, Array, Array, Array]:
        """Return W, w, w', w''."""
        b, m, c, d = self.model.b, self.model.m, self.model.c, self.model.d
        u = z - m
        return b * u**4 / 8 + c * z**2 / 4 + d * z / 2, b * u**3 + c * z + d, 3 * b * u**2 + c, 6 * b * u

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at (z, s), with the scale A' = z/w' and F = A' d intensity/dz = 1 - intensity/w'."""
        z, s = np.broadcast_arrays(np.asarray(coordinate, dtype=float), np.asarray(strength, dtype=float))
        total, w, slope, bend = self._curve(z)
        zero, q_z = np.zeros(z.shape), 1 / (1 + z) ** 2
        intensity = (w - s) / z
        fold = 1 - intensity / slope
        return Surface(
            coordinate=z, strength=s, intensity=intensity, fold=fold,
            fold_z=intensity * bend / slope**2 - fold / z, fold_s=1 / (z * slope), drift=-1 / slope,
            overlap=z / (1 + z), overlap_z=q_z, overlap_s=zero, gap=1 / (1 + z), signal=w - s,
            free_entropy=intensity * z**2 / 4 + s * z / 2 - total, free_entropy_s=z / 2, scaled_slope=z / slope,
            scaled_ratio=z * slope / 2, scaled_curvature=(1 / z - bend / slope) / q_z, scaled_signal=(w - s) / slope,
        )  # fmt: skip

    def errors(self, f: Surface) -> Errors:
        """Bound rounding by the sizes of the terms that are summed."""
        z, m = f.coordinate, self.model
        _, _, slope, bend = self._curve(z)
        rounding = CLAIMED * (m.b * (z + m.m) ** 3 + m.c * z + m.d + np.abs(f.strength))
        return Errors(
            intensity=rounding / z, signal=rounding / slope, fold=CLAIMED + rounding / (z * slope),
            fold_z=(CLAIMED + rounding / (z * slope)) * (4 / z + np.abs(bend) / slope),
            overlap=CLAIMED * f.overlap, free_entropy=rounding * z,
        )  # fmt: skip

    @property
    def grid(self) -> Array:
        """Coordinates around the cusp, on all scales."""
        return np.geomspace(LEAST, MOST, 400)

    def search_grid(self) -> tuple[Array, Array]:
        """Return coordinates and strengths over which the folds are."""
        return self.grid, 2 * self.model.d * np.linspace(0, 1, 40)

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return the ends of all coordinates."""
        return np.full_like(intensity, LEAST), np.full_like(intensity, MOST)

    @property
    def farthest(self) -> float:
        """The end of the grid."""
        return MOST

    @property
    def reach(self) -> float:
        """A part of the intensity at the end of the grid, b MOST^2, that any strength of order one leaves."""
        return 0.5 * self.model.b * MOST**2

    @property
    def start(self) -> float:
        """Zero: q = 0 is no fixed point."""
        return 0.0

    @property
    def symmetric(self) -> bool:
        """False."""
        return False

    @property
    def weak_recovery_rule(self) -> str:
        """None."""
        return "there is none"

    @property
    def no_weak_recovery(self) -> str:
        """Why q = 0 is no fixed point."""
        return "the curve begins at a finite field"

    def evidence(self, intensity: Array, strength: float) -> float:
        """Return what phi tends to and a constant, so that the mutual information is positive."""
        return float(np.squeeze(1e3 * intensity + strength))

    def potential(self, intensity: Array | float, strength: float, overlap: Array) -> Array:
        """Return phi as a function of the overlap."""
        z = overlap / (1 - overlap)
        return np.asarray(intensity * z**2 / 4 + strength * z / 2 - self._curve(z)[0])

    def overlap_range(self, strength: float) -> tuple[float, float]:
        """Return the overlaps at the ends of the grid."""
        return LEAST / (1 + LEAST), MOST / (1 + MOST)

    def state_evolution(self, intensity: float, strength: float, start: str | float) -> Iterator[tuple[float, float]]:
        """Yield overlaps of the iteration w(z) = intensity z + s, solved for the z on the left."""
        m = self.model
        z = {"uninformed": 0.0, "informed": MOST}.get(str(start))
        z = float(start) / (1 - float(start)) if z is None else z
        while True:
            yield z / (1 + z), 1 / (1 + z)
            # b u^3 + c u = what is left, one real root
            rest = intensity * z + strength - m.d - m.c * m.m
            root = np.roots([m.b, 0.0, m.c, -rest])
            z = max(float(root[np.argmin(np.abs(root.imag))].real) + m.m, 0.0)

    def error_of_last(
        self, intensity: float, strength: float, overlap: Sequence[float], gap: Sequence[float], tolerance: float
    ) -> float:
        """Return the distance from the nearest fixed point, which is known."""
        step = abs(overlap[-1] - overlap[-2])
        return 10 * step if step < 1e-3 * tolerance else math.inf

    def stalled(self, overlap: Sequence[float], gap: Sequence[float]) -> bool:
        """Tell whether nothing changes."""
        return overlap[-1] == overlap[-2]


@equation_of_state_of.register(CuspModel)
def _cusp(model: CuspModel, path: at.Path) -> EquationOfState:
    return CuspEquationOfState(model, path)
