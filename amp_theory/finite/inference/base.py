"""What message passing on instances shares: results, options, and when an iteration has converged.

The equations are in amp.py (dense instances), gamp.py (measurements) and bp.py (graphs).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from amp_theory.finite.instances.base import Instance, fitting_side
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, as_array, as_flag, as_float, integer_between, positive, told
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Status
from amp_theory.tools.tables import ResultTable, of_grid

#: fields and means below this, in units of the prior's width, have no correct digits in weights of discrete values
RESOLVED = 1e-12
#: means beyond this, in units of sqrt(E s^2) or of the start, that still grow have no fixed point to go to
LARGEST_MEAN = 1e3
#: mean squares between this and its inverse have neither lost digits nor overflowed on their way
SMALLEST_SQUARE = 1e-200
#: iterations over which the rate of convergence is measured
WINDOW = 4
#: side informations of which a report tells one by one
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Inference(Reported):
    """What message passing found for a batch of side informations.

    Parameters
    ----------
    mean, variance
        Posterior means and variances, shape (batch, size).
    effective_field, precision
        B, shape (batch, size), and A, shape (batch, 1) or, where they differ, (batch, size), with which every variable
        sees its prior.
    converged, iterations
        Whether the status is "converged", shape (batch,), and the number of iterations.
    residuals
        Root mean squared change that every iteration, without damping, makes: of the means, for belief propagation of
        the hyperbolic tangents of the messages; shape (iterations, batch).
    iterates
        Means after each iteration, the start first, shape (iterations + 1, batch, size); empty unless asked for.
    status
        Of every side information: "converged" (a fixed point is near: see `MessagePassingOptions`); "max_iterations";
        "diverged" (the means grow without bound or are no longer finite: what is returned is the last iterate before
        that); "inconsistent" (of `run_robust_gamp` and `run_vamp`: a fixed point, which the singular values of the
        matrix contradict, or at which outputs are less probable than it believes); "contradiction" (known values and
        constraints exclude each other: no configuration has a weight above zero, and what is returned is the iterate
        before this was found); "stalled" (rounding hides whether a factor allows anything, or how strong fields that
        exclude each other compare; posteriors are narrower than a `Density` is resolved, and their variances too
        large).
    damping
        Of every side information the damping with which this was found, of algorithms that may choose it; else empty.
    free_entropy
        Of every side information the free entropy per variable (of two kinds per u) at the fixed point, in nats and in
        the gauge of `FixedPoint.free_entropy`, the log likelihood ratio against pure noise.  Side information counts
        with its weight (`SideInformation.log_weight`), known variables without their prior.  That of Bethe on graphs,
        exact on trees; else its dense limit, exact for large instances.  None where there is none.
    reasons
        Why there is no free entropy; "" where there is one.
    contradictions
        By side informations with the status "contradiction": which factor or spin shows it, as a sentence.

    References
    ----------
    M. Mezard and A. Montanari, Information, Physics, and Computation (2009), chapter 14, for the Bethe free entropy.

    Examples
    --------
    >>> from amp_theory import SherringtonKirkpatrick, draw_instance, run_amp
    >>> instance = draw_instance(SherringtonKirkpatrick(), control=0.5, size=200, seed=0)
    >>> found = run_amp(instance, options=MessagePassingOptions(keep_iterates=True))
    >>> len(found.iterates) == found.iterations + 1, found.overlaps(instance.planted).shape == (found.iterations + 1, 1)
    (True, True)
    """

    mean: Array
    variance: Array
    effective_field: Array
    precision: Array
    converged: Mask
    iterations: int
    residuals: Array
    iterates: tuple[Array, ...] = field(default=(), repr=False)
    status: tuple[Status, ...] = ()
    free_entropy: tuple[float | None, ...] = ()
    reasons: tuple[str, ...] = ()
    contradictions: dict[int, str] = field(default_factory=dict)
    damping: tuple[float, ...] = ()

    def report(self) -> str:
        """Return a readable text: how it ended for every side information, by status, and the free entropies."""
        lines = [self._summary()]
        for row, value in enumerate(self.free_entropy[:SHOWN]):
            which = f" of side information {row}" if len(self.free_entropy) > 1 else ""
            told = f"{value:.12g} nats per variable" if value is not None else f"none, {self.reasons[row]}"
            lines.append(f"  free entropy{which}: {told}")
        if len(self.free_entropy) > SHOWN:
            lines.append(f"  ... {len(self.free_entropy) - SHOWN} more side informations")
        for row, what in list(self.contradictions.items())[:SHOWN]:
            lines.append(f"  contradiction in side information {row}: {what}")
        return "\n".join(lines)

    def _summary(self) -> str:
        batch, size = self.mean.shape
        ended = ", ".join(f"{self.status.count(s)} {s}" for s in dict.fromkeys(self.status))
        how = ended or f"{int(self.converged.sum())} converged"
        return (
            f"message passing on {size} variables, {batch} side informations: {how} after {self.iterations} iterations"
        )

    def table(self) -> ResultTable:
        """Return mean, variance and effective field of every variable as rows, and whether that batch converged."""
        batch, size = self.mean.shape
        axes = {"batch": np.arange(batch), "variable": np.arange(size)}
        columns = {"mean": self.mean, "variance": self.variance, "effective_field": self.effective_field}
        return of_grid(self._summary(), axes, {**columns, "converged": np.asarray(self.converged)[:, None]})

    def overlaps(self, reference: Array) -> Array:
        """Return the overlap m^t.reference/size of every iterate, shape (iterations + 1, batch).

        Parameters
        ----------
        reference
            A configuration of shape (size,), or one for every side information.

        Returns
        -------
        array
            The overlaps, the start first.

        Raises
        ------
        InputError
            If the iterates were not kept, or the reference is of another shape.
        """
        if not self.iterates:
            raise InputError("the iterates were not kept: run with keep_iterates=True")
        given = as_array("reference", reference, "finite")
        if given.shape[-1:] != self.mean.shape[1:] or given.ndim > 2 or not np.all(np.isfinite(given)):
            raise InputError(f"reference must be a finite configuration of shape {self.mean.shape[1:]}")
        return np.array([(m * given).mean(axis=1) for m in self.iterates])


@dataclass(frozen=True)
class MessagePassingOptions:
    """How message passing is run.

    Parameters
    ----------
    damping
        Part of the old means (AMP) or messages (BP) that is kept, in [0, 1).
    tolerance
        Stop when a fixed point is nearer than this: the root mean squared change that an iteration without damping
        makes, and the distance that is left at the rate at which changes shrink, both relative to the root mean
        square of what has been learnt (means minus prior mean of the unknown variables; messages).
    max_iterations
        Iterations at most.
    keep_iterates
        Whether to return the means of all iterations.
    free_entropy
        Whether to tell the free entropy at the fixed point, which costs about one more iteration.
    adapt_damping
        Whether VAMP and robust GAMP run again, ever more damped, where they have not converged.

    Raises
    ------
    InputError
        If a value is out of range.

    Examples
    --------
    >>> MessagePassingOptions(damping=0.2).max_iterations
    500
    """

    damping: float = 0.0
    tolerance: float = 1e-8
    max_iterations: int = 500
    keep_iterates: bool = False
    free_entropy: bool = True
    adapt_damping: bool = False

    def __post_init__(self) -> None:
        if not 0 <= as_float("damping", self.damping, "in [0, 1)") < 1:
            raise InputError(f"damping must lie in [0, 1), got {told(self.damping)}")
        positive("tolerance", self.tolerance)
        integer_between("max_iterations", self.max_iterations, 1, 10**9)
        as_flag("keep_iterates", self.keep_iterates)
        as_flag("free_entropy", self.free_entropy)
        as_flag("adapt_damping", self.adapt_damping)


def no_side_information(instance: Instance) -> SideInformation:
    """Return side information that tells nothing."""
    return SideInformation.from_field(np.zeros((1, instance.size)))


def _per_variable(instance: Instance, number: Callable[[Mixture], float]) -> Array:
    """Return a number that belongs to the prior of every variable, shape (size,)."""
    return np.concatenate([np.full(where.stop - where.start, number(prior)) for where, prior in instance.kinds])


def first_means(instance: Instance, side: SideInformation, start: str | Array) -> Array:
    """Return the means to start from, shape (batch, size)."""
    if isinstance(start, str):
        if start == "uninformed":
            return np.tile(_per_variable(instance, lambda prior: prior.mean), (side.batch, 1))
        if start != "informed":
            raise InputError(f"start must be 'uninformed', 'informed' or an array, got {told(start)}")
        if instance.planted is None:
            raise InputError("a random instance has no planted configuration to start from")
        return np.tile(instance.planted, (side.batch, 1))
    means = as_array("start", start, "finite")
    if means.shape != (side.batch, side.size) or not np.all(np.isfinite(means)):
        raise InputError(f"start must be finite with shape {(side.batch, side.size)}, got shape {means.shape}")
    return means


def checked_side(instance: Instance, kind: type[Instance], side: SideInformation | None, name: str) -> SideInformation:
    """Return side information of the size of an instance of the right kind, none by default."""
    if not isinstance(instance, kind):
        raise InputError(f"{name} is for instances of the kind {kind.__name__}, got {told(instance)}")
    return no_side_information(instance) if side is None else fitting_side(instance, side)


def checked_options(options: object) -> MessagePassingOptions:
    """Return the options given, or the default ones for None."""
    if options is None:
        return MessagePassingOptions()
    if not isinstance(options, MessagePassingOptions):
        raise InputError(f"options must be MessagePassingOptions or None, got {told(options)}")
    return options


def root_mean_square(values: Array) -> Array:
    """Return the root mean square over the last axis, also of numbers whose squares vanish or overflow."""
    with np.errstate(over="ignore"):
        square = np.linalg.vecdot(values, values) / values.shape[-1]
    if all(SMALLEST_SQUARE < x < 1 / SMALLEST_SQUARE for x in square.ravel().tolist()):
        return np.asarray(np.sqrt(square))
    unit = np.abs(values).max(axis=-1, keepdims=True)
    part = values / np.where((unit > 0) & np.isfinite(unit), unit, 1.0)
    return np.asarray(unit[..., 0] * np.sqrt((part * part).mean(axis=-1)))


def mean_product(a: Array, b: Array) -> Array:
    """Return the mean of the products over the last axis, which is kept."""
    return np.asarray(np.linalg.vecdot(a, b)[..., None] / a.shape[-1])


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
            self.converged = ~self.every
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
        self.side, self.record, self.mean, self.before = side, record, mean, np.zeros_like(mean)
        self.variance = np.tile(_per_variable(instance, lambda prior: prior.variance), (side.batch, 1))
        self.b, self.a = side.field.astype(float), np.tile(side.precision, (side.batch, 1))
        self._prior_mean = _per_variable(instance, lambda prior: prior.mean)
        self._centred, self._known = not self._prior_mean.any(), bool(side.known.any())
        self._rounding = 8 * EPS * max(abs(prior.mean) for _, prior in self._kinds)
        width = math.sqrt(max(prior.second_moment for _, prior in self._kinds))
        self._largest = LARGEST_MEAN * np.maximum(width, root_mean_square(mean))
        self._least_largest = float(self._largest.min())
        self._size = np.full(side.batch, np.inf)

    def usable(self, *arrays: Array) -> Mask:
        """Note which rows of arrays are not finite, and return those that are and have not failed before."""
        # a sum of squares that is finite has finite terms
        if not all(math.isfinite(np.vdot(x, x)) for x in arrays):
            finite = np.all([np.isfinite(x).all(axis=1) for x in arrays], axis=0)
            self.record.fail(~finite, Status.DIVERGED)
        return ~self.record.stopped if self.record.failed else self.record.every

    def kept(self, new: Array, old: Array) -> Array:
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
            change = new - self.mean
            size, scale = root_mean_square(change), root_mean_square(new)
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
        if self.record.failed or self._may_hide():
            relative = np.where(self.record.stopped | self._hidden(), np.inf, relative)
        return self.record.add(self.mean, size, relative)

    def _may_hide(self) -> bool:
        """Return whether a root mean square of fields is so small that the largest of them may be hidden, too."""
        return any(
            min(root_mean_square(self.hide(self.b, 0.0)[:, where]).tolist()) * prior.variance
            < RESOLVED * math.sqrt(prior.second_moment)
            for where, prior in self._kinds
            if prior.atoms
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
