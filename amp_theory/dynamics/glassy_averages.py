"""Averages over one-step glassy states that know nothing of a planted signal, for variables apart and on the sphere.

States of overlap q are grouped in blocks of Parisi parameter x.  With Z(A, B) = int P0(ds) exp(B s - A s^2/2), the
field B = sqrt(A) z, z ~ N(0, 1), and A = xi'(q), a state's weight is Z^x, and <.>_x = E[Z^x .]/E[Z^x].  With f = d_B
log Z, v = d_B f, s2 = <s^2> and L = log Z,

    q = <f^2>_x,    chi = <s2>_x - (1 - x) q,    complexity = -x^2 g/2 + log E[Z^x] - x <L>_x,    g = xi(q) - q A

(R. Monasson, Phys. Rev. Lett. 75, 2847, 1995, for the complexity).  The derivatives in x at constant A are covariances
with L; those in A at constant x follow from the heat equation d_A E[.] = E[d_A + d_B^2/2 .].  On the sphere all of it
is in closed form: A = q/((1 - q)(1 - (1 - x) q)), v = 1 - q, s2 = 1, chi = 1 - (1 - x) q.

Given A and x everything is explicit: the overlap from these averages, then the intensity from xi'(q) = A.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.tools.arrays import Array

#: step of the trapezoidal rule in units of the inverse width 1/s of the integrand, where its error is about 1e-15,
#: and at most, without and with components that are Gaussian; the distance in units of the weight's width it reaches
STEP, WIDEST, NARROWER, REACH = 0.25, 0.25, 0.1, 9.5


@dataclass(frozen=True)
class Averages:
    """What is known of states at the snr A and the Parisi parameter x; arrays of one shape.

    `overlap` q and its derivatives `by_parisi`, `by_snr`; `squared` <v^2>, `moment` <s2>; the response `chi` and its
    derivatives; `rest` = log E[Z^x] - x <L>, and `spread`, the variance of L: d rest/dx = -x spread at constant A.
    """

    overlap: Array
    by_parisi: Array
    by_snr: Array
    squared: Array
    moment: Array
    chi: Array
    chi_by_parisi: Array
    chi_by_snr: Array
    rest: Array
    spread: Array


class GlassyMeasure(ABC):
    """What averages over states are made of."""

    @abstractmethod
    def averages(self, snr: Array, parisi: Array, finer: float = 1.0) -> Averages:
        """Return the averages at A and x, arrays of shape (n,); steps of quadrature are divided by `finer`."""


class Sphere(GlassyMeasure):
    """Configurations with sum s^2 = N."""

    def averages(self, snr: Array, parisi: Array, finer: float = 1.0) -> Averages:
        """Return the averages in closed form."""
        a, x = snr, parisi
        # A (1 - q)(1 - (1 - x) q) = q, the root below one without cancellation
        half = 0.5 * (1 / a + 2 - x)
        q = 1 / (half + np.sqrt(half**2 - (1 - x)))
        left, u = 1 - q, 1 - (1 - x) * q
        by_snr = 1 / (1 / (left**2 * u) + q * (1 - x) / (left * u**2))
        by_parisi = a * q / u * by_snr
        return Averages(
            overlap=q, by_parisi=by_parisi, by_snr=by_snr, squared=left**2, moment=np.ones_like(q), chi=u,
            chi_by_parisi=q - (1 - x) * by_parisi, chi_by_snr=-(1 - x) * by_snr,
            rest=-0.5 * (np.log1p(-q) - np.log(u) + x * q / u + x**2 * q * a),
            spread=q * a - 0.5 * (q / u) ** 2 - 0.5 * x * (1 - x) * a * q / u * by_parisi,
        )  # fmt: skip


@dataclass(frozen=True)
class Apart(GlassyMeasure):
    """Independent variables whose law is a mixture of atoms and Gaussians with the symmetry s -> -s."""

    mixture: Mixture

    def _nodes(self, snr: Array, finer: float) -> Array:
        """Return nodes z >= 0 of one number for all A, the first at zero, shape (n, nodes)."""
        m = self.mixture
        width = np.sqrt(snr) * np.max(np.abs(m.means))
        reach = width + REACH * np.sqrt(1 + snr * np.max(m.variances))
        # Z has no zero where the phases of all atoms differ by less than pi, |Im B| < pi/(2 max |s|)
        step = np.minimum(STEP / np.maximum(width, 1e-9), WIDEST if m.atoms else NARROWER) / finer
        count = int(np.max(np.ceil(reach / step)))
        return np.asarray(reach[:, None] / count * np.arange(count + 1))

    def averages(self, snr: Array, parisi: Array, finer: float = 1.0) -> Averages:
        """Return the averages by the trapezoidal rule on half a line, all integrands being even."""
        z = self._nodes(snr, finer)
        a, x = snr[:, None], parisi[:, None]
        f, v, third, level = self._moments(a, np.sqrt(a) * z)
        exponent = x * level - 0.5 * z**2
        top = exponent.max(axis=1, keepdims=True)
        weight = np.exp(exponent - top)
        weight[:, 0] *= 0.5
        total = weight.sum(axis=1)
        weight /= total[:, None]

        def mean(values: Array) -> Array:
            return np.asarray((weight * values).sum(axis=1))

        square, x = f**2, parisi
        q, log = mean(square), mean(level)
        moment = square + v
        # covariances of centred values keep their digits
        square_, level_, moment_ = (y - mean(y)[:, None] for y in (square, level, moment))
        by_parisi = mean(square_ * level_)
        by_snr = mean(v**2) - 2 * (1 - x) * mean(square * v) - 0.5 * x * (1 - x) * mean(square_**2)
        bent = mean(f * third + 2 * square * v)
        s2 = mean(moment)
        scale = 2 * total * z[:, 1] / math.sqrt(2 * math.pi)
        return Averages(
            overlap=q, by_parisi=by_parisi, by_snr=by_snr, squared=mean(v**2), moment=s2, chi=s2 - (1 - x) * q,
            chi_by_parisi=mean(moment_ * level_) + q - (1 - x) * by_parisi,
            chi_by_snr=-(1 - x) * (bent + by_snr) - 0.5 * x * (1 - x) * mean(square_ * moment_),
            rest=np.log(scale) + top[:, 0] - x * log, spread=mean(level_**2),
        )  # fmt: skip

    def _moments(self, a: Array, field: Array) -> tuple[Array, Array, Array, Array]:
        """Return f, v, the third cumulant and log Z at fields B of shape (n, nodes)."""
        m = self.mixture
        p, s, var = (y[:, None, None] for y in (m.probabilities, m.means, m.variances))
        u = 1 + a * var
        exponent = np.log(p) - 0.5 * np.log(u) + (field * s - 0.5 * a * s**2 + 0.5 * field**2 * var) / u
        top = exponent.max(axis=0)
        weight = np.exp(exponent - top)
        total = weight.sum(axis=0)
        weight /= total
        centre, rest = (s + var * field) / u, var / u
        f = (weight * centre).sum(axis=0)
        away = centre - f
        v = (weight * (away**2 + rest)).sum(axis=0)
        return f, v, (weight * (away**3 + 3 * rest * away)).sum(axis=0), top + np.log(total)
