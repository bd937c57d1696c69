"""What message passing on instances shares: results, options, and where it starts.

The equations are in amp.py (dense instances), gamp.py (measurements) and bp.py (graphs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from amp_theory.finite.instances.base import Instance, fitting_side
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, as_flag, as_float, integer_between, positive, told
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Status
from amp_theory.tools.tables import ResultTable, of_grid

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


def per_variable(instance: Instance, number: Callable[[Mixture], float]) -> Array:
    """Return a number that belongs to the prior of every variable, shape (size,)."""
    return np.concatenate([np.full(where.stop - where.start, number(prior)) for where, prior in instance.kinds])


def first_means(instance: Instance, side: SideInformation, start: str | Array) -> Array:
    """Return the means to start from, shape (batch, size)."""
    if isinstance(start, str):
        if start == "uninformed":
            return np.tile(per_variable(instance, lambda prior: prior.mean), (side.batch, 1))
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
