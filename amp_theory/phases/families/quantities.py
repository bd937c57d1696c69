"""What a sweep can be asked for, and the answers at one place as plain data.

| quantities | need | come from |
|---|---|---|
| the special points, together `thresholds` | nothing | `thresholds` |
| first_failure, stability, also of spin glasses without a field | nothing | `thresholds` |
| informed_spinodal, first_order, uninformed_spinodal, together `path_transitions` | a control | `path_transitions` |
| first_failure_strength, sampler_succeeds | a control | a `Diagram` |
| region | a control and a strength | a `Diagram` |
| uninformed, informed, equilibrium, together `fixed_points` | a control and a strength | `fixed_points` |
| uninformed_overlap, informed_overlap | a control and a strength | the functions of these names |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import NoneType
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.spin_glasses import FieldModel
from amp_theory.phases.diagram.along_path import path_transitions
from amp_theory.phases.diagram.diagram import Diagram
from amp_theory.phases.diagram.lines import LINES
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.phases.points.fixed_points import fixed_points, informed_overlap, uninformed_overlap
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.errors import InputError, NumericalError, as_list, unknown_name
from amp_theory.tools.reports import plain
from amp_theory.tools.results import OUTER_POINTS, POINTS, Located, Thresholds

#: what makes a row a failed one instead of ending the sweep
FAILURES = (InputError, NumericalError)
#: the coordinates of points, and whether they have an error bound
SPECIAL = {"control": True, "overlap": True}
CUSP = {"control": True, "strength": True, "overlap": True}
FIXED = {"overlap": True, "free_entropy": True, "mmse": False, "mutual_information": True, "signal": False}


@dataclass(frozen=True)
class Place:
    """One row of a sweep: a model, a path, and the control and the strength if there are any."""

    model: Model
    path: Path
    control: float | None = None
    strength: float | None = None


@dataclass(frozen=True)
class Answer:
    """A number, text or point as plain data, or the reason why there is none."""

    found: Any
    reason: str | None = None


@dataclass(frozen=True)
class Quantity:
    """What must be known for it, how it is picked from what is solved at once, and what it is.

    It is of a `kind`: a point has coordinates, each with an error bound or not, of which one, `main`, stands for all.
    """

    needs: tuple[str, ...]
    solve: Callable[[Place], Any]
    pick: Callable[[Any, Place], Answer]
    kind: type = dict
    main: str | None = None
    coordinates: Mapping[str, bool] = field(default_factory=dict)


def _special(place: Place) -> Thresholds:
    check_pair(place.model, place.path)
    return special_points_of(place.model, place.path)


@lru_cache(maxsize=16)
def special_points_of(model: Model, path: Path) -> Thresholds:
    """Return the special points, which all controls and strengths of a model share."""
    return thresholds(model, path)


def _verdicts(place: Place) -> Diagram:
    """Return a diagram without lines, which answers about any control."""
    special = _special(place)
    return Diagram(
        model=place.model, path=place.path, control_range=(place.control or 0.0,) * 2, points=0,
        target=place.model.target, lines={}, thresholds=special, provenance={},
    )  # fmt: skip


def _transitions(place: Place) -> dict[str, Any]:
    return path_transitions(place.model, place.path, _given(place.control)).to_dict()


def _fixed(place: Place) -> Any:
    return fixed_points(place.model, place.path, _given(place.control), _given(place.strength))


def _given(value: float | None) -> float:
    assert value is not None
    return value


#: the special points at a strength, those of some models at least
STRONG = ("tricritical", "first_failure")
#: why planted measures have none of the points of those whose samples overlap
NO_OUTER = "a point of random measures whose samples overlap, such as spin glasses in a field"


def _field_may_vanish(model: Model) -> bool:
    """Tell whether a model is a spin glass whose random measure in a field has it as its limit."""
    return isinstance(model, FieldModel) and not model.outer_overlap and model.random_counterpart


def _without_field(special: Thresholds, model: Model) -> dict[str, Located | str]:
    """Return what `first_failure` and `stability` of a spin glass become as its field vanishes, points or reasons.

    Its base is q0 = 0 then, and R(q0) = 1 - xi''(0) vanishes where weak recovery sets in.
    """
    weak = special.weak_recovery
    found: dict[str, Located | str] = {"stability": special.reasons["weak_recovery"] if weak is None else weak}
    kinds = [(special.tricritical, "first order"), (weak, "stability")]
    first = [(float(model.intensity(np.array(p.control))), kind, p) for p, kind in kinds if p is not None]
    found["first_failure"] = f"{special.reasons.get('tricritical', '')}; {special.reasons.get('weak_recovery', '')}"
    if first:
        _, kind, point = min(first, key=lambda row: row[0])
        found["first_failure"] = replace(point, how=f"{kind}: {point.how}")
    return found


def _point(name: str) -> Quantity:
    def pick(special: Thresholds, place: Place) -> Answer:
        point: Located | str | None = special.points().get(name)
        if point is None and name in OUTER_POINTS and _field_may_vanish(place.model):
            point = _without_field(special, place.model)[name]
        if point is None:
            point = special.reasons.get(name, NO_OUTER)
        return Answer(None, point) if isinstance(point, str) else Answer(point.to_dict())

    return Quantity((), _special, pick, main="control", coordinates=CUSP if name in STRONG else SPECIAL)


def _line(name: str) -> Quantity:
    def pick(data: dict[str, Any], _: Place) -> Answer:
        return Answer(data[name][0]) if data[name] else Answer(None, data["reasons"][name])

    lower = {"lower_overlap": False} if name == "first_order" else {}
    return Quantity(("control",), _transitions, pick, main="strength", coordinates=CUSP | lower)


def _verdict(method: str, kind: type, *needs: str) -> Quantity:
    def pick(diagram: Diagram, place: Place) -> Answer:
        control = _given(place.control)
        answer = getattr(diagram, method)(*(_given(getattr(place, name)) for name in needs))
        return Answer(answer, diagram.reason(control) if answer is None else None)

    return Quantity(needs, _verdicts, pick, kind)


def _branch(name: str) -> Quantity:
    return Quantity(
        ("control", "strength"), _fixed, lambda found, _: Answer(getattr(found, name).to_dict()), main="overlap",
        coordinates=FIXED,
    )  # fmt: skip


def _overlap(function: Callable[..., Any]) -> Quantity:
    def solve(place: Place) -> float:
        return float(function(place.model, place.path, place.control, place.strength))

    return Quantity(("control", "strength"), solve, lambda found, _: Answer(found), float)


QUANTITIES: dict[str, Quantity] = {
    **{name: _point(name) for name in (*POINTS, *OUTER_POINTS)},
    **{name: _line(name) for name in LINES},
    "first_failure_strength": _verdict("first_failure_strength", float, "control"),
    "sampler_succeeds": _verdict("sampler_succeeds", bool, "control"),
    "region": _verdict("region", str, "control", "strength"),
    **{name: _branch(name) for name in ("uninformed", "informed", "equilibrium")},
    "uninformed_overlap": _overlap(uninformed_overlap),
    "informed_overlap": _overlap(informed_overlap),
}
#: several quantities by one name
GROUPS: dict[str, tuple[str, ...]] = {
    "thresholds": POINTS, "path_transitions": LINES, "fixed_points": ("uninformed", "informed", "equilibrium"),
}  # fmt: skip


def check_quantities(names: Any) -> tuple[str, ...]:
    """Return the names of quantities, groups written out, or raise an `UnknownNameError`."""
    wanted = [names] if isinstance(names, str) else as_list("quantities", names, "names")
    if not wanted:
        raise InputError("quantities must name at least one, such as 'thresholds'")
    found: list[str] = []
    for name in wanted:
        if not isinstance(name, str) or name not in (*GROUPS, *QUANTITIES):
            raise unknown_name("quantity", name, [*GROUPS, *QUANTITIES])
        found += GROUPS.get(name, (name,))
    return tuple(dict.fromkeys(found))


def answers_at(place: Place, quantities: Sequence[str]) -> dict[str, Any]:
    """Return plain data: every quantity is among what was found, or has a reason or the message of its failure."""
    solved: dict[Any, Any] = {}
    found: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in quantities:
        quantity = QUANTITIES[name]
        try:
            answer = quantity.pick(_solved_once(quantity, place, solved), place)
        except FAILURES as error:
            failed[name] = str(error)
            continue
        if answer.reason is None:
            found[name] = plain(answer.found)
        else:
            reasons[name] = answer.reason
    return {"found": found, "reasons": reasons, "failed": failed}


def _solved_once(quantity: Quantity, place: Place, solved: dict[Any, Any]) -> Any:
    """Return what several quantities are picked from, or raise what the first of them has raised."""
    if quantity.solve not in solved:
        try:
            solved[quantity.solve] = quantity.solve(place)
        except FAILURES as error:
            solved[quantity.solve] = error
    if isinstance(solved[quantity.solve], FAILURES):
        raise solved[quantity.solve]
    return solved[quantity.solve]


def is_answer(row: Any, place: Place, quantities: Sequence[str]) -> bool:
    """Tell whether plain data are what `answers_at` returns."""
    parts = [row.get(name) for name in ("found", "reasons", "failed")] if isinstance(row, dict) else []
    if not parts or not all(isinstance(part, dict) for part in parts):
        return False
    found, reasons, failed = (dict(part) for part in parts if part is not None)
    texts = [*reasons.values(), *failed.values()]
    return (
        sorted([*found, *reasons, *failed]) == sorted(quantities)
        and all(isinstance(text, str) for text in texts)
        and all(_is_found(value, QUANTITIES[name], place) for name, value in found.items())
    )


def _is_found(value: Any, quantity: Quantity, place: Place) -> bool:
    """Tell whether a value is of the kind of a quantity: a point has its main number, others may be infinite: None."""
    if quantity.main is None:
        return type(value) in ((int, float, NoneType) if quantity.kind is float else (quantity.kind,))
    if not isinstance(value, dict) or not isinstance(value.get("error"), dict):
        return False
    own = {"control": place.model.control, "strength": place.path.strength}
    main, *others = (own.get(name, name) for name in (quantity.main, *quantity.coordinates))
    rest = [*(value.get(name) for name in others), *value["error"].values()]
    return type(value.get(main)) in (int, float) and all(type(x) in (int, float, NoneType) for x in rest)
