"""A geometry of its own at every control, where there is no surface over all of them, and what coexists in each."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.geometry.geometry import Branch, Coexistence, Crossing, Geometry, joined
from amp_theory.tools.arrays import Array


class OneByOne(Geometry):
    """What answers at all controls by asking the geometry at each."""

    one_by_one = True

    @abstractmethod
    def at(self, intensity: float) -> Geometry:
        """Return the folds and branches at one intensity."""

    def branches(self, intensity: Array) -> list[list[Branch]]:
        """Return the stable branches at strength >= 0 of every isotherm."""
        return [self.at(float(x)).branches(np.array([x]))[0] for x in intensity]

    def coexistence(self, intensity: Array) -> Coexistence:
        """Return the branches and transitions at every intensity, shape (n,)."""
        parts = [self.at(float(x)).coexistence(np.array([x])) for x in intensity]
        none = Surface(*(np.zeros(0) for _ in Surface.__slots__))
        strength, lower, upper, crossings, count = np.zeros(0), none, none, [], 0
        for part in parts:
            crossings.append([Crossing(c.b, c.c, c.index + count) for c in part.crossings[0]])
            strength = np.concatenate([strength, part.strength])
            lower, upper = joined(lower, part.lower), joined(upper, part.upper)
            count += len(part.strength)
        branches, first = [p.branches[0] for p in parts], [p.first[0] for p in parts]
        return Coexistence(intensity, branches, first, crossings, strength, lower, upper)
