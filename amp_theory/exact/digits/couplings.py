"""Couplings xi(q) in mpmath: polynomials, and the choice of the form that belongs to a coupling in doubles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from amp_theory.exact.digits.absolute import ExactAbs
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.coupling_base import ExactCoupling, ScaledCoupling
from amp_theory.exact.digits.outputs import ExactDoor, ExactLinear, ExactReLU, ExactSign
from amp_theory.exact.digits.rationals import normalised, to_mp
from amp_theory.exact.digits.rotational import ExactRowOrthogonal, ExactSpectrum
from amp_theory.exact.digits.rules import Real, Rule, Values
from amp_theory.ingredients.couplings.base import GeneralCoupling, PolynomialCoupling
from amp_theory.ingredients.couplings.rotational import RowOrthogonalCoupling, SpectralCoupling
from amp_theory.ingredients.outputs.likelihood import Channel
from amp_theory.ingredients.outputs.named import (
    AbsChannel,
    DoorChannel,
    LinearChannel,
    OutputChannel,
    OutputCoupling,
    ProbitChannel,
    ReLUChannel,
    SignChannel,
    SymmetricPerceptron,
)
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.expressions import exact
from amp_theory.tools.registration import ByClass

__all__ = ["ExactPolynomial", "ScaledCoupling", "exact_coupling", "exact_output", "mp"]

Terms = tuple[tuple[int, Fraction], ...]


def _derivatives(terms: Terms, q: Real) -> Values:
    """Return sum_k c_k q^k and its first three derivatives."""
    return [
        mp.fsum(to_mp(c) * math.perm(power, order) * q ** (power - order) for power, c in terms if power >= order)
        for order in range(4)
    ]


@dataclass(frozen=True)
class ExactPolynomial(ScaledCoupling):
    """Polynomials with rational coefficients, ((power, coefficient), ...)."""

    scaled_terms: Terms
    fixed_terms: Terms

    def scaled(self, overlap: Real, rule: Rule) -> Values:
        """Return A, A', A'', A''' at q = `overlap`."""
        return _derivatives(self.scaled_terms, overlap)

    def fixed(self, overlap: Real) -> Values:
        """Return B, B', B'', B''' at q = `overlap`."""
        return _derivatives(self.fixed_terms, overlap)


@ByClass
def exact_output(channel: OutputChannel, second_moment: Real) -> ExactCoupling:
    """Return the many-digit coupling of an output channel at rho = `second_moment`, a number of mpmath.

    Raises
    ------
    InputError
        For a channel whose class has registered none.

    Examples
    --------
    >>> import amp_theory as at
    >>> class Measured(at.LinearChannel):
    ...     pass
    >>> @exact_output.register(Measured)
    ... def _measured(channel, second_moment):
    ...     return ExactLinear(second_moment, to_mp(channel.noise))
    >>> model = at.GLM(at.Gaussian(), Measured(0.1))
    >>> at.fixed_points(model, at.Flow(), 1.1, 0.05, digits=20)[0].decimals["overlap"]
    '0.77394085296246417264'
    """
    raise InputError(
        f"digits beyond double precision are there for output channels of the package, not for {told(channel)}: "
        f"register its coupling with {exact_output.where}"
    )


@exact_output.register(Channel)
def _likelihood(channel: Channel, rho: Real) -> ExactCoupling:
    raise InputError(
        f"digits beyond double precision are not there for the output channel {told(channel)}: its likelihood is a "
        "function of numpy arrays, in double precision; the channels that the package names have them"
    )


@exact_output.register(LinearChannel)
def _linear(channel: LinearChannel, rho: Real) -> ExactCoupling:
    return ExactLinear(rho, to_mp(channel.noise))


@exact_output.register(ProbitChannel)
def _probit(channel: ProbitChannel, rho: Real) -> ExactCoupling:
    return ExactSign(rho, to_mp(channel.noise))


@exact_output.register(SignChannel)
def _sign(channel: SignChannel, rho: Real) -> ExactCoupling:
    return ExactSign(rho, mp.mpf(0))


@exact_output.register(DoorChannel)
def _door(channel: DoorChannel, rho: Real) -> ExactCoupling:
    return ExactDoor(rho, to_mp(channel.kappa), constraint=False)


@exact_output.register(SymmetricPerceptron)
def _constraint(channel: SymmetricPerceptron, rho: Real) -> ExactCoupling:
    return ExactDoor(rho, to_mp(channel.kappa), constraint=True)


@exact_output.register(ReLUChannel)
def _relu(channel: ReLUChannel, rho: Real) -> ExactCoupling:
    return ExactReLU(rho)


@exact_output.register(AbsChannel)
def _modulus(channel: AbsChannel, rho: Real) -> ExactCoupling:
    return ExactAbs(rho)


@ByClass
def exact_coupling(coupling: GeneralCoupling, second_moment: Real) -> ExactCoupling:
    """Return the many-digit form of a coupling, for the working precision; rho = `second_moment`.

    Raises
    ------
    InputError
        For a coupling whose class has registered none.

    Examples
    --------
    >>> import amp_theory as at
    >>> class Powers(at.PolynomialCoupling):
    ...     pass
    >>> @exact_coupling.register(Powers)
    ... def _powers(coupling, second_moment):
    ...     return exact_coupling(at.PolynomialCoupling(coupling.scaled_terms), second_moment)
    >>> exact_coupling(Powers(((2, 0.5),)), mp.mpf(1)).scaled_terms
    ((2, Fraction(1, 2)),)
    """
    raise InputError(
        "digits beyond double precision are there for the couplings of the package's own dense models, not for "
        f"{told(coupling)}: register its many-digit form with {exact_coupling.where}"
    )


@exact_coupling.register(PolynomialCoupling)
def _polynomial(coupling: PolynomialCoupling, rho: Real) -> ExactCoupling:
    parts = (coupling.scaled_terms, coupling.fixed_terms)
    return ExactPolynomial(*(tuple((power, exact(c)) for power, c in terms) for terms in parts))


@exact_coupling.register(OutputCoupling)
def _measurements(coupling: OutputCoupling, rho: Real) -> ExactCoupling:
    return exact_output(coupling.channel, rho)


@exact_coupling.register(RowOrthogonalCoupling)
def _orthogonal(coupling: RowOrthogonalCoupling, rho: Real) -> ExactCoupling:
    return ExactRowOrthogonal(to_mp(coupling.noise), rho)


@exact_coupling.register(SpectralCoupling)
def _spectral(coupling: SpectralCoupling, rho: Real) -> ExactCoupling:
    spectrum = coupling.spectrum
    return ExactSpectrum(tuple(map(exact, spectrum.eigenvalues)), tuple(normalised(spectrum.weights)), rho)
