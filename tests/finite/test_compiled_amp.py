"""Compiled iterations of AMP are those of the arrays within rounding, and what is out of the ordinary goes to arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest

import amp_theory as at
from amp_theory.finite.inference import amp_steps
from amp_theory.finite.inference.amp_steps import ArrayStep, LoopStep, step_for
from amp_theory.finite.inference.compiled_steps import LoopSetting, step
from amp_theory.finite.instances.scalar_posterior import FAR, LARGEST_LEVEL, posterior_moments, symmetric_atoms
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import EPS

#: posteriors of three values take this many roundings, those of exponentials of numbers up to a few included
ROUNDINGS = 32
PRIORS = {"two": at.Rademacher(), "three": at.SparseRademacher(0.3), "wide": at.SparseRademacher(0.9)}
MODELS = {
    "two": (at.SpikedMatrix(at.Rademacher()), 0.8),
    "three": (at.SpikedMatrix(at.SparseRademacher(0.3)), 0.05),
    "mixed": (at.MixedPSpin("q**2/4 + q**3/8"), 0.8),
    "3-spin": (at.IsingPSpin(3), 0.5),
    "field": (at.SherringtonKirkpatrick(field=0.3), 0.9),
}


def setting_of(prior, field, precision=0.0, terms=((0.0, 2.0),)):
    return LoopSetting(field, precision, *symmetric_atoms(prior.mixture), LARGEST_LEVEL, np.array(terms))


def run_with(monkeypatch, switch, *args, **options):
    """Return what AMP finds with or without compiled loops."""
    monkeypatch.setattr(amp_steps, "in_use", lambda: switch)
    return at.run_amp(*args, **options)


@pytest.mark.parametrize("name", PRIORS)
def test_posteriors_are_those_of_arrays(name):
    """Means, variances to relative accuracy next to certainty too, and all averages."""
    prior, precision = PRIORS[name], 0.7
    signs = np.array([[1.0], [-1.0]])
    b = signs * np.array([[0.0, 1e-300, 1e-9, 0.3, 1.0, 5.0, 30.0, 200.0, 380.0, 700.0, 1e4]])
    before, mean, field = (np.full(b.shape, x) for x in (0.25, 0.5, 0.125))
    known = np.array([[[0.0], [0.0]], [[0.0], [0.0]], [[0.5], [0.5]]])
    # xi = q^2: the precision of side information alone at overlap zero, and xi'' = 2
    new, variance, found = np.empty(b.shape), np.empty(b.shape), np.empty((7, 2, 1))
    given = b - 0.125 + 0.25
    there = given - 0.25 + 0.125
    assert step(given, before, mean, known, setting_of(prior, field, precision, [(1.0, 2.0)]), new, variance, found)
    assert np.array_equal(given, there)
    expected = posterior_moments(prior.mixture, there, np.full((2, 1), precision))
    # small means are differences of weights, in units of m = 1; variances are products
    assert np.all(np.abs(new - expected[0]) <= ROUNDINGS * EPS)
    assert np.all(np.abs(variance - expected[1]) <= ROUNDINGS * EPS * expected[1] + 4 * math.exp(-FAR))
    sums = [new * new, new * mean, variance]
    roots = [there * there, (new - mean) ** 2, new * new]
    size = b.shape[1]
    for value, terms in zip(found[:3, :, 0], sums, strict=True):
        assert np.all(np.abs(value - terms.mean(axis=1)) <= size * EPS * np.abs(terms).mean(axis=1))
    for value, terms in zip(found[3:6, :, 0], roots, strict=True):
        assert np.all(np.abs(value - np.sqrt(terms.mean(axis=1))) <= size * EPS * value)
    assert np.all(found[6] == precision)


def test_an_overflow_is_left_to_arrays():
    """Where the weight of zero could overflow nothing is touched."""
    b = np.ones((1, 3))
    setting = setting_of(at.SparseRademacher(0.3), np.zeros((1, 3)), 2 * LARGEST_LEVEL)
    new, variance, found = np.full((1, 3), 7.0), np.full((1, 3), 7.0), np.empty((7, 1, 1))
    assert not step(b, b.copy(), b.copy(), np.zeros((7, 1, 1)), setting, new, variance, found)
    assert np.all(b == 1)
    assert np.all(new == 7)
    assert np.all(variance == 7)


@pytest.mark.parametrize("name", MODELS)
def test_runs_are_those_of_arrays(monkeypatch, name):
    """Every iterate of a batch, the residuals, and how it ends, over iterations that do not amplify roundings."""
    model, control = MODELS[name]
    size = 24 if name in ("mixed", "3-spin") else 150
    instance = at.draw_instance(model, control, size, 3)
    side = SideInformation.from_field(np.random.default_rng(1).standard_normal((3, size)), 0.4)
    options = at.MessagePassingOptions(max_iterations=12, keep_iterates=True)
    loops, arrays = (run_with(monkeypatch, switch, instance, side, options=options) for switch in (True, False))
    assert loops.iterations == arrays.iterations
    assert loops.status == arrays.status
    for x, y in zip(loops.iterates, arrays.iterates, strict=True):
        assert np.allclose(x, y, rtol=0, atol=1e-11)
    for which in ("mean", "variance", "effective_field", "precision", "residuals"):
        assert np.allclose(getattr(loops, which), getattr(arrays, which), rtol=1e-9, atol=1e-11), which
    assert loops.free_entropy == pytest.approx(arrays.free_entropy, abs=1e-10)


def test_who_goes_through_loops(monkeypatch):
    """Values -m, 0 and m without damping, known variables and functions of one's own; else arrays."""
    monkeypatch.setattr(amp_steps, "in_use", lambda: True)
    used = []

    def noted(*given):
        used.append(type(made := step_for(*given)))
        return made

    monkeypatch.setattr("amp_theory.finite.inference.amp.step_for", noted)
    instance = at.draw_instance(at.SpikedMatrix(at.SparseRademacher(0.5)), 0.2, 40, 0)
    zeros = np.zeros((1, 40))
    known = SideInformation.from_known(np.arange(40) < 3, instance.planted)
    each = SideInformation.from_field(zeros, np.full(40, 0.1))
    damped = at.MessagePassingOptions(damping=0.2)
    skew = at.draw_instance(at.SpikedMatrix(at.Discrete([0.0, 1.0], [0.7, 0.3])), 0.5, 40, 0)
    at.run_amp(instance)
    for given in (
        {"side": known},
        {"side": each},
        {"options": damped},
        {"denoiser": lambda b, a: (b / 5, 0 * b + 0.2)},
    ):
        at.run_amp(instance, **given)
    at.run_amp(skew)
    assert used == [LoopStep] + [ArrayStep] * 5


def test_rows_that_diverge_or_hide_end_as_by_arrays(monkeypatch):
    """A batch of an ordinary row, one without anything learnt, and one whose fields are below resolution."""
    instance = at.draw_instance(at.SherringtonKirkpatrick(), 1.5, 60, 2)
    field = np.random.default_rng(0).standard_normal((3, 60)) * np.array([[1.0], [0.0], [1e-14]])
    side = SideInformation.from_field(field)
    loops, arrays = (run_with(monkeypatch, switch, instance, side) for switch in (True, False))
    assert loops.status == arrays.status
    assert loops.iterations == arrays.iterations
    assert np.allclose(loops.mean, arrays.mean, rtol=1e-6, atol=1e-12)


def test_fields_that_are_not_finite_are_told(monkeypatch):
    """One row overflows on its way: it ends as diverged, by either way, and the other goes on."""
    instance = at.draw_instance(at.SherringtonKirkpatrick(), 0.8, 50, 2)
    start = np.vstack([instance.planted, np.full(50, 1e200)])
    side = SideInformation.from_field(np.zeros((2, 50)))
    loops, arrays = (run_with(monkeypatch, switch, instance, side, start) for switch in (True, False))
    assert loops.status == arrays.status
    assert "diverged" in loops.status
    assert np.all(np.isfinite(loops.mean))
    assert np.allclose(loops.mean, arrays.mean, atol=1e-6)


def test_rows_that_rest_next_to_certainty_converge(monkeypatch):
    """Last digits of certain spins are others by arrays: rows that do not change must not go to and fro between both."""
    instance = at.draw_instance(at.IsingPSpin(3), 1.2, 60, 3)
    side = at.Flow().observe(np.tile(instance.planted, (40, 1)), 39.0, np.random.default_rng(0))
    arrays = run_with(monkeypatch, False, instance, side)
    for row in range(side.batch):
        one = SideInformation.from_field(side.field[row], side.precision)
        loops = run_with(monkeypatch, True, instance, one, arrays.mean[row : row + 1])
        assert loops.status == ("converged",)
        assert loops.iterations <= 5
