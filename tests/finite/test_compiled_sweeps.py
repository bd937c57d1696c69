"""Compiled sweeps make the decisions of the arrays' ones from the same random numbers; without numba they run as loops."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from test_monte_carlo import INSTANCES, SKEW, fresh_sweeper, side_about

import amp_theory as at
from amp_theory.finite.chains import compiled_sweeps as loops
from amp_theory.finite.chains import graph_sweeps, sweeps
from amp_theory.finite.chains.dense_sweeps import REFRESH
from amp_theory.finite.chains.sweeps import CompiledSweeper, heat_bath_noise, metropolis_noise
from amp_theory.finite.chains.tempering import Ladder
from amp_theory.tools import compiled

NUMBA = compiled._numba() is not None
needs_numba = pytest.mark.skipif(not NUMBA, reason='needs numba: pip install "amp-theory[fast]"')
#: more kinds than those whose laws are enumerated
KINDS = {
    **INSTANCES,
    "rademacher": (at.SpikedMatrix(at.Rademacher()), 0.6, 30),
    "five bodies": (at.MixedPSpin("q/10 + q**2/4 + q**5/9", SKEW), 2.0, 2),
}
#: fields of three bodies and more are sums, which libraries round differently
MATRICES = ("ising 2", "sparse matrix", "rademacher")


@pytest.fixture
def use(monkeypatch):
    """Return a function that chooses loops or arrays for the sweepers made from then on."""
    return lambda which: monkeypatch.setattr(sweeps, "in_use", lambda: which == "loops")


def pair(use, instance, side, rows, factor):
    made = []
    for which in ("arrays", "loops"):
        use(which)
        made.append(fresh_sweeper(instance, side, rows, factor))
    return made


@pytest.mark.parametrize("rule", [heat_bath_noise, metropolis_noise])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.every(3)
def test_loops_and_arrays_make_the_same_chains(use, name, told, rule):
    instance = at.draw_instance(*KINDS[name][:2], size=KINDS[name][2] + 4, seed=3)
    side = side_about(instance, batch=3) if told else None
    factor = np.ones(3) if instance.hard else np.array([1.0, 0.4, 0.0])
    (arrays, first), (looped, second) = pair(use, instance, side, 3, factor)
    assert isinstance(looped, CompiledSweeper)
    moved = 0
    for _ in range(REFRESH + 5 if NUMBA else 4):
        changes = arrays.update(rule, first)
        moved += changes.sum()
        assert np.array_equal(looped.update(rule, second), changes)
        assert np.array_equal(looped.labels, arrays.labels)
        assert np.array_equal(looped.configurations, arrays.configurations)
        exact = name in MATRICES or hasattr(instance, "spins")
        for quantity in ("interaction", "energy"):
            a, b = getattr(arrays, quantity)(), getattr(looped, quantity)()
            assert np.array_equal(a, b) if exact else b == pytest.approx(a, abs=1e-11)
    assert moved > 10
    assert first.random() == second.random()


def test_sweeps_call_the_loops(use, monkeypatch):
    use("loops")
    sweeper, rng = fresh_sweeper(at.draw_instance(at.SherringtonKirkpatrick(), 0.8, 10, seed=1), None, 1)
    monkeypatch.setattr(type(sweeper), "sweep", None)
    sweeper.update(heat_bath_noise, rng)
    sweeper.update(metropolis_noise, rng)
    with pytest.raises(TypeError, match="not callable"):  # a rule that nobody compiled
        sweeper.update(lambda *given: heat_bath_noise(*given), rng)


@needs_numba
@pytest.mark.parametrize("sampler", [at.heat_bath, at.metropolis, at.parallel_tempering])
def test_the_switch_changes_nothing_but_the_time(sampler, monkeypatch):
    instance = at.draw_instance(at.SpikedMatrix(at.SparseRademacher(0.2)), 0.02, 100, seed=1)
    options = {"factors": [0.3, 1.0]} if sampler is at.parallel_tempering else {}
    found = []
    for value in ("0", "1"):
        monkeypatch.setenv("AMP_THEORY_COMPILED", value)
        assert compiled.in_use() == (value == "1")
        run = sampler(instance, 20, seed=7, chains=4, every=5, keep_samples=True, **options)
        found.append(run.chains if options else run)
    for name in ("samples", "energy", "overlap", "configurations", "acceptance"):
        assert np.array_equal(getattr(found[0], name), getattr(found[1], name))
    assert loops.dense_heat_bath.signatures  # it was compiled


@pytest.mark.parametrize(("model", "density"), [(at.Bicoloring(5), 9.0), (at.XORSAT(3, temperature=0.5), 0.4)])
def test_colours_are_the_same(monkeypatch, model, density):
    spins = at.draw_instance(model, density, 120, seed=1).spins
    found = []
    for which in (False, True):
        monkeypatch.setattr(graph_sweeps, "in_use", lambda which=which: which)
        found.append(graph_sweeps.colouring(spins, 120))
    assert np.array_equal(*found)
    assert found[0].max() > 1


def test_more_colours_than_a_number_has_bits(monkeypatch):
    spins = np.array([[*range(70)], [*range(5, 75)]])
    found = []
    for which in (False, True):
        monkeypatch.setattr(graph_sweeps, "in_use", lambda which=which: which)
        found.append(graph_sweeps.colouring(spins, 75))
    assert np.array_equal(*found)
    assert found[0].max() == 69


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("replicas", [2, 5, 8])
def test_exchanges_in_loops_and_arrays_are_the_same(first, replicas):
    rng = np.random.default_rng(replicas)
    factors, interaction = np.linspace(0.2, 1.0, replicas), 5 * rng.standard_normal(60 * replicas)
    ladder = Ladder(SimpleNamespace(factor=np.ones(60 * replicas)), factors)
    ladder.rows = rng.permuted(ladder.rows, axis=1)
    rows, excess = ladder.rows.copy(), rng.exponential(size=(60, len(factors[first:-1:2])))
    before = rows.copy()
    looped = loops.exchange_replicas(rows, first, factors, interaction, excess) / 60
    assert ladder._exchange(first, interaction, excess) == pytest.approx(looped, rel=1e-14)
    assert np.array_equal(ladder.rows, rows)
    assert (rows != before).any() == (excess.size > 0)


def test_the_table_brackets_numpys_noise():
    u = np.concatenate([np.random.default_rng(3).random(20_000), [2.0**-53, 1 - 2.0**-53]])
    exact = np.random.default_rng(3).gumbel(size=20_000)
    exact = np.append(exact, -np.log(-np.log([1 - 2.0**-53, 2.0**-53])))
    found = np.array([loops._gumbel(x) for x in u])
    assert found == pytest.approx(exact, abs=0, rel=1e-14)
    edges, cell = loops.gumbel_edges(), (u * loops.CELLS).astype(int)
    assert np.all(edges[cell + 1] - loops.MARGIN <= found)
    assert np.all(found <= edges[cell] + loops.MARGIN)
    # the cells next to it do not
    inside = (cell > 0) & (cell < loops.CELLS - 1)
    within = (edges[cell] <= found) | (found <= edges[np.minimum(cell + 1, loops.CELLS)])
    assert not np.any(within[inside])


def test_noise_decides_by_itself_where_scores_are_alike():
    """Without any interaction brackets overlap most often; decisions are those of the noise."""
    u = np.random.default_rng(5).random((4_000, 3))
    nothing, atoms = np.log([0.2, 0.5, 0.3]), np.array([-1.0, 0.0, 1.0])
    found = [loops._bath_value(nothing, x, 0.0, 0.0, atoms, atoms * 0, loops.gumbel_edges()) for x in u]
    noise = np.random.default_rng(5).gumbel(size=(4_000, 3))
    assert np.array_equal(found, (nothing + noise).argmax(axis=1))
    assert np.all(np.bincount(found) > 600)


@pytest.mark.parametrize("missing", [True, False])
def test_without_numba_functions_stay_as_they_are(monkeypatch, missing):
    compiled._numba.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None if missing else SimpleNamespace(__spec__=SimpleNamespace()))
    try:
        assert compiled.in_use() is not missing
        if missing:
            assert compiled.compiled(abs) is abs
    finally:
        compiled._numba.cache_clear()


def test_without_a_folder_for_it_compiled_code_is_not_kept(monkeypatch):
    def njit(cache=False, **_):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: ("compiled", function)

    monkeypatch.setattr(compiled, "_numba", lambda: SimpleNamespace(njit=njit))
    assert compiled.compiled(abs) == ("compiled", abs)


@pytest.mark.parametrize("loop", ["at.heat_bath(instance, 2, seed=1)", "at.run_amp(instance)"])
def test_numba_is_loaded_where_a_loop_runs_and_not_before(loop):
    program = f"""
import sys, amp_theory as at
instance = at.draw_instance(at.SherringtonKirkpatrick(), 0.8, 10, seed=1)
at.fixed_points(instance.model, at.Flow(), 0.8, 0.1)
print("numba" in sys.modules)
{loop}
print("numba" in sys.modules)
"""
    on = {**os.environ, compiled.SWITCH: "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=on)
    assert done.stdout.split() == ["False", str(NUMBA)]


@pytest.mark.parametrize("top", [0, 5, 2**16 - 1, 2**16, 10**7, 2**32 - 1])
def test_sorting_by_counting_keeps_the_order_of_equals(top):
    values = np.random.default_rng(1).integers(0, top + 1, 5_000)
    assert np.array_equal(graph_sweeps.stable_order(values), np.argsort(values, kind="stable"))
