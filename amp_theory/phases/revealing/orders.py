"""Which hidden spins are told of next, given the density of their fields: the edge that leaves a given uncertainty.

- most-confident: all of |h| > c are revealed: an absorbing edge above;
- most-uncertain: all of |h| < c are revealed: an absorbing edge below, at zero as long as few are revealed at a time;
- greedy-floor: all of |h| < c are lifted to c.  A spin of magnetisation m = tanh h is seen through the binary channel
  that leaves it tanh c or -tanh c, with probabilities (1 +- m/tanh c)/2: of all that leave |m| = tanh c surely the one
  that tells least.  The mean of m stays, hence so does the fraction P = int_{|h|<c} nu cosh of the lifted.

At every overlap q the edge c is where 1 - q is left, with x = xi'(q): no more is told than keeps the state a
fixed point.

The greedy floor has the least slope of all schemes that tell of single spins, may look at all that is known before and
take nothing back, at the same control.  Let V = 1 - m^2, and compare a scheme A with the floor G at every overlap that
A passes, where both have E V = 1 - q.  Claim: E_G (k - V)^+ <= E_A (k - V)^+ for all k.

1. Between tellings V is a diffusion with the generator 2 V^2 (1 - V) d^2 - V^2 d.  It takes functions of V that fall
   and are convex to such: the derivative of u_x = 2 V^2 (1 - V) u'' - V^2 u' is a linear equation for u' without a
   source, which stays <= 0; that of u'' has the source -2 u' >= 0, and stays >= 0.  So the claim is kept.
2. To tell leaves E(V'|V) <= V, as m is a martingale, hence raises E_A (k - V)^+ by Jensen's inequality.  The floor
   V' = min(V, v) leaves (k - V)^+ as it is for k <= v.  For k > v no V' exceeds k, and E_G (k - V')^+ = k - (1 - q)
   = E_A (k - V') <= E_A (k - V')^+.  With large k, before telling E_G V >= E_A V >= 1 - q: the floor exists.

With equal means the claim says E_G f(V) <= E_A f(V) for every convex f, for E V^2 = S above all.  So where any scheme
passes, the floor does, the best product path included.  Nothing is said of schemes that forget what was told, as those
that mask again, or that tell of several spins at a time.  This is a theorem about the equations, which are themselves
replica symmetric.  Finite steps, at whose end all is told at once, defer what A tells and only lower E_G (k - V)^+
further: their thresholds are bounds.

A scheme that tells in finite lumps has E V <= 1 - q in between, x = xi'(q), while its state runs to the next fixed
point.  Let G tell nothing where it has no more than 1 - q left.  Then the claim holds at every snr: where G tells,
k - (1 - q) <= E_A (k - V') as well, and where it does not, only A raises its side.  So E_G V >= E_A V, and at every
fixed point of A the floor is at one, of no larger S.  What the floor meets between two fixed points that a lump of A
leaps over, it does not say; these gaps close as lumps become small.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amp_theory.phases.revealing.field_density import FieldDensity, panel
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import NumericalError

#: what a spin of a field contributes to what is to be left: sech its uncertainty, cosh itself
Weight = Callable[[Array], Array]
#: hidden spins, a step of the snr, what is to be left and its weight, and the edge before -> those left, the edge
Order = Callable[[FieldDensity, float, float, Weight, float], tuple[FieldDensity, float]]
#: accuracy of what is left
ENOUGH, MOST_TRIES = 2e-15, 80


def sech(fields: Array) -> Array:
    """Return 1/cosh h."""
    return np.asarray(1 / np.cosh(fields))


def _edge(
    left: Callable[[float], tuple[float, float, FieldDensity]], guess: float, most: float
) -> tuple[FieldDensity, float]:
    """Return where what is left is right, by Newton's method in [0, most]; an end if nothing is to be told.

    `left` returns by how much too much is left, the slope of that, and who is left.
    """
    low, high, edge = 0.0, most, min(guess, most)
    for _ in range(MOST_TRIES):
        excess, slope, found = left(edge)
        if abs(excess) < ENOUGH:
            break
        low, high = (low, edge) if (excess > 0) == (slope > 0) else (edge, high)
        new = edge - excess / slope if slope else low - 1
        new = new if low <= new <= high else 0.5 * (low + high)
        if abs(new - edge) <= 1e-13 * most:
            break
        edge = new
    else:
        raise NumericalError(f"no edge of what is told was found, {excess:.2g} missed")
    return found, edge


def _any(before: FieldDensity, step: float, target: float, weight: Weight, last: float) -> tuple[FieldDensity, float]:
    if step == 0:
        return _revealed(before, target, weight)
    fields, weights = panel(0.0, before.end(step), float(np.sqrt(step)))
    return _revealed(FieldDensity(fields, weights * before.later(fields, step), before.snr + step), target, weight)


def _revealed(before: FieldDensity, target: float, weight: Weight) -> tuple[FieldDensity, float]:
    """Return what is left if any are revealed, as at the start, where all fields are equal."""
    part = target / float(before.masses @ weight(before.fields))
    return FieldDensity(before.fields, min(part, 1.0) * before.masses, before.snr, before.lifted), 0.0


def _most_confident(
    before: FieldDensity, step: float, target: float, weight: Weight, last: float
) -> tuple[FieldDensity, float]:
    if step == 0:
        return _revealed(before, target, weight)
    width, top = float(np.sqrt(step)), before.end(step)

    def left(edge: float) -> tuple[float, float, FieldDensity]:
        fields, weights = panel(0.0, edge, width)
        masses, at = weights * before.later(fields, step), np.array([edge])
        slope = float(before.later(at, step)[0] * weight(at)[0])
        return float(masses @ weight(fields)) - target, slope, FieldDensity(fields, masses, before.snr + step)

    return _edge(left, last + width if last else 0.8 * top, top)


def _most_uncertain(
    before: FieldDensity, step: float, target: float, weight: Weight, last: float
) -> tuple[FieldDensity, float]:
    if step == 0:
        return _revealed(before, target, weight)
    width, top = float(np.sqrt(step)), before.end(step)

    def left(edge: float) -> tuple[float, float, FieldDensity]:
        fields, weights = panel(edge, top, width)
        masses, at = weights * before.later(fields, step), np.array([edge])
        slope = -float(before.later(at, step)[0] * weight(at)[0])
        return float(masses @ weight(fields)) - target, slope, FieldDensity(fields, masses, before.snr + step)

    return _edge(left, last, top)


def _greedy_floor(
    before: FieldDensity, step: float, target: float, weight: Weight, last: float
) -> tuple[FieldDensity, float]:
    hidden = before.hidden
    highest = float(np.arccosh(target**-0.5)) + 1e-9  # alone it would leave less
    if step == 0:
        edge = highest
        return FieldDensity(np.array([edge]), np.array([hidden / np.cosh(edge)]), before.snr, edge), edge
    width, top = float(np.sqrt(step)), before.end(step)

    def left(edge: float) -> tuple[float, float, FieldDensity]:
        fields, weights = panel(edge, max(top, edge), width)
        masses = weights * before.later(fields, step)
        lifted = max(hidden - float(masses @ np.cosh(fields)), 0.0)
        found = FieldDensity(
            np.append(fields, edge), np.append(masses, lifted / np.cosh(edge)), before.snr + step,
            max(before.lifted, edge),
        )  # fmt: skip
        uncertainty = float(masses @ weight(fields)) + lifted * np.cosh(edge) ** -2.0
        return uncertainty - target, -2 * lifted * np.tanh(edge) * np.cosh(edge) ** -2.0, found

    return _edge(left, last, highest)


#: orders by name
RULES: dict[str, Order] = {
    "random": _any, "most-confident": _most_confident, "most-uncertain": _most_uncertain, "greedy-floor": _greedy_floor,
}  # fmt: skip
