"""The scalar Gaussian channel of a finite Gaussian mixture, to nearly full double precision.

With Var and kappa_3 the posterior variance and third central moment (mixtures.py), expectations over the
observation give (Guo, Wu, Shamai and Verdu, IEEE Trans. Inf. Theory 57, 2011, propositions 9 and 10)

    psi(x) = E log Z,   M(x) = E <s>^2,   rho - M = E Var,   M' = E Var^2,   M'' = E[kappa_3^2 - 2 Var^3].

Cancellation is avoided in three regimes of x:
  small   psi and M as integrals of exact small differences against N(0, 1);
  large   only the places where two components overlap are integrated, relative to their own
          exponentially small weight, and psi = KL - H(p) + E H(pi), M = rho - mmse;
  middle  the expectations as they stand, where x is large but M still small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from amp_theory.mixtures import EPS, Components, Mixture, middle_integrand, posterior, small_integrand
from amp_theory.quadrature import Array, Index, Rows, trapezoid

#: e^-TAIL is where integrands are cut off
TAIL = 42.0
#: twice the first step aims at a discretisation error e^-STRIP, the first step at its square
STRIP = 30.0
#: up to x s^2 = WIDE the formulas for small x serve
WIDE = 12.0
#: up to x s^2 = FINITE their exponentials do not overflow
FINITE = 200.0
#: each integrand is judged by its own integral, M'' by its size
MEASURES = (0, 1, 2, 3, 5, 5)


@dataclass(frozen=True)
class ChannelValues:
    """Everything the theory needs from a prior at signal-to-noise ratio `snr` (x), as arrays of one shape.

    free_entropy is psi(x) = E log Z in nats, overlap is M(x) = E[<s> s*] = 2 psi'(x), mmse is rho - M(x),
    log_mmse its logarithm (finite where mmse underflows), overlap_slope is M'(x), overlap_curvature is
    M''(x).  slope_ratio and curvature_ratio are M'/mmse and M''/mmse, finite where all underflow.
    relative_error bounds the relative error of all of them (of overlap_curvature relative to
    E[kappa_3^2 + 2 Var^3], as it may change sign).
    """

    snr: Array
    free_entropy: Array
    overlap: Array
    mmse: Array
    log_mmse: Array
    overlap_slope: Array
    overlap_curvature: Array
    slope_ratio: Array
    curvature_ratio: Array
    relative_error: Array

    def reshape(self, shape: tuple[int, ...]) -> ChannelValues:
        """Return the same values with every array reshaped."""
        return ChannelValues(*(getattr(self, f.name).reshape(shape) for f in fields(self)))


def channel(mixture: Mixture, snr: Array) -> ChannelValues:
    """Evaluate the scalar channel at every x = `snr` (shape (n,), finite, >= 0)."""
    result = {f.name: np.zeros_like(snr) for f in fields(ChannelValues)}
    result["snr"] = snr
    if len(mixture.means) == 1:
        _one_component(mixture, snr, result)
    else:
        wide = snr * mixture.size <= WIDE
        _one_window(mixture, np.flatnonzero(wide & (snr > 0)), result, small_integrand)
        _large(mixture, np.flatnonzero(~wide), result)
        # of a sparse prior little is known yet: differences are still small
        little = ~wide & (result["overlap"] < 0.2 * mixture.second_moment)
        finite = snr * mixture.size <= FINITE
        _one_window(mixture, np.flatnonzero(little & finite), result, small_integrand)
        _one_window(mixture, np.flatnonzero(little & ~finite), result, middle_integrand)
        _zero(mixture, np.flatnonzero(snr == 0), result)
    plain = result["slope_ratio"] == 0
    for ratio, name in (("slope_ratio", "overlap_slope"), ("curvature_ratio", "overlap_curvature")):
        result[ratio][plain] = result[name][plain] / result["mmse"][plain]
    return ChannelValues(**result)


def _one_component(mixture: Mixture, x: Array, result: dict[str, Array]) -> None:
    """Gaussian prior N(s_0, v): psi = (x (s_0^2 + v) - log(1 + x v))/2, mmse = v/(1 + x v)."""
    s, v = mixture.means[0], mixture.variances[0]
    w = x * v
    # x v - log(1 + x v) without cancellation: the series of -log1p from its second term
    tail = np.where(w < 0.1, _x_minus_log1p_series(np.minimum(w, 0.1)), w - np.log1p(w))
    result["free_entropy"] = 0.5 * (x * s * s + tail)
    result["overlap"] = s * s + v * w / (1 + w)
    result["mmse"] = v / (1 + w)
    result["log_mmse"] = np.log(v) - np.log1p(w)
    result["overlap_slope"] = result["mmse"] ** 2
    result["overlap_curvature"] = -2 * result["mmse"] ** 3
    result["relative_error"] = np.full_like(x, 8 * EPS)


def _x_minus_log1p_series(w: Array) -> Array:
    """Return w - log(1 + w) = w^2/2 - w^3/3 + ... for 0 <= w <= 0.1."""
    total = np.zeros_like(w)
    for k in range(17, 1, -1):
        total = 1.0 / k - w * total
    return w * w * total


def _zero(mixture: Mixture, where: Index, result: dict[str, Array]) -> None:
    """X = 0: M = (E s)^2, mmse = Var s, M' = (Var s)^2, M'' = kappa_3(s)^2 - 2 (Var s)^3."""
    centred = mixture.means - mixture.mean
    skew = float(mixture.probabilities @ (centred**3 + 3 * mixture.variances * centred))
    result["overlap"][where] = mixture.mean**2
    result["mmse"][where] = mixture.variance
    result["log_mmse"][where] = np.log(mixture.variance)
    result["overlap_slope"][where] = mixture.variance**2
    result["overlap_curvature"][where] = skew**2 - 2 * mixture.variance**3
    result["relative_error"][where] = 8 * EPS


# --- windows -----------------------------------------------------------------------------------------------


def _pair_intervals(mixture: Mixture, x: Array) -> tuple[Array, Array, Array]:
    """Where two components overlap: lower and upper ends, shape (pairs, n), and the highest log weight, (n,).

    Of each pair the smaller weight bounds every integrand of the channel; an interval is where that bound
    stays within e^-TAIL of the highest over all pairs, after the sixth power of the distance in M''.
    """
    j, k = mixture.pairs
    root = np.sqrt(x)
    centre = root * mixture.means[:, None]
    total = 1 + x * mixture.variances[:, None]
    level = np.log(mixture.probabilities)[:, None] - 0.5 * np.log(total)

    def log_weight(i: Index, y: Array) -> Array:
        return np.asarray(level[i] - (y - centre[i]) ** 2 / (2 * total[i]))

    # the maximum of min(l_j, l_k) sits at the top of one parabola or where the two cross
    a = 0.5 * (1 / total[k] - 1 / total[j])
    b = centre[j] / total[j] - centre[k] / total[k]
    c = level[j] - level[k] - centre[j] ** 2 / (2 * total[j]) + centre[k] ** 2 / (2 * total[k])
    with np.errstate(all="ignore"):
        q = -0.5 * (b + np.copysign(np.sqrt(b * b - 4 * a * c), b))
        crossings = [q / a, c / q]
    best = np.full(c.shape, -np.inf)
    for y in (centre[j], centre[k], *crossings):
        y = np.clip(np.where(np.isfinite(y), y, centre[j]), -1e100, 1e100)
        best = np.maximum(best, np.minimum(log_weight(j, y), log_weight(k, y)))
    highest = best.max(axis=0)
    with np.errstate(invalid="ignore"):
        reach = np.sqrt(2 * total * (level - highest + TAIL + 6 * math.log(mixture.contrast)))
    lower = np.fmax((centre - reach)[j], (centre - reach)[k])
    upper = np.fmin((centre + reach)[j], (centre + reach)[k])
    empty = np.isnan(reach[j]) | np.isnan(reach[k]) | (lower >= upper)
    return np.where(empty, np.inf, lower), np.where(empty, -np.inf, upper), highest


def _steps(mixture: Mixture, x: Array, lower: Array, upper: Array) -> Array:
    """First step for every x: the integrand is analytic where no two components' phases differ by pi.

    At imaginary distance a from y the phases of components j and k differ by
    a [(y - c_j)/(1 + x v_j) - (y - c_k)/(1 + x v_k)], extremal at the ends of the pair's interval.  A step h
    then errs by exp(-2 pi a/h + a^2/2), a^2/2 from the growth of a unit Gaussian off the real axis.
    """
    j, k = mixture.pairs
    root = np.sqrt(x)
    centre = root * mixture.means[:, None]
    total = 1 + x * mixture.variances[:, None]
    rate = np.zeros_like(x)
    meet = np.isfinite(lower) & np.isfinite(upper)
    for y in (lower, upper):
        y = np.where(meet, y, 0.0)
        difference = np.abs((y - centre[j]) / total[j] - (y - centre[k]) / total[k])
        rate = np.maximum(rate, np.where(meet, difference, 0.0).max(axis=0))
    strip = np.minimum(np.pi / np.maximum(rate, 1e-3), np.sqrt(2 * STRIP))
    return np.asarray(np.pi * strip / (STRIP + strip**2 / 2))


def _wide_rows(mixture: Mixture, x: Array) -> Rows:
    """One window per x that holds all the mass of y (half of it for a symmetric prior)."""
    lower, upper, _ = _pair_intervals(mixture, x)
    step = _steps(mixture, x, lower, upper)
    centre = np.sqrt(x) * mixture.means[:, None]
    reach = np.sqrt(2 * TAIL * (1 + x * mixture.variances[:, None])) + 0.5
    half = np.full(x.shape, mixture.symmetric)
    start = np.where(half, 0.0, (centre - reach).min(axis=0))
    return Rows(start, (centre + reach).max(axis=0), step, half)


def _overlap_rows(mixture: Mixture, x: Array) -> tuple[Rows, Index, Array, Array]:
    """Windows where components overlap, merged: rows, the x each belongs to, reference points, log scale."""
    lower, upper, highest = _pair_intervals(mixture, x)
    step = _steps(mixture, x, lower, upper)
    owner, starts, ends = [], [], []
    for i in range(len(x)):
        order = np.argsort(lower[:, i])
        here: list[list[float]] = []
        for a, b in zip(lower[order, i], upper[order, i], strict=True):
            if a > b or (mixture.symmetric and b <= 0):
                continue
            if here and a <= here[-1][1]:
                here[-1][1] = max(here[-1][1], b)
            else:
                here.append([a, b])
        for a, b in here:
            owner.append(i)
            starts.append(a)
            ends.append(b)
    own = np.array(owner, dtype=np.intp)
    start, end = np.array(starts), np.array(ends)
    half = mixture.symmetric & (start < 0)
    centre = np.where(half, 0.0, 0.5 * (start + end))
    rows = Rows(np.where(half, 0.0, start - centre), end - centre, step[own], half)
    return rows, own, centre / np.sqrt(x[own]), highest


# --- the three regimes -------------------------------------------------------------------------------------


def _store(result: dict[str, Array], where: Index, **values: Array) -> None:
    for name, value in values.items():
        result[name][where] = value


def _relative(error: Array, size: Array) -> Array:
    """Largest relative error over functions, shape (functions, n) -> (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(size > 0, error / size, 0.0)
    return np.asarray(ratio.max(axis=0))


def _finish(
    mixture: Mixture, where: Index, result: dict[str, Array], sums: Array, errors: Array, rounding: Array | float
) -> None:
    """Store psi, M, mmse, M', M'' from integrals in that order, the last the size that M'' is measured by."""
    norm = (2.0 if mixture.symmetric else 1.0) / np.sqrt(2 * np.pi)
    psi, overlap, mmse, slope, curvature, size = sums * norm
    error = _relative(errors * norm, np.stack([psi, overlap, mmse, slope, size, size]))
    _store(result, where, free_entropy=psi, overlap=overlap, mmse=mmse, log_mmse=np.log(mmse),
           overlap_slope=slope, overlap_curvature=curvature, relative_error=error + rounding)  # fmt: skip


def _one_window(
    mixture: Mixture, where: Index, result: dict[str, Array], formula: Callable[[Components, Array, Array], Array]
) -> None:
    """Integrate over one window by `formula`, as small differences or as the expectations are defined."""
    if not len(where):
        return
    x = result["snr"][where]
    rows = _wide_rows(mixture, x)
    sums, errors = trapezoid(lambda r, y: formula(mixture.components, x[r], y), rows, MEASURES, len(mixture.means))
    # as defined, log Z has an absolute error of rounding, and psi is about E (log Z)^2/2
    rounding = 64 + (np.sqrt(2 / sums[0]) if formula is middle_integrand else 0.0)
    _finish(mixture, where, result, sums, errors, EPS * rounding)


def _large(mixture: Mixture, where: Index, result: dict[str, Array]) -> None:
    """Integrate only overlaps of components; what is left is known in closed form."""
    if not len(where):
        return
    x = result["snr"][where]
    rows, own, reference, highest = _overlap_rows(mixture, x)

    def integrand(r: Index, t: Array) -> Array:
        log_density, label_entropy, post = posterior(mixture.components, x[own[r]], reference[r], t)
        density = np.exp(log_density - highest[own[r], None])
        b, w = post.between, post.within
        cubes, square = b * (3 * w * w + 3 * w * b + b * b), post.third**2
        return density * np.stack(
            [label_entropy, b, 2 * w * b + b * b - post.within_second,
             square - 2 * (cubes - post.within_third), square + 2 * (cubes + post.within_third)]
        )  # fmt: skip

    sums, errors = trapezoid(integrand, rows, (0, 1, 4, 4, 4), len(mixture.means))
    norm = (2.0 if mixture.symmetric else 1.0) / np.sqrt(2 * np.pi)
    gathered = np.array([np.bincount(own, norm * row, len(x)) for row in (*sums, *errors)], dtype=float)
    entropy, between, slope, curvature, size = gathered[:5]
    error = gathered[5:]
    p, v = mixture.probabilities[:, None], mixture.variances[:, None]
    total = 1 + x * v
    divergence = 0.5 * (p * (x * (mixture.means[:, None] ** 2 + v) - np.log(total))).sum(axis=0)
    # the integrals carry the factor e^highest, which may underflow
    with np.errstate(under="ignore", divide="ignore"):
        scale = np.exp(highest)
        smooth = [(p * (v / total) ** n).sum(axis=0) for n in (1, 2, 3)]
        log_mmse = highest + np.log(between) if mixture.atoms else np.log(smooth[0] + scale * between)
        mmse = np.exp(log_mmse)
        psi = divergence - mixture.entropy + scale * entropy
        _store(result, where, free_entropy=psi,
               overlap=mixture.second_moment - mmse, mmse=mmse, log_mmse=log_mmse,
               overlap_slope=smooth[1] + scale * slope,
               overlap_curvature=scale * curvature - 2 * smooth[2])  # fmt: skip
        if mixture.atoms:
            _store(result, where, slope_ratio=slope / between, curvature_ratio=curvature / between)
    relative = _relative(error, np.stack([entropy, between, np.abs(slope), size, size]))
    cancelled = (divergence + mixture.entropy) / psi
    result["relative_error"][where] = relative + 4 * EPS * (8 + cancelled - np.minimum(log_mmse, 0.0))
