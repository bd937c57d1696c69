"""Instances with variables of two kinds from a matrix or from points of one's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import check_size
from amp_theory.finite.instances.scales import as_numbers, expect, mean_square, off_scale
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.models.two_sides import TwoSidedModel
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError


def matrix_from(
    model: TwoSidedModel, control: float | None, data: dict[str, Any], check_scale: bool
) -> TwoSidesInstance:
    """Return an instance from Y = sqrt(lambda/N) u v^T + W, shape (N, M); see `instance_from`."""
    expect(model, data, ("matrix",), ())
    return _built(model, control, as_numbers("matrix", data["matrix"], 2, "(number of u, number of v)"), check_scale)


def points_from(
    model: TwoSidedModel, control: float | None, data: dict[str, Any], check_scale: bool
) -> TwoSidesInstance:
    """Return an instance from points, shape (points, dimensions); see `instance_from`."""
    expect(model, data, ("points",), ())
    points = as_numbers("points", data["points"], 2, "(points, dimensions)")
    return _built(model, control, points.T.copy(), check_scale)


def restored_matrix(model: TwoSidedModel, control: float, data: dict[str, Any]) -> TwoSidesInstance:
    """Return an instance from its matrix, as it is saved."""
    expect(model, data, ("matrix",), ())
    return _built(model, control, as_numbers("matrix", data["matrix"], 2, "(number of u, number of v)"), False)


def _built(model: TwoSidedModel, control: float | None, matrix: Array, check_scale: bool) -> TwoSidesInstance:
    """Return the instance of a matrix after checking its shape and scale."""
    n, m = check_size(matrix.shape[0], 2), check_size(matrix.shape[1], 2)
    aspect = model.ratio * model.components
    if round(aspect * n) != m:
        turned = ": the data seem to be transposed" if round(aspect * m) == n else ""
        raise InputError(
            f"aspect = {aspect:g} and {n} u are {round(aspect * n)} v, got {m}: aspect = {m / n:.12g} fits{turned}"
        )
    if control is None:
        raise InputError(
            f"{model.control} must be given: what the signal adds to the mean square of {n} x {m} entries is lost in "
            "its fluctuations"
        )
    if check_scale:
        _check_scale(model, control, matrix)
    return TwoSidesInstance(model, control, None, matrix)


def _check_scale(model: TwoSidedModel, control: float, matrix: Array) -> None:
    """Raise an `InputError` if entries are not of noise of variance one and a signal of the size that the model has."""
    u, v = model.priors
    signal = float(model.intensity(np.asarray(control))) * u.second_moment * v.second_moment / matrix.shape[0]
    found, error = mean_square(matrix, matrix.size)
    if off_scale(found, error, 1.0, signal):
        ratio = math.sqrt(found / (1 + signal))
        advice = f"divide them by {ratio:.4g}" if found > 0 else "give others"
        raise InputError(
            f"entries have root mean square {math.sqrt(found):.4g}, noise of variance one and the signal at "
            f"{model.control} = {control:.4g} give {math.sqrt(1 + signal):.4g}: {advice}; check_scale=False takes any"
        )
