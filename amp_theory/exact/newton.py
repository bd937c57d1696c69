"""Newton's method in mpmath with a check at another precision by another quadrature rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amp_theory.errors import NumericalError
from amp_theory.exact.contexts import mp
from amp_theory.exact.equations import System
from amp_theory.exact.rules import GaussLegendrePanels, Real, Rule, trapezoid

#: working digits beyond those asked for, and those by which the check works with more
SPARE, MORE = 15, 8
#: working digits beyond those asked for, tried in turn for values that may be tiny
MORE_SPARE = (SPARE, 40, 90, 200)
#: working digits at which the Jacobian is computed by differences
ROUGH = 34
MOST_STEPS = 30
#: numbers of panels of the second rule, tried in turn
PANELS = (8, 16, 32, 64, 128, 256)


def solve(system: System, start: Sequence[float | Real], digits: int) -> tuple[list[Real], list[Real]]:
    """Return the root of a system next to `start` and bounds on its error, both checked.

    The equations are solved with the trapezoidal rule; then they are evaluated at the root with the Gauss-Legendre
    rule and more digits.  The Newton step that is left there bounds the error.

    Raises
    ------
    NumericalError
        If Newton's method does not converge, or the check leaves less than `digits` correct digits.
    """
    lost = _lost_digits(start)
    with mp.workdps(ROUGH + lost):
        jacobian = _jacobian(system, [mp.mpf(v) for v in start])
    with mp.workdps(digits + SPARE + lost):
        root, jacobian = _root(system, [mp.mpf(v) for v in start], jacobian, digits + SPARE // 2)
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
        partial=[float(v) for v in root],
    )


def confirmed(function: Callable[[Rule], list[Real]], digits: int) -> list[Real]:
    """Return values that the second rule, with more digits, gives alike; small ones are computed with ever more digits.

    Raises
    ------
    NumericalError
        If the rules differ however many digits they work with.
    """

    def alike(first: list[Real], second: list[Real]) -> bool:
        return all(abs(a - b) <= mp.mpf(10) ** (-digits - 1) * abs(b) for a, b in zip(first, second, strict=True))

    for spare in MORE_SPARE:
        with mp.workdps(digits + spare):
            values = function(trapezoid)
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
    raise NumericalError(f"a second quadrature rule does not confirm {digits} digits of {shown}")


def _lost_digits(start: Sequence[float | Real]) -> int:
    """Return the digits that cancel in rho - q next to q = 1, say, and the size of the smallest unknown."""
    small = [abs(float(v)) for v in start if v != 0] + [abs(1 - float(v)) for v in start if float(v) != 1]
    return min(60, max(0, int(-mp.log10(min(small)))))


def _jacobian(system: System, at: list[Real]) -> Real:
    """Return the matrix of partial derivatives by central differences, as good as half of the working digits."""
    size = len(at)
    matrix = mp.matrix(size, size)
    for k, value in enumerate(at):
        h = mp.mpf(10) ** (-mp.dps // 3) * (abs(value) if value != 0 else 1)
        ends = [system([*at[:k], value + sign * h, *at[k + 1 :]], trapezoid) for sign in (1, -1)]
        for row, (a, b) in enumerate(zip(*ends, strict=True)):
            matrix[row, k] = (a - b) / (2 * h)
    return matrix


def _step(system: System, at: list[Real], jacobian: Real, rule: Rule) -> list[Real]:
    """Return the Newton step at a point."""
    residual = mp.matrix(system(at, rule))
    return [-value for value in mp.lu_solve(jacobian, residual)]


def _root(system: System, start: list[Real], jacobian: Real, digits: int) -> tuple[list[Real], Real]:
    """Return the root and a Jacobian there: by the chord method, or where that fails by Newton's."""
    try:
        return _chord(system, start, jacobian, digits), jacobian
    except NumericalError:
        at = start
        for _ in range(MOST_STEPS):
            jacobian = _jacobian(system, at)
            step = _step(system, at, jacobian, trapezoid)
            at = [a + s for a, s in zip(at, step, strict=True)]
            if max(abs(s) / abs(a) for a, s in zip(at, step, strict=True)) <= mp.mpf(10) ** -digits:
                return at, jacobian
            if any(abs(s) > abs(a) for a, s in zip(start, step, strict=True)):
                break
        raise


def _chord(system: System, start: list[Real], jacobian: Real, digits: int) -> list[Real]:
    """Return the root by Newton steps with one and the same Jacobian, which gain equally many digits each."""
    at, last = start, mp.inf
    for _ in range(MOST_STEPS):
        step = _step(system, at, jacobian, trapezoid)
        at = [a + s for a, s in zip(at, step, strict=True)]
        size = max(abs(s) / abs(a) for a, s in zip(at, step, strict=True))
        if size <= mp.mpf(10) ** -digits:
            return at
        if size > last / 2:
            break
        last = size
    raise NumericalError(f"Newton's method does not converge to {digits} digits from {[float(v) for v in start]}")
