"""The fixed-point surface: its derivatives, the thermodynamic identities, and what its errors promise."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import PlainChannel
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.equations_of_state.dense import DenseEquationOfState

CASES = [
    (at.IsingPSpin(3), at.Flow()),
    (at.IsingPSpin(3), at.UniformDiscreteDiffusion()),
    (at.SphericalPSpin(5), at.Autoregressive()),
    (at.SpikedMatrix(at.SparseRademacher(0.08)), at.Flow()),
    (at.SpikedMatrix(at.Discrete([0, 1], [0.9, 0.1])), at.Autoregressive()),
    (at.SpikedMatrixTensor(3, 0.8), at.Flow()),
    (at.MixedPSpin("q/10 + q**2 + q**6", at.GaussBernoulli(0.3)), at.Autoregressive()),
]


def point(eos: DenseEquationOfState, log_z: float, part: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a coordinate and an internal strength at which all paths have fixed points."""
    z = np.array([10**log_z / eos.prior.variance])
    return z, part * z if eos.path.name == "flow" else np.array([part])


@pytest.mark.parametrize(("model", "path"), CASES)
@given(log_z=st.floats(-1.5, 0.7), part=st.floats(0.05, 0.8))
@pytest.mark.every(3)
def test_derivatives(model, path, log_z, part):
    eos = DenseEquationOfState(model, path)
    z, s = point(eos, log_z, part)
    h = 1e-5
    f = eos.surface(z, s)
    left, right = eos.surface(z * (1 - h), s), eos.surface(z * (1 + h), s)
    less, more = eos.surface(z, s * (1 - h)), eos.surface(z, s * (1 + h))
    size = abs(f.intensity[0])

    def along_z(name):
        return (getattr(right, name) - getattr(left, name))[0] / (2 * h * z[0])

    def along_s(name):
        return (getattr(more, name) - getattr(less, name))[0] / (2 * h * s[0])

    assert along_z("intensity") == pytest.approx(f.intensity_z[0], rel=1e-6, abs=1e-8 * size / z[0])
    assert along_s("intensity") == pytest.approx(f.intensity_s[0], rel=1e-6)
    assert along_z("fold") == pytest.approx(f.fold_z[0], rel=1e-5, abs=1e-7 / z[0])
    assert along_s("fold") == pytest.approx(f.fold_s[0], rel=1e-5, abs=1e-7 / s[0])
    assert along_z("overlap") == pytest.approx(f.overlap_z[0], rel=1e-7)
    # d phi = dPsi/ds ds + (A/2) d intensity on the surface
    scale = abs(f.free_entropy[0]) / z[0] + abs(f.signal[0] * f.overlap_z[0])
    assert along_z("free_entropy") == pytest.approx(f.scaled[0] * f.intensity_z[0] / 2, abs=1e-7 * scale)
    change = f.free_entropy_s[0] + f.scaled[0] * f.intensity_s[0] / 2
    assert along_s("free_entropy") == pytest.approx(change, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("model", "path"), CASES)
@given(log_z=st.floats(-1.5, 0.7), part=st.floats(0.05, 0.8))
@pytest.mark.every(3)
def test_points_are_fixed_points(model, path, log_z, part):
    """x = xi'(q), and the control falls with the strength."""
    eos = DenseEquationOfState(model, path)
    z, s = point(eos, log_z, part)
    f = eos.surface(z, s)
    assert f.signal[0] == pytest.approx(float(eos.coupling.signal(f.intensity, f.overlap, f.gap)[0]), rel=1e-12)
    assert path.response(eos.prior, path.coordinate(f.signal, s), s).overlap[0] == pytest.approx(
        f.overlap[0], rel=1e-12
    )
    assert f.intensity_s[0] < 0


@pytest.mark.slow
@given(st.floats(0.66, 0.9), st.floats(0.005, 0.3))
def test_derivative_of_the_free_entropy_is_half_the_overlap(temperature, snr):
    """d phi/d snr = q/2 along every branch of every kind."""
    model, h = at.IsingPSpin(3), 1e-5
    here = at.fixed_points(model, at.Flow(), temperature, snr)
    up, down = (at.fixed_points(model, at.Flow(), temperature, snr + d) for d in (h, -h))
    if len(here) == len(up) == len(down):
        for p, a, b in zip(here, up, down, strict=True):
            if abs(a.overlap - b.overlap) < 1e-3:  # not next to a fold
                slope = (a.free_entropy - b.free_entropy) / (2 * h)
                assert slope == pytest.approx(p.overlap / 2, abs=2e-8 + 4 * abs(a.overlap + b.overlap - 2 * p.overlap))


@given(st.floats(0.05, 2.0), st.floats(0.0, 0.9))
def test_plain_state_evolution_agrees(x, snr):
    """The surface's control makes q a fixed point of the channel written as a plain double sum."""
    values, p = [-1.0, 0.3, 1.7], [0.2, 0.5, 0.3]
    model = at.SpikedTensor(3, at.Discrete(values, p))
    f = DenseEquationOfState(model, at.Flow()).surface(np.array([x + snr]), np.array([snr]))
    q = PlainChannel(values, p).overlap(float(f.intensity[0] * f.overlap[0] ** 2) + snr)
    assert q == pytest.approx(float(f.overlap[0]), rel=1e-9)


def test_weak_recovery_start():
    """intensity -> 1/(A''(0) Var^2) as q -> 0 where q = 0 is a fixed point, else q = 0 is none."""
    assert DenseEquationOfState(at.SherringtonKirkpatrick(), at.Flow()).start == 1
    assert DenseEquationOfState(at.SpikedMatrix(at.SparseRademacher(0.1)), at.Flow()).start == pytest.approx(100)
    assert DenseEquationOfState(at.IsingPSpin(3), at.Flow()).start == np.inf
    for model in (at.SpikedMatrix(at.Discrete([0, 1], [0.5, 0.5])), at.MixedPSpin("q + q**3")):
        eos = DenseEquationOfState(model, at.Flow())
        assert eos.start == 0
        assert not eos.symmetric
    eos = DenseEquationOfState(at.SherringtonKirkpatrick(), at.Flow())
    assert eos.surface(np.array([1e-9]), 0.0).intensity[0] == pytest.approx(1, rel=1e-8)


@pytest.mark.parametrize(("model", "path"), [case for case in CASES if case[1].name != "uniform-diffusion"])
def test_error_bounds_hold(model, path):
    """Against the surface from the directly integrated prior, which does not share the interpolation."""
    eos = DenseEquationOfState(model, path)
    z = np.geomspace(0.02, 8, 60) / eos.prior.variance
    s = 0.3 * z if path.name == "flow" else np.full_like(z, 0.2)
    f, bound = eos.surface(z, s), eos.errors(eos.surface(z, s))
    exact = eos.prior.channel(z)
    q = exact.overlap if path.name == "flow" else exact.overlap + s * exact.mmse
    assert np.all(np.abs(q - f.overlap) <= bound.overlap + 1e-15 * q)
    _, a1, _, _ = eos.coupling.scaled(q, eos.prior.second_moment - q)
    _, b1, _, _ = eos.coupling.fixed(q, eos.prior.second_moment - q)
    intensity = (f.signal - b1) / a1
    assert np.all(np.abs(intensity - f.intensity) <= bound.intensity + exact.relative_error * np.abs(intensity) * 8)
