"""The equation of state of a sparse model: a table of density evolution at prescribed overlap.

The overlap q of a fixed point is written as that of a single spin with the path's side information, of
strength s, and a Gaussian channel of snr x, q = G(x, s) as for dense models; x is then the snr that the
factors provide, in the only sense that the overlap knows.  At every (x, s) density evolution at prescribed
overlap gives the density alpha(x, s) and the free entropy, smooth functions with

    alpha(x, s) = (x/(k q^r)) e^{g(x, s)},    r the lowest power of the fields in a factor's message,

which are tabulated in Chebyshev polynomials of log(1 + x/x0) and log(1 + s/s0), once for strength zero and
once for all others.  With A' = x/alpha the surface has the form of the dense one (dense.py),

    F = d log alpha/d log x,    d alpha/dx = F/A',    d phi = dPsi/ds ds + (A/2) d alpha,

phi = S - S_paramagnet + evidence of the side information.  Errors are the differences from a coarser grid of
fields, and of the table from density evolution at points between its nodes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.base import TINY, EquationOfState
from amp_theory.equations_of_state.iteration_limit import error_of_law, law_stalled
from amp_theory.equations_of_state.sparse.checked_table import CheckedTable
from amp_theory.equations_of_state.sparse.density_evolution import DensityEvolution, Laws, evolution_of
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.ingredients.paths.base import Response, as_path
from amp_theory.ingredients.paths.named import Flow
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.chebyshev import ChebyshevTable, nodes
from amp_theory.tools.errors import InputError, NumericalError
from amp_theory.tools.roots import solve_bracketed

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.sparse import SparseModel

#: scales of x and s in the tables' coordinates, and the largest x
X0, S0, LARGEST_X = 1.5, 0.3, 24.0
#: the tables begin at this x and s, below which they are continued: there density evolution loses digits
LEAST = 0.004
#: nodes in x at strength zero, in x and in s at other strengths; of costly factors; of local tables
NODES, FEW_NODES, LOCAL_NODES = (128, 112, 28), (56, 40, 12), 9
#: the largest internal strength of a table, where the path has no limit, and in units of the limit
LARGEST_S, LARGEST_PART = 4.0, 0.9
#: the least x at which the accuracy asked for is checked
RELEVANT = 0.1
#: the second grid is coarser by this factor, and solved at every so manieth node in x and in s
COARSENING, EVERY = 1.3, 2
#: points per unit of log(1 + x/x0) of the search for folds, and strengths
SEARCH, STRENGTHS = 60, 48
#: points between the nodes at which a table is checked
CHECKS = 64
#: what a derivative loses
ROUGHNESS = 30.0
#: size of a local table relative to (x + x0, s + s0)
LOCAL = 0.04


@dataclass(frozen=True, eq=False)
class LawPoint:
    """Fixed points at given (x, s): density, free entropy and its derivative in the density."""

    density: Array
    free_entropy: Array
    free_entropy_density: Array
    laws: Laws


class SparseEquationOfState(EquationOfState):
    """Fixed points of (sparse model, path) over x and internal strength s, as a surface like the dense one."""

    model: SparseModel

    def __init__(self, model: SparseModel, path: Path) -> None:
        self.model = model
        self.path = path
        self.prior = model.variable_prior
        self.factor = model.factor
        as_path(path).check_prior(self.prior)
        path.tilted_transform(np.zeros(1), np.zeros(1))

    # --- density evolution at given (x, s) ---

    @cached_property
    def evolution(self) -> DensityEvolution:
        """Density evolution on the model's grid."""
        return evolution_of(self.model)

    @cached_property
    def _coarse(self) -> DensityEvolution:
        return evolution_of(self.model, COARSENING)

    def solve(self, x: Array, s: Array, fine: tuple[Array, Array] | None = None) -> LawPoint:
        """Return the fixed points at (x, s), shape (n,), by density evolution.

        On the coarse grid of fields, if the transforms and mean degrees on the fine one are given, to start from.
        """
        evolution = self.evolution if fine is None else self._coarse
        response = self.path.response(self.prior, self.path.coordinate(x, s), s)
        w = evolution.grid.frequency
        side = self.path.tilted_transform(w, s)
        if fine is None:
            start, degree = evolution.start(x, side, response.gap)
        else:
            start, degree = self.evolution.resampled(fine[0], w), fine[1]
        laws = evolution.at_overlap(side, response.gap, start, degree)
        entropy, per_density, _ = evolution.entropies(side, laws)
        evidence = self.path.evidence(self.prior, self.path.public(s))
        return LawPoint(laws.degree / self.factor.k, entropy + evidence, per_density, laws)

    # --- tables ---

    @cached_property
    def s_top(self) -> float:
        """The largest internal strength of the tables."""
        limit = float(self.path.internal(np.asarray(self.path.limit)))
        return LARGEST_S if np.isinf(limit) else LARGEST_PART * limit

    def _table(self, x: Array, s: Array, x_range: tuple[float, float], s_range: tuple[float, float]) -> CheckedTable:
        """Return a table from the nodes x and s, and its errors."""
        xx, ss = (a.ravel() for a in np.meshgrid(x, s, indexing="ij"))
        shape = (3, len(x), len(s))
        points = self.solve(xx, ss)
        values = self._functions(points, xx, ss).reshape(shape)
        # the change on the second grid is smooth, so that some of the nodes tell it
        i, j = np.arange(0, len(x), EVERY), np.arange(0, len(s), EVERY)
        some = np.add.outer(i * len(s), j).ravel()
        other = self.solve(xx[some], ss[some], (points.laws.transform[some], points.laws.degree[some]))
        change = np.abs(values.reshape(3, -1)[:, some] - self._functions(other, xx[some], ss[some]))
        # what iterations left, of a node and those up to the next
        left = np.maximum.reduceat(np.maximum.reduceat(points.laws.left.reshape(shape[1:]), i, axis=0), j, axis=1)
        table = ChebyshevTable.interpolate(x_range, s_range, values)
        # between the nodes, where Chebyshev interpolation is worst
        rng = np.random.default_rng(1)
        u = rng.uniform(*x_range, CHECKS)
        v = rng.uniform(*s_range, CHECKS) if len(s) > 1 else np.zeros(CHECKS)
        exact = self._values(X0 * np.expm1(u), S0 * np.expm1(v))
        misfit = np.abs(table(u, v)["f"] - exact)
        resolution = (change + other.laws.left).reshape(3, len(i), len(j)) + left
        return CheckedTable(table, resolution, np.log1p(x[i] / X0), np.log1p(s[j] / S0), misfit, u, v)

    def _values(self, x: Array, s: Array) -> Array:
        """Return g, phi and d phi/d alpha at (x, s), shape (3, n)."""
        return self._functions(self.solve(x, s), x, s)

    def _functions(self, p: LawPoint, x: Array, s: Array) -> Array:
        """Return g, phi and d phi/d alpha of fixed points at (x, s), shape (3, n)."""
        q = self.path.response(self.prior, self.path.coordinate(x, s), s).overlap
        g = np.log(p.density * self.factor.k / x) + self.factor.order * np.log(q)
        return np.stack([g, p.free_entropy, p.free_entropy_density])

    @cached_property
    def _x_range(self) -> tuple[float, float]:
        return float(np.log1p(LEAST / X0)), float(np.log1p(LARGEST_X / X0))

    @property
    def _nodes(self) -> tuple[int, int, int]:
        return FEW_NODES if self.factor.costly else NODES

    @cached_property
    def _zero_table(self) -> CheckedTable:
        return _zero_strength(self.model)

    @cached_property
    def _full_table(self) -> CheckedTable:
        s_range = float(np.log1p(LEAST / S0)), float(np.log1p(self.s_top / S0))
        x = X0 * np.expm1(nodes(*self._x_range, self._nodes[1]))
        s = S0 * np.expm1(nodes(*s_range, self._nodes[2]))
        return self._checked(self._table(x, s, self._x_range, s_range))

    def _checked(self, table: CheckedTable) -> CheckedTable:
        """Return a table after comparing its errors with the accuracy asked for."""
        # next to x = 0, where no transition is, the coarse grid loses digits first
        worst = float(np.max(table.resolution[0, table.nodes_t > np.log1p(RELEVANT / X0)]))
        if worst > self.model.accuracy:
            raise InputError(
                f"the resolution spacing = {self.model.spacing:g} is too coarse for accuracy = "
                f"{self.model.accuracy:g}: its estimated relative error of the density is {worst:.1g}; "
                "make the spacing smaller"
            )
        return table

    # --- the surface ---

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at x = `coordinate` and internal strength s, broadcast against each other.

        Outside the tables (larger strength) density evolution is solved on the spot.
        """
        x, s = np.broadcast_arrays(np.asarray(coordinate, dtype=float), np.asarray(strength, dtype=float))
        shape = x.shape
        x, s = x.ravel().astype(float), s.ravel().astype(float)
        values = self._evaluate(x, s)
        return self._surface(x, s, values, shape)

    def _evaluate(self, x: Array, s: Array) -> dict[str, Array]:
        """Return g, phi, d phi/d alpha and their derivatives in x and s, each of shape (3, n)."""
        result = {name: np.full((3, len(x)), np.nan) for name in ("f", "x", "xx", "y", "xy")}
        # a fold may be approached from slightly negative strengths
        t, v = np.log1p(x / X0), np.log1p(np.maximum(s, -0.5 * LEAST) / S0)
        dt, dv = 1 / (x + X0), 1 / (np.maximum(s, -0.5 * LEAST) + S0)
        inside = np.flatnonzero((s <= self.s_top) & (x <= LARGEST_X))
        part = self._full_table.table(t[inside], v[inside])
        zero = np.flatnonzero(s[inside] == 0)
        if len(zero):  # derivatives in s are those of the other table
            exact = self._zero_table.table(t[inside[zero]], np.zeros(len(zero)))
            for name in ("f", "x", "xx"):
                part[name][:, zero] = exact[name]
        result["f"][:, inside] = part["f"]
        result["x"][:, inside] = part["x"] * dt[inside]
        result["xx"][:, inside] = (part["xx"] - part["x"]) * dt[inside] ** 2
        result["y"][:, inside] = part["y"] * dv[inside]
        result["xy"][:, inside] = part["xy"] * (dt * dv)[inside]
        beyond = np.flatnonzero((s > self.s_top) & (x <= LARGEST_X) & (x > 0))
        if len(beyond):
            for name, values in self._differences(x[beyond], s[beyond]).items():
                result[name][:, beyond] = values
        return result

    def _differences(self, x: Array, s: Array) -> dict[str, Array]:
        """Return what `_evaluate` does by density evolution and differences, beyond the tables where no fold is.

        Like the tables they begin at LEAST, below which they are continued, here by a straight line.
        """
        asked, x = x, np.maximum(x, LEAST)
        h, e = 1e-3 * x, 1e-3 * np.minimum(s, self.path.internal(np.asarray(min(self.path.limit, 1e6))) - s)
        steps = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
        f, right, left, up, down = (self._values(x + i * h, s + j * e) for i, j in steps)
        slope = (right - left) / (2 * h)
        return {
            "f": f + slope * (asked - x), "x": slope, "xx": (right - 2 * f + left) / h**2,
            "y": (up - down) / (2 * e), "xy": np.zeros_like(f),
        }  # fmt: skip

    def _response(self, x: Array, s: Array) -> tuple[Response, Array, Array]:
        """Return the path's response, and dq/ds and d^2q/dx ds at constant x."""
        r = self.path.response(self.prior, self.path.coordinate(x, s), s)
        return r, r.overlap_s - r.signal_s * r.overlap_z, r.overlap_zs - r.signal_s * r.overlap_zz

    def _surface(self, x: Array, s: Array, values: dict[str, Array], shape: tuple[int, ...]) -> Surface:
        """Return the surface from g, phi, d phi/d alpha and their derivatives."""
        r, q_s, q_xs = self._response(x, s)
        q, q_x, order = r.overlap, r.overlap_z, self.factor.order
        with np.errstate(all="ignore"):
            g, g_x, g_xx, g_s, g_xs = (values[name][0] for name in ("f", "x", "xx", "y", "xy"))
            density = x / self.factor.k * np.exp(g - order * np.log(q))
            log_x = g_x - order * q_x / q
            fold = 1 + x * log_x
            fold_x = log_x + x * (g_xx - order * (r.overlap_zz / q - (q_x / q) ** 2))
            log_s = g_s - order * q_s / q
            fold_s = x * (g_xs - order * (q_xs / q - q_x * q_s / q**2))
            half_a = values["f"][2]
            points = Surface(
                coordinate=x, strength=s, intensity=density, fold=fold, fold_z=fold_x, fold_s=fold_s, drift=x * log_s,
                overlap=q, overlap_z=q_x, overlap_s=q_s, gap=r.gap, signal=x, free_entropy=values["f"][1],
                free_entropy_s=values["y"][1] - half_a * density * log_s, scaled_slope=x / density,
                scaled_ratio=2 * half_a * density / x, scaled_curvature=(1 - fold) / (x * q_x), scaled_signal=x,
            )  # fmt: skip
        return points.reshape(shape)

    def errors(self, f: Surface) -> Errors:
        """Bound the errors of a surface's points, from those of the tables."""
        x, s = f.coordinate.ravel(), f.strength.ravel()
        g, phi = np.zeros(len(x)), np.zeros(len(x))
        for which, table in ((s == 0, "_zero_table"), (s != 0, "_full_table")):
            if np.any(which):
                e = getattr(self, table).errors(np.log1p(x[which] / X0), np.log1p(np.maximum(s[which], 0) / S0))
                g[which], phi[which] = e[0], e[1]
        g, phi = (np.reshape(e, f.coordinate.shape) + 64 * EPS for e in (g, phi))
        # every derivative loses a factor
        return Errors(
            f.intensity * g, f.signal * g, ROUGHNESS * g, ROUGHNESS**2 * g / f.signal, EPS * f.overlap + 0 * g, phi
        )

    # --- what the geometry of transitions asks for ---

    @cached_property
    def start(self) -> float:
        """Density up to which the fixed point q = 0 is stable at zero strength: that of Kesten and Stigum."""
        return self.model.weak_recovery

    @cached_property
    def symmetric(self) -> bool:
        """Whether q = 0 is a fixed point at zero strength: always."""
        return True

    @property
    def weak_recovery_rule(self) -> str:
        """How weak recovery is located."""
        return "Kesten-Stigum: response^2 (k - 1) (mean excess degree) = 1"

    @property
    def no_weak_recovery(self) -> str:
        """Why q = 0 is always stable."""
        return "a factor tells nothing about pairs of spins"

    @cached_property
    def grid(self) -> Array:
        """Values of x, ascending, over the range of the tables."""
        t = np.linspace(0, self._x_range[1], int(SEARCH * self._x_range[1]))[1:]
        return np.asarray(np.concatenate([X0 * np.expm1(t[0] * np.array([0.01, 0.1, 0.3])), X0 * np.expm1(t)]))

    def search_grid(self) -> tuple[Array, Array]:
        """Return x and s over which folds are looked for."""
        c = np.linspace(0, 1, STRENGTHS)
        return self.grid[::2], self.s_top * c**3

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return values of x that bracket every fixed point at (density, s)."""
        top = self.surface(np.full_like(intensity, LARGEST_X), strength).intensity
        if np.any(top < intensity):
            worst = int(np.argmax(intensity / top))
            raise InputError(
                f"{self.model.control} = {float(intensity[worst]):g} is too large: the solver goes up to "
                f"{float(top[worst]):.6g}, where 1 - overlap is below {np.exp(-LARGEST_X / 2):.0e}"
            )
        # at weak side information x vanishes as a power of it
        return np.full_like(intensity, TINY), np.full_like(intensity, LARGEST_X)

    @property
    def farthest(self) -> float:
        """The largest coordinate."""
        return LARGEST_X

    @cached_property
    def reach(self) -> float:
        """The largest density of a fixed point at zero strength that the tables hold."""
        return float(self.surface(np.array([LARGEST_X]), 0.0).intensity[0])

    def evidence(self, intensity: Array, strength: float) -> float:
        """Return the information about the planted configuration from everything observed, plus phi."""
        per_factor = self.factor.weight_entropy - np.log(self.factor.mean_weight)
        return float(np.squeeze(self.path.evidence(self.prior, strength) + intensity * per_factor))

    def free_entropy_difference(self, intensity: Array, b: Surface, c: Surface) -> Array:
        """Return phi_c - phi_b at one density and strength, integrated along the surface between them.

        d phi = (A/2) d alpha at constant strength; constants drop out, as both ends have one density.
        """
        node, weight = np.polynomial.legendre.leggauss(16)
        width = c.coordinate - b.coordinate
        x = b.coordinate + (0.5 + 0.5 * node[:, None]) * width
        f = self.surface(x, np.broadcast_to(b.strength, x.shape))
        half_a = 0.5 * f.scaled_ratio * f.scaled_slope
        middle = half_a[len(node) // 2]
        return np.asarray(0.5 * width * (weight @ ((half_a - middle) * f.intensity_z)))

    def difference_error(self, b: Surface, c: Surface) -> Array:
        """Bound the error of `free_entropy_difference`."""
        e = self.errors(c)
        return np.asarray(np.abs(c.scaled - b.scaled) * e.intensity + 4 * EPS * np.abs(c.strength))

    def potential(self, intensity: Array | float, strength: float, overlap: Array) -> Array:
        """Return the free entropy as a function of the overlap, stationary at the fixed points.

        phi(x, s) + [alpha - alpha(x, s)] A(x, s)/2: its derivative is [alpha - alpha(x, s)] d(A/2)/dx.
        """
        x = self.signal_at(overlap, strength)
        f = self.surface(x, strength)
        return np.asarray(f.free_entropy + (intensity - f.intensity) * f.scaled / 2)

    def signal_at(self, overlap: Array, strength: float) -> Array:
        """Return x with G(x, s) = overlap, NaN outside the range of the tables."""
        low, high = np.full_like(overlap, 1e-12), np.full_like(overlap, LARGEST_X)
        least, most = (self._response(x, np.full_like(x, strength))[0].overlap for x in (low, high))
        inside, x = (overlap > least) & (overlap < most), np.full_like(overlap, np.nan)
        gap = 1 - overlap[inside]

        def excess(x: Array, rows: Index) -> tuple[Array, Array]:
            r = self._response(x, np.full_like(x, strength))[0]
            return np.log(gap[rows] / r.gap), r.overlap_z / r.gap

        x[inside] = solve_bracketed(excess, low[inside], high[inside], True, -2 * np.log(gap))
        return x

    def overlap_range(self, strength: float) -> tuple[float, float]:
        """Return the overlaps between which `potential` is known: at small strengths from x = 0.01 on.

        Below, where A vanishes like a power of x and alpha(x, s) grows like another, the tables do not resolve both.
        """
        least = 2.5 * LEAST if strength < 2.5 * LEAST else 1e-9
        ends = self._response(np.array([least, LARGEST_X * (1 - 1e-9)]), np.full(2, strength))[0].overlap
        return float(ends[0]), float(ends[1])

    def localised(self, x: float, s: float) -> SparseEquationOfState:
        """Return the same equation of state with a table of its own next to (x, s), more accurate there."""
        t, v = np.log1p(x / X0), np.log1p(s / S0)
        x_range = t * (1 - LOCAL), t * (1 + LOCAL)
        s_range = v - min(LOCAL, 0.5 * v), v + LOCAL
        nodes_x = X0 * np.expm1(nodes(*x_range, LOCAL_NODES))
        nodes_s = S0 * np.expm1(nodes(*s_range, LOCAL_NODES))
        local = copy.copy(self)
        local._full_table = self._table(nodes_x, nodes_s, x_range, s_range)
        return local

    def state_evolution(self, intensity: float, strength: float, start: str | float) -> Iterator[tuple[float, float]]:
        """Yield (overlap, 1 - overlap) of belief propagation, iteration after iteration, from a start on.

        An overlap given as the start stands for messages from a Gaussian channel with this overlap, or from an erasure
        channel where all messages are erasures: parity checks at T = 0, some spins revealed.
        """
        evolution, degree = self.evolution, np.array([[intensity * self.factor.k]])
        w, side = evolution.grid.frequency, self.path.tilted_transform(evolution.grid.frequency, np.array([strength]))
        while start == "uninformed" and strength == 0 and intensity <= self.start:
            yield 0.0, 1.0  # by symmetry, which a grid has to rounding only
        told = start == "uninformed" and strength > 0
        if start == "uninformed":
            law = evolution.variable(side, degree, 0 * side)[0] if told else np.exp(-1e-8 * (1 + w**2) / 2)[None, :]
        elif start == "informed":
            law = np.zeros_like(side)
        else:
            x = SparseEquationOfState.signal_at(self, np.array([float(start)]), 0.0)
            x = np.where(np.isnan(x), 0.0 if float(start) < 0.5 else LARGEST_X, x)
            law = np.exp(-x[:, None] * (1 + w**2) / 2)
            if evolution.erasures and np.ptp(side) == 0:
                # erasures stay erasures, and other laws would become them too slowly for doubles
                law = np.full_like(side, 1 - float(start))
        gap = float(((side if told else law) @ evolution.grid.gap)[0])
        yield 1 - gap, gap
        for full, _ in evolution.iterate(side, intensity * self.factor.k, law):
            gap = float((full @ evolution.grid.gap)[0])
            if not np.isfinite(gap):
                raise NumericalError(f"belief propagation, begun {start!r}, gives no number", "start elsewhere", full)
            yield 1 - gap, gap

    def error_of_last(
        self, intensity: float, strength: float, overlap: Sequence[float], gap: Sequence[float], tolerance: float
    ) -> float:
        """Bound the distance by the rate at which the steps of the overlap shrink."""
        return error_of_law(overlap, gap, tolerance)

    def stalled(self, overlap: Sequence[float], gap: Sequence[float]) -> bool:
        """Tell whether the overlap moves by rounding only: it is one number of the laws that are iterated."""
        return law_stalled(overlap)


@lru_cache(maxsize=64)
def _zero_strength(model: SparseModel) -> CheckedTable:
    """Return the (cached) table of a model without side information, which no path changes."""
    eos = SparseEquationOfState(model, Flow())
    x = X0 * np.expm1(nodes(*eos._x_range, eos._nodes[0]))
    return eos._checked(eos._table(x, np.zeros(1), eos._x_range, (-1.0, 1.0)))
