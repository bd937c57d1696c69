r"""The normal form of the equation of state next to a tricritical point: how spinodals and first-order line open.

With F = dF/dz = 0 at the point (equations_of_state/dense.py) the surface lambda(z, s) of fixed points has there

    d lambda/dz = d^2 lambda/dz^2 = 0,   l_s = d lambda/ds = drift/A' < 0,   l_zs = F_s/A',   l_zzz = F_zz/A' > 0.

Solved for the strength at a fixed intensity lambda_c + delta, and with u = z - z_c,

    s = s_c + delta/l_s - kappa u delta + g u^3 + ...,    kappa = l_zs/l_s^2,   g = -l_zzz/(6 l_s) > 0;

the terms left out are smaller by sqrt(delta) if u ~ sqrt(delta).  For kappa delta > 0 this is a van der Waals loop.
That side is the one of more signal, delta > 0, if F_s > 0, as along flows; if F_s < 0, which happens on autoregressive
paths at large overlaps, it is the other one.  With delta and kappa in absolute values, but for the sign of the term
delta/l_s:

- Spinodals, ds/du = 0:  u = +- r sqrt(delta), r^2 = kappa/(3 g) = -2 l_zs/(l_s l_zzz), and
  s = s_c + delta/l_s -+ (2/3) kappa r delta^(3/2).  The upper sign is the informed spinodal: the upper branch begins
  there, at the smaller strength.  Where a branch ends the overlap jumps to the loop's third zero, -+ 2 r sqrt(delta).
- First-order line: d phi/dq = xi''(G - q)/2 is odd in u to this order, so that equal free entropies are equal areas:
  u = +- sqrt(3) r sqrt(delta), s = s_c + delta/l_s + O(delta^2).

The overlap follows as q - q_c = q_z u.  The control enters by delta = abs(lambda') epsilon + O(epsilon^2), lambda' the
slope d lambda/d control at the tricritical point and epsilon the distance from it into the side with transitions; a
path whose public strength w is a function of s contributes the factor w' = dw/ds.  Hence

    overlap of spinodals:       q = q_c +- a sqrt(epsilon) + O(epsilon),     a = q_z r sqrt(abs(lambda'))
    overlap, first order:       q = q_c +- sqrt(3) a sqrt(epsilon) + O(epsilon)
    strength, first order:      w = w_c + b epsilon + O(epsilon^2),          b = +- abs(lambda') w'/l_s for F_s > 0, < 0
    strength of spinodals:      w = w_c + b epsilon -+ c epsilon^(3/2) + O(epsilon^2),
                                c = (2/3) kappa r abs(lambda')^(3/2) w'.

These are the exponents of mean field, as at the critical point of the van der Waals gas (L. D. Landau and
E. M. Lifshitz, Statistical Physics, chapter on the critical point).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.own_names import resolved
from amp_theory.phases.geometry.folds import CUSP_ACCURACY, Cusp, polished
from amp_theory.phases.geometry.solved import SAFETY, geometry_of
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.phases.points.tricritical import sorted_cusps
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, NumericalError, as_array, as_float, integer_between
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Located, titled
from amp_theory.tools.tables import ResultTable, of_rows

#: steps of numerical derivatives: in the coordinate, relative, between these; in the strength; in the control, relative
LEAST_STEP, MOST_STEP, STRENGTH_STEP, CONTROL_STEP = 5e-4, 4e-3, 2e-3, 2e-3
#: steps for the sensitivity to the cusp's position
SHIFT = 1e-3
#: relative error of a coefficient beyond which it is not returned
WORST = 0.05
#: the largest control at which the lines are evaluated
FARTHEST = 1e100


@dataclass(frozen=True)
class Coefficient(Reported):
    """A number with an absolute bound on its error.

    Parameters
    ----------
    value, error
        The number, and the bound >= 0.

    Examples
    --------
    >>> print(Coefficient(0.5, 1e-9).times(-2))
    -1 +- 2e-09
    """

    value: float
    error: float

    def __float__(self) -> float:
        return self.value

    def report(self) -> str:
        """Return the number with its error bound."""
        return f"{self.value:.12g} +- {self.error:.1g}"

    def table(self) -> ResultTable:
        """Return the number and its error bound as one row."""
        return ResultTable("coefficient", {"value": [self.value], "error_of_value": [self.error]})

    def times(self, factor: float) -> Coefficient:
        """Return a multiple.

        Parameters
        ----------
        factor
            A finite number.

        Returns
        -------
        Coefficient
            With its bound.

        Raises
        ------
        InputError
            If the factor is no number.
        """
        number = as_float("factor", factor)
        return Coefficient(number * self.value, abs(number) * self.error)


@dataclass(frozen=True)
class TricriticalExpansion(Reported):
    """The leading terms of the three lines next to a tricritical point.

    epsilon is the distance of the control from the tricritical point into the side with transitions; `direction` is the
    sign of that change of the control.  It is mostly towards easier inference; on autoregressive paths the line may
    also end on that side.  Errors are absolute bounds.

    Attributes
    ----------
    model, path, parameters
        The model and the path by name, and the model's parameters.
    control, strength
        The names of control and strength.
    direction
        +1 or -1: the sign of the change of control that opens the loop.
    point
        The tricritical point.
    overlap_opening
        a: the overlaps of the spinodals are q_c +- a sqrt(epsilon), upper sign for the informed one.
    strength_slope
        b: all three lines have the strength w_c + b epsilon to this order.
    strength_opening
        c: the spinodals have w_c + b epsilon -+ c epsilon^(3/2), upper sign for the informed one.

    See Also
    --------
    tricritical_expansion : Which returns it, with an example.
    """

    model: str
    path: str
    parameters: dict[str, Any] = field(hash=False)
    control: str
    strength: str
    direction: int
    point: Located
    overlap_opening: Coefficient
    strength_slope: Coefficient
    strength_opening: Coefficient

    #: the powers of epsilon with which overlaps and strengths of the two spinodals part
    overlap_exponent = 0.5
    strength_exponent = 1.5

    @property
    def first_order_opening(self) -> Coefficient:
        """The overlaps of the two branches on the first-order line are q_c +- this sqrt(epsilon): sqrt(3) a."""
        return self.overlap_opening.times(math.sqrt(3))

    @property
    def first_order_jump(self) -> Coefficient:
        """The jump of the overlap on the first-order line is this times sqrt(epsilon): 2 sqrt(3) a."""
        return self.overlap_opening.times(2 * math.sqrt(3))

    @property
    def spinodal_jump(self) -> Coefficient:
        """The jump of the overlap where a branch ends, at a spinodal, is this times sqrt(epsilon): 3 a."""
        return self.overlap_opening.times(3.0)

    def lines(
        self, control: npt.ArrayLike | None = None, **named: npt.ArrayLike
    ) -> dict[str, dict[str, Array]]:  # fmt: skip
        """Return the leading terms of the three lines at controls on the side with transitions.

        Parameters
        ----------
        control, **named
            Controls, any shape; also under the model's own name, as temperature=0.66.

        Returns
        -------
        dict
            informed_spinodal, first_order and uninformed_spinodal -> control, strength, overlap (and lower_overlap on
            the first-order line) under their own names; strengths up to O(epsilon^2), overlaps up to O(epsilon).

        Raises
        ------
        InputError
            If a control lies on the other side, where there is no transition.

        Examples
        --------
        >>> from amp_theory import Flow, SphericalPSpin, tricritical_expansion
        >>> lines = tricritical_expansion(SphericalPSpin(p=3), Flow()).lines(0.66)
        >>> [round(float(line["snr"]), 6) for line in lines.values()]
        [0.115867, 0.1175, 0.119133]
        """
        side = "<=" if self.direction < 0 else ">="
        control = resolved({"control": self.control}, {"control": control}, named)["control"]
        values = as_array(self.control, control, f"{side} {self.point.control:.12g}")
        epsilon = self.direction * (values - self.point.control)
        good = (epsilon >= 0) & (values > 0) & (values <= FARTHEST)
        if not np.all(good):
            bad = values[~good].ravel()[0]
            raise InputError(f"transitions are at {self.control} {side} {self.point.control:.12g} only, got {bad:g}")
        assert self.point.strength is not None
        middle = self.point.strength + self.strength_slope.value * epsilon
        split = self.strength_opening.value * epsilon**self.strength_exponent
        opening = self.overlap_opening.value * epsilon**self.overlap_exponent
        wide = self.first_order_opening.value * epsilon**self.overlap_exponent
        q = self.point.overlap
        at = {self.control: values}
        return {
            "informed_spinodal": {**at, self.strength: middle - split, "overlap": q + opening},
            "first_order": {**at, self.strength: middle, "overlap": q + wide, "lower_overlap": q - wide},
            "uninformed_spinodal": {**at, self.strength: middle + split, "overlap": q - opening},
        }

    @property
    def _numbers(self) -> dict[str, Coefficient]:
        names = ("overlap_opening", "strength_slope", "strength_opening", "first_order_jump", "spinodal_jump")
        return {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        numbers = self._numbers
        return {
            "model": self.model, "parameters": self.parameters, "path": self.path, "control": self.control,
            "strength": self.strength, "direction": self.direction, "tricritical": self.point.to_dict(),
            **{name: number.value for name, number in numbers.items()},
            "error": {name: number.error for name, number in numbers.items()},
            "exponents": {"overlap": self.overlap_exponent, "strength": self.strength_exponent},
        }  # fmt: skip

    def _rows(self) -> list[tuple[str, str]]:
        w, sign = self.strength, "-" if self.direction < 0 else ""
        return [
            ("tricritical", str(self.point)),
            ("epsilon", f"{sign}({self.control} - {self.point.control:.12g}) > 0 has the transitions"),
            ("spinodals", "overlap = q_c +- a epsilon^(1/2), " + f"{w} = {w}_c + b epsilon -+ c epsilon^(3/2)"),
            ("first order", f"overlap = q_c +- sqrt(3) a epsilon^(1/2), {w} = {w}_c + b epsilon"),
            ("a", str(self.overlap_opening)),
            ("b", str(self.strength_slope)),
            ("c", str(self.strength_opening)),
            ("jump, first order", f"2 sqrt(3) a = {self.first_order_jump}, times epsilon^(1/2)"),
            ("jump, spinodals", f"3 a = {self.spinodal_jump}, times epsilon^(1/2)"),
        ]

    @property
    def _title(self) -> str:
        return f"{titled(self.model, self.parameters, self.path)}: next to the tricritical point"

    def report(self) -> str:
        """Return a readable text."""
        return "\n".join([self._title, *(f"  {name:<18} {text}" for name, text in self._rows())])

    def table(self) -> ResultTable:
        """Return the coefficients as rows, with the power of epsilon that each belongs to."""
        half, slope, opening = self.overlap_exponent, 1.0, self.strength_exponent
        powers = (half, slope, opening, half, half)
        rows = [(n, x.value, x.error, p) for (n, x), p in zip(self._numbers.items(), powers, strict=True)]
        return of_rows(self._title, ["coefficient", "value", "error_of_value", "power_of_epsilon"], rows)


def tricritical_expansion(model: Model, path: Path, number: int = 0) -> TricriticalExpansion:
    """Return the normal form of the equation of state at a tricritical point: how the three lines open from it.

    It is derived on top of this module; the exponents are those of L. D. Landau and E. M. Lifshitz, Statistical
    Physics, chapter on the critical point.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    number
        0 for `thresholds(model, path).tricritical`, 1 and so on for its `further_tricritical`.

    Returns
    -------
    TricriticalExpansion
        The coefficients with their error bounds; the normal form stands on top of this module.

    Raises
    ------
    InputError
        If there is no such tricritical point, with the reason.
    NumericalError
        If a coefficient is not known to 5 %: the loop is nearly of higher order.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin
    >>> expansion = tricritical_expansion(SphericalPSpin(p=3), Flow())
    >>> numbers = expansion.overlap_opening, expansion.strength_slope, expansion.strength_opening
    >>> print(*(f"{float(x):.8f}" for x in numbers))  # a = 2/3, b = -9/8, c = 3
    0.66666667 -1.12500000 3.00000000
    """
    number = integer_between("number", number, 0, 1000)
    geo = geometry_of(model, path)
    cusps = sorted_cusps(geo)
    if number >= len(cusps):
        which = f"number must be at most {len(cusps) - 1}, got {number}"
        reason = thresholds(model, path).reasons.get("tricritical", which)
        raise InputError(f"{model.name} has no {'further ' * bool(cusps)}tricritical point along {path.name}: {reason}")
    point, cusp = cusps[number]
    eos, cusp = _localised(geo.eos, cusp)
    opening = 1 if cusp.surface.fold_s[0] > 0 else -1
    a, b, c = _coefficients(eos, cusp)
    direction = opening if model.easier == "up" else -opening
    return TricriticalExpansion(
        model=model.name, path=path.name, parameters=model.parameters, control=model.control, strength=path.strength,
        direction=direction, point=point, overlap_opening=a, strength_slope=b.times(opening), strength_opening=c,
    )  # fmt: skip


def _localised(eos: EquationOfState, cusp: Cusp) -> tuple[EquationOfState, Cusp]:
    """Return the most accurate equation of state next to a cusp, and the cusp on it."""
    local = eos.localised(float(cusp.surface.coordinate[0]), float(cusp.surface.strength[0]))
    return (eos, cusp) if local is eos else (local, polished(local, cusp))


#: what the coefficients are made of, and the powers with which it enters a, b and c: dq/dz, drift, F_s, F_zz, A',
#: abs(lambda') and dw/ds
PARTS = ("overlap_z", "drift", "fold_s", "fold_zz", "slope", "scale", "public")
POWERS = np.array([
    [1.0, -0.5, 0.5, -0.5, 0.5, 0.5, 0.0],
    [0.0, -1.0, 0.0, 0.0, 1.0, 1.0, 1.0],
    [0.0, -2.5, 1.5, -0.5, 1.5, 1.5, 1.0],
])  # fmt: skip
FACTORS = np.array([math.sqrt(2), -1.0, 2 * math.sqrt(2) / 3])


def _coefficients(eos: EquationOfState, cusp: Cusp) -> tuple[Coefficient, Coefficient, Coefficient]:
    """Return a, b and c for F_s > 0, with error bounds: of their parts, and of the cusp's position."""
    z, s = float(cusp.surface.coordinate[0]), float(cusp.surface.strength[0])
    step = _step(eos, z, s)
    parts, relative = _parts(eos, z, s, step), _relative_errors(eos, z, s, step)
    if not np.all(np.isfinite(parts) & (parts > 0)):
        raise NumericalError(
            f"no loop opens at the tricritical point of {eos.model!r}: {dict(zip(PARTS, parts, strict=True))}",
            "parameters a little further from those of a higher-order point may help",
            partial=parts,
        )
    values = FACTORS * np.exp(POWERS @ np.log(parts))
    dz, ds = _position_errors(eos, z, s, parts)
    for error, shift in ((dz, (SHIFT * z, 0.0)), (ds, (0.0, SHIFT * _strength_scale(z, s)))):
        moved = _parts(eos, z + shift[0], s + shift[1], step)
        relative = relative + np.abs(moved / parts - 1) * error / max(shift)
    error = np.abs(values) * (np.abs(POWERS) @ relative + 16 * EPS)
    if np.any(error > WORST * np.abs(values)):
        raise NumericalError(
            f"the coefficients at the tricritical point of {eos.model!r} are known only up to {error / np.abs(values)}",
            "change a parameter if its loop is nearly of higher order, or the accuracy of its equation of state",
            partial=values,
        )
    a, b, c = (Coefficient(float(v), float(SAFETY * e)) for v, e in zip(values, error, strict=True))
    return a, b, c


def _step(eos: EquationOfState, z: float, s: float) -> float:
    """Return the step in z, relative, whose errors by noise and by the sixth power of the step are alike."""
    f = eos.surface(np.array([z]), np.array([s]))
    noise = float(eos.errors(f).fold_z[0]) / (z * abs(_fold_zz(eos, z, s, MOST_STEP)))
    return float(np.clip(noise ** (1 / 7), LEAST_STEP, MOST_STEP))


def _parts(eos: EquationOfState, z: float, s: float, step: float) -> Array:
    """Return the parts of the coefficients in absolute value; F_zz > 0 at a cusp where stable branches merge."""
    f = eos.surface(np.array([z]), np.array([s]), with_energy=False)
    return np.array([
        f.overlap_z[0], -f.drift[0], abs(f.fold_s[0]), _fold_zz(eos, z, s, step), f.scaled_slope[0],
        _scale(eos.model, float(f.intensity[0]), CONTROL_STEP), float(eos.path.public_slope(f.strength)[0]),
    ])  # fmt: skip


def _relative_errors(eos: EquationOfState, z: float, s: float, step: float) -> Array:
    """Bound the relative errors of the parts by numerical derivatives, with twice the step where they are ones."""
    f = eos.surface(np.array([z]), np.array([s]))
    bounds = eos.errors(f)
    h, e = step * z, STRENGTH_STEP * _strength_scale(z, s)
    along_z = eos.surface(z + h * STENCIL, np.full(len(STENCIL), s), with_energy=False)
    along_s = eos.surface(np.full(len(STENCIL), z), s + e * STENCIL, with_energy=False)
    slope, fold_zz = float(f.scaled_slope[0]), _fold_zz(eos, z, s, step)
    intensity = float(f.intensity[0])
    scale = _scale(eos.model, intensity, CONTROL_STEP)
    absolute = np.array([
        abs(_slope(along_z.overlap, h) - f.overlap_z[0]) + bounds.overlap[0] / h,
        abs(_slope(along_s.intensity, e) * slope - f.drift[0]) + bounds.signal[0] / e,
        abs(_slope(along_s.fold, e) - f.fold_s[0]) + bounds.fold[0] / e,
        abs(_fold_zz(eos, z, s, 2 * step) - fold_zz) + bounds.fold_z[0] / h,
        slope * bounds.intensity[0] / intensity,
        abs(_scale(eos.model, intensity, 2 * CONTROL_STEP) - scale) + EPS * scale / CONTROL_STEP,
        EPS * float(eos.path.public_slope(f.strength)[0]),
    ])  # fmt: skip
    return np.asarray(absolute / np.abs(_parts(eos, z, s, step)))


#: positions, in steps, and weights of the central difference of sixth order
STENCIL = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
WEIGHTS = np.array([-1.0, 9.0, -45.0, 45.0, -9.0, 1.0]) / 60


def _slope(values: Array, step: float) -> float:
    """Return the derivative of a function from its values on the stencil, up to O(step^6)."""
    return float(WEIGHTS @ values) / step


def _fold_zz(eos: EquationOfState, z: float, s: float, step: float) -> float:
    """Return d^2F/dz^2, by a step relative to z."""
    f = eos.surface(z * (1 + step * STENCIL), np.full(len(STENCIL), s), with_energy=False)
    return _slope(f.fold_z, step * z)


def _strength_scale(z: float, s: float) -> float:
    """Return the size that steps of the strength are measured by."""
    return max(abs(s), 1e-3 * z)


def _scale(model: Model, intensity: float, step: float) -> float:
    """Return abs(d intensity/d control), by a step relative to the control."""
    control = float(model.from_intensity(np.array(intensity)))
    return abs(_slope(model.intensity(control * (1 + step * STENCIL)), step * control))


def _position_errors(eos: EquationOfState, z: float, s: float, parts: Array) -> tuple[float, float]:
    """Bound the errors of a cusp's coordinate and strength, as `tricritical.cusp_point` does."""
    f = eos.surface(np.array([z]), np.array([s]))
    bounds, e = eos.errors(f), STRENGTH_STEP * _strength_scale(z, s)
    fold_zs = _slope(eos.surface(np.full(len(STENCIL), z), s + e * STENCIL, with_energy=False).fold_z, e)
    ds = float(bounds.fold[0] / abs(f.fold_s[0])) + 4 * EPS * abs(s)
    dz = float((bounds.fold_z[0] + abs(fold_zs) * ds) / parts[PARTS.index("fold_zz")]) + CUSP_ACCURACY * z
    return dz, ds
