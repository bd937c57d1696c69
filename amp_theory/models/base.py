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
from dataclasses import fields
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.couplings.base import GeneralCoupling, PolynomialCoupling
from amp_theory.ingredients.paths.named import CONFIDENCE_ORDERS
from amp_theory.ingredients.priors.base import Prior
from amp_theory.models.synonyms import canonical
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, one_of, told

Target = Literal["planted", "random"]
#: largest snr from the other variables, in units of the prior's variance, for which the solvers are made
LARGEST_SNR = 1e12
#: least intensity of a coupling that does not underflow in the solvers
SMALLEST_INTENSITY = 1e-240


@runtime_checkable
class Component(Protocol):
    """A part of a model, a prior or a channel, whose parameters stand flat beside its name, also in files."""

    name: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make it, by name."""


class Model(ABC):
    """A family of target measures, one for each value of its control.

    `easier` is the direction of control in which inference gets easier; `random_counterpart` tells
    whether the equations also describe a random (not planted) measure, as long as the two are contiguous.  A model of
    one's own is a subclass that names its control and returns its prior and coupling.

    See Also
    --------
    IsingPSpin, SphericalPSpin, SherringtonKirkpatrick, MixedPSpin, SpikedMatrix, SpikedTensor, SpikedMatrixTensor
    GLM, SpectralSensing, RowOrthogonalSensing, StochasticBlockModel, Bicoloring, XORSAT, Coloring
    RectangularMatrix, GaussianMixture

    References
    ----------
    arXiv:2308.14085 for the p-spin, spiked matrix and sparse models; others name their own source.

    Examples
    --------
    >>> from amp_theory import IsingPSpin
    >>> model = IsingPSpin(p=3)
    >>> model.control, model.parameters, model.scalings()["noise"][1]
    ('temperature', {'p': 3}, 2.0)
    >>> float(model.intensity(model.check_control(0.5))), model.check_target(), model.energy_unit(0.5)
    (4.0, 'random', 0.5)
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
        """The prior of one variable.

        Raises
        ------
        InputError
            If the measure is no planted one, see `check_planted`, or variables are no scalars.
        """

    @property
    def largest_overlap(self) -> float:
        """The overlap of what is known for sure, E s^2."""
        return self.variable_prior.second_moment

    @property
    def coupling(self) -> GeneralCoupling | None:
        """The coupling xi(q) of a dense model; None for models of other kinds.

        Raises
        ------
        InputError
            If the measure is no planted one, see `check_planted`.
        """
        return None

    @property
    def polynomial(self) -> PolynomialCoupling | None:
        """The coupling if it is a polynomial, else None."""
        return None if self.coupling is None else self.coupling.polynomial

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders of revealing whose theory there is: those by confidence need unbiased +-1 variables."""
        if self.coupling is None or not self.coupling.affine or self.coupling.singularity is not None:
            return ("random",)
        spins = self.variable_prior.unbiased_sign and not self.spherical
        return ("random", *CONFIDENCE_ORDERS) if spins else ("random",)

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides that a path may have: none where all variables are of one kind."""
        return ()

    @property
    def spherical(self) -> bool:
        """Whether configurations have exactly sum s^2 = size, instead of independent variables."""
        return False

    @property
    def outer_overlap(self) -> bool:
        """Whether two independent samples of the random measure overlap: then it is no planted one in disguise."""
        return False

    @property
    def solved_measure(self) -> Target:
        """Whose fixed points the equations give: the planted measure's, unless samples of the random one overlap."""
        return "random" if self.outer_overlap else "planted"

    @property
    def without_field(self) -> Model:
        """The same model at external field zero, which has a prior and a coupling: itself unless it has a field."""
        return self

    @property
    def external_field(self) -> float:
        """What the Hamiltonian gains for every unit of a variable, in the unit of the energy: mostly zero."""
        return 0.0

    def check_planted(self) -> None:
        """Check that what is derived for planted measures holds for the model.

        Raises
        ------
        InputError
            If the measure is a random one with an outer overlap: it names the functions that take it.

        Examples
        --------
        >>> from amp_theory import IsingPSpin
        >>> IsingPSpin(p=3, field=0.2).check_planted()
        Traceback (most recent call last):
        ...
        amp_theory.tools.errors.InputError: IsingPSpin(p=3, field=0.2) is a random measure whose samples overlap, ...
        """
        if self.outer_overlap:
            raise InputError(
                f"{self!r} is a random measure whose samples overlap, and what was asked is derived for planted "
                "measures only; thresholds, fixed_points, phase_diagram and compare_samplers take it"
            )

    def energy_unit(self, control: float) -> float:
        """Return the energy of the model's Hamiltonian that costs one nat of log weight.

        Parameters
        ----------
        control
            The control > 0.

        Returns
        -------
        float
            T of a spin glass, else 1.
        """
        return 1.0

    @property
    def bounds(self) -> dict[str, float]:
        """Rigorous bounds on the control that are not transitions, by name."""
        return {}

    def intensity(self, control: Array) -> Array:
        """Return the factor of the coupling's scaled part: the control if more of it is easier, else 1/control.

        Parameters
        ----------
        control
            Controls > 0, any shape.

        Returns
        -------
        array
            1/T^2, 1/Delta or alpha, of the same shape.
        """
        return control if self.easier == "up" else 1 / control

    def from_intensity(self, intensity: Array) -> Array:
        """Return the control at which the coupling's factor is `intensity`.

        Parameters
        ----------
        intensity
            Intensities > 0, any shape.

        Returns
        -------
        array
            The control, of the same shape.

        See Also
        --------
        Model.intensity : The inverse.
        """
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
        """Return `target`, by default the model's own, after checking that the model has it.

        Parameters
        ----------
        target
            "planted", "random", or None.

        Returns
        -------
        str
            "planted" or "random".

        Raises
        ------
        InputError
            For another target, or "random" where there is no random counterpart.
        """
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
        """Return `control` as an array after checking that every value is positive and not too extreme.

        Parameters
        ----------
        control
            Controls, any shape, in the model's own unit.

        Returns
        -------
        array
            The same numbers.

        Raises
        ------
        InputError
            If one is not positive or no number, or if the snr from the other variables would be beyond what the solvers
            are made for; the message names the first.
        """
        values = as_array(self.control, control, "> 0")
        if not np.all(np.isfinite(values) & (values > 0)):
            bad = values[~(np.isfinite(values) & (values > 0))].ravel()[0]
            raise InputError(f"{self.control} must be finite and > 0, got {bad:g}")
        if self.coupling is None:
            return values
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

        Returns
        -------
        dict
            (factor, power) by name, that of the control itself first.

        See Also
        --------
        Model.convert : Which uses them.
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

        Returns
        -------
        array
            The same control in the other scaling, of the shape of `value`.

        Raises
        ------
        InputError
            For a scaling that is unknown, or a value that is not positive or too extreme.

        Examples
        --------
        >>> from amp_theory import IsingPSpin
        >>> float(IsingPSpin(p=3).convert(1.5, "temperature", "noise"))  # Delta = 2 T^2/p
        1.5
        """
        known = self.scalings()
        source, to = (canonical("scaling", name, known) for name in (source, to))
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
