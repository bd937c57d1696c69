"""The output channels with names: linear, sign, probit, absolute value, ReLU, door and symmetric perceptron.

What they have in common, and the equations, are in `output_base`; a channel of one's own is a `Channel`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.outputs.base import OutputChannel, OutputCoupling
from amp_theory.ingredients.outputs.door import door_response
from amp_theory.ingredients.outputs.sign_and_abs import abs_free_entropy, abs_response, sign_free_entropy, sign_response
from amp_theory.ingredients.outputs.table import (
    SPLITS,
    OutputTable,
    OutputValues,
    Powers,
    ScaledOutputTable,
    ScaledTable,
    build_table,
)
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, as_float, positive, told

__all__ = [
    "AbsChannel",
    "DoorChannel",
    "LinearChannel",
    "OutputChannel",
    "OutputCoupling",
    "ProbitChannel",
    "ReLUChannel",
    "SignChannel",
    "SymmetricPerceptron",
]

#: margins that doubles can handle, in units of the square root of the second moment
NARROWEST, WIDEST = 1e-6, 20.0


# --- linear -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _LinearTable:
    noise: float

    @property
    def worst(self) -> float:
        return 8 * EPS

    @property
    def singularity(self) -> tuple[float, float] | None:
        return (1.0, 1.0) if self.noise == 0 else None

    def __call__(self, overlap: npt.ArrayLike, gap: npt.ArrayLike) -> OutputValues:
        q, d = np.broadcast_arrays(np.asarray(overlap, dtype=float), np.asarray(gap, dtype=float) + self.noise)
        with np.errstate(divide="ignore", over="ignore"):
            r = 1 / d
            return OutputValues(np.log1p(q / d), r, r * r, 2 * r**3, np.full(q.shape, self.worst))

    def ratios(self, overlap: npt.ArrayLike, gap: npt.ArrayLike) -> tuple[Array, Array, Array]:
        q, d = np.broadcast_arrays(np.asarray(overlap, dtype=float), np.asarray(gap, dtype=float) + self.noise)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            r = 1 / d
            return np.where(d > 0, d * np.log1p(q / d), 0.0), r, 2 * r * r


@dataclass(frozen=True)
class LinearChannel(OutputChannel):
    """y = z + sqrt(noise) w: linear measurements, compressed sensing.  R = 1/(noise + gap).

    Parameters
    ----------
    noise
        Its variance Delta >= 0, in the units of z^2.

    Raises
    ------
    InputError
        If the noise is negative or no number.

    Examples
    --------
    >>> float(LinearChannel(0.25).functions(0.25, 0.75).response)
    1.0
    """

    noise: float = 0.0
    name: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        noise = as_float("noise", self.noise, ">= 0")
        if noise < 0:
            raise InputError(f"noise is a variance and must be >= 0, got {told(self.noise)}")
        object.__setattr__(self, "noise", noise)

    discrete_output = property(lambda self: False)
    noiseless = property(lambda self: self.noise == 0)
    even = property(lambda self: False)

    @property
    def information_dimension_factor(self) -> float | None:
        """One without noise: every measurement fixes z."""
        return 1.0 if self.noiseless else None

    def free_entropy_at_zero(self, second_moment: float) -> float:
        """Return Psi_out(0) = -log(2 pi e (rho + noise))/2."""
        return -0.5 * math.log(2 * math.pi * math.e * (positive("second_moment", second_moment) + self.noise))

    def table(self, second_moment: float) -> OutputTable:
        """Return the closed form A = log(1 + q/(noise + gap)), R = 1/(noise + gap)."""
        self.check(second_moment)
        return _LinearTable(self.noise)

    @property
    def _noise(self) -> float:
        return self.noise

    def _evaluate(self, second_moment: float, overlap: Array, gap: Array) -> Array:
        v = _LinearTable(0.0)(overlap, gap)
        return np.stack([v.free_entropy, v.response, v.slope, v.curvature, v.relative_error])


# --- sign, absolute value, ReLU -----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _sign_table() -> ScaledTable:
    return build_table(sign_response, Powers(0, (1, 3, 5)))


@lru_cache(maxsize=1)
def _abs_table() -> ScaledTable:
    return build_table(abs_response, Powers(1, (2, 4, 6), 1.0))


@lru_cache(maxsize=1)
def _relu_table() -> ScaledTable:
    return build_table(_relu_response, Powers(0, (2, 4, 6), 0.5))


def _relu_response(overlap: Array, gap: Array) -> Array:
    """Return R, R', R'' of y = max(z, 0): half of the linear channel's and half of the sign's."""
    *values, error = sign_response(overlap, gap)
    with np.errstate(divide="ignore", over="ignore"):
        linear = 1 / gap, 1 / gap**2, 2 / gap**3
    return np.stack([*(0.5 * (a + b) for a, b in zip(values, linear, strict=True)), error])


@dataclass(frozen=True)
class SignChannel(OutputChannel):
    """y = sign(z): the teacher-student perceptron.  Psi_out = 2 E[H log H], H = Phi_cdf(v sqrt(q/gap)).

    Examples
    --------
    >>> bool(abs(SignChannel().functions(0.0, 1.0).response - 2 / np.pi) < 1e-14)
    True
    """

    name: ClassVar[str] = "sign"

    discrete_output = property(lambda self: True)
    noiseless = property(lambda self: True)
    even = property(lambda self: False)

    def free_entropy_at_zero(self, second_moment: float) -> float:
        """Return Psi_out(0) = -log 2."""
        positive("second_moment", second_moment)
        return -math.log(2)

    def table(self, second_moment: float) -> OutputTable:
        """Return interpolated functions at one second moment rho, for the solvers."""
        self.check(second_moment)
        return ScaledOutputTable(_sign_table(), float(second_moment), self._noise)

    def _evaluate(self, second_moment: float, overlap: Array, gap: Array) -> Array:
        *values, error = sign_response(overlap, gap)
        free_entropy, rough = sign_free_entropy(overlap, gap)
        return np.stack([free_entropy, *values, np.maximum(error, rough)])


@dataclass(frozen=True)
class ProbitChannel(SignChannel):
    """y = sign(z + sqrt(noise) w): the sign channel with the noise added to the gap.

    Parameters
    ----------
    noise
        The variance > 0 of the noise before the sign, in the units of z^2.

    Raises
    ------
    InputError
        If the noise is not positive.

    Examples
    --------
    >>> print(f"{float(ProbitChannel(0.5).functions(0.5, 0.5).response):.10f}")
    0.5433191817
    """

    noise: float
    name: ClassVar[str] = "probit"

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", positive("noise", self.noise))

    noiseless = property(lambda self: False)

    @property
    def _noise(self) -> float:
        return self.noise


@dataclass(frozen=True)
class AbsChannel(OutputChannel):
    """y = |z|: real phase retrieval.  Psi_out = -log(2 pi e gap)/2 + E h, h the entropy of the lost sign.

    Examples
    --------
    For variables of unit variance weak recovery is at alpha = 1/R'(0):

    >>> print(f"{float(AbsChannel().functions(0.0, 1.0).slope):.10f}")
    2.0000000000
    """

    name: ClassVar[str] = "abs"

    discrete_output = property(lambda self: False)
    noiseless = property(lambda self: True)
    even = property(lambda self: True)

    @property
    def information_dimension_factor(self) -> float | None:
        """One: every measurement leaves two points z."""
        return 1.0

    def free_entropy_at_zero(self, second_moment: float) -> float:
        """Return Psi_out(0) = log 2 - log(2 pi e rho)/2."""
        return math.log(2) - 0.5 * math.log(2 * math.pi * math.e * positive("second_moment", second_moment))

    def table(self, second_moment: float) -> OutputTable:
        """Return interpolated functions at one second moment rho, for the solvers."""
        self.check(second_moment)
        return ScaledOutputTable(_abs_table(), float(second_moment))

    def _evaluate(self, second_moment: float, overlap: Array, gap: Array) -> Array:
        *values, error = abs_response(overlap, gap)
        free_entropy, rough = abs_free_entropy(overlap, gap)
        return np.stack([free_entropy, *values, np.maximum(error, rough)])


@dataclass(frozen=True)
class ReLUChannel(OutputChannel):
    """y = max(z, 0): an atom at zero, and a density.  All its functions are means of sign and linear channel.

    For y > 0 the value of z is known, so that Psi_out = -log(2 pi e gap)/4 + E[H log H].

    Examples
    --------
    >>> values = [float(c.functions(0.3, 0.7).response) for c in (ReLUChannel(), SignChannel(), LinearChannel())]
    >>> print(f"{values[0]:.10f} {(values[1] + values[2]) / 2:.10f}")
    1.1102483371 1.1102483371
    """

    name: ClassVar[str] = "relu"

    discrete_output = property(lambda self: False)
    noiseless = property(lambda self: True)
    even = property(lambda self: False)

    @property
    def information_dimension_factor(self) -> float | None:
        """Two: half of the measurements fix z."""
        return 2.0

    def free_entropy_at_zero(self, second_moment: float) -> float:
        """Return Psi_out(0) = -log(2 pi e rho)/4 - log(2)/2."""
        rho = positive("second_moment", second_moment)
        return -0.25 * math.log(2 * math.pi * math.e * rho) - 0.5 * math.log(2)

    def table(self, second_moment: float) -> OutputTable:
        """Return interpolated functions at one second moment rho, for the solvers."""
        self.check(second_moment)
        return ScaledOutputTable(_relu_table(), float(second_moment))

    def _evaluate(self, second_moment: float, overlap: Array, gap: Array) -> Array:
        *values, error = _relu_response(overlap, gap)
        free_entropy, rough = sign_free_entropy(overlap, gap)
        with np.errstate(divide="ignore"):
            free_entropy = 0.5 * (free_entropy + np.log1p(overlap / gap))
        return np.stack([free_entropy, *values, np.maximum(error, rough)])


# --- doors --------------------------------------------------------------------------------------------------


def _door_response(kappa: float, constraint: bool, overlap: Array, gap: Array) -> Array:
    """Return R, R', R'' and their relative error of both labels, or of the constraint given that it holds."""
    inside, outside = door_response(kappa, overlap, gap)
    if constraint:
        return np.stack([*(inside[:3] / _inside(kappa)), inside[3]])
    # R'' of the two may cancel: the error is that of the larger part
    values = inside[:3] + outside[:3]
    size = np.abs(inside[2]) + np.abs(outside[2])
    with np.errstate(over="ignore", invalid="ignore"):
        cancelled = np.where(np.isfinite(size), size / (np.abs(values[2]) + values[1]), 1.0)
    return np.stack([*values, np.maximum(inside[3], outside[3]) * np.maximum(cancelled, 1.0)])


def _inside(kappa: float) -> float:
    """Return f_0 = P(|w| <= kappa), w ~ N(0, 1)."""
    return math.erf(kappa / math.sqrt(2))


@lru_cache(maxsize=32)
def _door_table(kappa: float, constraint: bool) -> ScaledTable:
    splits = SPLITS + max(0, math.ceil(-math.log2(kappa)))
    return build_table(lambda q, d: _door_response(kappa, constraint, q, d), Powers(1, (1, 3, 5)), splits)


class _Door(OutputChannel):
    """What the label |z| <= kappa and the constraint have in common."""

    kappa: float
    _has_scale: ClassVar[bool] = True

    discrete_output = property(lambda self: True)
    noiseless = property(lambda self: True)
    even = property(lambda self: True)

    def check(self, second_moment: float) -> None:
        """Raise an `InputError` if kappa is too small or too large next to sqrt(rho).

        Raises
        ------
        InputError
            If kappa/sqrt(rho) is below 1e-6 or above 20.
        """
        rho = positive("second_moment", second_moment)
        if not NARROWEST <= self.kappa / math.sqrt(rho) <= WIDEST:
            raise InputError(
                f"kappa must lie between {NARROWEST:g} and {WIDEST:g} times the square root of the second moment "
                f"{rho:g}, got {self.kappa:g}"
            )

    def table(self, second_moment: float) -> OutputTable:
        """Return interpolated functions at one second moment rho, for the solvers."""
        self.check(second_moment)
        rho = float(second_moment)
        return ScaledOutputTable(_door_table(self.kappa / math.sqrt(rho), self.constraint), rho)

    def _evaluate(self, second_moment: float, overlap: Array, gap: Array) -> Array:
        kappa = self.kappa / math.sqrt(second_moment)
        *values, error = _door_response(kappa, self.constraint, overlap, gap)
        # A is the integral of R, which has only positive parts
        integral = ScaledOutputTable(_door_table(kappa, self.constraint), 1.0)(overlap, gap)
        return np.stack([integral.free_entropy, *values, np.maximum(error, integral.relative_error)])


@dataclass(frozen=True)
class DoorChannel(_Door):
    """y = +1 if |z| <= kappa, else -1: the symmetric door.

    Parameters
    ----------
    kappa
        Half the width of the door, > 0, in the units of z.

    Raises
    ------
    InputError
        If kappa is not positive.

    Examples
    --------
    >>> print(f"{DoorChannel(0.6744897502).free_entropy_at_zero(1.0):.8f}")  # both labels equally likely: -log 2
    -0.69314718
    """

    kappa: float
    name: ClassVar[str] = "door"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kappa", positive("kappa", self.kappa))

    def free_entropy_at_zero(self, second_moment: float) -> float:
        """Return Psi_out(0) = f_0 log f_0 + (1 - f_0) log(1 - f_0), f_0 = P(|z| <= kappa)."""
        self.check(second_moment)
        ratio = self.kappa / math.sqrt(float(second_moment))
        outside = math.erfc(ratio / math.sqrt(2))
        return _inside(ratio) * _log_inside(ratio) + outside * math.log(outside)


@dataclass(frozen=True)
class SymmetricPerceptron(_Door):
    """Constraints |z| <= kappa that a planted configuration satisfies.  Psi_out = E_omega[f log f]/f_0.

    f(omega) is the probability of the constraint given omega, f_0 = E f; expectations are over omega given
    the constraint.  Source: Aubin, Perkins and Zdeborova, J. Phys. A 52 (2019), arXiv:1901.00314.

    Parameters
    ----------
    kappa
        The margin > 0, in the units of z.

    Raises
    ------
    InputError
        If kappa is not positive.

    Examples
    --------
    >>> print(f"{SymmetricPerceptron(1.0).free_entropy_at_zero(1.0):.10f}")  # log P(|z| <= 1)
    -0.3817151463
    """

    kappa: float
    name: ClassVar[str] = "symmetric-perceptron"
    constraint: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "kappa", positive("kappa", self.kappa))

    def free_entropy_at_zero(self, second_moment: float) -> float:
        """Return Psi_out(0) = log f_0, f_0 = P(|z| <= kappa)."""
        self.check(second_moment)
        return _log_inside(self.kappa / math.sqrt(float(second_moment)))


def _log_inside(kappa: float) -> float:
    """Return log P(|w| <= kappa), w ~ N(0, 1), without cancellation."""
    return math.log(_inside(kappa)) if kappa < 1 else math.log1p(-math.erfc(kappa / math.sqrt(2)))
