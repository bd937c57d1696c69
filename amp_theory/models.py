"""Dense models: a prior, a coupling, and the control that sets the coupling's intensity.

| model | xi'(q) | control |
|---|---|---|
| p-spin, H = -sum J s..s, J ~ N(0, p!/(2 N^(p-1))), E H H' = N q^p/2 | (p/(2 T^2)) q^(p-1) | temperature T |
| mixed p-spin, E H H' = N xi_1(q) | xi_1'(q)/T^2 | temperature T |
| spiked tensor, Y = s^(x p)/N^((p-1)/2) + sqrt(Delta) W | q^(p-1)/Delta | noise Delta |
| spiked matrix-tensor | q/Delta_2 + q^(p-1)/Delta_p | noise Delta_2 |

A new model is a subclass that names its control and returns its prior and coupling.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from amp_theory.components import Component
from amp_theory.couplings import MOST_BODIES, Coupling, GeneralCoupling, PolynomialCoupling, mixture_terms
from amp_theory.errors import InputError, as_array, integer_between, one_of, positive, told
from amp_theory.expressions import exact, format_polynomial, parse_polynomial
from amp_theory.priors import Gaussian, Prior, Rademacher, check_prior, standard_normal
from amp_theory.quadrature import Array

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from concurrent.futures import Executor

    import sympy

    from amp_theory.equations_of_state import EquationOfState
    from amp_theory.paths import Path
    from amp_theory.results import Thresholds

Target = Literal["planted", "random"]
#: largest snr from the other variables, in units of the prior's variance, for which the solvers are made
LARGEST_SNR = 1e12
#: least intensity of a coupling that does not underflow in the solvers
SMALLEST_INTENSITY = 1e-240


class Model(ABC):
    """A family of target measures, one for each value of its control.

    `easier` is the direction of control in which inference gets easier; `random_counterpart` tells
    whether the equations also describe a random (not planted) measure, as long as the two are contiguous.
    """

    name: ClassVar[str]
    control: ClassVar[str]
    control_symbol: ClassVar[str]
    easier: ClassVar[Literal["up", "down"]] = "down"
    #: what is to be said about the values of the control that exist, if not all do
    control_note = ""

    @property
    @abstractmethod
    def variable_prior(self) -> Prior:
        """The prior of one variable."""

    @property
    def coupling(self) -> GeneralCoupling:
        """The coupling xi(q) of a dense model."""
        raise InputError(f"{self!r} is not a dense model: it has no coupling xi(q)")

    def equation_of_state(self, path: Path) -> EquationOfState:
        """Return what the geometry of transitions works on: all fixed points of this model along a path."""
        from amp_theory.equations_of_state import EquationOfState

        return EquationOfState(self, path)

    @property
    def spherical(self) -> bool:
        """Whether configurations have exactly sum s^2 = size, instead of independent variables."""
        return False

    @property
    def sparse(self) -> bool:
        """Whether variables interact along a sparse random graph."""
        return False

    def energy_unit(self, control: float) -> float:
        """Return the energy of the model's Hamiltonian that costs one nat of log weight."""
        return 1.0

    @property
    def statistical(self) -> bool:
        """Whether special points come from long random runs, by `special_points`, instead of an equation of state."""
        return False

    def special_points(
        self,
        path: Path,
        executor: Executor | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Thresholds:
        """Locate the special points of a `statistical` model."""
        raise InputError(f"{self!r} is solved at once: it has no long runs to checkpoint or to distribute")

    @property
    def bounds(self) -> dict[str, float]:
        """Rigorous bounds on the control that are not transitions, by name."""
        return {}

    def intensity(self, control: Array) -> Array:
        """Return the factor of the coupling's scaled part: the control if more of it is easier, else 1/control."""
        return control if self.easier == "up" else 1 / control

    def from_intensity(self, intensity: Array) -> Array:
        """Return the control at which the coupling's factor is `intensity`."""
        return intensity if self.easier == "up" else 1 / intensity

    @property
    def random_counterpart(self) -> bool:
        """Whether a random measure exists to which the planted one is contiguous on its noisy side."""
        return False

    @property
    def target(self) -> Target:
        """Whose verdict is meant unless the user says otherwise."""
        return "random" if self.random_counterpart else "planted"

    def check_target(self, target: object = None) -> Target:
        """Return `target`, by default the model's own, after checking that the model has it."""
        if target is None:
            return self.target
        one_of("target", target, ["planted", "random"])
        if target == "random" and not self.random_counterpart:
            raise InputError(f"{self!r} has no random counterpart: its verdicts are those of the planted measure")
        return "random" if target == "random" else "planted"

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make this model, by name; those of a prior or a channel stand flat beside it."""
        result: dict[str, Any] = {}
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if isinstance(value, Component):
                result |= {item.name: value.name} | value.parameters
            elif item.init:
                result[item.name] = value
        return result

    def check_control(self, control: npt.ArrayLike) -> Array:
        """Return `control` as an array after checking that every value is positive and not too extreme."""
        values = as_array(self.control, control, "> 0")
        if not np.all(np.isfinite(values) & (values > 0)):
            bad = values[~(np.isfinite(values) & (values > 0))].ravel()[0]
            raise InputError(f"{self.control} must be finite and > 0, got {bad:g}")
        rho = np.asarray(self.variable_prior.second_moment)
        # at q = rho, or half way to it where the snr grows without bound
        gap = 0 * rho if self.coupling.singularity is None else rho / 2
        with np.errstate(all="ignore"):
            intensity = self.intensity(values)
            snr = self.coupling.signal(intensity, rho - gap, gap) * self.variable_prior.variance
        good = (snr <= LARGEST_SNR) & (intensity >= SMALLEST_INTENSITY)
        if not np.all(good):
            raise InputError(
                f"{self.control} = {values[~good].ravel()[0]:g} is too extreme: the snr from the other variables "
                f"must be at most {LARGEST_SNR:g} and not vanish"
            )
        return values

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return the other names under which papers quote the control.

        Each is (factor, power) of a value = factor * control^power.
        """
        return {self.control: (1.0, 1.0)}

    def convert(self, value: npt.ArrayLike, source: str, to: str) -> Array:
        """Convert a control between the scalings used in different papers.

        Parameters
        ----------
        value
            The number(s) to convert, > 0.
        source, to
            Names among `scalings()`.

        Examples
        --------
        >>> float(IsingPSpin(p=3).convert(1.5, "temperature", "noise"))  # Delta = 2 T^2/p
        1.5
        """
        known = self.scalings()
        source, to = (one_of("scaling", name, known) for name in (source, to))
        values = as_array(source, value, "> 0")
        if not np.all((values > 0) & np.isfinite(values)):
            raise InputError(f"{source} must be finite and > 0, got {told(value)}")
        factor, power = known[source]
        with np.errstate(over="ignore", under="ignore"):
            control = self.check_control((values / factor) ** (1 / power))
        factor, power = known[to]
        return np.asarray(factor * control**power)


def as_model(model: object) -> Model:
    """Return `model` if it is one, else raise an `InputError` that shows how to make one."""
    if not isinstance(model, Model):
        raise InputError(f"model must be a model such as IsingPSpin(p=3), got {told(model)}")
    return model


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
    """Ising spins with Gaussian p-body couplings, p >= 2, H = -sum J s..s, J ~ N(0, p!/(2 N^(p-1)))."""

    name: ClassVar[str] = "ising-p-spin"

    @property
    def variable_prior(self) -> Prior:
        """Rademacher."""
        return Rademacher()


@dataclass(frozen=True)
class SphericalPSpin(_PurePSpin):
    """Spherical spins, sum s^2 = N, with Gaussian p-body couplings, p >= 2."""

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
    """The Sherrington-Kirkpatrick model, J_ij ~ N(0, 1/N): xi'(q) = q/T^2."""

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


@dataclass(frozen=True)
class SpikedTensor(_NoiseModel):
    """Low-rank tensor estimation, Y = s^(x p)/N^((p-1)/2) + sqrt(Delta) W, p >= 2: xi'(q) = q^(p-1)/Delta."""

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
    """Low-rank matrix estimation (spiked Wigner), Y = s s^T/sqrt(N) + sqrt(Delta) W: xi'(q) = q/Delta."""

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

    xi'(q) = q/Delta_2 + q^(p-1)/Delta_p, p >= 3, as in arXiv:1812.09066.
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
