"""The two demonstrations, reduced: where the flow fails and Monte Carlo works, and the reverse.

Thresholds are the theory's, sizes the smallest and controls those of the grids in notebooks/referee.ipynb.
"""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at

XORSAT = at.XORSAT(4, temperature=0.5)
MATRIX = at.SpikedMatrix(at.SparseRademacher(0.08))


def excess(judged: at.SamplerJudgement) -> tuple[float, float]:
    """Return the excess energy, and in standard errors."""
    mean, error = judged.energy_difference
    return mean, mean / error


@pytest.mark.slow
def test_flow_fails_where_heat_bath_works():
    """Noisy XORSAT, between the tricritical density 1.2689 and the dynamical one 1.6542; below, both work."""
    tricritical = at.thresholds(XORSAT, at.Flow()).tricritical.density
    dynamical = at.thresholds(XORSAT, at.Flow()).dynamical.density
    below, between = 0.8, 1.4
    assert below < tricritical < between < dynamical
    settings = {"size": 500, "instances": 4, "seed": 11, "batch": 8, "steps": 50, "sweeps": 1000}
    hard = at.simulate(XORSAT, between, **settings).samplers
    easy = at.simulate(XORSAT, below, **settings).samplers
    assert hard["flow"].outcome == "fails"
    assert hard["heat-bath"].outcome != "fails"
    assert excess(hard["flow"])[0] > 0.03
    assert excess(hard["flow"])[1] > 5
    assert abs(excess(hard["heat-bath"])[0]) < 0.01
    assert easy["flow"].outcome != "fails"
    assert excess(easy["flow"])[0] < excess(hard["flow"])[0] / 3


@pytest.mark.slow
def test_heat_bath_fails_where_flow_works():
    """Sparse spiked matrix, well below the algorithmic noise: heat bath is trapped without overlap."""
    noise = 0.7 * 0.08**2
    assert noise < at.thresholds(MATRIX, at.Flow()).algorithmic.noise
    found = at.simulate(MATRIX, noise, 2500, 2, 1, batch=8, steps=25, sweeps=100)
    flow, chain = found.samplers["flow"], found.samplers["heat-bath"]
    assert abs(excess(flow)[0]) < 0.01
    assert excess(chain)[0] > 0.05
    overlap = {name: np.mean([i.overlap for i in s.instances]) / 0.08 for name, s in found.samplers.items()}
    assert overlap["flow"] > 0.7
    assert overlap["heat-bath"] < overlap["flow"] / 2
