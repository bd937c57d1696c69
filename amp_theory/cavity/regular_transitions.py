"""Transitions of regular graphs over all their densities d/k, degree by degree.

At zero strength the overlaps that are no fixed points, because fewer factors give as much, grow with the degree; with
them what coexists is found by bisection in the degree.  Special points are the smallest densities of graphs with a
property: no number in between is meant.

- dynamical: the smallest density at which a second stable branch exists at zero strength;
- condensation: the smallest at which the uninformed branch is not the equilibrium at zero strength, by a jump;
- algorithmic: the smallest at which the uninformed branch has gone, by a jump;
- tricritical: none, for two branches become one between two densities at best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.along_path import PathTransitions, path_transitions
from amp_theory.branches import ZeroBranch
from amp_theory.cavity.isotherm_table import LARGEST, LOOSE_END
from amp_theory.cavity.regular_graphs import FullRecovery, RegularEquationOfState, isotherm, zero_strength
from amp_theory.folds import FoldCurve, FoldPiece
from amp_theory.isotherm import Branch, Crossing, Isotherms, Transitions, joined
from amp_theory.lines import LINES, Line
from amp_theory.paths import Flow, Path
from amp_theory.quadrature import Array
from amp_theory.results import Located, Origin, Thresholds
from amp_theory.surface import Surface

if TYPE_CHECKING:
    from amp_theory.cavity.sparse_models import SparseModel

#: degrees are searched up to this multiple of that of weak recovery or of the first-moment bound, and at least to this
FARTHEST, LEAST_FARTHEST = 4, 64
#: the largest degree that is looked at
MOST = 2**20
#: where the path begins to fail is looked for first, in units of the dynamical degree
EARLIER = 0.9
#: degrees that are looked at one by one where no bisection is possible
SCANNED = 24
#: relative distance at which the edge of a range counts as a density, and why a line ends elsewhere
EDGE, NEXT = 1e-9, "none at the next density"
#: relative difference of free entropies that is rounding
LEVEL_NOISE = 1e-12


class RegularTransitions(Transitions):
    """What answers for regular graphs of all degrees: isotherms of their own for every density."""

    def __init__(self, model: SparseModel, path: Path) -> None:
        self.model = model
        self.path = path
        self.eos = RegularEquationOfState(model, path)

    @property
    def discrete(self) -> RegularTransitions:  # type: ignore[override]
        """Itself."""
        return self

    # --- one density ---

    def at(self, intensity: float) -> Transitions:
        """Return the folds and branches at one density with an integer degree."""
        return isotherm(self.model, self.path, self.model.degree(intensity))

    def branches(self, intensity: Array) -> list[list[Branch]]:
        """Return the stable branches at strength >= 0 of every isotherm."""
        return [self.at(float(x)).branches(np.array([x]))[0] for x in intensity]

    def isotherms(self, intensity: Array) -> Isotherms:
        """Return the branches and transitions at every density, shape (n,)."""
        parts = [self.at(float(x)).isotherms(np.array([x])) for x in intensity]
        none = Surface(*(np.zeros(0) for _ in Surface.__slots__))
        strength, lower, upper, crossings, count = np.zeros(0), none, none, [], 0
        for part in parts:
            crossings.append([Crossing(c.b, c.c, c.index + count) for c in part.crossings[0]])
            strength = np.concatenate([strength, part.strength])
            lower, upper = joined(lower, part.lower), joined(upper, part.upper)
            count += len(part.strength)
        branches, first = [p.branches[0] for p in parts], [p.first[0] for p in parts]
        return Isotherms(intensity, branches, first, crossings, strength, lower, upper)

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
    def _farthest(self) -> int:
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
    def _first_informed(self) -> int | None:
        """The smallest degree at which something but q = 0 is stable at zero strength."""
        return _first(self._informed, 1, self._farthest, self._guess)

    @property
    def _scan(self) -> range:
        """The degrees at which a second branch is looked for."""
        first = self._first_informed
        # where q = 0 loses its stability continuously a second branch may come later
        return range(0) if first is None else range(first, min(first + SCANNED, self._farthest) + 1)

    @cached_property
    def dynamical(self) -> int | None:
        """The smallest degree with two stable branches at zero strength."""
        return next((d for d in self._scan if len(self.coexisting(d)) > 1), None)

    @cached_property
    def condensation(self) -> int | None:
        """The smallest degree from the dynamical one on at which the uninformed branch is not the equilibrium."""
        if self.dynamical is None:
            return None
        return _first(self._condensed, self.dynamical, self._farthest)

    @cached_property
    def algorithmic(self) -> int | None:
        """The smallest degree from the dynamical one on at which the uninformed branch has gone."""
        if self.dynamical is None or np.isinf(self.model.weak_recovery):
            return None
        guess = int(self.model.factor.k * self.model.weak_recovery) + 1
        return _first(self._jumped, self.dynamical, self._farthest, guess)

    # --- along the path ---

    def fails(self, degree: int) -> bool:
        """Tell whether the uninformed branch ends by a fold at positive strength."""
        branches = self.branches(np.array([degree / self.model.factor.k]))[0]
        return branches[0].dies is not None

    @cached_property
    def failing(self) -> tuple[int, int | None] | None:
        """The first and last degree at which the path crosses a first-order transition; None if there is no last."""
        if self.dynamical is None:
            return self._scanned
        if not self.fails(self.dynamical):
            return None
        first = _first(self.fails, 1, self.dynamical, round(EARLIER * self.dynamical))
        assert first is not None
        return first, None if self.algorithmic is None else self.algorithmic - 1

    @cached_property
    def _scanned(self) -> tuple[int, int] | None:
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
        piece = FoldPiece(nothing, nothing, np.array([least, limit]), False, (False, False), limit, least)
        return FoldCurve((piece,), ())

    @cached_property
    def zero(self) -> list[ZeroBranch]:  # type: ignore[override]
        """The branches at zero strength as far as verdicts ask: q = 0, and the first other one."""
        k = self.model.factor.k
        branches = [ZeroBranch(0.0, 0.0, 0.0, self.eos.start, null=True)]
        if self.dynamical is not None:
            branches.append(ZeroBranch(LARGEST, np.inf, self.dynamical / k, np.inf))
        return branches

    # --- lines ---

    def densities(self, control_range: tuple[float, float], points: int) -> Array:
        """Return the densities of graphs in a range, at most `points` of them evenly chosen."""
        k = self.model.factor.k
        least, most = (k * x for x in control_range)
        degrees = np.arange(max(1, int(np.ceil(least * (1 - EDGE)))), int(np.floor(most * (1 + EDGE))) + 1)
        if len(degrees) > points:
            degrees = degrees[np.unique(np.round(np.linspace(0, len(degrees) - 1, points)).astype(int))]
        return np.asarray(degrees / k)

    def lines(self, control_range: tuple[float, float], points: int) -> dict[str, Line]:
        """Return the lines of a diagram: points at the densities of graphs, at most `points` of them evenly chosen.

        Points of neighbouring densities with the same place in the order of strengths are connected.
        """
        found = [path_transitions(self.model, self.path, float(x)) for x in self.densities(control_range, points)]
        return {name: self._line(name, found) for name in LINES}

    def _line(self, name: str, found: list[PathTransitions]) -> Line:
        """Return one line from the transitions at ascending densities."""
        most = max((len(getattr(f, name)) for f in found), default=0)
        rows: list[tuple[float, ...]] = []
        ends: list[tuple[str, str]] = []
        for place in range(most):
            here = [i for i, f in enumerate(found) if len(getattr(f, name)) > place]
            for run in np.split(np.array(here), np.flatnonzero(np.diff(here) > 1) + 1):
                for i in run:
                    point = getattr(found[i], name)[place]
                    lower = found[i].lower_overlaps[place] if name == "first_order" else np.nan
                    rows.append((point.control, point.strength, point.overlap, lower,
                                 point.errors[self.path.strength], len(ends)))  # fmt: skip
                first, last = (
                    "edge of the range" if run[i] == edge else NEXT for i, edge in ((0, 0), (-1, len(found) - 1))
                )
                ends.append((first, last))
        columns = np.array(rows, dtype=float).reshape(-1, 6).T
        low = columns[3] if name == "first_order" else None
        return Line(columns[0], columns[1], columns[2], low, columns[4], columns[5].astype(int), tuple(ends))

    # --- special points ---

    def _located(self, degree: int, which: int, how: str) -> Located:
        """Return a branch at a degree as a special point: the density is exact."""
        model, k = self.model, self.model.factor.k
        z, _ = self.coexisting(degree)[which]
        tr = isotherm(model, Flow(), degree)
        overlap, error = 1.0, 0.0
        if np.isinf(z):
            at = tr.eos.recovered(np.array([degree / k]), np.zeros(1))
            error = float(tr.eos.errors(at).overlap[0])
        else:
            f = tr.eos.surface(np.array([z]), 0.0)
            bounds = tr.eos.errors(f)
            error = float((f.overlap_z * bounds.signal / np.abs(f.fold) + bounds.overlap)[0])
            overlap = float(f.overlap[0])
        errors = {model.control: 0.0, "overlap": 4 * error}
        return Located(degree / k, overlap, errors, model.control, how=f"{how} (degree {degree} of regular graphs)")

    def thresholds(self) -> Thresholds:
        """Return the special points: densities of graphs, the smallest with a property."""
        found: dict[str, Located | str] = {
            "dynamical": self._dynamical(), "condensation": self._condensation(),
            "algorithmic": self._algorithmic(), "weak_recovery": self._weak_recovery(),
        }  # fmt: skip
        reasons = {name: point for name, point in found.items() if isinstance(point, str)}
        reasons["tricritical"] = self._no_tricritical()
        dynamical, condensation, algorithmic, weak = (
            replace(p, origin=Origin(self.model, self.path, n)) if isinstance(p, Located) else None
            for n, p in found.items()
        )
        model = self.model
        return Thresholds(
            model.name, self.path.name, model.control, self.path.strength, model.parameters, dynamical, condensation,
            algorithmic, weak, None, reasons, bounds=model.bounds,
        )  # fmt: skip

    @property
    def _searched(self) -> str:
        """What was looked at, where no second branch was found."""
        if self._first_informed is None:
            return f"up to degree {self._farthest}, as far as was searched"
        return f"up to degree {self._scan[-1]}, as far as was searched"

    def _dynamical(self) -> Located | str:
        if self.dynamical is None:
            return f"no second branch exists at zero strength on regular graphs, {self._searched}"
        return self._located(self.dynamical, 1, "the smallest density with a second stable branch at zero strength")

    def _condensation(self) -> Located | str:
        if self.dynamical is None:
            return f"the equilibrium branch does not jump at zero strength on regular graphs, {self._searched}"
        if self.condensation is None:
            return f"the uninformed branch is the equilibrium on regular graphs up to degree {self._farthest}"
        return self._located(
            self.condensation, -1, "the smallest density at which the uninformed branch is not the equilibrium"
        )

    def _algorithmic(self) -> Located | str:
        if np.isinf(self.model.weak_recovery):
            return "q = 0 is stable at every density"
        if self.dynamical is None:
            return f"the uninformed branch changes continuously on regular graphs, {self._searched}"
        if self.algorithmic is None:
            return f"the uninformed branch exists on regular graphs up to degree {self._farthest}"
        return self._located(self.algorithmic, -1, "the smallest density at which the uninformed branch has gone")

    def _weak_recovery(self) -> Located | str:
        eos, k = self.eos, self.model.factor.k
        if np.isinf(eos.start):
            return f"q = 0 is stable at every density: {eos.no_weak_recovery}"
        first = int(np.floor(k * eos.start)) + 1
        how = f"{eos.weak_recovery_rule}; on regular graphs q = 0 is unstable from degree {first} on"
        return Located(eos.start, 0.0, {self.model.control: 1e-14 * eos.start, "overlap": 0.0}, "density", how=how)

    def _no_tricritical(self) -> str:
        k, path = self.model.factor.k, self.path.name
        only = f"the density of regular graphs is a multiple of 1/{k}"
        if self.failing is None:
            return f"{only}, and at none does the {path} path meet a first-order transition"
        first, last = self.failing
        until = "on" if last is None else f"to {last}/{k} = {last / k:.12g}"
        return (
            f"{only}, between which branches merge: the {path} path meets a first-order transition from density "
            f"{first}/{k} = {first / k:.12g} {until}"
        )


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
