"""Generalised approximate message passing (GAMP) on instances of generalised linear models, Bayes-optimal.

With the means m^t and v^t the average over variables of their posterior variances, for measurements y of z = Phi s:

    omega^t = Phi m^t - v^t g^{t-1},            V^t = v^t,
    g^t = d log Z(y, omega^t, V^t)/d omega      (outputs/named.py),
    C^t = -alpha (1/M) sum_mu dg_mu^t/d omega,
    B^t = b + C^t m^t + Phi^T g^t,              A^t = a + C^t + alpha c,
    m^{t+1}, v_i^{t+1} = posterior mean and variance at (B, A),

with side information of field b and precision a; known variables have m = value, v = 0.  The terms with g^{t-1}
and C^t are Onsager's.  The start is g = 0 and v = rho - |m|^2/N, so that m^t.s*/N follows state evolution
q_{t+1} = G(alpha R(q_t)) from q_0 = (E s)^2: as the entries of Phi are independent, the averages v and C serve all
measurements and variables alike.

The precision is the mean of -dg/d omega and not of g^2, which has the same expectation (Nishimori), because without
noise, where both grow as 1/v, an error of v would change the latter by twice as much and be amplified.  For labels
and continuous outputs c = 0.  For a constraint that is known to hold, E[g^2 + dg/d omega] = c = 2 d log f_0/d rho,
with f_0 the probability of the constraint: the norm of s is part of the posterior.

Source: S. Rangan, arXiv:1010.5141, algorithm 1, with averaged variances; L. Zdeborova and F. Krzakala,
arXiv:1511.02476.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from amp_theory.finite.inference.base import (
    Inference,
    MessagePassingOptions,
    checked_options,
    checked_side,
    first_means,
)
from amp_theory.finite.inference.free_entropy import measured_values, with_free_entropy
from amp_theory.finite.inference.iterates import MeanIterates, Record, average
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.ingredients.priors.mixtures import Mixture, Nodes
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.results import Status

#: smallest V of a continuous prior, in units of rho: residuals are rounding errors below its square root
LEAST_VARIANCE = 1e-24
#: the smallest V of a density in units of the inverse of its largest precision; as many measurements each variable has
FEWEST_PRECISIONS = 8.0


@singledispatch
def least_variance(variables: Mixture, size: int) -> float:
    """Return the smallest V in use.

    For a discrete prior, the posterior variance (distance/2)^2/N that one undecided variable causes: with fewer than
    one, z is not normal, and the labels that are in doubt are too few for averages over measurements.  For nodes that
    stand for a density, a few times the inverse of the largest precision for which there are any: posteriors that are
    narrower are not resolved (`unresolved`).
    """
    if variables.atoms:
        return float(np.diff(np.sort(variables.means)).min()) ** 2 / (4 * size)
    return LEAST_VARIANCE * variables.second_moment


@least_variance.register
def _of_nodes(variables: Nodes, size: int) -> float:
    return max(FEWEST_PRECISIONS / variables.finest, LEAST_VARIANCE * variables.second_moment)


@singledispatch
def unresolved(variables: Mixture, variance: Array, size: int) -> Mask:
    """Return for which mean variances, shape (batch, 1), the smallest V in use makes a posterior wider than it is.

    Examples
    --------
    >>> from amp_theory import Density
    >>> uniform = Density(lambda s: 0.5 + 0 * s, support=(-1, 1)).resolved(0.0)
    >>> unresolved(uniform, np.array([[1e-3], [1e-12], [0.0]]), 100).tolist()
    [False, True, False]
    """
    return np.zeros(len(variance), dtype=bool)


@unresolved.register
def _nodes_unresolved(variables: Nodes, variance: Array, size: int) -> Mask:
    return np.asarray((variance > 0) & (variance < 2 * least_variance(variables, size)))[:, 0]


def first_variance(instance: GLMInstance, means: Array, start: str | Array) -> Array:
    """Return v at the start, shape (batch, 1): rho - |m|^2/N, up to the error of estimating it from N variables."""
    prior = instance.variables
    if isinstance(start, str):
        value = prior.second_moment - prior.mean**2 if start == "uninformed" else prior.second_moment / instance.size
        return np.full((len(means), 1), value)
    m, v = prior.means, prior.variances
    fourth = float(prior.probabilities @ (m**4 + 6 * m**2 * v + 3 * v**2))
    error = math.sqrt(max(fourth - prior.second_moment**2, 0.0) / instance.size)
    least = max(error, prior.second_moment / instance.size)
    return np.asarray(np.maximum(prior.second_moment - (means * means).mean(axis=1, keepdims=True), least))


def run_gamp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run generalised approximate message passing on an instance of a generalised linear model.

    Parameters
    ----------
    instance
        An instance of a generalised linear model.
    side
        Side information (none by default), a batch of which is worked on together.
    start
        "uninformed" (the prior mean), "informed" (the planted configuration) or means of shape (batch, size).
    options
        Damping (of means and their variance), tolerance, number of iterations.  Recovery without noise is unstable
        in some instances of a few hundred variables, when v falls below the errors of the means; a damping of 0.2
        cures it.

    Returns
    -------
    Inference
        Means and variances, for every side information what became of it (`status`), and the free entropy.

    Raises
    ------
    InputError
        For another instance or shapes that do not fit.
    NumericalError
        For an output of a channel of one's own that is impossible given the means; `partial` is the `Inference` so far.

    References
    ----------
    S. Rangan, arXiv:1010.5141, algorithm 1, with averaged variances.

    Examples
    --------
    >>> from amp_theory import Rademacher, draw_instance
    >>> from amp_theory.models.measurements import GLM
    >>> from amp_theory.ingredients.outputs.named import SignChannel
    >>> instance = draw_instance(GLM(Rademacher(), SignChannel()), control=2.0, size=300, seed=0)
    >>> found = run_gamp(instance)
    >>> bool(found.converged[0]), bool(np.all(np.sign(found.mean[0]) == instance.planted))
    (True, True)
    """
    given, how = checked_side(instance, GLMInstance, side, "GAMP"), checked_options(options)
    assert isinstance(instance, GLMInstance)
    mean = first_means(instance, given, start)
    run = MeanIterates(instance, given, mean, Record(how, mean))
    spread, g, change = _iterate(instance, given, how, run, first_variance(instance, mean, start))
    found, least = run.result(), least_variance(instance.variables, instance.size)
    prior = instance.model.prior.resolved(float(found.precision.max()))
    return with_free_entropy(
        found, how.free_entropy, lambda: measured_values(instance, prior, given, found, (spread, g, change, least))
    )


def _iterate(
    instance: GLMInstance, given: SideInformation, how: MessagePassingOptions, run: MeanIterates, v: Array
) -> tuple[Array, Array, Array]:
    """Iterate from v until all have converged, or the iterations are used up; return v, g and the last change of v."""
    sensing, ratio = instance.sensing, instance.sampling_ratio
    least, shift = least_variance(instance.variables, instance.size), ratio * instance.output.norm_slope
    g = np.zeros((given.batch, len(sensing)))
    for _ in range(how.max_iterations):
        with np.errstate(over="ignore", invalid="ignore"):  # rows that are not finite are told apart
            omega = run.mean @ sensing.T - v * g
            run.usable(omega)
            new_g, slope = denoised(instance, run, run.kept(omega, 0.0), np.maximum(v, least))
            onsager = -ratio * average(slope)
            b = given.field + onsager * run.mean + new_g @ sensing
            # a negative precision, by the noise of the average, is no channel
            a = np.maximum(given.precision + onsager + shift, 0.0)
            run.usable(new_g, b, a)
            b, a = run.kept(b, run.b), run.kept(a, run.a)
            new, variance = posterior_moments(given.weighted(instance.model.prior.resolved(float(a.max()))), b, a)
            run.usable(new, variance)
            new_v = run.kept(average(run.hide(variance, 0.0)), v)
        g, change = run.kept(new_g, g), new_v - v
        v = (1 - how.damping) * new_v + how.damping * v
        if run.update(new, variance, b, a, np.abs(change[:, 0]) / instance.variables.second_moment):
            break
    run.record.fail(unresolved(instance.variables, v, instance.size), Status.STALLED)
    return v, g, np.abs(change)


def denoised(instance: GLMInstance, run: MeanIterates, omega: Array, variance: Array) -> tuple[Array, Array]:
    """Return g and dg/d omega; an output that is impossible given the means ends the run with what there is."""
    try:
        return instance.output.denoise(instance.measurements, omega, variance)
    except NumericalError as error:
        raise NumericalError(
            error.found, error.advice, partial=run.result() if run.record.residuals else None
        ) from None
