"""One variable as seen by a denoiser that believes in another prior, averaged over the Gaussian field that it gets.

The field is B = x_m s* + sqrt(x_r) z, the weight of a value s is P'(s) exp(B s - A s^2/2).  With <.> for its averages,
f = <s>, v = <s^2> - f^2 and u = <s^3> - f <s^2>, integration by parts gives all slopes: E g(B) changes with x_m by
E s* g', with x_r by E g''/2, and f' = v, v' = u - 2 f v, df/dA = -u/2.

Sums over z leave out where all but the true value have weights below e^-DEEP: nothing happens there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import NumericalError

#: half the width of a window of normal numbers, and their step: at most, and in units of 1/(distance sqrt(x_r))
WINDOW, STEP, FINE = 8.2, 0.45, 0.75
#: -log of weights that count as nothing, and steps per factor of two in which widths are put together
DEEP, PER_OCTAVE = 37.0, 1
#: poles of high order multiply the squared error of a sum of twice the step by up to this
POLES = 32.0


def answers(truth: Mixture, assumed: Mixture, fields: Array) -> Array:
    """Return E[s* f], E[f^2], E[<s^2>], E(s* - f)^2, E v^2, the surprise and an error, shape (7, n).

    fields are x_m, x_r and A, shape (3, n); the surprise -E log P'(s*) is NaN for continuous priors.

    Raises
    ------
    NumericalError
        If the weights cannot be normalised.
    """
    if not assumed.atoms:
        return _of_gaussian(truth, assumed, fields)
    result = np.zeros((7, fields.shape[1]))
    for here, component, seen in _parts(truth, assumed, fields):
        fine, rough = np.moveaxis(np.stack(seen.all()) @ seen.rules, -1, 0)
        fine[:3] += component[1] ** 2
        fine[3] += seen.rest
        result[:6, here] += component[0] * fine
        result[6, here] += component[0] * (rough[3] - fine[3] + seen.rest)
    result[6] = POLES * result[6] ** 2 / truth.second_moment
    return result


def first_answers(truth: Mixture, assumed: Mixture, fields: Array, with_slopes: bool = False) -> Array:
    """Return the first three of `answers`, shape (3, n), and their slopes in x_m, x_r and A, shape (12, n)."""
    if not assumed.atoms:
        return _of_gaussian(truth, assumed, fields)[:3]
    result = np.zeros((12 if with_slopes else 3, fields.shape[1]))
    for here, component, seen in _parts(truth, assumed, fields, with_slopes):
        rule = seen.rules[:, 0].copy()
        found = np.stack([row @ rule for row in (seen.slopes() if with_slopes else seen.moments())])
        found[:3] += component[1] ** 2
        result[:, here] += component[0] * found
    return result


def _parts(
    truth: Mixture, assumed: Mixture, fields: Array, all_powers: bool = False
) -> Iterator[tuple[Index, tuple[float, float, float], _Seen]]:
    """Yield fields of similar widths by their numbers, with a true component (p, mean, variance) and what is seen.

    Of components that are mirror images where everything is symmetric, one stands for both.
    """
    if not np.all(np.isfinite(fields)):
        raise _no_measure()
    distance = max(float(np.ptp(assumed.means)), 1e-9)
    steps = np.minimum(STEP, FINE / (distance * np.sqrt(np.maximum(fields[1], 1e-9))))
    level = np.floor(PER_OCTAVE * np.log2(steps))
    mirrored = truth.symmetric and assumed.symmetric
    for number in np.unique(level):
        here = np.flatnonzero(level == number)
        for p, place, breadth in zip(truth.probabilities, truth.means, truth.variances, strict=True):
            if mirrored and place < 0:
                continue
            component = (2 * p if mirrored and place > 0 else p, place, breadth)
            yield here, component, _Seen(component, assumed, fields[:, here], float(steps[here].min()), all_powers)


def _of_gaussian(truth: Mixture, assumed: Mixture, fields: Array) -> Array:
    """Return `answers` for a Gaussian assumed, whose estimate is linear in the field."""
    (mean, variance, precision), mu, width = fields, float(assumed.means[0]), float(assumed.variances[0])
    first, second = truth.mean, truth.second_moment
    if np.any(1 + precision * width <= 0) or not np.all(np.isfinite(fields)):
        raise _no_measure()
    u = 1 / (1 + precision * width)
    missed, spread = u * (1 + width * (precision - mean)), width * u
    planted = u * (mu * first + width * mean * second)
    own = u**2 * (mu**2 + 2 * mu * width * mean * first + width**2 * (mean**2 * second + variance))
    miss = second * missed**2 - 2 * first * mu * u * missed + u**2 * (mu**2 + width**2 * variance)
    nothing = np.zeros_like(u)
    return np.stack([planted, own, own + spread, miss, spread**2, nothing + np.nan, nothing])


def _no_measure() -> NumericalError:
    return NumericalError("the measure that the denoiser assumes does not exist: its weights cannot be normalised",
                          "assume another control or prior")  # fmt: skip


class _Seen:
    """What fields that a true value makes tell of one variable, at the places z of a sum that count."""

    def __init__(
        self, truth: tuple[float, float, float], assumed: Mixture, fields: Array, step: float, all_powers: bool
    ) -> None:
        _, place, breadth = truth
        mean, variance, precision = fields
        half = 2 * int(np.ceil(WINDOW / step / 2))
        z = np.linspace(-WINDOW, WINDOW, 2 * half + 1)
        width = np.sqrt(mean**2 * breadth + variance)
        apart = assumed.means - place
        # log weights next to that of the true value, at z = 0
        ahead = apart[:, None] * (place * (mean - precision)) - (apart**2)[:, None] * precision / 2
        ahead += np.log(assumed.probabilities)[:, None]
        own = np.flatnonzero(apart == 0) if breadth == 0 else np.array([], dtype=np.intp)
        counts = np.ones(len(z), dtype=bool)
        if len(own):
            ahead -= np.log(assumed.probabilities[own[0]])
            reach = np.multiply.outer(apart, z) * np.where(np.multiply.outer(apart, z) > 0, width.max(), width.min())
            counts = np.any((ahead.max(axis=1)[:, None] + reach > -DEEP)[apart != 0], axis=0)
        rule = np.exp(-0.5 * z * z)
        rough = np.where(np.arange(len(z)) % 2 == 0, rule, 0.0)
        self.rules = np.stack([rule / rule.sum(), rough / rough.sum()], axis=1)[counts]
        self.place, self.shift = place, width[:, None] * z[counts]
        #: the true value is place + slope shift, but for a variance rest
        self.slope = np.divide(mean * breadth, width**2, out=np.zeros_like(mean), where=width > 0)
        self.rest = breadth * (1 - mean * self.slope)
        log = np.multiply.outer(apart, self.shift) + ahead[:, :, None]
        top = log.max(axis=0)
        weights = np.exp(log - top)
        norm = weights.sum(axis=0)
        self.surprise = top + np.log(norm) if len(own) else np.full(norm.shape, np.nan)
        weights /= norm
        powers = apart ** np.arange(1, 5 if all_powers else 3)[:, None]
        self.powers = (powers @ weights.reshape(len(apart), -1)).reshape(len(powers), *norm.shape)

    def moments(self) -> list[Array]:
        """Return s* f, f^2 and <s^2>, less the square of the place."""
        a, told = self.place, self.slope[:, None] * self.shift
        first, second = self.powers[:2]
        return [a * (told + first) + told * first, (2 * a + first) * first, 2 * a * first + second]

    def all(self) -> list[Array]:
        """Return the rows of `answers`, the first three less the square of the place; miss without the rest."""
        first, second = self.powers[:2]
        missed = self.slope[:, None] * self.shift - first
        return [*self.moments(), missed**2, (second - first**2) ** 2, self.surprise]

    def slopes(self) -> list[Array]:
        """Return the rows of `slopes`, the first three less the square of the place."""
        a, (c1, c2, c3, c4) = self.place, self.powers
        f, v, skew, third = a + c1, c2 - c1**2, c3 - c1 * c2, c3 - 3 * c1 * c2 + 2 * c1**3
        u, wide = 2 * a * v + skew, c4 - c2**2
        u_slope = 2 * a * third + wide - 2 * c1 * skew
        squares = 4 * a * (a * v + skew) + wide
        return [
            *self.moments(), a * a * v, a * third / 2, -a * u / 2, 2 * a * f * v, v**2 + f * third, -f * u,
            a * u, u_slope / 2, -squares / 2,
        ]  # fmt: skip
