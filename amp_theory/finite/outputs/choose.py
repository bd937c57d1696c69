"""The output function of a channel."""

from __future__ import annotations

from amp_theory.finite.outputs.likelihood import LikelihoodOutput
from amp_theory.finite.outputs.named import (
    OutputFunction,
    _AbsOutput,
    _ConstraintOutput,
    _DoorOutput,
    _LinearOutput,
    _ReLUOutput,
    _SignOutput,
)
from amp_theory.ingredients.outputs.likelihood import Channel
from amp_theory.ingredients.outputs.named import (
    AbsChannel,
    DoorChannel,
    LinearChannel,
    OutputChannel,
    ProbitChannel,
    ReLUChannel,
    SignChannel,
    SymmetricPerceptron,
)
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.registration import ByClass


@ByClass
def output_function(channel: OutputChannel, second_moment: float) -> OutputFunction:
    """Return the denoising function of an output channel, for z of a second moment.

    Parameters
    ----------
    channel
        A channel whose class has registered one: those of this package have, and `Channel`.
    second_moment
        E s^2 of the prior.

    Raises
    ------
    InputError
        For a channel of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> from amp_theory import LinearChannel
    >>> g, slope = output_function(LinearChannel(0.5), 1.0).denoise(np.array([2.0]), np.array([1.0]), np.array([0.5]))
    >>> float(g[0]), float(slope[0])
    (1.0, -1.0)

    A channel of one's own registers its function:

    >>> class Measured(LinearChannel):
    ...     pass
    >>> @output_function.register(Measured)
    ... def _measured(channel, second_moment):
    ...     return output_function(LinearChannel(channel.noise), second_moment)
    >>> output_function(Measured(0.5), 1.0) == output_function(LinearChannel(0.5), 1.0)
    True
    """
    raise InputError(
        f"finite instances need a channel with a denoising function, got {told(channel)}: register its function with "
        f"{output_function.where}"
    )


@output_function.register(LinearChannel)
def _linear(channel: LinearChannel, rho: float) -> OutputFunction:
    return _LinearOutput(rho, channel.noise)


@output_function.register(SignChannel)
def _sign(channel: SignChannel, rho: float) -> OutputFunction:
    return _SignOutput(rho, 0.0)


@output_function.register(ProbitChannel)
def _probit(channel: ProbitChannel, rho: float) -> OutputFunction:
    return _SignOutput(rho, channel.noise)


@output_function.register(AbsChannel)
def _modulus(channel: AbsChannel, rho: float) -> OutputFunction:
    return _AbsOutput(rho)


@output_function.register(ReLUChannel)
def _relu(channel: ReLUChannel, rho: float) -> OutputFunction:
    return _ReLUOutput(rho)


@output_function.register(DoorChannel)
def _door(channel: DoorChannel, rho: float) -> OutputFunction:
    return _DoorOutput(rho, channel.kappa)


@output_function.register(SymmetricPerceptron)
def _constraint(channel: SymmetricPerceptron, rho: float) -> OutputFunction:
    return _ConstraintOutput(rho, channel.kappa)


@output_function.register(Channel)
def _likelihood(channel: Channel, rho: float) -> OutputFunction:
    return LikelihoodOutput(rho, channel)
