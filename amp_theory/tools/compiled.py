"""Loops that numba compiles where it is installed (the optional extra `fast`), and that run as they are where not.

A module of loops decorates them with `compiled` and is imported only where one is about to run, so that numba is
loaded by those who need it.  Compiled code is kept on disk: beside the module, or in the user's own folder where that
is not writable, see NUMBA_CACHE_DIR in numba's manual.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
#: set to 0, this variable of the environment leaves numba alone
SWITCH = "AMP_THEORY_COMPILED"


@lru_cache(maxsize=1)
def _numba() -> Any:
    """Return the library, or None where there is none that works with this numpy."""
    if find_spec("numba") is None:
        return None
    try:
        import numba
    except ImportError:  # numba refuses a numpy that is newer than itself
        return None
    return numba


def in_use() -> bool:
    """Return whether loops are compiled: numba is installed and not switched off by AMP_THEORY_COMPILED=0."""
    return os.environ.get(SWITCH, "1") != "0" and _numba() is not None


def compiled(function: F) -> F:
    """Return a loop that is compiled when it is first called; without numba the function itself.

    Parameters
    ----------
    function
        A function of numbers, arrays and tuples of these, in numba's part of the language.

    Returns
    -------
    function
        What does the same, rounding included: no reordering of sums is allowed.
    """
    numba = _numba()
    if numba is None:
        return function
    options = {"nogil": True, "error_model": "numpy"}
    try:
        made = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder is writable where compiled code could be kept
        made = numba.njit(**options)(function)
    return made  # type: ignore[no-any-return]
