"""Samplers of instances with two kinds of variables against exact laws, clusters as vectors, data of one's own."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import chi2

import amp_theory as at
from amp_theory.finite.instances.laws import NormalLaw, VertexLaw, simplex
from amp_theory.finite.samplers.denoisers import Denoised
from amp_theory.trials.amp_against_theory import extrapolate

DISCRETE = at.RectangularMatrix(at.Rademacher(), at.Discrete([1.0, -0.5, 2.0], [0.3, 0.5, 0.2]), aspect=1.5)
SPARSE = at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.4), aspect=1.5)
CLUSTERS = at.GaussianMixture(k=3, aspect=1.5)
#: level of a test, of which there are fewer than a hundred here
LEVEL = 1e-5


def label_law(instance, values, probabilities, side_field=None):
    """Return all configurations of v, shape (number, M, d), and their probabilities: normal u integrated by hand.

    Row i of Y given v is normal with u_i ~ N(0, 1): E exp(B.u - u.A u/2) = exp(B.(1 + A)^-1 B/2)/sqrt(det(1 + A)).
    """
    n, m = instance.sizes
    scale = instance.intensity / n
    labels = np.array(list(itertools.product(range(len(values)), repeat=m)))
    log = np.log(probabilities)[labels].sum(axis=1)
    for number, row in enumerate(labels):
        v = values[row]
        matrix = np.eye(v.shape[1]) + scale * v.T @ v
        for y in instance.matrix:
            b = math.sqrt(scale) * y @ v
            log[number] += 0.5 * b @ np.linalg.solve(matrix, b) - 0.5 * np.linalg.slogdet(matrix)[1]
        if side_field is not None:
            log[number] += (side_field * v).sum()
    weight = np.exp(log - log.max())
    return values[labels], weight / weight.sum()


def chi_square(found, every, probability):
    """Return the p value of configurations (samples, ...) that should have a law; those of less than 5 are one cell."""
    flat, cells = found.reshape(len(found), -1), every.reshape(len(every), -1)
    nearest = np.array([np.abs(cells - one).max(axis=1).argmin() for one in flat])
    assert np.abs(cells[nearest] - flat).max() < 1e-9
    seen, expected = np.bincount(nearest, minlength=len(every)), len(found) * probability
    rare = expected < 5
    seen = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    good = expected > 0
    statistic = ((seen - expected)[good] ** 2 / expected[good]).sum()
    return float(chi2.sf(statistic, good.sum() - 1))


def last(run):
    """Return the last configurations of chains, or what a sampler has drawn."""
    return (run.chains if isinstance(run, at.TemperedChains) else run).configurations


@pytest.mark.slow
@pytest.mark.parametrize("chain", [at.heat_bath, at.metropolis, at.parallel_tempering])
def test_chains_of_two_kinds_end_in_the_exact_law(chain):
    instance = at.draw_instance(DISCRETE, 2.0, 2, 1)
    every = at.Enumeration(instance)
    extra = {"factors": [0.3, 1.0]} if chain is at.parallel_tempering else {}
    run = last(chain(instance, 40, 3, chains=2000, **extra))
    p = every.probabilities()[0]
    assert chi_square(run, every.configurations, p) > LEVEL
    # the negative control: the law of another noise
    other = at.instance_from(DISCRETE, 4.0, matrix=instance.matrix)
    assert chi_square(run, every.configurations, at.Enumeration(other).probabilities()[0]) < 1e-8


def test_chains_of_two_kinds_know_what_they_are_told():
    instance, rng = at.draw_instance(DISCRETE, 2.0, 2, 1), np.random.default_rng(0)
    every = at.Enumeration(instance)
    for path in (at.Flow(side="u"), at.Autoregressive(side="v")):
        side = instance.observe(path, 0.5, rng)
        run = last(at.heat_bath(instance, 40, 3, chains=500, side=side))
        assert chi_square(run, every.configurations, every.probabilities(side)[0]) > LEVEL
        assert np.array_equal(run[:, side.known[0]], np.tile(instance.planted[side.known[0]], (500, 1)))
    with pytest.raises(at.InputError, match="differs from the known values"):
        at.heat_bath(instance, 1, 0, start=instance.planted[None] * [-1, -1, 1, 1, 1], side=at.SideInformation.from_known(
            np.array([True, False, False, False, False]), instance.planted))  # fmt: skip
    with pytest.raises(at.InputError, match="values of the prior of v"):
        at.heat_bath(instance, 1, 0, start=np.array([[1.0, 1.0, 1.0, 1.0, 0.7]]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "values", "probabilities"),
    [(SPARSE, np.array([[0.0], [1.0], [-1.0]]), [0.6, 0.2, 0.2]), (CLUSTERS, simplex(3), [1 / 3] * 3)],
    ids=["sparse PCA", "three clusters"],
)
def test_heat_bath_with_normal_u_has_the_law_of_v_that_integration_gives(model, values, probabilities):
    """The law of v, and of u given v the mean and the second moment of every component."""
    instance = at.draw_instance(model, 0.25, 2, 4)
    every, p = label_law(instance, values, np.array(probabilities))
    run = at.heat_bath(instance, 20, 3, chains=2000, every=20).configurations
    v, u = instance.vectors(run, 1), instance.vectors(run, 0)
    assert chi_square(v, every, p) > LEVEL
    assert chi_square(v, every, np.full(len(p), 1 / len(p))) < 1e-6  # the negative control
    scale, d = instance.intensity / 2, values.shape[1]
    covariance = np.linalg.inv(np.eye(d) + scale * np.swapaxes(every, 1, 2) @ every)
    mean = np.einsum("lcd,lid->lic", covariance,
                     math.sqrt(scale) * np.einsum("im,lmd->lid", instance.matrix, every))  # fmt: skip
    first = np.einsum("l,lic->ic", p, mean)
    second = np.einsum("l,lic->ic", p, mean**2) + np.einsum("l,lcc->c", p, covariance)
    for found, exact in ((u, first), (u**2, second)):
        pull = (found.mean(axis=0) - exact) / (found.std(axis=0) / math.sqrt(len(found)))
        assert np.abs(pull).max() < 5


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "path"), [("flow", at.Flow), ("diffusion", at.Flow),
                                               ("autoregressive", at.Autoregressive), ("masked", at.Autoregressive)])  # fmt: skip
@pytest.mark.parametrize("side", ["u", "v", "both"])
def test_samplers_of_a_side_draw_exact_samples_with_the_exact_denoiser(sampler, path, side):
    """One after the other: what is told nothing is drawn at the end, given the other."""
    instance = at.draw_instance(DISCRETE, 0.5, 2, 1)
    every = at.Enumeration(instance)
    drawn = at.draw_samples(instance, sampler, 500, 5, "exact", steps=40, path=path(side=side))
    assert drawn.reliable.all()
    assert drawn.planted_overlap.shape == drawn.self_overlap.shape
    assert chi_square(drawn.configurations, every.configurations, every.probabilities()[0]) > LEVEL


@pytest.mark.slow
@pytest.mark.parametrize("side", ["u", "v", "both"])
def test_samplers_draw_labels_from_their_means(side):
    """Of three clusters, with the exact posterior means of labels and centres, revealed one by one."""
    instance = at.draw_instance(CLUSTERS, 0.25, 2, 4)
    e = simplex(3)
    every, p = label_law(instance, e, np.full(3, 1 / 3))
    scale = instance.intensity / 2

    def exact(told):
        """Means given known centres and labels; a known centre multiplies the weight of labels by its density."""
        means = []
        for known, value in zip(told.known, told.values, strict=True):
            u, v = instance.vectors(value, 0), instance.vectors(value, 1)
            ku, kv = (
                instance.vectors(known.astype(float), 0)[:, 0] > 0,
                instance.vectors(known.astype(float), 1)[:, 0] > 0,
            )
            log, centres = np.zeros(len(every)), np.zeros((len(every), *u.shape))
            for n, labels in enumerate(every):
                matrix = np.eye(2) + scale * labels.T @ labels
                b = math.sqrt(scale) * instance.matrix @ labels
                centres[n] = np.linalg.solve(matrix, b.T).T
                for i in range(len(u)):
                    if ku[i]:
                        centres[n, i] = u[i]
                        log[n] += b[i] @ u[i] - 0.5 * scale * u[i] @ labels.T @ labels @ u[i]
                    else:
                        log[n] += 0.5 * b[i] @ centres[n, i] - 0.5 * np.linalg.slogdet(matrix)[1]
                if np.abs((labels - v)[kv]).max(initial=0) > 1e-9:
                    log[n] = -np.inf
            weight = np.exp(log - log.max())
            weight /= weight.sum()
            means.append(np.append(np.tensordot(weight, centres, 1), np.tensordot(weight, every, 1)))
        return np.array(means)

    # labels follow from their means exactly; centres, whose law is none of one normal vector, are not drawn one by one
    drawn = at.draw_samples(
        instance, "autoregressive", 250 if side == "v" else 10, 5, exact, path=at.Autoregressive(side=side)
    )
    assert drawn.configurations.shape[1] == instance.size
    v = instance.vectors(drawn.configurations, 1)
    assert np.allclose((v**2).sum(axis=-1), 1)
    if side == "v":
        assert chi_square(v, every, p) > LEVEL


def test_vectors_have_the_moments_of_their_laws():
    rng = np.random.default_rng(1)
    for law in (VertexLaw(4), NormalLaw(3)):
        field, root = rng.standard_normal((1, 1, 3)), rng.standard_normal((3, 3))
        precision = (root @ root.T)[None, None]
        mean, variance, total = law.moments(field, precision, np.ones((1, 1)))
        assert np.allclose(np.diagonal(total[0]), variance[0, 0], rtol=1e-12, atol=0)
        drawn = law.draw(np.repeat(field, 20000, axis=1), precision, rng)[0]
        around = law.draw_around(np.repeat(mean, 20000, axis=1), precision, rng)[0]
        for found in (drawn, around):
            assert np.abs(found.mean(axis=0) - mean[0, 0]).max() < 5 / math.sqrt(20000)
            # five standard errors, of products as they were drawn
            product = (found - mean[0, 0])[:, :, None] * (found - mean[0, 0])[:, None]
            assert (np.abs(product.mean(axis=0) - total[0]) <= 5 * product.std(axis=0) / math.sqrt(20000)).all()
        prior = law.draw_prior(20000, rng)
        assert np.abs(prior.mean(axis=0)).max() < 5 / math.sqrt(20000)
        assert (
            np.abs((prior**2).mean(axis=0) - law.component.variance) <= 5 * (prior**2).std(axis=0) / math.sqrt(20000)
        ).all()


def test_log_weights_of_clusters_are_those_of_the_matrix():
    instance = at.draw_instance(at.GaussianMixture(k=4, aspect=2), 0.3, 5, 0)
    assert instance.sizes == (5, 10)
    rng, e = np.random.default_rng(0), simplex(4)
    s = np.concatenate([rng.standard_normal((3, 15)), e[rng.integers(0, 4, (3, 10))].reshape(3, -1)], axis=1)
    u, v = instance.vectors(s, 0), instance.vectors(s, 1)
    signal = math.sqrt(0.75 / 0.3 / 5) * np.einsum("bic,bjc->bij", u, v)
    log = (-0.5 * (instance.matrix - signal) ** 2 + 0.5 * instance.matrix**2).sum(axis=(1, 2))
    assert np.allclose(instance.interaction(s), log, rtol=0, atol=1e-11)
    # two centres have the squared distance 2 lambda per dimension times the number of dimensions over N
    a, b = u[0] @ e[0], u[0] @ e[1]
    assert math.sqrt(0.75 / 0.3) * np.linalg.norm(e[0] - e[1]) == pytest.approx(math.sqrt(2 / 0.3))
    assert a.shape == b.shape == (5,)


def test_overlaps_of_clusters_do_not_depend_on_their_names():
    instance = at.draw_instance(at.GaussianMixture(k=4, aspect=2), 0.1, 30, 0)
    e = simplex(4)
    rotation = 0.75 * np.einsum("ac,ad->cd", e[[2, 0, 3, 1]], e)  # takes every vertex to another one
    other = np.concatenate([(instance.vectors(instance.planted, k) @ rotation.T).ravel() for k in (0, 1)])
    q = instance.overlaps(other, instance.planted)
    assert q == pytest.approx(instance.overlaps(instance.planted, instance.planted), abs=1e-12)
    assert q[1] == pytest.approx(1, abs=1e-12)
    assert instance.interaction(other) == pytest.approx(instance.interaction(instance.planted), rel=1e-12)
    wrong = other.copy()
    wrong[90:93] = e[0] if not np.allclose(wrong[90:93], e[0]) else e[1]
    assert instance.overlaps(wrong, instance.planted)[1] == pytest.approx(1 - 4 / 3 / 60, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("k", "aspect", "noise", "path"),
    [
        (3, 2.0, 0.5, at.Flow(side="v")), (5, 3.0, 0.3, at.Autoregressive(side="v")),
        (4, 0.5, 0.2, at.Flow(side="both")), (4, 0.5, 0.2, at.Autoregressive(side="u")),
    ],
)  # fmt: skip
def test_amp_of_many_clusters_follows_state_evolution(k, aspect, noise, path):
    """Onsager's terms are matrices here; the negative control is theory at another strength."""
    model = at.GaussianMixture(k, aspect)
    found = at.amp_against_state_evolution(model, path, noise, 0.3, (100, 200, 400), seed=1)
    assert found.p_value > 0.001, str(found)
    other = at.state_evolution(model, path, noise, 0.5, max_steps=8, tolerance=1e-300).overlap[1:]
    columns = np.array(found.tested) - 1
    assert extrapolate(found.sizes, (found.overlap - other)[:, :, columns])[2] < 1e-4


def test_labels_seen_from_known_centres_are_exact():
    """Where a part of the centres is known and nothing of the others, the first means of labels are those of Bayes."""
    instance = at.draw_instance(at.GaussianMixture(4, 0.5), 0.2, 60, 5)
    side = instance.observe(at.Autoregressive(side="u"), 0.3, np.random.default_rng(1))
    options = at.MessagePassingOptions(max_iterations=2, tolerance=1e-300, keep_iterates=True)
    found = instance.vectors(np.array(at.run_amp(instance, side, options=options).iterates)[2, 0], 1)
    e, scale = simplex(4), instance.intensity / 60
    u = instance.vectors(np.where(side.known[0], instance.planted, 0.0), 0)
    log = math.sqrt(scale) * instance.matrix.T @ u @ e.T - 0.5 * scale * ((u @ e.T) ** 2).sum(axis=0)
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    assert np.allclose(found, weight @ e / weight.sum(axis=1, keepdims=True), rtol=0, atol=1e-13)
    assert not np.allclose(found, instance.vectors(instance.planted, 1), rtol=0, atol=0.5)


def test_points_of_ones_own_are_clustered():
    rng = np.random.default_rng(0)
    labels, centres = rng.integers(0, 3, 300), rng.standard_normal((3, 100))
    points = math.sqrt(10 / 100) * centres[labels] + rng.standard_normal((300, 100))
    instance = at.instance_from(at.GaussianMixture(k=3, aspect=3), noise=0.1, points=points - points.mean(axis=0))
    run = at.heat_bath(instance, 60, 1)
    found = instance.groups(run.configurations[0]).argmax(axis=1)
    agree = max((np.array(names)[found] == labels).mean() for names in itertools.permutations(range(3)))
    assert agree > 0.9
    amp = at.run_amp(instance, start=run.configurations)
    assert np.allclose(instance.groups(amp.mean[0]).sum(axis=1), 1)
    assert (instance.groups(amp.mean[0]).argmax(axis=1) == found).mean() > 0.9


def test_amp_of_vectors_has_no_free_entropy_and_takes_priors_as_denoisers():
    instance = at.draw_instance(CLUSTERS, 0.2, 60, 0)
    found = at.run_amp(instance, start="informed")
    assert found.free_entropy == (None,)
    assert found.reasons == ("it is not derived for variables that are vectors",)
    named = at.run_amp(instance, start="informed", denoiser=(at.Gaussian(), at.PottsPrior(3)))
    assert np.array_equal(named.mean, found.mean)
    other = at.run_amp(instance, start="informed", denoiser=(None, at.Gaussian()))  # the negative control
    assert not np.allclose(other.mean, found.mean)
    with pytest.raises(at.InputError, match="must be two priors"):
        at.run_amp(instance, denoiser=(None, lambda field, precision: (field, field)))
    with pytest.raises(at.InputError, match="no form as a vector"):
        at.run_amp(instance, denoiser=(None, at.SparseRademacher(0.4)))


def test_instances_of_two_kinds_are_saved_and_read(tmp_path):
    for model in (CLUSTERS, SPARSE, at.GaussianMixture(weights=[0.2, 0.8], aspect=2)):
        instance = at.draw_instance(model, 0.2, 20, 1)
        instance.save(tmp_path / f"{model.name}{model.ratio:.3f}.npz")
        read = at.load_instance(tmp_path / f"{model.name}{model.ratio:.3f}.npz")
        assert np.array_equal(read.matrix, instance.matrix)
        assert np.array_equal(read.planted, instance.planted)
        assert at.instance_from(model, 0.2, **({"matrix": instance.matrix} if model is SPARSE else
                                               {"points": instance.matrix.T})).sizes == instance.sizes  # fmt: skip


@pytest.mark.slow
def test_simulations_of_two_kinds_name_sides():
    found = at.simulate(DISCRETE, noise=0.5, size=30, instances=2, seed=1, batch=6, steps=10, sweeps=20,
                        samplers=["flow", "flow on v", "autoregressive on u", "gibbs"])  # fmt: skip
    assert list(found.samplers) == ["flow", "flow on v", "autoregressive on u", "heat-bath"]
    judged = at.compare_samplers(DISCRETE)["flow on v"].at(0.5).succeeds
    assert found.samplers["flow on v"].to_dict()["theory"]["succeeds"] is judged


POINTS = np.random.default_rng(0).standard_normal((60, 20))
REFUSED = [
    (lambda: at.instance_from(CLUSTERS, 0.1, points=POINTS), "aspect = 3 fits"),
    (lambda: at.instance_from(at.GaussianMixture(3, 1 / 3), 0.1, points=POINTS), "aspect = 3 fits"),
    (lambda: at.instance_from(at.GaussianMixture(3, 3), 0.1, points=POINTS.T), "transposed"),
    (lambda: at.instance_from(at.GaussianMixture(3, 3), points=POINTS), "noise must be given"),
    (lambda: at.instance_from(at.GaussianMixture(3, 3), 0.1, points=9 * POINTS), "divide them by"),
    (lambda: at.instance_from(at.GaussianMixture(3, 3), 0.1, matrix=POINTS.T), "made from points"),
    (lambda: at.instance_from(SPARSE, 0.1, points=POINTS), "made from matrix"),
    (lambda: at.instance_from(at.GaussianMixture(3, 3), 0.1, points=POINTS, planted=np.ones(160)), "values of the prior"),
    (lambda: at.metropolis(at.draw_instance(SPARSE, 0.5, 4, 0), 10, 0), "use heat_bath"),
    (lambda: at.Enumeration(at.draw_instance(SPARSE, 0.5, 4, 0)), "continuous"),
    (lambda: at.draw_samples(at.draw_instance(DISCRETE, 0.5, 4, 0), "uniform-diffusion", 2, 0), "unbiased"),
    (lambda: at.draw_samples(at.draw_instance(at.SherringtonKirkpatrick(), 0.5, 4, 0), "flow", 2, 0,
                             path=at.Flow(side="u")), "two kinds"),
    (lambda: at.simulate(at.IsingPSpin(3), 0.5, 10, 5, 0, ["flow on u"]), "two kinds"),
    (lambda: at.draw_instance(SPARSE, 0.5, 4, 0).groups(np.ones(10)), "equally likely clusters"),
    (lambda: at.run_amp(at.draw_instance(CLUSTERS, 0.5, 4, 0), at.SideInformation.from_known(
        np.arange(20) == 0, np.zeros(20))), "all its components"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "says"), REFUSED)
def test_bad_questions_are_refused_in_one_line(ask, says):
    with pytest.raises(at.InputError, match=says) as caught:
        ask()
    assert "\n" not in str(caught.value)


def test_a_denoiser_may_return_marginals_of_both_kinds():
    """Of priors with two and with three values, padded with zeros."""
    marginals = np.zeros((1, 5, 3))
    marginals[0, :2, 1], marginals[0, 2:, 2] = 1, 1
    known = Denoised(np.array([[1.0, 1, 2, 2, 2]]), np.array([True]), marginals)
    instance = at.draw_instance(DISCRETE, 0.5, 2, 1)
    drawn = [known._part(where, m).draw(m, np.random.default_rng(0)) for where, m in instance.kinds]
    assert [part.ravel().tolist() for part in drawn] == [[1, 1], [2, 2, 2]]
