"""The picture at the head of the README: `python tests/oracles/readme_figure.py` draws it anew."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

import amp_theory as at

FILE = Path(__file__).parents[2] / "figures" / "readme.png"


def readme_figure(path: at.Path | None = None) -> bytes:
    """Return the picture as PNG; `path` is the flow's."""
    figure, stream = Figure(figsize=(6.4, 4.4), layout="constrained"), io.BytesIO()
    diagram = at.phase_diagram(at.IsingPSpin(3), path or at.Flow())
    diagram.plot(figure.add_subplot(), annotate=True, style="light")
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()


if __name__ == "__main__":
    FILE.write_bytes(readme_figure())
