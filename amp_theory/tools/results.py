"""What the solvers return: numbers with error bounds, and how they were found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from amp_theory.tools.errors import InputError, one_of, told
from amp_theory.tools.html import table

Kind = Literal["uninformed", "informed", "intermediate", "unstable"]


class Reported(ABC):
    """What people read: a result whose text is its report."""

    @abstractmethod
    def report(self) -> str:
        """Return a readable text."""

    def __str__(self) -> str:
        return self.report()


def titled(model: str, parameters: Mapping[str, Any], path: str) -> str:
    """Return the title of what belongs to a model along a path."""
    return f"{model}({', '.join(f'{k}={v}' for k, v in parameters.items())}), path {path}"


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
    #: nothing is left that agrees with all that is known
    CONTRADICTION = "contradiction"

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Origin:
    """Which special point of which model and path a result is."""

    model: Any
    path: Any
    name: str


@dataclass(frozen=True)
class Located:
    """A special point of the phase diagram.

    control and overlap are its coordinates, strength too where it is not a point of zero strength; errors
    holds an absolute bound for each.  `value` and `error` are the control and its bound.  The coordinates
    are also found under the model's own names: point["temperature"], point.snr.  Where more digits than a float's
    were asked for, `decimals` holds all coordinates as decimal strings.  `origin` tells whose special point it is,
    and `lower_overlap` the other overlap where two branches are in balance.
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

    def __getitem__(self, name: str) -> float:
        return self.coordinates[one_of("coordinate", name, self.coordinates)]

    def __getattr__(self, name: str) -> float:
        if not name.startswith("_") and name in (self.control_name, self.strength_name):
            return self.coordinates[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

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

    def _repr_html_(self) -> str:
        rows = [[name, text, f"{self.errors[name]:.1g}"] for name, text in self.texts.items()]
        return table(self.how, ["coordinate", "value", "error bound"], rows)


#: the special points in the order in which reports list them
POINTS = ("dynamical", "condensation", "algorithmic", "weak_recovery", "tricritical")


@dataclass(frozen=True)
class Thresholds(Reported):
    """The special points of (model, path); None where one does not exist, for the reason in `reasons`.

    dynamical, condensation, algorithmic and weak_recovery are at zero strength and do not depend on the
    path; tricritical is the end point of the first-order line along the path.  If there are several
    tricritical points it is the one at the easiest control, the others are in `further_tricritical`.  bounds
    holds bounds on the control that are no transitions: `satisfiability`, beyond which the first moment
    excludes solutions of a random constraint-satisfaction problem.
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

    @classmethod
    def of(
        cls, model: Any, path: Any, found: Mapping[str, Located | str], further: Sequence[Located] = ()
    ) -> Thresholds:
        """Return the special points of a model along a path from what was found: a point, or why there is none.

        Every point is told whose it is.  `further` are tricritical points beyond the first.
        """
        points = {n: replace(p, origin=Origin(model, path, n)) for n, p in found.items() if isinstance(p, Located)}
        more = tuple(replace(p, origin=Origin(model, path, "tricritical")) for p in further)
        return cls(
            model=model.name, path=path.name, control=model.control, strength=path.strength,
            parameters=model.parameters, **{name: points.get(name) for name in POINTS},
            reasons={n: p for n, p in found.items() if isinstance(p, str)}, further_tricritical=more,
            bounds=model.bounds,
        )  # fmt: skip

    @property
    def title(self) -> str:
        """The model with its parameters, and the path."""
        return titled(self.model, self.parameters, self.path)

    def points(self) -> dict[str, Located | None]:
        """Return the special points by name."""
        return {name: getattr(self, name) for name in POINTS}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        points = {name: point.to_dict() if point else None for name, point in self.points().items()}
        more = [point.to_dict() for point in self.further_tricritical]
        return {
            "model": self.model, "parameters": self.parameters, "path": self.path, "control": self.control,
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

    def _repr_html_(self) -> str:
        columns = (self.control, self.strength, "overlap")
        rows = []
        found = [*self.points().items(), *(("tricritical", point) for point in self.further_tricritical)]
        for name, point in found:
            if point is None:
                rows.append([name.replace("_", " "), "none", "", "", self.reasons[name]])
            else:
                texts = (f"{point.texts[c]} ± {point.errors[c]:.1g}" if c in point.texts else "0" for c in columns)
                rows.append([name.replace("_", " "), *texts, point.how])
        return table(self.title, ["point", *columns, "how, or why not"], rows)


@dataclass(frozen=True)
class FixedPoint:
    """One fixed point of state evolution.

    kind is uninformed (reached from zero overlap), informed (reached from full overlap), intermediate
    (stable, between the two) or unstable.  Where only one stable fixed point exists it is listed as
    uninformed.  All quantities are per variable, entropies in nats: free_entropy is the log likelihood
    ratio against pure noise, mmse is rho - overlap, mutual_information is I(s*; everything observed).
    errors bounds overlap, free_entropy and mutual_information.  Where digits were asked for, `decimals` holds
    overlap, free_entropy and mmse as decimal strings.
    """

    overlap: float
    free_entropy: float
    stable: bool
    kind: Kind
    mmse: float
    mutual_information: float
    signal: float
    errors: dict[str, float] = field(hash=False)
    decimals: dict[str, str] = field(default_factory=dict, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; infinite quantities (a continuous variable revealed, perfect recovery) become None."""

        def finite(value: float) -> float | None:
            return value if abs(value) < float("inf") else None

        data: dict[str, Any] = {
            "overlap": self.overlap, "free_entropy": finite(self.free_entropy), "stable": self.stable,
            "kind": self.kind, "mmse": self.mmse, "mutual_information": finite(self.mutual_information),
            "signal": finite(self.signal), "error": {name: finite(error) for name, error in self.errors.items()},
        }  # fmt: skip
        return data | self.decimals

    @property
    def texts(self) -> dict[str, str]:
        """Overlap, free entropy, mmse and mutual information as decimal strings."""
        names = ("overlap", "free_entropy", "mmse", "mutual_information")
        return {name: f"{getattr(self, name):.12g}" for name in names} | self.decimals

    def __str__(self) -> str:
        return f"{self.kind}: " + ", ".join(f"{name} = {text}" for name, text in self.texts.items())


@dataclass(frozen=True)
class FixedPoints(Reported):
    """All fixed points at one control and strength, sorted by overlap; behaves like a tuple of them.

    region is easy, easy_metastable or hard, that of the planted measure; a `Diagram` tells where it is also that of the
    random one.
    """

    points: tuple[FixedPoint, ...]
    control: float
    strength: float
    region: str

    def __iter__(self) -> Iterator[FixedPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> FixedPoint:
        try:
            return self.points[index]
        except (IndexError, TypeError):
            raise InputError(
                f"index must be an integer below {len(self.points)}, the number of points, got {told(index)}"
            ) from None

    @property
    def stable(self) -> tuple[FixedPoint, ...]:
        """The stable fixed points."""
        return tuple(p for p in self.points if p.stable)

    @property
    def uninformed(self) -> FixedPoint:
        """What state evolution reaches from zero overlap: the best an efficient denoiser finds."""
        return self.stable[0]

    @property
    def informed(self) -> FixedPoint:
        """What state evolution reaches from full overlap."""
        return self.stable[-1]

    @property
    def equilibrium(self) -> FixedPoint:
        """The stable fixed point of largest free entropy: what the exact denoiser has."""
        return max(self.stable, key=lambda p: p.free_entropy)

    @property
    def title(self) -> str:
        """Control, strength and region."""
        return f"control {self.control:.12g}, strength {self.strength:.12g}: {self.region}"

    def report(self) -> str:
        """Return a readable text of all fixed points."""
        return "\n".join([self.title, *(f"  {point}" for point in self.points)])

    def _repr_html_(self) -> str:
        columns = ["kind", "stable", *(self.points[0].texts if self.points else ())]
        return table(self.title, columns, [[p.kind, p.stable, *p.texts.values()] for p in self.points])
