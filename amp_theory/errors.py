"""The one exception family of the package, and the small checks that raise it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any


class AmpTheoryError(Exception):
    """Base class of every error this package raises on purpose."""


class InputError(AmpTheoryError, ValueError):
    """A value the caller gave is outside what the definition allows."""


class UnknownNameError(InputError):
    """A name (model, path, prior, parameter, option) that the package does not know."""


class FileError(AmpTheoryError, OSError):
    """A file cannot be read or written as asked; nothing was changed on disk."""


class NumericalError(AmpTheoryError, ArithmeticError):
    """A solver did not reach its accuracy; `partial` holds what it had when it stopped."""

    def __init__(self, message: str, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial


def unknown_name(kind: str, given: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name, with the nearest known one as a suggestion.

    Examples
    --------
    >>> print(unknown_name("path", "flwo", ["flow", "autoregressive"]))
    unknown path 'flwo' (did you mean 'flow'?); known: autoregressive, flow
    """
    names = sorted(known)
    near = difflib.get_close_matches(given.lower(), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return UnknownNameError(f"unknown {kind} {given!r}{hint}; known: {', '.join(names)}")


def as_float(name: str, value: Any) -> float:
    """Return `value` as a finite float, or raise an `InputError` that names it."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be a finite number, got {value!r}") from None
    if not math.isfinite(number):
        raise InputError(f"{name} must be a finite number, got {value!r}")
    return number


def positive(name: str, value: Any) -> float:
    """Return `value` as a finite float > 0, or raise an `InputError` that names it."""
    number = as_float(name, value)
    if number <= 0:
        raise InputError(f"{name} must be positive, got {value!r}")
    return number


def in_unit_interval(name: str, value: Any) -> float:
    """Return `value` as a float in (0, 1], or raise an `InputError` that names it."""
    number = as_float(name, value)
    if not 0 < number <= 1:
        raise InputError(f"{name} must lie in (0, 1], got {value!r}")
    return number


def integer_at_least(name: str, value: Any, least: int) -> int:
    """Return `value` as an integer >= `least`, or raise an `InputError` that names it."""
    number = as_float(name, value)
    if number != int(number) or number < least:
        raise InputError(f"{name} must be an integer >= {least}, got {value!r}")
    return int(number)
