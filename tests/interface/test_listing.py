"""`amp-theory models`: what it says is what the code does."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import time

import pytest

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.interface.listing import WIDTH
from amp_theory.models.catalogue import MODELS, build_model
from amp_theory.models.descriptions import KINDS, LONG, TYPES, VALUES, arguments_of, command_for, example_of, summary
from amp_theory.models.synonyms import SYNONYMS

EVERYTHING = [(kind, name) for kind, table in KINDS.items() for name in table]
RANGED = [
    (kind, name, argument)
    for kind, name in EVERYTHING
    for argument, facts in arguments_of(KINDS[kind][name]).items()
    if facts.range is not None
]


def run(capsys, *arguments):
    code = main([*arguments])
    return code, *capsys.readouterr()


def test_the_list_keeps_its_keys_and_fits(capsys):
    code, out, err = run(capsys, "models")
    assert (code, err) == (0, "")
    assert max(len(line) for line in out.splitlines()) <= WIDTH == 100
    data = json.loads(run(capsys, "models", "--json")[1])
    assert data["models"]["xorsat"] | {
        "parameters": ["k", "temperature", "degrees", "spacing", "accuracy"], "control": "density", "easier": "up",
    } == data["models"]["xorsat"]  # fmt: skip
    assert data["priors"]["discrete"]["parameters"] == ["values", "probabilities"]
    assert data["channels"]["door"]["parameters"] == ["kappa"]
    assert data["paths"]["autoregressive"]["strength"] == "revealed"
    assert data["paths"]["autoregressive"]["schedules"] == ["fraction-revealed", "masked"]
    assert data["models"]["xorsat"]["arguments"]["k"] == "integer, 3 to 12"
    assert data["models"]["coloring"]["arguments"]["population"] == "integer, 1000 to 10^7, default 5000"
    for kind, name in EVERYTHING:
        assert data[kind][name]["description"] == summary(KINDS[kind][name])
        assert f"  {name}: " in out


@pytest.mark.parametrize(("kind", "name"), EVERYTHING)
def test_all_about_one(capsys, kind, name):
    code, out, err = run(capsys, "models", name)
    assert (code, err) == (0, "")
    owner = KINDS[kind][name]
    data = json.loads(run(capsys, "models", name, "--json")[1])[kind][name]
    assert data["class"] == owner.__name__
    assert getattr(at, owner.__name__) is owner
    assert data["description"].endswith(".")
    assert out in run(capsys, "models", owner.__name__)[1], "the name that the page itself gives"
    example = command_for(kind, name)
    assert example in out
    assert all(len(line) <= WIDTH for line in out.splitlines() if "example" not in line)
    assert len(inspect.signature(owner).parameters) == len(arguments_of(owner))
    for argument in arguments_of(owner):
        assert re.search(rf"^  {argument} ", out, re.MULTILINE)
    if kind == "models":
        assert data["symbol"] == owner.control_symbol
        assert f"  control     {owner.control} (" in out
        assert data["control"] in data["scalings"]
        assert ("random" if name == "random-perceptron" else "planted") in data["targets"]


def test_what_is_said_of_models_depends_on_their_parts(capsys):
    data = json.loads(run(capsys, "models", "spherical-p-spin", "--json")[1])["models"]["spherical-p-spin"]
    assert data["paths"]["flow"] is None
    assert "unbiased" in data["paths"]["uniform-diffusion"]
    assert data["scalings"]["noise"] == {"factor": 2 / 3, "power": 2.0}
    assert data["measure"] == "xi(q) = q^p/(2 T^2)."
    assert "not uniform-diffusion (" in run(capsys, "models", "spherical-p-spin")[1]


def test_names_of_two_kinds_and_other_words(capsys):
    assert set(json.loads(run(capsys, "models", "linear", "--json")[1])) == {"channels", "schedules"}
    assert "sherrington-kirkpatrick" in run(capsys, "models", "SK")[1]
    assert "variance-preserving" in run(capsys, "models", "vp")[1]
    for word in SYNONYMS:
        code = run(capsys, "models", word)[0]
        assert (code == 0) == any(name in table for table in KINDS.values() for name in (word, *SYNONYMS[word])), word


@pytest.mark.parametrize(("name", "said"), [
    ("isign-p-spin", "did you mean 'ising-p-spin'"), ("hopfield", "unknown name 'hopfield'"), ("", "unknown name ''"),
    ("x" * 5000, "unknown name"), ("a\nb\x1b[31m", "unknown name"), ("3-spin", "did you mean 'ising-p-spin'"),
])  # fmt: skip
def test_names_that_are_none(capsys, name, said):
    code, out, err = run(capsys, "models", name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert len(err) <= 300
    assert err.strip().isprintable()


def within(text):
    """Return numbers inside and outside of a range, as it is said."""
    number = r"(-?[\d.e^-]+)"

    def value(written):
        base, _, power = written.partition("^")
        return float(base) ** float(power or 1)

    if found := re.fullmatch(rf"{number} to {number}", text):
        lo, hi = value(found[1]), value(found[2])
        return [lo, hi], [lo - 1, hi + 1]
    if found := re.fullmatch(rf"in ([\[(]){number}, {number}([\])])", text):
        lo, hi = value(found[2]), value(found[3])
        inside = [*([lo] if found[1] == "[" else []), *([hi] if found[4] == "]" else []), 0.5 * (lo + hi)]
        return inside, [lo - 1, hi + 1, *([lo] if found[1] == "(" else []), *([hi] if found[4] == ")" else [])]
    if found := re.fullmatch(rf"(>=|at least|>) ?{number}", text):
        lo = value(found[2])
        return [lo + 1, *([] if found[1] == ">" else [lo])], [lo - 1, *([lo] if found[1] == ">" else [])]
    raise AssertionError(f"a range that nobody reads: {text}")


@pytest.mark.parametrize(("kind", "name", "argument"), RANGED)
def test_ranges_are_those_that_are_held(kind, name, argument):
    """Ends that are said to be inside are taken, what is beyond is refused."""
    owner = KINDS[kind][name]
    facts = arguments_of(owner)
    inside, outside = within(facts[argument].range)
    given = dict(example_of(name, owner))
    needed = {n: at.Rademacher() for n in ("prior", "prior_u", "prior_v")} | {"channel": at.SignChannel()}
    python = {written: own for own, written in getattr(owner, "written", {}).items()}
    settings = {python.get(n, n): needed.get(n, VALUES[n]) for n in given if n in facts}
    for number in inside:
        owner(**settings | {argument: int(number) if facts[argument].type == "integer" else number})
    for number in outside:
        with pytest.raises(at.InputError):
            owner(**settings | {argument: int(number) if facts[argument].type == "integer" else number})


def test_all_numbers_have_ends():
    taken = [(n, a) for kind, name in EVERYTHING for n, a in arguments_of(KINDS[kind][name]).items()]
    assert {n for n, a in taken if a.type in ("integer", "number") and a.range is None} == set()
    assert all(a.meaning for _, a in taken)
    assert {a.type for _, a in taken} <= {*TYPES.values(), "poisson or regular"}


def test_a_wrong_range_is_noticed():
    assert within("3 to 12") == ([3, 12], [2, 13])
    assert within("in (0, 1]") == ([1, 0.5], [-1, 2, 0])
    assert within("> 0") == ([1], [-1, 0])
    with pytest.raises(AssertionError):
        within("about 3")


#: seconds that an example may take, unless its page says that it takes longer
SOON = 20


@pytest.mark.slow
def test_examples_end_soon_or_say_how_long_they_take(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert LONG.keys() == {"coloring"}
    for kind, name in EVERYTHING:
        if name in LONG:
            continue
        begin = time.process_time()
        code, _, err = run(capsys, *shlex.split(command_for(kind, name))[1:])
        assert (code, err) == (0, ""), name
        assert time.process_time() - begin < SOON, name


@pytest.mark.slow
def test_a_page_says_how_long_its_example_takes(capsys):
    for kind, name in EVERYTHING:
        page = run(capsys, "models", name)[1]
        assert (f"{command_for(kind, name)}\n              takes minutes; " in page) == (name in LONG)
        assert ("takes minutes" in page) == (name in LONG)


@pytest.mark.parametrize("name", MODELS)
def test_examples_make_their_model(name):
    words = shlex.split(command_for("models", name))
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    given = {n: [float(x) for x in v.split(",")] if "," in v else v for n, v in settings.items()}
    assert build_model(name, given).name == name


def test_defaults_are_those_of_the_code():
    for name, facts in arguments_of(at.Coloring).items():
        assert facts.required or getattr(at.Coloring(4), name) == facts.default
    assert arguments_of(at.MixedPSpin)["prior"].default == at.MixedPSpin("q**2").prior.name
    assert arguments_of(at.Flow)["schedule"].default == at.Flow().schedule.name
