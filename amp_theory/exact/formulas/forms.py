"""Closed forms: the exact formulas of those models that have some, as sympy expressions.

| model | what is closed |
|---|---|
| Gaussian or spherical variables, xi a polynomial | equation of state, free entropy, spinodals; algebraic points |
| ... one power, also for symbolic p | dynamical and tricritical point (gaussian.py) |
| ... matrix and 3-tensor of symbolic noise | dynamical, algorithmic and tricritical point |
| ... linear channel | the overlap itself |
| any prior without mean, xi'(0) = 0 | weak recovery, xi''(0) Var(s)^2 = 1 |
| XORSAT at zero temperature, autoregressive, also for symbolic k | all but condensation (sparse.py) |
| Bicoloring | weak recovery: Kesten and Stigum |
| two kinds of variables | weak recovery, whether it is a jump; of Gaussian pairs all (two_sides.py) |

Condensation equates two free entropies, which contain logarithms: its overlap solves an equation that is given.
"""

from __future__ import annotations

import inspect
from functools import singledispatch
from typing import Any

import sympy
from sympy import Expr, Integer

import amp_theory.exact.formulas.polynomial as algebra
from amp_theory.equations_of_state.choose import check_random_order
from amp_theory.exact.formulas.gaussian import Curves, pure_points, spinodal_line
from amp_theory.exact.formulas.linear import linear_forms
from amp_theory.exact.formulas.paths import gaussian_path
from amp_theory.exact.formulas.result import ClosedForms
from amp_theory.exact.formulas.setting import PARAMETERS, Setting, derivative, q, read
from amp_theory.exact.formulas.sparse import sparse_forms
from amp_theory.exact.formulas.two_sides import two_sided_forms
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.sparse import SparseModel
from amp_theory.models.two_sides import TwoSidedModel
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.exclusive import alone

__all__ = ["ClosedForms", "closed_forms"]

#: what is said of a path without a formula
NOT_ALONG = "no closed form is known along the path {}"
#: what is said of a missing condensation point
TRANSCENDENTAL = "equal free entropies are a transcendental equation"
NO_JUMP = "no second branch exists at zero strength"
TOO_HIGH = f"an algebraic equation of degree beyond {algebra.LARGEST_DEGREE}"
MANY = "an equation in powers of the overlap that has no closed solution for open parameters"


@alone
def closed_forms(model: Model | type[Model], path: Path, **parameters: Any) -> ClosedForms:
    """Return the formulas that exist for a model, or for a family of models, along a path.

    Parameters
    ----------
    model
        A model, for numbers; or a class of models, whose parameters stay symbols.
    path
        Flow() or Autoregressive(); along other paths weak recovery alone.
    parameters
        With a class, parameters that are not to stay open: numbers, sympy expressions, or for prior and channel an
        instance or a class, which stays open in turn.  A prior that is not given is any prior of zero mean and
        variance V; of two kinds of variables V_u and V_v.

    Returns
    -------
    ClosedForms
        Formulas, and the reasons for those that do not exist: for priors like Rademacher() nearly all of them,
        because the overlap of a spin in Gaussian noise is an integral.

    Raises
    ------
    InputError
        If nothing at all is known in closed form about such a model, or a parameter is not allowed.

    Examples
    --------
    >>> from amp_theory import Autoregressive, Flow, Gaussian, SphericalPSpin, SpikedTensor, SpikedMatrix
    >>> forms = closed_forms(SphericalPSpin, Flow())
    >>> forms.points["tricritical"]["snr"]
    (p - 2)**2/(4*p - 4)
    >>> closed_forms(SpikedTensor(3, Gaussian()), Autoregressive()).points["tricritical"]
    {'noise': 1/3, 'revealed': 1/9, 'overlap': 1/3}
    >>> closed_forms(SpikedMatrix, Flow()).points["weak_recovery"]
    {'noise': V**2, 'overlap': 0}
    """
    kind = model if inspect.isclass(model) else type(model)
    if not issubclass(kind, Model) or kind.__dict__.get("control", getattr(kind, "control", None)) is None:
        raise InputError(f"model must be a model or a class of models such as SphericalPSpin, got {told(model)}")
    if not isinstance(path, Path):
        raise InputError(f"path must be a path such as Flow(), got {told(path)}")
    check_random_order(path)
    return forms_of.dispatch(kind)(model, path, parameters)


@singledispatch
def forms_of(model: Model | type[Model], path: Path, given: dict[str, Any]) -> ClosedForms:
    """Return the formulas of a model or a family: those of dense ones, unless another kind is registered."""
    setting = read(model, path, given)
    if setting.noise is not None:
        return linear_forms(setting)
    known = gaussian_path(path) if setting.gaussian else None
    return _without_curves(setting) if known is None else _gaussian(Curves(setting, known))


forms_of.register(SparseModel, sparse_forms)
forms_of.register(TwoSidedModel, two_sided_forms)


# --- weak recovery -----------------------------------------------------------------------------------------


def _weak_recovery(setting: Setting) -> dict[str, Expr] | str:
    """Return the point xi''(0) M'(0) = 1, or why it does not exist."""
    if not setting.symmetric:
        why = "the prior has a non-zero mean" if setting.slope is None else "the coupling has a linear term (a field)"
        return f"q = 0 is not a fixed point: {why}"
    a2, b2 = (derivative(tuple(t for t in terms if t[0] == 2), 2) for terms in (setting.scaled, setting.fixed))
    if a2 == 0:
        return f"q = 0 is stable at every {setting.control}: xi''(0) = 0"
    assert setting.slope is not None
    control = sympy.powdenest(setting.from_intensity(sympy.factor((1 / setting.slope - b2) / a2)), force=True)
    return {setting.control: control, "overlap": Integer(0)}


def _without_curves(setting: Setting) -> ClosedForms:
    """Return what does not need the overlap as a function of the snr."""
    integral = "the overlap M(x) of the prior has no closed form"
    if setting.slope is not None and setting.slope.has(PARAMETERS["variance"]):
        integral = "the prior is left open: give prior=Gaussian() for more"
    if setting.gaussian:
        integral = NOT_ALONG.format(setting.path.name)
    reasons = {"equation_of_state": integral, "free_entropy": integral, "spinodal": integral}
    reasons |= {"dynamical": integral, "condensation": integral, "algorithmic": integral, "tricritical": integral}
    weak = _weak_recovery(setting)
    points = {} if isinstance(weak, str) else {"weak_recovery": weak}
    if isinstance(weak, str):
        reasons["weak_recovery"] = weak
    return ClosedForms(
        setting.title, setting.control, setting.strength, setting.symbols, points=points, reasons=reasons
    )


# --- Gaussian variables ------------------------------------------------------------------------------------


def _gaussian(curves: Curves) -> ClosedForms:
    """Return the curves and points of Gaussian variables with a polynomial coupling."""
    setting = curves.setting
    found: dict[str, Any] = {"weak_recovery": _weak_recovery(setting)}
    equations: dict[str, sympy.Eq] = {}
    conditions: dict[str, sympy.Basic] = {}
    further: tuple[dict[str, Expr], ...] = ()
    if len(setting.scaled) == 1 and not setting.fixed:
        _pure(curves, found, equations, conditions)
    elif setting.open_parameters:
        _matrix_tensor(curves, found, equations, conditions)
    else:
        further = _numbers(curves, found, equations)
    return ClosedForms(
        title=setting.title,
        control=setting.control,
        strength=setting.strength,
        symbols=setting.symbols,
        equation_of_state=curves.strength(setting.intensity),
        free_entropy=curves.free_entropy,
        overlap=curves.overlap,
        zero_strength=setting.from_intensity(curves.zero_strength),
        spinodal=spinodal_line(curves),
        points={name: point for name, point in found.items() if isinstance(point, dict)},
        further_tricritical=further,
        equations=equations,
        conditions=conditions,
        reasons={name: reason for name, reason in found.items() if isinstance(reason, str)},
    )


def _pure(curves: Curves, found: dict[str, Any], equations: dict[str, Any], conditions: dict[str, Any]) -> None:
    """Find the points of xi = lambda c q^p/p."""
    setting = curves.setting
    ((p, _),) = setting.scaled
    if p == 2:
        continuous = "the overlap changes continuously: q = 0 loses stability at weak recovery"
        found |= dict.fromkeys(("dynamical", "condensation", "algorithmic", "tricritical"), continuous)
        return
    found |= pure_points(curves)
    found.setdefault("tricritical", NOT_ALONG.format(setting.path.name))
    found["condensation"] = TRANSCENDENTAL
    found["algorithmic"] = f"q = 0 is stable at every {setting.control}"
    equations["condensation"] = curves.condensation
    if p.free_symbols:
        conditions |= {name: sympy.Ge(p, 3) for name in ("dynamical", "tricritical", "condensation")}


def _numbers(curves: Curves, found: dict[str, Any], equations: dict[str, Any]) -> tuple[dict[str, Expr], ...]:
    """Find the points of a polynomial coupling of known coefficients; return further tricritical points."""
    setting = curves.setting
    cusps = algebra.tricritical(curves)
    if cusps:
        found["tricritical"] = cusps[0]
    else:
        found["tricritical"] = TOO_HIGH if cusps is None else "no two stable branches merge at positive strength"
    branches = algebra.algebraic_branches(curves)
    if branches is None:
        found |= dict.fromkeys(("dynamical", "condensation", "algorithmic"), TOO_HIGH)
        return tuple((cusps or [])[1:])
    start, end = algebra.least_start(branches), algebra.jumping(branches)
    always = algebra.always_informed(branches)
    found["dynamical"] = f"the informed branch exists at every {setting.control}" if always else NO_JUMP
    found["condensation"] = TRANSCENDENTAL if start is not None or always else NO_JUMP
    crosses, above = algebra.crosses_zero(curves, branches) if setting.symmetric else (False, False)
    if crosses:
        equations["condensation"] = curves.condensation
    elif above:
        found["condensation"] = f"the informed branch dominates at every {setting.control}"
    found["algorithmic"] = f"the uninformed branch changes continuously at every {setting.control}"
    if branches[0].stop == algebra.INFINITY and setting.symmetric:
        found["algorithmic"] = f"q = 0 is stable at every {setting.control}"
    if start is not None and start.lower is not None:
        control = algebra.control_at(setting, start.lower, algebra.rational(curves.zero_strength))
        found["dynamical"] = {setting.control: control, "overlap": start.lower.number}
    if end is not None:
        found["algorithmic"] = found["weak_recovery"]
        if end.upper is not None:
            control = algebra.control_at(setting, end.upper, algebra.rational(curves.zero_strength))
            found["algorithmic"] = {setting.control: control, "overlap": end.upper.number}
    return tuple((cusps or [])[1:])


def _matrix_tensor(
    curves: Curves, found: dict[str, Any], equations: dict[str, Any], conditions: dict[str, Any]
) -> None:
    """Find the points of xi = q^2/(2 Delta_2) + q^p/(p Delta_p) with an open Delta_p.

    With d = 1 - q the conditions d^2 strength/dq^2 = 0 for p = 3 are d^3 = Delta_p along the flow,
    3 q^2 - 3 q + 1 = Delta_p along autoregressive paths; the zero-strength curve is stationary at d^2 = Delta_p.
    """
    setting = curves.setting
    ((p, c),) = setting.fixed
    found["condensation"] = TRANSCENDENTAL
    if p != 3:
        found |= dict.fromkeys(("dynamical", "algorithmic", "tricritical"), f"{MANY}; give p=3")
        equations["tricritical"] = sympy.Eq(curves.spinodal.diff(q), 0)
        equations["dynamical"] = sympy.Eq(curves.zero_strength.diff(q), 0)
        return
    equations["condensation"] = curves.condensation
    delta = 1 / (p * c)
    merging = curves.path.cubic(delta)
    found["tricritical"] = NOT_ALONG.format(setting.path.name)
    if merging is not None:
        low, intensity, strength, least = merging
        found["tricritical"] = {setting.control: 1 / intensity, setting.strength: strength, "overlap": low}
        conditions["tricritical"] = sympy.And(delta > least, delta < 1)
    conditions["dynamical"] = sympy.And(delta > sympy.Rational(1, 4), delta < 1)
    conditions["algorithmic"] = conditions["condensation"] = delta < 1
    found |= {
        "dynamical": {setting.control: delta / (2 * sympy.sqrt(delta) - 1), "overlap": 1 - sympy.sqrt(delta)},
        "algorithmic": dict(found["weak_recovery"]),
    }
