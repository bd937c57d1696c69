"""Flow and revealed variables at once on random measures: one of them held, against each alone and another quadrature."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.random_measures.fields import FieldMeasure
from amp_theory.equations_of_state.random_measures.perceptrons import PerceptronMeasure
from amp_theory.phases.geometry.random_measures import least_stability
from tests.oracles import random_perceptrons as oracle

BOTH = at.Mixed(at.Flow(), at.Autoregressive())
BINARY, SPHERE = at.Rademacher(), at.Gaussian()
FIELD = at.IsingPSpin(3, field=0.2)
GAP = at.RandomPerceptron(SPHERE, at.Margin(-2.5))
TILTED = at.RandomPerceptron(BINARY, at.Margin(0, 1.5))
FROZEN = at.RandomPerceptron(BINARY)
#: model, control, and what is revealed
CASES = [(FIELD, 0.71, 0.02), pytest.param(GAP, 275.0, 0.01, marks=pytest.mark.slow),
         pytest.param(FROZEN, 0.4, 0.3, marks=pytest.mark.slow)]  # fmt: skip
LINES = ("informed_spinodal", "first_order", "uninformed_spinodal")


def isotherms(model, path, control):
    measure = (PerceptronMeasure if isinstance(model, at.RandomPerceptron) else FieldMeasure)(model, path)
    return measure.isotherms(np.array([control]))


def transitions(model, path, control):
    """Return the strengths of the first transitions, by name."""
    found = at.path_transitions(model, path, control)
    return {name: getattr(found, name)[0].strength for name in LINES if getattr(found, name)}


@pytest.mark.parametrize("held", ["revealed", "snr"])
def test_strengths_of_binary_weights_are_those_of_another_quadrature(held):
    alpha, revealed, signal = 0.4, 0.15, 1.3
    qh, q0 = oracle.binary_base(alpha, 0.0)
    q = revealed + (1 - revealed) * oracle.spin_overlap(qh, signal)
    snr = signal - (alpha * oracle.averages(q0, q, 0.0)[2] - qh)
    level, z, expected = (revealed, signal, snr) if held == "revealed" else (snr, 1 / (1 - q) - 1 / (1 - q0), revealed)
    points = isotherms(FROZEN, BOTH.held(**{held: level}), alpha).points(np.array([[z]]))
    assert 1 - points.gap[0, 0] == pytest.approx(q, abs=1e-12)
    assert points.strength[0, 0] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("level", [{"revealed": 0.1}, {"snr": 0.2}])
@pytest.mark.parametrize(("model", "control"), [(GAP, 275.0), (FROZEN, 0.4), (FIELD, 0.71)])
def test_free_entropy_has_the_strength_as_slope(model, control, level):
    found = isotherms(model, BOTH.held(**level), control)
    z = np.array([[0.2, 1.0, 3.0]])
    h = 1e-3 * z
    a, b, c, d = (found.points(z + k * h) for k in (-2, -1, 1, 2))
    here = found.points(z)

    def slope(name):
        return (getattr(a, name) - 8 * getattr(b, name) + 8 * getattr(c, name) - getattr(d, name)) / (12 * h)

    assert slope("level") == pytest.approx(-here.strength * slope("level_s"), rel=1e-7, abs=1e-12)
    assert slope("strength") == pytest.approx(here.strength_z, rel=1e-8)
    assert slope("stability") == pytest.approx(here.stability_z, rel=1e-7, abs=1e-9)
    assert slope("excess") == pytest.approx(here.overlap_z, rel=1e-8)


@pytest.mark.parametrize("level", [{"revealed": 0.3}, {"snr": 0.7}])
@pytest.mark.parametrize("model", [FROZEN, TILTED])
def test_all_that_is_told_is_the_entropy(model, level):
    """Of binary weights: what both tell of the truth, less phi, is the entropy of the target in the end."""
    found = isotherms(model, BOTH.held(**level), 0.4)
    last = found.points(np.array([[1e14 if "snr" in level else 64.0]]))
    told, phi = found.known[0], last.level[0, 0]
    if "snr" in level:  # with all revealed
        told, phi = told + found.hidden_entropy[0], phi + last.level_s[0, 0]
    assert told - phi == pytest.approx(found.base.entropy[0], abs=1e-6)


@pytest.mark.parametrize(("model", "control", "revealed"), CASES)
def test_transitions_are_the_same_whichever_is_held(model, control, revealed):
    """Points of one surface in the plane of both strengths, from coordinates that differ."""
    seen = transitions(model, BOTH.held(revealed=revealed), control)
    assert "first_order" in seen
    for name, snr in seen.items():
        assert transitions(model, BOTH.held(snr=snr), control)[name] == pytest.approx(revealed, rel=1e-8)
    a = at.fixed_points(model, BOTH.held(revealed=revealed), control, 0.01)
    b = at.fixed_points(model, BOTH.held(snr=0.01), control, revealed)
    assert a.region == b.region
    for one, two in zip(a, b, strict=True):
        for name in ("overlap", "free_entropy", "mutual_information", "mmse"):
            assert getattr(one, name) == pytest.approx(getattr(two, name), abs=1e-9)


@pytest.mark.parametrize(("model", "control", "revealed"), CASES)
def test_as_good_as_nothing_held_is_the_other_path_alone(model, control, revealed):
    for path, level in ((at.Flow(), {"revealed": 1e-13}), (at.Autoregressive(), {"snr": 1e-13})):
        both, alone = (transitions(model, p, control) for p in (BOTH.held(**level), path))
        assert both.keys() <= alone.keys()
        for name, strength in both.items():
            assert strength == pytest.approx(alone[name], rel=1e-9)


@pytest.mark.parametrize(
    ("model", "level"),
    [(FIELD, {"revealed": 0.02}), (FIELD, {"snr": 0.02}),
     pytest.param(GAP, {"revealed": 0.02}, marks=pytest.mark.slow)],
)  # fmt: skip
def test_special_points_are_transitions_of_what_is_held(model, level):
    """At zero strength of one path the other meets its own transitions at the level that is held."""
    (name, value), found = next(iter(level.items())), at.thresholds(model, BOTH.held(**level))
    other = at.Autoregressive() if name == "revealed" else at.Flow()
    pairs = zip((found.dynamical, found.condensation, found.algorithmic), LINES, strict=True)
    for point, line in pairs:
        assert transitions(model, other, point.control)[line] == pytest.approx(value, rel=1e-6)
    # between the ends: a cusp at less strength than alone, and at the same stability line
    alone = at.thresholds(model, at.Flow() if name == "revealed" else at.Autoregressive())
    assert found.first_failure.strength < alone.first_failure.strength
    assert found.stability.control == pytest.approx(alone.stability.control, rel=1e-10)


@pytest.mark.slow
def test_frozen_weights_with_something_known():
    point = at.thresholds(FROZEN, BOTH.held(revealed=0.6)).condensation
    assert transitions(FROZEN, at.Autoregressive(), point.control)["first_order"] == pytest.approx(0.6, abs=1e-9)
    path = BOTH.held(snr=4.2)
    # beyond the end of the branch of the base everything is known from the start
    assert [p.overlap for p in at.fixed_points(FROZEN, path, 0.4, 0.1)] == [1.0]
    least = least_stability(PerceptronMeasure(FROZEN, path).isotherms(np.array([0.3, 0.4])))[1]
    assert least[0] < 0 < least[1]


def test_beyond_the_first_order_line_nothing_is_met():
    assert at.thresholds(FIELD, BOTH.held(snr=0.3)).first_failure.how.startswith("stability")
    shown = at.phase_diagram(FIELD, BOTH.held(snr=0.02), control_range=(0.68, 0.76), points=3)
    assert shown.sampler_succeeds(control=[0.74, 0.755]).tolist() == [False, True]
    far = at.phase_diagram(FIELD, BOTH.held(snr=0.3), control_range=(0.69, 0.76), points=3)
    assert far.sampler_succeeds(control=[0.7, 0.74]).tolist() == [True, True]


@pytest.mark.parametrize(("make", "said"), [
    (lambda: at.thresholds(FROZEN, at.Mixed(at.Flow(), at.UniformDiscreteDiffusion()).held(snr=0.1)), "one strength held"),
    (lambda: at.thresholds(FROZEN, at.Mixed(at.Autoregressive(), at.Birth()).held(revealed=0.1)), "one strength held"),
    (lambda: at.safe_order(FROZEN, at.Flow(), at.Autoregressive(), 0.4), "planted measures"),
    (lambda: at.critical_line(GAP, at.Flow(), at.Autoregressive()), "planted measures"),
    (lambda: at.best_path(FROZEN), "planted measures"),
])  # fmt: skip
def test_what_is_not_derived_is_refused(make, said):
    with pytest.raises(at.InputError, match=said):
        make()
