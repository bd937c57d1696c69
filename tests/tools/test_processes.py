"""Kills, interruptions and shared files: no orphan, no leftover, no lost work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

COMMAND = [sys.executable, "-m", "amp_theory", "simulate", "ising-p-spin", "--set", "p=3", "--control", "1.5", "--size",
           "30", "--instances", "6", "--seed", "3", "--batch", "6", "--steps", "10", "--sweeps", "400", "--json"]  # fmt: skip
pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked up in /proc")


def family(leader: int) -> list[int]:
    """Return the processes of the session that a process leads."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def begun(file: Path, workers: int = 2, *more: str) -> subprocess.Popen[str]:
    """Start a run in a session of its own."""
    command = [*COMMAND, "--checkpoint", str(file), "--workers", str(workers), *more]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def wait_until(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def finished(file: Path) -> int:
    """Return how many instances a checkpoint holds."""
    if not file.exists():
        return 0
    with np.load(file) as data:
        return len(json.loads(str(data["header"]))["results"])


def whole(file: Path) -> dict:
    """Return the samplers of a run that is let end."""
    run = begun(file)
    out, err = run.communicate(timeout=200)
    assert (run.returncode, err) == (0, "")
    wait_until(lambda: family(run.pid) == [], 5)
    return json.loads(out)["samplers"]


def clean(folder: Path, *names: str) -> bool:
    return sorted(p.name for p in folder.iterdir()) == sorted(names)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return whole(tmp_path_factory.mktemp("whole") / "run.npz")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
@pytest.mark.slow
def test_workers_end_with_their_parent(tmp_path, number):
    run = begun(tmp_path / "run.npz")
    wait_until(lambda: finished(tmp_path / "run.npz") >= 1)
    assert len(family(run.pid)) >= 3
    # a terminal sends Ctrl-C to all of them
    (os.killpg if number == signal.SIGINT else os.kill)(run.pid, number)
    out, err = run.communicate(timeout=20)
    wait_until(lambda: family(run.pid) == [], 5)
    code = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}[number]
    assert (run.returncode, out) == (code, "")
    said = f"amp-theory: interrupted: the same command again resumes from {str(tmp_path / 'run.npz')!r}\n"
    # of a parent that is killed Python itself tells what it tidied up
    assert "Traceback" not in err if number == signal.SIGKILL else err == said
    assert clean(tmp_path, "run.npz")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_interruptions_without_workers(tmp_path, number):
    run = begun(tmp_path / "run.npz", 1)
    wait_until(lambda: finished(tmp_path / "run.npz") >= 1)
    run.send_signal(number)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 128 + number
    assert "the same command again resumes from" in err
    assert clean(tmp_path, "run.npz")


@pytest.mark.slow
def test_a_killed_worker(tmp_path, expected):
    """What it was at is lost, what is done is not, and the message says how to go on."""
    file = tmp_path / "run.npz"
    run = begun(file)
    wait_until(lambda: finished(file) >= 1)
    victim = max(set(family(run.pid)) - {run.pid})
    os.kill(victim, signal.SIGKILL)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (1, "")
    assert err.count("\n") == 1
    assert "tasks failed, the first" in err
    assert err.endswith("run the same again to resume\n")
    wait_until(lambda: family(run.pid) == [], 5)
    done = finished(file)
    assert done >= 1
    assert whole(file) == expected


@pytest.mark.slow
def test_two_processes_on_one_checkpoint(tmp_path, expected):
    """Both end, with the same numbers, and neither loses what the other has found."""
    file = tmp_path / "run.npz"
    runs = [begun(file, workers) for workers in (1, 2)]
    outputs = [run.communicate(timeout=200) for run in runs]
    for run, (out, err) in zip(runs, outputs, strict=True):
        assert (run.returncode, err) == (0, "")
        assert json.loads(out)["samplers"] == expected
    assert finished(file) == 6
    assert clean(tmp_path, "run.npz")


@pytest.mark.slow
def test_two_processes_on_one_output(tmp_path):
    target = tmp_path / "a.json"
    command = [
        sys.executable,
        "-m",
        "amp_theory",
        "diagram",
        "spherical-p-spin",
        "--set",
        "p=3",
        "--force",
        "-o",
        target,
    ]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for run in runs:
        assert run.communicate(timeout=60)[1] == ""
        assert run.returncode == 0
    assert json.loads(target.read_text())["model"] == "spherical-p-spin"
    assert clean(tmp_path, "a.json")


@pytest.mark.slow
def test_kills_at_random_moments(tmp_path, expected):
    """A kill of each kind, one after the other, each resumed where it was: the numbers of an undisturbed run."""
    rng = np.random.default_rng(0)
    for number in rng.permutation([signal.SIGTERM, signal.SIGKILL, signal.SIGINT]):
        run = begun(tmp_path / "run.npz")
        time.sleep(float(rng.uniform(0.2, 2.5)))
        os.kill(run.pid, number)
        _, err = run.communicate(timeout=20)
        # Ctrl-C before the program has begun is Python's to report
        assert "Traceback" not in err or number != signal.SIGTERM
        wait_until(lambda run=run: family(run.pid) == [], 5)
    assert whole(tmp_path / "run.npz") == expected
    assert clean(tmp_path, "run.npz")
