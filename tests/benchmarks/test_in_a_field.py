"""Spin glasses in a field against the same models without one: thresholds, and a diagram of three lines of 200 points."""

from __future__ import annotations

import pytest

import amp_theory as at
from amp_theory.phases.geometry.random_measures import stable_isotherm
from amp_theory.phases.geometry.solved import solved

MODELS = [at.IsingPSpin(3), at.IsingPSpin(3, field=0.2), at.IsingPSpin(4, field=0.3)]


def forget() -> None:
    for cached in (solved, stable_isotherm):
        cached.cache_clear()


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()], ids=lambda path: path.name)
@pytest.mark.benchmark(group="thresholds, without a field and in one")
def test_thresholds(benchmark, model, path):
    point = benchmark.pedantic(at.thresholds, (model, path), setup=forget, rounds=10).tricritical
    assert point.error < 1e-10


@pytest.mark.parametrize("model", MODELS[:2], ids=repr)
@pytest.mark.benchmark(group="three lines of 200 points, without a field and in one")
def test_diagrams(benchmark, model):
    diagram = benchmark.pedantic(at.phase_diagram, (model, at.Flow()), setup=forget, rounds=5)
    assert len(diagram.line("first_order")) == 200
