"""Draw instances of any model that has them."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, overload

import numpy as np

from amp_theory.finite.instances.base import Instance, check_seed
from amp_theory.finite.instances.dense import STORAGES, draw_dense
from amp_theory.finite.instances.graphs import draw_graph
from amp_theory.finite.instances.linear import draw_glm
from amp_theory.finite.instances.random_patterns import draw_patterns
from amp_theory.finite.instances.rotational import draw_row_orthogonal, draw_spectral
from amp_theory.finite.instances.two_sides import draw_two_sides
from amp_theory.models.base import Model, Target, as_model
from amp_theory.models.coloring import Coloring
from amp_theory.models.measurements import GLM, RowOrthogonalSensing, SpectralSensing
from amp_theory.models.own_names import at_control
from amp_theory.models.perceptrons import RandomPerceptron
from amp_theory.models.sparse import SparseModel
from amp_theory.models.two_sides import TwoSidedModel
from amp_theory.tools.errors import InputError, as_float, one_of


@overload
def draw_instance(
    model: Model, control: float, size: int, seed: int | np.random.SeedSequence, target: Target | None = None,
    storage: str = "double",
) -> Instance: ...  # fmt: skip
@overload
def draw_instance(
    model: Model, *, size: int, seed: int | np.random.SeedSequence, target: Target | None = None,
    storage: str = "double", **named: float,
) -> Instance: ...  # fmt: skip
def draw_instance(
    model: Model, control: float | None = None, size: Any = None, seed: Any = None, target: Any = None,
    storage: str = "double", **named: float,
) -> Instance:  # fmt: skip
    """Draw an instance of a model, reproducible from its seed.

    Parameters
    ----------
    model, control
        A dense model with a polynomial coupling, measurements, a model on sparse graphs or one with variables of two
        kinds, and the value of its control.
    size
        Number of variables; with two kinds that of u, and there are round(aspect size) v.
    seed
        An integer >= 0, or a `numpy.random.SeedSequence`.
    target
        "planted" (default) or "random"; models in an external field and random perceptrons have random
        instances only.
    storage
        "double", or "single": tensors of dense models are those of the same seed, rounded to half the memory.  Fields
        then differ by about 6e-8 sqrt(xi'(q)) at any size, q = |s|^2/N; all is computed from them in double precision.
    **named
        The control under the model's own name for it, such as temperature=0.7.

    Returns
    -------
    Instance
        Its couplings, measurements or graph, and the planted configuration if there is one.

    Raises
    ------
    InputError
        For a model without finite instances, a size too small or too large for memory, or a bad seed; for single
        precision of what has no tensors, or of entries below 1e-30 or above 1e30.

    Examples
    --------
    >>> from amp_theory import IsingPSpin
    >>> instance = draw_instance(IsingPSpin(3), control=0.7, size=20, seed=1)
    >>> instance.planted.shape, float(instance.overlap(instance.planted, instance.planted))
    ((20,), 1.0)
    """
    as_model(model)
    value = float(model.check_control(as_float(model.control, at_control(model, control, named))))
    rng = np.random.Generator(np.random.PCG64(check_seed(seed)))
    default = "random" if model.outer_overlap else "planted"
    planted = model.check_target(default if target is None else target) == "planted"
    if one_of("storage", storage, STORAGES) == "single":
        if drawn.dispatch(type(model)) is not drawn.dispatch(Model):
            raise InputError(f"storage = 'single' is for the tensors of dense models, {model!r} has none: leave it out")
        return draw_dense(model, value, size, rng, planted, storage)
    return drawn(model, value, size, rng, planted)


@singledispatch
def drawn(model: Model, control: float, size: object, rng: np.random.Generator, planted: bool) -> Instance:
    """Return an instance of a model: that of a dense one, unless another kind is registered.

    Parameters
    ----------
    model, control, size
        As for `draw_instance`, the control checked.
    rng
        Where all random numbers come from.
    planted
        Whether a configuration is drawn first.
    """
    return draw_dense(model, control, size, rng, planted)


drawn.register(GLM, draw_glm)
drawn.register(RandomPerceptron, draw_patterns)
drawn.register(RowOrthogonalSensing, draw_row_orthogonal)
drawn.register(SpectralSensing, draw_spectral)
drawn.register(SparseModel, draw_graph)
drawn.register(TwoSidedModel, draw_two_sides)


@drawn.register(Coloring)
def _coloured(model: Coloring, control: float, size: object, rng: np.random.Generator, planted: bool) -> Instance:
    raise InputError(f"finite instances on graphs are those of binary factors, {model!r} has none")
