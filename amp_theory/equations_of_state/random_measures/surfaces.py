"""Isotherms of random measures as what the geometry of transitions asks for: one surface at every control.

At the intensity L of its control an isotherm strength sigma(z) becomes a surface that is meant at this control only,

    log intensity(z, s) = log(L) + sigma(z) - s,

whose fixed points, folds (F = R) and free entropies phi = level + s level_s at intensity L are those of the measure.
"""

from __future__ import annotations

from functools import cached_property
from typing import NoReturn

import numpy as np

from amp_theory.equations_of_state.base import TINY, EquationOfState
from amp_theory.equations_of_state.random_measures.frozen import FrozenState
from amp_theory.equations_of_state.random_measures.isotherms import Isotherms, RandomMeasure
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.ingredients.priors.base import Prior
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError

#: exponents beyond which intensities are cut off
FARTHEST = 500.0
#: R dz/d strength, in units of z > 1, counts as no less where strengths are that far: with e^FARTHEST it shows the sign
LEAST_UNIT = 1e-190
#: free entropies up to this are what the smallest coordinate leaves of zero
UNDERFLOW = 1e-290


class RandomEquationOfState(EquationOfState):
    """What all controls of a random measure have in common; fixed points belong to one control."""

    def __init__(self, measure: RandomMeasure) -> None:
        self.measure, self.model, self.path = measure, measure.model, measure.path

    @property
    def prior(self) -> Prior:  # type: ignore[override]
        """None: what is derived from it for planted measures is refused."""
        return self.model.variable_prior

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Raise an `InputError`: there is no surface over all controls."""
        self._refuse()

    def errors(self, f: Surface) -> Errors:
        """Raise an `InputError`."""
        self._refuse()

    def search_grid(self) -> tuple[Array, Array]:
        """Raise an `InputError`."""
        self._refuse()

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Raise an `InputError`."""
        self._refuse()

    @property
    def grid(self) -> Array:
        """None over all controls."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        self.model.check_planted()
        raise InputError(f"{self.model!r} has an isotherm at every control, and no surface over all of them")

    @property
    def reach(self) -> float:
        """The largest intensity at which anything was looked at: nothing is said beyond."""
        return float(np.exp(self.measure.looked_at[-1]))

    @property
    def start(self) -> float:
        """Zero: q = q0 is no fixed point without information."""
        return 0.0

    @property
    def symmetric(self) -> bool:
        """False."""
        return False

    @property
    def weak_recovery_rule(self) -> str:
        """None."""
        return ""

    @property
    def no_weak_recovery(self) -> str:
        """Why q = 0 is not a fixed point."""
        return "samples of the random measure overlap: q starts from q0 > 0"


class RandomIsotherm(RandomEquationOfState):
    """One control of a random measure as a surface over z and strength; see the module."""

    def __init__(self, measure: RandomMeasure, intensity: float) -> None:
        super().__init__(measure)
        self.intensity = intensity
        self.isotherm: Isotherms = measure.isotherms(measure.model.from_intensity(np.full(1, intensity)))

    @property
    def entropy(self) -> float:
        """What is to be known of a hidden variable: given its outer field, or of frozen measures in the target."""
        return float(self.isotherm.base.entropy[0]) if self.measure.frozen else self.hidden_entropy

    @property
    def hidden_entropy(self) -> float:
        """Mean entropy of a hidden variable given its outer field."""
        return float(self.isotherm.hidden_entropy[0])

    @property
    def _gain(self) -> float:
        """What the side information tells of the truth per strength."""
        return self.hidden_entropy if self.measure.told.erases else 0.5

    @cached_property
    def recovery(self) -> FrozenState | None:
        """The fixed point q = 1 of frozen measures."""
        if not self.measure.frozen:
            return None
        left = self.isotherm.base.entropy - self.isotherm.known
        return FrozenState(float(left[0]), self._gain)

    def recovered(self, intensity: Array, strength: Array) -> Surface:
        """Return the fixed points q = 1 of frozen measures."""
        if self.recovery is None:
            self._refuse()
        return self.recovery.surface(intensity, strength)

    def last_intensity(self, strength: Array) -> Array:
        """Return zero for frozen measures, whose strength falls towards q = 1, else infinity."""
        return np.full(np.shape(strength), 0.0 if self.measure.frozen else np.inf)

    def evidence(self, intensity: Array, strength: float) -> float:
        """Return the mutual information of the hidden sample with the side information, plus phi: at strength s."""
        return float(self.isotherm.known[0]) + self._gain * strength

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at coordinates and internal strengths, broadcast against each other."""
        z, s = np.broadcast_arrays(np.asarray(coordinate, dtype=float), np.asarray(strength, dtype=float))
        p = self.isotherm.points(z.reshape(1, -1))
        one, zero, s_flat = np.ones(z.size), np.zeros(z.size), s.ravel()
        sigma, unit = p.strength[0], p.unit[0]
        phi = p.level[0] + s_flat * p.level_s[0]
        overlap = np.where(p.gap[0] < 0.5, 1 - p.gap[0], self.isotherm.base.overlap + p.excess[0])
        with np.errstate(all="ignore"):
            intensity = self.intensity * np.exp(np.clip(sigma - s_flat, -FARTHEST, FARTHEST))
            scale = np.maximum(unit, LEAST_UNIT * np.maximum(z.ravel(), 1))
            # an intensity that is limited has no slope to go by
            bend = np.where(np.abs(sigma - s_flat) < FARTHEST, -p.strength_z[0] / p.overlap_z[0], np.inf)
            points = Surface(
                coordinate=z.ravel(), strength=s_flat, intensity=intensity, fold=p.stability[0],
                fold_z=p.stability_z[0], fold_s=zero, drift=-unit, overlap=overlap,
                overlap_z=p.overlap_z[0], overlap_s=zero, gap=p.gap[0], signal=p.signal[0],
                free_entropy=np.where(abs(phi) > UNDERFLOW, phi, 0.0), free_entropy_s=p.level_s[0],
                scaled_slope=scale / intensity, scaled_ratio=zero,
                scaled_curvature=bend, scaled_signal=scale * one,
            )  # fmt: skip
        return points.reshape(z.shape)

    def errors(self, f: Surface) -> Errors:
        """Bound the errors of a surface's points."""
        last = self.isotherm.farthest
        z = np.minimum(f.coordinate.reshape(1, -1), last)
        p = self.isotherm.points(z)
        e = self.isotherm.errors(z, p)
        s = np.abs(f.strength.reshape(1, -1))
        base = np.abs(self.isotherm.base.overlap - self.isotherm.check.base.overlap)[:, None] + 4 * EPS
        strength = e.strength + 4 * EPS * s
        columns = (
            f.intensity.reshape(1, -1) * strength,
            # at q = 1 nothing is in doubt
            np.multiply(p.unit, strength, out=np.zeros_like(strength), where=p.unit > 0), e.stability,
            e.stability_z, e.excess + base, e.level + s * e.level_s,
        )  # fmt: skip
        return Errors(*(np.reshape(c, f.coordinate.shape) for c in columns))

    @cached_property
    def grid(self) -> Array:
        """That of the isotherm."""
        return self.isotherm.grid

    def search_grid(self) -> tuple[Array, Array]:
        """Return the grid at zero strength: folds do not depend on it."""
        return self.grid, np.zeros(1)

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return coordinates that bracket every fixed point with q < 1."""
        strongest = np.maximum(np.broadcast_to(strength, intensity.shape), 1e-300)
        return np.full_like(intensity, TINY), self._beyond(strongest)

    def _beyond(self, strength: Array) -> Array:
        """Return coordinates beyond all fixed points at strengths."""
        upper = np.full(strength.shape, self.isotherm.farthest)
        for _ in range(0 if self.measure.frozen else 60):
            short = ~(self.isotherm.points(upper.reshape(1, -1)).strength[0] > strength)
            if not np.any(short):
                break
            upper[short] *= 2 if self.path.strength_is_snr else 1e5
        return upper
