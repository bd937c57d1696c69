"""Finite instances of generalised linear models.

M = round(alpha N) measurements y_mu ~ P_out(y | (Phi s*)_mu) of a planted configuration, Phi_mu,i ~ N(0, 1/N), weigh
a configuration by

    prod_mu P_out(y_mu | (Phi s)_mu).

Of a constraint, such as |(Phi s)_mu| <= kappa, that a planted configuration satisfies, the rows are drawn given that
it does, and every constraint weighs 1/f_0 more, f_0(|s|^2/N) the probability of the constraint for a free row: that is
the posterior of s*, and matters for priors with more than one value of s^2 only.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import Instance, check_memory, check_size, draw_planted
from amp_theory.finite.outputs.choose import output_function
from amp_theory.finite.outputs.named import OutputFunction
from amp_theory.ingredients.outputs.named import OutputChannel
from amp_theory.models.measurements import GLM
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_real


class GLMInstance(Instance):
    """An instance of a generalised linear model.

    Parameters
    ----------
    model, control, size, planted
        As for `Instance`.
    sensing
        Phi, shape (measurements, size).
    measurements
        y, shape (measurements,).
    """

    model: GLM

    def __init__(
        self, model: Any, control: float, size: int, planted: Array | None, sensing: Array, measurements: Array
    ) -> None:
        super().__init__(model, control, size, planted)
        self.sensing = as_real("sensing", sensing)
        self.measurements = as_real("measurements", measurements)

    @property
    def channel(self) -> OutputChannel:
        """The output channel."""
        return self.model.channel

    @cached_property
    def output(self) -> OutputFunction:
        """The output channel as message passing uses it."""
        return output_function(self.channel, self.model.prior.second_moment)

    @cached_property
    def singular(self) -> tuple[Array, Array, Array]:
        """U, sigma and V^T of Phi = U diag(sigma) V^T, shapes (M, K), (K,) and (K, N), K = min(M, N)."""
        left, values, right = np.linalg.svd(self.sensing, full_matrices=False)
        return left, values, right

    @property
    def sampling_ratio(self) -> float:
        """Measurements per variable of this instance, the control rounded."""
        return len(self.measurements) / self.size

    @cached_property
    def singular_values(self) -> Array:
        """The singular values of Phi, shape (K,)."""
        return np.asarray(np.linalg.svd(self.sensing, compute_uv=False))

    @cached_property
    def row_norm(self) -> float:
        """The mean of sum_i Phi_mu,i^2, one for entries of variance 1/N."""
        return float((self.sensing**2).sum()) / len(self.sensing)

    @cached_property
    def constant_norm(self) -> bool:
        """Whether all configurations have the same sum of squares."""
        return bool(np.ptp(self.variables.means**2) == 0 and self.discrete)

    @property
    def log_noise(self) -> float | None:
        """The log likelihood of the measurements where no signal is behind them; None for channels that know none."""
        y = self.measurements
        level = self.output.log_partition(y, np.zeros_like(y), np.full_like(y, self.output.second_moment))
        return None if level is None else float(level.sum())

    @property
    def flip_symmetric(self) -> bool:
        """Whether the channel cannot tell z from -z and the prior is symmetric."""
        return self.channel.even and self.variables.symmetric

    def _data(self) -> dict[str, Array]:
        return {"sensing": self.sensing, "measurements": self.measurements}

    def _projected(self, configurations: Array) -> tuple[Array, Array]:
        s = self._checked(configurations)
        return s, s @ self.sensing.T

    def interaction(self, configurations: Array) -> Array:
        """Return sum_mu log P_out(y_mu | (Phi s)_mu), shape (n,).

        A noiseless continuous output counts 0 where it agrees to 1e-9 sqrt(rho), rho = E s^2, and -inf elsewhere.
        """
        s, z = self._projected(configurations)
        result = self.output.log_likelihood(self.measurements, z).sum(axis=1)
        if not self.constant_norm:
            norm = np.maximum((s * s).mean(axis=1), np.finfo(float).tiny)
            result = result - len(self.measurements) * self.output.log_normalisation(norm)
        return np.asarray(result)

    def energy(self, configurations: Array) -> Array:
        """Return the energy per variable, shape (n,).

        For labels and constraints of this package the number of measurements of which the sign, or the side of the
        door, is wrong; for its continuous outputs, y = f(z) with or without noise, half the sum of (y - f(z))^2; for a
        channel of one's own minus the log likelihood.
        """
        _, z = self._projected(configurations)
        return np.asarray(self.output.energy(self.measurements, z).sum(axis=1) / self.size)


def draw_glm(model: GLM, control: float, size: object, rng: np.random.Generator, planted: bool) -> GLMInstance:
    """Draw an instance of a generalised linear model; see `draw_instance`."""
    n = check_size(size, 2)
    number = round(control * n)
    if number < 1:
        raise InputError(f"sampling_ratio = {control:g} and size = {n} give no measurement: make the size larger")
    check_memory(24.0 * number * n, f"{model!r} with {number} measurements of size {n}")
    output = output_function(model.channel, model.prior.second_moment)
    truth = draw_planted(model, n, rng)
    sensing = rng.standard_normal((number, n))
    sensing /= math.sqrt(n)
    if planted:
        sensing = output.planted_rows(sensing, truth, rng)
    measurements = output.sample(sensing @ truth, rng)
    return GLMInstance(model, control, n, truth if planted else None, sensing, measurements)
