"""Laws of half log-likelihood ratios h on a uniform grid, and their transforms.

With planted spin +1 a law mu obeys mu(-h) = e^{-2h} mu(h) (Nishimori).  It is represented by its even
tilted law nu(h) = e^{-h} mu(h), in turn by its transform at the frequencies w_k,

    nuhat(w) = E_mu e^{(i w - 1) h} = sum_h nu(h) cos(w h),

under which sums of independent fields become products and mass at h = infinity vanishes: whatever the grid
does not hold is at infinity.  With mu_s = nu cosh h the symmetrised law,

    E_s f = f_s(infinity) + sum_h nu(h) cosh(h) [f_s(h) - f_s(infinity)],    f_s(h) = [f(h) + f(-h)]/2,

and all expectations are linear in nuhat.  Functions of h used here are analytic in a strip of half-width
pi/2, so that aliasing is of order e^{-pi^2/(2 spacing)} or less; fields
beyond the half-width count as infinite, an error of order e^{-1.8 half_width}.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.tools.arrays import Array

#: the highest frequency at which message transforms keep their digits
HIGHEST = 28.0
#: the filter exp(-STRENGTH (w/w_max)^POWER)
STRENGTH, POWER = 36.0, 16


@dataclass(frozen=True)
class FieldGrid:
    """A grid of fields h = 0, spacing, ..., half_width (laws being even), and as many frequencies."""

    spacing: float
    half_width: float

    @property
    def intervals(self) -> int:
        """Number of intervals between zero and the largest field."""
        return round(self.half_width / self.spacing)

    @cached_property
    def field(self) -> Array:
        """The fields h >= 0."""
        return np.linspace(0, self.half_width, self.intervals + 1)

    @cached_property
    def frequency(self) -> Array:
        """The frequencies w_k = pi k/half_width, up to pi/spacing or HIGHEST."""
        number = min(self.intervals, int(HIGHEST * self.half_width / np.pi))
        return np.asarray(np.pi / self.half_width * np.arange(number + 1))

    @cached_property
    def _inverse(self) -> Array:
        """Matrix from nuhat to nu, rows fields, the weights of both sums included."""
        n, fields, waves = self.intervals, np.arange(self.intervals + 1), np.arange(len(self.frequency))
        filtered = np.exp(-STRENGTH * (waves / waves[-1]) ** POWER)
        twice = [np.where((index == 0) | (index == n), 1.0, 2.0) for index in (fields, waves)]
        wave = np.cos(np.pi / n * np.outer(fields, waves))
        return np.asarray(twice[0][:, None] * wave * twice[1] * filtered / (2 * n))

    def functional(self, values: Array) -> Array:
        """Return vectors v with sum_h nu(h) f(h) = nuhat @ v, from values of even functions f at `field`.

        values has shape (fields, ...), the result (frequencies, ...).
        """
        return np.asarray(np.tensordot(self._inverse, values, (0, 0)))

    @cached_property
    def gap(self) -> Array:
        """The functional 1 - overlap = sum nu/cosh."""
        return self.functional(1 / np.cosh(self.field))

    @cached_property
    def entropy(self) -> Array:
        """The functional E log(1 + e^{-2h}) = sum nu cosh(h) H2(p(h)), p = 1/(1 + e^{-2h})."""
        h = self.field
        p, m = 1 / (1 + np.exp(-2 * h)), 1 / (1 + np.exp(2 * h))
        return self.functional(np.cosh(h) * (p * np.log1p(np.exp(-2 * h)) + m * (2 * h + np.log1p(np.exp(-2 * h)))))

    def symmetric_functional(self, positive: Array, negative: Array, at_infinity: Array) -> Array:
        """Return vectors v with E_s f = at_infinity + nuhat @ v, from f(h), f(-h) at `field`, shape (fields, n)."""
        rest = 0.5 * (positive + negative) - at_infinity
        return self.functional(np.cosh(self.field)[:, None] * rest)
