"""The least reduced cost of a posterior, bounded over the whole simplex: the certificate of an optimum.

The reduced cost R(pi) = sign s(pi) - alpha e(pi) - lambda.pi of a posterior pi is what it adds to the slope beyond what
the multipliers alpha and lambda charge for it.  Where R >= -epsilon everywhere, every law of uncertainty rho - q has
sign S >= alpha (rho - q) + lambda.P0 - epsilon.

No constant has to be guessed.  With the second derivatives of e and s (`posteriors`), V <= 1 and |m| <= 1 for atoms
between -1 and 1, and d^2 - V = (a^2 - <a^2>) - 2 m d, the function R - h is convex for the concave

    h = (2 - alpha)_+ e                           (least slope, sign 1),
    h = (8 - alpha)_+ e + 2 E Var(a^2)            (largest slope, sign -1: (u - 2 m v)^2 <= 2 u^2 + 8 m^2 v^2).

On a cell R therefore lies above a tangent plane of R - h, or a mean of such planes, plus h interpolated between the
corners, the minimum of which lies at a corner.  Cells whose bound is too low are halved along the edge on which R - h
and h bend most: next to a face of the simplex they become long and thin.  The bound is that of real arithmetic; the
quadrature's own error is rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amp_theory.phases.optimal.posteriors import PosteriorChannel
from amp_theory.tools.arrays import Array, Bools, Index

#: posteriors looked at before the bound is taken as it is; posteriors of negative cost that are returned
MOST_PLACES, MOST_FOUND = 40_000, 20
#: how near the bound comes to a negative least cost, as a factor
ENOUGH = 1.2


#: starts and steps of descents; the first step, in units of one over the cost, and the longest of a logarithm
STARTS, DESCENT, FIRST_STEP, LONGEST = 24, 60, 1.0, 4.0


def as_posteriors(weights: Array) -> Array:
    """Return posteriors whose weights add up to one, shape (n, atoms)."""
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class ReducedCost:
    """The reduced cost sign s - alpha e - lambda.pi of posteriors pi of a channel's atoms.

    charge is alpha, prices are the lambda_k, one for each atom; sign is 1 for the least slope, -1 for the greatest.
    """

    channel: PosteriorChannel
    sign: float
    charge: float
    prices: Array

    def values(self, weights: Array) -> Array:
        """Return R, shape (n,), to a rounding of one."""
        e, s = self.channel.values(weights)
        return np.asarray(self.sign * s - self.charge * e - weights @ self.prices)

    def parts(self, weights: Array) -> tuple[Array, Array]:
        """Return the derivatives of R - h and of h by the weights, shape (n, atoms) each."""
        e, s = self.channel.gradients(weights)
        concave = max((2.0 if self.sign > 0 else 8.0) - self.charge, 0.0) * e
        if self.sign < 0:
            concave = concave + 2 * self.channel.uncertainty(weights, self.channel.atoms**2)
        return self.sign * s - self.charge * e - self.prices - concave, concave

    def descended(self, starts: Array, tolerance: float, number: int = STARTS) -> Array:
        """Return posteriors at which R < -10 tolerance, next to local minima: the prices of column generation.

        Weights are multiplied by e^(-step dR/dv) from the lowest of the starts and from the mean of each with the rest,
        in steps that grow as long as R falls.
        """
        lowest = starts[np.argsort(self.values(starts))[:number]]
        v = as_posteriors(lowest + 1e-3 * starts.mean(axis=0))
        slope, step = sum(self.parts(v)), np.full((len(v), 1), FIRST_STEP)
        cost = (v * slope).sum(axis=1, keepdims=True)
        for _ in range(DESCENT):
            new = as_posteriors(v * np.exp(np.clip(-step * (slope - cost), -LONGEST, LONGEST)))
            new_slope = sum(self.parts(new))
            new_cost = (new * new_slope).sum(axis=1, keepdims=True)
            better = new_cost < cost
            v, slope, cost = (
                np.where(better, new, v),
                np.where(better, new_slope, slope),
                np.where(better, new_cost, cost),
            )
            step = np.where(better, 2 * step, step / 4)
        return np.asarray(v[cost[:, 0] < -10 * tolerance])

    def least(self, corners: Array, tolerance: float, most: int = MOST_PLACES) -> tuple[float, Array]:
        """Return a lower bound of R on the simplex of `corners`, and posteriors at which R < -10 tolerance.

        The bound is at least -tolerance where R >= 0, and else within ENOUGH of the least R, unless that takes more
        than `most` cells: then it is lower, as with four values and more it often is.
        """
        convex, concave = self.parts(corners)
        cells = _Cells(corners[None], convex[None], concave[None])
        places, costs, bound = corners, (corners * (convex + concave)).sum(axis=1), np.inf
        while True:
            low = cells.bounds()
            keep = low < min(-tolerance, ENOUGH * costs.min())
            if not keep.any() or len(places) > most:
                break
            bound = min(bound, low[~keep].min(initial=np.inf))
            cells = cells.kept(keep)
            middle, cut = cells.middles()
            convex, concave = self.parts(middle)
            places, costs = (
                np.concatenate([places, middle]),
                np.append(costs, (middle * (convex + concave)).sum(axis=1)),
            )
            cells = cells.halved(cut, _Cells(middle, convex, concave))
        found = np.argsort(costs)[:MOST_FOUND]
        return float(min(bound, low.min())), places[found[costs[found] < -10 * tolerance]]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Corners of simplices, and the derivatives of R - h and of h there: shape (n, corners, atoms) each."""

    corners: Array
    convex: Array
    concave: Array

    def bounds(self) -> Array:
        """Return lower bounds of R: tangent planes at one corner, or their mean, plus h between the corners."""
        planes = np.einsum("njk,nik->nji", self.convex, self.corners)
        planes = np.concatenate([planes, planes.mean(axis=1, keepdims=True)], axis=1)
        ends = (self.concave * self.corners).sum(axis=2)
        return np.asarray((planes + ends[:, None]).min(axis=2).max(axis=1))

    def kept(self, which: Bools) -> _Cells:
        """Return some of the cells."""
        return _Cells(self.corners[which], self.convex[which], self.concave[which])

    def middles(self) -> tuple[Array, tuple[Index, Index]]:
        """Return the middle of the edge along which each cell's R - h and h bend most, and its two corners."""
        first, second = np.triu_indices(self.corners.shape[1], 1)
        along = self.corners[:, first] - self.corners[:, second]
        bent = (self.convex - self.concave)[:, first] - (self.convex - self.concave)[:, second]
        most = (bent * along).sum(axis=2).argmax(axis=1)
        rows = np.arange(len(most))
        return 0.5 * (self.corners[rows, first[most]] + self.corners[rows, second[most]]), (first[most], second[most])

    def halved(self, cut: tuple[Index, Index], middle: _Cells) -> _Cells:
        """Return both halves of every cell, cut at what is in the middle of its edge."""
        rows = np.arange(len(self.corners))
        halves = []
        for corner in cut:
            half = [a.copy() for a in (self.corners, self.convex, self.concave)]
            for array, new in zip(half, (middle.corners, middle.convex, middle.concave), strict=True):
                array[rows, corner] = new
            halves.append(half)
        return _Cells(*(np.concatenate(both) for both in zip(*halves, strict=True)))
