"""A built-in is one thing: its other forms register themselves, as a user's own do, and no room lists types."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import sympy
from oracles.toys import HalfFlow, Loud, Twice

import amp_theory as at
from amp_theory.equations_of_state.populations.population import side_information
from amp_theory.exact.formulas.setting import PARAMETERS, PriorMoments, moments_of
from amp_theory.exact.proofs.reduction import Problem
from amp_theory.ingredients.couplings.base import GeneralCoupling
from amp_theory.ingredients.outputs.base import OutputChannel
from amp_theory.tools.registration import ByClass
from amp_theory.tools.runs import random_stream

ROOT = Path(at.__file__).parent
DIGITS = 20


# the same things without registration: a subclass may be another law
class BareLoud(Loud):
    pass


class BareTwice(Twice):
    pass


class BareHalf(HalfFlow):
    pass


@dataclass(frozen=True)
class BareCoupling(at.Coupling):
    def scaled(self, overlap, gap):
        return overlap**2 / 2, overlap, np.ones_like(overlap), np.zeros_like(overlap)


class BareModel(at.SherringtonKirkpatrick):
    coupling = BareCoupling()


# --- what is registered works -------------------------------------------------------------------------------


def decimals(special):
    """Return all digits of all special points."""
    return {name: p.decimals for name, p in special.points().items() if p is not None}


@pytest.mark.slow
def test_own_prior_to_many_digits():
    """At one fixed point: the digits of thresholds ask the same channel."""
    (own,), (known,) = (
        at.fixed_points(at.SpikedTensor(3, p), at.Flow(), 100.0, 0.05, digits=DIGITS)
        for p in (Loud(0.3), Loud(0.3).known())
    )
    assert own.decimals == known.decimals
    assert len(own.decimals["overlap"]) > DIGITS


def test_own_prior_in_closed_form():
    rho = PARAMETERS["rho"]
    family = at.closed_forms(at.SpikedMatrix, at.Flow(), prior=Loud)
    assert family.points["weak_recovery"]["noise"] == 16 * rho**2
    one = at.closed_forms(at.SpikedMatrix(Loud(0.25)), at.Flow())
    assert one.points["weak_recovery"]["noise"] == 1


@pytest.mark.parametrize("path", [at.Autoregressive(), HalfFlow()], ids=["autoregressive", "own"])
def test_own_prior_on_instances(path):
    runs = []
    for prior in (Loud(0.3), Loud(0.3).known()):
        instance = at.draw_instance(at.SpikedMatrix(prior), 0.5, 60, seed=1)
        side = path.observe(instance.planted[None], 0.2, np.random.default_rng(2))
        runs.append(at.run_amp(instance, side).mean)
    assert np.array_equal(*runs)
    assert np.ptp(runs[0]) > 1


def test_own_channel():
    own, known = (at.GLM(at.Gaussian(), channel) for channel in (Twice(0.3), Twice(0.3).known()))
    model, same = (at.GLM(Loud(0.1), m.channel) for m in (own, known))
    assert decimals(at.thresholds(model, at.Flow(), digits=DIGITS)) == decimals(
        at.thresholds(same, at.Flow(), digits=DIGITS)
    )
    means = [at.run_gamp(at.draw_instance(m, 0.8, 80, seed=1)).mean for m in (model, same)]
    assert np.array_equal(*means)
    forms = [at.closed_forms(m, at.Flow()) for m in (own, known)]
    assert forms[0].equation_of_state == forms[1].equation_of_state != 0
    open_noise = at.closed_forms(at.GLM, at.Flow(), channel=Twice, prior=at.Gaussian)
    assert sympy.simplify(open_noise.overlap.subs(PARAMETERS["noise"], sympy.Rational(3, 10)) - forms[0].overlap) == 0


def test_own_path():
    model = at.SphericalPSpin(3)
    own, known = (at.thresholds(model, path, digits=DIGITS).tricritical for path in (HalfFlow(), at.Flow()))
    assert (own.half, known.snr) == (1 / 16, 1 / 8)
    assert own.decimals["temperature"] == known.decimals["temperature"]
    assert at.closed_forms(model, HalfFlow()).points["tricritical"]["half"] == sympy.Rational(1, 16)
    low, high = (float(end) for end in at.certify(own).values["half"])
    assert low <= 1 / 16 <= high
    drawn = [side_information(p, 4, s, 10, random_stream(0, 0)) for p, s in ((HalfFlow(), 0.2), (at.Flow(), 0.4))]
    assert np.array_equal(*drawn)


# --- what is not registered is refused by name ---------------------------------------------------------------

TENSOR = at.SpikedTensor(3, Loud(0.3))
REFUSED = [
    (lambda: at.thresholds(at.SpikedTensor(3, BareLoud(0.3)), at.Flow(), digits=DIGITS), "exact_channel"),
    (lambda: at.closed_forms(at.SpikedMatrix, at.Flow(), prior=BareLoud), "moments_of"),
    (lambda: at.thresholds(at.GLM(Loud(0.3), BareTwice(0.3)), at.Flow(), digits=DIGITS), "exact_output"),
    (lambda: at.closed_forms(at.GLM(at.Gaussian(), BareTwice(0.3)), at.Flow()), "linear_noise"),
    (lambda: at.draw_instance(at.GLM(Loud(0.3), BareTwice(0.3)), 0.8, 80, seed=1), "output_function"),
    (lambda: at.thresholds(TENSOR, BareHalf(), digits=DIGITS), "exact_response"),
    (lambda: side_information(BareHalf(), 4, 0.2, 10, random_stream(0, 0)), "side_information"),
    (lambda: at.thresholds(BareModel(), at.Flow(), digits=DIGITS), "exact_coupling"),
    (lambda: at.closed_forms(BareModel(), at.Flow()), "dense_form"),
    (lambda: Problem(at.SphericalPSpin(3), BareHalf(), "tricritical"), "merging"),
]


@pytest.mark.parametrize(("call", "form"), REFUSED, ids=[form for _, form in REFUSED])
def test_unregistered_is_refused_by_the_name_of_its_form(call, form):
    with pytest.raises(at.InputError, match=rf"amp_theory\.[a-z_.]+\.{form}\.register") as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) <= 280
    where = text[text.index("amp_theory.") :].split()[0].removesuffix(".register")
    module, _, name = where.rpartition(".")
    assert isinstance(getattr(import_module(module), name), ByClass)


def test_a_prior_that_is_not_registered_still_counts_by_its_numbers():
    forms = at.closed_forms(at.SpikedMatrix(BareLoud(0.25)), at.Flow())
    assert forms.points["weak_recovery"]["noise"] == 1
    assert moments_of(BareLoud(0.25)) == PriorMoments(sympy.Integer(1), sympy.Integer(1))


def test_gaussian_formulas_are_not_those_of_an_unregistered_path():
    assert "tricritical" in at.closed_forms(at.SphericalPSpin(3), at.Flow()).points
    assert "along the path" in at.closed_forms(at.SphericalPSpin(3), BareHalf()).reasons["tricritical"]


# --- no tables of types -------------------------------------------------------------------------------------


def built_in() -> dict[str, str]:
    """Return the built-in priors, paths, output channels and couplings by name, with the rooms they live in."""
    found = {}
    for file in (ROOT / "ingredients").rglob("*.py"):
        module = import_module(".".join(["amp_theory", *file.relative_to(ROOT).with_suffix("").parts]))
        for name, kind in inspect.getmembers(module, inspect.isclass):
            own = issubclass(kind, at.Prior | at.Path | OutputChannel | GeneralCoupling)
            if own and kind.__module__ == module.__name__ and not inspect.isabstract(kind):
                found[name] = kind.__module__.rpartition(".")[0]
    return found


BUILT_IN = built_in()


def tables(source: str, room: str) -> list[str]:
    """Return the tests of types against built-ins of other rooms in a module of a room, and tests of their names."""
    tree, found = ast.parse(source), []
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def foreign(*parts: ast.AST) -> bool:
        inside = [node for part in parts for node in ast.walk(part)]
        called = [names.get(n.id, n.id) for n in inside if isinstance(n, ast.Name)]
        called += [n.attr for n in inside if isinstance(n, ast.Attribute)]
        return any(BUILT_IN.get(name, room) != room for name in called)

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            wrong = ast.unparse(node.func) in ("isinstance", "issubclass") and foreign(*node.args[1:])
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            text = any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in sides)
            # a call makes an object of a type, and is no type
            wrong = foreign(
                *(s for s in sides if isinstance(s, ast.Name | ast.Attribute | ast.Tuple | ast.List | ast.Set))
            )
            wrong |= text and any(ast.unparse(s) in ("path.name", "path.strength", "self.path.strength") for s in sides)
        elif isinstance(node, ast.Dict):
            wrong = foreign(*(key for key in node.keys if isinstance(key, ast.Name | ast.Attribute)))
        elif isinstance(node, ast.MatchClass):
            wrong = foreign(node.cls)
        else:
            continue
        found += [ast.unparse(node)] if wrong else []
    return found


def test_no_room_lists_the_types_of_another():
    assert len(BUILT_IN) > 15
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        room = ".".join(["amp_theory", *file.relative_to(ROOT).parent.parts])
        wrong = tables(file.read_text(encoding="utf-8"), room)
        if wrong:
            found[str(file.relative_to(ROOT))] = wrong
    assert found == {}


@pytest.mark.parametrize("line", [
    "isinstance(x, Flow)", "isinstance(x, Gaussian | Rademacher)", "isinstance(x, (int, at.SignChannel))",
    "type(x) is Flow", "type(x) in (Flow, Autoregressive)", "kind is Gaussian", "issubclass(kind, LinearChannel)",
    "{LinearChannel: 1}[type(x)]", "{at.LinearChannel: 1}", "path.strength == 'snr'", "'flow' != path.name",
    "from amp_theory import Flow as F\nisinstance(x, F)", "match x:\n    case Flow():\n        pass",
    "type(x) is PolynomialCoupling",
])  # fmt: skip
def test_no_form_of_a_table_is_overlooked(line):
    assert len(tables(line, "amp_theory.exact.digits")) == 1


@pytest.mark.parametrize("line", ["isinstance(x, Path)", "isinstance(x, str)", "x == Flow()", "type(x) is int"])
def test_a_check_of_an_argument_is_no_table(line):
    assert tables(line, "amp_theory.exact.digits") == []


def test_a_room_may_know_its_own():
    assert tables("isinstance(x, Flow)", "amp_theory.ingredients.paths") == []


# --- the decorator ------------------------------------------------------------------------------------------


def test_by_class_is_of_the_class_itself():
    @ByClass
    def name(given, suffix=""):
        return "none"

    @name.register(int)
    def _number(given, suffix=""):
        return "number" + suffix

    assert [name(3), name(int), name(3, suffix="!"), name(True), name(3.0)] == [
        "number", "number", "number!", "none", "none",
    ]  # fmt: skip
    assert name.where == f"{__name__}.test_by_class_is_of_the_class_itself.<locals>.name.register"
