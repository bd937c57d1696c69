"""Reading and writing files so that nothing is ever lost: checked first, written aside, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import platform
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from amp_theory.tools.errors import FileError, InputError, as_flag, told

#: the largest file that is read as JSON, in bytes
LARGEST = 2**28
#: names of files that are being written: of which machine and process
_HOST = hashlib.sha256(platform.node().encode(errors="replace")).hexdigest()[:8]
_TEMPORARY = re.compile(rf"\.amp_theory-{_HOST}-(\d+)-[0-9a-f]+(\.\w+)?")
#: folders in which this process has looked for what killed ones left
_cleaned: set[Path] = set()


def as_file(path: str | os.PathLike[str]) -> Path:
    """Return `path` as a path that a system may know, or raise an `InputError`."""
    try:
        text = os.fspath(path)
        possible = isinstance(text, str) and text and "\0" not in os.fsencode(text).decode("latin-1")
    except (TypeError, UnicodeEncodeError):
        possible = False
    if not possible:
        raise InputError(
            f"a file must be given by its path, some text without NUL or lone surrogates, got {told(path)}"
        )
    return Path(path)


def _status(path: Path) -> os.stat_result | None:
    """Return what the system knows of a path, None where there is nothing."""
    try:
        return path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise FileError(f"cannot write {str(path)!r}: it is a link to a file that does not exist") from None
        return None
    except OSError as error:
        raise FileError(f"cannot write {str(path)!r}: {_why(error)}") from error


def check_place(path: Path) -> bool:
    """Tell whether there is a regular file at a path; raise a `FileError` if none can be written there."""
    folder, here = _status(path.parent), _status(path)
    if folder is None:
        raise FileError(f"cannot write {str(path)!r}: the folder {str(path.parent)!r} does not exist")
    if here is not None and not stat.S_ISREG(here.st_mode):
        what = "it is a folder" if stat.S_ISDIR(here.st_mode) else "it is not a regular file"
        raise FileError(f"cannot write {str(path)!r}: {what}")
    if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        raise FileError(f"cannot write {str(path)!r}: its folder is closed to you")
    return here is not None


def check_output(path: str | os.PathLike[str], endings: Iterable[str], overwrite: bool) -> Path:
    """Return the path after checking that a file can be written there.

    Raises
    ------
    InputError
        If its ending is not one of `endings` (such as ".json").
    FileError
        If its folder does not exist or is closed, it is no regular file, or it exists and `overwrite` is not given.
    """
    target = as_file(path)
    known = sorted(endings)
    if target.suffix.lower() not in known:
        raise InputError(f"cannot write {str(target)!r}: its ending must be one of {', '.join(known)}")
    replace = as_flag("overwrite", overwrite)
    if check_place(target) and not replace:
        raise FileError(f"{str(target)!r} exists already; ask for it to be overwritten (overwrite=True, --force)")
    return target


def _why(error: OSError) -> str:
    return error.strerror or str(error)


@contextlib.contextmanager
def replacing(path: Path, ending: str = "") -> Iterator[Path]:
    """Give a temporary file beside `path`, which takes its place, and its mode, when all has gone well.

    The file that a link points to is replaced, not the link.

    Raises
    ------
    FileError
        If the system refuses, for instance because the disk is full; what was at the path is left as it was.
    """
    target = path.resolve()
    clean(target.parent)
    aside = target.with_name(f".amp_theory-{_HOST}-{os.getpid()}-{secrets.token_hex(6)}{ending}")
    try:
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # less the umask
        with contextlib.suppress(FileNotFoundError):
            os.chmod(aside, stat.S_IMODE(target.stat().st_mode))
        yield aside
        os.replace(aside, target)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {str(path)!r}: {_why(error)}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)


def clean(folder: Path) -> None:
    """Remove what processes of this machine that are no more were writing in a folder; once in a process."""
    if folder in _cleaned or os.name != "posix":
        return
    _cleaned.add(folder)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.fullmatch(entry.name)
            if found and not _running(int(found[1])):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _running(process: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Write a file aside and rename it into place; its content is made before the disk is touched."""
    content = io.BytesIO()
    fill(content)
    with replacing(path) as aside, open(aside, "wb") as stream:
        stream.write(content.getbuffer())
        stream.flush()
        os.fsync(stream.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text file aside and rename it into place."""
    write(path, lambda stream: stream.write(text.encode()))


def to_json(data: Any) -> str:
    """Return strict JSON, one line per top-level entry's structure, refusing NaN and infinity."""
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def read_bytes(path: str | os.PathLike[str], largest: int = LARGEST) -> bytes:
    """Return the content of a regular file of at most `largest` bytes.

    Raises
    ------
    FileError
        If it cannot be read, is too large, or is no regular file: a pipe or a device may never end.
    """
    file = as_file(path)
    try:
        # a pipe without a writer is not waited for
        with open(os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"cannot read {str(path)!r}: it is not a regular file")
            if status.st_size > largest:
                raise FileError(f"cannot read {str(path)!r}: its {status.st_size} bytes are more than {largest}")
            return stream.read()
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot read {str(path)!r}: {_why(error)}") from error


def read_versioned(path: str | os.PathLike[str], form: str, newest: int, otherwise: str) -> dict[str, Any]:
    """Return the object in a JSON file that tells its format and version.

    Raises
    ------
    FileError
        If it cannot be read, is of another format (`otherwise` says what it is not), or of a version not known here.
    """
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != form:
        raise FileError(f"{str(path)!r} is {otherwise}")
    version = data.get("version")
    if type(version) is not int or not 1 <= version <= newest:
        raise FileError(f"{str(path)!r} has version {version!r}; this amp_theory reads versions 1 to {newest}")
    return data


def read_json(path: str | os.PathLike[str]) -> Any:
    """Return the content of a JSON file.

    Raises
    ------
    FileError
        If it cannot be read or is not JSON.
    """
    try:
        return json.loads(read_bytes(path).decode(), parse_constant=_refuse)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise FileError(f"{str(path)!r} is not a JSON file: {error}") from error
    except RecursionError:
        raise FileError(f"{str(path)!r} is not read: it is nested too deeply") from None
