"""The table of reference values is what the oracle computes."""

from __future__ import annotations

import pytest
import reference_table as table
from conftest import REFERENCE, reference
from mpmath import mp, mpf
from oracle import Autoregressive, Flow, UniformDiffusion


def agrees(found: mpf, written: str) -> bool:
    """Tell whether a number agrees with a decimal string to 18 digits."""
    return abs(found / mpf(written) - 1) < mpf(10) ** -18


@pytest.mark.slow
@pytest.mark.parametrize("path", [Flow, Autoregressive, UniformDiffusion])
def test_tricritical_points_are_reproduced(path):
    (case,) = reference(model="ising-p-spin", parameters={"p": 3}, path=path.name, quantity="tricritical")
    overlap, strength, control = (float(case[k]) for k in ("overlap", "strength", "control"))
    field = float(mp.atanh(strength)) if path is UniformDiffusion else strength
    with mp.workdps(24):
        found = table.cusp(table.ising(3), path, (overlap * 1.001, field * 0.999, control**-2))
        assert all(agrees(found[key], case[key]) for key in ("control", "strength", "overlap"))


@pytest.mark.slow
@pytest.mark.parametrize("row", range(4, 77, 11))
def test_scalar_channel_is_reproduced(row):
    name, parameters, prior = table.SCALAR_PRIORS[row // 11]
    written = REFERENCE["scalar_channel"][row]
    assert (written["prior"], written["parameters"]) == (name, parameters)
    with mp.workdps(28):
        found = table.scalar(prior, float(written["x"]))
        for key in ("free_entropy", "overlap", "mmse", "slope", "curvature", "log_mmse"):
            assert agrees(found[key], written[key])
