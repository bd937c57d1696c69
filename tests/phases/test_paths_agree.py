"""At strength zero a path tells nothing: fixed points along all paths are the same, wherever strengths underflow."""

import math

import numpy as np
import pytest

import amp_theory as at

FROZEN = at.RandomPerceptron(prior=at.Rademacher(), potential=at.Margin(kappa=-0.22))


@pytest.mark.parametrize(
    ("model", "control"),
    [
        (FROZEN, 0.5),
        (FROZEN, 1.08),
        (at.IsingPSpin(6, field=0.0015), 0.1),
        (at.IsingPSpin(6, field=0.0015), 0.00786),
    ],
)
@pytest.mark.every(2)
def test_fixed_points_without_information_do_not_depend_on_the_path(model, control):
    """Along autoregressive paths the strength falls to -infinity next to q = 1, where no solver may stop."""
    flow, revealing = (
        at.fixed_points(model, path, control=control, strength=0.0) for path in (at.Flow(), at.Autoregressive())
    )
    assert [p.kind for p in flow] == [p.kind for p in revealing] == ["uninformed", "unstable", "informed"]
    for a, b in zip(flow, revealing, strict=True):
        for name in ("overlap", "free_entropy"):
            assert math.isfinite(b.errors[name])
            bound = a.errors[name] + b.errors[name] + 4e-16 * abs(getattr(a, name))
            assert abs(getattr(a, name) - getattr(b, name)) <= bound


def test_no_mutual_information_is_told_beyond_condensation():
    """Where the samples of a random measure are of other states, that of q = 1 is not known either."""
    before, beyond = (at.fixed_points(FROZEN, at.Flow(), control=c, strength=0.0) for c in (1.0, 1.3))
    assert np.all(np.isfinite([p.mutual_information for p in before]))
    assert np.all(np.isnan([p.mutual_information for p in beyond]))
    assert all("mutual_information" not in p.errors for p in beyond)
