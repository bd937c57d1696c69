"""Many-digit reference values from the defining equations, by means that share nothing with the package.

Gaussian integrals are plain trapezoidal sums in mpmath, which converge exponentially for analytic integrands;
each planted component is integrated on its own, posterior averages are explicit ratios of sums.  Thresholds
are roots of their defining equations (fixed point, slope, curvature, equal free entropies).  Every value is
computed at two working precisions and only the digits that agree are kept (`twice`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial

from mpmath import mp, mpf

Vector = tuple[mpf, ...]


def exact(number: object) -> mpf:
    """Return a float or a Fraction as mpf without rounding beyond the working precision."""
    if isinstance(number, Fraction):
        return mpf(number.numerator) / number.denominator
    return mp.mpmathify(number)


# --------------------------------------------------------------------------------- Gaussian integrals


def trapezoid(f: Callable[[mpf], Vector], step: mpf, offset: mpf, anchors: Iterable[mpf]) -> tuple[Vector, Vector]:
    """Return the sums of step N(z) f(z) and of its modulus at z = step (k + offset), out from the anchors."""
    tiny = mpf(10) ** (-mp.dps - 5)
    total: list[mpf] = []
    size: list[mpf] = []
    peak: list[mpf] = []
    small_at: dict[int, bool] = {}

    def visit(k: int) -> bool:
        """Add lattice point k once; tell whether it is negligible in every component."""
        if k not in small_at:
            z = step * (k + offset)
            weight = mp.exp(-z * z / 2)
            terms = [weight * value for value in f(z)]
            if not total:
                for values in (total, size, peak):
                    values.extend([mpf(0)] * len(terms))
            for i, term in enumerate(terms):
                modulus = abs(term)
                total[i] += term
                size[i] += modulus
                peak[i] = max(peak[i], modulus)
            small_at[k] = all(abs(term) <= tiny * top for term, top in zip(terms, peak, strict=True))
        return small_at[k]

    starts = sorted({int(mp.nint(anchor / step)) for anchor in anchors})
    for k in starts:
        visit(k)
    for start, direction in itertools.product(starts, (1, -1)):
        k, run = start, 0
        while run < 4:
            k += direction
            run = run + 1 if visit(k) else 0
    scale = step / mp.sqrt(2 * mp.pi)
    return tuple(scale * t for t in total), tuple(scale * s for s in size)


def gaussian_expectation(f: Callable[[mpf], Vector], width: mpf, anchors: Iterable[mpf] = (mpf(0),)) -> Vector:
    """E f(z), z ~ N(0, 1): the step is halved until two lattices agree to 3/4 of the digits.

    Each precision has lattices of its own, so that agreement of two precisions also vouches for the step.
    """
    anchors = list(anchors)
    step = width * 60 / (60 + mp.dps)
    coarse, size = trapezoid(f, step, mpf(0), anchors)
    for _ in range(30):
        shifted, _ = trapezoid(f, step, mpf(1) / 2, anchors)
        gap = max(abs(a - b) / s if s else mpf(0) for a, b, s in zip(coarse, shifted, size, strict=True))
        coarse = tuple((a + b) / 2 for a, b in zip(coarse, shifted, strict=True))
        if gap < mpf(10) ** (-mpf(3) * mp.dps / 4):
            return coarse
        step /= 2
    raise ArithmeticError("trapezoidal sum did not converge")


# ---------------------------------------------------------------------------- scalar Gaussian channel


@dataclass(frozen=True)
class Mixture:
    """Prior sum_j p_j N(s; mu_j, v_j); an atom has v_j = 0."""

    probabilities: Vector
    means: Vector
    variances: Vector

    @property
    def second_moment(self) -> mpf:
        """Return rho = E s^2 = sum_j p_j (mu_j^2 + v_j)."""
        parts = zip(self.probabilities, self.means, self.variances, strict=True)
        return mp.fsum(p * (m * m + v) for p, m, v in parts)

    @property
    def variance(self) -> mpf:
        """Return Var s = E s^2 - (E s)^2."""
        return self.second_moment - mp.fsum(p * m for p, m in zip(self.probabilities, self.means, strict=True)) ** 2


def atoms(values: Sequence[object], probabilities: Sequence[object]) -> Mixture:
    """Discrete prior sum_j p_j delta(s - s_j) / sum_j p_j."""
    weights = [exact(p) for p in probabilities]
    norm = mp.fsum(weights)
    return Mixture(tuple(w / norm for w in weights), tuple(map(exact, values)), (mpf(0),) * len(weights))


def rademacher() -> Mixture:
    """Prior (delta_{+1} + delta_{-1})/2."""
    return atoms([1, -1], [mpf(1) / 2, mpf(1) / 2])


def sparse_rademacher(rho: object) -> Mixture:
    """Prior (1 - rho) delta_0 + rho (delta_{+1} + delta_{-1})/2, rho taken exactly as given."""
    r = mp.mpmathify(rho)
    return atoms([0, 1, -1], [1 - r, r / 2, r / 2])


def zero_one(rho: object) -> Mixture:
    """Prior (1 - rho) delta_0 + rho delta_1, rho taken exactly as given."""
    r = mp.mpmathify(rho)
    return atoms([0, 1], [1 - r, r])


def gauss_bernoulli(rho: object) -> Mixture:
    """Prior (1 - rho) delta_0 + rho N(0, 1), rho taken exactly as given."""
    r = mp.mpmathify(rho)
    return Mixture((1 - r, r), (mpf(0), mpf(0)), (mpf(0), mpf(1)))


def gaussian() -> Mixture:
    """Prior N(0, 1); in the scalar channel the spherical model is the same: M = x/(1 + x)."""
    return Mixture((mpf(1),), (mpf(0),), (mpf(1),))


def posterior(prior: Mixture, x: mpf) -> Callable[[mpf], tuple[mpf, list[mpf], list[mpf]]]:
    """Return y -> (Z, weights, means): a_j = p_j int N(s; mu_j, v_j) exp(y s - x s^2/2) ds, Z = sum_j a_j."""
    parts = list(zip(prior.probabilities, prior.means, prior.variances, strict=True))
    scales = [1 + x * v for _, _, v in parts]
    front = [p * mp.exp(-x * m * m / (2 * c)) / mp.sqrt(c) for (p, m, _), c in zip(parts, scales, strict=True)]
    linear = [m / c for (_, m, _), c in zip(parts, scales, strict=True)]
    spread = [v / c for (_, _, v), c in zip(parts, scales, strict=True)]

    def at(y: mpf) -> tuple[mpf, list[mpf], list[mpf]]:
        a = [k * mp.exp(y * (u + s * y / 2)) for k, u, s in zip(front, linear, spread, strict=True)]
        norm = sum(a)
        return norm, [w / norm for w in a], [u + s * y for u, s in zip(linear, spread, strict=True)]

    return at


def balances(prior: Mixture, x: mpf) -> list[mpf]:
    """Return the fields y at which two components have equal posterior weight, where it is least certain."""
    found = []
    parts = list(zip(prior.probabilities, prior.means, prior.variances, strict=True))
    for (p, m, v), (q, n, w) in itertools.combinations(parts, 2):
        c, d = 1 + x * v, 1 + x * w
        a, b = v / (2 * c) - w / (2 * d), m / c - n / d
        e = mp.log(p / q) - mp.log(c / d) / 2 - x * m * m / (2 * c) + x * n * n / (2 * d)
        if a == 0:
            found += [-e / b] if b else []
        elif b * b >= 4 * a * e:
            root = mp.sqrt(b * b - 4 * a * e)
            found += [(-b + root) / (2 * a), (-b - root) / (2 * a)]
    return found


def over_planted(prior: Mixture, x: mpf, f: Callable[[int, mpf], Vector]) -> Vector:
    """sum_j p_j E_z f(j, y) with y = x mu_j + sqrt(x + x^2 v_j) z, the field if s* is of component j."""
    total: list[mpf] = []
    reach = max(prior.means) - min(prior.means)
    for j, (p, m, v) in enumerate(zip(prior.probabilities, prior.means, prior.variances, strict=True)):
        centre, width = x * m, mp.sqrt(x + x * x * v)
        # z = 1 joins z = 0, where odd integrands vanish, so that distant anchors are known to be negligible.
        anchors = [mpf(0), mpf(1)] + [(y - centre) / width for y in balances(prior, x)]
        coarse = 1 / (2 + mp.sqrt(x) * reach)
        part = gaussian_expectation(lambda z, j=j, c=centre, s=width: f(j, c + s * z), coarse, anchors)
        total = [t + p * value for t, value in zip(total or [mpf(0)] * len(part), part, strict=True)]
    return tuple(total)


@lru_cache(maxsize=4096)
def _signal(prior: Mixture, x: mpf, dps: int) -> Vector:
    """Return (psi, M) with psi = E log Z(y) and M = E[s* <s>]."""
    with mp.workdps(dps + 10):
        at = posterior(prior, x)

        def integrand(j: int, y: mpf) -> Vector:
            norm, weights, means = at(y)
            return mp.log(norm), means[j] * sum(w * m for w, m in zip(weights, means, strict=True))

        return over_planted(prior, x, integrand)


@lru_cache(maxsize=4096)
def _errors(prior: Mixture, x: mpf, dps: int) -> Vector:
    """Return (E m2, E m2^2, E[m3^2 - 2 m2^3]) with m2, m3 the central posterior moments."""
    with mp.workdps(dps + 10):
        at = posterior(prior, x)
        spread = [v / (1 + x * v) for v in prior.variances]

        def integrand(j: int, y: mpf) -> Vector:
            _, weights, means = at(y)
            shift = [sum(w * (m - n) for w, n in zip(weights, means, strict=True)) for m in means]
            rows = list(zip(weights, shift, spread, strict=True))
            second = sum(w * (v + d * d) for w, d, v in rows)
            third = sum(w * d * (d * d + 3 * v) for w, d, v in rows)
            return second, second**2, third**2 - 2 * second**3

        return over_planted(prior, x, integrand)


def free_entropy(prior: Mixture, x: mpf) -> mpf:
    """psi(x) = E log sum_s P0(s) exp(x s s* + sqrt(x) z s - x s^2/2)."""
    return _signal(prior, x, mp.dps)[0]


def overlap(prior: Mixture, x: mpf) -> mpf:
    """M(x) = E[s* <s>]."""
    return _signal(prior, x, mp.dps)[1]


def mmse(prior: Mixture, x: mpf) -> mpf:
    """MMSE: rho - M(x) = E Var(s | y)."""
    return _errors(prior, x, mp.dps)[0]


def slope(prior: Mixture, x: mpf) -> mpf:
    """M'(x) = E[Var(s | y)^2]."""
    return _errors(prior, x, mp.dps)[1]


def curvature(prior: Mixture, x: mpf) -> mpf:
    """M''(x) = E[m3^2 - 2 m2^3], m2 and m3 the posterior central moments."""
    return _errors(prior, x, mp.dps)[2]


def density_channel(density: Callable[[mpf], mpf], support: tuple[object, object], x: mpf) -> dict[str, mpf]:
    """psi, M, mmse, M', M'' for a density: int dy N(y; 0, x) Z(y) f(y), nested quadrature."""
    x = mp.mpmathify(x)
    low, high = (mp.mpmathify(end) for end in support)

    def moments(y: mpf) -> Vector:
        top = min(max(y / x, low), high)
        half = 8 / mp.sqrt(1 + x)
        cuts = [low, *(c for c in (top - half, top, top + half) if low < c < high), high]

        def average(g: Callable[[mpf], mpf]) -> mpf:
            return mp.quad(lambda s: g(s) * density(s) * mp.exp(y * s - x * s * s / 2), cuts)

        norm = average(lambda s: mpf(1))
        mean = average(lambda s: s) / norm
        second = average(lambda s: (s - mean) ** 2) / norm
        third = average(lambda s: (s - mean) ** 3) / norm
        return tuple(norm * v for v in (mp.log(norm), mean**2, second, second**2, third**2 - 2 * second**3))

    values = gaussian_expectation(lambda z: moments(mp.sqrt(x) * z), 1 / (2 + mp.sqrt(x)))
    return dict(zip(("free_entropy", "overlap", "mmse", "slope", "curvature"), values, strict=True))


@lru_cache(maxsize=4096)
def _flipped(x: mpf, h: mpf, dps: int) -> Vector:
    """Return (E log cosh u - log cosh h - x/2, E tanh u, E m2^2, E[m3^2 - 2 m2^3]), u of UniformDiffusion."""
    with mp.workdps(dps + 10):
        total = [mpf(0)] * 4
        for eta in (1, -1):

            def integrand(z: mpf, eta: int = eta) -> Vector:
                u = x + mp.sqrt(x) * z + eta * h
                mean = mp.tanh(u)
                second = mp.sech(u) ** 2
                third = -2 * mean * second
                return mp.log(mp.cosh(u)), mean, second**2, third**2 - 2 * second**3

            weight = (1 + eta * mp.tanh(h)) / 2
            part = gaussian_expectation(integrand, 1 / (2 + 2 * mp.sqrt(x)))
            total = [t + weight * value for t, value in zip(total, part, strict=True)]
        total[0] -= mp.log(mp.cosh(h)) + x / 2
        return tuple(total)


# ------------------------------------------------------------------------------------ coupling, paths


@dataclass(frozen=True)
class Coupling:
    """xi(q) = control xi_1(q) + xi_0(q), both polynomials given as {power: coefficient}."""

    varying: dict[int, object]
    fixed: dict[int, object] = field(default_factory=dict)

    def derivative(self, order: int, q: mpf, control: mpf) -> mpf:
        """d^order xi / dq^order."""

        def part(polynomial: dict[int, object]) -> mpf:
            terms = (n for n in polynomial if n >= order)
            return mp.fsum(exact(polynomial[n]) * mp.ff(n, order) * q ** (n - order) for n in terms)

        return control * part(self.varying) + part(self.fixed)


class Flow:
    """G = M(x + snr), Psi = psi(x + snr)."""

    name = "flow"

    def __init__(self, prior: Mixture) -> None:
        self.prior = prior

    def overlap(self, x: mpf, s: mpf) -> mpf:
        """G(x, s)."""
        return overlap(self.prior, x + s)

    def slope(self, x: mpf, s: mpf) -> mpf:
        """dG/dx."""
        return slope(self.prior, x + s)

    def curvature(self, x: mpf, s: mpf) -> mpf:
        """d^2 G/dx^2."""
        return curvature(self.prior, x + s)

    def free_entropy(self, x: mpf, s: mpf) -> mpf:
        """Psi(x, s)."""
        return free_entropy(self.prior, x + s)

    def public(self, s: mpf) -> mpf:
        """Return the strength in its public unit: snr."""
        return s


class Autoregressive(Flow):
    """G = (1 - theta) M(x) + theta rho, Psi = (1 - theta) psi(x) + theta rho x/2."""

    name = "autoregressive"

    def overlap(self, x: mpf, s: mpf) -> mpf:
        """G(x, s)."""
        return (1 - s) * overlap(self.prior, x) + s * self.prior.second_moment

    def slope(self, x: mpf, s: mpf) -> mpf:
        """dG/dx."""
        return (1 - s) * slope(self.prior, x)

    def curvature(self, x: mpf, s: mpf) -> mpf:
        """d^2 G/dx^2."""
        return (1 - s) * curvature(self.prior, x)

    def free_entropy(self, x: mpf, s: mpf) -> mpf:
        """Psi(x, s)."""
        return (1 - s) * free_entropy(self.prior, x) + s * self.prior.second_moment * x / 2


class UniformDiffusion(Flow):
    """G = E tanh u, u = x + sqrt(x) z + eta h, P(eta = +-1) = (1 +- tanh h)/2; the strength is kept as h."""

    name = "uniform-diffusion"

    def overlap(self, x: mpf, s: mpf) -> mpf:
        """G(x, s)."""
        return _flipped(x, s, mp.dps)[1]

    def slope(self, x: mpf, s: mpf) -> mpf:
        """dG/dx."""
        return _flipped(x, s, mp.dps)[2]

    def curvature(self, x: mpf, s: mpf) -> mpf:
        """d^2 G/dx^2."""
        return _flipped(x, s, mp.dps)[3]

    def free_entropy(self, x: mpf, s: mpf) -> mpf:
        """Psi(x, s)."""
        return _flipped(x, s, mp.dps)[0]

    def public(self, s: mpf) -> mpf:
        """Return the retention tanh h."""
        return mp.tanh(s)


# ------------------------------------------------------------------------ points of the phase diagram


def solve(equations: Callable[..., list[mpf]], start: Sequence[object]) -> list[mpf]:
    """Return the root of a square system by Newton's method from the start, to the working precision."""
    unknowns = [mp.mpmathify(value) for value in start]
    with mp.extradps(10):
        root = mp.findroot(equations, unknowns, tol=mpf(10) ** (12 - mp.dps), maxsteps=60)
        return [root[i] for i in range(len(unknowns))]


def fixed_point(path: Flow, xi: Coupling, q: mpf, s: mpf, control: mpf) -> mpf:
    """Residual G(xi'(q), s) - q."""
    return path.overlap(xi.derivative(1, q, control), s) - q


def marginal(path: Flow, xi: Coupling, q: mpf, s: mpf, control: mpf) -> mpf:
    """Residual of dG(xi'(q), s)/dq = 1."""
    return path.slope(xi.derivative(1, q, control), s) * xi.derivative(2, q, control) - 1


def inflection(path: Flow, xi: Coupling, q: mpf, s: mpf, control: mpf) -> mpf:
    """d^2 G(xi'(q), s)/dq^2 = G_xx xi''^2 + G_x xi'''."""
    x, second, third = (xi.derivative(order, q, control) for order in (1, 2, 3))
    return path.curvature(x, s) * second**2 + path.slope(x, s) * third


def total_free_entropy(path: Flow, xi: Coupling, q: mpf, s: mpf, control: mpf) -> mpf:
    """phi(q) = Psi(xi'(q), s) - [q xi'(q) - xi(q)]/2."""
    x = xi.derivative(1, q, control)
    return path.free_entropy(x, s) - (q * x - xi.derivative(0, q, control)) / 2


def zero_strength_fold(prior: Mixture, xi: Coupling, start: Sequence[object]) -> dict[str, mpf]:
    """Dynamical or algorithmic threshold: q = M(xi'(q)), xi''(q) M'(xi'(q)) = 1; unknowns (q, control)."""
    path = Flow(prior)
    q, c = solve(lambda q, c: [fixed_point(path, xi, q, mpf(0), c), marginal(path, xi, q, mpf(0), c)], start)
    return {"control": c, "overlap": q}


def condensation(prior: Mixture, xi: Coupling, start: Sequence[object]) -> dict[str, mpf]:
    """phi(q) = phi(q_uninformed); unknowns (q, control) if q_uninformed = 0, else (q_uninf., q, control)."""
    path, none = Flow(prior), mpf(0)
    if len(start) == 2:
        q, c = solve(lambda q, c: [fixed_point(path, xi, q, none, c), total_free_entropy(path, xi, q, none, c)], start)
        return {"control": c, "overlap": q, "uninformed": mpf(0)}
    low, q, c = solve(lambda a, b, c: _equal(path, xi, a, b, none, c), start)
    return {"control": c, "overlap": q, "uninformed": low}


def _equal(path: Flow, xi: Coupling, low: mpf, high: mpf, s: mpf, control: mpf) -> list[mpf]:
    """Residuals of two fixed points with equal free entropies."""
    gap = total_free_entropy(path, xi, high, s, control) - total_free_entropy(path, xi, low, s, control)
    return [fixed_point(path, xi, low, s, control), fixed_point(path, xi, high, s, control), gap]


def tricritical(path: Flow, xi: Coupling, start: Sequence[object]) -> dict[str, mpf]:
    """G = q, dG/dq = 1, d^2 G/dq^2 = 0; unknowns (q, strength, control)."""
    q, s, c = solve(lambda *v: [fixed_point(path, xi, *v), marginal(path, xi, *v), inflection(path, xi, *v)], start)
    return {"control": c, "strength": path.public(s), "overlap": q}


def spinodal(path: Flow, xi: Coupling, control: mpf, start: Sequence[object]) -> dict[str, mpf]:
    """G = q, dG/dq = 1 at fixed control; unknowns (q, strength); raw is the strength as the path takes it."""
    q, s = solve(lambda q, s: [fixed_point(path, xi, q, s, control), marginal(path, xi, q, s, control)], start)
    return {"control": control, "strength": path.public(s), "overlap": q, "raw": s}


def first_order(path: Flow, xi: Coupling, control: mpf, start: Sequence[object]) -> dict[str, mpf]:
    """G = q twice, equal phi, at fixed control; unknowns (q_uninformed, q_informed, strength)."""
    low, high, s = solve(lambda a, b, s: _equal(path, xi, a, b, s, control), start)
    phi = total_free_entropy(path, xi, high, s, control)
    return {
        "control": control, "strength": path.public(s), "uninformed": low, "informed": high,
        "free_entropy": phi, "raw": s,
    }  # fmt: skip


def branch(path: Flow, xi: Coupling, control: mpf, s: mpf, start: object) -> mpf:
    """Return the overlap q = G(xi'(q), s) nearest the start."""
    guess = mp.mpmathify(start)
    with mp.extradps(10):
        pair = (guess, guess * (1 + mpf(10) ** -4))
        return mp.findroot(lambda q: fixed_point(path, xi, q, s, control), pair, tol=mpf(10) ** (12 - mp.dps))


def critical_sparsity(family: Callable[[mpf], Mixture], start: Sequence[object]) -> dict[str, mpf]:
    """Tricritical point at zero strength of the spiked matrix; unknowns (q, control, rho)."""
    xi = Coupling({2: Fraction(1, 2)})

    def equations(q: mpf, c: mpf, rho: mpf) -> list[mpf]:
        path, none = Flow(family(rho)), mpf(0)
        return [f(path, xi, q, none, c) for f in (fixed_point, marginal, inflection)]

    q, c, rho = solve(equations, start)
    return {"control": c, "overlap": q, "rho": rho}


def weak_recovery(prior: Mixture, xi: Coupling) -> dict[str, mpf]:
    """xi''(0) M'(0) = 1 with M'(0) = Var(s)^2."""
    bare = xi.derivative(2, mpf(0), mpf(0))
    control = (1 / prior.variance**2 - bare) / (xi.derivative(2, mpf(0), mpf(1)) - bare)
    return {"control": control, "overlap": mpf(0)}


# ------------------------------------------------------------------------------------- two precisions


def agreeing(first: mpf, second: mpf, least: int, most: int = 36) -> str:
    """Return as many digits of the second value as both share, at most `most`; too few is an error."""
    if first == 0 and second == 0:
        return "0"
    with mp.workdps(150):
        gap = abs(first - second)
        digits = most if gap == 0 else min(most, int(mp.floor(-mp.log10(gap / abs(second)))) - 1)
        if digits < least:
            raise ArithmeticError(f"only {digits} digits agree: {mp.nstr(first, 40)} and {mp.nstr(second, 40)}")
        return mp.nstr(second, digits, min_fixed=-5, max_fixed=8)


def twice(
    compute: Callable[..., dict[str, mpf]], *arguments: object, digits: tuple[int, int] = (40, 50)
) -> dict[str, str]:
    """Run the computation at two working precisions and keep the digits that agree, thirty at least."""
    results = []
    for dps in digits:
        with mp.workdps(dps):
            results.append(compute(*arguments))
    return {key: agreeing(results[0][key], value, 30) for key, value in results[1].items()}


# --------------------------------------------------------------------------------- identities


def expect(small: mpf, bound: str, what: str) -> None:
    """Raise if a residual exceeds its bound."""
    if abs(small) > mpf(bound):
        raise ArithmeticError(f"{what}: off by {mp.nstr(small, 3)}")


def self_check() -> None:
    """Check M, M', M'' by numerical differentiation, the Gaussian closed forms, the density."""

    def derivative(f: Callable[[mpf], mpf], x: mpf) -> mpf:
        h, nodes = mpf(10) ** -5, ((1, 672), (2, -168), (3, 32), (4, -3))
        return mp.fsum(w * (f(x + k * h) - f(x - k * h)) for k, w in nodes) / (840 * h)

    def closed(x: mpf) -> Vector:
        return (x - mp.log(1 + x)) / 2, x / (1 + x), 1 / (1 + x), 1 / (1 + x) ** 2, -2 / (1 + x) ** 3

    with mp.workdps(40):
        priors = (
            rademacher(),
            sparse_rademacher(0.08),
            gauss_bernoulli(0.4),
            atoms([-1, 0.5, 2], [0.3, 0.5, 0.2]),
        )
        for prior in priors:
            x = mpf("1.7")
            expect(2 * derivative(partial(free_entropy, prior), x) - overlap(prior, x), "1e-28", "M = 2 psi'")
            expect(derivative(partial(overlap, prior), x) - slope(prior, x), "1e-28", "M' = E Var^2")
            expect(derivative(partial(slope, prior), x) - curvature(prior, x), "1e-28", "M''")
        path, x, h = UniformDiffusion(rademacher()), mpf("0.9"), mpf("0.3")
        expect(
            2 * derivative(lambda t: path.free_entropy(t, h), x) - path.overlap(x, h),
            "1e-28",
            "G = 2 dPsi/dx",
        )
        expect(derivative(lambda t: path.overlap(t, h), x) - path.slope(x, h), "1e-28", "dG/dx")
        expect(derivative(lambda t: path.slope(t, h), x) - path.curvature(x, h), "1e-28", "d^2 G/dx^2")
        found = [f(gaussian(), x) for f in (free_entropy, overlap, mmse, slope, curvature)]
        expect(max(abs(a - b) for a, b in zip(found, closed(x), strict=True)), "1e-38", "Gaussian closed form")
    with mp.workdps(20):
        x = mpf("1.1")
        found = density_channel(lambda s: mp.npdf(s), (-mp.inf, mp.inf), x).values()
        expect(max(abs(a - b) for a, b in zip(found, closed(x), strict=True)), "1e-14", "Gaussian density")
