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
import numpy.typing as npt

from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.compiled import compiled

#: indices without a sign
Unsigned = npt.NDArray[np.uint32]
#: cells of the table of Gumbel noise, which then stays in the cache of the processor next to the fields
CELLS = 1024
#: largest number below one
BELOW_ONE = 1 - 2.0**-53
#: how far the table stands off, since logarithms are rounded
MARGIN = 1e-12
#: a number without a sign, next to which others stay without
ONE = np.uint32(1)


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
        begin = variable * length
        if length == size:
            _add(field, step, tensor[begin : begin + size], 1.0)
            continue
        # the slab of the variable is contracted with all but one of the others
        length //= size
        _contract(tensor, begin, s, x.scratch[0, :length])
        divisor = 1.0
        for n in range(1, x.bodies[term] - 2):
            length //= size
            divisor *= n + 1
            _contract(x.scratch[1 - n % 2], 0, s, x.scratch[n % 2, :length])
        _add(field, step, x.scratch[(x.bodies[term] - 3) % 2, :size], divisor)
    s[variable] = x.atoms[new]
    x.labels[row, variable] = new


@compiled
def _add(field: Array, step: float, part: Array, divisor: float) -> None:
    """Add step times part over divisor to a field."""
    if divisor == 1.0:
        for j in range(len(field)):
            field[j] += step * part[j]
    else:
        for j in range(len(field)):
            field[j] += step * (part[j] / divisor)


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
    """Rows of configurations of an instance on a graph, as in `GraphSweeper`, all arrays contiguous.

    Indices are unsigned: of those with a sign every access asks first whether it counts from the end.
    """

    labels: Index
    up: Index  # in as few bytes as hold it, since the factors are visited at random
    tilt: Array  # (1 or rows, 1 or size, values)
    factor: Array
    gain: Array  # of a literal by the variable's value, whether it is negated, and how many literals are up
    plus: int
    order: Index  # the variables, colour by colour
    begin: Index  # where the literals of each variable in this order begin, and where the last ones end
    literals: Index  # twice the factor, and 1 where the variable is not negated


@compiled
def _graph_field(gain: Array, up: Index, literals: Index, first: int, last: int) -> float:
    """Return the log weight of +1 relative to -1, of a variable whose literals these are."""
    field = 0.0
    for edge in range(first, last):
        literal = literals[edge]
        field += gain[literal & ONE, up[literal >> ONE]]
    return field


@compiled
def _set_up(up: Index, literals: Index, first: int, last: int, plus: np.uint32) -> None:
    """Count the literals of a variable that became +1, `plus` being one, or -1."""
    for edge in range(first, last):
        literal = literals[edge]
        if literal & ONE == plus:
            up[literal >> ONE] += ONE
        else:
            up[literal >> ONE] -= ONE


@compiled
def graph_heat_bath(x: GraphRows, uniform: Array, edges: Array) -> Index:
    """Update every variable once by heat bath and return how many changed, shape (rows,); see `dense_heat_bath`."""
    changes = np.zeros(len(x.labels), dtype=np.intp)
    above, below = x.plus, 1 - x.plus
    order, begin, literals, alike = x.order, x.begin, x.literals, x.tilt.shape[1] == 1
    for row in range(len(x.labels)):
        tilt, labels, up, noise = x.tilt[row if len(x.tilt) > 1 else 0], x.labels[row], x.up[row], uniform[row]
        factor, first = x.factor[row], begin[0]
        for n in range(len(order)):
            i, last = order[n], begin[n + 1]
            before = labels[i] == above
            field = factor * _graph_field(x.gain[np.uint32(before)], up, literals, first, last)
            own = np.uint32(0) if alike else i
            u, v, a, b = noise[i, above], noise[i, below], tilt[own, above], tilt[own, below]
            j, k = np.uint32(u * CELLS), np.uint32(v * CELLS)
            plus = field + ((a + (edges[j + ONE] - MARGIN)) - (b + (edges[k] + MARGIN))) > 0
            perhaps = field + ((a + (edges[j] + MARGIN)) - (b + (edges[k + ONE] - MARGIN))) > 0
            if plus != perhaps:
                plus = field + ((a + _gumbel(u)) - (b + _gumbel(v))) > 0
            if plus != before:
                _set_up(up, literals, first, last, np.uint32(plus))
                labels[i] = above if plus else below
                changes[row] += 1
            first = last
    return changes


@compiled
def graph_metropolis(x: GraphRows, proposed: Index, excess: Array) -> Index:
    """Update every variable once by the Metropolis rule, as `graph_heat_bath`; see `dense_metropolis`."""
    changes = np.zeros(len(x.labels), dtype=np.intp)
    above, below = x.plus, 1 - x.plus
    order, begin, literals, alike = x.order, x.begin, x.literals, x.tilt.shape[1] == 1
    for row in range(len(x.labels)):
        tilt, labels, up = x.tilt[row if len(x.tilt) > 1 else 0], x.labels[row], x.up[row]
        factor = x.factor[row]
        for n in range(len(order)):
            i, first, last = order[n], begin[n], begin[n + 1]
            if proposed[row, i] == labels[i]:
                continue
            before = labels[i] == above
            field = factor * _graph_field(x.gain[np.uint32(before)], up, literals, first, last)
            own = np.uint32(0) if alike else i
            a, b = tilt[own, above], tilt[own, below]
            difference = a - (b + excess[row, i]) if before else (a + excess[row, i]) - b
            plus = field + difference > 0
            if plus != before:
                _set_up(up, literals, first, last, np.uint32(plus))
                labels[i] = above if plus else below
                changes[row] += 1
    return changes


@compiled
def literals_of(spins: Index, signs: Array, begin: Index) -> Unsigned:
    """Return the literals of all variables, those of one together, in the order of the factors.

    Parameters
    ----------
    spins, signs
        The variables of every factor and the signs of their literals, shape (factors, k).
    begin
        Where the literals of each variable begin, shape (size,).
    """
    free = begin.copy()
    literals = np.empty(spins.size, dtype=np.uint32)
    for factor in range(len(spins)):
        for n in range(spins.shape[1]):
            i = spins[factor, n]
            literals[free[i]] = 2 * factor + (signs[factor, n] > 0)
            free[i] += 1
    return literals


@compiled
def first_colours(order: Index, begin: Index, literals: Unsigned, factors: int) -> Index:
    """Give every variable in turn the first colour that none has in a factor with it, shape (size,).

    The first element is -1 if more than 63 colours are needed.

    Parameters
    ----------
    order
        The variables in the order in which they are coloured, shape (size,).
    begin, literals
        The literals of variable i are literals[begin[i]:begin[i + 1]], see `literals_of`.
    factors
        The number of factors.
    """
    colour = np.zeros(len(order), dtype=np.intp)
    taken = np.zeros(factors, dtype=np.int64)  # the colours in every factor as bits
    for i in order:
        used, free = np.int64(0), 0
        for at in range(begin[i], begin[i + 1]):
            used |= taken[literals[at] >> ONE]
        while used >> free & 1:
            free += 1
        if free > 62:
            colour[0] = -1
            break
        for at in range(begin[i], begin[i + 1]):
            taken[literals[at] >> ONE] |= np.int64(1) << free
        colour[i] = free
    return colour


@compiled
def exchange_replicas(rows: Index, first: int, factors: Array, interaction: Array, excess: Array) -> Array:
    """Exchange neighbours of a ladder and return the sums of their acceptance probabilities over chains, (pairs,).

    Parameters
    ----------
    rows
        The row at every factor, shape (chains, replicas), which is changed.
    first
        The lower replica of the first pair; those of the others follow at every second replica.
    factors, interaction
        The factors of the replicas, and the interactions of the rows.
    excess
        Exponential random numbers, by which a log weight may fall, shape (chains, pairs).
    """
    total = np.zeros(excess.shape[1])
    for chain in range(len(rows)):
        for pair in range(len(total)):
            lower = first + 2 * pair
            here, there = rows[chain, lower], rows[chain, lower + 1]
            gain = (factors[lower] - factors[lower + 1]) * (interaction[there] - interaction[here])
            total[pair] += math.exp(min(gain, 0.0))
            if gain + excess[chain, pair] > 0:
                rows[chain, lower], rows[chain, lower + 1] = there, here
    return total
