"""Two kinds of variables solved apart from the package, in many digits, for any pair of priors: mpmath alone.

With M, M', M'' of both priors at the total snr y_u, y_v, a = lambda M_u' and what is told of each side by a flow, or h of
it hidden on the sides revealed (G = h M + (1 - h) rho, else h = 1):

    s_u = y_u - alpha lambda M_v,   s_v = y_v - lambda M_u,   or   x_u = alpha lambda G_v,   x_v = lambda G_u,
    fold: alpha lambda^2 h_u h_v M_u' M_v' = 1,   cusp: M_u''/M_u' + h_u a M_v''/M_v' = 0 besides.

The condition of a cusp is the same whichever side is told: at a fold both directions (dy_u, dy_v) are (1, h_u a).
"""

from __future__ import annotations

from functools import lru_cache

import mpmath as mp


@lru_cache
def normal_nodes(precision, steps):
    """Return points and weights of the trapezoidal rule for a standard normal variable, in bits of precision."""
    reach = int(mp.sqrt(2 * mp.log(2) * precision) * steps) + 1
    scale = 1 / (steps * mp.sqrt(2 * mp.pi))
    return [(mp.mpf(n) / steps, mp.exp(-mp.mpf(n * n) / (2 * steps * steps)) * scale) for n in range(-reach, reach + 1)]


class Law:
    """A prior: its second moment, `overlap` M and `free_entropy` psi."""

    def derivatives(self, y):
        """Return M, M', M'' at y."""
        first, second, third = mp.taylor(self.overlap, y, 2)
        return first, second, 2 * third


class Scalar(Law):
    """A law that gives the average of any function of E[s|y], E[s^2|y], E[s^3|y] and log Z over what is observed."""

    def overlap(self, y):
        return self.average(lambda m, *_: m * m, y)

    def free_entropy(self, y):
        return self.average(lambda m, second, third, level: level, y)

    def derivatives(self, y):
        """Return E<s>^2, M' = E Var^2 and M'' = E[kappa_3^2 - 2 Var^3], in one pass."""

        def cumulants(m, second, third, level):
            variance = second - m * m
            return m * m, variance**2, (third - 3 * m * second + 2 * m**3) ** 2 - 2 * variance**3

        return self.average(cumulants, y)


def summed(pairs):
    """Return the sum of weights times values, or times tuples of values."""
    weights, values = zip(*pairs, strict=True)
    if isinstance(values[0], tuple):
        return tuple(mp.fdot(weights, column) for column in zip(*values, strict=True))
    return mp.fdot(weights, values)


class Normal(Law):
    """A standard normal variable."""

    second_moment = mp.mpf(1)

    def overlap(self, y):
        return y / (1 + y)

    def free_entropy(self, y):
        return (y - mp.log(1 + y)) / 2


class Atoms(Scalar):
    """Values with probabilities."""

    def __init__(self, values, probabilities, steps=12):
        self.atoms = [(mp.mpf(s), mp.mpf(p)) for s, p in zip(values, probabilities, strict=True)]
        self.second_moment = mp.fsum(p * s * s for s, p in self.atoms)
        self.steps = steps

    def average(self, function, y):
        root, found = mp.sqrt(y), []
        for truth, chance in self.atoms:
            for z, weight in normal_nodes(mp.mp.prec, self.steps):
                field = y * truth + root * z
                terms = [(s, p * mp.exp(s * field - y * s * s / 2)) for s, p in self.atoms]
                total = mp.fsum(w for _, w in terms)
                moments = [mp.fsum(w * s**n for s, w in terms) / total for n in (1, 2, 3)]
                found.append((chance * weight, function(*moments, mp.log(total))))
        return summed(found)


class Spike(Scalar):
    """A standard normal variable with probability rho, else zero."""

    def __init__(self, rho, steps=24):
        self.second_moment = self.rho = mp.mpf(rho)
        self.steps = steps

    def average(self, function, y):
        wide, left, found = mp.sqrt(1 + y), 1 / (1 + y), []
        for z, weight in normal_nodes(mp.mp.prec, int(self.steps * wide) + 1):
            noise = (1 - self.rho) * wide * mp.exp(-y * z * z / 2)  # densities of y = wide z over that of the spike's
            share, m = self.rho / (noise + self.rho), mp.sqrt(y * left) * z
            moments = share * m, share * (m * m + left), share * (m**3 + 3 * m * left)
            level = mp.log((1 - self.rho) * (noise + self.rho) / noise)
            found.append(((noise + self.rho) * weight, function(*moments, level)))
        return summed(found)


class Simplex(Law):
    """One of k groups, from single integrals, as polynomials through Chebyshev points within `width` of some places.

    With X = exp(sqrt(t) g - t/2), t = k y/(k - 1), and L_j(u) = E X^j e^{-uX},

        1 - M = k int du L_1^2 L_0^{k-2},   psi = int du/u (e^{-u} - L_1 L_0^{k-1}) - log k - y/(2(k - 1)).

    The integrals over u = exp(z - e^{-z}) and over g are trapezoidal.
    """

    second_moment = mp.mpf(1)

    def __init__(self, k, places, width="0.02", number=20, steps=10):
        self.k, self.width, self.number, self.steps = k, mp.mpf(width), number, steps
        self.pieces = [self._piece(mp.mpf(place)) for place in places]

    def direct(self, y):
        """Return M and psi."""
        k, t, least = self.k, self.k * y / (self.k - 1), mp.mpf(2) ** -mp.mp.prec
        nodes = [(mp.exp(mp.sqrt(t) * g - t / 2), w) for g, w in normal_nodes(int(1.5 * mp.mp.prec), self.steps)]
        loss = level = mp.mpf(0)
        for n in range(-5 * self.steps, 100 * self.steps):
            bend = mp.exp(-mp.mpf(n) / self.steps)
            u = mp.exp(mp.mpf(n) / self.steps - bend)
            if u < least:
                continue
            zeroth = first = mp.mpf(0)
            for x, w in nodes:
                part = w * mp.exp(-u * x)
                zeroth += part
                first += x * part
            parts = (1 + bend) * u * first**2 * zeroth ** (k - 2), (1 + bend) * (mp.exp(-u) - first * zeroth ** (k - 1))
            loss, level = loss + parts[0], level + parts[1]
            if n > 0 and max(abs(x) for x in parts) < least:
                break
        return 1 - k * loss / self.steps, level / self.steps - mp.log(k) - y / (2 * (k - 1))

    def _piece(self, centre):
        angles = [mp.pi * (n + mp.mpf(1) / 2) / self.number for n in range(self.number)]
        values = [self.direct(centre + self.width * mp.cos(a)) for a in angles]
        columns = []
        for column in zip(*values, strict=True):
            parts = [
                mp.fsum(v * mp.cos(m * a) for v, a in zip(column, angles, strict=True)) for m in range(self.number)
            ]
            columns.append([parts[0] / self.number, *(2 * c / self.number for c in parts[1:])])
        return centre, columns

    def _interpolated(self, y, column):
        centre, columns = min(self.pieces, key=lambda piece: abs(y - piece[0]))
        assert abs(y - centre) < self.width, f"no polynomial at {mp.nstr(y, 8)}"
        x, b, c = (y - centre) / self.width, mp.mpf(0), mp.mpf(0)
        for a in reversed(columns[column][1:]):
            b, c = a + 2 * x * b - c, b
        return columns[column][0] + x * b - c

    def overlap(self, y):
        return self._interpolated(y, 0)

    def free_entropy(self, y):
        return self._interpolated(y, 1)


class Pair:
    """Special points of two laws; every guess is (lambda, y_u, y_v), found points begin with lambda."""

    def __init__(self, u, v, alpha, digits=30):
        self.u, self.v, self.alpha, self.accuracy = u, v, mp.mpf(alpha), mp.mpf(10) ** (-digits - 5)

    def _solved(self, equations, guess):
        return mp.findroot(equations, [mp.mpf(x) for x in guess], tol=self.accuracy, maxsteps=30)

    def _fixed(self, lam, y, z):
        """Return what vanishes at a fixed point at zero strength."""
        return [y - self.alpha * lam * self.v.overlap(z), z - lam * self.u.overlap(y)]

    def _level(self, lam, y, z):
        """Return the free entropy per u there."""
        coupled = self.alpha * lam * self.u.overlap(y) * self.v.overlap(z) / 2
        return self.u.free_entropy(y) + self.alpha * self.v.free_entropy(z) - coupled

    def fold(self, guess):
        """Return lambda of the fold at zero strength next to a guess."""

        def equations(lam, y, z):
            (m, slope, _), (n, other, _) = self.u.derivatives(y), self.v.derivatives(z)
            return [y - self.alpha * lam * n, z - lam * m, self.alpha * lam**2 * slope * other - 1]

        return (self._solved(equations, guess)[0],)

    def condensation(self, guess):
        """Return lambda where the free entropy is that of no overlap."""
        return (self._solved(lambda *x: [*self._fixed(*x), self._level(*x)], guess)[0],)

    def flow_cusp(self, side, guess):
        """Return lambda and snr of the cusp where u, v or both are told."""

        def told(lam, y, z):
            return y - self.alpha * lam * self.v.overlap(z), z - lam * self.u.overlap(y)

        def equations(lam, y, z):
            (m, slope, bend), (n, other, turn) = self.u.derivatives(y), self.v.derivatives(z)
            s_u, s_v = y - self.alpha * lam * n, z - lam * m
            constraint = {"u": s_v, "v": s_u, "both": s_u - s_v}[side]
            return [
                constraint, self.alpha * lam**2 * slope * other - 1, bend / slope + lam * slope * turn / other,
            ]  # fmt: skip

        found = self._solved(equations, guess)
        return found[0], told(*found)[side == "v"]

    def autoregressive_cusp(self, side, guess, hidden="0.99"):
        """Return lambda and the part revealed at the cusp where u, v or both are revealed."""

        def equations(lam, y, z, h):
            (m, slope, bend), (n, other, turn) = self.u.derivatives(y), self.v.derivatives(z)
            h_u, h_v = (h if side in (s, "both") else mp.mpf(1) for s in "uv")
            q_u, q_v = h_u * m + (1 - h_u) * self.u.second_moment, h_v * n + (1 - h_v) * self.v.second_moment
            return [
                y - self.alpha * lam * q_v, z - lam * q_u, self.alpha * lam**2 * h_u * h_v * slope * other - 1,
                bend / slope + lam * h_u * slope * turn / other,
            ]  # fmt: skip

        found = self._solved(equations, (*guess, hidden))
        return found[0], 1 - found[3]
