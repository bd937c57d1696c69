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

from dataclasses import dataclass

import numpy as np

from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.models.base import Model
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, NumericalError

#: half the width of a window of normal numbers, and their step: at most, and in units of 1/(distance sqrt(x_r))
WINDOW, STEP, FINE = 8.2, 0.45, 0.75
#: iterations at most, those between two steps of Newton's, the rate from which on these help, how far they go at most
MOST, EVERY, SLOW, FAR = 5_000, 5, 0.3, 1000.0
#: changes that are rounding, in the same units
ROUNDING = 2e-15
#: differences in which slopes are taken
NEAR = 1e-7
#: distance from a fixed point that is close enough, in units of E s^2
CLOSE = 1e-12
#: poles of high order multiply the squared error of a sum of twice the step by up to this
POLES = 32.0


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

    def fields(self, m: Array, r: Array, second: Array) -> tuple[Array, Array, Array, Array]:
        """Return x_m, x_r, A and the variance of fields per variance of a variable, of the other variables."""
        mean, variance, precision, spread = (np.zeros_like(r) for _ in range(4))
        for p, c, k, d in self.terms:
            mean, variance = mean + k * c * p * m ** (p - 1), variance + k * k * c * p * r ** (p - 1)
            precision = precision + (d - k * k) * c * p * second ** (p - 1)
            spread = spread + (k * k * c * p * (p - 1) * r ** (p - 2) if p > 1 else 0.0)
        return mean, variance, variance + precision, spread


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


def _scalar(beliefs: Beliefs, mean: Array, variance: Array, precision: Array) -> Array:
    """Return E[s* f], E[f^2], E[f^2 + v], E(s* - f)^2, E v^2, the surprise and an error, shape (7, n)."""
    if beliefs.spherical:
        return _sphere(mean, variance)
    distance = max(float(np.ptp(beliefs.assumed.means)), 1e-9)
    steps = np.minimum(STEP, FINE / (distance * np.sqrt(np.maximum(variance, 1e-9))))
    octave = np.floor(np.log2(steps))
    result = np.empty((7, len(mean)))
    for level in np.unique(octave):  # as many places as each needs
        here = octave == level
        result[:, here] = _windows(beliefs, mean[here], variance[here], precision[here], float(steps[here].min()))
    return result


def _windows(beliefs: Beliefs, mean: Array, variance: Array, precision: Array, step: float) -> Array:
    """Return the same from sums of one step, in units of the width of fields."""
    truth, assumed = beliefs.truth, beliefs.assumed
    half = 2 * int(np.ceil(WINDOW / step / 2))
    z = np.linspace(-WINDOW, WINDOW, 2 * half + 1)
    weight = np.exp(-0.5 * z * z)
    coarse = np.where(np.arange(len(z)) % 2 == 0, weight, 0.0)
    rules = np.stack([weight / weight.sum(), coarse / coarse.sum()], axis=1)
    total: Array = np.zeros((6, len(mean), 2))
    for probability, place, breadth in zip(truth.probabilities, truth.means, truth.variances, strict=True):
        square = mean**2 * breadth + variance
        slope = np.divide(mean * breadth, square, out=np.zeros_like(mean), where=square > 0)[:, None]
        shift = np.sqrt(square)[:, None] * z
        first, spread, surprise = _posterior(assumed, (mean * place)[:, None] + shift, precision[:, None], place)
        told, rest = place + slope * shift, breadth * (1 - mean[:, None] * slope)
        rows = [told * first, first**2, first**2 + spread, (told - first) ** 2 + rest, spread**2, surprise]
        total += probability * (np.stack(rows) @ rules)
    if not np.all(np.isfinite(total[:5])):
        raise NumericalError("the measure that the denoiser assumes does not exist: its weights cannot be normalised",
                             "assume another control or prior")  # fmt: skip
    fine, rough = total[..., 0], total[3, :, 1]
    error: Array = POLES * (fine[3] - rough) ** 2 / truth.second_moment
    return np.concatenate([fine, error[None]])


def _posterior(mixture: Mixture, field: Array, precision: Array, truth: float) -> tuple[Array, Array, Array]:
    """Return the mean, the variance and -log P'(truth) of one variable, the last NaN for continuous priors."""
    b, a = field[..., None], precision[..., None]
    scale = 1 + a * mixture.variances
    with np.errstate(all="ignore"):
        log = (2 * mixture.means * b + mixture.variances * b * b - a * mixture.means**2) / (2 * scale)
        log = log + np.log(mixture.probabilities) - 0.5 * np.log(scale)
        top = log.max(axis=-1, keepdims=True)
        weight = np.exp(log - top)
        norm = weight.sum(axis=-1, keepdims=True)
        weight, m = weight / norm, (mixture.means + mixture.variances * b) / scale
        first = (weight * m).sum(axis=-1)
        spread = (weight * (mixture.variances / scale + (m - first[..., None]) ** 2)).sum(axis=-1)
    here = np.flatnonzero((mixture.means == truth) & (mixture.variances == 0))
    if not len(here):
        return first, spread, np.full(field.shape, np.nan)
    return first, spread, (top + np.log(norm))[..., 0] - log[..., here[0]]


def _sphere(mean: Array, variance: Array) -> Array:
    """Return the same on the sphere, where f = V B with (mean^2 + variance) V^2 + V = 1."""
    square = mean**2 + variance
    v = 2 / (1 + np.sqrt(1 + 4 * square))
    miss = (1 - v * mean) ** 2 + v**2 * variance
    return np.stack([v * mean, 1 - v, np.ones_like(v), miss, v**2, np.full_like(v, np.nan), np.zeros_like(v)])


def overlaps(beliefs: Beliefs, strength: Array, iterations: int | None = None) -> Overlaps:
    """Return what message passing from zero answers at internal strengths, shape (n,), after so many iterations.

    Raises
    ------
    NumericalError
        If it does not converge, or the measure that is assumed does not exist.
    """
    prior = beliefs.assumed
    state = np.tile(
        np.array([[prior.mean * beliefs.truth.mean], [prior.mean**2], [prior.second_moment]]), len(strength)
    )
    left = np.full(len(strength), np.inf)
    if iterations is None:
        state, left = _fixed(beliefs, state, strength)
    for _ in range(0 if iterations is None else iterations - 1):
        state = _step(beliefs, state, strength)[0]
    state, last, spread = _step(beliefs, state, strength)
    hidden = 1 - strength if beliefs.masks else np.ones_like(strength)
    known = last[6] if iterations is not None else last[6] + 4 * left
    return Overlaps(state[0], state[1], state[2], last[3], last[5], spread * hidden * last[4], known)


def _step(beliefs: Beliefs, state: Array, strength: Array) -> tuple[Array, Array, Array]:
    """Return the next (m, r, R), all of the scalar answers, and how fields vary with variables."""
    mean, variance, precision, spread = beliefs.fields(*state)
    if beliefs.masks:
        answers = _scalar(beliefs, mean, variance, precision)
        return strength * beliefs.truth.second_moment + (1 - strength) * answers[:3], answers, spread
    answers = _scalar(beliefs, mean + strength, variance + strength, precision + strength)
    return answers[:3], answers, spread


def _fixed(beliefs: Beliefs, state: Array, strength: Array) -> tuple[Array, Array]:
    """Return the fixed points to which iterations lead, and how far they may still be away.

    Slow ones take a step of Newton's now and then.  Next to the end of a branch, where changes shrink ever more slowly,
    it stops short of the fixed point; beyond the end it would lead back to where there is none, and is taken forward.
    """
    scale = max(beliefs.truth.second_moment, beliefs.assumed.second_moment)
    left, busy = np.full(strength.shape, np.inf), np.arange(len(strength))
    size = np.full(strength.shape, np.inf)
    for count in range(MOST):
        old = state[:, busy]
        new = _step(beliefs, old, strength[busy])[0]
        change = np.abs(new - old).max(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(np.isfinite(size[busy]), change / size[busy], np.inf)
            away = np.where(rate < 1, change * rate / (1 - rate), np.inf)
        left[busy], size[busy] = np.where(change <= ROUNDING * scale, change, away), change
        state[:, busy] = new
        slow = busy[(rate > SLOW) & (left[busy] > CLOSE * scale)]
        if count % EVERY == EVERY - 1 and len(slow):
            state[:, slow] += _newton(beliefs, state[:, slow], strength[slow], size[slow])
            state[1] = np.maximum(state[1], 0.0)
            size[slow] = np.inf
        busy = busy[left[busy] > CLOSE * scale]
        if not len(busy):
            return state, left
    raise NumericalError(f"message passing with wrong beliefs does not converge at strength {strength[busy[0]]:.6g}",
                         "ask for a number of iterations", partial=state)  # fmt: skip


def _newton(beliefs: Beliefs, state: Array, strength: Array, size: Array) -> Array:
    """Return steps of Newton's method, at most FAR times the last change, in the direction of the iteration."""
    here, shift = _step(beliefs, state, strength)[0], NEAR * np.maximum(state[2], 1e-9)
    change = here - state
    slopes = np.empty((len(strength), 3, 3))
    for k in range(3):
        moved = state.copy()
        moved[k] += shift
        slopes[:, :, k] = ((_step(beliefs, moved, strength)[0] - here) / shift).T
    step = np.linalg.solve(np.eye(3) - slopes + 1e-15, change.T[:, :, None])[:, :, 0].T
    step *= np.where((step * change).sum(axis=0) < 0, -1.0, 1.0)
    return np.asarray(step * np.minimum(1.0, FAR * size / np.maximum(np.abs(step).max(axis=0), 1e-300)))
