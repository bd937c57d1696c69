"""Simulations and their judgement: calibration, negative controls, executors, kills, resuming, bad input."""

from __future__ import annotations

import json
import math
import multiprocessing
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import binomtest, mannwhitneyu, norm

import amp_theory as at
from amp_theory.cli import main
from amp_theory.finite.judging import (
    FEWEST,
    LEVEL,
    InstanceJudgement,
    SamplerJudgement,
    rank_sum_score,
    two_sample_p_value,
)
from amp_theory.finite.simulation import COLUMNS, judge

ISING = at.IsingPSpin(3)
SMALL = {"control": 1.5, "size": 30, "instances": 3, "seed": 4, "batch": 6, "steps": 6, "sweeps": 10}


def small(**other):
    return at.simulate(ISING, **(SMALL | other))


# --- judging ---


def test_p_values_of_equal_laws_are_not_too_small():
    """KS p values of continuous laws are at least uniform, those of different laws vanish."""
    rng = np.random.default_rng(1)
    p = np.array([two_sample_p_value(rng.normal(size=16), rng.normal(size=16)) for _ in range(2000)])
    for level in (0.01, 0.05, 0.2):
        assert binomtest(int((p <= level).sum()), 2000, level, alternative="greater").pvalue > 1e-3
    assert two_sample_p_value(rng.normal(size=50), rng.normal(1.5, 1, 50)) < 1e-3


def test_the_smallest_batch_can_fail():
    low, high = np.arange(FEWEST), np.arange(FEWEST) + 100.0
    assert 2 * two_sample_p_value(low, high) <= LEVEL < 2 * two_sample_p_value(low[1:], high[1:])


@pytest.mark.parametrize("bad", [[], [math.nan], [math.inf, 1.0]])
def test_samples_that_cannot_be_tested(bad):
    with pytest.raises(at.InputError, match="finite numbers"):
        two_sample_p_value(bad, [1.0, 2.0])


def judgement(agrees: int, of: int, shift: float = 0.0, spread: float = 1e9) -> SamplerJudgement:
    p = [1.0 if k < agrees else LEVEL / 2 for k in range(of)]
    rows = [InstanceJudgement(-1.0 + k, -1.0, 0.5, 0.25, p[k], spread, shift, 0.5) for k in range(of)]
    return SamplerJudgement("flow", tuple(rows))


@pytest.mark.parametrize(
    ("agrees", "of", "outcome"),
    [
        (8, 8, "succeeds"),
        (0, 8, "fails"),
        (4, 8, "undecided"),
        (1, 1, "undecided"),
        (3, 3, "undecided"),
        (4, 4, "succeeds"),
    ],
)
def test_outcome_is_that_of_the_wilson_interval(agrees, of, outcome):
    found = judgement(agrees, of)
    fraction, low, high = found.fraction
    z, p, n = 1.959963984540054, agrees / of, of
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert fraction == p
    assert low == pytest.approx((centre - half) / (1 + z * z / n), abs=1e-12)
    assert high == pytest.approx((centre + half) / (1 + z * z / n), abs=1e-12)
    assert found.outcome == outcome


def test_small_shifts_add_up():
    """Stouffer: z scores of 1 in nine instances are a score of 3, p = 0.0027."""
    assert judgement(9, 9, 1.0).shift_p_value == pytest.approx(0.0026998, abs=1e-7)
    assert judgement(9, 9, 1.0).outcome == "biased"
    assert judgement(9, 9, -1.0).outcome == "biased"
    assert judgement(9, 9, 0.5).outcome == "succeeds"
    assert judgement(0, 9, 0.5).outcome == "fails"
    assert judgement(9, 9, 1.0, spread=4.1).outcome == "biased"  # the mean shift is 4
    assert judgement(9, 9, 1.0, spread=3.9).outcome == "fails"
    assert judgement(9, 9, 0.5, spread=3.9).outcome == "succeeds"


@pytest.mark.parametrize("ties", [False, True])
def test_rank_sum_scores_are_standard(ties):
    rng = np.random.default_rng(3)
    draw = (lambda n: rng.integers(0, 4, n).astype(float)) if ties else (lambda n: rng.normal(size=n))
    a, b = draw(9), draw(12)
    expected = mannwhitneyu(a, b, use_continuity=False, method="asymptotic")
    score = rank_sum_score(a, b)
    assert 2 * norm.sf(abs(score)) == pytest.approx(expected.pvalue, rel=1e-10)
    scores = [rank_sum_score(draw(8), draw(8)) for _ in range(2000)]
    assert np.mean(scores) == pytest.approx(0, abs=0.1)
    assert np.var(scores) == pytest.approx(1, abs=0.15)
    assert rank_sum_score(np.ones(3), np.ones(4)) == 0.0


def test_means_and_errors_over_instances():
    mean, error = judgement(2, 4).energy_difference
    assert (mean, error) == (pytest.approx(1.5), pytest.approx(np.std([0, 1, 2, 3], ddof=1) / 2))
    assert judgement(2, 4).overlap_difference == (pytest.approx(0.25), pytest.approx(0.0))
    assert math.isinf(judgement(1, 1).energy_difference[1])
    assert judgement(1, 1).to_dict()["energy_difference"]["error"] is None
    assert "agrees on 50% of 4 instances" in str(judgement(2, 4))


def test_each_of_the_two_tests_counts():
    rng = np.random.default_rng(2)

    def of(energy=0.0, overlap=0.0):
        row = {"exact energy": rng.normal(size=40).tolist()}
        numbers = (rng.normal(energy, 1, 40), rng.normal(overlap, 1, 40), rng.normal(0, 1, 40), np.ones(40))
        return row | {f"flow {c}": x.tolist() for c, x in zip(COLUMNS, numbers, strict=True)}

    assert judge("flow", [of() for _ in range(20)]).outcome == "succeeds"
    assert judge("flow", [of(energy=2.0) for _ in range(20)]).outcome == "fails"
    assert judge("flow", [of(overlap=2.0) for _ in range(20)]).outcome == "fails"


# --- simulations ---


def test_judgement_of_good_and_bad_samplers():
    """At high temperature heat bath and flow are right; far below T_d few sweeps are not."""
    good = at.simulate(ISING, 1.5, 60, 8, 1, steps=40, sweeps=40)
    assert {name: s.outcome for name, s in good.samplers.items()} == {"flow": "succeeds", "heat-bath": "succeeds"}
    bad = at.simulate(ISING, 0.45, 60, 8, 1, samplers=["heat-bath"], sweeps=5)
    assert bad.samplers["heat-bath"].outcome == "fails"
    assert bad.samplers["heat-bath"].energy_difference[0] > 0.1


@pytest.mark.slow
def test_masked_and_autoregressive_and_discrete_diffusion():
    found = at.simulate(
        ISING,
        1.5,
        40,
        10,
        3,
        samplers=["autoregressive", "masked", "uniform-diffusion", "diffusion"],
        steps=60,
        sweeps=40,
    )
    assert all(s.outcome == "succeeds" for s in found.samplers.values()), found.report()


def test_langevin_is_the_chain_of_spherical_models():
    found = at.simulate(at.SphericalPSpin(3), 2.0, 40, 10, 2, steps=40, sweeps=8)
    assert list(found.samplers) == ["flow", "langevin"]
    assert found.samplers["langevin"].outcome == "succeeds", found.report()


def test_random_instances_are_judged_by_parallel_tempering():
    found = at.simulate(ISING, 1.5, 30, 6, 5, target="random", steps=40, sweeps=60)
    assert all(s.outcome == "succeeds" for s in found.samplers.values()), found.report()
    spherical = at.simulate(at.SphericalPSpin(3), 2.0, 30, 2, 2, target="random", batch=6, steps=10, sweeps=4)
    assert spherical.plan.target == "random"


def test_the_same_seed_gives_the_same_numbers_and_others_differ():
    assert small().results == small().results
    assert small().results != small(seed=5).results
    assert small(instances=5).results[:3] == small().results
    large = 2**60 + 1
    assert small(seed=large).results != small(seed=large - 1).results


def test_executors_give_the_same_numbers():
    expected = small().results
    with ThreadPoolExecutor(2) as threads:
        assert small(executor=threads).results == expected
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        assert small(executor=processes).results == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_gives_the_same_numbers():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert small(executor=client.get_executor()).results == small().results


def test_an_interrupted_run_loses_one_instance_and_resumes_bit_for_bit(tmp_path):
    file = tmp_path / "run.npz"

    def interrupt(done, of):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(checkpoint=file, progress=interrupt)
    seen = []
    again = small(checkpoint=file, progress=lambda done, of: seen.append(done))
    assert seen[0] == 2
    assert again.results == small().results
    assert small(instances=4, checkpoint=file).results == small(instances=4).results


def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    file = tmp_path / "run.npz"
    arguments = ["simulate", "ising-p-spin", "--set", "p=3", "--control", "1.5", "--size", "60", "--instances", "12", "--seed", "3",
                 "--batch", "6", "--steps", "20", "--sweeps", "20", "--json"]  # fmt: skip
    command = [sys.executable, "-m", "amp_theory.cli", *arguments]
    whole = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    run = subprocess.Popen([*command, "--checkpoint", str(file)], stdout=subprocess.DEVNULL)
    while not file.exists() and run.poll() is None:
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    resumed = subprocess.run([*command, "--checkpoint", str(file)], capture_output=True, text=True, check=True).stdout
    assert json.loads(resumed) == json.loads(whole)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"control": 1.4}, "control is 1.5 there, 1.4 here"),
        ({"size": 31}, "size is 30 there, 31 here"),
        ({"seed": 5}, "seed is 4 there, 5 here"),
        ({"batch": 7}, "batch is 6 there, 7 here"),
        ({"steps": 7}, "steps is 6"),
        ({"sweeps": 11}, "sweeps is 10"),
        ({"target": "random"}, "target is 'planted' there, 'random' here"),
        ({"samplers": ["flow"]}, "samplers is"),
        ({"model": at.IsingPSpin(4)}, "p is 3 there, 4 here"),
        ({"model": at.SherringtonKirkpatrick()}, "model is 'ising-p-spin' there"),
    ],
)
def test_a_checkpoint_of_another_problem_is_refused(tmp_path_factory, change, what):
    file = tmp_path_factory.getbasetemp() / "checkpoint-of-small.npz"
    if not file.exists():
        small(checkpoint=file)
    with pytest.raises(at.FileError, match=re.escape(what)):
        at.simulate(**({"model": ISING} | SMALL | change), checkpoint=file)


def test_the_report_and_plain_data():
    found = small()
    assert "3 planted instances, 6 configurations each" in found.report()
    assert str(found) == found.report()
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["temperature"] == 1.5
    assert set(data["samplers"]) == {"flow", "heat-bath"}
    assert set(data["samplers"]["flow"]) == {
        "outcome",
        "fraction",
        "energy_difference",
        "overlap_difference",
        "reliable",
        "p_values",
        "shift_p_value",
    }


# --- the command line ---


def test_command_line(capsys):
    arguments = ["simulate", "xorsat", "--set", "k=3", "--set", "temperature=0.5", "--control", "0.5", "--size", "50", "--instances", "2",
                 "--seed", "1", "--batch", "6", "--steps", "8", "--sweeps", "20"]  # fmt: skip
    assert main([*arguments, "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert list(one["samplers"]) == ["flow", "heat-bath"]
    assert main([*arguments, "--json", "--workers", "2"]) == 0
    assert json.loads(capsys.readouterr().out) == one
    assert main([*arguments, "--path", "autoregressive", "--samplers", "masked,heat-bath"]) == 0
    assert "masked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--size", "two", "--size must be an integer"),
        ("--size", "2", "size must be an integer from 3"),
        ("--size", "60000", "GiB of memory, of which this machine has"),
        ("--instances", "0", "instances must be an integer from 1"),
        ("--seed", "-1", "seed must be an integer >= 0"),
        ("--seed", "1.5", "--seed must be an integer"),
        ("--samplers", "flow,heatbath", "heat-bath"),
        ("--samplers", "langevin", "the chain for it is heat-bath"),
        ("--samplers", "flow,flow", "different names"),
        ("--batch", "1", "batch must be an integer from 6"),
        ("--workers", "0", "--workers must be an integer from 1"),
        ("--target", "both", "target"),
        ("--control", "-1", "temperature"),
    ],
)
def test_bad_options(capsys, option, value, message):
    given = {"--control": "1", "--size": "20", "--instances": "1", "--seed": "1"} | {option: value}
    assert main(["simulate", "ising-p-spin", "--set", "p=3", *(x for pair in given.items() for x in pair)]) == 2
    assert message in capsys.readouterr().err


def test_bad_arguments():
    with pytest.raises(at.InputError, match="model must be a model"):
        at.simulate("ising", 1.0, 10, 1, 1)
    with pytest.raises(at.InputError, match="seed must be an integer"):
        small(seed=np.random.SeedSequence(1))
    with pytest.raises(at.InputError, match="cannot start from random configurations under hard constraints"):
        at.simulate(at.Bicoloring(4), 2.0, 50, 1, 1)
    with pytest.raises(at.InputError, match="use draw_samples"):
        at.simulate(at.GLM(at.Rademacher(), at.SignChannel()), 1.0, 20, 1, 1)
    with pytest.raises(at.InputError, match="heat-bath does not sample"):
        at.simulate(at.SphericalPSpin(3), 1.0, 20, 1, 1, samplers=["heat-bath"])


def test_an_instance_that_fails_leaves_the_others(tmp_path, monkeypatch):
    """What other instances gave is in the error and in the checkpoint."""
    from amp_theory.finite import simulation

    original, calls = simulation.draw_samples, []

    def failing(instance, *rest, **options):
        calls.append(instance)
        if len(calls) == 2:
            raise at.NumericalError("broken")
        return original(instance, *rest, **options)

    monkeypatch.setattr(simulation, "draw_samples", failing)
    with ThreadPoolExecutor(1) as threads, pytest.raises(at.NumericalError, match="1 of 3 tasks failed") as caught:
        small(executor=threads, checkpoint=tmp_path / "run.npz")
    assert [r is None for r in caught.value.partial] == [False, True, False]
    assert small(checkpoint=tmp_path / "run.npz").results == small().results
