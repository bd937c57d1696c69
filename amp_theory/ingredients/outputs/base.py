"""Output channels P_out(y|z) of generalised linear models, and what the theory needs of them.

A measurement y of z = Phi s, Phi_ij ~ N(0, 1/N), acts on every variable like a Gaussian channel.  With omega ~
N(0, q) what the overlap q tells about z, and gap = rho - q what is left,

    Z(y, omega) = E_w P_out(y | omega + sqrt(gap) w),   w ~ N(0, 1)
    Psi_out(q) = E_omega sum_y Z log Z                  (an integral for continuous y: minus an entropy)
    A(q) = 2 [Psi_out(q) - Psi_out(0)]                  `free_entropy`, nats per measurement
    R(q) = A'(q) = E (d log Z/d omega)^2                `response`
    R'(q) = E (d^2 log Z/d omega^2)^2 > 0               `slope`
    R''(q)                                              `curvature`

with expectations over omega and y ~ Z(y, omega).  alpha = M/N measurements per variable provide the snr x =
xi'(q) = alpha R(q), xi(q) = alpha A(q).  Source: Barbier, Krzakala, Macris, Miolane and Zdeborova, PNAS 116
(2019), arXiv:1708.03395; R' and R'' from the heat equation, see `output_formulas`.

The channels themselves are in `output_channels`; one of one's own is a `Channel`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.couplings.base import Coupling, Four
from amp_theory.ingredients.outputs.table import OutputTable, OutputValues, check_arguments
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import positive

#: second moments that differ by less are taken as one
SAME = 16 * EPS


class OutputChannel(ABC):
    """A law P_out(y|z) of a measurement y given z; the equations stand on top of this module.

    See Also
    --------
    LinearChannel, SignChannel, ProbitChannel, AbsChannel, ReLUChannel, DoorChannel, SymmetricPerceptron, Channel

    References
    ----------
    J. Barbier, F. Krzakala, N. Macris, L. Miolane and L. Zdeborova, PNAS 116 (2019), arXiv:1708.03395, theorem 1.
    """

    name: ClassVar[str]
    #: whether y tells nothing but that z satisfies a constraint, which a planted configuration does
    constraint: ClassVar[bool] = False
    #: whether A, R, R' and R'' at overlap q and gap depend on more than q/(q + gap), but for units
    _has_scale: ClassVar[bool] = False

    @property
    @abstractmethod
    def discrete_output(self) -> bool:
        """Whether y takes countably many values, whatever z."""

    @property
    @abstractmethod
    def noiseless(self) -> bool:
        """Whether z determines y, so that y constrains z exactly."""

    @property
    @abstractmethod
    def even(self) -> bool:
        """Whether z and -z cannot be told apart: R(0) = 0, as is needed for weak recovery."""

    @property
    def information_dimension_factor(self) -> float | None:
        """Noiseless recovery needs alpha > d times this, d the information dimension of the prior.

        One over the fraction of measurements that leave z on finitely many points; None if it is zero.
        """
        return None

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make this channel, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def check(self, second_moment: float) -> None:
        """Raise an `InputError` if the channel cannot be used for z of this second moment rho.

        Parameters
        ----------
        second_moment
            rho = E z^2 > 0.

        Raises
        ------
        InputError
            If rho is not positive, or beyond what the channel can be tabulated for.

        See Also
        --------
        OutputChannel.table : What is tabulated.
        """
        positive("second_moment", second_moment)

    @abstractmethod
    def free_entropy_at_zero(self, second_moment: float) -> float:
        """Return Psi_out(0) in nats per measurement, minus the entropy of y, for z ~ N(0, second_moment).

        Parameters
        ----------
        second_moment
            rho = E z^2 > 0.

        Returns
        -------
        float
            Psi_out(0), nats per measurement.

        Raises
        ------
        InputError
            As `check`.

        Examples
        --------
        >>> from amp_theory import SignChannel
        >>> round(SignChannel().free_entropy_at_zero(1.0), 9)  # one bit per measurement
        -0.693147181
        """

    @abstractmethod
    def table(self, second_moment: float) -> OutputTable:
        """Return interpolated functions at one second moment rho, for the solvers.

        Parameters
        ----------
        second_moment
            rho = E z^2 > 0.

        Returns
        -------
        OutputTable
            A function of (overlap, gap) like `functions`, faster, and its `ratios`.

        Raises
        ------
        InputError
            As `check`.

        See Also
        --------
        OutputChannel.functions : The same by quadrature.
        """

    @abstractmethod
    def _evaluate(self, second_moment: float, overlap: Array, gap: Array) -> Array:
        """Return A, R, R', R'' and their relative error for q and gap of shape (n,) that sum to one: (5, n).

        In units in which the second moment, with the noise, is one; its true value is also given.
        """

    @property
    def _noise(self) -> float:
        """Variance of a Gaussian noise that adds to z."""
        return 0.0

    def functions(self, overlap: npt.ArrayLike, gap: npt.ArrayLike) -> OutputValues:
        """Return A, R, R', R'' and their relative error bound, by quadrature.

        Parameters
        ----------
        overlap
            q >= 0, any shape.
        gap
            rho - q >= 0, with its own digits, of a shape that broadcasts.  At gap = 0 a response may be infinite.

        Returns
        -------
        OutputValues
            Arrays of the broadcast shape: free_entropy A in nats per measurement, response R, slope R', curvature R'',
            and relative_error.

        Raises
        ------
        InputError
            If a value is negative or not finite, or overlap + gap = 0.

        Examples
        --------
        >>> from amp_theory import SignChannel
        >>> values = SignChannel().functions(overlap=[0.0, 0.5], gap=[1.0, 0.5])
        >>> values.free_entropy.round(9).tolist(), values.response.round(9).tolist()
        ([0.0, 0.386294361], [0.636619772, 0.961075916])
        """
        q, d = check_arguments(overlap, gap)
        total = (q + d).ravel()
        result = np.empty((5, q.size))
        for index in _groups(total) if self._has_scale else [np.arange(q.size)]:
            if not len(index):
                continue
            rho = float(total[index[0]])
            self.check(rho)
            size = total[index] + self._noise
            with np.errstate(over="ignore", under="ignore"):
                values = self._evaluate(rho, q.ravel()[index] / size, (d.ravel()[index] + self._noise) / size)
                result[:, index] = values / size ** np.array([0, 1, 2, 3, 0])[:, None]
        return OutputValues(*(row.reshape(q.shape) for row in result))


def _groups(total: Array) -> list[Index]:
    """Return the indices of equal second moments, up to rounding."""
    order = np.argsort(total, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(total[order]) > SAME * total[order][1:]) + 1)


@dataclass(frozen=True)
class OutputCoupling(Coupling):
    """xi(q) = alpha A(q): the measurements of a generalised linear model, alpha = M/N per variable.

    Parameters
    ----------
    channel
        The output channel.
    second_moment
        rho = E s^2 of the prior, which is that of z.
    """

    channel: OutputChannel
    second_moment: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "second_moment", positive("second_moment", self.second_moment))
        self.channel.check(self.second_moment)

    @cached_property
    def _table(self) -> OutputTable:
        return self.channel.table(self.second_moment)

    def scaled(self, overlap: Array, gap: Array) -> Four:
        """Return A, A' = R, A'' = R', A''' = R'' at q = `overlap`."""
        values = self._table(overlap, gap)
        return values.free_entropy, values.response, values.slope, values.curvature

    def scaled_ratios(self, overlap: Array, gap: Array) -> tuple[Array, Array, Array]:
        """Return A/R, R'/R, R''/R at q = `overlap`, the powers of q or of the gap divided out."""
        return self._table.ratios(overlap, gap)

    @property
    def singularity(self) -> tuple[float, float] | None:
        """(power, c) if R ~ c (rho - q)^-power as q -> rho, power 1 or 1/2; None where R stays finite."""
        return self._table.singularity

    @property
    def resolves_gap(self) -> bool:
        """Whether A and its derivatives are computed from rho - q where that is smaller than q: always."""
        return True

    @property
    def relative_error(self) -> float:
        """Bound on the relative error of A, R, R' and R'' (of R'' relative to |R''| + R'/rho)."""
        return self._table.worst

    @cached_property
    def sharpness(self) -> float:
        """Difference of the largest and the smallest logarithmic slope of R, in q or in 1/gap, at least 2."""
        near = np.geomspace(1e-8, 0.5, 200)
        far = np.geomspace(0.5, 1e-12, 200)
        spread = 2.0
        for q, d, scale in ((near, 1 - near, near), (1 - far, far, far)):
            rho = self.second_moment
            slopes = self.scaled_ratios(rho * q, rho * d)[1] * rho * scale
            spread = max(spread, float(np.ptp(slopes)))
        return spread
