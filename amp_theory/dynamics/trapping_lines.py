"""Where a small overlap with the signal begins to grow in families of glassy states, with error bounds.

Every state is solved by two rules of quadrature that share no nodes but zero: their difference bounds the error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from amp_theory.dynamics.ageing import Ageing
from amp_theory.dynamics.glassy_families import FINER, KINDS, GlassyFamilies, States
from amp_theory.ingredients.priors.named import MixturePrior
from amp_theory.models.base import Model, as_model
from amp_theory.tools.arrays import EPS
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.results import Located

#: the error of a number in units of what two rules of quadrature differ by, and relative to it at least
SAFETY, RELATIVE = 8.0, 1e-12
HOW = {
    "threshold": "rho xi''(0) chi = 1 in threshold states",
    "most_numerous": "rho xi''(0) chi = 1 in the most numerous states",
    "static": "rho xi''(0) chi = 1 in states without complexity",
    "least_responsive": "rho xi''(0) chi = 1 in the states of least chi",
    "fast": "rho xi''(0) (<s2> - q) = 1 in threshold states",
    "onset": "threshold states appear at x = 1: xi''(q) M' = 1 at q = M(xi'(q))",
}
NO_STATES = "no fixed point appears by a fold at zero strength, from which glassy states could be followed"
OPEN = (
    "an overlap with the signal grows where the states appear already and as far as they were followed, so that they "
    "trap nothing; overlaps between blocks grow there, too"
)
FOLDED = "an overlap with the signal grows where the states appear already, but not in all that were followed"
UNSTABLE = "threshold states are unstable here: blocks do not stay apart"
NONE_HERE = "no threshold states were found here, so that their stability tells nothing"
EVERYWHERE = "an overlap with the signal grows in threshold states wherever these exist: they trap nothing"
SOON = "the fast criterion holds in threshold states wherever these exist: a random start finds the signal there"
Value = Callable[[States], Any]


def why_not_defined(model: Model) -> str:
    """Return why there is no theory of threshold states for a model; empty where there is."""
    coupling = as_model(model).polynomial
    if coupling is None:
        return "their equations are derived for polynomial couplings alone"
    prior = model.variable_prior
    terms = (*coupling.scaled_terms, *coupling.fixed_terms)
    if any(power == 1 for power, _ in terms):
        return "a field leaves no state without overlap with the signal"
    if not isinstance(prior, MixturePrior):
        return "their averages are those of mixtures of atoms and Gaussians, such as Discrete(values, probabilities)"
    if not prior.mixture.symmetric:
        return "a prior without the symmetry s -> -s leaves no state without overlap with the signal"
    if not any(power == 2 for power, _ in terms):
        return f"xi''(0) = 0, the signal gives no direction to a random start, which is trapped at any {model.control}"
    return ""


def by_two_rules(state: Callable[[float], States | None]) -> tuple[States, States] | None:
    """Return a state by two rules of quadrature; None if there is none."""
    here, there = state(1.0), state(FINER)
    if (here is None) != (there is None):
        raise NumericalError("two rules of quadrature disagree on whether a glassy state exists", "try another control")
    return None if here is None or there is None else (here, there)


def error_bound(value: float, other: float) -> float:
    """Return a bound on the error of a number that the other rule puts elsewhere."""
    return SAFETY * abs(value - other) + RELATIVE * abs(value)


def _located(model: Model, name: str, states: States, other: States) -> Located:
    control, again = (float(model.from_intensity(s.intensity)[0]) for s in (states, other))
    overlap, also = (float(s.averages.overlap[0]) for s in (states, other))
    errors = {model.control: error_bound(control, again), "overlap": error_bound(overlap, also)}
    how = f"{HOW[name]}, x = {states.parisi[0]:.6g}; two rules of quadrature agree"
    return Located(control, overlap, errors, model.control, how=how)


def line_in(
    model: Model, families: GlassyFamilies, kind: str, value: Value, name: str | None = None
) -> tuple[Located | None, str]:
    """Return where a value rises through zero in a family, or why it does not."""
    family = families.families.get(kind)
    if family is None or not np.any(family.states.intensity > 0):
        return None, NO_STATES if families.onset is None else f"no {kind} states were found"
    along = family.states
    exist = along.intensity > 0
    if len(along.snr) < 2:
        return None, f"no {kind} states were found beyond where they begin"
    if value(along)[exist][0] >= 0:
        return None, OPEN if np.all(value(along)[exist] >= 0) else FOLDED
    pair = by_two_rules(lambda finer: families.where(kind, value, finer))
    if pair is None:
        end = float(model.from_intensity(along.intensity[-1:])[0])
        return None, f"not met down to {model.control} = {end:.4g}, where the states were followed to"
    if not pair[0].outer[0] < 1:
        return None, "xi''(0) chi^2 > 1 there: blocks of states without overlap are unstable"
    return _located(model, name or kind, *pair), ""


def onset_of(model: Model, families: GlassyFamilies) -> tuple[Located | None, str]:
    """Return where states appear, or why that is nowhere."""
    first, again = families.onset, families.onset_by(FINER)
    if first is None or again is None:
        return None, NO_STATES
    states, other = (families.states(np.array([a]), np.ones(1), f) for a, f in ((first, 1.0), (again, FINER)))
    if not states.intensity[0] > 0:
        return None, f"threshold states exist at every {model.control}"
    return _located(model, "onset", states, other), ""


def begins_on_sphere(model: Model, ageing: Ageing) -> str:
    """Return where threshold states begin that no fold announces; empty if there are none."""
    ends = [0.0, *ageing.changes()]
    for low, high in zip(ends, [*ends[1:], 2 * ends[-1] or 1.0], strict=True):
        if ageing.threshold_overlap(0.5 * (low + high)):
            begin = f"{model.control} = {float(model.from_intensity(np.array(low))):.6g}" if low > 0 else "no signal"
            return f"no fixed point appears by a fold at zero strength: threshold states begin at {begin} without one"
    return ""


def missing_in_band(lines: Mapping[str, Located]) -> str:
    """Return which lines a band lacks, or why there is none; empty if it has all."""
    missing = [kind for kind in KINDS if kind not in lines]
    if "threshold" in missing:
        return "there is no aging line of threshold states"
    if len(missing) == len(KINDS) - 1:
        return "only the line of threshold states was located; see the reasons of the others"
    return f"without the lines of {', '.join(missing)} states, which were not located" if missing else ""


def lines_on_sphere(
    model: Model, ageing: Ageing, lines: dict[str, Located], fast: Located | None, reasons: dict[str, str]
) -> tuple[dict[str, Located], Located | None]:
    """Return the lines with those of threshold states replaced by the roots of polynomials that they are."""
    ends = ageing.changes()
    middles = [0.5 * (a + b) for a, b in zip([0.0, *ends], [*ends, 2 * (ends[-1] if ends else 1.0)], strict=True)]
    told_apart = [ageing.finds(middle) for middle in middles]

    def first(number: int, name: str) -> Located | None:
        for k, end in enumerate(ends):
            if k + 1 < len(ends) and ends[k + 1] == end:
                continue  # one root of two polynomials: nothing lies between
            if told_apart[k + 1][number] and not told_apart[k][number] and ageing.threshold_overlap(middles[k]):
                q = ageing.threshold_overlap(end)
                control, bound = float(model.from_intensity(np.array(end))), 64 * EPS / (1 - q)
                errors = {model.control: bound * control, "overlap": bound}
                return Located(control, q, errors, model.control, how=f"{HOW[name]}; a root of a polynomial")
        return None

    aging, quick = first(1, "threshold"), first(0, "fast")
    lines = {kind: point for kind, point in lines.items() if kind != "threshold"}
    if aging is not None:
        lines, reasons["aging"] = {"threshold": aging, **lines}, ""
    if quick is not None:
        reasons["fast"] = ""
    none = "no threshold states exist where the signal is too weak to be found"
    exist = [k for k, middle in enumerate(middles) if ageing.threshold_overlap(middle)]
    if aging is None and exist and all(told_apart[k][1] for k in exist):
        reasons["aging"] = EVERYWHERE
    if quick is None and exist and all(told_apart[k][0] for k in exist):
        reasons["fast"] = SOON
    reasons["aging"] = reasons["aging"] or ("" if aging else none)
    reasons["fast"] = reasons["fast"] or ("" if quick else none)
    return lines, quick
