"""The equation of state of models with variables of two kinds, u and v, that see each other through a matrix.

Per variable u, with y_u and y_v the total snr of a u and of a v, x_u and x_v what the other kind provides of it, G and
Psi the overlap and the free entropy of each kind along a path (M and psi where it tells nothing):

    x_u = alpha lambda q_v,   x_v = lambda q_u,   q_u = G_u(x_u, s),   q_v = G_v(x_v, s),
    phi = Psi_u(x_u, s) + alpha Psi_v(x_v, s) - alpha lambda q_u q_v/2.

Eliminating v leaves the form of a scalar model whose coupling is not affine in lambda, and depends on the strength if
v is told something:

    xi'(q) = alpha lambda G_v(lambda q, s),    xi(q) = 2 alpha Psi_v(lambda q, s).

The coordinate is that of u, and q = q_u, whichever side is told.  As x_u q_u = alpha x_v q_v at every fixed point, x_v
is the one solution of

    x_v G_v(x_v, s) = x_u q_u/alpha,

whose left side rises, and lambda = x_v/q_u: the surface is explicit up to one monotone function of one variable.  It
shows too that equal priors at alpha = 1, told the same, have equal overlaps at every fixed point.  With
K = xi'' = alpha lambda^2 G_v' and A' = d xi'/d lambda = alpha (G_v + x_v G_v'),

    F = 1 - K dq_u/dz,   d lambda/dz = F/A',   d lambda/ds = (dx_u/ds - K dq_u/ds - alpha lambda dG_v/ds)/A' < 0,
    d phi = (dPsi_u/ds + alpha dPsi_v/ds) ds + (alpha q_u q_v/2) d lambda.

Source: T. Lesieur, F. Krzakala and L. Zdeborova, J. Stat. Mech. 073403 (2017), arXiv:1701.00858, for the free entropy
and state evolution without side information.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.base import TINY
from amp_theory.equations_of_state.dense import DenseEquationOfState
from amp_theory.equations_of_state.other_side import CLOSE, OtherSide
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.ingredients.paths.response import Response
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.two_sides import TwoSidedModel

#: relative size of F from which on its sign is that of a rough F
ROUGH = 1e-3
#: the strength of a side that is told nothing
_NOTHING: Array = np.zeros(())


def _shaped(x: Array, shape: tuple[int, ...]) -> Array:
    """Return x broadcast to a shape."""
    return x if x.shape == shape else np.broadcast_to(x, shape)


def _untold(r: Response) -> Response:
    """Return the response of a side that is told nothing, at strength zero: no strength changes it."""
    zero = np.zeros(r.overlap.shape)
    return replace(r, signal_s=0.0, overlap_s=zero, overlap_zs=zero, free_entropy_s=zero)


class TwoSidesEquationOfState(DenseEquationOfState):
    """Fixed points of a model of two kinds of variables along a path that tells one kind something, or both.

    The surface gives overlap, snr and gap of u; `second_overlap` gives those of v too.  Free entropies and informations
    are per variable u, those of v per such variable included.
    """

    model: TwoSidedModel

    def __init__(self, model: TwoSidedModel, path: Path) -> None:
        if not path.sided:
            raise InputError(
                f"{model!r} has variables of two kinds, which Flow and Autoregressive reveal, each with a side; "
                f"got {path!r}"
            )
        self.model, self.path = model, path
        self.prior, self.second = model.priors
        side = path.side or "both"
        self.told_u, self.told_v = side in ("u", "both"), side in ("v", "both")
        self.weight = model.weight
        self.coupling = self.coupled(_NOTHING)
        path.check_prior(self.prior)
        path.check_prior(self.second)
        self.check_scale()

    def coupled(self, strength: Array) -> OtherSide:
        """Return the coupling that v makes at internal strengths."""
        s = np.asarray(strength, dtype=float)
        return OtherSide(self.second, self.path, self.model.ratio, s if self.told_v else _NOTHING)

    def response(self, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return the response of u."""
        if self.told_u:
            return self.path.response(self.prior, coordinate, strength, with_energy)
        return _untold(self.path.response(self.prior, coordinate, _NOTHING, with_energy))

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return the coordinate of u at the snr `signal` that v provides."""
        return self.path.coordinate(signal, strength if self.told_u else _NOTHING)

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at (coordinate of u, internal strength), broadcast against each other."""
        s = np.asarray(strength, dtype=float)
        r = self.response(coordinate, s)
        q, q_z = r.overlap, r.overlap_z
        # where v would have to provide less than nothing there is no fixed point
        signal = np.maximum(r.signal, TINY)
        other = self.coupled(s)
        with np.errstate(all="ignore"):
            y, v = other.solve(signal, q)
            c = other.point(q, signal, y, v)
            k_z, shape, a = c.curvature_q * q_z + c.curvature_x, c.intensity.shape, other.ratio * c.intensity
            v_s, v_zs, psi_s = _NOTHING, _NOTHING, r.free_entropy_s
            if self.told_v:
                v_s, v_zs = v.overlap_s - v.signal_s * v.overlap_z, v.overlap_zs - v.signal_s * v.overlap_zz
                psi_s = psi_s + other.ratio * v.free_entropy_s
            k_s = c.curvature_q * r.overlap_s + c.curvature_x * (r.signal_s - a * v_s) + a * c.intensity * v_zs
            fold = 1 - c.curvature * q_z
            steeper = c.curvature_x * (1 + q * fold / (c.scaled_signal * q_z))
            phi = r.free_entropy + c.value / 2 - q * signal / 2 if with_energy else r.free_entropy
            return Surface(
                coordinate=_shaped(np.asarray(coordinate), shape), strength=_shaped(s, shape),
                intensity=np.where(r.signal > 0, c.intensity, r.signal), fold=fold,
                fold_z=-(k_z * q_z + c.curvature * r.overlap_zz), fold_s=-(k_s * q_z + c.curvature * r.overlap_zs),
                drift=r.signal_s - c.curvature * r.overlap_s - a * v_s, overlap=q, overlap_z=q_z, overlap_s=r.overlap_s,
                gap=r.gap, signal=r.signal, free_entropy=self.weight * phi, free_entropy_s=self.weight * psi_s,
                scaled_slope=c.slope, scaled_ratio=self.weight * c.ratio, scaled_curvature=steeper,
                scaled_signal=np.where(r.signal > 0, c.scaled_signal, r.signal),
            )  # fmt: skip

    def folds_over(self, coordinate: Array, strength: Array) -> Array:
        """Return F = 1 - (d log q_u/d log x_u)(d log q_v/d log x_v), from interpolated M of v where that will do."""
        s = np.asarray(strength, dtype=float)
        r = self.response(coordinate, s, with_energy=False)
        signal = np.maximum(r.signal, TINY)
        with np.errstate(all="ignore"):
            steep = signal * r.overlap_z / r.overlap
            rise, known = self.coupled(s).about(signal, r.overlap, steep)
            fold = 1 - rise * steep
            rest = ~(known & (np.abs(fold) > ROUGH * (1 + np.abs(1 - fold))))
        z, s = (np.broadcast_to(x, fold.shape) for x in (coordinate, s))
        fold[rest] = self.surface(z[rest], s[rest], with_energy=False).fold
        return np.asarray(fold)

    @property
    def goes_on(self) -> bool:
        """Where u alone is seen through noise: its snr is that less what v provides."""
        return self.path.strength_is_snr and not self.told_v

    @property
    def rounding(self) -> float:
        """That of alpha lambda^2 G_u' G_v', lambda being x_v/q_u."""
        return 16 * EPS

    @property
    def two_sided(self) -> bool:
        """There are u and v."""
        return True

    def second_overlap(self, f: Surface) -> tuple[Array, Array]:
        """Return the overlaps of v at a surface's points, and bounds on their errors."""
        v = self.coupled(f.strength).response(f.intensity * f.overlap)
        moved = f.intensity * f.overlap_z * v.overlap_z * self.errors(f).signal
        return v.overlap, (v.relative_error + 4 * EPS) * v.overlap + moved

    def provided(self, intensity: float, strength: float, overlap: Array) -> Array:
        """Return q_v = G_v(lambda q_u, s), as an iteration of state evolution has it on its way."""
        return self.coupled(np.asarray(strength)).response(intensity * np.asarray(overlap)).overlap

    def errors(self, f: Surface) -> Errors:
        """Bound the errors of a surface's points, from those of both priors' functions and from rounding."""
        r, other = self.response(f.coordinate, f.strength), self.coupled(f.strength)
        q, q_z, x, y = f.overlap, f.overlap_z, np.abs(f.signal), f.intensity * f.overlap
        v = other.response(np.maximum(y, 0.0))
        e_u, e_v = r.relative_error + 4 * EPS, v.relative_error + 4 * EPS
        with np.errstate(all="ignore"):
            c = other.point(q, x, y, v)
            signal = c.curvature * e_u * q + 2 * e_v * x + 4 * EPS * np.abs(f.coordinate)
            turn = e_u + signal / (x + f.intensity * self.model.ratio * y * v.overlap_z)  # relative error of x_v
            bent = 2 + np.abs(y * v.overlap_zz / v.overlap_z)
            k = c.curvature * (bent * turn + 4 * (e_u + e_v))
            e = e_u + e_v + turn
            size = np.abs(c.curvature_q) * q_z**2 + np.abs(c.curvature_x) * q_z + np.abs(c.curvature * r.overlap_zz)
            phi = e_u * np.abs(r.free_entropy) + (e_v * np.abs(c.value) + (turn + EPS) * x * q) / 2
            return Errors(
                signal / f.scaled_slope,
                signal,
                k * q_z,
                8 * (e + CLOSE) * size,
                e_u * q,
                self.weight * phi,
            )

    def search_grid(self) -> tuple[Array, Array]:
        """Return coordinates and internal strengths over which folds are looked for."""
        z, s = super().search_grid()
        if np.isfinite(self.path.limit) or not self.told_v:
            return z, s
        scale = self.prior.variance / self.second.variance
        return z, s * (np.sqrt(scale) if self.told_u else scale)

    def free_entropy_difference(self, intensity: Array, b: Surface, c: Surface) -> Array:
        """Return phi_c - phi_b per variable u, integrated over its overlap."""
        return self.weight * super().free_entropy_difference(intensity, b, c)

    def difference_error(self, b: Surface, c: Surface) -> Array:
        """Bound the error of `free_entropy_difference`: xi'' times the errors of q, and that of what v provides."""
        e_v = self.coupled(c.strength).response(c.intensity * c.overlap).relative_error + 4 * EPS
        return self.weight * (super().difference_error(b, c) + (c.overlap - b.overlap) * e_v * c.signal)

    def evidence(self, intensity: Array, strength: float) -> float:
        """Return alpha lambda rho_u rho_v/2 plus the evidence of the side information about the sides told."""
        ratio = self.model.ratio
        total = ratio * float(np.ravel(intensity)[0]) * self.prior.second_moment * self.second.second_moment / 2
        total += float(self.path.evidence(self.prior, strength)) if self.told_u else 0.0
        total += ratio * float(self.path.evidence(self.second, strength)) if self.told_v else 0.0
        return self.weight * total

    def free_entropy_known(self, intensity: Array, strength: Array) -> None:
        """Return None: u is known for sure where v need not be."""
        return

    def potential(self, intensity: Array | float, strength: float, overlap: Array) -> Array:
        """Return phi over the overlap of u, stationary in that of v."""
        return self.weight * super().potential(intensity, strength, overlap)

    @property
    def weak_recovery_rule(self) -> str:
        """How weak recovery is located."""
        return "alpha lambda^2 Var(u)^2 Var(v)^2 = 1"

    @property
    def no_weak_recovery(self) -> str:
        """Why q = 0 is not a fixed point."""
        return "a prior has a non-zero mean"
