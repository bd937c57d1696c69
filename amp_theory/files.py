"""Reading and writing files so that nothing is ever lost: checked first, written aside, then renamed."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from amp_theory.errors import FileError, InputError


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` as a path, or raise an `InputError`."""
    try:
        return Path(path)
    except TypeError:
        raise InputError(f"a file must be given by its path, got {path!r}") from None


def check_output(path: str | os.PathLike[str], endings: Iterable[str], overwrite: bool) -> Path:
    """Return the path after checking that a file can be written there.

    Raises
    ------
    InputError
        If its ending is not one of `endings` (such as ".json").
    FileError
        If its folder does not exist, it is a folder, or it exists and `overwrite` is not given.
    """
    target = as_path(path)
    known = sorted(endings)
    if target.suffix.lower() not in known:
        raise InputError(f"cannot write {str(target)!r}: its ending must be one of {', '.join(known)}")
    try:
        folder, itself, exists = target.parent.is_dir(), target.is_dir(), target.exists()
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write {str(target)!r}: {error}") from None
    if not folder:
        raise FileError(f"cannot write {str(target)!r}: the folder {str(target.parent)!r} does not exist")
    if itself:
        raise FileError(f"cannot write {str(target)!r}: it is a folder")
    if exists and not overwrite:
        raise FileError(f"{str(target)!r} exists already; ask for it to be overwritten (overwrite=True, --force)")
    return target


def write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name in the same folder and rename it into place."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise FileError(f"cannot write {str(path)!r}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            fill(stream)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise FileError(f"cannot write {str(path)!r}: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name and rename it into place."""
    write(path, lambda stream: stream.write(text.encode()))


def to_json(data: Any) -> str:
    """Return strict JSON, one line per top-level entry's structure, refusing NaN and infinity."""
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Return the content of a JSON file.

    Raises
    ------
    FileError
        If it cannot be read or is not JSON.
    """
    try:
        return json.loads(as_path(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except InputError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise FileError(f"{str(path)!r} is not a JSON file: {error}") from error
    except RecursionError:
        raise FileError(f"{str(path)!r} is not a diagram: it is nested too deeply") from None
