"""Perfect recovery: the fixed point q = rho of noiseless models, which is no point of the explicit surface.

If A'(q) ~ c (rho - q)^-power as q -> rho, and rho - M(x) ~ d/x with the prior's information dimension d (faster than
any power for d = 0), the surface's control runs to a finite limit as the coordinate goes to infinity, and q = rho,
where nothing is left to learn, is itself a fixed point, stable at larger intensities:

- power 1 (noiseless continuous outputs): from intensity d h/c on, h being the part of the variables that the path
  leaves hidden.  Its free entropy is +infinity there: once it is stable it is the equilibrium.
- power 1/2 (discrete outputs) and d = 0: at every intensity > 0.  Everything is known about s*, so that
  phi = xi(rho)/2 + evidence of the side information - entropy of the prior.
- power 1/2 and d > 0: never; rho - q stays positive at every finite intensity.

The rule for power 1 is that of compressed sensing: Y. Wu and S. Verdu, IEEE Trans. Inf. Theory 56, 3721 (2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.tools.roots import bisected

if TYPE_CHECKING:
    from amp_theory.ingredients.couplings.base import GeneralCoupling
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.ingredients.priors.base import Prior

#: number of a branch's end that is not a fold but the limit q = rho
RECOVERY = -1
#: bisections of the strength at which q = rho becomes stable
BISECTIONS = 200


@dataclass(frozen=True)
class Recovery:
    """The fixed point q = rho of a prior and a singular coupling along a path.

    Parameters
    ----------
    prior, coupling, path
        Of the equation of state.
    start
        Intensity above which it is stable at zero strength.
    infinite
        Whether its free entropy is infinite.
    """

    prior: Prior
    coupling: GeneralCoupling
    path: Path
    start: float
    infinite: bool

    @staticmethod
    def of(prior: Prior, coupling: GeneralCoupling, path: Path) -> Recovery | None:
        """Return the fixed point q = rho if it is stable at some intensity, else None."""
        singularity = coupling.singularity
        if singularity is None:
            return None
        power, coefficient = singularity
        dimension = prior.information_dimension
        if power == 1:
            return Recovery(prior, coupling, path, dimension / coefficient, True)
        return Recovery(prior, coupling, path, 0.0, False) if dimension == 0 else None

    def intensity(self, strength: Array) -> Array:
        """Return the intensity above which q = rho is stable at internal strengths."""
        return np.asarray(self.start * self.path.hidden(strength))

    def birth(self, intensity: float) -> float:
        """Return the internal strength from which on q = rho is stable at an intensity, infinite if it never is."""
        if intensity > self.start:
            return 0.0
        limit = float(self.path.internal(np.asarray(self.path.limit)))
        if np.isinf(limit) or self.intensity(np.asarray(limit)) >= intensity:
            return float("inf")
        _, high = bisected(lambda s: self.intensity(s) >= intensity, np.zeros(()), np.asarray(limit), BISECTIONS)
        return float(high)

    def free_entropy(self, intensity: Array, strength: Array) -> Array:
        """Return phi at intensities and internal strengths, +infinity for noiseless continuous outputs."""
        if self.infinite:
            return np.full(np.broadcast(intensity, strength).shape, np.inf)
        rho = np.full(1, self.prior.second_moment)
        value = self.coupling.value(intensity, rho, 0 * rho) / 2
        return np.asarray(value + self.path.evidence(self.prior, self.path.public(strength)) - self.prior.entropy)

    def free_entropy_slope(self, strength: Array) -> Array:
        """Return d phi/d strength at constant intensity."""
        if self.infinite:
            return np.full(np.shape(strength), np.inf)
        far = np.full(np.shape(strength), 2000 / self.prior.variance)
        return np.asarray(self.path.response(self.prior, far, strength).free_entropy_s)
