"""Langevin theory of spherical models: exact solutions, critical exponents, one theory against the other."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.interpolate import make_interp_spline
from scipy.optimize import brentq
from scipy.special import gammaln, iv, ive

import amp_theory as at
from amp_theory import equilibrium_correlation, langevin_correlations
from amp_theory.dynamics.landscape import SphericalLandscape

P3 = at.SphericalPSpin(3)
MIXED = at.MixedPSpin("q**3/2 + q**4/2", at.Gaussian())
T_D = np.sqrt(3 / 8)


def dynamical(model: at.Model) -> tuple[float, float, float]:
    """Return T_d, the overlap there and lambda = xi'''(q) (1 - q)^3/2, from the definitions by scipy."""
    terms = model.coupling.scaled_terms

    def derivative(q: float, order: int) -> float:
        return sum(c * np.prod(np.arange(k - order + 1, k + 1)) * q ** (k - order) for k, c in terms)

    # T^2 = xi_1'(q) (1 - q)/q is largest
    q = brentq(lambda q: derivative(q, 2) * q * (1 - q) - derivative(q, 1), 0.3, 0.95, xtol=1e-15)
    t2 = derivative(q, 1) * (1 - q) / q
    return float(np.sqrt(t2)), q, derivative(q, 3) * (1 - q) ** 3 / (2 * t2)


def exponents(parameter: float) -> tuple[float, float, float]:
    """Return a, b, gamma of Gamma(1-a)^2/Gamma(1-2a) = lambda = Gamma(1+b)^2/Gamma(1+2b)."""
    a = brentq(lambda a: 2 * gammaln(1 - a) - gammaln(1 - 2 * a) - np.log(parameter), 0.01, 0.4999, xtol=1e-14)
    b = brentq(lambda b: 2 * gammaln(1 + b) - gammaln(1 + 2 * b) - np.log(parameter), 0.01, 2.0, xtol=1e-14)
    return a, b, 1 / (2 * a) + 1 / (2 * b)


# --- equilibrium: the equation -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [P3, MIXED], ids=["3-spin", "mixed"])
@pytest.mark.parametrize("ratio", [3.0, 1.5, 1.1, 1.01, 1.0001, 1.000001])
@pytest.mark.every(4)
def test_equation_of_motion_holds(model, ratio):
    result = equilibrium_correlation(model, ratio * dynamical(model)[0], end_time=1e14)
    times = np.geomspace(1e-4, 1e14, 73)
    assert np.max(np.abs(result.residual(times))) < 1e-9  # 1e-6 is asked for
    assert result.error.max() < 2e-8
    assert np.all(np.diff(result.correlation) < 1e-14)
    assert result.plateau is None


def test_equation_of_motion_by_other_means():
    """Spline and adaptive quadrature of scipy, and the equation before partial integrations, in Langevin time."""
    temperature = 1.001 * T_D
    result = equilibrium_correlation(P3, temperature, end_time=1e5)
    scale = result.times[result.nodes]
    spline = make_interp_spline(np.log1p(result.times / scale), result.correlation, k=7)
    slope = spline.derivative()

    def c(t):
        return spline(np.log1p(t / scale))

    def dc(t):
        return slope(np.log1p(t / scale)) / (t + scale)

    def integrand(u, t):
        return 1.5 * c(t - u) ** 2 * dc(u)

    for t in (0.01, 1.0, 30.0, 2000.0, 9e4):
        cuts = np.geomspace(1e-6, 0.5, 24) * t
        cuts = np.concatenate([[0.0], cuts, t - cuts[-2::-1], [t]])
        memory = sum(quad(integrand, x, y, (t,), epsabs=1e-13, epsrel=1e-12)[0] for x, y in pairwise(cuts))
        assert abs(dc(t) + temperature * c(t) + memory / temperature) < 1e-8 * temperature


def test_residual_sees_wrong_solutions():
    good = equilibrium_correlation(P3, 1.01 * T_D, end_time=1e6)
    times = np.geomspace(1e-2, 1e6, 41)
    bump = 1e-4 * np.exp(-((np.log(good.times + 1e-9) - 4) ** 2))
    assert np.max(np.abs(replace(good, correlation=good.correlation + bump).residual(times))) > 1e-6
    warmer = SphericalLandscape.of(P3, 1.0101 * T_D)
    assert np.max(np.abs(replace(good, _landscape=warmer).residual(times))) > 1e-6
    stretched = replace(good, times=good.times * 1.001)
    assert np.max(np.abs(stretched.residual(times))) > 1e-6


@settings(max_examples=8)
@given(
    coefficients=st.lists(st.floats(0, 2), min_size=3, max_size=3),
    temperature=st.floats(0.3, 3.0),
    high=st.integers(5, 40),
)
def test_any_mixture(coefficients, temperature, high):
    a, b, c = (round(x, 3) for x in coefficients)
    model = at.MixedPSpin(f"{a}*q**2 + {b}*q**3 + {c}*q**{high} + q**4/100", at.Gaussian())
    try:
        result = equilibrium_correlation(model, temperature, end_time=1e8)
    except at.NumericalError as failure:  # next to a dynamical temperature
        result = failure.partial
        assert result.error.max() > 1e-5
    assert np.max(np.abs(result.residual(np.geomspace(1e-3, 1e8, 23)))) < 1e-8
    assert np.all(np.diff(result.correlation) < 2 * result.error[1:])
    if result.plateau is not None:
        assert np.all(result.correlation > result.plateau - 2 * result.error)
        q, gap = np.array(result.plateau), np.array(1 - result.plateau)
        assert float(model.coupling.scaled(q, gap)[1]) / temperature**2 == pytest.approx(float(q / gap), rel=1e-6)


# --- equilibrium: exact solutions ----------------------------------------------------------------------------


def test_two_spin_at_its_transition_is_a_bessel_function():
    """C = e^{-2t} (I_0(2t) + I_1(2t)) ~ t^{-1/2} for p = 2, T = 1: every digit over twelve decades."""
    with pytest.raises(at.NumericalError, match="known to") as failure:
        equilibrium_correlation(at.SphericalPSpin(2), 1.0, end_time=1e12, tolerance=1e-13)
    result = failure.value.partial
    x = 2 * result.times
    exact = np.where(x < 1e7, ive(0, np.minimum(x, 1e7)) + ive(1, np.minimum(x, 1e7)),
                     (1 - 1 / (8 * np.maximum(x, 1))) * np.sqrt(2 / (np.pi * np.maximum(x, 1))))  # fmt: skip
    assert np.max(np.abs(result.correlation - exact)) < 2e-13
    assert np.all(np.abs(result.correlation - exact) <= result.error)


def test_two_spin_above_its_transition():
    """C(t) = int rho(x) T/(mu - x) e^{-(mu - x) t} dx over the semicircle, mu = T + 1/T."""
    temperature = 1.3
    result = equilibrium_correlation(at.SphericalPSpin(2), temperature, end_time=100.0)
    x, w = np.polynomial.chebyshev.chebgauss(2000)
    gap = temperature + 1 / temperature - 2 * x
    weight = w * (1 - x**2) * 2 / np.pi * temperature / gap
    exact = np.exp(-gap * result.times[:, None]) @ weight
    assert np.max(np.abs(result.correlation - exact)) < 1e-13
    assert result.relaxation_time == pytest.approx(
        brentq(lambda t: np.exp(-gap * t) @ weight - np.exp(-1), 0.1, 10, xtol=1e-14), abs=1e-12
    )


def test_free_limit_and_short_times():
    hot = equilibrium_correlation(P3, 1e6, end_time=2e-5)
    assert np.max(np.abs(hot.correlation - np.exp(-1e6 * hot.times))) < 1e-11
    assert hot.relaxation_time == pytest.approx(1e-6, rel=1e-10)
    # dC/dt = -T, d2C/dt2 = T^2 + xi_1'(1), both read off the equation at t = 0
    result, t = equilibrium_correlation(P3, 0.7, end_time=10.0), np.array([1e-3, 2e-3])
    rest = (result(t) - 1 + 0.7 * t) / t**2
    assert 2 * (2 * rest[0] - rest[1]) == pytest.approx(0.7**2 + 1.5, abs=1e-5)
    assert float(result(0)) == 1


@pytest.mark.slow
def test_error_holds_against_many_nodes():
    """The error is no guess: it bounds the difference to a far finer solution, from truncation to rounding."""
    for epsilon, nodes in ((0.3, 8), (1e-2, 10), (1e-3, 12), (1e-4, 16), (1e-5, 16), (1e-6, 20), (1e-7, 16)):
        coarse, fine = (
            equilibrium_correlation(P3, T_D * (1 + epsilon), 1e14, tolerance=1.0, nodes=n) for n in (nodes, 28)
        )
        difference = np.abs(fine(coarse.times) - coarse.correlation)
        assert np.all(difference <= coarse.error + fine.error.max())
        assert np.max(coarse.error) < 5000 * np.max(difference)
        change = abs(coarse.relaxation_time - fine.relaxation_time)
        assert change <= coarse.relaxation_time_error + fine.relaxation_time_error


# --- equilibrium: the transition -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", [P3, at.SphericalPSpin(4), MIXED], ids=["3-spin", "4-spin", "mixed"])
@pytest.mark.slow
def test_relaxation_time_diverges_with_the_exponent_of_theory(model):
    """Local exponents approach gamma as epsilon^(1/2); two extrapolations leave less than 1e-5."""
    threshold, _, parameter = dynamical(model)
    gamma = exponents(parameter)[2]
    ratio = 10.0**-0.5
    epsilon = 1e-3 * ratio ** np.arange(8)
    times = [equilibrium_correlation(model, threshold * (1 + e), 1e15).relaxation_time for e in epsilon]
    local = np.diff(np.log(times)) / -np.log(ratio)
    assert np.all(np.diff(local) < 0)
    assert 0 < local[-1] - gamma < 4e-4
    once = (local[1:] - ratio**0.5 * local[:-1]) / (1 - ratio**0.5)
    twice = (once[1:] - ratio * once[:-1]) / (1 - ratio)
    assert abs(once[-1] - gamma) < 1e-5
    assert abs(twice[-1] - gamma) < 2e-6
    if model == P3:
        assert gamma == pytest.approx(1.765, abs=5e-4)


def test_critical_decay_at_the_dynamical_temperature():
    """C - q ~ t^-a, with lambda = 1/2, q = 1/2 and a = 0.395 for p = 3."""
    threshold, overlap, parameter = dynamical(P3)
    assert threshold == pytest.approx(T_D, rel=1e-14)
    assert overlap == pytest.approx(0.5, abs=1e-7)
    assert parameter == pytest.approx(0.5, abs=1e-6)
    a, b, _ = exponents(0.5)
    assert b == pytest.approx(1, abs=1e-10)
    result = equilibrium_correlation(P3, T_D, end_time=1e9, tolerance=1.0)
    t = np.geomspace(1e4, 1e7, 7)
    local = -np.diff(np.log(result(t) - 0.5)) / np.diff(np.log(t))
    k = 10 ** (-0.5 * a)  # corrections are of relative order t^-a
    extrapolated = (local[1:] - k * local[:-1]) / (1 - k)
    assert abs(local[-1] - a) < 2e-3
    assert abs(extrapolated[-1] - a) < 1e-4


@pytest.mark.parametrize("model", [P3, MIXED], ids=["3-spin", "mixed"])
@pytest.mark.every(2)
def test_glass_stays_on_its_plateau(model):
    threshold, critical, _ = dynamical(model)
    for ratio in (0.5, 0.9, 0.99, 1 - 1e-4):
        result = equilibrium_correlation(model, ratio * threshold, end_time=1e14)
        assert result.plateau is not None
        assert result.plateau > critical
        assert abs(float(result(1e14)) - result.plateau) < 1e-9
        assert result.relaxation_time is result.relaxation_time_error is None
        informed = at.informed_overlap(model, at.Flow(), ratio * threshold, 0.0)
        assert result.plateau == pytest.approx(float(informed), abs=1e-9)
    just_below = equilibrium_correlation(model, (1 - 1e-10) * threshold, end_time=1.0)
    assert just_below.plateau == pytest.approx(critical, abs=1e-4)


@pytest.mark.slow
def test_plateau_of_many_forms():
    """Continuous, discontinuous and both: the largest root, against a scan of the definition."""
    for xi, temperature in (
        ("q**2/2", 0.99999), ("q**2/2", 0.3), ("q**2/2 + q**30/2", 0.99), ("q**2/2 + q**30/2", 0.8),
        ("q**3/2", 1e-3), ("q**1000/2", 0.3), ("q**3/2 + 2*q**30", 0.6), ("q**2/2", 1.00001), ("q**1000/2", 30.0),
    ):  # fmt: skip
        model = at.MixedPSpin(xi, at.Gaussian())
        plateau = SphericalLandscape.of(model, temperature).plateau()
        gap = np.geomspace(1e-9, 1 - 1e-6, 2_000_001)
        above = np.flatnonzero(model.coupling.scaled(1 - gap, gap)[1] / temperature**2 * gap >= 1 - gap)
        if not len(above):
            assert plateau is None
        else:
            assert plateau is not None
            assert 1 - plateau == pytest.approx(gap[above[0]], rel=3e-5)


def test_long_times_cost_little():
    equilibrium_correlation(P3, 1.0001 * T_D, end_time=1e15)
    begin = time.process_time()
    equilibrium_correlation(P3, 1.0002 * T_D, end_time=1e15)
    assert time.process_time() - begin < 3


# --- two times -----------------------------------------------------------------------------------------------


def two_spin(temperature: float, end: float, steps: int) -> dict[str, np.ndarray]:
    """Return the exact solution for p = 2 from a random start: modes of the semicircle, one Volterra equation.

    With g(t) = I_1(2t)/t and G = exp(2 int mu): G(t) = g(2t) + 2T int_0^t G(s) g(2t - 2s) ds,
    C(t, t') = [g(t+t') + 2T int_0^t' G(s) g(t+t'-2s) ds]/sqrt(G G'), R = sqrt(G'/G) g(t-t').
    Trapezoidal rules, extrapolated to zero step.
    """

    def g(t):
        safe = np.where(t == 0, 1.0, t)
        return np.where(t == 0, 1.0, iv(1, 2 * safe) / safe)

    def solve(factor: int) -> tuple[np.ndarray, np.ndarray]:
        n, h = factor * steps, end / steps / factor
        kernel = g(2 * h * np.arange(n + 1))
        growth = np.ones(n + 1)
        for i in range(1, n + 1):
            known = 0.5 * growth[0] * kernel[i] + growth[1:i] @ kernel[i - 1 : 0 : -1]
            growth[i] = (kernel[i] + 2 * temperature * h * known) / (1 - temperature * h)
        integral = np.zeros((steps + 1, steps + 1))
        for j in range(1, steps + 1):
            s = np.arange(j * factor + 1)
            weight = np.where((s == 0) | (s == j * factor), 0.5, 1.0) * growth[: j * factor + 1]
            for i in range(j, steps + 1):
                integral[i, j] = h * weight @ g(h * ((i + j) * factor - 2 * s))
        return growth[::factor], integral

    (g1, i1), (g2, i2) = solve(8), solve(16)
    growth, integral = (4 * g2 - g1) / 3, (4 * i2 - i1) / 3
    t = np.linspace(0, end, steps + 1)
    scale = np.sqrt(growth[:, None] * growth)
    c = (g(t[:, None] + t) + 2 * temperature * integral) / scale
    r = np.where(t[:, None] >= t, np.sqrt(growth / growth[:, None]) * g(np.abs(t[:, None] - t)), 0.0)
    c = np.tril(c) + np.tril(c, -1).T
    return {"correlation": c, "response": r}


@pytest.mark.parametrize("temperature", [1.4, 0.4], ids=["liquid", "ageing"])
def test_two_spin_from_a_random_start(temperature):
    exact = two_spin(temperature, 4.0, 20)
    assert np.max(np.abs(np.diag(exact["correlation"]) - 1)) < 1e-6  # the exact solution keeps the constraint
    coarse, fine = (langevin_correlations(at.SphericalPSpin(2), temperature, end_time=4.0, steps=n) for n in (200, 400))
    for name, value in exact.items():
        first, second = (np.max(np.abs(getattr(x, name)[::k, ::k] - value)) for x, k in ((coarse, 10), (fine, 20)))
        assert second <= fine.errors[name]
        assert first / second == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("model", [P3, MIXED], ids=["3-spin", "mixed"])
@pytest.mark.every(2)
def test_planted_start_is_equilibrium(model):
    """From s* itself: C(t, 0) = m(t), translation invariance, FDT, constant energy, and the one-time theory."""
    temperature = 1.1 * dynamical(model)[0]
    result = langevin_correlations(model, temperature, "planted", end_time=8.0, steps=400)
    theory = equilibrium_correlation(model, temperature, end_time=8.0)
    lag = np.abs(result.times[:, None] - result.times)
    bound = result.errors["correlation"]
    assert bound < 0.01
    assert np.max(np.abs(result.correlation - theory(np.minimum(lag, 8.0)))) <= bound
    assert np.max(np.abs(result.correlation[:, 0] - result.overlap)) < 1e-14
    assert np.max(np.abs(result.overlap - theory(result.times))) <= result.errors["overlap"]
    xi = SphericalLandscape.of(model, temperature).coupling(np.ones(()))
    assert np.max(np.abs(result.energy + temperature * xi[0])) <= 1.5 * result.errors["energy"]
    assert np.max(np.abs(result.multiplier - temperature - temperature * xi[1])) <= 1.5 * result.errors["multiplier"]
    # R(t, s) = (1/T) dC(t, s)/ds, integrated over s
    dt = result.times[1]
    for i in (100, 250, 400):
        total = dt * (
            np.cumsum(result.response[i, : i + 1]) - 0.5 * (result.response[i, 0] + result.response[i, : i + 1])
        )
        rise = (result.correlation[i, : i + 1] - result.correlation[i, 0]) / temperature
        assert np.max(np.abs(total - rise)) < 2 * (bound / temperature + result.errors["response"])
    # the same does not hold out of equilibrium
    quench = langevin_correlations(model, 0.3, end_time=8.0, steps=400, tolerance=0.1)
    total = dt * (np.sum(quench.response[400]) - 0.5 * (quench.response[400, 0] + 1))
    assert total < 0.9 * (1 - quench.correlation[400, 0]) / 0.3


def test_random_start_equilibrates_above_the_dynamical_temperature():
    temperature = 0.9
    result = langevin_correlations(P3, temperature, end_time=30.0, steps=800)
    assert result.energy[-1] == pytest.approx(-0.5 / temperature, abs=result.errors["energy"] + 2e-4)
    theory = equilibrium_correlation(P3, temperature, end_time=30.0)
    recent = result.correlation[-1, 400:]
    assert np.max(np.abs(recent - theory(result.times[-1] - result.times[400:]))) < result.errors["correlation"] + 1e-3
    young = result.correlation[80, :81]
    assert np.max(np.abs(young - theory(result.times[80] - result.times[:81]))) > 0.02
    assert np.all(result.overlap == 0)


def test_beginning_from_a_random_start():
    """H/N = 0, mu = T, dH/dt = -N xi_1'(1), C(t, 0) = 1 - T t, at first."""
    result = langevin_correlations(MIXED, 0.8, end_time=0.1, steps=100)
    t = result.times
    assert result.energy[0] == 0
    assert result.multiplier[0] == 0.8
    assert (4 * result.energy[1] - result.energy[2]) / (2 * t[1]) == pytest.approx(-3.5, rel=1e-3)
    slope = (4 * result.correlation[1, 0] - result.correlation[2, 0] - 3) / (2 * t[1])
    assert slope == pytest.approx(-0.8, rel=1e-3)
    begun = langevin_correlations(MIXED, 0.8, "planted", end_time=0.1, steps=10, initial_overlap=0.4)
    assert begun.energy[0] == pytest.approx(-(0.4**3 + 0.4**4) / 2 / 0.8, rel=1e-14)
    assert begun.overlap[0] == 0.4


def test_hot_limit_is_free():
    result = langevin_correlations(P3, 1e5, end_time=3e-5, steps=300)
    lag = np.abs(result.times[:, None] - result.times)
    free = np.exp(-1e5 * lag)
    assert np.max(np.abs(result.correlation - free)) <= result.errors["correlation"] < 1e-4
    assert np.max(np.abs(result.response - np.tril(free))) <= result.errors["response"]


@pytest.mark.parametrize("start", ["random", "planted"])
def test_second_order(start):
    runs = [langevin_correlations(P3, 0.65, start, end_time=5.0, steps=n, tolerance=1.0) for n in (80, 160, 320)]
    for name in ("correlation", "response", "multiplier", "energy"):
        ratio = runs[1].errors[name] / runs[2].errors[name]
        assert 3.5 < ratio < 6
    # a step of the other argument is of third order: the sphere is kept
    assert runs[1].constraint / runs[2].constraint == pytest.approx(8, rel=0.2)
    assert runs[2].constraint < 1e-4
    for run in runs:
        assert np.all(np.diag(run.correlation) == 1)
        assert np.array_equal(run.correlation, run.correlation.T)
        assert np.all(np.triu(run.response, 1) == 0)


def test_planted_direction_is_found_where_theory_says():
    """Matrix-tensor model: from a small overlap the dynamics reaches the Bayes overlap where xi''(0) > 1, else it is lost."""
    model = at.SpikedMatrixTensor(3, 4.0)
    result = langevin_correlations(model, 0.4, "planted", end_time=40.0, steps=500, initial_overlap=0.05, tolerance=0.1)
    fixed = at.fixed_points(model, at.Flow(), control=0.4, strength=0.0)
    assert result.overlap[-1] == pytest.approx(fixed.equilibrium.overlap, abs=1e-3)
    assert np.all(np.diff(result.overlap) > -1e-4)
    lost = langevin_correlations(model, 1.5, "planted", end_time=40.0, steps=500, initial_overlap=0.05, tolerance=0.1)
    assert 0 < lost.overlap[-1] < 2e-3


# --- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((at.IsingPSpin(3), 1.0), "spherical models"),
        ((at.XORSAT(3), 1.0), "spherical models"),
        ((at.SpikedMatrix(at.SparseRademacher(0.1)), 1.0), "spherical models"),
        (("spherical-p-spin", 1.0), "model must be a model"),
        ((P3, 0.0), "temperature must be positive"),
        ((P3, -1), "temperature must be positive"),
        ((P3, float("nan")), "temperature must be one number"),
        ((P3, [0.7, 0.8]), "temperature must be one number"),
        ((P3, 1e-9), "too extreme"),
    ],
)
def test_bad_models_and_controls(arguments, message):
    for function in (equilibrium_correlation, langevin_correlations):
        with pytest.raises(at.InputError, match=message):
            function(*arguments)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (equilibrium_correlation, {"end_time": 0}, "end_time must be positive"),
        (equilibrium_correlation, {"end_time": float("inf")}, "end_time must be one number"),
        (equilibrium_correlation, {"end_time": 1e300}, "too long"),
        (equilibrium_correlation, {"level": 1.0}, "level must lie between 0 and 1"),
        (equilibrium_correlation, {"nodes": 7}, "nodes must be an integer from 8 to 32"),
        (equilibrium_correlation, {"tolerance": 0}, "tolerance must be positive"),
        (langevin_correlations, {"start": "hot"}, "unknown start 'hot'"),
        (langevin_correlations, {"end_time": -1.0}, "end_time must be positive"),
        (langevin_correlations, {"steps": 11}, "steps must be even"),
        (langevin_correlations, {"steps": 10**6}, "steps must be an integer from 8 to 8192"),
        (langevin_correlations, {"initial_overlap": 0.5}, "initial_overlap belongs to start='planted'"),
        (langevin_correlations, {"start": "planted", "initial_overlap": 0}, "initial_overlap must lie in"),
        (langevin_correlations, {"start": "planted", "initial_overlap": 1.5}, "initial_overlap must lie in"),
    ],
)
def test_bad_options(function, options, message):
    with pytest.raises(at.InputError, match=message):
        function(P3, 0.7, **options)


def test_fields_and_times():
    field = at.MixedPSpin("q/10 + q**3/2", at.Gaussian())
    with pytest.raises(at.InputError, match="without a field"):
        equilibrium_correlation(field, 1.0)
    assert langevin_correlations(field, 1.0, end_time=1.0, steps=20).energy[-1] < 0
    result = equilibrium_correlation(P3, 1.0, end_time=10.0)
    for bad in (-1.0, 10.1, float("nan")):
        with pytest.raises(at.InputError, match="between 0 and end_time"):
            result(bad)
        with pytest.raises(at.InputError, match="between 0 and end_time"):
            result.residual(bad)
    assert result(np.array([[0.0, 1.0], [2.0, 10.0]])).shape == (2, 2)
    assert np.all(result(result.times) == pytest.approx(result.correlation, abs=1e-14))
    assert "array" not in repr(result)


def test_too_long_steps_are_refused():
    with pytest.raises(at.NumericalError, match="take more than 80 steps") as failure:
        langevin_correlations(P3, 0.7, end_time=20.0, steps=80)
    assert failure.value.partial.errors["correlation"] > 0.02
    with pytest.raises(at.NumericalError, match="grows without bounds"):
        langevin_correlations(P3, 0.1, end_time=1e4, steps=40)
