"""What AMP does to effective fields: the posterior of a prior, or a function of one's own.

A denoiser takes B, shape (batch, n), and A, shape (batch, 1) or (batch, n), side information included, and returns
f(B, A) and df/dB, shape (batch, n) both, variable by variable: B_i = mu s*_i + sqrt(x) z_i with x = A - a
the variance of the noise, and mu = x for the Bayes-optimal denoiser, the posterior mean, whose derivative is the
posterior variance.  The mean of df/dB makes Onsager's term, which is right for any continuous f that acts on every
variable by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from amp_theory.finite.instances.scalar_posterior import posterior_moments
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, answer_of, as_array, told

#: step of the difference quotient in units of the root mean square of the fields, and what it may differ by, relative
STEP, AGREES = 1e-5, 1e-3
#: the part of the variables that may be at kinks
KINKS = 0.05
#: calls whose derivatives are checked: the first so many, and then powers of two
CHECKED = 2
WHAT_IT_IS = "a prior, or a function of field and precision that returns means and their derivatives"


class AmpDenoiser(Protocol):
    """What AMP calls with B and A."""

    @property
    def mixture(self) -> Mixture | None:
        """The prior whose posterior it is, without what side information says of zeros; None for no prior's."""

    @property
    def posterior(self) -> Mixture | None:
        """The same with what side information says of zeros."""

    def __call__(self, field: Array, precision: Array) -> tuple[Array, Array]:
        """Return means and their derivatives in the field."""


class PosteriorDenoiser:
    """The posterior mean and variance of a prior, resolved for a largest precision, given side information."""

    def __init__(self, prior: Prior, largest: float, side: SideInformation) -> None:
        self.mixture: Mixture | None = prior.resolved(largest)
        self._given = side.weighted(prior.resolved(largest))

    def __call__(self, field: Array, precision: Array) -> tuple[Array, Array]:
        """Return posterior means and variances."""
        return posterior_moments(self._given, field, precision)

    @property
    def posterior(self) -> Mixture | None:
        """The prior with what side information says of zeros."""
        return self._given


class OwnDenoiser:
    """A function of the user's, whose answers are checked, its derivative against a difference quotient."""

    mixture: Mixture | None = None
    posterior: Mixture | None = None

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, field: Array, precision: Array) -> tuple[Array, Array]:
        """Return what the function returns.

        Raises
        ------
        InputError
            If it fails, returns something else than two arrays of finite real numbers of the shape of the field, or
            derivatives that are not those of its means.
        """
        mean, slope = self._answer(field, precision)
        self.calls += 1
        if self.calls <= CHECKED or not self.calls & (self.calls - 1):
            self._check(field, precision, slope)
        return mean, slope

    def _answer(self, field: Array, precision: Array) -> list[Array]:
        answer = answer_of("the denoiser", self.function, field.copy(), precision.copy())
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise InputError(f"the denoiser must return two arrays, means and their derivatives, got {told(answer)}")
        result = []
        for name, values in zip(("means", "derivatives"), answer, strict=True):
            array = as_array(f"the {name} that the denoiser returns", values, f"of shape {field.shape}")
            if array.shape != field.shape:
                raise InputError(f"the denoiser must return {name} of shape {field.shape}, got {array.shape}")
            bad = np.argwhere(~np.isfinite(array))
            if len(bad):
                row, at = bad[0]
                raise InputError(
                    f"the denoiser must return finite {name}, got {array[row, at]:g} for variable {at} at "
                    f"field = {field[row, at]:g}"
                )
            result.append(array.copy())  # the function may write its next answer to the same memory
        return result

    def _check(self, field: Array, precision: Array, slope: Array) -> None:
        """Raise an `InputError` if derivatives disagree with difference quotients at more places than kinks are."""
        size = float(np.sqrt((field * field).mean())) or 1.0
        step = STEP * np.maximum(np.abs(field), size)
        above, below = (self._answer(field + sign * step, precision)[0] for sign in (1.0, -1.0))
        quotient = (above - below) / ((field + step) - (field - step))
        wrong = np.abs(quotient - slope) > AGREES * max(float(np.abs(slope).max()), float(np.abs(quotient).max()))
        if wrong.mean() > KINKS:
            row, at = np.argwhere(wrong)[0]
            raise InputError(
                f"the denoiser's derivative is not that of its means: for variable {at} at field = "
                f"{field[row, at]:.5g} it returns {slope[row, at]:.6g}, a difference quotient gives "
                f"{quotient[row, at]:.6g}; so at {wrong.mean():.0%} of the variables"
            )


def amp_denoiser(given: object, prior: Prior, largest: float, side: SideInformation) -> AmpDenoiser:
    """Return the denoiser meant: that of the model's prior for None, of another prior, or a function that is checked.

    Examples
    --------
    >>> from amp_theory import Rademacher, SideInformation
    >>> side = SideInformation.from_field(np.array([0.5]))
    >>> mean, slope = amp_denoiser(None, Rademacher(), 1.0, side)(side.field, np.ones((1, 1)))
    >>> bool(abs(mean[0, 0] - np.tanh(0.5)) < 1e-15), bool(abs(slope[0, 0] - 1 + np.tanh(0.5) ** 2) < 1e-15)
    (True, True)
    """
    if given is None or isinstance(given, Prior):
        return PosteriorDenoiser(prior if given is None else given, largest, side)
    if not callable(given) or isinstance(given, type):
        raise InputError(f"denoiser must be {WHAT_IT_IS}, got {told(given)}")
    return OwnDenoiser(given)


def one_for_each(given: object) -> Sequence[object]:
    """Return the denoisers of u and of v: the two given, or the model's own for None."""
    if given is None:
        return (None, None)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError(
            f"denoiser must be two of them for variables of two kinds, (u, v), each None or {WHAT_IT_IS}, got "
            f"{told(given)}"
        )
    return given
