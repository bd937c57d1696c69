"""Planted colouring of Poisson random graphs with q colours."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.priors.base import Prior
from amp_theory.models.base import Model
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, integer_between

#: the largest density: with ten colours none is left beyond 21
DENSEST = 1e3


@dataclass(frozen=True)
class Coloring(Model):
    """Planted colouring of Poisson random graphs with q colours; density = edges per node, mean degree 2 density.

    Parameters
    ----------
    q
        Number of colours, 3 to 10.
    population
        Messages in a population, 1000 to 10^7.
    sweeps
        Sweeps of a run, the first quarter of which is left out.
    runs
        Independent runs, at least 2, from which errors are estimated.
    seed
        Seed of all random numbers, >= 0.

    Raises
    ------
    InputError
        If one of them is no integer in its range.

    See Also
    --------
    population_isotherm, population_fixed_point, population_thresholds

    References
    ----------
    L. Zdeborova and F. Krzakala, Phys. Rev. E 76, 031131 (2007).

    Examples
    --------
    >>> model = Coloring(4)
    >>> model.weak_recovery, round(model.bounds["satisfiability"], 6)
    (4.5, 4.818842)
    """

    q: int
    population: int = 5_000
    sweeps: int = 120
    runs: int = 3
    seed: int = 0
    name: ClassVar[str] = "coloring"
    control: ClassVar[str] = "density"
    control_symbol: ClassVar[str] = r"\alpha"
    easier: ClassVar[Literal["up", "down"]] = "up"

    def __post_init__(self) -> None:
        limits = {"q": (3, 10), "population": (1000, 10**7), "sweeps": (8, 10**7), "runs": (2, 10**4),
                  "seed": (0, 2**63)}  # fmt: skip
        for item in fields(self):
            value = integer_between(item.name, getattr(self, item.name), *limits[item.name])
            object.__setattr__(self, item.name, value)

    @property
    def variable_prior(self) -> Prior:
        """None: colours are no scalar variables.

        Raises
        ------
        InputError
            Always: it names the functions that take colours.
        """
        raise self.elsewhere()

    def elsewhere(self) -> InputError:
        """Return the error that tells which questions about colours are answered.

        Returns
        -------
        InputError
            The error, not raised.

        See Also
        --------
        population_thresholds : One of the functions that take colours.
        """
        return InputError(
            f"{self!r} is solved by population dynamics: thresholds, population_isotherm and population_fixed_point "
            "take it; diagrams, exact fixed points and state evolution of scalar variables do not"
        )

    @property
    def random_counterpart(self) -> bool:
        """Whether random graphs are contiguous to planted ones up to condensation: by symmetry, always."""
        return True

    def check_control(self, control: npt.ArrayLike) -> Array:
        """Return `control` as an array after checking that every value is positive and not absurd."""
        values = as_array(self.control, control, "> 0")
        good = (values > 0) & (values <= DENSEST)
        if not np.all(good):
            raise InputError(f"{self.control} must lie in (0, {DENSEST:g}], got {values[~good].ravel()[0]:g}")
        return values

    def scalings(self) -> dict[str, tuple[float, float]]:
        """Return density, and the mean degree c = 2 density."""
        return {"density": (1.0, 1.0), "mean_degree": (2.0, 1.0)}

    @property
    def weak_recovery(self) -> float:
        """The density of Kesten and Stigum, c = (q - 1)^2."""
        return (self.q - 1) ** 2 / 2

    @property
    def bounds(self) -> dict[str, float]:
        """The first-moment bound on colourability."""
        return {"satisfiability": -math.log(self.q) / math.log(1 - 1 / self.q)}
