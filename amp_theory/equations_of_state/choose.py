"""Which equation of state a model has: one function, with which every kind of model registers its own."""

from __future__ import annotations

from functools import singledispatch

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import CONFIDENCE_ORDERS
from amp_theory.models.base import Model
from amp_theory.models.coloring import Coloring
from amp_theory.models.perceptrons import RandomPerceptron
from amp_theory.models.sparse import SparseModel
from amp_theory.models.spin_glasses import FieldModel
from amp_theory.models.two_sides import TwoSidedModel
from amp_theory.tools.errors import InputError


def check_surface(path: Path) -> None:
    """Raise an `InputError` if what a path tells depends on the way there, so that there is no equation of state."""
    if path.order in CONFIDENCE_ORDERS:
        raise InputError(
            f"order = {path.order!r}: what is told depends on the way there, so that there is no equation of state, "
            "only `thresholds` and, at one control, `revealing_curve`; order='random' has all the rest"
        )


def check_random_order(path: Path) -> None:
    """Raise an `InputError` unless variables are revealed at random, of which formulas, many digits and proofs are."""
    check_surface(path)
    if path.order != "random":
        raise InputError(
            f"order = {path.order!r}: formulas, many digits and proofs are of order='random' only; `thresholds` has "
            "doubles with error bounds"
        )


@singledispatch
def equation_of_state_of(model: Model, path: Path) -> EquationOfState:
    """Return the equation of state of a model along a path: that of dense models, unless another kind is registered.

    Parameters
    ----------
    model, path
        The model and the denoising path.

    Raises
    ------
    InputError
        If the path is not defined for the model, or the model has no equation of state.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> equation_of_state_of(IsingPSpin(p=3), Flow()).symmetric
    True
    """
    from amp_theory.equations_of_state.dense import DenseEquationOfState

    return DenseEquationOfState(model, path)


@equation_of_state_of.register(FieldModel)
def _in_a_field(model: FieldModel, path: Path) -> EquationOfState:
    from amp_theory.equations_of_state.dense import DenseEquationOfState

    if not model.outer_overlap:
        return DenseEquationOfState(model, path)
    from amp_theory.equations_of_state.random_measures.fields import FieldMeasure
    from amp_theory.equations_of_state.random_measures.surfaces import RandomEquationOfState

    return RandomEquationOfState(FieldMeasure(model, path))


@equation_of_state_of.register(RandomPerceptron)
def _of_random_patterns(model: RandomPerceptron, path: Path) -> EquationOfState:
    from amp_theory.equations_of_state.random_measures.perceptrons import PerceptronMeasure
    from amp_theory.equations_of_state.random_measures.surfaces import RandomEquationOfState

    return RandomEquationOfState(PerceptronMeasure(model, path))


@equation_of_state_of.register(SparseModel)
def _sparse(model: SparseModel, path: Path) -> EquationOfState:
    from amp_theory.equations_of_state.sparse.degree_orders import DegreeOrderEquationOfState
    from amp_theory.equations_of_state.sparse.poisson_graphs import SparseEquationOfState
    from amp_theory.equations_of_state.sparse.regular_graphs import RegularEquationOfState

    if model.regular:  # all degrees are equal, so that every order by degree is the random one
        return RegularEquationOfState(model, path)
    return SparseEquationOfState(model, path) if path.order == "random" else DegreeOrderEquationOfState(model, path)


@equation_of_state_of.register(TwoSidedModel)
def _two_sides(model: TwoSidedModel, path: Path) -> EquationOfState:
    from amp_theory.equations_of_state.two_sides import TwoSidesEquationOfState

    return TwoSidesEquationOfState(model, path)


@equation_of_state_of.register(Coloring)
def _coloring(model: Coloring, path: Path) -> EquationOfState:
    raise model.elsewhere()
