"""Worker processes that end with the process that started them, however that ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing.connection import Connection, wait

from amp_theory.tools.errors import InputError

#: what asks a process to end
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def workers(number: int) -> Iterator[Executor | None]:
    """Give an executor of so many processes, or None for one: then work is done here.

    The workers end at once when the block is left by an exception, an interruption or the death of this process,
    whatever they are doing: each watches a pipe whose other end this process alone holds open.
    """
    if number == 1:
        yield None
        return
    here, there = multiprocessing.Pipe(duplex=False)
    # new processes, rather than copies of this one: threads of numerical libraries do not survive copying
    executor = ProcessPoolExecutor(number, multiprocessing.get_context("spawn"), _begin, (here,))
    try:
        with there, here:
            with _undisturbed():
                for _ in range(number):
                    executor.submit(os.getpid)  # each starts a worker
            yield executor
            executor.shutdown()
    finally:
        executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def cluster(number: int) -> Iterator[Executor]:
    """Give an executor of a Dask cluster on this machine with so many workers, which ends with the block.

    Raises
    ------
    InputError
        If Dask is not installed.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError('a cluster needs the library distributed: pip install "amp-theory[dask]"') from None
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=number, threads_per_worker=1, dashboard_address=None, processes=True
        ) as here,
        Client(here) as client,  # type: ignore[no-untyped-call]
    ):
        yield client.get_executor()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep signals waiting in this thread, and in processes started meanwhile, until they say otherwise."""
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(pipe: Connection) -> None:
    """Begin a worker: leave interruptions to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()


def _end_with(pipe: Connection) -> None:
    """End this process when the other end of a pipe is closed."""
    wait([pipe])
    os._exit(1)
