"""Closed forms of models with variables of two kinds: all of Gaussian pairs, and how any q = 0 loses stability.

With a = alpha lambda, q and p the overlaps of u and of v, and h, m of a path as in `paths`, Gaussian variables obey

    s = h(q) - m(q) a p   if u is told,      q/(1-q) = a p       if it is not,
    s = h(p) - m(p) lambda q   if v is told, p/(1-p) = lambda q  if it is not,
    phi = Psi_u(a p) + alpha Psi_v(lambda q) - a q p/2.

Without side information q = (alpha lambda^2 - 1)/(lambda + alpha lambda^2).  Along every path and side the overlap
solves a quadratic equation A q^2 + b q + c = 0 with A > 0, and c < 0 where something is told: there is one fixed point.

For priors without mean q = 0 loses stability at alpha lambda^2 M_u'(0) M_v'(0) = 1, M'(0) = Var^2.  From there fixed
points go along (dy_u, dy_v) = (1, lambda M_u'), where F = 1 - alpha lambda^2 M_u' M_v' falls, and there is a jump, if

    M_u''/M_u' + lambda M_u' M_v''/M_v' > 0   at zero,      M''(0) = (E s^3)^2 - 2 Var^3.

For Gaussian centres u and k labels v that is k > 4 + 2 sqrt(aspect) (Lesieur et al., arXiv:1610.02918); for two
clusters of weights w and 1 - w it is 1/(w (1-w)) > 6 + 2 sqrt(aspect).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol

from amp_theory.exact.formulas.paths import FREE, GaussianPath, gaussian_path
from amp_theory.exact.formulas.result import ClosedForms, expression_of
from amp_theory.exact.formulas.setting import (
    COORDINATES,
    PARAMETERS,
    PriorMoments,
    moments_of,
    parameters_of,
    q,
    title_of,
)
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.priors.base import Prior
from amp_theory.models.base import Model
from amp_theory.models.two_sides import GaussianMixture, RectangularMatrix
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.registration import ByClass

#: the overlap of v, and what formulas are derived with before the model's parameters are put in
P, RATIO, LAMBDA = (Symbol(f"_{name}", positive=True) for name in ("p", "alpha", "lambda"))
A = RATIO * LAMBDA
UNITY = Integer(1)
CONTINUOUS = "the overlap changes continuously: q = 0 loses stability at weak recovery"
ONE = "one fixed point where something is told: nothing folds"
INTEGRAL = "the overlap M(x) of a prior has no closed form"
OPEN = "a prior is left open: give u=Gaussian() and v=Gaussian() for more"
SMOOTH = "q = 0 itself does not jump, its overlap grows continuously from weak recovery: a later jump is not known"
MARGINAL = "exactly where q = 0 begins to jump at weak recovery: what decides is not known in closed form"
#: difference that counts as none, of numbers with 30 digits
LEAST = 1e-20
UNKNOWN = "the third moment of a prior is not known exactly, which tells whether q = 0 jumps at weak recovery"
ALL = ("equation_of_state", "free_entropy", "spinodal", "dynamical", "condensation", "algorithmic", "tricritical")


@dataclass(frozen=True)
class Sides:
    """Two kinds of variables in exact terms: the priors' moments, alpha and lambda times noise of the equations.

    q = 0 jumps where it loses stability if the first entry of jump is greater than the second; None where that is not
    known.  weight is the number of variables u per dimension; symbols are those of parameters left open.
    """

    u: PriorMoments
    v: PriorMoments
    ratio: Expr
    symbols: dict[str, Symbol]
    jump: tuple[Expr, Expr] | None
    unit: Expr = UNITY
    weight: Expr = UNITY

    @property
    def gaussian(self) -> bool:
        """Whether both kinds are standard Gaussian."""
        return self.u.gaussian and self.v.gaussian


@ByClass
def sides_of(model: Model | type[Model], given: dict[str, Any], symbols: dict[str, Symbol]) -> Sides:
    """Return a model of two kinds of variables, or a class of such models, in exact terms, from its parameters.

    Raises
    ------
    InputError
        For a class that has registered none.
    """
    kind = model if isinstance(model, type) else type(model)
    raise InputError(
        f"no closed forms are known for {kind.__name__}: of two kinds of variables they are for RectangularMatrix and "
        f"GaussianMixture, and what is registered with {sides_of.where}"
    )


def _moments(prior: Prior | type[Prior] | None, side: str, symbols: dict[str, Symbol]) -> PriorMoments:
    """Return the moments of one side, the symbols of its prior named after the side and added to `symbols`."""
    found = moments_of(prior)
    if not (prior.scalar if isinstance(prior, Prior) else found.scalar):
        raise InputError(f"{told(prior)} is a vector: GaussianMixture has it on one side, the other side is none")
    own = {PARAMETERS[n]: Symbol(f"{PARAMETERS[n]}_{side}", positive=True) for n in ("variance", "rho")}
    for name in ("variance", "rho"):
        if PARAMETERS[name] in found.rho.free_symbols:
            symbols[f"{name}_{side}"] = own[PARAMETERS[name]]
    slope, bend = (x if x is None else x.subs(own) for x in (found.slope, found.curvature))
    return replace(found, rho=found.rho.subs(own), slope=slope, curvature=bend)


@sides_of.register(RectangularMatrix)
def _matrix(model: Model | type[Model], given: dict[str, Any], symbols: dict[str, Symbol]) -> Sides:
    named = {name: symbol for name, symbol in symbols.items() if name == "aspect"}
    u, v = (_moments(given[side], side, named) for side in "uv")
    ratio, jump, power = expression_of("aspect", given["aspect"]), None, sympy.Rational(3, 2)
    if u.slope and v.slope and u.curvature is not None and v.curvature is not None:
        jump = v.curvature / v.slope**power, -sympy.sqrt(ratio) * u.curvature / u.slope**power
    return Sides(u, v, ratio, named, jump)


@sides_of.register(GaussianMixture)
def _mixture(model: Model | type[Model], given: dict[str, Any], symbols: dict[str, Symbol]) -> Sides:
    named = {name: symbol for name, symbol in symbols.items() if name in ("k", "aspect")}
    aspect, least = expression_of("aspect", given["aspect"]), given["weights"]
    if least is None:
        k = expression_of("k", given["k"])
        labels = PriorMoments(Integer(1), 1 / (k - 1), curvature=(k - 4) / (k - 1) ** 2)
        jump, unit = (k, 4 + 2 * sympy.sqrt(aspect)), 1 - 1 / k
    else:
        two = GaussianMixture(2 if "k" in named else given["k"], aspect=1.0, weights=least)
        named.pop("k", None)
        k = Integer(2)
        balance = expression_of("weight", min(two.weights or ()))
        balance *= 1 - balance
        labels = PriorMoments(Integer(1), Integer(1), curvature=1 / balance - 6)
        jump, unit = (1 / balance, 6 + 2 * sympy.sqrt(aspect)), 2 * balance
    centres = PriorMoments(Integer(1), Integer(1), gaussian=True, curvature=Integer(-2))
    return Sides(centres, labels, aspect / (k - 1), named, jump, unit, k - 1)


def two_sided_forms(model: Model | type[Model], path: Path, given: dict[str, Any]) -> ClosedForms:
    """Return the formulas of a model with variables of two kinds, or of a family of them.

    Raises
    ------
    InputError
        For a path that does not reveal two kinds of variables, or parameters that are not allowed.
    """
    kind = model if isinstance(model, type) else type(model)
    if not path.sided:
        raise InputError(
            f"{kind.__name__} has variables of two kinds, which Flow and Autoregressive reveal, each with a side; "
            f"got {path!r}"
        )
    parameters, symbols = parameters_of(model, given)
    sides = sides_of(model, parameters, symbols)
    noise, strength = COORDINATES["noise"], COORDINATES[path.strength]
    named = {"overlap": q, "noise": noise, path.strength: strength, **sides.symbols}
    shown = {n: x for n, x in parameters.items() if n != "weights" or x is not None}
    if "weights" in shown:
        del shown["k"]
    title = title_of(kind, shown, path)
    points, conditions, reasons = _recovery(sides)
    forms = ClosedForms(title, "noise", path.strength, named, points=points, conditions=conditions, reasons=reasons)
    known = gaussian_path(path)
    return forms if known is None or not sides.gaussian else _pair(forms, sides, known, path)


def _recovery(sides: Sides) -> tuple[dict[str, dict[str, Expr]], dict[str, sympy.Basic], dict[str, str]]:
    """Return weak recovery and, if the overlap jumps there, the algorithmic point; conditions, and reasons."""
    reasons = dict.fromkeys(ALL, OPEN if {"variance_u", "variance_v"} & set(sides.symbols) else INTEGRAL)
    if sides.u.slope is None or sides.v.slope is None:
        return {}, {}, reasons | {"weak_recovery": "q = 0 is not a fixed point: a prior has a non-zero mean"}
    noise = sides.unit * sympy.sqrt(sides.ratio) * sympy.sqrt(sides.u.slope) * sympy.sqrt(sides.v.slope)
    weak: dict[str, Expr] = {"noise": sympy.simplify(noise), "overlap": Integer(0)}
    if sides.jump is None:
        return {"weak_recovery": weak}, {}, reasons | {"algorithmic": UNKNOWN}
    left, right = sides.jump
    if left.free_symbols | right.free_symbols:
        jumps = sympy.Gt(left, right)
    elif abs(by := (left - right).evalf(30)) < LEAST:
        return {"weak_recovery": weak}, {}, reasons | {"algorithmic": MARGINAL}
    else:
        jumps = sympy.true if by > 0 else sympy.false
    if jumps == sympy.false:
        return {"weak_recovery": weak}, {}, reasons | {"algorithmic": SMOOTH}
    conditions = {} if jumps == sympy.true else {"algorithmic": jumps}
    del reasons["algorithmic"]
    return {"weak_recovery": weak, "algorithmic": dict(weak)}, conditions, reasons


# --- Gaussian pairs ----------------------------------------------------------------------------------------


def _curves(known: GaussianPath, side: str, s: Symbol) -> tuple[Expr, Expr, Expr | None]:
    """Return p and the strength as functions of q, and the overlap q at a strength where it is a quadratic root."""
    of_u, of_v = side in ("u", "both"), side in ("v", "both")
    of_p = {q: P}
    told_v = known.h.subs(of_p) - known.m.subs(of_p) * LAMBDA * q
    unequal = known.h - known.m * A * P - told_v
    if not of_v:
        p = LAMBDA * q / (1 + LAMBDA * q)
    elif not of_u:
        p = FREE / A
    else:  # equal sides, told the same, have equal overlaps: that is the root
        half = {RATIO: 1, LAMBDA: 1, q: sympy.Rational(1, 2)}
        roots = sympy.solve(sympy.fraction(sympy.together(unequal))[0], P)
        (p,) = (root for root in roots if root.subs(half).equals(half[q]))
    strength = known.h - known.m * A * p if of_u else told_v.subs(P, p)
    provided = (known.h - s) / (known.m * A) if of_u else FREE / A
    rest = told_v.subs(P, provided) - s if of_v else provided - LAMBDA * q / (1 + LAMBDA * q)
    equation = sympy.Poly(sympy.fraction(sympy.cancel(sympy.together(rest)))[0], q)
    if equation.degree() != 2:
        return p, strength, None
    a, b, c = equation.all_coeffs()
    if a.subs({RATIO: 1, LAMBDA: 1, s: 1}) < 0:
        a, b, c = -a, -b, -c
    return p, strength, (-b + sympy.sqrt(sympy.factor(b**2 - 4 * a * c))) / (2 * a)


def _entropies(known: GaussianPath, side: str, p: Expr) -> Expr:
    """Return phi at the fixed point of overlaps q and p."""
    x = Symbol("_x", positive=True)
    silent, heard = (x - sympy.log(1 + x)) / 2, known.free_entropy(x, q * x, Integer(0))
    of_u, of_v = (heard if side in (name, "both") else silent for name in "uv")
    return of_u.subs(x, A * p) + RATIO * of_v.subs(q, p).subs(x, LAMBDA * q) - A * q * p / 2


def _pair(forms: ClosedForms, sides: Sides, known: GaussianPath, path: Path) -> ClosedForms:
    """Return the formulas of two kinds of Gaussian variables."""
    noise, side = COORDINATES["noise"], path.side or "both"
    put = {RATIO: sides.ratio, LAMBDA: sides.unit / noise}
    p, strength, overlap = _curves(known, side, COORDINATES[path.strength])
    root = sympy.sqrt(q**2 + 4 * sides.ratio * (1 - q))
    reasons = {"spinodal": ONE} | dict.fromkeys(("dynamical", "condensation", "algorithmic", "tricritical"), CONTINUOUS)
    return replace(
        forms,
        equation_of_state=strength.subs(put),
        free_entropy=sides.weight * _entropies(known, side, p).subs(put),
        overlap=None if overlap is None else overlap.subs(put),
        zero_strength=sides.unit * (root - q) / 2,
        reasons=reasons,
    )
