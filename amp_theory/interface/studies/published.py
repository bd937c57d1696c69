"""The figures of Ghio, Dandi, Krzakala and Zdeborova, PNAS 121 (2024), arXiv:2308.14085: their axes and numbers.

The numbers are those of the catalogue that the code published with the paper prints; it reads them off grids of control
and strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amp_theory.interface.studies.literature import PublishedValue, published_values
from amp_theory.models.catalogue import build_model

#: the key of the paper in the catalogue
PAPER = "ghio-2024"


@dataclass(frozen=True)
class PublishedFigure:
    """One phase diagram of the paper.

    model and parameters name the model, path the path; scaling is the horizontal axis, with its range
    `controls`; `strengths` is the range of the vertical axis; `note` says how the paper came by its numbers where it
    is not a grid.
    """

    name: str
    title: str
    model: str
    parameters: dict[str, Any]
    path: str
    scaling: str
    controls: tuple[float | None, float]
    strengths: tuple[float, float]
    note: str = ""

    @property
    def values(self) -> tuple[PublishedValue, ...]:
        """The paper's numbers of this figure: those of its path, and where that has none the flow's at zero strength.

        At zero strength paths are alike, and the paper prints most of these numbers once.
        """
        own, flow = (
            {(v.quantity, v.coordinate): v for v in self._of_paper(path) if v.at is None}
            for path in (self.path, "flow")
        )
        return tuple(({key: v for key, v in flow.items() if key[0] != "tricritical"} | own).values())

    @property
    def on_lines(self) -> tuple[PublishedValue, ...]:
        """What the paper's data have of the figure's lines, at single controls."""
        return tuple(v for v in self._of_paper(self.path) if v.at is not None)

    def _of_paper(self, path: str) -> list[PublishedValue]:
        model = build_model(self.model, self.parameters)
        return [
            v for v in published_values()
            if v.source.key == PAPER and v.conversion == "x" and v.path == path and v.build()[0] == model
        ]  # fmt: skip


_ISING = {"p": 3}
_SPARSE = {"prior": "sparse-rademacher", "rho": 0.08}
_BICOLORING = {"k": 5}
_BY_HAND = "the code's end point is set by hand, its lines are polynomial fits through population dynamics"

#: None as the first control means: from condensation
FIGURES = (
    PublishedFigure(
        name="ising_p_spin_flow", title="Ising 3-spin, flow and diffusion", model="ising-p-spin", parameters=_ISING,
        path="flow", scaling="temperature", controls=(None, 0.77), strengths=(0.0, 0.25),
    ),
    PublishedFigure(
        name="ising_p_spin_autoregressive", title="Ising 3-spin, autoregressive", model="ising-p-spin",
        parameters=_ISING, path="autoregressive", scaling="temperature", controls=(None, 0.77), strengths=(0.0, 0.2),
    ),
    PublishedFigure(
        name="spherical_p_spin_flow", title="spherical 3-spin, flow and diffusion", model="spherical-p-spin",
        parameters=_ISING, path="flow", scaling="temperature", controls=(None, 0.72), strengths=(0.0, 0.16),
    ),
    PublishedFigure(
        name="spherical_p_spin_autoregressive", title="spherical 3-spin, autoregressive", model="spherical-p-spin",
        parameters=_ISING, path="autoregressive", scaling="temperature", controls=(None, 0.72), strengths=(0.0, 0.15),
    ),
    PublishedFigure(
        name="sparse_spiked_matrix_flow", title="sparse spiked Wigner, rho = 0.08, flow and diffusion",
        model="spiked-matrix", parameters=_SPARSE, path="flow", scaling="noise_over_rho2", controls=(0.95, 1.1),
        strengths=(0.0, 0.15),
    ),
    PublishedFigure(
        name="sparse_spiked_matrix_autoregressive", title="sparse spiked Wigner, rho = 0.08, autoregressive",
        model="spiked-matrix", parameters=_SPARSE, path="autoregressive", scaling="noise_over_rho2",
        controls=(0.95, 1.1), strengths=(0.0, 0.012),
    ),
    PublishedFigure(
        name="bicoloring_flow", title="hypergraph bicoloring, K = 5, flow and diffusion", model="bicoloring",
        parameters=_BICOLORING, path="flow", scaling="density", controls=(8.0, 10.3), strengths=(0.0, 0.4),
        note="population dynamics, patched by hand and fitted by polynomials",
    ),
    PublishedFigure(
        name="bicoloring_autoregressive", title="hypergraph bicoloring, K = 5, autoregressive", model="bicoloring",
        parameters=_BICOLORING, path="autoregressive", scaling="density", controls=(8.0, 10.3), strengths=(0.0, 0.25),
        note=_BY_HAND,
    ),
)  # fmt: skip
