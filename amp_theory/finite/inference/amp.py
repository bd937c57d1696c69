"""Approximate message passing on dense instances.

For the weights of instances/dense.py, with side information of field b and precision a, in the Bayes-optimal setting
(T. Lesieur et al., arXiv:1701.08010, for tensors):

    B^{t+1} = b + sum_p Lambda_p[m^t,...,m^t]/(p-1)! - xi''(m^t.m^{t-1}/N) (1/N sum_i v_i^t) m^{t-1},
    A^{t+1} = a + xi'(m^t.m^t/N),    m^{t+1}, v^{t+1} = posterior mean and variance at (B, A),

v the posterior variances, Lambda_p = sqrt(lambda_p) J; known variables have m = value, v = 0.  The third term
is Onsager's.  In large instances m^t.s*/N follows state evolution.  On the sphere in an external field A^{t+1} is no
function of the overlap alone; it follows from the norm, 1 - m.m/N = 1/(1 + A) with m = B/(1 + A).

With a denoiser f(B, A) of one's own m^{t+1} = f and v = df/dB; A - a still is the variance of the noise in B.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from amp_theory.finite.inference.amp_denoisers import amp_denoiser
from amp_theory.finite.inference.amp_steps import step_for
from amp_theory.finite.inference.amp_two_sides import run_two_sided
from amp_theory.finite.inference.base import (
    Inference,
    MessagePassingOptions,
    checked_options,
    checked_side,
    first_means,
)
from amp_theory.finite.inference.free_entropy import NO_PRIOR, NOT_FINITE, local_part, tensor_part, with_free_entropy
from amp_theory.finite.inference.iterates import MeanIterates, Record
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, told


def run_amp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
    denoiser: object = None,
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
    denoiser
        None: posterior means, Bayes-optimal; another prior, whose posterior means are taken; or a function
        f(field, precision) of B, shape (batch, n), and A, shape (batch, 1) or (batch, n), which include side
        information, that returns two arrays of shape (batch, n): means, continuous in B, and their derivatives in B,
        variable by variable.  The derivatives make Onsager's term and are the `variance` of the result; they are
        compared with difference quotients.  Of two kinds of variables a pair, of u and of v, and priors only where
        these are vectors.

    Returns
    -------
    Inference
        Means and variances, for every side information what became of it (`status`), and the free entropy, which a
        function and variables that are vectors have none of.

    Raises
    ------
    InputError
        For an instance on a graph or shapes that do not fit; a denoiser that fails, returns another shape, complex
        numbers, NaN or an infinity, or derivatives that are not those of its means.

    Examples
    --------
    >>> from amp_theory import SherringtonKirkpatrick, draw_instance
    >>> instance = draw_instance(SherringtonKirkpatrick(), control=0.5, size=200, seed=0)
    >>> found = run_amp(instance, start="informed")
    >>> found.status, round(float(instance.overlap(found.mean, instance.planted)[0]), 6)
    (('converged',), 0.952201)

    A linear denoiser, which is power iteration with Onsager's term:

    >>> linear = run_amp(instance, start="informed", denoiser=lambda field, precision: (field / 5, 0 * field + 0.2))
    >>> linear.free_entropy, float(linear.variance[0, 0])
    ((None,), 0.2)
    """
    return amp_on(instance, side, start, checked_options(options), denoiser)


@singledispatch
def amp_on(
    instance: Instance, side: SideInformation | None, start: str | Array, how: MessagePassingOptions, denoiser: object
) -> Inference:
    """Run AMP on an instance of a kind that has registered how; parameters as for `run_amp`."""
    raise InputError(f"AMP is for instances of the kind DenseInstance or TwoSidesInstance, got {told(instance)}")


amp_on.register(TwoSidesInstance, run_two_sided)


@amp_on.register(DenseInstance)
def _run_dense(
    instance: DenseInstance,
    side: SideInformation | None,
    start: str | Array,
    how: MessagePassingOptions,
    denoiser: object,
) -> Inference:
    """Run AMP on a dense instance."""
    given = checked_side(instance, DenseInstance, side, "AMP")
    most = float(instance.coupling(np.asarray(instance.variables.second_moment))[0])
    denoise = amp_denoiser(
        denoiser, instance.model.without_field.variable_prior, float(np.max(given.precision)) + most, given
    )
    mean = first_means(instance, given, start)
    run = MeanIterates(instance, given, mean, Record(how, mean))
    with np.errstate(over="ignore", invalid="ignore"):  # rows that are not finite are told apart
        step = step_for(instance, run, denoise)
        for _ in range(how.max_iterations):
            if step(instance.field(run.mean)):
                break
    found, prior = run.result(), denoise.mixture
    return with_free_entropy(found, how.free_entropy, lambda: _free_entropy(instance, given, prior, found))


def _free_entropy(
    instance: DenseInstance, given: SideInformation, prior: Mixture | None, found: Inference
) -> tuple[Array, str]:
    """Return the free entropies, shape (batch,), and why there is none where it is not finite."""
    if prior is None:
        return np.full(given.batch, np.nan), NO_PRIOR
    m, v = found.mean, found.variance
    local = local_part(prior, given, slice(0, instance.size), m, v, found.effective_field, found.precision)
    return (tensor_part(instance, m, v) + local) / instance.size, NOT_FINITE
