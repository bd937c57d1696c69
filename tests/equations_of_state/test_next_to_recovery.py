"""Next to q = rho: little noise, strengths close to their limit, and controls at which perfect recovery begins."""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at
from amp_theory.exact.digits.points import Sharpener

FLOW, REVEALED = at.Flow(), at.Autoregressive()


@pytest.mark.parametrize("noise", [1e-4, 1e-8, 1e-12, 1e-16])
@pytest.mark.every(2)
def test_bounds_do_not_grow_with_little_noise(noise):
    found = at.thresholds(at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(noise)), FLOW)
    for name in ("dynamical", "condensation", "algorithmic", "tricritical"):
        point = getattr(found, name)
        assert point.error <= 4e-12 * point.control, name


@pytest.mark.slow
def test_condensation_at_little_noise_has_the_digits_it_states():
    model = at.GLM(at.Rademacher(), at.LinearChannel(1e-8))
    point = at.thresholds(model, FLOW).condensation
    exact = float(Sharpener(model, FLOW, 20).point("condensation", point).decimals["sampling_ratio"])
    assert abs(point.control - exact) <= point.error <= 2e-11 * exact


def test_condensation_of_orthogonal_rows_at_little_noise():
    noise, prior = 1e-12, at.Discrete([-0.5, 2], [0.8, 0.2])
    model, rho = at.RowOrthogonalSensing(prior, noise), prior.second_moment
    point = at.thresholds(model, FLOW).condensation
    assert point.error <= 1e-11
    # there q = rho to all digits, and phi = xi(rho)/2 - entropy, xi(rho) = L(rho) - L(0) in closed form
    alpha = point.control
    total = noise + rho
    x = 2 * alpha / (total + np.sqrt(total**2 - 4 * alpha * noise * rho))
    full = alpha * np.log(alpha) - (alpha - 1) * np.log1p(-alpha)
    xi = x * rho - alpha * np.log(noise * x) + (alpha - 1) * np.log1p(-noise * x) + full
    lower = at.fixed_points(model, FLOW, alpha, 0.0).uninformed
    assert lower.overlap < 0.5 * rho
    assert lower.free_entropy == pytest.approx(xi / 2 - prior.entropy, abs=1e-10)


def test_free_entropy_next_to_full_overlap_is_that_of_the_definition():
    # a Gaussian prior: psi = (x - log(1 + x))/2, and x = alpha/(noise + 1 - q) in closed form
    alpha, noise = 0.7, 1e-11
    model = at.GLM(at.Gaussian(), at.LinearChannel(noise))
    point = at.fixed_points(model, FLOW, alpha, 0.0).informed
    # q = x/(1 + x): x (noise + 1/(1 + x)) = alpha
    b = noise + 1 - alpha
    x = (
        (-b + np.sqrt(b * b + 4 * noise * alpha)) / (2 * noise)
        if alpha > 1
        else 2 * alpha / (b + np.sqrt(b * b + 4 * noise * alpha))
    )
    gap = 1 / (1 + x)
    phi = (x * gap + alpha * (np.log((noise + 1) / (noise + gap)))) / 2 - np.log1p(x) / 2
    assert point.overlap == pytest.approx(1 - gap, rel=1e-12)
    assert point.free_entropy == pytest.approx(phi, rel=1e-11)


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("path", [FLOW, REVEALED])
@pytest.mark.parametrize("channel", [at.LinearChannel(0.0), at.AbsChannel()])
@pytest.mark.every(3)
def test_next_to_the_information_dimension(distance, path, channel):
    model = at.GLM(at.GaussBernoulli(0.2), channel)
    below = at.fixed_points(model, path, 0.2 * (1 - distance), 0.0)
    above = at.fixed_points(model, path, 0.2 * (1 + distance), 0.0)
    assert below.informed.overlap < 0.2
    assert above.informed.overlap == 0.2
    assert len(above) == len(below) + 2
    assert [p.stable for p in above][-2:] == [False, True]


def test_folds_close_to_everything_revealed():
    model = at.GLM(at.SparseRademacher(2.557643223929472e-06), at.ProbitChannel(2.9665649334215086e-14))
    control, revealed = 1.569386173552127e-07, 0.9999937147868186
    found = at.fixed_points(model, REVEALED, control, revealed)
    assert [p.stable for p in found] == [True, False, True]
    rho = model.prior.second_moment
    assert [rho - p.overlap for p in found][:2] == pytest.approx([1.2316e-11, 3.7932e-12], rel=1e-3)
    diagram = at.phase_diagram(model, REVEALED, (control / 2, 2 * control), points=5)
    assert not diagram.sampler_succeeds(control)
    assert diagram.first_failure_strength(control) == pytest.approx(0.99999159, abs=1e-8)
    point = at.thresholds(model, REVEALED).tricritical
    assert all(np.isfinite(bound) for bound in point.errors.values())


def test_perfect_recovery_need_not_overtake_a_branch_that_another_one_ends():
    prior = at.Discrete((-2.9274842214722883, 2.9274842214722883, 51.553589645601086), (0.4978, 0.4978, 0.0044))
    model = at.GLM(prior, at.SymmetricPerceptron(8.288164222128803))
    special = at.thresholds(model, FLOW)
    control = 0.5 * (special.tricritical.control + special.dynamical.control)
    found = at.path_transitions(model, FLOW, control)
    assert len(found.first_order) == len(found.uninformed_spinodal) == 2
    assert found.first_order[0].overlap < found.first_order[1].overlap <= prior.second_moment


@pytest.mark.parametrize(
    ("prior", "channel", "control"),
    [
        (
            at.Discrete(
                (-2.1916488670466845, 2.1916488670466845, 1.133688596560877),
                (0.49999999999999994, 0.49999999999999994, 1.0564432589542959e-16),
            ),
            at.DoorChannel(0.9971319939435889),
            2.7650542648975885e-07,
        ),
        (
            at.Discrete(
                (-0.865627279304519, 0.865627279304519, 0.39158840985362775),
                (0.49999999999999734, 0.49999999999999734, 5.308230930583379e-15),
            ),
            at.SignChannel(),
            1e-6,
        ),
    ],
)
@pytest.mark.every(2)
def test_the_uninformed_branch_leads_nearly_to_the_end_of_the_path(prior, channel, control):
    """A branch of the rare atom ends before the uninformed one, which perfect recovery takes over from at the end."""
    model = at.GLM(prior, channel)
    found = at.path_transitions(model, REVEALED, control)
    diagram = at.phase_diagram(model, REVEALED, (0.99 * control, 1.01 * control), points=2)
    first = diagram.first_failure_strength(control)
    assert found.first_order[0].strength == first
    assert 1 - 1e-9 < first < 1
    assert diagram.sampler_succeeds(control) is False
    before = at.fixed_points(model, REVEALED, control, 1 - 1e-9)
    assert before.equilibrium.overlap == before.uninformed.overlap


@pytest.mark.parametrize("spectrum", [((0.0, 59.0), (0.5, 0.5)), ((1.0,), (1.0,)), ((1.0, 3.0), (0.3, 0.7))])
@pytest.mark.parametrize("path", [FLOW, REVEALED])
@pytest.mark.every(3)
def test_rotationally_invariant_matrices_with_little_noise(spectrum, path):
    model = at.SpectralSensing(at.Rademacher(), *(list(x) for x in spectrum))
    for noise in (0.04, 1e-5):
        for strength in (0.0, 0.1):
            points = at.fixed_points(model, path, noise, strength)
            assert all(np.isfinite(p.free_entropy) for p in points)
            for start, end in (("uninformed", points.uninformed), ("informed", points.informed)):
                run = at.state_evolution(model, path, noise, strength, start=start)
                assert run.overlap[-1] == pytest.approx(end.overlap, abs=1e-7)
