"""Free entropies of fixed points of message passing, as functions that are stationary there.

N phi is the logarithm of the mean, over independent variables with the prior, of

    likelihood of the data/likelihood of pure noise x exp(sum_i field_i s_i - precision_i s_i^2/2),

known variables at their values, which count without their prior: the gauge of `FixedPoint.free_entropy`, in nats per
variable, of two kinds per u.  Pure noise is W for tensors and matrices, y that no signal is behind for measurements (or
rows that no constraint is known of), factors without a planted configuration on graphs.

On graphs, with messages h to and u from factors, p and w the laws of spins (1 + s tanh h)/2 and (1 + s tanh u)/2,

    N phi = sum_i log E_s [e^{b s - a/2} prod_a w_a(s)] + sum_a log [sum_s weight_a(s) prod_j p_j(s_j)/mean weight_a]
            - sum_{ai} log sum_s w_a(s) p_i(s),                                                  (Bethe)

and its dense limit, with B, A, m and v of run_amp, m_i^2 and v_i averaged to M and V,

    N phi = sum_i [log Z_0(B_i, A_i) - (B_i - b_i) m_i + (A_i - a_i) (m_i^2 + v_i)/2] + I,
    I = sum_p 1/p! Lambda_p[m,...,m] - (N/2) [xi(M) + xi'(M) V]                                         (tensors)
    I = sqrt(lambda/N) m_u.Y m_v - lambda alpha N/2 [M_u M_v + M_u V_v + V_u M_v]                  (two kinds)
    I = sum_mu [log Z(y, omega, V) + (omega - Phi m)^2/(2 V) - log Z(y, 0, rho)] - alpha c N (M + V - rho)/2     (GLM)

Derivatives in B, A, m, v and omega, at constant others, vanish where run_amp and run_gamp stand still.
Sources: M. Mezard and A. Montanari, Information, Physics, and Computation (2009), chapter 14; T. Lesieur et al.,
arXiv:1701.08010 and arXiv:1701.00858; F. Krzakala et al., arXiv:1402.1384, for measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from amp_theory.finite.inference.base import Inference
from amp_theory.finite.inference.graph_messages import LARGEST_FIELD, literals
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scalar_posterior import log_partition
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError

#: what limited messages may make a free entropy wrong by, nats per variable
UNRESOLVED = 5e-11
#: and answers of factors, relative, for means to be told, which change by half as much at most
DECIDED = 2e-6
#: the smallest V in units of rho at which labels are explained, and what a factor of four in it may change
LEAST_SPREAD, SAME = 1e-28, 1e-6
#: the last change of V in its own units at most, which a free entropy knows in second order
SETTLED = 1e-4

#: why there is none
NOT_FINITE = "it is not finite: the means explain the data without error"
NO_PRIOR = "means of a function of one's own belong to no prior"

Values = Callable[[], tuple[Array, str]]


def with_free_entropy(found: Inference, wanted: bool, values: Values) -> Inference:
    """Return a result with its free entropies, or why there is none, for every side information.

    Parameters
    ----------
    found
        How message passing ended.
    wanted
        Whether they were asked for.
    values
        Free entropies, shape (batch,), not a number or infinite where there is none, and why that is so.
    """
    if not wanted:
        batch = len(found.converged)
        return replace(found, free_entropy=(None,) * batch, reasons=("it was not asked for",) * batch)
    level, why = np.full(len(found.converged), np.nan), ""
    if found.converged.any():
        try:
            # rows that have ended otherwise may be anything, others that are not finite have their reason
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                level, why = values()
        except NumericalError as error:  # of a channel of one's own, whose integrals are quadratures
            why = error.found
    numbers, reasons = [], []
    for value, good, status in zip(level.tolist(), found.converged, found.status, strict=True):
        reason = f"it belongs to a fixed point, message passing ended otherwise: {status}" if not good else ""
        reason = reason or ("" if math.isfinite(value) else why)
        numbers.append(None if reason else value)
        reasons.append(reason)
    return replace(found, free_entropy=tuple(numbers), reasons=tuple(reasons))


def _log_sigmoid(x: Array) -> Array:
    """Return log 1/(1 + exp(-x))."""
    return -np.logaddexp(0.0, -x)


class Part(NamedTuple):
    """Messages of some factors, those from `first` on, shape (k, batch, factors), infinite where they are certain."""

    first: int
    h: Array
    u: Array


def bethe(instance: GraphInstance, side: SideInformation, parts: Iterable[Part]) -> tuple[Array, Array]:
    """Return the free entropy of messages per spin, and what their limit may change in it, shape (batch,).

    Parameters
    ----------
    instance, side
        The instance and side information.
    parts
        Messages of all factors, part by part: half log-likelihood ratios h to factors and u from them.
    """
    shape, size = side.field.shape, side.field.size
    told, rest, lost = np.zeros((2, size)), np.zeros(side.batch), np.zeros(side.batch)
    for part in parts:
        spins = instance.spins[part.first : part.first + part.u.shape[2]].T[:, None, :]
        spins = spins + np.arange(side.batch)[None, :, None] * instance.size
        for row, sign in zip(told, (1.0, -1.0), strict=True):
            row += np.bincount(spins.ravel(), _log_sigmoid(2 * sign * part.u).ravel(), minlength=size)
        mean = _mean_weight(instance, part)
        with np.errstate(divide="ignore"):
            rest += np.log(mean / instance.factor.mean_weight).sum(axis=1) - _edges(part.h, part.u)
        lost += _lost(instance, part.h, mean).sum(axis=1)
    for row, sign in zip(told, (1.0, -1.0), strict=True):  # in place: these are the largest arrays in use
        level = row.reshape(shape)
        level += sign * side.field
        level -= np.asarray(side.precision) / 2
        level[~side.known] -= math.log(2)
        level[side.known & (side.values != sign)] = -np.inf
    spins = np.logaddexp(told[0], told[1], out=told[0]).reshape(shape)
    return (spins.sum(axis=1) + rest) / instance.size, lost / instance.size


def _edges(h: Array, u: Array) -> Array:
    """Return the sum over edges of the logarithm of the overlap of both messages, shape (batch,)."""
    both = (_log_sigmoid(2 * sign * h) + _log_sigmoid(2 * sign * u) for sign in (1.0, -1.0))
    return np.asarray(np.logaddexp(*both).sum(axis=(0, 2)))


def _mean_weight(instance: GraphInstance, part: Part) -> Array:
    """Return the mean weight of every factor in the law that messages to it make, shape (batch, factors)."""
    signs = instance.signs[part.first : part.first + part.h.shape[2]]
    up, down = literals(signs.T[:, None, :], part.h)
    plus, minus = instance.factor.messages(*(np.moveaxis(p[1:], 0, -1) for p in (up, down)))
    return np.asarray(up[0] * plus + down[0] * minus)


def bethe_values(instance: GraphInstance, side: SideInformation, parts: Iterable[Part]) -> tuple[Array, str]:
    """Return free entropies, not a number where limited messages hide them, and why."""
    level, lost = bethe(instance, side, parts)
    why = "fields beyond the limit of messages meet factors that exclude them"
    return np.where(lost > UNRESOLVED, np.nan, level), why


def _lost(instance: GraphInstance, h: Array, mean: Array) -> Array:
    """Return what limited messages may change in mean weights, relative to these, shape (batch, factors)."""
    limited = ((np.abs(h) > LARGEST_FIELD) & np.isfinite(h)).sum(axis=0)
    lost = limited * math.exp(-2 * LARGEST_FIELD) * max(instance.factor.weights)
    return np.asarray(np.divide(lost, mean, out=np.zeros(mean.shape), where=lost > 0))


def undecided(instance: GraphInstance, parts: Iterable[Part]) -> Mask:
    """Return the rows where factors exclude fields beyond the limit, so that it decides what messages say.

    Parameters
    ----------
    instance, parts
        The instance, and messages of all factors, as for `bethe`.
    """
    rows = [(_lost(instance, part.h, _mean_weight(instance, part)) > DECIDED).any(axis=1) for part in parts]
    return np.asarray(np.any(rows, axis=0))


def prior_levels(prior: Mixture, side: SideInformation, where: slice, m: Array, b: Array, a: Array) -> Array:
    """Return log Z_0(B_i, A_i), of known variables B m - A m^2/2, shape (batch, n).

    Parameters
    ----------
    prior, side, where, m, b, a
        As for `local_part`.
    """
    level = log_partition(side.weighted(prior), b, a)
    if side.zero:  # the weights of zeros are normalised in the prior that the iteration uses
        at_zero = float(prior.probabilities[(prior.means == 0) & (prior.variances == 0)].sum())
        level = level + math.log1p(at_zero * math.expm1(side.zero))
    return np.where(side.known[:, where], b * m - a * m * m / 2, level)


def local_part(
    prior: Mixture, side: SideInformation, where: slice, m: Array, v: Array, b: Array, a: Array
) -> Array:  # fmt: skip
    """Return sum_i [log Z_0(B, A) - (B - b) m + (A - a) (m^2 + v)/2] of the variables of one kind, shape (batch,).

    Parameters
    ----------
    prior
        Their prior, without what side information says of zeros.
    side, where
        Side information, and where they are in it.
    m, v, b, a
        Means, variances, B and A of these variables.
    """
    told = side.field[:, where]
    given = np.broadcast_to(side.precision, side.field.shape[1:])[where]
    level = prior_levels(prior, side, where, m, b, a)
    return np.asarray((level - (b - told) * m + (a - given) * (m * m + v) / 2).sum(axis=1))


def tensor_part(instance: DenseInstance, m: Array, v: Array) -> Array:
    """Return I of tensors, shape (batch,), at means and variances of shape (batch, size)."""
    norm, spread = (m * m).mean(axis=1), v.mean(axis=1)
    slope, _ = instance.coupling(norm)
    xi = sum(
        (t.weight * float(instance.size) ** (t.bodies - 1) / math.factorial(t.bodies) * norm**t.bodies
         for t in instance.terms), np.zeros_like(norm))  # fmt: skip
    return np.asarray(instance.linear(m) - instance.size / 2 * (xi + slope * spread))


def matrix_part(instance: TwoSidesInstance, m: Array, v: Array) -> Array:
    """Return I of variables of two kinds, shape (batch,)."""
    scale = instance.intensity / instance.sizes[0]
    (u, w), (spread_u, spread_w) = instance.split(m), instance.split(v)
    norm_u, norm_w = (u * u).sum(axis=1), (w * w).sum(axis=1)
    first = math.sqrt(scale) * ((u @ instance.matrix) * w).sum(axis=1)
    quadratic = norm_u * (norm_w + spread_w.sum(axis=1)) + spread_u.sum(axis=1) * norm_w
    return np.asarray(first - scale / 2 * quadratic)


def measured_part(instance: GLMInstance, m: Array, v: Array, spread: Array, omega: Array) -> Array | None:
    """Return I of measurements, shape (batch,); None for a channel whose log Z(y, omega, V) is not known.

    Parameters
    ----------
    instance
        The instance.
    m, v
        Means and variances, shape (batch, size).
    spread, omega
        V, shape (batch, 1) or (batch, measurements), and omega, shape (batch, measurements).
    """
    output, y, noise = instance.output, instance.measurements, instance.log_noise
    level = output.log_partition(y, omega, spread)
    if level is None or noise is None:
        return None
    rest = omega - m @ instance.sensing.T
    norm = ((m * m + v).mean(axis=1) - output.second_moment) * len(y) * output.norm_slope / 2
    return np.asarray((level + rest * rest / (2 * spread)).sum(axis=1) - noise - norm)


def measured_values(
    instance: GLMInstance, prior: Mixture, side: SideInformation, found: Inference,
    ended: tuple[Array, Array, Array, float],
) -> tuple[Array, str]:  # fmt: skip
    """Return free entropies of GAMP, and why there are none.

    Parameters
    ----------
    instance, prior, side, found
        The instance, the prior in use, side information, and where the iteration ended.
    ended
        V, shape (batch, 1) or (batch, measurements), and g there, the last change of V, and the V below which message
        passing does not use it.
    """
    spread, g, change, least = ended
    m, v = found.mean, found.variance
    tiny, z = LEAST_SPREAD * instance.output.second_moment, m @ instance.sensing.T

    def part(spread: Array) -> Array | None:
        return measured_part(instance, m, v, np.maximum(spread, tiny), z - spread * g)

    measured = part(spread)
    if measured is None:
        return np.full(side.batch, np.nan), f"log Z(y, omega, V) of {instance.model.channel!r} is not known"
    whole = slice(0, instance.size)
    local = local_part(prior, side, whole, m, v, found.effective_field, found.precision)
    # V leaves no trace where noise hides it or labels are explained; continuous variables let it shrink without end
    endless = ((spread < least) | (change > SETTLED * spread)).any(axis=1)
    for there in (spread, np.zeros_like(spread)) if endless.any() else ():
        few, many = (part(factor * np.maximum(there, tiny)) for factor in (1.0, 4.0))
        assert few is not None
        assert many is not None
        endless = endless & ~(np.abs(many - few) <= SAME * len(instance.measurements))
    why = "it is infinite, or not resolved: the posterior variance shrinks without end, as in perfect recovery"
    return np.where(endless, np.inf, (measured + local) / instance.size), why
