"""The house: imports point one way, names are public once, importing is light, the README tells the truth."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import amp_theory as at

ROOT = Path(at.__file__).parent
#: the modules that draw
PAINTERS = {
    "phases.diagram.drawing", "phases.diagram.boxes", "phases.diagram.labels", "phases.diagram.styles", "phases.diagram.scan_picture", "interface.plots", "interface.commands", "interface.studies.reproduction",
    "interface.studies.study_picture",
    "interface.explorer.animation",
}  # fmt: skip
#: lines of a module, and of a function with its docstring; arguments of a call that are told by their places alone
LONGEST_MODULE, LONGEST_FUNCTION, MOST_UNNAMED = 450, 60, 7


def file_of(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


MODULES = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts) for p in ROOT.rglob("*.py") if p.stem != "__init__"
)


@pytest.mark.parametrize("module", sorted(set(MODULES) - PAINTERS))
def test_the_theory_below_the_pictures_draws_nothing(module):
    assert not re.search(r"^ *(import|from) matplotlib", drawn_at_run_time(file_of(module).read_text()), re.MULTILINE)


def drawn_at_run_time(text):
    """Return a module's text without the imports for types."""
    return re.sub(r"^if TYPE_CHECKING:\n(?:(?:    .*)?\n)+", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_are_short_and_swallow_nothing(module):
    text = (file_of(module)).read_text()
    nodes = list(ast.walk(ast.parse(text)))
    assert len(text.splitlines()) <= LONGEST_MODULE
    assert too_long_or_unnamed(nodes) == set()
    for node in nodes:
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            assert "Exception" not in {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}
    assert "import pickle" not in text
    assert "allow_pickle=True" not in text
    assert "sympify" not in text


def too_long_or_unnamed(nodes):
    """Return the functions of a module that are too long, and what is called with too many unnamed arguments."""
    found = set()
    for node in nodes:
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.end_lineno - node.lineno >= LONGEST_FUNCTION
        ):
            found.add(node.name)
        if isinstance(node, ast.Call) and len(node.args) > MOST_UNNAMED:
            found.add(ast.unparse(node.func))
    return found


def test_what_is_too_long_or_unnamed_is_found():
    def found(text):
        return too_long_or_unnamed(ast.walk(ast.parse(text)))

    body = "    a = 1\n" * (LONGEST_FUNCTION - 1)
    assert found(f"def f():\n{body}") == set()
    assert found(f"def f():\n{body}    b = 1\n") == {"f"}
    places = "0, " * MOST_UNNAMED
    assert found(f"a.g({places}x=1, y=2)") == set()
    assert found(f"a.g({places}1)") == {"a.g"}


def test_public_names():
    assert len(set(at.__all__)) == len(at.__all__)
    for name in at.__all__:
        assert getattr(at, name) is not None
        if name != "__version__":
            assert getattr(at, name).__doc__, name
    assert set(dir(at)) >= set(at.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = at.nonsense
    # a public function must not share its name with a room, which would hide it once imported
    assert not set(at.__all__) & {name.split(".")[0] for name in MODULES}


def test_stub_lists_the_same_names():
    tree = ast.parse((ROOT / "__init__.pyi").read_text())
    listed = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert listed == set(at.__all__) - {"__version__"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_importing_is_light():
    """Neither matplotlib nor sympy nor scipy, nor even numpy, is loaded before it is needed."""
    code = ("import sys, amp_theory as at; a = {m.split('.')[0] for m in sys.modules}; at.thresholds(at.IsingPSpin(3), "
            "at.Autoregressive()); b = {m.split('.')[0] for m in sys.modules}; print(sorted(a & {'numpy', 'matplotlib', "
            "'sympy', 'scipy'}), sorted(b & {'matplotlib', 'sympy', 'scipy', 'mpmath'}))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_errors_are_one_family():
    from amp_theory.tools import errors

    for name in ("InputError", "UnknownNameError", "FileError", "NumericalError"):
        assert issubclass(getattr(errors, name), at.AmpTheoryError)
    assert issubclass(at.InputError, ValueError)
    assert issubclass(at.FileError, OSError)
    assert at.NumericalError("x", partial=[1]).partial == [1]


# --- versions -------------------------------------------------------------------------------------------------------


def declared(project):
    """Return the requirements of a pyproject, but for the tools that no test needs, as name -> what is allowed."""
    groups = [
        project["dependencies"],
        *(v for k, v in project["optional-dependencies"].items() if k not in {"dev", "docs"}),
    ]
    found = {}
    for name, allowed in (re.fullmatch(r"([a-z-]+)(.*)", text).groups() for group in groups for text in group):
        assert found.setdefault(name, allowed) == allowed, f"{name} is declared twice"
    return found


def disagreements(required, lowest):
    """Return the names whose floor is not the version that is tested; missing parts of a version are zeros."""

    def numbers(version):
        return [*map(int, version.split(".")), 0, 0][:3]

    return [
        name for name in required.keys() | lowest.keys()
        if not re.fullmatch(r">=[0-9.]+", required.get(name, "")) or name not in lowest
        or numbers(required[name][2:]) != numbers(lowest[name])
    ]  # fmt: skip


@pytest.mark.skipif(not (ROOT.parent / ".ci").is_dir(), reason="a source distribution has no integration")
def test_the_lowest_versions_that_are_declared_are_the_lowest_that_are_tested():
    required = declared(tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"])
    lines = (ROOT.parent / ".ci" / "lowest.txt").read_text().splitlines()
    lowest = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert disagreements(required, lowest) == []
    # negative controls
    assert disagreements(required, lowest | {"numpy": "1.26.0"}) == ["numpy"]
    assert disagreements(required | {"numpy": ""}, lowest) == ["numpy"]
    assert disagreements(required, lowest | {"other": "1.0"}) == ["other"]
    assert disagreements(required | {"other": ">=1"}, lowest) == ["other"]


def test_docstrings_name_their_arguments():
    """Every public function describes every argument it takes (one described together counts)."""
    import inspect

    for name in at.__all__:
        thing = getattr(at, name)
        if inspect.isfunction(thing):
            text = thing.__doc__ or ""
            if "Parameters" in text:
                for parameter in inspect.signature(thing).parameters:
                    assert parameter in text, f"{name}: {parameter}"


def same_names(texts):
    """Return the names that more than one module gives to a public class or function of its own."""
    owners = {}
    for module, text in texts.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                owners.setdefault(node.name, set()).add(module)
    return {name: sorted(modules) for name, modules in owners.items() if len(modules) > 1}


def test_no_two_things_have_one_name():
    texts = {module: file_of(module).read_text() for module in MODULES}
    assert same_names(texts) == {}
    # negative control
    assert same_names({"a": "class X: pass", "b": "def X(): pass", "c": "def _x(): pass"}) == {"X": ["a", "b"]}
