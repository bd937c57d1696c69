"""Output channels: many-digit values, identities, limits, interpolated tables, likelihoods of one's own."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, ndtr

import amp_theory as at
from amp_theory.ingredients.outputs import tabulated
from amp_theory.ingredients.outputs.base import OutputCoupling
from amp_theory.ingredients.outputs.door import door_response
from amp_theory.ingredients.outputs.likelihood import Channel, _tabulated
from amp_theory.ingredients.outputs.named import (
    AbsChannel,
    DoorChannel,
    LinearChannel,
    OutputChannel,
    ProbitChannel,
    ReLUChannel,
    SignChannel,
    SymmetricPerceptron,
)
from amp_theory.ingredients.outputs.table import OutputValues, Powers, ScaledOutputTable, build_table
from amp_theory.tools.arrays import EPS
from amp_theory.tools.errors import InputError

FUNCTIONS = ("free_entropy", "response", "slope", "curvature")
NAMED = {c.name: c for c in (LinearChannel, SignChannel, ProbitChannel, AbsChannel, ReLUChannel, DoorChannel,
                             SymmetricPerceptron)}  # fmt: skip
LOGISTIC = Channel([-1, 1], lambda y, z: expit(y * z))
REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "output_channel_reference.json").read_text())["cases"]
BUILT_IN = [LinearChannel(), LinearChannel(0.3), SignChannel(), ProbitChannel(0.2), AbsChannel(), ReLUChannel(),
            DoorChannel(0.7), DoorChannel(2.5), SymmetricPerceptron(0.3), SymmetricPerceptron(1.5)]  # fmt: skip
each_channel = pytest.mark.parametrize("channel", BUILT_IN, ids=repr)


def make(case: dict) -> OutputChannel:
    return LOGISTIC if case["channel"] == "logistic" else NAMED[case["channel"]](**case["parameters"])


def errors(values: OutputValues, exact: dict, rho: float) -> dict[str, float]:
    """Relative errors, of R'' relative to |R''| + R'/rho."""
    size = {name: abs(float(exact[name])) for name in FUNCTIONS}
    size["curvature"] += float(exact["slope"]) / rho
    return {name: abs(float(getattr(values, name)) - float(exact[name])) / size[name] for name in FUNCTIONS}


# --- many-digit values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", REFERENCE, ids=lambda c: f"{c['channel']}-{c['parameters']}-{c['overlap']}-{c['gap']}")
@pytest.mark.every(3)
def test_every_function_has_twelve_digits(case):
    channel, q, d = make(case), float(case["overlap"]), float(case["gap"])
    rho = q + d
    for values in (channel.functions(q, d), channel.table(rho)(q, d)):
        found = errors(values, case, rho)
        # a likelihood of one's own: R'' comes from derivatives of the function given
        bound = dict.fromkeys(FUNCTIONS, 1e-12)
        if case["channel"] == "logistic":
            bound |= {"slope": 1e-11, "curvature": 1e-11}
        for name in FUNCTIONS:
            assert found[name] <= bound[name], (name, found[name])
            assert found[name] <= values.relative_error + 4 * EPS, (name, found[name])
    assert channel.free_entropy_at_zero(rho) == pytest.approx(float(case["at_zero"]), rel=1e-13, abs=1e-15)


def test_reference_covers_channels_and_both_ends():
    assert {c["channel"] for c in REFERENCE} == {*NAMED, "logistic"}
    assert sum(c["channel"] != "linear" for c in REFERENCE) >= 200
    ratio = [float(c["gap"]) / (float(c["overlap"]) + float(c["gap"])) for c in REFERENCE]
    assert min(ratio) < 2e-14
    assert min(float(c["overlap"]) for c in REFERENCE) < 2e-14


def test_reference_is_sharp():
    """Negative control: a change of 1e-11 in the gap, or in kappa, is seen."""
    case = next(c for c in REFERENCE if c["channel"] == "door" and 0.1 < float(c["gap"]) < 0.9)
    q, d = float(case["overlap"]), float(case["gap"])
    assert max(errors(make(case).functions(q, d * (1 + 1e-11)), case, q + d).values()) > 1e-12
    other = DoorChannel(case["parameters"]["kappa"] * (1 + 1e-11))
    assert max(errors(other.functions(q, d), case, q + d).values()) > 1e-12


# --- identities ---------------------------------------------------------------------------------------------


def test_derivatives_of_the_response_follow_from_the_heat_equation():
    """With 2 dZ/dV = Z'' and omega ~ N(0, q), V = rho - q: d/dq E F = E[F'' - 2 dF/dV]/2, applied three times."""
    sympy = pytest.importorskip("sympy")
    omega, v = sympy.symbols("omega V")
    phi = [sympy.Function(f"phi_{k}")(omega, v) for k in range(8)]
    z = sympy.Function("Z")(omega, v)

    def d_omega(expression):
        rules = {z: phi[1] * z} | {phi[k]: phi[k + 1] for k in range(1, 7)}
        return sum(sympy.diff(expression, f) * rules[f] for f in rules)

    def d_gap(expression):
        half_heat = (phi[2] + phi[1] ** 2) / 2  # d phi/dV
        rules, current = {z: half_heat * z}, half_heat
        for k in range(1, 5):
            current = d_omega(current)
            rules[phi[k]] = current
        return sum(sympy.diff(expression, f) * rules[f] for f in rules)

    def in_overlap(expression):
        return sympy.expand((d_omega(d_omega(expression)) - 2 * d_gap(expression)) / 2)

    response = z * phi[1] ** 2
    assert sympy.expand(2 * in_overlap(z * sympy.log(z)) - response) == 0
    slope = z * phi[2] ** 2
    assert sympy.expand(in_overlap(response) - slope) == 0
    assert sympy.expand(in_overlap(slope) - z * (phi[3] ** 2 - 2 * phi[2] ** 3)) == 0


@given(st.sampled_from(BUILT_IN), st.floats(-25, 25), st.sampled_from([1.0, 0.3, 5.0]))
def test_each_function_integrates_the_next(channel, log_ratio, rho):
    """A, R, R' change by the integrals of R, R', R'' over [q, 1.3 q], or over gaps from g to 1.3 g."""
    node, weight = np.polynomial.legendre.leggauss(24)
    x = math.exp(log_ratio)
    small = min(1 / (1 + x), x / (1 + x)) / 1.3
    scale = small * (1.15 + 0.15 * np.concatenate([[-1.0, 1.0], node]))
    q, d = (scale, 1 - scale) if x > 1 else (1 - scale, scale)
    values = channel.functions(rho * q, rho * d)
    sign = 1 if x > 1 else -1
    for function, derivative in itertools.pairwise(FUNCTIONS):
        f, g = getattr(values, function), getattr(values, derivative)
        change = sign * rho * 0.15 * small * (weight @ g[2:])
        size = np.abs(f[:2]).max() + rho * small * np.abs(g).max()
        assert abs(f[1] - f[0] - change) <= 4 * values.relative_error.max() * size


@given(st.sampled_from(BUILT_IN), st.floats(-30, 30), st.floats(-3, 3))
def test_signs_and_bounds(channel, log_ratio, log_rho):
    """A, R, R' > 0, R <= 1/gap (y tells no more than z), and the chord bound A <= q R <= 2 q R."""
    rho, x = math.exp(log_rho), math.exp(log_ratio)
    q, d = rho / (1 + x), rho * x / (1 + x)
    v = channel.functions(q, d)
    bound = 1 + 4 * float(v.relative_error)
    assert 0 < v.free_entropy <= q * v.response * bound  # A is convex
    # a constraint that holds for certain selects rather than measures
    if not isinstance(channel, SymmetricPerceptron):
        assert v.response <= bound / d
        assert v.free_entropy <= math.log1p(1 / x) * bound
    assert v.slope > 0
    if channel.even:
        assert v.response <= 1e-13 or q > 1e-15 * rho


def score(channel: OutputChannel, z: float, omega: np.ndarray, d: float) -> np.ndarray:
    """d log Z/d omega of the label that z has, by its closed form."""
    root = math.sqrt(d)
    n = lambda t: np.exp(-t * t / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    if isinstance(channel, DoorChannel):
        a, b = (channel.kappa - omega) / root, (channel.kappa + omega) / root
        slope = (n(b) - n(a)) / root
        return slope / (ndtr(a) - ndtr(-b)) if abs(z) < channel.kappa else -slope / (ndtr(-a) + ndtr(-b))
    t = math.copysign(1, z) * omega / root
    return math.copysign(1, z) * n(t) / ndtr(t) / root


@pytest.mark.parametrize("channel", [SignChannel(), DoorChannel(0.9)], ids=repr)
@pytest.mark.parametrize("gap", [0.8, 0.3, 0.01])
def test_nishimori(channel, gap):
    """The posterior mean correlates with the truth as with itself: E[(z - omega) g] = gap E g^2 = gap R.

    The truth z is drawn first, then what the overlap tells about it, omega ~ N(q z, q gap).
    """
    node, weight = np.polynomial.legendre.leggauss(60)
    x = np.arange(-8, 8.001, 0.05)
    kernel = 0.05 * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    edge = getattr(channel, "kappa", 0.0)
    with_truth = with_itself = 0.0
    # omega tells the label of a z more than ten widths away from an edge
    far = edge + 12 * math.sqrt(gap)
    for lower, upper in [(-far, -edge), (-edge, 0), (0, edge), (edge, far)]:
        for z, share in zip(
            0.5 * (lower + upper) + 0.5 * (upper - lower) * node, 0.5 * (upper - lower) * weight, strict=True
        ):
            omega = (1 - gap) * z + math.sqrt(gap * (1 - gap)) * x
            g = score(channel, z, omega, gap)
            share *= math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
            with_truth += share * float(kernel @ ((z - omega) * g))
            with_itself += share * float(kernel @ (g * g))
    response = float(channel.functions(1 - gap, gap).response)
    assert with_truth == pytest.approx(gap * response, rel=1e-11)
    assert with_itself == pytest.approx(response, rel=1e-11)


@given(st.floats(-20, 20), st.sampled_from([1.0, 0.2]), st.floats(-1, 1), st.floats(-3, 1))
@pytest.mark.slow
def test_less_informative_outputs_respond_less(log_ratio, rho, log_kappa, log_noise):
    """The score of a function of y is a conditional mean of the score of y, so that R decreases."""
    x, noise, kappa = math.exp(log_ratio), 10**log_noise, 10**log_kappa * math.sqrt(rho)
    q, d = rho / (1 + x), rho * x / (1 + x)
    chains = [
        [LinearChannel(), ReLUChannel(), SignChannel(), ProbitChannel(noise), ProbitChannel(3 * noise)],
        [LinearChannel(), AbsChannel(), DoorChannel(kappa)],
        [LinearChannel(), LinearChannel(noise), ProbitChannel(noise)],
    ]
    for chain in chains:
        values = [c.functions(q, d) for c in chain]
        for better, worse in itertools.pairwise(values):
            assert better.response >= worse.response * (1 - 1e-13)
            assert better.free_entropy >= worse.free_entropy * (1 - 1e-13)


# --- closed forms and limits --------------------------------------------------------------------------------


def test_linear_is_closed_form():
    v = LinearChannel(0.25).functions([0.0, 0.5], 0.75)
    assert v.response == pytest.approx([1.0, 1.0], rel=1e-15)
    assert v.free_entropy == pytest.approx([0.0, math.log(1.5)], rel=1e-15)
    assert LinearChannel().free_entropy_at_zero(2.0) == pytest.approx(-0.5 * math.log(4 * math.pi * math.e), rel=1e-15)
    assert LinearChannel().functions(1.0, 1e-300).free_entropy == pytest.approx(300 * math.log(10), rel=1e-14)


def test_relu_is_half_linear_half_sign():
    q, d = np.array([0.2, 0.999, 1e-9]), np.array([0.8, 1e-3, 1.0])
    values = [c.functions(q, d) for c in (ReLUChannel(), LinearChannel(), SignChannel())]
    for name in FUNCTIONS:
        relu, linear, sign = (getattr(v, name) for v in values)
        assert relu == pytest.approx((linear + sign) / 2, rel=1e-13)


@pytest.mark.parametrize("gap", [0.9, 0.5, 1e-3, 1e-9])
def test_probit_tends_to_sign_and_is_a_sign_with_more_gap(gap):
    q = 1 - gap
    probit, sign = ProbitChannel(1e-30).functions(q, gap), SignChannel().functions(q, gap)
    shifted, noisy = SignChannel().functions(q, gap + 0.7), ProbitChannel(0.7).functions(q, gap)
    for name in FUNCTIONS:
        assert getattr(probit, name) == pytest.approx(getattr(sign, name), rel=1e-14)
        assert getattr(noisy, name) == pytest.approx(getattr(shifted, name), rel=1e-14)


def test_small_overlaps():
    """R, R', R'' at q = 0 from Z and its derivatives at omega = 0."""
    for rho in (1.0, 0.3):
        sign = SignChannel().functions(0.0, rho)
        assert (sign.response, sign.slope) == pytest.approx((2 / math.pi / rho, 4 / math.pi**2 / rho**2), rel=1e-14)
        # |z|: phi_2 = (y^2/rho - 1)/rho, so R' = E (chi^2 - 1)^2 = 2 and R'' = -2 E (chi^2 - 1)^3 = -16
        phase = AbsChannel().functions(1e-9 * rho, rho)
        assert phase.response == pytest.approx(2e-9 / rho, rel=1e-7)
        assert (phase.slope, phase.curvature) == pytest.approx((2 / rho**2, -16 / rho**3), rel=1e-7)
        assert AbsChannel().functions(1e-14 * rho, rho).free_entropy == pytest.approx(1e-28, rel=1e-12)
    kappa = 0.6744897502
    inside = math.erf(kappa / math.sqrt(2))
    second = 2 * kappa * math.exp(-kappa * kappa / 2) / math.sqrt(2 * math.pi)
    door, constraint = DoorChannel(kappa).functions(0.0, 1.0), SymmetricPerceptron(kappa).functions(0.0, 1.0)
    assert door.slope == pytest.approx(second**2 * (1 / inside + 1 / (1 - inside)), rel=1e-13)
    assert constraint.slope == pytest.approx((second / inside) ** 2, rel=1e-13)
    assert 1 / float(door.slope) == pytest.approx(1.360, abs=5e-4)  # weak recovery of the symmetric door


def test_small_gaps():
    """Sign and door: a layer of width sqrt(gap) at each place where the label changes; |z|: half an entropy."""
    gap = 1e-14
    sign = float(SignChannel().functions(1.0, gap).response) * math.sqrt(gap)
    x = np.linspace(-8, 8, 2001)
    n = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    layer = float(np.sum(n**2 / ndtr(x) / ndtr(-x)) * 0.008)  # of a label: int (H')^2/(H (1 - H))
    assert sign == pytest.approx(layer / math.sqrt(2 * math.pi), rel=1e-6)
    for kappa in (0.3, 1.0, 3.0):
        edge = math.exp(-kappa * kappa / 2) / math.sqrt(2 * math.pi)
        door = float(DoorChannel(kappa).functions(1.0, gap).response) * math.sqrt(gap)
        assert door == pytest.approx(2 * edge * layer, rel=1e-6)
    for channel, fraction in ((LinearChannel(), 1), (AbsChannel(), 1), (ReLUChannel(), 0.5)):
        assert float(channel.functions(1.0, gap).response) * gap == pytest.approx(fraction, rel=1e-6)
        assert channel.information_dimension_factor == 1 / fraction


@each_channel
def test_recovered_outputs_tell_their_entropy(channel):
    """At gap = 0 a noiseless label is known: Psi_out(rho) = 0, that is A(rho) = 2 H(y)."""
    end = channel.functions(1.0, 0.0)
    table = channel.table(1.0)(1.0, 0.0)
    if channel.discrete_output and channel.noiseless:
        assert end.free_entropy == pytest.approx(-2 * channel.free_entropy_at_zero(1.0), rel=1e-12)
    if channel.noiseless:
        for v in (end, table):
            assert np.isinf([v.response, v.slope, v.curvature]).all()
            assert np.isinf(v.free_entropy) == (not channel.discrete_output)
    else:
        assert np.isfinite([getattr(end, name) for name in FUNCTIONS]).all()


@pytest.mark.slow
def test_margins_far_apart():
    """A rare outside, a rare inside; the two labels of a door share R, and each is what the constraint tells."""
    q = np.array([1e-6, 0.3, 0.99])
    for kappa in (1e-3, 0.5, 6.0, 15.0):
        inside, outside = door_response(kappa, q, 1 - q)
        probability = math.erf(kappa / math.sqrt(2))
        door, constraint = DoorChannel(kappa).functions(q, 1 - q), SymmetricPerceptron(kappa).functions(q, 1 - q)
        assert door.response == pytest.approx(inside[0] + outside[0], rel=1e-14)
        assert constraint.response == pytest.approx(inside[0] / probability, rel=1e-14)
    wide = SymmetricPerceptron(12.0).functions(0.5, 0.5)
    assert 0 < wide.free_entropy < 1e-40


# --- tables -------------------------------------------------------------------------------------------------


@each_channel
@pytest.mark.every(3)
def test_table_is_as_accurate_as_it_says(channel):
    rng = np.random.default_rng(7)
    x = np.exp(rng.uniform(-33, 33, 500))
    rho = 0.7
    q, d = rho / (1 + x), rho * x / (1 + x)
    table = channel.table(rho)
    fast, direct = table(q, d), channel.functions(q, d)
    bound = fast.relative_error + direct.relative_error
    assert table.worst <= 2e-12
    assert np.all(fast.relative_error <= table.worst)
    for name in FUNCTIONS:
        a, b = getattr(fast, name), getattr(direct, name)
        size = np.abs(b) + (direct.slope / rho if name == "curvature" else 0)
        assert np.all(np.abs(a - b) <= bound * size), name


@each_channel
@pytest.mark.every(3)
def test_ratios_of_a_table(channel):
    x = np.exp(np.linspace(-30, 30, 81))
    q, d = 2.0 / (1 + x), 2.0 * x / (1 + x)
    v, ratios = channel.table(2.0)(q, d), channel.table(2.0).ratios(q, d)
    for found, name in zip(ratios, ("free_entropy", "slope", "curvature"), strict=True):
        assert found == pytest.approx(getattr(v, name) / v.response, rel=1e-13)
    # where R' and R'' overflow their ratios to R do not
    far = channel.table(2.0).ratios(2.0, 1e-150)
    assert np.isfinite(far).all()
    assert channel.table(2.0)(2.0, 1e-290).free_entropy > 0


def test_tables_broadcast_and_count():
    table = DoorChannel(1.0).table(1.0)
    v = table(np.array([[0.2], [0.9]]), np.array([0.8, 0.1, 0.3]))
    assert v.response.shape == (2, 3)
    assert table(0.2, 0.8).response.shape == ()
    assert table(np.zeros(0), np.zeros(0)).response.shape == (0,)
    many = np.linspace(0, 1, 40_001)  # more than one piece
    assert table(many, 1 - many).slope[12_345] == pytest.approx(float(table(many[12_345], 1 - many[12_345]).slope))
    assert DoorChannel(1.0).functions(np.array([[0.2], [0.9]]), np.array([0.8, 0.1])).slope.shape == (2, 2)


def test_a_table_is_the_integral_of_its_response():
    """build_table on R = 3 q^2 + 1/gap, known in closed form: A = q^3 - log gap."""

    def response(q, d):
        return np.stack([3 * q**2 + 1 / d, 6 * q + 1 / d**2, 6 + 2 / d**3, np.full(q.shape, EPS)])

    table = ScaledOutputTable(build_table(response, Powers(0, (2, 4, 6), 1.0)), 1.0)
    q = np.array([1e-13, 0.03, 0.4, 0.7, 0.9999])
    assert table(q, 1 - q).free_entropy == pytest.approx(q**3 - np.log1p(-q), rel=1e-13)
    assert table(1.0, 1e-200).free_entropy == pytest.approx(1 + 200 * math.log(10), rel=1e-13)


# --- likelihoods of one's own -------------------------------------------------------------------------------


def gauss(variance):
    return lambda y, z: np.exp(-((y - z) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


OWN = {
    "sign": (Channel([-1, 1], lambda y, z: 1.0 * (y * z > 0), breakpoints=[0]), SignChannel()),
    "probit": (Channel([-1, 1], lambda y, z: ndtr(y * z / 0.7)), ProbitChannel(0.49)),
    "door": (Channel([-1, 1], lambda y, z: 1.0 * ((y > 0) == (abs(z) <= 1)), breakpoints=[-1, 1]), DoorChannel(1.0)),
    "linear": (Channel(density=gauss(1.0), support=(-np.inf, np.inf)), LinearChannel(1.0)),
}


@pytest.mark.parametrize(("own", "named"), OWN.values(), ids=OWN.keys())
@pytest.mark.slow
def test_own_likelihoods_agree_with_named_channels(own, named):
    x = np.exp(np.linspace(-32, 32, 65))
    q, d = 1 / (1 + x), x / (1 + x)
    a, b = own.functions(q, d), named.functions(q, d)
    assert a.relative_error.max() <= 3e-11
    for name, bound in zip(FUNCTIONS, (1e-12, 1e-12, 1e-11, 1e-11), strict=True):
        size = getattr(b, name) if name != "curvature" else np.abs(b.curvature) + b.slope
        error = np.abs(getattr(a, name) - getattr(b, name)) / size
        assert error.max() <= bound
        assert np.all(error <= a.relative_error + b.relative_error)
    assert own.free_entropy_at_zero(1.0) == pytest.approx(named.free_entropy_at_zero(1.0), rel=1e-13)
    for flag in ("even", "discrete_output", "noiseless"):
        assert getattr(own, flag) == getattr(named, flag), flag


COUNTS = Channel(range(50), lambda y, z: np.exp(y * np.log(np.log1p(np.exp(z))) - math.lgamma(y + 1)) / (1 + np.exp(z)))


def plain(likelihoods, q: float, d: float) -> tuple[float, float]:
    """Psi_out and R as plain sums over Gauss-Hermite nodes for omega and w; derivatives by the score of the kernel."""
    x, weight = np.polynomial.hermite_e.hermegauss(90)
    weight = weight / weight.sum()
    z = math.sqrt(q) * x[:, None] + math.sqrt(d) * x
    entropy, response = 0.0, 0.0
    for p in likelihoods:
        likelihood = p(z) @ weight
        slope = (p(z) * x) @ weight / math.sqrt(d)
        entropy += float(weight @ (likelihood * np.log(likelihood)))
        response += float(weight @ (slope**2 / likelihood))
    return entropy, response


@pytest.mark.parametrize("rho", [1.0, 0.3])
@pytest.mark.parametrize("r", [0.1, 0.5, 0.8])
@pytest.mark.every(2)
def test_counts_against_plain_sums(r, rho):
    """Photon counts with rate log(1 + e^z), which no named channel has."""
    counts = COUNTS
    q, d = rho * r, rho * (1 - r)
    laws = [lambda z, y=y: counts.likelihood(y, z) for y in range(50)]
    entropy, response = plain(laws, q, d)
    v = counts.functions(q, d)
    assert v.response == pytest.approx(response, rel=1e-9)
    assert v.free_entropy / 2 + counts.free_entropy_at_zero(rho) == pytest.approx(entropy, rel=1e-9)
    assert not counts.even
    assert counts.information_dimension_factor is None


def test_mixed_output():
    """y = max(z + w, 0): an atom at zero and a density. Between the linear channel and the label; as a plain sum."""
    noise = 0.5
    censored = Channel([0.0], lambda y, z: ndtr(-z / math.sqrt(noise)), density=gauss(noise), support=(0, np.inf))
    assert not censored.discrete_output
    assert not censored.noiseless
    for gap in (0.7, 0.2, 1e-3, 1e-10):
        v = censored.functions(1 - gap, gap)
        linear, label = (c.functions(1 - gap, gap) for c in (LinearChannel(noise), ProbitChannel(noise)))
        assert label.response < v.response < linear.response
        # below the atom the label is all that is known, above it z + w is
        t = np.linspace(-9, 9, 1801)
        weight = np.exp(-t * t / 2) / math.sqrt(2 * math.pi) * 0.01
        s, d = math.sqrt((1 - gap) / (gap + noise)), gap + noise
        lower = ndtr(-s * t)
        atom = weight @ (np.exp(-((s * t) ** 2)) / (2 * math.pi * lower)) / d
        # E over y > 0 of ((y - omega)/d)^2
        n = np.exp(-((s * t) ** 2) / 2) / math.sqrt(2 * math.pi)
        above = weight @ (ndtr(s * t) - s * t * n) / d
        assert v.response == pytest.approx(float(atom + above), rel=1e-11)


@pytest.mark.slow
def test_own_even_likelihood_keeps_relative_accuracy_at_small_overlap():
    """R ~ q and A ~ q^2 for counts of rate z^2; R'(0) = 2 sum_y Z_0 c_2^2 from plain moments."""
    counts = Channel(range(30), lambda y, z: np.exp(-(z**2)) * z ** (2 * y) / math.factorial(y), breakpoints=[0])
    assert counts.even
    rho = 0.4
    z, weight = np.polynomial.hermite_e.hermegauss(120)
    weight = weight / weight.sum()
    slope = 0.0
    for y in range(30):
        p = np.exp(-rho * z**2) * (rho * z**2) ** y / math.factorial(y)
        slope += float(weight @ (p * (z * z - 1))) ** 2 / float(weight @ p) / rho**2
    tiny = counts.functions(1e-13 * rho, rho)
    assert tiny.slope == pytest.approx(slope, rel=1e-9)
    assert tiny.response == pytest.approx(1e-13 * rho * slope, rel=1e-9)
    assert tiny.free_entropy == pytest.approx((1e-13 * rho) ** 2 * slope / 2, rel=1e-9)


def test_own_channels_have_names_and_parameters():
    assert LOGISTIC.parameters == {"outcomes": [-1, 1], "support": [], "breakpoints": []}
    assert DoorChannel(2).parameters == {"kappa": 2.0}
    assert repr(ProbitChannel(1)) == "ProbitChannel(noise=1.0)"
    assert SignChannel() == SignChannel() != ProbitChannel(1.0)
    assert hash(LOGISTIC) == hash(LOGISTIC)
    assert LOGISTIC.functions(0.3, 0.7).response.shape == ()


# --- coupling -----------------------------------------------------------------------------------------------


@each_channel
@pytest.mark.every(3)
def test_coupling(channel):
    rho = 0.6
    coupling = OutputCoupling(channel, rho)
    q, d = np.array([1e-5, 0.2, 0.6 - 1e-9]), np.array([0.6 - 1e-5, 0.4, 1e-9])
    v, scaled = channel.functions(q, d), coupling.scaled(q, d)
    for name, found in zip(FUNCTIONS, scaled, strict=True):
        assert found == pytest.approx(
            getattr(v, name), rel=1e-12, abs=1e-12 * float(v.slope.max()) * (name == "curvature")
        )
    assert coupling.scaled_ratios(q, d)[1] == pytest.approx(scaled[2] / scaled[1], rel=1e-13)
    assert 0 < coupling.relative_error <= 2e-12
    assert coupling.sharpness >= 2
    assert coupling.resolves_gap
    if channel.noiseless:
        power, coefficient = coupling.singularity
        assert power == (0.5 if channel.discrete_output else 1)
        assert float(coupling.scaled(rho, 1e-16)[1]) == pytest.approx(coefficient * 1e-16**-power, rel=1e-6)
    else:
        assert coupling.singularity is None


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "message"), [
    (lambda: LinearChannel(-0.1), "noise is a variance and must be >= 0, got -0.1"),
    (lambda: LinearChannel(float("nan")), "noise"),
    (lambda: ProbitChannel(0), "noise must be positive, got 0"),
    (lambda: ProbitChannel(-1), "noise must be positive"),
    (lambda: DoorChannel(0), "kappa must be positive, got 0"),
    (lambda: DoorChannel("wide"), "kappa must be one number"),
    (lambda: SymmetricPerceptron(-1), "kappa must be positive"),
    (lambda: DoorChannel(1e-9).table(1.0), "kappa must lie between"),
    (lambda: SymmetricPerceptron(40).functions(0.5, 0.5), "kappa must lie between"),
    (lambda: OutputCoupling(DoorChannel(1e3), 1.0), "kappa must lie between"),
    (lambda: OutputCoupling(SignChannel(), -1), "second_moment must be positive"),
    (lambda: SignChannel().functions(-0.1, 1.0), "overlap must be finite and >= 0"),
    (lambda: SignChannel().functions(0.1, float("inf")), "gap must be finite"),
    (lambda: SignChannel().functions("a", 1.0), "overlap must hold real numbers"),
    (lambda: SignChannel().functions([0.1, 0.2], [1.0, 2.0, 3.0]), "must broadcast"),
    (lambda: SignChannel().functions(0.0, 0.0), "must be positive"),
    (lambda: SignChannel().table(0.0), "second_moment must be positive"),
    (lambda: Channel(), "needs outcomes with a likelihood, or a density"),
    (lambda: Channel([0, 1]), "likelihood and outcomes must be given together"),
    (lambda: Channel(density=gauss(1.0)), "density and support must be given together"),
    (lambda: Channel([0, 1], 0.5), "likelihood must be callable"),
    (lambda: Channel([0, 0], lambda y, z: 0.5 + 0 * z), "outcomes must be distinct"),
    (lambda: Channel("01", lambda y, z: 0.5 + 0 * z), "outcomes must be a list of numbers"),
    (lambda: Channel(5, lambda y, z: 0.5 + 0 * z), "outcomes must be a list of numbers"),
    (lambda: Channel([0, 1], lambda y, z: 0.4 + 0 * z), "sums to 0.8 over all outputs at z = "),
    (lambda: Channel([0, 1], lambda y, z: 0.5 + (2 * y - 1) * z), "must be finite and >= 0, got -"),
    (lambda: Channel([0, 1], lambda y, z: np.full(z.shape, np.nan)), "must be finite and >= 0, got nan at y = 0"),
    (lambda: Channel([0, 1], lambda y, z: np.full(3, 0.5)), "one value per z"),
    (lambda: Channel([0, 1], lambda y, z: ["a"]), "must hold real numbers"),
    (lambda: Channel([0, 1], lambda y, z: 0.5 + 0 * z).table(1.0), "does not depend on z"),
    (lambda: Channel(density=gauss(1.0), support=(0, np.inf)), "sums to 0."),
    (lambda: Channel(density=lambda y, z: -gauss(1.0)(y, z), support=(-np.inf, np.inf)), "must be finite and >= 0"),
    (lambda: Channel(density=gauss(1.0), support=(1, 0)), "two increasing numbers"),
    (lambda: Channel(density=gauss(1.0), support=(0, np.inf, np.inf)), "two increasing numbers"),
    (lambda: Channel(density=gauss(1.0), support="all"), "list of numbers such as"),
    (lambda: Channel(density=lambda y, z: 1 / (np.pi * (1 + abs(y - z))) + 0 * z, support=(0, np.inf)), "decays too slowly"),
    # normalised near zero but not on the average over z
    (lambda: Channel([0, 1], lambda y, z: np.where(abs(z) < 1, 0.5, 0.6), breakpoints=[-1, 1]).check(1.0), "on the average over z"),
    (lambda: Channel([-1, 1], lambda y, z: 1.0 * (y * (z - 0.3) > 0)).check(1.0), "in `breakpoints`"),
    (lambda: Channel([0, 1], lambda y, z: y - (2 * y - 1) * np.exp(-(z**2))).table(1.0), "in `breakpoints`"),
])  # fmt: skip
def test_bad_input(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("density", [
    pytest.param(lambda y, z: np.exp(-abs(y - z) / 0.3) / 0.6, marks=pytest.mark.slow),
    lambda y, z: 1.0 * (abs(y - z) < 0.5),
], ids=["laplace", "uniform"])  # fmt: skip
def test_noise_whose_kinks_move_with_z_is_told_what_to_do(density):
    with pytest.raises(InputError, match=r"that move with z.* cannot be: smooth them") as told:
        Channel(density=density, support=(-np.inf, np.inf)).check(1.0)
    assert len(str(told.value)) < 280

    def smoothed(y, z):
        return ndtr((0.5 - abs(y - z)) / 0.2) - ndtr((-0.5 - abs(y - z)) / 0.2)

    Channel(density=smoothed, support=(-np.inf, np.inf)).check(1.0)


def test_a_formula_that_loses_digits_is_told_and_a_better_one_served():
    """Counts of rate e^(z/2) neither jump nor vanish; y log(rate) - rate - log(y!) cancels, a deviance does not."""

    def cancelling(y, z):
        return np.exp(y * z / 2 - np.exp(z / 2) - math.lgamma(y + 1))

    def deviance(y, z):
        u = z / 2 - np.log(y) if y else z / 2
        series = sum(u**k / math.factorial(k) for k in range(2, 20))
        excess = np.where(abs(u) < 0.5, series, np.expm1(u) - u)
        at_mean = math.exp(y * math.log(y) - y - math.lgamma(y + 1)) if y else 1.0
        return at_mean * np.exp(-y * excess) if y else np.exp(-np.exp(u))

    with pytest.raises(InputError, match=r"of y = \d+ is not resolved near z = .*formula without large terms") as told:
        Channel(range(60), cancelling).check(1.0)
    assert len(str(told.value)) < 280
    Channel(range(60), deviance).check(1.0)


def test_neighbouring_panels_share_their_work_and_errors_stay_true(monkeypatch):
    """Noise of variance 0.1 + z^2: few covers of z, and responses within their errors of finer rules."""
    noisy = Channel(
        density=lambda y, z: np.exp(-((y - z) ** 2) / (0.2 + 2 * z * z)) / np.sqrt(2 * np.pi * (0.1 + z * z)),
        support=(-np.inf, np.inf),
    )
    likelihood = _tabulated(noisy, 1.0)
    covers = 0

    def counted(*given, cover=tabulated.TabulatedLikelihood._cover):
        nonlocal covers
        covers += 1
        return cover(*given)

    monkeypatch.setattr(tabulated.TabulatedLikelihood, "_cover", counted)
    gap = np.array([0.7, 0.1, 0.03, 1e-4])
    values = likelihood.response(1 - gap, gap)
    assert 0 < covers < 40
    monkeypatch.setattr(tabulated, "TOLERANCE", tabulated.TOLERANCE / 1000)
    monkeypatch.setattr(tabulated, "PIECE", tabulated.PIECE / 2)
    monkeypatch.setattr(tabulated, "TOGETHER", 1.0)
    finer = likelihood.response(1 - gap, gap)
    size = np.stack([finer[0], finer[1], abs(finer[2]) + finer[1]])
    assert np.all(abs(values - finer)[:3] <= (values[3] + finer[3]) * size)
    assert not np.array_equal(values, finer)
    assert values[3].max() < 1e-10


def test_units_of_z_do_not_matter():
    """z scaled by 3 with everything that has its units: A is the same, R scales."""
    for channel, scaled in (
        (DoorChannel(0.8), DoorChannel(2.4)), (SymmetricPerceptron(1.1), SymmetricPerceptron(3.3)),
        (ProbitChannel(0.1), ProbitChannel(0.9)), (LinearChannel(0.1), LinearChannel(0.9)),
        (AbsChannel(), AbsChannel()), (ReLUChannel(), ReLUChannel()),
        (LOGISTIC, Channel([-1, 1], lambda y, z: expit(y * z / 3))),
    ):  # fmt: skip
        a, b = channel.functions(0.3, 0.7), scaled.functions(2.7, 6.3)
        assert b.free_entropy == pytest.approx(float(a.free_entropy), rel=1e-12)
        assert 9 * b.response == pytest.approx(float(a.response), rel=1e-12)
        assert 81 * b.slope == pytest.approx(float(a.slope), rel=1e-11)
        assert 729 * b.curvature == pytest.approx(float(a.curvature), rel=1e-9)


@pytest.mark.slow
def test_a_density_of_outputs_may_be_far_from_zero():
    """Its tail at zero, faint as it is, is not the end of it."""
    far = at.Channel(
        density=lambda y, z: np.exp(-((y - 30 - z) ** 2) / 2) / np.sqrt(2 * np.pi), support=(-np.inf, np.inf)
    )
    found = at.fixed_points(at.GLM(at.Rademacher(), far), at.Flow(), 0.5, 0.0).uninformed.overlap
    exact = at.fixed_points(at.GLM(at.Rademacher(), at.LinearChannel(1.0)), at.Flow(), 0.5, 0.0).uninformed.overlap
    assert found == pytest.approx(exact, rel=1e-11)


def counts(y, z):
    return np.exp(-(z**2)) * z ** (2 * y) / math.factorial(y)


@pytest.mark.slow
def test_likelihoods_that_vanish():
    """Counts of a squared signal: all but y = 0 vanish at z = 0, like powers; by plain sums over omega and w."""
    channel = Channel(range(60), counts, breakpoints=[0])
    z, omega = np.linspace(-9.5, 9.5, 901), np.linspace(-9.5, 9.5, 1601)
    likelihood = np.stack([counts(y, z) for y in range(60)])
    for q in (0.3, 0.99):
        gap = 1 - q
        w = (z[:, None] - omega) / np.sqrt(gap)
        kernel = np.exp(-w * w / 2) * (z[1] - z[0]) / np.sqrt(2 * np.pi * gap)
        value, slope = likelihood @ kernel, likelihood @ (kernel * w) / np.sqrt(gap)
        measure = np.exp(-omega * omega / (2 * q)) * (omega[1] - omega[0]) / np.sqrt(2 * np.pi * q)
        response = float((slope**2 / np.maximum(value, 1e-300)).sum(axis=0) @ measure)
        assert float(channel.functions(q, gap).response) == pytest.approx(response, rel=1e-10)


def test_a_zero_that_is_not_named_is_refused_at_once():
    calls = 0

    def counted(y, z):
        nonlocal calls
        calls += 1
        return counts(y, z)

    with pytest.raises(InputError, match="vanishes in `breakpoints`"):
        Channel(range(60), counted).table(1.0)
    assert calls < 60 * 30


def test_mirror_images_count_twice():
    """Outcomes in an order that is no mirror image give the same response by integrals over all omega."""

    def likelihood(y, z):
        return 0.5 * expit(2 * y * z) if y else 0.5 + 0 * z

    known, unknown = Channel([-1, 0, 1], likelihood), Channel([0, 1, -1], likelihood)
    assert _tabulated(known, 1.0).mirrored
    assert not _tabulated(unknown, 1.0).mirrored
    q = np.array([0.05, 0.4, 0.8, 0.999])
    for name in ("response", "slope", "curvature"):
        here, there = (getattr(c.functions(q, 1 - q), name) for c in (known, unknown))
        assert np.allclose(here, there, rtol=2e-12), name
