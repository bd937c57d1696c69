"""Heat bath from random starts: what counts as recovered, what is refused, and that runs resume."""

from __future__ import annotations

import json

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


def test_table_and_picture(found):
    rows = found.table().rows()
    assert [row[:3] for row in rows] == [(0.002, 60, 4), (0.002, 30, 4), (0.04, 60, 4), (0.04, 30, 4)]
    for row in rows:
        assert 0 <= row[4] <= row[3] <= row[5] <= 1
    axes = found.plot(band=(0.01, 0.02))
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["band of threshold states", "size 60", "size 30"]
    line = axes.containers[0].lines[0]
    assert line.get_xdata().tolist() == [0.002, 0.04]
    assert line.get_ydata() == pytest.approx(found.fraction[:, 0])
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
    assert json.loads(capsys.readouterr().out)
    assert table.read_text().splitlines()[0].startswith("noise,size,instances,fraction_recovered")
    assert main([*(call + "--instances two").split()]) == 2
    assert "--instances must be an integer" in capsys.readouterr().err
