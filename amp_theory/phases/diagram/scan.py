"""A threshold as a function of a parameter of the model, and the parameter at which it ceases to exist."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Flow
from amp_theory.models.base import Model
from amp_theory.phases.geometry.folds import Cusp, fold_curve
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.phases.points.tricritical import cusp_point
from amp_theory.tools.arrays import EPS
from amp_theory.tools.errors import (
    InputError,
    NumericalError,
    answer_of,
    as_float,
    as_list,
    item_of,
    one_of,
    told,
)
from amp_theory.tools.progress import tracked
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import POINTS, Located, MissingPoint, points_table
from amp_theory.tools.roots import crossings
from amp_theory.tools.tables import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: bisections and secant steps at most
STEPS = 80
#: relative step of the parameter for the slope of the tricritical strength
SLOPE_STEP = 1e-5
#: largest coordinates from which the slope at q = 0 is extrapolated, in units of the variance, and how many there are
FIRST_LOOKS, HALVED = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4), 7
#: part of the way to where a threshold exists, and does not, at which the end is checked
NEXT = 0.03


@dataclass(frozen=True)
class ScanCusp(Reported):
    """Where first-order behaviour at zero strength ends: the tricritical point reaches strength zero.

    Parameters
    ----------
    value, error
        The parameter, and an absolute bound on its error.
    control
        The model's control there.

    See Also
    --------
    scan_threshold : Which finds it, with an example.
    """

    value: float
    error: float
    control: float

    def __float__(self) -> float:
        return self.value

    def report(self) -> str:
        """Return the parameter with its error bound, and the control there."""
        return f"value = {self.value:.12g} +- {self.error:.1g}, control = {self.control:.12g}"

    def table(self) -> ResultTable:
        """Return the cusp as one row."""
        return ResultTable("cusp", {"value": [self.value], "error_of_value": [self.error], "control": [self.control]})


@dataclass(frozen=True)
class Scan(Reported):
    """A threshold for many values of a model parameter.

    Parameters
    ----------
    name
        Which threshold.
    values
        The values of the parameter, increasing.
    points
        The threshold for every value, None where it does not exist.
    reasons
        For every value why the threshold does not exist, None where it does.
    cusps
        The parameter values between them at which it appears or disappears.

    See Also
    --------
    scan_threshold : Which returns it, with an example.
    """

    name: str
    values: tuple[float, ...]
    points: tuple[Located | None, ...]
    reasons: tuple[str | None, ...] = field(repr=False)
    cusps: tuple[ScanCusp, ...] = ()

    @property
    def controls(self) -> tuple[float | None, ...]:
        """The threshold's control for every value, None where it does not exist."""
        return tuple(p.control if p is not None else None for p in self.points)

    @property
    def cusp(self) -> ScanCusp | None:
        """The first of the cusps, None if there is none."""
        return self.cusps[0] if self.cusps else None

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Located | MissingPoint]:
        names = next(((p.control_name, p.strength_name) for p in self.points if p is not None), ("control", None))
        for point, reason in zip(self.points, self.reasons, strict=True):
            yield point or MissingPoint(self.name, reason or "", names[0], names[1] or "strength")

    def __getitem__(self, index: int) -> Located | MissingPoint:
        return item_of(tuple(self), index)

    @property
    def title(self) -> str:
        """Which threshold, and for which values."""
        return f"{self.name} for {len(self)} values from {self.values[0]:.6g} to {self.values[-1]:.6g}"

    def report(self) -> str:
        """Return a readable text: the threshold for every value or why there is none, and where it ends."""
        rows = [f"  {value:<14.8g} {point.reason if isinstance(point, MissingPoint) else point}"
                for value, point in zip(self.values, self, strict=True)]  # fmt: skip
        return "\n".join([self.title, *(f"  ends at {cusp}" for cusp in self.cusps), *rows])

    def plot(
        self,
        ax: Axes | None = None,
        *,
        parameter: str = "parameter of the model",
        legend: bool | str = True,
        title: str | bool | None = None,
        style: str | Mapping[str, Any] | None = None,
    ) -> Axes:
        r"""Draw the threshold against the parameter; grey where it does not exist, a star where it ends.

        Parameters
        ----------
        ax
            Where to draw; a new figure by default.
        parameter
            What the horizontal axis is called.
        legend, title, style
            As for `plot_diagram`; title=True tells threshold and values.

        Returns
        -------
        matplotlib.axes.Axes
            Where the picture is.

        Raises
        ------
        InputError
            For an option that does not exist.

        Examples
        --------
        >>> from amp_theory import SpikedMatrix, SparseRademacher
        >>> scan = scan_threshold(lambda rho: SpikedMatrix(SparseRademacher(rho)), "condensation", [0.09, 0.1])
        >>> scan.plot(parameter="sparsity").get_ylabel()
        'condensation: noise $\\Delta$'
        """
        from amp_theory.phases.diagram.scan_picture import plot_scan

        ends = [(cusp.value, cusp.control) for cusp in self.cusps]
        return plot_scan(
            dict(zip(self.values, self, strict=True)), ends, self.name, self.title, ax=ax, parameter=parameter,
            legend=legend, title=title, style=style,
        )  # fmt: skip

    def table(self) -> ResultTable:
        """Return the threshold for every value as rows."""
        return points_table(self.title, [{"value": value} for value in self.values], list(self))


def scan_threshold(
    model_of: Callable[[float], Model], name: str, values: Sequence[float], path: Path | None = None
) -> Scan:
    """Locate a threshold along a parameter of the model, and where it ends.

    Parameters
    ----------
    model_of
        Makes the model from the parameter.
    name
        dynamical, condensation, algorithmic, weak_recovery or tricritical.
    values
        Values of the parameter, increasing, at least two.  Where the threshold exists at one and not at
        the next, the end is solved for.
    path
        The path, of interest for tricritical only; Flow() by default.

    Returns
    -------
    Scan
        The threshold for every value, or why there is none, and its ends.

    Raises
    ------
    InputError
        For an unknown name, values that do not increase, or a model that cannot be made.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> from amp_theory import SpikedMatrix, SparseRademacher
    >>> scan = scan_threshold(lambda rho: SpikedMatrix(SparseRademacher(rho)), "condensation", [0.09, 0.1])
    >>> round(scan.cusp.value, 7)
    0.0964158
    """
    one_of("threshold", name, POINTS)
    if not callable(model_of):
        raise InputError(f"model_of must be a function that makes a model from a value, got {told(model_of)}")
    numbers = tuple(as_float("every value", v) for v in as_list("values", values))
    if len(numbers) < 2 or any(a >= b for a, b in itertools.pairwise(numbers)):
        raise InputError(f"values must be at least two increasing numbers, got {told(values)}")
    way = Flow() if path is None else path
    found = [thresholds(answer_of("model_of", model_of, v), way) for v in tracked(numbers, "values")]
    points = tuple(getattr(f, name) for f in found)
    reasons = tuple(f.reasons.get(name) for f in found)
    cusps = [
        _end(model_of, (numbers[k], numbers[k + 1]))
        for k in range(len(numbers) - 1)
        if name != "weak_recovery" and (points[k] is None) != (points[k + 1] is None)
    ]
    return Scan(name, numbers, points, reasons, tuple(cusps))


def _merging_cusp(model: Model) -> tuple[EquationOfState, Cusp] | None:
    """Return the tricritical point at the least signal, its strength possibly negative; None if there is none."""
    eos = _along_flow(model)
    cusps = [c for c in fold_curve(eos, below=True).cusps if c.merging and c.surface.intensity[0] > 0]
    if not cusps:
        return None
    return eos, min(cusps, key=lambda c: float(c.surface.intensity[0]))


def _along_flow(model: Model) -> EquationOfState:
    """Return the equation of state that continues to negative strength: of two kinds of variables one is seen."""
    return equation_of_state_of(model, Flow(side=model.sides[0]) if model.sides else Flow())


def _strength(model_of: Callable[[float], Model], value: float) -> float:
    """Return the tricritical strength at a value of the parameter, NaN where there is no such point."""
    found = _merging_cusp(answer_of("model_of", model_of, value))
    return float(found[1].surface.strength[0]) if found else float("nan")


def _end(model_of: Callable[[float], Model], bracket: tuple[float, float]) -> ScanCusp:
    """Solve for the parameter at which the tricritical strength is zero (negative: no transition).

    The flow's equation of state, which continues to negative strength, serves every path: at zero strength
    all paths agree.  Where the tricritical point shrinks into q = 0 instead, it is the slope of F there that vanishes.
    """
    inside, outside = bracket if _strength(model_of, bracket[0]) > 0 else bracket[::-1]
    s_in, s_out = _strength(model_of, inside), _strength(model_of, outside)
    if not np.isfinite(s_out):
        shrunk = _end_at_zero(model_of, inside, outside)
        if shrunk is not None:
            return shrunk
    for _ in range(STEPS):
        secant = inside + (outside - inside) * s_in / (s_in - s_out) if np.isfinite(s_out) else np.nan
        low, high = sorted((inside, outside))
        # keep away from the ends, so that the bracket shrinks from both sides
        margin = 1e-3 * (high - low)
        value = float(np.clip(secant, low + margin, high - margin)) if np.isfinite(secant) else 0.5 * (low + high)
        s = _strength(model_of, value)
        if s > 0:
            inside, s_in = value, s
        else:
            outside, s_out = value, s
        if np.isfinite(s_out) and abs(outside - inside) <= 1e-12 * abs(inside):
            break
    found = _merging_cusp(answer_of("model_of", model_of, inside))
    if found is None or not np.isfinite(s_out):
        raise NumericalError(f"the end of the threshold between {bracket[0]:g} and {bracket[1]:g} was not found")
    point = cusp_point(*found)
    step = SLOPE_STEP * (inside - outside) / abs(inside - outside) * abs(inside)
    slope = (_strength(model_of, inside + step) - s_in) / step
    error = abs(point.errors[Flow().strength] / slope) + abs(outside - inside)
    return ScanCusp(inside - s_in / slope, error, point.control)


def _slope_at_zero(model: Model) -> tuple[float, float]:
    """Return dF/dz next to q = 0 at zero strength in units of the variance, with an error; NaN where q = 0 is special.

    It is extrapolated from coordinates that are halved, starting from where that leaves the least error.
    """
    eos = _along_flow(model)
    if not eos.symmetric or not np.isfinite(eos.start):
        return float("nan"), float("nan")
    unit = 1 / eos.prior.variance
    best = float("nan"), float("inf")
    for first in FIRST_LOOKS:
        z = first * unit * np.array([0.5**n for n in range(HALVED)])
        f = eos.surface(z, 0.0, with_energy=False)
        column = f.fold_z * unit
        noise = 8 * float(np.max((eos.errors(f).fold_z + EPS / z) * unit))
        for order in range(1, HALVED):
            last, column = column, column[1:] + (column[1:] - column[:-1]) / (2**order - 1)
        error = abs(float(column[0] - last[-1])) + noise
        if error < best[1]:
            best = float(column[0]), error
    return best


def _end_at_zero(model_of: Callable[[float], Model], inside: float, outside: float) -> ScanCusp | None:
    """Solve for the parameter at which F no longer falls next to q = 0; None if the tricritical point ends otherwise.

    Where F falls there, the intensity does, and a second branch begins by a jump.
    """

    def slope(value: float) -> float:
        return _slope_at_zero(answer_of("model_of", model_of, value))[0]

    ends = sorted((inside, outside))
    falls = slope(inside)
    if not falls < 0 < slope(outside):
        return None
    rising = inside < outside
    value = float(crossings(lambda x, _: np.array([slope(float(v)) for v in x]), *np.array(ends)[:, None])[0])
    step = SLOPE_STEP * abs(inside - outside)
    low, high = (slope(value + sign * step) for sign in (-1, 1))
    noise = _slope_at_zero(answer_of("model_of", model_of, value))[1]
    error = noise * 2 * step / abs(high - low) + 4 * EPS * abs(value)
    # the tricritical point is there on one side only, however close
    near = value + NEXT * (inside - value), value + NEXT * (outside - value)
    if not _strength(model_of, near[0]) > 0 or _strength(model_of, near[1]) > 0 or (high > low) != rising:
        return None
    eos = _along_flow(answer_of("model_of", model_of, value))
    return ScanCusp(value, error, float(eos.model.from_intensity(np.array(eos.start))))
