"""Panels: what is cut is resolved and stays in order, and what cannot be resolved is refused."""

from __future__ import annotations

import numpy as np
import pytest

from amp_theory.tools.errors import InputError
from amp_theory.tools.panels import cut, halves, last_coefficients, panel_nodes, refined, spanning


def look(power):
    """Look at |s - 1/3|^power on panels, and tell its integrals."""

    def at(panels):
        s, weight = panel_nodes(panels)
        values = np.abs(s - 1 / 3) ** power
        return last_coefficients(values) > 1e-9, (weight * values).sum(axis=1)

    return at


def test_panels_are_halved_where_the_function_is_rough():
    first = np.array([[0.0, 1.0], [1.0, 2.0]])
    panels, found = refined(first, look(1), 40, lambda _: AssertionError())
    assert len(panels) > 20
    assert np.all(panels[1:, 0] == panels[:-1, 1])
    assert abs(found.sum() - ((1 / 3) ** 2 + (5 / 3) ** 2) / 2) < 1e-12
    # a function that is a polynomial is resolved at once
    assert np.array_equal(refined(first, look(2), 1, lambda _: AssertionError())[0], first)


@pytest.mark.parametrize(("rounds", "most"), [(5, np.inf), (40, 8)])
def test_what_stays_rough_is_told(rounds, most):
    with pytest.raises(ZeroDivisionError, match=r"0\.3"):
        refined(np.array([[0.0, 1.0]]), look(1), rounds, lambda left: ZeroDivisionError(f"{left.mean():.2f}"), most)


def test_panels_reach_as_far_as_there_is_mass():
    def mass(panels):
        s, weight = panel_nodes(panels)
        return float((weight * np.exp(-np.abs(s))).sum())

    panels = spanning((-np.inf, 0.0, 1.0), mass, lambda part, total: part < 1e-12 * total, 50, "too far")
    assert panels[-1].tolist() == [0.0, 1.0]
    assert -200 < panels[0, 0] < -27
    assert np.all(panels[1:, 0] == panels[:-1, 1])
    with pytest.raises(InputError, match="too far"):
        spanning((0.0, np.inf), mass, lambda part, total: part < 1e-12 * total, 4, "too far")


def test_pieces_and_halves_fill_their_panels():
    panels = np.array([[0.0, 1.0], [2.0, 8.0]])
    assert cut(panels, np.array([1, 3])).tolist() == [[0, 1], [2, 4], [4, 6], [6, 8]]
    assert halves(panels).tolist() == [[0, 0.5], [2, 5], [0.5, 1], [5, 8]]
