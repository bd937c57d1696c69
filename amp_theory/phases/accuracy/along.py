"""Integrals over the strength along what a sampler meets, to a stated accuracy.

Every stay on a branch is mapped to t in (0, 1) such that half-integer powers of the distance from its ends, which folds
make, become analytic in t; panels of t are cut until Gauss and Kronrod rules of 7 and 15 nodes agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.accuracy.stays import Stay, points_on
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import NumericalError

#: relative and absolute accuracy asked for, first panels, and into how many parts they are cut, and how often at most
ACCURACY, LEAST, PANELS, PARTS, CUTS = 1e-10, 1e-14, 6, 3, 24
#: panels at once beyond which what is left is rounding, and counts as an error
MOST = 120
#: rounding of an integrand, in units of 1/F, by which that of the equation of state moves a fixed point
ROUNDING = 64 * EPS

#: nodes and weights of the Kronrod rule on (-1, 1), and of the Gauss rule on every second node (QUADPACK, qk15)
_HALF = (
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851, 0.864864423359769072789712788640926,
    0.741531185599394439863864773280788, 0.586087235467691130294144691693013, 0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
)  # fmt: skip
_KRONROD = (
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204, 0.104790010322250183839876322541518,
    0.140653259715525918745189590510238, 0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
)  # fmt: skip
_GAUSS = (0.129484966168869693270611432679082, 0.279705391489276667901467771423780, 0.381830050505118944950369775488975)
NODES = np.array([*_HALF, 0.0, *(-x for x in _HALF[::-1])])
KRONROD = np.array([*_KRONROD, 0.209482141084727828012999174891714, *_KRONROD[::-1]])
GAUSS = np.array([*_GAUSS, 0.417959183673469387755102040816327, *_GAUSS[::-1]])

Integrand = Callable[[Surface], Array]


def ends_of(eos: EquationOfState, stay: Stay) -> tuple[float, float]:
    """Return the internal strengths of a stay, the last one at most that of complete information."""
    limit = float(eos.path.internal(np.asarray(eos.path.limit)))
    return stay.start, min(stay.stop, limit)


def mapped(eos: EquationOfState, stay: Stay, t: Array) -> tuple[Array, Array]:
    """Return the strength at places t in (0, 1) of a stay, and its derivative."""
    start, stop = ends_of(eos, stay)
    if np.isinf(stop):
        unit, rest = 1 / eos.prior.variance, 1 - t
        return start + unit * t**4 / rest**2, unit * t**3 * (4 / rest**2 + 2 * t / rest**3)
    wide = stop - start
    return start + wide * t**4 * (35 - 84 * t + 70 * t**2 - 20 * t**3), wide * 140 * (t * (1 - t)) ** 3


def integral(
    eos: EquationOfState, intensity: float, stay: Stay, integrand: Integrand, accuracy: float = ACCURACY,
    resolved: float = np.inf,
) -> tuple[float, float]:  # fmt: skip
    """Return the integral of a function of the fixed points over the strength of one stay, and an error estimate.

    The uncertainty rho - q is resolved to the relative accuracy `resolved` too, where the function might hide itself
    between nodes.
    """

    def rows(t: Array) -> list[Array]:
        s, speed = mapped(eos, stay, t)
        f = points_on(eos, stay.branch, intensity, s)
        values = integrand(f)
        slope = np.maximum(f.fold, EPS)
        size = np.abs(values)
        rounding = np.minimum(ROUNDING / slope * (size / slope + np.minimum(f.overlap, f.gap)), size)
        return [values * speed, rounding * speed, f.gap**2 * speed]

    return over_panels(rows, 1.0, accuracy, resolved)


def over_panels(
    rows: Callable[[Array], list[Array]], top: float, accuracy: float = ACCURACY, resolved: float = np.inf
) -> tuple[float, float]:
    """Return the integral of the first of three rows over t in (0, top), and an error estimate.

    The second row is the rounding of the first, the third is to be resolved to the relative accuracy `resolved`.
    """
    edges = np.linspace(0.0, top, PANELS + 1)
    left, right = edges[:-1], edges[1:]
    total = error = most = 0.0
    for _ in range(CUTS):
        half, middle = 0.5 * (right - left), 0.5 * (left + right)
        t = (middle[:, None] + half[:, None] * NODES).ravel()
        values, rounding, square = (row.reshape(len(left), -1) for row in rows(t))
        fine, coarse, noise = half * (values @ KRONROD), half * (values[:, 1::2] @ GAUSS), half * (rounding @ KRONROD)
        gap = np.abs(fine - coarse)
        whole = abs(total + float(fine.sum()))
        bad = gap > np.maximum(np.maximum(accuracy * whole, LEAST) * (right - left) / top, noise)
        if np.isfinite(resolved):
            most = max(most, float((half * (square @ KRONROD)).sum()))
            bad |= half * np.abs(square @ KRONROD - square[:, 1::2] @ GAUSS) > resolved * most
        if bad.sum() > MOST:
            bad[:] = False
        total += float(fine[~bad].sum())
        error += float((gap + noise)[~bad].sum())
        if not np.any(bad):
            return total, error
        cuts = left[bad] + (right - left)[bad] * np.arange(PARTS + 1)[:, None] / PARTS
        left, right = cuts[:-1].ravel(), cuts[1:].ravel()
    raise NumericalError(
        f"an integral along the path is not accurate after {CUTS} cuts, at part {float(t.max()) / top:.6g} of it",
        "ask for another control",
        partial=total,
    )
