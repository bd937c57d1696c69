"""Instances from data of one's own: couplings, graphs, measurements, of any model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.own_couplings import dense_from, restored_dense
from amp_theory.finite.instances.own_graphs import graph_from
from amp_theory.finite.instances.own_matrices import matrix_from, points_from, restored_matrix
from amp_theory.finite.instances.own_measurements import measured_from
from amp_theory.finite.instances.random_patterns import patterns_from
from amp_theory.finite.instances.rotational import rows_from, spectrum_from
from amp_theory.finite.instances.scales import as_numbers
from amp_theory.models.base import Model, as_model
from amp_theory.models.coloring import Coloring
from amp_theory.models.measurements import GLM, RowOrthogonalSensing, SpectralSensing
from amp_theory.models.own_names import at_control
from amp_theory.models.perceptrons import RandomPerceptron
from amp_theory.models.sparse import SparseModel
from amp_theory.models.two_sides import GaussianMixture, RectangularMatrix
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, UnknownNameError, as_flag, as_float, told

#: relative rounding of a planted value, and of its sum of squares on the sphere
SAME = 1e-9
#: what data are called
NAMES = ("couplings", "graph", "signs", "right_sides", "size", "sensing", "measurements", "matrix", "points",
         "patterns")  # fmt: skip


@dataclass(frozen=True)
class OwnData:
    """How instances of a kind of model are made from data.

    Parameters
    ----------
    needed
        The names of the data.
    build
        Takes the model, its control or None, the data by name and whether their scale is checked.
    restore
        Takes the model, its control and the data of a saved instance.
    """

    needed: tuple[str, ...]
    build: Callable[[Any, float | None, dict[str, Any], bool], Instance]
    restore: Callable[[Any, float, dict[str, Any]], Instance] | None = None


@singledispatch
def own_data(model: Model) -> OwnData:
    """Return how instances of a model are made: that of a dense one, unless another kind is registered.

    Examples
    --------
    >>> from amp_theory import XORSAT
    >>> own_data(XORSAT(3)).needed
    ('graph',)
    """
    if model.outer_overlap:
        raise InputError(f"{model!r} takes no data of your own: instances in a field are drawn, by draw_instance")
    return OwnData(("couplings",), dense_from, restored_dense)


own_data.register(GLM, lambda model: OwnData(("sensing", "measurements"), measured_from))
own_data.register(RowOrthogonalSensing, lambda model: OwnData(("sensing", "measurements"), rows_from))
own_data.register(SpectralSensing, lambda model: OwnData(("sensing", "measurements"), spectrum_from))
own_data.register(RandomPerceptron, lambda model: OwnData(("patterns",), patterns_from))
own_data.register(SparseModel, lambda model: OwnData(("graph",), graph_from))
own_data.register(RectangularMatrix, lambda model: OwnData(("matrix",), matrix_from, restored_matrix))
own_data.register(GaussianMixture, lambda model: OwnData(("points",), points_from, restored_matrix))


@own_data.register(Coloring)
def _coloured(model: Coloring) -> OwnData:
    raise InputError(f"finite instances on graphs are those of binary factors, {model!r} has none")


def instance_from(
    model: Model, control: float | None = None, *, couplings: Any = None, graph: Any = None, signs: Any = None,
    right_sides: Any = None, size: int | None = None, sensing: Any = None, measurements: Any = None, matrix: Any = None,
    points: Any = None, patterns: Any = None, planted: Any = None, check_scale: bool = True, **named: float,
) -> Instance:  # fmt: skip
    """Make an instance from data of one's own: couplings, a graph, measurements, a matrix, points, patterns, by model.

    Parameters
    ----------
    model, control
        The model and the value of its control.  Noise is estimated if left out, a sampling ratio or a density counted.
    couplings
        Dense models: a symmetric array of p axes of length N, or such arrays by p.  With a temperature, J of
        H = -sum J s..s over sets of p variables, mean square p! xi_p/N^(p-1) for xi_1(q) = sum xi_p q^p; with a noise,
        Y = s^(x p)/N^((p-1)/2) + sqrt(Delta) W, W of variance 1/(p-1)!; else those of the log weight.  Entries
        with equal indices count on the sphere alone.
    graph, signs, right_sides, size
        Models on graphs: the k spins of every factor, counted from 0, shape (factors, k), or a parity-check matrix of
        scipy.sparse, shape (factors, size).  Literals' signs, +1 or -1, shape (factors, k); or of parity checks the
        right sides b, 0 or 1, of H x = b with s = (-1)^x; +1 and 0 by default.  Number of spins, by default the last
        one that occurs.
    sensing, measurements
        Generalised linear models: Phi, shape (M, N), entries of mean square 1/N, and y of shape (M,), y = f(Phi s).
    matrix, points, patterns
        Two kinds of variables, noise W of variance one: Y = sqrt(lambda/N) u v^T + W, shape (N, M); of a Gaussian
        mixture points around their mean, (points, dimensions); of random perceptrons x, (M, N), mean square 1/N.
    planted
        The configuration in the data, shape (N,), if it is known.
    check_scale
        Whether couplings, Phi and y are refused where their mean square is not the one of the model.
    **named
        The control under the model's own name for it, such as temperature=0.7.

    Returns
    -------
    Instance
        For `run_amp`, `run_bp`, `run_gamp`, `run_vamp`, samplers and Markov chains.

    Raises
    ------
    InputError
        For data that are not real, finite, of the right shape, symmetric, or of the model's scale: which entry, what is
        allowed, and where it can be estimated the control that fits.

    Examples
    --------
    >>> from amp_theory import XORSAT, SherringtonKirkpatrick
    >>> instance_from(SherringtonKirkpatrick(), 1.0, couplings=[[0, 0.5, -0.6], [0.5, 0, 0.7], [-0.6, 0.7, 0]])
    <random instance of SherringtonKirkpatrick(), temperature = 1, size 3>
    >>> instance_from(XORSAT(3), graph=[[0, 1, 2], [1, 2, 3]], right_sides=[0, 1]).control
    0.5
    """
    values = (couplings, graph, signs, right_sides, size, sensing, measurements, matrix, points, patterns)
    data = {name: value for name, value in zip(NAMES, values, strict=True) if value is not None}
    try:
        given = at_control(as_model(model), control, named, optional=True)
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}; data are given as {', '.join(NAMES)}") from None
    value = None if given is None else float(model.check_control(as_float(model.control, given)))
    return with_planted(own_data(model).build(model, value, data, as_flag("check_scale", check_scale)), planted)


def restored(model: Model, control: float, data: Mapping[str, Any]) -> Instance:
    """Return an instance from what was saved of it."""
    arrays = dict(data)
    planted, form = arrays.pop("planted", None), own_data(model)
    value = float(model.check_control(as_float(model.control, control)))
    if form.restore is None:
        return with_planted(form.build(model, value, arrays, False), planted)
    return with_planted(form.restore(model, value, arrays), planted)


def with_planted(instance: Instance, planted: Any) -> Instance:
    """Return an instance with its planted configuration, after checking that it can be one."""
    if planted is None:
        return instance
    if instance.model.outer_overlap:  # there is none
        instance.model.check_target("planted")
    s = as_numbers("planted", planted, 1, f"(size,) = ({instance.size},)")
    if len(s) != instance.size:
        raise InputError(f"planted must have one value for each of {instance.size} variables, got {len(s)}")
    if instance.model.spherical and abs(s @ s / len(s) - 1) > SAME:
        raise InputError(f"planted must lie on the sphere, sum s^2 = {len(s)}, got {s @ s:.12g}")
    for kind, (where, _) in enumerate(instance.kinds):
        _check_values(s[where], instance._allowed_values(kind), where.start)
    instance.planted = s
    if np.isneginf(instance.interaction(s)[0]):
        raise InputError(
            f"planted has probability zero: it violates what these data say for certain (energy per variable "
            f"{float(instance.energy(s)[0]):.4g}), got {told(planted)}"
        )
    return instance


def _check_values(planted: Array, allowed: Array | None, first: int) -> None:
    """Raise an `InputError` unless variables of one kind are among the values allowed, shape (values, components)."""
    if allowed is None:
        return
    rows = planted.reshape(-1, allowed.shape[1])
    distance = np.min([np.abs(rows - value).max(axis=1) for value in allowed], axis=0)
    at = int(distance.argmax())
    if distance[at] > SAME * max(float(np.abs(allowed).max()), 1.0):
        shown = ", ".join(_told(value) for value in allowed[:4]) + (", ..." if len(allowed) > 4 else "")
        where = first + at * allowed.shape[1]
        raise InputError(f"planted must hold values of the prior, {shown}, got {_told(rows[at])} at [{where}]")


def _told(value: Array) -> str:
    return f"{value[0]:g}" if len(value) == 1 else "(" + ", ".join(f"{x:.4g}" for x in value) + ")"
