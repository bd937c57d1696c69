"""Langevin dynamics of spherical mixed models without field, as far as ageing ansatz and threshold states reach.

With xi polynomial and E s^2 = 1, the dynamics from a random start ages in threshold states of overlap q_th, the largest
root of xi''(q) (1 - q)^2 = 1.  Two heuristics tell when it leaves them for the planted direction:

- fast: xi''(0) (1 - q_th) > 1 (S. Sarao Mannelli et al., arXiv:1812.09066);
- ageing: xi''(0) chi > 1 with the response chi = 1 - (1 - x) q_th at the Parisi parameter x of those states, for which
  xi'(q) = q/[(1 - q)(1 - (1 - x) q)], so that chi = q_th/[(1 - q_th) xi'(q_th)].

Where the first holds the direction is found, where neither holds it is not; where only the second does they disagree.
Every boundary is a root of a polynomial in q with rational coefficients; all of them are isolated by those of its
derivatives, with exact signs, and found to the last digit.  The intensity then follows from xi''(q) (1 - q)^2 = 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import pairwise

from amp_theory.ingredients.couplings.base import PolynomialCoupling
from amp_theory.tools.arrays import EPS

Terms = dict[int, Fraction]
#: 1 - q and its square
_REST: Terms = {0: Fraction(1), 1: Fraction(-1)}
_SQUARE: Terms = {0: Fraction(1), 1: Fraction(-2), 2: Fraction(1)}
_ONE: Terms = {0: Fraction(1)}


def _product(first: Terms, second: Terms) -> Terms:
    result: Terms = {}
    for j, a in first.items():
        for k, b in second.items():
            result[j + k] = result.get(j + k, Fraction(0)) + a * b
    return result


def _sum(*parts: tuple[int | Fraction, Terms]) -> Terms:
    """Return a linear combination."""
    result: Terms = {}
    for factor, terms in parts:
        for k, c in terms.items():
            result[k] = result.get(k, Fraction(0)) + factor * c
    return result


def _derivative(terms: Terms) -> Terms:
    return {k - 1: k * c for k, c in terms.items() if k}


def _value(terms: Terms, q: float) -> float:
    return float(sum(float(c) * q**k for k, c in terms.items()))


def _sign(terms: Terms, q: float) -> int:
    """Return the exact sign of a polynomial at a double."""
    parts = [float(c) * q**k for k, c in terms.items()]
    total = sum(parts)
    # every term has a relative error of at most two roundings of a double, their sum one more for each
    if abs(total) > (2 + len(parts)) * EPS * sum(map(abs, parts)):
        return 1 if total > 0 else -1
    numerator, denominator = q.as_integer_ratio()
    common, most = math.lcm(*(c.denominator for c in terms.values())), max(terms)
    exact: int = sum(int(c * common) * numerator**k * denominator ** (most - k) for k, c in terms.items())
    return (exact > 0) - (exact < 0)


def roots_in_unit_interval(terms: Mapping[int, Fraction]) -> list[float]:
    """Return all roots in (0, 1) of sum_k c_k q^k, ascending: between two roots of the derivative is at most one.

    Examples
    --------
    >>> roots_in_unit_interval({0: Fraction(3, 16), 1: Fraction(-1), 2: Fraction(1)})
    [0.25, 0.75]
    """
    known = {k: c for k, c in terms.items() if c}
    if len(known) < 2:
        return []
    least = min(known)
    reduced = {k - least: c for k, c in known.items()}
    ends = [0.0, *roots_in_unit_interval(_derivative(reduced)), 1.0]
    signs = [_sign(reduced, q) for q in ends]
    found = []
    for (low, high), (left, right) in zip(pairwise(ends), pairwise(signs), strict=True):
        if left == 0 and low > 0:
            found.append(low)
        elif left * right < 0:
            found.append(_bisected(reduced, low, high, left))
    return found


def _bisected(terms: Terms, low: float, high: float, left: int) -> float:
    """Return the root between low, where the sign is `left`, and high, to the last digit."""
    while low < (middle := 0.5 * (low + high)) < high:
        sign = _sign(terms, middle)
        if sign == 0:
            return middle
        low, high = (middle, high) if sign == left else (low, middle)
    return high


def _exact(terms: Iterable[tuple[int, float | Fraction]]) -> Terms:
    return _sum(*((1, {k: Fraction(c)}) for k, c in terms))


class Ageing:
    """The two heuristics for xi(q) = intensity A(q) + B(q), polynomials with terms of order >= 2."""

    def __init__(self, coupling: PolynomialCoupling) -> None:
        self._a, self._b = _exact(coupling.scaled_terms), _exact(coupling.fixed_terms)

    def _xi(self, intensity: float) -> Terms:
        return _sum((Fraction(intensity), self._a), (1, self._b))

    def _excess(self, intensity: float) -> Terms:
        """Return xi''(q) (1 - q)^2 - 1."""
        curvature = _derivative(_derivative(self._xi(intensity)))
        return _sum((1, _product(curvature, _SQUARE)), (-1, _ONE))

    def threshold_overlap(self, intensity: float) -> float:
        """Return q_th, the largest root of xi''(q) (1 - q)^2 = 1; zero if there is none."""
        return max(roots_in_unit_interval(self._excess(intensity)), default=0.0)

    def forgets(self, intensity: float) -> bool:
        """Tell whether xi''(q) (1 - q)^2 < 1 for all q: there are no threshold states."""
        excess = self._excess(intensity)
        return not roots_in_unit_interval(excess) and _sign(excess, 0.0) < 0

    def finds(self, intensity: float) -> tuple[bool, bool]:
        """Tell whether a random start leaves the threshold states: by the fast criterion, by the ageing one."""
        xi, q = self._xi(intensity), self.threshold_overlap(intensity)
        slope = _derivative(xi)
        start = _value(_derivative(slope), 0.0)
        fast = start * (1 - q) > 1
        return fast, fast or start * q > (1 - q) * _value(slope, q)

    def changes(self) -> list[float]:
        """Return all intensities at which `forgets` or `finds` may change.

        At each xi''(q) (1 - q)^2 = 1 holds at an overlap where, beside, a criterion is an equality or another root
        appears; that from q = 0 does where xi''(0) = 1.
        """
        a1, b1 = _derivative(self._a), _derivative(self._b)
        a2, b2 = _derivative(a1), _derivative(b1)
        a0, b0 = a2.get(0, Fraction(0)), b2.get(0, Fraction(0))
        a, b = _product(a2, _SQUARE), _product(b2, _SQUARE)
        rest = _sum((1, _ONE), (-1, b))
        # xi''(0) (1 - q) = 1 times A'' (1 - q)^2, xi''(0) q = (1 - q) xi' likewise, d/dq of xi'' (1 - q)^2 = 0
        fast = _sum((a0, _product(rest, _REST)), (b0, _product(a, _REST)), (-1, a))
        line = {1: Fraction(1)}
        ageing = _sum(
            (1, _product(rest, _sum((a0, line), (-1, _product(_REST, a1))))),
            (1, _product(a, _sum((b0, line), (-1, _product(_REST, b1))))),
        )
        touching = _sum((1, _product(_derivative(a), rest)), (1, _product(a, _derivative(b))))
        found = [float((1 - b0) / a0)] if a0 > 0 and b0 < 1 else []
        for q in {q for terms in (fast, ageing, touching) for q in roots_in_unit_interval(terms)}:
            given = _value(a2, q) * (1 - q) ** 2
            if given > 0 and (intensity := (1 - _value(b2, q) * (1 - q) ** 2) / given) > 0:
                found.append(intensity)
        return sorted(found)
