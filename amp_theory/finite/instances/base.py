"""Finite instances of models: what they have in common, and how they are drawn.

An instance is a measure over configurations s of `size` variables with independent priors (or uniform on
the sphere), times exp(interaction(s)).  A planted instance was drawn together with a configuration `planted`, which
is an exact sample of the measure it defines; a random one has none.
"""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np

from amp_theory.finite.instances.scalar_posterior import draw_independent
from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.ingredients.paths.sides import check_no_side
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.models.base import Model
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, as_real, integer_between, told
from amp_theory.tools.files import check_output, to_json, write
from amp_theory.tools.reports import plain

#: the largest number of variables that is considered at all
LARGEST_SIZE = 10**7
#: the largest modulus of a variable whose powers in an energy stay finite
LARGEST_VALUE = 1e30
#: above every seed that a checkpoint keeps
LARGEST_SEED = 2**256
#: what files of instances say they are
FORMAT, VERSION = "amp_theory instance", 1


class Instance(ABC):
    """One instance of a model at a value of its control.

    Parameters
    ----------
    model, control, size
        The model, the value of its control, and the number of variables.
    planted
        The planted configuration, shape (size,); None for a random instance.

    Raises
    ------
    InputError
        If the planted configuration holds no real numbers.

    See Also
    --------
    draw_instance : Which makes one.

    Examples
    --------
    >>> from amp_theory import SherringtonKirkpatrick, draw_instance
    >>> instance = draw_instance(SherringtonKirkpatrick(), control=0.5, size=100, seed=0)
    >>> s = np.ones(100)
    >>> float(instance.interaction(s)[0].round(6)), float(instance.energy(s)[0].round(6))
    (5.903153, -0.029516)
    >>> float(instance.overlap(s, instance.planted).round(6))
    0.12
    """

    def __init__(self, model: Model, control: float, size: int, planted: Array | None) -> None:
        self.model = model
        self.control = control
        self.size = size
        self.planted = None if planted is None else as_real("planted", planted)

    def __repr__(self) -> str:
        kind = "random" if self.planted is None else "planted"
        return f"<{kind} instance of {self.model!r}, {self.model.control} = {self.control:g}, size {self.size}>"

    @cached_property
    def variables(self) -> Mixture:
        """The prior of one variable, of a density nodes that are as far apart as its moments allow."""
        return self.model.without_field.variable_prior.resolved(0.0)

    def _resolved(self, precision: float) -> Mixture:
        """Return the prior of one variable, of a density nodes fine enough for observations of this precision."""
        return self.model.without_field.variable_prior.resolved(precision)

    @property
    def discrete(self) -> bool:
        """Whether all variables have certain values only; nodes that stand for a density are none."""
        return not self.model.spherical and all(math.isfinite(prior.entropy) for prior in self.priors)

    @property
    def kinds(self) -> tuple[tuple[slice, Mixture], ...]:
        """Which variables are of each kind, and their prior: all of one kind unless an instance says otherwise."""
        return ((slice(0, self.size), self.variables),)

    @property
    def priors(self) -> tuple[Prior, ...]:
        """The prior of each kind of variables."""
        return (self.model.without_field.variable_prior,)

    @property
    def blocks(self) -> Index:
        """Where the numbers that make one variable are, shape (variables, 1), of vectors their components."""
        return np.arange(self.size)[:, None]

    def _told_by(self, path: Path) -> Mask:
        """Return which numbers of a configuration a path tells something."""
        check_no_side(path, f"the variables of {self.model!r}")
        return np.ones(self.size, dtype=bool)

    def _allowed_values(self, kind: int) -> Array | None:
        """Return the values that one kind's variables may have."""
        discrete = math.isfinite(self.priors[kind].entropy) and not self.model.spherical
        return self.kinds[kind][1].means[:, None] if discrete else None

    def _completed(self, values: Array, told: Mask, rng: np.random.Generator) -> Array:
        """Return configurations in which a kind of variables that was told nothing is drawn, given the other one."""
        return values

    def _kind_means(self, products: Array) -> tuple[Array, ...]:
        """Return overlaps from products a_i b_i: of all variables, or of each kind."""
        return (np.asarray(products.mean(axis=-1)),)

    def _from_prior(self, rng: np.random.Generator) -> Array:
        """Draw a configuration without the interaction: from the prior, or on the sphere."""
        return draw_planted(self.model, self.size, rng)

    def observe(self, path: Path, strength: float, rng: np.random.Generator) -> SideInformation:
        """Draw what a path tells about the planted configuration, of two kinds of variables about the path's side.

        Parameters
        ----------
        path
            A path; its side says which of two kinds of variables it tells something.
        strength
            One strength in [0, limit].
        rng
            A generator of random numbers.

        Returns
        -------
        SideInformation
            About one configuration, as `Path.observe` draws it.

        Raises
        ------
        InputError
            For a random instance, or where the path refuses.

        Examples
        --------
        >>> from amp_theory import Flow, Gaussian, Rademacher, RectangularMatrix, draw_instance
        >>> model = RectangularMatrix(Gaussian(), Rademacher(), aspect=0.5)
        >>> instance = draw_instance(model, control=0.5, size=4, seed=0)
        >>> side = instance.observe(Flow(side="v"), 0.3, np.random.default_rng(0))
        >>> side.precision.tolist(), side.field[0, :4].tolist()
        ([0.0, 0.0, 0.0, 0.0, 0.3, 0.3], [0.0, 0.0, 0.0, 0.0])
        """
        if self.planted is None:
            raise InputError(f"{self!r} has no planted configuration to observe: draw a planted one")
        return as_path(path).observe(self.planted[None], strength, rng)

    @property
    @abstractmethod
    def flip_symmetric(self) -> bool:
        """Whether s and -s have equal weight."""

    @property
    def hard(self) -> bool:
        """Whether constraints that hold exactly forbid configurations, in every part of the interaction: mostly not."""
        return False

    @abstractmethod
    def interaction(self, configurations: Array) -> Array:
        """Return the logarithm of the weight relative to the priors, shape (n,), for configurations (n, size).

        Parameters
        ----------
        configurations
            Configurations, shape (n, size) or (size,), in the units of s.

        Returns
        -------
        array
            Log weights in nats, -inf where a constraint is violated.

        Raises
        ------
        InputError
            If they are of another shape, or not finite.
        """

    @abstractmethod
    def energy(self, configurations: Array) -> Array:
        """Return the energy per variable, shape (n,), in the units of the model's Hamiltonian.

        Parameters
        ----------
        configurations
            Configurations, shape (n, size) or (size,), in the units of s.

        Returns
        -------
        array
            Energies per variable.

        Raises
        ------
        InputError
            If they are of another shape, or not finite.
        """

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the instance, with the planted configuration if there is one, as NPZ without pickled objects.

        Parameters
        ----------
        path
            The file, .npz.
        overwrite
            Whether an existing file is replaced.

        Raises
        ------
        InputError
            For another ending, or an instance of a kind of one's own.
        FileError
            If the file exists, or cannot be written; what was there is left as it was.

        See Also
        --------
        load_instance : Which reads it, with an example.
        """
        target, arrays = check_output(path, (".npz",), overwrite), self._data()
        if self.planted is not None:
            arrays["planted"] = self.planted
        parameters = plain(self.model.parameters)
        header = {"format": FORMAT, "version": VERSION, "model": self.model.name, "parameters": parameters,
                  "control": self.control}  # fmt: skip
        write(target, lambda stream: np.savez(stream, header=np.array(to_json(header)), **arrays))

    def _data(self) -> dict[str, Any]:
        """Return the arrays that make this instance, by name."""
        raise InputError(f"instances of {self.model!r} have no form in a file: keep model, control, size and seed")

    def _checked(self, configurations: object, name: str = "configurations", any_shape: bool = False) -> Array:
        """Return finite configurations of shape (n, size), or of any shape (..., size)."""
        s = as_real(name, configurations)
        s = s if any_shape else np.atleast_2d(s)
        shape = "(..., size)" if any_shape else "(n, size)"
        good = s.ndim == 0 or s.shape[-1] == self.size if any_shape else s.shape[1:] == (self.size,)
        if not good:
            raise InputError(f"{name} must have shape {shape} with size = {self.size}, got {s.shape}")
        if not np.all(np.abs(s) <= LARGEST_VALUE):
            raise InputError(f"{name} must be finite, of modulus up to {LARGEST_VALUE:g}, got {told(configurations)}")
        return s

    def overlap(self, a: Array, b: Array) -> Array:
        """Return sum_i a_i b_i/size over the last axis, its absolute value where s and -s are alike.

        Parameters
        ----------
        a, b
            Configurations or means, shapes (..., size) that broadcast.

        Returns
        -------
        array
            The overlaps, shape (...).

        Raises
        ------
        InputError
            If they are of other shapes, or not finite.
        """
        first, second = (self._checked(s, name, any_shape=True) for s, name in ((a, "a"), (b, "b")))
        try:
            result = np.asarray((first * second).sum(axis=-1) / self.size)
        except ValueError:
            raise InputError(f"a and b must broadcast, got shapes {first.shape} and {second.shape}") from None
        return np.abs(result) if self.flip_symmetric else result


def as_instance(instance: object) -> Instance:
    """Return `instance` if it is one, else raise an `InputError` that tells where to get one."""
    if not isinstance(instance, Instance):
        raise InputError(f"instance must come from draw_instance, got {told(instance)}")
    return instance


def fitting_side(instance: Instance, side: object) -> SideInformation:
    """Return side information about configurations of an instance's size."""
    if not isinstance(side, SideInformation):
        raise InputError(f"side must be SideInformation or None, got {told(side)}")
    if side.size != instance.size:
        raise InputError(f"the side information has {side.size} variables, the instance {instance.size}")
    return side


def check_size(size: object, least: int) -> int:
    """Return a number of variables that is large enough for the model's interactions."""
    return integer_between("size", size, least, LARGEST_SIZE)


def check_memory(needed: float, what: str) -> None:
    """Raise an `InputError` if more bytes are needed than this machine has."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > 0.8 * available:
        raise InputError(
            f"{what} needs {needed / 2**30:.3g} GiB of memory, of which this machine has {available / 2**30:.3g}: "
            "choose a smaller size"
        )


def check_seed(seed: object) -> np.random.SeedSequence:
    """Return the seed sequence of a non-negative integer, or the sequence given."""
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be an integer >= 0, got {told(seed)}")
    return np.random.SeedSequence(int(seed))


def check_master_seed(seed: Any) -> int:
    """Return the seed of a run of many tasks, which its checkpoint keeps: an integer >= 0."""
    if isinstance(seed, np.random.SeedSequence):
        raise InputError(f"seed must be an integer >= 0, got {told(seed)}")
    check_seed(seed)
    if seed >= LARGEST_SEED:
        raise InputError(f"seed must be below 2**256, got {told(seed)}")
    return int(seed)


def draw_planted(model: Model, size: int, rng: np.random.Generator) -> Array:
    """Draw a configuration from the prior, on the sphere sum s^2 = size where the model is spherical."""
    if model.spherical:
        s = rng.standard_normal(size)
        return np.asarray(s * np.sqrt(size / (s @ s)))
    return draw_independent(model.without_field.variable_prior, size, rng)
