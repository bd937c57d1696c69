"""The distributions: complete, and enough on their own.

AMP_THEORY_DISTRIBUTIONS names the folder where `python -m build` has put them; without it they are built.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import amp_theory as at

ROOT = Path(at.__file__).parent.parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="installed without the repository"),
]


def run(*words: str | Path, **settings: object) -> str:
    """Return what a command prints; it must succeed."""
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> Path:
    if "AMP_THEORY_DISTRIBUTIONS" in os.environ:
        return Path(os.environ["AMP_THEORY_DISTRIBUTIONS"])
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("distributions")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(distributions) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(distributions, tmp_path_factory) -> Path:
    """The unpacked source distribution."""
    (found,) = distributions.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(found) as archive:
        # the first versions of Python 3.11 have no filters
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / found.name.removesuffix(".tar.gz")


def files(folder: Path, *parts: str) -> set[str]:
    """Return the files below parts of a folder, but for what running leaves there and what git ignores."""
    ignored = {"__pycache__", ".hypothesis", ".pytest_cache"}
    found = (path for part in parts for path in (folder / part).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in found if not ignored & set(path.parts)}


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
    assert names == files(ROOT, "amp_theory")
    told = Parser().parsestr(metadata)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert told["Version"] == at.__version__
    assert told["Requires-Python"] == project["requires-python"]
    assert set(told.get_all("Classifier")) == set(project["classifiers"])
    assert set(told.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    assert told.get_all("Project-URL") == [f"{name}, {url}" for name, url in project["urls"].items()]
    assert told["Description-Content-Type"] == "text/markdown"


def test_the_source_distribution_holds_tests_notebooks_pages_and_figures(sdist):
    wanted = files(ROOT, "amp_theory", "tests", "docs", "notebooks", ".ci")
    wanted |= {f"figures/{path.name}" for pattern in ("readme.png", "referee_*", "inference_*")
               for path in (ROOT / "figures").glob(pattern)}  # fmt: skip
    wanted |= {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "pyproject.toml"}
    assert len(wanted) > 250
    assert wanted - files(sdist, ".") == set()


def test_tests_run_from_the_source_distribution(sdist):
    """A part of them; `.ci/run` runs many more from there, on the lowest versions."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    part = [
        "tests/interface/test_readme.py",
        "tests/interface/test_docs.py",
        "-k",
        "not code_runs and not values and not bounds",
    ]
    words = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *part]
    done = run(*words, cwd=sdist, env=environment)
    assert int(re.search(r"(\d+) passed", done)[1]) > 30
    assert "skipped" not in done or "1 skipped" in done  # there is no history


def test_the_wheel_alone_is_enough(wheel, tmp_path):
    """In an empty environment: the README's example, the list of models, a picture."""
    run(sys.executable, "-m", "venv", tmp_path / "empty")
    python = tmp_path / "empty" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", wheel)
    work = tmp_path / "work"
    work.mkdir()
    kept = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "MPLBACKEND": "agg"}
    settings = {"cwd": work, "env": kept}
    installed = {
        package["name"] for package in json.loads(run(python, "-m", "pip", "list", "--format", "json", **settings))
    }
    assert not installed & {"pytest", "pandas", "shtab", "sphinx"}
    example = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)[1]
    assert "False - " in run(python, "-W", "error", "-c", example, **settings)
    command = python.with_name("amp-theory")
    assert "ising-p-spin" in run(command, "models", **settings)
    run(command, "diagram", "spherical-p-spin", "--set", "p=3", "--points", "20", "-o", "diagram.pdf", **settings)
    assert (work / "diagram.pdf").read_bytes()[:5] == b"%PDF-"
