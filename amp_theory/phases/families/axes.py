"""The axes of a sweep: which of them make models, and which are the control and the strength."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, as_model
from amp_theory.models.synonyms import with_our_names
from amp_theory.phases.families.quantities import FAILURES, Place
from amp_theory.tools.errors import InputError, answer_of, as_float, as_list, told, unknown_name
from amp_theory.tools.tables import ERROR

#: rows of a sweep at most
MOST_ROWS = 100_000
#: what a row of an answer holds besides the axes and the quantities
ANSWERS = ("reasons", "failed", "failure")
Models = Model | Sequence[Model] | Callable[..., Model]


@dataclass(frozen=True)
class Family:
    """All rows of a sweep.

    axes and fixed are the values by name, those of an axis and those that are the same in every row; models is the
    model of every combination of the axes that make models, or why there is none; rows tells of every row, the last
    axis changing fastest, which of them it is, and the control and the strength.
    """

    axes: dict[str, list[Any]]
    fixed: dict[str, Any]
    models: list[Model | str]
    rows: list[tuple[int, float | None, float | None]]

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return tuple(map(len, self.axes.values()))

    def place(self, row: int, path: Path) -> Place:
        """Return where a row is, which has a model."""
        number, control, strength = self.rows[row]
        return Place(as_model(self.models[number]), path, control, strength)


def family_of(models: Any, path: Path, given: Mapping[str, Any]) -> Family:
    """Return all rows of a sweep, after making its models.

    Raises
    ------
    InputError
        For an axis that is none, or whose name means nothing; if the function fails by a mistake, or always.
    """
    many, fixed = _split(given)
    function, own = _maker(models)
    if own is None:  # a list of models is an axis of its own, the first
        listed = [as_model(m) for m in _listed("models", models, "models")]
        many = {"model": [repr(m) for m in listed]} | many
    parameters = [name for name in given if name in (own or ())]
    size = math.prod(map(len, many.values()))
    if not 1 <= size <= MOST_ROWS:
        empty = next((name for name, values in many.items() if not values), None)
        what = f"the axis {empty!r} is empty" if empty else f"the product of the axes has {size} rows"
        raise InputError(f"a sweep has 1 to {MOST_ROWS} rows: {what}")
    makers = {name: values for name, values in many.items() if name in (parameters if own is not None else ["model"])}
    made: list[Model | str]
    if own is None:
        made = [*listed]
    else:
        always = {name: value for name, value in fixed.items() if name in parameters}
        combinations = [always | dict(zip(makers, c, strict=True)) for c in itertools.product(*makers.values())]
        made = _made(function, combinations)
    ours, roles = _roles([n for n in given if n not in parameters], made, path, own or ())
    many, fixed = (
        {ours.get(n, n): _checked(ours.get(n, n), v, roles) for n, v in part.items()} for part in (many, fixed)
    )
    return Family(many, fixed, made, _rows(many, fixed, list(makers), roles))


def check_names(names: Iterable[str], quantities: Sequence[str]) -> None:
    """Raise an `InputError` for the name of an axis that a column of the answer has, or may have."""
    for name in names:
        begins = (*(f"{quantity}_" for quantity in quantities), "reason_of_", ERROR)
        if name in (*quantities, *ANSWERS) or name.startswith(begins):
            raise InputError(f"no axis can be called {name!r}, as a column of the answer may be: rename the parameter")


def _listed(name: str, values: Any, allowed: str) -> list[Any]:
    """Return the items of a list, of one without end no more than show that it is too long."""
    single = isinstance(values, np.ndarray) and values.ndim == 0  # which is iterable by its class only
    if isinstance(values, Iterable) and not single and not isinstance(values, str | bytes | Mapping):
        values = itertools.islice(values, MOST_ROWS + 1)
    items = as_list(name, values, allowed)
    if len(items) > MOST_ROWS:
        raise InputError(f"a sweep has 1 to {MOST_ROWS} rows: {name} has more {allowed}")
    return items


def _split(given: Mapping[str, Any]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Return the axes with several values, and single values, which are fixed."""
    many, fixed = {}, {}
    for name, value in given.items():
        if isinstance(value, np.ndarray):
            if value.ndim > 1:
                raise InputError(
                    f"the axis {name!r} must have one dimension, got an array of shape {value.shape}: give .ravel() of "
                    "it, or .tolist() where every value is a list"
                )
            value = value.tolist()
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            fixed[name] = value.item() if isinstance(value, np.generic) else value
        else:
            many[name] = [
                v.item() if isinstance(v, np.generic) else v for v in _listed(f"the axis {name!r}", value, "values")
            ]
    return many, fixed


def _maker(models: Any) -> tuple[Callable[..., Any], tuple[str, ...] | None]:
    """Return the function that makes models and the names of its parameters; None for these of a list."""
    if isinstance(models, Model):
        return (lambda: models), ()
    if not callable(models):
        return (lambda: None), None
    try:
        parameters = inspect.signature(models).parameters.values()
    except (TypeError, ValueError):
        raise InputError(f"models must be a function with named parameters, got {told(models)}") from None
    return models, tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))


def _made(function: Callable[..., Any], combinations: Sequence[dict[str, Any]]) -> list[Model | str]:
    """Return a model for every combination of parameters, or why there is none."""
    made = [answer_of(f"models with {_shown(c)}", partial(_attempt, function, c)) for c in combinations]
    if all(isinstance(m, str) for m in made):
        raise InputError(f"no model can be made: {made[0]}")
    return made


def _attempt(function: Callable[..., Any], parameters: dict[str, Any]) -> Model | str:
    try:
        model = function(**parameters)
    except FAILURES as error:
        return str(error)
    return as_model(model)


def _shown(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {told(value)}" for name, value in parameters.items()) or "no parameters"


def _roles(
    names: Sequence[str], made: Sequence[Model | str], path: Path, own: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return our names for these, and which of them are the control and the strength; others mean nothing."""
    controls = {m.control for m in made if isinstance(m, Model)}
    words = {"control": "control", "strength": "strength", path.strength: "strength"}
    if len(controls) == 1:  # models of one list may call it differently
        words[controls.pop()] = "control"
    ours = with_our_names("axis", names, words)
    roles: dict[str, str] = {}
    for name in names:
        if ours[name] not in words:
            raise unknown_name("axis", name, dict.fromkeys([*own, *words]))
        role = words[ours[name]]
        if role in roles.values():
            raise InputError(f"the {role} is given twice: {name!r} is another word for it")
        roles[ours[name]] = role
    return ours, roles


def _checked(name: str, values: Any, roles: Mapping[str, str]) -> Any:
    """Return the values of a control or a strength as numbers, others as they are."""
    if name not in roles:
        return values
    if not isinstance(values, list):
        return as_float(name, values)
    if nested := [v for v in values if isinstance(v, list | tuple | np.ndarray)]:
        raise InputError(f"the axis {name!r} must be one flat list of numbers, got a list in it: {told(nested[0])}")
    return [as_float(name, v) for v in values]


def _rows(
    many: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any], makers: Sequence[str], roles: Mapping[str, str]
) -> list[tuple[int, float | None, float | None]]:
    """Return of every row the number of its model, the control and the strength."""
    shape = [len(many[name]) for name in makers]
    always = {roles[name]: value for name, value in fixed.items() if name in roles}
    rows = []
    for place in itertools.product(*(range(len(values)) for values in many.values())):
        index = dict(zip(many, place, strict=True))
        number = int(np.ravel_multi_index([index[n] for n in makers], shape)) if makers else 0
        here = always | {roles[n]: many[n][k] for n, k in index.items() if n in roles}
        rows.append((number, here.get("control"), here.get("strength")))
    return rows
