"""Couplings of linear measurements with rotationally invariant matrices in mpmath; see `rotational_sensing`.

They are not affine in the intensity.  With K = xi'' and gap g = rho - q, d/dq = -d/dg at constant intensity.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.coupling_base import ExactCoupling
from amp_theory.exact.digits.rationals import to_mp
from amp_theory.exact.digits.rules import Real, Rule, Values
from amp_theory.tools.errors import NumericalError

MOST_STEPS = 300


@dataclass(frozen=True)
class ExactRowOrthogonal(ExactCoupling):
    """Orthogonal rows at a noise n; the intensity is alpha.

    With D = n + g - 2 g u, u = n x:  xi' = x,  K = x (1 - u)/D,  xi''' = 2 K (1 - 2u + n g K)/D.
    """

    noise: Real
    second_moment: Real

    def at(self, intensity: Real, overlap: Real, rule: Rule) -> Values:
        """Return xi, xi', xi'', xi''' at q = `overlap`."""
        n, gap = self.noise, self.second_moment - overlap
        start, x = self._signal(intensity, self.second_moment), self._signal(intensity, gap)
        u = n * x
        d = n + gap - 2 * gap * u
        k = x * (1 - u) / d
        xi = start * self.second_moment - x * gap - intensity * mp.log(start / x)
        if intensity != 1:
            xi += (intensity - 1) * (mp.log(1 - n * start) - mp.log(1 - u))
        return [xi, x, k, 2 * k * (1 - 2 * u + n * gap * k) / d]

    def _signal(self, alpha: Real, gap: Real) -> Real:
        """Return x, the smaller root of n g x^2 - (n + g) x + alpha = 0."""
        total = self.noise + gap
        return 2 * alpha / (total + mp.sqrt(total**2 - 4 * alpha * self.noise * gap))


@dataclass(frozen=True)
class ExactSpectrum(ExactCoupling):
    """Eigenvalues t >= 0 of Phi^T Phi with weights that sum to one; the intensity c is 1/noise.

    With P, Y of `rotational_sensing` at s(g), P = c g, and primes for d/ds,

        xi' = Y/g,  K = (Y - Y' P/P')/g^2,  xi''' = 2 K/g - P^2 (Y' P''/P' - Y'')/(P'^2 g^3).
    """

    eigenvalues: tuple[Fraction, ...]
    weights: tuple[Fraction, ...]
    second_moment: Real

    def at(self, intensity: Real, overlap: Real, rule: Rule) -> Values:
        """Return xi, xi', xi'', xi''' at q = `overlap`."""
        gap = self.second_moment - overlap
        start = self._shifted(intensity * self.second_moment)
        place = self._shifted(intensity * gap)
        y, y1, y2, p, p1, p2 = self._transforms(place)
        k = (y - y1 * p / p1) / gap**2
        third = 2 * k / gap - p**2 * (y1 * p2 / p1 - y2) / (p1**2 * gap**3)
        return [self._integral(start) - self._integral(place), y / gap, k, third]

    def _rows(self) -> list[tuple[Real, Real, Real]]:
        """Return the eigenvalues t, t - min t, and their weights."""
        least = min(self.eigenvalues)
        pairs = zip(self.eigenvalues, self.weights, strict=True)
        return [(to_mp(t), to_mp(t - least), to_mp(w)) for t, w in pairs]

    def _transforms(self, shifted: Real) -> Values:
        """Return Y and P with two derivatives each at s + min t = `shifted`."""
        result = [mp.mpf(0)] * 6
        for t, above, w in self._rows():
            one = 1 / (shifted + above)
            for order, factor in enumerate((one, -(one**2), 2 * one**3)):
                result[order] += w * t * factor
                result[3 + order] += w * factor
        return result

    def _integral(self, shifted: Real) -> Real:
        """Return L = E log(s + t) + log P - s P."""
        rows = self._rows()
        p = mp.fsum(w / (shifted + above) for _, above, w in rows)
        s = shifted - to_mp(min(self.eigenvalues))
        return mp.fsum(w * mp.log(shifted + above) for _, above, w in rows) + mp.log(p) - s * p

    def _shifted(self, goal: Real) -> Real:
        """Return s + min t where P = `goal`.

        1/P is increasing and concave in s, so that Newton's method rises to the root from where min t alone gives it.
        """
        rows = self._rows()
        place = mp.fsum(w for _, above, w in rows if above == 0) / goal
        for _ in range(MOST_STEPS):
            ones = [(1 / (place + above), w) for _, above, w in rows]
            p = mp.fsum(w * one for one, w in ones)
            step = (p / goal - 1) * p / mp.fsum(w * one * one for one, w in ones)
            place += step
            if abs(step) <= place * mp.mpf(10) ** (-0.7 * mp.dps):
                return place
        raise NumericalError(
            f"the transform of the spectrum does not reach {mp.nstr(goal, 10)}",
            "ask for fewer digits, or another control",
        )
