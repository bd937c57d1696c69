"""The error of a sampler over a range of controls, as a curve."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model, Target
from amp_theory.phases.accuracy.met import Met, beyond_target, check_order_of_errors
from amp_theory.phases.accuracy.sampling_error import LAW, PATHS, infinite_because
from amp_theory.phases.diagram.compute import check_range, default_range
from amp_theory.phases.geometry.solved import check_pair, geometry_of
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import integer_between
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ResultTable

#: controls of a curve at most
MOST_POINTS = 10_000


@dataclass(frozen=True, eq=False)
class ErrorCurve(Reported):
    """The error of a sampler at many controls.

    Parameters
    ----------
    model, path, parameters
        The model and the path by name, and the model's parameters.
    control_name, target
        The name of the control, and whether the measure is planted or random.
    control, nats_per_variable, error
        Controls, KL/N in nats and bounds on its error: arrays of shape (n,), NaN where the equations do not tell.
    relative_entropy_of
        Whether it is that of path measures, or of the law itself.
    reasons
        Why numbers are NaN.

    See Also
    --------
    error_curve : Which returns it, with an example.
    """

    model: str
    path: str
    parameters: dict[str, Any] = field(hash=False)
    control_name: str
    target: str
    control: Array
    nats_per_variable: Array
    error: Array
    relative_entropy_of: str
    reasons: tuple[str, ...]

    @property
    def visible_size(self) -> Array:
        """The numbers of variables from which the sampler can be told from an exact one; infinite for none.

        NaN where nats_per_variable is not above its error bound.
        """
        told = (self.nats_per_variable > self.error) | (self.error == 0)
        with np.errstate(divide="ignore"):
            return np.where(told, 1 / self.nats_per_variable, np.nan)

    @property
    def title(self) -> str:
        """The model with its parameters, the path, and whose error it is."""
        return f"{titled(self.model, self.parameters, self.path)}, sampling error of the {self.target} measure"

    def report(self) -> str:
        """Return a readable text."""
        lines = [self.title, f"  {self.control_name:<16}{'nats per variable':>20}{'visible size':>18}"]
        rows = zip(self.control, self.nats_per_variable, self.visible_size, strict=True)
        lines += [f"  {c:<16.9g}{nats:>20.9g}{size:>18.6g}" for c, nats, size in rows]
        return "\n".join([*lines, *(f"  none where {reason}" for reason in self.reasons)])

    def table(self) -> ResultTable:
        """Return the curve as rows."""
        return ResultTable(self.title, {
            self.control_name: self.control.tolist(), "nats_per_variable": self.nats_per_variable.tolist(),
            "error_of_nats_per_variable": self.error.tolist(), "visible_size": self.visible_size.tolist(),
        })  # fmt: skip


def error_curve(
    model: Model, path: Path, control_range: tuple[float, float] | None = None, points: int = 101,
    target: Target | None = None,
) -> ErrorCurve:  # fmt: skip
    """Return the error of a sampler with the best efficient denoiser over a range of controls.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    control_range
        (lo, hi), 0 < lo < hi; by default that of the phase diagram.
    points
        The number of controls, >= 2.
    target
        "planted" or "random"; by default "random" where the model has a random counterpart.

    Returns
    -------
    ErrorCurve
        Nats per variable with error bounds.

    Raises
    ------
    InputError
        For a bad argument, or when the default range does not exist.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import Flow, IsingPSpin
    >>> error_curve(IsingPSpin(p=3), Flow(), (0.70, 0.76), points=4).nats_per_variable.round(9).tolist()
    [0.007902259, 0.002067575, 4.803e-06, 0.0]
    """
    check_pair(model, path)
    check_order_of_errors(path)
    special = thresholds(model, path)
    ends = check_range(model, control_range) if control_range is not None else default_range(model, special)
    geo = geometry_of(model, path)
    controls = geo.controls(ends, integer_between("points", points, 2, MOST_POINTS))
    chosen = model.check_target(target)
    intensity = model.intensity(model.check_control(controls))
    iso = geo.coexistence(intensity)
    numbers = np.full((2, len(controls)), np.nan)
    reasons: list[str] = []
    for k, lam in enumerate(intensity.tolist()):
        met = Met.on(geo.at(lam).eos, iso, k)
        reason = beyond_target(model, path, met.eos, lam, chosen) or infinite_because(met)
        if reason:
            reasons += [reason] if reason not in reasons else []
        else:
            numbers[:, k] = met.gap()
    return ErrorCurve(
        path=path.name, model=model.name, parameters=model.parameters, control_name=model.control, target=chosen,
        control=controls, nats_per_variable=numbers[0], error=numbers[1],
        relative_entropy_of=LAW if path.erases else PATHS, reasons=tuple(reasons),
    )  # fmt: skip
