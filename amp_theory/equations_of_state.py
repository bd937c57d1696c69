"""The equation of state of a dense scalar model along a denoising path.

Fixed points obey q = G(xi'(q), s).  At every coordinate z and strength s the path gives the overlap q and
the snr x from the other variables explicitly, and x = xi'(q) = intensity A'(q) + B'(q) then gives the
control: the set of all fixed points is the explicit surface

    intensity(z, s) = (x - B'(q))/A'(q),    q = G, x = x(z, s).

With K = d xi'(q)/dq at constant control, eliminated to K = (x - B') A''/A' + B'',

    d intensity/dz = F/A',   F = 1 - K dq/dz     (stable fixed points: F > 0; folds: F = 0),
    d intensity/ds = (dx/ds - K dq/ds)/A' < 0.

The free entropy (log likelihood ratio against pure noise, in nats per variable) on the surface is
phi = Psi(x, s) - [q x - xi(q)]/2, and moving along the surface d phi = dPsi/ds ds + (A/2) d intensity.
Source: theory of arXiv:2308.14085, its equations of state solved for the control.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.mixtures import EPS
from amp_theory.models import Model
from amp_theory.paths import Path
from amp_theory.quadrature import Array

#: resolution of the coordinate grid, points per factor of two: at least, and per unit of sharpness
PER_OCTAVE, PER_SHARPNESS = 12, 3


@dataclass(frozen=True, slots=True)
class Surface:
    """Fixed points at coordinates z and internal strengths s: arrays of one shape.

    intensity and its derivatives, the fold function F (> 0 where stable) and its derivatives, overlap,
    gap rho - q, signal x, free entropy phi with its derivative at constant intensity, A(q), and absolute
    bounds `_error` on intensity, F, dF/dz, q and phi.
    """

    coordinate: Array
    strength: Array
    intensity: Array
    intensity_z: Array
    intensity_s: Array
    fold: Array
    fold_z: Array
    fold_s: Array
    overlap: Array
    overlap_z: Array
    overlap_s: Array
    gap: Array
    signal: Array
    free_entropy: Array
    free_entropy_s: Array
    scaled: Array
    intensity_error: Array
    fold_error: Array
    fold_z_error: Array
    overlap_error: Array
    free_entropy_error: Array


class EquationOfState:
    """Fixed points of (model, path) as an explicit surface over coordinate and strength."""

    def __init__(self, model: Model, path: Path) -> None:
        self.model = model
        self.path = path
        self.prior = model.variable_prior
        self.coupling = model.coupling
        path.check_prior(self.prior)

    def surface(self, coordinate: Array, strength: Array | float) -> Surface:
        """Return the fixed points at (coordinate, internal strength), broadcast against each other.

        Coordinates must be positive; where no control > 0 exists the intensity is <= 0, infinite or NaN.
        """
        s = np.asarray(strength, dtype=float)
        r = self.path.response(self.prior, coordinate, s)
        q, gap, q_z = r.overlap, r.gap, r.overlap_z
        with np.errstate(all="ignore"):
            a0, a1, a2, a3 = self.coupling.scaled(q, gap)
            b0, b1, b2, b3 = self.coupling.fixed(q, gap)
            rest = r.signal - b1
            intensity = rest / a1
            ratio = a2 / a1
            k = rest * ratio + b2
            k_q = rest * (a3 / a1 - ratio**2) + b3 - b2 * ratio
            k_z = k_q * q_z + ratio
            fold = 1 - k * q_z
            fold_z = -(k_z * q_z + k * r.overlap_zz)
            fold_s = -((k_q * r.overlap_s + ratio * r.signal_s) * q_z + k * r.overlap_zs)
            intensity_s = (r.signal_s - k * r.overlap_s) / a1
            error = r.relative_error + 4 * EPS
            q_error = error * q
            return Surface(
                np.broadcast_to(coordinate, q.shape), np.broadcast_to(s, q.shape),
                intensity, fold / a1, intensity_s, fold, fold_z, fold_s, q, q_z, r.overlap_s, gap, r.signal,
                r.free_entropy - (q * r.signal - intensity * a0 - b0) / 2,
                r.free_entropy_s, a0,
                k / a1 * q_error + 4 * EPS * (np.abs(r.signal) + np.abs(coordinate) + b1) / a1,
                np.abs(k_q * q_z) * q_error + 4 * error * np.abs(k * q_z),
                8 * error * (np.abs(k_z * q_z) + np.abs(k * r.overlap_zz) + np.abs(k_q) * q_z**2 + ratio * q_z),
                q_error,
                error * np.abs(r.free_entropy) + EPS * (q * np.abs(r.signal) + np.abs(intensity) * a0 + b0),
            )  # fmt: skip

    @cached_property
    def start(self) -> float:
        """Intensity up to which the fixed point q = 0 is stable at zero strength.

        Zero where q = 0 is not a fixed point (E s or xi'(0) not zero), infinite where xi''(0) = 0, else
        the weak-recovery point xi''(0) M'(0) = 1.
        """
        zero = np.zeros(1)
        rho = np.full(1, self.prior.second_moment)
        _, a1, a2, _ = self.coupling.scaled(zero, rho)
        _, b1, b2, _ = self.coupling.fixed(zero, rho)
        if self.prior.mean != 0 or a1[0] > 0 or b1[0] > 0:
            return 0.0
        if a2[0] == 0:
            return float("inf")
        return float((1 / self.prior.variance**2 - b2[0]) / a2[0])

    @cached_property
    def symmetric(self) -> bool:
        """Whether q = 0 is a fixed point at zero strength."""
        return self.start > 0 or (self.prior.mean == 0 and self._no_field())

    def _no_field(self) -> bool:
        zero, rho = np.zeros(1), np.full(1, self.prior.second_moment)
        return bool(self.coupling.scaled(zero, rho)[1][0] == 0 and self.coupling.fixed(zero, rho)[1][0] == 0)

    @cached_property
    def grid(self) -> Array:
        """Coordinates, ascending, beyond which nothing folds at strength >= 0.

        With z the total snr and kappa the largest logarithmic slope of A', a fold needs kappa z M'(z) of
        the order of M(z) or more; the grid ends where that has become small.
        """
        unit = 1 / self.prior.variance
        upper = 16 * unit
        steepest = self._steepest()
        while upper < 1e12 * unit:
            v = self.prior.table(np.array([upper]))
            if steepest * upper * v.slope[0] < 0.2 * v.overlap[0]:
                break
            upper *= 4
        return self.geometric(1e-9 * unit, upper, PER_OCTAVE)

    def geometric(self, lower: float, upper: float, per_octave: int) -> Array:
        """Return coordinates in geometric progression, dense enough for the coupling's crossovers."""
        density = max(per_octave, PER_SHARPNESS * self.coupling.sharpness)
        return np.geomspace(lower, upper, int(density * np.log2(upper / lower)))

    def _steepest(self) -> float:
        """Return the largest d log A'/d log q at q = rho, where polynomials with positive terms have it."""
        rho = np.full(1, self.prior.second_moment)
        _, a1, a2, _ = self.coupling.scaled(rho, 0 * rho)
        _, b1, b2, _ = self.coupling.fixed(rho, 0 * rho)
        return float(max(rho[0] * a2[0] / a1[0], rho[0] * b2[0] / b1[0] if b1[0] > 0 else 0.0, 1.0))
