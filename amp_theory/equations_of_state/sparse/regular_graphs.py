"""Regular graphs: the degree k density of every spin is an integer, and each density has an isotherm of its own.

What the geometry of transitions asks of a surface over coordinate and strength is here one isotherm, strength
sigma(z) at density d/k, made into a surface that is meant at this density only:

    log intensity(z, s) = log(d/k) + sigma(z) - s,    q = M(z),

whose fixed points, folds and free entropies at intensity d/k are those of the graphs.  Where no strength makes an
overlap a fixed point, sigma is negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from amp_theory.equations_of_state.base import TINY, EquationOfState
from amp_theory.equations_of_state.sparse.density_evolution import evolution_of
from amp_theory.equations_of_state.sparse.fixed_degree import FixedDegree
from amp_theory.equations_of_state.sparse.isotherm_table import LARGEST, IsothermTable, ZeroStrength
from amp_theory.equations_of_state.sparse.poisson_graphs import COARSENING, SparseEquationOfState
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow
from amp_theory.models.sparse import DEGREE_ROUNDING, SparseModel
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError
from amp_theory.tools.roots import bisected

#: points per unit of log(1 + z) of the search for folds, and strengths
SEARCH, STRENGTHS = 80, 12
#: the search goes beyond the largest strength on the grid by this factor
ABOVE = 1.3
#: exponents beyond which intensities are cut off
FARTHEST = 500.0
#: what a derivative loses
ROUGHNESS = 30.0


@lru_cache(maxsize=4096)
def zero_strength(model: SparseModel, degree: int, erased: bool = True) -> ZeroStrength:
    """Return the (cached) fixed points of a model at a degree without side information, the limits of others.

    Erasures are the side information that is easiest on the solver.  Factors that keep erasures have unstable fixed
    points of two laws: of erasures, the limit along paths that erase, and of finite fields, that along all others.
    """
    starts_allowed = bool(degree / model.factor.k < model.weak_recovery)
    path: Path = Autoregressive() if erased else Flow()
    return ZeroStrength(FixedDegree(evolution_of(model), path, model.variable_prior, degree), starts_allowed)


@lru_cache(maxsize=1024)
def isotherm_table(model: SparseModel, path: Path, degree: int) -> IsothermTable:
    """Return the (cached) isotherm of a model at a degree."""
    fine, coarse = (
        FixedDegree(evolution_of(model, coarsening), path, model.variable_prior, degree)
        for coarsening in (1, COARSENING)
    )
    return IsothermTable(fine, coarse, zero_strength(model, degree, fine.erased or not fine.evolution.erasures))


@dataclass(frozen=True)
class FullRecovery:
    """The fixed point q = 1 of regular graphs at every strength, exact or to all digits that are resolved.

    At T = 0 a parity check whose other spins are known gives its last, so that all known is a fixed point.  Its free
    entropy is that of the planted configuration alone.
    """

    model: SparseModel
    path: Path
    start: float = 0.0
    infinite: bool = False

    def intensity(self, strength: Array) -> Array:
        """Return zero, the density above which q = 1 is stable."""
        return np.zeros(np.shape(strength))

    def birth(self, intensity: float) -> float:
        """Return zero, the strength from which on q = 1 is stable."""
        return 0.0

    def free_entropy(self, intensity: Array, strength: Array) -> Array:
        """Return log of the planted weight relative to the paramagnet, and the evidence of the side information."""
        factor = self.model.factor
        per_factor = factor.weight_entropy - math.log(factor.mean_weight)
        evidence = self.path.evidence(self.model.variable_prior, self.path.public(np.asarray(strength)))
        return np.asarray(intensity * per_factor - math.log(2) + evidence)

    def free_entropy_slope(self, strength: Array) -> Array:
        """Return d evidence/d internal strength."""
        return np.asarray(self.path.response(self.model.variable_prior, np.full_like(strength, 2000.0), strength)
                          .free_entropy_s)  # fmt: skip


class RegularEquationOfState(SparseEquationOfState):
    """What regular graphs of all degrees have in common; fixed points belong to one degree."""

    @cached_property
    def reach(self) -> float:
        """Infinite: every density is solved for itself."""
        return float("inf")

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Raise an `InputError`: there is no surface over all densities."""
        raise InputError(
            f"{self.model!r} has fixed points at densities with an integer degree k density only: it has no equation "
            "of state that is continuous in the density; ask at one density"
        )

    def state_evolution(self, intensity: float, strength: float, start: str | float) -> Iterator[tuple[float, float]]:
        """Yield (overlap, 1 - overlap) of belief propagation at an integer degree."""
        degree = self.model.degree(intensity)
        return super().state_evolution(degree / self.factor.k, strength, start)


class RegularIsotherm(RegularEquationOfState):
    """One density of regular graphs as a surface over z and internal strength; see the module."""

    def __init__(self, model: SparseModel, path: Path, degree: int) -> None:
        super().__init__(model, path)
        self.degree = degree
        self.density = degree / model.factor.k

    @cached_property
    def table(self) -> IsothermTable:
        """The isotherm, checked against the accuracy asked for."""
        table = isotherm_table(self.model, self.path, self.degree)
        table.check_accuracy(self.model.accuracy, self.model.spacing)
        return table

    # --- perfect recovery ---

    @cached_property
    def recovery(self) -> FullRecovery | None:
        """The fixed point q = 1, if the largest overlaps resolved are no fixed points."""
        return None if self.table.last_allowed else FullRecovery(self.model, self.path)

    @property
    def exact_recovery(self) -> bool:
        """Whether q = 1 is itself a fixed point, not only closer to one than is resolved."""
        loss, _ = self.evolution.factor_message(np.zeros((1, len(self.evolution.grid.frequency))))
        return bool(np.max(np.abs(1 + loss)) < 1e-12)

    def last_intensity(self, strength: Array) -> Array:
        """Return the limit of the surface's intensity at large z: zero below perfect recovery, else infinite."""
        return np.full(np.shape(strength), np.inf if self.recovery is None else 0.0)

    def recovered(self, intensity: Array, strength: Array) -> Surface:
        """Return the fixed points q = 1, at infinite coordinates."""
        assert self.recovery is not None
        lam, s = np.broadcast_arrays(np.asarray(intensity, dtype=float), np.asarray(strength, dtype=float))
        zero, one, inf = np.zeros(lam.shape), np.ones(lam.shape), np.full(lam.shape, np.inf)
        return Surface(
            coordinate=inf, strength=s, intensity=lam, fold=one, fold_z=zero, fold_s=zero, drift=-one, overlap=one,
            overlap_z=zero, overlap_s=zero, gap=zero, signal=inf, free_entropy=self.recovery.free_entropy(lam, s),
            free_entropy_s=self.recovery.free_entropy_slope(s), scaled_slope=one, scaled_ratio=zero,
            scaled_curvature=zero, scaled_signal=zero,
        )  # fmt: skip

    # --- the surface ---

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at z = `coordinate` and internal strength, broadcast against each other."""
        z, s = np.broadcast_arrays(np.asarray(coordinate, dtype=float), np.asarray(strength, dtype=float))
        shape = z.shape
        z, s = z.ravel().astype(float), s.ravel().astype(float)
        v = self.table(z, s)
        m = self.prior.table(z)
        intensity = self.density * np.exp(np.clip(v.strength - s, -FARTHEST, FARTHEST))
        fold, zero = z * v.strength_z, np.zeros_like(z)
        with np.errstate(all="ignore"):
            points = Surface(
                coordinate=z, strength=s, intensity=intensity, fold=fold, fold_z=v.strength_z + z * v.strength_zz,
                fold_s=zero, drift=-z, overlap=m.overlap, overlap_z=m.slope, overlap_s=zero, gap=m.mmse,
                signal=v.signal, free_entropy=v.free_entropy, free_entropy_s=v.free_entropy_s,
                scaled_slope=z / intensity, scaled_ratio=zero, scaled_curvature=(1 - fold) / (z * m.slope),
                scaled_signal=z,
            )  # fmt: skip
        return points.reshape(shape)

    def errors(self, f: Surface) -> Errors:
        """Bound the errors of a surface's points."""
        z, s = f.coordinate.ravel(), f.strength.ravel()
        finite = np.isfinite(z)
        strength, entropy, overlap = np.zeros(len(z)), np.zeros(len(z)), np.zeros(len(z))
        v = self.table(z[finite], s[finite])
        # a density that deviates from d/k by rounding moves the strength by as much
        strength[finite] = v.strength_error + DEGREE_ROUNDING + 16 * EPS * np.abs(v.strength)
        entropy[finite] = v.free_entropy_error + 64 * EPS
        overlap[finite] = EPS * f.overlap.ravel()[finite]
        # beyond the table the overlap is only known to lie between its last value and one
        unresolved = float(self.prior.table(np.array([LARGEST])).mmse[0])
        far = (z > LARGEST) & (finite | (not self.exact_recovery))
        overlap = np.where(far, overlap + unresolved, overlap)
        entropy = np.where(far, entropy + 2 * LARGEST * unresolved, entropy)
        entropy = np.minimum(entropy, self._between_bounds(f).ravel())
        size = np.where(finite, z, 1.0)
        columns = (
            f.intensity.ravel() * strength, size * strength, ROUGHNESS * strength, ROUGHNESS**2 * strength / size,
            overlap, entropy,
        )  # fmt: skip
        return Errors(*(np.reshape(c, f.coordinate.shape) for c in columns))

    def _between_bounds(self, f: Surface) -> Array:
        """Return the largest distance of phi from what the overlap alone says about it.

        Relative to the planted configuration alone log Z is the posterior entropy, at least zero and at most that of
        independent spins which are wrong with probability (1 - q)/2.
        """
        wrong = np.maximum(f.gap, 1e-300) / 2
        most = wrong * (1 - np.log(wrong))
        alone = FullRecovery(self.model, self.path).free_entropy(np.full_like(f.strength, self.density), f.strength)
        above = f.free_entropy - alone
        return np.asarray(np.maximum(np.abs(above), np.abs(above - most)) + 64 * EPS)

    # --- what the geometry of transitions asks for ---

    @cached_property
    def grid(self) -> Array:
        """Values of z, ascending, with the zero-strength fixed points between them."""
        top = math.log1p(LARGEST)
        t = np.linspace(0, top, int(SEARCH * top))[1:]
        return np.asarray(np.concatenate([np.expm1(t[0] * np.array([0.01, 0.1, 0.3])), np.expm1(t)]))

    def search_grid(self) -> tuple[Array, Array]:
        """Return z and s over which folds are looked for."""
        highest = float(np.max(self.table(self.grid, np.zeros(len(self.grid))).strength, initial=1e-6))
        return self.grid, ABOVE * highest * np.linspace(0, 1, STRENGTHS) ** 2

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return values of z that bracket every fixed point with q < 1."""
        return np.full_like(intensity, TINY), np.broadcast_to(self.table.coordinate_at(strength), intensity.shape)

    @property
    def farthest(self) -> float:
        """The largest coordinate of the table."""
        return LARGEST

    @property
    def reach(self) -> float:
        """Infinite."""
        return float("inf")

    # nothing is integrated: the isotherm's free entropies stand alone
    free_entropy_difference, difference_error = (
        EquationOfState.free_entropy_difference,
        EquationOfState.difference_error,
    )

    def potential(self, intensity: Array | float, strength: float, overlap: Array) -> Array:
        """Return the free entropy as a function of the overlap, stationary at the fixed points.

        It is phi(q) + [s - sigma(q)] dphi/ds where the overlap is a fixed point at sigma, else that of the graph with
        fewer factors of which it is one, continued to all factors by its slope in the density.
        """
        z = self.signal_at(overlap, 0.0)
        return np.asarray(self.surface(z, strength).free_entropy)

    def signal_at(self, overlap: Array, strength: float) -> Array:
        """Return z with M(z) = overlap, NaN beyond the table."""
        low, high = bisected(
            lambda z: ~(self.prior.table(z).overlap > overlap),
            np.full_like(overlap, 1e-12), np.full_like(overlap, LARGEST),
        )  # fmt: skip
        return np.where((high < LARGEST) & (low > 1e-12), 0.5 * (low + high), np.nan)

    def overlap_range(self, strength: float) -> tuple[float, float]:
        """Return the overlaps between which `potential` is known."""
        ends = self.prior.table(np.array([1e-9, LARGEST * (1 - 1e-9)])).overlap
        return float(ends[0]), float(ends[1])

    def localised(self, x: float, s: float) -> RegularIsotherm:
        """Return this isotherm, which is as accurate everywhere."""
        return self
