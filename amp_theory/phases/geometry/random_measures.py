"""Random measures whose samples overlap: at every control an isotherm with folds of its own.

Folds are the zeros of R along the isotherm, at every strength the same; what coexists between them is the geometry of
everything else.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.random_measures.isotherms import Isotherms
from amp_theory.equations_of_state.random_measures.surfaces import RandomEquationOfState, RandomIsotherm
from amp_theory.phases.geometry.folds import FoldCurve, FoldPiece
from amp_theory.phases.geometry.geometry import Branch, Geometry
from amp_theory.phases.geometry.one_by_one import OneByOne
from amp_theory.tools.arrays import Array, Bools, Index
from amp_theory.tools.errors import InputError
from amp_theory.tools.roots import solve_bracketed


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
    isotherms: Isotherms, column: str, slope: str, rows: Index, lower: Array, upper: Array, rising: Bools | bool
) -> Array:
    """Return the coordinates in brackets, one on each of the isotherms `rows`, at which a column changes its sign."""

    def function(t: Array, i: Index) -> tuple[Array, Array]:
        z = np.exp(t)
        p = isotherms.take(rows[i]).points(z[:, None])
        return getattr(p, column)[:, 0], getattr(p, slope)[:, 0] * z

    return np.exp(solve_bracketed(function, np.log(lower), np.log(upper), rising, absolute=1e-14))


def folds_of(isotherms: Isotherms) -> Array:
    """Return the coordinates of the folds of every isotherm, shape (n, most), ascending, padded with NaN."""
    count = len(isotherms.base.control)
    z = np.tile(isotherms.grid, (count, 1))
    up = isotherms.points(z).stability > 0
    hidden = np.flatnonzero(np.all(up, axis=1))
    if len(hidden):  # two folds closer than the grid have the least R between them
        least, r = least_stability(isotherms.take(hidden))
        z = np.column_stack([z, z[:, -1]])
        up = np.column_stack([up, up[:, -1]])
        z[hidden, -1], up[hidden, -1] = least, r > 0
        order = np.argsort(z, axis=1)
        z, up = np.take_along_axis(z, order, axis=1), np.take_along_axis(up, order, axis=1)
    changes = up[:, 1:] != up[:, :-1]
    rows, k = np.nonzero(changes)
    found = roots_along(isotherms, "stability", "stability_z", rows, z[rows, k], z[rows, k + 1], up[rows, k + 1])
    place = np.cumsum(changes, axis=1)[rows, k] - 1
    table = np.full((count, int(place.max(initial=-1)) + 1), np.nan)
    table[rows, place] = found
    return table


def least_stability(isotherms: Isotherms) -> tuple[Array, Array]:
    """Return where R is least along every isotherm, the first coordinate of the grid if next to the base, and R."""
    grid = isotherms.grid
    every = isotherms.points(np.tile(grid, (len(isotherms.base.control), 1)))
    k = np.argmin(every.stability, axis=1)
    z = grid[k].copy()
    inner = np.flatnonzero((k > 0) & (k < len(grid) - 1))
    slope = every.stability_z
    below = inner[(slope[inner, k[inner] - 1] < 0) & (slope[inner, k[inner] + 1] > 0)]
    if len(below):

        def function(t: Array, i: Index) -> tuple[Array, Array]:
            x, h = np.exp(t), 1e-4
            p = isotherms.take(below[i]).points(np.stack([x, x * (1 + h), x * (1 - h)], axis=1))
            return p.stability_z[:, 0], (p.stability_z[:, 1] - p.stability_z[:, 2]) / (2 * h)

        low, high = np.log(grid[k[below] - 1]), np.log(grid[k[below] + 1])
        z[below] = np.exp(solve_bracketed(function, low, high, True, absolute=1e-11))
    return z, isotherms.points(z[:, None]).stability[:, 0]
