"""The scalar channel of a density at a large snr x, where a posterior is narrower than what the density varies on.

With y = sqrt(x) u and s = u + t/sqrt(x) the place u has the density f(u) = E_t P0(u + t/sqrt(x)), t ~ N(0, 1), and
given u the law of t is N(0, 1) times P0(u + t/sqrt(x))/f(u).  With tau and kappa its second and third cumulants,

    I(x) = -E log f + log(x/(2 pi e))/2,   mmse = E tau/x,   M' = E tau^2/x^2,   M'' = E[kappa^2 - 2 tau^3]/x^3,

which are `information` and the functions of `base` by y = sqrt(x) u.  All tau are of order one, and nothing cancels.
Away from kinks and jumps of the density these are integrals over its own panels, whatever x; next to them over layers
of a few widths 1/sqrt(x).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.panels import cut, halves, last_coefficients, panel_nodes

Density = Callable[[Array], Array]

#: reach of a Gaussian; a panel is smooth if it is as wide in units of 1/sqrt(x); widest panels of u, pieces of t there
REACH, SMOOTH, WIDEST, PIECE = 9.6, 8.0, 2.5, 3.0
#: nodes of t where the density is smooth, by the trapezoidal rule, and their weights times 1, t, t^2, t^3
_STEP = 0.6
_T = _STEP * np.arange(-15, 16)
_RULE = _STEP / math.sqrt(2 * math.pi) * np.exp(-0.5 * _T * _T)[:, None] * np.vander(_T, 4, increasing=True)
#: last coefficients of an integrand on a panel that are negligible: a Gauss-Legendre rule errs like their square
NEGLIGIBLE = 1e-12
HALVINGS = 30
#: panels of a layer that are worked on together, and panels in all
TOGETHER, CHUNK = 8, 256
#: a density that counts as none
NOTHING = 1e-290


def least_snr(panels: Array, mass: Array, variance: float) -> float:
    """Return the snr from which `large_snr` serves: nearly all of the mass lies on smooth panels.

    Parameters
    ----------
    panels, mass
        Panels that resolve the density, shape (n, 2), and the probability of each, shape (n,).
    variance
        Var s.
    """
    width = panels[:, 1] - panels[:, 0]
    order = np.argsort(width)
    narrow = np.cumsum(mass[order]) > 0.1
    return max((SMOOTH / float(width[order][narrow][0])) ** 2, 30 / variance)


def large_snr(density: Density, panels: Array, kinks: Array, total: float, x: float) -> tuple[float, ...]:
    """Return I, mmse, M', M'' and their relative error at one large x.

    Parameters
    ----------
    density
        P0 up to a factor, at places of any shape.
    panels
        Panels that resolve it, ascending, shape (n, 2).
    kinks
        Where it may jump or have a kink between panels, shape (k,).
    total
        The integral of `density`.
    x
        The snr.
    """
    root = math.sqrt(x)
    layers = _layers(panels, kinks, REACH / root, SMOOTH / root)

    def smooth(part: Array) -> tuple[Array, Array]:
        u, weight = panel_nodes(part)
        return weight, _integrands(density(u[..., None] + _T / root) @ _RULE)

    sums, errors = _integrated(smooth, _between(panels, layers))
    for lower, upper in layers:
        inside = _in_layer(density, panels, kinks, lower, upper, root)
        part, error = _integrated(*inside)
        sums, errors = sums + part / root, errors + error / root
    mass = float(sums[0])
    mean_log, tau, square, curvature, size = (sums[1:] / mass).tolist()
    entropy = math.log(mass) - mean_log
    information = entropy + 0.5 * math.log(x) - 0.5 * math.log(2 * math.pi * math.e)
    rounding = EPS * (64 + 4 * (abs(entropy) + math.log(x)) / abs(information))
    scale = mass * np.array([abs(information), tau, square, size, size])
    error = float((errors[1:] / scale).max()) + 4 * abs(mass / total - 1) + rounding
    return information, tau / x, square / x**2, curvature / x**3, error


def _layers(panels: Array, kinks: Array, reach: float, smooth: float) -> list[tuple[float, float]]:
    """Return the ends of ascending intervals within `reach` of kinks and of panels that are not `smooth`."""
    narrow = panels[panels[:, 1] - panels[:, 0] < smooth]
    ends = np.concatenate([narrow, np.stack([kinks, kinks], axis=1)]) + np.array([-reach, reach])
    ends = ends[np.argsort(ends[:, 0])]
    if not len(ends):
        return []
    last = np.maximum.accumulate(ends[:, 1])
    first = np.append(True, ends[1:, 0] > last[:-1])
    return list(zip(ends[first, 0].tolist(), last[np.append(first[1:], True)].tolist(), strict=True))


def _between(panels: Array, layers: list[tuple[float, float]]) -> Array:
    """Return what the layers leave of the panels."""
    edges = np.array([-np.inf, *np.ravel(layers), np.inf]).reshape(-1, 2)
    lower = np.maximum(panels[:, None, 0], edges[:, 0])
    upper = np.minimum(panels[:, None, 1], edges[:, 1])
    return np.asarray(np.stack([lower, upper], axis=-1)[upper > lower])


def _in_layer(
    density: Density, panels: Array, kinks: Array, lower: float, upper: float, root: float
) -> tuple[Callable[[Array], tuple[Array, Array]], Array]:
    """Return the integrands in a layer as a function of panels, and first panels, in units of 1/sqrt(x).

    Places are counted from one of its edges of panels, so that next to it they keep their digits.
    """
    origins = np.concatenate([kinks, panels.ravel()])
    origin = origins[np.argmax((origins >= lower) & (origins <= upper))]
    ends = (np.array([[lower, upper]]) - origin) * root
    near = np.clip((panels - origin) * root, ends[0, 0] - REACH, ends[0, 1] + REACH)
    near = near[near[:, 1] > near[:, 0]]
    s, weight = panel_nodes(cut(near, np.ceil((near[:, 1] - near[:, 0]) / PIECE).astype(int)))
    s, weight = s.ravel(), (weight.ravel() * density(origin + s.ravel() / root)) / math.sqrt(2 * math.pi)

    def inside(part: Array) -> tuple[Array, Array]:
        u, measure = panel_nodes(part)
        moments = np.empty((*u.shape, 4))
        for start in range(0, len(part), TOGETHER):
            these = u[start : start + TOGETHER]
            band = slice(*np.searchsorted(s, [these.min() - REACH, these.max() + REACH]))
            t = s[band] - these[..., None]
            kernel = np.exp(-0.5 * t * t) * weight[band]
            for k in range(4):
                moments[start : start + TOGETHER, :, k] = kernel.sum(axis=-1)
                kernel *= t
        return measure, _integrands(moments)

    return inside, cut(ends, np.ceil((ends[:, 1] - ends[:, 0]) / WIDEST).astype(int))


def _integrands(moments: Array) -> Array:
    """Return f, f log f, f tau, f tau^2, f (kappa^2 - 2 tau^3), f (kappa^2 + 2 tau^3) from f times 1, t, t^2, t^3."""
    f, *raw = np.moveaxis(moments, -1, 0)
    safe = np.maximum(f, NOTHING)
    mean, second, third = (moment / safe for moment in raw)
    tau = second - mean * mean
    kappa = third - mean * (3 * second - 2 * mean * mean)
    square, cube = kappa * kappa, 2 * tau * tau * tau
    return np.stack([f, f * np.log(safe), f * tau, f * tau * tau, f * (square - cube), f * (square + cube)])


def _integrated(integrands: Callable[[Array], tuple[Array, Array]], panels: Array) -> tuple[Array, Array]:
    """Return the integrals of functions over panels, halved until they resolve them, and bounds on their errors."""
    sums, errors = np.zeros(6), np.zeros(6)
    for left in range(HALVINGS, -1, -1):
        rough = []
        for start in range(0, len(panels), CHUNK):
            part = panels[start : start + CHUNK]
            measure, values = integrands(part)
            tails = last_coefficients(values) * (part[:, 1] - part[:, 0])
            bad = (tails > NEGLIGIBLE).any(axis=0) & (left > 0)
            sums += (measure * values)[:, ~bad].sum(axis=(1, 2))
            errors += (tails[:, ~bad] ** 2).sum(axis=1)
            rough.append(part[bad])
        panels = np.concatenate(rough) if rough else panels
        if not len(panels):
            break
        panels = halves(panels)
        panels = panels[np.argsort(panels[:, 0])]
    return sums, errors
