"""What a Gaussian channel leaves of given posteriors: their uncertainty e, their slope s, and derivatives of both.

A posterior of atoms a_k is a vector v of weights; e(v) = E Var and s(v) = E Var^2 after the channel y = sqrt(x) a + z
are taken as homogeneous functions of degree one, so that e = sum_k v_k de/dv_k and weighted posteriors add up without
being normalised.  With L_k(y) the likelihoods, Z = sum_k v_k L_k, m and V the mean and variance of the posterior at y,
d_k = a_k - m:

    de/dv_k = int L_k d_k^2,               d2e/dv_k dv_l = -2 int L_k L_l d_k d_l/Z,
    ds/dv_k = int L_k (2 V d_k^2 - V^2),   d2s/dv_k dv_l = int L_k L_l [2 (d_k^2 - V) (d_l^2 - V) - 4 V d_k d_l]/Z.

Hence e is concave, and so is E Var(a^2), which is e with a_k^2 in place of a_k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.tools.arrays import Array

#: the sums over y leave out e^-TAIL; how many numbers are held at once
TAIL, CHUNK = 40.0, 100_000


@dataclass(frozen=True, eq=False)
class PosteriorChannel:
    """The Gaussian channel of snr x on top of posteriors of `atoms` between -1 and 1."""

    atoms: Array
    snr: float

    @cached_property
    def likelihoods(self) -> Array:
        """L_k at the nodes, times their distance: shape (atoms, nodes)."""
        root = math.sqrt(self.snr)
        # poles lie where the phases of two atoms differ by pi; the step is that of `mixture_channel`
        strip = min(math.pi / (2 * root) if root > 0.1 else math.inf, math.sqrt(2 * TAIL))
        step = 2 * math.pi * strip / (TAIL + strip**2 / 2)
        most = math.ceil((root + math.sqrt(2 * TAIL)) / step)
        y = step * np.arange(-most, most + 1)
        with np.errstate(under="ignore"):
            like: Array = np.exp(-0.5 * (y - root * self.atoms[:, None]) ** 2) * (step / math.sqrt(2 * math.pi))
        return like

    def _square_distances(self, weights: Array, statistic: Array) -> tuple[Array, Array, Array]:
        """Return Z, shape (n, nodes), the squares (f_k - <f>)^2, shape (atoms, n, nodes), and their mean Var f."""
        total = weights @ self.likelihoods
        with np.errstate(under="ignore"):
            mean = weights @ (statistic[:, None] * self.likelihoods) / total
            squares = (statistic[:, None, None] - mean) ** 2
            terms = weights.T[:, :, None] * self.likelihoods[:, None, :] * squares
            return total, squares, terms.sum(axis=0) / total

    def _few_by_few(self, weights: Array) -> list[Array]:
        size = max(CHUNK // self.likelihoods.size, 1)
        return [weights[start : start + size] for start in range(0, len(weights), size)]

    def gradients(self, weights: Array) -> tuple[Array, Array]:
        """Return the derivatives of e and s by the weights, for posteriors of shape (n, atoms): that shape each."""
        parts = []
        for some in self._few_by_few(weights):
            _, squares, variance = self._square_distances(some, self.atoms)
            slopes = 2 * variance * squares - variance**2
            parts.append(np.einsum("skny,ky->snk", np.stack([squares, slopes]), self.likelihoods))
        e, s = np.concatenate(parts, axis=1)
        return e, s

    def uncertainty(self, weights: Array, statistic: Array) -> Array:
        """Return the derivatives of E Var f by the weights, f_k a `statistic` of the atoms: shape (n, atoms)."""
        return np.concatenate(
            [
                np.einsum("kny,ky->nk", self._square_distances(some, statistic)[1], self.likelihoods)
                for some in self._few_by_few(weights)
            ]
        )

    def values(self, weights: Array) -> tuple[Array, Array]:
        """Return e and s of posteriors of shape (n, atoms), shape (n,) each, to a rounding of one."""
        like, parts = self.likelihoods, []
        powers = np.concatenate([like, self.atoms[:, None] * like, self.atoms[:, None] ** 2 * like], axis=1)
        for some in self._few_by_few(weights):
            with np.errstate(under="ignore"):
                total, first, second = np.split(some @ powers, 3, axis=1)
                square = second - first**2 / total
                parts.append([square.sum(axis=1), (square**2 / total).sum(axis=1)])
        e, s = np.concatenate(parts, axis=1)
        return e, s

    def curvatures(self, weights: Array) -> tuple[Array, Array]:
        """Return the second derivatives of e and s by the weights of one posterior, shape (atoms, atoms) each."""
        total, _, variance = self._square_distances(weights[None], self.atoms)
        distance = self.atoms[:, None] - weights @ (self.atoms[:, None] * self.likelihoods) / total
        with np.errstate(under="ignore"):
            scaled = self.likelihoods / np.sqrt(total)
            first, second = scaled * distance, scaled * (distance**2 - variance)
            return -2 * first @ first.T, 2 * second @ second.T - 4 * (first * variance) @ first.T
