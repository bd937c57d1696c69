"""A referee for dense models that shares nothing with the solver: dense scans of explicit equations, own quadrature.

At a fixed strength every quantity is explicit in the signal c that the other variables provide: the overlap is
q = G(c, strength), and c = xi'(q) = lambda a(q) + b(q) is a fixed point at lambda = (c - b(q))/a(q).  So

- fixed points at one control are sign changes of c - xi'(G(c, strength)) on a dense grid in log c.  All of them lie
  between xi'(G(0, strength)) and xi'(rho), since G and xi' increase: the grid begins where mean, field and strength say;
- thresholds are extrema of lambda(c), and the smallest lambda at which the lowest stable branch is not the maximum
  of the free entropy, found by bisection (the difference of free entropies of two branches is monotone in lambda);
- spinodals, first-order points and the first failure at one control come from the isotherm strength(q).

Scalar channels are integrated by adaptive Gauss-Legendre panels over the observation, in terms without cancellation
(M - M(0), the mean squared error and M' are each a mean of squares), and kept as Chebyshev panels in log snr that
are checked between their nodes.  Where two values are nearer than the error of the referee it abstains (`Undecided`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

Array = np.ndarray

#: relative error of the referee's functions; what hangs on less is left undecided
ACCURACY = 1e-11


class Undecided(Exception):
    """The answer hangs on less than the referee's own error."""


# ------------------------------------------------------------------------------------------------- quadrature

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
#: values at the nodes -> Legendre coefficients
PROJECTION = (np.polynomial.legendre.legvander(NODES, 15) * WEIGHTS[:, None] * (2 * np.arange(16) + 1) / 2).T


def integrate(function: Callable, owner: Array, lo: Array, hi: Array, count: int, tolerance: float = 1e-14) -> Array:
    """Return integrals of positive functions over panels, summed per owner, halving panels that are not resolved.

    function(u, owner) returns (kinds, panels, nodes).  Gauss-Legendre of 16 nodes is exact to degree 31, so that
    its error is about the square of the last Legendre coefficients over the largest.
    """
    total = None
    for _ in range(40):
        half = (hi - lo) / 2
        values = function((lo + half)[:, None] + half[:, None] * NODES, owner)
        sums = (values @ WEIGHTS) * half
        coefficients = np.abs(values @ PROJECTION.T) * half[:, None]
        tail, top = coefficients[..., 12:].max(-1), coefficients.max(-1)
        if total is None:
            total = np.zeros((len(values), count))
        error = tail * np.minimum(1, tail / np.maximum(top, 1e-300))
        current = total + np.array([np.bincount(owner, s, count) for s in sums])
        bad = (error > tolerance * current[:, owner]).any(0) & (half > 1e-13 * (1 + np.abs(lo)))
        good = ~bad
        total = total + np.array([np.bincount(owner[good], s[good], count) for s in sums])
        if not bad.any():
            return total
        middle = lo[bad] + half[bad]
        owner = np.concatenate([owner[bad], owner[bad]])
        lo, hi = np.concatenate([lo[bad], middle]), np.concatenate([middle, hi[bad]])
    raise Undecided("quadrature of the referee did not resolve a panel")


class Panels:
    """Several functions of one variable as Chebyshev panels, split until they agree with the function between nodes."""

    degree = 14

    def __init__(self, function: Callable, lo: float, hi: float, width: float, tolerance: float = ACCURACY) -> None:
        n = self.degree + 1
        self.nodes = np.cos(np.pi * (np.arange(n) + 0.5) / n)
        vander = np.polynomial.chebyshev.chebvander(self.nodes, self.degree)
        fit = vander.T * 2 / n
        fit[0] /= 2
        check = np.array([-0.97, -0.6, 0.05, 0.66, 0.97])
        check_vander = np.polynomial.chebyshev.chebvander(check, self.degree)
        edges = np.linspace(lo, hi, max(2, math.ceil((hi - lo) / width) + 1))
        pending, done = np.array([edges[:-1], edges[1:]]).T, []
        for _ in range(12):
            middle, half = pending.mean(1), (pending[:, 1] - pending[:, 0]) / 2
            points = middle[:, None] + half[:, None] * np.concatenate([self.nodes, check])
            values = np.array(function(points.ravel())).reshape(-1, *points.shape)
            coefficients = values[..., :n] @ fit.T
            wrong = np.abs(coefficients @ check_vander.T - values[..., n:]).max(-1)
            scale = 1 + 1e-3 * np.abs(values).max(-1)
            bad = (wrong > tolerance * scale).any(0)
            done += [(pending[i], coefficients[:, i]) for i in np.flatnonzero(~bad)]
            if not bad.any():
                break
            lo_hi = pending[bad]
            pending = np.concatenate([
                np.array([lo_hi[:, 0], lo_hi.mean(1)]).T, np.array([lo_hi.mean(1), lo_hi[:, 1]]).T
            ])  # fmt: skip
        else:
            raise Undecided("a function of the referee is not smooth enough for its panels")
        done.sort(key=lambda entry: entry[0][0])
        self.lo, self.hi = lo, hi
        self.edges = np.array([entry[0][0] for entry in done] + [done[-1][0][1]])
        self.coefficients = np.array([entry[1] for entry in done]).transpose(1, 0, 2)

    def __call__(self, t: Array, kind: int | slice = slice(None), derivative: bool = False) -> Array:
        t = np.asarray(t, float)
        index = np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.edges) - 2)
        half = (self.edges[index + 1] - self.edges[index]) / 2
        y = (t - self.edges[index]) / half - 1
        chosen = self.coefficients[kind]
        if derivative:
            chosen = np.polynomial.chebyshev.chebder(chosen, axis=-1)
        vander = np.polynomial.chebyshev.chebvander(y, chosen.shape[-1] - 1)
        result = np.einsum("...ni,ni->...n", chosen[..., index, :], vander)
        return result / half if derivative else result


class Cumulative:
    """The integral of a positive function of t from -infinity, given its value at the first edge."""

    def __init__(self, density: Callable, edges: Array, start: float) -> None:
        self.density, self.edges = density, edges
        pieces = self._piece(edges[:-1], edges[1:])
        self.values = start + np.concatenate([[0], np.cumsum(pieces)])

    def _piece(self, lo: Array, hi: Array) -> Array:
        half = (hi - lo) / 2
        points = (lo + half)[:, None] + half[:, None] * NODES
        return (self.density(points.ravel()).reshape(points.shape) @ WEIGHTS) * half

    def __call__(self, t: Array) -> Array:
        index = np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.edges) - 2)
        return self.values[index] + self._piece(self.edges[index], t)


# --------------------------------------------------------------------------------------------- scalar channels


class Scalar:
    """The scalar Gaussian channel of a prior: M - M(0), the mmse, M' and psi as functions of the snr.

    mean2 = (E s)^2, variance, rho = E s^2; dimension is the information dimension; entropy that of a discrete prior.
    """

    mean2: float
    variance: float
    rho: float
    unit: float  # the snr where the channel becomes nonlinear, at the least
    dimension: float = 0.0
    entropy: float = math.inf

    def prepare(self, lo: float, hi: float, width: float) -> None:
        self.table = Panels(self.logarithms, math.log(lo), math.log(hi), width)
        self.first, self.last = lo, hi
        start = self.variance**2 * lo**2 / 2  # integral of M - M(0) where it is linear
        self.integral = Cumulative(lambda t: np.exp(self.table(t, 0) + t), self.table.edges, start)

    def logarithms(self, t: Array) -> Array:
        """Return the logarithms of M - M(0), mmse and M'."""
        raise NotImplementedError

    def functions(self, x: Array) -> tuple[Array, Array, Array]:
        """Return M - M(0), mmse, M'."""
        x = np.asarray(x, float)
        t = np.log(np.clip(x, self.first, self.last))
        e, gap, slope = np.exp(self.table(t.ravel())).reshape(3, *x.shape)
        small, large = x < self.first, x > self.last
        if small.any():
            e = np.where(small, self.variance**2 * x, e)
            gap = np.where(small, self.variance, gap)
            slope = np.where(small, self.variance**2, slope)
        if large.any():
            e, gap, slope = self.beyond(x, large, e, gap, slope)
        return e, gap, slope

    def beyond(self, x: Array, large: Array, e: Array, gap: Array, slope: Array) -> tuple[Array, Array, Array]:
        """Extend to larger snr."""
        raise NotImplementedError

    def psi(self, x: Array) -> Array:
        """Return E log sum P0 exp(...), half the integral of M."""
        x = np.asarray(x, float)
        t = np.log(np.clip(x, self.first, self.last)).ravel()
        inside = self.integral(t).reshape(x.shape)
        inside = np.where(x < self.first, self.variance**2 * x**2 / 2, inside)
        inside = np.where(x > self.last, inside + self.variance * (x - self.last), inside)
        return (self.mean2 * x + inside) / 2


class DiscreteChannel(Scalar):
    """Atoms, centred exactly (as fractions): nothing hangs on the rounding of the mean."""

    def __init__(self, values: Sequence[float], probabilities: Sequence[float]) -> None:
        s, p = [Fraction(float(v)) for v in values], [Fraction(float(w)) for w in probabilities]
        s, p = zip(*[(a, b) for a, b in zip(s, p, strict=True) if b > 0], strict=True)
        p = [b / sum(p) for b in p]
        mean = sum(a * b for a, b in zip(s, p, strict=True))
        order = sorted(range(len(s)), key=lambda i: s[i])
        self.p = np.array([float(p[i]) for i in order])
        self.t = np.array([float(s[i] - mean) for i in order])
        self.mean2 = float(mean**2)
        self.variance = float(sum(b * (a - mean) ** 2 for a, b in zip(s, p, strict=True)))
        self.rho = float(sum(b * a * a for a, b in zip(s, p, strict=True)))
        # what rounding can make of the mean, relative: a solver may sum in another order
        size = float(sum(abs(a) * b for a, b in zip(s, p, strict=True)))
        self.mean_doubt = 4e-16 * size / abs(float(mean)) if mean else 0.0
        self.logp = np.log(self.p)
        self.span = float(self.t[-1] - self.t[0])
        self.unit = 1 / self.span**2
        self.entropy = float(-(self.p @ self.logp))
        gap = float(np.diff(self.t).min())
        self.prepare(1e-14 * self.unit, 8 * 500 / gap**2, math.log(10) / 3)

    def points(self, x: Array, owner: Array, u: Array) -> tuple[Array, Array, Array]:
        """Return log density of u, centred posterior mean and posterior variance."""
        root = np.sqrt(x)[owner][:, None, None]
        logits = -((u[..., None] - root * self.t) ** 2) / 2 + self.logp
        top = logits.max(-1, keepdims=True)
        weight = np.exp(logits - top)
        norm = weight.sum(-1)
        log_density = top[..., 0] + np.log(norm) - 0.5 * math.log(2 * math.pi)
        weight /= norm[..., None]
        spread = 0.0
        for i in range(len(self.t)):
            for j in range(i):
                spread = spread + weight[..., i] * weight[..., j] * (self.t[i] - self.t[j]) ** 2
        mean = weight @ self.t
        if (root * self.span).max() < 0.1:  # the mean is small: sum p t = 0 is taken out
            exponent = root * self.t * u[..., None] - (root * self.t) ** 2 / 2
            mean = (np.expm1(exponent) @ (self.p * self.t)) / (np.exp(exponent) @ self.p)
        return log_density, mean, spread

    def logarithms(self, t: Array) -> Array:
        return np.concatenate([self._chunk(np.exp(part)) for part in np.array_split(t, max(1, len(t) // 150))], axis=1)

    def _edges(self, x: Array) -> Array:
        root = np.sqrt(x)[:, None]
        offsets = np.arange(-12, 12.1, 3.0)
        if (root * self.span).max() < 0.3:
            return np.broadcast_to(offsets, (len(x), len(offsets)))
        around = (root[:, :, None] * self.t[None, :, None] + offsets).reshape(len(x), -1)
        i, j = np.triu_indices(len(self.t), 1)
        between = root * (self.t[i] + self.t[j]) / 2 + (self.logp[i] - self.logp[j]) / (root * (self.t[j] - self.t[i]))
        lo, hi = root * self.t[0] - 12, root * self.t[-1] + 12
        return np.sort(np.clip(np.concatenate([around, between], axis=1), lo, hi), axis=1)

    def _chunk(self, x: Array) -> Array:
        edges = self._edges(x)
        wide = np.diff(edges, axis=1) > 1e-9
        owner = np.nonzero(wide)[0]
        lo, hi = edges[:, :-1][wide], edges[:, 1:][wide]
        peaks: list[Array] = []

        def function(u: Array, owner: Array) -> Array:
            log_density, mean, spread = self.points(x, owner, u)
            with np.errstate(divide="ignore"):
                log_spread = np.log(spread)
            logs = [log_density, log_density + log_spread, log_density + 2 * log_spread]
            if not peaks:  # scales that keep doubles from underflow; any are right
                for log in logs:
                    peak = np.full(len(x), -np.inf)
                    np.maximum.at(peak, owner, log.max(1))
                    peaks.append(peak)
            scaled = [
                np.exp(np.minimum(log - peak[owner][:, None], 700)) for log, peak in zip(logs, peaks, strict=True)
            ]
            scaled[0] = scaled[0] * mean**2
            return np.array(scaled)

        total = integrate(function, owner, lo, hi, len(x))
        return np.log(total) + np.array(peaks)

    def beyond(self, x: Array, large: Array, e: Array, gap: Array, slope: Array) -> tuple[Array, Array, Array]:
        rate = np.diff(self.t).min() ** 2 / 8
        factor = np.exp(-rate * np.clip(x - self.last, 0, None))
        return e, np.where(large, gap * factor, gap), np.where(large, slope * factor, slope)


class GaussBernoulliChannel(Scalar):
    """(1 - rho) delta_0 + rho N(0, 1); rho = 1 is the Gaussian prior."""

    def __init__(self, rho: float) -> None:
        self.rho = self.variance = self.dimension = float(rho)
        self.mean2, self.unit, self.mean_doubt = 0.0, 1.0, 0.0
        self.prepare(1e-14, 1e19, math.log(10) / 2)

    def logarithms(self, t: Array) -> Array:
        return np.concatenate([self._chunk(np.exp(part)) for part in np.array_split(t, max(1, len(t) // 200))], axis=1)

    def _chunk(self, x: Array) -> Array:
        ratio = 1.5 ** np.arange(60)
        edges = np.concatenate([[0, 1.5, 3, 4.5, 6, 8, 10], 12 * ratio])
        reach = 13 * np.sqrt(1 + x)
        edges = np.minimum(edges[None, :], reach[:, None])
        wide = np.diff(edges, axis=1) > 1e-9
        owner = np.nonzero(wide)[0]
        rho = self.rho

        def function(u: Array, owner: Array) -> Array:
            snr = x[owner][:, None]
            wide_log = -(u**2) / (2 * (1 + snr)) - 0.5 * np.log1p(snr)
            narrow_log = -(u**2) / 2
            with np.errstate(divide="ignore"):
                odds = np.log((1 - rho) / rho)
            away = 1 / (1 + np.exp(np.minimum(wide_log - narrow_log - odds, 700)))  # posterior of the zero
            present = 1 / (1 + np.exp(np.minimum(narrow_log - wide_log + odds, 700)))
            density = 2 * (rho * np.exp(wide_log) + (1 - rho) * np.exp(narrow_log)) / math.sqrt(2 * math.pi)
            shift = np.sqrt(snr) * u / (1 + snr)
            spread = present / (1 + snr) + present * away * shift**2
            return density * np.array([(present * shift) ** 2, spread, spread**2])

        total = integrate(function, owner, edges[:, :-1][wide], edges[:, 1:][wide], len(x))
        return np.log(total)

    def beyond(self, x: Array, large: Array, e: Array, gap: Array, slope: Array) -> tuple[Array, Array, Array]:
        factor = self.last / np.maximum(x, self.last)
        return e, gap * factor, slope * factor**2


class GaussianChannel(GaussBernoulliChannel):
    """M = x/(1 + x)."""

    def __init__(self) -> None:
        self.rho = self.variance = self.dimension = self.unit = 1.0
        self.mean2 = self.mean_doubt = 0.0

    def functions(self, x: Array) -> tuple[Array, Array, Array]:
        x = np.asarray(x, float)
        return x / (1 + x), 1 / (1 + x), 1 / (1 + x) ** 2

    def psi(self, x: Array) -> Array:
        x = np.asarray(x, float)
        small = x < 1e-3
        y = np.where(small, x, 0)
        series = y**2 * (1 / 2 - y / 3 + y**2 / 4 - y**3 / 5 + y**4 / 6)
        return np.where(small, series, x - np.log1p(x)) / 2


@lru_cache(maxsize=16)
def scalar_channel(kind: str, *arguments) -> Scalar:
    """Return the channel of a prior: rademacher, gaussian, sparse (rho), gauss-bernoulli (rho), discrete (s, p)."""
    match kind:
        case "rademacher":
            return DiscreteChannel([-1, 1], [0.5, 0.5])
        case "gaussian":
            return GaussianChannel()
        case "sparse":
            (rho,) = arguments
            return DiscreteChannel([-1, 0, 1], [rho / 2, 1 - rho, rho / 2])
        case "gauss-bernoulli":
            return GaussBernoulliChannel(*arguments)
    return DiscreteChannel(*arguments)


# -------------------------------------------------------------------------------------------------- couplings


@dataclass(frozen=True)
class Polynomial:
    """xi_1(q) = sum of coefficient q^power, as (power, coefficient)."""

    terms: tuple[tuple[int, float], ...]
    infinite = False

    def value(self, q: Array, gap: Array) -> Array:
        return sum(c * k * np.power(q, k - 1.0) for k, c in self.terms)

    def slope(self, q: Array, gap: Array) -> Array:
        return sum(c * k * (k - 1) * np.power(q, k - 2.0) for k, c in self.terms if k > 1) + 0 * q

    def energy(self, q: Array, gap: Array) -> Array:
        return sum(c * np.power(q, float(k)) for k, c in self.terms) + 0 * q


@dataclass(frozen=True)
class Linear:
    """R = 1/(noise + gap)."""

    noise: float
    rho: float

    @property
    def infinite(self) -> bool:
        return self.noise == 0

    def value(self, q: Array, gap: Array) -> Array:
        return 1 / (self.noise + gap)

    def slope(self, q: Array, gap: Array) -> Array:
        return 1 / (self.noise + gap) ** 2

    def energy(self, q: Array, gap: Array) -> Array:
        return np.where(
            gap < self.rho / 2,
            np.log((self.noise + self.rho) / (self.noise + gap)),
            -np.log1p(-q / (self.noise + self.rho)),
        )


def mills_square(t: Array) -> Array:
    """Return phi(t)^2/Phi(t)."""
    low = np.exp(-(t**2) / 2) / (math.pi * erfcx(-np.minimum(t, 5) / math.sqrt(2)))
    return np.where(t < 5, low, np.exp(-(t**2)) / (2 * math.pi * ndtr(np.maximum(t, 5))))


class Response:
    """R(q) = F(r)/(gap + noise), r = q/(gap + noise), of a channel with omega/sqrt(gap) ~ N(0, r); F by quadrature.

    R = sum_y E (dZ/d omega)^2/Z.  2 dPsi_out = R dq, integrated from q = 0, where Psi_out is known.
    """

    first, last = 1e-14, 1e32

    def __init__(self, channel: str, rho: float, kappa: float = 0.0, noise: float = 0.0) -> None:
        self.channel, self.rho, self.noise = channel, rho, noise
        self.width = kappa / math.sqrt(rho) if kappa else 0.0
        self.infinite = noise == 0
        self.table, self.integral = response_table(channel, self.width)
        self.limit = self._limit()

    def _limit(self) -> float:
        """Return 2 Psi_out(rho) - 2 Psi_out(0): finite for discrete outputs, where Psi_out(rho) = 0."""
        if self.noise:
            return math.nan
        inside = 1 - math.erfc(self.width / math.sqrt(2))
        match self.channel:
            case "sign":
                return 2 * math.log(2)
            case "door":
                return -2 * (inside * math.log(inside) + (1 - inside) * math.log1p(-inside))
            case "symmetric-perceptron":
                return -2 * math.log(inside)
        return math.inf

    def _ratio(self, q: Array, gap: Array) -> tuple[Array, Array]:
        d = gap + self.noise
        with np.errstate(divide="ignore"):
            return d, q / d

    def _factor(self, r: Array) -> tuple[Array, Array]:
        """Return F and dF/d log r."""
        t = np.log(np.clip(r, self.first, self.last))
        value = np.exp(self.table(t.ravel(), 0)).reshape(r.shape)
        slope = value * self.table(t.ravel(), 0, derivative=True).reshape(r.shape)
        linear = self.channel in ("abs", "door", "symmetric-perceptron")
        small = r < self.first
        value = np.where(small & linear, value * r / self.first, value)
        return value, np.where(small, value if linear else 0.0, slope)

    def value(self, q: Array, gap: Array) -> Array:
        d, r = self._ratio(q, gap)
        with np.errstate(divide="ignore"):
            return self._factor(r)[0] / d

    def slope(self, q: Array, gap: Array) -> Array:
        d, r = self._ratio(q, gap)
        value, by_log = self._factor(r)
        # d log r/dq = 1/q + 1/d
        q = np.maximum(q, 1e-300)
        return value / d**2 + by_log * (1 / q + 1 / d) / d

    def energy(self, q: Array, gap: Array) -> Array:
        _d, r = self._ratio(q, gap)
        t = np.log(np.clip(r, self.first, self.last))
        inside = self.integral(t.ravel()).reshape(r.shape)
        return np.where(r < self.first, inside * r / self.first, inside)


@lru_cache(maxsize=16)
def response_table(channel: str, width: float) -> tuple[Panels, Cumulative]:
    """Return F(r) = gap R as panels in log r, and the integral of F dr/(1 + r) = 2 (Psi_out - Psi_out(0)).

    The noise of a probit channel adds to the gap, which leaves F, and dq = (rho + noise) dr/(1 + r)^2.
    """

    def logarithm(t: Array) -> Array:
        return np.concatenate(
            [_response(channel, width, np.exp(part)) for part in np.array_split(t, max(1, len(t) // 100))]
        )[None]

    table = Panels(logarithm, math.log(Response.first), math.log(Response.last), math.log(10) / 2)
    start = math.exp(float(table(table.edges[:1], 0)[0])) * Response.first
    start *= 0.5 if channel in ("abs", "door", "symmetric-perceptron") else 1
    return table, Cumulative(lambda t: np.exp(table(t, 0) + t) / (1 + np.exp(t)), table.edges, start)


def _response(channel: str, width: float, r: Array) -> Array:
    """Return log F at the ratios r: the mean over t ~ N(0, r) of the Fisher information of the output."""
    half = width * np.sqrt(1 + r)
    apart = half > 30  # both edges of a window on their own, in coordinates about one of them
    root = np.sqrt(r)
    reach = 13 * root
    ladder = np.concatenate([[0, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12], 14 * 1.5 ** np.arange(100)])
    scaled = np.minimum(root[:, None] * np.arange(0, 13.1, 1.5), reach[:, None])
    edges = [np.minimum(ladder[None, :], reach[:, None]), scaled]
    if width:
        steps = np.concatenate([-ladder[11::-1], ladder[1:12]])
        near = np.clip(half[:, None] + steps, 0, reach[:, None])
        edges = [np.where(apart[:, None], 0, part) for part in edges]
        edges.append(np.where(apart[:, None], steps, near))
    edges = np.sort(np.concatenate(edges, axis=1), axis=1)
    wide = np.diff(edges, axis=1) > 1e-12 * np.minimum(reach, 1)[:, None]
    owner = np.nonzero(wide)[0]

    def function(t: Array, owner: Array) -> Array:
        ratio = r[owner][:, None]
        shift = np.where(apart, half, 0)[owner][:, None]
        density = np.exp(-((t + shift) ** 2) / (2 * ratio)) / np.sqrt(2 * math.pi * ratio)
        match channel:
            case "sign":
                values = 2 * (mills_square(t) + mills_square(-t))
            case "relu":
                values = 1 + mills_square(t) + mills_square(-t)
            case "abs":
                values = 2 * absolute_information(t)
            case _:
                values = 2 * mills_square(-t) + (2 * mills_square(t) if channel == "door" else 0)
                together = ~apart[owner]
                if together.any():
                    k = half[owner][together][:, None]
                    values[together] = 2 * window_information(channel, t[together], k)
        return (density * values)[None]

    total = integrate(function, owner, edges[:, :-1][wide], edges[:, 1:][wide], len(r))[0]
    if channel == "symmetric-perceptron":
        total = total / (1 - math.erfc(width / math.sqrt(2)))
    return np.log(total)


def window_information(channel: str, t: Array, k: Array) -> Array:
    """Return f'^2/f, and for the door also f'^2/(1 - f), f = P(|t + w| <= k)."""
    with np.errstate(over="ignore", divide="ignore", under="ignore", invalid="ignore"):
        log_slope = -((t - k) ** 2) / 2 - 0.5 * math.log(2 * math.pi) + np.log(-np.expm1(-2 * k * t))
        # f = Phi(k - t) - Phi(-k - t): without cancellation for wide windows only
        outside, lower = log_ndtr(k - t), log_ndtr(-k - t)
        log_inside = outside + np.log(-np.expm1(np.minimum(lower - outside, -1e-300)))
        narrow = np.broadcast_to(k < 0.5, t.shape)
        if narrow.any():
            log_inside[narrow] = np.log(narrow_window(t[narrow], np.broadcast_to(k, t.shape)[narrow]))
        result = np.exp(2 * log_slope - log_inside)
        if channel == "door":
            result = result + np.exp(2 * log_slope) / (ndtr(t - k) + ndtr(-k - t))
    return np.where(np.isfinite(result), result, 0.0)


def narrow_window(t: Array, k: Array) -> Array:
    """Return P(|t + w| <= k) for small k, by Gauss-Legendre over the window."""
    u = k[..., None] * NODES
    return (np.exp(-((u - t[..., None]) ** 2) / 2) @ WEIGHTS) * k / math.sqrt(2 * math.pi)


INNER, INNER_WEIGHTS = np.polynomial.legendre.leggauss(120)


@lru_cache(maxsize=1)
def absolute_table() -> Panels:
    """Return log of the mean over w of (Y tanh(Y t) - t)^2, Y = |t + w|, over log t."""

    def logarithm(log_t: Array) -> Array:
        t = np.exp(log_t)[:, None]
        lo = np.maximum(t - 10, 0)
        half = (t + 10 - lo) / 2
        y = lo + half * (1 + INNER)
        density = (np.exp(-((y - t) ** 2) / 2) + np.exp(-((y + t) ** 2) / 2)) / math.sqrt(2 * math.pi)
        return np.log((density * (y * np.tanh(y * t) - t) ** 2) @ INNER_WEIGHTS * half[:, 0])[None]

    return Panels(logarithm, math.log(1e-9), math.log(15), 0.8, 1e-12)


def absolute_information(t: Array) -> Array:
    """Return the Fisher information of |t + w| about t >= 0: the sign is known beyond t = 15."""
    inside = np.exp(absolute_table()(np.log(np.clip(t, 1e-9, 15)).ravel(), 0)).reshape(t.shape)
    return np.where(t > 15, 1.0, np.where(t < 1e-9, inside * (t / 1e-9) ** 2, inside))


# ------------------------------------------------------------------------------------------------------- paths


def uniform_functions(c: Array, retention: float | Array) -> Array:
    """Return G, 1 - G and dG/dc of +-1 variables seen through retention and a Gaussian channel of snr c."""
    h = np.broadcast_to(np.arctanh(retention), c.shape)[:, None]
    step = min(0.25, 0.28 / math.sqrt(max(float(c.max()), 1e-9)))
    z = np.arange(-13, 13 + step, step)
    weight = np.exp(-(z**2) / 2) * step / math.sqrt(2 * math.pi)
    result = np.zeros((3, len(c)))
    for sign in (1, -1):
        chance = (1 + sign * np.asarray(retention)) / 2
        w = c[:, None] + np.sqrt(c)[:, None] * z + sign * h
        rest = 1 / np.cosh(np.clip(w, -300, 300)) ** 2
        result += chance * np.array([np.tanh(w) ** 2 @ weight, rest @ weight, rest**2 @ weight])
    return result


def uniform_pairs(c: Array, retention: Array) -> Array:
    """Return the same for pairs, in portions of similar snr."""
    order = np.argsort(c)
    parts = [uniform_functions(c[i], retention[i]) for i in np.array_split(order, max(1, len(c) // 40))]
    result = np.empty((3, len(c)))
    result[:, order] = np.concatenate(parts, axis=1)
    return result


@lru_cache(maxsize=200)
def uniform_table(retention: float) -> tuple[Panels, Cumulative]:
    """Return logarithms of G, 1 - G, dG/dc over log c, and the integral of G."""

    def logarithms(t: Array) -> Array:
        order = np.argsort(t)
        parts = [uniform_functions(np.exp(t[i]), retention) for i in np.array_split(order, max(1, len(t) // 40))]
        result = np.empty((3, len(t)))
        result[:, order] = np.log(np.concatenate(parts, axis=1))
        return result

    table = Panels(logarithms, math.log(1e-14), math.log(200), math.log(10) / 2, 1e-10)
    start = retention**2 * 1e-14
    return table, Cumulative(lambda t: np.exp(table(t, 0) + t), table.edges, start)


class PathFunctions:
    """G(c, strength), given as G - (E s)^2, rho - G and dG/dc; and Psi up to a term in the strength alone."""

    def __init__(self, kind: str, channel: Scalar) -> None:
        self.kind, self.channel = kind, channel

    def respond(self, c: Array, s: float | Array) -> tuple[Array, Array, Array]:
        channel = self.channel
        if self.kind == "flow":
            return channel.functions(c + s)
        if self.kind == "autoregressive" or (np.ndim(s) == 0 and s == 0):
            e, gap, slope = channel.functions(c)
            return (1 - s) * e + s * channel.variance, (1 - s) * gap, (1 - s) * slope
        c = np.asarray(c, float)
        table = uniform_table(float(s))[0]
        g, gap, slope = np.exp(table(np.log(np.clip(c, 1e-14, 200)).ravel())).reshape(3, *c.shape)
        small, decay = c < 1e-14, np.exp(-np.clip(c - 200, 0, 1000) / 2)
        g = np.where(small, s**2 + (1 - s**2) ** 2 * c, g)
        return g, gap * decay, np.where(small, (1 - s**2) ** 2, slope * decay)

    def psi(self, c: Array, s: float) -> Array:
        channel = self.channel
        if self.kind == "flow":
            return channel.psi(c + s)
        if self.kind == "autoregressive" or s == 0:
            return (1 - s) * channel.psi(c) + s * channel.rho * c / 2
        t = np.log(np.clip(c, 1e-14, 200))
        inside = uniform_table(float(s))[1](t)
        return np.where(c < 1e-14, s**2 * c, inside + np.clip(c - 200, 0, None)) / 2

    @property
    def limit(self) -> float:
        return math.inf if self.kind == "flow" else 1.0


# ---------------------------------------------------------------------------------------------------- the scans


def golden(function: Callable, lo: Array, hi: Array, sign: Array) -> tuple[Array, Array]:
    """Return the maxima of sign * function inside brackets, all at once."""
    ratio = (math.sqrt(5) - 1) / 2
    a, b = lo.copy(), hi.copy()
    u, v = b - ratio * (b - a), a + ratio * (b - a)
    fu, fv = sign * function(u), sign * function(v)
    for _ in range(36):
        left = fu > fv
        a, b = np.where(left, a, u), np.where(left, v, b)
        new = np.where(left, b - ratio * (b - a), a + ratio * (b - a))
        fnew = sign * function(new)
        u, v, fu, fv = (
            np.where(left, new, v), np.where(left, u, new), np.where(left, fnew, fv), np.where(left, fu, fnew)
        )  # fmt: skip
    t = np.where(fu > fv, u, v)
    return t, function(t)


@dataclass(frozen=True)
class Extremum:
    t: float
    value: float
    maximum: bool


def extrema(function: Callable, grid: Array, noise: float) -> list[Extremum]:
    """Return the local extrema of a function on a grid, refined, less those within its noise; alternating."""
    f = function(grid)
    keep = np.isfinite(f)
    grid, f = grid[keep], f[keep]
    if len(f) < 3:
        return []
    # turning points of the sequence less its noise: a turn counts once the way back exceeds the noise
    turns: list[int] = []
    direction, best = 0, 0
    for i in range(1, len(f)):
        if direction == 0:
            if abs(f[i] - f[0]) > noise:
                direction, best = (1 if f[i] > f[0] else -1), i
        elif direction * (f[i] - f[best]) > 0:
            best = i
        elif direction * (f[best] - f[i]) > noise:
            turns.append(best)
            direction, best = -direction, i
    if not turns:
        return []
    index = np.array(turns)
    maximum = f[index] > f[np.maximum(index - 1, 0)]
    first_max = f[index[0]] > f[0]
    maximum = np.array([first_max ^ (k % 2 == 1) for k in range(len(index))])
    t, value = golden(
        function,
        grid[np.maximum(index - 1, 0)],
        grid[np.minimum(index + 1, len(grid) - 1)],
        np.where(maximum, 1.0, -1.0),
    )
    return [Extremum(float(a), float(b), bool(m)) for a, b, m in zip(t, value, maximum, strict=True)]


def prominence(values: Array, index: int) -> float:
    """Return by how much, relatively, one has to climb from a minimum to get lower."""
    sides = []
    for part in (values[:index][::-1], values[index + 1 :]):
        lower = np.flatnonzero(part < values[index])
        sides.append((part[: lower[0]] if len(lower) else part).max(initial=0.0))
    return float(min(sides) / values[index] - 1)


@dataclass
class Point:
    overlap: float
    gap: float
    signal: float
    stable: bool
    free_entropy: float
    doubt: float  # of the free entropy
    blur: float  # relative, of the signal
    steepness: float = 0.0  # dG/dc


@dataclass
class Referee:
    """Answers about xi' = lambda a + b, a = coupling.value, on a path."""

    channel: Scalar
    coupling: Polynomial | Linear | Response
    path: str
    extra: Polynomial | None = None
    respond_psi: PathFunctions = field(init=False)

    def __post_init__(self) -> None:
        self.functions = PathFunctions(self.path, self.channel)
        self.rho, self.mean2 = self.channel.rho, self.channel.mean2
        self.turns: dict[float, tuple[list[Extremum], list[Extremum]]] = {}

    def signal(self, lam: float, q: Array, gap: Array) -> Array:
        with np.errstate(over="ignore", under="ignore"):
            return lam * self.coupling.value(q, gap) + (self.extra.value(q, gap) if self.extra else 0)

    def lam(self, c: Array, q: Array, gap: Array) -> Array:
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            a = self.coupling.value(q, gap)
            result = (c - (self.extra.value(q, gap) if self.extra else 0)) / a
        return np.where((a > 1e-290) & (result > 0), result, np.inf)

    def grid(self, lo: float, hi: float) -> Array:
        """Return signals from lo to hi: dense where the channel is nonlinear or noise and gap matter."""
        unit = self.channel.unit
        turn = min(max(lo, 1e-9 * unit), hi)
        parts = [np.array([lo])]
        if turn > lo:
            parts.append(np.exp(np.linspace(math.log(lo), math.log(turn), 3 + int(25 * math.log10(turn / lo)))))
        if hi > turn:
            parts.append(np.exp(np.linspace(math.log(turn), math.log(hi), 3 + int(80 * math.log10(hi / turn)))))
        return np.unique(np.concatenate(parts))

    @property
    def farthest(self) -> float:
        """A signal beyond which only q = rho is left."""
        return self.channel.last if self.channel.dimension == 0 else 1e17

    def top(self, lam: float) -> float:
        if self.coupling.infinite:
            return self.farthest
        return float(self.signal(lam, np.array([self.rho]), np.array([0.0]))[0]) * (1 + 1e-9)

    # -- fixed points

    def fixed_points(self, lam: float, s: float) -> list[Point]:
        """Return all fixed points by overlap.  At zero strength an exact q = 0 is listed, stable or not."""
        e0, gap0, _ = (float(v[0]) for v in self.functions.respond(np.zeros(1), s))
        q0 = self.mean2 + e0
        lowest = float(self.signal(lam, np.array([q0]), np.array([gap0]))[0])
        zero = q0 == 0 and lowest == 0
        hi = self.top(lam)
        lo = max(lowest * (1 - 1e-9), 1e-290)
        if zero:  # the channel is linear below: xi'(v^2 c)/c is a growing polynomial in c, below one at lo or for ever
            lo = 1e-12 * self.channel.unit
            while lo > 1e-250 and self.ratio(lam, s, np.array([lo]))[0] > 0 and self.kappa(lam) < 1:
                lo *= 1e-3
            lo = min(lo, hi * 1e-3)
        grid = np.log(self.grid(lo, hi))
        g = lambda t: self.normalised(lam, s, np.exp(t))  # noqa: E731
        values = g(grid)
        points: list[Point] = []
        if zero:
            kappa = self.kappa(lam)
            if abs(kappa - 1) < 1e-9:
                raise Undecided("at weak recovery")
            points.append(Point(0.0, self.rho, 0.0, kappa < 1, 0.0, 0.0, 0.0))
        elif values[0] > 0:  # between zero and the first signal, where q = G(0, s) to all digits
            points.append(self.point(lam, s, lowest, True, 1.0))
        brackets = self.brackets(g, grid, values)
        if brackets:
            a, b = np.array([x[0] for x in brackets]), np.array([x[1] for x in brackets])
            rising = g(b) > 0
            for _ in range(60):
                m = (a + b) / 2
                up = (g(m) > 0) == rising
                a, b = np.where(up, a, m), np.where(up, m, b)
            t, h = (a + b) / 2, 1e-4
            slope = np.abs(g(t + h) - g(t - h)) / (2 * h)
            curve = np.abs(g(t + h) - 2 * g(t) + g(t - h)) / h**2
            for ti, up, di, ki in zip(t, rising, slope, curve, strict=True):
                points.append(self.point(lam, s, math.exp(ti), bool(up), max(di, math.sqrt(ACCURACY * ki))))
        if values[-1] < 0:  # G wins up to full overlap
            points.append(Point(self.rho, 0.0, math.inf, True, self.perfect(lam, s), 1e-11 * (1 + lam), 0.0))
        return points

    def kappa(self, lam: float) -> float:
        """Return xi''(0) M'(0), where E s = 0 and xi'(0) = 0."""
        q, gap = np.array([1e-18 * self.rho]), np.array([self.rho])
        slope = lam * self.coupling.slope(q, gap) + (self.extra.slope(q, gap) if self.extra else 0)
        return float(slope[0]) * self.channel.variance**2

    def ratio(self, lam: float, s: float, c: Array) -> Array:
        return -self.normalised(lam, s, c)

    def normalised(self, lam: float, s: float, c: Array) -> Array:
        """Return (c - xi'(G))/(c + xi'(G))."""
        e, gap, _ = self.functions.respond(c, s)
        x = np.minimum(self.signal(lam, self.mean2 + e, gap), 1e300)
        return (c - x) / (c + x)

    def brackets(self, g: Callable, grid: Array, values: Array) -> list[tuple[float, float]]:
        """Return the cells where g changes sign, and pairs of them that hide between nodes."""
        change = np.flatnonzero(values[:-1] * values[1:] < 0)
        found = [(grid[i], grid[i + 1]) for i in change]
        exact = np.flatnonzero(values == 0)
        if len(exact):
            raise Undecided("a root on a node")
        inner = values[1:-1]
        touching = np.flatnonzero(
            (np.abs(inner) < 0.2)  # a pair within a cell leaves no more: xi' is a power of 50 at most
            & (values[:-2] * inner > 0) & (values[2:] * inner > 0)
            & (np.abs(inner) <= np.abs(values[:-2])) & (np.abs(inner) <= np.abs(values[2:]))
        ) + 1  # fmt: skip
        if len(touching):
            sign = -np.sign(values[touching])
            t, extreme = golden(g, grid[touching - 1], grid[touching + 1], sign)
            for ti, value, i in zip(t, extreme, touching, strict=True):
                if abs(value) < 3 * ACCURACY:
                    raise Undecided("two fixed points meet within the referee's error")
                if value * values[i] < 0:
                    found += [(grid[i - 1], ti), (ti, grid[i + 1])]
        return sorted(found)

    def point(self, lam: float, s: float, c: float, stable: bool, slope: float) -> Point:
        array = np.array([c])
        e, gap, steep = self.functions.respond(array, s)
        q = self.mean2 + e
        xi = lam * self.coupling.energy(q, gap) + (self.extra.energy(q, gap) if self.extra else 0)
        psi = self.functions.psi(array, s)
        phi = psi - (q * array - xi) / 2
        doubt = 5e-12 * float(psi[0] + abs(q[0] * c) + abs(xi[0]))
        return Point(
            float(q[0]),
            float(gap[0]),
            c,
            stable,
            float(phi[0]),
            doubt,
            10 * ACCURACY / max(slope, 1e-30),
            float(steep[0]),
        )

    def perfect(self, lam: float, s: float) -> float:
        """Return phi at q = rho of a noiseless channel: infinite where densities are resolved."""
        limit = getattr(self.coupling, "limit", math.inf)
        if math.isinf(limit):
            return math.inf
        if self.channel.dimension > 0:  # densities are not resolved by signs: there is a fixed point further out
            raise Undecided("a fixed point lies beyond the referee's grid")
        c = np.exp(np.linspace(math.log(self.channel.unit), math.log(self.channel.last), 400))
        c = c[np.flatnonzero(self.channel.functions(c)[1] < 1e-19 * self.rho)[:1]]
        return float((self.functions.psi(c, s) - self.rho * c / 2)[0]) + lam * limit / 2

    def region(self, points: list[Point]) -> str:
        stable = [p for p in points if p.stable]
        if len(stable) == 1:
            return "easy"
        first, best = stable[0], max(stable[1:], key=lambda p: p.free_entropy)
        if abs(first.free_entropy - best.free_entropy) <= first.doubt + best.doubt:
            raise Undecided("free entropies too near")
        return "easy_metastable" if first.free_entropy > best.free_entropy else "hard"

    def hard(self, lam: float, s: float) -> bool:
        return self.region(self.fixed_points(lam, s)) == "hard"

    # -- thresholds at zero strength

    def control_curve(self, t: Array) -> Array:
        """Return log lambda at log signals t, at zero strength."""
        c = np.exp(t)
        e, gap, _ = self.channel.functions(c)
        with np.errstate(divide="ignore"):
            return np.log(self.lam(c, self.mean2 + e, gap))

    def scan_range(self) -> tuple[float, float]:
        """Return signals: below the first the channel is linear in c and mean, field and lowest power are apart."""
        unit, v = self.channel.unit, self.channel.variance
        lo = 1e-12 * unit
        if self.mean2 > 0:
            lo = min(lo, 1e-6 * self.mean2 / v**2)
        if isinstance(self.coupling, Polynomial):
            powers = dict(self.coupling.terms)
            if 1 in powers:  # the field equals the next term at some overlap
                crossing = min((powers[1] / (c * k)) ** (1 / (k - 1)) for k, c in powers.items() if k > 1)
                lo = min(lo, 1e-6 * crossing / v**2)
            for k, c in powers.items():
                for k2, c2 in powers.items():
                    if 2 <= k < k2:
                        lo = min(lo, 1e-3 * (c * k / (c2 * k2)) ** (1 / (k2 - k)) / v**2)
        hi = self.farthest
        if self.channel.dimension > 0 and not self.coupling.infinite:
            noise = getattr(self.coupling, "noise", 0)
            hi = 1e12 / self.rho / (noise / self.rho if noise else 1)
        return max(lo, 1e-250), min(hi, 1e18)

    def thresholds(self) -> dict[str, tuple[float, float] | None]:
        """Return (lambda, overlap) of the special points at zero strength."""
        lo, hi = self.scan_range()
        grid = np.log(self.grid(lo, hi))
        found = extrema(self.control_curve, grid, 1e-10)
        minima = [x for x in found if not x.maximum]
        maxima = [x for x in found if x.maximum]
        value = self.control_curve(np.array([min(math.log(1e6), grid[-2]), grid[-1]]))
        if self.coupling.infinite and self.channel.dimension > 0 and value[1] < value[0] - 1e-9:
            minima.append(Extremum(float(grid[-1]), float(value[-1]), False))  # the vertical line of q = rho
        overlap = lambda x: float(self.mean2 + self.channel.functions(np.exp(np.array([x.t])))[0][0])  # noqa: E731
        weak = self.weak_recovery()
        result: dict[str, tuple[float, float] | None] = dict.fromkeys(
            ("dynamical", "condensation", "algorithmic", "weak_recovery")
        )
        result["weak_recovery"] = (weak, 0.0) if weak else None
        self.extremes = found
        if minima:
            lowest = min(minima, key=lambda x: x.value)
            result["dynamical"] = (math.exp(lowest.value), overlap(lowest))
        always = self.coupling.infinite and self.channel.dimension == 0
        if weak and ((found and not found[0].maximum) or (not found and (always or minima))):
            result["algorithmic"] = (weak, 0.0)
        elif maxima:
            result["algorithmic"] = (math.exp(maxima[0].value), overlap(maxima[0]))
        # of discrete priors and densities of outcomes phi(rho) is infinite: q = rho is the equilibrium everywhere
        if (minima or always) and not (always and math.isinf(getattr(self.coupling, "limit", math.inf))):
            result["condensation"] = self.condensation(result, always)
        return result

    def condensation(self, found: dict, always: bool) -> tuple[float, float]:
        end = found["algorithmic"]
        lo = found["dynamical"][0] if found["dynamical"] else (end[0] if end else 1.0) * 1e-6
        if found["dynamical"] and always:
            lo *= 1e-6
        hi = end[0] * (1 - 1e-7) if end else lo * 2
        while not end and self.margin(hi, 0.0) > 0:
            lo, hi = hi, hi * 2
        if self.margin(hi, 0.0) > 0:
            raise Undecided("the loop is as narrow as the referee's error")
        lam = math.exp(self.crossing(lambda t: self.margin(math.exp(t), 0.0), math.log(lo), math.log(hi), 1e-12))
        return lam, math.nan

    def margin(self, lam: float, s: float) -> float:
        """Return the free entropy of the uninformed branch less the best other, infinite where it is alone."""
        stable = [p for p in self.fixed_points(lam, s) if p.stable]
        others = max((p.free_entropy for p in stable[1:]), default=-math.inf)
        return stable[0].free_entropy - others

    @staticmethod
    def crossing(margin: Callable, lo: float, hi: float, tolerance: float) -> float:
        """Return where a margin turns negative (lo: positive or alone, hi: negative), by Illinois steps."""
        f_lo, f_hi = math.inf, margin(hi)
        for step in range(90):
            if hi - lo <= tolerance:
                break
            if math.isfinite(f_lo) and math.isfinite(f_hi) and step % 4:
                middle = (lo * f_hi - hi * f_lo) / (f_hi - f_lo)
                middle = min(max(middle, lo + 1e-3 * tolerance), hi - 1e-3 * tolerance)
            else:
                middle = (lo + hi) / 2
            value = margin(middle)
            if value > 0:
                lo, f_lo, f_hi = middle, value, f_hi / 2 if math.isfinite(f_hi) else f_hi
            elif value < 0:
                hi, f_hi, f_lo = middle, value, f_lo / 2 if math.isfinite(f_lo) else f_lo
            else:
                return middle
        return (lo + hi) / 2

    def decide(self, lam: float, s: float = 0.0) -> bool:
        """Tell whether (lambda, s) is hard, stepping aside from places that are undecided."""
        for nudge in (0, 1e-10, -1e-10, 1e-8):
            try:
                return self.hard(lam * (1 + nudge), s)
            except Undecided:
                continue
        raise Undecided("hard or not hangs on the referee's error")

    def weak_recovery(self) -> float | None:
        if self.mean2 > 0:
            return None
        q, gap = np.zeros(1), np.array([self.rho])
        if self.coupling.value(q, gap)[0] > 0:
            return None
        q = np.array([1e-18 * self.rho])
        a = float(self.coupling.slope(q, gap)[0])
        b = float(self.extra.slope(q, gap)[0]) if self.extra else 0.0
        lam = (1 / self.channel.variance**2 - b) / a if a > 1e-15 * 1 and self.has_linear_part() else 0.0
        return lam if lam > 0 else None

    def has_linear_part(self) -> bool:
        if isinstance(self.coupling, Polynomial):
            return any(k == 2 for k, _ in self.coupling.terms)
        return isinstance(self.coupling, Response)

    # -- along the path

    def isotherm(self, lam: float) -> tuple[Callable, Array]:
        """Return the strength as a function of a coordinate, and the grid: the flow's log x, else logit of q."""
        if self.path == "flow":
            lo, hi = self.scan_range()

            def strength(t: Array) -> Array:
                x = np.exp(t)
                e, gap, _ = self.channel.functions(x)
                return x - self.signal(lam, self.mean2 + e, gap)

            return strength, np.log(self.grid(lo, min(hi, max(self.top(lam) * 1.5, 1e3 * self.channel.unit))))
        v = self.channel.variance
        grid = np.concatenate([np.linspace(-140, -19, 1200), np.linspace(-19, 19, 3000), np.linspace(19, 70, 500)])

        if self.path == "uniform":
            grid = np.linspace(-18, 18, 500)

        def by_overlap(z: Array) -> Array:
            e, gap_q = v / (1 + np.exp(-z)), v / (1 + np.exp(z))
            c = self.signal(lam, self.mean2 + e, gap_q)
            if self.path == "autoregressive":
                e_c, gap, _ = self.channel.functions(c)
                return np.where(z < 0, (e - e_c) / gap, 1 - gap_q / gap)
            return uniform_strength(c, e, gap_q)

        return by_overlap, grid

    def spinodals(self, lam: float) -> tuple[list[Extremum], list[Extremum]]:
        """Return where branches appear and where they disappear, by strength."""
        if lam not in self.turns:
            self.turns[lam] = self._spinodals(lam)
        return self.turns[lam]

    def _spinodals(self, lam: float) -> tuple[list[Extremum], list[Extremum]]:
        strength, grid = self.isotherm(lam)
        found = [x for x in extrema(strength, grid, 1e-12) if x.value > 0 and x.value < self.functions.limit]
        by_value = sorted(found, key=lambda x: x.value)
        return [x for x in by_value if not x.maximum], [x for x in by_value if x.maximum]

    def first_failure(self, lam: float) -> float | None:
        """Return the smallest strength from which on the path is hard, 0 where it begins so, None where it never is."""
        if self.decide(lam, 0.0):
            return 0.0
        lo = 0.0
        for spinodal in self.spinodals(lam)[1]:
            hi = spinodal.value * (1 - 1e-6)
            if not self.hard(lam, hi):
                lo = hi
                continue
            return self.crossing(lambda t: self.margin(lam, t), lo, hi, 1e-11 * hi)
        return None

    def tricritical(self) -> list[tuple[float, float, float]]:
        """Return (lambda, strength, overlap) of the cusps: minima of lambda along the spinodal curve, easiest first."""
        curve = self.flow_cusp_curve if self.path == "flow" else self.cusp_curve
        lo, hi = self.scan_range()
        grid = np.log(
            self.grid(lo, hi)
            if self.path == "flow"
            else np.exp(np.linspace(math.log(max(lo, 1e-30)), math.log(hi), 500))
        )
        lam, s, _ = curve(grid)
        found = []
        finite = np.isfinite(lam)
        inside = np.flatnonzero(
            finite[:-2] & finite[1:-1] & finite[2:]
            & (lam[1:-1] <= lam[:-2]) & (lam[1:-1] < lam[2:]) & (s[1:-1] > 0)
        ) + 1  # fmt: skip
        inside = inside[[prominence(lam, i) > 1e-9 for i in inside]] if len(inside) else inside
        if len(inside):
            lo, hi = grid[inside - 1], grid[inside + 1]
            for _ in range(5):  # few calls of many points: the curve is itself a bisection
                t = lo + (hi - lo) * np.linspace(0, 1, 17)[:, None]
                best = np.argmin(curve(t.ravel())[0].reshape(t.shape), axis=0)
                columns = np.arange(len(inside))
                lo, hi = t[np.maximum(best - 1, 0), columns], t[np.minimum(best + 1, 16), columns]
            t = (lo + hi) / 2
            lam, s, q = curve(t)
            found = [(float(a), float(b), float(c)) for a, b, c in zip(lam, s, q, strict=True) if b > 0]
        if self.coupling.infinite:  # towards q = rho cancellation rules, and no cusp lies there
            found = [x for x in found if self.rho - x[2] > 1e-7 * self.rho]
        return sorted(found)

    def flow_cusp_curve(self, t: Array) -> tuple[Array, Array, Array]:
        x = np.exp(t)
        e, gap, slope = self.channel.functions(x)
        q = self.mean2 + e
        with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
            extra = self.extra.slope(q, gap) if self.extra else 0
            lam = (1 / slope - extra) / self.coupling.slope(q, gap)
            lam = np.where(lam > 0, lam, np.inf)
            s = x - self.signal(lam, q, gap)
        return lam, np.where(np.isfinite(lam), s, -np.inf), q

    def cusp_curve(self, t: Array) -> tuple[Array, Array, Array]:
        """Return the spinodal of largest strength at each log signal."""
        c = np.exp(t)
        levels = 1 / (1 + np.exp(-np.linspace(-30, 12, 60)))
        values = np.array([self.spinodal_function(c, s)[0] for s in levels])
        # the last change of sign in the strength
        change = (values[:-1] > 0) & (values[1:] <= 0)
        any_change = change.any(0)
        last = len(levels) - 2 - np.argmax(change[::-1], axis=0)
        a, b = levels[last], levels[np.minimum(last + 1, len(levels) - 1)]
        for _ in range(44):
            m = (a + b) / 2
            up = self.spinodal_function(c, m)[0] > 0
            a, b = np.where(up, m, a), np.where(up, b, m)
        _, lam, q = self.spinodal_function(c, (a + b) / 2)
        return np.where(any_change, lam, np.inf), np.where(any_change, (a + b) / 2, -np.inf), q

    def spinodal_function(self, c: Array, s: float | Array) -> tuple[Array, Array, Array]:
        """Return log of xi'' dG/dc with lambda from c = xi'(G), lambda, and q."""
        if self.path == "uniform" and np.ndim(s):
            e, gap, slope = uniform_pairs(np.minimum(c, 200), np.asarray(s))
        else:
            e, gap, slope = self.functions.respond(c, s)
        q = self.mean2 + e
        lam = self.lam(c, q, gap)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
            extra = self.extra.slope(q, gap) if self.extra else 0
            value = np.log((lam * self.coupling.slope(q, gap) + extra) * slope)
        return np.where(np.isfinite(lam) & np.isfinite(value), value, -np.inf), lam, q


def uniform_strength(c: Array, overlap: Array, gap: Array) -> Array:
    """Return the retention at which G(c, retention) = overlap, by bisection; below zero where c alone gives more."""
    result = np.full(len(c), np.nan)
    inside = (c < 150) & (overlap > 0)
    c, overlap, gap = np.maximum(c[inside], 1e-300), overlap[inside], gap[inside]
    if not len(c):
        return result

    def low(levels: Array) -> Array:
        value = uniform_pairs(c, levels)
        return np.where(overlap < 0.5, value[0] < overlap, value[1] > gap)

    a, b = np.full(len(c), -35.0), np.full(len(c), 12.0)  # logit of the retention
    for _ in range(45):
        m = (a + b) / 2
        up = low(1 / (1 + np.exp(-m)))
        a, b = np.where(up, m, a), np.where(up, b, m)
    found = (a > -34) & (b < 11)
    result[np.flatnonzero(inside)[found]] = 1 / (1 + np.exp(-(a[found] + b[found]) / 2))
    excess = uniform_pairs(c, np.zeros(len(c)))[0] / overlap - 1
    below = ~found & (excess > 0)
    result[np.flatnonzero(inside)[below]] = -excess[below]
    return result
