"""Results as tables: columns whose names tell their unit, as CSV, as HTML and as data frames.

A column is named after its quantity, `UNITS` adds the unit: free_entropy_nats.  A quantity without unit there has none:
temperatures are in units of the interaction, overlaps those of theory.  The absolute bound (or, for what is measured,
the standard error) of a quantity is in the column error_of_..., in the same unit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.tools import html
from amp_theory.tools.errors import InputError, as_list, told
from amp_theory.tools.files import check_output, write_text
from amp_theory.tools.sheets import Cell, csv_text

if TYPE_CHECKING:
    import pandas as pd

#: units of quantities that have one; all are per variable
UNITS = {"free_entropy": "nats", "mutual_information": "nats", "log_weight": "nats"}
#: prefix of the column with the error of another
ERROR = "error_of_"
#: rows of a table in a notebook
SHOWN = 60


def with_unit(name: str) -> str:
    """Return the name of a column: that of its quantity, and the unit if there is one.

    Examples
    --------
    >>> with_unit("free_entropy"), with_unit("error_of_free_entropy"), with_unit("overlap")
    ('free_entropy_nats', 'error_of_free_entropy_nats', 'overlap')
    """
    quantity = name.removeprefix(ERROR)
    unit = next((u for q, u in UNITS.items() if f"_{quantity}".endswith(f"_{q}")), None)
    return f"{name}_{unit}" if unit else name


@dataclass(frozen=True, eq=False)
class ResultTable:
    """Columns of one length, by quantity.

    Parameters
    ----------
    title
        What the table shows.
    columns
        Cells by the name of the quantity, without its unit: numbers, texts, truth values; None where there is none.

    Raises
    ------
    InputError
        For columns of several lengths, or without names.

    Examples
    --------
    >>> table = ResultTable("three points", {"overlap": [0.1, 0.5, None], "free_entropy": [0.0, 0.2, 0.3]})
    >>> table.names, len(table)
    (('overlap', 'free_entropy_nats'), 3)
    """

    title: str
    columns: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.columns, Mapping) or not all(isinstance(name, str) for name in self.columns):
            raise InputError(f"columns must be cells by the names of quantities, got {told(self.columns)}")
        lengths = {name: len(as_list(f"column {name!r}", c, "cells")) for name, c in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"columns of a table must have one length, got {lengths}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, with units."""
        return tuple(map(with_unit, self.columns))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def rows(self) -> list[tuple[Cell, ...]]:
        """Return the cells row by row, numbers as Python's own.

        Returns
        -------
        list of tuple
            One tuple for every row.

        See Also
        --------
        ResultTable.to_dataframe : As a data frame.
        """
        return list(zip(*([_cell(c) for c in column] for column in self.columns.values()), strict=True))

    def to_csv(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the table as CSV, as `sheets.csv_text` says.

        Parameters
        ----------
        path
            The file, .csv.
        overwrite
            Whether an existing file is replaced.

        Raises
        ------
        FileError
            If the file exists, or cannot be written.

        See Also
        --------
        ResultTable.to_dataframe : As a data frame.
        """
        write_text(check_output(path, [".csv"], overwrite), csv_text(self.names, self.rows()))

    def to_dataframe(self) -> pd.DataFrame:
        """Return the table as a pandas data frame, its title in `attrs`.

        Returns
        -------
        pandas.DataFrame
            A column for every name; a number that is missing is NaN.

        Raises
        ------
        InputError
            If pandas is not installed.

        See Also
        --------
        ResultTable.to_csv : As a file.
        """
        try:
            import pandas as pd
        except ImportError:
            raise InputError('data frames need the library pandas: pip install "amp-theory[tables]"') from None
        frame = pd.DataFrame({n: _column(c) for n, c in zip(self.names, self.columns.values(), strict=True)})
        frame.attrs["title"] = self.title
        return frame

    def to_html(self) -> str:
        """Return the table as HTML: numbers to 12 digits, errors to one, `SHOWN` rows at most.

        Returns
        -------
        str
            A table element.

        See Also
        --------
        ResultTable.to_dataframe : With all rows and digits.
        """
        formats = [".1g" if name.startswith(ERROR) else ".12g" for name in self.columns]
        rows = [
            [_shown(cell, form) for cell, form in zip(row, formats, strict=True)] for row in self.rows()[: SHOWN + 1]
        ]
        title = self.title
        if len(rows) > SHOWN:
            title, rows = f"{title} ({SHOWN} of {len(self)} rows)", rows[:SHOWN]
        return html.table(title, self.names, rows)


def of_rows(title: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> ResultTable:
    """Return the table of these rows.

    Parameters
    ----------
    title
        What the table shows.
    names
        Of the columns, without units.
    rows
        Each with a cell for every name.

    Returns
    -------
    ResultTable
        With these rows.

    Examples
    --------
    >>> of_rows("two", ["overlap", "free_entropy"], [(0.1, 0.0), (0.5, 0.2)]).rows()
    [(0.1, 0.0), (0.5, 0.2)]
    """
    kept = list(rows)
    return ResultTable(title, {name: [row[k] for row in kept] for k, name in enumerate(names)})


def of_grid(title: str, axes: Mapping[str, Any], columns: Mapping[str, Any]) -> ResultTable:
    """Return arrays over a grid as a table with a row for every combination of the axes' values.

    Parameters
    ----------
    title
        What the table shows.
    axes
        Values along every axis by its name, shapes (n,), (m,), ...
    columns
        Arrays that broadcast to shape (n, m, ...) by the name of their quantity; one that is None is left out.

    Returns
    -------
    ResultTable
        With n m ... rows, the last axis changing fastest.

    Examples
    --------
    >>> table = of_grid("grid", {"chain": [0, 1], "time": [0.0, 0.5]}, {"energy": np.zeros((2, 2))})
    >>> table.rows()[-1]
    (1, 0.5, 0.0)
    """
    mesh = np.meshgrid(*(np.asarray(values) for values in axes.values()), indexing="ij")
    shape = mesh[0].shape
    rest = {name: np.broadcast_to(c, shape).ravel() for name, c in columns.items() if c is not None}
    return ResultTable(title, {name: m.ravel() for name, m in zip(axes, mesh, strict=True)} | rest)


def _cell(value: Any) -> Cell:
    """Return a cell as Python's own number or text."""
    cell: Cell = value.item() if isinstance(value, np.generic) else value
    return cell


def _column(cells: Sequence[Any]) -> Any:
    """Return cells as a column of a data frame: what has no text is numbers, or truth values if all are."""
    values = [_cell(cell) for cell in cells]
    if any(isinstance(v, str) for v in values):
        return values
    if None not in values and all(type(v) in (bool, int) for v in values) and len({type(v) for v in values}) == 1:
        return np.array(values)
    return np.array([math.nan if v is None else v for v in values], dtype=float)


def _shown(cell: Cell, form: str) -> str:
    return "" if cell is None else format(cell, form) if type(cell) is float else str(cell)
