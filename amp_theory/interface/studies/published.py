"""Numbers printed by others, with their source, to compare with.

Source of all of them: the code published with Ghio, Dandi, Krzakala and Zdeborova, PNAS 121 (2024),
arXiv:2308.14085, whose numbers are read off grids of control and strength; and the ranges of the paper's
figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PublishedFigure:
    """One phase diagram of the paper.

    model and parameters name the model, path the path; scaling is the horizontal axis, with its range
    `controls`; `strengths` is the range of the vertical axis.  points holds (threshold, coordinate,
    value), the coordinate being a scaling of the control or the path's strength; `note` says how the paper came
    by them where it is not a grid.
    """

    name: str
    title: str
    model: str
    parameters: dict[str, Any]
    path: str
    scaling: str
    controls: tuple[float | None, float]
    strengths: tuple[float, float]
    points: tuple[tuple[str, str, float], ...]
    note: str = ""


_ISING = {"p": 3}
_SPARSE = {"prior": "sparse-rademacher", "rho": 0.08}
_BICOLORING = {"k": 5}
_BY_HAND = "the code's end point is set by hand, its lines are polynomial fits through population dynamics"
_SPARSE_ZERO = (
    ("dynamical", "noise_over_rho2", 1.0408601),
    ("condensation", "noise_over_rho2", 1.0294198),
    ("algorithmic", "noise_over_rho2", 0.981),
)

#: None as the first control means: from condensation
FIGURES = (
    PublishedFigure(
        name="ising_p_spin_flow", title="Ising 3-spin, flow and diffusion", model="ising-p-spin", parameters=_ISING,
        path="flow", scaling="temperature", controls=(None, 0.77), strengths=(0.0, 0.25),
        points=(("dynamical", "noise", 0.3097), ("tricritical", "noise", 0.3661), ("tricritical", "snr", 0.167)),
    ),
    PublishedFigure(
        name="ising_p_spin_autoregressive", title="Ising 3-spin, autoregressive", model="ising-p-spin",
        parameters=_ISING, path="autoregressive", scaling="temperature", controls=(None, 0.77), strengths=(0.0, 0.2),
        points=(("dynamical", "noise", 0.3097), ("tricritical", "noise", 0.3838), ("tricritical", "revealed", 0.1355)),
    ),
    PublishedFigure(
        name="spherical_p_spin_flow", title="spherical 3-spin, flow and diffusion", model="spherical-p-spin",
        parameters=_ISING, path="flow", scaling="temperature", controls=(None, 0.72), strengths=(0.0, 0.16),
        points=(("condensation", "noise", 0.2288),),
    ),
    PublishedFigure(
        name="spherical_p_spin_autoregressive", title="spherical 3-spin, autoregressive", model="spherical-p-spin",
        parameters=_ISING, path="autoregressive", scaling="temperature", controls=(None, 0.72), strengths=(0.0, 0.15),
        points=(("condensation", "noise", 0.2288),),
    ),
    PublishedFigure(
        name="sparse_spiked_matrix_flow", title="sparse spiked Wigner, rho = 0.08, flow and diffusion",
        model="spiked-matrix", parameters=_SPARSE, path="flow", scaling="noise_over_rho2", controls=(0.95, 1.1),
        strengths=(0.0, 0.15),
        points=(*_SPARSE_ZERO, ("tricritical", "noise_over_rho2", 1.0801), ("tricritical", "snr", 0.115664)),
    ),
    PublishedFigure(
        name="sparse_spiked_matrix_autoregressive", title="sparse spiked Wigner, rho = 0.08, autoregressive",
        model="spiked-matrix", parameters=_SPARSE, path="autoregressive", scaling="noise_over_rho2",
        controls=(0.95, 1.1), strengths=(0.0, 0.012),
        points=(*_SPARSE_ZERO, ("tricritical", "noise_over_rho2", 1.06944), ("tricritical", "revealed", 0.01)),
    ),
    PublishedFigure(
        name="bicoloring_flow", title="hypergraph bicoloring, K = 5, flow and diffusion", model="bicoloring",
        parameters=_BICOLORING, path="flow", scaling="density", controls=(8.0, 10.3), strengths=(0.0, 0.4),
        points=(("dynamical", "density", 9.465), ("condensation", "density", 10.27), ("tricritical", "density", 8.4),
                ("tricritical", "snr", 0.295)),
        note="population dynamics, patched by hand and fitted by polynomials",
    ),
    PublishedFigure(
        name="bicoloring_autoregressive", title="hypergraph bicoloring, K = 5, autoregressive", model="bicoloring",
        parameters=_BICOLORING, path="autoregressive", scaling="density", controls=(8.0, 10.3), strengths=(0.0, 0.25),
        points=(("dynamical", "density", 9.472), ("condensation", "density", 10.27), ("tricritical", "density", 8.4),
                ("tricritical", "revealed", 0.172)),
        note=_BY_HAND,
    ),
)  # fmt: skip
