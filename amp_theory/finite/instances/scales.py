"""Data of one's own: real numbers of the right shape, and of the scale that a model has.

Message passing is derived for entries of a certain variance.  That of n entries is estimated to sqrt((kurtosis - 1)/n),
and entries of one's own need not be normal: the scale is refused where it is off by more than `SLACK` and `SIGMAS` such
errors.  Twenty entries tell little, ten thousand a factor of two in the variance.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import LARGEST_VALUE
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array

#: what a mean square may be off by, relative: always, and in units of its statistical error
SLACK, SIGMAS = 0.5, 12.0
#: bytes that are worked on at once
BLOCK = 2**24


def as_numbers(name: str, value: Any, bodies: int, shape: str) -> Array:
    """Return finite real numbers with so many axes, a copy, also of sparse matrices of scipy and frames of pandas.

    Examples
    --------
    >>> as_numbers("couplings", [[0, 1], [1, 0]], 2, "(size, size)").dtype
    dtype('float64')
    """
    for method in ("toarray", "to_numpy"):
        if hasattr(value, method):
            value = getattr(value, method)()
    array = as_array(name, value, f"of shape {shape}")
    if array.ndim != bodies or 0 in array.shape:
        raise InputError(f"{name} must have shape {shape}, none of them zero, got shape {array.shape}")
    bad = np.argwhere(~(np.abs(array) <= LARGEST_VALUE))
    if len(bad):
        where, allowed = ", ".join(map(str, bad[0])), f"finite, of modulus up to {LARGEST_VALUE:g}"
        raise InputError(f"{name} must be {allowed}, got {array[tuple(bad[0])]:g} at [{where}], one of {len(bad)}")
    return array


def blocks(values: Array) -> list[slice]:
    """Return the parts of the first axis that are worked on one after the other, as copies of all would be large.

    Examples
    --------
    >>> blocks(np.zeros(4))
    [slice(0, 4, None)]
    """
    width = max(len(values) * BLOCK // max(values.nbytes, 1), 1)
    return [slice(start, min(start + width, len(values))) for start in range(0, len(values), width)]


def mean_square(values: Array, number: int) -> tuple[float, float]:
    """Return the mean square of so many entries, all others zero, and its relative statistical error.

    Examples
    --------
    >>> mean_square(np.array([1.0, -1.0, 0.0]), 2)
    (1.0, 1.0)
    """
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0.0, 0.0
    second = fourth = 0.0
    for part in blocks(values):
        squares = (values[part] / largest) ** 2
        second, fourth = second + float(squares.sum()), fourth + float((squares * squares).sum())
    mean = second / number
    kurtosis = fourth / number / mean**2
    # entries that are alike by chance tell no more than normal ones
    return mean * largest**2, math.sqrt(max(kurtosis - 1, 2.0) / number)


def off_scale(found: float, error: float, wanted: float, signal: float = 0.0) -> bool:
    """Tell whether a mean square is not the one wanted, up to a signal in it, relative, and its relative error."""
    slack = 1 + SLACK + SIGMAS * error
    return not wanted / slack <= found <= wanted * (slack + signal)


def expect(model: object, data: dict[str, Any], needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
    """Raise an `InputError` unless data have the names that a model's instances are made from."""
    names = " and ".join(needed) + (f" (and perhaps {', '.join(optional)})" if optional else "")
    missing = [name for name in needed if name not in data]
    extra = [name for name in data if name not in (*needed, *optional)]
    if missing or extra:
        what = f"without {missing[0]}" if missing else f"with {extra[0]}"
        raise InputError(f"instances of {model!r} are made from {names}, not {what}")


def fitting(model: Any, control: float | None, number: int, size: int, what: str) -> float:
    """Return the control that counts something per variable: the one given if it agrees, else the number/size."""
    ratio = number / size
    if control is not None and round(control * size) != number:
        raise InputError(
            f"{model.control} = {control:g} and size {size} are {round(control * size)} {what}, got {number}: "
            f"{model.control} = {ratio:.12g} fits, or leave it out"
        )
    return float(model.check_control(ratio)) if control is None else control
