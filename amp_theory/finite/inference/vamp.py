"""Vector approximate message passing (VAMP) on measurements with any singular values, Bayes-optimal.

With Phi = U diag(sigma) V^T, two posteriors of all variables are told apart: that of the measurements with the normal
law N(r, 1/gamma) of every variable, and that of the prior with the message N(r', 1/gamma') of the measurements.  The
measurements of z = Phi s are, for the output channel, normal ones k of precision eta (y and 1/noise of a linear one):

    f_k = eta sigma_k^2/(gamma + eta sigma_k^2),    a = (1/N) sum_k f_k,    gamma' = gamma a/(1 - a),
    m' = r + V f (U^T k/eta - sigma V^T r)/sigma,    r' = r + (m' - r)/a,
    m, v = posterior mean, and average variance, at (b + gamma' r', a + gamma'),
    r <- (m - v gamma' r')/(1 - v gamma'),    gamma <- (1 - v gamma')/v,

with side information of field b and precision a; known variables have m = value, v = 0.  Outputs other than linear
ones see z as N(p, V), what the other measurements and r say of it: with z' = Phi m' and b = (1/M) sum_k f_k,

    V = b/(eta (1 - b)),    p = (z' - b k/eta)/(1 - b),    c = -(1/M) sum_mu dg_mu/d omega at (p, V),
    eta <- c/(1 - V c),     k <- (g + c p)/(1 - V c).

The overlap m.s*/N follows the state evolution of `amp_theory.phases.points.vector_evolution`, whose fixed points are
those of the replica theory of such matrices.  No message has a negative precision: where v gamma' reaches one, which a
finite instance may do, it is cut, and such an iteration is no fixed point, if it is cut by more than the tolerance.

A fixed point is checked: y - Phi r has the covariance noise + Phi Phi^T/gamma where the messages are right, and g^2 of
other outputs than linear ones the expectation of -dg/d omega.  Where it is more, outputs contradict the means.

Source: S. Rangan, P. Schniter and A. K. Fletcher, arXiv:1610.03082; outputs: P. Schniter, S. Rangan and A. K. Fletcher,
arXiv:1612.01186.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from amp_theory.finite.inference.base import (
    Inference,
    MessagePassingOptions,
    checked_options,
    checked_side,
    first_means,
)
from amp_theory.finite.inference.chosen_damping import damped_as_needed
from amp_theory.finite.inference.free_entropy import with_free_entropy
from amp_theory.finite.inference.gamp import LEAST_VARIANCE, denoised, first_variance, least_variance, unresolved
from amp_theory.finite.inference.iterates import (
    SMALLEST_SQUARE,
    MeanIterates,
    Record,
    relative_change,
    root_mean_square,
)
from amp_theory.finite.inference.robust_gamp import DEVIATIONS, LARGEST_SQUARE
from amp_theory.finite.inference.vector_free_entropy import Messages, vector_values
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array
from amp_theory.tools.results import Status

#: the least gamma, in units of 1/rho: a posterior is narrower than its message alone, in the mean
LEAST_PRECISION = 1e-3
#: what is at least left of 1 - a, which is one minus a sum that is computed as such
ROUNDING = 1e-14
#: the least 1 - V c: 1/V is told from 1/V + eta by half of the digits, and z that outputs tell exactly by all of them
EXACT = 1e-8
#: the least c, in units of 1/V: less, by the noise of the average, is no channel
LEAST_SLOPE = 1e-12
#: what right means without noise may be off by, in units of sqrt(E s^2) and sqrt(E z^2)
SOLVED = 1e-6
#: standard errors by which squares are more than expected
FEWEST_ERRORS = 3.0


def run_vamp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run vector approximate message passing on measurements whose matrix has any singular values.

    The matrix is decomposed once, in a time of order M N min(M, N), and an iteration costs two products with it, four
    of other outputs than linear ones.

    Parameters
    ----------
    instance
        An instance of a generalised linear model, of `RowOrthogonalSensing` or of `SpectralSensing`.
    side
        Side information (none by default), a batch of which is worked on together.
    start
        "uninformed" (the prior mean), "informed" (the planted configuration) or means of shape (batch, size).
    options
        Damping (of messages), tolerance, number of iterations.

    Returns
    -------
    Inference
        Means and variances, for every side information its `status`, and the free entropy.  "inconsistent" are fixed
        points at which outputs are less probable than the messages believe: other matrices than vector AMP is for,
        or values that are wrong.

    Raises
    ------
    InputError
        For another instance or shapes that do not fit.
    NumericalError
        For an output of a channel of one's own that is impossible given the means; `partial` is the `Inference` so far.

    See Also
    --------
    run_gamp : Cheaper, for matrices of independent entries.

    References
    ----------
    S. Rangan, P. Schniter and A. K. Fletcher, arXiv:1610.03082; arXiv:1612.01186 for outputs.

    Examples
    --------
    >>> from amp_theory import Rademacher, RowOrthogonalSensing, draw_instance
    >>> instance = draw_instance(RowOrthogonalSensing(Rademacher(), noise=0.1), control=0.5, size=400, seed=0)
    >>> found = run_vamp(instance)
    >>> found.status, bool(instance.overlap(found.mean, instance.planted)[0] > 0.4)
    (('converged',), True)
    """
    given, how = checked_side(instance, GLMInstance, side, "VAMP"), checked_options(options)
    assert isinstance(instance, GLMInstance)
    mean = first_means(instance, given, start)
    variance = first_variance(instance, mean, start)
    return damped_as_needed(
        how, given, lambda side, rows, how: _Run(instance, side, how, mean[rows], variance[rows]).done()
    )


Pair = tuple[Array, Array]


class _Measurements:
    """Posteriors given normal measurements of z and normal laws of the variables, in the basis of singular vectors.

    Parameters
    ----------
    instance
        The measurements.
    k, eta
        k eta and eta of outputs other than linear ones, shapes (batch, measurements) and (batch, 1).
    """

    def __init__(self, instance: GLMInstance) -> None:
        self.left, self.sigma, self.right = instance.singular
        self.rows, self.size = instance.sensing.shape
        noise = instance.output.normal_noise
        self.linear, self.noise = noise is not None, 1.0 if noise is None else noise
        self._seen = instance.measurements @ self.left
        beyond = instance.measurements - self.left @ self._seen
        self._beyond = float(beyond @ beyond)

    def _modes(self, r: Array, gamma: Array, k: Array, eta: Array) -> tuple[Array, Array, Array, Array]:
        """Return V^T r, the shift of V^T m' from it, the denominators and their part gamma: shapes (batch, K)."""
        weight, seen = (np.ones_like(eta), self._seen) if self.linear else (eta, k @ self.left)
        inside = r @ self.right.T
        total = self.noise * gamma + weight * self.sigma**2
        shift = _ratio(self.sigma * (seen - weight * self.sigma * inside), total, 0.0)
        return inside, shift, total, _ratio(self.noise * gamma + 0 * total, total, 1.0)

    def of_variables(self, r: Array, gamma: Array, k: Array, eta: Array) -> Pair:
        """Return gamma' r' and gamma', what the measurements say of the variables."""
        _, shift, _, rest = self._modes(r, gamma, k, eta)
        left = (self.size - len(self.sigma) + rest.sum(axis=1, keepdims=True)) / self.size
        a, left = (1 - rest).sum(axis=1, keepdims=True) / self.size, np.maximum(left, ROUNDING)
        return gamma / left * (a * r + shift @ self.right), gamma * a / left

    def square(self, told: Messages, least: float) -> Array:
        """Return the mean square of y - Phi r in units of what it is believed to be, shape (batch,)."""
        noise, y, inside = max(self.noise, least), self._seen, told.r @ self.right.T
        squares = (y - self.sigma * inside) ** 2 / (noise + told.w * self.sigma**2)
        return np.asarray((squares.sum(axis=1) + self._beyond / noise) / self.rows)

    def of_z(self, r: Array, gamma: Array, k: Array, eta: Array) -> Pair:
        """Return p/V and 1/V, what all but the outputs themselves say of z."""
        inside, shift, total, rest = self._modes(r, gamma, k, eta)
        spread = _ratio(self.sigma**2 + 0 * total, total, 0.0).sum(axis=1, keepdims=True) / self.rows
        left = (self.rows - len(self.sigma) + rest.sum(axis=1, keepdims=True)) / self.rows
        spread, left = np.maximum(spread, np.finfo(float).tiny), np.maximum(left, ROUNDING)
        return (self.sigma * (inside + shift)) @ self.left.T / spread - k, left / spread


def _ratio(a: Array, b: Array, otherwise: float) -> Array:
    """Return a/b, or what it is `otherwise`, where nothing measures and nothing is known."""
    return np.asarray(np.divide(a, b, out=np.full(b.shape, otherwise), where=b > 0))


def _limited(field: Array, precision: Array, least: float) -> Pair:
    """Return a message whose precision is at most 1/least, of the same mean."""
    part = 1 / np.maximum(1.0, precision * least)
    return field * part, precision * part


def _mixed(new: Pair, old: Pair, damping: float, good: Mask) -> Pair:
    """Return messages with a part of the old ones, and the old ones where rows have failed."""
    a, b = (np.where(good[:, None], (1 - damping) * x + damping * y, y) for x, y in zip(new, old, strict=True))
    return a, b


class _Run:
    """VAMP with one damping, from means and their variance on."""

    def __init__(
        self, instance: GLMInstance, side: SideInformation, how: MessagePassingOptions, mean: Array, variance: Array
    ) -> None:
        self.instance, self.side, self.how, self.variance = instance, side, how, variance
        self.iterates = MeanIterates(instance, side, mean, Record(replace(how, damping=0.0), mean))
        self.step, self.least = _Measurements(instance), least_variance(instance.variables, instance.size)
        self.shift = instance.sampling_ratio * instance.output.norm_slope
        self.r, self.gamma, self.change = mean, 1 / np.maximum(variance, self.least), variance
        self.told: Pair = (np.zeros(mean.shape), np.zeros(variance.shape))
        self.outputs = _Outputs(instance, how.damping, self.least, len(mean))

    def done(self) -> Inference:
        """Iterate until all rows have converged, or the iterations are used up."""
        with np.errstate(all="ignore"):  # rows that are not finite are told apart
            for _ in range(self.how.max_iterations):
                if self._step():
                    break
            run = self.iterates
            run.record.fail(unresolved(self.instance.variables, self.variance, self.instance.size), Status.STALLED)
            found = run.result()
            if not found.converged.any():
                return with_free_entropy(found, self.how.free_entropy, lambda: (np.zeros(len(self.r)), ""))
            told = self._messages()
            found = self._checked(found, told)
            ended = self.change, self.least
            return with_free_entropy(
                found, self.how.free_entropy, lambda: vector_values(self.instance, self.side, found, told, ended)
            )

    def _messages(self) -> Messages:
        """Return the messages at the end, with the widths that they have, not the least ones in use."""
        w = self.variance / np.maximum(1 - self.variance * self.told[1], np.finfo(float).tiny)
        (k, eta), p, spread = self.outputs.last, self.outputs.last[0], self.outputs.last[1]
        if not self.step.linear:
            told = self.step.of_z(self.r, 1 / np.maximum(w, SMALLEST_SQUARE), k, eta)
            p, spread = told[0] / told[1], 1 / told[1]
        field, precision = self.told
        return Messages(r=self.r, w=w, field=field, precision=precision, k=k, eta=eta, p=p, spread=spread)

    def _checked(self, found: Inference, told: Messages) -> Inference:
        """Return what was found, "inconsistent" where outputs are less probable than the messages believe.

        Few labels that are improbable make squares large without being more than expected; where posteriors are
        sharp and outputs without noise, none may be contradicted.
        """
        most = LARGEST_SQUARE + DEVIATIONS * np.sqrt(2 / self.step.rows)
        square, errors, sharp = self._square(told)
        wrong = found.converged & ~((square <= most) & np.isfinite(square)) & ((errors > FEWEST_ERRORS) | sharp)
        status = tuple(Status.INCONSISTENT if bad else what for bad, what in zip(wrong, found.status, strict=True))
        return replace(found, status=status, converged=found.converged & ~wrong)

    def _square(self, told: Messages) -> tuple[Array, Array, Mask]:
        """Return how improbable outputs are, by how many standard errors, and where one is enough, shape (batch,).

        The first is the mean square of what is seen in units of what is believed.

        Of normal noise that is |y - Phi r|^2 by the covariance noise + w Phi Phi^T, over M; of other outputs the mean
        of g^2 over that of -dg at p and V, which are equal where outputs have the law that p and V give.  Means that
        are right are so up to `SOLVED`: no smaller width is believed.
        """
        step, least = self.step, SOLVED**2 * self.instance.output.second_moment * max(self.instance.row_norm, 1.0)
        if step.linear:
            return step.square(told, least), np.full(len(told.w), np.inf), np.ones(len(told.w), dtype=bool)
        sharp = self.variance < self.least if self.instance.discrete else told.spread < least
        width = np.maximum(told.spread, np.where(sharp, least, self.outputs.least))
        g, slope = denoised(self.instance, self.iterates, told.p, np.maximum(width, least))
        c, square = -slope.mean(axis=1) - self.instance.output.norm_slope, g * g
        more = square + slope + self.instance.output.norm_slope
        errors = _ratio(more.mean(axis=1) * math.sqrt(step.rows), more.std(axis=1), 0.0)
        square = square.mean(axis=1)
        relative = np.divide(square, c, out=np.where(square > 0, np.inf, 0.0), where=c > 0)
        return relative, errors, sharp[:, 0] & self.instance.channel.noiseless

    def _step(self) -> bool:
        """Make one iteration, and tell if it was the last."""
        run, side, how, rho = self.iterates, self.side, self.how, self.instance.variables.second_moment
        output = self.outputs.given(self.step, self.r, self.gamma, run)
        new_told = _limited(*self.step.of_variables(self.r, self.gamma, *output), self.least)
        self.told = told = _mixed(new_told, self.told, how.damping, run.usable(*new_told))
        b, a = side.field + told[0], np.maximum(side.precision + told[1] + self.shift, 0.0)
        prior = side.weighted(self.instance.model.prior.resolved(float(a.max())))
        new, spread = posterior_moments(prior, b, a)
        good = run.usable(new, spread)
        new = np.where(side.known, side.values, np.where(good[:, None], new, run.mean))
        v = np.where(side.known | ~good[:, None], 0.0, spread).mean(axis=1, keepdims=True)
        left, narrowest = 1 - v * told[1], np.maximum(LEAST_PRECISION * v / rho, np.finfo(float).tiny)
        cut, left = (left < narrowest - how.tolerance)[:, 0], np.maximum(left, narrowest)
        self.r = np.where(good[:, None], (new - v * told[0]) / left, self.r)
        self.gamma = np.where(good[:, None], left / np.maximum(v, self.least * left), self.gamma)
        self.change = np.abs(v - self.variance)
        change = np.maximum(self.change[:, 0] / rho, _change(new, run)) / (1 - how.damping)
        self.variance = v
        return run.update(new, spread, b, a, np.where(cut, np.inf, change))


def _change(new: Array, run: MeanIterates) -> Array:
    """Return the change of means that is more than rounding, relative to them, shape (batch,)."""
    size = root_mean_square(new - run.mean)
    scale = root_mean_square(new)
    return relative_change(np.where(size > 8 * np.finfo(float).eps * scale, size, 0.0), scale)


class _Outputs:
    """What outputs other than linear ones say of z, and are told of it; parameters as for a run."""

    def __init__(self, instance: GLMInstance, damping: float, least: float, batch: int) -> None:
        rho = instance.variables.second_moment
        # outputs that are no labels may tell one undecided spin exactly
        least = least if instance.channel.discrete_output or not instance.discrete else LEAST_VARIANCE * rho
        self._instance, self._damping, self.least = instance, damping, least * instance.row_norm
        self._linear = instance.output.normal_noise is not None
        self.last: Pair = (np.zeros((batch, len(instance.sensing))), np.zeros((batch, 1)))
        self._told: Pair | None = None

    def given(self, step: _Measurements, r: Array, gamma: Array, run: MeanIterates) -> Pair:
        """Return k eta and eta given r and gamma; nothing of linear ones, which say the same all the time."""
        if self._linear:
            return self.last
        new = step.of_z(r, gamma, *self.last)
        good = run.usable(*new)
        self._told = _mixed(new, new if self._told is None else self._told, self._damping, good)
        v = np.maximum(1 / self._told[1], self.least)
        p = np.where(good[:, None], self._told[0] / self._told[1], 0.0)
        g, slope = denoised(self._instance, run, p, np.where(good[:, None], v, 1.0))
        c = -slope.mean(axis=1, keepdims=True)
        # the mean of g^2 has the same expectation where the posterior is the right one, and is no less than zero
        c = np.maximum(np.where(c > 0, c, (g * g).mean(axis=1, keepdims=True)), LEAST_SLOPE / v)
        left = np.maximum(1 - v * c, EXACT)
        self.last = _mixed(_limited((g + c * p) / left, c / left, self.least), self.last, 0.0, good)
        return self.last
