"""The base of spin glasses in a field as a curve over the outer overlap, and channels of many spins at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.equations_of_state.random_measures import field_bases, inner_channels
from amp_theory.equations_of_state.random_measures.fields import FieldMeasure
from amp_theory.equations_of_state.random_measures.inner_channels import SpinChannel, outer_fields, shared_fields
from tests.oracles.field_oracle import Field

#: logits of overlaps at which signs are looked at one by one
LOGITS = np.linspace(-45, 25, 2001)


def law_of(model):
    return FieldMeasure(model, at.Flow()).law


def first_sign_change(law, control):
    """Return the first cell in which q0 becomes larger than the average, by looking everywhere."""
    value = law.excess(LOGITS, np.full_like(LOGITS, -2 * np.log(control))).value
    k = int(np.argmax(value > 0))
    return LOGITS[k - 1], LOGITS[k]


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([at.IsingPSpin(3), at.SphericalPSpin(3), at.SherringtonKirkpatrick(), at.SphericalPSpin(6)]),
    st.floats(-14, 1),
    st.floats(0.1, 2.0),
)
def test_the_base_is_the_first_root(model, log_field, control):
    law = law_of(model.in_field(float(np.exp(log_field))))
    place = law.at(np.array([-2 * np.log(control)]), False)[0]
    if np.isnan(place):
        assert np.all(law.excess(LOGITS, np.full_like(LOGITS, -2 * np.log(control))).value < 0)
        return
    low, high = first_sign_change(law, control)
    assert low - 1e-12 <= place <= high + 1e-12
    assert abs(law.excess(np.array([place]), np.array([-2 * np.log(control)])).value[0]) < 1e-13


@pytest.mark.parametrize(("p", "temperature", "field"), [(3, 0.7, 0.2), (3, 0.4, 0.02), (2, 0.5, 1e-3), (4, 0.2, 2.0)])
def test_the_base_is_that_of_the_oracle(p, temperature, field):
    base = FieldMeasure(at.IsingPSpin(p, field=field), at.Flow()).bases(np.array([temperature]))
    assert base.overlap[0] == pytest.approx(Field(p, temperature, field).q0, rel=1e-12)


@pytest.mark.parametrize("model", [at.IsingPSpin(3, field=1e-3), at.SphericalPSpin(4, field=0.01)])
def test_slopes_of_the_curve_are_differences(model):
    law = law_of(model)
    t = np.array([-12.0, -8.1, -3.0, -0.5, 0.5, 4.0, 11.0])
    x, slope = law._solved(t)
    up, down = (law._solved(t + d)[0] for d in (1e-4, -1e-4))
    assert slope == pytest.approx((up - down) / 2e-4, abs=3e-6)
    assert np.max(np.abs(law.excess(t, x).value)) < 1e-9


def test_maxima_of_the_curve_are_where_the_base_jumps():
    """Spherical: x = log q - 2 log(1 - q) - log(3 q^2/2 + h^2) is stationary at the end of the base."""
    field = 0.01
    law = law_of(at.SphericalPSpin(3, field=field))
    t, x, slope = law.table
    (top,) = np.flatnonzero(slope == 0)
    q = np.linspace(1e-4, 0.05, 2_000_001)
    curve = np.log(q) - 2 * np.log1p(-q) - np.log(1.5 * q**2 + field**2)
    k = int(np.argmax(curve))
    assert x[top] == pytest.approx(curve[k], abs=1e-12)
    assert 1 / (1 + np.exp(-t[top])) == pytest.approx(q[k], abs=1e-6)
    before, after = law.at(np.array([x[top] - 1e-9, x[top] + 1e-9]), False)
    assert before < t[top] < after - 1


def test_without_newton_steps_brackets_find_the_same(monkeypatch):
    law = law_of(at.IsingPSpin(3, field=0.2))
    x = np.linspace(-3, 1, 9)
    fast = law.at(x, False)
    monkeypatch.setattr(field_bases, "NEWTON", 0)
    assert law.at(x, False) == pytest.approx(fast, abs=1e-14)


def test_shared_grids_integrate_like_one_for_each():
    """A spin's channel does not depend on those that are computed with it, and has the weights of its own grid."""
    mean = np.array([0.0, 0.3, 1.0, 2.0, 0.5, 30.0, 1e-3])
    variance = np.array([0.0, 1e-9, 0.05, 0.5, 4.0, 50.0, 0.0999])
    together = SpinChannel.of(mean, variance)
    k = np.sqrt(2 * together.rate - 1)
    for i in range(len(mean)):
        alone = SpinChannel.of(mean[i : i + 1], variance[i : i + 1])
        h, density = outer_fields(mean[i], variance[i])
        own = (density / np.cosh(h)) @ np.cos(np.multiply.outer(h, k))
        whole = SpinChannel.of(np.zeros(1), np.full(1, 1e-12)).weight[0]
        assert np.max(np.abs(together.weight[i] - alone.weight[0])) < 1e-15
        assert np.max(np.abs(together.weight[i] - own * whole)) < 1e-11
        assert together.gap[i] == pytest.approx(alone.gap[0], rel=1e-13)
    rows = np.concatenate([group.rows for group in shared_fields(mean, variance)])
    assert sorted(rows.tolist()) == list(range(len(mean)))


def test_one_table_for_all_is_the_same_sum():
    channel = SpinChannel.of(np.array([0.2, 0.5, 1.0]), np.array([0.02, 0.3, 2.0]))
    snr = np.geomspace(1e-3, 50, 12)
    table, each = channel(np.broadcast_to(snr, (3, 12))), channel(np.tile(snr, (3, 1)))
    for name in table.__slots__:
        assert getattr(table, name) == pytest.approx(getattr(each, name), rel=1e-12, abs=1e-18)


def test_frequencies_that_are_left_out_add_nothing(monkeypatch):
    """Sums over what is left, over what is lost, and over both in one call agree with all frequencies."""
    channel = SpinChannel.of(np.array([0.2, 0.5, 1.0]), np.array([0.02, 0.3, 2.0]))
    parts = [np.tile(snr, (3, 1)) for snr in ([0.01, 0.2], [0.3, 1.0, 4.0], [20.0, 60.0], [0.1, 0.3, 50.0])]
    short = [channel(snr) for snr in parts]
    monkeypatch.setattr(inner_channels, "NOTHING", np.inf)
    monkeypatch.setattr(inner_channels, "NEXT", 0.0)
    for one, other in zip(short, (channel(snr) for snr in parts), strict=True):
        for name in ("gap", "slope", "slope2"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12)
        for name in ("excess", "information"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-15, rel=1e-13)


def test_a_table_that_grows_answers_as_a_whole_one():
    part, whole = law_of(at.IsingPSpin(3, field=0.2)), law_of(at.IsingPSpin(3, field=0.2))
    assert len(whole.table[0]) > len(part._known[0])
    x = np.linspace(-1, 0.9, 7)
    assert part.at(x, False) == pytest.approx(whole.at(x, False), abs=1e-14)
    assert np.array_equal(part.holds(np.array([0.0, 1e3])), [True, False])


@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()])
@pytest.mark.parametrize(
    "model",
    [at.IsingPSpin(3, field=0.01), at.SphericalPSpin(5, field=0.3), at.MixedPSpin("q**2/8 + q**9/2", field=0.1)],
)
def test_nothing_vanishes_where_the_search_begins(model, path):
    """R > 1 - xi''(q)(1 - q): its bound at the first temperature that is looked at."""
    measure = FieldMeasure(model, path)
    isotherms = measure.isotherms(np.array([measure.always_stable]))
    points = isotherms.points(isotherms.grid[None])
    overlap = isotherms.base.overlap[:, None] + points.excess
    log_overlap = np.log(np.minimum(overlap, 1.0))
    bound = 1 - isotherms.intensity * measure.mixture.derivative(2, log_overlap) * points.gap
    assert np.all(points.stability > bound - 1e-12)
    assert np.all(bound > -1e-12)
