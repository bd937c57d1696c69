"""Fresh nodes of a colouring with Poisson numbers of neighbours, at a mean degree and next to it.

The degrees at mean c_0 are the quantiles of n stratified uniform numbers, so that their fractions do not fluctuate.
Besides the product over its d neighbours a node keeps that over one less and that over one more.  For a function f of
the neighbours with averages f_-, f_0, f_+ over these three, and x = c - c_0,

    E_c f = f_0 + x (f_+ - f_0) + x^2/2 (f_+ - 2 f_0 + f_-)

up to third differences in d, since d/dc E f(d) = E[f(d + 1) - f(d)] for Poisson degrees.  So one set of nodes gives
averages as smooth functions of c, and for |x| below one half the nodes themselves, whose quantiles move by one at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.compiled import in_use

#: standard deviations, and degrees, beyond which degrees are cut off
TAIL, MORE = 7.0, 6
#: after so many factors powers of two are taken out of products, which could become too small
OFTEN = 32


@lru_cache(maxsize=16)
def permutations(q: int) -> Index:
    """Return rows p with eta'[s] = eta[p[s]], by which planted colour 0 becomes 1, ..., q-1, the others rotated."""
    rows = []
    for tau in range(1, q):
        others = [s for s in range(q) if s != tau]
        for shift in range(q - 1):
            row = np.zeros(q, dtype=np.intp)
            row[others] = 1 + (np.arange(q - 1) + shift) % (q - 1)
            rows.append(row)
    return np.array(rows)


def poisson(mean: float, most: int) -> Array:
    """Return Poisson probabilities of 0, ..., most, normalised."""
    log = np.arange(most + 1) * math.log(mean) - np.cumsum(np.log(np.maximum(np.arange(most + 1), 1)))
    weight = np.exp(log - log.max())
    return np.asarray(weight / weight.sum())


def quantiles(mean: float, uniform: Array) -> Index:
    """Return the Poisson degrees at which the distribution function reaches numbers in [0, 1)."""
    most = int(mean + TAIL * math.sqrt(mean)) + MORE
    return np.minimum(np.searchsorted(np.cumsum(poisson(mean, most)), uniform), most)


@dataclass(frozen=True)
class FreshNodes:
    """Nodes with neighbours from a population.

    Parameters
    ----------
    mean
        Their mean degree c_0.
    uniform, degree
        The uniform numbers whose quantiles their degrees d are, both ascending, shape (n,).
    eta
        Their beliefs with d - 1, d and d + 1 neighbours, shape (3, n, q); without neighbours there is none less.
    log_z
        The logarithms of their normalisations, shape (3, n).
    """

    mean: float
    uniform: Array
    degree: Index
    eta: Array
    log_z: Array

    @classmethod
    def draw(cls, population: Array, log_side: Array, mean: float, rng: np.random.Generator) -> FreshNodes:
        """Return as many nodes as there are rows of side information, shape (n, q), relative to the first colour."""
        n, q = log_side.shape
        uniform = (np.arange(n) + rng.random(n)) / n
        degree = quantiles(mean, uniform)
        table = permutations(q)
        first = np.searchsorted(degree, np.arange(degree[-1] + 1))
        # one draw for neighbour and order of its colours
        drawn = rng.integers(0, len(population) * len(table), int(degree.sum()) + n, dtype=np.uint32)
        member = drawn // np.uint32(len(table))
        order = drawn - member * np.uint32(len(table))
        given = {"weight": np.exp(log_side), "factor": 1 - population, "member": member, "order": order}
        given |= {"degree": degree, "first": first}
        if in_use():
            from amp_theory.equations_of_state.populations.compiled_products import products

            eta, total, power = products(**given, table=table.astype(np.uint32), often=OFTEN)
        else:
            eta, total, power = _products(**given, table=table)
        return cls(mean, uniform, degree, eta, np.log(total) + math.log(2) * power)

    def near(self, values: Array, step: float) -> float:
        """Return the average of values of the nodes, shape (3, n), where the mean degree is larger by a step."""
        less, here, more = values.mean(axis=1)
        return float(here + step * (more - here) + 0.5 * step**2 * (more - 2 * here + less))

    def step_to(self, values: Array, wanted: float) -> float:
        """Return by how much the mean degree must rise for an average that grows with it; infinite if it does not."""
        less, here, more = values.mean(axis=1)
        slope, bend, lacks = more - here, more - 2 * here + less, wanted - here
        if not slope > 0:
            return float(np.copysign(np.inf, lacks))
        root = slope**2 + 2 * bend * lacks
        return float(2 * lacks / (slope + math.sqrt(root)) if root > 0 else lacks / slope)

    def population(self, step: float) -> Array:
        """Return the beliefs at a mean degree that is larger by a step, shape (n, q)."""
        moved = np.clip(quantiles(self.mean + step, self.uniform) - self.degree, -1, 1)
        return np.asarray(self.eta[1 + moved, np.arange(len(moved))])


def _products(
    weight: Array, factor: Array, member: npt.NDArray[np.uint32], order: npt.NDArray[np.uint32], table: Index,
    degree: Index, first: Index,
) -> tuple[Array, Array, Index]:  # fmt: skip
    """Return what `compiled_products.products` does, one neighbour of all nodes after the other."""
    n, q = weight.shape
    kept, power = np.empty((3, n, q)), np.zeros((3, n), dtype=np.intp)
    kept[0] = weight
    out = np.zeros(n, dtype=np.intp)
    flat, begin = factor.ravel(), 0
    ends = [*first.tolist(), n, n]
    for k, low in enumerate(first.tolist()):
        # nodes from `low` on have at least k neighbours, those up to the next end no more
        for which, here in ((1, slice(low, ends[k + 1])), (0, slice(ends[k + 1], ends[k + 2]))):
            kept[which, here], power[which, here] = weight[here], out[here]
        end = begin + n - low
        weight[low:] *= flat[member[begin:end, np.newaxis].astype(np.intp) * q + table[order[begin:end]]]
        if (k + 1) % OFTEN == 0:
            top = np.frexp(weight[low:].max(axis=1))[1]
            weight[low:] = np.ldexp(weight[low:], -top[:, np.newaxis])
            out[low:] += top
        begin = end
    kept[2], power[2] = weight, out
    total = sum_of_colours(kept)
    kept /= total[:, :, np.newaxis]
    return kept, total, power


def sum_of_colours(values: Array) -> Array:
    """Return the sum over the last axis, added up one after the other for any number of colours."""
    total = values[..., 0].copy()
    for s in range(1, values.shape[-1]):
        total += values[..., s]
    return total
