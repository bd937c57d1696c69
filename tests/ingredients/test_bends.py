"""Where slopes bend: found whatever makes them steep, one edge for every bend, and sums that follow them."""

import numpy as np
import pytest

import amp_theory as at
from amp_theory.ingredients.outputs.bends import bends_of


def sigmoid(t):
    small = np.exp(-np.abs(t))
    return np.where(t > 0, 1.0, small) / (1 + small)


def tanh(k, c=0.0, size=1.0):
    """Return the slope and curvature of -size log cosh(k (s - c))/k."""
    return (lambda s: -size * np.tanh(k * (s - c))), (
        lambda s: -size * k / np.cosh(np.minimum(np.abs(k * (s - c)), 300)) ** 2
    )


def logistic(k, c=0.0, size=1.0):
    return (lambda s: size * sigmoid(k * (c - s))), (lambda s: -size * k * sigmoid(k * (c - s)) * sigmoid(k * (s - c)))


def onset(k, c=0.0):
    """Return those of a quadratic that sets in smoothly: a curvature that steps, without a maximum."""
    return (lambda s: np.logaddexp(0, k * (c - s)) / k), (lambda s: -sigmoid(k * (c - s)))


def both(*parts):
    return tuple(lambda s, k=k: sum(part[k](s) for part in parts) for k in (0, 1))


@pytest.mark.parametrize("k", [6, 20, 60, 300])
@pytest.mark.parametrize("c", [-1.3, 0.0, 0.7])
@pytest.mark.parametrize(("make", "pole"), [(tanh, np.pi / 2), (logistic, np.pi), (onset, np.pi)])
def test_a_bend_is_one_edge_as_wide_as_its_poles_are_far(make, pole, k, c):
    slope, curvature = make(k, c)
    found = bends_of(slope, curvature, ())
    assert len({(edge.place, edge.width) for edge in found.edges}) == 1
    edge = found.edges[0]
    assert edge.place == pytest.approx(c, abs=0.1 / k)
    assert 0.15 < edge.width / (pole / k) < 0.5
    assert found.scale == edge.width
    s = c + np.linspace(-30, 30, 20001) / k
    assert found.most == pytest.approx(np.abs(curvature(s)).max(), rel=1e-2)
    if make is onset:
        return
    # both sides of it
    sides = slope(np.array([c - 10 / k, c + 10 / k]))
    assert [e.slope for e in found.edges] == pytest.approx(sides, abs=0.1 * np.ptp(sides))


def test_several_bends_have_edges_each():
    found = bends_of(*both(tanh(20, -0.5), tanh(60, 0.7), logistic(8, 2.5, 3)), ())
    assert sorted({round(edge.place, 2) for edge in found.edges}) == pytest.approx([-0.5, 0.7, 2.5], abs=0.02)
    widths = [next(e.width for e in found.edges if abs(e.place - x) < 0.1) for x in (-0.5, 0.7, 2.5)]
    assert widths[1] < widths[0] < widths[2]


@pytest.mark.parametrize("k", [0.3, 1.0])
def test_what_bends_gently_has_none(k):
    assert bends_of(*tanh(k), ()).edges == ()
    assert bends_of(lambda s: -(s**3) / 2, lambda s: -1.5 * s**2, ()).edges == ()


def test_a_curvature_that_changes_everywhere_has_none_but_a_short_scale():
    k = 40.0
    found = bends_of(lambda s: -2 * s - 0.9 / k * np.sin(k * s), lambda s: -2 - 0.9 * np.cos(k * s), ())
    assert found.edges == ()
    assert found.scale < 3 / k


def test_large_curvature_makes_edges_narrower():
    """Psi = cosh(20 s)^-500 is a Gaussian of width 1/(20 sqrt(500))."""
    found = bends_of(*tanh(20, 0, 1e4), ())
    assert found.scale < 1 / np.sqrt(2e5)
    assert max(abs(edge.place) for edge in found.edges) < 1e-4


@pytest.mark.parametrize("curvature", [
    lambda s: -1.0 * (np.floor(1e4 * s) % 2),
    lambda s: -1 - 0.01 * np.random.default_rng(0).random(s.shape),
])  # fmt: skip
def test_what_no_sum_resolves_is_refused(curvature):
    with pytest.raises(at.InputError, match=r"changes? on less|must change on lengths above 0.00"):
        bends_of(lambda s: -s, curvature, ())


def test_kinks_of_the_curvature_are_none_of_it():
    """Psi = exp(-(0.3 - s)_+^3), whose third derivative jumps."""

    def below(s):
        return np.maximum(0, 0.3 - s)

    cubic = at.LogConcave(lambda s: -(below(s) ** 3), lambda s: 3 * below(s) ** 2, lambda s: -6 * below(s))
    w = np.linspace(-3, 3, 7)
    first, second = (p.smoothed(w, np.full(1, 0.3)).log_h for p in (cubic, cubic.finer))
    assert first == pytest.approx(second, abs=1e-6)
