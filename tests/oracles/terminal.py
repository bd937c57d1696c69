"""The command line on a terminal that is none: what it shows, when, and what it answers through a pipe."""

from __future__ import annotations

import itertools
import os
import pty
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import amp_theory as at


@dataclass
class Session:
    """What a command answered, what it drew with the times since it began, and how long it took."""

    code: int
    answer: str
    drawn: list[tuple[float, str]]
    seconds: float

    @property
    def text(self) -> str:
        """All that was drawn."""
        return "".join(piece for _, piece in self.drawn)

    @property
    def last_line(self) -> str:
        """What is left on the terminal's line."""
        line: list[str] = []
        place = 0
        for character in self.text.rpartition("\n")[2]:
            if character == "\r":
                place = 0
                continue
            line[place : place + 1] = [character]
            place += 1
        return "".join(line).strip()

    @property
    def longest_silence(self) -> float:
        """The longest time in which nothing was drawn."""
        times = [0.0, *(t for t, _ in self.drawn), self.seconds]
        return max(b - a for a, b in itertools.pairwise(times))


#: in any folder, the package that is tested
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(at.__file__).parent.parent)}


def on_terminal(arguments: list[str], folder: Path, interrupt_after: float | None = None) -> Session:
    """Run a command whose standard error is a terminal and whose standard output is a pipe."""
    ours, theirs = pty.openpty()
    begin = time.monotonic()
    command = [sys.executable, "-m", "amp_theory", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL, cwd=folder, env=ENVIRONMENT
    )
    os.close(theirs)
    assert process.stdout is not None
    drawn, answer, interrupted = [], b"", interrupt_after is None
    open_ends = {ours, process.stdout.fileno()}
    while open_ends:
        for end in select.select(list(open_ends), [], [], 0.05)[0]:
            try:
                piece = os.read(end, 65536)
            except OSError:  # the terminal's other side is closed
                piece = b""
            if not piece:
                open_ends.remove(end)
            elif end == ours:
                drawn.append((time.monotonic() - begin, piece.decode("utf-8", "replace")))
            else:
                answer += piece
        if not interrupted and time.monotonic() - begin > (interrupt_after or 0):
            process.send_signal(signal.SIGINT)
            interrupted = True
    code = process.wait()
    os.close(ours)
    process.stdout.close()
    return Session(code, answer.decode(), drawn, time.monotonic() - begin)
