"""Constraint satisfaction: the times asked for, and the field's habit on equal work."""

from __future__ import annotations

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from sparse_oracle import population_dynamics

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.equations_of_state.sparse import density_evolution, poisson_graphs
from amp_theory.phases.geometry.solved import geometry_of, solved

PATHS = {"flow": at.Flow(), "autoregressive": at.Autoregressive()}


MODELS = {"xorsat": at.XORSAT(3), "bicoloring": at.Bicoloring(5)}


def forget() -> None:
    """Forget everything about models, as in a fresh process."""
    for cached in (solved, density_evolution.evolution_of, poisson_graphs._zero_strength):
        cached.cache_clear()


def fresh_thresholds(model: at.Model, path: at.Path) -> at.Thresholds:
    forget()
    return at.thresholds(model, path)


def fresh_diagram(model: at.Model, path: at.Path) -> at.Diagram:
    forget()
    return at.phase_diagram(model, path, (8.0, 10.3), points=40)


def test_one_fixed_point(benchmark):
    """K = 5, by density evolution at prescribed overlap; at most 0.5 s."""
    eos = equation_of_state_of(at.Bicoloring(5), at.Flow())
    _ = eos.evolution.decomposition
    point = benchmark(lambda: eos.solve(np.array([2.9]), np.array([0.1])))
    assert 8 < point.density[0] < 10


@pytest.mark.parametrize("name", PATHS)
def test_thresholds(benchmark, name):
    """At most 3 s."""
    found = benchmark.pedantic(fresh_thresholds, (at.Bicoloring(5), PATHS[name]), rounds=1)
    assert found.tricritical.error < 1e-6


@pytest.mark.parametrize("name", MODELS)
def test_comparison(benchmark, name):
    """Three denoising paths; at most 3 s."""
    setup = None if benchmark.disabled else forget
    comparison = benchmark.pedantic(at.compare_samplers, (MODELS[name],), setup=setup, rounds=3)
    assert any(v.succeeds is False for v in comparison["flow"].verdicts)


@pytest.mark.parametrize("name", MODELS)
def test_explorer(benchmark, name):
    """A diagram and its page; at most 3 s."""
    setup = None if benchmark.disabled else forget
    page = benchmark.pedantic(
        lambda: at.explorer_html(at.phase_diagram(MODELS[name], at.Flow())), setup=setup, rounds=3
    )
    assert page.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("model", [*MODELS.values(), at.IsingPSpin(3)], ids=lambda model: model.name)
@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_film(benchmark, tmp_path, model, ending):
    """A film of 80 pictures, of 4 where nothing is timed; at most 3 s."""
    file, frames = tmp_path / f"film.{ending}", 4 if benchmark.disabled else 80

    def made() -> at.Animation:
        return at.animate(model, at.Flow(), file, overwrite=True, frames=frames)

    film = benchmark.pedantic(made, setup=None if benchmark.disabled else forget, rounds=3)
    assert film.crossed


@pytest.mark.parametrize("name", PATHS)
def test_regular_graphs(benchmark, name):
    """One density at most 10 s; thresholds at most 30 s."""
    if benchmark.disabled and name != "flow":
        pytest.skip("nothing is timed, and the other path asks the same")
    codes, model = at.XORSAT(6, temperature=0.2, degrees="regular"), at.Bicoloring(5, degrees="regular")
    benchmark.pedantic(fresh_thresholds, (model, PATHS[name]), rounds=1)
    start = time.perf_counter()
    assert at.path_transitions(codes, PATHS[name], 4 / 6).first_order
    benchmark.extra_info["one density, s"] = time.perf_counter() - start


@pytest.mark.parametrize("name", PATHS)
def test_diagram(benchmark, name):
    """Three lines of 40 points; at most 60 s on one core, memory at most 500 MB."""
    diagram = benchmark.pedantic(fresh_diagram, (at.Bicoloring(5), PATHS[name]), rounds=1)
    assert all(len(line) == 40 for line in diagram.lines.values())
    benchmark.extra_info["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_two_diagrams_through_an_executor(benchmark):
    """Both paths on two cores; at most 35 s."""
    model, points = at.Bicoloring(5), 4 if benchmark.disabled else 40

    def both() -> list[at.Diagram]:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            return list(pool.map(at.phase_diagram, [model] * 2, PATHS.values(), [(8.0, 10.3)] * 2, [points] * 2))

    assert len(benchmark.pedantic(both, rounds=1)) == 2


def test_population_dynamics_of_the_field(benchmark):
    """The habit, N = 2e4, for one fixed point: its time, and its error against ours; N = 4e3 where nothing is timed."""
    alpha, size, sweeps = 9.6, 4000 if benchmark.disabled else 20_000, 40
    run = benchmark.pedantic(lambda: population_dynamics(alpha, 5, size, sweeps, np.random.default_rng(1)), rounds=1)
    ours = at.fixed_points(at.Bicoloring(5), at.Flow(), alpha, 0.0).informed
    benchmark.extra_info["error of its overlap"] = float(run[-1] - ours.overlap)
    benchmark.extra_info["bound of ours"] = ours.errors["overlap"]
    late = run[-10:]
    assert abs(run[-1] - ours.overlap) > 100 * ours.errors["overlap"]
    assert abs(late.mean() - ours.overlap) < 0.02
    assert geometry_of(at.Bicoloring(5), at.Flow()) is not None
