"""Random measures whose samples overlap: spin glasses in a field against integrals of another kind, and closed forms."""

import json
import time

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.random_measures.fields import FieldMeasure
from amp_theory.phases.geometry.solved import any_geometry_of
from tests.oracles.field_oracle import Field

PATHS = [at.Flow(), at.Autoregressive()]


@pytest.fixture(scope="module")
def flow():
    return at.thresholds(at.IsingPSpin(3, field=0.2), at.Flow())


@pytest.mark.parametrize(("p", "temperature", "field"), [(3, 0.74, 0.2), (4, 0.9, 0.6), (2, 0.8, 1.0)])
def test_isotherms_are_those_of_the_oracle(p, temperature, field):
    model, oracle = at.IsingPSpin(p, field=field), Field(p, temperature, field)
    isotherms = FieldMeasure(model, at.Flow()).isotherms(np.array([temperature]))
    base = isotherms.base
    assert base.overlap[0] == pytest.approx(oracle.q0, abs=1e-13)
    assert base.entropy[0] == pytest.approx(oracle.entropy, abs=1e-12)
    assert base.stability[0] == pytest.approx(1 - oracle.xi2(oracle.q0) * oracle.average(0.0, 3), abs=1e-12)
    z = np.array([[0.01, 0.3, 1.0, 4.0, 9.0]])
    points = isotherms.points(z)
    errors = isotherms.errors(z, points)
    for k, d in enumerate(z[0]):
        q, snr, stability = oracle.at(d)
        assert abs(1 - points.gap[0, k] - q) <= errors.gap[0, k] + 1e-13
        assert abs(points.strength[0, k] - snr) <= errors.strength[0, k] + 1e-12
        assert abs(points.stability[0, k] - stability) <= errors.stability[0, k] + 1e-12
    revealed = FieldMeasure(model, at.Autoregressive()).isotherms(np.array([temperature]))
    points = revealed.points(z)
    assert points.strength[0] == pytest.approx([oracle.revealed(1 - g) for g in points.gap[0]], abs=1e-12)


@pytest.mark.parametrize("model", [at.IsingPSpin(3, field=0.2), at.SphericalPSpin(4, field=0.3)])
@pytest.mark.parametrize("path", PATHS)
def test_free_entropy_is_stationary_and_derivatives_agree(model, path):
    isotherms = FieldMeasure(model, path).isotherms(np.array([0.75, 1.1]))
    z = np.tile(np.geomspace(1e-3, 20, 30), (2, 1))
    points, (up, down) = isotherms.points(z), (isotherms.points(z * (1 + d)) for d in (1e-5, -1e-5))

    def slope(name):
        return (getattr(up, name) - getattr(down, name)) / (2e-5 * z)

    # F'(q) = snr/2 of flows, and what it becomes of other paths
    stationary = slope("level") + points.strength * slope("level_s")
    assert np.max(np.abs(stationary) / (points.overlap_z + 1e-3)) < 1e-7
    for value, name in (
        (points.strength_z, "strength"),
        (points.stability_z, "stability"),
        (points.overlap_z, "excess"),
    ):
        assert np.allclose(value, slope(name), rtol=1e-6, atol=1e-7)
    assert np.all(np.sign(points.strength_z) == np.sign(points.stability))


def test_last_free_entropy_is_the_entropy_of_the_target():
    for field, temperature in ((0.2, 0.74), (1.0, 1.0)):
        isotherms = FieldMeasure(at.IsingPSpin(3, field=field), at.Flow()).isotherms(np.array([temperature]))
        last = isotherms.points(np.array([[200.0]]))
        assert -last.level[0, 0] == pytest.approx(isotherms.base.entropy[0], abs=1e-12)


def test_known_numbers(flow):
    assert flow.tricritical.temperature == pytest.approx(0.740707482, abs=5e-10)
    assert flow.first_failure.control == flow.tricritical.control
    assert flow.first_failure.how.startswith("first order")
    base = FieldMeasure(at.IsingPSpin(3, field=0.2), at.Flow()).bases(np.array([flow.tricritical.control]))
    assert base.overlap[0] == pytest.approx(0.0830623, abs=5e-8)
    point = at.tricritical_field(at.SphericalPSpin(3))
    for name, value in {"temperature": 2 / 3, "field": 1 / 6**0.5, "overlap": 1 / 3}.items():
        assert abs(point.coordinates[name] - value) <= point.errors[name] < 1e-11


def test_located_points_are_those_of_the_oracle(flow):
    """The bounds hold: R changes its sign, strength and free entropy vanish, within them."""
    cusp = flow.tricritical
    for factor, sign in ((1 + 1e-9, 1), (1 - 1e-9, -1)):
        oracle = Field(3, cusp.control * factor, 0.2)
        d = cusp.snr + oracle.xi1(cusp.overlap) - oracle.xi1(oracle.q0)
        assert sign * min(oracle.at(x)[2] for x in d * np.linspace(0.9, 1.1, 21)) > 0
        assert oracle.at(d)[2] == pytest.approx(0, abs=1e-8)
    line = flow.stability
    oracle = Field(3, line.control, 0.2)
    assert abs(1 - oracle.xi2(oracle.q0) * oracle.average(0.0, 3)) < 1e-11
    assert abs(oracle.q0 - line.overlap) <= line.errors["overlap"] + 1e-13
    fold = flow.dynamical
    oracle = Field(3, fold.control, 0.2)
    d = oracle.xi1(fold.overlap) - oracle.xi1(oracle.q0)
    q, snr, stability = oracle.at(d)
    assert max(abs(q - fold.overlap), abs(snr)) < 1e-11
    assert abs(stability) < 1e-9


@pytest.mark.slow
def test_tricritical_field_of_the_three_spin():
    point = at.tricritical_field(at.IsingPSpin(3))
    assert point.field == pytest.approx(0.5688657, abs=5e-8)
    assert point.temperature == pytest.approx(0.7362954, abs=5e-8)
    assert point.overlap == pytest.approx(0.4478620, abs=5e-8)
    for factor, name in ((0.98, "tricritical"), (1.02, "stability")):
        special = at.thresholds(at.IsingPSpin(3, field=factor * point.field), at.Flow())
        assert special.first_failure.control == getattr(special, name).control
    assert special.tricritical is None
    assert special.first_failure.how.startswith("stability")


@pytest.mark.parametrize("path", PATHS)
def test_spherical_closed_forms(path):
    """xi''(q)(1 - q)^2 < 1: T_flow does not depend on weak fields; the stability line is h^2 = xi''q - xi'."""
    weak, strong = (at.thresholds(at.SphericalPSpin(3, field=h), path) for h in (0.2, 0.6))
    if path == at.Flow():
        assert abs(weak.tricritical.control - 2 / 3) <= weak.tricritical.error < 1e-11
    for special, h in ((weak, 0.2), (strong, 0.6)):
        q0 = h * (2 / 3) ** 0.5
        assert abs(special.stability.overlap - q0) <= special.stability.errors["overlap"]
        assert abs(special.stability.control - (3 * q0) ** 0.5 * (1 - q0)) <= special.stability.error
    assert strong.tricritical is None
    assert strong.first_failure.control == strong.stability.control


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (at.SphericalPSpin(4), at.Flow()),
        (at.SphericalPSpin(4), at.Autoregressive()),
        pytest.param(at.IsingPSpin(3), at.Flow(), marks=pytest.mark.slow),
        pytest.param(at.IsingPSpin(3), at.Autoregressive(), marks=pytest.mark.slow),
    ],
)
def test_weak_fields_recover_the_planted_measure(model, path):
    planted, weak = at.thresholds(model, path), at.thresholds(model.in_field(1e-3), path)
    for name in ("dynamical", "condensation", "tricritical"):
        assert getattr(weak, name).control == pytest.approx(getattr(planted, name).control, abs=2e-5)
        assert getattr(weak, name).overlap == pytest.approx(getattr(planted, name).overlap, abs=1e-4)


@pytest.mark.parametrize(("field", "path"), [(0.1, at.Flow()), (1.0, at.Autoregressive())])
def test_no_first_order_transition_of_pairs_of_spins(field, path):
    special = at.thresholds(at.SherringtonKirkpatrick(field=field), path)
    assert special.tricritical is None
    assert "no first-order transition" in special.reasons["tricritical"]
    assert special.first_failure.control == special.stability.control
    comparison = at.compare_samplers(at.SherringtonKirkpatrick(field=field))[path.name]
    assert comparison.at(special.stability.control * 1.01).succeeds is True
    below = comparison.at(special.stability.control * 0.99)
    assert (below.succeeds, below.certainty) == (None, "unknown")
    assert below.reason.startswith("stability")


def test_spherical_pairs_have_no_stability_line():
    special = at.thresholds(at.SphericalPSpin(2, field=0.5), at.Flow())
    assert special.stability is None
    assert special.first_failure is None
    assert "stable at every temperature" in special.reasons["stability"]


def test_fixed_points_and_regions():
    model = at.IsingPSpin(3, field=0.2)
    found = at.fixed_points(model, at.Flow(), temperature=0.72, snr=0.065)
    assert [p.kind for p in found] == ["uninformed", "unstable", "informed"]
    assert (found.region, found.measure) == ("hard", "random")
    oracle = Field(3, 0.72, 0.2)
    for point in found:
        d = 0.065 + oracle.xi1(point.overlap) - oracle.xi1(oracle.q0)
        assert abs(oracle.at(d)[0] - point.overlap) <= point.errors["overlap"] + 1e-12
    # information grows by half the mmse
    before, after = (at.fixed_points(model, at.Flow(), 0.8, s).uninformed for s in (0.1, 0.1 + 1e-5))
    grown = (after.mutual_information - before.mutual_information) / 1e-5
    assert grown == pytest.approx((before.mmse + after.mmse) / 4, abs=1e-6)
    (alone,) = at.fixed_points(model, at.Flow(), 0.8, 0.0)
    assert abs(alone.mutual_information) < 1e-300
    with pytest.raises(at.InputError, match="unstable"):
        at.fixed_points(model, at.Flow(), 0.6, 0.1)


def test_diagram(tmp_path, flow):
    model = at.IsingPSpin(3, field=0.2)
    diagram = at.phase_diagram(model, at.Flow(), points=5)
    for name, line in diagram.lines.items():
        assert len(line) == 5
        there = getattr(at.path_transitions(model, at.Flow(), float(line.control[2])), name)[0]
        assert abs(there.strength - line.strength[2]) <= there.errors["snr"] + line.error[2]
        assert there.overlap == pytest.approx(line.overlap[2], abs=1e-9)
    assert diagram.region(control=0.72, strength=0.065) == "hard"
    assert diagram.sampler_succeeds([0.65, 0.72, 0.76]).tolist() == [None, False, True]
    assert diagram.reason(0.65).endswith("condensation")
    diagram.save(tmp_path / "diagram.json")
    assert at.load(tmp_path / "diagram.json").thresholds == diagram.thresholds == flow
    empty = at.phase_diagram(at.SherringtonKirkpatrick(field=0.5), at.Flow(), control_range=(0.4, 1), points=5)
    assert all(len(line) == 0 for line in empty.lines.values())


def test_verdicts(flow):
    comparison = at.compare_samplers(at.IsingPSpin(3, field=0.2))
    assert comparison["flow"].at(0.75).succeeds is True
    assert comparison["autoregressive"].at(0.75).succeeds is False
    assert "first order" in comparison["flow"].at(0.72).reason
    assert comparison["flow"].at(flow.tricritical.control).succeeds is False
    for name in ("uniform-diffusion", "mcmc", "langevin", "any product path", "any denoiser (bound)"):
        assert comparison[name].at(1.0).certainty == "unknown"


def test_other_paths_are_refused():
    with pytest.raises(at.InputError, match="not derived"):
        at.thresholds(at.IsingPSpin(3, field=0.2), at.UniformDiscreteDiffusion())


def test_without_a_field_nothing_is_new():
    special = at.thresholds(at.IsingPSpin(3), at.Flow())
    assert "stability" not in special
    assert "first_failure" not in json.dumps(special.to_dict())
    assert not any_geometry_of(at.IsingPSpin(3, field=0.0), at.Flow()).discrete
    swept = at.sweep(at.IsingPSpin, p=3, field=[0.0, 0.2], quantities="stability")
    assert np.ma.is_masked(swept["stability"][0])
    assert swept["stability"][1] == pytest.approx(0.601798595544, abs=1e-11)


@pytest.mark.parametrize("field", [1e-6, 1e-3, 0.01])
def test_weak_fields_have_the_line_of_the_closed_form(field):
    """There the base ends right beyond its line: the two lowest roots are close together."""
    line, q0 = at.thresholds(at.SphericalPSpin(3, field=field), at.Flow()).stability, field * (2 / 3) ** 0.5
    assert abs(line.control - (3 * q0) ** 0.5 * (1 - q0)) <= line.error < 2e-12 * line.control


def test_weak_fields_of_spins_and_mixtures():
    line = at.thresholds(at.IsingPSpin(3, field=0.02), at.Flow()).stability
    oracle = Field(3, line.control, 0.02)
    assert abs(1 - oracle.xi2(oracle.q0) * oracle.average(0.0, 3)) < 1e-9
    assert line.control == pytest.approx(0.21830736, abs=5e-9)
    mixed = at.MixedPSpin("0.0228*q**3 + 0.0187*q**20", at.Gaussian(), field=0.0192)
    line = at.thresholds(mixed, at.Flow()).stability
    q = line.overlap
    first, second = 0.0684 * q**2 + 0.374 * q**19, 0.1368 * q + 7.106 * q**18
    assert second * (1 - q) ** 2 == pytest.approx(line.control**2, rel=1e-10)
    assert (first + 0.0192**2) * (1 - q) ** 2 / q == pytest.approx(line.control**2, rel=1e-10)


@pytest.mark.parametrize("field", [1e-9, 1e-8, 3e-8])
def test_rounding_makes_no_stability_line(field):
    assert at.thresholds(at.SphericalPSpin(2, field=field), at.Flow()).stability is None


@pytest.mark.parametrize(("p", "field"), [(2, 5.0), (3, 5.0), (3, 1e-8)])
def test_extreme_fields_take_no_time(p, field):
    start = time.process_time()
    at.thresholds(at.IsingPSpin(p, field=field), at.Flow())
    assert time.process_time() - start < 5


def test_searches_end_where_doubles_cannot_hold_the_base():
    model = at.IsingPSpin(3, field=30)
    special = at.thresholds(model, at.Flow())
    assert special.stability is None
    assert "as far as was searched, to temperature = " in special.reasons["stability"]
    flow = at.compare_samplers(model)["flow"]
    assert flow.at(6.0).succeeds is True
    last = float(special.reasons["stability"].split()[-1])
    below, above = flow.at(last * 0.999), flow.at(last * 1.001)
    assert (below.succeeds, below.certainty, above.succeeds) == (None, "unknown", True)
    assert f"ends at temperature = {last:.6g}" in below.reason
    diagram = at.phase_diagram(model, at.Flow(), (1, 20), points=3)
    assert diagram.sampler_succeeds([0.5, last * 0.999, last * 1.001]).tolist() == [None, None, True]
    assert "ends at temperature" in diagram.reason(0.5)
    assert at.phase_diagram(model, at.Flow(), (5, 20), points=3).sampler_succeeds(6.0)
    with pytest.raises(at.NumericalError, match=r"at field = 30 and temperature = 0.5 1 - q0 is below 1e-13"):
        at.fixed_points(model, at.Flow(), 0.5, 0.1)


def test_nothing_is_said_beyond_condensation():
    model = at.IsingPSpin(3, field=0.2)
    found = at.fixed_points(model, at.Flow(), 0.65, 0.0)
    assert found.region == "unknown"
    assert found.points[0].free_entropy == 0.0
    assert all(p["mutual_information"] is None for p in found.to_dict()["fixed_points"])
    assert found.to_dict()["target"] == "random"
    reasons = at.path_transitions(model, at.Flow(), 0.65).reasons
    assert reasons["first_order"].startswith("beyond condensation")
    before = at.fixed_points(model, at.Flow(), 0.69, 0.0)
    assert before.region == "easy_metastable"
    assert all(p.mutual_information >= 0 for p in before)


@pytest.mark.slow
def test_a_field_has_all_temperatures_and_regular_graphs_have_not_all_densities():
    """Regions are filled from control to control, and in bars only where controls are discrete."""
    from matplotlib.collections import QuadMesh

    field, graphs = at.IsingPSpin(3, field=0.2), at.XORSAT(3, degrees="regular")
    for model, path, limits, bars in ((field, at.Flow(), None, False), (graphs, at.Autoregressive(), (0.6, 0.7), True)):
        axes = at.phase_diagram(model, path, limits, points=5).plot()
        assert any(isinstance(c, QuadMesh) for c in axes.collections) is bars
