"""Fixed points of state evolution: overlap, free entropy and information, each with its error bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from amp_theory.tools.errors import item_of
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ERROR, ResultTable

Kind = Literal["uninformed", "informed", "intermediate", "unstable"]


@dataclass(frozen=True)
class FixedPoint(Reported):
    """One fixed point of state evolution.

    All quantities are per variable.

    Parameters
    ----------
    overlap
        q, between 0 and rho = E s^2.
    free_entropy
        The log likelihood ratio against pure noise, in nats.
    stable
        Whether state evolution stays there.
    kind
        "uninformed" (reached from zero overlap), "informed" (reached from full overlap), "intermediate" (stable,
        between the two) or "unstable".  Where only one stable fixed point exists it is listed as uninformed.
    mmse
        rho - q.
    mutual_information
        I(s*; everything observed), in nats; NaN, in plain data None, of a random measure beyond condensation.
    signal
        The snr with which every variable sees the others.
    errors
        Absolute bounds by the names of overlap, free_entropy and mutual_information, and of both overlaps where
        there are two.
    overlap_u, overlap_v
        Of models with variables of two kinds the overlaps of both, of which `overlap` is the first; else None.
    decimals
        Overlap, free_entropy and mmse as decimal strings where digits were asked for.

    See Also
    --------
    fixed_points : Which returns them, with an example.
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
    overlap_u: float | None = None
    overlap_v: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; infinite quantities (a continuous variable revealed, perfect recovery) become None."""

        def finite(value: float) -> float | None:
            return value if abs(value) < float("inf") else None

        data: dict[str, Any] = {
            "overlap": self.overlap, "free_entropy": finite(self.free_entropy), "stable": self.stable,
            "kind": self.kind, "mmse": self.mmse, "mutual_information": finite(self.mutual_information),
            "signal": finite(self.signal), "error": {name: finite(error) for name, error in self.errors.items()},
        }  # fmt: skip
        return data | self._both | self.decimals

    @property
    def _both(self) -> dict[str, float]:
        """Both overlaps by name, where there are two."""
        if self.overlap_u is None or self.overlap_v is None:
            return {}
        return {"overlap_u": self.overlap_u, "overlap_v": self.overlap_v}

    @property
    def texts(self) -> dict[str, str]:
        """Overlap, free entropy, mmse and mutual information as decimal strings."""
        names = ("overlap", "free_entropy", "mmse", "mutual_information")
        more = {name: f"{value:.12g}" for name, value in self._both.items()}
        return {name: f"{getattr(self, name):.12g}" for name in names} | more | self.decimals

    def report(self) -> str:
        """Return a readable text: kind, overlap, free entropy, mmse and mutual information."""
        return f"{self.kind}: " + ", ".join(f"{name} = {text}" for name, text in self.texts.items())

    def table(self) -> ResultTable:
        """Return the fixed point as one row."""
        return fixed_points_table("fixed point", [self])


def fixed_points_table(title: str, points: Sequence[FixedPoint]) -> ResultTable:
    """Return a table of fixed points, a row each; decimal strings where digits were asked for."""
    columns: dict[str, list[Any]] = {"kind": [p.kind for p in points], "stable": [p.stable for p in points]}
    both = ("overlap_u", "overlap_v") if all(p.overlap_v is not None for p in points) else ()
    for name in ("overlap", *both, "free_entropy", "mmse", "mutual_information"):
        columns[name] = [p.decimals.get(name, getattr(p, name)) for p in points]
        if all(name in p.errors for p in points):
            columns[ERROR + name] = [p.errors[name] for p in points]
    return ResultTable(title, columns)


@dataclass(frozen=True)
class FixedPoints(Reported):
    """All fixed points at one control and strength, sorted by overlap; behaves like a tuple of them.

    Parameters
    ----------
    points
        The fixed points.
    control, strength
        Where.
    region
        easy, easy_metastable or hard, that of the planted measure; a `Diagram` tells where it is also that of the
        random one.  Where samples overlap, that of the random measure, and "unknown" beyond condensation.
    measure
        Whose fixed points they are: "planted", or "random" where samples overlap.

    See Also
    --------
    fixed_points : Which returns them, with an example.
    """

    points: tuple[FixedPoint, ...]
    control: float
    strength: float
    region: str
    measure: str = "planted"

    def __iter__(self) -> Iterator[FixedPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> FixedPoint:
        return item_of(self.points, index)

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
        """Control, strength and region, with whose it is."""
        return f"control {self.control:.12g}, strength {self.strength:.12g}: {self.region} ({self.measure} measure)"

    def report(self) -> str:
        """Return a readable text of all fixed points."""
        return "\n".join([self.title, *(f"  {point}" for point in self.points)])

    def table(self) -> ResultTable:
        """Return the fixed points as rows, sorted by overlap."""
        return fixed_points_table(self.title, self.points)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: control, strength, region and the fixed points."""
        return {
            "control": self.control, "strength": self.strength, "target": self.measure, "region": self.region,
            "fixed_points": [point.to_dict() for point in self.points],
        }  # fmt: skip
