"""In weak fields the stability line of spins is known to as many digits as R, which is flat next to it, tells."""

import pytest

import amp_theory as at

#: of the equations E tanh^2 = q and E sech^4 = T^2, expanded in the outer field to twelfth order, by 60 digits
LINE = {1e-8: 0.9999957828426017067594, 1e-10: 0.9999998042566307133867, 1e-12: 0.9999999909143970633554,
        1e-20: 0.9999999999999578283667}  # fmt: skip


@pytest.mark.parametrize("field", LINE)
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
