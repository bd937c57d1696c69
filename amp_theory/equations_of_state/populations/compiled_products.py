"""The products over neighbours as a plain loop, which numba compiles; numbers are those of `fresh_nodes` to the bit."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.compiled import compiled

Unsigned = npt.NDArray[np.uint32]


@compiled
def products(
    weight: Array, factor: Array, member: Unsigned, order: Unsigned, table: Unsigned, degree: Index, first: Index,
    often: int,
) -> tuple[Array, Array, Index]:  # fmt: skip
    """Return the beliefs of nodes with one neighbour less, with all and with one more; normalisations, powers of two.

    Parameters
    ----------
    weight
        The weights of nodes without neighbours, shape (nodes, q).
    factor
        The factors of single neighbours, shape (population, q).
    member, order
        Which neighbour in which order of colours: its k-th one of every node that has as many as k, for k = 0, 1, ...
    table
        Orders of colours, shape (orders, q).
    degree
        Of the nodes, ascending, shape (nodes,).
    first
        The first node of at least k neighbours, for k = 0, 1, ...
    often
        After so many factors powers of two are taken out.
    """
    n, q = weight.shape
    eta, total, power = np.empty((3, n, q)), np.empty((3, n)), np.zeros((3, n), dtype=np.intp)
    begin = np.zeros(len(first) + 1, dtype=np.intp)
    for k in range(len(first)):
        begin[k + 1] = begin[k] + n - first[k]
    now = np.empty(q)
    for i in range(n):
        now[:] = weight[i]
        out = 0
        for k in range(degree[i] + 1):
            behind = degree[i] - k
            if behind < 2:
                _keep(now, out, 1 - behind, i, eta, total, power)
            at = begin[k] + i - first[k]
            j, row = member[at], order[at]
            for s in range(q):
                now[s] *= factor[j, table[row, s]]
            if (k + 1) % often == 0:
                top = math.frexp(now.max())[1]
                for s in range(q):
                    now[s] = math.ldexp(now[s], -top)
                out += top
        _keep(now, out, 2, i, eta, total, power)
        if degree[i] == 0:
            eta[0, i], total[0, i] = eta[1, i], total[1, i]
    return eta, total, power


@compiled
def _keep(now: Array, out: int, which: int, node: int, eta: Array, total: Array, power: Index) -> None:
    """Normalise the weights of a node."""
    z = 0.0
    for s in range(len(now)):
        z += now[s]
    for s in range(len(now)):
        eta[which, node, s] = now[s] / z
    total[which, node], power[which, node] = z, out
