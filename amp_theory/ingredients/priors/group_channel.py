"""The Gaussian channel of a Potts variable: which of k groups, seen through noise in k - 1 dimensions.

A variable s is one of the k vertices of a simplex, s_a.s_a = 1, s_a.s_b = -1/(k-1), with equal probability, and
y = sqrt(x) s + z, z ~ N(0, I).  The vertices project z on normal variables of covariance (k delta_ab - 1)/(k-1),
which up to a shift common to all groups are sqrt(k/(k-1)) g_a with independent g_a ~ N(0, 1).  The posterior
weights are therefore p_a = X_a/S of k independent log-normal X_a = exp(sqrt(t) g_a - t/2), S = sum_a X_a,
t = k x/(k-1), under the planted measure, which weighs them by S/k.  With L_j(u) = E[X^j e^{-uX}] and 1/S^n and log S
written as integrals over e^{-uS}, expectations in k - 1 dimensions become nested ones in one dimension, for instance

    E p_a^m p_b^n (a != b)  =  (1/k) int_0^inf du u^{m+n-2}/(m+n-2)! L_m L_n L_0^{k-2}.

From them, without cancellation (P = diag p - p p^T the posterior covariance of the indicators of the groups, kappa
their third cumulants, H the entropy of p):

    1 - M = k/(k-1) E[1 - sum_a p_a^2] = k int du L_1^2 L_0^{k-2},
    M     = k/2 E[(p_a - p_b)^2]       = int du (L_2 L_0 - L_1^2) L_0^{k-2},
    M'    = (k/(k-1))^2 E Tr P^2,   M'' = (k/(k-1))^3 E[sum_abc kappa_abc^2 - 2 Tr P^3],
    psi   = x/2 - log k + E H,   E H = int du/u L_1 (1 - L_0^{k-1}),
          = int du/u [e^{-ku} (1 + t (k u^2/2 - u)) - L_1 L_0^{k-1}], of order t^2 everywhere, for small x.

The integrals over u = e^tau and over the noise are trapezoidal sums.  Source of the problem: arXiv:1701.00858,
section on community detection; of the moments: Guo, Wu, Shamai and Verdu, IEEE Trans. Inf. Theory 57, 2011.
"""

from __future__ import annotations

import math

import numpy as np

from amp_theory.ingredients.priors.mixture_channel import MEASURES, ChannelValues
from amp_theory.ingredients.priors.mixtures import entropy_gap, expm1_minus
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.quadrature import Rows, trapezoid

#: the formulas for small x serve up to t = NEAR, or up to where M is about PART
NEAR, PART = 1.0, 0.05
#: integrands over tau are cut off at e^-TAIL, those over the noise at e^-CUT
TAIL, CUT = 42.0, 46.0
#: first step in tau, which grows like WIDE sqrt(t/log k); steps of the noise g and of log X
FIRST, WIDE, STEP, LOG_STEP = 0.16, 0.22, 0.65, 0.2
#: k u beyond which e^{-ku} is nothing, the least logarithm of L_0, and the least 1 - L_0 that is told from zero
NOTHING, LEAST, TINY = 300.0, -690.0, 1e-30
#: sums over distinct groups of products of the p_a, by their powers: 1 - sum p^2, Tr P^2, sum kappa^2 -+ 2 Tr P^3
Terms = dict[tuple[int, ...], float]
LOSS: Terms = {(1, 1): 1.0}
SLOPE: Terms = {(2, 2): 2.0, (2, 1, 1): 1.0}
CURVATURE: Terms = {(4, 2): 8.0, (4, 1, 1): 1.0, (3, 3): -16.0, (3, 2, 1): -14.0, (3, 1, 1, 1): -4.0, (2, 2, 2): 12.0,
             (2, 2, 1, 1): 9.0, (2, 1, 1, 1, 1): 1.0}  # fmt: skip
SIZE: Terms = {(4, 2): 8.0, (4, 1, 1): 1.0, (3, 2, 1): 10.0, (2, 2, 2): 8.0, (2, 2, 1, 1): 9.0, (2, 1, 1, 1, 1): 1.0}


def potts_channel(k: int, snr: Array) -> ChannelValues:
    """Evaluate the channel of k >= 2 groups at every x = `snr` (shape (n,), finite, >= 0)."""
    result = np.zeros((9, len(snr)))
    t = snr * (k / (k - 1))
    zero, near = snr == 0, t <= max(NEAR, math.log(PART * k))
    for where, regime in ((zero, _none), (near & ~zero, _near), (~near, _far)):
        if where.any():
            result[:, where] = regime(k, snr[where], t[where])
    psi, overlap, mmse, log_mmse, slope, curvature, slope_ratio, curvature_ratio, error = result
    return ChannelValues(
        snr=snr, free_entropy=psi, overlap=overlap, mmse=mmse, log_mmse=log_mmse, overlap_slope=slope,
        overlap_curvature=curvature, slope_ratio=slope_ratio, curvature_ratio=curvature_ratio, overlap_gain=overlap,
        free_entropy_gain=psi, information=snr / 2 - psi, relative_error=error,
    )  # fmt: skip


def _none(k: int, x: Array, t: Array) -> Array:
    """X = 0: M = 0, mmse = 1, M' = 1/(k-1), M'' = (k-4)/(k-1)^2."""
    slope, curvature = 1 / (k - 1), (k - 4) / (k - 1) ** 2
    column = np.array([0, 0, 1, 0, slope, curvature, slope, curvature, 8 * EPS])
    return np.repeat(column[:, None], len(x), axis=1)


def _windows(k: int, t: Array) -> Rows:
    """Return windows of tau, outside of which the integrands are below k exp(-f) times their largest value.

    f = -tau - t/4 for tau < -t/2, tau^2/t in the middle, and tau - t/4 + (tau - t/2)^2/(2t) for tau > t/2 (there up
    to a shift of tau by log f, as far as e^{-e^v} reaches).  The steps resolve where L_0^k falls to zero.
    """
    depth = TAIL + math.log(k)
    middle = np.sqrt(depth * t)
    inside = t >= 4 * depth
    lower = np.where(inside, -middle, -depth - t / 4)
    upper = np.where(inside, middle, np.sqrt(t * t / 2 + 2 * t * depth) - t / 2 + math.log(depth))
    step = np.maximum(FIRST, WIDE * np.sqrt(t / math.log(k)))
    return Rows(lower, upper, step, np.zeros(len(t), dtype=bool))


def _products(k: int, a: Array, rest: Array, log_free: Array, terms: Terms) -> Array:
    """Return sum_n c_n (k-1)...(k-r+1)/(d-2)! a_{n_1} ... a_{n_r} rest^{r-2} L_0^{k-r} for `terms` c_n of degree d.

    With a_j = u^{j-1/2} L_j and rest = sqrt(u) these are the integrands over tau of sums over distinct groups.
    """
    total = np.zeros_like(rest)
    for powers, coefficient in terms.items():
        r = len(powers)
        number = math.perm(k - 1, r - 1)
        if number:
            product = (coefficient * number / math.factorial(sum(powers) - 2)) * np.exp((k - r) * log_free)
            for power in powers:
                product = product * a[power - 1]
            total += product * rest ** (r - 2)
    return total


def _moments(k: int, a: Array, rest: Array, log_free: Array) -> list[Array]:
    """Return the integrands of mmse, M', M'' and of the size of M''."""
    unit = k / (k - 1)
    kinds = ((1, LOSS), (2, SLOPE), (3, CURVATURE), (3, SIZE))
    return [unit**power * _products(k, a, rest, log_free, terms) for power, terms in kinds]


# --- small x -----------------------------------------------------------------------------------------------


def _near(k: int, x: Array, t: Array) -> Array:
    """Sum over the noise g, where small differences from X = 1 keep their digits."""

    def integrand(r: Index, tau: Array) -> Array:
        u = np.exp(tau)
        g, weight = _noise(float(t[r].max()))
        transforms, gap = _transforms(t[r], g, weight, u)
        with np.errstate(divide="ignore"):
            log_free = np.maximum(np.log(transforms[0]), LEAST)
        psi = -transforms[1] * np.exp((k - 1) * log_free)
        small = k * u <= NOTHING
        differences, log_small = _small_differences(k, t[r], g, weight, np.minimum(u, NOTHING / k))
        psi, log_free = np.where(small, differences, psi), np.where(small, log_small, log_free)
        a = np.stack([u ** (j - 0.5) * transforms[j] for j in range(1, 5)])
        overlap = u * gap * np.exp((k - 2) * log_free)
        return np.stack([psi, overlap, *_moments(k, a, np.sqrt(u), log_free)])

    rows = _windows(k, t)
    # L_0 is below e^{-u/2} where t u < 1, and all integrands contain k factors L_0 or L_1
    enough = 2 * (TAIL + math.log(k)) / k
    rows.upper[t * enough < 1] = math.log(enough)
    sums, errors = trapezoid(integrand, rows, MEASURES, len(_noise(float(t.max()))[0]))
    psi, overlap, mmse, slope, curvature, _ = sums
    error = _relative(errors, sums[list(MEASURES)]) + 64 * EPS
    log_mmse = np.log1p(-overlap)  # keeps its digits where it is small
    return np.stack([psi, overlap, mmse, log_mmse, slope, curvature, slope / mmse, curvature / mmse, error])


def _relative(errors: Array, sizes: Array) -> Array:
    """Return the largest relative error over functions, shape (functions, n) -> (n,); zero has none."""
    return np.asarray(np.divide(errors, sizes, out=np.zeros_like(errors), where=sizes > 0).max(axis=0))


def _noise(t: float) -> tuple[Array, Array]:
    """Return nodes g, symmetric about zero, and weights of the normal law that serve exp(4 sqrt(t) g) too."""
    root = math.sqrt(t)
    step = min(STEP, LOG_STEP / root)
    number = math.ceil((math.sqrt(2 * CUT) + 4 * root) / step)
    g = step * np.arange(-number, number + 1, dtype=float)
    return g, step * np.exp(-0.5 * g * g) / math.sqrt(2 * math.pi)


def _transforms(t: Array, g: Array, weight: Array, u: Array) -> tuple[Array, Array]:
    """Return L_j(u), j = 0 to 4, and L_2 L_0 - L_1^2, a variance of X, for t of shape (r,), u of shape (r, n)."""
    shift = np.expm1(np.sqrt(t)[:, None] * g - t[:, None] / 2)
    kernel = weight * np.exp(-u[:, :, None] * (1 + shift[:, None, :]))
    powers = (1 + shift[:, None, :]) ** np.arange(5)[:, None]
    transforms = np.einsum("rng,rjg->jrn", kernel, powers, optimize=True)
    mean = np.einsum("rng,rg->rn", kernel, shift) / np.maximum(transforms[0], 1e-300)
    deviation = shift[:, None, :] - mean[:, :, None]
    kernel *= deviation
    kernel *= deviation
    return transforms, transforms[0] * kernel.sum(axis=-1)


def _small_differences(k: int, t: Array, g: Array, weight: Array, u: Array) -> tuple[Array, Array]:
    """Return e^{-ku} (1 + t (k u^2/2 - u)) - L_1 L_0^{k-1}, which is of order t^2, and log L_0.

    With e^u L_0 = 1 + t u^2/2 + a_0 and e^u L_1 = 1 + t (u^2/2 - u) + a_1.
    """
    t = t[:, None]
    half = len(g) // 2
    first, second = _second_order(t, g[half:], np.append(weight[half], 2 * weight[half + 1 :]), u)
    zeroth = 0.5 * t * u * u + first
    rest = t * u * (0.5 * u - 1) + second
    log = np.log1p(zeroth)
    gap = (entropy_gap(zeroth) - zeroth * zeroth) / (1 + zeroth)  # log(1 + A) - A
    power = (k - 1) * log
    total = second + (k - 1) * (first + gap) + expm1_minus(power) + rest * np.expm1(power)
    return -np.exp(-k * u) * total, log - u


def _second_order(t: Array, g: Array, weight: Array, u: Array) -> tuple[Array, Array]:
    """Return a_0 and a_1 of `_small_differences`, from nodes g >= 0.

    Averaged over g and -g, with X = c +- s, d = c - 1, y = -u d, v = u s, e^u e^{-uX} becomes e^y cosh v and
    e^u X e^{-uX} becomes e^y (c cosh v - s sinh v).  Of their expansions the constant and first-order terms are known:
    E d = 0, E s^2 = sinh t.
    """
    exponent, scale = np.sqrt(t) * g, np.exp(-t / 2)
    up, down = (np.expm1(a - t / 2)[:, None, :] for a in (exponent, -exponent))
    d = (np.expm1(-t / 2) + 2 * scale * np.sinh(exponent / 2) ** 2)[:, None, :]
    s = (scale * np.sinh(exponent))[:, None, :]
    w = u[:, :, None]
    y, v = -w * d, w * s
    # differences of the exponentials where v is large, of their expansions where it is small
    plus, minus = np.exp(-w * up), np.exp(-w * down)
    first = 0.5 * (plus + minus) - 1 - y - 0.5 * v * v
    second = 0.5 * ((1 + up) * plus + (1 + down) * minus) - 1 - y - d - 0.5 * v * v + s * v
    small = v < 1
    v = np.where(small, v, 0.0)
    bump, excess, growth = _cosh_excess(v), _sinh_excess(v), np.expm1(y)
    lift, tail = 0.5 * v * v + bump, expm1_minus(y)
    first = np.where(small, tail + lift * growth + bump, first)
    fine = tail + d * growth + lift * (growth * (1 + d) + d) + bump - s * (growth * (v + excess) + excess)
    second = np.where(small, fine, second)
    rest = _sinh_excess(t)
    return first @ weight + 0.5 * u * u * rest, second @ weight + u * (0.5 * u - 1) * rest


def _cosh_excess(v: Array) -> Array:
    """Return cosh v - 1 - v^2/2 for abs(v) <= 1."""
    square = v * v
    total = np.zeros_like(v)
    for n in range(18, 2, -2):
        total = square / (n * (n - 1)) * (1 + total)
    return total * 0.5 * square


def _sinh_excess(v: Array) -> Array:
    """Return sinh v - v."""
    square = np.minimum(v * v, 1.0)
    total = np.zeros_like(v)
    for n in range(19, 1, -2):
        total = square / (n * (n - 1)) * (1 + total)
    return np.where(np.abs(v) <= 1, total * v, np.sinh(v) - v)


# --- large x -----------------------------------------------------------------------------------------------


def _logarithms() -> tuple[Array, Array]:
    """Return nodes v, and in columns e^{-v/2} (1 - e^{-e^v}) and e^{(j-1/2) v - e^v}, j = 1 to 4, times the step."""
    reach = 2 * CUT
    v = LOG_STEP * np.arange(-math.ceil(reach / LOG_STEP), math.ceil(reach / LOG_STEP) + 1, dtype=float)
    e = np.exp(np.minimum(v, 7.0))
    columns = [-np.expm1(-e) * np.exp(-v / 2)] + [np.exp((j - 0.5) * v - e) for j in range(1, 5)]
    return v, LOG_STEP * np.stack(columns, axis=1)


def _far(k: int, x: Array, t: Array) -> Array:
    """Sum over v = log(uX), with a common factor e^{-t/4} taken out of all integrals.

    As -(v - tau + t/2)^2/(2t) = -(v - tau)^2/(2t) - (v - tau)/2 - t/8, the transforms u^j L_j are e^{-t/8 + tau/2}
    times the functions e^{(j-1/2) v - e^v}, smoothed by a normal law of variance t; so is 1 - L_0.
    """
    v, columns = _logarithms()

    def integrand(r: Index, tau: Array) -> Array:
        own = t[r][:, None]
        kernel = tau[:, :, None] - v
        kernel *= kernel
        kernel *= (-0.5 / own)[:, :, None]
        np.exp(kernel, out=kernel)
        smooth = np.moveaxis(kernel @ columns, -1, 0) / np.sqrt(2 * np.pi * own)
        lost, a = smooth[0], smooth[1:]
        rest = np.exp(0.5 * tau - own / 8)
        gone = np.minimum(rest * lost, 1.0)
        log_free = np.log1p(-np.minimum(gone, 1 - EPS))
        # (1 - L_0^{k-1})/(1 - L_0)
        ratio = np.where(gone > TINY, -np.expm1((k - 1) * log_free) / np.maximum(gone, TINY), k - 1.0)
        return np.stack([a[0] * lost * ratio, *_moments(k, a, rest, log_free)])

    measures = (0, 1, 2, 4, 4)
    sums, errors = trapezoid(integrand, _windows(k, t), measures, len(v))
    entropy, mmse, slope, curvature, _ = sums
    log_mmse = np.log(mmse) - t / 4
    with np.errstate(under="ignore"):
        scale, left = np.exp(-t / 4), np.exp(log_mmse)
        psi = x / 2 - math.log(k) + scale * entropy
        lost_digits = 16 - log_mmse + (x / 2 + math.log(k)) / psi
        error = _relative(errors, sums[list(measures)]) + 4 * EPS * lost_digits
        values = [psi, 1 - left, left, log_mmse, scale * slope, scale * curvature]
    return np.stack([*values, slope / mmse, curvature / mmse, error])
