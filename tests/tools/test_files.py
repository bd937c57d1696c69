"""Writing never loses anything: failures are injected at every step."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys

import pytest

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.tools import files
from amp_theory.tools.checkpoints import Checkpoint


def test_text_is_written_whole(tmp_path):
    target = tmp_path / "a.csv"
    files.write_text(target, "äöü\n")
    assert target.read_text(encoding="utf-8") == "äöü\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("where", ["replace", "open", "fsync", "chmod"])
def test_failure_keeps_the_old_file(tmp_path, monkeypatch, where):
    target = tmp_path / "a.json"
    target.write_text("old")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, where, fail)
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
    """As root permissions do not bind, so the refusals are injected: found before the work, or at its end."""
    diagram = at.phase_diagram(at.SphericalPSpin(3), at.Flow(), points=3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        with pytest.raises(at.FileError, match="its folder is closed to you"):
            diagram.save(tmp_path / "d.json")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(at.FileError, match="Permission denied"):
        diagram.save(tmp_path / "d.json")


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_modes_follow_the_umask_and_are_kept(tmp_path, mask):
    target = tmp_path / "a.json"
    before = os.umask(mask)
    try:
        files.write_text(target, "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask
    target.chmod(0o640)
    files.write_text(target, "newer")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_the_file_behind_a_link_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "a.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    files.write_text(files.check_output(link, [".json"], overwrite=True), "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.json", "far", "link.json"]


def dangling(folder):
    (folder / "link.json").symlink_to(folder / "nowhere.json")
    return folder / "link.json", "does not exist"


def loop(folder):
    (folder / "a.json").symlink_to(folder / "b.json")
    (folder / "b.json").symlink_to(folder / "a.json")
    return folder / "a.json", "[Tt]oo many levels"


def pipe(folder):
    os.mkfifo(folder / "pipe.json")
    return folder / "pipe.json", "not a regular file"


def file_as_folder(folder):
    (folder / "a").write_text("")
    return folder / "a" / "b.json", "[Nn]ot a directory"


def as_folder(folder):
    (folder / "a.json").mkdir()
    return folder / "a.json", "it is a folder"


PLACES = {
    "dangling": dangling,
    "loop": loop,
    "pipe": pipe,
    "file as folder": file_as_folder,
    "folder": as_folder,
    "long name": lambda folder: (folder / ("x" * 300 + ".json"), "[Nn]ame too long"),
    "long path": lambda folder: (folder / "/".join(["x" * 200] * 30) / "a.json", "[Nn]ame too long"),
    "no folder": lambda folder: (folder / "none" / "a.json", "does not exist"),
}
UNNAMEABLE = ["a\0b.json", "\ud800.json", b"a.json", 3, None, ["a.json"]]


@pytest.mark.parametrize("place", PLACES)
def test_places_where_nothing_can_be_written(tmp_path, place):
    """They are found before any work is done, and as checkpoints too."""
    target, message = PLACES[place](tmp_path)
    there = sorted(tmp_path.rglob("*"))
    with pytest.raises(at.FileError, match=message):
        files.check_output(target, [".json"], overwrite=True)
    with pytest.raises(at.FileError, match=message):
        Checkpoint(target, {})
    assert sorted(tmp_path.rglob("*")) == there


@pytest.mark.parametrize("name", UNNAMEABLE)
def test_names_that_no_file_has(name):
    for call in (lambda: files.check_output(name, [".json"], overwrite=True), lambda: at.load(name)):
        with pytest.raises(at.InputError, match="a file must be given by its path"):
            call()
    with pytest.raises(at.InputError):
        at.verify(name)
    if name is not None:
        with pytest.raises(at.InputError, match="a file must be given by its path"):
            Checkpoint(name, {})


def test_a_name_as_long_as_possible_is_written(tmp_path):
    """The temporary name is no longer than the final one may be."""
    target = tmp_path / ("x" * 250 + ".json")
    files.write_text(target, "new")
    assert target.read_text() == "new"


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/tty", "pipe"])
def test_what_never_ends_is_not_read(tmp_path, name):
    if name == "pipe":
        name = str(tmp_path / "pipe")
        os.mkfifo(name)
    for reader in (at.load, at.verify):
        with pytest.raises(at.FileError, match="cannot read"):
            reader(name)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    target = tmp_path / "large.json"
    with target.open("wb") as stream:
        stream.truncate(files.LARGEST + 1)
    with pytest.raises(at.FileError, match="bytes are more than"):
        at.load(target)


def test_leftovers_of_killed_processes_are_removed(tmp_path):
    """Of processes of this machine only, and not of those that run."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with files.replacing(tmp_path / "mine.json") as mine:
        left = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-"))
        other = mine.with_name(mine.name.replace("-", "-0", 1))
        film = left.with_name(left.name + ".gif")
        for file in (left, other, film):
            file.touch()
        files._cleaned.clear()
        files.write_text(tmp_path / "a.json", "new")
        assert mine.exists()
        assert other.exists()
        assert not left.exists()
        assert not film.exists()


@pytest.mark.parametrize("ending", ["pdf", "svg", "png", "json", "csv", "html", "gif"])
@pytest.mark.every(3)
def test_a_full_disk(tmp_path, capsys, ending):
    """The disk is full after 3000 bytes: one line, exit code 2, and what was there is left."""
    import matplotlib.font_manager  # noqa: F401  keeps its list of fonts in a file

    target = tmp_path / f"a.{ending}"
    target.write_text("old")
    command = ["animate", "--control", "0.7", "--frames", "2"] if ending == "gif" else ["diagram", "--points", "60"]
    arguments = [command[0], "ising-p-spin", "--set", "p=3", *command[1:], "-o", str(target), "--force"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        code = main(arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith(f"amp-theory: error: cannot write {str(target)!r}")
    assert err.count("\n") == 1
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [target.name]
