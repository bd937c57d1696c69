"""Sweeps through dense instances, one variable after the other.

Linear fields B_i = sum_p sqrt(lambda_p)/(p-1)! sum J s..s are kept and corrected when a variable changes (distinct
indices: field i does not contain s_i); A_i = sum_p lambda_p e_{p-1}(squares of the others) follows from power sums.
Between two changes nothing changes, so a stretch of variables is decided at once, up to the first that changes in
some row: the outcome is that of one variable after the other.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.finite.chains.sweeps import CompiledSweeper
from amp_theory.finite.instances.dense import DenseInstance, Term, elementary
from amp_theory.tools.arrays import Array, Index

if TYPE_CHECKING:
    from amp_theory.finite.chains.compiled_sweeps import DenseRows

#: sweeps after which fields are computed afresh, so that rounding errors do not add up
REFRESH = 100
#: variables decided at once, in units of the mean distance between changes, and at least
AHEAD, SHORTEST = 3, 8


class DenseSweeper(CompiledSweeper):
    """Configurations of a dense instance with their fields; arguments as for `Sweeper`."""

    instance: DenseInstance

    def __init__(self, instance: DenseInstance, labels: Index, tilt: Array, factor: Array) -> None:
        super().__init__(instance, labels, tilt, factor)
        self._quadratic = not instance.constant_norm
        self._orders = [(t.bodies, t.weight) for t in instance.terms]
        self._since_refresh = 0
        self._stretch = SHORTEST
        self._refresh()

    @cached_property
    def _slabs(self) -> list[list[Term]]:
        """How a change of each variable acts on the fields: the terms with one variable less."""
        terms = [t for t in self.instance.terms if t.bodies > 1]
        return [[Term(t.bodies - 1, t.weight, part) for part in t.tensor] for t in terms]

    def _refresh(self) -> None:
        self._s = self.configurations
        fields = [(t.contract(self._s), t.bodies) for t in self.instance.terms]
        self._field = np.array(sum(field for field, _ in fields))
        self._linear = np.array(sum((field * self._s).sum(axis=1) / p for field, p in fields))
        squares = self._s**2
        most = max(p for p, _ in self._orders)
        self._sums = np.stack([(squares**k).sum(axis=1) for k in range(1, most + 1)], axis=1)

    def _precision(self, first: int, last: int) -> Array:
        """Return A_i of variables first, ..., last - 1, shape (rows, last - first)."""
        squares = self._s[:, first:last] ** 2
        total = np.zeros_like(squares)
        for p, weight in self._orders:
            # Newton's identities for the power sums of the other variables
            e = [np.ones_like(squares)]
            sums = [self._sums[:, k : k + 1] - squares ** (k + 1) for k in range(p - 1)]
            for n in range(1, p):
                e.append(sum((-1) ** (k - 1) * e[n - k] * sums[k - 1] for k in range(1, n + 1)) / n)
            total += weight * e[-1]
        return total

    def _scores(self, base: Array, first: int, last: int) -> Array:
        factor = self.factor[:, None]
        score = base[:, first:last] + (factor * self._field[:, first:last])[..., None] * self.atoms
        if self._quadratic:
            score -= (factor * self._precision(first, last))[..., None] * (0.5 * self.atoms**2)
        return np.asarray(score)

    def log_weights(self) -> Array:
        """Return the conditional log weights of all values, shape (rows, size, values)."""
        return self._scores(self.tilt, 0, self.instance.size)

    def _change(self, variable: int, rows: Index, new: Index) -> None:
        """Give one variable new values in some rows."""
        value = self.atoms[new]
        old = self._s[rows, variable]
        step = value - old
        self._linear[rows] += step * self._field[rows, variable]
        if self._quadratic:
            powers = 2 * np.arange(1, self._sums.shape[1] + 1)
            self._sums[rows] += value[:, None] ** powers - old[:, None] ** powers
        # a slice where it can be, since fields of large instances are costly to copy
        these = slice(rows[0], rows[0] + 1) if len(rows) == 1 else slice(None) if len(rows) == len(self._s) else rows
        chosen = self._s[these]
        for slabs in self._slabs:
            self._field[these] += step[:, None] * slabs[variable].contract(chosen)
        self._s[rows, variable] = value
        self.labels[rows, variable] = new

    def sweep(self, noise: Array) -> Index:
        """Update every variable once and return how many changed, shape (rows,)."""
        base = self.tilt + noise
        size = self.instance.size
        changes, events, first = np.zeros(len(self.labels), dtype=np.intp), 0, 0
        while first < size:
            last = min(first + self._stretch, size)
            new = self._scores(base, first, last).argmax(axis=-1)
            changed = new != self.labels[:, first:last]
            where = changed.any(axis=0) if len(changed) > 1 else changed[0]
            step = int(where.argmax())
            if not where[step]:
                first = last
                continue
            rows = np.flatnonzero(changed[:, step])
            self._change(first + step, rows, new[rows, step])
            changes[rows] += 1
            events += 1
            first += step + 1
        self._stretch = SHORTEST + AHEAD * size // (events + 1)
        return self._swept(changes)

    def _swept(self, changes: Index) -> Index:
        """Count a sweep, and compute the fields afresh where it is time."""
        self._since_refresh += 1
        if self._since_refresh == REFRESH:
            self._since_refresh = 0
            self._refresh()
        return changes

    @cached_property
    def _constants(self) -> dict[str, Any]:
        """What the compiled loops need and no sweep changes."""
        size, squares = self.instance.size, self.atoms**2
        orders = range(1, self._sums.shape[1] + 1)
        longest = max(size ** max(p - 2, 0) for p, _ in self._orders)
        return {
            "tilt": np.ascontiguousarray(self.tilt),
            "atoms": self.atoms,
            "half_squares": 0.5 * squares,
            "powers": np.stack([squares**k for k in orders], axis=1),
            "moments": self.atoms ** (2 * np.arange(1, len(orders) + 1)[:, None]),
            "bodies": np.array([p for p, _ in self._orders]),
            "weights": np.array([weight for _, weight in self._orders]),
            "tensors": tuple(np.ascontiguousarray(t.tensor).reshape(-1) for t in self.instance.terms),
            "scratch": np.empty((2, longest)),
            "elementary": np.ones(len(orders)),
            "quadratic": self._quadratic,
        }

    def _rows(self) -> DenseRows:
        from amp_theory.finite.chains.compiled_sweeps import DenseRows

        now: dict[str, Any] = {"field": self._field, "linear": self._linear, "sums": self._sums, "factor": self.factor}
        return DenseRows(labels=self.labels, configurations=self._s, **now, **self._constants)

    def _heat_bath(self, uniform: Array) -> Index:
        from amp_theory.finite.chains.compiled_sweeps import dense_heat_bath, gumbel_edges

        return self._swept(dense_heat_bath(self._rows(), uniform, gumbel_edges()))

    def _metropolis(self, proposed: Index, excess: Array) -> Index:
        from amp_theory.finite.chains.compiled_sweeps import dense_metropolis

        return self._swept(dense_metropolis(self._rows(), proposed, excess))

    def interaction(self) -> Array:
        """Return the interaction of the rows, shape (rows,)."""
        if not self._quadratic:
            return self._linear.copy()
        squares = self._s**2
        return np.asarray(self._linear - 0.5 * sum(w * elementary(squares, p) for p, w in self._orders))

    def energy(self) -> Array:
        """Return the energy per variable, shape (rows,)."""
        unit = self.instance.model.energy_unit(self.instance.control)
        return -unit * self.interaction() / self.instance.size
