"""The command `sweep`: a table of quantities over parameters of a model, its control and its strength."""

from __future__ import annotations

import argparse
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amp_theory.interface.commands import (
    LISTS,
    PICTURES,
    Result,
    _look,
    _number,
    _outputs,
    _parameters,
    _path,
    _save_picture,
)
from amp_theory.tools.errors import InputError, MisplacedError, integer_between, unknown_name

if TYPE_CHECKING:
    from amp_theory.models.base import Model

#: values of a range at most
MOST_VALUES = 100_000


class _Maker:
    """Makes models from what stands in --set and from the axes that are no control and no strength."""

    def __init__(self, model: str, always: Mapping[str, Any], names: Sequence[str]) -> None:
        self.model, self.always = model, always
        self.__signature__ = inspect.Signature([inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in names])

    def __call__(self, **parameters: Any) -> Model:
        from amp_theory.models.catalogue import build_model

        try:
            return build_model(self.model, {**self.always, **parameters})
        except MisplacedError as error:
            raise InputError(f"{error.found}: give that by --over") from None


def run_sweep(options: argparse.Namespace) -> Result:
    """Sweep over a family, and write its table and its picture."""
    from amp_theory.models.catalogue import MODELS, arguments
    from amp_theory.models.synonyms import canonical, with_our_names
    from amp_theory.phases.families.picture import one_kind
    from amp_theory.phases.families.quantities import check_quantities
    from amp_theory.phases.families.sweep import sweep
    from amp_theory.tools.files import to_json, write_text
    from amp_theory.tools.workers import workers

    always, path = _parameters(options.set), _path(options)
    wanted = check_quantities([name.strip() for part in options.quantity or ["thresholds"] for name in part.split(",")])
    name = canonical("model", options.model, MODELS)
    over = _axes(options.over, always, _integers(MODELS[name]))
    places = {"control", MODELS[name].control, "strength", path.strength}
    ours = with_our_names("axis", over, places)
    parameters = [n for n in over if ours[n] not in places]
    ours |= with_our_names("parameter", parameters, {*arguments(MODELS[name]), *_of_parts()})
    _check_parameters({n: ours[n] for n in parameters}, MODELS[name], places)
    maker = _Maker(name, always, [ours[n] for n in parameters])
    files = _outputs(options, (".csv", ".json", *PICTURES))
    pictures = [file for file in files if file.suffix.lower() in PICTURES]
    options.annotate = True
    look = _look(options)
    view = {"coordinate": options.coordinate, "scaling": options.scaling}
    if not pictures and view != {"coordinate": None, "scaling": None}:
        raise InputError("--coordinate and --scaling are of pictures: write one, as -o lines.pdf")
    if pictures and options.coordinate is None:
        one_kind(wanted)  # at once, not after a long sweep
    number = integer_between("--workers", options.workers, 1, 1024)
    axes: dict[str, Any] = {ours[n]: values for n, values in over.items()}
    with workers(number) as executor:
        found = sweep(
            maker, quantities=wanted, path=path, executor=executor, checkpoint=options.checkpoint, **axes
        )  # fmt: skip
    data = {"model": name, "parameters": always, **found.to_dict()}
    for file in files:
        if file.suffix.lower() == ".csv":
            found.to_csv(file, overwrite=True)
        elif file not in pictures:
            write_text(file, to_json(data))
    for file in pictures:  # after the numbers, which are kept if there is nothing to draw
        _save_picture(file, look, lambda axes, **more: found.plot(axes, **view, **more))
    return data, "\n".join([found.report(), *(f"written: {file}" for file in files)])


def _check_parameters(ours: Mapping[str, str], model: type[Model], places: set[str]) -> None:
    """Raise an error for an axis that is no parameter of a model and its parts, with all names that there are."""
    from amp_theory.models.catalogue import PARTS, arguments
    from amp_theory.models.synonyms import meanings

    own = arguments(model)
    allowed = {*own, *PARTS, *(_of_parts() if PARTS.keys() & own else ())}
    for given, name in ours.items():
        if name not in allowed:
            known = {*own, *places}
            raise unknown_name("axis", given, known, next((w for w in meanings(given, True) if w in known), None))


def _integers(model: type[Model]) -> set[str]:
    """Return the names of a model's parameters that are integers."""
    return {n for n, p in inspect.signature(model).parameters.items() if p.annotation == "int"}


def _of_parts() -> set[str]:
    """Return the names of the parameters of all priors and channels."""
    from amp_theory.models.catalogue import PARTS, arguments_of_part

    return {n for part, table in PARTS.items() for kind in table.values() for n in arguments_of_part(part, kind)}


def _axes(items: Sequence[str], always: Mapping[str, Any], integers: set[str]) -> dict[str, list[Any]]:
    """Read the axes NAME=LO:HI:N and NAME=A,B,C; a range of one of these names must consist of integers."""
    result: dict[str, list[Any]] = {}
    for item in items:
        name, equals, text = (part.strip() for part in item.partition("="))
        if not (name and equals and text):
            raise InputError(f"--over needs NAME=LO:HI:N or NAME=A,B,..., got {item!r}")
        if name in result:
            raise InputError(f"the axis {name!r} is given twice")
        if name in always:
            raise InputError(f"the parameter {name!r} is given by --set and by --over: choose one")
        if name in LISTS:
            raise InputError(f"the parameter {name!r} is a list itself, over which there is no sweep here: use Python")
        result[name] = _range(name, text) if ":" in text else [_value(name, part) for part in text.split(",")]
        if ":" in text and name in integers and not all(isinstance(v, int) for v in result[name]):
            raise InputError(f"{name} must be an integer, and {text} is not of integers: choose N, or name them")
    return result


def _range(name: str, text: str) -> list[Any]:
    """Return the numbers from LO to HI, both included, of a range LO:HI:N."""
    import numpy as np

    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 3:
        raise InputError(f"the range of {name} must be LO:HI:N, such as 0.02:0.2:50, got {text!r}")
    lo, hi = (_number(f"an end of the range of {name}", part) for part in parts[:2])
    number = integer_between(f"N in the range of {name}, LO:HI:N,", parts[2], 2, MOST_VALUES)
    if lo == hi or not math.isfinite(hi - lo):
        raise InputError(f"the range of {name} must have two different ends, a finite way apart, got {text!r}")
    values = np.linspace(lo, hi, number).tolist()
    return [int(v) for v in values] if all(v == int(v) for v in values) else values


def _value(name: str, text: str) -> Any:
    """Return one of the values of a list: a number, or else a text."""
    text = text.strip()
    if not text:
        raise InputError(f"the values of {name} must be separated by single commas")
    for kind in (int, float):
        try:
            value = kind(text) if text.isascii() and "_" not in text else text
        except ValueError:
            continue
        if value in (math.inf, -math.inf):
            raise InputError(f"the values of {name} must be finite, at most about 1.8e308, got {text!r}")
        return value
    return text
