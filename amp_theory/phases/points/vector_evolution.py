"""State evolution of vector AMP: the overlap after every iteration on measurements with given singular values.

With t the eigenvalues of Phi^T Phi and D the noise of linear measurements, from gamma = 1/Var s on,

    Y = E t/(gamma D + t),    x = gamma Y/(1 - Y),    q = G(x, strength),    gamma <- 1/(rho - q) - x.

AMP of such matrices has x = R(-(rho - q)/D)/D at every q, this one at its fixed points only, where 1/gamma is the
variance of a normal law that the prior and x are equivalent to.  For entries that are independent, with v the root of
1/v = gamma + alpha/(D + v), it is x = alpha/(D + v); and for other outputs than linear ones, of which D says what is
known of z, V <- v, D <- 1/R - V with R at the gap V comes before, from D = infinity on.

Source: S. Rangan, P. Schniter and A. K. Fletcher, arXiv:1610.03082; outputs: P. Schniter, S. Rangan and A. K. Fletcher,
arXiv:1612.01186.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch

import numpy as np

from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.measurements import GLM, RowOrthogonalSensing, SpectralSensing
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.phases.points.fixed_points import single
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError

#: takes gamma and returns x
Signal = Callable[[float], float]


def vector_overlaps(model: Model, path: Path, control: float, strength: float, steps: int) -> Array:
    """Return the overlap of vector AMP after every iteration, shape (steps,), from no information on.

    Parameters
    ----------
    model, path, control, strength
        A generalised linear model, `RowOrthogonalSensing` or `SpectralSensing`, and where on the path.
    steps
        The number of iterations.

    Raises
    ------
    InputError
        For another model.

    Examples
    --------
    >>> from amp_theory import Flow, Rademacher, fixed_points
    >>> model = RowOrthogonalSensing(Rademacher(), noise=0.2)
    >>> found = vector_overlaps(model, Flow(), 0.5, 0.3, 60)[-1]
    >>> bool(abs(found - fixed_points(model, Flow(), 0.5, 0.3).uninformed.overlap) < 1e-10)
    True
    """
    check_pair(model, path)
    eos = equation_of_state_of(model, path)
    _, internal = single("state_evolution", model, path, control, strength)
    measured, s = measured_signal(model, float(control)), np.full(1, float(internal))
    gamma, overlaps = 1 / eos.prior.variance, []
    for _ in range(steps):
        x = measured(gamma)
        response = path.response(eos.prior, eos.coordinate(np.full(1, x), s), s)
        overlaps.append(float(response.overlap[0]))
        gap = float(response.gap[0])
        if not gap > 0:  # nothing is left to learn
            break
        gamma = (1 - gap * x) / gap
    return np.array(overlaps + overlaps[-1:] * (steps - len(overlaps)))


@singledispatch
def measured_signal(model: Model, control: float) -> Signal:
    """Return x as a function of gamma, for one run: measurements of other outputs remember what they have told.

    Examples
    --------
    >>> from amp_theory import Gaussian
    >>> measured_signal(RowOrthogonalSensing(Gaussian(), 0.0), 0.5)(1.0)
    1.0
    """
    raise InputError(f"vector AMP is for measurements, whose matrix has singular values, got {model!r}")


@measured_signal.register
def _row_orthogonal(model: RowOrthogonalSensing, control: float) -> Signal:
    return _of_spectrum(np.array([1.0, 0.0]), np.array([control, 1 - control]), model.noise)


@measured_signal.register
def _spectral(model: SpectralSensing, control: float) -> Signal:
    w = np.array(model.weights)
    return _of_spectrum(np.array(model.eigenvalues), w / w.sum(), control)


def _of_spectrum(t: Array, w: Array, noise: float) -> Signal:
    """Return x(gamma) = gamma Y/(1 - Y), infinite where all is measured without noise."""

    def signal(gamma: float) -> float:
        total = gamma * noise + t
        unknown = np.divide(gamma * noise, total, out=np.ones(len(t)), where=total > 0)
        rest = float(w @ unknown)
        told = float(w @ np.divide(t, total, out=np.zeros(len(t)), where=total > 0))
        return gamma * told / rest if rest > 0 else math.inf

    return signal


@measured_signal.register
def _independent(model: GLM, control: float) -> Signal:
    rho, coupling = model.prior.second_moment, model.coupling
    known = [math.inf]

    def spread(gamma: float, noise: float) -> float:
        """Return v, the positive root of gamma v^2 + (gamma D + alpha - 1) v - D = 0."""
        if math.isinf(noise):
            return 1 / gamma
        half = (gamma * noise + control - 1) / 2
        root = math.sqrt(half * half + gamma * noise)
        return noise / (half + root) if half > 0 else (root - half) / gamma

    def signal(gamma: float) -> float:
        gap = min(spread(gamma, known[0]), rho)
        response = float(coupling.signal(np.ones(1), np.full(1, rho - gap), np.full(1, gap))[0])
        if response <= 0:  # an even output says nothing before anything is known
            return 0.0
        known[0] = max(1 / response - gap, 0.0)
        total = known[0] + spread(gamma, known[0])
        return control / total if total > 0 else math.inf

    return signal
