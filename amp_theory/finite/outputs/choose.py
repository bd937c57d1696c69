"""The output function of a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amp_theory.finite.outputs.named import (
    OutputFunction,
    _AbsOutput,
    _ConstraintOutput,
    _DoorOutput,
    _LinearOutput,
    _ReLUOutput,
    _SignOutput,
)
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

#: what makes the function of a channel, given the channel and the second moment
_MAKERS: dict[type[OutputChannel], Callable[[Any, float], OutputFunction]] = {
    LinearChannel: lambda channel, rho: _LinearOutput(rho, channel.noise),
    SignChannel: lambda _, rho: _SignOutput(rho, 0.0),
    ProbitChannel: lambda channel, rho: _SignOutput(rho, channel.noise),
    AbsChannel: lambda _, rho: _AbsOutput(rho),
    ReLUChannel: lambda _, rho: _ReLUOutput(rho),
    DoorChannel: lambda channel, rho: _DoorOutput(rho, channel.kappa),
    SymmetricPerceptron: lambda channel, rho: _ConstraintOutput(rho, channel.kappa),
}


def output_function(channel: OutputChannel, second_moment: float) -> OutputFunction:
    """Return the denoising function of an output channel, for z of a second moment.

    Parameters
    ----------
    channel
        A channel of this package, or a `Channel` of one's own.
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
    """
    from amp_theory.finite.outputs.likelihood import LikelihoodOutput
    from amp_theory.ingredients.outputs.likelihood import Channel

    if type(channel) in _MAKERS:
        return _MAKERS[type(channel)](channel, second_moment)
    if isinstance(channel, Channel):
        return LikelihoodOutput(second_moment, channel)
    known = ", ".join(sorted(kind.__name__ for kind in _MAKERS))
    raise InputError(
        f"finite instances need a channel with a denoising function, got {told(channel)}; known: {known}, Channel"
    )
