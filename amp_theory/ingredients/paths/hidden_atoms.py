"""The scalar Gaussian channel of atoms whose weights differ from row to row, and how it changes with the weights.

What a path tells of a discrete variable leaves a law of its values a_k with weights w_k(t), which depend on the
strength t and need not add up to one.  With f(y) = sum_k w_k phi(y - sqrt(x) a_k), W = sum_k w_k, and <.> the
posterior at y,

    E = int f Var,   -dE/dx = int f Var^2,   -d2E/dx2 = int f (kappa_3^2 - 2 Var^3),
    dE/dt = int sum_k w_k' phi_k (a_k - <s>)^2,
    d/dt int f Var^2 = int (2 Var sum_k w_k' phi_k (a_k - <s>)^2 - Var^2 sum_k w_k' phi_k),
    Psi = int f log(f/(W phi_0)),   dPsi/dt = int sum_k w_k' phi_k log(f/(W phi_0)),
    dPsi/dx = (sum_k w_k a_k^2 - E)/2.

Small x and large are told apart as in `mixture_channel`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from amp_theory.ingredients.priors.mixture_channel import STRIP, TAIL, WIDE, merged, pair_intervals, rates
from amp_theory.ingredients.priors.mixtures import Components, Mixture, posterior, small_integrand
from amp_theory.tools.arrays import EPS, Array, Bools, Index
from amp_theory.tools.quadrature import Rows, trapezoid

#: which integral the accuracy of each is judged by: itself, or that of its modulus
MEASURES = (0, 1, 2, 3, 5, 5, 8, 9, 8, 9, 11, 11)


@dataclass(frozen=True, slots=True)
class HiddenValues:
    """What is left to know of a variable, E, and the rest at (x, weights); arrays of shape (n,).

    overlap is sum_k w_k a_k^2 - E, information sum_k w_k a_k^2 x/2 - Psi; slope and curvature are derivatives of the
    overlap in x; gap_growth, slope_growth and free_entropy_growth are those of E, slope and Psi in t.
    """

    gap: Array
    overlap: Array
    slope: Array
    curvature: Array
    gap_growth: Array
    slope_growth: Array
    free_entropy: Array
    free_entropy_growth: Array
    information: Array
    relative_error: Array

    def summed(self, outcomes: int) -> HiddenValues:
        """Return the sums over outcomes, rows being ordered (outcomes, n); errors are the largest."""
        parts = {f.name: getattr(self, f.name).reshape(outcomes, -1) for f in fields(self)}
        error = parts.pop("relative_error").max(axis=0)
        return HiddenValues(**{name: part.sum(axis=0) for name, part in parts.items()}, relative_error=error)


def hidden_atoms(atoms: Array, weights: Array, changes: Array, snr: Array) -> HiddenValues:
    """Evaluate the channel of ascending atoms (k,) with weights and their changes (k, n) at snrs x >= 0 (n,)."""
    result = _Rows(atoms, weights, changes, np.maximum(snr, 1e-300))
    open_rows = (weights > 0).sum(axis=0) > 1
    near = snr * np.max((atoms[:, None] - result.mean) ** 2, axis=0) <= WIDE
    result.integrate(np.flatnonzero(open_rows & near), result.small)
    result.integrate(np.flatnonzero(open_rows & ~near), result.large)
    result.known(np.flatnonzero(~open_rows))
    return result.values()


class _Rows:
    """All rows, and what is known of them so far."""

    def __init__(self, atoms: Array, weights: Array, changes: Array, snr: Array) -> None:
        self.atoms, self.weights, self.changes, self.snr = atoms, weights, changes, snr
        self.mass = weights.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.shares = np.where(self.mass > 0, weights / self.mass, 0.0)
        self.mean = atoms @ self.shares
        mirrored = [np.array_equal(a, b) for a, b in ((atoms, -atoms[::-1]), (weights, weights[::-1]),
                                                       (changes, changes[::-1]))]  # fmt: skip
        self.symmetric = all(mirrored)
        equal = np.ones(len(atoms)) if self.symmetric else np.arange(1.0, len(atoms) + 1)
        self.mixture = Mixture(equal / equal.sum(), atoms, np.zeros(len(atoms)))
        self.sums = np.zeros((len(MEASURES), len(snr)))
        self.error = np.zeros(len(snr))
        self.square = atoms**2 @ weights
        self.told = np.zeros(len(snr))

    def integrate(self, which: Index, find: Callable[[Index], tuple[Rows, Index, Array, Array, bool]]) -> None:
        """Integrate over windows of the rows `which`, in units of e^highest."""
        if not len(which):
            return
        rows, own, reference, highest, small = find(which)
        norm = (2.0 if self.symmetric else 1.0) / math.sqrt(2 * math.pi)

        def integrand(r: Index, t: Array) -> Array:
            row = which[own[r]]
            return self.integrands(row, reference[r], highest[own[r]], t, small)

        parts = trapezoid(integrand, rows, MEASURES, len(self.atoms), own)
        sums, errors = (np.array([np.bincount(own, norm * row, len(which)) for row in part]) for part in parts)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(sums[list(MEASURES)] > 0, errors / sums[list(MEASURES)], 0.0)[:6].max(axis=0)
        with np.errstate(under="ignore"):
            sums *= np.exp(highest)
        self.error[which] = relative + EPS * (64 + 8 * np.clip(-highest, 0.0, 745.0))
        self.sums[:, which] = self.finished(which, sums, small)

    def known(self, which: Index) -> None:
        """Fill in rows of one atom at most, about which nothing is left to learn."""
        top = self.atoms[self.weights[:, which].argmax(axis=0)]
        x, square = self.snr[which], self.square[which]
        self.sums[0, which], self.sums[1, which] = 0.5 * square * x, square
        self.sums[6, which] = (self.changes[:, which] * (self.atoms[:, None] - top) ** 2).sum(axis=0)
        self.sums[10, which] = 0.5 * top**2 * x * self.changes[:, which].sum(axis=0)

    def values(self) -> HiddenValues:
        """Return everything."""
        psi, overlap, gap, slope, curvature, _, apart, slope_growth, _, _, energy, _ = self.sums
        information = np.where(self.told > 0, self.told, 0.5 * self.square * self.snr - psi)
        return HiddenValues(
            gap=gap, overlap=overlap, slope=slope, curvature=curvature, gap_growth=apart, slope_growth=slope_growth,
            free_entropy=psi, free_entropy_growth=energy, information=information, relative_error=self.error,
        )  # fmt: skip

    def finished(self, which: Index, sums: Array, small: bool) -> Array:
        """Replace the first two integrals by Psi and the overlap."""
        mass, mean, x, square = self.mass[which], self.mean[which], self.snr[which], self.square[which]
        if small:
            sums[0] = mass * (sums[0] + 0.5 * x * mean**2)
            sums[1:6] *= mass
            sums[1] += mass * mean**2
            return sums
        shares, changes = self.shares[:, which], self.changes[:, which]
        level = np.log(np.where(shares > 0, shares, 1.0))
        self.told[which] = -mass * (shares * level).sum(axis=0) - sums[0]
        sums[0] = 0.5 * square * x - self.told[which]
        sums[1] = square - sums[2]
        sums[10] += (changes * (level + 0.5 * x * self.atoms[:, None] ** 2)).sum(axis=0)
        return sums

    def integrands(self, row: Index, reference: Array, highest: Array, t: Array, small: bool) -> Array:
        """Return the integrands at y = sqrt(x) reference + t of rows, their laws centred where x is small."""
        x, scale = self.snr[row], highest[:, None]
        shift = self.mean[row] if small else np.zeros(len(row))
        shares = (self.shares if small else self.weights)[:, row, None]
        with np.errstate(divide="ignore"):
            level = np.log(shares)
        a = (self.atoms[:, None] - shift)[:, :, None]
        components = Components(shares, np.maximum(level, -1e300), a, None)
        root = np.sqrt(x)[:, None]
        y = root * reference[:, None] + t
        log_density, label_entropy, post = posterior(components, x, reference, t)
        likelihood = np.exp(-0.5 * (root * (reference[:, None] - a) + t) ** 2 - scale)
        changed = self.changes[:, row, None] * likelihood
        moved = np.abs(changed)
        square = (a - post.mean) ** 2
        if small:
            first = small_integrand(components, x, y)
            variance = post.between
        else:
            density, variance, third = np.exp(log_density - scale), post.between, post.third**2
            cube = 2 * variance**3
            first = density * np.stack([label_entropy, variance, variance, variance**2, third - cube, third + cube])
        if small:
            gain = log_density + 0.5 * (y + root * shift[:, None]) ** 2
        else:
            own = shares * likelihood
            with np.errstate(all="ignore"):  # -log of a posterior share, to all digits where it is one
                others = np.tensordot(1 - np.eye(len(own)), own, 1) / own
            gain = np.log1p(np.minimum(np.nan_to_num(others, nan=0.0), 1e300))
        # bounds of the sizes are analytic, too, as the rule of integration wants them
        more = [
            total
            for part, sign in ((changed, -1.0), (moved, 1.0))
            for total in (
                (part * square).sum(axis=0),
                2 * variance * (part * square).sum(axis=0) + sign * variance**2 * part.sum(axis=0),
            )
        ]
        energy, size = (changed * gain).sum(axis=0), (moved * (1 + y * y if small else gain)).sum(axis=0)
        return np.concatenate([first, [*more, energy, size]])

    def small(self, which: Index) -> tuple[Rows, Index, Array, Array, bool]:
        """Return one window for each row, which holds all the mass."""
        root = np.sqrt(self.snr[which])
        centred = self.atoms[:, None] - self.mean[which]
        reach = math.sqrt(2 * TAIL) + 0.5
        rate = root * (self.atoms[-1] - self.atoms[0])
        strip = np.minimum(np.pi / np.maximum(rate, 1e-3), math.sqrt(2 * STRIP))
        half: Bools = np.full(len(which), self.symmetric)
        lower = np.where(half, 0.0, root * centred[0] - reach)
        rows = Rows(lower, root * centred[-1] + reach, np.pi * strip / (STRIP + strip**2 / 2), half)
        zero = np.zeros(len(which))
        return rows, np.arange(len(which)), zero, zero, True

    def large(self, which: Index) -> tuple[Rows, Index, Array, Array, bool]:
        """Return windows where two atoms overlap."""
        x, weights = self.snr[which], self.weights[:, which]
        lower, upper, highest = pair_intervals(self.mixture, x, weights)
        rows, own, reference = merged(self.mixture, x, lower, upper, rates(self.mixture, x, lower, upper))
        return rows, own, reference, highest, False
