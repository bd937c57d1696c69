"""The catalogue's numbers beside ours: recomputed, compared to the digits that were printed, and explained."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.interface.studies.literature import PublishedValue, printed_of, published_values, scaled
from amp_theory.models.base import Model
from amp_theory.models.catalogue import MODELS, build_model
from amp_theory.models.synonyms import canonical
from amp_theory.phases.diagram.along_path import PathTransitions, path_transitions
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.errors import InputError, NumericalError, answer_of, item_of, told
from amp_theory.tools.progress import tracked
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Located, MissingPoint, Thresholds, titled
from amp_theory.tools.tables import ERROR, ResultTable, of_rows


@dataclass(frozen=True)
class CheckedValue(Reported):
    """One published number beside ours.

    Parameters
    ----------
    published
        The number, its source and its convention.
    ours, error
        Our number in the source's convention and its absolute error bound; None where there is none.
    reason
        Why we have none.

    See Also
    --------
    check : Which returns them, with an example.
    """

    published: PublishedValue
    ours: float | None
    error: float | None
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """Published minus ours; None where we have none."""
        return None if self.ours is None else self.published.value - self.ours

    @property
    def agrees(self) -> bool:
        """Whether the printed digits, or the tolerance that the source states, and our error bound allow for both."""
        if self.difference is None or self.error is None:
            return False
        # a number printed to some digits may be off by rounding of its decimal string
        return abs(self.difference) <= self.published.resolution * (1 + 1e-9) + self.error

    @property
    def verdict(self) -> str:
        """In words: agrees, differs, or that we have none; and why, where that is known."""
        if self.ours is None:
            return f"not found here: {self.reason}"
        if self.agrees:
            return "agrees"
        return f"differs: {self.published.note or 'why is not known'}"

    def report(self) -> str:
        """Return a readable text: both numbers, the verdict, and where the published one was printed."""
        p = self.published
        ours = "none" if self.ours is None else f"{self.ours:.12g} +- {self.error:.1g}"
        return "\n".join([
            f"{titled(p.model, p.parameters, p.path)}: {p.asked}",
            f"  published {p.printed}, ours {ours}: {self.verdict}",
            f"  {p.source.reference}, {p.where}",
        ])  # fmt: skip

    def table(self) -> ResultTable:
        """Return the number as one row."""
        return CheckedValues((self,)).table()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        p = self.published
        return {
            "model": p.model, "parameters": dict(p.parameters), "path": p.path, "quantity": p.quantity,
            "at": None if p.at is None else dict(p.at), "coordinate": p.coordinate, "conversion": p.conversion,
            "published": p.value, "printed": p.printed, "digits": p.digits, "resolution": p.resolution,
            "ours": self.ours, "error": None if self.error is None else {p.coordinate: self.error},
            "difference": self.difference, "agrees": self.agrees, "source": p.source.reference,
            "where": p.where, "read": p.read, "note": self.reason or p.note or None,
        }  # fmt: skip


@dataclass(frozen=True)
class CheckedValues(Reported):
    """Published numbers beside ours; behaves like a tuple of them.

    Parameters
    ----------
    rows
        A `CheckedValue` each.
    left_out
        Values that take minutes, which are computed where their model is asked for only.

    See Also
    --------
    check : Which returns them, with an example.
    """

    rows: tuple[CheckedValue, ...]
    left_out: tuple[PublishedValue, ...] = ()

    def __iter__(self) -> Iterator[CheckedValue]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> CheckedValue:
        return item_of(self.rows, index)

    @property
    def sources(self) -> tuple[str, ...]:
        """The references of all sources, in the order of the catalogue."""
        return tuple(dict.fromkeys(row.published.source.reference for row in self.rows))

    @property
    def differing(self) -> tuple[CheckedValue, ...]:
        """Those that do not agree."""
        return tuple(row for row in self.rows if not row.agrees)

    def title(self) -> str:
        """Return how many agree, and of how many sources.

        Returns
        -------
        str
            One sentence.

        See Also
        --------
        check : Which returns the values, with an example.
        """
        agree = len(self.rows) - len(self.differing)
        sources = "one source" if len(self.sources) == 1 else f"{len(self.sources)} sources"
        title = f"{agree} of {len(self.rows)} values of {sources} agree within their digits or tolerance"
        if not self.rows:
            title = "the catalogue has no such published value"
        if self.left_out:
            models = ", ".join(sorted({value.model for value in self.left_out}))
            more = "one that takes" if len(self.left_out) == 1 else f"{len(self.left_out)} that take"
            title += f", besides {more} minutes: ask for {models}"
        return title

    def report(self) -> str:
        """Return the table published / ours / difference / verdict as text, by model and source."""
        lines = [self.title()]
        for (model, source), rows in _grouped(self.rows).items():
            lines += ["", f"{model}: {source.reference}", f"  {source.authors}: {source.title} ({source.year}); "
                      f"read in {source.read_in}"]  # fmt: skip
            for row in rows:
                ours = f"{'none':>16}" if row.ours is None else f"{row.ours:>16.10g}"
                given = ", ".join(f"{k}={v}" for k, v in row.published.parameters.items())
                difference = f"{row.difference:>10.1e}" if row.difference is not None else f"{'':>10}"
                lines.append(
                    f"  {row.published.printed:>14}{ours}{difference}  {given}: {row.published.asked}: {row.verdict}"
                )
        return "\n".join(lines)

    def _summary(self) -> str:
        return "\n".join([self.title(), *(row.report().replace("\n ", ";") for row in self.differing)])

    def table(self) -> ResultTable:
        """Return the numbers as rows."""
        names = [
            "model", "parameters", "path", "quantity", "published", "printed", "digits", "resolution", "ours",
            f"{ERROR}ours", "difference", "agrees", "verdict", "source", "where",
        ]  # fmt: skip
        rows = []
        for row in self.rows:
            p = row.published
            given = ", ".join(f"{k}={v}" for k, v in p.parameters.items())
            rows.append((
                p.model, given, p.path, p.asked, p.value, p.printed, p.digits, p.resolution, row.ours,
                row.error, row.difference, row.agrees, row.verdict, p.source.reference, p.where,
            ))  # fmt: skip
        return of_rows(self.title(), names, rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        count = Counter("agree" if row.agrees else "differ" for row in self.rows)
        return {
            "values": [row.to_dict() for row in self.rows],
            "agree": count["agree"], "differ": count["differ"], "sources": list(self.sources),
            "left_out": [value.to_dict() for value in self.left_out],
        }  # fmt: skip


def check(
    model: Model | type[Model] | str | None = None,
    catalogue: str | os.PathLike[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> CheckedValues:
    """Recompute published thresholds and compare: published, ours, difference, and whether the printed digits agree.

    Parameters
    ----------
    model
        A model, for the values of just this one; the name of one or its class, for all of that kind; None for all,
        which takes about a minute: values that take minutes each are left out then, and named.
    catalogue
        A file of published values in the form of the package's own, `published_values`; that one by default.
    progress
        Called with the title of each model when it is begun.

    Returns
    -------
    CheckedValues
        A row for every value, none where the catalogue has none.  A number that we cannot compute is a row with the
        reason.

    Raises
    ------
    InputError
        If there is no such model.
    FileError
        If the catalogue cannot be read, is damaged, or is of a newer version.

    References
    ----------
    Every row names its own.

    Examples
    --------
    >>> from amp_theory import SphericalPSpin
    >>> found = check(SphericalPSpin(p=3))
    >>> len(found) > 5, all(row.agrees for row in found)
    (True, True)
    """
    values = [value for value in published_values(catalogue) if _selected(value, model)]
    slow = tuple(value for value in values if value.slow and model is None)
    compared = compare_values([value for value in values if value not in slow], progress)
    return CheckedValues(compared.rows, slow)


def compare_values(values: Sequence[PublishedValue], progress: Callable[[str], None] | None = None) -> CheckedValues:
    """Return published values with ours beside them, in their order."""
    found: dict[int, CheckedValue] = {}
    for title, group in tracked(_by_question(values).items(), "models"):
        if progress is not None:
            answer_of("progress", progress, title)
        found |= {id(row.published): row for row in _checked(group)}
    return CheckedValues(tuple(found[id(value)] for value in values))


def _selected(value: PublishedValue, model: Model | type[Model] | str | None) -> bool:
    """Tell whether a value is of the model that is asked for."""
    if model is None:
        return True
    if isinstance(model, type) and issubclass(model, Model):
        return MODELS.get(value.model) is model
    if isinstance(model, str):
        return value.model == canonical("model", model, MODELS)
    if not isinstance(model, Model):
        raise InputError(f"model must be a model, the name of one, or None, got {told(model)}")
    return value.model == model.name and build_model(value.model, value.parameters) == model


def _by_question(values: Sequence[PublishedValue]) -> dict[str, list[PublishedValue]]:
    """Return the values that one computation of ours answers, by its title."""
    groups: dict[str, list[PublishedValue]] = {}
    for value in values:
        at = "" if value.at is None else f" at {dict(value.at)}"
        groups.setdefault(titled(value.model, value.parameters, value.path) + at, []).append(value)
    return groups


def _grouped(rows: tuple[CheckedValue, ...]) -> dict[Any, list[CheckedValue]]:
    """Return rows by model and source."""
    groups: dict[Any, list[CheckedValue]] = {}
    for row in rows:
        groups.setdefault((row.published.model, row.published.source), []).append(row)
    return groups


def _checked(values: list[PublishedValue]) -> list[CheckedValue]:
    """Compare values of one model, path and control; what cannot be computed is told."""
    model, path = values[0].build()
    try:
        answer = _answer(model, path, values[0])
    except NumericalError as error:
        return [CheckedValue(value, None, None, str(error)) for value in values]
    return [_compared(value, model, _point(value, answer)) for value in values]


def _answer(model: Model, path: Path, value: PublishedValue) -> Thresholds | PathTransitions:
    """Return what holds our number."""
    if value.at is None:
        return thresholds(model, path)
    ((name, given),) = value.at.items()
    return path_transitions(model, path, float(model.convert(np.array(given), name, model.control)))


def _point(value: PublishedValue, answer: Thresholds | PathTransitions) -> Located | MissingPoint:
    """Return the point that a value is one of; of several on a line the first along the path."""
    if isinstance(answer, Thresholds):
        return answer[value.quantity]
    points = answer[value.quantity]
    return points[0] if points else MissingPoint(value.quantity, answer.reasons[value.quantity], "control", "strength")


def _compared(value: PublishedValue, model: Model, point: Located | MissingPoint) -> CheckedValue:
    """Return a value beside our point."""
    if isinstance(point, MissingPoint):
        return CheckedValue(value, None, None, point.reason)
    try:
        return CheckedValue(value, *printed_of(value, *scaled(model, point, value.coordinate)))
    except NumericalError as failure:
        return CheckedValue(value, None, None, str(failure))
