"""What threshold states make of verdicts on local moves, on the command line and on pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.interface.glassy import BAND

MODEL = at.SpikedMatrixTensor(3, 0.5)


def told(capsys, *arguments):
    code = main(["threshold-states", *arguments])
    return code, capsys.readouterr()


@pytest.mark.parametrize("sampler", ["mcmc", "langevin"])
def test_three_verdicts_and_both_lines_in_words(sampler):
    """Succeeds, unknown, fails; every reason names both lines and the band."""
    found = at.threshold_states(MODEL)
    row = at.compare_samplers(MODEL)[sampler]
    expected = [(0.4, True, "heuristic"), (0.7, None, "unknown"), (0.9, False, "heuristic")]
    for noise, succeeds, certainty in expected:
        verdict = row.at(noise)
        assert (verdict.succeeds, verdict.certainty) == (succeeds, certainty)
        for line in (found.aging.noise, found.fast.noise, *found.band):
            assert f"{line:.6g}" in verdict.reason
        assert "choice of glassy state" in verdict.reason
    for line, sides in ((found.fast, (True, None)), (found.aging, (None, False))):
        assert tuple(row.at(line.noise * (1 + d)).succeeds for d in (-1e-9, 1e-9)) == sides


def test_a_fast_line_of_sparse_numbers():
    """Gauss-Bernoulli has one, sparse signs do not."""
    model = at.SpikedMatrix(at.GaussBernoulli(0.1))
    found = at.threshold_states(model)
    row = at.compare_samplers(model)["langevin"]
    middle = np.sqrt(found.fast.noise * found.aging.noise)
    assert [row.at(x).succeeds for x in (0.9 * found.fast.noise, middle, 1.05 * found.aging.noise)] == [
        True,
        None,
        False,
    ]


@pytest.mark.parametrize(
    "model", [at.SpikedMatrix(at.SparseRademacher(0.2)), at.SpikedMatrix(at.SparseRademacher(0.09))]
)
def test_nothing_is_said_where_nothing_traps(model):
    """No states, or states that are unstable from their onset: as before, no theory tells."""
    row = at.compare_samplers(model)["mcmc"]
    assert {v.certainty for v in row.verdicts} <= {"conjecture", "unknown"}
    assert all("aging line" not in v.reason for v in row.verdicts)


def test_command(capsys):
    code, out = told(capsys, "spiked-matrix", "--set", "prior=sparse-rademacher", "--set", "rho=0.08", "--json")
    data = json.loads(out.out)
    found = at.threshold_states(at.SpikedMatrix(at.SparseRademacher(0.08)))
    assert code == 0
    assert data["aging"]["noise"] == found.aging.noise
    assert data["aging"]["error"]["noise"] == found.aging.error
    assert data["band"] == list(found.band)
    assert data["fast"] is None
    assert "followed" in data["reasons"]["fast"]
    code, out = told(capsys, "spiked-matrix-tensor", "--set", "p=3", "--set", "tensor_noise=0.5", "--control", "0.8")
    assert code == 0
    for words in ("heuristic", "spread over the choice of glassy state", "threshold state at noise = 0.8"):
        assert words in out.out
    code, out = told(capsys, "ising-p-spin", "--set", "p=3")
    assert (code, out.out) == (2, "")
    assert "trapped at any temperature" in out.err
    assert len(out.err.splitlines()) == 1
    assert len(out.err) < 300
    code, out = told(capsys, "spiked-matrix-tensor", "--set", "p=3", "--set", "tensor_noise=0.5", "--control", "-1")
    assert code == 2


def test_the_band_is_shaded():
    """From one end of the band to the other, whatever the scaling; nothing where it is not in the picture."""
    diagram = at.phase_diagram(MODEL, at.Flow(), (0.7, 1.3), 3)
    band = at.threshold_states(MODEL).band
    for scaling, ends in (("noise", band), ("lambda", (1 / band[1], 1 / band[0]))):
        axes = at.plot_glassy(diagram, Figure().add_subplot(), scaling=scaling)
        (patch,) = [p for p in axes.patches if p.get_label() == BAND]
        assert (patch.get_x(), patch.get_x() + patch.get_width()) == pytest.approx(ends, rel=1e-12)
        assert "heuristic" in next(text.get_text() for text in axes.texts if "Monte Carlo" in text.get_text())
        # it is a shade, never a line
        assert all(line.get_label() != BAND for line in axes.lines)
    beyond = at.plot_glassy(at.phase_diagram(MODEL, at.Flow(), (1.0, 1.3), 3), Figure().add_subplot())
    assert [p for p in beyond.patches if p.get_label() == BAND] == []
    with pytest.raises(at.InputError, match="trapped at any"):
        at.plot_glassy(at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=3))


@pytest.mark.slow
def test_the_band_in_files(tmp_path, capsys):
    given = ["spiked-matrix-tensor", "--set", "p=3", "--set", "tensor_noise=0.5", "--path", "flow", "--range", "0.7", "1.3",
             "--points", "3"]  # fmt: skip
    picture = tmp_path / "band.svg"
    assert main(["diagram", *given, "--glassy", "-o", str(picture)]) == 0
    plain = tmp_path / "plain.svg"
    assert main(["diagram", *given, "-o", str(plain)]) == 0
    assert picture.read_text() != plain.read_text()
    assert main(["diagram", *given, "--glassy", "--sizes", "-o", str(tmp_path / "both.svg")]) == 2
    assert "--sizes and --glassy" in capsys.readouterr().err


@pytest.mark.slow
def test_two_time_equations_on_either_side():
    """Below the fast line the Bayes overlap is reached before time 50; beyond the aging line the overlap only falls."""
    bayes = at.fixed_points(MODEL, at.Flow(), control=0.4, strength=0.0).equilibrium.overlap
    found = at.threshold_states(MODEL)
    for noise, escapes in ((0.4, True), (0.95, False)):
        assert found.escapes(noise) is escapes
        run = at.langevin_correlations(
            MODEL, noise, "planted", end_time=50.0, steps=1000, initial_overlap=0.01, tolerance=1.0
        )
        if escapes:
            assert run.overlap[-1] == pytest.approx(bayes, abs=2e-2)
        else:
            assert np.all(np.diff(run.overlap[20:]) < 0)
            assert run.overlap[-1] < 0.01
