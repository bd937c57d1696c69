"""What a sampler and the equilibrium meet at one control: the common start of every answer about errors."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.phases.accuracy.along import integral
from amp_theory.phases.accuracy.stays import Stay, apart, equilibrium_stays, lead, uninformed_stays
from amp_theory.phases.accuracy.steps import Stepping
from amp_theory.phases.geometry.geometry import Coexistence
from amp_theory.phases.geometry.solved import geometry_of
from amp_theory.phases.points.targets import described_up_to
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError

#: snr times variance at which nothing is left to learn about discrete variables
FAR = 2000.0


def check_order_of_errors(path: Path) -> None:
    """Raise an `InputError` unless variables are revealed in random order."""
    if path.order != "random":
        raise InputError(f"errors of samplers are derived for variables in random order, got order = {path.order!r}")


@dataclass(frozen=True)
class Met:
    """The branches of one isotherm on which the efficient denoiser (uninformed) and the equilibrium stay."""

    eos: EquationOfState
    intensity: float
    uninformed: list[Stay]
    equilibrium: list[Stay]

    @classmethod
    def on(cls, eos: EquationOfState, iso: Coexistence, number: int = 0) -> Met:
        """Return what is met on one of many isotherms."""
        return cls(
            eos, float(iso.intensity[number]), uninformed_stays(iso.branches[number]), equilibrium_stays(iso, number)
        )

    @classmethod
    def at(cls, model: Model, path: Path, control: float) -> Met:
        """Return what is met at one control.

        Raises
        ------
        InputError
            If variables are revealed in another order than a random one.
        """
        check_order_of_errors(path)
        intensity = model.intensity(model.check_control(control)).reshape(1)
        geo = geometry_of(model, path).at(float(intensity[0]))
        return cls.on(geo.eos, geo.coexistence(intensity))

    def paid(self) -> list[tuple[float, float]]:
        """Return the public strengths between which the two are on different branches."""
        limit, public = self.eos.path.limit, self.eos.path.public
        found = []
        for start, stop in apart(self.uninformed, self.equilibrium):
            ends = (float(public(np.array(x))) if np.isfinite(x) else limit for x in (start, stop))
            found.append((next(ends), next(ends)))
        return found

    def lead_at_zero(self) -> tuple[float, float]:
        """Return by how much of phi the equilibrium leads at zero strength, and a bound on the error."""
        low, high = self.uninformed[0].branch, self.equilibrium[0].branch
        return (0.0, 0.0) if low is high else lead(self.eos, self.intensity, 0.0, low, high)

    def gap(self) -> tuple[float, float]:
        """Return int [d phi/ds at equilibrium - d phi/ds where the denoiser is] ds, and a bound on its error.

        It is the sum over all places at which the denoiser's branch ends of what phi jumps up there, less what the
        equilibrium leads by at zero strength already.
        """
        if self.endless_lead:
            return self._area_below_recovery()
        if self.uninformed[-1].branch is not self.equilibrium[-1].branch:
            raise InputError("the denoiser's branch lasts to the end of the path without being in equilibrium")
        ahead, bound = self.lead_at_zero()
        value = 0.0 - ahead
        for b, c in pairwise(self.uninformed):
            more, error = lead(self.eos, self.intensity, c.start, b.branch, c.branch)
            value, bound = value + more, bound + error
        return max(value, 0.0), bound

    @property
    def endless_lead(self) -> bool:
        """Whether phi at q = rho is infinite: outputs are exact, and fix linear combinations of the variables."""
        return self.eos.recovery is not None and self.eos.recovery.infinite

    def _area_below_recovery(self) -> tuple[float, float]:
        """Return the same where phi may be infinite, from its slopes alone."""
        path, prior = self.eos.path, self.eos.prior

        def missing(f: Surface) -> Array:
            if path.strength_is_snr:
                return f.gap / 2
            far = np.full(f.strength.shape, FAR / prior.variance)
            return np.asarray(path.response(prior, far, f.strength).free_entropy_s - f.free_entropy_s)

        value = error = 0.0
        for u in self.uninformed:
            for e in self.equilibrium:
                part = Stay(u.branch, max(u.start, e.start), min(u.stop, e.stop))
                if u.branch is e.branch or part.start >= part.stop:
                    continue
                if not e.branch.recovered:
                    raise InputError("three branches and exact outputs: the error is not derived")
                found = integral(self.eos, self.intensity, part, missing)
                value, error = value + found[0], error + found[1]
        return value, error

    def stepping(self) -> Stepping:
        """Return what tells the loss of finite steps."""
        return Stepping(self.eos, self.intensity, self.uninformed, self.lead_at_zero()[0])


def beyond_target(model: Model, path: Path, eos: EquationOfState, intensity: float, target: Target) -> str:
    """Return why the equations do not describe the target at an intensity, empty where they do."""
    limit, reason = described_up_to(model, eos, thresholds(model, path), target)
    return reason if intensity >= limit else ""
