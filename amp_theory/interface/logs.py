"""What a command says besides its answer: its progress on a terminal, and its log if one is asked for."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import IO

from amp_theory import __version__
from amp_theory.tools.errors import FileError, InputError
from amp_theory.tools.files import as_file, check_output
from amp_theory.tools.progress import display_here, show_progress

LOG = logging.getLogger("amp_theory")
FORM = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


class _Beside(logging.StreamHandler[IO[str]]):
    """Write to standard error, beside the line that shows the progress."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        display = display_here()
        with display.cleared() if display else contextlib.nullcontext():
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- the name that logging calls
        """Say no more to a stream that takes nothing."""
        if not isinstance(sys.exc_info()[1], OSError):
            raise
        LOG.removeHandler(self)


class _Appended(logging.Handler):
    """Append to a file, begun with the command when there is something to write."""

    def __init__(self, file: FilePath, command: str) -> None:
        super().__init__()
        self.file, self.command, self.begun = file, command, False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        line = self.format(record) + "\n"
        if not self.begun:
            line = f"amp-theory {__version__}: {self.command}\n{line}"
        try:
            with open(self.file, "a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(line)
        except OSError as error:
            raise FileError(f"cannot write the log {str(self.file)!r}: {error.strerror or error}") from error
        self.begun = True


@contextlib.contextmanager
def watched(options: argparse.Namespace, arguments: Sequence[str]) -> Iterator[None]:
    """Show progress if standard error is a terminal, and log as the options say."""
    handlers = _handlers(options, arguments)
    with contextlib.ExitStack() as stack:
        if sys.stderr is not None and sys.stderr.isatty():
            stack.enter_context(show_progress(options.command))
        if not handlers:
            yield
            return
        stack.callback(LOG.setLevel, LOG.level)
        LOG.setLevel(logging.DEBUG if options.verbose > 1 else logging.INFO)
        for handler in handlers:
            handler.setFormatter(FORM)
            LOG.addHandler(handler)
            stack.callback(LOG.removeHandler, handler)
        try:
            yield
        except BaseException as error:
            # what is refused before work begins leaves no trace
            if any(isinstance(h, _Appended) and h.begun for h in handlers) and not isinstance(error, FileError):
                LOG.log(logging.ERROR, "%s: %s", type(error).__name__, " ".join(str(error).split()))
            raise
        LOG.info("done")


def _handlers(options: argparse.Namespace, arguments: Sequence[str]) -> list[logging.Handler]:
    """Return what writes the log, after checking that it can be written where it is wanted."""
    found: list[logging.Handler] = []
    if options.verbose and sys.stderr is not None:
        found.append(_Beside(sys.stderr))
    if options.log is not None:
        file = check_output(options.log, (".log", ".txt"), overwrite=True)
        others = [getattr(options, name, None) for name in ("checkpoint", "file")]
        for other in filter(None, others):
            if os.path.realpath(as_file(other)) == os.path.realpath(file):
                raise InputError(f"the log {str(file)!r} is also a file of the command's: give it another name")
        if file.exists() and not os.access(file, os.W_OK):
            raise FileError(f"cannot write the log {str(file)!r}: it is closed to you")
        found.append(_Appended(file, shlex.join(arguments)))
    return found
