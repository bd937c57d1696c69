"""The linear programme of side information: against closed forms, other programmes, other quadrature, and itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq, linprog, minimize_scalar

import amp_theory as at
from amp_theory.phases.optimal.best_path import bounds_of
from amp_theory.phases.optimal.certificate import least_reduced_cost
from amp_theory.phases.optimal.least_slope import least_slope
from amp_theory.phases.optimal.order import degradation_gap, ordered
from amp_theory.phases.optimal.posteriors import PosteriorChannel
from amp_theory.phases.optimal.programme import Atoms
from amp_theory.phases.optimal.reduced_cost import ENOUGH, ReducedCost

SPARSE = at.SparseRademacher(0.08)
BIASED, LOPSIDED = at.Discrete([-1, 1], [0.3, 0.7]), at.Discrete([3, 1, 7], [0.5, 0.3, 0.2])
#: where the programme of the sparse prior is marginal first
OVERLAP, SNR = 0.208068 * 0.08, 0.208068 / (1.065505509 * 0.08)


def random_posteriors(rng, number, atoms):
    """Return posteriors of all kinds: spread out, next to a corner, next to an edge."""
    return rng.dirichlet(np.full(atoms, 0.3), number)


def drawn(rng):
    """Return a random prior of two or three values, an overlap that side information can leave, and an snr."""
    kind = int(rng.integers(3))
    if kind == 0:
        prior = at.SparseRademacher(10 ** rng.uniform(-2.5, -0.1))
    else:
        weights = rng.dirichlet(np.full(kind + 1, 2.0))
        prior = at.Discrete([-1.0, 1.0, rng.uniform(-0.7, 0.7)][: kind + 1], weights / weights.sum())
    snr = 10 ** rng.uniform(-0.7, 1.0)
    return prior, float(prior.second_moment - rng.uniform(0.05, 0.999) * prior.mmse(snr)), snr


# --- the channel of posteriors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("snr", [0.0, 0.4, 3.0, 60.0])
def test_uncertainty_and_slope_are_those_of_the_prior_s_channel(snr):
    channel = PosteriorChannel(np.array([-1.0, 0.2, 1.0]), snr)
    for weights in ([0.2, 0.5, 0.3], [1e-3, 0.999, 0.0], [0.0, 0.4, 0.6]):
        e, s = (float(np.array(weights) @ g[0]) for g in channel.gradients(np.array([weights])))
        prior = at.Discrete([-1.0, 0.2, 1.0], weights)
        assert e == pytest.approx(float(prior.mmse(snr)), rel=1e-12)
        assert s == pytest.approx(float(prior.channel(snr).overlap_slope), rel=1e-12)


def test_derivatives_are_those_of_the_values():
    channel, step = PosteriorChannel(np.array([-1.0, 0.2, 1.0]), 2.0), 1e-5
    weights = np.array([0.2, 0.5, 0.3])
    both = weights + step * np.concatenate([np.eye(3), -np.eye(3)])
    for value, slope, bent, curvature in zip(
        channel.values(both), channel.gradients(weights[None]), channel.gradients(both), channel.curvatures(weights),
        strict=True,
    ):  # fmt: skip
        assert (value[:3] - value[3:]) / (2 * step) == pytest.approx(slope[0], abs=1e-9)
        assert (bent[:3] - bent[3:]) / (2 * step) == pytest.approx(curvature, abs=1e-8)


# --- the optimum --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("overlap", "snr"), [(0.44, 0.3), (0.9, 1.5)])
def test_spins_have_the_optimum_of_the_closed_form(overlap, snr):
    found = least_slope(at.Discrete([-1, 1], [0.5, 0.5]), overlap, snr)
    known = least_slope(at.Rademacher(), overlap, snr)
    assert found.error < 1e-9
    assert found.slope == pytest.approx(known.slope, abs=found.error + known.error)
    assert found.greatest == pytest.approx(known.greatest, abs=1e-9)
    ((_, (r,)),) = known.law
    assert {round(abs(p - m), 9) for _, (p, m) in found.law} == {round(r, 9)}
    assert sum(weight for weight, _ in found.law) == pytest.approx(1, abs=1e-12)


def programme_on_a_grid(prior, grid, overlap, snr):
    """Solve the programme for posteriors of a grid, with the channel functions of `Discrete`."""
    values = prior.mixture.means
    laws = [at.Discrete(values, p) if p.max() < 1 else None for p in grid]
    e = [float(law.mmse(snr)) if law else 0.0 for law in laws]
    s = [float(law.channel(snr).overlap_slope) if law else 0.0 for law in laws]
    gap = prior.second_moment - overlap
    rows = np.vstack([grid.T / prior.mixture.probabilities[:, None], np.array(e) / gap])
    return linprog(s, A_eq=rows, b_eq=np.ones(len(rows))).fun


@pytest.mark.parametrize(("prior", "overlap", "snr"), [(SPARSE, OVERLAP, SNR), (LOPSIDED, 14.0, 0.5)])
@pytest.mark.every(2)
def test_a_dense_grid_comes_down_to_the_optimum_and_not_below(prior, overlap, snr):
    found = least_slope(prior, overlap, snr)
    best = np.array([posterior for _, posterior in found.law])
    rng = np.random.default_rng(5)
    excess = []
    for distance in (0.3, 0.1):
        near = best[rng.integers(len(best), size=50)] * np.exp(rng.uniform(-distance, distance, (50, best.shape[1])))
        near /= near.sum(axis=1, keepdims=True)
        grid = np.concatenate([np.eye(best.shape[1]), random_posteriors(rng, 50, best.shape[1]), near])
        grid = grid[np.sort(grid, axis=1)[:, -2] > 1e-6]
        grid = np.concatenate([np.eye(best.shape[1]), prior.mixture.probabilities[None], grid])
        excess.append(programme_on_a_grid(prior, grid, overlap, snr) - found.slope)
    # the solver's own accuracy is 1e-7; the grid's excess falls with the square of its distances
    assert -1e-7 * found.slope <= excess[1] < 0.5 * excess[0] < 0.05 * found.slope


def test_law_satisfies_what_it_must():
    for prior, overlap, snr in ((SPARSE, OVERLAP, SNR), (LOPSIDED, 14.0, 0.5)):
        found = least_slope(prior, overlap, snr)
        weights, laws = np.array([w for w, _ in found.law]), [p for _, p in found.law]
        assert weights @ np.array(laws) == pytest.approx(prior.mixture.probabilities, abs=1e-12)
        parts = [at.Discrete(prior.mixture.means, np.array(law) / sum(law)) for law in laws]
        gap = prior.second_moment - overlap
        assert weights @ [float(p.mmse(snr)) for p in parts] == pytest.approx(gap, rel=1e-10)
        assert weights @ [float(p.channel(snr).overlap_slope) for p in parts] == pytest.approx(found.slope, rel=1e-10)
        dual = found.multipliers[0] * gap + np.dot(found.multipliers[1:], prior.mixture.probabilities)
        assert dual == pytest.approx(found.slope, abs=found.error)


def test_units_and_origin_of_the_values_change_nothing_else():
    shift, unit = 0.7, 3.0
    moved = at.Discrete([shift + unit * v for v in (-1, 0, 1)], [0.04, 0.92, 0.04])
    gap = 0.08 - OVERLAP
    found = least_slope(moved, moved.second_moment - unit**2 * gap, SNR / unit**2)
    known = least_slope(SPARSE, OVERLAP, SNR)
    assert found.slope == pytest.approx(unit**4 * known.slope, rel=1e-9)
    assert found.multipliers[0] == pytest.approx(unit**2 * known.multipliers[0], rel=1e-6)


def never_beaten(seed, number):
    """Flow and autoregression are within the bounds, which hold Jensen's, on random priors."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        prior, overlap, snr = drawn(rng)
        found, gap = least_slope(prior, overlap, snr), prior.second_moment - overlap
        low, high = snr, 1e3
        for _ in range(60):  # the snr that alone leaves the uncertainty: flow adds to x until it is reached
            middle = np.sqrt(low * high)
            low, high = (middle, high) if prior.mmse(middle) > gap else (low, middle)
        flow = float(prior.channel(low).overlap_slope)
        revealed = float(prior.channel(snr).overlap_slope) * gap / float(prior.mmse(snr))
        assert found.error < 1e-3 * found.slope
        for slope in (flow, revealed):
            assert found.slope - found.error <= slope * (1 + 1e-9)
            assert slope <= found.greatest * (1 + 1e-3)
        assert gap**2 <= found.slope + found.error


def test_no_path_beats_the_optimum():
    never_beaten(1, 4)


@pytest.mark.slow
def test_no_path_beats_the_optimum_on_many_priors():
    never_beaten(2, 16)


def test_where_nothing_or_all_is_told_the_slope_is_the_prior_s_or_none():
    snr = 2.0
    most = float(SPARSE.overlap(snr))
    start = least_slope(SPARSE, most + 1e-12, snr)
    assert start.slope == pytest.approx(float(SPARSE.channel(snr).overlap_slope), rel=1e-9)
    end = least_slope(SPARSE, 0.08 * (1 - 1e-5), snr)
    assert 0 < end.slope < 1e-6


@pytest.mark.parametrize("prior", [at.SparseRademacher(0.0238), at.Discrete([-1, -0.4, 1], [0.2, 0.3, 0.5])])
def test_at_small_snr_jensen_s_bound_is_nearly_attained(prior):
    """There all laws of one variance are equally good, so that there is hardly one to polish."""
    snr = 0.05
    gap = 0.4 * float(prior.mmse(snr))
    found = least_slope(prior, prior.second_moment - gap, snr)
    assert gap**2 < found.slope < 1.05 * gap**2
    assert found.error < 1e-5 * found.slope


# --- the certificate ----------------------------------------------------------------------------------------------


def test_certificate_holds_and_refuses_a_perturbed_optimum():
    found = least_slope(SPARSE, OVERLAP, SNR)
    assert 0 > least_reduced_cost(SPARSE, found) > -1e-12
    for which, change in ((0, 1e-8), (1, 1e-11), (2, 1e-11), (3, 1e-11)):
        more = list(found.multipliers)
        more[which] += change  # a larger bound, which some posterior contradicts
        assert least_reduced_cost(SPARSE, replace(found, multipliers=tuple(more))) < -5e-12


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_least_reduced_cost_is_a_bound_and_near_the_least(sign):
    rng = np.random.default_rng(3)
    for prior in (BIASED, SPARSE, LOPSIDED):
        atoms = Atoms.of(prior)
        channel = PosteriorChannel(atoms.places, rng.uniform(0.3, 4.0))
        weights = random_posteriors(rng, 4000, len(atoms.places))
        for _ in range(3):
            cost = ReducedCost(channel, sign, rng.uniform(-0.5, 0.5), rng.uniform(-0.3, 0.3, len(atoms.places)))
            bound, found = cost.least(np.eye(len(atoms.places)), 1e-9)
            sampled = float(cost.values(weights).min())
            least = float(cost.values(found).min()) if len(found) else sampled
            assert bound <= min(sampled, least) + 1e-14
            # what is returned is as low as what a search at random finds
            assert bound >= (ENOUGH * least - 1e-9 if len(found) else -1e-8)
            assert least <= sampled / ENOUGH or not len(found)


def second_differences(cost, weights, line):
    """Return those of R - h and of h along a line, in units of its length."""
    line = line * (1e-4 * weights.min() / np.abs(line).max())
    return [
        np.diff(part @ line)[0] / np.abs(line).max() for part in cost.parts(np.array([weights - line, weights + line]))
    ]


def test_what_is_convex_is_convex():
    """R - h has second derivatives >= 0 and h <= 0 along lines, for both signs: the certificate rests on it."""
    rng = np.random.default_rng(4)
    for sign in (1.0, -1.0):
        for snr in 10 ** np.linspace(-2, 1.5, 8):
            places = np.array([-1.0, rng.uniform(-0.9, 0.9), 1.0])
            cost = ReducedCost(PosteriorChannel(places, snr), sign, rng.uniform(-1, 2), np.zeros(3))
            even = np.array([0.499, 0.002, 0.499])  # the largest variance
            for weights in (rng.dirichlet(np.ones(3)), even):
                # one line at random, one that keeps the mean, one that keeps the second moment of the even posterior
                for line in (rng.normal(size=3), np.cross(places, np.ones(3)), np.array([1.0, 0.0, -1.0])):
                    convex, concave = second_differences(cost, weights, line)
                    assert convex >= -1e-15
                    assert concave <= 1e-15


# --- the order of laws --------------------------------------------------------------------------------------------


def test_a_law_is_a_degradation_of_one_that_splits_its_posteriors():
    coarse = ((0.25, (0.2, 0.8)), (0.75, (0.6, 0.4)))
    fine = ((0.25, (0.2, 0.8)), (0.375, (0.5, 0.5)), (0.375, (0.7, 0.3)))
    assert degradation_gap(coarse, fine) < 1e-12
    assert degradation_gap(coarse, coarse) < 1e-12
    # two probabilities of two posteriors are 0.1 from those of the coarse law, in units of the values' own, one half
    assert degradation_gap(fine, coarse) == pytest.approx(4 * 0.375 * 0.1 / 0.5, abs=1e-9)
    assert ordered([coarse, fine])
    assert not ordered([coarse, fine, coarse])


# --- four values and more -----------------------------------------------------------------------------------------

EVEN, UNEVEN = at.Discrete([-2, -1, 1, 2], [0.25] * 4), at.Discrete([-1, 0, 1, 3], [0.1, 0.6, 0.2, 0.1])


def hidden(prior, strength, part):
    """Return an overlap and an snr, in units of the prior, at which a part of the uncertainty is left."""
    snr = strength / prior.variance
    return float(prior.second_moment - part * prior.mmse(snr)), snr


@pytest.mark.parametrize("prior", [EVEN, UNEVEN], ids=repr)
@pytest.mark.slow
def test_four_values_have_a_law_that_no_random_posterior_improves(prior):
    overlap, snr = hidden(prior, 0.3, 0.7)
    found, gap = least_slope(prior, overlap, snr), prior.second_moment - overlap
    weights, posteriors = (np.array(column) for column in zip(*found.law, strict=True))
    assert weights @ posteriors == pytest.approx(prior.mixture.probabilities, abs=1e-9)
    laws = [
        (w, at.Discrete(prior.mixture.means, p / p.sum()))
        for w, p in zip(weights, posteriors, strict=True)
        if p.max() < 1
    ]
    assert sum(w * float(law.mmse(snr)) for w, law in laws) == pytest.approx(gap, rel=1e-8)
    assert sum(w * float(law.channel(snr).overlap_slope) for w, law in laws) == pytest.approx(found.slope, rel=1e-8)
    assert gap**2 <= found.slope - found.error < found.slope
    revealed = float(prior.channel(snr).overlap_slope) * gap / float(prior.mmse(snr))
    assert found.slope < 0.95 * revealed
    assert found.greatest is None
    charge, prices = found.multipliers[0], np.array(found.multipliers[1:])
    rng = np.random.default_rng(6)
    for weights in random_posteriors(rng, 300, 4):
        law = at.Discrete(prior.mixture.means, np.maximum(weights, 1e-9) / np.maximum(weights, 1e-9).sum())
        cost = float(law.channel(snr).overlap_slope) - charge * float(law.mmse(snr)) - weights @ prices
        assert cost > max(found.reduced_cost, -1e-7 * found.slope) - 1e-8 * found.slope


@pytest.mark.slow
def test_the_worst_of_three_bodies_has_a_point_though_its_slope_is_constant_at_first():
    """Next to q = 0 revealing zeros leaves xi'' S = 2 at every snr: the search for one stays in its range."""
    found = at.best_path(at.SpikedTensor(3, at.SparseRademacher(0.3)))
    flow = at.thresholds(at.SpikedTensor(3, at.SparseRademacher(0.3)), at.Flow()).tricritical
    assert found.any_denoiser.control < found.best.control < flow.control < found.worst.control


def test_what_is_not_bounded_on_the_simplex_is_no_proof():
    proven = least_slope(EVEN, *hidden(EVEN, 0.3, 0.7))
    assert proven.error < 1e-9 * proven.slope
    open_ = least_slope(UNEVEN, *hidden(UNEVEN, 3.0, 0.7))
    assert open_.reduced_cost < -1e-3 * open_.slope
    assert open_.error > 1e-3 * open_.slope


@pytest.mark.slow
def test_best_path_of_four_values_says_what_it_is():
    model = at.SpikedTensor(3, UNEVEN)
    found = at.best_path(model)
    assert found.certainty["best"] == "numerical"
    assert "not bounded between nodes" in found.reasons["certificate"]
    assert found.worst is None
    assert "more than three values" in found.reasons["worst"]
    assert found.any_denoiser.control < found.best.control < min(p.control for p in found.paths.values())
    (verdict,) = (v for v in at.compare_samplers(model)["any product path"].verdicts if v.certainty == "heuristic")
    assert verdict.succeeds is False
    assert verdict.hi == pytest.approx(found.best.control, rel=1e-9)


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("prior", "overlap", "snr", "words"), [
    (SPARSE, 0.01, 2.44, "overlap must lie between"), (SPARSE, 0.081, 2.44, "overlap must lie between"),
    (SPARSE, 0.05, 0.0, "snr must be positive"), (SPARSE, 0.05, 1e5, "at most 150"),
    (at.Discrete(range(7), [0.4, *[0.1] * 6]), 2.0, 0.1, "at most 6 values"),
    (at.GaussBernoulli(0.1), 0.05, 1.0, "Jensen"),
])  # fmt: skip
def test_what_is_not_there_is_refused_in_one_line(prior, overlap, snr, words):
    with pytest.raises(at.InputError, match=words) as refused:
        least_slope(prior, overlap, snr)
    assert "\n" not in str(refused.value)


# --- the best path ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_best_path_of_biased_spins_is_where_the_largest_product_is_one():
    model = at.SpikedTensor(3, at.Discrete([-1, 1], [0.4, 0.6]))
    found = at.best_path(model)
    assert found.certificate.reduced_cost > -1e-10
    assert found.ordered is True
    intensity = float(model.intensity(np.array(found.best.control)))
    products = []
    for overlap in (found.best.overlap, *np.linspace(0.3, 0.9, 7)):
        x, bent = (
            float(f(intensity, np.array(overlap), np.array(1 - overlap)))
            for f in (model.coupling.signal, model.coupling.curvature)
        )
        if model.variable_prior.overlap(x) < overlap:
            products.append(bent * least_slope(model.variable_prior, overlap, x).slope)
    assert len(products) > 4
    assert products[0] == pytest.approx(1, abs=1e-9)
    assert max(products[1:]) < 1
    # easier than the bound for any denoiser, harder than the threshold of the flow
    flow = at.thresholds(model, at.Flow()).tricritical.control
    assert found.any_denoiser.control < found.best.control < flow < found.worst.control


@pytest.mark.slow
def test_best_path_of_the_sparse_matrix():
    """Delta/rho^2 at rho = 0.08: the optimum lies between the dynamical point and every path."""
    rho, model = 0.08, at.SpikedMatrix(SPARSE)
    found = at.best_path(model)
    assert found.best.control / rho**2 == pytest.approx(1.065505509, abs=6e-10)
    assert found.best.overlap / rho == pytest.approx(0.208068, abs=6e-7)
    assert found.any_denoiser.control / rho**2 == pytest.approx(1.040860115, abs=6e-10)
    signed, unsigned = (sorted(found.certificate.law)[n] for n in (0, -1))
    assert 2 * signed[0] == pytest.approx(9.28e-4, abs=6e-7)
    assert max(signed[1]) == pytest.approx(0.953523, abs=6e-7)
    assert min(signed[1]) == 0
    assert 1 - unsigned[1][1] == pytest.approx(0.0791885, abs=6e-8)
    points = [at.thresholds(model, path).tricritical.control / rho**2 for path in (at.Autoregressive(), at.Flow())]
    assert points == pytest.approx([1.069441385, 1.080131436], abs=6e-10)
    assert found.best.control < points[0] * rho**2 < found.worst.control
    assert found.best.error < 1e-11
    assert found.ordered is False
    assert found.certainty["best"] == "bound"
    assert rho**2 * revealed_non_zeros(rho) == pytest.approx(1.065683282 * rho**2, abs=6e-10 * rho**2)


def revealed_non_zeros(rho):
    """Return the largest Delta/rho^2 at which a state is marginal while only non-zero variables are revealed."""

    def rest(share):
        return at.SparseRademacher(rho * (1 - share) / (1 - rho * share)), 1 - rho * share

    def noise(overlap):
        def share(snr):
            def missing(share):
                prior, hidden = rest(share)
                return hidden * float(prior.mmse(snr)) - (rho - overlap)

            return brentq(missing, 0.0, 0.5, xtol=1e-14)

        def excess(snr):
            prior, hidden = rest(share(snr))
            return snr * hidden * float(prior.channel(snr).overlap_slope) / overlap - 1

        most = brentq(lambda snr: float(at.SparseRademacher(rho).overlap(snr)) - overlap, 1.0, 6.0, xtol=1e-13)
        return overlap / brentq(excess, 0.7 * most, most * (1 - 1e-9), xtol=1e-13)

    found = minimize_scalar(lambda y: -noise(y * rho), bounds=(0.17, 0.25), method="bounded", options={"xatol": 1e-6})
    return -found.fun / rho**2


def skewed(a, rare):
    """Return a prior of mean zero on -a, 0, 1."""
    return at.SpikedMatrix(at.Discrete([-a, 0, 1], [rare / (1 + a), 1 - rare, rare * a / (1 + a)]))


@pytest.mark.parametrize(("a", "rare"), [(0.5, 0.09), (1.874, 0.126)])
@pytest.mark.every(2)
def test_the_worst_is_approached_where_zeros_are_told_first(a, rare):
    """At q -> 0 an overlap is marginal iff E kappa_3^2 = 2 E V^3: at V = u v, of what all but 1 - u of the zeros leave.

    With v and k the variance and the third cumulant of what is no zero, u = k^2/2v^3, and S tends to rare v^2 u.
    """
    model = skewed(a, rare)
    found = bounds_of(model)["worst"].limit()
    limit = rare * (a * (1 - a)) ** 2 / (2 * a)
    assert (
        abs(float(model.from_intensity(np.array(found.intensity))) / limit - 1)
        < found.intensity_error / found.intensity
    )
    assert found.intensity_error < 1e-6 * found.intensity


def test_a_line_that_does_not_fall_to_its_start_has_no_limit_there():
    for model in (at.SpikedMatrix(at.SparseRademacher(0.08)), at.IsingPSpin(3)):
        assert bounds_of(model)["worst"].limit() is None


@pytest.mark.slow
def test_no_path_is_worse_than_the_worst_of_a_skewed_prior():
    model = at.SpikedMatrix(at.Discrete([-1, 0, 2], [0.06, 0.91, 0.03]))
    found = at.best_path(model)
    assert abs(found.worst.noise - 0.09) < found.worst.error < 1e-7
    assert found.certainty["worst"] == "bound"
    assert "approached" in found.reasons["worst"]
    assert all(point.noise < found.worst.noise for point in found.paths.values())
    axes = at.marginal_lines(model, points=20).plot()
    assert axes.get_ylim()[1] > found.worst.noise
    assert any(np.allclose(line.get_xydata(), [[0, found.worst.noise]]) for line in axes.lines)


def test_marginal_snrs_of_rare_atoms_are_found():
    line = bounds_of(at.SpikedMatrix(at.SparseRademacher(1e-6)))["worst"]
    assert np.all(np.isfinite(line.snrs(np.array([-8.0]))))
