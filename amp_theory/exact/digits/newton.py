"""Newton's method in mpmath with a check at another precision by another quadrature rule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.equations import System
from amp_theory.exact.digits.rules import GaussLegendrePanels, Real, Rule, trapezoid_rule
from amp_theory.tools.errors import NumericalError

#: working digits beyond those asked for, and those by which the check works with more
SPARE, MORE = 15, 8
#: working digits beyond those asked for, tried in turn for values that may be tiny
MORE_SPARE = (SPARE, 40, 90, 200)
#: the same for values that are known to be below 1e-100, at which channels have closed forms
MOST_SPARE = 700
#: how far from its start a root is another one: relative, and in units of rho, where rounding of a mean may matter
FAR, FAINT = 0.1, 1e-9
#: working digits at which the Jacobian is computed by differences, and most digits that a double can hide
ROUGH, MOST_LOST = 34, 330
MOST_STEPS = 30
#: relative distance of two overlaps that are close
CLOSE = 0.1
#: numbers of panels of the second rule, tried in turn
PANELS = (8, 16, 32, 64, 128, 256)
#: what helps where digits are not reached
FEWER = "fewer digits, or a point a little further from another one, may do"


def solve_system(
    system: System, start: Sequence[float | Real], digits: int, second_moment: float = 1.0
) -> tuple[list[Real], list[Real]]:
    """Return the root of a system next to `start` and bounds on its error, both checked; overlaps end at rho.

    The equations are solved with the trapezoidal rule; then they are evaluated at the root with the Gauss-Legendre
    rule and more digits.  The Newton step that is left there bounds the error.

    Raises
    ------
    NumericalError
        If Newton's method does not converge, or the check leaves less than `digits` correct digits.
    """
    lost = _lost_digits(start, second_moment)
    # a difference of thirds of the digits, of an unknown of that size, is to be told from the others
    with mp.workdps(ROUGH + 3 * lost // 2):
        jacobian = _jacobian(system, [mp.mpf(v) for v in start])
    with mp.workdps(digits + SPARE + lost):
        root, jacobian = _root(system, [mp.mpf(v) for v in start], jacobian, digits + SPARE // 2)
        if any(abs(r - v) > FAR * abs(v) + FAINT * second_moment for r, v in zip(root, start, strict=True)):
            raise NumericalError(
                f"Newton's method leads from {_doubles(start)} to another solution, {_doubles(root)}", FEWER
            )
    with mp.workdps(digits + SPARE + lost + MORE):
        wanted = [mp.mpf(10) ** (-digits - 1) * abs(value) for value in root]
        error = [mp.inf] * len(root)
        for panels in PANELS:
            previous, error = error, _step(system, root, jacobian, GaussLegendrePanels(panels))
            if all(abs(e) <= w for e, w in zip(error, wanted, strict=True)):
                return root, [2 * abs(e) + mp.mpf(10) ** (-digits - SPARE // 2) * abs(v)
                              for e, v in zip(error, root, strict=True)]  # fmt: skip
            if panels > PANELS[1] and all(abs(e - p) <= w for e, p, w in zip(error, previous, wanted, strict=True)):
                break  # the second rule has converged, to something else
    raise NumericalError(
        f"a second quadrature rule does not confirm {digits} digits: {mp.nstr(root[0], 20)} is off by "
        f"{mp.nstr(error[0], 3)} according to it",
        FEWER,
        partial=[float(v) for v in root],
    )


def confirmed(function: Callable[[Rule], list[Real]], digits: int, size: float = 1.0) -> list[Real]:
    """Return values that the second rule, with more digits, gives alike; small ones are computed with ever more digits.

    size is about that of the smallest value, which saves trying too few.

    Raises
    ------
    NumericalError
        If the rules differ however many digits they work with.
    """

    def alike(first: list[Real], second: list[Real]) -> bool:
        return all(abs(a - b) <= mp.mpf(10) ** (-digits - 1) * abs(b) for a, b in zip(first, second, strict=True))

    lost = 0.0 if size == 0 else -math.log10(min(abs(size), 1.0))
    spares = [spare for spare in MORE_SPARE if spare >= lost]
    for spare in [*spares, *([MOST_SPARE] if lost > MORE_SPARE[-1] / 2 else [])]:
        with mp.workdps(digits + spare):
            values = function(trapezoid_rule)
        with mp.workdps(digits + spare + MORE):
            last: list[Real] | None = None
            for panels in PANELS:
                others = function(GaussLegendrePanels(panels))
                if alike(values, others):
                    return values
                if last is not None and alike(last, others):
                    break  # the second rule has converged: the working digits were too few
                last = others
    shown = ", ".join(mp.nstr(value, 10) for value in values)
    raise NumericalError(f"a second quadrature rule does not confirm {digits} digits of {shown}", FEWER)


def _lost_digits(start: Sequence[float | Real], rho: float) -> int:
    """Return the digits that cancel in rho - q next to q = rho, the size of the smallest unknown, and close overlaps.

    Of two overlaps next to a tricritical point the free entropies differ by the cube of their distance.
    """
    values = _doubles(start)
    small = [abs(v) for v in values if v != 0] + [abs(1 - v / rho) for v in values if v != rho]
    apart = [abs(a / b - 1) for a, b in itertools.pairwise(values) if 0 < abs(a - b) < CLOSE * abs(b)]
    lost = max(0, int(-mp.log10(min(small)))) + (3 * int(-mp.log10(min(apart))) if apart else 0)
    return min(MOST_LOST, lost)


def _jacobian(system: System, at: list[Real]) -> Real:
    """Return the matrix of partial derivatives by central differences, as good as half of the working digits."""
    size = len(at)
    matrix = mp.matrix(size, size)
    for k, value in enumerate(at):
        h = mp.mpf(10) ** (-mp.dps // 3) * (abs(value) if value != 0 else 1)
        ends = [system([*at[:k], value + sign * h, *at[k + 1 :]], trapezoid_rule) for sign in (1, -1)]
        for row, (a, b) in enumerate(zip(*ends, strict=True)):
            matrix[row, k] = (a - b) / (2 * h)
    return matrix


def _step(system: System, at: list[Real], jacobian: Real, rule: Rule) -> list[Real]:
    """Return the Newton step at a point: unknowns in units of themselves, rows in units of their largest entry."""
    residual, size = system(at, rule), len(at)
    units = [abs(value) if value != 0 else mp.mpf(1) for value in at]
    rows = [[jacobian[k, n] * units[n] for n in range(size)] for k in range(size)]
    try:
        scales = [1 / max(map(abs, row)) for row in rows]
        scaled = mp.matrix([[scale * v for v in row] for scale, row in zip(scales, rows, strict=True)])
        right = mp.matrix([scale * v for scale, v in zip(scales, residual, strict=True)])
        return [-unit * value for unit, value in zip(units, mp.lu_solve(scaled, right), strict=True)]
    except ZeroDivisionError:
        where = _doubles(at)
        raise NumericalError(f"the equations next to {where} leave Newton's method no step", FEWER) from None


def _doubles(at: Sequence[float | Real]) -> list[float]:
    return [float(v) for v in at]


def _largest(step: list[Real], at: list[Real]) -> Real:
    """Return the largest step relative to its unknown."""
    return max(abs(s) / abs(a) if a != 0 else mp.inf for a, s in zip(at, step, strict=True))


def _root(system: System, start: list[Real], jacobian: Real, digits: int) -> tuple[list[Real], Real]:
    """Return the root and a Jacobian there: by the chord method, or where that fails by Newton's."""
    try:
        return _chord(system, start, jacobian, digits), jacobian
    except NumericalError:
        at = start
        for _ in range(MOST_STEPS):
            jacobian = _jacobian(system, at)
            step = _step(system, at, jacobian, trapezoid_rule)
            at = [a + s for a, s in zip(at, step, strict=True)]
            if _largest(step, at) <= mp.mpf(10) ** -digits:
                return at, jacobian
            if any(abs(s) > abs(a) for a, s in zip(start, step, strict=True)):
                break
        raise


def _chord(system: System, start: list[Real], jacobian: Real, digits: int) -> list[Real]:
    """Return the root by Newton steps with one and the same Jacobian, which gain equally many digits each."""
    at, last = start, mp.inf
    for _ in range(MOST_STEPS):
        step = _step(system, at, jacobian, trapezoid_rule)
        at = [a + s for a, s in zip(at, step, strict=True)]
        size = _largest(step, at)
        if size <= mp.mpf(10) ** -digits:
            return at
        if size > last / 2:
            break
        last = size
    raise NumericalError(f"Newton's method does not converge to {digits} digits from {_doubles(start)}", FEWER)
