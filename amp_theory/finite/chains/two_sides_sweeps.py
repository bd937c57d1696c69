"""Sweeps through instances with variables of two kinds: all u given v, then all v given u.

Given v the u are independent, each with the field and the precisions of `TwoSidesInstance.provided`, so that drawing
them all at once is drawing one after the other.  Heat bath draws from these laws, whatever the prior, vectors as a
whole; the Metropolis rule needs values to propose.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from amp_theory.finite.chains.starts import start_configurations
from amp_theory.finite.chains.sweeps import ChainRows, Rule, heat_bath_noise
from amp_theory.finite.instances.laws import Law, variable_law
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError

#: largest distance of a start from a value of a discrete prior, in units of the largest value
NEAR = 1e-9


class TwoSidesRows(ChainRows):
    """Configurations of an instance with variables of two kinds.

    Parameters
    ----------
    instance
        The instance.
    values
        The configurations, shape (rows, size).
    side
        Side information about one configuration or about every row.
    """

    def __init__(self, instance: TwoSidesInstance, values: Array, side: SideInformation) -> None:
        self.instance, self.factor = instance, np.ones(len(values))
        self.given = [instance.told(kind, side) for kind in (0, 1)]
        self.known = [instance.known(kind, side) for kind in (0, 1)]
        self.laws = [self._law(kind, side) for kind in (0, 1)]
        rows = np.where(side.known, side.values, values)
        self.parts = [self._at_values(kind, instance.vectors(rows, kind).copy()) for kind in (0, 1)]

    def _law(self, kind: int, side: SideInformation) -> Law:
        """Return the law of one kind, as fine as what a configuration of the other kind tells about it asks for."""
        instance = self.instance
        other = instance.kinds[1 - kind][1]
        most = instance.scale * instance.sizes[1 - kind] * max(other.size, other.second_moment)
        snr = float(self.given[kind][1].max()) + most
        return variable_law(instance.model.priors[kind], instance.components, snr).weighted(side)

    def _at_values(self, kind: int, part: Array) -> Array:
        """Return one kind's variables, those of a discrete prior at its values exactly.

        Raises
        ------
        InputError
            If one is not among them.
        """
        allowed = self.laws[kind].values
        if allowed is None:
            return part
        label, distance = self._labels(kind, part)
        bad = np.argwhere(distance > NEAR * np.abs(allowed).max())
        if len(bad):
            one = ", ".join(f"{x:g}" for x in part[bad[0][0], bad[0][1]])
            raise InputError(
                f"start and what is known must hold values of the prior of {'uv'[kind]}, got {one} at its number "
                f"{bad[0][1]}"
            )
        return np.asarray(allowed[label])

    def _labels(self, kind: int, part: Array) -> tuple[Index, Array]:
        """Return the labels of the nearest values, and the distances from them, shape (rows, number)."""
        allowed = self.laws[kind].values
        assert allowed is not None
        distance = np.stack([np.abs(part - value).max(axis=-1) for value in allowed], axis=-1)
        return distance.argmin(axis=-1), distance.min(axis=-1)

    @property
    def configurations(self) -> Array:
        """The configurations, shape (rows, size)."""
        rows = len(self.factor)
        return np.concatenate([part.reshape(rows, -1) for part in self.parts], axis=1)

    def update(self, rule: Rule, rng: np.random.Generator) -> Index:
        """Update every u and then every v by a rule, and return how many numbers changed, shape (rows,)."""
        changes = np.zeros(len(self.factor), dtype=np.intp)
        for kind in (0, 1):
            field, precision = self.instance.provided(kind, self.parts[1 - kind])
            field = self.given[kind][0] + self.factor[:, None, None] * field
            precision = self.given[kind][1] + self.factor[:, None, None, None] * precision
            old = self.parts[kind]
            new = self._drawn(kind, rule, field, precision, rng)
            new = np.where(self.known[kind][..., None], old, new)
            changes += (new != old).any(axis=-1).sum(axis=1) * self.instance.components
            self.parts[kind] = new
        return changes

    def _drawn(self, kind: int, rule: Rule, field: Array, precision: Array, rng: np.random.Generator) -> Array:
        law = self.laws[kind]
        if rule is heat_bath_noise:
            return law.draw(field, precision, rng)
        if law.values is None:
            raise InputError(
                f"the Metropolis rule proposes values, {self.instance.model.priors[kind]!r} has infinitely many: use "
                "heat_bath"
            )
        weights = law.log_weights(field, precision)
        label, _ = self._labels(kind, self.parts[kind])
        return np.asarray(law.values[(weights + rule(label, len(law.values), rng)).argmax(axis=-1)])

    def interaction(self) -> Array:
        """Return the interaction of the rows, shape (rows,), as `Instance.interaction`."""
        return self.instance.interaction(self.configurations)

    def energy(self) -> Array:
        """Return the energy per u, shape (rows,), as `Instance.energy`."""
        return self.instance.energy(self.configurations)


def first_rows_of_two_sides(
    instance: TwoSidesInstance, start: Any, chains: int, side: SideInformation | None, rng: np.random.Generator,
    replicas: int = 1,
) -> TwoSidesRows:  # fmt: skip
    """Return configurations to start from: see `monte_carlo.first_rows`."""
    if isinstance(start, str) and start == "random":
        values = start_configurations(instance, start, chains * replicas, rng)
    else:
        values = np.repeat(start_configurations(instance, start, chains, rng), replicas, axis=0)
    given = SideInformation.from_field(np.zeros(instance.size)) if side is None else side._repeated(replicas)
    if not (isinstance(start, str) and start == "random"):
        wrong = np.argwhere(given.known & (values != given.values))
        if len(wrong):
            raise InputError(f"start differs from the known values, first at number {wrong[0][1]}")
    return TwoSidesRows(instance, values, given)
