"""Heat bath from random starts: what counts as recovered, what is refused, and that runs resume."""

from __future__ import annotations

import csv
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface.cli import main

MODEL = at.SpikedMatrix(at.SparseRademacher(0.2))
SMALL = {"sizes": [60, 30], "instances": 4, "sweeps": 40, "seed": 1}


@pytest.fixture(scope="module")
def found():
    return at.recovery_by_heat_bath(MODEL, [0.002, 0.04], **SMALL)


def test_recovered_means_half_the_informed_overlap(found):
    informed = at.informed_overlap(MODEL, at.Flow(), [0.002, 0.04], 0.0)
    assert found.informed == pytest.approx(informed, abs=0)
    above = found.overlap >= 0.5 * informed[:, None, None]
    assert np.array_equal(above, np.isfinite(found.times))
    assert found.fraction == pytest.approx(above.mean(axis=2))
    assert found.fraction[0].min() == 1.0  # far below the algorithmic line nothing holds it back
    assert np.nanmax(found.times) <= 40


def test_one_run_is_heat_bath_on_the_drawn_instance(found):
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(1, spawn_key=(0,))))
    seeds = rng.integers(0, 2**63, 101)
    instance, start, done = at.draw_instance(MODEL, 0.002, 60, int(seeds[0])), "random", 0
    while done < 40:
        chain = at.heat_bath(instance, 1, int(seeds[1 + done]), start)
        start, done = chain.configurations, done + 1
        overlap = abs(float(chain.configurations[0] @ instance.planted)) / 60
        if overlap >= 0.5 * found.informed[0]:
            break
    assert (overlap, done) == (pytest.approx(found.overlap[0, 0, 0], abs=1e-14), found.times[0, 0, 0])


def test_any_number_of_sweeps_is_looked_at_a_hundred_times_at_most():
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    run = at.recovery_by_heat_bath(model, [1.02 * 0.0064], [40], 1, 151, seed=3)
    assert run.times[0, 0, 0] % 2 == 0


def test_table_and_picture(found):
    rows = found.table().rows()
    assert [row[:3] for row in rows] == [(0.002, 60, 4), (0.002, 30, 4), (0.04, 60, 4), (0.04, 30, 4)]
    for row in rows:
        assert 0 <= row[4] <= row[3] <= row[5] <= 1
    axes = found.plot(band=(0.01, 0.02))
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [
        "aging line, spread over glassy states",
        "size 60",
        "size 30",
    ]
    line = axes.containers[0].lines[0]
    assert line.get_xdata().tolist() == [0.002, 0.04]
    assert line.get_ydata() == pytest.approx(found.fraction[:, 0])
    narrow = found.plot(style="print")
    narrow.figure.draw_without_rendering()
    renderer, low_high = narrow.figure._get_renderer(), narrow.get_xlim()
    shown = [
        t for x, t in zip(narrow.get_xticks(), narrow.get_xticklabels(), strict=True) if low_high[0] <= x <= low_high[1]
    ]
    boxes = [t.get_window_extent(renderer) for t in shown]
    assert len(boxes) > 1
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
    with pytest.raises(at.InputError, match="two finite controls"):
        found.plot(band=(0.1, np.nan))


def test_runs_resume_and_refuse_another_problem(found, tmp_path):
    file = tmp_path / "runs.npz"
    first = at.recovery_by_heat_bath(MODEL, [0.002, 0.04], **SMALL, checkpoint=file)
    again = at.recovery_by_heat_bath(MODEL, [0.002, 0.04], **SMALL, checkpoint=file)
    assert np.array_equal(first.overlap, again.overlap)
    assert np.array_equal(first.overlap, found.overlap)
    with pytest.raises(at.FileError, match="sweeps"):
        at.recovery_by_heat_bath(MODEL, [0.002, 0.04], **(SMALL | {"sweeps": 41}), checkpoint=file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"controls": [0.5]}, "nothing can be recovered"),
        ({"controls": []}, "at least one"),
        ({"sizes": []}, "at least one"),
        ({"sizes": [1]}, "sizes"),
        ({"controls": [-1.0]}, "noise"),
        ({"model": at.SphericalPSpin(3), "controls": [0.5]}, "discrete prior"),
        ({"model": at.SherringtonKirkpatrick(field=0.3), "controls": [0.5]}, "no planted counterpart"),
    ],
)
def test_bad_input(change, words):
    with pytest.raises(at.InputError, match=words):
        at.recovery_by_heat_bath(**({"model": MODEL, "controls": [0.002]} | SMALL | change))


def test_on_the_command_line(capsys, tmp_path):
    table = tmp_path / "rows.csv"
    call = "recovery spiked-matrix --set prior=sparse-rademacher --set rho=0.2 --controls 0.002,0.04 --sizes 30 "
    assert main([*(call + f"--instances 2 --sweeps 5 --seed 1 --json -o {table}").split()]) == 0
    assert json.loads(capsys.readouterr().out)["sweeps"] == 5
    assert table.read_text().splitlines()[0].startswith("noise,size,instances,fraction_recovered")
    assert main([*(call + "--instances two").split()]) == 2
    assert "--instances must be an integer" in capsys.readouterr().err


FIGURES = Path(at.__file__).parent.parent / "figures"
stored_only = pytest.mark.skipif(not FIGURES.exists(), reason="installed without the repository")


def stored_rows():
    with (FIGURES / "heat_bath_recovery.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@stored_only
def test_the_table_is_that_of_the_stored_runs():
    text = (FIGURES.parent / "docs" / "threshold_states.md").read_text(encoding="utf-8")
    shown = [[c.strip() for c in line.strip("|").split("|")] for line in re.findall(r"^\| 0\.0[58] \|.*$", text, re.M)]
    found: dict[tuple[str, str], list[str]] = {}
    for row in stored_rows():
        number = round(float(row["fraction_recovered"]) * int(row["instances"]))
        assert float(row["low"]) - 1e-12 <= number / 12 <= float(row["high"]) + 1e-12
        found.setdefault((row["rho"], row["noise over rho^2"]), []).append(str(number))
    assert {(cells[0], cells[1]): cells[2:5] for cells in shown} == found
    last = {(r["rho"], r["noise over rho^2"]): r["median_sweeps"] for r in stored_rows() if r["size"] == "4000"}
    for cells in shown:
        median = last[cells[0], cells[1]]
        assert cells[5] == (f"{float(median):.0f}" if median else "more than 10000")
    # what the page says of the bands and points
    for rho, band, point in ((0.08, (0.9006, 0.9513), 0.9808), (0.05, (0.3228, 0.4812), 0.9946)):
        model = at.SpikedMatrix(at.SparseRademacher(rho))
        assert np.round(np.array(at.threshold_states(model).band) / rho**2, 4).tolist() == list(band)
        assert round(at.thresholds(model, at.Flow()).algorithmic.noise / rho**2, 4) == point


@stored_only
@pytest.mark.slow
def test_stored_runs_come_out_again():
    """Fewer instances of the smallest size, from other seeds: within the intervals of both."""
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    again = at.recovery_by_heat_bath(model, [0.45 * 0.0064, 1.02 * 0.0064], [1000], 4, 150, seed=7)
    low, high = again.interval
    easy = next(r for r in stored_rows() if (r["rho"], r["noise over rho^2"], r["size"]) == ("0.08", "0.45", "1000"))
    assert low[0, 0] <= float(easy["high"])
    assert high[0, 0] >= float(easy["low"])
    # few sweeps recover less, and never more, than 10,000 did
    hard = next(r for r in stored_rows() if (r["rho"], r["noise over rho^2"], r["size"]) == ("0.08", "1.02", "1000"))
    assert low[1, 0] <= float(hard["high"])
    assert again.fraction[1, 0] < again.fraction[0, 0]
