"""Who samples where: intervals, reasons, certainties."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.compare import SAMPLERS


def test_p_spin():
    """Monte Carlo works above T_d, the flow only above its tricritical point: in between the old samplers win."""
    special = at.thresholds(at.IsingPSpin(3), at.Flow())
    result = at.compare_samplers(at.IsingPSpin(3))
    assert result.target == "random"
    assert result["mcmc"].succeeds == ((special.dynamical.temperature, np.inf),)
    assert result["flow"].succeeds == ((pytest.approx(special.tricritical.temperature), np.inf),)
    between = 0.5 * (special.dynamical.temperature + special.tricritical.temperature)
    assert [result[s].at(between).succeeds for s in ("mcmc", "flow", "autoregressive")] == [True, False, False]
    assert result["flow"].at(0.6).succeeds is None
    assert result["langevin"].at(0.7).succeeds is None
    assert "discrete" in result["langevin"].at(0.7).reason
    order = [result[s].succeeds[0][0] for s in ("uniform-diffusion", "flow", "autoregressive")]
    assert order == sorted(order)


def test_sparse_spiked_matrix():
    """Below the algorithmic line the flow works while Monte Carlo meets glassy states."""
    result = at.compare_samplers(at.SpikedMatrix(at.SparseRademacher(0.08)))
    assert result.target == "planted"
    assert result["flow"].at(0.9 * 0.0064).succeeds is True
    assert result["mcmc"].at(0.9 * 0.0064).succeeds is False
    assert result["mcmc"].at(0.9 * 0.0064).certainty == "heuristic"
    assert len(result["flow"].succeeds) == 2
    assert len(result["flow"].fails) == 1


@pytest.mark.parametrize("tensor_noise", [0.1, 0.5, 0.8, 1.5, 2.5])
def test_langevin_on_the_matrix_tensor_model(tensor_noise):
    """p = 3: the planted direction is found iff Delta_2 < min(1, sqrt(Delta_3/2)) (arXiv:1812.09066)."""
    result = at.compare_samplers(at.SpikedMatrixTensor(3, tensor_noise))["langevin"]
    edge = min(1, np.sqrt(tensor_noise / 2))
    assert result.at(edge * 0.999).succeeds is True
    assert result.at(edge * 0.999).certainty == "heuristic"
    special = at.thresholds(at.SpikedMatrixTensor(3, tensor_noise), at.Flow())
    if special.dynamical is not None and edge * 1.001 < special.dynamical.noise:
        assert result.at(edge * 1.001).succeeds is False
        assert result.fails[0][0] == pytest.approx(edge, rel=1e-6)
        assert result.at(special.dynamical.noise * 1.001).succeeds is True


def test_theorems_are_claimed_only_where_they_hold():
    spherical = at.compare_samplers(at.SphericalPSpin(3))
    assert spherical["flow"].at(0.7).certainty == "theorem"
    assert "2404.15651" in spherical["flow"].at(0.7).reason
    assert spherical["autoregressive"].at(0.9).certainty == "conjecture"
    sk = at.compare_samplers(at.SherringtonKirkpatrick())
    assert [sk["mcmc"].at(t).certainty for t in (1.5, 4.5)] == ["conjecture", "theorem"]
    assert sk["flow"].at(1.5).certainty == "theorem"
    assert sk["flow"].at(0.9).succeeds is None
    planted = at.compare_samplers(at.SherringtonKirkpatrick(), "planted")
    assert planted["flow"].at(0.9).certainty == "conjecture"
    assert planted["mcmc"].at(0.9).succeeds is None


def test_verdicts_agree_with_the_diagrams(dense_models):
    for model in dense_models.values():
        result = at.compare_samplers(model, "planted")
        for path in (at.Flow(), at.Autoregressive()):
            special = at.thresholds(model, path)
            middle = special.tricritical.control if special.tricritical else 1.0
            diagram = at.phase_diagram(model, path, (0.5 * middle, 2 * middle), points=3, target="planted")
            for control in middle * np.array([0.6, 0.9, 0.98, 0.999, 1.001, 1.5]):
                assert result[path.name].at(control).succeeds == diagram.sampler_succeeds(control)


@given(st.floats(1e-3, 1e3))
def test_every_control_has_one_verdict(control):
    for model in (at.IsingPSpin(3), at.SpikedMatrixTensor(3, 0.2), at.MixedPSpin("q/100 + q**3/2", at.Gaussian())):
        for sampler in at.compare_samplers(model).samplers:
            assert sampler.verdicts[0].lo == 0
            assert sampler.verdicts[-1].hi == np.inf
            assert sampler.at(control).reason
            for a, b in zip(sampler.verdicts[:-1], sampler.verdicts[1:], strict=True):
                assert a.hi == b.lo


def test_plain_data_and_text():
    result = at.compare_samplers(at.SpikedMatrixTensor(3, 0.8))
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert set(data["samplers"]) == set(SAMPLERS)
    assert data["samplers"]["flow"]["verdicts"][-1]["range"][1] is None
    assert str(result) == result.report()
    assert "heuristic" in result.report()
    with pytest.raises(at.UnknownNameError, match="did you mean 'mcmc'"):
        result["mcm"]


def test_bad_targets():
    with pytest.raises(at.UnknownNameError, match="did you mean 'random'"):
        at.compare_samplers(at.IsingPSpin(3), "randm")
    with pytest.raises(at.InputError, match="no random counterpart"):
        at.compare_samplers(at.SpikedMatrix(at.Gaussian()), "random")
