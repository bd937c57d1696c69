"""Approximate message passing on instances with variables of two kinds.

For the weights of instances/two_sides.py, with side information of fields b and precisions a on each kind, one
iteration updates v and then u (T. Lesieur, F. Krzakala and L. Zdeborova, arXiv:1701.00858, without side information):

    B_v = b_v + sqrt(lambda/N) Y^T u^t - v^{t-1} (lambda/N) sum_i Cov u_i^t,     A_v = a_v + lambda/N u^t^T u^t,
    B_u = b_u + sqrt(lambda/N) Y v^t - u^t (lambda/N) sum_j Cov v_j^t,           A_u = a_u + lambda/N v^t^T v^t,

v^t and u^{t+1} being the posterior means, Cov the posterior covariances, at these fields and precisions: numbers, or
vectors and matrices of d components.  The third term is Onsager's, of each side.  In large instances u^t.u*/(N d)
follows state evolution, and v^t.v*/M what u^t provides for.
"""

from __future__ import annotations

import numpy as np

from amp_theory.finite.inference.amp_denoisers import amp_denoiser, one_for_each
from amp_theory.finite.inference.base import (
    Inference,
    MessagePassingOptions,
    checked_side,
    first_means,
)
from amp_theory.finite.inference.free_entropy import NO_PRIOR, NOT_FINITE, local_part, matrix_part, with_free_entropy
from amp_theory.finite.inference.iterates import MeanIterates, Record
from amp_theory.finite.instances.laws import variable_law
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.priors.base import Prior
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, told

#: why there is no free entropy
OF_VECTORS = "it is not derived for variables that are vectors"


class _Numbers:
    """The posteriors of one kind of numbers, by a prior or a function of one's own."""

    def __init__(self, own: object, prior: Prior, largest: float, given: SideInformation) -> None:
        self.denoise = amp_denoiser(own, prior, largest, given)
        self.mixture = self.denoise.mixture

    def moments(self, field: Array, precision: Array, hidden: Array) -> tuple[Array, Array, Array]:
        """Return means, variances or derivatives, and their sum over hidden variables, as `Law.moments` does."""
        mean, slope = self.denoise(field[..., 0], precision[..., 0, 0])
        return mean[..., None], slope[..., None], (slope * hidden).sum(axis=1)[:, None, None]


class _Vectors:
    """The posteriors of one kind of vectors, by a prior."""

    mixture = None

    def __init__(self, own: object, prior: Prior, components: int, largest: float, given: SideInformation) -> None:
        if own is not None and not isinstance(own, Prior):
            raise InputError(
                f"denoiser must be two priors, each None for the model's, as variables are vectors of {components} "
                f"components, got {told(own)}"
            )
        self.law = variable_law(prior if own is None else own, components, largest).weighted(given)

    def moments(self, field: Array, precision: Array, hidden: Array) -> tuple[Array, Array, Array]:
        """Return what `Law.moments` does."""
        return self.law.moments(field, precision, hidden)


class _Sides:
    """What one iteration needs of an instance and of side information."""

    def __init__(self, instance: TwoSidesInstance, given: SideInformation, denoiser: object) -> None:
        self.instance, self.given = instance, given
        self.where = [where for where, _ in instance.kinds]
        self.told = [instance.told(kind, given) for kind in (0, 1)]
        self.hidden = [np.asarray(~instance.known(kind, given), dtype=float) for kind in (0, 1)]
        self.posteriors = [self._posterior(kind, own) for kind, own in enumerate(one_for_each(denoiser))]
        self._last = list(self.told)

    def _posterior(self, kind: int, own: object) -> _Numbers | _Vectors:
        """Return that of one kind, its prior as fine as what the other kind may tell about it asks for."""
        instance, prior = self.instance, self.instance.model.priors[kind]
        most = instance.scale * instance.sizes[1 - kind] * instance.kinds[1 - kind][1].second_moment
        largest = float(self.told[kind][1].max()) + most
        if instance.components == 1:
            return _Numbers(own, prior, largest, self.given)
        return _Vectors(own, prior, instance.components, largest, self.given)

    def fields(
        self, kind: int, other: Array, covariance: Array, before: Array, run: MeanIterates
    ) -> tuple[Array, Array]:
        """Return B and A of one kind, those before in rows that have ended, and note which these are.

        Parameters
        ----------
        kind, other
            Which kind, and means of all variables, of which those of the other kind count.
        covariance, before
            The sum of covariances of the other kind, and the means of this kind before.
        run
            The iterates.
        """
        instance = self.instance
        field, precision = instance.provided(kind, instance.vectors(other, 1 - kind))
        onsager = instance.scale * np.matmul(instance.vectors(before, kind), covariance)
        field, precision = self.told[kind][0] + field - onsager, self.told[kind][1] + precision
        rows = len(field)
        good = run.usable(field.reshape(rows, -1), precision.reshape(rows, -1))[:, None, None]
        last = self._last[kind]
        self._last[kind] = np.where(good, field, last[0]), np.where(good[..., None], precision, last[1])
        return self._last[kind]


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
    run = MeanIterates(instance, given, mean, Record(how, mean))
    before = np.zeros_like(mean)  # nothing of v has gone into the u of the start, whose covariance does not matter
    covariance = np.zeros((given.batch, instance.components, instance.components))
    for _ in range(how.max_iterations):
        new, variance, b = run.mean.copy(), run.variance.copy(), run.b.copy()
        a = np.array(np.broadcast_to(run.a, b.shape))
        with np.errstate(over="ignore", invalid="ignore"):  # rows that are not finite are told apart
            for kind in (1, 0):
                here, seen = sides.where[kind], _seen(run, new, how)
                field, precision = sides.fields(kind, seen, covariance, before if kind else run.mean, run)
                diagonal = np.diagonal(precision, axis1=-2, axis2=-1)
                b[:, here] = field.reshape(given.batch, -1)
                a[:, here] = np.broadcast_to(diagonal, field.shape).reshape(given.batch, -1)
                means, variances, covariance = sides.posteriors[kind].moments(field, precision, sides.hidden[kind])
                shape, known = (given.batch, -1), given.known[:, here]
                new[:, here] = np.where(known, given.values[:, here], means.reshape(shape))
                variance[:, here] = np.where(known, 0.0, variances.reshape(shape))
        if run.update(new, variance, b, a):
            break
        before = run.mean
    found = run.result()
    return with_free_entropy(found, how.free_entropy, lambda: _free_entropy(sides, found))


def _free_entropy(sides: _Sides, found: Inference) -> tuple[Array, str]:
    """Return the free entropies per u, shape (batch,), and why there is none where it is not finite."""
    missing = np.full(sides.given.batch, np.nan)
    if sides.instance.components > 1:
        return missing, OF_VECTORS
    total = matrix_part(sides.instance, found.mean, found.variance)
    for where, posterior in zip(sides.where, sides.posteriors, strict=True):
        if posterior.mixture is None:
            return missing, NO_PRIOR
        parts = [x[:, where] for x in (found.mean, found.variance, found.effective_field, found.precision)]
        total = total + local_part(posterior.mixture, sides.given, where, *parts)
    return total / sides.instance.sizes[0], NOT_FINITE


def _seen(run: MeanIterates, new: Array, how: MessagePassingOptions) -> Array:
    """Return the means that go into the next step, damped as the iterates are."""
    return new if not how.damping else run.mean + (new - run.mean) * (1 - how.damping)
