"""Spin glasses with a temperature: the coupling is xi_1(q)/T^2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from amp_theory.ingredients.couplings.base import (
    MOST_BODIES,
    Coupling,
    PolynomialCoupling,
    mixture_terms,
)
from amp_theory.ingredients.priors.base import Prior, check_prior
from amp_theory.ingredients.priors.named import Gaussian, Rademacher, standard_normal
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import integer_between
from amp_theory.tools.expressions import format_polynomial, parse_polynomial

if TYPE_CHECKING:
    import sympy

from amp_theory.models.base import Model


class _TemperatureModel(Model):
    """A spin glass: the coupling is xi_1(q)/T^2."""

    control: ClassVar[str] = "temperature"
    control_symbol: ClassVar[str] = "T"

    def intensity(self, control: Array) -> Array:
        """Return 1/T^2."""
        return control**-2.0

    def from_intensity(self, intensity: Array) -> Array:
        """Return T = intensity^(-1/2)."""
        return intensity**-0.5

    def energy_unit(self, control: float) -> float:
        """Return T."""
        return control

    @property
    def random_counterpart(self) -> bool:
        """Whether no field singles out the planted direction."""
        return True

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return temperature T and inverse temperature beta."""
        return {"temperature": (1.0, 1.0), "beta": (1.0, -1.0)}


@dataclass(frozen=True)
class _PurePSpin(_TemperatureModel):
    """xi(q) = q^p/(2 T^2)."""

    p: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", integer_between("p", self.p, 2, MOST_BODIES))

    @property
    def coupling(self) -> Coupling:
        """xi(q) = q^p/(2 T^2)."""
        return PolynomialCoupling(((self.p, 0.5),))

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return temperature T, beta, and the noise Delta = 2 T^2/p of the equivalent spiked tensor."""
        return super().scalings() | {"noise": (2 / self.p, 2.0), "lambda": (self.p / 2, -2.0)}


@dataclass(frozen=True)
class IsingPSpin(_PurePSpin):
    """Ising spins with Gaussian p-body couplings, p >= 2, H = -sum J s..s, J ~ N(0, p!/(2 N^(p-1))).

    Parameters
    ----------
    p
        Bodies of a coupling, 2 to 1000.

    Raises
    ------
    InputError
        If p is no such integer.

    References
    ----------
    arXiv:2308.14085, with xi(q) = q^p/(2 T^2).

    Examples
    --------
    >>> from amp_theory import Flow, thresholds
    >>> print(f"{thresholds(IsingPSpin(3), Flow()).dynamical.temperature:.6f}")
    0.681598
    """

    name: ClassVar[str] = "ising-p-spin"

    @property
    def variable_prior(self) -> Prior:
        """Rademacher."""
        return Rademacher()


@dataclass(frozen=True)
class SphericalPSpin(_PurePSpin):
    """Spherical spins, sum s^2 = N, with Gaussian p-body couplings, p >= 2.

    Parameters
    ----------
    p
        Bodies of a coupling, 2 to 1000.

    Raises
    ------
    InputError
        If p is no such integer.

    References
    ----------
    arXiv:2308.14085, with xi(q) = q^p/(2 T^2).

    Examples
    --------
    >>> from amp_theory import Flow, thresholds
    >>> print(f"{thresholds(SphericalPSpin(3), Flow()).dynamical.temperature ** 2:.12f}")  # 3/8
    0.375000000000
    """

    name: ClassVar[str] = "spherical-p-spin"

    @property
    def spherical(self) -> bool:
        """True."""
        return True

    @property
    def variable_prior(self) -> Prior:
        """Gaussian, which is the spherical constraint at large N."""
        return Gaussian()


@dataclass(frozen=True)
class SherringtonKirkpatrick(_TemperatureModel):
    """The Sherrington-Kirkpatrick model, J_ij ~ N(0, 1/N): xi'(q) = q/T^2.

    References
    ----------
    arXiv:2308.14085: its equations with xi(q) = q^2/(2 T^2).

    Examples
    --------
    >>> from amp_theory import Flow, thresholds
    >>> thresholds(SherringtonKirkpatrick(), Flow()).weak_recovery.temperature
    1.0
    """

    name: ClassVar[str] = "sherrington-kirkpatrick"

    @property
    def variable_prior(self) -> Prior:
        """Rademacher."""
        return Rademacher()

    @property
    def coupling(self) -> Coupling:
        """xi(q) = q^2/(2 T^2)."""
        return PolynomialCoupling(((2, 0.5),))


@dataclass(frozen=True)
class MixedPSpin(_TemperatureModel):
    """Spins with several p-body couplings, E H H' = N xi_1(q).

    Parameters
    ----------
    xi
        xi_1 as a sympy expression or string: a polynomial in q with coefficients >= 0, no constant term,
        at least one power >= 2.  A linear term is a random field.  The pure p-spin is q**p/2.
    prior
        Rademacher() (default) for Ising spins, Gaussian() for spherical ones, or any other prior.

    Raises
    ------
    InputError
        If xi is no such polynomial, or the prior is none.

    References
    ----------
    Huang, Montanari and Pham, arXiv:2404.15651, for the success of the flow on the sphere.

    Examples
    --------
    >>> MixedPSpin("q**2/8 + q**4/2")
    MixedPSpin(xi='q**2/8 + q**4/2', prior=Rademacher())
    """

    xi: str
    prior: Prior = field(default_factory=Rademacher)
    name: ClassVar[str] = "mixed-p-spin"

    def __init__(self, xi: str | sympy.Expr, prior: Prior | None = None) -> None:
        coefficients = parse_polynomial(xi, "q")
        object.__setattr__(self, "prior", check_prior(prior) if prior is not None else Rademacher())
        mixture_terms(coefficients, str(xi), self.prior.second_moment)
        object.__setattr__(self, "xi", format_polynomial(coefficients, "q"))

    @property
    def variable_prior(self) -> Prior:
        """The prior given."""
        return self.prior

    @property
    def coupling(self) -> Coupling:
        """xi(q) = xi_1(q)/T^2."""
        return PolynomialCoupling(tuple(parse_polynomial(self.xi, "q").items()))

    @property
    def spherical(self) -> bool:
        """Whether the prior is Gaussian, which stands for the spherical constraint."""
        return standard_normal(self.prior)

    @property
    def random_counterpart(self) -> bool:
        """Whether there is no field and all configurations have equal weight before the coupling."""
        fixed_norm = self.prior.unbiased_sign or standard_normal(self.prior)
        return fixed_norm and 1 not in parse_polynomial(self.xi, "q")
