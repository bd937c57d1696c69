"""Studies of generalised linear models without noise: compressed sensing, phase retrieval, ReLU, the symmetric door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from amp_theory.ingredients.outputs.named import AbsChannel, DoorChannel, LinearChannel, OutputChannel, ReLUChannel
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.priors.named import Discrete, GaussBernoulli, Gaussian, Rademacher
from amp_theory.interface.studies.literature import PublishedValue
from amp_theory.interface.studies.study import Curve, Panel, Spot, Study, threshold_curves
from amp_theory.models.base import Model
from amp_theory.models.measurements import GLM
from amp_theory.phases.diagram.styles import SKY

NAMES = {"condensation": "information-theoretic", "algorithmic": "algorithmic", "weak_recovery": "weak recovery"}
RATIO = r"sampling ratio $\alpha$"
FRACTIONS = (0.01, 0.025, *np.linspace(0.05, 1, 20).round(6).tolist())


def over_rho(name: str, title: str, about: str, channel: OutputChannel, names: Mapping[str, str], **more: Any) -> Study:
    """Return the study of a Gauss-Bernoulli signal behind a channel, against its fraction of variables not zero."""
    panel = Panel("", "rho", r"fraction $\rho$ of variables that are not zero", "sampling_ratio", RATIO,
                  "sampling_ratio")  # fmt: skip

    def curves() -> list[Curve]:
        family = {rho: GLM(GaussBernoulli(rho), channel) for rho in FRACTIONS}
        return threshold_curves(panel, family, names)

    def place(value: PublishedValue, model: Model, path: Path) -> Spot | None:
        # a Gaussian signal is that with rho = 1
        rho = model.parameters.get("rho", 1.0)
        if not any(model == GLM(prior, channel) for prior in (GaussBernoulli(rho), Gaussian())):
            return None
        return Spot("", rho, names[value.quantity]) if value.at is None and value.quantity in names else None

    return Study(name, title, about, panels=(panel,), curves=curves, place=place, **more)


_GLM = "arXiv:1708.03395"
COMPRESSED_SENSING = over_rho(
    "compressed-sensing",
    "Compressed sensing without noise",
    "measurements per variable that message passing needs for a Gauss-Bernoulli signal, and those that are needed "
    "at all, alpha = rho",
    LinearChannel(0.0),
    {name: NAMES[name] for name in ("condensation", "algorithmic")},
    sources=(_GLM,),
    words=("linear", "cs"),
)
PHASE_RETRIEVAL = over_rho(
    "phase-retrieval",
    "Phase retrieval without noise",
    "measurements per variable of a Gauss-Bernoulli signal, of whose projections the sign is lost: weak recovery, "
    "what message passing needs, and what is needed at all, alpha = rho",
    AbsChannel(),
    NAMES,
    sources=(_GLM,),
    words=("abs", "sign-less"),
)
RELU = over_rho(
    "relu",
    "Signals behind a ReLU",
    "measurements per variable that message passing needs for a Gauss-Bernoulli signal whose negative projections are "
    "cut off, and those that are needed at all, alpha = 2 rho",
    ReLUChannel(),
    {name: NAMES[name] for name in ("condensation", "algorithmic")},
    sources=(_GLM,),
)

# --- symmetric door ---------------------------------------------------------------------------------------------------

DOOR = Panel("", "kappa", r"half width of the door $\kappa$", "sampling_ratio", RATIO, "sampling_ratio")
WIDTHS = tuple(np.linspace(0.35, 1.6, 26).round(6).tolist())
#: the probability of +1 where signs are biased, as in the numbers that are published
BIASED = 0.51
BIASED_SIGNS = Discrete([-1, 1], [round(1 - BIASED, 2), BIASED])
OF_BIASED = {"algorithmic": f"algorithmic, P(+1) = {BIASED}"}


def _door_curves() -> list[Curve]:
    fair: dict[float, Model] = {kappa: GLM(Rademacher(), DoorChannel(kappa)) for kappa in WIDTHS}
    biased: dict[float, Model] = {kappa: GLM(BIASED_SIGNS, DoorChannel(kappa)) for kappa in WIDTHS}
    return [*threshold_curves(DOOR, fair, NAMES), *threshold_curves(DOOR, biased, OF_BIASED, dash="--", colour=SKY)]


def _door_place(value: PublishedValue, model: Model, path: Path) -> Spot | None:
    kappa = model.parameters.get("kappa")
    if not kappa or value.at is not None:
        return None
    for prior, names in ((Rademacher(), NAMES), (BIASED_SIGNS, OF_BIASED)):
        if model == GLM(prior, DoorChannel(kappa)) and value.quantity in names:
            return Spot("", kappa, names[value.quantity])
    return None


SYMMETRIC_DOOR = Study(
    name="symmetric-door",
    title="Symmetric door",
    about="measurements per variable needed to learn +-1 weights from whether their projections lie within kappa; "
    "with signs a little biased, too",
    sources=(_GLM,),
    panels=(DOOR,),
    curves=_door_curves,
    place=_door_place,
    words=("door",),
)
