"""The channel of uniform discrete diffusion against the double expectation it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import normal_nodes
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.ingredients.paths.uniform_channel import uniform_channel

Z, W = normal_nodes()


def direct(x: float, w: float) -> tuple[float, float]:
    """Return E_eta E_z tanh(x + sqrt(x) z + eta h) and E log cosh(...) - log cosh h - x/2."""
    h = np.arctanh(w)
    overlap = entropy = 0.0
    for eta in (1, -1):
        field = x + np.sqrt(x) * Z + eta * h
        overlap += (1 + eta * w) / 2 * (W @ np.tanh(field))
        entropy += (1 + eta * w) / 2 * (W @ np.logaddexp(field, -field))
    return float(overlap), float(entropy - np.logaddexp(h, -h) - x / 2)


@given(st.floats(0.01, 12), st.floats(0, 0.95))
def test_overlap_and_free_entropy(x, w):
    values = uniform_channel(np.array([x]), np.array([w * w]))
    overlap, entropy = direct(x, w)
    assert values.overlap[0] == pytest.approx(overlap, abs=1e-9)
    psi = float(at.Rademacher().free_entropy(x))
    assert psi + values.free_entropy[0] == pytest.approx(entropy, abs=1e-9)


@given(st.floats(0.01, 20), st.floats(-0.02, 0.95))
def test_derivatives(x, v):
    """All derivatives against central differences, and mmse against 1 - G."""
    h = 1e-4 * x
    k = 1e-5
    f = uniform_channel(np.array([x - h, x + h, x, x, x]), np.array([v, v, v - k, v + k, v]))
    slope = (f.overlap[1] - f.overlap[0]) / (2 * h)
    assert f.overlap_x[4] == pytest.approx(slope, rel=1e-6, abs=1e-10)
    assert f.overlap_xx[4] == pytest.approx((f.overlap_x[1] - f.overlap_x[0]) / (2 * h), rel=1e-6, abs=1e-9)
    assert f.overlap_v[4] == pytest.approx((f.overlap[3] - f.overlap[2]) / (2 * k), rel=1e-5, abs=1e-8)
    assert f.overlap_xv[4] == pytest.approx((f.overlap_x[3] - f.overlap_x[2]) / (2 * k), rel=1e-5, abs=1e-8)
    assert f.free_entropy_v[4] == pytest.approx((f.free_entropy[3] - f.free_entropy[2]) / (2 * k), rel=1e-5, abs=1e-8)
    assert f.overlap[4] + f.gap[4] == pytest.approx(1, abs=1e-14)


def test_no_side_information_is_the_prior():
    x = np.geomspace(1e-3, 40, 30)
    f, prior = uniform_channel(x, 0 * x), at.Rademacher().channel(x)
    assert np.allclose(f.overlap, prior.overlap, rtol=1e-13)
    assert np.allclose(f.overlap_x, prior.overlap_slope, rtol=1e-12)
    assert np.allclose(f.overlap_xx, prior.overlap_curvature, rtol=1e-11)
    assert np.allclose(f.free_entropy, 0, atol=1e-15)
    response = at.UniformDiscreteDiffusion().response(at.Rademacher(), x, 0 * x)
    assert np.allclose(response.overlap_s, f.overlap_v, rtol=1e-12)
    assert np.allclose(response.overlap_zs, f.overlap_xv, rtol=1e-11)
    assert np.allclose(response.free_entropy_s, f.free_entropy_v, rtol=1e-12)


def test_no_signal_is_the_flip():
    f = uniform_channel(np.zeros(3), np.array([0.0, 0.3, 0.8]))
    assert np.allclose(f.overlap, [0, 0.3, 0.8], atol=1e-15)
    assert np.allclose(f.free_entropy, 0, atol=1e-15)


@given(st.floats(0.01, 20), st.floats(1e-15, 0.1))
def test_nearly_complete_information(x, rest):
    """mmse = E[1 - tanh] and dG/dx = E[(1 - tanh^2)^2] keep their digits, as sums of positive terms."""
    v = 1 - rest
    rest = 1 - v
    w = np.sqrt(v)
    h = 0.5 * np.log((1 + w) ** 2 / rest)
    mmse = slope = 0.0
    for weight, field in ((rest / (2 * (1 + w)), x + np.sqrt(x) * Z - h), ((1 + w) / 2, x + np.sqrt(x) * Z + h)):
        e = np.exp(-2 * np.abs(field))
        mmse += weight * (W @ (2 * np.where(field > 0, e, 1) / (1 + e)))
        slope += weight * (W @ (4 * e / (1 + e) ** 2) ** 2)
    f = uniform_channel(np.array([x]), np.array([v]))
    assert f.gap[0] == pytest.approx(mmse, rel=1e-11)
    assert f.overlap_x[0] == pytest.approx(slope, rel=1e-11)


def test_rows_do_not_depend_on_each_other():
    """Rows share nodes; each must come out as it does alone."""
    rng = np.random.default_rng(5)
    x, v = 10 ** rng.uniform(-9, 4, 300), rng.uniform(-0.1, 1, 300)
    together = uniform_channel(x, v)
    for k in range(0, 300, 10):
        alone = uniform_channel(x[k : k + 1], v[k : k + 1])
        for name in ("overlap", "gap", "overlap_x", "overlap_v"):
            assert getattr(together, name)[k] == pytest.approx(getattr(alone, name)[0], rel=2e-13), name
