"""Threshold states against quadrature that knows nothing of the library, closed forms, and what must hold of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from glassy_oracle import oracle_state
from scipy.optimize import brentq

import amp_theory as at
from amp_theory.dynamics.ageing import Ageing
from amp_theory.dynamics.glassy_averages import Apart, Sphere
from amp_theory.dynamics.glassy_families import KINDS, GlassyFamilies

RHO = 0.08
SPARSE = at.SpikedMatrix(at.SparseRademacher(RHO))
UNIT = RHO**2
MEASURES = {
    "sphere": Sphere(),
    "sparse": Apart(at.SparseRademacher(RHO).mixture),
    "gauss-bernoulli": Apart(at.GaussBernoulli(0.1).mixture),
    "four": Apart(at.Discrete([-2, -1, 1, 2], [0.1, 0.4, 0.4, 0.1]).mixture),
}


@pytest.fixture(scope="module")
def found():
    return at.threshold_states(SPARSE)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_derivatives_of_averages(measure):
    """By differences; d complexity/dA at constant x and intensity follows as the free entropy is stationary."""
    a, x, h = np.array([0.7, 3.0, 6.0]), np.array([0.6, 0.9, 0.95]), 1e-4
    here = measure.averages(a, x)
    sides = [measure.averages(a, x + d) for d in (h, -h)], [measure.averages(a + d, x) for d in (h, -h)]
    for name in ("overlap", "chi", "rest"):
        by_x, by_a = ((getattr(up, name) - getattr(down, name)) / (2 * h) for up, down in sides)
        if name == "rest":
            expected = -x * here.spread, x**2 * ((1 - x) * here.by_parisi - here.overlap) / 2
        else:
            short = "" if name == "overlap" else "chi_"
            expected = getattr(here, f"{short}by_parisi"), getattr(here, f"{short}by_snr")
        for got, wanted in zip((by_x, by_a), expected, strict=True):
            assert got == pytest.approx(wanted, rel=1e-6, abs=1e-9)
    again = measure.averages(a, x, 1.37)
    for name in vars(here):
        assert getattr(again, name) == pytest.approx(getattr(here, name), rel=2e-12, abs=1e-13), name


def test_too_coarse_a_rule_is_seen_by_the_other():
    """The difference of the rules is the error bound: with steps four times as large it must be large."""
    a, x = np.array([6.0]), np.array([0.9])
    measure = MEASURES["sparse"]
    apart = measure.averages(a, x, 0.15).overlap - measure.averages(a, x, 0.2).overlap
    assert abs(apart[0]) > 1e-9


def test_numbers_of_the_sparse_matrix(found):
    """The noise in units of rho^2.  The most numerous states have their line at .90584, see the test below."""
    assert found.aging.noise / UNIT == pytest.approx(0.9119, abs=5e-5)
    assert found.aging.overlap / RHO == pytest.approx(0.3586, abs=5e-5)
    assert found.lines["static"].noise / UNIT == pytest.approx(0.9513, abs=5e-5)
    assert np.array(found.band) / UNIT == pytest.approx([0.9006, 0.9513], abs=5e-5)
    assert found.fast is None
    assert found.onset.noise == pytest.approx(at.thresholds(SPARSE, at.Flow()).dynamical.noise, rel=1e-12)
    for part, parisi in ((1.0, 0.965), (0.9, 0.907), (0.7, 0.834), (0.5, 0.784)):
        assert found.at(part * UNIT)["threshold"].parisi == pytest.approx(parisi, abs=5e-4)
    assert found.visible_size == pytest.approx(1 / found.at(found.aging.noise)["threshold"].complexity, rel=1e-9)


@pytest.mark.parametrize("part", [1.02, 0.95, 0.9, 0.6])
def test_states_against_independent_quadrature(found, part):
    states = found.at(noise=part * UNIT)
    assert set(states) == set(KINDS) - ({"static"} if part > 1.03 else set())
    for state in states.values():
        wanted = oracle_state(RHO, [(2, 0.5 / (part * UNIT))], state.overlap, state.parisi)
        assert wanted.excess == pytest.approx(0, abs=1e-11)
        assert state.complexity == pytest.approx(wanted.complexity, abs=1e-11)
        assert state.gain == pytest.approx(wanted.gain, rel=1e-10)
        assert state.fast_gain == pytest.approx(wanted.fast_gain, rel=1e-10)
    assert oracle_state(RHO, [(2, 0.5 / (part * UNIT))], states["threshold"].overlap, states["threshold"].parisi).replicon \
        == pytest.approx(1, rel=1e-9)  # fmt: skip
    assert abs(states["static"].complexity) <= states["static"].errors["complexity"]


@pytest.mark.slow
def test_the_most_numerous_and_the_least_responsive_are_extreme(found):
    """At the line of either, by quadrature and bisection: x beside it has less complexity, or more response.

    The derivative by central differences at steps h, 2h and 4h, twice extrapolated, vanishes within what the last
    extrapolation changed, the oracle's rounding (measured by fourth differences of neighbours) and the bound on x.
    """
    h = 0.002
    for kind, sign in (("most_numerous", -1), ("least_responsive", 1)):
        line = found.lines[kind]
        here = found.at(line.noise)[kind]
        terms = [(2, 0.5 / line.noise)]

        def value(parisi, kind=kind, terms=terms, here=here):
            q = brentq(lambda q: oracle_state(RHO, terms, q, parisi).excess, 0.95 * here.overlap, 1.05 * here.overlap,
                       xtol=1e-16)  # fmt: skip
            state = oracle_state(RHO, terms, q, parisi)
            return state.complexity if kind == "most_numerous" else state.gain

        middle, (up, down) = value(here.parisi), ([value(here.parisi + s * k * h) for k in (1, 2, 4)] for s in (1, -1))
        for beside in (*up, *down):
            assert sign * (beside - middle) > 1e-8 * abs(middle)
        near, far, farther = ((a - b) / (2 * k * h) for a, b, k in zip(up, down, (1, 2, 4), strict=True))
        once, before = (4 * near - far) / 3, (4 * far - farther) / 3
        slope = (16 * once - before) / 15
        close = [value(here.parisi + k * 1e-6) for k in range(-2, 3)]
        rounding = abs(np.dot([1, -4, 6, -4, 1], close)) + 4 * np.finfo(float).eps * abs(middle)
        curvature = (up[0] - 2 * middle + down[0]) / h**2
        bound = abs(slope - once) + 4 * rounding / h + abs(curvature) * here.errors["parisi"]
        assert abs(slope) < bound
        # negative control: at a millionth of x beside it would not vanish
        assert abs(curvature) * 1e-6 * here.parisi > bound
        assert here.gain == pytest.approx(1, abs=1e-10)
    assert found.lines["most_numerous"].noise / UNIT == pytest.approx(0.90584, abs=5e-6)


AT_ONE = [
    (SPARSE, 1.0 * UNIT),
    (at.SpikedMatrixTensor(3, 0.5), 1.1),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        (SPARSE, 0.9 * UNIT), (at.MixedPSpin("q**2/4 + q**3/2"), 0.7), (at.SpikedMatrix(at.GaussBernoulli(0.05)), 0.005),
        (at.SpikedMatrix(at.Discrete([-2, -1, 0, 1, 2], [0.01, 0.02, 0.94, 0.02, 0.01])), 0.014),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("model", "control"), AT_ONE, ids=repr)
def test_complexity_at_one_is_minus_the_free_entropy(model, control):
    """Of the informed fixed point; at x = 1 the theory of states is exact."""
    point = at.fixed_points(model, at.Flow(), control, 0.0)[-1]
    families = at.threshold_states(model)._families
    intensity = model.intensity(np.array([control]))
    q = np.array([point.overlap])
    snr = model.polynomial.signal(intensity, q, model.variable_prior.second_moment - q)
    states = families.states(snr, np.ones(1))
    assert states.averages.overlap[0] == pytest.approx(point.overlap, rel=1e-9)
    assert states.complexity[0] == pytest.approx(-point.free_entropy, abs=1e-8)
    assert abs(states.complexity[0]) > 1e-6


@pytest.mark.parametrize("rho", [pytest.param(0.02, marks=pytest.mark.slow), 0.05, 0.09])
def test_other_fractions(rho):
    model = at.SpikedMatrix(at.SparseRademacher(rho))
    found = at.threshold_states(model)
    assert found.onset.noise == pytest.approx(at.thresholds(model, at.Flow()).dynamical.noise, rel=1e-12)
    if rho == 0.09:  # the onset lies below noise = rho^2, where the signal is found from zero
        assert found.aging is None
        assert found.band is None
        assert "grows where the states appear" in found.reasons["aging"]
        return
    lo, hi = found.band
    assert lo < found.aging.noise < hi < rho**2
    state = oracle_state(rho, [(2, 0.5 / found.aging.noise)], found.aging.overlap,
                         found.at(found.aging.noise)["threshold"].parisi)  # fmt: skip
    assert (state.gain, state.replicon) == (pytest.approx(1, abs=1e-10), pytest.approx(1, abs=1e-9))


@pytest.mark.parametrize("rho", [0.1, 0.2])
def test_no_states_without_a_hard_phase(rho):
    found = at.threshold_states(at.SpikedMatrix(at.SparseRademacher(rho)))
    assert (found.onset, found.aging, found.fast, found.band, found.visible_size) == (None,) * 5
    assert "fold" in found.reasons["onset"]
    assert found.at(0.5 * rho**2) == {}
    assert found.escapes(0.5 * rho**2) is None


@pytest.mark.slow
def test_spins_with_pairs_and_triples():
    """A mixture: another coupling, another control."""
    model = at.MixedPSpin("q**2/4 + q**3/2", at.Rademacher())
    found = at.threshold_states(model)
    temperature = found.aging.temperature
    assert found.onset.temperature == pytest.approx(at.thresholds(model, at.Flow()).dynamical.temperature, rel=1e-11)
    states = found.at(temperature)
    terms = [(2, 0.25 / temperature**2), (3, 0.5 / temperature**2)]
    for state in states.values():
        assert oracle_state(1.0, terms, state.overlap, state.parisi).excess == pytest.approx(0, abs=1e-11)
    wanted = oracle_state(1.0, terms, states["threshold"].overlap, states["threshold"].parisi)
    assert (wanted.gain, wanted.replicon) == (pytest.approx(1, abs=1e-9), pytest.approx(1, abs=1e-9))


@pytest.mark.parametrize("tensor_noise", [0.1, 0.5, 0.8])
def test_matrix_and_tensor_on_the_sphere(tensor_noise):
    """Fast Delta_2 = sqrt(Delta_3/2), aging Delta_2^3 - 2 Delta_2 Delta_3 + Delta_3^2 = 0; both by continuation too."""
    model = at.SpikedMatrixTensor(3, tensor_noise)
    found = at.threshold_states(model)
    assert found.fast.noise == pytest.approx(np.sqrt(tensor_noise / 2), abs=found.fast.error)
    cubic = np.polynomial.Polynomial([tensor_noise**2, -2 * tensor_noise, 0, 1])
    assert abs(cubic(found.aging.noise)) < 1e-12
    families = GlassyFamilies(Sphere(), model.variable_prior, model.polynomial)
    for line, name in ((found.aging, "gain"), (found.fast, "fast_gain")):
        states = families.where("threshold", lambda s, name=name: getattr(s, name) - 1)
        if states is not None:
            assert 1 / states.intensity[0] == pytest.approx(line.noise, rel=1e-11)
    state = found.at(0.9 * found.aging.noise)["threshold"]
    q = Ageing(model.polynomial).threshold_overlap(1 / (0.9 * found.aging.noise))
    assert state.overlap == pytest.approx(q, rel=1e-11)
    assert state.response == pytest.approx(1 - (1 - state.parisi) * q, rel=1e-12)


def test_sphere_without_a_fold():
    """Threshold states exist at Delta_2 < 1 though none can be followed from x = 1; their family ends where q = 0."""
    found = at.threshold_states(at.SpikedMatrixTensor(3, 1.5))
    assert found.onset is None
    assert found.fast.noise == pytest.approx(np.sqrt(0.75), rel=1e-14)
    for noise in (0.6, 0.8, 0.95):
        q = 1 - brentq(lambda r, n=noise: (1 / n + 2 * (1 - r) / 1.5) * r * r - 1, 0, 1)
        state = found.at(noise)["threshold"]
        slope = q / noise + q * q / 1.5
        assert state.overlap == pytest.approx(q, rel=1e-12)
        assert state.response == pytest.approx(q / ((1 - q) * slope), rel=1e-11)
    assert found.at(1.05) == {}


@pytest.mark.parametrize(
    "xi", ["q**2/10 + q**4/2", pytest.param("q**2/3 + q**3/4 + q**6/5", marks=pytest.mark.slow)]
)  # fmt: skip
def test_mixtures_on_the_sphere(xi):
    model = at.MixedPSpin(xi, at.Gaussian())
    found = at.threshold_states(model)
    families = GlassyFamilies(Sphere(), model.variable_prior, model.polynomial)
    states = families.where("threshold", lambda s: s.gain - 1)
    assert states.intensity[0] ** -0.5 == pytest.approx(found.aging.temperature, rel=1e-11)
    q, x = states.averages.overlap[0], states.parisi[0]
    slope, curvature = (float(part) for part in model.polynomial.scaled(np.array(q), np.array(1 - q))[1:3])
    assert states.intensity[0] * curvature * (1 - q) ** 2 == pytest.approx(1, rel=1e-11)
    assert states.intensity[0] * slope == pytest.approx(q / ((1 - q) * (1 - (1 - x) * q)), rel=1e-11)


@pytest.mark.slow
def test_rare_signs_are_trapped_as_far_as_states_were_followed():
    """Without an aging line there is a verdict down to where the search ended, and none beyond."""
    model = at.SpikedMatrix(at.SparseRademacher(1e-3))
    found = at.threshold_states(model)
    assert found.aging is None
    assert "not met down to noise" in found.reasons["aging"]
    end = found.to_dict()["states"]["threshold"]["noise"][-1]
    assert [found.escapes(end * (1 + d)) for d in (-1e-9, 1e-9)] == [None, False]
    assert "no aging line down to noise" in found.in_words
    row = at.compare_samplers(model)["mcmc"]
    assert (row.at(end * 0.9).succeeds, row.at(end * 1.1).succeeds) == (None, False)
    assert "not followed" in row.at(end * 0.9).reason
    assert "disagree" not in row.at(end * 0.9).reason


def test_verdicts_and_bands():
    found = at.threshold_states(at.SpikedMatrixTensor(3, 0.5))
    assert [found.escapes(noise) for noise in (0.49, 0.51, 0.83, 0.84, 1.2, 1.21, 5.0)] == [
        True,
        None,
        None,
        False,
        False,
        None,
        None,
    ]
    assert found.changes() == sorted(found.changes())
    assert found.escapes(noise=0.4) is True
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["band"] == pytest.approx(found.band)
    assert data["aging"]["error"]["noise"] < 1e-12
    assert data["certainty"] == "heuristic"
    assert data["fast"]["noise"] == pytest.approx(0.5)
    assert data["aging_least_responsive"] is None
    assert "least_responsive" in data["reasons"]["aging_least_responsive"]
    for text in (found.report(), found.title):
        assert "heuristic" in text
    assert "spread over the choice of glassy state" in found.report()
    # the states along the control are those at one control
    along = data["states"]["threshold"]
    k = len(along["noise"]) // 2
    state = found.at(along["noise"][k])["threshold"]
    for name in ("overlap", "parisi", "complexity", "response", "gain", "fast_gain"):
        assert getattr(state, name) == pytest.approx(along[name][k], rel=1e-9)


REFUSED = [
    (at.SpikedTensor(3, at.SparseRademacher(0.1)), "trapped at any noise"),
    (at.IsingPSpin(3), "trapped at any temperature"),
    (at.SpikedMatrix(at.Discrete([0, 1], [0.9, 0.1])), "symmetry"),
    (at.SpikedMatrix(at.Discrete([-1, 2], [2 / 3, 1 / 3])), "symmetry"),  # of zero mean
    (at.MixedPSpin("q/10 + q**2"), "field"),
    (at.GLM(at.Gaussian(), at.SignChannel()), "polynomial couplings"),
    (at.XORSAT(3), "polynomial couplings"),
    (at.SpikedMatrix(at.Density(lambda s: 0 * s + 0.5, (-1, 1))), "mixtures"),
    (at.StochasticBlockModel(3), "mixtures"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "reason"), REFUSED, ids=lambda part: part if isinstance(part, str) else part.name)
def test_refusals(model, reason):
    with pytest.raises(at.InputError, match=reason):
        at.threshold_states(model)


@pytest.mark.slow
def test_unstable_blocks_are_refused():
    """Here xi''(0) chi^2 > 1 where the fast line would be."""
    found = at.threshold_states(at.MixedPSpin("q**2/10 + q**4/2", at.GaussBernoulli(0.3)))
    assert found.fast is None
    assert "blocks" in found.reasons["fast"]


def test_no_verdict_where_no_states_exist(found):
    """Harder than at the onset nothing traps; between the lines and beyond the last state it is told which."""
    onset, end = found.onset.noise, found.to_dict()["states"]["threshold"]["noise"][-1]
    assert [found.escapes(noise) for noise in (0.5, onset * (1 + 1e-9), onset * (1 - 1e-9))] == [None, None, False]
    reasons = [found.why_undecided(noise) for noise in (0.5, 0.9 * UNIT, 0.5 * found.aging.noise, 0.9 * end)]
    for words, reason in zip(("no threshold states", "", "disagree", "not followed"), reasons, strict=True):
        assert words in reason
    assert reasons[1] != "" or found.escapes(0.9 * UNIT) is False
    sphere = at.threshold_states(at.SpikedMatrixTensor(3, 0.5))
    assert "no threshold states" in sphere.why_undecided(5.0)
    assert "disagree" in sphere.why_undecided(0.7)
    assert sphere.why_undecided(0.4) == ""


def test_reasons_of_lines_and_bands(found):
    """Trapped nowhere is not the same as no states; and a band of fewer lines than all says which it lacks."""
    free = at.threshold_states(at.MixedPSpin("q**2/2 + q**3/3", at.Gaussian()))
    assert "threshold" in free.at(0.8)
    assert free.at(0.8)["threshold"].gain > 1
    assert "wherever these exist" in free.reasons["aging"]
    assert "begin at temperature = 1 " in free.reasons["onset"]
    assert "no aging line" in free.reasons["band"]
    one = at.threshold_states(at.MixedPSpin("q**2/200 + q**3/2", at.Gaussian()))
    assert one.band is None
    assert "only the line of threshold states was located" in one.reasons["band"]
    few = at.threshold_states(at.SpikedMatrixTensor(4, 0.1))
    assert (
        few.to_dict()["reasons"]["band"]
        == "without the lines of static, least_responsive states, which were not located"
    )
    assert "without the lines of static" in few.report()
    assert "band" not in found.reasons
    assert "without" not in found.report()


@pytest.mark.parametrize(
    "model",
    [at.SpikedMatrixTensor(3, 2.0), at.SpikedMatrixTensor(3, 4.0), at.SpikedMatrixTensor(4, 1.0), at.SpikedMatrixTensor(4, 2.0)],
    ids=repr,
)  # fmt: skip
def test_where_the_fast_criterion_holds_at_every_control(model):
    """There are states, all of which a random start leaves: no line is met, and that is said, not that none was found."""
    found = at.threshold_states(model)
    assert found.fast is found.aging is found.band is None
    p, tensor = model.p, model.tensor_noise
    for noise in (0.05, 0.4, 0.8, 0.95):
        q = 1 - brentq(lambda r, n=noise: (1 / n + (p - 1) * (1 - r) ** (p - 2) / tensor) * r * r - 1, 0, 1)
        assert (1 - q) / noise > 1
        assert found.escapes(noise) is True
    assert "holds in threshold states wherever these exist" in found.reasons["fast"]
    for text in (found.in_words, found.report()):
        assert "the fast criterion holds in threshold states wherever these exist" in text
        assert "not met" not in text
        assert "could be followed" not in text.split("fast")[1].split("\n")[0]
    assert "no aging line and no band" in found.in_words


def test_lines_and_band_in_words(found):
    """What is missing is named, with its reason, and the band is said to be a spread wherever it stands."""
    lo, hi = found.band
    for text in (found.in_words, found.report()):
        assert f"band {lo:.6g} to {hi:.6g}, the spread over the choice of glassy state" in text
    assert "no fast line (not met down to noise" in found.in_words
    few = at.threshold_states(at.SpikedMatrixTensor(3, 0.5))
    assert "spread over the choice of glassy state, without the lines of least_responsive states" in few.in_words
    assert "fast line noise = 0.5" in few.in_words
    one = at.threshold_states(at.MixedPSpin("q**2/200 + q**3/2", at.Gaussian()))
    assert "; no band: only the line of threshold states was located" in one.in_words
    none = at.threshold_states(at.SpikedMatrix(at.SparseRademacher(0.09)))
    assert "no aging line and no band (an overlap with the signal grows where the states appear" in none.in_words
    # which is so in all that were followed, and is so of blocks where they appear
    along = none.to_dict()["states"]["threshold"]
    assert min(along["gain"]) > 1
    assert along["gain"][0] * along["response"][0] / 0.09 > 1
    nothing = at.threshold_states(at.SpikedMatrix(at.Rademacher()))
    assert nothing.in_words.count("no fixed point appears by a fold") == 1
    assert "no fast line" in nothing.in_words


def test_blocks_that_do_not_stay_apart_are_no_disagreement():
    """On the sphere, too: xi''(0) chi^2 > 1 where the equations of blocks do not stand; the fast criterion needs none."""
    found, tensor = at.threshold_states(at.SpikedMatrixTensor(6, 0.1)), 0.1
    for noise, stable in ((0.5, False), (0.93, True)):
        q = 1 - brentq(lambda r, n=noise: (1 / n + 5 * (1 - r) ** 4 / tensor) * r * r - 1, 0, 0.5)
        chi = q / ((1 - q) * (q / noise + q**5 / tensor))
        assert (chi**2 / noise < 1) == stable
        assert found.at(noise)["threshold"].outer == stable
        assert found.escapes(noise) is None
        assert ("disagree" if stable else "blocks do not stay apart") in found.why_undecided(noise)
    assert found.escapes(0.1) is True
    assert not found.at(0.1)["threshold"].outer


def test_bad_controls(found):
    for bad in (0.0, -1.0, np.nan, "x"):
        with pytest.raises(at.InputError, match="noise"):
            found.at(noise=bad)
        with pytest.raises(at.InputError, match="noise"):
            found.escapes(bad)
