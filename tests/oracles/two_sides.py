"""Two kinds of variables solved apart from the package: in many digits for a Gaussian u, by iteration for any priors.

For a Gaussian u, M_u(y) = y/(1 + y), and one side told or both, the equations in the coordinates (y_u, y_v) are

    s_u = y_u - alpha lambda M_v(y_v),   s_v = y_v - lambda y_u/(1 + y_u),   fold: 1 + y_u = lambda sqrt(alpha M_v'),

and at a cusp M_v''/M_v'^(3/2) = 2 sqrt(alpha), whatever is told: every point is a root in y_v alone.
"""

from __future__ import annotations

from functools import lru_cache

import mpmath as mp
import numpy as np

DIGITS = 30


@lru_cache
def nodes(precision):
    """Return points and weights of the trapezoidal rule for a standard normal variable, in bits of precision."""
    step = mp.mpf(1) / 20
    points = [k * step for k in range(-290, 291)]
    return [(z, mp.exp(-z * z / 2) * step / mp.sqrt(2 * mp.pi)) for z in points]


def trapezoid(function):
    """Return E function(z) over a standard normal z."""
    return mp.fsum(weight * function(z) for z, weight in nodes(mp.mp.prec))


def sparse_overlap(rho):
    """Return M of signs with probability rho, else zero, as a function of the snr."""

    def overlap(x):
        damped, root = mp.exp(-x / 2), mp.sqrt(x)

        def mean(z):
            up = mp.exp(x + root * z)
            down = 1 / up
            return rho * damped * (up - down) / (2 * (1 - rho) + rho * damped * (up + down))

        return rho * trapezoid(mean)

    return overlap


def sparse_free_entropy(rho, x):
    """Return psi of the same prior."""

    def level(h):
        return mp.log(1 - rho + rho * mp.exp(-x / 2) * mp.cosh(h))

    return trapezoid(lambda z: (1 - rho) * level(mp.sqrt(x) * z) + rho * level(x + mp.sqrt(x) * z))


class GaussianAnd:
    """Special points of a Gaussian u and a v whose M and second moment, and perhaps psi, are given: (lambda, strength)."""

    def __init__(self, overlap, second_moment, alpha, free_entropy=None, spare=12):
        mp.mp.dps = DIGITS + spare
        self.rho, self.alpha = mp.mpf(second_moment), mp.mpf(alpha)
        self.m, self.psi = overlap, free_entropy

    def derivatives(self, y):
        """Return M, M', M'' at y."""
        first, second, third = mp.taylor(self.m, y, 2)
        return first, second, 2 * third

    def _root(self, function, guess):
        return mp.findroot(function, (mp.mpf(guess), mp.mpf(guess) * mp.mpf("1.001")), tol=mp.mpf(10) ** (-2 * DIGITS))

    def cusp(self, guess, hidden=1):
        """Return y_v of the cusp of flows; with a part of v known, that of the rest."""
        return self._root(lambda y: self._bend(y) - 2 * mp.sqrt(self.alpha * hidden), guess)

    def _bend(self, y):
        _, slope, curvature = self.derivatives(y)
        return curvature / slope ** mp.mpf("1.5")

    def flow_cusps(self, guess):
        """Return (lambda, snr) of the cusps by side."""
        y = self.cusp(guess)
        m, slope, _ = self.derivatives(y)
        root = mp.sqrt(self.alpha * slope)
        on_u = y + 1 / root  # y_v = lambda y_u/(1 + y_u), 1 + y_u = lambda root
        on_v = 1 / (root - self.alpha * m)  # y_u = alpha lambda m
        # both: s = lambda root - 1 - alpha lambda m = y_v - lambda + 1/root
        both = (y + 1 / root + 1) / (root - self.alpha * m + 1)
        return {
            "u": (on_u, on_u * root - 1 - self.alpha * on_u * m),
            "v": (on_v, y - on_v + 1 / root),
            "both": (both, y - both + 1 / root),
        }

    def autoregressive_cusp_on_v(self, guess):
        """Return (lambda, part revealed) where v is revealed: a root in the hidden part and y_v at once."""

        def equations(y, hidden):
            m, slope, curvature = self.derivatives(y)
            root = mp.sqrt(self.alpha * hidden * slope)
            q = hidden * m + (1 - hidden) * self.rho
            lam = y + 1 / root
            return [curvature / slope ** mp.mpf("1.5") - 2 * mp.sqrt(self.alpha * hidden),
                    lam * root - 1 - self.alpha * lam * q]  # fmt: skip

        y, hidden = mp.findroot(equations, (mp.mpf(guess), mp.mpf("0.99")), tol=mp.mpf(10) ** (-2 * DIGITS))
        return y + 1 / mp.sqrt(self.alpha * hidden * self.derivatives(y)[1]), 1 - hidden

    def autoregressive_cusps(self, guess):
        """Return (lambda, part revealed) of the cusps where u is revealed, a root in the hidden part too, and both."""

        def on_u(y, hidden):
            m, slope, curvature = self.derivatives(y)
            root = mp.sqrt(self.alpha * hidden * slope)
            lam = y + hidden / root  # y_v = lambda q_u, q_u = 1 - hidden/(1 + x_u), 1 + x_u = lambda root
            bend = curvature / slope ** mp.mpf("1.5")
            return [bend - 2 * mp.sqrt(self.alpha / hidden), lam * root - 1 - self.alpha * lam * m]

        y, hidden = mp.findroot(on_u, (mp.mpf(guess), mp.mpf("0.99")), tol=mp.mpf(10) ** (-2 * DIGITS))
        alone = y + hidden / mp.sqrt(self.alpha * hidden * self.derivatives(y)[1]), 1 - hidden
        # both: the part hidden falls out of F'' = 0; 1 + alpha lambda (h m + (1 - h) rho) = lambda h root
        y = self.cusp(guess)
        m, slope, _ = self.derivatives(y)
        root = mp.sqrt(self.alpha * slope)
        lam = y + 1 / root
        h = (1 + self.alpha * lam * self.rho) / (lam * (root + self.alpha * (self.rho - m)))
        return {"u": alone, "both": (lam, 1 - h)}

    def fold(self, guess):
        """Return lambda of a fold at zero strength: y_v + 1/root = lambda = 1/(root - alpha M)."""

        def both(y):
            m, slope, _ = self.derivatives(y)
            root = mp.sqrt(self.alpha * slope)
            return (y + 1 / root) * (root - self.alpha * m) - 1

        y = self._root(both, guess)
        return y + 1 / mp.sqrt(self.alpha * self.derivatives(y)[1])

    def condensation(self, guess):
        """Return lambda where the free entropy of a fixed point at zero strength is that of no overlap, zero."""

        def intensity(y):
            a = self.alpha * self.m(y)  # y (1 + lambda a) = lambda^2 a
            return (y + mp.sqrt(y * y + 4 * y / a)) / 2

        def level(y):
            lam = intensity(y)
            m = self.m(y)
            y_u = self.alpha * lam * m
            psi = (y_u - mp.log(1 + y_u)) / 2 + self.alpha * self.psi(y)
            return psi - self.alpha * lam * (y / lam) * m / 2

        return intensity(self._root(level, guess))


class GaussianAndSparse(GaussianAnd):
    """Special points of RectangularMatrix(Gaussian(), SparseRademacher(rho), alpha)."""

    def __init__(self, rho, alpha):
        mp.mp.dps = DIGITS + 12
        rho = mp.mpf(rho)
        super().__init__(sparse_overlap(rho), rho, alpha, lambda x: sparse_free_entropy(rho, x))


def response(prior, path, told, strength):
    """Return G(x) of one side, told something along a path or nothing."""

    def overlap(x):
        if not told:
            return prior.table(x).overlap
        if path.name == "flow":
            return prior.table(x + strength).overlap
        m = prior.table(x)
        return m.overlap + strength * m.mmse

    return overlap


def iterated(model, path, control, strength, steps=2000):
    """Return the overlaps of u that state evolution settles at from starts all over [0, rho_u], ascending.

    Those that have not settled within the steps are left out.
    """
    u, v = model.priors
    lam = float(model.intensity(np.array(control)))
    side = path.side or "both"
    of_u, of_v = (response(p, path, s in (side, "") or side == "both", strength) for p, s in ((u, "u"), (v, "v")))
    rho = u.second_moment
    q = np.concatenate([rho * np.geomspace(1e-9, 0.5, 40), rho * (1 - np.geomspace(1e-9, 0.5, 40))])
    for _ in range(steps):
        new = of_u(model.ratio * lam * of_v(lam * q))
        settled, q = np.abs(new - q) <= 1e-14 * new, new
        if settled.all():
            break
    return np.sort(q[settled])


def random_two_sides(rng, random_prior):
    """Return a model, a path, a control about where something happens, and a strength."""
    import amp_theory as at

    if rng.random() < 0.2:
        k, aspect = int(rng.integers(2, 12)), 10 ** rng.uniform(-2, 2)
        model = at.GaussianMixture(k, aspect) if rng.random() < 0.7 else at.GaussianMixture(
            weights=[w := rng.uniform(0.01, 0.5), 1 - w], aspect=aspect)  # fmt: skip
    else:
        model = at.RectangularMatrix(random_prior(rng), random_prior(rng), 10 ** rng.uniform(-2, 2))
    path = (at.Flow, at.Autoregressive)[rng.integers(2)](side=(None, "u", "v", "both")[rng.integers(4)])
    u, v = model.priors
    weak = 1 / (np.sqrt(model.ratio) * u.variance * v.variance)
    control = float(model.from_intensity(np.array(weak * 10 ** rng.uniform(-0.3, 0.1))))
    unit = 1 if path.name == "autoregressive" else 1 / (v.variance if path.side == "v" else u.variance)
    return model, path, control, 0.0 if rng.random() < 0.2 else unit * 10 ** rng.uniform(-4, -0.5)
