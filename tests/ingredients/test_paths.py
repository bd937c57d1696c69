"""Paths and schedules: Psi' = G/2, partial derivatives, information, time and strength."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.models.catalogue import PATHS, SCHEDULES, build_path

#: schedules whose strength grows with time
RISING = {
    "linear", "trigonometric", "stochastic-localization", "fraction-revealed", "retention", "strength-as-time",
}  # fmt: skip
PATHS_AND_PRIORS = [
    (at.Flow(), at.SparseRademacher(0.2)),
    (at.Flow(), at.Discrete([-1, 0.5, 2], [0.3, 0.5, 0.2])),
    (at.Autoregressive(), at.GaussBernoulli(0.3)),
    (at.Autoregressive(), at.Discrete([0, 1], [0.9, 0.1])),
    (at.UniformDiscreteDiffusion(), at.Rademacher()),
    (at.Birth(), at.Discrete([-1, 0, 2], [0.3, 0.5, 0.2])),
]


@pytest.mark.parametrize(("path", "prior"), PATHS_AND_PRIORS)
@given(log_x=st.floats(-2, 1), strength=st.floats(0.01, 0.9))
@pytest.mark.every(3)
def test_derivatives_of_the_response(path, prior, log_x, strength):
    """dPsi/dx = G/2 at constant strength; dG/dz, dG/ds and dPsi/ds against differences; G rises with strength."""
    x, h, k = 10**log_x / prior.second_moment, 1e-5, 1e-5
    s = float(path.internal(np.array(strength)))
    s = s / prior.second_moment if path.name == "flow" else s

    def at_(dx: float, ds: float):
        strength_ = np.array([s + ds])
        z = path.coordinate(np.array([x * (1 + dx)]), strength_)
        return path.response(prior, z, strength_)

    here = at_(0, 0)
    up, down = at_(h, 0), at_(-h, 0)
    assert (up.free_entropy - down.free_entropy)[0] / (2 * h * x) == pytest.approx(here.overlap[0] / 2, rel=1e-8)
    assert (up.overlap - down.overlap)[0] / (2 * h * x) == pytest.approx(here.overlap_z[0], rel=1e-7)
    assert (up.overlap_z - down.overlap_z)[0] / (2 * h * x) == pytest.approx(here.overlap_zz[0], rel=1e-6, abs=1e-9)
    more, less = at_(0, k * s), at_(0, -k * s)
    entropy_slope = (more.free_entropy - less.free_entropy)[0] / (2 * k * s)
    rounding = 4e-16 * (1 + abs(float(here.free_entropy[0]))) / (k * s)
    assert entropy_slope == pytest.approx(here.free_entropy_s[0], rel=1e-7, abs=rounding)
    assert more.overlap[0] > less.overlap[0]
    assert here.overlap[0] + here.gap[0] == pytest.approx(prior.second_moment, rel=1e-13)


@pytest.mark.parametrize(("path", "prior"), PATHS_AND_PRIORS)
def test_without_strength_all_paths_are_the_prior(path, prior):
    x = np.array([0.1, 1.0, 5.0])
    response = path.response(prior, path.coordinate(x, 0 * x), 0 * x)
    assert np.allclose(response.overlap, prior.overlap(x), rtol=1e-13)
    assert np.allclose(response.free_entropy, prior.free_entropy(x), rtol=1e-12)


@given(st.floats(0, 3), st.floats(0, 0.999))
def test_information_of_the_side_channel(snr, fraction):
    prior = at.SparseRademacher(0.3)
    assert 0 <= at.Flow().information(prior, snr) <= prior.entropy
    assert at.Autoregressive().information(prior, fraction) == pytest.approx(fraction * prior.entropy)
    flip = at.UniformDiscreteDiffusion().information(at.Rademacher(), fraction)
    epsilon = (1 - fraction) / 2
    exact = np.log(2) + epsilon * np.log(epsilon) + (1 - epsilon) * np.log(1 - epsilon)
    assert flip == pytest.approx(exact, abs=1e-15)


def test_information_of_a_revealed_continuous_variable_is_infinite():
    assert np.isinf(at.Autoregressive().information(at.Gaussian(), 0.1))
    assert at.Autoregressive().information(at.Gaussian(), 0.0) == 0
    assert at.UniformDiscreteDiffusion().information(at.Rademacher(), 1.0) == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("path", "bad"),
    [(at.Flow(), [-1e-9, np.nan, np.inf, "x", None]), (at.Autoregressive(), [-0.1, 1, 1.5, np.nan]),
     (at.UniformDiscreteDiffusion(), [-0.1, 1, 2, np.inf])],
)  # fmt: skip
def test_bad_strength(path, bad):
    for strength in bad:
        with pytest.raises(at.InputError, match=path.strength):
            path.check_strength(strength)


@pytest.mark.parametrize("prior", [at.SparseRademacher(0.5), at.Gaussian(), at.Discrete([-1, 1], [0.4, 0.6]),
                                   at.Discrete([-2, 2], [0.5, 0.5])])  # fmt: skip
def test_uniform_diffusion_needs_unbiased_signs(prior):
    with pytest.raises(at.InputError, match="unbiased"):
        at.UniformDiscreteDiffusion().check_prior(prior)
    at.UniformDiscreteDiffusion().check_prior(at.Discrete([1, -1], [0.5, 0.5]))


# --- schedules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@given(part=st.floats(0.01, 0.99))
def test_time_and_strength_are_inverse(name, part):
    schedule = SCHEDULES[name]()
    lo, hi = schedule.times
    time = lo + part * (hi - lo) if np.isfinite(hi) else part / (1 - part)
    assert float(schedule.time(schedule.strength(time))) == pytest.approx(time, rel=1e-10)
    before, after = (
        schedule.strength(time),
        schedule.strength(time * 1.001 if np.isinf(hi) else time + 0.001 * (hi - lo)),
    )
    rising = name in {
        "linear",
        "trigonometric",
        "stochastic-localization",
        "fraction-revealed",
        "retention",
        "strength-as-time",
    }
    assert (after > before) == rising


def test_schedules_by_their_formulas():
    t = 0.3
    assert float(at.LinearInterpolant().strength(t)) == pytest.approx((t / (1 - t)) ** 2)
    assert float(at.TrigonometricInterpolant().strength(t)) == pytest.approx(np.tan(np.pi * t / 2) ** 2)
    assert float(at.VariancePreserving().strength(t)) == pytest.approx(1 / (np.exp(2 * t) - 1))
    assert float(at.VarianceExploding().strength(t)) == pytest.approx(1 / t**2)
    assert float(at.StochasticLocalization().strength(t)) == t
    assert float(at.MaskedDiffusion().strength(t)) == 1 - t
    assert float(at.FlipProbability().strength(t)) == pytest.approx(1 - 2 * t)


def test_ends_of_time():
    assert np.isinf(at.LinearInterpolant().strength(1.0))
    assert np.isinf(at.TrigonometricInterpolant().strength(1.0))
    assert float(at.LinearInterpolant().time(np.inf)) == 1
    assert np.isinf(at.VariancePreserving().time(0.0))
    assert np.isinf(at.VarianceExploding().time(0.0))


def test_own_interpolant():
    own = at.Interpolant(noise=lambda t: np.cos(np.pi * t / 2), signal=lambda t: np.sin(np.pi * t / 2))
    t = np.array([0.1, 0.5, 0.9])
    assert np.allclose(own.strength(t), at.TrigonometricInterpolant().strength(t), rtol=1e-14)
    assert np.allclose(own.time(own.strength(t)), t, atol=1e-14)
    assert float(own.time(np.inf)) == 1
    for noise, signal in ((lambda t: 1 + t, lambda t: 1 - t), (lambda t: 1 - t, lambda t: 1 + t),
                          (lambda t: np.where(t > 0.5, np.nan, 1.0), lambda t: t)):  # fmt: skip
        with pytest.raises(at.InputError, match="increase strictly"):
            at.Interpolant(noise=noise, signal=signal)
    assert at.Flow(schedule=own).schedule is own


@pytest.mark.parametrize(("schedule", "time"), [(at.LinearInterpolant(), 1.1), (at.VariancePreserving(), -0.1),
                                                (at.FlipProbability(), 0.6), (at.MaskedDiffusion(), np.nan)])  # fmt: skip
def test_bad_time(schedule, time):
    with pytest.raises(at.InputError, match="time"):
        schedule.strength(time)
    with pytest.raises(at.InputError, match="strength"):
        schedule.time(-1.0)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@given(beyond=st.floats(1e-12, 1e6))
@pytest.mark.every(3)
def test_values_out_of_range_are_refused(name, beyond):
    """Times and strengths beyond either end, alone and among good ones; the ends themselves are allowed."""
    schedule = SCHEDULES[name]()
    for what, call, ends in (
        ("time", schedule.strength, schedule.times),
        ("strength", schedule.time, schedule.strengths),
    ):
        assert call(np.array(ends)).shape == (2,)
        good = ends[0] + 0.3 * (min(ends[1], 1.0) - ends[0])
        for bad in (ends[0] - beyond, ends[1] + beyond, -np.inf, np.nan, 2 * ends[1] + 1j):
            if bad == np.inf:
                continue
            for given_values in (bad, [bad], [good, bad], np.array([[good], [bad]])):
                with pytest.raises(at.InputError, match=f"^{what} must "):
                    call(given_values)


def test_ranges_of_strength_are_those_of_the_paths():
    for path in PATHS.values():
        for kind in path.schedules:
            assert kind.strengths == (0.0, path.limit)
            assert kind.name in SCHEDULES or kind is at.Interpolant
    own = at.Interpolant(noise=lambda t: 1 - t, signal=lambda t: t)
    for bad in (-1e-9, [0.5, 1.1], np.nan):
        with pytest.raises(at.InputError, match="time must lie in"):
            own.strength(bad)
    with pytest.raises(at.InputError, match="strength must lie in"):
        own.time([1.0, -1.0])


def test_what_a_path_tells_takes_real_strengths():
    for path in PATHS.values():
        for function in (path().evidence, path().information):
            with pytest.raises(at.InputError, match=path.strength):
                function(at.Rademacher(), 0.3 + 0.1j)


def test_schedules_belong_to_paths():
    with pytest.raises(at.InputError, match="schedule of Flow"):
        at.Flow(schedule=at.MaskedDiffusion())
    with pytest.raises(at.UnknownNameError, match="schedule of flow"):
        build_path("flow", "masked")
    with pytest.raises(at.UnknownNameError, match="did you mean 'flow'"):
        build_path("flwo")
    assert build_path("autoregressive", "masked") == at.Autoregressive(at.MaskedDiffusion())
    assert {p.name for p in PATHS.values()} == {"flow", "autoregressive", "uniform-diffusion", "birth"}
