"""The spine: what the geometry of transitions asks of a model along a path, and all that it asks.

An equation of state is the set of all fixed points of (model, path) as one explicit surface: at every coordinate z > 0
and internal strength s >= 0 of side information there is exactly one intensity (a monotone function of the control, in
which inference gets easier) at which they belong to a fixed point,

    intensity = intensity(z, s),    q = q(z, s),    phi = phi(z, s).

The contract, which folds, branches, lines, thresholds and verdicts rest on:

- *Coordinate.*  Any z in (0, infinity) in which the overlap q(z, s) rises at constant s, from the least overlap
  (z -> 0) to the largest.  At zero strength the fixed point q = 0, where there is one, is z = 0, no point of the
  surface.
- *Strength.*  Internal, additive: d intensity/ds < 0 at constant z everywhere, so that at a given intensity at most one
  strength makes z a fixed point.
- *Stability.*  `fold` F is A' d intensity/dz, positive on stable fixed points, zero at folds.  The scale A' > 0 is any
  that makes F of order one away from folds (of dense models 1 - K dq/dz): F below 1e-7 counts as zero on the way.
- *Derivatives.*  Those named in `Surface`: of the intensity, of `fold` and of q in z and s, of phi in s; and the
  identity d phi = (d phi/ds at constant intensity) ds + (A/2) d intensity, A being `Surface.scaled`.
- *Errors.*  `errors` bounds what `surface` returns, absolutely; every error bound of the package comes from there.
- *More order parameters.*  Those of a second kind of variables are eliminated at constant z and s, which must leave one
  intensity; the overlap, and what else the surface gives, is that of the first kind, `second_overlap` the other one.
- *Infinite and missing values.*  Where no control > 0 exists the intensity is <= 0, infinite or NaN.  Nothing else may
  be NaN.  Perfect recovery, if it is a fixed point, is at z = infinity, and answered by `recovery` and `recovered`.

The abstract methods are what folds, branches, lines and thresholds need; those at the end what other answers need.
Random measures whose samples overlap have isotherms instead, over a base of their own: `random_measures.isotherms` has
their contract.  A new kind of model subclasses `EquationOfState` and registers how it is made in
`choose.equation_of_state_of`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from amp_theory.equations_of_state.surface import Errors, Surface
from amp_theory.tools.arrays import EPS, Array, Bools
from amp_theory.tools.errors import InputError

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.ingredients.priors.base import Prior
    from amp_theory.models.base import Model

#: strengths at which folds are looked for when they are not explicit in the coordinate
STRENGTHS = 24
#: coordinates per factor of two in that search
SEARCH_PER_OCTAVE = 4
#: the smallest coordinate a bracket may start from
TINY = 1e-290


class FullyKnown(Protocol):
    """The fixed point q = rho, where nothing is left to learn: stable at intensities above `intensity`.

    start is that intensity at zero strength, infinite tells whether its free entropy is.
    """

    @property
    def start(self) -> float: ...  # noqa: D102
    @property
    def infinite(self) -> bool: ...  # noqa: D102

    def intensity(self, strength: Array) -> Array:
        """Return the intensity above which it is stable at internal strengths."""

    def birth(self, intensity: float) -> float:
        """Return the internal strength from which on it is stable, infinite if it never is."""

    def free_entropy(self, intensity: Array, strength: Array) -> Array:
        """Return phi at intensities and internal strengths."""

    def free_entropy_slope(self, strength: Array) -> Array:
        """Return d phi/d strength at constant intensity."""


class EquationOfState(ABC):
    """All fixed points of a model along a path as a surface over coordinate and strength; the contract is above.

    model converts intensity and control, path internal and public strengths; prior is the law of the variable whose
    overlap the surface gives: its second moment is the largest overlap, one over its variance the unit of coordinates.
    """

    model: Model
    path: Path
    prior: Prior

    # --- the surface ---

    @abstractmethod
    def surface(self, coordinate: Array, strength: Array | float, with_energy: bool = True) -> Surface:
        """Return the fixed points at coordinates and internal strengths, broadcast against each other.

        Without `with_energy` the free entropy need not be computed.
        """

    @abstractmethod
    def errors(self, f: Surface) -> Errors:
        """Bound the errors of a surface's points, perfect recovery at infinite coordinates included."""

    @property
    def entropy(self) -> float:
        """The entropy of one variable before anything is known, infinite if it is continuous."""
        return self.prior.entropy

    def localised(self, coordinate: float, strength: float) -> EquationOfState:
        """Return the most accurate equation of state next to a point: this one, unless another is."""
        return self

    def closed_cusp(self, f: Surface) -> tuple[float, float, float] | None:
        """Return intensity, internal strength and overlap of the cusp next to f where they are known in closed form."""
        return None

    # --- where to look ---

    @property
    @abstractmethod
    def grid(self) -> Array:
        """Coordinates, ascending, outside which nothing folds and between which at most one thing does."""

    @abstractmethod
    def search_grid(self) -> tuple[Array, Array]:
        """Return coordinates and internal strengths over which folds are looked for if they are not explicit."""

    def folds_over(self, coordinate: Array, strength: Array) -> Array:
        """Return F over a grid on which folds are looked for; its sign must be right next to where it changes."""
        return self.surface(coordinate, strength, with_energy=False).fold

    @property
    def rounding(self) -> float:
        """Values of F up to this size are rounding, where F vanishes."""
        return 4 * EPS

    def found_at(self, f: Surface, intensity: Array) -> Bools:
        """Return which points have the intensity that was asked for: not those where a surface jumps past it."""
        return np.ones(f.intensity.shape, dtype=bool)

    @abstractmethod
    def coordinate_bounds(self, intensity: Array, strength: Array) -> tuple[Array, Array]:
        """Return coordinates that bracket every fixed point with q < rho at (intensity, strength)."""

    @property
    def explicit_folds(self) -> bool:
        """Whether the overlap depends on the coordinate alone, and F is affine in the strength: folds are explicit."""
        return False

    @property
    def goes_on(self) -> bool:
        """Whether the surface goes on to negative strengths, where it means nothing: cusps come from there."""
        return self.explicit_folds

    @property
    def sharpness(self) -> float:
        """How much denser than usual coordinates have to be for all features to be seen."""
        return 1.0

    @property
    def farthest(self) -> float:
        """The largest coordinate."""
        return float("inf")

    @property
    def open_ended(self) -> bool:
        """Whether fixed points come as close to q = rho as controls demand, beyond any grid."""
        return False

    @property
    def reach(self) -> float:
        """The largest intensity at which all fixed points are found."""
        return float("inf")

    @property
    def most(self) -> float:
        """The largest intensity that any allowed control has."""
        return float("inf")

    @property
    def valid_up_to(self) -> float:
        """The largest intensity at which the equations stand for the model."""
        return float("inf")

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return the coordinate at which the other variables provide the snr `signal`."""
        return signal

    # --- zero strength ---

    @property
    @abstractmethod
    def start(self) -> float:
        """The intensity up to which q = 0 is stable at zero strength: zero if it is no fixed point, or infinite."""

    @property
    @abstractmethod
    def symmetric(self) -> bool:
        """Whether q = 0 is a fixed point at zero strength."""

    @property
    @abstractmethod
    def weak_recovery_rule(self) -> str:
        """How `start` is located."""

    @property
    @abstractmethod
    def no_weak_recovery(self) -> str:
        """Why q = 0 is not a fixed point, or always stable."""

    # --- perfect recovery ---

    @property
    def recovery(self) -> FullyKnown | None:
        """The fixed point q = rho, if it is stable anywhere."""
        return None

    def last_intensity(self, strength: Array) -> Array:
        """Return the limit of the surface's intensity as the coordinate goes to infinity, at internal strengths."""
        return np.full(np.shape(strength), np.inf)

    def recovered(self, intensity: Array, strength: Array) -> Surface:
        """Return the fixed points q = rho, which stand at an infinite coordinate."""
        raise self._unanswered("fixed point q = rho")

    # --- free entropies ---

    def free_entropy_difference(self, intensity: Array, b: Surface, c: Surface) -> Array:
        """Return phi_c - phi_b at one control and strength, with as many digits as can be kept where both are close."""
        return np.asarray(c.free_entropy - b.free_entropy)

    def difference_error(self, b: Surface, c: Surface) -> Array:
        """Bound the error of `free_entropy_difference`."""
        return np.asarray(self.errors(b).free_entropy + self.errors(c).free_entropy)

    def gain(self, b: Surface, c: Surface) -> Array:
        """Return d(phi_c - phi_b)/d strength at constant control."""
        return np.asarray(c.free_entropy_s - b.free_entropy_s)

    # --- a second order parameter ---

    @property
    def two_sided(self) -> bool:
        """Whether there are variables of a second kind, with an overlap of their own, which the first one decides."""
        return False

    def second_overlap(self, f: Surface) -> tuple[Array, Array]:
        """Return the overlaps of the second kind at a surface's points, and bounds on their errors."""
        raise self._unanswered("second overlap")

    def provided(self, intensity: float, strength: float, overlap: Array) -> Array:
        """Return the overlap of the second kind that one of the first provides for, at internal strength."""
        raise self._unanswered("second overlap")

    # --- beyond the geometry: fixed points with their information, curves, iterations ---

    def evidence(self, intensity: Array, strength: float) -> float:
        """Return the mutual information of the planted configuration with everything observed, plus phi.

        At a public strength; infinite where everything about a continuous variable is known.
        """
        raise self._unanswered("mutual information")

    def potential(self, intensity: Array | float, strength: float, overlap: Array) -> Array:
        """Return the free entropy as a function of the overlap, stationary at fixed points; intensities broadcast."""
        raise self._unanswered("free entropy as a function of the overlap")

    def overlap_range(self, strength: float) -> tuple[float, float]:
        """Return the overlaps between which `potential` is known."""
        raise self._unanswered("free entropy as a function of the overlap")

    def free_entropy_known(self, intensity: Array, strength: Array) -> Array | None:
        """Return phi next to q = rho, at public strengths; None where it is not that of a variable known for sure."""
        return None

    def state_evolution(self, intensity: float, strength: float, start: str | float) -> Iterator[tuple[float, float]]:
        """Yield (overlap, rho - overlap) of state evolution from a start on: uninformed, informed or an overlap."""
        raise self._unanswered("state evolution")

    def error_of_last(
        self, intensity: float, strength: float, overlap: Sequence[float], gap: Sequence[float], tolerance: float
    ) -> float:
        """Return a bound on the distance of the last iterate from the limit, infinite if it is not known well enough.

        overlap and gap are q and rho - q of all iterates of `state_evolution`, tolerance the largest error that counts.
        """
        raise self._unanswered("state evolution")

    def stalled(self, overlap: Sequence[float], gap: Sequence[float]) -> bool:
        """Tell whether `state_evolution` repeats itself, up to rounding."""
        raise self._unanswered("state evolution")

    def _unanswered(self, what: str) -> InputError:
        return InputError(f"{self.model!r} has an equation of state that does not answer this: no {what} is defined")
