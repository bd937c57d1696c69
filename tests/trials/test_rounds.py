"""Masked diffusion in rounds on paramagnets: AMP loses what theory says of steps, and C/K, at three sizes."""

import csv

import numpy as np
import pytest
import rounds as oracle

import amp_theory as at


def test_the_weights_are_those_of_a_step_loss():
    given = {("own", 2): np.array([0.0, 0.25, 1.0])}
    strength, rows = oracle.rules(given)
    assert rows @ np.ones_like(strength) == pytest.approx(0, abs=1e-12)
    assert rows @ (1 - strength) == pytest.approx(0.25 + 0.75 * 0.75 - 0.5)
    assert rows @ np.exp(-strength) == pytest.approx(0.25 + 0.75 * np.exp(-0.25) - (1 - np.exp(-1)))


def test_direct_information_is_that_of_a_spin_in_noise():
    prior = at.Rademacher()
    for snr in (0.1, 1.0):
        told = np.log(2) - (snr / 2 - float(prior.free_entropy(snr)))
        assert oracle.direct_surprise(np.array([snr])) == pytest.approx([told], abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("size", oracle.SIZES)
def test_rounds_lose_what_theory_says(size):
    given = oracle.schedules(oracle.MODEL, oracle.TEMPERATURE, oracle.ROUNDS)
    value, error = oracle.step_losses(size, max(4, 4000 // size), given, masks=1)
    theory = np.array([oracle.expected(s) for s in given.values()])
    assert np.all(error < 0.3 * theory)
    # of few instances the errors are uncertain as well
    assert np.all(np.abs(value - theory) < 6 * error)


@pytest.mark.skipif(not oracle.FILE.exists(), reason="installed without the repository")
def test_the_table_agrees_with_theory_and_with_its_page():
    page = (oracle.FILE.parents[1] / "docs" / "sampling_error.md").read_text(encoding="utf-8")
    rows = list(csv.DictReader(oracle.FILE.read_text(encoding="utf-8").splitlines()))
    assert sorted({int(row["size"]) for row in rows}) == sorted(oracle.SIZES)
    given, off = oracle.schedules(oracle.MODEL, oracle.TEMPERATURE, oracle.ROUNDS), []
    for row in rows:
        name, rounds, lost, error = row["schedule"], int(row["rounds"]), float(row["lost"]), float(row["error_of_lost"])
        theory = oracle.expected(given[name, rounds])
        assert float(row["expected"]) == pytest.approx(theory, rel=1e-9)
        assert error < 0.06 * theory
        off.append((lost - theory) / error)
        assert f"{lost:.5f}({round(1e5 * error)})" in page
        assert f"{theory:.5f}" in page
    # the rounds of one size share their instances: three sizes are independent
    assert np.all(np.abs(off) < 4)
