"""The equation of state of a sparse model whose variables are revealed in the order of their degrees.

The overlap is q = 1 - e^(-z) = 1 - (1 - theta) e^(-x): the coordinate z depends on it alone, and x = z + log(1 - theta)
is what the factors provide to hidden variables.  At every (x, theta) density evolution at prescribed overlap
(degree_laws.py, erasure_orders.py) gives the density alpha(x, theta), and with L = log alpha

    F = x dL/dx at constant theta,    A' = x/alpha,    d phi/d theta = log 2 - E H(a hidden variable of degree D).

D, the degree that is revealed in part, changes along lines in the plane on which these have kinks; F keeps its sign
there, as the stability of a fixed point is continuous.  With D held fixed everything is analytic: it is tabulated cell
by cell and degree by degree where it is asked for, after a sketch of the plane from which D is guessed.  At densities
at which nothing tells hidden variables anything x = 0 is the fixed point; an x of order FAINT stands for it.

Highest degrees first is the best order, lowest first the worst, at given overlap e along edges and hidden part: with
w = U at a parity check at T = 0, 1 - e = sum_j a_j h_j w^j and the slope of the iteration is (k - 1) e^(k-2) times
sum_j a_j h_j j w^(j-1), where 0 <= h_j <= 1 is the hidden part of excess degree j.  Of all h with the same sum, one in
which h_i < 1 and h_j > 0 for some i < j is not the least: moving d/(a_i w^i) into h_i and d/(a_j w^j) out of h_j keeps
the sum and changes the slope by a multiple of d (i - j)/w < 0.  So the least slope hides all degrees below one and none
above, and a state of overlap e is stable along some degree order if it is along this one (fractional knapsack).  This
is a proof for erasures; for other factors it is not known.
"""

from __future__ import annotations

import copy
import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.base import TINY, EquationOfState
from amp_theory.equations_of_state.sparse.degree_laws import HIGHEST, OrderedEvolution, cutoff_degree, ordered_evolution
from amp_theory.equations_of_state.sparse.density_evolution import LOOSE, Laws
from amp_theory.equations_of_state.sparse.erasure_orders import FORGOTTEN, ErasureOrder
from amp_theory.equations_of_state.sparse.order_sketch import S0, Sketch, level_of, revealed_at
from amp_theory.equations_of_state.sparse.poisson_graphs import SparseEquationOfState
from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.chebyshev import ChebyshevTable, nodes
from amp_theory.tools.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.sparse import SparseModel

#: scale of x in t = log(1 + x/X0); the largest x, and theta of the sketch
X0, LARGEST, TOP = 0.05, 12.0, 0.98
#: the least x of density evolution: of laws of fields, and of erasures
LEAST = (4e-3, 1e-9)
#: size of a cell in t and v, and nodes in it; half the size of a local one, and its nodes
CELL, NODES, LOCAL, FINE = 0.25, (7, 5), 0.04, (8, 6)
#: steps of the sketch in t and v, of laws of fields and of erasures; F below which it is computed from tables, the
#: relative step of its differences
STEP, CLOSE, DIFFERENCE = (0.3, 0.5), 0.03, 0.01
#: scale of x and of theta in the sketch of erasures, whose solutions next to zero need a start too
FINEST = 1e-8
#: the x below which the fixed point counts as x = 0
FAINT = 1e-11
#: relative difference from the density asked for beyond which a point is none of its fixed points
JUMP = 1e-5
#: relative error of erasures' densities, by differences
ERASED = 1e-12
#: part of the density that is taken off per revealed fraction, so that it falls even where revealing tells nothing
TILT = 1e-10
#: the second grid of fields is coarser by this factor
COARSENING = 1.3
#: what derivatives lose
ROUGHNESS = 30.0
#: corrections of the degree that is revealed in part
CORRECTIONS = 8
#: 1 - overlap below which a cusp is at q = 1
FULL = 1e-5
#: coordinates between which lies the first one at which folds are looked for
FIRST, LATEST = 0.02, 3.0
#: points of the search for folds, in the coordinate and in the strength
SEARCH = ((40, 18), (48, 24))


class DegreeOrderEquationOfState(SparseEquationOfState):
    """Fixed points of (sparse model, autoregressive path by degree) on Poisson graphs, over z and theta."""

    def __init__(self, model: SparseModel, path: Path) -> None:
        super().__init__(model, path)
        self.highest = path.order == HIGHEST
        if not self.highest and not self._erasures:
            raise InputError(
                f"order = {path.order!r} is solved for parity checks at T = 0 only, not yet for {model!r}: take "
                f"{HIGHEST!r} or 'random'"
            )
        #: the point around which the one cell of a local equation of state lies, and its degree
        self._centre: tuple[float, float, int] | None = None
        self._patches: dict[tuple[int, int, int], ChebyshevTable] = {}
        self._bounds: dict[tuple[int, int, int], Array] = {}

    # --- density evolution ---

    @cached_property
    def _erasures(self) -> bool:
        return self._with(None).erasures

    @cached_property
    def evolution(self) -> OrderedEvolution:
        """Density evolution on the model's grid."""
        return self._with(None)

    @cached_property
    def _erased(self) -> ErasureOrder:
        return ErasureOrder(self.factor.k, self.highest)

    def _with(self, cutoff: int | None, coarsening: float = 1.0) -> OrderedEvolution:
        return ordered_evolution(self.model, self.highest, cutoff, coarsening)

    def _solved(
        self, x: Array, theta: Array, cutoff: int | None, begin: tuple[Array, Array] | None = None,
        coarsening: float = 1.0,
    ) -> tuple[Array, Laws]:  # fmt: skip
        """Return L, phi, A/2 and d phi/d theta at (x, theta), shape (4, n), and the laws, from laws to begin with."""
        evolution = self._with(cutoff, coarsening)
        gap = (1 - theta) * np.exp(-x)
        side = np.repeat((1 - theta)[:, None], len(evolution.grid.frequency), axis=1)
        start, degree = evolution.start(2 * x, side, gap) if begin is None else begin
        laws = evolution.settled(side, gap, start, degree)
        with np.errstate(all="ignore"):
            entropy, per_density, _ = evolution.entropies(side, laws)
            gain = math.log(2) - evolution.partly_revealed(side, laws.degree, laws.loss) @ evolution.grid.entropy
            values = np.stack([np.log(laws.degree / self.factor.k), entropy + theta * math.log(2), per_density, gain])
        return np.where(laws.residual < LOOSE, values, np.nan), laws

    @property
    def _scales(self) -> tuple[float, float]:
        """The scales of x and theta in the coordinates of the sketch."""
        return (FINEST, FINEST) if self._erasures else (X0, S0)

    def _start(self, x: Array, theta: Array) -> tuple[Array, Array]:
        """Return w and the mean degree to start from; of fields w means nothing."""
        return self.sketch.start(np.log1p(x / self._scales[0]), level_of(theta, self._scales[1]))

    @cached_property
    def sketch(self) -> Sketch:
        """The density over the whole plane, coarsely."""
        from scipy.special import logit

        (x0, s0), step, least = self._scales, STEP[self._erasures], LEAST[self._erasures]
        low, high, top = np.log1p(least / x0), np.log1p(self.farthest / x0), level_of(TOP, s0)
        t, v = np.linspace(low, high, int(high / step)), np.linspace(0, top, int(top / step))
        tt, vv = (a.ravel() for a in np.meshgrid(t, v, indexing="ij"))
        x, theta = x0 * np.expm1(tt), np.maximum(revealed_at(vv, s0), 1e-12)
        if self._erasures:
            w, degree, _ = self._erased.found(x, theta, None)
            transform = w[:, None]
        else:
            values, laws = self._solved(x, theta, None)
            good = np.flatnonzero(np.isfinite(values[0]))
            # points that are not found begin where their neighbours are
            near = np.abs(np.subtract.outer(tt, tt[good])) + np.abs(np.subtract.outer(vv, vv[good]))
            nearest = good[near.argmin(axis=1)]
            degree, transform = laws.degree[nearest], laws.transform[nearest]
            w = np.full_like(degree, 0.5)
        return Sketch(t, v, np.stack([np.log(degree), logit(w)]).reshape(2, len(t), len(v)), degree, transform)

    # --- cells ---

    def _patch(self, key: tuple[int, int, int]) -> ChebyshevTable:
        """Return the table of a cell with a degree held fixed; number -1 in v is zero strength, of no degree."""
        if key not in self._patches:
            t_range, v_range, t, v, degree = self._cell(key)
            tt, vv = (a.ravel() for a in np.meshgrid(t, v, indexing="ij"))
            values = self._at(tt, vv, degree)
            self._patches[key] = ChebyshevTable.interpolate(t_range, v_range, values.reshape(-1, len(t), len(v)))
        return self._patches[key]

    def _cell(
        self, key: tuple[int, int, int]
    ) -> tuple[tuple[float, float], tuple[float, float], Array, Array, int | None]:
        """Return the ranges, nodes and degree of a cell."""
        i, j, degree = key
        number = NODES
        if self._centre is not None:
            t, v, degree = self._centre
            t_range, v_range = (t - LOCAL, t + LOCAL), (v - LOCAL, v + LOCAL)
            return t_range, v_range, nodes(*t_range, FINE[0]), nodes(*v_range, FINE[1]), degree
        least = float(np.log1p(LEAST[self._erasures] / X0))
        t_range = max(i * CELL, least), (i + 1) * CELL
        if j < 0:
            return t_range, (-1.0, 1.0), nodes(*t_range, number[0]), np.zeros(1), None
        v_range = j * CELL, (j + 1) * CELL
        return t_range, v_range, nodes(*t_range, number[0]), nodes(*v_range, number[1]), degree

    def _at(self, t: Array, v: Array, degree: int | None, coarsening: float = 1.0) -> Array:
        """Return the functions at points of the coordinates t and v."""
        sketch, theta = self.sketch, revealed_at(v)
        near = sketch.nearest(t, v)
        begin = sketch.transform[near], sketch.degree[near]
        if coarsening != 1 and not self._erasures:
            fine, coarse = self._with(degree), self._with(degree, coarsening)
            begin = fine.resampled(begin[0], coarse.grid.frequency), begin[1]
        return self._solved(X0 * np.expm1(t), theta, degree, begin, coarsening)[0]

    def _evaluate(self, x: Array, s: Array) -> dict[str, Array]:
        """Return L, phi, A/2 and d phi/d theta, and their derivatives in x and theta at constant x, shape (4, n)."""
        if self._erasures:
            return self._erased.expanded(x, s, self._start(x, s))
        t, v = np.log1p(x / X0), level_of(np.maximum(s, -0.5 * S0))
        result = {name: np.full((4, len(x)), np.nan) for name in ("f", "x", "xx", "y", "xy")}
        rows = np.arange(len(x))
        degree = cutoff_degree(self.highest, self.sketch.start(t, v)[1], np.maximum(s, 0))
        for _ in range(CORRECTIONS):
            self._from_patches(result, t[rows], v[rows], s[rows], degree[rows], rows)
            c = self.factor.k * np.exp(result["f"][0, rows])
            new = cutoff_degree(self.highest, c, np.maximum(s[rows], 0))
            changed = (new != degree[rows]) & (s[rows] != 0) & (self._centre is None)
            degree[rows] = new
            rows = rows[changed]
            if not len(rows):
                break
        dt, dv = 1 / (x + X0), 1 / (np.maximum(s, -0.5 * S0) + S0) + 1 / (1 - s)
        result["xx"] = (result["xx"] - result["x"]) * dt**2
        result["x"], result["y"], result["xy"] = result["x"] * dt, result["y"] * dv, result["xy"] * dt * dv
        return result

    def _keys(self, t: Array, v: Array, s: Array, degree: Index) -> Index:
        """Return the cells of points, shape (n, 3)."""
        if self._centre is not None:
            return np.tile([0, 0, self._centre[2]], (len(t), 1))
        i = np.clip(np.floor(t / CELL), 0, math.ceil(np.log1p(self.farthest / X0) / CELL) - 1)
        first = math.floor(float(np.log1p(LEAST[self._erasures] / X0)) / CELL)
        j = np.where(s == 0, -1, np.clip(np.floor(v / CELL), 0, None))
        return np.stack([np.maximum(i, first), j, np.where(s == 0, 0, degree)], axis=1).astype(np.intp)

    def _from_patches(self, result: dict[str, Array], t: Array, v: Array, s: Array, degree: Index, rows: Index) -> None:
        """Put what the cells' tables say into rows of the result."""
        keys, which = np.unique(self._keys(t, v, s, degree), axis=0, return_inverse=True)
        which = which.ravel()
        for number, key in enumerate(keys.tolist()):
            here = np.flatnonzero(which == number)
            zero = key[1] < 0
            part = self._patch(tuple(key))(t[here], np.zeros(len(here)) if zero else v[here])
            for name, values in part.items():
                result[name][:, rows[here]] = 0.0 if zero and name in ("y", "xy") else values

    # --- the surface ---

    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at z = `coordinate` and theta = `strength`; at z <= -log(1 - theta) none is."""
        z, s = np.broadcast_arrays(np.asarray(coordinate, dtype=float), np.asarray(strength, dtype=float))
        shape = z.shape
        z, s = z.ravel().astype(float), s.ravel().astype(float)
        known = -np.log1p(-s)
        x = z - known
        inside = np.flatnonzero((x > 0) & (x <= self.farthest * 1.01))
        values = {name: np.zeros((4, len(z))) for name in ("f", "x", "xx", "y", "xy")}
        for name, part in self._evaluate(x[inside], s[inside]).items():
            values[name][:, inside] = part
        return self._surface_of(z, s, x, values).reshape(shape)

    def _surface_of(self, z: Array, s: Array, x: Array, values: dict[str, Array]) -> Surface:
        """Return the surface from L, phi, A/2 and d phi/d theta."""
        f, (f_x, f_xx, f_s, f_xs) = values["f"], (values[n][0] for n in ("x", "xx", "y", "xy"))
        there = (x > 0) & (x <= self.farthest * 1.01)
        least = np.where(there, np.maximum(x, 1e-150), 1.0)
        # x of order FAINT stands for x = 0 at all lower densities
        e = np.where(s > 0, FAINT, 0.0)
        shift, per_z = -np.log1p(e / least) - TILT * s, 1 / (1 - s)
        f_s = f_s - TILT
        f_x = f_x + e / (least * (least + e))
        f_xx = f_xx - 1 / least**2 + 1 / (least + e) ** 2
        density, half_a = np.exp(f[0] + shift), f[2]
        phi = f[1] + half_a * density * -np.expm1(-shift)
        fold, fold_z = least * f_x, f_x + least * f_xx
        gap = np.exp(-z)
        nowhere = np.where(there, 0.0, 1.0)
        density = np.where(there, density, np.where(x > 0, np.inf, np.minimum(x, -1e-300)))
        fold = np.where(there, fold, 1.0)
        with np.errstate(all="ignore"):
            slope = np.where(there, least / density, 1.0)
            return Surface(
                coordinate=z, strength=s, intensity=density, fold=fold, fold_z=fold_z * (1 - nowhere),
                fold_s=(least * f_xs - per_z * fold_z) * (1 - nowhere), drift=least * (f_s - per_z * f_x) - nowhere,
                overlap=-np.expm1(-z), overlap_z=gap, overlap_s=np.zeros_like(z), gap=gap, signal=np.maximum(x, 0.0),
                free_entropy=phi, free_entropy_s=f[3] * least / (least + e), scaled_slope=slope,
                scaled_ratio=2 * half_a / slope, scaled_curvature=(1 - fold) / (least * gap),
                scaled_signal=np.where(there, least, density),
            )  # fmt: skip

    def errors(self, f: Surface) -> Errors:
        """Bound the errors of a surface's points, cell by cell."""
        z, s = f.coordinate.ravel(), f.strength.ravel()
        if self._erasures:
            e = ERASED + TILT * f.strength
            return Errors(
                f.intensity * e, f.signal * e, ROUGHNESS * e, ROUGHNESS**2 * e / f.coordinate, EPS * f.overlap, e
            )
        x = z + np.log1p(-s)
        t, v = np.log1p(np.maximum(x, 0) / X0), level_of(s)
        degree = cutoff_degree(self.highest, self.factor.k * np.maximum(f.intensity.ravel(), 1e-300), s)
        keys, which = np.unique(self._keys(t, v, s, degree), axis=0, return_inverse=True)
        bounds = np.stack([self._cell_errors(tuple(key)) for key in keys.tolist()])[which.ravel()]
        g, phi = (np.reshape(e, f.coordinate.shape) + 64 * EPS for e in bounds.T)
        return Errors(
            f.intensity * g, f.signal * g, ROUGHNESS * g, ROUGHNESS**2 * g / f.coordinate, EPS * f.overlap + 0 * g, phi
        )

    def _cell_errors(self, key: tuple[int, int, int]) -> Array:
        """Return bounds on L and phi in a cell: of its table between the nodes, and of the grid of fields."""
        if key not in self._bounds:
            table = self._patch(key)
            t_range, v_range, *_, degree = self._cell(key)
            rng = np.random.default_rng(1)
            t, v = rng.uniform(*t_range, 3), rng.uniform(*v_range, 3) if key[1] >= 0 else np.zeros(3)
            values = table(t, v)["f"]
            exact = self._at(t, v, degree)
            worst = 2 * np.max(np.abs(values - exact), axis=1)
            if not self._erasures:
                worst += np.max(np.abs(self._at(t, v, degree, COARSENING) - exact), axis=1)
            self._bounds[key] = worst[:2]
        return self._bounds[key]

    # --- what the geometry of transitions asks for ---

    @cached_property
    def grid(self) -> Array:
        """Coordinates z, ascending."""
        z = np.geomspace(FIRST, LATEST, 240)
        told = self._start(z, np.zeros_like(z))[1] <= 2 * self._with(None).dense[0]
        first = z[np.argmax(told)]
        t = np.linspace(np.log1p(first / X0), np.log1p(self.farthest / X0), 160)
        return np.asarray(X0 * np.expm1(t))

    def search_grid(self) -> tuple[Array, Array]:
        """Return z and theta over which folds are looked for."""
        number = SEARCH[self._erasures]
        v = np.linspace(0, level_of(TOP), number[1])
        return self.grid[:: len(self.grid) // number[0]], revealed_at(v)

    def folds_over(self, z: Array, s: Array) -> Array:
        """Return F from the sketch, computed where it is small."""
        zz, ss = np.broadcast_arrays(z, s)
        x = zz + np.log1p(-ss)
        if self._erasures:
            fold, there = np.ones_like(x), x > 0
            inside, revealed = x[there], (ss + 0 * x)[there]
            fold[there] = inside * self._erased.slope(inside, revealed, self._start(inside, revealed))
            return np.asarray(fold)
        fold, there = np.ones_like(x), np.flatnonzero(((x > LEAST[0]) & (ss > 0)).ravel())
        xs, ts = x.ravel()[there], (ss + 0 * x).ravel()[there]
        ends = []
        for factor in (1 + DIFFERENCE, 1 - DIFFERENCE):
            near = self.sketch.nearest(np.log1p(xs * factor / X0), level_of(ts))
            begin = self.sketch.transform[near], self.sketch.degree[near]
            ends.append(self._solved(xs * factor, ts, None, begin)[0][0])
        fold.ravel()[there] = (ends[0] - ends[1]) / (2 * DIFFERENCE)
        fold[:, 0] = self.surface(zz[:, 0], ss[0, 0], with_energy=False).fold
        near = np.abs(fold) < CLOSE
        fold[near] = self.surface(zz[near], (ss + 0 * zz)[near], with_energy=False).fold
        return np.asarray(fold)

    def closed_cusp(self, f: Surface) -> tuple[float, float, float] | None:
        """Return the cusp of parity checks at T = 0 at q = 1, all degrees below two being revealed, if f is next to it.

        With E = e_1 w + e_2 w^2 next to w = 0, e_1 = c e^(-c) (1 - theta_2) and e_2 = c^2 e^(-c)/2, the fixed point
        q = 1 is marginal where (k - 1) e_1 = 1, and other fixed points leave it continuously as long as
        c^2 e^(-c) < (k - 2)/(k - 1)^2.
        """
        if not self._erasures or self.highest or float(f.gap[0]) > FULL:
            return None
        k = self.factor.k

        def excess(c: float) -> float:
            return c * c * math.exp(-c) - (k - 2) / (k - 1) ** 2

        from scipy.optimize import brentq

        c = float(brentq(excess, 1e-3, 2.0, xtol=1e-16, rtol=4 * EPS))
        hidden = math.exp(c) / ((k - 1) * c)
        revealed = (1 + c) * math.exp(-c) + (1 - hidden) * c * c / 2 * math.exp(-c)
        return c / k, revealed, 1.0

    @property
    def farthest(self) -> float:
        """The largest coordinate."""
        return LARGEST - math.log(FORGOTTEN) if self._erasures and not self.highest else LARGEST

    @cached_property
    def reach(self) -> float:
        """The largest density of a fixed point at zero strength."""
        return float(self.surface(np.array([self.farthest]), 0.0).intensity[0])

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return z = x - log(1 - theta)."""
        return np.asarray(signal - np.log1p(-strength))

    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return z that bracket every fixed point at (density, theta)."""
        low = -np.log1p(-np.broadcast_to(strength, intensity.shape))
        high = np.minimum(low + self.farthest, np.maximum(self.farthest, low + 1))
        top = self.surface(high, strength).intensity
        if np.any(top < intensity):
            worst = int(np.argmax(intensity / top))
            raise InputError(
                f"{self.model.control} = {float(intensity[worst]):g} is too large: the solver goes up to "
                f"{float(top[worst]):.6g}, where 1 - overlap is below {np.exp(-self.farthest):.0e}"
            )
        return np.maximum(low, TINY), high

    def found_at(self, f: Surface, intensity: Array) -> Bools:
        """Return which points have the density that was asked for.

        Where little is revealed, the highest degrees first, two densities answer to one overlap; the surface has one.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((np.abs(f.intensity / intensity - 1) < JUMP) | (f.signal <= 2 * FAINT))

    def free_entropy_difference(self, intensity: Array, b: Surface, c: Surface) -> Array:
        """Return phi_c - phi_b."""
        return EquationOfState.free_entropy_difference(self, intensity, b, c)

    def difference_error(self, b: Surface, c: Surface) -> Array:
        """Bound the error of `free_entropy_difference`."""
        return EquationOfState.difference_error(self, b, c)

    def error_of_last(
        self, intensity: float, strength: float, overlap: Sequence[float], gap: Sequence[float], tolerance: float
    ) -> float:
        """Bound the distance as for other paths, once edges too have moved: their overlap is another."""
        if len(overlap) < 4:
            return math.inf
        return super().error_of_last(intensity, strength, overlap, gap, tolerance)

    def overlap_range(self, strength: float) -> tuple[float, float]:
        """Refuse: the potential of other paths has steps here, where another degree begins to be revealed."""
        raise InputError(
            f"order = {self.path.order!r}: the free entropy over the overlap has steps where another degree "
            "begins to be revealed; `fixed_points` has that of fixed points, order='random' the curve"
        )

    def localised(self, coordinate: float, strength: float) -> DegreeOrderEquationOfState:
        """Return the same equation of state with a small cell of its own next to a point, where its degree is kept."""
        if self._erasures or strength <= 0:
            return self
        z, s = np.array([coordinate]), np.array([strength])
        degree = cutoff_degree(self.highest, self.factor.k * self.surface(z, s).intensity, s)
        local = copy.copy(self)
        local._patches, local._bounds = {}, {}
        local._centre = float(np.log1p((z + np.log1p(-s)) / X0)[0]), float(level_of(s)[0]), int(degree[0])
        return local
