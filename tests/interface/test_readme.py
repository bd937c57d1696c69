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
    model = at.IsingPSpin(3)
    introduction = " ".join(text.split("## Start")[0].split())
    numbers = {
        "0.6816 < T < 0.7410, the traditional sampler wins over the flow": (
            at.thresholds(model, at.Flow()).dynamical,
            at.thresholds(model, at.Flow()).tricritical,
        ),
        "uniform discrete diffusion works down to T = 0.7392": (
            at.thresholds(model, at.UniformDiscreteDiffusion()).tricritical,
        ),
        "autoregressive generation down to 0.7587 only": (at.thresholds(model, at.Autoregressive()).tricritical,),
    }
    for words, points in numbers.items():
        assert words in introduction
        shown = re.findall(r"0\.\d{4}", words)
        assert [f"{point.temperature:.4f}" for point in points] == shown
