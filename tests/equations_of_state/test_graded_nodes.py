"""Nodes of smooth potentials with edges: against plain sums, closed forms, and their own sums without tables."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.random_measures.graded_nodes import GradedFields
from amp_theory.equations_of_state.random_measures.pattern_averages import PatternAverages
from amp_theory.equations_of_state.random_measures.perceptrons import BENT, LADDER, SAFE, PerceptronMeasure
from amp_theory.ingredients.outputs.bends import Bends
from tests.oracles import random_perceptrons as oracle


def hinge(kappa, c=1.0):
    """Return psi = exp(-c (kappa - s)_+^2/2)."""
    return at.LogConcave(
        lambda s: -c * np.maximum(0, kappa - s) ** 2 / 2,
        lambda s: c * np.maximum(0, kappa - s),
        lambda s: -c * (s < kappa),
    )


def huber():
    """Return a potential with two breaks, of slopes 2 and 0, between which it is quadratic."""
    return at.LogConcave(
        lambda s: -2 * np.where(s > 0, 0, np.where(s > -1, s * s / 2, -s - 0.5)),
        lambda s: -2 * np.where(s > 0, 0, np.where(s > -1, s, -1.0)),
        lambda s: -2.0 * ((s < 0) & (s > -1)),
    )


def cosh(steepness, centre, slope):
    """Return psi = cosh(steepness (s - centre))^(-slope/steepness)."""

    def curvature(s):
        return -slope * steepness / np.cosh(np.minimum(np.abs(steepness * (s - centre)), 300)) ** 2

    return at.LogConcave(
        lambda s: -slope / steepness * np.logaddexp(steepness * (s - centre), -steepness * (s - centre)),
        lambda s: -slope * np.tanh(steepness * (s - centre)),
        curvature,
    )


EDGED = [at.Logistic(0, 2), at.Logistic(0.5, 10), at.Logistic(-1, 50), hinge(0.5), hinge(1.0, 4.0), huber(),
         cosh(20, 0.7, 1), cosh(60, -1.3, 60)]  # fmt: skip


@pytest.mark.parametrize("potential", [
    EDGED[1], EDGED[3], EDGED[6], *(pytest.param(EDGED[k], marks=pytest.mark.slow) for k in (0, 2, 5, 7)),
])  # fmt: skip
@pytest.mark.parametrize("q0", [0.05, pytest.param(0.6, marks=pytest.mark.slow)])
def test_tables_are_the_sums_they_are_made_of(potential, q0):
    """By the first quadrature from tables, by the second at other nodes without them; both are normalised."""
    gap = (1 - q0) * np.array([[0.9, 0.3, 1e-2, 1e-5, 1e-15]])
    first, second = (
        PatternAverages(potential, check).inside(np.array([[q0]]), np.array([[1 - q0]]), 1 - q0 - gap, gap)
        for check in (False, True)
    )
    assert np.abs(first.weight - 1).max() < 1e-12
    assert np.abs(second.weight - 1).max() < 1e-12
    for name in ("log_h", "square", "slope", "mixed", "bent"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), rel=1e-11), name


@pytest.mark.parametrize("fineness", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("steepness", "q0", "q"), [(10, 0.3, 0.5), (10, 0.6, 0.97), pytest.param(30, 0.4, 0.8, marks=pytest.mark.slow)]
)
def test_averages_of_steep_logistic_potentials_are_plain_sums(steepness, q0, q, fineness):
    """Two sums over w and w0 with H summed at every one: nothing is graded, and nothing a logarithm."""
    found = PatternAverages(at.Logistic(0, steepness)).inside(
        np.array([[q0]]), np.array([[1 - q0]]), np.array([[q - q0]]), np.array([[1 - q]])
    )
    exact = oracle.logistic_averages(q0, q, steepness, fineness)
    assert exact[0] == pytest.approx(1, abs=1e-12)
    for value, expected in zip(found[1:4], exact[1:], strict=True):
        assert value[0, 0] == pytest.approx(expected, rel=2e-12)


@pytest.mark.parametrize("potential", [at.Logistic(0, 10), hinge(0.5), pytest.param(huber(), marks=pytest.mark.slow)])
def test_tables_grow_to_what_is_asked(potential):
    """What is asked first, and how much at a time, makes no difference."""
    grown, whole = GradedFields(potential, 1.0), GradedFields(potential, 1.0)
    v = np.array([0.3, 0.02, 1e-6])
    near, far = np.full(3, 2.0), np.full(3, 9.0)
    grown(-near, near, v, False)
    a, b, own = grown(-far, far, v, False), whole(-far, far, v, False), whole(-far, far, v, True)
    assert a.distance == pytest.approx(b.distance, rel=1e-13, abs=1e-15)
    inside = a.weight > 0
    for one, two, three in zip(a.parts[:3], b.parts[:3], own.parts[:3], strict=True):
        assert one == pytest.approx(two, rel=1e-13, abs=1e-13)
        assert one[inside] == pytest.approx(three[inside], rel=1e-11, abs=1e-11)
    assert np.all(np.diff(a.distance, axis=1)[inside[:, 1:] & inside[:, :-1]] > 0)
    # the weights are those of a sum over w, whose last steps are long
    assert np.sum(own.weight, axis=1) == pytest.approx(np.full(3, 18.0), rel=0.15)
    law = np.exp(-(own.distance**2) / 2) / np.sqrt(2 * np.pi)
    assert np.sum(own.weight * law, axis=1) == pytest.approx(np.ones(3), abs=1e-12)


def test_a_break_next_to_the_end_of_a_sum_costs_no_digits():
    """It once left one panel of twenty standard deviations, with g' wrong by 6e-9."""
    w, v, c = np.array([-8.0, -4.0, -1.0, 0.5]), 0.15, 4.0
    found = hinge(1.0, c).smoothed(w, np.full(1, v))
    # beyond the break its weight is nothing: a Gaussian, of variance V + 1/c
    assert found.g[:2] == pytest.approx(c * (1 - w[:2]) / (1 + c * v), rel=1e-13)
    assert found.g1[:2] == pytest.approx(np.full(2, -c / (1 + c * v)), rel=1e-13)
    # psi(s) of c = 4 is that of c = 1 at twice the distance
    log_h = oracle.hinge(2 * (w - 1), 4 * v, 0.0)[0]
    assert found.log_h == pytest.approx(log_h, rel=1e-13)


@pytest.mark.parametrize("steepness", [10, 50])
def test_moments_of_the_field_are_averages_of_slopes(steepness):
    potential = at.Logistic(0, steepness)
    w, v = np.linspace(-2, 2, 9), np.full(9, 0.3)
    for a, b, digits in zip(potential._moments(w, v), potential._summed(w, v, False), (13, 13, 11, 8), strict=True):
        assert a == pytest.approx(b, rel=10.0**-digits, abs=10.0**-digits)


def test_steps_that_are_too_long_are_seen():
    """By the second quadrature, whose sums over s are others: once both had the same, and were off together."""
    good, coarse = cosh(5, 0.0, 1.0), cosh(5, 0.0, 1.0)
    length = 5**-0.5  # where curvature is large, which tells nothing of poles
    object.__setattr__(coarse, "_bends", Bends((), length, length, 5.0))
    object.__setattr__(coarse, "_edges", ())
    q, gap = np.array([0.2]), np.array([0.8])
    exact = PatternAverages(good).base(q, gap).slope
    for potential, least, most in ((good, 0, 1e-13), (coarse, 1e-7, 1)):
        first, second = (PatternAverages(potential.finer if c else potential, c).base(q, gap).slope for c in (0, 1))
        off, seen = abs(first / exact - 1), abs(second / first - 1)
        assert least <= seen <= most
        assert off <= 2 * seen + 1e-13


@pytest.mark.parametrize("steepness", [5, 60])
@pytest.mark.parametrize("prior", [at.Gaussian(), at.Rademacher()])
@pytest.mark.every(2)
def test_even_potentials_are_stable_to_where_overlaps_begin(steepness, prior):
    """At alpha (<u^2> - 1)^2 = 1 in the weight psi(u) e^{-u^2/2}."""
    potential = cosh(steepness, 0.0, 1.0)
    u, weight = oracle.panels(np.linspace(-10, 10, 1201), 12)
    weight = weight * np.exp(potential.logarithm(u)[0] - u * u / 2)
    exact = (np.sum(weight * u * u) / np.sum(weight) - 1) ** -2
    found = at.thresholds(at.RandomPerceptron(prior, potential), at.Flow()).stability
    assert abs(found.control - exact) < found.error + 1e-14
    assert found.error < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("potential", [hinge(0.0), at.Logistic(0, 5)])
@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive(), at.Mixed(at.Flow(), at.Autoregressive()).held(snr=1)])
def test_on_the_sphere_no_fold_lies_beyond_what_is_looked_at(potential, path):
    """-g' is less than the largest curvature of log psi."""
    measure = PerceptronMeasure(at.RandomPerceptron(at.Gaussian(), potential), path)
    isotherms = measure.isotherms(np.exp(measure.looked_at[[0, -1]]))
    last = isotherms.farthest
    beyond = LADDER[last / 16 <= LADDER]
    assert len(beyond) > 3
    assert np.all(isotherms.points(np.broadcast_to(beyond, (2, len(beyond)))).stability > SAFE)


def test_margins_have_no_bounded_curvature():
    """Which the search for the last fold needs to end early."""
    assert at.Margin(0, 1).margin is not None
    for potential in EDGED:
        s = np.linspace(-3, 3, 2001) - potential.centre
        assert potential.margin is None
        assert np.max(-potential.logarithm(s)[2]) <= BENT * potential.bend
