"""Contradictions of belief propagation, and solutions by decimation and reinforcement, checked factor by factor."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.__main__ import main
from amp_theory.finite.inference import bp, exchanges
from amp_theory.finite.inference.contradictions import impossible_factors


def loop(instance, configuration):
    """Return the fraction of factors without their largest weight, by a plain loop."""
    weights, wrong = instance.factor.weights, 0
    for spins, signs in zip(instance.spins, instance.signs, strict=True):
        up = sum(1 for i, sign in zip(spins, signs, strict=True) if configuration[i] * sign > 0)
        wrong += weights[up] < max(weights)
    return wrong / len(instance.spins)


def known(size, values):
    mask, told = np.zeros(size, dtype=bool), np.zeros(size)
    for i, value in values.items():
        mask[i], told[i] = True, value
    return at.SideInformation.from_known(mask, told)


def test_a_factor_whose_spins_are_all_known_wrongly():
    instance = at.instance_from(at.Bicoloring(3), graph=[[0, 1, 2], [2, 3, 4]])
    found = at.run_bp(instance, known(5, {0: 1, 1: 1, 2: 1}))
    assert found.status == ("contradiction",)
    assert found.contradictions == {0: "spin 0 is +1 by what is known and -1 by factor 0 of spins 0, 1, 2"}
    assert "factor 0 of spins 0, 1, 2" in found.report()
    assert np.all(np.isfinite(found.mean))
    assert np.all(np.isfinite(found.effective_field))
    assert json.loads(json.dumps(found.to_dict()))["free_entropy"] == [None]


def test_two_checks_that_want_different_values():
    instance = at.instance_from(at.XORSAT(3), graph=[[0, 1, 2], [2, 3, 4]])
    found = at.run_bp(instance, known(5, {0: 1, 1: 1, 3: 1, 4: -1}))
    (told,) = found.contradictions.values()
    # parities: with all right sides zero s_0 s_1 s_2 = 1 up to the sign of the factor
    assert told.startswith("spin 2 is")
    assert "factor 0 of spins 0, 1, 2" in told
    assert "factor 1 of spins 2, 3, 4" in told


class ExactlyOne(at.SparseModel):
    name = "exactly-one"
    factor = type("ExactlyOneOfThree", (at.Factor,), {"weights": (0.0, 1.0, 0.0, 0.0), "gauge_free": False})(3)


def test_a_factor_that_allows_no_value():
    instance = at.instance_from(ExactlyOne(), 1 / 4, graph=[[0, 1, 2]], size=4)
    found = at.run_bp(instance, known(4, {0: 1, 1: 1}))
    assert found.contradictions == {0: "factor 0 of spins 0, 1, 2 allows no value of spin 2"}
    assert np.all(np.isfinite(found.mean))


def test_a_weight_that_underflows_is_no_contradiction(monkeypatch):
    """Messages that are all finite cannot contradict each other, whatever rounding makes of the factor."""
    instance = at.instance_from(ExactlyOne(), 1 / 4, graph=[[0, 1, 2]], size=4)
    h = np.full((3, 1, 1), 10.0)
    assert impossible_factors(instance, h, np.full((3, 1, 1), np.nan))[1].tolist() == [True]
    monkeypatch.setattr(exchanges, "in_use", lambda: False)
    for module in (bp, exchanges):
        monkeypatch.setattr(module, "factor_messages", lambda instance, signs, h: np.full(h.shape, np.nan))
    found = at.run_bp(instance)
    assert found.status == ("stalled",)
    assert found.contradictions == {}
    assert np.all(np.isfinite(found.mean))


@given(seed=st.integers(0, 10**6), number=st.integers(0, 8))
def test_what_is_called_a_contradiction_is_one(seed, number):
    """No configuration is left by enumeration; and the named spin and factors belong together."""
    rng = np.random.default_rng(seed)
    instance = at.draw_instance(at.XORSAT(3), 1.0, 10, seed=seed, target="random")
    side = known(10, {int(i): rng.choice([-1.0, 1.0]) for i in rng.permutation(10)[:number]})
    found = at.run_bp(instance, side)
    assert (found.status == ("contradiction",)) == bool(found.contradictions)
    if found.contradictions:
        _, possible = at.Enumeration(instance).denoise(side)
        assert not possible[0]
        spin = int(found.contradictions[0].split()[1])
        for part in found.contradictions[0].split("factor ")[1:]:
            assert spin in instance.spins[int(part.split()[0])]


SOLVERS = [at.solve_by_decimation, at.solve_by_reinforcement]


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize(
    ("model", "density"), [(at.Bicoloring(3), 1.2), (at.XORSAT(3), 0.4), (at.XORSAT(3), 0.95)], ids=repr
)
@pytest.mark.every(3)
def test_solutions_are_counted_by_a_plain_loop(solve, model, density):
    instance = at.draw_instance(model, density, 60, seed=3, target="random")
    few = {"portion": 0.1} if solve is at.solve_by_decimation else {"max_iterations": 200}
    found = solve(instance, runs=3, seed=1, **few)
    assert set(np.unique(found.configurations)) == {-1.0, 1.0}
    for run in range(3):
        assert found.violated[run] == pytest.approx(loop(instance, found.configurations[run]), abs=1e-12)
        assert found.solved[run] == (found.violated[run] == 0)
        assert (run in found.contradictions) == (found.status[run] == "contradiction")
        assert (found.status[run] == "solved") == (found.solved[run] and run not in found.contradictions)
    assert "no exact samples" in found.certainty
    if density < 0.95:
        assert found.solved.any()
    # the same seed, the same runs; another one, others
    assert np.array_equal(solve(instance, runs=3, seed=1, **few).configurations, found.configurations)
    assert not np.array_equal(solve(instance, runs=3, seed=2, **few).configurations, found.configurations)


@pytest.mark.parametrize("solve", SOLVERS)
def test_known_spins_stay(solve):
    instance = at.draw_instance(at.XORSAT(3), 0.4, 60, seed=3)
    side = known(60, dict(enumerate(instance.planted[:20])))
    found = solve(instance, runs=4, side=side)
    assert np.all(found.configurations[:, :20] == instance.planted[:20])
    assert found.solved.any()


@pytest.mark.parametrize("solve", SOLVERS)
def test_unsolvable_systems_are_told(solve):
    """Two checks on the same spins with both parities: no run says solved, and nothing is said to be proven."""
    instance = at.instance_from(at.XORSAT(3), graph=[[0, 1, 2], [0, 1, 2]], right_sides=[0, 1])
    found = solve(instance, runs=2, **({} if solve is at.solve_by_decimation else {"max_iterations": 100}))
    assert not found.solved.any()
    assert found.violated.tolist() == [0.5, 0.5]
    assert "proves nothing" in found.report()


def test_drawn_decimation_is_exact_on_trees_where_spins_are_set_one_by_one():
    """Marginals are exact there: all solutions of a check are equally likely, by a chi-square test."""
    from scipy.stats import chisquare

    instance = at.instance_from(at.Bicoloring(3), graph=[[0, 1, 2]])
    found = at.solve_by_decimation(instance, runs=1200, seed=4, choice="drawn", portion=1e-9)
    number = (found.configurations > 0) @ [1, 2, 4]
    counts = np.bincount(number, minlength=8)
    assert counts[0] == counts[7] == 0
    assert chisquare(counts[1:7]).pvalue > 1e-3


def test_bad_calls():
    graph, dense = at.draw_instance(at.XORSAT(3), 0.4, 20, seed=1), at.draw_instance(at.IsingPSpin(3), 1.0, 10, seed=1)
    two = at.SideInformation.from_field(np.zeros((2, 20)))
    for solve in SOLVERS:
        for change, message in (
            ({"instance": dense}, "for instances on graphs"),
            ({"runs": 0}, "runs must be an integer from 1"),
            ({"side": two}, "about one configuration"),
            ({"side": 3}, "side must be SideInformation"),
            ({"seed": -1}, "seed must be"),
        ):
            with pytest.raises(at.InputError, match=message):
                solve(**({"instance": graph} | change))
    with pytest.raises(at.InputError, match="choice"):
        at.solve_by_decimation(graph, choice="best")
    with pytest.raises(at.InputError, match="portion"):
        at.solve_by_decimation(graph, portion=0)
    with pytest.raises(at.InputError, match="damping"):
        at.solve_by_reinforcement(graph, damping=1)


def test_on_the_command_line(tmp_path, capsys):
    np.savetxt(tmp_path / "graph.csv", [[0, 1, 2], [2, 3, 4]], fmt="%d", delimiter=",")
    words = ["sample", "xorsat", "--set", "k=3", "--data", str(tmp_path / "graph.csv"), "--batch", "3", "--seed", "1"]
    for method in ("decimation", "reinforcement"):
        assert main([*words, "--method", method, "-o", str(tmp_path / f"{method}.npz"), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["method"] == method
        with np.load(tmp_path / f"{method}.npz") as data:
            assert np.array_equal(data["configurations"], told["configurations"])
            assert np.array_equal(data["violated"], told["violated"])
    assert main([*words, "--method", "guessing"]) == 2
    assert "decimation" in capsys.readouterr().err
