"""Reference values of output channels from the definition of Psi_out, by means that share nothing with the package.

Psi_out(q) = E_omega sum_y Z log Z is integrated by trapezoidal sums in mpmath; R, R' and R'' are twice its first
three derivatives by central differences.  Every value is computed at two working
precisions with different lattices and steps, and must agree to 18 digits.

``python tests/oracles/output_reference.py`` adds what is missing to ``tests/data/output_channel_reference.json`` (about
half an hour on one core for all).
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from mpmath import mp, mpf


def stencil(order: int) -> list[mpf]:
    """Central differences over points -3, ..., 3: of order six, and of order four for the third derivative."""
    table = {
        1: ["-1/60", "3/20", "-3/4", "0/1", "3/4", "-3/20", "1/60"],
        2: ["1/90", "-3/20", "3/2", "-49/18", "3/2", "-3/20", "1/90"],
        3: ["1/8", "-1/1", "13/8", "0/1", "-13/8", "1/1", "-1/8"],
    }[order]
    return [mpf(w.split("/")[0]) / int(w.split("/")[1]) for w in table]


def lattice_sum(f: Callable[[mpf], Sequence[mpf]], lower: mpf, upper: mpf, step: mpf, offset: mpf) -> list[mpf]:
    """step * sum of f over the points step (k + offset) between two ends."""
    first, last = int(mp.ceil(lower / step - offset)), int(mp.floor(upper / step - offset))
    total: list[mpf] = []
    for k in range(first, last + 1):
        values = f(step * (k + offset))
        total = [a + b for a, b in zip(total, values, strict=True)] if total else list(values)
    return [step * t for t in total]


def integral(f: Callable[[mpf], Sequence[mpf]], lower: mpf, upper: mpf, step: mpf, least: float = 0.0) -> list[mpf]:
    """Integrals of functions that vanish at both ends: the step is halved until two lattices agree.

    They need not be more accurate than an integral of size `least`.
    """
    old = lattice_sum(f, lower, upper, step, mpf(0))
    for _ in range(12):
        new = lattice_sum(f, lower, upper, step, mpf(1) / 2)
        gap = max(abs(a - b) for a, b in zip(old, new, strict=True))
        size = max(least, *(abs(a) for a in old))
        old, step = [(a + b) / 2 for a, b in zip(old, new, strict=True)], step / 2
        if gap <= size * mpf(10) ** (-mp.dps * mpf("0.45")):  # the mean of both is twice as good
            return old
    raise ArithmeticError("the integral did not converge")


def normal(x: mpf, variance: mpf) -> mpf:
    return mp.exp(-x * x / (2 * variance)) / mp.sqrt(2 * mp.pi * variance)


def cdf(t: mpf) -> mpf:
    return mp.erfc(-t / mp.sqrt(2)) / 2


def xlogx(p: mpf) -> mpf:
    return p * mp.log(p) if p > 0 else mpf(0)


def reach() -> mpf:
    """Where a Gaussian is below the working precision."""
    return mp.sqrt(2 * mp.log(10) * (mp.dps + 5))


# --------------------------------------------------------------------------------- Psi_out of each channel


def discrete(edges: Sequence[mpf], entropies: Callable[[mpf, mpf], mpf], qs: Sequence[mpf], total: mpf) -> list[mpf]:
    """E_omega of sum_y Z log Z at several q: it lives where labels change, within reach sqrt(d) of the edges.

    The integrals over omega share their lattice, in units of the kernel or of N(0, q), whichever is narrower.
    """
    d0, q0 = total - qs[3], qs[3]
    window, end = reach() * mp.sqrt(d0) * mpf("1.01"), reach() * mp.sqrt(q0) * mpf("1.01")
    step = min(mp.sqrt(d0), mp.sqrt(q0)) * mpf(20) / (20 + mp.dps)
    parts: list[list[mpf]] = []
    for edge in edges:
        lower, upper = max(edge - window, -end), min(edge + window, end)
        if parts and lower <= parts[-1][1]:
            parts[-1][1] = max(parts[-1][1], upper)
        elif lower < upper:
            parts.append([lower, upper])
    result = [mpf(0)] * len(qs)
    for lower, upper in parts:
        middle = (lower + upper) / 2

        def f(x: mpf, middle: mpf = middle) -> list[mpf]:
            omega = middle + x
            return [normal(omega, q) * entropies(omega, total - q) for q in qs]

        values = integral(f, lower - middle, upper - middle, step)
        result = [a + b for a, b in zip(result, values, strict=True)]
    return result


def sign(qs: Sequence[mpf], total: mpf) -> list[mpf]:
    return discrete([mpf(0)], lambda w, d: xlogx(cdf(w / mp.sqrt(d))) + xlogx(cdf(-w / mp.sqrt(d))), qs, total)


def door(kappa: mpf, constraint: bool) -> Callable[[Sequence[mpf], mpf], list[mpf]]:
    def entropies(w: mpf, d: mpf) -> mpf:
        root = mp.sqrt(d)
        outside = cdf((w - kappa) / root) + cdf((-w - kappa) / root)
        if constraint:
            # f log f without loss where 1 - f is small
            return (1 - outside) * mp.log1p(-outside) if outside < 1 else mpf(0)
        inside = 1 - outside
        return xlogx(inside) + xlogx(outside)

    def psi(qs: Sequence[mpf], total: mpf) -> list[mpf]:
        values = discrete([-kappa, kappa], entropies, qs, total)
        return [v / mp.erf(kappa / mp.sqrt(2 * total)) for v in values] if constraint else values

    return psi


def lost_sign(t: mpf) -> mpf:
    """E_w log(1 + exp(-2 t (t + w))): the log likelihood of |z| beyond that of z, at omega = t sqrt(d)."""
    f = lambda w: [normal(w, mpf(1)) * mp.log1p(mp.exp(-2 * t * (t + w)))]  # noqa: E731
    return integral(f, -reach() * mpf("1.05"), reach(), mpf(20) / (20 + mp.dps) / (1 + abs(t) / 2), least=1.0)[0]


cached_lost_sign = lru_cache(maxsize=None)(lambda t, digits: lost_sign(t))


def absolute(qs: Sequence[mpf], total: mpf) -> list[mpf]:
    d0, q0 = total - qs[3], qs[3]
    width = mp.sqrt(q0 / d0)
    end = reach() * min(width, mpf(1)) * mpf("1.01")

    def f(t: mpf) -> list[mpf]:
        value = cached_lost_sign(abs(t), mp.dps)
        return [normal(t, q / (total - q)) * value for q in qs]

    # in units of the narrower of e^(-t^2/2) and N(0, q/d); powers of two let cases share a lattice
    step = mpf(2) ** int(mp.floor(mp.log(min(width, mpf(1)) * 20 / (20 + mp.dps), 2)))
    lost = integral(f, -end, end, step)
    return [v - mp.log(2 * mp.pi * mp.e * (total - q)) / 2 for v, q in zip(lost, qs, strict=True)]


def relu(qs: Sequence[mpf], total: mpf) -> list[mpf]:
    """The atom at zero; and z > 0, where log Z = log N(z; omega, d), of half the entropy of N(0, d)."""
    atom = discrete([mpf(0)], lambda w, d: xlogx(cdf(-w / mp.sqrt(d))), qs, total)
    return [a - mp.log(2 * mp.pi * mp.e * (total - q)) / 4 for a, q in zip(atom, qs, strict=True)]


def linear(qs: Sequence[mpf], total: mpf) -> list[mpf]:
    return [-mp.log(2 * mp.pi * mp.e * (total - q)) / 2 for q in qs]


def logistic(qs: Sequence[mpf], total: mpf) -> list[mpf]:
    """Both labels of P(y|z) = 1/(1 + exp(-y z)), by two integrals."""

    def entropies(w: mpf, d: mpf) -> mpf:
        root = mp.sqrt(d)
        f = lambda x: [normal(x, mpf(1)) / (1 + mp.exp(-w - root * x)), normal(x, mpf(1)) / (1 + mp.exp(w + root * x))]  # noqa: E731
        return sum(xlogx(p) for p in integral(f, -reach(), reach(), mpf(20) / (20 + mp.dps)))

    end = reach() * mp.sqrt(qs[3]) * mpf("1.01")
    f = lambda w: [normal(w, q) * entropies(w, total - q) for q in qs]  # noqa: E731
    return integral(f, -end, end, mp.sqrt(qs[3]) * mpf(20) / (20 + mp.dps))


# --------------------------------------------------------------------------------- values at q = 0


def at_zero(name: str, parameters: dict[str, float], total: mpf) -> mpf:
    """Psi_out(0), minus the entropy of y in closed form."""
    gauss = -mp.log(2 * mp.pi * mp.e * total) / 2
    if name in ("door", "symmetric-perceptron"):
        inside = mp.erf(mpf(parameters["kappa"]) / mp.sqrt(2 * total))
        return mp.log(inside) if name != "door" else xlogx(inside) + xlogx(1 - inside)
    half = -mp.log(2)
    return {"linear": gauss, "abs": gauss - half, "relu": gauss / 2 + half / 2}.get(name, half)


def channel(name: str, parameters: dict[str, float]) -> Callable[[Sequence[mpf], mpf], list[mpf]]:
    if name in ("door", "symmetric-perceptron"):
        return door(mpf(parameters["kappa"]), name != "door")
    return {"linear": linear, "sign": sign, "probit": sign, "abs": absolute, "relu": relu, "logistic": logistic}[name]


def solve(name: str, parameters: dict[str, float], overlap: float, gap: float, step: mpf) -> list[mpf]:
    """A, R, R', R'' at the working precision; noise adds to the gap."""
    q, total = mpf(overlap), mpf(overlap) + mpf(gap) + mpf(parameters.get("noise", 0.0))
    h = step * min(q, total - q)
    psi = channel(name, parameters)([q + k * h for k in range(-3, 4)], total)
    derivatives = [2 * sum(w * p for w, p in zip(stencil(order), psi, strict=True)) / h**order for order in (1, 2, 3)]
    return [2 * (psi[3] - at_zero(name, parameters, total)), *derivatives]


def twice(name: str, parameters: dict[str, float], overlap: float, gap: float) -> list[str]:
    """The values as strings of 20 digits, after comparing two precisions."""
    total = overlap + gap
    # digits lost to A ~ q^2, R' ~ gap^(-3/2), to differences with steps of 1e-6, and to labels of probability exp(-kappa^2/2)
    rare = parameters.get("kappa", 0.0) ** 2 / total if "kappa" in parameters else 0.0
    small, close = (max(0, -int(mp.log10(x / total))) for x in (overlap, gap))
    close *= 6 if name == "logistic" else 1  # whose Psi_out varies on the scale of rho, not of the gap
    digits = 10 * -(-(46 + 3 * small + close // 2 + int(rare / 2)) // 10)  # few values, so that cases share integrals
    results = []
    for extra, step in ((0, "1e-6"), (7, "0.7e-6")):
        with mp.workdps(digits + extra):
            results.append(solve(name, parameters, overlap, gap, mpf(step)))
    for a, b in zip(*results, strict=True):
        if abs(a - b) > mpf("1e-18") * max(abs(a), abs(b)):
            # R'' may be next to one of its zeros
            raise ArithmeticError(f"{name} {parameters} {overlap!r} {gap!r}: {mp.nstr(a, 25)} {mp.nstr(b, 25)}")
    return [mp.nstr(b, 20, strip_zeros=False) for b in results[1]]


# --------------------------------------------------------------------------------- the cases


def places(random_: random.Random, count: int, noise: float = 0.0) -> list[tuple[float, float]]:
    """Overlaps and gaps over all scales, half of them moderate."""
    result = []
    for k in range(count):
        spread = 32.2 if k % 2 else 4.0
        ratio = mp.exp(random_.uniform(-spread, spread))
        rho = random_.choice([1.0, 1.0, 0.4, 0.05, 3.7])
        result.append((float(rho / (1 + ratio)), float(rho * ratio / (1 + ratio))))
    return result


def cases() -> list[tuple[str, dict[str, float], float, float]]:
    random_ = random.Random(20240811)
    rows: list[tuple[str, dict[str, float], float, float]] = []
    for name, count in (("linear", 6), ("sign", 30), ("abs", 40), ("relu", 20)):
        rows += [(name, {}, q, d) for q, d in places(random_, count)]
    for q, d in places(random_, 36):
        rows.append(("probit", {"noise": float(f"{10 ** random_.uniform(-8, 1):.3g}")}, q, d))
    for name, count in (("door", 44), ("symmetric-perceptron", 30)):
        for k, (q, d) in enumerate(places(random_, count)):
            ratio = 10 ** random_.uniform(-0.7, 0.5) if k % 4 else random_.choice([1e-3, 0.02, 5.0, 8.0])
            rows.append((name, {"kappa": float(f"{ratio * (q + d) ** 0.5:.3g}")}, q, d))
    for q, d in [(0.3, 0.7), (1e-3, 0.999), (1e-8, 1.0), (0.9, 0.1), (0.999, 1e-3), (1.5, 0.5)]:
        rows.append(("logistic", {}, q, d))
    return rows


HEADER = {
    "description": "Output channels at overlap q and gap = rho - q, many digits as decimal strings.",
    "quantities": (
        "free_entropy A = 2 [Psi_out(q) - Psi_out(0)], response R = A', slope R', curvature R'', from "
        "Psi_out(q) = E_omega sum_y Z log Z and its differences; at_zero Psi_out(0). Overlap, gap, noise and kappa "
        "are the doubles nearest to the decimals, taken exactly; rho is their exact sum."
    ),
}


def write(target: Path, table: list[dict[str, object]]) -> None:
    lines = ",\n".join(" " + json.dumps(row) for row in table)
    target.write_text(f'{{"header": {json.dumps(HEADER)},\n"cases": [\n{lines}\n]}}\n', encoding="utf-8")


def main(target: Path) -> None:
    """Compute every case that the table does not have yet, and write it after each."""
    old = json.loads(target.read_text(encoding="utf-8"))["cases"] if target.exists() else []
    known = {json.dumps([row[k] for k in ("channel", "parameters", "overlap", "gap")]): row for row in old}
    table: list[dict[str, object]] = []
    for name, parameters, overlap, gap in cases():
        start = time.time()
        place = {"channel": name, "parameters": parameters, "overlap": repr(overlap), "gap": repr(gap)}
        row = known.get(json.dumps(list(place.values())))
        if row is None:
            values = twice(name, parameters, overlap, gap)
            with mp.workdps(40):
                zero = at_zero(name, parameters, mpf(overlap) + mpf(gap) + mpf(parameters.get("noise", 0.0)))
            quantities = dict(zip(("free_entropy", "response", "slope", "curvature"), values, strict=True))
            row = {**place, **quantities, "at_zero": mp.nstr(zero, 22)}
        table.append(row)
        write(target, table)
        print(f"{len(table)} {name} {parameters} {overlap:.3g} {gap:.3g} {time.time() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    default = Path(__file__).parents[1] / "data" / "output_channel_reference.json"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
