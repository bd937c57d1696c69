"""Special points of Gaussian variables with numbers as coefficients: extrema of rational functions, hence algebraic.

At zero strength the fixed points form the curve lambda(q) = (q/(1-q) - B')/A', a stable branch wherever it rises:

- dynamical: its first minimum at which a lower branch exists;
- algorithmic: where the branch of least overlap ends and the next one starts at smaller lambda.

Along a path the marginal fixed points form the curve lambda_sp(q) of `gaussian`, and at constant intensity
d strength/dq = D (lambda_sp - lambda), D = m' A' + m A''.  Tricritical points are the extrema of lambda_sp, at positive
lambda and strength, with D lambda_sp'' = d^3 strength/dq^3 > 0: two stable branches merge.  They do so towards smaller
lambda where D > 0, as always along the flow, and towards larger lambda where D < 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import sympy
from sympy import Expr, Integer

from amp_theory.exact.formulas.gaussian import Curves
from amp_theory.exact.formulas.setting import Setting, q

#: highest degree of polynomials whose roots are isolated, digits for their signs, and halvings
LARGEST_DEGREE, DIGITS, BISECTIONS = 80, 40, 60
INFINITY = sympy.oo
#: the overlap without assumptions, from which sympy would draw conclusions by finding roots again and again
t = sympy.Symbol("t")


@dataclass(frozen=True)
class Root:
    """A zero of a rational function of t: an exact number, and the irreducible polynomial whose root it is."""

    number: Expr
    polynomial: sympy.Poly

    @cached_property
    def value(self) -> sympy.Float:
        """The number with digits enough to tell signs."""
        return self.number.evalf(DIGITS)

    @property
    def explicit(self) -> bool:
        """Whether the number is written in radicals."""
        return not self.number.has(sympy.CRootOf)

    def __call__(self, function: Expr) -> sympy.Float:
        """Return the value of a function of t at the root, with digits enough to tell its sign."""
        return function.subs(t, self.value).evalf(DIGITS)

    def exactly(self, function: Expr) -> Expr:
        """Return the value of a rational function of t at the root, as a polynomial in the root of least degree."""
        numerator, denominator = (sympy.Poly(part, t) for part in sympy.fraction(sympy.cancel(function)))
        inverse = sympy.invert(denominator, self.polynomial)
        rest = (numerator * inverse).rem(self.polynomial)
        value = rest.as_expr().subs(t, self.number)
        return sympy.expand(value) if self.explicit else value


@dataclass(frozen=True)
class AlgebraicBranch:
    """Stable fixed points at zero strength, at intensities from start to stop, and the folds there (None: no fold)."""

    start: Expr
    stop: Expr
    lower: Root | None
    upper: Root | None


def roots_inside(function: Expr) -> list[Root] | None:
    """Return the zeros in (0, 1) of a rational function of t, ascending; None if its degree is too high."""
    polynomial = sympy.Poly(sympy.fraction(sympy.cancel(function))[0], t)
    if polynomial.degree() > LARGEST_DEGREE:
        return None
    found = [Root(r, factor) for factor, _ in polynomial.factor_list()[1] for r in _roots(factor)]
    return sorted((r for r in found if 0 < r.value < 1), key=lambda r: r.value)


def _roots(polynomial: sympy.Poly) -> list[Expr]:
    """Return the real roots of an irreducible polynomial, in radicals if it is a pure power of t or of 1 - t."""
    d = sympy.Symbol("d", positive=True)
    for inner, back in ((d, lambda x: x), (1 - d, lambda x: 1 - x)):
        terms = sympy.Poly(polynomial.as_expr().subs(t, inner).expand(), d).terms()
        if len(terms) == 2 and terms[1][0] == (0,):
            power, ratio = terms[0][0][0], -terms[1][1] / terms[0][1]
            return [back(sympy.root(ratio, power))] if ratio > 0 else []  # type: ignore[no-untyped-call]
    return list(sympy.real_roots(polynomial))


def rational(function: Expr) -> Expr:
    """Return a rational function of q as one of t, numerator and denominator without common factors."""
    return sympy.cancel(function.subs(q, t))


def control_at(setting: Setting, root: Root, intensity: Expr) -> Expr:
    """Return the control at which the intensity is that rational function at the root."""
    ratio = root.exactly(intensity if setting.power > 0 else 1 / intensity)
    control = setting.from_ratio(ratio)
    return sympy.sqrtdenest(control) if root.explicit else control


def tricritical(curves: Curves) -> list[dict[str, Expr]] | None:
    """Return all tricritical points, from the smallest intensity on; None if their equation's degree is too high."""
    setting, curve = curves.setting, rational(curves.spinodal)
    roots = roots_inside(curve.diff(t))
    if roots is None:
        return None
    strength = rational(curves.strength(curves.spinodal))
    merging = curves.marginal.subs(q, t) * curve.diff(t, 2)
    found = [r for r in roots if r(curve) > 0 and r(strength) > 0 and r(merging) > 0]
    return [
        {
            setting.control: control_at(setting, r, curve),
            setting.strength: r.exactly(strength),
            "overlap": r.number,
        }
        for r in sorted(found, key=lambda r: r(curve))
    ]


def algebraic_branches(curves: Curves) -> list[AlgebraicBranch] | None:
    """Return the stable branches at zero strength by rising overlap; None if their equation's degree is too high."""
    curve = rational(curves.zero_strength)
    slope = curve.diff(t)
    extrema = roots_inside(slope)
    if extrema is None:
        return None
    first = sympy.limit(curve, t, 0, "+")
    branches = [AlgebraicBranch(Integer(0), first, None, None)] if curves.setting.symmetric else []
    points = [(0, first, None), *((r.value, r(curve), r) for r in extrema), (1, INFINITY, None)]
    for (x, a, lower), (y, b, upper) in pairwise(points):
        rising = slope.subs(t, sympy.Float((x + y) / 2, DIGITS)) > 0
        if rising and b > 0:
            branches.append(AlgebraicBranch(sympy.Max(a, 0), b, lower, upper))
    return branches


def least_start(branches: list[AlgebraicBranch]) -> AlgebraicBranch | None:
    """Return the branch that is the first to coexist with a lower one."""
    later = [c for k, c in enumerate(branches) if c.start > 0 and any(b.start < c.start < b.stop for b in branches[:k])]
    return min(later, key=lambda c: c.start, default=None)


def always_informed(branches: list[AlgebraicBranch]) -> bool:
    """Tell whether a second branch exists at every intensity, however small."""
    return any(b.start == 0 for b in branches[1:])


def crosses_zero(curves: Curves, branches: list[AlgebraicBranch]) -> tuple[bool, bool]:
    """Tell whether phi of another branch passes zero, that of q = 0, while q = 0 is stable; and whether it is above it.

    The first of `branches` is q = 0.  phi rises with the intensity along every branch, by A/2.
    """
    phi, null = curves.condensation.lhs, branches[0]
    crosses = above = False
    for c in branches[1:]:
        if c.start < null.stop:
            stop = min(c.stop, null.stop)
            negative = phi.subs(q, _on_branch(curves, c, c.start)) < 0
            positive = stop == INFINITY or phi.subs(q, _on_branch(curves, c, stop)) > 0
            crosses, above = crosses or bool(negative and positive), above or not negative
    return crosses, above


def _on_branch(curves: Curves, branch: AlgebraicBranch, intensity: Expr) -> sympy.Float:
    """Return the overlap on a branch at an intensity."""
    low = sympy.Float(0, DIGITS) if branch.lower is None else branch.lower.value
    high = sympy.Float(1, DIGITS) if branch.upper is None else branch.upper.value
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if curves.zero_strength.subs(q, middle) < intensity else (low, middle)
    return (low + high) / 2


def jumping(branches: list[AlgebraicBranch]) -> AlgebraicBranch | None:
    """Return the branch on which the uninformed fixed point ends by a jump."""
    current = branches[0]
    while current.stop != INFINITY:
        following = next(b for b in branches if b.stop > current.stop)
        if following.start < current.stop:
            return current
        current = following
    return None
