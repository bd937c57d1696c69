"""What a model, a prior, a channel, a path or a schedule is and takes: read from its docstring and its signature.

Nothing is written here that stands there: the first sentence of a class's docstring describes it, the section
Parameters says what its arguments mean and between which ends they lie, the signature has types and defaults.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Component, Model
from amp_theory.models.catalogue import (
    CHANNELS,
    MODELS,
    PARTS,
    PATHS,
    PRIORS,
    SCHEDULES,
    arguments_of_part,
    build_model,
)
from amp_theory.models.sparse import SparseModel
from amp_theory.models.spin_glasses import IsingPSpin
from amp_theory.tools.errors import InputError

#: everything that has a name, by kind
KINDS: dict[str, Mapping[str, type[Any]]] = {
    "models": MODELS, "priors": PRIORS, "channels": CHANNELS, "paths": PATHS, "schedules": SCHEDULES,
}  # fmt: skip
#: values of parameters in examples
VALUES = {
    "p": "3", "k": "4", "q": "4", "rho": "0.08", "xi": "q**2/2+q**3/3", "prior": "rademacher", "channel": "sign",
    "noise": "0.1", "tensor_noise": "1", "values": "-1,0,2", "probabilities": "0.2,0.5,0.3", "kappa": "0.8",
    "eigenvalues": "1,3", "weights": "1,1", "prior_u": "gaussian", "prior_v": "sparse-rademacher", "rho_v": "0.05",
    "aspect": "1",
}  # fmt: skip
#: how long the command that shows what is named takes, where that is more than twenty seconds
LONG = {"coloring": "minutes; begun with --checkpoint FILE, it can be interrupted and resumed"}
#: types as they are annotated, in words
TYPES = {
    "int": "integer", "float": "number", "str": "text", "str | sympy.Expr": "formula", "str | None": "text",
    "Prior": "prior", "Prior | None": "prior", "OutputChannel": "channel", "Schedule": "schedule",
    "Potential": "potential",
    "Sequence[float]": "numbers", "Sequence[float] | None": "numbers",
}  # fmt: skip
#: what tells the ends between which an argument lies
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?(?:\^\d+)?"
_RANGE = re.compile(rf"{_NUMBER} to {_NUMBER}|in [\[(][^\])]*[\])]|at least {_NUMBER}|>=? ?{_NUMBER}")


@dataclass(frozen=True)
class Argument:
    """An argument: its type, its ends if they are said, whether it must be given, its default, what it means."""

    type: str
    range: str | None
    required: bool
    default: Any
    meaning: str

    @property
    def text(self) -> str:
        """The type, the ends and the default in a few words."""
        default = "" if self.required else f"default {self.default}"
        return ", ".join(filter(None, (self.type, self.range, default)))


def _paragraphs(kind: type[Any]) -> list[str]:
    """Return what a class's docstring says before its sections."""
    text = re.split(r"^\w[\w ]*\n-{3,}$", inspect.cleandoc(kind.__doc__ or ""), maxsplit=1, flags=re.MULTILINE)[0]
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def summary(kind: type[Any]) -> str:
    """Return the first sentence of a class's docstring.

    Examples
    --------
    >>> from amp_theory import Rademacher
    >>> summary(Rademacher)
    's = +1 or -1 with equal probability: Ising spins.'
    """
    first = next(iter(_paragraphs(kind)), "")
    return re.split(r"(?<=\.) (?=[A-Z])", first, maxsplit=1)[0]


def _meanings(kind: type[Any]) -> dict[str, str]:
    """Return what a docstring says of every argument: that of a base where there is one, as it says most."""
    found: dict[str, str] = {}
    for owner in reversed(kind.__mro__[:-1]):
        text = inspect.cleandoc(owner.__dict__.get("__doc__") or "")
        section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-{3,}$|\Z)", text, re.DOTALL | re.MULTILINE)
        for names, said in re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?|\n(?=[ \t]))+)", section[1] if section else "", re.M):
            for name in names.partition(" : ")[0].split(","):
                found.setdefault(name.strip(), " ".join(said.split()))
    return found


def arguments_of(kind: type[Any]) -> dict[str, Argument]:
    """Return the arguments of a class by name.

    Examples
    --------
    >>> from amp_theory import XORSAT
    >>> arguments_of(XORSAT)["k"].text
    'integer, 3 to 12'
    """
    said = _meanings(kind)
    made = {f.name: f.default_factory() for f in fields(kind) if f.default_factory is not MISSING}
    found, written = {}, getattr(kind, "written", {})
    for name, parameter in inspect.signature(kind).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        default = None if required else made.get(name, parameter.default)
        annotated = str(parameter.annotation)
        choices = re.findall(r"'(\w+)'|\"(\w+)\"", annotated) if annotated.startswith("Literal") else []
        words = " or ".join(a or b for a, b in choices) or TYPES.get(annotated, annotated)
        ends = _RANGE.search(said.get(name, "")) if words in ("integer", "number") else None
        found[written.get(name, name)] = Argument(
            words, ends[0] if ends else None, required, getattr(default, "name", default), said.get(name, "")
        )
    return found


def example_of(name: str, kind: type[Any]) -> dict[str, str]:
    """Return parameters of a model that shows what is named: itself, or one that has the prior or the channel."""
    chosen: dict[str, str] = {}
    owner: type[Any] = kind
    for part, model in (("prior", "spiked-matrix"), ("channel", "glm")):
        if PARTS[part].get(name) is kind:
            owner = MODELS[model]
            chosen[part] = name
    needed = [n for n, a in arguments_of(owner).items() if a.required]
    chosen = {n: chosen.get(n, VALUES[n]) for n in needed}
    parts = {part: table[chosen[part]] for part, table in PARTS.items() if part in chosen}
    more = [n for part, own in parts.items() for n, must in arguments_of_part(part, own).items() if must]
    return chosen | {n: VALUES[n] for n in more}


def command_for(kind: str, name: str) -> str:
    """Return a command that uses what is named."""
    if kind == "paths":
        return f"amp-theory thresholds {_model_for(PATHS[name])} --path {name}"
    if kind == "schedules":
        path = next(p for p in PATHS.values() if SCHEDULES[name] in p.schedules)
        drawn = f"--path {path.name} --schedule {name} --axis time -o {name}.pdf"
        return f"amp-theory diagram {_model_for(path)} {drawn}"
    settings = example_of(name, KINDS[kind][name])
    model = name if kind == "models" else "spiked-matrix" if kind == "priors" else "glm"
    return " ".join([f"amp-theory thresholds {model}", *(_setting(n, v) for n, v in settings.items())])


def _model_for(path: type[Path]) -> str:
    """Return a model with its settings that a path goes with."""
    model: Model = IsingPSpin(p=3)
    if _objection(path(), model) is None:
        return "ising-p-spin --set p=3"
    return "spiked-matrix --set prior=sparse-rademacher --set rho=0.08"


def _setting(name: str, value: str) -> str:
    return f'--set "{name}={value}"' if "*" in value else f"--set {name}={value}"


def details(kind: str, name: str) -> dict[str, Any]:
    """Return all there is to say of what is named, as plain data."""
    owner = KINDS[kind][name]
    found: dict[str, Any] = {
        "class": owner.__name__, "description": summary(owner), "text": _paragraphs(owner),
        "details": {
            n: {"type": a.type, "range": a.range, "required": a.required, "default": a.default, "meaning": a.meaning}
            for n, a in arguments_of(owner).items()
        },
        "example": command_for(kind, name), "takes": LONG.get(name),
    }  # fmt: skip
    if kind == "models":
        found |= _of_model(owner, example_of(name, owner))
    elif kind == "paths":
        found |= {"limit": None if owner.limit == float("inf") else owner.limit, "symbol": owner.strength_symbol}
    elif kind == "schedules":
        ends = [None if t == float("inf") else t for t in owner.times]
        found |= {"paths": [p.name for p in PATHS.values() if owner in p.schedules], "times": ends}
    return found


def _of_model(kind: type[Model], settings: Mapping[str, str]) -> dict[str, Any]:
    """Return what a model of given settings has: scalings, targets and paths depend on its parameters."""
    model = build_model(kind.name, _as_given(settings))
    measure = kind.factor if issubclass(kind, SparseModel) else kind.coupling
    return {
        "symbol": kind.control_symbol, "measure": None if measure is Model.coupling else measure.__doc__,
        "with": {n: v.name if isinstance(v, Component) else v for n, v in model.parameters.items() if n in settings},
        "targets": sorted({model.solved_measure, model.target}),
        "scalings": {n: {"factor": factor, "power": power} for n, (factor, power) in model.scalings().items()},
        "paths": {p.name: _objection(p(), model) for p in PATHS.values()},
    }  # fmt: skip


def _as_given(settings: Mapping[str, str]) -> dict[str, Any]:
    return {n: [float(x) for x in v.split(",")] if "," in v else v for n, v in settings.items()}


def _objection(path: Path, model: Model) -> str | None:
    """Return why a path does not go with a model, None if it does."""
    if model.sides:
        return None if path.sided else "the variables are of two kinds: only flow and autoregressive have sides"
    try:
        prior = model.variable_prior
    except InputError:  # variables that are no scalars have none, and go with all
        return None
    try:
        path.check_prior(prior)
    except InputError as error:
        return str(error)
    return None
