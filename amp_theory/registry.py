"""Models, priors, paths and schedules by the names used on the command line and in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from amp_theory import models, paths, priors, schedules
from amp_theory.cavity.coloring import Coloring
from amp_theory.cavity.sparse_models import XORSAT, Bicoloring
from amp_theory.errors import InputError, unknown_name
from amp_theory.models import Model
from amp_theory.paths import Path
from amp_theory.priors import Prior
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
        Bicoloring,
        XORSAT,
        Coloring,
    )
}
PRIORS: dict[str, type[Prior]] = {
    p.name: p
    for p in (priors.Rademacher, priors.SparseRademacher, priors.Gaussian, priors.GaussBernoulli, priors.Discrete)
}
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
    """Make a model from its name and parameters, a prior's own parameters flat beside `prior`.

    Raises
    ------
    InputError
        For an unknown name, a missing parameter, one that belongs to another prior, or a bad value.

    Examples
    --------
    >>> build_model("spiked-matrix", {"prior": "sparse-rademacher", "rho": 0.08})
    SpikedMatrix(prior=SparseRademacher(rho=0.08))
    """
    model = _lookup("model", name, MODELS)
    own = arguments(model)
    given = dict(parameters)
    kind: type[Prior] | None = None
    if "prior" in own and "prior" in given:
        kind = _lookup("prior", str(given["prior"]), PRIORS)
    prior_arguments = arguments(kind) if kind is not None else {}
    for extra in [n for n in given if n not in own and n not in prior_arguments]:
        raise _misplaced(extra, model, own, prior_arguments)
    if kind is not None:
        missing = [n for n, needed in prior_arguments.items() if needed and n not in given]
        if missing:
            raise InputError(f"the prior {kind.name} needs {', '.join(missing)}")
        given["prior"] = kind(**{n: given.pop(n) for n in prior_arguments if n in given})
    missing = [n for n, needed in own.items() if needed and n not in given]
    if missing:
        raise InputError(f"the model {name} needs {', '.join(missing)}")
    result: Model = model(**given)
    return result


def _misplaced(name: str, model: type[Model], own: Mapping[str, bool], prior: Mapping[str, bool]) -> InputError:
    """Return the error for a parameter that the model and its prior do not have."""
    if name == "prior":
        return InputError(f"the model {model.name} has a fixed prior and takes no parameter 'prior'")
    owners = [p.name for p in PRIORS.values() if name in arguments(p)]
    if owners and "prior" in own:
        return InputError(f"the parameter {name!r} belongs to the prior {' or '.join(owners)}, which was not chosen")
    error = unknown_name("parameter", name, [*own, *prior] or ["none"])
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
