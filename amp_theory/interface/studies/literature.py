"""The catalogue: thresholds that others published, where each was read, and what of ours it is to be compared with.

It is one file of plain data, `catalogue.json`: sources by a key of their own, and values.  A value is a decimal string
as it was printed, so that its digits tell how far it can be trusted, unless the source tells a tolerance (a bisection's
last step, the spacing of a grid).  A value read off published data lies between two neighbours of their grid: it is
the middle, its tolerance half the distance.  Formulas that were evaluated here are no published numbers, and not in it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path as FilePath
from types import UnionType
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.catalogue import build_model, build_path
from amp_theory.phases.diagram.lines import LINES
from amp_theory.tools.errors import FileError, InputError, NumericalError, one_of, positive, told
from amp_theory.tools.expressions import parse_formula
from amp_theory.tools.files import read_versioned
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import POINTS, Located, titled
from amp_theory.tools.tables import ResultTable, of_rows

FORMAT, VERSION = "amp_theory catalogue", 1
#: the catalogue of the package
CATALOGUE = FilePath(__file__).with_name("catalogue.json")
#: where a value was read: in the source itself, quoted by another one, or between two points of published data
READ = ("primary", "secondary", "data")
#: a number that is written out, not longer than anyone prints it
PRINTED = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})(e[+-]?[0-9]{1,2})?")
#: what to do where a formula fails
OTHER = "look at the value's conversion and coordinate"
#: the keys of a value in a file, what they hold, and whether they must be there
KEYS: dict[str, tuple[type | UnionType, str, bool]] = {
    "model": (str, "text", True),
    "parameters": (dict, "an object", True),
    "path": (str, "text", True),
    "quantity": (str, "text", True),
    "coordinate": (str, "text", True),
    "value": (str, "a decimal string", True),
    "source": (str, "text", True),
    "where": (str, "text", True),
    "conversion": (str, "text", False),
    "at": (dict, "an object", False),
    "tolerance": (float | int, "a number", False),
    "read": (str, "text", False),
    "slow": (bool, "true or false", False),
    "convention": (str, "text", False),
    "note": (str, "text", False),
}
#: those of a source
SOURCE_KEYS: dict[str, tuple[type | UnionType, str, bool]] = {
    "authors": (str, "text", True),
    "title": (str, "text", True),
    "year": (int, "a whole number", True),
    "reference": (str, "text", True),
    "read_in": (str, "text", True),
}


@dataclass(frozen=True)
class PublishedSource(Reported):
    """Where numbers were published, and where they were read.

    Parameters
    ----------
    key
        Its name in the catalogue.
    authors, title, year, reference
        As it is cited; reference is an identifier such as arXiv:2308.14085.
    read_in
        What was opened to read the numbers: the paper, the code published with it, lecture notes that quote it.

    See Also
    --------
    published_values : All of the catalogue, with an example.
    """

    key: str
    authors: str
    title: str
    year: int
    reference: str
    read_in: str

    def report(self) -> str:
        """Return the citation, and where its numbers were read."""
        return f"{self.authors}: {self.title} ({self.year}), {self.reference}; read in {self.read_in}"

    def table(self) -> ResultTable:
        """Return the citation as one row."""
        cells = self.to_dict()
        return of_rows("source", list(cells), [list(cells.values())])


@dataclass(frozen=True)
class PublishedValue(Reported):
    """A number printed in the literature, and what of ours it is to be compared with.

    Parameters
    ----------
    model, parameters, path
        As on the command line; the path is "flow" where it does not matter.
    quantity
        A special point at zero strength or the tricritical one (`thresholds`), or, with `at`, a line of
        `path_transitions`.
    coordinate
        Which of its numbers: the control or one of its scalings, the path's strength, or the overlap.
    printed
        The number as a decimal string, digits and all.
    source
        Where it was published.
    where
        Equation, table, figure, file or cell.
    conversion
        What is printed as a formula of our number x: 1/sqrt(x) for the sigma of a code.
    at
        The control at which a path meets the line, by its name or that of a scaling: {"noise": 0.29}; None for
        special points.
    tolerance
        Absolute, where the source tells one; None for half a unit of the last printed digit.
    read
        "primary", "secondary" if another source quotes it, or "data" for the middle between two points of such.
    slow
        Whether ours takes minutes, as population dynamics does.
    convention, note
        How the source defines the number, and why ours differs where that is known.

    See Also
    --------
    published_values : All of the catalogue, with an example.
    """

    model: str
    parameters: Mapping[str, Any] = field(hash=False)
    path: str
    quantity: str
    coordinate: str
    printed: str
    source: PublishedSource
    where: str
    conversion: str = "x"
    at: Mapping[str, float] | None = field(default=None, hash=False)
    tolerance: float | None = None
    read: str = "primary"
    slow: bool = False
    convention: str = ""
    note: str = ""

    @property
    def value(self) -> float:
        """The number."""
        return float(self.printed)

    @property
    def digits(self) -> int:
        """How many significant digits are printed."""
        return _digits(self.printed)[0]

    @property
    def resolution(self) -> float:
        """How far from the true number a right one may lie: the source's tolerance, or half the last digit."""
        if self.tolerance is not None:
            return self.tolerance
        return float(Decimal((0, (5,), _digits(self.printed)[1] - 1)))

    @property
    def asked(self) -> str:
        """The point or the line, where on it, and which of its numbers."""
        at = "" if self.at is None else " at " + ", ".join(f"{name} = {x:g}" for name, x in self.at.items())
        shown = self.coordinate if self.conversion == "x" else f"{self.conversion}, x = {self.coordinate}"
        return f"{self.quantity}{at}, {shown}"

    def report(self) -> str:
        """Return a readable text: the number, what it is, and where it was printed."""
        what = f"{titled(self.model, self.parameters, self.path)}: {self.asked}"
        return f"{what}: {self.printed}\n{self.source.reference}, {self.where}"

    def table(self) -> ResultTable:
        """Return the number as one row."""
        names = ["model", "path", "quantity", "printed", "resolution", "source", "where"]
        row = [titled(self.model, self.parameters), self.path, self.asked, self.printed, self.resolution,
               self.source.reference, self.where]  # fmt: skip
        return of_rows("published value", names, [row])

    def build(self) -> tuple[Model, Path]:
        """Return the model and the path.

        Returns
        -------
        tuple
            The two.

        Raises
        ------
        InputError
            If there are no such ones.

        See Also
        --------
        published_values : All of the catalogue, with an example.
        """
        return build_model(self.model, self.parameters), build_path(self.path)


def _digits(printed: str) -> tuple[int, int]:
    """Return how many digits a decimal string has, and the power of ten of the last one."""
    _, digits, exponent = Decimal(printed).as_tuple()
    assert isinstance(exponent, int)  # a finite number, as the file is checked
    return len(digits), exponent


def published_values(catalogue: str | os.PathLike[str] | None = None) -> tuple[PublishedValue, ...]:
    """Return all values of the catalogue of published thresholds, or of one of the user's own in the same form.

    Parameters
    ----------
    catalogue
        A file; that of the package by default.

    Returns
    -------
    tuple of PublishedValue
        In the order of the file.

    Raises
    ------
    FileError
        If the file cannot be read, is none, or is of a newer version; the message names the value that is damaged.

    Examples
    --------
    >>> values = published_values()
    >>> next(v.printed for v in values if v.model == "ising-p-spin" and v.quantity == "tricritical")
    '0.3661'
    """
    return _read(CATALOGUE) if catalogue is None else _values(catalogue)


@lru_cache(maxsize=4)
def _read(file: FilePath) -> tuple[PublishedValue, ...]:
    return _values(file)


def _values(file: str | os.PathLike[str]) -> tuple[PublishedValue, ...]:
    data = read_versioned(file, FORMAT, VERSION, "no catalogue of amp_theory")
    values, sources = data.get("values"), data.get("sources")
    if not isinstance(values, list) or not isinstance(sources, dict):
        raise FileError(f"{str(file)!r} is damaged: it needs a list of values, and sources by their keys")
    found, what = [], ""
    try:
        known = {}
        for key, source in sources.items():
            what = f"source {key!r}"
            known[key] = PublishedSource(key=key, **_checked(source, SOURCE_KEYS))
        for number, entry in enumerate(values, 1):
            what = f"value {number}"
            found.append(_value(_checked(entry, KEYS), known))
    except InputError as error:
        raise FileError(f"{str(file)!r} is damaged: {what}: {error}") from None
    return tuple(found)


def _checked(entry: Any, keys: Mapping[str, tuple[type | UnionType, str, bool]]) -> dict[str, Any]:
    """Return an object of a file after checking its keys and what they hold."""
    if not isinstance(entry, dict):
        raise InputError(f"it must be an object, got {told(entry)}")
    for name, item in entry.items():
        kind, what, _ = keys[one_of("key", name, keys)]
        if not isinstance(item, kind) or (isinstance(item, bool) and kind is not bool):
            raise InputError(f"{name} must be {what}, got {told(item)}")
    missing = [name for name, (*_, must) in keys.items() if must and name not in entry]
    if missing:
        raise InputError(f"{', '.join(missing)} missing")
    return dict(entry)


def _value(given: dict[str, Any], sources: Mapping[str, PublishedSource]) -> PublishedValue:
    """Return one value of a file, checked: one that can be asked for."""
    key, printed, at = one_of("source", given.pop("source"), sources), given.pop("value"), given.get("at")
    if not PRINTED.fullmatch(printed):
        raise InputError(f"value must be a decimal string, got {told(printed)}")
    value = PublishedValue(source=sources[key], printed=printed, **given)
    one_of("quantity", value.quantity, POINTS if at is None else LINES)
    parse_formula(value.conversion, "x")
    one_of("way of reading", value.read, READ)
    if value.tolerance is not None:
        positive("tolerance", value.tolerance)
    model, path = value.build()
    scalings = {model.control: model, **model.scalings()}
    strength = [path.strength] if at is not None or value.quantity == "tricritical" else []
    one_of("coordinate", value.coordinate, [*(scalings if at is None else ()), *strength, "overlap"])
    if at is not None:
        if len(at) != 1:
            raise InputError(f"at must name one control, got {told(at)}")
        ((name, control),) = at.items()
        one_of("control", name, scalings)
        if not isinstance(control, float | int) or isinstance(control, bool):
            raise InputError(f"{name} must be a number, got {told(control)}")
        model.convert(control, name, model.control)
    return value


def scaled(model: Model, point: Located, coordinate: str) -> tuple[float, float]:
    """Return one of a point's coordinates, or its control in one of the model's scalings, and the error bound."""
    if coordinate in point.coordinates:
        return point[coordinate], point.errors[coordinate]
    ours = float(model.convert(np.array(point.control), model.control, coordinate))
    _, power = model.scalings()[coordinate]
    return ours, abs(power) * ours / point.control * point.error


def printed_of(value: PublishedValue, ours: float, error: float) -> tuple[float, float]:
    """Return what the source would print for our number, and its error bound.

    Parameters
    ----------
    value
        The published one, whose convention is followed.
    ours, error
        Our number in our convention, and its absolute error bound.

    Returns
    -------
    tuple of float
        In the source's convention.

    Raises
    ------
    NumericalError
        If the number cannot be told from 0, where formulas may be infinite, or the formula gives none.

    See Also
    --------
    check : Which compares all of them, with an example.
    """
    convert = parse_formula(value.conversion, "x")
    if not ours > error:  # next to zero formulas may be infinite
        raise NumericalError(f"{value.coordinate} = {ours:.3g} +- {error:.1g} cannot be told from 0", OTHER)
    with np.errstate(all="ignore"):
        low, middle, high = convert(np.array([ours - error, ours, ours + error])).tolist()
    if not math.isfinite(low + middle + high):
        raise NumericalError(f"{value.conversion} is no number at {value.coordinate} = {ours:.6g}", OTHER)
    return middle, max(abs(high - middle), abs(middle - low)) + 4 * math.ulp(middle)
