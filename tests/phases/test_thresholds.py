"""Special points against many digits, closed forms, defining equations, and each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from conftest import REFERENCE, correct_digits, reference_model
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.models.catalogue import build_path
from amp_theory.tools.results import POINTS

SPECIAL = [c for c in REFERENCE["cases"] if c["quantity"] in POINTS]


@pytest.mark.parametrize("case", SPECIAL, ids=lambda c: f"{c['model']}-{c['parameters']}-{c['path']}-{c['quantity']}")
@pytest.mark.every(3)
def test_special_points_within_their_bounds(case):
    """Every point lies within its stated bound of the 30-digit value, and the bound is <= 1e-10 relative."""
    model = reference_model(case)
    found = at.thresholds(model, build_path(case["path"] or "flow"))
    point = getattr(found, case["quantity"])
    if case["control"] is None:
        assert point is None
        assert found.reasons[case["quantity"]]
        return
    exact = float(case["control"])
    assert abs(point.control - exact) <= point.error
    assert point.error <= 1e-10 * exact
    assert correct_digits(point.control, exact) >= 10
    assert abs(point.overlap - float(case["overlap"])) <= point.errors["overlap"]
    assert point.errors["overlap"] <= 1e-9
    if case["quantity"] == "tricritical":
        assert abs(point.strength - float(case["strength"])) <= point.errors[found.strength]
        assert point.errors[found.strength] <= 1e-10 * point.strength


def test_reference_covers_the_acceptance():
    names = {(c["model"], c["parameters"].get("p")) for c in SPECIAL}
    assert names >= {(m, p) for m in ("ising-p-spin", "spherical-p-spin") for p in (3, 4, 6, 10)}
    assert {c["model"] for c in SPECIAL} >= {"spiked-matrix", "spiked-tensor", "mixed-p-spin", "spiked-matrix-tensor"}


@given(st.integers(3, 30))
def test_spherical_closed_forms(p):
    """T_d^2 = p (p-2)^(p-2)/(2 (p-1)^(p-1)); flow and autoregressive tricritical points."""
    model = at.SphericalPSpin(p)
    flow, auto = at.thresholds(model, at.Flow()), at.thresholds(model, at.Autoregressive())
    dynamical = np.sqrt(p * ((p - 2) / (p - 1)) ** (p - 2) / (2 * (p - 1)))
    assert flow.dynamical.temperature == pytest.approx(dynamical, rel=1e-13)
    noise = (p - 1) * ((p - 2) / p) ** (p - 2) * 4 / p**2
    assert flow.tricritical.temperature == pytest.approx(np.sqrt(p * noise / 2), rel=1e-13)
    assert flow.tricritical.snr == pytest.approx((p - 2) ** 2 / (4 * (p - 1)), rel=1e-13)
    assert auto.tricritical.temperature == pytest.approx(np.sqrt(p / 2 * ((p - 2) / p) ** (p - 2)), rel=1e-13)
    assert auto.tricritical.revealed == pytest.approx(((p - 2) / p) ** 2, rel=1e-13)
    for point, exact in ((flow.dynamical, dynamical), (flow.tricritical, np.sqrt(p * noise / 2))):
        assert abs(point.value - exact) <= point.error + 2e-16


def test_printed_numbers():
    """The numbers of the literature, to the digits printed there."""
    ising = at.IsingPSpin(3)
    flow = at.thresholds(ising, at.Flow())
    assert flow.dynamical.temperature == pytest.approx(0.681598, abs=5e-7)
    assert flow.condensation.temperature == pytest.approx(0.651385, abs=5e-7)
    assert flow.tricritical.temperature == pytest.approx(0.740996, abs=5e-7)
    assert flow.tricritical.snr == pytest.approx(0.167044, abs=5e-7)
    assert flow.tricritical.overlap == pytest.approx(0.437826, abs=5e-7)
    uniform = at.thresholds(ising, at.UniformDiscreteDiffusion()).tricritical
    assert uniform.temperature == pytest.approx(0.739200, abs=5e-7)
    assert uniform.retention == pytest.approx(0.384537, abs=5e-7)
    sparse = at.thresholds(at.SpikedMatrix(at.SparseRademacher(0.08)), at.Autoregressive())
    printed = {"dynamical": 1.040860, "condensation": 1.029420, "algorithmic": 0.980792, "weak_recovery": 1.0,
               "tricritical": 1.069441}  # fmt: skip
    for name, value in printed.items():
        assert getattr(sparse, name).noise / 0.0064 == pytest.approx(value, abs=5e-7)
    assert sparse.tricritical.revealed == pytest.approx(0.009897, abs=5e-7)


def test_zero_strength_points_do_not_depend_on_the_path(dense_models):
    for model in dense_models.values():
        found = [at.thresholds(model, at.Flow()), at.thresholds(model, at.Autoregressive())]
        if model.variable_prior.unbiased_sign:
            found.append(at.thresholds(model, at.UniformDiscreteDiffusion()))
        for name in POINTS[:4]:
            points = [getattr(f, name) for f in found]
            assert len({p is None for p in points}) == 1
            if points[0] is not None:
                assert max(p.control for p in points) - min(p.control for p in points) <= 2 * points[0].error


def test_sherrington_kirkpatrick_has_weak_recovery_only():
    for path in (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()):
        found = at.thresholds(at.SherringtonKirkpatrick(), path)
        assert found.weak_recovery.temperature == 1
        assert [found.dynamical, found.condensation, found.algorithmic, found.tricritical] == [None] * 4
        assert set(found.reasons) == {"dynamical", "condensation", "algorithmic", "tricritical"}


def test_reasons_tell_apart_the_cases(dense_models):
    field = at.thresholds(dense_models["field"], at.Flow())
    assert "field" in field.reasons["weak_recovery"]
    mean = at.thresholds(dense_models["01 matrix"], at.Flow())
    assert "mean" in mean.reasons["weak_recovery"]
    pure = at.thresholds(at.IsingPSpin(3), at.Flow())
    assert pure.reasons["algorithmic"] == "q = 0 is stable at every temperature"
    always = at.thresholds(at.SpikedMatrixTensor(3, 0.2), at.Flow())
    assert "every noise" in always.reasons["dynamical"]
    assert "does not end" in always.reasons["tricritical"]


@pytest.mark.parametrize("model", [at.MixedPSpin("q**2/2 + q**3/3"), at.MixedPSpin("q**2/2 + q**3/3", at.Gaussian()),
                                   at.SpikedMatrixTensor(3, 1.0)], ids=repr)  # fmt: skip
@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()], ids=lambda p: p.name)
def test_marginal_transitions_are_continuous(model, path):
    """Where intensity(q) = 1 + 0 q + c q^2, rounding next to q = 0 must not be taken for folds."""
    found = at.thresholds(model, path)
    assert [found.dynamical, found.condensation, found.algorithmic, found.tricritical] == [None] * 4
    assert found.weak_recovery.control == pytest.approx(1, rel=1e-14)
    assert at.phase_diagram(model, path, (0.5, 2), target="planted").sampler_succeeds([0.6, 1.0, 1.9]).all()


@pytest.mark.parametrize("noise", [0.01, 1e-3, 1e-4, 1e-6])
def test_strong_tensor_part(noise):
    """The informed branch exists at every matrix noise: 1/(1 - q) = 1/Delta_2 + q/Delta_3 has its roots in closed form."""
    model = at.SpikedMatrixTensor(3, noise)
    assert "every noise" in at.thresholds(model, at.Flow()).reasons["dynamical"]
    points = at.fixed_points(model, at.Flow(), 1.5, 0.0)
    # q/(1 - q) = q/Delta_2 + q^2/Delta_3: q = 0 or q^2 - (1 - b) q + noise (1 - 1/Delta_2) = 0, b = noise/Delta_2
    b = 1 - noise / 1.5
    root = np.sqrt(b * b - 4 * noise * (1 - 1 / 1.5))
    exact = [0, 2 * noise * (1 - 1 / 1.5) / (b + root), (b + root) / 2]
    assert [p.overlap for p in points] == pytest.approx(exact, rel=1e-9)
    assert points.region == "hard"


def test_jump_at_weak_recovery_is_algorithmic():
    """Where q = 0 itself jumps, algorithmic and weak recovery are one point."""
    found = at.thresholds(at.SpikedMatrixTensor(3, 0.8), at.Flow())
    assert found.algorithmic.noise == found.weak_recovery.noise == 1
    assert found.algorithmic.overlap == 0


@pytest.mark.parametrize("p", [3, 5, 10])
def test_condensation_is_an_equality_of_independent_integrals(p):
    """At condensation phi(q) = 0 and q = E tanh(xi' + sqrt(xi') z), by a plain trapezoidal sum."""
    point = at.thresholds(at.IsingPSpin(p), at.Flow()).condensation
    x = p / (2 * point.temperature**2) * point.overlap ** (p - 1)
    z = np.arange(-14, 14, 1 / 256)
    w = np.exp(-z * z / 2) / 256 / np.sqrt(2 * np.pi)
    field = x + np.sqrt(x) * z
    assert w @ np.tanh(field) == pytest.approx(point.overlap, abs=1e-12)
    phi = w @ (np.logaddexp(field, -field) - np.log(2)) - x / 2
    phi -= (point.overlap * x - point.overlap**p / (2 * point.temperature**2)) / 2
    assert phi == pytest.approx(0, abs=2e-13)


def test_results_read_well():
    found = at.thresholds(at.IsingPSpin(3), at.Flow())
    text = found.report()
    assert "0.681598040576" in text
    assert "none: q = 0 is stable" in text
    assert str(found) == text
    point = found.tricritical
    assert point["temperature"] == point.temperature == point.control == point.value
    assert point.error == point.errors["temperature"]
    assert set(point.to_dict()) == {"temperature", "snr", "overlap", "error", "status", "how"}
    with pytest.raises(AttributeError):
        _ = point.noise
    with pytest.raises(at.UnknownNameError, match="did you mean 'snr'"):
        point["snrr"]
    assert hash(found) == hash(at.thresholds(at.IsingPSpin(3), at.Flow()))
    several = at.thresholds(
        at.SpikedTensor(3, at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005])), at.Flow()
    )
    assert len(several.further_tricritical) == 1
    assert "a further one" in several.report()
    assert len(several.to_dict()["further_tricritical"]) == 1


def test_bad_arguments():
    with pytest.raises(at.InputError, match="model must be"):
        at.thresholds("ising-p-spin", at.Flow())
    with pytest.raises(at.InputError, match="path must be"):
        at.thresholds(at.IsingPSpin(3), "flow")
    with pytest.raises(at.InputError, match="unbiased"):
        at.thresholds(at.SphericalPSpin(3), at.UniformDiscreteDiffusion())


@pytest.mark.parametrize("density", [False, True])
def test_user_density_as_a_model(density):
    """A Gaussian given as a density has the spherical model's thresholds."""
    prior = (
        at.Density(lambda s: np.exp(-s * s / 2) / np.sqrt(2 * np.pi), (-np.inf, np.inf)) if density else at.Gaussian()
    )
    found = at.thresholds(at.MixedPSpin("q**3/2", prior), at.Flow())
    assert abs(found.tricritical.temperature - 2 / 3) <= found.tricritical.error
    assert abs(found.dynamical.temperature - np.sqrt(3 / 8)) <= found.dynamical.error


@dataclass(frozen=True)
class LinearMeasurements(at.Coupling):
    """xi'(q) = alpha/(noise + rho - q): a coupling that is no polynomial, nearly singular at q = rho."""

    noise: float
    rho: float

    def scaled(self, overlap, gap):
        d = self.noise + gap
        return np.log((self.noise + self.rho) / d), 1 / d, 1 / d**2, 2 / d**3


@dataclass(frozen=True)
class CompressedSensing(at.Model):
    noise: float
    name, control, control_symbol, easier = "compressed-sensing", "sampling_ratio", r"\alpha", "up"
    variable_prior = property(lambda self: at.GaussBernoulli(0.4))
    coupling = property(lambda self: LinearMeasurements(self.noise, 0.4))


def test_coupling_of_ones_own_scales_as_it_must():
    """x = alpha/(noise + (1 - theta) mmse(x)) depends on the ratios of alpha, noise and 1 - theta alone."""
    noises = (1e-4, 1e-5, 1e-6)
    points = [at.thresholds(CompressedSensing(noise), at.Autoregressive()).tricritical for noise in noises]
    for point, noise in zip(points[1:], noises[1:], strict=True):
        bound = (point.error + points[0].error * noise / 1e-4) / noise
        assert abs(point.sampling_ratio / noise - points[0].sampling_ratio / 1e-4) <= bound
        bound = (point.errors["revealed"] + points[0].errors["revealed"] * noise / 1e-4) / noise
        assert abs((1 - point.revealed) / noise - (1 - points[0].revealed) / 1e-4) <= bound


def test_lines_are_followed_to_where_hardly_anything_is_hidden():
    """At tiny noise the tricritical point scales with it: control and hidden part are the noise times constants."""
    points = [at.thresholds(CompressedSensing(noise), at.Autoregressive()).tricritical for noise in (1e-8, 1e-10)]
    ratios = [(p.control / noise, (1 - p.revealed) / noise) for p, noise in zip(points, (1e-8, 1e-10), strict=True)]
    bound = points[1].error / points[1].control + points[1].errors["revealed"] / (1 - points[1].revealed)
    assert ratios[1] == pytest.approx(ratios[0], rel=1e-5 + bound)


def test_control_that_makes_inference_easier_upwards():
    """The first failure comes from above, and more measurements help."""
    model = CompressedSensing(1e-4)
    found = at.thresholds(model, at.Flow())
    assert found.tricritical.control < found.dynamical.control < found.condensation.control < found.algorithmic.control
    diagram = at.phase_diagram(model, at.Flow())
    assert diagram.control_range == pytest.approx((0.9 * found.tricritical.control, found.algorithmic.control))
    middle = (found.tricritical.control + found.algorithmic.control) / 2
    assert [diagram.sampler_succeeds(c) for c in (0.99 * found.tricritical.control, middle)] == [True, False]
    (fails,) = at.compare_samplers(model)["flow"].fails
    assert fails == pytest.approx((found.tricritical.control, found.algorithmic.control))


THREE_BRANCHES = at.MixedPSpin(
    "0.12673603371889505*q + 184.23801606472915*q**3 + 3e11*q**36 + 1.7e13*q**39",
    at.SparseRademacher(0.484471528722347),
)


def test_condensation_is_a_transition_of_the_equilibrium_branch():
    """Of three branches two metastable ones cross first; that is no condensation."""
    point = at.thresholds(THREE_BRANCHES, at.Flow()).condensation
    stable = at.fixed_points(THREE_BRANCHES, at.Flow(), point.temperature, 0.0).stable
    assert len(stable) == 3
    assert stable[0].free_entropy == pytest.approx(stable[2].free_entropy, rel=1e-9)
    assert stable[1].free_entropy < stable[0].free_entropy
    line = at.phase_diagram(THREE_BRANCHES, at.Flow()).line("first_order")
    assert [end for _, end in line.ends] == ["another branch takes over", "zero strength"]
    for control, strength, *overlaps in list(
        zip(line.control, line.strength, line.lower_overlap, line.overlap, strict=True)
    )[5::100]:
        found = at.fixed_points(THREE_BRANCHES, at.Flow(), control, strength)
        best = max(p.free_entropy for p in found.stable)
        for overlap in overlaps:
            nearest = min(found.stable, key=lambda p: abs(p.overlap - overlap))
            assert nearest.free_entropy == pytest.approx(best, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("noise", [0.229, 0.24])
def test_condensation_where_the_informed_branch_always_exists(noise):
    """Spherical: phi = (log(1 - q) + q + xi(q))/2 = 0 on the branch 1/(1 - q) = 1/Delta_2 + q/Delta_3."""
    found = at.thresholds(at.SpikedMatrixTensor(3, noise), at.Flow())
    assert found.dynamical is None
    q, matrix_noise = found.condensation.overlap, found.condensation.noise
    assert 1 / (1 - q) == pytest.approx(1 / matrix_noise + q / noise, rel=1e-10)
    assert np.log(1 - q) + q + q**2 / (2 * matrix_noise) + q**3 / (3 * noise) == pytest.approx(0, abs=1e-12)


def test_fixed_points_at_tiny_strength_next_to_weak_recovery():
    """Just above zero strength there are as many fixed points as at zero strength."""
    model = at.MixedPSpin("1528891*q**2+23430001441757956*q**6", at.GaussBernoulli(0.0016))
    exact = [p.overlap for p in at.fixed_points(model, at.Autoregressive(), 8.0, 0.0)]
    for strength in 10.0 ** np.arange(-20, -10):
        found = [p.overlap for p in at.fixed_points(model, at.Autoregressive(), 8.0, strength)]
        assert found[1:] == pytest.approx(exact[1:], rel=1e-7)
        assert 0 < found[0] < 2 * strength


@pytest.mark.parametrize(
    ("xi", "values", "probabilities"),
    [
        ("20051055471731265536*q**37", (0.30597707341058367, -0.25066970268531413, 2.548093256165241, -0.41015123016706356),
         (0.2804509509774315, 0.6462367000375501, 0.033976832295336365, 0.03933551668968218)),
        ("0.000584867789004809*q**26", (1.8177, -0.3613, -0.7720, -0.0241, -0.2239, 1.7785), (0.3136, 0.1939, 0.1758, 0.1095, 0.1461, 0.0611)),
    ],
)  # fmt: skip
def test_atoms_of_very_different_distances(xi, values, probabilities):
    """Close atoms need a huge snr; the algorithmic threshold lies at a tiny temperature, and obeys its equations."""
    prior = at.Discrete(values, probabilities)
    model = at.MixedPSpin(xi, prior)
    point = at.thresholds(model, at.Autoregressive()).algorithmic
    coupling = model.coupling
    q, intensity = np.array(point.overlap), np.array(point.temperature**-2.0)
    x = coupling.signal(intensity, q, prior.second_moment - q)
    assert float(prior.overlap(x)) == pytest.approx(point.overlap, rel=1e-9)
    curvature = intensity * coupling.scaled(q, prior.second_moment - q)[2]
    assert float(prior.overlap_slope(x) * curvature) == pytest.approx(1, rel=1e-8)


def test_fold_curve_that_turns_at_negative_control():
    """Spherical: theta(q) = q - (1 - q) xi'(q), whose first two derivatives vanish at the tricritical point."""
    noise = 0.26870581215895123
    point = at.thresholds(at.SpikedMatrixTensor(4, noise), at.Autoregressive()).tricritical
    q, d = point.overlap, point.noise
    x, x1, x2 = q / d + q**3 / noise, 1 / d + 3 * q**2 / noise, 6 * q / noise
    assert q - (1 - q) * x == pytest.approx(point.revealed, abs=1e-11)
    assert 1 + x - (1 - q) * x1 == pytest.approx(0, abs=1e-10)
    assert 2 * x1 - (1 - q) * x2 == pytest.approx(0, abs=1e-9)


def test_a_fold_closer_to_zero_than_the_grid_is_within_the_bound():
    """By 40 digits the fold of the pair of priors is at lambda rho = 1 + 3.0002e-10, of one kind at 1 + 1.5e-10."""
    sparse, path = at.SparseRademacher(1e-5), at.Flow(side="u")
    pair = at.thresholds(at.RectangularMatrix(at.Gaussian(), sparse, 1.0), path).algorithmic
    one = at.thresholds(at.SpikedMatrix(sparse), at.Flow()).algorithmic
    for point, weak, closer in ((pair, 1e-5, 3.0002e-10), (one, 1e-10, 1.5e-10)):
        assert weak * closer < point.error < 10 * weak * closer
        assert point.errors["overlap"] > 0
        assert "not told apart" in point.how
    # where the curve falls from q = 0 on there is no fold
    jump = at.thresholds(at.SpikedMatrix(at.two_groups(0.05)), at.Flow())
    assert jump.algorithmic.errors == jump.weak_recovery.errors
    assert "not told apart" not in jump.algorithmic.how
