"""A prior given by its density, as a function on a support.

The support is cut into panels on which 16-point Gauss-Legendre quadrature integrates the density, s^2 times
it, and the Gaussian exp(-x (s - s_0)^2/2) of the channel to rounding; the nodes are then the atoms of the
mixture formulas in mixtures.py.  For an observation y only nodes within a window of sqrt(x) s about y carry
weight, so long supports are worked through in blocks of y.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.priors.base import Prior, Table, check_scale
from amp_theory.ingredients.priors.channel_table import ChannelTable
from amp_theory.ingredients.priors.large_snr import large_snr, least_snr
from amp_theory.ingredients.priors.mixture_channel import MEASURES, ChannelValues
from amp_theory.ingredients.priors.mixtures import (
    Components,
    Mixture,
    Moments,
    Nodes,
    defining_integrands,
    small_integrand,
)
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.errors import InputError, NumericalError, answer_of, as_array, as_support, not_negative, told
from amp_theory.tools.panels import cut, halves, panel_nodes, refined, spanning
from amp_theory.tools.quadrature import TARGET, Rows, trapezoid

#: the snr, in units of 1/variance, below which the first terms in it are exact
FAINTEST = 1e-30
#: a panel is accepted when halving it changes its integrals by less, relative to the whole
RESOLVED = 1e-15
DEPTH, MOST_PANELS = 40, 4000
#: panels at most at a large snr
MOST_PIECES = 50_000
#: widest panel in units of 1/sqrt(x), reach of a Gaussian, width of a block of y
WIDEST, REACH, BLOCK = 4.0, 10.5, 12.0
#: e^-FAINT is the density of y beyond which nothing is integrated
FAINT = 50.0
#: below x rho = SMALL the small-x formulas are used, as far out as |y| = FAR
SMALL, FAR = 0.05, 14.0
FIRST_STEP, LAST_STEP = 0.32, 1e-3
#: a density that counts as none, and the factor that cancellation may cost
NOTHING, CANCEL = 1e-300, 64.0
#: by how much boxes from which a density is drawn are higher than its nodes
HIGHER = 1.25
#: the longest support, in standard deviations
WIDEST_SUPPORT = 400.0


@dataclass(frozen=True)
class Density(Prior):
    """A continuous prior with a density of the user's own.

    Parameters
    ----------
    function
        The density: takes an array of s and returns an array of values >= 0 that integrate to one.
    support
        Increasing places (lo, ..., hi) between which the density is smooth: two ends, which may be
        infinite, and any kinks or jumps between them.

    Raises
    ------
    InputError
        If the density is negative, not finite, does not integrate to one, or has no finite variance.

    Examples
    --------
    >>> prior = Density(lambda s: 0.5 * np.exp(-abs(s)), support=(-np.inf, 0, np.inf))  # Laplace
    >>> bool(abs(prior.second_moment - 2) < 1e-12)
    True
    """

    function: Callable[[Array], npt.ArrayLike]
    support: tuple[float, ...]
    name: ClassVar[str] = "density"
    _panels: Array = field(init=False, repr=False, compare=False)
    _values: Array = field(init=False, repr=False, compare=False)
    _total: float = field(init=False, repr=False, compare=False)

    def __init__(self, function: Callable[[Array], npt.ArrayLike], support: Sequence[float]) -> None:
        if not callable(function):
            raise InputError(f"function must be callable, got {told(function)}")
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "support", as_support(support))
        panels = self._resolve(self._first_panels())
        object.__setattr__(self, "_panels", panels)
        s, weight = panel_nodes(panels)
        values = self._evaluate(s)
        total = math.fsum((weight * values).ravel())
        if abs(total - 1) > 1e-8:
            raise InputError(f"the density integrates to {total:.12g} over its support, not to 1")
        object.__setattr__(self, "_values", weight * values / total)
        object.__setattr__(self, "_total", total)
        check_scale(self.variance, self.second_moment)
        extent = float(panels[-1, 1] - panels[0, 0]) / math.sqrt(self.variance)
        if extent > WIDEST_SUPPORT:
            raise InputError(
                f"the density reaches over {extent:.3g} standard deviations, {WIDEST_SUPPORT:g} are allowed: "
                "its tails are too heavy, cut the support"
            )

    # --- the density on panels ---

    def _evaluate(self, s: Array) -> Array:
        """Return the density at s of any shape, checked."""
        with np.errstate(under="ignore"):
            raw = answer_of("the density", self.function, s.ravel())
        values = as_array("the density", raw, "one real value per point")
        if values.shape != (s.size,):
            raise InputError(
                f"the density must return one value per point of an array, got shape {values.shape} for {s.size} points"
            )
        bad = ~np.isfinite(values) | (values < 0)
        if bad.any():
            k = int(np.argmax(bad))
            raise InputError(f"the density must be finite and >= 0, got {values[k]:g} at s = {s.ravel()[k]:g}")
        return values.reshape(s.shape)

    def _first_panels(self) -> Array:
        """Return panels between the places of the support, and beyond until s^2 times the density has died out."""

        def mass(panels: Array) -> float:
            return float(self._moments(panels).sum())

        failure = "the density decays too slowly: its variance is infinite or cannot be resolved"
        return spanning(self.support, mass, lambda part, total: part <= 1e-18 * total, 200, failure)

    def _resolve(self, panels: Array) -> Array:
        """Halve panels until every one integrates the density, and s^2 times it, to rounding."""
        total, looks = 0.0, itertools.count()

        def look(panels: Array) -> tuple[Bools]:
            nonlocal total
            whole, parts = self._moments(panels), self._moments(halves(panels)).reshape(2, -1, 2).sum(axis=0)
            total = max(total, float(np.abs(parts).sum()))
            # what halving so often does not resolve is a jump, of little weight by now
            return ((np.abs(whole - parts).max(axis=1) > RESOLVED * total) & (next(looks) < DEPTH),)

        failure = InputError("the density is too rough to integrate: name its kinks and jumps in `support`")
        return refined(panels, look, DEPTH + 1, lambda _: failure, MOST_PANELS)[0]

    def _moments(self, panels: Array) -> Array:
        s, weight = panel_nodes(panels)
        mass = weight * self._evaluate(s)
        return np.stack([mass.sum(axis=1), (mass * s * s).sum(axis=1)], axis=1)

    @property
    def panels(self) -> Array:
        """Panels (lo, hi) on which 16-point Gauss-Legendre quadrature integrates the density to rounding."""
        return self._panels

    # --- what every prior has ---

    @cached_property
    def _base(self) -> tuple[float, float, float]:
        s, _ = panel_nodes(self._panels)
        mean = math.fsum((self._values * s).ravel())
        size = math.fsum((self._values * np.abs(s)).ravel())
        mean = 0.0 if abs(mean) <= 1e-14 * size else mean
        second = math.fsum((self._values * s * s).ravel())
        return mean, second, math.fsum((self._values * (s - mean) ** 2).ravel())

    @property
    def mean(self) -> float:
        """E s."""
        return self._base[0]

    @property
    def second_moment(self) -> float:
        """E s^2, the paper's rho: the largest possible overlap."""
        return self._base[1]

    @property
    def variance(self) -> float:
        """Var s."""
        return self._base[2]

    @property
    def entropy(self) -> float:
        """Infinity: a revealed continuous variable tells infinitely much."""
        return math.inf

    @property
    def parameters(self) -> dict[str, Any]:
        """The support; the function itself cannot be written down."""
        return {"support": [x if math.isfinite(x) else str(x) for x in self.support]}

    @cached_property
    def table(self) -> Table:
        """Interpolated channel functions, for the solvers."""
        return ChannelTable(self._channel, self.mean, self.variance, self.variance)

    def resolved(self, snr: float) -> Mixture:
        """Return quadrature nodes as atoms, fine enough for observations of this snr.

        Raises
        ------
        InputError
            If snr is negative or not finite.
        NumericalError
            If so large an snr takes more panels than there may be.
        """
        p, s = self._atoms(not_negative("snr", snr))
        return Nodes(p / p.sum(), s, np.zeros_like(s), self._finest)

    @cached_property
    def _finest(self) -> float:
        """A precision for which there may be nodes, at most one panel each below the largest."""
        pieces = max(MOST_PIECES - len(self._panels), 1)
        return (pieces * WIDEST / float(np.diff(self._panels, axis=1).sum())) ** 2

    def _drawn(self, number: int, rng: np.random.Generator) -> Array:
        """Draw independent variables, not only nodes of a quadrature, by rejection from a box on every panel."""
        mass = self._values.sum(axis=1)
        panel = rng.choice(len(mass), number, p=mass / mass.sum())
        top = HIGHER * self._evaluate(panel_nodes(self._panels)[0]).max(axis=1)
        found, waiting = np.empty(number), np.arange(number)
        while len(waiting):
            here = panel[waiting]
            lower, upper = self._panels[here].T
            s = lower + (upper - lower) * rng.random(len(here))
            level = self._evaluate(s)
            if np.any(low := level > top[here]):  # what too low a box has let through is drawn again
                np.maximum.at(top, here[low], HIGHER * level[low])
                waiting = np.union1d(waiting, np.flatnonzero(np.isin(panel, here[low])))
                continue
            taken = rng.random(len(here)) * top[here] < level
            found[waiting[taken]], waiting = s[taken], waiting[~taken]
        return found

    # --- the channel ---

    def _atoms(self, x: float) -> tuple[Array, Array]:
        """Return Gauss-Legendre nodes fine enough for the channel at snr x, as probabilities and places of atoms."""
        lower, upper = self._panels.T
        needed = np.maximum(np.ceil((upper - lower) * math.sqrt(x) / WIDEST), 1)
        if needed.sum() > MOST_PIECES:
            raise NumericalError(
                f"snr {x:g} is too large for a density: its channel would need {needed.sum():.0f} panels",
                "give its atoms as a discrete prior, or ask for a smaller snr",
            )
        pieces = needed.astype(int)
        if np.all(pieces == 1):
            p, s = self._values.ravel(), panel_nodes(self._panels)[0].ravel()
        else:
            nodes, weight = panel_nodes(cut(self._panels, pieces))
            s, p = nodes.ravel(), (weight * self._evaluate(nodes)).ravel()
            p = p / p.sum()
        keep = p > 1e-40
        return p[keep], s[keep]

    def _channel(self, snr: Array) -> ChannelValues:
        columns = np.array([self._at(float(x)) for x in snr]).reshape(-1, 7).T
        psi, gain, mmse, slope, curvature, information, error = columns
        square = self.mean**2
        return ChannelValues(
            snr=snr, free_entropy=0.5 * snr * square + psi, overlap=square + gain, mmse=mmse, log_mmse=np.log(mmse),
            overlap_slope=slope, overlap_curvature=curvature, slope_ratio=slope / mmse,
            curvature_ratio=curvature / mmse, overlap_gain=gain, free_entropy_gain=psi,
            information=information, relative_error=error,
        )  # fmt: skip

    @cached_property
    def _least_large(self) -> float:
        """The snr from which the formulas for large ones serve."""
        return least_snr(self._panels, self._values.sum(axis=1), self.variance)

    def _at(self, x: float) -> tuple[float, ...]:
        """Return psi, M, mmse, M', M'' of s - E s, what y tells, and the relative error at one x."""
        if x >= self._least_large:
            kinks = np.array([b for b in self.support if math.isfinite(b)])
            information, mmse, slope, curvature, error = large_snr(self._evaluate, self._panels, kinks, self._total, x)
            gain = self.variance - mmse
            return 0.5 * x * self.variance - information, gain, mmse, slope, curvature, information, error
        psi, gain, mmse, slope, curvature, error = self._by_atoms(x)
        return psi, gain, mmse, slope, curvature, 0.5 * x * self.variance - psi, error

    def _by_atoms(self, x: float) -> tuple[float, ...]:
        """Return psi, M, mmse, M', M'' of s - E s and the relative error, from integrals over all the mass of y."""
        p, s = self._atoms(x)
        s = s - self.mean
        s -= p @ s
        if x * self.variance < FAINTEST:
            third, v = float((p * s**3).sum()), self.variance
            return (x * v / 2) ** 2, x * v * v, v, v * v, third**2 - 2 * v**3, 16 * EPS
        p, s = (a[:, None, None] for a in (p, s))
        atoms = Components(p, np.log(p), s, None)
        centre = math.sqrt(x) * atoms.means.ravel()
        # y reaches as far as some atom gives it a density above e^-FAINT
        seen = np.flatnonzero(atoms.level.ravel() > -FAINT)
        reach = np.sqrt(2 * (FAINT + atoms.level.ravel()[seen]))
        ends = (centre[seen] - reach).min(keepdims=True), (centre[seen] + reach).max(keepdims=True)
        small = x * self.variance < SMALL
        step = FIRST_STEP
        while True:
            looked: list[Array] = []

            def integrand(_: Index, y: Array, looked: list[Array] = looked) -> Array:
                log_density, density, post = _posterior(atoms, centre, x, y[0])
                looked.append(np.stack([y[0], density, post.mean, post.between]))
                values = defining_integrands(log_density, density, post, y[0])
                if small:
                    # far out these formulas would overflow, and are not needed
                    near = np.abs(y[0]) <= FAR
                    values[:, near] = small_integrand(atoms, np.array([x]), y[:, near])[:, 0]
                return values[:, None]

            rows = Rows(*ends, np.array([step]), np.zeros(1, dtype=bool))
            sums, errors = trapezoid(integrand, rows, MEASURES, 1)
            missed = _missed(x, np.concatenate(looked, axis=1)) / sums[[2, 3, 5], 0]
            if missed.max() <= TARGET or step < LAST_STEP:
                break
            step /= 4
        psi, gain, mmse, slope, curvature, _ = sums[:, 0] / math.sqrt(2 * math.pi)
        relative = float((errors[:, 0] / sums[list(MEASURES), 0]).max()) + float(missed.max())
        # log Z has an absolute error of rounding, psi is about E (log Z)^2/2
        rounding = EPS * (128 + CANCEL + (0 if small else math.sqrt(2 / psi)))
        return psi, gain, mmse, slope, curvature, relative + rounding


def _missed(x: float, looked: Array) -> Array:
    """Bound what mmse, M' and the size of M'' have between the places y looked at (y, density, mean, variance).

    As d<s>/dy = sqrt(x) Var, a mean that moves faster than the variances at both ends allow hides a jump
    between two modes of the posterior, at which the variance is at most the jump squared.
    """
    y, density, mean, variance = looked[:, np.argsort(looked[0])]
    jump, root = np.abs(np.diff(mean)), math.sqrt(x)
    hidden = jump > 1.2 * root * np.diff(y) * np.maximum(variance[1:], variance[:-1])
    weight = np.maximum(density[1:], density[:-1]) * jump / root
    return np.array([(weight * jump**power)[hidden].sum() for power in (0, 2, 4)])


def _posterior(atoms: Components, centre: Array, x: float, y: Array) -> tuple[Array, Array, Moments]:
    """Return log f(y), f(y) (without 1/sqrt(2 pi)) and the posterior's moments at ascending y.

    In blocks of neighbouring y only atoms near by carry weight.
    """
    p, s = atoms.probabilities.ravel(), atoms.means.ravel()
    result = np.empty((4, len(y)))
    block = np.floor((y - y[0]) / BLOCK).astype(int)
    starts = np.searchsorted(block, np.arange(block[-1] + 2))
    first = np.searchsorted(centre, y[starts[:-1]] - REACH)
    last = np.searchsorted(centre, y[starts[1:] - 1] + REACH, side="right")
    for k, (start, stop) in enumerate(itertools.pairwise(starts.tolist())):
        # outside the support the nearest atoms carry all the weight
        band = slice(max(int(first[k]) - 32, 0), int(last[k]) + 32)
        weight = y[start:stop, None] - centre[band]
        weight *= weight
        weight *= -0.5
        np.exp(weight, out=weight)
        weight *= p[band]
        result[:, start:stop] = _block_moments(weight, s[band])
    density, mean, variance, skewness = result
    zero = np.zeros_like(mean)
    post = Moments(mean, variance, zero, skewness, zero, zero)
    return np.log(np.maximum(density, NOTHING)), density, post


def _block_moments(weight: Array, s: Array) -> Array:
    """Return the sums of weights of shape (nodes, atoms), and the mean, variance and third cumulant of s.

    Moments about the mean of the middle node are one matrix product; where they would cancel they are taken
    about every node's own mean.
    """
    middle = weight[len(weight) // 2]
    total = float(middle.sum())
    reference = float(middle @ s) / total if total > NOTHING else float(s[0])
    density, *raw = (weight @ np.vander(s - reference, 4, increasing=True)).T
    safe = np.maximum(density, NOTHING)  # in a wide gap of the support there is nothing
    shift, second, third = (moment / safe for moment in raw)
    variance, skewness = second - shift * shift, third - shift * (3 * second - 2 * shift * shift)
    if np.any(second > CANCEL * variance):
        weight /= safe[:, None]
        difference = s - (reference + shift)[:, None]
        weight *= difference
        weight *= difference
        variance, skewness = weight.sum(axis=1), (weight * difference).sum(axis=1)
    return np.stack([density, reference + shift, variance, skewness])
