"""Channels of group models in mpmath: k equal groups, and two unequal ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from operator import mul

from amp_theory.exact.digits.channel_base import ExactChannel, ExactChannelValues, UnitAtoms
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.rationals import to_mp
from amp_theory.exact.digits.rules import Real, Rule, Values
from amp_theory.ingredients.priors.group_channel import CURVATURE, LOSS, SLOPE, Terms
from amp_theory.tools.errors import NumericalError

#: half the width of the strip in which the smoothed functions are bounded, below pi/2
STRIP = 1.4
#: bits and digits beyond the working precision
GUARD_BITS, GUARD_DIGITS = 32, 8
#: t beyond which all but a fraction e^{-t/4} of the groups is known, less than any number of digits here can tell
MOST_KNOWN = 600
#: digits of the working precision grow in steps of this, so that tables serve again
STEP_DIGITS = 10


@dataclass(frozen=True)
class ScaledChannel(ExactChannel):
    """The channel of s = c s', with that of s' and c^2 given.

    psi(x) = psi'(c^2 x), and M, M' and M'' are those of s' times c^2, c^4 and c^6.
    """

    of: ExactChannel
    square: Fraction

    @property
    def mean(self) -> Real:
        """E s."""
        return mp.sqrt(to_mp(self.square)) * self.of.mean

    @property
    def second_moment(self) -> Real:
        """E s^2."""
        return to_mp(self.square) * self.of.second_moment

    @property
    def entropy(self) -> Real:
        """Entropy of P0 in nats."""
        return self.of.entropy

    @property
    def information_dimension(self) -> Real:
        """The weight of the prior's continuous part."""
        return self.of.information_dimension

    def values(self, snr: Real, rule: Rule) -> ExactChannelValues:
        """Return the channel functions at x = `snr`."""
        c2 = to_mp(self.square)
        v = self.of.values(c2 * snr, rule)
        return ExactChannelValues(v.free_entropy, c2 * v.overlap, c2 * v.mmse, c2**2 * v.slope, c2**3 * v.curvature)


@dataclass(frozen=True)
class PottsChannel(UnitAtoms):
    """The channel of k equal groups; the formulas are those of `group_channel`, with e^{-t/4} taken out.

    They are integrals over tau = log u of products of functions of v = log(uX), smoothed by a normal law of variance t.
    The outer integral is over y, tau = c (y - e^{-y}), in which the integrands fall off steeply on both sides.
    """

    k: int

    @property
    def variance(self) -> Real:
        """Frobenius norm 1/sqrt(k-1) of the covariance matrix of s: M'(0) is its square."""
        return 1 / mp.sqrt(self.k - 1)

    @property
    def entropy(self) -> Real:
        """Entropy log k of the group, in nats."""
        return mp.log(self.k)

    def values(self, snr: Real, rule: Rule) -> ExactChannelValues:
        """Return the channel functions at x = `snr`.

        Raises
        ------
        NumericalError
            If the snr is too large.
        """
        k = self.k
        if snr == 0:
            zero, one = mp.mpf(0), mp.mpf(1)
            return ExactChannelValues(zero, zero, one, one / (k - 1), mp.mpf(k - 4) / (k - 1) ** 2)
        if snr * k / (k - 1) > MOST_KNOWN:
            raise NumericalError(
                f"at the snr {mp.nstr(snr, 6)} {k} groups are known to more than 60 digits", "ask for fewer digits"
            )
        # psi is of order t^2, and products of k small factors lose digits
        lost = math.log10(k) + max(0.0, -2 * float(mp.log10(snr)))
        with mp.workdps(mp.dps + STEP_DIGITS * math.ceil(lost / STEP_DIGITS)):
            entropy, mmse, slope, curvature = (
                mp.exp(-snr * k / (4 * (k - 1))) * part for part in self._sums(snr, rule)
            )
            return ExactChannelValues(snr / 2 - mp.log(k) + entropy, 1 - mmse, mmse, slope, curvature)

    def _sums(self, snr: Real, rule: Rule) -> Values:
        """Return E H, the mmse, M' and M'' without their factor e^{-t/4}."""
        k = self.k
        t = snr * k / (k - 1)
        lower, upper = _window(k, t)
        scale = max(mp.mpf(1), mp.sqrt(t / (1 + mp.log(k))))
        # the window in y, mirror-symmetric about its middle
        ends = -mp.log(-lower / scale), upper / scale
        middle, reach = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
        smooth = _smoothing(t)
        units = [(mp.mpf(k) / (k - 1)) ** power for power in (1, 2, 3)]

        def integrand(z: Real) -> Values:
            bend = mp.exp(-(z + middle))
            tau = scale * (z + middle - bend)
            if not lower <= tau <= upper:
                return [mp.mpf(0)] * 4
            lost, *a = smooth(tau)
            rest = mp.exp(tau / 2 - t / 8)
            gone = min(rest * lost, mp.mpf(1))
            # (1 - L_0^{k-1})/(1 - L_0)
            ratio = -mp.expm1((k - 1) * mp.log1p(-gone)) / gone if 0 < gone < 1 else mp.mpf(1 if gone else k - 1)
            moments = (_products(k, a, rest, 1 - gone, terms) for terms in (LOSS, SLOPE, CURVATURE))
            parts = [a[0] * lost * ratio, *(unit * value for unit, value in zip(units, moments, strict=True))]
            return [scale * (1 + bend) * part for part in parts]

        return rule(integrand, reach, False)


def _window(k: int, t: Real) -> tuple[Real, Real]:
    """Return ends of tau beyond which the integrands are negligible, see `group_channel._windows`."""
    depth = mp.log(10) * (mp.dps + GUARD_DIGITS) + mp.log(k)
    return -depth - t / 4, mp.sqrt(t * t / 2 + 2 * t * depth) - t / 2 + mp.log(depth)


def _products(k: int, a: Values, rest: Real, free: Real, terms: Terms) -> Real:
    """Return the integrand of sums over distinct groups, see `group_channel._products`; free = L_0."""
    total = mp.mpf(0)
    for powers, coefficient in terms.items():
        r = len(powers)
        number = math.perm(k - 1, r - 1)
        if number:
            factor = mp.mpf(int(coefficient) * number) / math.factorial(sum(powers) - 2)
            total += factor * free ** (k - r) * rest ** (r - 2) * mp.fprod(a[power - 1] for power in powers)
    return total


def _smoothing(t: Real) -> Callable[[Real], Values]:
    """Return the functions of `_columns`, smoothed by a normal law of variance t, as a function of tau.

    The trapezoidal sum with step h has the error e^{b^2/(2t) - 2 pi b/h} for every b <= STRIP.  It is done in integers,
    in units of 2^-bits, with values of the normal law that follow from one another by two multiplications.
    """
    depth = mp.log(10) * (mp.dps + GUARD_DIGITS)
    b = min(mp.mpf(STRIP), mp.sqrt(2 * t * depth))
    number = int(mp.ceil((depth + b * b / (2 * t)) / (2 * mp.pi * b)))
    h = mp.mpf(1) / number
    bits = mp.prec + GUARD_BITS
    width = int(mp.ceil(mp.sqrt(2 * t * depth) * number)) + 1
    bend = _fixed(mp.exp(-h * h / t), bits)
    scale = h / mp.sqrt(2 * mp.pi * t)

    def half_bell(shift: Real) -> list[int]:
        """Return exp(-(shift - j h)^2/(2t)), j = 0, 1, ..., for abs(shift) <= h/2."""
        value = _fixed(mp.exp(-shift * shift / (2 * t)), bits)
        ratio = _fixed(mp.exp((2 * shift * h - h * h) / (2 * t)), bits)
        result = []
        for _ in range(width):
            result.append(value)
            value = value * ratio >> bits
            ratio = ratio * bend >> bits
        return result

    def smooth(tau: Real) -> Values:
        centre = int(mp.nint(tau * number))
        shift = tau - centre * h
        right, left = half_bell(shift), half_bell(-shift)
        bell = [*reversed(left[1:]), *right]
        rows = (_columns(place, number, bits) for place in range(centre - width + 1, centre + width))
        sums = (sum(map(mul, bell, column)) for column in zip(*rows, strict=True))
        return [scale * mp.ldexp(mp.mpf(value), -2 * bits) for value in sums]

    return smooth


@lru_cache(maxsize=50_000)
def _columns(place: int, number: int, bits: int) -> tuple[int, ...]:
    """Return e^{-v/2} (1 - e^{-e^v}) and e^{(j-1/2) v - e^v}, j = 1 to 4, at v = place/number in units of 2^-bits."""
    with mp.workprec(bits + 10):
        e = mp.exp(mp.mpf(place) / number)
        root, decay = mp.sqrt(e), mp.exp(-e)
        values = [-mp.expm1(-e) / root, *(root ** (2 * j - 1) * decay for j in range(1, 5))]
        return tuple(_fixed(value, bits) for value in values)


def _fixed(value: Real, bits: int) -> int:
    return int(mp.nint(mp.ldexp(value, bits)))
