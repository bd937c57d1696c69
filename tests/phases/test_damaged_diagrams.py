"""Saved diagrams, damaged in every way: read as a diagram or refused in one line, soon."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface.cli import main

#: seconds that reading or refusing any file may take
SOON = 5
VALUES = [None, True, "", "x", "nan", 0, -1, 1.5, 1e308, 1e-320, 10**40, 10**400, [], [[1]], {}, {"a": 1}, "=1+1", "\u0000", "\ud800",
          "spiked-matrix", "flow", "x" * 10_000, [1e999], "__import__('os')"]  # fmt: skip


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Return saved diagrams as text."""
    file, found = tmp_path_factory.mktemp("saved") / "a.json", []
    for model in (
        at.IsingPSpin(3),
        at.SpikedMatrix(at.SparseRademacher(0.08)),
        at.MixedPSpin("q**2/8 + q**4/2"),
    ):
        at.phase_diagram(model, at.Flow(), points=4).save(file, overwrite=True)
        found.append(file.read_text())
    return found


def places(data, where=()):
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [where] * bool(where) + [p for key, value in inner for p in places(value, (*where, key))]


def mutated(text, rng):
    """Change, remove or add an entry, or change, cut or repeat characters."""
    kind = rng.integers(6)
    if kind < 4:
        data = json.loads(text)
        for _ in range(rng.integers(1, 3)):
            every = places(data)
            *path, key = every[rng.integers(len(every))]
            inner = data
            for step in path:
                inner = inner[step]
            if kind == 0:
                del inner[key]
            elif kind == 1 and isinstance(inner, dict):
                inner["more"] = inner[key]
            else:
                inner[key] = VALUES[rng.integers(len(VALUES))]
        return json.dumps(data).encode()
    content = bytearray(text.encode())
    if kind == 4:
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(len(content))] = rng.integers(256)
        return bytes(content)
    cut = int(rng.integers(len(content)))
    return bytes(content[:cut] + content[max(cut - 40, 0) : cut] * int(rng.integers(0, 50)))


def check(number, texts, folder, capsys):
    rng, file, refused = np.random.default_rng(number), folder / "a.json", 0
    for k in range(number):
        file.write_bytes(mutated(texts[rng.integers(len(texts))], rng))
        begin, message = time.process_time(), None
        try:
            at.load(file).report()
        except at.FileError as error:
            message = str(error)
        if message is not None:
            refused += 1
            assert len(message) <= 300
            assert message.isprintable()
        assert time.process_time() - begin < SOON
        if k % 10 == 0:  # on the command line, too
            code = main(["draw", str(file), "-o", str(folder / "b.csv"), "--force"])
            out, err = capsys.readouterr()
            assert code in (0, 1, 2)
            assert not err if code == 0 else (not out and err.count("\n") == 1 and len(err) <= 300)
    assert refused > number / 2
    assert sorted(p.name for p in folder.iterdir()) in (["a.json"], ["a.json", "b.csv"])


def test_some_damaged_diagrams(texts, tmp_path, capsys):
    check(100, texts, tmp_path, capsys)


@pytest.mark.slow
def test_many_damaged_diagrams(texts, tmp_path, capsys):
    check(1000, texts, tmp_path, capsys)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 100_000,
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"",
        b"nul",
        b"1e999",
        b'"' + b"x" * 10**6 + b'"',
    ],
)
def test_what_is_no_diagram_at_all(tmp_path, content):
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(at.FileError):
        at.load(file)
