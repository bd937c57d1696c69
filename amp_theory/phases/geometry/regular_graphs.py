"""Regular graphs of all their densities d/k: a geometry of its own for every degree, and where degrees change it.

At zero strength the overlaps that are no fixed points, because fewer factors give as much, grow with the degree; with
them what coexists is found by bisection in the degree.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.sparse.isotherm_table import LARGEST, LOOSE_END
from amp_theory.equations_of_state.sparse.regular_graphs import (
    FullRecovery,
    RegularEquationOfState,
    RegularIsotherm,
    zero_strength,
)
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Flow
from amp_theory.phases.geometry.branches import ZeroBranch
from amp_theory.phases.geometry.folds import FoldCurve, FoldPiece
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.geometry.one_by_one import OneByOne
from amp_theory.tools.arrays import Array

if TYPE_CHECKING:
    from amp_theory.models.sparse import SparseModel

#: degrees are searched up to this multiple of that of weak recovery or of the first-moment bound, and at least to this
FARTHEST, LEAST_FARTHEST = 4, 64
#: the largest degree that is looked at
MOST = 2**20
#: where the path begins to fail is looked for first, in units of the dynamical degree
EARLIER = 0.9
#: degrees that are looked at one by one where no bisection is possible
SCANNED = 24
#: relative distance at which the edge of a range counts as a density
EDGE = 1e-9
#: relative difference of free entropies that is rounding
LEVEL_NOISE = 1e-12


@lru_cache(maxsize=1024)
def isotherm(model: SparseModel, path: Path, degree: int) -> Geometry:
    """Return the (cached) folds and branches of a model at one degree."""
    return Geometry(RegularIsotherm(model, path, degree))


class RegularGeometry(OneByOne):
    """What answers for regular graphs of all degrees: isotherms of their own for every density."""

    discrete = True

    def __init__(self, eos: RegularEquationOfState) -> None:
        self.eos: RegularEquationOfState = eos
        self.model: SparseModel = eos.model
        self.path = eos.path

    # --- one density ---

    def at(self, intensity: float) -> Geometry:
        """Return the folds and branches at one density with an integer degree."""
        return isotherm(self.model, self.path, self.model.degree(intensity))

    # --- zero strength ---

    def coexisting(self, degree: int) -> list[tuple[float, float]]:
        """Return (z, free entropy) of the stable branches at zero strength, ascending; 0 is q = 0, infinity q = 1."""
        zero = zero_strength(self.model, degree)
        found = [(0.0, 0.0)] if zero.starts_allowed else []
        z, stable = zero.fixed_points()
        if np.any(stable):
            levels = zero.fine.solve_all(z[stable], diluted=True, accuracy=LOOSE_END).free_entropy
            found += [(float(a), float(b)) for a, b in zip(z[stable], levels, strict=True)]
        if not zero.last_allowed:
            recovery = FullRecovery(self.model, Flow())
            found.append((np.inf, float(recovery.free_entropy(np.array(degree / self.model.factor.k), np.zeros(())))))
        return found

    def _informed(self, degree: int) -> bool:
        """Tell whether anything but q = 0 is stable at zero strength; true from some degree on."""
        return any(z > 0 for z, _ in self.coexisting(degree))

    def _jumped(self, degree: int) -> bool:
        """Tell, from the dynamical degree on, whether the uninformed branch has gone."""
        return len(self.coexisting(degree)) == 1

    def _condensed(self, degree: int) -> bool:
        """Tell, from the dynamical degree on, whether the uninformed branch is not the equilibrium, or has gone."""
        here = self.coexisting(degree)
        noise = LEVEL_NOISE * max(1.0, max(abs(level) for _, level in here))
        return len(here) == 1 or max(level for _, level in here[1:]) >= here[0][1] - noise

    @cached_property
    def searched(self) -> int:
        """The largest degree that is searched for special points."""
        k = self.model.factor.k
        known = [self.model.weak_recovery, self.model.satisfiability_bound or np.inf, self._paramagnet]
        scale = min(x for x in known if x is not None)
        return min(max(FARTHEST * round(k * scale), LEAST_FARTHEST), MOST) if np.isfinite(scale) else MOST

    @property
    def _paramagnet(self) -> float:
        """The density at which what the factors tell about the planted configuration reaches log 2."""
        factor = self.model.factor
        per_factor = factor.weight_entropy - float(np.log(factor.mean_weight))
        return float(np.log(2)) / per_factor

    @cached_property
    def _guess(self) -> int:
        """About the degree at which fixed points q > 0 appear at zero strength, from the curve at another."""
        k = self.model.factor.k
        other = min(max(round(k * min(self._paramagnet, self.model.weak_recovery)), 3), MOST)
        return max(1, round(other * zero_strength(self.model, other).least_kept))

    @cached_property
    def first_informed(self) -> int | None:
        """The smallest degree at which something but q = 0 is stable at zero strength."""
        return _first(self._informed, 1, self.searched, self._guess)

    @property
    def scanned(self) -> range:
        """The degrees at which a second branch is looked for."""
        first = self.first_informed
        # where q = 0 loses its stability continuously a second branch may come later
        return range(0) if first is None else range(first, min(first + SCANNED, self.searched) + 1)

    @cached_property
    def dynamical(self) -> int | None:
        """The smallest degree with two stable branches at zero strength."""
        return next((d for d in self.scanned if len(self.coexisting(d)) > 1), None)

    @cached_property
    def condensation(self) -> int | None:
        """The smallest degree from the dynamical one on at which the uninformed branch is not the equilibrium."""
        if self.dynamical is None:
            return None
        return _first(self._condensed, self.dynamical, self.searched)

    @cached_property
    def algorithmic(self) -> int | None:
        """The smallest degree from the dynamical one on at which the uninformed branch has gone."""
        if self.dynamical is None or np.isinf(self.model.weak_recovery):
            return None
        guess = int(self.model.factor.k * self.model.weak_recovery) + 1
        return _first(self._jumped, self.dynamical, self.searched, guess)

    # --- along the path ---

    def fails(self, degree: int) -> bool:
        """Tell whether the uninformed branch ends by a fold at positive strength."""
        branches = self.branches(np.array([degree / self.model.factor.k]))[0]
        return branches[0].dies is not None

    @cached_property
    def failing(self) -> tuple[int, int | None] | None:
        """The first and last degree at which the path crosses a first-order transition; None if there is no last."""
        if self.dynamical is None:
            return self._failing_alone
        if not self.fails(self.dynamical):
            return None
        first = _first(self.fails, 1, self.dynamical, round(EARLIER * self.dynamical))
        assert first is not None
        return first, None if self.algorithmic is None else self.algorithmic - 1

    @cached_property
    def _failing_alone(self) -> tuple[int, int] | None:
        """The failing degrees among those around weak recovery, where nothing coexists at zero strength."""
        if np.isinf(self.model.weak_recovery):
            return None
        top = int(self.model.factor.k * self.model.weak_recovery) + SCANNED // 4
        found = [d for d in range(max(1, top - SCANNED // 2), top + 1) if self.fails(d)]
        return (found[0], found[-1]) if found else None

    # --- for verdicts over all densities ---

    @cached_property
    def curve(self) -> FoldCurve:  # type: ignore[override]
        """The densities at which the path crosses a first-order transition, as one piece of a fold curve."""
        if self.failing is None:
            return FoldCurve((), ())
        k, (first, last) = self.model.factor.k, self.failing
        least, limit = first / k, np.inf if last is None else last / k
        nothing = np.full(2, np.nan)
        piece = FoldPiece(
            coordinate=nothing, strength=nothing, intensity=np.array([least, limit]), appears=False,
            cusps=(False, False), limit=limit, least=least,
        )  # fmt: skip
        return FoldCurve((piece,), ())

    @property
    def unseen_strength(self) -> None:
        """None: there is no curve through all degrees, next to whose start something could be missed."""
        return None

    @cached_property
    def zero(self) -> list[ZeroBranch]:  # type: ignore[override]
        """The branches at zero strength as far as verdicts ask: q = 0, and the first other one."""
        k = self.model.factor.k
        branches = [ZeroBranch(0.0, 0.0, 0.0, self.eos.start, null=True)]
        if self.dynamical is not None:
            branches.append(ZeroBranch(LARGEST, np.inf, self.dynamical / k, np.inf))
        return branches

    # --- which densities there are ---

    def controls(self, control_range: tuple[float, float], points: int) -> Array:
        """Return the densities of graphs in a range, at most `points` of them evenly chosen."""
        k = self.model.factor.k
        least, most = (k * x for x in control_range)
        degrees = np.arange(max(1, int(np.ceil(least * (1 - EDGE)))), int(np.floor(most * (1 + EDGE))) + 1)
        if len(degrees) > points:
            degrees = degrees[np.unique(np.round(np.linspace(0, len(degrees) - 1, points)).astype(int))]
        return np.asarray(degrees / k)


def _first(property_: Callable[[int], bool], low: int, high: int, guess: int | None = None) -> int | None:
    """Return the smallest integer in [low, high] with a property that larger ones keep; None if there is none.

    Steps away from the guess, by default `low`, grow until they bracket it; then bisection.
    """
    at = min(max(low if guess is None else guess, low), high)
    below, above, step = low - 1, high + 1, 1
    while below < at < above:
        if property_(at):
            above, at = at, max(at - step, low)
        else:
            below, at = at, min(at + step, high)
        if below >= low and above <= high:
            break
        step *= 2
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (below, middle) if property_(middle) else (middle, above)
    return above if above <= high else None
