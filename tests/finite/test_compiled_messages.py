"""Compiled messages are those of the arrays within rounding, known values, contradictions and damping included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.finite.inference import exchanges
from amp_theory.finite.inference.exchanges import ArrayExchange, LoopExchange, kind_of
from amp_theory.finite.inference.graph_messages import Edges
from amp_theory.finite.instances import scalar_posterior
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.factors.factors import Parity
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools import compiled
from amp_theory.tools.arrays import EPS

#: what one exchange may change tanh u by, in units of k EPS: products of k - 1 numbers, each from two quotients
ROUNDINGS = 16


class Most(at.Factor):
    """No three spins alike, and two of four less likely than one: no parity, not all equal."""

    @property
    def weights(self):
        return (0.1, 1.0, 0.6, 1.0, 0.1)


class TwoOfFour(at.Factor):
    """Exactly two spins are up."""

    @property
    def weights(self):
        return (0.0, 0.0, 1.0, 0.0, 0.0)


MODELS = {
    "noisy parity": (at.XORSAT(4, temperature=0.5), 1.1),
    "parity": (at.XORSAT(3), 0.7),
    "noisy all equal": (at.Bicoloring(4, temperature=0.3), 3.0),
    "all equal": (at.Bicoloring(3), 1.5),
    "six": (at.Bicoloring(6), 8.0),
}
FACTORS = {"pairs": Parity(2, 0.9), "table": Most(4), "hard table": TwoOfFour(4)}
KINDS = {"noisy parity": 0, "parity": 0, "pairs": 0, "noisy all equal": 1, "all equal": 1, "six": 1, "table": 2}


def with_factor(factor, size, seed):
    """Return an instance of a random graph with factors of one's own, and no planted configuration."""
    rng = np.random.default_rng(seed)
    spins = np.array([rng.choice(size, factor.k, replace=False) for _ in range(2 * size)])

    class Graph(GraphInstance):
        hard = min(factor.weights) == 0

    Graph.factor = factor
    return Graph(at.Bicoloring(4), 2.0, size, None, spins, rng.choice([-1.0, 1.0], spins.shape))


def instance_of(name, size=60, seed=3):
    if name in FACTORS:
        return with_factor(FACTORS[name], size, seed)
    return at.draw_instance(*MODELS[name], size=size, seed=seed)


def side_about(instance, told, batch=3, width=0.7, seed=5):
    rng = np.random.default_rng(seed)
    planted = np.ones(instance.size) if instance.planted is None else instance.planted
    known = (rng.random((batch, instance.size)) < 0.4) & told
    field = rng.normal(size=(batch, instance.size)) * width + 0.1 * planted
    return SideInformation(np.where(known, 0.0, field), 0.0, known, np.where(known, planted, 0.0))


def pair(instance, side, damping=0.0, start=0.0):
    edges = Edges(instance, side)
    fields = edges.base + start
    return [kind(instance, edges, fields.copy(), damping) for kind in (ArrayExchange, LoopExchange)]


NAMES = [*MODELS, *FACTORS]


@pytest.fixture(autouse=True)
def quiet_infinities():
    """Compiled loops pass through infinite ratios in silence; where they run uncompiled, numpy would warn of each."""
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_one_exchange_is_the_same_within_rounding(name, told):
    instance = instance_of(name)
    arrays, loops = pair(instance, side_about(instance, told), start=0.3)
    none = np.zeros(3, dtype=bool)
    bound = ROUNDINGS * instance.spins.shape[1] * EPS
    for _ in range(2):  # the second from messages that agree within rounding, which a factor magnifies k - 1 times
        a, b = arrays.advance(none), loops.advance(none)
        assert np.array_equal(a[2], b[2])
        good = ~a[2]
        first, second = (np.tanh(x.messages())[:, good] for x in (arrays, loops))
        assert np.abs(first - second).max(initial=0.0) <= bound
        assert np.array_equal(np.isinf(arrays.messages())[:, good], np.isinf(loops.messages())[:, good])
        for n in range(2):
            assert a[n][good] == pytest.approx(b[n][good], abs=bound, rel=1e-12)
        assert np.tanh(arrays.fields()) == pytest.approx(np.tanh(loops.fields()), abs=bound * 20)
        bound *= 4 * instance.spins.shape[1]


@pytest.mark.skipif(compiled._numba() is None, reason='needs numba: pip install "amp-theory[fast]"')
@pytest.mark.parametrize("damping", [0.0, 0.3])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.every(3)
def test_runs_end_alike(monkeypatch, name, told, damping):
    instance = instance_of(name, size=50)
    found = []
    for loops in (False, True):
        monkeypatch.setattr(exchanges, "in_use", lambda loops=loops: loops)
        options = at.MessagePassingOptions(damping=damping, max_iterations=80, keep_iterates=True)
        found.append(at.run_bp(instance, side_about(instance, told, width=0.9), options=options))
    arrays, loops = found
    contradicted = [[status == "contradiction" for status in run.status] for run in found]
    assert contradicted[0] == contradicted[1]
    rows = np.flatnonzero(arrays.converged & loops.converged)
    if len(rows):  # both are as near to the fixed point as the tolerance says
        assert arrays.mean[rows] == pytest.approx(loops.mean[rows], abs=4e-8)
        assert np.tanh(arrays.effective_field[rows]) == pytest.approx(np.tanh(loops.effective_field[rows]), abs=4e-8)
    for a, b in zip(arrays.iterates[:3], loops.iterates[:3], strict=True):
        assert a == pytest.approx(b, abs=1e-11)


def test_kinds_are_recognised_by_their_weights():
    for name, kind in KINDS.items():
        assert kind_of(np.array(instance_of(name).factor.weights))[0] == kind


@pytest.mark.parametrize("name", ["noisy parity", "noisy all equal", "pairs"])
def test_products_that_overflow_are_made_from_logarithms(name):
    """Fields of hundreds, and spins with so many certain neighbours that the product of their messages overflows."""
    factor = instance_of(name).factor
    k = factor.k
    number = 60
    spins = np.array([[0, *range(1 + (k - 1) * n, k + (k - 1) * n)] for n in range(number)])
    rng = np.random.default_rng(1)
    size = int(spins.max()) + 1
    instance = with_factor(factor, size, 1)
    instance.spins, instance.signs = spins, np.ones(spins.shape)
    field = rng.choice([-1.0, 1.0], (2, size)) * np.array([[30.0], [500.0]])
    field[:, 0] = [200.0, -1e5]
    side = SideInformation.from_field(field)
    arrays, loops = pair(instance, side)
    none = np.zeros(2, dtype=bool)
    for _ in range(3):
        arrays.advance(none), loops.advance(none)
    assert np.all(np.isfinite(loops.fields()))
    assert loops.fields() == pytest.approx(arrays.fields(), rel=1e-12, abs=1e-9)


def test_a_contradiction_leaves_what_was_known_before():
    """Of the parities s0 s1 s2 = 1 and s0 s1 s3 = 1, s2 s3 = -1 known: both messages to s0 and s1 are certain later."""
    model = at.XORSAT(3)
    instance = GraphInstance(model, 0.5, 3, None, np.array([[0, 1, 2], [0, 1, 2]]), np.array([[1.0, 1, 1], [1, 1, -1]]))
    known = np.array([[True, True, False], [False, False, False]])
    side = SideInformation(np.zeros((2, 3)), 0.0, known, np.ones((2, 3)))
    arrays, loops = pair(instance, side)
    for x in (arrays, loops):
        before = x.fields()
        _, _, contradicted = x.advance(np.zeros(2, dtype=bool))
        assert contradicted.tolist() == [True, False]
        assert np.array_equal(x.fields()[0], before[0])
        x.advance(contradicted)
        assert np.array_equal(x.fields()[0], before[0])


def test_an_impossible_factor_leaves_the_messages(monkeypatch):
    """Three of four known to be up, where two are allowed: the last has no value."""
    instance = with_factor(TwoOfFour(4), 8, 1)
    instance.signs[:] = 1.0
    side = SideInformation.from_known(np.arange(8) < 7, np.ones(8))
    for x in pair(instance, side):
        assert x.advance(np.zeros(1, dtype=bool))[2].all()
        assert np.all(x.messages() == 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 5), st.lists(st.floats(0, 1), min_size=6, max_size=6), st.integers(0, 10**6), st.floats(0.01, 30))
def test_any_factor_and_any_fields(k, values, seed, width):
    weights = np.array(values[: k + 1]) + 1e-3
    weights[0] += 1.0

    class Any(at.Factor):
        pass

    Any.weights = property(lambda self: tuple(weights))
    Any.__abstractmethods__ = frozenset()
    instance = with_factor(Any(k), 12, seed)
    side = SideInformation.from_field(np.random.default_rng(seed).normal(size=(1, 12)) * width)
    arrays, loops = pair(instance, side)
    arrays.advance(np.zeros(1, dtype=bool)), loops.advance(np.zeros(1, dtype=bool))
    first, second = (np.tanh(x.messages()) for x in (arrays, loops))
    assert np.abs(first - second).max() <= ROUNDINGS * k * EPS


def test_exact_on_a_tree():
    """A chain of three parities against enumeration, by the loops themselves."""
    model = at.XORSAT(3, temperature=0.7)
    spins = np.array([[0, 1, 2], [2, 3, 4], [4, 5, 6]])
    instance = GraphInstance(model, 0.4, 7, None, spins, np.ones(spins.shape))
    field = np.random.default_rng(2).normal(size=7)
    (_, loops) = pair(instance, SideInformation.from_field(field))
    for _ in range(6):
        loops.advance(np.zeros(1, dtype=bool))
    s = np.array(np.meshgrid(*[[-1.0, 1.0]] * 7)).reshape(7, -1).T
    up = (s[:, spins] > 0).sum(axis=2)
    weight = np.array(model.factor.weights)[up].prod(axis=1) * np.exp(s @ field)
    assert np.tanh(loops.fields()[0]) == pytest.approx(weight @ s / weight.sum(), abs=1e-14)


def test_tiny_fields_are_hidden_as_in_arrays():
    instance = instance_of("pairs")
    for size in (1e-300, 1e-14, 1e-8):
        side = SideInformation.from_field(np.full((1, instance.size), size))
        found = []
        for x in pair(instance, side):
            x.advance(np.zeros(1, dtype=bool))
            found.append(x.hidden().tolist())
        assert found[0] == found[1] == [size < 1e-12]


@pytest.mark.parametrize("prior", [at.Rademacher(), at.SparseRademacher(0.2), at.Gaussian(), at.GaussBernoulli(0.3)])
def test_blocks_of_posterior_moments_are_those_of_single_numbers(monkeypatch, prior):
    rng = np.random.default_rng(1)
    field = 3 * rng.normal(size=(5, 70))
    for precision in (2.0, rng.random((5, 1)), rng.random((5, 70))):
        whole = scalar_posterior.posterior_moments(prior.mixture, field, precision)
        monkeypatch.setattr(scalar_posterior, "BLOCK", 32)
        parts = scalar_posterior.posterior_moments(prior.mixture, field, precision)
        monkeypatch.undo()
        assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))
        one = scalar_posterior.posterior_moments(prior.mixture, field[3, 4], np.broadcast_to(precision, (5, 70))[3, 4])
        assert [x[3, 4] for x in whole] == pytest.approx(one, rel=1e-14)
