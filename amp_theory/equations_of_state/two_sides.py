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

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.base import TINY
from amp_theory.equations_of_state.dense import DenseEquationOfState
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.ingredients.couplings.base import CouplingPoint, GeneralCoupling
from amp_theory.ingredients.paths.response import Response
from amp_theory.ingredients.priors.channel_table import TableValues
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import InputError, NumericalError

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.ingredients.priors.base import Prior
    from amp_theory.models.two_sides import TwoSidedModel

#: where x M(x) is tabulated, in units of 1/Var s: logarithms, their step, and how many are added until M is constant
LEAST, MOST, STEP, BLOCK = -24.0, 24.0, 1 / 64, 4.0
#: d log M/d log x below which it is
CONSTANT = 1e-6
#: steps of the iteration at most, and the size from which the last one ends it: the next would be its cube
STEPS, DONE = 100, 3e-6
#: the size of a first step below which the response is moved along with its derivatives, instead of asked for again
CLOSE = 1e-12
#: more points than these are solved with interpolated M first, where v is told something
MANY = 64
#: the strength of a side that is told nothing
_NOTHING: Array = np.zeros(())


class _Products:
    """The function log x + log M(x) of log x for one prior, and guesses of it and of its inverse.

    Both are quintic Hermite interpolants, straight beyond the ends.  It takes the place of a prior where a path's
    overlap and its derivatives will do, to some twelve digits.
    """

    def __init__(self, prior: Prior) -> None:
        self.second_moment = prior.second_moment
        blocks, end = [], LEAST
        while end < MOST:
            t = np.arange(end, end + BLOCK, STEP) - np.log(prior.variance)
            v = prior.table(np.exp(t))
            rise = np.exp(t) * v.slope / v.overlap
            blocks.append((t, np.log(v.overlap), rise, rise * (1 - rise) + np.exp(2 * t) * v.curvature / v.overlap))
            end += BLOCK
            if end > 0 and rise.max() < CONSTANT:
                break
        self.t, level, rise, bend = (np.concatenate(column) for column in zip(*blocks, strict=True))
        self.value, slope = self.t + level, 1 + rise
        #: the largest d log M/d log x
        self.steepest = float(rise.max())
        self._forward = _hermite(np.full(len(self.t), STEP), level, rise, bend)
        self._inverse = _hermite(np.append(np.diff(self.value), 1.0), self.t, 1 / slope, -bend / slope**3)

    def guess(self, level: Array) -> Array:
        """Return about where log x + log M(x) = level."""
        k = np.clip(np.searchsorted(self.value, level) - 1, 0, len(self.t) - 2)
        p = (level - self.value[k]) / (self.value[k + 1] - self.value[k])
        return _along(self._inverse, k, p, bent=False)[0]

    def table(self, snr: Array) -> TableValues:
        """Return about M, M' and M''; what else a table has is NaN."""
        place = (np.log(snr) - self.t[0]) / STEP
        k = np.clip(place.astype(np.intp), 0, len(self.t) - 2)
        level, rise, bend = _along(self._forward, k, place - k)
        overlap, rise = np.exp(level), rise / STEP
        slope, gap = overlap * rise / snr, self.second_moment - overlap
        curvature = slope * (rise - 1) / snr + overlap * bend / (STEP * snr) ** 2
        none = np.full_like(gap, np.nan)
        return TableValues(
            free_entropy=none, overlap=overlap, mmse=gap, slope=slope, curvature=curvature, gain=none, information=none,
            relative_error=none,
        )  # fmt: skip


def _hermite(width: Array, value: Array, slope: Array, bend: Array) -> Array:
    """Return the coefficients, shape (6, n - 1), of quintics in [0, 1] with given values, slopes and curvatures."""
    w, low, high = width[:-1], value[:-1], value[1:]
    a, b, c, d = w * slope[:-1], w * slope[1:], 0.5 * w**2 * bend[:-1], 0.5 * w**2 * bend[1:]
    e, f, g = high - low - a - c, b - a - 2 * c, d - c
    return np.stack([low, a, c, 10 * e - 4 * f + g, 7 * f - 15 * e - 2 * g, 6 * e - 3 * f + g])


def _along(coefficients: Array, k: Index, p: Array, bent: bool = True) -> tuple[Array, Array, Array]:
    """Return the interpolant number k at p, straight outside of [0, 1], its slope, and its curvature if `bent`."""
    c, inside = np.take(coefficients, k, axis=1), np.clip(p, 0.0, 1.0)
    value, slope, bend = c[5], np.zeros_like(p), np.zeros_like(p)
    for n in (4, 3, 2, 1, 0):
        bend = bend * inside + slope if bent else bend
        slope, value = slope * inside + value, value * inside + c[n]
    return value + slope * (p - inside), slope, 2 * bend


@lru_cache(maxsize=256)
def _products(prior: Prior) -> _Products:
    return _Products(prior)


@dataclass(frozen=True, eq=False)
class OtherSide(GeneralCoupling):
    """The coupling of u that v makes, at a strength of what v is told: xi'(q) = alpha lambda G_v(lambda q, s).

    Parameters
    ----------
    prior
        The law of v.
    path
        What v is told along.
    ratio
        alpha > 0, the number of v per u.
    strength
        Internal strength of that, >= 0, any shape.
    """

    prior: Prior
    path: Path
    ratio: float
    strength: Array

    def response(self, signal: Array) -> Response:
        """Return the response of v at the snr that u provides."""
        return self.path.response(self.prior, self.path.coordinate(signal, self.strength), self.strength)

    def solve(self, signal: Array, overlap: Array) -> tuple[Array, Response]:
        """Return x_v with alpha x_v G_v = x_u q_u, given x_u and q_u, and the response there.

        That is by Halley's method in log x_v, in which the slope is at least one.  What v is told makes x_v smaller,
        and G_v is rho_v at most: that brackets it.  A last step in x_v leaves the rounding of logarithms behind.
        """
        rough = _products(self.prior)
        log_product = np.log(signal) + np.log(overlap) - np.log(self.ratio)
        t = rough.guess(log_product)
        bracket = log_product - np.log(self.prior.second_moment) - 1, t + 1
        if t.size > MANY and np.any(self.strength):
            t = self._iterated(log_product, t, bracket, rough)[0]
        t, r, step = self._iterated(log_product, t, bracket, self.prior)
        x = np.exp(t)
        if np.any(np.abs(step) > CLOSE):
            x = np.exp(t + step)
            r = self.response(x)
        shift = x * (signal / x * (overlap / r.overlap) / self.ratio - 1) / (1 + x * r.overlap_z / r.overlap)
        return x + shift, _moved(r, shift)

    def _iterated(
        self, log_product: Array, t: Array, bracket: tuple[Array, Array], prior: Prior | _Products
    ) -> tuple[Array, Response, Array]:
        """Return log x_v before the last step, the response there, and that step."""
        lower, upper = bracket
        for _ in range(STEPS):
            x = np.exp(t)
            r = self.path.response(prior, self.path.coordinate(x, self.strength), self.strength)  # type: ignore[arg-type]
            ratio = x / r.overlap
            rise = ratio * r.overlap_z
            newton = (log_product - t - np.log(r.overlap)) / (1 + rise)
            bend = newton * (rise * (1 - rise) + ratio * x * r.overlap_zz) / (1 + rise)
            step = newton / (1 + 0.5 * np.clip(bend, -1, 1))
            going = np.abs(step) >= DONE  # False for what is not a number
            if not np.any(going):
                return t, r, step
            lower, upper = np.where(step > 0, t, lower), np.where(step < 0, t, upper)
            new = t + step
            t = np.where(going & ((new < lower) | (new > upper)), 0.5 * (lower + upper), new)
        raise NumericalError("the snr that one side provides for the other was not found", partial=t)

    def at(self, overlap: Array, gap: Array, signal: Array) -> CouplingPoint:
        """Return what belongs to the lambda at which alpha lambda G_v(lambda q, s) = `signal`."""
        x, r = self.solve(signal, overlap)
        return self.point(overlap, signal, x, r)

    def point(self, overlap: Array, signal: Array, x: Array, r: Response) -> CouplingPoint:
        """Return what belongs to the solution x of `solve`."""
        lam, g, slope = x / overlap, r.overlap, r.overlap + x * r.overlap_z
        k, bend = self.ratio * lam**2 * r.overlap_z, 2 * r.overlap_z + x * r.overlap_zz
        # at constant signal lambda changes with q by -K/A', with the signal by 1/A'
        slope_q, slope_l = self.ratio * lam**3 * r.overlap_zz, self.ratio * lam * bend
        return CouplingPoint(
            intensity=lam, slope=self.ratio * slope, ratio=overlap * g / slope, scaled_signal=lam * self.ratio * slope,
            curvature=k, curvature_q=slope_q - slope_l * k / (self.ratio * slope),
            curvature_x=slope_l / (self.ratio * slope), value=2 * self.ratio * r.free_entropy,
        )  # fmt: skip

    def value(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi(q) = 2 alpha Psi_v(lambda q, s)."""
        return 2 * self.ratio * self.response(intensity * overlap).free_entropy

    def signal(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return alpha lambda G_v(lambda q, s)."""
        return self.ratio * intensity * self.response(intensity * overlap).overlap

    def curvature(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return alpha lambda^2 G_v'(lambda q, s)."""
        return self.ratio * intensity**2 * self.response(intensity * overlap).overlap_z

    def steepest(self, rho: float) -> tuple[float, float]:
        """Return the largest logarithmic slope of M_v, which bounds q xi''/xi', and zero."""
        return max(_products(self.prior).steepest, 1.0), 0.0

    def instability(self, rho: float, slope: Array) -> Array:
        """Return the lambda at which alpha lambda^2 Var(v)^2 slope = 1."""
        return np.asarray(1 / (np.sqrt(self.ratio * slope) * self.prior.variance))

    @property
    def sharpness(self) -> float:
        """The largest logarithmic slope of M_v."""
        return max(_products(self.prior).steepest, 2.0)


def _moved(r: Response, shift: Array) -> Response:
    """Return a response at a slightly larger signal: shifts of about `CLOSE` times the signal at most."""
    return replace(
        r, overlap=r.overlap + shift * (r.overlap_z + 0.5 * shift * r.overlap_zz),
        overlap_z=r.overlap_z + shift * r.overlap_zz, overlap_s=r.overlap_s + shift * r.overlap_zs,
        free_entropy=r.free_entropy + 0.5 * shift * r.overlap,
    )  # fmt: skip


def _untold(r: Response) -> Response:
    """Return the response of a side that is told nothing, at strength zero: no strength changes it."""
    zero = np.zeros_like(r.overlap)
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
            v_s, v_zs, psi_s = np.zeros(()), np.zeros(()), r.free_entropy_s
            if self.told_v:
                v_s, v_zs = v.overlap_s - v.signal_s * v.overlap_z, v.overlap_zs - v.signal_s * v.overlap_zz
                psi_s = psi_s + other.ratio * v.free_entropy_s
            k_s = c.curvature_q * r.overlap_s + c.curvature_x * (r.signal_s - a * v_s) + a * c.intensity * v_zs
            fold = 1 - c.curvature * q_z
            steeper = c.curvature_x * (1 + q * fold / (c.scaled_signal * q_z))
            phi = r.free_entropy + c.value / 2 - q * signal / 2 if with_energy else r.free_entropy
            return Surface(
                coordinate=np.broadcast_to(coordinate, shape), strength=np.broadcast_to(s, shape),
                intensity=np.where(r.signal > 0, c.intensity, r.signal), fold=fold,
                fold_z=-(k_z * q_z + c.curvature * r.overlap_zz), fold_s=-(k_s * q_z + c.curvature * r.overlap_zs),
                drift=r.signal_s - c.curvature * r.overlap_s - a * v_s, overlap=q, overlap_z=q_z, overlap_s=r.overlap_s,
                gap=r.gap, signal=r.signal, free_entropy=self.weight * phi, free_entropy_s=self.weight * psi_s,
                scaled_slope=c.slope, scaled_ratio=self.weight * c.ratio, scaled_curvature=steeper,
                scaled_signal=np.where(r.signal > 0, c.scaled_signal, r.signal),
            )  # fmt: skip

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
