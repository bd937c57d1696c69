"""What one answer of a denoiser is worth: its overlaps, and the surprise at what was planted."""

from __future__ import annotations

import numpy as np

from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.finite.samplers.denoisers import Denoised
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError

#: factors of log probabilities that are tried, the first 1
FACTORS = np.concatenate([[1.0], np.geomspace(1 / 8, 8, 16)])
#: by how much means may lie outside their values by rounding
ROUNDING = 1e-6


def measured_answer(
    instance: Instance, side: SideInformation, truth: Array, answer: Denoised, exact: Denoised | None,
    revealed: float | None,
) -> tuple[float, float, float, Array, float]:  # fmt: skip
    """Return m, r, q of the exact posterior if it is known, the surprise for every factor, and what was clipped.

    Where the exact posterior is not known, what the side information of every variable tells on its own stands beside:
    both of its overlaps are known, so that their fluctuations, which the denoiser's share, are taken off.  Where a part
    of the variables is `revealed`, hidden ones speak for one that is, as every one of a row may be the one.
    """
    mean = np.where(side.known, side.values, answer.mean)
    known = truth if exact is None else np.where(side.known, side.values, exact.mean)
    products = [known * mean, mean * mean, known * known]
    if revealed is None:
        m, r, q = (float(product.mean()) for product in products)
        if exact is None:
            prior = instance._resolved(float(np.max(side.precision)))
            alone = posterior_moments(prior, side.field, side.precision)[0]
            overlap = float(instance.model.variable_prior.overlap(side.precision))
            m, r = m + overlap - float((known * alone).mean()), r + overlap - float((alone * alone).mean())
        return m, r, q if exact is not None else float("nan"), np.zeros(0), 0.0
    hidden = ~side.known
    weights = (hidden / hidden.sum(axis=1, keepdims=True) / side.batch)[hidden]
    full = revealed * float((truth * truth).mean())
    m, r, q = (full + (1 - revealed) * float(weights @ product[hidden]) for product in products)
    log, clipped = _log_marginals(instance, answer)[hidden], 0.0
    if answer.marginals is None and (answer.effective_field is None or answer.precision is None):
        values = instance.variables.means
        beyond = np.maximum(answer.mean - values.max(), values.min() - answer.mean)[hidden]
        clipped = float((beyond > ROUNDING).mean())
    if exact is None:
        sure = (truth[hidden][:, None] == instance.variables.means).astype(float)
    else:
        sure = np.exp(_log_marginals(instance, exact))[hidden]
    surprise = np.array([_cross_entropy(sure, factor * log, weights) for factor in FACTORS])
    if exact is not None:
        surprise -= _cross_entropy(sure, _log_marginals(instance, exact)[hidden], weights)
    return m, r, q if exact is not None else float("nan"), surprise, clipped


def _log_marginals(instance: Instance, answer: Denoised) -> Array:
    """Return the log probabilities of every value, shape (batch, size, values)."""
    values = instance.variables.means
    with np.errstate(divide="ignore"):
        if answer.marginals is not None:
            return np.asarray(np.log(answer.marginals))
        if answer.effective_field is not None and answer.precision is not None and len(values) > 2:
            log = np.log(instance.variables.probabilities) + answer.effective_field[..., None] * values
            log = log - 0.5 * np.asarray(answer.precision)[..., None] * values**2
            return np.asarray(log - np.logaddexp.reduce(log, axis=-1, keepdims=True))
        if len(values) != 2:
            raise InputError("means tell no probabilities of more than two values: return Denoised with marginals")
        share = np.clip((answer.mean - values[0]) / (values[1] - values[0]), 0.0, 1.0)
        return np.asarray(np.log(np.stack([1 - share, share], axis=-1)))


def _cross_entropy(sure: Array, log: Array, weights: Array) -> float:
    """Return -E log P, by weights, of hidden variables, normalised, infinite where what is there is excluded."""
    log = log - np.logaddexp.reduce(log, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return float(-(weights @ np.where(sure > 0, sure * log, 0.0).sum(axis=-1)))
