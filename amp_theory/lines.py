"""The three lines of a phase diagram: informed spinodal, first order, uninformed spinodal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amp_theory.equations_of_state import Surface
from amp_theory.fixed_point_solver import landscape
from amp_theory.folds import FoldPiece, locate
from amp_theory.isotherm import Isotherms, Transitions
from amp_theory.mixtures import EPS
from amp_theory.quadrature import Array
from amp_theory.results import Located, Thresholds
from amp_theory.transitions import SAFETY

LINES = ("informed_spinodal", "first_order", "uninformed_spinodal")
#: relative distance at which an end of the range counts as a special point
SNAP = 1e-13


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a phase diagram, as arrays of one length.

    control and strength are its points; overlap is the overlap of the branch that appears or disappears
    (spinodals) or of the upper branch (first order, lower_overlap being the other); error bounds the
    strength.  Points with the same `segment` number are connected; `ends` tells for every segment why it
    starts and stops.
    """

    control: Array
    strength: Array
    overlap: Array
    lower_overlap: Array | None
    error: Array
    segment: Array
    ends: tuple[tuple[str, str], ...] = field(default=())

    def __len__(self) -> int:
        return len(self.control)

    def to_dict(self, control: str, strength: str) -> dict[str, Any]:
        """Return plain data, control and strength under their own names."""
        columns = {control: self.control, strength: self.strength, "overlap": self.overlap}
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


def _join(segments: list[_Segment], two: bool) -> Line:
    """Return the segments as one line."""

    def column(name: str) -> Array:
        return np.concatenate([np.zeros(0), *(getattr(s, name) for s in segments)])

    number = np.concatenate([np.zeros(0), *(np.full(len(s.control), float(k)) for k, s in enumerate(segments))])
    return Line(
        column("control"), column("strength"), column("overlap"), column("lower_overlap") if two else None,
        column("error"), number.astype(int), tuple(s.ends for s in segments),
    )  # fmt: skip


class LineTracer:
    """Traces the lines of one equation of state over a range of control.

    Points are spaced evenly in the square root of the distance from the tricritical point, where the
    spinodals open like a square root.
    """

    def __init__(self, tr: Transitions, special: Thresholds, control_range: tuple[float, float], points: int) -> None:
        self.tr = tr
        self.special = special
        self.model = tr.eos.model
        self.path = tr.eos.path
        self.points = points
        ends = self.model.intensity(np.array(control_range))
        self.least, self.most = float(ends.min()), float(ends.max())
        self.simple = len(tr.curve.pieces) <= 2

    def lines(self) -> dict[str, Line]:
        """Return the three lines by name."""
        informed, uninformed = (self._spinodals(appears) for appears in (True, False))
        return {
            "informed_spinodal": _join(informed, two=False),
            "first_order": _join(self._first_order(), two=True),
            "uninformed_spinodal": _join(uninformed, two=False),
        }

    # --- spinodals ---

    def _spinodals(self, appears: bool) -> list[_Segment]:
        segments = []
        for number, piece in enumerate(self.tr.curve.pieces):
            start, stop = self._clip(piece)
            if piece.appears == appears and start < stop:
                segment = self._spinodal(piece, start, stop)
                segments += [segment] if self.simple else self._relevant(segment, number)
        return segments

    def _clip(self, piece: FoldPiece) -> tuple[float, float]:
        """Return the intensities of a piece within the range, its own ends exactly where they agree."""
        ends = float(piece.intensity[0]), float(piece.intensity[-1])
        start = ends[0] if ends[0] >= self.least * (1 - SNAP) else self.least
        stop = ends[1] if ends[1] <= self.most * (1 + SNAP) else self.most
        return start, stop

    def _spinodal(self, piece: FoldPiece, start: float, stop: float) -> _Segment:
        """Return the points of a fold piece at intensities from start to stop."""
        intensity = self._spread(start, stop)
        z, s = locate(self.tr.eos, piece, intensity)
        f = self.tr.eos.surface(z, s)
        error = self.tr.eos.errors(f).intensity / np.abs(f.intensity_s)
        return self._segment(
            f, intensity, s, error, f.overlap, (self._reason(piece, 0, start), self._reason(piece, -1, stop))
        )

    def _reason(self, piece: FoldPiece, end: int, at: float) -> str:
        """Tell why a spinodal ends at intensity `at`, its first (0) or last (-1)."""
        if at != piece.intensity[end]:
            return "edge of the range"
        if piece.cusps[end]:
            return "tricritical point" if piece.strength[end] > 0 else "zero strength"
        return (
            "zero strength" if piece.strength[end] == 0 or np.isfinite(piece.limit) else "limit of the coordinate grid"
        )

    def _relevant(self, segment: _Segment, number: int) -> list[_Segment]:
        """Keep the parts of a spinodal at which the uninformed, or informed, branch itself ends."""
        isotherms = self.tr.isotherms(self.model.intensity(segment.control))
        keep = np.zeros(len(segment.control), dtype=bool)
        for k, branches in enumerate(isotherms.branches):
            for j, branch in enumerate(branches):
                if branch.dies == number:
                    keep[k] = all(lower.stop < branch.stop for lower in branches[:j])
                if branch.born == number:
                    keep[k] = all(upper.start > branch.start for upper in branches[j + 1 :])
        return _pieces(segment, np.where(keep, 0, -1))

    # --- first order ---

    def _first_order(self) -> list[_Segment]:
        """Return the line of equal free entropy of the two best branches."""
        merging = [c.surface for c in self.tr.curve.cusps if c.merging and c.surface.strength[0] >= 0]
        folds = [p.intensity for p in self.tr.curve.pieces if not p.appears]
        if not folds:
            return []
        start = max(min(float(f[0]) for f in folds), self.least)
        stop = min(max(float(f[-1]) for f in folds), self.most)
        end = "edge of the range"
        point = self.special.condensation
        if self.simple and point is not None:
            at = float(self.model.intensity(np.array(point.control)))
            stop, end = (at, "zero strength") if at <= stop * (1 + SNAP) else (stop, end)
        if start >= stop:
            return []
        intensity = self._spread(start, stop)
        if self.simple and end == "zero strength":
            intensity = intensity[:-1]
        first = [m for m in merging if m.intensity[0] == start]
        iso = self.tr.isotherms(intensity[1:] if first else intensity)
        segments = self._crossings(iso)
        if self.simple and segments:
            head = self._cusp_end(first[0]) if first else None
            tail = (
                self._zero_end(point, segments[0].error[-1:]) if end == "zero strength" and point is not None else None
            )
            segments[0] = _extend(segments[0], head, tail, ("tricritical point" if first else "edge of the range", end))
        return segments

    def _crossings(self, iso: Isotherms) -> list[_Segment]:
        """Collect the equilibrium transitions of isotherms into segments between the same two branches."""
        kinds: dict[tuple[int | None, int | None], list[tuple[int, int]]] = {}
        for k, jumps in enumerate(iso.crossings):
            for jump in jumps:
                b, c = iso.branches[k][jump.b], iso.branches[k][jump.c]
                # a branch that reaches zero strength is the continuation of one that is born at a fold
                kinds.setdefault((b.dies, c.born if not self.simple else None), []).append((k, jump.index))
        segments = []
        for found in kinds.values():
            index = np.array([n for _, n in found])
            order = np.array([k for k, _ in found])
            lower, upper = iso.lower.take(index), iso.upper.take(index)
            gain = upper.free_entropy_s - lower.free_entropy_s
            above, below = self.tr.eos.errors(upper), self.tr.eos.errors(lower)
            noise = above.free_entropy + below.free_entropy
            noise = noise + 0.5 * (upper.scaled * above.intensity + lower.scaled * below.intensity)
            segment = self._segment(
                upper, iso.intensity[order], iso.strength[index], noise / gain, lower.overlap,
                ("other branches take over", "other branches take over"),
            )  # fmt: skip
            breaks = np.cumsum(np.concatenate([[0], np.diff(order) > 1]))
            segments += _pieces(segment, breaks)
        return segments

    # --- helpers ---

    def _spread(self, start: float, stop: float) -> Array:
        """Return intensities from start to stop whose controls are dense next to the start."""
        ends = self.model.from_intensity(np.array([max(start, self.least), stop]))
        part = np.linspace(0, 1, self.points) ** 2
        intensity = self.model.intensity(ends[0] + part * (ends[1] - ends[0]))
        intensity[0], intensity[-1] = start, stop
        return intensity

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

    def _cusp_end(self, cusp: Surface) -> _Segment:
        error = self.tr.eos.errors(cusp).fold / np.abs(cusp.fold_s)
        return self._segment(cusp, cusp.intensity, cusp.strength, error, cusp.overlap, ("", ""))

    def _zero_end(self, point: Located, error: Array) -> _Segment:
        """Return the condensation point as the end of the first-order line."""
        control = np.array([point.control])
        intensity = self.model.intensity(control)
        null = self.tr.eos.symmetric and intensity[0] <= self.tr.eos.start
        below = np.zeros(1) if null else landscape(self.tr, intensity, np.zeros(1)).overlap[:, 0]
        return _Segment(control, np.zeros(1), np.array([point.overlap]), below, error, ("", ""))


def _pieces(segment: _Segment, label: Array) -> list[_Segment]:
    """Split a segment where `label` changes, dropping labels below zero."""
    result = []
    cuts = np.flatnonzero(np.diff(label)) + 1
    for part in np.split(np.arange(len(label)), cuts):
        if len(part) and label[part[0]] >= 0:
            columns = {n: getattr(segment, n)[part] for n in COLUMNS}
            result.append(_Segment(**columns, ends=segment.ends))
    return result


def _extend(segment: _Segment, head: _Segment | None, tail: _Segment | None, ends: tuple[str, str]) -> _Segment:
    """Return the segment with its exactly known ends attached."""
    parts = [p for p in (head, segment, tail) if p is not None]
    return _Segment(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in COLUMNS}, ends=ends)
