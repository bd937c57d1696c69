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
from amp_theory.ingredients.couplings.rotational import RowOrthogonalCoupling, SpectralCoupling, Spectrum
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
from amp_theory.tools.errors import InputError
from amp_theory.tools.expressions import exact

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


def _output(channel: OutputChannel, rho: Real) -> ExactCoupling:
    """Return the coupling of a named output channel."""
    kind = type(channel)  # a subclass may be another law
    if isinstance(channel, LinearChannel) and kind is LinearChannel:
        return ExactLinear(rho, to_mp(channel.noise))
    if isinstance(channel, ProbitChannel) and kind is ProbitChannel:
        return ExactSign(rho, to_mp(channel.noise))
    if isinstance(channel, DoorChannel | SymmetricPerceptron) and kind in (DoorChannel, SymmetricPerceptron):
        return ExactDoor(rho, to_mp(channel.kappa), constraint=kind is SymmetricPerceptron)
    if kind is SignChannel:
        return ExactSign(rho, mp.mpf(0))
    if kind is ReLUChannel:
        return ExactReLU(rho)
    if kind is AbsChannel:
        return ExactAbs(rho)
    reason = "its likelihood is a function of numpy arrays" if isinstance(channel, Channel) else "it is a user's own"
    raise InputError(
        f"digits beyond double precision are not there for the output channel {channel!r}: {reason}, in double "
        "precision; the channels that the package names have them"
    )


def _spectrum(spectrum: Spectrum, rho: Real) -> ExactCoupling:
    """Return the coupling of a spectrum."""
    return ExactSpectrum(tuple(map(exact, spectrum.eigenvalues)), tuple(normalised(spectrum.weights)), rho)


def exact_coupling(coupling: GeneralCoupling, second_moment: Real) -> ExactCoupling:
    """Return the many-digit form of a coupling, for the working precision; rho = `second_moment`.

    Raises
    ------
    InputError
        For a coupling that is none of the package's own.
    """
    kind = type(coupling)  # a subclass may be another function
    if isinstance(coupling, PolynomialCoupling) and kind is PolynomialCoupling:
        parts = (coupling.scaled_terms, coupling.fixed_terms)
        return ExactPolynomial(*(tuple((power, exact(c)) for power, c in terms) for terms in parts))
    if isinstance(coupling, OutputCoupling) and kind is OutputCoupling:
        return _output(coupling.channel, second_moment)
    if isinstance(coupling, RowOrthogonalCoupling) and kind is RowOrthogonalCoupling:
        return ExactRowOrthogonal(to_mp(coupling.noise), second_moment)
    if isinstance(coupling, SpectralCoupling) and kind is SpectralCoupling:
        return _spectrum(coupling.spectrum, second_moment)
    raise InputError(
        "digits beyond double precision are there for the couplings of the package's own dense models, not for "
        f"{coupling!r}, which is a class of a user's own in double precision"
    )
