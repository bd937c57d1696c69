"""What the explorer's page shows of a diagram, as JSON: lines, shading, special points, verdicts, texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from amp_theory.interface.explorer.tables import Tables, packed
from amp_theory.phases.diagram.diagram import Diagram
from amp_theory.phases.diagram.drawing import edges, highest, top_strength
from amp_theory.phases.diagram.styles import LABELS, NO_ANSWER, NOWHERE, REGIONS, STYLES
from amp_theory.phases.geometry.solved import geometry_of
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError
from amp_theory.tools.results import POINTS
from amp_theory.tools.roots import bisected

#: the page shows strengths up to this part of the path's limit
PART_OF_LIMIT = 0.98
#: controls at which regions are shaded; controls and strengths of a mesh of regions, where lines do not bound them
COLUMNS, MESH = 240, (200, 120)
#: controls at which verdicts are asked for, bisections between different ones, strengths of failure in a piece
SEARCH, BISECTIONS, FAILURES = 100, 40, 100
#: a verdict that holds for less than this part of the range, at its end, is left out
NEGLIGIBLE = 1e-9
#: characters for the names of symbols
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω", "Delta": "Δ",
    "Gamma": "Γ", "Lambda": "Λ",
}  # fmt: skip


def plain_symbol(symbol: str) -> str:
    r"""Return a symbol of TeX in plain characters.

    Examples
    --------
    >>> plain_symbol(r"\gamma^2"), plain_symbol(r"1-2\epsilon"), plain_symbol("T")
    ('γ²', '1−2ε', 'T')
    """
    text = re.sub(r"\\([A-Za-z]+)", lambda found: GREEK.get(found[1], found[1]), symbol)
    return text.replace("^2", "²").replace("-", "−").translate({ord(c): None for c in "{}$"})


def highest_strength(diagram: Diagram) -> float:
    """Return the largest strength the page shows."""
    return min(top_strength(diagram.path, highest(diagram)), PART_OF_LIMIT * diagram.path.limit)


def page_data(diagram: Diagram) -> dict[str, Any]:
    """Return everything the page needs, as JSON without NaN or infinity."""
    model, path = diagram.model, diagram.path
    if geometry_of(model, path).discrete:
        raise InputError(
            f"the explorer moves through a continuous {model.control}, that of {model!r} is discrete"
            f"{model.control_note}: plot the diagram, or ask path_transitions at single values"
        )
    top = highest_strength(diagram)
    tables = Tables(geometry_of(model, path).eos, diagram.control_range, top)
    lo, hi = diagram.control_range
    return {
        "model": model.name, "parameters": [[name, str(value)] for name, value in model.parameters.items()],
        "path": path.name, "schedule": path.schedule.name, "target": diagram.target,
        "control": {"name": model.control, "symbol": plain_symbol(model.control_symbol), "range": [lo, hi],
                    "easier": model.easier},
        "strength": {"name": path.strength, "symbol": plain_symbol(path.strength_symbol), "range": [0.0, top]},
        "described": [x if np.isfinite(x) else None for x in diagram.described],
        "regions": {name: {"fill": fill, "label": LABELS[name]} for name, (fill, _) in REGIONS.items()},
        "nowhere": {"fill": NOWHERE, "label": NO_ANSWER},
        "styles": {n: {"dash": dash, "colour": colour, "label": text} for n, (dash, colour, text) in STYLES.items()},
        "lines": {name: _segments(diagram, name) for name in diagram.lines},
        "shading": _shading(diagram, top), "points": _points(diagram, top), "verdicts": verdicts(diagram),
        "tables": tables.everything(), "provenance": {k: str(v) for k, v in diagram.provenance.items()},
    }  # fmt: skip


def _segments(diagram: Diagram, name: str) -> list[list[list[float]]]:
    """Return the connected pieces of a line, each as [controls, strengths]."""
    line = diagram.lines[name]
    parts = (line.segment == number for number in np.unique(line.segment))
    return [[line.control[part].tolist(), line.strength[part].tolist()] for part in parts]


def _shading(diagram: Diagram, top: float) -> dict[str, Any]:
    """Return the strengths between which regions lie, or the regions on a mesh where lines do not bound them."""
    lo, hi = diagram.control_range
    if all(len(line.ends) <= 1 for line in diagram.lines.values()):
        # denser next to the tricritical point, where the bands close
        ends = [line.control for line in diagram.lines.values()]
        c = np.unique(np.concatenate([np.linspace(lo, hi, COLUMNS), *ends]))
        between = edges(diagram, c, top)
        return {"control": packed(c), "edges": [packed(edge) for edge in between]}
    c = lo + (hi - lo) * (np.arange(MESH[0]) + 0.5) / MESH[0]
    s = top * (np.arange(MESH[1]) + 0.5) / MESH[1]
    table = diagram.region(c[None, :], s[:, None])
    # where there is no answer the page covers it
    code = np.select([table == name for name in REGIONS], list(range(len(REGIONS))))
    return {"mesh": list(MESH), "code": "".join(code.astype(int).astype(str).ravel())}


def _points(diagram: Diagram, top: float) -> list[dict[str, Any]]:
    """Return the special points within the picture."""
    special = diagram.thresholds
    named = [(name, getattr(special, name)) for name in POINTS]
    named += [("tricritical", point) for point in special.further_tricritical]
    lo, hi = diagram.control_range
    return [
        {"name": name, "control": point.control, "strength": point.strength or 0.0, "overlap": point.overlap}
        for name, point in named
        if point is not None and lo * (1 - 1e-9) <= point.control <= hi * (1 + 1e-9) and (point.strength or 0.0) <= top
    ]


def verdicts(diagram: Diagram) -> list[dict[str, Any]]:
    """Return pieces of the control range with one verdict each, bounded by bisection.

    A piece holds its range, whether the sampler succeeds (None: no answer), the reason as a sentence with {control} and
    {strength} to be filled in, and the strengths from which on it fails, evenly over the angle whose squared sine runs
    from 0 to 1 with the control.
    """
    lo, hi = diagram.control_range
    special = [p.control for p in _located(diagram) if lo < p.control < hi]
    inner = np.unique([lo, *special, hi])
    c = np.unique(np.concatenate([np.linspace(lo, hi, SEARCH), 0.5 * (inner[1:] + inner[:-1])]))
    ends: list[float] = [lo]
    # whether it fails is told at once, where it fails takes longer
    for a, b in pairwise([lo, *_changes(lambda x: _answers(diagram, x), c), hi]):
        inside = np.array([a, *c[(c > a) & (c < b)], b])
        inside = 0.5 * (inside[1:] + inside[:-1])
        fails = diagram.sampler_succeeds(float(inside[len(inside) // 2])) is False
        ends += [*(_changes(lambda x: _at_start(diagram, x), inside) if fails else []), b]
    kept = [x for x in ends[1:-1] if min(x - lo, hi - x) > NEGLIGIBLE * (hi - lo)]
    return [_piece(diagram, a, b) for a, b in pairwise([lo, *kept, hi])]


def _changes(function: Callable[[Array], Array], control: Array) -> list[float]:
    """Return where a function of the control changes, to the accuracy of bisection."""
    values = function(control)
    jumps = np.flatnonzero(values[1:] != values[:-1])
    low, high, left = control[jumps], control[jumps + 1], values[jumps]
    if len(jumps):
        low, high = bisected(lambda x: function(x) == left, low, high, BISECTIONS)
    return list((0.5 * (low + high)).tolist())


def _answers(diagram: Diagram, control: Array) -> Array:
    """Return -1, 0, 1 where there is no answer, the sampler fails, succeeds."""
    return np.array([-1 if answer is None else int(answer) for answer in diagram.sampler_succeeds(control)])


def _at_start(diagram: Diagram, control: Array) -> Array:
    """Tell where the sampler fails from the start of the path."""
    return np.array([first == 0 for first in diagram.first_failure_strength(control)])


def _located(diagram: Diagram) -> list[Any]:
    special = diagram.thresholds
    return [p for p in (*special.points().values(), *special.further_tricritical) if p is not None]


def _piece(diagram: Diagram, low: float, high: float) -> dict[str, Any]:
    """Return one piece of `verdicts`."""
    middle = 0.5 * (low + high)
    reason, answer = diagram.reason(middle), diagram.sampler_succeeds(middle)
    start = diagram.first_failure_strength(middle)
    failure = None
    if start:
        reason = reason.replace(f"{start:.12g}", "{strength}")
        # in this angle it is smooth, also where it sets out like a square root from either end
        angle = 0.5 * np.pi * np.arange(1, FAILURES) / FAILURES
        c = low + (high - low) * np.sin(angle) ** 2
        failure = packed(np.array(diagram.first_failure_strength(c), dtype=float))
    return {
        "range": [low, high], "succeeds": answer, "reason": reason.replace(f"{middle:g}", "{control}"),
        "failure": failure,
    }  # fmt: skip
