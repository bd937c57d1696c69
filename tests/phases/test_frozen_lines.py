"""Lines of frozen measures, all controls at once, against what paths meet at each, and next to their ends."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.phases.diagram import random_lines

FROZEN, TILTED = (at.RandomPerceptron(at.Rademacher(), at.Margin(0, a)) for a in (0, 0.7))
FOUND = ("first_order", "uninformed_spinodal")


def compared(model, path, lines, controls):
    """Check lines against one control after another, with both error bounds."""
    for control in controls:
        met = at.path_transitions(model, path, control)
        for name in FOUND:
            line, point = lines[name], met[name][0]
            k = int(np.flatnonzero(line.control == control)[0])
            assert line.strength[k] == pytest.approx(point.strength, abs=line.error[k] + point.error)
            assert line.overlap[k] == pytest.approx(point.overlap, abs=1e-12)
        assert lines["first_order"].lower_overlap[k] == pytest.approx(met.lower_overlaps[0], abs=1e-9)


def test_all_controls_at_once_are_each_of_them():
    model, path = FROZEN, at.Flow()
    shown = at.phase_diagram(model, path, control_range=(0.3, 0.7), points=3)
    for name in FOUND:
        assert shown.lines[name].ends == (("edge of the range", "edge of the range"),)
        assert np.all(shown.lines[name].error < 1e-5)
    assert not len(shown.lines["informed_spinodal"].control)
    compared(model, path, shown.lines, shown.lines["first_order"].control[::2])


@pytest.mark.slow
def test_what_has_other_branches_is_solved_one_by_one(monkeypatch):
    """Here it is told that there are none to solve at once."""
    at_once = at.phase_diagram(FROZEN, at.Autoregressive(), control_range=(0.3, 0.4), points=2).lines
    monkeypatch.setattr(random_lines, "_frozen_columns", lambda *args: None)
    alone = at.phase_diagram(FROZEN, at.Autoregressive(), control_range=(0.3, 0.4), points=2).lines
    for name in FOUND:
        assert at_once[name].strength == pytest.approx(alone[name].strength, rel=1e-12)


@pytest.mark.parametrize("model", [FROZEN, pytest.param(TILTED, marks=pytest.mark.slow)])
def test_lines_end_with_the_entropy_and_the_stability(model):
    """The last control was once the stability line itself, where rounding decided whether it was refused."""
    special = at.thresholds(model, at.Autoregressive())
    lines = at.phase_diagram(model, at.Autoregressive(), control_range=(0.5, 1.5), points=2).lines
    assert lines["first_order"].control[-1] == pytest.approx(special.condensation.control, rel=1e-8)
    assert 0 <= lines["first_order"].strength[-1] < 1e-8
    assert lines["uninformed_spinodal"].control[-1] == pytest.approx(special.stability.control, rel=1e-8)
    assert 0 <= lines["uninformed_spinodal"].strength[-1] < 1e-8
