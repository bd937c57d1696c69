"""Several cusps and several second branches of spherical spins in a field, against closed forms on a grid of overlaps."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.random_measures.fields import FieldMeasure
from amp_theory.phases.diagram import random_branches
from amp_theory.phases.points import random_rows
from amp_theory.phases.points.random_rows import IsothermRows, meeting, spots_before, spots_on
from tests.oracles.field_oracle import BallField

#: powers and factors, and the field: the second branch that appears first condenses first, or another does, with one
#: or two of them there
MODELS = [
    ({3: 0.1, 20: 0.15}, 0.0192),
    ({3: 0.1, 20: 0.2}, 0.0192),
    ({3: 0.1, 40: 0.2}, 0.05),
    ({3: 0.1, 12: 0.1}, 0.05),
    ({3: 0.0228, 20: 0.0187}, 0.0192),
]


def mixed(terms, field):
    return at.MixedPSpin(" + ".join(f"{c}*q**{p}" for p, c in terms.items()), at.Gaussian(), field=field)


@pytest.mark.parametrize(("terms", "field"), MODELS)
@pytest.mark.every(2)
def test_second_branches_are_those_of_the_grid(terms, field):
    """The dynamical point is where the first appears, condensation where the largest free entropy becomes positive."""
    special = at.thresholds(mixed(terms, field), at.Flow())
    onset, equal = special.dynamical.control, special.condensation.control
    counts = [len(BallField(terms, onset * (1 + s), field).second_branches) for s in (1e-6, -1e-6)]
    assert counts == [0, 1]
    before, after = (BallField(terms, equal * (1 + s), field).second_branches.max() for s in (1e-5, -1e-5))
    assert before < 0 < after
    for temperature in np.linspace(equal * 1.001, onset * 1.05, 6):  # nothing earlier, seen from the easy side
        assert np.all(BallField(terms, temperature, field).second_branches < 0)


@pytest.mark.parametrize(("terms", "field"), [MODELS[0], MODELS[4]])
def test_zero_strength_does_not_depend_on_the_path(terms, field):
    one, other = (at.thresholds(mixed(terms, field), path) for path in (at.Flow(), at.Autoregressive()))
    for name in ("dynamical", "condensation", "stability"):
        a, b = getattr(one, name), getattr(other, name)
        assert abs(a.control - b.control) <= a.error + b.error
        assert abs(a.overlap - b.overlap) <= a.errors["overlap"] + b.errors["overlap"]
    assert one.tricritical.control != other.tricritical.control


@pytest.mark.parametrize(("terms", "field", "count"), [(*MODELS[0], 2), (*MODELS[3], 2), ({3: 0.1, 12: 0.2}, 0.05, 3)])
def test_all_cusps_are_extremes_of_the_closed_form(terms, field, count):
    """Flows have R = 1 - xi_1''(q) (1 - q)^2/T^2: cusps are extremes, where the number of folds changes by two."""
    special = at.thresholds(mixed(terms, field), at.Flow())
    tips = [special.tricritical, *special.further_tricritical]
    assert len(tips) == count
    assert [t.control for t in tips] == sorted((t.control for t in tips), reverse=True)
    q = np.linspace(0.05, 0.999, 400001)
    height = sum(c * p * (p - 1) * q ** (p - 2) for p, c in terms.items()) * (1 - q) ** 2
    extremes = np.flatnonzero(np.diff(np.sign(np.diff(height)))) + 1
    for tip in tips:
        k = extremes[np.argmin(np.abs(q[extremes] - tip.overlap))]
        assert tip.control == pytest.approx(height[k] ** 0.5, abs=1e-10)
        assert tip.overlap == pytest.approx(q[k], abs=5e-6)
        before, after = (BallField(terms, tip.control * (1 + s), field).folds for s in (1e-6, -1e-6))
        assert abs(after - before) == 2
        oracle = BallField(terms, tip.control, field)
        assert np.interp(tip.overlap, oracle.q, oracle.snr) == pytest.approx(tip.strength, abs=1e-6)
        assert tip.strength > 0


def test_cusps_at_negative_strength_are_none():
    """Folds that merge where the formula gives a negative strength are no states: the closed form has one more."""
    terms, field = MODELS[4]
    measure = FieldMeasure(mixed(terms, field), at.Flow())
    logs = np.linspace(-2 * np.log(0.15), -2 * np.log(0.0929), 20)
    found = spots_on(measure, IsothermRows.at(measure, logs), zero=False).cusps
    assert [round(float(np.exp(-x / 2)), 6) for x, _ in found] == [0.142361, 0.109687, 0.094392]
    strengths = [float(measure.isotherms(np.exp([-x / 2])).points(np.array([[z]])).strength[0, 0]) for x, z in found]
    assert [s > 0 for s in strengths] == [True, True, False]
    assert len(at.thresholds(mixed(terms, field), at.Flow()).further_tricritical) == 1


def test_verdicts_and_lines_of_several_branches():
    terms, field = MODELS[4]
    model = mixed(terms, field)
    special = at.thresholds(model, at.Flow())
    verdicts = at.compare_samplers(model)["flow"].verdicts
    assert [v.succeeds for v in verdicts] == [None, False, True]
    assert verdicts[1].hi == special.tricritical.control
    diagram = at.phase_diagram(model, at.Flow(), (0.105, 0.15), points=4)
    assert len(diagram.line("first_order")) >= 2
    table = IsothermRows.at(FieldMeasure(model, at.Flow()), -2 * np.log(np.array([0.14, 0.105])))
    assert table.counts.tolist() == [2, 4]
    assert [BallField(terms, t, field).folds for t in (0.14, 0.105)] == [2, 4]


def test_what_is_seen_and_cannot_be_solved_for_is_said(monkeypatch):
    terms, field = MODELS[3]
    measure = FieldMeasure(mixed(terms, field), at.Flow())
    begin, end = -2 * np.log(0.28), -2 * np.log(0.26)
    assert meeting(measure, begin, 1e-3, "stability", "level") is None
    monkeypatch.setattr(random_rows, "meetings", lambda _, seeds: [None] * len(seeds))
    with pytest.raises(at.NumericalError, match="where it begins could not be solved for"):
        spots_on(measure, IsothermRows.at(measure, -2 * np.log(np.linspace(0.2815, 0.277, 4))), zero=True)
    with pytest.raises(at.NumericalError, match="a cusp of"):
        spots_before(measure, [IsothermRows.at(measure, np.array([-2 * np.log(0.32), begin]))], end)


@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()])
def test_lines_without_newton_steps_are_the_same(monkeypatch, path):
    """Free entropies balance where nested brackets say so, too."""
    model = at.SphericalPSpin(3, field=0.2)
    fast = at.phase_diagram(model, path, points=6).line("first_order")
    monkeypatch.setattr(random_branches, "STEPS", 0)
    slow = at.phase_diagram(model, path, points=6).line("first_order")
    assert np.all(np.abs(fast.strength - slow.strength) <= fast.error + slow.error)
    assert np.allclose(fast.overlap, slow.overlap, atol=1e-10)


def test_what_is_lost_at_first_is_found_between_more_rows(monkeypatch):
    """The first Newton iteration loses all: brackets are narrowed, and the spots are the same."""
    model = mixed(*MODELS[0])
    fast, solve, calls = at.thresholds(model, at.Flow()), random_rows.meetings, []

    def lost_once(measure, seeds):
        calls.append(len(seeds))
        return solve(measure, seeds) if len(calls) > 1 else [None] * len(seeds)

    monkeypatch.setattr(random_rows, "meetings", lost_once)
    slow = at.thresholds(model, at.Flow())
    assert len(calls) > 4
    assert len(slow.further_tricritical) == len(fast.further_tricritical) == 1
    for name in ("tricritical", "dynamical", "condensation", "stability"):
        assert abs(getattr(fast, name).control - getattr(slow, name).control) <= 2 * getattr(fast, name).error


@pytest.mark.parametrize(("terms", "field", "limits"), [(*MODELS[4], (0.105, 0.15)), (*MODELS[0], (0.28, 0.305))])
def test_lines_of_several_branches_are_those_of_every_control(terms, field, limits):
    """All isotherms at once, and one after the other."""
    model = mixed(terms, field)
    diagram = at.phase_diagram(model, at.Flow(), limits, points=4)
    for name, line in diagram.lines.items():
        for control in np.unique(line.control):
            here = np.flatnonzero(line.control == control)
            order = here[np.argsort(line.strength[here])]
            single = at.path_transitions(model, at.Flow(), float(control))[name]
            if control in [p.control for p in diagram.thresholds.points().values() if p is not None]:
                continue
            assert len(single) == len(order)
            for point, k in zip(single, order, strict=True):
                assert abs(point.strength - line.strength[k]) <= point.errors["snr"] + line.error[k]
                assert point.overlap == pytest.approx(line.overlap[k], abs=1e-9)
    assert max(np.bincount(diagram.line("uninformed_spinodal").segment)) <= 4


def test_a_diagram_of_the_ends_of_its_lines():
    diagram = at.phase_diagram(at.SphericalPSpin(3, field=0.2), at.Flow(), points=2)
    line, special = diagram.line("first_order"), diagram.thresholds
    assert line.control.tolist() == [special.condensation.control, special.tricritical.control]
    assert line.strength.tolist() == [0.0, special.tricritical.snr]
