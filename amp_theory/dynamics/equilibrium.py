"""Equilibrium Langevin dynamics of spherical models: the correlation on all time scales up to the glass transition.

The configuration s on the sphere sum s^2 = N follows, with unit friction,

    ds/dt = -dH/ds - mu(t) s + noise,    <noise_i(t) noise_j(t')> = 2 T delta_ij delta(t - t'),

mu keeping it on the sphere and E H H' = N xi_1(q).  In equilibrium C(t) = s(t0).s(t0 + t)/N solves exactly

    dC/dt = -T C(t) - (1/T) int_0^t xi_1'(C(t - u)) C'(u) du,    C(0) = 1

(A. Crisanti, H. Horner, H.-J. Sommers, Z. Phys. B 92, 257, 1993; the schematic mode-coupling equation of
W. Goetze, Complex Dynamics of Glass-Forming Liquids, 2009, in the overdamped limit).  Times are those of this
Langevin equation.  In the time T t only the model's coupling xi' = xi_1'/T^2 is left,

    dC/dt = -C - int_0^t K(t - u) C'(u) du,    K = xi'(C).

The plateau of C is the largest root of xi'(q) = q/(1 - q), the informed fixed point at zero strength; where it
appears, at the dynamical temperature T_d, the relaxation time diverges as (T - T_d)^-gamma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from amp_theory.dynamics.doubling_grid import Solution, solve_memory
from amp_theory.dynamics.landscape import SphericalLandscape
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import (
    InputError,
    NumericalError,
    as_array,
    in_unit_interval,
    integer_between,
    positive,
    told,
)
from amp_theory.tools.reports import Reported
from amp_theory.tools.roots import solve_bracketed
from amp_theory.tools.tables import ResultTable

#: nodes per doubling of time: least, most, and by how many the solution that measures the error has fewer
FEWEST, MOST, FEWER = 8, 32, 4
#: relative change of the coupling that stands for the rounding of the equations
NOISE = 256 * EPS
#: neighbours that share a polynomial, Gauss nodes per panel, and panels per e-fold of time, of the residual
NEIGHBOURS, PANEL_NODES, PANELS = 10, 8, 2.5
#: a time before which nothing has happened, and the latest that may be asked for
SOONEST, LATEST = 1e-200, 1e100


@dataclass(frozen=True, eq=False)
class EquilibriumCorrelation(Reported):
    """The correlation of a spherical model with its own past, C(t) = s(t0).s(t0 + t)/N, in equilibrium.

    A call returns C at any times from 0 to end_time.

    Parameters
    ----------
    model, control
        The model and its control.
    end_time
        The last time, in units of the Langevin equation of unit friction, as all times.
    level, relaxation_time, relaxation_time_error
        When the correlation falls to `level`, with its error; None where that does not happen before end_time.
    plateau
        The largest root of xi_1'(q)/T^2 = q/(1 - q), None if there is none.
    nodes
        Times per doubling.
    times, correlation, error
        0 and the times up to end_time, C there, and its absolute error, estimated from a solution with fewer nodes and
        a perturbed coupling; shape (times,).

    See Also
    --------
    equilibrium_correlation : Which returns it, with an example.
    """

    model: Model
    control: float
    end_time: float
    level: float
    relaxation_time: float | None
    relaxation_time_error: float | None
    plateau: float | None
    nodes: int
    times: Array = field(repr=False)
    correlation: Array = field(repr=False)
    error: Array = field(repr=False)
    _landscape: SphericalLandscape = field(repr=False)
    _solution: Solution = field(repr=False)

    def report(self) -> str:
        """Return a readable text: how far, when the correlation falls to the level, and its plateau."""
        where = f"{self.model!r}, {self.model.control} = {self.control:.12g}, in equilibrium"
        lines = [f"{where}: {len(self.times)} times up to {self.end_time:.6g}, error below {self.error.max():.1g}"]
        if self.relaxation_time is None or self.relaxation_time_error is None:
            lines.append(f"  the correlation does not fall to {self.level:.6g} before")
        else:
            time = f"{self.relaxation_time:.12g} +- {self.relaxation_time_error:.1g}"
            lines.append(f"  the correlation falls to {self.level:.6g} at time {time}")
        return "\n".join([*lines, "  no plateau" if self.plateau is None else f"  plateau {self.plateau:.12g}"])

    def table(self) -> ResultTable:
        """Return the correlation at the recorded times as rows; times in units of unit friction."""
        title = f"{self.model!r}, {self.model.control} = {self.control:.12g}"
        columns = {"time": self.times, "correlation": self.correlation, "error_of_correlation": self.error}
        return ResultTable(title, columns)

    def __call__(self, time: npt.ArrayLike) -> Array:
        """Return the correlation at any times from 0 to end_time, broadcast."""
        return self._solution(self._check_times(time) * self._landscape.temperature)[0]

    def residual(self, time: npt.ArrayLike) -> Array:
        """Return by how much the equation of motion is missed at given times, relative to T C(0).

        It is [dC/dt + T C + (1/T) int_0^t xi_1'(C(t - u)) C'(u) du]/T with C a piecewise polynomial in log(t + h)
        through neighbouring points of (times, correlation), and integrals by Gauss quadrature over panels of equal
        length in log u: nothing but these points is shared with the solver.

        Parameters
        ----------
        time
            Times from 0 to end_time, any shape.

        Returns
        -------
        array
            The residual, of the shape of `time`.

        Examples
        --------
        >>> from amp_theory import SphericalPSpin, equilibrium_correlation
        >>> result = equilibrium_correlation(SphericalPSpin(3), control=0.7, end_time=100)
        >>> bool(abs(result.residual(1.0)) < 1e-6)
        True
        """
        t = self._check_times(time) * self._landscape.temperature
        return np.array([self._residual_at(x) for x in t.ravel()]).reshape(t.shape)

    def _check_times(self, time: npt.ArrayLike) -> Array:
        t = as_array("time", time, "between 0 and end_time")
        if not np.all((t >= 0) & (t <= self.end_time)):
            bad = t[~((t >= 0) & (t <= self.end_time))].ravel()[0]
            raise InputError(f"time must lie between 0 and end_time = {self.end_time:g}, got {bad:g}")
        return t

    @cached_property
    def _pieces(self) -> tuple[float, Array, Array, Array, Array]:
        """Return h, the abscissae log(1 + t/h), and the polynomials through neighbours: centre, scale, coefficients."""
        t = self.times * self._landscape.temperature
        scale = float(t[self.nodes])
        y = np.log1p(t / scale)
        window = np.arange(len(y) - NEIGHBOURS + 1)[:, None] + np.arange(NEIGHBOURS)
        low, high = y[window[:, 0]], y[window[:, -1]]
        centre, half = 0.5 * (low + high), 0.5 * (high - low)
        z = (y[window] - centre[:, None]) / half[:, None]
        coefficients = np.linalg.solve(z[..., None] ** np.arange(NEIGHBOURS), self.correlation[window][..., None])
        return scale, y, centre, half, coefficients[..., 0]

    def _interpolate(self, t: Array) -> tuple[Array, Array]:
        """Return C and dC/dt at rescaled times by the piecewise polynomial."""
        scale, y, centre, half, coefficients = self._pieces
        x = np.log1p(t / scale)
        k = np.clip(np.searchsorted(y, x) - NEIGHBOURS // 2, 0, len(centre) - 1)
        z = (x - centre[k]) / half[k]
        value, slope = np.zeros((2, *t.shape))
        for column in coefficients.T[::-1]:
            slope = slope * z + value
            value = value * z + column[k]
        return value, slope / half[k] / (t + scale)

    def _residual_at(self, t: float) -> float:
        """Return the residual at one rescaled time."""
        value, slope = (float(x[0]) for x in self._interpolate(np.array([t])))
        if t < SOONEST:
            return slope + value
        least = min(self._pieces[0], t) / 64
        panels = math.ceil(PANELS * math.log(0.5 * t / least))
        edges = np.concatenate([[0.0], np.geomspace(least, 0.5 * t, panels + 1)])
        x, w = np.polynomial.legendre.leggauss(PANEL_NODES)
        width = 0.5 * np.diff(edges)[:, None]
        u = (edges[:-1, None] + width * (1 + x)).ravel()
        (early, early_slope), (late, late_slope) = self._interpolate(u), self._interpolate(t - u)
        kernel = self._landscape.coupling
        integrand = kernel(late)[1] * early_slope + kernel(early)[1] * late_slope
        return slope + value + float(np.sum((width * w).ravel() * integrand))


def _largest_nearby(error: Array, reach: int) -> Array:
    """Return the largest error within `reach` points: a difference of two solutions may vanish by accident."""
    padded = np.pad(error, reach, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=-1))


def _crossing(solution: Solution, error: Array, level: float) -> tuple[float | None, float | None]:
    """Return the rescaled time when C falls to `level`, and its error; None if it does not."""
    times = solution.times
    below = np.flatnonzero(solution(times)[0] <= level)
    if not len(below):
        return None, None
    k = max(int(below[0]), 1)

    def excess(t: Array, _index: Index) -> tuple[Array, Array]:
        value, slope = solution(t)
        return value - level, slope / t

    when = solve_bracketed(excess, times[k - 1 : k], times[k : k + 1], rising=False)
    slope = excess(when, np.arange(1))[1]
    return float(when[0]), float(error[k] / abs(slope[0]) + 4 * EPS * when[0])


def equilibrium_correlation(
    model: Model, control: float | None = None, end_time: float = 1e10, level: float = math.exp(-1),
    tolerance: float = 1e-5, nodes: int = 16, **named: float,
) -> EquilibriumCorrelation:  # fmt: skip
    """Return the equilibrium correlation of the Langevin dynamics of a spherical model on all time scales.

    dC/dt = -T C - (1/T) int_0^t xi_1'(C(t - u)) C'(u) du: Crisanti, Horner, Sommers, Z. Phys. B 92, 257 (1993).

    Parameters
    ----------
    model
        A spherical model with polynomial coupling and no linear term: SphericalPSpin(p), MixedPSpin(xi, Gaussian()).
    control, **named
        The model's control, > 0, also as temperature=...  Below the dynamical temperature the correlation stays on its
        plateau; the random model is then described down to the condensation temperature, the planted one always.
    end_time
        Last time, > 0, in units of ds/dt = -dH/ds - mu s + noise of variance 2 T (T = 1 where the control is
        a noise).
    level
        The relaxation time is when C falls to this, between 0 and 1, 1/e by default.
    tolerance, nodes
        Largest error of C allowed, > 0; points per doubling of time, 8 to 32.

    Returns
    -------
    EquilibriumCorrelation
        The correlation at all times, its error, and the relaxation time.

    Raises
    ------
    InputError
        If an argument is outside its range, or the model is not spherical or has a field.
    NumericalError
        If the error exceeds `tolerance` (`partial` holds the result): next to the dynamical temperature
        rounding grows as 1/|T - T_d|.

    Examples
    --------
    >>> from amp_theory import SphericalPSpin
    >>> result = equilibrium_correlation(SphericalPSpin(3), control=0.62)
    >>> print(f"{result.relaxation_time:.6f}, {float(result(1.0)):.8f}")
    845.577231, 0.76239499
    """
    last, asked = positive("end_time", end_time), positive("tolerance", tolerance)
    if not SOONEST <= last <= LATEST:
        raise InputError(f"end_time is too {'short' if last < SOONEST else 'long'}, got {told(end_time)}")
    threshold = in_unit_interval("level", level)
    if threshold == 1:
        raise InputError(f"level must lie between 0 and 1, where the correlation begins, got {told(level)}")
    number = integer_between("nodes", nodes, FEWEST, MOST)
    result = _measured(model, at_control(model, control, named), last, threshold, number)
    worst = float(np.max(result.error))
    if not worst <= asked:
        raise NumericalError(
            f"the correlation is known to {worst:.1g} only, more than the tolerance {asked:g}",
            "more nodes help, next to the dynamical temperature only a larger tolerance",
            partial=result,
        )
    return result


def _measured(model: Model, control: float, last: float, threshold: float, n: int) -> EquilibriumCorrelation:
    """Return the correlation and its errors, however large they are."""
    landscape = SphericalLandscape.of(model, control)
    if landscape.field:
        raise InputError(
            f"the equilibrium correlation is that of models without a field (linear term), got {told(model)}"
        )
    # the solution with fewer nodes also has its coupling off by many times what rounding can do to an equation
    perturbed = replace(landscape, terms=tuple((k, c * (1 + NOISE)) for k, c in landscape.terms))
    scaled_end = last * landscape.temperature
    fine, coarse = solve_memory(landscape, scaled_end, n), solve_memory(perturbed, scaled_end, n - FEWER)
    times, values = fine.times, np.concatenate([fine.values[0], fine.values[1:, 1:].ravel()])
    error = _largest_nearby(np.abs(values - coarse(times)[0]), n) + n * EPS
    when, bound = (None if x is None else x / landscape.temperature for x in _crossing(fine, error, threshold))
    times = np.minimum(times / landscape.temperature, last)
    return EquilibriumCorrelation(
        model=model, control=float(control), end_time=last, level=threshold, relaxation_time=when,
        relaxation_time_error=bound, plateau=landscape.plateau(), nodes=n, times=times, correlation=values, error=error,
        _landscape=landscape, _solution=fine,
    )  # fmt: skip
