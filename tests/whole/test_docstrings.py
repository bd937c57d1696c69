"""Every public name explains itself: what it is, what it takes, gives and refuses, where it comes from, how it is used."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pytest

import amp_theory as at
from amp_theory.tools import errors

#: functions that implement equations, and say whose; so do all that derive from BASES, themselves or by their base
FROM_A_SOURCE = {
    "best_path", "compare_samplers", "draw_samples", "equation_of_state", "equilibrium_correlation", "fixed_points",
    "free_entropy_curve", "langevin", "langevin_correlations", "parallel_tempering", "path_transitions",
    "phase_diagram", "population_fixed_point", "population_isotherm", "reproduce", "run_amp", "run_bp", "run_gamp",
    "run_robust_gamp", "run_vamp",
    "state_evolution", "thresholds", "tricritical_expansion", "two_groups",
}  # fmt: skip
BASES = (at.Model, at.Path, at.Prior, at.OutputChannel, at.Coupling)
SOURCE = re.compile(r"arXiv:|Phys\. |Lett\. |Statistical\s+Physics|Information, Physics")
#: what needs no section though it seems so, with the reason
EXCEPTIONS = {
    ("Birth", "Source"): "its channel is derived in `letters` and `hidden_atoms`, after no publication",
    ("SideChannel", "Source"): "as that of Birth",
    ("UniformDiscreteDiffusion", "Source"): "its scalar channel is derived in `uniform_channel`, after no publication",
}
#: the checks whose failure is an InputError, and those of modules that call them
CHECKS = {n for n, f in vars(errors).items() if inspect.isfunction(f) and "raise" in (f.__doc__ or "")}
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """Return the parts of a docstring by title, the first under an empty one."""
    parts = SECTION.split(text)
    return {"": parts[0].strip()} | {
        title: body.strip("\n") for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def described(body: str) -> dict[str, str]:
    """Return what a section says of every name, those described together alike."""
    items = re.split(r"^(?=\S)", body, flags=re.MULTILINE)
    found = {}
    for item in filter(str.strip, items):
        head, _, rest = item.partition("\n")
        names, _, kind = head.partition(" : ")
        found |= {name.strip(" *"): (kind + rest).strip() for name in names.split(",")}
    return found


@cache
def tree(thing: Any) -> ast.AST:
    """Return the code of a function."""
    return ast.parse(textwrap.dedent(inspect.getsource(thing)))


def refuses(function: Any) -> bool:
    """Tell whether a function raises an error itself, or a check does that it calls."""
    for node in ast.walk(tree(function)):
        if isinstance(node, ast.Raise) and node.exc is not None:
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            if name in CHECKS or name.startswith(("check", "as_")):
                return True
    return False


@dataclass(frozen=True)
class Documented:
    """A public name: a function, a class, or what a class has."""

    name: str
    thing: Any
    owner: Any = None

    @cached_property
    def function(self) -> Any:
        """What runs: of a class what makes it, of a property what reads it."""
        thing = self.thing
        if isinstance(thing, type):
            made = [vars(thing).get(n) for n in ("__post_init__", "__init__")]
            return next((f for f in made if inspect.isfunction(f) and f.__code__.co_filename != "<string>"), None)
        for attribute in ("fget", "func", "__func__"):
            thing = getattr(thing, attribute, thing)
        return inspect.unwrap(thing) if callable(thing) else None

    @cached_property
    def is_property(self) -> bool:
        return isinstance(self.thing, property | cached_property)

    @cached_property
    def texts(self) -> list[str]:
        """Its docstrings, its own first, then what the bases say of the member it overrides."""
        if self.owner is None:
            return [inspect.cleandoc(self.thing.__doc__ or "")]
        last = self.name.split(".")[-1]
        found = [inspect.getdoc(vars(base)[last]) for base in self.owner.__mro__ if last in vars(base)]
        return [text for text in found if text] or [""]

    @cached_property
    def parts(self) -> dict[str, str]:
        """The sections, those of its own docstring before those of the bases."""
        found: dict[str, str] = {}
        for text in self.texts:
            found = sections(text) | found
        return found

    @cached_property
    def arguments(self) -> list[str]:
        """The names of what it takes."""
        if self.is_property or (isinstance(self.thing, type) and "__init__" not in vars(self.thing)):
            return []
        target = self.thing if isinstance(self.thing, type) else self.function
        names = [name for name in inspect.signature(target).parameters if not name.startswith("_")]
        bound = self.owner is not None and not isinstance(self.thing, staticmethod)
        return names[1:] if bound else names

    @cached_property
    def answers(self) -> bool:
        """Whether it returns something."""
        if isinstance(self.thing, type) or self.is_property:
            return False
        return inspect.signature(self.function).return_annotation not in (None, "None")

    def missing(self) -> set[str]:
        """Return the sections that are not there or not right."""
        parts, found = self.parts, set()
        if not parts[""].split("\n\n")[0].rstrip().endswith((".", ":", "?")):
            found.add("summary")
        taken = {}
        for title in ("Parameters", "Other Parameters", *(["Attributes"] if isinstance(self.thing, type) else [])):
            taken |= described(parts.get(title, ""))
        fields = set(self.thing.__dataclass_fields__) if dataclasses.is_dataclass(self.thing) else set()
        if set(self.arguments) - set(taken) or set(taken) - set(self.arguments) - fields - set(dir(self.thing)):
            found.add("Parameters")
        found |= {f"what {name} is" for name, meaning in taken.items() if not meaning}
        if self.answers and not {"Returns", "Yields"} & set(parts):
            found.add("Returns")
        if self.function is not None and refuses(self.function) and "Raises" not in parts:
            found.add("Raises")
        if not self.shown():
            found.add("Examples")
        if self.has_equations and not SOURCE.search(self.lineage):
            found.add("Source")
        return {what for what in found if (self.name, what) not in EXCEPTIONS}

    @property
    def has_equations(self) -> bool:
        """Whether it has to say whose equations it implements."""
        return self.name in FROM_A_SOURCE or (isinstance(self.thing, type) and issubclass(self.thing, BASES))

    @property
    def lineage(self) -> str:
        """Its docstring; with those of its bases but `Model` and `Path`, whose source is not that of each of them."""
        bases = self.thing.__mro__ if isinstance(self.thing, type) else [self.thing]
        own = [base for base in bases if base is self.thing or base not in (at.Model, at.Path)]
        return "\n".join(base.__doc__ or "" for base in own)

    def shown(self) -> bool:
        """Tell whether there is an example, or a link to one; that of a class may show what the class has."""
        if self.is_property or ">>>" in self.parts.get("Examples", "") or self.parts.get("See Also"):
            return True
        owners = self.owner.__mro__ if self.owner else ()
        examples = (sections(inspect.cleandoc(vars(c).get("__doc__") or "")).get("Examples", "") for c in owners)
        return any(f".{self.name.split('.')[-1]}(" in example for example in examples)


def members(name: str, owner: type) -> dict[str, Documented]:
    """Return the public methods and properties of a class, with those of bases of the package that are not public."""
    found: dict[str, Documented] = {}
    for base in owner.__mro__:
        if not base.__module__.startswith("amp_theory") or (base is not owner and base.__name__ in at.__all__):
            continue
        for key, thing in vars(base).items():
            function = isinstance(thing, property | cached_property | classmethod | staticmethod)
            if not key.startswith("_") and (function or inspect.isfunction(thing)) and key not in found:
                found[key] = Documented(f"{name}.{key}", thing, owner)
    return found


@cache
def public() -> list[Documented]:
    """Return everything public of the package, what several classes inherit once."""
    found: dict[Any, Documented] = {}
    for name in at.__all__:
        thing = getattr(at, name)
        if isinstance(thing, str):
            continue
        found[thing] = Documented(name, thing)
        if isinstance(thing, type):
            for item in members(name, thing).values():
                found.setdefault(item.thing, item)
    return list(found.values())


def test_docstrings_are_complete():
    found = {item.name: missing for item in public() if (missing := item.missing())}
    assert {name: what for name, what in found.items() if "plot" not in name} == {}


def test_everything_public_is_looked_at():
    names = {item.name for item in public()}
    assert {"Prior.channel", "Prior.mean", "SideInformation.from_field", "IsingPSpin", "thresholds"} <= names
    assert len(names) == len(public()) > 400
    unused = {(name, what) for name, what in EXCEPTIONS if name not in names}
    assert not unused | {(name, "Source") for name in FROM_A_SOURCE - names}


def links(item: Documented) -> list[str]:
    """Return the names under See Also."""
    heads = [line.partition(" : ")[0] for line in item.parts.get("See Also", "").splitlines() if line[:1].strip()]
    return [name.strip() for head in heads for name in head.split(",")]


def resolved(name: str) -> Any:
    """Return what a name of the package, or of one of its classes, stands for; None if nothing does."""
    found: Any = at
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def test_links_lead_somewhere():
    wrong = {(item.name, name) for item in public() for name in links(item) if resolved(name) is None}
    assert wrong == set()
    assert sum(len(links(item)) for item in public()) > 50
    assert resolved("Prior.channel") is at.Prior.channel
    assert resolved("Prior.nonsense") is resolved("nonsense.channel") is None


def test_links_to_examples_lead_to_one():
    """Where another docstring is said to hold an example, it does, or one of the class it belongs to."""
    found = 0
    for item in public():
        for line in item.parts.get("See Also", "").splitlines():
            name, _, what = line.partition(" : ")
            if "example" in what:
                text = "".join(Documented(name, resolved(name)).texts)
                assert ">>>" in text, (item.name, name)
                found += 1
    assert found > 20


# --- what is missing is found ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Complete:
    """A length.

    Parameters
    ----------
    value
        The length, > 0, in metres.

    Raises
    ------
    InputError
        If it is not positive.

    Examples
    --------
    >>> Complete(2.0).times(3.0)
    6.0
    """

    value: float

    def __post_init__(self) -> None:
        errors.positive("value", self.value)

    def times(self, factor: float) -> float:
        """Return a multiple.

        Parameters
        ----------
        factor
            A number.

        Returns
        -------
        float
            In metres.
        """
        return self.value * factor


def without(text: str, title: str) -> str:
    """Return a docstring without a section."""
    parts = sections(inspect.cleandoc(text))
    del parts[title]
    return "\n\n".join(f"{name}\n---\n{body}" if name else body for name, body in parts.items())


@pytest.mark.parametrize("title", ["Parameters", "Raises", "Examples"])
def test_a_class_without_a_section_is_found(monkeypatch, title):
    assert Documented("Complete", Complete).missing() == set()
    monkeypatch.setattr(Complete, "__doc__", without(Complete.__doc__, title))
    assert Documented("Complete", Complete).missing() == {title}


@pytest.mark.parametrize("title", ["Parameters", "Returns"])
def test_a_method_without_a_section_is_found(monkeypatch, title):
    assert Documented("Complete.times", Complete.times, Complete).missing() == set()
    monkeypatch.setattr(Complete.times, "__doc__", without(Complete.times.__doc__, title))
    assert Documented("Complete.times", Complete.times, Complete).missing() == {title}


def test_other_faults_are_found(monkeypatch):
    text = Complete.__doc__
    for wrong, found in (
        (text.replace("    value\n", "    length\n"), "Parameters"),
        (text.replace("        The length, > 0, in metres.\n", ""), "what value is"),
        (text.replace("A length.", "A length"), "summary"),
        ("", "summary"),
    ):
        monkeypatch.setattr(Complete, "__doc__", wrong)
        assert found in Documented("Complete", Complete).missing()
    # the example of the class no longer shows the method
    assert Documented("Complete.times", Complete.times, Complete).missing() == {"Examples"}


def test_a_missing_source_is_found(monkeypatch):
    for thing in (at.IsingPSpin, at.thresholds):
        assert Documented(thing.__name__, thing).missing() == set()
        monkeypatch.setattr(thing, "__doc__", without(thing.__doc__, "References"))
        assert Documented(thing.__name__, thing).missing() == {"Source"}


def test_what_raises_is_found():
    def body():
        raise ValueError

    def check():
        return errors.positive("x", 1)

    assert refuses(body)
    assert refuses(check)
    assert not refuses(without)
