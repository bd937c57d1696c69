"""The command `sweep`: a table of quantities over parameters of a model, its control and its strength."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amp_theory.interface.commands import LISTS, Result, _number, _outputs, _parameters, _path, _whole
from amp_theory.tools.errors import InputError, MisplacedError, integer_between

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
    """Sweep over a family, and write its table."""
    from amp_theory.models.catalogue import MODELS, arguments
    from amp_theory.models.synonyms import canonical, with_our_names
    from amp_theory.phases.families.quantities import check_quantities
    from amp_theory.phases.families.sweep import sweep
    from amp_theory.tools.files import to_json, write_text
    from amp_theory.tools.workers import workers

    always, path = _parameters(options.set), _path(options)
    wanted = check_quantities([name.strip() for part in options.quantity or ["thresholds"] for name in part.split(",")])
    name = canonical("model", options.model, MODELS)
    over = _axes(options.over, always)
    places = {"control", MODELS[name].control, "strength", path.strength}
    ours = with_our_names("axis", over, places)
    parameters = [n for n in over if ours[n] not in places]
    ours |= with_our_names("parameter", parameters, {*arguments(MODELS[name]), *_of_parts()})
    maker = _Maker(name, always, [ours[n] for n in parameters])
    files = _outputs(options, (".csv", ".json"))
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
        else:
            write_text(file, to_json(data))
    return data, "\n".join([found.report(), *(f"written: {file}" for file in files)])


def _of_parts() -> set[str]:
    """Return the names of the parameters of all priors and channels."""
    from amp_theory.models.catalogue import PARTS, arguments

    return {n for table in PARTS.values() for kind in table.values() for n in arguments(kind)}


def _axes(items: Sequence[str], always: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Read the axes NAME=LO:HI:N and NAME=A,B,C."""
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
    return result


def _range(name: str, text: str) -> list[Any]:
    """Return the numbers from LO to HI, both included, of a range LO:HI:N."""
    import numpy as np

    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 3:
        raise InputError(f"the range of {name} must be LO:HI:N, such as 0.02:0.2:50, got {text!r}")
    lo, hi = (_number(f"an end of the range of {name}", part) for part in parts[:2])
    number = integer_between(f"N in the range of {name}, LO:HI:N,", _whole("over", parts[2]), 2, MOST_VALUES)
    if lo == hi:
        raise InputError(f"the range of {name} must have two different ends, got {text!r}")
    values = np.linspace(lo, hi, number).tolist()
    return [int(v) for v in values] if all(v == int(v) for v in values) else values


def _value(name: str, text: str) -> Any:
    """Return one of the values of a list: a number, or else a text."""
    text = text.strip()
    if not text:
        raise InputError(f"the values of {name} must be separated by single commas")
    for kind in (int, float):
        try:
            return kind(text) if text.isascii() and "_" not in text else text
        except ValueError:
            continue
    return text
