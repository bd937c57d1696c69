"""Samplers and unit propagation that reveal variables of graphs in the order of their degrees."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import unit_propagation_errors as counted

import amp_theory as at
from amp_theory.equations_of_state.sparse.erasure_orders import ErasureOrder
from amp_theory.finite.inference.unit_propagation import _propagated
from amp_theory.tools.errors import InputError

ROOT = Path(__file__).parents[2]
stored = pytest.mark.skipif(not (ROOT / "figures").exists(), reason="installed without the repository")


def test_unit_propagation_concludes_what_single_checks_tell():
    random = at.unit_propagation(3, 0.5, 3000, seed=1)
    assert random.overlap[-1] == 1
    assert np.all(random.overlap >= random.revealed - 1e-12)
    assert random.redundant == pytest.approx((round(0.5 * 3000) - 3000 * (1 - random.guessed)) / 1500)
    assert random.redundant >= 0
    assert len(at.unit_propagation(3, 0.5, 40, seed=1).overlap) == 41  # no more portions than variables


@pytest.mark.slow
def test_unit_propagation_follows_theory_and_fails_beyond_the_threshold():
    for order, threshold, gain in (("highest-degree", 0.788682, 4), ("lowest-degree", 0.453047, 2)):
        below, beyond = (at.unit_propagation(3, threshold * f, 200_000, order, 1000, seed=1) for f in (0.95, 1.05))
        assert beyond.largest_jump > gain * below.largest_jump
        assert beyond.redundant > 2 * below.redundant
        # revealed fraction against overlap where both are known
        q = np.array([0.4, 0.5, 0.6])
        found = np.interp(q, below.overlap, below.revealed)
        x = np.log1p(-found) - np.log1p(-q)
        _, c = ErasureOrder(3, order == "highest-degree").solve(x, found, None, None)
        assert c / 3 == pytest.approx(0.95 * threshold, rel=0.01)


def test_samplers_follow_the_order_of_degrees():
    instance = at.draw_instance(at.XORSAT(3), 0.6, 60, seed=0)
    degree = np.bincount(instance.spins.ravel(), minlength=60)
    seen = []

    def denoiser(side):
        seen.append(np.array(side.known[0]))
        return np.zeros((1, 60))

    path = at.Autoregressive(order="highest-degree")
    at.draw_samples(instance, "masked", 1, 0, denoiser=denoiser, steps=6, path=path)
    for known in seen[1:]:
        assert degree[known].min() >= degree[~known].max()
    assert len(seen) == 6


def test_orders_of_degrees_are_refused_on_dense_instances():
    dense = at.draw_instance(at.IsingPSpin(3), 1.0, 6, seed=0)
    with pytest.raises(InputError, match="not 'lowest-degree'"):
        at.draw_samples(dense, "masked", 1, 0, path=at.Autoregressive(order="lowest-degree"))


def rank(rows):
    """Return the rank modulo two of rows that are integers, by elimination."""
    pivots = {}
    for row in rows:
        while row and row.bit_length() in pivots:
            row ^= pivots[row.bit_length()]
        if row:
            pivots[row.bit_length()] = row
    return len(pivots)


def bits(checks):
    """Return checks as integers."""
    return [sum(1 << int(v) for v in row) for row in checks]


def test_lost_bits_are_those_of_the_chain_rule():
    """Against conditional laws by elimination, one variable at a time, and against the library's peeling."""
    for seed in range(20):
        checks, order = counted.drawn(3, 0.7, 40, seed)
        guesses, told, free = counted.guessed(checks, order), bits(checks), 0
        for variable in order.tolist():
            before = rank(told)
            told.append(1 << variable)
            free += rank(told) - before
            assert variable in guesses or rank(told) == before
        assert free == 40 - rank(bits(checks))
        assert round(_propagated(checks, order, "random", 40).guessed * 40) == len(guesses)
        if counted.independent(checks, 40):
            assert counted.lost(3, 0.7, 40, seed) == len(guesses) - free


def test_independent_checks_have_full_rank_and_dependent_ones_are_told():
    told = []
    for seed in range(40):
        checks, _ = counted.drawn(3, 0.7, 40, seed)
        told.append(counted.independent(checks, 40))
        assert not told[-1] or rank(bits(checks)) == len(checks)
    assert 5 < sum(told) < 35
    checks, _ = counted.drawn(3, 0.3, 40, 0)
    assert not counted.independent(np.concatenate([checks, checks[:1]]), 40)


def stored_rows():
    """Return the stored measurement: pairs of rows, of the smaller and the larger size."""
    with (ROOT / "figures" / "unit_propagation_errors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return list(zip(rows[::2], rows[1::2], strict=True))


def through_both(pair):
    """Return the extrapolation and its error."""
    sizes, means, errors = (tuple(float(r[n]) for r in pair) for n in ("size", "bits_per_variable", "error"))
    return counted.extrapolated(sizes, means, errors)


@pytest.mark.slow
@stored
def test_stored_losses_are_those_of_theory():
    pairs = stored_rows()
    assert [(int(b["k"]), float(b["density"])) for _, b in pairs] == [(k, d) for k, ds in counted.CASES for d in ds]
    for pair in pairs:
        found, error = through_both(pair)
        theory = counted.expected(int(pair[0]["k"]), float(pair[0]["density"]))
        assert float(pair[1]["expected"]) == pytest.approx(theory, abs=1e-12)
        assert abs(found - theory) < 3 * error
        assert (theory > 0) == (float(pair[0]["density"]) > {"3": 2 / 3, "4": 9 / 16}[pair[0]["k"]])
        # an error that would hide the effect proves nothing
        assert error < (theory / 5 if theory else 1e-5)


@stored
def test_the_table_of_the_page_is_the_stored_one():
    text = (ROOT / "docs" / "sampling_error.md").read_text(encoding="utf-8")
    block = re.search(r"^\| k \| density.*?\n\n", text, re.S | re.M).group(0)
    expected = []
    for small, large in stored_rows():
        found, error = through_both((small, large))
        raw, its, theory = (1e3 * float(large[n]) for n in ("bits_per_variable", "error", "expected"))
        expected.append(
            f"| {large['k']} | {large['density']} | {raw:.4f} ± {its:.4f} | {1e3 * found:.4f} ± {1e3 * error:.4f} "
            f"| {theory:.4f} |"
        )
    assert block.strip().splitlines()[2:] == expected


@pytest.mark.slow
def test_losses_counted_anew_are_those_of_theory():
    sizes, densities = (15_000, 60_000), (0.6, 0.75)
    rows = list(counted.rows(((3, densities),), sizes, instances=4, first_seed=100))
    names = counted.FIELDS
    for small, large in zip(rows[::2], rows[1::2], strict=True):
        pair = [dict(zip(names, row, strict=True)) for row in (small, large)]
        found, error = through_both(pair)
        assert abs(found - pair[1]["expected"]) < 3 * error
        assert all(abs(found - counted.expected(3, d)) > 3 * error for d in densities if d != pair[1]["density"])
