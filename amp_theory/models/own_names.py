"""Control and strength under the names that the model and the path give them: temperature=0.7 for control=0.7."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.models.base import Model, as_model
from amp_theory.models.synonyms import meanings, with_our_names
from amp_theory.tools.errors import InputError, unknown_name


def at_point(model: Model, path: Path, control: Any, strength: Any, named: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return control and strength, of which those that are None stand in `named` under their own names.

    Raises
    ------
    InputError
        If one is given twice or not at all, or a name means neither.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> at_point(IsingPSpin(3), Flow(), None, 0.1, {"temperature": 0.7})
    (0.7, 0.1)
    """
    own = {"control": as_model(model).control, "strength": as_path(path).strength}
    found = resolved(own, {"control": control, "strength": strength}, named)
    return found["control"], found["strength"]


def at_control(model: Model, control: Any, named: Mapping[str, Any], optional: bool = False) -> Any:
    """Return the control, given as such or in `named` under the model's own name; see `at_point`."""
    return resolved({"control": as_model(model).control}, {"control": control}, named, optional)["control"]


def resolved(
    own: Mapping[str, str], given: Mapping[str, Any], named: Mapping[str, Any], optional: bool = False
) -> dict[str, Any]:
    """Return the values of quantities, given by our words or in `named` by the names in `own`."""
    values = dict(given)
    ours = with_our_names("argument", named, own.values())
    for word, value in named.items():
        quantity = next((q for q, name in own.items() if name == ours[word]), None)
        if quantity is None:
            near = [name for name in own.values() if name in meanings(word, related=True)]
            raise unknown_name("argument", word, [*own, *own.values()], near[0] if near else None)
        if values[quantity] is not None:
            raise InputError(f"{quantity} is given twice: {word!r} is another word for it")
        values[quantity] = value
    for quantity, value in values.items():
        if value is None and not optional:
            raise InputError(f"{quantity} must be given, by that name or by its own, {own[quantity]}=...")
    return values
