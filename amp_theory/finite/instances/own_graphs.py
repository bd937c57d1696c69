"""Instances on graphs of one's own: lists of factors, or parity-check matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from amp_theory.finite.instances.base import check_size
from amp_theory.finite.instances.graphs import GraphInstance, Index
from amp_theory.finite.instances.scales import as_numbers, expect, fitting
from amp_theory.models.sparse import SparseModel
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, told

#: the names of what an instance is made from besides its graph
OPTIONAL = ("signs", "right_sides", "size")


def graph_from(model: SparseModel, control: float | None, data: dict[str, Any], check_scale: bool) -> GraphInstance:
    """Return an instance on a graph of one's own; see `instance_from`."""
    expect(model, data, ("graph",), OPTIONAL)
    k = model.factor.k
    graph, size = data["graph"], data.get("size")
    if not hasattr(graph, "tocsr"):
        graph = _sparse_if_matrix(as_numbers("graph", graph, 2, f"(factors, k = {k}), the spins of every factor"), k)
    if hasattr(graph, "tocsr"):
        spins, columns = _of_matrix(graph, k)
        if size is not None and size != columns:
            raise InputError(f"size must be the {columns} columns of the parity-check matrix, got {told(size)}")
        size = columns
    else:
        spins = _of_lists(graph, k)
    size = check_size(max(k, int(spins.max()) + 1) if size is None else size, k)
    _check_spins(spins, size)
    value = fitting(model, control, len(spins), size, "factors")
    if model.regular:
        _check_degrees(spins, size, model.degree(value))
    signs = _signs(model, data, len(spins))
    return GraphInstance(model, value, size, None, spins, signs)


def _sparse_if_matrix(array: Array, k: int) -> Any:
    """Return what is a parity-check matrix, of zeros and ones and not k columns, as a sparse one."""
    if array.shape[1] == k or not np.all((array == 0) | (array == 1)):
        return array
    from scipy.sparse import csr_array

    return csr_array(array)


def _of_matrix(graph: Any, k: int) -> tuple[Index, int]:
    """Return the spins of every factor, and the number of spins, of a sparse matrix of zeros and ones."""
    matrix = graph.tocsr(copy=True)
    if matrix.dtype == bool:
        matrix = matrix.astype(float)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    if matrix.ndim != 2 or not matrix.nnz:
        raise InputError(f"a parity-check matrix must have shape (factors, size) and ones, got {told(graph)}")
    entries = as_numbers("entries of the parity-check matrix", matrix.data, 1, "(ones,)")
    if np.any(entries != 1):
        bad = entries[entries != 1][0]
        raise InputError(f"a parity-check matrix must hold zeros and ones, got {bad:g}; signs go into right_sides")
    counts = np.diff(matrix.indptr)
    if np.any(counts != k):
        row = int(np.flatnonzero(counts != k)[0])
        raise InputError(
            f"row {row} of the parity-check matrix has {counts[row]} ones, the model's factors have k = {k} spins: "
            "rows of one weight only"
        )
    return np.asarray(matrix.indices.reshape(-1, k), dtype=np.intp), int(matrix.shape[1])


def _of_lists(array: Array, k: int) -> Index:
    """Return the spins of every factor of a list of them."""
    if array.shape[1] != k:
        raise InputError(f"graph must name k = {k} spins in every factor, got shape {array.shape}")
    if np.any(array != np.floor(array)) or np.any(np.abs(array) > 2**53):
        raise InputError(f"graph must hold the numbers of spins, integers from 0, got {told(array)}")
    return array.astype(np.intp)


def _check_spins(spins: Index, size: int) -> None:
    """Raise an `InputError` unless factors hold distinct spins that exist."""
    wrong = np.argwhere((spins < 0) | (spins >= size))
    if len(wrong):
        row, column = wrong[0]
        raise InputError(f"factor {row} names spin {spins[row, column]}, spins are 0 to {size - 1} at size {size}")
    ordered = np.sort(spins, axis=1)
    twice = np.argwhere(ordered[:, 1:] == ordered[:, :-1])
    if len(twice):
        row, column = twice[0]
        raise InputError(
            f"factor {row} names spin {ordered[row, column]} twice, one of {len(np.unique(twice[:, 0]))} such factors: "
            "the spins of a factor must be distinct"
        )


def _check_degrees(spins: Index, size: int, degree: int) -> None:
    found = np.bincount(spins.ravel(), minlength=size)
    wrong = np.flatnonzero(found != degree)
    if len(wrong):
        raise InputError(
            f"spin {wrong[0]} is in {found[wrong[0]]} factors, on a regular graph all are in {degree}: for any "
            "graph give a model with degrees='poisson'"
        )


def _signs(model: SparseModel, data: dict[str, Any], factors: int) -> Array:
    """Return the signs of all literals: those given, or of parities the right sides', or +1."""
    k = model.factor.k
    if "signs" not in data and "right_sides" not in data:
        return np.ones((factors, k))
    if "signs" in data and "right_sides" in data:
        raise InputError("signs and right_sides say the same: give one of them")
    if "signs" in data:
        signs = as_numbers("signs", data["signs"], 2, f"(factors, k) = ({factors}, {k})")
        _check("signs", signs, (factors, k), (-1, 1))
        return signs
    weights = np.array(model.factor.weights)
    if np.any(weights[2:] != weights[:-2]):
        raise InputError(f"right_sides are for parity checks, {model!r} has others: give signs of shape (factors, k)")
    right = as_numbers("right_sides", _bits(data["right_sides"]), 1, f"(factors,) = ({factors},)")
    _check("right_sides", right, (factors,), (0, 1))
    signs = np.ones((factors, k))
    signs[:, 0] = 1 - 2 * right
    return signs


def _bits(value: Any) -> Any:
    """Return truth values, which parities may be, as numbers; anything else as it is."""
    truths = isinstance(value, list | tuple) and value and all(isinstance(x, bool) for x in value)
    return np.asarray(value, dtype=float) if truths or getattr(value, "dtype", None) == np.bool_ else value


def _check(name: str, values: Array, shape: tuple[int, ...], allowed: tuple[int, int]) -> None:
    if values.shape != shape:
        raise InputError(f"{name} must have shape {shape}, got {values.shape}")
    bad = values[~np.isin(values, allowed)]
    if len(bad):
        raise InputError(f"{name} must be {allowed[0]} or {allowed[1]}, got {bad[0]:g}")
