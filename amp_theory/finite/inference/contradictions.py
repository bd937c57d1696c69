"""Where belief propagation finds that known values and constraints exclude each other: which factor, which spin."""

from __future__ import annotations

import numpy as np

from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array


def impossible_factors(instance: GraphInstance, h: Array, u: Array) -> tuple[dict[int, str], Mask]:
    """Return the side informations in which a factor allows no value of a spin, and those in which rounding hides it.

    Parameters
    ----------
    instance
        The instance.
    h, u
        Messages to factors and from them, shape (k, batch, factors); not a number where no value is allowed.

    Returns
    -------
    contradictions
        By rows of the batch: the first such factor and spin, as a sentence.
    hidden
        Rows in which the messages to such a factor are all finite, so that its weight has only underflowed.
    """
    found, hidden = {}, np.zeros(u.shape[1], dtype=bool)
    places = np.isnan(u)
    for row in np.flatnonzero(places.any(axis=(0, 2))):
        factor = int(np.flatnonzero(places[:, row].any(axis=0))[0])
        root = int(np.flatnonzero(places[:, row, factor])[0])
        if np.isinf(h[:, row, factor]).any():
            found[int(row)] = f"{_named(instance, factor)} allows no value of spin {instance.spins[factor, root]}"
        else:
            hidden[row] = True
    return found, hidden


def torn_spins(instance: GraphInstance, side: SideInformation, u: Array, rows: Mask) -> dict[int, str]:
    """Return which spin is certain to be both +1 and -1 in side informations where there is one, and what says so.

    Parameters
    ----------
    instance, side
        The instance and side information.
    u
        Messages from factors, shape (k, batch, factors), infinite where they are certain.
    rows
        The side informations.
    """
    found = {}
    for row in np.flatnonzero(rows):
        said: dict[float, dict[int, str]] = {}
        for sign in (1.0, -1.0):
            known = np.flatnonzero(side.known[row] & (side.values[row] == sign))
            root, factor = np.nonzero(u[:, row] == sign * np.inf)
            by_factor = {int(instance.spins[a, j]): _named(instance, int(a)) for j, a in zip(root, factor, strict=True)}
            said[sign] = by_factor | {int(spin): "what is known" for spin in known}
        spin = min(set(said[1.0]) & set(said[-1.0]))
        found[int(row)] = f"spin {spin} is +1 by {said[1.0][spin]} and -1 by {said[-1.0][spin]}"
    return found


def _named(instance: GraphInstance, factor: int) -> str:
    return f"factor {factor} of spins {', '.join(map(str, instance.spins[factor]))}"
