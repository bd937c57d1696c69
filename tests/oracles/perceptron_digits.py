"""Random perceptrons solved apart from the package, to 25 digits: mpmath alone, and trapezoidal sums.

With g = d log H/dw of the smoothed potential H(w; V) = E psi(w + sqrt(V) u), what all samples share of a pattern's field,
w0 ~ N(0, q0), and what is known of one sample's at inner overlap q, w, have the joint law

    N(w0; q0) N(w - w0; q - q0) H(w; 1 - q)/H(w0; 1 - q0).

log H obeys the backward equation of w, dw = g dq + dB, whence d<log H> = <g^2>/2 dq, d<g^2> = <g'^2> dq and
d<g'^2> = <g''^2 - 2 g'^3> dq.  Of one weight, told an snr D beyond its outer field, the overlap is Q(D); in the base

    qh0 = alpha <g^2>_0,   q0 = Q(0),   R0 = 1 - alpha Q'(0) <g'^2>_0,

which gives alpha.  With delta = alpha (<g^2> - <g^2>_0) beyond it, and what is told,

    flow:      q = Q(D), snr = D - delta,                         R = 1 - alpha Q'(D) <g'^2>,
    revealed:  1 - q = (1 - theta)(1 - Q(delta)),                 R = 1 - alpha (1 - q) Q'(delta)/(1 - Q(delta)) <g'^2>,
    F(q) = (D q - int_0^D Q)/2 - alpha (<log H> - <log H>_0) + qh0 (q - q0)/2,   q = Q(D),

the integral of snr/2 from q0 on.  First order: cusps R = dR/dq = 0; a second branch at zero strength: R = snr = 0; equal
free entropy there: F = snr = 0; stability R0 = 0.
"""

from __future__ import annotations

from functools import lru_cache
from operator import mul
from typing import NamedTuple

import mpmath

mp = mpmath.mp.clone()
mp.dps = 34
#: what is left out of sums, in units of them; digits of findroot
TINY, FOUND = mp.mpf(10) ** -31, mp.mpf(10) ** -27
#: how near guesses are
ROUGH = mp.mpf(10) ** -6
#: zeros of H lie this far from the real axis in units of sqrt(V), those of cosh at i pi/2; steps per unit resolve 1e-30
STEP_H, STEP_GAUSS, STEP_COSH, STEP_T = mp.mpf("0.25"), mp.mpf("0.5"), mp.mpf("0.13"), mp.mpf("0.04")
#: standard deviations at which laws end
REACH = 13


class Smoothed(NamedTuple):
    """log H and three derivatives."""

    log_h: mp.mpf
    g: mp.mpf
    g1: mp.mpf
    g2: mp.mpf


class Averages(NamedTuple):
    """<1>, <log H>, <g^2>, <g'^2> and its derivative in q."""

    weight: mp.mpf
    log_h: mp.mpf
    square: mp.mpf
    slope: mp.mpf
    bend: mp.mpf


def from_ratios(log_h, first, second, third):
    """Return log H and three derivatives from H'/H, H''/H and H'''/H."""
    return Smoothed(log_h, first, second - first**2, third - 3 * first * second + 2 * first**3)


class Margin:
    """psi(s) = (s - kappa)_+^a; with x = (w - kappa)/sqrt(V) H = V^(a/2) G(x), G'' = a G - x G'."""

    def __init__(self, kappa, exponent=0):
        self.kappa, self.exponent = mp.mpf(kappa), mp.mpf(exponent)

    def smoothed(self, w, v):
        root, a = mp.sqrt(v), self.exponent
        x = (w - self.kappa) / root
        value, first = self._pair(x)
        h1, h2 = first / value, a - x * first / value
        h3 = (a - 1) * h1 - x * h2
        return from_ratios(mp.log(value) + a / 2 * mp.log(v), h1 / root, h2 / v, h3 / (v * root))

    def _pair(self, x):
        """Return G and G'."""
        if self.exponent == 0:
            return mp.erfc(-x / mp.sqrt(2)) / 2, mp.npdf(x)
        if x > 20:  # moments of u, whose series ends e^(-x^2/2) before it diverges
            y, total, slope, term, k = 1 / x**2, mp.mpf(0), mp.mpf(0), x**self.exponent, 0
            while abs(term) > TINY**2 * abs(total) and k < 180:
                total, slope = total + term, slope + (self.exponent - 2 * k) * term / x
                term *= (self.exponent - 2 * k) * (self.exponent - 2 * k - 1) / (2 * k + 2) * y
                k += 1
            return total, slope
        place = int(mp.nint(8 * x))
        c, s = taylor_of_powers(self.exponent, place), x - mp.mpf(place) / 8
        return mp.polyval(c[0], s), mp.polyval(c[1], s)

    def log_psi(self, w0, v):
        """Return the mean of log psi over fields s of the density N(s - w0; v) psi(s)/H(w0): a d log H/da."""
        if self.exponent == 0:
            return mp.mpf(0)
        x = (w0 - self.kappa) / mp.sqrt(v)
        return self.exponent * (mp.log(v) / 2 + mp.diff(lambda a: mp.log(cylinder(a, x)), self.exponent))


def cylinder(a, x):
    """Return G of psi = s_+^a by a parabolic cylinder function."""
    return mp.gamma(a + 1) / mp.sqrt(2 * mp.pi) * mp.exp(-x * x / 4) * mp.pcfd(-a - 1, -x)


@lru_cache(maxsize=4096)
def taylor_of_powers(a, place):
    """Return the Taylor coefficients of G and G' at x = place/8, the highest first."""
    x = mp.mpf(place) / 8
    c = [cylinder(a, x), a * cylinder(a - 1, x)]
    for k in range(46):
        c.append(((a - k) * c[k] - x * (k + 1) * c[k + 1]) / ((k + 1) * (k + 2)))
    return c[::-1], [k * c[k] for k in range(1, len(c))][::-1]


class Logistic:
    """psi(s) = 1/(1 + exp(-steepness (s - kappa)))."""

    def __init__(self, kappa, steepness):
        self.kappa, self.steepness = mp.mpf(kappa), mp.mpf(steepness)

    def smoothed(self, w, v):
        beta = self.steepness
        first = mp.exp(-beta * (w - self.kappa))
        sums = [mp.mpf(0)] * 4
        for weight, factor in self._nodes(v):
            p = 1 / (1 + first * factor)
            m = p * (1 - p)
            parts = p, m, m * (1 - 2 * p), m * (1 - 6 * m)
            sums = [s + weight * part for s, part in zip(sums, parts, strict=True)]
        h, *rest = sums
        return from_ratios(mp.log(h), *(beta**k * r / h for k, r in enumerate(rest, 1)))

    @lru_cache(maxsize=64)  # noqa: B019
    def _nodes(self, v):
        """Return weights and exp(-beta sqrt(V) u) at nodes u of a standard normal variable."""
        rate = self.steepness * mp.sqrt(v)
        step = 1 / (1 / STEP_GAUSS + rate / mp.mpf("0.28"))
        nodes = [step * k for k in range(-int(REACH / step), int(REACH / step) + 1)]
        return [(step * mp.npdf(u), mp.exp(-rate * u)) for u in nodes]


class Sphere:
    """Weights on the sphere; the place of a base is q0."""

    def base(self, place):
        """Return q0, 1 - q0, qh0 and Q'(0)."""
        gap = 1 - place
        return place, gap, place / gap**2, gap**2

    def place(self, t):
        """Return the place that t labels, any number."""
        return 1 / (1 + mp.exp(-t))

    def snr(self, place, gap):
        """Return D at 1 - Q."""
        return 1 / gap - 1 / (1 - place)

    def told(self, place, snr):
        """Return 1 - Q, Q' and Q'' at D."""
        gap = 1 / (1 / (1 - place) + snr)
        return gap, gap**2, -2 * gap**3

    def integral(self, place, snr):
        """Return int_0^D Q."""
        return snr - mp.log(1 + (1 - place) * snr)


class Spins:
    """Weights +-1; the place of a base is qh0, the variance of the outer field h0.

    Given h0, and told D, h has the density N(h - h0; D) e^(-D/2) cosh(h)/cosh(h0), tanh(h) is the mean, a martingale.
    """

    def base(self, place):
        nodes = self._outer(place)
        squares = [(weight, mp.sech(h) ** 2) for h, weight in nodes]
        gap = mp.fsum(w * s for w, s in squares)
        return 1 - gap, gap, place, mp.fsum(w * s * s for w, s in squares)

    def _outer(self, variance):
        step = 1 / (1 / STEP_COSH + 1 / (STEP_GAUSS * mp.sqrt(variance)))
        count = int(REACH * mp.sqrt(variance) / step)
        scale = step / mp.sqrt(2 * mp.pi * variance)
        return [(step * k, scale * mp.exp(-((step * k) ** 2) / (2 * variance))) for k in range(-count, count + 1)]

    def place(self, t):
        return mp.exp(t)

    def snr(self, place, gap):
        def off(t):
            return mp.log(self.told(place, mp.exp(t))[0] / gap)

        # 1 - Q falls as exp(-D/2)
        return mp.exp(mp.findroot(off, (mp.mpf(-3), mp.log(4 + 2 * abs(mp.log(gap)))), solver="anderson", tol=ROUGH))

    def entropy(self, place):
        """Return E log 2 cosh(h0)."""
        return mp.fsum(weight * mp.log(2 * mp.cosh(h)) for h, weight in self._outer(place))

    @lru_cache(maxsize=16)  # noqa: B019
    def _law(self, place, snr):
        """Return nodes h >= 0 and their weights of the density N(h - h0; D) e^(-D/2)/cosh(h0), both signs together."""
        width = mp.sqrt(place * snr / (place + snr))  # that of h0 given h
        step = 1 / (1 / STEP_COSH + 1 / (STEP_GAUSS * width))
        ends = REACH * mp.sqrt(place), snr + REACH * mp.sqrt(snr + place)
        outer, inner = (int(end / step) + 1 for end in ends)
        # sums in fixed point, as exact to e^(-2 inner step) where cosh(h) makes up for it
        scale = mp.mpf(2) ** int(120 + 3 * inner * step)
        fixed = [
            int(scale * mp.npdf(step * i, 0, mp.sqrt(place)) * mp.sech(step * i)) for i in range(-outer, outer + 1)
        ]
        kernel = [int(scale * mp.npdf(step * k, 0, mp.sqrt(snr))) for k in range(inner + outer + 1)]
        both = kernel[:0:-1] + kernel  # those of k = -last .. last
        last, factor = len(kernel) - 1, step**2 * mp.exp(-snr / 2) / scale**2
        law = []
        for j in range(inner + 1):
            total = sum(map(mul, fixed, both[last - j - outer : last - j + outer + 1]))
            law.append((step * j, (2 if j else 1) * factor * total))
        return law

    def told(self, place, snr):
        gap = slope = bend = mp.mpf(0)
        for h, weight in self._law(place, snr):
            s = mp.sech(h)
            first, square = weight * s, s * s
            gap, slope, bend = gap + first, slope + first * square, bend + first * square * (4 - 6 * square)
        return gap, slope, bend

    def integral(self, place, snr):
        """Return int_0^D Q, from d E log cosh(h)/dD = (1 + Q)/2."""
        last = mp.fsum(weight * mp.cosh(h) * mp.log(mp.cosh(h)) for h, weight in self._law(place, snr))
        return 2 * (last - self.entropy(place) + mp.log(2)) - snr


class Perceptron:
    """Special points of weights with a potential."""

    def __init__(self, weights, potential, finer=1):
        self.weights, self.potential, self.finer = weights, potential, mp.mpf(finer)

    # --- patterns ---

    def _outer(self, q0, v0, beside):
        """Return nodes w0 that resolve a Gaussian of a width, and what is smooth over sqrt(1 - q0)."""
        step = self.finer / (1 / (STEP_H * mp.sqrt(v0)) + 1 / (STEP_GAUSS * beside))
        count = int(REACH * mp.sqrt(q0) / step)
        return [step * k for k in range(-count, count + 1)], step

    @lru_cache(maxsize=64)  # noqa: B019
    def outer(self, q0, v0):
        """Return averages over w0 alone."""
        nodes, step = self._outer(q0, v0, mp.sqrt(q0))
        return summed((step * mp.npdf(w, 0, mp.sqrt(q0)), self.potential.smoothed(w, v0)) for w in nodes)

    @lru_cache(maxsize=64)  # noqa: B019
    def inner(self, q0, v0, gap):
        """Return averages at 1 - q = gap; w = kappa + 2 sqrt(1 - q) sinh(t)."""
        d = v0 - gap
        q, root = q0 + d, 2 * mp.sqrt(gap)
        nodes, step = self._outer(q0, v0, mp.sqrt(q0 * d / q))
        # N(w - w0; d) is a power of exp(w step/d), but for factors
        law = [
            mp.exp(-(w * w) * (1 / q0 + 1 / d) / 2 - self.potential.smoothed(w, v0).log_h) for w in reversed(nodes)
        ]  # fmt: skip
        scale = step * self.finer * STEP_T * root / (2 * mp.pi * mp.sqrt(q0 * d))

        def term(k):
            t = self.finer * STEP_T * k
            w = self.potential.kappa + root * mp.sinh(t)
            parts = self.potential.smoothed(w, gap)
            y = mp.exp(w * step / d)
            outer = mp.polyval(law, y) * mp.exp(parts.log_h - w * w / (2 * d)) / y ** (len(nodes) // 2)
            return scale * mp.cosh(t) * outer, parts

        middle = max(mp.mpf(0), self.potential.kappa) + 0.5 - self.potential.kappa
        begin = int(mp.asinh(middle / root) / (self.finer * STEP_T))
        found = [term(begin)]
        for way in (1, -1):
            k, small = begin, 0
            while small < 6:
                k += way
                found.append(term(k))
                weight, parts = found[-1]
                small = small + 1 if weight * (1 + parts.g2**2) < TINY else 0
        return summed(found)

    # --- bases and paths ---

    @lru_cache(maxsize=64)  # noqa: B019
    def base(self, place):
        """Return alpha, q0, 1 - q0, averages and R(q0)."""
        q0, gap, field, fluctuation = self.weights.base(place)
        start = self.outer(q0, gap)
        alpha = field / start.square
        return alpha, q0, gap, start, 1 - alpha * fluctuation * start.slope

    def flow(self, place, snr):
        """Return the strength, R and dR/dD of a flow at the total snr D, and 1 - q."""
        alpha, q0, v0, start, _ = self.base(place)
        gap, slope, bend = self.weights.told(place, snr)
        here = self.inner(q0, v0, gap)
        strength = snr - alpha * (here.square - start.square)
        turn = -alpha * (bend * here.slope + slope**2 * here.bend)
        return strength, 1 - alpha * slope * here.slope, turn, gap

    def revealed(self, place, gap):
        """Return the strength, R and dR/dq of an autoregressive path at 1 - q, and 1 - q."""
        alpha, q0, v0, start, _ = self.base(place)
        here = self.inner(q0, v0, gap)
        left, slope, bend = self.weights.told(place, alpha * (here.square - start.square))
        fall = alpha * gap * slope / left * here.slope
        turn = -fall * (-1 / gap + here.bend / here.slope + alpha * here.slope * (bend / slope + slope / left))
        return 1 - gap / left, 1 - fall, turn, gap

    def level(self, place, snr):
        """Return F at q = Q(D)."""
        alpha, q0, v0, start, _ = self.base(place)
        gap = self.weights.told(place, snr)[0]
        here, q = self.inner(q0, v0, gap), 1 - gap
        told = snr * q - self.weights.integral(place, snr)
        return told / 2 - alpha * (here.log_h - start.log_h) + alpha * start.square * (v0 - gap) / 2

    # --- special points ---

    def place(self, alpha):
        """Return the place of the base at alpha, roughly: alpha rises with it, up to the last base."""

        def off(t):
            return mp.log(self.base(self.weights.place(t))[0] / alpha)

        low = mp.mpf(-8)
        while off(low) > 0:
            low -= 8
        high = low + 1
        while off(high) < 0:
            assert high < 8, f"no base at alpha = {mp.nstr(alpha, 8)}"
            low, high = high, high + 1
        return self.weights.place(mp.findroot(off, (low, high), solver="anderson", tol=ROUGH))

    def _guess(self, alpha, gap):
        """Return the place and D next to alpha and 1 - q."""
        place = self.place(mp.mpf(alpha))
        return [place, self.weights.snr(place, mp.mpf(gap))]

    def cusp(self, path, alpha, gap):
        """Return alpha, 1 - q and the strength where R and its slope vanish, next to alpha and 1 - q."""
        along, guess = (self.flow, self._guess) if path == "flow" else (self.revealed, self._beside)
        place, there = mp.findroot(lambda *x: along(*x)[1:3], guess(alpha, gap), tol=FOUND, maxsteps=12)
        strength, _, _, left = along(place, there)
        return self.base(place)[0], left, strength

    def _beside(self, alpha, gap):
        return [self.place(mp.mpf(alpha)), mp.mpf(gap)]

    def dynamical(self, alpha, gap):
        """Return alpha and 1 - q where a second branch begins at zero strength, next to such."""
        found = mp.findroot(lambda *x: self.flow(*x)[:2], self._guess(alpha, gap), tol=FOUND, maxsteps=12)
        return self.base(found[0])[0], self.flow(*found)[3]

    def condensation(self, alpha, gap):
        """Return alpha and 1 - q where it has the free entropy of the base, next to such."""
        guess = self._guess(alpha, gap)
        found = mp.findroot(lambda *x: (self.flow(*x)[0], self.level(*x)), guess, tol=FOUND, maxsteps=12)
        return self.base(found[0])[0], self.flow(*found)[3]

    def stability(self, alpha):
        """Return alpha and 1 - q0 where R(q0) vanishes, next to alpha."""
        place = self.place(mp.mpf(alpha))
        found = mp.findroot(lambda x: self.base(x)[4], (place, place * (1 + ROUGH)), tol=FOUND)
        return self.base(found)[0], self.base(found)[2]

    def entropy(self, place):
        """Return that of discrete weights under the target: of log Z, less the mean of log psi."""
        alpha, q0, gap, start, _ = self.base(place)
        partition = self.weights.entropy(place) - place * gap / 2 + alpha * start.log_h
        if self.potential.exponent == 0:
            return partition
        nodes, step = self._outer(q0, gap, mp.sqrt(q0))
        return partition - alpha * mp.fsum(
            step * mp.npdf(w, 0, mp.sqrt(q0)) * self.potential.log_psi(w, gap) for w in nodes
        )

    def no_entropy(self, alpha):
        """Return alpha where the entropy vanishes, next to alpha."""
        place = self.place(mp.mpf(alpha))
        return (self.base(mp.findroot(self.entropy, (place, place * (1 + ROUGH)), tol=FOUND))[0],)


def summed(terms):
    """Return averages from weights and derivatives."""
    columns = zip(
        *((w, w * p.log_h, w * p.g**2, w * p.g1**2, w * (p.g2**2 - 2 * p.g1**3)) for w, p in terms), strict=True
    )
    return Averages(*(mp.fsum(column) for column in columns))


def tricritical(guess):
    """Return alpha, kappa and q0 of spherical weights where R(q0) and its slope vanish; guess q0 and kappa.

    dR/dq = 0 is 2/(1 - q0)^3 = alpha <g''^2 - 2 g'^3>.
    """

    def equations(q0, kappa):
        alpha, _, gap, start, stability = Perceptron(Sphere(), Margin(kappa)).base(q0)
        return stability, 2 / gap - alpha * gap**2 * start.bend

    q0, kappa = mp.findroot(equations, [mp.mpf(x) for x in guess], tol=FOUND, maxsteps=12)
    return Perceptron(Sphere(), Margin(kappa)).base(q0)[0], kappa, q0
