"""Potentials of random perceptrons: the weight psi(s) >= 0 of a pattern's field s, log-concave.

A potential tells its smoothed form H(w; V) = E_u psi(w + sqrt(V) u), u ~ N(0, 1), by log H and three derivatives of it,
g = d log H/dw, g' and g'': functions of the distance of w from the potential's centre, which keeps its digits where
1 - q is small.  Powers of the distance from a margin are in `margins`, potentials of one's own in `log_concave`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from amp_theory.ingredients.outputs.bends import Edge
from amp_theory.ingredients.outputs.largest_term import largest_term
from amp_theory.tools.arrays import Array, Bools
from amp_theory.tools.errors import InputError, as_float
from amp_theory.tools.panels import on_panels

#: margins and centres of potentials are between these
LOWEST, HIGHEST = -30.0, 8.0
#: standard deviations and steps of the sum over u
DEVIATIONS, STEP = 8.8, 0.4
#: where sqrt(V) is smaller than the scale of the potential by this factor all terms are next to a Gaussian: so many do
SMOOTHER, HERMITE = 8.0, 12
#: nodes between breaks: as good as exact for a Gaussian from its largest term on
PIECE = 28


def check_between(name: str, value: object, least: float, most: float) -> float:
    """Return a number after checking that it is between two others."""
    number = as_float(name, value, f"a number between {least:g} and {most:g}")
    if not least <= number <= most:
        raise InputError(f"{name} must be between {least:g} and {most:g}, got {number:g}")
    return number + 0.0  # of two zeros the positive one


class Smoothed(NamedTuple):
    """Log H and its first three derivatives, arrays of one shape."""

    log_h: Array
    g: Array
    g1: Array
    g2: Array


def smoothed_from_terms(u: Array, p: Array, root: Array, factor: float | Array) -> Smoothed:
    """Return log H and its derivatives from terms e^{p - u^2/2}, arrays (..., terms), whose sum times `factor` is H.

    Where sqrt(V) = `root` is not small, they need no derivative of log psi.  Both arrays are used up.
    """
    p -= u * u / 2
    most = np.max(p, axis=-1)
    p -= most[..., None]
    np.exp(p, out=p)
    norm = np.sum(p, axis=-1)
    p /= norm[..., None]
    mean = np.einsum("...i,...i", p, u)
    u -= mean[..., None]
    p *= u
    square = np.einsum("...i,...i", p, u)
    p *= u
    third = np.einsum("...i,...i", p, u)
    return Smoothed(np.log(norm * factor) + most, mean / root, (square - 1) / root**2, third / root**3)


def check_centre(value: object) -> float:
    """Return the margin kappa after checking it."""
    return check_between("kappa", value, LOWEST, HIGHEST)


class Potential(ABC):
    """The weight of a pattern's field in a random perceptron.

    centre is where fields are measured from, `margin` the power of psi at an edge there (None where psi is smooth),
    `scale` the length on which a smooth one changes.
    """

    name: ClassVar[str]
    centre: float = 0.0
    scale: float = 1.0
    #: fields at which the second derivative of a smooth one jumps, as distances from the centre
    breaks: tuple[float, ...] = ()

    @property
    def margin(self) -> float | None:
        """The power with which psi vanishes at its margin: 0 for a hard one, None where there is none."""
        return None

    @property
    def rises(self) -> bool:
        """Whether psi never falls."""
        return False

    @property
    def finer(self) -> Potential:
        """The same by sums with shorter steps, where these have not been held against others."""
        return self

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """The arguments that make it, by name."""

    @abstractmethod
    def log_value(self, distance: Array) -> Array:
        """Return log psi at distances from the centre, -inf where psi vanishes.

        Parameters
        ----------
        distance
            Distances from the centre, an array.

        Returns
        -------
        numpy.ndarray
            Log psi.

        See Also
        --------
        RandomPerceptron : Which uses it.
        """

    @abstractmethod
    def smoothed(self, distance: Array, variance: Array) -> Smoothed:
        """Return log H and its derivatives at distances w - centre and variances V > 0 that broadcast.

        Parameters
        ----------
        distance, variance
            Distances w - centre, and variances V > 0; arrays that broadcast.

        Returns
        -------
        Smoothed
            Log H, g, g' and g''.

        See Also
        --------
        RandomPerceptron : Which uses it.
        """

    def log_smoothed(self, distance: Array, variance: Array) -> Array:
        """Return log H alone.

        Parameters
        ----------
        distance, variance
            Distances w - centre, and variances V > 0; arrays that broadcast.

        Returns
        -------
        numpy.ndarray
            Log H.

        See Also
        --------
        RandomPerceptron : Which uses it.
        """
        return self.smoothed(distance, variance).log_h


class SmoothPotential(Potential):
    """A potential whose logarithm f has two derivatives: H by a sum over u, with g = <f'>, g' = <f''> + Var f'.

    Where the slope f' bends within a width, `edges` has the distances from the centre and the slopes on both sides; it
    changes on the length `background` elsewhere.  Breaks are edges without width.  There are none where it may bend
    anywhere.  Steps of all sums are `fine` times as long.
    """

    edges: tuple[Edge, ...] = ()
    background: float = float("inf")
    fine: float = 1.0

    @property
    def edge_width(self) -> float:
        """The least width of an edge, zero if there is none, or a break."""
        return min((edge.width for edge in self.edges), default=0.0)

    @property
    @abstractmethod
    def bend(self) -> float:
        """The largest -f''."""

    @abstractmethod
    def logarithm(self, distance: Array) -> tuple[Array, Array, Array]:
        """Return f = log psi, f' and f'' at distances from the centre.

        Parameters
        ----------
        distance
            Distances from the centre, an array.

        Returns
        -------
        tuple
            log psi and its first two derivatives, arrays of the same shape.

        See Also
        --------
        RandomPerceptron : Which uses it.
        """

    def log_value(self, distance: Array) -> Array:
        """Return log psi."""
        return self.logarithm(distance)[0]

    def smoothed(self, distance: Array, variance: Array) -> Smoothed:
        """Return sums over u around the largest term."""
        w, v = np.broadcast_arrays(distance, variance)
        cut = self._cut(w, v)
        if cut is None and np.all(v >= self.scale**2):
            return self._moments(w, v)
        if cut is None or np.all(cut) or not np.any(cut):
            return self._summed(w, v, cut is not None and bool(np.any(cut)))
        parts = Smoothed(*(np.empty(w.shape) for _ in Smoothed._fields))
        for some, breaks in ((cut, True), (~cut, False)):
            for whole, part in zip(parts, self._summed(w[some], v[some], breaks), strict=True):
                whole[some] = part
        return parts

    def _cut(self, w: Array, v: Array) -> Bools | None:
        """Tell where a break may lie inside the sum over u, None if there are none at all."""
        if not self.breaks:
            return None
        # f' falls: the largest term is no further from w than V |f'(w)|
        far = np.abs(v * self.logarithm(w)[1]) + (DEVIATIONS + 1) * np.sqrt(v)
        return np.asarray(np.any(np.abs(w[..., None] - np.array(self.breaks)) <= far[..., None], axis=-1))

    def _summed(self, w: Array, v: Array, breaks: bool) -> Smoothed:
        """Return the sums, cut at breaks or not."""
        f, p, f1, f2, u = self._law(w, v, breaks)
        norm = np.sum(p, axis=-1)
        p /= norm[..., None]
        mean1, mean2, mean_u = (np.einsum("...i,...i", p, x) for x in (f1, f2, u))
        d1 = f1 - mean1[..., None]
        p1, p2 = p * d1, p * f2
        # of what is subtracted from f'' and u the mean of f' - <f'> leaves nothing
        square, cross, slope = (np.einsum("...i,...i", *x) for x in ((p1, d1), (p1, f2), (p2, u - mean_u[..., None])))
        p1 *= d1
        third = np.einsum("...i,...i", p1, d1) + 2 * cross + slope / np.sqrt(v)
        return Smoothed(np.log(norm) + f, mean1, mean2 + square, third)

    def _moments(self, w: Array, v: Array) -> Smoothed:
        """Return log H and its derivatives from moments of u: where V is not small they need no derivative of f."""
        root = np.sqrt(v)
        u, weight = self._terms(w, root, largest_term(self.logarithm, w, v) / root, False)
        p = self.log_value(w[..., None] + root[..., None] * u)
        return smoothed_from_terms(u, p, root, weight[0] / np.sqrt(2 * np.pi))

    def log_smoothed(self, distance: Array, variance: Array) -> Array:
        """Return log H alone."""
        w, v = np.broadcast_arrays(distance, variance)
        f, p, *_ = self._law(w, v, bool(self.breaks))
        return np.asarray(np.log(np.sum(p, axis=-1)) + f)

    def _law(self, w: Array, v: Array, breaks: bool) -> tuple[Array, Array, Array, Array, Array]:
        """Return the exponent at the largest term, the terms over it, f', f'' and u, shape (..., nodes)."""
        root = np.sqrt(v)
        centre = largest_term(self.logarithm, w, v) / root
        u, weight = self._terms(w, root, centre, breaks)
        p = root[..., None] * u
        p += w[..., None]
        f, f1, f2 = self.logarithm(p)
        np.multiply(u, u, out=p)
        p *= -0.5
        p += f
        most = np.max(p, axis=-1)
        p -= most[..., None]
        np.exp(p, out=p)
        p *= weight / np.sqrt(2 * np.pi)
        return most, p, f1, f2, u

    def _terms(self, w: Array, root: Array, centre: Array, breaks: bool) -> tuple[Array, Array]:
        """Return u around a centre, and weights: a trapezoidal sum, or Gauss-Legendre ones between breaks."""
        finer = self.scale / float(np.max(root))
        if not breaks:
            if finer > SMOOTHER:
                offset, weights = _hermite(int(HERMITE / self.fine))
                return centre[..., None] + offset, weights
            spacing = min(STEP, STEP * finer) * self.fine
            offset = np.arange(-DEVIATIONS, DEVIATIONS + spacing, spacing)
            return centre[..., None] + offset, np.full(len(offset), spacing)
        ends = [centre + sign * (DEVIATIONS + 1) for sign in (-1, 1)]
        # and in the middle: a break next to an end leaves a panel of many standard deviations
        cuts = (np.array(self.breaks) - w[..., None]) / root[..., None]
        # breaks outside leave no panel: all of them come last
        inside = (cuts > ends[0][..., None]) & (cuts < ends[1][..., None])
        cuts = np.where(inside, cuts, ends[1][..., None])
        cuts = np.concatenate([cuts, *(end[..., None] for end in (ends[0], centre, ends[1]))], axis=-1)
        cuts.sort(axis=-1)
        cuts = cuts[..., : int(np.max(np.sum(inside, axis=-1), initial=0)) + 3]
        return on_panels(cuts, int(np.ceil(PIECE / self.fine / min(finer, 1.0))))


@lru_cache(maxsize=4)
def _hermite(nodes: int) -> tuple[Array, Array]:
    """Return nodes and weights of a Gaussian sum of functions that carry their Gaussian."""
    u, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return u, weights * np.exp(u * u / 2)
