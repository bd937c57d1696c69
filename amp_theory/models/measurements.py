"""Generalised linear models: y ~ P_out(y | z), z = Phi s, with alpha = M/N measurements per variable.

Phi has independent entries of variance 1/N.  To every variable the measurements are a Gaussian channel of snr

    x = xi'(q) = alpha R(q),    xi(q) = alpha A(q),    A(q) = 2 [Psi_out(q) - Psi_out(0)],

so that the output channel is just another coupling (J. Barbier et al., PNAS 116, 2019, arXiv:1708.03395, theorem 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.couplings.base import Coupling, GeneralCoupling
from amp_theory.ingredients.couplings.rotational import RowOrthogonalCoupling, SpectralCoupling, Spectrum
from amp_theory.ingredients.outputs.named import OutputChannel, OutputCoupling
from amp_theory.ingredients.priors.base import Prior, check_prior
from amp_theory.models.base import Model
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, as_float, positive, told


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

    References
    ----------
    J. Barbier, F. Krzakala, N. Macris, L. Miolane and L. Zdeborova, PNAS 116 (2019), arXiv:1708.03395, theorem 1.

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
    def orders(self) -> tuple[str, ...]:
        """The random one: that GAMP's fields spread as AMP's do was not checked for channels."""
        return ("random",)

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
        return self.channel.constraint and self.prior.unbiased_sign


@dataclass(frozen=True)
class RowOrthogonalSensing(Model):
    """Noisy linear measurements with orthogonal rows, Phi Phi^T = 1; control sampling_ratio = alpha = M/N <= 1.

    Parameters
    ----------
    prior
        The prior of one variable.
    noise
        Variance of the noise, >= 0, in the units of (Phi s)^2.

    Raises
    ------
    InputError
        For a negative noise.

    References
    ----------
    K. Takeda, S. Uda and Y. Kabashima, Europhys. Lett. 76, 1193 (2006).

    Examples
    --------
    >>> from amp_theory import Flow, GaussBernoulli, fixed_points
    >>> model = RowOrthogonalSensing(GaussBernoulli(0.2), noise=0.01)
    >>> print(f"{fixed_points(model, Flow(), control=0.5, strength=0).uninformed.mmse:.8f}")
    0.01524298
    """

    prior: Prior
    noise: float
    name: ClassVar[str] = "row-orthogonal-sensing"
    control: ClassVar[str] = "sampling_ratio"
    control_symbol: ClassVar[str] = r"\alpha"
    easier: ClassVar[Literal["up", "down"]] = "up"

    def __post_init__(self) -> None:
        check_prior(self.prior)
        noise = as_float("noise", self.noise, ">= 0")
        object.__setattr__(self, "noise", positive("noise", noise) if noise != 0 else 0.0)

    @property
    def variable_prior(self) -> Prior:
        """The prior given."""
        return self.prior

    @property
    def coupling(self) -> GeneralCoupling:
        """See the module."""
        return RowOrthogonalCoupling(self.noise, self.prior.second_moment)

    def check_control(self, control: npt.ArrayLike) -> Array:
        """Return sampling ratios after checking that they are positive and at most one."""
        values = as_array(self.control, control, "in (0, 1]")
        if not np.all((values > 0) & (values <= 1)):
            bad = values[~((values > 0) & (values <= 1))].ravel()[0]
            raise InputError(
                f"{self.control} must lie in (0, 1], as more rows than columns are not orthogonal, got {bad:g}"
            )
        return super().check_control(values)


@dataclass(frozen=True)
class SpectralSensing(Model):
    """Noisy linear measurements with a rotationally invariant matrix of given singular values; control noise.

    Parameters
    ----------
    prior
        The prior of one variable.
    eigenvalues, weights
        Eigenvalues of Phi^T Phi, >= 0 and not all zero, and their weights, > 0, of any sum.

    Raises
    ------
    InputError
        For eigenvalues or weights that are none.

    References
    ----------
    K. Takeda, S. Uda and Y. Kabashima, Europhys. Lett. 76, 1193 (2006).

    Examples
    --------
    >>> from amp_theory import Flow, Rademacher, fixed_points
    >>> model = SpectralSensing(Rademacher(), eigenvalues=[0.5, 1.5], weights=[1, 1])
    >>> print(f"{fixed_points(model, Flow(), control=0.5, strength=0).uninformed.overlap:.8f}")
    0.72789677
    """

    prior: Prior
    eigenvalues: tuple[float, ...]
    weights: tuple[float, ...]
    name: ClassVar[str] = "spectral-sensing"
    control: ClassVar[str] = "noise"
    control_symbol: ClassVar[str] = r"\Delta"

    def __init__(self, prior: Prior, eigenvalues: Sequence[float], weights: Sequence[float]) -> None:
        t, w = as_array("eigenvalues", eigenvalues, ">= 0"), as_array("weights", weights, "> 0")
        if t.ndim != 1 or t.shape != w.shape or not len(t):
            raise InputError(f"eigenvalues and weights must be lists of one length, got shapes {t.shape} and {w.shape}")
        if not np.all(np.isfinite(t)) or np.any(t < 0) or not np.any(t > 0):
            raise InputError(f"eigenvalues of Phi^T Phi must be finite, >= 0 and not all zero, got {t.tolist()}")
        if not np.all(np.isfinite(w)) or np.any(w <= 0):
            raise InputError(f"weights must be finite and > 0, got {w.tolist()}")
        object.__setattr__(self, "prior", check_prior(prior))
        object.__setattr__(self, "eigenvalues", tuple(t.tolist()))
        object.__setattr__(self, "weights", tuple(w.tolist()))

    @property
    def variable_prior(self) -> Prior:
        """The prior given."""
        return self.prior

    @property
    def coupling(self) -> GeneralCoupling:
        """See the module."""
        return SpectralCoupling(Spectrum(self.eigenvalues, self.weights), self.prior.second_moment)
