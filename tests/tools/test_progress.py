"""Progress: drawn only when asked for, after a while, gone at the end; the log tells the same."""

from __future__ import annotations

import io
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import amp_theory as at
from amp_theory.tools import progress
from amp_theory.tools.progress import display_here, show_progress, stage, tracked


class Terminal(io.StringIO):
    """A stream that remembers, and may fail."""

    encoding = "utf-8"
    failing = False

    def write(self, text):
        if self.failing:
            raise OSError(5, "the terminal is gone")
        return super().write(text)


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(progress, "AFTER", 0.02)
    monkeypatch.setattr(progress, "EVERY", 0.01)


def wait_for(terminal, text, longest=5.0):
    """Wait until something is drawn."""
    end = time.monotonic() + longest
    while text not in terminal.getvalue():
        assert time.monotonic() < end, (text, terminal.getvalue())
        time.sleep(0.005)


def left(terminal):
    """Return what is left of the line, and its length."""
    pieces = terminal.getvalue().split("\r")
    return pieces[-1] + pieces[-2].strip() if len(pieces) > 1 else pieces[0]


def test_silent_unless_asked_for(capsys):
    with stage("work"):
        assert list(tracked([1, 2], "items")) == [1, 2]
    assert display_here() is None
    assert capsys.readouterr() == ("", "")


def test_what_ends_soon_leaves_no_trace():
    terminal = Terminal()
    with show_progress("quick", terminal), stage("work"):
        pass
    assert terminal.getvalue() == ""


@pytest.mark.usefixtures("soon")
def test_seconds_where_nothing_is_counted_and_a_bar_where_something_is():
    terminal = Terminal()
    with show_progress("outer", terminal):
        wait_for(terminal, "outer: 0 s")
        with stage("folds of %s", "it"):
            wait_for(terminal, "outer, folds of it: 0 s")
            for n in tracked(range(4), "lines"):
                if n == 2:
                    wait_for(terminal, "outer, folds of it, lines: 2/4 |")
        mark = len(terminal.getvalue())
        while "outer: 0 s" not in terminal.getvalue()[mark:]:
            time.sleep(0.005)
    assert left(terminal) == ""
    assert "\n" not in terminal.getvalue()
    assert all(len(piece) < progress.WIDTH for piece in terminal.getvalue().split("\r"))


@pytest.mark.parametrize(("thing", "shown"), [
    (at.XORSAT(4), "xorsat(k=4)"), (at.XORSAT(4, temperature=0.5, spacing=0.25), "xorsat(spacing=0.25, k=4, temperature=0.5)"),
    (at.SherringtonKirkpatrick(), "sherrington-kirkpatrick"), (at.Flow(), "flow"),
    (at.Flow(at.VariancePreserving()), "flow(schedule=variance-preserving)"),
    (at.SpikedMatrix(at.SparseRademacher(0.1)), "spiked-matrix(prior=sparse-rademacher(rho=0.1))"),
    ("text", "'text'"), (1.5, "1.5"), (at.IsingPSpin, repr(at.IsingPSpin)),
])  # fmt: skip
def test_what_works_is_shown_as_users_know_it(thing, shown, caplog):
    assert progress.Stage("folds of %r along %r", (thing, at.Flow())).name == f"folds of {shown} along flow"
    with caplog.at_level(logging.INFO, logger="amp_theory"), stage("folds of %r", thing):
        pass
    assert caplog.messages[0] == f"folds of {thing!r}", "the log keeps all"


@pytest.mark.parametrize(("seconds", "done", "times"), [
    (0.2, 0, ""), (0.2, 2, ""), (5, 0, "00:05"), (5, 1, "00:05<00:20"), (61, 4, "01:01<00:15"), (5, 5, "00:05<00:00"),
])  # fmt: skip
def test_times_are_shown_where_they_are_known(seconds, done, times):
    counted = progress.Stage("items", total=5, done=done, began=time.monotonic() - seconds)
    line = progress.Display(Terminal(), "work")._line([progress.Stage("work"), counted])
    assert line.startswith(f"work, items: {done}/5 |")
    assert line.rpartition("|")[2].strip() == times


@pytest.mark.usefixtures("soon")
def test_long_names_are_cut_and_other_alphabets_replaced():
    terminal = Terminal()
    terminal.encoding = "ascii"
    with show_progress("x" * 500 + "\nβ", terminal):
        wait_for(terminal, "x...")
        with stage("β"), stage("γ", total=3):
            wait_for(terminal, "0/3 |")
    assert terminal.getvalue().isascii()
    assert all(len(piece) < progress.WIDTH for piece in terminal.getvalue().split("\r"))


@pytest.mark.usefixtures("soon")
def test_a_stage_that_fails_is_over():
    terminal = Terminal()
    with show_progress("outer", terminal):
        with pytest.raises(ZeroDivisionError), stage("work"):
            sum(1 / n for n in tracked([1, 0], "items"))
        display = display_here()
        assert display is not None
        assert [s.name for s in display.stages] == ["outer"]
    assert display_here() is None
    assert not [t for t in threading.enumerate() if "draw_again" in t.name]


@pytest.mark.usefixtures("soon")
def test_a_terminal_that_is_gone_stops_nothing():
    terminal = Terminal()
    terminal.failing = True
    with show_progress("work", terminal):
        time.sleep(0.1)
        display = display_here()
        assert display is not None
        assert display._ended.is_set()
    closed = Terminal()
    closed.close()
    with show_progress("work", closed):
        time.sleep(0.1)


@pytest.mark.usefixtures("soon")
def test_work_in_other_threads_is_seen_to_go_on():
    terminal = Terminal()
    with show_progress("threads", terminal), ThreadPoolExecutor(4) as executor:
        found = list(executor.map(lambda p: at.thresholds(at.SphericalPSpin(p), at.Flow()).tricritical, [3, 4, 5, 6]))
        wait_for(terminal, "threads: 0 s")
    assert all(point is not None for point in found)
    assert "points" not in terminal.getvalue()
    assert left(terminal) == ""


@pytest.mark.usefixtures("soon")
def test_one_line_for_all_that_ask():
    first, second = Terminal(), Terminal()
    with show_progress("first", first), show_progress("second", second):
        wait_for(first, "first")
    assert second.getvalue() == ""


def test_the_log_says_what_is_done(caplog):
    with caplog.at_level(logging.DEBUG, logger="amp_theory"):
        at.phase_diagram(at.SphericalPSpin(7), at.Flow(), points=4)
    said = [(r.levelname, r.name, r.getMessage()) for r in caplog.records]
    assert (
        "INFO",
        "amp_theory.progress",
        f"special points of {at.SphericalPSpin(7)!r} along {at.Flow()!r}",
    ) in said
    lines = [message for _, _, message in said if message.startswith("lines between")]
    assert len(lines) == 2
    assert "4 points each: done in " in lines[1]


def test_nothing_is_put_together_that_nobody_reads():
    class Loud:
        def __repr__(self):
            raise AssertionError

    with stage("work on %r", Loud()):
        pass


def test_callbacks_are_called_as_ever():
    seen = []
    settings = {"control": 1.5, "size": 12, "seed": 1, "batch": 6, "sweeps": 4, "samplers": ["heat-bath"]}
    at.simulate(at.IsingPSpin(3), instances=2, progress=lambda done, of: seen.append((done, of)), **settings)
    assert seen == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.usefixtures("soon")
def test_runs_are_counted(monkeypatch):
    monkeypatch.setenv("AMP_THEORY_COMPILED", "0")  # compiled sweeps are over before anything is drawn
    terminal = Terminal()
    settings = {"control": 1.5, "size": 12, "seed": 1, "batch": 6, "sweeps": 300, "samplers": ["heat-bath"]}
    with show_progress("simulate", terminal):
        at.simulate(at.IsingPSpin(3), instances=3, **settings)
    assert "3 runs, 0 done before" in terminal.getvalue()
    assert "sweeps of heat" in terminal.getvalue()
    assert left(terminal) == ""
