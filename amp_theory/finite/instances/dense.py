"""Dense instances: every variable interacts with every other through symmetric tensors.

With the coupling xi(q) = sum_p c_p q^p at the given control, an instance observes for every p

    J_{i1..ip} = sqrt(lambda_p) s*_{i1}..s*_{ip} + W_{i1..ip},    lambda_p = p! c_p/N^{p-1},

W a symmetric tensor of variance one, so that the log weight of a configuration relative to the prior is

    sum_p [ sqrt(lambda_p)/p! sum_{i1..ip} J s..s  -  (lambda_p/2) e_p(s_1^2, ..., s_N^2) ],

e_p the elementary symmetric polynomial; the second part is the same for all Ising configurations.  Independent
variables have distinct indices only; on the sphere all indices take part, W being a symmetrised tensor of
independent entries, and the second part is constant: the covariance of the energies is then N xi(q) exactly.  A random
instance has s* = 0.  The same weights are those of the p-spin, exp(-H/T) with J of variance p!/(2 N^{p-1}); an
external field is a term p = 1 with equal entries h/T and lambda = 0.

Tensors may be stored in single precision: the sums for an entry are rounded p + 3 times to 24 digits.  All that is
computed with them is in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, permutations
from typing import Any

import numpy as np

from amp_theory.finite.instances.base import Instance, check_memory, check_size, draw_planted
from amp_theory.models.base import Model
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_real

#: into how many parts the axes of a tensor are cut when it is drawn, and the bytes up to which it is not
BLOCKS, SMALL = 4, 2**20
#: how tensors are stored
STORAGES: dict[str, np.dtype[Any]] = {"double": np.dtype(np.float64), "single": np.dtype(np.float32)}
#: the smallest and the largest scale of entries that keep their digits in single precision
SMALLEST_SCALE, LARGEST_SCALE = 1e-30, 1e30
#: entries in single precision that are copied to doubles at once, such that these stay in the processor's cache
COPIED = 2**16


@dataclass(frozen=True, eq=False)
class Term:
    """The interaction among p variables: weight lambda_p and the symmetric tensor sqrt(lambda_p) J, also as singles."""

    bodies: int
    weight: float
    tensor: Array

    def __post_init__(self) -> None:
        if getattr(self.tensor, "dtype", None) != STORAGES["single"]:
            object.__setattr__(self, "tensor", as_real("tensor", self.tensor))

    def contract(self, s: Array) -> Array:
        """Return sum_{i2..ip} tensor s..s/(p - 1)! for a batch s of shape (n, size): the field on every variable."""
        size, single = s.shape[1], self.tensor.dtype == STORAGES["single"]
        if self.bodies == 2 and not single:
            return s @ self.tensor
        if self.bodies == 1:
            return np.broadcast_to(np.asarray(self.tensor, dtype=float), s.shape)
        if single:
            field = _product_of_singles(s, self.tensor.reshape(-1, size))
        else:
            field = s @ self.tensor.reshape(size, size ** (self.bodies - 1))
        for k in range(self.bodies - 2):
            field = np.matmul(s[:, None, :], field.reshape(len(s), size, size ** (self.bodies - 2 - k)))[:, 0]
        return np.asarray(field / math.factorial(self.bodies - 1) if self.bodies > 2 else field)


def _product_of_singles(s: Array, rows: Array) -> Array:
    """Return s @ rows.T in double precision, of rows in single precision: part by part, as a copy would be large."""
    field = np.empty((len(s), len(rows)))
    number = max(COPIED // rows.shape[1], 1)
    copied = np.empty((number, rows.shape[1]))
    for first in range(0, len(rows), number):
        part = rows[first : first + number]
        copied[: len(part)] = part
        np.matmul(s, copied[: len(part)].T, out=field[:, first : first + number])
    return field


def elementary(squares: Array, order: int) -> Array:
    """Return the elementary symmetric polynomial e_p of the last axis, from power sums (Newton's identities)."""
    sums = [(squares**k).sum(axis=-1) for k in range(1, order + 1)]
    e = [np.ones(squares.shape[:-1])]
    for n in range(1, order + 1):
        e.append(sum((-1) ** (k - 1) * e[n - k] * sums[k - 1] for k in range(1, n + 1)) / n)
    return np.asarray(e[order])


class DenseInstance(Instance):
    """An instance of a dense model with a polynomial coupling."""

    def __init__(self, model: Model, control: float, size: int, planted: Array | None, terms: Sequence[Term]) -> None:
        super().__init__(model, control, size, planted)
        self.terms = tuple(terms)

    @cached_property
    def constant_norm(self) -> bool:
        """Whether the quadratic part of the log weight is the same for all configurations."""
        return self.model.spherical or bool(np.ptp(self.variables.means**2) == 0 and self.discrete)

    @property
    def storage(self) -> str:
        """How tensors are stored: "double" or "single" precision."""
        return next(name for name, kind in STORAGES.items() if kind == self.terms[0].tensor.dtype)

    @property
    def flip_symmetric(self) -> bool:
        """Whether all interactions are even and the prior is symmetric."""
        return self.variables.symmetric and all(t.bodies % 2 == 0 for t in self.terms)

    def _data(self) -> dict[str, Array]:
        return {f"tensor_{t.bodies}": t.tensor for t in self.terms}

    def field(self, configurations: Array) -> Array:
        """Return the derivative of the linear part of the log weight in every variable, shape (n, size)."""
        first = self.terms[0].contract(configurations)
        return sum((t.contract(configurations) for t in self.terms[1:]), first) if len(self.terms) > 1 else first

    def linear(self, configurations: Array) -> Array:
        """Return sum_p sqrt(lambda_p)/p! sum J s..s, shape (n,)."""
        return np.asarray(sum((t.contract(configurations) * configurations).sum(axis=1) / t.bodies for t in self.terms))

    def interaction(self, configurations: Array) -> Array:
        """Return the log weight relative to the prior, shape (n,), without the part that is constant."""
        s = self._checked(configurations)
        result = self.linear(s)
        if not self.constant_norm:
            result = result - 0.5 * sum(t.weight * elementary(s * s, t.bodies) for t in self.terms)
        return np.asarray(result)

    def energy(self, configurations: Array) -> Array:
        """Return the energy per variable: minus the log weight, times T where the control is a temperature."""
        return -self.model.energy_unit(self.control) * self.interaction(configurations) / self.size

    def coupling(self, overlap: Array) -> tuple[Array, Array]:
        """Return xi'(q) and xi''(q), in terms of what was drawn: lambda_p N^{p-1}/p! = c_p."""
        slope, curvature = np.zeros_like(overlap), np.zeros_like(overlap)
        for t in self.terms:
            p = t.bodies
            c = t.weight * float(self.size) ** (p - 1) / math.factorial(p)
            slope = slope + c * p * overlap ** (p - 1)
            if p > 1:
                curvature = curvature + c * p * (p - 1) * overlap ** (p - 2)
        return slope, curvature


def polynomial_terms(model: Model, control: float) -> list[tuple[int, float]]:
    """Return (p, c_p) of the coupling xi(q) = sum_p c_p q^p at a control.

    Raises
    ------
    InputError
        If the coupling is not a polynomial.
    """
    coupling = model.polynomial
    if coupling is None:
        raise InputError(f"finite instances need a polynomial coupling, {model!r} has {model.coupling!r}")
    intensity = float(model.intensity(np.asarray(control)))
    scaled, fixed = coupling.float_terms
    return sorted([(p, intensity * c) for p, c in scaled] + list(fixed))


def _add_permutations(tensor: Array) -> None:
    """Add all permutations of its axes to a tensor, in place.

    Entries are needed by their permutations: blocks that exchange entries are read before one of them is written.
    Singles are added as doubles, which then have the digits to be the same in every order.
    """
    if tensor.ndim < 2:
        return
    for part in tensor:
        _add_permutations(part)
    size = len(tensor)
    number = BLOCKS * STORAGES["double"].itemsize // tensor.itemsize
    width = -(-size // number) if tensor.nbytes > SMALL else size
    blocks = [slice(n, n + width) for n in range(0, size, width)]
    for chosen in combinations_with_replacement(range(len(blocks)), tensor.ndim):
        places = [tuple(blocks[n] for n in order) for order in sorted(set(permutations(chosen)))]
        # the last axes are done: the first one is exchanged with each of them
        sums = [_with_exchanges(tensor, at) for at in places]
        for at, block in zip(places, sums, strict=True):
            tensor[at] = block


def _with_exchanges(tensor: Array, at: tuple[slice, ...]) -> Array:
    """Return a block of a tensor, in double precision, plus those in which the first axis is exchanged with another."""
    total = np.swapaxes(tensor, 0, 1)[at].astype(float)
    for n in range(2, tensor.ndim):
        total += np.swapaxes(tensor, 0, n)[at]
    total += tensor[at]
    return total


def symmetric_noise(size: int, bodies: int, rng: np.random.Generator, storage: str = "double") -> Array:
    """Return sqrt(p!) times the symmetrisation of a tensor of independent normal numbers.

    Entries with distinct indices have variance one, others the product of the factorials of the multiplicities.
    """
    noise = np.empty((size,) * bodies, dtype=STORAGES[storage])
    flat = noise.reshape(-1)
    for first in range(0, flat.size, COPIED):  # all at once would be doubles
        part = flat[first : first + COPIED]
        part[:] = rng.standard_normal(part.size)
    _add_permutations(noise)
    np.divide(noise, math.sqrt(math.factorial(bodies)), out=noise, dtype=float, casting="same_kind")
    return noise


def without_coincidences(tensor: Array) -> None:
    """Set entries with equal indices to zero, in place."""
    every = np.arange(tensor.shape[0])
    for a in range(tensor.ndim):
        for b in range(a):
            moved = np.moveaxis(tensor, (b, a), (0, 1))
            moved[every, every] = 0.0


def drawing_bytes(bodies: Sequence[int], size: int, storage: str = "double") -> float:
    """Return how many bytes it takes to draw an instance with these numbers of bodies."""
    return STORAGES[storage].itemsize * (sum(float(size) ** p for p in bodies) + 0.3 * float(size) ** max(bodies))


def draw_dense(
    model: Model, control: float, size: object, rng: np.random.Generator, planted: bool, storage: str = "double"
) -> DenseInstance:
    """Draw an instance of a dense model; see `draw_instance`."""
    terms = polynomial_terms(model.without_field, control)
    most = max(p for p, _ in terms)
    n = check_size(size, max(2, most))
    check_memory(drawing_bytes([p for p, _ in terms], n, storage), f"{model!r} with size {n}")
    truth = draw_planted(model, n, rng)
    drawn = []
    for p, c in terms:
        weight = math.factorial(p) * c / float(n) ** (p - 1)
        if storage == "single" and weight and not SMALLEST_SCALE <= math.sqrt(weight) <= LARGEST_SCALE:
            raise InputError(
                f"entries of scale {math.sqrt(weight):.3g} lose their digits in single precision, which has "
                f"{SMALLEST_SCALE:g} to {LARGEST_SCALE:g}: leave storage at 'double'"
            )
        tensor = symmetric_noise(n, p, rng, storage)
        _scale(tensor, weight, truth if planted else None)
        if not model.spherical:
            without_coincidences(tensor)
        drawn.append(Term(p, weight, tensor))
    if model.external_field:  # the same on every variable, no part of xi
        field = model.external_field / model.energy_unit(control)
        drawn.append(Term(1, 0.0, np.full(n, field, dtype=STORAGES[storage])))
    return DenseInstance(model, control, n, truth if planted else None, drawn)


def _scale(tensor: Array, weight: float, planted: Array | None) -> None:
    """Multiply a tensor by sqrt(weight) and add weight v_{i1}..v_{ip} of a planted configuration v, in place.

    Both in double precision: what is added to rounded numbers would be rounded alike in many entries.
    """
    for i, slab in enumerate(tensor):
        scaled = np.multiply(slab, math.sqrt(weight), dtype=float)
        if planted is not None:
            part = planted[i]
            for _ in range(tensor.ndim - 1):
                part = np.multiply.outer(part, planted)
            scaled += weight * part
        tensor[i] = scaled
