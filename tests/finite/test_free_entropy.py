"""Free entropies of message passing: exact on trees, stationary at fixed points, those of the theory in large systems."""

from __future__ import annotations

import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from trees import tree

import amp_theory as at
from amp_theory.__main__ import main
from amp_theory.finite.inference import bp
from amp_theory.finite.inference.free_entropy import Part, bethe, local_part, matrix_part, measured_part, tensor_part
from amp_theory.finite.inference.graph_messages import Edges, factor_messages
from amp_theory.finite.inference.run import run_message_passing
from amp_theory.finite.outputs.choose import output_function
from amp_theory.finite.outputs.named import OutputFunction
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.compiled import in_use
from amp_theory.trials.amp_against_theory import extrapolate

#: the seed of what a path tells, apart from those of instances
TOLD = 1000


class OneInThree(at.SparseModel):
    """A model whose factors want one literal of three, more or less: no symmetry between +1 and -1."""

    name = "one-in-three"
    factor = type("OneOrTwo", (at.Factor,), {"weights": (0.5, 1.0, 0.2, 0.0), "gauge_free": False})(3)


def by_enumeration(instance, side):
    """Return log of the mean likelihood ratio per spin, known spins without their prior, from all configurations."""
    s = np.array(np.meshgrid(*[[-1.0, 1.0]] * instance.size)).reshape(instance.size, -1).T
    with np.errstate(divide="ignore"):
        weight = np.log(np.array(instance.factor.weights) / instance.factor.mean_weight)
    level = weight[(s[:, instance.spins] * instance.signs > 0).sum(axis=2)].sum(axis=1)
    level = level + s @ side.field[0] - 0.5 * np.asarray(side.precision) * instance.size
    known = side.known[0]
    level = level[(s[:, known] == side.values[0, known]).all(axis=1)]
    top = level.max()
    return (top + np.log(np.exp(level - top).sum()) - (~known).sum() * math.log(2)) / instance.size


TREES = [
    at.Bicoloring(4), at.Bicoloring(3), at.XORSAT(3), at.XORSAT(4, temperature=0.5), at.Bicoloring(3, temperature=0.4),
    OneInThree(),
]  # fmt: skip


@pytest.mark.parametrize("model", TREES, ids=repr)
@given(seed=st.integers(0, 10**6), path=st.sampled_from([at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()]),
       strength=st.just(0.0) | st.floats(0.01, 0.9))  # fmt: skip
@pytest.mark.every(3)
def test_bethe_is_exact_on_trees(model, seed, path, strength):
    instance = tree(model, seed)
    side = instance.observe(path, strength, np.random.default_rng(seed + TOLD))
    found = at.run_bp(instance, side)
    assert found.reasons == ("",)
    assert found.free_entropy[0] == pytest.approx(by_enumeration(instance, side), abs=1e-10)


def slopes(function, points, directions, step=1e-4):
    """Return central differences of fourth order of a function of several arrays, each along a direction."""
    result = []
    for k, direction in enumerate(directions):
        values = []
        for times in (-2, -1, 1, 2):
            moved = [x + times * step * direction if j == k else x for j, x in enumerate(points)]
            values.append(function(*moved)[0])
        result.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step))
    return np.array(result)


EXACT = at.MessagePassingOptions(tolerance=1e-13, max_iterations=3000)


@pytest.mark.parametrize("model", [at.XORSAT(3, temperature=0.7), at.Bicoloring(4)], ids=repr)
def test_bethe_is_stationary_in_every_message(model):
    """On a graph with loops, where it is not exact, in directions drawn at random; elsewhere it is not."""
    instance, rng = at.draw_instance(model, 1.0, 60, seed=1), np.random.default_rng(2)
    side = instance.observe(at.Flow(), 0.5, rng)
    edges = Edges(instance, side)
    h, u = np.moveaxis(edges.base[:, edges.spins], 0, 1), None
    for _ in range(500):
        u = factor_messages(instance, edges.signs, h)
        h, _, _ = edges.cavity(u)
    directions = [rng.standard_normal(h.shape) for _ in range(2)]
    at_fixed_point = slopes(lambda h, u: bethe(instance, side, [Part(0, h, u)])[0], (h, u), directions)
    assert np.abs(at_fixed_point).max() < 1e-11
    away = slopes(lambda h, u: bethe(instance, side, [Part(0, h, u)])[0], (h + 0.1, u - 0.1), directions)
    assert np.abs(away).min() > 1e-5
    # messages of a run are those
    found = at.run_bp(instance, side, options=EXACT)
    assert found.free_entropy[0] == pytest.approx(bethe(instance, side, [Part(0, h, u)])[0][0], abs=1e-14)


def test_bethe_is_summed_in_parts(monkeypatch):
    """Blocks of factors of any size, and rows with certain messages, which are all one part: the same number."""
    instance = at.draw_instance(at.Bicoloring(4), 1.5, 60, seed=1)
    rng, levels = np.random.default_rng(2), []
    known = np.stack([np.zeros(60, dtype=bool), rng.random(60) < 0.3])
    told = SideInformation(np.where(known, 0.0, rng.normal(size=(2, 60))), 0.0, known, known * instance.planted)
    free = SideInformation.from_field(rng.normal(size=(2, 60)))
    for together in (7, 90, 2**12):
        monkeypatch.setattr(bp, "TOGETHER", together)
        found = [at.run_bp(instance, side, options=EXACT).free_entropy for side in (free, told)]
        levels.append(np.array(found, dtype=float))
    assert np.isfinite(levels[0]).all()
    assert np.abs(np.array(levels) - levels[0]).max() < 1e-14


@pytest.mark.skipif(not in_use(), reason="arrays of messages take more than ratios do")
@pytest.mark.parametrize(
    ("model", "density"), [(at.Bicoloring(4), 2.0), (at.XORSAT(4, temperature=0.5), 1.1), (at.XORSAT(3, 0.6), 0.9)]
)
def test_belief_propagation_takes_three_times_what_the_instance_keeps(model, density):
    """The free entropy included, of spins that are in few factors, too, where arrays of spins count most."""
    instance = at.draw_instance(model, density, 30_000, seed=1)
    side = instance.observe(at.Flow(), 0.2, np.random.default_rng(1))
    how = at.MessagePassingOptions(max_iterations=30, tolerance=1.0)
    assert at.run_bp(instance, side, options=how).free_entropy[0] is not None  # compiles
    kept = instance.spins.nbytes + instance.signs.nbytes + instance.planted.nbytes
    tracemalloc.start()
    at.run_bp(instance, side, options=how)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * kept


def dense_functional(instance, side):
    def value(m, v, b, a):
        prior = instance.model.variable_prior.resolved(10.0)
        local = local_part(prior, side, slice(0, instance.size), m, v, b, a)
        return (local + tensor_part(instance, m, v)) / instance.size

    return value


def sided_functional(instance, side):
    def value(m, v, b, a):
        total = matrix_part(instance, m, v)
        for where, prior in instance.kinds:
            total = total + local_part(prior, side, where, *(x[:, where] for x in (m, v, b, a)))
        return total / instance.sizes[0]

    return value


@pytest.mark.parametrize(
    ("model", "control", "path", "strength"),
    [
        (at.IsingPSpin(3), 0.9, at.Flow(), 0.5),
        (at.SphericalPSpin(3), 1.0, at.Flow(), 0.5),
        (at.SpikedMatrix(at.SparseRademacher(0.3)), 0.07, at.Autoregressive(), 0.3),
        (at.SpikedMatrix(at.GaussBernoulli(0.5)), 0.2, at.Flow(), 0.4),
        (at.SpikedMatrixTensor(3, 1.0), 0.8, at.Flow(), 0.5),
        (at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.4), 1.5), 0.3, at.Flow(side="u"), 0.5),
    ],
    ids=repr,
)  # fmt: skip
def test_tap_is_stationary_where_amp_stands_still(model, control, path, strength):
    instance, rng = at.draw_instance(model, control, 50, seed=1), np.random.default_rng(TOLD)
    side = instance.observe(path, strength, rng)
    found = at.run_amp(instance, side, "informed", EXACT)
    assert found.converged[0]
    functional = (sided_functional if hasattr(instance, "sizes") else dense_functional)(instance, side)
    shape = found.mean.shape
    points = [found.mean, found.variance, found.effective_field, np.broadcast_to(found.precision, shape)]
    assert found.free_entropy[0] == pytest.approx(functional(*points)[0], abs=1e-13)
    unknown = ~side.known
    directions = [rng.standard_normal(shape) * unknown for _ in points]
    assert np.abs(slopes(functional, points, directions)).max() < 2e-10
    away = slopes(functional, [x + 0.1 * unknown for x in points], directions)
    assert np.abs(away).min() > 1e-5


CHANNELS = [
    (at.Rademacher(), at.SignChannel(), 1.0), (at.Gaussian(), at.LinearChannel(0.1), 1.2),
    (at.GaussBernoulli(0.5), at.ProbitChannel(0.3), 2.0),
    (at.GaussBernoulli(0.4), at.SymmetricPerceptron(1.0), 0.8),
]  # fmt: skip


@pytest.mark.parametrize(("prior", "channel", "ratio"), CHANNELS, ids=repr)
def test_tap_is_stationary_where_gamp_stands_still(prior, channel, ratio):
    instance, rng = at.draw_instance(at.GLM(prior, channel), ratio, 60, seed=3), np.random.default_rng(TOLD)
    side = instance.observe(at.Flow(), 1.0, rng)
    found = at.run_gamp(instance, side, options=at.MessagePassingOptions(0.3, 1e-13, 5000))
    assert found.converged[0]

    def functional(m, v, b, a, omega):
        local = local_part(instance.variables, side, slice(0, instance.size), m, v, b, a)
        return (local + measured_part(instance, m, v, v.mean(axis=1, keepdims=True), omega)) / instance.size

    spread = found.variance.mean(axis=1, keepdims=True)
    omega = found.mean @ instance.sensing.T
    for _ in range(500):  # omega = Phi m - V g
        omega = 0.5 * omega + 0.5 * (found.mean @ instance.sensing.T - spread * instance.output.denoise(
            instance.measurements, omega, spread)[0])  # fmt: skip
    shape = found.mean.shape
    points = [found.mean, found.variance, found.effective_field, np.broadcast_to(found.precision, shape), omega]
    assert found.free_entropy[0] == pytest.approx(functional(*points)[0], abs=1e-12)
    directions = [rng.standard_normal(x.shape) for x in points]
    # variances are moved together, as GAMP knows their average only
    directions[1] = np.ones(shape)
    assert np.abs(slopes(functional, points, directions, 1e-4 * min(1.0, float(spread[0, 0])))).max() < 1e-8
    away = slopes(functional, [x + 0.1 for x in points], directions)
    assert np.abs(away).min() > 1e-4


def test_it_grows_with_the_strength_by_half_the_overlap():
    """On one tree, dN phi/d snr = m.(s* + z/(2 sqrt(snr))) - N/2 exactly; on average over z half the overlap."""
    instance, snr, step = tree(at.Bicoloring(3), 4), 0.6, 1e-3
    z = np.random.default_rng(0).standard_normal((4000, instance.size))

    def run(at_snr):
        told = at.SideInformation.from_field(at_snr * instance.planted + math.sqrt(at_snr) * z, at_snr)
        return at.run_bp(instance, told, options=at.MessagePassingOptions(tolerance=1e-12))

    level = {k: np.array(run(snr + k * step).free_entropy) for k in (-2, -1, 1, 2)}
    slope = (level[-2] - 8 * level[-1] + 8 * level[1] - level[2]) / (12 * step)
    mean = run(snr).mean
    exact = (mean * (instance.planted + z / (2 * math.sqrt(snr)))).mean(axis=1) - 0.5
    assert np.abs(slope - exact).max() < 1e-9
    # by integration by parts the mean of both sides is E[(s* - <s>)...]: half of the mean of <s>^2
    half = slope - (mean**2).mean(axis=1) / 2
    assert abs(half.mean()) < 4 * half.std() / math.sqrt(len(half))
    assert abs(slope.mean() - (mean**2).mean()) > 10 * half.std() / math.sqrt(len(half))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "control", "path", "strength"),
    [
        (at.XORSAT(3, temperature=0.5), 0.8, at.Flow(), 0.3),
        (at.Bicoloring(4), 3.0, at.Autoregressive(), 0.2),
        (at.XORSAT(3), 0.6, at.Autoregressive(), 0.3),
    ],
    ids=repr,
)
def test_bethe_is_that_of_the_theory(model, control, path, strength):
    """At N = 1e4 the mean over instances is off by their scatter, of which the evidence explains a part, and by 1/N."""
    (point,) = at.fixed_points(model, path, control=control, strength=strength)
    size, found, evidence = 10_000, [], []
    for seed in range(8):
        instance = at.draw_instance(model, control, size, seed=seed)
        side = instance.observe(path, strength, np.random.default_rng(seed + TOLD))
        found += at.run_bp(instance, side, options=at.MessagePassingOptions(tolerance=1e-6)).free_entropy
        # the likelihood ratio at the planted configuration, whose mean is known
        told = (side.field @ instance.planted)[0] / size - float(np.asarray(side.precision)) / 2
        log = np.log(np.array(model.factor.weights)[instance.up(instance.planted)[0]]).sum() / size
        mean = strength / 2 if isinstance(path, at.Flow) else 0.0
        evidence.append(told - mean + log - control * model.factor.weight_entropy)
    difference = np.array(found) - point.overlap * np.array(evidence) - point.free_entropy
    error = difference.std(ddof=1) / math.sqrt(len(difference))
    assert error < 0.003
    assert abs(difference.mean()) < 3.5 * error + 5 / size, (difference.mean(), error)
    assert abs(difference.mean() + point.free_entropy / 2) > 3.5 * error + 5 / size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "control", "path", "strength", "sizes"),
    [
        (at.SpikedMatrix(at.Rademacher()), 0.6, at.Flow(), 0.3, (100, 200, 400)),
        (at.SpikedMatrix(at.SparseRademacher(0.2)), 0.03, at.Autoregressive(), 0.4, (200, 400, 800)),
        (at.IsingPSpin(3), 0.9, at.Flow(), 0.5, (24, 40, 64)),
        (at.GLM(at.Gaussian(), at.LinearChannel(0.2)), 1.2, at.Flow(), 0.3, (100, 200, 400)),
        (at.GLM(at.Rademacher(), at.ProbitChannel(0.5)), 1.0, at.Autoregressive(), 0.4, (100, 200, 400)),
        (at.RectangularMatrix(at.Gaussian(), at.Rademacher(), 1.5), 0.5, at.Flow(side="v"), 0.3, (100, 200, 400)),
    ],
    ids=repr,
)
def test_tap_extrapolates_to_the_theory(model, control, path, strength, sizes):
    """A chi-square test of the mean over instances, fitted with a + b/N, against the free entropy of the theory."""
    (point,) = at.fixed_points(model, path, control=control, strength=strength)
    options, levels = at.MessagePassingOptions(tolerance=1e-6, max_iterations=300), []
    for n in sizes:
        level: list[float] = []
        for seed in range(1, 200):
            instance = at.draw_instance(model, control, n, seed=1000 * n + seed)
            side = instance.observe(path, strength, np.random.default_rng([TOLD, n, seed]))
            (value,) = run_message_passing(instance, side, options=options).free_entropy
            level += [] if value is None else [value]
            if len(level) == 24:
                break
        # small instances that do not converge are few
        assert seed < 32
        levels.append(level)
    differences = np.array(levels)[..., None] - point.free_entropy
    a, error, p_value = extrapolate(sizes, differences)
    assert p_value > 1e-3, (a, error)
    _, _, wrong = extrapolate(sizes, differences + 6 * error)
    assert wrong < 1e-4


@pytest.mark.parametrize(
    "channel",
    [at.LinearChannel(0.3), at.SignChannel(), at.ProbitChannel(0.2), at.DoorChannel(0.7), at.SymmetricPerceptron(0.9),
     at.AbsChannel(), at.ReLUChannel(),
     at.Channel(likelihood=lambda y, z: 1 / (1 + np.exp(-y * z)), outcomes=(-1, 1))],
    ids=lambda c: type(c).__name__,
)  # fmt: skip
def test_log_partition_of_outputs(channel):
    """Its derivative is g; labels have probabilities that add up to one, a density is the integral over z."""
    output = output_function(channel, 1.0)
    omega, spread = np.array([-2.3, -0.4, 0.1, 1.7]), np.array([0.7])
    y = np.array([1.0])
    g, _ = output.denoise(y, omega, spread)
    step = 1e-4
    values = {k: output.log_partition(y, omega + k * step, spread) for k in (-2, -1, 1, 2)}
    slope = (values[-2] - 8 * values[-1] + 8 * values[1] - values[2]) / (12 * step)
    assert slope == pytest.approx(g, abs=1e-9)
    level = np.exp(output.log_partition(y, omega, spread))
    if set(getattr(channel, "outcomes", ())) or isinstance(channel, (at.SignChannel, at.ProbitChannel)) or (
        type(channel) is at.DoorChannel
    ):  # fmt: skip
        assert level + np.exp(output.log_partition(-y, omega, spread)) == pytest.approx(1, abs=1e-12)
    if isinstance(channel, at.LinearChannel):
        exact = quad(lambda z: norm.pdf(z, 0.1, math.sqrt(0.7)) * norm.pdf(1, z, math.sqrt(0.3)), -9, 9)[0]
        assert level[2] == pytest.approx(exact, rel=1e-9)
    if isinstance(channel, at.AbsChannel):
        assert level[2] == pytest.approx(sum(norm.pdf(z, 0.1, math.sqrt(0.7)) for z in (1, -1)), rel=1e-12)


def test_no_free_entropy_without_a_fixed_point():
    instance = at.draw_instance(at.SherringtonKirkpatrick(), 0.5, 100, seed=0)
    short = at.run_amp(instance, options=at.MessagePassingOptions(max_iterations=1))
    assert short.free_entropy == (None,)
    assert "max_iterations" in short.reasons[0]
    assert "max_iterations" in short.report()
    left_out = at.run_amp(instance, options=at.MessagePassingOptions(free_entropy=False))
    assert left_out.free_entropy == (None,)
    assert left_out.reasons == ("it was not asked for",)


def test_infer_tells_it(tmp_path, capsys):
    np.savetxt(tmp_path / "graph.csv", [[0, 1, 2], [2, 3, 4]], fmt="%d", delimiter=",")
    words = ["infer", "xorsat", "--set", "k=3", "--set", "temperature=0.5", "--data", str(tmp_path / "graph.csv")]
    assert main([*words, "-o", str(tmp_path / "found.npz")]) == 0
    assert "free entropy: 0 nats per variable" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["free_entropy"], told["reasons"]) == ([0.0], [""])
    with np.load(tmp_path / "found.npz") as data:
        assert data["free_entropy"].tolist() == [0.0]


def test_rows_of_a_batch_have_their_own():
    """A contradiction in one row leaves the others as they are alone."""
    instance = tree(at.XORSAT(3), 1)
    row = instance.spins[0]
    known = np.zeros((2, instance.size), dtype=bool)
    known[:, row] = True
    values = np.tile(instance.planted, (2, 1))
    values[1, row[0]] *= -1
    found = at.run_bp(instance, at.SideInformation.from_known(known, values))
    alone = at.run_bp(instance, at.SideInformation.from_known(known[:1], values[:1]))
    assert found.free_entropy[0] == pytest.approx(alone.free_entropy[0], abs=1e-14)
    assert found.free_entropy[1] is None
    assert "contradiction" in found.reasons[1]
    assert np.all(np.isfinite(found.mean))


def test_perfect_recovery_of_reals_has_none():
    """Noiseless measurements of a continuous signal: the density of what is known exactly is infinite."""
    instance = at.draw_instance(at.GLM(at.Gaussian(), at.LinearChannel(0.0)), 2.0, 100, seed=1)
    found = at.run_gamp(instance)
    assert found.free_entropy == (None,)
    assert found.reasons[0]
    assert (found.mean[0] - instance.planted).std() < 1e-3


def test_perfect_recovery_of_labels_is_finite():
    """Spins known from their labels: log P0(s*) less log of the probability of the labels under noise."""
    instance = at.draw_instance(at.GLM(at.Rademacher(), at.SignChannel()), 3.0, 300, seed=1)
    found = at.run_gamp(instance)
    assert np.array_equal(np.sign(found.mean[0]), instance.planted)
    exact = -math.log(2) + len(instance.measurements) / instance.size * math.log(2)
    assert found.free_entropy[0] == pytest.approx(exact, abs=1e-6)


def test_a_channel_without_log_partition_is_told(monkeypatch):
    monkeypatch.setattr(type(output_function(at.SignChannel(), 1.0)), "log_partition", OutputFunction.log_partition)
    instance = at.draw_instance(at.GLM(at.Rademacher(), at.SignChannel()), 0.5, 100, seed=1)
    found = at.run_gamp(instance)
    assert found.converged[0]
    assert found.free_entropy == (None,)
    assert "is not known" in found.reasons[0]


@pytest.mark.parametrize("model", TREES, ids=repr)
def test_strong_fields_on_trees(model):
    """Fields that constraints exclude: what is told is right to 1e-10, and what rounding hides is not told."""
    told = 0
    for seed in range(12):
        instance, rng = tree(model, seed), np.random.default_rng(seed)
        side = at.SideInformation.from_field(20 * rng.standard_normal((1, instance.size)), 0.7)
        found = at.run_bp(instance, side)
        if found.free_entropy[0] is None:
            assert found.reasons[0]
            continue
        told += 1
        assert found.free_entropy[0] == pytest.approx(by_enumeration(instance, side), abs=1e-10)
    assert told > 0
