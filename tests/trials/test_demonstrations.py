"""Demonstrations: what is fixed before they are run, how outcomes follow, and that recorded tables are met again."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.interface.studies.demonstrations import DESIGNS, _designed
from amp_theory.trials.demonstration import COLUMNS
from amp_theory.trials.demonstration_cases import Case, outcome_of
from amp_theory.trials.extrapolation import Extrapolation, mean_with_resolution, to_infinite_size
from amp_theory.trials.on_instances import ExcessEnergy, LargestGap, NatsLost, Redundant, seed_of

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "figures"
ORDER = Redundant(3, 0.7, "random", 1000)


@given(st.floats(-1, 1), st.floats(-1, 1), st.sampled_from([0.5, 1.0]), st.floats(1e-6, 0.1))
@settings(max_examples=50)
def test_either_power_law_is_inside(a, b, power, error):
    sizes = (100, 400, 1600, 6400)
    found = to_infinite_size({n: (a + b * (n / 100) ** -power, error) for n in sizes})
    assert found.low - 1e-9 <= a <= found.high + 1e-9
    assert found.error == pytest.approx((found.high - found.low) / 4)


def test_a_law_that_neither_power_fits_is_noticed():
    steep = {100: (1.0, 0.01), 400: (0.5, 0.01), 1600: (0.5, 0.01), 6400: (0.0, 0.01)}
    assert to_infinite_size(steep).p_value < 1e-6
    flat = dict.fromkeys(steep, (0.3, 0.01))
    assert to_infinite_size(flat).p_value > 0.9
    assert to_infinite_size({100: (0.3, 0.01), 400: (0.3, 0.01)}).p_value is None


def test_numbers_that_are_equal_are_not_certain():
    assert mean_with_resolution([1.0] * 10, 1.0) == (1.0, 0.1)
    assert mean_with_resolution([0.0, 1.0], 1e-3)[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("works", "expected", "low", "high", "outcome"),
    [
        (True, None, -0.05, 0.09, "seen"), (True, None, -0.05, 0.11, "undecided"), (True, None, 0.11, 0.2, "refuted"),
        (False, None, 0.01, 0.2, "seen"), (False, None, -0.01, 0.2, "undecided"), (False, None, -0.1, 0.09, "refuted"),
        (False, 0.15, 0.1, 0.2, "seen"), (False, 0.21, 0.1, 0.2, "undecided"), (False, 0.3, 0.1, 0.2, "refuted"),
        (False, 0.0, 0.01, 0.2, "undecided"), (None, None, 0.3, 0.4, "shown"),
    ],
)  # fmt: skip
def test_outcomes(works, expected, low, high, outcome):
    case = Case("x", ORDER, {100: 2, 200: 2}, works, margin=0.1, expected=expected)
    found = Extrapolation((low + high) / 2, (high - low) / 4, low, high, None)
    assert outcome_of(case, found) == outcome
    assert outcome_of(case, None) == ("shown" if works is None else "undecided")


# --- what is fixed ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_designs_claim_what_theory_says(name):
    asked = _designed(name)
    assert len({case.label for case in asked.cases}) == len(asked.cases)
    for case in asked.cases:
        assert len(case.instances) >= 2
        assert case.margin > 0
        trial = case.trial
        if case.works is None or isinstance(trial, Redundant):
            continue
        if isinstance(trial, NatsLost):
            lost = at.sampling_error(trial.model, trial.path, trial.control).nats_per_variable
            assert (lost == 0) == case.works
            assert case.expected in (None, lost)
        elif isinstance(trial, LargestGap):
            jumps = at.path_transitions(trial.model, trial.path, trial.control).first_order
            assert bool(jumps) == (not case.works)
        elif isinstance(trial, ExcessEnergy) and trial.sampler == "flow":
            special = at.thresholds(trial.model, at.Flow()).tricritical
            # samplers fail on the side on which inference is easier
            beyond = (trial.control > special.control) == (trial.model.easier == "up")
            assert beyond == (not case.works)
        elif isinstance(trial, ExcessEnergy):
            special = at.thresholds(trial.model, at.Flow()).dynamical
            assert (trial.control < special.control) == (trial.model.easier == "up")


@pytest.mark.slow
def test_numbers_in_statements_are_those_of_theory():
    flow = at.thresholds(at.XORSAT(4, temperature=0.5), at.Flow())
    said = _designed("xorsat").statement
    assert f"flow, {flow.tricritical.density:.3f}" in said
    assert f"one, {flow.dynamical.density:.3f}" in said
    flow = at.thresholds(at.Bicoloring(5, temperature=0.3), at.Flow())
    said = _designed("bicoloring").statement
    assert f"flow, {flow.tricritical.density:.3f}" in said
    assert f"one, {flow.dynamical.density:.3f}" in said
    flow, said = at.thresholds(at.IsingPSpin(3), at.Flow()), _designed("ising").statement
    assert f"temperature, {flow.dynamical.temperature:.3f}" in said
    assert f"one, {flow.tricritical.temperature:.3f}" in said
    assert f"loses {_designed('ising').cases[0].expected:.4f} nats" in said
    for rho in (0.08, 0.05):
        band = at.threshold_states(at.SpikedMatrix(at.SparseRademacher(rho))).band
        assert ("{:.2f} to {:.2f}".format(*(x / rho**2 for x in band))) in _designed("sparse-matrix").statement


def test_random_numbers_depend_on_the_instance_alone():
    seeds = {seed_of(1, label, n, k) for label in ("a", "b") for n in (10, 20) for k in range(5)}
    assert len(seeds) == 20
    few, many = (at.demonstrate("orders", sizes=[300], instances=n) for n in (2, 4))
    for place, values in few.values.items():
        assert np.array_equal(values, many.values[place][:2])
    other = at.demonstrate("orders", sizes=[300], instances=4, seed=2)
    assert any(not np.array_equal(v, other.values[place]) for place, v in many.values.items())


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_table_is_continued(tmp_path):
    file = tmp_path / "orders.csv"
    first = at.demonstrate("orders", sizes=[300, 600], instances=2)
    first.to_csv(file)
    with file.open() as stream:
        assert tuple(next(csv.reader(stream))) == COLUMNS
    asked = []
    more = at.demonstrate(
        "orders", sizes=[300, 600], instances=3, recorded=file, progress=lambda done, of: asked.append(of)
    )
    assert set(asked) == {4}  # one instance more of each case and size
    for place, values in first.values.items():
        assert np.array_equal(more.values[place][:2], values)
        assert np.array_equal(more.seconds[place][:2], first.seconds[place])
    again = at.demonstrate("orders", sizes=[300, 600], instances=3)
    assert all(np.array_equal(again.values[place], v) for place, v in more.values.items())


def test_an_interrupted_run_resumes(tmp_path):
    file = tmp_path / "run.npz"

    def interrupt(done, of):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at.demonstrate("orders", [300], 4, checkpoint=file, progress=interrupt)
    seen = []
    with ThreadPoolExecutor(2) as threads:
        found = at.demonstrate(
            "orders", [300], 4, checkpoint=file, executor=threads, progress=lambda done, of: seen.append(done)
        )
    assert seen[0] == 3
    expected = at.demonstrate("orders", [300], 4)
    assert all(np.array_equal(found.values[place], v) for place, v in expected.values.items())
    with pytest.raises(at.FileError, match="of another problem"):
        at.demonstrate("orders", [300], 5, checkpoint=file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "unknown demonstration 'nothing'"),
        (("orders", []), "sizes must have at least one entry"),
        (("orders", [1]), "sizes must be"),
        (("orders", [300], 0), "instances must be"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(at.InputError, match=message):
        at.demonstrate(*arguments)


def test_bad_tables(tmp_path):
    file = tmp_path / "bad.csv"
    for text in ("", "case,size\nx,3\n", "case,size,instance,value,seconds\nx,3,0,one,1\n", "\x00\n"):
        file.write_text(text + "case\n")
        with pytest.raises(at.FileError, match="no table of a demonstration"):
            at.demonstrate("orders", [300], 1, recorded=file)
    with pytest.raises(at.FileError, match="cannot read"):
        at.demonstrate("orders", [300], 1, recorded=tmp_path / "none.csv")


def test_the_text_and_the_picture_hold_every_case():
    found = at.demonstrate("orders", sizes=[300, 600], instances=3)
    text = found.report()
    for case in found.outcomes:
        assert str(case) in text
        for mean, error in case.means.values():
            assert f"{mean:.5g} +- {error:.2g}" in text
    axes = found.plot()
    labels = {t.get_text() for t in axes.get_legend().get_texts()}
    assert {case.label for case in found.demonstration.cases} <= labels
    # every instance is a dot
    dots = sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == ".")
    assert dots == 12
    with pytest.raises(at.InputError, match="no case"):
        found.plot(cases=["nothing"])
    rows = found.to_dict()["cases"]
    assert [row["outcome"] for row in rows] == [o.outcome for o in found.outcomes]


# --- recorded tables -------------------------------------------------------------------------------------------------

RECORDED = sorted(path.stem.removeprefix("demonstrated_") for path in FIGURES.glob("demonstrated_*.csv"))


def recorded(name):
    def nothing_is_run(done, of):
        raise AssertionError("all instances of the design are recorded")

    return at.demonstrate(name, recorded=FIGURES / f"demonstrated_{name}.csv", progress=nothing_is_run)


@pytest.mark.slow
def test_every_demonstration_is_recorded():
    assert sorted(DESIGNS) == RECORDED
    page = (ROOT / "docs" / "demonstrations.md").read_text(encoding="utf-8")
    for name in RECORDED:
        found = recorded(name)
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert section.strip().startswith(found.demonstration.statement)
        assert f"{found.hours:.2f} processor hours" in section
        for o in found.outcomes:
            row = next(line for line in section.splitlines() if line.startswith(f"| {o.case.label} |"))
            assert o.outcome in row
            if o.at_infinity is not None:
                assert str(o.at_infinity) in row


#: processor seconds that an instance took which is computed again
SECONDS = 2.3


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_recorded_tables_are_computed_again(name):
    """Another instance than those recorded, at the least size, of all cases but the longest: means agree in errors."""
    before = recorded(name)
    for case in before.demonstration.cases:
        size = min(case.instances)
        old, seconds = before.values[case.label, size], before.seconds[case.label, size].mean()
        if seconds < SECONDS:
            number = 1 if seconds > 0.5 else 4
            new = [case.trial.measured(size, seed_of(2, case.label, size, k)) for k in range(number)]
            scatter = max(old.std(ddof=1), case.trial.resolution(size))
            assert abs(np.mean(new) - old.mean()) < 5 * scatter * np.sqrt(1 / number + 1 / len(old)) + 1e-9, case.label
