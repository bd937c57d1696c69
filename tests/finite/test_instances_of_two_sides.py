"""Instances with variables of two kinds: their law, message passing against state evolution, what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import amp_theory as at
from amp_theory.trials.amp_against_theory import extrapolate

PCA = at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.1), aspect=0.5)
SMALL = at.RectangularMatrix(at.Rademacher(), at.Discrete([1.0, -0.5], [1 / 3, 2 / 3]), aspect=1.5)


def everything(instance):
    """Return all configurations of a small instance of SMALL and their probabilities, by sums over entries."""
    n, m = instance.sizes
    lam = float(1 / instance.control)
    u = np.array(list(itertools.product([-1.0, 1.0], repeat=n)))
    v = np.array(list(itertools.product([1.0, -0.5], repeat=m)))
    prior = np.prod(np.where(v > 0, 1 / 3, 2 / 3), axis=1)
    log = np.zeros((len(u), len(v)))
    for i, j in itertools.product(range(n), range(m)):
        signal = np.sqrt(lam / n) * u[:, None, i] * v[None, :, j]
        log += -0.5 * (instance.matrix[i, j] - signal) ** 2 + 0.5 * instance.matrix[i, j] ** 2
    both = np.array([np.append(a, b) for a in u for b in v])
    weight = np.exp(log - log.max()) * prior
    return both, log.ravel(), (weight / weight.sum()).ravel()


def test_weights_are_those_of_the_matrix_and_the_planted_configuration_is_a_sample():
    """log P(Y|u, v) entry by entry; by Nishimori E[<s> s*] = E[<s>^2], which a wrong lambda breaks."""
    instance = at.draw_instance(SMALL, 0.3, 4, 0)
    both, log, _ = everything(instance)
    assert instance.sizes == (4, 6)
    assert both.shape[1] == instance.size == 10
    assert np.allclose(instance.interaction(both), log, rtol=0, atol=1e-11)
    assert np.allclose(instance.energy(both), -log / 4, rtol=0, atol=1e-11)
    gaps = []
    for seed in range(150):
        instance = at.draw_instance(SMALL, 0.8, 4, seed)
        both, _, probability = everything(instance)
        mean = probability @ both
        gaps.append([(mean * (instance.planted - mean))[part].mean() for part in (slice(0, 4), slice(4, 10))])
    pull = np.mean(gaps, axis=0) / (np.std(gaps, axis=0) / np.sqrt(len(gaps)))
    assert np.all(np.abs(pull) < 4)


@pytest.mark.parametrize("side", ["u", "v", "both", None])
def test_paths_tell_their_side_alone(side):
    instance, rng = at.draw_instance(PCA, 0.1, 400, 0), np.random.default_rng(1)
    flow = instance.observe(at.Flow(side=side), 0.7, rng)
    masks = instance.observe(at.Autoregressive(side=side), 0.7, rng)
    for name, part in (("u", slice(0, 400)), ("v", slice(400, 600))):
        told = side in (None, "both", name)
        assert np.all(flow.precision[part] == (0.7 if told else 0.0))
        assert np.any(flow.field[0, part]) == told
        assert abs(masks.known[0, part].mean() - 0.7 * told) < (0.12 if told else 1e-300)
    log = flow.log_weight(instance.planted)[0, 0]
    expected = flow.field[0] @ instance.planted - 0.5 * (flow.precision * instance.planted**2).sum()
    assert log == pytest.approx(expected, rel=1e-12)


def test_message_passing_knows_what_it_is_told_and_converges():
    instance, rng = at.draw_instance(PCA, 1 / 30, 500, 2), np.random.default_rng(3)
    side = instance.observe(at.Autoregressive(side="v"), 0.5, rng)
    found = at.run_amp(instance, side)
    assert found.status == ("converged",)
    assert np.array_equal(found.mean[side.known], instance.planted[side.known[0]])
    assert not np.any(found.variance[side.known])
    damped = at.run_amp(instance, side, options=at.MessagePassingOptions(damping=0.3))
    assert damped.status == ("converged",)
    assert np.allclose(damped.mean, found.mean, rtol=0, atol=1e-5)
    informed = at.run_amp(instance, side, "informed")
    assert instance.overlaps(informed.mean[0], instance.planted)[0] > 0.5
    # two rows at once are what each is alone
    two = at.SideInformation.from_field(np.array([side.field[0], np.ones(instance.size)]), np.full(instance.size, 0.2))
    rows = [at.SideInformation.from_field(row, np.full(instance.size, 0.2)) for row in two.field]
    together = at.run_amp(instance, two, options=at.MessagePassingOptions(max_iterations=5)).mean
    for one, row in zip(rows, together, strict=True):
        alone = at.run_amp(instance, one, options=at.MessagePassingOptions(max_iterations=5)).mean[0]
        assert np.allclose(alone, row, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "control", "path", "strength", "sizes"),
    [
        (PCA, 1 / 14, at.Flow(side="u"), 0.3, (300, 600, 1200)),
        (PCA, 1 / 30, at.Autoregressive(side="v"), 0.3, (400, 800, 1600)),
        (at.GaussianMixture(weights=[0.2, 0.8], aspect=2), 0.2, at.Flow(side="both"), 0.2, (200, 400, 800)),
        (SMALL, 0.5, at.Flow(side="v"), 0.3, (200, 400, 800)),
    ],
    ids=["sparse PCA, u", "sparse PCA, v revealed", "two clusters, both", "discrete, v"],
)
def test_amp_of_both_kinds_follows_state_evolution(model, control, path, strength, sizes):
    """The overlaps of u and of v over 20 instances minus state evolution extrapolate to zero in 1/N."""
    found = at.amp_against_state_evolution(model, path, control, strength, sizes, seed=1)
    assert found.p_value > 0.001, str(found)
    # the negative controls: theory at another strength, and that of v one iteration late
    columns = np.array(found.tested) - 1
    other = at.state_evolution(model, path, control, 2 * strength, max_steps=8, tolerance=1e-300)
    v = found.other_kind.overlap
    for values, theory in ((found.overlap, other.overlap[1:]), (v, other.overlap_v[:-1])):
        assert extrapolate(sizes, (values - theory)[:, :, columns])[2] < 1e-4
    late = at.state_evolution(model, path, control, strength, max_steps=8, tolerance=1e-300).overlap_v[1:]
    assert extrapolate(sizes, (v - late)[:, :, columns])[2] < 1e-4


SPIKES, SIGNS = at.GaussBernoulli(0.3), at.Rademacher()
BIASED = at.RectangularMatrix(at.Discrete([1.0, -0.5], [1 / 3, 2 / 3]), at.Discrete([0.0, 1.0], [0.7, 0.3]), aspect=0.3)
#: other priors, with a mean on one side too, at aspects 0.3 and 3
SMALLER = {
    "spikes and signs, u": (at.RectangularMatrix(SPIKES, SIGNS, aspect=0.3), 1 / 12, at.Flow(side="u"), 0.4),
    "sparse and Gaussian, v": (
        at.RectangularMatrix(at.SparseRademacher(0.2), at.Gaussian(), aspect=3), 0.25, at.Flow(side="v"), 0.25
    ),
    "signs and spikes, both revealed": (
        at.RectangularMatrix(SIGNS, SPIKES, aspect=3), 0.4, at.Autoregressive(side="both"), 0.2
    ),
    "a mean of v, u revealed": (BIASED, 0.15, at.Autoregressive(side="u"), 0.3),
    "two very unequal clusters, v": (
        at.GaussianMixture(weights=[0.1, 0.9], aspect=3), 0.2, at.Flow(side="v"), 0.3
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", SMALLER.values(), ids=SMALLER)
def test_amp_of_other_priors_and_aspects_follows_state_evolution(case):
    """On smaller instances: p-values of u and of v, and theory at twice the strength, which both refuse."""
    model, control, path, strength = case
    sizes = (150, 300, 600)
    found = at.amp_against_state_evolution(model, path, control, strength, sizes, seed=1)
    assert found.p_value > 0.001, str(found)
    columns = np.array(found.tested) - 1
    here, other = (
        at.state_evolution(model, path, control, s, max_steps=8, tolerance=1e-300) for s in (strength, 2 * strength)
    )
    # AMP tells v from the u of the iteration before
    v = found.other_kind.overlap
    for values, right, wrong in (
        (found.overlap, here.overlap[1:], other.overlap[1:]),
        (v, here.overlap_v[:-1], other.overlap_v[:-1]),
    ):
        assert extrapolate(sizes, (values - right)[:, :, columns])[2] > 0.001
        assert extrapolate(sizes, (values - wrong)[:, :, columns])[2] < 1e-4


def test_state_evolution_has_the_overlap_of_v():
    run = at.state_evolution(PCA, at.Flow(side="u"), 1 / 14, 0.3)
    (point,) = at.fixed_points(PCA, at.Flow(side="u"), 1 / 14, 0.3)
    assert (run.overlap[-1], run.overlap_v[-1]) == pytest.approx((point.overlap_u, point.overlap_v), abs=1e-10)
    assert "overlap_v" in run.to_dict()
    assert "overlap_v" in run.table().columns
    plain = at.state_evolution(at.SphericalPSpin(3), at.Flow(), 0.9, 0.1)
    assert plain.overlap_v is None
    assert "overlap_v" not in plain.to_dict()


REFUSED = [
    (lambda: at.draw_instance(PCA, 0.1, 20, 0, target="random"), "no random counterpart"),
    (lambda: at.draw_instance(at.RectangularMatrix(at.Gaussian(), at.Gaussian(), 0.01), 0.1, 20, 0), "less than two v"),
    (lambda: at.langevin(at.draw_instance(PCA, 0.5, 4, 0), 10, 0.01, 0), "spherical models"),
    (lambda: at.run_gamp(at.draw_instance(SMALL, 0.5, 4, 0)), "GLMInstance"),
    (lambda: at.draw_instance(SMALL, 0.5, 4, 0).observe(at.Birth(), 0.1, np.random.default_rng(0)), "two kinds"),
    (lambda: at.draw_instance(SMALL, 0.5, 4, 0).overlaps(np.ones(3), np.ones(3)), "shape"),
    (lambda: at.SideInformation.from_field(np.ones((1, 3)), np.ones(2)), "precision"),
    (lambda: at.SideInformation.from_field(np.ones((1, 3)), np.array([1.0, -1.0, 1.0])), "precision"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "says"), REFUSED)
def test_what_takes_one_kind_is_refused_in_one_line(ask, says):
    with pytest.raises(at.InputError, match=says) as caught:
        ask()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 280
