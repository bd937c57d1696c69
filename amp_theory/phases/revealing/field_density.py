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

#: Gauss nodes of a panel: so many at least, and so many for a width of the kernel, which leaves errors of e^-30
FEWEST, PER_WIDTH = 16, 2.2
#: most nodes of a panel, a guard of time and memory
MOST = 6000
#: beyond so many standard deviations a Gaussian is nothing, and nodes of the rule for averages over one step
TAIL, HERMITE = 7.5, 48


@lru_cache(maxsize=512)
def _legendre(number: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(number)


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
    number = FEWEST + int(PER_WIDTH * (high - low) / width)
    if number > MOST:
        raise NumericalError(f"a step of the snr as short as {width**2:.2g} is not resolved", "take fewer steps")
    nodes, weights = _legendre(number)
    return low + 0.5 * (high - low) * (nodes + 1), 0.5 * (high - low) * weights


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
