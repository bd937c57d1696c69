"""The geometry of a model along a path, solved once and kept."""

from __future__ import annotations

from functools import lru_cache, singledispatch

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.choose import check_surface, equation_of_state_of
from amp_theory.equations_of_state.random_measures.surfaces import RandomEquationOfState
from amp_theory.equations_of_state.sparse.regular_graphs import RegularEquationOfState
from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.sides import check_no_side
from amp_theory.models.base import Model, as_model
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.geometry.random_measures import RandomGeometry
from amp_theory.phases.geometry.regular_graphs import RegularGeometry
from amp_theory.tools.errors import InputError
from amp_theory.tools.progress import stage

#: error bounds of located points, in units of what the errors of the surface make
SAFETY = 4.0


@singledispatch
def geometry_over(eos: EquationOfState) -> Geometry:
    """Return the folds and branches of an equation of state."""
    return Geometry(eos)


@geometry_over.register(RegularEquationOfState)
def _of_all_degrees(eos: RegularEquationOfState) -> Geometry:
    return RegularGeometry(eos)


@geometry_over.register(RandomEquationOfState)
def _of_all_controls(eos: RandomEquationOfState) -> Geometry:
    return RandomGeometry(eos)


def geometry_of(model: Model, path: Path) -> Geometry:
    """Return the (cached) folds and branches of a model along a path, for what is derived for planted measures.

    Raises
    ------
    InputError
        If the model is a random measure whose samples overlap.
    """
    check_pair(model, path)
    model.check_planted()
    return solved(model, path)


def any_geometry_of(model: Model, path: Path) -> Geometry:
    """Return the same, for what holds for random measures whose samples overlap as well."""
    check_pair(model, path)
    return solved(model, path)


def check_pair(model: object, path: object) -> None:
    """Raise an `InputError` unless given a model and a path that have an equation of state, both hashable."""
    check_order(model, path)
    check_surface(as_path(path))


def check_order(model: object, path: object) -> None:
    """Raise an `InputError` unless given a model and a path, both hashable, and order and side that the model knows."""
    model, path = as_model(model), as_path(path)
    known, order = model.orders, path.order
    if order not in known:
        raise InputError(
            f"order = {order!r} is not known for {model!r}, whose variables are revealed in these orders: "
            f"{', '.join(known)}; orders by degree are of sparse graphs, those by confidence of dense models of spins"
        )
    if path.side not in (None, *model.sides):
        check_no_side(path, f"the variables of {model!r}")
    try:
        hash((model, path))
    except TypeError as error:
        raise InputError(
            f"models and paths must be hashable (frozen dataclasses), {error}: {model!r}, {path!r}"
        ) from None


@lru_cache(maxsize=256)
def solved(model: Model, path: Path) -> Geometry:
    """Return the folds and branches, computed once for equal arguments."""
    with stage("folds of %r along %r", model, path):
        return geometry_over(equation_of_state_of(model, path))
