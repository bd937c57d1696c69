"""Symmetric binary factors: what a constraint among k spins does to messages and to the free entropy.

A factor gives a configuration with m spins up (in the gauge where the planted configuration is admissible)
the weight w_m.  For messages p_j = (1 + tanh h_j)/2 from the other k-1 spins let

    N_+- = sum over the other spins of w prod_j p_j(s_j), the root being +1 or -1,
    u = (1/2) log(N_+/N_-).

With planted root +1 the other spins are drawn with their weight; summed over them (Nishimori) an
expectation is one over independent h_j of the symmetrised law, reweighted by N_+/Z, Z = E_s N_+ the mean
weight.  All that is needed of a factor is then

    U(w) = E_s[N_+^{1/2 + i w/2} N_-^{1/2 - i w/2}]/Z,   the tilted transform of u, and
    R = E_s[N_+ log N_+]/Z - log Z,                      its part of the free entropy.

A new factor is a subclass of `Factor` with `weights` (solved by enumeration: k up to 4 on a coarse grid), or with a
`decomposition` into products over the messages, which costs the same at every k.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amp_theory.ingredients.factors.exponential_sums import Complexes, PowerSums, power_sums
from amp_theory.ingredients.factors.field_grid import FieldGrid
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, told

#: terms of the power series taken exactly, spacing of the fitted exponents at the finest grids
SERIES, RATIO, COARSEST_RATIO = 12, 0.08, 0.1
#: products smaller than this are left out
NEGLIGIBLE = 1e-14
#: stands for zero in logarithms
TINY = 1e-300
#: coefficients of an enumeration at most, and laws in one matrix product
MOST_COMBINATIONS, BLOCK = 2 * 10**7, 16


@dataclass(frozen=True, eq=False)
class Decomposition:
    """U(w) and R as sums over r of coefficients times products over the k-1 messages.

    U(w) - 1 = constant + sum_r (E_s f_r)^(k-1) coefficients[r], E_s f_r = at_infinity + nuhat @ rows; the last
    column of coefficients gives R.  With `erasures` messages that are either certain or absent, whose transform
    is constant, are known to stay so: U - 1 = -(mass at infinity)^(k-1).
    """

    at_infinity: Array
    rows: Array
    coefficients: Array
    constant: Array
    erasures: bool = False

    def __call__(self, transform: Array, messages: int) -> tuple[Array, Array]:
        """Return U - 1, shape (n, frequencies), and R, shape (n,), for laws nuhat, shape (n, frequencies)."""
        mean = self.at_infinity + transform @ self.rows
        product = mean.copy()
        for _ in range(messages - 1):
            product *= mean
        loss, rest = _bounded(self.constant + product @ self.coefficients)
        if self.erasures:
            known = np.flatnonzero(np.ptp(transform, axis=1) == 0)
            loss[known] = -((1 - transform[known, :1]) ** messages)
        return loss, rest


def _bounded(result: Array) -> tuple[Array, Array]:
    """Split (U - 1, R), limiting U to abs(U(w)) <= U(0), which only rounding at high frequencies exceeds."""
    loss, top = result[:, :-1], result[:, :1]
    return np.clip(loss, -2 - top, top), result[:, -1]


def _product(values: Array) -> Array:
    """Return the product over the last axis, which is short."""
    result = values[..., 0].copy()
    for j in range(1, values.shape[-1]):
        result *= values[..., j]
    return np.asarray(result)


def fit_ratio(grid: FieldGrid) -> float:
    """Return the spacing of fitted exponents that goes with a grid."""
    return RATIO if grid.spacing < 0.2 else COARSEST_RATIO


@dataclass(frozen=True)
class Factor(ABC):
    """A constraint among k exchangeable spins, the same if all of them are flipped.

    A factor of one's own is a subclass with `weights`, and the base of one's own `SparseModel`.

    Parameters
    ----------
    k
        The number of spins, at least 2.

    Examples
    --------
    >>> at_most = type("AtMostTwo", (Factor,), {"weights": property(lambda self: (0.0, 1.0, 1.0, 0.0))})(3)
    >>> at_most.check()
    >>> at_most.mean_weight, at_most.hard, round(at_most.response, 6)
    (0.75, True, -0.333333)
    >>> plus, minus = at_most.messages(np.array([0.5, 0.9]))
    >>> round(float(plus), 6), round(float(minus), 6)
    (0.55, 0.95)
    """

    k: int
    #: what messages a user sees in errors
    name: ClassVar[str] = "factor"
    #: largest finite field of the grid
    half_width: ClassVar[float] = 8.0
    #: whether U costs so much that tables must be small
    costly: ClassVar[bool] = True

    @property
    @abstractmethod
    def weights(self) -> tuple[float, ...]:
        """Weights w_0, ..., w_k of configurations with 0, ..., k spins up, w_m = w_{k-m}."""

    @property
    def gauge_free(self) -> bool:
        """Whether the symmetry w_m = w_{k-m} holds by itself (else a random sign of the factor provides it)."""
        return True

    @property
    def mean_weight(self) -> float:
        """Z = 2^{-k} sum_m binom(k, m) w_m."""
        return float(sum(math.comb(self.k, m) * w for m, w in enumerate(self.weights)) / 2**self.k)

    @property
    def weight_entropy(self) -> float:
        """E log w of a planted factor, zero if all weights are 0 or 1."""
        terms = (math.comb(self.k, m) * w * math.log(w) for m, w in enumerate(self.weights) if w > 0)
        return float(sum(terms) / 2**self.k / self.mean_weight)

    @property
    def hard(self) -> bool:
        """Whether all weights are 0 or 1."""
        return set(self.weights) <= {0.0, 1.0}

    @property
    def response(self) -> float:
        """D tanh u/d tanh h_j at h = 0: the mean of s_1 s_2 under the factor's weights."""
        k = self.k
        pair = sum(math.comb(k, m) * w * ((k - 2 * m) ** 2 - k) for m, w in enumerate(self.weights))
        return float(pair / (k * (k - 1)) / 2**k / self.mean_weight)

    @property
    def order(self) -> int:
        """The lowest power of the fields that u contains."""
        return 1 if abs(self.response) > 1e-12 else self.k - 1

    def check(self) -> None:
        """Raise an `InputError` if the weights do not have the symmetry assumed.

        Raises
        ------
        InputError
            If there are not k + 1 finite weights >= 0, if w_m and w_(k-m) differ, or if all are equal.
        """
        w = self.weights
        if len(w) != self.k + 1 or not all(math.isfinite(x) and x >= 0 for x in w):
            raise InputError(f"a factor of {self.k} spins needs {self.k + 1} weights, finite and >= 0, got {told(w)}")
        if self.gauge_free and any(abs(a - b) > 1e-15 for a, b in zip(w, w[::-1], strict=True)):
            raise InputError(
                f"the factor must be the same when all spins are flipped, w_m = w_(k-m), got the weights {w!r}"
            )
        if self.mean_weight <= 0 or max(w) == min(w):
            raise InputError(f"the factor must admit some configurations more than others, got the weights {w!r}")

    def decomposition(self, grid: FieldGrid) -> Decomposition | EnumeratedFactor:
        """Return what gives U - 1 and R on a grid; by enumeration unless overridden.

        Parameters
        ----------
        grid
            The grid of fields h and of frequencies w (`FieldGrid`).

        Returns
        -------
        Decomposition or EnumeratedFactor
            A function of the messages' law and their number.

        Raises
        ------
        InputError
            If an enumeration has too many terms: a coarser grid, or a decomposition of one's own, is needed.

        See Also
        --------
        Factor.messages : What is summed over.
        """
        return EnumeratedFactor(self, grid)

    def messages(self, up: Array, down: Array | None = None) -> tuple[Array, Array]:
        """Return N_+ and N_- for probabilities `up` of the other spins being +1, shape (..., k-1).

        Sums of positive terms only: both have all the digits that `up` and `down` have, however small they are.

        Parameters
        ----------
        up
            Probabilities in [0, 1].
        down
            Those of being -1, which have more digits than 1 - up where they are small; 1 - up by default.

        Returns
        -------
        plus, minus
            The mean weights of both values of the spin left over, shape (...).
        """
        down = 1 - up if down is None else down
        # probabilities of m of the first j spins being up
        count = np.zeros((self.k, *up.shape[:-1]))
        count[0] = 1
        for j in range(self.k - 1):
            p, q = up[..., j], down[..., j]
            count[1:] = count[1:] * q + count[:-1] * p
            count[0] *= q
        w = np.array(self.weights)
        return np.tensordot(w[1:], count, (0, 0)), np.tensordot(w[:-1], count, (0, 0))


class EnumeratedFactor:
    """U and R by enumeration of all combinations of grid fields: slow, needs nothing but the weights."""

    def __init__(self, factor: Factor, grid: FieldGrid) -> None:
        h = grid.field
        up = np.concatenate([[0.0], 1 / (1 + np.exp(-2 * np.concatenate([-h[:0:-1], h]))), [1.0]])
        number = math.comb(len(up) + factor.k - 2, factor.k - 1)
        if number * len(grid.frequency) > MOST_COMBINATIONS:
            raise InputError(
                f"spacing = {grid.spacing:g} is too fine for a factor of {factor.k} spins solved by enumeration "
                f"({number} combinations of fields): make it larger, or override `decomposition`"
            )
        # masses of +-h together, of which a node holds half, but all at h = 0
        self._masses = grid.functional(np.diag(np.cosh(h)))
        self._combinations = np.array(list(itertools.combinations_with_replacement(range(len(up)), factor.k - 1)))
        plus, minus = factor.messages(up[self._combinations])
        a = 0.5 + 0.5j * grid.frequency
        allowed = (plus > 0) & (minus > 0)
        log_plus, log_minus = (np.log(np.where(allowed, n, 1.0)) for n in (plus, minus))
        value = np.exp(np.outer(log_plus, a) + np.outer(log_minus, a.conj())).real * allowed[:, None]
        rest = plus * np.log(np.where(plus > 0, plus, 1.0))
        times = self._multiplicity(factor.k - 1)[:, None]
        self._paramagnet = np.append(np.ones(len(a)), math.log(factor.mean_weight))
        self._coefficients = times * np.column_stack([value, rest]) / factor.mean_weight

    def _multiplicity(self, messages: int) -> Array:
        """Return in how many orders each combination of nodes, ascending, occurs."""
        same, run = np.ones(len(self._combinations)), np.ones(len(self._combinations))
        for j in range(1, messages):
            run = np.where(self._combinations[:, j] == self._combinations[:, j - 1], run + 1, 1.0)
            same *= run
        return math.factorial(messages) / same

    def __call__(self, transform: Array, messages: int) -> tuple[Array, Array]:
        """Return U - 1, shape (n, frequencies), and R, shape (n,), for laws nuhat, shape (n, frequencies)."""
        half = 0.5 * (transform @ self._masses)
        infinite = 0.5 - half.sum(axis=1, keepdims=True)
        node = np.concatenate([infinite, half[:, :0:-1], 2 * half[:, :1], half[:, 1:], infinite], axis=1)
        parts = []
        for laws in np.array_split(node, max(1, len(node) // BLOCK)):
            product = laws[:, self._combinations[:, 0]]
            for j in range(1, messages):
                product *= laws[:, self._combinations[:, j]]
            parts.append(product @ self._coefficients)
        result = np.concatenate(parts)
        result -= self._paramagnet
        return _bounded(result)


@dataclass(frozen=True)
class AllEqual(Factor):
    """All k spins equal is penalised (hypergraph bicoloring, not-all-equal satisfiability).

    w_0 = w_k = 1 - penalty, else 1.  With P = prod p_j, Q = prod (1 - p_j): N_+ = 1 - penalty P,
    N_- = 1 - penalty Q, and (1 - P)^a (1 - Q)^b = A(P) + B(Q) - 1 + (A(P) - 1)(B(Q) - 1).
    """

    penalty: float = 1.0
    name: ClassVar[str] = "all equal"
    half_width: ClassVar[float] = 16.0
    costly: ClassVar[bool] = False

    @property
    def weights(self) -> tuple[float, ...]:
        """1 - penalty at both ends, else 1."""
        return (1 - self.penalty, *[1.0] * (self.k - 1), 1 - self.penalty)

    def messages(self, up: Array, down: Array | None = None) -> tuple[Array, Array]:
        """Return N_+ = 1 - penalty P and N_- = 1 - penalty Q, see `Factor.messages`.

        Of 1 - x and 1 - y one makes 1 - x y = (1 - x) + x (1 - y), without differences of what is nearly equal.
        """
        down = 1 - up if down is None else down
        plus = np.full(up.shape[:-1], self.weights[0])
        minus = plus.copy()
        for j in range(up.shape[-1]):
            plus += (1 - plus) * down[..., j]
            minus += (1 - minus) * up[..., j]
        return plus, minus

    def decomposition(self, grid: FieldGrid) -> Decomposition:
        """Return the products of p^s and of p^s (1-p)^s'."""
        sums = self._power_sums(grid)
        s, c = sums.exponents, sums.coefficients[:, :-1]
        h = grid.field
        up, down = -np.log1p(np.exp(-2 * h)), -2 * h - np.log1p(np.exp(-2 * h))
        i, j = self._pairs(s, c, grid)
        both = np.exp(np.outer(up, s[i]) + np.outer(down, s[j]))
        swapped = np.exp(np.outer(down, s[i]) + np.outer(up, s[j]))
        single = np.exp(np.outer(up, s)), np.exp(np.outer(down, s))
        at_infinity = np.concatenate([np.full(len(s), 0.5), np.zeros(len(i))])
        rows = grid.symmetric_functional(
            np.concatenate([single[0], both], axis=1), np.concatenate([single[1], swapped], axis=1), at_infinity
        )
        z = self.mean_weight
        cross = np.where(i == j, 1, 2)[:, None] * (c[i] * c[j].conj()).real
        transform = np.concatenate([2 * c.real, cross]) / z
        rest = np.concatenate([sums.coefficients[:, -1].real, np.zeros(len(i))]) / z
        constant = np.concatenate([np.full(len(grid.frequency), 1 / z - 1), [-math.log(z)]])
        return Decomposition(at_infinity, rows, np.column_stack([transform, rest]), constant)

    def _power_sums(self, grid: FieldGrid) -> PowerSums[Complexes]:
        """Return (1 - penalty y)^a - 1, a = 1/2 + i w/2, and (1 - penalty y) log(1 - penalty y) as sums of powers."""
        x, a = self.penalty, 0.5 + 0.5j * grid.frequency
        term: Complexes = np.ones(len(a), dtype=complex)
        series = []
        for n in range(1, SERIES + 1):
            term = np.asarray(term * x * (n - 1 - a) / n)
            # (1 - y) log(1 - y) = -y + sum_{n >= 2} y^n/(n (n - 1))
            rest = -x if n == 1 else x**n / (n * (n - 1))
            series.append(np.append(term, rest))

        def unequal_terms(v: Array) -> Complexes:
            one = -np.expm1(-v) + (1 - x) * np.exp(-v)
            log = np.log(np.maximum(one, TINY))
            return np.column_stack([np.exp(np.outer(log, a)) - 1, one * log])

        nearest = float(np.exp(-2 * grid.half_width))
        return power_sums(unequal_terms, np.array(series), 1, nearest, fit_ratio(grid))

    def _pairs(self, s: Array, c: Complexes, grid: FieldGrid) -> tuple[Index, Index]:
        """Return the pairs i <= j of exponents whose product p^s_i (1-p)^s_j matters in some message law."""
        size = np.max(np.abs(c) * np.exp(-np.pi / 4 * grid.frequency), axis=1)
        total = s[:, None] + s
        log_top = s[:, None] * np.log(s[:, None] / total) + s * np.log(s / total)
        matters = np.triu(size[:, None] * size * np.exp((self.k - 1) * log_top) > NEGLIGIBLE)
        i, j = np.nonzero(matters)
        return i, j


@dataclass(frozen=True)
class Parity(Factor):
    """The product of k spins times a random sign is +1 (XORSAT), or is favoured (sparse k-spin glass, LDGM code).

    In the gauge of the planted configuration w = 1 if the number of spins down is even, else 1 - penalty.
    With tau = prod tanh h_j and eta = penalty/(2 - penalty): N_+- = (1 - penalty/2)(1 +- eta tau).
    """

    penalty: float = 1.0
    name: ClassVar[str] = "parity"
    half_width: ClassVar[float] = 16.0
    costly: ClassVar[bool] = False

    @property
    def weights(self) -> tuple[float, ...]:
        """1 for an even number of spins down, else 1 - penalty."""
        return tuple(1.0 if (self.k - m) % 2 == 0 else 1 - self.penalty for m in range(self.k + 1))

    @property
    def gauge_free(self) -> bool:
        """False: the random sign makes all 2^k configurations alike."""
        return False

    @property
    def response(self) -> float:
        """Zero: a parity of more than two spins tells nothing about a pair; of two, eta."""
        return self.penalty / (2 - self.penalty) if self.k == 2 else 0.0

    def messages(self, up: Array, down: Array | None = None) -> tuple[Array, Array]:
        """Return N_+- = (1 - penalty/2)(1 +- eta tau), as mean weights of either parity, see `Factor.messages`."""
        down = 1 - up if down is None else down
        plus = np.ones(up.shape[:-1])
        minus = np.full(up.shape[:-1], 1 - self.penalty)
        for j in range(up.shape[-1]):
            p, q = up[..., j], down[..., j]
            plus, minus = plus * p + minus * q, plus * q + minus * p
        return plus, minus

    def decomposition(self, grid: FieldGrid) -> Decomposition:
        """Return the products of abs(tanh h)^s."""
        eta, w = self.penalty / (2 - self.penalty), grid.frequency
        a = 0.5 + 0.5j * w
        terms = [np.ones_like(a), 1j * w * eta]  # (1 - x^2) f' = eta (i w - x) f, x = eta tau
        for n in range(1, 2 * SERIES):
            terms.append((1j * w * eta * terms[n] + eta**2 * (n - 2) * terms[n - 1]) / (n + 1))
        even = [(terms[2 * m].real, eta ** (2 * m) / (2 * m * (2 * m - 1))) for m in range(1, SERIES + 1)]
        series = np.array([np.append(value, rest) for value, rest in even])

        def parity_terms(v: Array) -> Array:
            plus = 1 + eta * np.exp(-v)
            minus = -np.expm1(-v) + (1 - eta) * np.exp(-v)
            p, m = np.log(plus), np.log(np.maximum(minus, TINY))
            value = np.exp(np.outer(p, a) + np.outer(m, a.conj())).real - 1
            return np.column_stack([value, 0.5 * (plus * p + minus * m)])

        nearest = float(np.exp(-2 * grid.half_width))
        sums = power_sums(parity_terms, series, 2, nearest, fit_ratio(grid))
        t = np.tanh(grid.field)
        with np.errstate(divide="ignore"):
            power = np.exp(np.outer(np.log(t), sums.exponents))
        at_infinity = np.ones(len(sums.exponents))
        rows = grid.symmetric_functional(power, power, at_infinity)
        constant = np.concatenate([np.zeros(len(w)), [0.0]])
        return Decomposition(at_infinity, rows, sums.coefficients, constant, erasures=self.penalty == 1)
