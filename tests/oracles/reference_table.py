"""The table of reference values: which models and points, from where each root is searched, how it is written.

``python tests/oracles/reference_table.py`` regenerates ``tests/data/reference_values.json`` with the means of `oracle`
(about half an hour on one core).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from mpmath import mp, mpf
from oracle import (
    Autoregressive,
    Coupling,
    Flow,
    Mixture,
    UniformDiffusion,
    atoms,
    branch,
    condensation,
    critical_sparsity,
    curvature,
    first_order,
    free_entropy,
    gauss_bernoulli,
    gaussian,
    mmse,
    overlap,
    rademacher,
    self_check,
    slope,
    sparse_rademacher,
    spinodal,
    tricritical,
    twice,
    weak_recovery,
    zero_one,
    zero_strength_fold,
)


@dataclass(frozen=True)
class Model:
    """A model as the interface names it; `prior` builds the prior at the working precision."""

    name: str
    parameters: dict[str, object]
    prior: Callable[[], Mixture]
    xi: Coupling
    unit: str

    def public(self, control: mpf) -> mpf:
        """Return the public control: temperature = lambda^(-1/2), noise = 1/lambda."""
        return 1 / mp.sqrt(control) if self.unit == "temperature" else 1 / control

    def multiplier(self, public: object) -> mpf:
        """Return lambda, the inverse of `public`."""
        value = mp.mpmathify(public)
        return 1 / value**2 if self.unit == "temperature" else 1 / value


def ising(p: int) -> Model:
    """Ising p-spin, xi_1 = q^p/2."""
    return Model("ising-p-spin", {"p": p}, rademacher, Coupling({p: Fraction(1, 2)}), "temperature")


def spherical(p: int) -> Model:
    """Spherical p-spin, xi_1 = q^p/2."""
    return Model("spherical-p-spin", {"p": p}, gaussian, Coupling({p: Fraction(1, 2)}), "temperature")


def spiked(p: int, build: Callable[[], Mixture], /, **parameters: object) -> Model:
    """Spiked matrix (p = 2) or tensor, xi_1 = q^p/p."""
    name, shown = ("spiked-matrix", parameters) if p == 2 else ("spiked-tensor", {"p": p, **parameters})
    return Model(name, shown, build, Coupling({p: Fraction(1, p)}), "noise")


def matrix_tensor(tensor_noise: float) -> Model:
    """Spherical spiked matrix-tensor with p = 3, xi = q^2/(2 Delta_2) + q^3/(3 Delta_3)."""
    xi = Coupling({2: Fraction(1, 2)}, {3: Fraction(1, 3) / Fraction(tensor_noise)})
    return Model("spiked-matrix-tensor", {"p": 3, "tensor_noise": tensor_noise}, gaussian, xi, "noise")


SPARSE = spiked(2, partial(sparse_rademacher, 0.08), prior="sparse-rademacher", rho=0.08)
ZERO_ONE = spiked(2, partial(zero_one, 0.03), prior="discrete", values=[0, 1], probabilities=[0.97, 0.03])
TENSOR = spiked(3, partial(sparse_rademacher, 0.3), prior="sparse-rademacher", rho=0.3)
BERNOULLI = spiked(2, partial(gauss_bernoulli, 0.05), prior="gauss-bernoulli", rho=0.05)
MIXED = Model(
    "mixed-p-spin", {"prior": "rademacher", "xi": "q**2/8 + q**4/2"}, rademacher,
    Coupling({2: Fraction(1, 8), 4: Fraction(1, 2)}), "temperature",
)  # fmt: skip

STABLE = "q = 0 is stable at every control, because xi''(0) = 0"
NONZERO = "E s is not zero, so q = 0 is not a fixed point"
CONTINUOUS = "tensor_noise >= 1: the overlap grows continuously from weak recovery on, nothing jumps"
NEGATIVE = "the fold lies below zero strength: the informed branch exists without side information"

# Starting points of Newton's method, with three or four digits, or the reason why there is no such point.
# fmt: off
ZERO_STRENGTH: list[tuple[Model, object, object, object, object]] = [
    # model, dynamical (q, control), condensation ([q_uninformed,] q, control), algorithmic (q, control),
    # weak recovery
    (ising(3), (0.6431, 2.1525), (0.8135, 2.3568), STABLE, STABLE),
    (ising(4), (0.8131, 2.1728), (0.9478, 2.6216), STABLE, STABLE),
    (ising(6), (0.9142, 1.8896), (0.99228, 2.7252), STABLE, STABLE),
    (ising(10), (0.9621, 1.4231), (0.99967, 2.7538), STABLE, STABLE),
    (spherical(3), (0.501, 2.66), (0.645, 2.911), STABLE, STABLE),
    (spherical(4), (0.666, 3.37), (0.8033, 3.938), STABLE, STABLE),
    (spherical(6), (0.801, 4.07), (0.9057, 5.252), STABLE, STABLE),
    (spherical(10), (0.889, 4.62), (0.9584, 6.753), STABLE, STABLE),
    (SPARSE, (0.0239, 150.1), (0.03197, 151.8), (0.003477, 159.31), "exists"),
    (ZERO_ONE, (0.01166, 456.36), (0.002, 0.0146, 461.9), (0.003345, 500.86), NONZERO),
    (TENSOR, (0.1758, 138.69), (0.2287, 148.94), STABLE, STABLE),
    (MIXED, (0.7747, 1.8151), (0.9096, 2.0383), (0.0638, 4.1272), "exists"),
    (matrix_tensor(0.8), (0.105, 0.986), (0.1388, 0.9877), "weak recovery", "exists"),
    (matrix_tensor(0.5), (0.293, 0.828), (0.377, 0.851), "weak recovery", "exists"),
    (matrix_tensor(1.5), CONTINUOUS, CONTINUOUS, CONTINUOUS, "exists"),
    (BERNOULLI, (0.01717, 154.27), (0.02473, 164.32), (4.632e-05, 400.185), "exists"),
]

TRICRITICAL: list[tuple[Model, object, object, object]] = [
    # model, flow (q, strength, control), autoregressive, uniform diffusion (strength atanh(retention))
    (ising(3), (0.438, 0.167, 1.821), (0.42, 0.1353, 1.737), (0.437, 0.4054, 1.83)),
    (ising(4), (0.631, 0.446, 1.672), (0.609, 0.2999, 1.549), (0.623, 0.665, 1.70)),
    (ising(6), (0.782, 0.959, 1.291), (0.764, 0.5086, 1.162), (0.774, 0.98, 1.348)),
    (ising(10), (0.882, 1.709, 0.853), (0.869, 0.6966, 0.749), (0.877, 1.34, 0.92)),
    (spherical(3), (0.33, 0.126, 2.24), (0.33, 0.111, 2.01), None),
    (spherical(4), (0.51, 0.333, 2.667), (0.51, 0.25, 2.01), None),
    (spherical(6), (0.666, 0.81, 3.04), (0.666, 0.444, 1.69), None),
    (spherical(10), (0.79, 1.78, 3.31), (0.79, 0.64, 1.19), None),
    (SPARSE, (0.01577, 0.1157, 144.66), (0.0164, 0.0098, 146.2), None),
    (ZERO_ONE, (0.00746, 0.354, 421.8), (0.00807, 0.0269, 433.9), None),
    (TENSOR, (0.1118, 0.4518, 120.02), (0.1047, 0.114, 109.35), None),
    (MIXED, (0.6027, 0.2906, 1.5075), (0.586, 0.209, 1.434), None),
    (matrix_tensor(0.8), (0.0717, 0.00046, 0.9812), (0.0718, 0.0004, 0.9806), None),
    (matrix_tensor(0.5), (0.2062, 0.0176, 0.762), (0.2113, 0.0188, 0.732), None),
    (matrix_tensor(1.5), "q = 1 - tensor_noise^(1/3) would be negative",
     "q = (1 - ((4 tensor_noise - 1)/3)^(1/2))/2 would be negative", None),
    (BERNOULLI, (0.00832, 0.4325, 123.62), (0.01104, 0.0653, 132.32), None),
]

LINES: list[tuple[object, ...]] = [
    # model, path, public control, informed spinodal (q, s) and the uninformed q there,
    # first order (q_uninformed, q_informed, s) and the unstable q there,
    # uninformed spinodal (q, s) and the informed q there
    (ising(3), Flow, 0.665, NEGATIVE, 0, (0.0341, 0.789, 0.0313), 0.453, (0.228, 0.11), 0.818),
    (ising(3), Flow, 0.7, (0.608, 0.0658), 0.0782, (0.141, 0.706, 0.101), 0.446, (0.279, 0.131), 0.734),
    (ising(3), Flow, 0.73, (0.5258, 0.1466), 0.257, (0.285, 0.583, 0.151), 0.44, (0.354, 0.155), 0.601),
    (ising(3), Autoregressive, 0.665, NEGATIVE, 0, (0.0258, 0.792, 0.0236), 0.452, (0.208, 0.0906), 0.83),
    (ising(3), Autoregressive, 0.7, (0.614, 0.0442), 0.052, (0.104, 0.723, 0.0744), 0.441,
     (0.248, 0.104), 0.759),
    (ising(3), Autoregressive, 0.73, (0.555, 0.0996), 0.161, (0.197, 0.638, 0.109), 0.431,
     (0.297, 0.118), 0.667),
    (ising(3), UniformDiffusion, 0.665, NEGATIVE, 0, (0.0344, 0.789, 0.177), 0.454, (0.23, 0.329), 0.817),
    (ising(3), UniformDiffusion, 0.7, (0.608, 0.257), 0.08, (0.145, 0.705, 0.318), 0.447,
     (0.283, 0.36), 0.732),
    (ising(3), UniformDiffusion, 0.73, (0.521, 0.3837), 0.273, (0.3, 0.575, 0.388), 0.443,
     (0.363, 0.392), 0.592),
    (SPARSE, Flow, 0.00662, NEGATIVE, 0, (0.00158, 0.0311, 0.0118), 0.0162, (0.00805, 0.0481), 0.0335),
    (SPARSE, Flow, 0.00672, (0.0229, 0.0306), 0.00293, (0.00475, 0.028, 0.0487), 0.0161,
     (0.0095, 0.0677), 0.03),
    (SPARSE, Flow, 0.00685, (0.0198, 0.0912), 0.00856, (0.0095, 0.0226, 0.0945), 0.0159,
     (0.0122, 0.0979), 0.0237),
    (SPARSE, Autoregressive, 0.00662, NEGATIVE, 0, (0.00198, 0.0309, 0.00123), 0.0163,
     (0.00876, 0.00443), 0.0328),
    (SPARSE, Autoregressive, 0.00672, (0.0226, 0.00359), 0.00416, (0.00621, 0.0271, 0.00514), 0.0164,
     (0.0107, 0.00649), 0.0285),
    (SPARSE, Autoregressive, 0.0068, (0.0201, 0.0079), 0.00936, (0.0104, 0.0227, 0.00822), 0.0165,
     (0.013, 0.00851), 0.0236),
]

SPARSITIES: list[tuple[object, ...]] = [
    ("sparse-rademacher", "rho is the unknown", sparse_rademacher, (0.0158, 107.7, 0.0964)),
    ("discrete", "values 0, 1; probabilities 1 - rho, rho; rho is the unknown", zero_one,
     (0.0095, 265.0, 0.0414)),
]

SCALAR_PRIORS: list[tuple[str, dict[str, object], Callable[[], Mixture]]] = [
    ("rademacher", {}, rademacher),
    ("sparse-rademacher", {"rho": 0.08}, partial(sparse_rademacher, 0.08)),
    ("sparse-rademacher", {"rho": 0.3}, partial(sparse_rademacher, 0.3)),
    ("gauss-bernoulli", {"rho": 0.1}, partial(gauss_bernoulli, 0.1)),
    ("gauss-bernoulli", {"rho": 0.4}, partial(gauss_bernoulli, 0.4)),
    ("discrete", {"values": [-1, 0.5, 2], "probabilities": [0.3, 0.5, 0.2]},
     partial(atoms, [-1, 0.5, 2], [0.3, 0.5, 0.2])),
    ("discrete", {"values": [-1, 2], "probabilities": ["2/3", "1/3"]},
     partial(atoms, [-1, 2], [Fraction(2, 3), Fraction(1, 3)])),
]
# fmt: on
SNRS = (1e-12, 1e-8, 1e-4, 0.01, 0.3, 1.0, 5.0, 25.0, 100.0, 1000.0, 1e4)
SCALAR_DIGITS = (66, 78)  # psi ~ x^2 costs 24 digits by cancellation at x = 1e-12

HEADER = {
    "description": "Reference values for amp_theory, many digits as decimal strings.",
    "verification": (
        "Gaussian integrals by trapezoidal sums with the step halved until converged, thresholds as "
        "roots of their defining equations. Each number was computed at two working precisions "
        "(thresholds 40 and 50 digits plus guard digits, scalar channel 66 and 78); only digits on "
        "which both agree are quoted, at least 30 of them. The integration lattices differ as well."
    ),
    "parameters": (
        "Every decimal number that is an input (rho, tensor_noise, values, probabilities, the "
        "temperature or noise of a line, x) is the IEEE double nearest to it, taken exactly; 1 - rho "
        "and rho/2 are exact for that double. values 0, 1 with probabilities 0.97, 0.03 mean 1 - r "
        "and r with r the double 0.03. Other lists of doubles are divided by their exact sum; 2/3 and"
        " 1/3 are exact rationals, as are the coefficients of xi."
    ),
    "conventions": (
        "control is temperature (p-spins) or noise = Delta (spiked models; Delta_2 for spiked-matrix-"
        "tensor), strength is snr (flow), revealed (autoregressive), retention = 1 - 2 epsilon "
        "(uniform-diffusion). overlap is that of the informed branch for condensation and "
        "first_order, of the fold for spinodals; overlaps lists the branches that coexist there. path"
        " null means zero strength. strength null on a line or control null elsewhere means that the "
        "point does not exist, with the reason. free_entropy is phi = Psi - (q xi' - xi)/2 with Psi ="
        " psi(x + snr), (1 - revealed) psi(x) + revealed rho x/2 and E log cosh(x + sqrt(x) z + eta "
        "h) - log cosh h - x/2, h = atanh(retention). Scalar channel: free_entropy psi, overlap M, "
        "mmse rho - M, log_mmse, slope M', curvature M'' at SNR x."
    ),
}


def say(text: str) -> None:
    """Write progress to standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def entry(model: Model, path: str | None, quantity: str, **values: object) -> dict[str, object]:
    """One row of the table of cases."""
    say(f"{model.name} {model.parameters} {path} {quantity} {values.get('control')} {values.get('strength')}")
    place = {"model": model.name, "parameters": model.parameters, "path": path, "quantity": quantity}
    return {**place, "control_name": model.unit, "control": None, "strength": None, "overlap": None, **values}


def threshold(model: Model, quantity: str, start: object) -> dict[str, mpf]:
    """Compute one threshold at zero strength in public units."""
    prior, xi = model.prior(), model.xi
    if isinstance(start, str):
        found = weak_recovery(prior, xi)
    elif quantity == "condensation":
        found = condensation(prior, xi, start)
    else:
        found = zero_strength_fold(prior, xi, start)
    return {**found, "control": model.public(found["control"])}


def zero_strength_cases() -> list[dict[str, object]]:
    """Dynamical, condensation, algorithmic and weak-recovery thresholds."""
    rows = []
    for model, *starts in ZERO_STRENGTH:
        for quantity, start in zip(("dynamical", "condensation", "algorithmic", "weak_recovery"), starts, strict=True):
            if isinstance(start, str) and start not in ("exists", "weak recovery"):
                rows.append(entry(model, None, quantity, reason=start))
                continue
            found: dict[str, object] = dict(twice(threshold, model, quantity, start))
            if "uninformed" in found:
                found["overlaps"] = {"uninformed": found.pop("uninformed"), "informed": found["overlap"]}
            if start == "weak recovery":
                found["note"] = "q = 0 itself ends by a jump, so this equals weak recovery; the overlap is q = 0"
            rows.append(entry(model, None, quantity, strength="0", **found))
    return rows


def cusp(model: Model, path: type[Flow], start: Sequence[object]) -> dict[str, mpf]:
    """Compute one tricritical point in public units."""
    found = tricritical(path(model.prior()), model.xi, start)
    return {**found, "control": model.public(found["control"])}


def tricritical_cases() -> list[dict[str, object]]:
    """Tricritical points along the paths."""
    rows = []
    for model, *starts in TRICRITICAL:
        for path, start in zip((Flow, Autoregressive, UniformDiffusion), starts, strict=True):
            if isinstance(start, str):
                rows.append(entry(model, path.name, "tricritical", reason=start))
            elif start is not None:
                rows.append(entry(model, path.name, "tricritical", **twice(cusp, model, path, start)))
    return rows


def edge(model: Model, kind: type[Flow], public: float, start: Sequence[object], guess: object) -> dict[str, mpf]:
    """Compute a spinodal and the branch that coexists with the fold."""
    path, control = kind(model.prior()), model.multiplier(public)
    found = spinodal(path, model.xi, control, start)
    other = branch(path, model.xi, control, found["raw"], guess)
    return {"strength": found["strength"], "overlap": found["overlap"], "other": other}


def coexistence(
    model: Model, kind: type[Flow], public: float, start: Sequence[object], guess: object
) -> dict[str, mpf]:
    """Compute a first-order point and the unstable branch between the two."""
    path, control = kind(model.prior()), model.multiplier(public)
    found = first_order(path, model.xi, control, start)
    del found["control"]
    found["unstable"] = branch(path, model.xi, control, found.pop("raw"), guess)
    return found


def line_cases() -> list[dict[str, object]]:
    """Informed spinodal, first-order point and uninformed spinodal at given controls, with all branches."""
    rows = []
    for model, kind, public, informed, low, equal, middle, uninformed, high in LINES:
        add = partial(entry, model, kind.name, control=repr(public))
        if isinstance(informed, str):
            rows.append(add("informed_spinodal", reason=informed))
        else:
            found = twice(edge, model, kind, public, informed, low)
            branches = {"uninformed": found.pop("other"), "informed": found["overlap"]}
            rows.append(add("informed_spinodal", **found, overlaps=branches))
        found = twice(coexistence, model, kind, public, equal, middle)
        branches = {name: found.pop(name) for name in ("uninformed", "unstable", "informed")}
        rows.append(add("first_order", **found, overlap=branches["informed"], overlaps=branches))
        found = twice(edge, model, kind, public, uninformed, high)
        branches = {"uninformed": found["overlap"], "informed": found.pop("other")}
        rows.append(add("uninformed_spinodal", **found, overlaps=branches))
    return rows


def sparsity(family: Callable[[mpf], Mixture], start: Sequence[object]) -> dict[str, mpf]:
    """Compute a critical sparsity with the noise at which it lies."""
    found = critical_sparsity(family, start)
    return {**found, "control": 1 / found["control"]}


def sparsity_cases() -> list[dict[str, object]]:
    """Sparsities at which the first-order transition of the spiked matrix vanishes at zero strength."""
    return [
        entry(spiked(2, gaussian, prior=name), None, "critical_sparsity", strength="0", note=note,
              **twice(sparsity, family, start))
        for name, note, family, start in SPARSITIES
    ]  # fmt: skip


def scalar(prior: Callable[[], Mixture], x: float) -> dict[str, mpf]:
    """Compute psi, M, mmse, log mmse, M', M'' after checking rho - M = mmse."""
    p, snr = prior(), mpf(x)
    if abs(p.second_moment - overlap(p, snr) - mmse(p, snr)) > mpf(10) ** (-mpf(7) * mp.dps / 10):
        raise ArithmeticError("rho - M is not the mmse")
    quantities = (free_entropy, overlap, mmse, slope, curvature)
    return {f.__name__: f(p, snr) for f in quantities} | {"log_mmse": mp.log(mmse(p, snr))}


def scalar_cases() -> list[dict[str, object]]:
    """Scalar channel of every prior at every SNR."""
    rows = []
    for name, parameters, prior in SCALAR_PRIORS:
        for x in SNRS:
            values = twice(scalar, prior, x, digits=SCALAR_DIGITS)
            say(f"{name} {parameters} x = {x!r}: mmse {values['mmse']}")
            rows.append({"prior": name, "parameters": parameters, "x": repr(x), **values})
    return rows


def main(target: Path | None = None) -> None:
    """Compute every case and write the table."""
    target = target or Path(__file__).parents[1] / "data" / "reference_values.json"
    self_check()
    say("identities hold")
    cases = sparsity_cases() + zero_strength_cases() + tricritical_cases() + line_cases()
    table = {"header": HEADER, "cases": cases, "scalar_channel": scalar_cases()}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    say(f"wrote {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
