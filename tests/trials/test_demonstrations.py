"""Demonstrations: what is fixed before they are run, how outcomes follow, and that recorded tables are met again."""

from __future__ import annotations

import csv
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.interface.studies.demonstrations import DESIGNS, _designed
from amp_theory.trials.demonstration import COLUMNS, DemonstrationRun
from amp_theory.trials.demonstration_cases import Case, Demonstration, outcome_of
from amp_theory.trials.demonstration_picture import BEYOND_BOUNDS, places_apart
from amp_theory.trials.extrapolation import Extrapolation, mean_with_resolution, to_infinite_size
from amp_theory.trials.on_instances import (
    CHAIN,
    ExcessEnergy,
    LargestGap,
    LateExcess,
    Missed,
    NatsLost,
    Redundant,
    mean_planted_energy,
    seed_of,
)

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


@pytest.mark.parametrize("works", [True, False])
def test_no_outcome_from_laws_that_do_not_fit_or_from_few_instances(works):
    """Two instances that happen to be alike have no standard error, and means on no power law no limit."""
    case = Case("x", ORDER, {100: 2, 200: 2}, works, margin=0.1)
    bent = to_infinite_size({100: (0.0, 0.001), 400: (0.5, 0.001), 1600: (0.0, 0.001)})
    assert bent.low > case.margin
    assert outcome_of(case, bent) == "undecided"
    found = Extrapolation(0.2, 0.01, 0.18, 0.22, 0.5)
    assert outcome_of(case, found) == ("refuted" if works else "seen")
    assert outcome_of(case, found, fewest=3) == "undecided"
    assert outcome_of(case, None) == ("shown" if works is None else "undecided")


# --- what is measured -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "control", "size"),
    [
        (at.XORSAT(4, temperature=0.5), 1.5, 60), (at.XORSAT(3, degrees="regular", temperature=1.0), 2.0, 30),
        (at.Bicoloring(5, temperature=0.3), 2.0, 40), (at.IsingPSpin(3), 0.7, 12),
        (at.SherringtonKirkpatrick(), 0.8, 20),
    ],
)  # fmt: skip
@pytest.mark.every(2)
def test_the_mean_energy_of_what_is_planted(model, control, size):
    """Against the energies of planted configurations of 120 instances."""
    drawn = [at.draw_instance(model, control, size, seed) for seed in range(120)]
    energy = np.array([float(i.energy(i.planted[None])[0]) for i in drawn])
    error = energy.std(ddof=1) / np.sqrt(len(energy))
    assert error > 0
    assert abs(energy.mean() - mean_planted_energy(drawn[0])) < 4.5 * error


def test_the_mean_energy_is_exact_or_refused():
    assert mean_planted_energy(at.draw_instance(at.XORSAT(3), 0.8, 40, 1)) == 0
    few = at.draw_instance(at.IsingPSpin(3), 0.5, 3, 1)  # one coupling, of the mean 3!/(2 T^2 N^2)
    assert mean_planted_energy(few) == pytest.approx(-0.5 * (3 / (9 * 0.25)) / 3)
    for other in (at.SphericalPSpin(3), at.SpikedMatrix(at.SparseRademacher(0.2))):
        with pytest.raises(at.InputError, match="spins of"):
            mean_planted_energy(at.draw_instance(other, 0.5, 10, 1))


@pytest.mark.slow
def test_late_energies_have_the_same_mean_and_scatter_less():
    """Where heat bath is done within few sweeps; with one sweep from a random start it is not."""
    model, control, size = at.XORSAT(4, temperature=0.5), 0.8, 200
    one, late, early = (
        np.array([trial.measured(size, seed) for seed in range(40)])
        for trial in (
            ExcessEnergy(model, control, CHAIN, 80), LateExcess(model, control, 80), LateExcess(model, control, 1),
        )
    )  # fmt: skip
    for found in (one, late):
        assert abs(found.mean()) < 4.5 * found.std(ddof=1) / np.sqrt(40)
    assert late.std() < one.std() / 2
    assert early.mean() > 10 * early.std(ddof=1) / np.sqrt(40)


def missing(parts):
    """Return a demonstration whose runs of 50 instances missed parts of them at rising sizes."""
    values = {("x", 100 * 4**k): np.repeat([1.0, 0.0], [n, 50 - n]) for k, n in enumerate(parts)}
    trial = Missed(at.SpikedMatrix(at.SparseRademacher(0.2)), 0.01, CHAIN, 10, 0.5)
    case = Case("x", trial, {n: 50 for _, n in values}, works=False, margin=0.25)
    asked = Demonstration("missing", "It is missed", "it is not", (case,))
    return DemonstrationRun(asked, 1, values, values)


@pytest.mark.parametrize(("parts", "leaves"), [([10, 30, 47], True), ([30, 30, 30], False)])
def test_fractions_that_laws_carry_beyond_what_they_can_be_are_marked(parts, leaves):
    found = missing(parts)
    (outcome,) = found.outcomes
    assert (outcome.at_infinity.value > 1) == leaves == outcome.leaves == ("no mean can be" in found.report())
    axes = found.plot()
    assert ("impossible" in axes.get_ylabel()) == leaves
    shaded = [p.get_bbox().intervaly.tolist() for p in axes.patches if p.get_alpha() == BEYOND_BOUNDS]
    low, high = axes.get_ylim()
    assert shaded == [pytest.approx(ends) for ends in ([low, 0.0], [1.0, high])]


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
        elif isinstance(trial, ExcessEnergy | LateExcess):
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
    names = {" ".join(t.get_text().split()) for t in axes.texts if t.get_visible()}
    marked = {
        o.case.label + (f" ({o.outcome})" if o.outcome in ("refuted", "undecided") else "") for o in found.outcomes
    }
    assert marked == names
    assert axes.get_legend() is None
    # every instance is a dot
    dots = sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == ".")
    assert dots == 12
    legend = found.plot(legend="below").get_legend()
    assert {t.get_text() for t in legend.get_texts()} == marked
    with pytest.raises(at.InputError, match="no case"):
        found.plot(cases=["nothing"])
    rows = found.to_dict()["cases"]
    assert [row["outcome"] for row in rows] == [o.outcome for o in found.outcomes]


@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(0.01, 0.5)), min_size=1, max_size=8))
@settings(max_examples=50)
def test_names_beside_each_other_do_not_overlap(boxes):
    middles = sorted(middle for middle, _ in boxes)
    heights = np.array([height for _, height in boxes])
    heights *= min(1.0, 2 / heights.sum())
    found = np.array(places_apart(middles, heights.tolist(), -1.0, 1.0))
    assert (np.diff(found) >= (heights[1:] + heights[:-1]) / 2 - 1e-9).all()
    assert found[0] - heights[0] / 2 >= -1 - 1e-9
    assert found[-1] + heights[-1] / 2 <= 1 + 1e-9
    if len(boxes) == 1 and abs(middles[0]) < 0.7:
        assert found[0] == pytest.approx(middles[0])


def overlaps(texts, renderer):
    """Return pairs of texts that cover each other, or are cut by the figure."""
    from matplotlib.text import Text  # whose extent is without the line that points from it

    boxes = [(t.get_text(), Text.get_window_extent(t, renderer)) for t in texts if t.get_visible() and t.get_text()]
    page = texts[0].get_figure(root=True).bbox
    cut = [n for n, b in boxes if b.x0 < page.x0 - 1 or b.x1 > page.x1 + 1 or b.y0 < page.y0 - 1 or b.y1 > page.y1 + 1]
    return cut + [(n, m) for k, (n, b) in enumerate(boxes) for m, c in boxes[k + 1 :] if b.overlaps(c)]


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


def words(text):
    """Return a text in one line."""
    return " ".join(text.split())


def markdown():
    """Return the notebook's cells of text."""
    cells = json.loads((ROOT / "notebooks" / "referee.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_the_notebook_tells_what_is_recorded(name):
    found = recorded(name)
    (told,) = (words(cell) for cell in markdown() if found.demonstration.statement in cell)
    assert f"It would be refuted if {found.demonstration.refuted_by}." in told
    for o in found.outcomes:
        theory = "nothing claimed" if o.case.works is None else "theory 0" if o.case.works else "theory > 0"
        if o.case.expected is not None:
            theory = f"theory {o.case.expected:.4g}"
        assert f"- {o.case.label}: {o.at_infinity}, {theory}: **{o.outcome}**" in told
    numbers = {n: sorted({o.instances[n] for o in found.outcomes if n in o.instances}) for _, n in found.values}
    by_size = "; ".join(f"{n:,}: {' or '.join(map(str, many))}" for n, many in sorted(numbers.items()))
    assert f"Instances by size: {by_size}. {found.hours:.2f} processor hours." in told
    # what is said of it is the same on the page
    page = (ROOT / "docs" / "demonstrations.md").read_text(encoding="utf-8")
    section = page.partition(f"## {name}\n")[2].partition("\n## ")[0].strip()
    assert f"Instances by size: {by_size}. {found.hours:.2f} processor hours." in section
    assert told.endswith(words(section.split("\n\n")[-1]))


@pytest.mark.slow
def test_the_notebook_counts_what_was_seen():
    runs = [recorded(name) for name in DESIGNS]
    outcomes = [o.outcome for found in runs for o in found.outcomes if o.outcome != "shown"]
    seen, refuted, undecided = (outcomes.count(word) for word in ("seen", "refuted", "undecided"))
    sentence = (
        f"Of {len(outcomes)} claims {seen} are seen, {refuted} is refuted, {undecided} are undecided, in "
        f"{sum(found.hours for found in runs):.2f} processor hours."
    )
    assert sentence in words(" ".join(markdown()))


def first_rows(found, label, numbers):
    """Return the outcome of a case from the first instances alone."""
    kept = [place for place in found.values if place[0] == label and place[1] in numbers]
    values = {place: found.values[place][: numbers[place[1]]] for place in kept}
    fewer = DemonstrationRun(found.demonstration, found.seed, values, values)
    (outcome,) = (o for o in fewer.outcomes if o.means)
    return outcome


def median_sweeps(found, rho):
    """Return medians by rising size, in units of the processor time of runs that missed; those did 10,000 sweeps."""
    medians = []
    for label, n in sorted(found.values, key=lambda place: place[1]):
        if label == f"heat bath, rho = {rho}":
            missed, seconds = found.values[label, n] == 1, found.seconds[label, n]
            medians.append(float(np.median(np.where(missed, np.inf, 1e4 * seconds / seconds[missed].mean()))))
    return medians


def shorter_at_large_sizes():
    """Return noises at which the median time at 4000 variables is shorter than at 1000."""
    with (FIGURES / "heat_bath_recovery.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    times = {(r["rho"], r["noise over rho^2"], int(r["size"])): float(r["median_sweeps"] or "inf") for r in rows}
    return [place for place, time in times.items() if place[2] == 1000 and times[*place[:2], 4000] < time]


def factor_at_best(found, label):
    """Return by how many times as many instances of every size would decide an undecided case, at best, and the hours.

    If both laws ended where theory says, two standard errors of each had to be as small as the margin, of a sampler that
    works, or as the number of theory.
    """
    (outcome,) = (o for o in found.outcomes if o.case.label == label)
    assert outcome.outcome == "undecided"
    sizes = np.array(sorted(outcome.extrapolated), dtype=float)
    mean, error = np.array([outcome.extrapolated[int(n)] for n in sizes]).T
    spread = max(
        np.sqrt(np.polyfit((sizes / sizes[0]) ** -power, mean, 1, w=1 / error, cov="unscaled")[1][1, 1])
        for power in (0.5, 1.0)
    )
    factor = (2 * spread / (outcome.case.margin if outcome.case.works else outcome.case.expected)) ** 2
    return factor, factor * sum(v.sum() for place, v in found.seconds.items() if place[0] == label) / 3600


def at_best(found, labels):
    """Return what is written of undecided cases: factors of instances, and processor hours."""
    both = [factor_at_best(found, label) for label in labels]
    parts = [f"{factor:.0f}" for factor, _ in both], [f"{hours:.1f}" for _, hours in both]
    together = [", ".join(part[:-1]) + " and " + part[-1] for part in parts]
    return f"it would take {together[0]} times as many instances of every size, {together[1]} processor hours"


def many_above(found, label, value):
    """Return how many instances of a case are above a number, and how many there are, by rising size."""
    return [(int((v > value).sum()), len(v)) for place, v in sorted(found.values.items()) if place[0] == label]


#: a sentence of the notebook, and whether the tables say so; those of two demonstrations are on the page as well
CLAIMS = {
    "above its margin on fewer instances as the size grows: 35 of 64 at 6,250, 9 of 48 at 25,000, 2 of 16 at 100,000": (
        lambda: [
            (int((v > case.margin).sum()), len(v))
            for case in recorded("uniform-diffusion").demonstration.cases[-1:]
            for place, v in sorted(recorded("uniform-diffusion").values.items())
            if place[0] == case.label
        ] == [(35, 64), (9, 48), (2, 16)]
    ),
    "The first 16, 12 and 4 of them left it undecided, at +0.007902 +- 0.02": (
        lambda: [
            (o.outcome, str(o.at_infinity))
            for o in [first_rows(recorded("uniform-diffusion"), "uniform diffusion", {6250: 16, 25_000: 12, 100_000: 4})]
        ] == [("undecided", "+0.007902 +- 0.02")]
    ),
    "8 of 16, 9 of 24 and 2 of 24 instances lose more than a thousandth of a nat": (
        lambda: many_above(recorded("nats"), "density 1.2", 1e-3) == [(8, 16), (9, 24), (2, 24)]
    ),
    "The first 16, 12 and 6 of them left it undecided, at -0.001694 +- 0.0019": (
        lambda: [
            (o.outcome, str(o.at_infinity))
            for o in [first_rows(recorded("nats"), "density 1.2", {1000: 16, 4000: 12, 16_000: 6})]
        ] == [("undecided", "-0.001694 +- 0.0019")]
    ),
    "rises, from -0.006 +- 0.012 at 48 variables to +0.029 +- 0.005 at 192: all that the laws allow of it is above": (
        lambda: [
            ([f"{mean:+.3f} +- {error:.3f}" for mean, error in (o.means[48], o.means[192])],
             o.at_infinity.low > o.case.margin)
            for o in recorded("ising").outcomes[2:]
        ] == [(["-0.006 +- 0.012", "+0.029 +- 0.005"], True)]
    ),
    "+0.0092, +0.0046 and +0.0023 at infinite size after 4,000, 16,000 and 64,000 sweeps": (
        lambda: [f"{o.at_infinity.value:+.4f}" for o in recorded("bicoloring").outcomes[1:]]
        == ["+0.0092", "+0.0046", "+0.0023"]
    ),
    "16,000 sweeps had left +1.302e-05 +- 0.0025": (
        lambda: [
            str(o.at_infinity)
            for o in [first_rows(recorded("bicoloring"), "heat bath, 16,000 sweeps", {1600: 12, 6400: 8})]
        ] == ["+1.302e-05 +- 0.0025"]
    ),
    "Up to 25,600 variables the flow's was +0.009624 +- 0.0021": (
        lambda: [
            str(o.at_infinity) for o in [first_rows(recorded("bicoloring"), "flow", {1600: 16, 6400: 12, 25_600: 8})]
        ] == ["+0.009624 +- 0.0021"]
    ),
    "The flow at rho = 0.05 missed 13 of 60, 6 of 60 and 5 of 40: by the margin of a quarter it works": (
        lambda: [
            (int(v.sum()), len(v))
            for place, v in sorted(recorded("sparse-matrix").values.items())
            if place[0] == "flow, rho = 0.05"
        ] == [(13, 60), (6, 60), (5, 40)]
    ),
    "The first twenty of each left it undecided, at -0.07817 +- 0.17": (
        lambda: [
            (o.outcome, str(o.at_infinity))
            for o in [first_rows(recorded("sparse-matrix"), "flow, rho = 0.05", dict.fromkeys((2500, 5000, 10_000), 20))]
        ] == [("undecided", "-0.07817 +- 0.17")]
    ),
    "is about 1,300, 3,600 and 6,900 at the three sizes": (
        lambda: np.round(median_sweeps(recorded("sparse-matrix"), 0.08), -2).tolist() == [1300, 3600, 6900]
    ),
    "At rho = 0.05 it is about 3,000 at the least size, and more than 10,000 at the others": (
        lambda: np.round(median_sweeps(recorded("sparse-matrix"), 0.05), -2).tolist() == [3000, np.inf, np.inf]
    ),
    "At no noise they are shorter at N = 4000 than at N = 1000": lambda: not shorter_at_large_sizes(),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("claim", CLAIMS)
def test_sentences_say_what_the_tables_say(claim):
    assert claim in words(" ".join(markdown()))
    assert CLAIMS[claim]()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ising", "two-paths"])
def test_what_it_would_take_to_decide(name):
    found = recorded(name)
    labels = [o.case.label for o in found.outcomes if o.outcome == "undecided"]
    assert at_best(found, labels) in words(" ".join(markdown()))


@pytest.mark.slow
def test_every_undecided_claim_says_what_it_would_take():
    assert {name for name in DESIGNS for o in recorded(name).outcomes if o.outcome == "undecided"} == {
        "ising",
        "two-paths",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_no_text_of_a_picture_in_one_column_covers_another(name):
    found = recorded(name)
    axes = found.plot(style="print")
    figure = axes.figure
    figure.draw_without_rendering()
    # what is extrapolated, and what theory says of it, is in the picture
    low, high = axes.get_ylim()
    heights = [t for y, t in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True) if low <= y <= high]
    texts = [*axes.texts, *axes.get_xticklabels(), *heights, axes.xaxis.label, axes.yaxis.label]
    assert not overlaps(texts, figure._get_renderer())
    for o in found.outcomes:
        assert low <= o.at_infinity.low <= o.at_infinity.high <= high
        assert o.case.expected is None or low <= o.case.expected <= high
    # a band for every case, which ends in what is extrapolated
    ends = [band.get_paths()[0].vertices[:, 1] for band in axes.collections if len(band.get_paths()[0].vertices) > 50]
    for o, band in zip(found.outcomes, ends, strict=True):
        assert np.isclose(band, o.at_infinity.low).any()
        assert np.isclose(band, o.at_infinity.high).any()


#: processor seconds that an instance took which is computed again
SECONDS = 2.3


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_recorded_tables_are_computed_again(name, tmp_path):
    """The command of the page, at the least size, with other random numbers: all cases but those that take long, at least one."""
    before, page = recorded(name), (ROOT / "docs" / "demonstrations.md").read_text(encoding="utf-8")
    section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
    command, folder = re.search(r"`amp-theory (demonstrate [^`]*)`", section)[1], re.compile(r"-o (\S+)")
    assert folder.search(command)[1] == f"figures/demonstrated_{name}.csv"
    (size,) = {min(case.instances) for case in before.demonstration.cases}
    places = {case.label: (case.label, size) for case in before.demonstration.cases}
    seconds = {label: before.seconds[place].mean() for label, place in places.items()}
    number = {label: 0 if s > SECONDS else 1 if s > 0.5 else 4 for label, s in seconds.items()}
    # at least one of every demonstration
    number[min(seconds, key=lambda label: seconds[label])] = max(*number.values(), 1)
    rest, again = tmp_path / "rest.csv", tmp_path / "again.csv"
    with rest.open("w", newline="") as stream:
        old = [row for row in before.table().rows() if row[2] >= number[row[0]]]
        csv.writer(stream).writerows([COLUMNS, *old])
    instances = min(len(before.values[place]) for place in places.values())
    reduced = f"--sizes {size} --instances {instances} --recorded {rest} --seed 2"
    assert main([*folder.sub(f"-o {again}", command).split(), *reduced.split()]) == 0
    with again.open(newline="") as stream:
        rows = {(r["case"], int(r["instance"])): float(r["value"]) for r in csv.DictReader(stream)}
    for case in before.demonstration.cases:
        old, fresh = before.values[places[case.label]], number[case.label]
        assert [rows[case.label, k] for k in range(fresh, instances)] == old[fresh:instances].tolist()
        new = [rows[case.label, k] for k in range(fresh)]
        scatter = max(old.std(ddof=1), case.trial.resolution(size))
        if new:
            assert abs(np.mean(new) - old.mean()) < 5 * scatter * np.sqrt(1 / fresh + 1 / len(old)) + 1e-9, case.label


def test_sizes_that_are_the_same_are_refused():
    """Instances would be counted twice, and errors be too small by the square root of two."""
    with pytest.raises(at.InputError, match="different"):
        at.demonstrate("orders", sizes=[100, 100], instances=2)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_recorded_numbers_that_are_not_finite_are_refused(tmp_path, value):
    """They would make a size vanish from the extrapolation without a word."""
    file = tmp_path / "table.csv"
    file.write_text(",".join(COLUMNS) + f"\nrandom order,100,0,{value},1\n")
    with pytest.raises(at.FileError, match="finite"):
        at.demonstrate("orders", sizes=[100, 200], instances=1, recorded=file)


@pytest.mark.parametrize("seed", [[1], 1e12, True, -1])
def test_seeds_are_integers(seed):
    with pytest.raises(at.InputError, match="seed"):
        at.demonstrate("orders", sizes=[100, 200], instances=4, seed=seed)
