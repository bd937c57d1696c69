"""What a denoiser of finite depth loses: L iterations of message passing from zero overlap at every call.

    q_0 = 0,    x_L = xi'(q_{L-1}),    q_L = G(x_L, s),    KL(L)/N = int [d phi/ds - Psi_s(x_L, s)] ds

along the equilibrium, Psi_s = dPsi/ds at constant x: 1/2 int (q - q_L) ds for a flow.  At L = 1 nothing is known but a
variable's own side information, and KL = xi(rho)/2 - phi at zero strength if xi'(0) = 0, the total correlation of a
paramagnet.
Iterates come slowest where F = 1 - dq_{L+1}/dq_L is least along the path; KL - KL(infinity) falls like (1 - F)^L, at a
tricritical point, where F = 0, like L^-2: near the strength s_c iterates go like dq/dL ~ -(q - q_c)^3, hence are L^-1/2
away, in a window of strengths of width L^-3/2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.accuracy.along import ACCURACY, integral
from amp_theory.phases.accuracy.stays import Stay
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError

#: relative accuracy to which the uncertainty along the path is resolved
RESOLVED = 1e-7
#: the least snr for which tables are asked
TINY = 1e-300


def loss_of_depth(
    eos: EquationOfState, intensity: float, stays: Sequence[Stay], iterations: int, accuracy: float = ACCURACY
) -> tuple[float, float]:
    """Return what a number of iterations loses against infinitely many, nats per variable, with an error estimate.

    Raises
    ------
    InputError
        If the model is not dense.
    """
    coupling = eos.model.coupling
    if coupling is None:
        raise InputError(
            f"finite depth is derived for dense models, whose messages are Gaussian; iterates of {eos.model.name} are "
            "whole laws: leave `iterations` out, for the limit of many"
        )

    def missing(f: Surface) -> Array:
        """Return d phi/ds - Psi_s(x_L, s)."""
        lam, s = np.full(f.strength.shape, intensity), f.strength
        q, gap = np.zeros(s.shape), np.full(s.shape, eos.prior.second_moment)
        for _ in range(iterations):
            x = np.maximum(coupling.signal(lam, q, gap), TINY)
            r = eos.path.response(eos.prior, eos.path.coordinate(x, s), s)
            still = np.abs(r.gap - gap) <= EPS * gap
            q, gap = r.overlap, r.gap
            if np.all(still):
                break
        return np.asarray((gap - f.gap) / 2 if eos.path.strength_is_snr else f.free_entropy_s - r.free_entropy_s)

    found = [integral(eos, intensity, stay, missing, accuracy, RESOLVED) for stay in stays]
    return max(sum(value for value, _ in found), 0.0), sum(error for _, error in found)
