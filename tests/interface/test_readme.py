"""The README: short, its first example is true, its numbers are ours, its second command is what the integration runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import amp_theory as at

README = Path(at.__file__).parent.parent / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="installed without the repository")


@pytest.fixture(scope="module")
def text():
    return README.read_text(encoding="utf-8")


def test_it_is_read_in_two_minutes(text):
    assert len(text.splitlines()) <= 130


def test_first_example_is_short_and_true(text):
    block = re.search(r"^```python\n(.*?)^```", text, re.S | re.M).group(1)
    assert len([line for line in block.splitlines() if line.strip()]) == 6
    example = {}
    exec(block, example)
    assert example["diagram"].sampler_succeeds(0.70) is False
    assert at.compare_samplers(example["model"])["mcmc"].at(0.70).succeeds is True


def test_the_second_command_installs_and_tests(text):
    """It is what `.ci/run` looks for and runs."""
    commands = re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)
    assert commands[1] == 'python -m pip install ".[test]" && python -m pytest\n'


def test_it_says_how_long_the_tests_take(text):
    """The integration ends a run that takes longer."""
    integration = README.parent / ".ci" / "run"
    minutes = int(re.search(r"takes less than (\d+) minutes on two cores", text)[1])
    assert re.search(r'^timeout (\d+) bash .*"\$command"$', integration.read_text(), re.M)[1] == str(60 * minutes)


def test_it_names_the_lowest_python(text):
    project = tomllib.loads((README.parent / "pyproject.toml").read_text())["project"]
    lowest = re.search(r"^Python (3\.\d+) or newer", text, re.M)[1]
    assert project["requires-python"] == f">={lowest}"
    assert f"Programming Language :: Python :: {lowest}" in project["classifiers"]


def test_introduction_names_the_path_it_speaks_of(text):
    """Every path has its own end of the hard region; Monte Carlo's is the dynamical point."""
    model = at.XORSAT(4, temperature=0.5)
    introduction = " ".join(text.split("## Start")[0].split())
    numbers = {
        "1.2689 < density < 1.6542, the traditional sampler wins over the flow": (
            at.thresholds(model, at.Flow()).tricritical,
            at.thresholds(model, at.Flow()).dynamical,
        ),
        "uniform discrete diffusion works up to density 1.2885": (
            at.thresholds(model, at.UniformDiscreteDiffusion()).tricritical,
        ),
        "autoregressive generation up to 1.1831 only": (at.thresholds(model, at.Autoregressive()).tricritical,),
    }
    for words, points in numbers.items():
        assert words in introduction
        shown = re.findall(r"1\.\d{4}", words)
        assert [f"{point.density:.4f}" for point in points] == shown


def test_what_samplers_did_is_what_is_recorded(text):
    """Energies of the demonstration, and how many statements were refuted."""
    introduction = " ".join(text.split("## Start")[0].split())
    table = README.parent / "figures" / "demonstrated_xorsat.csv"
    found = {o.case.label: o for o in at.demonstrate("xorsat", recorded=table).outcomes}
    ends = [
        found[label].at_infinity
        for label in (
            "flow at density 1.4", "heat bath at density 1.4", "flow at density 1.55",
            "heat bath at density 1.55, 32,000 sweeps",
        )
    ]  # fmt: skip
    shown = re.findall(r"(-?0\.\d{4}) ± (0\.\d{4})", introduction)
    assert shown == [(f"{end.value:.4f}", f"{end.error:.4f}") for end in ends]
    claimed = [label for label in found if "1.4" in label] + ["heat bath at density 1.55, 32,000 sweeps"]
    assert [found[label].outcome for label in claimed] == ["seen", "seen", "seen"]
    alternative = "that of heat bath does not at densities 1.4 and 1.55](figures/readme.png)"
    assert alternative in introduction
    page = (README.parent / "docs" / "demonstrations.md").read_text(encoding="utf-8")
    sections = page.split("\n## ")[1:]
    assert len(sections) == 8
    seen, refuted, undecided = (page.count(f"| {outcome} |") for outcome in ("seen", "refuted", "undecided"))
    words = {1: "one is", 5: "five are"}
    assert (
        f"Of {seen + refuted + undecided} claims of [eight such statements](docs/demonstrations.md), fixed before they were "
        f"run, {seen} are seen, {words[refuted]} refuted and {words[undecided]} undecided;"
    ) in introduction
