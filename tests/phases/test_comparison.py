"""Who samples where: intervals, reasons, certainties."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.dynamics.ageing import Ageing, roots_in_unit_interval
from amp_theory.phases import rules
from amp_theory.phases.comparison import BOUNDS
from amp_theory.phases.points.targets import frozen, known_exceptions
from amp_theory.phases.rules import SAMPLERS


def test_p_spin():
    """Monte Carlo works above T_d, the flow only above its tricritical point: in between the old samplers win."""
    special = at.thresholds(at.IsingPSpin(3), at.Flow())
    result = at.compare_samplers(at.IsingPSpin(3))
    assert result.target == "random"
    assert result["mcmc"].succeeds == ((special.dynamical.temperature, np.inf),)
    assert result["flow"].succeeds == ((pytest.approx(special.tricritical.temperature), np.inf),)
    between = 0.5 * (special.dynamical.temperature + special.tricritical.temperature)
    assert [result[s].at(between).succeeds for s in ("mcmc", "flow", "autoregressive")] == [True, False, False]
    assert result["flow"].at(0.6).succeeds is None
    assert result["langevin"].at(0.7).succeeds is None
    assert "discrete" in result["langevin"].at(0.7).reason
    order = [result[s].succeeds[0][0] for s in ("uniform-diffusion", "flow", "autoregressive")]
    assert order == sorted(order)


def test_sparse_spiked_matrix():
    """Below the algorithmic line the flow works; threshold states trap local moves down to the aging line, no further.

    There is no fast line: beyond that line nothing is told, and heat bath finds the signal far below.
    """
    result = at.compare_samplers(at.SpikedMatrix(at.SparseRademacher(0.08)))
    assert result.target == "planted"
    assert result["flow"].at(0.9 * 0.0064).succeeds is True
    for part, expected in ((0.97, (False, "heuristic")), (0.92, (False, "heuristic")), (0.9, (None, "unknown")),
                           (0.5, (None, "unknown")), (0.1, (None, "unknown"))):  # fmt: skip
        verdict = result["mcmc"].at(part * 0.0064)
        assert (verdict.succeeds, verdict.certainty) == expected
        for said in ("1805.05857", "aging line noise = 0.00583639", "0.00576392 to 0.00608838", "no fast line"):
            assert said in verdict.reason
    line = at.threshold_states(at.SpikedMatrix(at.SparseRademacher(0.08))).aging.noise
    assert [result["mcmc"].at(line * (1 + d)).succeeds for d in (-1e-9, 1e-9)] == [None, False]
    assert result["mcmc"].at(1.02 * 0.0064).succeeds is False
    assert len(result["flow"].succeeds) == 2
    assert len(result["flow"].fails) == 1


@pytest.mark.parametrize("tensor_noise", [0.1, 0.5, 0.8, 1.5, 2.5])
def test_langevin_on_the_matrix_tensor_model(tensor_noise):
    """p = 3: found for Delta_2 < min(1, sqrt(Delta_3/2)) (arXiv:1812.09066), open up to the ageing line.

    That line is Delta_2^3 - 2 Delta_2 Delta_3 + Delta_3^2 = 0, its root beyond the fast one.
    """
    result = at.compare_samplers(at.SpikedMatrixTensor(3, tensor_noise))["langevin"]
    fast = min(1, np.sqrt(tensor_noise / 2))
    assert result.at(fast * 0.999).succeeds is True
    assert result.at(fast * 0.999).certainty == "heuristic"
    if fast < 1:
        assert result.succeeds[0][1] == pytest.approx(fast, rel=1e-12)
        assert result.at(fast * 1.001).succeeds is None
        assert "heuristics disagree" in result.at(fast * 1.001).reason
    cubic = np.roots([1, 0, -2 * tensor_noise, tensor_noise**2])
    for ageing in (x.real for x in cubic if abs(x.imag) < 1e-12 and fast < x.real < 1):
        assert [result.at(ageing * (1 + d)).succeeds for d in (-1e-9, 1e-9)] == [None, False]
    special = at.thresholds(at.SpikedMatrixTensor(3, tensor_noise), at.Flow())
    if special.dynamical is not None:
        assert [result.at(special.dynamical.noise * x).succeeds for x in (0.999, 1.001)] == [False, True]
    elif "every" in special.reasons["dynamical"]:
        assert result.at(50.0).succeeds is False  # the informed branch exists at every noise
    else:
        assert result.at(1.001).succeeds is True


#: outside the derivation of the ageing ansatz: not spherical, not polynomial, or with a field
NOT_AGEING = [
    at.GLM(at.Gaussian(), at.AbsChannel()),
    at.GLM(at.Gaussian(), at.SignChannel()),
    at.GLM(at.Gaussian(), at.DoorChannel(0.7)),
    at.GLM(at.GaussBernoulli(0.2), at.LinearChannel(1e-3)),
    at.SpikedTensor(3, at.GaussBernoulli(0.1)),
    at.SpikedMatrix(at.Gaussian()),
    *(at.MixedPSpin(f"{field}*q + q**3/2", at.Gaussian()) for field in ("1e-6", "1e-2")),
    at.MixedPSpin("q/1000 + q**2/8 + q**4/2", at.Gaussian()),
]


@pytest.mark.parametrize("model", NOT_AGEING, ids=repr)
@pytest.mark.every(3)
def test_no_ageing_ansatz_outside_its_derivation(model):
    result = at.compare_samplers(model)
    for sampler in ("mcmc", "langevin"):
        for verdict in result[sampler].verdicts:
            assert verdict.certainty != "heuristic"
            assert "ageing" not in verdict.reason
    special = at.thresholds(model, at.Flow())
    if special.dynamical is not None and special.algorithmic is not None:
        ends = special.dynamical.control, special.algorithmic.control
        assert result["langevin"].at(np.mean(ends)).succeeds in (False, None)
        beyond = ends[1] * (0.9 if model.easier == "down" else 1.1)
        assert result["langevin"].at(beyond).succeeds is None  # nothing is derived there


def test_a_field_leaves_no_success_where_a_second_branch_exists():
    model = at.MixedPSpin("q/1000000 + q**3/2", at.Gaussian())
    special = at.thresholds(model, at.Flow())
    result = at.compare_samplers(model)["langevin"]
    assert result.at(special.dynamical.temperature * 0.9).succeeds is False
    assert result.at(special.dynamical.temperature * 1.1).succeeds is True


@pytest.mark.parametrize("xi", ["q**2/2", "q**3/2", "q**2/8 + q**4/2", "q**2/2 + q**30/2", "q**2/100 + q**7 + q**60/2"])
@pytest.mark.slow
def test_roots_behind_the_heuristics(xi):
    """q_th and the boundaries against a dense scan of xi''(q) (1 - q)^2."""
    ageing = Ageing(at.MixedPSpin(xi, at.Gaussian()).coupling)
    q = np.linspace(0, 1, 200_001)
    second = np.polynomial.Polynomial(np.zeros(1))
    for k, c in at.MixedPSpin(xi, at.Gaussian()).coupling.scaled_terms:
        second += np.polynomial.Polynomial([*[0.0] * (k - 2), k * (k - 1) * float(c)])
    values = second(q) * (1 - q) ** 2
    changes = ageing.changes()
    for intensity in [*(np.array(changes) * (1 + 1e-3)), *(np.array(changes) * (1 - 1e-3)), 0.1, 1.0, 30.0]:
        above = np.flatnonzero(intensity * values >= 1)
        assert ageing.forgets(intensity) == (len(above) == 0)
        root = ageing.threshold_overlap(intensity)
        assert root == pytest.approx(q[above[-1]] if len(above) else 0.0, abs=1e-5)
        if root:
            # the root is a double: its rounding is a larger part of 1 - q
            rounding = np.finfo(float).eps * (60 + 2 / (1 - root))
            assert intensity * second(root) * (1 - root) ** 2 == pytest.approx(1, rel=rounding)
    # between two neighbouring boundaries nothing changes
    for low, high in pairwise([1e-3, *changes, 10 * max(changes)]):
        seen = {(ageing.forgets(x), ageing.finds(x)) for x in np.linspace(low, high, 7)[1:-1]}
        assert len(seen) == 1


@settings(max_examples=40)
@given(st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True))
def test_all_roots_of_a_polynomial(hundredths):
    """Products of (q - r) have the roots r, also far-off factors notwithstanding."""
    terms = {0: Fraction(1)}
    for r in [*(Fraction(n, 100) for n in hundredths), Fraction(7, 3), Fraction(-1, 3)]:
        terms = {k: terms.get(k - 1, 0) - r * terms.get(k, 0) for k in range(max(terms) + 2)}
    assert roots_in_unit_interval(terms) == pytest.approx([n / 100 for n in sorted(hundredths)], rel=1e-15)


# --- any product path, any denoiser -------------------------------------------------------------------------

#: models with every kind of bound, and with none
BOUNDED = [
    at.IsingPSpin(3), at.SphericalPSpin(3), at.SherringtonKirkpatrick(), at.SpikedMatrix(at.GaussBernoulli(0.1)),
    at.SpikedMatrixTensor(3, 0.05), *(pytest.param(model, marks=pytest.mark.slow) for model in (
        at.SpikedMatrix(at.SparseRademacher(0.08)), at.SpikedTensor(3, at.Discrete([-1, 1], [0.4, 0.6])),
        at.GLM(at.Rademacher(), at.LinearChannel(0.1)), at.MixedPSpin("q**3/2 + 30*q**40"),
    )),
]  # fmt: skip


def middles(*rows):
    """Return a control inside every interval on which all rows have one verdict."""
    ends = sorted({end for row in rows for v in row.verdicts for end in (v.lo, v.hi)})
    return [0.5 * (a + b) if np.isfinite(b) else 2 * a + 1 for a, b in pairwise(ends)]


def contradictions(comparison):
    """Return where a path with a name works and none does, or none that is a product and yet any denoiser fails."""
    product, denoiser = (comparison[name] for name in BOUNDS)
    paths = [comparison[name] for name in ("flow", "autoregressive", "uniform-diffusion")]
    found = []
    for control in middles(product, denoiser, *paths):
        works = [row.at(control).succeeds for row in (*paths, product, denoiser)]
        if (True in works[:3] and works[3] is not True) or (works[3] is True and works[4] is not True):
            found.append(control)
    return found


@pytest.mark.parametrize("model", BOUNDED, ids=repr)
def test_bounds_and_paths_do_not_contradict_each_other(model):
    for target in ("planted", "random") if model.random_counterpart else ("planted",):
        comparison = at.compare_samplers(model, target)
        assert contradictions(comparison) == []
        for row in (comparison[name] for name in BOUNDS):
            for verdict in row.verdicts:
                assert (verdict.succeeds is None) == (verdict.certainty == "unknown")
                assert verdict.certainty != "theorem" or verdict.succeeds
        assert {v.certainty for v in comparison["any-denoiser"].verdicts if v.succeeds is False} <= {"bound"}


def test_a_bound_that_is_too_strong_is_a_contradiction():
    comparison = at.compare_samplers(at.IsingPSpin(3), "planted")
    rows = list(comparison.samplers)
    rows[[row.sampler for row in rows].index(BOUNDS[0])] = replace(comparison["autoregressive"], sampler=BOUNDS[0])
    wrong = replace(comparison, further=lambda: tuple(rows[-2:]))
    assert any(0.739 < control < 0.759 for control in contradictions(wrong))


@pytest.mark.slow
def test_bounds_end_where_best_path_says():
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    found, comparison = at.best_path(model), at.compare_samplers(model)
    product, denoiser = (comparison[name] for name in BOUNDS)
    assert product.fails[0][1] == pytest.approx(found.best.noise, rel=1e-12)
    assert denoiser.fails[0][1] == pytest.approx(found.any_denoiser.noise, rel=1e-12)
    assert product.fails[0][0] == denoiser.fails[0][0] == pytest.approx(comparison["flow"].fails[0][0], rel=1e-14)
    assert {v.certainty for v in product.verdicts if v.succeeds is False} == {"bound"}
    between = 0.5 * (found.best.noise + min(point.noise for point in found.paths.values()))
    assert product.at(between).succeeds is None
    spins = at.compare_samplers(at.IsingPSpin(3), "planted")
    assert spins["any-product-path"].fails == spins["uniform-diffusion"].fails
    assert spins["any product path"].at(0.7).certainty == "conjecture"


def test_bounds_are_computed_when_they_are_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(rules, "best_path", lambda model: asked.append(model) or at.best_path(model))
    comparison = at.compare_samplers(at.IsingPSpin(4))
    assert comparison["masked"].sampler == "autoregressive"
    assert asked == []
    assert len(comparison) == len(SAMPLERS) + 2
    assert comparison.samplers is comparison.samplers
    assert len(asked) == 1


def test_no_bound_has_its_reason():
    comparison = at.compare_samplers(at.StochasticBlockModel(3))
    for name in BOUNDS:
        (verdict,) = comparison[name].verdicts
        assert (verdict.succeeds, verdict.certainty) == (None, "unknown")
        assert "variables that are numbers" in verdict.reason


# --- the same measure under several names ------------------------------------------------------------------

_SIGNS = at.Discrete([-1, 1], [0.5, 0.5])
#: measures, each under several names, with what turns the first one's control into theirs
SAME = [
    [(at.SherringtonKirkpatrick(), lambda t: t), (at.IsingPSpin(2), lambda t: t), (at.MixedPSpin("q**2/2"), lambda t: t),
     (at.MixedPSpin("q**2/2", _SIGNS), lambda t: t), (at.MixedPSpin("2*q**2"), lambda t: 2 * t),
     (at.MixedPSpin("q**2/2", at.SparseRademacher(1.0)), lambda t: t), (at.SpikedMatrix(at.Rademacher()), lambda t: t**2),
     (at.SpikedTensor(2, _SIGNS), lambda t: t**2), (at.SpikedMatrix(at.Discrete([-2, 2], [0.5, 0.5])), lambda t: 16 * t**2)],
    [(at.IsingPSpin(3), lambda t: t), (at.MixedPSpin("q**3/2"), lambda t: t), (at.MixedPSpin("q**3/2", _SIGNS), lambda t: t),
     (at.SpikedTensor(3, at.Rademacher()), lambda t: 2 * t**2 / 3)],
    [(at.SphericalPSpin(3), lambda t: t), (at.MixedPSpin("q**3/2", at.Gaussian()), lambda t: t),
     (at.MixedPSpin("q**3/2", at.GaussBernoulli(1.0)), lambda t: t), (at.MixedPSpin("q**3", at.Gaussian()), lambda t: 2**0.5 * t)],
    [(at.SphericalPSpin(2), lambda t: t), (at.MixedPSpin("q**2/2", at.Gaussian()), lambda t: t)],
    [(at.SpikedMatrix(at.SparseRademacher(0.08)), lambda c: c),
     (at.SpikedMatrix(at.Discrete([-1, 0, 1], [0.04, 0.92, 0.04])), lambda c: c),
     (at.SpikedTensor(2, at.SparseRademacher(0.08)), lambda c: c)],
]  # fmt: skip


@pytest.mark.parametrize("names", SAME, ids=lambda names: repr(names[0][0]))
@pytest.mark.every(2)
def test_one_measure_has_one_verdict(names):
    first, _ = names[0]
    special = at.thresholds(first, at.Flow())
    points = [p.control for p in special.points().values() if p is not None]
    controls = [x * c for c in points for x in (0.3, 0.7, 0.97, 1.03, 1.6)] + [4.5 * points[0]]
    targets = ["planted", "random"] if first.random_counterpart else ["planted"]
    for target in targets:
        expected = at.compare_samplers(first, target)
        for model, convert in names[1:]:
            if target == "random" and not model.random_counterpart:
                continue
            result = at.compare_samplers(model, target)
            for sampler in SAMPLERS:
                if sampler == "uniform-diffusion" and not model.variable_prior.unbiased_sign:
                    continue
                for control in controls:
                    one, other = expected[sampler].at(control), result[sampler].at(convert(control))
                    assert (one.succeeds, one.certainty) == (other.succeeds, other.certainty), (model, sampler, control)
                    assert (one.algorithm, one.target) == (other.algorithm, other.target)


# --- algorithms, targets, exceptions -----------------------------------------------------------------------


@dataclass(frozen=True)
class Weights(at.Factor):
    """A factor by its list of weights."""

    given: tuple[float, ...]
    weights = property(lambda self: self.given)


@dataclass(frozen=True)
class ByWeights(at.SparseModel):
    """Spins with one kind of factor, of one's own."""

    given: tuple[float, ...] = ()
    name = "by-weights"
    factor = property(lambda self: Weights(len(self.given) - 1, self.given))


@pytest.mark.slow
def test_parity_checks_without_noise():
    """No spin of a check can flip; Gaussian elimination does what message passing cannot."""
    model = at.XORSAT(3)
    result = at.compare_samplers(model)
    dynamical = at.thresholds(model, at.Flow()).dynamical.density
    for density in (0.1 * dynamical, 0.9 * dynamical, 1.01 * dynamical):
        verdict = result["mcmc"].at(density)
        assert (verdict.succeeds, verdict.certainty, verdict.algorithm) == (False, "theorem", "local moves")
        assert "flip" in verdict.reason
    verdict = result["autoregressive"].at(0.99 * dynamical)
    assert (verdict.succeeds, verdict.algorithm) == (False, "message passing")
    assert "Gaussian elimination" in verdict.exceptions
    assert "Gaussian elimination" in result.report()
    assert "Gaussian elimination" in at.phase_diagram(model, at.Autoregressive(), points=3).reason(0.99 * dynamical)


def test_only_exact_constraints_stop_local_moves():
    """With noise moves are free; where solutions may be disconnected nothing is said; own factors count by weights."""
    warm = at.XORSAT(3, temperature=0.5)
    assert frozen(warm) is None
    assert known_exceptions(warm) == ""
    assert frozen(at.XORSAT(3))[0] == "always"
    assert frozen(at.Bicoloring(4))[0] == "perhaps"
    assert frozen(at.Bicoloring(4, temperature=0.3)) is None
    assert frozen(ByWeights(given=(0.0, 0.0, 1.0, 0.0, 0.0)))[0] == "always"  # as many up as down
    assert frozen(ByWeights(given=(0.5, 1.0, 2.0, 1.0, 0.5))) is None
    assert known_exceptions(ByWeights(given=(1.0, 0.0, 1.0, 0.0, 1.0))) == known_exceptions(at.XORSAT(4)) != ""
    assert known_exceptions(ByWeights(given=(0.0, 1.0, 1.0, 1.0, 0.0))) == ""
    for prior in (at.Rademacher(), at.Discrete([0, 1, 3], [0.7, 0.2, 0.1])):
        for channel, exceptional in ((at.LinearChannel(0.0), True), (at.AbsChannel(), True), (at.LinearChannel(1e-6), False),
                                     (at.SignChannel(), False)):  # fmt: skip
            model = at.GLM(prior, channel)
            assert ("LLL" in known_exceptions(model)) == exceptional
            assert (frozen(model) is None) == (channel == at.LinearChannel(1e-6))
    assert known_exceptions(at.GLM(at.GaussBernoulli(0.1), at.LinearChannel(0.0))) == ""


@pytest.mark.parametrize("prior", [at.Rademacher(), at.SparseRademacher(0.7), at.GaussBernoulli(0.3)])
def test_no_verdict_where_there_is_no_model(prior):
    """Rows are orthogonal for at most as many as columns."""
    model = at.RowOrthogonalSensing(prior, 1e-2)
    for sampler in at.compare_samplers(model).judged:
        assert all(v.succeeds is None for v in sampler.verdicts if v.lo >= 1)
    result = at.compare_samplers(model)["flow"]
    diagram = at.phase_diagram(model, at.Flow(), (0.2, 1.0), points=3)
    for ratio in (0.3, 0.9, 0.999999, 1.0):
        assert result.at(ratio).succeeds == diagram.sampler_succeeds(ratio) is not None
    assert "ends at sampling_ratio = 1" in result.verdicts[-1].reason


def test_lattice_reduction_is_named():
    result = at.compare_samplers(at.GLM(at.Rademacher(), at.LinearChannel(0.0)))
    assert {v.succeeds for v in result["mcmc"].verdicts} == {False}
    failing = [v for v in result["flow"].verdicts if v.succeeds is False]
    assert failing
    assert all("LLL" in v.exceptions for v in failing)
    assert all(v.exceptions == "" for s in result.samplers for v in s.verdicts if v.succeeds)


def test_boundaries_have_a_resolution():
    """Within the error bound of a special point the verdict is the less favourable one, beyond it is not."""
    special = at.thresholds(at.IsingPSpin(3), at.Flow())
    result = at.compare_samplers(at.IsingPSpin(3), "planted")
    for sampler, point in (("mcmc", special.dynamical), ("flow", special.tricritical)):
        for shift in (-0.5, 0.0, 0.5):
            assert result[sampler].at(point.control + shift * point.error).succeeds is False
        assert result[sampler].at(point.control + 1e3 * point.error).succeeds is True


def test_theorems_are_claimed_only_where_they_hold():
    spherical = at.compare_samplers(at.SphericalPSpin(3))
    assert spherical["flow"].at(0.7).certainty == "theorem"
    assert "2404.15651" in spherical["flow"].at(0.7).reason
    assert spherical["autoregressive"].at(0.9).certainty == "conjecture"
    sk = at.compare_samplers(at.SherringtonKirkpatrick())
    assert [sk["mcmc"].at(t).certainty for t in (1.5, 4.5)] == ["conjecture", "theorem"]
    assert sk["flow"].at(1.5).certainty == "theorem"
    assert sk["flow"].at(0.9).succeeds is None
    planted = at.compare_samplers(at.SherringtonKirkpatrick(), "planted")
    assert planted["flow"].at(0.9).certainty == "conjecture"
    assert planted["mcmc"].at(0.9).succeeds is None


@pytest.mark.slow
def test_verdicts_agree_with_the_diagrams(dense_models):
    for model in dense_models.values():
        result = at.compare_samplers(model, "planted")
        for path in (at.Flow(), at.Autoregressive()):
            special = at.thresholds(model, path)
            middle = special.tricritical.control if special.tricritical else 1.0
            diagram = at.phase_diagram(model, path, (0.5 * middle, 2 * middle), points=3, target="planted")
            for control in middle * np.array([0.6, 0.9, 0.98, 0.999, 1.001, 1.5]):
                assert result[path.name].at(control).succeeds == diagram.sampler_succeeds(control)


@cache
def compared():
    """Return comparisons of samplers that are asked about many controls."""
    models = at.IsingPSpin(3), at.SpikedMatrixTensor(3, 0.2), at.MixedPSpin("q/100 + q**3/2", at.Gaussian())
    return [(model, at.compare_samplers(model)) for model in models]


@pytest.mark.slow
@given(st.floats(1e-3, 1e3))
def test_every_control_has_one_verdict(control):
    for model, comparison in compared():
        for sampler in comparison.samplers:
            assert sampler.verdicts[0].lo == 0
            assert sampler.verdicts[-1].hi == np.inf
            assert sampler.at(control).reason
            for a, b in zip(sampler.verdicts[:-1], sampler.verdicts[1:], strict=True):
                assert a.lo < a.hi == b.lo
            for v in sampler.verdicts:
                assert (v.target, v.algorithm in ("message passing", "local moves")) == (model.target, True)
                assert (v.succeeds is None) == (v.certainty == "unknown")


def test_plain_data_and_text():
    result = at.compare_samplers(at.SpikedMatrixTensor(3, 0.8))
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert set(data["samplers"]) == {*SAMPLERS, *BOUNDS}
    assert data["samplers"]["flow"]["verdicts"][-1]["range"][1] is None
    assert str(result) == result.report()
    assert "heuristic" in result.report()
    with pytest.raises(at.UnknownNameError, match="did you mean 'mcmc'"):
        result["mcm"]


def test_bad_targets():
    with pytest.raises(at.UnknownNameError, match="did you mean 'random'"):
        at.compare_samplers(at.IsingPSpin(3), "randm")
    with pytest.raises(at.InputError, match="no random counterpart"):
        at.compare_samplers(at.SpikedMatrix(at.Gaussian()), "random")


@pytest.mark.parametrize(
    ("model", "control"),
    [
        (at.XORSAT(3, degrees="regular"), 0.51),
        (at.SpikedMatrix(at.SparseRademacher(0.1)), -1.0),
        (at.IsingPSpin(3), float("nan")),
        (at.RowOrthogonalSensing(at.SparseRademacher(0.1), 1e-3), 1.5),
    ],
)
@pytest.mark.slow
def test_no_verdict_at_a_control_that_no_model_has(model, control):
    """Each question about one control refuses it in the same words."""
    result = at.compare_samplers(model)
    with pytest.raises(at.InputError) as refused:
        at.path_transitions(model, at.Flow(), control)
    for sampler in SAMPLERS:
        with pytest.raises(at.InputError) as error:
            result[sampler].at(control)
        assert str(error.value) == str(refused.value)
