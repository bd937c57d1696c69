"""Spin glasses with a temperature: the coupling is xi_1(q)/T^2.  A field makes their random measure its own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

from amp_theory.ingredients.couplings.base import (
    MOST_BODIES,
    Coupling,
    PolynomialCoupling,
    mixture_terms,
)
from amp_theory.ingredients.priors.base import Prior, check_prior
from amp_theory.ingredients.priors.named import Gaussian, Rademacher, standard_normal
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, integer_between, not_negative
from amp_theory.tools.expressions import format_polynomial, parse_polynomial

if TYPE_CHECKING:
    import numpy.typing as npt
    import sympy

from amp_theory.models.base import Model, Target


class FieldModel(Model):
    """A spin glass: the coupling is xi_1(q)/T^2, and every spin may feel the same external field.

    Without a field the random measure is contiguous to the planted one, and prior and coupling say all.  With one it is
    not: two of its samples overlap, and `variable_prior` and `coupling` refuse, so that nothing which is derived from
    them for planted measures answers; `without_field` has both.
    """

    control: ClassVar[str] = "temperature"
    control_symbol: ClassVar[str] = "T"
    field: float

    @property
    def outer_overlap(self) -> bool:
        """Whether there is a field."""
        return self.field > 0

    @property
    def without_field(self) -> Self:
        """The same model at field zero, which has a prior and a coupling."""
        return self.in_field(0.0) if self.outer_overlap else self

    def in_field(self, field: float) -> Self:
        """Return the same model in another field.

        Parameters
        ----------
        field
            External field >= 0.

        Returns
        -------
        Model
            Of the same kind.

        Raises
        ------
        InputError
            If the field is no such number.

        Examples
        --------
        >>> from amp_theory import IsingPSpin
        >>> IsingPSpin(p=3).in_field(0.2)
        IsingPSpin(p=3, field=0.2)
        """
        return dataclasses.replace(self, field=_field(field))  # type: ignore[type-var]

    @property
    def external_field(self) -> float:
        """The field h."""
        return self.field

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make this model, by name; a field that is zero is none."""
        return {name: value for name, value in super().parameters.items() if name != "field" or value}

    def __repr__(self) -> str:
        given = [(f.name, getattr(self, f.name)) for f in fields(self) if f.init]  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in given if n != 'field' or v)})"

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders of revealing whose theory there is: with a field the random one."""
        return ("random",) if self.outer_overlap else super().orders

    def check_control(self, control: npt.ArrayLike) -> Array:
        """Return `control` as an array after checking that every value is positive and not too extreme."""
        if self.outer_overlap:
            return self.without_field.check_control(control)
        return super().check_control(control)

    def check_target(self, target: object = None) -> Target:
        """Return `target`, by default the model's own, after checking that the model has it: with a field, random."""
        chosen = super().check_target(target)
        if chosen == "planted" and self.outer_overlap:
            raise InputError(
                f"{self!r} has no planted counterpart: in a field two samples of the random measure overlap; its "
                "verdicts are those of target='random'"
            )
        return chosen

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


def _field(value: float) -> float:
    return not_negative("field", value) + 0.0  # of two zeros the positive one


@dataclass(frozen=True, repr=False)
class _PurePSpin(FieldModel):
    """xi(q) = q^p/(2 T^2)."""

    p: int
    field: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", integer_between("p", self.p, 2, MOST_BODIES))
        object.__setattr__(self, "field", _field(self.field))

    @property
    def coupling(self) -> Coupling:
        """xi(q) = q^p/(2 T^2)."""
        self.check_planted()
        return PolynomialCoupling(((self.p, 0.5),))

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return temperature T, beta, and the noise Delta = 2 T^2/p of the equivalent spiked tensor."""
        return super().scalings() | {"noise": (2 / self.p, 2.0), "lambda": (self.p / 2, -2.0)}


@dataclass(frozen=True, repr=False)
class IsingPSpin(_PurePSpin):
    """Ising spins with Gaussian p-body couplings, p >= 2, H = -sum J s..s, J ~ N(0, p!/(2 N^(p-1))).

    Parameters
    ----------
    p
        Bodies of a coupling, 2 to 1000.
    field
        External field h >= 0 on every spin, in the unit of T; the sign of a spin is a convention.  With h > 0 only the
        random measure is there.

    Raises
    ------
    InputError
        If p is no such integer, or the field no such number.

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
        self.check_planted()
        return Rademacher()


@dataclass(frozen=True, repr=False)
class SphericalPSpin(_PurePSpin):
    """Spherical spins, sum s^2 = N, with Gaussian p-body couplings, p >= 2.

    Parameters
    ----------
    p
        Bodies of a coupling, 2 to 1000.
    field
        External field h >= 0 on every spin, in the unit of T; the sign of a spin is a convention.  With h > 0 only the
        random measure is there.

    Raises
    ------
    InputError
        If p is no such integer, or the field no such number.

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
        self.check_planted()
        return Gaussian()


@dataclass(frozen=True, repr=False)
class SherringtonKirkpatrick(FieldModel):
    """The Sherrington-Kirkpatrick model, J_ij ~ N(0, 1/N): xi'(q) = q/T^2.

    Parameters
    ----------
    field
        External field h >= 0 on every spin, in the unit of T; the sign of a spin is a convention.  With h > 0 only the
        random measure is there.

    Raises
    ------
    InputError
        If the field is no such number.

    References
    ----------
    arXiv:2308.14085: its equations with xi(q) = q^2/(2 T^2).

    Examples
    --------
    >>> from amp_theory import Flow, thresholds
    >>> thresholds(SherringtonKirkpatrick(), Flow()).weak_recovery.temperature
    1.0
    """

    field: float = 0.0
    name: ClassVar[str] = "sherrington-kirkpatrick"

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", _field(self.field))

    @property
    def variable_prior(self) -> Prior:
        """Rademacher."""
        self.check_planted()
        return Rademacher()

    @property
    def coupling(self) -> Coupling:
        """xi(q) = q^2/(2 T^2)."""
        self.check_planted()
        return PolynomialCoupling(((2, 0.5),))


@dataclass(frozen=True, repr=False)
class MixedPSpin(FieldModel):
    """Spins with several p-body couplings, E H H' = N xi_1(q).

    Parameters
    ----------
    xi
        xi_1 as a sympy expression or string: a polynomial in q with coefficients >= 0, no constant term,
        at least one power >= 2.  A linear term is a random field.  The pure p-spin is q**p/2.
    prior
        Rademacher() (default) for Ising spins, Gaussian() for spherical ones, or any other prior.
    field
        External field h >= 0 on every spin, in the unit of T; the sign of a spin is a convention.  With h > 0 only the
        random measure of Ising or spherical spins is there.

    Raises
    ------
    InputError
        If xi is no such polynomial, the prior is none, or the field no such number or one of other spins.

    References
    ----------
    Huang, Montanari and Pham, arXiv:2404.15651, for the success of the flow on the sphere.

    Examples
    --------
    >>> MixedPSpin("q**2/8 + q**4/2")
    MixedPSpin(xi='q**2/8 + q**4/2', prior=Rademacher())
    """

    xi: str
    prior: Prior = dataclasses.field(default_factory=Rademacher)
    field: float = 0.0
    name: ClassVar[str] = "mixed-p-spin"

    def __init__(self, xi: str | sympy.Expr, prior: Prior | None = None, field: float = 0.0) -> None:
        coefficients = parse_polynomial(xi, "q")
        object.__setattr__(self, "prior", check_prior(prior) if prior is not None else Rademacher())
        mixture_terms(coefficients, str(xi), self.prior.second_moment)
        object.__setattr__(self, "xi", format_polynomial(coefficients, "q"))
        object.__setattr__(self, "field", _field(field))
        if self.field > 0 and not (self.prior.unbiased_sign or standard_normal(self.prior)):
            raise InputError(
                f"field = {self.field:g} with prior = {self.prior!r}: the random measure in a field is known for "
                "Ising spins, prior=Rademacher(), and spherical ones, prior=Gaussian(), only"
            )

    @property
    def variable_prior(self) -> Prior:
        """The prior given."""
        self.check_planted()
        return self.prior

    @property
    def coupling(self) -> Coupling:
        """xi(q) = xi_1(q)/T^2."""
        self.check_planted()
        return PolynomialCoupling(tuple(parse_polynomial(self.xi, "q").items()))

    @property
    def spherical(self) -> bool:
        """Whether the prior is Gaussian, which stands for the spherical constraint."""
        return standard_normal(self.prior)

    @property
    def random_counterpart(self) -> bool:
        """Whether no random field singles out a direction and all configurations weigh the same before the coupling."""
        fixed_norm = self.prior.unbiased_sign or standard_normal(self.prior)
        return self.outer_overlap or (fixed_norm and 1 not in parse_polynomial(self.xi, "q"))
