"""Steep potentials by sums that are dense next to their edges: against moments on panels, and every shape alike."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.random_measures.pattern_averages import MANY, PER_LENGTH, PatternAverages
from amp_theory.ingredients.outputs import graded_sums
from amp_theory.ingredients.outputs.graded_sums import smoothed_next_to_edges
from amp_theory.ingredients.outputs.potentials import SMOOTHER
from tests.oracles.random_perceptrons import panels

STEEP = [at.Logistic(0.3, 1), at.Logistic(0, 10), at.Logistic(-2.5, 50)]
#: two breaks, between which it is quadratic
BROKEN = at.LogConcave(
    lambda s: -2 * np.where(s > 0, 0, np.where(s > -1, s * s / 2, -s - 0.5)),
    lambda s: -2 * np.where(s > 0, 0, np.where(s > -1, s, -1.0)),
    lambda s: -2.0 * ((s < 0) & (s > -1)),
)


def moments(potential, w, variance):
    """Return log H and its derivatives by Gauss-Legendre sums over s, without derivatives of log psi."""
    root, pull = np.sqrt(variance), variance * potential.logarithm(w)[1]
    found = []
    for place, far in zip(w, pull, strict=True):
        low, high = place + min(far, 0) - 11 * root, place + max(far, 0) + 11 * root
        width = min(0.5 * root, 0.5 * potential.scale)
        cuts = np.concatenate([np.linspace(low, high, 2 + int((high - low) / width)), potential.breaks])
        s, weight = panels(np.unique(cuts[(cuts >= low) & (cuts <= high)]), 12)
        u = (s - place) / root
        exponent = potential.logarithm(s)[0] - u * u / 2
        p = weight * np.exp(exponent - exponent.max()) / np.sqrt(2 * np.pi * variance)
        norm = p.sum()
        mean = p @ u / norm
        square, cube = (p @ (u - mean) ** k / norm for k in (2, 3))
        found.append((np.log(norm) + exponent.max(), mean / root, (square - 1) / variance, cube / root**3))
    return np.array(found).T


@pytest.mark.parametrize("potential", STEEP)
@pytest.mark.parametrize("widths", [1.0, 3.0, 20.0])
def test_sums_are_moments_of_the_field(potential, widths):
    """Rounding of u is that of log psi, of up to 500, and derivatives are over powers of sqrt(V)."""
    variance = min((widths * potential.scale) ** 2, 1.5)
    w = np.concatenate([np.linspace(-9, 9, 13), np.linspace(-3, 3, 7) * np.sqrt(variance)])
    found = smoothed_next_to_edges(potential, w[None], np.array([variance]))
    rounding = 2e-13 * np.array([5.0, 1, 1, 1]) / variance ** (0.5 * np.arange(4))
    for a, b, off in zip(found, moments(potential, w, variance), rounding, strict=True):
        assert np.abs(a[0] - b).max() < off * 10


def test_all_shapes_are_alike():
    """Rows of one V, one V for all, and places that each have their own; tables that grow keep their nodes."""
    potential, w, v = at.Logistic(0.5, 20), np.linspace(-2, 2, 9), np.array([1.0, 0.3, 0.05])
    rows = potential.smoothed(np.tile(w, (3, 1)), v[:, None])
    potential.smoothed(np.array([-30.0, 30.0]), np.array(0.3))
    for k, variance in enumerate(v):
        one = potential.smoothed(w, np.array(variance))
        each = potential.smoothed(w, np.full(w.shape, variance))
        for a, b, c in zip(rows, one, each, strict=True):
            assert a[k] == pytest.approx(b, rel=1e-12, abs=1e-10)
            assert c == pytest.approx(b, rel=1e-12, abs=1e-10)


@pytest.mark.parametrize("variance", [0.5, 2e-2, 0.9 / SMOOTHER**2, 1e-4, 1e-6])
def test_breaks_are_cut_wherever_they_lie(variance):
    """None, one or both of them inside the sum; far from them a few terms are enough."""
    root = np.sqrt(variance)
    w = np.concatenate([b + 2 * variance + root * np.linspace(-15, 15, 11) for b in (-1.0, 0.0)])
    parts = BROKEN.smoothed(w, np.array(variance))
    exact = moments(BROKEN, w, variance)
    # exponents of up to |log psi(w)| + 11^2/2 are rounded, and s: moments have that of u over powers of sqrt(V)
    exponents = 61 + np.abs(BROKEN.logarithm(w)[0])
    rounding = 4 * np.finfo(float).eps * (exponents + (np.abs(w) + 11 * root) / root)
    for k, (a, b) in enumerate(zip(parts, exact, strict=True)):
        assert np.all(np.abs(a - b) < rounding / root**k), k


@pytest.mark.parametrize("exponent", [0.5, 2.0])
def test_many_places_of_a_power_share_a_table(exponent):
    potential, v, few = at.Margin(0.4, exponent), np.array([0.7, 0.2]), np.linspace(-8, 8, 40)
    many = np.linspace(-8, 8, int(2 * MANY * PER_LENGTH * 16 / np.sqrt(v.min())))
    for w in (few, many):
        found = PatternAverages(potential)._log_smoothed(np.tile(w, (2, 1)), v)
        assert found == pytest.approx(potential.log_smoothed(w, v[:, None]), rel=1e-14, abs=2e-13)


def test_threads_share_tables_that_grow():
    """Every table is seen with the range it has: none is read while another thread puts a wider one in its place."""
    ends = np.random.default_rng(0).permutation(np.arange(1, 65)) * 4.0

    def work(end):
        w = np.linspace(-end, end, 5)[None]
        return np.stack(smoothed_next_to_edges(at.Logistic(0.25, 30), w, np.array([0.5])))

    clear = graded_sums._nodes.cache_clear
    clear()
    alone = [work(end) for end in ends]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(5):
            clear()
            with ThreadPoolExecutor(8) as pool:
                together = list(pool.map(work, ends))
            for a, b in zip(alone, together, strict=True):
                assert np.allclose(a, b, rtol=1e-12, atol=1e-12)
    finally:
        sys.setswitchinterval(before)
