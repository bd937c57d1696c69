"""Reading saved diagrams: everything in a file is checked, and nothing in it is ever run."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.catalogue import MODELS, PARTS, PATHS, SCHEDULES, build_model, build_path
from amp_theory.phases.diagram.compute import MOST_POINTS, check_range
from amp_theory.phases.diagram.diagram import FORMAT, VERSION, Diagram
from amp_theory.phases.diagram.lines import LINES, Line
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import FileError, InputError, integer_between
from amp_theory.tools.files import read_versioned, to_json
from amp_theory.tools.results import OUTER_POINTS, POINTS, Located, Status, Thresholds


def load(file: str | os.PathLike[str], model: Model | None = None, path: Path | None = None) -> Diagram:
    """Read a diagram that was saved as JSON.

    Parameters
    ----------
    file
        The file.
    model
        Needed for a model, or a prior, of the user's own, which a file cannot hold.
    path
        Needed for a path, or a schedule, of the user's own.

    Returns
    -------
    Diagram
        The diagram, which answers and draws as before.

    Raises
    ------
    FileError
        If the file is damaged, not a diagram, of a newer version, or of another model or path than given.

    See Also
    --------
    Diagram.save : Which writes it.
    """
    data = read_versioned(file, FORMAT, VERSION, "not a diagram saved by amp_theory")
    try:
        return _diagram(data, _model(data, model), _path(data, path))
    except _MismatchError as error:
        raise FileError(f"{str(file)!r} {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise FileError(f"{str(file)!r} is damaged: {error}") from error


class _MismatchError(Exception):
    """The file and what the caller gave do not go together."""


def _model(data: dict[str, Any], given: Model | None) -> Model:
    """Return the model given, or made again from its name and parameters."""
    name, parameters = data["model"], data["parameters"]
    if given is None:
        if name not in MODELS or any(
            parameters.get(part, next(iter(known))) not in known for part, known in PARTS.items()
        ):
            raise _MismatchError(
                f"holds a diagram of {name} with parameters {parameters}, which is not built in: give model="
            )
        return build_model(name, parameters)
    if given.name != name or json.loads(to_json(given.parameters)) != parameters:
        raise _MismatchError(f"is of the model {name} with parameters {parameters}, not of {given!r}")
    return given


def _path(data: dict[str, Any], given: Path | None) -> Path:
    """Return the path given, or made again from its name and its schedule's."""
    name, schedule, order = data["path"], data["schedule"], data.get("order", "random")
    side = data.get("side")
    if given is None:
        if name not in PATHS or schedule not in SCHEDULES:
            raise _MismatchError(f"holds a diagram along {name} ({schedule}), which is not built in: give path=")
        return build_path(name, schedule, None if order == "random" else order, side)
    if (given.name, given.schedule.name) != (name, schedule):
        raise _MismatchError(f"is along the path {name} with schedule {schedule}, not along {given!r}")
    if given.order != order:
        raise _MismatchError(f"is of variables in the order {order!r}, not along {given!r}")
    if given.side != side:
        raise _MismatchError(f"is of the side {side!r}, not along {given!r}")
    return given


def _diagram(data: dict[str, Any], model: Model, path: Path) -> Diagram:
    _same("control", data["control"], model.control)
    _same("strength", data["strength"], path.strength)
    names = (*POINTS, *(name for name in OUTER_POINTS if name in data["points"]))
    points = {}
    for name in names:
        given = data["points"][name]
        strong = name == "tricritical" or (name == "first_failure" and path.strength in (given or {}))
        points[name] = _located(given, model, path, strong)
    reasons = {str(k): str(v) for k, v in data["reasons"].items()}
    _same("the points that have reasons", sorted(reasons), sorted(n for n, p in points.items() if p is None))
    more = [_located(p, model, path, True) for p in data["points"].get("further_tricritical", [])]
    special = Thresholds(
        model.name, path.name, model.control, path.strength, model.parameters, reasons=reasons, order=path.order,
        side=path.side, further_tricritical=tuple(p for p in more if p is not None), bounds=model.bounds, **points,
    )  # fmt: skip
    lines = {name: _line(data["lines"][name], model, path) for name in LINES}
    number = integer_between("points_per_line", data["points_per_line"], 2, MOST_POINTS)
    return Diagram(
        model=model, path=path, control_range=check_range(model, data["range"]), points=number,
        target=model.check_target(data["target"]), lines=lines, thresholds=special, provenance=dict(data["provenance"]),
    )  # fmt: skip


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError(f"{what} should be {wanted}, not {found}")


def _located(data: dict[str, Any] | None, model: Model, path: Path, has_strength: bool) -> Located | None:
    if data is None:
        return None
    control, overlap = float(model.check_control(data[model.control])), float(data["overlap"])
    strength = float(path.check_strength(data[path.strength])) if has_strength else None
    names = [model.control, *([path.strength] if has_strength else []), "overlap"]
    errors = {name: float(data["error"][name]) for name in names}
    if not all(math.isfinite(x) and x >= 0 for x in (overlap, *errors.values())):
        raise InputError(f"overlap and error bounds must be finite and >= 0, got {overlap} and {errors}")
    return Located(
        control=control, overlap=overlap, errors=errors, control_name=model.control, strength=strength,
        strength_name=path.strength if has_strength else None, status=Status(data["status"]), how=str(data["how"]),
    )  # fmt: skip


def _line(data: dict[str, Any], model: Model, path: Path) -> Line:
    """Return a line after checking that its columns are numbers in range, of one length."""
    names = [model.control, path.strength, "overlap", "error", *(["lower_overlap"] if "lower_overlap" in data else [])]
    column: dict[str, Array] = {name: np.array(data[name], dtype=float) for name in names}
    segment = np.array(data["segment"], dtype=int)
    if segment.ndim != 1 or any(c.shape != segment.shape or not np.all(np.isfinite(c)) for c in column.values()):
        raise InputError("a line's columns differ in length or are not finite")
    if len(segment):
        model.check_control(column[model.control])
        path.check_strength(column[path.strength])
    ends = tuple((str(a), str(b)) for a, b in data["ends"])
    _same("the numbers of a line's segments", sorted(set(segment.tolist())), list(range(len(ends))))
    return Line(column[model.control], column[path.strength], column["overlap"], column.get("lower_overlap"),
                column["error"], segment, ends, control_name=model.control, strength_name=path.strength)  # fmt: skip
