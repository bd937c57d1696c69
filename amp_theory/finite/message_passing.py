"""Approximate message passing on dense instances, belief propagation on sparse graphs.

**AMP** for the weights of dense.py, with side information of field b and precision a, in the Bayes-optimal setting
(T. Lesieur et al., arXiv:1701.08010, for tensors):

    B^{t+1} = b + sum_p Lambda_p[m^t,...,m^t]/(p-1)! - xi''(m^t.m^{t-1}/N) (1/N sum_i v_i^t) m^{t-1},
    A^{t+1} = a + xi'(m^t.m^t/N),    m^{t+1}, v^{t+1} = posterior mean and variance at (B, A),

v the posterior variances, Lambda_p = sqrt(lambda_p) J; known variables have m = value, v = 0.  The third term
is Onsager's.  In large instances m^t.s*/N follows state evolution.

**BP** along the edges (factor a, spin i), h half log-likelihood ratios, h = sum of side information and of
the messages u from the other factors, u = sign (1/2) log(N_+/N_-) as in cavity/factors.py; exact on trees.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from amp_theory.errors import InputError, as_float, integer_between, positive
from amp_theory.finite.dense import DenseInstance
from amp_theory.finite.graphs import GraphInstance
from amp_theory.finite.instances import Instance
from amp_theory.finite.scalar_posterior import posterior_moments
from amp_theory.quadrature import Array
from amp_theory.side_information import Mask, SideInformation

#: largest half log-likelihood ratio of a message, at which 1 - tanh is still resolved
LARGEST_FIELD = 17.0


@dataclass(frozen=True, eq=False)
class Inference:
    """What message passing found for a batch of side informations.

    Parameters
    ----------
    mean, variance
        Posterior means and variances, shape (batch, size).
    effective_field, precision
        B, shape (batch, size), and A, shape (batch, 1), with which every variable sees its prior.
    converged, iterations
        Whether the last change was below the tolerance, shape (batch,), and the number of iterations.
    residuals
        Root mean squared change of the means in each iteration, shape (iterations, batch).
    iterates
        Means after each iteration, the start first, shape (iterations + 1, batch, size); empty unless asked for.
    """

    mean: Array
    variance: Array
    effective_field: Array
    precision: Array
    converged: Mask
    iterations: int
    residuals: Array
    iterates: tuple[Array, ...] = field(default=(), repr=False)

    def overlaps(self, reference: Array) -> Array:
        """Return the overlap m^t.reference/size of every iterate, shape (iterations + 1, batch)."""
        if not self.iterates:
            raise InputError("the iterates were not kept: run with keep_iterates=True")
        return np.array([(m * reference).mean(axis=1) for m in self.iterates])


@dataclass(frozen=True)
class MessagePassingOptions:
    """How message passing is run.

    Parameters
    ----------
    damping
        Part of the old means (AMP) or messages (BP) that is kept, in [0, 1).
    tolerance
        Stop when the root mean squared change of the means is smaller.
    max_iterations
        Iterations at most.
    keep_iterates
        Whether to return the means of all iterations.
    """

    damping: float = 0.0
    tolerance: float = 1e-8
    max_iterations: int = 500
    keep_iterates: bool = False

    def __post_init__(self) -> None:
        if not 0 <= as_float("damping", self.damping, "in [0, 1)") < 1:
            raise InputError(f"damping must lie in [0, 1), got {self.damping!r}")
        positive("tolerance", self.tolerance)
        integer_between("max_iterations", self.max_iterations, 1, 10**9)


def no_side_information(instance: Instance) -> SideInformation:
    """Return side information that tells nothing."""
    return SideInformation.from_field(np.zeros((1, instance.size)))


def first_means(instance: Instance, side: SideInformation, start: str | Array) -> Array:
    """Return the means to start from, shape (batch, size)."""
    if isinstance(start, str):
        if start == "uninformed":
            return np.full((side.batch, side.size), instance.variables.mean)
        if start != "informed":
            raise InputError(f"start must be 'uninformed', 'informed' or an array, got {start!r}")
        if instance.planted is None:
            raise InputError("a random instance has no planted configuration to start from")
        return np.tile(instance.planted, (side.batch, 1))
    means = np.asarray(start, dtype=float)
    if means.shape != (side.batch, side.size) or not np.all(np.isfinite(means)):
        raise InputError(f"start must be finite with shape {(side.batch, side.size)}, got shape {means.shape}")
    return means


def checked_side(instance: Instance, kind: type[Instance], side: SideInformation | None, name: str) -> SideInformation:
    """Return side information of the size of an instance of the right kind, none by default."""
    if not isinstance(instance, kind):
        raise InputError(f"{name} is for instances of the kind {kind.__name__}, got {instance!r}")
    given = no_side_information(instance) if side is None else side
    if given.size != instance.size:
        raise InputError(f"the side information has {given.size} variables, the instance {instance.size}")
    return given


class Record:
    """Residuals and iterates of a run."""

    def __init__(self, options: MessagePassingOptions, mean: Array) -> None:
        self.options = options
        self.residuals: list[Array] = []
        self.iterates = [mean] if options.keep_iterates else []

    def add(self, new: Array, old: Array) -> bool:
        """Keep one iteration and tell whether all have converged."""
        self.residuals.append(np.sqrt(((new - old) ** 2).mean(axis=1)))
        if self.options.keep_iterates:
            self.iterates.append(new)
        return bool(np.all(self.residuals[-1] < self.options.tolerance))

    def result(self, mean: Array, variance: Array, b: Array, a: Array) -> Inference:
        """Return the outcome."""
        converged: Mask = np.asarray(self.residuals[-1] < self.options.tolerance)
        return Inference(
            mean, variance, b, a, converged, len(self.residuals), np.array(self.residuals), tuple(self.iterates)
        )


def run_amp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run approximate message passing on a dense instance.

    Parameters
    ----------
    instance
        A dense instance.
    side
        Side information (none by default), a batch of which is worked on together.
    start
        "uninformed" (the prior mean), "informed" (the planted configuration) or means of shape (batch, size).
    options
        Damping, tolerance, number of iterations.

    Raises
    ------
    InputError
        For an instance on a graph or shapes that do not fit.
    """
    given, how = checked_side(instance, DenseInstance, side, "AMP"), options or MessagePassingOptions()
    assert isinstance(instance, DenseInstance)
    mixture = instance.model.variable_prior.resolved(
        given.precision + float(instance.coupling(np.asarray(instance.variables.second_moment))[0])
    )
    mean = first_means(instance, given, start)
    before, variance = np.zeros_like(mean), np.zeros_like(mean)
    record = Record(how, mean)
    for _ in range(how.max_iterations):
        slope, _ = instance.coupling((mean * mean).mean(axis=1, keepdims=True))
        _, curvature = instance.coupling((mean * before).mean(axis=1, keepdims=True))
        b = given.field + instance.field(mean) - curvature * variance.mean(axis=1, keepdims=True) * before
        a = given.precision + slope
        new, variance = posterior_moments(mixture, b, a)
        new = np.where(given.known, given.values, new)
        variance = np.where(given.known, 0.0, variance)
        if how.damping:
            new = (1 - how.damping) * new + how.damping * mean
        before, mean, old = mean, new, mean
        if record.add(mean, old):
            break
    return record.result(mean, variance, b, a)


def run_bp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run belief propagation on a sparse graph; parameters as for `run_amp`.

    Arrays of means to start from stand for fields atanh(mean) on all edges.  Messages are limited to half
    log-likelihood ratios of 17.
    """
    given, how = (
        checked_side(instance, GraphInstance, side, "belief propagation"),
        options or MessagePassingOptions(),
    )
    assert isinstance(instance, GraphInstance)
    base = np.where(given.known, np.copysign(LARGEST_FIELD * 2, given.values), given.field)
    given_means = first_means(instance, given, start)
    near = 1 - np.exp(-2 * LARGEST_FIELD)
    total = base + np.arctanh(np.clip(given_means, -near, near))
    mean = np.tanh(total)
    # messages in the shape (k, batch, factors), in which all factors are contiguous
    spins, signs = np.ascontiguousarray(instance.spins.T), np.ascontiguousarray(instance.signs.T)[:, None, :]
    to = spins[:, None, :] + np.arange(given.batch)[None, :, None] * instance.size
    h = total.ravel()[to]
    u = np.zeros_like(h)
    record = Record(how, mean)
    for step in range(how.max_iterations):
        fresh = factor_messages(instance, signs, np.clip(h, -LARGEST_FIELD, LARGEST_FIELD))
        u = fresh if step == 0 or not how.damping else (1 - how.damping) * fresh + how.damping * u
        total = base + np.bincount(to.ravel(), u.ravel(), minlength=base.size).reshape(base.shape)
        new = np.where(given.known, given.values, np.tanh(total))
        h = total.ravel()[to] - u
        old, mean = mean, new
        if record.add(mean, old):
            break
    return record.result(mean, 1 - mean**2, total, np.zeros((given.batch, 1)))


def factor_messages(instance: GraphInstance, signs: Array, h: Array) -> Array:
    """Return the messages u from every factor to its spins, from those h to it, shape (k, batch, factors)."""
    up = 1 / (1 + np.exp(-2 * signs * h))
    u = np.empty_like(h)
    tiny = np.finfo(float).tiny
    others = np.arange(len(h))
    for root in others:
        plus, minus = instance.factor.messages(np.moveaxis(up[others != root], 0, -1))
        u[root] = 0.5 * np.log(np.maximum(plus, tiny) / np.maximum(minus, tiny)) * signs[root]
    return np.clip(u, -LARGEST_FIELD, LARGEST_FIELD)
