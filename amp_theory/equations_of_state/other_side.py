"""What variables v tell u, as a coupling of u, with interpolants that solve for the snr of v; see `two_sides`.

x M(x) of a prior rises, so that x_v M_v(x_v) = x_u q_u/alpha has one solution, which log-log interpolants guess to some
twelve digits where v is told nothing, and the last of Halley's steps, with the exact M, gives in full.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.ingredients.couplings.base import CouplingPoint, GeneralCoupling
from amp_theory.ingredients.paths.response import Response
from amp_theory.ingredients.priors.channel_table import TableValues
from amp_theory.tools.arrays import Array, Bools, Index
from amp_theory.tools.errors import NumericalError

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.ingredients.priors.base import Prior

#: where x M(x) is tabulated, in units of 1/Var s: logarithms, their step, and how far at once beyond `ASKED`
LEAST, MOST, STEP, BLOCK = -24.0, 24.0, 1 / 64, 1.0
#: d log M/d log x below which M is constant, log x from which on that is asked, and what it may come to beyond the end:
#: at x Var s of that size what is left to tell apart adds less to M
CONSTANT, ASKED, FLAT = 1e-4, 4.0, 0.1
#: steps of the iteration at most, and the size from which the last one ends it: the next would be its cube
STEPS, DONE = 100, 3e-6
#: the size of a first step below which the response is moved along with its derivatives, instead of asked for again
CLOSE = 1e-12
#: more points than these are solved with interpolated M first, where v is told something
MANY = 64


class _Products:
    """The function log x + log M(x) of log x for one prior, and guesses of it and of its inverse.

    Both are quintic Hermite interpolants, straight beyond the ends.  It takes the place of a prior where a path's
    overlap and its derivatives will do, to some twelve digits.
    """

    def __init__(self, prior: Prior) -> None:
        self.second_moment = prior.second_moment
        blocks, end, width = [], LEAST, ASKED - LEAST
        while end < MOST:
            t = np.arange(end, end + width, STEP) - np.log(prior.variance)
            v = prior.table(np.exp(t))
            rise = np.exp(t) * v.slope / v.overlap
            blocks.append((t, np.log(v.overlap), rise, rise * (1 - rise) + np.exp(2 * t) * v.curvature / v.overlap))
            end, width = end + width, BLOCK
            if rise.max() < CONSTANT:
                break
        self.t, level, rise, bend = (np.concatenate(column) for column in zip(*blocks, strict=True))
        self.value, slope = self.t + level, 1 + rise
        #: the largest d log M/d log x
        self.steepest = float(rise.max())
        self._forward = _hermite(np.full(len(self.t), STEP), level, rise, bend)
        self._inverse = _hermite(np.append(np.diff(self.value), 1.0), self.t, 1 / slope, -bend / slope**3)

    def guess(self, level: Array) -> Array:
        """Return about where log x + log M(x) = level."""
        k = _within(self.value.searchsorted(level) - 1, len(self.t) - 2)
        low = self.value[k]
        p = (level - low) / (self.value[k + 1] - low)
        c, inside = self._inverse[:, k], _unit(p)
        value = c[5]
        for n in (4, 3, 2, 1, 0):
            value = value * inside + c[n]
        if np.any(p != inside):  # straight beyond the ends
            value = _along(self._inverse, k, p)[0]
        return np.asarray(value)

    def table(self, snr: Array) -> TableValues:
        """Return about M, M' and M''; what else a table has is NaN."""
        place = (np.log(snr) - self.t[0]) / STEP
        k = _within(place.astype(np.intp), len(self.t) - 2)
        level, rise, bend = _along(self._forward, k, place - k)
        overlap, rise = np.exp(level), rise / STEP
        slope, gap = overlap * rise / snr, self.second_moment - overlap
        curvature = slope * (rise - 1) / snr + overlap * bend / (STEP * snr) ** 2
        none = np.full_like(gap, np.nan)
        return TableValues(
            free_entropy=none, overlap=overlap, mmse=gap, slope=slope, curvature=curvature, gain=none, information=none,
            relative_error=none,
        )  # fmt: skip


def _hermite(width: Array, value: Array, slope: Array, bend: Array) -> Array:
    """Return the coefficients, shape (6, n - 1), of quintics in [0, 1] with given values, slopes and curvatures."""
    w, low, high = width[:-1], value[:-1], value[1:]
    a, b, c, d = w * slope[:-1], w * slope[1:], 0.5 * w**2 * bend[:-1], 0.5 * w**2 * bend[1:]
    e, f, g = high - low - a - c, b - a - 2 * c, d - c
    return np.stack([low, a, c, 10 * e - 4 * f + g, 7 * f - 15 * e - 2 * g, 6 * e - 3 * f + g])


def _within(k: Index, most: int) -> Index:
    """Return k moved into [0, most]; `numpy.clip` takes ten times as long for few numbers."""
    return np.minimum(np.maximum(k, 0), most)


def _unit(p: Array) -> Array:
    """Return p moved into [0, 1]."""
    return np.minimum(np.maximum(p, 0.0), 1.0)


def _along(coefficients: Array, k: Index, p: Array) -> tuple[Array, Array, Array]:
    """Return the interpolant number k at p, straight outside of [0, 1], its slope and its curvature."""
    c, inside = coefficients[:, k], _unit(p)
    value, slope, bend = c[5], np.zeros_like(p), np.zeros_like(p)
    for n in (4, 3, 2, 1, 0):
        bend = bend * inside + slope
        slope, value = slope * inside + value, value * inside + c[n]
    return value + slope * (p - inside), slope, 2 * bend


@lru_cache(maxsize=256)
def _products(prior: Prior) -> _Products:
    return _Products(prior)


@dataclass(frozen=True, eq=False)
class OtherSide(GeneralCoupling):
    """The coupling of u that v makes, at a strength of what v is told: xi'(q) = alpha lambda G_v(lambda q, s).

    Parameters
    ----------
    prior
        The law of v.
    path
        What v is told along.
    ratio
        alpha > 0, the number of v per u.
    strength
        Internal strength of that, >= 0, any shape.
    """

    prior: Prior
    path: Path
    ratio: float
    strength: Array

    def response(self, signal: Array) -> Response:
        """Return the response of v at the snr that u provides."""
        return self.path.response(self.prior, self.path.coordinate(signal, self.strength), self.strength)

    def solve(self, signal: Array, overlap: Array) -> tuple[Array, Response]:
        """Return x_v with alpha x_v G_v = x_u q_u, given x_u and q_u, and the response there.

        That is by Halley's method in log x_v, in which the slope is at least one.  What v is told makes x_v smaller,
        and G_v is rho_v at most: that brackets it.  A last step in x_v leaves the rounding of logarithms behind.
        """
        log_product = np.log(signal) + np.log(overlap) - np.log(self.ratio)
        rough = _products(self.prior)
        t = guess = rough.guess(log_product)
        if t.size > MANY and np.any(self.strength):
            t = self._iterated(log_product, t, guess, rough)[0]
        t, x, r, step = self._iterated(log_product, t, guess, self.prior)
        if (np.abs(step) > CLOSE).any():
            x = np.exp(t + step)
            r = self.response(x)
        shift = x * (signal / x * (overlap / r.overlap) / self.ratio - 1) / (1 + x * r.overlap_z / r.overlap)
        return x + shift, _moved(r, shift)

    def about(self, signal: Array, overlap: Array, steep: Array) -> tuple[Array, Bools]:
        """Return d log G_v/d log x_v at the solution to some five digits, and where it is that.

        Beyond the end of the interpolated M it counts as that where it would have to be far larger to be 1/`steep`.
        """
        log_product = np.log(signal) + np.log(overlap) - np.log(self.ratio)
        rough = _products(self.prior)
        guess = rough.guess(log_product)
        _, x, r, _ = self._iterated(log_product, guess, guess, rough)
        place = np.log(self.path.coordinate(x, self.strength))
        return x * r.overlap_z / r.overlap, (place > rough.t[0]) & ((place < rough.t[-1]) | (steep * FLAT < 1))

    def _iterated(
        self, log_product: Array, t: Array, most: Array, prior: Prior | _Products
    ) -> tuple[Array, Array, Response, Array]:
        """Return log x_v, about `most` at most, and x_v before the last step, the response there, and that step."""
        lower, upper = log_product - np.log(self.prior.second_moment) - 1, most + 1
        for _ in range(STEPS):
            x = np.exp(t)
            r = self.path.response(prior, self.path.coordinate(x, self.strength), self.strength)  # type: ignore[arg-type]
            ratio = x / r.overlap
            rise = ratio * r.overlap_z
            newton = (log_product - t - np.log(r.overlap)) / (1 + rise)
            bend = newton * (rise * (1 - rise) + ratio * x * r.overlap_zz) / (1 + rise)
            step = newton / (1 + 0.5 * np.minimum(np.maximum(bend, -1), 1))
            going = np.abs(step) >= DONE  # False for what is not a number
            if not going.any():
                return t, x, r, step
            lower, upper = np.where(step > 0, t, lower), np.where(step < 0, t, upper)
            new = t + step
            t = np.where(going & ((new < lower) | (new > upper)), 0.5 * (lower + upper), new)
        raise NumericalError("the snr that one side provides for the other was not found", partial=t)

    def at(self, overlap: Array, gap: Array, signal: Array) -> CouplingPoint:
        """Return what belongs to the lambda at which alpha lambda G_v(lambda q, s) = `signal`."""
        x, r = self.solve(signal, overlap)
        return self.point(overlap, signal, x, r)

    def point(self, overlap: Array, signal: Array, x: Array, r: Response) -> CouplingPoint:
        """Return what belongs to the solution x of `solve`."""
        lam, g, slope = x / overlap, r.overlap, r.overlap + x * r.overlap_z
        k, bend = self.ratio * lam**2 * r.overlap_z, 2 * r.overlap_z + x * r.overlap_zz
        # at constant signal lambda changes with q by -K/A', with the signal by 1/A'
        slope_q, slope_l = self.ratio * lam**3 * r.overlap_zz, self.ratio * lam * bend
        return CouplingPoint(
            intensity=lam, slope=self.ratio * slope, ratio=overlap * g / slope, scaled_signal=lam * self.ratio * slope,
            curvature=k, curvature_q=slope_q - slope_l * k / (self.ratio * slope),
            curvature_x=slope_l / (self.ratio * slope), value=2 * self.ratio * r.free_entropy,
        )  # fmt: skip

    def value(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return xi(q) = 2 alpha Psi_v(lambda q, s)."""
        return 2 * self.ratio * self.response(intensity * overlap).free_entropy

    def signal(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return alpha lambda G_v(lambda q, s)."""
        return self.ratio * intensity * self.response(intensity * overlap).overlap

    def curvature(self, intensity: Array, overlap: Array, gap: Array) -> Array:
        """Return alpha lambda^2 G_v'(lambda q, s)."""
        return self.ratio * intensity**2 * self.response(intensity * overlap).overlap_z

    def steepest(self, rho: float) -> tuple[float, float]:
        """Return the largest logarithmic slope of M_v, which bounds q xi''/xi', and zero."""
        return max(_products(self.prior).steepest, 1.0), 0.0

    def instability(self, rho: float, slope: Array) -> Array:
        """Return the lambda at which alpha lambda^2 Var(v)^2 slope = 1."""
        return np.asarray(1 / (np.sqrt(self.ratio * slope) * self.prior.variance))

    @property
    def sharpness(self) -> float:
        """The largest logarithmic slope of M_v."""
        return max(_products(self.prior).steepest, 2.0)


def _moved(r: Response, shift: Array) -> Response:
    """Return a response at a slightly larger signal: shifts of about `CLOSE` times the signal at most."""
    return replace(
        r, overlap=r.overlap + shift * (r.overlap_z + 0.5 * shift * r.overlap_zz),
        overlap_z=r.overlap_z + shift * r.overlap_zz, overlap_s=r.overlap_s + shift * r.overlap_zs,
        free_entropy=r.free_entropy + 0.5 * shift * r.overlap,
    )  # fmt: skip
