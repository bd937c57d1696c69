"""The least slope that memoryless side information can leave, for a prior of few values: a linear programme.

A law mu of posteriors pi with E pi = P0 and E e(pi) = rho - q has the slope S = E s(pi), with e and s of `posteriors`.
As these are homogeneous, sums v of posteriors times their weights do, and the programme reads

    minimise sum_i s(v_i)   subject to   sum_i v_i = P0,   sum_i e(v_i) = rho - q.

At its optimum the `reduced_cost` has zero gradient at every v_i, along the values that v_i does not exclude.  The
programme on a grid of posteriors is solved by scipy's HiGHS; neighbours on the grid that stand for one posterior are
merged, and Newton's method, in the logarithms of the v_i, polishes what is left.  Posteriors of negative reduced cost
that the certificate finds join the grid.  A prior with the symmetry s -> -s has a symmetric optimal law, for which half
of the simplex is enough.  The largest slope is found in the same way.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from amp_theory.ingredients.priors.named import Discrete, MixturePrior, SparseRademacher
from amp_theory.phases.optimal.certificate import least_reduced_cost
from amp_theory.phases.optimal.least_slope import LeastSlope, least_slope
from amp_theory.phases.optimal.order import Law
from amp_theory.phases.optimal.posteriors import PosteriorChannel
from amp_theory.phases.optimal.reduced_cost import MOST_PLACES, ReducedCost, as_posteriors
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import InputError, NumericalError

#: log-odds of the outermost posteriors of the grid that are not certain, and their number in a direction
FAR, NUMBER = 16.0, 33
#: their number where what a known optimum becomes is looked at
FEWER = 17
#: relative weight below which the programme's solution has no posterior; rounds of adding posteriors to the grid
LIGHT, ROUNDS, ZOOM = 1e-12, 10, 4.0
#: how far below zero the reduced cost may be bounded, in units of the slope, and of the prior's, and on the grid
TOLERANCE, SMALLEST, NOTHING = 1e-11, 1e-15, 1e-11
#: the accuracy asked of the programme's solver, and a second one where that is too much for it
ACCURACIES = (1e-10, 1e-7)
#: how near to the prior's own uncertainty the programme is solved, in units of it; beyond it is followed by its tangent
NEAREST = 1e-5
#: Newton's steps, and the residual in units of the largest term at which they end
STEPS, RESIDUAL, WORST_CONDITION, ROUNDING = 40, 1e-13, 1e13, 16 * EPS
#: the largest snr in units of 4/(distance of the outermost atoms)^2, for what the channel tells to be in doubles' range
LARGEST_SNR = 150.0
#: the most atoms for which the simplex is searched by a grid in all directions, and places of the bound for all others
FEW_ATOMS, FEWER_PLACES, FEWEST_PLACES = 3, 10_000, 100
#: the relative gap of an optimum that is proven
PROVEN = 1e-6
#: the most atoms of a prior; by how much relatively the uncertainty may be above that of the prior
MOST_ATOMS, MARGIN = 6, 1e-12


def symmetric(atoms: Array, prior: Array) -> bool:
    """Tell whether s and -s have the same law."""
    return np.array_equal(atoms, -atoms[::-1]) and np.array_equal(prior, prior[::-1])


@lru_cache(maxsize=16)
def _shares(corners: int, number: int) -> Array:
    """Return the shares of corners in the posteriors of a grid, shape (n, corners)."""
    odds = 1 / (1 + np.exp(-np.linspace(-FAR, FAR, number)))
    t = np.concatenate([odds, np.linspace(0, 1, number // 2)])
    shares = np.stack([1 - t, t], axis=1)
    for _ in range(corners - 2):
        first, rest = np.repeat(t, len(shares))[:, None], np.tile(shares, (len(t), 1))
        shares = np.unique(np.concatenate([1 - first, first * rest], axis=1), axis=0)
    return shares


@dataclass(frozen=True, eq=False)
class Optimum:
    """A law of posteriors as weighted vectors, shape (n, atoms), and what proves it.

    The prior itself has the weight `share`, what is in `parts` the rest; cost is the reduced cost of its multipliers,
    bound a lower bound of it, error that of the slope.
    """

    parts: Array
    share: float
    cost: ReducedCost
    slope: float
    bound: float
    error: float

    @property
    def proven(self) -> bool:
        """Whether the bound on all posteriors leaves the slope no gap to speak of."""
        return self.error <= PROVEN * self.slope


@dataclass(frozen=True, eq=False)
class Programme:
    """The programme for a prior on atoms between -1 and 1; sign is 1 for the least slope, -1 for the greatest."""

    channel: PosteriorChannel
    prior: Array
    sign: float

    @cached_property
    def most(self) -> float:
        """The uncertainty where nothing is told."""
        return float(self.prior @ self.channel.gradients(self.prior[None])[0][0])

    @cached_property
    def unit(self) -> float:
        """The slope where nothing is told."""
        return float(self.prior @ self.channel.gradients(self.prior[None])[1][0])

    @cached_property
    def symmetric(self) -> bool:
        """Whether s and -s have the same law."""
        return symmetric(self.channel.atoms, self.prior)

    @cached_property
    def orbits(self) -> Array:
        """Rows of the atoms that the symmetry exchanges, shape (orbits, atoms)."""
        unit = np.eye(len(self.prior))
        if not self.symmetric:
            return unit
        both = np.maximum(unit, unit[::-1])
        return np.asarray(both[: (len(unit) + 1) // 2])

    @cached_property
    def corners(self) -> Array:
        """The corners of the simplex, or of the half of it that its mirror image completes."""
        unit = np.eye(len(self.prior))
        if not self.symmetric or len(unit) > FEW_ATOMS:
            return unit
        return np.concatenate([unit[len(unit) // 2 :], (unit[:1] + unit[-1:]) / 2])

    def grid(self, number: int = NUMBER) -> Array:
        """Return posteriors to start from: log-odds at equal distances, and the prior itself."""
        if len(self.prior) <= FEW_ATOMS:
            return np.concatenate([_shares(len(self.corners), number) @ self.corners, self.prior[None]])
        atoms = self.channel.atoms
        # between two values, between three, and what Gaussian fields and precisions of every strength leave
        parts = [self.prior[None]]
        for few, fine in ((2, number), (3, number // 4)):
            for some in itertools.combinations(range(len(atoms)), few):
                parts.append(_shares(few, fine) @ np.eye(len(atoms))[list(some)])
        field, precision = np.meshgrid(FAR * np.linspace(-1, 1, number), np.append(0, 2.0 ** np.arange(-4, 6)))
        tilt = np.log(self.prior) + field.reshape(-1, 1) * atoms - precision.reshape(-1, 1) * atoms**2 / 2
        parts.append(as_posteriors(np.exp(tilt - tilt.max(axis=1, keepdims=True))))
        return np.concatenate(parts)

    def _on_grid(self, grid: Array, uncertainty: float) -> tuple[Array, ReducedCost]:
        """Solve the programme for posteriors of a grid: those that carry weight, times it, and the multipliers."""
        from scipy.optimize import linprog

        e, s = self.channel.values(grid)
        masses = self.orbits @ self.prior
        rows = np.vstack([(self.orbits @ grid.T) / masses[:, None], e / uncertainty])
        # columns and rows of size one, for tolerances that are absolute
        size, unit = rows.max(axis=0), self.unit
        for tolerance in ACCURACIES:
            options = {"primal_feasibility_tolerance": tolerance, "dual_feasibility_tolerance": tolerance}
            found = linprog(self.sign * s / (unit * size), A_eq=rows / size, b_eq=np.ones(len(rows)), options=options)
            if found.x is not None:
                break
        else:
            raise NumericalError(f"the linear programme was not solved at snr {self.channel.snr:g}: {found.message}")
        multipliers = unit * found.eqlin.marginals
        weights = found.x / size
        cost = self._cost(multipliers[:-1] / masses, multipliers[-1] / uncertainty)
        heavy = weights > LIGHT
        return weights[heavy, None] * grid[heavy], cost

    def _cost(self, prices: Array, charge: float) -> ReducedCost:
        return ReducedCost(self.channel, self.sign, float(charge), self.orbits.T @ prices)

    def _merged(self, parts: Array, cost: ReducedCost) -> list[Array]:
        """Merge posteriors between which the reduced cost has no barrier: neighbours on the grid around one minimum."""
        left = list(parts)
        while True:
            for i, j in itertools.combinations(range(len(left)), 2):
                ends = [left[i] / left[i].sum(), left[j] / left[j].sum()]
                between = cost.values(np.array([ends[0] + t * (ends[1] - ends[0]) for t in (0, 0.25, 0.5, 0.75, 1)]))
                if between[1:-1].max() <= max(between[0], between[-1]):
                    left[i] = left[i] + left.pop(j)
                    break
            else:
                return left

    def _directions(self, part: Array) -> Array:
        """Return as columns the atoms a posterior does not exclude; those it cannot tell apart are one."""
        if self.symmetric and np.array_equal(part, part[::-1]):
            return self.orbits[(self.orbits @ part) > 0].T
        return np.eye(len(part))[:, part > 0]

    def _polished(self, parts: list[Array], cost: ReducedCost, uncertainty: float) -> tuple[Array, ReducedCost] | None:
        """Solve the conditions of an optimum by Newton's method; None where it does not converge."""
        along = [self._directions(part) for part in parts]
        ends = np.cumsum([0, *(a.shape[1] for a in along)])
        logs = np.concatenate([np.log(a.T @ part / a.sum(axis=0)) for a, part in zip(along, parts, strict=True)])
        price = np.array([cost.prices[row > 0][0] for row in self.orbits])
        for _ in range(STEPS):
            points = [a * np.exp(logs[i:j]) for a, i, j in zip(along, ends, ends[1:], strict=False)]
            vectors = np.array([p.sum(axis=1) for p in points])
            matrix, residual, miss = self._conditions(points, along, cost, uncertainty)
            if miss < RESIDUAL:
                return vectors, cost
            with np.errstate(divide="ignore", invalid="ignore"):
                column = np.abs(matrix).max(axis=0)
                row = np.abs(matrix / column).max(axis=1)
                scaled = matrix / column / row[:, None]
            if not np.isfinite(scaled).all() or np.linalg.cond(scaled) > WORST_CONDITION:
                return None
            step = np.linalg.solve(scaled, -residual / row) / column
            step /= max(np.abs(step[: ends[-1]]).max(), 1.0)
            logs, price = logs + step[: ends[-1]], price + step[ends[-1] : -1]
            cost = self._cost(price, cost.charge + step[-1])
        return None

    def _conditions(
        self, points: list[Array], along: list[Array], cost: ReducedCost, uncertainty: float
    ) -> tuple[Array, Array, float]:
        """Return the equations of an optimum: their derivatives, by how much they are missed, and that relatively."""
        vectors = np.array([p.sum(axis=1) for p in points])
        e, s = self.channel.gradients(vectors)
        slopes = self.sign * s - cost.charge * e - cost.prices
        unknown = sum(a.shape[1] for a in along)
        matrix = np.zeros((unknown + len(self.orbits) + 1,) * 2)
        blocks, at = [], 0
        for a, point, vector, slope, of_point in zip(along, points, vectors, slopes, e, strict=True):
            here = slice(at, at := at + a.shape[1])
            of_e, of_s = self.channel.curvatures(vector)
            blocks.append(a.T @ slope)
            matrix[here, here] = a.T @ (self.sign * of_s - cost.charge * of_e) @ point
            matrix[here, unknown:-1], matrix[here, -1] = -(a.T @ self.orbits.T), -(a.T @ of_point)
            matrix[unknown:-1, here], matrix[-1, here] = self.orbits @ point, of_point @ point
        masses, total = self.orbits @ self.prior, (vectors * e).sum()
        missing = self.orbits @ vectors.sum(axis=0) - masses
        # for rare values the terms are much larger than the slope, and so is their rounding
        rounding = ROUNDING * (np.abs(s) + np.abs(cost.charge * e) + np.abs(cost.prices))
        first = (vectors * (np.abs(slopes) - rounding))[np.array([a.any(axis=1) for a in along])]
        miss = max(first.max() / self.unit, np.abs(missing / masses).max(), abs(total / uncertainty - 1))
        return matrix, np.concatenate([*blocks, missing, [total - uncertainty]]), float(miss)

    def followed(self, uncertainty: float, near: Optimum | None) -> Optimum:
        """Return what an optimum `near` becomes at an uncertainty rho - q, or the grid's own, polished.

        Either is looked at on a grid only; where that finds it wanting the programme is solved in full.
        """
        inside, grid = min(uncertainty, (1 - NEAREST) * self.most), self.grid(FEWER)
        for attempt in range(2):
            if attempt:
                parts, cost = self._on_grid(self.grid(), inside)
                found = self._polished(self._merged(parts, cost), cost, inside)
            else:
                found = None if near is None else self._polished(list(near.parts), near.cost, inside)
            if found is None or (bound := found[1].values(grid).min()) <= -NOTHING * self.unit - 8 * EPS:
                continue
            if len(self.prior) <= FEW_ATOMS or not len(found[1].descended(grid, NOTHING * self.unit, FEWER)):
                return self._between(*found, float(bound), uncertainty)
        return self.solve(uncertainty, FEWEST_PLACES)

    def solve(self, uncertainty: float, places: int = FEWER_PLACES) -> Optimum:
        """Return the optimum at an uncertainty rho - q, with its certificate on the whole simplex.

        With more than three values the certificate is that of a number of places, and need not be a proof.

        Where many laws are equally good, as they are at small snr, Newton's method has no one law to polish; the
        programme's own is then returned, on a grid that gets finer around it, with the larger gap it leaves.
        """
        inside = min(uncertainty, (1 - NEAREST) * self.most)
        grid, distance, few = self.grid(), 2 * FAR / NUMBER, len(self.prior) <= FEW_ATOMS
        for left in reversed(range(ROUNDS)):
            parts, cost = self._on_grid(grid, inside)
            polished = self._polished(self._merged(parts, cost), cost, inside)
            for law, own in [(parts, cost)] if polished is None else [polished, (parts, cost)]:
                dual = own.charge * inside + float(own.prices @ self.prior)
                tolerance = max(TOLERANCE * abs(dual), SMALLEST * self.unit)
                if left and not few and len(found := own.descended(grid, tolerance)):
                    grid = np.concatenate([grid, found])
                    break
                bound, found = own.least(self.corners, tolerance, MOST_PLACES if few else places)
                optimum = self._between(law, own, bound, uncertainty)
                if not len(found):
                    return optimum
                grid = np.concatenate([grid, found])
            distance /= ZOOM
            grid = np.concatenate([grid, *(self._neighbours(part, distance) for part in parts)])
        return optimum

    def _between(self, parts: Array, cost: ReducedCost, bound: float, uncertainty: float) -> Optimum:
        """Return a law mixed with the prior itself to have the uncertainty, and the gap to what the dual allows."""
        e, s = (float((parts * x).sum()) for x in self.channel.gradients(parts))
        share = max((uncertainty - e) / (self.most - e), 0.0) if uncertainty > (1 - NEAREST) * self.most else 0.0
        slope = (1 - share) * s + share * self.unit
        charges = np.append(cost.charge * uncertainty, cost.prices * self.prior)
        rounding = RESIDUAL * float(np.abs(charges).sum() + slope)
        gap = abs(self.sign * slope - float(charges.sum()) - min(bound, 0.0))
        if self.sign > 0:
            gap = min(gap, slope - uncertainty**2)  # Jensen
        return Optimum(parts, share, cost, slope, bound - rounding, gap + rounding)

    def _neighbours(self, part: Array, distance: float) -> Array:
        """Return a posterior and those whose log-odds differ by a distance in one direction."""
        ways = self._directions(part).T * distance
        near = part * np.exp(np.concatenate([0 * ways[:1], ways, -ways]))
        return as_posteriors(near)


@dataclass(frozen=True, eq=False)
class Atoms:
    """The atoms of a prior in units in which they lie between -1 and 1: the value a is centre + unit times an atom."""

    places: Array
    probabilities: Array
    order: Index
    unit: float

    @classmethod
    def of(cls, prior: MixturePrior) -> Atoms:
        """Return those of a prior, or raise an `InputError` if they are too many."""
        means, probabilities = prior.mixture.means, prior.mixture.probabilities
        if len(means) > MOST_ATOMS:
            raise InputError(
                f"best_path is there for priors of at most {MOST_ATOMS} values, got {len(means)}; for any prior "
                "xi''(q) (rho - q)^2 < 1 is necessary (Jensen)"
            )
        order = np.argsort(means)
        low, high = float(means[order[0]]), float(means[order[-1]])
        unit = 0.5 * (high - low)
        places = np.clip((means[order] - low) / unit - 1, -1.0, 1.0)
        places[-1] = 1.0
        return cls(places, probabilities[order], order, unit)

    @property
    def largest_snr(self) -> float:
        """The largest snr at which programmes are solved, in the prior's own units."""
        return LARGEST_SNR / self.unit**2

    def programme(self, snr: float, sign: float) -> Programme:
        """Return the programme at an snr in the prior's own units, or raise an `InputError` if that is too large."""
        if not 0 < snr <= self.largest_snr:
            raise InputError(
                f"snr must be positive and at most {self.largest_snr:g} for values so far apart, got {snr:g}: what "
                "side information tells beyond is below the range of doubles"
            )
        return Programme(PosteriorChannel(self.places, snr * self.unit**2), self.probabilities, sign)

    def back(self, values: Array) -> tuple[float, ...]:
        """Return numbers of the atoms in the order of the prior."""
        ordered = np.empty_like(values)
        ordered[self.order] = values
        return tuple(ordered.tolist())


@lru_cache(maxsize=16)
def optimum(prior: MixturePrior, gap: float, snr: float, sign: float) -> Optimum:
    """Return the optimum with its certificate, in units of the atoms: a threshold and its certificate ask for one."""
    atoms = Atoms.of(prior)
    return atoms.programme(snr, sign).solve(gap / atoms.unit**2)


def law_of(atoms: Atoms, found: Optimum) -> Law:
    """Return the law of an optimum: weights and posteriors, in the order of the prior's values."""
    law, parts = [], [(1 - found.share) * part for part in found.parts]
    mirrored = symmetric(atoms.places, atoms.probabilities)
    for part in [*parts, *([found.share * atoms.probabilities] if found.share else [])]:
        images = [part] if np.array_equal(part, part[::-1]) or not mirrored else [part / 2, part[::-1] / 2]
        law += [(float(v.sum()), atoms.back(v / v.sum())) for v in images]
    return tuple(law)


@least_slope.register(Discrete)
@least_slope.register(SparseRademacher)
def _of_atoms(prior: MixturePrior, overlap: float, snr: float) -> LeastSlope:
    atoms, gap = Atoms.of(prior), prior.second_moment - overlap
    most = atoms.programme(snr, 1.0).most * atoms.unit**2
    if not 0 < gap <= most * (1 + MARGIN):
        raise InputError(
            f"overlap must lie between M(x) = {prior.second_moment - most:.9g} and {prior.second_moment:.9g}, "
            f"got {overlap:.9g}"
        )
    best, size = optimum(prior, gap, snr, 1.0), atoms.unit**4
    greatest = None
    if len(atoms.places) <= FEW_ATOMS:
        greatest = size * atoms.programme(snr, -1.0).followed(gap / atoms.unit**2, None).slope
    return LeastSlope(
        overlap, snr, best.slope * size, greatest=greatest, law=law_of(atoms, best),
        multipliers=(best.cost.charge * atoms.unit**2, *(size * x for x in atoms.back(best.cost.prices))),
        reduced_cost=best.bound * size, error=best.error * size,
    )  # fmt: skip


@least_reduced_cost.register(Discrete)
@least_reduced_cost.register(SparseRademacher)
def _of_atoms_again(prior: MixturePrior, found: LeastSlope) -> float:
    atoms = Atoms.of(prior)
    programme, size = atoms.programme(found.snr, 1.0), atoms.unit**4
    prices = np.array(found.multipliers[1:])[atoms.order] / size
    cost = ReducedCost(programme.channel, 1.0, found.multipliers[0] / atoms.unit**2, prices)
    mirrored = programme.symmetric and np.array_equal(prices, prices[::-1])
    bound, _ = cost.least(programme.corners if mirrored else np.eye(len(prices)), TOLERANCE * found.slope / size)
    return size * bound - RESIDUAL * (found.slope + float(np.abs(found.multipliers[1:]).sum()))
