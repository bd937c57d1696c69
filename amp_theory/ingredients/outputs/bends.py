"""Where the slope of a smooth function bends: edges, around which sums have to be dense.

The second derivative is looked at on panels, which are halved until polynomials through their nodes are the function
between them as well.  So long a panel is several distances of the nearest singularity in the complex plane, whatever
makes the function steep; where the function is large, its exponential bends within one over its root as well.  An edge
of width l at b serves panels no shorter than about sqrt((UNIT l)^2 + (s - b)^2): there even steps of
arcsinh((s - b)/(UNIT l)) are short enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre

from amp_theory.tools.arrays import Array, Bools
from amp_theory.tools.errors import InputError
from amp_theory.tools.panels import ANALYSIS, ORDER, panel_nodes, refined

#: fields between which is looked, length of the first panels, how often they are halved
REACH, LONGEST, HALVINGS = 12.0, 6.0, 13
#: places between the nodes of the first panels, which become fewer, and what a polynomial may be off by there
BETWEEN, FEWEST, RESOLVED = 1024, 32, 1e-7
#: what the shortest panels may be off by: kinks are no closer than that
KINK = 1e-3
#: width of an edge as part of the panels next to it, and the length that curvature asks for
WIDTH, CURVED = 0.2, 3.0
#: panels that need no edge, the unit of arcsinh in widths, how much shorter a panel may be, and how many edges
GENTLE, UNIT, SERVED, MOST = 1.5, 2.5, 1.6, 8
#: how far from an edge its slope has come to stay, in panels, and how often its place is the mean of so many
BEYOND, CENTRED, FIELDS = 2.0, 6, 129


class Edge(NamedTuple):
    """A place next to which a slope bends, the slope on one side of it, and the width within which it does."""

    place: float
    slope: float
    width: float


class Bends(NamedTuple):
    """Edges, the length on which all changes elsewhere, the least length, and the largest second derivative."""

    edges: tuple[Edge, ...]
    background: float
    scale: float
    most: float


def bends_of(slope: Callable[[Array], Array], curvature: Callable[[Array], Array], jumps: tuple[float, ...]) -> Bends:
    """Return where a slope bends, between jumps of its derivative.

    Raises
    ------
    InputError
        If the derivative changes on a length that is too short.
    """
    places = [x for x in jumps if abs(x) < REACH]
    rough, _ = _edges(*_panels(curvature, places), slope, [])
    # panels that are cut at the middle of a bend are as long on both sides
    middles = [_middle(edge, curvature) for edge in rough]
    panels, need, most = _panels(curvature, [*places, *middles])
    edges, served = _edges(panels, need, most, slope, middles)
    with np.errstate(divide="ignore"):
        curved = 1 / np.sqrt(most)
    shortest = min([WIDTH * float(np.min(need)), *(edge.width for edge in edges)])
    if not edges:
        scale = min(1.0, shortest, float(curved.min()))
        return Bends((), scale, scale, float(most.max()))
    elsewhere = min(1.0, float(np.min(curved[~served], initial=1.0)))
    return Bends(edges, elsewhere, min(shortest, elsewhere), float(most.max()))


def _panels(curvature: Callable[[Array], Array], places: list[float]) -> tuple[Array, Array, Array]:
    """Return panels with ends at places, the lengths that they need, and how large the second derivative is there."""
    ends = np.unique([*np.arange(-REACH, REACH + LONGEST, LONGEST), *places])
    size, rounds = _Size(), [BETWEEN]

    def look(panels: Array) -> tuple[Bools, Array]:
        values, off = _misfit(curvature, panels, max(rounds[0], FEWEST))
        rounds[0] //= 2
        size.most = max(size.most, float(values.max(initial=0.0)))
        last = len(panels) > 0 and rounds[0] == BETWEEN >> HALVINGS
        return off > (KINK if last else RESOLVED) * (1 + size.most), values

    def failed(panels: Array) -> InputError:
        return InputError(
            f"curvature must change on lengths above {LONGEST / 2**HALVINGS:.1g}, or jump; next to s = "
            f"{panels[0, 0]:.6g} it changes on less: give log_psi a smoother bend there, or one with a jump"
        )

    panels, most = refined(np.stack([ends[:-1], ends[1:]], axis=1), look, HALVINGS, failed)
    length = panels[:, 1] - panels[:, 0]
    return panels, np.where(np.isin(panels, ends).all(axis=1), LONGEST, length), most


class _Size:
    """The largest value so far."""

    most = 0.0


def _misfit(function: Callable[[Array], Array], panels: Array, count: int) -> tuple[Array, Array]:
    """Return the largest size of a function on panels, and by how much polynomials are off it between their nodes."""
    t = np.linspace(-1, 1, count + 2)[1:-1]
    nodes = panel_nodes(panels)[0]
    middle, half = panels.mean(axis=1)[:, None], 0.5 * np.diff(panels, axis=1)
    all_ = function(np.concatenate([nodes, middle + half * t], axis=1))
    polynomial = (all_[:, :ORDER] @ ANALYSIS.T) @ legendre.legvander(t, ORDER - 1).T
    return np.abs(all_).max(axis=1), np.abs(all_[:, ORDER:] - polynomial).max(axis=1)


def _middle(edge: Edge, curvature: Callable[[Array], Array]) -> float:
    """Return where next to an edge the slope of the second derivative changes most, in the mean."""
    place, span = edge.place, BEYOND / WIDTH * edge.width
    for _ in range(CENTRED):
        s = place + np.linspace(-span, span, FIELDS)
        change = np.abs(np.diff(curvature(s), 2))
        place = float(np.sum(change * s[1:-1]) / np.sum(change))
    return place


def _edges(
    panels: Array, need: Array, most: Array, slope: Callable[[Array], Array], middles: list[float]
) -> tuple[tuple[Edge, ...], Bools]:
    """Return edges that serve all panels that need some, and which panels they serve; none if they were too many.

    They are at the middles of bends where these are known, else in the middle of what needs one.
    """
    found: list[Edge] = []
    served = np.zeros(len(need), dtype=bool)
    for _ in range(MOST):
        open_ = ~served & (need < GENTLE)
        if not open_.any():
            return tuple(found), served
        k = int(np.argmin(np.where(open_, need, np.inf)))
        alike = open_ & (need <= 1.01 * need[k])
        last = k + int(np.argmin(np.append(alike[k:], False)))
        place = 0.5 * float(panels[k, 0] + panels[last - 1, 1])
        if near_by := [x for x in middles if np.min(np.abs(panels[k] - x)) <= BEYOND * need[k]]:
            place = near_by[0]
            middles = [x for x in middles if abs(x - place) > BEYOND * need[k]]
        width = WIDTH * float(min(need[k], CURVED / np.sqrt(most[k:last].max())))
        away = np.array([place - BEYOND * need[k], place + BEYOND * need[k]])
        found += [Edge(place, float(f1), width) for f1 in slope(away)]
        near = np.maximum(np.maximum(panels[:, 0] - place, place - panels[:, 1]), 0.0)
        served |= SERVED * need >= np.hypot(UNIT * width, near)
    return (), np.zeros(len(need), dtype=bool)
