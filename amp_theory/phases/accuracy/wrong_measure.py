"""The two overlaps of a denoiser that believes in another measure than the one its data come from.

Data are T_p = lambda_p s*..s* + sqrt(lambda_p) W with lambda_p = p! c_p/N^{p-1}, xi(q) = sum_p c_p q^p; the denoiser
takes the log weight sum_p [k_p T_p s..s/p! - (lambda_p d_p/2) e_p(s^2)] and the prior P'.  A cavity field is Gaussian
with mean x_m s* and variance x_r, and what the field does not tell of the variables' squares stays as a precision A,

    x_m = sum_p k_p c_p p m^{p-1},    x_r = sum_p k_p^2 c_p p r^{p-1},
    A = x_r + sum_p (d_p - k_p^2) c_p p R^{p-1},

with m = E[s* <s>], r = E[<s>^2] and R = E[<s^2>]; side information of snr s adds s to each of the three.  An iteration
of message passing takes (m, r, R) to E[s* f], E[f^2], E[f^2 + v], f and v being the mean and the variance of
P'(s) exp(B s - A s^2/2).  Differences between nearby iterates die out while
sum_p k_p^2 c_p p (p-1) r^{p-2} E v^2 < 1; beyond, it finds no fixed point.

The cavity field of variable i given the others, sum_p k_p T_p s..s/(p-1)!, has mean x_m s* and, over the disorder, the
covariance x_r between replicas; within one replica it varies by sum_p k_p^2 c_p p (R^{p-1} - r^{p-1}), which multiplies
+s^2/2 in the exponent, against sum_p d_p c_p p R^{p-1} from e_p: A is what remains.

A wrong temperature has k = T/T', d = k^2: x_m = (p/2) m^{p-1}/(T T') and x_r = (p/2) r^{p-1}/T'^2 for the p-spin.  A
wrong noise has k = Delta/Delta', d = k.  On the sphere R = 1 holds exactly: V = 1 - r follows from m^2 and x_r, not A.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.models.base import Model
from amp_theory.phases.accuracy.scalar_answers import answers, first_answers
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, NumericalError

#: iterations at most, of which so many before steps of Newton's, and how far these go at most, in units of changes
MOST, PLAIN, FAR = 1200, 4, 1e5
#: iterations taken at once where changes grow, and how far that may lead in units of E s^2; stands for no change
LEAP, SHORT, TINY = 30.0, 0.03, 1e-300
#: relative changes that count as moving on
LITTLE = 1e-3
#: growth of changes from which on a way back counts as wrong, in every second block of so many iterations
NEUTRAL, BLOCK, SLOW = 0.7, 600, 16
#: changes that are rounding, and distances from a fixed point that are close enough, in units of E s^2
ROUNDING, CLOSE = 2e-15, 1e-12
#: differences in which slopes are taken where they are not known
NEAR = 1e-7


@dataclass(frozen=True)
class Beliefs:
    """What the denoiser believes: terms (p, c_p, k_p, d_p) of the coupling and a prior, beside the true prior.

    masks tells whether a part of the variables is revealed instead of a field, spherical whether sum s^2 is known.
    """

    terms: tuple[tuple[int, float, float, float], ...]
    truth: Mixture
    assumed: Mixture
    masks: bool
    spherical: bool

    @classmethod
    def of(cls, model: Model, control: float, assumed: float, prior: Mixture, masks: bool) -> Beliefs:
        """Return the beliefs in another control and prior.

        Raises
        ------
        InputError
            If the coupling is no polynomial.
        """
        coupling = model.polynomial
        if coupling is None:
            raise InputError(
                f"denoisers with wrong beliefs are solved for dense models with polynomial couplings, not {model!r}"
            )
        old, new = (float(model.intensity(np.asarray(x))) for x in (control, assumed))
        ratio = new / old
        thermal = model.energy_unit(control) != model.energy_unit(assumed)
        factor, weight = (ratio**0.5, ratio) if thermal else (ratio, ratio)
        scaled, fixed = coupling.float_terms
        terms = [(p, old * c, factor, weight) for p, c in scaled] + [(p, c, 1.0, 1.0) for p, c in fixed]
        return cls(tuple(terms), model.variable_prior.resolved(0.0), prior, masks, model.spherical)

    def fields(self, state: Array, strength: Array) -> Array:
        """Return x_m, x_r and A at (m, r, R) and internal strengths, shape (3, n), side information included."""
        m, r, second = state
        mean, variance, precision = (np.zeros_like(r) + (0.0 if self.masks else strength) for _ in range(3))
        for p, c, k, d in self.terms:
            mean, variance = mean + k * c * p * m ** (p - 1), variance + k * k * c * p * r ** (p - 1)
            precision = precision + k * k * c * p * r ** (p - 1) + (d - k * k) * c * p * second ** (p - 1)
        return np.stack([mean, variance, precision])

    def slopes(self, state: Array) -> Array:
        """Return the derivatives of `fields` in (m, r, R), shape (n, 3, 3), the last axis that of m, r and R."""
        m, r, second = state
        result = np.zeros((len(r), 3, 3))
        for p, c, k, d in self.terms:
            if p > 1:
                each = [k * m ** (p - 2), k * k * r ** (p - 2), (d - k * k) * second ** (p - 2)]
                a, b, e = (c * p * (p - 1) * x for x in each)
                result[:, 0, 0] += a
                result[:, 1, 1] += b
                result[:, 2, 1] += b
                result[:, 2, 2] += e
        return result

    def spread(self, own: Array) -> Array:
        """Return the variance of fields of other variables per variance of a variable, at r."""
        state = np.stack([np.zeros_like(own), own, np.zeros_like(own)])
        return self.slopes(state)[:, 1, 1]


@dataclass(frozen=True)
class Overlaps:
    """What the denoiser answers at strengths, arrays of one shape.

    planted, own, second are m, r, R of all variables; miss is E(s* - <s>)^2 and surprise -E log P'(s*) of those that
    are not revealed (NaN for continuous priors); stability must be below one; error bounds that of miss and surprise.
    """

    planted: Array
    own: Array
    second: Array
    miss: Array
    surprise: Array
    stability: Array
    error: Array

    def take(self, which: slice) -> Overlaps:
        """Return some of them."""
        return Overlaps(*(getattr(self, item.name)[which] for item in fields(self)))


def _sphere(mean: Array, variance: Array) -> Array:
    """Return the same on the sphere, where f = V B with (mean^2 + variance) V^2 + V = 1."""
    square = mean**2 + variance
    v = 2 / (1 + np.sqrt(1 + 4 * square))
    miss = (1 - v * mean) ** 2 + v**2 * variance
    return np.stack([v * mean, 1 - v, np.ones_like(v), miss, v**2, np.full_like(v, np.nan), np.zeros_like(v)])


def overlaps(beliefs: Beliefs, strength: Array, iterations: int | None = None, begin: Array | None = None) -> Overlaps:
    """Return what message passing from zero answers at internal strengths, shape (n,), after so many iterations.

    begin holds (m, r, R), shape (3, n), from which infinitely many lead to the same.

    Raises
    ------
    NumericalError
        If it does not converge, or the measure that is assumed does not exist.
    """
    nothing, left = np.zeros_like(strength), np.zeros(len(strength))
    state = np.stack([nothing, nothing, nothing + beliefs.assumed.second_moment])
    if iterations is None:
        state, left = _fixed(beliefs, state if begin is None else begin, strength, PLAIN if begin is None else 0)
    for _ in range(0 if iterations is None else iterations - 1):
        state = _step(beliefs, state, strength)
    seen = beliefs.fields(state, strength)
    last = _sphere(*seen[:2]) if beliefs.spherical else answers(beliefs.truth, beliefs.assumed, seen)
    hidden = 1 - strength if beliefs.masks else np.ones_like(strength)
    state, spread = _known(beliefs, last[:3], strength), beliefs.spread(state[1])
    return Overlaps(state[0], state[1], state[2], last[3], last[5], spread * hidden * last[4], last[6] + 4 * left)


def _known(beliefs: Beliefs, hidden: Array, strength: Array) -> Array:
    """Return (m, r, R) of all variables from those of hidden ones."""
    if not beliefs.masks:
        return hidden
    return np.asarray(strength * beliefs.truth.second_moment + (1 - strength) * hidden)


def _step(beliefs: Beliefs, state: Array, strength: Array) -> Array:
    """Return the next (m, r, R)."""
    seen = beliefs.fields(state, strength)
    if beliefs.spherical:
        return _known(beliefs, _sphere(*seen[:2])[:3], strength)
    return _known(beliefs, first_answers(beliefs.truth, beliefs.assumed, seen), strength)


def _slopes(beliefs: Beliefs, state: Array, strength: Array) -> tuple[Array, Array]:
    """Return the next (m, r, R) and its derivatives, shape (n, 3, 3), the last axis that of the old ones."""
    if not beliefs.spherical and beliefs.truth.atoms and beliefs.assumed.atoms:
        found = first_answers(beliefs.truth, beliefs.assumed, beliefs.fields(state, strength), with_slopes=True)
        hidden = 1 - strength if beliefs.masks else np.ones_like(strength)
        slopes = (hidden * found[3:]).reshape(3, 3, -1).transpose(2, 0, 1) @ beliefs.slopes(state)
        return _known(beliefs, found[:3], strength), slopes
    here, shift = _step(beliefs, state, strength), NEAR * np.maximum(state[2], 1e-9)
    slopes = np.empty((len(strength), 3, 3))
    for k in range(3):
        moved = state.copy()
        moved[k] += shift
        slopes[:, :, k] = ((_step(beliefs, moved, strength) - here) / shift).T
    return here, slopes


def _fixed(beliefs: Beliefs, start: Array, strength: Array, plain: int) -> tuple[Array, Array]:
    """Return the fixed points to which iterations lead, and how far they may still be away.

    After some plain iterations every second one is followed by a step of Newton's where changes shrink.  Where they
    grow, away from an unstable fixed point or past the end of a branch, a few iterations are taken at once.
    """
    scale = max(beliefs.truth.second_moment, beliefs.assumed.second_moment)
    state, left, busy = start.copy(), np.full(strength.shape, np.inf), np.arange(len(strength))
    for count in range(MOST):
        old, s = state[:, busy], strength[busy]
        if count < plain:
            state[:, busy] = _step(beliefs, old, s)
            continue
        new, slopes = _slopes(beliefs, old, s)
        inverse = np.linalg.inv(np.eye(3) - slopes + 1e-15)
        change = new - old
        step, slow = ((x @ change.T[:, :, None])[:, :, 0].T for x in (inverse, np.linalg.matrix_power(slopes, SLOW)))
        size, far, kept = (np.maximum(np.abs(x).max(axis=0), TINY) for x in (change, step, slow))
        # the part of the change that dies out last: leaps would make too much of all others
        slow = slow * np.minimum(size / kept, 1.0)
        following = (slopes @ slow.T[:, :, None])[:, :, 0].T
        moving = np.abs(change) > LITTLE * np.abs(old)
        growth = np.abs(following).max(axis=0) / np.minimum(size, kept)
        against = np.any((step * change < 0) & moving, axis=0)
        leaves = (
            against | (growth > 1) | (((step * slow).sum(axis=0) < 0) & (growth > (NEUTRAL, 1.0)[count // BLOCK % 2]))
        )
        limit = np.maximum(np.minimum(FAR * size, SHORT * scale), LEAP * size)
        # past the end of a branch the way back is as long as the way on
        longest = np.where(np.all((step * change <= 0) | ~moving, axis=0), np.clip(far / size, LEAP, FAR), LEAP)
        stride = np.clip(SHORT * scale / size, 1.0, longest)
        stride = np.where(np.abs(following) > np.abs(slow), stride, 1.0)
        moved = old + np.where(leaves, change + (stride - 1) * slow, step * np.minimum(1.0, limit / far))
        moved[1] = np.maximum(moved[1], 0.0)
        after = _step(beliefs, moved, s)
        rest = after - moved
        size, away = np.abs(rest).max(axis=0), np.abs((inverse @ rest.T[:, :, None])[:, :, 0]).max(axis=1)
        state[:, busy], left[busy] = after, np.where(leaves & (size > ROUNDING * scale), np.inf, np.maximum(away, size))
        busy = busy[(left[busy] > CLOSE * scale) & (size > ROUNDING * scale)]
        if not len(busy):
            return state, left
    raise NumericalError(f"message passing with wrong beliefs does not converge at strength {strength[busy[0]]:.6g}",
                         "ask for a number of iterations", partial=state)  # fmt: skip
