"""The fields of hidden spins as a density, which spreads with the snr and from which spins are told.

At snr x a hidden +-1 variable s has the AMP field h, dh = s dx + dB.  Given s = 1 its density is e^h nu(h) with an even
nu, since the two signs are as likely before; hence averages over hidden spins of even functions are int nu cosh f, and

    d nu/dx = (nu'' - nu)/2  minus what is told;      E Var = int nu sech,  E Var^2 = int nu sech^3,

int nu cosh the fraction that is hidden.  It is exact if whom to tell of what depends on earlier fields only: then later
noise is independent of it.  Between two tellings a step of the snr is a Gaussian kernel times e^(-step/2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError

#: nodes of a Gauss rule, and how many widths of the kernel it is used for, which leaves errors of 1e-13
NODES, PANEL = 24, 9.0
#: most nodes, a guard of time and memory
MOST = 1500
#: beyond so many standard deviations a Gaussian is nothing, and nodes of the rule for averages over one step
TAIL, HERMITE = 7.5, 48

_nodes, _weights = np.polynomial.legendre.leggauss(NODES)


@lru_cache(maxsize=1)
def _hermite() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(HERMITE)
    return nodes, weights / np.sqrt(2 * np.pi)


def panel(low: float, high: float, width: float) -> tuple[Array, Array]:
    """Return nodes and weights between two fields that resolve a kernel of a width.

    Raises
    ------
    NumericalError
        If that takes too many.
    """
    number = max(1, int(np.ceil((high - low) / (PANEL * width))))
    if number * len(_nodes) > MOST:
        raise NumericalError(
            f"fields up to {high:.3g} at steps of the snr of {width**2:.2g} are too many for this method",
            "where the other variables tell nearly all there is nothing to order; a harder control may help",
        )
    half = 0.5 * (high - low) / number
    left = low + 2 * half * np.arange(number)
    return (left[:, None] + half * (_nodes + 1)).ravel(), np.tile(half * _weights, number)


@dataclass(frozen=True)
class FieldDensity:
    """nu at an snr, as masses at fields h >= 0: nu of both signs together."""

    fields: Array
    masses: Array
    snr: float
    #: no spin was told so much that its field was put beyond this
    lifted: float = 0.0

    @classmethod
    def before(cls, snr: float) -> FieldDensity:
        """Return that of spins of which nothing is told: N(h; 0, x) e^(-x/2)."""
        start = cls(np.zeros(1), np.ones(1), 0.0)
        if snr == 0:
            return start
        nodes, weights = panel(0.0, snr + TAIL * np.sqrt(snr), float(np.sqrt(snr)) / 4)
        return cls(nodes, weights * start.later(nodes, snr), snr)

    @property
    def hidden(self) -> float:
        """The fraction of hidden spins."""
        return float(self.masses @ np.cosh(self.fields))

    def average(self, power: int, step: float = 0.0) -> float:
        """Return int nu sech^power, after another step of the snr."""
        return float(self.masses @ heated(self.fields, power, step))

    def entropy(self) -> float:
        """Return the entropy of hidden spins, each by itself, in nats per variable."""
        h = self.fields
        each = np.log1p(np.exp(-2 * h)) + h * (1 - np.tanh(h))
        return float(self.masses @ (np.cosh(h) * each))

    def later(self, fields: Array, step: float) -> Array:
        """Return the density at fields after a step of the snr, of both signs together."""
        near = np.exp(-((fields[:, None] - self.fields) ** 2) / (2 * step))
        near += np.exp(-((fields[:, None] + self.fields) ** 2) / (2 * step))
        return np.asarray((near @ self.masses) * np.exp(-step / 2) / np.sqrt(2 * np.pi * step))

    def end(self, step: float) -> float:
        """Return the field beyond which there is nothing after a step of the snr."""
        snr = self.snr + step
        spread = min(self.fields.max() + TAIL * np.sqrt(step) + step, self.lifted + TAIL * np.sqrt(snr) + snr)
        return float(spread)


def heated(fields: Array, power: int, step: float) -> Array:
    """Return what int nu sech^power gives a spin of each field, after a step of the snr."""
    if step == 0:
        return np.asarray(np.cosh(fields) ** -float(power))
    nodes, weights = _hermite()
    values = np.cosh(fields[:, None] + np.sqrt(step) * nodes) ** -float(power)
    return np.asarray((values @ weights) * np.exp(-step / 2))
