"""Which of two kinds of variables to tell first, and along which path.

A path works as long as it meets no first-order transition, which is up to its first tricritical point: among the sides
u, v and both, and the paths flow and autoregressive, the best is the one that has it at the largest lambda.  Only what
is told first matters.  Once one kind is known for sure, the other is a product measure, which has no transition: a
sampler that denoises one side to the end, and then the other, works if the first stage does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow
from amp_theory.models.base import Model, as_model
from amp_theory.phases.geometry.solved import geometry_of
from amp_theory.phases.optimal.attained import first_transition
from amp_theory.phases.points.tricritical import no_cusp
from amp_theory.tools.errors import InputError, NumericalError
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Located, MissingPoint, points_table, titled
from amp_theory.tools.tables import ResultTable


@dataclass(frozen=True)
class BestSide(Reported):
    """Where every path, told to either side or to both, meets a first-order transition, and which works the farthest.

    Parameters
    ----------
    model, control
        Their names.
    parameters
        The model's parameters by name.
    points
        The first tricritical point by the name of path and side, "flow on u"; None along a path without transition.
    ranking
        Those names, by how far they work; paths that work equally far stand in any order.
    side, path
        Of the best: "u", "v" or "both"; "flow" or "autoregressive".  None where nothing is decided.
    decided
        Whether the best is ahead of the next by more than both error bounds: two paths may work equally far.
    certainty
        What the comparison rests on: "conjecture", that message passing is the best efficient denoiser.
    algorithm, target
        Of which algorithm and whose measure it speaks: "message passing", "planted".
    reasons
        Why a path has no point, by the name of path and side.

    Examples
    --------
    >>> from amp_theory import Gaussian, RectangularMatrix, SparseRademacher, best_side
    >>> found = best_side(RectangularMatrix(Gaussian(), SparseRademacher(0.05), aspect=1))
    >>> found.path, found.side, found.decided
    ('autoregressive', 'v', True)
    >>> [f"{name}: {1 / found.points[name].noise:.6f}" for name in found.ranking[:2]]
    ['autoregressive on v: 18.974081', 'flow on u: 18.895414']
    """

    model: str
    control: str
    parameters: dict[str, Any] = field(hash=False)
    points: dict[str, Located | None] = field(hash=False)
    ranking: tuple[str, ...]
    side: str | None
    path: str | None
    decided: bool
    certainty: str = "conjecture"
    algorithm: str = "message passing"
    target: str = "planted"
    reasons: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def title(self) -> str:
        """The model with its parameters."""
        return f"{titled(self.model, self.parameters)}, which side to tell first"

    @property
    def best(self) -> Located | None:
        """Where the path that works the farthest, or one of them, meets a transition; None if it meets none."""
        return self.points[self.ranking[0]]

    def report(self) -> str:
        """Return a readable text: all paths and sides, the best first, and whether it is ahead."""
        rows = [f"  {name:<24} {self.points[name] or self.reasons[name]}" for name in self.ranking]
        if self.decided:
            last = f"  best: {self.ranking[0]}, which is ahead by more than the error bounds ({self.certainty})"
        elif self.best is None:
            last = "  best: none, along more than one path no first-order transition is seen"
        else:
            last = "  best: none, the first works no farther than the next within their error bounds"
        return "\n".join([self.title, *rows, last])

    def table(self) -> ResultTable:
        """Return the points as rows, the best first."""

        def told(name: str) -> Located | MissingPoint:
            return self.points[name] or MissingPoint("tricritical", self.reasons[name], self.control, "strength")

        labels = [{"path": name} for name in self.ranking]
        return points_table(self.title, labels, [told(name) for name in self.ranking])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        points = {name: None if point is None else point.to_dict() for name, point in self.points.items()}
        return {
            "model": self.model, "parameters": self.parameters, "control": self.control, "side": self.side,
            "path": self.path, "decided": self.decided, "certainty": self.certainty,
            "algorithm": self.algorithm, "target": self.target, "ranking": list(self.ranking),
            "points": points, "reasons": self.reasons,
        }  # fmt: skip


def best_side(model: Model) -> BestSide:
    """Tell which of two kinds of variables to tell first, and along which path, from their tricritical points.

    Parameters
    ----------
    model
        One with variables of two kinds, RectangularMatrix or GaussianMixture.

    Returns
    -------
    BestSide
        The first tricritical point along flow and autoregressive path on u, on v and on both, and which is the best.

    Raises
    ------
    InputError
        If all variables of the model are of one kind.
    NumericalError
        If a solver fails, or a first-order line does not end within what is searched.

    References
    ----------
    The equations stand on top of the module `two_sides`.

    Examples
    --------
    >>> from amp_theory import GaussianMixture
    >>> found = best_side(GaussianMixture(k=10, aspect=1))
    >>> found.path, found.side
    ('autoregressive', 'v')
    """
    if not as_model(model).sides:
        raise InputError(f"the variables of {model!r} are all of one kind: best_side compares two, best_path compares "
                         "paths")  # fmt: skip
    kinds = (Flow, Autoregressive)
    paths: dict[str, Path] = {f"{kind.name} on {side}": kind(side=side) for side in model.sides for kind in kinds}
    points = {name: _first(model, path) for name, path in paths.items()}
    reasons = {name: no_cusp(geometry_of(model, paths[name])) for name, point in points.items() if point is None}

    def begins(name: str) -> float:
        """Return the intensity at which a path meets its first transition: the more, the better."""
        point = points[name]
        return np.inf if point is None else float(model.intensity(np.array(point.control)))

    ranking = tuple(sorted(points, key=begins, reverse=True))
    first, second = (points[name] for name in ranking[:2])
    decided = second is not None and (first is None or abs(first.control - second.control) > first.error + second.error)
    best = paths[ranking[0]]
    return BestSide(
        model.name, model.control, model.parameters, points, ranking, side=best.side if decided else None,
        path=best.name if decided else None,
        decided=decided, reasons=reasons,
    )  # fmt: skip


def _first(model: Model, path: Path) -> Located | None:
    """Return the first tricritical point along a path, after checking that there is one where it fails."""
    point = first_transition(model, path)
    if point is None and any(not piece.appears for piece in geometry_of(model, path).curve.pieces):
        raise NumericalError(f"the first-order line of {model!r} along {path!r} does not end within what is searched")
    return point
