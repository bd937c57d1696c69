"""The iterates of message passing: what is kept of them, and when they have converged, or to what they diverge."""

from __future__ import annotations

import math

import numpy as np

from amp_theory.finite.inference.base import Inference, MessagePassingOptions, per_variable
from amp_theory.finite.instances.base import Instance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.results import Status

#: fields and means below this, in units of the prior's width, have no correct digits in weights of discrete values
RESOLVED = 1e-12
#: means beyond this, in units of sqrt(E s^2) or of the start, that still grow have no fixed point to go to
LARGEST_MEAN = 1e3
#: mean squares between this and its inverse have neither lost digits nor overflowed on their way
SMALLEST_SQUARE, SMALLEST_SIZE = 1e-200, 1e-100
#: iterations over which the rate of convergence is measured
WINDOW = 4


def root_mean_square(values: Array) -> Array:
    """Return the root mean square over the last axis, also of numbers whose squares vanish or overflow."""
    with np.errstate(over="ignore"):
        return _root_mean_square(values, np.vecdot(values, values))


def _root_mean_square(values: Array, squares: Array) -> Array:
    """Return the root mean square of values whose squares have these sums."""
    square = squares / values.shape[-1]
    rows = square.ravel().tolist()
    if min(rows, default=1.0) > SMALLEST_SQUARE and max(rows, default=1.0) < 1 / SMALLEST_SQUARE:
        return np.asarray(np.sqrt(square))
    unit = np.abs(values).max(axis=-1, keepdims=True)
    part = values / np.where((unit > 0) & np.isfinite(unit), unit, 1.0)
    return np.asarray(unit[..., 0] * np.sqrt((part * part).mean(axis=-1)))


def mean_product(a: Array, b: Array) -> Array:
    """Return the mean of the products over the last axis, which is kept."""
    return np.asarray(np.vecdot(a, b)[..., None] / a.shape[-1])


def average(values: Array) -> Array:
    """Return the mean over the last axis, which is kept, without what numpy's own does beside."""
    return np.asarray(np.add.reduce(values, axis=-1, keepdims=True) / values.shape[-1])


def relative_change(size: Array, scale: Array) -> Array:
    """Return the size of changes relative to that of what is known, infinite where nothing is."""
    if min(scale.tolist()) > 0:
        return np.asarray(size / scale)
    return np.divide(size, scale, out=np.where(size > 0, np.inf, 0.0), where=scale > 0)


class Record:
    """Residuals and iterates of a run, and what became of every side information.

    A change is small next to an unstable fixed point too, and where a fixed point has just vanished; so the distance
    from the fixed point is taken as change/(1 - rate), the rate from the last changes, and no rate >= 1 will do.
    """

    def __init__(self, options: MessagePassingOptions, mean: Array) -> None:
        self.options = options
        self.residuals: list[Array] = []
        self.iterates = [mean] if options.keep_iterates else []
        self.converged: Mask = np.zeros(len(mean), dtype=bool)
        self.every: Mask = np.ones(len(mean), dtype=bool)
        self._none = ~self.every
        self.failed: dict[int, Status] = {}
        self.contradictions: dict[int, str] = {}
        self._relative: list[Array] = []

    @property
    def stopped(self) -> Mask:
        """Which side informations have diverged or are contradicted, shape (batch,)."""
        result: Mask = np.zeros(len(self.converged), dtype=bool)
        result[list(self.failed)] = True
        return result

    def fail(self, rows: Mask, status: Status) -> None:
        """Note what is wrong with side informations that have not failed before."""
        for row in np.flatnonzero(rows):
            self.failed.setdefault(int(row), status)

    def contradict(self, found: dict[int, str]) -> None:
        """Note contradictions of side informations that have not failed before, by rows."""
        for row, what in found.items():
            if self.failed.setdefault(row, Status.CONTRADICTION) is Status.CONTRADICTION:
                self.contradictions.setdefault(row, what)

    def add(self, mean: Array, size: Array, relative: Array) -> bool:
        """Keep one iteration and tell whether it was the last.

        Parameters
        ----------
        mean
            The new means.
        size
            Root mean square of what an iteration without damping changes, shape (batch,).
        relative
            The same relative to what is known, beyond rounding.
        """
        self.residuals.append(size)
        self._relative.append(relative)
        if self.options.keep_iterates:
            self.iterates.append(mean)
        if min(relative.tolist()) > self.options.tolerance:
            self.converged = self._none
            return len(self.failed) == len(self.every)
        # near a fixed point, changes of the size of rounding tell no rate
        stays = self.converged & (relative <= self.options.tolerance)
        self.converged = (stays | (self._distance() <= self.options.tolerance)) & ~self.stopped
        return bool(np.all(self.converged | self.stopped))

    def _distance(self) -> Array:
        """Return the larger of the last relative change and the relative distance it leaves, shape (batch,)."""
        last = self._relative[-1]
        if len(self._relative) < 2:  # the first iteration knows no Onsager term
            return np.full(last.shape, np.inf)
        rate = np.zeros(last.shape)
        for back in {1, min(WINDOW, len(self._relative) - 1)}:
            before = self._relative[-1 - back]
            with np.errstate(over="ignore", invalid="ignore"):  # changes that are infinite or not a number
                ratio = np.divide(last, before, out=np.where(last > 0, np.inf, 0.0), where=before > 0)
            rate = np.maximum(rate, ratio ** (1 / back))
        left = np.divide(1 - self.options.damping, 1 - rate, out=np.full(last.shape, np.inf), where=rate < 1)
        return np.where(last > 0, last * np.maximum(left, 1.0), 0.0)

    def result(self, mean: Array, variance: Array, b: Array, a: Array) -> Inference:
        """Return the outcome."""
        self.converged = self.converged & ~self.stopped
        status = [Status.CONVERGED if good else Status.MAX_ITERATIONS for good in self.converged]
        for row, what in self.failed.items():
            status[row] = what
        return Inference(
            mean=mean, variance=variance, effective_field=b, precision=a, converged=self.converged,
            iterations=len(self.residuals), residuals=np.array(self.residuals), iterates=tuple(self.iterates),
            status=tuple(status), contradictions=dict(sorted(self.contradictions.items())),
        )  # fmt: skip


class MeanIterates:
    """The last good iterate of AMP or GAMP: means, variances, fields and precisions, row by row.

    Where no row has failed and nothing is known, the usual case, nothing is masked: small instances take their time for
    the number of operations on arrays.

    Parameters
    ----------
    instance, side, mean
        The instance, the side information, and the means at the start.
    record
        The record of the run.
    """

    def __init__(self, instance: Instance, side: SideInformation, mean: Array, record: Record) -> None:
        self._kinds, self._discrete = instance.kinds, [math.isfinite(prior.entropy) for prior in instance.priors]
        self.side, self.record, self.mean, self.before = side, record, np.array(mean, order="C"), np.zeros(mean.shape)
        self.variance = np.tile(per_variable(instance, lambda prior: prior.variance), (side.batch, 1))
        self.b, self.a = side.field.astype(float), np.tile(side.precision, (side.batch, 1))
        self._prior_mean = per_variable(instance, lambda prior: prior.mean)
        self._centred, self._known = not self._prior_mean.any(), bool(side.known.any())
        #: whether means are taken as they come and all that is learnt is in them
        self.plain = self._centred and not self._known and not record.options.damping
        self._rounding = 8 * EPS * max(abs(prior.mean) for _, prior in self._kinds)
        width = math.sqrt(max(prior.second_moment for _, prior in self._kinds))
        self._largest = LARGEST_MEAN * np.maximum(width, root_mean_square(mean))
        self._least_largest = float(self._largest.min())
        self._size = np.full(side.batch, np.inf)
        #: root mean squares of fields below this may hide the largest of them, by kinds
        self._least_fields = [
            RESOLVED * math.sqrt(prior.second_moment) / prior.variance if prior.atoms and prior.variance else 0.0
            for _, prior in self._kinds
        ]

    def usable(self, *arrays: Array) -> Mask:
        """Note which rows of arrays are not finite, and return those that are and have not failed before."""
        # a sum of squares that is finite has finite terms
        if not all(math.isfinite(np.vdot(x, x)) for x in arrays):
            finite = np.all([np.isfinite(x).all(axis=1) for x in arrays], axis=0)
            self.record.fail(~finite, Status.DIVERGED)
        return ~self.record.stopped if self.record.failed else self.record.every

    def kept(self, new: Array, old: Array | float) -> Array:
        """Return new values in rows that have not failed, and old ones in those that have."""
        return np.where(self.record.stopped[:, None], old, new) if self.record.failed else new

    def hide(self, values: Array, known: Array | float) -> Array:
        """Return values of variables, with others in place of those of known variables."""
        return np.where(self.side.known, known, values) if self._known else values

    def update(self, new: Array, variance: Array, b: Array, a: Array, other: Array | float = 0.0) -> bool:
        """Take means as they are without damping, and the relative change of what else iterates; tell if it is over."""
        damping = self.record.options.damping
        with np.errstate(over="ignore", invalid="ignore"):
            self.usable(new, variance)
            new, variance = self.hide(new, self.side.values), self.hide(variance, 0.0)
            change, squares = new - self.mean, np.vecdot(new, new)
            size, scale = _root_mean_square(change, np.vecdot(change, change)), _root_mean_square(new, squares)
            if not max(scale.tolist()) <= self._least_largest:
                self.record.fail((scale > self._largest) & (size >= self._size), Status.DIVERGED)
        self._size = size
        if self.record.failed:
            failed = self.record.stopped
            self._size, size = np.where(failed, np.inf, size), np.where(failed, 0.0, size)
        taken = self.mean + change * (1 - damping) if damping else new
        self.before, self.mean = self.mean, self.kept(taken, self.mean)
        self.variance, self.b, self.a = (
            self.kept(x, old) for x, old in ((variance, self.variance), (b, self.b), (a, self.a))
        )
        if not self._centred or self._known:
            scale = root_mean_square(self.hide(new - self._prior_mean, 0.0))
        if self.record.failed:
            scale = np.where(self.record.stopped, 0.0, scale)
        relative = np.maximum(relative_change(np.maximum(size - self._rounding, 0.0), scale), other)
        if self.record.failed or self._may_hide(self.b):
            relative = np.where(self.record.stopped | self._hidden(), np.inf, relative)
        return self.record.add(self.mean, size, relative)

    def update_plain(self, new: Array, variance: Array, b: Array, a: Array, sizes: Array) -> bool | None:
        """Do as `update` does in an ordinary iteration; else do nothing and return None.

        Parameters
        ----------
        new, variance, b, a
            As for `update`; rows that are not finite show in the sizes.
        sizes
            Root mean squares of the fields, of the changes of the means and of the means, shape (3, batch, 1).
        """
        every, record, batch = sizes.ravel().tolist(), self.record, len(b)
        means = every[2 * batch :]
        # no change at all is ordinary: the last digits of another way would be one, without end
        if record.failed or not (min(means) > SMALLEST_SIZE and sum(every) < 1 / SMALLEST_SIZE):
            return None
        if max(means) > self._least_largest or min(every[:batch]) < max(self._least_fields):
            return None
        _, size, scale = sizes[..., 0]
        self._size, self.before, self.mean = size, self.mean, new
        self.variance, self.b, self.a = variance, b, a
        return record.add(new, size, size / scale)

    def _may_hide(self, b: Array) -> bool:
        """Return whether a root mean square of fields is so small that the largest of them may be hidden, too."""
        return any(
            min(root_mean_square(self.hide(b, 0.0)[:, where]).tolist()) < least
            for (where, _), least in zip(self._kinds, self._least_fields, strict=True)
            if least
        )

    def _hidden(self) -> Mask:
        """Return the rows whose fields are so small that the weights of a discrete prior's values do not show them."""
        hidden: Mask = np.zeros(len(self.b), dtype=bool)
        field = np.abs(self.hide(self.b, 0.0))
        for (where, prior), discrete in zip(self._kinds, self._discrete, strict=True):
            learnt = prior.variance * field[:, where].max(axis=1)
            hidden |= discrete & (learnt > 0) & (learnt < RESOLVED * math.sqrt(prior.second_moment))
        return hidden

    def result(self) -> Inference:
        """Return the outcome."""
        return self.record.result(self.mean, self.variance, self.b, self.a)
