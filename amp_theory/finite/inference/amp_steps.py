"""What follows the product in an iteration of AMP on dense instances: by operations on arrays, or by compiled loops.

In instances of a thousand variables the product takes a tenth of a millisecond, and so do a few dozen operations on
small arrays.  So averages over variables are taken once, and serve the next iteration and the test of convergence.
Where numba is installed and values are -m, 0 and m, or -m and m only, a loop does all in one go, with the numbers of
the arrays up to a few roundings.
"""

from __future__ import annotations

import math

import numpy as np

from amp_theory.finite.inference.amp_denoisers import AmpDenoiser
from amp_theory.finite.inference.iterates import MeanIterates, mean_product
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.scalar_posterior import LARGEST_LEVEL, symmetric_atoms
from amp_theory.tools.arrays import Array
from amp_theory.tools.compiled import in_use


class ArrayStep:
    """The iteration by arrays, of any denoiser."""

    def __init__(self, instance: DenseInstance, run: MeanIterates, denoise: AmpDenoiser) -> None:
        self.run, self.denoise = run, denoise
        self._terms = _terms(instance)
        self._of_norm = instance.model.spherical and instance.model.outer_overlap
        self.averages = self._averages()

    def __call__(self, field: Array) -> bool:
        """Take one iteration and tell whether it was the last.

        Parameters
        ----------
        field
            The product, shape (batch, size), which may be overwritten.
        """
        overlap, lagged, spread = self.averages[:3]
        slope, curvature = _derivatives(self._terms, overlap, lagged)
        b = curvature * spread * self.run.before
        np.subtract(field, b, out=b)
        b += self.run.side.field
        if self._of_norm:
            return self.finish(b, _precision_of_norm(b))
        return self.finish(b, self.run.side.precision + slope)

    def finish(self, b: Array, a: Array) -> bool:
        """Take what follows fields and precisions."""
        run = self.run
        if run.plain and self.denoise.posterior and not run.record.failed:
            new, variance = self.denoise(b, a)
            found = self._found(b, new, variance)
            over = run.update_plain(new, variance, b, a, found[3:])
            if over is not None:
                self.averages = found
                return over
        return self.carefully(b, a)

    def carefully(self, b: Array, a: Array) -> bool:
        """Do the same where anything may be out of the ordinary."""
        run = self.run
        run.usable(b, a)
        b, a = run.kept(b, run.b), run.kept(a, run.a)
        over = run.update(*self.denoise(b, a), b, a)
        self.averages = self._averages()
        return over

    def _found(self, b: Array, new: Array, variance: Array) -> Array:
        """Return averages, and root mean squares of fields, of changes of means, and of means, shape (6, batch, 1)."""
        run, found = self.run, np.empty((6, len(b)))
        change = new - run.mean
        np.vecdot(new, new, out=found[0])
        np.vecdot(new, run.mean, out=found[1])
        np.add.reduce(variance, axis=1, out=found[2])
        np.vecdot(b, b, out=found[3])
        np.vecdot(change, change, out=found[4])
        found[5] = found[0]
        found /= b.shape[1]
        np.sqrt(found[3:], out=found[3:])
        return found[..., None]

    def _averages(self) -> Array:
        """Return averages over variables of m^t m^t, m^t m^{t-1} and v^t, shape (3, batch, 1)."""
        run, averages = self.run, np.empty((3, len(self.run.mean)))
        np.vecdot(run.mean, run.mean, out=averages[0])
        np.vecdot(run.mean, run.before, out=averages[1])
        np.add.reduce(run.variance, axis=1, out=averages[2])
        averages /= run.mean.shape[1]
        return averages[..., None]


class LoopStep(ArrayStep):
    """The iteration by compiled loops where it is an ordinary one, of values -m, 0 and m."""

    def __init__(
        self, instance: DenseInstance, run: MeanIterates, denoise: AmpDenoiser, atoms: tuple[float, float]
    ) -> None:
        super().__init__(instance, run, denoise)
        from amp_theory.finite.inference.compiled_steps import LoopSetting, step

        self._loop = step
        self._setting = LoopSetting(
            np.array(run.side.field, dtype=float, order="C"), float(run.side.precision), *atoms, LARGEST_LEVEL,
            np.array(self._terms, dtype=float),
        )  # fmt: skip

    def __call__(self, field: Array) -> bool:
        """Take one iteration; see `ArrayStep`."""
        run, new, variance, found = self.run, np.empty(field.shape), np.empty(field.shape), np.empty((7, len(field), 1))
        if run.record.failed or not self._loop(
            field, run.before, run.mean, self.averages, self._setting, new, variance, found=found
        ):
            return super().__call__(field)
        over = run.update_plain(new, variance, field, found[6], found[3:6])
        if over is None:
            return self.carefully(field, found[6])
        self.averages = found
        return over


def step_for(instance: DenseInstance, run: MeanIterates, denoise: AmpDenoiser) -> ArrayStep:
    """Return what follows the product: loops where they are compiled and there are some for this posterior."""
    atoms = symmetric_atoms(denoise.posterior) if denoise.posterior else None
    if atoms and _terms(instance) and np.ndim(run.side.precision) == 0 and run.plain and in_use():
        return LoopStep(instance, run, denoise, atoms)
    return ArrayStep(instance, run, denoise)


def _terms(instance: DenseInstance) -> list[tuple[float, int]]:
    """Return coefficients and powers of xi(q), as `DenseInstance.coupling` has them."""
    size = float(instance.size)
    return [
        (t.weight * size ** (t.bodies - 1) / math.factorial(t.bodies), t.bodies) for t in instance.terms if t.weight
    ]


def _derivatives(terms: list[tuple[float, int]], overlap: Array, lagged: Array) -> tuple[Array, Array | float]:
    """Return xi' at one overlap and xi'' at another."""
    slope = sum((c * p * (overlap if p == 2 else overlap ** (p - 1)) for c, p in terms), 0.0 * overlap)
    curvature = sum(c * p * (p - 1) * (1.0 if p == 2 else lagged ** (p - 2)) for c, p in terms if p > 1)
    return slope, curvature


def _precision_of_norm(field: Array) -> Array:
    """Return A, shape (n, 1), from the norm of m = B/(1 + A) on the sphere, 1 - m.m/size = 1/(1 + A)."""
    half = 0.5 + np.sqrt(0.25 + mean_product(field, field))
    return np.asarray(half - 1)
