"""Closed forms of constraint satisfaction on random hypergraphs.

XORSAT at zero temperature with a fraction theta of the spins revealed is message passing on an erasure channel: a
spin is known, or nothing is known about it.  With l = alpha k q^(k-1) checks that fix it on average,

    q = 1 - (1-theta) e^{-l},       theta(q) = 1 - (1-q) exp(alpha k q^(k-1)),
    phi/log 2 = theta - q + alpha q^k + alpha k (1-q) q^(k-1),
    d theta/dq = 0:                 alpha = 1/(k (k-1) q^(k-2) (1-q)),
    tricritical, its minimum:       q = (k-2)/(k-1), alpha = ((k-1)/(k-2))^(k-2)/k, theta = 1 - e^q/(k-1).

Without side information q = 1 - e^{-l}, and the spinodal condition becomes e^l = 1 + (k-1) l, hence

    dynamical:  l = -1/(k-1) - W_{-1}(-e^{-1/(k-1)}/(k-1)),    alpha = l/(k (1-e^{-l})^(k-1)),

with the Lambert function's lower branch.  phi is the entropy of solutions beyond that of the paramagnet plus
theta log 2, and obeys d phi/dq = alpha k (k-1) q^(k-2) (G - q) log 2 at constant theta, G = 1 - (1-theta) e^{-l}.

The density of Kesten and Stigum of bicoloring is response^2 (k-1) (mean excess degree) = 1 with the response
-y/(2^(k-1) - y) of one spin of a clause to another, y = 1 - e^{-1/T} the weight that a violated clause loses.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr, Integer, LambertW, Symbol, exp, log

from amp_theory.exact.formulas.result import ClosedForms, exact
from amp_theory.exact.formulas.setting import COORDINATES, parameters_of, q
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive
from amp_theory.models.base import Model
from amp_theory.models.sparse import XORSAT, Bicoloring, SparseModel
from amp_theory.tools.errors import InputError

NO_PAIRS = "q = 0 is stable at every density: a check tells nothing about pairs of spins"
MESSAGES = "fixed points are laws of messages, solved numerically"


def sparse_forms(kind: type[SparseModel], model: Model | type[Model], path: Path, given: dict[str, Any]) -> ClosedForms:
    """Return the formulas of XORSAT or Bicoloring, the `kind` of a model or of a family."""
    if kind not in (XORSAT, Bicoloring):
        raise InputError(f"no closed forms are known for {kind.__name__}: of sparse models only XORSAT and Bicoloring")
    parameters, symbols = parameters_of(model, given)
    k, temperature = exact("k", parameters["k"]), exact("temperature", parameters["temperature"])
    if not temperature >= 0 or parameters["degrees"] not in ("poisson", "regular"):
        raise InputError(f"temperature must be >= 0 and degrees poisson or regular, got {given}")
    shown = f"k={k}" + (f", temperature={temperature}" if temperature != 0 else "")
    regular = parameters["degrees"] == "regular"
    title = f"{kind.__name__}({shown}{', degrees=regular' if regular else ''}), path {path.name}"
    named = {"overlap": q, "density": COORDINATES["density"], path.strength: COORDINATES[path.strength], **symbols}
    if kind is XORSAT and temperature == 0 and not regular and isinstance(path, Autoregressive):
        return _erasures(title, named, k)
    names = ("equation_of_state", "free_entropy", "spinodal", "dynamical", "condensation", "algorithmic", "tricritical")
    points, reasons = {}, dict.fromkeys(names, MESSAGES)
    if kind is XORSAT:
        reasons["weak_recovery"] = NO_PAIRS
    else:
        loss = Integer(1) if temperature == 0 else 1 - exp(-1 / temperature)
        density = ((2 ** (k - 1) - loss) ** 2 / (loss**2 * (k - 1)) + int(regular)) / k
        points["weak_recovery"] = {"density": density, "overlap": Integer(0)}
    return ClosedForms(title, "density", path.strength, named, points=points, reasons=reasons)


def _erasures(title: str, symbols: dict[str, Symbol], k: Expr) -> ClosedForms:
    """Return the formulas for XORSAT at zero temperature, autoregressive."""
    alpha = symbols["density"]
    strength = 1 - (1 - q) * exp(alpha * k * q ** (k - 1))
    fixed = -log(1 - q) / (k * q ** (k - 1))
    low = (k - 2) / (k - 1)
    level = -1 / (k - 1) - LambertW(-exp(-1 / (k - 1)) / (k - 1), -1)
    full = 1 - exp(-level)
    conditions: dict[str, sympy.Basic] = {}
    if k.free_symbols:
        conditions = {name: sympy.Ge(k, 3) for name in ("dynamical", "tricritical", "condensation")}
    return ClosedForms(
        title, "density", "revealed", symbols,
        strength,
        (strength - q + alpha * q**k + alpha * k * (1 - q) * q ** (k - 1)) * log(2),
        None,
        fixed,
        {"density": 1 / (k * (k - 1) * q ** (k - 2) * (1 - q)), "revealed": 1 - (1 - q) * exp(q / ((k - 1) * (1 - q)))},
        {
            "dynamical": {"density": level / (k * full ** (k - 1)), "overlap": full},
            "tricritical": {"density": low ** (2 - k) / k, "revealed": 1 - exp(low) / (k - 1), "overlap": low},
        },
        (),
        {"condensation": sympy.Eq(q + (q / k + 1 - q) * log(1 - q), 0)},
        conditions,
        {
            "condensation": "equal free entropies are a transcendental equation",
            "algorithmic": "q = 0 is stable at every density",
            "weak_recovery": NO_PAIRS,
        },
    )  # fmt: skip
