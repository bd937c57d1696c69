"""Speed of the algorithms on finite instances, against what bounds it from below.

Pairs share a group, so that the table shows their ratio: an iteration of AMP and its matrix-vector product; sweeps of heat
bath by arrays and compiled, and a plain compiled loop that keeps its fields (numba, if installed).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import amp_theory as at

SWEEPS = 100


@pytest.fixture(scope="module")
def matrix():
    return at.draw_instance(at.SpikedMatrix(at.Rademacher()), 0.6, 4000, 1)


@pytest.mark.benchmark(group="AMP, spiked matrix, N = 4000, 10 iterations")
@pytest.mark.parametrize("what", ["AMP", "products"])
def test_amp(benchmark, matrix, what):
    side = at.Flow().observe(matrix.planted[None], 0.2, np.random.default_rng(1))
    options = at.MessagePassingOptions(max_iterations=10, tolerance=1e-300)
    tensor, vector = matrix.terms[0].tensor, np.ascontiguousarray(matrix.planted)

    def products():
        for _ in range(10):
            tensor @ vector

    benchmark.pedantic((lambda: at.run_amp(matrix, side, options=options)) if what == "AMP" else products, rounds=5)


#: model, control, size
SWEPT = {
    "sparse matrix": (at.SpikedMatrix(at.SparseRademacher(0.08)), 0.005, 2500),
    "XORSAT(4)": (at.XORSAT(4, temperature=0.5), 1.6, 8000),
    "bicoloring": (at.Bicoloring(4), 2.0, 8000),
    "3-spin": (at.IsingPSpin(3), 0.7, 200),
}


@pytest.mark.benchmark(group="sweeps, 100 of each instance")
@pytest.mark.parametrize("how", ["arrays", "compiled"])
@pytest.mark.parametrize("sampler", [at.heat_bath, at.metropolis])
@pytest.mark.parametrize("name", SWEPT)
def test_sweeps(benchmark, monkeypatch, name, sampler, how):
    if how == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setenv("AMP_THEORY_COMPILED", "1" if how == "compiled" else "0")
    instance = at.draw_instance(*SWEPT[name], 1)
    run = lambda sweeps: sampler(instance, sweeps, 1, "planted", every=sweeps)  # noqa: E731
    run(1)  # compiles
    benchmark.extra_info["updates"] = SWEEPS * instance.size
    benchmark.pedantic(run, (SWEEPS,), rounds=3)


@pytest.mark.benchmark(group="heat bath, Ising 3-spin, N = 200, T = 0.7, 100 sweeps")
@pytest.mark.parametrize("what", ["ours, 1 chain", "ours, 16 chains", "compiled, 1 chain"])
def test_heat_bath(benchmark, what):
    instance = at.draw_instance(at.IsingPSpin(3), 0.7, 200, 1)
    if what.startswith("ours"):
        chains = int(what.split()[1])
        benchmark.pedantic(lambda: at.heat_bath(instance, SWEEPS, 1, "planted", chains, every=SWEEPS), rounds=3)
        return
    numba = pytest.importorskip("numba")
    tensor, rng = instance.terms[0].tensor, np.random.default_rng(1)

    @numba.njit
    def loop(tensor, s, noise):
        size = len(s)
        field = np.zeros(size)
        for i in range(size):
            for j in range(size):
                for k in range(size):
                    field[i] += 0.5 * tensor[i, j, k] * s[j] * s[k]
        for sweep in range(len(noise)):
            for i in range(size):
                new = 1.0 if noise[sweep, i] < 1 / (1 + math.exp(-2 * field[i])) else -1.0
                if new != s[i]:
                    step = new - s[i]
                    for j in range(size):
                        change = 0.0
                        for k in range(size):
                            change += tensor[i, j, k] * s[k]
                        field[j] += step * change
                    s[i] = new

    loop(tensor, instance.planted.copy(), rng.random((1, 200)))  # compiles
    benchmark.pedantic(lambda: loop(tensor, instance.planted.copy(), rng.random((SWEEPS, 200))), rounds=3)


#: model, control
GRAPHS = {"XORSAT(4)": (at.XORSAT(4, temperature=0.5), 1.1), "bicoloring": (at.Bicoloring(4), 2.0)}


@pytest.mark.benchmark(group="belief propagation, N = 10000, 10 iterations")
@pytest.mark.parametrize("how", ["arrays", "compiled"])
@pytest.mark.parametrize("name", GRAPHS)
def test_belief_propagation(benchmark, monkeypatch, name, how):
    if how == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setenv("AMP_THEORY_COMPILED", "1" if how == "compiled" else "0")
    instance = at.draw_instance(*GRAPHS[name], 10_000, 1)
    side = at.Flow().observe(instance.planted[None], 0.2, np.random.default_rng(1))
    options = at.MessagePassingOptions(max_iterations=10, tolerance=1e-300)
    at.run_bp(instance, side, options=options)  # compiles
    benchmark.extra_info["edges"] = 10 * instance.spins.size
    benchmark.pedantic(lambda: at.run_bp(instance, side, options=options), rounds=3)


@pytest.mark.benchmark(group="mode-coupling equation, spherical 3-spin, T = 1.001 T_d")
def test_mode_coupling(benchmark):
    model = at.SphericalPSpin(3)
    dynamical = at.thresholds(model, at.Flow()).dynamical.temperature
    benchmark.pedantic(lambda: at.equilibrium_correlation(model, 1.001 * dynamical), rounds=3)
