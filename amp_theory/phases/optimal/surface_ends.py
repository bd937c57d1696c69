"""All ends of the first-order surface of two strengths at one control: the critical line, cut at the control.

With one strength held, cusps of the other path are found at a grid of levels, and joined to lines by their coordinates.
Lines end on the axes, at tricritical points of either path alone, which are known; where a line turns round between
levels, the turning point is solved for.  Between two points of a line it is crossed where the control is the one asked
for, by bisection along the cusp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.ingredients.paths.mixed import Held, Mixed
from amp_theory.models.base import Model
from amp_theory.phases.geometry.folds import Cusp, polished
from amp_theory.phases.geometry.solved import SAFETY, geometry_of
from amp_theory.phases.optimal.two_strengths import CriticalPoint, held_geometry, levels_of, with_level
from amp_theory.phases.points.tricritical import cusp_point, sorted_cusps
from amp_theory.tools.arrays import EPS

#: levels at which cusps are looked for, up to the last end of the line
LEVELS = 9
#: cusps of neighbouring levels belong together when the logarithms of their coordinates differ by less
TOGETHER = 1.0
#: parts of the outermost intervals at which the line is looked at once more, since it may turn round there
NEXT = 0.02
#: a step of the held strength for derivatives along the line: relative, or in parts of the levels
STEP = 1e-5
HOW = "end of the first-order surface: a cusp with one strength held"


@dataclass(frozen=True)
class Knot:
    """A point of the critical line, at a level of the strength that is held."""

    level: float
    cusp: Cusp

    @property
    def place(self) -> float:
        """The logarithm of the coordinate."""
        return float(np.log(self.cusp.surface.coordinate[0]))

    @property
    def height(self) -> float:
        """The logarithm of the intensity."""
        return float(np.log(self.cusp.surface.intensity[0]))


@dataclass(frozen=True)
class End:
    """An end of the surface at one control, by the paths in their order, and whether the surface lies before it.

    `last` tells whether the surface lies at smaller strengths of the first path, and at larger ones of the second.
    """

    point: CriticalPoint
    last: bool

    def seen(self, first: str) -> End:
        """Return the end with the strength called `first` as the one that is held."""
        p = self.point
        if p.held_name == first:
            return self
        assert p.strength is not None
        assert p.strength_name is not None
        turned = replace(
            p, strength=p.held, strength_name=p.held_name, held=p.strength, held_name=p.strength_name, how=p.how
        )
        return End(turned, not self.last)


class CriticalLines:
    """The critical line of two paths, in pieces that are functions of the strength of `kept`."""

    def __init__(self, model: Model, both: Mixed) -> None:
        # folds along a flow are explicit, and those where variables are revealed cheaper than others
        moving = next((p for p in both.paths if p.strength_is_snr), None)
        self.moving = moving or next((p for p in both.paths if p.erases), both.paths[0])
        self.kept = both.paths[1] if self.moving is both.paths[0] else both.paths[0]
        self.model = model
        self.lines = self._lines()
        self.reach = max((knots[-1].level for knots in self.lines), default=0.0)

    def _lines(self) -> list[list[Knot]]:
        """Return the pieces as knots by growing level."""
        axis = sorted(
            (float(point.strength or 0.0), cusp) for point, cusp in sorted_cusps(geometry_of(self.model, self.kept))
        )
        lines: list[list[Knot]] = []
        for level in self._levels(axis[-1][0] if axis else 0.0):
            for strength, cusp in axis:
                if strength < level and (not lines or strength > max(k[-1].level for k in lines)):
                    eos = equation_of_state_of(self.model, Held(self.moving, self.kept, strength))
                    self._join(lines, [Knot(strength, Cusp(eos.surface(cusp.surface.signal, 0.0), merging=True))])
            geo = held_geometry(self.model, self.moving, self.kept, level)
            found = [c for c in geo.curve.cusps if c.merging and c.surface.intensity[0] > 0]
            self._join(lines, [Knot(level, c) for c in found])
            if level > (axis[-1][0] if axis else 0.0) and not any(c.surface.strength[0] >= 0 for c in found):
                break
        return [self._refined(line) for line in lines if len(line) > 1]

    def _levels(self, last: float) -> list[float]:
        """Return levels up to the last end on the axis, then up to the limit of the strength."""
        most = float(self.kept.internal(np.asarray(last)))
        inside = self.kept.public(np.linspace(0, most, LEVELS)).tolist()[:-1] if last else []
        return inside + [x for x in levels_of(self.model, self.kept).tolist() if x > last or not last]

    @staticmethod
    def _join(lines: list[list[Knot]], found: list[Knot]) -> None:
        """Add knots of one level to the lines that end next to them, or begin new ones."""
        pairs = sorted(
            (abs(line[-1].place - knot.place), i, j) for i, line in enumerate(lines) for j, knot in enumerate(found)
        )
        taken: set[int] = set()
        joined: set[int] = set()
        for distance, i, j in pairs:
            if distance < TOGETHER and i not in taken and j not in joined:
                lines[i].append(found[j])
                taken.add(i)
                joined.add(j)
        lines += [[knot] for j, knot in enumerate(found) if j not in joined]

    def _solved(self, level: float, place: float, strength: float) -> tuple[Any, Cusp]:
        """Return the equation of state at a level, and its cusp next to a place."""
        eos = equation_of_state_of(self.model, Held(self.moving, self.kept, level))
        start = eos.surface(np.exp(np.full(1, place)), np.full(1, strength))
        return eos, polished(eos, Cusp(start, merging=True))

    def between(self, one: Knot, two: Knot, level: float) -> tuple[Any, Cusp]:
        """Return the equation of state and the cusp at a level between two knots, or next to them."""
        part = (level - one.level) / (two.level - one.level)
        place = one.place + part * (two.place - one.place)
        s = [float(knot.cusp.surface.strength[0]) for knot in (one, two)]
        return self._solved(level, place, s[0] + part * (s[1] - s[0]))

    def _refined(self, line: list[Knot]) -> list[Knot]:
        """Return a line with knots next to its ends and where it turns round."""
        from scipy.optimize import minimize_scalar

        ends = [(line[0], line[1], NEXT), (line[-2], line[-1], 1 - NEXT)]
        near = [self._at(a, b, a.level + part * (b.level - a.level)) for a, b, part in ends]
        knots = sorted([*line, *near], key=lambda knot: knot.level)
        turns = []
        for a, b, c in zip(knots, knots[1:], knots[2:], strict=False):
            sign = np.sign(b.height - a.height)
            if sign * (c.height - b.height) < 0:
                way = float(sign)

                def away(level: float, a: Knot = a, b: Knot = b, c: Knot = c, way: float = way) -> float:
                    pair = (a, b) if level < b.level else (b, c)
                    return -way * self._at(*pair, level).height

                best = float(minimize_scalar(away, bounds=(a.level, c.level), method="bounded").x)
                turns.append(self._at(*((a, b) if best < b.level else (b, c)), best))
        return sorted([*knots, *turns], key=lambda knot: knot.level)

    def _at(self, one: Knot, two: Knot, level: float) -> Knot:
        """Return the knot at a level between two."""
        return Knot(level, self.between(one, two, level)[1])

    def ends(self, control: float, first: str) -> list[End]:
        """Return all ends at a control, by growing strength of the path whose strength is called `first`."""
        from scipy.optimize import brentq

        goal = float(np.log(self.model.intensity(np.array([control]))[0]))
        found = []
        for line in self.lines:
            for one, two in pairwise(line):
                if (one.height - goal) * (two.height - goal) > 0 or one.height == goal:
                    continue

                def excess(level: float, one: Knot = one, two: Knot = two) -> float:
                    return self._at(one, two, level).height - goal

                level = brentq(excess, one.level, two.level, xtol=EPS * self.reach, rtol=4 * EPS)
                end = End(self._point(one, two, float(level), control), two.height > one.height)
                assert end.point.strength is not None
                if end.point.strength >= 0:
                    found.append(end.seen(first))
        return sorted(found, key=lambda end: end.point.held)

    def _point(self, one: Knot, two: Knot, level: float, control: float) -> CriticalPoint:
        """Return the point at a control, where the line passes at `level`, with error bounds."""
        step = STEP * max(level, NEXT * self.reach)
        levels = (level + step, max(level - step, 0.0))
        after, before, here = (cusp_point(*self.between(one, two, x)) for x in (*levels, level))
        step = levels[0] - levels[1]
        name = self.moving.strength
        # what is known of the control at a level is known of the level at a control
        slope = abs(after.control - before.control) / step
        error = SAFETY * (here.errors[here.control_name] / slope + EPS * level)
        errors = {here.control_name: 0.0, self.kept.strength: error}
        for what, up, down in ((name, after.strength, before.strength), ("overlap", after.overlap, before.overlap)):
            assert up is not None
            assert down is not None
            errors[what] = here.errors[what] + abs(up - down) / step * error
        return replace(with_level(here, self.kept, level), control=control, errors=errors, how=HOW)


@lru_cache(maxsize=32)
def critical_lines(model: Model, both: Mixed) -> CriticalLines:
    """Return the critical line of two paths, computed once for equal arguments."""
    return CriticalLines(model, both)
