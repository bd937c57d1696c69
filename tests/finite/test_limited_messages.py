"""Where the limit of messages decides what belief propagation answers, it does not say that it has converged."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.finite.inference import bp
from amp_theory.finite.inference.exchanges import ArrayExchange, LoopExchange
from amp_theory.finite.instances.enumeration import Enumeration


def chain(fields):
    """Return five spins that two parity checks join, and side information of fields."""
    instance = at.instance_from(at.XORSAT(3), graph=[[0, 1, 2], [2, 3, 4]], right_sides=[0, 0], size=5)
    return instance, at.SideInformation.from_field(np.array([fields]))


@pytest.mark.parametrize("kind", [LoopExchange, ArrayExchange])
@pytest.mark.parametrize("strong", [3.0, 12.0, 30.0, 80.0, 300.0])
def test_converged_on_a_tree_is_exact(monkeypatch, kind, strong):
    """Fields that exclude each other compare as they are, not as they are limited, or the row is stalled."""
    monkeypatch.setattr(bp, "exchange_of", kind)
    instance, side = chain([strong, strong, -1.2 * strong, strong, 0.3])
    with np.errstate(all="ignore"):  # compiled loops pass through infinite ratios in silence, and these may not be
        found = at.run_bp(instance, side)
    exact = Enumeration(instance).mean(side)
    if found.converged[0]:
        assert np.abs(found.mean - exact).max() < 1e-6
    assert found.status == (("converged",) if strong < 17 else ("stalled",))


def test_strong_fields_that_agree_converge():
    """Certainty beyond the limit is none that is in doubt."""
    instance, side = chain([80.0, 80.0, 80.0, 80.0, 0.3])
    found = at.run_bp(instance, side)
    assert found.status == ("converged",)
    assert np.abs(found.mean - Enumeration(instance).mean(side)).max() < 1e-9
