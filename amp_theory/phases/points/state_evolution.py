"""The iterates of state evolution, up to where their limit is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_point
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.phases.points.fixed_points import single
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, NumericalError, as_float, integer_between, positive, told, unknown_name
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Status
from amp_theory.tools.tables import ResultTable


@dataclass(frozen=True, eq=False)
class StateEvolution(Reported):
    """Iterates of state evolution: overlap and mmse, shape (steps + 1,), from the start on.

    Parameters
    ----------
    overlap, mmse
        q and rho - q of every iterate, the start first.
    converged
        Whether the limit of the iteration is known to lie within `error` of the last overlap.
    start
        From where.
    error
        Bound on the distance of the last overlap from the limit; infinite if it is not known.
    status
        "converged"; "max_steps" (stopped on the way, which may lead anywhere); "stalled" (rounding hides whether
        the iteration goes on, as at a fold: see `fixed_points`).
    overlap_v
        Of models with two kinds of variables, of which `overlap` is that of u, the overlap of v that every iterate of u
        provides for: q_v(t) of q_u(t), from which follows q_u(t + 1); else None.

    See Also
    --------
    state_evolution : Which returns it, with an example.
    """

    overlap: Array
    mmse: Array
    converged: bool
    start: str
    error: float = math.inf
    status: Status = Status.MAX_STEPS
    overlap_v: Array | None = None

    def report(self) -> str:
        """Return a readable text: how the iteration ended, where, and how far from its limit at most."""
        where = f"overlap = {self.overlap[-1]:.12g} after {len(self.overlap) - 1} steps from the {self.start} start"
        return f"state evolution: {self.status}, {where}, at most {self.error:.1g} from the limit"

    def table(self) -> ResultTable:
        """Return the iterates as rows."""
        columns = {"step": range(len(self.overlap)), "overlap": self.overlap, "mmse": self.mmse}
        return ResultTable(
            self.report(), columns if self.overlap_v is None else columns | {"overlap_v": self.overlap_v}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the fields, that of v where there is one."""
        return {name: value for name, value in super().to_dict().items() if name != "overlap_v" or value is not None}


def state_evolution(
    model: Model, path: Path, control: float | None = None, strength: float | None = None,
    start: str | float = "uninformed", max_steps: int = 1000, tolerance: float = 1e-12, **named: float,
) -> StateEvolution:  # fmt: skip
    """Iterate q <- G(xi'(q), strength), the overlap of AMP in successive iterations at large size.

    It ends as soon as the limit is known, which a small step does not tell: next to an unstable fixed point, and where
    two fixed points have just vanished, steps are small far from the limit.  For dense models the limit is bracketed;
    for sparse ones its distance is estimated from the rate at which steps shrink.

    Parameters
    ----------
    model, path, control, strength, **named
        As for `fixed_points`, one control and one strength.
    start
        "uninformed" (q = (E s)^2, or just above it where q = 0 is an unstable fixed point), "informed"
        (q = rho, or just below it where that is an unstable fixed point), or an overlap in [0, rho].
    max_steps
        Iterations at most, >= 1.
    tolerance
        Largest distance of the last overlap q from the limit, > 0, relative to q, for dense models to rho - q if that
        is smaller (to rho where the limit may be rho); 1e-9 is enough where rounding hides more digits.

    Returns
    -------
    StateEvolution
        The iterates, and whether they have converged.

    Raises
    ------
    InputError
        For a bad argument.
    NumericalError
        If an iterate is not finite; `partial` holds those before.

    References
    ----------
    arXiv:2308.14085.

    Examples
    --------
    >>> from amp_theory import Flow, SherringtonKirkpatrick
    >>> run = state_evolution(SherringtonKirkpatrick(), Flow(), control=2.0, strength=0.1)
    >>> bool(run.converged and run.overlap[0] == 0)
    True
    >>> slow = state_evolution(SherringtonKirkpatrick(), Flow(), control=0.7, strength=1e-12, max_steps=3)
    >>> slow.converged, slow.status
    (False, 'max_steps')
    """
    check_pair(model, path)
    eos = equation_of_state_of(model, path)
    control, strength = at_point(model, path, control, strength, named)
    intensity, s = single("state_evolution", model, path, control, strength)
    begin = _checked_start(start, eos.prior.second_moment)
    tolerance = positive("tolerance", tolerance)
    number = integer_between("max_steps", max_steps, 1, 10**9)
    return _iterated(eos, float(intensity), float(s), begin, str(start), number, tolerance)


def _iterated(
    eos: EquationOfState, intensity: float, strength: float, begin: str | float, start: str, max_steps: int,
    tolerance: float,
) -> StateEvolution:  # fmt: skip
    """Return the iterates from `begin`, named `start`, up to where their limit is known or nothing more tells it."""
    iterates = eos.state_evolution(intensity, strength, begin)
    overlap, gap = ([x] for x in next(iterates))
    error, status = math.inf, Status.MAX_STEPS
    for _ in range(max_steps):
        q, rest = next(iterates)
        if not (math.isfinite(q) and math.isfinite(rest)):
            raise NumericalError(
                f"state evolution of {eos.model!r} is not finite after {len(overlap)} steps",
                "fixed_points does not need its steps",
                partial=StateEvolution(np.array(overlap), np.array(gap), False, start),
            )
        overlap.append(q)
        gap.append(rest)
        error = eos.error_of_last(intensity, strength, overlap, gap, tolerance)
        if math.isfinite(error):
            status = Status.CONVERGED
            break
        if eos.stalled(overlap, gap):
            status = Status.STALLED
            break
    values = np.array(overlap)
    second = eos.provided(intensity, strength, values) if eos.two_sided else None
    return StateEvolution(values, np.array(gap), status is Status.CONVERGED, start, error, status, second)


def _checked_start(start: str | float, rho: float) -> str | float:
    """Return where state evolution starts, a name or an overlap."""
    if isinstance(start, str):
        if start not in ("uninformed", "informed"):
            raise unknown_name("start", start, ["uninformed", "informed"])
        return start
    begin = as_float("start", start, f"in [0, {rho:g}] (or uninformed, informed)")
    if not 0 <= begin <= rho:
        raise InputError(f"start must be uninformed, informed or an overlap in [0, {rho:g}], got {told(start)}")
    return begin
