"""The answers of a sweep: arrays with named axes, reasons, failures, and a table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.phases.families.axes import Family
from amp_theory.phases.families.quantities import QUANTITIES
from amp_theory.tools.errors import InputError, one_of, told
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.tables import ERROR, ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Objects = npt.NDArray[np.object_]
Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Sweep(Reported):
    """What a sweep has found: `sweep["condensation"]` is an array with an axis for every name in `axes`.

    Nothing is told by a NaN: the arrays are masked where something does not exist, for the `reason` there, or where a
    row has failed, with the message in `failures`.

    Parameters
    ----------
    axes
        The values of every axis by its name, in order.
    fixed
        What is the same in all rows.
    path
        The path.
    quantities
        The names of what was asked for.
    models
        The models, of the shape of the sweep, None where one could not be made.
    found
        For every quantity an array of plain data: a number, text or truth value, or a point with its coordinates and
        their error bounds as its own `to_dict` gives them; None where there is none.
    reasons
        For every quantity an array of why it does not exist, None where it does.
    failed
        By the index of the row the messages by the quantities that have failed there.

    Examples
    --------
    >>> import amp_theory as at
    >>> model_of = lambda rho: at.SpikedMatrix(at.SparseRademacher(rho))
    >>> found = at.sweep(model_of, rho=[0.08, 0.5, 2], quantities="condensation")
    >>> found["condensation"].round(6).tolist(), found.failures
    ([0.006588, None, None], {(2,): 'rho must lie in (0, 1], got 2'})
    >>> found.values("condensation", "overlap").round(4).tolist(), found.reason("condensation", 1)[:20]
    ([0.032, None, None], 'the equilibrium bran')
    """

    axes: dict[str, npt.NDArray[Any]]
    fixed: dict[str, Any]
    path: Path
    quantities: tuple[str, ...]
    models: Objects
    found: dict[str, Objects]
    reasons: dict[str, Objects]
    failed: dict[Index, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, family: Family, path: Path, quantities: Sequence[str], answers: Sequence[Mapping[str, Any]]) -> Sweep:
        """Return the answers of all rows, in their order, as arrays.

        Parameters
        ----------
        family, path, quantities
            What was asked for.
        answers
            Of every row what was found, the reasons, and the messages of failures.

        Returns
        -------
        Sweep
            With all of them.

        See Also
        --------
        sweep : Which asks, with an example.
        """
        made = [m if isinstance(m, Model) else None for m in family.models]

        def array(items: Sequence[Any]) -> Objects:
            return _objects(items).reshape(family.shape)

        indices = itertools.product(*map(range, family.shape))
        return cls(
            axes={name: _axis(values) for name, values in family.axes.items()}, fixed=dict(family.fixed), path=path,
            quantities=tuple(quantities), models=array([made[number] for number, *_ in family.rows]),
            found={q: array([a.get("found", {}).get(q) for a in answers]) for q in quantities},
            reasons={q: array([a.get("reasons", {}).get(q) for a in answers]) for q in quantities},
            failed={k: dict(a["failed"]) for k, a in zip(indices, answers, strict=True) if a["failed"]},
        )  # fmt: skip

    @property
    def failures(self) -> dict[Index, str]:
        """The messages by the index of the row, several of one row in one text."""
        return {index: "; ".join(dict.fromkeys(failed.values())) for index, failed in self.failed.items()}

    @property
    def shape(self) -> Index:
        """The lengths of the axes."""
        return self.models.shape

    def __len__(self) -> int:
        return self.models.size

    def __getitem__(self, quantity: str) -> np.ma.MaskedArray[Any, Any]:
        return self.values(quantity)

    def values(self, quantity: str, coordinate: str | None = None) -> np.ma.MaskedArray[Any, Any]:
        """Return a quantity as a masked array of the shape of the sweep.

        Parameters
        ----------
        quantity
            One of `quantities`.
        coordinate
            Of a point: "control", "strength", "overlap", one of these by its own name, or "error_of_..." with that for
            its error bound.  By default the control of a special point, the strength of a point of a line, and the
            overlap of a fixed point.

        Returns
        -------
        masked array
            Numbers, or texts or truth values.

        Raises
        ------
        InputError
            For another name.
        """
        items: list[Any] = self.found[one_of("quantity", quantity, self.quantities)].ravel().tolist()
        if coordinate is not None:
            one_of(f"coordinate of {quantity}", coordinate, self._words(quantity, items) or ["none"])
        picked = [self._coordinate(quantity, coordinate, k) for k in range(len(items))]
        mask = np.array([x is None for x in picked]).reshape(self.shape)
        kinds = {type(x) for x in picked if x is not None}
        filled = [x if x is not None else np.nan if kinds <= {float, int} else False for x in picked]
        array = np.array(filled, dtype=float if kinds <= {float, int} else None if kinds == {bool} else object)
        return np.ma.array(array.reshape(self.shape), mask=mask)

    def _words(self, quantity: str, items: Sequence[Any]) -> list[str]:
        """Return the names of the coordinates of a point and those of their errors; a bare value has none."""
        if QUANTITIES[quantity].main is None:
            return []
        known = [word.removeprefix(ERROR) for word in self._coordinates(quantity, items)]
        return list(dict.fromkeys(ERROR * error + word for error in (0, 1) for word in ("control", "strength", *known)))

    def _coordinates(self, quantity: str, items: Sequence[Any]) -> list[str]:
        """Return the names of the numbers of points, the same whether there are any, and any that they have besides."""
        made: list[Model | None] = self.models.ravel().tolist()
        own = {"control": [m.control for m in made if m is not None], "strength": [self.path.strength]}
        names: dict[str, None] = {}
        for word, bounded in QUANTITIES[quantity].coordinates.items():
            for name in own.get(word, [word]):
                names |= dict.fromkeys([name, ERROR + name] if bounded else [name])
        return list(names | dict.fromkeys(name for item in items if type(item) is dict for name in numbers_of(item)))

    def _coordinate(self, quantity: str, coordinate: str | None, row: int) -> Any:
        """Return a coordinate of what was found in a row, None where there is none."""
        item: Any = self.found[quantity].flat[row]
        if type(item) is not dict:
            return item if coordinate is None else None
        name = coordinate or QUANTITIES[quantity].main or ""
        model: Any = self.models.flat[row]
        own = {"control": model.control, "strength": self.path.strength}
        rest = name.removeprefix(ERROR)
        return numbers_of(item).get(name.removesuffix(rest) + own.get(rest, rest))

    def reason(self, quantity: str, *index: int) -> str | None:
        """Return why a quantity is masked in a row: because it does not exist, or because the row has failed.

        Parameters
        ----------
        quantity
            One of `quantities`.
        *index
            The row, an integer for every axis.

        Returns
        -------
        str or None
            None where there is a number.

        Raises
        ------
        InputError
            If there is no such row.
        """
        reasons = self.reasons[one_of("quantity", quantity, self.quantities)]
        if len(index) != len(self.shape) or not all(
            _whole(k) and 0 <= k < n for k, n in zip(index, self.shape, strict=True)
        ):
            raise InputError(f"index must be an integer for every axis, of lengths {self.shape}, got {told(index)}")
        if self.found[quantity][index] is not None:
            return None
        reason: str | None = reasons[index] or self.failed.get(index, {}).get(quantity)
        return reason

    def plot(
        self, ax: Axes | None = None, *, over: str | None = None, quantities: str | Sequence[str] | None = None,
        coordinate: str | None = None, scaling: str | None = None, between: Sequence[str] | None = None,
        legend: bool | str = True, title: str | bool | None = None, annotate: bool = True,
        style: str | Mapping[str, Any] | None = None, axes: Axes | None = None,
    ) -> Axes:  # fmt: skip
        """Draw what was found over one of the axes: a line for every quantity, with gaps where there is no number.

        Lines go through the marks, which are the numbers found, and may do anything between them.  They have their
        names beside them, and in the legend where there is no room.  Bars are error bounds, mostly too short to see.

        Parameters
        ----------
        ax, axes
            Where to draw; a new figure by default.
        over
            The axis of the sweep along the horizontal axis; by default the one with most numbers.  There is a line for
            every combination of the others.
        quantities
            One or several of `quantities`; by default all, which must then be numbers of one kind.
        coordinate
            What is drawn of points, as for `values`.
        scaling
            Of controls, one of the models' own: "noise_over_rho2", "beta", ...
        between
            Two quantities: what lies between their lines is shaded, ("first_failure", "stability") for one.
        legend, title, annotate, style
            As for `plot_diagram`; names beside lines are the default here.

        Returns
        -------
        matplotlib.axes.Axes
            Where the picture is.

        Raises
        ------
        InputError
            Without an axis of numbers, for numbers of several kinds, if there is none at all, too many lines, or if
            what is shaded is not between two of them.

        Examples
        --------
        >>> import amp_theory as at
        >>> found = at.sweep(at.IsingPSpin, p=3, field=[0.1, 0.3, 0.5], quantities=["first_failure", "stability"])
        >>> axes = found.plot()
        >>> axes.get_xlabel(), [line.get_label() for line in axes.lines]
        ('field', ['first failure', 'stability'])
        """
        from amp_theory.phases.diagram.styles import as_axes
        from amp_theory.phases.families.picture import plot_sweep

        return plot_sweep(
            self, as_axes(ax, axes), over=over, quantities=quantities, coordinate=coordinate, scaling=scaling,
            between=between, legend=legend, title=title, annotate=annotate, style=style,
        )  # fmt: skip

    @property
    def title(self) -> str:
        """The quantities, the path, and what is the same in all rows."""
        fixed = "".join(f", {name} = {value}" for name, value in self.fixed.items())
        return f"{', '.join(self.quantities)} along the path {self.path.name}{fixed}: {len(self)} rows"

    def _rows(self) -> Iterator[tuple[Index, dict[str, Any]]]:
        """Yield the index and the values of the axes of every row."""
        names, values = list(self.axes), [a.tolist() for a in self.axes.values()]
        for index in itertools.product(*map(range, self.shape)):
            yield index, {n: v[k] for n, v, k in zip(names, values, index, strict=True)}

    def report(self) -> str:
        """Return a readable text: a line for every row, with the first number of every quantity or why it has none."""
        shown = {quantity: (self.values(quantity), self._errors(quantity)) for quantity in self.quantities}
        lines = [self.title]
        for index, place in self._rows():
            parts = []
            for quantity, (values, errors) in shown.items():
                value, error = values[index], errors[index]
                message = self.failed.get(index, {}).get(quantity)
                if message is not None:
                    parts.append(f"{quantity} failed: {message}")
                elif value is np.ma.masked:
                    parts.append(f"{quantity} none: {self.reason(quantity, *index)}")
                else:
                    text = f"{value:.12g}" if isinstance(value, float) else str(value)
                    parts.append(f"{quantity} {text}" + ("" if error is np.ma.masked else f" +- {error:.1g}"))
            failed = self.failed.get(index, {})
            if len(failed) == len(parts) and len({*failed.values()}) == 1:
                parts = [f"failed: {next(iter(failed.values()))}"]
            where = ", ".join(f"{name} = {told_short(value)}" for name, value in place.items())
            lines.append(f"  {where}: {'; '.join(parts)}")
        return "\n".join(lines)

    def _errors(self, quantity: str) -> np.ma.MaskedArray[Any, Any]:
        main = QUANTITIES[quantity].main
        if main is None:
            return np.ma.array(np.zeros(self.shape), mask=True)
        return self.values(quantity, ERROR + main)

    def table(self) -> ResultTable:
        """Return all rows as a table: axes, numbers with their error bounds, reasons, and the failure."""
        columns: dict[str, list[Any]] = {name: [] for name in self.axes}
        for _, place in self._rows():
            for name, value in place.items():
                columns[name].append(value if isinstance(value, int | float | str) else told_short(value))
        for quantity in self.quantities:
            found: list[Any] = self.found[quantity].ravel().tolist()
            rows = [numbers_of(item) if type(item) is dict else {"": item} for item in found]
            for name in [""] if QUANTITIES[quantity].main is None else self._coordinates(quantity, found):
                columns[_column(quantity, name)] = [row.get(name) for row in rows]
            columns[f"reason_of_{quantity}"] = list(self.reasons[quantity].flat)
        failures = self.failures
        columns["failure"] = [failures.get(index) for index, _ in self._rows()]
        return ResultTable(self.title, columns)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: axes, and for every row what was found, why something was not, and what has failed."""
        rows, failures = [], self.failures
        for index, place in self._rows():
            found = {quantity: self.found[quantity][index] for quantity in self.quantities}
            reasons = {q: self.reasons[q][index] for q in self.quantities if self.reasons[q][index] is not None}
            failed = {"failed": self.failed.get(index, {}), "failure": failures.get(index)}
            rows.append({**place, **found, "reasons": reasons, **failed})
        return {
            "path": self.path.name, "fixed": plain(self.fixed), "axes": plain(self.axes),
            "quantities": list(self.quantities), "rows": plain(rows),
        }  # fmt: skip


def _whole(value: Any) -> bool:
    """Tell whether a value is an integer, Python's own or numpy's."""
    return type(value) is int or isinstance(value, np.integer)


def told_short(value: Any) -> str:
    """Return a value of an axis in words."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def numbers_of(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the coordinates of a point, each with its error bound behind it."""
    errors = point.get("error", {})
    found: dict[str, Any] = {}
    for name, value in point.items():
        if type(value) in (int, float):
            found[name] = value
            if name in errors:
                found[ERROR + name] = errors[name]
    return found


def _column(quantity: str, name: str) -> str:
    """Return the name of a column: that of the quantity and the coordinate."""
    if not name:
        return quantity
    error = name.startswith(ERROR)
    return f"{ERROR if error else ''}{quantity}_{name.removeprefix(ERROR)}"


def _axis(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Return the values of an axis as an array: of numbers or texts where all are, else of objects."""
    for kinds in ((int,), (int, float), (str,)):
        if all(type(v) in kinds for v in values):
            return np.array(values)
    return _objects(values)


def _objects(items: Sequence[Any]) -> Objects:
    """Return items as an array of objects, lists among them left whole."""
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array
