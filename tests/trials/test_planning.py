"""Simulations say where a size cannot show what theory says, and plan themselves."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import nct, norm, t

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.trials.expected import TOO_SMALL, Said, Theory
from amp_theory.trials.judging import FEWEST_INSTANCES, LEVEL, InstanceJudgement, SamplerJudgement, Terms
from amp_theory.trials.planning import _Pilot, instances_needed
from amp_theory.trials.simulation import Plan

ISING, XORSAT = at.IsingPSpin(3), at.XORSAT(4, temperature=0.5)
MATRIX = at.SpikedMatrix(at.SparseRademacher(0.08))
NOISE = np.array([0.01, -0.01, 0.02, -0.02, 0.015, -0.015, 0.005, -0.005])


def told(answer: Said) -> Theory:
    """Return a theory with an answer of ours."""
    theory = Theory(ISING, 0.7, "flow", "planted")
    theory.__dict__["answer"] = answer
    return theory


WORKS = told(Said(True, "conjecture", "", 0.0, math.inf))
SMALL, LARGE = (told(Said(False, "conjecture", "", nats, 1 / nats)) for nats in (1e-3, 1e-2))
CHAIN_WORKS, CHAIN_FAILS = (told(Said(x, "conjecture", "")) for x in (True, False))
SILENT = told(Said(None, "unknown", ""))


def outcome(excess, theory, early=None, size=500):
    """Judge synthetic excess energies: of a chain if energies after a quarter of the sweeps are given."""
    rows = tuple(
        InstanceJudgement(e - 1, -1.0, 0.0, 0.0, 1.0, 0.1, 0.0, 1.0, early_energy=None if early is None else early - 1)
        for e in excess
    )
    terms = Terms(0.1, 0.1, size, "40 steps", early is not None, theory=theory)
    found = SamplerJudgement("flow", rows, terms)
    bare = SamplerJudgement("flow", rows, replace(terms, theory=None))
    return bare.outcome, found.outcome, found.reason


@pytest.mark.parametrize(("excess", "early", "theory", "before", "after", "says"), [
    (NOISE, None, WORKS, "succeeds", "succeeds", "works as the size grows"),
    (NOISE + 0.3, None, WORKS, "biased", "biased", "by which this is an effect of the size, steps or sweeps"),
    (NOISE, None, SMALL, "succeeds", TOO_SMALL, "0.5 at this size, seen from 1000 on, but this size is below"),
    (NOISE + 0.3, None, SMALL, "biased", TOO_SMALL, "may be an effect of the size or of the steps"),
    (NOISE[:3], None, SMALL, "undecided", TOO_SMALL, "fewer than 5 instances"),
    (NOISE, None, LARGE, "succeeds", TOO_SMALL, "do not show it"),
    (NOISE[:3], None, LARGE, "undecided", TOO_SMALL, "fewer than 5 instances"),
    (NOISE + 0.3, None, LARGE, "biased", "biased", "fails by 0.01 nats per variable"),
    (NOISE, 0.0, CHAIN_WORKS, "succeeds", "succeeds", "works as the size grows"),
    (NOISE + 0.3, 0.31, CHAIN_WORKS, "fails", TOO_SMALL, "few sweeps"),
    (NOISE + 0.3, 0.31, CHAIN_FAILS, "fails", "fails", "fails as the size grows"),
    (NOISE, 0.0, CHAIN_FAILS, "succeeds", TOO_SMALL, "do not show it"),
    (NOISE + 0.3, 0.31, SILENT, "fails", "fails", "is left since"),
    (NOISE, None, SILENT, "succeeds", "succeeds", "no difference"),
])  # fmt: skip
def test_what_theory_changes(excess, early, theory, before, after, says):
    tested, found, reason = outcome(excess, theory, early)
    assert (tested, found) == (before, after)
    assert says in reason
    assert reason.startswith("at size 500, on ")


@pytest.mark.parametrize("control", [0.70, 0.72])
def test_theory_is_that_of_sampling_error_and_comparison(control):
    theory = Theory(ISING, control, "masked", "random")
    expected = at.sampling_error(ISING, at.Autoregressive(), control)
    assert theory.sizes == (expected.nats_per_variable, expected.visible_size)
    assert theory.to_dict(50)["nats"] == 50 * expected.nats_per_variable
    assert Theory(ISING, control, "heat-bath", "random").answer.succeeds is True
    assert Theory(ISING, control, "parallel-tempering", "random").answer.succeeds is None
    assert Theory(ISING, 0.5, "flow", "random").answer.succeeds is None
    assert Theory(ISING, 0.9, "flow", "random").to_dict(50)["visible_size"] is None
    assert Theory(MATRIX, 0.0064, "uniform-diffusion", "planted").answer.succeeds is None  # three values


def test_two_instances_of_the_3_spin_model():
    """T = 0.70, N = 100: 0.79 nats are not seen by anybody, whatever two instances show."""
    found = at.simulate(ISING, 0.70, 100, 2, 1, samplers=["flow"], batch=6, steps=2, sweeps=1)
    assert found.samplers["flow"].outcome == TOO_SMALL
    assert "0.79 at this size, seen from 127 on" in found.report()
    data = found.to_dict()["samplers"]["flow"]["theory"]
    assert data["nats"] == pytest.approx(0.790225877472)
    assert found.table().columns["visible_size"][0] == pytest.approx(126.546, abs=1e-3)


#: controls where the flow works, and where it fails: the tricritical points are 1.2689, 0.7410 and 0.0069 (from 0.0063)
PLANTED = [
    (XORSAT, 0.6, 1.6, (40, 80)), (ISING, 1.1, 0.68, (16, 32)), (MATRIX, 0.7 * 0.0064, 1.05 * 0.0064, (50, 100)),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("model", "easy", "hard", "sizes"), PLANTED, ids=lambda x: getattr(x, "name", ""))
def test_no_verdict_is_wrong(model, easy, hard, sizes):
    """What is known: the flow works at one control, fails at the other; a bias speaks of its size only."""
    for size in sizes:
        settings = {"samplers": ["flow"], "batch": 6, "steps": 8, "sweeps": 10}
        works = at.simulate(model, easy, size, 5, 1, **settings).samplers["flow"]
        fails = at.simulate(model, hard, size, 5, 1, **settings).samplers["flow"]
        assert works.outcome in {"succeeds", "undecided", "biased"}, works.report()
        assert fails.outcome in {"biased", TOO_SMALL}, fails.report()
        assert "theory: works as the size grows" in works.reason
        assert "theory: fails by" in fails.reason


# --- plans ---


def test_the_size_is_that_of_the_likelihood_ratio(monkeypatch):
    monkeypatch.setattr("amp_theory.trials.planning.memory", lambda: 10**6)
    found = at.plan_simulation(MATRIX, 1.05 * 0.0064, batch=6, steps=2, sweeps=2, power=0.9)
    nats = at.sampling_error(MATRIX, at.Flow(), 1.05 * 0.0064).nats_per_variable
    shift = math.sqrt(2 * found.size * nats)
    assert norm.sf(norm.isf(LEVEL / 2) - shift) >= 0.9 > norm.sf(norm.isf(LEVEL / 2) - shift * (1 - 1 / found.size))
    assert found.visible_size == pytest.approx(1 / nats)
    assert found.seconds > 0
    assert found.bytes == pytest.approx(10.4 * found.size**2, abs=1)
    assert "more than this machine has, 1e+06" in found.reasons["bytes"]
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {"size", "instances", "seconds", "bytes"} <= set(data)
    assert all(text in found.report() for text in found.assumptions)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0, 50.0])
def test_instances_are_enough_and_not_too_many(ratio):
    """The power of Student's t by its non-central law."""
    number, power = instances_needed(ratio, 0.95), 0.95

    def seen(n: int) -> float:
        return float(nct.sf(t.isf(LEVEL / 4, n - 1), n - 1, ratio * math.sqrt(n)))

    assert seen(number) >= power
    assert number == FEWEST_INSTANCES or seen(math.floor(0.75 * number)) < power


def test_no_size_is_told_where_none_is_known():
    for control, target, words in ((0.9, "planted", "theory knows of none"), (0.5, "random", "no size is known")):
        found = at.plan_simulation(ISING, control, target=target)
        assert found.size is found.instances is found.seconds is found.bytes is None
        assert words in found.reasons["size"]
    near = at.plan_simulation(ISING, at.thresholds(ISING, at.Flow()).tricritical.temperature - 1e-5)
    assert near.size is None
    assert "simulations go up to" in near.reasons["size"]


def test_sizes_of_regular_graphs_exist():
    model = at.XORSAT(4, temperature=0.5, degrees="regular")
    pilot = _Pilot(Plan(model, 1.75, 1, ("flow",), batch=6), seed=0)
    assert [pilot.arrays.allowed(size) for size in (1, 31, 32, 33)] == [4, 32, 32, 36]
    assert pilot.arrays.bytes(32) == 80 * 4 * 56 * 7
    assert at.draw_instance(model, 1.75, 32, 1).spins.size == 4 * 56


@pytest.mark.parametrize(("given", "message"), [
    ({"power": 0.4}, "power"), ({"power": 1.0}, "power"), ({"size": 0}, "size"), ({"size": 2}, "size"), ({"sampler": "flaw"}, "flow"),
    ({"batch": 2}, "batch"), ({"sampler": "langevin", "size": 10}, "heat-bath"), ({"seed": -1}, "seed"),
])  # fmt: skip
def test_bad_plans(given, message):
    with pytest.raises(at.InputError, match=message):
        at.plan_simulation(ISING, 0.7, **given)


def test_plan_on_the_command_line(capsys):
    arguments = ["simulate", "ising-p-spin", "--set", "p=3", "--control", "0.7", "--batch", "6", "--steps", "2",
                 "--sweeps", "2"]  # fmt: skip
    assert main([*arguments, "--plan", "--size", "10", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["sampler"], data["size"], data["bytes"]) == ("flow", 10, 10_400)
    assert data["visible_size"] == pytest.approx(126.546, abs=1e-3)
    assert list(data["reasons"]) == ["size"]
    assert "below the visible size" in data["reasons"]["size"]
    assert main([*arguments, "--plan", "--samplers", "heat-bath", "--size", "10"]) == 0
    assert "nats_per_variable  none: no second branch exists" in capsys.readouterr().out
    assert main([*arguments, "--size", "50"]) == 2
    assert "simulate needs --instances, --seed" in capsys.readouterr().err
