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
    """One dense phase diagram of the paper.

    model and parameters name the model, path the path; scaling is the horizontal axis, with its range
    `controls`; `strengths` is the range of the vertical axis.  points holds (threshold, coordinate,
    value), the coordinate being a scaling of the control or the path's strength.
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


_ISING = {"p": 3}
_SPARSE = {"prior": "sparse-rademacher", "rho": 0.08}
_SPARSE_ZERO = (
    ("dynamical", "noise_over_rho2", 1.0408601),
    ("condensation", "noise_over_rho2", 1.0294198),
    ("algorithmic", "noise_over_rho2", 0.981),
)

#: None as the first control means: from condensation
FIGURES = (
    PublishedFigure(
        "ising_p_spin_flow", "Ising 3-spin, flow and diffusion", "ising-p-spin", _ISING, "flow", "temperature",
        (None, 0.77), (0.0, 0.25),
        (("dynamical", "noise", 0.3097), ("tricritical", "noise", 0.3661), ("tricritical", "snr", 0.167)),
    ),
    PublishedFigure(
        "ising_p_spin_autoregressive", "Ising 3-spin, autoregressive", "ising-p-spin", _ISING, "autoregressive",
        "temperature", (None, 0.77), (0.0, 0.2),
        (("dynamical", "noise", 0.3097), ("tricritical", "noise", 0.3838), ("tricritical", "revealed", 0.1355)),
    ),
    PublishedFigure(
        "spherical_p_spin_flow", "spherical 3-spin, flow and diffusion", "spherical-p-spin", _ISING, "flow",
        "temperature", (None, 0.72), (0.0, 0.16), (("condensation", "noise", 0.2288),),
    ),
    PublishedFigure(
        "spherical_p_spin_autoregressive", "spherical 3-spin, autoregressive", "spherical-p-spin", _ISING,
        "autoregressive", "temperature", (None, 0.72), (0.0, 0.15), (("condensation", "noise", 0.2288),),
    ),
    PublishedFigure(
        "sparse_spiked_matrix_flow", "sparse spiked Wigner, rho = 0.08, flow and diffusion", "spiked-matrix", _SPARSE,
        "flow", "noise_over_rho2", (0.95, 1.1), (0.0, 0.15),
        (*_SPARSE_ZERO, ("tricritical", "noise_over_rho2", 1.0801), ("tricritical", "snr", 0.115664)),
    ),
    PublishedFigure(
        "sparse_spiked_matrix_autoregressive", "sparse spiked Wigner, rho = 0.08, autoregressive", "spiked-matrix",
        _SPARSE, "autoregressive", "noise_over_rho2", (0.95, 1.1), (0.0, 0.012),
        (*_SPARSE_ZERO, ("tricritical", "noise_over_rho2", 1.06944), ("tricritical", "revealed", 0.01)),
    ),
)  # fmt: skip
