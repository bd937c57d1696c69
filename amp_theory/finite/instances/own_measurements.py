"""Instances of generalised linear models from measurements of one's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import check_size
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.scales import as_numbers, expect, fitting, mean_square, off_scale
from amp_theory.models.measurements import GLM
from amp_theory.tools.errors import InputError


def measured_from(model: GLM, control: float | None, data: dict[str, Any], check_scale: bool) -> GLMInstance:
    """Return an instance from a sensing matrix and measurements; see `instance_from`."""
    expect(model, data, ("sensing", "measurements"), ())
    sensing = as_numbers("sensing", data["sensing"], 2, "(measurements, size)")
    measurements = as_numbers("measurements", data["measurements"], 1, f"({len(sensing)},)")
    number, size = len(sensing), check_size(sensing.shape[1], 2)
    if len(measurements) != number:
        turned = ": the matrix seems to be transposed" if len(measurements) == size else ""
        raise InputError(
            f"measurements must be {number}, one for every row of sensing, got {len(measurements)}{turned}"
        )
    instance = GLMInstance(
        model, fitting(model, control, number, size, "measurements"), size, None, sensing, measurements
    )
    possible = instance.output.possible(measurements)
    if not np.all(possible):
        at = int(np.flatnonzero(~possible)[0])
        raise InputError(
            f"measurements of {model.channel!r} must be {instance.output.allowed}, got {measurements[at]:g} at [{at}]"
        )
    if check_scale:
        _check_scales(instance)
    return instance


def _check_scales(instance: GLMInstance) -> None:
    """Raise an `InputError` if sensing or measurements are not of the scale that the model has."""
    size, output = instance.size, instance.output
    found, error = mean_square(instance.sensing, instance.sensing.size)
    last = "; check_scale=False takes it as it is"
    if off_scale(found, error, 1 / size):
        ratio = math.sqrt(found * size)
        advice = f"divide it by {ratio:.4g}, and measurements y = f(Phi s) in their unit" if ratio else "give another"
        raise InputError(
            f"sensing has root mean square {math.sqrt(found):.4g}, of size {size} it must be 1/sqrt(size) = "
            f"{1 / math.sqrt(size):.4g}: {advice}{last}"
        )
    wanted = output.mean_square
    if wanted is None:
        return
    found, error = mean_square(instance.measurements, len(instance.measurements))
    if off_scale(found, error, wanted):
        fits = output.fitting_noise(found)
        advice = "give them and the prior in the same unit" + (f", or noise = {fits:.4g}, which fits" if fits else "")
        raise InputError(
            f"measurements have mean square {found:.4g}, {instance.model.channel!r} and this prior give {wanted:.4g}: "
            f"{advice}{last}"
        )
