"""Simulations and their judgement: calibration, negative controls, executors, kills, resuming, bad input."""

from __future__ import annotations

import json
import math
import multiprocessing
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, mannwhitneyu, norm, ttest_1samp

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.trials.differences import POWER, Difference, rank_sum_score, two_sample_p_value
from amp_theory.trials.judging import FEWEST, FEWEST_INSTANCES, LEVEL, InstanceJudgement, SamplerJudgement, Terms
from amp_theory.trials.simulation import CHAINS, COLUMNS, judge

RUNS = Path(at.__file__).parent.parent / "notebooks" / "runs"
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


#: what synthetic samplers are held to: overlaps do not matter unless a test says so
CHAIN = Terms(0.1, 0.1, 500, "40 sweeps", True)
DENOISER = Terms(0.1, 0.1, 500, "40 steps", False)
EXPERIMENTS, FEWER = 2000, 500


def rows(excess, overlap=None, error=0.0, early=None, p=None) -> tuple[InstanceJudgement, ...]:
    """Return instances with given differences, of the error that their samples have, and of energies a while before."""
    n = len(excess)
    overlap = np.zeros(n) if overlap is None else overlap
    p = np.ones(n) if p is None else p
    return tuple(
        InstanceJudgement(
            excess[k] - 1, -1.0, overlap[k], 0.0, p[k], 0.1, 0.0, 0.5, error, error,
            None if early is None else early[k] - 1,
        )
        for k in range(n)
    )  # fmt: skip


def judged(excess, terms=DENOISER, **other) -> SamplerJudgement:
    return SamplerJudgement("flow", rows(np.asarray(excess, dtype=float), **other), terms)


def rate(outcomes, words) -> int:
    return sum(o in words for o in outcomes)


def at_most(count: int, level: float, of: int = EXPERIMENTS) -> bool:
    """Whether so many agree with a probability of at most `level`."""
    return bool(binomtest(count, of, level, alternative="greater").pvalue > 1e-3)


def normal(rng, shape):
    return rng.normal(size=shape)


def heavy(rng, shape):
    return rng.standard_t(3, shape)


def flat(rng, shape):
    return rng.uniform(-1, 1, shape)


def lattice(rng, shape):
    """Energies of two values: on few instances all differences are often equal."""
    return rng.integers(0, 2, shape).astype(float)


def skew(rng, shape):
    return rng.exponential(size=shape)


def exact_pair(law, rng, instances, batch=6):
    """Return differences of two exact batches, and the mean of their standard errors."""
    a, b = law(rng, (2, instances, batch))
    return a.mean(axis=1) - b.mean(axis=1), math.sqrt((a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)).mean() / batch)


@pytest.mark.parametrize(
    ("law", "instances"),
    [(normal, n) for n in (2, 3, 5, 10, 20)] + [(law, n) for law in (heavy, flat, lattice, skew) for n in (2, 7)],
)
@pytest.mark.every(3)
def test_an_exact_sampler_is_hardly_ever_called_biased(law, instances):
    """Negative control: differences of batches with one law, of energies that do not move with time."""
    rng = np.random.default_rng([instances, len(law.__name__)])
    outcomes, number = [], EXPERIMENTS if law is normal else FEWER
    for scale in np.geomspace(0.01, 2, number):
        (energy, error), (overlap, _) = exact_pair(law, rng, instances), exact_pair(law, rng, instances)
        energy, overlap = scale * energy, scale * overlap
        outcomes.append(judged(energy, CHAIN, overlap=overlap, error=scale * error, early=energy).outcome)
    assert at_most(rate(outcomes, {"fails", "biased"}), LEVEL, number)
    assert at_most(rate(outcomes, {"fails"}), LEVEL / 2, number)
    if instances < FEWEST_INSTANCES:
        assert rate(outcomes, {"succeeds"}) == 0
    else:
        assert rate(outcomes, {"succeeds"}) > 0.1 * number


@pytest.mark.parametrize("instances", [2, 3, 5, 10, 20])
@pytest.mark.every(3)
def test_instances_that_scatter_more_than_samples_call_nobody_biased(instances):
    """Negative control: all scatter is between instances, as among states that chains do not leave."""
    rng = np.random.default_rng(instances)
    energies, overlaps = rng.normal(size=(2, EXPERIMENTS, instances))
    outcomes = [judged(e, CHAIN, overlap=o, early=e).outcome for e, o in zip(energies, overlaps, strict=True)]
    assert at_most(rate(outcomes, {"fails", "biased"}), LEVEL)
    assert rate(outcomes, {"fails", "biased"}) > 0  # the test can tell


@pytest.mark.parametrize("instances", [2, 8])
@pytest.mark.slow
def test_exact_samples_that_share_a_state_are_no_evidence(instances):
    """Chains from one planted configuration stay in its state, whose energy is its own; exact samples go to all states.

    Both have the same law over instances.  Taken as independent, they differ far more often than the level says.
    """
    rng = np.random.default_rng(instances)
    outcomes, pooled, number = [], [], 100
    for _ in range(number):
        results = []
        for _ in range(instances):
            exact = rng.normal() + 0.3 * rng.normal(size=8)
            drawn = rng.normal(size=8) + 0.3 * rng.normal(size=8)
            energies = {"exact energy": exact, "flow energy": drawn, "flow reliable": np.ones(8)}
            overlaps = {"flow overlap": rng.normal(size=8), "flow mutual": rng.normal(size=8)}
            results.append({k: x.tolist() for k, x in (energies | overlaps).items()})
        found = judge("flow", results, DENOISER)
        outcomes.append(found.outcome)
        pooled.append(found.shift_p_value)
    wrong = rate(outcomes, {"fails", "biased"})
    assert at_most(wrong, LEVEL, number)
    assert not at_most(sum(p <= LEVEL for p in pooled), LEVEL, number)


@pytest.mark.parametrize("instances", [2, 5, 8])
@pytest.mark.parametrize("scale", [0.02, 0.2])
@pytest.mark.parametrize("law", [normal, flat, heavy])
@pytest.mark.every(5)
def test_a_failure_by_the_margin_is_not_called_success(law, scale, instances):
    rng = np.random.default_rng([instances, round(100 * scale)])
    for energy, overlap in ((CHAIN.margin, 0.0), (-CHAIN.margin, 0.0), (0.0, CHAIN.overlap_margin)):
        differences = [
            (energy + scale * law(rng, instances), overlap + scale * law(rng, instances)) for _ in range(FEWER)
        ]
        outcomes = [judged(e, overlap=o).outcome for e, o in differences]
        count = rate(outcomes, {"succeeds"})
        assert at_most(count, 1 - POWER, len(outcomes))


@pytest.mark.parametrize("instances", [2, 5, 8, 20])
@pytest.mark.every(2)
def test_a_failure_on_half_of_the_instances_is_not_called_success(instances):
    rng = np.random.default_rng(instances)
    tried = (
        2 * CHAIN.margin * rng.integers(0, 2, instances) + 0.001 * rng.normal(size=instances)
        for _ in range(EXPERIMENTS)
    )
    assert at_most(rate([judged(x).outcome for x in tried], {"succeeds"}), 1 - POWER)


@pytest.mark.parametrize("instances", [5, 20])
def test_exact_and_failing_samplers_are_told_apart_by_enough_instances(instances):
    """Power: with the error that the reason asks for, outcomes are what they should be, nearly always."""
    rng = np.random.default_rng(instances)
    error = 0.1 * CHAIN.margin * math.sqrt(instances)
    noise = [error * rng.normal(size=(3, instances)) for _ in range(FEWER)]
    exact = [judged(a, overlap=b).outcome for a, b, _ in noise]
    assert rate(exact, {"succeeds"}) > 0.97 * FEWER
    failing = [
        judged(a + 2 * CHAIN.margin, CHAIN, overlap=b, early=a + c / 10 + 2.1 * CHAIN.margin) for a, b, c in noise
    ]
    assert rate([j.outcome for j in failing], {"fails"}) > POWER * FEWER
    assert rate([j.outcome for j in failing], {"fails", "biased"}) > 0.99 * FEWER
    slow = [judged(a + 2 * CHAIN.margin, CHAIN, overlap=b, early=a + c / 10 + 4 * CHAIN.margin) for a, b, c in noise]
    assert rate([j.outcome for j in slow], {"fails"}) == 0
    assert rate([j.outcome for j in slow], {"biased"}) > POWER * FEWER


def test_what_each_outcome_needs():
    """Eight instances; alternating noise of 0.01."""
    noise = 0.01 * (-1.0) ** np.arange(8)
    assert judged(noise).outcome == "succeeds"
    assert judged(noise, terms=replace(DENOISER, doubt="who knows")).outcome == "undecided"
    assert judged(noise, p=[LEVEL / 2] * 4 + [1.0] * 4).outcome == "undecided"
    assert judged(noise[:4]).outcome == "undecided"
    assert judged(noise + 0.05).outcome == "biased"
    assert judged(noise - 0.05).outcome == "biased"
    assert judged(noise, overlap=noise + 0.05).outcome == "biased"
    assert "below the margin" in judged(noise + 0.05).reason
    assert "above the margin" in judged(noise + 0.3).reason
    assert judged(noise + 0.3).outcome == "biased"
    assert judged(noise + 0.3, CHAIN).outcome == "biased"
    assert judged(noise + 0.3, CHAIN, early=noise + 0.31).outcome == "fails"
    assert judged(noise + 0.3, CHAIN, early=noise + 0.5).outcome == "biased"
    assert judged(noise + 0.05, CHAIN, early=noise + 0.05).outcome == "biased"
    assert judged(noise - 0.3, CHAIN, early=noise - 0.3).outcome == "biased"
    doubtful = replace(CHAIN, doubt="who knows")
    assert judged(noise + 0.3, doubtful, early=noise + 0.31).outcome == "biased"
    assert judged(noise - 0.3, doubtful).outcome == "undecided"
    assert judged(10 * noise, error=0.5).outcome == "undecided"
    assert judged(np.zeros(8)).outcome == "succeeds"
    assert judged(np.full(9, 0.05)).outcome == "biased"  # by their signs
    assert judged(np.full(8, 0.3)).outcome == "undecided"
    assert judged(np.full(2, 0.5), CHAIN, early=np.full(2, 0.5)).outcome == "undecided"
    assert judged(noise + 0.3, early=noise + 0.31).outcome == "biased"  # no chain
    assert judged(np.full(8, 0.05), error=0.1).outcome == "undecided"


@pytest.mark.parametrize("instances", [1, 2, 3, 4])
@pytest.mark.parametrize("excess", [0.0, 0.167])
def test_few_instances_decide_nothing(instances, excess):
    """An excess of 0.167 +- 0.1 is neither success nor failure."""
    noise = (
        0.1 * math.sqrt(instances) * np.resize([1.0, -1.0], instances) * math.sqrt(max(instances - 1, 1) / instances)
    )
    found = judged(excess + noise - noise.mean(), CHAIN, early=excess + noise)
    assert found.outcome == "undecided"
    assert f"at size 500, on {instances} instances, with 40 sweeps" in found.reason
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["outcome"] == "undecided"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=12), st.floats(0, 1), st.floats(0, 1), st.booleans(),
    st.sampled_from(["", "who knows"]),
)  # fmt: skip
def test_outcomes_hold_what_they_say(excess, margin, error, chain, doubt):
    """Success excludes the margin and more than it, failure is above it; a larger margin never takes success away."""
    terms = Terms(margin, 0.1, 10, "1 sweep", chain, doubt)
    found = judged(excess, terms, error=error, early=excess)
    value, scatter = found.energy_difference
    if found.outcome == "succeeds":
        assert not doubt
        assert len(excess) >= FEWEST_INSTANCES
        assert abs(value) <= margin
        assert judged(excess, replace(terms, margin=2 * margin), error=error, early=excess).outcome == "succeeds"
    if found.outcome == "fails":
        assert chain
        assert value > margin
    if found.outcome in {"fails", "biased"}:
        assert len(excess) > 1
        assert found.p_value <= LEVEL
        assert abs(value) > max(scatter, error / math.sqrt(len(excess)))
        assert len(excess) > 8 or scatter > 1e-12 or error
    assert math.isfinite(found.p_value)
    assert f"on {len(excess)} instances" in found.reason


def test_p_values_are_those_of_student():
    """Independent: scipy's one-sample t test, and its one-sided version with another mean."""
    rng = np.random.default_rng(7)
    for n in (2, 3, 9):
        x, y = rng.normal(0.3, 1, n), rng.normal(0.1, 1, n)
        found = judged(x, overlap=y)
        expected = min(1.0, 2 * min(ttest_1samp(x, 0).pvalue, ttest_1samp(y, 0).pvalue))
        assert found.p_value == pytest.approx(expected, rel=1e-10)
        d = Difference.of(x, np.zeros(n))
        assert d.above(0.2) == pytest.approx(ttest_1samp(x, 0.2, alternative="greater").pvalue, rel=1e-10)
        assert ttest_1samp(np.abs(x.mean()) + x - x.mean(), d.bound, alternative="less").pvalue == pytest.approx(
            1 - POWER
        )


@pytest.mark.parametrize(("agrees", "of"), [(8, 8), (0, 8), (4, 8), (1, 1), (3, 3), (4, 4)])
def test_the_fraction_has_a_wilson_interval(agrees, of):
    fraction, low, high = judged(np.zeros(of), p=[1.0 if k < agrees else LEVEL / 2 for k in range(of)]).fraction
    expected = binomtest(agrees, of).proportion_ci(0.95, "wilson")
    assert fraction == agrees / of
    assert (low, high) == (pytest.approx(expected.low, abs=1e-12), pytest.approx(expected.high, abs=1e-12))


def test_rank_sum_scores_add_up():
    """Stouffer: z scores of 1 in nine instances are a score of 3, p = 0.0027."""
    found = SamplerJudgement("flow", tuple(replace(r, shift=1.0) for r in rows(np.zeros(9))), DENOISER)
    assert found.shift_p_value == pytest.approx(0.0026998, abs=1e-7)


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
    found = judged(np.arange(4.0), overlap=np.full(4, 0.25), p=[1.0, 1.0, 0.0, 0.0])
    mean, error = found.energy_difference
    assert (mean, error) == (pytest.approx(1.5), pytest.approx(np.std([0, 1, 2, 3], ddof=1) / 2))
    assert found.overlap_difference == (pytest.approx(0.25), pytest.approx(0.0))
    assert math.isinf(judged([0.0]).energy_difference[1])
    assert judged([0.0]).to_dict()["energy_difference"]["error"] is None
    assert "agrees on 50% of 4 instances" in str(found)


def test_each_of_the_two_tests_counts():
    rng = np.random.default_rng(2)

    def of(energy=0.0, overlap=0.0, spread=1.0):
        row = {"exact energy": rng.normal(size=40).tolist()}
        numbers = (rng.normal(energy, spread, 40), rng.normal(overlap, 1, 40), rng.normal(0, 1, 40), np.ones(40))
        return row | {f"flow {c}": x.tolist() for c, x in zip(COLUMNS, numbers, strict=True)}

    def outcome(**law):
        return judge("flow", [of(**law) for _ in range(20)], Terms(0.3, 0.3, 100, "5 steps", False)).outcome

    assert outcome() == "succeeds"
    assert outcome(energy=2.0) == "biased"
    assert outcome(overlap=2.0) == "biased"
    assert outcome(spread=0.05) == "undecided"  # the right mean of a wrong law


# --- simulations ---


@pytest.mark.slow
def test_judgement_of_good_and_bad_samplers():
    """At low density heat bath and flow are right; far below T_d few sweeps are not, and the two are told apart."""
    good = at.simulate(at.XORSAT(4, temperature=0.5), 0.6, 1000, 6, 1, steps=30, sweeps=60, batch=8)
    assert {name: s.outcome for name, s in good.samplers.items()} == {"flow": "succeeds", "heat-bath": "succeeds"}
    assert good.margin == pytest.approx(0.05 * 0.6 * (0.5 - 1 / (1 + math.exp(2))), rel=0.1)
    slow = at.simulate(ISING, 0.45, 40, 8, 1, samplers=["heat-bath"], sweeps=4, batch=6).samplers["heat-bath"]
    assert slow.outcome == "biased"
    assert slow.energy_difference[0] > 0.1
    assert slow.early_energy_difference > slow.energy_difference[0]
    assert (
        f"after a quarter of the sweeps the excess energy was {slow.early_energy_difference:+.4g}: a slow chain"
        in slow.reason
    )


def test_the_margin_can_be_chosen():
    wide, narrow = small(instances=5, margin=10.0), small(instances=5, margin=1e-9)
    assert wide.results == narrow.results
    assert wide.margin == 10.0
    assert {s.outcome for s in narrow.samplers.values()} <= {"biased", "undecided"}
    with pytest.raises(at.InputError, match="margin must be positive"):
        small(margin=0.0)


def test_theory_and_a_small_run_do_not_contradict_each_other():
    """Heat bath works above T_d = 0.6816 as the size grows; two small instances do not say that it fails."""
    assert at.compare_samplers(ISING)["mcmc"].at(0.70).succeeds is True
    for seed in (1, 2, 3):
        found = at.simulate(ISING, 0.70, 50, 2, seed, samplers=["heat-bath"], sweeps=40, batch=8)
        assert found.samplers["heat-bath"].outcome == "undecided"
        assert "at size 50, on 2 instances, with 40 sweeps" in found.report()
        assert "compare_samplers of size -> infinity" in found.report()


def test_the_early_energy_is_that_of_a_shorter_run():
    """After a quarter of the sweeps a chain is where a run of so many ends."""
    for model, control in ((ISING, 1.5), (at.SphericalPSpin(3), 2.0)):
        instance = at.draw_instance(model, control, 20, 1)
        chain = CHAINS["langevin" if model.spherical else "heat-bath"]
        _, early = chain(instance, 20, 3, "random", 4)
        last, _ = chain(instance, 5, 3, "random", 4)
        assert instance.energy(last) == pytest.approx(early, rel=1e-9)
        assert chain(instance, 20, 3, "random", 4)[0].shape == (4, 20)
    assert CHAINS["heat-bath"](at.draw_instance(ISING, 1.5, 20, 1), 3, 1, "random", 4)[1] is None


@pytest.mark.slow
def test_masked_and_autoregressive_and_discrete_diffusion():
    found = at.simulate(
        ISING,
        1.5,
        40,
        8,
        3,
        samplers=["autoregressive", "masked", "uniform-diffusion", "diffusion"],
        steps=30,
        sweeps=40,
    )
    assert all(s.outcome not in {"biased", "fails"} for s in found.samplers.values()), found.report()
    assert all(s.fraction[1] > 0.5 for s in found.samplers.values()), found.report()


@pytest.mark.slow
def test_langevin_is_the_chain_of_spherical_models():
    model = at.SphericalPSpin(3)
    assert list(at.simulate(model, 2.0, 30, 1, 2, steps=4, sweeps=2, batch=6).samplers) == ["flow", "langevin"]
    found = at.simulate(model, 2.0, 40, 10, 2, samplers=["langevin"], sweeps=8, batch=48, margin=0.1)
    assert found.samplers["langevin"].outcome == "succeeds", found.report()
    assert "with Langevin time 8/T" in found.report()


@pytest.mark.slow
def test_random_instances_are_judged_by_parallel_tempering():
    found = at.simulate(ISING, 1.5, 30, 6, 5, ["heat-bath"], target="random", batch=64, sweeps=20, margin=0.1)
    assert found.samplers["heat-bath"].outcome == "succeeds", found.report()


def test_parallel_tempering_that_drifts_is_no_reference():
    found = at.simulate(ISING, 1.5, 30, 2, 5, ["heat-bath"], target="random", batch=6, sweeps=4, margin=1e-3)
    assert "parallel tempering, which stands in for exact samples of random instances, may still drift" in str(found)
    assert found.samplers["heat-bath"].outcome == "undecided"


@pytest.mark.slow
def test_nobody_succeeds_against_a_reference_that_may_be_as_slow():
    """Far below T_d two Langevin runs from random starts agree, and prove nothing."""
    model = at.SphericalPSpin(3)
    found = at.simulate(model, 0.3, 30, 6, 2, samplers=["langevin"], target="random", batch=6, sweeps=20, margin=0.5)
    assert found.plan.target == "random"
    assert found.samplers["langevin"].outcome == "undecided"
    assert "stands in for exact samples of random instances, may itself be slow" in found.report()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_others_differ():
    assert small().results == small().results
    assert small().results != small(seed=5).results
    assert small(instances=5).results[:3] == small().results
    large = 2**60 + 1
    assert small(seed=large).results != small(seed=large - 1).results


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    file = tmp_path / "run.npz"
    arguments = ["simulate", "ising-p-spin", "--set", "p=3", "--control", "1.5", "--size", "30", "--instances", "8", "--seed", "3",
                 "--batch", "6", "--steps", "10", "--sweeps", "20", "--json"]  # fmt: skip
    command = [sys.executable, "-m", "amp_theory.interface.cli", *arguments]
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
        "reason",
        "p_value",
        "significance",
        "power",
        "margin",
        "overlap_margin",
        "energy_bound",
        "overlap_bound",
        "early_energy_difference",
        "size",
        "instances",
        "effort",
        "theory",
    }
    for name, sampler in data["samplers"].items():
        assert (sampler["size"], sampler["instances"], sampler["significance"]) == (30, 3, LEVEL)
        assert sampler["effort"] == {"flow": "6 steps", "heat-bath": "10 sweeps"}[name]
        assert f"at size 30, on 3 instances, with {sampler['effort']}: " in found.report()
        assert sampler["margin"] == data["margin"] == found.margin > 0
    assert f"at significance {LEVEL:g}, and at power {POWER:g}" in found.report()


def without_early_energies(file: Path) -> None:
    """Make a checkpoint as runs wrote it which did not keep the energy after a quarter of the sweeps."""
    with np.load(file) as data:
        header = json.loads(str(data["header"]))
    for result in header["results"].values():
        for name in [n for n in result if n.endswith(" early")]:
            del result[name]
    header["version"] = 1
    np.savez(file, header=np.array(json.dumps(header)))


def test_checkpoints_without_early_energies_resume_and_are_extended(tmp_path):
    file = tmp_path / "run.npz"
    small(checkpoint=file)
    without_early_energies(file)
    seen = []
    again = small(instances=5, checkpoint=file, progress=lambda done, of: seen.append((done, of)))
    assert seen[0] == (3, 5)
    assert [{k: v for k, v in r.items() if not k.endswith(" early")} for r in small(instances=5).results] == [
        {k: v for k, v in r.items() if not k.endswith(" early")} for r in again.results
    ]
    chain = again.samplers["heat-bath"]
    assert [i.early_energy is None for i in chain.instances] == [True, True, True, False, False]
    assert chain.outcome != "fails"


@pytest.mark.skipif(not RUNS.exists(), reason="installed without the repository")
def test_the_stored_runs_resume_without_a_new_instance(tmp_path):
    file = tmp_path / "run.npz"
    shutil.copy(RUNS / "xorsat-flow-500-1.8.npz", file)
    seen = []
    found = at.simulate(
        at.XORSAT(4, temperature=0.5), 1.8, 500, 6, 1, samplers=["flow", "heat-bath"], batch=8, steps=50, sweeps=3000,
        checkpoint=file, progress=lambda done, of: seen.append((done, of)),
    )  # fmt: skip
    assert seen == [(6, 6)]
    assert file.read_bytes() == (RUNS / "xorsat-flow-500-1.8.npz").read_bytes()
    assert {n: s.outcome for n, s in found.samplers.items()} == {"flow": "biased", "heat-bath": "biased"}


# --- the command line ---


@pytest.mark.slow
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
        ("--samplers", "flow,heat-bad", "heat-bath"),
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
    from amp_theory.trials import simulation

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
