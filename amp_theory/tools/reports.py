"""What every result can do: show itself at the prompt, as text, in notebooks, as plain data and as a table."""

from __future__ import annotations

import dataclasses
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.tools.tables import ResultTable

if TYPE_CHECKING:
    import pandas as pd

#: lines at the prompt, and characters of each
LINES, WIDTH = 12, 200


class Reported(ABC):
    """A result: its text is its report, its representation at the prompt the beginning of that.

    A class says how it reads (`report`) and which table it is (`table`); plain data are its fields unless it says
    otherwise.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Reported.__repr__  # type: ignore[method-assign]  # dataclasses would write one of their own

    @abstractmethod
    def report(self) -> str:
        """Return a readable text with all numbers, their errors and how they were found.

        Returns
        -------
        str
            Several lines.

        See Also
        --------
        Thresholds : One of the results, with an example.
        """

    @abstractmethod
    def table(self) -> ResultTable:
        """Return the result as a table: columns by the names of their quantities, with errors beside them.

        Returns
        -------
        ResultTable
            With a title, columns and their units.

        See Also
        --------
        ResultTable : With an example.
        """

    def _summary(self) -> str:
        """Return what the prompt shows; it is cut where it is long."""
        return self.report()

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        lines = self._summary().splitlines()
        if len(lines) > LINES:
            lines = [*lines[: LINES - 1], f"  ... {len(lines) - LINES + 1} more lines in report()"]
        return "\n".join(line if len(line) <= WIDTH else f"{line[: WIDTH - 4]} ..." for line in lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as JSON takes it: what is not finite becomes None.

        Returns
        -------
        dict
            By the names of the command line's JSON, or of the fields.

        See Also
        --------
        Thresholds : One of the results, with an example.
        """
        return {
            name: plain(getattr(self, name))
            for name in (f.name for f in dataclasses.fields(self) if not f.name.startswith("_"))  # type: ignore[arg-type]
        }

    def to_dataframe(self) -> pd.DataFrame:
        """Return the table as a pandas data frame.

        Returns
        -------
        pandas.DataFrame
            Quantities with units in the columns' names, their errors in error_of_...; the title is in `attrs`.

        Raises
        ------
        InputError
            If pandas is not installed.

        See Also
        --------
        Thresholds : One of the results, with an example.
        """
        return self.table().to_dataframe()

    def to_csv(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the table as CSV, every number with all its digits.

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
        Thresholds : One of the results, with an example.
        """
        self.table().to_csv(path, overwrite)

    def to_html(self) -> str:
        """Return the result as HTML, as notebooks show it.

        Returns
        -------
        str
            One element with everything in it.

        See Also
        --------
        Thresholds : One of the results, with an example.
        """
        return self.table().to_html()

    def _repr_html_(self) -> str:
        return self.to_html()


def plain(value: Any) -> Any:
    """Return a value as JSON takes it: lists for arrays, None for what is not finite, a name for a model or path.

    Examples
    --------
    >>> plain({"overlap": np.array([0.5, np.inf]), "steps": (1, 2)})
    {'overlap': [0.5, None], 'steps': [1, 2]}
    """
    if isinstance(value, Reported):
        return value.to_dict()
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    if hasattr(value, "name") and hasattr(value, "parameters"):
        return {"name": value.name, "parameters": plain(value.parameters)}
    return str(value)
