"""The scalar Gaussian channel of a finite Gaussian mixture, to nearly full double precision.

The prior is P0(s) = sum_k p_k N(s; s_k, v_k) (v_k = 0: an atom), the observation y = sqrt(x) s + z with
z ~ N(0, 1), x the signal-to-noise ratio.  Given component k, y ~ N(sqrt(x) s_k, 1 + x v_k); the posterior
of s has component weights pi_k(y), component means m_k = s_k + sqrt(x) v_k (y - sqrt(x) s_k)/(1 + x v_k)
and component variances t_k = v_k/(1 + x v_k).  With c_k = m_k - <s>, Var = sum_k pi_k (c_k^2 + t_k) and
kappa_3 = sum_k pi_k (c_k^3 + 3 t_k c_k), expectations over y give (theory: Guo, Wu, Shamai and Verdu,
IEEE Trans. Inf. Theory 57, 2011, propositions 9 and 10)

    psi(x) = E log Z,   M(x) = E <s>^2,   rho - M = E Var,   M' = E Var^2,   M'' = E[kappa_3^2 - 2 Var^3].

Cancellation is avoided in three regimes of x:
  small   psi and M as integrals of exact small differences (expm1, log1p) against N(0, 1);
  middle  the expectations as they stand;
  large   only the places where two components overlap are integrated, relative to their own
          exponentially small weight, and psi = KL - H(p) + E H(pi), M = rho - mmse.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from amp_theory.quadrature import Array, Index, Rows, trapezoid

#: e^-TAIL is where integrands are cut off
TAIL = 42.0
#: twice the first step aims at a discretisation error e^-STRIP, the first step at its square
STRIP = 30.0
SMALL, WIDE_ATOMS, WIDE_SMOOTH = 2.0, 12.0, 12.0
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class ChannelValues:
    """Everything the theory needs from a prior at signal-to-noise ratio `snr` (x), as arrays of one shape.

    free_entropy is psi(x) = E log Z in nats, overlap is M(x) = E[<s> s*] = 2 psi'(x), mmse is rho - M(x),
    log_mmse its logarithm (finite where mmse underflows), overlap_slope is M'(x), overlap_curvature is
    M''(x).  relative_error bounds the relative error of all of them (of overlap_curvature relative to
    E[kappa_3^2 + 2 Var^3], as it may change sign).
    """

    snr: Array
    free_entropy: Array
    overlap: Array
    mmse: Array
    log_mmse: Array
    overlap_slope: Array
    overlap_curvature: Array
    relative_error: Array

    def reshape(self, shape: tuple[int, ...]) -> ChannelValues:
        """Return the same values with every array reshaped."""
        return ChannelValues(*(getattr(self, f.name).reshape(shape) for f in fields(self)))


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture sum_k p_k N(s_k, v_k), arrays of shape (components,), p normalised."""

    probabilities: Array
    means: Array
    variances: Array

    @cached_property
    def mean(self) -> float:
        """E s, exactly zero where it is zero up to rounding."""
        terms = self.probabilities * self.means
        mean = float(np.sum(terms))
        return 0.0 if abs(mean) <= 8 * EPS * float(np.abs(terms).sum()) else mean

    @cached_property
    def second_moment(self) -> float:
        """E s^2, the paper's rho."""
        return float(self.probabilities @ (self.means**2 + self.variances))

    @cached_property
    def variance(self) -> float:
        """Var s."""
        return float(self.probabilities @ ((self.means - self.mean) ** 2 + self.variances))

    @cached_property
    def size(self) -> float:
        """Largest second moment of a component."""
        return float(np.max(self.means**2 + self.variances))

    @cached_property
    def atoms(self) -> bool:
        """Whether the prior is discrete."""
        return not np.any(self.variances > 0)

    @cached_property
    def symmetric(self) -> bool:
        """Whether s and -s have the same law."""
        here = np.lexsort((self.probabilities, self.variances, self.means))
        there = np.lexsort((self.probabilities, self.variances, -self.means))
        return (
            np.array_equal(self.means[here], -self.means[there])
            and np.array_equal(self.variances[here], self.variances[there])
            and np.array_equal(self.probabilities[here], self.probabilities[there])
        )

    @cached_property
    def entropy(self) -> float:
        """H(p), the entropy of the component label in nats."""
        return float(-(self.probabilities @ np.log(self.probabilities)))

    @cached_property
    def pairs(self) -> tuple[Index, Index]:
        """All pairs of components."""
        first, second = np.triu_indices(len(self.means), 1)
        return first, second


def channel(mixture: Mixture, snr: Array) -> ChannelValues:
    """Evaluate the scalar channel at every x = `snr` (shape (n,), finite, >= 0)."""
    result = {f.name: np.zeros_like(snr) for f in fields(ChannelValues)}
    result["snr"] = snr
    if len(mixture.means) == 1:
        _one_component(mixture, snr, result)
    else:
        wide = (snr * np.max(mixture.means**2) <= WIDE_ATOMS) & (snr * np.max(mixture.variances) <= WIDE_SMOOTH)
        small = snr * mixture.size < SMALL
        _small(mixture, np.flatnonzero(small & (snr > 0)), result)
        _middle(mixture, np.flatnonzero(wide & ~small), result)
        _large(mixture, np.flatnonzero(~wide), result)
        poor = np.flatnonzero(~wide & (result["overlap"] < 0.2 * mixture.second_moment))
        _middle(mixture, poor, result)
        _zero(mixture, np.flatnonzero(snr == 0), result)
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


# --- posterior moments at given observations -------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Moments:
    """Posterior moments at nodes of shape (rows, nodes)."""

    mean: Array
    between: Array  # sum_k pi_k c_k^2
    within: Array  # T = sum_k pi_k t_k
    third: Array  # kappa_3
    within_second: Array  # sum_k pi_k t_k^2 - T^2
    within_third: Array  # sum_k pi_k t_k^3 - T^3


def _moments(pi: Array, m: Array, tau: Array | None, reference: Array) -> _Moments:
    """Central moments of weights pi, means m, variances tau (None for atoms), all (components, rows, nodes).

    Means are taken relative to `reference`, the mean of the heaviest component, so that light components
    keep their digits.
    """
    d = m - reference
    shift = (pi * d).sum(axis=0)
    c = d - shift
    pc2 = pi * c * c
    between = pc2.sum(axis=0)
    third = (pc2 * c).sum(axis=0)
    if tau is None:
        zero = np.zeros_like(between)
        return _Moments(reference + shift, between, zero, third, zero, zero)
    within = (pi * tau).sum(axis=0)
    third += 3 * (pi * c * tau).sum(axis=0)
    e2 = pi * (tau - within) ** 2
    return _Moments(reference + shift, between, within, third, e2.sum(axis=0), (e2 * (tau + 2 * within)).sum(axis=0))


def _posterior(mixture: Mixture, x: Array, reference: Array, t: Array) -> tuple[Array, Array, _Moments]:
    """Log f(y) (without 1/sqrt(2 pi)), H(pi) and the moments at y = sqrt(x) reference + t.

    x and reference have shape (rows,), t (rows, nodes).  Deviations y - sqrt(x) s_k are formed as
    sqrt(x) (reference - s_k) + t, so that far from the origin no digits are lost.
    """
    s, v = mixture.means[:, None, None], mixture.variances[:, None, None]
    root = np.sqrt(x)[:, None]
    level = np.log(mixture.probabilities)[:, None, None]
    deviation = root * (reference[:, None] - s) + t
    m, tau = s, None
    if mixture.atoms:
        log_weight = level - 0.5 * deviation * deviation
    else:
        total = 1 + x[:, None] * v
        log_weight = level - 0.5 * np.log(total) - deviation * deviation / (2 * total)
        m, tau = s + (root * v / total) * deviation, v / total
    top = np.arange(len(mixture.means))[:, None, None] == log_weight.argmax(axis=0)
    highest = log_weight.max(axis=0)
    log_weight -= highest
    weight = np.exp(log_weight)
    others = np.where(top, 0.0, weight).sum(axis=0)
    pi = weight / (1 + others)
    log_sum = np.log1p(others)
    label_entropy = log_sum - (pi * np.maximum(log_weight, -1e4)).sum(axis=0)
    best = np.where(top, m, 0.0).sum(axis=0)
    return highest + log_sum, label_entropy, _moments(pi, m, tau, best)


# --- windows -----------------------------------------------------------------------------------------------


def _pair_intervals(mixture: Mixture, x: Array) -> tuple[Array, Array, Array]:
    """Where two components overlap: lower and upper ends, shape (pairs, n), and the highest log weight, (n,).

    Of each pair the smaller weight bounds every integrand of the channel; an interval is where that bound
    stays within e^-TAIL of the highest over all pairs.
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
        y = np.where(np.isfinite(y), y, centre[j])
        best = np.maximum(best, np.minimum(log_weight(j, y), log_weight(k, y)))
    highest = best.max(axis=0)
    with np.errstate(invalid="ignore"):
        reach = np.sqrt(2 * total * (level - highest + TAIL))
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
    for y in (lower, upper):
        y = np.where(np.isfinite(y), y, 0.0)
        difference = np.abs((y - centre[j]) / total[j] - (y - centre[k]) / total[k])
        rate = np.maximum(rate, difference.max(axis=0))
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


def _expectations(density: Array, post: _Moments) -> list[Array]:
    """Integrands of mmse, M', M'' and of the size of M''."""
    var = post.between + post.within
    cube, square = 2 * var * var * var, post.third * post.third
    return [density * var, density * var * var, density * (square - cube), density * (square + cube)]


def _middle(mixture: Mixture, where: Index, result: dict[str, Array]) -> None:
    """Integrate the defining expectations over one window."""
    if not len(where):
        return
    x = result["snr"][where]
    zero = np.zeros_like(x)

    def integrand(r: Index, t: Array) -> Array:
        log_density, _, post = _posterior(mixture, x[r], zero[r], t)
        null, density = -0.5 * t * t, np.exp(log_density)
        # Z log Z - Z + 1 with Z = f/g has the integral psi and is nowhere negative
        log_z = log_density - null
        gap = np.exp(null) * _entropy_gap(np.expm1(np.minimum(log_z, 1.0)))
        psi = np.where(log_z < 1, gap, density * (log_z - 1) + np.exp(null))
        return np.stack([psi, density * post.mean**2, *_expectations(density, post)])

    sums, errors = trapezoid(integrand, _wide_rows(mixture, x), (0, 1, 2, 3, 5, 5), len(mixture.means))
    depth = np.log(mixture.variance / np.maximum(sums[2], 1e-300))
    _finish(mixture, where, result, sums, errors, 16 * EPS * (2 + np.maximum(depth, 0)))


def _large(mixture: Mixture, where: Index, result: dict[str, Array]) -> None:
    """Integrate only overlaps of components; what is left is known in closed form."""
    if not len(where):
        return
    x = result["snr"][where]
    rows, own, reference, highest = _overlap_rows(mixture, x)

    def integrand(r: Index, t: Array) -> Array:
        log_density, label_entropy, post = _posterior(mixture, x[own[r]], reference[r], t)
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
        _store(result, where, free_entropy=divergence - mixture.entropy + scale * entropy,
               overlap=mixture.second_moment - mmse, mmse=mmse, log_mmse=log_mmse,
               overlap_slope=smooth[1] + scale * slope,
               overlap_curvature=scale * curvature - 2 * smooth[2])  # fmt: skip
    relative = _relative(error, np.stack([entropy, between, np.abs(slope), size, size]))
    result["relative_error"][where] = relative + 4 * EPS * (8 - np.minimum(log_mmse, 0.0))


def _expm1_minus(u: Array) -> Array:
    """Return e^u - 1 - u without cancellation."""
    near = np.abs(u) < 0.1
    small = np.where(near, u, 0.0)
    series = np.ones_like(u)
    for n in range(10, 2, -1):
        series *= small / n
        series += 1
    return np.where(near, 0.5 * small * small * series, np.expm1(u) - u)


def _entropy_gap(delta: Array) -> Array:
    """Return (1 + delta) log(1 + delta) - delta without cancellation (1 at delta = -1)."""
    near = np.abs(delta) < 0.05
    small = np.where(near, delta, 0.0)
    series = np.zeros_like(delta)
    for n in range(13, 1, -1):
        series *= -small
        series += 1.0 / (n * (n - 1))
    far = np.maximum(np.where(near, 1.0, delta), -1 + EPS)
    return np.where(near, small * small * series, (1 + far) * np.log1p(far) - far)


def _small(mixture: Mixture, where: Index, result: dict[str, Array]) -> None:
    """Psi = E_g[(1 + d) log(1 + d) - d] and M = E_g[(sum_k p_k e^{u_k} m_k)^2/(1 + d)], g = N(0, 1).

    u_k = log f_k(y)/g(y) and d = Z - 1 = sum_k p_k (e^{u_k} - 1); sum_k p_k u_k is summed in closed form,
    so that a vanishing mean cancels exactly.
    """
    if not len(where):
        return
    x = result["snr"][where]
    p, s, v = (a[:, None, None] for a in (mixture.probabilities, mixture.means, mixture.variances))

    def integrand(r: Index, y: Array) -> Array:
        snr = x[r][:, None]
        root = np.sqrt(snr)
        total = 1 + snr * v
        tau = v / total
        drift = mixture.mean - snr * (p * s * tau).sum(axis=0)
        quadratic = 0.5 * snr * tau
        constant = 0.5 * np.log1p(snr * v) + 0.5 * snr * s * s / total
        u = (quadratic * y + root * s / total) * y - constant
        linear = ((p * quadratic).sum(axis=0) * y + root * drift) * y - (p * constant).sum(axis=0)
        rest = _expm1_minus(u)
        delta = linear + (p * rest).sum(axis=0)
        growth = rest + u
        signal = drift + (p * growth * s / total).sum(axis=0)
        m: Array = s
        if not mixture.atoms:
            signal = signal + root * y * (p * (1 + growth) * tau).sum(axis=0)
            m = s / total + root * tau * y
        post = _moments(p * (1 + growth) / (1 + delta), m, None if mixture.atoms else tau, signal / (1 + delta))
        gauss = np.exp(-0.5 * y * y)
        return np.stack(
            [gauss * _entropy_gap(delta), gauss * signal * signal / (1 + delta),
             *_expectations(gauss * (1 + delta), post)]
        )  # fmt: skip

    sums, errors = trapezoid(integrand, _wide_rows(mixture, x), (0, 1, 2, 3, 5, 5), len(mixture.means))
    _finish(mixture, where, result, sums, errors, 64 * EPS)
