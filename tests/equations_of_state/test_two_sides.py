"""Two kinds of variables: the surface, its identities, where it is a scalar model, and that no fixed point is missed."""

from __future__ import annotations

import numpy as np
import pytest
from contract import check_contract
from random_models import random_prior
from two_sides import iterated, random_two_sides, response

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.equations_of_state.two_sides import ROUGH
from amp_theory.ingredients.priors.groups import PottsPrior

SPARSE_PCA = at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.05), 1)
BIASED = at.RectangularMatrix(at.Discrete([0, 1], [0.9, 0.1]), at.GaussBernoulli(0.3), 0.3)
MODELS = (SPARSE_PCA, BIASED, at.GaussianMixture(10, 2.0), at.GaussianMixture(weights=[0.1, 0.9], aspect=0.5))
FAR = at.RectangularMatrix(at.SparseRademacher(0.01), at.Discrete([-1, -0.97, 0.97, 1], [0.25] * 4), 1)
PATHS = [kind(side=side) for kind in (at.Flow, at.Autoregressive) for side in ("u", "v", "both")]
NAMED = {"ids": lambda x: f"{x.name} {getattr(x, 'side', '') or ''}"}


@pytest.mark.parametrize("path", PATHS, **NAMED)
@pytest.mark.parametrize("model", MODELS, **NAMED)
@pytest.mark.every(3)
def test_the_surface_keeps_the_contract(model, path):
    eos = equation_of_state_of(model, path)
    unit = 1 / eos.prior.variance
    strengths = np.array([0.0, 0.03, 0.2]) * (unit if path.name == "flow" else 1)
    check_contract(eos, (0.4 * unit, 0.9 * unit, 2.5 * unit), strengths)


@pytest.mark.parametrize("path", PATHS, **NAMED)
@pytest.mark.parametrize("model", [SPARSE_PCA, FAR, pytest.param(MODELS[2], marks=pytest.mark.slow)], **NAMED)
def test_folds_that_are_looked_for_roughly_have_the_sign_of_exact_ones(model, path):
    """Also where the atoms of v differ by so little that M rises again beyond the interpolated part."""
    eos = equation_of_state_of(model, path)
    z, s = eos.search_grid()
    rough = eos.folds_over(z[:, None], s[None, :])
    exact = eos.surface(z[:, None], s[None, :], with_energy=False).fold
    assert np.all((np.sign(rough) == np.sign(exact)) | (np.abs(exact) < 1e-12))
    assert np.all(np.abs(rough - exact) <= ROUGH * (1 + np.abs(1 - exact)))


@pytest.mark.parametrize("model", MODELS, **NAMED)
def test_the_free_entropy_grows_with_what_is_told_of_each_side(model):
    z, s = np.array([0.8, 3.0]) / model.priors[0].variance, 0.1
    for side in "uv":
        eos = equation_of_state_of(model, at.Flow(side=side))
        f = eos.surface(z, s)
        q_v, bound = eos.second_overlap(f)
        wanted = f.overlap if side == "u" else model.ratio * q_v
        assert np.allclose(f.free_entropy_s, model.weight * wanted / 2, rtol=1e-13)
        assert np.allclose(model.ratio * f.intensity * q_v, f.signal, rtol=1e-13)
        assert np.all(bound < 1e-12)
        # lambda: A/2 = weight alpha q_u q_v/2, by which fixed points of other lambda differ
        assert np.allclose(f.scaled, model.weight * model.ratio * f.overlap * q_v, rtol=1e-12)


def test_fixed_points_are_stationary_and_their_information_adds_up():
    control, path = 1 / 19.4, at.Flow(side="u")
    eos = equation_of_state_of(SPARSE_PCA, path)
    found = at.fixed_points(SPARSE_PCA, path, control, 0.001)
    assert len(found) == 3
    for p in found:
        step = 1e-3 * p.overlap
        up, here, down = eos.potential(19.4, 0.001, p.overlap + step * np.array([1, 0, -1]))
        assert abs(here - p.free_entropy) <= 1e-15 + p.errors["free_entropy"]
        assert abs(up - down) < 1e-5 * p.overlap * step  # of third order in the step
        assert p.mutual_information == pytest.approx(19.4 * 0.05 / 2 + 0.001 / 2 - p.free_entropy, abs=1e-14)
        assert (p.overlap_u, p.overlap) == (p.overlap, p.overlap_u)
        assert p.overlap_v == pytest.approx(at.SparseRademacher(0.05).overlap(19.4 * p.overlap), rel=1e-12)


def test_equal_sides_told_the_same_are_one_symmetric_matrix():
    prior = at.SparseRademacher(0.08)
    both, one = at.RectangularMatrix(prior, prior, 1), at.SpikedMatrix(prior)
    for path in (at.Flow(), at.Autoregressive()):
        a, b = at.thresholds(both, path), at.thresholds(one, path)
        for name in ("dynamical", "condensation", "algorithmic", "weak_recovery", "tricritical"):
            assert abs(a[name].control - b[name].control) <= a[name].error + b[name].error
        c = 0.5 * (a.dynamical.control + a.condensation.control)
        pairs, singles = at.fixed_points(both, path, c, 0.0), at.fixed_points(one, path, c, 0.0)
        assert len(pairs) == len(singles) == 3
        for p, q in zip(pairs, singles, strict=True):
            assert p.overlap_u == pytest.approx(q.overlap, rel=1e-11)
            assert p.overlap_v == pytest.approx(p.overlap_u, rel=1e-11)  # no asymmetric pairs
            assert p.free_entropy == pytest.approx(2 * q.free_entropy, rel=1e-9)
    # told of one side alone they differ
    told = at.thresholds(both, at.Flow(side="u")).tricritical
    assert abs(told.control - at.thresholds(one, at.Flow()).tricritical.control) > 1e3 * told.error


@pytest.mark.parametrize(("side", "mirrored"), [("u", "v"), ("v", "u"), ("both", "both")])
def test_the_sides_have_no_order(side, mirrored):
    """With u and v exchanged alpha becomes 1/alpha, and alpha lambda lambda."""
    u, v, aspect = at.Rademacher(), at.SparseRademacher(0.04), 0.6
    a = at.thresholds(at.RectangularMatrix(u, v, aspect), at.Flow(side=side))
    b = at.thresholds(at.RectangularMatrix(v, u, 1 / aspect), at.Flow(side=mirrored))
    for name in ("dynamical", "condensation", "algorithmic", "tricritical"):
        if a[name]:
            other = b[name].control * aspect
            assert abs(a[name].control - other) <= a[name].error + b[name].error, name
    assert a.tricritical.snr == pytest.approx(b.tricritical.snr, rel=1e-9)


@pytest.mark.parametrize("many_v", [True, False])
def test_a_side_of_far_more_variables_is_seen_as_a_gaussian(many_v):
    """Towards infinite and zero aspect the smaller side is a symmetric matrix of noise 1/(alpha lambda^2 Var^2)."""
    prior, other = at.SparseRademacher(0.08), at.Rademacher()
    scalar = at.thresholds(at.SpikedMatrix(prior), at.Flow()).tricritical
    away = []
    for ratio in (1e3, 1e5):
        aspect = ratio if many_v else 1 / ratio
        sides = (prior, other) if many_v else (other, prior)
        found = at.thresholds(at.RectangularMatrix(*sides, aspect), at.Flow(side="u" if many_v else "v")).tricritical
        away.append(abs(found.control**2 / aspect / scalar.control - 1))
    assert away[1] < 0.01
    assert away[0] / away[1] == pytest.approx(10, rel=0.1)  # like the root of the ratio


def mirrored(aspect, path, other):
    """Compare the points of a pair of priors with those of the pair exchanged, at one over the aspect."""
    u, v = at.Rademacher(), at.SparseRademacher(0.04)
    a = at.thresholds(at.RectangularMatrix(u, v, aspect), path)
    b = at.thresholds(at.RectangularMatrix(v, u, 1 / aspect), other)
    for name in ("dynamical", "condensation", "algorithmic", "tricritical"):
        assert bool(a[name]) == bool(b[name]), name
        if a[name]:
            assert abs(a[name].control - b[name].control * aspect) <= a[name].error + b[name].error * aspect, name


@pytest.mark.parametrize(
    "aspect", [0.01, 100.0, *(pytest.param(x, marks=pytest.mark.slow) for x in (1e-6, 1e-4, 0.1, 10.0, 1e4, 1e6))]
)
def test_every_aspect_is_as_good_as_its_inverse(aspect):
    mirrored(aspect, at.Flow(side="u"), at.Flow(side="v"))
    mirrored(aspect, at.Autoregressive(side="both"), at.Autoregressive(side="both"))


def test_few_points_in_many_dimensions_are_a_block_model():
    """Towards zero aspect centres are seen as Gaussian: (k-1)/Delta = alpha (1 - 1/k)^2 lambda^2/(k-1)."""
    k = 6
    scalar, path = at.thresholds(at.StochasticBlockModel(k), at.Flow()).tricritical, at.Flow(side="v")
    away = []
    for aspect in (1e-4, 1e-6):
        found = at.thresholds(at.GaussianMixture(k, aspect), path).tricritical
        block = (k - 1) ** 2 * found.noise**2 / (aspect * (1 - 1 / k) ** 2)
        away.append(abs(block / scalar.noise - 1))
    assert away[1] < 0.01
    assert away[0] / away[1] == pytest.approx(10, rel=0.1)  # like the root of the aspect


@pytest.mark.parametrize("k", [10, *(pytest.param(k, marks=pytest.mark.slow) for k in (5, 40))])
def test_hard_phases_of_mixtures_begin_at_four_and_two_roots_of_the_aspect(k):
    prior = PottsPrior(k)
    cusp = float(prior.channel([0.0]).overlap_curvature[0]) / float(prior.overlap_slope(0.0)) ** 1.5
    assert (cusp / 2) ** 2 * (k - 1) == pytest.approx(((k - 4) / 2) ** 2, rel=1e-10)
    onset = ((k - 4) / 2) ** 2
    path = at.Flow(side="v")
    below, above = (at.thresholds(at.GaussianMixture(k, onset * f), path) for f in (0.8, 1.2))
    assert below.tricritical is not None
    assert below.dynamical is not None
    assert above.tricritical is None
    assert above.dynamical is None
    assert below.weak_recovery.noise == pytest.approx(np.sqrt(onset * 0.8) / k, rel=1e-12)


@pytest.mark.parametrize("aspect", [1e-3, 1e3])
def test_two_unequal_clusters_jump_from_the_cusp_at_weak_recovery_on(aspect):
    """M''(0) = 1/(w(1-w)) - 6 = 2 sqrt(aspect), and thresholds on both sides of that."""
    balance = 1 / (6 + 2 * np.sqrt(aspect))  # w (1 - w)
    weight = balance * 2 / (1 + np.sqrt(1 - 4 * balance))
    prior = at.GaussianMixture(weights=[weight, 1 - weight], aspect=aspect).priors[1]
    slope, curvature = float(prior.overlap_slope(0.0)), float(prior.channel([0.0]).overlap_curvature[0])
    assert (curvature / slope**1.5 / 2) ** 2 == pytest.approx(aspect, rel=1e-10)
    for factor in (0.999, 1.001):
        w = weight * factor
        found = at.thresholds(at.GaussianMixture(weights=[w, 1 - w], aspect=aspect), at.Flow(side="v"))
        assert bool(found.algorithmic) == (factor < 1)
        assert bool(found.tricritical) == (factor < 1)


@pytest.mark.slow
def test_many_clusters_have_hard_phases_from_the_cusp_on_at_a_large_aspect():
    prior, aspect = PottsPrior(68), 1024.0
    cusp = float(prior.channel([0.0]).overlap_curvature[0]) / float(prior.overlap_slope(0.0)) ** 1.5
    assert cusp == pytest.approx(2 * np.sqrt(aspect / 67), rel=1e-10)
    for k, path in ((67, at.Autoregressive(side="u")), (69, at.Flow(side="u"))):
        assert bool(at.thresholds(at.GaussianMixture(k, aspect), path).dynamical) == (k > 68)


@pytest.mark.parametrize(
    ("k", "near", "path"),
    [
        (7, 1e-5, at.Flow(side="v")),
        pytest.param(70, 3e-6, at.Flow(side="u"), marks=pytest.mark.slow),
        (7, 1e-6, at.Autoregressive(side="both")),
    ],
)
def test_next_to_the_onset_of_hard_phases_nothing_is_denied(k, near, path):
    """Close to it the strength of the cusp is the distance to the third power: a law that doubles still resolve."""
    onset, far = ((k - 4) / 2) ** 2, 1e-3
    known = at.thresholds(at.GaussianMixture(k, onset * (1 - far)), path).tricritical.strength
    reasons = at.thresholds(at.GaussianMixture(k, onset * (1 - near)), path).reasons
    stated = reasons["tricritical"]
    assert "no first-order transition is seen" in stated
    bound = float(stated.rsplit(" ", 1)[1])
    assert known * (near / far) ** 3 < bound < 1e-16
    for name in ("dynamical", "condensation", "algorithmic"):
        assert "seen" in reasons[name]
        assert "within a relative 1e-11 of weak recovery" in reasons[name]


def test_models_of_one_kind_next_to_an_onset_deny_nothing_either():
    """Two groups of which one has the weight 1/2 - 1/sqrt(12): M''(0) = 0; equal ones rise at once, and none is said."""
    for weight, seen in ((0.5 - 1 / np.sqrt(12) - 1e-8, True), (0.5, False)):
        reasons = at.thresholds(at.SpikedMatrix(at.two_groups(weight)), at.Flow()).reasons
        assert ("is seen along this path" in reasons["tricritical"]) == seen
        assert ("no second branch is seen" in reasons["dynamical"]) == seen


@pytest.mark.parametrize(
    "model",
    [
        at.SpikedMatrix(at.two_groups(0.5 - 1 / np.sqrt(12) - 1e-8)),
        at.GaussianMixture(7, 2.25 * (1 - 3e-6)),
        at.SpikedMatrix(at.two_groups(0.5)),
        at.GaussianMixture(7, 3.0),
    ],
)
def test_verdicts_deny_no_more_than_thresholds_do(model):
    """What the points leave open next to an onset no verdict denies, and what they exclude none leaves open."""
    compared = at.compare_samplers(model, "planted")
    paths = [
        at.Flow(),
        at.Autoregressive(),
        *(k(side=s) for s in model.sides[:-1] for k in (at.Flow, at.Autoregressive)),
    ]
    for path in paths:
        name = path.name if path.side is None else f"{path.name} on {path.side}"
        hidden = "doubles do not tell" in at.thresholds(model, path).reasons["tricritical"]
        for verdict in compared[name].verdicts:
            assert verdict.succeeds
            assert ("is seen" in verdict.reason) == (hidden and verdict.certainty != "theorem")
            assert ("meets no" in verdict.reason) != ("is seen" in verdict.reason)
    hidden = "is seen" in at.thresholds(model, at.Flow()).reasons["dynamical"]
    reasons = [v.reason for v in compared["mcmc"].verdicts if v.succeeds and v.certainty != "theorem"]
    assert bool(reasons) == (not model.sides)
    for reason in reasons:
        assert reason.startswith("no second branch is seen" if hidden else "no second branch exists")
    bounds = [v for name in ("any product path", "any denoiser (bound)") for v in compared[name].verdicts]
    for verdict in bounds:
        assert verdict.certainty == "theorem" or ("is seen" in verdict.reason) == hidden


def test_the_best_path_leaves_open_what_is_hidden():
    found = at.best_path(at.SpikedMatrix(at.two_groups(0.5 - 1 / np.sqrt(12) - 1e-8)))
    assert "is seen" in found.reasons["dynamical"]
    assert found.reasons["best"].startswith("xi''(q) S < 1 at all overlaps above the start that were looked at")
    assert found.report().count("no first-order transition is seen") == len(found.paths)


def test_the_best_side_says_what_is_hidden():
    found = at.best_side(at.GaussianMixture(7, 2.25 * (1 - 3e-6)))
    assert not any(found.points.values())
    assert all("is seen along this path" in reason for reason in found.to_dict()["reasons"].values())
    assert found.report().count("doubles do not tell") == 6


def test_gaussians_have_no_transition_but_weak_recovery():
    found = at.thresholds(at.RectangularMatrix(at.Gaussian(), at.Gaussian(), 3.0), at.Autoregressive(side="v"))
    assert found.weak_recovery.noise == pytest.approx(np.sqrt(3))
    assert not any(found[name] for name in ("dynamical", "condensation", "algorithmic", "tricritical"))


def test_means_on_both_sides_leave_no_symmetric_fixed_point():
    mean = at.Discrete([0, 1], [0.99, 0.01])
    found = at.thresholds(at.RectangularMatrix(mean, mean, 1), at.Flow())
    assert "non-zero mean" in found.reasons["weak_recovery"]
    assert found.dynamical
    assert found.condensation
    assert found.algorithmic
    assert found.tricritical
    one = at.thresholds(at.RectangularMatrix(at.Gaussian(), mean, 1), at.Flow())
    assert "non-zero mean" in one.reasons["weak_recovery"]


def compared(seed):
    """Compare all fixed points with those of state evolution from everywhere; return how many are stable."""
    model, path, control, strength = random_two_sides(np.random.default_rng(seed), random_prior)
    found = at.fixed_points(model, path, control, strength)
    u, v = model.priors
    lam, side = float(model.intensity(np.array(control))), path.side or "both"
    of_u, of_v = (response(p, path, side in (s, "both"), strength) for p, s in ((u, "u"), (v, "v")))
    for p in found:
        q_v = of_v(np.array([lam * p.overlap]))
        assert of_u(model.ratio * lam * q_v)[0] == pytest.approx(p.overlap, rel=1e-9, abs=1e-300), (model, path)
        assert q_v[0] == pytest.approx(p.overlap_v, rel=1e-9, abs=1e-300)
    settled = iterated(model, path, control, strength)
    stable = np.array([p.overlap for p in found.stable])
    near = np.abs(settled[:, None] - stable).min(axis=1, initial=np.inf) <= 1e-6 * settled + 1e-7 * u.second_moment
    assert np.all(near), (seed, model, path, control, strength, settled[~near], stable)
    return len(stable)


def test_no_fixed_point_of_random_models_is_missed():
    several = [compared(seed) > 1 for seed in (10, 17, 34, 38, 46, 50, 51, 56)]
    assert any(several)


@pytest.mark.slow
def test_no_fixed_point_of_many_random_models_is_missed():
    several = [compared(seed) > 1 for seed in range(60, 105)]
    assert sum(several) >= 2


@pytest.mark.parametrize(
    ("model", "noise", "weight"),
    [
        (at.GaussianMixture(5, 0.7), 0.12, 4),
        (at.GaussianMixture(weights=[0.2, 0.8], aspect=1.5), 0.3, 1),
        (at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.05), 2.0), 0.06, 1),
    ],
    ids=repr,
)
def test_slopes_of_the_free_entropy_in_the_strengths(model, noise, weight):
    """By differences: d phi/d s_u = weight q_u/2, d phi/d s_v = aspect q_v/2, and their sum on both sides."""
    for side in ("u", "v", "both"):
        low, here, high = (
            at.fixed_points(model, at.Flow(side=side), noise=noise, snr=s)[-1] for s in (0.2999, 0.3, 0.3001)
        )
        expected = {"u": weight * here.overlap_u / 2, "v": model.aspect * here.overlap_v / 2}
        wanted = expected.get(side, sum(expected.values()))
        assert (high.free_entropy - low.free_entropy) / 2e-4 == pytest.approx(wanted, rel=1e-7)


def test_weights_too_small_are_refused_at_once():
    for bad in (1e-15, 9.9e-9):
        with pytest.raises(at.InputError, match="weights must be at least 1e-08"):
            at.GaussianMixture(weights=[bad, 1 - bad], aspect=1)
    assert at.GaussianMixture(weights=[1e-8, 1 - 1e-8], aspect=1).priors
