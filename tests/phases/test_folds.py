"""Folds and cusps: closed forms, defining equations, completeness, both ways of finding them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.equations_of_state.dense import DenseEquationOfState
from amp_theory.phases.geometry.fold_search import explicit_curve, searched_curve
from amp_theory.phases.geometry.folds import _split, fold_curve, locate, zero_strength_folds
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.roots import solve_bracketed


@given(st.integers(3, 40))
def test_spherical_flow_cusp(p):
    """q = (p-2)/p, snr = (p-2)^2/(4(p-1)), Delta = (p-1) ((p-2)/p)^(p-2) 4/p^2."""
    (cusp,) = fold_curve(DenseEquationOfState(at.SphericalPSpin(p), at.Flow())).cusps
    assert cusp.merging
    noise = 2 / p / cusp.surface.intensity[0]
    assert noise == pytest.approx((p - 1) * ((p - 2) / p) ** (p - 2) * 4 / p**2, rel=1e-13)
    assert cusp.surface.strength[0] == pytest.approx((p - 2) ** 2 / (4 * (p - 1)), rel=1e-13)
    assert cusp.surface.overlap[0] == pytest.approx((p - 2) / p, rel=1e-10)


@given(st.integers(3, 40))
def test_spherical_autoregressive_cusp(p):
    """Delta = ((p-2)/p)^(p-2), theta = ((p-2)/p)^2."""
    (cusp,) = fold_curve(DenseEquationOfState(at.SphericalPSpin(p), at.Autoregressive())).cusps
    assert 2 / p / cusp.surface.intensity[0] == pytest.approx(((p - 2) / p) ** (p - 2), rel=1e-13)
    assert cusp.surface.strength[0] == pytest.approx(((p - 2) / p) ** 2, rel=1e-13)


@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()])
def test_pieces_are_monotone_and_located_points_are_folds(dense_models, path):
    for name, model in dense_models.items():
        eos = DenseEquationOfState(model, path)
        for piece in fold_curve(eos).pieces:
            assert np.all(np.diff(piece.intensity) > 0), name
            assert np.all(np.diff(piece.strength) < 0), name
            assert piece.strength[-1] >= 0, name
            lo, hi = max(piece.intensity[0], 1e-3 * piece.intensity[-1]), piece.intensity[-1]
            target = np.geomspace(lo, min(hi, 20 * lo), 40)[1:-1]
            z, s = locate(eos, piece, target)
            f = eos.surface(z, s)
            assert np.max(np.abs(f.fold)) < 1e-11, name
            assert np.allclose(f.intensity, target, rtol=1e-12), name
            # a minimum of the control along the coordinate is where a branch appears
            assert np.all((f.fold_z > 0) == piece.appears), name
            again, same = locate(eos, piece, s, by_strength=True)
            assert np.allclose(again, z, rtol=1e-7), name
            assert np.allclose(same, s, rtol=1e-11, atol=1e-15), name


def test_ends_of_a_piece_are_returned_exactly():
    eos = DenseEquationOfState(at.IsingPSpin(3), at.Flow())
    for piece in fold_curve(eos).pieces:
        z, s = locate(eos, piece, piece.intensity[[0, -1]])
        assert np.array_equal(z, piece.coordinate[[0, -1]])
        assert np.array_equal(s, piece.strength[[0, -1]])


@pytest.mark.parametrize("model", [at.IsingPSpin(4), at.SpikedMatrix(at.SparseRademacher(0.05)), at.SphericalPSpin(3)])
def test_search_finds_what_is_explicit(model):
    """The flow's curve, explicit in the coordinate, against the contour search used for other paths."""
    eos = DenseEquationOfState(model, at.Flow())
    explicit = [c for z, s in explicit_curve(eos) for c in _split(eos, z, s)[1] if c.surface.strength[0] > 0]
    searched = [c for z, s in searched_curve(eos) for c in _split(eos, z, s)[1] if c.surface.strength[0] > 0]
    assert len(explicit) == len(searched) == 1
    assert searched[0].surface.strength[0] == pytest.approx(explicit[0].surface.strength[0], rel=1e-11)
    assert searched[0].surface.intensity[0] == pytest.approx(explicit[0].surface.intensity[0], rel=1e-12)


def test_several_cusps(dense_models):
    cusps = fold_curve(DenseEquationOfState(dense_models["two scales"], at.Flow())).cusps
    positive = [c for c in cusps if c.surface.strength[0] > 0]
    assert [c.merging for c in positive] == [True, True]
    triple = at.SpikedTensor(3, at.Discrete([-3, -1, 0, 1, 3], [0.0005, 0.015, 0.969, 0.015, 0.0005]))
    positive = [c for c in fold_curve(DenseEquationOfState(triple, at.Flow())).cusps if c.surface.strength[0] > 0]
    assert sorted(c.merging for c in positive) == [False, True, True]


def test_spurious_cusp_at_negative_strength():
    """Sparse spiked Wigner, rho = 0.08: a cusp at Delta/rho^2 = 0.97519, snr = -0.00278, is no state."""
    eos = DenseEquationOfState(at.SpikedMatrix(at.SparseRademacher(0.08)), at.Flow())
    curve = fold_curve(eos)
    (spurious,) = (c for c in curve.cusps if c.surface.strength[0] < 0)
    assert not spurious.merging
    assert 1 / spurious.surface.intensity[0] / 0.0064 == pytest.approx(0.97519, abs=5e-6)
    assert spurious.surface.strength[0] == pytest.approx(-0.00278, abs=5e-6)
    assert all(piece.strength.min() >= 0 for piece in curve.pieces)
    assert at.thresholds(eos.model, at.Flow()).further_tricritical == ()


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-11])
def test_two_zero_strength_folds_arbitrarily_close(distance):
    """Just below the critical sparsity the two folds are much closer than the grid; above there are none."""
    critical = 0.09641578288021461
    below = DenseEquationOfState(at.SpikedMatrix(at.SparseRademacher(critical - distance)), at.Flow())
    above = DenseEquationOfState(at.SpikedMatrix(at.SparseRademacher(critical + distance)), at.Flow())
    assert len(zero_strength_folds(below).coordinate) == 2
    assert len(zero_strength_folds(above).coordinate) == 0


def test_models_without_folds():
    for model in (at.SherringtonKirkpatrick(), at.SphericalPSpin(2), at.SpikedMatrix(at.SparseRademacher(0.3))):
        for path in (at.Flow(), at.Autoregressive()):
            curve = fold_curve(DenseEquationOfState(model, path))
            assert curve.pieces == ()
            assert [c for c in curve.cusps if c.surface.strength[0] >= 0] == []


# --- the root finder under it ------------------------------------------------------------------------------


@given(st.floats(-5, 5), st.floats(0.1, 3), st.floats(-8, -6), st.floats(6, 9), st.booleans())
def test_bracketed_roots(root, power, lower, upper, rising):
    sign = 1 if rising else -1

    def function(x, _):
        return sign * np.sign(x - root) * np.abs(x - root) ** power, sign * power * np.abs(x - root) ** (power - 1)

    with np.errstate(divide="ignore", invalid="ignore"):
        x = solve_bracketed(function, np.array([lower]), np.array([upper]), rising, absolute=1e-14)
    assert x[0] == pytest.approx(root, abs=1e-12)


def test_bracket_without_a_root_is_refused():
    with pytest.raises(NumericalError, match="no change of sign") as caught:
        solve_bracketed(lambda x, _: (1 + x * x, 2 * x), np.array([-1.0]), np.array([2.0]), True)
    assert caught.value.partial is not None


def test_roots_next_to_infinite_values():
    def function(x, _):
        return np.where(x < 0.5, -np.inf, np.where(x > 2, np.nan, x - 1)), np.where(x < 0.5, np.inf, 1.0)

    # NaN counts as negative, so the bracket must end before
    x = solve_bracketed(function, np.array([0.0]), np.array([1.9]), True)
    assert x[0] == 1
