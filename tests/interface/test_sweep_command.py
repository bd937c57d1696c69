"""The command `sweep`: what it writes is what Python finds; bad input is one line, and nothing is written."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface.cli import main

SPARSE = ["spiked-matrix", "--set", "prior=sparse-rademacher", "--over", "rho=0.05:0.5:3"]


def run(capsys, *arguments):
    code = main(["sweep", *map(str, arguments)])
    return code, *capsys.readouterr()


def rows_of(file):
    with open(file, newline="") as stream:
        return list(csv.DictReader(stream))


def test_tables_are_those_of_python(capsys, tmp_path):
    files = tmp_path / "a.csv", tmp_path / "a.json"
    code, out, err = run(capsys, *SPARSE, "--quantity", "condensation,dynamical", "-o", files[0], "-o", files[1])
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == [f"written: {file}" for file in files]
    found = at.sweep(lambda rho: at.SpikedMatrix(at.SparseRademacher(rho)), rho=np.linspace(0.05, 0.5, 3),
                     quantities=["condensation", "dynamical"])  # fmt: skip
    table = rows_of(files[0])
    assert list(table[0]) == list(found.table().names)
    noise = [float(row["condensation_noise"] or "nan") for row in table]
    np.testing.assert_array_equal(noise, found["condensation"].filled(np.nan))
    data = json.loads(files[1].read_text())
    assert data == json.loads(
        run(capsys, *SPARSE, "--quantity", "condensation", "--quantity", "dynamical", "--json")[1]
    )
    assert {**data, **found.to_dict()} == data
    assert data["model"] == "spiked-matrix"
    assert data["parameters"] == {"prior": "sparse-rademacher"}


def test_axes_of_all_kinds(capsys):
    words = [
        "--over",
        "p=3,4",
        "--over",
        "temperature=0.6:0.7:2",
        "--over",
        "snr=0.1",
        "--quantity",
        "uninformed_overlap",
    ]
    rows = json.loads(run(capsys, "ising-p-spin", *words, "--json")[1])["rows"]
    assert [(row["p"], row["temperature"], row["snr"]) for row in rows] == [
        (3, 0.6, 0.1),
        (3, 0.7, 0.1),
        (4, 0.6, 0.1),
        (4, 0.7, 0.1),
    ]
    for row in rows:
        expected = at.uninformed_overlap(at.IsingPSpin(row["p"]), at.Flow(), row["temperature"], row["snr"])
        assert row["uninformed_overlap"] == expected
    again = json.loads(run(capsys, "IsingPSpin", *words[:2], "--over", "T=0.6:0.7:2", *words[4:], "--json")[1])["rows"]
    assert again == rows
    whole = json.loads(run(capsys, "ising-p-spin", "--over", "p=3:7:3", "--json", "--quantity", "dynamical")[1])
    assert whole["axes"] == {"p": [3, 5, 7]}
    short = run(capsys, "ising-p-spin", "--over", "p=3:4:2e0", "--json", "--quantity", "dynamical")[1]
    assert json.loads(short)["axes"] == {"p": [3, 4]}
    texts = json.loads(run(capsys, "spiked-matrix", "--over", "prior=rademacher,gaussian", "--json")[1])
    assert [row["prior"] for row in texts["rows"]] == ["rademacher", "gaussian"]
    # a parameter that is called like the control of another model
    noisy = json.loads(
        run(
            capsys,
            "xorsat",
            "--set",
            "k=3",
            "--set",
            "degrees=regular",
            "--over",
            "T=0.3,0.5",
            "--over",
            "density=0.8",
            "--quantity",
            "first_order",
            "--json",
        )[1]
    )
    assert noisy["axes"] == {"temperature": [0.3, 0.5], "density": [0.8]}


def test_failures_are_rows(capsys, tmp_path):
    code, out, err = run(capsys, "ising-p-spin", "--over", "p=3,1", "-o", tmp_path / "a.csv", "--quantity", "dynamical")
    assert (code, err) == (0, "")
    table = rows_of(tmp_path / "a.csv")
    assert [row["failure"] for row in table] == ["", "p must be an integer from 2 to 1000, got 1"]
    assert float(table[0]["dynamical_temperature"]) > 0
    assert table[1]["dynamical_temperature"] == ""
    assert "p = 1: failed: p must be" in out
    words = ["--over", "p=3", "--over", "T=0.7", "--over", "snr=0.1,1e13", "--quantity", "dynamical,region"]
    out = run(capsys, "ising-p-spin", *words)[1]
    assert "dynamical 0.68159804057" in out.splitlines()[-1]
    assert "region failed: snr must be in [0, 1e+12)" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("unknown quantity 'dynamic' (did you mean 'dynamical'?)", ["--over", "p=3", "--quantity", "dynamic"]),
        ("unknown quantity ''", ["--over", "p=3", "--quantity", "dynamical,"]),
        ("the quantity 'region' needs a control", ["--over", "p=3", "--quantity", "region"]),
        (
            "unknown axis 'rho'; known: control, field, p, snr, strength, temperature",
            ["--over", "p=3", "--over", "rho=1"],
        ),
        ("unknown axis 'beta' (did you mean 'temperature'?)", ["--over", "p=3", "--over", "beta=1"]),
        ("the axis 'p' is given twice", ["--over", "p=3", "--over", "p=4"]),
        ("the axis 'temperature' is given twice: 'T'", ["--over", "p=3", "--over", "T=1", "--over", "temperature=1"]),
        ("the control is given twice", ["--over", "p=3", "--over", "control=1", "--over", "temperature=1"]),
        (
            "the parameter 'temperature' is given twice: 'T'",
            ["--set", "k=3", "--over", "T=1", "--over", "temperature=1"],
        ),
        ("'p' is given by --set and by --over", ["--set", "p=3", "--over", "p=3"]),
        ("must be LO:HI:N, such as 0.02:0.2:50, got '0.02:0.2'", ["--over", "p=0.02:0.2"]),
        ("must be LO:HI:N", ["--over", "p=1:2:3:4"]),
        ("an end of the range of p must be one number", ["--over", "p=a:b:c"]),
        ("an end of the range of p must be one number, finite, got 'nan'", ["--over", "p=nan:1:3"]),
        ("N in the range of p, LO:HI:N, must be an integer from 2 to 100000, got 'c'", ["--over", "p=1:2:c"]),
        ("from 2 to 100000, got '0'", ["--over", "p=1:2:0"]),
        ("from 2 to 100000, got '100000000000'", ["--over", "p=1:2:100000000000"]),
        ("must have two different ends", ["--over", "p=3:3:4"]),
        ("a finite way apart, got '1e308:-1e308:3'", ["--over", "p=3", "--over", "T=1e308:-1e308:3"]),
        ("the values of p must be finite, at most about 1.8e308, got '1e400'", ["--over", "p=1e400"]),
        ("p must be an integer, and 3:5:4 is not of integers", ["--over", "p=3:5:4"]),
        ("separated by single commas", ["--over", "p=3,,4"]),
        ("--over needs NAME=LO:HI:N", ["--over", "p"]),
        ("--over needs NAME=LO:HI:N", ["--over", "p="]),
        ("--over needs NAME=LO:HI:N", ["--over", "=3"]),
        ("the parameter 'values' is a list itself", ["--over", "values=1,2"]),
        ("the product of the axes has 250000 rows", ["--over", "p=2:501:500", "--over", "T=1:2:500"]),
        ("temperature must be one number", ["--over", "p=3", "--over", "T=warm"]),
        ("no model can be made: p must be an integer", ["--over", "p=1,2.5"]),
        ("the model ising-p-spin needs p", ["--over", "T=1"]),
        ("give that by --over", ["--over", "p=3", "--set", "T=0.7"]),
        ("required: --over", []),
        ("--workers must be an integer from 1", ["--over", "p=3", "--workers", "0"]),
        ("unknown path 'flwo'", ["--over", "p=3", "--path", "flwo"]),
        ("its ending must be one of .csv, .json", ["--over", "p=3", "-o", "new.txt"]),
        ("exists already", ["--over", "p=3", "-o", "old.csv"]),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(capsys, tmp_path, monkeypatch, error, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.csv").write_text("kept")
    model = "xorsat" if "k=3" in words else "ising-p-spin"
    code, out, err = run(capsys, model, *([] if "-o" in words else ["-o", "new.csv"]), *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert error in err
    assert [p.name for p in tmp_path.iterdir()] == ["old.csv"]
    assert (tmp_path / "old.csv").read_text() == "kept"


def test_bad_input_is_found_before_any_work(capsys, tmp_path, monkeypatch):
    from amp_theory.phases.families import sweep

    def work(*_, **__):
        raise AssertionError

    monkeypatch.setattr(sweep, "run_tasks", work)
    (tmp_path / "old.csv").write_text("kept")
    for words in (
        ["-o", str(tmp_path / "old.csv")],
        ["--quantity", "region"],
        ["--over", "rho=1"],
        ["--checkpoint", str(tmp_path)],
    ):
        assert run(capsys, "ising-p-spin", "--over", "p=3", *words)[0] == 2
    with pytest.raises(AssertionError):  # the negative control
        run(capsys, "ising-p-spin", "--over", "p=3", "-o", tmp_path / "old.csv", "--force")


def test_an_existing_table_is_replaced_on_request(capsys, tmp_path):
    (tmp_path / "a.csv").write_text("old")
    words = ["ising-p-spin", "--over", "p=3", "--quantity", "dynamical", "-o", tmp_path / "a.csv"]
    assert run(capsys, *words, "--force")[0] == 0
    assert (tmp_path / "a.csv").read_text().startswith("p,dynamical_temperature,error_of_dynamical_temperature")


def test_a_checkpoint_of_another_sweep_is_refused(capsys, tmp_path):
    words = ["--quantity", "dynamical", "--checkpoint", tmp_path / "a.npz"]
    assert run(capsys, "ising-p-spin", "--over", "p=3,4", *words)[0] == 0
    code, out, err = run(capsys, "ising-p-spin", "--over", "p=3,5", *words)
    assert (code, out) == (2, "")
    assert "axis p is [3, 4] there, [3, 5] here" in err


@pytest.mark.slow
def test_workers_give_the_same_table(capsys, tmp_path):
    one, two = (run(capsys, *SPARSE, "--json", "--workers", n) for n in (1, 2))
    assert one == two
    assert one[0] == 0
