"""Reverse diffusion on enumerated instances: paths lose more than what is drawn, and both estimates are right."""

import csv

import numpy as np
import paths_and_laws as oracle
import pytest

import amp_theory as at


def enumerated(size):
    """Return an instance of the table."""
    return at.Enumeration(at.draw_instance(oracle.MODEL, oracle.TEMPERATURE, size, seed=0))


def test_the_means_are_those_of_the_library():
    every = enumerated(8)
    side = at.Flow().observe(every.sample(20, np.random.default_rng(0)), 1.5, np.random.default_rng(1))
    options = at.MessagePassingOptions(tolerance=1e-300, max_iterations=5)
    known = at.MessagePassingDenoiser(every.instance, options)(side).mean
    assert oracle.amp(every.instance, 5)(side) == pytest.approx(known, abs=1e-12)
    assert oracle.exact(every)(side) == pytest.approx(every.mean(side), abs=1e-12)


def test_counts_tell_the_entropy_of_a_known_law_without_bias():
    """Draws from the uniform law, few enough that log(counts) would not do."""
    every, rng = enumerated(8), np.random.default_rng(0)
    drawn = rng.choice([-1.0, 1.0], (40, 4000, 8))
    p, truth = every.probabilities()[0], 8 * np.log(2) - oracle.entropy(every)
    found = [oracle.law_entropy(every, one) for one in drawn]
    values = np.array([estimate.value for estimate, _ in found])
    assert np.mean([estimate.error for estimate, _ in found]) == pytest.approx(values.std(ddof=1), rel=0.4)
    often = np.array([oracle.counts(every, one) for one in drawn]) / 4000 * 256
    noise = 1 - often @ p  # the first order in the counts, of mean zero
    error = (values - noise).std(ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values - noise) - truth) < 4 * error
    plugged = np.log(p * 256) @ p - np.log(often) @ p
    assert np.mean(plugged - values) == pytest.approx(255 / (2 * 4000), rel=0.1)
    assert np.mean(plugged - noise) - truth > 4 * error


@pytest.mark.slow
@pytest.mark.parametrize("size", oracle.SIZES)
def test_paths_of_amp_lose_more_than_what_it_draws(size):
    every, steps = enumerated(size), 24
    denoiser = oracle.amp(every.instance, oracle.ITERATIONS)
    girsanov, lost = oracle.path_entropy(every, denoiser, oracle.strengths_of(steps), 500, seed=1)
    law, unseen = oracle.law_entropy(every, oracle.drawn_by(every, denoiser, 10_000, steps, seed=2))
    assert law.value > 4 * law.error  # AMP is not exact there
    assert lost.value > 4 * lost.error  # nor are finitely many steps, along their path
    # what the steps lose is left out, which makes the inequality only harder
    assert girsanov.value - law.value - unseen > 4 * np.hypot(girsanov.error, law.error)
    if size == min(oracle.SIZES):
        judged = oracle.judged(every, denoiser, 10, 20, seed=3)
        finer, _ = oracle.path_entropy(every, denoiser, oracle.strengths_of(2 * steps), 500, seed=4)
        limit = 2 * finer.value - girsanov.value  # of many steps, up to the square of their length
        assert abs(limit - judged.value) < 4 * np.hypot(2 * finer.error + girsanov.error, judged.error)


@pytest.mark.slow
def test_both_ends_of_the_scale_have_no_gap():
    """The exact denoiser, which loses nothing, and the posterior of another law, whose paths tell no more than it."""
    every, steps = enumerated(10), 24
    truth = oracle.exact(every)
    girsanov, lost = oracle.path_entropy(every, truth, oracle.strengths_of(steps), 500, seed=1)
    law, unseen = oracle.law_entropy(every, oracle.drawn_by(every, truth, 5000, steps, seed=2))
    assert girsanov.value == pytest.approx(0, abs=1e-12)
    assert -4 * law.error < law.value + unseen < lost.value + 4 * lost.error
    alone = oracle.amp(every.instance, 1)  # the posterior of the uniform law
    correlation = 10 * np.log(2) - oracle.entropy(every)
    law, unseen = oracle.law_entropy(every, oracle.drawn_by(every, alone, 10_000, steps, seed=3))
    judged = oracle.judged(every, alone, 20, 10, seed=3)
    for found, bias in ((law, unseen), (judged, 0.0)):
        assert abs(found.value - correlation) < 4 * found.error + bias


@pytest.mark.skipif(not oracle.FILE.exists(), reason="installed without the repository")
def test_the_table_shows_the_gap_as_its_page_does():
    page = (oracle.FILE.parents[1] / "docs" / "judging_denoisers.md").read_text(encoding="utf-8")
    rows = [
        {name: value if name == "denoiser" else float(value) for name, value in row.items()}
        for row in csv.DictReader(oracle.FILE.read_text(encoding="utf-8").splitlines())
    ]
    assert sorted({row["size"] for row in rows}) == sorted(oracle.SIZES)
    for row in rows:
        law, error = row["law"] - row["bias_of_law"], row["error_of_law"]
        whole, noise = row["girsanov"] + row["steps_lose"], row["error_of_girsanov"] + row["error_of_steps_lose"]
        assert law < whole + 3 * (error + noise)
        if row["denoiser"] == "AMP":
            assert f"{row['girsanov']:.4f}({round(1e4 * row['error_of_girsanov'])})" in page
            assert f"{law:.4f}({round(1e4 * error)})" in page
            assert law < row["judged"] - 3 * (error + row["error_of_judged"])
            assert law > 3 * error
        if row["denoiser"] == "exact":
            assert row["girsanov"] == pytest.approx(0, abs=1e-12)
            assert abs(law) < 4 * error + 0.01
