"""Approximate message passing (GAMP) on random patterns, with nothing planted.

With the smoothed potential H(omega; V) = E_u psi(omega + sqrt(V) u), g = d log H/d omega, the means m^t and the average
v^t over weights of their variances,

    omega^t = x m^t - v^t g^{t-1},    V^t = v^t,
    C^t = -alpha (1/M) sum_mu dg_mu^t/d omega,
    B^t = b + C^t m^t + x^T g^t,      A^t = a + C^t,
    m^{t+1}, v_i^{t+1} = posterior mean and variance at (B, A),

with side information of field b and precision a; known weights have m = value, v = 0.  Without a planted measure
nothing ties the mean of -dg/d omega to that of g^2, and both V and C are iterated.  On the sphere A is what keeps
sum_i (m_i^2 + v_i) = N: weights that are not known have 1/A' + |B|^2/A'^2 = what is left of it, A' = 1 + A.

Source: M. Mezard, J. Phys. A 22, 2181 (1989), for perceptrons; S. Rangan, arXiv:1010.5141, algorithm 1.
"""

from __future__ import annotations

import numpy as np

from amp_theory.finite.inference.base import (
    Inference,
    MessagePassingOptions,
    checked_options,
    checked_side,
    first_means,
)
from amp_theory.finite.inference.free_entropy import with_free_entropy
from amp_theory.finite.inference.gamp import least_variance
from amp_theory.finite.inference.iterates import MeanIterates, Record
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.random_patterns import PatternInstance
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array

NO_FREE_ENTROPY = "that of random patterns without a planted configuration is not computed"


def run_pattern_gamp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run generalised approximate message passing on an instance of a random perceptron.

    Parameters
    ----------
    instance
        An instance of a `RandomPerceptron`.
    side
        Side information (none by default), a batch of which is worked on together.
    start
        "uninformed" (means of zero), or means of shape (batch, size).
    options
        Damping (of means and their variance), tolerance, number of iterations.

    Returns
    -------
    Inference
        Means and variances, and for every side information what became of it (`status`).

    Raises
    ------
    InputError
        For another instance or shapes that do not fit.

    Examples
    --------
    >>> from amp_theory import Margin, Rademacher, RandomPerceptron, draw_instance
    >>> instance = draw_instance(RandomPerceptron(Rademacher(), Margin()), control=0.3, size=400, seed=0)
    >>> found = run_pattern_gamp(instance)
    >>> found.status, bool(np.mean(found.mean**2) < 0.3)
    (('converged',), True)
    """
    given, how = checked_side(instance, PatternInstance, side, "GAMP of patterns"), checked_options(options)
    assert isinstance(instance, PatternInstance)
    mean = first_means(instance, given, start)
    run = MeanIterates(instance, given, mean, Record(how, mean))
    _iterate(instance, given, how, run)
    none = np.full(given.batch, np.nan)
    return with_free_entropy(run.result(), how.free_entropy, lambda: (none, NO_FREE_ENTROPY))


def _iterate(instance: PatternInstance, given: SideInformation, how: MessagePassingOptions, run: MeanIterates) -> None:
    """Iterate until all have converged, or the iterations are used up."""
    x, potential, least = instance.patterns, instance.model.potential, least_variance(instance.variables, instance.size)
    g = np.zeros((given.batch, len(x)))
    v = np.maximum(1 - np.mean(run.mean**2, axis=1, keepdims=True), 1 / instance.size)
    for _ in range(how.max_iterations):
        with np.errstate(over="ignore", invalid="ignore"):  # rows that are not finite are told apart
            omega = run.mean @ x.T - v * g
            good = run.usable(omega)[:, None]
            law = potential.smoothed(np.where(good, omega, 0.0) - potential.centre, np.maximum(v, least))
            onsager = -instance.sampling_ratio * law.g1.mean(axis=1, keepdims=True)
            b = given.field + onsager * run.mean + law.g @ x
            a = _on_sphere(given, b) if instance.model.spherical else given.precision + onsager
            good = run.usable(law.g, b, a)[:, None]
            b, a = np.where(good, b, run.b), np.where(good, a, run.a)
            new, variance = posterior_moments(given.weighted(instance.model.prior.resolved(float(a.max()))), b, a)
            good = run.usable(new, variance)[:, None]
            new_v = np.where(good, np.where(given.known, 0.0, variance).mean(axis=1, keepdims=True), v)
        g, change = np.where(good, law.g, g), new_v - v
        v = (1 - how.damping) * new_v + how.damping * v
        if run.update(new, variance, b, a, np.abs(change[:, 0])):
            break


def _on_sphere(given: SideInformation, b: Array) -> Array:
    """Return A, shape (batch, 1), with which the weights that are not known fill what is left of the sphere."""
    size = b.shape[1]
    left = size - np.where(given.known, given.values**2, 0.0).sum(axis=1)
    unknown = np.maximum((~given.known).sum(axis=1), 1)
    # each of them has this mean square; known values that leave next to nothing leave it to the prior
    share = np.maximum(left / unknown, 1 / size)
    power = np.where(given.known, 0.0, b**2).sum(axis=1) / unknown
    return np.asarray(((1 + np.sqrt(1 + 4 * share * power)) / (2 * share) - 1)[:, None])
