"""The one exception family of the package, and the small checks that raise it."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Item = TypeVar("Item")

#: what helps where a solver gives up
ADVICE = "a control or strength a little further from a special point, or less extreme parameters, may help"
#: the longest message, and what stands for the middle of a longer one
LONGEST, CUT = 280, " [...] "
#: a function as Python shows it, of which its name is told, and where an object lies, which is not
FUNCTION = re.compile(r"<function (?:\S*\.)?(\w+|<lambda>) at 0x[0-9a-fA-F]+>")
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
#: what a function of the user's may raise by mistake: anything but what stops the program on purpose
FAULTS = (Exception,)


def shown(text: str, longest: int = LONGEST) -> str:
    r"""Return a text as one printable line of at most so many characters, cut in its middle; functions by their names.

    Examples
    --------
    >>> print(shown("two\nlines with a \0"))
    two lines with a \x00
    >>> shown("x" * 1000, 20)
    'xxxxxxxx [...] xxxxx'
    >>> shown(f"got {shown} and {object()}")
    'got shown and <object object>'
    """
    # far more than is kept, so that a long text takes no time
    if len(text) > 8 * longest:
        text = text[: 4 * longest] + text[-4 * longest :]
    text = ADDRESS.sub("", FUNCTION.sub(r"\1", text))
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    if len(line) <= longest:
        return line
    tail = (longest - len(CUT)) * 2 // 5
    return line[: longest - len(CUT) - tail] + CUT + line[len(line) - tail :]


class AmpTheoryError(Exception):
    """Base class of every error this package raises on purpose: its message is one short line.

    Parameters
    ----------
    message
        What was given, what is allowed, what to do; cut to 280 characters.

    See Also
    --------
    InputError, UnknownNameError, FileError, NumericalError
    """

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))


class InputError(AmpTheoryError, ValueError):
    """A value the caller gave is outside what the definition allows.

    Examples
    --------
    >>> import amp_theory as at
    >>> try:
    ...     at.IsingPSpin(p=1)
    ... except at.InputError as error:
    ...     print(error)
    p must be an integer from 2 to 1000, got 1
    """


class UnknownNameError(InputError, KeyError):
    """A name (model, path, prior, parameter, option) that the package does not know.

    See Also
    --------
    InputError : Of which it is one kind, with an example.
    """

    # a KeyError would quote its message
    __str__ = Exception.__str__


class MisplacedError(InputError):
    """A parameter of a model that is none: it tells the control, or the strength of a path.

    Parameters
    ----------
    found
        What is misplaced, a text.
    quantity
        "control" or "strength".
    advice
        What to do.

    See Also
    --------
    InputError : Of which it is one kind, with an example.
    """

    def __init__(self, found: str, quantity: str, advice: str) -> None:
        super().__init__(f"{found}: {advice}")
        self.found, self.quantity, self.advice = found, quantity, advice

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes the error again in another process."""
        return type(self), (self.found, self.quantity, self.advice)


class FileError(AmpTheoryError, OSError):
    """A file cannot be read or written as asked; nothing was changed on disk.

    Examples
    --------
    >>> import amp_theory as at
    >>> try:
    ...     at.load("no such file.json")
    ... except at.FileError as error:
    ...     print(type(error).__name__)
    FileError
    """


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

    Examples
    --------
    >>> error = NumericalError("no root was found at T = 0.7", "try T = 0.71", partial=[0.1, 0.2])
    >>> print(error)
    no root was found at T = 0.7: try T = 0.71
    >>> error.partial
    [0.1, 0.2]
    """

    def __init__(self, found: str, advice: str = ADVICE, partial: Any = None) -> None:
        super().__init__(f"{shown(found, LONGEST - len(advice) - 2)}: {advice}")
        self.found, self.advice, self.partial = found, advice, partial

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes the error again in another process."""
        return type(self), (self.found, self.advice, self.partial)


def told(value: object) -> str:
    """Return how a value is shown in a message."""
    try:
        return repr(value)
    except ValueError:  # integers of thousands of digits
        return f"<a {type(value).__name__} too long to be shown>"


def unknown_name(kind: str, given: object, known: Iterable[str], meant: str | None = None) -> UnknownNameError:
    """Return the error for an unknown name, with what is meant, or else the nearest known one, as a suggestion.

    Examples
    --------
    >>> print(unknown_name("path", "flwo", ["flow", "autoregressive"]))
    unknown path 'flwo' (did you mean 'flow'?); known: autoregressive, flow
    """
    names = sorted(known)
    near = [meant] if meant is not None else []
    if not near and isinstance(given, str):
        near = difflib.get_close_matches(given[:LONGEST].lower(), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return UnknownNameError(f"unknown {kind} {told(given)}{hint}; known: {', '.join(names)}")


def one_of(kind: str, given: object, known: Iterable[str]) -> str:
    """Return a name that is known, or raise an `UnknownNameError`."""
    names = list(known)
    if not isinstance(given, str) or given not in names:
        raise unknown_name(kind, given, names)
    return given


def answer_of(name: str, function: Any, *arguments: Any) -> Any:
    """Return what a user's function returns, or raise an `InputError` that names it if it fails."""
    try:
        return function(*arguments)
    except AmpTheoryError:
        raise
    except FAULTS as error:
        # some errors have no text but their name
        text = f": {error}" if str(error) else ""
        raise InputError(f"{name} failed with {type(error).__name__}{text}") from error


def as_flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False, or raise an `InputError` that names it."""
    if type(value) is not bool and (getattr(value, "shape", None) != () or value.dtype.kind != "b"):
        raise InputError(f"{name} must be True or False, got {told(value)}")
    return bool(value)


def as_list(name: str, value: Any, allowed: str = "numbers") -> list[Any]:
    """Return the items of `value`, or raise an `InputError` that names it and what its items are."""
    error = InputError(f"{name} must be a list of {allowed}, got {told(value)}")
    if isinstance(value, str | bytes | Mapping):
        raise error
    try:
        return list(value)
    except TypeError:
        raise error from None


def item_of(items: Sequence[Item], index: int) -> Item:
    """Return an item, or those of a slice, or raise an `InputError` that tells how many there are."""
    try:
        return items[index]
    except (IndexError, TypeError, ValueError):
        raise InputError(
            f"index must be an integer below {len(items)}, the number of items, got {told(index)}"
        ) from None


def as_float(name: str, value: Any, allowed: str = "finite") -> float:
    """Return `value` as a finite float, or raise an `InputError` that names it and what is `allowed`."""
    error = InputError(f"{name} must be one number, {allowed}, got {told(value)}")
    # float() drops the imaginary part of numpy's numbers, and takes text that is no plain number
    kind, shape = (getattr(value, name, None) for name in ("dtype", "shape"))
    text = str(value) if isinstance(value, str) or (getattr(kind, "kind", "") == "U" and shape == ()) else ""
    if "_" in text or not text.isascii() or _masked(value):
        raise error
    if isinstance(value, bool | bytes) or shape or getattr(kind, "kind", "f") in "bc":
        raise error
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise error from None
    if not math.isfinite(number):
        raise error
    return number


def _masked(value: Any) -> bool:
    """Tell whether a value, or an item of a list, is a masked array, whose masks numpy would drop."""
    items = value if isinstance(value, list | tuple) else (value,)
    return any(hasattr(item, "mask") and hasattr(item, "shape") for item in items)


def _numbers(value: Any) -> npt.NDArray[Any]:
    """Return an array as numpy makes it, one of objects where it cannot, or where masks would be lost."""
    import numpy as np

    if _masked(value):
        return np.asarray(None)
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        return np.asarray(None)


def as_array(name: str, value: Any, allowed: str) -> npt.NDArray[np.float64]:
    """Return `value` as an array of numbers, or raise an `InputError` that names it and what is `allowed`."""
    array = _numbers(value)
    if _masked(value):
        raise InputError(f"{name} must have no mask, got {told(value)}: give .compressed() or .filled(...) of it")
    if array.dtype.kind not in "iuf":  # the message of a long array takes long
        what = "real numbers" if array.ndim else "a number"
        raise InputError(f"{name} must be {what}, {allowed}, got {told(value)}")
    return array.astype(float)


def as_support(value: Any, optional: bool = False) -> tuple[float, ...]:
    """Return the places of a support, at least two increasing numbers (or none), or raise an `InputError`."""
    wanted = "a list of numbers such as (-1, 1), at least two increasing numbers"
    error = InputError(f"support must be {wanted}, got {told(value)}")
    try:
        items = as_list("support", value)
        places = [float(x) if x in (-math.inf, math.inf) else as_float("support", x) for x in items]
    except (InputError, TypeError, ValueError):
        raise error from None
    if optional and not places:
        return ()
    if len(places) < 2 or any(not a < b for a, b in itertools.pairwise(places)):
        raise error
    return tuple(places)


def as_real(name: str, value: Any) -> npt.NDArray[np.float64]:
    """Return an array of real numbers as it is, or raise an `InputError` that names it."""
    array = _numbers(value)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} must hold real numbers, got {told(value)}")
    return array.astype(float, copy=False)


def as_generator(name: str, value: Any) -> np.random.Generator:
    """Return a generator of random numbers, or raise an `InputError` that names it."""
    import numpy as np

    if not isinstance(value, np.random.Generator):
        raise InputError(f"{name} must be a generator such as numpy.random.default_rng(0), got {told(value)}")
    return value


def positive(name: str, value: Any) -> float:
    """Return `value` as a finite float > 0, or raise an `InputError` that names it."""
    number = as_float(name, value, "> 0")
    if number <= 0:
        raise InputError(f"{name} must be positive, got {told(value)}")
    return number


def not_negative(name: str, value: Any) -> float:
    """Return `value` as a finite float >= 0, or raise an `InputError` that names it."""
    number = as_float(name, value, ">= 0")
    if number < 0:
        raise InputError(f"{name} must be >= 0, got {told(value)}")
    return number


def in_unit_interval(name: str, value: Any) -> float:
    """Return `value` as a float in (0, 1], or raise an `InputError` that names it."""
    number = as_float(name, value, "in (0, 1]")
    if not 0 < number <= 1:
        raise InputError(f"{name} must lie in (0, 1], got {told(value)}")
    return number


def integer_between(name: str, value: Any, least: int, most: int) -> int:
    """Return `value` as an integer from `least` to `most`, or raise an `InputError` that names it."""
    error = InputError(f"{name} must be an integer from {least} to {most}, got {told(value)}")
    try:
        number = as_float(name, value)
    except InputError:
        raise error from None
    if number != int(number) or not least <= number <= most:
        raise error
    return int(number)
