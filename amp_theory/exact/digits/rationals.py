"""Rational numbers that floats stand for, as mpmath numbers of the working precision."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from amp_theory.exact.digits.contexts import mp
from amp_theory.tools.expressions import exact

if TYPE_CHECKING:
    from collections.abc import Iterable


def normalised(weights: Iterable[float]) -> list[Fraction]:
    """Return the numbers that floats stand for, divided by their sum."""
    numbers = [exact(w) for w in weights]
    total = sum(numbers, Fraction(0))
    return [w / total for w in numbers]


def lost_digits(value: Any) -> int:
    """Return the digits that are lost where a small value is what is left of a sum of order one."""
    return 0 if value == 0 else max(0, int(-mp.log10(abs(value)))) + 1


def to_mp(value: Any) -> Any:
    """Return a number as an mpmath real of the working precision; floats are taken as `exact` takes them."""
    if isinstance(value, float):
        value = exact(value)
    if isinstance(value, Fraction):
        return mp.mpf(value.numerator) / value.denominator
    return mp.mpf(value)
