"""Studies of spin glasses and of low-rank matrices: spherical mixed models, dense block models, sparse PCA."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow
from amp_theory.ingredients.priors.named import Gaussian, SparseRademacher
from amp_theory.interface.studies.literature import PublishedValue
from amp_theory.interface.studies.study import Curve, Panel, Spot, Study, threshold_curves
from amp_theory.models.base import Model
from amp_theory.models.block_model import StochasticBlockModel
from amp_theory.models.spiked import SpikedMatrix
from amp_theory.models.spin_glasses import MixedPSpin
from amp_theory.phases.diagram.scan import scan_threshold
from amp_theory.phases.diagram.styles import ORANGE, RED

#: coefficients of xi_1 by power
Powers = Mapping[int, float]
NAMES = {
    "dynamical": "dynamical",
    "condensation": "condensation",
    "algorithmic": "algorithmic",
    "weak_recovery": "weak recovery",
}
FIRST_FAILURES = {"flow": "first failure, flow", "autoregressive": "first failure, autoregressive"}
HMP = "Huang-Montanari-Pham condition"

# --- spherical mixed models -------------------------------------------------------------------------------------------

_TEMPERATURE = r"temperature $T$"
MIXED = (
    Panel("pure", "p", r"$p$ of $\xi_1 = q^p$", "temperature", _TEMPERATURE, "temperature"),
    Panel(
        "2+3",
        "weight",
        r"$w$ of $\xi_1 = (1-w)\, q^2 + w\, q^3$",
        "temperature",
        _TEMPERATURE,
        "temperature",
        y_range=(0.75, None),
    ),
    Panel("3+4", "weight", r"$w$ of $\xi_1 = (1-w)\, q^3 + w\, q^4$", "temperature", _TEMPERATURE, "temperature"),
)
WEIGHTS = tuple(np.linspace(0, 1, 41).tolist())
MIXTURES: dict[str, dict[float, Powers]] = {
    "pure": {p: {p: 1.0} for p in range(3, 13)},
    "2+3": {w: {2: 1 - w, 3: w} for w in WEIGHTS},
    "3+4": {w: {3: 1 - w, 4: w} for w in WEIGHTS},
}


def spherical(powers: Powers) -> Model:
    """Return the spherical model of xi_1, a sum of powers."""
    xi = " + ".join(f"{weight!r}*q**{p}" for p, weight in powers.items() if weight)
    return MixedPSpin(xi, Gaussian())


def hmp_temperature(powers: Powers) -> float:
    """Return the temperature above which xi''(s) < (1-s)^-2 for 0 <= s < 1, xi = xi_1/T^2.

    T^2 is the largest value of (1-s)^2 xi_1''(s), taken at s = 0 or where (1-s) xi_1''' = 2 xi_1'' (arXiv:2404.15651).
    """
    xi = sum((weight * Polynomial.basis(p) for p, weight in powers.items()), Polynomial([0.0]))
    second = xi.deriv(2)
    roots = (Polynomial([1.0, -1.0]) * second.deriv() - 2 * second).roots()
    places = np.append(roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0) & (roots.real < 1)], 0.0)
    return math.sqrt(np.max((1 - places) ** 2 * second(places)))


def _mixed_curves() -> list[Curve]:
    curves = []
    for panel in MIXED:
        powers = MIXTURES[panel.name]
        marks = "." if panel.name == "pure" else ""
        names = {name: label for name, label in NAMES.items() if name != "algorithmic"}
        # below the line that it should be
        bound = [(x, hmp_temperature(terms), 0.0) for x, terms in powers.items()]
        curves.append(Curve.of_points(panel, HMP, bound, dash="-", colour=ORANGE, width=3.5))
        family = {x: spherical(terms) for x, terms in powers.items()}
        curves += threshold_curves(panel, family, names | {"tricritical": FIRST_FAILURES["flow"]}, marks=marks)
    return [curve for curve in curves if np.isfinite(curve.y).any()]


def _mixed_place(value: PublishedValue, model: Model, path: Path) -> Spot | None:
    """Spot a value of a spherical model: xi_1 = c times one of ours, whose temperature is T/sqrt(c)."""
    if model.polynomial is None or model.control != "temperature" or value.at is not None:
        return None
    if model.variable_prior != Gaussian():
        return None
    terms = dict(model.polynomial.scaled_terms)
    names = NAMES | ({"tricritical": FIRST_FAILURES["flow"]} if path == Flow() else {})
    panel = "pure" if len(terms) == 1 else "+".join(map(str, sorted(terms)))
    if panel not in MIXTURES or value.quantity not in names:
        return None
    total, last = float(sum(terms.values())), max(terms)
    x = last if panel == "pure" else float(terms[last]) / total
    return Spot(panel, x, names[value.quantity], total**-0.5)


SPHERICAL_MIXED = Study(
    name="spherical-mixed",
    title="Spherical mixed p-spin models",
    about="thresholds of spherical models against p and against the weight of a mixture; the first failure of the flow "
    "is the condition of Huang, Montanari and Pham, a closed form",
    sources=("arXiv:2308.14085", "arXiv:2404.15651"),
    panels=MIXED,
    curves=_mixed_curves,
    place=_mixed_place,
    words=("spherical", "spherical-p-spin", "mixed-p-spin", "mixed"),
)

# --- dense block models -----------------------------------------------------------------------------------------------

BLOCKS = Panel("", "k", "groups $k$", "noise", r"noise $\Delta$", "noise")
GROUPS = tuple(range(2, 11))


def _failures(panel: Panel, family: Mapping[float, Model], **look: Any) -> list[Curve]:
    """Return the tricritical points of both paths."""
    paths = {"flow": Flow(), "autoregressive": Autoregressive()}
    colours = {"flow": RED, "autoregressive": ORANGE}
    return [
        curve
        for name, path in paths.items()
        for curve in threshold_curves(
            panel, family, {"tricritical": FIRST_FAILURES[name]}, path, colour=colours[name], **look
        )
    ]


def _block_curves() -> list[Curve]:
    family = {float(k): StochasticBlockModel(k) for k in GROUPS}
    names = {"dynamical": "dynamical", "condensation": "condensation", "weak_recovery": NAMES["weak_recovery"]}
    return [*threshold_curves(BLOCKS, family, names, marks="."), *_failures(BLOCKS, family, marks=".")]


def _special_name(value: PublishedValue, path: Path) -> str | None:
    """Return what the curve of a value at zero strength, or of the tricritical point, is called."""
    if value.at is not None:
        return None
    return FIRST_FAILURES.get(path.name) if value.quantity == "tricritical" else NAMES.get(value.quantity)


def _block_place(value: PublishedValue, model: Model, path: Path) -> Spot | None:
    name = _special_name(value, path)
    if value.model != StochasticBlockModel.name or name is None:
        return None
    # at weak recovery the uninformed branch ends for k > 4: the algorithmic point is the same
    if value.quantity in ("weak_recovery", "algorithmic"):
        name = NAMES["weak_recovery"]
    return Spot("", model.parameters["k"], name)


BLOCK_MODELS = Study(
    name="block-models",
    title="Dense stochastic block models",
    about="thresholds of k equal groups against k: the transition without side information is continuous up to k = 4",
    sources=("arXiv:1701.00858", "arXiv:2308.14085"),
    panels=(BLOCKS,),
    curves=_block_curves,
    place=_block_place,
    words=("sbm", "stochastic-block-model", "community-detection"),
)

# --- sparse PCA -------------------------------------------------------------------------------------------------------

SPARSE = Panel("", "rho", r"fraction $\rho$ of variables that are not zero", "noise_over_rho2",
               r"noise $\Delta/\rho^2$", "noise_over_rho2")  # fmt: skip
FRACTIONS = tuple(np.linspace(0.05, 0.11, 25).round(6).tolist())
END = "where they end"


def _sparse_model(rho: float) -> Model:
    return SpikedMatrix(SparseRademacher(rho))


def _sparse_curves() -> list[Curve]:
    family = {rho: _sparse_model(rho) for rho in FRACTIONS}
    curves = [*threshold_curves(SPARSE, family, NAMES), *_failures(SPARSE, family)]
    # all of them end in one point: that at which the tricritical point comes to zero strength
    condensation = next(curve for curve in curves if curve.name == NAMES["condensation"])
    last = int(np.flatnonzero(np.isfinite(condensation.y))[-1])
    (cusp,) = scan_threshold(_sparse_model, "condensation", FRACTIONS[last : last + 2]).cusps
    end = [(cusp.value, cusp.control / cusp.value**2, cusp.error)]
    return [*curves, Curve.of_points(SPARSE, END, end, dash="", colour="black", marks="*")]


def _sparse_place(value: PublishedValue, model: Model, path: Path) -> Spot | None:
    name = _special_name(value, path)
    rho = model.parameters.get("rho")
    return Spot("", rho, name) if rho and name and model == _sparse_model(rho) else None


SPARSE_PCA = Study(
    name="sparse-pca",
    title="Sparse spiked matrices",
    about="thresholds of spiked matrices with a sparse Rademacher prior against its fraction rho, and where they end",
    sources=("arXiv:1701.00858", "arXiv:2308.14085"),
    panels=(SPARSE,),
    curves=_sparse_curves,
    place=_sparse_place,
    words=("spiked-matrix", "sparse-rademacher"),
)
