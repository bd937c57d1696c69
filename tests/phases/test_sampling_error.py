"""How wrong a sampler is: areas against gaps of free entropies, known numbers, and nothing where nothing is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from random_models import PATHS, is_allowed, random_model
from scipy.integrate import quad

import amp_theory as at
from amp_theory.ingredients.paths.uniform_channel import uniform_channel
from amp_theory.interface.cli import main
from amp_theory.phases.accuracy import needed_depth, sampling_error
from amp_theory.phases.accuracy.along import integral
from amp_theory.phases.accuracy.depth import loss_of_depth
from amp_theory.phases.accuracy.met import Met
from amp_theory.phases.accuracy.stays import Stay, apart

ISING, FLOW, MASKS, FLIPS = at.IsingPSpin(3), at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()
SPARSE = at.SpikedMatrix(at.SparseRademacher(0.08))


def area(met):
    """Return int [d phi/ds in equilibrium - where the denoiser is] ds, branch by branch."""
    total = 0.0
    for start, stop in apart(met.uninformed, met.equilibrium):
        for stays, sign in ((met.equilibrium, 1), (met.uninformed, -1)):
            for stay in stays:
                ends = max(start, stay.start), min(stop, stay.stop)
                if ends[0] < ends[1]:
                    part = integral(met.eos, met.intensity, Stay(stay.branch, *ends), lambda f: f.free_entropy_s)
                    total += sign * part[0]
    return total


def total_correlation(met):
    """Return the relative entropy of everything to independent variables that know of a field only."""
    rho, lam = np.full(1, met.eos.prior.second_moment), np.full(1, met.intensity)
    known = float(met.eos.model.coupling.value(lam, rho, 0 * rho)[0]) / 2
    field = np.maximum(met.eos.model.coupling.signal(lam, 0 * rho, rho), 1e-300)
    known -= float(met.eos.prior.table(field).information[0])
    return known - float(met.stepping().answers(np.zeros(1)).free_entropy[0]) - met.lead_at_zero()[0]


def some_met(seeds):
    """Yield what random models meet, on both sides of tricritical points where they have them."""
    for seed in seeds:
        model = random_model(np.random.default_rng(seed))
        for path in PATHS:
            if path.name == "uniform-diffusion" and not model.variable_prior.unbiased_sign:
                continue
            special = at.thresholds(model, path)
            point = special.tricritical or next(filter(None, special.points().values()), None)
            for factor in (0.8, 0.95, 1.3):
                if point is not None and is_allowed(model, factor * point.control):
                    yield Met.at(model, path, factor * point.control)


# --- the efficient denoiser -----------------------------------------------------------------------------------------


#: more digits than were published; 30 digits of the first by mpmath are 0.00790225877459997914809787
@pytest.mark.parametrize(("model", "path", "control", "nats"), [
    (ISING, FLOW, 0.70, 0.007902258774599979),
    (ISING, FLOW, 0.72, 0.00206757522044),
    (ISING, MASKS, 0.70, 0.012675212642562),
    (SPARSE, FLOW, 1.05 * 0.08**2, 2.171738330e-4),
])  # fmt: skip
def test_known_errors(model, path, control, nats):
    found = at.sampling_error(model, path, control)
    assert found.nats_per_variable == pytest.approx(nats, abs=found.errors["nats_per_variable"] + 3e-10 * nats)
    assert found.visible_size == 1 / found.nats_per_variable
    assert found.errors["nats_per_variable"] < 1e-12
    ((start, stop),) = found.paid
    met = at.path_transitions(model, path, control)
    assert start == pytest.approx(met.first_order[0].strength, rel=1e-12)
    assert stop == pytest.approx(met.uninformed_spinodal[0].strength, rel=1e-12)


@pytest.mark.parametrize(("density", "per_bit", "measured"), [
    (0.70, 0.002462739463, (0.002488, 0.000098)), (0.75, 0.013756874773, (0.013840, 0.000153)),
])  # fmt: skip
def test_unit_propagation(density, per_bit, measured):
    found = at.sampling_error(at.XORSAT(3), MASKS, density)
    assert found.nats_per_variable / np.log(2) == pytest.approx(per_bit, abs=1e-11)
    assert abs(found.nats_per_variable / np.log(2) - measured[0]) < 3 * measured[1]
    assert found.relative_entropy_of.startswith("the law")


def test_area_is_a_gap_of_free_entropies_of_random_models():
    found = [(met.gap(), area(met)) for met in some_met((9,))]
    assert max(gap for (gap, _), _ in found) > 1e-5  # some do meet transitions
    for (gap, bound), other in found:
        assert other == pytest.approx(gap, abs=max(2 * bound, 1e-9))


@pytest.mark.slow
def test_area_is_a_gap_of_free_entropies_of_more_random_models():
    for met in some_met((*range(7), 64)):
        gap, bound = met.gap()
        assert area(met) == pytest.approx(gap, abs=max(2 * bound, 1e-9))
        first = gap + loss_of_depth(met.eos, met.intensity, met.uninformed, 1)[0]
        assert first == pytest.approx(total_correlation(met), abs=1e-8, rel=1e-8)


def test_exact_outputs():
    """Where phi at q = rho is infinite the error is the area below it, and that of nearly no noise comes close."""
    spins = [at.GLM(at.Rademacher(), at.LinearChannel(noise)) for noise in (0.0, 1e-5)]
    control = 0.4
    for path in (FLOW, MASKS, FLIPS):
        exact, nearly = (at.sampling_error(model, path, control) for model in spins)
        assert exact.nats_per_variable == pytest.approx(nearly.nats_per_variable, rel=1e-3)
        assert exact.nats_per_variable > 1e-3
    sparse = at.GLM(at.GaussBernoulli(0.3), at.LinearChannel(0.0))
    assert at.sampling_error(sparse, FLOW, 0.4).nats_per_variable > 0
    assert "infinite" in at.sampling_error(sparse, MASKS, 0.4).reasons["nats_per_variable"]
    assert "without noise" in at.sampling_error(spins[0], FLOW, control, steps=3).reasons["nats_per_variable"]


def test_flips_gain_what_the_reverse_jumps_reveal():
    """DPsi/dw = E R log R/(2 w), R the ratio of rates of reverse jumps: their relative entropy is the area, too."""
    x, w, step = 0.7, 0.45, 1e-5

    def psi(w):
        return float(uniform_channel(np.array([x]), np.array([w * w])).free_entropy[0])

    def jumps(kept):
        """E R log R for observations sigma = +-1 (s = 1) and H = x + sqrt(x) z."""

        def integrand(z, sign):
            m = np.tanh(x + np.sqrt(x) * z + sign * np.arctanh(kept))
            ratio = ((1 + kept**2) - 2 * kept * sign * m) / (1 - kept**2)
            return np.exp(-z * z / 2) * (1 + sign * kept) / 2 * ratio * np.log(ratio) / np.sqrt(2 * np.pi)

        return sum(quad(integrand, -12, 12, args=(sign,), epsabs=1e-13)[0] for sign in (1, -1))

    slope = (psi(w + step) - psi(w - step)) / (2 * step)
    assert jumps(w) / (2 * w) == pytest.approx(slope, rel=1e-8)
    assert jumps(w) / w != pytest.approx(slope, rel=1e-1)


def test_entropy_of_flipped_spins_falls_by_the_jumps():
    """DH/dw = -E R log R/(2 w) per spin, for any law of few spins: the chain rule in the module's text."""
    rng = np.random.default_rng(0)
    size, w, step = 3, 0.4, 1e-5
    states = np.array(np.meshgrid(*[[-1, 1]] * size)).reshape(size, -1).T
    law = rng.dirichlet(np.ones(len(states)))

    def seen(w):
        return np.array([law @ np.prod((1 + w * states * state) / 2, axis=1) for state in states])

    def entropy(w):
        return -float(seen(w) @ np.log(seen(w)))

    index = {tuple(state): k for k, state in enumerate(states)}
    total = 0.0
    for k, state in enumerate(states):
        for i in range(size):
            flipped = state.copy()
            flipped[i] *= -1
            ratio = seen(w)[index[tuple(flipped)]] / seen(w)[k]
            total += seen(w)[k] * ratio * np.log(ratio)
    assert (entropy(w + step) - entropy(w - step)) / (2 * step) == pytest.approx(-total / (2 * w), rel=1e-7)


# --- where there is no number -----------------------------------------------------------------------------------------


def test_no_number_where_the_target_is_not_described():
    for control in (0.6, 0.651):
        found = at.sampling_error(ISING, FLOW, control, steps=3)
        assert found.nats_per_variable is found.visible_size is found.step_constant is None
        assert found.certainty == "unknown"
        assert "contiguous" in found.reasons["nats_per_variable"]
    assert at.sampling_error(ISING, FLOW, 0.6, target="planted").nats_per_variable > 0
    curve = at.error_curve(ISING, FLOW, (0.60, 0.80), points=5)
    assert np.isnan(curve.nats_per_variable).tolist() == [True, True, False, False, False]
    with pytest.raises(at.InputError, match="contiguous"):
        at.optimal_schedule(ISING, FLOW, 0.6)


def test_no_error_where_no_transition_is_met():
    found = at.sampling_error(ISING, FLOW, 0.80)
    assert (found.nats_per_variable, found.visible_size, found.paid) == (0.0, np.inf, ())
    assert found.to_dict()["visible_size"] is None


def test_arrays_and_own_names():
    found = at.sampling_error(ISING, FLOW, temperature=[[0.70], [0.80]])
    assert found.shape == (2, 1)
    assert found[0, 0] == at.sampling_error(ISING, FLOW, 0.70)


@pytest.mark.parametrize(("given", "words"), [
    ({"iterations": 0}, "iterations"), ({"steps": 0}, "steps"), ({"steps": [0.1, 0.2]}, "from 0 on"),
    ({"steps": [0, 0.3, 0.2]}, "ascend"), ({"steps": 2, "iterations": 2}, "one at a time"), ({"target": "x"}, "target"),
])  # fmt: skip
def test_bad_arguments(given, words):
    with pytest.raises(at.InputError, match=words):
        at.sampling_error(ISING, FLOW, 0.7, **given)


def test_what_is_not_derived_says_so():
    for path, given in ((FLIPS, {"iterations": 2}), (MASKS, {"steps": 2})):
        with pytest.raises(at.InputError, match="derived for dense models"):
            at.sampling_error(at.XORSAT(3), path, 0.7, **given)


def test_special_points_themselves():
    """Where branches begin, end, or cannot be told apart any more."""
    for model, path in ((ISING, FLIPS), (SPARSE, FLOW)):
        for point in filter(None, at.thresholds(model, path).points().values()):
            found = at.sampling_error(model, path, point.control * (1 + np.array([0, 1e-12, -1e-12, 1e-9, -1e-9])))
            nats = [f.nats_per_variable for f in found if f.nats_per_variable is not None]
            assert np.ptp(nats) < 1e-8 if nats else point.control < 0.66  # condensation of the random measure


# --- next to a tricritical point --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [FLOW, MASKS, FLIPS], ids=lambda path: path.name)
def test_leading_power(path):
    found = at.leading_error(ISING, path)
    distance = np.array([4e-4, 1e-4])
    exact = [at.sampling_error(ISING, path, found.point.control - d).nats_per_variable for d in distance]
    ratio = np.array(exact) / found.nats_per_variable(found.point.control - distance)
    # corrections are of relative order sqrt(distance)
    assert abs(ratio[1] - 1) < 0.02
    assert (ratio[1] - 1) / (ratio[0] - 1) == pytest.approx(0.5, abs=0.1)
    assert found.nats_per_variable(found.point.control + 0.01) == 0


def test_leading_power_of_the_spherical_model_in_closed_form():
    coefficient = at.leading_error(at.SphericalPSpin(3), FLOW).coefficient
    assert coefficient.value == pytest.approx(27 / 8, abs=coefficient.error)
    assert coefficient.error < 1e-4


# --- depth ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [FLOW, MASKS, FLIPS], ids=lambda path: path.name)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_one_iteration_loses_the_total_correlation(path, temperature):
    found = at.sampling_error(ISING, path, temperature, iterations=1)
    assert found.nats_per_variable == pytest.approx(1 / (4 * temperature**2), abs=1e-10)


def test_known_depths():
    two, three = (at.sampling_error(ISING, FLOW, 1.0, iterations=k).nats_per_variable for k in (2, 3))
    assert (round(two, 10), round(three, 10)) == (0.0600285818, 0.0209063379)
    many = at.sampling_error(ISING, FLOW, 0.70, iterations=60).nats_per_variable
    assert 1 < many / at.sampling_error(ISING, FLOW, 0.70).nats_per_variable < 1.5


def test_needed_depth():
    found = at.depth_for(ISING, FLOW, 1.0, size=1000, nats=1.0)
    losses = [
        1000 * at.sampling_error(ISING, FLOW, 1.0, iterations=found.iterations - k).nats_per_variable for k in (0, 1)
    ]
    assert losses[0] <= 1.0 < losses[1]
    assert found.total == pytest.approx(losses[0], rel=1e-5)
    failing = at.depth_for(ISING, FLOW, 0.70, size=1000)
    assert failing.iterations is None
    assert "first-order" in failing.reasons["iterations"]


def test_depth_below_rounding_is_told_by_its_rate(monkeypatch):
    """What iterations lose beyond rounding is an upper estimate, close to what is found where it can be computed."""
    exact = at.depth_for(ISING, FLOW, 1.0, size=1000, nats=1e-7)
    assert exact.errors["total"] < 1e-3 * exact.total
    assert exact.to_dict()["error"] == exact.errors
    deep = [at.depth_for(ISING, FLOW, 1.0, size=n, nats=e) for n, e in ((1000, 1e-14), (10**15, 1e-6))]
    for found, nats in zip(deep, (1e-14, 1e-6), strict=True):
        assert "upper estimate" in found.reasons["iterations"]
        assert found.total <= nats
        assert found.errors == {}
    assert exact.iterations < deep[0].iterations < deep[1].iterations < 80
    monkeypatch.setattr(needed_depth, "FLOOR", 1e-6)
    estimate = at.depth_for(ISING, FLOW, 1.0, size=1000, nats=1e-7)
    assert "upper estimate" in estimate.reasons["iterations"]
    assert exact.iterations <= estimate.iterations <= exact.iterations + 2


def test_slowest_is_found_between_places():
    control = at.thresholds(ISING, FLOW).tricritical.control
    near, nearer = (at.depth_for(ISING, FLOW, control + more, nats=100.0).slowest for more in (1e-2, 1e-4))
    assert 0.97 < near < 0.98
    assert 0.999 < nearer < 1


def test_no_size_is_told_below_the_error_bound():
    assert sampling_error.size_seen(1e-9, 2e-9)[0] is None
    assert sampling_error.size_seen(0.0, 0.0)[0] == np.inf
    size, bound, _ = sampling_error.size_seen(3e-9, 2e-9)
    assert abs(size - 1 / 1e-9) <= bound["visible_size"] * (1 + 1e-12)
    deep = at.sampling_error(ISING, FLOW, 1.0, iterations=200)
    assert deep.visible_size is None
    assert "error bound" in deep.reasons["visible_size"]
    assert at.sampling_error(ISING, FLOW, 1.0).visible_size == np.inf


@pytest.mark.slow
def test_depth_diverges_at_the_tricritical_point():
    """There the loss falls like L^-2 only, and elsewhere geometrically."""
    control = at.thresholds(ISING, FLOW).tricritical.control + 1e-7
    losses = [at.sampling_error(ISING, FLOW, control, iterations=k).nats_per_variable for k in (50, 100, 200)]
    powers = np.log2(np.array(losses[:-1]) / losses[1:])
    assert abs(powers[1] - 2) < abs(powers[0] - 2) < 0.25
    assert losses[0] / at.sampling_error(ISING, FLOW, 0.9, iterations=50).nats_per_variable > 1e3


# --- command line -----------------------------------------------------------------------------------------------------


def test_commands(capsys, tmp_path):
    words = ["ising-p-spin", "--set", "p=3", "--path", "autoregressive", "--control", "1", "--json"]
    assert main(["error", *words, "--steps", "8", "-o", str(tmp_path / "error.csv")]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["step_constant"] == pytest.approx(0.1921347111, abs=1e-10)
    assert set(data["error"]) == {"nats_per_variable", "visible_size", "step_constant"}
    assert main(["schedule", *words, "--steps", "4", "-o", str(tmp_path / "steps.csv")]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["strength"]) == len(data["time"]) == 4
    assert data["nats_per_variable"] < data["equal_steps"]
    assert len((tmp_path / "steps.csv").read_text().splitlines()) == 5
    assert main(["error", *words, "--iterations", "none"]) == 2
    assert "--iterations" in capsys.readouterr().err
