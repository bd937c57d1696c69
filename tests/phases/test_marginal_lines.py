"""Marginal lines by overlap: their easiest points are the tricritical points, found without the overlap as coordinate."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.phases.optimal.marginal import SlopeMargin
from amp_theory.phases.optimal.path_slopes import path_slopes

PATHS = (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion())
CASES = [
    (at.IsingPSpin(6), at.UniformDiscreteDiffusion()), (at.IsingPSpin(3), at.Flow()),
    (at.SpikedMatrix(at.SparseRademacher(0.08)), at.Flow()), (at.SphericalPSpin(4), at.Autoregressive()),
    (at.SpikedTensor(3, at.GaussBernoulli(0.3)), at.Flow()),
    (at.SpikedTensor(4, at.Discrete((-1, 0, 1, 2), (0.2, 0.5, 0.2, 0.1))), at.Autoregressive()),
]  # fmt: skip


@pytest.mark.parametrize(("model", "path"), CASES)
@pytest.mark.every(3)
def test_the_easiest_point_of_a_line_is_the_tricritical_point(model, path):
    prior = model.variable_prior
    found = SlopeMargin(model.coupling, prior, partial(path_slopes, path, prior), 1e-14).first()
    other = at.thresholds(model, path).tricritical
    control = float(model.from_intensity(np.array(found.intensity)))
    bound = control * found.intensity_error / found.intensity
    assert abs(control - other.control) <= other.error + 4 * bound
    assert abs(found.overlap - other.overlap) <= other.errors["overlap"] + 4 * found.overlap_error


@pytest.mark.parametrize("path", PATHS)
@given(snr=st.floats(0.01, 5), told=st.floats(0.01, 0.99))
@settings(max_examples=25, deadline=None)
def test_slope_by_brute_force(path, snr, told):
    """The strength by bisection of averages over a grid of normal numbers, the slope by a difference of them."""
    nodes = np.linspace(-9, 9, 1441)
    weights = np.exp(-(nodes**2) / 2)
    weights /= weights.sum()

    def overlap(x, strength):
        if path.name == "flow":
            x, strength = x + strength, 0.0
        field = x + np.sqrt(x) * nodes
        if path.name == "autoregressive":
            return strength + (1 - strength) * weights @ np.tanh(field)
        told = np.arctanh(min(strength, 1 - 1e-15))
        plus, minus = (1 + strength) / 2, (1 - strength) / 2
        return weights @ (plus * np.tanh(field + told) + minus * np.tanh(field - told))

    start = overlap(snr, 0.0)
    wanted = start + told * (1 - start) * 0.9
    low, high = 0.0, 50.0 if path.name == "flow" else 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if overlap(snr, middle) < wanted else (low, middle)
    step = 1e-4 * snr
    slope = (overlap(snr + step, low) - overlap(snr - step, low)) / (2 * step)
    [ours] = path_slopes(path, at.Rademacher(), np.array([1 - wanted]), np.array([snr]))
    assert ours == pytest.approx(slope, rel=2e-6, abs=2e-8)


def test_lines_lie_in_order():
    lines = at.marginal_lines(at.IsingPSpin(p=3), points=40)
    assert list(lines) == ["flow", "autoregressive", "uniform-diffusion", "best", "worst", "any_denoiser"]
    rows = np.array([lines[name].control for name in ("any_denoiser", "best", "flow", "worst")])
    there = np.isfinite(rows).all(axis=0)
    assert there.sum() > 20
    assert (np.diff(rows[:, there], axis=0) > -1e-12).all()
    np.testing.assert_allclose(lines["best"].control, lines["uniform-diffusion"].control, rtol=1e-9)
    np.testing.assert_allclose(lines["worst"].control, lines["autoregressive"].control, rtol=1e-9)
    for line in lines.values():  # nowhere easier than at the threshold
        assert np.nanmax(line.control) <= line.point.control + line.point.error


def test_a_bound_that_a_path_attains_is_drawn_once():
    lines = at.marginal_lines(at.IsingPSpin(p=3), points=40)
    axes = lines.plot(annotate=False)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["flow", "autoregressive", "uniform diffusion", "any denoiser (bound)", "dynamical point"]
    ball = at.marginal_lines(at.SphericalPSpin(p=3), points=20).plot(annotate=False)
    assert [text.get_text() for text in ball.get_legend().get_texts()] == ["flow", "autoregressive", "dynamical point"]


@pytest.mark.slow
def test_bounds_that_no_path_attains_are_drawn():
    sparse = at.marginal_lines(at.SpikedMatrix(at.SparseRademacher(0.08)), points=20).plot(annotate=False)
    assert {"best path", "worst path"} <= {text.get_text() for text in sparse.get_legend().get_texts()}


def test_where_there_is_nothing_to_draw():
    lines = at.marginal_lines(at.SherringtonKirkpatrick(), points=20)
    assert all(np.isnan(line.control).all() for line in lines.values())
    with pytest.raises(at.InputError, match=r"nothing to draw: xi''\(q\) S < 1"):
        lines.plot()


@pytest.mark.parametrize("points", [19, 2001, 20.5, "many", None])
def test_a_bad_number_of_points(points):
    with pytest.raises(at.InputError, match="points"):
        at.marginal_lines(at.IsingPSpin(p=3), points)
