"""Random measures whose samples overlap: at every control an isotherm with folds of its own.

Folds are the zeros of R along the isotherm, at every strength the same; what coexists between them is the geometry of
everything else.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.random_measures.isotherms import Isotherms, Points
from amp_theory.equations_of_state.random_measures.surfaces import RandomEquationOfState, RandomIsotherm
from amp_theory.phases.geometry.folds import FoldCurve, FoldPiece
from amp_theory.phases.geometry.geometry import Branch, Geometry
from amp_theory.phases.geometry.one_by_one import OneByOne
from amp_theory.tools.arrays import Array, Bools, Index
from amp_theory.tools.errors import InputError
from amp_theory.tools.roots import solve_bracketed

#: R(q0) from which on its sign is known, and a coordinate before all folds
SIGN, BEFORE = 1e-12, 1e-18


class IsothermGeometry(Geometry):
    """The folds and branches at one control."""

    def __init__(self, eos: RandomIsotherm) -> None:
        self.eos: EquationOfState = eos
        self.isotherm = eos.isotherm
        self.zero = []
        if not eos.isotherm.base.stability[0] > 0:
            return
        folds = folds_of(eos.isotherm)
        self.standing = folds[0][~np.isnan(folds[0])]
        self.zero_folds = eos.surface(self.standing, 0.0)
        self.curve = FoldCurve(tuple(self._piece(eos, k) for k in range(len(self.zero_folds.coordinate))), ())

    def _piece(self, eos: RandomIsotherm, number: int) -> FoldPiece:
        """Return a fold, which stays at one coordinate, as a piece of a curve over the strengths that meet it."""
        f = self.zero_folds.take(np.array([number]))
        strength = float(eos.isotherm.points(f.coordinate[None]).strength[0, 0])
        s = np.array([max(strength, 0.0), 0.0]) if strength > 0 else np.zeros(2)
        # at the fold's own strength the surface has the intensity of the control
        intensity = eos.intensity * np.exp(strength - s) if strength > 0 else np.full(2, np.nan)
        return FoldPiece(
            coordinate=np.repeat(f.coordinate, 2), strength=s, intensity=intensity, appears=bool(f.fold_z[0] > 0),
            cusps=(False, False), limit=float(intensity[-1]), least=float(intensity[0]),
        )  # fmt: skip

    def branches(self, intensity: Array) -> list[list[Branch]]:
        """Return the stable branches at strength >= 0."""
        pieces = enumerate(self.curve.pieces)
        folds = [(float(p.coordinate[0]), float(p.strength[0]), k) for k, p in pieces if p.strength[0] > 0]
        return [self._isotherm(folds, float(x)) for x in intensity]


@lru_cache(maxsize=1024)
def stable_isotherm(eos: RandomEquationOfState, intensity: float) -> IsothermGeometry:
    """Return the (cached) folds and branches at one intensity."""
    return IsothermGeometry(RandomIsotherm(eos.measure, intensity))


class RandomGeometry(OneByOne):
    """What answers for a random measure at all its controls."""

    def __init__(self, eos: RandomEquationOfState) -> None:
        self.eos: RandomEquationOfState = eos
        self.measure = eos.measure
        self.curve, self.zero = FoldCurve((), ()), []

    def path_fails(self, intensity: Array) -> Bools:
        """Tell where R has a zero beyond q0, or at it."""
        if not len(intensity):
            return np.zeros(0, dtype=bool)
        least = least_stability(self.measure.isotherms(self.measure.model.from_intensity(intensity)))[1]
        return np.asarray(least <= 0)

    def at(self, intensity: float) -> Geometry:
        """Return the folds and branches at one intensity.

        Raises
        ------
        InputError
            If the replica-symmetric measure is not stable there.
        """
        found = stable_isotherm(self.eos, intensity)
        stability = float(found.isotherm.base.stability[0])
        if not stability > 0:
            model = self.measure.model
            control = float(model.from_intensity(np.array(intensity)))
            raise InputError(
                f"{model!r} at {model.control} = {control:.6g}: its replica-symmetric measure is unstable "
                f"(de Almeida, Thouless: R(q0) = {stability:.3g}), and no other is solved; ask above `stability`"
            )
        return found


# --- many isotherms at once ---


def roots_along(
    isotherms: Isotherms, column: str, slope: str, rows: Index, lower: Array, upper: Array, rising: Bools | bool,
    guess: Array | None = None, accuracy: float = 1e-14,
) -> Array:  # fmt: skip
    """Return the coordinates in brackets, one on each of the isotherms `rows`, at which a column changes its sign."""

    def function(t: Array, i: Index) -> tuple[Array, Array]:
        z = np.exp(t)
        p = isotherms.take(rows[i]).points(z[:, None])
        return getattr(p, column)[:, 0], getattr(p, slope)[:, 0] * z

    start = None if guess is None else np.log(guess)
    return np.exp(solve_bracketed(function, np.log(lower), np.log(upper), rising, guess=start, absolute=accuracy))


def folds_of(isotherms: Isotherms, accuracy: float = 1e-14) -> Array:
    """Return the coordinates of the folds of every isotherm, shape (n, most), ascending, padded with NaN.

    There are as many that rise as fall, because R > 0 at the base and at the end; two that are closer than the grid
    have an extreme value of R between them.
    """
    grid = isotherms.grid
    every = isotherms.points(np.broadcast_to(grid, (len(isotherms.base.control), len(grid))))
    up = every.stability > 0
    rows, k = np.nonzero(_may_hide(every, np.log(grid), up))
    extreme = _extremes(isotherms, rows, grid[k], grid[k + 1], up[rows, k])
    between = isotherms.take(rows).points(extreme[:, None]).stability[:, 0]
    hidden = np.flatnonzero((between > 0) != up[rows, k])
    rows, k, extreme = rows[hidden], k[hidden], extreme[hidden]
    changed, j = np.nonzero(up[:, 1:] != up[:, :-1])
    # next to the stability line the first fold lies before the grid
    early = np.flatnonzero(~up[:, 0] & (isotherms.base.stability > SIGN))
    which = np.concatenate([early, changed, rows, rows])
    lower = np.concatenate([np.full(len(early), BEFORE), grid[j], grid[k], extreme])
    upper = np.concatenate([np.full(len(early), grid[0]), grid[j + 1], extreme, grid[k + 1]])
    rising = np.concatenate([np.zeros(len(early), dtype=bool), up[changed, j + 1], ~up[rows, k], up[rows, k]])
    order = np.lexsort((lower, which))
    which = which[order]
    # where a straight line between the ends vanishes
    r = every.stability
    share = r[changed, j] / (r[changed, j] - r[changed, j + 1])
    guess = np.sqrt(lower * upper)
    guess[len(early) : len(early) + len(changed)] = grid[j] * (grid[j + 1] / grid[j]) ** share
    found = roots_along(isotherms, "stability", "stability_z", which, lower[order], upper[order], rising[order],
                        guess=guess[order], accuracy=accuracy)  # fmt: skip
    place = np.arange(len(which)) - np.searchsorted(which, which)
    table = np.full((len(up), int(place.max(initial=-1)) + 1), np.nan)
    table[which, place] = found
    return table


def _may_hide(points: Points, t: Array, up: Bools) -> Bools:
    """Tell between which log coordinates t of one sign R may have another: where its tangents do, at an extreme."""
    r, slope = points.stability, points.stability_z * np.exp(t)
    r, slope = np.where(up, r, -r), np.where(up, slope, -slope)
    with np.errstate(all="ignore"):
        place = (r[:, 1:] - r[:, :-1] - slope[:, 1:] * np.diff(t)) / (slope[:, :-1] - slope[:, 1:])
        meet = r[:, :-1] + slope[:, :-1] * place
    return np.asarray((up[:, 1:] == up[:, :-1]) & (slope[:, :-1] < 0) & (slope[:, 1:] > 0) & (meet <= 0))


def _extremes(isotherms: Isotherms, rows: Index, lower: Array, upper: Array, least: Bools) -> Array:
    """Return where R is least, or largest, in brackets on the isotherms `rows`."""

    def function(t: Array, i: Index) -> tuple[Array, Array]:
        x, h = np.exp(t), 1e-4
        p = isotherms.take(rows[i]).points(np.stack([x, x * (1 + h), x * (1 - h)], axis=1))
        return p.stability_z[:, 0], (p.stability_z[:, 1] - p.stability_z[:, 2]) / (2 * h)

    return np.exp(solve_bracketed(function, np.log(lower), np.log(upper), least, absolute=1e-11))


def least_stability(isotherms: Isotherms) -> tuple[Array, Array]:
    """Return where R is least along every isotherm, the first coordinate of the grid if next to the base, and R."""
    grid = isotherms.grid
    every = isotherms.points(np.broadcast_to(grid, (len(isotherms.base.control), len(grid))))
    k = np.argmin(every.stability, axis=1)
    z = grid[k].copy()
    inner = np.flatnonzero((k > 0) & (k < len(grid) - 1))
    slope = every.stability_z
    below = inner[(slope[inner, k[inner] - 1] < 0) & (slope[inner, k[inner] + 1] > 0)]
    if len(below):
        z[below] = _extremes(
            isotherms, below, grid[k[below] - 1], grid[k[below] + 1], np.ones(len(below), dtype=bool)
        )  # fmt: skip
    return z, isotherms.points(z[:, None]).stability[:, 0]
