"""Special points: numbers with error bounds and how they were found, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NoReturn

import numpy as np

from amp_theory.tools.errors import InputError, one_of
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ERROR, ResultTable


def titled(model: str, parameters: Mapping[str, Any], path: str | None = None) -> str:
    """Return the title of what belongs to a model, along a path."""
    given = ", ".join(f"{k}={v}" for k, v in parameters.items())
    return f"{model}({given})" + (f", path {path}" if path is not None else "")


class Status(StrEnum):
    """How a point was found, or how an iteration ended; each is equal to its text, and written as that."""

    #: solved as a root, with a bound on its error
    SOLVED = "solved"
    #: with two standard errors instead of a bound
    STATISTICAL = "statistical"
    #: within the tolerance of a limit
    CONVERGED = "converged"
    #: stopped on the way
    MAX_STEPS = "max_steps"
    MAX_ITERATIONS = "max_iterations"
    #: rounding hides whether there is a limit
    STALLED = "stalled"
    #: towards no limit
    DIVERGED = "diverged"
    #: a fixed point where what it was derived from does not hold
    INCONSISTENT = "inconsistent"
    #: nothing is left that agrees with all that is known
    CONTRADICTION = "contradiction"
    #: complete, and not all constraints are met
    VIOLATED = "violated"

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Origin:
    """Which special point of which model and path a result is."""

    model: Any
    path: Any
    name: str


@dataclass(frozen=True)
class Located(Reported):
    """A special point of the phase diagram: a number (`float` gives the control) with its error bound.

    The coordinates are also found under the model's own names: point["temperature"], point.snr.

    Parameters
    ----------
    control, overlap
        Its coordinates: the control in the model's units, the overlap between 0 and the prior's second moment.
    errors
        An absolute bound for each coordinate, by its own name.
    control_name, strength_name
        The model's name of the control, and the path's of the strength (None for a point of zero strength).
    strength
        How much the path has revealed there; None for a point of zero strength.
    status, how
        Whether the point is solved or statistical, and in words how it was found.
    decimals
        All coordinates as decimal strings, where more digits than a float's were asked for.
    origin
        Whose special point it is.
    lower_overlap
        The other overlap where two branches are in balance.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin, thresholds
    >>> point = thresholds(SphericalPSpin(p=3), Flow()).tricritical
    >>> round(float(point), 12), round(point.snr, 12), point.error < 1e-12
    (0.666666666667, 0.125, True)
    """

    control: float
    overlap: float
    errors: dict[str, float] = field(hash=False)
    control_name: str
    strength: float | None = None
    strength_name: str | None = None
    status: Status = Status.SOLVED
    how: str = ""
    decimals: dict[str, str] = field(default_factory=dict, hash=False)
    origin: Origin | None = field(default=None, compare=False, repr=False)
    lower_overlap: float | None = field(default=None, compare=False, repr=False)

    @property
    def value(self) -> float:
        """The control."""
        return self.control

    @property
    def error(self) -> float:
        """Absolute bound on the error of the control."""
        return self.errors[self.control_name]

    @property
    def coordinates(self) -> dict[str, float]:
        """Control, strength (if any) and overlap under their own names."""
        result = {self.control_name: self.control}
        if self.strength is not None and self.strength_name is not None:
            result[self.strength_name] = self.strength
        return result | {"overlap": self.overlap}

    def __float__(self) -> float:
        return self.control

    def __format__(self, form: str) -> str:
        return format(self.control, form) if form else str(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.control, dtype)

    def __getitem__(self, name: str) -> float:
        return self.coordinates[one_of("coordinate", name, self.coordinates)]

    def __getattr__(self, name: str) -> float:
        if not name.startswith("_") and name in (self.control_name, self.strength_name):
            return self.coordinates[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.coordinates})

    def to_dict(self) -> dict[str, Any]:
        """Return the coordinates (decimal strings where digits were asked for) and their error bounds as plain data."""
        return {**self.coordinates, **self.decimals, "error": dict(self.errors), "status": self.status, "how": self.how}

    @property
    def texts(self) -> dict[str, str]:
        """The coordinates as decimal strings, with all digits that were asked for."""
        return {k: f"{v:.12g}" for k, v in self.coordinates.items()} | self.decimals

    def __str__(self) -> str:
        return ", ".join(f"{k} = {v} +- {self.errors[k]:.1g}" for k, v in self.texts.items())

    def report(self) -> str:
        """Return a readable text: the coordinates, their error bounds, and how the point was found."""
        return f"{self}\n{self.how}"

    def _summary(self) -> str:
        return str(self)

    def table(self) -> ResultTable:
        """Return the coordinates and their error bounds as one row, with how the point was found."""
        return points_table(self.how, [{}], [self])


def points_table(
    title: str, labels: Sequence[Mapping[str, Any]], points: Sequence[Located | MissingPoint]
) -> ResultTable:
    """Return a table of points: a row for each with its labels, coordinates, error bounds and how it was found.

    A coordinate is a decimal string where digits were asked for.  A point that does not exist has its reason instead.
    """
    found = [point for point in points if isinstance(point, Located)]
    names = list(dict.fromkeys(name for point in found for name in point.coordinates))
    names.sort(key=lambda name: name == "overlap")
    columns: dict[str, list[Any]] = {name: [row[name] for row in labels] for name in labels[0]} if labels else {}
    for name in names:
        values = [(p.coordinates | p.decimals).get(name) if isinstance(p, Located) else None for p in points]
        columns[name] = values
        columns[ERROR + name] = [p.errors.get(name) if isinstance(p, Located) else None for p in points]
    columns["status"] = [str(p.status) if isinstance(p, Located) else "none" for p in points]
    columns["how"] = [p.how if isinstance(p, Located) else p.reason for p in points]
    return ResultTable(title, columns)


class MissingPointError(InputError, AttributeError):
    """A point that does not exist was asked for a number; the message says why it does not.

    See Also
    --------
    MissingPoint : Which raises it, with an example.
    """


@dataclass(frozen=True)
class MissingPoint(Reported):
    """A special point that does not exist: false as a condition, and asked for a number it says why.

    `thresholds(model, path)["algorithmic"]` is one where `thresholds(model, path).algorithmic` is None.

    Parameters
    ----------
    name
        Which special point.
    reason
        Why it does not exist.
    control_name, strength_name
        Names of its coordinates, if it had any.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin, thresholds
    >>> point = thresholds(IsingPSpin(p=3), Flow())["algorithmic"]
    >>> bool(point)
    False
    >>> point.temperature
    Traceback (most recent call last):
    ...
    amp_theory.tools.results.MissingPointError: there is no algorithmic point: q = 0 is stable at every temperature
    """

    name: str
    reason: str
    control_name: str
    strength_name: str

    def __bool__(self) -> bool:
        return False

    def _refuse(self) -> NoReturn:
        raise MissingPointError(f"there is no {self.name} point: {self.reason}")

    def __float__(self) -> float:
        self._refuse()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._refuse()

    def __format__(self, form: str) -> str:
        return self._refuse() if form else str(self)

    def __getitem__(self, name: str) -> NoReturn:
        self._refuse()

    def __getattr__(self, name: str) -> NoReturn:
        if not name.startswith("_") and (name in Located.__dataclass_fields__ or name in self._coordinates):
            self._refuse()
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @property
    def _coordinates(self) -> tuple[str, ...]:
        return (self.control_name, self.strength_name, "value", "error", "coordinates", "texts")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), self.control_name, self.strength_name})

    def report(self) -> str:
        """Return why the point does not exist."""
        return f"no {self.name} point: {self.reason}"

    def table(self) -> ResultTable:
        """Return the reason as a table of one row."""
        return points_table(self.name, [{}], [self])


#: the special points in the order in which reports list them
POINTS = ("dynamical", "condensation", "algorithmic", "weak_recovery", "tricritical")
#: those that random measures have besides, whose samples overlap
OUTER_POINTS = ("first_failure", "stability")


def or_missing(
    found: Mapping[str, Located | None], reasons: Mapping[str, str], control: str, strength: str = "strength"
) -> dict[str, Located | MissingPoint]:
    """Return points by name, one that is None as a `MissingPoint` with its reason."""
    return {name: p or MissingPoint(name, reasons[name], control, strength) for name, p in found.items()}


def plain_points(points: Mapping[str, Located | MissingPoint | None]) -> dict[str, Any]:
    """Return points as plain data, None where there is none."""
    return {name: point.to_dict() if point else None for name, point in points.items()}


@dataclass(frozen=True)
class Thresholds(Reported, Mapping[str, "Located | MissingPoint"]):
    """The special points of (model, path); None where one does not exist, for the reason in `reasons`.

    dynamical, condensation, algorithmic and weak_recovery are at zero strength and do not depend on the
    path; tricritical is the end point of the first-order line along the path.  If there are several
    tricritical points it is the one at the easiest control, the others are in `further_tricritical`.  bounds
    holds bounds on the control that are no transitions: `satisfiability`, beyond which the first moment
    excludes solutions of a random constraint-satisfaction problem.

    It is also a mapping from the names to the points, in which a `MissingPoint` stands for one that does not exist.

    Parameters
    ----------
    model, path
        Their names.
    control, strength
        The model's name of the control, and the path's of the strength.
    parameters
        The model's parameters by name.
    dynamical, condensation, algorithmic, weak_recovery, tricritical
        The points, or None.
    reasons
        Why a point does not exist, by its name.
    further_tricritical
        Tricritical points at harder controls.
    bounds
        Bounds on the control by name.
    order, side
        The order in which the path reveals variables; which of two kinds of them, None where that is not said.
    first_failure, stability
        Of random measures whose samples overlap: where the path first fails, and where the replica-symmetric measure
        loses its stability (de Almeida and Thouless); of others None, and not listed.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin, thresholds
    >>> special = thresholds(IsingPSpin(p=3), Flow())
    >>> {name: round(float(point), 4) for name, point in special.items() if point}
    {'dynamical': 0.6816, 'condensation': 0.6514, 'tricritical': 0.741}
    """

    model: str
    path: str
    control: str
    strength: str
    parameters: dict[str, Any] = field(hash=False)
    dynamical: Located | None
    condensation: Located | None
    algorithmic: Located | None
    weak_recovery: Located | None
    tricritical: Located | None
    reasons: dict[str, str] = field(hash=False)
    further_tricritical: tuple[Located, ...] = ()
    bounds: dict[str, float] = field(default_factory=dict, hash=False)
    order: str = "random"
    side: str | None = None
    first_failure: Located | None = None
    stability: Located | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the special points that the model can have."""
        return (*POINTS, *(n for n in OUTER_POINTS if n in self.reasons or getattr(self, n) is not None))

    @classmethod
    def of(
        cls, model: Any, path: Any, found: Mapping[str, Located | str], further: Sequence[Located] = ()
    ) -> Thresholds:
        """Return the special points of a model along a path from what was found.

        Parameters
        ----------
        model, path
            Whose they are, which every point is told.
        found
            By the names in `POINTS` (and `OUTER_POINTS`): a point, or why there is none.
        further
            Tricritical points beyond the first.

        Returns
        -------
        Thresholds
            With all of them.

        See Also
        --------
        thresholds : Which finds them, with an example.
        """
        points = {n: replace(p, origin=Origin(model, path, n)) for n, p in found.items() if isinstance(p, Located)}
        more = tuple(replace(p, origin=Origin(model, path, "tricritical")) for p in further)
        return cls(
            model=model.name, path=path.name, control=model.control, strength=path.strength,
            parameters=model.parameters, **{name: points.get(name) for name in (*POINTS, *OUTER_POINTS)},
            reasons={n: p for n, p in found.items() if isinstance(p, str)}, further_tricritical=more,
            bounds=model.bounds, order=path.order, side=path.side,
        )  # fmt: skip

    @property
    def title(self) -> str:
        """The model with its parameters, and the path."""
        return titled(self.model, self.parameters, self.path)

    def points(self) -> dict[str, Located | None]:
        """Return the special points by name.

        Returns
        -------
        dict
            None for a point that does not exist.

        See Also
        --------
        MissingPoint : What the mapping has instead, which says why.
        """
        return {name: getattr(self, name) for name in self.names}

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> Located | MissingPoint:
        point = self.points()[one_of("point", name, self.names)]
        return point or MissingPoint(name, self.reasons[name], self.control, self.strength)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        points = plain_points(self.points())
        more = [point.to_dict() for point in self.further_tricritical]
        return {
            "model": self.model, "parameters": self.parameters, "path": self.path,
            **({} if self.order == "random" else {"order": self.order}),
            **({} if self.side is None else {"side": self.side}), "control": self.control,
            "strength": self.strength, **points, **({"further_tricritical": more} if more else {}),
            **({"bounds": dict(self.bounds)} if self.bounds else {}), "reasons": dict(self.reasons),
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text of all points, their error bounds and how they were found."""
        lines = [self.title]
        for name, point in self.points().items():
            lines.append(f"  {name:<14} {point if point else 'none: ' + self.reasons[name]}")
            if point:
                lines.append(f"  {'':<14} {point.how}")
        lines += [f"  {'tricritical':<14} {point} (a further one)" for point in self.further_tricritical]
        lines += [f"  {name:<14} {self.control} <= {bound:.12g} (first moment)" for name, bound in self.bounds.items()]
        return "\n".join(lines)

    def _summary(self) -> str:
        lines = [self.title]
        for name, point in self.items():
            lines.append(f"  {name:<14} {point if point else 'none: ' + self.reasons[name]}")
        more = [f"  {'tricritical':<14} {point} (a further one)" for point in self.further_tricritical]
        return "\n".join([*lines, *more])

    def table(self) -> ResultTable:
        """Return the points as rows: coordinates, error bounds, and how they were found or why there is none."""
        found: list[tuple[str, Located | MissingPoint]] = [*self.items()]
        found += [("tricritical", point) for point in self.further_tricritical]
        return points_table(self.title, [{"point": name} for name, _ in found], [point for _, point in found])
