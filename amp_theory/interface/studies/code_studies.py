"""The study of low-density parity-check codes on three channels: what belief propagation and optimal decoding bear.

A code word of an ensemble in which each bit is in l checks of k bits is a solution of `XORSAT(k, degrees="regular")`
at temperature 0 and density l/k, which is one minus the rate; what a path reveals is the output of a memoryless
channel.  Belief propagation decodes where the uninformed branch is gone, optimal decoding where the code word has the
larger free entropy (Richardson and Urbanke, Modern Coding Theory, 2008).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.ingredients.priors.named import Rademacher
from amp_theory.interface.studies.literature import PublishedValue
from amp_theory.interface.studies.study import Curve, Panel, Spot, Study
from amp_theory.models.base import Model
from amp_theory.models.sparse import XORSAT
from amp_theory.phases.diagram.along_path import path_transitions
from amp_theory.phases.diagram.styles import BLUE, GREEN, RED
from amp_theory.tools.progress import tracked

#: by the path, whose strength tells what the channel does
CHANNELS = {
    "autoregressive": Panel(
        "erasures", "rate", "rate $1 - l/k$", "erased", r"erased $\epsilon$", "revealed", lambda x: 1 - x
    ),
    "uniform-diffusion": Panel(
        "flips", "rate", "rate $1 - l/k$", "flipped", "flipped $p$", "retention", lambda x: (1 - x) / 2
    ),
    "flow": Panel("Gaussian", "rate", "rate $1 - l/k$", "sigma", r"Gaussian noise $\sigma$", "snr", lambda x: x**-0.5),
}
PATHS = {"autoregressive": Autoregressive(), "uniform-diffusion": UniformDiscreteDiffusion(), "flow": Flow()}
#: bits per check of every ensemble, by the checks per bit
ENSEMBLES = {3: (4, 5, 6, 9, 12), 4: (5, 6, 8, 12), 5: (6, 8, 10)}
COLOURS = {3: BLUE, 4: RED, 5: GREEN}
#: name, dash and mark; between two ensembles there is none, and a chord of a bent limit may lie beyond Shannon's
LINES = {
    "uninformed_spinodal": ("belief propagation", "--", "."),
    "first_order": ("optimal decoding", "", "x"),
}
SHANNON = "Shannon's limit"
RATES = tuple(np.linspace(0.15, 0.78, 43).round(6).tolist())
#: strengths between which Shannon's limits for these rates lie
STRENGTHS = {"autoregressive": (0.0, 1.0), "uniform-diffusion": (0.0, 1.0), "flow": (0.0, 20.0)}


def shannon_limit(path: Path, rate: float) -> float:
    """Return the strength at which a channel tells `rate` bits of a bit of equal odds, its capacity."""
    return float(brentq(_beyond, *STRENGTHS[path.name], args=(path, rate), xtol=1e-13, rtol=1e-13))


def _beyond(strength: float, path: Path, rate: float) -> float:
    return float(path.information(Rademacher(), strength)) / math.log(2) - rate


def _curves() -> list[Curve]:
    curves = []
    for name, panel in CHANNELS.items():
        limits = [panel.shown(np.array(shannon_limit(PATHS[name], rate))) for rate in RATES]
        limit = [(rate, float(y), 1e-11) for rate, y in zip(RATES, limits, strict=True)]
        curves.append(Curve.of_points(panel, SHANNON, limit, dash=":", colour="black"))
        for checks, bits in tracked(ENSEMBLES.items(), "ensembles"):
            curves += _of_ensembles(panel, PATHS[name], checks, bits)
    return curves


def _of_ensembles(panel: Panel, path: Path, checks: int, bits: tuple[int, ...]) -> list[Curve]:
    """Return what both decoders bear, by the rate."""
    codes = {1 - checks / k: XORSAT(k, degrees="regular") for k in bits}
    found = {rate: path_transitions(code, path, checks / code.k) for rate, code in codes.items()}
    return [
        Curve.of_points(
            panel, _name(line, checks), [(rate, *panel.of(codes[rate], met[line][0])) for rate, met in found.items()],
            dash=dash, colour=COLOURS[checks], marks=mark,
        )
        for line, (_, dash, mark) in LINES.items()
    ]  # fmt: skip


def _name(line: str, checks: int) -> str:
    return f"{LINES[line][0]}, l = {checks}"


def _place(value: PublishedValue, model: Model, path: Path) -> Spot | None:
    k = model.parameters.get("k", 0)
    if value.at is None or not k or model != XORSAT(k, degrees="regular"):
        return None
    ((scaling, given),) = value.at.items()
    density = float(model.convert(np.array(given), scaling, model.control))
    checks = round(density * k)
    return Spot(CHANNELS[path.name].name, 1 - density, _name(value.quantity, checks)) if checks in COLOURS else None


CODES = Study(
    name="codes",
    title="Low-density parity-check codes",
    about="what decoding bears on three channels, for code words whose bits are in l checks of k bits each: belief "
    "propagation, optimal decoding, Shannon's limit",
    sources=("T. Richardson and R. Urbanke, Modern Coding Theory (2008)", "arXiv:2308.14085"),
    panels=tuple(CHANNELS.values()),
    curves=_curves,
    place=_place,
    words=("ldpc", "parity-checks", "xorsat"),
)
