"""Whatever implements the spine gets thresholds, diagrams, verdicts and pictures: a toy whose answers are closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contract import check_contract
from cusp_model import CuspEquationOfState, CuspModel
from matplotlib.figure import Figure

import amp_theory as at
from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.phases.geometry.solved import geometry_over
from amp_theory.phases.points.thresholds import located_points

FLOW = at.Flow()
MODELS = [CuspModel(), CuspModel(0.7, 2.0, 0.3, 1.1), CuspModel(30.0, 0.4, 8.0, 0.05), CuspModel(0.02, 5.0, 0.01, 0.9)]


def overlap(z):
    return z / (1 + z)


def zero_folds(m):
    """Return z - m at the folds of zero strength, -2 b u^3 - 3 b m u^2 + d = 0, from above the least possible z."""
    u = np.roots([-2 * m.b, -3 * m.b * m.m, 0.0, m.d])
    return np.sort(u[(np.abs(u.imag) < 1e-12) & (u.real > -m.m)].real)


def spinodal(m, pull, side):
    """Return coordinate and strength of a spinodal, side -1 for the uninformed one."""
    z = m.m + side * np.sqrt((pull - m.c) / (3 * m.b))
    return z, m.b * (z - m.m) ** 3 + m.c * z + m.d - z * pull


def within(point, control, z, strength=None):
    """Tell whether a located point is within its bounds of the exact one, and the bounds are no excuse."""
    assert abs(point.control - control) <= point.error <= 1e-9 * control
    assert abs(point.overlap - overlap(z)) <= point.errors["overlap"] <= 1e-7
    if strength is not None:
        assert abs(point.strength - strength) <= point.errors["snr"] <= 1e-9
    return True


@pytest.mark.parametrize("model", MODELS)
def test_special_points(model):
    m = model
    found = at.thresholds(m, FLOW)
    low, high = zero_folds(m)
    assert within(found.dynamical, 3 * m.b * high**2 + m.c, m.m + high)
    assert within(found.algorithmic, 3 * m.b * low**2 + m.c, m.m + low)
    pull = (m.c * m.m + m.d) / m.m
    assert within(found.condensation, pull, m.m + np.sqrt((pull - m.c) / m.b))
    assert within(found.tricritical, m.c, m.m, m.d)
    assert found.weak_recovery is None
    assert found.reasons["weak_recovery"] == "q = 0 is not a fixed point: the curve begins at a finite field"


@pytest.mark.parametrize("model", MODELS)
def test_lines(model):
    m = model
    diagram = at.phase_diagram(m, FLOW, points=40)
    for name, side in (("informed_spinodal", 1), ("uninformed_spinodal", -1)):
        line = diagram.lines[name]
        z, strength = spinodal(m, np.maximum(line.control, m.c), side)
        assert np.all(np.abs(line.strength - strength) <= line.error + 1e-12 * m.d)
        assert np.allclose(line.overlap, overlap(z), rtol=0, atol=1e-5)
    line = diagram.lines["first_order"]
    apart = np.sqrt(np.maximum(line.control - m.c, 0) / m.b)
    assert np.all(np.abs(line.strength - (m.c * m.m + m.d - line.control * m.m)) <= line.error + 1e-12 * m.d)
    assert np.allclose(line.overlap, overlap(m.m + apart), rtol=0, atol=1e-5)
    assert np.allclose(line.lower_overlap, overlap(m.m - apart), rtol=0, atol=1e-5)
    # largest next to the cusp, where the two free entropies differ least
    assert np.max(line.error) < 1e-7 * m.d


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("part", [0.05, 0.3, 0.9])
@pytest.mark.every(3)
def test_fixed_points_and_regions(model, part):
    m, diagram = model, at.phase_diagram(model, FLOW)
    pull = (m.c * m.m + m.d) / m.m * (1 - 0.5 * part) + 0.5 * part * m.c
    for strength in m.d * np.array([0.0, 0.2, 0.5, 1.3]):
        found = at.fixed_points(m, FLOW, pull, strength)
        # w(z) - s = pull z
        shift = np.poly1d([1.0, -m.m])
        roots = (m.b * shift**3 + np.poly1d([m.c - pull, m.d - strength])).roots
        exact = np.sort(roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)].real)
        assert np.allclose([p.overlap for p in found], overlap(exact), rtol=1e-9)
        best = max(found.stable, key=lambda p: p.free_entropy)
        region = "easy" if len(found.stable) == 1 else "hard" if best is not found.uninformed else "easy_metastable"
        assert diagram.region(pull, strength) == region
    failure = diagram.first_failure_strength(pull)
    assert failure == pytest.approx(max(m.c * m.m + m.d - pull * m.m, 0.0), abs=1e-9 * m.d)


def test_verdicts_and_texts():
    m = MODELS[0]
    low, high = zero_folds(m)
    ends = {"tricritical": m.c, "dynamical": 3 * m.b * high**2 + m.c, "algorithmic": 3 * m.b * low**2 + m.c}
    verdicts = at.compare_samplers(m)
    assert verdicts["flow"].fails == (pytest.approx((ends["tricritical"], ends["algorithmic"])),)
    assert verdicts["mcmc"].fails == (pytest.approx((ends["dynamical"], ends["algorithmic"])),)
    assert verdicts["flow"].at(1e9).succeeds is None  # beyond what is solved
    diagram = at.phase_diagram(m, FLOW)
    assert not diagram.sampler_succeeds(1.7)
    assert "crosses a first-order transition" in diagram.reason(1.7)
    assert at.state_evolution(m, FLOW, 1.7, 0.2).overlap[-1] == pytest.approx(
        at.fixed_points(m, FLOW, 1.7, 0.2).uninformed.overlap, abs=1e-8
    )


def test_pictures():
    axes = Figure().add_subplot()
    diagram = at.phase_diagram(MODELS[0], FLOW, points=20)
    diagram.plot(axes)
    assert {line.get_label() for line in axes.lines} >= {"informed spinodal", "first-order line", "uninformed spinodal"}
    at.plot_free_entropy(MODELS[0], FLOW, 1.7, [0.1, 0.2], Figure().add_subplot())
    at.plot_overlap(MODELS[0], FLOW, 1.7, Figure().add_subplot())
    assert "<img" in diagram._repr_html_()


def test_the_free_entropy_decides_where_branches_are_equal():
    """Negative control: a curve that violates d phi = (A/2) d intensity is not in balance where this one is."""

    class Wrong(CuspEquationOfState):
        def surface(self, *given, **named):
            f = super().surface(*given, **named)
            return replace(f, free_entropy=f.free_entropy + 0.01 * f.coordinate)

    found = located_points(geometry_over(Wrong(MODELS[0], FLOW)))
    assert found.dynamical is not None
    assert found.condensation is None or abs(found.condensation.control - 1.9) > 1e3 * found.condensation.error


def test_what_is_missing_is_named():
    class Half(EquationOfState):
        """A surface alone."""

        def surface(self, coordinate, strength, with_energy=True):
            raise NotImplementedError

    with pytest.raises(TypeError, match="abstract method"):
        Half()

    class Unregistered(at.Model):
        """No coupling, and no equation of state."""

        name, control, control_symbol = "nobody", "pull", "u"
        parameters = {}  # noqa: RUF012
        variable_prior = at.Gaussian()

    with pytest.raises(at.InputError, match="registered no equation of state"):
        equation_of_state_of(Unregistered(), FLOW)
    with pytest.raises(at.InputError, match="registered no equation of state"):
        at.thresholds(Unregistered(), FLOW)


@pytest.mark.parametrize(("model", "path", "z", "s"), [
    (at.IsingPSpin(3), FLOW, (0.3, 1.0, 4.0), (0.0, 0.2, 1.0)),
    (at.SpikedMatrix(at.SparseRademacher(0.08)), at.Autoregressive(), (2.0, 30.0, 90.0), (0.0, 0.1, 0.5)),
    (at.Bicoloring(5), FLOW, (0.5, 1.5, 5.0), (0.05, 0.2, 0.6)),
    (at.XORSAT(3, temperature=0.4), at.Autoregressive(), (0.5, 1.5, 5.0), (0.05, 0.2, 0.6)),
    (MODELS[0], FLOW, (0.5, 1.0, 3.0), (0.0, 0.3, 0.7)),
], ids=lambda x: getattr(x, "name", ""))  # fmt: skip
@pytest.mark.every(2)
def test_every_equation_of_state_keeps_the_contract(model, path, z, s):
    check_contract(equation_of_state_of(model, path), z, s)
