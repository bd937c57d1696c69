"""The picture at the head of the README: `python tests/oracles/readme_figure.py` draws it anew.

Above the phase diagram, below what the demonstration `xorsat` measured, extrapolated to infinite size.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import amp_theory as at

FIGURES = Path(__file__).parents[2] / "figures"
FILE, TABLE = FIGURES / "readme.png", FIGURES / "demonstrated_xorsat.csv"
MODEL = at.XORSAT(4, temperature=0.5)
DENSITIES = (0.95, 1.75)
BLUE, RED = "#0072B2", "#D55E00"
#: what is shown of every sampler: its cases by density, colour, mark and where its points stand
SAMPLERS: dict[str, tuple[dict[float, str], str, str, float]] = {
    "flow": ({d: f"flow at density {d}" for d in (1.0, 1.4, 1.55)}, BLUE, "o", -0.006),
    "heat bath": (
        {1.4: "heat bath at density 1.4", 1.55: "heat bath at density 1.55, 32,000 sweeps"}, RED, "s", 0.006,
    ),
}  # fmt: skip


def draw_measured(axes: Any, tricritical: float, dynamical: float) -> None:
    """Draw excess energies at every size and at infinite size, over what theory says of both samplers."""
    outcomes = {o.case.label: o for o in at.demonstrate("xorsat", recorded=TABLE).outcomes}
    for end, (cases, colour, mark, shift) in zip((tricritical, dynamical), SAMPLERS.values(), strict=True):
        axes.plot([DENSITIES[0], end], [0, 0], "-", color=colour, lw=6, alpha=0.25, solid_capstyle="butt", zorder=0)
        axes.axvline(end, color=colour, lw=1, ls="--")
        for density, label in cases.items():
            found = outcomes[label]
            sizes = sorted(found.means)
            for k, n in enumerate(sizes):
                place = density + 2 * shift * (len(sizes) - k)
                axes.errorbar(place, *found.means[n], fmt=mark, ms=2.5, lw=0.8, color=colour, alpha=0.45)
            ends = found.at_infinity
            bars = [[ends.value - ends.low], [ends.high - ends.value]]
            axes.errorbar(density, ends.value, bars, fmt=mark, ms=5, capsize=2.5, lw=1.3, color=colour, mfc="white")
            if found.outcome in ("refuted", "undecided"):
                axes.text(density, ends.high + 0.0025, found.outcome, color=colour, fontsize=6.5, ha="center")
    axes.axhline(0, color="black", lw=0.5, zorder=0)
    axes.set(xlim=DENSITIES, ylim=(-0.012, 0.078), ylabel="excess energy\nper variable")
    texts = {"fontsize": 7, "ha": "center"}
    axes.text(1.605, 0.046, "flow", color=BLUE, **texts)
    axes.text(1.475, -0.0085, "heat bath", color=RED, **texts)
    axes.text((DENSITIES[0] + tricritical) / 2, 0.065, "theory:\nboth work", **texts)
    axes.text(
        (DENSITIES[0] + tricritical) / 2, 0.019, "small: 6,250 to\n100,000 variables;\nlarge: infinite size", **texts
    )
    axes.text(1.46, 0.065, "the flow fails,\nheat bath works", **texts)
    axes.text((dynamical + DENSITIES[1]) / 2, 0.065, "both\nfail", **texts)


def readme_figure(path: at.Path | None = None) -> bytes:
    """Return the picture as PNG; `path` is the flow's."""
    figure, stream = Figure(figsize=(3.4, 4.4), layout="constrained"), io.BytesIO()
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1))
    points = at.thresholds(MODEL, path or at.Flow())
    diagram = at.phase_diagram(MODEL, path or at.Flow(), DENSITIES)
    diagram.plot(above, annotate=True, style="print")
    draw_measured(below, points.tricritical.density, points.dynamical.density)
    for label in (below.yaxis.label, above.xaxis.label):
        label.set_fontsize(8)
    below.set_xlabel(above.get_xlabel(), fontsize=8)
    above.set_xlabel("")
    below.tick_params(labelsize=7.2)
    figure.savefig(stream, format="png", dpi=200)
    return stream.getvalue()


if __name__ == "__main__":
    FILE.write_bytes(readme_figure())
