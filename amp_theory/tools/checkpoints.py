"""What a long run has found so far, in a file that survives a kill, is refused if damaged, and is shared by processes.

A checkpoint holds the problem, the results of finished tasks and the state of the one that was interrupted.  Version 2
carries a checksum of all of it; files of version 1, which have none, are read as well where a run allows that.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.tools.errors import FileError
from amp_theory.tools.files import as_file, check_place, read_bytes, write

State = dict[str, npt.NDArray[Any]]
#: lists of numbers, in runs that say so of texts
Result = dict[str, list[Any]]
FORMAT, VERSION = "amp_theory sweep", 2
#: the largest checkpoint that is read, in bytes
LARGEST = 2**34
#: what the name of an array of the state begins with
PREFIX = "state_"
#: what may be wrong with a file, besides its checksum
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, OSError, MemoryError, OverflowError,
          zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError, RuntimeError,
          UserWarning)  # fmt: skip


class Checkpoint:
    """Results of finished tasks and the state of the current one, in memory and, if there is one, in a file.

    Results hold items of these kinds; files are of version `oldest` at least.

    Raises
    ------
    FileError
        If the file is damaged, of another problem (the message says what differs), or cannot be written.
    """

    def __init__(
        self, file: str | os.PathLike[str] | None, problem: Mapping[str, Any], kinds: tuple[type, ...] = (int, float),
        oldest: int = 1,
    ) -> None:  # fmt: skip
        self._kinds, self._oldest = kinds, oldest
        self.file = None if file is None else as_file(file)
        self.problem = json.loads(json.dumps(dict(problem)))
        self.results: dict[int, Result] = {}
        self._current: tuple[int, State, Any] | None = None
        self._seen: tuple[int, ...] | None = None
        if self.file is not None and check_place(self.file):
            self.results, self._current = self._read(self.file)
            self._seen = _identity(self.file)

    def resume(self, number: int, rng: np.random.Generator) -> State | None:
        """Return the state kept of a task, after setting its random stream; None if there is none."""
        if self._current is None or self._current[0] != number:
            return None
        try:
            rng.bit_generator.state = self._current[2]
        except DAMAGE as error:
            raise FileError(f"the checkpoint {str(self.file)!r} is damaged: its random stream is none") from error
        return self._current[1]

    def interrupt(self, number: int, state: State, rng: np.random.Generator) -> None:
        """Keep the state of a task that goes on."""
        self._current = number, state, rng.bit_generator.state
        self._write()

    def finish(self, number: int, result: Result) -> None:
        """Keep the result of a task."""
        self.results[number] = result
        if self._current is not None and self._current[0] == number:
            self._current = None
        self._write()

    # --- the file ---

    def _read(self, file: Path) -> tuple[dict[int, Result], tuple[int, State, Any] | None]:
        """Return results and the interrupted task of a file, after checking every entry."""
        content = read_bytes(file, LARGEST)
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as data:
                text = str(data["header"])
                state = {name.removeprefix(PREFIX): data[name] for name in data.files if name.startswith(PREFIX)}
                stored = str(data["checksum"]) if "checksum" in data.files else None
            header = json.loads(text)
            version = header.get("version") if isinstance(header, dict) else None
            allowed = range(self._oldest, VERSION + 1)
            if not isinstance(header, dict) or header.get("format") != FORMAT or version not in allowed:
                raise FileError(f"{str(file)!r} is not a checkpoint of this version")
            if version != 1 and stored != _checksum(text, state):
                raise ValueError("its checksum is not that of its content")
            problem, results = header["problem"], _checked_results(header["results"], self._kinds)
            current = None if header["current"] is None else (_number(header["current"]), state, header["random"])
            _check_state(state)
            differing = [n for n in sorted({*problem, *self.problem}) if problem.get(n) != self.problem.get(n)]
        except FileError:
            raise
        except DAMAGE as error:
            raise FileError(f"the checkpoint {str(file)!r} is damaged, or is none: {error}") from error
        if differing:
            n = differing[0]
            raise FileError(
                f"the checkpoint {str(file)!r} is of another problem: {n} is {problem.get(n)!r} there, "
                f"{self.problem.get(n)!r} here"
            )
        return results, current

    def _write(self) -> None:
        """Write all there is, and what another process has found meanwhile."""
        if self.file is None:
            return
        with _alone(self.file.resolve().parent):
            if _identity(self.file) not in (None, self._seen):
                self.results = self._read(self.file)[0] | self.results
            current, state, random = self._current or (None, {}, None)
            header = {
                "format": FORMAT, "version": VERSION, "problem": self.problem, "current": current, "random": random,
                "results": self.results,
            }  # fmt: skip
            text = json.dumps(header)
            arrays: dict[str, Any] = {"header": np.array(text), "checksum": np.array(_checksum(text, state))}
            arrays |= {PREFIX + name: value for name, value in state.items()}
            write(self.file, lambda stream: np.savez(stream, **arrays))
            self._seen = _identity(self.file)


def _checksum(header: str, state: State) -> str:
    """Return the SHA-256 of everything in a checkpoint."""
    total = hashlib.sha256(header.encode())
    for name in sorted(state):
        value = np.ascontiguousarray(state[name])
        total.update(f"{name} {value.dtype.str} {value.shape}".encode())
        total.update(value.tobytes())
    return total.hexdigest()


def _number(value: Any) -> int:
    """Return the number of a task."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not the number of a task")
    return value


def _checked_results(stored: Any, kinds: tuple[type, ...]) -> dict[int, Result]:
    """Return results after checking that they are lists of items of these kinds by name."""
    for text, result in stored.items():
        if not text.isdecimal() or not isinstance(result, dict):
            raise ValueError(f"the result of task {text!r} is none")
        for name, values in result.items():
            if not isinstance(values, list) or not all(type(x) in kinds for x in values):
                what = " or ".join(kind.__name__ for kind in kinds)
                raise ValueError(f"{name!r} of task {text} is not a list of {what}")
    return {int(n): r for n, r in stored.items()}


def _check_state(state: State) -> None:
    """Raise a ValueError unless a state consists of numbers."""
    for name, value in state.items():
        if value.dtype.kind not in "biufc":
            raise ValueError(f"{name!r} of the state holds no numbers")


def _identity(file: Path) -> tuple[int, ...] | None:
    """Return what changes when another process replaces a file; None without one."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no other process of this machine write checkpoints in a folder meanwhile, where the system can do that."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not on every network drive
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
