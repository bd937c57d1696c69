"""Every public name explains itself: what it is, what it takes, gives and refuses, where it comes from, how it is used."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Protocol

import pytest

import amp_theory as at
from amp_theory.tools import errors

#: modules whose docstrings are being written
TO_BE_COMPLETED = {
    "phases.diagram.drawing", "interface.plots", "interface.cli", "interface.commands", "tools.results", "tools.html",
}  # fmt: skip
#: methods of all results, which their base explains
OF_RESULTS = {"report", "to_dict", "to_csv", "to_dataframe", "table", "plot"}
#: what implements equations, and says whose
FROM_A_SOURCE: set[str] = set()
#: what needs no section though it seems so, with the reason
EXCEPTIONS: dict[tuple[str, str], str] = {}
#: the checks whose failure is an InputError, and those of modules that call them
CHECKS = {n for n, f in vars(errors).items() if inspect.isfunction(f) and "raise" in (f.__doc__ or "")}
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """Return the parts of a docstring by title, the first under an empty one."""
    parts = SECTION.split(text)
    return {"": parts[0].strip()} | {title: body.strip("\n") for title, body in zip(parts[1::2], parts[2::2])}


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
            if name in CHECKS or name.startswith("check_"):
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
        if self.is_property or (isinstance(self.thing, type) and issubclass(self.thing, BaseException | Protocol)):
            return []
        target = self.thing if isinstance(self.thing, type) else self.function
        names = list(inspect.signature(target).parameters)
        return names[1:] if self.owner is not None and not isinstance(self.thing, staticmethod) else names

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
        if self.name in FROM_A_SOURCE and not re.search("arXiv|Source: |References", "".join(self.texts)):
            found.add("Source")
        return found

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


def public() -> list[Documented]:
    """Return everything public of the package, what several classes inherit once."""
    found: dict[Any, Documented] = {}
    for name in at.__all__:
        thing = getattr(at, name)
        if isinstance(thing, str) or thing.__module__.removeprefix("amp_theory.") in TO_BE_COMPLETED:
            continue
        found[thing] = Documented(name, thing)
        if isinstance(thing, type):
            for key, item in members(name, thing).items():
                if key not in OF_RESULTS:
                    found.setdefault(item.thing, item)
    return list(found.values())
