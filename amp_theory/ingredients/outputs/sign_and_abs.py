"""Output channels whose response depends on the ratio of overlap and gap alone: the sign and the absolute value.

Both are one-dimensional integrals for every q and d = `gap`, written for q + d = 1, without cancellation.  With
z = omega + sqrt(d) w, omega ~ N(0, q), phi_k the k-th derivative of log Z(y, omega) in omega, the heat equation
2 dZ/dd = d^2 Z/domega^2 gives

    R = E phi_1^2,   R' = E phi_2^2,   R'' = E[phi_3^2 - 2 phi_2^3]     over omega and y ~ Z(y, omega).
"""

from __future__ import annotations

import math

import numpy as np

from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.quadrature import Rows, trapezoid

#: e^-TAIL is where integrands are cut off; a Gaussian variable's window, powers included
TAIL, REACH = 42.0, 9.7
#: first steps in a Gaussian variable and in a logarithm
STEP, LOG_STEP = 0.3, 0.2
#: overlap up to which the formulas for small overlap serve: of the sign, and of the absolute value
SMALL_SIGN, SMALL_ABS = 0.5, 0.2
#: rounding errors of the integrands, in units of the machine precision
ROUNDING = 64 * EPS
_ROOT_2PI = math.sqrt(2 * math.pi)


def relative(errors: Array, sizes: Array) -> Array:
    """Return the largest of errors/sizes over functions, shape (functions, n) -> (n,), none where both vanish."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(errors > 0, errors / sizes, 0.0).max(axis=0))


def inverse_mills(t: Array) -> Array:
    """Return lambda(t) = n(t)/H(t), n the normal density and H its distribution function, for t > -38."""
    from scipy.special import erfcx

    return np.asarray(math.sqrt(2 / math.pi) / erfcx(-t / math.sqrt(2)))


# --- sign ---------------------------------------------------------------------------------------------------


def sign_response(overlap: Array, gap: Array) -> Array:
    """Return R, R', R'' and their relative error for y = sign(z), q + d = 1.

    Z(1, omega) = H(t), t = omega/sqrt(d), phi_1 = lambda(t)/sqrt(d), and lambda' = -lambda (lambda + t).  As
    E f(omega) H lambda is the integral of f against a product of two normal densities,

        R = c/sqrt(d) E lambda,   R' = c/d^(3/2) E lambda s^2,
        R'' = c/d^(5/2) E[lambda (s (lambda + s) - 1)^2 + 2 lambda^2 s^3]

    with c = 2/sqrt(2 pi), s = lambda + t and t ~ N(0, q).
    """
    root = np.sqrt(overlap)

    def integrand(rows: Index, u: Array) -> Array:
        t = root[rows, None] * u
        mills = inverse_mills(t)
        s = mills + t
        third = s * (mills + s) - 1
        return np.exp(-u * u / 2) * np.stack([mills, mills * s * s, mills * third**2 + 2 * mills**2 * s**3])

    ends = np.full(len(overlap), REACH)
    sums, errors = trapezoid(integrand, _rows(-ends, ends, STEP), (0, 1, 2))
    with np.errstate(divide="ignore", over="ignore"):
        power = 1 / np.sqrt(gap) ** np.array([1, 3, 5])[:, None]
        values = sums * power / math.pi
    return np.stack([*values, relative(errors, sums) + ROUNDING])


def sign_free_entropy(overlap: Array, gap: Array) -> tuple[Array, Array]:
    """Return A = 2 [Psi_out(q) - Psi_out(0)] and its relative error for y = sign(z), q + d = 1.

    With t = omega/sqrt(d) ~ N(0, q/d) and h the entropy of the label,

        A = E[(1 + f) log(1 + f) + (1 - f) log(1 - f)],  f = erf(t/sqrt(2)),      q <= 1/2
        A = 2 log 2 - 2 E h(t) = 2 log 2 - 4 c' sqrt(d) E[-log H(t) H(t)/n(t)],   q > 1/2

    with c' = 1/sqrt(2 pi) and t ~ N(0, q) in the last expectation.
    """
    from scipy.special import erf, log_ndtr

    result, error = np.empty_like(overlap), np.full(overlap.shape, ROUNDING)
    small = np.flatnonzero(overlap <= SMALL_SIGN)
    large = np.flatnonzero(overlap > SMALL_SIGN)

    def near(rows: Index, v: Array) -> Array:
        f = erf(np.sqrt(overlap[small] / (2 * gap[small]))[rows, None] * v)
        return np.asarray((np.exp(-v * v / 2) * _label_information(f))[None])

    def far(rows: Index, u: Array) -> Array:
        t = np.sqrt(overlap[large])[rows, None] * u
        return np.asarray((np.exp(-u * u / 2) * -log_ndtr(t) / inverse_mills(t))[None])

    if len(small):
        sums, errors = trapezoid(near, _rows(np.zeros(len(small)), np.full(len(small), REACH), STEP, half=True), (0,))
        result[small] = 2 * sums[0] / _ROOT_2PI
        error[small] += relative(errors, sums)
    if len(large):
        ends = np.full(len(large), REACH)
        sums, errors = trapezoid(far, _rows(-ends, ends, STEP), (0,))
        result[large] = 2 * math.log(2) - 4 * np.sqrt(gap[large]) * sums[0] / (2 * math.pi)
        error[large] += errors[0] / result[large]
    return result, error


def _label_information(f: Array) -> Array:
    """Return (1 + f) log(1 + f) + (1 - f) log(1 - f) for |f| <= 1, as f^2 + f^4/6 + ... where f is small."""
    square = np.minimum(f * f, 0.1)
    series = np.zeros_like(f)
    for k in range(16, 0, -1):
        series = 1 / (k * (2 * k - 1)) + square * series
    with np.errstate(divide="ignore", invalid="ignore"):
        less = np.where(np.abs(f) < 1, (1 - np.abs(f)) * np.log1p(-np.abs(f)), 0.0)
    return np.where(f * f < 0.1, square * series, (1 + np.abs(f)) * np.log1p(np.abs(f)) + less)


def _rows(lower: Array, upper: Array, step: float, half: bool = False) -> Rows:
    return Rows(lower, upper, np.full(len(lower), step), np.full(len(lower), half))


# --- absolute value -----------------------------------------------------------------------------------------


def abs_response(overlap: Array, gap: Array) -> Array:
    """Return R, R', R'' and their relative error for y = |z|, q + d = 1.

    The posterior of z has two atoms, y and -y, with mean y T, T = tanh p, S = 1 - T^2, p = y omega/d.  With
    Y = y^2/d the cumulants give phi_1 = (y T - omega)/d, phi_2 = (Y S - 1)/d, phi_3 = -2 Y^(3/2) T S/d^(3/2):

        d R = 1 - E[Y S],  d^2 R' = 1 - 2 E[Y S] + E[Y^2 S^2],
        d^3 R'' = 2 + E[4 Y^3 T^2 S^2 - 2 Y^3 S^3 + 6 Y^2 S^2 - 6 Y S],
        E[Y^m f(p)] = (2/pi) sqrt(d) int_0^inf cosh(p) f(p) s^m K_m(s) ds,   p = sqrt(q) s,

    K_m the modified Bessel functions, from the integral over y at fixed p.  Where q is small, instead

        d R = (2/pi) sqrt(d) int_0^inf cosh(p) [T^2 s K_1 - 2 p T K_0 + p^2 K_1/s] ds.
    """
    root = np.sqrt(overlap)

    def integrand(rows: Index, x: Array) -> Array:
        s, p, bessel = _bessel(root[rows, None], x)
        sech = 1 / np.cosh(p)
        tanh = np.tanh(p)
        terms = np.stack([bessel[1], sech**2 * bessel[2], sech**2 * tanh**2 * bessel[3], sech**4 * bessel[3]])
        return np.asarray(sech * terms * s ** np.array([2, 3, 4, 4])[:, None, None])

    sums, errors = trapezoid(integrand, _log_rows(1 + root), (0, 1, 2, 3))
    weight = 2 / math.pi * np.sqrt(gap)
    e1, e2, e3, e4 = weight * sums
    first, rough = 1 - e1, weight * errors
    error_1 = rough[0] / np.maximum(first, EPS)
    small = np.flatnonzero(overlap <= SMALL_ABS)
    if len(small):
        first[small], error_1[small] = _abs_near_zero(overlap[small], gap[small])
    second, size = 1 - 2 * e1 + e2, 2 + 4 * e3 + 2 * e4 + 6 * e2 + 6 * e1
    third = 2 + 4 * e3 - 2 * e4 + 6 * e2 - 6 * e1
    error = np.maximum(error_1, (2 * rough[0] + rough[1]) / second)
    error = np.maximum(error, (4 * rough[2] + 2 * rough[3] + 6 * rough[1] + 6 * rough[0]) / size)
    with np.errstate(divide="ignore", over="ignore"):
        return np.stack([first / gap, second / gap**2, third / gap**3, error + ROUNDING])


def _abs_near_zero(overlap: Array, gap: Array) -> tuple[Array, Array]:
    """Return d R of y = |z| and its relative error from the formula for small q."""
    root = np.sqrt(overlap)

    def integrand(rows: Index, x: Array) -> Array:
        s, p, (k0, k1, _, _) = _bessel(root[rows, None], x)
        tanh = np.tanh(p)
        return np.asarray((np.cosh(p) * s * (tanh**2 * s * k1 - 2 * p * tanh * k0 + p * p * k1 / s))[None])

    sums, errors = trapezoid(integrand, _log_rows(1 - root), (0,))
    return 2 / math.pi * np.sqrt(gap) * sums[0], relative(errors, sums)


def abs_free_entropy(overlap: Array, gap: Array) -> tuple[Array, Array]:
    """Return A = 2 [Psi_out(q) - Psi_out(0)] and its relative error for y = |z|, q + d = 1.

    Psi_out = -log(2 pi e d)/2 + E h, with h = log(2 cosh p) - p tanh p the entropy of the sign of z, so

        A = -log d - 2 log 2 + 2 E h,
        A = [log(1 + x) - x + 3 x^2] - 2 E[p^2/2 - log cosh p],   x = q/d,    where q is small,

    as E[p tanh p] = x and E p^2 = x + 3 x^2; expectations as in `abs_response`.
    """
    result, error = np.empty_like(overlap), np.full(overlap.shape, ROUNDING)
    root = np.sqrt(overlap)
    small = np.flatnonzero(overlap <= SMALL_ABS)
    large = np.flatnonzero(overlap > SMALL_ABS)

    def near(rows: Index, x: Array) -> Array:
        s, p, bessel = _bessel(root[small][rows, None], x)
        return np.asarray((np.cosh(p) * s * bessel[0] * _beyond_square(p))[None])

    def far(rows: Index, x: Array) -> Array:
        s, p, bessel = _bessel(root[large][rows, None], x)
        # cosh(p) h without overflow
        decay = np.exp(-2 * p)
        entropy = np.log1p(decay) + 2 * p * decay / (1 + decay)
        return np.asarray((np.cosh(p) * s * bessel[0] * entropy)[None])

    if len(small):
        sums, errors = 4 / math.pi * np.sqrt(gap[small]) * np.array(trapezoid(near, _log_rows(1 - root[small]), (0,)))
        ratio = overlap[small] / gap[small]
        result[small] = log1p_minus(ratio) + 3 * ratio**2 - sums[0]
        error[small] += relative(errors, result[small][None])
    if len(large):
        sums, errors = 4 / math.pi * np.sqrt(gap[large]) * np.array(trapezoid(far, _log_rows(1 + root[large]), (0,)))
        with np.errstate(divide="ignore"):
            result[large] = -np.log(gap[large]) - 2 * math.log(2) + sums[0]
        error[large] += errors[0] / result[large]
    return result, error


def _log_rows(decay: Array) -> Rows:
    """Return windows in log s of integrands that decay like e^(-decay s), and like s or faster at zero."""
    upper = np.log((TAIL + 8) / decay)
    return _rows(np.full(len(decay), -TAIL), upper, LOG_STEP)


def _bessel(root: Array, x: Array) -> tuple[Array, Array, tuple[Array, Array, Array, Array]]:
    """Return s = e^x, p = sqrt(q) s and K_0(s), ..., K_3(s)."""
    from scipy.special import k0e, k1e

    s = np.exp(x)
    decay = np.exp(-s)
    k0, k1 = decay * k0e(s), decay * k1e(s)
    k2 = k0 + 2 * k1 / s
    return s, root * s, (k0, k1, k2, k1 + 4 * k2 / s)


def _beyond_square(p: Array) -> Array:
    """Return p^2/2 - log cosh p = p^4/12 - p^6/45 + ... >= 0, by its Taylor series where p is small."""
    square = np.minimum(p * p, 0.16)
    series = np.zeros_like(p)
    for coefficient in reversed(_LOG_COSH):
        series = coefficient + square * series
    plain = p * p / 2 - p - np.log1p(np.exp(-2 * p)) + math.log(2)
    return np.where(p < 0.4, square**2 * series, plain)


def _log_cosh_series(terms: int) -> list[float]:
    """Return the coefficients of p^4, p^6, ... in p^2/2 - log cosh p, from tanh' = 1 - tanh^2."""
    tanh = [1.0]  # of p, p^3, ...
    for n in range(1, terms + 2):
        square = sum(tanh[i] * tanh[n - 1 - i] for i in range(n))
        tanh.append(-square / (2 * n + 1))
    return [-tanh[n] / (2 * n + 2) for n in range(1, terms + 1)]


_LOG_COSH = _log_cosh_series(18)


def log1p_minus(x: Array) -> Array:
    """Return log(1 + x) - x = -x^2/2 + x^3/3 - ... for x >= 0."""
    small = np.minimum(x, 0.1)
    series = np.zeros_like(x)
    for k in range(17, 1, -1):
        series = 1 / k - small * series
    return np.where(x < 0.1, -small * small * series, np.log1p(x) - x)
