"""Writing never loses anything: failures are injected at every step."""

from __future__ import annotations

import os
import tempfile

import pytest

import amp_theory as at
from amp_theory import files


def test_text_is_written_whole(tmp_path):
    target = tmp_path / "a.csv"
    files.write_text(target, "äöü\n")
    assert target.read_text(encoding="utf-8") == "äöü\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("where", ["replace", "fdopen", "mkstemp", "chmod"])
def test_failure_keeps_the_old_file(tmp_path, monkeypatch, where):
    target = tmp_path / "a.json"
    target.write_text("old")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile if where == "mkstemp" else os, where, fail)
    with pytest.raises(at.FileError, match="No space left"):
        files.write_text(target, "new")
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_interruption_while_writing_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")

    def interrupted(stream):
        stream.write(b"ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write(target, interrupted)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_json_is_strict():
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.to_json({"x": float("nan")})


def test_read_only_folder(tmp_path, monkeypatch):
    """As root permissions do not bind, so the refusal is injected where the temporary file is made."""
    monkeypatch.setattr(
        tempfile, "mkstemp", lambda **_: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    with pytest.raises(at.FileError, match="Permission denied"):
        at.phase_diagram(at.SphericalPSpin(3), at.Flow(), points=3).save(tmp_path / "d.json")
