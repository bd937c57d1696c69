"""What a denoiser of finite depth loses: L iterations of message passing from zero overlap at every call.

    q_0 = 0,    x_L = xi'(q_{L-1}),    q_L = G(x_L, s),    KL(L)/N = int [d phi/ds - Psi_s(x_L, s)] ds

along the equilibrium, Psi_s = dPsi/ds at constant x: 1/2 int (q - q_L) ds for a flow.  At L = 1 nothing is known but a
variable's own side information, and KL = xi(rho)/2 - phi at zero strength if xi'(0) = 0, the total correlation of a
paramagnet.
Iterates come slowest where F = 1 - dq_{L+1}/dq_L is least along the path; KL - KL(infinity) falls like (1 - F)^L, at a
tricritical point, where F = 0, like L^-2: near the strength s_c iterates go like dq/dL ~ -(q - q_c)^3, hence are L^-1/2
away, in a window of strengths of width L^-3/2.

On sparse graphs density evolution gives the law of a variable after L iterations, hence its uncertainty 1 - q_L and, of
a hidden one, its entropy h_L.  The equilibrium needs no iterations: by the chain rule its area is the entropy S left,

    KL(L)/N = 1/2 int (1 - q_L) ds - S  for a flow,    int h_L dtheta - S  for masks;    KL(1)/N = log 2 - S.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.sparse.density_evolution import DensityEvolution, evolution_of
from amp_theory.equations_of_state.surface import Surface
from amp_theory.models.sparse import SparseModel
from amp_theory.phases.accuracy.along import ACCURACY, KRONROD, NODES, integral, mapped, over_panels
from amp_theory.phases.accuracy.met import Met
from amp_theory.phases.accuracy.stays import Stay, points_on
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError

#: relative accuracy to which the uncertainty along the path is resolved
RESOLVED = 1e-7
#: the least snr for which tables are asked, and panels of rough integrals
TINY, ROUGH = 1e-300, 5
#: the second grid of fields is coarser by this factor; accuracy of areas on graphs, and changes of laws that are none
COARSENING, ON_GRAPHS, STILL = 1.3, 1e-9, 1e-14


def loss_of_depth(
    eos: EquationOfState, intensity: float, stays: Sequence[Stay], iterations: int, accuracy: float = ACCURACY
) -> tuple[float, float]:
    """Return what a number of iterations loses against infinitely many, nats per variable, with an error estimate.

    Raises
    ------
    InputError
        If the model is not dense.
    """
    if eos.model.coupling is None:
        raise _not_derived(eos)

    def missing(f: Surface) -> Array:
        for values in islice(_missing(eos, intensity, f), iterations):
            last = values
        return last

    found = [integral(eos, intensity, stay, missing, accuracy, RESOLVED) for stay in stays]
    return max(sum(value for value, _ in found), 0.0), sum(error for _, error in found)


def _missing(eos: EquationOfState, intensity: float, f: Surface) -> Iterator[Array]:
    """Yield d phi/ds - Psi_s(x_L, s) for L = 1, 2, ... until it stands still."""
    coupling = eos.model.coupling
    assert coupling is not None
    lam, s = np.full(f.strength.shape, intensity), f.strength
    q, gap, still = np.zeros(s.shape), np.full(s.shape, eos.prior.second_moment), False
    while not still:
        x = np.maximum(coupling.signal(lam, q, gap), TINY)
        r = eos.path.response(eos.prior, eos.path.coordinate(x, s), s)
        still = bool(np.all(np.abs(r.gap - gap) <= EPS * gap))
        q, gap = r.overlap, r.gap
        yield np.asarray((gap - f.gap) / 2 if eos.path.strength_is_snr else f.free_entropy_s - r.free_entropy_s)


def rough_losses(
    eos: EquationOfState, intensity: float, stays: Sequence[Stay], enough: float, most: int
) -> list[float]:
    """Return roughly what 1, 2, ... iterations lose in a dense model, until that is enough or there are so many."""
    t = ((np.arange(ROUGH)[:, None] + (1 + NODES) / 2) / ROUGH).ravel()
    weight = np.tile(KRONROD / (2 * ROUGH), ROUGH)
    parts = []
    for stay in stays:
        s, speed = mapped(eos, stay, t)
        rows = _missing(eos, intensity, points_on(eos, stay.branch, intensity, s))
        parts.append((rows, speed * weight))
    found: list[float] = []
    last = [0.0] * len(parts)
    while len(found) < most and (not found or found[-1] > enough):
        for k, (rows, weights) in enumerate(parts):
            values = next(rows, None)
            last[k] = last[k] if values is None else float(values @ weights)
        if found and sum(last) == found[-1]:
            break
        found.append(sum(last))
    return found


def _not_derived(eos: EquationOfState) -> InputError:
    return InputError(
        f"finite depth is derived for dense models and graphs of binary variables along flows and masks, not yet for "
        f"{eos.model.name} along {eos.path.name}: leave `iterations` out, for the limit of many"
    )


def error_on_graphs(met: Met, iterations: int) -> tuple[float, float]:
    """Return KL/N of a number of iterations on sparse graphs, and an error estimate.

    Raises
    ------
    InputError
        If the model has no density evolution of this kind, or the path is neither a flow nor masks.
    """
    eos, model, path = met.eos, met.eos.model, met.eos.path
    if not isinstance(model, SparseModel) or not (path.strength_is_snr or path.erases):
        raise _not_derived(eos)
    degree = float(model.degree(met.intensity)) if model.degrees == "regular" else met.intensity * model.factor.k
    stay = Stay(met.uninformed[-1].branch, 0.0, float("inf") if path.strength_is_snr else 1.0)

    def area(evolution: DensityEvolution) -> tuple[float, float]:
        functional = evolution.grid.gap / 2 if path.strength_is_snr else evolution.grid.entropy

        def rows(t: Array) -> list[Array]:
            s, speed = mapped(eos, stay, t)
            law = _law(evolution, path.tilted_transform(evolution.grid.frequency, s), degree, iterations)
            values = law @ functional * speed / (1 if path.strength_is_snr else 1 - s)
            return [values, EPS * np.abs(values), 0 * values]

        return over_panels(rows, 1.0, ON_GRAPHS)

    (value, bound), (rough, _) = area(evolution_of(model)), area(evolution_of(model, COARSENING))
    left, error = _entropy(met)
    return max(value - left, 0.0), bound + abs(value - rough) + error


def _law(evolution: DensityEvolution, side: Array, degree: float, iterations: int) -> Array:
    """Return the transforms of variables after iterations, the first of which knows of their own side only."""
    full, edge = side, side
    for _ in range(iterations - 1):
        loss, _ = evolution.factor_message(edge)
        edge, new = evolution.variable(side, np.array([[degree]]), loss)
        still = bool(np.max(np.abs(new - full)) < STILL)
        full = new
        if still:
            break
    return full


def _entropy(met: Met) -> tuple[float, float]:
    """Return the entropy per variable of the measure, and an error bound."""
    eos, intensity = met.eos, np.array([met.intensity])
    phi, bound = met.lead_at_zero()
    if not (met.uninformed[0].branch.lower == 0 and eos.symmetric and met.intensity <= eos.start):
        f = points_on(eos, met.uninformed[0].branch, met.intensity, np.zeros(1))
        phi, bound = phi + float(f.free_entropy[0]), bound + float(eos.errors(f).free_entropy[0])
    return eos.prior.entropy - eos.evidence(intensity, 0.0) + phi, bound
