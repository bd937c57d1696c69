"""Langevin dynamics of spherical models out of equilibrium: correlation and response at two times.

The configuration s on the sphere sum s^2 = N follows, with unit friction,

    ds/dt = -dH/ds - mu(t) s + noise,    <noise_i(t) noise_j(t')> = 2 T delta_ij delta(t - t'),

in a landscape H = H_0 - (N/T) xi_1(s.s*/N), E H_0 H_0' = N xi_1(q), with a configuration s* planted at its Bayes
temperature; without one in the random model.  For N to infinity C(t, t') = s(t).s(t')/N, the response
R(t, t') = d s(t)/d field(t') per variable, and the overlap m(t) = s(t).s*/N obey, for t > t',

    dC/dt = -mu(t) C(t, t') + int_0^t' xi_1'(C(t, s)) R(t', s) ds + int_0^t xi_1''(C(t, s)) R(t, s) C(s, t') ds
            + xi_1'(m(t)) m(t')/T
    dR/dt = -mu(t) R(t, t') + int_t'^t xi_1''(C(t, s)) R(t, s) R(s, t') ds,    R(t, t) = 1
    dm/dt = -mu(t) m(t) + int_0^t xi_1''(C(t, s)) R(t, s) m(s) ds + xi_1'(m(t))/T
    mu(t) = T + int_0^t [xi_1'(C(t, s)) R(t, s) + xi_1''(C(t, s)) R(t, s) C(t, s)] ds + xi_1'(m(t)) m(t)/T
    H/N   = -int_0^t xi_1'(C(t, s)) R(t, s) ds - xi_1(m(t))/T

Sources: A. Crisanti, H. Horner, H.-J. Sommers, Z. Phys. B 92, 257 (1993); L. F. Cugliandolo, J. Kurchan, Phys. Rev.
Lett. 71, 173 (1993); with a planted configuration the Langevin state evolution of S. Sarao Mannelli et al.,
arXiv:1812.09066.

Method: equal steps; the integrals by the trapezoidal rule, the steps by a predictor of Adams and Bashforth and
the trapezoidal corrector.  All errors are of second order in the step and measured from steps twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from amp_theory.dynamics.landscape import SphericalLandscape
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import (
    InputError,
    NumericalError,
    in_unit_interval,
    integer_between,
    positive,
    told,
    unknown_name,
)
from amp_theory.tools.progress import tracked
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable

Start = Literal["random", "planted"]
#: steps: least, most
FEWEST, MOST = 8, 8192
#: rows of the response that are multiplied together: above their diagonal block all is zero
BLOCK = 192


@dataclass(frozen=True, eq=False)
class LangevinCorrelations(Reported):
    """Two-time functions of the Langevin dynamics of a spherical model, at equal steps of time.

    The errors of all of them, and of the relations between them, are of second order in the step.

    Parameters
    ----------
    model, control, start, initial_overlap
        The model, its control, and where the dynamics sets out.
    times
        From 0 to the last, shape (n,), those of the Langevin equation with unit friction.
    correlation, response
        C(times[i], times[j]) and R(times[i], times[j]), zero for j > i; shape (n, n).
    multiplier, energy, overlap
        mu, the energy per variable, and the overlap with the planted configuration; shape (n,).
    constraint
        The largest abs(C(t, t) - 1) when the second argument takes a step too.
    errors
        By the names of the fields the largest differences from a solution with steps twice as long, about three times
        the errors.

    See Also
    --------
    langevin_correlations : Which returns it, with an example.
    """

    model: Model
    control: float
    start: Start
    initial_overlap: float
    times: Array = field(repr=False)
    correlation: Array = field(repr=False)
    response: Array = field(repr=False)
    multiplier: Array = field(repr=False)
    energy: Array = field(repr=False)
    overlap: Array = field(repr=False)
    constraint: float
    errors: dict[str, float]

    @property
    def title(self) -> str:
        """Model, control, start and last time."""
        where = f"{self.model!r}, {self.model.control} = {self.control:.12g}, from a {self.start} start"
        return f"{where} up to time {self.times[-1]:.6g}"

    def report(self) -> str:
        """Return a readable text: what holds at the last time, with the differences from doubled steps."""
        lines = [f"{self.title}, step {self.times[1] - self.times[0]:.6g}"]
        last = {"energy": self.energy, "overlap": self.overlap, "multiplier": self.multiplier}
        for name, values in last.items():
            lines.append(
                f"  {name} at the end {values[-1]:.10g}, changed by {self.errors[name]:.1g} with doubled steps"
            )
        return "\n".join([*lines, f"  largest abs(C(t, t) - 1) {self.constraint:.1g}"])

    def table(self) -> ResultTable:
        """Return what belongs to single times as rows, with the correlation with the start; energy per variable."""
        names = ("energy", "overlap", "multiplier")
        columns = {"time": self.times, "correlation_with_start": self.correlation[:, 0]}
        return ResultTable(self.title, columns | {name: getattr(self, name) for name in names})


@dataclass(frozen=True, eq=False)
class _Derivatives:
    """d/dt of C(t, t') and R(t, t') at all t' <= t, without and with -mu times them, and of m."""

    memory: tuple[Array, Array, Array]
    total: tuple[Array, Array, Array]


class _Integrator:
    """Fills C, R, m, mu and the energy row by row, C and R up to and including the diagonal."""

    def __init__(self, landscape: SphericalLandscape, overlap: float, end: float, steps: int) -> None:
        self.landscape, self.steps, self.dt = landscape, steps, end / steps
        self.temperature = landscape.temperature
        size = steps + 1
        self.c, self.r = np.zeros((2, size, size))
        self.m, self.mu, self.energy = np.zeros((3, size))
        self.c[0, 0] = self.r[0, 0] = 1.0
        self.m[0] = overlap
        self.constraint = 0.0

    def run(self) -> None:
        """Take all steps; overflow shows in the results."""
        before = now = self._derivatives(0)
        for i in tracked(range(self.steps), "steps of two-time functions"):
            # what begins at time i has no derivative before: its first step, of second order all the same, is simple
            slopes = [x.copy() for x in now.total]
            for slope, x in zip(slopes, before.total, strict=True):
                slope[: len(x)] += 0.5 * (slope[: len(x)] - x)
            self._write(i, *(self.dt * x for x in slopes))
            later = self._derivatives(i + 1)
            ends = zip(now.total, later.total, strict=True)
            self._write(i, *(0.5 * self.dt * (x + y[: len(x)]) for x, y in ends))
            before, now = now, self._corrected(i + 1, later.memory)
            self._check_constraint(i)

    def _write(self, i: int, dc: Array, dr: Array, dm: Array) -> None:
        """Set row i + 1 to row i and these increments."""
        j = i + 1
        self.c[j, :j] = self.c[:j, j] = self.c[i, :j] + dc
        self.r[j, :j] = self.r[i, :j] + dr
        self.m[j] = self.m[i] + dm[0]
        self.c[j, j] = self.r[j, j] = 1.0

    def _derivatives(self, i: int) -> _Derivatives:
        """Return the right-hand sides at time i, at a cost of i^2 operations."""
        size = i + 1
        first, second = self._kernels(i)
        c, r = self.c[:size, :size], self.r[:size, :size]
        diagonal = 0.5 * self.dt
        along_first, along_second = np.empty((2, size))
        first_step, second_step = self.dt * first, self.dt * second
        along_second[:] = 0.0
        for a in range(0, size, BLOCK):
            b = min(a + BLOCK, size)
            along_first[a:b] = r[a:b, :b] @ first_step[:b]
            along_second[:b] += second_step[a:b] @ r[a:b, :b]
        along_first -= diagonal * (r[:, 0] * first[0] + first)
        along_second -= diagonal * (second + second[i] * r[i])
        pull = self._pull(i)
        memory_c = along_first + c @ self._trapezoid(second) + pull * self.m[:size]
        memory_m = np.array([self._trapezoid(second) @ self.m[:size] + pull])
        return self._corrected(i, (memory_c, along_second, memory_m))

    def _corrected(self, i: int, memory: tuple[Array, Array, Array]) -> _Derivatives:
        """Return the derivatives with mu and the factors of mu at time i renewed, at a cost of i operations."""
        size = i + 1
        c, r = self.c[i, :size], self.r[i, :size]
        first, second = self._kernels(i)
        weight = self._trapezoid(first) @ r
        self.mu[i] = self.temperature + weight + self._trapezoid(second) @ c + self._pull(i) * self.m[i]
        planted = self.temperature * float(self.landscape.coupling(self.m[i])[0])
        self.energy[i] = 0.0 - weight - planted
        mc, mr, mm = memory
        total = (mc - self.mu[i] * c, mr - self.mu[i] * r, mm - self.mu[i] * self.m[i : i + 1])
        return _Derivatives(memory, total)

    def _kernels(self, i: int) -> tuple[Array, Array]:
        """Return xi_1'(C(t, s)) and xi_1''(C(t, s)) R(t, s) for s up to t, the time i."""
        _, x, dx, _ = self.landscape.coupling(self.c[i, : i + 1])
        return self.temperature**2 * x, self.temperature**2 * dx * self.r[i, : i + 1]

    def _pull(self, i: int) -> float:
        """Return xi_1'(m)/T at time i."""
        return self.temperature * float(self.landscape.coupling(self.m[i])[1])

    def _trapezoid(self, values: Array) -> Array:
        """Return values times the weights of the trapezoidal rule."""
        result = self.dt * values
        result[0] *= 0.5
        result[-1] *= 0.5
        return result if len(values) > 1 else np.zeros(1)

    def _check_constraint(self, i: int) -> None:
        """Step C(t, t') from time i to t = t' = time i + 1 by the equation for t < t'.

        There 2 T R(t', t) adds to dC/dt, the first integral runs past t, and at t = t' the slope is T.
        """
        j = i + 1
        value = self.c[i, j]
        first = self.temperature**2 * self.landscape.coupling(self.c[i, : j + 1])[1]
        _, second = self._kernels(i)
        slope = (
            -self.mu[i] * value + 2 * self.temperature * self.r[j, i] + self._trapezoid(first) @ self.r[j, : j + 1]
            + self._trapezoid(second) @ self.c[:j, j] + self._pull(i) * self.m[j]
        )  # fmt: skip
        self.constraint = max(self.constraint, abs(value + 0.5 * self.dt * (slope + self.temperature) - 1))


def langevin_correlations(
    model: Model, control: float | None = None, start: Start = "random", end_time: float = 10.0, steps: int = 800,
    initial_overlap: float | None = None, tolerance: float = 0.02, **named: float,
) -> LangevinCorrelations:  # fmt: skip
    """Return correlation, response, energy and overlap of the Langevin dynamics of a spherical model.

    The equations are printed on top of this module; they are the Langevin state evolution of arXiv:1812.09066.

    Parameters
    ----------
    model
        A spherical model with polynomial coupling: SphericalPSpin(p), MixedPSpin(xi, Gaussian()),
        SpikedMatrixTensor(p, tensor_noise).
    control, **named
        The model's control, > 0, also under its own name, as temperature=0.7.
    start
        "random": from a uniformly random configuration in the landscape without planted configuration;
        "planted": with one, from `initial_overlap` with it.
    end_time
        Last time, > 0, in units of ds/dt = -dH/ds - mu s + noise of variance 2 T.  Where the control is a noise
        H is the negative log likelihood and T = 1.
    steps, initial_overlap
        Number of steps, an even number from 8 to 8192; the time taken grows with its cube.
        The overlap with the planted configuration at time 0, in (0, 1], 1 by default, which is equilibrium.
    tolerance
        Largest entry of `errors` allowed, > 0.

    Returns
    -------
    LangevinCorrelations
        The functions of two times and of one, and their errors.

    Raises
    ------
    InputError
        If an argument is outside its range, or the model is not spherical.
    NumericalError
        If an error exceeds `tolerance` (`partial` holds the result): take more steps.

    Examples
    --------
    >>> from amp_theory import SphericalPSpin
    >>> result = langevin_correlations(SphericalPSpin(3), control=1.0, end_time=5.0, steps=200)
    >>> print(f"{result.energy[-1]:.3f}")  # equilibrium: -1/(2 T)
    -0.496
    """
    control = at_control(model, control, named)
    landscape = SphericalLandscape.of(model, control)
    overlap = _overlap_at_start(start, initial_overlap)
    end, asked = positive("end_time", end_time), positive("tolerance", tolerance)
    count = integer_between("steps", steps, FEWEST, MOST)
    if count % 2:
        raise InputError(f"steps must be even, so that half as many measure the error, got {told(steps)}")
    fine, errors = _integrated(landscape, overlap, end, count)
    result = LangevinCorrelations(
        model=model, control=float(control), start=start, initial_overlap=overlap, times=np.linspace(0, end, count + 1),
        correlation=fine.c, response=fine.r, multiplier=fine.mu, energy=fine.energy, overlap=fine.m,
        constraint=fine.constraint, errors=errors,
    )  # fmt: skip
    return _known(result, asked)


def _integrated(
    landscape: SphericalLandscape, overlap: float, end: float, count: int
) -> tuple[_Integrator, dict[str, float]]:
    """Return the solution with so many steps, and how far the one with half as many is from it."""
    fine, coarse = (_Integrator(landscape, overlap, end, k) for k in (count, count // 2))
    with np.errstate(over="ignore", invalid="ignore"):
        for solution in (coarse, fine):
            solution.run()
        pairs = {"correlation": (fine.c[::2, ::2], coarse.c), "response": (fine.r[::2, ::2], coarse.r)}
        pairs |= {name: (getattr(fine, short)[::2], getattr(coarse, short))
                  for name, short in (("multiplier", "mu"), ("energy", "energy"), ("overlap", "m"))}  # fmt: skip
        errors = {name: float(np.max(np.abs(a - b))) for name, (a, b) in pairs.items()}
    return fine, errors


def _overlap_at_start(start: Start, given: float | None) -> float:
    """Return the overlap with the planted configuration at time 0."""
    if not isinstance(start, str) or start not in ("random", "planted"):
        raise unknown_name("start", start, ["random", "planted"])
    if start == "planted":
        return in_unit_interval("initial_overlap", 1.0 if given is None else given)
    if given is not None:
        raise InputError(f"initial_overlap belongs to start='planted', got {told(given)} with start='random'")
    return 0.0


def _known(result: LangevinCorrelations, tolerance: float) -> LangevinCorrelations:
    """Return a result, or raise a `NumericalError` if an error of it exceeds the tolerance."""
    worst = max(result.errors, key=lambda name: result.errors[name])
    if not all(np.isfinite(x) for x in result.errors.values()):
        found = f"steps of {result.times[1]:g} are so long that the solution grows without bounds"
    elif result.errors[worst] > tolerance:
        found = f"the {worst} is known to {result.errors[worst]:.1g} only, more than the tolerance {tolerance:g}"
    else:
        return result
    advice = f"take more than {len(result.times) - 1} steps to end_time = {result.times[-1]:g}"
    raise NumericalError(found, advice, partial=result)
