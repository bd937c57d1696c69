"""Which fixed points of vector AMP are told to be inconsistent, and that right ones never are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measured_chains import matrix

import amp_theory as at
from amp_theory.finite.inference.vamp import _Run
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scalar_posterior import draw_independent
from amp_theory.finite.outputs.choose import output_function

VALUES = at.Discrete([-1, 0, 2], [0.3, 0.5, 0.2])
SPARSE = at.GaussBernoulli(0.3)
PRIORS = {"normal": at.Gaussian(), "sparse": SPARSE, "spins": at.Rademacher(), "values": VALUES}
CHANNELS = [
    at.LinearChannel(0.01), at.LinearChannel(), at.ProbitChannel(0.1), at.SignChannel(), at.AbsChannel(), at.ReLUChannel(),
    at.DoorChannel(0.67),
]  # fmt: skip
MATRICES = [(None, 0), (None, 1), (None, 10), (10, 0), (1000, 0), (1000, 10)]


def measured(prior, channel, condition, mean, size=100, seed=0):
    rng = np.random.default_rng(seed)
    sensing = matrix(3 * size // 2, size, condition, mean, rng)
    s = draw_independent(prior, size, rng)
    y = output_function(channel, prior.second_moment).sample(sensing @ s, rng)
    return GLMInstance(at.GLM(prior, channel), 1.5, size, s, sensing, y)


def finished(instance, iterations=150):
    """A run and what it has found."""
    prior = instance.model.prior
    how, side = (
        at.MessagePassingOptions(max_iterations=iterations),
        at.SideInformation.from_field(np.zeros((1, instance.size))),
    )
    run = _Run(instance, side, how, np.full((1, instance.size), prior.mean), np.full((1, 1), prior.variance))
    return run, run.done()


@pytest.mark.parametrize("channel", [at.AbsChannel(), at.ReLUChannel()], ids=str)
@pytest.mark.parametrize("condition", [None, 1000])
def test_outputs_without_noise_find_values_where_a_mean_is_large(channel, condition):
    """A least width of z in units of rows that have a mean is none: it hid what outputs tell exactly."""
    found = 0
    for seed in range(1, 5):
        instance = measured(VALUES, channel, condition, 10, seed=seed)
        run = at.run_vamp(instance, options=at.MessagePassingOptions(max_iterations=100))
        if run.converged[0]:
            assert np.abs(run.mean[0] - instance.planted).max() < 1e-6
            found += 1
    assert found >= 3


def controls(sizes, seeds, kinds=PRIORS, channels=CHANNELS):
    """Runs that end at fixed points: mean squared error, mean variance, and whether it is suspected."""
    for prior in (PRIORS[kind] for kind in kinds):
        for channel in channels:
            for condition, mean in MATRICES:
                for size in sizes:
                    for seed in seeds:
                        instance = measured(prior, channel, condition, mean, size, seed)
                        found = at.run_vamp(instance, options=at.MessagePassingOptions(max_iterations=60))
                        if found.status[0] in ("converged", "inconsistent"):
                            error = float(((found.mean[0] - instance.planted) ** 2).mean())
                            yield error, float(found.variance.mean()), found.status[0] == "inconsistent", size


def wrongly_suspected(runs):
    """Those whose variance allows their error: four times it is more than chi-squares of so many variables are."""
    return [run for run in runs if run[2] and run[0] < 4 * run[1] + 1e-12]


@pytest.mark.parametrize("kind", ["spins", "values"])
def test_right_fixed_points_of_few_variables_are_not_suspected(kind):
    runs = list(controls((20,), (1,), [kind], [at.LinearChannel(0.01), at.SignChannel(), at.ReLUChannel()]))
    assert len(runs) > 10
    assert not wrongly_suspected(runs)


@pytest.mark.slow
def test_right_fixed_points_are_not_suspected():
    """Hundreds of instances of 20 to 200 variables."""
    runs = [*controls((20, 60), (0,)), *controls((200,), (7,), ["sparse", "spins"], CHANNELS[:4])]
    assert len(runs) > 250
    assert not wrongly_suspected(runs)


def test_wrong_spins_are_suspected():
    """Condition number 1000, few spins: decided wrongly, with residuals larger than their noise."""
    instance = measured(at.Rademacher(), at.LinearChannel(0.01), 1000, 0, 20, 2)
    found = at.run_vamp(instance)
    assert found.variance.mean() < 1e-3
    assert ((found.mean[0] - instance.planted) ** 2).mean() > 0.5
    assert found.status == ("inconsistent",)
    assert found.free_entropy == (None,)
    assert "inconsistent" in found.reasons[0]


@pytest.mark.parametrize(
    "channel", [at.SignChannel(), at.AbsChannel(), at.ReLUChannel(), at.DoorChannel(0.67)], ids=str
)
def test_one_contradicted_output_is_enough(channel):
    """Where values are certain and outputs without noise: z is moved so that one output is another."""
    prior = at.Rademacher()
    instance = at.draw_instance(at.GLM(prior, channel), 4.0, 60, 2)
    side = instance.observe(at.Flow(), 3.0, np.random.default_rng(0))
    how = at.MessagePassingOptions()
    run = _Run(instance, side, how, np.zeros((1, 60)), np.ones((1, 1)))
    found = run.done()
    assert found.status == ("converged",)
    assert np.array_equal(np.sign(found.mean[0]), instance.planted)
    told = run._messages()
    p = instance.sensing @ instance.planted
    other = {at.SignChannel: -p, at.DoorChannel: np.where(np.abs(p) > 0.67, 0.3, 1.0)}
    moved = other.get(type(channel), p + 0.1 * np.sign(p))
    one = np.arange(len(p)) == np.argmax(p)
    for chosen, status in ((one, "inconsistent"), (np.zeros(len(p), dtype=bool), "converged")):
        spoilt = replace(told, p=np.where(chosen, moved, p)[None], spread=np.zeros((1, 1)))
        assert run._checked(found, spoilt).status == (status,)


@pytest.mark.parametrize("channel", [at.LinearChannel(0.1), at.ProbitChannel(0.1), at.ReLUChannel()], ids=str)
def test_messages_that_believe_too_much_are_suspected(channel):
    """What is seen is three times farther from what is believed than the widths say."""
    instance = measured(at.Gaussian(), channel, None, 0, seed=1)
    run, found = finished(instance)
    told = run._messages()
    assert found.status == run._checked(found, told).status == ("converged",)
    r = told.r + 3 * np.random.default_rng(0).standard_normal(told.r.shape) * np.sqrt(told.w)
    p = told.p + 3 * np.random.default_rng(1).standard_normal(told.p.shape) * np.sqrt(told.spread)
    assert run._checked(found, replace(told, r=r, p=p)).status == ("inconsistent",)
