"""Sweeps as plain loops, which numba compiles: the decisions of `sweeps`, one variable after the other.

Heat bath takes the largest of score + G over the values, G = -log(-log(1 - u)) with u uniform in [0, 1).  Logarithms
cost more than all the rest, and are seldom needed: G falls with u, so that a table of its values at multiples of
1/CELLS brackets it, and rounded sums keep the order.  Only where brackets overlap is G computed, as numpy does.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.compiled import compiled

#: cells of the table of Gumbel noise, which then stays in the cache of the processor next to the fields
CELLS = 1024
#: largest number below one
BELOW_ONE = 1 - 2.0**-53
#: how far the table stands off, since logarithms are rounded
MARGIN = 1e-12


@lru_cache(maxsize=1)
def gumbel_edges() -> Array:
    """Return G at the multiples of 1/CELLS, shape (CELLS + 1,), descending."""
    survival = np.clip(1 - np.arange(CELLS + 1) / CELLS, 1 - BELOW_ONE, BELOW_ONE)
    return np.asarray(-np.log(-np.log(survival)))


class DenseRows(NamedTuple):
    """Rows of configurations of a dense instance with their fields, as in `DenseSweeper`, all arrays contiguous."""

    labels: Index
    configurations: Array
    field: Array
    linear: Array
    sums: Array
    tilt: Array
    factor: Array
    atoms: Array
    half_squares: Array
    powers: Array  # of the squares of the values, (values, orders)
    moments: Array  # the same as `sums` adds them up
    bodies: Index
    weights: Array
    tensors: tuple[Array, ...]  # flat
    scratch: Array
    elementary: Array
    quadratic: bool


@compiled
def _gumbel(u: float) -> float:
    """Return what numpy's generator makes of a uniform number, but for u = 0, which it draws again."""
    return -math.log(-math.log(min(1.0 - u, BELOW_ONE)))


@compiled
def _precision(sums: Array, others: Array, bodies: Index, weights: Array, e: Array) -> float:
    """Return A_i from power sums of all variables and those to leave out, by Newton's identities."""
    total = 0.0
    for term in range(len(bodies)):
        for n in range(1, bodies[term]):
            value, sign = 0.0, 1.0
            for k in range(1, n + 1):
                value += sign * e[n - k] * (sums[k - 1] - others[k - 1])
                sign = -sign
            e[n] = value / n
        total += weights[term] * e[bodies[term] - 1]
    return total


@compiled
def _bath_value(
    tilt: Array, uniform: Array, slope: float, curve: float, atoms: Array, half: Array, edges: Array
) -> int:
    """Return the value that heat bath gives a variable whose scores are tilt + noise + slope atoms - curve half."""
    best, least = 0, -np.inf
    for k in range(len(atoms)):
        noise = edges[int(uniform[k] * CELLS) + 1] - MARGIN
        low = ((tilt[k] + noise) + slope * atoms[k]) - curve * half[k]
        if low > least:
            best, least = k, low
    clear = least > -np.inf
    for k in range(len(atoms)):
        noise = edges[int(uniform[k] * CELLS)] + MARGIN
        high = ((tilt[k] + noise) + slope * atoms[k]) - curve * half[k]
        clear = clear and (k == best or high < least)
    if clear:
        return best
    best, most = 0, -np.inf
    for k in range(len(atoms)):
        score = ((tilt[k] + _gumbel(uniform[k])) + slope * atoms[k]) - curve * half[k]
        if score > most:
            best, most = k, score
    return best


@compiled
def _change(x: DenseRows, row: int, variable: int, new: int) -> None:
    """Give a variable of a row a new value."""
    s, field = x.configurations[row], x.field[row]
    size, old = len(s), x.labels[row, variable]
    step = x.atoms[new] - s[variable]
    x.linear[row] += step * field[variable]
    if x.quadratic:
        for k in range(x.sums.shape[1]):
            x.sums[row, k] += x.moments[k, new] - x.moments[k, old]
    for term in range(len(x.bodies)):
        length, tensor = size ** (x.bodies[term] - 1), x.tensors[term]
        if length == 1:
            continue
        begin, slab = variable * length, tensor
        divisor = 1.0
        # the slab of the variable is contracted with all but one of the others
        for n in range(x.bodies[term] - 2):
            length //= size
            divisor *= n + 1
            _contract(slab, begin, s, x.scratch[n % 2, :length])
            begin, slab = 0, x.scratch[n % 2]
        part = slab[begin : begin + size]
        if divisor == 1.0:
            for j in range(size):
                field[j] += step * part[j]
        else:
            for j in range(size):
                field[j] += step * (part[j] / divisor)
    s[variable] = x.atoms[new]
    x.labels[row, variable] = new


@compiled
def _contract(tensor: Array, begin: int, s: Array, out: Array) -> None:
    """Set `out` to sum_k s_k times the k-th part of a tensor that begins somewhere."""
    length = len(out)
    out[:] = 0.0
    for k in range(len(s)):
        value, part = s[k], tensor[begin + k * length : begin + (k + 1) * length]
        for j in range(length):
            out[j] += value * part[j]


@compiled
def dense_heat_bath(x: DenseRows, uniform: Array, edges: Array) -> Index:
    """Update every variable once by heat bath and return how many changed, shape (rows,).

    Parameters
    ----------
    x
        The rows.
    uniform
        Uniform random numbers, shape (rows, size, values).
    edges
        See `gumbel_edges`.
    """
    rows, size = x.labels.shape
    changes = np.zeros(rows, dtype=np.intp)
    for row in range(rows):
        tilt, labels, field, sums = x.tilt[row if len(x.tilt) > 1 else 0], x.labels[row], x.field[row], x.sums[row]
        factor, curve = x.factor[row], 0.0
        for i in range(size):
            if x.quadratic:
                curve = factor * _precision(sums, x.powers[labels[i]], x.bodies, x.weights, x.elementary)
            new = _bath_value(tilt[i], uniform[row, i], factor * field[i], curve, x.atoms, x.half_squares, edges)
            if new != labels[i]:
                _change(x, row, i, new)
                changes[row] += 1
    return changes


@compiled
def dense_metropolis(x: DenseRows, proposed: Index, excess: Array) -> Index:
    """Update every variable once by the Metropolis rule and return how many changed, shape (rows,).

    Parameters
    ----------
    x
        The rows.
    proposed
        Proposed values, shape (rows, size).
    excess
        Exponential random numbers, by which a log weight may fall, shape (rows, size).
    """
    rows, size = x.labels.shape
    changes = np.zeros(rows, dtype=np.intp)
    for row in range(rows):
        tilt, labels, field, sums = x.tilt[row if len(x.tilt) > 1 else 0], x.labels[row], x.field[row], x.sums[row]
        factor, curve = x.factor[row], 0.0
        for i in range(size):
            new, old = proposed[row, i], labels[i]
            if new == old:
                continue
            slope = factor * field[i]
            if x.quadratic:
                curve = factor * _precision(sums, x.powers[old], x.bodies, x.weights, x.elementary)
            there = ((tilt[i, new] + excess[row, i]) + slope * x.atoms[new]) - curve * x.half_squares[new]
            here = (tilt[i, old] + slope * x.atoms[old]) - curve * x.half_squares[old]
            if there > here or (there == here and new < old):  # as the first of the largest does
                _change(x, row, i, new)
                changes[row] += 1
    return changes


class GraphRows(NamedTuple):
    """Rows of configurations of an instance on a graph, as in `GraphSweeper`, all arrays contiguous."""

    labels: Index
    up: Index
    tilt: Array
    factor: Array
    gain: Array  # of a literal by the variable's value, whether it is negated, and how many literals are up
    plus: int
    order: Index  # the variables, colour by colour
    begin: Index  # where the literals of each variable in this order begin, and where the last ones end
    literals: Index  # twice the factor, and 1 where the variable is not negated


@compiled
def _set_up(up: Index, literals: Index, plus: bool) -> None:
    """Count the literals of a variable that became +1 or -1."""
    for literal in literals:
        up[literal >> 1] += 1 if plus == (literal & 1) else -1


@compiled
def graph_heat_bath(x: GraphRows, uniform: Array, edges: Array) -> Index:
    """Update every variable once by heat bath and return how many changed, shape (rows,); see `dense_heat_bath`."""
    changes = np.zeros(len(x.labels), dtype=np.intp)
    above, below = x.plus, 1 - x.plus
    gain, order, begin, literals = x.gain, x.order, x.begin, x.literals
    for row in range(len(x.labels)):
        tilt, labels, up, noise = x.tilt[row if len(x.tilt) > 1 else 0], x.labels[row], x.up[row], uniform[row]
        factor = x.factor[row]
        for n in range(len(order)):
            i = order[n]
            before = labels[i] == above
            field = 0.0
            for edge in range(begin[n], begin[n + 1]):
                field += gain[int(before), literals[edge] & 1, up[literals[edge] >> 1]]
            field *= factor
            u, v, a, b = noise[i, above], noise[i, below], tilt[i, above], tilt[i, below]
            j, k = int(u * CELLS), int(v * CELLS)
            plus = field + ((a + (edges[j + 1] - MARGIN)) - (b + (edges[k] + MARGIN))) > 0
            perhaps = field + ((a + (edges[j] + MARGIN)) - (b + (edges[k + 1] - MARGIN))) > 0
            if plus != perhaps:
                plus = field + ((a + _gumbel(u)) - (b + _gumbel(v))) > 0
            if plus != before:
                _set_up(up, literals[begin[n] : begin[n + 1]], plus)
                labels[i] = above if plus else below
                changes[row] += 1
    return changes


@compiled
def graph_metropolis(x: GraphRows, proposed: Index, excess: Array) -> Index:
    """Update every variable once by the Metropolis rule, as `graph_heat_bath`; see `dense_metropolis`."""
    changes = np.zeros(len(x.labels), dtype=np.intp)
    above, below = x.plus, 1 - x.plus
    gain, order, begin, literals = x.gain, x.order, x.begin, x.literals
    for row in range(len(x.labels)):
        tilt, labels, up = x.tilt[row if len(x.tilt) > 1 else 0], x.labels[row], x.up[row]
        factor = x.factor[row]
        for n in range(len(order)):
            i = order[n]
            if proposed[row, i] == labels[i]:
                continue
            before = labels[i] == above
            field = 0.0
            for edge in range(begin[n], begin[n + 1]):
                field += gain[int(before), literals[edge] & 1, up[literals[edge] >> 1]]
            a, b = tilt[i, above], tilt[i, below]
            difference = a - (b + excess[row, i]) if before else (a + excess[row, i]) - b
            plus = factor * field + difference > 0
            if plus != before:
                _set_up(up, literals[begin[n] : begin[n + 1]], plus)
                labels[i] = above if plus else below
                changes[row] += 1
    return changes


@compiled
def first_colours(order: Index, begin: Index, factors: Index, spins: Index) -> Index:
    """Give every variable in turn the first colour that none has in a factor with it, shape (size,).

    Parameters
    ----------
    order
        The variables in the order in which they are coloured, shape (size,).
    begin, factors
        The factors of variable i are factors[begin[i]:begin[i + 1]].
    spins
        The variables of every factor, shape (factors, k).
    """
    colour = np.full(len(order), -1)
    met = np.full(len(order), -1)  # the last variable that has met a colour
    for i in order:
        for at in range(begin[i], begin[i + 1]):
            for n in range(spins.shape[1]):
                other = colour[spins[factors[at], n]]
                if other >= 0:
                    met[other] = i
        free = 0
        while met[free] == i:
            free += 1
        colour[i] = free
    return colour
