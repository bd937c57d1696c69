"""Long runs of independent tasks: any executor, progress, checkpoints that survive a kill, exact resuming.

A task is a picklable object with `start(rng) -> State`, `advance(state, rng)` (in place), `finished(state)` and
`result(state)`, where a State is a dictionary of arrays and a result a dictionary of lists of numbers (or texts).
Each task has its own random stream, the child of the master seed with the task's number, so that results depend
neither on the executor nor on interruptions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from pickle import PicklingError
from typing import Any, Protocol

import numpy as np

from amp_theory.tools.checkpoints import Checkpoint, Result, State
from amp_theory.tools.errors import FAULTS, InputError, NumericalError, answer_of, shown, told
from amp_theory.tools.progress import stage

#: steps of a task between two checkpoints
EVERY = 10
#: what to do after a failure
AGAIN, RESUME = "run them again, with a checkpoint that keeps those that are done", "run the same again to resume"
STAY = "use threads, executor=None, or functions that a module defines by name"
#: what is raised for something that cannot be sent to another process
UNSENDABLE = (PicklingError, TypeError, AttributeError)


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
    tasks: Sequence[Task], seed: int, problem: Mapping[str, Any], executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None, progress: Callable[[int, int], None] | None = None,
    first: int = 0, kinds: tuple[type, ...] = (int, float), oldest: int = 1,
) -> list[Result]:  # fmt: skip
    """Run all tasks and return their results in order.

    Parameters
    ----------
    tasks, seed
        The tasks and the master seed.
    problem, kinds, oldest
        Plain data that defines the problem; a checkpoint of a different one is refused.  Of what results hold lists.
        The oldest version of checkpoints that is read.
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
    InputError
        If the executor is none, or takes no tasks.
    FileError
        If the checkpoint is damaged or of another problem; the message says what differs.
    NumericalError
        If tasks failed: `partial` holds the results of the others, None for the failed.
    """
    if executor is not None and not hasattr(executor, "submit"):
        raise InputError(f"executor must have a method submit like concurrent.futures.Executor, got {told(executor)}")
    kept = Checkpoint(checkpoint, dict(problem) | {"seed": seed}, kinds, oldest)
    numbered = {first + k: task for k, task in enumerate(tasks)}
    waiting = {n: task for n, task in numbered.items() if n not in kept.results}

    def report() -> None:
        if progress is not None:
            answer_of("progress", progress, sum(n in kept.results for n in numbered), len(tasks))

    report()
    failures: dict[int, BaseException] = {}
    done = (
        _run_here(waiting, seed, kept) if executor is None else _run_elsewhere(executor, waiting, seed, failures)
    )  # fmt: skip
    before = len(tasks) - len(waiting)
    with stage("%d runs, %d done before", len(tasks), before, total=len(tasks)) as here:
        here.done = before
        for n, result in done:
            kept.finish(n, result)
            here.done += 1
            report()
    results = [kept.results.get(n) for n in numbered]
    if failures:
        raise _failure(numbered, failures, results, AGAIN if checkpoint is None else RESUME)
    return [r for r in results if r is not None]


def _run_elsewhere(
    executor: Executor, tasks: Mapping[int, Task], seed: int, failures: dict[int, BaseException]
) -> Iterator[tuple[int, Result]]:
    """Yield numbers and results of tasks as an executor finishes them; what fails goes into `failures`."""
    futures: dict[Future[Result], int] = {}
    for n, task in tasks.items():
        try:
            future: object = executor.submit(run_task, task, seed, n)
        except BrokenExecutor as broken:  # a worker was killed already
            failures[n] = broken
            continue
        except (PicklingError, *FAULTS) as error:
            for other in futures:
                other.cancel()
            found = f"executor takes no tasks, its submit failed with {type(error).__name__}: {error}"
            advice = "give one that is not shut down" if _hindrance(task, error) is None else STAY
            raise InputError(f"{shown(found, 200)}: {advice}") from error
        if not isinstance(future, Future):
            kind = type(future).__name__
            raise InputError(f"executor.submit must return a concurrent.futures.Future, got one of type {kind}")
        futures[future] = n
    for future in as_completed(futures):
        failure = CancelledError() if future.cancelled() else future.exception()
        if failure is None:
            yield futures[future], future.result()
        else:
            failures[futures[future]] = failure


def _failure(
    tasks: Mapping[int, Task], failures: Mapping[int, BaseException], results: list[Result | None], advice: str
) -> NumericalError:
    """Return the error for tasks that have failed, with what to do."""
    n = min(failures)
    # some errors have no text but their name
    found = f"tasks failed, the first, {n}: {str(failures[n]) or type(failures[n]).__name__}"
    if (hindrance := _hindrance(tasks[n], failures[n])) is not None:
        found, advice = f"tasks cannot be sent to a process: {hindrance}", STAY
    return NumericalError(f"{len(failures)} of {len(tasks)} {found}", advice, partial=results)


def _hindrance(task: Task, error: BaseException) -> str | None:
    """Return why a task cannot be sent to another process, if an error may come from that; None if it can."""
    from multiprocessing.reduction import ForkingPickler  # by which processes send; nothing is read here

    if not isinstance(error, UNSENDABLE):
        return None
    try:
        ForkingPickler.dumps(task)
    except UNSENDABLE as hindrance:
        return str(hindrance)
    return None


def _run_here(tasks: Mapping[int, Task], seed: int, kept: Checkpoint) -> Iterator[tuple[int, Result]]:
    """Yield numbers and results of tasks run in this process, from the checkpoint where it holds a task's state."""
    for number, task in tasks.items():
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
        yield number, task.result(state)
