"""Models, priors, paths and schedules by the names used on the command line and in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amp_theory import models, output_channels, paths, priors, schedules
from amp_theory.cavity.coloring import Coloring
from amp_theory.cavity.sparse_models import XORSAT, Bicoloring
from amp_theory.errors import InputError, unknown_name
from amp_theory.generalised_linear import GLM
from amp_theory.group_models import StochasticBlockModel
from amp_theory.models import Model
from amp_theory.output_channels import OutputChannel
from amp_theory.paths import Path
from amp_theory.priors import Prior
from amp_theory.rotational_sensing import RowOrthogonalSensing, SpectralSensing
from amp_theory.schedules import Schedule

MODELS: dict[str, type[Model]] = {
    m.name: m
    for m in (
        models.IsingPSpin,
        models.SphericalPSpin,
        models.SherringtonKirkpatrick,
        models.MixedPSpin,
        models.SpikedMatrix,
        models.SpikedTensor,
        models.SpikedMatrixTensor,
        StochasticBlockModel,
        GLM,
        RowOrthogonalSensing,
        SpectralSensing,
        Bicoloring,
        XORSAT,
        Coloring,
    )
}
PRIORS: dict[str, type[Prior]] = {
    p.name: p
    for p in (priors.Rademacher, priors.SparseRademacher, priors.Gaussian, priors.GaussBernoulli, priors.Discrete)
}
CHANNELS: dict[str, type[OutputChannel]] = {
    c.name: c
    for c in (
        output_channels.LinearChannel,
        output_channels.SignChannel,
        output_channels.ProbitChannel,
        output_channels.AbsChannel,
        output_channels.ReLUChannel,
        output_channels.DoorChannel,
        output_channels.SymmetricPerceptron,
    )
}
#: parts of models, whose own parameters stand flat beside their name
PARTS: dict[str, Mapping[str, type[Any]]] = {"prior": PRIORS, "channel": CHANNELS}
PATHS: dict[str, type[Path]] = {p.name: p for p in (paths.Flow, paths.Autoregressive, paths.UniformDiscreteDiffusion)}
SCHEDULES: dict[str, type[Schedule]] = {
    s.name: s
    for s in (
        schedules.LinearInterpolant,
        schedules.TrigonometricInterpolant,
        schedules.VariancePreserving,
        schedules.VarianceExploding,
        schedules.StochasticLocalization,
        schedules.FractionRevealed,
        schedules.MaskedDiffusion,
        schedules.Retention,
        schedules.FlipProbability,
    )
}


def arguments(kind: Callable[..., Any]) -> dict[str, bool]:
    """Return the names of a class's arguments and whether each must be given."""
    signature = inspect.signature(kind)
    return {name: p.default is inspect.Parameter.empty for name, p in signature.parameters.items()}


def _lookup(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    if name not in table:
        raise unknown_name(kind, name, table)
    return table[name]


def build_model(name: str, parameters: Mapping[str, Any]) -> Model:
    """Make a model from its name and parameters, those of a prior or a channel flat beside its name.

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
    given = dict(parameters)
    chosen = {
        part: _lookup(part, str(given[part]), table) for part, table in PARTS.items() if {part} <= own.keys() & given
    }
    known = [*own, *(n for kind in chosen.values() for n in arguments(kind))]
    for extra in [n for n in given if n not in known]:
        raise _misplaced(extra, model, own, known)
    for part, kind in chosen.items():
        needed = arguments(kind)
        missing = [n for n, must in needed.items() if must and n not in given]
        if missing:
            raise InputError(f"the {part} {kind.name} needs {', '.join(missing)}")
        given[part] = kind(**{n: given.pop(n) for n in needed if n in given})
    missing = [n for n, must in own.items() if must and n not in given]
    if missing:
        raise InputError(f"the model {name} needs {', '.join(missing)}")
    result: Model = model(**given)
    return result


def _misplaced(name: str, model: type[Model], own: Mapping[str, bool], known: Sequence[str]) -> InputError:
    """Return the error for a parameter that the model and its parts do not have."""
    if name in PARTS:
        fixed = "a fixed prior and" if name == "prior" else f"no {name} and"
        return InputError(f"the model {model.name} has {fixed} takes no parameter {name!r}")
    for part, table in PARTS.items():
        owners = [kind.name for kind in table.values() if name in arguments(kind)]
        if owners and part in own:
            return InputError(
                f"the parameter {name!r} belongs to the {part} {' or '.join(owners)}, which was not chosen"
            )
    error = unknown_name("parameter", name, known or ["none"])
    return InputError(f"{error} (of the model {model.name})")


def build_path(name: str, schedule: str | None = None) -> Path:
    """Make a path from its name and, if given, its schedule's name.

    Examples
    --------
    >>> build_path("flow", "trigonometric")
    Flow(schedule=TrigonometricInterpolant())
    """
    path = _lookup("path", name, PATHS)
    if schedule is None:
        result: Path = path()
        return result
    allowed = {n: s for n, s in SCHEDULES.items() if s in path.schedules}
    result = path(schedule=_lookup(f"schedule of {name}", schedule, allowed)())
    return result
