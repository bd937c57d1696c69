r"""The error of the efficient denoiser next to a tricritical point: KL/N = k epsilon^2 + ..., from the normal form.

In the loop of `expansion`, u = r sqrt(delta) v and s - s_m = kappa r delta^(3/2) (v^3/3 - v): the branches part at
equal areas, v = +-sqrt(3), and the lower one ends at v = -1, where the other is at v = 2.  Between these strengths

    int (v_upper - v_lower) d(v^3/3 - v) = [v^4/4 - v^2/2] from sqrt(3) to 2, less the same from -sqrt(3) to -1 = 9/4,

hence KL/N = (9/4) kappa r^2 delta^2 d Psi_s/dz = (27/8) a c epsilon^2 d(dPsi/dw)/dq, w the public strength: 27 a c/16
along flows, where dPsi/dw = q/2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.own_names import resolved
from amp_theory.phases.accuracy.met import check_order_of_errors
from amp_theory.phases.geometry.solved import check_pair, geometry_of
from amp_theory.phases.points.expansion import Coefficient, TricriticalExpansion, tricritical_expansion
from amp_theory.phases.points.tricritical import sorted_cusps
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Located, titled
from amp_theory.tools.tables import ResultTable

#: (27/8) a c d(dPsi/dw)/dq, and the relative step of that derivative
FACTOR, STEP = 27 / 8, 2e-3


@dataclass(frozen=True)
class LeadingError(Reported):
    """The leading term of a sampler's error next to a tricritical point: coefficient times epsilon^2.

    Parameters
    ----------
    model, path, parameters
        The model and the path by name, and the model's parameters.
    control
        The name of the control.
    direction
        +1 or -1: the sign of the change of control that leads to the side with transitions.
    point
        The tricritical point.
    coefficient
        Nats per variable over the square of the distance of the control from the point.

    See Also
    --------
    leading_error : Which returns it, with an example.
    """

    model: str
    path: str
    parameters: dict[str, Any] = field(hash=False)
    control: str
    direction: int
    point: Located
    coefficient: Coefficient

    #: the power of the distance
    power = 2

    def nats_per_variable(self, control: npt.ArrayLike | None = None, **named: npt.ArrayLike) -> Array:
        """Return the leading term at controls; zero on the side without transitions.

        Parameters
        ----------
        control, **named
            Controls > 0, any shape; also under the model's own name, as temperature=0.70.

        Returns
        -------
        array
            Nats per variable, of the same shape.

        Raises
        ------
        InputError
            If a control is none.

        Examples
        --------
        >>> from amp_theory import Flow, SphericalPSpin
        >>> leading_error(SphericalPSpin(p=3), Flow()).nats_per_variable([0.66, 0.67]).round(9).tolist()
        [0.00015, 0.0]
        """
        given = resolved({"control": self.control}, {"control": control}, named)["control"]
        values = as_array(self.control, given, "> 0")
        if not np.all(np.isfinite(values) & (values > 0)):
            raise InputError(f"{self.control} must be finite and > 0, got {given!r}")
        distance = np.maximum(self.direction * (values - self.point.control), 0.0)
        return np.asarray(self.coefficient.value * distance**self.power)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "model": self.model, "parameters": self.parameters, "path": self.path, "control": self.control,
            "direction": self.direction, "tricritical": self.point.to_dict(),
            "coefficient": self.coefficient.value, "power": self.power,
            "error": {"coefficient": self.coefficient.error},
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text."""
        sign = "-" if self.direction < 0 else ""
        return "\n".join([
            f"{titled(self.model, self.parameters, self.path)}: error next to the tricritical point",
            f"  tricritical        {self.point}",
            f"  nats per variable  ({self.coefficient}) epsilon^{self.power} + ..., "
            f"epsilon = {sign}({self.control} - {self.point.control:.12g}) > 0",
        ])  # fmt: skip

    def table(self) -> ResultTable:
        """Return the coefficient, its error bound and its power as one row."""
        title = f"{titled(self.model, self.parameters, self.path)}: error next to the tricritical point"
        columns = {"coefficient": [self.coefficient.value], "error_of_coefficient": [self.coefficient.error]}
        return ResultTable(title, {**columns, "power_of_epsilon": [float(self.power)]})


def leading_error(model: Model, path: Path, number: int = 0) -> LeadingError:
    """Return the leading term of a sampler's error next to a tricritical point, where its efficient denoiser fails.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    number
        0 for `thresholds(model, path).tricritical`, 1 and so on for its `further_tricritical`.

    Returns
    -------
    LeadingError
        Power and coefficient, with its error bound.

    Raises
    ------
    InputError
        If there is no such tricritical point, with the reason.
    NumericalError
        If the coefficient is not known to 5 %.

    References
    ----------
    The normal form is that of `tricritical_expansion`: L. D. Landau and E. M. Lifshitz, Statistical Physics.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin
    >>> print(f"{float(leading_error(SphericalPSpin(p=3), Flow()).coefficient):.8f}")  # 27/8
    3.37500000
    """
    check_pair(model, path)
    check_order_of_errors(path)
    found = tricritical_expansion(model, path, number)
    _, cusp = sorted_cusps(geometry_of(model, path))[number]
    eos = geometry_of(model, path).eos
    z, s = float(cusp.surface.coordinate[0]), float(cusp.surface.strength[0])
    eos = eos.localised(z, s)
    slopes = []
    for step in (STEP, 2 * STEP):
        f = eos.surface(z * np.array([1 - step, 1.0, 1 + step]), np.full(3, s))
        slopes.append(float((f.free_entropy_s[2] - f.free_entropy_s[0]) / (2 * step * z * f.overlap_z[1])))
    # the errors of both steps go as their squares
    slope = (4 * slopes[0] - slopes[1]) / 3
    public = float(path.public_slope(np.array(s)))
    value = FACTOR * found.overlap_opening.value * found.strength_opening.value * slope / public
    return LeadingError(
        found.model, found.path, found.parameters, found.control, found.direction, found.point,
        coefficient=Coefficient(value, _bound(found, value, abs(slopes[0] - slopes[1]) / slope)),
    )  # fmt: skip


def _bound(found: TricriticalExpansion, value: float, relative: float) -> float:
    """Return the error bound of the coefficient: of a, of c and of the slope, the last generously."""
    parts = sum(x.error / abs(x.value) for x in (found.overlap_opening, found.strength_opening))
    return value * (parts + relative)
