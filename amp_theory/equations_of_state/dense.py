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

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from amp_theory.equations_of_state.base import SEARCH_PER_OCTAVE, STRENGTHS, TINY, EquationOfState
from amp_theory.equations_of_state.iteration_limit import Step, error_of_number
from amp_theory.equations_of_state.recovery import Recovery
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.ingredients.couplings.base import CouplingPoint, GeneralCoupling
from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.response import Response
from amp_theory.models.base import LARGEST_SNR, Model
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError

#: resolution of the coordinate grid, points per factor of two: at least, and per unit of sharpness
PER_OCTAVE, PER_SHARPNESS = 12, 1.5
#: where the search for folds that are not explicit starts, in units of the coordinate grid's start
SEARCH_FROM = 10.0
#: in units of 1/variance: the coordinate grid starts here, or lower down where F still changes, from the floor on
NEAREST, FLOOR = 1e-9, 1e-120
#: points per decade of that search, change of F that counts, and the part of its coordinate at which the grid starts
LOOKS, CHANGE, BELOW = 1, 1e-3, 1e-3
#: points per decade where folds are scale-free
PER_DECADE = 5
#: with a singular coupling the coordinates end here in units of 1/variance, or where rho - q has become this small
FARTHEST, SMALLEST_GAP = 1e10, 1e-200
#: the largest slope of a coupling next to q = rho, and one over the smallest
LARGEST_SLOPE = 1e200
#: logarithmic slope of xi' next to q = rho beyond which strengths are searched up to their limit
NEARLY_SINGULAR = 1e4
#: overlap over rho from which state evolution starts where q = 0 is unstable
PUSH = 1e-8


class DenseEquationOfState(EquationOfState):
    """Fixed points of (model, path) as an explicit surface over coordinate and strength."""

    def __init__(self, model: Model, path: Path) -> None:
        self.model = model
        self.path = path
        self.prior = model.variable_prior
        if model.coupling is None:
            raise InputError(
                f"{model!r} has no coupling xi(q), and its class has registered no equation of state: give it one, see "
                "amp_theory.equations_of_state.base"
            )
        self.coupling = model.coupling
        as_path(path).check_prior(self.prior)
        if path.informed and self.coupling.singularity is not None:
            raise InputError(f"paths that start with something told are not solved for noiseless models, got {model!r}")
        self.check_scale()

    def check_scale(self) -> None:
        """Raise an `InputError` if xi' over- or underflows where fixed points are: at overlaps of order rho."""
        rho = np.full(1, self.prior.second_moment)
        with np.errstate(all="ignore"):
            slope = float(self.coupling.at(0.9 * rho, 0.1 * rho, 1 / rho).slope[0])
        if not 1 / LARGEST_SLOPE <= slope <= LARGEST_SLOPE:
            raise InputError(
                f"{self.model!r} is beyond double precision: the part of xi' that {self.model.control} scales is "
                f"{slope:.3g} at q = 0.9 E s^2, E s^2 = {rho[0]:.3g}; choose units of s in which E s^2 is of order one"
            )

    @cached_property
    def recovery(self) -> Recovery | None:
        """The fixed point q = rho of a noiseless model, if it is stable anywhere."""
        return Recovery.of(self.prior, self.coupling, self.path)

    def last_intensity(self, strength: Array) -> Array:
        """Return the limit of the surface's intensity as the coordinate goes to infinity, at internal strengths."""
        return np.full(np.shape(strength), np.inf) if self.recovery is None else self.recovery.intensity(strength)

    def response(self, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return the path's response of the variable whose overlap the surface gives."""
        return self.path.response(self.prior, coordinate, strength, with_energy)

    def coupled(self, strength: Array) -> GeneralCoupling:
        """Return the coupling at internal strengths: the same at all, where only that variable is told something."""
        return self.coupling

    def recovered(self, intensity: Array, strength: Array) -> Surface:
        """Return the fixed points q = rho, which stand at an infinite coordinate, where A/A' and so on are not defined.

        Their A'(q) is set to one, and A/A' to A(rho) where that is finite, so that `scaled` is A(rho).
        """
        assert self.recovery is not None
        lam, s = np.broadcast_arrays(np.asarray(intensity, dtype=float), np.asarray(strength, dtype=float))
        rho, zero, one = np.full(lam.shape, self.prior.second_moment), np.zeros(lam.shape), np.ones(lam.shape)
        scaled = zero
        if not self.recovery.infinite:
            scaled = self.coupling.value(one, rho, zero) - self.coupling.value(zero, rho, zero)
        return Surface(
            coordinate=np.full(lam.shape, np.inf), strength=s, intensity=lam, fold=one, fold_z=zero, fold_s=zero,
            drift=-one, overlap=rho, overlap_z=zero, overlap_s=zero, gap=zero, signal=np.full(lam.shape, np.inf),
            free_entropy=self.recovery.free_entropy(lam, s), free_entropy_s=self.recovery.free_entropy_slope(s),
            scaled_slope=one, scaled_ratio=np.asarray(scaled), scaled_curvature=zero, scaled_signal=zero,
        )  # fmt: skip

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at (coordinate, internal strength), broadcast against each other.

        Coordinates must be positive; where no control > 0 exists the intensity is <= 0, infinite or NaN.
        Without `with_energy` the free entropy need not be computed.
        """
        s = np.asarray(strength, dtype=float)
        r = self.response(coordinate, s, with_energy)
        q, q_z = r.overlap, r.overlap_z
        with np.errstate(all="ignore"):
            c = self.coupling.at(q, r.gap, r.signal)
            k_z, shape = c.curvature_q * q_z + c.curvature_x, c.intensity.shape
            return Surface(
                coordinate=coordinate if coordinate.shape == shape else np.broadcast_to(coordinate, shape),
                strength=s if s.shape == shape else np.broadcast_to(s, shape), intensity=c.intensity,
                fold=1 - c.curvature * q_z, fold_z=-(k_z * q_z + c.curvature * r.overlap_zz),
                fold_s=-((c.curvature_q * r.overlap_s + c.curvature_x * r.signal_s) * q_z + c.curvature * r.overlap_zs),
                drift=r.signal_s - c.curvature * r.overlap_s, overlap=q, overlap_z=q_z, overlap_s=r.overlap_s,
                gap=r.gap, signal=r.signal, free_entropy=self._free_entropy(r, c) if with_energy else r.free_entropy,
                free_entropy_s=r.free_entropy_s, scaled_slope=c.slope, scaled_ratio=c.ratio,
                scaled_curvature=c.curvature_x, scaled_signal=c.scaled_signal,
            )  # fmt: skip

    def _free_entropy(self, r: Response, c: CouplingPoint) -> Array:
        """Return phi = Psi - (q x - xi)/2, which next to q = rho is the gap x/2 + xi/2 less the deficit of Psi."""
        phi = r.free_entropy - (r.overlap * r.signal - c.value) / 2
        if r.deficit is None:
            return np.asarray(phi)
        return np.where(r.gap < r.overlap, (r.gap * r.signal + c.value) / 2 - r.deficit, phi)

    def errors(self, f: Surface) -> Errors:
        """Bound the errors of a surface's points, from those of the prior's functions and from rounding."""
        if self.recovery is not None and np.any(np.isinf(f.coordinate)):
            return self._errors_with_recovery(f)
        r = self.response(f.coordinate, f.strength, with_energy=False)
        q, q_z = f.overlap, f.overlap_z
        e = r.relative_error + self.coupling.relative_error + 4 * EPS
        with np.errstate(all="ignore"):
            c = self.coupling.at(q, f.gap, f.signal)
            k, k_q = np.abs(c.curvature), np.abs(c.curvature_q)
            rounding = (4 * EPS + self.coupling.relative_error) * np.abs(f.signal)
            least = np.minimum(q, f.gap) if self.coupling.resolves_gap else q
            signal = k * e * least + rounding + 4 * EPS * (np.abs(f.coordinate) + np.abs(f.signal - f.scaled_signal))
            near = np.zeros(q.shape, dtype=bool) if r.deficit is None else f.gap < q
            entropy = np.where(near, f.gap, q) * np.abs(f.signal) + np.abs(c.value)
            psi = f.free_entropy - np.where(near, (f.gap * f.signal + c.value) / 2, (c.value - q * f.signal) / 2)
            return Errors(
                signal / f.scaled_slope,
                signal,
                k_q * q_z * e * least + 4 * e * k * np.abs(q_z),
                8 * e * (k_q * q_z**2 + np.abs(c.curvature_x) * q_z + np.abs(k * r.overlap_zz)),
                e * q,
                e * np.abs(psi) + EPS * entropy,
            )

    def _errors_with_recovery(self, f: Surface) -> Errors:
        """Bound errors where some points are q = rho, of which only the free entropy may have any."""
        finite = np.isfinite(f.coordinate)
        known = self.errors(f.take(finite))
        rounding = np.where(np.isfinite(f.free_entropy), 8 * EPS + self.coupling.relative_error, 0.0)
        size = np.nan_to_num(np.abs(f.free_entropy) + f.intensity * np.abs(f.scaled), posinf=0.0)
        columns = []
        for name in Errors.__slots__:
            column = rounding * size if name == "free_entropy" else np.zeros(f.coordinate.shape)
            column[finite] = getattr(known, name)
            columns.append(column)
        return Errors(*columns)

    @property
    def explicit_folds(self) -> bool:
        """Whether the overlap depends on the coordinate alone, and F is affine in the strength: folds are explicit."""
        return self.path.explicit_folds and self.coupling.affine

    def search_grid(self) -> tuple[Array, Array]:
        """Return coordinates and internal strengths over which folds are looked for if they are not explicit."""
        outer, dense = self._next_to_zero[:-1], self._next_to_zero[-1]
        start = SEARCH_FROM * dense
        if len(outer):  # down there everything is scale-free
            outer = np.append(outer, np.geomspace(dense, start, PER_DECADE, endpoint=False))
        z = np.concatenate([outer, self.geometric(start, self.grid[-1], SEARCH_PER_OCTAVE)])
        c = np.linspace(0, 1, STRENGTHS + 1)[:-1]
        s = c**5 / (1 - c) ** 3 / self.prior.variance  # dense near zero, and near a finite limit
        if np.isfinite(self.path.limit):
            s = self.path.internal(np.asarray(self.path.limit)) * c**5 / (c**5 + (1 - c) ** 3)
            # folds follow q = rho, or what little noise leaves of it, up to the limit
            if self.recovery is not None or self.coupling.steepest(self.prior.second_moment)[0] > NEARLY_SINGULAR:
                s = np.concatenate([s, self.path.internal(np.asarray(self.path.limit)) - np.geomspace(1e-5, 1e-14, 10)])
        return z, s

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return the path's coordinate at the snr `signal` from the other variables."""
        return self.path.coordinate(signal, strength)

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return coordinates that bracket every fixed point at (intensity, strength).

        The overlap lies between G at the snr of no overlap, and rho; the snr x accordingly.
        """
        zero, rho = np.zeros_like(intensity), np.full_like(intensity, self.prior.second_moment)
        coupling = self.coupled(strength)
        response = self.response(self.coordinate(coupling.signal(intensity, zero, rho), strength), strength)
        lower = self.coordinate(coupling.signal(intensity, response.overlap, response.gap), strength)
        if self.coupling.singularity is not None:
            return np.maximum(lower * (1 - 1e-9), TINY), np.full_like(intensity, self.grid[-1])
        upper = self.coordinate(coupling.signal(intensity, rho, zero), strength)
        return np.maximum(lower * (1 - 1e-9), TINY), upper * (1 + 1e-9)

    @property
    def open_ended(self) -> bool:
        """Whether fixed points come as close to q = rho as controls demand, beyond any grid."""
        return self.coupling.singularity is not None

    @property
    def reach(self) -> float:
        """The largest intensity at which all fixed points are found."""
        return self.valid_up_to

    @cached_property
    def most(self) -> float:
        """The largest intensity that `Model.check_control` allows."""
        rho = np.full(1, self.prior.second_moment)
        gap = 0 * rho if self.coupling.singularity is None else rho / 2
        limit = np.full(1, LARGEST_SNR / self.prior.variance)
        with np.errstate(all="ignore"):
            return float(self.coupling.at(rho - gap, gap, limit).intensity[0])

    @property
    def valid_up_to(self) -> float:
        """The largest intensity for which the coupling stands for the model."""
        return self.coupling.reach

    def free_entropy_difference(self, intensity: Array, b: Surface, c: Surface) -> Array:
        """Return phi_c - phi_b at one control and strength as the integral of xi''(q) (G - q)/2 from q_b to q_c.

        Next to a tricritical point the two free entropies agree to many digits; the integrand keeps its own.
        """
        node, weight = np.polynomial.legendre.leggauss(16)
        width = c.overlap - b.overlap
        t = 0.5 + 0.5 * node[:, None]
        q, gap = b.overlap + t * width, b.gap + t * (c.gap - b.gap)
        coupling = self.coupled(b.strength)
        coordinate = self.coordinate(coupling.signal(intensity, q, gap), b.strength)
        response = self.response(coordinate, np.broadcast_to(b.strength, q.shape), with_energy=False)
        excess = coupling.curvature(intensity, q, gap) * (response.overlap - q)
        return np.asarray(0.25 * width * (weight @ excess))

    def gain(self, b: Surface, c: Surface) -> Array:
        """Return d(phi_c - phi_b)/d strength at constant control; next to q = rho only rho - q keeps its digits."""
        if self.open_ended and self.path.strength_is_snr:
            return np.where(c.gap < c.overlap, b.gap - c.gap, c.overlap - b.overlap) / 2
        return np.asarray(c.free_entropy_s - b.free_entropy_s)

    def difference_error(self, b: Surface, c: Surface) -> Array:
        """Bound the error of `free_entropy_difference` from xi'' times the error of q."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # next to q = rho, never close to another
            slope = (1 - np.minimum(c.fold, b.fold)) / np.minimum(c.overlap_z, b.overlap_z)
            return np.asarray((c.overlap - b.overlap) * slope * self.errors(c).overlap + 4 * EPS * np.abs(c.strength))

    def evidence(self, intensity: Array, strength: float) -> float:
        """Return the mutual information of the planted configuration with everything observed, plus phi.

        It is xi(rho)/2 plus the evidence of the side information, at a public strength.
        """
        if self.coupling.singularity is not None and self.coupling.singularity[0] == 1:
            return float("inf")
        rho = np.full(1, self.prior.second_moment)
        value = self.coupling.value(intensity, rho, 0 * rho)[0] / 2
        return float(value + self.path.evidence(self.prior, strength))

    def free_entropy_known(self, intensity: Array, strength: Array) -> Array | None:
        """Return xi(rho)/2 + evidence of the side information - entropy of a discrete prior."""
        if self.recovery is not None or np.isinf(self.prior.entropy):
            return None
        rho = np.full(1, self.prior.second_moment)
        value = self.coupling.value(intensity, rho, 0 * rho) / 2
        return np.asarray(value + self.path.evidence(self.prior, strength) - self.prior.entropy)

    @property
    def sharpness(self) -> float:
        """That of the coupling."""
        return self.coupling.sharpness

    def potential(self, intensity: Array | float, strength: float, overlap: Array) -> Array:
        """Return phi(q) = Psi(xi'(q), strength) - [q xi'(q) - xi(q)]/2."""
        rho, lam = self.prior.second_moment, np.asarray(intensity)
        s = np.broadcast_to(strength, overlap.shape)
        coupling = self.coupled(s)
        signal = coupling.signal(lam, overlap, rho - overlap)
        psi = self.response(self.coordinate(signal, s), s).free_entropy
        return np.asarray(psi - (overlap * signal - coupling.value(lam, overlap, rho - overlap)) / 2)

    def overlap_range(self, strength: float) -> tuple[float, float]:
        """Return the overlaps between which `potential` is known."""
        return 0.0, self.prior.second_moment

    def state_evolution(self, intensity: float, strength: float, start: str | float) -> Iterator[tuple[float, float]]:
        """Yield (overlap, rho - overlap) of state evolution from a start on: uninformed, informed or an overlap."""
        rho, lam, s = self.prior.second_moment, np.full(1, intensity), np.full(1, strength)
        # an unstable q = 0 is not the limit of small strength, nor q = rho that of small noise: a push leaves them
        leaves = self.symmetric and strength == 0 and intensity > self.start
        stays = self.coupling.singularity is None or bool(lam[0] > self.last_intensity(s)[0])
        named = {"uninformed": PUSH * rho if leaves else self.prior.mean**2, "informed": rho}
        q = float(named.get(str(start), start))
        q = q if stays or q < rho else rho * (1 - PUSH)
        overlap, gap, coupling = np.full(1, q), np.full(1, rho - q), self.coupled(s)
        while True:
            yield float(overlap[0]), float(gap[0])
            if gap[0] == 0 and self.coupling.singularity is not None:
                continue  # nothing is left to learn
            response = self.response(self.coordinate(coupling.signal(lam, overlap, gap), s), s)
            overlap, gap = response.overlap, response.gap

    def error_of_last(
        self, intensity: float, strength: float, overlap: Sequence[float], gap: Sequence[float], tolerance: float
    ) -> float:
        """Bracket the limit between points that the map moves towards each other."""
        return error_of_number(self._step_at(intensity, strength), overlap, gap, tolerance, self.open_ended)

    def stalled(self, overlap: Sequence[float], gap: Sequence[float]) -> bool:
        """Tell whether the overlap has not changed: it is all that is iterated."""
        return overlap[-1] == overlap[-2] and gap[-1] == gap[-2]

    def _step_at(self, intensity: float, strength: float) -> Step:
        """Return the map T(q) = G(xi'(q), s), with T' = G_x xi'' and its rounding error, as `Step` says."""

        def step(q: Array, gap: Array) -> tuple[Array, Array, Array]:
            lam, s = np.full(q.shape, intensity), np.full(q.shape, strength)
            coupling = self.coupled(s)
            signal = coupling.signal(lam, q, gap)
            z = self.coordinate(signal, s)
            r = self.response(z, s)
            change = np.where(gap < q, gap - r.gap, r.overlap - q)
            slope = r.overlap_z * coupling.curvature(lam, q, gap)
            argument = (4 * EPS + coupling.relative_error) * signal + 4 * EPS * np.abs(z)
            given = 2 * EPS * (np.minimum(q, gap) if coupling.resolves_gap else q)
            rounding = (r.relative_error + 4 * EPS) * np.minimum(r.overlap, r.gap) + r.overlap_z * argument
            return change, slope, rounding + slope * given

        return step

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
        if not self.symmetric:
            return 0.0
        return float(self.coupling.instability(self.prior.second_moment, np.asarray(self.prior.variance**2)))

    @cached_property
    def symmetric(self) -> bool:
        """Whether q = 0 is a fixed point at zero strength."""
        zero, rho = np.zeros(1), np.full(1, self.prior.second_moment)
        no_field = bool(self.coupling.signal(np.ones(1), zero, rho)[0] == 0)
        return self.prior.mean == 0 and no_field and not self.path.informed

    @cached_property
    def grid(self) -> Array:
        """Coordinates, ascending, beyond which nothing folds at strength >= 0.

        With z the total snr and kappa the largest logarithmic slope of A', a fold needs kappa z M'(z) of
        the order of M(z) or more, or B'' M'(z) of order one; the grid ends where both have become small.
        """
        unit = 1 / self.prior.variance
        if self.coupling.singularity is not None:
            upper = self._farthest_regular(unit)
        else:
            upper = 16 * unit
            steepest, fixed = self.coupling.steepest(self.prior.second_moment)
            while upper < 1e12 * unit:
                v = self.prior.table(np.array([upper]))
                # next to a kink of a likelihood the slope grows without bound, but only as the gap closes
                kappa = steepest if np.isfinite(steepest) else self._steepest_at(v.overlap, v.mmse)
                if kappa * upper * v.slope[0] < 0.2 * v.overlap[0] and fixed * v.slope[0] < 0.2:
                    break
                upper *= 4
        return np.concatenate([self._next_to_zero[:-1], self.geometric(self._next_to_zero[-1], upper, PER_OCTAVE)])

    def _steepest_at(self, overlap: Array, gap: Array) -> float:
        """Return d log A'/d log q at one overlap and gap."""
        return float((overlap * self.coupling.at(overlap, np.maximum(gap, TINY), 1 / overlap).curvature_x)[0])

    @cached_property
    def _next_to_zero(self) -> Array:
        """Coordinates below which nothing folds, at any strength, up to that from which on the grid is dense.

        Towards z = 0 F becomes constant once the mean, (E s)^2 >> z (Var s)^2, or the lowest power of xi' decides
        alone: it is 1 where q = 0 is no fixed point, so that the first branch starts out stable, and scale-free else.
        Small means, fields and coefficients make folds as far down as where F last changes.  Where q = 0 is always
        stable, folds go on for ever, scale-free, at ever larger intensities: the grid holds those of allowed controls.
        """
        unit = 1 / self.prior.variance
        z = np.geomspace(FLOOR * unit, NEAREST * unit, int(LOOKS * np.log10(NEAREST / FLOOR)))
        f = self.surface(z, 0.0, with_energy=False)
        changed = np.abs(f.fold - f.fold[0]) > CHANGE * max(1.0, abs(float(f.fold[0])))
        dense = float(BELOW * z[np.argmax(changed)]) if np.any(changed) else NEAREST * unit
        first = len(z)
        if np.isinf(self.start):
            with np.errstate(all="ignore"):
                allowed = f.intensity / (1 - f.fold) <= self.most  # False where the intensity overflows
            first = max(int(np.argmax(allowed)) - 1, 0) if np.any(allowed) else len(z)
        if first == len(z) or z[first] > 0.8 * dense:
            return np.array([dense])
        return np.geomspace(z[first], dense, int(PER_DECADE * np.log10(dense / z[first])) + 2)

    def _farthest_regular(self, unit: float) -> float:
        """Return the coordinate up to which rho - q is not too small for a singular coupling."""
        upper, rho = 16 * unit, self.prior.second_moment
        while upper < FARTHEST * unit and self.prior.table(np.array([1.25 * upper])).mmse[0] > SMALLEST_GAP * rho:
            upper *= 1.25
        return upper

    def geometric(self, lower: float, upper: float, per_octave: int) -> Array:
        """Return coordinates in geometric progression, dense enough for the coupling's crossovers."""
        density = max(per_octave, PER_SHARPNESS * self.coupling.sharpness)
        return np.geomspace(lower, upper, int(density * np.log2(upper / lower)))
