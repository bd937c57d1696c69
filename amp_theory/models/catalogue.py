"""Models, priors, paths and schedules by the names used on the command line and in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from amp_theory.ingredients.outputs.logistic import Logistic
from amp_theory.ingredients.outputs.margins import Margin
from amp_theory.ingredients.outputs.named import (
    AbsChannel,
    DoorChannel,
    LinearChannel,
    OutputChannel,
    ProbitChannel,
    ReLUChannel,
    SignChannel,
    SymmetricPerceptron,
)
from amp_theory.ingredients.outputs.potentials import Potential
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.letters import Birth
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.ingredients.paths.schedules import (
    FlipProbability,
    FractionRevealed,
    LinearInterpolant,
    MaskedDiffusion,
    Retention,
    Schedule,
    StochasticLocalization,
    StrengthAsTime,
    TrigonometricInterpolant,
    VarianceExploding,
    VariancePreserving,
)
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.named import Discrete, GaussBernoulli, Gaussian, Rademacher, SparseRademacher
from amp_theory.models.base import Model
from amp_theory.models.block_model import StochasticBlockModel
from amp_theory.models.coloring import Coloring
from amp_theory.models.measurements import GLM, RowOrthogonalSensing, SpectralSensing
from amp_theory.models.perceptrons import RandomPerceptron
from amp_theory.models.sparse import XORSAT, Bicoloring
from amp_theory.models.spiked import SpikedMatrix, SpikedMatrixTensor, SpikedTensor
from amp_theory.models.spin_glasses import IsingPSpin, MixedPSpin, SherringtonKirkpatrick, SphericalPSpin
from amp_theory.models.synonyms import canonical, meanings, with_our_names
from amp_theory.models.two_sides import GaussianMixture, RectangularMatrix
from amp_theory.tools.errors import InputError, MisplacedError, told, unknown_name

MODELS: dict[str, type[Model]] = {
    m.name: m
    for m in (
        IsingPSpin,
        SphericalPSpin,
        SherringtonKirkpatrick,
        MixedPSpin,
        SpikedMatrix,
        SpikedTensor,
        SpikedMatrixTensor,
        StochasticBlockModel,
        GLM,
        RowOrthogonalSensing,
        SpectralSensing,
        RandomPerceptron,
        RectangularMatrix,
        GaussianMixture,
        Bicoloring,
        XORSAT,
        Coloring,
    )
}
PRIORS: dict[str, type[Prior]] = {p.name: p for p in (Rademacher, SparseRademacher, Gaussian, GaussBernoulli, Discrete)}
CHANNELS: dict[str, type[OutputChannel]] = {
    c.name: c
    for c in (
        LinearChannel,
        SignChannel,
        ProbitChannel,
        AbsChannel,
        ReLUChannel,
        DoorChannel,
        SymmetricPerceptron,
    )
}
POTENTIALS: dict[str, type[Potential]] = {p.name: p for p in (Margin, Logistic)}
#: parts of models, whose own parameters stand flat beside their name, with its suffix
PARTS: dict[str, Mapping[str, type[Any]]] = {
    "prior": PRIORS, "channel": CHANNELS, "prior_u": PRIORS, "prior_v": PRIORS,
    "potential": POTENTIALS,
}  # fmt: skip
PATHS: dict[str, type[Path]] = {p.name: p for p in (Flow, Autoregressive, UniformDiscreteDiffusion, Birth)}
SCHEDULES: dict[str, type[Schedule]] = {
    s.name: s
    for s in (
        LinearInterpolant,
        TrigonometricInterpolant,
        VariancePreserving,
        VarianceExploding,
        StochasticLocalization,
        FractionRevealed,
        MaskedDiffusion,
        Retention,
        FlipProbability,
        StrengthAsTime,
    )
}


def arguments(kind: Callable[..., Any]) -> dict[str, bool]:
    """Return the names of a class's arguments, as they are written here, and whether each must be given."""
    signature, written = inspect.signature(kind), getattr(kind, "written", {})
    return {written.get(name, name): p.default is inspect.Parameter.empty for name, p in signature.parameters.items()}


def arguments_of_part(part: str, kind: Callable[..., Any]) -> dict[str, bool]:
    """Return the names of the arguments of a part of a model, which have the suffix of its name.

    Examples
    --------
    >>> arguments_of_part("prior_u", SparseRademacher)
    {'rho_u': True}
    """
    return {f"{name}{part.partition('_')[1]}{part.partition('_')[2]}": must for name, must in arguments(kind).items()}


def _lookup(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    return table[canonical(kind, name, table)]


def build_model(name: str, parameters: Mapping[str, Any]) -> Model:
    """Make a model from its name and parameters, those of a prior or a channel flat beside its name.

    Usual short forms of names ("sk") and symbols of parameters ("Delta") are known.

    Raises
    ------
    InputError
        For an unknown name, a missing parameter, one that belongs to another prior or channel, or a bad value.

    Examples
    --------
    >>> build_model("spiked-matrix", {"prior": "sparse-rademacher", "rho": 0.08})
    SpikedMatrix(prior=SparseRademacher(rho=0.08))
    """
    model = _lookup("model", name, MODELS)
    own = arguments(model)
    given = dict(getattr(model, "default_parts", {})) | _by_our_names(parameters, own)
    chosen = {
        part: _lookup(part, str(given[part]), table) for part, table in PARTS.items() if {part} <= own.keys() & given
    }
    known = [*own, *(n for part, kind in chosen.items() for n in arguments_of_part(part, kind))]
    given = _by_our_names(given, known)
    for extra in [n for n in given if n not in known]:
        raise _misplaced(extra, model, own, known)
    for part, kind in chosen.items():
        needed = arguments_of_part(part, kind)
        missing = [n for n, must in needed.items() if must and n not in given]
        if missing:
            raise InputError(f"the {part} {kind.name} needs {', '.join(missing)}")
        plain = dict(zip(needed, arguments(kind), strict=True))
        given[part] = kind(**{plain[n]: given.pop(n) for n in needed if n in given})
    missing = [n for n, must in own.items() if must and n not in given]
    if missing:
        raise InputError(f"the model {model.name} needs {', '.join(missing)}")
    python = {flat: name for name, flat in getattr(model, "written", {}).items()}
    result: Model = model(**{python.get(n, n): value for n, value in given.items()})
    return result


def _by_our_names(parameters: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    ours = with_our_names("parameter", parameters, known)
    return {ours[word]: value for word, value in parameters.items()}


def _misplaced(name: str, model: type[Model], own: Mapping[str, bool], known: Sequence[str]) -> InputError:
    """Return the error for a parameter that the model and its parts do not have."""
    if name in PARTS:
        if name == "prior" and model.name == RectangularMatrix.name:
            return InputError(f"the model {model.name} has two priors: give prior_u and prior_v")
        fixed = "a fixed prior and" if name == "prior" else f"no {name} and"
        return InputError(f"the model {model.name} has {fixed} takes no parameter {name!r}")
    for part, table in PARTS.items():
        owners = [kind.name for kind in table.values() if name in arguments_of_part(part, kind)]
        if owners and part in own:
            return InputError(
                f"the parameter {name!r} belongs to the {part} {' or '.join(owners)}, which was not chosen"
            )
    words = (name, *meanings(name, related=True))
    if model.control in words:
        near = "is" if model.control in (name, *meanings(name)) else "tells"
        found = f"{name!r} {near} the control of the model {model.name}, {model.control}, and no parameter"
        return MisplacedError(found, "control", "give that as the control, not to the model")
    if path := next((p for p in PATHS.values() if p.strength in words), None):
        found = f"{name!r} tells the strength of the path {path.name}, {path.strength}, and is no parameter"
        return MisplacedError(found, "strength", "give that as the strength, not to the model")
    meant = next((n for n in words if n in known), None)
    error = unknown_name("parameter", name, known or ["none"], meant)
    return InputError(f"{error} (of the model {model.name})")


def build_path(name: str, schedule: str | None = None, order: str | None = None, side: str | None = None) -> Path:
    """Make a path from its name and, if given, its schedule's, its order's and its side's; short forms are known.

    Raises
    ------
    InputError
        For an unknown name, or an order or a side of a path that has none.

    Examples
    --------
    >>> build_path("flow", "trigonometric")
    Flow(schedule=TrigonometricInterpolant())
    """
    path = _lookup("path", name, PATHS)
    chosen: dict[str, Any] = {}
    if schedule is not None:
        allowed = {n: s for n, s in SCHEDULES.items() if s in path.schedules}
        chosen["schedule"] = _lookup(f"schedule of {path.name}", schedule, allowed)()
    if order is not None:
        if "order" not in path.__dataclass_fields__:
            raise InputError(f"the path {path.name} reveals no variables and has no order, got order = {told(order)}")
        chosen["order"] = order
    if side is not None:
        if not path.sided:
            raise InputError(f"the path {path.name} is of variables of one kind and has no side, got {told(side)}")
        chosen["side"] = side
    result: Path = path(**chosen)
    return result
