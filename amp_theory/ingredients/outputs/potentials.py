"""Potentials of random perceptrons: the weight psi(s) >= 0 of a pattern's field s, log-concave.

A potential tells its smoothed form H(w; V) = E_u psi(w + sqrt(V) u), u ~ N(0, 1), by log H and three derivatives of it,
g = d log H/dw, g' and g'': functions of the distance of w from the potential's centre, which keeps its digits where
1 - q is small.  Powers of the distance from a margin are in `margins`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from amp_theory.ingredients.outputs.largest_term import largest_term
from amp_theory.tools.arrays import Array, Bools
from amp_theory.tools.errors import InputError, answer_of, as_float, told
from amp_theory.tools.panels import on_panels

#: margins and centres of potentials are between these
LOWEST, HIGHEST = -30.0, 8.0
#: fields at which a potential of one's own is checked, steps of its differences, and what these may differ by
CHECKED, DIFFERENCE, TOLERANCE = np.linspace(-12.0, 12.0, 97), 1e-4, 1e-3
#: fields at which its curvature is looked at, which may be large between the others
DENSE = np.linspace(-12.0, 12.0, 6145)
#: standard deviations and steps of the sum over u
DEVIATIONS, STEP = 8.8, 0.4
#: where sqrt(V) is smaller than the scale of the potential by this factor all terms are next to a Gaussian: so many do
SMOOTHER, HERMITE = 8.0, 12
#: nodes between breaks, how often intervals are halved in search of a jump, and the least that counts
PIECE, HALVINGS, JUMP = 32, 60, 1e-6


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

    Where the slope f' bends within `edge_width`, and hardly elsewhere, `edges` has the distances from the centre and
    the slopes, none where it may bend anywhere.
    """

    edges: tuple[tuple[float, float], ...] = ()
    edge_width: float = 0.0

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
        f, f1, f2 = self.logarithm(w[..., None] + root[..., None] * u)
        exponent = f - u * u / 2
        most = np.max(exponent, axis=-1)
        return most, weight / np.sqrt(2 * np.pi) * np.exp(exponent - most[..., None]), f1, f2, u

    def _terms(self, w: Array, root: Array, centre: Array, breaks: bool) -> tuple[Array, Array]:
        """Return u around a centre, and weights: a trapezoidal sum, or Gauss-Legendre ones between breaks."""
        finer = self.scale / float(np.max(root))
        if not breaks:
            if finer > SMOOTHER:
                offset, weights = _hermite()
                return centre[..., None] + offset, weights
            spacing = min(STEP, STEP * finer)
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
        return on_panels(cuts, int(np.ceil(PIECE / min(finer, 1.0))))


@lru_cache(maxsize=1)
def _hermite() -> tuple[Array, Array]:
    """Return nodes and weights of a Gaussian sum of functions that carry their Gaussian."""
    u, weights = np.polynomial.hermite_e.hermegauss(HERMITE)
    return u, weights * np.exp(u * u / 2)


@dataclass(frozen=True)
class LogConcave(SmoothPotential):
    """A log-concave potential of one's own, by its logarithm and two derivatives.

    Parameters
    ----------
    log_psi
        Function of an array of fields s: log psi(s), finite.
    slope, curvature
        Functions of the same: first derivative, continuous, and second, <= 0.  They are checked by differences.  The
        second may jump: where it does, between s = -12 and 12, is found, and integrals are cut there.

    Raises
    ------
    InputError
        If a function is none, returns something else than finite numbers of the same shape, if a derivative is not
        that of the function before, or log psi is not concave.

    Examples
    --------
    >>> LogConcave(lambda s: -(s**2) / 2, lambda s: -s, lambda s: 0 * s - 1).name
    'own'
    """

    log_psi: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]
    name: ClassVar[str] = "own"

    def __post_init__(self) -> None:
        x, h = CHECKED, DIFFERENCE
        parts = [self._checked(n, x) for n in ("log_psi", "slope", "curvature")]
        if jumps := self._jumps("slope", parts[1]):
            raise InputError(f"slope must be continuous, it jumps at s = {jumps[0]:.6g}: smooth log psi there")
        object.__setattr__(self, "_breaks", self._jumps("curvature", parts[2]))
        names = ("log_psi", "slope", "curvature")
        for k in (1, 2):
            rise = (self._checked(names[k - 1], x + h) - self._checked(names[k - 1], x - h)) / (2 * h)
            wrong = np.abs(rise - parts[k]) > TOLERANCE * (1 + np.abs(parts[k]).max())
            if k == 2:  # across a jump differences are none
                wrong &= ~np.any(np.abs(x[:, None] - np.array(self.breaks)) <= h, axis=1)
            if np.any(wrong):
                i = int(np.argmax(wrong))
                raise InputError(
                    f"{names[k]} is not the derivative of {names[k - 1]}: at s = {x[i]:.6g} it is {parts[k][i]:.6g}, "
                    f"differences have {rise[i]:.6g}"
                )
        bent = self._checked("curvature", DENSE)
        most = float(np.abs(bent).max())
        convex = bent > 1e-9 * (1 + most)
        if np.any(convex):
            i = int(np.argmax(convex))
            raise InputError(
                f"the potential must be log-concave, curvature <= 0; at s = {DENSE[i]:.6g} it is {bent[i]:.6g}: one "
                "replica-symmetric state is known for log-concave potentials only"
            )
        slopes = self._checked("slope", np.array(self.breaks)).tolist() if self.breaks else []
        object.__setattr__(self, "_edges", tuple(zip(self.breaks, slopes, strict=True)))
        object.__setattr__(self, "_scale", 1.0 / max(1.0, np.sqrt(most)))

    def _jumps(self, name: str, values: Array) -> tuple[float, ...]:
        """Return where a function jumps, from its values at the fields that are checked."""
        low, high, below, above = CHECKED[:-1], CHECKED[1:], values[:-1], values[1:]
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            here = self._checked(name, middle)
            left = np.abs(here - below) >= np.abs(above - here)
            low, high = np.where(left, low, middle), np.where(left, middle, high)
            below, above = np.where(left, below, here), np.where(left, here, above)
        found = np.unique(high[np.abs(above - below) > JUMP * (1 + np.abs(values).max())])
        # an end that two intervals share jumps in both
        return tuple(float(x) for k, x in enumerate(found) if not k or x - found[k - 1] > DIFFERENCE)

    def _checked(self, name: str, x: Array) -> Array:
        function = getattr(self, name)
        if not callable(function):
            raise InputError(f"{name} must be a function of an array of fields, got {told(function)}")
        with np.errstate(all="ignore"):
            found = np.asarray(answer_of(name, function, x))
        if found.dtype.kind not in "biuf":
            raise InputError(f"{name} must return an array of numbers, got {told(found)}")
        values = found.astype(float)
        if values.shape != x.shape or not np.all(np.isfinite(values)):
            bad = x[~np.isfinite(values)] if values.shape == x.shape else x
            told_at = f"between s = -12 and 12; it does not at s = {bad[0]:.6g}"
            raise InputError(f"{name} must return finite numbers of the shape it is given, {told_at}")
        return values

    @property
    def scale(self) -> float:  # type: ignore[override]
        """One over the root of the largest curvature, one at most."""
        found: float = self.__dict__["_scale"]
        return found

    @property
    def breaks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where the curvature jumps, between s = -12 and 12."""
        found: tuple[float, ...] = self.__dict__["_breaks"]
        return found

    @property
    def edges(self) -> tuple[tuple[float, float], ...]:  # type: ignore[override]
        """The breaks and the slopes there."""
        found: tuple[tuple[float, float], ...] = self.__dict__["_edges"]
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        """None that a file could hold."""
        return {"log_psi": self.log_psi, "slope": self.slope, "curvature": self.curvature}

    def logarithm(self, distance: Array) -> tuple[Array, Array, Array]:
        """Return what the user's functions do."""
        return tuple(np.asarray(f(distance), dtype=float) for f in (self.log_psi, self.slope, self.curvature))  # type: ignore[return-value]
