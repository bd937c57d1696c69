"""mpmath's arithmetic with a precision of one's own in every thread.

mpmath.mp and mpmath.iv hold one working precision for the whole process: two computations at once would set it for
each other, and a caller's mp.dps would decide about digits here.  `mp` and `iv` of this module stand for contexts that
belong to the running thread alone.  Numbers remember the context that made them and round to its precision, so that
what threads share must hold none: caches keep the raw numbers (`raw`, `from_raw`), which are plain tuples.

What mpmath itself shares between threads are tables of immutable entries, which may be filled twice but never wrongly,
and constants with as many bits as were asked for so far, which are replaced in two steps when more are.  `warm` asks
for more bits of them than are used here, before any thread does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import mpmath
from mpmath.libmp.gammazeta import euler_fixed
from mpmath.libmp.libelefun import ln2_fixed, ln10_fixed, pi_fixed

from amp_theory.tools.errors import NumericalError
from amp_theory.tools.exclusive import ALONE

if TYPE_CHECKING:
    from collections.abc import Iterator

#: bits of the constants: fifty digits of the smallest overlap that a double can be need 9000
MOST_BITS = 12_288
#: how often a function of a user's is called anew if another thread changed mpmath's precision meanwhile
MOST_CALLS = 20
#: attributes of a context that are not always the same
CHANGING = ("prec", "dps")

_lock = threading.Lock()


class _OfThread(threading.local):
    """Stands for a context of the running thread, made when it first needs one."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.own = make()

    def __getattr__(self, name: str) -> Any:
        """Return what the context has; only what changes with the precision is looked up each time."""
        value = getattr(self.own, name)
        if name not in CHANGING:
            setattr(self, name, value)
        return value


mp: Any = _OfThread(mpmath.MPContext)
iv: Any = _OfThread(mpmath.MPIntervalContext)


@contextmanager
def interval_digits(digits: int) -> Iterator[None]:
    """Work with intervals of so many digits in this thread."""
    context = iv.own
    before, context.dps = context.prec, digits
    try:
        yield
    finally:
        context.prec = before


def raw(value: Any) -> Any:
    """Return a real number without a context, to be kept where other threads may find it."""
    return value._mpf_


def from_raw(value: Any) -> Any:
    """Return a raw number as one of this thread, to the last bit."""
    return mp.make_mpf(value)


def warm(*constants: Callable[[int], int]) -> None:
    """Have mpmath keep `MOST_BITS` bits of constants."""
    with _lock:
        for constant in constants:
            constant(MOST_BITS)


def warm_euler() -> None:
    """Have mpmath keep Euler's constant, which takes it longer than the others."""
    warm(euler_fixed)


# pi and the logarithms in exp, log and their kin
warm(pi_fixed, ln2_fixed, ln10_fixed)


def called(function: Callable[[Any], Any], value: Any) -> Any:
    """Return the value at a real number of a function, which may be a user's.

    Such a function works with mpmath.mp and its precision, which for the time of one call is that of this thread:
    others wait for one evaluation, not for a computation.  The rest of the package leaves it alone.  It is called anew
    if someone lowered the precision meanwhile.

    Raises
    ------
    NumericalError
        If someone does so each time.
    """
    if str(getattr(function, "__module__", "")).startswith("amp_theory."):
        return function(value)
    precision = mp.prec
    for _ in range(MOST_CALLS):
        with ALONE:
            before = mpmath.mp.prec
            mpmath.mp.prec = precision
            try:
                result = function(mpmath.mp.make_mpf(value._mpf_))
                # constants have the bits of the moment at which they are asked for
                number = getattr(result, "_mpf_", None)
            finally:
                after = mpmath.mp.prec
                if after == precision:
                    mpmath.mp.prec = before
        if after >= precision:
            return result if number is None else from_raw(number)
    raise NumericalError(
        f"mpmath.mp.dps is lowered by another thread whenever {function!r} is called with {mp.dps} digits",
        "leave it alone while digits are computed, or use a context mpmath.MPContext() there",
    )
