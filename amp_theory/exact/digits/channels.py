"""The scalar channel y = x s* + sqrt(x) z of a prior P0 in mpmath.

With the posterior of s given y, weights P0(s) exp(y s - x s^2/2)/Z(y), kappa_2 its variance and kappa_3 its third
cumulant,

    psi = E log Z,    M = E <s>^2,    mmse = E kappa_2,    M' = E kappa_2^2,    M'' = E[kappa_3^2 - 2 kappa_2^3].
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from amp_theory.exact.digits.channel_base import ExactChannel, ExactChannelValues
from amp_theory.exact.digits.contexts import called, from_raw, mp, raw
from amp_theory.exact.digits.faint import faint_values
from amp_theory.exact.digits.groups import PottsChannel, ScaledChannel
from amp_theory.exact.digits.rationals import lost_digits, normalised, to_mp
from amp_theory.exact.digits.rules import Real, Rule, Values, gaussian_mean, legendre
from amp_theory.ingredients.priors.base import SPARSEST, Prior
from amp_theory.ingredients.priors.density import Density
from amp_theory.ingredients.priors.groups import PottsPrior, two_groups
from amp_theory.ingredients.priors.named import Discrete, GaussBernoulli, Gaussian, Rademacher, SparseRademacher
from amp_theory.tools.errors import InputError, NumericalError, told
from amp_theory.tools.expressions import exact
from amp_theory.tools.registration import ByClass

__all__ = ["DensityChannel", "ExactChannel", "ExactChannelValues", "MixtureChannel", "exact_channel"]

#: nodes of a density with their weights
DensityGrid = list[tuple[Real, Real]]
#: widest panel of a density in units of 1/sqrt(x), on which 96 nodes resolve e^(-x s^2/2), and most panels
WIDEST, MOST_PANELS = 14, 400


@dataclass(frozen=True)
class MixtureChannel(ExactChannel):
    """The channel of a mixture of atoms and Gaussians, sum_k p_k N(s_k, v_k), all numbers rational."""

    probabilities: tuple[Fraction, ...]
    means: tuple[Fraction, ...]
    variances: tuple[Fraction, ...]

    @property
    def mean(self) -> Real:
        """E s."""
        return to_mp(sum(p * m for p, m in zip(self.probabilities, self.means, strict=True)))

    @property
    def exact_second_moment(self) -> Fraction:
        """E s^2 as a rational number."""
        rows = zip(self.probabilities, self.means, self.variances, strict=True)
        return sum((p * (m * m + v) for p, m, v in rows), Fraction(0))

    @property
    def exact_variance(self) -> Fraction:
        """Var s as a rational number."""
        mean = sum((p * m for p, m in zip(self.probabilities, self.means, strict=True)), Fraction(0))
        return self.exact_second_moment - mean**2

    @property
    def second_moment(self) -> Real:
        """E s^2."""
        return to_mp(self.exact_second_moment)

    @property
    def information_dimension(self) -> Real:
        """The weight of the components that are no atoms."""
        rows = zip(self.probabilities, self.variances, strict=True)
        return to_mp(sum((p for p, v in rows if v > 0), Fraction(0)))

    @property
    def entropy(self) -> Real:
        """Entropy of P0 in nats if all components are atoms, else infinity."""
        if any(self.variances):
            return mp.inf
        return -mp.fsum(to_mp(p) * mp.log(to_mp(p)) for p in self.probabilities)

    @property
    def symmetric(self) -> bool:
        """Whether s and -s have the same law."""
        rows = list(zip(self.probabilities, self.means, self.variances, strict=True))
        return sorted(rows) == sorted((p, -m, v) for p, m, v in rows)

    def _components(self) -> list[tuple[Real, Real, Real]]:
        rows = zip(self.probabilities, self.means, self.variances, strict=True)
        return [(to_mp(p), to_mp(m), to_mp(v)) for p, m, v in rows]

    def values(self, snr: Real, rule: Rule) -> ExactChannelValues:
        """Return the channel functions: y | component k is N(x s_k, x + x^2 v_k), for every k."""
        if len(self.means) == 1:
            return self._gaussian(snr)
        if snr == 0:
            return self._nothing()
        if not any(self.variances):
            faint = faint_values((self.probabilities, self.means), self.exact_variance, snr)
            if faint is not None:
                return faint
        components = self._components()
        posterior: _Posterior | _OfTwo
        if len(components) == 2 and not any(self.variances):
            posterior = _OfTwo(components, snr)
        else:
            posterior = _Posterior(components, snr)
        total = [mp.mpf(0)] * 5
        for p, m, v in components:
            if self.symmetric and m < 0:
                continue
            width = mp.sqrt(snr + snr * snr * v)

            def integrand(z: Real, m: Real = m, width: Real = width) -> Values:
                return posterior.values(snr * m + width * z)

            part = gaussian_mean(rule, integrand, self.symmetric and m == 0)
            factor = 2 * p if self.symmetric and m != 0 else p
            total = [t + factor * value for t, value in zip(total, part, strict=True)]
        return ExactChannelValues(*total)

    def _gaussian(self, x: Real) -> ExactChannelValues:
        """Return the closed form of N(m, v): psi = [x (m^2 + v) - log(1 + x v)]/2."""
        m, v = to_mp(self.means[0]), to_mp(self.variances[0])
        t = 1 + x * v
        psi = (x * m * m + beyond_linear(x * v)) / 2
        return ExactChannelValues(psi, m * m + x * v * v / t, v / t, (v / t) ** 2, -2 * (v / t) ** 3)

    def _nothing(self) -> ExactChannelValues:
        """Return the values at x = 0, from the moments of the prior."""
        mean = self.mean
        third = sum(p * ((m - mean) ** 3 + 3 * (m - mean) * v) for p, m, v in self._components())
        second = self.variance
        return ExactChannelValues(mp.mpf(0), mean**2, second, second**2, third**2 - 2 * second**3)


def beyond_linear(x: Real) -> Real:
    """Return x - log(1 + x) with all its relative digits."""
    with mp.workdps(mp.dps + lost_digits(x)):
        return x - mp.log1p(x)


class _Posterior:
    """The posterior of a mixture given y, with t_k = 1 + x v_k.

    Its weights are p_k t_k^(-1/2) exp((2 y s_k + v_k y^2 - x s_k^2)/(2 t_k)), its means (s_k + v_k y)/t_k.
    """

    def __init__(self, components: list[tuple[Real, Real, Real]], x: Real) -> None:
        self.rows = []
        for p, m, v in components:
            t = 1 + x * v
            level = mp.log(p) - mp.log(t) / 2 - x * m * m / (2 * t)
            self.rows.append((level, m / t, v / (2 * t), v / t))

    def values(self, y: Real) -> Values:
        """Return log Z, <s>^2, kappa_2, kappa_2^2, kappa_3^2 - 2 kappa_2^3 at y."""
        exponents = [level + y * (slope + y * bend) for level, slope, bend, _ in self.rows]
        top = max(exponents)
        weights = [mp.exp(e - top) for e in exponents]
        norm = mp.fsum(weights)
        means = [slope + 2 * y * bend for _, slope, bend, _ in self.rows]
        first = mp.fdot(weights, means) / norm
        shifts = [m - first for m in means]
        second = third = mp.mpf(0)
        for weight, d, (*_, spread) in zip(weights, shifts, self.rows, strict=True):
            second += weight * (d * d + spread)
            third += weight * d * (d * d + 3 * spread)
        second, third = second / norm, third / norm
        return [mp.log(norm) + top, first * first, second, second * second, third * third - 2 * second**3]


class _OfTwo:
    """The posterior of two atoms at a distance d: of weights u >= w, kappa_2 = d^2 u w, kappa_3 = d^3 u w (u - w)."""

    def __init__(self, components: list[tuple[Real, Real, Real]], x: Real) -> None:
        rows = [(mp.log(p) - x * m * m / 2, m) for p, m, _ in components]
        self.levels, self.atoms = zip(*rows, strict=True)
        self.apart, self.distance = self.levels[1] - self.levels[0], self.atoms[1] - self.atoms[0]
        self.square = self.distance**2
        self.cube = self.square**3

    def values(self, y: Real) -> Values:
        """Return what `_Posterior` does, with one exponential."""
        odds = self.apart + y * self.distance
        nearer = int(odds > 0)
        small = mp.exp(-abs(odds))
        norm = 1 + small
        w = small / norm
        first = self.atoms[nearer] + (-self.distance if nearer else self.distance) * w
        uw = w * (1 - w)
        both = uw * uw
        log_z = self.levels[nearer] + y * self.atoms[nearer] + mp.log(norm)
        return [log_z, first * first, self.square * uw, self.square**2 * both, self.cube * both * (1 - 6 * uw)]


class DensityChannel(ExactChannel):
    """The channel of a density that mpmath can evaluate.

    Z(y) and the posterior's moments are sums over the Gauss-Legendre nodes of panels that resolve the density and
    e^(-x s^2/2).
    """

    def __init__(self, prior: Density) -> None:
        self.prior = prior
        #: raw numbers by precision and width, see `contexts`
        self._grids: dict[tuple[int, int | None], list[tuple[Any, Any]]] = {}

    def _grid(self, snr: Real) -> DensityGrid:
        """Return the (cached) nodes for the working precision and an snr."""
        octave = int(mp.floor(mp.log(WIDEST / mp.sqrt(snr), 2))) if snr else None
        key = (mp.prec, octave)
        if key not in self._grids:
            grid = density_grid(self.prior, mp.inf if octave is None else mp.mpf(2) ** octave)
            self._grids[key] = [(raw(s), raw(w)) for s, w in grid]
        return [(from_raw(s), from_raw(w)) for s, w in self._grids[key]]

    def _moment(self, power: int) -> Real:
        return mp.fsum(w * s**power for s, w in self._grid(mp.mpf(0)))

    @property
    def mean(self) -> Real:
        """E s."""
        return self._moment(1)

    @property
    def second_moment(self) -> Real:
        """E s^2."""
        return self._moment(2)

    def values(self, snr: Real, rule: Rule) -> ExactChannelValues:
        """Return the channel functions: integrals over y, of density N(y; 0, x) Z(y), of those of the posterior."""
        grid = self._grid(snr)
        places = [s for s, w in grid if w > 0]
        powers = [[s**k for s in places] for k in (1, 2, 3)]
        levels = [mp.log(w) - snr * s * s / 2 for s, w in grid if w > 0]
        negligible = -mp.log(10) * (mp.dps + 10)

        def level(y: Real) -> tuple[list[Real], Real]:
            """Return the exponents of all nodes, and log N(y; 0, x) Z(y) up to a factor of order one."""
            exponents = [a + y * s for a, s in zip(levels, places, strict=True)]
            return exponents, max(exponents) - y * y / (2 * snr)

        def integrand(y: Real) -> Values:
            exponents, height = level(y)
            top = max(exponents)
            weights = [mp.exp(e - top) if e - top > negligible else mp.mpf(0) for e in exponents]
            norm = mp.fsum(weights)
            first, square, cube = (mp.fdot(weights, column) / norm for column in powers)
            second = square - first**2
            third = cube - 3 * first * square + 2 * first**3
            density = norm * mp.exp(height) / mp.sqrt(2 * mp.pi * snr)
            parts = (mp.log(norm) + top, first * first, second, second * second, third * third - 2 * second**3)
            return [density * part for part in parts]

        reach = mp.sqrt(snr)
        while max(level(reach)[1], level(-reach)[1]) > negligible:
            reach *= mp.mpf(5) / 4
        return ExactChannelValues(*rule(integrand, reach, False))


def density_grid(prior: Density, widest: Real) -> DensityGrid:
    """Return (s, weight P0(s)) at the nodes of panels no wider than `widest`, weights summing to one."""
    grid = []
    for a, b in _panels(prior):
        pieces = int(mp.ceil((b - a) / widest)) if widest < mp.inf else 1
        width = (b - a) / pieces
        for k in range(pieces):
            grid += _nodes(prior, a + k * width, a + (k + 1) * width)
    total = mp.fsum(w for _, w in grid)
    return [(s, w / total) for s, w in grid]


def _nodes(prior: Density, a: Real, b: Real) -> DensityGrid:
    """Return (s, weight P0(s)) at the Gauss-Legendre nodes of one panel."""
    middle, half = (a + b) / 2, (b - a) / 2
    places = [(middle + half * node, half * weight) for node, weight in legendre()]
    return [(s, weight * _density(prior, s)) for s, weight in places]


def _panels(prior: Density) -> list[tuple[Real, Real]]:
    """Return panels, halved until they integrate the density and s^2 times it to the working precision."""
    edges = [to_mp(e) for e in prior.support if math.isfinite(e)]
    first, last = (mp.mpf(float(e)) for e in (prior.panels[0, 0], prior.panels[-1, 1]))
    if math.isinf(prior.support[0]):
        edges.insert(0, _tail(prior, first, -1))
    if math.isinf(prior.support[-1]):
        edges.append(_tail(prior, last, 1))
    pending, done = list(itertools.pairwise(edges)), []
    small = mp.mpf(10) ** (-mp.dps + 3)
    while pending:
        a, b = pending.pop()
        middle = (a + b) / 2
        whole = _integrals(_nodes(prior, a, b))
        parts = _integrals(_nodes(prior, a, middle) + _nodes(prior, middle, b))
        if all(abs(x - y) <= small * (1 + abs(y)) for x, y in zip(whole, parts, strict=True)):
            done.append((a, b))
        else:
            pending += [(a, middle), (middle, b)]
        if len(pending) + len(done) > MOST_PANELS:
            raise NumericalError(
                f"the density is too rough to integrate to {mp.dps} digits", "ask for fewer digits, or state its kinks"
            )
    return sorted(done)


def _integrals(nodes: DensityGrid) -> tuple[Real, Real]:
    return mp.fsum(w for _, w in nodes), mp.fsum(w * s * s for s, w in nodes)


def _tail(prior: Density, edge: Real, sign: int) -> Real:
    """Return a place beyond which the density is below the working precision."""
    tiny = mp.mpf(10) ** (-mp.dps - 5)
    width = mp.mpf(1)
    for _ in range(MOST_PANELS):
        if _density(prior, edge) * (1 + edge**2) * width < tiny:
            return edge
        edge, width = edge + sign * width, 1.2 * width
    raise NumericalError(
        f"the density decays too slowly for {mp.dps} digits", "ask for fewer digits, or give the density finite ends"
    )


def _density(prior: Density, s: Real) -> Real:
    """Return the user's density at an mpmath real.

    Raises
    ------
    InputError
        If the function cannot take mpmath numbers, or answers with fewer digits.
    """
    hint = (
        "digits beyond double precision need a density that takes and returns mpmath numbers (mp.exp instead of "
        "np.exp where it is given one)"
    )
    try:
        value = called(prior.function, s)
    except (TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{hint}; the density {prior.function!r} raised {type(error).__name__}: {error}") from None
    if not isinstance(value, mp.mpf | int | Fraction) or isinstance(value, bool):
        raise InputError(f"{hint}; the density {prior.function!r} returned {type(value).__name__}")
    return to_mp(value)


@ByClass
def exact_channel(prior: Prior) -> ExactChannel:
    """Return the many-digit channel of a prior.

    Raises
    ------
    InputError
        For a prior whose class has registered none.

    Examples
    --------
    A prior of one's own has the digits of a prior that is the same law:

    >>> from dataclasses import dataclass
    >>> import amp_theory as at
    >>> class Bell(at.Gaussian):
    ...     pass
    >>> @exact_channel.register(Bell)
    ... def _bell(prior):
    ...     return exact_channel(at.Gaussian())
    >>> at.thresholds(at.MixedPSpin("q**3/2", Bell()), at.Flow(), digits=12).dynamical.decimals["temperature"]
    '0.612372435696'
    """
    raise InputError(
        f"digits beyond double precision are there for priors of the package, not for {told(prior)}: give it as "
        f"Discrete or Density, or register its channel with {exact_channel.where}"
    )


exact_channel.register(Density)(DensityChannel)


@exact_channel.register(PottsPrior)
def _potts(prior: PottsPrior) -> ExactChannel:
    return PottsChannel(prior.k) if prior.k > 2 else exact_channel(Rademacher())


@exact_channel.register(Rademacher)
def _signs(prior: Rademacher) -> ExactChannel:
    one, zero = Fraction(1), Fraction(0)
    return _mixture([(one / 2, -one, zero), (one / 2, one, zero)])


@exact_channel.register(Gaussian)
def _normal(prior: Gaussian) -> ExactChannel:
    return _mixture([(Fraction(1), Fraction(0), Fraction(1))])


@exact_channel.register(SparseRademacher)
def _sparse_signs(prior: SparseRademacher) -> ExactChannel:
    rho, one, zero = exact(prior.rho), Fraction(1), Fraction(0)
    return _diluted(rho, [(rho / 2, -one, zero), (rho / 2, one, zero)])


@exact_channel.register(GaussBernoulli)
def _sparse_normal(prior: GaussBernoulli) -> ExactChannel:
    rho = exact(prior.rho)
    return _diluted(rho, [(rho, Fraction(0), Fraction(1))])


def _diluted(rho: Fraction, rows: list[tuple[Fraction, Fraction, Fraction]]) -> ExactChannel:
    """Return the channel of components and of an atom at 0 with the rest of the weight, if any is left."""
    return _mixture([(1 - rho, Fraction(0), Fraction(0)), *rows] if rho < 1 else rows)


def _mixture(rows: list[tuple[Fraction, Fraction, Fraction]]) -> MixtureChannel:
    """Return the channel of components (probability, mean, variance)."""
    return MixtureChannel(*(tuple(column) for column in zip(*rows, strict=True)))


@exact_channel.register(Discrete)
def _discrete(prior: Discrete) -> ExactChannel:
    """Return the channel of atoms; those of `two_groups` are (1-r)/c and -r/c with c^2 = r (1-r), not decimals."""
    zero, r = Fraction(0), exact(min(prior.probabilities))
    if _are_two_groups(prior):
        root = _root(r * (1 - r))
        if root is not None:
            return _mixture([(r, (1 - r) / root, zero), (1 - r, -r / root, zero)])
        return ScaledChannel(_mixture([(r, 1 - r, zero), (1 - r, -r, zero)]), 1 / (r * (1 - r)))
    pairs = zip(normalised(prior.probabilities), prior.values, strict=True)
    return _mixture([(p, exact(s), zero) for p, s in pairs if p > 0])


def _root(value: Fraction) -> Fraction | None:
    """Return the square root of a fraction if it is rational."""
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    return root if root**2 == value else None


def _are_two_groups(prior: Discrete) -> bool:
    smaller = min(prior.probabilities)
    if len(prior.values) != 2 or smaller < SPARSEST:
        return False
    laws = [sorted(zip(law.values, law.probabilities, strict=True)) for law in (prior, two_groups(smaller))]
    return laws[0] == laws[1]
