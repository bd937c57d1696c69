"""Belief propagation on graphs.

Along the edges (factor a, spin i), h half log-likelihood ratios, h = sum of side information and of the messages u
from the other factors, u = sign (1/2) log(N_+/N_-) as in ingredients/factors/factors.py; exact on trees.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from amp_theory.finite.inference.base import (
    Inference,
    MessagePassingOptions,
    checked_options,
    checked_side,
    first_means,
)
from amp_theory.finite.inference.contradictions import impossible_factors, torn_spins
from amp_theory.finite.inference.exchanges import Exchange, exchange_of
from amp_theory.finite.inference.free_entropy import Part, bethe_values, undecided, with_free_entropy
from amp_theory.finite.inference.graph_messages import LARGEST_FIELD, Edges, factor_messages
from amp_theory.finite.inference.iterates import Record, relative_change
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.ingredients.paths.side_information import Mask, SideInformation
from amp_theory.tools.arrays import Array
from amp_theory.tools.results import Status

#: factors whose part of the free entropy is summed at a time
TOGETHER = 2**11


def run_bp(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run belief propagation on a sparse graph.

    Arrays of means to start from stand for fields atanh(mean) on all edges.  Messages are limited to half
    log-likelihood ratios of 17, but for those that known spins make certain; if these contradict each other, no
    configuration is left and the status is "contradiction", `Inference.contradictions` telling where.  Where finite
    fields meet factors that exclude them, so that the limit decides, it is "stalled".  Contradictions
    that no chain of certain messages shows are not found: on a graph with loops, messages may agree without a solution.

    Parameters
    ----------
    instance
        An instance on a sparse graph.
    side, start, options
        As for `run_amp`.

    Returns
    -------
    Inference
        Means and variances, for every side information what became of it (`status`), and the Bethe free entropy, which
        is exact on trees.

    Raises
    ------
    InputError
        For another instance or shapes that do not fit.

    References
    ----------
    M. Mezard and A. Montanari, Information, Physics, and Computation (2009), chapter 14.

    Examples
    --------
    >>> from amp_theory import Bicoloring, Flow, draw_instance
    >>> instance = draw_instance(Bicoloring(4), control=2.0, size=200, seed=0)
    >>> side = Flow().observe(instance.planted[None], 1.0, np.random.default_rng(0))
    >>> found = run_bp(instance, side)
    >>> found.mean.shape, found.status
    ((1, 200), ('converged',))
    """
    given, how = (
        checked_side(instance, GraphInstance, side, "belief propagation"),
        checked_options(options),
    )
    assert isinstance(instance, GraphInstance)
    edges = Edges(instance, given)
    return _iterated(instance, edges, *_begun(instance, edges, how, first_means(instance, given, start)))


def _begun(instance: GraphInstance, edges: Edges, how: MessagePassingOptions, start: Array) -> tuple[Record, Exchange]:
    """Return what is kept of a run, and its messages, from means of shape (batch, size) on."""
    near = 1 - np.exp(-2 * LARGEST_FIELD)
    fields = edges.base + np.arctanh(np.clip(start, -near, near))
    return Record(how, edges.means(fields)[0]), exchange_of(instance, edges, fields, how.damping)


def _iterated(instance: GraphInstance, edges: Edges, record: Record, exchange: Exchange) -> Inference:
    """Exchange messages."""
    how, mean = record.options, np.empty(0)
    for _ in range(how.max_iterations):
        change, scale, contradicted = exchange.advance(record.stopped)
        if contradicted.any():
            _tell(record, instance, edges, exchange.messages(), contradicted)
        if how.keep_iterates:
            mean, _ = edges.means(exchange.fields())
        if record.add(mean, change, np.where(exchange.hidden(), np.inf, relative_change(change, scale))):
            break
    exchange.end()
    if (strong := exchange.strong() & record.converged).any():
        record.fail(strong & undecided(instance, _parts(instance, edges, exchange)), Status.STALLED)
        record.converged &= ~record.stopped
    mean, total = edges.means(exchange.fields())
    found = record.result(mean, 1 - mean**2, total, np.zeros((len(mean), 1)))

    return with_free_entropy(
        found, how.free_entropy, lambda: bethe_values(instance, edges.side, _parts(instance, edges, exchange))
    )


def _parts(instance: GraphInstance, edges: Edges, exchange: Exchange) -> Iterator[Part]:
    """Return all messages, block by block unless some are certain, so that they take little memory at a time."""
    fields = exchange.fields()
    if np.isinf(fields).any():
        u = exchange.messages()
        yield Part(0, edges.cavity(u)[0], u)
        return
    for first in range(0, len(instance.spins), TOGETHER):
        u, spins = exchange.messages(first, first + TOGETHER), instance.spins[first : first + TOGETHER].T
        yield Part(first, np.moveaxis(fields[:, spins], 0, 1) - u, u)


def _tell(record: Record, instance: GraphInstance, edges: Edges, u: Array, contradicted: Mask) -> None:
    """Note what is contradicted in rows where nothing is possible: a spin by new messages, or by old ones a factor."""
    h, _, torn = edges.cavity(u)
    torn &= contradicted
    if torn.any():
        record.contradict(torn_spins(instance, edges.side, u, torn))
    excluded = contradicted & ~torn
    fresh = np.where(excluded[:, None], factor_messages(instance, edges.signs, h), 0.0)
    impossible, hidden = impossible_factors(instance, h, fresh)
    record.contradict(impossible)
    record.fail(hidden, Status.STALLED)
