"""Approximate message passing on dense instances.

For the weights of instances/dense.py, with side information of field b and precision a, in the Bayes-optimal setting
(T. Lesieur et al., arXiv:1701.08010, for tensors):

    B^{t+1} = b + sum_p Lambda_p[m^t,...,m^t]/(p-1)! - xi''(m^t.m^{t-1}/N) (1/N sum_i v_i^t) m^{t-1},
    A^{t+1} = a + xi'(m^t.m^t/N),    m^{t+1}, v^{t+1} = posterior mean and variance at (B, A),

v the posterior variances, Lambda_p = sqrt(lambda_p) J; known variables have m = value, v = 0.  The third term
is Onsager's.  In large instances m^t.s*/N follows state evolution.  On the sphere in an external field A^{t+1} is no
function of the overlap alone; it follows from the norm, 1 - m.m/N = 1/(1 + A) with m = B/(1 + A).
"""

from __future__ import annotations

import numpy as np

from amp_theory.finite.inference.amp_two_sides import run_two_sided
from amp_theory.finite.inference.base import (
    Inference,
    MeanIterates,
    MessagePassingOptions,
    Record,
    checked_options,
    checked_side,
    first_means,
)
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array


def run_amp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run approximate message passing; source: T. Lesieur et al., arXiv:1701.08010, of two kinds arXiv:1701.00858.

    Parameters
    ----------
    instance
        A dense instance, or one with variables of two kinds.
    side
        Side information (none by default), a batch of which is worked on together.
    start
        "uninformed" (the prior mean), "informed" (the planted configuration) or means of shape (batch, size).
    options
        Damping, tolerance, number of iterations.

    Returns
    -------
    Inference
        Means and variances, and for every side information what became of it (`status`).

    Raises
    ------
    InputError
        For an instance on a graph or shapes that do not fit.

    Examples
    --------
    >>> from amp_theory import SherringtonKirkpatrick, draw_instance
    >>> instance = draw_instance(SherringtonKirkpatrick(), control=0.5, size=200, seed=0)
    >>> found = run_amp(instance, start="informed")
    >>> found.status, round(float(instance.overlap(found.mean, instance.planted)[0]), 6)
    (('converged',), 0.952201)
    """
    how = checked_options(options)
    if isinstance(instance, TwoSidesInstance):
        return run_two_sided(instance, checked_side(instance, TwoSidesInstance, side, "AMP"), start, how)
    given = checked_side(instance, DenseInstance, side, "AMP")
    assert isinstance(instance, DenseInstance)
    return _run_dense(instance, given, start, how)


def _run_dense(
    instance: DenseInstance, given: SideInformation, start: str | Array, how: MessagePassingOptions
) -> Inference:
    """Run AMP on a dense instance."""
    mixture = given.weighted(
        instance.model.without_field.variable_prior.resolved(
            float(np.max(given.precision)) + float(instance.coupling(np.asarray(instance.variables.second_moment))[0])
        )
    )
    mean = first_means(instance, given, start)
    record = Record(how, mean)
    run = MeanIterates(instance, given, mean, record)
    for _ in range(how.max_iterations):
        with np.errstate(over="ignore", invalid="ignore"):  # rows that are not finite are told apart
            mean, before = run.mean, run.before
            _, curvature = instance.coupling((mean * before).mean(axis=1, keepdims=True))
            onsager = curvature * run.variance.mean(axis=1, keepdims=True) * before
            b = given.field + instance.field(mean) - onsager
            a = _precision(instance, b, given.precision, mean)
            good = run.usable(b, a)[:, None]
            b, a = np.where(good, b, run.b), np.where(good, a, run.a)
            new, variance = posterior_moments(mixture, b, a)
        if run.update(new, variance, b, a):
            break
    return run.result()


def _precision(instance: DenseInstance, field: Array, told: Array | float, mean: Array) -> Array:
    """Return A, shape (n, 1): as for planted measures, or from the norm of m = B/(1 + A), 1 - m.m/size = 1/(1 + A)."""
    if not (instance.model.spherical and instance.model.outer_overlap):
        return np.asarray(told + instance.coupling((mean * mean).mean(axis=1, keepdims=True))[0])
    half = 0.5 + np.sqrt(0.25 + (field * field).mean(axis=1, keepdims=True))
    return np.asarray(half - 1)
