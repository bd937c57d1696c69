"""Denoisers: from side information about a configuration to the posterior mean of every variable.

A denoiser is called with `SideInformation` and, optionally, the means at which to start, and returns `Denoised`.  A
user's own may be any function of the side information that returns means of shape (batch, size).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Protocol

import numpy as np

from amp_theory.finite.inference.base import Inference, MessagePassingOptions, checked_options
from amp_theory.finite.inference.run import run_message_passing
from amp_theory.finite.instances.base import Instance, as_instance
from amp_theory.finite.instances.enumeration import Enumeration
from amp_theory.finite.instances.scalar_posterior import sample_posterior
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, answer_of, as_array, as_flag, told
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable, of_grid

#: what the sum of a variable's probabilities may miss of one
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Denoised(Reported):
    """What a denoiser knows about all variables, and how to draw single ones.

    Parameters
    ----------
    mean
        Posterior means, shape (batch, size).
    converged
        Whether they converged, shape (batch,).
    marginals
        Probabilities of a discrete prior's values, shape (batch, size, values), or None.
    effective_field, precision
        The posterior of every variable as in scalar_posterior.py, shapes (batch, size) and (batch, 1), or None.
        Without these and marginals the mean decides, which is enough for priors of two values.

    See Also
    --------
    draw_samples : Which takes a denoiser of one's own that returns it.

    Examples
    --------
    >>> from amp_theory import Rademacher
    >>> known = Denoised(np.array([[1.0, -1.0, 1.0]]), np.array([True]))
    >>> known.draw(Rademacher().mixture, np.random.default_rng(0)).tolist()
    [[1.0, -1.0, 1.0]]
    """

    mean: Array
    converged: Mask
    marginals: Array | None = None
    effective_field: Array | None = None
    precision: Array | None = None

    def report(self) -> str:
        """Return a readable text: how many means, and how many batches converged."""
        batch, size = self.mean.shape
        return f"posterior means of {size} variables, {batch} side informations, {int(self.converged.sum())} converged"

    def table(self) -> ResultTable:
        """Return the mean of every variable as rows, and whether that batch converged."""
        batch, size = self.mean.shape
        axes = {"batch": np.arange(batch), "variable": np.arange(size)}
        return of_grid(self.report(), axes, {"mean": self.mean, "converged": np.asarray(self.converged)[:, None]})

    def _part(self, where: slice, mixture: Mixture) -> Denoised:
        """Return what is known about some of the variables, which have one prior."""
        a, b = self.precision, self.effective_field
        return Denoised(
            self.mean[:, where], self.converged,
            None if self.marginals is None else self.marginals[:, where, : len(mixture.means)],
            None if b is None else b[:, where], a[:, where] if a is not None and np.shape(a)[-1:] > (1,) else a,
        )  # fmt: skip

    def draw(self, mixture: Mixture, rng: np.random.Generator) -> Array:
        """Draw every variable from its own posterior, independently, shape (batch, size).

        Parameters
        ----------
        mixture
            The prior of one variable.
        rng
            A generator of random numbers.

        Returns
        -------
        array
            The variables, in the units of s.

        Raises
        ------
        InputError
            If only means are known and the prior has more than two values.
        """
        if self.marginals is not None:
            cumulative = np.cumsum(self.marginals, axis=2)[..., :-1]
            return np.asarray(mixture.means[(rng.random(self.mean.shape)[..., None] > cumulative).sum(axis=2)])
        if self.effective_field is not None and self.precision is not None:
            return sample_posterior(mixture, self.effective_field, self.precision, rng)
        if not mixture.atoms or len(mixture.means) != 2:
            raise InputError(
                "a denoiser that returns means only can draw single variables of two values; return Denoised with "
                "marginals for other priors"
            )
        low, high = float(mixture.means.min()), float(mixture.means.max())
        return np.asarray(np.where(rng.random(self.mean.shape) * (high - low) < self.mean - low, high, low))


@singledispatch
def draw_each(instance: Instance, found: Denoised, side: SideInformation, rng: np.random.Generator) -> Array:
    """Draw every variable of an instance from its own posterior, independently, shape (batch, size).

    Parameters
    ----------
    instance, side
        The instance, and what the denoiser was told.
    found
        What the denoiser knows.
    rng
        A generator of random numbers.
    """
    precision = 0.0 if found.precision is None else float(np.max(found.precision))
    return found.draw(instance._resolved(precision), rng)


@draw_each.register(TwoSidesInstance)
def _draw_of_two_kinds(
    instance: TwoSidesInstance, found: Denoised, side: SideInformation, rng: np.random.Generator
) -> Array:
    """Draw numbers from the posteriors of each kind, vectors from their means and what the other kind tells."""
    if instance.components == 1:
        finest = 0.0 if found.precision is None else float(np.max(found.precision))
        drawn = [
            found._part(where, mixture).draw(prior.resolved(finest), rng)
            for (where, mixture), prior in zip(instance.kinds, instance.priors, strict=True)
        ]
        return np.concatenate(drawn, axis=1)
    values = np.empty_like(found.mean)
    for kind, (where, _) in enumerate(instance.kinds):
        _, precision = instance.provided(kind, instance.vectors(found.mean, 1 - kind))
        mean, given = instance.vectors(found.mean, kind), instance.told(kind, side)[1]
        values[:, where] = instance.laws[kind].draw_around(mean, given + precision, rng).reshape(len(values), -1)
    return np.where(side.known, side.values, values)


class Denoiser(Protocol):
    """What samplers call."""

    def __call__(self, side: SideInformation, start: Array | None = None) -> Denoised:
        """Return posterior means given side information, perhaps starting from given means."""


@dataclass(frozen=True, eq=False)
class ExactDenoiser:
    """The exact posterior, by enumeration of a small instance."""

    enumeration: Enumeration

    def __call__(self, side: SideInformation, start: Array | None = None) -> Denoised:
        """Return the exact posterior means and marginals."""
        marginals, possible = self.enumeration.denoise(side)
        return Denoised(self.enumeration._mean_of(marginals), possible, marginals)


@dataclass(frozen=True, eq=False)
class MessagePassingDenoiser:
    """AMP for dense instances, GAMP for linear models, BP for sparse graphs: what an efficient denoiser can do.

    Parameters
    ----------
    instance
        The instance.
    options
        Damping, tolerance, number of iterations.
    warm
        Whether to start from the means of a sampler's previous step, which follow the uninformed branch, instead of the
        prior's mean.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from amp_theory import Flow, SherringtonKirkpatrick, draw_instance
    >>> instance = draw_instance(SherringtonKirkpatrick(), control=1.5, size=100, seed=0)
    >>> side = Flow().observe(instance.planted[None], 1.0, np.random.default_rng(0))
    >>> denoiser = MessagePassingDenoiser(instance)
    >>> denoiser(side).mean.shape, denoiser.infer(side).status
    ((1, 100), ('converged',))
    """

    instance: Instance
    options: MessagePassingOptions = field(
        default_factory=lambda: MessagePassingOptions(tolerance=1e-4, max_iterations=50)
    )
    warm: bool = True

    def __post_init__(self) -> None:
        as_instance(self.instance)
        checked_options(self.options)
        as_flag("warm", self.warm)

    def infer(self, side: SideInformation, start: Array | None = None) -> Inference:
        """Run message passing.

        Parameters
        ----------
        side
            Side information.
        start
            Means of shape (batch, size) to start from if `warm`, else the prior's mean.

        Returns
        -------
        Inference
            All that message passing found.
        """
        return self._run(side, start, self.options)

    def _run(self, side: SideInformation, start: Array | None, options: MessagePassingOptions) -> Inference:
        begin = "uninformed" if start is None or not self.warm else start
        return run_message_passing(self.instance, side, begin, options)

    def __call__(self, side: SideInformation, start: Array | None = None) -> Denoised:
        """Return the means where message passing ended, and whether it converged."""
        found = self._run(side, start, replace(self.options, free_entropy=False))
        return Denoised(found.mean, found.converged, None, found.effective_field, found.precision)


@dataclass(frozen=True, eq=False)
class CheckedDenoiser:
    """A user's function of side information, whose answers are checked."""

    function: Callable[..., object]

    def __call__(self, side: SideInformation, start: Array | None = None) -> Denoised:
        """Call the function and check what it returns.

        Raises
        ------
        InputError
            If it fails, or returns a wrong shape, truth values, complex numbers, NaN or an infinity.
        """
        # the function may write on what it is given; fields and values are copied by side information itself
        answer = answer_of("the denoiser", self.function, replace(side, known=side.known.copy()))
        given = answer if isinstance(answer, Denoised) else Denoised(answer, np.ones(side.batch, dtype=bool))
        shape = (side.batch, side.size)
        mean = _checked("means", given.mean, shape)
        if np.shape(given.converged) != shape[:1] or np.asarray(given.converged).dtype != bool:
            raise InputError(f"the denoiser must return converged as truth values of shape {shape[:1]}")
        marginals, field, precision = given.marginals, given.effective_field, given.precision
        if marginals is not None:
            marginals = _checked("marginals", marginals, (*shape, *np.shape(marginals)[2:3]))
            if np.any(marginals < 0) or np.any(np.abs(marginals.sum(axis=2) - 1) > ROUNDING):
                raise InputError("the denoiser must return marginals >= 0 whose sum over the values is 1")
        if field is not None and precision is not None:
            field = _checked("effective_field", field, shape)
            one_for_all = np.shape(precision) in ((), (1, 1))
            precision = _checked("precision", precision, np.shape(precision) if one_for_all else (side.batch, 1))
        return Denoised(mean, given.converged, marginals, field, precision)


def _checked(name: str, values: object, shape: tuple[int, ...]) -> Array:
    """Return what a denoiser returned as finite numbers of the right shape."""
    kind = getattr(values, "dtype", np.dtype(float))
    if kind.kind not in "iuf":
        what, advice = f"values of type {kind}", ""
        if kind.kind == "b":
            what, advice = "truth values", ": give numbers, such as 2.0*(mean > 0) - 1"
        raise InputError(f"the denoiser must return {name} as real numbers of shape {shape}, got {what}{advice}")
    result = as_array(f"the {name} that the denoiser returns", values, f"of shape {shape}")
    if result.shape != shape:
        raise InputError(f"the denoiser must return {name} of shape {shape}, got {result.shape}")
    if not np.all(np.isfinite(result)):
        raise InputError(f"the denoiser returned NaN or an infinity in its {name}")
    return result


def as_denoiser(instance: Instance, denoiser: object) -> Denoiser:
    """Return the denoiser meant: None for message passing, "exact" for enumeration, or a checked function."""
    if denoiser is None:
        return MessagePassingDenoiser(instance)
    if isinstance(denoiser, str):
        if denoiser != "exact":
            raise InputError(f"denoiser must be None, 'exact' or a function, got {told(denoiser)}")
        return ExactDenoiser(Enumeration(instance))
    if isinstance(denoiser, ExactDenoiser | MessagePassingDenoiser | CheckedDenoiser):
        return denoiser
    if not callable(denoiser):
        raise InputError(f"denoiser must be None, 'exact' or a function of side information, got {told(denoiser)}")
    return CheckedDenoiser(denoiser)
