"""Answers of all public functions for orders by degree: equal to plain iterations, or refused."""

import inspect

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import poisson

import amp_theory as at
from tests.oracles.degree_order_slopes import iterated, slopes

HIGHEST, LOWEST = (at.Autoregressive(order=f"{which}-degree") for which in ("highest", "lowest"))
MODEL = at.XORSAT(3)
#: a control and a strength at which there is one fixed point
PLACES = [(HIGHEST, 0.75, 0.05), (HIGHEST, 0.8, 0.3)]
PLACES += [pytest.param(LOWEST, 0.5, 0.3, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("path", "density", "theta"), PLACES)
def test_state_evolution_and_fixed_points_are_those_of_the_iteration_along_edges(path, density, theta):
    expected = iterated(3, path is HIGHEST, 3 * density, theta)[0]
    for start, overlap in (("uninformed", at.uninformed_overlap), ("informed", at.informed_overlap)):
        run = at.state_evolution(MODEL, path, density, theta, start=start)
        assert run.converged
        assert abs(run.overlap[-1] - expected) < 1e-9
        assert abs(overlap(MODEL, path, density, theta) - expected) < 1e-9
    assert at.state_evolution(MODEL, path, density, theta).overlap[0] == pytest.approx(theta)
    other = iterated(3, path is not HIGHEST, 3 * density, theta)[0]
    assert abs(other - expected) > 1e-2  # of the other order


def test_the_overlap_jumps_where_the_path_meets_its_transition():
    found = at.path_transitions(MODEL, HIGHEST, 0.8)
    spinodal, equilibrium = found["uninformed_spinodal"][0], found["first_order"][0]
    ends = [iterated(3, True, 2.4, float(spinodal.strength) + e, 20_000)[0] for e in (-1e-5, 1e-5)]
    assert ends[1] - ends[0] > 0.2
    assert found["informed_spinodal"][0].strength < equilibrium.strength < spinodal.strength
    pair = at.fixed_points(MODEL, HIGHEST, 0.8, float(equilibrium.strength))
    assert len(pair) >= 2
    assert abs(pair[0].free_entropy - pair[-1].free_entropy) < 1e-9


def test_the_free_entropy_grows_by_what_the_next_variable_tells():
    """d phi/d theta = log 2 (1 - w^D); as a function of the overlap it is refused."""
    (path, density, theta), h = PLACES[1], 1e-4
    phi = [at.fixed_points(MODEL, path, density, theta + e)[0].free_entropy for e in (-h, h)]
    w, d = iterated(3, True, 3 * density, theta)[1], poisson.ppf(1 - theta, 3 * density)
    assert (phi[1] - phi[0]) / (2 * h) == pytest.approx(np.log(2) * (1 - w**d), rel=1e-5)
    for function, others in (
        (at.free_entropy_curve, {"strength": theta}),
        (at.plot_free_entropy, {"strengths": [theta]}),
    ):
        with pytest.raises(at.InputError, match="has steps"):
            function(MODEL, path, density, **others)


@pytest.mark.parametrize("k", range(4, 13))
def test_lowest_first_is_marginal_at_full_recovery_alone(k):
    """With c^2 e^(-c) = (k - 2)/(k - 1)^2 no state below is marginal, and from there on some next to q = 1 are."""
    c = brentq(lambda c: c * c * np.exp(-c) - (k - 2) / (k - 1) ** 2, 1e-3, 1.5)
    assert c * np.exp(-c) * (k - 1) >= 1
    w = np.geomspace(1e-4, 0.999, 3000)
    assert np.all(slopes(k, False, c, w) < 1)
    assert np.all(slopes(k, False, 0.999 * c, w) < slopes(k, False, c, w) + 1e-12)
    assert np.max(slopes(k, False, 1.001 * c, w)) > 1


@pytest.mark.slow
@pytest.mark.parametrize(("k", "path"), [(12, HIGHEST), (4, LOWEST), (12, LOWEST)])
def test_thresholds_of_all_parity_checks(k, path):
    """The largest slope over all states is one."""
    w = np.linspace(1e-3, 0.999, 4000)
    point = at.thresholds(at.XORSAT(k), path).tricritical
    highest = path is HIGHEST
    if highest or k == 3:
        found = brentq(lambda c: np.max(slopes(k, highest, c, w)) - 1, 0.9 * k * point.density, 1.1 * k * point.density)
        assert abs(found / k - point.density) < 1e-5 * point.density  # of the grid in w
    else:
        c = k * point.density
        assert abs(c * c * np.exp(-c) - (k - 2) / (k - 1) ** 2) < 1e-13


@pytest.mark.slow
def test_transitions_of_bicoloring_are_those_of_plain_iterations():
    """One percent beyond the tricritical point the iteration by degree jumps where cells of single degrees say."""
    model = at.Bicoloring(5)
    point = at.thresholds(model, HIGHEST).tricritical
    assert point.errors["density"] < 1e-5
    assert point.density == pytest.approx(8.563557, abs=1e-5)
    density = 1.01 * point.density
    spinodal = at.path_transitions(model, HIGHEST, density).uninformed_spinodal[0]
    runs = [at.state_evolution(model, HIGHEST, density, spinodal.revealed + e, max_steps=8000) for e in (-1e-4, 1e-4)]
    assert all(run.converged for run in runs)
    assert runs[0].overlap[-1] < spinodal.overlap < 0.79 < runs[1].overlap[-1]


@pytest.mark.parametrize("path", [HIGHEST, LOWEST])
def test_formulas_digits_and_proofs_are_refused(path):
    """They are of the random order, and may not answer instead."""
    for function, others in (
        (at.closed_forms, {}), (at.thresholds, {"digits": 20}),
        (at.fixed_points, {"control": 0.7, "strength": 0.1, "digits": 20}),
    ):  # fmt: skip
        with pytest.raises(at.InputError, match="order='random' only"):
            function(MODEL, path, **others)


def test_errors_of_samplers_are_refused():
    calls = [
        (at.sampling_error, {"control": 0.7}), (at.depth_for, {"control": 0.7}), (at.error_curve, {}),
        (at.judge_denoiser, {"control": 0.7, "denoiser": "amp", "size": 300, "instances": 2}),
    ]  # fmt: skip
    calls += [(at.optimal_schedule, {"control": 0.7}), (at.leading_error, {})]
    for function, others in calls:
        with pytest.raises(at.InputError, match="in random order"):
            function(MODEL, HIGHEST, **others)


def test_proofs_of_points_are_refused():
    with pytest.raises(at.InputError, match="AMP is for dense models"):
        at.amp_against_state_evolution(MODEL, HIGHEST, control=0.8, strength=0.3, sizes=[10, 20, 40], instances=10)
    with pytest.raises(at.InputError, match="order='random' only"):
        at.certify(at.thresholds(MODEL, HIGHEST).tricritical)


def test_the_expansion_next_to_the_tricritical_point_is_that_of_transitions():
    found, density = at.tricritical_expansion(MODEL, HIGHEST), 0.789
    lines = at.path_transitions(MODEL, HIGHEST, density)
    point, epsilon = found.point, density - found.point.density
    middle = float(lines["first_order"][0].strength)
    assert abs(middle - point.revealed) < 30 * epsilon
    assert lines["uninformed_spinodal"][0].strength > middle > lines["informed_spinodal"][0].strength


def test_every_public_function_of_a_path_is_known_here():
    """One that is new has to be tested above, or to be among those that build on those above or need no theory."""
    above = inspect.getsource(inspect.getmodule(test_proofs_of_points_are_refused))
    otherwise = {
        "animate", "phase_diagram", "equation_of_state", "plot_overlap", "scan_threshold", "sweep",
        "draw_samples", "population_fixed_point", "population_isotherm", "population_thresholds", "revealing_curve",
        "mismatched_error", "best_tilt",
    }  # fmt: skip
    functions = {n: getattr(at, n) for n in at.__all__ if inspect.isfunction(getattr(at, n))}
    taking = {n for n, f in functions.items() if {"path", "paths"} & set(inspect.signature(f).parameters)}
    assert {n for n in taking - otherwise - {"load", "save_explorer"} if f"at.{n}" not in above} == set()
    for function in (at.population_thresholds, at.revealing_curve):
        with pytest.raises(at.InputError):
            function(MODEL, HIGHEST)
    with pytest.raises(at.InputError, match="solved for dense models"):
        at.mismatched_error(MODEL, HIGHEST, 0.7, assumed=1.2)
