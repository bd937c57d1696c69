"""Special points, points on lines and fixed points with as many digits as asked for.

Each is solved once more in mpmath from its value in doubles; see `equations` and `newton`.  Parameters count as the
numbers they are written as (`expressions.exact`): rho = 0.08 is 8/100.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import amp_theory.exact.digits.equations as equations
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.newton import FAINT, SPARE, confirmed, solve_system
from amp_theory.exact.digits.rationals import to_mp
from amp_theory.exact.digits.rules import Real, Rule, trapezoid_rule
from amp_theory.exact.digits.two_sides import equations_of
from amp_theory.tools.errors import InputError, integer_between
from amp_theory.tools.fixed_points import FixedPoint
from amp_theory.tools.progress import tracked
from amp_theory.tools.results import POINTS, Located, Thresholds

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.base import Model

MOST_DIGITS = 50
#: relative distance of two overlaps that are the same fixed point
SAME = 1e-7
#: overlap in units of rho below which no true fixed point is next to a fixed point 0 at a control in doubles, and
#: relative residual of a true one between that and `newton.FAINT`
NOTHING, SOLVED = 1e-18, 1e-9
HOW = "{digits} digits in mpmath, confirmed by a second quadrature rule with more digits"
KNOWN = "{digits} digits of a closed form"


def check_digits(digits: object) -> int:
    """Return `digits` as an integer from 1 to 50, or raise an `InputError`."""
    return integer_between("digits", digits, 1, MOST_DIGITS)


def decimal(value: Real, digits: int) -> str:
    """Return a decimal string with `digits` significant digits."""
    return "0" if value == 0 else str(mp.nstr(value, digits, strip_zeros=False, min_fixed=-6, max_fixed=digits + 1))


def rounding(value: Real, digits: int) -> Real:
    """Return a bound on the error of rounding a value to so many significant digits."""
    return mp.mpf(0) if value == 0 else mp.mpf(10) ** (mp.floor(mp.log10(abs(value))) + 1 - digits) / 2


class Sharpener:
    """Solves the points of one model along a path again, with `digits` digits.

    Raises
    ------
    InputError
        If the model's prior, coupling or path has no many-digit form; the message says which.
    """

    def __init__(self, model: Model, path: Path, digits: int) -> None:
        self.model, self.path, self.digits = model, path, digits
        self.equations = equations_of(model, path)

    # --- from unknowns to results ---

    def _control(self, intensity: Real) -> Real:
        control = self.equations.control(intensity)
        if not isinstance(control, mp.mpf):
            raise InputError(
                f"digits beyond double precision need a from_intensity that keeps mpmath numbers: {self.model!r}"
            )
        return control

    def intensity(self, control: float | Real) -> Real:
        """Return the intensity at a control."""
        return self.equations.intensity(to_mp(control))

    def _located(self, old: Located, intensity: tuple[Real, Real], strength: tuple[Real, Real] | None,
                 overlap: tuple[Real, Real]) -> Located:  # fmt: skip
        """Return a point from (value, error) of its unknowns."""
        with mp.workdps(self.digits + SPARE + 8):
            value, error = intensity
            control = self._control(value)
            ends = [self._control(value + sign * error) for sign in (-1, 1)]
            found: dict[str, tuple[Real, Real]] = {old.control_name: (control, abs(ends[1] - ends[0]))}
            if strength is not None and old.strength_name is not None:
                found[old.strength_name] = strength
            found["overlap"] = overlap
            return self._replaced(old, found, HOW if error else KNOWN)

    def _replaced(self, old: Located, found: dict[str, tuple[Real, Real]], how: str = HOW) -> Located:
        decimals = {name: decimal(value, self.digits) for name, (value, _) in found.items()}
        errors = {name: float(error + rounding(value, self.digits)) for name, (value, error) in found.items()}
        strength = float(found[old.strength_name][0]) if old.strength_name is not None else None
        return replace(
            old, control=float(found[old.control_name][0]), overlap=float(found["overlap"][0]), strength=strength,
            errors=errors, decimals=decimals, how=f"{old.how}; {how.format(digits=self.digits)}",
        )  # fmt: skip

    def _solved(self, system: equations.System, start: list[float]) -> list[tuple[Real, Real]]:
        rho = float(self.equations.channel.second_moment)
        return list(zip(*solve_system(system, start, self.digits, rho), strict=True))

    def _known(self, old: Located, intensity: Callable[[], Real], overlap: Callable[[], Real]) -> Located:
        """Return a point whose coordinates are known in closed form."""
        with mp.workdps(self.digits + SPARE):
            none = mp.mpf(0)
            return self._located(old, (intensity(), none), None, (overlap(), none))

    # --- special points ---

    def thresholds(self, special: Thresholds) -> Thresholds:
        """Return all special points with more digits."""
        new: dict[str, Any] = {}
        for name in tracked(POINTS, "%d digits of special points", self.digits):
            old = getattr(special, name)
            new[name] = old if old is None else self.point(name, old)
        more = tuple(self.point("tricritical", old) for old in special.further_tricritical)
        return replace(special, **new, further_tricritical=more)

    def point(self, name: str, old: Located) -> Located:
        """Return the special point of a name with more digits."""
        start = float(self.equations.intensity(mp.mpf(old.control)))
        if name == "tricritical":
            assert old.strength is not None
            q, s, c = self._solved(equations.cusp(self.equations), [old.overlap, old.strength, start])
            return self._located(old, c, s, q)
        if old.overlap == 0:
            return self._known(old, lambda: self.equations.weak_recovery(trapezoid_rule), lambda: mp.mpf(0))
        recovered = self._is_recovered(old.overlap)
        if name == "condensation":
            return self._condensation(old, start, recovered)
        if recovered:
            return self._known(old, self._dimension, lambda: self.equations.channel.second_moment)
        q, c = self._solved(equations.zero_fold(self.equations), [old.overlap, start])
        return self._located(old, c, None, q)

    def _is_recovered(self, overlap: float) -> bool:
        """Tell whether a fixed point is q = rho itself, not one that rounds to it."""
        return self.equations.coupling.singularity is not None and overlap == self.model.variable_prior.second_moment

    def _dimension(self) -> Real:
        """Return the intensity at which q = rho becomes stable: d/c, see `recovery`."""
        coupling = self.equations.coupling
        assert coupling.singularity is not None
        return self.equations.channel.information_dimension / to_mp(coupling.singularity[1])

    def _condensation(self, old: Located, start: float, recovered: bool) -> Located:
        """Return the point of equal free entropies at zero strength."""
        recovery = self.equations.recovery
        if recovered and recovery is not None and recovery.infinite:
            return self._known(old, self._dimension, lambda: self.equations.channel.second_moment)
        low = self.lower_overlap(old)
        if recovered and low == 0:
            return self._known(old, self._certain, lambda: self.equations.channel.second_moment)
        unknowns = [*([low] if low else []), *([] if recovered else [old.overlap]), start]
        system = equations.equal_heights(
            self.equations, "branch" if low else "null", "recovered" if recovered else "branch", None
        )
        *overlaps, c = self._solved(system, unknowns)
        with mp.workdps(self.digits + SPARE):
            top = (self.equations.channel.second_moment, mp.mpf(0)) if recovered else overlaps[-1]
        return self._located(old, c, None, top)

    def _certain(self) -> Real:
        """Return the intensity at which q = rho has the free entropy zero."""
        zero, one = (self.equations.recovered(mp.mpf(0), mp.mpf(k)) for k in (0, 1))
        return -zero / (one - zero)

    def lower_overlap(self, old: Located) -> float:
        """Return the overlap of the fixed point that is in balance with the upper one, zero for q = 0."""
        low = old.lower_overlap
        if low is None:
            raise InputError("a condensation point with more digits starts from one that `thresholds` returned")
        with mp.workdps(self.digits + SPARE):
            null = self._is_null(low, mp.mpf(0), self.intensity(old.control))
        return 0.0 if null else low

    def _is_null(self, overlap: float, strength: Real, intensity: Real) -> bool:
        """Tell whether a small overlap stands for q = 0: a mean of the prior that only rounding makes is none here."""
        if overlap == 0:
            return True
        rho = self.equations.channel.second_moment
        if strength != 0 or overlap > FAINT * rho or not self.equations.forgetful(intensity):
            return False
        q = mp.mpf(overlap)
        if overlap < NOTHING * rho:
            return True
        return bool(abs(self.equations.at(q, strength, intensity, trapezoid_rule).fixed) > SOLVED * q)

    # --- points on lines ---

    def spinodal(self, old: Located) -> Located:
        """Return a point of a spinodal, at its control exactly, with more digits."""
        assert old.strength is not None
        with mp.workdps(self.digits + SPARE + 8):
            c = self.intensity(old.control)
        if self._is_recovered(old.overlap):
            return self._birth(old, c)
        q, s = self._solved(equations.fold(self.equations, c), [old.overlap, old.strength])
        return self._on_line(old, s, q)

    def first_order(self, old: Located, lower_overlap: float) -> Located:
        """Return a point of the first-order line, at its control exactly, with more digits."""
        assert old.strength is not None
        with mp.workdps(self.digits + SPARE + 8):
            c = self.intensity(old.control)
        recovered = self._is_recovered(old.overlap)
        recovery = self.equations.recovery
        if recovered and recovery is not None and recovery.infinite:
            return self._birth(old, c)
        system = equations.equal_heights(self.equations, "branch", "recovered" if recovered else "branch", c)
        unknowns = [lower_overlap, *([] if recovered else [old.overlap]), old.strength]
        *overlaps, s = self._solved(system, unknowns)
        with mp.workdps(self.digits + SPARE):
            top = (self.equations.channel.second_moment, mp.mpf(0)) if recovered else overlaps[-1]
        return self._on_line(old, s, top)

    def _birth(self, old: Located, intensity: Real) -> Located:
        """Return where q = rho becomes stable: the hidden part of the variables is intensity/(d/c)."""
        with mp.workdps(self.digits + SPARE):
            none = mp.mpf(0)
            revealed = 1 - intensity / self._dimension()
            return self._on_line(old, (revealed, none), (self.equations.channel.second_moment, none))

    def _on_line(self, old: Located, strength: tuple[Real, Real], overlap: tuple[Real, Real]) -> Located:
        assert old.strength_name is not None
        with mp.workdps(self.digits + SPARE + 8):
            control = (to_mp(old.control), mp.mpf(0))
            return self._replaced(old, {old.control_name: control, old.strength_name: strength, "overlap": overlap})

    # --- fixed points ---

    def fixed_point(self, old: FixedPoint, control: float, strength: float) -> FixedPoint:
        """Return a fixed point with more digits in overlap, free entropy, mmse and mutual information."""
        if self._is_recovered(old.overlap):
            return self._exact_fixed_point(old)
        with mp.workdps(self.digits + SPARE + 8):
            c, s = self.intensity(control), to_mp(strength)
            if self._is_null(old.overlap, s, c):
                return self._exact_fixed_point(replace(old, overlap=0.0))
        ((q, bound),) = self._solved(equations.fixed_point(self.equations, s, c), [old.overlap])
        with mp.workdps(self.digits + SPARE):
            both = self.equations.both(q, s, c, trapezoid_rule)
        names = ("free_entropy", "mmse", *both)

        def at(rule: Rule) -> list[Real]:
            found = self.equations.at(q, s, c, rule)
            return [found.free_entropy, found.gap, *(value for value, _ in self.equations.both(q, s, c, rule).values())]

        with mp.workdps(self.digits + SPARE):
            here = self.equations.at(q, s, c, trapezoid_rule)
            # phi is stationary at a fixed point, rho - G has the slope -dG/dq
            bounds = {"overlap": bound, "free_entropy": (bound * (1 + here.signal / q)) ** 2,
                      "mmse": bound * abs(1 + here.marginal)}  # fmt: skip
            bounds |= {name: bound * slope for name, (_, slope) in both.items()}
            checked = dict(zip(names, confirmed(at, self.digits, self._smallest(old)), strict=True))
            return self._with_values(old, {"overlap": q} | checked, bounds)

    def _smallest(self, old: FixedPoint) -> float:
        """Return about the size of the smallest of overlap, free entropy and mmse, as far as doubles tell."""
        sizes = (old.overlap, abs(old.free_entropy), old.mmse, old.overlap_v or 0.0)
        return min(value for value in sizes if value > 0)

    def _with_values(self, old: FixedPoint, values: dict[str, Real], bounds: dict[str, Real]) -> FixedPoint:
        decimals = {name: decimal(value, self.digits) for name, value in values.items()}
        errors = {name: float(bounds[name] + rounding(value, self.digits)) for name, value in values.items()}
        numbers: dict[str, Any] = {name: float(value) for name, value in values.items()}
        return replace(old, **numbers, errors=old.errors | errors, decimals=decimals)

    def _exact_fixed_point(self, old: FixedPoint) -> FixedPoint:
        """Return q = 0 or q = rho with the digits of rho, and the free entropy zero of q = 0."""
        with mp.workdps(self.digits + SPARE):
            none, rho = mp.mpf(0), self.equations.channel.second_moment
            null = {"overlap": none, "free_entropy": none, "mmse": rho}
            values = null if old.overlap == 0 else {"overlap": rho, "mmse": none}
            if old.overlap_v is not None:  # no overlap of one kind is none of the other
                values |= {"overlap_u": none, "overlap_v": none}
            return self._with_values(old, values, dict.fromkeys(values, none))
