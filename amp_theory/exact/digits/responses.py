"""Denoising paths in mpmath: the overlap G(x, strength) with its derivatives in x, and Psi; see `paths`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from amp_theory.exact.digits.channels import ExactChannel
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.rules import Real, Rule, Values, gaussian_mean
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.registration import ByClass


@dataclass(frozen=True)
class ResponseValues:
    """Psi, G, rho - G, dG/dx and d^2 G/dx^2 at (x, strength)."""

    free_entropy: Real
    overlap: Real
    gap: Real
    slope: Real
    curvature: Real


class ExactResponse(ABC):
    """A path together with a prior's channel."""

    def __init__(self, channel: ExactChannel) -> None:
        self.channel = channel

    @abstractmethod
    def at(self, snr: Real, strength: Real, rule: Rule) -> ResponseValues:
        """Return the response to the snr x of the other variables at a strength in its public unit."""

    @abstractmethod
    def evidence(self, strength: Real) -> Real:
        """Return the mean log likelihood ratio of the side information at the truth, nats per variable."""


class FlowResponse(ExactResponse):
    """G = M(x + snr), Psi = psi(x + snr)."""

    def at(self, snr: Real, strength: Real, rule: Rule) -> ResponseValues:
        """Return the response at x = `snr`."""
        v = self.channel.values(snr + strength, rule)
        return ResponseValues(v.free_entropy, v.overlap, v.mmse, v.slope, v.curvature)

    def evidence(self, strength: Real) -> Real:
        """Return rho snr/2."""
        return self.channel.second_moment * strength / 2


class AutoregressiveResponse(ExactResponse):
    """G = (1 - theta) M(x) + theta rho, Psi = (1 - theta) psi(x) + theta rho x/2."""

    def at(self, snr: Real, strength: Real, rule: Rule) -> ResponseValues:
        """Return the response at x = `snr`."""
        v, hidden, rho = self.channel.values(snr, rule), 1 - strength, self.channel.second_moment
        return ResponseValues(
            hidden * v.free_entropy + strength * rho * snr / 2, hidden * v.overlap + strength * rho, hidden * v.mmse,
            hidden * v.slope, hidden * v.curvature,
        )  # fmt: skip

    def evidence(self, strength: Real) -> Real:
        """Return theta H(P0)."""
        return strength * self.channel.entropy


class UniformResponse(ExactResponse):
    """Unbiased spins seen flipped: u = x + sqrt(x) z + eta h, h = atanh(retention), P(eta = +-1) = (1 +- retention)/2.

    Psi = E log cosh u - log cosh h - x/2, G = E tanh u, dG/dx = E sech^4 u, d^2G/dx^2 = E [kappa_3^2 - 2 sech^6 u],
    kappa_3 = -2 tanh u sech^2 u.
    """

    def at(self, snr: Real, strength: Real, rule: Rule) -> ResponseValues:
        """Return the response at x = `snr`."""
        h, root = mp.atanh(strength), mp.sqrt(snr)
        total = [mp.mpf(0)] * 5
        for sign in (1, -1):

            def integrand(z: Real, sign: int = sign) -> Values:
                u = snr + root * z + sign * h
                decay = mp.exp(-2 * abs(u))
                mean = (1 - decay) / (1 + decay) * (1 if u >= 0 else -1)
                second = 4 * decay / (1 + decay) ** 2
                third = -2 * mean * second
                level = abs(u) + mp.log((1 + decay) / 2)
                # 1 - tanh u without cancellation
                gap = (2 * decay if u >= 0 else mp.mpf(2)) / (1 + decay)
                return [level, mean, gap, second**2, third**2 - 2 * second**3]

            weight = (1 + sign * strength) / 2
            total = [t + weight * v for t, v in zip(total, gaussian_mean(rule, integrand), strict=True)]
        total[0] -= mp.log(mp.cosh(h)) + snr / 2
        return ResponseValues(*total)

    def evidence(self, strength: Real) -> Real:
        """Return log 2 - H2(epsilon)."""
        parts = ((1 + strength) / 2, (1 - strength) / 2)
        return mp.log(2) + mp.fsum(p * mp.log(p) for p in parts if p > 0)


@ByClass
def exact_response(path: Path, channel: ExactChannel) -> ExactResponse:
    """Return the many-digit form of a path.

    Raises
    ------
    InputError
        For a path whose class has registered none.

    Examples
    --------
    >>> import amp_theory as at
    >>> class Localization(at.Flow):
    ...     pass
    >>> @exact_response.register(Localization)
    ... def _localization(path, channel):
    ...     return FlowResponse(channel)
    >>> at.thresholds(at.SphericalPSpin(3), Localization(), digits=12).tricritical.decimals["snr"]
    '0.125000000000'
    """
    raise InputError(
        "digits beyond double precision are there for Flow, Autoregressive and UniformDiscreteDiffusion, not for "
        f"{told(path)}: register its response with {exact_response.where}"
    )


@exact_response.register(Flow)
def _flow(path: Flow, channel: ExactChannel) -> ExactResponse:
    return FlowResponse(channel)


@exact_response.register(Autoregressive)
def _autoregressive(path: Autoregressive, channel: ExactChannel) -> ExactResponse:
    return AutoregressiveResponse(channel)


@exact_response.register(UniformDiscreteDiffusion)
def _uniform(path: UniformDiscreteDiffusion, channel: ExactChannel) -> ExactResponse:
    return UniformResponse(channel)
