"""AMP judged against message passing from what was planted: what that reference is, and theory on both sides."""

import csv

import judged_amp as oracle
import numpy as np
import pytest

import amp_theory as at

FLOW, MASKS = at.Flow(), at.Autoregressive()
OPTIONS = at.MessagePassingOptions(tolerance=1e-5)


def from_planted(instance, side, strength):
    """Return what message passing finds that starts from what was planted."""
    return at.run_amp(instance, side, "informed", OPTIONS).mean


def own_field_only(instance, side, strength):
    """Know nothing of the other variables."""
    return np.where(side.known, side.values, np.tanh(side.field))


@pytest.mark.slow
@pytest.mark.parametrize("path", [FLOW, MASKS])
def test_message_passing_from_what_was_planted_is_the_reference_and_variables_on_their_own_are_not(path):
    given = {"size": 20, "instances": 2, "batch": 1, "end_strength": 0.3, "reference": "informed"}
    found = at.judge_denoiser(oracle.MODEL, path, 0.5, from_planted, **given)
    assert found.nats_per_variable == pytest.approx(0, abs=1e-9)
    assert found.reference == "informed"
    assert found.certainty == "conjecture"
    assert any("what was planted" in text for text in found.caveats)
    alone = at.judge_denoiser(oracle.MODEL, path, 0.5, own_field_only, **given)
    assert alone.nats_per_variable > 0.02


@pytest.mark.slow
def test_where_equilibrium_is_the_lower_one_of_two_branches_the_reference_is_not_informed():
    given = {"size": 40, "instances": 1, "batch": 1, "end_strength": 0.13, "reference": "informed"}
    found = at.judge_denoiser(oracle.MODEL, FLOW, 0.7, from_planted, **given)
    apart = found.strength[found.equilibrium > found.uninformed + 1e-6]
    below, above = found.strength < apart.min(), found.strength >= apart.min()
    # the informed branch reaches below the strength at which it takes over, and there it is not the equilibrium
    assert found.loss[below].max() > 0.1
    assert found.loss[above] == pytest.approx(0, abs=1e-9)
    uninformed = at.judge_denoiser(oracle.MODEL, FLOW, 0.7, "amp", **given)
    assert np.all(uninformed.loss[below] == 0)
    assert uninformed.loss[above].max() > 0.1


def test_the_exact_denoiser_is_not_the_reference():
    found = at.judge_denoiser(oracle.MODEL, FLOW, 1.0, "exact", size=8, instances=2, batch=2, reference="informed")
    assert found.nats_per_variable > 1e-4


ROWS = list(csv.DictReader(oracle.FILE.read_text(encoding="utf-8").splitlines())) if oracle.FILE.exists() else []


def columns(path, temperature):
    """Return sizes, what is lost and its errors, and what theory says, of the table."""
    rows = [row for row in ROWS if row["path"] == path and float(row["temperature"]) == temperature]
    names = ("size", "nats_per_variable", "error_of_nats_per_variable", "expected")
    return (np.array([float(row[name]) for row in rows]) for name in names)


@pytest.mark.skipif(not ROWS, reason="installed without the repository")
@pytest.mark.parametrize("path", [FLOW, MASKS])
def test_the_table_agrees_with_theory_and_with_its_page(path):
    page = (oracle.FILE.parents[1] / "docs" / "judging_denoisers.md").read_text(encoding="utf-8")
    size, value, error, expected = columns(path.name, 0.5)
    assert len(size) == 3
    theory = at.sampling_error(oracle.MODEL, path, 0.5, target="planted").nats_per_variable
    assert expected == pytest.approx(theory, rel=1e-9)
    limit, spread = oracle.at_infinite_size(size, value, error)
    assert abs(limit - theory) < 3 * spread
    assert limit > 3 * spread
    for number, its_error in zip([*value, limit], [*error, spread], strict=True):
        assert f"{number:.4f}({round(1e4 * its_error)})" in page
    assert f"{theory:.4f}" in page
    size, value, error, expected = columns(path.name, 1.0)
    assert np.all(expected == 0)
    assert np.all(value < 0.1 * theory + 3 * error)
    for number in value:
        assert f"{number:.4f}" in page


@pytest.mark.skipif(not ROWS, reason="installed without the repository")
@pytest.mark.slow
def test_amp_loses_what_theory_says_on_both_sides_of_the_tricritical_point():
    given = {"size": 50, "batch": 1, "seed": 1, "reference": "informed"}
    hard = at.judge_denoiser(oracle.MODEL, MASKS, 0.5, "amp", instances=8, **given)
    size, value, error, _ = columns("autoregressive", 0.5)
    row = int(np.flatnonzero(size == 50)[0])
    its_error = hard.errors["nats_per_variable"]
    assert abs(hard.nats_per_variable - value[row]) < 4 * np.hypot(its_error, error[row])
    assert hard.nats_per_variable > 3 * its_error
    easy = at.judge_denoiser(oracle.MODEL, MASKS, 1.0, "amp", instances=4, **given)
    assert easy.nats_per_variable < 0.1 * hard.nats_per_variable
    # message passing that is told where to start loses nothing on the hard side either
    told = at.judge_denoiser(oracle.MODEL, MASKS, 0.5, from_planted, instances=1, **given)
    assert told.nats_per_variable == pytest.approx(0, abs=1e-9)
