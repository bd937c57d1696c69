"""The dense thresholds with 36 digits, parameters as the decimals they are written as, by the means of `oracle`.

``python tests/oracles/digits_table.py`` regenerates ``tests/data/digits.json``; every number is computed at 40 and at 50
working digits, and only the digits that agree are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

from mpmath import mp
from oracle import (
    Autoregressive,
    Coupling,
    Flow,
    Mixture,
    UniformDiffusion,
    condensation,
    first_order,
    gaussian,
    rademacher,
    sparse_rademacher,
    spinodal,
    tricritical,
    twice,
    weak_recovery,
    zero_strength_fold,
)

import amp_theory as at

TARGET = Path(__file__).parents[1] / "data" / "digits.json"
RHO = Fraction(8, 100)
#: name -> (model, prior, coupling, from intensity to control)
MODELS: dict[str, tuple[at.Model, Callable[[], Mixture], Coupling, Callable[[object], object]]] = {
    "ising": (at.IsingPSpin(3), rademacher, Coupling({3: Fraction(1, 2)}), lambda c: 1 / mp.sqrt(c)),
    "spherical": (at.SphericalPSpin(3), gaussian, Coupling({3: Fraction(1, 2)}), lambda c: 1 / mp.sqrt(c)),
    "sparse": (
        at.SpikedMatrix(at.SparseRademacher(0.08)), partial(sparse_rademacher, RHO), Coupling({2: Fraction(1, 2)}),
        lambda c: 1 / c,
    ),
    "sherrington-kirkpatrick": (
        at.SherringtonKirkpatrick(), rademacher, Coupling({2: Fraction(1, 2)}), lambda c: 1 / mp.sqrt(c)
    ),
}  # fmt: skip
PATHS = {
    "flow": (at.Flow(), Flow),
    "autoregressive": (at.Autoregressive(), Autoregressive),
    "uniform-diffusion": (at.UniformDiscreteDiffusion(), UniformDiffusion),
}
#: (model, path, point)
CASES = [
    *(("ising", "flow", name) for name in ("dynamical", "condensation", "tricritical")),
    ("ising", "autoregressive", "tricritical"), ("ising", "uniform-diffusion", "tricritical"),
    *(("spherical", "flow", name) for name in ("dynamical", "condensation", "tricritical")),
    ("spherical", "autoregressive", "tricritical"),
    *(("sparse", "flow", n) for n in ("dynamical", "condensation", "algorithmic", "weak_recovery", "tricritical")),
    ("sparse", "autoregressive", "tricritical"), ("sherrington-kirkpatrick", "flow", "weak_recovery"),
]  # fmt: skip
#: (model, path, control, line)
LINES = [
    (model, path, control, line)
    for model, path, control in (
        ("ising", "flow", "0.7"), ("ising", "autoregressive", "0.7"), ("ising", "uniform-diffusion", "0.7"),
        ("sparse", "flow", "0.0067"),
    )
    for line in ("informed_spinodal", "first_order", "uninformed_spinodal")
]  # fmt: skip


def special_point(name: str, path_name: str, point: str) -> dict[str, object]:
    """Solve one special point from its value in doubles."""
    model, make, xi, control = MODELS[name]
    path, oracle_path = PATHS[path_name]
    near = at.thresholds(model, path).points()[point]
    intensity = float(model.intensity(near.control))

    def compute() -> dict[str, object]:
        prior = make()
        if point == "weak_recovery":
            found = weak_recovery(prior, xi)
        elif point == "condensation":
            found = condensation(prior, xi, (near.overlap, intensity))
        elif point == "tricritical":
            s = mp.atanh(near.strength) if path_name == "uniform-diffusion" else near.strength
            found = tricritical(oracle_path(prior), xi, (near.overlap, s, intensity))
        else:
            found = zero_strength_fold(prior, xi, (near.overlap, intensity))
        kept = {key: value for key, value in found.items() if key in ("overlap", "strength")}
        return {"control": control(found["control"])} | kept

    return {"model": name, "path": path_name, "point": point, **twice(compute)}


def line_point(name: str, path_name: str, control: str, line: str) -> dict[str, object]:
    """Solve one point of a line at a decimal control."""
    model, make, xi, _ = MODELS[name]
    path, oracle_path = PATHS[path_name]
    found = at.path_transitions(model, path, float(control))
    (near,) = getattr(found, line)

    def compute() -> dict[str, object]:
        t = mp.mpf(Fraction(control).numerator) / Fraction(control).denominator
        c = 1 / t if name == "sparse" else 1 / t**2
        s = mp.atanh(near.strength) if path_name == "uniform-diffusion" else near.strength
        if line == "first_order":
            (low,) = found.lower_overlaps
            point = first_order(oracle_path(make()), xi, c, (low, near.overlap, s))
            return {"strength": point["strength"], "overlap": point["informed"]}
        point = spinodal(oracle_path(make()), xi, c, (near.overlap, s))
        return {"strength": point["strength"], "overlap": point["overlap"]}

    return {"model": name, "path": path_name, "control": control, "line": line, **twice(compute)}


def main() -> None:
    """Write the table."""
    table = {"points": [special_point(*case) for case in CASES], "lines": [line_point(*case) for case in LINES]}
    TARGET.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
