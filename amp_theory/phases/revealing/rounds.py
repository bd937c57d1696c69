"""What a sampler finds that reveals a few times only, by an order: state evolution of the density of fields.

In every round the spins at the end of the order are revealed, by their fields then, until a fraction of all is; after
that the other variables provide x = xi'(q) again, where iterations from the old x end: the first fixed point above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.models.base import Model
from amp_theory.phases.revealing.field_density import FieldDensity
from amp_theory.phases.revealing.march import first_overlap
from amp_theory.phases.revealing.orders import RULES
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError

#: iterations of a round at most, and the change at which they end
MOST_ITERATIONS, SETTLED = 200_000, 1e-12


@dataclass(frozen=True)
class Rounds:
    """The overlap and the feedback xi''(q) S at the fixed point after every round, each of the shape of `revealed`."""

    revealed: Array
    overlap: Array
    feedback: Array


def rounds(model: Model, order: str, control: float, revealed: Array) -> Rounds:
    """Return what is found after revealing ascending fractions of the variables, one after the other.

    Raises
    ------
    NumericalError
        If a round does not come to a fixed point.
    """
    coupling, prior = model.coupling, model.variable_prior
    assert coupling is not None
    intensity = model.intensity(np.array(control))
    overlap = first_overlap(coupling, prior, float(intensity))
    density = FieldDensity.before(float(coupling.signal(intensity, np.array(overlap), np.array(1 - overlap))))
    step, edge, rows = 0.0, 0.0, []
    for fraction in revealed.tolist():
        density, edge = RULES[order](density, step, 1 - fraction, np.cosh, edge)
        step = 0.0
        for _ in range(MOST_ITERATIONS):
            gap = np.array(density.average(1, step))
            new = float(coupling.signal(intensity, 1 - gap, gap)) - density.snr
            settled = abs(new - step) <= SETTLED
            step = new
            if settled:
                break
        else:
            raise NumericalError(f"the round up to {fraction:.4g} revealed comes to no fixed point")
        curvature = float(coupling.curvature(intensity, 1 - gap, gap))
        rows.append((1 - float(gap), curvature * density.average(3, step)))
    return Rounds(revealed, *np.array(rows).T)
