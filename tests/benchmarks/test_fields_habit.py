"""Equal work, done the field's way: damped iteration with scipy.integrate.quad over a grid of control and strength.

The task: the phase diagram of the Ising 3-spin model along the flow, with its tricritical point.  The field's way
iterates q <- G(xi'(q)) from zero and from full overlap at every grid point, says "two branches" where both disagree,
and reads the tricritical point off the grid.  Time and error of both are printed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

import amp_theory as at
from amp_theory.phases.geometry.solved import solved

DAMPING, TOLERANCE, ITERATIONS, APART = 0.5, 1e-6, 500, 1e-3
GROUP = "Ising 3-spin, flow: the field's habit and ours"


def overlap_map(x: float) -> float:
    """Return E tanh(x + sqrt(x) z), integrated from -6 to 6 as is usual."""
    root = math.sqrt(x)
    value, _ = quad(lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * math.tanh(x + root * z), -6, 6)
    return value


def iterate(q: float, temperature: float, snr: float) -> float:
    for _ in range(ITERATIONS):
        new = DAMPING * q + (1 - DAMPING) * overlap_map(1.5 / temperature**2 * q * q + snr)
        if abs(new - q) < TOLERANCE:
            return new
        q = new
    return q


def field_diagram(points: int) -> tuple[float, float]:
    """Return temperature and snr of the grid's last point at which both starts lead to different overlaps."""
    controls, strengths = np.linspace(0.66, 0.76, points), np.linspace(0.0, 0.2, points)
    difference = np.array([[iterate(1.0, t, s) - iterate(1e-3, t, s) for s in strengths] for t in controls])
    two = difference > APART
    last = int(np.flatnonzero(two.any(axis=1))[-1])
    return float(controls[last]), float(strengths[two[last]].mean())


def test_both_solve_the_same_equations():
    ours = at.fixed_points(at.IsingPSpin(3), at.Flow(), 0.70, 0.08)
    assert iterate(1.0, 0.70, 0.08) == pytest.approx(ours.informed.overlap, abs=1e-4)
    assert iterate(1e-3, 0.70, 0.08) == pytest.approx(ours.uninformed.overlap, abs=1e-4)


@pytest.mark.parametrize("points", [11, 31])
@pytest.mark.benchmark(group=GROUP)
def test_the_fields_habit(benchmark, capsys, points):
    if benchmark.disabled and points > 11:
        pytest.skip("nothing is timed, and the coarse grid does the same")
    temperature, snr = benchmark.pedantic(field_diagram, (points,), rounds=1)
    exact = at.thresholds(at.IsingPSpin(3), at.Flow()).tricritical
    errors = abs(temperature - exact.temperature), abs(snr - exact.snr)
    with capsys.disabled():
        print(
            f"\nfield's habit, {points} x {points} grid: tricritical T off by {errors[0]:.1e}, snr by {errors[1]:.1e}"
        )
    assert errors[0] > exact.error


@pytest.mark.benchmark(group=GROUP)
def test_ours(benchmark, capsys):
    model = (at.IsingPSpin(3), at.Flow())
    diagram = benchmark.pedantic(at.phase_diagram, model, setup=solved.cache_clear, rounds=10)
    point = diagram.thresholds.tricritical
    with capsys.disabled():
        print(f"\nours, three lines of 200 points: bounds {point.error:.0e} on T, {point.errors['snr']:.0e} on snr")
    assert point.error < 1e-10
