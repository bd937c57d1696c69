"""The free entropy of vector AMP: that of expectation consistency, stationary in all of its messages.

Three laws of the variables and of z = Phi s agree in means and average variances: prior and side information with
what the measurements say (field B' = gamma' r', precision gamma'); the normal one of s and z together, with r and
w = 1/gamma of the variables and weights exp(k z - eta z^2/2) of the outputs; outputs with z ~ N(p, V).  Two normal laws
that they share are counted once too often:

    N phi = sum_i log Z_0(b + B'_i, a + gamma') + log Z_lin(r, w; k, eta) + sum_mu log Z(y_mu, p_mu, V)
            - log Z_s - log Z_z - log likelihood of pure noise.

Without what cancels, with d = 1/(1 + gamma' w), modes kappa = w sigma^2, mu = sigma V^T r and x = U^T k,

    - log Z_s  is  N log(1 + gamma' w)/2 + d (gamma' r.r/2 - B'.r - w B'.B'/2),
    log Z_lin  is  sum [(x mu + x^2 kappa/2 - eta mu^2/2)/(1 + eta kappa) - log(1 + eta kappa)/2],
    - log Z_z  is  sum_mu [(eta p^2/2 - k p - k^2 V/2)/(1 + eta V) + log(1 + eta V)/2].

For normal noise the last two and the outputs are log N(y; Phi r, noise + w Phi Phi^T).  A constraint that is known to
hold weighs the norm of s as in gamp.py.  With a normal prior r = 0 and w = 1: that is the evidence, of any matrix.

Sources: M. Opper and O. Winther, Journal of Machine Learning Research 6, 2177 (2005); A. K. Fletcher,
M. Sahraee-Ardakan, S. Rangan and P. Schniter, arXiv:1602.07795.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from amp_theory.finite.inference.base import Inference
from amp_theory.finite.inference.free_entropy import LEAST_SPREAD, SAME, SETTLED, prior_levels
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array


@dataclass(frozen=True)
class Messages:
    """Where vector AMP has ended, for every side information.

    Parameters
    ----------
    r, w
        Mean, shape (batch, size), and variance 1/gamma, shape (batch, 1), that the measurements are told of variables.
    field, precision
        gamma' r' and gamma', of the same shapes: what they tell.
    k, eta
        What outputs tell of z, shapes (batch, measurements) and (batch, 1); not used where noise is normal.
    p, spread
        What outputs are told of z, p and V, of the same shapes.
    """

    r: Array
    w: Array
    field: Array
    precision: Array
    k: Array
    eta: Array
    p: Array
    spread: Array


def _sum(values: Array) -> Array:
    return np.asarray(values.sum(axis=1))


def shared_part(told: Messages) -> Array:
    """Return -log Z_s, without what cancels in log Z_lin, shape (batch,)."""
    r, w, b, a = told.r, told.w, told.field, told.precision
    level = a * r * r / 2 - b * r - w * b * b / 2
    return np.asarray(_sum(level / (1 + a * w)) + r.shape[1] / 2 * np.log1p(a * w)[:, 0])


def normal_part(instance: GLMInstance, told: Messages, noise: float) -> Array:
    """Return log N(y; Phi r, noise + w Phi Phi^T), shape (batch,)."""
    left, sigma, right = instance.singular
    y = instance.measurements
    seen, total = y @ left, noise + told.w * sigma**2
    rest, number = y - left @ seen, len(y) - len(sigma)
    level = (seen - sigma * (told.r @ right.T)) ** 2 / total + np.log(2 * math.pi * total)
    beyond = float(rest @ rest) / noise + number * math.log(2 * math.pi * noise) if number else 0.0
    return np.asarray(-(_sum(level) + beyond) / 2)


def outputs_part(instance: GLMInstance, told: Messages) -> Array | None:
    """Return log Z_lin - log Z_z + sum_mu log Z(y, p, V), shape (batch,); None where the last is not known."""
    left, sigma, right = instance.singular
    k, eta, p, spread = told.k, told.eta, told.p, told.spread
    level = instance.output.log_partition(instance.measurements, p, spread)
    if level is None:
        return None
    x, mu, kappa = k @ left, sigma * (told.r @ right.T), told.w * sigma**2
    y, beyond = k / eta, k - x @ left.T
    width, wide = 1 + eta * kappa, 1 + eta * spread
    weak = _sum((x * mu + x * x * kappa / 2 - eta * mu * mu / 2) / width)
    weak = weak + _sum((eta * p * p / 2 - k * p - k * k * spread / 2) / wide)
    # the same without k^2/(2 eta), which both have, for outputs that tell z to many digits
    strong = _sum(eta * (p - y) ** 2 / wide) - _sum(eta * (mu - x / eta) ** 2 / width) - _sum(beyond * beyond / eta)
    squares = np.where((eta * spread > 1)[:, 0], strong / 2, weak)
    return squares + _sum(level) - _sum(np.log(width)) / 2 + _sum(np.log(wide) + 0 * p) / 2


def vector_level(instance: GLMInstance, told: Messages, least: float) -> Array | None:
    """Return N phi but for the part of the prior, shape (batch,); None for a channel whose log Z is not known.

    Parameters
    ----------
    instance, told
        The instance, and messages.
    least
        The noise that counts where there is none.
    """
    output, nothing = instance.output, instance.log_noise
    noise, norm = output.normal_noise, len(instance.measurements) * output.norm_slope * output.second_moment / 2
    seen = outputs_part(instance, told) if noise is None else normal_part(instance, told, max(noise, least))
    if seen is None or nothing is None:
        return None
    return np.asarray(shared_part(told) + seen - nothing + norm)


def vector_values(
    instance: GLMInstance, side: SideInformation, found: Inference, told: Messages, ended: tuple[Array, float]
) -> tuple[Array, str]:
    """Return free entropies of vector AMP, shape (batch,), and why there are none.

    Parameters
    ----------
    instance, side, found
        The instance, side information, and where the iteration ended.
    told
        Its messages.
    ended
        The last change of the average variance, shape (batch, 1), and the variance below which it is not used.
    """
    rho, change, least = instance.variables.second_moment, *ended
    tiny, unit = LEAST_SPREAD * rho, max(instance.row_norm, 1.0)

    def part(factor: float, width: float = 1.0) -> Array | None:
        w, spread = (factor * np.maximum(width * x, tiny * scale) for x, scale in ((told.w, 1), (told.spread, unit)))
        return vector_level(instance, replace(told, w=w, spread=spread), factor * tiny)

    level = part(1.0)
    if level is None:
        return np.full(side.batch, np.nan), f"log Z(y, omega, V) of {instance.channel!r} is not known"
    prior = instance.model.prior.resolved(float(found.precision.max()))
    whole = slice(0, instance.size)
    local = prior_levels(prior, side, whole, found.mean, found.effective_field, found.precision)
    # outputs without noise that are no labels have a density, which values that are found make infinite
    endless = ((told.w < least) | (change > SETTLED * told.w))[:, 0]
    exact = endless & (instance.channel.noiseless and not instance.channel.discrete_output)
    # as for GAMP: widths leave no trace where noise hides them or labels are explained, others shrink without end
    for width in (1.0, 0.0) if endless.any() else ():
        few, many = part(1.0, width), part(4.0, width)
        assert few is not None
        assert many is not None
        endless = endless & ~((np.abs(many - few) <= SAME * len(instance.measurements)) & ~exact)
    why = "it is infinite, or not resolved: the posterior variance shrinks without end, as in perfect recovery"
    return np.where(endless, np.inf, (level + local.sum(axis=1)) / instance.size), why
