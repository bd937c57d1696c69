"""The house has floors: every import points down, whatever its form, lazy ones and those for types included."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import amp_theory as at

ROOT = Path(at.__file__).parent
#: rooms, ground floor first; rooms on one line do not know each other; a dot opens a room
FLOORS = [
    line.split()
    for line in """
tools
ingredients.priors ingredients.couplings ingredients.factors
ingredients.outputs ingredients.paths
models
equations_of_state finite.outputs dynamics
finite.instances
finite.inference finite.chains
finite.samplers
exact.digits exact.formulas
exact.proofs
phases.geometry
phases.revealing
phases.points
phases.diagram phases.comparison
phases.optimal phases.accuracy
phases.bounds phases.random_measures
phases.rules phases.families
trials
interface
""".strip().splitlines()
]
RANK = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
#: the package's face hands names on, and may name everybody
FACE = {"amp_theory", "amp_theory.__main__"}
#: rooms at the root
MOST_ROOMS = 10


def name_of(file: Path, root: Path) -> str:
    """Return the dotted name of a file of the package that lies at `root`."""
    return ".".join(file.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(file, ROOT): file.read_text(encoding="utf-8") for file in sorted(ROOT.rglob("*.py"))}
PACKAGES = {name_of(file, ROOT) for file in ROOT.rglob("__init__.py")}


def room_of(module: str, packages: set[str]) -> str | None:
    """Return the room a module is in; "" for a room that only holds rooms, None for a module that stands in none."""
    parts = module.split(".")[1:]
    for n in (2, 1):
        if ".".join(parts[:n]) in RANK:
            return ".".join(parts[:n])
    return "" if module in packages else None


def imports(module: str, modules: dict[str, str], packages: set[str]) -> set[str]:
    """Return the modules of the package that a module imports, anywhere in it, in any form."""
    named = named_in(modules[module], module if module in packages else module.rpartition(".")[0])
    return {full if full in modules else base for base, full in named} - {"amp_theory", module}


@cache
def named_in(text: str, package: str) -> set[tuple[str, str]]:
    """Return what a module's text imports of the package: (module, the same with the name imported from it)."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {(a.name, a.name) for a in node.names if a.name.split(".")[0] == "amp_theory"}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
            if base.split(".")[0] == "amp_theory":
                found |= {(base, f"{base}.{a.name}") for a in node.names}
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            raise AssertionError(f"a module of {package} imports by a name that is made at run time")
    return found


def upward(modules: dict[str, str], packages: set[str]) -> list[str]:
    """Return what is wrong with the floors: modules in no room, and imports that do not point down."""
    wrong = []
    for module in sorted(set(modules) - FACE):
        here = room_of(module, packages)
        if here is None:
            wrong.append(f"{module} stands in no room")
            continue
        for name in sorted(imports(module, modules, packages)):
            there = room_of(name, packages)
            if there != here and here and (not there or RANK[there] >= RANK[here]):
                wrong.append(f"{module} imports {name}")
    return wrong


def circles(modules: dict[str, str], packages: set[str]) -> set[str]:
    """Return the modules that import each other in circles, or hang on one that does."""
    graph = {m: {n for n in imports(m, modules, packages) if n in modules} for m in modules if m not in FACE}
    done: set[str] = set()
    while free := {m for m in graph if m not in done and graph[m] <= done | FACE}:
        done |= free
    return set(graph) - done


def test_imports_point_down():
    assert upward(MODULES, PACKAGES) == []


def test_no_circles():
    assert circles(MODULES, PACKAGES) == set()


def test_the_referee_imports_no_theory():
    theory = ("amp_theory.equations_of_state", "amp_theory.dynamics", "amp_theory.exact", "amp_theory.phases")
    referee = [m for m in MODULES if m.startswith("amp_theory.finite")]
    assert len(referee) > 20
    for module in referee:
        assert not [name for name in imports(module, MODULES, PACKAGES) if name.startswith(theory)], module


def test_the_root_holds_rooms_only():
    rooms = {module.split(".")[1] for module in MODULES if module != "amp_theory" and module not in FACE}
    assert rooms == {room.split(".")[0] for room in RANK}
    assert len(rooms) <= MOST_ROOMS
    assert {p.name for p in ROOT.iterdir() if p.is_file()} == {
        "__init__.py", "__init__.pyi", "__main__.py", "py.typed", "README.md",
    }  # fmt: skip


@pytest.mark.parametrize("room", sorted(PACKAGES - FACE))
def test_every_room_says_what_it_is(room):
    """One sentence, what it may import where that says something, and where its equations are."""
    tree = ast.parse(MODULES[room])
    assert len(tree.body) == 1
    text = ast.get_docstring(tree) or ""
    assert text.split("\n", 1)[0].endswith(".")
    assert "May import" in text or room_of(room, PACKAGES) == ""
    for module in MODULES:
        if module.rpartition(".")[0] == room:
            assert f"`{module.rpartition('.')[2]}" in text, f"{room} does not name {module}"


@pytest.mark.parametrize("line", [
    "from amp_theory.phases.points.thresholds import thresholds", "import amp_theory.phases.points.thresholds as t",
    "from amp_theory.phases.points import thresholds", "from ..phases.points import thresholds",
    "def f():\n    from amp_theory.phases.points.thresholds import thresholds",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from amp_theory.phases.points import thresholds",
])  # fmt: skip
def test_no_form_of_import_is_overlooked(line):
    changed = MODULES | {"amp_theory.models.base": line}
    assert "amp_theory.models.base imports amp_theory.phases.points.thresholds" in upward(changed, PACKAGES)
    assert "amp_theory.models.base" in circles(changed, PACKAGES)


def test_a_module_in_no_room_fails():
    assert upward(MODULES | {"amp_theory.attic": ""}, PACKAGES) == ["amp_theory.attic stands in no room"]


EQUATIONS = {
    "autoregressive spinodal": ("ingredients.paths", "named", "(1 - theta) M'(x) xi''(q) = 1"),
    "tricritical condition": ("phases.points", "tricritical", "F = dF/dz = 0 at positive strength"),
    "factor map of bicoloring": ("ingredients.factors", "factors", "N_+- = sum over the other spins of w prod_j"),
    "Onsager term": ("finite.inference", "amp", "xi''(m^t.m^{t-1}/N) (1/N sum_i v_i^t) m^{t-1}"),
    "Langevin criterion": ("dynamics", "ageing", "xi''(0) (1 - q_th) > 1"),
    "error bound of a threshold": (
        "phases.points",
        "zero_strength",
        "the bound on the surface's function that vanishes",
    ),
}


@pytest.mark.parametrize(("room", "module", "equation"), EQUATIONS.values(), ids=EQUATIONS.keys())
def test_an_equation_is_two_files_away(room, module, equation):
    """The room's text names the module, the module's text holds the equation."""
    assert f"`{module}`" in MODULES[f"amp_theory.{room}"]
    tree = ast.parse(MODULES[f"amp_theory.{room}.{module}"])
    texts = [
        ast.get_docstring(node) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    assert any(equation in " ".join(text.split()) for text in texts)
