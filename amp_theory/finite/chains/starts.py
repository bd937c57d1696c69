"""Where chains and trajectories start, and what side information tells them."""

from __future__ import annotations

from typing import Any

import numpy as np

from amp_theory.finite.instances.base import Instance, check_seed, fitting_side
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, as_array, told

#: relative deviation of sum s^2 from size that a start on the sphere may have
SPHERE_TOLERANCE = 1e-6
#: sets the random numbers of a run apart from those of an instance drawn with the same seed
RUN_KEY = 1_000_003


def generators(seed: int | np.random.SeedSequence, number: int) -> list[np.random.Generator]:
    """Return independent generators for a run.

    Without a key of its own a random start would be the planted configuration of the instance with the same seed.

    Parameters
    ----------
    seed
        An integer >= 0, or a `numpy.random.SeedSequence`, which is left as it is.
    number
        How many.
    """
    given = check_seed(seed)
    keys = [(*given.spawn_key, RUN_KEY, n) for n in range(number)]
    return [np.random.Generator(np.random.PCG64(np.random.SeedSequence(given.entropy, spawn_key=k))) for k in keys]


def start_configurations(instance: Instance, start: Any, chains: int, rng: np.random.Generator) -> Array:
    """Return configurations to start from, shape (chains, size).

    Parameters
    ----------
    instance
        The instance.
    start
        "random" (independent draws from the prior), "planted", or an array of shape (chains, size).
    chains
        How many.
    rng
        Source of random numbers.

    Raises
    ------
    InputError
        For an array of another shape or off the sphere, or a planted start of a random instance.
    """
    if isinstance(start, str):
        if start == "random":
            return np.array([instance._from_prior(rng) for _ in range(chains)])
        if start != "planted":
            raise InputError(f"start must be 'random', 'planted' or an array, got {told(start)}")
        if instance.planted is None:
            raise InputError("a random instance has no planted configuration to start from")
        return np.tile(instance.planted, (chains, 1))
    shape = (chains, instance.size)
    values = as_array("start", start, "finite")
    if values.shape != shape:
        raise InputError(f"start must have shape (chains, size) = {shape}, got {values.shape}")
    if not np.all(np.isfinite(values)):
        raise InputError("start must be finite")
    if instance.model.spherical:
        norm = (values * values).sum(axis=1, keepdims=True) / instance.size
        if np.any(np.abs(norm - 1) > SPHERE_TOLERANCE):
            raise InputError(f"start must have sum s^2 = size = {instance.size} in every chain")
        values = values / np.sqrt(norm)
    return values


def labels_of(values: Array, atoms: Array, name: str) -> Index:
    """Return which atom every value is; an `InputError` calls values that are none by `name`."""
    same = values[..., None] == atoms
    if not np.all(same.any(axis=-1)):
        bad = values[~same.any(axis=-1)].ravel()[0]
        raise InputError(f"{name} must be among the prior's values {atoms.tolist()}, got {bad:g}")
    return np.asarray(same.argmax(axis=-1))


def check_discrete(instance: Instance, what: str) -> None:
    """Raise an `InputError` unless the prior is discrete."""
    if not instance.discrete:
        raise InputError(
            f"{what} needs a discrete prior, {instance!r} has a continuous one: langevin samples spherical "
            "models, draw_samples others"
        )


def check_side(instance: Instance, side: SideInformation | None, chains: int) -> None:
    """Raise an `InputError` unless side information fits the instance and the number of chains."""
    if side is None:
        return
    fitting_side(instance, side)
    if side.size != instance.size or side.batch not in (1, chains):
        raise InputError(
            f"side must be about one or {chains} configurations of {instance.size} variables, got a batch of "
            f"{side.batch} with {side.size}"
        )


def discrete_start(
    instance: Instance, start: Any, chains: int, side: SideInformation | None, rng: np.random.Generator
) -> tuple[Index, Array]:
    """Return labels of values to start from, shape (chains, size), and log weights of the values, (.., size, values).

    The log weights are those of the prior and of the side information, -inf where it contradicts; known
    variables of a random start are set to their values.

    Raises
    ------
    InputError
        As `start_configurations`, and where a given start has values outside the prior or other than known ones.
    """
    atoms, probabilities = instance.variables.means, instance.variables.probabilities
    labels = labels_of(start_configurations(instance, start, chains, rng), atoms, "start")
    tilt = np.broadcast_to(np.log(probabilities), (1, instance.size, len(atoms)))
    if side is None:
        return labels, tilt
    known = labels_of(side.values[side.known], atoms, "known values")
    half = 0.5 * np.asarray(side.precision)[..., None]
    tilt = tilt + side.field[..., None] * atoms - half * atoms**2 + side.zero * (atoms == 0)
    told = np.zeros(side.known.shape, dtype=np.intp)
    told[side.known] = known
    tilt[side.known[..., None] & (np.arange(len(atoms)) != told[..., None])] = -np.inf
    wrong = side.known & (labels != told)
    if np.any(wrong) and not (isinstance(start, str) and start == "random"):
        raise InputError(f"start differs from the known values, first at variable {np.argwhere(wrong)[0][1]}")
    return np.where(side.known, told, labels), tilt
