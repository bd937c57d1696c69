"""What threads share whether they like it or not: one precision of mpmath.mp, and the state of sympy.

Every sympy.evalf sets mpmath.mp's precision and puts it back: two at once work with each other's and may leave a wrong
one behind.  sympy also refines the intervals of its roots in place.  What uses sympy, or a function of a user's that
may use mpmath.mp, therefore runs in one thread at a time.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

#: held by the thread that uses mpmath.mp or sympy
ALONE = threading.RLock()


def alone(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that runs in one thread at a time, along with all others that are made so."""

    @functools.wraps(function)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> R:
        with ALONE:
            return function(*args, **kwargs)

    return waiting
