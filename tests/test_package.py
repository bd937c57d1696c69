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
#: ground floor first: a module may import from its own row and those above it
FLOORS = [
    {
        "errors",
        "process",
        "markup",
        "quadrature",
        "published",
        "cavity.exponential_sums",
        "cavity.field_grid",
        "cavity.chebyshev",
        "cavity.mixing",
        "workers",
    },
    {"mixtures", "files", "expressions", "results", "roots", "schedules", "sheets", "side_information", "components"},
    {"scalar_channel", "uniform_channel", "couplings", "checkpoints"},
    {"channel_table", "group_channel"},
    {"priors"},
    {"ageing", "density", "models", "paths", "recovery"},
    {"group_models"},
    {"output_formulas", "output_door", "output_table", "output_kernel"},
    {"output_base"},
    {"output_channels"},
    {"output_likelihood"},
    {"generalised_linear", "rotational_sensing"},
    {"surface"},
    {"equations_of_state", "cavity.factors", "cavity.tables"},
    {"cavity.density_evolution", "cavity.sweep", "iteration_limit"},
    {"cavity.fixed_degree"},
    {"cavity.isotherm_table"},
    {"cavity.sparse_models", "cavity.equation_of_state", "cavity.coloring"},
    {"cavity.coloring_tricritical"},
    {"cavity.coloring_thresholds"},
    {"registry"},
    {"closed.result"},
    {"closed.setting"},
    {"closed.gaussian"},
    {"closed.linear", "closed.polynomial", "closed.sparse"},
    {"closed.forms"},
    {"exact.contexts"},
    {"exact.rationals", "exact.rules"},
    {"exact.channel_base", "exact.coupling_base"},
    {"exact.absolute", "exact.erasures", "exact.groups", "exact.outputs", "exact.rotational"},
    {"exact.faint"},
    {"exact.channels", "exact.couplings"},
    {"exact.responses", "exact.intervals"},
    {"exact.equations", "exact.reduction"},
    {"exact.newton"},
    {"exact.points"},
    {"finite.scalar_posterior"},
    {"finite.instances"},
    {"finite.dense", "finite.graphs", "finite.exact", "finite.output_functions"},
    {"finite.likelihood_output"},
    {"finite.linear_instances", "finite.graph_messages"},
    {"finite.message_passing"},
    {"finite.generalised_amp"},
    {"finite.denoisers"},
    {"finite.samplers"},
    {"finite.spherical", "finite.doubling_grid", "finite.mode_coupling", "finite.two_time"},
    {"finite.chains", "finite.starts", "finite.sweeps"},
    {"finite.dense_sweeps", "finite.graph_sweeps", "finite.langevin"},
    {"finite.monte_carlo"},
    {"finite.tempering", "finite.judging"},
    {"finite.simulation"},
    {"fold_search"},
    {"folds"},
    {"branches"},
    {"isotherm", "zero_crossings"},
    {"cavity.regular_graphs"},
    {"transitions", "targets"},
    {"fixed_point_solver", "scan", "compare", "normal_form", "certificates"},
    {"finite.convergence"},
    {"lines", "curves"},
    {"along_path"},
    {"cavity.regular_transitions"},
    {"diagram"},
    {"loading", "plotting", "explorer.tables"},
    {"reproduction", "explorer.data"},
    {"explorer.animation", "explorer.page"},
    {"commands"},
    {"cli"},
    {"__main__"},
]


def imports(module: Path, top_level_only: bool) -> set[str]:
    tree = ast.parse(module.read_text())
    found: set[str] = set()
    guarded = {node for test in ast.walk(tree) if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
               for node in ast.walk(test)}  # fmt: skip
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if node in guarded:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def file_of(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


MODULES = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts) for p in ROOT.rglob("*.py") if p.stem != "__init__"
)


def test_every_module_has_a_floor():
    assert set(MODULES) == set().union(*FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    height = {name: k for k, floor in enumerate(FLOORS) for name in floor}
    for name in imports(file_of(module), top_level_only=True):
        if name.startswith("amp_theory."):
            other = name.removeprefix("amp_theory.")
            assert height[other] <= height[module], f"{module} imports {other}"
    # the theory below the pictures draws nothing
    everything = imports(file_of(module), top_level_only=False)
    if module not in {"plotting", "commands", "reproduction", "explorer.animation"}:
        assert not any(name.startswith("matplotlib") for name in everything)


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_short_and_swallow_nothing(module):
    text = (file_of(module)).read_text()
    assert len(text.splitlines()) <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            assert "Exception" not in {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}
    assert "import pickle" not in text
    assert "allow_pickle=True" not in text
    assert "sympify" not in text


def test_public_names():
    assert len(set(at.__all__)) == len(at.__all__)
    for name in at.__all__:
        assert getattr(at, name) is not None
        if name != "__version__":
            assert getattr(at, name).__doc__, name
    assert set(dir(at)) >= set(at.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = at.nonsense
    # a public function must not share its name with a module, which would hide it once imported
    assert not set(at.__all__) & set(MODULES)


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
    from amp_theory import errors

    for name in ("InputError", "UnknownNameError", "FileError", "NumericalError"):
        assert issubclass(getattr(errors, name), at.AmpTheoryError)
    assert issubclass(at.InputError, ValueError)
    assert issubclass(at.FileError, OSError)
    assert at.NumericalError("x", partial=[1]).partial == [1]


# --- versions -------------------------------------------------------------------------------------------------------


def declared(project):
    """Return the requirements of a pyproject, but for the tools that no test needs, as name -> what is allowed."""
    groups = [project["dependencies"], *(v for k, v in project["optional-dependencies"].items() if k != "dev")]
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
