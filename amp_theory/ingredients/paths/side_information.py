"""What a denoising path reveals about a configuration: a field, a precision, and variables known exactly.

Given side information the weight of a configuration s is multiplied by

    prod_i exp(field_i s_i - precision_i s_i^2/2),    and s_i = value_i where variable i is known,

and by exp(zero) for every zero among the others, where it tells something that a variable is not known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, as_float, told

Mask = npt.NDArray[np.bool_]


def _as_mask(known: object) -> Mask:
    """Return an array of truth values."""
    try:
        mask = np.asarray(known)
    except ValueError:
        mask = np.asarray(None)
    if mask.dtype != bool or isinstance(known, np.ma.MaskedArray):
        raise InputError(f"known must be an array of truth values, got {told(known)}")
    return mask


@dataclass(frozen=True, eq=False)
class SideInformation:
    """Side information about a batch of configurations.

    Parameters
    ----------
    field
        Coefficients of s, shape (batch, size), in units of 1/s; zero where nothing is known.
    precision
        Coefficient of -s^2/2, >= 0: the same for all, or one for every variable, shape (size,).
    known
        Which variables are known exactly, shape (batch, size).
    values
        Their values, shape (batch, size); read where `known` only.
    zero
        Log weight in nats of a variable that is zero and not known, the same for all.

    Raises
    ------
    InputError
        If shapes differ, a number is not finite where it is read, or the precision is negative.

    See Also
    --------
    Path.observe : Which draws it.

    Examples
    --------
    >>> side = SideInformation.from_field(np.array([0.5, -1.0]))
    >>> side.batch, side.size, side.log_weight(np.array([[1.0, 1.0], [1.0, -1.0]])).tolist()
    (1, 2, [[-0.5, 1.5]])
    >>> side = SideInformation.from_known(np.array([True, False]), np.array([1.0, 0.0]))
    >>> side.log_weight(np.array([[1.0, 1.0], [-1.0, 1.0]])).tolist()
    [[0.0, -inf]]
    """

    field: Array
    precision: float | Array
    known: Mask
    values: Array
    zero: float = 0.0

    def __post_init__(self) -> None:
        field, values = as_array("field", self.field, "finite"), as_array("values", self.values, "finite where known")
        zero = as_float("zero", self.zero, "finite")
        precision: float | Array
        if isinstance(self.precision, np.ndarray) and self.precision.ndim == 1:
            precision = as_array("precision", self.precision, ">= 0")
        else:
            precision = as_float("precision", self.precision, ">= 0")
        known = _as_mask(self.known)
        if field.ndim != 2 or known.shape != field.shape or values.shape != field.shape:
            raise InputError(
                "field, known and values must have one shape (batch, size), got "
                f"{field.shape}, {known.shape}, {values.shape}"
            )
        if not np.all(np.isfinite(field)) or not np.all(np.isfinite(values[known])):
            raise InputError("field and the values of known variables must be finite")
        if np.shape(precision) not in ((), field.shape[1:]):
            raise InputError(f"precision must be a number or have shape {field.shape[1:]}, got {np.shape(precision)}")
        if not np.all((np.asarray(precision) >= 0) & np.isfinite(precision)):
            raise InputError(f"precision must be finite and >= 0, got {told(self.precision)}")
        for name, value in (("field", field), ("precision", precision), ("known", known), ("values", values),
                            ("zero", zero)):  # fmt: skip
            object.__setattr__(self, name, value)

    @property
    def size(self) -> int:
        """Number of variables."""
        return int(self.field.shape[1])

    @property
    def batch(self) -> int:
        """Number of configurations."""
        return int(self.field.shape[0])

    @classmethod
    def from_field(cls, field: Array, precision: float | Array = 0.0) -> SideInformation:
        """Return side information that is a field only.

        Parameters
        ----------
        field
            Coefficients of s, shape (batch, size) or (size,).
        precision
            Coefficient of -s^2/2, >= 0: the same for all, or one for every variable, shape (size,).

        Returns
        -------
        SideInformation
            With nothing known exactly.

        Raises
        ------
        InputError
            If a number is not finite, or the precision is negative.
        """
        field = np.atleast_2d(as_array("field", field, "finite"))
        return cls(field, precision, np.zeros(field.shape, dtype=bool), np.zeros(field.shape))

    @classmethod
    def from_known(cls, known: Mask, values: Array) -> SideInformation:
        """Return side information that is a set of known variables only.

        Parameters
        ----------
        known
            Which variables are known, shape (batch, size) or (size,).
        values
            Their values, of the same shape, read where `known` only.

        Returns
        -------
        SideInformation
            Without a field.

        Raises
        ------
        InputError
            If the shapes differ, or a known value is not finite.
        """
        known = np.atleast_2d(_as_mask(known))
        given = np.atleast_2d(as_array("values", values, "finite where known"))
        visible = np.where(known, given, 0.0) if given.shape == known.shape else given
        return cls(np.zeros(known.shape), 0.0, known, visible)

    def weighted(self, mixture: Mixture) -> Mixture:
        """Return the prior of a variable that is not known, its zeros with their weight.

        Parameters
        ----------
        mixture
            The prior of one variable.

        Returns
        -------
        Mixture
            The prior as it is where `zero` = 0.

        Examples
        --------
        >>> from amp_theory import SparseRademacher
        >>> side = SideInformation(np.zeros((1, 1)), 0.0, np.zeros((1, 1), dtype=bool), np.zeros((1, 1)), np.log(2))
        >>> side.weighted(SparseRademacher(0.5).mixture).probabilities.round(9).tolist()
        [0.166666667, 0.666666667, 0.166666667]
        """
        if self.zero == 0:
            return mixture
        p = mixture.probabilities * np.exp(np.where((mixture.means == 0) & (mixture.variances == 0), self.zero, 0.0))
        return replace(mixture, probabilities=p / p.sum())

    def _repeated(self, times: int) -> SideInformation:
        """Return the same so many times in a row for every configuration of a batch of several."""
        if times == 1 or self.batch == 1:
            return self
        rows = np.repeat(np.arange(self.batch), times)
        return SideInformation(self.field[rows], self.precision, self.known[rows], self.values[rows], self.zero)

    def log_weight(self, configurations: Array) -> Array:
        """Return the logarithm of the factor, shape (batch, n), for configurations of shape (n, size).

        -inf where a configuration contradicts a known variable.

        Parameters
        ----------
        configurations
            Configurations, shape (n, size), or one of shape (size,).

        Returns
        -------
        array
            Log weights in nats, shape (batch, n).

        Raises
        ------
        InputError
            If they are of another shape, or not finite.
        """
        s = np.atleast_2d(as_array("configurations", configurations, "of shape (n, size)"))
        if s.ndim != 2 or s.shape[1] != self.size or not np.all(np.isfinite(s)):
            raise InputError(f"configurations must be finite, of shape (n, {self.size}), got shape {s.shape}")
        squares = s * s
        total = squares @ self.precision if np.ndim(self.precision) else self.precision * squares.sum(axis=1)
        result = self.field @ s.T - 0.5 * total
        if self.zero:
            result += self.zero * (~self.known @ (s == 0).T.astype(float))
        for row, (known, value) in enumerate(zip(self.known, self.values, strict=True)):
            wrong = np.any(s[:, known] != value[known], axis=1)
            result[row, wrong] = -np.inf
        return np.asarray(result)
