"""In weak fields the stability line of spins is known to as many digits as R, which is flat next to it, tells."""

import pytest

import amp_theory as at

#: of the equations E tanh^2 = q and E sech^4 = T^2, expanded in the outer field to twelfth order, by 60 digits
LINE = {1e-8: 0.9999957828426017067594, 1e-10: 0.9999998042566307133867, 1e-12: 0.9999999909143970633554,
        1e-20: 0.9999999999999578283667}  # fmt: skip


@pytest.mark.parametrize("field", LINE)
@pytest.mark.every(2)
def test_errors_of_the_stability_line_hold(field):
    """The slope of R falls like 1 - T there, and over a step of any length it is another."""
    found = at.thresholds(at.SherringtonKirkpatrick(field=field), at.Flow()).stability
    assert abs(found.control - LINE[field]) <= found.errors["temperature"]
    assert found.errors["temperature"] < 1e-6


@pytest.mark.parametrize("field", [1e-30, 1e-50, 1e-70, 1e-100])
def test_fields_below_rounding_move_no_line(field):
    """A base whose equations rounding decides is still found, and its errors say so."""
    found = at.thresholds(at.SherringtonKirkpatrick(field=field), at.Flow()).stability
    assert abs(found.control - 1) <= found.errors["temperature"]


@pytest.mark.parametrize("field", [1e-8, 3e-9, 1e-7])
def test_spheres_in_the_weakest_fields_fail_where_they_do_without(field):
    """Their base ends at the stability line, whose last digit is lost in rounding."""
    found, without = (at.thresholds(at.SphericalPSpin(3, field=h), at.Flow()) for h in (field, 0.0))
    bound = found.first_failure.error + without.tricritical.error + field
    assert abs(found.first_failure.control - without.tricritical.control) <= bound
    # q0 = h/T, and (1 - q0)^2 6 q0 = T^2 there
    q0 = field * (2 / 3) ** 0.5
    assert abs(found.stability.control - (3 * q0) ** 0.5 * (1 - q0)) <= found.stability.error + field * q0


@pytest.mark.parametrize("p", [4, 6, 8, 12])
@pytest.mark.parametrize("temperature", [0.05, 0.1])
@pytest.mark.parametrize("revealed", [0.1, 0.9])
@pytest.mark.every(3)
def test_cold_spins_in_a_weak_field_are_those_without(p, temperature, revealed):
    """Also where 1 - q next to q = 1 is below the range of doubles."""
    weak, without = (
        at.fixed_points(model, at.Autoregressive(), temperature, revealed)
        for model in (at.IsingPSpin(p, field=1e-8), at.IsingPSpin(p))
    )
    assert len(weak) == len(without)
    for a, b in zip(weak, without, strict=True):
        assert a.mmse == pytest.approx(b.mmse, rel=1e-9, abs=1e-150)
        assert a.free_entropy == pytest.approx(b.free_entropy, rel=1e-11, abs=1e-12)
