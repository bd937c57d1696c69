"""Models: scalings between papers, what is equal to what, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.models.catalogue import MODELS, build_model


def field(model: at.Model, control: float, q: float) -> float:
    lam = model.intensity(np.array([control]))
    return float(model.coupling.signal(lam, np.array([q]), np.array([model.variable_prior.second_moment - q]))[0])


@given(st.integers(2, 12), st.floats(0.1, 3), st.floats(0.01, 0.99))
def test_p_spin_is_a_spiked_tensor(p, temperature, q):
    """Delta = 2 T^2/p."""
    ising = at.IsingPSpin(p)
    noise = float(ising.convert(temperature, "temperature", "noise"))
    assert noise == pytest.approx(2 * temperature**2 / p, rel=1e-14)
    spiked = at.SpikedTensor(p, at.Rademacher())
    assert field(ising, temperature, q) == pytest.approx(field(spiked, noise, q), rel=1e-13)
    assert field(ising, temperature, q) == pytest.approx(p / (2 * temperature**2) * q ** (p - 1), rel=1e-13)


@given(st.floats(0.1, 3), st.floats(0.01, 0.99))
def test_equal_models(control, q):
    assert field(at.SherringtonKirkpatrick(), control, q) == pytest.approx(q / control**2, rel=1e-13)
    assert field(at.MixedPSpin("q**3/2"), control, q) == pytest.approx(field(at.IsingPSpin(3), control, q), rel=1e-13)
    matrix = at.SpikedMatrix(at.Rademacher())
    assert field(matrix, control, q) == pytest.approx(field(at.SpikedTensor(2, at.Rademacher()), control, q), rel=1e-14)
    assert field(at.SpikedMatrixTensor(4, 0.7), control, q) == pytest.approx(q / control + q**3 / 0.7, rel=1e-13)


@pytest.mark.parametrize("model", [at.IsingPSpin(3), at.SpikedMatrix(at.SparseRademacher(0.08)), at.SphericalPSpin(5),
                                   at.SherringtonKirkpatrick(), at.SpikedMatrixTensor(3, 1.0)])  # fmt: skip
def test_scalings_convert_back(model):
    for name in model.scalings():
        there = model.convert([0.3, 0.7], model.control, name)
        assert np.allclose(model.convert(there, name, model.control), [0.3, 0.7], rtol=1e-14)
    assert np.allclose(model.from_intensity(model.intensity(np.array([0.3, 2.0]))), [0.3, 2.0], rtol=1e-15)


def test_noise_over_rho_squared():
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    assert float(model.convert(0.0064, "noise", "noise_over_rho2")) == pytest.approx(1)
    with pytest.raises(at.UnknownNameError, match="did you mean 'noise'"):
        model.convert(1.0, "noize", "lambda")


@pytest.mark.parametrize("p", [1, 0, -3, 2.5, np.nan, np.inf, "x", None])
@pytest.mark.parametrize("kind", [at.IsingPSpin, at.SphericalPSpin, lambda p: at.SpikedTensor(p, at.Rademacher())])
def test_bad_p(kind, p):
    with pytest.raises(at.InputError, match="p must be"):
        kind(p)


def test_bad_arguments():
    with pytest.raises(at.InputError, match="integer from 3"):
        at.SpikedMatrixTensor(2, 1.0)
    for noise in (0, -1, np.nan, np.inf):
        with pytest.raises(at.InputError, match="tensor_noise"):
            at.SpikedMatrixTensor(3, noise)
    with pytest.raises(at.InputError, match="prior must be a Prior"):
        at.SpikedMatrix("rademacher")
    with pytest.raises(at.InputError, match="prior must be a Prior"):
        at.MixedPSpin("q**2", prior=3)
    with pytest.raises(TypeError):
        at.IsingPSpin(p=3, q=2)  # a typo in an option is an error


@pytest.mark.parametrize("control", [0, -1, np.nan, np.inf, [1, 0], "1", None, True])
def test_bad_control(control):
    with pytest.raises(at.InputError, match="temperature"):
        at.IsingPSpin(3).check_control(control)


def test_random_counterparts():
    assert at.IsingPSpin(3).target == "random"
    assert at.SherringtonKirkpatrick().random_counterpart
    assert at.MixedPSpin("q**2 + q**3").random_counterpart
    assert at.MixedPSpin("q**2", at.Gaussian()).random_counterpart
    assert not at.MixedPSpin("q + q**3").random_counterpart  # a field
    assert not at.MixedPSpin("q**3", at.SparseRademacher(0.5)).random_counterpart
    assert at.SpikedMatrix(at.Rademacher()).target == "planted"


def test_models_are_values_and_come_back_by_name(dense_models):
    for a in dense_models.values():
        for b in dense_models.values():
            assert (a == b) == (a is b)
        parameters = {k: list(v) if isinstance(v, tuple) else v for k, v in a.parameters.items()}
        assert build_model(a.name, parameters) == a
        assert hash(build_model(a.name, parameters)) == hash(a)
        assert "\n" not in repr(a)
    assert {m.name for m in dense_models.values()} <= set(MODELS)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("isng-p-spin", {}, "did you mean 'ising-p-spin'"),
        ("ising-p-spin", {}, "needs p"),
        ("ising-p-spin", {"p": 3, "q": 3}, "unknown parameter 'q'"),
        ("spherical-p-spin", {"p": 3, "prior": "rademacher"}, "fixed prior"),
        ("spiked-matrix", {}, "needs prior"),
        ("spiked-matrix", {"prior": "rademacher", "rho": 0.1}, "belongs to the prior"),
        ("spiked-matrix", {"prior": "sparse-rademacher"}, "needs rho"),
        ("spiked-matrix", {"prior": "sparse-rademacher", "roh": 1}, "did you mean 'rho'"),
        ("spiked-matrix", {"prior": "rademaher"}, "did you mean 'rademacher'"),
        ("spiked-matrix", {"prior": "discrete", "values": [0, 1]}, "needs probabilities"),
    ],
)
def test_bad_names(name, parameters, message):
    with pytest.raises(at.InputError, match=message):
        build_model(name, parameters)
