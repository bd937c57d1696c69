"""Messages of belief propagation as plain loops, which numba compiles: those of one row of side information.

A message u is kept as the ratio w = exp(2u) by which it favours its literal, and what a spin knows as the ratio W, a
product over its messages.  Without the message of the same edge that is W/w, and an answer N_+/N_-, so that neither
exponentials nor logarithms are needed.  Where a product could overflow or lose digits on its way, it is made from
logarithms instead.  Certain messages, w = 0 or infinite, cannot be divided out and are counted.

Literals of a spin i are numbered 2i, the spin itself, and 2i + 1, its negation.  All arrays of edges have shape
(k, factors).  Factors are worked on in blocks that stay in the processor's cache, by loops that it does in steps of
four.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from amp_theory.finite.inference.graph_messages import LARGEST_FIELD
from amp_theory.tools.arrays import Array, Bools
from amp_theory.tools.compiled import compiled

Counts = npt.NDArray[np.int32]
#: factors in a block
BLOCK = 128
#: the ratio of the largest finite message, and probabilities and means at it
HIGHEST = math.exp(2 * LARGEST_FIELD)
LOWEST = 1 / HIGHEST
LEAST, MOST, TOP = 1 / (1 + HIGHEST), 1 / (1 + LOWEST), math.tanh(LARGEST_FIELD)
#: products within this and its inverse have all their digits
SAFE = 1e290
#: the logarithm of W is limited to this, far beyond what one message can take from it
FAR = 300.0
#: the kinds of factors: products of all literals, of +1 or -1, and anything else
PARITY, ALL_EQUAL, TABLE = 0, 1, 2


class Row(NamedTuple):
    """What a row of side information knows, and its messages; of several rows, the same with one axis more in front."""

    w: Array  # ratios by which messages favour their literals, (k, factors)
    said: Array  # the hyperbolic tangents of the messages, (k, factors)
    base: Array  # what is told from outside, infinite where it is certain, (size,)
    begin: Array  # the same as a ratio, without what is certain, 0 or infinite where it is too large
    own: Counts  # 1 at the literals that are known to be true, (2 size,)
    ratio: Array  # W of all literals without what is certain, (2 size,)
    told: Counts  # how many messages, or known values, make a literal certain, (2 size,)


class Scratch(NamedTuple):
    """Memory for a block of factors, and for what spins are told while factors answer."""

    up: Array  # probabilities of literals being true, (k, BLOCK)
    down: Array
    plus: Array  # N_+ and N_-
    minus: Array
    run: Array  # (k + 1, BLOCK)
    product: Array  # (2 size,)
    told: Counts  # (2 size,)
    before: Array  # messages before an exchange, (k, factors), where some may be certain


# loops: that an assignment of arrays fits takes seconds to compile
@compiled
def _copy(given: Array | Counts, to: Array | Counts) -> None:
    for i in range(len(to)):
        to[i] = given[i]


@compiled
def _copy_all(given: Array, to: Array) -> None:
    for j in range(len(to)):
        _copy(given[j], to[j])


@compiled
def _limited(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


@compiled
def _read(x: Row, y: Scratch, literals: Counts, first: int, number: int) -> None:
    """Set the probabilities of literals from all messages but the factor's own."""
    for j in range(len(literals)):
        up, down = y.up[j], y.down[j]
        literal, w = literals[j, first : first + number], x.w[j, first : first + number]
        for a in range(number):
            up[a] = x.ratio[literal[a]]
        for a in range(number):
            part = 1.0 / (up[a] + w[a])
            up[a] = _limited(up[a] * part, LEAST, MOST)
            down[a] = _limited(w[a] * part, LEAST, MOST)


@compiled
def _read_certain(x: Row, y: Scratch, literals: Counts, first: int, number: int) -> None:
    """Set the probabilities of literals of which something is certain."""
    for j in range(len(literals)):
        for a in range(number):
            literal, w = literals[j, first + a], x.w[j, first + a]
            yes, no = x.told[literal], x.told[literal ^ 1]
            if yes == 0 and no == 0:
                continue
            if w == np.inf:
                yes, w = yes - 1, 1.0
            elif w == 0.0:
                no, w = no - 1, 1.0
            if yes > 0:
                y.up[j, a], y.down[j, a] = 1.0, 0.0
                continue
            if no > 0:
                y.up[j, a], y.down[j, a] = 0.0, 1.0
                continue
            ratio = x.ratio[literal]
            y.up[j, a], y.down[j, a] = (
                _limited(ratio / (ratio + w), LEAST, MOST),
                _limited(w / (ratio + w), LEAST, MOST),
            )


@compiled
def _answer_parity(y: Scratch, even: float, odd: float, number: int) -> None:
    """Set N_+ and N_-, the mean weights of either parity, from those of the literals before and after the root."""
    y.plus[0, :number] = even
    y.minus[0, :number] = odd
    for j in range(1, len(y.up)):
        up, down, p, q, plus, minus = y.up[j - 1], y.down[j - 1], y.plus[j - 1], y.minus[j - 1], y.plus[j], y.minus[j]
        for a in range(number):
            plus[a] = p[a] * up[a] + q[a] * down[a]
            minus[a] = p[a] * down[a] + q[a] * up[a]
    one, other = y.run[0], y.run[1]
    one[:number] = 1.0
    other[:number] = 0.0
    for j in range(len(y.up) - 1, -1, -1):
        up, down, plus, minus = y.up[j], y.down[j], y.plus[j], y.minus[j]
        for a in range(number):
            p, q, before, against = one[a], other[a], plus[a], minus[a]
            plus[a] = before * p + against * q
            minus[a] = before * q + against * p
            one[a] = p * up[a] + q * down[a]
            other[a] = p * down[a] + q * up[a]


@compiled
def _answer_all_equal(y: Scratch, violated: float, number: int) -> None:
    """Set N_+ = 1 - penalty P and N_- = 1 - penalty Q, by 1 - x y = (1 - x) + x (1 - y)."""
    y.plus[0, :number] = violated
    y.minus[0, :number] = violated
    for j in range(1, len(y.up)):
        up, down, p, q, plus, minus = y.up[j - 1], y.down[j - 1], y.plus[j - 1], y.minus[j - 1], y.plus[j], y.minus[j]
        for a in range(number):
            plus[a] = p[a] + (1.0 - p[a]) * down[a]
            minus[a] = q[a] + (1.0 - q[a]) * up[a]
    one, other = y.run[0], y.run[1]
    one[:number] = 0.0
    other[:number] = 0.0
    for j in range(len(y.up) - 1, -1, -1):
        up, down, plus, minus = y.up[j], y.down[j], y.plus[j], y.minus[j]
        for a in range(number):
            p, q, before, against = one[a], other[a], plus[a], minus[a]
            plus[a] = before + (1.0 - before) * p
            minus[a] = against + (1.0 - against) * q
            one[a] = p + (1.0 - p) * down[a]
            other[a] = q + (1.0 - q) * up[a]


@compiled
def _answer_table(y: Scratch, weights: Array, number: int) -> None:
    """Set N_+ and N_- from the probabilities of how many of the other literals are true."""
    for root in range(len(y.up)):
        y.run[0, :number] = 1.0
        others = 0
        for j in range(len(y.up)):
            if j == root:
                continue
            others += 1
            up, down = y.up[j], y.down[j]
            here, below = y.run[others], y.run[others - 1]
            for a in range(number):
                here[a] = below[a] * up[a]
            for m in range(others - 1, 0, -1):
                here, below = y.run[m], y.run[m - 1]
                for a in range(number):
                    here[a] = here[a] * down[a] + below[a] * up[a]
            here = y.run[0]
            for a in range(number):
                here[a] *= down[a]
        plus, minus = y.plus[root], y.minus[root]
        plus[:number] = 0.0
        minus[:number] = 0.0
        for m in range(others + 1):
            here, above, below_it = y.run[m], weights[m + 1], weights[m]
            for a in range(number):
                plus[a] += above * here[a]
                minus[a] += below_it * here[a]


@compiled
def _send(x: Row, y: Scratch, sums: Array, first: int, number: int) -> None:
    """Turn answers into messages, and add up the squares of their changes and sizes."""
    changed, known = sums[0], sums[1]
    for j in range(len(y.plus)):
        plus, minus = y.plus[j], y.minus[j]
        w, said = x.w[j, first : first + number], x.said[j, first : first + number]
        for a in range(number):
            both = plus[a] + minus[a]
            part = 1.0 / (minus[a] * both)
            says = _limited((plus[a] - minus[a]) * minus[a] * part, -TOP, TOP)
            # what says nothing says exactly nothing
            ratio = plus[a] * both * part if plus[a] != minus[a] else 1.0
            w[a] = _limited(ratio, LOWEST, HIGHEST)
            change = says - said[a]
            said[a] = says
            changed[a] += change * change
            known[a] += says * says


@compiled
def _send_certain(x: Row, y: Scratch, sums: Array, keep: float, first: int, number: int) -> bool:
    """Do the same where messages may be certain or damped, and return whether all answers are possible."""
    for j in range(len(y.plus)):
        for a in range(number):
            plus, minus = y.plus[j, a], y.minus[j, a]
            if plus == 0.0 and minus == 0.0:
                return False
            w, says = 0.0, -1.0
            if minus == 0.0:
                w, says = np.inf, 1.0
            elif plus > 0.0:
                w = _limited(plus / minus, LOWEST, HIGHEST)
                says = _limited((plus - minus) / (plus + minus), -TOP, TOP)
                sums[1, a] += says * says
            change = says - x.said[j, first + a]
            sums[0, a] += change * change
            if keep > 0.0 and 0.0 < w < np.inf:
                # an old message that was certain stays so
                w = math.exp((1 - keep) * math.log(w) + keep * math.log(x.w[j, first + a]))
                says = (w - 1) / (w + 1) if w < np.inf else 1.0
            x.w[j, first + a], x.said[j, first + a] = w, says
    return True


@compiled
def _tell(x: Row, y: Scratch, literals: Counts, first: int, number: int) -> tuple[float, float]:
    """Multiply up what spins are told, and return the smallest and largest product on the way."""
    low, high = 1.0, 1.0
    for j in range(len(literals)):
        literal, w = literals[j, first : first + number], x.w[j, first : first + number]
        for a in range(number):
            product = y.product[literal[a]] * w[a]
            y.product[literal[a]] = product
            low = min(low, product)
            high = max(high, product)
    return low, high


@compiled
def _tell_certain(x: Row, y: Scratch, literals: Counts, first: int, number: int) -> tuple[float, float]:
    """Do the same, and count messages that are certain."""
    low, high = 1.0, 1.0
    for j in range(len(literals)):
        for a in range(number):
            literal, w = literals[j, first + a], x.w[j, first + a]
            if w == np.inf:
                y.told[literal] += 1
            elif w == 0.0:
                y.told[literal ^ 1] += 1
            else:
                product = y.product[literal] * w
                y.product[literal] = product
                low = min(low, product)
                high = max(high, product)
    return low, high


@compiled
def twice_fields(x: Row, literals: Counts, out: Array, sums: Array) -> None:
    """Set twice the fields of all spins, without what is certain, by logarithms of the messages.

    Parameters
    ----------
    x, literals
        The row, and the literals of all edges.
    out
        Shape (size,).
    sums
        Memory of shape (2 size,).
    """
    sums[:] = 0.0
    for j in range(len(literals)):
        for a in range(literals.shape[1]):
            w = x.w[j, a]
            if 0.0 < w < np.inf:
                sums[literals[j, a]] += math.log(w)
    for i in range(len(out)):
        told = 2 * x.base[i] if math.isfinite(x.base[i]) else 0.0
        out[i] = told + (sums[2 * i] - sums[2 * i + 1])


@compiled
def _conclude(x: Row, y: Scratch, literals: Counts, clear: bool) -> None:
    """Set what the spins know from what they were told, by logarithms unless no product lost digits."""
    size = len(x.base)
    low, high = 1.0, 1.0
    for i in range(size):
        yes, no = x.begin[i] * y.product[2 * i], y.product[2 * i + 1]
        ratio = yes / no
        x.ratio[2 * i], x.ratio[2 * i + 1] = ratio, no / yes
        low = min(low, ratio)
        high = max(high, ratio)
    if clear and low > 1 / SAFE and high < SAFE:
        return
    twice = np.empty(size)
    twice_fields(x, literals, twice, y.product)
    for i in range(size):
        ratio = math.exp(_limited(twice[i], -FAR, FAR))
        x.ratio[2 * i], x.ratio[2 * i + 1] = ratio, 1 / ratio


@compiled
def _exchange_row(
    x: Row, y: Scratch, literals: Counts, kind: int, weights: Array, keep: float, known: bool, hard: bool
) -> tuple[bool, float, float, bool]:
    """Let every factor of a row answer once; see `exchange`."""
    factors = literals.shape[1]
    sums = np.zeros((2, BLOCK))
    y.product[:] = 1.0
    if hard:
        _copy(x.own, y.told)
        _copy_all(x.w, y.before)
    low, high = 1.0, 1.0
    for first in range(0, factors, BLOCK):
        number = min(BLOCK, factors - first)
        _read(x, y, literals, first, number)
        if known or hard:
            _read_certain(x, y, literals, first, number)
        if kind == PARITY:
            _answer_parity(y, weights[0], weights[1], number)
        elif kind == ALL_EQUAL:
            _answer_all_equal(y, weights[0], number)
        else:
            _answer_table(y, weights, number)
        if hard or keep > 0.0:
            if not _send_certain(x, y, sums, keep, first, number):
                _copy_all(y.before, x.w)
                return False, 0.0, 0.0, True
        else:
            _send(x, y, sums, first, number)
        if hard:
            least, most = _tell_certain(x, y, literals, first, number)
        else:
            least, most = _tell(x, y, literals, first, number)
        low, high = min(low, least), max(high, most)
    change, scale = sums[0].sum(), sums[1].sum()
    if hard:
        for i in range(len(x.base)):
            if y.told[2 * i] > 0 and y.told[2 * i + 1] > 0:
                return True, change, scale, False
        _copy(y.told, x.told)
    _conclude(x, y, literals, low > 1 / SAFE and high < SAFE)
    return True, change, scale, True


@compiled
def exchange(
    x: Row, y: Scratch, literals: Counts, kind: int, weights: Array, keep: float, known: Bools, hard: Bools,
    stopped: Bools, squares: Array,
) -> Bools:  # fmt: skip
    """Let every factor answer once, in all rows that have not stopped.

    Parameters
    ----------
    x, y
        The rows, arrays with one axis more in front, which are changed, and memory.
    literals
        The literals of all edges, shape (k, factors).
    kind, weights
        PARITY with the weights of even and odd numbers of false literals, ALL_EQUAL with the weight of a violated
        factor, the others being at most one; or TABLE with all weights.
    keep
        Part of the old messages that is kept.
    known, hard
        Whether spins can be certain, and whether messages can, shape (batch,).
    stopped
        The rows that have stopped, shape (batch,).
    squares
        Where sums of squares go of the changes of tanh u, and of tanh u where it is not certain, shape (2, batch).

    Returns
    -------
    contradicted
        Where a factor allows nothing, or certain messages disagree, shape (batch,): what spins know then is as before.
    """
    contradicted = np.zeros(len(stopped), dtype=np.bool_)
    for b in range(len(stopped)):
        if not stopped[b]:
            row = Row(x.w[b], x.said[b], x.base[b], x.begin[b], x.own[b], x.ratio[b], x.told[b])
            possible, squares[0, b], squares[1, b], consistent = _exchange_row(
                row, y, literals, kind, weights, keep, known=known[b], hard=hard[b]
            )
            contradicted[b] = not (possible and consistent)
    return contradicted
