"""What samplers on instances spend their time and memory on: each group has the whole and what bounds it from below.

For the times of an earlier version run the same file with its checkout in front on PYTHONPATH, in turn, and take the
smallest of several: processors that others use make single times worthless.
"""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

import amp_theory as at
from amp_theory.finite.chains.langevin import advance

SWEEPS, STEPS = 100, 20
XORSAT = at.XORSAT(4, temperature=0.5), 1.6, 8000


def compared(group):
    """Mark a group whose times are those of the processor, which others disturb less than those of the clock."""
    return pytest.mark.benchmark(group=group, timer=time.process_time)


def drawn(model, control, size, storage="double"):
    """Return an instance, also of versions that store tensors in double precision only."""
    single = {} if storage == "double" else {"storage": storage}
    return at.draw_instance(model, control, size, 1, **single)


@compared("heat bath, XORSAT(4), N = 8000, 100 sweeps: 800,000 updates")
@pytest.mark.parametrize("what", ["with set-up", "set-up and one sweep", "random numbers"])
def test_heat_bath_on_a_graph(benchmark, what):
    pytest.importorskip("numba")
    instance, rng, uniform = drawn(*XORSAT), np.random.default_rng(1), np.empty((1, XORSAT[2], 2))

    def numbers():
        for _ in range(SWEEPS):
            rng.random(out=uniform)

    sweeps = 1 if "one" in what else SWEEPS
    run = lambda: at.heat_bath(instance, sweeps, 1, "planted", every=sweeps)  # noqa: E731
    run()  # compiles
    benchmark.pedantic(numbers if what == "random numbers" else run, rounds=9)


@compared("heat bath and fields of one 3-spin, N = 200")
@pytest.mark.parametrize("storage", ["double", "single"])
@pytest.mark.parametrize("what", ["100 sweeps", "field", "fields of 16"])
def test_tensors_in_single_precision(benchmark, what, storage):
    instance = drawn(at.IsingPSpin(3), 0.7, 200, storage)
    if what == "100 sweeps":
        run = lambda: at.heat_bath(instance, SWEEPS, 1, "planted", every=SWEEPS)  # noqa: E731
    else:
        s = np.repeat(instance.planted[None], 16 if "16" in what else 1, axis=0)
        run = lambda: instance.field(s)  # noqa: E731
    run()
    benchmark.pedantic(run, rounds=9)


#: model, control, size, replicas
TEMPERED = {"SK, N = 100": (at.SherringtonKirkpatrick(), 0.5, 100, 8), "XORSAT, N = 1000": (*XORSAT[:2], 1000, 8)}


@compared("parallel tempering, 100 sweeps of 8 replicas")
@pytest.mark.parametrize("how", ["arrays", "compiled", "sweeps alone"])
@pytest.mark.parametrize("name", TEMPERED)
def test_parallel_tempering(benchmark, monkeypatch, name, how):
    if how != "arrays":
        pytest.importorskip("numba")
    monkeypatch.setenv("AMP_THEORY_COMPILED", "0" if how == "arrays" else "1")
    *what, replicas = TEMPERED[name]
    instance = drawn(*what)
    factors = np.linspace(0.1, 1.0, replicas)

    def run():
        if how == "sweeps alone":  # as many rows, all at factor one
            return at.heat_bath(instance, SWEEPS, 1, "random", chains=replicas, every=SWEEPS)
        return at.parallel_tempering(instance, SWEEPS, 1, "random", every=SWEEPS, factors=factors)

    run()
    benchmark.pedantic(run, rounds=5)


#: model, size
SPHERICAL = {"3-spin, N = 200": (at.SphericalPSpin(3), 200), "2-spin, N = 2000": (at.SphericalPSpin(2), 2000)}


@compared("langevin, 20 steps")
@pytest.mark.parametrize("what", ["whole", "products", "steps"])
@pytest.mark.parametrize("name", SPHERICAL)
def test_langevin(benchmark, name, what):
    model, size = SPHERICAL[name]
    instance, rng = drawn(model, 0.9, size), np.random.default_rng(1)
    s = instance.planted[None]
    force = instance.field(s)

    def run():
        if what == "whole":
            return at.langevin(instance, end_time=0.05 * STEPS, step=0.05, seed=1, every=STEPS)
        for _ in range(STEPS):
            if what == "products":
                instance.field(s)
            else:
                advance(s, force, 0.9, 0.05, rng.standard_normal(s.shape))
        return None

    benchmark.pedantic(run, rounds=9)


#: model, control, size
DRAWN = {
    "3-spin": (at.IsingPSpin(3), 0.7, 200), "4-spin": (at.IsingPSpin(4), 0.7, 60),
    "spiked matrix": (at.SpikedMatrix(at.Rademacher()), 0.6, 2500), "spiked tensor": (at.SpikedTensor(3, at.Rademacher()), 0.1, 200),
    "measurements": (at.GLM(at.Rademacher(), at.SignChannel()), 1.0, 2000),
    "rectangular": (at.RectangularMatrix(at.Gaussian(), at.Rademacher(), 1.0), 0.5, 2000),
    "XORSAT": (at.XORSAT(4, temperature=0.5), 1.6, 100_000), "bicoloring": (at.Bicoloring(4), 2.0, 100_000),
}  # fmt: skip


@compared("drawing an instance: see the memory in the JSON file")
@pytest.mark.parametrize("name", DRAWN)
def test_drawing(benchmark, name):
    model, control, size = DRAWN[name]
    drawn(model, control, 12)
    tracemalloc.start()
    instance = drawn(model, control, size)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    benchmark.extra_info["peak over what is kept"] = round(peak / kept, 3)
    del instance
    benchmark.pedantic(drawn, (model, control, size), rounds=2)
