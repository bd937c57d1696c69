"""Panels of a line, arrays of ends (n, 2): quadrature on them, and cutting them until functions are resolved."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre

from amp_theory.tools.arrays import Array, Bools, Index
from amp_theory.tools.errors import InputError

LOG = logging.getLogger(__name__)
ORDER = 16
NODES, WEIGHTS = legendre.leggauss(ORDER)
#: values at the nodes -> Legendre coefficients
ANALYSIS = (legendre.legvander(NODES, ORDER - 1) * WEIGHTS[:, None]).T * (np.arange(ORDER) + 0.5)[:, None]
#: how much wider every further panel is towards an infinite end
GROWTH = 1.5


def panel_nodes(panels: Array) -> tuple[Array, Array]:
    """Return Gauss-Legendre nodes and weights of panels, both of shape (n, ORDER)."""
    half = 0.5 * (panels[:, 1] - panels[:, 0])[:, None]
    return panels.mean(axis=1)[:, None] + half * NODES, half * WEIGHTS


def last_coefficients(values: Array) -> Array:
    """Return the size of the last Legendre coefficients of values at a panel's nodes, shape (..., ORDER) -> (...)."""
    return np.asarray(np.abs(values @ ANALYSIS[-2:].T).sum(axis=-1))


def cut(panels: Array, pieces: Index) -> Array:
    """Return panels cut into equal pieces."""
    owner = np.repeat(np.arange(len(panels)), pieces)
    part = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    width = ((panels[:, 1] - panels[:, 0]) / pieces)[owner]
    start = panels[owner, 0] + part * width
    return np.stack([start, start + width], axis=1)


def halves(panels: Array) -> Array:
    """Return the lower halves of all panels, then the upper ones."""
    middle = 0.5 * (panels[:, 0] + panels[:, 1])
    return np.concatenate([np.stack([panels[:, 0], middle], 1), np.stack([middle, panels[:, 1]], 1)])


def spanning(
    support: Sequence[float], mass: Callable[[Array], float], enough: Callable[[float, float], bool], most: int,
    failure: str,
) -> Array:  # fmt: skip
    """Return panels between the places of a support, growing towards infinite ends until the rest does not matter.

    `enough` is asked about the mass of the last panel and of all up to it; after `most` panels `failure` is the message
    of an `InputError`.
    """
    inner = [x for x in support if math.isfinite(x)] or [0.0]
    panels = list(itertools.pairwise(inner))
    for sign, end, edge in ((-1.0, support[0], inner[0]), (1.0, support[-1], inner[-1])):
        total, width, open_ended = 0.0, 1.0, math.isinf(end)
        for _ in range(most if open_ended else 0):
            ends = sorted((edge, edge + sign * width))
            part = mass(np.array([ends]))
            panels.append((ends[0], ends[1]))
            total += part
            if total > 0 and enough(part, total):
                break
            edge, width = edge + sign * width, GROWTH * width
        else:
            if open_ended:
                raise InputError(failure)
    return np.array(sorted(panels))


def refined(
    panels: Array, look: Callable[[Array], tuple[Bools, *tuple[Array, ...]]], rounds: int,
    failure: Callable[[Array], Exception], most: float = math.inf,
) -> tuple[Array, ...]:  # fmt: skip
    """Halve panels until all are resolved; return them in ascending order, and what was found on them.

    Parameters
    ----------
    panels
        The first panels.
    look
        Returns which of some panels are too rough, and arrays of what there is on each of them; their halves come
        next, the lower ones of all, then the upper ones.
    rounds, most
        How often panels are looked at, and how many there may be, at most.
    failure
        Returns the error to raise for panels that are still too rough.
    """
    done: list[tuple[Array, ...]] = []
    for _ in range(rounds):
        rough, *found = look(panels)
        done.append(tuple(x[~rough] for x in (panels, *found)))
        panels = panels[rough]
        if not len(panels):
            columns = [np.concatenate(column) for column in zip(*done, strict=True)]
            order = np.argsort(columns[0][:, 0])
            return tuple(column[order] for column in columns)
        if sum(len(part[0]) for part in done) + 2 * len(panels) > most:
            break
        LOG.debug("%d panels are too rough and are halved", len(panels))
        panels = halves(panels)
    raise failure(panels)


@lru_cache(maxsize=64)
def _legendre(nodes: int) -> tuple[Array, Array]:
    """Return Gauss-Legendre nodes and weights, which take longer than most of what is summed."""
    return legendre.leggauss(nodes)


def on_panels(ends: Array, nodes: int) -> tuple[Array, Array]:
    """Return Gauss-Legendre nodes and weights between neighbouring ends, shape (..., (ends - 1) nodes)."""
    x, weight = _legendre(nodes)
    middle, half = 0.5 * (ends[..., 1:] + ends[..., :-1])[..., None], 0.5 * np.diff(ends)[..., None]
    shape = (*ends.shape[:-1], -1)
    return (middle + half * x).reshape(shape), (half * weight).reshape(shape)
