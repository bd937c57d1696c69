"""Checkpoints: what is damaged is refused in one line, what another process found is kept."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

import amp_theory as at
from amp_theory.tools.checkpoints import VERSION, Checkpoint, _checksum
from amp_theory.tools.runs import random_stream, run_task, run_tasks

PROBLEM = {"question": "sums", "length": 7}


class Sum:
    """Adds random numbers to an array, ten steps."""

    def start(self, rng):
        return {"total": rng.normal(size=3), "steps": np.zeros(1, dtype=int)}

    def advance(self, state, rng):
        state["total"] += rng.normal(size=3)
        state["steps"] += 1

    def finished(self, state):
        return state["steps"][0] == 23

    def result(self, state):
        return {"total": state["total"].tolist(), "steps": state["steps"].tolist()}


class Stopped(Sum):
    """Is interrupted after its first saved state."""

    def advance(self, state, rng):
        super().advance(state, rng)
        if state["steps"][0] == 15:
            raise KeyboardInterrupt


def interrupted(file):
    """Leave a checkpoint with two results and a third task under way."""
    with pytest.raises(KeyboardInterrupt):
        run_tasks([Sum(), Sum(), Stopped()], 5, PROBLEM, checkpoint=file)


def outcome(file):
    """Return what a run from a checkpoint gives: its results, or the error in words."""
    try:
        return run_tasks([Sum()] * 4, 5, PROBLEM, checkpoint=file)
    except at.FileError as error:
        return str(error)


EXPECTED = [run_task(Sum(), 5, n) for n in range(4)]


def test_interrupted_runs_resume_inside_a_task(tmp_path):
    file = tmp_path / "run.npz"
    interrupted(file)
    kept = Checkpoint(file, PROBLEM | {"seed": 5})
    assert sorted(kept.results) == [0, 1]
    rng = random_stream(5, 2)
    assert kept.resume(2, rng)["steps"][0] == 10
    assert outcome(file) == EXPECTED


def entries(file):
    """Return the arrays of a checkpoint, its header as data."""
    with np.load(file) as data:
        arrays = dict(data)
    return json.loads(str(arrays.pop("header"))), arrays


def stored(file, header, arrays):
    np.savez(file, header=np.array(json.dumps(header)), **arrays)


def leaves(data, where=()):
    """Return the places of everything in nested data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [where] * bool(where) + [p for key, value in inner for p in leaves(value, (*where, key))]


def changed(data, where, change):
    """Change or remove one entry of nested data in place."""
    for key in where[:-1]:
        data = data[key]
    if change == "remove":
        del data[where[-1]]
    else:
        data[where[-1]] = change


@pytest.mark.parametrize("change", ["remove", None, "x", 1.5, -1, [], {"a": [1]}, [["x"]], float("nan"), 10**40])
@pytest.mark.parametrize("version", [1, VERSION])
@pytest.mark.every(3)
def test_no_changed_entry_goes_unnoticed(tmp_path, change, version):
    """A file of version 1 has no checksum: a changed number may pass there, but nothing else goes wrong."""
    file = tmp_path / "run.npz"
    interrupted(file)
    header, arrays = entries(file)
    header["version"] = version
    for where in leaves(header):
        other = json.loads(json.dumps(header))
        changed(other, where, change)
        if other == header:
            continue
        stored(file, other, arrays)
        found = outcome(file)
        if version == VERSION:
            assert isinstance(found, str), where
        assert isinstance(found, list) or repr(str(file)) in found


def test_no_changed_array_goes_unnoticed(tmp_path):
    file = tmp_path / "run.npz"
    interrupted(file)
    header, arrays = entries(file)
    for name in arrays:
        for other in ({**arrays, name: np.array("0" * 64)}, {k: v for k, v in arrays.items() if k != name}):
            stored(file, header, other)
            assert "its checksum is not that of its content" in outcome(file), name
    stored(file, header, arrays | {"state_more": np.zeros(2)})
    assert "checksum" in outcome(file)
    arrays["state_total"] = arrays["state_total"] + 1e-15
    stored(file, header, arrays)
    assert "checksum" in outcome(file)
    # the negative control: what is right is accepted
    arrays.pop("checksum")
    text = json.dumps(header)
    state = {n.removeprefix("state_"): a for n, a in arrays.items()}
    np.savez(file, header=np.array(text), checksum=np.array(_checksum(text, state)), **arrays)
    assert isinstance(outcome(file), list)


def test_damaged_bytes(tmp_path):
    """Of every part of the file some bits are flipped, and it is cut everywhere."""
    file, rng = tmp_path / "run.npz", np.random.default_rng(0)
    interrupted(file)
    content = file.read_bytes()
    passed = 0
    for _ in range(400):
        other = bytearray(content)
        other[rng.integers(len(content))] ^= 1 << rng.integers(8)
        file.write_bytes(other)
        found = outcome(file)
        passed += found == EXPECTED  # bits that mean nothing, such as the time in the archive
        assert found == EXPECTED or isinstance(found, str)
    assert passed < 100
    for length in rng.integers(0, len(content), 60):
        file.write_bytes(content[:length])
        assert isinstance(outcome(file), str)


def test_arrays_that_claim_to_be_huge(tmp_path):
    """No memory is given to a shape without data."""
    file = tmp_path / "run.npz"
    interrupted(file)
    inner = io.BytesIO()
    np.lib.format.write_array_header_2_0(inner, {"descr": "<f8", "fortran_order": False, "shape": (2**50,)})
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("state_huge.npy", inner.getvalue())
    assert isinstance(outcome(file), str)


def test_what_another_process_finds_meanwhile_is_kept(tmp_path):
    file = tmp_path / "run.npz"
    one, other = Checkpoint(file, PROBLEM), Checkpoint(file, PROBLEM)
    for n in range(3):
        one.finish(n, EXPECTED[n])
    other.finish(3, EXPECTED[3])
    assert sorted(Checkpoint(file, PROBLEM).results) == [0, 1, 2, 3]
    third = Checkpoint(tmp_path / "new.npz", PROBLEM)
    (tmp_path / "new.npz").write_bytes(b"of somebody else")
    with pytest.raises(at.FileError, match="damaged, or is none"):
        third.finish(0, EXPECTED[0])
    assert (tmp_path / "new.npz").read_bytes() == b"of somebody else"
