"""The output channel y = |z| in mpmath.

With q + d = 1 (the sign of z is lost: p = y omega/d decides what is known of it, see `output_formulas.abs_response`)
all functions are integrals with the modified Bessel functions K_0 to K_3 at s, p = sqrt(q) s,

    E[y^(2m)/d^m f(p)] = (2/pi) sqrt(d) int_0^inf cosh(p) f(p) s^m K_m(s) ds,

taken over x with s = exp(x - e^{-x}), for which they fall off steeply on both sides.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from amp_theory.exact.digits.contexts import from_raw, mp, raw, warm_euler
from amp_theory.exact.digits.coupling_base import ScaledCoupling
from amp_theory.exact.digits.rules import Real, Rule, Values

#: digits of the working precision grow in steps of this, so that Bessel functions serve again
STEP_DIGITS = 10
#: digits beyond the working precision at which the integrals are cut off, bits beyond it for Bessel functions
GUARD_DIGITS, GUARD_BITS = 10, 20


class ExactAbs(ScaledCoupling):
    """y = |z|; A = -log d - 2 log 2 + 2 E h(p), h the entropy of the sign of z, for q + d = 1."""

    def __init__(self, second_moment: Real) -> None:
        self.second_moment = second_moment
        warm_euler()

    def scaled(self, overlap: Real, rule: Rule) -> Values:
        """Return A, A', A'', A''' at q = `overlap`."""
        rho = self.second_moment
        if overlap == 0:
            return [mp.mpf(0), mp.mpf(0), 2 / rho**2, -16 / rho**3]
        # A is of order q^2, A' of order q
        lost = max(0.0, -2 * float(mp.log10(overlap / rho)))
        with mp.workdps(mp.dps + STEP_DIGITS * math.ceil(lost / STEP_DIGITS)):
            values = self._unit(overlap / rho, (rho - overlap) / rho, rule)
            return [value / rho**order for order, value in enumerate(values)]

    def _unit(self, q: Real, d: Real, rule: Rule) -> Values:
        """Return A, A', A'', A''' for q + d = 1."""
        root = mp.sqrt(q)

        def integrand(x: Real) -> Values:
            bend = mp.exp(-x)
            s = mp.exp(x - bend)
            if s > mp.log(10) * (mp.dps + GUARD_DIGITS) or bend > mp.log(10) * (mp.dps + GUARD_DIGITS):
                return [mp.mpf(0)] * 5
            k0, k1 = bessel(s)
            k2 = k0 + 2 * k1 / s
            k3 = k1 + 4 * k2 / s
            p = root * s
            decay = mp.exp(-2 * p)
            cosh, tanh = (1 + decay) / mp.exp(-p) / 2, (1 - decay) / (1 + decay)
            sech2 = 4 * decay / (1 + decay) ** 2
            entropy = mp.log1p(decay) + 2 * p * decay / (1 + decay)
            measure = cosh * s * (1 + bend)
            rows = (entropy * k0, sech2 * s * k1, sech2**2 * s**2 * k2,
                    sech2**2 * tanh**2 * s**3 * k3, sech2**3 * s**3 * k3)  # fmt: skip
            return [measure * row for row in rows]

        reach = mp.log(mp.log(10) * (mp.dps + GUARD_DIGITS)) + 1
        h, e1, e2, e3, e4 = (2 / mp.pi * mp.sqrt(d) * value for value in rule(integrand, reach, False))
        return [
            -mp.log(d) - 2 * mp.log(2) + 2 * h,
            (1 - e1) / d,
            (1 - 2 * e1 + e2) / d**2,
            (2 + 4 * e3 - 2 * e4 + 6 * e2 - 6 * e1) / d**3,
        ]


def bessel(s: Real) -> tuple[Real, Real]:
    """Return K_0 and K_1 at s > 0 to the working precision."""
    k0, k1 = _bessel(raw(s), mp.prec)
    return from_raw(k0), from_raw(k1)


@lru_cache(maxsize=50_000)
def _bessel(number: Any, precision: int) -> tuple[Any, Any]:
    """Return K_0 and K_1 of a raw number by their series, with the bits that cancel between e^s and e^-s.

    K_0 = sum_k (1 + 1/2 + ... + 1/k) (s/2)^(2k)/k!^2 - (log(s/2) + gamma) I_0, and K_1 from I_0 K_1 + I_1 K_0 = 1/s.
    """
    s = from_raw(number)
    with mp.workprec(precision + int(3 * s) + GUARD_BITS):
        quarter = s * s / 4
        small = mp.ldexp(1, -mp.prec)
        term = i0 = i1 = mp.mpf(1)
        total = harmonic = mp.mpf(0)
        k = 0
        while term > small * i0:
            k += 1
            term *= quarter / (k * k)
            harmonic += mp.mpf(1) / k
            i0, i1, total = i0 + term, i1 + term / (k + 1), total + harmonic * term
        k0 = total - (mp.log(s / 2) + mp.euler) * i0
        return raw(k0), raw((1 / s - s / 2 * i1 * k0) / i0)
