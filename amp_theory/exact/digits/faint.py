"""The scalar channel of atoms at snrs so small that its power series has all digits.

Observed with ever more snr x, the posterior's cumulants obey dkappa_n = kappa_(n+1) dW - b_n dx with

    b_n = sum_(j=1)^(n-1) C(n, j) kappa_(j+1) kappa_(n-j+1) / 2,

W being a Brownian motion.  So the derivatives of M' = E kappa_2^2 are means of polynomials in the cumulants, at x = 0
those of the prior, which are rational.  In modulus kappa_n <= n^n H^n for atoms within H of some point (Leonov and
Shiryaev), which bounds the next derivative everywhere, and so what the series leaves out.
"""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from amp_theory.exact.digits.channel_base import ExactChannelValues
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.rationals import to_mp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amp_theory.exact.digits.rules import Real

#: derivatives of M that are used
ORDER = 6
#: products of cumulants, as ascending orders -> coefficients
Polynomial = Counter[tuple[int, ...]]
#: probabilities and atoms
Atoms = tuple[tuple[Fraction, ...], tuple[Fraction, ...]]


def _drift(polynomial: Polynomial) -> Polynomial:
    """Return the polynomial whose mean is the derivative of a polynomial's mean in x."""
    result: Polynomial = Counter()
    for orders, coefficient in polynomial.items():
        for i, n in enumerate(orders):
            rest = orders[:i] + orders[i + 1 :]
            # n/2 terms twice, so that the halves are integers
            for j in range(1, n):
                result[tuple(sorted((*rest, j + 1, n - j + 1)))] -= coefficient * math.comb(n, j)
            for k in range(i):
                others = rest[:k] + rest[k + 1 :]
                result[tuple(sorted((*others, n + 1, orders[k] + 1)))] += 2 * coefficient
    return result


@lru_cache(maxsize=1)
def _derivatives() -> tuple[Polynomial, ...]:
    """Return 2^(n-1) times the n-th derivative of M, n = 1 to ORDER + 1."""
    result: list[Polynomial] = [Counter({(2, 2): 1})]
    for _ in range(ORDER):
        result.append(_drift(result[-1]))
    return tuple(result)


def _mean(n: int, cumulants: Mapping[int, Fraction], size: Callable[[int], int] = int) -> Fraction:
    """Return the n-th derivative of M where the cumulants are given; sizes of coefficients for a bound."""
    terms = (size(c) * math.prod(cumulants[k] for k in orders) for orders, c in _derivatives()[n - 1].items())
    return Fraction(sum(terms, Fraction(0))) / int(2 ** (n - 1))


@lru_cache(maxsize=64)
def _series(atoms: Atoms) -> tuple[tuple[Fraction, ...], Fraction]:
    """Return the mean square, M'(0), M''(0), ... and a bound on the derivative after them."""
    probabilities, values = atoms
    mean = sum((p * s for p, s in zip(*atoms, strict=True)), Fraction(0))
    moments = [
        sum((p * (s - mean) ** n for p, s in zip(probabilities, values, strict=True)), Fraction(0))
        for n in range(ORDER + 3)
    ]
    cumulants: dict[int, Fraction] = {}
    for n in range(2, ORDER + 3):
        known = (math.comb(n - 1, k - 1) * cumulants[k] * moments[n - k] for k in range(2, n))
        cumulants[n] = moments[n] - sum(known, Fraction(0))
    half = (max(values) - min(values)) / 2
    bounds = {n: (n * half) ** n for n in range(2, ORDER + 4)}
    derivatives = (_mean(n, cumulants) for n in range(1, ORDER + 1))
    return (mean**2, *derivatives), _mean(ORDER + 1, bounds, abs)


def faint_values(atoms: Atoms, variance: Fraction, snr: Real) -> ExactChannelValues | None:
    """Return the channel functions at x = `snr`, or None where the series does not have all working digits."""
    size = (max(atoms[1]) - min(atoms[1])) ** 2 * snr
    if size > mp.mpf(10) ** (-mp.mpf(mp.dps) / ORDER):
        return None
    series, bound = _series(atoms)
    terms = [to_mp(d) / math.factorial(n) for n, d in enumerate(series)]
    powers = [snr**n for n in range(ORDER + 1)]
    gain = mp.fdot(terms[1:], powers[1:])
    values = ExactChannelValues(
        mp.fsum(t * snr * x / (n + 1) for n, (t, x) in enumerate(zip(terms, powers, strict=True))) / 2,
        terms[0] + gain,
        to_mp(variance) - gain,
        mp.fsum(n * terms[n] * powers[n - 1] for n in range(1, ORDER + 1)),
        mp.fsum(n * (n - 1) * terms[n] * powers[n - 2] for n in range(2, ORDER + 1)),
    )
    left = to_mp(bound) * snr ** (ORDER + 1) / math.factorial(ORDER + 1)
    orders = (
        (values.free_entropy, left * snr), (values.overlap, left), (values.mmse, left),
        (values.slope, left * (ORDER + 1) / snr),
        # M'' may vanish; it stands next to M' in all equations, in units of s^2
        (abs(values.curvature) + values.slope * to_mp(variance), left * (ORDER + 1) * ORDER / snr**2),
    )  # fmt: skip
    return values if all(error <= mp.mpf(10) ** -mp.dps * value for value, error in orders) else None
