"""Paths that show a letter of each discrete variable: births of non-zeros, and channels of one's own.

A letter y is seen with probability P(y|a) where the variable has the value a; the strength is a parameter of P.  It
leaves the law P0(a) P(y|a)/P(y), so that G and Psi are averages over letters of those of a law of atoms:

    G(x, t) = sum_y P(y) M_y(x),   Psi(x, t) = sum_y P(y) psi_y(x).

When non-zeros are born, each is seen with probability t, and nothing of the others: what is not seen is a zero more
likely than before.  For sparse spins it leaves a sparse spin of w = rho (1 - t)/(1 - rho t),

    G = t rho + (1 - rho t) M_w(x).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.hidden_atoms import HiddenValues, hidden_atoms
from amp_theory.ingredients.paths.response import Response
from amp_theory.ingredients.paths.schedules import Schedule, StrengthAsTime
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.priors.base import Prior, check_prior
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.ingredients.priors.named import MixturePrior
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, answer_of, as_array, told
from amp_theory.tools.results import Located

#: how far the sum of probabilities may be from one
SUM = 1e-9
#: distance of the strengths from which derivatives of a channel of one's own are taken, and how many they are
STEP, STENCIL = 1e-3, 7
#: strengths at which a channel is looked at when it is made, and ratios of likelihoods of its letters that are compared
LOOKS, RATIOS = 101, np.array([1.0, 0.5, 2.0, 0.2, 5.0, 0.05, 20.0])
#: halvings of an interval in which a channel may jump, and below which a change has vanished
HALVINGS, VANISHES = 30, 1e-6
#: names that mean something else beside strengths: controls of models, and columns of tables
TAKEN = {
    "temperature", "noise", "density", "sampling_ratio", "held", "held_name", "point", "reason", "line", "segment",
    "kind", "mmse", "free_entropy", "free_entropy_nats", "mutual_information", "mutual_information_nats", "stable",
    "step", "quantity", "target", "certainty", "verdict", "sampler", "time", "information", "path", "model", "region",
}  # fmt: skip
#: the least strength at which the derivative in its square is taken
LEAST = 1e-3


def atoms_of(prior: Prior, who: str) -> Mixture:
    """Return the values of a discrete prior, ascending, with their probabilities, or raise an `InputError`."""
    check_prior(prior)
    if not isinstance(prior, MixturePrior) or not prior.mixture.atoms:
        raise InputError(f"{who} is defined for priors of finitely many values, not for {prior!r}")
    m = prior.mixture
    order = np.argsort(m.means)
    return Mixture(m.probabilities[order], m.means[order], m.variances[order])


def respond(law: Mixture, coordinate: Array, letters: Array, changes: Array) -> HiddenValues:
    """Return the sums over letters at snrs of shape (n,); letters and their changes have shape (letters, values, n)."""
    number, values, _ = letters.shape
    weights, moved = (
        np.moveaxis(part * law.probabilities[:, None], 0, 1).reshape(values, -1) for part in (letters, changes)
    )
    return hidden_atoms(law.means, weights, moved, np.tile(coordinate, number)).summed(number)


def as_response(values: HiddenValues, coordinate: Array, shape: tuple[int, ...]) -> Response:
    """Return the sums over letters as a response at z = x."""
    v = {name: getattr(values, name).reshape(shape) for name in HiddenValues.__slots__}
    return Response(
        signal=coordinate, signal_s=0.0, overlap=v["overlap"], gap=v["gap"], overlap_z=v["slope"],
        overlap_zz=v["curvature"], overlap_s=-v["gap_growth"], overlap_zs=v["slope_growth"],
        free_entropy=v["free_entropy"], free_entropy_s=v["free_entropy_growth"], relative_error=v["relative_error"],
        deficit=v["information"],
    )  # fmt: skip


def told_by(law: Mixture, letters: Array) -> Array:
    """Return what letters of shape (letters, values, n) tell of one variable, in nats, shape (n,)."""
    joint = letters * law.probabilities[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(joint > 0, letters / joint.sum(axis=1, keepdims=True), 1.0)
    return np.asarray((joint * np.log(ratio)).sum(axis=(0, 1)))


class LetterPath(Path):
    """A path that shows a letter of each variable, with probabilities that its strength changes."""

    schedules: ClassVar[tuple[type[Schedule], ...]] = (StrengthAsTime,)
    limit: ClassVar[float] = 1.0

    @abstractmethod
    def letters(self, values: Array, strength: Array) -> tuple[Array, Array]:
        """Return P(y|a) and its derivative in the internal strength, both of shape (letters, values, n).

        Parameters
        ----------
        values
            The values a of the variable, ascending, shape (values,).
        strength
            Internal strengths, shape (n,).

        See Also
        --------
        Path.internal : What those are.
        """

    def response(self, prior: Prior, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return averages over letters, z = x.

        Raises
        ------
        InputError
            If the variable is not discrete.
        """
        law = atoms_of(prior, f"the path {self.name}")
        z, s = np.broadcast_arrays(np.asarray(coordinate, dtype=float), np.asarray(strength, dtype=float))
        values = respond(law, z.ravel(), *self.letters(law.means, s.ravel()))
        return as_response(values, z, z.shape)

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return z = x."""
        return signal

    def check_prior(self, prior: Prior) -> None:
        """Raise an `InputError` unless the variable is discrete."""
        atoms_of(prior, f"the path {self.name}")

    def information(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return what the letter tells."""
        return self.evidence(prior, strength)

    def evidence(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return what the letter tells, H(P0) - E H(P(a|y))."""
        s = self._strengths(strength)
        self.check_prior(prior)
        law = atoms_of(prior, f"the path {self.name}")
        return told_by(law, self.letters(law.means, self.internal(s.ravel()))[0]).reshape(s.shape)


@dataclass(frozen=True)
class Birth(LetterPath):
    """Non-zero variables are revealed, a fraction `born` of them; it is not known of the others whether they are zero.

    Parameters
    ----------
    schedule
        StrengthAsTime(), the only one.

    Examples
    --------
    >>> from amp_theory import SparseRademacher, SpikedMatrix, thresholds
    >>> point = thresholds(SpikedMatrix(SparseRademacher(0.08)), Birth()).tricritical
    >>> print(f"{point.noise / 0.08**2:.9f}")
    1.065683282
    """

    schedule: Schedule = field(default_factory=StrengthAsTime)
    name: ClassVar[str] = "birth"
    strength: ClassVar[str] = "born"
    strength_symbol: ClassVar[str] = "t"

    def letters(self, values: Array, strength: Array) -> tuple[Array, Array]:
        """Return the probabilities that nothing, or that a value, is seen."""
        there = values != 0
        zero = np.zeros((int(there.sum()), len(values), len(strength)))
        seen, more = zero, zero.copy()
        seen[np.arange(len(seen)), np.flatnonzero(there)] = strength
        more[np.arange(len(seen)), np.flatnonzero(there)] = 1.0
        nothing = 1 - there[:, None] * strength
        less = np.broadcast_to(-1.0 * there[:, None], nothing.shape)
        return np.concatenate([nothing[None], seen]), np.concatenate([less[None], more])

    def hidden(self, strength: Array) -> Array:
        """Return one: any variable may be zero, as far as is known, until all others are born."""
        return np.ones_like(strength)

    def check_prior(self, prior: Prior) -> None:
        """Raise an `InputError` unless the variable is discrete, and may be zero."""
        if not np.any(atoms_of(prior, "the path birth").means == 0):
            raise InputError(f"the path birth reveals which variables are not zero, and no value of {prior!r} is zero")

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Reveal every non-zero variable with probability t; of the others a zero has 1/(1 - t) times the weight."""
        s, born = self._observed(truth, strength, rng)
        if born == 1:
            return SideInformation.from_known(np.ones(s.shape, dtype=bool), s)
        known = (s != 0) & (rng.random(s.shape) < born)
        seen = SideInformation.from_known(known, s)
        return SideInformation(seen.field, 0.0, known, seen.values, zero=float(-np.log1p(-born)))


@dataclass(frozen=True)
class SideChannel(LetterPath):
    """A memoryless channel of one's own: what is seen of a discrete variable is a letter, by a matrix of probabilities.

    Parameters
    ----------
    name
        What the path is called.
    matrix
        A function of one strength in [0, 1]: P(letter | value), one row for each value of the variable, ascending, one
        column for each letter.  Nothing is told at 0, everything at 1, and ever more in between; it must be smooth.
    schedule
        StrengthAsTime(), the only one.
    strength
        What the strength is called.

    Raises
    ------
    InputError
        If `name` is no text, `strength` means something else, `matrix` is no function, or what it returns no
        probabilities that tell nothing at 0, everything at 1, and smoothly more in between.

    Examples
    --------
    >>> from amp_theory import Rademacher
    >>> flips = SideChannel("flips", lambda w: [[(1 + w) / 2, (1 - w) / 2], [(1 - w) / 2, (1 + w) / 2]])
    >>> round(float(flips.information(Rademacher(), 0.5)), 9)  # as uniform discrete diffusion
    0.130812036
    """

    name: str  # type: ignore[misc]
    matrix: Callable[[float], npt.ArrayLike]
    schedule: Schedule = field(default_factory=StrengthAsTime)
    strength: str = "told"  # type: ignore[misc]
    strength_symbol: ClassVar[str] = "t"

    def __post_init__(self) -> None:
        super().__post_init__()
        for what in ("name", "strength"):
            given = getattr(self, what)
            if not isinstance(given, str) or not given.replace("-", "_").isidentifier():
                raise InputError(f"{what} must be a word, got {told(given)}")
        if self.strength in TAKEN or self.strength in Located.__dataclass_fields__ or hasattr(Located, self.strength):
            raise InputError(f"strength must be a name of its own, got {self.strength!r}, which means something else")
        if not callable(self.matrix):
            raise InputError(f"matrix must be a function of the strength, got {told(self.matrix)}")
        first, last = self._at(0.0), self._at(1.0)
        if np.any(np.ptp(first, axis=0) > SUM):
            raise InputError("matrix(0) must have equal rows: at strength 0 nothing is told")
        if np.any((last > SUM).sum(axis=0) > 1):
            raise InputError("matrix(1) must have one value for every letter: at strength 1 everything is told")
        self._check_growth()

    def _check_growth(self) -> None:
        """Raise an `InputError` unless the matrix is continuous and tells ever more, at the strengths looked at.

        Of each pair of values, sum_y max(P(y|a) - g P(y|b), 0) must rise at every g: of two values that is all there is
        to ask, by Blackwell's theorem.
        """
        at = np.linspace(0, 1, LOOKS)
        rows = np.array([self._at(s) for s in at.tolist()])
        for k in range(LOOKS - 1):
            if (place := self._jump(at[k], at[k + 1], rows[k], rows[k + 1])) is not None:
                raise InputError(f"matrix must be smooth: it jumps or is infinitely steep at strength {place:.6g}")
        apart = np.maximum(rows[:, :, None, None, :] - RATIOS[:, None] * rows[:, None, :, None, :], 0).sum(axis=-1)
        falls = np.any(np.diff(apart, axis=0) < -2 * SUM, axis=(1, 2, 3))
        # high powers tell nothing at first, to rounding
        stays = np.all(np.diff(rows, axis=0) == 0, axis=(1, 2)) & np.any(rows[1:] != rows[0], axis=(1, 2))
        for k in np.flatnonzero(falls | stays)[:1].tolist():
            how = "less" if falls[k] else "no more"
            raise InputError(f"matrix must tell ever more: it tells {how} at strength {at[k + 1]:g} than at {at[k]:g}")

    def _jump(self, low: float, high: float, below: Array, above: Array) -> float | None:
        """Return where the matrix jumps between two strengths, None where its change vanishes with their distance."""
        for _ in range(HALVINGS):
            if np.abs(above - below).max() < VANISHES:
                return None
            middle = 0.5 * (low + high)
            here = self._at(middle)
            if np.abs(here - below).max() > np.abs(above - here).max():
                high, above = middle, here
            else:
                low, below = middle, here
        return low

    def _at(self, strength: float) -> Array:
        """Return the matrix at a strength, after checking it."""
        allowed = "one row of probabilities for each value"
        m = as_array("matrix", answer_of("matrix", self.matrix, strength), allowed)
        if m.ndim != 2 or not np.all(m >= -SUM) or np.any(np.abs(m.sum(axis=1) - 1) > SUM):
            raise InputError(f"matrix({strength:g}) must have {allowed} that add up to one, got {told(m.tolist())}")
        return m

    @property
    def _power(self) -> int:
        """1 if a letter appears that was not there at strength 0, else 2: what is told grows like this power."""
        return 1 if np.any((self._at(0.0) == 0).all(axis=0) & (self._at(STEP) > 0).any(axis=0)) else 2

    def internal(self, strength: Array) -> Array:
        """Return the strength, or its square where what is told grows like that."""
        return np.asarray(strength**self._power)

    def public(self, strength: Array) -> Array:
        """Return the strength."""
        return np.asarray(np.maximum(strength, 0.0) ** (1 / self._power))

    def public_slope(self, strength: Array) -> Array:
        """Return d public/d internal."""
        with np.errstate(divide="ignore"):
            return np.ones_like(strength) if self._power == 1 else np.asarray(0.5 / np.sqrt(np.maximum(strength, 0.0)))

    def letters(self, values: Array, strength: Array) -> tuple[Array, Array]:
        """Return the matrices, and their derivatives from strengths nearby."""
        power = self._power
        told_at = np.clip(self.public(strength), 0.0, 1.0)
        if self._at(0.0).shape[0] != len(values):
            raise InputError(f"matrix must have one row for each of the {len(values)} values, got {len(self._at(0.0))}")
        if not len(told_at):
            none = np.zeros((self._at(0.0).shape[1], len(values), 0))
            return none, none
        different, where = np.unique(told_at, return_inverse=True)
        here = np.array([self._at(s) for s in different.tolist()])
        # the derivative in s^2 at s = 0 is a limit
        slopes = np.array([self._slope(s) / (power * s ** (power - 1)) for s in
                           (np.maximum(different, LEAST) if power > 1 else different).tolist()])  # fmt: skip
        return np.moveaxis(here[where], 0, -1).swapaxes(0, 1), np.moveaxis(slopes[where], 0, -1).swapaxes(0, 1)

    def _slope(self, strength: float) -> Array:
        """Return the derivative of the matrix, that of the polynomial through nearby strengths."""
        half = STENCIL // 2
        centre = min(max(strength, half * STEP), 1 - half * STEP)
        at = np.arange(-half, half + 1)
        u, powers = (strength - centre) / STEP, np.arange(STENCIL)
        slopes = powers * np.append(0.0, np.full(STENCIL - 1, u) ** powers[:-1])
        weights = np.linalg.solve(np.vander(at, STENCIL, increasing=True).T.astype(float), slopes) / STEP
        return np.asarray(np.tensordot(weights, [self._at(centre + STEP * k) for k in at], 1))

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Refuse: letters change the prior of every variable, which finite instances do not know."""
        raise InputError(
            f"the path {self.name} changes the prior of every variable, which finite instances do not take"
        )
