"""A prior, an output channel and a path of a user's own, each with all its other forms, in one file.

Every toy is a law that the package knows under another name, so that all its numbers are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
import sympy

import amp_theory as at
from amp_theory.equations_of_state.populations.population import side_information
from amp_theory.exact.digits.channels import MixtureChannel, exact_channel
from amp_theory.exact.digits.couplings import exact_output
from amp_theory.exact.digits.outputs import ExactLinear
from amp_theory.exact.digits.rationals import to_mp
from amp_theory.exact.digits.responses import FlowResponse, exact_response
from amp_theory.exact.formulas.paths import FREE, GaussianPath, gaussian_path
from amp_theory.exact.formulas.setting import PriorMoments, linear_noise, moments_of, parameter, q
from amp_theory.exact.proofs.reduction import Reduction, merging
from amp_theory.finite.outputs.choose import output_function
from amp_theory.ingredients.outputs.base import OutputChannel
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.ingredients.priors.named import MixturePrior
from amp_theory.tools.expressions import exact


@dataclass(frozen=True)
class Loud(MixturePrior):
    """s = 0 with probability 1 - rho, +2 or -2 with probability rho/2 each; its mixture is its form on instances."""

    rho: float
    name: ClassVar[str] = "loud"

    def _components(self):
        return Mixture(np.array([self.rho / 2, 1 - self.rho, self.rho / 2]), np.array([-2.0, 0.0, 2.0]), np.zeros(3))

    def known(self):
        """Return the same law under the name it has in the package."""
        return at.Discrete([-2, 0, 2], [self.rho / 2, 1 - self.rho, self.rho / 2])


@exact_channel.register(Loud)
def _loud_channel(prior):
    rho, zero = exact(prior.rho), Fraction(0)
    return MixtureChannel((rho / 2, 1 - rho, rho / 2), (Fraction(-2), zero, Fraction(2)), (zero, zero, zero))


@moments_of.register(Loud)
def _loud_moments(prior):
    rho = parameter(prior, "rho")
    return PriorMoments(4 * rho, 16 * rho**2)


@dataclass(frozen=True)
class Twice(OutputChannel):
    """y, seen by two detectors of the same noise: the linear channel with half of it."""

    noise: float = 0.0
    name: ClassVar[str] = "twice"
    discrete_output = property(lambda self: False)
    noiseless = property(lambda self: self.noise == 0)
    even = property(lambda self: False)
    information_dimension_factor = property(lambda self: self.known().information_dimension_factor)

    def known(self):
        """Return the same law under the name it has in the package."""
        return at.LinearChannel(self.noise / 2)

    def free_entropy_at_zero(self, second_moment):
        return self.known().free_entropy_at_zero(second_moment)

    def table(self, second_moment):
        return self.known().table(second_moment)

    def _evaluate(self, second_moment, overlap, gap):
        raise NotImplementedError  # the table has all


@exact_output.register(Twice)
def _twice_coupling(channel, second_moment):
    return ExactLinear(second_moment, to_mp(channel.noise) / 2)


@output_function.register(Twice)
def _twice_function(channel, second_moment):
    return output_function(channel.known(), second_moment)


@linear_noise.register(Twice)
def _twice_noise(channel):
    return parameter(channel, "noise") / 2


@dataclass(frozen=True)
class HalfFlow(at.Flow):
    """A flow whose strength is half its snr."""

    name: ClassVar[str] = "half-flow"
    strength: ClassVar[str] = "half"
    strength_is_snr: ClassVar[bool] = False

    def internal(self, strength):
        return 2 * strength

    def public(self, strength):
        return strength / 2

    def public_slope(self, strength):
        return np.full_like(strength, 0.5)

    def evidence(self, prior, strength):
        return super().evidence(prior, 2 * np.asarray(strength))

    def information(self, prior, strength):
        return at.Flow().information(prior, 2 * np.asarray(strength))

    def observe(self, truth, strength, rng):
        return super().observe(truth, 2 * strength, rng)


class HalfResponse(FlowResponse):
    def at(self, snr, strength, rule):
        return super().at(snr, 2 * strength, rule)

    def evidence(self, strength):
        return super().evidence(2 * strength)


@exact_response.register(HalfFlow)
def _half_response(path, channel):
    return HalfResponse(channel)


class HalfOfGaussians(GaussianPath):
    h, m, slope = FREE / 2, sympy.Rational(1, 2), 1 / (2 * (1 - q) ** 2)

    def free_entropy(self, x, xi, rest):
        return (FREE + sympy.log(1 - q) - rest) / 2

    def tricritical(self, p, c):
        level, snr = gaussian_path(at.Flow()).tricritical(p, c)
        return level, snr / 2


@gaussian_path.register(HalfFlow)
def _half_gaussian(path):
    return HalfOfGaussians()


class HalfCusp(Reduction):
    """The equation of the flow, whose strength is half as large."""

    strength = ("half",)

    def __init__(self, problem):
        super().__init__(problem)
        self.flow = merging(at.Flow(), problem)
        self.equation, self.sign = self.flow.equation, self.flow.sign

    def total(self, signal, strength):
        return self.flow.total(signal, 2 * strength)

    def function(self, x, m):
        return self.flow.function(x, m)

    def derivative(self, x, m):
        return self.flow.derivative(x, m)

    def values(self, x, m):
        c, snr, overlap = self.flow.values(x, m)
        return c, snr / 2, overlap


@merging.register(HalfFlow)
def _half_cusp(path, problem):
    return HalfCusp(problem)


@side_information.register(HalfFlow)
def _half_colours(path, q, strength, shape, rng):
    return side_information(at.Flow(), q, 2 * strength, shape, rng)
