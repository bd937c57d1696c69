"""Rotationally invariant sensing: derivatives, the Marchenko-Pastur law, decoupling, two ways to orthogonal rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

import amp_theory as at
from amp_theory.ingredients.couplings.rotational import RowOrthogonalCoupling, SpectralCoupling, Spectrum
from amp_theory.interface.cli import main

PRIOR = at.GaussBernoulli(0.4)
RHO = 0.4
COUPLINGS = [
    (RowOrthogonalCoupling(0.01, RHO), 0.5),
    (RowOrthogonalCoupling(0.3, RHO), 1.0),
    (SpectralCoupling(Spectrum((0.0, 1.0), (0.5, 0.5)), RHO), 3.0),
    (SpectralCoupling(Spectrum((0.2, 1.0, 3.0), (0.3, 0.4, 0.3)), RHO), 5.0),
]


def difference(function, value, h=1e-4):
    """Fourth-order central difference, relative step."""
    step = h * value
    return (
        8 * (function(value + step) - function(value - step)) - function(value + 2 * step) + function(value - 2 * step)
    ) / (12 * step)


@pytest.mark.parametrize(("coupling", "intensity"), COUPLINGS)
def test_derivatives(coupling, intensity):
    gap = np.linspace(0.02, 0.38, 9)
    q, lam = RHO - gap, np.full(9, intensity)
    if intensity == 1.0:  # alpha may not exceed one
        lam = np.full(9, 0.9)
    x = coupling.signal(lam, q, gap)
    point = coupling.at(q, gap, x)
    close = {"rtol": 2e-8, "atol": 0}
    assert np.allclose(point.intensity, lam, rtol=1e-12, atol=0)
    assert np.allclose(-difference(lambda g: coupling.value(lam, RHO - g, g), gap), x, **close)
    assert np.allclose(-difference(lambda g: coupling.signal(lam, RHO - g, g), gap), point.curvature, **close)
    assert np.allclose(coupling.curvature(lam, q, gap), point.curvature, rtol=1e-11, atol=0)
    assert np.allclose(difference(lambda v: coupling.signal(v, q, gap), lam), point.slope, rtol=1e-5, atol=0)
    xi_slope = difference(lambda v: coupling.value(v, q, gap), lam)
    assert np.allclose(xi_slope, point.slope * point.ratio, rtol=1e-4, atol=1e-9)
    assert np.allclose(point.value, coupling.value(lam, q, gap), rtol=1e-11, atol=1e-14)
    assert np.allclose(
        -difference(lambda g: coupling.at(RHO - g, g, x).curvature, gap), point.curvature_q, rtol=1e-6, atol=0
    )
    assert np.allclose(difference(lambda v: coupling.at(q, gap, v).curvature, x), point.curvature_x, rtol=1e-6, atol=0)
    assert np.allclose(point.scaled_signal, point.intensity * point.slope, rtol=1e-14, atol=0)


def marchenko_pastur(alpha: float, number: int = 400) -> Spectrum:
    """Eigenvalues of Phi^T Phi for independent entries of variance 1/N, by the trapezoidal rule in the angle."""
    angle = (np.arange(number) + 0.5) * np.pi / number
    low, high = (1 - np.sqrt(alpha)) ** 2, (1 + np.sqrt(alpha)) ** 2
    t = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(angle)
    density = np.sqrt((high - t) * (t - low)) / (2 * np.pi * t)
    weights = density * 0.5 * (high - low) * np.sin(angle) * np.pi / number
    rest = 1 - weights.sum()
    if alpha < 1:
        return Spectrum((0.0, *t.tolist()), (rest, *weights.tolist()))
    assert abs(rest) < 1e-10
    return Spectrum(tuple(t.tolist()), tuple((weights / weights.sum()).tolist()))


@pytest.mark.parametrize("alpha", [0.5, 1.7])
def test_independent_entries(alpha):
    """R(z) = alpha/(1 - z): x = alpha/(noise + gap), and xi = alpha log[(noise + rho)/(noise + gap)]."""
    coupling = SpectralCoupling(marchenko_pastur(alpha), 0.4)
    # with more rows than columns up to gap/noise = E 1/t, beyond which no fixed point lies
    gap, noise = np.linspace(0.01, 0.39 if alpha < 1 else 0.06, 7), 0.05
    lam = np.full(7, 1 / noise)
    assert np.allclose(coupling.signal(lam, 0.4 - gap, gap), alpha / (noise + gap), rtol=1e-10, atol=0)
    expected = alpha * np.log((noise + gap[-1]) / (noise + gap))
    value = coupling.value(lam, 0.4 - gap, gap)
    assert np.allclose(value - value[-1], expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    ("eigenvalues", "weights"), [([0.0, 1.0], [0.4, 0.6]), ([0.3, 1.0, 2.5], [0.2, 0.5, 0.3]), ([2.0], [1.0])]
)
@pytest.mark.parametrize("noise", [0.01, 0.3, 5.0])
def test_gaussian_variables(eigenvalues, weights, noise):
    """y = Phi s + noise, all Gaussian: gap = E 1/(1 + t/noise), and I = E log(1 + t/noise)/2."""
    (point,) = at.fixed_points(at.SpectralSensing(at.Gaussian(), eigenvalues, weights), at.Flow(), noise, 0.0)
    t, w = np.array(eigenvalues), np.array(weights)
    assert point.mmse == pytest.approx(float(w @ (1 / (1 + t / noise))), rel=1e-11)
    assert point.mutual_information == pytest.approx(float(w @ np.log1p(t / noise)) / 2, rel=1e-10)


@pytest.mark.slow
def test_thresholds_of_independent_entries():
    """The noise at which a threshold in alpha lies is where the threshold in the noise lies at that alpha."""
    alpha = 0.57
    found = at.thresholds(
        at.SpectralSensing(PRIOR, *map(list, (marchenko_pastur(alpha).eigenvalues, marchenko_pastur(alpha).weights))),
        at.Flow(),
    )
    point = found.tricritical
    other = at.thresholds(at.GLM(PRIOR, at.LinearChannel(point.noise)), at.Flow()).tricritical
    assert other.sampling_ratio == pytest.approx(alpha, abs=1e-8)
    assert other.snr == pytest.approx(point.snr, rel=1e-6)


def test_orthogonal_columns_decouple():
    """Phi^T Phi = 1: x = 1/noise at every overlap, no transition, each variable seen on its own."""
    coupling = SpectralCoupling(Spectrum((1.0,), (1.0,)), RHO)
    gap = np.linspace(1e-6, 0.39, 9)
    assert np.allclose(coupling.signal(np.full(9, 4.0), RHO - gap, gap), 4.0, rtol=1e-13, atol=0)
    model = at.SpectralSensing(PRIOR, [1.0], [1.0])
    for noise in (1e-3, 0.1, 10.0):
        (point,) = at.fixed_points(model, at.Flow(), noise, 0.5)
        assert point.overlap == pytest.approx(float(PRIOR.overlap(1 / noise + 0.5)), rel=1e-11)
    assert all(p is None for p in at.thresholds(model, at.Flow()).points().values())


@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()], ids=["flow", "autoregressive"])
@pytest.mark.slow
def test_orthogonal_rows_two_ways(path):
    """Their spectrum has a fraction alpha of ones: the thresholds in noise at alpha, and in alpha at that noise."""
    alpha = 0.57
    points = at.thresholds(at.SpectralSensing(PRIOR, [0.0, 1.0], [1 - alpha, alpha]), path)
    assert points.algorithmic is None  # alpha < 0.589: the uninformed branch survives without noise
    for name in ("dynamical", "condensation", "tricritical"):
        noise = getattr(points, name)
        other = getattr(at.thresholds(at.RowOrthogonalSensing(PRIOR, noise.noise), path), name)
        assert other.sampling_ratio == pytest.approx(alpha, abs=1e-9)
        assert other.overlap == pytest.approx(noise.overlap, abs=1e-6)


def test_orthogonal_rows_help_with_noise_and_make_no_difference_without():
    iid, rows = (
        at.thresholds(m, at.Flow())
        for m in (at.GLM(PRIOR, at.LinearChannel(1e-4)), at.RowOrthogonalSensing(PRIOR, 1e-4))
    )
    assert rows.algorithmic.sampling_ratio < iid.algorithmic.sampling_ratio
    noiseless = at.thresholds(at.RowOrthogonalSensing(PRIOR, 0.0), at.Flow())
    assert noiseless.algorithmic.sampling_ratio == pytest.approx(0.589246001131, abs=1e-11)
    assert noiseless.condensation.sampling_ratio == 0.4


@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()], ids=["flow", "autoregressive"])
def test_diagrams_and_state_evolution(path):
    model = at.RowOrthogonalSensing(PRIOR, 1e-3)
    diagram = at.phase_diagram(model, path, points=20)
    point = diagram.thresholds.tricritical
    assert diagram.sampler_succeeds(point.sampling_ratio * 0.999) is True
    assert diagram.sampler_succeeds(point.sampling_ratio * 1.001) is False
    line = diagram.line("first_order")
    found = at.fixed_points(model, path, line.control[8], line.strength[8])
    assert found.uninformed.free_entropy == pytest.approx(found.informed.free_entropy, abs=1e-10)
    run = at.state_evolution(model, path, 0.5, 0.3, max_steps=3000, tolerance=1e-14)
    assert run.overlap[-1] == pytest.approx(at.fixed_points(model, path, 0.5, 0.3).uninformed.overlap, abs=1e-10)


@pytest.mark.slow
def test_command_line(capsys):
    arguments = ["--set", "prior=gauss-bernoulli", "--set", "rho=0.4", "--json"]
    assert main(["thresholds", "row-orthogonal-sensing", "--set", "noise=0", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["dynamical"]["sampling_ratio"] == 0.4
    assert (
        main(["thresholds", "spectral-sensing", "--set", "eigenvalues=0,1", "--set", "weights=0.43,0.57", *arguments])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["dynamical"]["noise"] == pytest.approx(4.97235857e-4, rel=1e-8)


@pytest.mark.parametrize(
    ("eigenvalues", "weights", "message"),
    [
        ([-0.1, 1.0], [0.5, 0.5], "eigenvalues of Phi"),
        ([0.0, 0.0], [0.5, 0.5], "not all zero"),
        ([1.0, np.nan], [0.5, 0.5], "eigenvalues"),
        ([1.0, 2.0], [0.5], "one length"),
        ([1.0, 2.0], [0.5, -0.5], "weights"),
        ([1.0, 2.0], [0.5, 0.0], "weights"),
        ([], [], "one length"),
    ],
)
def test_bad_spectra(eigenvalues, weights, message):
    with pytest.raises(at.InputError, match=message):
        at.SpectralSensing(PRIOR, eigenvalues, weights)


@pytest.mark.parametrize("alpha", [0.0, 1.1, -0.5, np.nan])
def test_more_orthogonal_rows_than_columns(alpha):
    with pytest.raises(at.InputError, match="sampling_ratio"):
        at.fixed_points(at.RowOrthogonalSensing(PRIOR, 0.01), at.Flow(), alpha, 0.1)


def test_negative_noise():
    with pytest.raises(at.InputError, match="noise"):
        at.RowOrthogonalSensing(PRIOR, -0.1)


def test_square_orthogonal_matrices():
    """At alpha = 1 the measurements are y = s' + noise, s' a rotation of s: the scalar channel at snr 1/noise."""
    for prior, noise in ((at.Rademacher(), 0.1), (at.GaussBernoulli(0.1), 1e-3)):
        model = at.RowOrthogonalSensing(prior, noise)
        (point,) = at.fixed_points(model, at.Flow(), 1.0, 0.3)
        assert point.overlap == pytest.approx(float(prior.overlap(1 / noise + 0.3)), rel=1e-11)
        assert np.isfinite(point.free_entropy)


def test_a_null_space_far_out():
    """Next to q = rho the snr times the gap underflows what used to be searched."""
    model = at.SpectralSensing(at.SparseRademacher(0.1), [0, 2, 0.5], [0.7, 0.2, 0.1])
    special = at.thresholds(model, at.Autoregressive())
    assert special.condensation.noise < special.dynamical.noise < special.tricritical.noise
    again = at.SpectralSensing(at.SparseRademacher(0.1), [0, 2, 0.5], [7, 2, 1])
    assert at.thresholds(again, at.Flow()).dynamical.noise == pytest.approx(special.dynamical.noise, rel=1e-13)
