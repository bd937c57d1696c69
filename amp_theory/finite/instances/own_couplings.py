"""Dense instances from couplings of one's own: of a Hamiltonian, of a spiked matrix or tensor, or of the log weight.

The tensor of `dense.Term`, sqrt(lambda_p) J, is `per_coupling` times what the user has.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import check_size
from amp_theory.finite.instances.dense import (
    STORAGES,
    DenseInstance,
    Term,
    polynomial_terms,
    without_coincidences,
)
from amp_theory.finite.instances.scales import as_numbers, blocks, expect, mean_square, off_scale
from amp_theory.models.base import Model
from amp_theory.models.spiked import SpikedMatrix, SpikedMatrixTensor, SpikedTensor
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, told

#: largest difference of entries that should be equal, in units of the largest entry, and of those in single precision
SYMMETRIC, SYMMETRIC_SINGLES = 1e-8, 1e-6


@singledispatch
def per_coupling(model: Model, control: float, bodies: int, weight: float, size: int) -> float:
    """Return what a user's p-body coupling is multiplied by in the log weight.

    1/T for H = -sum J s..s, summed over sets of variables, where the control is a temperature; one for other models.

    Parameters
    ----------
    model, control, size
        The model, its control, the number of variables.
    bodies, weight
        p and lambda_p.

    Examples
    --------
    >>> from amp_theory import SherringtonKirkpatrick
    >>> per_coupling(SherringtonKirkpatrick(), 0.5, 2, 0.04, 100)
    2.0
    """
    return 1 / model.energy_unit(control)


@singledispatch
def fitting_control(model: Model, size: int, squares: Mapping[int, float]) -> float | None:
    """Return the control that mean squares of couplings by their bodies tell; None where they do not.

    Those of a Hamiltonian have the same variance at every temperature.

    Parameters
    ----------
    model, size
        The model and the number of variables.
    squares
        Mean squares of the user's couplings, of distinct variables.

    Examples
    --------
    >>> from amp_theory import Rademacher, SpikedMatrix
    >>> fitting_control(SpikedMatrix(Rademacher()), 100, {2: 0.51})
    0.5
    """
    return None


@per_coupling.register(SpikedMatrix)
@per_coupling.register(SpikedTensor)
@per_coupling.register(SpikedMatrixTensor)
def _per_entry(model: Model, control: float, bodies: int, weight: float, size: int) -> float:
    """Return lambda_p N^((p-1)/2), of Y = s^(x p)/N^((p-1)/2) + sqrt(Delta) W."""
    return weight * math.pow(size, (bodies - 1) / 2)


@fitting_control.register(SpikedMatrix)
@fitting_control.register(SpikedTensor)
@fitting_control.register(SpikedMatrixTensor)
def _fitting_noise(model: Model, size: int, squares: Mapping[int, float]) -> float | None:
    """Return Delta, of E Y^2 = rho^p/N^(p-1) + Delta/(p-1)!."""
    assert model.polynomial is not None
    (p, _), *_ = model.polynomial.float_terms[0]
    signal = model.variable_prior.second_moment**p / float(size) ** (p - 1)
    noise = math.factorial(p - 1) * (squares[p] - signal)
    return float(noise) if noise > 0 else None


def dense_from(model: Model, control: float | None, data: dict[str, Any], check_scale: bool) -> DenseInstance:
    """Return an instance of a dense model from its couplings; see `instance_from`."""
    model.variable_prior.resolved(0.0)  # refused by a prior that has no scalar mixture
    bodies = [p for p, _ in polynomial_terms(model, 1.0 if control is None else control)]
    expect(model, data, ("couplings",), ())
    tensors = _tensors(data["couplings"], bodies)
    size = check_size(len(tensors[bodies[0]]), max(2, *bodies))
    squares = {}
    for p, tensor in tensors.items():
        distinct = tensor if not model.spherical else tensor.copy()
        without_coincidences(distinct)
        found, error = mean_square(distinct, math.perm(size, p))
        # the entries of one set of variables are the same number
        squares[p] = found, error * math.sqrt(math.factorial(p))
    value = _control(model, control, size, {p: found for p, (found, _) in squares.items()})
    terms = []
    for p, c in polynomial_terms(model, value):
        weight = math.factorial(p) * c / float(size) ** (p - 1)
        unit = per_coupling(model, value, p, weight, size)
        if check_scale:
            _check_scale(model, value, (p, weight, unit), size, squares)
        tensor = tensors[p]
        tensor *= unit
        terms.append(Term(p, weight, tensor))
    return DenseInstance(model, value, size, None, terms)


def restored_dense(model: Model, control: float, data: dict[str, Any]) -> DenseInstance:
    """Return an instance from the tensors of its log weight, as they are saved."""
    terms = polynomial_terms(model, control)
    expect(model, data, tuple(f"tensor_{p}" for p, _ in terms), ())
    tensors = {p: _restored(f"tensor_{p}", data[f"tensor_{p}"], p) for p, _ in terms}
    if len({tensor.dtype for tensor in tensors.values()}) > 1:
        raise InputError("tensors must be all in double or all in single precision")
    size = check_size(len(tensors[terms[0][0]]), max(2, *tensors))
    kept = [Term(p, math.factorial(p) * c / float(size) ** (p - 1), tensors[p]) for p, c in terms]
    return DenseInstance(model, control, size, None, kept)


def _tensors(couplings: Any, bodies: list[int]) -> dict[int, Array]:
    """Return symmetric tensors by their numbers of bodies."""
    if not isinstance(couplings, Mapping):
        if len(bodies) > 1:
            each = ", ".join(f"{p}: ..." for p in bodies)
            raise InputError(f"couplings of this model are several: give them by their bodies, {{{each}}}")
        couplings = {bodies[0]: couplings}
    if sorted(couplings, key=str) != sorted(bodies, key=str):
        raise InputError(
            f"couplings must be those among {' and '.join(map(str, bodies))} variables, got {told(list(couplings))}"
        )
    tensors = {
        p: _symmetric(f"couplings of {p} bodies" if len(bodies) > 1 else "couplings", couplings[p], p) for p in bodies
    }
    sizes = {p: len(tensor) for p, tensor in tensors.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"couplings must be among the same variables, got sizes {sizes} by bodies")
    return tensors


def _restored(name: str, value: Any, bodies: int) -> Array:
    """Return a tensor in the precision in which it was saved."""
    kind = getattr(value, "dtype", None)
    if kind != STORAGES["single"]:
        return _symmetric(name, value, bodies)
    return _symmetric(name, value, bodies, SYMMETRIC_SINGLES).astype(kind)


def _symmetric(name: str, value: Any, bodies: int, tolerance: float = SYMMETRIC) -> Array:
    """Return a tensor after checking that it is the same under exchanges of its axes."""
    tensor = as_numbers(name, value, bodies, "(" + ", ".join(["size"] * bodies) + ("," if bodies == 1 else "") + ")")
    if len(set(tensor.shape)) > 1:
        raise InputError(f"{name} must have axes of one length, the number of variables, got shape {tensor.shape}")
    largest = float(np.abs(tensor).max())
    for axis, rows in itertools.product(range(1, bodies), blocks(tensor)):
        difference = np.abs(tensor[rows] - np.swapaxes(tensor, 0, axis)[rows])
        found = np.unravel_index(int(difference.argmax()), difference.shape)
        if difference[found] > tolerance * largest:
            at = (int(found[0]) + rows.start, *map(int, found[1:]))
            other = list(at)
            other[0], other[axis] = other[axis], other[0]
            here, there = (", ".join(map(str, place)) for place in (at, other))
            raise InputError(
                f"{name} must be symmetric, got {tensor[at]:g} at [{here}] and {tensor[tuple(other)]:g} at [{there}]: "
                "give the mean over all orders of the axes, (J + J.T)/2 of a matrix"
            )
    return tensor


def _control(model: Model, given: float | None, size: int, squares: Mapping[int, float]) -> float:
    """Return the control given, or the one that fits."""
    if given is not None:
        return given
    fits = fitting_control(model, size, squares)
    if fits is None:
        scale = ", ".join(f"{math.sqrt(square):.4g}" for square in squares.values())
        raise InputError(f"{model.control} must be given: couplings of root mean square {scale} do not tell it")
    return float(model.check_control(fits))


def _check_scale(
    model: Model, control: float, term: tuple[int, float, float], size: int, squares: Mapping[int, tuple[float, float]]
) -> None:
    """Raise an `InputError` if couplings are not of the scale that the model has at its control."""
    p, weight, unit = term
    wanted, (found, error) = weight / unit**2, squares[p]
    if not off_scale(found, error, wanted, weight * model.variable_prior.second_moment**p):
        return
    ratio = math.sqrt(found / wanted)
    fits = fitting_control(model, size, {q: square for q, (square, _) in squares.items()})
    if fits is not None:
        advice = f"{model.control} = {fits:.4g} fits"
    elif model.energy_unit(2.0) == 2.0 and found > 0:
        advice = f"couplings and {model.control} divided by {ratio:.4g}, {control / ratio:.4g}, are the same measure"
    else:
        advice = f"divide them by {ratio:.4g}" if found > 0 else "give others"
    raise InputError(
        f"{p}-body couplings have root mean square {math.sqrt(found):.4g}, {model.name} of size {size} at "
        f"{model.control} = {control:.4g} has {math.sqrt(wanted):.4g}: {advice}; check_scale=False takes any"
    )
