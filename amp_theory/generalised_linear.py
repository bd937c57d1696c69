"""Generalised linear models: y ~ P_out(y | z), z = Phi s, with alpha = M/N measurements per variable.

Phi has independent entries of variance 1/N.  To every variable the measurements are a Gaussian channel of snr

    x = xi'(q) = alpha R(q),    xi(q) = alpha A(q),    A(q) = 2 [Psi_out(q) - Psi_out(0)],

so that the output channel is just another coupling (J. Barbier et al., PNAS 116, 2019, arXiv:1708.03395, theorem 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

from amp_theory.couplings import Coupling
from amp_theory.errors import InputError, told
from amp_theory.models import Model
from amp_theory.output_channels import OutputChannel, OutputCoupling, SymmetricPerceptron
from amp_theory.priors import Prior, check_prior


@lru_cache(maxsize=64)
def _coupling(channel: OutputChannel, second_moment: float) -> OutputCoupling:
    """Return the coupling of a channel, with its table computed once."""
    return OutputCoupling(channel, second_moment)


@dataclass(frozen=True)
class GLM(Model):
    """A generalised linear model y ~ P_out(y | Phi s); control sampling_ratio = measurements per variable.

    Parameters
    ----------
    prior
        The prior of one variable.
    channel
        The output channel: LinearChannel(noise), SignChannel(), ProbitChannel(noise), AbsChannel(), ReLUChannel(),
        DoorChannel(kappa), SymmetricPerceptron(kappa), or a Channel of one's own.

    Raises
    ------
    InputError
        If one of them is none, or the channel's margin does not fit the prior's second moment.

    Examples
    --------
    >>> from amp_theory import Flow, Rademacher, SignChannel, thresholds
    >>> point = thresholds(GLM(Rademacher(), SignChannel()), Flow()).condensation
    >>> print(f"{point.sampling_ratio:.8f}")
    1.24468399
    """

    prior: Prior
    channel: OutputChannel
    name: ClassVar[str] = "glm"
    control: ClassVar[str] = "sampling_ratio"
    control_symbol: ClassVar[str] = r"\alpha"
    easier: ClassVar[Literal["up", "down"]] = "up"

    def __post_init__(self) -> None:
        check_prior(self.prior)
        if not isinstance(self.channel, OutputChannel):
            raise InputError(f"channel must be an output channel such as SignChannel(), got {told(self.channel)}")
        self.channel.check(self.prior.second_moment)

    @property
    def variable_prior(self) -> Prior:
        """The prior given."""
        return self.prior

    @property
    def coupling(self) -> Coupling:
        """xi(q) = alpha A(q)."""
        return _coupling(self.channel, self.prior.second_moment)

    @property
    def random_counterpart(self) -> bool:
        """Whether the random model exists: constraints alike for all signs, on unbiased +-1 variables."""
        return isinstance(self.channel, SymmetricPerceptron) and self.prior.unbiased_sign
