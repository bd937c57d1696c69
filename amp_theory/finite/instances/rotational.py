"""Finite instances of linear measurements with rotationally invariant matrices: y = Phi s* + sqrt(noise) w.

Phi = U diag(sigma) V^T has the singular values of the model and singular vectors that are uniform among orthonormal
ones.  Of N variables the eigenvalues sigma^2 of Phi^T Phi are those of the model, each as often as its weight says, up
to one; rows that would measure nothing, of sigma = 0, are left out.  Orthogonal rows have sigma = 1, M = round(alpha N)
times.

The first columns of a uniform orthogonal matrix are those of H_1 H_2 ... D, where H_j is the reflection that takes a
normal vector of the last N - j + 1 coordinates to an axis, and D are signs: what a QR decomposition makes of a normal
matrix, without the matrix.

Source: G. W. Stewart, SIAM Journal on Numerical Analysis 17, 403 (1980).
"""

from __future__ import annotations

import copy
import math
from functools import cached_property, singledispatch
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import Instance, check_memory, check_size, draw_planted
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scales import SLACK, as_numbers, expect, fitting
from amp_theory.ingredients.outputs.named import LinearChannel
from amp_theory.models.base import Model
from amp_theory.models.measurements import RowOrthogonalSensing, SpectralSensing
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError

#: how far Phi Phi^T of orthogonal rows may be from one, and how far it is by rounding
ORTHOGONAL, ROUNDED = 1e-6, 1e-14
#: reflections that are made together
PANEL = 64


class RotationalInstance(GLMInstance):
    """An instance of linear measurements with singular values of the model.

    Parameters
    ----------
    model, control, size, planted, sensing, measurements
        As for `GLMInstance`.
    drawn
        The singular values, and a generator as it was before singular vectors were drawn.
    """

    model: Any

    def __init__(
        self, model: Any, control: float, size: int, planted: Array | None, sensing: Array, measurements: Array,
        drawn: tuple[Array, np.random.Generator] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, control, size, planted, sensing, measurements)
        self._drawn = drawn

    @cached_property
    def singular(self) -> tuple[Array, Array, Array]:
        """As for `GLMInstance`; vectors are drawn again, which takes a third of the time that a decomposition does."""
        number = len(self.sensing)
        if self._drawn is not None:
            values, rng = copy.deepcopy(self._drawn)
            right = uniform_rows(number, self.size, rng)
            return turn(np.eye(number), rng), values, right
        if np.abs(self.sensing @ self.sensing.T - np.eye(number)).max() <= ROUNDED:
            return np.eye(number), np.ones(number), self.sensing
        return super().singular

    @property
    def log_noise(self) -> float:
        """The log likelihood of measurements without a signal, in the gauge of the theory.

        That is -[M log(2 pi noise) + |y|^2/E y^2 + N xi(rho)]/2, for independent entries that of N(0, noise + rho):
        the theory counts from q = 0, where matrices of unknown singular vectors have the weight exp(-N xi(rho)/2).
        """
        noise, rho, y = self.channel.noise, self.variables.second_moment, self.measurements
        if not noise:
            return -math.inf
        whole, nothing = np.array(rho), np.array(0.0)
        xi = float(self.model.coupling.value(self.model.intensity(np.array(self.control)), whole, nothing))
        square = float(y @ y) / (noise + rho * self.row_norm)
        return -(len(y) * math.log(2 * math.pi * noise) + square + self.size * xi) / 2

    @property
    def channel(self) -> LinearChannel:
        """The linear channel, with the noise of the model or of its control."""
        return LinearChannel(measured_noise(self.model, self.control))


@singledispatch
def measured_noise(model: Model, control: float) -> float:
    """Return the variance of the noise of linear measurements: that of the model, unless the control is the noise.

    Examples
    --------
    >>> from amp_theory import Gaussian
    >>> measured_noise(RowOrthogonalSensing(Gaussian(), 0.1), 0.5)
    0.1
    >>> measured_noise(SpectralSensing(Gaussian(), [1], [1]), 0.5)
    0.5
    """
    raise InputError(f"{model!r} is no model of linear measurements with given singular values")


@measured_noise.register
def _row_orthogonal(model: RowOrthogonalSensing, control: float) -> float:
    return model.noise


@measured_noise.register
def _spectral(model: SpectralSensing, control: float) -> float:
    return control


def _reflections(vectors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Set reflections of normal vectors, each shorter by one, as LAPACK has them; return their weights and signs D."""
    number, size = vectors.shape
    for vector in vectors:  # one after the other, as all at once would be drawn elsewhere
        vector[:] = rng.standard_normal(size)
    vectors[:, :number][np.tri(number, k=-1, dtype=bool)] = 0.0
    first = vectors.diagonal().copy()
    end = -np.copysign(np.sqrt(np.linalg.vecdot(vectors, vectors)), first)
    vectors /= (first - end)[:, None]
    return 1 - first / end, np.sign(end)


def uniform_rows(number: int, size: int, rng: np.random.Generator) -> Array:
    """Return `number` <= size orthonormal rows, uniform among such; in place, with no other array of that size.

    Examples
    --------
    >>> rows = uniform_rows(2, 5, np.random.default_rng(0))
    >>> bool(abs(rows @ rows.T - np.eye(2)).max() < 1e-15)
    True
    """
    from scipy.linalg import lapack

    rows, weights, signs = np.zeros((number, size)), np.empty(number), np.empty(number)
    for k in range(0, number, PANEL):
        part = slice(k, min(k + PANEL, number))
        weights[part], signs[part] = _reflections(rows[part, k:], rng)
    vectors, _, _ = lapack.dorgqr(rows.T, weights, lwork=PANEL * number, overwrite_a=1)
    np.multiply(vectors.T, signs[:, None], out=rows)
    return rows


def turn(rows: Array, rng: np.random.Generator) -> Array:
    """Multiply an array from the left by a uniform orthogonal matrix, in place, and return it.

    Examples
    --------
    >>> square = turn(np.eye(5), np.random.default_rng(0))
    >>> bool(abs(square @ square.T - np.eye(5)).max() < 1e-15)
    True
    """
    from scipy.linalg import lapack

    number, size = rows.shape
    for k in range(0, number, PANEL):
        panel = np.empty((min(PANEL, number - k), number - k))
        weights, signs = _reflections(panel, rng)
        turned, _, _ = lapack.dormqr("R", "N", panel.T, weights, rows[k:].T, PANEL * size, overwrite_c=1)
        np.multiply(turned.T[: len(signs)], signs[:, None], out=rows[k : k + len(signs)])
    return rows


def eigenvalues_of(model: SpectralSensing, size: int) -> Array:
    """Return `size` eigenvalues in increasing order, each as often as its weight says, up to one.

    Examples
    --------
    >>> from amp_theory import Gaussian
    >>> eigenvalues_of(SpectralSensing(Gaussian(), [2.0, 0.5], [1, 3]), 8).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 2.0, 2.0]
    """
    order = np.argsort(model.eigenvalues)
    t, w = np.array(model.eigenvalues)[order], np.array(model.weights)[order]
    ends = np.cumsum(w) / w.sum()
    return np.asarray(t[np.searchsorted(ends, (np.arange(size) + 0.5) / size).clip(max=len(t) - 1)])


def draw_row_orthogonal(
    model: RowOrthogonalSensing, control: float, size: object, rng: np.random.Generator, planted: bool
) -> RotationalInstance:
    """Draw measurements with orthogonal rows; see `draw_instance`."""
    n = check_size(size, 2)
    number = round(control * n)
    if number < 1:
        raise InputError(f"sampling_ratio = {control:g} and size = {n} give no measurement: make the size larger")
    return _measured(model, control, n, np.ones(number), rng, planted)


def draw_spectral(
    model: SpectralSensing, control: float, size: object, rng: np.random.Generator, planted: bool
) -> RotationalInstance:
    """Draw measurements with given singular values; see `draw_instance`."""
    n = check_size(size, 2)
    t = eigenvalues_of(model, n)
    t = t[t > 0]
    if not len(t):
        raise InputError(f"of size {n} all eigenvalues of {model!r} are zero: make the size larger")
    return _measured(model, control, n, np.sqrt(t), rng, planted)


def _measured(
    model: Any, control: float, size: int, singular: Array, rng: np.random.Generator, planted: bool
) -> RotationalInstance:
    """Draw singular vectors, a configuration and its measurements."""
    number = len(singular)
    check_memory(8.0 * (number + 3 * PANEL) * size, f"{model!r} with {number} measurements of size {size}")
    truth = draw_planted(model, size, rng)
    drawn = (singular, copy.deepcopy(rng)) if np.ptp(singular) else None
    sensing = uniform_rows(number, size, rng)
    sensing *= singular[:, None]
    if drawn:  # else rows that are turned are rows of the same law
        turn(sensing, rng)
    noise = measured_noise(model, control)
    measurements = sensing @ truth + np.sqrt(noise) * rng.standard_normal(number)
    return RotationalInstance(model, control, size, truth if planted else None, sensing, measurements, drawn)


def _numbers(model: Model, data: dict[str, Any]) -> tuple[Array, Array]:
    """Return Phi and y, as many as Phi has rows."""
    expect(model, data, ("sensing", "measurements"), ())
    sensing = as_numbers("sensing", data["sensing"], 2, "(measurements, size)")
    measurements = as_numbers("measurements", data["measurements"], 1, f"({len(sensing)},)")
    check_size(sensing.shape[1], 2)
    if len(measurements) != len(sensing):
        raise InputError(f"measurements must be {len(sensing)}, one for every row of sensing, got {len(measurements)}")
    return sensing, measurements


def rows_from(model: RowOrthogonalSensing, control: float | None, data: dict[str, Any], check_scale: bool) -> Instance:
    """Return an instance from a matrix with orthogonal rows and measurements; see `instance_from`."""
    sensing, measurements = _numbers(model, data)
    number, size = sensing.shape
    value = fitting(model, control, number, size, "measurements")
    off = float(np.abs(sensing @ sensing.T - np.eye(number)).max())
    if check_scale and off > ORTHOGONAL:
        raise InputError(
            f"the rows of sensing must be orthonormal, Phi Phi^T = 1, got entries that differ by {off:.3g}: of another "
            "matrix take GLM(prior, LinearChannel(noise)) and run_vamp; check_scale=False takes it as it is"
        )
    return RotationalInstance(model, value, size, None, sensing, measurements)


def spectrum_from(model: SpectralSensing, control: float | None, data: dict[str, Any], check_scale: bool) -> Instance:
    """Return an instance from a matrix with the model's singular values and measurements; see `instance_from`."""
    sensing, measurements = _numbers(model, data)
    size, rho = sensing.shape[1], model.prior.second_moment
    signal = rho * float((sensing**2).sum()) / len(sensing)
    found = float(measurements @ measurements) / len(measurements)
    if control is None:
        if found <= signal:
            raise InputError(
                f"measurements have mean square {found:.4g}, the signal alone gives {signal:.4g}: give the noise"
            )
        control = float(model.check_control(found - signal))
    if check_scale:
        _check_eigenvalues(model, sensing, size)
    return RotationalInstance(model, control, size, None, sensing, measurements)


def _check_eigenvalues(model: SpectralSensing, sensing: Array, size: int) -> None:
    """Raise an `InputError` if the mean eigenvalues of Phi^T Phi, or of its upper half, are not those of the model."""
    t = np.zeros(size)
    squares = np.linalg.svd(sensing, compute_uv=False) ** 2
    t[: len(squares)] = squares
    ours, wanted = np.sort(t), eigenvalues_of(model, size)
    for part, name in ((slice(None), "all"), (slice(size // 2, None), "the upper half of all")):
        a, b = float(ours[part].mean()), float(wanted[part].mean())
        if abs(a - b) > SLACK * b:
            raise InputError(
                f"{name} eigenvalues of Phi^T Phi have mean {a:.4g}, those of {model!r} {b:.4g}: of another matrix "
                "take GLM(prior, LinearChannel(noise)) and run_vamp; check_scale=False takes it as it is"
            )
