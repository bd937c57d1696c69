"""30-digit thresholds of generalised linear models, from the definitions by mpmath: `python tests/oracles/glm_reference.py`.

Nothing of the package is used.  Expectations over normal numbers are trapezoidal sums, which converge exponentially for
the analytic integrands here; every value is computed with two steps, whose difference is stored as its error.  (That of
phase retrieval is a double sum in 80-bit floats, good to 17 digits.)
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from mpmath import mp, mpf

FILE = Path(__file__).parents[1] / "data" / "glm_reference.json"
mp.dps = 40


def normal(step):
    """Nodes and weights for E f(z), z ~ N(0, 1)."""
    nodes = [step * k for k in range(-int(14 / step), int(14 / step) + 1)]
    weights = [mp.exp(-z * z / 2) for z in nodes]
    total = mp.fsum(weights)
    return list(zip(nodes, [w / total for w in weights], strict=True))


class Rademacher:
    rho = mpf(1)

    def overlap(self, x, grid):
        return mp.fsum(w * mp.tanh(x + mp.sqrt(x) * z) for z, w in grid)

    def gap(self, x, grid):
        return mp.fsum(w * 2 / (1 + mp.exp(2 * (x + mp.sqrt(x) * z))) for z, w in grid)

    def free_entropy(self, x, grid):
        return mp.fsum(w * mp.log(mp.cosh(x + mp.sqrt(x) * z)) for z, w in grid) - x / 2


class GaussBernoulli:
    """s = 0 with probability 1 - rho, else N(0, 1); y = sqrt(x) s + z."""

    def __init__(self, rho):
        self.rho = mpf(rho)

    def gap(self, x, grid):
        rho, total = self.rho, mpf(0)
        for weight, scale in ((1 - rho, mpf(1)), (rho, mp.sqrt(1 + x))):
            for z, w in grid:
                y = scale * z
                on = rho * mp.exp(-y * y / (2 * (1 + x))) / mp.sqrt(1 + x)
                p = on / (on + (1 - rho) * mp.exp(-y * y / 2))
                mean, variance = mp.sqrt(x) * y / (1 + x), 1 / (1 + x)
                total += weight * w * (p * (variance + mean**2) - (p * mean) ** 2)
        return total


class Gaussian:
    rho = mpf(1)

    def gap(self, x, grid):
        return 1 / (1 + x)


def cdf(u):
    return mp.erfc(-u / mp.sqrt(2)) / 2


def density(u):
    return mp.exp(-u * u / 2) / mp.sqrt(2 * mp.pi)


def linear(q, gap, grid):
    return 1 / gap


def sign(q, gap, grid):
    """R = E_v sum_y phi(u)^2/Phi(y u)/gap, u = v sqrt(q/gap)."""
    total = mpf(0)
    for z, w in grid:
        u = z * mp.sqrt(q / gap)
        total += w * density(u) ** 2 / (cdf(u) * cdf(-u))
    return total / gap


def sign_potential(q, gap, grid):
    """Psi_out = 2 E Phi(u) log Phi(u)."""
    if gap == 0:
        return mpf(0)
    return 2 * mp.fsum(w * cdf(z * mp.sqrt(q / gap)) * mp.log(cdf(z * mp.sqrt(q / gap))) for z, w in grid)


def door(kappa, constraint):
    """Label abs(z) <= kappa, or the constraint that it holds; R = E sum (dZ/d omega)^2/Z, tilted for the constraint."""

    def response(q, gap, grid):
        total = mpf(0)
        for v, w in grid:
            omega = mp.sqrt(q) * abs(v)
            a, b = (kappa - omega) / mp.sqrt(gap), (kappa + omega) / mp.sqrt(gap)
            inside, outside = cdf(a) - cdf(-b), cdf(-a) + cdf(-b)
            if inside == 0:  # far out, where the slope has vanished too
                continue
            slope = (density(b) - density(a)) / mp.sqrt(gap)
            total += w * slope**2 * (1 / inside + (0 if constraint else 1 / outside))
        return total / ((2 * cdf(kappa) - 1) if constraint else 1)

    return response


def absolute(q, gap, grid):
    """R = E (z tanh(omega z/gap) - omega)^2/gap^2 over z ~ N(omega, gap), omega ~ N(0, q), in 80-bit floats.

    The hyperbolic tangent has poles close by, so that the double sum needs millions of points.
    """
    n, w = (np.array([np.longdouble(mp.nstr(x, 25)) for x in column]) for column in zip(*grid, strict=True))
    q, gap = (np.longdouble(mp.nstr(x, 25)) for x in (q, gap))
    total = np.longdouble(0)
    for v, weight in zip(n, w, strict=True):
        omega = np.sqrt(q) * v
        z = omega + np.sqrt(gap) * n
        total += weight * (w @ (z * np.tanh(omega * z / gap) - omega) ** 2)
    return mpf(str(total / gap**2))


def spinodal(prior, response, start, grid, step="1e-8"):
    """Maximise alpha = x/R(rho - gap(x)): a parabola through three points next to the maximum, then its value there."""

    def alpha(x):
        gap = prior.gap(x, grid)
        return x / response(prior.rho - gap, gap, grid)

    x, h = mpf(start), mpf(step)
    for _ in range(3):
        low, middle, high = (alpha(x * (1 + k * h)) for k in (-1, 0, 1))
        x -= x * h * (high - low) / (high - 2 * middle + low) / 2
    return alpha(x)


def perceptron_condensation(start, grid):
    """x = alpha R and psi - [q x - xi(q)]/2 = xi(1)/2 - log 2 for x and alpha; xi = 2 alpha [Psi_out - Psi_out(0)]."""
    prior = Rademacher()

    def equations(x, alpha):
        gap = prior.gap(x, grid)
        q = 1 - gap
        first = x - alpha * sign(q, gap, grid)
        phi = prior.free_entropy(x, grid) - q * x / 2 + alpha * (sign_potential(q, gap, grid) + mp.log(2))
        return first, phi - (alpha * mp.log(2) - mp.log(2))

    _, alpha = mp.findroot(equations, tuple(map(mpf, start)), tol=mpf(10) ** -55, maxsteps=20)
    return alpha


def main() -> None:
    cases = {
        # starts are the places of the maxima to a few digits; the maximum is found again
        "perceptron algorithmic": lambda g: spinodal(Rademacher(), sign, "3.25948", g),
        "perceptron condensation": lambda g: perceptron_condensation(("1.7", "1.2447"), g),
        "door algorithmic": lambda g: spinodal(Rademacher(), door(mpf("0.6744897502"), False), "0.495366", g),
        "symmetric perceptron algorithmic": lambda g: spinodal(Rademacher(), door(mpf(1), True), "1.912845", g),
        "compressed sensing algorithmic": lambda g: spinodal(GaussBernoulli("0.4"), linear, "18.46583", g),
        "phase retrieval algorithmic": lambda g: spinodal(Gaussian(), absolute, "5.520849", g, "1e-4"),
    }
    result = {}
    for name, case in cases.items():
        fine, coarse = (case(normal(mpf(1) / n)) for n in ((160, 130) if "retrieval" in name else (40, 32)))
        result[name] = {"value": mp.nstr(fine, 32), "error": mp.nstr(abs(fine - coarse), 3)}
        print(name, result[name], flush=True)
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
