"""The three lines of a phase diagram: informed spinodal, first order, uninformed spinodal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.geometry.branches import close_pairs
from amp_theory.phases.geometry.folds import FoldPiece, locate
from amp_theory.phases.geometry.geometry import Branch, Coexistence, Geometry
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.fixed_points import stable_fixed_points
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Thresholds
from amp_theory.tools.tables import ERROR, ResultTable

LINES = ("informed_spinodal", "first_order", "uninformed_spinodal")
#: relative distance at which an end of the range counts as a special point
SNAP = 1e-13
#: change of both overlaps, in units of their difference, across which a first-order line is still the same
CONNECTED = 1.5
RECOVERED = "q = rho"
TAKEN_OVER = "another branch takes over"


@dataclass(frozen=True, eq=False)
class Line(Reported):
    """One line of a phase diagram, as arrays of one length.

    Parameters
    ----------
    control, strength
        Its points.
    overlap
        The overlap of the branch that appears or disappears (spinodals), or of the upper branch (first order).
    lower_overlap
        The overlap of the lower branch; None for spinodals.
    error
        Absolute bounds on the strength.
    segment
        Points with the same number are connected.
    ends
        Why every segment starts and stops.
    control_name, strength_name
        Names of control and strength, under which they are found too: line.temperature, line.snr.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin, phase_diagram
    >>> line = phase_diagram(SphericalPSpin(p=3), Flow(), points=5).line("first_order")
    >>> len(line), line.ends[0]
    (5, ('tricritical point', 'zero strength'))
    """

    control: Array
    strength: Array
    overlap: Array
    lower_overlap: Array | None
    error: Array
    segment: Array
    ends: tuple[tuple[str, str], ...] = field(default=())
    control_name: str = "control"
    strength_name: str = "strength"

    def __len__(self) -> int:
        return len(self.control)

    def report(self) -> str:
        """Return a readable text: how far every segment goes, and why it starts and stops."""
        lines = [f"{len(self)} points" if len(self) else "no points"]
        for number, (start, stop) in enumerate(self.ends):
            part = self.segment == number
            if part.any():
                c, s = self.control[part], self.strength[part]
                lines.append(f"  ({c[0]:.6g}, {s[0]:.6g}), {start}, to ({c[-1]:.6g}, {s[-1]:.6g}), {stop}")
        return "\n".join(lines)

    def __getattr__(self, name: str) -> Array:
        if not name.startswith("_") and name in (self.control_name, self.strength_name):
            return self.control if name == self.control_name else self.strength
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), self.control_name, self.strength_name})

    @property
    def _columns(self) -> dict[str, Array]:
        return {self.control_name: self.control, self.strength_name: self.strength, "overlap": self.overlap}

    def table(self) -> ResultTable:
        """Return the points as rows, with error bounds on the strength."""
        lower = [None] * len(self) if self.lower_overlap is None else self.lower_overlap
        rest = {"lower_overlap": lower, ERROR + self.strength_name: self.error}
        return ResultTable("line", {"segment": self.segment, **self._columns, **rest})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, in lists by name."""
        columns: dict[str, Any] = self._columns
        if self.lower_overlap is not None:
            columns["lower_overlap"] = self.lower_overlap
        columns |= {"error": self.error, "segment": self.segment}
        return {name: column.tolist() for name, column in columns.items()} | {"ends": [list(e) for e in self.ends]}


@dataclass(frozen=True, eq=False)
class _Segment:
    control: Array
    strength: Array
    overlap: Array
    lower_overlap: Array
    error: Array
    ends: tuple[str, str]


COLUMNS = ("control", "strength", "overlap", "lower_overlap", "error")


def _join(segments: list[_Segment], two: bool, names: tuple[str, str]) -> Line:
    """Return the segments as one line, with the names of control and strength."""

    def column(name: str) -> Array:
        return np.concatenate([np.zeros(0), *(getattr(s, name) for s in segments)])

    number = np.concatenate([np.zeros(0), *(np.full(len(s.control), float(k)) for k, s in enumerate(segments))])
    return Line(
        column("control"), column("strength"), column("overlap"), column("lower_overlap") if two else None,
        column("error"), number.astype(int), tuple(s.ends for s in segments), control_name=names[0],
        strength_name=names[1],
    )  # fmt: skip


def crossing_error(eos: EquationOfState, lower: Surface, upper: Surface) -> Array:
    """Return bounds on the internal strength at which two branches have equal free entropies."""
    above, below = eos.errors(upper), eos.errors(lower)
    noise = above.free_entropy + below.free_entropy
    noise = noise + 0.5 * (upper.scaled_ratio * above.signal + lower.scaled_ratio * below.signal)
    # of close branches the difference of free entropies was integrated
    noise = np.where(close_pairs(lower, upper), np.minimum(noise, eos.difference_error(lower, upper)), noise)
    gain = eos.gain(lower, upper)
    with np.errstate(divide="ignore"):  # nothing is known where rounding has taken the slope away
        return np.where(gain > 0, noise / np.where(gain > 0, gain, 1.0), np.inf)


class LineTracer:
    """Traces the lines of one equation of state over a range of control.

    Points are spaced evenly in the square root of the distance from the tricritical point, where the
    spinodals open like a square root.
    """

    def __init__(self, geo: Geometry, special: Thresholds, control_range: tuple[float, float], points: int) -> None:
        self.geo = geo
        self.special = special
        self.model = geo.eos.model
        self.path = geo.eos.path
        self.points = max(points, 3)
        ends = self.model.intensity(np.array(control_range))
        self.least, self.most = float(ends.min()), float(ends.max())
        self.simple = len(geo.curve.pieces) <= 2

    def lines(self) -> dict[str, Line]:
        """Return the three lines by name."""
        informed, uninformed = self._spinodals()
        recovered = self._recovery(uninformed)
        first_order = self._first_order()
        if recovered and np.ptp(recovered[0].control) == 0:  # the equilibrium jumps where q = rho becomes stable
            first_order = [*first_order, *self._with_lower(recovered)]
        names = self.model.control, self.path.strength
        return {
            "informed_spinodal": _join([*informed, *recovered], two=False, names=names),
            "first_order": _join(first_order, two=True, names=names),
            "uninformed_spinodal": _join(uninformed, two=False, names=names),
        }

    # --- spinodals ---

    def _spinodals(self) -> tuple[list[_Segment], list[_Segment]]:
        """Return the segments of the informed and of the uninformed spinodal."""
        found = []
        for number, piece in enumerate(self.geo.curve.pieces):
            start, stop = self._clip(piece)
            if start < stop:
                found.append((number, self._spinodal(piece, start, stop)))
        if not self.simple and found:
            # the ends, where branches merge, are judged by their neighbours
            inner = np.concatenate([segment.control[1:-1] for _, segment in found])
            branches = iter(self.geo.branches(self.model.intensity(inner)))
        informed: list[_Segment] = []
        uninformed: list[_Segment] = []
        for number, segment in found:
            kept = [segment] if self.simple else _relevant(segment, number, branches)
            (informed if self.geo.curve.pieces[number].appears else uninformed).extend(kept)
        return informed, uninformed

    def _clip(self, piece: FoldPiece) -> tuple[float, float]:
        """Return the intensities of a piece within the range, its own ends exactly where they agree."""
        ends = float(piece.intensity[0]), float(piece.intensity[-1])
        start = ends[0] if ends[0] >= self.least * (1 - SNAP) else self.least
        stop = ends[1] if ends[1] <= self.most * (1 + SNAP) else self.most
        return start, stop

    def _spinodal(self, piece: FoldPiece, start: float, stop: float) -> _Segment:
        """Return the points of a fold piece at intensities from start to stop."""
        intensity = self._spread(start, stop)
        z, s = locate(self.geo.eos, piece, intensity)
        f = self.geo.eos.surface(z, s)
        error = self.geo.eos.errors(f).signal / np.abs(f.drift)
        return self._segment(
            f, intensity, s, error, f.overlap, (self._reason(piece, 0, start), self._reason(piece, -1, stop))
        )

    def _reason(self, piece: FoldPiece, end: int, at: float) -> str:
        """Tell why a spinodal ends at intensity `at`, its first (0) or last (-1)."""
        if at != piece.intensity[end]:
            return "edge of the range"
        if piece.cusps[end]:
            return "tricritical point" if piece.strength[end] > 0 else "zero strength"
        if end == 0 and piece.least != piece.intensity[0]:
            return RECOVERED
        return (
            "zero strength" if piece.strength[end] == 0 or np.isfinite(piece.limit) else "limit of the coordinate grid"
        )

    def _recovery(self, uninformed: list[_Segment]) -> list[_Segment]:
        """Return the line on which q = rho becomes stable, up to the highest strength of the other spinodal."""
        recovery = self.geo.eos.recovery
        continuous = all(piece.appears for piece in self.geo.curve.pieces)
        if recovery is None or recovery.start <= self.least or continuous:
            return []
        rho = self.geo.eos.prior.second_moment
        if np.isfinite(recovery.birth(0.5 * (self.least + min(self.most, recovery.start)))):
            intensity = np.linspace(self.least, min(self.most, recovery.start), self.points)
            strength = np.array([recovery.birth(float(x)) for x in intensity])
            strength[intensity == recovery.start] = 0.0
            ends = ("edge of the range", "zero strength" if recovery.start <= self.most else "edge of the range")
        elif recovery.start < self.most:
            top = max((float(s.strength.max()) for s in uninformed), default=1.0)
            intensity = np.full(self.points, recovery.start)
            strength = self.path.internal(np.linspace(top, 0.0, self.points))
            ends = ("edge of the range", "zero strength")
        else:
            return []
        control, public = self.model.from_intensity(intensity), self.path.public(strength)
        error = SAFETY * EPS * public
        return [_Segment(control, public, np.full(len(control), rho), np.full(len(control), rho), error, ends)]

    def _with_lower(self, segments: list[_Segment]) -> list[_Segment]:
        """Return vertical segments with the overlap of the uninformed branch as their lower overlap."""
        result = []
        for segment in segments:
            intensity = self.model.intensity(segment.control)
            view = stable_fixed_points(self.geo, intensity, self.path.internal(segment.strength))
            result.append(replace(segment, lower_overlap=view.overlap[:, 0]))
        return result

    # --- first order ---

    def _first_order(self) -> list[_Segment]:
        """Return the lines on which the equilibrium branch jumps."""
        dying = [piece.intensity for piece in self.geo.curve.pieces if not piece.appears]
        start = max(min((float(f[0]) for f in dying), default=np.inf), self.least)
        stop = min(max((float(f[-1]) for f in dying), default=0.0), self.most)
        if start >= stop:
            return []
        events = self._events(start, stop)
        iso = self.geo.coexistence(self._samples(events))
        return [self._chain(iso, chain, events) for chain in _chains(iso)]

    def _events(self, start: float, stop: float) -> list[float]:
        """Return start, stop and all intensities between them at which lines begin, end or meet."""
        merging = [float(c.surface.intensity[0]) for c in self.geo.curve.cusps if c.surface.strength[0] >= 0]
        if self.simple:
            # beyond condensation nothing is left of the single line
            return [start, min(stop, *self._condensation(stop))]
        ends = [float(end) for piece in self.geo.curve.pieces for end in piece.intensity[[0, -1]]]
        inner = [e for e in (*merging, *ends, *self._condensation(stop)) if start < e < stop]
        return sorted({start, stop, *inner})

    def _condensation(self, stop: float) -> list[float]:
        point = self.special.condensation
        at = float(self.model.intensity(np.array(point.control))) if point is not None else np.inf
        return [at] if at <= stop * (1 + SNAP) else [stop]

    def _samples(self, events: list[float]) -> Array:
        """Return intensities between neighbouring events, dense next to where lines open like roots.

        Of the events themselves only the edges of the range are taken, where no line begins or ends.
        """
        known = [*(float(c.surface.intensity[0]) for c in self.geo.curve.cusps), *self._condensation(np.inf)]
        edges = [e for e in (self.least, self.most) if e in events and e not in known]
        if len(events) == 2:
            inner = self._spread(*events)[1:-1]
        else:
            part = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, self.points // 2 + 1) / (self.points // 2 + 1))
            inner = np.concatenate([a + (b - a) * part for a, b in pairwise(events)])
        return np.sort(np.concatenate([inner, edges]))

    def _chain(self, iso: Coexistence, chain: list[tuple[int, int]], events: list[float]) -> _Segment:
        """Return connected transitions (isotherm, crossing) as a segment, with its exactly known ends."""
        order, index = (np.array(column) for column in zip(*chain, strict=True))
        lower, upper = iso.lower.take(index), iso.upper.take(index)
        error = crossing_error(self.geo.eos, lower, upper)
        body = self._segment(upper, iso.intensity[order], iso.strength[index], error, lower.overlap, ("", ""))
        before = max((e for e in events if e < iso.intensity[order[0]]), default=0.0)
        after = min((e for e in events if e > iso.intensity[order[-1]]), default=np.inf)
        # only what reaches the isotherm next to an event begins or ends there
        starts = order[0] == 0 or iso.intensity[order[0] - 1] <= before
        stops = order[-1] == len(iso.intensity) - 1 or iso.intensity[order[-1] + 1] >= after
        nothing = None, "edge of the range"
        head, first = self._chain_head(before, iso.intensity[order], iso.strength[index]) if starts else nothing
        tail, last = self._chain_tail(after, body) if stops else nothing
        if stops and tail is None:  # a tricritical point on the harder side
            tail, last = self._chain_head(after, iso.intensity[order][::-1], iso.strength[index][::-1])
        first = first if order[0] == 0 or head is not None else TAKEN_OVER
        last = last if order[-1] == len(iso.intensity) - 1 or tail is not None else TAKEN_OVER
        return _extend(body, head, tail, (first, last))

    def _chain_head(self, at: float, intensity: Array, strength: Array) -> tuple[_Segment | None, str]:
        """Return the tricritical point at intensity `at` in which a first-order line begins or ends, if it does.

        The line's points are given from that end on.
        """
        if not np.isfinite(at):
            return None, "edge of the range"
        # where the line's first two points lead to
        slope = (strength[1] - strength[0]) / (intensity[1] - intensity[0]) if len(intensity) > 1 else 0.0
        leads_to = strength[0] + slope * (at - intensity[0])
        near = abs(slope * (intensity[1] - at)) if len(intensity) > 1 else np.inf
        for cusp in self.geo.curve.cusps:
            f = cusp.surface
            if cusp.merging and f.strength[0] >= 0 and f.intensity[0] == at and abs(f.strength[0] - leads_to) < near:
                error = self.geo.eos.errors(f).fold / np.abs(f.fold_s)
                return self._segment(f, f.intensity, f.strength, error, f.overlap, ("", "")), "tricritical point"
        return None, "edge of the range"

    def _chain_tail(self, at: float, body: _Segment) -> tuple[_Segment | None, str]:
        """Return the condensation point at intensity `at` in which a first-order line ends, if it does."""
        point = self.special.condensation
        falling = self.simple or len(body.strength) < 2 or body.strength[-1] < 0.5 * body.strength.max()
        if point is None or not falling or abs(at / float(self.model.intensity(np.array(point.control))) - 1) > SNAP:
            return None, "edge of the range"
        control = np.array([point.control])
        intensity = self.model.intensity(control)
        null = self.geo.eos.symmetric and intensity[0] <= self.geo.eos.start
        below = np.zeros(1) if null else stable_fixed_points(self.geo, intensity, np.zeros(1)).overlap[:, 0]
        end = _Segment(control, np.zeros(1), np.array([point.overlap]), below, body.error[-1:], ("", ""))
        return end, "zero strength"

    # --- helpers ---

    def _spread(self, start: float, stop: float) -> Array:
        """Return intensities from start to stop whose controls are dense next to the start."""
        ends = self.model.from_intensity(np.array([max(start, self.least), stop]))
        part = np.linspace(0, 1, self.points) ** 2
        inner = self.model.intensity(ends[0] + part[1:-1] * (ends[1] - ends[0]))
        return np.concatenate([[start], inner, [stop]])

    def _segment(
        self, f: Surface, intensity: Array, s: Array, error: Array, lower_overlap: Array, ends: tuple[str, str]
    ) -> _Segment:
        strength = self.path.public(s)
        with np.errstate(divide="ignore", invalid="ignore"):
            # where the public strength is a square root, its error is bounded by the root of the error
            slope = np.minimum(
                self.path.public_slope(s) * error, np.abs(self.path.public(s + error) - strength) + error
            )
        bound = SAFETY * (slope + EPS * np.abs(strength))
        return _Segment(self.model.from_intensity(intensity), strength, f.overlap, lower_overlap, bound, ends)


def _relevant(segment: _Segment, number: int, isotherms: Iterator[list[Branch]]) -> list[_Segment]:
    """Keep the parts of a spinodal, fold piece `number`, at which the uninformed, or informed, branch itself ends.

    The next isotherms are those of the segment's inner points.
    """
    keep = np.zeros(len(segment.control), dtype=bool)
    for k, branches in zip(range(1, len(keep) - 1), isotherms):  # noqa: B905 - the iterator goes on
        for j, branch in enumerate(branches):
            if branch.dies == number:
                keep[k] = all(lower.stop < branch.stop for lower in branches[:j])
            if branch.born == number:
                keep[k] = all(upper.start > branch.start for upper in branches[j + 1 :])
    keep[0], keep[-1] = keep[1], keep[-2]
    return _pieces(segment, np.where(keep, 0, -1))


def _chains(iso: Coexistence) -> list[list[tuple[int, int]]]:
    """Connect the transitions of neighbouring isotherms whose branches are closest in overlap."""
    done: list[list[tuple[int, int]]] = []
    live: list[list[tuple[int, int]]] = []
    for k, jumps in enumerate(iso.crossings):
        found = [jump.index for jump in jumps]
        distance = {
            (i, n): float(np.abs(a - b).sum()) / float(b[1] - b[0])
            for i, chain in enumerate(live)
            for n in found
            for a, b in [(_overlaps(iso, chain[-1][1]), _overlaps(iso, n))]
        }
        grown: set[int] = set()
        for (i, n), gap in sorted(distance.items(), key=lambda item: item[1]):
            if gap < CONNECTED and i not in grown and n in found:
                live[i].append((k, n))
                grown.add(i)
                found.remove(n)
        done += [chain for i, chain in enumerate(live) if i not in grown]
        live = [chain for i, chain in enumerate(live) if i in grown] + [[(k, n)] for n in found]
    return done + live


def _overlaps(iso: Coexistence, index: int) -> Array:
    return np.array([iso.lower.overlap[index], iso.upper.overlap[index]])


def _pieces(segment: _Segment, label: Array) -> list[_Segment]:
    """Split a segment where `label` changes, dropping labels below zero."""
    result = []
    cuts = np.flatnonzero(np.diff(label)) + 1
    for part in np.split(np.arange(len(label)), cuts):
        if len(part) and label[part[0]] >= 0:
            columns = {n: getattr(segment, n)[part] for n in COLUMNS}
            first = segment.ends[0] if part[0] == 0 else TAKEN_OVER
            last = segment.ends[1] if part[-1] == len(label) - 1 else TAKEN_OVER
            result.append(_Segment(**columns, ends=(first, last)))
    return result


def _extend(segment: _Segment, head: _Segment | None, tail: _Segment | None, ends: tuple[str, str]) -> _Segment:
    """Return the segment with its exactly known ends attached."""
    parts = [p for p in (head, segment, tail) if p is not None]
    return _Segment(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in COLUMNS}, ends=ends)
