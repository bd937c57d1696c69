"""GAMP with the mean of the matrix removed and the damping chosen, and a check by the singular values at the end.

With u the means of the rows of Phi and c those of the columns of what is left, Phi = F + u 1^T + 1 c^T has an F whose
rows and columns have no mean.  What is taken away is L E, E with orthonormal rows and L with orthogonal columns.  With
two more variables A, of flat priors, and two more measurements that are exact,

    z = F s + L A,    0 = E s - A,

the model is the same, and GAMP of s and A has entries that are like independent ones where those of Phi are but for
their mean.  The entries of A in the exact measurements are not small, so that messages between the two are those of
belief propagation: outputs tell A with precision p and field b, the means of s with variance v around a,

    p = L^2 c,    b = L^T g + p A,    a = E m - v g_E,    A <- (v b + a)/(1 + p v),    g_E <- (b - p a)/(1 + p v),
    V = <F_mu^2> v + L^2 v/(1 + p v),    C = <F_i^2> c + E^2 p/(1 + p v),    B = C m + F^T g + E^T g_E,

c_mu = -dg_mu/d omega, <F_mu^2> and <F_i^2> the mean sum of squares of a row and of a column.  The rest is `run_gamp`,
but for Onsager's term C m, in which E m is moved to A, where it is at the fixed point: as F measures nothing there, it
would go there in many steps.

The free entropy is that of measurements, with this V (`free_entropy`), and what the two exact ones add to it,

    sum_k [p_k v/(1 + p_k v) - log(1 + p_k v)]/2,

with which it is stationary in all means, variances, fields and precisions.  A part of p is kept from the iteration
before, by which labels that are mostly alike come to rest.

At a fixed point, measurements of z of noise D = 1/<c> - V leave variables that have the variance 1/(1/v - C) before
them the variance v.  Of independent entries that is so; the C that the singular values of Phi give instead tells it.

Source: J. Vila, P. Schniter, S. Rangan, F. Krzakala and L. Zdeborova, arXiv:1412.2005.
"""

from __future__ import annotations

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
from amp_theory.finite.inference.free_entropy import measured_values, with_free_entropy
from amp_theory.finite.inference.gamp import LEAST_VARIANCE, denoised, first_variance, least_variance, unresolved
from amp_theory.finite.inference.iterates import MeanIterates, Record
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array
from amp_theory.tools.results import Status

#: what C may be off by, relative, always and in units of 1/N, where the matrix is like one of independent entries
SLACK, FLUCTUATION = 0.05, 6.0
#: how far the mean of g^2 may be above <c>, relative, always and in standard errors
LARGEST_SQUARE, DEVIATIONS = 1.3, 6.0
#: the part of p that is kept: labels that are mostly alike tell much of A where it is too small, and nothing beyond
KEPT = 0.75
#: why there is no free entropy
NOT_OF_THESE = "the singular values of the matrix contradict this fixed point: run_vamp is for such matrices"


def run_robust_gamp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run GAMP on a matrix with a mean, of any scale, ever more damped until it converges.

    A fixed point is told to be "inconsistent" where the singular values of the matrix contradict its variances: it is
    not the posterior mean then, unless prior and noise are normal.  `run_vamp` is for such matrices.

    Parameters
    ----------
    instance, side, start
        As for `run_gamp`.
    options
        Tolerance, number of iterations of every run, and the damping to begin with.

    Returns
    -------
    Inference
        Means and variances, for every side information its `status`, damping and, of "converged", free entropy.

    Raises
    ------
    InputError
        For another instance or shapes that do not fit.
    NumericalError
        For an output of a channel of one's own that is impossible given the means; `partial` is the `Inference` so far.

    See Also
    --------
    run_vamp : For matrices with singular values far from those of independent entries.

    References
    ----------
    J. Vila, P. Schniter, S. Rangan, F. Krzakala and L. Zdeborova, arXiv:1412.2005.

    Examples
    --------
    >>> import numpy as np
    >>> from amp_theory import GLM, Gaussian, LinearChannel, instance_from, run_gamp
    >>> rng = np.random.default_rng(0)
    >>> Phi, s = (rng.standard_normal((150, 100)) + 2) / 10, rng.standard_normal(100)
    >>> y = Phi @ s + 0.1 * rng.standard_normal(150)
    >>> instance = instance_from(GLM(Gaussian(), LinearChannel(0.01)), sensing=Phi, measurements=y, check_scale=False)
    >>> exact = np.linalg.solve(Phi.T @ Phi + 0.01 * np.eye(100), Phi.T @ y)
    >>> found = run_robust_gamp(instance)
    >>> found.status, bool(np.abs(found.mean - exact).max() < 1e-6), run_gamp(instance).status
    (('converged',), True, ('diverged',))
    """
    given, how = checked_side(instance, GLMInstance, side, "GAMP"), checked_options(options)
    assert isinstance(instance, GLMInstance)
    mean, matrix = first_means(instance, given, start), Centred(instance.sensing)
    variance = first_variance(instance, mean, start)
    return damped_as_needed(
        replace(how, adapt_damping=True),
        given,
        lambda side, rows, how: _Run(instance, matrix, side, how, mean[rows], variance[rows]).done(),
    )


class Centred:
    """A matrix Phi = F + L E without the means of its rows and columns.

    Parameters
    ----------
    sensing
        Phi, shape (measurements, size).
    """

    def __init__(self, sensing: Array) -> None:
        rows, size = sensing.shape
        u = sensing.mean(axis=1)
        c = sensing.mean(axis=0) - u.mean()
        self.body = sensing - u[:, None] - c
        # orthogonal on both sides: variables that act alike would be told apart slowly only
        left, tall = np.linalg.qr(np.stack([u, np.ones(rows)], axis=1))
        right, wide = np.linalg.qr(np.stack([np.ones(size), c], axis=1))
        turn, length, back = np.linalg.svd(tall @ wide.T, full_matrices=False)
        self.outer, self.inner = left @ turn * length, back @ right.T
        square = float((self.body**2).sum())
        self.row_norm, self.column_norm = square / rows, square / size

    def agreeing(self, mean: Array, means: Array, sure: Array) -> Array:
        """Return means of s moved to where E s = A, as far as A is surer: F measures nothing that keeps them there."""
        return np.asarray(mean + (sure * (means - mean @ self.inner.T)) @ self.inner)

    def variance_after(self, singular: Array, gamma: Array, noise: Array) -> Array:
        """Return the mean variance of variables of variance 1/gamma, given measurements of z of a noise."""
        size = self.body.shape[1]
        total = noise * gamma + singular**2
        left = np.divide(noise * gamma, total, out=np.ones(total.shape), where=total > 0).sum(axis=1, keepdims=True)
        return np.asarray((size - len(singular) + left) / (size * gamma))


class _Run:
    """GAMP with one damping."""

    def __init__(
        self, instance: GLMInstance, matrix: Centred, side: SideInformation, how: MessagePassingOptions, mean: Array,
        variance: Array,
    ) -> None:  # fmt: skip
        self.instance, self.matrix, self.side, self.how = instance, matrix, side, how
        self.iterates = MeanIterates(instance, side, mean, Record(how, mean))
        self.v, self.least = variance, least_variance(instance.variables, instance.size)
        self.g, self.g_exact = np.zeros((len(mean), len(instance.sensing))), np.zeros((len(mean), len(matrix.inner)))
        self.means, self.spreads = mean @ matrix.inner.T, variance * (matrix.inner**2).sum(axis=1)
        self.c = self.precision = self.change = np.zeros((len(mean), 1))
        self.told = np.zeros(self.g_exact.shape)
        self.shift = instance.sampling_ratio * instance.output.norm_slope

    def done(self) -> Inference:
        """Iterate until all rows have converged, or the iterations are used up, and check what was found."""
        with np.errstate(all="ignore"):  # rows that are not finite are told apart
            for iteration in range(self.how.max_iterations):
                if self._step(2 * iteration < self.how.max_iterations):
                    break
            self.iterates.record.fail(unresolved(self.instance.variables, self.v, self.instance.size), Status.STALLED)
            return self._with_free_entropy(self._checked(self.iterates.result()))

    def _step(self, early: bool) -> bool:
        """Make one iteration, and tell if it was the last.

        The least V in Onsager's term, too, keeps spins undecided for longer, so that they are not decided wrongly; with
        it the fixed point of few spins is unstable.
        """
        run, matrix, side, keep = self.iterates, self.matrix, self.side, self.how.damping
        squares, outer = matrix.inner**2, matrix.outer**2
        of_means = self.spreads @ outer.T
        omega = run.mean @ matrix.body.T + self.means @ matrix.outer.T
        v_z = matrix.row_norm * np.maximum(self.v, self.least) + of_means
        omega = omega - (v_z if early else matrix.row_norm * self.v + of_means) * self.g
        good = run.usable(omega, v_z)[:, None]
        g, slope = denoised(self.instance, run, np.where(good, omega, 0.0), np.where(good, v_z, 1.0))
        c = -slope
        average, told = np.maximum(c.mean(axis=1, keepdims=True), 0.0), np.maximum(c @ outer, 0.0)
        told = np.where(self.told > 0, (1 - KEPT) * told + KEPT * self.told, told)
        # of A: told by outputs, with precision p, and by the means of s, with variance v
        by_means = run.mean @ matrix.inner.T - self.v * self.g_exact
        by_outputs, both = g @ matrix.outer + told * self.means, 1 + told * self.v
        means, exact = (self.v * by_outputs + by_means) / both, (by_outputs - told * by_means) / both
        self.g, self.g_exact = (
            np.where(good, (1 - keep) * new + keep * old, old) for new, old in ((g, self.g), (exact, self.g_exact))
        )
        precision = matrix.column_norm * average + (told / both) @ squares
        agreeing = matrix.agreeing(run.mean, self.means, told * self.v / both)
        b = side.field + precision * agreeing + self.g @ matrix.body + self.g_exact @ matrix.inner
        a = np.maximum(side.precision + precision + self.shift, 0.0)
        good = run.usable(self.g, b, a, means)[:, None]
        b, a = np.where(good, b, run.b), np.where(good, a, run.a)
        prior = side.weighted(self.instance.model.prior.resolved(float(a.max())))
        new, variance = posterior_moments(prior, b, a)
        good = run.usable(new, variance)[:, None]
        new_v = np.where(good, np.where(side.known, 0.0, variance).mean(axis=1, keepdims=True), self.v)
        self.change = np.abs(new_v - self.v)
        self.v = (1 - keep) * new_v + keep * self.v
        self.means = np.where(good, (1 - keep) * means + keep * self.means, self.means)
        self.spreads = np.where(good, (1 - keep) * self.v / both + keep * self.spreads, self.spreads)
        self.c, self.told, self.precision = average, told, precision.mean(axis=1, keepdims=True)
        return run.update(new, variance, b, a, self.change[:, 0] / self.instance.variables.second_moment)

    def _checked(self, found: Inference) -> Inference:
        """Return what was found, "inconsistent" where the singular values give other variances."""
        if not found.converged.any():
            return found
        v = np.maximum(self.v, self.least)
        gamma, noise = 1 / v - self.precision, 1 / self.c - self.matrix.row_norm * v
        usual = (gamma > 0) & (noise >= 0) & np.isfinite(noise)
        gamma, noise = np.where(usual, gamma, 1.0), np.where(usual, noise, 1.0)
        after = self.matrix.variance_after(self.instance.singular_values, gamma, noise)
        off = np.abs((1 / after - gamma) / self.precision - 1) > SLACK + FLUCTUATION / self.instance.size
        # E g^2 = <c> where the posterior is the right one; larger where it is too sure of the wrong values
        most = LARGEST_SQUARE + DEVIATIONS * np.sqrt(2 / len(self.instance.sensing))
        square = (self.g**2).mean(axis=1, keepdims=True) / (self.c - self.instance.output.norm_slope)
        right, false = self._without_floor(most)
        sure = ((square > most) & ~right) | false
        wrong = found.converged & ((off & usual & (self.v > self.least)) | sure)[:, 0]
        status = tuple(Status.INCONSISTENT if bad else what for bad, what in zip(wrong, found.status, strict=True))
        return replace(found, status=status, converged=found.converged & ~wrong)

    def _with_free_entropy(self, found: Inference) -> Inference:
        """Return what was found with its free entropies, or why there are none."""
        found = with_free_entropy(found, self.how.free_entropy, lambda: self._free_entropy(found))
        if not self.how.free_entropy:
            return found
        told = zip(found.status, found.reasons, strict=True)
        return replace(found, reasons=tuple(NOT_OF_THESE if s is Status.INCONSISTENT else why for s, why in told))

    def _free_entropy(self, found: Inference) -> tuple[Array, str]:
        """Return free entropies, shape (batch,), and why there are none."""
        unit, prior = self.matrix.row_norm, self.instance.model.prior.resolved(float(found.precision.max()))
        v_z = unit * self.v + self.spreads @ (self.matrix.outer**2).T
        ended = v_z, self.g, unit * self.change, unit * self.least
        level, why = measured_values(self.instance, prior, self.side, found, ended)
        seen = self.told * self.v
        return level + (seen / (1 + seen) - np.log1p(seen)).sum(axis=1) / (2 * self.instance.size), why

    def _without_floor(self, most: float) -> tuple[Mask, Mask]:
        """Return where E g^2 is <c> at the V that means have, not the least one in use, and where more, (batch, 1).

        Right values look too sure at a V that is too large; wrong ones that explain all labels lose what tells of them,
        so that <c> is to be no less.  Wrong ones that explain outputs badly look surer at their own V.
        """
        run, matrix, slope_of_norm = self.iterates, self.matrix, self.instance.output.norm_slope
        v = np.maximum(self.v, LEAST_VARIANCE * self.instance.variables.second_moment)
        v_z = matrix.row_norm * v + self.spreads @ (matrix.outer**2).T
        omega = run.mean @ matrix.body.T + self.means @ matrix.outer.T - v_z * self.g
        g, slope = denoised(self.instance, run, omega, v_z)
        c = -slope.mean(axis=1, keepdims=True)
        told = c - slope_of_norm
        fits, here = (g * g).mean(axis=1, keepdims=True) <= most * told, (told > 0) & (self.v < self.least)
        return np.asarray(here & fits & (c >= self.c)), np.asarray(here & ~fits)
