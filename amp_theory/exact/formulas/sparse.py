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
-y/(2^(k-1) - y) of one spin of a factor to another, y = 1 - e^{-1/T} the weight that a violated factor loses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, Integer, LambertW, Symbol, exp, log

from amp_theory.exact.formulas.result import ClosedForms, expression_of
from amp_theory.exact.formulas.setting import COORDINATES, parameters_of, q
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.sparse import XORSAT, Bicoloring
from amp_theory.tools.errors import InputError
from amp_theory.tools.registration import ByClass

NO_PAIRS = "q = 0 is stable at every density: a check tells nothing about pairs of spins"
LAWS = ("equation_of_state", "free_entropy", "spinodal", "dynamical", "condensation", "algorithmic", "tricritical")
MESSAGES = "fixed points are laws of messages, solved numerically"


@ByClass
def sparse_forms(model: Model | type[Model], path: Path, given: dict[str, Any]) -> ClosedForms:
    """Return the formulas of a model on sparse graphs, or of a family of them.

    Raises
    ------
    InputError
        For a class that has registered none.
    """
    kind = model if isinstance(model, type) else type(model)
    raise InputError(
        f"no closed forms are known for {kind.__name__}: of sparse models only XORSAT and Bicoloring, and what is "
        f"registered with {sparse_forms.where}"
    )


@dataclass(frozen=True)
class _Hypergraph:
    """The parameters of a model of constraints among k spins, with the title and the symbols of its formulas."""

    k: Expr
    temperature: Expr
    regular: bool
    title: str
    named: dict[str, Symbol]

    @classmethod
    def read(cls, model: Model | type[Model], path: Path, given: dict[str, Any]) -> _Hypergraph:
        parameters, symbols = parameters_of(model, given)
        k, temperature = expression_of("k", parameters["k"]), expression_of("temperature", parameters["temperature"])
        if not temperature >= 0 or parameters["degrees"] not in ("poisson", "regular"):
            raise InputError(f"temperature must be >= 0 and degrees poisson or regular, got {given}")
        shown = f"k={k}" + (f", temperature={temperature}" if temperature != 0 else "")
        regular, kind = parameters["degrees"] == "regular", model if isinstance(model, type) else type(model)
        title = f"{kind.__name__}({shown}{', degrees=regular' if regular else ''}), path {path.name}"
        strength = COORDINATES.get(path.strength, Symbol(path.strength, real=True))
        named = {"overlap": q, "density": COORDINATES["density"], path.strength: strength, **symbols}
        return cls(k, temperature, regular, title, named)

    def forms(self, path: Path, reasons: dict[str, str], points: dict[str, dict[str, Expr]]) -> ClosedForms:
        """Return the formulas of a model whose fixed points are laws of messages."""
        reasons = dict.fromkeys(LAWS, MESSAGES) | reasons
        return ClosedForms(self.title, "density", path.strength, self.named, points=points, reasons=reasons)


@sparse_forms.register(XORSAT)
def _parity(model: XORSAT | type[XORSAT], path: Path, given: dict[str, Any]) -> ClosedForms:
    graph = _Hypergraph.read(model, path, given)
    if graph.temperature == 0 and not graph.regular and path.erases:
        return _erasures(graph, path.strength)
    return graph.forms(path, {"weak_recovery": NO_PAIRS}, {})


@sparse_forms.register(Bicoloring)
def _bicoloring(model: Bicoloring | type[Bicoloring], path: Path, given: dict[str, Any]) -> ClosedForms:
    graph = _Hypergraph.read(model, path, given)
    k, temperature = graph.k, graph.temperature
    loss = Integer(1) if temperature == 0 else 1 - exp(-1 / temperature)
    density = ((2 ** (k - 1) - loss) ** 2 / (loss**2 * (k - 1)) + int(graph.regular)) / k
    return graph.forms(path, {}, {"weak_recovery": {"density": density, "overlap": Integer(0)}})


def _erasures(graph: _Hypergraph, revealed: str) -> ClosedForms:
    """Return the formulas for XORSAT at zero temperature with erasures; `revealed` names their strength."""
    k, alpha = graph.k, graph.named["density"]
    theta = 1 - (1 - q) * exp(alpha * k * q ** (k - 1))
    low = (k - 2) / (k - 1)
    level = -1 / (k - 1) - LambertW(-exp(-1 / (k - 1)) / (k - 1), -1)
    full = 1 - exp(-level)
    marginal = 1 / (k * (k - 1) * q ** (k - 2) * (1 - q))
    large = {name: sympy.Ge(k, 3) for name in ("dynamical", "tricritical", "condensation")}
    return ClosedForms(
        title=graph.title,
        control="density",
        strength=revealed,
        symbols=graph.named,
        equation_of_state=theta,
        free_entropy=(theta - q + alpha * q**k + alpha * k * (1 - q) * q ** (k - 1)) * log(2),
        zero_strength=-log(1 - q) / (k * q ** (k - 1)),
        spinodal={"density": marginal, revealed: 1 - (1 - q) * exp(q / ((k - 1) * (1 - q)))},
        points={
            "dynamical": {"density": level / (k * full ** (k - 1)), "overlap": full},
            "tricritical": {"density": low ** (2 - k) / k, revealed: 1 - exp(low) / (k - 1), "overlap": low},
        },
        equations={"condensation": sympy.Eq(q + (q / k + 1 - q) * log(1 - q), 0)},
        conditions=large if k.free_symbols else {},
        reasons={
            "condensation": "equal free entropies are a transcendental equation",
            "algorithmic": "q = 0 is stable at every density",
            "weak_recovery": NO_PAIRS,
        },
    )
