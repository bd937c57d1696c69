"""Tables as CSV for spreadsheets and programs: texts that are no formulas, and no rows of nothing."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence

#: a number as text, which no spreadsheet runs
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?")
#: a cell that begins with one of these may be run as a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Cell = str | float | int | None


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table as CSV.

    Numbers have all their digits.  A text that a spreadsheet would run as a formula gets an apostrophe before it; what
    is not a number leaves its cell empty, and a row whose numbers all are not is left out, as it tells nothing.

    Examples
    --------
    >>> print(csv_text(["name", "=1+1"], [["a", -0.5], ["b", float("nan")], ["@c", None], ["-1.50", 2]]), end="")
    name,'=1+1
    a,-0.5
    '@c,
    -1.50,2
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name) for name in header])
    for row in rows:
        numbers = [cell for cell in row if isinstance(cell, float)]
        if not numbers or not all(math.isnan(x) for x in numbers):
            writer.writerow([_cell(cell) for cell in row])
    return text.getvalue()


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULA) and not NUMBER.fullmatch(cell) else cell
    if cell is None or math.isnan(cell):
        return ""
    return repr(cell)
