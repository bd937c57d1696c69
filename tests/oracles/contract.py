"""The contract of the spine, checked on any equation of state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState


def check_contract(eos: EquationOfState, coordinates: Sequence[float], strengths: Sequence[float]) -> None:
    """Check signs, derivatives, and d phi = phi_s ds + (A/2) d intensity by central differences."""
    z, s = (x.ravel() for x in np.meshgrid(coordinates, strengths, indexing="ij"))
    h, e = 1e-4 * z, 1e-5 * (1 + s)
    f = eos.surface(z, s)
    right, left = eos.surface(z + h, s), eos.surface(z - h, s)
    up, down = eos.surface(z, s + 2 * e), eos.surface(z, s)
    middle = eos.surface(z, s + e)
    slope = (right.intensity - left.intensity) / (2 * h)
    assert np.allclose(f.fold, f.scaled_slope * slope, rtol=2e-5, atol=2e-6)
    assert np.all(f.scaled_slope > 0)
    assert np.allclose(f.overlap_z, (right.overlap - left.overlap) / (2 * h), rtol=2e-5)
    assert np.all(f.overlap_z > 0)
    assert np.allclose(f.fold_z, (right.fold - left.fold) / (2 * h), rtol=1e-3, atol=1e-4 * np.max(np.abs(f.fold_z)))
    falls = (up.intensity - down.intensity) / (2 * e)
    assert np.all(falls < 0)
    assert np.allclose(middle.drift, middle.scaled_slope * falls, rtol=2e-3)
    phi_z = (right.free_entropy - left.free_entropy) / (2 * h)
    assert np.allclose(phi_z, f.scaled / 2 * slope, rtol=1e-4, atol=1e-6)
    phi_s = (up.free_entropy - down.free_entropy) / (2 * e) - middle.scaled / 2 * falls
    assert np.allclose(middle.free_entropy_s, phi_s, rtol=2e-3, atol=1e-5)
    assert np.all(eos.errors(f).intensity >= 0)
