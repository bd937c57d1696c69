"""Generalised linear models: thresholds against 30 digits, perfect recovery, diagrams, verdicts, bad input."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.equations_of_state.recovery import Recovery
from amp_theory.interface.cli import main
from amp_theory.models.catalogue import build_model

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "glm_reference.json").read_text())
KAPPA = 0.6744897502
PERCEPTRON = at.GLM(at.Rademacher(), at.SignChannel())
DOOR = at.GLM(at.Rademacher(), at.DoorChannel(KAPPA))
CONSTRAINTS = at.GLM(at.Rademacher(), at.SymmetricPerceptron(1.0))
SENSING = at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(0.0))
PHASES = at.GLM(at.Gaussian(), at.AbsChannel())
RELU = at.GLM(at.GaussBernoulli(0.4), at.ReLUChannel())
PATHS = [at.Flow(), at.Autoregressive()]
RECOVERED = [PERCEPTRON, DOOR, CONSTRAINTS, SENSING, PHASES, RELU]


def names(values):
    return [getattr(v, "name", None) and f"{v.name}-{getattr(v, 'channel', v).name}" for v in values]


# --- numbers ---


@pytest.mark.parametrize(
    ("model", "point", "case"),
    [
        (PERCEPTRON, "algorithmic", "perceptron algorithmic"),
        (PERCEPTRON, "condensation", "perceptron condensation"),
        (DOOR, "algorithmic", "door algorithmic"),
        (CONSTRAINTS, "algorithmic", "symmetric perceptron algorithmic"),
        (SENSING, "algorithmic", "compressed sensing algorithmic"),
        (PHASES, "algorithmic", "phase retrieval algorithmic"),
    ],
)
@pytest.mark.every(3)
def test_thresholds_are_within_their_bounds_of_30_digits(model, point, case):
    found = getattr(at.thresholds(model, at.Flow()), point)
    assert abs(found.sampling_ratio - float(REFERENCE[case]["value"])) <= found.error < 1e-11
    assert float(REFERENCE[case]["error"]) < (1e-16 if "retrieval" in case else 1e-20)


def test_printed_values():
    """Those in print, to their digits; the perceptron's condensation, for which two values are, is 1.2447."""
    assert at.thresholds(PERCEPTRON, at.Flow()).algorithmic.sampling_ratio == pytest.approx(1.493, abs=5e-4)
    assert at.thresholds(PERCEPTRON, at.Flow()).condensation.sampling_ratio == pytest.approx(1.2447, abs=5e-5)
    assert at.thresholds(DOOR, at.Flow()).weak_recovery.sampling_ratio == pytest.approx(1.360, abs=5e-4)
    assert at.thresholds(DOOR, at.Flow()).algorithmic.sampling_ratio == pytest.approx(1.566, abs=5e-4)
    assert at.thresholds(PHASES, at.Flow()).algorithmic.sampling_ratio == pytest.approx(1.128, abs=5e-4)
    assert at.thresholds(SENSING, at.Flow()).algorithmic.sampling_ratio == pytest.approx(0.58925, abs=5e-6)
    assert at.thresholds(CONSTRAINTS, at.Flow()).condensation.sampling_ratio == pytest.approx(1.8158754958, abs=5e-11)


def test_information_theory_in_closed_form():
    """Door and symmetric perceptron: phi(0) = 0 = alpha A(1)/2 - log 2; the dimensions of continuous outputs."""
    inside = 2 * norm.cdf(KAPPA) - 1
    entropy = -inside * math.log(inside) - (1 - inside) * math.log(1 - inside)
    found = at.thresholds(DOOR, at.Flow()).condensation
    assert abs(found.sampling_ratio - math.log(2) / entropy) <= found.error < 1e-11
    found = at.thresholds(CONSTRAINTS, at.Flow()).condensation
    assert abs(found.sampling_ratio + math.log(2) / math.log(2 * norm.cdf(1) - 1)) <= found.error < 1e-11
    for model, value in ((SENSING, 0.4), (PHASES, 1.0), (RELU, 0.8)):
        found = at.thresholds(model, at.Flow())
        for point in (found.condensation, found.dynamical):
            assert abs(point.sampling_ratio - value) <= point.error < 1e-13
            assert point.overlap == model.prior.second_moment
    assert at.thresholds(PHASES, at.Flow()).weak_recovery.sampling_ratio == pytest.approx(0.5, abs=1e-13)


@pytest.mark.parametrize("noise", [1e-6, 0.01, 1.0])
@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.5])
def test_gaussian_prior_and_noisy_linear_channel_in_closed_form(noise, alpha):
    """delta = 1/(1 + x), x = alpha/(noise + delta): a quadratic equation."""
    model = at.GLM(at.Gaussian(), at.LinearChannel(noise))
    for snr in (0.0, 0.7):
        # (1 + snr) d + alpha d/(noise + d) = 1
        b = (1 + snr) * noise + alpha - 1
        root = math.sqrt(b * b + 4 * (1 + snr) * noise)
        delta = 2 * noise / (b + root) if b > 0 else (root - b) / (2 * (1 + snr))
        (point,) = at.fixed_points(model, at.Flow(), alpha, snr)
        assert point.mmse == pytest.approx(delta, rel=1e-12)


# --- perfect recovery ---


@pytest.mark.parametrize("path", PATHS, ids=["flow", "autoregressive"])
@pytest.mark.parametrize("model", RECOVERED, ids=names(RECOVERED))
@pytest.mark.every(3)
def test_fixed_points_of_recovery(model, path):
    """Beyond the algorithmic point only q = rho is left; below it coexists with the uninformed one and a maximum between."""
    special = at.thresholds(model, path)
    (one,) = at.fixed_points(model, path, 1.1 * special.algorithmic.sampling_ratio, 0.1)
    assert (one.overlap, one.mmse, one.stable) == (model.prior.second_moment, 0.0, True)
    between = 0.5 * (special.algorithmic.sampling_ratio + special.condensation.sampling_ratio)
    found = at.fixed_points(model, path, between, 0.0)
    assert [p.kind for p in found][-3:] == ["uninformed", "unstable", "informed"]
    assert found.informed.mmse == 0
    assert found.region == "hard"
    json.dumps([p.to_dict() for p in found], allow_nan=False)


@pytest.mark.parametrize("model", [PERCEPTRON, DOOR, CONSTRAINTS], ids=["sign", "door", "constraints"])
@pytest.mark.parametrize("path", [*PATHS, at.UniformDiscreteDiffusion()], ids=["flow", "ar", "uniform"])
@pytest.mark.every(3)
def test_free_entropy_of_recovery_is_the_limit_of_the_potential(model, path):
    """phi(q) = Psi(xi'(q)) - [q xi'(q) - xi(q)]/2 as q -> rho, evaluated next to it."""
    control, strength = 1.0, 0.3
    point = at.fixed_points(model, path, control, strength).informed
    assert point.mutual_information == pytest.approx(math.log(2), abs=1e-14)
    eos = equation_of_state_of(model, path)
    internal = float(path.internal(np.asarray(strength)))
    z = np.array([150.0])
    near = path.response(model.prior, z, np.full(1, internal))
    x, q, gap = near.signal, near.overlap, near.gap
    value = near.free_entropy - (q * x - eos.coupling.value(np.full(1, control), q, gap)) / 2
    # at control 1 this is no fixed point, but [rho - q] x vanishes all the same
    assert point.free_entropy == pytest.approx(float(value[0]), abs=1e-11)


def test_recovery_exists_where_the_dimensions_say():
    def start(prior, channel):
        recovery = Recovery.of(prior, at.GLM(prior, channel).coupling, at.Flow())
        return None if recovery is None else (recovery.start, recovery.infinite)

    assert start(at.Rademacher(), at.SignChannel()) == (0.0, False)
    assert start(at.Gaussian(), at.SignChannel()) is None
    assert start(at.GaussBernoulli(0.3), at.DoorChannel(0.5)) is None
    assert start(at.SparseRademacher(0.3), at.LinearChannel(0.0)) == (0.0, True)
    assert start(at.GaussBernoulli(0.3), at.ReLUChannel()) == (pytest.approx(0.6, rel=1e-14), True)
    assert start(at.Rademacher(), at.LinearChannel(0.1)) is None
    assert start(at.Rademacher(), at.ProbitChannel(0.1)) is None


def test_gaussian_prior_with_sign_channel_is_smooth():
    """q = rho is never reached; generalisation error falls with alpha without a transition."""
    model = at.GLM(at.Gaussian(), at.SignChannel())
    special = at.thresholds(model, at.Flow())
    assert all(point is None for point in special.points().values())
    gaps = [at.fixed_points(model, at.Flow(), alpha, 0.0).uninformed.mmse for alpha in (0.1, 1.0, 10.0, 100.0)]
    assert np.all(np.diff(gaps) < 0)
    assert gaps[-1] > 1e-5


def test_linear_sensing_of_a_gaussian_is_continuous():
    """delta = 1 - alpha, until everything is known at alpha = 1."""
    model = at.GLM(at.Gaussian(), at.LinearChannel(0.0))
    assert at.fixed_points(model, at.Flow(), 0.3, 0.0).uninformed.mmse == pytest.approx(0.7, rel=1e-12)
    assert at.fixed_points(model, at.Flow(), 1.1, 0.0).uninformed.mmse == 0
    diagram = at.phase_diagram(model, at.Autoregressive(), (0.2, 1.5), points=20)
    assert all(len(line) == 0 for line in diagram.lines.values())
    assert diagram.sampler_succeeds(0.5) is True


@pytest.mark.parametrize("model", RECOVERED, ids=names(RECOVERED))
@pytest.mark.every(3)
def test_state_evolution_reaches_the_fixed_points(model):
    alpha = 0.5 * (
        at.thresholds(model, at.Flow()).algorithmic.control + at.thresholds(model, at.Flow()).condensation.control
    )
    run = at.state_evolution(model, at.Flow(), alpha, 0.05, max_steps=5000, tolerance=1e-14)
    found = at.fixed_points(model, at.Flow(), alpha, 0.05)
    assert run.overlap[-1] == pytest.approx(found.uninformed.overlap, abs=1e-9)
    assert at.state_evolution(model, at.Flow(), alpha, 0.05, "informed").overlap[-1] == model.prior.second_moment
    easy = at.state_evolution(model, at.Flow(), 1.3 * at.thresholds(model, at.Flow()).algorithmic.control, 0.05)
    assert easy.overlap[-1] == pytest.approx(model.prior.second_moment, rel=1e-6)


# --- diagrams and verdicts ---


def spinodal(alpha: float, path) -> float:
    """The strength of the perceptron's uninformed spinodal by scipy: the largest for which z solves the equation."""
    prior, coupling = PERCEPTRON.prior, PERCEPTRON.coupling

    def strength(t):
        x = math.exp(t)
        v = prior.channel(x)
        if isinstance(path, at.Flow):  # x is the total snr
            return x - alpha * float(coupling.scaled(v.overlap, v.mmse)[1])
        # R(delta) = x/alpha for delta, then delta = (1 - theta) mmse(x)
        delta = brentq(lambda d: float(coupling.scaled(np.array(1 - d), np.array(d))[1]) - x / alpha, 1e-12, 1 - 1e-12)
        return 1 - delta / float(v.mmse)

    grid = np.linspace(-3, 2.5, 200)
    best = grid[np.nanargmax([strength(t) if alpha < math.exp(t) * math.pi / 2 else -9 for t in grid])]
    return -minimize_scalar(
        lambda t: -strength(t), bounds=(best - 0.1, best + 0.1), method="bounded", options={"xatol": 1e-9}
    ).fun


@pytest.mark.parametrize("path", PATHS, ids=["flow", "autoregressive"])
@pytest.mark.slow
def test_perceptron_diagram(path):
    diagram = at.phase_diagram(PERCEPTRON, path, (0.3, 1.6), points=60)
    first, last = diagram.line("first_order"), diagram.line("uninformed_spinodal")
    assert first.ends == (("edge of the range", "zero strength"),)
    assert len(diagram.line("informed_spinodal")) == 0
    assert np.all(first.overlap == 1)
    for k in (5, 30, 50):
        assert last.strength[k] == pytest.approx(spinodal(last.control[k], path), abs=1e-7)
    # on the first-order line both free entropies agree
    for k in (5, 30, 50):
        found = at.fixed_points(PERCEPTRON, path, first.control[k], first.strength[k])
        assert found.uninformed.free_entropy == pytest.approx(found.informed.free_entropy, abs=1e-11)
        assert found.uninformed.overlap == pytest.approx(first.lower_overlap[k], abs=1e-9)
    # the sampler fails at every 0 < alpha < alpha_alg
    edge = diagram.thresholds.algorithmic.control
    for alpha in (1e-3, 0.1, 1.0, 1.3, edge * (1 - 1e-9)):
        assert diagram.sampler_succeeds(alpha) is False
    assert diagram.sampler_succeeds(edge * (1 + 1e-9)) is True
    assert diagram.first_failure_strength(1.3) == 0
    assert "does not end" in diagram.thresholds.reasons["tricritical"]


def test_small_sampling_ratios_of_the_perceptron():
    """x = alpha c/sqrt(delta) and delta = h mmse(x): (1 - theta) = alpha^2 times a constant, the snr -4 log alpha + ...

    With R = c/sqrt(delta)(1 + ...) and mmse(x) the prior's, the fold in theta maximises 1 - (c alpha/x)^2/mmse(x).
    """
    prior, coupling = PERCEPTRON.prior, PERCEPTRON.coupling
    c = float(coupling.scaled(np.array(1.0), np.array(1e-12))[1]) * 1e-6
    least = minimize_scalar(
        lambda t: c**2 * math.exp(-2 * t) / float(prior.mmse(math.exp(t))), bounds=(0, 3), method="bounded"
    )
    diagram = at.phase_diagram(PERCEPTRON, at.Autoregressive(), (0.002, 0.02), points=30)
    line = diagram.line("uninformed_spinodal")
    ratio = (1 - line.strength) / (least.fun * line.control**2)
    assert np.all(np.abs(ratio - 1) < 3 * np.sqrt(least.fun) * line.control)
    # flow: z mmse'(z)-like balance, z - snr = alpha c/sqrt(mmse(z)), d(alpha c/sqrt mmse)/dz = 1
    flow = at.phase_diagram(PERCEPTRON, at.Flow(), (1e-4, 1e-3), points=30).line("uninformed_spinodal")
    for k in (0, 15, 29):
        alpha = flow.control[k]

        def excess(z, alpha=alpha):
            v = prior.channel(z)
            return alpha * c * 0.5 * float(v.overlap_slope) / float(v.mmse) ** 1.5 - 1

        z = brentq(excess, 5, 60)
        assert flow.strength[k] == pytest.approx(z - alpha * c / math.sqrt(float(prior.mmse(z))), abs=20 * alpha)


def test_compressed_sensing_without_noise():
    """The flow fails exactly for 0.4 < alpha < 0.58925; the other path in theta from 1 - alpha/0.4 to 1 - alpha/alpha_alg."""
    edge = at.thresholds(SENSING, at.Flow()).algorithmic.control
    flow = at.phase_diagram(SENSING, at.Flow(), (0.3, 0.7), points=40)
    for alpha, succeeds in (
        (0.3, True),
        (0.4, True),
        (0.4 + 1e-9, False),
        (0.5, False),
        (edge - 1e-9, False),
        (edge + 1e-9, True),
    ):
        assert flow.sampler_succeeds(alpha) is succeeds, alpha
    assert flow.first_failure_strength(0.5) == 0
    line = flow.line("first_order")
    assert np.all(line.control == 0.4)
    assert np.all(flow.line("informed_spinodal").control == 0.4)
    assert line.ends[0][1] == "zero strength"
    assert flow.line("uninformed_spinodal").ends[0][0] == "q = rho"
    assert flow.region(0.39, 0.1) == "easy"
    assert flow.region(0.41, 0.1) == "hard"
    assert flow.region(0.7, 0.1) == "easy"

    other = at.phase_diagram(SENSING, at.Autoregressive(), (0.05, 0.7), points=40)
    first, last = other.line("first_order"), other.line("uninformed_spinodal")
    assert np.allclose(first.strength, 1 - first.control / 0.4, rtol=0, atol=1e-13)
    assert np.allclose(last.strength, 1 - last.control / edge, rtol=0, atol=1e-11)
    for alpha in (1e-3, 0.1, 0.4, 0.5):
        assert other.sampler_succeeds(alpha) is False
        assert other.first_failure_strength(alpha) == pytest.approx(max(0.0, 1 - alpha / 0.4), abs=1e-12)
    assert other.sampler_succeeds(0.6) is True
    assert other.region(0.2, [0.4, 0.55, 0.7]).tolist() == ["easy", "hard", "easy"]


def test_the_lines_come_back_with_noise():
    """Small noise: the first-order line ends in a tricritical point, which goes to infinity as the noise vanishes."""
    snr, alpha = [], []
    for noise in (1e-4, 1e-5, 1e-6):
        point = at.thresholds(at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(noise)), at.Flow()).tricritical
        snr.append(point.snr)
        alpha.append(point.sampling_ratio)
        assert point.error < 1e-9
    assert np.all(np.diff(snr) > 0)
    assert np.all(np.diff(alpha) < 0)
    assert alpha[-1] > 0.4


@pytest.mark.parametrize("model", [PERCEPTRON, SENSING, PHASES], ids=["sign", "linear", "abs"])
@pytest.mark.parametrize("path", PATHS, ids=["flow", "autoregressive"])
@pytest.mark.every(3)
def test_diagrams_are_saved_and_drawn(tmp_path, model, path):
    from matplotlib.figure import Figure

    diagram = at.phase_diagram(model, path, (0.3, 1.6), points=12)
    diagram.save(tmp_path / "d.json")
    diagram.to_csv(tmp_path / "d.csv")
    again = at.load(tmp_path / "d.json")
    assert again == diagram
    assert again.to_dict()["lines"] == diagram.to_dict()["lines"]
    axes = Figure().add_subplot()
    diagram.plot(axes)
    assert np.isfinite(axes.get_ylim()).all()
    assert axes.get_ylim()[1] < 100


@pytest.mark.parametrize("path", PATHS, ids=["flow", "autoregressive"])
@pytest.mark.parametrize(
    ("model", "alpha"),
    [(PERCEPTRON, 1.2), (PERCEPTRON, 1.6), (SENSING, 0.3), (SENSING, 0.5), (PHASES, 1.05), (DOOR, 0.8)],
)
@pytest.mark.every(3)
def test_equation_of_state_ends_in_recovery(capsys, model, alpha, path):
    """Every point is a fixed point at its strength; the curve ends in q = rho, from where that is stable."""
    curve = at.equation_of_state(model, path, alpha, points=60)
    recovered = curve.mmse == 0
    birth = Recovery.of(model.prior, model.coupling, path).birth(alpha)
    assert recovered.sum() == (2 if birth < 1 else 0)
    if birth < 1:
        assert curve.strength[recovered][0] == pytest.approx(birth, abs=1e-14)
        assert np.all(curve.stable[recovered])
    for k in np.flatnonzero(~recovered)[::12]:
        overlaps = [p.overlap for p in at.fixed_points(model, path, alpha, curve.strength[k])]
        assert min(abs(np.array(overlaps) - curve.overlap[k])) < 1e-7
    assert all(0 < q < model.prior.second_moment and np.isfinite(s) for q, s in curve.folds)
    arguments = [x for name, value in model.parameters.items() for x in ("--set", f"{name}={value}")]
    assert main(["overlap", "glm", *arguments, "--path", path.name, "--control", str(alpha), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mmse"]


def test_random_constraints_have_a_random_counterpart():
    assert CONSTRAINTS.random_counterpart
    assert not PERCEPTRON.random_counterpart
    diagram = at.phase_diagram(CONSTRAINTS, at.Flow(), (0.5, 2.2), points=10)
    assert diagram.sampler_succeeds(1.0) is False  # the flow fails at every alpha > 0
    assert diagram.sampler_succeeds(1.9) is None  # beyond capacity
    assert at.compare_samplers(CONSTRAINTS)["flow"].at(1.0).succeeds is False


def test_strong_data_processing():
    """More noise, less information: overlaps fall with the noise; sign tells less than the linear channel."""
    overlaps = [
        at.fixed_points(at.GLM(at.Gaussian(), channel), at.Flow(), 0.5, 0.0).uninformed.overlap
        for channel in (at.LinearChannel(0.0), at.LinearChannel(0.3), at.SignChannel(), at.ProbitChannel(0.3))
    ]
    assert np.all(np.diff(overlaps) < 0)


# --- own channels, names, bad input ---


def test_command_line(capsys):
    arguments = [
        "thresholds",
        "glm",
        "--set",
        "prior=gauss-bernoulli",
        "--set",
        "rho=0.4",
        "--set",
        "channel=linear",
        "--set",
        "noise=0",
    ]
    assert main([*arguments, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["parameters"] == {"prior": "gauss-bernoulli", "rho": 0.4, "channel": "linear", "noise": 0.0}
    assert data["condensation"]["sampling_ratio"] == 0.4
    assert main(["models"]) == 0
    assert "symmetric-perceptron" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"prior": "rademacher", "channel": "linear", "noise": -1}, "noise"),
        ({"prior": "rademacher", "channel": "door", "kappa": 0}, "kappa"),
        ({"prior": "rademacher", "channel": "door"}, "the channel door needs kappa"),
        ({"prior": "rademacher", "channel": "probit", "noise": 0}, "noise"),
        ({"prior": "rademacher", "channel": "sine"}, "sign"),
        ({"prior": "rademacher", "channel": "sign", "kappa": 1}, "belongs to the channel door or symmetric-perceptron"),
        ({"prior": "rademacher"}, "needs channel"),
        ({"channel": "sign"}, "needs prior"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(at.InputError, match=message):
        build_model("glm", parameters)


@pytest.mark.parametrize("alpha", [0.0, -1.0, math.nan, math.inf])
def test_bad_sampling_ratios(alpha):
    with pytest.raises(at.InputError, match="sampling_ratio"):
        at.fixed_points(PERCEPTRON, at.Flow(), alpha, 0.1)


def test_a_channel_is_needed():
    with pytest.raises(at.InputError, match="channel must be an output channel"):
        at.GLM(at.Rademacher(), "sign")
    with pytest.raises(at.InputError, match="prior must be a Prior"):
        at.GLM("rademacher", at.SignChannel())


@dataclass(frozen=True)
class Regular(at.Coupling):
    """A coupling without singularity has no recovery."""

    def scaled(self, overlap, gap):
        return overlap**2, 2 * overlap, 2 * np.ones_like(overlap), np.zeros_like(overlap)


def test_regular_couplings_have_no_recovery():
    assert Recovery.of(at.Rademacher(), Regular(), at.Flow()) is None


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (at.GLM(at.Rademacher(), at.DoorChannel(0.67)), PATHS[0]),
        (at.GLM(at.Rademacher(), at.DoorChannel(0.67)), PATHS[1]),
        (at.GLM(at.Rademacher(), at.DoorChannel(1.5)), PATHS[1]),
        (at.GLM(at.Discrete([0, 1], [0.7, 0.3]), at.SignChannel()), PATHS[0]),
        (at.GLM(at.Discrete([-1, 2], [2 / 3, 1 / 3]), at.DoorChannel(1.0)), PATHS[1]),
        (at.GLM(at.GaussBernoulli(0.2), at.AbsChannel()), PATHS[0]),
    ],
    ids=["door, flow", "door, autoregressive", "wide door", "sign of 0-1", "skew door", "sparse abs"],
)
@pytest.mark.slow
def test_regions_agree_with_fixed_points_everywhere(model, path):
    rng = np.random.default_rng(0)
    diagram = at.phase_diagram(model, path, (0.05, 2.5), points=30)
    control = rng.uniform(0.05, 2.5, 25)
    strength = rng.uniform(0, 1, 25) * (3 if path.name == "flow" else 1)
    region = diagram.region(control, strength)
    assert len(set(region)) > 1
    for k in range(25):
        assert region[k] == at.fixed_points(model, path, control[k], strength[k]).region
    # the flow fails first where the hard region begins
    for c in (0.4, 1.0):
        start = diagram.first_failure_strength(c)
        if start:
            assert diagram.region(c, start * (1 + 1e-6)) == "hard"
            assert diagram.region(c, start * (1 - 1e-6)) != "hard"
