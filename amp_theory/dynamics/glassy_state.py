"""One glassy state at one control, as users see it."""

from __future__ import annotations

from dataclasses import dataclass, field

from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ERROR, ResultTable


@dataclass(frozen=True)
class GlassyState(Reported):
    """A one-step glassy state without overlap with the signal.

    Parameters
    ----------
    kind
        "threshold", "most_numerous", "static" or "least_responsive".
    control, control_name
        Where, in the model's units.
    overlap, parisi
        The overlap q within the state, between 0 and the prior's second moment, and its Parisi parameter x in (0, 1].
    complexity
        The logarithm of the number of such states per variable, in nats.
    response
        chi = <s2>_x - (1 - x) q.
    gain, fast_gain
        rho xi''(0) chi and rho xi''(0) (<s2>_x - q): an overlap with the signal grows where it is more than 1.
    outer
        Whether blocks of states without overlap are stable, xi''(0) chi^2 < 1; if not, the equations do not stand.
    errors
        Absolute bounds by name.

    See Also
    --------
    threshold_states : Whose result returns it, with an example.
    """

    kind: str
    control: float
    control_name: str
    overlap: float
    parisi: float
    complexity: float
    response: float
    gain: float
    fast_gain: float
    outer: bool
    errors: dict[str, float] = field(hash=False)

    @property
    def visible_size(self) -> float | None:
        """The number of variables at which as many as e such states are expected; None where they are not many."""
        return 1 / self.complexity if self.complexity > self.errors["complexity"] else None

    def report(self) -> str:
        """Return a readable text: all numbers with their errors."""
        title = f"{self.kind} state at {self.control_name} = {self.control:.10g} (heuristic)"
        lines = [f"  {name:<11} {getattr(self, name):.12g} +- {error:.1g}" for name, error in self.errors.items()]
        blocks = f"  blocks of states without overlap are {'stable' if self.outer else 'unstable'}"
        return "\n".join([title, *lines, blocks])

    def table(self) -> ResultTable:
        """Return the numbers as one row, with their errors."""
        columns: dict[str, list[object]] = {"kind": [self.kind], self.control_name: [self.control]}
        for name, error in self.errors.items():
            columns |= {name: [getattr(self, name)], ERROR + name: [error]}
        return ResultTable(f"{self.kind} state", columns)
