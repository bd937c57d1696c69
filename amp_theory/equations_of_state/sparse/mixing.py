"""Fixed-point iterations of many laws of messages at once: partial steps, accelerated behind guards."""

from __future__ import annotations

import numpy as np

from amp_theory.tools.arrays import Array, Bools, Index

#: part of the new U that is taken: at large overlap the plain iteration oscillates without end
MIXING = 0.7
#: steps that are combined, falls of the change before they are, the largest factor, what is no direction
DEPTH, FALLS, LONGEST, RIDGE = 5, 3, 100.0, 1e-13
#: growth of the change beyond its best at which a row starts again
WORSE = 10.0


class Mixer:
    """The next U - 1 from the last ones: a part of the new one, accelerated (Anderson) behind guards, row by row.

    Steps are combined with the `depth` last ones so that the changes at low frequencies cancel best, once the change
    has fallen FALLS times; a row whose change grows much beyond its best forgets what it has and goes on plainly.
    """

    def __init__(self, low: int, depth: int) -> None:
        self.low, self.depth = low, depth
        self.last: tuple[Array, Array, Array] | None = None
        #: differences of U - 1 and of steps, shape (rows, depth, frequencies); how many are there
        self.moves: Array = np.zeros((0, depth, 0))
        self.turns: Array = np.zeros((0, depth, 0))
        self.count: Index = np.zeros(0, dtype=np.intp)
        self.falls: Index = np.zeros(0, dtype=np.intp)
        self.best: Array = np.zeros(0)

    def next(self, old: Array, new: Array, change: Array) -> Array:
        """Return what to go on with, from the old U - 1, what it maps to, and the size of the change."""
        step = new - old
        result = old + MIXING * step
        if self.depth == 0:
            return np.asarray(result)
        if self.last is None:
            self.moves, self.turns = (np.zeros((len(old), self.depth, old.shape[1])) for _ in range(2))
            self.count, self.falls = (np.zeros(len(old), dtype=np.intp) for _ in range(2))
            self.best = change.copy()
        else:
            before, step_before, change_before = self.last
            self.falls = np.where(change < change_before, self.falls + 1, self.falls)
            lost = change > WORSE * self.best
            self.count[lost], self.falls[lost] = 0, 0
            self.best = np.where(lost, change, np.minimum(self.best, change))
            for kept, latest in ((self.moves, old - before), (self.turns, step - step_before)):
                kept[:, 1:] = kept[:, :-1]
                kept[:, 0] = latest
            self.count = np.minimum(np.where(lost, 0, self.count + 1), self.depth)
            some = np.flatnonzero((self.falls >= FALLS) & (self.count > 0))
            if len(some):
                result[some] = _bounded(result[some] - self._correction(some, step[some]))
        self.last = old, step, change
        return np.asarray(result)

    def _correction(self, rows: Index, step: Array) -> Array:
        """Return what to subtract from a plain step of some rows."""
        there = np.arange(self.depth) < self.count[rows][:, None]
        turns = self.turns[rows] * there[:, :, None]
        low = turns[:, :, : self.low]
        square = low @ low.transpose(0, 2, 1)
        size = np.trace(square, axis1=1, axis2=2)[:, None, None]
        # directions that are not there, or hardly differ, get no part
        square = square + np.eye(self.depth) * np.where(size > 0, RIDGE * size, 1.0)
        right = (low @ step[:, : self.low, None])[:, :, 0]
        part = np.linalg.solve(square, right[:, :, None])[:, :, 0] * there
        part *= np.minimum(1.0, LONGEST / np.maximum(np.max(np.abs(part), axis=1), 1e-300))[:, None]
        return np.asarray(np.einsum("nd,ndf->nf", part, self.moves[rows] + MIXING * turns))

    def keep(self, rows: Bools) -> None:
        """Forget rows that are done."""
        if self.depth == 0 or np.all(rows):
            return
        assert self.last is not None
        old, step, change = self.last
        self.last = old[rows], step[rows], change[rows]
        for name in ("moves", "turns", "count", "falls", "best"):
            setattr(self, name, getattr(self, name)[rows])


def _bounded(loss: Array) -> Array:
    """Return U - 1 within abs(U(w)) <= U(0) <= 1, which every law of messages obeys."""
    top = np.clip(loss[:, :1], -1, 0)
    return np.clip(loss, -2 - top, top)
