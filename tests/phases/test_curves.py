"""The equation of state as data, and the free entropy as a function of the overlap."""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at


@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()])
def test_equation_of_state_is_made_of_fixed_points(path):
    model = at.IsingPSpin(3)
    curve = at.equation_of_state(model, path, 0.70)
    assert np.all(np.diff(curve.overlap) > 0)
    assert np.all(curve.strength >= 0)
    assert len(curve.folds) == 2
    assert np.allclose(curve.overlap + curve.mmse, 1, atol=1e-14)
    for k in range(10, len(curve.overlap) - 10, 61):
        points = at.fixed_points(model, path, 0.70, curve.strength[k])
        near = min(points, key=lambda p, k=k: abs(p.overlap - curve.overlap[k]))
        assert near.overlap == pytest.approx(curve.overlap[k], abs=1e-6)
        assert near.free_entropy == pytest.approx(curve.free_entropy[k], abs=1e-9)
    low, high = sorted(curve.folds)
    between = (curve.overlap > low[0]) & (curve.overlap < high[0])
    assert np.array_equal(~curve.stable, between) or np.sum(~curve.stable ^ between) <= 2
    assert np.all(np.diff(curve.strength[between]) < 0)


def test_spherical_equation_of_state_in_closed_form():
    """Flow: snr = q/(1-q) - (3/(2T^2)) q^2; autoregressive: theta = 1 - (1-q)(1 + (3/(2T^2)) q^2)."""
    temperature = 0.64
    lam = 3 / (2 * temperature**2)
    flow = at.equation_of_state(at.SphericalPSpin(3), at.Flow(), temperature, max_strength=0.4)
    q = flow.overlap
    assert np.allclose(flow.strength, q / (1 - q) - lam * q**2, atol=1e-13)
    assert flow.strength.max() <= 0.4 * (1 + 1e-9)
    auto = at.equation_of_state(at.SphericalPSpin(3), at.Autoregressive(), temperature)
    q = auto.overlap
    assert np.allclose(auto.strength, 1 - (1 - q) * (1 + lam * q**2), atol=1e-12)


def test_negative_strengths_are_left_out():
    """Below T_d the loop dips below zero strength: those overlaps are no fixed points."""
    curve = at.equation_of_state(at.IsingPSpin(3), at.Flow(), 0.60)
    assert curve.strength.min() >= 0
    assert np.max(np.diff(curve.overlap)) > 0.1
    assert len(curve.folds) == 1
    sk = at.equation_of_state(at.SherringtonKirkpatrick(), at.Flow(), 0.5)
    assert sk.folds == ()
    assert sk.overlap[0] == pytest.approx(
        at.fixed_points(at.SherringtonKirkpatrick(), at.Flow(), 0.5, 0.0).informed.overlap, rel=1e-6
    )


def test_free_entropy_curve_is_its_definition():
    """phi(q) = E log cosh(x + sqrt(x) z) - x/2 - [q xi' - xi]/2, x = xi'(q) + snr."""
    temperature, snr = 0.7, 0.1
    q, phi = at.free_entropy_curve(at.IsingPSpin(3), at.Flow(), temperature, snr, points=7)
    z = np.arange(-12, 12, 0.01)
    w = np.exp(-z * z / 2)
    w /= w.sum()
    for overlap, value in zip(q, phi, strict=True):
        signal = 1.5 * overlap**2 / temperature**2
        field = signal + snr + np.sqrt(signal + snr) * z
        exact = w @ (np.logaddexp(field, -field) - np.log(2)) - (signal + snr) / 2
        exact -= (overlap * signal - overlap**3 / (2 * temperature**2)) / 2
        assert value == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize(("options", "message"), [({"points": 1}, "points"), ({"max_strength": -1}, "snr"),
                                                  ({"max_strength": np.nan}, "snr")])  # fmt: skip
def test_bad_options(options, message):
    with pytest.raises(at.InputError, match=message):
        at.equation_of_state(at.IsingPSpin(3), at.Flow(), 0.7, **options)
    with pytest.raises(at.InputError, match="one number"):
        at.equation_of_state(at.IsingPSpin(3), at.Flow(), [0.7, 0.8])
