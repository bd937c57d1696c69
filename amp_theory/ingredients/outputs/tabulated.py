"""The response of an output channel given by its likelihood, for z of unit second moment.

Outcomes y_j have weights w_j (one, or those of a quadrature over continuous y) and likelihoods P_j(z).  With
omega ~ N(0, q) and the kernel of width sqrt(d), q + d = 1,

    Z_j(omega) = E_w P_j(omega + sqrt(d) w),   d^k Z_j/domega^k = d^(-k/2) E_w[He_k(w) P_j(omega + sqrt(d) w)].

Where P_j is smooth on the scale of the kernel the derivatives are those of polynomials through P_j around omega
instead, whose error does not grow with 1/d.  Where q is small all is a series in sqrt(q), from the Hermite
coefficients c_k of P_j/Z_j(0):

    Z_j(sqrt(q) v)/Z_j(0) = sum_k c_k q^(k/2) He_k(v)/sqrt(k!).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import hermite_e, legendre

from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import InputError
from amp_theory.tools.panels import ANALYSIS, NODES, ORDER, cut, halves, last_coefficients, panel_nodes

_HERMITE, _HERMITE_WEIGHTS = hermite_e.hermegauss(24)
_HERMITE_WEIGHTS = _HERMITE_WEIGHTS / math.sqrt(2 * math.pi)
#: range of z, reach of a Gaussian
FARTHEST, REACH = 14.0, 9.6
#: widest panels of z and of omega in units of the kernel's and of the overlap's width
PIECE, WIDEST = 3.0, 1.25
#: where P is a polynomial on this width, in units of the kernel, it is differentiated
SMOOTH = 19.0
#: panels of z that a first panel of omega spans
SPANNED = 4
#: a kernel broader than this is never narrow enough for that
BROAD = 0.12
#: ranges of omega, in units of the kernel, that have one cover of z, and whose kernels are folded together
COVERED, TOGETHER = 100.0, 6.0
#: up to this overlap the Hermite series serves, and how many of its terms
SERIES, TERMS = 0.02, 40
#: the size of a panel's last Legendre coefficients, relative to R, R', R'', that is negligible, as their squares are;
#: how much larger it may be for many smooth outcomes; how often a panel is halved
TOLERANCE, MANY_SMOOTH, HALVINGS = np.array([1e-12, 1e-11, 1e-9]), 10.0, 6
#: a Hermite coefficient that counts as none, a likelihood that does
NO_COEFFICIENT, NOTHING = 1e-11, 1e-280
#: how far likelihoods that mirror each other may differ, relative to their largest values
MIRRORED = 1e-14
#: how often panels are halved towards a breakpoint
GRADED = 36
#: numbers of a block of the kernel's matrix
BLOCK = 4_000_000
#: numbers of an array on which many operations follow, so that it stays in the processor's cache
CACHED = 100_000


@dataclass(frozen=True, eq=False)
class TabulatedLikelihood:
    """Likelihoods P_j(z) at the nodes of panels of z in [-FARTHEST, FARTHEST], z of unit second moment.

    law(z) returns P_j(z) of shape (len(z), outcomes).  panels of shape (n, 2) resolve every P_j relative to its
    maximum, the narrower ones of smooth also where it is small; values at the nodes of panels have shape (n ORDER,
    outcomes), weights shape (outcomes,); breakpoints are the places where a likelihood jumps or has a kink; defect
    is the mean of |sum_j w_j P_j - 1|.
    """

    law: Callable[[Array], Array]
    panels: Array
    smooth: Array
    values: Array
    weights: Array
    breakpoints: Array
    defect: float

    # --- what is known without an overlap ---

    @cached_property
    def at_zero(self) -> Array:
        """Z_j at q = 0: the probabilities, or densities, of the outcomes."""
        return np.asarray(self._gauss @ self.values)

    @cached_property
    def _gauss(self) -> Array:
        z, weight = panel_nodes(self.panels)
        return np.asarray((weight * np.exp(-z * z / 2)).ravel() / math.sqrt(2 * math.pi))

    @cached_property
    def _coefficients(self) -> Array:
        """The Hermite coefficients c_k of the outcomes, shape (TERMS, outcomes), zero below the first."""
        z = panel_nodes(self.panels)[0].ravel()
        result = (_hermite(z, TERMS) * self._gauss) @ self.values
        result = np.divide(result, self.at_zero, out=np.zeros_like(result), where=self.at_zero > NOTHING)
        size = (result**2) @ (self.weights * self.at_zero)
        seen = np.flatnonzero(size[1:] > NO_COEFFICIENT**2)
        if not len(seen):
            raise InputError("the likelihood does not depend on z: such measurements tell nothing")
        result[1 : seen[0] + 1] = 0.0
        return np.asarray(result)

    @cached_property
    def mirrored(self) -> bool:
        """Whether z -> -z leaves every likelihood as it is, or exchanges those from both ends of the outcomes."""
        if not np.array_equal(self.panels, -self.panels[::-1, ::-1]):
            return False
        close = MIRRORED * self.values.max(axis=0)
        images = self.values[::-1], self.values[::-1, ::-1]
        return any(bool(np.all(np.abs(image - self.values) <= close)) for image in images)

    @property
    def exponent(self) -> int:
        """The first k > 0 with a Hermite coefficient: R ~ q^(k - 1)."""
        return int(np.flatnonzero(np.abs(self._coefficients[1:]).max(axis=1))[0]) + 1

    @property
    def jumps(self) -> bool:
        """Whether a likelihood jumps at a breakpoint."""
        return any(np.max(np.abs(step)) > 1e-9 * self.values.max() for step in self._steps())

    def _steps(self) -> list[Array]:
        ends = [legendre.legvander(np.array([x]), ORDER - 1) @ ANALYSIS for x in (-1.0, 1.0)]
        table = self.values.reshape(len(self.panels), ORDER, -1)
        steps = []
        for b in self.breakpoints:
            k = int(np.searchsorted(self.panels[:, 0], b))
            if 0 < k < len(self.panels):
                steps.append(ends[0][0] @ table[k] - ends[1][0] @ table[k - 1])
        return steps

    # --- R, R', R'' ---

    def response(self, overlap: Array, gap: Array) -> Array:
        """Return R, R', R'' and their relative error at overlaps and gaps that sum to one, shape (4, n)."""
        columns = [
            self._series(q) if q <= SERIES else self._integrals(q, d)
            for q, d in zip(overlap.tolist(), gap.tolist(), strict=True)
        ]
        return np.array(columns).reshape(-1, 4).T

    def _series(self, q: float) -> Array:
        """Return R, R', R'' and their error from the Hermite series."""
        v = np.arange(-REACH, REACH + 0.1, 0.2)
        density = 0.2 * np.exp(-v * v / 2) / math.sqrt(2 * math.pi)
        basis, k = _hermite(v, TERMS), np.arange(TERMS)
        likelihood = []
        for order in range(4):
            factor = np.sqrt(np.cumprod([np.maximum(k - i, 0) for i in range(order)], axis=0)[-1]) if order else 1.0
            terms = (factor * math.sqrt(q) ** (k - order))[order:, None] * self._coefficients[order:]
            likelihood.append(basis[: TERMS - order].T @ terms)
        sums = density @ _contributions(_logarithmic(likelihood), self.weights * self.at_zero)
        return _with_error(sums, np.zeros(3), 64 * self.defect)

    def _integrals(self, q: float, d: float) -> Array:
        """Return R, R', R'' and their error from integrals over panels of omega, halved until they resolve."""
        panels = self._omega_panels(q, d)
        done, rough = np.zeros(4), np.zeros(3)
        # rare outcomes of few, or beyond jumps, are finer than the sum over omega shows
        many_smooth = len(self.weights) >= ORDER and not len(self.breakpoints)
        tolerance = TOLERANCE * (MANY_SMOOTH if many_smooth else 1.0)
        for left in range(HALVINGS, -1, -1):
            omega, weight = panel_nodes(panels)
            measure = (1 + self.mirrored) * weight * np.exp(-omega * omega / (2 * q)) / math.sqrt(2 * math.pi * q)
            terms, rate = self._terms(panels, d)
            terms = measure[..., None] * terms
            sums = terms.sum(axis=1)
            tails = last_coefficients(np.moveaxis(terms[..., [0, 1, 3]] / weight[..., None], 1, -1))
            tails *= (panels[:, 1] - panels[:, 0])[:, None]
            scale = np.maximum(done + sums.sum(axis=0), NOTHING)[[0, 1, 3]]
            bad = (tails > tolerance * scale).any(axis=1) & (left > 0)
            done += sums[~bad].sum(axis=0)
            # a Gauss-Legendre rule errs like the square of the last coefficients
            rough += (tails[~bad] ** 2 / scale).sum(axis=0)
            mass = measure[~bad].sum(axis=1)[:, None]
            noise = 2 * EPS * rate[~bad][:, None] ** np.array([1, 2, 3])
            rough += (noise * np.sqrt(mass * sums[~bad][:, [0, 1, 3]])).sum(axis=0)
            if not bad.any():
                break
            panels = halves(panels[bad])
        # next to a jump at z = b positions have a rounding error of b/sqrt(d), in units of the kernel
        rounding = EPS * float(np.abs(self.breakpoints).max(initial=0.0)) / math.sqrt(d)
        return _with_error(done, rough, 64 * self.defect + rounding)

    def _omega_panels(self, q: float, d: float) -> Array:
        """Return panels of omega: those of z, graded towards breakpoints, not wider than N(0, q) allows.

        They end at zero where that is a mirror.
        """
        end, root = REACH * math.sqrt(q), math.sqrt(d)
        steps = root * 2.0 ** np.arange(0, max(math.ceil(-math.log2(root)), 0) + 1)
        graded = (self.breakpoints[:, None] + np.concatenate([-steps, [0.0], steps])).ravel()
        edges = np.concatenate([self.panels[::SPANNED, 0], self.breakpoints, graded, [-end, 0.0, end]])
        edges = np.unique(edges[(edges <= end) & (edges >= (0.0 if self.mirrored else -end))])
        edges = edges[np.append(True, np.diff(edges) > 1e-9)]
        pieces = np.maximum(np.ceil(np.diff(edges) / (WIDEST * math.sqrt(q))), 1).astype(int)
        return cut(np.stack([edges[:-1], edges[1:]], axis=1), pieces)

    def _terms(self, panels: Array, d: float) -> tuple[Array, Array]:
        """Return the integrands of R, R', R'' and the size of the last at the panels' nodes, (n, ORDER, 4).

        And the rate of every panel: a derivative multiplies rounding errors by it.
        """
        root = math.sqrt(d)
        rate = np.full(len(panels), 1 / root)
        result = np.empty((len(panels), ORDER, 4))
        width = self._smooth_width(panels, root)
        smooth = (width > SMOOTH * root) & (root <= BROAD)
        rate[smooth] = SMOOTH / width[smooth]
        sharp = np.flatnonzero(~smooth)
        sharp = sharp[np.argsort(panels[sharp, 0])]
        omega, together = panel_nodes(panels[sharp])[0].ravel(), max(CACHED // len(self.weights), 1)
        parts = [self._covered_terms(omega[run], root) for run in _runs(omega, COVERED * root, together)]
        result[sharp] = np.concatenate([np.empty((0, 4)), *parts]).reshape(-1, ORDER, 4)
        for index in _pieces(np.flatnonzero(smooth), max(BLOCK // (ORDER**2 * len(self.weights)), 1)):
            result[index] = self._smooth_terms(panels[index], width[index], root)
        return result, rate

    @cached_property
    def _panel_values(self) -> Array:
        """P at the nodes of the panels, shape (panels, ORDER, outcomes)."""
        return self.values.reshape(len(self.panels), ORDER, -1)

    @cached_property
    def _fine(self) -> Array:
        """The smooth panels, graded towards breakpoints, at which P may vanish like any power."""
        shares = np.append(0.0, 2.0 ** np.arange(-GRADED, 1))
        panels = []
        for lower, upper in self.smooth.tolist():
            edges, width = [lower, upper], upper - lower
            if lower in self.breakpoints:
                edges += (lower + width * shares).tolist()
            if upper in self.breakpoints:
                edges += (upper - width * shares).tolist()
            panels += list(itertools.pairwise(sorted(set(edges))))
        return np.array(panels)

    @cached_property
    def _fine_values(self) -> Array:
        """P at the nodes of the fine panels, shape (panels, ORDER, outcomes)."""
        return self.law(panel_nodes(self._fine)[0].ravel()).reshape(len(self._fine), ORDER, -1)

    def _cover(self, lower: float, upper: float, root: float) -> tuple[Array, Array, Array]:
        """Return nodes over [lower, upper], ascending, their weights and P there, on panels or pieces of smooth ones.

        All are narrow enough for the kernel.
        """
        meets = (self.panels[:, 1] > lower) & (self.panels[:, 0] < upper)
        if len(self.weights) < ORDER:  # to ask a few likelihoods at every node is less work than to interpolate
            clipped = np.clip(self.panels[meets], lower, upper)
            z, weight = (x.ravel() for x in panel_nodes(cut(clipped, _number(clipped, root))))
            return z, weight, self.law(z)
        narrow = self.panels[:, 1] - self.panels[:, 0] <= PIECE * root
        direct = np.flatnonzero(meets & narrow)
        inside = np.searchsorted(self.panels[:, 0], self._fine[:, 0], side="right") - 1
        which = np.flatnonzero((self._fine[:, 1] > lower) & (self._fine[:, 0] < upper) & ~narrow[inside])
        wide = self._fine[which]
        clipped = np.clip(wide, lower, upper)
        number = _number(clipped, root)
        pieces = cut(clipped, number)
        start, width = (np.repeat(x, number)[:, None] for x in (wide[:, 0], wide[:, 1] - wide[:, 0]))
        basis = legendre.legvander(2 * (panel_nodes(pieces)[0] - start) / width - 1, ORDER - 1) @ ANALYSIS
        values = np.concatenate([self._panel_values[direct], basis @ self._fine_values[np.repeat(which, number)]])
        every = np.concatenate([self.panels[direct], pieces])
        order = np.argsort(every[:, 0])
        z, weight = (x.ravel() for x in panel_nodes(every[order]))
        return z, weight, values[order].reshape(-1, len(self.weights))

    def _covered_terms(self, omega: Array, root: float) -> Array:
        """Return the integrands at ascending omega of shape (n,) from one cover: shape (n, 4)."""
        reach = REACH * root
        z, weight, values = self._cover(omega[0] - reach, omega[-1] + reach, root)
        moments = np.empty((4, len(omega), len(self.weights)))
        for run in _runs(omega, TOGETHER * root, max(BLOCK // (8 * len(z)), 1)):
            near = slice(*np.searchsorted(z, [omega[run][0] - reach, omega[run][-1] + reach]))
            w = (z[near] - omega[run, None]) / root
            with np.errstate(under="ignore"):
                kernel = weight[near] / (math.sqrt(2 * math.pi) * root) * np.exp(-w * w / 2)
                for k, hermite in enumerate(_powers(w)):
                    np.matmul(kernel * hermite / root**k, values[near], out=moments[k, run])
        return _contributions(_logarithmic(list(moments)), self.weights)

    def _smooth_terms(self, panels: Array, width: Array, root: float) -> Array:
        """Return the integrands at the panels' nodes from polynomials of degree ORDER - 1 through P around them."""
        omega = panel_nodes(panels)[0]
        half = 0.5 * width[:, None, None]
        values = self.law((omega[..., None] + half * NODES).ravel()).reshape(len(panels), ORDER, ORDER, -1)
        likelihood = []
        for k in range(4):
            share = _smoothed_derivatives(2 * root / width, k) / half[:, 0] ** k
            likelihood.append(np.einsum("pl,pily->piy", share, values))
        return _contributions(_logarithmic(likelihood), self.weights)

    def _smooth_width(self, panels: Array, root: float) -> Array:
        """Return the width around every node of panels of omega on which P is a polynomial of degree ORDER - 1.

        It is that of the narrowest smooth panel near by, and ends at breakpoints.
        """
        lower, upper = panels[:, :1], panels[:, 1:]
        distance = np.maximum(np.maximum(self.breakpoints - upper, lower - self.breakpoints), 0.0)
        width = 2 * distance.min(axis=1, initial=0.5 * FARTHEST)
        size = self.smooth[:, 1] - self.smooth[:, 0]
        for reach in (np.full(len(panels), REACH * root), 0.5 * width):
            meets = (self.smooth[:, 1] > lower - reach[:, None]) & (self.smooth[:, 0] < upper + reach[:, None])
            width = np.minimum(width, np.where(meets, size, np.inf).min(axis=1))
        return np.asarray(width)


def _smoothed_derivatives(ratio: Array, order: int) -> Array:
    """Return the weights of the values at NODES in E_w f^(order)(ratio w), f the polynomial through them.

    Shape (n, ORDER) for ratios of shape (n,).
    """
    w = ratio[:, None] * _HERMITE
    rows = [legendre.legval(w, legendre.legder(unit, order)) @ _HERMITE_WEIGHTS for unit in np.eye(ORDER)]
    return np.asarray(np.stack(rows, axis=1) @ ANALYSIS)


def _pieces(index: Index, size: int) -> list[Index]:
    return [index[start : start + size] for start in range(0, len(index), size)]


def _number(panels: Array, root: float) -> Index:
    """Return into how many pieces panels are cut that are narrow enough for the kernel."""
    return np.maximum(np.ceil((panels[:, 1] - panels[:, 0]) / (PIECE * root)), 1).astype(int)


def _runs(x: Array, span: float, most: int) -> list[slice]:
    """Cut ascending numbers into runs no longer than a span, of at most so many."""
    runs, start = [], 0
    while start < len(x):
        end = min(max(int(np.searchsorted(x, x[start] + span)), start + 1), start + most)
        runs.append(slice(start, end))
        start = end
    return runs


def _powers(w: Array) -> list[Array]:
    """Return the Hermite polynomials 1, w, w^2 - 1, w^3 - 3 w."""
    return [np.ones_like(w), w, w * w - 1, w * (w * w - 3)]


def _hermite(x: Array, number: int) -> Array:
    """Return He_k(x)/sqrt(k!) for k < number, shape (number, len(x))."""
    result = np.empty((number, len(x)))
    result[0], result[1] = 1.0, x
    for k in range(1, number - 1):
        result[k + 1] = (x * result[k] - math.sqrt(k) * result[k - 1]) / math.sqrt(k + 1)
    return result


Logs = tuple[Array, Array, Array, Array]


def _logarithmic(z: list[Array]) -> Logs:
    """Return Z and the first three derivatives of log Z from Z and its derivatives, zero where Z is nothing."""
    some = z[0] > NOTHING
    safe = np.where(some, z[0], 1.0)
    first, second, third = (np.where(some, derivative / safe, 0.0) for derivative in z[1:])
    phi2 = second - first * first
    return z[0], first, phi2, third - first * (3 * phi2 + first * first)


def _contributions(logs: Logs, weights: Array) -> Array:
    """Return the sums over outcomes of Z phi_1^2, Z phi_2^2, Z (phi_3^2 - 2 phi_2^3), Z (phi_3^2 + 2 |phi_2|^3)."""
    z, phi1, phi2, phi3 = logs
    mass, square = z * weights, phi2 * phi2
    cube = 2 * square * phi2
    terms = (phi1 * phi1, square, phi3 * phi3, cube, np.abs(cube))
    first, second, third, odd, size = (np.einsum("...y,...y->...", mass, term) for term in terms)
    return np.stack([first, second, third - odd, third + size], axis=-1)


def _with_error(sums: Array, rough: Array, other: float) -> Array:
    """Return R, R', R'' and their relative error, of the last relative to |R''| + R', with `other` errors added."""
    size = np.array([sums[0], sums[1], abs(sums[2]) + sums[1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        error = float(np.nan_to_num(rough / size).max())
        rounding = EPS * (64 + 16 * float(np.nan_to_num(sums[3] / size[2])))
    return np.array([*sums[:3], error + rounding + other])
