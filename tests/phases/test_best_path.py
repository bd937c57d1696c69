"""The best path, the worst, and what no denoiser passes: against the paths' own thresholds and by definition."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import linprog

import amp_theory as at
from amp_theory.ingredients.paths.uniform_channel import uniform_channel
from amp_theory.interface.cli import main
from amp_theory.phases.optimal.adaptive import floor_slopes
from amp_theory.phases.optimal.certificate import INTERVALS, LAST, least_reduced_cost
from amp_theory.phases.optimal.least_slope import least_slope, least_slopes
from amp_theory.phases.optimal.marginal import SlopeMargin

SPINS, GAUSS = at.Rademacher(), at.Gaussian()
EXACT = "exact within replica symmetry"


def coded(capsys, *arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def moments(r, x):
    """Return E Var and E Var^2 of a spin of magnetisation r behind a channel of snr x, by its definition."""
    h = np.arctanh(r)

    def expected(power):
        def integrand(z):
            return np.exp(-z * z / 2) * np.cosh(np.sqrt(x) * z + h) ** -power

        return quad(integrand, -12, 12, epsabs=1e-13, limit=200)[0] / np.sqrt(2 * np.pi)

    factor = np.sqrt(1 - r * r) * np.exp(-x / 2)
    return factor * expected(1.0), factor * expected(3.0)


# --- the least slope ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("overlap", "snr"), [(0.44, 0.3), (0.9, 1.5), (0.05, 0.01)])
def test_least_slope_of_spins_is_that_of_one_flip_probability(overlap, snr):
    found = least_slope(SPINS, overlap, snr)
    ((weight, (r,)),) = found.law
    uncertainty, slope = moments(r, snr)
    assert weight == 1
    assert uncertainty == pytest.approx(1 - overlap, abs=1e-12)
    assert slope == pytest.approx(found.slope, abs=1e-12)
    b, a = found.multipliers
    assert b * (1 - overlap) + a == pytest.approx(found.slope, abs=1e-14)  # no gap between primal and dual
    e, s = (np.array(column) for column in zip(*(moments(r + d, snr) for d in (-1e-5, 1e-5)), strict=True))
    assert b == pytest.approx(np.diff(s)[0] / np.diff(e)[0], rel=1e-5)
    assert found.greatest == pytest.approx((1 - overlap) * np.divide(*moments(0, snr)[::-1]), abs=1e-12)


def test_least_slope_of_spins_solves_the_programme_on_a_grid():
    """The law that is optimal among 2001 magnetisations is no better than by half the grid's distance squared."""
    overlap, snr = 0.6, 0.7
    r = np.linspace(0, 1, 2001)
    values = uniform_channel(np.full(2000, snr), r[:-1] ** 2, with_entropy=False)
    e, s = np.append(values.gap, 0), np.append(values.overlap_x, 0)
    least, most = (
        linprog(sign * s, A_eq=np.stack([e, np.ones(2001)]), b_eq=[1 - overlap, 1]).fun * sign for sign in (1, -1)
    )
    found = least_slope(SPINS, overlap, snr)
    assert 0 <= least - found.slope < 1e-6
    assert most == pytest.approx(found.greatest, abs=1e-9)


def columns(overlap, snr, start=(0.0, 1.0), rounds=30):
    """Return the least slope by column generation: its own quadrature, two columns, and the cheapest posterior again."""
    z, w = np.polynomial.hermite_e.hermegauss(80)
    w = w / w.sum()

    def moments_of(h):
        scaled = np.exp(-np.logaddexp(h, -h) + np.log(2) - snr / 2)[:, None]
        field = np.sqrt(snr) * z + h[:, None]
        return [(scaled * np.cosh(field) ** -power) @ w for power in (1.0, 3.0)]

    fields = np.linspace(0, 12, 2001)
    every, chosen = moments_of(fields), [0, 2000]
    for _ in range(rounds):
        e, s = (m[chosen] for m in every)
        found = linprog(s, A_eq=np.stack([e, np.ones(len(e))]), b_eq=[1 - overlap, 1])
        b, a = found.eqlin.marginals
        costs = every[1] - b * every[0] - a
        if costs.min() > -1e-12:
            break
        chosen.append(int(costs.argmin()))
    best = int(costs.argmin())
    near = np.linspace(fields[max(best - 1, 0)], fields[min(best + 1, 2000)], 201)
    e, s = moments_of(near)
    return found.fun, float((s - b * e - a).min())


@pytest.mark.parametrize(("overlap", "snr"), [(0.44, 0.3), (0.9, 1.5)])
def test_column_generation_comes_to_the_closed_form(overlap, snr):
    """From above to within the grid's error; its own dual, less the least cost between nodes, from below."""
    found, cost = columns(overlap, snr)
    exact = least_slope(SPINS, overlap, snr).slope
    assert found + cost - 1e-9 <= exact <= found + 1e-9
    assert found - exact < 1e-6


def test_least_slope_of_gaussians_is_jensens():
    found = least_slope(GAUSS, 0.7, 0.5)
    ((_, (variance,)),) = found.law
    assert variance / (1 + 0.5 * variance) == pytest.approx(1 - 0.7, rel=1e-14)
    assert found.slope == pytest.approx(0.09, rel=1e-14)
    assert found.multipliers[0] * 0.3 + found.multipliers[1] == pytest.approx(found.slope, rel=1e-14)


@pytest.mark.parametrize("snr", [1e-3, 0.1, 1.0, 10.0, 40.0])
def test_curve_of_spins_is_convex(snr):
    """What is proven: the slope ds/de rises with e, over all r from nearly one to zero."""
    v = np.tanh(np.linspace(0.01, 12, 400)) ** 2
    values = uniform_channel(np.full(400, snr), v, with_entropy=False)
    slope = -values.overlap_xv / values.overlap_v
    assert np.all(np.diff(slope) <= 1e-9 * np.abs(slope[:-1]))
    assert np.all(np.diff(values.gap) < 0)


# --- the certificate ----------------------------------------------------------------------------------------------


def test_certificate_bounds_the_reduced_cost():
    found = at.best_path(at.IsingPSpin(3)).certificate
    assert -1e-12 < found.reduced_cost <= 0
    b, a = found.multipliers
    costs = [s - b * e - a for e, s in (moments(r, found.snr) for r in np.linspace(0, 0.999, 40))]
    assert min(costs) >= found.reduced_cost - 1e-12


@pytest.mark.parametrize("change", [1e-4, -1e-4])
def test_certificate_refuses_a_perturbed_optimum(change):
    """A line that is tilted about the optimum, or raised, cuts the curve."""
    found = at.best_path(at.IsingPSpin(3)).certificate
    b, a = found.multipliers
    gap = 1 - found.overlap
    tilted = replace(found, multipliers=(b + change, a - change * gap))
    assert least_reduced_cost(SPINS, tilted) < -1e-10
    raised = replace(found, multipliers=(b, a + 1e-9))
    assert least_reduced_cost(SPINS, raised) < -0.9e-9


def test_certificate_sees_between_nodes():
    """A line that cuts the curve by 1e-9 only in a dip narrower than the first nodes' distance is refused."""
    found = least_slope(SPINS, 0.6, 0.7)
    b, a = found.multipliers
    r = np.tanh(np.linspace(0, LAST, INTERVALS + 1))[:-1]
    assert min(s - b * e - a for e, s in (moments(x, 0.7) for x in r[:20])) > 1e-6
    assert least_reduced_cost(SPINS, found) > -1e-12
    assert least_reduced_cost(SPINS, replace(found, multipliers=(b, a + 1e-9))) < -0.9e-9


# --- the floor of adaptive information ----------------------------------------------------------------------------


@pytest.mark.parametrize(("hidden", "snr"), [(0.8, 0.6), (0.3, 8.0), (0.9, 20.0)])
def test_floor_by_its_definition(hidden, snr):
    """As much is told as leaves the fraction `hidden` of the uncertainty that the field leaves."""
    gap = hidden * float(SPINS.mmse(snr))

    def average(function, low, high):
        def integrand(h):
            return function(h) * np.cosh(h) * np.exp(-h * h / (2 * snr) - snr / 2) / np.sqrt(2 * np.pi * snr)

        return 2 * quad(integrand, low, high, epsabs=1e-16, epsrel=1e-12, limit=200)[0]

    def lowered(c, power):
        return average(lambda h: np.cosh(h) ** (-2 * power), c, 30) + np.cosh(c) ** (-2 * power) * average(
            lambda h: 1, 0, c
        )

    low, high = 0.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if lowered(middle, 1) > gap else (low, middle)
    slope = floor_slopes(np.array([gap]), np.array([snr]))[0]
    assert slope == pytest.approx(lowered(low, 2), rel=1e-10)
    assert gap**2 < slope < least_slope(SPINS, 1 - gap, snr).slope


def test_nothing_to_lower_where_the_field_alone_is_enough():
    snr = np.array([0.1, 1.0, 5.0])
    table = SPINS.channel(snr)
    np.testing.assert_allclose(floor_slopes(table.mmse * (1 - 1e-9), snr), table.overlap_slope, rtol=1e-8)


# --- thresholds ---------------------------------------------------------------------------------------------------


def test_numbers_of_three_spins():
    found = at.best_path(at.IsingPSpin(3))
    assert float(found.best) == pytest.approx(0.739199979, abs=5e-10)
    assert float(found.worst) == pytest.approx(0.758741995, abs=5e-10)
    assert float(found.any_denoiser) == pytest.approx(0.705922487, abs=5e-10)
    assert found.any_denoiser.overlap == pytest.approx(0.445572, abs=5e-7)
    assert float(found.dynamical) == pytest.approx(0.681598041, abs=5e-10)
    assert found.attained_by == "uniform-diffusion"
    assert found.ordered is True
    assert found.certainty == {"best": EXACT, "worst": EXACT, "any_denoiser": "bound", "dynamical": "bound"}


def test_every_path_with_a_name_falls_short_by_what_lies_between():
    model = at.IsingPSpin(3)
    found = at.best_path(model)
    assert set(found.paths) == {"flow", "autoregressive", "uniform-diffusion"}
    short = found.shortfalls()
    assert short["uniform-diffusion"] == 0
    assert short["flow"] == pytest.approx(0.740996240 - 0.739199979, abs=2e-9)
    assert found.to_dict()["paths"]["flow"]["falls_short"] == short["flow"]
    assert "short of the best" in found.report()
    assert set(at.best_path(at.SphericalPSpin(3)).paths) == {"flow", "autoregressive"}
    assert set(at.best_path(at.SherringtonKirkpatrick()).shortfalls().values()) == {None}


@pytest.mark.parametrize("model", [at.SpikedMatrix(at.GaussBernoulli(0.1)), at.SpikedTensor(3, at.GaussBernoulli(0.3))])
def test_variables_with_a_density_have_bounds_and_paths_only(model):
    found = at.best_path(model)
    assert found.best is found.worst is found.certificate is found.attained_by is found.ordered is None
    assert "density" in found.reasons["best"]
    assert found.certainty["any_denoiser"] == "bound"
    assert found.any_denoiser.control >= found.dynamical.control
    assert all(point.control > found.any_denoiser.control for point in found.paths.values())
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["paths"]["flow"]["falls_short"] is None


def same(found, point):
    """Compare a point with one found by another way, within the bounds of both."""
    assert abs(float(found) - float(point)) <= found.error + point.error
    assert abs(found.overlap - point.overlap) <= found.errors["overlap"] + point.errors["overlap"]


DENSE = [
    at.IsingPSpin(3), at.IsingPSpin(40), at.MixedPSpin("q**2/2 + q**4", SPINS), at.GLM(SPINS, at.LinearChannel(0.1)),
    at.RowOrthogonalSensing(SPINS, 0.1), at.SpikedTensor(4, SPINS),
]  # fmt: skip


@pytest.mark.parametrize("model", DENSE, ids=repr)
@pytest.mark.every(3)
def test_best_and_worst_are_cusps_of_two_equations_of_state(model):
    found = at.best_path(model)
    same(found.best, at.thresholds(model, at.UniformDiscreteDiffusion()).tricritical)
    same(found.worst, at.thresholds(model, at.Autoregressive()).tricritical)


@pytest.mark.parametrize(
    "model", [at.SphericalPSpin(3), at.SphericalPSpin(20), at.SpikedMatrixTensor(3, 0.5), at.SpikedTensor(5, GAUSS)],
    ids=repr,
)  # fmt: skip
def test_flow_is_best_for_gaussian_variables(model):
    found = at.best_path(model)
    same(found.best, at.thresholds(model, at.Flow()).tricritical)
    assert float(found.any_denoiser) == float(found.best)
    assert found.attained_by == "flow"
    assert found.certainty["any_denoiser"] == EXACT
    assert found.worst is None
    assert "not known" in found.reasons["worst"]


def test_spherical_closed_form():
    """At q = (p - 2)/p the largest of q^(p-2) (1 - q)^2, T^2 = p (p - 1)/2 of it."""
    for p in (3, 4, 7):
        found, q = at.best_path(at.SphericalPSpin(p)).best, (p - 2) / p
        assert found.temperature**2 == pytest.approx(p * (p - 1) / 2 * q ** (p - 2) * (1 - q) ** 2, abs=1e-12)
        assert abs(found.overlap - q) <= found.errors["overlap"] < 1e-9


def random_model(rng):
    powers = sorted(rng.choice(np.arange(3, 12), 2, replace=False))
    terms = [f"{rng.uniform(0.1, 1):.3f}*q**{p}" for p in powers]
    terms += [f"{rng.uniform(0, 0.2):.3f}*q**2"] if rng.random() < 0.5 else []
    return at.MixedPSpin(" + ".join(terms), SPINS if rng.random() < 0.7 else GAUSS)


def check_paths(model):
    """Where a path is marginal no path has a smaller slope, and the best has that; tell whether there is such a point."""
    paths = [at.Autoregressive(), at.Flow(), *([at.UniformDiscreteDiffusion()] if model.prior == SPINS else [])]
    cusps = [at.thresholds(model, path).tricritical for path in paths]
    if cusps[-1] is None:
        return False
    q = np.array([point.overlap for point in cusps if point is not None])
    intensity = model.intensity(np.array([float(point) for point in cusps if point is not None]))
    snr = model.coupling.signal(intensity, q, 1 - q)
    stability = model.coupling.curvature(intensity, q, 1 - q) * least_slopes(model.prior, 1 - q, snr)
    assert np.all(stability[:-1] < 1 - 1e-6), model
    assert stability[-1] == pytest.approx(1, abs=1e-9), model
    return True


def check_bounds(model):
    """The best point is that of its path, and the bound of adaptive information between it and the dynamical point."""
    found = at.best_path(model)
    path = at.UniformDiscreteDiffusion() if model.prior == SPINS else at.Flow()
    cusp = at.thresholds(model, path).tricritical
    assert (found.best is None) == (cusp is None), model
    if found.best is None:
        return False
    same(found.best, cusp)
    points = [p for p in (found.worst, found.best, found.any_denoiser, found.dynamical) if p is not None]
    assert all(float(a) >= float(b) - a.error - b.error for a, b in pairwise(points)), model
    if model.prior == SPINS:
        assert float(found.best) > float(found.any_denoiser) > float(found.dynamical), model
    return True


@pytest.mark.slow
def test_no_path_beats_the_bound():
    rng = np.random.default_rng(17)
    assert sum(check_paths(random_model(rng)) for _ in range(4)) >= 3
    assert sum(check_bounds(random_model(rng)) for _ in range(2)) >= 1


@pytest.mark.slow
def test_no_path_beats_the_bound_on_many_models():
    rng = np.random.default_rng(18)
    assert sum(check_paths(random_model(rng)) for _ in range(40)) > 30


@pytest.mark.slow
def test_bounds_stand_in_their_order_on_many_models():
    rng = np.random.default_rng(19)
    assert sum(check_bounds(random_model(rng)) for _ in range(8)) > 5


def test_a_better_slope_would_be_noticed():
    """The negative control of the order above: with a slope that is too small the bound is beaten by the flow."""
    model = at.IsingPSpin(3)
    flow = at.thresholds(model, at.Flow()).tricritical
    wrong = SlopeMargin(model.coupling, SPINS, lambda gap, x: 1.02 * least_slopes(SPINS, gap, x), 1e-15).first()
    assert float(model.from_intensity(np.array(wrong.intensity))) > flow.control


# --- where there is none ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (at.SherringtonKirkpatrick(), "for every control"),
        (at.SphericalPSpin(2), "for every control"),
        (at.SpectralSensing(SPINS, [0.5, 1.5], [0.5, 0.5]), "for every control"),
        (at.GLM(SPINS, at.SignChannel()), "none is the first"),
        (at.SpikedMatrixTensor(3, 0.05), "what no control scales is enough"),
    ],
    ids=repr,
)
@pytest.mark.every(2)
def test_no_best_point_has_its_reason(model, reason):
    found = at.best_path(model)
    assert found.best is found.certificate is None
    assert reason in found.reasons["best"]
    assert at.thresholds(model, at.Flow()).tricritical is None
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["best"] is None
    with pytest.raises(at.MissingPointError, match="there is no best point"):
        float(found.points()["best"])


def test_priors_of_one_law_have_one_answer():
    one = at.best_path(at.SpikedTensor(3, SPINS))
    for prior in (at.Discrete([-1, 1], [0.5, 0.5]), at.SparseRademacher(1.0)):
        assert float(at.best_path(at.SpikedTensor(3, prior)).best) == float(one.best)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (at.XORSAT(3), "dense models"),
        (at.Coloring(5), "dense models"),
        (at.SpikedTensor(3, at.Discrete(range(7), [0.4, *[0.1] * 6])), "at most 6 values"),
        (at.SpikedMatrix(at.PottsPrior(3)), "variables that are numbers"),
        (3, "model must be a model"),
    ],
    ids=repr,
)
def test_what_is_not_there_is_refused_in_one_line(model, words):
    with pytest.raises(at.InputError, match=words) as refused:
        at.best_path(model)
    assert len(str(refused.value)) <= 280


# --- the command line ---------------------------------------------------------------------------------------------


def test_command(capsys):
    code, out, err = coded(capsys, "best-path", "ising-p-spin", "--set", "p=3", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["best"]["temperature"] == float(at.best_path(at.IsingPSpin(3)).best)
    assert set(found["best"]["error"]) == {"temperature", "overlap"}
    assert found["attained_by"] == "uniform-diffusion"
    assert {"worst", "any_denoiser", "dynamical", "certificate", "certainty", "ordered", "reasons"} <= set(found)
    code, out, _ = coded(capsys, "best-path", "spherical-p-spin", "--set", "p=3")
    assert code == 0
    assert "attained by   flow" in out
    code, out, err = coded(capsys, "best-path", "xorsat", "--set", "k=3")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
