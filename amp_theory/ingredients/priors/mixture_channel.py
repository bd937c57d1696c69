"""The scalar Gaussian channel of a finite Gaussian mixture, to nearly full double precision.

With Var and kappa_3 the posterior variance and third central moment (mixtures.py), expectations over the
observation give (Guo, Wu, Shamai and Verdu, IEEE Trans. Inf. Theory 57, 2011, propositions 9 and 10)

    psi(x) = E log Z,   M(x) = E <s>^2,   rho - M = E Var,   M' = E Var^2,   M'' = E[kappa_3^2 - 2 Var^3].

A shift of the prior changes nothing but M = (E s)^2 + M_c and psi = x (E s)^2/2 + psi_c, c for the centred law,
so that what an observation adds keeps its digits next to any mean.  Cancellation is avoided further by two ways:
  small   psi_c and M_c as integrals of exact small differences against N(0, 1);
  large   only the places where two components overlap are integrated, relative to their own
          exponentially small weight, and psi_c = KL - H(p) + E H(pi), M_c = Var s - mmse.
Where x Var s is small and x s^2 large, psi_c and M_c come from the first and all else from the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from amp_theory.ingredients.priors.mixtures import Mixture, posterior, small_integrand, sparse_integrand
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.quadrature import Rows, trapezoid

#: e^-TAIL is where integrands are cut off
TAIL = 42.0
#: twice the first step aims at a discretisation error e^-STRIP, the first step at its square
STRIP = 30.0
#: more components than MANY start from a step of FIRST
MANY, FIRST = 24, 0.16
#: up to x s^2 = WIDE the formulas for small x serve, up to x Var s = LITTLE those for psi and M
WIDE, LITTLE = 12.0, 1.0
#: -log of the least double
UNDERFLOW = 745.0
#: there M is replaced below KNOWN Var s, and psi if the entropy of the label is more than CANCEL times as large
KNOWN, CANCEL = 0.2, 50.0
#: pairs of components times snr that are worked on together, to stay within a cache
PLACES = 200_000
#: each integrand is judged by its own integral, M'' by its size
MEASURES = (0, 1, 2, 3, 5, 5)


@dataclass(frozen=True)
class ChannelValues:
    """Everything the theory needs from a prior at signal-to-noise ratio `snr` (x), as arrays of one shape.

    free_entropy is psi(x) = E log Z in nats, overlap is M(x) = E[<s> s*] = 2 psi'(x), mmse is rho - M(x),
    log_mmse its logarithm (finite where mmse underflows), overlap_slope is M'(x), overlap_curvature is
    M''(x).  slope_ratio and curvature_ratio are M'/mmse and M''/mmse, finite where all underflow.
    overlap_gain and free_entropy_gain are M(x) - (E s)^2 and psi(x) - x (E s)^2/2, information is what y tells about s,
    I(x) = x E s^2/2 - psi(x), with all their digits.
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
    overlap_gain: Array
    free_entropy_gain: Array
    information: Array
    relative_error: Array

    def reshape(self, shape: tuple[int, ...]) -> ChannelValues:
        """Return the same values with every array reshaped."""
        return ChannelValues(*(getattr(self, f.name).reshape(shape) for f in fields(self)))


def channel(mixture: Mixture, snr: Array) -> ChannelValues:
    """Evaluate the scalar channel at every x = `snr` (shape (n,), finite, >= 0)."""
    if len(mixture.means) == 1:
        return _one_component(mixture, snr)
    result = {f.name: np.zeros_like(snr) for f in fields(ChannelValues)}
    result["snr"] = snr
    wide = snr * mixture.centred.size <= WIDE
    _small(mixture.centred, np.flatnonzero(wide & (snr > 0)), result)
    _large(mixture, np.flatnonzero(~wide), result)
    little = ~wide & (snr * mixture.variance < LITTLE)
    known = result["overlap_gain"] > KNOWN * mixture.variance
    little &= ~known | (mixture.entropy > CANCEL * result["free_entropy_gain"])
    _sparse(mixture.centred, np.flatnonzero(little), result)
    _zero(mixture, np.flatnonzero(snr == 0), result)
    result["overlap"] = mixture.mean**2 + result["overlap_gain"]
    result["free_entropy"] = 0.5 * snr * mixture.mean**2 + result["free_entropy_gain"]
    rest = result["information"] == 0
    result["information"][rest] = 0.5 * snr[rest] * mixture.variance - result["free_entropy_gain"][rest]
    plain = result["slope_ratio"] == 0
    for ratio, name in (("slope_ratio", "overlap_slope"), ("curvature_ratio", "overlap_curvature")):
        result[ratio][plain] = result[name][plain] / result["mmse"][plain]
    return ChannelValues(**result)


def _one_component(mixture: Mixture, x: Array) -> ChannelValues:
    """Gaussian prior N(s_0, v): psi = (x (s_0^2 + v) - log(1 + x v))/2, mmse = v/(1 + x v)."""
    v, square = mixture.variances[0], mixture.mean**2
    w = x * v
    logarithm, gain = logarithm_and_gain(w)
    mmse = v / (1 + w)
    overlap_gain, slope = v * w / (1 + w), mmse**2
    return ChannelValues(
        snr=x, free_entropy=0.5 * x * square + gain, overlap=square + overlap_gain,
        mmse=mmse, log_mmse=np.log(v) - logarithm,
        overlap_slope=slope, overlap_curvature=-2 * slope * mmse, slope_ratio=mmse, curvature_ratio=-2 * slope,
        overlap_gain=overlap_gain, free_entropy_gain=gain, information=0.5 * logarithm,
        relative_error=np.full_like(x, 8 * EPS),
    )  # fmt: skip


def logarithm_and_gain(w: Array) -> tuple[Array, Array]:
    """Return log(1 + w), and (w - log(1 + w))/2 without cancellation, for w >= 0."""
    logarithm = np.log1p(w)
    gain, small = 0.5 * (w - logarithm), w < 0.1
    if small.any():  # the series of -log1p from its second term
        gain[small] = 0.5 * _x_minus_log1p_series(w[small])
    return logarithm, gain


def _x_minus_log1p_series(w: Array) -> Array:
    """Return w - log(1 + w) = w^2/2 - w^3/3 + ... for 0 <= w <= 0.1."""
    total = np.zeros_like(w)
    for k in range(17, 1, -1):
        total = 1.0 / k - w * total
    return w * w * total


def _zero(mixture: Mixture, where: Index, result: dict[str, Array]) -> None:
    """X = 0: M = (E s)^2, mmse = Var s, M' = (Var s)^2, M'' = kappa_3(s)^2 - 2 (Var s)^3."""
    c = mixture.centred.means
    skew = float(mixture.probabilities @ (c**3 + 3 * mixture.variances * c))
    result["mmse"][where] = mixture.variance
    result["log_mmse"][where] = np.log(mixture.variance)
    result["overlap_slope"][where] = mixture.variance**2
    result["overlap_curvature"][where] = skew**2 - 2 * mixture.variance**3
    result["relative_error"][where] = 8 * EPS


# --- windows -----------------------------------------------------------------------------------------------


def pair_intervals(mixture: Mixture, x: Array, weights: Array | None = None) -> tuple[Array, Array, Array]:
    """Where two components overlap: lower and upper ends, shape (pairs, n), and the highest log weight, (n,).

    The components have the mixture's probabilities, or `weights` of shape (components, n), each x its own.

    Of each pair the smaller weight times a power of the distance bounds what it adds to the integrands: the zeroth to
    the label's entropy, the second to the mmse, ..., the sixth to M''.  An interval is where one of these bounds stays
    within e^-TAIL of its highest over all pairs.
    """
    j, k = mixture.pairs
    root = np.sqrt(x)
    centre = root * mixture.means[:, None]
    total = 1 + x * mixture.variances[:, None]
    with np.errstate(divide="ignore"):
        level = np.log(mixture.probabilities[:, None] if weights is None else weights) - 0.5 * np.log(total)
    # t is y from the first's top
    apart = root * (mixture.means[k] - mixture.means[j])[:, None]
    best = _highest_meeting(level[j], level[k], apart, None if mixture.atoms else (total[j], total[k]))
    margin = TAIL + (0.0 if mixture.atoms else 6 * math.log(mixture.contrast))
    cut = np.full_like(best, np.inf)
    for n in (0, 2, 4, 6):
        distance = n * mixture.log_distances[:, None]
        np.minimum(cut, (best + distance).max(axis=0) - distance, out=cut)
    cut -= margin
    with np.errstate(invalid="ignore"):
        first, second = (np.sqrt(2 * total[i] * (level[i] - cut)) for i in (j, k))
    lower = centre[j] + np.fmax(-first, apart - second)
    upper = centre[j] + np.fmin(first, apart + second)
    empty = np.isnan(first) | np.isnan(second) | (lower >= upper)
    return np.where(empty, np.inf, lower), np.where(empty, -np.inf, upper), best.max(axis=0)


def _highest_meeting(first: Array, second: Array, apart: Array, totals: tuple[Array, Array] | None) -> Array:
    """Return the maximum of the smaller of two parabolas, of heights `first`, `second` and widths `totals` (or one).

    It sits at the top of one of them or where the two cross.
    """
    if totals is None:
        drop = 0.5 * apart * apart
        with np.errstate(all="ignore"):
            crossing = first - 0.5 * ((first - second + drop) / apart) ** 2
        best = np.maximum(np.minimum(first, second - drop), np.minimum(first - drop, second))
        return np.asarray(np.fmax(best, crossing))
    a = 0.5 * (1 / totals[1] - 1 / totals[0])
    b = -apart / totals[1]
    c = first - second + apart**2 / (2 * totals[1])
    with np.errstate(all="ignore"):
        q = -0.5 * (b + np.copysign(np.sqrt(b * b - 4 * a * c), b))
        crossings = [q / a, c / q]
    best = np.full(c.shape, -np.inf)
    for t in (np.zeros_like(apart), apart, *crossings):
        t = np.clip(np.where(np.isfinite(t), t, 0.0), -1e100, 1e100)
        lower = np.minimum(first - t**2 / (2 * totals[0]), second - (t - apart) ** 2 / (2 * totals[1]))
        best = np.maximum(best, lower)
    return best


def rates(mixture: Mixture, x: Array, lower: Array, upper: Array) -> Array:
    """How fast the phases of every pair of components part off the real axis, shape (pairs, n).

    At imaginary distance a from y the phases of components j and k differ by
    a [(y - c_j)/(1 + x v_j) - (y - c_k)/(1 + x v_k)], extremal at the ends of the pair's interval.
    """
    j, k = mixture.pairs
    root = np.sqrt(x)
    if mixture.atoms:
        return np.where(lower < upper, root * np.abs(mixture.means[k] - mixture.means[j])[:, None], 0.0)
    centre = root * mixture.means[:, None]
    total = 1 + x * mixture.variances[:, None]
    rate = np.zeros_like(lower)
    meet = np.isfinite(lower) & np.isfinite(upper)
    for y in (lower, upper):
        y = np.where(meet, y, 0.0)
        difference = np.abs((y - centre[j]) / total[j] - (y - centre[k]) / total[k])
        rate = np.maximum(rate, np.where(meet, difference, 0.0))
    return rate


def merged(mixture: Mixture, x: Array, lower: Array, upper: Array, rate: Array | None) -> tuple[Rows, Index, Array]:
    """Merge intervals of y that meet (half the axis does for a symmetric prior): windows, owners, reference points.

    The intervals have shape (intervals, n); a window of y = sqrt(x) reference + t belongs to one x, its owner.
    The integrand is analytic up to a distance a at which no two components' phases, which part at the `rate` of an
    interval, differ by pi.  A step h then errs by exp(-2 pi a/h + a^2/2), a^2/2 from the growth of a unit Gaussian off
    the real axis.  Phases of many components hardly ever differ so, and have no rate: what a first step of FIRST leaves
    is seen and halved, as no posterior changes over less between places where it counts.
    """
    if rate is None:  # what is covered does not depend on which start belongs to which end
        starts = np.sort(lower, axis=0).T
        ends = np.sort(np.where(lower < upper, upper, upper.max(axis=0)), axis=0).T
    else:
        order = np.argsort(lower, axis=0)
        starts = np.take_along_axis(lower, order, axis=0).T
        ends = np.maximum.accumulate(np.take_along_axis(upper, order, axis=0).T, axis=1)
    first = np.isfinite(starts)
    first[:, 1:] &= starts[:, 1:] > ends[:, :-1]
    place = np.flatnonzero(first)
    start, end = starts.ravel()[place], ends.ravel()[np.append(place[1:], first.size) - 1]
    own = place // starts.shape[1]
    if rate is None:
        step = np.full(len(place), FIRST)
    else:
        fastest = np.maximum.reduceat(np.take_along_axis(rate, order, axis=0).T.ravel(), place)
        strip = np.minimum(np.pi / np.maximum(fastest, 1e-3), np.sqrt(2 * STRIP))
        step = np.pi * strip / (STRIP + strip**2 / 2)
    if mixture.symmetric:
        keep = end > 0
        start, end, own, step = start[keep], end[keep], own[keep], step[keep]
    half = mixture.symmetric & (start < 0)
    centre = np.where((start < 0) & (end > 0), 0.0, 0.5 * (start + end))
    rows = Rows(np.where(half, 0.0, start - centre), end - centre, step, half)
    return rows, own, centre / np.sqrt(x[own])


def _few_by_few(
    find: Callable[[Mixture, Array], tuple[Rows, Index, Array, Array]], mixture: Mixture, x: Array
) -> tuple[Rows, Index, Array, Array]:
    """Return windows, owners, reference points and log scales, for a few x at a time where pairs are many."""
    most = max(PLACES // max(len(mixture.pairs[0]), 1), 1)
    found = [find(mixture, x[start : start + most]) for start in range(0, len(x), most)]
    rows, own, reference, highest = zip(*found, strict=True)
    owners = np.concatenate([part + i * most for i, part in enumerate(own)])
    joined = (np.concatenate([getattr(r, f.name) for r in rows]) for f in fields(Rows))
    return Rows(*joined), owners, np.concatenate(reference), np.concatenate(highest)


def _wide_rows(mixture: Mixture, x: Array) -> tuple[Rows, Index, Array]:
    """Windows that hold all the mass of y."""
    centre = np.sqrt(x) * mixture.means[:, None]
    reach = np.sqrt(2 * TAIL * (1 + x * mixture.variances[:, None])) + 0.5
    rate = None
    if len(mixture.means) <= MANY:
        highest = rates(mixture, x, *pair_intervals(mixture, x)[:2]).max(axis=0)
        rate = np.broadcast_to(highest, reach.shape)
    return merged(mixture, x, centre - reach, centre + reach, rate)


def _overlap_rows(mixture: Mixture, x: Array) -> tuple[Rows, Index, Array, Array]:
    """Windows where components overlap, and the log scale of the integrands for every x."""
    lower, upper, highest = pair_intervals(mixture, x)
    rate = rates(mixture, x, lower, upper) if len(mixture.means) <= MANY else None
    return (*merged(mixture, x, lower, upper, rate), highest)


# --- the regimes -------------------------------------------------------------------------------------------


def _store(result: dict[str, Array], where: Index, **values: Array) -> None:
    for name, value in values.items():
        result[name][where] = value


def _relative(error: Array, size: Array) -> Array:
    """Largest relative error over functions, shape (functions, n) -> (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(size > 0, error / size, 0.0)
    return np.asarray(ratio.max(axis=0))


def _norm(mixture: Mixture) -> float:
    """Return 1/sqrt(2 pi), twice that where half the axis is integrated."""
    return (2.0 if mixture.symmetric else 1.0) / math.sqrt(2 * math.pi)


def _rounding(mixture: Mixture) -> float:
    """Return the rounding of integrals of small differences: that of exp u, u up to -log p where p exp u matters."""
    return EPS * (64 + 4 * min(-math.log(mixture.probabilities.min()), TAIL))


def _gather(own: Index, number: int, norm: float, sums: Array, errors: Array) -> tuple[Array, Array]:
    """Return integrals and errors for every x, from those of its windows."""
    gathered = np.array([np.bincount(own, norm * row, number) for row in (*sums, *errors)], dtype=float)
    return gathered[: len(sums)], gathered[len(sums) :]


def _small(centred: Mixture, where: Index, result: dict[str, Array]) -> None:
    """Integrate small differences over all the mass of y: everything, for x s^2 up to WIDE."""
    if not len(where):
        return
    x = result["snr"][where]
    rows, own, reference = _wide_rows(centred, x)

    def integrand(r: Index, t: Array) -> Array:
        at = x[own[r]]
        return small_integrand(centred.components, at, np.sqrt(at)[:, None] * reference[r, None] + t)

    sums, errors = _gather(own, len(x), _norm(centred), *trapezoid(integrand, rows, MEASURES, len(centred.means), own))
    psi, gain, mmse, slope, curvature, _ = sums
    error = _relative(errors, sums[list(MEASURES)]) + _rounding(centred)
    _store(result, where, free_entropy_gain=psi, overlap_gain=gain, mmse=mmse, log_mmse=np.log(mmse),
           overlap_slope=slope, overlap_curvature=curvature, relative_error=error)  # fmt: skip


def _sparse(centred: Mixture, where: Index, result: dict[str, Array]) -> None:
    """Replace psi and a small M where they are small differences, though some components are far from the others."""
    if not len(where):
        return
    x = result["snr"][where]
    rows, own, reference = _wide_rows(centred, x)

    def integrand(r: Index, t: Array) -> Array:
        return sparse_integrand(centred.components, x[own[r]], reference[r], t)

    sums, errors = _gather(own, len(x), _norm(centred), *trapezoid(integrand, rows, (0, 1), len(centred.means), own))
    known, gain = result["relative_error"][where], result["overlap_gain"][where]
    _store(result, where, free_entropy_gain=sums[0], information=0.5 * x * centred.variance - sums[0],
           overlap_gain=np.where(gain > KNOWN * centred.variance, gain, sums[1]),
           relative_error=np.maximum(known, _relative(errors, sums) + _rounding(centred)))  # fmt: skip


def _large(mixture: Mixture, where: Index, result: dict[str, Array]) -> None:
    """Integrate only overlaps of components; what is left is known in closed form."""
    if not len(where):
        return
    x = result["snr"][where]
    rows, own, reference, highest = _few_by_few(_overlap_rows, mixture, x)

    def integrand(r: Index, t: Array) -> Array:
        log_density, label_entropy, post = posterior(mixture.components, x[own[r]], reference[r], t)
        density = np.exp(log_density - highest[own[r], None])
        b, w = post.between, post.within
        change, cubes, square = 2 * w * b + b * b, b * (3 * w * w + 3 * w * b + b * b), post.third**2
        return density * np.stack(
            [label_entropy, b, change - post.within_second, square - 2 * (cubes - post.within_third),
             change + post.within_second, square + 2 * (cubes + post.within_third)]
        )  # fmt: skip

    measures = (0, 1, 4, 5, 4, 5)
    parts = trapezoid(integrand, rows, measures, len(mixture.means), own)
    sums, errors = _gather(own, len(x), _norm(mixture), *parts)
    entropy, between, slope, curvature = sums[:4]
    p, v = mixture.probabilities[:, None], mixture.variances[:, None]
    total = 1 + x * v
    smooth_part = 0.5 * (p * np.log(total)).sum(axis=0)
    divergence = 0.5 * x * mixture.variance - smooth_part
    # the integrals carry the factor e^highest, which may underflow
    with np.errstate(under="ignore", divide="ignore"):
        scale = np.exp(highest)
        smooth = [(p * (v / total) ** n).sum(axis=0) for n in (1, 2, 3)]
        # the root does not underflow before its square does
        mmse = smooth[0] + (np.exp(0.5 * highest) * np.sqrt(between)) ** 2
        log_mmse = highest + np.log(between) if mixture.atoms else np.log(mmse)
        psi = divergence - mixture.entropy + scale * entropy
        _store(result, where, free_entropy_gain=psi, information=smooth_part + mixture.entropy - scale * entropy,
               overlap_gain=mixture.variance - mmse, mmse=mmse, log_mmse=log_mmse,
               overlap_slope=smooth[1] + scale * slope,
               overlap_curvature=scale * curvature - 2 * smooth[2])  # fmt: skip
        if mixture.atoms:
            _store(result, where, slope_ratio=slope / between, curvature_ratio=curvature / between)
    relative = _relative(errors, sums[list(measures)])
    # where psi has lost many digits it is replaced
    replaced = mixture.entropy > CANCEL * psi
    cancelled = np.where(replaced, 0.0, (divergence + mixture.entropy) / np.where(replaced, 1.0, psi))
    result["relative_error"][where] = relative + 4 * EPS * (8 + cancelled + np.clip(-highest, 0.0, UNDERFLOW))
