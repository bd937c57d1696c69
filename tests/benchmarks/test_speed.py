"""How long the things take that users wait for.  Run with: pytest tests/benchmarks -n 0 --override-ini=addopts=

The target of a full diagram (three lines of 200 points, all special points) is 50 ms, of thresholds 10 ms, of user
densities twenty times that, of the first command line answer one second.
"""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

import amp_theory as at
from amp_theory.ingredients.outputs.likelihood import _scaled_table, _tabulated
from amp_theory.ingredients.priors.named import _mixture_table
from amp_theory.phases.geometry.solved import solved

SPARSE = at.SparseRademacher(0.08)
TWO_SCALES = at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005])
CASES = {
    "ising 3, flow": (at.IsingPSpin(3), at.Flow()),
    "ising 10, flow": (at.IsingPSpin(10), at.Flow()),
    "ising 3, autoregressive": (at.IsingPSpin(3), at.Autoregressive()),
    "ising 3, uniform diffusion": (at.IsingPSpin(3), at.UniformDiscreteDiffusion()),
    "spherical 3, flow": (at.SphericalPSpin(3), at.Flow()),
    "spherical 3, autoregressive": (at.SphericalPSpin(3), at.Autoregressive()),
    "sparse matrix, flow": (at.SpikedMatrix(SPARSE), at.Flow()),
    "sparse matrix, autoregressive": (at.SpikedMatrix(SPARSE), at.Autoregressive()),
    "gauss-bernoulli matrix, flow": (at.SpikedMatrix(at.GaussBernoulli(0.05)), at.Flow()),
    "0-1 matrix, flow": (at.SpikedMatrix(at.Discrete([0, 1], [0.97, 0.03])), at.Flow()),
    "matrix-tensor, flow": (at.SpikedMatrixTensor(3, 0.8), at.Flow()),
    "mixed 2+4, flow": (at.MixedPSpin("q**2/8 + q**4/2"), at.Flow()),
    "mixed 2+30, three loops, flow": (at.MixedPSpin("q**2/2 + q**30/2"), at.Flow()),
    "two scales, two loops, flow": (at.SpikedTensor(3, TWO_SCALES), at.Flow()),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def forget_solutions() -> None:
    """Forget everything about a model but its prior's table."""
    solved.cache_clear()


def forget_all() -> None:
    """Forget the tables of priors and channels too, as for those never used before."""
    for known in (solved, _mixture_table, _tabulated, _scaled_table):
        known.cache_clear()


@each_case
@pytest.mark.benchmark(group="full diagram, target 50 ms")
def test_diagram(benchmark, case):
    at.phase_diagram(*case)
    diagram = benchmark.pedantic(at.phase_diagram, case, setup=forget_solutions, rounds=15)
    for line in diagram.lines.values():
        assert np.all(line.error[line.strength > 0] <= 1e-10)


@each_case
@pytest.mark.benchmark(group="thresholds, target 10 ms")
def test_thresholds(benchmark, case):
    at.thresholds(*case)
    benchmark.pedantic(at.thresholds, case, setup=forget_solutions, rounds=15)


@each_case
@pytest.mark.benchmark(group="full diagram, prior never used before")
def test_diagram_of_a_new_prior(benchmark, case):
    benchmark.pedantic(at.phase_diagram, case, setup=forget_all, rounds=5)


@each_case
@pytest.mark.benchmark(group="thresholds, prior never used before")
def test_thresholds_of_a_new_prior(benchmark, case):
    benchmark.pedantic(at.thresholds, case, setup=forget_all, rounds=5)


def uniform(s: np.ndarray) -> np.ndarray:
    return np.full_like(s, 0.5 / np.sqrt(3))


def two_bumps(s: np.ndarray) -> np.ndarray:
    return 0.5 * (np.exp(-50 * (s - 1) ** 2) + np.exp(-50 * (s + 1) ** 2)) * np.sqrt(50 / np.pi)


@pytest.mark.parametrize(
    ("density", "support"),
    [(uniform, (-np.sqrt(3), np.sqrt(3))), (two_bumps, (-2.5, 2.5))],
    ids=["uniform", "two bumps"],
)
@pytest.mark.benchmark(group="full diagram of a user's density, target 1 s")
def test_density(benchmark, density, support):
    def run() -> at.Diagram:
        return at.phase_diagram(at.SpikedTensor(3, at.Density(density, support)), at.Flow())

    diagram = benchmark.pedantic(run, rounds=3)
    assert diagram.thresholds.tricritical is not None


def laplace(s: np.ndarray) -> np.ndarray:
    return 0.5 * np.exp(-abs(s))


def narrow(y: float, z: np.ndarray) -> np.ndarray:
    return np.exp(-50 * (y - np.tanh(z)) ** 2) * np.sqrt(50 / np.pi)


def counts(y: int, z: np.ndarray) -> np.ndarray:
    return np.exp(-(z**2)) * z ** (2 * y) / math.factorial(y)


USERS = {
    "laplace, sign": lambda: at.GLM(at.Density(laplace, (-np.inf, 0, np.inf)), at.SignChannel()),
    "laplace, linear": lambda: at.GLM(at.Density(laplace, (-np.inf, 0, np.inf)), at.LinearChannel(1e-4)),
    "narrow tanh": lambda: at.GLM(at.Rademacher(), at.Channel(density=narrow, support=(-np.inf, np.inf))),
    "photons": lambda: at.GLM(at.Rademacher(), at.Channel(range(60), counts, breakpoints=[0])),
    "200 atoms": lambda: at.SpikedMatrix(at.Discrete(np.linspace(-2, 2, 200).tolist(), [1 / 200] * 200)),
}


@pytest.mark.parametrize("name", USERS)
@pytest.mark.benchmark(group="thresholds of what a user gives, target 3 s, of 200 atoms 1 s")
def test_thresholds_of_a_users_model(benchmark, name):
    if benchmark.disabled and name in {"laplace, sign", "narrow tanh"}:
        pytest.skip("nothing is timed, and the other density and the other channel do the same")

    def run() -> at.Thresholds:
        return at.thresholds(USERS[name](), at.Flow())

    benchmark.pedantic(run, setup=forget_all, rounds=1)


def run_python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.benchmark(group="import")
@pytest.mark.parametrize("statement", ["pass", "import numpy", "import amp_theory", "import amp_theory, numpy"])
def test_import(benchmark, statement):
    benchmark.pedantic(run_python, ("-c", statement), rounds=5)


@pytest.mark.benchmark(group="command line, target 1 s")
def test_command_line(benchmark):
    command = ("-m", "amp_theory.interface.cli", "thresholds", "ising-p-spin", "--set", "p=3", "--json")
    text = benchmark.pedantic(run_python, command, rounds=5)
    assert '"tricritical"' in text


@pytest.mark.benchmark(group="eight figures of the paper, target 60 s")
def test_reproduce(benchmark, tmp_path):
    if benchmark.disabled:
        pytest.skip("nothing is timed, and tests/interface/test_reproduction.py makes the same files")
    folders = iter(range(10))
    rows = benchmark.pedantic(lambda: at.reproduce(tmp_path / str(next(folders))), rounds=2)
    assert len({r.figure for r in rows}) == 8


def test_threshold_states_at_a_control(benchmark):
    found = at.threshold_states(at.SpikedMatrix(at.SparseRademacher(0.08)))
    assert set(benchmark(found.at, 0.9 * 0.0064)) >= {"threshold", "static"}
