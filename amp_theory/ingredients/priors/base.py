"""Priors P0(s) of one variable, and what the theory needs of them.

Everything goes through the scalar Gaussian channel y = sqrt(x) s + z, z ~ N(0, 1), at signal-to-noise
ratio x (`snr`), with <.> the posterior mean given y:

    psi(x) = E log sum_s P0(s) exp(x s s* + sqrt(x) z s - x s^2/2)      `free_entropy`, nats
    M(x)   = E[<s> s*] = 2 psi'(x)                                      `overlap`
    rho - M(x) = E (s - <s>)^2,  rho = E s^2                            `mmse`, `log_mmse`
    M'(x)  = E[Var(s|y)^2]                                              `overlap_slope`
    M''(x) = E[kappa_3(s|y)^2 - 2 Var(s|y)^3]                           `overlap_curvature`

A new prior made of atoms or Gaussians is a subclass with a `mixture`; any other density is
`Density(function, support)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.priors.channel_table import TableValues
from amp_theory.ingredients.priors.mixture_channel import ChannelValues
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, in_unit_interval, told

#: the least fraction of non-zero variables, or variance in units of the largest s^2; the largest s^2, and 1 over it
SPARSEST, LARGEST = 1e-8, 1e30
#: the largest snr in units of 1/(largest s^2) for a discrete prior, and in any unit for others
LARGEST_SPREAD, UNBOUNDED = 1e18, 1e150


def check_scale(variance: float, size: float) -> None:
    """Raise an `InputError` for a prior that doubles cannot handle: almost constant, huge or tiny."""
    if not 1 / LARGEST <= size <= LARGEST:
        raise InputError(f"s^2 must be of size {1 / LARGEST:g} to {LARGEST:g}, got {size:g}: choose other units")
    if not variance >= SPARSEST * size:
        raise InputError(f"the prior is almost constant: its variance {variance:g} must be at least {SPARSEST:g} s^2")


def check_fraction(rho: object) -> float:
    """Return the fraction of non-zero variables after checking that it is in (0, 1], and not below 1e-8."""
    number = in_unit_interval("rho", rho)
    if number < SPARSEST:
        raise InputError(f"rho must be at least {SPARSEST:g} for double precision, got {told(rho)}")
    return number


class Table(Protocol):
    """Fast channel functions for the solvers."""

    def __call__(self, snr: Array) -> TableValues:
        """Evaluate at x = `snr`."""


class Prior(ABC):
    """A law P0 of one variable s, with finite, positive variance, and its scalar Gaussian channel y = sqrt(x) s + z.

    Functions of the snr x keep the shape of what they are given; the equations stand on top of this module.  A prior
    of one's own is a `Density`, or a subclass that says what is abstract here.

    See Also
    --------
    Rademacher, SparseRademacher, Gaussian, GaussBernoulli, Discrete, PottsPrior, Density

    References
    ----------
    arXiv:2308.14085, whose state evolution is written in psi(x) and M(x) = 2 psi'(x).

    Examples
    --------
    >>> from amp_theory import Rademacher
    >>> prior = Rademacher()
    >>> print(f"{prior.second_moment:g} {prior.overlap(0.5):.8f} {prior.mmse(0.5):.8f} {prior.free_entropy(0.5):.8f}")
    1 0.35011340 0.64988660 0.04865453
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def mean(self) -> float:
        """E s."""

    @property
    @abstractmethod
    def second_moment(self) -> float:
        """E s^2, the paper's rho: the largest possible overlap."""

    @property
    @abstractmethod
    def variance(self) -> float:
        """Var s."""

    @property
    @abstractmethod
    def entropy(self) -> float:
        """Entropy of P0 in nats if it is discrete, else infinity: the information in one revealed variable."""

    @property
    def information_dimension(self) -> float:
        """The d of rho - M(x) ~ d/x at large x: 0 for a discrete prior, the weight of its continuous part else."""
        return 0.0 if np.isfinite(self.entropy) else 1.0

    @property
    @abstractmethod
    def table(self) -> Table:
        """Interpolated channel functions, for the solvers."""

    def _forget(self) -> None:
        """Forget a table of one's own, which grows with the questions; many are shared by equal priors."""
        vars(self).pop("table", None)

    @abstractmethod
    def _channel(self, snr: Array) -> ChannelValues:
        """Evaluate the channel functions at x of shape (n,)."""

    @abstractmethod
    def resolved(self, snr: float) -> Mixture:
        """Return a mixture of atoms and Gaussians that stands for this prior at observations up to snr.

        Parameters
        ----------
        snr
            The largest signal-to-noise ratio x >= 0 of an observation.

        Returns
        -------
        Mixture
            Probabilities, means and variances of the components, in the units of s.

        Raises
        ------
        InputError
            If the prior is a vector (`PottsPrior` of more than two groups), or cannot be resolved at that snr.

        See Also
        --------
        Prior.channel : What such observations tell, on the average.
        """

    @property
    def largest_snr(self) -> float:
        """The largest snr at which doubles tell the places of the channel's output apart."""
        return UNBOUNDED

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make this prior, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @property
    def scalar(self) -> bool:
        """Whether s is a number, not a vector."""
        return True

    @property
    def unbiased_sign(self) -> bool:
        """Whether s is +1 or -1 with equal probability."""
        return False

    def channel(self, snr: npt.ArrayLike) -> ChannelValues:
        """Return psi, M, mmse, log mmse, M', M'' and their relative error bound at x = `snr`.

        Parameters
        ----------
        snr
            Signal-to-noise ratios x >= 0, any shape.

        Returns
        -------
        ChannelValues
            Arrays of the shape of `snr`: free_entropy psi in nats, overlap M, mmse, log_mmse, overlap_slope M',
            overlap_curvature M'', and relative_error.

        Raises
        ------
        InputError
            If an x is negative, infinite or NaN.

        Examples
        --------
        >>> from amp_theory import Gaussian
        >>> values = Gaussian().channel([0.0, 1.0, 3.0])
        >>> values.overlap.tolist(), values.mmse.tolist()
        ([0.0, 0.5, 0.75], [1.0, 0.5, 0.25])
        """
        x = as_array("snr", snr, "finite and >= 0")
        if not np.all((x >= 0) & (x <= self.largest_snr)):
            raise InputError(f"snr must be finite and >= 0, at most {self.largest_snr:g}, got {told(snr)}")
        return self._channel(np.ravel(x)).reshape(x.shape)

    def free_entropy(self, snr: npt.ArrayLike) -> Array:
        """Return psi(x) = E log Z in nats, zero at x = 0.

        Parameters
        ----------
        snr
            Signal-to-noise ratios x >= 0, any shape.

        Returns
        -------
        array
            psi in nats per variable, of the shape of `snr`.

        See Also
        --------
        Prior.channel : All functions at once, and what it refuses.
        """
        return self.channel(snr).free_entropy

    def overlap(self, snr: npt.ArrayLike) -> Array:
        """Return M(x) = E[<s> s*], from (E s)^2 at x = 0 to rho.

        Parameters
        ----------
        snr
            Signal-to-noise ratios x >= 0, any shape.

        Returns
        -------
        array
            M in the units of s^2, of the shape of `snr`.

        Examples
        --------
        >>> from amp_theory import Gaussian
        >>> float(Gaussian().overlap(1.0))
        0.5
        """
        return self.channel(snr).overlap

    def mmse(self, snr: npt.ArrayLike) -> Array:
        """Return rho - M(x) = E Var(s|y), without cancellation.

        Parameters
        ----------
        snr
            Signal-to-noise ratios x >= 0, any shape.

        Returns
        -------
        array
            The mmse between 0 and Var s, of the shape of `snr`.

        See Also
        --------
        Prior.log_mmse : Where it underflows.
        """
        return self.channel(snr).mmse

    def log_mmse(self, snr: npt.ArrayLike) -> Array:
        """Return the logarithm of the mmse, finite where the mmse itself underflows.

        Parameters
        ----------
        snr
            Signal-to-noise ratios x >= 0, any shape.

        Returns
        -------
        array
            log(rho - M(x)), of the shape of `snr`.

        Examples
        --------
        >>> from amp_theory import Rademacher
        >>> print(f"{float(Rademacher().log_mmse(1e4)):.6f}")
        -5004.379502
        """
        return self.channel(snr).log_mmse

    def overlap_slope(self, snr: npt.ArrayLike) -> Array:
        """Return M'(x) = E[Var(s|y)^2].

        Parameters
        ----------
        snr
            Signal-to-noise ratios x >= 0, any shape.

        Returns
        -------
        array
            M' >= 0, of the shape of `snr`.

        See Also
        --------
        Prior.channel : All functions at once, and what it refuses.
        """
        return self.channel(snr).overlap_slope

    def overlap_curvature(self, snr: npt.ArrayLike) -> Array:
        """Return M''(x) = E[kappa_3(s|y)^2 - 2 Var(s|y)^3].

        Parameters
        ----------
        snr
            Signal-to-noise ratios x >= 0, any shape.

        Returns
        -------
        array
            M'', of either sign, of the shape of `snr`.

        See Also
        --------
        Prior.channel : All functions at once, and what it refuses.
        """
        return self.channel(snr).overlap_curvature


def check_prior(prior: object) -> Prior:
    """Return `prior` if it is one, else raise an `InputError` that shows how to make one."""
    if not isinstance(prior, Prior):
        raise InputError(
            f"prior must be a Prior such as Rademacher() or Discrete(values, probabilities), got {told(prior)}"
        )
    return prior
