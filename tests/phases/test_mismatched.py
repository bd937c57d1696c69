"""Denoisers that believe in another measure: exact relative entropies, calibrated ones, and AMP on instances."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.finite.instances.dense import DenseInstance, Term
from amp_theory.phases.accuracy import scalar_answers
from amp_theory.phases.accuracy.scalar_answers import answers, first_answers
from amp_theory.phases.accuracy.wrong_measure import Beliefs, overlaps

FLOW, MASKS = at.Flow(), at.Autoregressive()


def check(found: at.MismatchedError, exact: float, most: float = 1e-7) -> None:
    """Hold a relative entropy against its exact value, by its own error bound, which must be small."""
    bound = found.errors["nats_per_variable"]
    assert bound < most
    assert found.nats_per_variable == pytest.approx(exact, abs=bound + 1e-12)


@pytest.mark.parametrize(("path", "p", "true", "assumed"), [(FLOW, 3, 1.0, 1.25), (MASKS, 4, 1.2, 0.95)])
def test_in_a_paramagnet_it_is_the_relative_entropy_of_the_two_measures(path, p, true, assumed):
    found = at.mismatched_error(at.IsingPSpin(p), path, true, assumed)
    check(found, (1 / true - 1 / assumed) ** 2 / 4)
    assert found.certainty == "conjecture"
    assert found.visible_size == pytest.approx(1 / found.nats_per_variable)


def test_on_the_sphere_it_is_the_same():
    check(at.mismatched_error(at.SphericalPSpin(3), FLOW, 1.0, 0.8), (1 - 1 / 0.8) ** 2 / 4)


def test_a_mixture_of_couplings_and_a_wrong_noise_lose_half_the_coupling_times_the_square():
    mixed = at.MixedPSpin("q**2/4+q**3/2")
    check(at.mismatched_error(mixed, FLOW, 1.5, 1.2), 0.75 / 1.5**2 * (1 - 1.5 / 1.2) ** 2 / 2)
    tensor = at.SpikedTensor(p=3, prior=at.Rademacher())
    check(at.mismatched_error(tensor, MASKS, noise=0.8, assumed=1.0), (1 / 0.8 / 3) * (1 - 0.8) ** 2 / 2)


@pytest.mark.slow
def test_a_calibrated_denoiser_has_equal_overlaps_and_the_error_of_its_branch():
    model = at.IsingPSpin(3)
    found = at.mismatched_error(model, FLOW, temperature=0.70)
    np.testing.assert_allclose(found.planted_overlap, found.self_overlap, atol=1e-9)
    check(found, at.sampling_error(model, FLOW, 0.70).nats_per_variable)
    assert found.stability.max() < 1


@pytest.mark.parametrize("iterations", [1, 3])
def test_few_iterations_of_the_right_belief_lose_what_depth_does(iterations):
    expected = at.sampling_error(at.IsingPSpin(3), FLOW, 1.0, iterations=iterations)
    found = at.mismatched_error(at.IsingPSpin(3), FLOW, 1.0, iterations=iterations)
    check(found, expected.nats_per_variable)


BIASED = at.SpikedMatrix(at.Discrete([0.0, 1.0], [0.8, 0.2]))


@pytest.mark.parametrize("path", [FLOW, MASKS], ids=lambda path: path.name)
def test_iterations_start_from_nothing_known_whatever_the_mean(path):
    """The first iteration knows of a variable's own side information only, also if the prior has a mean."""
    for iterations in (1, 2):
        expected = at.sampling_error(BIASED, path, 0.03, iterations=iterations).nats_per_variable
        found = at.mismatched_error(BIASED, path, 0.03, iterations=iterations)
        check(found, expected)
        point = 20
        run = at.state_evolution(BIASED, path, 0.03, float(found.strength[point]), start=0.0, max_steps=3)
        for overlap in (found.planted_overlap, found.self_overlap):
            assert overlap[point] == pytest.approx(run.overlap[iterations], abs=1e-9)
        from_mean = at.state_evolution(BIASED, path, 0.03, float(found.strength[point]), start=0.04, max_steps=3)
        assert abs(from_mean.overlap[iterations] - run.overlap[iterations]) > 1e-3


def test_no_size_is_told_below_the_error_bound():
    """A denoiser that is right loses nothing but rounding."""
    for found in (at.mismatched_error(BIASED, MASKS, 0.03), at.mismatched_error(at.IsingPSpin(3), MASKS, 1.0)):
        assert found.nats_per_variable <= found.errors["nats_per_variable"]
        assert found.visible_size is None
        assert "not told within the error bound" in found.reasons["visible_size"]
        assert "visible_size" not in found.errors
        assert "visible_size       none" in found.report()
    wrong = at.mismatched_error(BIASED, MASKS, 0.03, 0.031)
    assert wrong.errors["visible_size"] < 1e-3 * wrong.visible_size


def test_a_wrong_prior_without_interaction_loses_the_relative_entropy_of_the_priors():
    prior, wrong = at.SparseRademacher(0.3), at.SparseRademacher(0.45)
    beliefs = Beliefs((), prior.resolved(0.0), wrong.resolved(0.0), False, False)
    s = np.concatenate([[0.0], np.geomspace(1e-5, 200, 700)])
    excess = overlaps(beliefs, s).miss - prior.mmse(s)
    exact = 0.3 * np.log(0.3 / 0.45) + 0.7 * np.log(0.7 / 0.55)
    assert np.trapezoid(excess, s) / 2 == pytest.approx(exact, rel=1e-4)


def test_what_is_infinite_says_so_and_has_a_part():
    matrix = at.SpikedMatrix(at.Rademacher())
    linear = at.mismatched_error(matrix, FLOW, 2.0, prior=at.Gaussian())
    assert linear.nats_per_variable is None
    assert "density" in linear.reasons["nats_per_variable"]
    part = at.mismatched_error(matrix, FLOW, 2.0, prior=at.Gaussian(), end_strength=1.0)
    assert 0 < part.nats_per_variable < 0.1
    blind = at.mismatched_error(at.SpikedMatrix(at.SparseRademacher(0.2)), FLOW, 0.2, prior=at.Rademacher())
    assert "excludes" in blind.reasons["nats_per_variable"]


def test_where_message_passing_does_not_converge_it_is_no_more_than_heuristic():
    found = at.mismatched_error(at.SherringtonKirkpatrick(), FLOW, 1.5, 0.5, end_strength=0.2)
    assert found.stability.max() > 1
    assert found.certainty == "heuristic"
    assert "unstable" in found.reasons["certainty"]


@pytest.mark.slow
def test_next_to_ends_of_branches_it_converges():
    for path, temperature in ((FLOW, 0.735), (MASKS, 0.735), (FLOW, 0.739), (FLOW, 0.7405), (FLOW, 0.7409)):
        found = at.mismatched_error(at.IsingPSpin(3), path, temperature)
        check(found, at.sampling_error(at.IsingPSpin(3), path, temperature).nats_per_variable)
    assert found.visible_size is None  # 4.5e-8 nats are below the error bound
    check(at.mismatched_error(at.IsingPSpin(3), MASKS, 0.85, 0.765), (1 / 0.85 - 1 / 0.765) ** 2 / 4)


def test_values_that_are_excluded_and_revealed_make_every_part_infinite():
    model, wrong = at.IsingPSpin(3), at.Discrete([-1.1, 0.0, 1.1], [0.3, 0.4, 0.3])
    found = at.mismatched_error(model, MASKS, 1.0, prior=wrong, end_strength=0.5)
    assert found.nats_per_variable is None
    assert "excludes" in found.reasons["nats_per_variable"]
    part = at.mismatched_error(model, FLOW, 1.0, prior=wrong, end_strength=0.5)
    assert part.nats_per_variable > 0.01


SKEWED = at.Discrete([-1.0, 0.5, 2.0], [0.4, 0.4, 0.2])


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize(("model", "control", "assumed", "prior"), [
    (at.IsingPSpin(3), 0.70, 0.72, None), (at.SpikedMatrix(at.SparseRademacher(0.08)), 0.0077, 0.0095, None),
    (at.SpikedMatrix(SKEWED), 1.0, 1.2, None), (at.SpikedMatrix(SKEWED), 1.0, 1.0, at.Gaussian()),
    (at.SpikedMatrix(at.Gaussian()), 0.5, 0.6, None), (at.SphericalPSpin(3), 0.8, 0.9, None),
])  # fmt: skip
@pytest.mark.every(3)
def test_fixed_points_are_those_that_iterations_lead_to(model, control, assumed, prior, masks):
    """Steps of Newton's neither change the branch nor its sign, next to zero strength above all."""
    own = (prior or model.variable_prior).resolved(0.0)
    beliefs = Beliefs.of(model, control, assumed, own, masks)
    s = np.array([1e-6, 0.3, 0.7])
    found, iterated, more = overlaps(beliefs, s), overlaps(beliefs, s, 100), overlaps(beliefs, s, 110)
    settled = np.abs(more.own - iterated.own) < 1e-11
    assert settled.sum() >= 2
    for name in ("planted", "own", "second", "miss"):
        np.testing.assert_allclose(getattr(found, name)[settled], getattr(iterated, name)[settled], atol=2e-9)


def test_slopes_of_the_scalar_problem_are_those_of_its_answers():
    truth, assumed = SKEWED.resolved(0.0), at.Discrete([-1.2, 0.4, 1.9], [0.3, 0.3, 0.4]).resolved(0.0)
    for assumed_prior in (truth, assumed):
        fields = np.array([[0.8, 3.0], [1.1, 2.2], [0.9, 2.6]])
        found = first_answers(truth, assumed_prior, fields, with_slopes=True)
        for k in range(3):
            shift = np.zeros((3, 1))
            shift[k] = 1e-5
            ends = [first_answers(truth, assumed_prior, fields + sign * shift) for sign in (1, -1)]
            np.testing.assert_allclose(found[3:].reshape(3, 3, -1)[:, k], (ends[0] - ends[1]) / 2e-5, atol=1e-7)


def test_what_is_left_out_of_sums_does_not_count(monkeypatch):
    truth = at.SparseRademacher(0.08).resolved(0.0)
    fields = np.array([[0.5, 20.0, 60.0, 300.0], [0.7, 25.0, 40.0, 200.0], [0.6, 22.0, 50.0, 260.0]])
    found = answers(truth, truth, fields)
    monkeypatch.setattr(scalar_answers, "DEEP", 600.0)
    np.testing.assert_allclose(found, answers(truth, truth, fields), atol=1e-14)
    monkeypatch.setattr(scalar_answers, "DEEP", 8.0)
    assert np.abs(found - answers(truth, truth, fields)).max() > 1e-8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((at.XORSAT(3), FLOW, 0.7), "polynomial"),
        ((at.IsingPSpin(3), at.UniformDiscreteDiffusion(), 1.0), "flows"),
        ((at.IsingPSpin(3), FLOW, 1.0, -1.0), "must be"),
        ((at.SphericalPSpin(3), FLOW, 1.0, 1.0, at.Rademacher()), "sphere"),
        ((at.SpikedMatrix(at.GaussBernoulli(0.1)), FLOW, 0.1), "discrete and Gaussian"),
        ((at.IsingPSpin(3), FLOW, 1.0, None, None, None, 0.0), "end_strength"),
    ],
)
def test_what_is_not_derived_is_refused(arguments, said):
    with pytest.raises(at.InputError, match=said):
        at.mismatched_error(*arguments)


def believing(instance: DenseInstance, assumed: float) -> DenseInstance:
    """Return an instance with the same Hamiltonian at another temperature."""
    k = instance.control / assumed
    terms = [Term(t.bodies, t.weight * k * k, t.tensor * k) for t in instance.terms]
    return DenseInstance(instance.model, assumed, instance.size, instance.planted, terms)


@pytest.mark.slow
def test_amp_with_the_wrong_temperature_has_both_overlaps_at_every_strength():
    model, true, assumed, size = at.SherringtonKirkpatrick(), 0.8, 1.1, 1000
    beliefs = Beliefs.of(model, true, assumed, model.variable_prior.resolved(0.0), False)
    strength = np.array([0.2, 1.0, 2.0])
    theory, calibrated = overlaps(beliefs, strength), overlaps(
        Beliefs.of(model, true, true, model.variable_prior.resolved(0.0), False), strength
    )  # fmt: skip
    measured = np.empty((8, 2, 3))
    for k in range(8):
        instance = at.draw_instance(model, true, size, seed=k)
        wrong, rng = believing(instance, assumed), np.random.default_rng(k)
        for j, s in enumerate(strength):
            side = FLOW.observe(np.tile(instance.planted, (4, 1)), s, rng)
            mean = at.run_amp(wrong, side).mean
            measured[k, :, j] = (mean * instance.planted).mean(), (mean**2).mean()
    error = measured.std(axis=0, ddof=1) / np.sqrt(8)
    expected = np.stack([theory.planted, theory.own])
    assert np.all(np.abs(measured.mean(axis=0) - expected) < 4 * error + 3 / size)
    # the check would see a calibrated denoiser
    assert np.all(np.abs(theory.own - calibrated.own)[1:] > (4 * error[1] + 3 / size)[1:])
