"""Sweeps: quantities of many models at many controls and strengths, in pieces that any executor can work on."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.named import Flow
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.groups import _potts_table
from amp_theory.ingredients.priors.named import _mixture_table
from amp_theory.models.base import Model
from amp_theory.phases.families.axes import Family, Models, check_names, family_of
from amp_theory.phases.families.quantities import (
    QUANTITIES,
    Place,
    answers_at,
    check_quantities,
    is_answer,
    special_points_of,
)
from amp_theory.phases.families.result import Sweep
from amp_theory.phases.geometry.solved import solved
from amp_theory.tools.checkpoints import Result, State
from amp_theory.tools.errors import FileError, InputError
from amp_theory.tools.files import as_file, check_place
from amp_theory.tools.reports import plain
from amp_theory.tools.runs import run_tasks

if TYPE_CHECKING:
    import os

#: of what a checkpoint holds
FORMAT = 2
#: version of the files themselves: those of version 1 have no checksum, and none is of a sweep
OLDEST = 2
#: pieces of work: many enough for all workers, few enough that sending and saving them takes no time
PIECES = 64
#: rows of one model that are a piece at least, as every piece solves its models anew
LEAST_ROWS = 100
#: pieces of one process take turns, each of which begins from nothing
TURN = threading.Lock()
#: a function of the user's is shown by its place in memory, which is another in every process
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Piece:
    """Some rows of a sweep: a task without steps, whose result is plain data as text, exact to the last bit."""

    places: tuple[Place, ...]
    quantities: tuple[str, ...]

    def start(self, rng: np.random.Generator) -> State:
        """Return an empty state."""
        return {}

    def advance(self, state: State, rng: np.random.Generator) -> None:
        """Do nothing: there are no steps."""

    def finished(self, state: State) -> bool:
        """Tell that no step is left."""
        return True

    def result(self, state: State) -> Result:
        """Return the answers of all rows."""
        with TURN:
            forget(place.model for place in self.places)
            rows = [json.dumps(answers_at(place, self.quantities), allow_nan=False) for place in self.places]
        return {"rows": rows}


def forget(models: Iterable[Model] = ()) -> None:
    """Forget what has been solved: the last bits depend on what was asked before, as tables grow with the questions.

    A prior may have a table of its own, which goes with its model.
    """
    for known in (special_points_of, solved, _mixture_table, _potts_table):
        known.cache_clear()
    for model in models:
        for part in vars(model).values():
            if isinstance(part, Prior):
                part._forget()


def sweep(
    models: Models,
    *,
    quantities: str | Sequence[str],
    path: Path | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **axes: Any,
) -> Sweep:
    """Answer the same questions for every combination of models, controls and strengths.

    Parameters
    ----------
    models
        A function that makes a model from some of the axes, called here, never in a worker; or a model, or a list of
        models, which is the axis "model", the first.
    quantities
        Names: special points (`thresholds` for all); with a control the lines of `path_transitions` (the first point
        of each), first_failure_strength, sampler_succeeds; with control and strength region, uninformed_overlap,
        informed_overlap, and `fixed_points` for uninformed, informed and equilibrium.
    path
        The path, Flow() by default.
    executor, checkpoint, progress
        As for `simulate`: where the work is done, in 64 pieces at most; a file to resume from; whom to tell about it.
    **axes
        Lists of values: of parameters of the function; of control and strength, also by the names that the model and
        the path give them.  A single value is the same in all rows.  All combinations are taken, in this order, the
        last axis changing fastest.

    Returns
    -------
    Sweep
        Arrays with named axes, and a table.  Where a model cannot be made, or a solver fails, the row has the message.

    Raises
    ------
    InputError, FileError, NumericalError
        For names that mean nothing, an axis that a quantity needs, a function that fails by a mistake; for a checkpoint
        of another problem, with what differs; if workers were lost.

    Examples
    --------
    >>> import amp_theory as at
    >>> found = at.sweep(at.SphericalPSpin, p=[3, 4], temperature=[0.6, 0.65], quantities="first_order")
    >>> found["first_order"].round(6).tolist()
    [[0.027372, 0.104999], [0.30539, None]]
    """
    wanted = check_quantities(quantities)
    way = Flow() if path is None else as_path(path)
    if checkpoint is not None:  # noticed before any work
        check_place(as_file(checkpoint))
    check_names(axes, wanted)
    family = family_of(models, way, axes)
    _check_needs(wanted, family, way)
    parts = _pieces(family)
    tasks = [Piece(tuple(family.place(row, way) for row in part), wanted) for part in parts]
    problem = {} if checkpoint is None else _problem(family, way, wanted)
    results = run_tasks(tasks, 0, problem, executor, checkpoint, progress, kinds=(str,), oldest=OLDEST)
    return Sweep.of(family, way, wanted, _answers(family, parts, tasks, results, checkpoint))


def _check_needs(wanted: Sequence[str], family: Family, path: Path) -> None:
    """Raise an `InputError` for a quantity that needs a control or a strength where there is none."""
    _, control, strength = family.rows[0]
    missing = [name for name, value in (("control", control), ("strength", strength)) if value is None]
    own = {"control": {m.control for m in family.models if isinstance(m, Model)}, "strength": {path.strength}}
    for name in wanted:
        for need in QUANTITIES[name].needs:
            if need in missing:
                raise InputError(
                    f"the quantity {name!r} needs a {need}: give an axis {' or '.join(sorted(own[need]))}=[...]"
                )


def _pieces(family: Family) -> list[list[int]]:
    """Return the rows of every piece: those of one model, or of several, stand together."""
    of_model: dict[int, list[int]] = {}
    for row, (number, *_) in enumerate(family.rows):
        if isinstance(family.models[number], Model):
            of_model.setdefault(number, []).append(row)
    groups = list(of_model.values())
    many = math.ceil(len(groups) / PIECES)
    if many > 1:
        return [list(chain(*groups[k : k + many])) for k in range(0, len(groups), many)]
    most = PIECES // len(groups)
    numbers = [min(most, math.ceil(len(group) / LEAST_ROWS)) for group in groups]
    return [group[k::number] for group, number in zip(groups, numbers, strict=True) for k in range(number)]


def _problem(family: Family, path: Path, wanted: Sequence[str]) -> dict[str, Any]:
    """Return plain data that tell one sweep from another, and its numbers from those of another version."""
    from amp_theory import __version__

    texts = [m if isinstance(m, str) else repr(m) for m in (*family.models, path)]
    if any(ADDRESS.search(text) for text in texts):
        raise InputError("a checkpoint cannot tell functions of your own from others: no checkpoint for such models")
    return {
        "question": "sweep", "amp_theory": __version__, "pieces": FORMAT, "quantities": list(wanted), "path": texts[-1],
        **{f"axis {name}": plain(values) for name, values in family.axes.items()}, "axes": list(family.axes),
        **{f"fixed {name}": plain(value) for name, value in family.fixed.items()},
        **{f"model {k}": text for k, text in enumerate(texts[:-1])},
    }  # fmt: skip


def _answers(
    family: Family, parts: Sequence[Sequence[int]], tasks: Sequence[Piece], results: Sequence[Result], checkpoint: Any
) -> list[Any]:
    """Return the answers of all rows; one without a model has the reason for that."""
    wanted = tasks[0].quantities
    answers: list[Any] = [{"failed": dict.fromkeys(wanted, family.models[number])} for number, *_ in family.rows]
    for part, task, result in zip(parts, tasks, results, strict=True):
        for row, answer in zip(part, _read(result, task, checkpoint), strict=True):
            answers[row] = answer
    return answers


def _read(result: Result, task: Piece, checkpoint: Any) -> list[Any]:
    """Return the answers of the rows of a piece after checking that they are such."""
    try:
        rows = [json.loads(text) for text in result["rows"]]
        if not all(is_answer(row, place, task.quantities) for row, place in zip(rows, task.places, strict=True)):
            raise ValueError("its rows are not those of this sweep")
    except (ValueError, KeyError, RecursionError) as error:
        raise FileError(f"the checkpoint {str(checkpoint)!r} is damaged: {error}") from error
    return rows
