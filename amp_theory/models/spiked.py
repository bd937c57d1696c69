"""Low-rank matrices and tensors seen through Gaussian noise: the coupling is A(q)/Delta."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from amp_theory.ingredients.couplings.base import (
    MOST_BODIES,
    Coupling,
    PolynomialCoupling,
)
from amp_theory.ingredients.priors.base import Prior, check_prior
from amp_theory.ingredients.priors.named import Gaussian
from amp_theory.models.base import Model
from amp_theory.tools.errors import integer_between, positive
from amp_theory.tools.expressions import exact


class _NoiseModel(Model):
    """A spiked model: the coupling is A(q)/Delta."""

    control: ClassVar[str] = "noise"
    control_symbol: ClassVar[str] = r"\Delta"

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return noise Delta, Delta/rho^2, and the signal strengths 1/Delta and 1/sqrt(Delta)."""
        rho = self.variable_prior.second_moment
        return {
            "noise": (1.0, 1.0),
            "noise_over_rho2": (1 / rho**2, 1.0),
            "lambda": (1.0, -1.0),
            "sqrt_lambda": (1.0, -0.5),
        }


@dataclass(frozen=True)
class SpikedTensor(_NoiseModel):
    """Low-rank tensor estimation, Y = s^(x p)/N^((p-1)/2) + sqrt(Delta) W, p >= 2: xi'(q) = q^(p-1)/Delta.

    Parameters
    ----------
    p
        Bodies of the tensor, 2 to 1000.
    prior
        The law of one component s_i.

    Raises
    ------
    InputError
        If p is no such integer, or the prior is none.

    References
    ----------
    T. Lesieur et al., arXiv:1701.08010; arXiv:2308.14085 along paths.

    Examples
    --------
    >>> from amp_theory import Flow, Gaussian, thresholds
    >>> print(f"{thresholds(SpikedTensor(3, Gaussian()), Flow()).dynamical.noise:.8f}")
    0.25000000
    """

    p: int
    prior: Prior
    name: ClassVar[str] = "spiked-tensor"

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", integer_between("p", self.p, 2, MOST_BODIES))
        check_prior(self.prior)

    @property
    def variable_prior(self) -> Prior:
        """The prior given."""
        return self.prior

    @property
    def coupling(self) -> Coupling:
        """xi(q) = q^p/(p Delta)."""
        return PolynomialCoupling(((self.p, Fraction(1, self.p)),))


@dataclass(frozen=True)
class SpikedMatrix(_NoiseModel):
    """Low-rank matrix estimation (spiked Wigner), Y = s s^T/sqrt(N) + sqrt(Delta) W: xi'(q) = q/Delta.

    Parameters
    ----------
    prior
        The law of one component s_i.

    Raises
    ------
    InputError
        If the prior is none.

    References
    ----------
    arXiv:2308.14085.

    Examples
    --------
    >>> from amp_theory import Flow, SparseRademacher, thresholds
    >>> point = thresholds(SpikedMatrix(SparseRademacher(0.08)), Flow()).algorithmic
    >>> print(f"{point.noise / 0.08**2:.6f}")  # as papers quote it
    0.980792
    """

    prior: Prior
    name: ClassVar[str] = "spiked-matrix"

    def __post_init__(self) -> None:
        check_prior(self.prior)

    @property
    def variable_prior(self) -> Prior:
        """The prior given."""
        return self.prior

    @property
    def coupling(self) -> Coupling:
        """xi(q) = q^2/(2 Delta)."""
        return PolynomialCoupling(((2, 0.5),))


@dataclass(frozen=True)
class SpikedMatrixTensor(_NoiseModel):
    """Spherical signal seen through a matrix (noise Delta_2, the control) and a p-tensor (noise Delta_p).

    xi'(q) = q/Delta_2 + q^(p-1)/Delta_p.

    Parameters
    ----------
    p
        Bodies of the tensor, 3 to 1000.
    tensor_noise
        Delta_p > 0.

    Raises
    ------
    InputError
        If p is no such integer, or the noise is not positive.

    References
    ----------
    arXiv:1812.09066.

    Examples
    --------
    >>> from amp_theory import Flow, thresholds
    >>> print(f"{thresholds(SpikedMatrixTensor(3, 0.8), Flow()).weak_recovery.noise:.8f}")
    1.00000000
    """

    p: int
    tensor_noise: float
    name: ClassVar[str] = "spiked-matrix-tensor"
    control_symbol: ClassVar[str] = r"\Delta_2"

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", integer_between("p", self.p, 3, MOST_BODIES))
        object.__setattr__(self, "tensor_noise", positive("tensor_noise", self.tensor_noise))

    @property
    def spherical(self) -> bool:
        """True."""
        return True

    @property
    def variable_prior(self) -> Prior:
        """Gaussian, which is the spherical constraint at large N."""
        return Gaussian()

    @property
    def coupling(self) -> Coupling:
        """xi(q) = q^2/(2 Delta_2) + q^p/(p Delta_p)."""
        return PolynomialCoupling(((2, 0.5),), ((self.p, 1 / (self.p * exact(self.tensor_noise))),))
