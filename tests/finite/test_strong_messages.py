"""Messages that are all but certain: loops and arrays end alike, and are exact on trees by enumeration in many digits."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest

import amp_theory as at
from amp_theory.finite.inference import bp
from amp_theory.finite.inference.exchanges import ArrayExchange, LoopExchange
from amp_theory.finite.inference.free_entropy import DECIDED, UNRESOLVED
from amp_theory.finite.inference.graph_messages import LARGEST_FIELD, Edges, factor_messages
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.factors.factors import AllEqual, Parity
from amp_theory.tools.arrays import EPS


class Uneven(at.Factor):
    """Three weights, of which one is small and one is zero: neither a parity nor all equal."""

    @property
    def weights(self):
        return (0.0, 1e-9, 1.0, 1e-9, 0.0)


FACTORS = [
    *(Parity(k, penalty) for k in (2, 3, 4) for penalty in (1.0, 1 - 2.0**-40, 0.3)),
    *(AllEqual(k, penalty) for k in (3, 5) for penalty in (1.0, 1 - 2.0**-40, 0.3)),
    Uneven(4),
]


def graph(factor, spins, signs):
    class Graph(GraphInstance):
        hard = min(factor.weights) == 0

    Graph.factor = factor
    return Graph(at.Bicoloring(4), 1.0, int(spins.max()) + 1, None, spins, signs)


def answers(factor, h):
    """Return (1/2) log(N_+/N_-) of every literal in many digits, from the fields h of all literals."""
    with mpmath.workdps(60):
        up = [1 / (1 + mpmath.exp(-2 * mpmath.mpf(x))) for x in h]
        result = []
        for root in range(len(h)):
            rest = [p for j, p in enumerate(up) if j != root]
            n = [mpmath.mpf(0), mpmath.mpf(0)]
            for values in itertools.product((0, 1), repeat=len(rest)):
                law = mpmath.fprod(p if v else 1 - p for v, p in zip(values, rest, strict=True))
                for own in (0, 1):
                    n[own] += law * mpmath.mpf(factor.weights[sum(values) + own])
            result.append(0.5 * mpmath.log(n[1] / n[0]))
        return result


@pytest.mark.parametrize("factor", FACTORS, ids=repr)
@pytest.mark.every(3)
def test_answers_have_all_their_digits(factor):
    """The logarithm of the ratio of two sums of positive products is off by their roundings, next to certainty too."""
    k, rng = factor.k, np.random.default_rng(1)
    number = 40
    fields = rng.choice([-1.0, 1.0], (number, k)) * rng.uniform(0.1, LARGEST_FIELD, (number, k))
    fields[: number // 2] = np.abs(fields[: number // 2]) * rng.choice([-1.0, 1.0], (number // 2, 1))
    spins = np.arange(number * k).reshape(number, k)
    instance = graph(factor, spins, np.ones(spins.shape))
    side = at.SideInformation.from_field(fields.reshape(1, -1))
    edges = Edges(instance, side)
    exact = np.array([[float(x) for x in answers(factor, row)] for row in fields]).T
    within = np.abs(exact) < LARGEST_FIELD - 0.1
    assert within.mean() > 0.5
    # k - 1 steps of two products and a sum, from exponentials of numbers up to 34 that are rounded
    bound = 8 * k * EPS * (1 + 2 * LARGEST_FIELD)
    found = [factor_messages(instance, edges.signs, np.moveaxis(side.field[:, edges.spins], 0, 1))[:, 0]]
    with np.errstate(all="ignore"):  # loops that run uncompiled pass through infinite ratios
        loops = LoopExchange(instance, edges, edges.base.copy(), 0.0)
        loops.advance(np.zeros(1, dtype=bool))
        found.append(loops.messages()[:, 0])
    for u in found:
        assert np.abs(u - exact)[within].max() < bound
        assert np.abs(u - np.clip(exact, -LARGEST_FIELD, LARGEST_FIELD))[~within].max(initial=0.0) < 0.2


def test_differences_would_lose_the_digits():
    """Negative control: 1 - P taken as it is written."""
    up = 1 / (1 + np.exp(-2 * np.array([15.0, 16.0])))
    down = np.exp(-2 * np.array([15.0, 16.0])) * up
    exact = float(down[0] + up[0] * down[1])
    assert abs((1 - up.prod()) / exact - 1) > 1e-4
    assert abs(AllEqual(3).messages(up, down)[0] / exact - 1) < 4 * EPS


def random_tree(model, factors, rng):
    k = model.factor.k
    spins, used = [], 1
    for _ in range(factors):
        spins.append(rng.permutation([int(rng.integers(used)), *range(used, used + k - 1)]))
        used += k - 1
    return GraphInstance(model, 1.0, used, None, np.array(spins), rng.choice([-1.0, 1.0], (factors, k)))


def extreme_side(size, kind, rng):
    """Return fields of 30 to 300, of four sizes, of all sizes, or about the limit of messages; of either sign."""
    sizes = (
        rng.uniform(30, 300, size),
        rng.choice([0.3, 12.0, 30.0, 300.0], size),
        np.exp(rng.uniform(np.log(1e-3), np.log(300), size)),
        rng.uniform(5, 40, size),
    )
    return at.SideInformation.from_field((rng.choice([-1.0, 1.0], size) * sizes[kind])[None])


def by_enumeration(instance, side):
    """Return the means, and the free entropy per spin, from the definition in many digits."""
    with mpmath.workdps(50):
        weights = [mpmath.mpf(w) for w in instance.factor.weights]
        tilt = [mpmath.exp(mpmath.mpf(float(f))) for f in side.field[0]]
        total, means = mpmath.mpf(0), [mpmath.mpf(0)] * instance.size
        for s in itertools.product((-1, 1), repeat=instance.size):
            up = (np.array(s)[instance.spins] * instance.signs > 0).sum(axis=1)
            weight = mpmath.fprod(weights[m] for m in up)
            if not weight:
                continue
            weight *= mpmath.fprod(t if x > 0 else 1 / t for t, x in zip(tilt, s, strict=True))
            total += weight
            means = [m + x * weight for m, x in zip(means, s, strict=True)]
        noise = len(instance.spins) * mpmath.log(instance.factor.mean_weight) + instance.size * mpmath.log(2)
        return np.array([float(m / total) for m in means]), float((mpmath.log(total) - noise) / instance.size)


MODELS = [(at.XORSAT, 3), (at.Bicoloring, 3), (at.XORSAT, 4), (at.Bicoloring, 4)]


def ended(instance, side, monkeypatch):
    runs = []
    for kind in (ArrayExchange, LoopExchange):
        made = []
        monkeypatch.setattr(bp, "exchange_of", lambda *a, kind=kind, made=made: made.append(kind(*a)) or made[-1])
        with np.errstate(all="ignore"):
            runs.append((at.run_bp(instance, side), made[0].messages()))
    return runs


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("temperature", [0.0, 0.01, 0.04, 0.3])
@pytest.mark.every(3)
def test_loops_and_arrays_end_extreme_trees_alike(monkeypatch, temperature, kind):
    """The same status and messages; where they converge means and free entropies are those of enumeration."""
    known, rng = 0, np.random.default_rng(10 * kind + round(100 * temperature))
    for model, k in MODELS * 3:
        instance = random_tree(model(k, temperature=temperature), int(rng.integers(1, 10)), rng)
        side = extreme_side(instance.size, kind, rng)
        (first, u), (second, w) = ended(instance, side, monkeypatch)
        assert first.status == second.status
        assert first.status[0] in ("converged", "stalled")
        # sums of fields are rounded, and no factor magnifies a change of a field
        degree = np.bincount(instance.spins.ravel()).max()
        bound = 4 * instance.spins.size * EPS * (2 * np.abs(side.field).max() + LARGEST_FIELD * degree)
        assert np.abs(u - w).max() < bound
        assert np.abs(first.mean - second.mean).max() < bound
        if not first.converged[0] or instance.size > 10:
            continue
        known += 1
        means, level = by_enumeration(instance, side)
        for run in (first, second):
            assert np.abs(run.mean[0] - means).max() < instance.size * DECIDED
            if run.free_entropy[0] is not None:
                assert abs(run.free_entropy[0] - level) < UNRESOLVED * (1 + abs(level))
    assert known > 0


@pytest.mark.parametrize(("model", "k"), MODELS)
@pytest.mark.every(2)
def test_below_the_limit_means_are_exact_to_rounding(monkeypatch, model, k):
    """Fields that disagree, whose messages no limit touches: differences 1 - P would know them to 1e-16 exp(2 h) only."""
    rng = np.random.default_rng(k)
    told = 0
    for temperature in (0.01, 0.1):
        for _ in range(3):
            instance = random_tree(model(k, temperature=temperature), 3, rng)
            field = rng.choice([-1.0, 1.0], instance.size) * rng.uniform(1, 5.5, instance.size)
            side = at.SideInformation.from_field(field[None])
            means, level = by_enumeration(instance, side)
            for run, _ in ended(instance, side, monkeypatch):
                assert run.status == ("converged",)
                assert np.abs(run.mean[0] - means).max() < 1e-13
                assert run.free_entropy[0] == pytest.approx(level, abs=1e-13)
                told += 1
    assert told == 12
