"""Verdicts at one control carry the size of a failure; pictures mark from which size on it is seen."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

import amp_theory as at
from amp_theory.interface.cli import main

ISING, MATRIX = at.IsingPSpin(3), at.SpikedMatrix(at.SparseRademacher(0.08))


@pytest.mark.parametrize(("model", "control", "target"), [
    (ISING, 0.70, "random"), (ISING, 0.70, "planted"), (MATRIX, 1.05 * 0.0064, "planted"),
    (at.SpikedMatrix(at.SparseRademacher(0.05)), 1.08 * 0.0025, "planted"),
], ids=repr)  # fmt: skip
@pytest.mark.every(2)
def test_failing_denoisers_have_their_size(model, control, target):
    result = at.compare_samplers(model, target)
    for path in (at.Flow(), at.Autoregressive()):
        verdict = result[path.name].at(control)
        expected = at.sampling_error(model, path, control, target=target)
        assert verdict.succeeds is False
        assert (verdict.nats_per_variable, verdict.visible_size) == (expected.nats_per_variable, expected.visible_size)
        assert f"{expected.visible_size:.4g} variables" in verdict.report()
        data = verdict.to_dict()
        assert (data["visible_size"], data["error"]) == (expected.visible_size, expected.errors)


def test_all_others_have_none():
    result = at.compare_samplers(ISING)
    easy, chain, interval = result["flow"].at(0.9), result["mcmc"].at(0.66), result["flow"].verdicts[1]
    assert (easy.succeeds, chain.succeeds, interval.succeeds) == (True, False, False)
    for verdict in (easy, chain, interval):
        assert verdict.visible_size is verdict.nats_per_variable is None
        assert "visible_size" not in verdict.to_dict()
        assert "variables on" not in verdict.report()
    assert result["flow"].at(0.70) == interval  # the size is told, not compared


def test_sizes_are_computed_when_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr("amp_theory.phases.rules.sampling_error", lambda *a, **k: asked.append(a) or _missing())
    verdict = at.compare_samplers(at.IsingPSpin(4))["flow"].at(0.65)
    assert verdict.succeeds is False
    assert asked == []
    assert verdict.visible_size is None
    assert "of unknown size (not derived here)" in verdict.report()
    assert verdict.to_dict()["reasons"] == {"visible_size": "not derived here"}
    assert len(asked) == 1


def _missing():
    raise at.InputError("not derived here")


def test_where_failure_begins_it_has_no_size():
    tricritical = at.thresholds(ISING, at.Flow()).tricritical.temperature
    verdict = at.compare_samplers(ISING)["flow"].at(tricritical)
    assert verdict.succeeds is False
    assert verdict.nats_per_variable == pytest.approx(0, abs=1e-12)
    json.dumps(verdict.to_dict(), allow_nan=False)


def test_compare_at_one_control(capsys):
    arguments = ["compare", "ising-p-spin", "--set", "p=3", "--control", "0.7"]
    assert main([*arguments, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["temperature"] == 0.7
    assert data["samplers"]["flow"]["nats_per_variable"] == pytest.approx(0.00790225877472, rel=1e-11)
    assert data["samplers"]["autoregressive"]["nats_per_variable"] == pytest.approx(0.0126752126427, rel=1e-11)
    assert "visible_size" not in data["samplers"]["mcmc"]
    assert main(arguments) == 0
    assert "seen from 126.5 variables on" in capsys.readouterr().out
    assert main(["compare", "ising-p-spin", "--set", "p=3", "--control", "-1"]) == 2
    assert "temperature" in capsys.readouterr().err


@pytest.mark.slow
def test_marks_are_where_the_size_is_a_power_of_ten():
    diagram = at.phase_diagram(MATRIX, at.Flow(), points=20)
    (top,) = at.plot_sizes(diagram, Figure().add_subplot(), scaling="noise_over_rho2").child_axes
    controls = np.array(top.get_xticks()) * 0.0064
    assert len(controls) >= 4
    powers = [np.log10(found.visible_size) for found in at.sampling_error(MATRIX, at.Flow(), controls)]
    assert powers == pytest.approx(np.round(powers), abs=1e-3)
    named = [(label.get_text(), power) for label, power in zip(top.get_xticklabels(), powers, strict=True)]
    assert [text for text, _ in named if text] == [f"$10^{round(power)}$" for text, power in named if text]


def test_no_marks_where_nothing_fails():
    axes = at.plot_sizes(at.phase_diagram(ISING, at.Flow(), (0.8, 0.9), 5), Figure().add_subplot())
    assert axes.child_axes == []
    with pytest.raises(at.InputError, match="phase_diagram"):
        at.plot_sizes(ISING)
