"""Long runs of independent tasks: any executor, progress, checkpoints that survive a kill, exact resuming.

A task is a picklable object with `start(rng) -> State`, `advance(state, rng)` (in place), `finished(state)` and
`result(state)`, where a State is a dictionary of arrays and a result a dictionary of lists of numbers.  Each task has
its own random stream, the child of the master seed with the task's number, so that results depend neither on
the executor nor on interruptions.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from amp_theory.errors import FileError, InputError, NumericalError
from amp_theory.files import as_path, write

State = dict[str, npt.NDArray[Any]]
Result = dict[str, list[float]]
FORMAT, VERSION = "amp_theory sweep", 1
#: steps of a task between two checkpoints
EVERY = 10
#: what to do after a failure
AGAIN, RESUME = "run them again, with a checkpoint that keeps those that are done", "run the same again to resume"


class Task(Protocol):
    """What a sweep runs."""

    def start(self, rng: np.random.Generator) -> State:
        """Return the state before the first step."""

    def advance(self, state: State, rng: np.random.Generator) -> None:
        """Take one step, changing the state in place."""

    def finished(self, state: State) -> bool:
        """Tell whether no step is left."""

    def result(self, state: State) -> Result:
        """Return what the task has found."""


def random_stream(seed: int, number: int) -> np.random.Generator:
    """Return the generator of task `number`: PCG64 of the child of the master seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(number,))))


def run_task(task: Task, seed: int, number: int) -> Result:
    """Run one task from its start to its end."""
    rng = random_stream(seed, number)
    state = task.start(rng)
    while not task.finished(state):
        task.advance(state, rng)
    return task.result(state)


def run_tasks(
    tasks: Sequence[Task],
    seed: int,
    problem: Mapping[str, Any],
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    first: int = 0,
) -> list[Result]:
    """Run all tasks and return their results in order.

    Parameters
    ----------
    tasks, seed
        The tasks and the master seed.
    problem
        Plain data that defines the problem; a checkpoint of a different one is refused.
    executor
        Any executor of the standard library's kind; None runs the tasks one after the other, here.
    checkpoint
        A file: read if it exists, written as the run proceeds, so that a killed run can be resumed.  Without an
        executor the state inside a task is kept, too.
    progress
        Called with the numbers of finished and of all tasks.
    first
        The number of the first task, which chooses its random stream and its place in the checkpoint: a run of
        several stages, each planned from the results before, counts on.

    Raises
    ------
    FileError
        If the checkpoint is damaged or of another problem; the message says what differs.
    NumericalError
        If tasks failed: `partial` holds the results of the others, None for the failed.
    """
    if executor is not None and not hasattr(executor, "submit"):
        raise InputError(f"executor must have a method submit like concurrent.futures.Executor, got {executor!r}")
    kept = _Checkpoint(None if checkpoint is None else as_path(checkpoint), dict(problem) | {"seed": seed})
    numbered = {first + k: task for k, task in enumerate(tasks)}
    waiting = [n for n in numbered if n not in kept.results]

    def report() -> None:
        if progress is not None:
            progress(sum(n in kept.results for n in numbered), len(tasks))

    report()
    failures: dict[int, BaseException] = {}
    if executor is None:
        for n in waiting:
            kept.finish(n, _run_here(numbered[n], seed, n, kept))
            report()
    else:
        futures = {executor.submit(run_task, numbered[n], seed, n): n for n in waiting}
        for future in as_completed(futures):
            error = future.exception()
            if error is not None:
                failures[futures[future]] = error
                continue
            kept.finish(futures[future], future.result())
            report()
    results = [kept.results.get(n) for n in numbered]
    if failures:
        n, error = min(failures.items())
        raise NumericalError(
            f"{len(failures)} of {len(tasks)} tasks failed, the first, {n}: {error}",
            AGAIN if checkpoint is None else RESUME,
            partial=results,
        )
    return [r for r in results if r is not None]


def _run_here(task: Task, seed: int, number: int, kept: _Checkpoint) -> Result:
    """Run a task in this process, from the checkpoint if it holds this task's state."""
    rng = random_stream(seed, number)
    state = kept.resume(number, rng)
    if state is None:
        state = task.start(rng)
    steps = 0
    while not task.finished(state):
        task.advance(state, rng)
        steps += 1
        if steps % EVERY == 0:
            kept.interrupt(number, state, rng)
    return task.result(state)


class _Checkpoint:
    """Results of finished tasks and the state of the current one, in memory and in a file."""

    def __init__(self, file: Path | None, problem: dict[str, Any]) -> None:
        self.file, self.problem = file, json.loads(json.dumps(problem))
        self.results: dict[int, Result] = {}
        self._current: tuple[int, State, Any] | None = None
        if file is not None and file.exists():
            self._read(file)

    def _read(self, file: Path) -> None:
        try:
            with np.load(file, allow_pickle=False) as data:
                header = json.loads(str(data["header"]))
                state = {name[6:]: data[name] for name in data.files if name.startswith("state_")}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise FileError(f"the checkpoint {str(file)!r} is damaged, or is none: {error}") from error
        if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (FORMAT, VERSION):
            raise FileError(f"{str(file)!r} is not a checkpoint of this version")
        stored = header["problem"]
        for name in sorted({*stored, *self.problem}):
            if stored.get(name) != self.problem.get(name):
                raise FileError(
                    f"the checkpoint {str(file)!r} is of another problem: {name} is {stored.get(name)!r} there, "
                    f"{self.problem.get(name)!r} here"
                )
        self.results = {int(n): r for n, r in header["results"].items()}
        if header["current"] is not None:
            self._current = header["current"], state, header["random"]

    def resume(self, number: int, rng: np.random.Generator) -> State | None:
        """Return the state kept of a task, after setting its random stream; None if there is none."""
        if self._current is None or self._current[0] != number:
            return None
        rng.bit_generator.state = self._current[2]
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

    def _write(self) -> None:
        if self.file is None:
            return
        current, state, random = self._current or (None, {}, None)
        header = {
            "format": FORMAT, "version": VERSION, "problem": self.problem, "current": current, "random": random,
            "results": self.results,
        }  # fmt: skip
        arrays: dict[str, Any] = {"header": np.array(json.dumps(header))} | {f"state_{n}": a for n, a in state.items()}
        write(self.file, lambda stream: np.savez(stream, **arrays))
