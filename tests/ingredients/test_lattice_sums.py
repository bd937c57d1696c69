"""Smoothed potentials on lattices against sums around every place, and against moments on panels."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.ingredients.outputs.largest_term import CENTRED, largest_term
from amp_theory.ingredients.outputs.lattice_sums import smoothed_on_lattice
from tests.oracles.random_perceptrons import panels

QUARTIC = at.LogConcave(lambda s: -(s**4) / 8, lambda s: -(s**3) / 2, lambda s: -1.5 * s**2)
POTENTIALS = [at.Logistic(0, 1), at.Logistic(0, 10), at.Logistic(0, 50), QUARTIC]


@pytest.mark.parametrize("potential", POTENTIALS)
def test_neighbours_share_sums_that_each_has_alone(potential):
    """On several lattices of several variances at once, down to the least."""
    v = np.array([2.0, 0.3, 1e-2, 1e-6, 1e-14])
    start, step = np.array([-4.0, -3.5, -3.0, -2.0, -1.0]), np.array([0.4, 0.2, 0.05, 0.04, 0.03])
    found = smoothed_on_lattice(potential, start, step, 41, v)
    place = start[:, None] + step[:, None] * np.arange(41)
    for k, variance in enumerate(v):
        alone = potential.smoothed(place[k], np.full(1, variance))
        size = 1 / potential.scale  # what a derivative is times the function
        # the last is a difference of terms of f'' over sqrt(V)
        rounding = (1e-13, 1e-13 * size, 1e-13 * size**2, 1e-14 * size**3 * (1 + 1 / size / np.sqrt(variance)))
        for a, b, off in zip(found, alone, rounding, strict=True):
            assert a[k] == pytest.approx(b, rel=1e-12, abs=10 * off)


@pytest.mark.parametrize("potential", POTENTIALS)
@pytest.mark.parametrize("variance", [1.0, 0.1])
def test_derivatives_are_moments_of_the_field(potential, variance):
    """V g = <s - w>, V^2 g' = Var s - V, V^3 g'' = the third central moment, by Gauss-Legendre sums without f'."""
    w = -2.0 + 0.3 * np.arange(15)
    found = smoothed_on_lattice(potential, w[:1], np.array([0.3]), len(w), np.array([variance]))
    s, weight = panels(np.linspace(-14, 14, 400), 12)
    exponent = potential.logarithm(s)[0] - (s - w[:, None]) ** 2 / (2 * variance)
    weight = weight * np.exp(exponent) / np.sqrt(2 * np.pi * variance)
    norm = weight.sum(axis=1)
    mean = (weight @ s) / norm
    off = s - mean[:, None]
    second, third = (np.sum(weight * off**k, axis=1) / norm for k in (2, 3))
    exact = (np.log(norm), (mean - w) / variance, second / variance**2 - 1 / variance, third / variance**3)
    for a, b in zip(found, exact, strict=True):
        assert a[0] == pytest.approx(b, rel=1e-10, abs=1e-10 * potential.scale**-3)


@pytest.mark.parametrize("potential", POTENTIALS)
def test_the_largest_term_is_found_where_newton_steps_alone_go_round_in_circles(potential):
    w = np.linspace(-12, 12, 241)
    for v in (4.0, 1.0, 1e-3, 1e-12):
        r = largest_term(potential.logarithm, w, np.full(1, v))
        assert np.all(np.abs(r - v * potential.logarithm(w + r)[1]) <= CENTRED * np.sqrt(v))


def test_curvature_between_checked_fields_is_seen():
    """Of a bend between two of them, its size, and that it is not log-concave."""

    def bend(sign, place=0.11, k=40.0):
        return at.LogConcave(
            lambda s: -(s**2) / 2 - sign * 0.01 * np.logaddexp(k * (s - place), -k * (s - place)),
            lambda s: -s - sign * 0.01 * k * np.tanh(k * (s - place)),
            lambda s: -1 - sign * 0.01 * k**2 / np.cosh(np.minimum(np.abs(k * (s - place)), 300)) ** 2,
        )

    assert bend(1).bend == pytest.approx(1 + 0.01 * 40**2, rel=1e-2)
    # poles of tanh lie pi/2 over its steepness from the real axis
    assert 0.2 < bend(1).scale / (np.pi / 80) < 0.5
    with pytest.raises(at.InputError, match=r"log-concave, curvature <= 0; at s = 0\.0\d"):
        bend(-1)
