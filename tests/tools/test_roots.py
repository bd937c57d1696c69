"""Changes of sign without derivatives: found to rounding, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at
from amp_theory.tools import roots
from amp_theory.tools.roots import crossings


def test_crossings_are_found_to_rounding_and_none_where_there_is_none():
    target = np.array([1e-12, 0.3, 1.0, 2.0, 1e3, 7.0])
    upper = np.array([1.0, 1.0, 1.0, 5.0, 2e3, 6.0])  # on the end; beyond it
    found = crossings(lambda x, which: (x - target[which]) ** 3 * np.exp(x / upper[which]), np.zeros(6), upper)
    assert found[:5] == pytest.approx(target[:5], rel=1e-14)
    assert np.isnan(found[5])


def test_values_that_are_no_numbers_are_no_crossing():
    found = crossings(lambda x, which: np.where(which == 0, np.nan, x - 1), np.zeros(2), np.full(2, 3.0))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1, rel=1e-15)


def test_accuracy_is_what_is_asked_for():
    coarse = crossings(lambda x, which: np.exp(x) - 3, np.zeros(1), np.full(1, 4.0), absolute=1e-3)
    assert 0 < abs(coarse[0] - np.log(3)) < 1e-3


def test_a_search_that_does_not_end_is_an_error(monkeypatch):
    monkeypatch.setattr(roots, "ITERATIONS", 3)
    with pytest.raises(at.NumericalError, match="changes of sign were not found"):
        crossings(lambda x, which: np.exp(x) - 3, np.zeros(1), np.full(1, 4.0))
