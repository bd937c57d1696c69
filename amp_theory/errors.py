"""The one exception family of the package, and the small checks that raise it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


#: what helps where a solver gives up
ADVICE = "a control or strength a little further from a special point, or less extreme parameters, may help"
#: the longest message, and what stands for the middle of a longer one
LONGEST, CUT = 280, " [...] "


def shown(text: str, longest: int = LONGEST) -> str:
    r"""Return a text as one printable line of at most so many characters, cut in its middle.

    Examples
    --------
    >>> print(shown("two\nlines with a \0"))
    two lines with a \x00
    >>> shown("x" * 1000, 20)
    'xxxxxxxx [...] xxxxx'
    """
    # far more than is kept, so that a long text takes no time
    if len(text) > 8 * longest:
        text = text[: 4 * longest] + text[-4 * longest :]
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    if len(line) <= longest:
        return line
    tail = (longest - len(CUT)) * 2 // 5
    return line[: longest - len(CUT) - tail] + CUT + line[len(line) - tail :]


class AmpTheoryError(Exception):
    """Base class of every error this package raises on purpose: its message is one short line."""

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))


class InputError(AmpTheoryError, ValueError):
    """A value the caller gave is outside what the definition allows."""


class UnknownNameError(InputError):
    """A name (model, path, prior, parameter, option) that the package does not know."""


class FileError(AmpTheoryError, OSError):
    """A file cannot be read or written as asked; nothing was changed on disk."""


class NumericalError(AmpTheoryError, ArithmeticError):
    """A solver did not reach its accuracy.

    Parameters
    ----------
    found
        What happened, with the value at which it did.
    advice
        What to do next.
    partial
        What the solver had when it stopped.
    """

    def __init__(self, found: str, advice: str = ADVICE, partial: Any = None) -> None:
        super().__init__(f"{shown(found, LONGEST - len(advice) - 2)}: {advice}")
        self.found, self.advice, self.partial = found, advice, partial

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes the error again in another process."""
        return type(self), (self.found, self.advice, self.partial)


def unknown_name(kind: str, given: object, known: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name, with the nearest known one as a suggestion.

    Examples
    --------
    >>> print(unknown_name("path", "flwo", ["flow", "autoregressive"]))
    unknown path 'flwo' (did you mean 'flow'?); known: autoregressive, flow
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(given).lower(), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return UnknownNameError(f"unknown {kind} {given!r}{hint}; known: {', '.join(names)}")


def as_float(name: str, value: Any, allowed: str = "finite") -> float:
    """Return `value` as a finite float, or raise an `InputError` that names it and what is `allowed`."""
    error = InputError(f"{name} must be one number, {allowed}, got {value!r}")
    # float() drops the imaginary part of numpy's numbers
    kind, shape = (getattr(value, name, None) for name in ("dtype", "shape"))
    if isinstance(value, bool | bytes) or shape or getattr(kind, "kind", "f") in "bc":
        raise error
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise error from None
    if not math.isfinite(number):
        raise error
    return number


def as_array(name: str, value: Any, allowed: str) -> npt.NDArray[np.float64]:
    """Return `value` as an array of numbers, or raise an `InputError` that names it and what is `allowed`."""
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":  # the message of a long array takes long
        what = "real numbers" if array.dtype.kind == "c" and array.ndim else "a number"
        raise InputError(f"{name} must be {what}, {allowed}, got {value!r}")
    return array.astype(float)


def as_real(name: str, value: Any) -> npt.NDArray[np.float64]:
    """Return an array of real numbers as it is, or raise an `InputError` that names it."""
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} must hold real numbers, got an array of type {array.dtype}")
    return array.astype(float, copy=False)


def positive(name: str, value: Any) -> float:
    """Return `value` as a finite float > 0, or raise an `InputError` that names it."""
    number = as_float(name, value, "> 0")
    if number <= 0:
        raise InputError(f"{name} must be positive, got {value!r}")
    return number


def in_unit_interval(name: str, value: Any) -> float:
    """Return `value` as a float in (0, 1], or raise an `InputError` that names it."""
    number = as_float(name, value, "in (0, 1]")
    if not 0 < number <= 1:
        raise InputError(f"{name} must lie in (0, 1], got {value!r}")
    return number


def integer_between(name: str, value: Any, least: int, most: int) -> int:
    """Return `value` as an integer from `least` to `most`, or raise an `InputError` that names it."""
    error = InputError(f"{name} must be an integer from {least} to {most}, got {value!r}")
    try:
        number = as_float(name, value)
    except InputError:
        raise error from None
    if number != int(number) or not least <= number <= most:
        raise error
    return int(number)
