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

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.mixtures import EPS
from amp_theory.models import Model
from amp_theory.paths import Path
from amp_theory.quadrature import Array, Bools, Index

#: resolution of the coordinate grid, points per factor of two: at least, and per unit of sharpness
PER_OCTAVE, PER_SHARPNESS = 12, 1.5
#: strengths at which folds are looked for when they are not explicit in the coordinate
STRENGTHS = 24
#: coordinates per factor of two in that search, and its start in units of the coordinate grid's
SEARCH_PER_OCTAVE, SEARCH_FROM = 4, 10.0
#: the smallest coordinate a bracket may start from
TINY = 1e-290
#: overlap over rho from which state evolution starts where q = 0 is unstable
PUSH = 1e-8


@dataclass(frozen=True, slots=True)
class Surface:
    """Fixed points at coordinates z and internal strengths s: arrays that broadcast to one shape.

    fold is F, drift is A' d intensity/ds; overlap and its derivatives, gap rho - q, signal x; free entropy
    phi and its derivative at constant intensity.  Of the coupling's scaled part A it holds A', A/A', A''/A'
    and intensity A' = x - B', which stay finite where A' underflows.
    """

    coordinate: Array
    strength: Array
    intensity: Array
    fold: Array
    fold_z: Array
    fold_s: Array
    drift: Array
    overlap: Array
    overlap_z: Array
    overlap_s: Array
    gap: Array
    signal: Array
    free_entropy: Array
    free_entropy_s: Array
    scaled_slope: Array
    scaled_ratio: Array
    scaled_curvature: Array
    scaled_signal: Array

    @property
    def intensity_z(self) -> Array:
        """D intensity/dz = F/A'."""
        with np.errstate(all="ignore"):
            return np.asarray(self.fold / self.scaled_slope)

    @property
    def intensity_s(self) -> Array:
        """D intensity/ds, negative."""
        with np.errstate(all="ignore"):
            return np.asarray(self.drift / self.scaled_slope)

    @property
    def scaled(self) -> Array:
        """A(q)."""
        return self.scaled_ratio * self.scaled_slope

    def residual(self, intensity: Array) -> Array:
        """Return A' times the excess of the surface's intensity over a given one, x - xi'(q)."""
        return self.scaled_signal - intensity * self.scaled_slope

    def take(self, index: Index | Bools) -> Surface:
        """Return the entries `index`."""
        return Surface(*(getattr(self, name)[index] for name in Surface.__slots__))


@dataclass(frozen=True, slots=True)
class Errors:
    """Absolute bounds on a surface's intensity, F, dF/dz, overlap and free entropy; signal is A' times the first."""

    intensity: Array
    signal: Array
    fold: Array
    fold_z: Array
    overlap: Array
    free_entropy: Array


class EquationOfState:
    """Fixed points of (model, path) as an explicit surface over coordinate and strength."""

    def __init__(self, model: Model, path: Path) -> None:
        self.model = model
        self.path = path
        self.prior = model.variable_prior
        self.coupling = model.coupling
        path.check_prior(self.prior)

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at (coordinate, internal strength), broadcast against each other.

        Coordinates must be positive; where no control > 0 exists the intensity is <= 0, infinite or NaN.
        Without `with_energy` the free entropy need not be computed.
        """
        s = np.asarray(strength, dtype=float)
        r = self.path.response(self.prior, coordinate, s, with_energy)
        q, q_z = r.overlap, r.overlap_z
        with np.errstate(all="ignore"):
            slope = self.coupling.scaled(q, r.gap)[1]
            ratio, curved, bent = self.coupling.scaled_ratios(q, r.gap)
            b0, b1, b2, b3 = self.coupling.fixed(q, r.gap)
            rest = r.signal - b1
            intensity = rest / slope
            k = rest * curved + b2
            k_q = rest * (bent - curved**2) + b3 - b2 * curved
            k_z = k_q * q_z + curved
            return Surface(
                coordinate if coordinate.shape == intensity.shape else np.broadcast_to(coordinate, intensity.shape),
                s if s.shape == intensity.shape else np.broadcast_to(s, intensity.shape),
                intensity,
                1 - k * q_z,
                -(k_z * q_z + k * r.overlap_zz),
                -((k_q * r.overlap_s + curved * r.signal_s) * q_z + k * r.overlap_zs),
                r.signal_s - k * r.overlap_s,
                q, q_z, r.overlap_s, r.gap, r.signal,
                r.free_entropy - (q * r.signal - rest * ratio - b0) / 2,
                r.free_entropy_s, slope, ratio, curved, rest,
            )  # fmt: skip

    def errors(self, f: Surface) -> Errors:
        """Bound the errors of a surface's points, from those of the prior's functions and from rounding."""
        r = self.path.response(self.prior, f.coordinate, f.strength, with_energy=False)
        q, q_z = f.overlap, f.overlap_z
        e = r.relative_error + 4 * EPS
        with np.errstate(all="ignore"):
            ratio, curved, bent = self.coupling.scaled_ratios(q, f.gap)
            b0, b1, b2, b3 = self.coupling.fixed(q, f.gap)
            k = f.scaled_signal * curved + b2
            k_q = np.abs(f.scaled_signal * (bent - curved**2) + b3 - b2 * curved)
            signal = np.abs(k) * e * q + 4 * EPS * (np.abs(f.signal) + np.abs(f.coordinate) + b1)
            entropy = q * np.abs(f.signal) + np.abs(f.scaled_signal) * ratio + b0
            psi = f.free_entropy + (q * f.signal - f.scaled_signal * ratio - b0) / 2
            return Errors(
                signal / f.scaled_slope,
                signal,
                k_q * q_z * e * q + 4 * e * np.abs(k * q_z),
                8 * e * (k_q * q_z**2 + curved * q_z + np.abs(k * r.overlap_zz)),
                e * q,
                e * np.abs(psi) + EPS * entropy,
            )

    @property
    def explicit_folds(self) -> bool:
        """Whether the overlap depends on the coordinate alone, so that folds are explicit in it."""
        return self.path.explicit_folds

    def search_grid(self) -> tuple[Array, Array]:
        """Return coordinates and internal strengths over which folds are looked for if they are not explicit."""
        z = self.geometric(SEARCH_FROM * self.grid[0], self.grid[-1], SEARCH_PER_OCTAVE)
        c = np.linspace(0, 1, STRENGTHS + 1)[:-1]
        s = c**5 / (1 - c) ** 3 / self.prior.variance  # dense near zero, and near a finite limit
        if np.isfinite(self.path.limit):
            s = self.path.internal(np.asarray(self.path.limit)) * c**5 / (c**5 + (1 - c) ** 3)
        return z, s

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return the coordinate at which the other variables provide the snr `signal`."""
        return self.path.coordinate(signal, strength)

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return coordinates that bracket every fixed point at (intensity, strength).

        The overlap lies between G at the snr of no overlap, and rho; the snr x accordingly.
        """
        zero, rho = np.zeros_like(intensity), np.full_like(intensity, self.prior.second_moment)
        least = self.coupling.signal(intensity, zero, rho)
        start = self.path.coordinate(least, strength)
        response = self.path.response(self.prior, start, strength)
        lower = self.path.coordinate(self.coupling.signal(intensity, response.overlap, response.gap), strength)
        upper = self.path.coordinate(self.coupling.signal(intensity, rho, zero), strength)
        return np.maximum(lower * (1 - 1e-9), TINY), upper * (1 + 1e-9)

    @property
    def farthest(self) -> float:
        """The largest coordinate."""
        return float("inf")

    @property
    def reach(self) -> float:
        """The largest intensity at which all fixed points are found."""
        return float("inf")

    def free_entropy_difference(self, intensity: Array, b: Surface, c: Surface) -> Array:
        """Return phi_c - phi_b at one control and strength as the integral of xi''(q) (G - q)/2 from q_b to q_c.

        Next to a tricritical point the two free entropies agree to many digits; the integrand keeps its own.
        """
        node, weight = np.polynomial.legendre.leggauss(16)
        width = c.overlap - b.overlap
        t = 0.5 + 0.5 * node[:, None]
        q, gap = b.overlap + t * width, b.gap + t * (c.gap - b.gap)
        signal = self.coupling.signal(intensity, q, gap)
        curvature = intensity * self.coupling.scaled(q, gap)[2] + self.coupling.fixed(q, gap)[2]
        coordinate = self.path.coordinate(signal, b.strength)
        response = self.path.response(self.prior, coordinate, np.broadcast_to(b.strength, q.shape), with_energy=False)
        return np.asarray(0.25 * width * (weight @ (curvature * (response.overlap - q))))

    def difference_error(self, b: Surface, c: Surface) -> Array:
        """Bound the error of `free_entropy_difference` from xi'' times the error of q."""
        slope = (1 - np.minimum(c.fold, b.fold)) / np.minimum(c.overlap_z, b.overlap_z)
        return np.asarray((c.overlap - b.overlap) * slope * self.errors(c).overlap + 4 * EPS * np.abs(c.strength))

    def evidence(self, intensity: Array, strength: float) -> float:
        """Return the mutual information of the planted configuration with everything observed, plus phi.

        It is xi(rho)/2 plus the evidence of the side information, at a public strength.
        """
        rho = np.full(1, self.prior.second_moment)
        value = self.coupling.value(intensity, rho, 0 * rho)[0] / 2
        return float(value + self.path.evidence(self.prior, strength))

    def potential(self, intensity: float, strength: float, overlap: Array) -> Array:
        """Return phi(q) = Psi(xi'(q), strength) - [q xi'(q) - xi(q)]/2."""
        rho, lam = self.prior.second_moment, np.asarray(intensity)
        signal = self.coupling.signal(lam, overlap, rho - overlap)
        s = np.broadcast_to(strength, overlap.shape)
        psi = self.path.response(self.prior, self.path.coordinate(signal, s), s).free_entropy
        return np.asarray(psi - (overlap * signal - self.coupling.value(lam, overlap, rho - overlap)) / 2)

    def overlap_range(self, strength: float) -> tuple[float, float]:
        """Return the overlaps between which `potential` is known."""
        return 0.0, self.prior.second_moment

    def localised(self, coordinate: float, strength: float) -> EquationOfState:
        """Return an equation of state that is accurate next to a point: this one."""
        return self

    def state_evolution(self, intensity: float, strength: float, start: str | float) -> Iterator[tuple[float, float]]:
        """Yield (overlap, rho - overlap) of state evolution from a start on: uninformed, informed or an overlap."""
        rho, lam, s = self.prior.second_moment, np.full(1, intensity), np.full(1, strength)
        # an unstable q = 0 is not the limit of small strength: leave it by the smallest of pushes
        leaves = self.symmetric and strength == 0 and intensity > self.start
        named = {"uninformed": PUSH * rho if leaves else self.prior.mean**2, "informed": rho}
        q = float(named.get(str(start), start))
        overlap, gap = np.full(1, q), np.full(1, rho - q)
        while True:
            yield float(overlap[0]), float(gap[0])
            signal = self.coupling.signal(lam, overlap, gap)
            response = self.path.response(self.prior, self.path.coordinate(signal, s), s)
            overlap, gap = response.overlap, response.gap

    @property
    def weak_recovery_rule(self) -> str:
        """How weak recovery is located."""
        return "xi''(0) M'(0) = 1"

    @property
    def no_weak_recovery(self) -> str:
        """Why q = 0 is not a fixed point, or always stable."""
        if self.symmetric:
            return "xi''(0) = 0"
        return "the prior has a non-zero mean" if self.prior.mean != 0 else "the coupling has a linear term (a field)"

    @cached_property
    def start(self) -> float:
        """Intensity up to which the fixed point q = 0 is stable at zero strength.

        Zero where q = 0 is not a fixed point (E s or xi'(0) not zero), infinite where xi''(0) = 0, else
        the weak-recovery point xi''(0) M'(0) = 1.
        """
        zero = np.zeros(1)
        rho = np.full(1, self.prior.second_moment)
        _, a1, a2, _ = (float(np.max(x)) for x in self.coupling.scaled(zero, rho))
        _, b1, b2, _ = (float(np.max(x)) for x in self.coupling.fixed(zero, rho))
        if self.prior.mean != 0 or a1 > 0 or b1 > 0:
            return 0.0
        return float("inf") if a2 == 0 else (1 / self.prior.variance**2 - b2) / a2

    @cached_property
    def symmetric(self) -> bool:
        """Whether q = 0 is a fixed point at zero strength."""
        zero, rho = np.zeros(1), np.full(1, self.prior.second_moment)
        no_field = bool(self.coupling.signal(np.ones(1), zero, rho)[0] == 0)
        return self.prior.mean == 0 and no_field

    @cached_property
    def grid(self) -> Array:
        """Coordinates, ascending, beyond which nothing folds at strength >= 0.

        With z the total snr and kappa the largest logarithmic slope of A', a fold needs kappa z M'(z) of
        the order of M(z) or more, or B'' M'(z) of order one; the grid ends where both have become small.
        """
        unit = 1 / self.prior.variance
        upper = 16 * unit
        steepest, fixed = self._steepest()
        while upper < 1e12 * unit:
            v = self.prior.table(np.array([upper]))
            if steepest * upper * v.slope[0] < 0.2 * v.overlap[0] and fixed * v.slope[0] < 0.2:
                break
            upper *= 4
        return self.geometric(1e-9 * unit, upper, PER_OCTAVE)

    def geometric(self, lower: float, upper: float, per_octave: int) -> Array:
        """Return coordinates in geometric progression, dense enough for the coupling's crossovers."""
        density = max(per_octave, PER_SHARPNESS * self.coupling.sharpness)
        return np.geomspace(lower, upper, int(density * np.log2(upper / lower)))

    def _steepest(self) -> tuple[float, float]:
        """Return the largest d log A'/d log q and B'', at q = rho, where polynomials with positive terms have them."""
        rho = np.full(1, self.prior.second_moment)
        _, a1, a2, _ = (float(np.max(x)) for x in self.coupling.scaled(rho, 0 * rho))
        _, _, b2, _ = (float(np.max(x)) for x in self.coupling.fixed(rho, 0 * rho))
        return max(float(rho[0]) * a2 / a1, 1.0), b2
