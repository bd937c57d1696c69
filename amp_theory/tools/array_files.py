"""Numbers in files of other programs: arrays of numpy and scipy, tables, parity-check matrices; nothing is ever run."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amp_theory.tools.checkpoints import DAMAGE, LARGEST
from amp_theory.tools.errors import FileError, InputError
from amp_theory.tools.files import as_file, read_bytes

#: names of what scipy.sparse.save_npz writes, whatever the format
SPARSE = {"data", "shape", "format"}


def read_arrays(path: str | os.PathLike[str], endings: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the arrays in a file by their names; "" for one that has none.

    Parameters
    ----------
    path
        .npy; .npz, of arrays or a sparse matrix; .csv, with or without a line of names, or .txt with blanks between
        numbers; .alist, a parity-check matrix as D. MacKay's collection has it; .mtx, a matrix in the Matrix Market's
        format.
    endings
        Those that are allowed, all by default.

    Raises
    ------
    InputError
        For another ending.
    FileError
        If the file cannot be read, or is damaged.
    """
    file = as_file(path)
    ending, allowed = file.suffix.lower(), list(READERS if endings is None else endings)
    if ending not in allowed:
        raise InputError(f"cannot read {str(file)!r}: its ending must be one of {', '.join(allowed)}")
    content = read_bytes(file, LARGEST)
    try:
        return READERS[ending](content)
    except DAMAGE as error:
        raise FileError(f"{str(file)!r} holds no numbers as {ending} has them: {error}") from error


def _npy(content: bytes) -> dict[str, Any]:
    return {"": _numbers(np.lib.format.read_array(io.BytesIO(content), allow_pickle=False))}


def _npz(content: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(content), allow_pickle=False) as data:
        if not hasattr(data, "files"):
            raise ValueError("it is no archive of arrays")
        arrays = {name: data[name] for name in data.files}
    if set(arrays) >= SPARSE:
        from scipy.sparse import load_npz

        return {"": load_npz(io.BytesIO(content)).tocsr()}
    return arrays


def _numbers(array: Any) -> Any:
    if array.dtype.kind not in "biufc":
        raise ValueError(f"its array is of type {array.dtype}")
    return array


def _table(separator: str | None) -> Callable[[bytes], dict[str, Any]]:
    """Return what reads a table of numbers, below a line of names or without one."""

    def read(content: bytes) -> dict[str, Any]:
        lines = [line for line in content.decode("utf-8-sig").splitlines() if line.strip() and line[0] != "#"]
        rows = lines[1:] if lines and not _is_number(lines[0].split(separator)[0]) else lines
        if not rows:
            raise ValueError("there are no rows of numbers")
        return {"": np.loadtxt(rows, delimiter=separator, ndmin=2)}

    return read


def _is_number(text: str) -> bool:
    try:
        complex(text.strip().replace(" ", ""))
    except ValueError:
        return False
    return True


def _alist(content: bytes) -> dict[str, Any]:
    """Return a parity-check matrix, shape (checks, variables), whose ones are listed by columns and by rows."""
    from scipy.sparse import csr_array

    lines = [[int(word) for word in line.split()] for line in content.decode().splitlines() if line.strip()]
    columns, rows = lines[0]
    if min(columns, rows) < 1 or len(lines) != 4 + columns + rows or (len(lines[2]), len(lines[3])) != (columns, rows):
        raise ValueError(f"{columns} columns and {rows} rows need {4 + columns + rows} lines, got {len(lines)}")
    by_columns = [[n for n in line if n] for line in lines[4 : 4 + columns]]
    by_rows = [[n for n in line if n] for line in lines[4 + columns :]]
    if [*map(len, by_columns)] != lines[2] or [*map(len, by_rows)] != lines[3]:
        raise ValueError("the numbers of ones are not those listed")
    ones = sorted((row, column) for row, line in enumerate(by_rows) for column in line)
    if ones != sorted((row - 1, column + 1) for column, line in enumerate(by_columns) for row in line):
        raise ValueError("its lists by rows and by columns differ")
    if len(set(ones)) != len(ones) or any(not 1 <= column <= columns for _, column in ones):
        raise ValueError("it lists a one twice, or outside the matrix")
    at = np.array(ones, dtype=np.intp).reshape(-1, 2)
    return {"": csr_array((np.ones(len(at)), (at[:, 0], at[:, 1] - 1)), shape=(rows, columns))}


def _matrix_market(content: bytes) -> dict[str, Any]:
    from scipy.io import mmread

    matrix = mmread(io.BytesIO(content))
    return {"": matrix.tocsr() if hasattr(matrix, "tocsr") else matrix}


READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    ".npz": _npz, ".npy": _npy, ".csv": _table(","), ".txt": _table(None), ".alist": _alist, ".mtx": _matrix_market,
}  # fmt: skip
