"""What a terminal sees of long commands, what a pipe does not, and what goes into the log."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import pytest
from terminal import ENVIRONMENT, on_terminal

import amp_theory as at
from amp_theory.interface import logs
from amp_theory.interface.cli import main

#: seconds after which something is to be seen
SOON = 3.0
#: commands that take long, and say nothing, little or much of their progress
LONG = {
    "thresholds": ["thresholds", "bicoloring", "--set", "k=5", "--set", "degrees=regular", "--path", "autoregressive"],
    "animate": ["animate", "ising-p-spin", "--set", "p=3", "--control", "0.7", "--frames", "150", "-o", "film.gif"],
    "simulate": ["simulate", "xorsat", "--set", "k=4", "--set", "temperature=0.5", "--control", "0.6", "--size", "200",
                 "--instances", "4", "--seed", "1", "--batch", "8", "--steps", "20", "--sweeps", "200", "--workers", "2"],
}  # fmt: skip
COMPARE = ["compare", "bicoloring", "--set", "k=5", "--set", "degrees=regular"]
QUICK = ["thresholds", "ising-p-spin", "--set", "p=3"]


def start_of_a_program(folder):
    begin = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "import amp_theory, numpy, scipy.special"], check=True, cwd=folder, env=ENVIRONMENT
    )
    return time.monotonic() - begin


@pytest.mark.slow
@pytest.mark.parametrize("command", LONG)
def test_nothing_long_is_silent(tmp_path, command):
    late = max(0.0, start_of_a_program(tmp_path) - 0.5)  # a busy machine is not held against it
    session = on_terminal([*LONG[command], "--json"], tmp_path)
    assert session.code == 0, session.text
    assert session.seconds > 2, "not long enough to tell anything"
    assert json.loads(session.answer)
    assert session.longest_silence < SOON + 2 * late, session.drawn
    assert session.text.startswith(f"\r{LONG[command][0]}")
    assert session.last_line == ""
    assert "\n" not in session.text


@pytest.mark.slow
def test_pipes_get_the_answer_only(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "amp_theory", *LONG["animate"], "--json"], capture_output=True, cwd=tmp_path,
        env=ENVIRONMENT, timeout=120,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, b"")
    assert json.loads(run.stdout)


@pytest.mark.slow
def test_interruption_leaves_a_clean_line(tmp_path):
    session = on_terminal(COMPARE, tmp_path, interrupt_after=3.5)
    assert (session.code, session.answer, session.last_line) == (130, "", "")
    assert "compare" in session.text


def test_short_commands_show_nothing(tmp_path):
    session = on_terminal(QUICK, tmp_path)
    assert session.code == 0
    assert session.seconds > 2 or session.text == ""
    assert "dynamical" in session.answer


# --- the log --------------------------------------------------------------------------------------------------------


def run(capsys, *arguments):
    code = main([*arguments])
    return code, *capsys.readouterr()


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No handler and no level outlives a command."""
    log = logs.LOG
    before = (list(log.handlers), log.level)
    yield
    assert (list(log.handlers), log.level) == before


def other_model(number):
    """Return a command about a model that has not been solved yet."""
    return ["thresholds", "spherical-p-spin", "--set", f"p={number}"]


def test_verbose_says_more(capsys):
    plain = run(capsys, *other_model(31))
    said = run(capsys, *other_model(31), "-v")
    more = run(capsys, *other_model(31), "--digits", "12", "-vv")
    assert plain[:2] == said[:2]
    assert plain[2] == ""
    assert "INFO amp_theory.progress: special points of SphericalPSpin(p=31)" in said[2]
    assert "DEBUG" not in said[2]
    assert "DEBUG amp_theory.progress: 12 digits" in more[2]


@pytest.mark.parametrize("path", ["flow", "autoregressive"])
def test_details_of_a_dense_model(capsys, path):
    """Sizes of grids and of what was found, as the solver has them."""
    from amp_theory.phases.geometry.solved import geometry_of

    said = run(capsys, "thresholds", "ising-p-spin", "--set", "p=31", "--path", path, "-vv")[2]
    geo = geometry_of(at.IsingPSpin(31), {p.name: p for p in (at.Flow(), at.Autoregressive())}[path])
    found = re.search(
        r"grid of (\d+) coordinates .* fold points: (\d+), pieces: (\d+), cusps: (\d+); .* s = 0: (\d+)", said
    )
    assert found is not None, said
    sizes = (len(geo.eos.grid), sum(len(p.coordinate) for p in geo.curve.pieces), len(geo.curve.pieces),
             len(geo.curve.cusps), len(geo.zero))  # fmt: skip
    assert tuple(map(int, found.groups())) == sizes
    assert min(sizes) > 0
    assert ("folds searched on a grid" in said) == (not geo.eos.explicit_folds)


def test_a_log_is_appended_to(capsys, tmp_path):
    file = tmp_path / "run.log"
    code, out, err = run(capsys, *other_model(32), "--log", str(file), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["parameters"] == {"p": 32}
    first = file.read_text()
    assert first.splitlines()[0].endswith("thresholds spherical-p-spin --set p=32 --log " + str(file) + " --json")
    assert "folds of SphericalPSpin(p=32)" in first
    assert first.splitlines()[-1].endswith("INFO amp_theory: done")
    assert run(capsys, *other_model(33), "--log", str(file))[0] == 0
    assert file.read_text().startswith(first)
    assert "p=33" in file.read_text()


def test_what_fails_is_in_the_log(capsys, tmp_path, monkeypatch):
    from amp_theory.phases.points import thresholds as module

    def fail(geo):
        raise at.NumericalError("no luck\nat all", "try again")

    monkeypatch.setattr(module, "located_points", fail)
    file = tmp_path / "run.log"
    code, out, err = run(capsys, *other_model(34), "--log", str(file))
    assert (code, out, err) == (1, "", "amp-theory: error: no luck at all: try again\n")
    assert file.read_text().endswith("ERROR amp_theory: NumericalError: no luck at all: try again\n")


def test_what_is_refused_leaves_no_log(capsys, tmp_path):
    for arguments in (["thresholds", "ising-p-spin", "--set", "p=1"], ["models", "nothing"], ["verify", "nothing"]):
        code, out, err = run(capsys, *arguments, "--log", str(tmp_path / "run.log"), "-v")
        assert (code, out, err.count("\n")) == (2, "", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "said"), [
    ("none/run.log", "does not exist"), ("run.json", "ending must be one of .log, .txt"), ("", "got ''"),
    ("folder.log", "it is a folder"), ("pipe.log", "not a regular file"), ("loop.log", "cannot write"),
    ("a\0b.log", "NUL"), ("\ud800.log", "surrogates"), ("x" * 300 + ".log", "cannot write"), ("link.log", "link to a file"),
    ("/dev/full", "ending must be"), ("run.log/", "cannot write"),
])  # fmt: skip
def test_logs_that_cannot_be(capsys, tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.log").mkdir()
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "loop.log").symlink_to(tmp_path / "loop.log")
    (tmp_path / "link.log").symlink_to(tmp_path / "nowhere.log")
    kept = sorted(tmp_path.iterdir())
    code, out, err = run(capsys, *QUICK, "--log", name)
    if name == "run.log/":  # the same as without the stroke
        assert code == 0
        return
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert sorted(tmp_path.iterdir()) == kept


def test_a_log_is_no_other_file_of_the_command(capsys, tmp_path):
    place = str(tmp_path / "run.txt")
    simulate = [
        "simulate",
        "ising-p-spin",
        "--set",
        "p=3",
        "--control",
        "1.5",
        "--instances",
        "1",
        "--seed",
        "1",
        "--size",
        "12",
    ]
    for arguments in ([*simulate, "--checkpoint", place], ["verify", str(tmp_path / "." / "run.txt")]):
        code, out, err = run(capsys, *arguments, "--log", place)
        assert (code, out) == (2, "")
        assert "also a file of the command's" in err
    assert list(tmp_path.iterdir()) == []
    assert run(capsys, *QUICK, "--log", place, "--log", place)[2].endswith("--log is given twice\n")


def test_a_disk_that_is_full_is_one_line(capsys, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logs, "open", full, raising=False)
    code, out, err = run(capsys, *other_model(35), "--log", str(tmp_path / "run.log"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "cannot write the log" in err
    assert "No space left" in err


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_standard_error_that_takes_nothing(where):
    line = f"{sys.executable} -m amp_theory {' '.join(QUICK)} -vv {where}"
    run = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"dynamical" in run.stdout


def test_options_called_by_their_quantities(capsys):
    arguments = ["fixed-points", "ising-p-spin", "--set", "p=3", "--control", "0.7", "--strength", "0.1"]
    for option, meant in (("--temperature", "--control"), ("--T", "--control"), ("--snr", "--strength"), ("--gamma2", "--strength"),
                          ("--beta", "--control"), ("--sampling-ratio", "--control"), ("--pth", "--path")):  # fmt: skip
        code, out, err = run(capsys, *arguments, option, "1")
        assert (code, out) == (2, "")
        assert f"did you mean '{meant}'" in err, option
