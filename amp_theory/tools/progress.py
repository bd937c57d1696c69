"""What long work says of itself while it runs: on a terminal, and in the log.

Whatever may take long says what it does, `with stage("lines of %r", model):`, or goes through its items by `tracked`.
Both write into the log of the standard library (the logger `amp_theory.progress`), which shows nothing unless
somebody listens, and tell `show_progress`, if it is on.  That draws from a thread of its own: work that says nothing
is seen to go on as well, and work that ends soon leaves no trace.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import IO, Any, TypeVar

from amp_theory.tools.errors import InputError, told

T = TypeVar("T")
#: seconds before anything is drawn, so that with the start of a program it is soon enough, and between drawings
AFTER, EVERY = 1.5, 0.5
#: columns where a stream has no width
WIDTH = 80

# a library is silent until somebody listens
logging.getLogger("amp_theory").addHandler(logging.NullHandler())
LOG = logging.getLogger("amp_theory.progress")


class _Known:
    """What has a name, shown by that and by what was set of it; the log shows all."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __repr__(self) -> str:
        settings = [f"{f.name}={value!r}" for f in fields(self.thing) if (value := self._set(f)) is not MISSING]
        return f"{self.thing.name}({', '.join(settings)})" if settings else str(self.thing.name)

    def _set(self, place: Field[Any]) -> object:
        """Return what an entry was set to, MISSING where it is as it is by itself."""
        value = getattr(self.thing, place.name)
        usual = place.default if place.default_factory is MISSING else place.default_factory()
        return MISSING if repr(value) == repr(usual) else _known(value)


def _known(value: object) -> object:
    named = isinstance(getattr(value, "name", None), str) and not isinstance(value, type)
    return _Known(value) if named and is_dataclass(value) else value


@dataclass
class Stage:
    """A piece of work: what it is, of how many steps if that is known, and how many of them are done."""

    text: str
    values: tuple[object, ...] = ()
    total: int | None = None
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """What the work is, in words."""
        return self.text % tuple(map(_known, self.values)) if self.values else self.text

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


class Display:
    """One line of a stream that shows the stages of running work."""

    def __init__(self, stream: IO[str], name: str) -> None:
        self.stages = [Stage(name)]
        self._stream, self._drawn = stream, 0
        self._turn, self._ended = threading.RLock(), threading.Event()
        self._thread = threading.Thread(target=self._draw_again, daemon=True)

    def begin(self) -> None:
        """Begin to draw."""
        self._thread.start()

    def end(self) -> None:
        """Draw no more, and leave no trace."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with self.cleared():
            pass

    @contextlib.contextmanager
    def cleared(self) -> Iterator[None]:
        """Take the line away while something else is written to the stream."""
        with self._turn:
            if self._drawn:
                self._write("\r" + " " * self._drawn + "\r")
                self._drawn = 0
            yield

    def _draw_again(self) -> None:
        wait = AFTER
        while not self._ended.wait(wait):
            wait = EVERY
            with self._turn:
                line = self._line(list(self.stages))
                self._write("\r" + line.ljust(self._drawn))
                self._drawn = len(line)

    def _line(self, stages: list[Stage]) -> str:
        """Return one line that fits: what is done, and for how long or how far it is."""
        width = _columns(self._stream) - 1
        whole = next((k for k, stage in enumerate(stages) if (stage.total or 0) > 1), None)
        if whole is None:
            end = f": {stages[0].elapsed:.0f} s"
            return _shortened(_listed(stages), width - len(end)) + end
        from tqdm import tqdm

        counted = stages[whole]
        plain = not (getattr(self._stream, "encoding", None) or "").lower().startswith("utf")
        # what takes no second yet tells nothing of what is left
        times = "" if counted.elapsed < 1 else " {elapsed}<{remaining}" if counted.done else " {elapsed}"
        line = tqdm.format_meter(
            counted.done, counted.total, counted.elapsed, ncols=width, ascii=plain,
            prefix=_shortened(_listed(stages[: whole + 1]), 2 * width // 5),
            postfix=_shortened(_listed(stages[whole + 1 :]), width // 4) or None,
            bar_format="{desc}: {n_fmt}/{total_fmt} |{bar}|" + times + "{postfix}",
        )  # fmt: skip
        return str(line)[:width]

    def _write(self, text: str) -> None:
        """Write what the stream has characters for; one that takes no more is left alone."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):  # it is closed, or the terminal is gone
            self._ended.set()


def _columns(stream: IO[str]) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except (OSError, ValueError):  # no terminal, as in notebooks
        return WIDTH


def _listed(stages: list[Stage]) -> str:
    return ", ".join(name for stage in stages if (name := " ".join(stage.name.split())))


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(most - 3, 0)] + "..."


_SHOWN: ContextVar[Display | None] = ContextVar("shown", default=None)


@contextlib.contextmanager
def show_progress(name: str = "", stream: IO[str] | None = None) -> Iterator[None]:
    """Show what long work is doing, and how far it is, in one line that is gone when the block ends.

    What ends within one and a half seconds shows nothing.  Work in other threads is seen to go on, without its steps.

    Parameters
    ----------
    name
        What stands first in the line, a text.
    stream
        Where to write, a text stream; standard error by default.

    Returns
    -------
    context manager
        For a `with` block.

    Raises
    ------
    InputError
        For a name that is no text, or a stream that takes none.

    Examples
    --------
    >>> import amp_theory as at
    >>> with at.show_progress():
    ...     point = at.thresholds(at.SphericalPSpin(p=3), at.Flow()).tricritical
    """
    if not isinstance(name, str):
        raise InputError(f"name must be a text, got {told(name)}")
    if stream is not None and not (hasattr(stream, "write") and hasattr(stream, "flush")):
        raise InputError(f"stream must be a text stream such as sys.stderr, got {told(stream)}")
    target = sys.stderr if stream is None else stream
    if target is None or _SHOWN.get() is not None:
        yield
        return
    display = Display(target, name)
    token = _SHOWN.set(display)
    try:
        display.begin()
        yield
    finally:
        _SHOWN.reset(token)
        display.end()


def display_here() -> Display | None:
    """Return what shows the progress of this thread, if anything does."""
    return _SHOWN.get()


@contextlib.contextmanager
def stage(text: str, *values: object, total: int | None = None, level: int = logging.INFO) -> Iterator[Stage]:
    """Say that a piece of work begins, and that it has ended, and give what counts its steps.

    Parameters
    ----------
    text, values
        What the work is, as loggers take it: put together only where it is read.
    total
        How many steps it has, if that is known.
    level
        How important that is to know, as in the module `logging`.
    """
    here, display = Stage(text, values, total), _SHOWN.get()
    LOG.log(level, text, *values)
    depth = 0 if display is None else len(display.stages)
    if display is not None:
        display.stages.append(here)
    try:
        yield here
    finally:
        if display is not None:
            del display.stages[depth:]
    LOG.log(level, f"{text}: done in %.3g s", *values, here.elapsed)


def tracked(items: Collection[T], text: str, *values: object) -> Iterator[T]:
    """Go through items as a `stage` that counts them, of interest for debugging only.

    Examples
    --------
    >>> list(tracked([1, 2, 3], "numbers"))
    [1, 2, 3]
    """
    with stage(text, *values, total=len(items), level=logging.DEBUG) as here:
        for item in items:
            yield item
            here.done += 1
