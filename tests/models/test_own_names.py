"""Control and strength under the names of model and path: the same numbers, and errors that say what is allowed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import amp_theory as at

MODEL, PATH, SPHERE = at.IsingPSpin(3), at.Flow(), at.SphericalPSpin(3)
BOTH = {"control": 0.7, "strength": 0.12}
OWN = {"temperature": 0.7, "snr": 0.12}
#: functions of model, path and a point, of a model and a control, and methods that know their model
AT_A_POINT = [at.fixed_points, at.uninformed_overlap, at.informed_overlap, at.state_evolution, at.free_entropy_curve]
AT_A_CONTROL = [at.path_transitions, at.equation_of_state]


def same(one, other):
    """Tell whether two answers are the same, whatever they are."""
    if hasattr(one, "to_dict"):
        return one.to_dict() == other.to_dict()
    return np.array_equal(one, other)


@pytest.fixture(scope="module")
def diagram():
    return at.phase_diagram(MODEL, PATH, points=2)


@pytest.mark.parametrize("function", AT_A_POINT, ids=lambda f: f.__name__)
@pytest.mark.every(2)
def test_functions_of_a_point(function):
    expected = function(MODEL, PATH, 0.7, 0.12)
    for names in (BOTH, OWN, {"T": 0.7, "strength": 0.12}, {"control": 0.7, "gamma2": 0.12}):
        assert same(function(MODEL, PATH, **names), expected)
    assert same(function(MODEL, PATH, 0.7, snr=0.12), expected)
    # the negative control: names are not just dropped
    assert not same(function(MODEL, PATH, temperature=0.7, snr=0.13), expected)


@pytest.mark.parametrize("function", AT_A_CONTROL, ids=lambda f: f.__name__)
def test_functions_of_a_control(function):
    assert same(function(MODEL, PATH, temperature=0.7), function(MODEL, PATH, 0.7))
    assert not same(function(MODEL, PATH, temperature=0.71), function(MODEL, PATH, 0.7))


def test_methods_of_results(diagram):
    assert diagram.region(**OWN) == diagram.region(**BOTH) == "hard"
    assert diagram.region(temperature=0.7, snr=0.05) == "easy"
    assert diagram.first_failure_strength(temperature=0.7) == diagram.first_failure_strength(0.7)
    assert diagram.sampler_succeeds(temperature=[0.7, 0.75]).tolist() == [False, True]
    assert diagram.reason(temperature=0.75) == diagram.reason(0.75)
    assert at.compare_samplers(MODEL)["mcmc"].at(temperature=0.7).succeeds is True
    lines = at.tricritical_expansion(SPHERE, PATH).lines
    assert lines(temperature=0.66)["first_order"]["snr"] == lines(0.66)["first_order"]["snr"]


@pytest.mark.slow
def test_what_runs_and_draws(tmp_path):
    instance = at.draw_instance(MODEL, temperature=1.5, size=6, seed=1)
    np.testing.assert_array_equal(instance.planted, at.draw_instance(MODEL, 1.5, 6, 1).planted)
    assert instance.control == 1.5
    runs = {"size": 12, "instances": 2, "seed": 1, "batch": 6, "steps": 5, "sweeps": 8}
    assert at.simulate(MODEL, temperature=1.5, **runs).results == at.simulate(MODEL, 1.5, **runs).results
    assert at.equilibrium_correlation(SPHERE, temperature=0.9, end_time=1.0).control == 0.9
    assert at.langevin_correlations(SPHERE, temperature=0.9, end_time=0.5, steps=40).control == 0.9
    coloring = at.Coloring(5, population=1000, sweeps=8, runs=2)
    found = at.population_fixed_point(coloring, PATH, density=5.0, snr=0.1)
    np.testing.assert_array_equal(found.trajectory, at.population_fixed_point(coloring, PATH, 5.0, 0.1).trajectory)
    matrix, sizes = at.SpikedMatrix(at.Rademacher()), {"sizes": [10, 20, 40], "instances": 20, "iterations": 2}
    one, other = (at.amp_against_state_evolution(matrix, PATH, **p, **sizes) for p in ({"noise": 0.5, "snr": 0.3}, {"control": 0.5, "strength": 0.3}))  # fmt: skip
    np.testing.assert_array_equal(one.overlap, other.overlap)
    assert at.animate(MODEL, PATH, tmp_path / "film.gif", temperature=0.7, frames=2).control == 0.7
    curves = [at.plot_free_entropy(MODEL, PATH, strengths=[0.1], **p) for p in ({"temperature": 0.7}, {"control": 0.7})]
    np.testing.assert_array_equal(*(axes.lines[0].get_ydata() for axes in curves))
    assert len(at.plot_overlap(MODEL, PATH, temperature=0.7).lines) == len(at.plot_overlap(MODEL, PATH, 0.7).lines)


@pytest.mark.parametrize(
    ("error", "names"),
    [
        ("unknown argument 'noise'; known: control, snr, strength, temperature", {"noise": 0.7, "snr": 0.1}),
        ("unknown argument 'revealed'", {"temperature": 0.7, "revealed": 0.1}),
        ("unknown argument 'beta' .did you mean 'temperature'", {"beta": 0.7, "snr": 0.1}),
        ("control is given twice: 'temperature' is another word", {"control": 0.7, "temperature": 0.7, "snr": 0.1}),
        ("the argument 'temperature' is given twice: 'T' is another word", {"T": 0.7, "temperature": 0.7, "snr": 0.1}),
        ("strength must be given, by that name or by its own, snr=", {"temperature": 0.7}),
        ("control must be given, by that name or by its own, temperature=", {"snr": 0.1}),
    ],
)
def test_bad_names(error, names, diagram):
    for function in AT_A_POINT:
        with pytest.raises(at.InputError, match=error):
            function(MODEL, PATH, **names)
    with pytest.raises(at.InputError, match=error):
        diagram.region(**names)


def test_a_model_comes_before_its_names():
    with pytest.raises(at.InputError, match="model must be a model"):
        at.fixed_points("ising", PATH, temperature=0.7, snr=0.1)
    with pytest.raises(at.InputError, match="size must be an integer"):
        at.draw_instance(MODEL, temperature=0.7, seed=1)


def test_whatever_is_public_and_takes_a_control_takes_its_name():
    """Of functions, and of methods of results; a model's or path's own functions are asked by nobody but solvers."""
    taking = [getattr(at, n) for n in at.__all__ if inspect.isfunction(getattr(at, n))]
    taking += [getattr(kind, name) for kind in (at.Diagram, at.SamplerVerdicts, at.TricriticalExpansion) for name in vars(kind)
               if not name.startswith("_") and inspect.isfunction(getattr(kind, name))]  # fmt: skip
    found = {
        f.__qualname__: "named" in inspect.signature(f).parameters
        for f in taking
        if "control" in inspect.signature(f).parameters
    }
    assert len(found) == 31
    assert [name for name, takes in found.items() if not takes] == []


def test_arrays_are_those_of_single_questions():
    controls, strengths = np.array([[0.6], [0.7]]), [0.05, 0.12, 0.2]
    found = at.fixed_points(MODEL, PATH, controls, strengths)
    assert found.shape == (2, 3)
    assert found.dtype == object
    for i, j in np.ndindex(found.shape):
        assert found[i, j] == at.fixed_points(MODEL, PATH, float(controls[i, 0]), strengths[j])
    many = at.path_transitions(MODEL, PATH, temperature=[0.6, 0.7])
    assert [m.to_dict() for m in many] == [at.path_transitions(MODEL, PATH, t).to_dict() for t in (0.6, 0.7)]
    assert at.path_transitions(MODEL, PATH, np.array(0.7)).to_dict() == many[1].to_dict()
    assert at.path_transitions(MODEL, PATH, []).shape == (0,)
    for bad in ([0.7, -1], [0.7, "x"], np.ma.array([0.7, 0.8], mask=[0, 1])):
        with pytest.raises(at.InputError):
            at.path_transitions(MODEL, PATH, bad)
        with pytest.raises(at.InputError):
            at.fixed_points(MODEL, PATH, bad, 0.1)
    with pytest.raises(at.InputError, match="must broadcast"):
        at.fixed_points(MODEL, PATH, [0.7, 0.8], [0.1, 0.2, 0.3])
