"""Approximate message passing on instances with variables of two kinds.

For the weights of instances/two_sides.py, with side information of fields b and precisions a on each kind, one
iteration updates v and then u (T. Lesieur, F. Krzakala and L. Zdeborova, arXiv:1701.00858, without side information):

    B_v = b_v + sqrt(lambda/N) Y^T u^t - lambda (1/N sum_i var u_i^t) v^{t-1},     A_v = a_v + lambda/N |u^t|^2,
    B_u = b_u + sqrt(lambda/N) Y v^t - lambda (1/N sum_j var v_j^t) u^t,           A_u = a_u + lambda/N |v^t|^2,

v^t and u^{t+1} being the posterior means, var the posterior variances, at these fields and precisions.  The third term
is Onsager's, of each side.  In large instances u^t.u*/N follows state evolution, and v^t.v*/M what u^t provides for.
"""

from __future__ import annotations

import math

import numpy as np

from amp_theory.finite.inference.amp_denoisers import AmpDenoiser, amp_denoiser, one_for_each
from amp_theory.finite.inference.base import (
    Inference,
    MeanIterates,
    MessagePassingOptions,
    Record,
    checked_side,
    first_means,
)
from amp_theory.finite.inference.free_entropy import NO_PRIOR, NOT_FINITE, local_part, matrix_part, with_free_entropy
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array


class _Sides:
    """What one iteration needs of an instance and of side information."""

    def __init__(self, instance: TwoSidesInstance, given: SideInformation, denoiser: object) -> None:
        self.instance, self.given = instance, given
        self.scale = instance.intensity / instance.sizes[0]
        self.where = [where for where, _ in instance.kinds]
        self.precision = np.broadcast_to(given.precision, (given.batch, given.size))
        self.denoise = [self._denoiser(k, own) for k, own in enumerate(one_for_each(denoiser))]

    def _denoiser(self, kind: int, own: object) -> AmpDenoiser:
        """Return that of one kind, its prior as fine as what the other kind may tell about it asks for."""
        _, other = self.instance.kinds[1 - kind]
        most = self.scale * self.instance.sizes[1 - kind] * other.second_moment
        told = float(self.precision[:, self.where[kind]].max())
        return amp_denoiser(own, self.instance.model.priors[kind], told + most, self.given)

    def fields(self, kind: int, other: Array, variance: Array, before: Array) -> tuple[Array, Array]:
        """Return B and A of one kind, given means and variances of the other, and the means before of this one."""
        matrix = self.instance.matrix if kind else self.instance.matrix.T
        onsager = self.scale * variance.sum(axis=1, keepdims=True) * before
        a = self.precision[:, self.where[kind]] + self.scale * (other * other).sum(axis=1, keepdims=True)
        return self.given.field[:, self.where[kind]] + math.sqrt(self.scale) * (other @ matrix) - onsager, a


def run_two_sided(
    instance: TwoSidesInstance,
    side: SideInformation | None,
    start: str | Array,
    how: MessagePassingOptions,
    denoiser: object = None,
) -> Inference:
    """Run AMP as `run_amp` does; only the u of the start matter, as v is updated first."""
    given = checked_side(instance, TwoSidesInstance, side, "AMP")
    sides, mean = _Sides(instance, given, denoiser), first_means(instance, given, start)
    u, v = sides.where
    run = MeanIterates(instance, given, mean, Record(how, mean))
    before = np.zeros_like(mean[:, v])  # nothing of v has gone into the u of the start
    for _ in range(how.max_iterations):
        new, variance = run.mean.copy(), run.variance.copy()
        b, a = run.b.copy(), np.array(np.broadcast_to(run.a, run.b.shape))
        with np.errstate(over="ignore", invalid="ignore"):  # rows that are not finite are told apart
            for kind, here, other in ((1, v, u), (0, u, v)):
                field, precision = sides.fields(
                    kind, _seen(run, new, how)[:, other], variance[:, other], before if kind else run.mean[:, u]
                )
                good = run.usable(field, precision)[:, None]
                b[:, here], a[:, here] = np.where(good, field, b[:, here]), np.where(good, precision, a[:, here])
                moments = sides.denoise[kind](b[:, here], a[:, here])
                new[:, here] = np.where(given.known[:, here], given.values[:, here], moments[0])
                variance[:, here] = np.where(given.known[:, here], 0.0, moments[1])
        if run.update(new, variance, b, a):
            break
        before = run.mean[:, v]
    found = run.result()
    return with_free_entropy(found, how.free_entropy, lambda: _free_entropy(sides, found))


def _free_entropy(sides: _Sides, found: Inference) -> tuple[Array, str]:
    """Return the free entropies per u, shape (batch,), and why there is none where it is not finite."""
    total = matrix_part(sides.instance, found.mean, found.variance)
    for where, denoise in zip(sides.where, sides.denoise, strict=True):
        if denoise.mixture is None:
            return np.full(sides.given.batch, np.nan), NO_PRIOR
        parts = [x[:, where] for x in (found.mean, found.variance, found.effective_field, found.precision)]
        total = total + local_part(denoise.mixture, sides.given, where, *parts)
    return total / sides.instance.sizes[0], NOT_FINITE


def _seen(run: MeanIterates, new: Array, how: MessagePassingOptions) -> Array:
    """Return the means that go into the next step, damped as the iterates are."""
    return new if not how.damping else run.mean + (new - run.mean) * (1 - how.damping)
