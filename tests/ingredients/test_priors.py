"""Priors: many-digit values, identities, limits, the density prior, the interpolated tables."""

from __future__ import annotations

import itertools
import warnings
from functools import cache

import mpmath
import numpy as np
import pytest
from conftest import REFERENCE, PlainChannel, correct_digits
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special

import amp_theory as at
from amp_theory.ingredients.priors.mixture_channel import channel
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.models.catalogue import PRIORS

FUNCTIONS = ("free_entropy", "overlap", "mmse", "overlap_slope", "overlap_curvature")
KEYS = {"free_entropy": "free_entropy", "overlap": "overlap", "mmse": "mmse", "slope": "overlap_slope",
        "curvature": "overlap_curvature"}  # fmt: skip


def make(case: dict) -> at.Prior:
    parameters = dict(case["parameters"])
    if case["prior"] == "discrete":
        return at.Discrete([float(v) for v in parameters["values"]], [_number(p) for p in parameters["probabilities"]])
    return PRIORS[case["prior"]](**parameters)


def _number(text: object) -> float:
    if isinstance(text, str) and "/" in text:
        top, bottom = text.split("/")
        return int(top) / int(bottom)
    return float(text)  # type: ignore[arg-type]


SCALAR = REFERENCE["scalar_channel"]


@pytest.mark.parametrize("case", SCALAR, ids=lambda c: f"{c['prior']}-{c['parameters']}-{c['x']}")
def test_every_function_has_twelve_digits(case):
    prior = make(case)
    values = prior.channel(float(case["x"]))
    with np.errstate(over="ignore"):
        for key, name in KEYS.items():
            exact = float(case[key])
            if abs(exact) > 1e-290:
                error = abs(float(getattr(values, name)) - exact) / abs(exact)
                assert error <= 1e-12, (key, error)
                if key != "curvature":  # whose stated error is relative to the terms it is the difference of
                    assert error <= values.relative_error + 2e-16, (key, error)
    assert abs(float(values.log_mmse) - float(case["log_mmse"])) <= 1e-12 * max(1, abs(float(case["log_mmse"])))


def test_reference_covers_all_priors_and_both_ends():
    assert {c["prior"] for c in SCALAR} == {"rademacher", "sparse-rademacher", "gauss-bernoulli", "discrete"}
    assert {float(c["x"]) for c in SCALAR} >= {1e-12, 1.0, 1e4}


mixtures = st.builds(
    lambda n, seed, smooth: _random_mixture(n, seed, smooth),
    st.integers(2, 5), st.integers(0, 10**6), st.booleans(),
)  # fmt: skip


def _random_mixture(n: int, seed: int, smooth: bool) -> Mixture:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(n))
    v = rng.uniform(0.05, 1.0, n) * (rng.random(n) < 0.5) if smooth else np.zeros(n)
    return Mixture(p, rng.normal(size=n), v)


@given(mixtures, st.floats(-3, 2))
def test_information_and_mmse(mixture, log_x):
    """d psi/dx = M/2, d M/dx = M', d M'/dx = M'', integrated over [x, 2x] by Gauss-Legendre quadrature."""
    x = 10**log_x
    node, weight = np.polynomial.legendre.leggauss(24)
    inner = channel(mixture, x * (1.5 + 0.5 * node))
    ends = channel(mixture, np.array([x, 2 * x]))
    size = float(np.max(np.abs(inner.overlap_curvature))) * x
    for function, derivative, floor in (
        ("free_entropy", inner.overlap / 2, ends.free_entropy[1]),
        ("overlap", inner.overlap_slope, ends.overlap[1]),
        ("overlap_slope", inner.overlap_curvature, max(ends.overlap_slope.max(), size)),
    ):
        change = np.diff(getattr(ends, function))[0]
        assert abs(change - 0.5 * x * (weight @ derivative)) <= 1e-12 * floor


@given(mixtures, st.floats(-6, 3))
def test_nishimori_and_order(mixture, log_x):
    """M + mmse = rho from separate integrals; M rises, M' > 0; information below the entropy of the label."""
    x = np.array([10**log_x])
    c = channel(mixture, x)
    rho = mixture.second_moment
    assert abs(c.overlap + c.mmse - rho)[0] <= 4e-14 * rho
    assert c.overlap[0] >= mixture.mean**2 * (1 - 1e-14)
    assert 0 <= c.mmse[0] <= mixture.variance * (1 + 1e-14)
    # atoms d apart are confused with a probability of about exp(-x d^2/8), which doubles may not hold
    if not mixture.atoms or x[0] * np.diff(np.sort(mixture.means)).min() ** 2 / 8 < 700:
        assert c.mmse[0] > 0
        assert c.overlap_slope[0] > 0
    if mixture.atoms:
        information = rho * x[0] / 2 - c.free_entropy[0]
        assert -1e-12 * rho * x[0] <= information <= mixture.entropy + 1e-12 * (1 + rho * x[0])


@given(st.integers(0, 10**6), st.floats(-2, 1.2))
def test_defining_sums(seed, log_x):
    """M = E <s> s* and psi = E log Z as plain double sums over planted atom and Gauss-Hermite nodes."""
    rng = np.random.default_rng(seed)
    values, p = rng.normal(size=3), rng.dirichlet(np.ones(3))
    prior, plain, x = at.Discrete(values, p), PlainChannel(list(values), list(p)), 10**log_x
    assert float(prior.overlap(x)) == pytest.approx(plain.overlap(x), rel=1e-7, abs=1e-9)
    assert float(prior.free_entropy(x)) == pytest.approx(plain.free_entropy(x), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("values", "probabilities", "x"), [((-0.65, 0.84), (0.99, 0.01), 17.0), ((-0.71, 0.65), (0.127, 0.873), 21.4),
                                                            ((-1, 0.2, 0.9), (0.1, 0.899, 0.001), 11.9),
                                                            ((-0.4952, -0.4917, -0.3732), (0.6, 0.3, 0.1), 22116.0)])  # fmt: skip
@pytest.mark.every(2)
def test_asymmetric_atoms_where_the_formulas_change(values, probabilities, x):
    """At the largest snr of the small-x formulas, and where close atoms leave less than a far one's tail, to 30 digits."""
    with mpmath.workdps(30):
        p, s, root = [mpmath.mpf(v) for v in probabilities], [mpmath.mpf(v) for v in values], mpmath.sqrt(x)

        @cache  # for three integrals
        def moments(y):
            w = [a * mpmath.exp(-((y - root * b) ** 2) / 2) for a, b in zip(p, s, strict=True)]
            z = sum(w)
            mean = sum(a * b for a, b in zip(w, s, strict=True)) / z
            var, third = (sum(a * (b - mean) ** k for a, b in zip(w, s, strict=True)) / z for k in (2, 3))
            return z / mpmath.sqrt(2 * mpmath.pi), var, third

        ends = mpmath.linspace(root * min(s) - 13, root * max(s) + 13, 30)
        exact = [
            mpmath.quad(lambda y, f=f: moments(y)[0] * f(*moments(y)[1:]), ends)
            for f in (lambda v, _: v, lambda v, _: v**2, lambda v, k: k**2 - 2 * v**3)
        ]
    ours = at.Discrete(values, probabilities).channel(x)
    for value, truth in zip((ours.mmse, ours.overlap_slope, ours.overlap_curvature), exact, strict=True):
        assert abs(float(value) / float(truth) - 1) <= float(ours.relative_error)


@pytest.mark.parametrize("prior", [at.Rademacher(), at.SparseRademacher(0.1), at.GaussBernoulli(0.3), at.Gaussian(),
                                   at.Discrete([-1, 0.5, 2], [0.3, 0.5, 0.2])])  # fmt: skip
def test_limits(prior):
    zero = prior.channel(0.0)
    assert zero.free_entropy == 0
    assert zero.overlap == pytest.approx(prior.mean**2, abs=0)
    assert zero.overlap_slope == pytest.approx(prior.variance**2, rel=1e-14)
    tiny = prior.channel(1e-9)
    assert tiny.overlap_slope == pytest.approx(float(zero.overlap_slope), rel=1e-7)
    assert tiny.overlap_curvature == pytest.approx(float(zero.overlap_curvature), rel=1e-6)
    large = prior.channel(1e4)
    if np.isfinite(prior.entropy):
        assert large.free_entropy == pytest.approx(prior.second_moment * 5e3 - prior.entropy, rel=1e-15)
    else:
        # rho/x, and more next to an atom
        assert 0.99 < float(large.mmse) * 1e4 / prior.second_moment < 1.15


def test_underflow_is_silent_and_keeps_the_logarithm():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="raise", under="ignore"):
            c = at.Rademacher().channel([2000.0, 1e4])
    assert c.mmse[1] == 0
    assert np.all(np.isfinite(c.log_mmse))
    # log mmse = -x/2 + log sqrt(pi/(2x)) (2 - ...) : its slope tends to -1/2
    assert np.diff(c.log_mmse)[0] / 8000 == pytest.approx(-0.5, abs=2e-4)


def test_gaussian_is_its_closed_form():
    x = np.geomspace(1e-300, 1e4, 400)
    c = at.Gaussian().channel(x)
    assert np.allclose(c.overlap, x / (1 + x), rtol=1e-15)
    with np.errstate(under="ignore"):
        series = np.where(x < 1e-4, x * x / 4 * (1 - 2 * x / 3 + x * x / 2), (x - np.log1p(x)) / 2)
    assert np.allclose(c.free_entropy, series, rtol=1e-11)


def test_equal_laws_agree():
    x = np.geomspace(1e-3, 300, 40)
    sparse = at.SparseRademacher(0.2).channel(x)
    atoms = at.Discrete([1, -1, 0], [0.1, 0.1, 0.8]).channel(x)
    for name in FUNCTIONS:
        assert np.allclose(getattr(sparse, name), getattr(atoms, name), rtol=2e-13, atol=0)
    assert np.array_equal(at.SparseRademacher(1.0).overlap(x), at.Rademacher().overlap(x))
    assert np.array_equal(at.GaussBernoulli(1.0).overlap(x), at.Gaussian().overlap(x))


@given(st.floats(0.2, 5), st.floats(-3, 3))
def test_scaling_law(scale, log_x):
    """s -> c s: psi(x) -> psi(c^2 x), M -> c^2 M(c^2 x)."""
    values, p = np.array([-1.0, 0.3, 1.7]), [0.2, 0.5, 0.3]
    x = 10**log_x
    big, unit = at.Discrete(scale * values, p).channel(x), at.Discrete(values, p).channel(scale**2 * x)
    assert float(big.free_entropy) == pytest.approx(float(unit.free_entropy), rel=1e-11)
    assert float(big.overlap) == pytest.approx(scale**2 * float(unit.overlap), rel=1e-11)


# --- densities ---------------------------------------------------------------------------------------------


def test_density_of_a_gaussian():
    prior = at.Density(lambda s: np.exp(-s * s / 2) / np.sqrt(2 * np.pi), (-np.inf, np.inf))
    x = np.array([1e-12, 1e-6, 1e-3, 0.1, 1, 3, 10, 100, 1e3, 1e4])
    ours, exact = prior.channel(x), at.Gaussian().channel(x)
    for name in FUNCTIONS:
        error = np.abs(getattr(ours, name) / getattr(exact, name) - 1)
        assert np.all(error <= 1e-12), name
        assert np.all(error <= ours.relative_error), name


def test_density_of_a_uniform_law():
    """Uniform on (-1, 1): <s> in terms of normal densities and integrals, averaged by adaptive quadrature."""
    prior = at.Density(lambda s: np.full_like(s, 0.5), (-1, 1))
    for x in (0.3, 2.0, 15.0):
        r = np.sqrt(x)

        def mass(y, r=r):
            return 0.5 * (special.ndtr(y + r) - special.ndtr(y - r)) / r

        def squared_mean(y, r=r, mass=mass):
            shift = 0.5 * (np.exp(-((y + r) ** 2) / 2) - np.exp(-((y - r) ** 2) / 2)) / np.sqrt(2 * np.pi) / r
            return (y * mass(y) + shift) ** 2 / mass(y) / r**2

        exact = (
            integrate.quad(squared_mean, -r - 8, r + 8, epsabs=1e-14, epsrel=1e-12, limit=200, points=[-r, r])[0]
            * r
            / r
        )
        assert float(prior.overlap(x)) == pytest.approx(exact, rel=1e-9)


def test_density_with_kinks_named_or_not():
    named = at.Density(lambda s: 0.5 * np.exp(-abs(s)), (-np.inf, 0, np.inf))
    left_out = at.Density(lambda s: 0.5 * np.exp(-abs(s)), (-np.inf, np.inf))
    x = np.array([1e-6, 0.1, 2.0, 50.0])
    assert np.allclose(named.mmse(x), left_out.mmse(x), rtol=1e-13)
    shifted = at.Density(lambda s: 0.5 * np.exp(-abs(s - 0.3)), (-np.inf, np.inf))
    assert shifted.mean == pytest.approx(0.3, abs=1e-13)
    # a shift changes no posterior variance
    assert np.allclose(shifted.mmse(x), named.mmse(x), rtol=1e-11)


@pytest.mark.parametrize("inverse", [1, 3])
def test_density_with_a_gap_at_large_snr(inverse):
    """Two intervals, whose posterior jumps where y hardly ever is, against closed forms and plain sums."""
    prior = at.Density(lambda s: 0.5 * ((abs(s) >= 1) & (abs(s) <= 2)), (-2, -1, 1, 2))
    x = prior._least_large * inverse + 0.01
    y = np.arange(-2 * np.sqrt(x) - 14, 2 * np.sqrt(x) + 14, 1 / 64)
    moments = np.zeros((4, y.size))
    for lower, upper in ((-2, -1), (1, 2)):
        a, b = lower * np.sqrt(x) - y, upper * np.sqrt(x) - y
        f, g = (np.exp(-e * e / 2) / np.sqrt(2 * np.pi) for e in (a, b))
        mass = np.where(a > 0, special.ndtr(-a) - special.ndtr(-b), special.ndtr(b) - special.ndtr(a))
        moments += np.stack([mass, f - g, mass + a * f - b * g, 2 * (f - g) + a * a * f - b * b * g])
    density, mean, second, third = moments[0] / 2 / np.sqrt(x), *(moments[1:] / moments[0])
    tau, kappa = second - mean**2, third - 3 * mean * second + 2 * mean**3
    ours = prior.channel(x)
    exact = {
        "mmse": tau / x, "overlap_slope": (tau / x) ** 2, "overlap_curvature": (kappa**2 - 2 * tau**3) / x**3,
        "information": -np.log(density * np.sqrt(2 * np.pi * np.e)),
    }  # fmt: skip
    for name, values in exact.items():
        assert float(getattr(ours, name)) == pytest.approx(float(density @ values) / 64, rel=1e-11), name


@pytest.mark.parametrize(
    ("function", "support"),
    [
        (lambda s: 0.5 * np.exp(-abs(s)), (-np.inf, 0, np.inf)),
        (lambda s: 0.5 * np.exp(-abs(s - 0.3)), (-np.inf, np.inf)),
        (lambda s: np.sqrt(4 - s * s) / (2 * np.pi), (-2, 2)),
        (lambda s: s * s * np.exp(-s * s / 2) / np.sqrt(2 * np.pi), (-np.inf, np.inf)),
        (lambda s: np.exp(-s), (0, np.inf)),
    ],
    ids=["laplace", "kink not named", "semicircle", "zero", "exponential"],
)
@pytest.mark.every(2)
def test_density_at_large_snr_agrees_with_its_integrals_over_y(function, support):
    prior = at.Density(function, support)
    for factor in (1.01, 8, 64):
        x = factor * prior._least_large
        psi, gain, mmse, slope, curvature, error = prior._by_atoms(x)
        ours = prior.channel(x)
        assert float(ours.relative_error) < 1e-13
        bound = error + float(ours.relative_error)
        known = (psi, gain, mmse, slope, curvature)
        for name, value in zip((*FUNCTIONS[:1], "overlap_gain", "mmse", *FUNCTIONS[-2:]), known, strict=True):
            offset = 0.5 * x * prior.mean**2 if name == "free_entropy" else 0.0
            assert float(getattr(ours, name)) == pytest.approx(value + offset, rel=bound), name


def test_density_at_any_snr():
    """An exponential law is Gaussian far from zero: its mmse tends to 1/x, at snrs that no panels of y would cover."""
    prior = at.Density(lambda s: np.exp(-s), (0, np.inf))
    x = np.array([1e8, 1e12, 1e30, 1e100])
    values = prior.channel(x)
    assert np.all(np.abs(values.mmse * x - 1) < 3 / np.sqrt(x) + 1e-12)
    assert np.allclose(values.information, 1 + 0.5 * np.log(x / (2 * np.pi * np.e)), atol=1e-3)
    assert np.all(np.isfinite(values.relative_error))


def test_many_atoms_are_a_density():
    """Where an observation does not tell neighbours apart: the wider steps of many atoms against those of panels."""
    norm = np.sqrt(2 * np.pi) * special.erf(np.sqrt(2))
    density = at.Density(lambda s: np.exp(-s * s / 2) / norm, (-2, 2))
    node, weight = np.polynomial.legendre.leggauss(60)
    p = weight * np.exp(-2 * node * node)
    many = at.Discrete((2 * node).tolist(), (p / p.sum()).tolist())
    for x in (0.01, 0.1, 1.0):
        for name in FUNCTIONS[:4]:
            exact = float(getattr(density.channel(x), name))
            assert float(getattr(many.channel(x), name)) == pytest.approx(exact, rel=1e-12), name


@pytest.mark.parametrize(("width", "inner"), [(0.1, ()), (0.05, (-0.2, 0.2)), (0.01, (-0.8, 0.8)), (1e-3, (-0.9, 0.9))])
def test_density_close_to_two_atoms(width, inner):
    """Where the posterior jumps from one peak to the other within a step, and with a gap in the support."""
    prior = at.Density(
        lambda s: (0.3 * np.exp(-(((s - 1) / width) ** 2) / 2) + 0.7 * np.exp(-(((s + 1) / width) ** 2) / 2))
        / np.sqrt(2 * np.pi) / width,
        sorted({-np.inf, -1.0, *inner, 1.0, np.inf}),
    )  # fmt: skip
    mixture = Mixture(np.array([0.3, 0.7]), np.array([1.0, -1.0]), np.full(2, width**2))
    x = np.array([1e-8, 1e-4, 0.02, 0.06, 0.5, 2, 8, 30, 90, 300, 1e3, 1e4])
    ours, exact = prior.channel(x), channel(mixture, x)
    assert np.all(ours.relative_error < 2e-12)
    for name in FUNCTIONS[:4]:
        error = np.abs(getattr(ours, name) / getattr(exact, name) - 1)
        assert np.all(error <= ours.relative_error + exact.relative_error), name
    size = np.abs(exact.overlap_curvature) + 4 * exact.overlap_slope * exact.mmse
    assert np.all(np.abs(ours.overlap_curvature - exact.overlap_curvature) <= 1e-12 * size)


@pytest.mark.parametrize(
    ("function", "support", "message"),
    [
        (lambda s: np.exp(-s * s), (-np.inf, np.inf), "integrates to"),
        (lambda s: np.full_like(s, 0.25), (-1, 1), "integrates to 0.5"),
        (lambda s: np.where(s < 0, -1.0, 2.0), (-1, 1), ">= 0"),
        (lambda s: np.where(s > 0.5, np.nan, 1.0), (0, 1), "finite"),
        (lambda s: 1 / (np.pi * (1 + s * s)), (-np.inf, np.inf), "variance"),
        (lambda s: 1.0, (0, 1), "one value per point"),
        (lambda s: s, (1, 0), "increasing"),
        (lambda s: s, (0,), "at least two"),
        (lambda s: s, (0, np.inf, 3), "increasing|infinite"),
        (lambda s: s, (0, float("nan")), "increasing"),
        (lambda s: s, "ab", "list of numbers"),
        ("no function", (0, 1), "callable"),
    ],
)
def test_bad_densities(function, support, message):
    with pytest.raises(at.InputError, match=message):
        at.Density(function, support)


# --- tables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [at.Rademacher(), at.SparseRademacher(0.08), at.SparseRademacher(1e-4),
                                   at.GaussBernoulli(0.001), at.Discrete([-1, 0.5, 2], [0.3, 0.5, 0.2]),
                                   at.Discrete([0, 1], [0.97, 0.03]), at.Gaussian()])  # fmt: skip
def test_tables_agree_with_the_integrals(prior):
    x = np.geomspace(1e-9, 900, 601) / max(prior.second_moment, 1e-3)
    table, exact = prior.table(x), prior.channel(x)
    bound = table.relative_error + exact.relative_error
    pairs = ((table.free_entropy, exact.free_entropy), (table.overlap, exact.overlap), (table.mmse, exact.mmse),
             (table.slope, exact.overlap_slope))  # fmt: skip
    for ours, theirs in pairs:
        alive = theirs > 1e-250
        assert np.all(np.abs(ours - theirs)[alive] <= (bound * theirs)[alive])
    scale = np.maximum.accumulate(np.abs(exact.overlap_curvature[::-1]))[::-1]
    assert np.all(np.abs(table.curvature - exact.overlap_curvature) <= 1e-10 * scale + 1e-250)
    assert np.max(bound[x < 30]) < 3e-12


@pytest.mark.parametrize("mean", [1e-17, 1e-14, 1e-10, 1e-6, 9e-4, 0.0011, 0.02, 0.031, 0.032, 0.1])
def test_tables_of_nearly_centred_priors(mean):
    """M goes from (E s)^2 to order x, psi from order x to x^2, at a tiny snr: the table keeps their digits."""
    prior = at.Discrete([-1 + mean, 1 + mean], [0.5, 0.5])
    x = np.concatenate([[0.0], 10.0 ** np.arange(-40, 3, 0.37)])
    table, exact = prior.table(x), prior.channel(x)
    bound = table.relative_error + exact.relative_error
    for name in ("overlap", "free_entropy"):
        ours, truth = getattr(table, name), getattr(exact, name)
        assert np.all(np.abs(ours - truth) <= bound * truth), name


@pytest.mark.parametrize("rho", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("x", [11.9, 12.1, 20.0, 30.0])
@pytest.mark.every(5)
def test_sparse_priors_between_the_regimes(rho, x):
    """psi = E_g[(1 + d) log(1 + d) - d] and M = E_g[(1 + d) <s>^2], d = rho (e^(-x/2) cosh(sqrt(x) y) - 1), to 40 digits."""
    with mpmath.workdps(40):
        fraction, root = mpmath.mpf(rho), mpmath.sqrt(x)

        low = mpmath.exp(-mpmath.mpf(x) / 2)

        def integrands(y):  # both at once, as real and imaginary part
            up = mpmath.exp(root * y)
            d = fraction * (low * (up + 1 / up) / 2 - 1)
            signed = fraction * low * (up - 1 / up) / 2
            return mpmath.npdf(y) * mpmath.mpc((1 + d) * mpmath.log1p(d) - d, signed**2 / (1 + d))

        exact = 2 * mpmath.quad(integrands, mpmath.linspace(0, root + 14, 30))
        ours = at.SparseRademacher(rho).channel(x)
        for value, truth in zip((ours.free_entropy, ours.overlap), (exact.real, exact.imag), strict=True):
            assert abs(mpmath.mpf(float(value)) / truth - 1) <= float(ours.relative_error) <= 1e-13


@pytest.mark.parametrize(
    "prior", [at.Rademacher(), at.SparseRademacher(0.08), at.SparseRademacher(1e-8), at.GaussBernoulli(1e-8)], ids=repr
)
def test_stated_error_is_below_the_promise(prior):
    """Below 1e-12 for snr up to 1e4, wherever the mmse exceeds 1e-290."""
    values = prior.channel(np.concatenate([[0.0], 10.0 ** np.linspace(-12, 4, 200)]))
    assert np.all(values.relative_error[values.mmse > 1e-290] <= 1e-12)


def test_table_beyond_underflow():
    values = at.Rademacher().table(np.array([1e3, 2e3, 1e4]))
    assert values.mmse[2] == 0
    assert values.slope[2] == 0
    assert values.overlap[2] == 1


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0, -0.1, 1.5, np.nan, np.inf, "x", None])
@pytest.mark.parametrize("kind", [at.SparseRademacher, at.GaussBernoulli])
def test_bad_rho(kind, rho):
    with pytest.raises(at.InputError, match="rho"):
        kind(rho)


@pytest.mark.parametrize(
    ("values", "probabilities", "message"),
    [
        ([0, 1], [0.5], "equal length"),
        ([0, 0], [0.5, 0.5], "distinct"),
        ([0, np.nan], [0.5, 0.5], "finite"),
        ([0, 1], [0.5, np.inf], "finite"),
        ([0, 1], [0.5, 0.6], "sum to one"),
        ([0, 1], [-0.5, 1.5], ">= 0"),
        ([0, 1], [0, 1], "variance"),
        ([1], [1], "variance"),
        ([], [], "list of numbers"),
        (3, [1], "list of numbers"),
    ],
)
def test_bad_atoms(values, probabilities, message):
    with pytest.raises(at.InputError, match=message):
        at.Discrete(values, probabilities)


@pytest.mark.parametrize("x", [-1, np.nan, np.inf, [1, -1e-300]])
def test_bad_snr(x):
    with pytest.raises(at.InputError, match="snr"):
        at.Rademacher().overlap(x)


def test_priors_are_values():
    priors = [
        at.Rademacher(),
        at.SparseRademacher(0.1),
        at.Gaussian(),
        at.GaussBernoulli(0.1),
        at.Discrete([0, 1], [0.5, 0.5]),
    ]
    for a, b in itertools.product(priors, priors):
        assert (a == b) == (a is b)
    assert len({*priors, at.SparseRademacher(0.1), at.Discrete([0, 1], [0.5, 0.5])}) == 5
    assert repr(at.SparseRademacher(0.1)) == "SparseRademacher(rho=0.1)"


def test_shapes_follow_the_argument():
    assert at.Rademacher().overlap(1.0).shape == ()
    assert at.Rademacher().overlap(np.ones((2, 3))).shape == (2, 3)
    assert at.Rademacher().overlap([]).shape == (0,)


def test_correct_digits_counts():
    assert correct_digits(1.0 + 1e-10, 1.0) == pytest.approx(10, abs=0.01)
