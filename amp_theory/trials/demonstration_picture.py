"""The picture of a demonstration: what was measured at every size, and what is extrapolated to infinite size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.phases.diagram.drawing import set_title
from amp_theory.phases.diagram.labels import arrange
from amp_theory.phases.diagram.styles import as_axes, canvas, look, paint
from amp_theory.tools.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from amp_theory.trials.demonstration_cases import CaseOutcome

MARKS = "os^DvP*X"
#: horizontal distance of cases, and of the points of single instances, in units of that of two sizes
ASIDE, SCATTER = 0.09, 0.03
#: half the length of the line that theory expects
EXPECTED = 0.25


def plot_demonstration(
    outcomes: Sequence[CaseOutcome], values: Mapping[tuple[str, int], Array], ax: Axes | None, *, legend: bool | str,
    title: str | bool | None, style: str | Mapping[str, Any] | None,
) -> Axes:  # fmt: skip
    """Draw outcomes of cases, sizes from left to right and then infinity; options are of `DemonstrationRun.plot`."""
    given = as_axes(ax)
    looks = look(legend, title, False, style, given)
    axes = canvas(given, style)
    sized = paint(axes, looks)
    sizes = sorted({n for o in outcomes for n in o.means})
    rng, end = np.random.default_rng(0), len(sizes)
    handles: list[Any] = []
    for k, o in enumerate(outcomes):
        colour, mark = sized.series[k % len(sized.series)], MARKS[k % len(MARKS)]
        shift = ASIDE * (k - (len(outcomes) - 1) / 2)
        here = sorted(o.means)
        place = np.array([sizes.index(n) for n in here]) + shift
        mean, error = np.array([o.means[n] for n in here]).T
        for x, n in zip(place, here, strict=True):
            dots = values[o.case.label, n]
            axes.plot(x + SCATTER * rng.uniform(-1, 1, len(dots)), dots, ".", ms=2.5, color=colour, alpha=0.35)
        width = sized.line_width or 1.6
        handles.append(axes.errorbar(
            place, mean, np.where(np.isfinite(error), error, 0.0), fmt=mark + "-", ms=0.6 * (sized.mark_size or 7),
            lw=width, capsize=2, color=colour, label=o.case.label,
        ))  # fmt: skip
        if o.case.expected is not None:
            at = [end + shift - EXPECTED, end + shift + EXPECTED]
            axes.plot(at, 2 * [o.case.expected], "-", color=colour, lw=2 * width, alpha=0.35)
        if (found := o.at_infinity) is not None:
            bars = [[found.value - found.low], [found.high - found.value]]
            axes.errorbar([end + shift], [found.value], bars, fmt=mark, mfc="none", ms=0.6 * (sized.mark_size or 7),
                          lw=width, capsize=3, color=colour)  # fmt: skip
    axes.axhline(0, color=sized.text, lw=0.6, alpha=0.5, zorder=0)
    axes.set_xticks(range(end + 1), [*(f"{n:,}" for n in sizes), r"$\infty$"])
    axes.set_xlim(-0.5, end + 0.5)
    axes.set_xlabel("number of variables")
    axes.set_ylabel(", ".join(dict.fromkeys(o.case.trial.quantity for o in outcomes)))
    set_title(axes, looks, "")
    arrange(axes, looks, sized, handles, direction=None)
    return axes
