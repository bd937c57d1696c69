"""Variables with a density have any values of it: in instances, and in what samplers draw."""

import math

import numpy as np
import pytest
from scipy.stats import kstest

import amp_theory as at
from amp_theory.finite.instances.enumeration import Enumeration
from amp_theory.finite.samplers.denoisers import MessagePassingDenoiser, draw_each

EDGE = math.sqrt(3)
UNIFORM = at.Density(lambda s: np.full(s.shape, 0.5 / EDGE), support=(-EDGE, EDGE))


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
