"""One isotherm as data: the equation of state, and the free entropy as a function of the overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.equations_of_state.recovery import RECOVERY
from amp_theory.equations_of_state.surface import Surface
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control, at_point
from amp_theory.phases.geometry.geometry import Branch, Geometry, joined
from amp_theory.phases.geometry.solved import any_geometry_of, check_pair, geometry_of
from amp_theory.phases.points.fixed_points import fixed_coordinates
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import as_float, integer_between
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.roots import solve_bracketed
from amp_theory.tools.tables import ResultTable

#: points of a curve
MOST_POINTS = 100_000
#: relative excess of the control at the end of a curve that is rounding
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Isotherm(Reported):
    """The equation of state at one control: strength against overlap, by rising overlap.

    All arrays have one length.  Where no strength >= 0 makes an overlap a fixed point it is left
    out; the points at which a piece begins or ends there have strength zero.  Where perfect recovery, q = rho, is
    stable, the curve ends in two points at that overlap.

    Parameters
    ----------
    control, control_name, strength_name
        The control, its name, and the name of the strength.
    overlap, strength
        q in [0, rho] in the units of s^2, and the strength >= 0 that makes it a fixed point.
    free_entropy, mmse, stable
        phi in nats per variable, rho - q, and whether the fixed point is stable.
    folds
        (overlap, strength) of the spinodals.

    See Also
    --------
    equation_of_state : Which returns it, with an example.
    """

    control: float
    control_name: str
    strength_name: str
    overlap: Array
    strength: Array
    free_entropy: Array
    mmse: Array
    stable: npt.NDArray[np.bool_]
    folds: tuple[tuple[float, float], ...]

    def __len__(self) -> int:
        return len(self.overlap)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in (self.control_name, self.strength_name):
            return self.control if name == self.control_name else self.strength
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), self.control_name, self.strength_name})

    @property
    def title(self) -> str:
        """What the curve is, and at which control."""
        return f"equation of state at {self.control_name} = {self.control:.12g}"

    def report(self) -> str:
        """Return a readable text: how far the curve goes, and its folds."""
        ranges = [
            f"{name} from {values.min():.6g} to {values.max():.6g}" if len(self) else f"no {name}"
            for name, values in (("overlap", self.overlap), (self.strength_name, self.strength))
        ]
        folds = [f"  fold: overlap = {q:.12g}, {self.strength_name} = {s:.12g}" for q, s in self.folds]
        return "\n".join([f"{self.title}: {len(self)} points, {', '.join(ranges)}", *(folds or ["  no fold"])])

    def table(self) -> ResultTable:
        """Return the points of the curve as rows."""
        columns: dict[str, Any] = {"overlap": self.overlap, self.strength_name: self.strength}
        columns |= {name: getattr(self, name) for name in ("free_entropy", "mmse", "stable")}
        return ResultTable(self.title, columns)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: control and strength under their own names, the points in lists, and the folds."""
        names = ("overlap", "free_entropy", "mmse", "stable")
        return {
            self.control_name: self.control, self.strength_name: plain(self.strength),
            **{name: plain(getattr(self, name)) for name in names},
            "folds": [{"overlap": q, self.strength_name: s} for q, s in self.folds],
        }  # fmt: skip


def equation_of_state(
    model: Model, path: Path, control: float | None = None, max_strength: float | None = None, points: int = 400,
    **named: float,
) -> Isotherm:  # fmt: skip
    """Return the strength that makes each overlap a fixed point, with its folds; source: arXiv:2308.14085.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control, **named
        The model's control, > 0, also under its own name, as temperature=0.7.
    max_strength
        Where the curve ends: for a flow 1.5 times the largest spinodal (or 4/rho if there is none) by
        default, else the limit of the path.
    points
        Number of points, >= 2, besides the folds.

    Returns
    -------
    Isotherm
        The curve, and its folds.

    Raises
    ------
    InputError
        For a bad control, strength or number of points.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin
    >>> curve = equation_of_state(SphericalPSpin(p=3), Flow(), temperature=0.64)
    >>> len(curve.folds)
    2
    """
    check_pair(model, path)
    points = integer_between("points", points, 2, MOST_POINTS)
    control = as_float(model.control, at_control(model, control, named))
    lam = model.intensity(model.check_control(control)).reshape(-1)
    geo = any_geometry_of(model, path).at(float(lam[0]))
    folds = _folds(geo.coexistence(lam).branches[0])
    top = _end(geo, folds, max_strength)
    begin = fixed_coordinates(geo, lam, np.zeros(1))[0]
    begin = begin[np.isfinite(begin)]
    z = _coordinates(geo, lam, top, points, [*(z for z, _ in folds), *begin])
    s = _strengths(geo, lam, z, top)
    s[np.isin(z, begin)] = 0.0
    good = np.isfinite(s)
    f = geo.eos.surface(z[good], s[good])
    f = _with_recovery(geo, f, lam, top)
    order = np.argsort(f.overlap, kind="stable")
    at = geo.eos.surface(np.array([z for z, _ in folds]), np.array([s for _, s in folds]))
    ends = zip(at.overlap.tolist(), path.public(at.strength).tolist(), strict=True)
    return Isotherm(
        control=float(control), control_name=model.control, strength_name=path.strength, overlap=f.overlap[order],
        strength=path.public(f.strength)[order], free_entropy=f.free_entropy[order], mmse=f.gap[order],
        stable=(f.fold > 0)[order], folds=tuple(sorted(ends)),
    )  # fmt: skip


def _folds(branches: Sequence[Branch]) -> list[tuple[float, float]]:
    """Return (coordinate, internal strength) where branches disappear, then where they appear."""
    folds = [(b.upper, b.stop) for b in branches if b.dies not in (None, RECOVERY)]
    return folds + [(b.lower, b.start) for b in branches if b.born not in (None, RECOVERY)]


def _end(geo: Geometry, folds: list[tuple[float, float]], max_strength: float | None) -> float:
    """Return the internal strength at which the curve ends."""
    path = geo.eos.path
    if max_strength is not None:
        return float(path.internal(path.check_strength(as_float(path.strength, max_strength))))
    if np.isfinite(path.limit):
        return float(path.internal(np.asarray(path.limit * (1 - 1e-6))))
    return 1.5 * max((s for _, s in folds), default=2.67 / geo.eos.prior.second_moment)


def _coordinates(geo: Geometry, lam: Array, top: float, points: int, known: list[float]) -> Array:
    """Return coordinates from the first to the last fixed point, the `known` ones among them."""
    edges = fixed_coordinates(geo, np.repeat(lam, 2), np.array([1e-8 * top, top]))
    finite = np.concatenate([edges[np.isfinite(edges)], known])
    if not len(finite):  # only q = rho
        return finite
    # where the curve runs to q = rho the grid's end stands for it
    recovery = geo.eos.recovery
    runs = recovery is not None and 0 < recovery.birth(float(lam[0])) < top
    z = np.geomspace(finite.min(), geo.eos.grid[-1] if runs else finite.max(), points)
    return np.unique(np.concatenate([z, known]))


def _with_recovery(geo: Geometry, f: Surface, lam: Array, top: float) -> Surface:
    """Add q = rho, from the strength on from which it is stable up to `top`, if it is."""
    recovery = geo.eos.recovery
    birth = np.inf if recovery is None else recovery.birth(float(lam[0]))
    return joined(f, geo.eos.recovered(np.repeat(lam, 2), np.array([birth, top]))) if birth < top else f


def _strengths(geo: Geometry, lam: Array, z: Array, top: float) -> Array:
    """Return the internal strength at which each coordinate is a fixed point, NaN where it is not in [0, top]."""
    eos = geo.eos
    result = np.full(len(z), np.nan)
    # the control falls with strength: a solution exists where it has the right sign at both ends, or is an end
    upper = np.minimum(z, top) if eos.explicit_folds else np.full(len(z), top)
    low, high = eos.surface(z, 0.0).intensity, eos.surface(z, upper).intensity
    result[np.abs(low - lam) <= ROUNDING * lam] = 0.0
    at_end = np.abs(high - lam) <= ROUNDING * lam
    result[at_end] = upper[at_end]
    inside = np.flatnonzero((low > lam) & (high < lam) & np.isnan(result))

    def excess_intensity(s: Array, i: Index) -> tuple[Array, Array]:
        f = eos.surface(z[inside[i]], s)
        return f.intensity / lam - 1, f.intensity_s / lam

    bounds = np.zeros(len(inside)), upper[inside]
    result[inside] = solve_bracketed(excess_intensity, *bounds, False, absolute=2 * EPS)
    found = eos.found_at(eos.surface(z[inside], result[inside], with_energy=False), np.broadcast_to(lam, inside.shape))
    result[inside[~found]] = np.nan
    return result


def free_entropy_curve(
    model: Model, path: Path, control: float | None = None, strength: float | None = None, points: int = 400,
    **named: float,
) -> tuple[Array, Array]:  # fmt: skip
    """Return overlaps in (0, rho) and phi(q) = Psi(xi'(q), strength) - [q xi'(q) - xi(q)]/2 there.

    Its stationary points are the fixed points (and q = 0 where xi''(0) = 0).

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control, strength
        One control > 0 and one strength >= 0.
    points
        Number of points, 2 to 100000.
    **named
        Control and strength under the names that the model and the path give them, such as temperature=0.7.

    Returns
    -------
    overlap, free_entropy
        q in the units of s^2 and phi(q) in nats per variable, shape (points,).

    Raises
    ------
    InputError
        For a bad control, strength or number of points.

    References
    ----------
    arXiv:2308.14085.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> q, phi = free_entropy_curve(IsingPSpin(p=3), Flow(), control=0.7, strength=0.12, points=3)
    >>> q.tolist(), phi.round(9).tolist()
    ([0.25, 0.5, 0.75], [0.004511328, 0.005130509, 0.009625047])
    """
    check_pair(model, path)
    control, strength = at_point(model, path, control, strength, named)
    lam = model.intensity(model.check_control(as_float(model.control, control)))
    eos = geometry_of(model, path).at(float(lam)).eos
    s = path.internal(path.check_strength(as_float(path.strength, strength)))
    q = np.linspace(*eos.overlap_range(float(s)), integer_between("points", points, 2, MOST_POINTS) + 2)[1:-1]
    return q, eos.potential(float(lam), float(s), q)
