"""Variables with a density have any values of it: in instances, and in what samplers draw."""

import math

import numpy as np
import pytest
from scipy.stats import kstest

import amp_theory as at
from amp_theory.finite.instances.enumeration import Enumeration
from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.finite.samplers.denoisers import MessagePassingDenoiser, draw_each

EDGE = math.sqrt(3)
UNIFORM = at.Density(lambda s: np.full(s.shape, 0.5 / EDGE), support=(-EDGE, EDGE))
LAPLACE = at.Density(lambda s: np.exp(-abs(s) * math.sqrt(2)) / math.sqrt(2), support=(-math.inf, 0, math.inf))


def share(s):
    """Return the distribution function of the uniform law."""
    return np.clip((s + EDGE) / (2 * EDGE), 0, 1)


def spiked(noise, size, seed=0):
    """Return an instance of a spiked matrix with uniform variables."""
    return at.draw_instance(at.SpikedMatrix(prior=UNIFORM), noise, size, seed)


def test_planted_variables_follow_the_density_and_no_nodes():
    """Nodes of a quadrature, 16 of them here, are told from the density by the test of Kolmogorov and Smirnov."""
    planted = spiked(0.1, 1500).planted
    assert len(np.unique(planted)) == 1500
    assert kstest(planted, share).pvalue > 1e-3
    nodes = UNIFORM.resolved(0.0)
    drawn = np.random.default_rng(0).choice(nodes.means, 1500, p=nodes.probabilities)
    assert kstest(drawn, share).pvalue < 1e-3


def test_too_low_boxes_are_raised():
    """A density that is higher between the nodes of its panels is drawn from all the same."""
    prior = at.Density(lambda s: np.exp(-abs(s) * math.sqrt(2)) / math.sqrt(2), support=(-math.inf, 0, math.inf))
    object.__setattr__(prior, "_panels", np.array([[-40.0, 0.0], [0.0, 40.0]]))  # far too wide for 16 nodes
    object.__setattr__(prior, "_values", np.full((2, 16), 1 / 32))
    s = prior._drawn(4000, np.random.default_rng(0))
    assert kstest(np.abs(s) * math.sqrt(2), "expon").pvalue > 1e-3


def test_posteriors_much_narrower_than_nodes_are_drawn_from():
    """At a large precision draws spread around the means as the variances say."""
    instance = spiked(1e-3, 400)
    side = at.Flow().observe(instance.planted[None], 1.0, np.random.default_rng(1))
    found = MessagePassingDenoiser(instance)(side)
    variance = at.run_amp(instance, side).variance
    drawn = draw_each(instance, found, side, np.random.default_rng(2))
    score = ((drawn - found.mean) ** 2 / variance).mean()
    assert abs(score - 1) < 5 * math.sqrt(2 / 400)


GAP = at.Density(lambda s: np.where(abs(s) > 1, 0.5, 0.0), support=(-2, -1, 1, 2))


@pytest.mark.parametrize(
    ("prior", "precision"), [(UNIFORM, 1e3), (UNIFORM, 2e4), (LAPLACE, 300.0), (GAP, 1e3), (GAP, 2e4)],
    ids=["uniform", "uniform, narrow", "Laplace", "gap", "gap, narrow"],
)  # fmt: skip
def test_moments_of_nodes_near_by_are_those_of_all(prior, precision):
    """Means within, beside and between parts of the support; weights that are left out sum up to less than 1e-15."""
    nodes = prior.resolved(precision)
    field = precision * np.concatenate([np.linspace(-3, 3, 41), [-1 - 1e-3, 1 + 1e-2, 0.0, 1e-9, 10.0]])
    mean, variance = posterior_moments(nodes, field[None], np.array([[precision]]))
    s = nodes.means.astype(np.longdouble)
    level = np.log(nodes.probabilities) - 0.5 * precision * (s - field[:, None] / precision) ** 2
    weight = np.exp(level - level.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    exact = weight @ s
    spread = (weight * (s - exact[:, None]) ** 2).sum(axis=1)
    # rounding of B - A s, times the distance of nodes that have weight, changes their levels by no more than this
    levels = 40 * 2.2e-16 * np.maximum(np.abs(field), precision) * np.sqrt(spread)
    assert np.all(np.abs(mean[0] - exact) <= levels * np.sqrt(spread) + 1e-15 * (1 + np.abs(exact)))
    assert np.all(np.abs(variance[0] - spread) <= 4 * levels * spread + 1e-15 / precision)


@pytest.mark.parametrize("noise", [1e-5, 1e-7])
@pytest.mark.parametrize("run", [at.run_gamp, at.run_vamp])
@pytest.mark.every(2)
def test_variances_below_the_distance_of_nodes(run, noise):
    """A flat prior says nothing where posteriors are narrow: means and variances are those of least squares."""
    instance = at.draw_instance(at.GLM(UNIFORM, at.LinearChannel(noise)), 2.0, 60, 0)
    covariance = noise * np.linalg.inv(instance.sensing.T @ instance.sensing)
    found, spread = run(instance, options=at.MessagePassingOptions(max_iterations=100)), np.trace(covariance) / 60
    least_squares = np.linalg.lstsq(instance.sensing, instance.measurements)[0]
    assert found.status == ("converged",)
    assert np.sqrt(((found.mean[0] - least_squares) ** 2).mean()) < 1e-2 * math.sqrt(spread)
    # one variable in 1e3 at most is near an edge; GAMP's average of a finite matrix is off by 1/N
    assert found.variance.mean() == pytest.approx(spread, rel=3 / 60 if run is at.run_gamp else 1e-3)


@pytest.mark.parametrize("run", [pytest.param(at.run_gamp, marks=pytest.mark.slow), at.run_vamp])
def test_posteriors_that_no_nodes_resolve_are_told(run):
    instance = at.draw_instance(at.GLM(UNIFORM, at.LinearChannel(1e-11)), 2.0, 60, 0)
    found = run(instance, options=at.MessagePassingOptions(max_iterations=70))
    assert found.status == ("stalled",)
    assert found.free_entropy in ((), (None,))
    assert not found.converged.any()
    assert np.sqrt(((found.mean[0] - instance.planted) ** 2).mean()) < 1e-5
    known = at.SideInformation.from_known(np.ones((1, 60), dtype=bool), instance.planted[None])
    assert run(instance, known).status != ("stalled",)


def test_what_is_for_discrete_variables_refuses_densities():
    """Chains and enumeration know values only, nodes that stand for a density are none."""
    instance = spiked(0.1, 3)
    for call in (
        lambda: at.heat_bath(instance, 10, 0),
        lambda: at.metropolis(instance, 10, 0),
        lambda: Enumeration(instance),
    ):
        with pytest.raises(at.InputError, match="continuous"):
            call()
    assert not instance.discrete
    assert at.draw_instance(at.SpikedMatrix(prior=at.Rademacher()), 0.1, 3, 0).discrete


def test_variables_of_two_kinds_follow_the_density_too():
    """What is planted, and what a denoiser's posteriors give, is none of 16 nodes."""
    instance = at.draw_instance(at.RectangularMatrix(UNIFORM, at.Rademacher(), 2.0), 1e-3, 200, seed=0)
    u = instance.planted[:200]
    assert len(np.unique(u)) == 200
    assert kstest(u, share).pvalue > 1e-3
    side = at.Flow().observe(instance.planted[None], 0.0, np.random.default_rng(1))
    found = MessagePassingDenoiser(instance)(side)
    drawn = draw_each(instance, found, side, np.random.default_rng(2))
    assert len(np.unique(drawn[0, :200])) > 150
    assert set(drawn[0, 200:]) <= {-1.0, 1.0}
